"""四川省健康医疗大数据应用管理办法（试行，征求意见稿）: who decides, what is assessed before, and what may leave the country."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from building import (
    catalogue,
    changed,
    compiled,
    policies,
    request,
    step_rules,
    steps,
)
from installation import Site

from extractor.catalogue import Catalogue
from extractor.errors import ApprovalError
from extractor.plans.compile import compile_plan
from extractor.policy_set import PolicySet
from extractor.policy_words import History, Side
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
FIELDS = catalogue("sichuan").tables[0].fields
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
    assert "needs role authority" in not_signed(here, number, last, wrong_role)
    assert f"signed by {HEALTH}" in not_signed(here, number, last, here.person("authority"))
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


NON_PROFIT = {"purpose": {"category": "product", "non_profit": True}}


@pytest.mark.parametrize(
    ("rule", "use", "histories"),
    [
        pytest.param("non_profit", NON_PROFIT, set(History), marks=pytest.mark.clause("sichuan", "art_19_non_profit")),
        pytest.param("for_profit", FOR_PROFIT, {"first"}, marks=pytest.mark.clause("sichuan", "art_19_for_profit")),
        pytest.param("renewal", FOR_PROFIT, {"renewal"}, marks=pytest.mark.clause("sichuan", "art_19_renewal")),
        pytest.param("precedent", FOR_PROFIT, {"precedent"}, marks=pytest.mark.clause("sichuan", "art_19_precedent")),
    ],
)
def test_sichuan_19_each_way_of_deciding_is_for_its_own_use_and_history(
    rule: str, use: dict[str, Any], histories: set[str]
) -> None:
    for other in (NON_PROFIT, FOR_PROFIT):
        for history in History:
            plan = compiled("sichuan", wants(**other), catalogue("sichuan"), Circumstances(history))
            asked = other is use and history in histories
            assert (f"sichuan.art_19_{rule}" in step_rules(plan)) is asked


@pytest.mark.parametrize(
    ("rule", "use", "history"),
    [
        pytest.param("non_profit", NON_PROFIT, "first", marks=pytest.mark.clause("sichuan", "art_19_non_profit")),
        pytest.param("for_profit", FOR_PROFIT, "first", marks=pytest.mark.clause("sichuan", "art_19_for_profit")),
        pytest.param("renewal", FOR_PROFIT, "renewal", marks=pytest.mark.clause("sichuan", "art_19_renewal")),
        pytest.param("precedent", FOR_PROFIT, "precedent", marks=pytest.mark.clause("sichuan", "art_19_precedent")),
    ],
)
@pytest.mark.parametrize("sharing", ["open", "conditional", "restricted"])
def test_sichuan_19_the_province_decides_on_its_own_data_that_are_not_open(
    rule: str, use: dict[str, Any], history: str, sharing: str
) -> None:
    facts = Circumstances(History(history))
    source = catalogue("sichuan", fields={"patients.SEX": {"sharing": {"mode": sharing}}})
    shared = wants("patients.SEX", population=ON_SEX, **use)
    assert bool(decides(shared, source, facts, Side.DATA) & {f"sichuan.art_19_{rule}"}) is (sharing != "open")
    # What its units receive from elsewhere is decided on there.
    assert decides(shared, source, facts, Side.RECIPIENT) == set()
    assert f"sichuan.art_19_{rule}" in decides(wants(**use), source, facts, Side.DATA)


def decides(asked: Request, source: Catalogue, facts: Circumstances, side: Side) -> set[str]:
    """Return the rules of the draft behind the steps of a plan, where the draft applies on one side."""
    plan = compile_plan(asked, source, on_side(side), facts)
    return {rule for rule in step_rules(plan) if rule.startswith("sichuan.")}


def on_side(side: Side) -> PolicySet:
    """Return baseline and draft, the draft as that of the data's place or as that of the recipient's."""
    return PolicySet(policies("sichuan").policies, (("sichuan", (side,)),))


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
    assert on_side(Side.DATA).assessments(wants(), FIELDS)
    assert on_side(Side.RECIPIENT).assessments(wants(), FIELDS) == ()
