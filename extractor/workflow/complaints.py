"""Complaints: registered, handled and answered, each within the days that a rule sets.

Owns the register of complaints and its deadlines (贵阳市健康医疗大数据应用发展条例 art. 7), and that nobody whom a complaint is about
deals with it. It must not know what a complaint says: of its text and of the answer only digests are kept, and how to reach the
complainant stands in a document of its own that the log names by nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.policy_asked import AskedComplaint
from extractor.policy_words import Violation
from extractor.requests import Person, Role
from extractor.store.transaction import Transaction
from extractor.workflow.applying import policies_about
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import CHINA, Actor, Office
from extractor.workflow.separation import part_of
from extractor.workflow.signed import About, put_signed
from extractor.workflow.spoken import check_known

_KIND, _CONTACT, _FINDING, _ANSWER = "complaint", "complaint_contact", "complaint_finding", "complaint_answer"
_ROLES = (Role.OPERATOR, Role.AUTHORITY)


class ComplaintCategory(StrEnum):
    """What a complaint is about."""

    PRIVACY = "privacy"
    BEYOND_SCOPE = "beyond_scope"
    CONSENT = "consent"
    QUALITY = "quality"
    CONDUCT = "conduct"
    OTHER = "other"


class Outcome(StrEnum):
    """What was found."""

    UPHELD = "upheld"
    PARTLY_UPHELD = "partly_upheld"
    UNFOUNDED = "unfounded"
    PASSED_ON = "passed_on"


class ComplaintState(StrEnum):
    """Where a complaint stands."""

    REGISTERED = "registered"
    HANDLED = "handled"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Given:
    """A complaint as it came in: category, digest of its text, the request or unit it is about, and the day it came."""

    category: ComplaintCategory
    text: str
    about: str
    received: date


@dataclass(frozen=True)
class Complaint:
    """A registered complaint with the days until which it is to be registered and answered; None where no rule sets any."""

    number: str
    given: Given
    registered: datetime
    register_by: date | None
    answer_by: date | None
    cited: tuple[Cited, ...]
    person: str


@dataclass(frozen=True)
class Dealt:
    """What was done with a complaint: the digest of the finding or the answer, when and by whom."""

    number: str
    text: str
    time: datetime
    person: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class ComplaintStanding:
    """A complaint, where it stands, and what is late about it today, in Chinese and English."""

    complaint: Complaint
    state: ComplaintState
    late: tuple[tuple[str, str], ...]


def add_complaint(office: Office, actor: Actor, given: Given, *, contact: str = "") -> str:
    """Register a complaint under the signature of an operator or an authority, and return its number.

    Args:
        office: the installation.
        actor: who registers it.
        given: the complaint as it came in.
        contact: how to reach the complainant; kept apart, and in no log entry.

    Raises:
        UsageError: it is about nothing that is known here.
        ApprovalError: another role, somebody whom the complaint is about, a request that is not there, or a day to come.
        ConfigurationError: the person's own key is not given.
    """
    if given.about.strip() and not given.about.startswith("RQ-"):
        check_known(office, given.about, "--about")
    with office.refusals_logged(actor.person, Verb.COMPLAIN, "complaint"), office.store.transaction() as tx:
        person = acting(office, tx, actor, roles=_ROLES, thing=given.about)
        _check_about(tx, given)
        _check_apart(tx, given.about, person)
        if given.received > office.today:
            raise _refused("complaint", "the day on which it came lies in the future", "收到日期在将来")
        number, asked = tx.next_number("CP", office.today.year), policies_about(office, tx, given.about).complaint()
        complaint = Complaint(
            number, given, office.now, *_deadlines(given.received, asked), asked.cited if asked else (), person.id
        )
        stored = put_signed(office, tx, actor, about=About(_KIND, number, "registered"), document=complaint)
        tx.move(_KIND, number, was=None, to=ComplaintState.REGISTERED.value)
        if contact.strip():
            tx.put(_CONTACT, number, {"contact": contact.strip()})
        _log(office, tx, person, complaint=complaint, said=(ComplaintState.REGISTERED, stored))
    return number


def deal_with_complaint(office: Office, number: str, actor: Actor, *, outcome: Outcome, text: str) -> None:
    """Record what was found about a complaint, under the signature of an operator or an authority.

    Raises:
        ApprovalError: another role, somebody whom the complaint is about, or a complaint that is not waiting for it.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.COMPLAIN, number), office.store.transaction() as tx:
        _advance(office, tx, actor, number=number, dealt=(_FINDING, outcome, text))


