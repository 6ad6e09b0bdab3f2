"""Ordering a run and watching over its process: one process for each run, and an end for every run.

Owns the check that a run may start, the freezing of its plan, and what becomes of a worker that fails, hangs or dies. It must
not read a source row: only the worker does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from extractor import errors
from extractor.canonical import canonical_bytes
from extractor.destruction import TWO_WITNESSES_FROM_GRADE, Ground
from extractor.errors import ApprovalError, ExtractorError, Interrupted, NotUnique, ResidualFound
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy_words import IncidentCause, PracticeKind
from extractor.requests import Act, Person, Role, State
from extractor.store.transaction import Transaction
from extractor.workflow.approval import current_plan, decisions_in_force
from extractor.workflow.assessments import check_assessments
from extractor.workflow.grants import check_grant
from extractor.workflow.incidents import open_incident, verified_log
from extractor.workflow.office import Actor, Office, rules_behind
from extractor.workflow.practised import practised
from extractor.workflow.recovery import destroy_leftovers
from extractor.workflow.runs import RunOrder, RunState, end_badly, move_request, process_identity
from extractor.workflow.separation import Part, check_own_unit, check_part, take_part

Progress = Callable[[dict[str, Any]], None]
KILL_AFTER_SECONDS = 10


@dataclass(frozen=True)
class Crew:
    """Who takes part in a run beside its operator: who destroys, and who witnesses it."""

    destroyer: str | None = None
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Crew:
    operator: Person
    destroyer: Person
    witnesses: tuple[Person, ...]


@dataclass(frozen=True)
class FrozenPlan:
    """A plan as its operator signed it before the run."""

    request: str
    plan: str
    person: str
    unit: str
    time: datetime
    public_key: str
    signature: str = ""


def run_request(
    office: Office, number: str, operator: Actor, *, crew: Crew | None = None, progress: Progress = lambda _: None
) -> RunOrder:
    """Run an approved request to its sealed package, in a process of its own, and return the run's order.

    Raises:
        ApprovalError: an approval is missing, expired, revoked, forged or over something that has changed.
        ExtractorError: what the worker stopped on; the leftovers are destroyed and recorded.
        Interrupted: the worker died or took too long; the same.
        IntegrityError: an entry of the log is not as it was written.
    """
    verified_log(office)  # Nothing is built on a log that somebody has changed.
    order = order_run(office, number, operator, crew=crew or Crew())
    problem = _supervise(office, order, progress)
    with office.store.reading() as tx:
        sealed = tx.state("run", order.number) == RunState.SEALED.value
    # The worker purges and records by itself; what it could not do because it died is done here.
    destroy_leftovers(office, order, ground=Ground.RUN_ENDED if sealed else Ground.RUN_FAILED)
    if sealed:
        return order
    if isinstance(problem, ResidualFound):
        _open_leak(office, order, problem)  # Before the run's end: where this process dies in between, it is on record.
    reason = office.said_of(problem) if problem else "worker died"
    end_badly(office, order, state=RunState.FAILED, reason=reason, cited=_rules_behind(office, order, problem))
    raise problem or Interrupted(
        "the run's process died or was killed; nothing is delivered, its leftovers are destroyed and recorded",
        zh="运行进程中断;未交付任何数据,残留已销毁并记录",
        thing=order.number,
        fix_en="look at memory and time limits, then run the request again",
        fix_zh="请检查内存与时间限制后重新运行",
    )


def _rules_behind(office: Office, order: RunOrder, problem: ExtractorError | None) -> dict[str, str | None]:
    """Return rule and article of the entry about a run that was stopped: of the check that stopped it, else of the refusal."""
    if problem is None:
        return {}
    checks = {ResidualFound: PracticeKind.LEAK_SCAN, NotUnique: PracticeKind.UNIQUE_IDENTITY}
    if (check := checks.get(type(problem))) is None:
        return rules_behind(problem, office.against_changes)
    with office.store.reading() as tx:
        return practised(office, tx, order.request, check)


def _open_leak(office: Office, order: RunOrder, found: ResidualFound) -> None:
    """Open an incident for what the residual scan met; its words name table, column, check and number of cells only."""
    with office.store.transaction() as tx:
        words = f"{order.number} {found.en}"
        open_incident(office, tx, IncidentCause.LEAK, thing=order.request, found=words)


def order_run(office: Office, number: str, operator: Actor, *, crew: Crew) -> RunOrder:
    """Check every approval, freeze the plan under the operator's signature, and order its run.

    Raises:
        ApprovalError: an approval does not hold, or somebody of the crew has another role or had another part.
        IntegrityError: the submission was not signed by the person that it names.
        Refused: the installation stands outside the area that a policy allows.
    """
    key = operator.signing_key()
    with office.refusals_logged(operator.person, Verb.RUN_START, number), office.store.transaction() as tx:
        office.check_residency()
        plan = current_plan(office, tx, number)
        decisions_in_force(office, tx, number, plan)
        check_assessments(office, tx, number, plan)
        check_grant(office, tx, number, plan)
        if plan.until < office.today:
            raise _too_late(number)
        take_part(tx, number, operator.person, Part.RUN)
        check_own_unit(number, operator.person, office.settings.unit, part=Part.RUN)
        if tx.state("request", number) == State.APPROVED.value:
            frozen = FrozenPlan(
                number, plan.digest, operator.person.id, operator.person.unit, office.now, key.public.text
            )
            signed = {**_fields(frozen), "signature": key.sign(canonical_bytes(frozen)).hex()}
            stored = tx.put("frozen", number, signed)
            move_request(tx, number, Act.FREEZE)
            office.log(
                tx, Verb.FREEZE, operator.person, object=plan.digest, request=number, object_digest=stored,
                **practised(office, tx, number, PracticeKind.MINIMAL_PLAN),
            )  # fmt: skip
        people = _crew(office, tx, operator=operator.person, crew=crew, grade=_grade(plan))
        check_part(tx, number, people.destroyer, Part.DESTROY)
        for witness in people.witnesses:
            check_part(tx, number, witness, Part.WITNESS)
        order = _order(office, tx, plan, request=number, people=people)
        move_request(tx, number, Act.START)
        tx.put("run", order.number, order)
        tx.move("run", order.number, was=None, to=RunState.RUNNING.value)
        office.log(
            tx, Verb.RUN_START, operator.person, object=order.number, request=number, object_digest=plan.digest,
            **practised(office, tx, number, PracticeKind.ROLES_RECORDED),
        )  # fmt: skip
    return order


def _fields(frozen: FrozenPlan) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(canonical_bytes(frozen))
    return body


def _order(office: Office, tx: Transaction, plan: Plan, *, request: str, people: _Crew) -> RunOrder:
    me = process_identity()
    assert me is not None
    return RunOrder(
        number=tx.next_number("RN", office.today.year),
        request=request,
        plan=plan.digest,
        package=tx.next_number("PK", office.today.year),
        operator=people.operator.id,
        destroyer=people.destroyer.id,
        witnesses=tuple(witness.id for witness in people.witnesses),
        grade=_grade(plan),
        ordered=office.now,
        supervisor=me,
    )


def _grade(plan: Plan) -> int:
    return max(column.grade for table in plan.tables for column in table.columns)


def _crew(office: Office, tx: Transaction, *, operator: Person, crew: Crew, grade: int) -> _Crew:
    """Find who destroys and who witnesses: as named, else as registered; two witnesses for sensitive data."""
    destroyer = office.person(tx, crew.destroyer) if crew.destroyer else office.only_person(tx, Role.DESTROYER)
    named = [office.person(tx, person) for person in crew.witnesses]
    needed = 2 if grade >= TWO_WITNESSES_FROM_GRADE else 1
    witnesses = named or office.people(tx, Role.WITNESS)[:needed]
    people = {operator.id, destroyer.id, *(witness.id for witness in witnesses)}
    if len(witnesses) < needed or len(people) < 2 + len(witnesses):
        raise ApprovalError(
            f"a run of grade {grade} needs an operator, a destroyer and {needed} witness(es), all different people",
            zh=f"{grade} 级数据的运行须有操作人、销毁人和 {needed} 名见证人,且互不相同",
            thing="run",
            fix_en="register them with `extractor person add`, or name them with --destroyer and --witness",
            fix_zh="请用 extractor person add 登记,或用 --destroyer、--witness 指定",
        )
    return _Crew(operator, destroyer, tuple(witnesses))


def _too_late(number: str) -> ApprovalError:
    return ApprovalError(
        "the term of use has passed",
        zh="使用期限已过",
        thing=number,
        fix_en="submit a new request",
        fix_zh="请重新申请",
    )


def _supervise(office: Office, order: RunOrder, progress: Progress) -> ExtractorError | None:
    """Start the worker, pass its progress on, and return the error that it reports, if any.

    The worker's standard error is thrown away: what a library prints there can hold values.
    """
    command = [sys.executable, "-m", "extractor.worker", str(office.home.root), order.number]
    worker = subprocess.Popen(  # noqa: S603 (our own module, by absolute interpreter)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    clock = threading.Timer(office.settings.limits.run_seconds, worker.kill)
    clock.start()
    problem: ExtractorError | None = None
    try:
        assert worker.stdout is not None
        for line in worker.stdout:
            message = _message(line)
            if "error" in message:
                problem = _rebuilt(message)
            elif message:
                progress(message)
        worker.wait()
    finally:
        clock.cancel()
        if worker.poll() is None:
            worker.kill()
            worker.wait(KILL_AFTER_SECONDS)
        if worker.stdout is not None:
            worker.stdout.close()
    return problem


def _message(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _rebuilt(message: dict[str, Any]) -> ExtractorError:
    """Make the worker's error anew in this process, of the same class where that takes only a text."""
    found = getattr(errors, str(message["error"]), ExtractorError)
    kind = found if isinstance(found, type) and issubclass(found, ExtractorError) else ExtractorError
    words, fix = message["message"], message["fix"]
    if kind is errors.Refused:
        reasons = tuple(_reason(reason) for reason in message["reasons"])
        return errors.Refused(reasons, thing=message["thing"], fix=(fix["en"], fix["zh"]))
    return kind(words["en"], zh=words["zh"], thing=message["thing"], fix_en=fix["en"], fix_zh=fix["zh"])


def _reason(reason: dict[str, Any]) -> errors.Reason:
    words, allowed = reason["message"], reason["allowed"]
    return errors.Reason(
        reason["thing"], reason["rule"], reason["article"], words["zh"], words["en"], allowed["zh"], allowed["en"],
        violation=str(reason.get("violation", "")),
    )  # fmt: skip
