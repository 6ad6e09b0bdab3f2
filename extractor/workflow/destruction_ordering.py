"""Ordering a destruction: who orders and who signs, and not before the retention floor, over the stored or the delivered copy.

Owns the gates before anything is destroyed. It must not know how a file is deleted, nor when a ground fits (``destruction_grounds``).
Each order cites the rules that apply to it, such as 榕政综〔2017〕122号 art. 23, 26 or 四川征求意见稿 art. 15, 28.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from extractor.destruction import DestructionRecord, Ground
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.policy_words import PracticeKind
from extractor.requests import Person, Role, State
from extractor.store.transaction import Transaction
from extractor.workflow.delivery import package_of, package_path, sheet_of
from extractor.workflow.destruction_by_order import carry_out, not_the_package
from extractor.workflow.destruction_grounds import GroundCase, check_ground, is_revoked, misfit
from extractor.workflow.destruction_orders import (
    DESTROYS,
    KIND,
    ORDERED,
    ORDERERS,
    WITNESSES,
    Copy,
    DestructionOrder,
    OrderStanding,
    OrderState,
    orders_over,
    standing_of,
)
from extractor.workflow.duties import open_ordered
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office
from extractor.workflow.retention import check_document_floor
from extractor.workflow.runs import read_order
from extractor.workflow.separation import Part, take_part
from extractor.workflow.signed import About, put_signed, sign_stored
from extractor.workflow.standing import policies_of

_DELIVERED = (State.DELIVERED.value, State.CLOSED.value)
_PARTS = {Role.DESTROYER: (Part.DESTROY, DESTROYS), Role.WITNESS: (Part.WITNESS, WITNESSES)}


def order_destruction(office: Office, package: str, actor: Actor, *, ground: Ground) -> DestructionOrder:
    """Order that the unit's own copy of a package is destroyed, under the signature of an operator or authority.

    Raises:
        ApprovalError: no such package, an order over it already, another role, the applicant's unit, or a part that excludes it.
        Refused: the ground does not fit, or the retention floor is not reached; with rule and article.
        ConfigurationError: the person's own key is not given.
    """
    with office.store.reading() as tx:
        found = tx.versions("package", package)
        if not found:
            raise _refused(package, "there is no such package", "没有该数据包")
        number = str(found[-1].body["cover"]["provenance"]["request"])
    return _order(office, actor, (number, package, Copy.STORED), ground=ground)


def order_delivered(office: Office, number: str, actor: Actor, *, ground: Ground) -> DestructionOrder:
    """Order the data user to destroy what was delivered for a request: the term of use ends, and a duty to destroy is open.

    Raises:
        ApprovalError: nothing was delivered, an order over it already, destroyed already, another role or a part that excludes it.
        Refused: the ground does not fit, or no policy has a duty to destroy; with rule and article.
        ConfigurationError: the person's own key is not given.
    """
    with office.store.reading() as tx:
        if tx.state("request", number) not in _DELIVERED:
            raise _refused(number, "nothing was delivered for this request", "该申请未交付数据")
        package = sheet_of(tx, number).package
    return _order(office, actor, (number, package, Copy.DELIVERED), ground=ground)


def sign_order(office: Office, number: str, actor: Actor) -> tuple[OrderStanding, DestructionRecord | None]:
    """Sign an order as destroyer or witness; the last signature has it carried out and the record returned.

    Raises:
        ApprovalError: no such order, signed already, enough have signed, another role or a part that excludes it.
        Refused: the retention floor is not reached.
        IntegrityError: the order or the stored file is not as it was; nothing is deleted.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.DESTROY_ORDER, number), office.store.transaction() as tx:
        was = _standing_to_sign(office, tx, number)
        person = acting(office, tx, actor, roles=tuple(_PARTS), thing=number)
        part, said = _PARTS[person.role]
        _check_place(was, person, said)
        take_part(tx, was.order.request, person, part, of=number)
        _check_stored(office, tx, was.order)
        digest = tx.get(KIND, number).digest
        sign_stored(office, tx, actor, about=About(KIND, number, said), digest=digest)
        office.log(
            tx, Verb.DESTROY_ORDER, person, object=number, request=was.order.request, object_digest=digest,
            reason=said, **cited_facts(was.order.cited),
        )  # fmt: skip
        now = standing_of(office, tx, number)
        if not now.to_sign:
            tx.move(KIND, number, was=OrderState.ORDERED.value, to=OrderState.SIGNED.value)
    if now.to_sign:
        return now, None
    record = carry_out(office, number)
    return replace(now, state=OrderState.CARRIED_OUT, record=record.number), record


