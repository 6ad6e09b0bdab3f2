"""The rows that leave, computed from small tables: who is bound to what, and what becomes of a failure inside the engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractor.catalogue import Catalogue, PersonLink, ValueFormat
from extractor.deid.classes import build_classes
from extractor.deid.pseudonyms import ProjectKeys
from extractor.demo.sources import example_folder
from extractor.engines.release import Release, Trap
from extractor.errors import ExtractorError, MemoryShort, RecogniserFailed, SourceError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.requests import Period, Request, Variable
from extractor.sources.files import reading

HOSPITAL = read_catalogue(example_folder("hospital") / "catalogue.yaml")
STROKE = read_request(example_folder("hospital") / "request.yaml")
FUZHOU = load_policies(("fuzhou",))
YEAR = Period(date(2025, 1, 1), date(2025, 12, 31))

SECRET = "张晓梅"
HOSPITAL_COLUMNS = {table.name: tuple(f.name for f in table.fields) for table in HOSPITAL.tables}

# One person with three stays: before the period, in it with a stroke, in it without; and one without a stroke.
STAYS = {"a1": ("a", 2024, "I63"), "a2": ("a", 2025, "I63"), "a3": ("a", 2025, "E11"), "b1": ("b", 2025, "E11")}
BY_STAY: dict[str, dict[str, Any]] = {
    "admissions": {"RYRQ": [datetime(year, 6, 1) for _, year, _ in STAYS.values()], "JBDM": [i for *_, i in STAYS.values()]},
    "diagnoses": {"JBDM": [i for *_, i in STAYS.values()]},
    "charges": {"SFRQ": [date(2025, 6, 2)] * 4},
    "notes": {"JLSJ": [datetime(2025, 6, 2)] * 4, "JLNR": ["患者72岁。"] * 4},
}  # fmt: skip
DTYPES = {
    ValueFormat.TEXT: pl.String(), ValueFormat.INTEGER: pl.Int64(), ValueFormat.DECIMAL: pl.Float64(),
    ValueFormat.DATE: pl.Date(), ValueFormat.DATETIME: pl.Datetime("us"), ValueFormat.BOOLEAN: pl.Boolean(),
}  # fmt: skip


def opened(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
    if name == "patients":
        rows: dict[str, Any] = {"BAH": ["a", "b", "c"], "XB": ["1", "2", "1"]}
    else:
        rows = {"ZYH": list(STAYS), "BAH": [person for person, *_ in STAYS.values()], **BY_STAY[name]}
    frame = pl.DataFrame(rows)
    table = HOSPITAL.table(name)
    assert table is not None
    blank = [pl.lit(None, DTYPES[f.format]).alias(f.name) for f in table.fields if f.name not in rows]
    return frame.with_columns(blank).lazy().select(columns)


def planned(
    *places: str,
    population: str = "",
    catalogue: Catalogue = HOSPITAL,
    change: Callable[[Request], Request] = lambda r: r,
) -> Plan:
    variables = []
    for place in places:
        table, _, name = place.partition(".")
        found = HOSPITAL.field(table, name)
        assert found is not None
        level = {"record_number": "pseudonym", "free_text": "surrogate"}.get(found.kind)
        finest = {"icd10": "full", "event_date": "shifted_day", "event_time": "shifted_day", "birth_date": "year"}
        variables.append(Variable(table, name, level or finest.get(found.kind, "raw"), "研究需要"))
    request = replace(STROKE, variables=tuple(variables), population=population, period=YEAR)
    return compile_plan(change(request), catalogue, FUZHOU)


def release(plan: Plan) -> Release:
    return Release(plan, opened, ProjectKeys.derive(b"r" * 32, "p"))


def left(plan: Plan, table: str) -> list[str]:
    """Return the stays (or persons) whose rows leave in a table."""
    (found,) = [t for t in plan.tables if t.name == table]
    column = "BAH" if table == "patients" else "ZYH"
    return sorted(release(plan).rows(found).select(column).collect(engine="streaming")[column])


# --- which rows leave ------------------------------------------------------------------------------------------------


def test_rows_of_stays_outside_the_period_do_not_leave_with_a_table_that_has_no_date() -> None:
    plan = planned("patients.BAH", "admissions.ZYH", "diagnoses.ZYH", "charges.ZYH", "notes.ZYH")
    for table in ("admissions", "diagnoses", "charges", "notes"):
        assert left(plan, table) == ["a2", "a3", "b1"]
    assert left(plan, "patients") == ["a", "b"]


def test_rows_of_stays_that_do_not_fit_the_population_do_not_leave() -> None:
    plan = planned(
        "patients.BAH", "admissions.ZYH", "diagnoses.ZYH", "charges.ZYH", "notes.ZYH", "notes.JLNR",
        population="admissions.JBDM LIKE 'I6%'",
    )  # fmt: skip
    for table in ("admissions", "diagnoses", "charges", "notes"):
        assert left(plan, table) == ["a2"]
    assert left(plan, "patients") == ["a"]


def test_a_link_binds_even_where_the_linked_table_is_not_asked_for() -> None:
    assert left(planned("diagnoses.ZYH"), "diagnoses") == ["a2", "a3", "b1"]
    assert left(planned("diagnoses.ZYH", "charges.ZYH"), "diagnoses") == ["a2", "a3", "b1"]


def test_a_linked_table_is_bound_by_person_to_the_tables_that_it_has_no_link_to() -> None:
    plan = planned("diagnoses.ZYH", population="patients.XB = '2' AND admissions.JBDM IS NOT NULL")
    assert left(plan, "diagnoses") == ["b1"]
    # A condition on what is linked restricts the persons only: a stay without such a row of its own leaves.
    plan = planned("admissions.ZYH", "diagnoses.ZYH", population="diagnoses.JBDM = 'I63'")
    assert left(plan, "admissions") == ["a2", "a3"]
    assert left(plan, "diagnoses") == ["a2"]


def test_a_persons_row_outside_the_period_does_not_make_them_one_of_the_population() -> None:
    old = {**STAYS, "b0": ("b", 2024, "I63")}
    rows = {"RYRQ": [datetime(year, 6, 1) for _, year, _ in old.values()], "JBDM": [i for *_, i in old.values()]}

    def with_old(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        if name == "patients":
            return opened(name, columns)
        more = {"JBDM": rows["JBDM"]} if name == "diagnoses" else rows
        keys = {"ZYH": list(old), "BAH": [person for person, *_ in old.values()]}
        return pl.LazyFrame({**keys, **more}).select(columns)

    plan = planned("patients.BAH", population="diagnoses.JBDM = 'I63'")
    made = Release(plan, with_old, ProjectKeys.derive(b"r" * 32, "p"))
    assert sorted(made.rows(plan.tables[0]).collect()["BAH"]) == ["a"]


def test_where_numbers_of_stays_are_not_said_to_be_unique_the_person_must_fit_as_well() -> None:
    tables = tuple(replace(t, key=()) if t.name == "admissions" else t for t in HOSPITAL.tables)
    plan = planned("diagnoses.ZYH", population="admissions.JBDM LIKE 'I6%'", catalogue=replace(HOSPITAL, tables=tables))

    def one_number(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        return opened(name, tuple({*columns, "ZYH"})).with_columns(ZYH=pl.lit("1")).select(columns)

    made = Release(plan, one_number, ProjectKeys.derive(b"r" * 32, "p"))
    assert set(made.rows(plan.tables[0]).collect()["BAH"]) == {"a"}


# --- what is computed ------------------------------------------------------------------------------------------------


def linked_only(catalogue: Catalogue, name: str) -> Catalogue:
    link = PersonLink("ZYH", "admissions", "ZYH")
    return replace(
        catalogue, tables=tuple(replace(t, person=None, link=link) if t.name == name else t for t in catalogue.tables)
    )


def test_values_are_counted_in_a_table_that_reaches_its_person_by_a_link_alone() -> None:
    plan = planned("diagnoses.XH", population="diagnoses.JBDM = 'I63'", catalogue=linked_only(HOSPITAL, "diagnoses"))
    assert plan.tables[0].root.person == "admissions.BAH"
    assert release(plan).unparsed(plan.tables[0]) == {}
    assert left_rows(release(plan), plan) == 1


def left_rows(made: Release, plan: Plan) -> int:
    return made.given(plan.tables[0]).collect(engine="streaming").height


@pytest.mark.parametrize(
    ("places", "level", "text"),
    [
        (("patients.BAH", "notes.JLNR"), "age_band_10", "患者70-79岁。"),
        (("patients.CSRQ", "notes.JLNR"), "age", "患者72岁。"),
    ],
)
def test_ages_in_text_leave_as_coarsely_as_the_plan_says(places: tuple[str, ...], level: str, text: str) -> None:
    plan = planned(*places)
    (notes,) = [table for table in plan.tables if table.name == "notes"]
    assert notes.text_age == level
    given = release(plan).given(notes).collect(engine="streaming")
    assert set(given["JLNR"]) == {text}
    undecided = replace(notes, text_age=None)
    assert set(release(plan).given(undecided).collect(engine="streaming")["JLNR"]) == {"患者〔年龄〕。"}


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bug", [KeyError(SECRET), AttributeError("x"), TypeError("x"), ValueError("x"), RuntimeError("x")]
)
def test_a_bug_inside_the_engine_stays_what_it_is(bug: Exception) -> None:
    def broken(_: pl.DataFrame) -> pl.DataFrame:
        raise bug

    frame = pl.LazyFrame({"c": [1, 2]}).map_batches(broken, schema={"c": pl.Int64()}, streamable=True)
    with pytest.raises(type(bug)) as caught, Trap().reading("t"):
        frame.collect(engine="streaming")
    assert not isinstance(caught.value, ExtractorError)


@pytest.mark.parametrize(
    "failure", [pl.exceptions.ComputeError(SECRET), OSError(SECRET), pl.exceptions.PanicException(SECRET)]
)
def test_what_polars_raises_comes_out_without_its_text(failure: BaseException) -> None:
    with pytest.raises(SourceError) as caught, Trap().reading("t"):
        raise failure
    assert SECRET not in str(caught.value.as_json())
    assert caught.value.thing == "t"


def test_an_error_of_ours_that_polars_made_another_of_comes_out_first() -> None:
    for failure in (pl.exceptions.ComputeError("x"), KeyError("x"), pl.exceptions.PanicException("x")):
        trap = Trap()
        trap.keep(RecogniserFailed("stopped", zh="中止"))
        with pytest.raises(RecogniserFailed), trap.reading("t"):
            raise failure


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_who_stops_the_process_or_a_generator_is_not_answered_with_an_error(stop: BaseException) -> None:
    with pytest.raises(type(stop)), Trap().reading("t"):
        raise stop


SHORT = [
    MemoryError(),
    OSError(12, "Cannot allocate memory"),
    pl.exceptions.ComputeError("query aborted: spilled data exceeded the out-of-core disk budget, increase …"),
    pl.exceptions.PanicException(
        'called `Result::unwrap()` on an `Err`: Panic(Id(6), "__POLARS_ABORT_OOC_OUT_OF_DISK")'
    ),
]


@pytest.mark.parametrize("failure", SHORT)
def test_too_little_memory_is_said_to_be_that_and_not_a_damaged_source(failure: BaseException) -> None:
    for block in (Trap().reading("t"), reading("t")):
        with pytest.raises(MemoryShort, match="more memory is needed; nothing was spilled") as caught, block:
            raise failure
        assert caught.value.exit_code == 3


def test_polars_says_so_itself_where_it_may_not_spill(tmp_path: Path) -> None:
    script = """
