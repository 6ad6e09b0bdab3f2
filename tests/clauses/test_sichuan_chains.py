"""四川省健康医疗大数据应用管理办法（试行，征求意见稿）: who decides, what is assessed before, and what may leave the country."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from building import (
    ON_OPEN_FIELDS,
    catalogue,
    changed,
    compiled,
    policies,
    policy,
    request,
    step_rules,
    steps,
    without,
)
from installation import Site

from extractor.errors import ApprovalError
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.policy_set import PolicySet
from extractor.policy_words import Side
from extractor.requests import Request, Role, State
from extractor.selection import Circumstances
from extractor.workflow.assessments import AssessmentResult
from extractor.workflow.office import Actor

HEALTH = "四川省卫生健康委员会"
BY_LEADER = ("operator_review", "sichuan_office_review", "sichuan_leader_decision")
BY_COUNCIL = ("operator_review", "sichuan_office_review", "sichuan_council_decision")
ABROAD = ("sichuan_abroad_application", "sichuan_abroad_health", "sichuan_abroad_security")
ON_SEX = "patients.SEX = '1'"
FOR_PROFIT: dict[str, Any] = {
    "applicant": {"kind": "enterprise"},
    "purpose": {"category": "product", "non_profit": False},
}
OTHER = {"name": "另一公司", "uscc": "91510100MA00000000"}
KINDS = ("confidentiality", "security_risk", "privacy_impact")


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(*asks, regime="sichuan", **changes)


def chain(here: Site, number: str) -> tuple[tuple[str, ...], set[str]]:
    """Return the steps of a stored plan, and the rules of the draft behind them."""
    plan = here.plan(number)
    return steps(plan), {rule for rule in step_rules(plan) if rule.startswith("sichuan.")}


def not_signed(here: Site, number: str, step: str, by: Actor | None = None) -> str:
    """Return in which words a signature is refused."""
    with pytest.raises(ApprovalError) as no:
        here.sign(number, step, by)
    return no.value.en


def assessed(here: Site, number: str, *but: str) -> str:
    """Sign every assessment but some; return the request's number."""
    for kind in KINDS:
        if kind not in but:
            here.assess(number, kind)
    return number


def decided(here: Site, number: str, last: str, *, applicant: str = "示例大学") -> None:
    """Sign the chain to its end, and see on the way what is refused: order, role, unit, one person twice, the applicant's unit."""
    office = here.person("authority", HEALTH, "office")
    assessed(here, number)
    assert "the decision is missing" in not_signed(here, number, "sichuan_office_review", office)
    assert "applicant's own unit" in not_signed(here, number, "operator_review", here.person("operator", applicant))
    here.sign(number, "operator_review")
    assert "the decision is missing" in not_signed(here, number, last)
    wrong_role = here.person("operator", HEALTH, "no-authority")
    assert "needs role authority" in not_signed(here, number, "sichuan_office_review", wrong_role)
    assert f"signed by {HEALTH}" in not_signed(here, number, "sichuan_office_review", here.person("authority"))
    assert here.sign(number, "sichuan_office_review", office) is State.SUBMITTED
    assert "has already had the part approve" in not_signed(here, number, last, office)
    assert here.sign(number, last) is State.APPROVED


