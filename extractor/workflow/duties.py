"""Duties: what somebody owes after a delivery, until which day, by which rule; opened, looked at, overdue.

Owns the duty as a document, the term of use that opens duties, and which day each falls due. It must not know with what a duty
is closed (``duty_closing``) nor what time does to it (``settling``). The duties are those of the plan that was approved, so no
later edit of a policy changes what is owed. 榕政综〔2017〕122号 art. 20, 29 and the articles that each duty cites.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited
from extractor.policy_asked import AskedDuty
from extractor.policy_words import DutyEvent, Evidence
from extractor.requests import Role
from extractor.store.transaction import Transaction
from extractor.workflow.debtors import applicant_of, debtor_of
from extractor.workflow.grounds import cited_facts
from extractor.workflow.integrity import Debtor
from extractor.workflow.office import Office

KIND, TERM = "duty", "term"
_LONGEST_NOTICE_DAYS = 7


class DutyState(StrEnum):
    """Where a duty stands in the store; whether it is overdue is computed from the day."""

    OPEN = "open"
    BREACHED = "breached"
    CLOSED = "closed"


class TermState(StrEnum):
    """Whether a term of use still runs."""

    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class OwedDuty:
    """Something owed. ``opened`` and ``due`` are days in China, ``due`` the last one; ``cause`` is the incident or run behind it."""

    number: str
    request: str
    package: str | None
    zh: str
    role: Role
    of: Debtor
    opens_on: DutyEvent
    opened: date
    due: date
    evidence: Evidence
    cited: tuple[Cited, ...]
    within_days: int
    every_days: int | None = None
    cause: str | None = None

    @property
    def remind_from(self) -> date:
        """The day from which the duty is reminded of: a third of its days before it is due, a week at most."""
        return self.due - timedelta(days=min(_LONGEST_NOTICE_DAYS, max(1, self.within_days // 3)))

    def overdue_on(self, day: date) -> bool:
        """Say whether its last day has passed."""
        return day > self.due


@dataclass(frozen=True)
class UseTerm:
    """The term of use of a delivered package: from the day of delivery to ``until``, and the duties that it opens."""

    request: str
    package: str
    applicant: Debtor
    delivered: date
    until: date
    duties: tuple[AskedDuty, ...]


@dataclass(frozen=True)
class Opening:
    """A duty that a day opens: which, on which day, and the day when it is due."""

    asked: AskedDuty
    opened: date
    due: date


@dataclass(frozen=True)
class DutyStanding:
    """A duty, where it stands today, and whether it was reminded of; ``days_left`` is negative where it is overdue."""

    duty: OwedDuty
    state: DutyState
    days_left: int
    overdue: bool
    reminded: bool


@dataclass(frozen=True)
class _Of:
    """What a duty to be opened belongs to."""

    request: str
    package: str | None
    cause: str | None = None


def open_on_delivery(office: Office, tx: Transaction, number: str, *, package: str) -> None:
    """Begin the term of use of a package that both sides signed for, and open the duties of the day of delivery."""
    plan = from_json(Plan, tx.get("plan", number).body)
    term = UseTerm(number, package, applicant_of(tx, number), office.today, plan.until, plan.duties)
    tx.put(TERM, number, term)
    tx.move(TERM, number, was=None, to=TermState.RUNNING.value)
    open_due(office, tx, term)


def open_due(office: Office, tx: Transaction, term: UseTerm) -> tuple[str, ...]:
    """Open what a term has opened until today and has not been opened yet; return the new numbers."""
    known = _duties_of(tx, term.request)
    of = _Of(term.request, term.package)
    return tuple(_open(office, tx, each, of) for each in openings(term, known, office.today))


def openings(term: UseTerm, known: Iterable[OwedDuty], today: date) -> tuple[Opening, ...]:
    """Return what a term has opened until a day, without the duties that are known already.

    A recurring duty opens anew every so many days while the term runs, however long nobody looked.
    """
    there = {(duty.opens_on, duty.evidence, duty.role, duty.opened) for duty in known if duty.cause is None}
    return tuple(
        each
        for asked in term.duties
        for each in _of_event(term, asked, today)
        if (asked.opens_on, asked.evidence, asked.role, each.opened) not in there
    )


def _of_event(term: UseTerm, asked: AskedDuty, today: date) -> Iterable[Opening]:
    within = timedelta(days=asked.within_days)
    if asked.opens_on is DutyEvent.DELIVERED:
        opened = term.delivered
        while opened <= today:
            yield Opening(asked, opened, opened + within)
            if asked.every_days is None:
                return
            opened += timedelta(days=asked.every_days)
            if opened >= term.until:
                return
    elif asked.opens_on is DutyEvent.EXPIRING:
        opened = max(term.delivered, term.until - within)
        if opened <= today:
            yield Opening(asked, opened, max(term.until, opened))
    elif asked.opens_on is DutyEvent.EXPIRED and today > term.until:
        opened = max(term.delivered, term.until + timedelta(days=1))
        yield Opening(asked, opened, max(term.until + within, opened))


def open_at_run_end(office: Office, tx: Transaction, number: str, *, run: str, package: str | None) -> tuple[str, ...]:
    """Open the duties that the end of a run brings, inside the transaction that records it; return their numbers."""
    return _open_at_once(office, tx, DutyEvent.RUN_ENDED, _Of(number, package, run))


def open_incident_duty(office: Office, tx: Transaction, number: str, *, incident: str) -> tuple[str, ...]:
    """Open the duties that an incident about a request brings, inside the transaction that opens it; return their numbers."""
    terms = tx.versions(TERM, number)
    package = str(terms[-1].body["package"]) if terms else None
    return _open_at_once(office, tx, DutyEvent.INCIDENT, _Of(number, package, incident))


def open_ordered(office: Office, tx: Transaction, number: str, *, order: str) -> str | None:
    """Return the data user's duty to destroy what was delivered: the newest there is, or one opened now by an order.

    An order that opens it ends the term of use, so that nothing else opens after. None where the plan has no such duty.
    """
    known = [d for d in _duties_of(tx, number) if (d.role, d.evidence) == (Role.DATA_USER, Evidence.DESTRUCTION)]
    if known:
        return known[-1].number
    plan, today = from_json(Plan, tx.get("plan", number).body), office.today
    asked = [d for d in plan.duties if (d.role, d.evidence) == (Role.DATA_USER, Evidence.DESTRUCTION)]
    if not asked:
        return None
    if tx.state(TERM, number) == TermState.RUNNING.value:
        tx.move(TERM, number, was=TermState.RUNNING.value, to=TermState.ENDED.value)
    package = str(tx.get(TERM, number).body["package"])
    first = min(asked, key=lambda one: one.within_days)
    return _open(
        office, tx, Opening(first, today, today + timedelta(days=first.within_days)), _Of(number, package, order)
    )


def _open_at_once(office: Office, tx: Transaction, event: DutyEvent, of: _Of) -> tuple[str, ...]:
    known = {(duty.opens_on, duty.cause) for duty in _duties_of(tx, of.request)}
    if (event, of.cause) in known:
        return ()
    plan, today = from_json(Plan, tx.get("plan", of.request).body), office.today
    found = [asked for asked in plan.duties if asked.opens_on is event]
    days = ((asked, today + timedelta(days=asked.within_days)) for asked in found)
    return tuple(_open(office, tx, Opening(asked, today, due), of) for asked, due in days)


def _open(office: Office, tx: Transaction, opening: Opening, of: _Of) -> str:
    asked, number = opening.asked, tx.next_number("DU", office.today.year)
    owes = debtor_of(office, tx, of.request, asked.role)
    duty = OwedDuty(
        number, of.request, of.package, asked.zh, asked.role, owes, asked.opens_on, opening.opened, opening.due,
        asked.evidence, asked.cited, asked.within_days, asked.every_days, of.cause,
    )  # fmt: skip
    stored = tx.put(KIND, number, duty)
    tx.move(KIND, number, was=None, to=DutyState.OPEN.value)
    office.log(
        tx, Verb.DUTY_OPEN, None, object=number, request=of.request, object_digest=stored,
        reason=f"{asked.evidence.value}, due {duty.due.isoformat()}", **cited_facts(asked.cited),
    )  # fmt: skip
    return number


def _duties_of(tx: Transaction, request: str) -> tuple[OwedDuty, ...]:
    found = (each.body for each in tx.find(KIND))
    return tuple(from_json(OwedDuty, body) for body in found if body["request"] == request)


def standing_of(office: Office, tx: Transaction, number: str) -> DutyStanding:
    """Return a duty and where it stands today.

    Raises:
        ApprovalError: there is no such duty.
    """
    state = tx.state(KIND, number)
    if state is None:
        raise ApprovalError(
            "there is no such duty", zh="没有该义务", thing=number, fix_en="check the number: extractor duty list",
            fix_zh="请核对编号:extractor duty list",
        )  # fmt: skip
    duty, now = from_json(OwedDuty, tx.get(KIND, number).body), DutyState(state)
    overdue = now is not DutyState.CLOSED and duty.overdue_on(office.today)
    return DutyStanding(duty, now, (duty.due - office.today).days, overdue, bool(tx.versions("duty_reminder", number)))


def duties(office: Office, *, request: str | None = None, only_overdue: bool = False) -> tuple[DutyStanding, ...]:
    """Return the duties by number: all, those of a request, or those that are overdue today."""
    with office.store.reading() as tx:
        numbers = [each.number for each in tx.find(KIND) if request in (None, each.body["request"])]
        found = [standing_of(office, tx, number) for number in numbers]
    return tuple(each for each in found if each.overdue or not only_overdue)


def overdue_of(office: Office, tx: Transaction, request: str, *, unit: str) -> tuple[OwedDuty, ...]:
    """Return the duties of a request that a unit owes and that are overdue today."""
    standing = (standing_of(office, tx, each.number) for each in _duties_of(tx, request))
    return tuple(each.duty for each in standing if each.overdue and each.duty.of.unit == unit)
