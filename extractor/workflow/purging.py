"""Purge and destruction record: whatever happened to a run, what it left is destroyed and the record says so.

Owns the order: the inventory is committed to the log before anything is deleted, deletion is verified, the unit signs each
version of the record (a DSSE envelope beside its file), and destroyer and witnesses sign in it. 榕政综〔2017〕122号 art. 23.
"""

from __future__ import annotations

from dataclasses import dataclass

import extractor
from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.destruction import (
    Backup,
    Chain,
    DestroyedItem,
    DestructionRecord,
    Ground,
    ItemKind,
    Medium,
    Method,
    Outcome,
    Parties,
    Party,
    Signature,
    Tool,
    Unprovable,
    Verification,
    add_signature,
    missing_signatures,
    unsigned,
    verify_record,
)
from extractor.errors import ApprovalError, IntegrityError
from extractor.keys import PublicKey
from extractor.log.entries import Verb
from extractor.log.journal import head
from extractor.log.journal import read as read_entry
from extractor.policy import Cited
from extractor.policy_words import PracticeKind
from extractor.requests import Act, Person
from extractor.scratch_items import WorkspaceItem
from extractor.store.transaction import Transaction
from extractor.transfer.dsse import sign_envelope, verify_envelope
from extractor.workflow.applying import policies_about
from extractor.workflow.approval import stored_subject
from extractor.workflow.grounds import cited_facts
from extractor.workflow.office import Actor, Office
from extractor.workflow.records import envelope_path, record_path, write_whole
from extractor.workflow.runs import RunOrder, move_request
from extractor.workflow.separation import Part, take_part
from extractor.workflow.statements import put_statement
from extractor.workspace import Workspace

MEDIA_TYPE = "application/vnd.extractor.destruction-record+json"


@dataclass(frozen=True)
class _Committed:
    """The inventory as it was committed: its digest and its entry in the log."""

    digest: str
    sequence: int


def purge_run(
    office: Office, order: RunOrder, workspace: Workspace, *, ground: Ground, package: str | None
) -> DestructionRecord:
    """Destroy a run's workspace and store the record, open for the signatures of destroyer and witnesses.

    Args:
        office: the installation.
        order: the run.
        workspace: its workspace, created or adopted.
        ground: why it is destroyed.
        package: digest of the sealed package, where it came to one.

    Raises:
        LogError: the inventory cannot be committed; nothing is deleted.
    """
    committed: list[_Committed] = []

    def commit(items: tuple[WorkspaceItem, ...]) -> None:
        listed = {"run": order.number, "items": [
            {"kind": i.kind, "place": i.name, "bytes": i.bytes, "digest": i.digest} for i in items]}  # fmt: skip
        with office.store.transaction() as tx:
            stored = tx.put("inventory", order.number, listed)
            office.log(
                tx, Verb.PURGE, None, object=order.number, request=order.request, object_digest=stored,
                reason=ground.value, **cited_facts(_asking_for_it(office, tx, order.request)),
            )  # fmt: skip
            committed.append(_Committed(stored, last_sequence(office, tx)))

    result = workspace.purge(commit)
    with office.store.transaction() as tx:
        number = tx.next_number("DR", office.today.year)
        parties = _parties(office, tx, order)
        record = DestructionRecord(
            number=number,
            chain=Chain(order.request, order.plan, order.number, package),
            ground=ground,
            items=(*result.destroyed(), _memory(order)),
            inventory_digest=committed[0].digest,
            log_sequence=committed[0].sequence,
            grade=order.grade,
            backups=(Backup("scratch", "excluded from backup by the operating manual; not checked by the software"),),
            medium=Medium("disk of the scratch folder", office.settings.unit, "stays in use", 1),
            tool=Tool("extractor", extractor.__version__),
            started=result.started,
            ended=result.ended,
            verification=Verification(
                "each name was opened again, open files of processes and further links were looked for",
                result.complete,
                parties.destroyer,
            ),
            parties=parties,
            cannot_be_proven=tuple(Unprovable),
        )
        store_record(office, tx, record, cited=_asking_for_it(office, tx, order.request))
    return record


def _asking_for_it(office: Office, tx: Transaction, request: str) -> tuple[Cited, ...]:
    """Return the rules that ask for what a run leaves to be destroyed."""
    return policies_about(office, tx, request).practice(PracticeKind.INTERMEDIATES_DESTROYED)


def sign_destruction(office: Office, number: str, actor: Actor) -> DestructionRecord:
    """Sign a destruction record as destroyer, witness, or whoever ordered it; the last signature verifies the record.

    Raises:
        ApprovalError: the person has no part in the record or has signed already.
        IntegrityError: the record does not verify.
    """
    key = actor.signing_key()
    with office.store.transaction() as tx:
        record = from_json(DestructionRecord, tx.get("destruction", number).body)
        signature = Signature(actor.person.id, key.public.text, key.sign(unsigned(record)).hex())
        signed = add_signature(record, signature)
        take_part(tx, record.chain.request, actor.person, _part_in(record, actor.person), of=number)
        if not missing_signatures(signed):
            check_record(office, tx, signed)
        store_record(office, tx, signed, who=actor.person)
    return signed


def _part_in(record: DestructionRecord, person: Person) -> Part:
    parties = record.parties
    if parties.approver and person.id == parties.approver.id:
        return Part.ORDER
    return Part.DESTROY if person.id == parties.destroyer.id else Part.WITNESS


def records_of(tx: Transaction, request: str) -> tuple[DestructionRecord, ...]:
    """Return the destruction records of a request."""
    found = (from_json(DestructionRecord, document.body) for document in tx.find("destruction"))
    return tuple(record for record in found if record.chain.request == request)


