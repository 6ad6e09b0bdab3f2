"""What went before a request: renewal, precedent and first are found in the store, whatever the form says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from test_approval import CATALOGUE, REQUEST, Site, site

from extractor.errors import Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.plans.explain import explain
from extractor.plans.nodes import ApprovalStep
from extractor.policy import Cited
from extractor.policy_set import PolicySet
from extractor.policy_words import History
from extractor.requests import (
    ApplicantKind,
    Consent,
    Decision,
    Period,
    PurposeCategory,
    Request,
    Result,
    SharingMode,
    State,
    Subject,
    Variable,
)
from extractor.selection import Selector
from extractor.workflow.approval import judged
from extractor.workflow.history import circumstances_now, history_of
from extractor.workflow.integrity import Debtor, enter_breach

__all__ = ["site"]  # the fixture
TABLES = read_catalogue(Path(CATALOGUE))
EARLIER = "RQ-2025-0001"
AGAIN = replace(REQUEST, renews=EARLIER, until=date(2030, 12, 31))
OTHER = replace(REQUEST, applicant=replace(REQUEST.applicant, name="别的大学", uscc="12350200MB0000001X"))
UNTIL = date(2028, 12, 31)
FIRST, RENEWAL = (History.FIRST, None), (History.RENEWAL, EARLIER)


def stored(site: Site, request: Request = REQUEST, *, state: State = State.DELIVERED, number: str = EARLIER) -> None:
    with site.office.store.transaction() as tx:
        tx.put("request", number, request)
        tx.move("request", number, was=tx.state("request", number), to=state.value)


def decided(
    site: Site, *, number: str = EARLIER, by: str = "health", result: Result = Result.APPROVE, regime: str = "fuzhou"
) -> None:
    """Put a plan for an earlier request whose last step is the authority's, cited by a regime, with its signed decision."""
    actor, usual = site.people[by], judged(site.office, REQUEST).plan
    cited = Cited(regime, "art", "第一条")
    last = ApprovalStep("last", "审定", actor.person.role.value, None, False, cited)
    plan = replace(usual, steps=(*usual.steps[:1], last))
    assert actor.key is not None
    about = Subject(number, plan.request, plan.digest)
    person = actor.person
    word = Decision(
        about, "last", person.id, person.role, person.unit, result, "", site.clock.now, UNTIL, person.public_key
    )
    with site.office.store.transaction() as tx:
        tx.put("plan", number, plan)
        tx.put("decision", f"{number}/last", replace(word, signature=actor.key.sign(word.signed_bytes).hex()))


def found(site: Site, request: Request) -> tuple[History, str | None]:
    with site.office.store.reading() as tx:
        return history_of(site.office, tx, request, TABLES, policies=site.office.policies)


def asking(site: Site, history: History) -> None:
    """Let a regime of the installation have a chain for a history."""
    *others, local = site.office.policies.policies
    chain = replace(local.chains[0], when=Selector(history=(history,)))
    site.office = replace(site.office, policies=PolicySet((*others, replace(local, chains=(chain, *local.chains)))))


def changed(part: str, **changes: Any) -> Request:
    return replace(AGAIN, **{part: replace(getattr(AGAIN, part), **changes)})


def with_level(name: str, level: str) -> Request:
    return replace(
        AGAIN, variables=tuple(replace(v, level=level) if v.field == name else v for v in AGAIN.variables)
    )  # fmt: skip


# --- renewal ---------------------------------------------------------------------------------------------------------


def test_a_request_without_a_past_is_the_first_whatever_it_says(site: Site) -> None:
    assert found(site, REQUEST) == FIRST
    assert found(site, AGAIN) == FIRST
    stored(site)
    assert found(site, REQUEST) == FIRST
    assert found(site, replace(AGAIN, renews="RQ-2025-0002")) == FIRST


@pytest.mark.parametrize("state", State)
def test_only_what_was_delivered_is_renewed(site: Site, state: State) -> None:
    stored(site, state=state)
    assert found(site, AGAIN) == (RENEWAL if state in (State.DELIVERED, State.CLOSED) else FIRST)


def test_a_renewal_after_the_term_is_a_new_application(site: Site) -> None:
    stored(site)
    site.clock.now = datetime(2028, 12, 31, 15, 59, tzinfo=UTC)  # still the last day in China
    assert found(site, AGAIN) == RENEWAL
    site.clock.now = datetime(2028, 12, 31, 16, 0, tzinfo=UTC)
    assert found(site, AGAIN) == FIRST


