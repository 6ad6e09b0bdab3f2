"""The examples in docs: each loads, compiles under the policy of Fuzhou, fits its tables, and asks in vain for more."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.canonical import canonical_bytes, digest
from extractor.catalogue import Catalogue, FieldClass
from extractor.demo.hospital import TABLES
from extractor.demo.sources import example_folder
from extractor.errors import Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import hierarchy_of
from extractor.plans.compile import compile_plan
from extractor.plans.minimality import check_minimal, columns_read
from extractor.plans.nodes import Plan
from extractor.policy_set import PolicySet
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, Variable

NAMES = ("hospital", "diabetes130", "synthea", "multipriv")
SHARED = Path(__file__).parents[3] / "shared" / "data"
SYNTHEA = SHARED / "tables" / "synthea"
DIABETES = SHARED / "tables" / "diabetes130" / "dataset_diabetes.zip"

# What a study gets that asks for more than the policy allows: (field, asked, given).
COARSENED = {
    "hospital": {
        ("patients.BAH", "raw", "pseudonym"),
        ("patients.SFZJHM", "raw", "pseudonym"),
        ("patients.DH", "raw", "pseudonym"),
        ("patients.BRXM", "raw", "none"),
        ("admissions.RYRQ", "time", "shifted_day"),
        ("admissions.CYRQ", "day", "shifted_day"),
        ("admissions.SSJCZRQ", "day", "shifted_day"),
        ("admissions.ZZYS", "raw", "pseudonym"),
        ("charges.SFRQ", "day", "shifted_day"),
        ("notes.JLSJ", "shifted_time", "shifted_day"),
        ("notes.JLNR", "raw", "surrogate"),
    },
    "diabetes130": {
        ("encounters.encounter_id", "raw", "pseudonym"),
        ("encounters.patient_nbr", "raw", "pseudonym"),
    },
    "synthea": {
        ("patients.FIRST", "raw", "none"),
        ("patients.SSN", "raw", "pseudonym"),
        ("conditions.START", "day", "shifted_day"),
        ("conditions.STOP", "day", "shifted_day"),
        ("medications.START", "time", "shifted_day"),
        ("medications.STOP", "time", "shifted_day"),
    },
    "multipriv": {
        ("patients.RESIDENT_ID", "raw", "pseudonym"),
        ("notes.TEXT", "raw", "surrogate"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return load_policies(("fuzhou",))


@pytest.fixture(scope="module", params=NAMES)
def example(request: pytest.FixtureRequest) -> tuple[Request, Catalogue]:
    folder = example_folder(request.param)
    return read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml")


def load(name: str) -> tuple[Request, Catalogue]:
    folder = example_folder(name)
    return read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml")


def with_variable(request: Request, variable: Variable) -> Request:
    others = tuple(v for v in request.variables if v.place != variable.place)
    return replace(request, variables=(*others, variable))


def given(plan: Plan, request: Request) -> set[tuple[str, str, str]]:
    """Return (field, asked, given) of every coarsened field, among them those that are not given at all."""
    kept = {f"{t.name}.{c.output}": (c.requested, c.level) for t in plan.tables for c in t.columns}
    levels = {v.place: kept.get(v.place, (v.level, "none")) for v in request.variables}
    return {(place, asked, level) for place, (asked, level) in levels.items() if asked != level}


def test_each_example_names_its_own_catalogue_and_can_be_addressed(example: tuple[Request, Catalogue]) -> None:
    request, catalogue = example
    assert request.catalogue == catalogue.name
    assert len({v.place for v in request.variables}) == len(request.variables) >= 5
    assert all(len(v.reason) >= 4 for v in request.variables)


def test_each_example_compiles_to_the_same_plan_every_time(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    request, catalogue = example
    first = compile_plan(request, catalogue, policies)
    again = compile_plan(*load(catalogue.name), load_policies(("fuzhou",)))
    assert canonical_bytes(first) == canonical_bytes(again)
    assert digest(first) == digest(again)
    other_key = replace(request, recipient_key="age1kdxk05cyrjk2v2wt7km389my65w8pelx643elhwczaqv43kzvcjsn2v03q")
    assert digest(compile_plan(other_key, catalogue, policies)) != digest(first)


def test_what_is_asked_too_finely_is_given_coarser_and_nothing_else_is(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    request, catalogue = example
    assert given(compile_plan(request, catalogue, policies), request) == COARSENED[catalogue.name]


def test_no_direct_identifier_leaves_raw_and_each_level_cites_a_rule(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    request, catalogue = example
    plan = compile_plan(request, catalogue, policies)
    columns = [column for table in plan.tables for column in table.columns]
    direct = [column for column in columns if column.cls is FieldClass.DIRECT]
    assert direct
    assert {column.level for column in direct} == {"pseudonym"}
    assert {column.level for column in columns if column.kind == "free_text"} <= {"surrogate"}
    for column in columns:
        assert column.cited
        assert hierarchy_of(column.kind).at_least_as_coarse(column.level, column.ceiling)
        assert hierarchy_of(column.kind).at_least_as_coarse(column.level, column.requested)


def test_no_direct_identifier_leaves_raw_even_when_every_field_is_asked_for_raw(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    request, catalogue = example
    tables = [catalogue.table(name) for name in request.tables]
    everything = tuple(
        Variable(table.name, field.name, hierarchy_of(field.kind).names[0], "一切可得的字段")
        for table in tables
        if table is not None
        for field in table.fields
        if "extract" in field.use and field.sharing.mode != "restricted"
    )
    plan = compile_plan(replace(request, variables=everything), catalogue, policies)
    left = {c.level for table in plan.tables for c in table.columns if c.cls is FieldClass.DIRECT}
    assert left == {"pseudonym"}


def test_each_plan_reads_only_what_outputs_filters_keys_and_known_values_need(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    request, catalogue = example
    plan = compile_plan(request, catalogue, policies)
    check_minimal(plan)
    needed: dict[str, set[str]] = {}
    for table in plan.tables:
        needed.setdefault(table.name, set()).update(column.source for column in table.columns)
        for value in table.known:
            place, _, column = value.column.rpartition(".")
            needed.setdefault(place or table.name, set()).add(column)
    for found in catalogue.tables:
        keys = {found.person, found.period, *((found.link.column, found.link.key) if found.link else ())}
        named = {f.name for f in found.fields if f"{found.name}.{f.name}" in request.population}
        linked = {t.link.key for t in catalogue.tables if t.link and t.link.via == found.name}
        needed.setdefault(found.name, set()).update({key for key in keys if key} | named | linked)
    read = columns_read(plan)
    for name, columns in read.items():
        assert columns <= needed[name]
    assert set(read) == set(request.tables)
    # A field that the policy does not give is not even read, unless a text beside it must be searched for it.
    known = {value.column for table in plan.tables for value in table.known}
    dropped = {v.place for v in request.variables} - {f"{t.name}.{c.source}" for t in plan.tables for c in t.columns}
    for place in dropped - known:
        table_name, _, field_name = place.partition(".")
        assert field_name not in read[table_name]


def test_each_example_is_approved_by_the_chain_of_conditional_data(
    example: tuple[Request, Catalogue], policies: PolicySet
) -> None:
    steps = [step.id for step in compile_plan(*example, policies).steps]
    assert steps == ["operator_review", "agreement_user", "agreement_operator"]


def test_a_contact_person_makes_the_authorities_decide(policies: PolicySet) -> None:
    request, catalogue = load("hospital")
    asked = with_variable(request, Variable("patients", "LXRGX", "raw", "分析陪护关系"))
    steps = [step.id for step in compile_plan(asked, catalogue, policies).steps]
    assert {"authority_digital", "authority_health"} <= set(steps)


def test_an_address_asked_for_as_it_stands_is_given_by_county(policies: PolicySet) -> None:
    request, catalogue = load("hospital")
    asked = with_variable(request, Variable("patients", "XZZ", "raw", "计算到卒中中心的距离", "county"))
    assert ("patients.XZZ", "raw", "county") in given(compile_plan(asked, catalogue, policies), asked)


def test_notes_are_searched_for_patient_relatives_and_staff(policies: PolicySet) -> None:
    plan = compile_plan(*load("hospital"), policies)
    notes = next(table for table in plan.tables if table.name == "notes")
    known = {value.column: value.subject.value for value in notes.known}
    assert known["patients.BRXM"] == known["patients.DH"] == known["BAH"] == "person"
    assert known["patients.LXRXM"] == "relative"
    assert known["admissions.ZZYS"] == known["admissions.ZRHS"] == "staff"


REFUSED: dict[str, tuple[Callable[[Request], Request], set[str]]] = {
    "a field outside the catalogue": (
        lambda r: with_variable(r, Variable(r.tables[0], "NOT_THERE", "raw", "目录之外的字段")),
        {"{first}.NOT_THERE"},
    ),
    "an unknown level": (
        lambda r: replace(r, variables=(replace(r.variables[0], level="finest", coarsest=None), *r.variables[1:])),
        {"{place}"},
    ),
    "an identifier that is of use only raw": (
        lambda r: replace(r, variables=(replace(r.variables[0], level="raw", coarsest="raw"), *r.variables[1:])),
        {"{place}"},
    ),
    "a university outside the park": (
        lambda r: replace(r, applicant=replace(r.applicant, kind=ApplicantKind.UNIVERSITY, industrial_park=False)),
        {"applicant.industrial_park"},
    ),
    "research for profit by a university": (
        lambda r: replace(
            r,
            applicant=replace(r.applicant, kind=ApplicantKind.UNIVERSITY),
            purpose=replace(r.purpose, non_profit=False),
        ),
        {"purpose.non_profit"},
    ),
    "an enterprise under foreign control": (
        lambda r: replace(
            r, applicant=replace(r.applicant, kind=ApplicantKind.ENTERPRISE, domestically_controlled=False)
        ),
        {"applicant.domestically_controlled"},
    ),
    "a university with an administrative purpose": (
        lambda r: replace(r, purpose=replace(r.purpose, category=PurposeCategory.ADMINISTRATION)),
        {"applicant.kind"},
    ),
    "research without ethics approval": (lambda r: replace(r, ethics=None), {"ethics"}),
    "storage abroad": (
        lambda r: replace(r, safeguards=replace(r.safeguards, abroad=True, division="US")),
        {"safeguards.abroad", "safeguards.division"},
    ),
    "data that are passed on": (
        lambda r: replace(r, safeguards=replace(r.safeguards, passed_on=True)),
        {"safeguards.passed_on"},
    ),
    "a place of the second grade": (
        lambda r: replace(r, safeguards=replace(r.safeguards, mlps=2)),
        {"safeguards.mlps"},
    ),
    "a population by a field that is not there": (
        lambda r: replace(r, population=f"{r.population} AND NOT_THERE = 1"),
        {"population NOT_THERE"},
    ),
    "a population with a sub-query": (
        lambda r: replace(r, population=f"{r.population} AND 1 = (SELECT 1)"),
        {"population"},
    ),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_over_asking_is_refused(example: tuple[Request, Catalogue], policies: PolicySet, variant: str) -> None:
    request, catalogue = example
    change, things = REFUSED[variant]
    with pytest.raises(Refused) as caught:
        compile_plan(change(request), catalogue, policies)
    found = {reason.thing for reason in caught.value.reasons}
    for thing in things:
        expected = thing.format(first=request.tables[0], place=request.variables[0].place)
        assert any(name == expected or name.startswith(f"{expected} ") for name in found)
    for reason in caught.value.reasons:
        assert reason.zh
        assert reason.en
        assert reason.rule


def test_all_reasons_of_a_refusal_come_at_once(example: tuple[Request, Catalogue], policies: PolicySet) -> None:
    request, catalogue = example
    worst = replace(
        request,
        applicant=replace(request.applicant, kind=ApplicantKind.UNIVERSITY, industrial_park=False),
        purpose=replace(request.purpose, non_profit=False),
        safeguards=replace(request.safeguards, abroad=True, passed_on=True, division="US", mlps=1),
        ethics=None,
        population="NOT_THERE = 1",
    )
    worst = with_variable(worst, Variable(request.tables[0], "NOT_THERE", "raw", "目录之外的字段"))
    with pytest.raises(Refused) as caught:
        compile_plan(worst, catalogue, policies)
    things = {reason.thing for reason in caught.value.reasons}
    assert things >= {
        "applicant.industrial_park",
        "purpose.non_profit",
        "safeguards.abroad",
        "safeguards.passed_on",
        "safeguards.division",
        "safeguards.mlps",
        "ethics",
        "population NOT_THERE",
        f"{request.tables[0]}.NOT_THERE",
    }
    regimes = {reason.rule.partition(".")[0] for reason in caught.value.reasons}
    assert {"baseline", "fuzhou"} <= regimes
    assert all(reason.article for reason in caught.value.reasons if reason.rule.startswith(("baseline.", "fuzhou.")))


def test_consent_opens_what_is_the_patients_own_and_nothing_of_others(policies: PolicySet) -> None:
    request, catalogue = load("hospital")
    plan = compile_plan(replace(request, consent=Consent.WRITTEN), catalogue, policies)
    levels = {f"{t.name}.{c.output}": c.level for t in plan.tables for c in t.columns}
    assert levels["patients.BRXM"] == levels["patients.SFZJHM"] == "raw"
    assert levels["admissions.ZZYS"] == "pseudonym"
    assert levels["notes.JLNR"] == "surrogate"


def test_the_hospitals_catalogue_describes_every_column_by_its_name() -> None:
    _, catalogue = load("hospital")
    described = {table.name: (table.zh, [(c.name, c.zh) for c in table.columns]) for table in TABLES}
    catalogued = {table.name: (table.zh, [(f.name, f.zh) for f in table.fields]) for table in catalogue.tables}
    assert catalogued == described


@pytest.mark.skipif(
    not SYNTHEA.is_dir(), reason="the Synthea tables are not on this machine (../shared/data/tables/synthea)"
)
def test_the_synthea_catalogue_describes_every_column() -> None:
    _, catalogue = load("synthea")
    for table in catalogue.tables:
        with (SYNTHEA / table.location.path).open(encoding="utf-8", newline="") as file:
            assert tuple(next(csv.reader(file))) == table.field_names


@pytest.mark.skipif(
    not DIABETES.is_file(), reason="the diabetes table is not on this machine (../shared/data/tables/diabetes130)"
)
def test_the_diabetes_catalogue_describes_every_column() -> None:
    _, catalogue = load("diabetes130")
    with zipfile.ZipFile(DIABETES) as archive, archive.open("dataset_diabetes/diabetic_data.csv") as file:
        header = next(csv.reader(io.TextIOWrapper(file, "utf-8")))
    assert tuple(header) == catalogue.tables[0].field_names