def refuse_order(office: Office, number: str, actor: Actor, *, reason: str) -> None:
    """Refuse an order before it is signed by all, under the signature of a destroyer, a witness, or whoever gave it.

    Raises:
        ApprovalError: no such order, not waiting for signatures, no reason, another role or a part that excludes it.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.DESTROY_ORDER, number), office.store.transaction() as tx:
        was = _standing_to_sign(office, tx, number)
        person = acting(office, tx, actor, roles=(*_PARTS, *ORDERERS), thing=number)
        if person.role in ORDERERS and person.id != was.order.ordered_by:
            raise _refused(number, "only who gave the order takes it back", "只有下达人可以撤回销毁令")
        if not reason.strip():
            raise _refused(number, "a refusal needs its reason", "拒绝须写明理由")
        part = _PARTS[person.role][0] if person.role in _PARTS else Part.ORDER
        take_part(tx, was.order.request, person, part, of=number)
        body = {"order": tx.get(KIND, number).digest, "reason": reason.strip()}
        about = About("destruction_refusal", number, "refused")
        stored = put_signed(office, tx, actor, about=about, document=body)
        tx.move(KIND, number, was=OrderState.ORDERED.value, to=OrderState.REFUSED.value)
        office.log(
            tx, Verb.DESTROY_ORDER, person, object=number, request=was.order.request, object_digest=stored,
            reason="refused", **cited_facts(was.order.cited),
        )  # fmt: skip


def _order(office: Office, actor: Actor, what: tuple[str, str, Copy], *, ground: Ground) -> DestructionOrder:
    number, package, copy = what
    with office.refusals_logged(actor.person, Verb.DESTROY_ORDER, number if copy is Copy.DELIVERED else package):
        revoked = ground is Ground.WITHDRAWN and is_revoked(office, number, package)
        with office.store.transaction() as tx:
            person = acting(office, tx, actor, roles=ORDERERS, thing=package)
            if there := orders_over(tx, package, copy):
                raise _refused(
                    package, f"there is an order already: {there[-1].number}", f"已有销毁令 {there[-1].number}"
                )
            order = _drafted(office, tx, person, what=what, ground=ground)
            check_ground(GroundCase(office, tx, order, revoked))
            take_part(tx, number, person, Part.ORDER, of=order.number)
            if copy is Copy.STORED:
                _check_stored(office, tx, order)
            else:
                order = replace(order, duty=_owed(office, tx, order))
            stored = put_signed(office, tx, actor, about=About(KIND, order.number, ORDERED), document=order)
            tx.move(KIND, order.number, was=None, to=OrderState.ORDERED.value)
            office.log(
                tx, Verb.DESTROY_ORDER, person, object=order.number, request=number, object_digest=stored,
                reason=f"ordered; {ground.value}", **cited_facts(order.cited),
            )  # fmt: skip
    return order


def _drafted(
    office: Office, tx: Transaction, person: Person, *, what: tuple[str, str, Copy], ground: Ground
) -> DestructionOrder:
    number, package, copy = what
    run, sealed = package_of(tx, number)
    if sealed != package:
        raise _refused(package, "it is not the sealed package of its request", "不是该申请已封装的数据包")
    of_run, record = read_order(tx, run), tx.get("run_record", run).body
    policies = policies_of(office, tx, number)
    cited = policies.practice(PracticeKind.DESTRUCTION_BY_ORDER)
    if ground is Ground.HANDED_OVER:
        cited += policies.practice(PracticeKind.GIVER_COPY_DESTROYED)
    return DestructionOrder(
        tx.next_number("DO", office.today.year), copy, number, of_run.plan, run, package,
        str(record["package_digest"]), ground, of_run.grade, person.id, office.now, cited,
    )  # fmt: skip


def _owed(office: Office, tx: Transaction, order: DestructionOrder) -> str:
    """Return the duty that carries the order out: the one that is open already, or a new one by the plan's rule."""
    duty = open_ordered(office, tx, order.request, order=order.number)
    if duty is None:
        rules = policies_of(office, tx, order.request).practice(PracticeKind.DESTRUCTION_BY_ORDER)
        raise misfit(
            rules, order.request, "no policy of this request has a duty of the data user to destroy",
            "适用的规定中没有数据使用单位的销毁义务",
        )  # fmt: skip
    if tx.state("duty", duty) == "closed":
        raise _refused(order.request, f"it was destroyed already: {duty}", f"已经销毁:{duty}")
    return duty


def _check_stored(office: Office, tx: Transaction, order: DestructionOrder) -> None:
    """Check that the floor is reached and that the file is the package that was sealed."""
    check_document_floor(office, tx, "package", order.package)
    try:
        with package_path(office, order.package).open("rb") as file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        found = ""
    if found != order.package_digest:
        raise not_the_package(order)


def _standing_to_sign(office: Office, tx: Transaction, number: str) -> OrderStanding:
    was = standing_of(office, tx, number)
    if was.order.copy is Copy.DELIVERED:
        duty = was.order.duty
        raise _refused(
            number, f"the data user carries it out and closes {duty}", f"由数据使用单位执行并了结义务 {duty}"
        )  # fmt: skip
    if was.state is not OrderState.ORDERED:
        raise _refused(number, f"the order is {was.state.value}", f"销毁令状态为 {was.state.value}")
    return was


def _check_place(was: OrderStanding, person: Person, said: str) -> None:
    """Check that a person has not signed yet and that their part is not taken by as many as it needs."""
    taken = was.who(said)
    if person.id in taken:
        raise _refused(was.order.number, f"{person.id} has signed already", f"{person.id} 已经签署")
    if len(taken) >= (was.order.witnesses if said == WITNESSES else 1):
        raise _refused(was.order.number, f"signed already by {', '.join(taken)}", f"已由 {'、'.join(taken)} 签署")


def _refused(thing: str, en: str, zh: str) -> ApprovalError:
    return ApprovalError(
        en, zh=zh, thing=thing, fix_en="see extractor destroy list", fix_zh="请见 extractor destroy list"
    )  # fmt: skip
