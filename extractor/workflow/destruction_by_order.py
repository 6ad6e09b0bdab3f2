"""Carrying out a destruction order over the copy of a package that the unit keeps.

Owns the order of steps: the inventory is committed to the log before the file is deleted, deletion is verified, the record is stored
and signed by the unit. What dies in between is finished at the next start. 榕政综〔2017〕122号 art. 23. It must not know who may order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import extractor
from extractor.decode import from_json
from extractor.destruction import (
    Backup,
    Chain,
    DestroyedItem,
    DestructionRecord,
    ItemKind,
    Medium,
    Method,
    Outcome,
    Parties,
    Party,
    Tool,
    Unprovable,
    Verification,
)
from extractor.errors import ApprovalError, IntegrityError, LogError, StorageError
from extractor.log.entries import Result, Verb
from extractor.log.journal import search
from extractor.scratch_items import WorkspaceItem, held_by_a_process, inspect, remove
from extractor.store.transaction import Transaction
from extractor.workflow.delivery import package_path
from extractor.workflow.destruction_orders import (
    DESTROYS,
    KIND,
    WITNESSES,
    DestructionOrder,
    OrderStanding,
    OrderState,
    standing_of,
)
from extractor.workflow.grounds import cited_facts
from extractor.workflow.office import Office
from extractor.workflow.purging import store_record
from extractor.workflow.runs import ProcessIdentity, process_identity

_CLAIM = "destruction_claim"


@dataclass(frozen=True)
class Inventory:
    """What an order is about to delete, as it was committed: the item by kind, place, size, digest and number of links."""

    order: str
    place: str
    bytes: int
    digest: str
    links: int
    begun: datetime


@dataclass(frozen=True)
class _Committed:
    inventory: Inventory
    digest: str
    sequence: int


def carry_out(office: Office, number: str) -> DestructionRecord:
    """Delete the package that a signed order names, and store the record, open for the signatures of all who took part.

    Raises:
        ApprovalError: not everybody has signed, or another process carries it out.
        IntegrityError: the file is not the package that was sealed, or it is gone without trace; the order is then refused.
        StorageError: the file cannot be deleted; the next start tries again.
        LogError: the inventory cannot be committed; nothing is deleted.
    """
    was = _claim(office, number)
    item = _item(office, was.order)
    committed = _commit(office, was.order, item)
    if item is not None and not remove(office.home.packages, item):
        raise StorageError(
            "the package cannot be deleted", zh="无法删除数据包", thing=was.order.package,
            fix_en="make the folder of packages writable; the next command that opens the installation tries again",
            fix_zh="请使数据包目录可写;下一个打开本安装的命令会再次执行",
        )  # fmt: skip
    return _record(office, was, committed, outcome=_outcome(office, was.order, committed.inventory))


def finish_orders(office: Office) -> tuple[str, ...]:
    """Carry out the signed orders whose process died; return the numbers of those that are carried out now.

    Raises:
        LogError: the log cannot be written; nothing is then deleted.
    """
    with office.store.reading() as tx:
        left = [each.number for each in tx.find(KIND, state=OrderState.SIGNED.value) if not _held(tx, each.number)]
    return tuple(number for number in left if _finished(office, number))


def _finished(office: Office, number: str) -> bool:
    try:
        carry_out(office, number)
    except LogError:
        raise
    except (ApprovalError, IntegrityError, StorageError):
        return False  # Each is logged, or its cause is outside: the order stands as it did, or is refused.
    return True


def _held(tx: Transaction, number: str) -> bool:
    """Say whether another process that is alive carries an order out."""
    claims = tx.versions(_CLAIM, number)
    if not claims:
        return False
    by = from_json(ProcessIdentity, claims[-1].body)
    return by.alive and by != process_identity()


def _claim(office: Office, number: str) -> OrderStanding:
    """Take an order over for this process, so that two of them never carry it out side by side."""
    with office.store.transaction() as tx:
        was = standing_of(office, tx, number)
        if was.state is not OrderState.SIGNED or was.to_sign or _held(tx, number):
            raise ApprovalError(
                f"the order is {was.state.value} and cannot be carried out now",
                zh=f"销毁令状态为 {was.state.value},现不能执行", thing=number,
                fix_en=f"see extractor destroy list; still to sign: {', '.join(was.to_sign) or 'none'}",
                fix_zh=f"请见 extractor destroy list;待签:{'、'.join(was.to_sign) or '无'}",
            )  # fmt: skip
        tx.put(_CLAIM, number, process_identity())
    return was


def _item(office: Office, order: DestructionOrder) -> WorkspaceItem | None:
    """Return the file as it lies there, or None where an earlier attempt has deleted it; anything else refuses the order."""
    path = package_path(office, order.package)
    if path.is_file() and not path.is_symlink():
        item = inspect(office.home.packages, path.name)
        if item.digest == order.package_digest:
            return item
    elif not path.is_symlink():
        with office.store.reading() as tx:
            if tx.versions("inventory", order.number):
                return None
    _refuse(office, order)
    raise not_the_package(order)


def not_the_package(order: DestructionOrder) -> IntegrityError:
    """Return the error about a file that is gone or not the one that an order names."""
    return IntegrityError(
        "the stored file is missing, or not the package that was sealed; nothing is deleted",
        zh="留存的文件缺失,或不是所封装的数据包;未删除任何内容", thing=order.package,
        fix_en="keep it as evidence and find out what happened, then order again",
        fix_zh="请留存备查,查明后重新下达销毁令",
    )  # fmt: skip


def _refuse(office: Office, order: DestructionOrder) -> None:
    with office.store.transaction() as tx:
        tx.move(KIND, order.number, was=OrderState.SIGNED.value, to=OrderState.REFUSED.value)
        office.log(
            tx, Verb.DESTROY_ORDER, None, object=order.number, request=order.request, result=Result.FAILED,
            reason="not the package that was sealed", **cited_facts(order.cited),
        )  # fmt: skip


def _commit(office: Office, order: DestructionOrder, item: WorkspaceItem | None) -> _Committed:
    """Commit the inventory to the log; for a file that is gone already, return the one that was committed before."""
    with office.store.transaction() as tx:
        if item is not None:
            place = f"packages/{item.name}"
            found = Inventory(order.number, place, item.bytes, str(item.digest), item.links, office.now)
            stored = tx.put("inventory", order.number, found)
            office.log(
                tx, Verb.DESTROY_ORDER, None, object=order.number, request=order.request, object_digest=stored,
                reason=f"inventory; {order.ground.value}", **cited_facts(order.cited),
            )  # fmt: skip
        document = tx.get("inventory", order.number)
        entries = search(tx, request=order.request, verb=Verb.DESTROY_ORDER, newest_first=True)
        entry = next(each for each in entries if each.object_digest == document.digest)
        assert entry.sequence is not None
        return _Committed(from_json(Inventory, document.body), document.digest, entry.sequence)


def _outcome(office: Office, order: DestructionOrder, inventory: Inventory) -> Outcome:
    """Look for the file again: its name, processes that hold it, further links to it."""
    name = package_path(office, order.package).name
    if held_by_a_process(office.home.packages, [name]):
        return Outcome.OPEN_ELSEWHERE
    return Outcome.ANOTHER_LINK if inventory.links > 1 else Outcome.GONE


def _record(office: Office, was: OrderStanding, committed: _Committed, *, outcome: Outcome) -> DestructionRecord:
    order = was.order
    with office.store.transaction() as tx:
        record = _made(office, tx, was, committed, outcome=outcome)
        store_record(office, tx, record, cited=order.cited)
        tx.move(KIND, order.number, was=OrderState.SIGNED.value, to=OrderState.CARRIED_OUT.value)
        office.log(
            tx, Verb.DESTROY_ORDER, None, object=order.number, request=order.request,
            object_digest=tx.get("destruction", record.number).digest, reason=f"carried_out {record.number}",
            **cited_facts(order.cited),
        )  # fmt: skip
    return record


def _made(
    office: Office, tx: Transaction, was: OrderStanding, committed: _Committed, *, outcome: Outcome
) -> DestructionRecord:
    order, inventory, parties = was.order, committed.inventory, _parties(office, tx, was)
    place, method = inventory.place, "the name, open files of processes and further links were looked for again"
    return DestructionRecord(
        number=tx.next_number("DR", office.today.year),
        chain=Chain(order.request, order.plan, order.run, order.package_digest, order.number),
        ground=order.ground,
        items=(DestroyedItem(ItemKind.PACKAGE, place, inventory.bytes, Method.UNLINKED, outcome, inventory.digest),),
        inventory_digest=committed.digest,
        log_sequence=committed.sequence,
        grade=order.grade,
        backups=_backups(tx, order),
        medium=Medium("disk of the folder of packages", office.settings.unit, "stays in use", order.grade),
        tool=Tool("extractor", extractor.__version__),
        started=inventory.begun,
        ended=max(office.now, inventory.begun),
        verification=Verification(method, outcome is Outcome.GONE, parties.destroyer),
        parties=parties,
        cannot_be_proven=tuple(Unprovable),
    )


def _parties(office: Office, tx: Transaction, was: OrderStanding) -> Parties:
    def party(number: str) -> Party:
        person = office.person(tx, number)
        return Party(person.id, person.role.value, person.unit)

    witnesses = tuple(party(each) for each in was.who(WITNESSES))
    return Parties(party(was.who(DESTROYS)[0]), witnesses, party(was.order.ordered_by))


def _backups(tx: Transaction, order: DestructionOrder) -> tuple[Backup, ...]:
    """Name the backups in which the package may lie: those that were made since it was sealed."""
    sealed = tx.versions("package", order.package)[0].created_at
    found = (each for each in tx.find("backup") if each.created_at >= sealed)
    return tuple(
        Backup(each.number, "may hold the sealed package; encrypted to its recipients, not reached by the software")
        for each in found
    )