def answer_complaint(office: Office, number: str, actor: Actor, *, text: str) -> str:
    """Record that the complainant was answered, under a signature, and return how they were to be reached (empty: not said).

    Raises:
        ApprovalError: another role, somebody whom the complaint is about, or a complaint that is not waiting for it.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.COMPLAIN, number), office.store.transaction() as tx:
        _advance(office, tx, actor, number=number, dealt=(_ANSWER, None, text))
        known = tx.versions(_CONTACT, number)
        return str(known[-1].body["contact"]) if known else ""


def complaints(office: Office, *, overdue: bool = False) -> tuple[ComplaintStanding, ...]:
    """Return every complaint by number, or those only that are overdue today."""
    with office.store.reading() as tx:
        found = tuple(_standing(office, tx, each.number) for each in tx.find(_KIND))
    return tuple(each for each in found if each.late or not overdue)


def _advance(
    office: Office, tx: Transaction, actor: Actor, *, number: str, dealt: tuple[str, Outcome | None, str]
) -> None:
    kind, outcome, text = dealt
    was = _standing(office, tx, number)
    person = acting(office, tx, actor, roles=_ROLES, thing=number)
    _check_apart(tx, was.complaint.given.about, person)
    needs, becomes = {
        _FINDING: (ComplaintState.REGISTERED, ComplaintState.HANDLED),
        _ANSWER: (ComplaintState.HANDLED, ComplaintState.ANSWERED),
    }[kind]
    if was.state is not needs:
        raise _refused(
            number, f"it is {was.state.value}, and this needs {needs.value}", f"状态为 {was.state.value},本操作需要 {needs.value}"
        )  # fmt: skip
    word = Dealt(number, text, office.now, person.id, outcome)
    stored = put_signed(office, tx, actor, about=About(kind, number, becomes.value), document=word)
    tx.move(_KIND, number, was=needs.value, to=becomes.value)
    _log(office, tx, person, complaint=was.complaint, said=(becomes, stored))


def _deadlines(received: date, asked: AskedComplaint | None) -> tuple[date | None, date | None]:
    """Return the last days for registering and for answering; both are counted from the day on which the complaint came."""
    if asked is None:
        return None, None
    return received + timedelta(days=asked.register_days), received + timedelta(days=asked.answer_days)


def _standing(office: Office, tx: Transaction, number: str) -> ComplaintStanding:
    state = tx.state(_KIND, number)
    if state is None:
        raise _refused(number, "there is no such complaint", "没有该投诉举报")
    complaint = from_json(Complaint, tx.get(_KIND, number).body)
    answer = tx.versions(_ANSWER, number)
    answered = from_json(Dealt, answer[-1].body).time if answer else None
    policies = policies_about(office, tx, complaint.given.about)
    listed = dict.fromkeys(policies.offence(each.regime, Violation.COMPLAINT) for each in complaint.cited)
    offences = tuple(number for number in listed if number)
    return ComplaintStanding(complaint, ComplaintState(state), _late(office, complaint, answered, offences))


def _late(
    office: Office, complaint: Complaint, answered: datetime | None, offences: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Say what came too late or is too late by today; the days are those of Asia/Shanghai."""
    rule = cited_facts(complaint.cited)
    cited = "[" + "; ".join((f"{rule['rule']} {rule['article']}", *offences)) + "]"
    days = (
        ("登记", "registered", complaint.register_by, complaint.registered.astimezone(CHINA).date()),
        ("回复", "answered", complaint.answer_by, answered.astimezone(CHINA).date() if answered else office.today),
    )
    return tuple(
        (f"应于 {by} 前{zh} {cited}", f"to be {en} by {by} {cited}") for zh, en, by, day in days if by and day > by
    )


def _check_about(tx: Transaction, given: Given) -> None:
    if not given.about.strip():
        raise _refused("complaint", "it is not said which request or unit it is about", "未写明针对的申请或单位")
    if given.about.startswith("RQ-") and tx.state("request", given.about) is None:
        raise _refused(given.about, "there is no such request", "没有该申请")


def _check_apart(tx: Transaction, about: str, person: Person) -> None:
    """Check that nobody deals with a complaint about their own unit, or about a request in which they or their unit applied."""
    own = person.unit == about
    if about.startswith("RQ-"):
        applicant = tx.get("request", about).body["applicant"]["name"]
        own = bool(part_of(tx, about, person)) or person.unit == applicant
    if own:
        raise _refused(
            about, "the complaint is about the person's own unit or about a request in which they had a part",
            "投诉针对办理人所在单位或其参与办理的申请",
        )  # fmt: skip


def _log(
    office: Office, tx: Transaction, person: Person, *, complaint: Complaint, said: tuple[ComplaintState, str]
) -> None:
    about = complaint.given.about
    office.log(
        tx, Verb.COMPLAIN, person, object=complaint.number, object_digest=said[1],
        request=about if about.startswith("RQ-") else None,
        reason=f"{said[0].value}: {complaint.given.category.value}", **cited_facts(complaint.cited),
    )  # fmt: skip


def _refused(thing: str, en: str, zh: str) -> ApprovalError:
    return ApprovalError(
        en, zh=zh, thing=thing, fix_en="let a person who may do it deal with it; see `extractor complaint list`",
        fix_zh="请由可以办理的人员办理;见 extractor complaint list",
    )  # fmt: skip