def check_record(office: Office, tx: Transaction, record: DestructionRecord) -> None:
    """Verify that everybody has signed a record with the key that is registered for them.

    Raises:
        IntegrityError: naming what does not fit.
    """
    keys = {person: frozenset({office.person(tx, person).public_key}) for person in record.parties.must_sign}
    verify_record(
        record,
        lambda key, message, signature: PublicKey.from_text(key).accepts(message, bytes.fromhex(signature)),
        keys=keys,
    )


def verify_destruction(office: Office, number: str) -> DestructionRecord:
    """Verify a stored record and that its inventory is the one that was committed before anything was deleted.

    Raises:
        IntegrityError: a signature of a person or the unit, the inventory or the log entry does not fit.
        ApprovalError: all of that fits, and somebody must still sign.
    """
    with office.store.reading() as tx:
        record = from_json(DestructionRecord, tx.get("destruction", number).body)
        missing = missing_signatures(record)
        if not missing:
            check_record(office, tx, record)
        _check_envelope(office, record)
        entry = read_entry(tx, record.log_sequence)
        if entry.verb not in (Verb.PURGE, Verb.DESTROY_ORDER) or entry.object_digest != record.inventory_digest:
            raise IntegrityError(
                "the log entry that the record names does not hold its inventory",
                zh="记录所指的日志条目与其清单不符",
                thing=number,
                fix_en="do not rely on the record; report it",
                fix_zh="请勿采信该记录并上报",
            )
    if missing:
        raise _unsigned(record)
    return record


def _check_envelope(office: Office, record: DestructionRecord) -> None:
    """Check that the envelope beside the record's file holds this record, signed by the unit."""
    try:
        envelope = envelope_path(office, record.number).read_bytes()
        payload, _ = verify_envelope(envelope, payload_type=MEDIA_TYPE, trusted=(office.unit_key.public,))
    except (OSError, IntegrityError):
        payload = b""
    if payload != canonical_bytes(record):
        raise IntegrityError(
            "the unit's signature beside the record's file is missing, or is not over this record",
            zh="记录文件旁缺少单位签名,或所签的不是本记录",
            thing=record.number,
            fix_en="do not rely on the record; report it",
            fix_zh="请勿采信该记录并上报",
        )


def close_request(office: Office, number: str, auditor: Actor) -> None:
    """Close a delivered request under the auditor's signature, once every destruction record of it is signed and verifies.

    Raises:
        ApprovalError: it is not delivered, there is no record, or one still misses a signature.
        ConfigurationError: the auditor's own key is not given.
    """
    with office.refusals_logged(auditor.person, Verb.VERIFY, number), office.store.transaction() as tx:
        auditor.signing_key()
        take_part(tx, number, auditor.person, Part.AUDIT)
        move_request(tx, number, Act.CLOSE)
        records = records_of(tx, number)
        if not records:
            raise ApprovalError(
                "there is no destruction record of this request",
                zh="该申请没有销毁记录",
                thing=number,
                fix_en=f"run and deliver it first: extractor run {number}",
                fix_zh=f"请先运行并交付:extractor run {number}",
            )
        for record in records:
            if missing_signatures(record):
                raise _unsigned(record)
            check_record(office, tx, record)
        said = put_statement(office, tx, auditor, act=Act.CLOSE, subject=stored_subject(tx, number))
        office.log(tx, Verb.VERIFY, auditor.person, object=number, request=number, object_digest=said)


def _unsigned(record: DestructionRecord) -> ApprovalError:
    missing = missing_signatures(record)
    return ApprovalError(
        "a destruction record still misses signatures", zh="销毁记录尚缺签名", thing=record.number,
        fix_en=f"still to sign: {', '.join(missing)} (extractor destroy sign {record.number})",
        fix_zh=f"待签:{'、'.join(missing)}(extractor destroy sign {record.number})",
    )  # fmt: skip


def store_record(
    office: Office,
    tx: Transaction,
    record: DestructionRecord,
    *,
    who: Person | None = None,
    cited: tuple[Cited, ...] = (),
) -> None:
    """Store a record and its file for people, which carries the unit's signature beside it; log it with the rules behind it."""
    stored = tx.put("destruction", record.number, record)
    verb = Verb.SIGN if who else Verb.DESTROY
    office.log(
        tx,
        verb,
        who,
        object=record.number,
        request=record.chain.request,
        object_digest=stored,
        reason=record.ground.value,
        **cited_facts(cited),
    )
    body = canonical_bytes(record)
    write_whole(record_path(office, record.number), body)
    envelope = sign_envelope(body, payload_type=MEDIA_TYPE, signer=office.unit_key)
    write_whole(envelope_path(office, record.number), envelope)


def _memory(order: RunOrder) -> DestroyedItem:
    """Name the rows that the run's process held: they were in no file, and went with the process."""
    place = f"process memory of run {order.number}"
    return DestroyedItem(ItemKind.MEMORY, place, 0, Method.MEMORY_RELEASED, Outcome.GONE)


def _parties(office: Office, tx: Transaction, order: RunOrder) -> Parties:
    people = [office.person(tx, person) for person in (order.destroyer, *order.witnesses)]
    destroyer, *witnesses = (Party(person.id, person.role.value, person.unit) for person in people)
    return Parties(destroyer, tuple(witnesses))


def last_sequence(office: Office, tx: Transaction) -> int:
    """Return the sequence of the newest entry of the log."""
    found = head(tx, office.log_signer.verifier)
    assert found is not None
    return found[0].size - 1