import polars as pl
from extractor.engines.release import Trap
from extractor.errors import MemoryShort
frame = pl.LazyFrame({"a": range(2_000_000)}).with_columns(b=pl.col("a").hash()).sort("b")
try:
    with Trap().reading("t"):
        frame.collect(engine="streaming")
except MemoryShort:
    print("short")
"""
    environment = {
        "POLARS_OOC_DISK_BUDGET_MB": "0", "POLARS_OOC_MEMORY_BUDGET_MB": "1", "POLARS_OOC_DRIFT_THRESHOLD": "1000000",
        "POLARS_OOC_SPILL_MIN_BYTES": "1000", "POLARS_OOC_SPILL_DIR": str(tmp_path), "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout == "short\n"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- one person in several spellings --------------------------------------------------------------------------------

SPELLINGS = ["a", "a ", " a", "\u200ba", "ａ", "a\t"]


def _stays_of(people: list[str | None]) -> Callable[[str, tuple[str, ...]], pl.LazyFrame]:
    def open_them(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        frame = opened(name, HOSPITAL_COLUMNS[name]).collect()
        if name == "admissions":
            frame = frame.clear(len(people)).with_columns(
                pl.Series("BAH", people, dtype=pl.String),
                pl.Series("ZYH", [f"s{row}" for row in range(len(people))]),
                pl.lit(datetime(2025, 6, 1)).alias("RYRQ"),
            )
        return frame.lazy().select(columns)

    return open_them


def test_one_person_in_six_spellings_is_one_at_the_gate_and_in_the_pseudonym() -> None:
    plan = planned("admissions.BAH", "admissions.JBDM")
    made = replace(release(plan), open_table=_stays_of([*SPELLINGS, "b"]))
    prints = made.for_risk(plan.tables[0], sensitive=False).frame
    assert isinstance(prints, pl.LazyFrame)
    assert prints.select(pl.col("(person)").n_unique()).collect().item() == 2
    given = made.given(plan.tables[0]).collect()
    assert given["BAH"].n_unique() == 2


def test_a_blank_key_is_nobody() -> None:
    plan = planned("admissions.BAH", "admissions.JBDM")
    made = replace(release(plan), open_table=_stays_of(["b", "", " ", "\u3000", "\u200b", None]))
    assert made.given(plan.tables[0]).collect().height == 1
    assert build_classes([made.for_risk(plan.tables[0], sensitive=False)]).persons == 1


def test_the_finders_of_a_run_search_its_texts() -> None:
    from extractor.catalogue import TermKind
    from extractor.deid.finders import Finders
    from extractor.deid.free_text import RECOGNISERS
    from extractor.deid.site_terms import SiteTerms

    def with_nickname(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        frame = opened(name, columns)
        return frame.with_columns(pl.lit("转小白楼观察").alias("JLNR")) if "JLNR" in columns else frame

    plan = planned("notes.BAH", "notes.JLNR")
    table = next(table for table in plan.tables if table.name == "notes")
    terms = SiteTerms({TermKind.PLACE: frozenset({"小白楼"})})
    made = Release(
        plan, with_nickname, ProjectKeys.derive(b"r" * 32, "p"), finders=Finders(terms.recognisers(RECOGNISERS))
    )
    output = next(c.output for c in table.columns if c.kind == "free_text")
    assert set(made.given(table).collect()[output].to_list()) == {"转〔地址〕观察"}
