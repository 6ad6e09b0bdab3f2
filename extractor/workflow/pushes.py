"""Pushes: what a push is, and the usage log handed to the organs that a rule names, as needed or every so many days.

Owns to whom the log may be pushed, which period a push holds, and which pushes are due (渝卫发〔2019〕67号 art. 19, 榕政综〔2017〕122号
art. 27). It must not know a network: a push is a file with a signed note beside it, which people hand over. The file is the log as
``extractor log verify`` verifies it; the note says which entries are new since the last push to that organ. Who is to get it is said by
the policies of this place and of every request so far. Incidents and reports are pushed by ``push_documents``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import file_digest
from pathlib import Path

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import Refused, StorageError, UsageError
from extractor.log.checkpoint import Checkpoint
from extractor.log.entries import Verb
from extractor.log.export import export
from extractor.log.journal import read as read_entry
from extractor.policy import Cited
from extractor.policy_asked import AskedPush
from extractor.policy_set import PolicySet
from extractor.policy_words import PushSubject
from extractor.requests import Role
from extractor.store.transaction import Transaction
from extractor.transfer.dsse import sign_envelope
from extractor.workflow.applying import policies_of_all
from extractor.workflow.grounds import Fault, acting, cited_facts, reasons_listed
from extractor.workflow.incidents import verified_log
from extractor.workflow.office import CHINA, Actor, Office
from extractor.workflow.records import write_whole
from extractor.workflow.signed import About, newest_signed, put_signed

MEDIA_TYPE = "application/vnd.extractor.log-push+json"
KIND = "push"
ROLES = (Role.TECHNICAL_SERVICE_UNIT, Role.OPERATOR, Role.AUTHORITY)


@dataclass(frozen=True)
class PushedDocument:
    """One document of a push: in which file of it, and which document it is, by kind, number and digest."""

    file: str
    kind: str
    number: str
    digest: str


@dataclass(frozen=True)
class Push:
    """What was handed to an organ; ``file`` is the file's digest.

    Of the log, the entries ``first`` to ``size`` (excluded) are new to the organ; of incidents and reports, ``documents`` are.
    """

    number: str
    subject: PushSubject
    to: str
    first: int
    size: int
    root: str
    file: str
    cited: tuple[Cited, ...]
    person: str
    time: datetime
    documents: tuple[PushedDocument, ...] = ()


@dataclass(frozen=True)
class PushStanding:
    """A push that a rule asks for: the last one, and the day on which the next is due (None: as needed).

    ``new`` counts the documents that the organ has not been handed yet; the log always has new entries.
    """

    asked: AskedPush
    last: Push | None
    due: date | None
    overdue: bool
    subject: PushSubject = PushSubject.LOG
    new: int | None = None


def push_log(office: Office, actor: Actor, *, to: str, out: Path) -> Push:
    """Write the log into a new ZIP file for an organ, with a note that the unit signs beside it, and log the push.

    Args:
        office: the installation.
        actor: who hands it over: technical service unit, operator or authority.
        to: the organ, as a rule names it.
        out: the file to write; its name ends in ``.zip``. The note is ``NAME.push.json``.

    Raises:
        Refused: no rule names this organ.
        ApprovalError: another role.
        IntegrityError: the log is not as it was written; it is then not pushed, and an incident is open.
        StorageError: the file is there already, or cannot be written.
        UsageError: the name of the file does not end in ``.zip``.
    """
    check_name(out)
    with office.refusals_logged(actor.person, Verb.PUSH, f"log to {to}"):
        actor.signing_key()
        with office.store.reading() as tx:
            asked = asked_of(policies_of_all(office, tx), PushSubject.LOG, to)
            acting(office, tx, actor, roles=ROLES, thing=to)
            last = _last(office, tx, to)
        # What was pushed last is a checkpoint that the organ keeps: the log must still hold it.
        origin = office.log_signer.name
        verified_log(office, Checkpoint(origin, last.size, bytes.fromhex(last.root)) if last else None)
        return _write_and_store(office, actor, asked, out)


def pushes_due(office: Office) -> tuple[PushStanding, ...]:
    """Return every push of the log that a rule asks for, with the last one to that organ and the day of the next.

    Raises:
        IntegrityError: a push is not signed by the person that it names.
    """
    with office.store.reading() as tx:
        begun = datetime.fromisoformat(read_entry(tx, 0).time)
        return tuple(
            _push_standing(office, asked, _last(office, tx, asked.to), begun)
            for asked in policies_of_all(office, tx).pushes(PushSubject.LOG)
        )


def note_path(out: Path) -> Path:
    """Return where the signed note of a push lies: beside its file."""
    return out.with_name(f"{out.stem}.push.json")


def _push_standing(office: Office, asked: AskedPush, last: Push | None, begun: datetime) -> PushStanding:
    due = due_on(asked, last, begun)
    return PushStanding(asked, last, due, overdue=due is not None and due < office.today)


def due_on(asked: AskedPush, last: Push | None, begun: datetime) -> date | None:
    """Return when the next push is due: counted from the last one or, before any, from when the log began; None: as needed."""
    if asked.every_days is None:
        return None
    return (last.time if last else begun).astimezone(CHINA).date() + timedelta(days=asked.every_days)


def check_name(out: Path) -> None:
    """Check that a push is to be written into a ZIP file.

    Raises:
        UsageError: its name does not end in ``.zip``.
    """
    if out.suffix != ".zip":
        raise UsageError(
            "a push is one ZIP file", zh="推送件为一个 ZIP 文件", thing=str(out),
            fix_en="end its name in .zip", fix_zh="请以 .zip 结尾",
        )  # fmt: skip


def asked_of(policies: PolicySet, subject: PushSubject, to: str) -> AskedPush:
    """Return what the rules ask about a push of a subject to an organ.

    Raises:
        Refused: they name other organs only.
        UsageError: they ask for no such push at all.
    """
    asked = policies.pushes(subject)
    for each in asked:
        if each.to == to:
            return each
    cited = tuple(dict.fromkeys(rule for each in asked for rule in each.cited))
    if not cited:
        raise UsageError(
            f"no rule that applies asks for a push of {subject.value}",
            zh=f"适用制度没有推送 {subject.value} 的规定",
            thing=to,
        )
    known = "、".join(each.to for each in asked)
    fault = Fault(to, "不是规定的接收机关", "no organ that a rule names", known)
    raise Refused(reasons_listed(policies, cited, fault), thing=to)


def _last(office: Office, tx: Transaction, to: str) -> Push | None:
    """Return the last push to an organ, its signature checked: where the next begins must not be anybody's word."""
    own = pushes_to(office, tx, PushSubject.LOG, to)
    return max(own, key=lambda push: push.size) if own else None


