"""The proof of minimality finds what the compiler could do wrong: it is written against the algebra alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from extractor.catalogue import Catalogue, Subject, ValueFormat
from extractor.demo.sources import example_folder
from extractor.engines.relations import relation
from extractor.errors import Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.plans.compile import compile_plan
from extractor.plans.minimality import check_minimal, columns_read
from extractor.plans.nodes import (
    Aggregate,
    Derive,
    Join,
    KnownValue,
    Node,
    Plan,
    Scan,
    SemiJoin,
    TablePlan,
    scans,
)

DTYPES = {
    ValueFormat.TEXT: pl.String(), ValueFormat.INTEGER: pl.Int64(), ValueFormat.DECIMAL: pl.Float64(),
    ValueFormat.DATE: pl.Date(), ValueFormat.DATETIME: pl.Datetime("us"), ValueFormat.BOOLEAN: pl.Boolean(),
}  # fmt: skip
POLICIES = load_policies(("fuzhou",))


def plan_of(name: str) -> Plan:
    folder = example_folder(name)
    return compile_plan(read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml"), POLICIES)


SMALL, HOSPITAL = plan_of("minimal"), plan_of("hospital")


def scans_grown(node: Node, table: str, column: str) -> tuple[Node, ...]:
    """Return the node once for each of its scans of a table, with a column more in that one scan."""
    if isinstance(node, Scan):
        return (replace(node, columns=(*node.columns, column)),) if node.table == table else ()
    grown = [replace(node, input=below) for below in scans_grown(node.input, table, column)]
    if isinstance(node, SemiJoin | Join):
        grown += [replace(node, other=below) for below in scans_grown(node.other, table, column)]
    return tuple(grown)


def with_table(plan: Plan, at: int, table: TablePlan) -> Plan:
    return replace(plan, tables=(*plan.tables[:at], table, *plan.tables[at + 1 :]))


def told(plan: Plan) -> set[str]:
    with pytest.raises(Refused) as caught:
        check_minimal(plan)
    assert all(
        reason.rule == "fuzhou.art_23_minimal" and "第二十三条" in reason.article for reason in caught.value.reasons
    )
    return {reason.thing for reason in caught.value.reasons}


def test_a_surplus_column_in_any_scan_of_any_table_is_found() -> None:
    planted = 0
    for plan in (SMALL, HOSPITAL):
        for at, table in enumerate(plan.tables):
            for source in columns_read(plan):
                for root in scans_grown(table.root, source, "SURPLUS"):
                    assert isinstance(root, Derive)
                    assert told(with_table(plan, at, replace(table, root=root))) == {f"{source}.SURPLUS"}
                    planted += 1
    assert planted > 10


def test_a_real_column_of_another_tables_need_is_surplus_where_it_is_not_needed() -> None:
    patients = SMALL.tables[0]
    (root,) = scans_grown(patients.root, "admissions", "COST")
    assert isinstance(root, Derive)
    assert told(with_table(SMALL, 0, replace(patients, root=root))) == {"admissions.COST"}


def without(node: Node, table: str, column: str) -> Node:
    if isinstance(node, Scan):
        kept = tuple(name for name in node.columns if name != column)
        return replace(node, columns=kept) if node.table == table else node
    below = replace(node, input=without(node.input, table, column))
    return replace(below, other=without(below.other, table, column)) if isinstance(below, SemiJoin | Join) else below


def computed(table: TablePlan, catalogue: Catalogue) -> pl.DataFrame:
    """Let the engine compute what the algebra asks for, from empty tables that hold the scanned columns and no others."""

    def opened(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        found = [(column, catalogue.field(name, column)) for column in columns]
        return pl.LazyFrame(schema={column: DTYPES[field.format] for column, field in found if field is not None})

    needed = {c.source for c in table.root.columns} | {k.column for k in table.known} | {table.root.person or ""}
    return relation(table.root.input, opened).select(sorted(needed - {""})).collect()


@pytest.mark.parametrize("name", ["minimal", "hospital"])
def test_the_engine_can_do_without_no_column_that_a_compiled_plan_reads(name: str) -> None:
    plan, catalogue = plan_of(name), read_catalogue(example_folder(name) / "catalogue.yaml")
    check_minimal(plan)
    for table in plan.tables:
        computed(table, catalogue)
        read = {(scan.table, column) for scan in scans(table.root) for column in scan.columns}
        for source, column in read:
            less = without(table.root, source, column)
            assert isinstance(less, Derive)
            with pytest.raises((pl.exceptions.ColumnNotFoundError, KeyError)):
                computed(replace(table, root=less), catalogue)


def test_a_known_value_beside_no_treated_text_is_no_reason_to_read() -> None:
    patients = SMALL.tables[0]
    (root, *_) = scans_grown(patients.root, "patients", "NAME")
    assert isinstance(root, Derive)
    known = (KnownValue("NAME", "person_name", Subject.PERSON),)
    assert told(with_table(SMALL, 0, replace(patients, root=root, known=known))) == {"patients.NAME"}


def test_an_output_column_that_nobody_decided_on_is_found() -> None:
    admissions = SMALL.tables[1]
    extra = replace(admissions.root.columns[0], output="COPY", source="COST", kind="amount", level="raw")
    grown = replace(admissions, root=replace(admissions.root, columns=(*admissions.root.columns, extra)))
    assert told(with_table(SMALL, 1, grown)) == {"admissions.COPY", "admissions.COST"}


CHANGES: dict[str, Callable[[TablePlan], TablePlan]] = {
    "finer than decided": lambda t: replace(
        t, root=replace(t.root, columns=(replace(t.root.columns[0], level="raw"), *t.root.columns[1:]))
    ),
    "decided and not given": lambda t: replace(t, root=replace(t.root, columns=t.root.columns[1:])),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_output_column_that_leaves_otherwise_than_decided_is_found(name: str) -> None:
    table = SMALL.tables[1]
    assert f"admissions.{table.root.columns[0].output}" in told(with_table(SMALL, 1, CHANGES[name](table)))


@pytest.mark.parametrize("level", ["age", "age_band_5", None, "decade"])
def test_ages_that_stand_in_a_text_more_finely_than_they_leave_elsewhere_are_found(level: str | None) -> None:
    (at,) = [at for at, table in enumerate(HOSPITAL.tables) if table.name == "notes"]
    assert HOSPITAL.tables[at].text_age == "age_band_10"
    assert told(with_table(HOSPITAL, at, replace(HOSPITAL.tables[at], text_age=level))) == {"notes.text_age"}
    check_minimal(with_table(HOSPITAL, at, replace(HOSPITAL.tables[at], text_age="none")))


def test_an_aggregate_needs_what_it_counts_by_and_the_person_and_nothing_else() -> None:
    table = SMALL.tables[1]
    counted = Aggregate(table.root.input, ("DIAGNOSIS",), "PATIENT_ID", 5)
    assert told(with_table(SMALL, 1, replace(table, root=replace(table.root, input=counted)))) == {"admissions.COST"}


def test_a_source_field_that_leaves_twice_is_found() -> None:
    table = SMALL.tables[1]
    twice = replace(table.root.columns[0], output="AGAIN"), replace(table.columns[0], output="AGAIN")
    root = replace(table.root, columns=(*table.root.columns, twice[0]))
    grown = replace(table, root=root, columns=(*table.columns, twice[1]))
    assert told(with_table(SMALL, 1, grown)) == {f"admissions.{table.columns[0].source}"}
