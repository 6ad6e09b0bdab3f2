"""Two regulations at once: each that holds data or recipient applies, the stricter wins field by field, and the plan says which won."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from building import catalogue, level, policy, request, step_rules, steps
from installation import Site

from extractor.errors import ApprovalError, Refused
from extractor.forms.policy_form import delivered_policies
from extractor.pages.render import plan_text
from extractor.plans.compile import compile_plan
from extractor.plans.explain import explain
from extractor.plans.nodes import ColumnPlan, Plan
from extractor.policy_set import PolicySet, policies_for
from extractor.policy_words import AgreementSubject, RetentionSubject, Side
from extractor.requests import Request, Role, State
from extractor.workflow.agreements import put_text
from extractor.workflow.duties import duties
from extractor.workflow.incidents import incidents, report_as_person
from extractor.workflow.retention import check_floor
from extractor.workflow.standing import standing_of

ON_SEX = "patients.SEX = '1'"
DAY = date(2026, 3, 1)
PLACES = {"fuzhou": "350100", "chongqing": "500100", "sichuan": "510100", "shandong": "370100", "guiyang": "520100"}
ORGANS = {"福州市数字办", "福州市卫健委"}
SHANDONG_ORGANS = {"网信部门", "公安机关", "大数据主管部门"}


def wants(*asks: str, to: str, **changes: Any) -> Request:
    """Return a request of a university that stands and keeps what it receives in the place of a regime."""
    own = {"division": PLACES[to]}
    parts = {"applicant": own | changes.pop("applicant", {}), "safeguards": own | changes.pop("safeguards", {})}
    return request(*asks, **{"population": ON_SEX, **parts, **changes})


def by_place(data: str, to: str, named: tuple[str, ...] = ()) -> PolicySet:
    """Return the policies that apply to data of one regime's place and a recipient in another's, beside those that are named."""
    base = PolicySet(tuple(policy(name) for name in ("baseline", *named)))
    return policies_for(base, delivered_policies(), data=PLACES[data], recipient=(PLACES[to],), day=DAY)


def planned(data: str, asked: Request, *, to: str, named: tuple[str, ...] = (), **fields: dict[str, Any]) -> Plan:
    """Return the plan of a request over the data of one regime's place for a recipient in another's."""
    changes = {name.replace("__", "."): change for name, change in fields.items()}
    return compile_plan(asked, catalogue(data, fields=changes), by_place(data, to, named))


def rules_of(no: pytest.ExceptionInfo[Refused]) -> dict[str, str]:
    """Return the numbers of the listed violations by the rules behind a refusal."""
    return {reason.rule: reason.violation for reason in no.value.reasons}


def sides(here: Site, number: str) -> dict[str, tuple[Side, ...]]:
    """Return which policies a request was submitted under, and for which place."""
    with here.office.store.reading() as tx:
        return {each.regime: each.sides for each in standing_of(tx, number).policies}


def owed(here: Site, number: str) -> dict[str, set[str]]:
    """Return the rules behind what a data user owes, by the evidence that closes it."""
    found = (each.duty for each in duties(here.office, request=number) if each.duty.role is Role.DATA_USER)
    return {duty.evidence.value: {f"{c.regime}.{c.rule}" for c in duty.cited} for duty in found}


def column(plan: Plan, name: str) -> ColumnPlan:
    """Return the decision on a field, given or not."""
    given = [each for table in plan.tables for each in table.columns if each.output == name]
    return (given + [each for each in plan.dropped if each.output.endswith(f".{name}")])[0]


# --- data in Fuzhou, recipient in Chongqing ------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_29_register")
@pytest.mark.clause("fuzhou", "art_29_custodian")
@pytest.mark.clause("chongqing", "art_21_register")
@pytest.mark.clause("chongqing", "art_21_custodian")
def test_chongqing_21_what_a_unit_of_chongqing_receives_from_fuzhou_it_owes_under_both(
    site: Callable[..., Site],
) -> None:
    here = site(division="350100", catalogue=catalogue("fuzhou"))
    number = here.delivered(asked=wants("patients.SEX", to="chongqing"))
    assert sides(here, number) == {"baseline": (), "chongqing": (Side.RECIPIENT,), "fuzhou": (Side.DATA,)}
    assert owed(here, number) == {
        "registration": {"chongqing.art_21_register", "fuzhou.art_29_register"},
        "custodian": {"chongqing.art_21_custodian", "fuzhou.art_29_custodian"},
        "report": {"fuzhou.art_20_report"},
    }


@pytest.mark.clause("fuzhou", "art_18_conditional")
@pytest.mark.clause("fuzhou", "art_18_agreement")
def test_fuzhou_18_the_place_of_the_data_decides_and_not_that_of_the_recipient(site: Callable[..., Site]) -> None:
    here = site(division="350100", catalogue=catalogue("fuzhou"))
    number = here.submit(wants("patients.SEX", to="chongqing"))
    plan = here.plan(number)
    assert steps(plan) == ("operator_review", "agreement_user", "agreement_operator")
    assert step_rules(plan) == {"fuzhou.art_18_conditional"}
    assert plan.agreement.names == ("福州市健康医疗大数据资源使用协议书",)
    assert here.approve(number) is State.APPROVED


@pytest.mark.clause("fuzhou", "art_15_park")
@pytest.mark.clause("chongqing", "art_18_protection")
@pytest.mark.clause("chongqing", "art_16_third_parties")
@pytest.mark.clause("fuzhou", "art_17_scope")
def test_fuzhou_15_requirements_of_both_must_hold_and_each_refusal_has_its_own_number(
    site: Callable[..., Site],
) -> None:
    here = site(division="350100", catalogue=catalogue("fuzhou"))
    wrong = {"applicant": {"industrial_park": False}, "safeguards": {"mlps": 2, "passed_on": True}}
    with pytest.raises(Refused) as no:
        here.submit(wants("admissions.COST", to="chongqing", **wrong))
    expected = {
        "fuzhou.art_15_park": "第三十二条（四）", "fuzhou.art_17_scope": "第三十二条（四）",
        "chongqing.art_16_third_parties": "第二十三条（四）", "chongqing.art_18_protection": "第二十三条（五）",
    }  # fmt: skip
    assert {rule: rules_of(no).get(rule) for rule in expected} == expected
    with pytest.raises(Refused) as no:
        here.submit(wants("admissions.COST", to="fuzhou", **wrong))
    assert not {rule for rule in rules_of(no) if rule.startswith("chongqing.")}
    assert here.submit(wants("admissions.COST", to="chongqing"))


@pytest.mark.clause("chongqing", "art_17_servers")
def test_chongqing_17_its_data_leave_it_for_no_regime_and_what_it_receives_may_come_from_elsewhere() -> None:
    with pytest.raises(Refused) as no:
        planned("chongqing", wants("patients.SEX", to="fuzhou"), to="fuzhou")
    assert "chongqing.art_17_servers" in rules_of(no)
    assert planned("chongqing", wants("patients.SEX", to="chongqing"), to="chongqing").steps
    assert planned("fuzhou", wants("patients.SEX", to="chongqing"), to="chongqing").steps


# --- data in Shandong, recipient in Fuzhou: the stricter wins field by field ------------------------------------------------

RESTRICTED = {"sharing": {"mode": "restricted"}}


@pytest.mark.clause("shandong", "art_11_treatment")
@pytest.mark.clause("fuzhou", "art_16_free_text")
def test_shandong_11_the_stricter_level_wins_and_the_plan_names_what_the_other_would_have_allowed() -> None:
    asked = wants("admissions.NOTE", "admissions.DIAGNOSIS", to="fuzhou")
    plan = planned("shandong", asked, to="fuzhou", admissions__DIAGNOSIS=RESTRICTED)
    treatment = frozenset({"shandong.art_11_treatment"})
    assert level(plan, "admissions.NOTE") == ("redacted", treatment)
    assert level(plan, "admissions.DIAGNOSIS") == ("category_3", treatment)
    yielded = {f"{c.regime}.{c.rule}": y.level for y in column(plan, "NOTE").yielded for c in y.cited}
    assert yielded == {"baseline.free_text": "surrogate", "fuzhou.art_16_free_text": "surrogate"}
    # The other way round Shandong has no say in how what is not open is opened: they are not its data.
    back = planned("fuzhou", wants("admissions.NOTE", to="shandong"), to="shandong")
    assert level(back, "admissions.NOTE") == ("surrogate", frozenset({"baseline.free_text", "fuzhou.art_16_free_text"}))


@pytest.mark.clause("shandong", "art_10_names")
@pytest.mark.clause("fuzhou", "art_16_names")
@pytest.mark.clause("shandong", "art_10_privacy")
@pytest.mark.clause("fuzhou", "art_16_privacy")
def test_shandong_10_where_both_ask_alike_the_plan_names_both() -> None:
    plan = planned("shandong", wants("patients.NAME", "patients.PHONE", "patients.SEX", to="fuzhou"), to="fuzhou")
    assert level(plan, "patients.NAME") == (
        "none",
        frozenset({"baseline.names", "fuzhou.art_16_names", "shandong.art_10_names"}),
    )
    assert level(plan, "patients.PHONE") == (
        "pseudonym", frozenset({"baseline.identifiers", "fuzhou.art_16_privacy", "shandong.art_10_privacy"}),
    )  # fmt: skip


@pytest.mark.clause("shandong", "art_11_treatment")
@pytest.mark.clause("fuzhou", "art_16_free_text")
def test_shandong_11_the_approver_reads_which_regulation_won_and_which_yielded() -> None:
    text = plan_text(explain(planned("shandong", wants("admissions.NOTE", to="fuzhou"), to="fuzhou")))
    about = text[text.index("提供的字段") :]
    assert "山东省人民政府令第335号 第十一条" in about
    assert "榕政综〔2017〕122号 第十六条" in about


@pytest.mark.clause("shandong", "art_19_incident")
@pytest.mark.clause("fuzhou", "art_27_emergency")
def test_shandong_19_what_went_wrong_is_told_to_the_organs_of_both_places(site: Callable[..., Site]) -> None:
    here = site(division="370100", catalogue=catalogue("shandong"))
    number = here.submit(wants("patients.SEX", to="fuzhou"))
    report_as_person(here.office, here.applicant, thing=number, text_digest="sha256:" + 64 * "1")
    stands = incidents(here.office)
    assert len(stands) == 1
    assert set(stands[0].to_tell) >= SHANDONG_ORGANS | ORGANS
    other = here.submit(wants("patients.SEX", to="shandong"))
    report_as_person(here.office, here.applicant, thing=other, text_digest="sha256:" + 64 * "2")
    assert set(incidents(here.office)[1].to_tell) == SHANDONG_ORGANS


# --- data in Sichuan, whose draft is named, recipient in Shandong -------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_19_assessments")
@pytest.mark.clause("shandong", "art_18_risk")
def test_sichuan_19_assessments_of_both_are_asked_for_and_one_kind_is_made_once(site: Callable[..., Site]) -> None:
    here = site("sichuan", division="510100")
    number = here.submit(wants("patients.SEX", to="shandong"))
    asked = {each.kind.value: {f"{c.regime}.{c.rule}" for c in each.cited} for each in here.plan(number).assessments}
    draft = "sichuan.art_19_assessments"
    assert asked == {
        "confidentiality": {draft}, "security_risk": {"shandong.art_18_risk", draft}, "privacy_impact": {draft},
    }  # fmt: skip
    here.sign(number, "operator_review")
    for kind in ("confidentiality", "privacy_impact"):
        here.assess(number, kind)
    with pytest.raises(ApprovalError, match=r"security_risk.*shandong\.art_18_risk.*sichuan\.art_19_assessments"):
        here.sign(number, "sichuan_office_review")
    here.assess(number, "security_risk")
    here.sign(number, "sichuan_office_review")


@pytest.mark.clause("sichuan", "art_19_non_profit")
@pytest.mark.clause("sichuan", "art_21_reported")
@pytest.mark.clause("shandong", "art_12_custodian")
def test_sichuan_19_the_draft_decides_on_its_data_and_the_recipient_owes_what_shandong_asks(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan", division="510100")
    number = here.submit(wants("patients.SEX", to="shandong"))
    assert steps(here.plan(number)) == ("operator_review", "sichuan_office_review", "sichuan_leader_decision")
    assert here.approve(number) is State.APPROVED
    with pytest.raises(Refused) as no:
        here.order(number)
    assert "sichuan.art_21_reported" in rules_of(no)
    here.delivered(number)
    assert owed(here, number).get("custodian") == {"shandong.art_12_custodian"}
    unnamed = site(division="510100", catalogue=catalogue("sichuan"))
    free = unnamed.submit(wants("patients.SEX", to="shandong"))
    assert set(sides(unnamed, free)) == {"baseline", "shandong"}
    assert "sichuan_leader_decision" not in steps(unnamed.plan(free))


# --- two regimes over the same data: chains are joined -------------------------------------------------------------------------


@pytest.mark.clause("shandong", "art_11_conditional")
@pytest.mark.clause("sichuan", "art_19_non_profit")
def test_sichuan_19_chains_are_joined_and_the_parties_agree_last(site: Callable[..., Site]) -> None:
    here = site("shandong", "sichuan", division="370100", catalogue=catalogue("shandong"))
    number = here.submit(wants("patients.SEX", to="shandong"))
    decided = {step.id: f"{step.cited.regime}.{step.cited.rule}" for step in here.plan(number).steps}
    assert list(decided.items()) == [
        ("operator_review", "sichuan.art_19_non_profit"),
        ("sichuan_office_review", "sichuan.art_19_non_profit"),
        ("sichuan_leader_decision", "sichuan.art_19_non_profit"),
        ("agreement_user", "shandong.art_11_conditional"),
        ("agreement_operator", "shandong.art_11_conditional"),
    ]
    assert here.approve(number, before="sichuan_leader_decision") is State.SUBMITTED
    with pytest.raises(ApprovalError, match="the decision is missing"):
        here.sign(number, "agreement_user")
    here.sign(number, "sichuan_leader_decision")
    here.sign(number, "agreement_user")
    assert here.sign(number, "agreement_operator") is State.APPROVED


@pytest.mark.clause("shandong", "art_11_agreement")
@pytest.mark.clause("fuzhou", "art_18_agreement")
def test_shandong_11_one_agreement_holds_the_subjects_of_both(site: Callable[..., Site]) -> None:
    here = site("shandong", division="350100", catalogue=catalogue("fuzhou"))
    number = here.submit(wants("patients.SEX", to="fuzhou"))
    assert set(here.plan(number).agreement.names) == {"福州市健康医疗大数据资源使用协议书", "数据使用协议"}
    # Only Shandong wants conditions, only Fuzhou the term.
    clauses = {subject: subject.value for subject in AgreementSubject}
    text = "\n".join(clauses.values())
    for subject, rule in (("conditions", "shandong.art_11_agreement"), ("term", "fuzhou.art_18_agreement")):
        less = {each: clause for each, clause in clauses.items() if each.value != subject}
        with pytest.raises(Refused) as no:
            put_text(here.office, number, here.applicant, text=text, clauses=less)
        assert set(rules_of(no)) == {rule}
    assert put_text(here.office, number, here.applicant, text=text, clauses=clauses).own_text


@pytest.mark.clause("fuzhou", "art_27_log")
def test_fuzhou_27_the_longer_floor_is_kept(site: Callable[..., Site]) -> None:
    here = site("shandong", "fuzhou")
    both = (here.office.policies,)
    here.clock.set_day(date(2029, 2, 28))
    with pytest.raises(Refused) as no:
        check_floor(here.office, both, RetentionSubject.LOG, thing="log", since=DAY)
    assert set(rules_of(no)) == {"fuzhou.art_27_log"}
    only = PolicySet((policy("baseline"), policy("chongqing")))
    check_floor(here.office, (only,), RetentionSubject.LOG, thing="log", since=DAY)
    here.clock.set_day(date(2029, 3, 1))
    check_floor(here.office, both, RetentionSubject.LOG, thing="log", since=DAY)
