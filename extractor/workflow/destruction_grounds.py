"""On which ground a copy of a package may be ordered to be destroyed, and when the ground fits what stands.

Owns that check. It must not know who orders or how anything is destroyed. 四川征求意见稿 art. 28: nothing is destroyed at will.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.decode import from_json
from extractor.destruction import Ground
from extractor.errors import Reason, Refused
from extractor.handover import HandoverSheet
from extractor.plans.nodes import Plan
from extractor.policy import Cited
from extractor.requests import State
from extractor.store.transaction import Transaction
from extractor.workflow.consent_effects import revocations
from extractor.workflow.debtors import applicant_of
from extractor.workflow.delivery import sheet_of
from extractor.workflow.destruction_orders import Copy, DestructionOrder
from extractor.workflow.grounds import reasons_of
from extractor.workflow.incidents import IncidentState
from extractor.workflow.integrity import open_entries
from extractor.workflow.office import Office, public_key_of
from extractor.workflow.standing import submitted_catalogue

GROUNDS = {
    Copy.STORED: (Ground.HANDED_OVER, Ground.TERM_OVER, Ground.WITHDRAWN, Ground.BREACH),
    Copy.DELIVERED: (Ground.TERM_OVER, Ground.WITHDRAWN, Ground.BREACH),
}
_DELIVERED = (State.DELIVERED.value, State.CLOSED.value)


@dataclass(frozen=True)
class GroundCase:
    """What the check of a ground looks at. ``revoked`` says whether a consent behind the package was taken back since."""

    office: Office
    tx: Transaction
    order: DestructionOrder
    revoked: bool


def check_ground(case: GroundCase) -> None:
    """Check that the ground of an order is one for its copy, and that it fits.

    Raises:
        Refused: it does not; with rule and article.
        IntegrityError: a signature under the handover sheet is not of the person that it names.
    """
    order = case.order
    if order.ground not in GROUNDS[order.copy]:
        names = ", ".join(each.value for each in GROUNDS[order.copy])
        raise misfit(order.cited, order.package, f"a ground for this copy is: {names}", f"该副本的销毁依据须为:{names}")
    fits, en, zh = {
        Ground.HANDED_OVER: (_is_handed_over, "both sides have not signed the handover", "双方尚未签署交接单"),
        Ground.TERM_OVER: (_is_over, "the term of use has not ended", "使用期限尚未届满"),
        Ground.WITHDRAWN: (
            _is_withdrawn, "it was delivered, and no consent behind it was revoked", "已交付,且所依据的同意未被撤回"
        ),
        Ground.BREACH: (
            _is_breached, "there is no open breach of the applicant and no open incident", "申请单位无未销去的诚信记录,也无未了结的事件"
        ),
    }[order.ground]  # fmt: skip
    if not fits(case):
        raise misfit(
            order.cited, order.package, f"the ground {order.ground.value} does not fit: {en}", f"依据不符:{zh}"
        )


def _is_handed_over(case: GroundCase) -> bool:
    """Say whether both sides signed the sheet of this very package, each with the key that is registered for them."""
    if case.tx.state("request", case.order.request) not in _DELIVERED:
        return False
    sheet = sheet_of(case.tx, case.order.request)
    _check_sheet(case, sheet)
    return sheet.complete and sheet.package_digest == case.order.package_digest


def _check_sheet(case: GroundCase, sheet: HandoverSheet) -> None:
    for each in sheet.signatures:
        key = public_key_of(case.office.person(case.tx, each.person))
        key.verify(sheet.unsigned, bytes.fromhex(each.signature), thing=sheet.number)


def _is_over(case: GroundCase) -> bool:
    return case.office.today > from_json(Plan, case.tx.get("plan", case.order.request).body).until


def _is_withdrawn(case: GroundCase) -> bool:
    return case.revoked or case.tx.state("request", case.order.request) == State.SEALED.value


def _is_breached(case: GroundCase) -> bool:
    applicant = applicant_of(case.tx, case.order.request)
    if open_entries(case.tx, uscc=applicant.uscc or "", unit=applicant.unit):
        return True
    about = (case.order.request, case.order.package)
    return any(
        each.body["thing"] in about and case.tx.state("incident", each.number) != IncidentState.CLOSED.value
        for each in case.tx.find("incident")
    )


def is_revoked(office: Office, number: str, package: str) -> bool:
    """Say whether somebody took back the consent on which a package was sealed."""
    with office.store.reading() as tx:
        catalogue = submitted_catalogue(tx, number).name
    return any(line["package"] == package for each in revocations(office, catalogue) for line in each["packages"])


def misfit(cited: tuple[Cited, ...], thing: str, en: str, zh: str) -> Refused:
    """Return the refusal of an order, with one reason for each rule that wants destruction by order only."""
    reasons = reasons_of(cited, thing, zh, en) or (Reason(thing, "destroy.order", "", zh, en),)
    fix = ("nothing is destroyed; order it again on a ground that fits, or once this one does",
           "未销毁任何内容;请改用相符的依据,或待依据具备后重新下达")  # fmt: skip
    return Refused(reasons, thing=thing, fix=fix)