def pushes_to(office: Office, tx: Transaction, subject: PushSubject, to: str) -> tuple[Push, ...]:
    """Return the pushes of a subject to an organ, oldest first, each with its signature checked.

    Raises:
        IntegrityError: one is not signed by the person that it names.
    """
    found = [from_json(Push, each.body) for each in tx.find(KIND)]
    own = sorted((each for each in found if (each.subject, each.to) == (subject, to)), key=lambda each: each.time)
    for each in own:
        newest_signed(office, tx, kind=KIND, number=each.number)
    return tuple(own)


def _write_and_store(office: Office, actor: Actor, asked: AskedPush, out: Path) -> Push:
    """Export, then store and log in one transaction; where that fails, the file goes again."""
    note = note_path(out)
    if note.exists():
        raise StorageError("there is something already", zh="该位置已有内容", thing=str(note))
    with office.store.reading() as tx:
        found = export(tx, out, office.log_signer.verifier)
    try:
        with office.store.transaction() as tx:
            last = _last(office, tx, asked.to)
            push = Push(
                tx.next_number("PU", office.today.year), PushSubject.LOG, asked.to, last.size if last else 0,
                found.size, found.root.hex(), digest_of(out), asked.cited, actor.person.id, office.now,
            )  # fmt: skip
            record_push(
                office,
                tx,
                actor,
                push=push,
                files=(out, note),
                reason=f"log to {push.to}: entries {push.first} to {push.size - 1}",
            )
    except BaseException:
        out.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        raise
    return push


def record_push(  # noqa: PLR0913  # a transaction, who, and the three things that are recorded
    office: Office, tx: Transaction, actor: Actor, *, push: Push, files: tuple[Path, Path], reason: str
) -> None:
    """Sign and log a push whose file lies there, and write the signed note beside it: ``files`` are the two."""
    out, note = files
    put_signed(office, tx, actor, about=About(KIND, push.number, "pushed"), document=push)
    office.log(
        tx, Verb.PUSH, actor.person, object=push.number, object_digest=push.file, bytes=out.stat().st_size,
        reason=reason, **cited_facts(push.cited),
    )  # fmt: skip
    write_whole(note, sign_envelope(canonical_bytes(push), payload_type=MEDIA_TYPE, signer=office.unit_key))


def digest_of(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return "sha256:" + file_digest(file, "sha256").hexdigest()
