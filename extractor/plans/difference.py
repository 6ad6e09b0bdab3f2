"""What changed between two plans, field by field, in words that show no literal.

Owns the comparison of plans as values. It must not know where plans come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.plans.nodes import ColumnPlan, Derivation, Plan, TablePlan

_PLAIN_FACTS = (
    "title", "request", "project", "purpose", "people", "until", "reference_date", "format", "policies", "recipient_key",
    "text_entities", "terms", "warnings", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, and how it stood before and after (None: not there)."""

    thing: str
    before: str | None
    after: str | None


def difference(before: Plan, after: Plan) -> tuple[Change, ...]:
    """Return the changes from one plan to the other, plan facts first, then fields; only equal plans give none."""
    changes = [
        Change(name, first, second)
        for (name, first), (_, second) in zip(_facts(before), _facts(after), strict=True)
        if first != second
    ]
    old, new = _columns(before), _columns(after)
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            changes.append(Change(place, old.get(place), new.get(place)))
    changes += _tables(before, after)
    if not changes and before.digest != after.digest:
        changes.append(Change("plan", before.digest, after.digest))
    return tuple(changes)


def _facts(plan: Plan) -> list[tuple[str, str]]:
    source, risk = plan.source, plan.risk
    steps = [f"{s.id}: {s.zh}, {s.role}, {s.unit or '-'}, {s.cited.regime}.{s.cited.rule}" for s in plan.steps]
    rules = [f"{cited.regime}.{cited.rule}" for cited in risk.cited]
    return [
        *((name, _listed(getattr(plan, name))) for name in _PLAIN_FACTS),
        ("period", f"{plan.period.first}…{plan.period.last}"),
        ("source", f"{source.name}, {source.catalogue} {source.version}, {source.acquired}, {source.digest}"),
        (
            "risk",
            f"{risk.mode.value} k={risk.k} limit={risk.suppression_limit:g} threshold={risk.threshold:g} "
            f"l={risk.l_diversity} t={risk.t_closeness} ({_listed(tuple(rules))})",
        ),
        ("steps", "; ".join(steps)),
    ]


def _listed(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)


def _columns(plan: Plan) -> dict[str, str]:
    given = {
        f"{table.name}.{column.output}": _words(column) + _derived(table, column.output)
        for table in plan.tables
        for column in table.columns
    }
    return {**{f"(not given) {column.output}": _words(column) for column in plan.dropped}, **given}


def _words(column: ColumnPlan) -> str:
    rules = ", ".join(f"{cited.regime}.{cited.rule}" for cited in column.cited)
    quasi = ", quasi-identifier" if column.quasi else ""
    return (
        f"{column.level} by {column.technique.value} (asked {column.requested}, allowed {column.ceiling}; {column.zh}, "
        f"{column.kind}, {column.cls.value}{quasi}, grade {column.grade}; {rules}; {column.reason})"
    )


def _derived(table: TablePlan, output: str) -> str:
    found: list[Derivation] = [column for column in table.root.columns if column.output == output]
    return "".join(f" from {c.source} as {c.format.value} in domain {c.domain}" for c in found)


def _tables(before: Plan, after: Plan) -> list[Change]:
    """Compare tables that both plans have; of their rows it is said only that they are others."""
    old, new = ({table.name: table for table in plan.tables} for plan in (before, after))
    changes: list[Change] = []
    for name in sorted(old.keys() & new.keys()):
        first, second = old[name], new[name]
        if (first.root.input, first.root.person) != (second.root.input, second.root.person):
            changes.append(Change(f"{name}: rows", "population of the first plan", "another population or period"))
        searched = [_listed(tuple(f"{k.column} ({k.subject.value})" for k in t.known)) for t in (first, second)]
        if searched[0] != searched[1]:
            changes.append(Change(f"{name}: known values", *searched))
        if first.text_age != second.text_age:
            changes.append(Change(f"{name}: ages in text", first.text_age, second.text_age))
        if first.zh != second.zh:
            changes.append(Change(f"{name}: name", first.zh, second.zh))
    return changes
