"""Downloading a delivered package: who may, until when, and what stops it; every success and every refusal is logged.

Owns the gate between the package store and the data user's file. It must not open a package: what is streamed is sealed to the
recipient's key. 榕政综〔2017〕122号 art. 17, 27, 29 and the rules that the refusals cite.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from extractor.decode import from_json
from extractor.errors import ApprovalError, ExtractorError, IntegrityError, Reason, Refused, StorageError
from extractor.handover import HandoverSheet
from extractor.log.entries import Result, Verb, stamp
from extractor.log.journal import search
from extractor.plans.nodes import Plan
from extractor.policy import Cited, cite
from extractor.policy_set import PolicySet
from extractor.policy_words import AgreementSubject, DutyEvent, IncidentCause, PracticeKind, Violation
from extractor.requests import Person, Request, Role, State
from extractor.selection import Circumstances
from extractor.store.transaction import Transaction
from extractor.workflow.agreements import signed_agreement
from extractor.workflow.debtors import applicant_of
from extractor.workflow.delivery import package_of, package_path, sheet_of
from extractor.workflow.destruction_orders import Copy, check_not_destroyed, orders_over
from extractor.workflow.duties import overdue_of
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.incidents import open_incident
from extractor.workflow.integrity import open_entries
from extractor.workflow.office import Actor, Office, rules_behind
from extractor.workflow.separation import Part, take_part
from extractor.workflow.standing import circumstances_of, policies_of

_CHUNK = 1 << 20
_IN_A_ROW = 3
_WITHIN = timedelta(hours=24)
_DELIVERED = (State.DELIVERED.value, State.CLOSED.value)


@dataclass(frozen=True)
class Download:
    """A package that was written to the data user's file."""

    request: str
    package: str
    file: Path
    digest: str
    bytes: int


def download(office: Office, number: str, actor: Actor, *, out: Path) -> Download:
    """Write the sealed package of a delivered request to a data user's file, and log it.

    Raises:
        ApprovalError: not delivered, not a data user of the receiving unit, a part that excludes this one, or an agreement
            that is not signed.
        Refused: the term has ended, the applicant has an open breach, or one of its duties is overdue; with rule and article.
        IntegrityError: the stored package is not the one that was handed over.
        StorageError: the file is there already or cannot be written.
    """
    actor.signing_key()
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        with _refusals_logged(office, actor.person, number) as behind, office.store.transaction() as tx:
            sheet = _check_all(office, tx, number, actor, behind=behind)
            # What cannot be written is not logged as given; what cannot be logged does not get its name, and so is not given.
            _check_new(out)
            _write(package_path(office, sheet.package), part, sheet)
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
    return Download(number, sheet.package, out, sheet.package_digest, sheet.package_bytes)


@dataclass
class _Behind:
    """The rules behind what is being checked, for the log entry of a refusal."""

    cited: tuple[Cited, ...] = ()


def _check_all(office: Office, tx: Transaction, number: str, actor: Actor, *, behind: _Behind) -> HandoverSheet:
    """Check everything that a download stands on, log it, and return the sheet of what is given."""
    if tx.state("request", number) is None:
        raise _refused(number, "there is no such request", "没有该申请", "check the number", "请核对编号")
    policies = policies_of(office, tx, number)
    plan = from_json(Plan, tx.get("plan", number).body)
    behind.cited = policies.practice(PracticeKind.SIGNED_HANDOVER)
    sheet = _check_handover(tx, number)
    behind.cited = policies.practice(PracticeKind.RECIPIENT_BOUND) or _of_scope(plan)
    _check_receiver(office, tx, number, actor, sheet=sheet)
    take_part(tx, number, actor.person, Part.DOWNLOAD)
    behind.cited = plan.agreement.cited
    signed = signed_agreement(office, tx, number, plan)
    check_not_destroyed(tx, sheet.package)
    if reasons := tuple(_stops(office, tx, number, plan)):
        raise Refused(reasons, thing=number)
    behind.cited = policies.practice(PracticeKind.ACTS_LOGGED)
    office.log(
        tx, Verb.DOWNLOAD, actor.person, object=sheet.package, request=number, object_digest=sheet.package_digest,
        bytes=sheet.package_bytes, agreement=signed.agreement.number if signed else None, **cited_facts(behind.cited),
    )  # fmt: skip
    return sheet


