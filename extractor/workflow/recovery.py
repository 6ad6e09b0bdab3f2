"""Runs that died: found at the next start, their leftovers destroyed, and recorded as interrupted.

Owns what makes a run dead and what is then done. An interrupted run is never resumed into delivery; it is run again.
"""

from __future__ import annotations

import time

from extractor.decode import from_json
from extractor.destruction import Ground
from extractor.store.transaction import Transaction
from extractor.workflow.delivery import package_path
from extractor.workflow.office import Office
from extractor.workflow.purging import purge_run, records_of
from extractor.workflow.records import give_place, record_path
from extractor.workflow.runs import RunOrder, RunState, end_badly
from extractor.workspace import Workspace, abandoned

_DYING_SECONDS = 10.0


def recover_interrupted(office: Office) -> tuple[str, ...]:
    """Destroy and record what dead runs left; return their numbers.

    A run is dead when the process that supervises it is gone; the worker dies with its supervisor. A run that died after its
    package was sealed stays sealed, and only its leftovers are destroyed and recorded.

    Raises:
        LogError: the log cannot be written; nothing is then deleted.
    """
    with office.store.reading() as tx:
        running = [from_json(RunOrder, document.body) for document in tx.find("run", state=RunState.RUNNING.value)]
        sealed = [from_json(RunOrder, document.body) for document in tx.find("run", state=RunState.SEALED.value)]
        unrecorded = [order for order in sealed if not is_recorded(tx, order)]
    dead = [order for order in (*running, *unrecorded) if not order.supervisor.alive]
    for order in dead:
        destroy_leftovers(office, order, ground=Ground.INTERRUPTED)
        end_badly(office, order, state=RunState.INTERRUPTED, reason="process died")
    return tuple(order.number for order in dead)


def destroy_leftovers(office: Office, order: RunOrder, *, ground: Ground) -> None:
    """Destroy the workspace that a run's dead worker left; where it left none, an empty one is made and destroyed.

    So that every run has its record, whatever happened to it. A package that got its name but was never recorded as sealed goes
    back into the workspace first and is destroyed with it.
    """
    with office.store.reading() as tx:
        if is_recorded(tx, order):
            return  # The worker purged and recorded before it died.
        is_sealed = tx.state("run", order.number) == RunState.SEALED.value
        package = tx.get("run_record", order.number).body["package_digest"] if is_sealed else None
    with _workspace_of(office, order) as workspace:
        orphan = package_path(office, order.package)
        if not is_sealed:
            record_path(office, order.number).unlink(missing_ok=True)  # Written before a commit that never came.
            if orphan.exists():
                give_place(orphan, workspace.path(orphan.name))
            orphan.unlink(missing_ok=True)
        purge_run(office, order, workspace, ground=ground, package=package)


def _workspace_of(office: Office, order: RunOrder) -> Workspace:
    """Take over what the run left, or make an empty workspace; a process that was just killed may hold it for a moment more."""
    patience = time.monotonic() + _DYING_SECONDS
    while True:
        left = [one for one in abandoned(office.home.scratch) if one.run == order.number]
        if left:
            return Workspace.adopt(left[0])
        if not (office.home.scratch / order.number).exists() or time.monotonic() > patience:
            return Workspace.create(office.home.scratch, order.number)
        time.sleep(0.05)


def is_recorded(tx: Transaction, order: RunOrder) -> bool:
    """Say whether a run has its destruction record."""
    return any(record.chain.run == order.number for record in records_of(tx, order.request))
