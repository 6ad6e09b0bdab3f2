"""Settling: what time has brought since somebody last opened the installation.

Owns the order in which terms open duties and end, duties are reminded of, and overdue ones enter the integrity archive. Nothing
watches the clock: the next command that opens the installation settles, and settling twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.decode import from_json
from extractor.log.entries import Verb
from extractor.store.transaction import Transaction
from extractor.workflow.duties import KIND, TERM, DutyState, OwedDuty, TermState, UseTerm, open_due, openings
from extractor.workflow.grounds import cited_facts
from extractor.workflow.integrity import enter_breach
from extractor.workflow.office import Office

REMINDER = "duty_reminder"


@dataclass(frozen=True)
class Settled:
    """What settling did, by number: duties opened, terms ended (requests), duties reminded of, breaches entered."""

    opened: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    reminded: tuple[str, ...] = ()
    breaches: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.ended or self.reminded or self.breaches)


def settle(office: Office) -> Settled:
    """Do what time has brought, each change with its log entry, all in one transaction; nothing where nothing is due.

    Raises:
        LogError: the log cannot be written; nothing is then changed.
    """
    with office.store.reading() as tx:
        if not _is_due(office, tx):
            return Settled()
    with office.store.transaction() as tx:
        terms = _running(tx)
        opened = tuple(number for term in terms for number in open_due(office, tx, term))
        ended = tuple(_end(office, tx, term) for term in terms if office.today > term.until)
        late = [duty for duty in _open_duties(tx) if _to_enter(office, duty)]
        breaches = tuple(_breach(office, tx, duty) for duty in late)
        reminded = tuple(_remind(office, tx, duty) for duty in _open_duties(tx) if _to_remind(office, tx, duty))
    return Settled(opened, ended, reminded, breaches)


def _is_due(office: Office, tx: Transaction) -> bool:
    today = office.today
    everything = [from_json(OwedDuty, each.body) for each in tx.find(KIND)]
    terms = _running(tx)
    if any(today > term.until for term in terms):
        return True
    if any(openings(term, (d for d in everything if d.request == term.request), today) for term in terms):
        return True
    return any(_to_enter(office, duty) or _to_remind(office, tx, duty) for duty in _open_duties(tx))


def _running(tx: Transaction) -> tuple[UseTerm, ...]:
    return tuple(from_json(UseTerm, each.body) for each in tx.find(TERM, state=TermState.RUNNING.value))


def _open_duties(tx: Transaction) -> tuple[OwedDuty, ...]:
    return tuple(from_json(OwedDuty, each.body) for each in tx.find(KIND, state=DutyState.OPEN.value))


def _end(office: Office, tx: Transaction, term: UseTerm) -> str:
    tx.move(TERM, term.request, was=TermState.RUNNING.value, to=TermState.ENDED.value)
    reason = f"until {term.until.isoformat()}"
    office.log(tx, Verb.EXPIRE, None, object=term.package, request=term.request, reason=reason)
    return term.request


def _breach(office: Office, tx: Transaction, duty: OwedDuty) -> str:
    tx.move(KIND, duty.number, was=DutyState.OPEN.value, to=DutyState.BREACHED.value)
    return enter_breach(office, tx, duty.of, ground=(duty.number, duty.cited), request=duty.request)


def _to_enter(office: Office, duty: OwedDuty) -> bool:
    """Say whether a duty enters the archive: nobody is entered whose unit the request does not tell."""
    return duty.overdue_on(office.today) and bool(duty.of.unit)


def _to_remind(office: Office, tx: Transaction, duty: OwedDuty) -> bool:
    return duty.remind_from <= office.today <= duty.due and not tx.versions(REMINDER, duty.number)


def _remind(office: Office, tx: Transaction, duty: OwedDuty) -> str:
    """Record that the duty was reminded of, once: the reminder is shown by the command that settles, and in the list."""
    stored = tx.put(REMINDER, duty.number, {"duty": duty.number, "day": office.today, "due": duty.due})
    office.log(
        tx, Verb.DUTY_OPEN, None, object=duty.number, request=duty.request, object_digest=stored,
        reason=f"reminded, due {duty.due.isoformat()}", **cited_facts(duty.cited),
    )  # fmt: skip
    return duty.number


def settled_text(done: Settled) -> str:
    """Return what settling did as lines for a terminal."""
    lines = (
        ("已设立义务 · duties opened", done.opened),
        ("使用期限届满 · terms ended", done.ended),
        ("义务即将到期 · duties soon due", done.reminded),
        ("逾期,已记入诚信档案 · overdue, entered in the integrity archive", done.breaches),
    )
    return "\n".join(f"{said}: {', '.join(numbers)}" for said, numbers in lines if numbers)
