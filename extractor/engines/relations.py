"""The relational half of a plan in polars: scan, filter, semi-join, join and aggregate as lazy frames.

Owns the meaning of the algebra's nodes and of predicates. It must not know what a level is (``extractor.deid.hierarchies``) and
must never show a frame's query plan, which prints the literals of filters.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeAlias

import polars as pl

from extractor.catalogue import ValueFormat
from extractor.plans.nodes import (
    Aggregate,
    AllOf,
    Compare,
    Filter,
    IsNull,
    Join,
    LiteralValue,
    Node,
    Not,
    OneOf,
    Operator,
    Predicate,
    Scan,
    SemiJoin,
    fields_of,
    scans,
)

OpenTable: TypeAlias = Callable[[str, tuple[str, ...]], pl.LazyFrame]
"""Gives the named columns of a catalogue table, and no others."""

_KEY = "(key)"

_COMPARE: dict[Operator, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    Operator.EQUAL: lambda left, right: left == right,
    Operator.NOT_EQUAL: lambda left, right: left != right,
    Operator.LESS: lambda left, right: left < right,
    Operator.LESS_EQUAL: lambda left, right: left <= right,
    Operator.GREATER: lambda left, right: left > right,
    Operator.GREATER_EQUAL: lambda left, right: left >= right,
    Operator.STARTS_WITH: lambda left, right: left.str.starts_with(right),
    Operator.ENDS_WITH: lambda left, right: left.str.ends_with(right),
    Operator.CONTAINS: lambda left, right: left.str.contains(right, literal=True),
}


def relation(node: Node, open_table: OpenTable, wanted: frozenset[str] | None = None) -> pl.LazyFrame:
    """Return the rows of a relational node as a lazy frame; nothing is read yet.

    Args:
        node: the node.
        open_table: how a table is opened.
        wanted: the columns that are needed from it, or None for all; a join that gives none of them is left out, which
            changes no row, because a join gives one row at most for each row of its input.

    Raises:
        TypeError: the node derives levels, which is not relational.
    """
    if isinstance(node, Scan):
        return open_table(node.table, node.columns)
    if isinstance(node, Filter):
        below = _and(wanted, *fields_of(node.predicate))
        return relation(node.input, open_table, below).filter(expression(node.predicate))
    if isinstance(node, SemiJoin):
        left = relation(node.input, open_table, _and(wanted, node.on))
        right = relation(node.other, open_table).select(node.key)
        left, right = _with_keys(left, node.on, right, node.key)
        return left.join(right, on=_KEY, how="semi").drop(_KEY)
    if isinstance(node, Join):
        return _join(node, open_table, wanted)
    if isinstance(node, Aggregate):
        return _aggregate(node, open_table)
    raise TypeError(f"{node.node} is not relational")


def expression(predicate: Predicate) -> pl.Expr:
    """Return a predicate as a polars expression with SQL's three values: unknown rows are left out by a filter."""
    if isinstance(predicate, Compare):
        literal = pl.lit(_literal(predicate.value, predicate.format))
        return _COMPARE[predicate.operator](pl.col(predicate.field), literal)
    if isinstance(predicate, OneOf):
        values = [_literal(value, predicate.format) for value in predicate.values]
        if predicate.format is ValueFormat.DECIMAL:
            # Membership is not defined between decimals and floats; equality is.
            return pl.any_horizontal(pl.col(predicate.field) == value for value in values)
        return pl.col(predicate.field).is_in(values)
    if isinstance(predicate, IsNull):
        return pl.col(predicate.field).is_null()
    if isinstance(predicate, Not):
        return ~expression(predicate.operand)
    parts = [expression(operand) for operand in predicate.operands]
    return pl.all_horizontal(parts) if isinstance(predicate, AllOf) else pl.any_horizontal(parts)


def _and(wanted: frozenset[str] | None, *more: str) -> frozenset[str] | None:
    """Return the columns wanted from below a node that itself needs some more; None, all columns, stays None."""
    return None if wanted is None else wanted.union(more)


def _literal(value: LiteralValue, form: ValueFormat) -> LiteralValue | date | datetime:
    if form is ValueFormat.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    if form is ValueFormat.DATETIME and isinstance(value, str):
        return datetime.fromisoformat(value)
    if form is ValueFormat.DECIMAL and isinstance(value, int):
        return float(value)  # A list of both kinds of number is no column, and the error would quote them.
    return value


def _join(node: Join, open_table: OpenTable, wanted: frozenset[str] | None) -> pl.LazyFrame:
    other = scans(node.other)[0].table
    take = [name for name in node.take if wanted is None or f"{other}.{name}" in wanted]
    if not take:
        return relation(node.input, open_table, wanted)
    left = relation(node.input, open_table, _and(wanted, node.on))
    right = relation(node.other, open_table)
    left, right = _with_keys(left, node.on, right, node.key)
    taken = [pl.col(name).alias(f"{other}.{name}") for name in take]
    right = right.select(_KEY, *taken)
    # A key that occurs twice would double rows and hide one of a person's known values: the run stops instead.
    return left.join(right, on=_KEY, how="left", validate="m:1").drop(_KEY)


def _aggregate(node: Aggregate, open_table: OpenTable) -> pl.LazyFrame:
    rows = relation(node.input, open_table, frozenset((*node.by, node.person)))
    persons = pl.col(node.person).drop_nulls().n_unique().alias("n")
    counted = rows.group_by(node.by).agg(persons) if node.by else rows.select(persons)
    return counted.filter(pl.col("n") >= node.at_least)


def _with_keys(left: pl.LazyFrame, on: str, right: pl.LazyFrame, key: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Add to both sides the key that they are joined by: as text without outer space where either side holds text.

    A database pads keys of fixed length in one table and not in another; such rows would silently find no partner.
    """
    types = left.collect_schema()[on], right.collect_schema()[key]
    as_text = types[0] != types[1] or types[0] == pl.String

    def joined_by(name: str) -> pl.Expr:
        return (pl.col(name).cast(pl.String).str.strip_chars() if as_text else pl.col(name)).alias(_KEY)

    return left.with_columns(joined_by(on)), right.with_columns(joined_by(key))
