"""The compiler: the rule of the level, every reason of a refusal at once, the smallest algebra, and a digest that binds all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from enum import Enum
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes, digest
from extractor.catalogue import Catalogue, Field, FieldClass, PersonLink, SharingClass, UseMode, ValueFormat
from extractor.decode import from_json_text
from extractor.demo.sources import example_folder
from extractor.errors import ConfigurationError, ExtractorError, FormError, Reason, Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES, hierarchy_of
from extractor.plans.compile import PERSON_DOMAIN, compile_plan
from extractor.plans.minimality import columns_read
from extractor.plans.nodes import (
    AllOf,
    Compare,
    Filter,
    Join,
    Node,
    Operator,
    Plan,
    Scan,
    SemiJoin,
    TablePlan,
    inputs,
)
from extractor.policy import Policy
from extractor.policy_rules import Ceiling, KindLevel, Rule
from extractor.policy_set import PolicySet
from extractor.policy_words import Status
from extractor.requests import Consent, Request, SharingMode, Variable
from extractor.selection import Selector

HOSPITAL = read_catalogue(example_folder("hospital") / "catalogue.yaml")
STROKE = read_request(example_folder("hospital") / "request.yaml")
SMALL = read_catalogue(example_folder("minimal") / "catalogue.yaml")
DIABETES = read_request(example_folder("minimal") / "request.yaml")
FUZHOU = load_policies(("fuzhou",))


def compiled(request: Request = DIABETES, catalogue: Catalogue = SMALL, policies: PolicySet = FUZHOU) -> Plan:
    return compile_plan(request, catalogue, policies)


def refusals(
    request: Request = DIABETES, catalogue: Catalogue = SMALL, policies: PolicySet = FUZHOU
) -> dict[str, list[Reason]]:
    with pytest.raises(Refused) as caught:
        compile_plan(request, catalogue, policies)
    found: dict[str, list[Reason]] = {}
    for reason in caught.value.reasons:
        assert reason.rule
        assert reason.zh
        assert reason.en
        found.setdefault(reason.thing, []).append(reason)
    return found


def asking(request: Request, *variables: Variable) -> Request:
    return replace(request, variables=(*request.variables, *variables))


def only(request: Request, *variables: Variable, population: str = "") -> Request:
    return replace(request, variables=variables, population=population)


def changed(catalogue: Catalogue, place: str, **changes: Any) -> Catalogue:
    """Return the catalogue with a table (``t``) or a field (``t.F``) changed."""
    table_name, _, name = place.partition(".")
    tables = []
    for table in catalogue.tables:
        if table.name != table_name:
            tables.append(table)
        elif not name:
            tables.append(replace(table, **changes))
        else:
            tables.append(
                replace(table, fields=tuple(replace(f, **changes) if f.name == name else f for f in table.fields))
            )
    return replace(catalogue, tables=tuple(tables))


def moved(catalogue: Catalogue, table: str, division: str) -> Catalogue:
    found = catalogue.table(table)
    assert found is not None
    return changed(catalogue, table, location=replace(found.location, division=division))


def variable(table: str, name: str, level: str, coarsest: str | None = None) -> Variable:
    return Variable(table, name, level, "研究需要", coarsest)


def table_of(plan: Plan, name: str) -> TablePlan:
    return next(table for table in plan.tables if table.name == name)


def nodes(node: Node) -> list[Node]:
    return [node, *(inner for below in inputs(node) for inner in nodes(below))]


def levels(plan: Plan) -> dict[str, str]:
    return {f"{t.name}.{c.output}": c.level for t in plan.tables for c in t.columns}


# --- the level -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HIERARCHIES)
def test_the_level_is_the_coarser_of_what_is_needed_and_what_is_allowed(kind: str) -> None:
    cls = FieldClass.QUASI if kind in ("birth_date", "address", "category") else FieldClass.DIRECT
    catalogue = changed(SMALL, "patients.SEX", kind=kind, cls=cls)
    hierarchy = hierarchy_of(kind)
    for level, consent, mode in product(
        hierarchy.names, (Consent.WAIVER, Consent.WRITTEN), (SharingMode.PUBLIC, SharingMode.CONTROLLED)
    ):
        asked = replace(
            only(DIABETES, variable("patients", "SEX", level), variable("patients", "PATIENT_ID", "pseudonym")),
            consent=consent, mode=mode,
        )  # fmt: skip
        plan = compiled(asked, catalogue)
        (column,) = [c for c in (*plan.dropped, *plan.tables[0].columns) if c.source == "SEX"]
        assert column.level == hierarchy.coarser(level, column.ceiling)
        assert column.technique is hierarchy.level(column.level).technique
        assert column.coarsened is (column.level != level)
        assert column.cited
        assert (column.level == "none") is (column in plan.dropped)
        assert not column.quasi or column.cls in (FieldClass.DIRECT, FieldClass.QUASI)


def test_a_coarser_wish_is_granted_and_a_finer_one_is_cut_to_the_ceiling() -> None:
    found = levels(compiled(only(DIABETES, variable("patients", "BIRTH", "age_band_10"))))
    assert found["patients.BIRTH"] == "age_band_10"
    found = levels(compiled(only(DIABETES, variable("patients", "BIRTH", "day"))))
    assert found["patients.BIRTH"] == "age"


def test_over_asking_is_refused_with_rule_article_and_what_would_do_where_coarser_is_of_no_use() -> None:
    found = refusals(asking(DIABETES, variable("patients", "ID_NO", "raw", "raw")))
    (reason,) = found["patients.ID_NO"]
    assert reason.rule.partition(".")[0] in ("baseline", "fuzhou")
    assert "第" in reason.article
    assert reason.allowed_zh == reason.allowed_en == "pseudonym"
    assert levels(compiled(asking(DIABETES, variable("patients", "ID_NO", "raw", "pseudonym"))))["patients.ID_NO"]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_every_reason_is_given_at_once_even_those_of_one_field() -> None:
    catalogue = changed(SMALL, "patients.NAME", use=(UseMode.ANALYSE,), category="别的类目")
    catalogue = moved(catalogue, "admissions", "810000")
    worst = replace(
        DIABETES,
        catalogue="another",
        ethics=None,
        population="nothing = 1 AND lower(patients.SEX) = 'x'",
        safeguards=replace(DIABETES.safeguards, abroad=True, passed_on=True, mlps=1, division="110"),
        variables=(
            *DIABETES.variables,
            variable("patients", "NAME", "finest", "coarsest"),
            variable("patients", "SEX", "raw"),
            variable("patients", "ID_NO", "raw", "raw"),
            variable("patients", "nothing", "raw"),
            variable("nowhere", "nothing", "raw"),
        ),
    )
    found = refusals(worst, catalogue)
    assert set(found) == {
        "catalogue", "patients.SEX", "patients.NAME", "patients.ID_NO", "patients.nothing", "nowhere.nothing", "ethics",
        "safeguards.abroad", "safeguards.passed_on", "safeguards.mlps", "safeguards.division",
        "admissions.location.division", "population nothing", "population Lower",
    }  # fmt: skip
    assert {reason.rule for reason in found["patients.NAME"]} == {
        "fuzhou.art_9_categories", "fuzhou.art_11_catalogue", "level",
    }  # fmt: skip
    assert len([reason for reason in found["patients.NAME"] if reason.rule == "level"]) == 2


def test_a_field_outside_the_catalogue_is_answered_with_those_inside() -> None:
    found = refusals(asking(DIABETES, variable("patients", "PHONE", "raw"), variable("labs", "VALUE", "raw")))
    assert "PATIENT_ID, ID_NO, NAME" in found["patients.PHONE"][0].allowed_en
    assert found["labs.VALUE"][0].allowed_en == "patients, admissions"
    assert found["labs.VALUE"][0].article == "榕政综〔2017〕122号 第十一条"


def test_a_field_that_no_rule_bounds_does_not_leave() -> None:
    rule = Rule("r", "第一条", "…")
    policy = Policy(
        "own", "自有", "文", "机关", Status.IN_FORCE, date(2020, 1, 1), "350100",
        ceilings=(Ceiling(rule, Selector(), (KindLevel("category", "raw"),)),),
        chains=FUZHOU.policies[0].chains,
        risk=FUZHOU.policies[0].risk,
    )  # fmt: skip
    asked = only(DIABETES, variable("patients", "SEX", "raw"), variable("patients", "BIRTH", "age_band_10"))
    found = refusals(asked, policies=PolicySet((policy,)))
    assert set(found) == {"patients.BIRTH"}
    assert found["patients.BIRTH"][0].rule == "ceiling"
    found = refusals(asked, policies=PolicySet((replace(policy, chains=()),)))
    assert {"request", "patients.BIRTH"} == set(found)
    assert found["request"][0].rule == "chains"


def test_a_field_asked_for_twice_is_refused_once() -> None:
    found = refusals(asking(DIABETES, DIABETES.variables[0], DIABETES.variables[0]))
    (reason,) = found["patients.PATIENT_ID"]
    assert (reason.rule, reason.article) == ("fuzhou.art_23_minimal", "榕政综〔2017〕122号 第二十三条")
    (reason,) = refusals(asking(DIABETES, DIABETES.variables[0]), policies=load_policies(()))["patients.PATIENT_ID"]
    assert reason.rule.partition(".")[0] in ("minimal", "baseline")


@pytest.mark.parametrize("division", ["110", "US", "810000", "710000", "820000", "３５０１００", ""])
def test_every_table_that_the_plan_reads_must_lie_within_the_residency(division: str) -> None:
    for name in ("patients", "admissions"):
        assert set(refusals(catalogue=moved(SMALL, name, division))) == {f"{name}.location.division"}


def test_a_table_that_only_the_population_a_link_or_a_text_reaches_must_lie_within_the_residency_too() -> None:
    by_population = only(DIABETES, variable("patients", "SEX", "raw"), population="admissions.DIAGNOSIS = 'E11'")
    assert set(refusals(by_population, moved(SMALL, "admissions", "US"))) == {"admissions.location.division"}
    by_text = only(STROKE, variable("notes", "JLNR", "surrogate"))
    for name in ("admissions", "patients", "notes"):
        assert set(refusals(by_text, moved(HOSPITAL, name, "US"))) == {f"{name}.location.division"}
    assert compiled(only(STROKE, variable("notes", "JLLX", "raw")), moved(HOSPITAL, "patients", "US"))


def test_where_nothing_may_be_given_there_is_no_plan() -> None:
    found = refusals(only(DIABETES, variable("patients", "NAME", "raw")))
    assert set(found) == {"variables"}


def test_a_condition_on_a_restricted_field_takes_the_chain_of_that_field() -> None:
    asked = only(DIABETES, variable("patients", "SEX", "raw"), population="patients.ADDRESS LIKE '福建%'")
    few = [step.id for step in compiled(asked).steps]
    sharing = replace(SMALL.tables[0].fields[0].sharing, mode=SharingClass.RESTRICTED)
    many = [step.id for step in compiled(asked, changed(SMALL, "patients.ADDRESS", sharing=sharing)).steps]
    assert {"authority_digital", "authority_health"} <= set(many) - set(few)


# --- the algebra -----------------------------------------------------------------------------------------------------


def test_period_and_population_are_filters_on_the_scan() -> None:
    plan = compiled()
    root = table_of(plan, "admissions").root.input
    assert isinstance(root, Filter)
    assert isinstance(root.input, Scan)
    assert isinstance(root.predicate, AllOf)
    assert [(p.field, p.operator, p.value) for p in root.predicate.operands if isinstance(p, Compare)] == [
        ("DIAGNOSIS", Operator.STARTS_WITH, "E11"),
        ("ADMITTED", Operator.GREATER_EQUAL, "2024-01-01"),
        ("ADMITTED", Operator.LESS, "2026-01-01"),
    ]


def test_a_table_without_a_period_is_restricted_to_the_persons_of_the_anchor() -> None:
    for population in ("", DIABETES.population):
        plan = compiled(replace(DIABETES, population=population))
        patients, admissions = table_of(plan, "patients").root.input, table_of(plan, "admissions").root.input
        assert isinstance(patients, SemiJoin)
        assert (patients.on, patients.key) == ("PATIENT_ID", "PATIENT_ID")
        assert isinstance(patients.other, Filter)
        assert isinstance(admissions, Filter)
        assert patients.other.predicate == admissions.predicate


def test_a_population_without_a_date_does_not_open_the_undated_rows_of_other_years() -> None:
    plan = compiled(replace(DIABETES, population="patients.SEX = '女'"))
    patients, admissions = table_of(plan, "patients").root.input, table_of(plan, "admissions").root.input
    assert isinstance(patients, SemiJoin)
    assert {scan.table for scan in nodes(patients) if isinstance(scan, Scan)} == {"patients", "admissions"}
    assert [type(node) for node in nodes(admissions)] == [SemiJoin, Filter, Scan, Filter, Scan]


def test_a_linked_table_reaches_its_person_and_the_persons_names() -> None:
    catalogue = changed(
        HOSPITAL, "notes", person=None, link=PersonLink("ZYH", "admissions", "ZYH"),
    )  # fmt: skip
    table = table_of(compiled(STROKE, catalogue), "notes")
    assert table.root.person == "admissions.BAH"
    identity, visit = [node for node in nodes(table.root) if isinstance(node, Join)]
    assert (visit.on, visit.key, identity.on, identity.key) == ("ZYH", "ZYH", "admissions.BAH", "BAH")
    assert "BAH" in visit.take
    assert {"BRXM", "DH", "SFZJHM", "CSRQ"} <= set(identity.take)
    assert {"patients.BRXM", "patients.CSRQ"} <= {value.column for value in table.known}
    (semi,) = [node for node in nodes(table.root) if isinstance(node, SemiJoin)]
    assert (semi.on, semi.key) == ("ZYH", "ZYH")
    assert isinstance(semi.other, Filter)


def test_text_without_a_known_name_is_warned_of() -> None:
    assert not [warning for warning in compiled(STROKE, HOSPITAL).warnings if "患者姓名" in warning]
    nameless = changed(HOSPITAL, "patients", identity=False)
    assert [warning for warning in compiled(STROKE, nameless).warnings if "患者姓名" in warning]


def test_a_population_is_not_described_by_direct_identifiers() -> None:
    asked = replace(STROKE, population="patients.SFZJHM = '110101199003074610'")
    with pytest.raises(Refused, match="direct identifiers") as refused:
        compiled(asked, HOSPITAL)
    assert "110101199003074610" not in refused.value.text("zh") + refused.value.text("en")


def test_a_table_is_bound_to_the_kept_rows_of_what_it_is_linked_to() -> None:
    plan = compiled(STROKE, HOSPITAL)
    stays = table_of(plan, "admissions").root.input
    assert isinstance(stays, Filter)
    for name in ("diagnoses", "charges", "notes"):
        (semi,) = [node for node in nodes(table_of(plan, name).root) if isinstance(node, SemiJoin)]
        assert (semi.on, semi.key) == ("ZYH", "ZYH")
        assert isinstance(semi.other, Filter)
        assert semi.other.predicate == stays.predicate
    (semi,) = [node for node in nodes(table_of(plan, "patients").root) if isinstance(node, SemiJoin)]
    assert (semi.on, semi.key) == ("BAH", "BAH")


def test_links_are_followed_to_their_end() -> None:
    catalogue = changed(HOSPITAL, "charges", period=None, link=PersonLink("ZYH", "diagnoses", "ZYH"))
    plan = compiled(only(STROKE, variable("charges", "JE", "raw")), catalogue)
    read = [scan.table for scan in nodes(table_of(plan, "charges").root) if isinstance(scan, Scan)]
    assert read == ["charges", "diagnoses", "admissions"]
    assert set(refusals(only(STROKE, variable("charges", "JE", "raw")), moved(catalogue, "admissions", "US"))) == {
        "admissions.location.division"
    }


def test_a_link_that_restricts_nothing_is_not_read() -> None:
    catalogue = changed(HOSPITAL, "admissions", period=None)
    plan = compiled(only(STROKE, variable("charges", "JE", "raw")), catalogue)
    assert set(columns_read(plan)) == {"charges"}


def test_persons_of_a_table_that_has_a_link_alone_restrict_other_tables() -> None:
    catalogue = changed(HOSPITAL, "diagnoses", person=None)
    asked = only(STROKE, variable("patients", "XB", "raw"), population="diagnoses.JBDM LIKE 'I6%'")
    root = table_of(compiled(asked, catalogue), "patients").root.input
    assert isinstance(root, SemiJoin)
    assert (root.on, root.key) == ("BAH", "admissions.BAH")


@pytest.mark.parametrize(
    ("place", "changes", "said"),
    [
        ("admissions", {"link": PersonLink("ZYH", "notes", "ZYH")}, "circle"),
        ("admissions", {"link": PersonLink("ZYH", "admissions", "ZYH")}, "circle"),
        ("admissions", {"key": ("ZYH", "BAH")}, "not unique"),
        ("notes", {"link": PersonLink("ZYH", "admissions", "XH")}, "no such key"),
    ],
)
def test_a_link_that_cannot_bind_is_a_fault_of_the_catalogue(place: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        changed(HOSPITAL, place, **changes)


def test_rows_may_be_bound_by_a_key_that_is_not_unique_where_nothing_is_taken_through_it() -> None:
    assert changed(HOSPITAL, "charges", link=PersonLink("ZYH", "diagnoses", "ZYH"))
    with pytest.raises(ConfigurationError, match="not unique"):
        changed(HOSPITAL, "charges", person=None, link=PersonLink("ZYH", "diagnoses", "ZYH"))


# --- ages in texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "age", "expected"),
    [
        ("age_band_10", None, "age_band_10"), ("age_band_5", "age_band_10", "age_band_5"), ("year", "age_band_10", "age"),
        (None, "age", "age"), (None, None, "age_band_10"), ("none", "none", "age_band_10"),
    ],
)  # fmt: skip
def test_ages_stand_in_a_text_as_finely_as_the_plan_gives_them(
    birth: str | None, age: str | None, expected: str
) -> None:
    asked = [
        variable("notes", "JLNR", "surrogate"),
        variable("notes", "JLLX", "raw"),
        variable("patients", "XB", "raw"),
    ]
    asked += [variable("patients", "CSRQ", birth)] if birth else []
    asked += [variable("admissions", "NL", age)] if age else []
    plan = compiled(replace(only(STROKE, *asked), consent=Consent.WRITTEN), HOSPITAL)
    assert table_of(plan, "notes").text_age == expected
    assert {table.text_age for table in plan.tables if table.name != "notes"} == {None}


def test_the_age_of_a_relative_says_nothing_of_the_patients_age() -> None:
    catalogue = changed(HOSPITAL, "patients.LXRGX", kind="age", sharing=HOSPITAL.tables[0].fields[0].sharing)
    asked = only(STROKE, variable("notes", "JLNR", "surrogate"), variable("patients", "LXRGX", "age"))
    plan = compiled(asked, catalogue)
    assert levels(plan)["patients.LXRGX"] == "age"
    assert table_of(plan, "notes").text_age == "age_band_10"


def test_the_person_key_has_one_domain_in_every_table_whatever_it_is_called() -> None:
    catalogue = changed(SMALL, "patients.PATIENT_ID", domain="p")
    catalogue = changed(catalogue, "admissions.PATIENT_ID", domain=None)
    plan = compiled(catalogue=catalogue)
    domains = {c.domain for t in plan.tables for c in t.root.columns if c.source == "PATIENT_ID"}
    assert domains == {PERSON_DOMAIN}
    others = {c.domain for t in plan.tables for c in t.root.columns if c.source != "PATIENT_ID"}
    assert PERSON_DOMAIN not in others


def test_known_values_are_read_only_where_a_text_is_treated() -> None:
    request = only(STROKE, variable("notes", "ZYH", "pseudonym"), variable("notes", "JLLX", "raw"))
    (without,) = compiled(request, HOSPITAL).tables
    assert without.known == ()
    assert not [node for node in nodes(without.root) if isinstance(node, Join)]
    (with_text,) = compiled(asking(request, variable("notes", "JLNR", "raw")), HOSPITAL).tables
    assert {"BAH", "patients.BRXM", "patients.DH", "patients.SFZJHM", "admissions.ZZYS"} <= {
        value.column for value in with_text.known
    }
    # The text that does not leave needs no search either.
    catalogue = changed(HOSPITAL, "notes.JLNR", kind="term", cls=FieldClass.DIRECT)
    (dropped,) = compiled(asking(request, variable("notes", "JLNR", "raw")), catalogue).tables
    assert dropped.known == ()


def test_a_field_that_is_not_given_is_not_read() -> None:
    plan = compiled(asking(DIABETES, variable("patients", "NAME", "raw"), variable("patients", "ID_NO", "none")))
    assert [column.output for column in plan.dropped] == ["patients.NAME", "patients.ID_NO"]
    assert not {"NAME", "ID_NO"} & columns_read(plan)["patients"]
    assert not {"patients.NAME", "patients.ID_NO"} & set(levels(plan))


def test_a_period_by_what_is_no_date_and_a_table_without_persons_are_faults_of_the_catalogue() -> None:
    with pytest.raises(ConfigurationError, match="the period column is not a date"):
        compiled(catalogue=changed(SMALL, "admissions.ADMITTED", format=ValueFormat.TEXT))
    with pytest.raises(ConfigurationError, match="without a person key"):
        compiled(catalogue=changed(SMALL, "admissions", person=None))


# --- one plan, one digest --------------------------------------------------------------------------------------------


def test_the_plan_comes_back_from_its_canonical_json() -> None:
    for plan in (compiled(), compiled(STROKE, HOSPITAL)):
        again = from_json_text(Plan, canonical_bytes(plan))
        assert again == plan
        assert again.digest == plan.digest == digest(plan)


def test_a_plan_holds_nothing_but_the_closed_kinds_of_node() -> None:
    text = canonical_bytes(compiled(STROKE, HOSPITAL)).decode()
    kinds: set[str] = set()

    def visit(value: Any) -> None:
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            visit(item)
        if isinstance(value, dict):
            kinds.update({value[key] for key in ("node", "is_") if key in value})

    visit(json.loads(text))
    assert kinds <= {
        "scan", "filter", "semi_join", "join", "derive", "compare", "one_of", "is_null", "not", "all_of", "any_of",
    }  # fmt: skip
    for known, other in (('"node":"scan"', '"node":"python"'), ('"is_":"compare"', '"is_":"sql"')):
        assert known in text
        with pytest.raises(FormError):
            from_json_text(Plan, text.replace(known, other))
    with pytest.raises(FormError):
        from_json_text(Plan, text.replace('"node":"scan"', '"code":"1","node":"scan"'))


def test_the_same_inputs_give_the_same_bytes() -> None:
    again = compile_plan(
        read_request(example_folder("hospital") / "request.yaml"),
        read_catalogue(example_folder("hospital") / "catalogue.yaml"),
        load_policies(("fuzhou",)),
    )
    assert canonical_bytes(again) == canonical_bytes(compiled(STROKE, HOSPITAL))


def other_leaf(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        members = list(type(value))
        return members[(members.index(value) + 1) % len(members)]
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, date):
        return value + timedelta(days=1)
    if value is None:
        return "x"
    return f"{value}x"


def mutations(value: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield (path, how to make the value with one leaf changed) for every leaf of a value, and with each item left out."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            if each.name in ("link", "mlps_at_least", "categories") and getattr(value, each.name) is None:
                continue  # Text would be no link, no grade and no list of categories at all.
            for path, make in mutations(getattr(value, each.name)):
                yield f".{each.name}{path}", lambda n=each.name, m=make: replace(value, **{n: m()})
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield f"[-{at}]", lambda at=at: (*value[:at], *value[at + 1 :])
            for path, make in mutations(item):
                yield f"[{at}]{path}", lambda at=at, m=make: (*value[:at], m(), *value[at + 1 :])
    else:
        yield "", lambda: other_leaf(value)


INPUTS = (DIABETES, SMALL, FUZHOU)
EVERY_MUTATION = [(which, *mutation) for which, value in enumerate(INPUTS) for mutation in mutations(value)]
PLAN_DIGEST = compiled().digest


@given(st.sampled_from(EVERY_MUTATION))
@settings(max_examples=120, deadline=None)
def test_the_digest_changes_with_anything_in_request_catalogue_or_policy(
    case: tuple[int, str, Callable[[], Any]],
) -> None:
    which, _, make = case
    try:
        mutated = tuple(make() if at == which else value for at, value in enumerate(INPUTS))
        plan = compile_plan(*mutated)
    except ExtractorError:
        return  # Refused, or no value of its kind: that is another answer too.
    assert plan.digest != PLAN_DIGEST


def test_the_mutations_reach_every_part() -> None:
    assert len(EVERY_MUTATION) > 1000
    assert {which for which, _, _ in EVERY_MUTATION} == {0, 1, 2}


def test_a_field_keeps_its_class_in_the_plan() -> None:
    found: dict[str, Field] = {f"{t.name}.{f.name}": f for t in SMALL.tables for f in t.fields}
    for table in compiled().tables:
        for column in table.columns:
            held = found[f"{table.name}.{column.source}"]
            assert (column.kind, column.cls, column.grade) == (held.kind, held.cls, held.grade)
