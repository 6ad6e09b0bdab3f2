"""Over-asking gains nothing: a widened request is refused, or gives nothing beyond what the policy files say of each field.

The oracle reads the YAML files as plain dictionaries and asks each rule for itself; it shares no code with the policies of the software.
``OVER_ASKS=10000`` raises the number of examples, with a fixed seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from extractor.catalogue import Catalogue, Field, SharingClass, UseMode
from extractor.demo.sources import example_folder
from extractor.errors import ConfigurationError, Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies, policy_folder, regimes_in
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES, hierarchy_of
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.policy_rules import KindLevel
from extractor.policy_set import PolicySet
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, SharingMode, Subject, Variable

RAISED = int(os.environ.get("OVER_ASKS", "0"))
BUDGET = settings(
    max_examples=RAISED or 300, derandomize=bool(RAISED), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
SEARCH = settings(max_examples=1000, derandomize=True, database=None, deadline=None, phases=(Phase.generate,))
PLACES = regimes_in(policy_folder())
FILES: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((policy_folder() / f"{name}.yaml").read_text("utf-8")) for name in ("baseline", *PLACES)
}


# --- the oracle: each file's rules as dictionaries -------------------------------------------------------------------


def selected(when: dict[str, Any], field: Field, request: Request) -> bool:
    """Whether a rule's selector, as it stands in the file, fits a field and a request without a past."""
    abroad = request.safeguards.abroad or not domestic(request.safeguards.division)
    facts: dict[str, Any] = {
        "class": field.cls.value, "kinds": field.kind, "subjects": field.subject.value, "sharing": field.sharing.mode.value,
        "categories": field.category, "applicants": request.applicant.kind.value,
        "purposes": request.purpose.category.value, "consent": request.consent.value, "modes": request.mode.value,
        "non_profit": request.purpose.non_profit, "history": "first", "urgent": False, "abroad": abroad,
    }  # fmt: skip
    known = {key: wanted for key, wanted in when.items() if key != "sides"}
    assert set(known) <= set(facts)
    return all(
        facts[key] in wanted if isinstance(wanted, list) else facts[key] == wanted for key, wanted in known.items()
    )


def domestic(division: str) -> bool:
    return len(division) == 6 and division.isdigit() and division[:2] not in ("71", "81", "82")


def ceilings(place: str, field: Field, request: Request) -> list[str]:
    """The finest level of each rule of baseline and place that speaks of a field."""
    return [
        rule["levels"][field.kind]
        for name in ("baseline", place)
        for rule in FILES[name].get("ceilings", [])
        if field.kind in rule["levels"] and selected(rule.get("when", {}), field, request)
    ]


def locked(place: str, field: Field, request: Request) -> bool:
    """Whether a file says what opens fields that are not open, and none of its rules opens this one."""
    if field.sharing.mode is not SharingClass.RESTRICTED:
        return False
    for name in ("baseline", place):
        keys = [rule for rule in FILES[name].get("ceilings", []) if "unlocks" in rule]
        opening = [r for r in keys if field.kind in r["levels"] and selected(r.get("when", {}), field, request)]
        if keys and not opening:
            return True
    return False


def forbidden(place: str, field: Field, request: Request) -> bool:
    rules = [rule for name in ("baseline", place) for rule in FILES[name].get("requirements", [])]
    return any(rule.get("forbidden") and selected(rule.get("when", {}), field, request) for rule in rules)


def check(plan: Plan, request: Request, catalogue: Catalogue, place: str) -> None:
    """Fail where a plan gives what the files do not allow."""
    for table in plan.tables:
        for column in table.root.columns:
            field = next(
                (f for t in catalogue.tables if t.name == table.name for f in t.fields if f.name == column.source), None
            )
            assert field is not None, f"{column.source} is outside the catalogue"
            assert UseMode.EXTRACT in field.use, f"{column.source} is not for extraction"
            allowed = ceilings(place, field, request)
            assert allowed, f"no rule bounds {column.source}"
            for level in allowed:
                finer = not hierarchy_of(field.kind).at_least_as_coarse(column.level, level)
                assert not finer, f"{column.source} leaves at {column.level}, allowed is {level}"
            assert not locked(place, field, request), f"{column.source} is not open and nothing opened it"
            assert not forbidden(place, field, request), f"{column.source} is never given"


# --- an approved request of each place -------------------------------------------------------------------------------