def _check_handover(tx: Transaction, number: str) -> HandoverSheet:
    sheet, state = sheet_of(tx, number), tx.state("request", number)
    if state not in _DELIVERED or not sheet.complete:
        raise _refused(
            number, "both sides have not signed the handover yet", "双方尚未签署交接单",
            f"extractor request sign {number} --as receiver", f"请先签收:extractor request sign {number} --as receiver",
        )  # fmt: skip
    return sheet


def _check_receiver(office: Office, tx: Transaction, number: str, actor: Actor, *, sheet: HandoverSheet) -> None:
    person = acting(office, tx, actor, roles=(Role.DATA_USER,), thing=number)
    if person.unit != sheet.receiver_unit:
        raise _refused(
            number, "only a data user of the receiving unit downloads", "只有接收单位的数据使用人员可以下载",
            "let them download", "请由其下载",
        )  # fmt: skip


def _stops(office: Office, tx: Transaction, number: str, plan: Plan) -> Iterator[Reason]:
    """Yield each reason for which nothing is given now: the term, the archive, what is overdue."""
    policies, applicant = policies_of(office, tx, number), applicant_of(tx, number)
    request = from_json(Request, tx.get("request", number).body)
    said, facts = _Said(policies, number), circumstances_of(office, tx, number)
    if office.today > plan.until:
        zh, en = f"使用期限已于 {plan.until} 届满", f"the term of use ended on {plan.until}"
        yield from said.reasons(_of_term(plan), (zh, en), Violation.BEYOND_SCOPE)
    for breach in open_entries(tx, uscc=applicant.uscc or "", unit=applicant.unit):
        zh, en = f"申请单位有未销去的诚信记录 {breach.number}", f"the applicant has an open breach {breach.number}"
        rules = _of_breaches(policies, request, facts)
        yield from said.reasons(rules or breach.cited, (zh, en), Violation.OTHER)
    for order in orders_over(tx, package_of(tx, number)[1], Copy.DELIVERED):
        zh, en = (
            f"销毁令 {order.number} 要求销毁已交付的数据",
            f"{order.number} orders what was delivered to be destroyed",
        )
        yield from said.reasons(order.cited, (zh, en), Violation.BEYOND_SCOPE)
    for duty in overdue_of(office, tx, number, unit=applicant.unit):
        zh, en = f"义务 {duty.number} 逾期(应于 {duty.due} 前了结)", f"duty {duty.number} is overdue since {duty.due}"
        yield from said.reasons(duty.cited, (zh, en), Violation.OTHER)


@dataclass(frozen=True)
class _Said:
    """Makes reasons about one request, with the number under which a regime lists the violation."""

    policies: PolicySet
    thing: str

    def reasons(self, cited: Iterable[Cited], words: tuple[str, str], violation: Violation) -> tuple[Reason, ...]:
        found = tuple(
            Reason(
                self.thing, f"{each.regime}.{each.rule}", each.article, *words,
                violation=self.policies.offence(each.regime, violation) or "",
            )
            for each in cited
        )  # fmt: skip
        return found or (Reason(self.thing, "package.download", "", *words),)


def _of_scope(plan: Plan) -> tuple[Cited, ...]:
    """Return the rules whose terms bind what is given to its recipient and its use."""
    subjects = (AgreementSubject.NO_PASSING_ON, AgreementSubject.SCOPE)
    return tuple(term.cited for term in plan.agreement.terms if term.subject in subjects)


