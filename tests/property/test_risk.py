"""Risk figures against the definitions written out in plain Python, on random small releases."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.classes import ReleaseTable, Unit, build_classes, dense
from extractor.deid.gate import RiskLimits, pass_gate, sizes_without
from extractor.deid.risk import assess
from extractor.errors import RiskNotMet
from extractor.requests import SharingMode

VALUES = {
    "text": st.sampled_from([None, "", "甲", "乙", "𠮷", "a"]),
    "whole": st.sampled_from([None, 0, -3, 7, 2**62, -(2**63), 2**63 - 1]),
    "real": st.sampled_from([None, 0.0, -0.0, 1.5, -2.25, float("inf"), float("nan")]),
}
TYPES = {"text": pl.String, "whole": pl.Int64, "real": pl.Float64, "p": pl.Int64, "s": pl.String, "v": pl.Int64}
FIRST, SECOND = ("text", "whole", "real"), ("text", "whole")


def rows(columns: tuple[str, ...], least: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries(
        {
            **{name: VALUES[name] for name in columns},
            "p": st.integers(-3, 6),
            "s": st.sampled_from([None, "x", "y", "z"]),
            "v": st.sampled_from([None, 1, 2, 5, 9]),
        }
    )
    return st.lists(row, min_size=least, max_size=25)


def table(name: str, content: list[dict[str, Any]], quasi: tuple[str, ...], person: str | None) -> ReleaseTable:
    schema = {key: TYPES[key] for key in (*quasi, "p", "s", "v")}
    frame = pl.DataFrame(content, schema=schema, strict=True).lazy()
    return ReleaseTable(name, frame, quasi, ("s", "v"), person)


def same(value: Any) -> Any:
    """A value that Python compares as the release does: NaN equals NaN."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def naive_classes(tables: list[tuple[str, list[dict[str, Any]], tuple[str, ...]]], by_person: bool) -> dict[Any, Any]:
    """Class of each unit, keyed by person or by (table, row number)."""
    if not by_person:
        return {
            (name, number): (name, tuple(same(row[q]) for q in quasi))
            for name, content, quasi in tables
            for number, row in enumerate(content)
        }
    sets: dict[Any, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for name, content, quasi in tables:
        for row in content:
            sets[row["p"]][name].add(tuple(same(row[q]) for q in quasi))
    return {who: frozenset((n, frozenset(found)) for n, found in by.items()) for who, by in sets.items()}


def naive_l_and_t(content: list[dict[str, Any]], column: str, class_of: list[Any]) -> tuple[int, float]:
    overall = Counter(row[column] for row in content)
    groups: dict[Any, Counter[Any]] = defaultdict(Counter)
    for row, group in zip(content, class_of, strict=True):
        groups[group][row[column]] += 1
    order = sorted(overall, key=lambda value: (value is not None, value or 0)) if column == "v" else list(overall)
    worst = Fraction(0)
    for group in groups.values():
        gaps = [Fraction(group[v], group.total()) - Fraction(overall[v], overall.total()) for v in order]
        if column == "v":
            steps = [abs(sum(gaps[: i + 1], Fraction(0))) for i in range(len(order))]
            distance = sum(steps, Fraction(0)) / max(len(order) - 1, 1)
        else:
            distance = sum((abs(gap) for gap in gaps), Fraction(0)) / 2
        worst = max(worst, distance)
    return min((len(group) for group in groups.values()), default=0), float(worst)


@settings(max_examples=120, deadline=None)
@given(rows(FIRST, 1), rows(SECOND, 0), st.booleans(), st.booleans(), st.sampled_from(list(SharingMode)))
def test_figures_are_those_of_the_definitions(first, second, two, by_person, mode):
    parts = [("a", first, FIRST), ("b", second, SECOND)][: 2 if two else 1]
    person = "p" if by_person else None
    figures = assess([table(n, c, q, person) for n, c, q in parts], mode=mode)
    class_of = naive_classes(parts, by_person)
    sizes = Counter(class_of.values())
    n, k = len(class_of), min(sizes.values())
    tau = {"public": Fraction(1, 20), "controlled": Fraction(1, 5), "enclave": Fraction(1, 3)}[mode.value]
    risky = sum(f for f in sizes.values() if Fraction(1, f) > tau)
    assert (figures.rows, figures.persons) == (sum(len(c) for _, c, _ in parts), n)
    assert (figures.classes, figures.k, figures.at_risk) == (len(sizes), k, risky)
    assert (figures.R_a, figures.R_b, figures.R_c) == (risky / n, 1 / k, len(sizes) / n)
    assert figures.grade == (3 if Fraction(1, 20) / tau / k <= Fraction(1, 20) else 2)
    assert sum(b.classes for b in figures.sizes) == len(sizes)
    assert sum(b.persons for b in figures.sizes) == n
    found = {c.column: (c.l, c.t) for c in figures.sensitive}
    for name, content, _ in parts:
        groups = [class_of[row["p"] if by_person else (name, i)] for i, row in enumerate(content)]
        for column in ("s", "v"):
            least, distance = naive_l_and_t(content, column, groups)
            assert found[f"{name}.{column}"][0] == least
            assert found[f"{name}.{column}"][1] == pytest.approx(distance, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(rows(FIRST, 1), rows(SECOND, 0), st.booleans(), st.data())
def test_a_dropped_quasi_identifier_gives_the_classes_of_a_release_without_it(first, second, by_person, data):
    person = "p" if by_person else None
    parts = [("a", first, FIRST), ("b", second, SECOND)]
    classes = build_classes([table(n, c, q, person) for n, c, q in parts])
    name, column = data.draw(st.sampled_from([("a", q) for q in FIRST] + [("b", q) for q in SECOND]))
    fewer = [(n, c, tuple(q for q in qs if (n, q) != (name, column))) for n, c, qs in parts]
    expected = sorted(Counter(naive_classes(fewer, by_person).values()).values())
    assert sorted(sizes_without(classes, f"{name}.{column}")) == expected


@settings(max_examples=80, deadline=None)
@given(
    rows(SECOND, 1),
    st.integers(1, 3),
    st.none() | st.integers(1, 3),
    st.none() | st.floats(0.05, 1),
    st.sampled_from([0.0, 0.3, 0.8]),
)
def test_what_passes_the_gate_meets_every_limit_when_it_is_assessed_again(content, k, least, t, share):
    limits = RiskLimits(k, least, t, threshold=1.0, suppression_limit=share)
    release = table("a", content, SECOND, "p")
    try:
        result = pass_gate(build_classes([release]), limits, SharingMode.ENCLAVE)
    except RiskNotMet:
        return
    out = set(result.suppressed_persons.to_list())
    stays = [row for row in content if row["p"] not in out]
    again = assess([table("a", stays, SECOND, "p")], mode=SharingMode.ENCLAVE)
    persons = len({row["p"] for row in content})
    assert again.k >= k
    assert again.l is not None and (least is None or again.l >= least)
    assert again.t is not None and (t is None or again.t <= t + 1e-9)
    assert (again.k, again.classes, again.rows) == (result.after.k, result.after.classes, result.after.rows)
    assert len(out) / persons == pytest.approx(result.suppressed_share) and result.suppressed_share <= share


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), max_size=30), st.sampled_from([2**64, 2**70]))
def test_dense_numbers_are_the_ranks_of_the_keys(keys, radix):
    ids, distinct = dense(np.array(keys, dtype=np.uint64), radix)
    ranked = sorted(set(keys))
    assert distinct.tolist() == ranked
    assert ids.tolist() == [ranked.index(key) for key in keys]


@settings(max_examples=40, deadline=None)
@given(rows(FIRST, 1))
def test_rows_as_units_are_those_of_a_release_without_persons(content):
    by_rows = assess([table("a", content, FIRST, "p")], mode=SharingMode.PUBLIC, unit=Unit.ROWS)
    assert by_rows == assess([table("a", content, FIRST, None)], mode=SharingMode.PUBLIC)
