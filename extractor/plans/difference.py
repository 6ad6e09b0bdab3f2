"""What changed between two plans, field by field, in words that show no literal.

Owns the comparison of plans as values. It must not know where plans come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.plans.nodes import ColumnPlan, Plan


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, and how it stood before and after (None: not there)."""

    thing: str
    before: str | None
    after: str | None


def difference(before: Plan, after: Plan) -> tuple[Change, ...]:
    """Return the changes from one plan to the other, plan facts first, then fields; equal plans give none."""
    changes = [
        Change(name, first, second)
        for name, first, second in _facts(before, after)
        if first != second
    ]  # fmt: skip
    old, new = _columns(before), _columns(after)
    for place in sorted(old.keys() | new.keys()):
        first, second = _words(old.get(place)), _words(new.get(place))
        if first != second:
            changes.append(Change(place, first, second))
    rows_before = {t.name: t.root.input for t in before.tables}
    rows_after = {t.name: t.root.input for t in after.tables}
    changes += [
        Change(f"{name}: rows", "population of the first plan", "another population or period")
        for name in sorted(rows_before.keys() & rows_after.keys())
        if rows_before[name] != rows_after[name]
    ]
    return tuple(changes)


def _facts(before: Plan, after: Plan) -> list[tuple[str, str, str]]:
    pairs = [
        (name, str(getattr(before, name)), str(getattr(after, name)))
        for name in ("title", "project", "purpose", "people", "until", "format", "terms", "policies", "recipient_key")
    ]
    pairs.append(("period", *(f"{p.period.first}…{p.period.last}" for p in (before, after))))  # type: ignore[arg-type]
    pairs.append(("source", *(f"{p.source.catalogue} {p.source.version}" for p in (before, after))))  # type: ignore[arg-type]
    risk = [f"{p.risk.mode.value} k={p.risk.k} limit={p.risk.suppression_limit:g}" for p in (before, after)]
    pairs.append(("risk", risk[0], risk[1]))
    steps = [", ".join(step.id for step in p.steps) for p in (before, after)]
    pairs.append(("steps", steps[0], steps[1]))
    return pairs


def _columns(plan: Plan) -> dict[str, ColumnPlan]:
    given = {f"{table.name}.{column.output}": column for table in plan.tables for column in table.columns}
    return {**{f"(not given) {column.output}": column for column in plan.dropped}, **given}


def _words(column: ColumnPlan | None) -> str | None:
    if column is None:
        return None
    rules = ", ".join(f"{cited.regime}.{cited.rule}" for cited in column.cited)
    return f"{column.level} (asked {column.requested}; {column.kind}, {column.cls.value}; {rules})"
