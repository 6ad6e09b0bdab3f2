"""What a plan says beside its rows and columns: regimes, circumstances, agreement, consent and practices, each with its rule.

Owns the shapes of these parts. Where an answer of the policies is already a value (a duty, an assessment, a grant), the plan holds
that value itself. It must not know how the parts are found (``extractor.plans.obligations``).
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.policy import Cited
from extractor.policy_words import AgreementSubject, History, PracticeKind, Status


@dataclass(frozen=True)
class PlannedRegime:
    """One policy under which the plan was made: its short name, its name and document, its standing, and its digest."""

    regime: str
    zh: str
    document: str
    status: Status
    digest: str


@dataclass(frozen=True)
class UsedFiling:
    """The urgent filing that the plan leans on: its number and the fields (``table.field``) of the plan that it opens."""

    number: str
    fields: tuple[str, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class PlannedCircumstances:
    """What went before: ``leans_on`` is the number of the request that is renewed or followed."""

    history: History = History.FIRST
    leans_on: str | None = None
    filing: UsedFiling | None = None


FIRST_APPLICATION = PlannedCircumstances()


@dataclass(frozen=True)
class PlannedTerm:
    """A term that is printed into the package, and its subject."""

    zh: str
    subject: AgreementSubject | None
    cited: Cited


@dataclass(frozen=True)
class PlannedSubject:
    """A subject that the text of the agreement must hold, and a rule that wants it."""

    subject: AgreementSubject
    cited: Cited


@dataclass(frozen=True)
class AgreementPlan:
    """The agreement: its local names, the subjects of its text, its terms. Without ``cited`` no regime asks for one."""

    names: tuple[str, ...] = ()
    subjects: tuple[PlannedSubject, ...] = ()
    terms: tuple[PlannedTerm, ...] = ()
    cited: tuple[Cited, ...] = ()


NO_AGREEMENT = AgreementPlan()


@dataclass(frozen=True)
class ConsentColumn:
    """A column (``table.field``) that consent opens: the level that it has, and the one that it would have without."""

    place: str
    level: str
    without: str


@dataclass(frozen=True)
class ConsentPlan:
    """What stands on the persons' consent: these columns, and the rules by which it stands on the register."""

    columns: tuple[ConsentColumn, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class Practised:
    """What the software always does, and the articles that ask for it."""

    practice: PracticeKind
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class Yielded:
    """What a regime would have allowed a column where a stricter one won."""

    level: str
    cited: tuple[Cited, ...]
