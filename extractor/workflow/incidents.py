"""Incidents: what went wrong, who must be told of it, who was, and with what it was closed.

Owns what opens an incident, its recipients by the rules of the regimes (山东省政府令第335号 art. 19), and what becomes of it when the
log itself is broken. It must not know how a leak or a refused download is noticed, nor reach any network: an organ is told by people,
and they sign that they did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError, ExtractorError, IntegrityError
from extractor.log.checkpoint import Checkpoint
from extractor.log.entries import Verb
from extractor.log.verification import LogVerification, verify
from extractor.policy import Cited
from extractor.policy_words import IncidentCause
from extractor.requests import Person, Role
from extractor.store.transaction import Transaction
from extractor.transfer.dsse import sign_envelope
from extractor.workflow.applying import policies_about, request_behind
from extractor.workflow.duties import open_incident_duty
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office, tampering_numbers
from extractor.workflow.records import envelope_path, record_path, write_whole
from extractor.workflow.signed import About, put_signed
from extractor.workflow.spoken import check_known, check_words

MEDIA_TYPE = "application/vnd.extractor.incident+json"
_KIND, _TOLD, _CLOSING = "incident", "incident_report", "incident_closing"


class IncidentState(StrEnum):
    """Where an incident stands; ``reported`` once everybody whom the rules name was told."""

    OPEN = "open"
    REPORTED = "reported"
    CLOSED = "closed"


@dataclass(frozen=True)
class Incident:
    """What happened to which thing. ``found`` names places and counts, or is the digest of what a person reported."""

    number: str
    cause: IncidentCause
    thing: str
    found: str
    opened: datetime
    recipients: tuple[str, ...]
    cited: tuple[Cited, ...]
    opened_by: str | None = None


@dataclass(frozen=True)
class Told:
    """That an organ was told of an incident (by digest), when, and by whom."""

    number: str
    incident: str
    organ: str
    time: datetime
    person: str


@dataclass(frozen=True)
class Closing:
    """With what an incident (by digest) was closed, when, and by whom."""

    number: str
    incident: str
    done: str
    time: datetime
    person: str


@dataclass(frozen=True)
class IncidentStanding:
    """An incident, where it stands, and who was told."""

    incident: Incident
    state: IncidentState
    told: tuple[Told, ...]

    @property
    def to_tell(self) -> tuple[str, ...]:
        """The recipients who were not told yet."""
        done = {each.organ for each in self.told}
        return tuple(organ for organ in self.incident.recipients if organ not in done)


def open_incident(office: Office, tx: Transaction, cause: IncidentCause, *, thing: str, found: str) -> str:
    """Open an incident in the software's own name and return its number; the rules that apply to the thing name who is told.

    Where a request is behind the thing, the duties that an incident brings are opened with it.

    Args:
        office: the installation.
        tx: the transaction of the act that noticed it.
        cause: what opens it.
        thing: the run, request, package or log entry that it is about.
        found: what was found, in places and counts; never a value of a person.
    """
    incident = _put(office, tx, cause, about=(thing, found))
    _log_opened(office, tx, incident, None)
    return incident.number


def report_as_person(office: Office, actor: Actor, *, thing: str, text_digest: str) -> str:
    """Open an incident that a person reports, under their signature; of their text only the digest is kept.

    Raises:
        UsageError: it is about nothing that is known here.
        ApprovalError: their registration has changed.
        ConfigurationError: the person's own key is not given.
    """
    check_known(office, thing, "--thing")
    with office.refusals_logged(actor.person, Verb.INCIDENT, thing), office.store.transaction() as tx:
        person = acting(office, tx, actor, roles=tuple(Role), thing=thing)
        incident = _put(office, tx, IncidentCause.REPORTED, about=(thing, text_digest), who=person)
        put_signed(office, tx, actor, about=About(_KIND, incident.number, "opened"), document=incident)
        _log_opened(office, tx, incident, person)
    return incident.number


def report_incident(
    office: Office, number: str, actor: Actor, *, organ: str, told: datetime | None = None
) -> IncidentState:
    """Record under an operator's signature that an organ was told (now where no time is given), and return the state.

    Raises:
        ApprovalError: no operator, an incident that is closed or unknown, or a time before the incident or to come.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.INCIDENT, number), office.store.transaction() as tx:
        was = _standing(tx, number)
        person = acting(office, tx, actor, roles=(Role.OPERATOR,), thing=number)
        time = told or office.now
        if was.state is IncidentState.CLOSED:
            raise _not_possible(number, "the incident is closed", "事件已结案", "open another one", "请另行登记事件")
        if not was.incident.opened <= time <= office.now:
            raise _not_possible(
                number, "the time lies before the incident or in the future", "告知时间早于事件或在将来",
                "give the time at which the organ was told", "请填写实际告知时间",
            )  # fmt: skip
        word = Told(number, tx.get(_KIND, number).digest, organ, time, person.id)
        stored = put_signed(office, tx, actor, about=About(_TOLD, f"{number}/{organ}", "told"), document=word)
        becomes = was.state if set(was.to_tell) - {organ} else IncidentState.REPORTED
        if becomes is not was.state:
            tx.move(_KIND, number, was=was.state.value, to=becomes.value)
        facts = cited_facts(was.incident.cited)
        office.log(tx, Verb.INCIDENT, person, object=number, object_digest=stored, reason=f"told {organ}", **facts)
    return becomes