# --- 第十九条: who decides on what is shared ----------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_19_non_profit")
def test_sichuan_19_non_profit_use_is_reviewed_by_the_office_and_decided_by_the_leader(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    number = here.submit(wants())
    assert chain(here, number) == (BY_LEADER, {"sichuan.art_19_non_profit"})
    decided(here, number, "sichuan_leader_decision")
    profit = here.submit(wants(purpose={"non_profit": False}))
    assert "sichuan_leader_decision" not in chain(here, profit)[0]


@pytest.mark.clause("sichuan", "art_19_for_profit")
def test_sichuan_19_use_for_profit_is_decided_in_council(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.submit(wants(**FOR_PROFIT))
    assert chain(here, number) == (BY_COUNCIL, {"sichuan.art_19_for_profit"})
    decided(here, number, "sichuan_council_decision")
    here.grant()
    assert here.order(number).request == number
    assert "sichuan_council_decision" not in chain(here, here.submit(wants()))[0]


@pytest.mark.clause("sichuan", "art_19_renewal")
def test_sichuan_19_a_longer_term_of_what_the_council_allowed_is_decided_by_the_leader(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    until = date(2026, 6, 30)
    first = here.delivered(asked=wants(until=until, **FOR_PROFIT))
    longer = wants(until=date(2027, 6, 30), renews=first, **FOR_PROFIT)
    number = here.submit(longer)
    assert chain(here, number) == (BY_LEADER, {"sichuan.art_19_renewal"})
    decided(here, number, "sichuan_leader_decision")
    # What is wider, and what is asked for after the term, is a first application again.
    wider = changed(longer, variables=wants("patients.BIRTH").variables)
    assert chain(here, here.submit(wider))[0] == BY_COUNCIL
    here.clock.set_day(until + timedelta(days=1))
    assert chain(here, here.submit(longer))[0] == BY_COUNCIL


@pytest.mark.clause("sichuan", "art_19_precedent")
def test_sichuan_19_the_same_fields_for_the_same_use_by_another_are_decided_by_the_leader(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    asked = changed(wants(**FOR_PROFIT), applicant=OTHER)
    assert chain(here, here.submit(asked))[0] == BY_COUNCIL
    here.approved(wants(**FOR_PROFIT))
    number = here.submit(asked)
    assert chain(here, number) == (BY_LEADER, {"sichuan.art_19_precedent"})
    decided(here, number, "sichuan_leader_decision", applicant=OTHER["name"])
    assert chain(here, here.submit(wants(**FOR_PROFIT, variables=wants("patients.BIRTH").variables)))[0] == BY_COUNCIL


@pytest.mark.parametrize(
    ("changes", "history"),
    [
        pytest.param({}, "first", marks=pytest.mark.clause("sichuan", "art_19_non_profit")),
        pytest.param(FOR_PROFIT, "first", marks=pytest.mark.clause("sichuan", "art_19_for_profit")),
        pytest.param(FOR_PROFIT, "renewal", marks=pytest.mark.clause("sichuan", "art_19_renewal")),
        pytest.param(FOR_PROFIT, "precedent", marks=pytest.mark.clause("sichuan", "art_19_precedent")),
    ],
)
def test_sichuan_19_the_province_decides_on_its_own_data_and_not_on_what_its_units_receive(
    changes: dict[str, Any], history: str
) -> None:
    facts = replace(Circumstances(), history=type(Circumstances().history)(history))
    for place, ends in ((Side.DATA, True), (Side.RECIPIENT, False)):
        sided = PolicySet(policies("sichuan").policies, (("sichuan", (place,)),))
        plan = compile_plan(wants(**changes), catalogue("sichuan"), sided, facts)
        assert ("sichuan_office_review" in steps(plan)) is ends


# --- 第十九条: the three assessments ------------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_19_assessments")
@pytest.mark.parametrize("kind", KINDS)
def test_sichuan_19_without_each_assessment_no_authority_signs(site: Callable[..., Site], kind: str) -> None:
    here = site("sichuan")
    number = assessed(here, here.submit(wants()), kind)
    here.sign(number, "operator_review")
    why = not_signed(here, number, "sichuan_office_review")
    assert why.startswith(f"the {kind} assessment is missing [")
    assert "sichuan.art_19_assessments 四川省健康医疗大数据应用管理办法（试行）（征求意见稿） 第十九条" in why
    here.assess(number, kind, result=AssessmentResult.FAIL)
    assert f"the {kind} assessment did not pass" in not_signed(here, number, "sichuan_office_review")
    here.assess(number, kind)
    here.sign(number, "sichuan_office_review")


@pytest.mark.clause("sichuan", "art_19_assessments")
def test_sichuan_19_an_assessment_holds_for_its_term_and_a_year_at_most(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number, day = here.submit(wants()), here.office.today
    with pytest.raises(ApprovalError) as no:
        here.assess(number, "privacy_impact", until=day + timedelta(days=366))
    assert "sichuan.art_19_assessments" in no.value.en
    here.assess(number, "privacy_impact", until=day + timedelta(days=365))
    assert here.approve(assessed(here, number, "privacy_impact"), assessed=False) is State.APPROVED
    here.grant()
    here.clock.pass_days(2)
    with pytest.raises(ApprovalError, match="assessment has expired"):
        here.order(number)
    assert here.order(assessed(here, number, "privacy_impact")).request == number


@pytest.mark.clause("sichuan", "art_19_assessments")
def test_sichuan_19_the_provider_assesses_and_nobody_else(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.submit(wants())
    usual = here.person
    for by, why in (
        (usual("operator"), "needs role provider"),
        (usual("provider", "示例大学"), "own unit has no part in assess"),
    ):
        here.people[Role.PROVIDER.value, "示例医院", ""] = by
        with pytest.raises(ApprovalError, match=why):
            here.assess(number, "confidentiality")
    del here.people[Role.PROVIDER.value, "示例医院", ""]
    assert here.approve(number) is State.APPROVED


# --- 第二十二条、第二十三条: what may be public ----------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_22_open")
def test_sichuan_22_open_fields_are_registered_by_the_operator_who_releases_them() -> None:
    # Article 23 names this step too; taken alone, article 22 still asks for it.
    only = PolicySet((policy("baseline"), without(policy("sichuan"), "art_23_open")))
    opened = compile_plan(open_field(), catalogue("sichuan"), only)
    assert steps(opened) == ("operator_release",)
    assert step_rules(opened) == {"sichuan.art_22_open"}
    assert "operator_release" not in steps(planned(wants("patients.SEX", population=ON_SEX)))


@pytest.mark.clause("sichuan", "art_23_open")
def test_sichuan_23_the_authority_of_the_same_level_approves_open_fields(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.submit(open_field())
    assert chain(here, number) == (("operator_release", "sichuan_publication"), {"sichuan.art_23_open"})
    here.sign(assessed(here, number), "operator_release")
    assert here.state(number) is State.SUBMITTED
    assert "needs role authority" in not_signed(here, number, "sichuan_publication", here.person("operator", name="2"))
    assert here.sign(number, "sichuan_publication") is State.APPROVED
    assert "sichuan_publication" not in steps(planned(wants("patients.SEX", population=ON_SEX)))


@pytest.mark.clause("sichuan", "art_23_public")
def test_sichuan_23_whatever_is_published_is_approved_by_the_authority_first(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    asked = wants("patients.SEX", population=ON_SEX, mode="public")
    number = here.submit(asked)
    assert chain(here, number)[0] == (*BY_LEADER, "sichuan_publication")
    assert here.approve(number, before="sichuan_publication") is State.SUBMITTED
    assert here.sign(number, "sichuan_publication") is State.APPROVED
    assert "sichuan_publication" not in steps(planned(changed(asked, mode="controlled")))


def open_field() -> Request:
    """Return a request for an open field alone."""
    return wants("admissions.WARD", population=ON_OPEN_FIELDS)


def planned(asked: Request) -> Plan:
    """Return the plan under baseline and draft."""
    return compiled("sichuan", asked, catalogue("sichuan"))
