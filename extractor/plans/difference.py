"""What changed between two plans, field by field, in words that show no literal.

Owns the comparison of plans as values. It must not know where plans come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.plans.nodes import ColumnPlan, Derivation, Plan, TablePlan
from extractor.plans.words import titled
from extractor.policy import Cited

_PLAIN_FACTS = (
    "title", "request", "project", "purpose", "people", "until", "reference_date", "format", "recipient_key",
    "text_entities", "text_kept", "warnings", "version",
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
    return [
        *((name, _listed(getattr(plan, name))) for name in _PLAIN_FACTS),
        ("period", f"{plan.period.first}…{plan.period.last}"),
        ("source", f"{source.name}, {source.catalogue} {source.version}, {source.acquired}, {source.digest}"),
        (
            "risk",
            f"{risk.mode.value} k={risk.k} limit={risk.suppression_limit:g} threshold={risk.threshold:g} "
            f"l={risk.l_diversity} t={risk.t_closeness} ({_rules(risk.cited)})",
        ),
        *((name, "; ".join(lines)) for name, lines in _brought(plan).items()),
    ]


def _brought(plan: Plan) -> dict[str, list[str]]:
    """Return what the plan brings with it, part by part, one line for each item."""
    agreement, consent, grant = plan.agreement, plan.consent, plan.grant
    return {
        "policies": [f"{r.regime} {r.zh}, {r.document}, {r.status.value}, {r.digest}" for r in plan.regimes],
        "circumstances": _circumstances(plan),
        "consent": [f"{c.place} {c.level}, without {c.without}" for c in consent.columns] + [f"({_rules(consent.cited)})"]
        if consent else [],
        "assessments": [f"{a.kind.value} for {a.valid_days} days ({_rules(a.cited)})" for a in plan.assessments],
        "steps": [
            f"{s.id}: {s.zh}, {s.role}, {s.unit or '-'}{', agrees' if s.agrees else ''} ({_rules((s.cited,))})"
            for s in plan.steps
        ],
        "agreement": [*map(titled, agreement.names), f"({_rules(agreement.cited)})",
                      *(f"{each.subject.value} ({_rules((each.cited,))})" for each in agreement.subjects)],
        "terms": [f"{t.subject.value if t.subject else '-'}: {t.zh} ({_rules((t.cited,))})" for t in agreement.terms],
        "duties": [
            f"{d.zh}, {d.role.value}, {d.opens_on.value} {d.within_days} days, every {d.every_days}, {d.evidence.value} "
            f"({_rules(d.cited)})"
            for d in plan.duties
        ],
        "grant": [*(part.value for part in grant.holds), f"({_rules(grant.cited)})"] if grant else [],
        "practices": [f"{p.practice.value} ({_rules(p.cited)})" for p in plan.practices],
    }  # fmt: skip


def _circumstances(plan: Plan) -> list[str]:
    facts = plan.circumstances
    filed = facts.filing
    lines = [facts.history.value, f"leans on {facts.leans_on}"]
    return lines + ([f"filing {filed.number}: {_listed(filed.fields)} ({_rules(filed.cited)})"] if filed else [])


def _rules(cited: tuple[Cited, ...]) -> str:
    return ", ".join(f"{each.regime}.{each.rule} {each.article}" for each in cited)


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
    quasi = ", quasi-identifier" if column.quasi else ""
    opened = "".join(f"; opened by {each.by.value} ({_rules((each.cited,))})" for each in column.unlocked)
    milder = "".join(f"; {each.level} would be allowed by {_rules(each.cited)}" for each in column.yielded)
    return (
        f"{column.level} by {column.technique.value} (asked {column.requested}, allowed {column.ceiling}; {column.zh}, "
        f"{column.kind}, {column.cls.value}{quasi}, grade {column.grade}; {_rules(column.cited)}{opened}{milder}; {column.reason})"
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
