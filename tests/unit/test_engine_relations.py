"""The algebra in polars: what each node means, row by row, and what it refuses to guess."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from extractor.catalogue import ValueFormat
from extractor.engines.relations import expression, relation
from extractor.plans.nodes import (
    Aggregate,
    AllOf,
    AnyOf,
    Compare,
    Derive,
    Filter,
    IsNull,
    Join,
    Node,
    Not,
    OneOf,
    Operator,
    Predicate,
    Scan,
    SemiJoin,
)

TABLES = {
    "people": pl.DataFrame({"id": ["a", "b", "c", None], "sex": ["f", "m", None, "f"], "age": [1, 2, None, 4]}),
    "visits": pl.DataFrame({"no": [1, 2, 3, 4, 5], "id": ["a", "a", "b", "x", None], "cost": [1.0, 2.5, None, 4.0, 5.0]}),
    "double": pl.DataFrame({"id": ["a", "a"], "name": ["甲", "乙"]}),
    "numbers": pl.DataFrame({"id": [1, 2], "name": ["甲", "乙"]}),
    "bills": pl.DataFrame({"ward": [*"aaabbbbbb"], "id": ["p", "q", "r", "s", "s", "s", "s", "s", None]}),
    "texts": pl.DataFrame({"id": ["1", "2", "02"], "note": ["p", "q", "r"]}),
}  # fmt: skip
OPENED: list[tuple[str, tuple[str, ...]]] = []


def opened(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
    OPENED.append((name, columns))
    return TABLES[name].lazy().select(columns)


def rows(node: Node, *, wanted: frozenset[str] | None = None) -> list[tuple[Any, ...]]:
    OPENED.clear()
    frame = relation(node, opened, wanted).collect(engine="streaming")
    return sorted(frame.rows(), key=str)


PEOPLE, VISITS = Scan("people", ("id", "sex")), Scan("visits", ("no", "id"))
WOMEN = Filter(PEOPLE, Compare("sex", Operator.EQUAL, "f", ValueFormat.TEXT))


def test_a_scan_gives_the_named_columns_and_no_others() -> None:
    assert rows(VISITS) == [(1, "a"), (2, "a"), (3, "b"), (4, "x"), (5, None)]
    assert OPENED == [("visits", ("no", "id"))]


def test_a_filter_leaves_out_what_is_false_and_what_is_unknown() -> None:
    assert rows(WOMEN) == [("a", "f"), (None, "f")]
    assert rows(Filter(PEOPLE, Not(WOMEN.predicate))) == [("b", "m")]
    assert rows(Filter(PEOPLE, Not(OneOf("sex", ("m",), ValueFormat.TEXT)))) == [("a", "f"), (None, "f")]
    assert rows(Filter(PEOPLE, IsNull("sex"))) == [("c", None)]


def test_a_semi_join_keeps_each_row_once_and_no_null_meets_a_null() -> None:
    assert rows(SemiJoin(VISITS, "id", WOMEN, "id")) == [(1, "a"), (2, "a")]
    assert rows(SemiJoin(PEOPLE, "id", VISITS, "id")) == [("a", "f"), ("b", "m")]


def test_a_join_takes_columns_under_the_tables_name_and_loses_no_row() -> None:
    joined = Join(VISITS, "id", PEOPLE, "id", ("sex",))
    assert rows(joined) == [(1, "a", "f"), (2, "a", "f"), (3, "b", "m"), (4, "x", None), (5, None, None)]
    assert relation(joined, opened).collect_schema().names() == ["no", "id", "people.sex"]
    with_key = Join(VISITS, "id", PEOPLE, "id", ("id",))
    assert rows(with_key) == [(1, "a", "a"), (2, "a", "a"), (3, "b", "b"), (4, "x", None), (5, None, None)]


def test_a_key_that_occurs_twice_stops_the_run_instead_of_doubling_rows() -> None:
    for wanted in (None, frozenset({"no", "double.name"})):
        with pytest.raises(pl.exceptions.ComputeError) as caught:
            rows(Join(VISITS, "id", Scan("double", ("id", "name")), "id", ("name",)), wanted=wanted)
        assert not {"甲", "乙"} & set(str(caught.value))


def test_a_join_of_which_nothing_is_wanted_is_not_done() -> None:
    joined = Join(VISITS, "id", PEOPLE, "id", ("sex",))
    assert rows(joined, wanted=frozenset({"no"})) == rows(VISITS)
    assert [name for name, _ in OPENED] == ["visits"]
    assert rows(joined, wanted=frozenset({"people.sex"})) == rows(joined)


@pytest.mark.parametrize("wanted", [frozenset(), frozenset({"no"}), frozenset({"people.sex"}), None])
def test_what_a_node_itself_needs_is_there_whatever_is_wanted_above(wanted: frozenset[str] | None) -> None:
    joined = Join(VISITS, "id", PEOPLE, "id", ("id", "sex"))
    semi = SemiJoin(joined, "people.id", Scan("double", ("id",)), "id")
    assert [row[0] for row in rows(semi, wanted=wanted)] == [1, 2]
    woman = Compare("people.sex", Operator.EQUAL, "f", ValueFormat.TEXT)
    assert [row[0] for row in rows(Filter(joined, woman), wanted=wanted)] == [1, 2]
    twice = Join(joined, "people.id", Scan("numbers", ("id", "name")), "id", ("name",))
    assert [row[0] for row in rows(twice, wanted=wanted)] == [1, 2, 3, 4, 5]


def test_keys_of_different_types_are_compared_as_text() -> None:
    texts, numbers = Scan("texts", ("id", "note")), Scan("numbers", ("id", "name"))
    assert rows(Join(texts, "id", numbers, "id", ("name",))) == [("02", "r", None), ("1", "p", "甲"), ("2", "q", "乙")]
    assert rows(SemiJoin(numbers, "id", texts, "id")) == [(1, "甲"), (2, "乙")]


def test_a_key_that_one_table_pads_with_spaces_finds_its_partner() -> None:
    padded = {
        "padded": pl.LazyFrame({"id": ["a  ", " b", "c"], "sum": [1, 2, 3]}),
        "people": pl.LazyFrame({"id": ["a", "b "]}),
    }
    bills, people = Scan("padded", ("id", "sum")), Scan("people", ("id",))
    kept = relation(SemiJoin(bills, "id", people, "id"), lambda name, wanted: padded[name].select(wanted)).collect()
    assert kept.sort("sum").rows() == [("a  ", 1), (" b", 2)]


def test_an_aggregate_leaves_out_small_cells_and_a_derivation_is_not_relational() -> None:
    bills = Scan("bills", ("ward", "id"))
    # Three persons and three bills in one ward, five bills of one person in the other, and one of nobody.
    assert rows(Aggregate(bills, ("ward",), "id", 2)) == [("a", 3)]
    assert rows(Aggregate(bills, ("ward",), "id", 1)) == [("a", 3), ("b", 1)]
    assert rows(Aggregate(bills, (), "id", 4)) == [(4,)]
    with pytest.raises(TypeError, match="derive is not relational"):
        relation(Derive(VISITS, None, ()), opened)


def kept(predicate: Predicate, values: list[Any], dtype: Any) -> list[Any]:
    frame = pl.LazyFrame({"c": pl.Series(values, dtype=dtype)})
    return frame.filter(expression(predicate)).collect(engine="streaming")["c"].to_list()


def one(operator: Operator, value: Any, form: ValueFormat) -> Compare:
    return Compare("c", operator, value, form)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32, pl.Decimal(10, 2)])
def test_decimals_of_any_type_are_found_by_value_whole_or_broken(dtype: Any) -> None:
    values = [Decimal("1.50"), Decimal("2.00"), None] if isinstance(dtype, pl.Decimal) else [1.5, 2.0, None]
    mixed = OneOf("c", (1.5, 7, 8.25), ValueFormat.DECIMAL)
    assert kept(mixed, values, dtype) == values[:1]
    assert kept(Not(mixed), values, dtype) == values[1:2]
    assert kept(OneOf("c", (2, 1.5), ValueFormat.DECIMAL), values, dtype) == values[:2]
    assert kept(one(Operator.GREATER, 1, ValueFormat.DECIMAL), values, dtype) == values[:2]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt8, pl.Int32, pl.Int64, pl.UInt64])
def test_whole_numbers_beyond_the_columns_type_are_compared_and_not_wrapped(dtype: Any) -> None:
    assert kept(one(Operator.LESS, 2**40, ValueFormat.INTEGER), [0, 100, None], dtype) == [0, 100]
    assert kept(one(Operator.GREATER, -(2**40), ValueFormat.INTEGER), [0, 100, None], dtype) == [0, 100]
    assert kept(OneOf("c", (2**40, -1, 100), ValueFormat.INTEGER), [0, 100, None], dtype) == [100]
    assert kept(one(Operator.EQUAL, 256, ValueFormat.INTEGER), [0, 100, None], dtype) == []


def test_days_and_moments_are_compared_as_such() -> None:
    days = [date(2024, 2, 29), date(2024, 10, 1), None]
    assert kept(one(Operator.LESS, "2024-03-01", ValueFormat.DATE), days, pl.Date) == days[:1]
    assert kept(OneOf("c", ("2024-10-01",), ValueFormat.DATE), days, pl.Date) == days[1:2]
    moments = [datetime(2024, 2, 29, 10), datetime(2024, 2, 29, 10, 0, 1), None]
    for unit in ("ms", "us", "ns"):
        equal = one(Operator.EQUAL, "2024-02-29T10:00:00", ValueFormat.DATETIME)
        assert kept(equal, moments, pl.Datetime(unit)) == moments[:1]
        assert (
            kept(OneOf("c", ("2024-02-29T10:00:01",), ValueFormat.DATETIME), moments, pl.Datetime(unit)) == moments[1:2]
        )
    assert kept(one(Operator.EQUAL, True, ValueFormat.BOOLEAN), [True, False, None], pl.Boolean) == [True]


def test_text_is_searched_for_as_it_stands() -> None:
    values = ["a.c", "abc", "A.C", None, "x%_y"]
    assert kept(one(Operator.CONTAINS, ".", ValueFormat.TEXT), values, pl.String) == ["a.c", "A.C"]
    assert kept(one(Operator.STARTS_WITH, "a.", ValueFormat.TEXT), values, pl.String) == ["a.c"]
    assert kept(one(Operator.ENDS_WITH, "_y", ValueFormat.TEXT), values, pl.String) == ["x%_y"]


@pytest.mark.parametrize("junction", [AllOf, AnyOf])
def test_a_thousand_conditions_are_one_filter(junction: type[AllOf] | type[AnyOf]) -> None:
    operator = Operator.NOT_EQUAL if junction is AllOf else Operator.EQUAL
    many = junction(tuple(one(operator, at, ValueFormat.INTEGER) for at in range(2000)))
    expected = [-1, 5000] if junction is AllOf else [7]
    assert kept(many, [7, -1, 5000, None], pl.Int64) == expected
