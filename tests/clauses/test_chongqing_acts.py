"""渝卫发〔2019〕67号 art. 4, 7, 16, 17, 21: the agreement, the grant of the technical service unit, and where anything may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import catalogue, compiled, refusal, refused, request
from installation import UNIT, Site

from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.policy_words import AgreementSubject
from extractor.requests import Role, State
from extractor.workflow.agreements import agreement_of, put_text, signed_agreement
from extractor.workflow.downloads import download
from extractor.workflow.grants import GrantTerms, grants, propose_grant, revoke_grant, sign_grant

BOTH_GRANTS = {"chongqing.art_4_authorised", "chongqing.art_7_grant"}
NAME = "重庆市卫生健康行业健康医疗数据资源资源共享协议书"
ART_16, ART_21 = "渝卫发〔2019〕67号 第十六条", "渝卫发〔2019〕67号 第二十一条"


def rules_of(no: pytest.ExceptionInfo[Refused]) -> set[str]:
    """Return the rules behind a refusal."""
    return {reason.rule for reason in no.value.reasons}


# --- 第十六条、第二十一条: the agreement ------------------------------------------------------------------------------


def text_of(here: Site, number: str) -> tuple[tuple[str, ...], str]:
    """Return names and text of a request's agreement."""
    with here.office.store.reading() as tx:
        made, _, _ = agreement_of(here.office, tx, number)
    return made.names, made.text


def put(here: Site, number: str, *held: AgreementSubject) -> State:
    """Put a text that holds these subjects in the place of the agreement that was made."""
    clauses = {subject: f"({place}) {subject.value}" for place, subject in enumerate(held)}
    put_text(here.office, number, here.applicant, text="\n".join(clauses.values()), clauses=clauses)
    return here.state(number)


@pytest.mark.clause("chongqing", "art_16_agreement")
@pytest.mark.parametrize("subject", ["scope", "no_passing_on", "confidentiality", "security"])
def test_chongqing_16_a_text_without_one_of_its_subjects_is_no_sharing_agreement(
    site: Callable[..., Site], subject: str
) -> None:
    here = site("chongqing")
    number = here.submit()
    names, text = text_of(here, number)
    assert ([name.strip("《》") for name in names], f"《{NAME}》" in text) == ([NAME], True)
    needed = [AgreementSubject(each) for each in ("scope", "no_passing_on", "confidentiality", "security")]
    with pytest.raises(Refused) as no:
        put(here, number, *(each for each in needed if each.value != subject))
    assert [(each.thing, each.rule) for each in no.value.reasons] == [
        (f"agreement.{subject}", "chongqing.art_16_agreement")
    ]
    assert put(here, number, *needed) is State.SUBMITTED


@pytest.mark.clause("chongqing", "art_16_agreement")
def test_chongqing_16_nothing_is_given_before_the_authority_has_signed_the_agreement(
    site: Callable[..., Site],
) -> None:
    here = site("chongqing")
    number = here.submit()
    here.approve(number, before="agreement_authority")
    with here.office.store.reading() as tx, pytest.raises(ApprovalError, match=r"chongqing\.art_16_agreement"):
        signed_agreement(here.office, tx, number, here.plan(number))
    with pytest.raises(ApprovalError):
        here.sign(number, "agreement_authority", by=here.person(Role.OPERATOR))
    assert here.sign(number, "agreement_authority") is State.APPROVED
    with here.office.store.reading() as tx:
        agreed = signed_agreement(here.office, tx, number, here.plan(number))
    assert {each.said for each in (agreed.signatures if agreed else ())} == {"agreement_user", "agreement_authority"}