def close_incident(office: Office, number: str, actor: Actor, *, done: str) -> None:
    """Close an incident under the signature of an operator or an authority, with what was done.

    Raises:
        UsageError: what was done holds a number of a person.
        ApprovalError: somebody whom a rule names was not told, nothing is said to have been done, it is closed or unknown,
            or the person has another role.
        ConfigurationError: the person's own key is not given.
    """
    check_words(done, "--done")
    with office.refusals_logged(actor.person, Verb.INCIDENT, number), office.store.transaction() as tx:
        was = _standing(tx, number)
        person = acting(office, tx, actor, roles=(Role.OPERATOR, Role.AUTHORITY), thing=number)
        _check_closable(was, done)
        word = Closing(number, tx.get(_KIND, number).digest, done.strip(), office.now, person.id)
        stored = put_signed(office, tx, actor, about=About(_CLOSING, number, "closed"), document=word)
        tx.move(_KIND, number, was=was.state.value, to=IncidentState.CLOSED.value)
        facts = cited_facts(was.incident.cited)
        office.log(tx, Verb.INCIDENT, person, object=number, object_digest=stored, reason="closed", **facts)


def incidents(office: Office) -> tuple[IncidentStanding, ...]:
    """Return every incident by number, with its state and who was told."""
    with office.store.reading() as tx:
        return tuple(_standing(tx, each.number) for each in tx.find(_KIND))


def verified_log(office: Office, known: Checkpoint | None = None) -> LogVerification:
    """Verify the whole log, against a checkpoint kept elsewhere where one is given; a broken log opens an incident.

    Raises:
        IntegrityError: an entry of the log is not as it was written; the error names the incident.
    """
    try:
        return verify(office.store, office.log_signer.verifier, known)
    except IntegrityError as broken:
        where_zh, where_en = _broken_log(office, broken)
        raise IntegrityError(
            broken.en, zh=broken.zh, thing=broken.thing,
            fix_en=f"{where_en}; {broken.fix_en}", fix_zh=f"{where_zh};{broken.fix_zh}",
        ) from None  # fmt: skip


