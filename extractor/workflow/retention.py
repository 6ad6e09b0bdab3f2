"""Retention: how long log, records and packages are kept at least, and the refusal of whoever would destroy them sooner.

Owns the day up to which something is kept (the longest floor of all regimes that apply) and the gate before it is destroyed. It must
not know how anything is destroyed; without a rule there is no floor, and then only the destruction order decides.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from extractor.errors import Refused
from extractor.log.journal import search
from extractor.policy import Cited
from extractor.policy_set import PolicySet
from extractor.policy_words import RetentionSubject
from extractor.store.transaction import Document, Transaction
from extractor.workflow.destruction_orders import destroyed_by
from extractor.workflow.grounds import reasons_of
from extractor.workflow.office import CHINA, Office
from extractor.workflow.standing import policies_of

RECORD_KINDS = ("run_record", "handover", "destruction", "unit_handover", "report", "incident")


@dataclass(frozen=True)
class Kept:
    """One thing that is kept: since which day, up to which day at least (None: no rule sets a floor), and by which rules.

    For the log ``number`` is empty and ``since`` the day of its oldest entry.
    """

    subject: RetentionSubject
    kind: str
    number: str
    since: date
    until: date | None
    may_go: bool
    cited: tuple[Cited, ...]


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last of that month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def kept_until(
    policies: tuple[PolicySet, ...], subject: RetentionSubject, since: date
) -> tuple[date | None, tuple[Cited, ...]]:
    """Return the first day on which something that is kept since a day may go by all of the policies, and the rules behind it."""
    floors = [floor for each in policies if (floor := each.retention(subject))]
    longest = max((floor.months for floor in floors), default=None)
    if longest is None:
        return None, ()
    cited = (rule for floor in floors if floor.months == longest for rule in floor.cited)
    return months_later(since, longest), tuple(dict.fromkeys(cited))


def check_floor(
    office: Office, policies: tuple[PolicySet, ...], subject: RetentionSubject, *, thing: str, since: date
) -> None:
    """Check that something has been kept as long as every regime wants, before it is destroyed.

    Raises:
        Refused: the floor is not reached; names the day and each rule that set it.
    """
    until, cited = kept_until(policies, subject, since)
    if until is not None and office.today < until:
        day = until.isoformat()
        words = (f"保存期限未满,须保存至 {day}", f"it is kept until {day} at least")
        fix = (f"keep it, and act again from {day} on", f"请继续保存,自 {day} 起再办理")
        raise Refused(reasons_of(cited, thing, *words, allowed=f"≥ {day}"), thing=thing, fix=fix)


def check_document_floor(office: Office, tx: Transaction, kind: str, number: str) -> None:
    """Check the floor of a package or a record that the store holds, counted from the day on which it was first stored.

    The policies are those under which its request was submitted and those that the installation stands under now.

    Raises:
        Refused: the floor is not reached.
        StorageError: there is no such document.
    """
    subject = RetentionSubject.PACKAGE if kind == "package" else RetentionSubject.RECORDS
    versions = tx.versions(kind, number) or (tx.get(kind, number),)
    check_floor(office, _policies(office, tx, versions[0]), subject, thing=f"{kind} {number}", since=_day(versions[0]))


def kept(office: Office, tx: Transaction) -> tuple[Kept, ...]:
    """Return the log, every package that is still there and every record, each with the day up to which it is kept."""
    found = []
    oldest = search(tx, limit=1)
    if oldest:
        begun = datetime.fromisoformat(oldest[0].time).astimezone(CHINA).date()
        found.append(_kept(office, (office.policies_here,), (RetentionSubject.LOG, "log", ""), begun))
    for kind in ("package", *RECORD_KINDS):
        subject = RetentionSubject.PACKAGE if kind == "package" else RetentionSubject.RECORDS
        for each in tx.find(kind):
            if kind == "package" and destroyed_by(tx, each.number):
                continue
            first = tx.versions(kind, each.number)[0]
            found.append(_kept(office, _policies(office, tx, first), (subject, kind, each.number), _day(first)))
    return tuple(found)


def _kept(
    office: Office, policies: tuple[PolicySet, ...], what: tuple[RetentionSubject, str, str], since: date
) -> Kept:
    until, cited = kept_until(policies, what[0], since)
    return Kept(*what, since, until, until is None or until <= office.today, cited)


def _policies(office: Office, tx: Transaction, document: Document) -> tuple[PolicySet, ...]:
    """Return the policies that bind a document: those of its request, where it names one, and those that hold here now."""
    body = document.body
    cover: dict[str, Any] = body.get("cover", {}).get("provenance", body.get("chain", body))
    request = str(cover.get("request", ""))
    known = request.startswith("RQ-") and tx.state("request", request) is not None
    return (office.policies_here, policies_of(office, tx, request)) if known else (office.policies_here,)


def _day(document: Document) -> date:
    return datetime.fromisoformat(document.created_at).astimezone(CHINA).date()
