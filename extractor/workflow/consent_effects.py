"""What a revocation no longer reaches: the packages that were sealed before it on the consent of those who took it back.

Owns the comparison of revocations with earlier runs. It works on prints and counts, and shows neither identity nor print.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from extractor.decode import from_json
from extractor.handover import HandoverSheet
from extractor.requests import Request
from extractor.store.transaction import Transaction
from extractor.workflow.consent_register import ConsentBatch, ConsentRegister
from extractor.workflow.consents import as_shown, register_of
from extractor.workflow.office import CHINA, Office
from extractor.workflow.runs import RunOrder, RunState, read_frozen_plan


def revocations(office: Office, catalogue: str) -> list[dict[str, Any]]:
    """Return the revocations of a catalogue's register, each with the packages that were sealed before on what it takes back.

    A package counts where an entry of these persons covered its request at its run; whether a person fits the population, the
    register does not know. ``delivered`` is absent where the package had not been received by the time of the revocation.

    Raises:
        IntegrityError: a batch of the register is not as it was stored and signed.
    """
    with office.store.reading() as tx:
        register = register_of(office, tx, catalogue)
        taken_back = [batch for batch in register.batches if batch.scope is None]
        sealed = _sealed(tx, register, catalogue) if taken_back else []
    return [
        {**as_shown(batch), "packages": [line for time, own, told in sealed if (line := _line(batch, time, own, told))]}
        for batch in taken_back
    ]


def list_batches(office: Office, catalogue: str) -> list[dict[str, Any]]:
    """Return what stands in a catalogue's register: number, day, scope and count of each batch.

    Raises:
        IntegrityError: a batch of the register is not as it was stored and signed.
    """
    with office.store.reading() as tx:
        return [as_shown(batch) for batch in register_of(office, tx, catalogue).batches]


def _sealed(
    tx: Transaction, register: ConsentRegister, catalogue: str
) -> list[tuple[datetime, pl.Series, dict[str, Any]]]:
    """Return of each sealed run that stood on consent: its start, the prints that it could give, and what is shown of it."""
    found = []
    sheets = [from_json(HandoverSheet, each.body) for each in tx.find("handover")]
    for document in tx.find("run", state=RunState.SEALED.value):
        order = from_json(RunOrder, document.body)
        plan = read_frozen_plan(tx, order)
        if plan.consent is None or plan.source.catalogue != catalogue:
            continue
        request = from_json(Request, tx.by_digest(plan.request).body)
        start = datetime.fromisoformat(tx.get("run_record", order.number).body["started"])
        columns = tuple(column.place for column in plan.consent.columns)
        prints = register.before(start).covering(request, columns, start.astimezone(CHINA).date())
        sheet = next((each for each in sheets if each.package == order.package and each.complete), None)
        told = {"package": order.package, "request": order.request, "recipient": request.applicant.name}
        received = max(each.time for each in sheet.signatures).isoformat() if sheet else None
        found.append((start, prints, {**told, "delivered": received}))
    return found


def _line(batch: ConsentBatch, time: datetime, prints: pl.Series, told: dict[str, Any]) -> dict[str, Any] | None:
    if time > batch.time:
        return None
    persons = int(pl.Series(batch.prints, dtype=pl.String).is_in(prints.implode()).sum())
    received = told["delivered"]
    late = received is not None and datetime.fromisoformat(received) > batch.time
    return {**told, "delivered": None if late else received, "persons": persons} if persons else None
