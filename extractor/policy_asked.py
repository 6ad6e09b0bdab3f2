"""What policies ask together, as values: a bound, a duty, an agreement, each with the rules that made it so.

Owns the shapes of the answers of ``extractor.policy_set``. It must not know how several policies are joined nor what a plan or an
act does with an answer. Every value names the rules that won, never all that spoke.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.policy import Cited
from extractor.policy_words import AgreementSubject, AssessmentKind, DutyEvent, Evidence, GrantPart, Unlock
from extractor.requests import Role


@dataclass(frozen=True)
class Unlocked:
    """What opened a field that is otherwise not given, and the rule that says so."""

    by: Unlock
    cited: Cited


@dataclass(frozen=True)
class Bound:
    """The finest level that the policies allow a field, the rules that made it so, and what opened the field."""

    level: str
    cited: tuple[Cited, ...]
    unlocked: tuple[Unlocked, ...] = ()


@dataclass(frozen=True)
class AskedAssessment:
    """One assessment that must stand before a step of an authority, and for how many days it holds."""

    kind: AssessmentKind
    valid_days: int
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedDuty:
    """A duty with the shortest term and the smallest interval that a rule sets."""

    zh: str
    role: Role
    opens_on: DutyEvent
    within_days: int
    every_days: int | None
    evidence: Evidence
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedAgreement:
    """The local names of the agreement, and each subject with each rule that wants it."""

    names: tuple[str, ...]
    subjects: tuple[tuple[AgreementSubject, Cited], ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedGrant:
    """What a technical service unit's grant must hold."""

    holds: tuple[GrantPart, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedFiling:
    """The organs that must have acknowledged an urgent filing."""

    organs: tuple[str, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedRetention:
    """For how many months something is kept at least."""

    months: int
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedIncident:
    """The organs that are told of an incident."""

    recipients: tuple[str, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedPush:
    """To which organ something is handed: every so many days, or as needed where that is None."""

    to: str
    every_days: int | None
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedComplaint:
    """Within how many days a complaint is registered and answered."""

    register_days: int
    answer_days: int
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class AskedReport:
    """How often the report of a period is due, and to which organ it goes."""

    every_days: int
    to: str
    cited: tuple[Cited, ...]
