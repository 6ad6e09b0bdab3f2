"""The giver's copies: which packages the unit still keeps after the handover though a rule wants its copy destroyed, for showing.

Owns nothing that is stored: it reads handover sheets, orders and records. It must not know how anything is destroyed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extractor.decode import from_json
from extractor.handover import HandoverSheet
from extractor.policy import Cited
from extractor.policy_words import PracticeKind
from extractor.store.transaction import Transaction
from extractor.workflow.destruction_orders import Copy, destroyed_by, orders_over
from extractor.workflow.office import Office
from extractor.workflow.standing import policies_of


@dataclass(frozen=True)
class GiverCopy:
    """The unit's copy of a package that both sides signed for, the rules by which it goes, and what was ordered and done."""

    request: str
    package: str
    cited: tuple[Cited, ...]
    order: str | None = None
    record: str | None = None

    @property
    def to_destroy(self) -> bool:
        """Whether a rule wants it destroyed, and it is not."""
        return bool(self.cited) and self.record is None


def giver_copies(office: Office, tx: Transaction, *, request: str | None = None) -> Iterator[GiverCopy]:
    """Yield the unit's copies of packages that both sides signed for, or that an order is about: all, or of a request."""
    for each in tx.find("run_record"):
        number, package = str(each.body.get("request")), str(each.body["package"])
        if request not in (None, number) or tx.state("request", number) is None:
            continue
        ordered = orders_over(tx, package, Copy.STORED)
        cited = policies_of(office, tx, number).practice(PracticeKind.GIVER_COPY_DESTROYED)
        asked = cited if _is_received(tx, package) else ()
        if asked or ordered:
            order = ordered[-1].number if ordered else None
            yield GiverCopy(number, package, asked, order, destroyed_by(tx, package))


def _is_received(tx: Transaction, package: str) -> bool:
    sheets = (
        from_json(HandoverSheet, each.body) for each in tx.find("handover") if each.body.get("package") == package
    )
    return any(sheet.complete for sheet in sheets)


def copy_shown(copy: GiverCopy) -> dict[str, Any]:
    """Return a copy as commands show it."""
    return {
        "request": copy.request, "package": copy.package, "to_destroy": copy.to_destroy, "order": copy.order,
        "record": copy.record, "articles": [f"{each.regime} {each.article}" for each in copy.cited],
    }  # fmt: skip


def copy_text(copy: dict[str, Any]) -> str:
    """Return a line about a copy, as ``copy_shown`` gives it: destroyed by which record, or still to be destroyed."""
    package, rules = copy["package"], ", ".join(copy["articles"])
    if copy["record"]:
        said = f"移交方副本已销毁 · the giver's copy is destroyed: {package}, {copy['record']}"
    elif copy["to_destroy"]:
        said = f"移交方副本尚待销毁 · the giver's copy is still to be destroyed: {package}"
        said += f" ({copy['order']})" if copy["order"] else f" (destroy order --package {package} --ground handed_over)"
    else:
        said = f"移交方副本已下令销毁 · the giver's copy is ordered to be destroyed: {package}, {copy['order']}"
    return f"{said}〔{rules}〕" if rules else said
