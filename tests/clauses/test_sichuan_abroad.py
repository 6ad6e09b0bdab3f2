"""四川省健康医疗大数据应用管理办法（试行，征求意见稿） art. 33: kept in the country; abroad only by application and after three reviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from building import catalogue, policies, policy, refused, request, step_rules, steps, without
from installation import Site

from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.plans.compile import compile_plan
from extractor.policy_set import PolicySet
from extractor.policy_words import Side
from extractor.requests import Request, State

HEALTH, SECURITY = "四川省卫生健康委员会", "安全部门"
CHAIN = ("sichuan_abroad_application", "sichuan_abroad_health", "sichuan_abroad_security")


def wants(**changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(regime="sichuan", **changes)


def rules_of(no: pytest.ExceptionInfo[Refused]) -> set[str]:
    """Return the rules behind a refusal."""
    return {reason.rule for reason in no.value.reasons}


@pytest.mark.clause("sichuan", "art_33_servers")
@pytest.mark.parametrize("division", ["710000", "810000", "820000"])
def test_sichuan_33_sources_and_installations_lie_in_the_country(site: Callable[..., Site], division: str) -> None:
    known = catalogue("sichuan")
    away = tuple(replace(table, location=replace(table.location, division=division)) for table in known.tables)
    assert "sichuan.art_33_servers" in refused("sichuan", wants(), replace(known, tables=away))
    assert not refused("sichuan", wants(), known)
    with pytest.raises(Refused) as no:
        site("sichuan", division=division)
    assert "sichuan.art_33_servers" in rules_of(no)
    assert site("sichuan", division="510100").submit(wants())


@pytest.mark.clause("sichuan", "art_33_servers")
def test_sichuan_33_an_installation_that_was_moved_abroad_runs_nothing(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.approved(wants())
    here.grant()
    at_home = here.office
    here.office = replace(at_home, settings=replace(at_home.settings, division="810000"))
    with pytest.raises(Refused) as no:
        here.order(number)
    assert "sichuan.art_33_servers" in rules_of(no)
    here.office = at_home
    assert here.order(number).request == number


@pytest.mark.clause("sichuan", "art_33_recipient")
@pytest.mark.parametrize("place", [{"abroad": True}, {"division": "810000"}])
def test_sichuan_33_nothing_goes_abroad_but_by_the_chain_for_it(place: dict[str, Any]) -> None:
    closed = PolicySet((policy("baseline"), without(policy("sichuan"), "art_33_abroad")))
    with pytest.raises(Refused) as no:
        compile_plan(wants(safeguards=place), catalogue("sichuan"), closed)
    assert "sichuan.art_33_recipient" in rules_of(no)
    assert not refused("sichuan", wants(safeguards=place))
    assert compile_plan(wants(), catalogue("sichuan"), closed).steps


@pytest.mark.clause("sichuan", "art_33_abroad")
def test_sichuan_33_the_provider_applies_and_health_and_security_decide(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    assert not refused("sichuan", wants(safeguards={"abroad": True}))
    number = here.submit(wants(safeguards={"abroad": True}))
    assert steps(here.plan(number))[-3:] == CHAIN
    assert [step.unit for step in here.plan(number).steps[-3:]] == [None, HEALTH, SECURITY]
    here.approve(number, before=CHAIN[0])
    assert not_signed(here, number, "sichuan_abroad_security").startswith("the decision is missing")
    with pytest.raises(ApprovalError, match="needs role provider"):
        here.sign(number, CHAIN[0], here.person("operator", name="2"))
    here.sign(number, CHAIN[0])
    health = here.person("authority", HEALTH, "third")
    with pytest.raises(ApprovalError, match=f"signed by {SECURITY}"):
        here.sign(number, "sichuan_abroad_security", health)
    # The two organs sign in any order, and neither is enough.
    assert here.sign(number, "sichuan_abroad_security") is State.SUBMITTED
    assert here.sign(number, "sichuan_abroad_health") is State.APPROVED
    assert "sichuan.art_33_abroad" not in step_rules(here.plan(here.submit(wants())))


@pytest.mark.clause("sichuan", "art_33_abroad")
@pytest.mark.clause("sichuan", "art_33_assessments")
def test_sichuan_33_the_chain_is_for_the_data_of_the_province_and_opens_no_other() -> None:
    abroad, source = wants(safeguards={"abroad": True}), catalogue("sichuan")
    whole = policies("sichuan").policies
    own, received = (PolicySet(whole, (("sichuan", (side,)),)) for side in (Side.DATA, Side.RECIPIENT))
    plan = compile_plan(abroad, source, own)
    assert "sichuan.art_33_abroad" in step_rules(plan)
    assert {"art_33_assessments"} < {cited.rule for each in plan.assessments for cited in each.cited}
    with pytest.raises(Refused) as no:
        compile_plan(abroad, source, received)
    assert rules_of(no) == {"baseline.not_abroad"}
    assert received.assessments(abroad, source.tables[0].fields) == ()


@pytest.mark.clause("sichuan", "art_33_assessments")
@pytest.mark.parametrize("kind", ["confidentiality", "security_risk", "privacy_impact"])
def test_sichuan_33_what_goes_abroad_is_assessed_under_this_article_too(site: Callable[..., Site], kind: str) -> None:
    here = site("sichuan")
    for abroad in (True, False):
        number = here.submit(wants(safeguards={"abroad": abroad}))
        here.sign(number, "operator_review")
        for each in here.plan(number).assessments:
            if each.kind.value != kind:
                here.assess(number, each.kind)
        why = not_signed(here, number, "sichuan_office_review")
        assert why.startswith(f"the {kind} assessment is missing")
        assert ("sichuan.art_33_assessments" in why) is abroad
        here.assess(number, kind)
        cited = [entry.rule or "" for entry in here.logged(Verb.ASSESS) if entry.request == number]
        assert all(("sichuan.art_33_assessments" in rule) is abroad for rule in cited)
        here.sign(number, "sichuan_office_review")


@pytest.mark.clause("sichuan", "art_33_assessments")
def test_sichuan_33_where_only_this_article_asks_what_stays_in_the_country_needs_no_assessment() -> None:
    only = PolicySet((policy("baseline"), without(policy("sichuan"), "art_19_assessments")))
    source = catalogue("sichuan")
    abroad = compile_plan(wants(safeguards={"abroad": True}), source, only)
    assert {each.valid_days for each in abroad.assessments} == {365}
    assert [each.kind.value for each in abroad.assessments] == ["confidentiality", "security_risk", "privacy_impact"]
    assert compile_plan(wants(), source, only).assessments == ()


def not_signed(here: Site, number: str, step: str) -> str:
    """Return in which words a signature is refused."""
    with pytest.raises(ApprovalError) as no:
        here.sign(number, step)
    return no.value.en