@cache
def policies_of(place: str) -> PolicySet:
    return load_policies((place,))


@cache
def approved(example: str, place: str) -> tuple[Request, Catalogue, Plan]:
    """Move an example to a place: its catalogue, categories and applicant; leave out what the place does not give."""
    folder = example_folder(example)
    request, catalogue = read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml")
    division = str(FILES[place]["division"])
    listed = FILES[place].get("categories", {}).get("names")
    tables = tuple(
        replace(
            table, location=replace(table.location, division=division),
            fields=tuple(replace(f, category=listed[0] if listed else f.category) for f in table.fields),
        )
        for table in catalogue.tables
    )  # fmt: skip
    catalogue = replace(catalogue, division=division, tables=tables)
    request = replace(
        request,
        applicant=replace(request.applicant, division=division, industrial_park=True),
        safeguards=replace(request.safeguards, division=division),
    )
    for kind in (request.applicant.kind, *ApplicantKind):
        moved = replace(request, applicant=replace(request.applicant, kind=kind))
        try:
            return moved, catalogue, compile_plan(moved, catalogue, policies_of(place))
        except Refused as refused:
            said = refused
    raise said


CASES = [(example, place) for example in ("minimal", "hospital") for place in PLACES]


@pytest.mark.parametrize(("example", "place"), CASES)
def test_the_request_that_is_widened_is_one_that_compiles(example: str, place: str) -> None:
    request, catalogue, plan = approved(example, place)
    check(plan, request, catalogue, place)
    assert plan.request == request.digest


# --- widenings -------------------------------------------------------------------------------------------------------


@st.composite
def a_field(draw: st.DrawFn, request: Request, catalogue: Catalogue) -> Request:
    table = draw(st.sampled_from(catalogue.tables))
    field = draw(st.sampled_from([*table.fields, None]))
    if field is None:
        more = Variable(table.name, draw(st.sampled_from(["NOT_THERE", "id", "PATIENT_ID2"])), "raw", "更多字段")
    else:
        level = draw(st.sampled_from(HIERARCHIES[field.kind].names))
        more = Variable(table.name, field.name, level, "更多字段", draw(st.sampled_from([None, level])))
    return replace(request, variables=(*(v for v in request.variables if v.place != more.place), more))


@st.composite
def a_level(draw: st.DrawFn, request: Request, catalogue: Catalogue) -> Request:
    at = draw(st.integers(0, len(request.variables) - 1))
    asked = request.variables[at]
    field = catalogue.field(asked.table, asked.field)
    levels = HIERARCHIES[field.kind].names if field else ("raw",)
    finer = replace(asked, level=draw(st.sampled_from(levels)), coarsest=None)
    return replace(request, variables=(*request.variables[:at], finer, *request.variables[at + 1 :]))


