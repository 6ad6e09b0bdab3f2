"""The rule types: every kind of rule that a policy file can hold, as frozen values.

Owns what each rule carries. A sixth place needs a file, not a new type, unless its regulation asks for something new. It must
not know how a file is written (``extractor.forms``) nor how several policies are asked (``extractor.policy_set``).
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.levels import hierarchy_of
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    CatalogueDemand,
    DutyEvent,
    Evidence,
    GrantPart,
    IncidentCause,
    Place,
    PracticeKind,
    Precedence,
    PushSubject,
    RetentionSubject,
    Unlock,
    Violation,
)
from extractor.requests import ApplicantKind, Consent, Role, SharingMode
from extractor.selection import ALWAYS, Selector, is_domestic


@dataclass(frozen=True)
class Rule:
    """Where a rule stands: its id, the article, and the clause in one line."""

    id: str
    article: str
    quote: str


@dataclass(frozen=True)
class Categories:
    """The closed list of categories into which a catalogue divides its fields."""

    rule: Rule
    names: tuple[str, ...]


@dataclass(frozen=True)
class CatalogueRule:
    """What the catalogue of the place's data must say."""

    rule: Rule
    demands: tuple[CatalogueDemand, ...]


@dataclass(frozen=True)
class KindLevel:
    """The finest level of one kind."""

    kind: str
    level: str

    def __post_init__(self) -> None:
        hierarchy_of(self.kind).level(self.level)


@dataclass(frozen=True)
class Ceiling:
    """The finest levels that fields may have where the selector matches; kinds not named here are not bounded by it.

    ``unlocks`` says what opens a not-open field under this rule; the plan repeats it.
    """

    rule: Rule
    when: Selector
    levels: tuple[KindLevel, ...]
    unlocks: Unlock | None = None

    def level_for(self, kind: str) -> str | None:
        """Return the finest level of a kind, or None where this rule does not bound it."""
        return next((bound.level for bound in self.levels if bound.kind == kind), None)


@dataclass(frozen=True)
class Step:
    """One step of an approval chain: who signs. ``unit`` names the organ where the regulation names one.

    ``agrees`` marks a party's signature under the agreement, which the party's earlier signatory may give as well.
    """

    id: str
    zh: str
    role: Role
    unit: str | None = None
    agrees: bool = False


@dataclass(frozen=True)
class Chain:
    """The steps that a request takes where the selector matches."""

    rule: Rule
    when: Selector
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class AssessmentRule:
    """Which assessments stand before any step of an authority, and for how many days they hold."""

    rule: Rule
    when: Selector
    kinds: tuple[AssessmentKind, ...]
    valid_days: int


@dataclass(frozen=True)
class Requirement:
    """What must hold of a request where the selector matches; a key that is absent asks for nothing."""

    rule: Rule
    when: Selector
    violation: Violation = Violation.OTHER
    applicants: tuple[ApplicantKind, ...] = ()
    domestically_controlled: bool | None = None
    industrial_park: bool | None = None
    non_profit: bool | None = None
    ethics: bool | None = None
    consent: tuple[Consent, ...] = ()
    abroad: bool | None = None
    passed_on: bool | None = None
    mlps_at_least: int | None = None
    forbidden: bool | None = None
    no_open_breach: bool | None = None


@dataclass(frozen=True)
class AgreementRule:
    """The agreement that is signed before anything is given: its local name and the subjects that its text must hold."""

    rule: Rule
    when: Selector
    name: str
    subjects: tuple[AgreementSubject, ...]


@dataclass(frozen=True)
class Term:
    """A term of the agreement that is printed into the package, and its subject."""

    rule: Rule
    zh: str
    subject: AgreementSubject | None = None


@dataclass(frozen=True)
class ConsentRule:
    """Levels that consent opens stand on the register, person by person."""

    rule: Rule
    when: Selector


@dataclass(frozen=True)
class GrantRule:
    """A technical service unit runs only under a live grant that holds these parts."""

    rule: Rule
    holds: tuple[GrantPart, ...]


@dataclass(frozen=True)
class FilingRule:
    """An urgent filing opens fields outside the catalogue once these organs have acknowledged it."""

    rule: Rule
    organs: tuple[str, ...]


@dataclass(frozen=True)
class Residency:
    """Divisions (GB/T 2260 prefixes, or ``CN`` for the country) within which the places named in ``of`` must be.

    ``by_chain`` opens a place outside to requests that a chain for abroad applies to; it never opens a source or an installation.
    """

    rule: Rule
    within: tuple[str, ...]
    of: tuple[Place, ...] = (Place.SOURCE, Place.INSTALLATION, Place.RECIPIENT)
    by_chain: bool = False

    def allows(self, division: str) -> bool:
        """Say whether a division is inside.

        ``CN`` is every division of six digits but those of Taiwan, Hong Kong and Macao: what goes there leaves the country
        in the sense of the law (出境入境管理法 art. 89).
        """
        return any(is_domestic(division) if area == "CN" else division.startswith(area) for area in self.within)


@dataclass(frozen=True)
class Retention:
    """A floor, in months, for how long something is kept."""

    rule: Rule
    subject: RetentionSubject
    months: int


@dataclass(frozen=True)
class Duty:
    """A dated obligation: what opens it, whose it is, within how many days it is closed, and with which evidence.

    With ``every_days`` it opens anew that many days after it was opened, until the term of use ends.
    """

    rule: Rule
    zh: str
    role: Role
    opens_on: DutyEvent
    within_days: int
    evidence: Evidence
    when: Selector = ALWAYS
    every_days: int | None = None

    @property
    def id(self) -> str:
        """The id of its rule."""
        return self.rule.id


@dataclass(frozen=True)
class RiskLimit:
    """Limits of one sharing mode: k, l, t over persons and the share of persons that may be left out."""

    rule: Rule
    mode: SharingMode
    k: int
    suppression_limit: float
    l_diversity: int | None = None
    t_closeness: float | None = None
    threshold: float = 0.05


@dataclass(frozen=True)
class Practice:
    """What the software always does and this article asks for."""

    rule: Rule
    practice: PracticeKind


@dataclass(frozen=True)
class IncidentRule:
    """What opens an incident, and which organs are told of it."""

    rule: Rule
    causes: tuple[IncidentCause, ...]
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Push:
    """What is handed to which organ: every so many days, or as needed where that is absent."""

    rule: Rule
    subject: PushSubject
    to: str
    every_days: int | None = None


@dataclass(frozen=True)
class ComplaintRule:
    """Within how many days a complaint is registered and answered."""

    rule: Rule
    register_days: int
    answer_days: int


@dataclass(frozen=True)
class ReportRule:
    """How often the report of a period is due, and to which organ it goes."""

    rule: Rule
    every_days: int
    to: str


@dataclass(frozen=True)
class Offence:
    """A listed violation of the regulation and the refusals that match it."""

    number: str
    zh: str
    covers: tuple[Violation, ...]


@dataclass(frozen=True)
class Preferred:
    """Where this policy and another say what cannot be compared about ``of`` (a step or duty id, or ``*``), this one wins."""

    rule: Rule
    about: Precedence
    of: str


@dataclass(frozen=True)
class Outside:
    """Articles that are acts of government or of other systems, with the reason why the software does nothing."""

    articles: str
    reason: str
