"""The integrity archive: which units and people broke what they owed, and who struck an entry off again.

Owns the entries and their closing under signature (贵阳市健康医疗大数据应用发展条例 art. 5). It must not know how a breach comes about;
whoever finds one enters it, and whoever acts asks for the open ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.requests import Person, Role
from extractor.store.transaction import Transaction
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import About, put_signed
from extractor.workflow.spoken import check_words

_KIND, _CLOSING = "breach", "breach_closing"


class BreachState(StrEnum):
    """Where an entry of the archive stands."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Debtor:
    """Who owes: the unit, its code where it is an applicant, and the registered person who stood for it."""

    unit: str
    uscc: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class Breach:
    """One entry of the archive. ``ground`` is the number of what was broken, such as a duty's."""

    number: str
    of: Debtor
    ground: str
    entered: date
    cited: tuple[Cited, ...]
    request: str | None = None


@dataclass(frozen=True)
class BreachClosing:
    """Why an entry (by digest) was closed, when, and by whom."""

    number: str
    breach: str
    reason: str
    time: datetime
    person: str


@dataclass(frozen=True)
class BreachStanding:
    """An entry, where it stands, and how it was closed."""

    breach: Breach
    state: BreachState
    closing: BreachClosing | None = None


def enter_breach(
    office: Office, tx: Transaction, of: Debtor, *, ground: tuple[str, tuple[Cited, ...]], request: str | None = None
) -> str:
    """Enter a breach into the archive inside the transaction of the act that found it, and return its number.

    Args:
        office: the installation.
        tx: the transaction.
        of: who owed.
        ground: the number of what was broken, and the rules that asked for it.
        request: the request that it is about.
    """
    number, cited = tx.next_number("BR", office.today.year), ground[1]
    stored = tx.put(_KIND, number, Breach(number, of, ground[0], office.today, cited, request))
    tx.move(_KIND, number, was=None, to=BreachState.OPEN.value)
    facts = cited_facts(cited)
    office.log(
        tx, Verb.BREACH_OPEN, None, object=number, request=request, object_digest=stored, reason=ground[0], **facts
    )
    return number


def open_breaches(
    office: Office,  # noqa: ARG001 - asked as every question about a request is: of an office, in a transaction
    tx: Transaction,
    *,
    uscc: str,
    unit: str | None = None,
) -> tuple[str, ...]:
    """Return the numbers of an applicant's open entries, by its code or, where it is given, by the unit's name as well.

    The code stands in a form, the name of the unit is checked against the register of people: asking for both lets nobody
    leave an entry behind by another code.
    """
    return tuple(each.number for each in open_entries(tx, uscc=uscc, unit=unit))


def open_entries(tx: Transaction, *, uscc: str, unit: str | None = None) -> tuple[Breach, ...]:
    """Return an applicant's open entries themselves; see :func:`open_breaches`."""
    found = (from_json(Breach, each.body) for each in tx.find(_KIND, state=BreachState.OPEN.value))
    return tuple(each for each in found if each.of.uscc == uscc or (unit is not None and each.of.unit == unit))


def close_breach(office: Office, number: str, actor: Actor, *, reason: str) -> None:
    """Close an entry under the signature of an authority, or of an operator of another unit, with the reason.

    What was broken is not mended by it: a duty that is overdue stays overdue until it is closed with evidence.

    Raises:
        UsageError: the reason holds a number of a person.
        ApprovalError: no such entry, closed already, no reason, another role, or a person of the unit itself.
        ConfigurationError: the person's own key is not given.
    """
    check_words(reason, "--reason")
    with office.refusals_logged(actor.person, Verb.BREACH_CLOSE, number), office.store.transaction() as tx:
        was = _standing(tx, number)
        person = acting(office, tx, actor, roles=(Role.AUTHORITY, Role.OPERATOR), thing=number)
        _check_closable(was, person, reason)
        word = BreachClosing(number, tx.get(_KIND, number).digest, reason.strip(), office.now, person.id)
        stored = put_signed(office, tx, actor, about=About(_CLOSING, number, "closed"), document=word)
        tx.move(_KIND, number, was=BreachState.OPEN.value, to=BreachState.CLOSED.value)
        office.log(
            tx, Verb.BREACH_CLOSE, person, object=number, request=was.breach.request, object_digest=stored,
            reason=was.breach.ground, **cited_facts(was.breach.cited),
        )  # fmt: skip


def archive(office: Office, *, unit: str | None = None, only_open: bool = False) -> tuple[BreachStanding, ...]:
    """Return the entries of the archive by number: all, or those of a unit (its name, code or person), or the open ones."""
    with office.store.reading() as tx:
        found = [_standing(tx, each.number) for each in tx.find(_KIND)]
    return tuple(
        each
        for each in found
        if (unit is None or unit in (each.breach.of.unit, each.breach.of.uscc, each.breach.of.person))
        and not (only_open and each.state is BreachState.CLOSED)
    )


def _standing(tx: Transaction, number: str) -> BreachStanding:
    state = tx.state(_KIND, number)
    if state is None:
        raise _refused(number, "there is no such entry", "没有该诚信记录", "check the number", "请核对编号")
    closed = tx.versions(_CLOSING, number)
    closing = from_json(BreachClosing, closed[-1].body) if closed else None
    return BreachStanding(from_json(Breach, tx.get(_KIND, number).body), BreachState(state), closing)


def _check_closable(was: BreachStanding, person: Person, reason: str) -> None:
    number = was.breach.number
    if was.state is BreachState.CLOSED:
        raise _refused(number, "the entry is closed already", "该记录已销去", "nothing is left to do", "无须再办理")
    if person.unit == was.breach.of.unit:
        raise _refused(
            number, "nobody of the unit that the entry is about closes it", "被记录单位的人员不得销去本单位的记录",
            "let an authority or an operator of another unit act", "请由主管部门或其他单位的运营人员办理",
        )  # fmt: skip
    if not reason.strip():
        raise _refused(
            number,
            "it is not said why the entry is closed",
            "未写明销去理由",
            "say it with --reason",
            "请用 --reason 写明",
        )


def _refused(number: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=number, fix_en=fix_en, fix_zh=fix_zh)
