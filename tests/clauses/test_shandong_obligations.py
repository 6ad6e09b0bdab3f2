"""山东省人民政府令第335号, clause by clause: the agreement, the risk assessment, drills, and what the user owes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from building import catalogue, compiled, request
from installation import Site

from extractor.bootstrap import open_office
from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.policy_words import AgreementSubject, AssessmentKind, Evidence
from extractor.requests import State
from extractor.workflow.agreement_text import TITLES
from extractor.workflow.agreements import agreement_of, put_text
from extractor.workflow.assessments import AssessmentResult
from extractor.workflow.downloads import download
from extractor.workflow.duties import duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.restores import drill
from extractor.workflow.settling import settle

SUBJECTS = ("scope", "conditions", "data_products", "confidentiality", "security")
BEIJING = "110000"


def elsewhere(site: Callable[..., Site]) -> Site:
    """Open an installation of a place for whose data no regime stands."""
    return site(division=BEIJING, catalogue=catalogue("baseline", division=BEIJING))


# --- 第十一条: the agreement ---------------------------------------------------------------------------------------------

CLAUSES = {subject: f"第{place}条 {subject.value}" for place, subject in enumerate(AgreementSubject)}
TEXT = "\n".join(CLAUSES.values())


@pytest.mark.clause("shandong", "art_11_agreement")
@pytest.mark.parametrize("missing", SUBJECTS)
def test_shandong_11_an_agreement_without_one_of_the_five_subjects_is_refused(
    site: Callable[..., Site], missing: str
) -> None:
    here = site("shandong")
    number = here.approved()
    five = {AgreementSubject(each): CLAUSES[AgreementSubject(each)] for each in SUBJECTS}
    four = {subject: clause for subject, clause in five.items() if subject.value != missing}
    with pytest.raises(Refused) as no:
        put_text(here.office, number, here.applicant, text=TEXT, clauses=four)
    assert {(r.thing, r.rule, r.article) for r in no.value.reasons} == {
        (f"agreement.{missing}", "shandong.art_11_agreement", "山东省人民政府令第335号 第十一条")
    }
    assert here.state(number) is State.APPROVED
    put_text(here.office, number, here.applicant, text=TEXT, clauses=five)
    # The text that the parties signed is another one now, so that both sign again.
    assert here.state(number) is State.SUBMITTED


@pytest.mark.clause("shandong", "art_11_agreement")
def test_shandong_11_nothing_is_ordered_under_a_text_that_the_parties_have_not_signed(
    site: Callable[..., Site],
) -> None:
    here = site("shandong")
    number = here.approved()
    assert here.plan(number).agreement.names == ("数据使用协议",)
    five = {AgreementSubject(each): CLAUSES[AgreementSubject(each)] for each in SUBJECTS}
    put_text(here.office, number, here.applicant, text=TEXT, clauses=five)
    logged = [entry.rule for entry in here.logged(Verb.AGREE)]
    assert logged == ["shandong.art_11_agreement"] * len(logged)
    with pytest.raises(ApprovalError):
        here.order(number)
    open_fields = compiled(
        "shandong", request("admissions.WARD", regime="shandong", population="admissions.WARD = '1'")
    )
    assert open_fields.agreement.cited == ()


@pytest.mark.parametrize(
    ("rule", "subject", "words"),
    [
        pytest.param(
            "art_11_scope",
            "scope",
            "使用范围限于本方案列明的字段、期限和人员。",
            marks=pytest.mark.clause("shandong", "art_11_scope"),
        ),
        pytest.param(
            "art_11_conditions",
            "conditions",
            "使用条件为申请中承诺的目的、地点和安全保障",
            marks=pytest.mark.clause("shandong", "art_11_conditions"),
        ),
        pytest.param(
            "art_11_products",
            "data_products",
            "数据产品限于申请中载明的成果",
            marks=pytest.mark.clause("shandong", "art_11_products"),
        ),
        pytest.param(
            "art_11_confidentiality",
            "confidentiality",
            "承担保密责任,使用结束后仍然有效。",
            marks=pytest.mark.clause("shandong", "art_11_confidentiality"),
        ),
        pytest.param(
            "art_11_security",
            "security",
            "采取与数据分级相应的安全措施",
            marks=pytest.mark.clause("shandong", "art_11_security"),
        ),
    ],
)
def test_shandong_11_the_text_and_the_package_hold_scope_conditions_products_confidentiality_and_security(
    site: Callable[..., Site], rule: str, subject: str, words: str
) -> None:
    here = site("shandong")
    number = here.sealed()
    with here.office.store.reading() as tx:
        text = agreement_of(here.office, tx, number)[0].text
        printed = tx.find("package")[0].body["cover"]["permitted_use"]
    assert words in chapter(text, AgreementSubject(subject))
    assert any(words in term for term in printed)
    terms = {(t.cited.rule, t.subject) for t in here.plan(number).agreement.terms if t.cited.regime == "shandong"}
    assert (rule, AgreementSubject(subject)) in terms
    other = elsewhere(site)
    plan = other.plan(
        other.submit(request(regime="shandong", applicant={"division": BEIJING}, safeguards={"division": BEIJING}))
    )
    assert not any(words in term for term in plan.terms)


def chapter(text: str, subject: AgreementSubject) -> str:
    """Return what an agreement says under the heading of a subject."""
    return text.partition(f"条 {TITLES[subject]}\n")[2].partition("\n\n")[0]


# --- 第十八条: risk assessment and drill ----------------------------------------------------------------------------------


@pytest.mark.clause("shandong", "art_18_risk")
def test_shandong_18_nothing_runs_before_its_security_risk_was_assessed(site: Callable[..., Site]) -> None:
    here = site("shandong")
    number = here.submit()
    assert here.approve(number, assessed=False) is State.APPROVED
    with pytest.raises(ApprovalError, match="security_risk assessment is missing") as no:
        here.order(number)
    assert "shandong.art_18_risk 山东省人民政府令第335号 第十八条" in no.value.en
    here.assess(number, "security_risk", result=AssessmentResult.FAIL)
    with pytest.raises(ApprovalError, match="did not pass"):
        here.order(number)
    here.assess(number, "security_risk")
    assert [entry.rule for entry in here.logged(Verb.ASSESS)] == ["shandong.art_18_risk"] * 2
    assert here.order(number).request == number


@pytest.mark.clause("shandong", "art_18_risk")
def test_shandong_18_the_assessment_holds_for_a_year_at_most_and_no_other_is_asked_for(
    site: Callable[..., Site],
) -> None:
    here = site("shandong")
    number, day = here.submit(), here.office.today
    assert [(each.kind.value, each.valid_days) for each in here.plan(number).assessments] == [("security_risk", 365)]
    for kind in (AssessmentKind.CONFIDENTIALITY, AssessmentKind.PRIVACY_IMPACT):
        with pytest.raises(ApprovalError, match="asks for no such assessment"):
            here.assess(number, kind)
    with pytest.raises(ApprovalError, match=r"shandong\.art_18_risk"):
        here.assess(number, "security_risk", until=day + timedelta(days=366))
    here.assess(number, "security_risk", until=day + timedelta(days=365))
    here.approve(number, assessed=False)
    here.clock.pass_days(366)
    with pytest.raises(ApprovalError, match="has expired"):
        here.order(number)
    here.assess(number, "security_risk")
    assert here.order(number).request == number


@pytest.mark.clause("shandong", "art_18_drill")
def test_shandong_18_a_drill_restores_the_backup_and_is_on_record_under_the_article(site: Callable[..., Site]) -> None:
    for here, rule in ((site("shandong"), "shandong.art_18_drill"), (elsewhere(site), None)):
        found = drill(here.office, open_home=partial(open_office, clock=here.clock))
        assert found.files > 0
        for verb in (Verb.BACK_UP, Verb.RESTORE):
            assert [(entry.rule, (entry.reason or "").partition(";")[0]) for entry in here.logged(verb)] == [
                (rule, "drill")
            ]


# --- 第十二条: use by law and agreement ------------------------------------------------------------------------------------


def evidence(here: Site, number: str, rule: str) -> list[tuple[Evidence, date, date]]:
    """Return the duties of a request that a rule asks for: closed with what, opened when, due when."""
    found = (each.duty for each in duties(here.office, request=number))
    return [
        (d.evidence, d.opened, d.due) for d in found if (("shandong", rule) in {(c.regime, c.rule) for c in d.cited})
    ]


@pytest.mark.clause("shandong", "art_12_custodian")
def test_shandong_12_who_names_no_custodian_within_a_week_downloads_nothing(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("shandong")
    number = here.delivered()
    first = date(2026, 3, 1)
    assert evidence(here, number, "art_12_custodian") == [(Evidence.CUSTODIAN, first, date(2026, 3, 8))]
    download(here.office, number, here.applicant, out=tmp_path / "1.zip")
    here.clock.set_day(date(2026, 3, 9))
    settle(here.office)
    with pytest.raises(Refused) as late:
        download(here.office, number, here.applicant, out=tmp_path / "2.zip")
    assert {"shandong.art_12_custodian"} == {reason.rule for reason in late.value.reasons}
    assert [entry.rule for entry in here.logged(Verb.BREACH_OPEN)] == ["shandong.art_12_custodian"]


@pytest.mark.clause("shandong", "art_12_custodian")
def test_shandong_12_who_names_a_custodian_in_time_goes_on(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("shandong")
    number = here.delivered()
    owed = [each.duty.number for each in duties(here.office, request=number)]
    assert len(owed) == 1
    facts = {"person": "user-01", "place": "数据安全屋"}
    close_duty(here.office, owed[0], here.applicant, facts=facts)
    assert [entry.rule for entry in here.logged(Verb.DUTY_CLOSE)] == ["shandong.art_12_custodian"]
    here.clock.set_day(date(2026, 3, 9))
    assert not settle(here.office)
    assert download(here.office, number, here.applicant, out=tmp_path / "2.zip").request == number


@pytest.mark.clause("shandong", "art_12_end_of_use")
def test_shandong_12_use_ends_with_the_agreement_and_what_was_given_is_destroyed(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("shandong")
    number = here.delivered(asked=request(regime="shandong", until=date(2026, 3, 5)))
    download(here.office, number, here.applicant, out=tmp_path / "1.zip")
    assert evidence(here, number, "art_12_end_of_use") == []
    here.clock.set_day(date(2026, 3, 6))
    settle(here.office)
    due = date(2026, 3, 12)
    assert evidence(here, number, "art_12_end_of_use") == [(Evidence.DESTRUCTION, date(2026, 3, 6), due)]
    with pytest.raises(Refused) as over:
        download(here.office, number, here.applicant, out=tmp_path / "2.zip")
    assert [(r.rule, r.violation) for r in over.value.reasons] == [("shandong.art_12_end_of_use", "第二十条后段")]
