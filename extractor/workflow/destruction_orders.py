"""Destruction orders as documents: what is to be destroyed, on which ground, who signed, and where the order stands.

Owns the order (DO-…), its state as signatures and store make it, and the question whether a package was destroyed by one. It must
not know who may order (``destruction_ordering``) nor how anything is deleted (``destruction_by_order``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from extractor.decode import from_json
from extractor.destruction import TWO_WITNESSES_FROM_GRADE, Ground
from extractor.errors import ApprovalError, IntegrityError, StorageError
from extractor.policy import Cited
from extractor.requests import Role
from extractor.store.transaction import Transaction
from extractor.workflow.grounds import was_registered
from extractor.workflow.office import Office
from extractor.workflow.signed import Signed, signatures_of

KIND = "destruction_order"
ORDERED, DESTROYS, WITNESSES = "ordered", "destroys", "witnesses"
ORDERERS = (Role.OPERATOR, Role.AUTHORITY)
_ROLES = {ORDERED: ORDERERS, DESTROYS: (Role.DESTROYER,), WITNESSES: (Role.WITNESS,)}


class OrderState(StrEnum):
    """Where a destruction order stands."""

    ORDERED = "ordered"
    SIGNED = "signed"
    CARRIED_OUT = "carried_out"
    REFUSED = "refused"


class Copy(StrEnum):
    """Which copy an order is about: the one that the unit keeps, or the one that the data user received."""

    STORED = "stored"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class DestructionOrder:
    """An order to destroy one copy of a package. ``duty`` is that of the data user, where its copy is ordered to be destroyed."""

    number: str
    copy: Copy
    request: str
    plan: str
    run: str
    package: str
    package_digest: str
    ground: Ground
    grade: int
    ordered_by: str
    ordered: datetime
    cited: tuple[Cited, ...]
    duty: str | None = None

    @property
    def witnesses(self) -> int:
        """How many witnesses must sign."""
        return 2 if self.grade >= TWO_WITNESSES_FROM_GRADE else 1


@dataclass(frozen=True)
class OrderStanding:
    """An order, where it stands, its checked signatures, and the record of what was done."""

    order: DestructionOrder
    state: OrderState
    signed: tuple[Signed, ...]
    record: str | None = None

    def who(self, said: str) -> tuple[str, ...]:
        """Return the people who signed in one of the parts, in the order in which they did."""
        return tuple(each.person for each in sorted(self.signed, key=lambda one: one.time) if each.said == said)

    @property
    def to_sign(self) -> tuple[str, ...]:
        """The roles that must still sign, each as often as it must; none for a copy that the data user destroys."""
        if self.order.copy is Copy.DELIVERED or self.state is OrderState.REFUSED:
            return ()
        destroyer = () if self.who(DESTROYS) else (Role.DESTROYER.value,)
        left = self.order.witnesses - len(self.who(WITNESSES))
        return (*destroyer, *(Role.WITNESS.value for _ in range(left)))


def standing_of(office: Office, tx: Transaction, number: str) -> OrderStanding:
    """Return an order and where it stands; a signature counts in the role that its person was registered in.

    Raises:
        ApprovalError: there is no such order.
        IntegrityError: the order is not as somebody who may order signed it.
    """
    state = tx.state(KIND, number)
    if state is None:
        raise ApprovalError(
            "there is no such destruction order", zh="没有该销毁令", thing=number,
            fix_en="check the number: extractor destroy list", fix_zh="请核对编号:extractor destroy list",
        )  # fmt: skip
    stored = tx.get(KIND, number)
    order = from_json(DestructionOrder, stored.body)
    found = signatures_of(office, tx, kind=KIND, number=number, digest=stored.digest)
    signed = tuple(each for each in found if each.role in _ROLES.get(each.said, ()) and was_registered(tx, each))
    if order.number != number or order.ordered_by not in {each.person for each in signed if each.said == ORDERED}:
        raise IntegrityError(
            "the destruction order is not as it was signed", zh="销毁令与签署时不一致", thing=number,
            fix_en="nothing is destroyed by it; keep it as evidence and report it",
            fix_zh="不得据此销毁;请留存备查并上报",
        )  # fmt: skip
    return OrderStanding(order, OrderState(state), signed, _record_of(tx, number))


def orders(office: Office, *, request: str | None = None) -> tuple[OrderStanding, ...]:
    """Return the destruction orders by number: all, or those of a request.

    Raises:
        IntegrityError: an order is not as it was signed.
    """
    with office.store.reading() as tx:
        return orders_of(office, tx, request=request)


def orders_of(office: Office, tx: Transaction, *, request: str | None = None) -> tuple[OrderStanding, ...]:
    """Return the destruction orders by number, as :func:`orders` does, inside a transaction.

    Raises:
        IntegrityError: an order is not as it was signed.
    """
    numbers = [each.number for each in tx.find(KIND) if request in (None, each.body["request"])]
    return tuple(standing_of(office, tx, number) for number in numbers)


def orders_over(tx: Transaction, package: str, copy: Copy) -> tuple[DestructionOrder, ...]:
    """Return the orders over a copy of a package that were not refused."""
    found = [each for each in tx.find(KIND) if tx.state(KIND, each.number) != OrderState.REFUSED.value]
    known = (from_json(DestructionOrder, each.body) for each in found)
    return tuple(order for order in known if (order.package, order.copy) == (package, copy))


def destroyed_by(tx: Transaction, package: str) -> str | None:
    """Return the number of the record by which the unit's copy of a package was destroyed; None where it was not."""
    numbers = (_record_of(tx, order.number) for order in orders_over(tx, package, Copy.STORED))
    return next((number for number in numbers if number), None)


def check_not_destroyed(tx: Transaction, package: str) -> None:
    """Check that the unit's copy of a package was not destroyed by an order.

    Raises:
        StorageError: it was; names the record.
    """
    if number := destroyed_by(tx, package):
        raise StorageError(
            f"the unit's copy of the package was destroyed; the destruction record is {number}",
            zh=f"本单位留存的数据包已销毁,销毁记录为 {number}", thing=package,
            fix_en=f"see extractor destroy verify {number}; what is needed again is applied for again",
            fix_zh=f"请见 extractor destroy verify {number};仍需使用的请重新申请",
        )  # fmt: skip


def carried_out_by_duty(tx: Transaction, duty: str) -> None:
    """Move the order that a duty carries out, where there is one, inside the transaction that closes the duty."""
    for each in tx.find(KIND, state=OrderState.ORDERED.value):
        if each.body.get("duty") == duty:
            tx.move(KIND, each.number, was=OrderState.ORDERED.value, to=OrderState.CARRIED_OUT.value)


def _record_of(tx: Transaction, order: str) -> str | None:
    found = (each for each in tx.find("destruction") if each.body.get("chain", {}).get("order") == order)
    return next((each.number for each in found), None)
