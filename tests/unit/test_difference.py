"""Two plans compared: every kind of change shows, equal plans give none, and no literal is quoted."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from enum import Enum
from typing import Any

import pytest

from extractor.demo.sources import example_folder
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.plans.compile import compile_plan
from extractor.plans.demands import (
    AgreementPlan,
    ConsentColumn,
    ConsentPlan,
    PlannedCircumstances,
    PlannedSubject,
    PlannedTerm,
    Practised,
    UsedFiling,
    Yielded,
)
from extractor.plans.difference import difference
from extractor.plans.nodes import Plan
from extractor.policy_asked import AskedAssessment, AskedDuty, AskedGrant, Unlocked
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    DutyEvent,
    Evidence,
    GrantPart,
    History,
    PracticeKind,
    Unlock,
)
from extractor.requests import Role, SharingMode, Variable

POLICIES = load_policies(("fuzhou",))
CATALOGUE = read_catalogue(example_folder("hospital") / "catalogue.yaml")
REQUEST = read_request(example_folder("hospital") / "request.yaml")


def compiled(**changes: Any) -> Plan:
    return compile_plan(replace(REQUEST, **changes), CATALOGUE, POLICIES)


PLAN = compiled()


def things(after: Plan) -> dict[str, tuple[str | None, str | None]]:
    return {change.thing: (change.before, change.after) for change in difference(PLAN, after)}


def test_equal_plans_have_no_difference() -> None:
    assert difference(PLAN, compiled()) == ()


def test_a_change_of_the_population_is_told_without_its_literals() -> None:
    after = compiled(population="admissions.JBDM LIKE '龘靐%' AND admissions.NL >= 771177")
    found = things(after)
    assert {"patients: rows", "admissions: rows", "notes: rows"} <= set(found)
    told = str(difference(PLAN, after)) + str(difference(after, PLAN))
    assert not any(literal in told for literal in ("龘", "771177", "I6"))


def test_a_changed_period_is_told_and_the_rows_with_it() -> None:
    found = things(compiled(period=replace(REQUEST.period, last=date(2024, 12, 31))))
    assert found["period"] == ("2023-01-01…2025-12-31", "2023-01-01…2024-12-31")
    assert "admissions: rows" in found
    assert "reference_date" in found


def test_another_level_of_ages_in_text_is_told() -> None:
    finer = [replace(v, level="age", coarsest=None) if v.field == "CSRQ" else v for v in REQUEST.variables]
    assert things(compiled(variables=tuple(finer)))["notes: ages in text"] == ("age_band_10", "age")


def test_added_dropped_and_coarser_fields_are_told_one_by_one() -> None:
    variables = [
        replace(v, level="age_band_5") if v.field == "CSRQ" else v for v in REQUEST.variables if v.field != "XB"
    ]
    variables += [Variable("patients", "MZ", "raw", "民族"), Variable("patients", "LXRXM", "raw", "姓名")]
    found = things(compiled(variables=tuple(variables)))
    assert found["patients.XB"][1] is None
    assert found["patients.MZ"][0] is None
    assert found["patients.CSRQ"][0] != found["patients.CSRQ"][1]
    assert (found["patients.CSRQ"][1] or "").startswith("age_band_5 ")
    assert found["(not given) patients.LXRXM"][0] is None
    assert {"steps", "patients: rows"} <= set(found)


def test_fields_of_one_name_that_are_not_given_in_two_tables_are_kept_apart() -> None:
    variables = [
        replace(v, level="none", coarsest=None) if v.place in ("diagnoses.BAH", "admissions.BAH") else v
        for v in REQUEST.variables
    ]
    found = things(compiled(variables=tuple(variables)))
    assert {"(not given) diagnoses.BAH", "(not given) admissions.BAH"} <= set(found)


@pytest.mark.parametrize(
    ("changes", "thing"),
    [
        ({"title": "另一研究"}, "title"), ({"people": ("x",)}, "people"), ({"until": date(2027, 1, 1)}, "until"),
        ({"mode": SharingMode.ENCLAVE}, "risk"), ({"outputs": "x"}, "request"),
        ({"recipient_key": "age1x"}, "recipient_key"), ({"format": "csv"}, "format"),
        ({"project": replace(REQUEST.project, code="P2")}, "project"),
        ({"purpose": replace(REQUEST.purpose, statement="x")}, "purpose"),
    ],
)  # fmt: skip
def test_changes_of_the_request_have_their_name(changes: dict[str, Any], thing: str) -> None:
    before, after = things(compiled(**changes))[thing]
    assert before != after


def test_a_changed_catalogue_or_policy_is_told() -> None:
    newer = compile_plan(REQUEST, replace(CATALOGUE, acquired=date(2026, 11, 1)), POLICIES)
    assert "2026-11-01" in (things(newer)["source"][1] or "")
    baseline = compile_plan(REQUEST, replace(CATALOGUE), load_policies(()))
    assert {"policies", "steps", "terms", "patients.BAH"} <= set(things(baseline))


def other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        members = list(type(value))
        return members[(members.index(value) + 1) % len(members)]
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, date):
        return value + timedelta(days=1)
    return f"{value or ''}x"


_ABSENT_IS_NO_TEXT = ("consent", "grant", "filing", "subject")


def mutants(value: Any) -> list[Any]:
    """Return the value once for each of its leaves, with that leaf changed."""
    if is_dataclass(value) and not isinstance(value, type):
        found = []
        for each in fields(value):
            absent = each.name in _ABSENT_IS_NO_TEXT and getattr(value, each.name) is None
            if each.name not in ("node", "is_") and not absent:
                found += [replace(value, **{each.name: m}) for m in mutants(getattr(value, each.name))]
        return found
    if isinstance(value, tuple):
        return [(*value[:at], m, *value[at + 1 :]) for at, item in enumerate(value) for m in mutants(item)]
    return [other(value)]


def brought_along(plan: Plan) -> Plan:
    """Return the plan with every part filled that this request does not bring."""
    here = (plan.steps[0].cited,)
    table = plan.tables[0]
    column = replace(
        table.columns[0], unlocked=(Unlocked(Unlock.CONSENT, here[0]),), yielded=(Yielded("raw", here),)
    )  # fmt: skip
    return replace(
        plan,
        tables=(replace(table, columns=(column, *table.columns[1:])), *plan.tables[1:]),
        circumstances=PlannedCircumstances(History.RENEWAL, "RQ-1", UsedFiling("UF-1", ("patients.SEX",), here)),
        assessments=(AskedAssessment(AssessmentKind.CONFIDENTIALITY, 90, here),),
        agreement=AgreementPlan(
            ("甲",), (PlannedSubject(AgreementSubject.TERM, here[0]),),
            (PlannedTerm("乙", AgreementSubject.SCOPE, here[0]),), here,
        ),
        consent=ConsentPlan((ConsentColumn("patients.SEX", "raw", "none"),), here),
        grant=AskedGrant((GrantPart.TERM,), here),
        duties=(AskedDuty("丙", Role.DATA_USER, DutyEvent.DELIVERED, 7, 180, Evidence.REPORT, here),),
        practices=(Practised(PracticeKind.LEAK_SCAN, here),),
    )  # fmt: skip


def test_each_part_that_a_plan_brings_has_its_name() -> None:
    bare = replace(
        PLAN, circumstances=PlannedCircumstances(), assessments=(), agreement=AgreementPlan(), consent=None, grant=None,
        duties=(), practices=(),
    )  # fmt: skip
    told = {change.thing: change for change in difference(bare, brought_along(bare))}
    parts = {"circumstances", "assessments", "agreement", "terms", "consent", "grant", "duties", "practices"}
    assert parts <= set(told)
    article = PLAN.steps[0].cited.article
    assert all(article in (told[part].after or "") for part in parts)
    column = next(change for thing, change in told.items() if thing.startswith("patients."))
    assert "opened by consent" in (column.after or "")
    assert "raw would be allowed by" in (column.after or "")


def test_two_plans_that_are_not_equal_always_have_a_difference() -> None:
    folder = example_folder("minimal")
    plan = compile_plan(read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml"), POLICIES)
    plan = brought_along(replace(plan, warnings=("w",)))
    made = mutants(plan)
    assert len(made) > 300
    for mutant in made:
        changes = difference(plan, mutant)
        assert changes
        assert all(change.before != change.after for change in changes)
