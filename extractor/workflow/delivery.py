"""Handing over: the package is checked before both sides sign the sheet; only then is the request delivered.

Owns the handover sheet's life. 榕政综〔2017〕122号 art. 23: safe handover.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError, IntegrityError
from extractor.handover import Custody, HandoverSheet, HandoverSignature
from extractor.log.entries import Verb
from extractor.manifest import AgreementRef
from extractor.plans.nodes import Plan
from extractor.policy_words import PracticeKind
from extractor.requests import Act, Role, State, next_state
from extractor.store.transaction import Transaction
from extractor.transfer.verify import STEP_NAMES, verify_package
from extractor.workflow.agreements import signed_agreement
from extractor.workflow.destruction_orders import check_not_destroyed
from extractor.workflow.duties import open_on_delivery
from extractor.workflow.office import Actor, Office
from extractor.workflow.practised import practised
from extractor.workflow.records import record_path, write_whole
from extractor.workflow.runs import RunState, move_request, read_order
from extractor.workflow.separation import Part, check_own_unit, take_part

KEY_CHANNEL = "接收方自持 age 私钥,从未离开接收方;本包只加密到其公钥"

_HANDED_OVER = (PracticeKind.SIGNED_HANDOVER, PracticeKind.ENCRYPTED_TRANSFER, PracticeKind.RECIPIENT_BOUND)


def package_path(office: Office, package: str) -> Path:
    """Return where a sealed package lies."""
    return office.home.packages / f"{package}.zip"


def package_of(tx: Transaction, request: str) -> tuple[str, str]:
    """Return run and package number of a request's sealed run.

    Raises:
        ApprovalError: no run of the request has been sealed.
    """
    orders = [read_order(tx, document.number) for document in tx.find("run", state=RunState.SEALED.value)]
    sealed = [order for order in orders if order.request == request]
    if not sealed:
        raise ApprovalError(
            "no package of this request has been sealed",
            zh="该申请尚无已封装的数据包",
            thing=request,
            fix_en=f"run it first: extractor run {request}",
            fix_zh=f"请先运行:extractor run {request}",
        )
    return sealed[-1].number, sealed[-1].package


def give(office: Office, number: str, giver: Actor, *, custody: Custody, remarks: str = "") -> HandoverSheet:
    """Check the package, make the handover sheet and sign it as giver.

    Raises:
        IntegrityError: the package does not verify.
        ApprovalError: nothing is sealed, it has been handed over already, or the person is not of the unit that runs this
            installation, has another role or had another part.
    """
    key = giver.signing_key()
    with office.refusals_logged(giver.person, Verb.HANDOVER, number), office.store.transaction() as tx:
        take_part(tx, number, giver.person, Part.GIVE)
        check_own_unit(number, giver.person, office.settings.unit, part=Part.GIVE)
        run, package = package_of(tx, number)
        next_state(State(str(tx.state("request", number))), Act.HAND_OVER, number=number)
        agreed = signed_agreement(office, tx, number, from_json(Plan, tx.get("plan", number).body))
        check_not_destroyed(tx, package)
        path = package_path(office, package)
        checked = verify_package(path, trusted=(office.unit_key.public.text,), today=office.today)
        assert checked.manifest is not None
        record = tx.get("run_record", run).body
        _check_digest(path, package, record["package_digest"])
        agreement = AgreementRef(agreed.agreement.number, agreed.digest) if agreed else None
        sheet = HandoverSheet(
            number=tx.next_number("HS", office.today.year),
            request=number,
            package=package,
            package_digest=record["package_digest"],
            package_bytes=record["package_bytes"],
            items=checked.manifest.items,
            checks=tuple(STEP_NAMES[step.step][1] for step in checked.steps),
            key_channel=KEY_CHANNEL,
            giver_unit=giver.person.unit,
            receiver_unit=checked.manifest.cover.recipient_unit,
            custody=custody,
            remarks=remarks,
            agreement=agreement,
        )
        signed = sheet.signed(_signature(office, "giver", giver, key.sign(sheet.unsigned).hex()))
        _store(office, tx, signed, giver)
        _log_given(office, tx, giver, record | {"agreement": agreement.number if agreement else None})
    return signed


def _log_given(office: Office, tx: Transaction, giver: Actor, record: dict[str, Any]) -> None:
    """Log the delivery of a run's package, and once more as an act of its own verb (共享) where acts are to be logged."""
    number = record["request"]
    about = {"object": record["package"], "request": record["request"], "object_digest": record["package_digest"]}
    about |= {"agreement": record["agreement"]}
    about |= {"bytes": record["package_bytes"], "rows": sum(table["rows_given"] for table in record["tables"])}
    given = practised(office, tx, number, *_HANDED_OVER)
    office.log(tx, Verb.DELIVER, giver.person, **about, reason=record["run"], **given)
    office.log(tx, Verb.SHARE, giver.person, **about, **practised(office, tx, number, PracticeKind.ACTS_LOGGED))