NARROWER: dict[str, Request] = {
    "fewer fields": replace(AGAIN, variables=AGAIN.variables[:-1]),
    "a coarser level": with_level("BIRTH", "age_band_5"),
    "a shorter period": replace(AGAIN, period=Period(date(2024, 6, 1), date(2024, 12, 31))),
    "the same population in other lines": replace(AGAIN, population=AGAIN.population.replace(" LIKE ", "\n  LIKE ")),
    "other people": replace(AGAIN, people=("user-03",)),
}
WIDER: dict[str, Request] = {
    "a further field": replace(AGAIN, variables=(*AGAIN.variables, Variable("admissions", "NOTE", "redacted", "文本研究"))),
    "a finer level": with_level("BIRTH", "month"),
    "a level that does not exist": with_level("BIRTH", "second"),
    "an earlier first day": replace(AGAIN, period=replace(AGAIN.period, first=date(2023, 12, 31))),
    "a later last day": replace(AGAIN, period=replace(AGAIN.period, last=date(2026, 1, 1))),
    "another population": replace(AGAIN, population="admissions.DIAGNOSIS LIKE 'E1%'"),
    "another project": changed("project", code="EX-2026-002"),
    "another applicant": changed("applicant", uscc="12350200MB0000001X"),
    "another name": changed("applicant", name="示例大学二部"),
    "another kind of applicant": changed("applicant", kind=ApplicantKind.ENTERPRISE),
    "another purpose": changed("purpose", category=PurposeCategory.PRODUCT),
    "for profit": changed("purpose", non_profit=False),
    "consent that was not there": replace(AGAIN, consent=Consent.WRITTEN),
    "another sharing mode": replace(AGAIN, mode=SharingMode.ENCLAVE),
    "abroad": changed("safeguards", division="810000"),
    "passed on": changed("safeguards", passed_on=True),
    "another catalogue": replace(AGAIN, catalogue="another"),
    "a filing": replace(AGAIN, urgent_filing="UF-2026-0001"),
}  # fmt: skip


@pytest.mark.parametrize("name", NARROWER)
def test_what_asks_for_no_more_is_a_renewal(site: Site, name: str) -> None:
    stored(site)
    assert found(site, NARROWER[name]) == RENEWAL


@pytest.mark.parametrize("name", WIDER)
def test_whatever_is_wider_is_a_new_application(site: Site, name: str) -> None:
    stored(site)
    assert found(site, AGAIN) == RENEWAL
    assert found(site, WIDER[name]) == FIRST


# --- precedent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_another_applicants_approved_request_is_a_precedent(site: Site, state: State) -> None:
    stored(site, OTHER, state=state)
    decided(site)
    undecided = (State.SUBMITTED, State.RETURNED, State.REFUSED, State.WITHDRAWN)
    assert found(site, REQUEST) == (FIRST if state in undecided else (History.PRECEDENT, EARLIER))


def test_a_precedent_is_of_the_same_fields_and_purpose_by_another_applicant_and_the_earliest_counts(site: Site) -> None:
    others = (
        replace(OTHER, variables=OTHER.variables[:-1]),
        replace(OTHER, purpose=replace(OTHER.purpose, category=PurposeCategory.PRODUCT)),
        replace(OTHER, purpose=replace(OTHER.purpose, non_profit=False)),
        replace(OTHER, applicant=REQUEST.applicant),
        replace(OTHER, applicant=replace(REQUEST.applicant, uscc=OTHER.applicant.uscc)),
        replace(OTHER, catalogue="another"),
    )
    for at, other in enumerate(others):
        stored(site, other, state=State.CLOSED, number=f"RQ-2025-{at:04d}")
        decided(site, number=f"RQ-2025-{at:04d}")
    assert found(site, REQUEST) == FIRST
    for number in ("RQ-2025-0011", "RQ-2025-0010"):
        stored(site, OTHER, state=State.CLOSED, number=number)
        decided(site, number=number)
    assert found(site, REQUEST) == (History.PRECEDENT, "RQ-2025-0010")


def test_a_renewal_comes_before_a_precedent(site: Site) -> None:
    stored(site)
    stored(site, OTHER, state=State.CLOSED, number="RQ-2025-0000")
    decided(site, number="RQ-2025-0000")
    assert found(site, AGAIN) == RENEWAL
    assert found(site, REQUEST) == (History.PRECEDENT, "RQ-2025-0000")


PRECEDENT = (History.PRECEDENT, EARLIER)


def test_what_only_the_operator_approved_is_no_precedent(site: Site) -> None:
    stored(site, OTHER)
    assert found(site, REQUEST) == FIRST
    decided(site, by="operator")
    assert found(site, REQUEST) == FIRST
    decided(site)
    assert found(site, REQUEST) == PRECEDENT


@pytest.mark.parametrize("result", Result)
def test_an_authoritys_last_word_makes_a_precedent_only_where_it_approves(site: Site, result: Result) -> None:
    stored(site, OTHER)
    decided(site, result=result)
    assert found(site, REQUEST) == (PRECEDENT if result is Result.APPROVE else FIRST)


