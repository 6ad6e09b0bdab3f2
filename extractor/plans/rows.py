"""The rows of a plan: which rows of each table may leave, and the columns that are read for it, as algebra.

Owns what binds a row to population and period: its own table's conditions, the kept rows of the table that it is linked to, and
the persons of the tables that it is not linked to. It must not know levels, policies or requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from extractor.catalogue import Catalogue, Table, ValueFormat
from extractor.errors import ConfigurationError
from extractor.plans.nodes import (
    AllOf,
    Compare,
    Filter,
    Join,
    KnownValue,
    Node,
    Operator,
    Predicate,
    Scan,
    SemiJoin,
    fields_of,
)
from extractor.requests import Period

_KNOWN_KINDS = frozenset({
    "person_name", "resident_id", "passport", "phone", "landline", "email", "address", "record_number",
    "bank_card", "insurance_id", "plate", "account", "licence", "birth_date",
})  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What all tables of one plan share while their algebra is built."""

    catalogue: Catalogue
    period: Period
    population: dict[str, Predicate]
    wanted: tuple[str, ...]

    def table(self, name: str) -> Table:
        """Return a table that is known to be in the catalogue."""
        found = self.catalogue.table(name)
        assert found is not None
        return found

    def linked(self, table: Table) -> tuple[Table, ...]:
        """Return the tables that a table's links lead to, the nearest first; the catalogue has no circle of links."""
        found: list[Table] = []
        while table.link is not None:
            table = self.table(table.link.via)
            found.append(table)
        return tuple(found)

    def bound(self, table: Table) -> bool:
        """Whether a table's link restricts its rows: something that it leads to is in the population or has a period."""
        return any(via.name in self.population or via.period for via in self.linked(table))

    def dated(self, table: Table) -> bool:
        """Whether the period restricts a table's rows, by a date of their own or of what they are linked to."""
        return any(each.period for each in (table, *self.linked(table)))

    def anchors(self, table: Table) -> tuple[str, ...]:
        """Name the tables in which a person of this table must have a kept row.

        These are the tables that the population names, else the first with a period. Rows without a date leave only for
        persons with a row in the period, whatever the population names. What the table's links lead to binds row by row,
        which is stricter, so its persons are asked for besides only where its keys are not said to be unique.
        """
        candidates = [name for name in self.wanted if self.dated(self.table(name))]
        dated = sorted(candidates, key=lambda n: (self.table(n).person is None, self.table(n).period is None))[:1]
        named = tuple(self.population) or tuple(dated)
        if self.population and not any(self.dated(self.table(name)) for name in (table.name, *self.population)):
            named += tuple(dated)
        closer = {via.name for via in self.linked(table)} if self._by_unique_keys(table) else set()
        return tuple(name for name in named if name not in closer | {table.name})

    def _by_unique_keys(self, table: Table) -> bool:
        return all(
            each.link is None or self.table(each.link.via).identifies(each.link.key)
            for each in (table, *self.linked(table))
        )

    def conditions(self, name: str) -> tuple[Predicate, ...]:
        """Return the row conditions of one table: its part of the population, and the period."""
        own = (self.population[name],) if name in self.population else ()
        period = self.table(name).period
        return (*own, *(_within(self.table(name), period, self.period) if period else ()))


def _within(table: Table, column: str, period: Period) -> tuple[Predicate, ...]:
    field = table.field(column)
    if field is None or field.format not in (ValueFormat.DATE, ValueFormat.DATETIME):
        raise ConfigurationError(
            "the period column is not a date",
            zh="期间所依据的列不是日期",
            thing=f"{table.name}.{column}",
            fix_en="give it format `date` or `datetime` in the catalogue",
            fix_zh="请在目录中将其格式写为 date 或 datetime",
        )
    first = Compare(column, Operator.GREATER_EQUAL, period.first.isoformat(), field.format)
    day_after = (period.last + timedelta(days=1)).isoformat()
    return (first, Compare(column, Operator.LESS, day_after, field.format))


def person_of(shape: Shape, table: Table) -> str | None:
    """Return the column that holds the person key once ``rows_of`` has built a table's rows."""
    if table.person or table.link is None:
        return table.person
    return f"{table.link.via}.{shape.table(table.link.via).person}"


