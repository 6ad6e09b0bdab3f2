"""Runs: their orders, their records, and the states that they and their requests move through.

Owns what a run is told to do and what it reports. It must not know how rows are read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from extractor.canonical import digest
from extractor.decode import from_json
from extractor.log.entries import Result, Verb
from extractor.plans.nodes import Plan
from extractor.requests import Act, Decision, State, next_state
from extractor.store.transaction import Transaction
from extractor.workflow.duties import open_at_run_end
from extractor.workflow.freshness import StaleSource
from extractor.workflow.office import Office


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SEALED = "sealed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one of the same number: start in clock ticks, and the boot."""

    pid: int
    started: str
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs on this machine."""
        return self == process_identity(self.pid)


@dataclass(frozen=True)
class RunOrder:
    """What a run is told to do, and by whom. ``supervisor`` is the process that waits for it."""

    number: str
    request: str
    plan: str
    package: str
    operator: str
    destroyer: str
    witnesses: tuple[str, ...]
    grade: int
    ordered: datetime
    supervisor: ProcessIdentity


@dataclass(frozen=True)
class TableFigures:
    """Counts of one output table: how little was read, what was kept, what left. ``unparsed`` counts values made null.

    ``rows_without_consent`` counts rows of persons whom the register of consents left out, where the plan stands on consent.
    """

    table: str
    columns_read: int
    columns_in_table: int
    rows_scanned: int
    rows_kept: int
    rows_given: int
    columns_given: int
    unparsed: tuple[tuple[str, int], ...]
    spans: tuple[tuple[str, int], ...]
    rows_without_consent: int | None = None


@dataclass(frozen=True)
class SourceFigures:
    """One source table as it was read: its files by digest, and how the digests were taken."""

    table: str
    files: int
    bytes: int
    rows: int
    digest: str
    columns_read: int
    columns_total: int


@dataclass(frozen=True)
class RunRecord:
    """What a run did, in counts and digests only."""

    run: str
    request: str
    plan: str
    started: datetime
    ended: datetime
    seconds: float
    peak_bytes: int
    sources: tuple[SourceFigures, ...]
    tables: tuple[TableFigures, ...]
    persons: int
    persons_left_out: int
    risk: dict[str, Any]
    package: str
    package_digest: str
    package_bytes: int
    persons_without_consent: int | None = None
    stale: tuple[StaleSource, ...] = ()


def process_identity(pid: int | None = None) -> ProcessIdentity | None:
    """Return who a process is, or None where no such process runs."""
    number = os.getpid() if pid is None else pid
    try:
        stat = Path(f"/proc/{number}/stat").read_text("ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else ProcessIdentity(number, fields[19], boot)


def read_order(tx: Transaction, number: str) -> RunOrder:
    """Return the order of a run."""
    return from_json(RunOrder, tx.get("run", number).body)


def read_frozen_plan(tx: Transaction, order: RunOrder) -> Plan:
    """Return the plan that a run carries out, by the digest in its order."""
    return from_json(Plan, tx.by_digest(order.plan).body)


def approvals_of(tx: Transaction, plan: Plan, request: str) -> tuple[tuple[Decision, str], ...]:
    """Return the newest decision of each step of a plan, with its digest."""
    documents = [tx.get("decision", f"{request}/{step.id}") for step in plan.steps]
    return tuple((from_json(Decision, document.body), document.digest) for document in documents)


def move_request(tx: Transaction, number: str, act: Act) -> State:
    """Move a request along the table of transitions.

    Raises:
        ApprovalError: the act is not possible in the request's state.
    """
    was = tx.state("request", number)
    becomes = next_state(State(was) if was else None, act, number=number)
    tx.move("request", number, was=was, to=becomes.value)
    return becomes


def end_badly(
    office: Office, order: RunOrder, *, state: RunState, reason: str, cited: dict[str, str | None] | None = None
) -> None:
    """Record that a run failed or was interrupted, move its request, and open the duties that the end of a run brings.

    ``cited`` are rule and article under which it was stopped, where a check or a refusal did.
    """
    act = Act.INTERRUPT if state is RunState.INTERRUPTED else Act.FAIL
    verb = Verb.INTERRUPT if state is RunState.INTERRUPTED else Verb.RUN_END
    with office.store.transaction() as tx:
        if tx.state("run", order.number) != RunState.RUNNING.value:
            return
        tx.move("run", order.number, was=RunState.RUNNING.value, to=state.value)
        move_request(tx, order.request, act)
        office.log(
            tx, verb, None, object=order.number, request=order.request, object_digest=digest(order),
            result=Result.FAILED, reason=reason, **(cited or {}),
        )  # fmt: skip
        open_at_run_end(office, tx, order.request, run=order.number, package=None)