@pytest.mark.clause("chongqing", "art_16_agreement")
def test_chongqing_16_a_changed_text_must_be_signed_again(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.approved()
    assert put(here, number, *AgreementSubject) is State.SUBMITTED
    changes = [entry for entry in here.logged(Verb.AGREE) if entry.actor == here.applicant.person.id]
    assert [entry.rule for entry in changes] == ["chongqing.art_16_agreement"]
    with pytest.raises(ApprovalError):
        here.order(number)


@pytest.mark.parametrize(
    ("article", "said"),
    [
        pytest.param(
            ART_16, "只能用于本单位履行职责需要,不得用于或变相用于其他目的。", marks=pytest.mark.clause("chongqing", "art_16_use")
        ),
        pytest.param(
            ART_16, "不得直接或以改变数据形式等方式提供给第三方。",
            marks=pytest.mark.clause("chongqing", "art_16_no_passing_on"),
        ),
        pytest.param(
            ART_16, "不得超出申请和被授权的数据使用范围和目的使用和发布数据。",
            marks=pytest.mark.clause("chongqing", "art_16_scope"),
        ),
        pytest.param(
            ART_21, "数据使用方承担所使用数据的安全和保密工作。",
            marks=pytest.mark.clause("chongqing", "art_21_confidentiality"),
        ),
        pytest.param(
            ART_21, "接收数据后登记备案,指定人员跟踪管理,在可控环境下使用。",
            marks=pytest.mark.clause("chongqing", "art_21_security"),
        ),
    ],
)  # fmt: skip
def test_chongqing_16_the_signed_text_and_the_package_say_what_the_data_user_must(
    site: Callable[..., Site], article: str, said: str
) -> None:
    here = site("chongqing")
    number = here.sealed()
    assert f"{said}〔{article}〕" in text_of(here, number)[1]
    with here.office.store.reading() as tx:
        (package,) = tx.find("package")
    assert said in package.body["cover"]["permitted_use"]
    assert said not in compiled((), request(regime="chongqing"), catalogue("chongqing")).terms


@pytest.mark.clause("chongqing", "art_16_recipient_bound")
def test_chongqing_16_only_the_recipient_downloads(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("chongqing")
    number = here.delivered()
    third = here.person(Role.DATA_USER, "第三方公司")
    with pytest.raises(ApprovalError):
        download(here.office, number, third, out=tmp_path / "third.zip")
    entry = here.logged(Verb.DOWNLOAD)[-1]
    assert (entry.actor, entry.rule) == (third.person.id, "chongqing.art_16_recipient_bound")
    assert not (tmp_path / "third.zip").exists()
    assert download(here.office, number, here.applicant, out=tmp_path / "own.zip").file.is_file()


# --- 第四条、第七条: the grant ----------------------------------------------------------------------------------------


def not_ordered(here: Site, number: str) -> dict[str, str]:
    """Return the rules for which a run is not ordered, each with the number of the violation."""
    with pytest.raises(Refused) as no:
        here.order(number)
    assert here.state(number) is State.APPROVED
    return {reason.rule: reason.violation for reason in no.value.reasons}


@pytest.mark.clause("chongqing", "art_4_authorised")
@pytest.mark.clause("chongqing", "art_7_grant")
@pytest.mark.clause("chongqing", "第二十三条（四）")
def test_chongqing_4_a_unit_without_authorisation_runs_nothing(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.approved()
    assert not_ordered(here, number) == dict.fromkeys(BOTH_GRANTS, "第二十三条（四）")
    # What is only proposed, and what another unit was granted, is no authorisation.
    whole = GrantTerms(None, (), here.office.today, None, "sha256:1", "sha256:1", "sha256:1")
    proposed = propose_grant(here.office, here.person(Role.OPERATOR), unit=UNIT, terms=whole)
    other = propose_grant(here.office, here.person(Role.OPERATOR), unit="另一技术单位", terms=whole)
    sign_grant(here.office, other, here.person(Role.AUTHORITY))
    assert set(not_ordered(here, number)) == BOTH_GRANTS
    sign_grant(here.office, proposed, here.person(Role.AUTHORITY))
    assert here.order(number).request == number


@pytest.mark.clause("chongqing", "art_4_authorised")
@pytest.mark.clause("chongqing", "art_7_grant")
def test_chongqing_4_authorisation_counts_within_its_tables_its_term_and_until_it_is_revoked(
    site: Callable[..., Site],
) -> None:
    here = site("chongqing")
    number = here.approved()
    terms = GrantTerms("clauses", ("patients",), here.office.today, None, "sha256:1", "sha256:1", "sha256:1")
    narrow = propose_grant(here.office, here.person(Role.OPERATOR), unit=UNIT, terms=terms)
    sign_grant(here.office, narrow, here.person(Role.AUTHORITY))
    assert set(not_ordered(here, number)) == BOTH_GRANTS  # The run reads admissions too.
    here.grant(until=here.office.today)
    here.clock.pass_days(1)
    assert set(not_ordered(here, number)) == BOTH_GRANTS
    revoked = here.grant()
    revoke_grant(here.office, revoked, here.person(Role.AUTHORITY))
    assert set(not_ordered(here, number)) == BOTH_GRANTS
    last = here.grant()
    assert here.order(number).request == number
    assert [each.grant.number for each in grants(here.office)][-1] == last
    signed = [entry.rule or "" for entry in here.logged(Verb.GRANT)]
    assert all(rule in cited for rule in BOTH_GRANTS for cited in signed)


@pytest.mark.clause("chongqing", "art_7_grant")
@pytest.mark.parametrize("part", ["security_terms", "confidentiality"])
def test_chongqing_7_a_grant_holds_security_and_confidentiality(site: Callable[..., Site], part: str) -> None:
    here = site("chongqing")
    number = here.approved()
    here.grant(**{part: None})
    assert "chongqing.art_7_grant" in not_ordered(here, number)
    here.grant()
    assert here.order(number).request == number


@pytest.mark.clause("chongqing", "art_4_authorised")
def test_chongqing_4_nobody_authorises_themselves(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    here.grant()
    whole = GrantTerms(None, (), here.office.today)
    own = propose_grant(here.office, here.person(Role.TECHNICAL_SERVICE_UNIT), unit=UNIT, terms=whole)
    with pytest.raises(ApprovalError, match="grants nothing to itself"):
        sign_grant(here.office, own, here.person(Role.AUTHORITY, UNIT))
    assert "chongqing.art_4_authorised" in (here.logged(Verb.GRANT)[0].rule or "")


# --- 第十七条: nothing lies outside the municipality ------------------------------------------------------------------


OUTSIDE = ("350100", "510100", "110000", "810000")


@pytest.mark.clause("chongqing", "art_17_servers")
@pytest.mark.clause("chongqing", "第二十三条（七）")
@pytest.mark.parametrize("division", OUTSIDE)
def test_chongqing_17_no_recipient_keeps_it_outside(division: str) -> None:
    reasons = refusal("chongqing", request(regime="chongqing", safeguards={"division": division}))
    assert {(r.thing, r.rule, r.violation) for r in reasons} >= {
        ("safeguards.division", "chongqing.art_17_servers", "第二十三条（七）")
    }
    for inside in ("500000", "500112", "500230"):
        assert not refused("chongqing", request(regime="chongqing", safeguards={"division": inside}))


@pytest.mark.clause("chongqing", "art_17_servers")
@pytest.mark.parametrize("division", OUTSIDE)
def test_chongqing_17_no_source_lies_outside(division: str) -> None:
    whole = catalogue("chongqing")
    first = whole.tables[0]
    moved = replace(first, location=replace(first.location, division=division))
    reasons = refusal("chongqing", request(regime="chongqing"), replace(whole, tables=(moved, *whole.tables[1:])))
    assert ("patients.location.division", "chongqing.art_17_servers") in {(r.thing, r.rule) for r in reasons}
    assert not refused("chongqing", request(regime="chongqing"), whole)


@pytest.mark.clause("chongqing", "art_17_servers")
def test_chongqing_17_no_installation_stands_outside(site: Callable[..., Site]) -> None:
    with pytest.raises(Refused) as no:
        site("chongqing", division="510100")
    assert rules_of(no) == {"chongqing.art_17_servers"}
    assert site("chongqing", division="500112").submit()


@pytest.mark.clause("chongqing", "art_17_servers")
def test_chongqing_17_an_installation_elsewhere_gets_no_data_of_the_municipality(site: Callable[..., Site]) -> None:
    elsewhere = site("fuzhou", catalogue=catalogue("chongqing"))
    with pytest.raises(Refused) as no:
        elsewhere.submit(request(regime="chongqing"))
    assert {"settings.division"} == {r.thing for r in no.value.reasons if r.rule == "chongqing.art_17_servers"}
    refusals = elsewhere.logged(Verb.REFUSE)
    assert "violation chongqing 第二十三条（七）" in (refusals[-1].reason or "")
    # The rule is about the data of the place: what lies elsewhere may go to a recipient in the municipality.
    elsewhere.catalogue = catalogue("fuzhou")
    assert elsewhere.submit(request(regime="chongqing"))


@pytest.mark.clause("chongqing", "art_17_servers")
def test_chongqing_17_an_installation_that_was_moved_away_runs_nothing_more(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number: Any = here.approved()
    here.grant()
    home = here.office
    here.office = replace(home, settings=replace(home.settings, division="510100"))
    with pytest.raises(Refused) as no:
        here.order(number)
    assert rules_of(no) == {"chongqing.art_17_servers"}
    here.office = home
    assert here.order(number).request == number
