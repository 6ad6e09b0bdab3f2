"""When a rule applies: the selector, and the circumstances of a request that no form says.

Owns the keys by which rules select requests and fields, and what is known about a request from the store (``Circumstances``).
It must not know any rule, nor how circumstances are found out (``extractor.workflow.history``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from extractor.catalogue import Field, FieldClass, SharingClass, Subject
from extractor.policy_words import History, Side
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, SharingMode


@dataclass(frozen=True)
class FilingRef:
    """An acknowledged urgent filing that a request leans on: its number and the fields (``table.field``) that it opens."""

    number: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Circumstances:
    """What the store says about a request; the default is a first application of somebody without a past.

    ``leans_on`` is the number of the earlier request that makes it a renewal or follows a precedent. ``breaches`` are the
    numbers of the applicant's open entries in the integrity archive. ``today`` is None where no day is to be checked.
    ``no_renewal`` says in Chinese why a request is not the renewal that it asks to be, empty where it is one or asks for none.
    """

    history: History = History.FIRST
    leans_on: str | None = None
    filing: FilingRef | None = None
    breaches: tuple[str, ...] = ()
    today: date | None = None
    no_renewal: str = ""


NO_CIRCUMSTANCES = Circumstances()


@dataclass(frozen=True)
class Selector:
    """When a rule applies. An empty key matches everything; all keys must match.

    ``sides`` is matched against the sides on which the rule's own policy applies (:meth:`matches_sides`); ``history``,
    ``urgent`` and ``abroad`` against the request and its circumstances.
    """

    cls: tuple[FieldClass, ...] = ()
    kinds: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()
    sharing: tuple[SharingClass, ...] = ()
    categories: tuple[str, ...] = ()
    applicants: tuple[ApplicantKind, ...] = ()
    purposes: tuple[PurposeCategory, ...] = ()
    consent: tuple[Consent, ...] = ()
    modes: tuple[SharingMode, ...] = ()
    non_profit: bool | None = None
    sides: tuple[Side, ...] = ()
    history: tuple[History, ...] = ()
    urgent: bool | None = None
    abroad: bool | None = None

    def matches_request(self, request: Request, facts: Circumstances = NO_CIRCUMSTANCES) -> bool:
        """Say whether the request-side keys match."""
        pairs: tuple[tuple[tuple[StrEnum, ...], StrEnum], ...] = (
            (self.applicants, request.applicant.kind),
            (self.purposes, request.purpose.category),
            (self.consent, request.consent),
            (self.modes, request.mode),
            (self.history, facts.history),
        )
        truths = (
            (self.non_profit, request.purpose.non_profit),
            (self.urgent, facts.filing is not None),
            (self.abroad, goes_abroad(request)),
        )
        return all(wanted in (None, value) for wanted, value in truths) and all(
            not wanted or value in wanted for wanted, value in pairs
        )

    def matches_sides(self, sides: frozenset[Side]) -> bool:
        """Say whether the rule is meant for a side on which its policy applies."""
        return not self.sides or not sides.isdisjoint(self.sides)

    def matches_field(self, field: Field) -> bool:
        """Say whether the field-side keys match."""
        return (
            (not self.cls or field.cls in self.cls)
            and (not self.kinds or field.kind in self.kinds)
            and (not self.subjects or field.subject in self.subjects)
            and (not self.sharing or field.sharing.mode in self.sharing)
            and (not self.categories or field.category in self.categories)
        )


ALWAYS = Selector()
_PROVINCES = (
    *(11, 12, 13, 14, 15), *(21, 22, 23), *(31, 32, 33, 34, 35, 36, 37), *(41, 42, 43, 44, 45, 46),
    *(50, 51, 52, 53, 54), *(61, 62, 63, 64, 65),
)  # fmt: skip
"""The first two digits of a division (GB/T 2260) inside the country in the sense of the law (出境入境管理法 art. 89)."""
_APART = (71, 81, 82)
"""Taiwan, Hong Kong, Macao: GB/T 2260 has divisions of them, and what goes there leaves the country in the sense of that law."""


def is_domestic(division: str) -> bool:
    """Say whether a division is in the country in the sense of the law: of a province, and not Taiwan, Hong Kong, Macao."""
    return _province(division) in _PROVINCES


def is_division(division: str) -> bool:
    """Say whether a text can be a division of GB/T 2260: six digits that begin with a province."""
    return _province(division) in (*_PROVINCES, *_APART)


def _province(division: str) -> int | None:
    six_digits = len(division) == 6 and division.isdecimal() and division.isascii()
    return int(division[:2]) if six_digits else None


def goes_abroad(request: Request) -> bool:
    """Say whether the data would leave the country: as the form says, or by the place where they are kept."""
    return request.safeguards.abroad or not is_domestic(request.safeguards.division)