def test_a_word_over_another_plan_or_of_nobody_is_no_precedent(site: Site) -> None:
    stored(site, OTHER)
    decided(site)
    with site.office.store.transaction() as tx:
        whole = tx.get("decision", f"{EARLIER}/last").body
    for forged in (
        {**whole, "subject": {**whole["subject"], "plan": "sha256:" + "0" * 64}},
        {**whole, "signature": "00" * 64},
        {**whole, "signature": "no"},
        {**whole, "unit": "别的机关"},
    ):
        with site.office.store.transaction() as tx:
            tx.put("decision", f"{EARLIER}/last", forged)
        assert found(site, REQUEST) == FIRST
    with site.office.store.transaction() as tx:
        tx.put("decision", f"{EARLIER}/last", whole)
    assert found(site, REQUEST) == PRECEDENT


def test_the_regime_that_asks_for_a_precedent_must_have_decided_on_it(site: Site) -> None:
    asking(site, History.PRECEDENT)
    stored(site, OTHER)
    decided(site, regime="another")
    assert found(site, REQUEST) == FIRST
    decided(site, regime="fuzhou")
    assert found(site, REQUEST) == PRECEDENT


def test_the_regime_that_asks_for_a_renewal_must_have_decided_on_it(site: Site) -> None:
    stored(site)
    assert found(site, AGAIN) == RENEWAL
    asking(site, History.RENEWAL)
    assert found(site, AGAIN) == FIRST
    decided(site, regime="another")
    assert found(site, AGAIN) == FIRST
    decided(site, regime="fuzhou")
    assert found(site, AGAIN) == RENEWAL


def finer_than(request: Request, name: str, level: str) -> Request:
    return replace(
        request, variables=tuple(replace(v, level=level) if v.field == name else v for v in request.variables)
    )  # fmt: skip


def test_what_is_finer_than_before_or_goes_to_more_people_leans_on_no_precedent(site: Site) -> None:
    stored(site, replace(OTHER, mode=SharingMode.CONTROLLED))
    decided(site)
    same = replace(REQUEST, mode=SharingMode.CONTROLLED)
    assert found(site, same) == PRECEDENT
    assert found(site, finer_than(same, "BIRTH", "month")) == FIRST
    assert found(site, finer_than(same, "BIRTH", "age_band_5")) == PRECEDENT
    assert found(site, replace(same, mode=SharingMode.ENCLAVE)) == PRECEDENT
    assert found(site, replace(same, mode=SharingMode.PUBLIC)) == FIRST


# --- breaches and filings --------------------------------------------------------------------------------------------


def test_open_breaches_are_those_of_the_applicant(site: Site) -> None:
    cited = (Cited("fuzhou", "art_29", "第二十九条"),)
    with site.office.store.transaction() as tx:
        enter_breach(site.office, tx, Debtor("别的大学", "12350200MB0000001X"), ground=("DU-1", cited))
        own = enter_breach(site.office, tx, Debtor("示例大学", REQUEST.applicant.uscc), ground=("DU-2", cited))
    with site.office.store.reading() as tx:
        facts = circumstances_now(site.office, tx, REQUEST, TABLES, policies=site.office.policies)
    assert (facts.breaches, facts.today, facts.history) == ((own,), date(2026, 3, 1), History.FIRST)


def test_an_urgent_filing_that_does_not_stand_is_refused_before_anything_is_compiled(site: Site) -> None:
    with pytest.raises(Refused) as refusal:
        judged(site.office, replace(REQUEST, urgent_filing="UF-2026-0001"))
    assert {reason.thing for reason in refusal.value.reasons} == {"urgent_filing"}


# --- why not ---------------------------------------------------------------------------------------------------------


def test_a_renewal_of_a_request_that_does_not_exist_is_refused(site: Site) -> None:
    with pytest.raises(Refused, match="there is no request of this number") as no:
        judged(site.office, replace(AGAIN, renews="RQ-2025-0002"))
    assert "renews" in no.value.fix_en


def test_the_plan_says_why_a_request_is_no_renewal_and_nothing_where_it_is(site: Site) -> None:
    stored(site)
    assert judged(site.office, AGAIN).plan.warnings == ()
    wider = judged(site.office, with_level("BIRTH", "month"))
    assert wider.plan.warnings == ("不作为续期办理:所申请的内容或用途超出原申请",)
    assert explain(wider.plan).warnings == wider.plan.warnings
    stored(site, state=State.SUBMITTED)
    assert judged(site.office, AGAIN).plan.warnings == ("不作为续期办理:原申请的数据尚未交付",)


@pytest.mark.parametrize("state", State)
def test_of_anothers_request_nothing_is_told_but_that_it_is_not_the_applicants(site: Site, state: State) -> None:
    stored(site, OTHER, state=state)
    assert judged(site.office, AGAIN).plan.warnings == ("不作为续期办理:所填编号不是本单位的申请",)


def test_a_plan_that_says_why_it_is_no_renewal_is_still_the_one_that_is_signed(site: Site) -> None:
    stored(site, OTHER, state=State.SUBMITTED)
    number = site.submit(AGAIN)
    site.sign(number, "operator_review", "operator")
    assert site.state(number) is State.SUBMITTED