def receive(office: Office, number: str, receiver: Actor) -> HandoverSheet:
    """Sign the handover sheet as receiver, which delivers the request.

    Raises:
        ApprovalError: no sheet, not a data user of the receiving unit, or signed already.
    """
    key = receiver.signing_key()
    with office.refusals_logged(receiver.person, Verb.HANDOVER, number), office.store.transaction() as tx:
        sheet = sheet_of(tx, number)
        if receiver.person.role is not Role.DATA_USER or receiver.person.unit != sheet.receiver_unit:
            raise ApprovalError(
                "only a data user of the receiving unit receives",
                zh="只有接收单位的数据使用人员可以签收",
                thing=sheet.number,
                fix_en="let them sign",
                fix_zh="请由其签收",
            )
        take_part(tx, number, receiver.person, Part.RECEIVE)
        signed = sheet.signed(_signature(office, "receiver", receiver, key.sign(sheet.unsigned).hex()))
        _store(office, tx, signed, receiver)
        move_request(tx, number, Act.HAND_OVER)
        open_on_delivery(office, tx, number, package=signed.package)
    return signed


def sheet_of(tx: Transaction, request: str) -> HandoverSheet:
    """Return the newest handover sheet of a request.

    Raises:
        ApprovalError: there is none yet.
    """
    sheets = [from_json(HandoverSheet, document.body) for document in tx.find("handover")]
    own = [sheet for sheet in sheets if sheet.request == request]
    if not own:
        raise ApprovalError(
            "the giver has not made a handover sheet yet",
            zh="移交方尚未制作交接单",
            thing=request,
            fix_en=f"extractor request sign {request} --as giver",
            fix_zh=f"请移交方执行 extractor request sign {request} --as giver",
        )
    return own[-1]


def _check_digest(path: Path, package: str, sealed: str) -> None:
    with path.open("rb") as file:
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if found != sealed:
        raise IntegrityError(
            "the package is not the one that the run sealed",
            zh="数据包与运行时封装的不一致",
            thing=package,
            fix_en="keep it as evidence and run the request again",
            fix_zh="请留存备查并重新运行",
        )


def _signature(office: Office, side: str, actor: Actor, signature: str) -> HandoverSignature:
    person = actor.person
    return HandoverSignature(side, person.id, person.unit, office.now, person.public_key, signature)


def _store(office: Office, tx: Transaction, sheet: HandoverSheet, actor: Actor) -> None:
    stored = tx.put("handover", sheet.number, sheet)
    side = sheet.signatures[-1].side
    office.log(
        tx, Verb.HANDOVER, actor.person, object=sheet.number, request=sheet.request, object_digest=stored, reason=side,
        **practised(office, tx, sheet.request, PracticeKind.SIGNED_HANDOVER),
    )  # fmt: skip
    write_whole(record_path(office, sheet.number), canonical_bytes(sheet))