def _broken_log(office: Office, broken: IntegrityError) -> tuple[str, str]:
    """Open the incident of a broken log, once for each place, and say where it is recorded.

    A log that was changed in the middle still takes entries. One whose head is wrong takes none: nothing is signed on top of it.
    Then, and only then, the incident stands in the store without its entry, and in a file that the unit signs.
    """
    try:
        with office.store.transaction() as tx:
            number = _open_already(tx, broken) or open_incident(
                office, tx, IncidentCause.BROKEN_LOG, thing=broken.thing, found=broken.en
            )
        return f"已登记事件 {number}", f"incident {number} is open"
    except ExtractorError:
        pass
    try:
        with office.store.transaction() as tx:
            incident = _put(office, tx, IncidentCause.BROKEN_LOG, about=(broken.thing, broken.en))
            _write_files(office, incident)
    except ExtractorError:
        return "事件无法登记,请书面记录", "the incident cannot be recorded here: write it down"
    number, name = incident.number, record_path(office, incident.number).name
    return (
        f"日志无法再写入,事件 {number} 已登记于数据库与 records/{name}",
        f"the log takes no entry, so incident {number} stands in the store and in records/{name} only",
    )


def _open_already(tx: Transaction, broken: IntegrityError) -> str | None:
    for each in tx.find(_KIND):
        known = from_json(Incident, each.body)
        same = (known.cause, known.thing, known.found) == (IncidentCause.BROKEN_LOG, broken.thing, broken.en)
        if same and tx.state(_KIND, each.number) != IncidentState.CLOSED.value:
            return known.number
    return None


def _write_files(office: Office, incident: Incident) -> None:
    body = canonical_bytes(incident)
    write_whole(record_path(office, incident.number), body)
    envelope = sign_envelope(body, payload_type=MEDIA_TYPE, signer=office.unit_key)
    write_whole(envelope_path(office, incident.number), envelope)


def _put(
    office: Office, tx: Transaction, cause: IncidentCause, *, about: tuple[str, str], who: Person | None = None
) -> Incident:
    number, asked = tx.next_number("IN", office.today.year), policies_about(office, tx, about[0]).incident(cause)
    whom, cited = (asked.recipients, asked.cited) if asked else ((), ())
    incident = Incident(number, cause, *about, office.now, whom, cited, who.id if who else None)
    tx.put(_KIND, number, incident)
    tx.move(_KIND, number, was=None, to=IncidentState.OPEN.value)
    return incident


def _log_opened(office: Office, tx: Transaction, incident: Incident, who: Person | None) -> None:
    request, broken = request_behind(tx, incident.thing), incident.cause is IncidentCause.BROKEN_LOG
    numbers, cited = (tampering_numbers(office.policies_here), office.against_changes) if broken else ((), ())
    office.log(
        tx, Verb.INCIDENT, who, object=incident.number, request=request,
        reason="; ".join((f"opened: {incident.cause.value}", *numbers)),
        object_digest=tx.get(_KIND, incident.number).digest, **cited_facts((*incident.cited, *cited)),
    )  # fmt: skip
    if request is not None:
        open_incident_duty(office, tx, request, incident=incident.number)


def _standing(tx: Transaction, number: str) -> IncidentStanding:
    state = tx.state(_KIND, number)
    if state is None:
        raise _not_possible(number, "there is no such incident", "没有该事件", "check the number", "请核对编号")
    told = tuple(from_json(Told, each.body) for each in tx.find(_TOLD, number_prefix=f"{number}/"))
    return IncidentStanding(from_json(Incident, tx.get(_KIND, number).body), IncidentState(state), told)


def _check_closable(was: IncidentStanding, done: str) -> None:
    number = was.incident.number
    if was.state is IncidentState.CLOSED:
        raise _not_possible(number, "the incident is closed", "事件已结案", "nothing is left to do", "无须再办理")
    if was.to_tell:
        organs = "、".join(was.to_tell)
        raise _not_possible(
            number, f"not everybody was told: {organs}", f"尚未告知:{organs}",
            f"tell them and record it with `extractor incident report` ({cited_facts(was.incident.cited)['article']})",
            f"请先告知并以 extractor incident report 记录({cited_facts(was.incident.cited)['article']})",
        )  # fmt: skip
    if not done.strip():
        raise _not_possible(
            number, "it is not said what was done", "未写明处置情况", "say it with --done", "请用 --done 写明"
        )


def _not_possible(number: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=number, fix_en=fix_en, fix_zh=fix_zh)