def _of_term(plan: Plan) -> tuple[Cited, ...]:
    """Return the rules by which the term ends: that of a renewal, else that of the end, else those of the agreement."""
    for event in (DutyEvent.EXPIRING, DutyEvent.EXPIRED):
        if found := tuple(cited for duty in plan.duties if duty.opens_on is event for cited in duty.cited):
            return found
    return plan.agreement.cited


def _of_breaches(policies: PolicySet, request: Request, facts: Circumstances) -> tuple[Cited, ...]:
    """Return the rules that want an applicant without an open breach; where none does, the broken rule itself is cited."""
    return tuple(
        cite(policy, need.rule)
        for policy in policies.policies
        for need in policy.requirements
        if need.no_open_breach
        and need.when.matches_sides(policies.sides_of(policy))
        and need.when.matches_request(request, facts)
    )


@contextmanager
def _refusals_logged(office: Office, who: Person, number: str) -> Iterator[_Behind]:
    """Log a download that is refused under its own verb, and open an incident where refusals come in a row."""
    behind = _Behind()
    try:
        yield behind
    except ExtractorError as error:
        refused = isinstance(error, Refused | ApprovalError)
        facts = rules_behind(error, office.against_changes)
        facts = facts if facts["rule"] else cited_facts(behind.cited)
        with office.store.transaction() as tx:
            office.log(
                tx, Verb.DOWNLOAD, who, object=number, request=number, reason=office.said_of(error),
                result=Result.REFUSED if refused else Result.FAILED, **facts,
            )  # fmt: skip
            if refused and (times := _refused_in_a_row(office, tx, number)) >= _IN_A_ROW:
                _open_once(office, tx, number, times)
        raise


def _refused_in_a_row(office: Office, tx: Transaction, number: str) -> int:
    since = stamp(office.now - _WITHIN)
    times = 0
    for entry in search(tx, request=number, verb=Verb.DOWNLOAD, since=since, newest_first=True):
        if entry.result is not Result.REFUSED:
            break
        times += 1
    return times


def _open_once(office: Office, tx: Transaction, number: str, times: int) -> None:
    """Open an incident about refused downloads of a request, unless one is open."""
    for each in tx.find("incident"):
        same = (each.body["cause"], each.body["thing"]) == (IncidentCause.REFUSED_DOWNLOADS.value, number)
        if same and tx.state("incident", each.number) != "closed":
            return
    open_incident(office, tx, IncidentCause.REFUSED_DOWNLOADS, thing=number, found=f"{times} in {_WITHIN}")


def _check_new(out: Path) -> None:
    if out.exists():
        raise StorageError(
            "the file is there already", zh="文件已存在", thing=out.name,
            fix_en="name a new file with --out", fix_zh="请用 --out 指定新文件",
        )  # fmt: skip


def _write(package: Path, part: Path, sheet: HandoverSheet) -> None:
    """Copy the package to a file beside its place, and check on the way that it is the one that was handed over."""
    try:
        with package.open("rb") as source, part.open("xb") as target:
            os.fchmod(target.fileno(), 0o600)
            found = _copy(source, target)
    except OSError as failure:
        raise StorageError(
            f"the package cannot be written ({failure.strerror})",
            zh="无法写出数据包", thing="--out" if package.exists() else package.name,
            fix_en="name a new file in a folder with free space; a package whose copy was destroyed is not given again",
            fix_zh="请指定有空间的目录下的新文件;移交方副本已销毁的数据包不再提供",
        ) from None  # fmt: skip
    if found != sheet.package_digest:
        raise IntegrityError(
            "the package is not the one that was handed over", zh="数据包与交接时的不一致", thing=sheet.package,
            fix_en="keep it as evidence and tell the operator", fix_zh="请留存备查并告知运营单位",
        )  # fmt: skip


def _copy(source: BinaryIO, target: BinaryIO) -> str:
    checked = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        checked.update(chunk)
        target.write(chunk)
    target.flush()
    os.fsync(target.fileno())
    return "sha256:" + checked.hexdigest()


def _refused(number: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=number, fix_en=fix_en, fix_zh=fix_zh)