def known_values(shape: Shape, table: Table) -> tuple[KnownValue, ...]:
    """Collect the identifying columns beside a text: in its own table, its linked table and the identity table.

    The identity table is reached by the person key, which a table without one of its own has from the table it is linked to.
    """
    found = [KnownValue(f.name, f.kind, f.subject) for f in table.fields if f.kind in _KNOWN_KINDS]
    others = [shape.table(table.link.via)] if table.link else []
    identity = shape.catalogue.identity_table
    if identity is not None and identity.name != table.name and person_of(shape, table) and identity not in others:
        others.append(identity)
    for other in others:
        own_keys = {other.person} if table.person else set()
        found += [
            KnownValue(f"{other.name}.{f.name}", f.kind, f.subject)
            for f in other.fields
            if f.kind in _KNOWN_KINDS and f.name not in own_keys | {table.link.key if table.link else None}
        ]
    return tuple(found)


def rows_of(shape: Shape, table: Table, columns: frozenset[str], known: tuple[KnownValue, ...]) -> Node:
    """Build the rows of a table that may leave.

    Args:
        shape: what all tables share.
        table: the table.
        columns: what is read from it for outputs and known values.
        known: the known values, for which the linked table and the identity table are joined.

    Raises:
        ConfigurationError: the table or one that it depends on reaches no person, or a period column is no date.
    """
    person = person_of(shape, table)
    keys = {table.person} if table.person else set()
    taken = _taken(shape, table, known)
    if table.link and taken.get(table.link.via):
        keys.add(table.link.column)
    node = _kept(shape, table, columns | keys)
    for name, take in taken.items():
        if table.link and name == table.link.via:
            node = _join(node, table.link.column, shape.table(name), table.link.key, take)
        elif person and (key := shape.table(name).person):
            node = _join(node, person, shape.table(name), key, take)
    return _restrict(shape, table, node, person)


def _kept(shape: Shape, table: Table, columns: frozenset[str]) -> Node:
    """Read columns of the rows that fit the table's own conditions and belong to kept rows of what it is linked to."""
    conditions = shape.conditions(table.name)
    read = columns | {name for predicate in conditions for name in fields_of(predicate)}
    link = table.link if shape.bound(table) else None
    if link is not None:
        read |= {link.column}
    node: Node = Scan(table.name, tuple(name for name in table.field_names if name in read))
    if conditions:
        node = Filter(node, conditions[0] if len(conditions) == 1 else AllOf(conditions))
    if link is not None:
        node = SemiJoin(node, link.column, _kept(shape, shape.table(link.via), frozenset({link.key})), link.key)
    return node


def _taken(shape: Shape, table: Table, known: tuple[KnownValue, ...]) -> dict[str, list[str]]:
    """Name the columns that are joined from other tables, by table: known values, and the person key of a linked table."""
    taken: dict[str, list[str]] = {}
    if table.link and not table.person:
        person = shape.table(table.link.via).person
        taken[table.link.via] = [person] if person else []
    for value in known:
        other, _, column = value.column.rpartition(".")
        if other and column not in taken.setdefault(other, []):
            taken[other].append(column)
    return taken


def _join(node: Node, on: str, other: Table, key: str, take: list[str]) -> Join:
    columns = tuple(name for name in other.field_names if name in {key, *take})
    return Join(node, on, Scan(other.name, columns), key, tuple(name for name in other.field_names if name in take))


def _restrict(shape: Shape, table: Table, node: Node, person: str | None) -> Node:
    """Keep only the persons of the population: a semi-join with each table that anchors it."""
    for anchor in map(shape.table, shape.anchors(table)):
        key = person_of(shape, anchor)
        if person is None or key is None:
            raise ConfigurationError(
                "a table without a person key cannot be restricted to the population",
                zh="没有个人主键的表无法限定到目标人群",
                thing=table.name if person is None else anchor.name,
                fix_en="declare `person` or `link` for the table in the catalogue",
                fix_zh="请在目录中为该表声明 person 或 link",
            )
        node = SemiJoin(node, person, _persons(shape, anchor), key)
    return node


def _persons(shape: Shape, anchor: Table) -> Node:
    """Read the person keys of a table's kept rows."""
    if anchor.person or anchor.link is None:
        return _kept(shape, anchor, frozenset({anchor.person} if anchor.person else ()))
    via, link = shape.table(anchor.link.via), anchor.link
    return _join(_kept(shape, anchor, frozenset({link.column})), link.column, via, link.key, [via.person or ""])
