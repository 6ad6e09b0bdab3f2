"""Pushes of incidents and reports: their documents, handed to the organs that a rule names, as needed or every so many days.

Owns which documents a push of these holds (山东省政府令第335号 art. 19, 四川征求意见稿 art. 19, 渝卫发〔2019〕67号 art. 18): those that the
organ has not been handed yet, with every signature over them. A push is a ZIP file of canonical JSON; the note beside it, signed by the
unit, says which file is which document, by digest. It must not know a network, nor the log's pushes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from extractor.canonical import canonical_bytes
from extractor.errors import StorageError, UsageError
from extractor.log.entries import Verb
from extractor.log.journal import read as read_entry
from extractor.policy_asked import AskedPush
from extractor.policy_words import PushSubject
from extractor.store.transaction import Document, Transaction
from extractor.workflow.applying import policies_of_all, request_behind
from extractor.workflow.grounds import acting
from extractor.workflow.office import Actor, Office
from extractor.workflow.pushes import (
    ROLES,
    Push,
    PushedDocument,
    PushStanding,
    asked_of,
    check_name,
    digest_of,
    due_on,
    note_path,
    pushes_to,
    record_push,
)
from extractor.workflow.standing import policies_of

_NO_LOG = ""


def push_documents(office: Office, actor: Actor, subject: PushSubject, *, to: str, out: Path) -> Push:
    """Write the incidents or reports that an organ has not been handed yet into a new ZIP file, and log the push.

    The log need not be whole for it: that it is broken is itself an incident, of which the organ is to know.

    Args:
        office: the installation.
        actor: who hands it over: technical service unit, operator or authority.
        subject: incidents or reports.
        to: the organ, as a rule names it.
        out: the file to write; its name ends in ``.zip``. The note is ``NAME.push.json``.

    Raises:
        Refused: no rule names this organ.
        ApprovalError: another role.
        StorageError: the file is there already, or cannot be written.
        UsageError: the name of the file does not end in ``.zip``, no rule asks for such a push, or there is nothing new.
    """
    check_name(out)
    with office.refusals_logged(actor.person, Verb.PUSH, f"{subject.value} to {to}"):
        actor.signing_key()
        with office.store.transaction() as tx:
            asked = asked_of(policies_of_all(office, tx), subject, to)
            acting(office, tx, actor, roles=ROLES, thing=to)
            found = _new_documents(office, tx, subject, to)
            if not found:
                raise UsageError(
                    "the organ has been handed everything that there is", zh="没有尚未推送的内容", thing=to,
                    fix_en="see what is due: extractor log push --list", fix_zh="请见 extractor log push --list",
                )  # fmt: skip
            return _write(office, tx, actor, (asked, subject, found), out)


def documents_due(office: Office, subject: PushSubject) -> tuple[PushStanding, ...]:
    """Return every push of incidents or reports that a rule asks for, with the last one and how many documents are new.

    Raises:
        IntegrityError: a push is not signed by the person that it names.
    """
    with office.store.reading() as tx:
        begun = datetime.fromisoformat(read_entry(tx, 0).time)
        found = []
        for asked in policies_of_all(office, tx).pushes(subject):
            done = pushes_to(office, tx, subject, asked.to)
            last = done[-1] if done else None
            due = due_on(asked, last, begun)
            late = due is not None and due < office.today
            new = len(_new_documents(office, tx, subject, asked.to))
            found.append(PushStanding(asked, last, due, late, subject, new))
        return tuple(found)


def _new_documents(office: Office, tx: Transaction, subject: PushSubject, to: str) -> tuple[Document, ...]:
    known = {each.digest for push in pushes_to(office, tx, subject, to) for each in push.documents}
    every = _incidents(office, tx, to) if subject is PushSubject.INCIDENT else _with_signatures(tx, tx.find("report"))
    return tuple(each for each in every if each.digest not in known)


def _incidents(office: Office, tx: Transaction, to: str) -> Iterator[Document]:
    """Yield what stands about each incident that concerns an organ: the incident, who was told, its closing, the signatures."""
    for incident in tx.find("incident"):
        request = request_behind(tx, str(incident.body["thing"]))
        submitted = request is not None and tx.versions("circumstances", request)
        policies = policies_of(office, tx, request) if request and submitted else policies_of_all(office, tx)
        if to in {asked.to for asked in policies.pushes(PushSubject.INCIDENT)}:
            told = tx.find("incident_report", number_prefix=f"{incident.number}/")
            closed = tx.versions("incident_closing", incident.number)
            yield from _with_signatures(tx, (incident, *told, *closed))


def _with_signatures(tx: Transaction, found: tuple[Document, ...]) -> Iterator[Document]:
    for each in found:
        yield each
        yield from tx.find("signature", number_prefix=f"{each.kind}/{each.number}/")


def _write(
    office: Office,
    tx: Transaction,
    actor: Actor,
    what: tuple[AskedPush, PushSubject, tuple[Document, ...]],
    out: Path,
) -> Push:
    """Write the file, store and log the push, and sign the note; where one fails, both files go again."""
    (asked, subject, found), note = what, note_path(out)
    if note.exists() or out.exists():
        raise StorageError("there is something already", zh="该位置已有内容", thing=str(note if note.exists() else out))
    listed = tuple(
        PushedDocument(f"{at:04d}-{each.kind}.json", each.kind, each.number, each.digest)
        for at, each in enumerate(found, 1)
    )
    try:
        _pack(out, listed, found)
        push = Push(
            tx.next_number("PU", office.today.year), subject, asked.to, 0, 0, _NO_LOG, digest_of(out), asked.cited,
            actor.person.id, office.now, listed,
        )  # fmt: skip
        reason = f"{subject.value} to {push.to}: {len(listed)} documents"
        record_push(office, tx, actor, push=push, files=(out, note), reason=reason)
    except BaseException:
        out.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        raise
    return push


def _pack(out: Path, listed: tuple[PushedDocument, ...], found: tuple[Document, ...]) -> None:
    try:
        with zipfile.ZipFile(out, "x") as file:
            for name, each in zip(listed, found, strict=True):
                # A number can hold what a person wrote, such as the name of an organ, so it names no file.
                file.writestr(zipfile.ZipInfo(name.file), canonical_bytes(each.body))
    except OSError as failure:
        raise StorageError(
            f"the file cannot be written ({failure.strerror})", zh="无法写入文件", thing=str(out),
            fix_en="choose another place with --out", fix_zh="请用 --out 指定其他位置",
        ) from None  # fmt: skip
