"""Runs that died: found at the next start, their leftovers destroyed, and recorded as interrupted.

Owns what makes a run dead and what is then done. An interrupted run is never resumed into delivery; it is run again.
"""

from __future__ import annotations

from extractor.decode import from_json
from extractor.destruction import Ground
from extractor.workflow.office import Office
from extractor.workflow.purging import purge_run
from extractor.workflow.runs import RunOrder, RunState, end_badly
from extractor.workspace import Workspace, abandoned


def recover_interrupted(office: Office) -> tuple[str, ...]:
    """Destroy and record what dead runs left; return their numbers.

    A run is dead when the process that supervises it is gone; the worker dies with its supervisor.

    Raises:
        LogError: the log cannot be written; nothing is then deleted.
    """
    with office.store.reading() as tx:
        running = [from_json(RunOrder, document.body) for document in tx.find("run", state=RunState.RUNNING.value)]
    dead = [order for order in running if not order.supervisor.alive]
    for order in dead:
        destroy_leftovers(office, order, ground=Ground.INTERRUPTED)
        end_badly(office, order, state=RunState.INTERRUPTED, reason="process died")
    return tuple(order.number for order in dead)


def destroy_leftovers(office: Office, order: RunOrder, *, ground: Ground) -> None:
    """Destroy the workspace that a run's dead worker left; where it left none, an empty one is made and destroyed.

    So that every run has its record, whatever happened to it.
    """
    left = [one for one in abandoned(office.home.scratch) if one.run == order.number]
    if left:
        workspace = Workspace.adopt(left[0])
    else:
        with office.store.reading() as tx:
            documents = tx.find("inventory", number_prefix=order.number)
        if documents and not (office.home.scratch / order.number).exists():
            return  # The worker purged and recorded before it died.
        workspace = Workspace.create(office.home.scratch, order.number)
    with workspace:
        purge_run(office, order, workspace, ground=ground, package=None)