@st.composite
def a_period(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    days = timedelta(days=draw(st.integers(1, 4000)))
    if draw(st.booleans()):
        return replace(request, period=replace(request.period, first=request.period.first - days))
    return replace(request, period=replace(request.period, last=min(request.period.last + days, date(2200, 1, 1))))


@st.composite
def a_condition(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    parts = request.population.split(" AND ")
    return replace(request, population=" AND ".join(draw(st.sampled_from([[], parts[:-1], parts[1:]]))))


@st.composite
def a_purpose(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    category, non_profit = draw(st.sampled_from(PurposeCategory)), draw(st.booleans())
    return replace(request, purpose=replace(request.purpose, category=category, non_profit=non_profit))


@st.composite
def an_applicant(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    changes = {"kind": draw(st.sampled_from(ApplicantKind)), "domestically_controlled": draw(st.booleans())}
    return replace(request, applicant=replace(request.applicant, industrial_park=draw(st.booleans()), **changes))


@st.composite
def a_recipient(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    kept = draw(st.sampled_from([
        {"division": "110000"}, {"division": "810000"}, {"division": "US"}, {"abroad": True}, {"passed_on": True}, {"mlps": 1},
    ]))  # fmt: skip
    key = draw(
        st.sampled_from([request.recipient_key, "age1kdxk05cyrjk2v2wt7km389my65w8pelx643elhwczaqv43kzvcjsn2v03q"])
    )
    return replace(request, safeguards=replace(request.safeguards, **kept), recipient_key=key)


@st.composite
def a_ground(draw: st.DrawFn, request: Request, _catalogue: Catalogue) -> Request:
    """Another consent or another way of sharing, which opens other ceilings."""
    return replace(request, consent=draw(st.sampled_from(Consent)), mode=draw(st.sampled_from(SharingMode)))


WIDENINGS: tuple[Callable[..., st.SearchStrategy[Request]], ...] = (
    a_field, a_level, a_period, a_condition, a_purpose, an_applicant, a_recipient, a_ground,
)  # fmt: skip
Widened = tuple[str, str, Request]


@st.composite
def widened(
    draw: st.DrawFn, places: tuple[str, ...] = PLACES, examples: tuple[str, ...] = ("minimal", "hospital")
) -> Widened:
    example, place = draw(st.sampled_from(examples)), draw(st.sampled_from(places))
    request, catalogue, _ = approved(example, place)
    for way in draw(st.lists(st.sampled_from(WIDENINGS), min_size=1, max_size=4)):
        request = draw(way(request, catalogue))
    return example, place, request


def outcome(case: Widened, policies: PolicySet | None = None, catalogue: Catalogue | None = None) -> Plan | None:
    """Compile a widened request and check it; None where it is refused, or asks for a table that no person key reaches."""
    example, place, request = case
    _, listed, _ = approved(example, place)
    try:
        plan = compile_plan(request, catalogue or listed, policies or policies_of(place))
    except Refused as refused:
        assert all(reason.rule and reason.zh and reason.en for reason in refused.reasons)
        return None
    except ConfigurationError:
        return None
    check(plan, request, listed, place)
    return plan


@given(widened())
@BUDGET
def test_a_widened_request_is_refused_or_gives_nothing_beyond_the_rules(case: Widened) -> None:
    example, place, request = case
    old, _, old_plan = approved(example, place)
    assume(request != old)
    plan = outcome(case)
    if plan is not None:
        decided, asked = (Subject("RQ-1", p.request, p.digest) for p in (old_plan, plan))
        assert asked != decided
        assert asked.request != decided.request
        assert asked.plan != decided.plan


@pytest.mark.parametrize("place", PLACES)
def test_both_answers_are_met_in_every_place(place: str) -> None:
    assert find(widened((place,)), lambda case: outcome(case) is None, settings=SEARCH)
    assert find(widened((place,)), lambda case: outcome(case) is not None, settings=SEARCH)


# --- the check itself is seen to fail --------------------------------------------------------------------------------


def caught(policies: PolicySet | None = None, catalogue: Catalogue | None = None) -> str:
    """Return what the check says of the smallest widened request of Fuzhou's small example that it catches."""

    def fails(case: Widened) -> bool:
        try:
            outcome(case, policies, catalogue)
        except AssertionError:
            return True
        return False

    case = find(widened(("fuzhou",), ("minimal",)), fails, settings=SEARCH)
    with pytest.raises(AssertionError) as said:
        outcome(case, policies, catalogue)
    return str(said.value)


def unbounded(policies: PolicySet, kind: str) -> PolicySet:
    """Leave out all ceilings of a kind but the first of each policy, which then allows its finest level everywhere."""
    finest = KindLevel(kind, HIERARCHIES[kind].names[0])
    grown = tuple(
        replace(p, ceilings=tuple(
            replace(c, levels=tuple(finest if b.kind == kind else b for b in c.levels)) for c in p.ceilings
        ))
        for p in policies.policies
    )  # fmt: skip
    return PolicySet(grown)


def test_a_ceiling_left_out_is_caught() -> None:
    assert "allowed is" in caught(unbounded(policies_of("fuzhou"), "resident_id"))


def test_a_rule_of_the_place_left_out_is_caught() -> None:
    baseline, fuzhou = policies_of("fuzhou").policies
    assert {rule.id for rule in fuzhou.rules} >= {"art_16_free_text"}
    free = unbounded(PolicySet((baseline,)), "person_name").policies[0]
    assert "allowed is" in caught(PolicySet((free, fuzhou.without("art_16_names"))))


def test_a_field_from_outside_the_catalogue_is_caught() -> None:
    _, catalogue, _ = approved("minimal", "fuzhou")
    first = catalogue.tables[0]
    grown = replace(first, fields=(*first.fields, replace(first.fields[-1], name="NOT_THERE", kind="category")))
    assert "outside the catalogue" in caught(catalogue=replace(catalogue, tables=(grown, *catalogue.tables[1:])))
