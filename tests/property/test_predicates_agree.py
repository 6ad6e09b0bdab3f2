"""Two engines, one meaning: polars filters the rows that SQLite selects by the same SQL text, NULLs and all."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.canonical import to_json
from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    Location,
    Sharing,
    SharingClass,
    Table,
    TableFormat,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.decode import from_json
from extractor.engines.relations import expression, relation
from extractor.plans.nodes import Filter, Scan
from extractor.plans.predicate import parse_population

FORMATS = {
    "T": ValueFormat.TEXT, "U": ValueFormat.TEXT, "I": ValueFormat.INTEGER, "F": ValueFormat.DECIMAL, "D": ValueFormat.DATE,
}  # fmt: skip
TYPES = {
    ValueFormat.TEXT: pl.String,
    ValueFormat.INTEGER: pl.Int64,
    ValueFormat.DECIMAL: pl.Float64,
    ValueFormat.DATE: pl.Date,
}
SHARING = Sharing(SharingClass.CONDITIONAL, "r", "b")
FIELDS = tuple(
    Field(
        name=name, zh=name, kind="category", cls=FieldClass.OTHER, grade=2, category="c", sharing=SHARING, responsible="u",
        format=form, attributes="", update=UpdatePeriod.DAILY, use=(UseMode.EXTRACT,),
    )
    for name, form in FORMATS.items()
)  # fmt: skip
TABLE = Table("rows", "行", Location("rows.csv", TableFormat.CSV, "350100"), FIELDS)
CATALOGUE = Catalogue("c", "1", "c", "s", date(2026, 1, 1), "350100", (TABLE,))

# Few letters, so that values meet; case, quotes, wildcards as values, and characters beyond the basic plane among them.
TEXT = st.text(alphabet="aAbI6%_'\\ 张😀é", max_size=3)
WHOLE = st.integers(-3, 3) | st.sampled_from([-(2**53) + 1, 2**53 - 1, 10**6])
DECIMAL = st.sampled_from([-1.5, -0.5, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 1e10, 1e-7]) | st.integers(-3, 3).map(float)
DAY = st.integers(-4, 4).map(lambda days: date(2024, 2, 29) + timedelta(days=days)) | st.just(date(1900, 1, 1))
VALUES = {ValueFormat.TEXT: TEXT, ValueFormat.INTEGER: WHOLE, ValueFormat.DECIMAL: DECIMAL, ValueFormat.DATE: DAY}
ROW = st.tuples(*(st.none() | VALUES[form] for form in FORMATS.values()))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def literals(draw: st.DrawFn, form: ValueFormat) -> str:
    value = draw(VALUES[form])
    if form in (ValueFormat.TEXT, ValueFormat.DATE):
        return quoted(str(value))
    if form is ValueFormat.DECIMAL and draw(st.booleans()):
        return f"{value:e}"
    return repr(value)


@st.composite
def atoms(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(FORMATS)))
    form = FORMATS[name]
    column = draw(st.sampled_from([name, f"rows.{name}", f'"{name}"']))
    sort = draw(st.sampled_from(["compare", "mirrored", "in", "between", "null", "like"]))
    negated = draw(st.sampled_from(["", "NOT "]))
    one = literals(form)
    operator = draw(st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]))
    if sort == "compare":
        return f"{column} {operator} {draw(one)}"
    if sort == "mirrored":
        return f"{draw(one)} {operator} {column}"
    if sort == "in":
        return f"{column} {negated}IN ({', '.join(draw(st.lists(one, min_size=1, max_size=4)))})"
    if sort == "between":
        return f"{column} {negated}BETWEEN {draw(one)} AND {draw(one)}"
    if sort == "null" or form is not ValueFormat.TEXT:
        return f"{column} IS {negated}NULL"
    core = draw(st.text(alphabet="aAbI6' 张😀", min_size=1, max_size=2))
    pattern = draw(st.sampled_from(["", "%"])) + core + draw(st.sampled_from(["", "%", "%%"]))
    return f"{column} {negated}LIKE {quoted(pattern)}"


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(st.sampled_from([" AND ", " OR "]), st.lists(inner, min_size=2, max_size=3))
    return inner.map("NOT ({})".format) | joined.map(lambda pair: "(" + pair[0].join(pair[1]) + ")")


PREDICATES = st.recursive(atoms(), _grown, max_leaves=7)


def by_sqlite(rows: list[tuple[object, ...]], predicate: str) -> list[int]:
    connection = sqlite3.connect(":memory:")
    try:
        # LIKE tells apart upper and lower case in PostgreSQL, whose SQL this is, and in SQLite only when told.
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute('CREATE TABLE rows (n INTEGER, "T" TEXT, "U" TEXT, "I" INTEGER, "F" REAL, "D" TEXT)')
        held = [(at, *(v.isoformat() if isinstance(v, date) else v for v in row)) for at, row in enumerate(rows)]
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", held)
        return [n for (n,) in connection.execute(f"SELECT n FROM rows WHERE {predicate} ORDER BY n")]
    finally:
        connection.close()


def frame(rows: list[tuple[object, ...]]) -> pl.LazyFrame:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in FORMATS]
    series = {
        name: pl.Series(values, dtype=TYPES[form])
        for (name, form), values in zip(FORMATS.items(), columns, strict=True)
    }
    return pl.LazyFrame(series).with_row_index("n")


POOLS: dict[str, list[str | int | float | date]] = {
    "T": ["", "a", "A", "aa", "b", "I6", "%", "_", "'", " a", "a ", "张", "😀", "é"],
    "I": [-(2**53) + 1, -1, 0, 1, 2, 2**53 - 1],
    "F": [-1.5, -1.0, 0.0, 0.1, 1.0, 1.5, 1e10, 1e-7],
    "D": [date(1900, 1, 1), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)],
}
TEMPLATES = (
    "{c} = {v}", "{c} <> {v}", "{c} < {v}", "{c} <= {v}", "{c} > {v}", "{c} >= {v}", "{v} < {c}", "{v} >= {c}", "NOT {c} < {v}",
    "{c} IN ({v})", "{c} NOT IN ({v})", "NOT ({c} = {v} OR {c} IS NULL)", "{c} BETWEEN {v} AND {v}",
    "{c} NOT BETWEEN {v} AND {v}", "{c} IS NULL OR {c} > {v}", "{c} IS NOT NULL AND NOT {c} >= {v}",
)  # fmt: skip


@pytest.mark.parametrize("name", POOLS)
def test_every_comparison_agrees_on_every_pair_of_values(name: str) -> None:
    at = list(FORMATS).index(name)
    rows = [tuple(value if place == at else None for place in range(len(FORMATS))) for value in (*POOLS[name], None)]
    held = frame(rows).collect().lazy()
    for value in POOLS[name]:
        literal = repr(value) if isinstance(value, int | float) else quoted(str(value))
        texts = [template.format(c=name, v=literal) for template in TEMPLATES]
        if name == "T":
            usable = str(value) and not set(str(value)) & set("%_")
            texts += [
                f"T {no}LIKE {quoted(f'{a}{value}{b}')}"
                for no in ("", "NOT ")
                for a in ("", "%")
                for b in ("", "%")
                if usable
            ]
        parsed = [parse_population(text, CATALOGUE)[0][1] for text in texts]
        kept = pl.collect_all([held.filter(expression(predicate)).select("n") for predicate in parsed])
        for text, found in zip(texts, kept, strict=True):
            assert found["n"].to_list() == by_sqlite(rows, text), text


@given(st.lists(ROW, max_size=12), PREDICATES)
@settings(max_examples=300, deadline=None)
def test_both_engines_keep_the_same_rows(rows: list[tuple[object, ...]], text: str) -> None:
    ((name, predicate),) = parse_population(text, CATALOGUE)
    again = from_json(Filter, to_json(Filter(Scan(name, ("n", *FORMATS)), predicate)))
    kept = relation(again, lambda _table, _columns: frame(rows)).select("n").collect(engine="streaming")
    assert kept["n"].to_list() == by_sqlite(rows, text)


@given(ROW, PREDICATES)
@settings(max_examples=100, deadline=None)
def test_both_engines_know_true_false_and_unknown_alike(row: tuple[object, ...], text: str) -> None:
    ((_, predicate),) = parse_population(text, CATALOGUE)
    (value,) = frame([row]).select(expression(predicate).alias("v")).collect()["v"].to_list()
    is_true, is_false = by_sqlite([row], text), by_sqlite([row], f"NOT ({text})")
    assert value == (True if is_true else False if is_false else None)
