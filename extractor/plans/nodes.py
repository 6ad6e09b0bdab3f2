"""The closed algebra of a plan and the plan itself, as frozen values.

Owns what a plan can say: scan, filter, semi-join, join, derive (from the hierarchies only), aggregate; and predicates over
columns and literals. A plan holds no code and no free text that an engine would run. It must not know how a plan is compiled
or executed. ``node`` and ``is_`` fields tell the kinds apart in canonical JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal as Only
from typing import TypeAlias

from extractor.canonical import digest
from extractor.catalogue import Dictionary, FieldClass, Subject, ValueFormat
from extractor.levels import Technique
from extractor.plans.demands import (
    FIRST_APPLICATION,
    NO_AGREEMENT,
    AgreementPlan,
    ConsentPlan,
    PlannedCircumstances,
    PlannedRegime,
    Practised,
    Yielded,
)
from extractor.policy import Cited
from extractor.policy_asked import AskedAssessment, AskedDuty, AskedGrant, Unlocked
from extractor.policy_words import TextKept
from extractor.requests import OutputFormat, Period, SharingMode


class Operator(StrEnum):
    """Comparisons that a predicate may make."""

    EQUAL = "="
    NOT_EQUAL = "<>"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"


LiteralValue: TypeAlias = "str | int | float | bool"


@dataclass(frozen=True)
class Compare:
    """A column against one literal. Dates are ISO text; ``format`` says how both are read. NULL compares as not true."""

    field: str
    operator: Operator
    value: LiteralValue
    format: ValueFormat
    is_: Only["compare"] = "compare"


@dataclass(frozen=True)
class OneOf:
    """A column against a list of literals."""

    field: str
    values: tuple[LiteralValue, ...]
    format: ValueFormat
    is_: Only["one_of"] = "one_of"


@dataclass(frozen=True)
class IsNull:
    """A column that is NULL."""

    field: str
    is_: Only["is_null"] = "is_null"


@dataclass(frozen=True)
class Not:
    """The predicate does not hold; as in SQL, NOT of unknown is unknown, and unknown rows are left out."""

    operand: Predicate
    is_: Only["not"] = "not"


@dataclass(frozen=True)
class AllOf:
    """Every predicate holds."""

    operands: tuple[Predicate, ...]
    is_: Only["all_of"] = "all_of"


@dataclass(frozen=True)
class AnyOf:
    """At least one predicate holds."""

    operands: tuple[Predicate, ...]
    is_: Only["any_of"] = "any_of"


Predicate: TypeAlias = "Compare | OneOf | IsNull | Not | AllOf | AnyOf"


TREATED_TEXT = frozenset({"surrogate", "redacted"})
"""The levels of free text at which what it holds is found and replaced."""


@dataclass(frozen=True)
class Scan:
    """Read only these columns of a catalogue table."""

    table: str
    columns: tuple[str, ...]
    node: Only["scan"] = "scan"


@dataclass(frozen=True)
class Filter:
    """Keep the rows for which the predicate is true."""

    input: Node
    predicate: Predicate
    node: Only["filter"] = "filter"


@dataclass(frozen=True)
class SemiJoin:
    """Keep the rows whose ``on`` occurs as ``key`` in the other input."""

    input: Node
    on: str
    other: Node
    key: str
    node: Only["semi_join"] = "semi_join"


@dataclass(frozen=True)
class Join:
    """Take columns of another table, one row at most for each row of the input, under names ``TABLE.COLUMN``."""

    input: Node
    on: str
    other: Node
    key: str
    take: tuple[str, ...]
    node: Only["join"] = "join"


@dataclass(frozen=True)
class Derivation:
    """One output column: a source column at one level of its kind."""

    output: str
    source: str
    kind: str
    level: str
    domain: str
    format: ValueFormat


@dataclass(frozen=True)
class Derive:
    """Replace the rows by the derived columns. ``person`` names the input column that holds the person key."""

    input: Node
    person: str | None
    columns: tuple[Derivation, ...]
    node: Only["derive"] = "derive"


@dataclass(frozen=True)
class Aggregate:
    """Count the distinct persons by columns; a cell of fewer than ``at_least`` is left out, rows of nobody do not count."""

    input: Node
    by: tuple[str, ...]
    person: str
    at_least: int
    node: Only["aggregate"] = "aggregate"


Node: TypeAlias = "Scan | Filter | SemiJoin | Join | Derive | Aggregate"


@dataclass(frozen=True)
class ColumnPlan:
    """What an approver reads of one output column: the decision and whose rule it was.

    ``cited`` are the rules that won, ``yielded`` what other regimes would have allowed; ``unlocked`` says what opened a column of
    the class that is not open, where a regime says that something must.
    """

    output: str
    source: str
    zh: str
    kind: str
    cls: FieldClass
    grade: int
    requested: str
    ceiling: str
    level: str
    technique: Technique
    quasi: bool
    reason: str
    cited: tuple[Cited, ...]
    unlocked: tuple[Unlocked, ...] = ()
    yielded: tuple[Yielded, ...] = ()

    @property
    def coarsened(self) -> bool:
        """Whether a policy made the level coarser than the request asked for."""
        return self.level != self.requested


@dataclass(frozen=True)
class KnownValue:
    """A column of the same patient (or of the row's staff) whose values free text is searched for first."""

    column: str
    kind: str
    subject: Subject


@dataclass(frozen=True)
class TablePlan:
    """One output table: the algebra that yields it and the decisions on its columns.

    ``text_age`` is the level of the kind ``age`` at which ages stand in the table's treated texts.
    """

    name: str
    zh: str
    root: Derive
    columns: tuple[ColumnPlan, ...]
    known: tuple[KnownValue, ...] = ()
    text_age: str | None = None

    @property
    def quasi(self) -> tuple[str, ...]:
        """Output columns that count as quasi-identifiers at their level."""
        return tuple(c.output for c in self.columns if c.quasi)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Output columns that are sensitive attributes."""
        return tuple(c.output for c in self.columns if c.cls is FieldClass.SENSITIVE and c.level != "none")


@dataclass(frozen=True)
class RiskPlan:
    """The gate that the release must pass, counted over persons."""

    mode: SharingMode
    k: int
    suppression_limit: float
    threshold: float
    cited: tuple[Cited, ...]
    l_diversity: int | None = None
    t_closeness: float | None = None


@dataclass(frozen=True)
class Source:
    """Where the data come from and when they were acquired, which products name (practice ``source_and_date``)."""

    catalogue: str
    version: str
    digest: str
    name: str
    acquired: date


@dataclass(frozen=True)
class ApprovalStep:
    """A step that the plan needs, with the rule that asks for it."""

    id: str
    zh: str
    role: str
    unit: str | None
    agrees: bool
    cited: Cited


@dataclass(frozen=True)
class Plan:
    """The extraction plan 数据提取方案: request + catalogue + policies + circumstances, compiled; approvals bind its digest.

    ``dropped`` lists requested fields whose level is ``none``: they are asked for, not given, and not read.
    ``dictionaries`` are those of the site's words that are looked for in the texts; None where no text is treated.
    ``text_kept`` is what the texts keep as it is written; None where they keep nothing.
    """

    title: str
    request: str
    project: str
    source: Source
    regimes: tuple[PlannedRegime, ...]
    purpose: str
    period: Period
    people: tuple[str, ...]
    until: date
    reference_date: date
    tables: tuple[TablePlan, ...]
    dropped: tuple[ColumnPlan, ...]
    risk: RiskPlan
    text_entities: tuple[str, ...]
    steps: tuple[ApprovalStep, ...]
    practices: tuple[Practised, ...]
    format: OutputFormat
    recipient_key: str
    circumstances: PlannedCircumstances = FIRST_APPLICATION
    assessments: tuple[AskedAssessment, ...] = ()
    agreement: AgreementPlan = NO_AGREEMENT
    consent: ConsentPlan | None = None
    grant: AskedGrant | None = None
    duties: tuple[AskedDuty, ...] = ()
    warnings: tuple[str, ...] = ()
    version: str = "2"
    dictionaries: tuple[Dictionary, ...] | None = None
    text_kept: tuple[TextKept, ...] | None = None

    @property
    def policies(self) -> tuple[str, ...]:
        """Digests of the policies, in the order in which they were asked."""
        return tuple(regime.digest for regime in self.regimes)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that are printed into the package."""
        return tuple(term.zh for term in self.agreement.terms)

    @property
    def digest(self) -> str:
        """Digest of the plan's canonical JSON."""
        return digest(self)


def inputs(node: Node) -> tuple[Node, ...]:
    """Return the nodes that a node reads from."""
    if isinstance(node, Scan):
        return ()
    if isinstance(node, SemiJoin | Join):
        return (node.input, node.other)
    return (node.input,)


def treats_text(tables: tuple[TablePlan, ...]) -> bool:
    """Say whether a text leaves treated, so that what it holds is looked for."""
    return any(c.kind == "free_text" and c.level in TREATED_TEXT for table in tables for c in table.root.columns)


def scans(node: Node) -> tuple[Scan, ...]:
    """Return all scans below a node, from left to right."""
    if isinstance(node, Scan):
        return (node,)
    return tuple(scan for below in inputs(node) for scan in scans(below))


def fields_of(predicate: Predicate) -> tuple[str, ...]:
    """Return the columns that a predicate reads."""
    if isinstance(predicate, Compare | OneOf | IsNull):
        return (predicate.field,)
    if isinstance(predicate, Not):
        return fields_of(predicate.operand)
    return tuple(dict.fromkeys(name for operand in predicate.operands for name in fields_of(operand)))
