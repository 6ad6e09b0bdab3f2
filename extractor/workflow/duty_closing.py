"""Closing a duty: the evidence that each kind asks for, checked to fit, and signed by whoever owes it.

Owns which facts each kind of evidence has and when they fit the duty. It must not know when duties open or fall due. A person's
name among the facts is that of a custodian, never of a patient; of a report only the digest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from extractor.decode import from_json
from extractor.destruction import DestructionRecord, Ground, missing_signatures
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.policy_words import DutyEvent, Evidence
from extractor.requests import Request, Role, State
from extractor.store.transaction import Transaction
from extractor.workflow.destruction_orders import carried_out_by_duty
from extractor.workflow.duties import KIND, TERM, DutyState, OwedDuty, UseTerm, standing_of
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office
from extractor.workflow.purging import check_record
from extractor.workflow.separation import Part, take_part
from extractor.workflow.signed import About, put_signed
from extractor.workflow.spoken import check_words

CLOSING = "duty_closing"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AT_THE_END = frozenset({Ground.TERM_OVER, Ground.WITHDRAWN, Ground.BREACH, Ground.HANDED_OVER})
_OF_A_RUN = frozenset({Ground.RUN_ENDED, Ground.RUN_FAILED, Ground.INTERRUPTED})
_GIVEN_UP = frozenset({State.WITHDRAWN.value, State.REFUSED.value, State.RETURNED.value})

FACTS: dict[Evidence, tuple[tuple[str, ...], ...]] = {
    Evidence.REGISTRATION: (("number", "day"),),
    Evidence.CUSTODIAN: (("person", "place"),),
    Evidence.REPORT: (("digest",),),
    Evidence.RENEWAL: (("request",), ("none",)),
    Evidence.DESTRUCTION: (("record",), ("method", "day", "digest")),
    Evidence.NOTICE: (("told", "day"),),
}
"""The facts of each kind of evidence; where there are several sets, one of them."""


@dataclass(frozen=True)
class DutyClosing:
    """With which facts a duty (by digest) was closed, when, and by whom."""

    duty_number: str
    duty: str
    evidence: Evidence
    facts: tuple[tuple[str, str], ...]
    time: datetime
    person: str


@dataclass(frozen=True)
class _Case:
    """What a check of evidence looks at."""

    office: Office
    tx: Transaction
    duty: OwedDuty
    facts: Mapping[str, str]


def close_duty(office: Office, number: str, actor: Actor, *, facts: Mapping[str, str]) -> DutyClosing:
    """Close a duty with evidence under the signature of somebody of the role and the unit that owe it.

    A duty that is overdue can still be closed; its entry in the integrity archive is closed on its own.

    Args:
        office: the installation.
        number: the duty.
        actor: who closes it and signs.
        facts: the evidence, as the kind of the duty's evidence has it (``FACTS``).

    Raises:
        UsageError: a fact holds a number of a person.
        ApprovalError: no such duty, closed already, another role or unit, or evidence that does not fit, with the article.
        ConfigurationError: the person's own key is not given.
    """
    for name, said in facts.items():
        if name != "digest":  # The figures of a digest may read as anything.
            check_words(said, f"--evidence {name}")
    with office.refusals_logged(actor.person, Verb.DUTY_CLOSE, number), office.store.transaction() as tx:
        was = standing_of(office, tx, number)
        duty = was.duty
        if was.state is DutyState.CLOSED:
            raise _unfit(duty, "the duty is closed already", "该义务已了结")
        person = acting(office, tx, actor, roles=(duty.role,), thing=number)
        if duty.of.unit and person.unit != duty.of.unit:
            raise _unfit(duty, f"the duty is that of {duty.of.unit}", f"该义务属于{duty.of.unit}")
        if duty.role is Role.DATA_USER:
            take_part(tx, duty.request, person, Part.REPORT, of=number)
        given = tuple(sorted((name, said.strip()) for name, said in facts.items()))
        _check_evidence(_Case(office, tx, duty, dict(given)))
        closing = DutyClosing(number, tx.get(KIND, number).digest, duty.evidence, given, office.now, person.id)
        stored = put_signed(office, tx, actor, about=About(CLOSING, number, "closed"), document=closing)
        tx.move(KIND, number, was=was.state.value, to=DutyState.CLOSED.value)
        carried_out_by_duty(tx, number)
        office.log(
            tx, Verb.DUTY_CLOSE, person, object=number, request=duty.request, object_digest=stored,
            reason=f"{duty.evidence.value}{', late' if was.overdue else ''}", **cited_facts(duty.cited),
        )  # fmt: skip
    return closing


def _check_evidence(case: _Case) -> None:
    sets = FACTS[case.duty.evidence]
    if not any(set(case.facts) == set(names) for names in sets) or not all(case.facts.values()):
        kind = case.duty.evidence.value
        raise _unfit(
            case.duty, f"evidence of kind {kind} is: {_wanted(sets, 'the path of the file itself')}",
            f"“{kind}”类证明须为:{_wanted(sets, '文件本身(给出路径)')}",
        )  # fmt: skip
    _CHECKS[case.duty.evidence](case)


def _wanted(sets: tuple[tuple[str, ...], ...], file: str) -> str:
    """Say what is given as evidence: facts as KEY=VALUE; a digest is only taken of a file that is read."""
    return " | ".join(" ".join(file if name == "digest" else f"{name}=…" for name in names) for names in sets)


def _check_custodian(case: _Case) -> None:
    """A custodian is one of the people whom the request names, or is registered here in the unit that owes."""
    person = case.facts["person"]
    if case.tx.state("person", person) is None:
        if person not in from_json(Request, case.tx.get("request", case.duty.request).body).people:
            raise _unfit(
                case.duty, "the custodian is neither a registered person nor one of the people named in the request",
                "保管人既未登记,也不在申请所列人员之中",
            )  # fmt: skip
        return
    unit = case.office.person(case.tx, person).unit
    if unit != case.duty.of.unit:
        raise _unfit(case.duty, "the custodian is registered in another unit", "该保管人登记在其他单位")


def _check_report(case: _Case) -> None:
    digest = _check_digest(case)
    for each in case.tx.find(CLOSING):
        if [*each.body["facts"]].count(["digest", digest]):
            raise _unfit(case.duty, f"this file already closed {each.number}", f"该文件已用于了结 {each.number}")


def _check_renewal(case: _Case) -> None:
    duty, tx = case.duty, case.tx
    if "none" in case.facts:
        if case.facts["none"] != "yes":
            raise _unfit(duty, "that no renewal is wanted is said by none=yes", "不再延期请写 none=yes")
        return
    number = case.facts["request"]
    state = tx.state("request", number)
    if state is None or state in _GIVEN_UP:
        raise _unfit(
            duty, f"{number} is no request that is being decided on or was approved", f"{number} 不是有效的申请"
        )
    renewal = from_json(Request, tx.get("request", number).body)
    if renewal.renews != duty.request or renewal.applicant.name != duty.of.unit:
        raise _unfit(duty, f"{number} does not renew {duty.request}", f"{number} 并非 {duty.request} 的延期申请")


def _check_destruction(case: _Case) -> None:
    if "record" not in case.facts:
        _check_day(case)
        _check_report(case)
        return
    duty, number = case.duty, case.facts["record"]
    if not case.tx.versions("destruction", number):
        raise _unfit(duty, f"there is no destruction record {number}", f"没有销毁记录 {number}")
    record = from_json(DestructionRecord, case.tx.get("destruction", number).body)
    of_run = duty.opens_on is DutyEvent.RUN_ENDED
    # What the unit destroyed by order was its own copy: it does not stand for that of the data user, nor the other way round.
    of_whose = of_run or (record.chain.order is not None) == (duty.role is Role.TECHNICAL_SERVICE_UNIT)
    fits = of_whose and record.chain.request == duty.request and record.ground in (_OF_A_RUN if of_run else _AT_THE_END)
    if not fits or (of_run and record.chain.run != duty.cause):
        raise _unfit(duty, f"{number} records another destruction", f"{number} 记录的是另一次销毁")
    if missing_signatures(record) or not record.verification.passed:
        raise _unfit(duty, f"{number} is not signed by all, or something was left", f"{number} 未签齐或仍有残留")
    check_record(case.office, case.tx, record)


def _check_notice(case: _Case) -> None:
    """Everybody whom the incident behind the duty names must have been told; ``told`` lists organs, separated by commas."""
    _check_day(case)
    told = {name.strip() for name in re.split("[,,、]", case.facts["told"])}
    cause = case.duty.cause
    incidents = case.tx.versions("incident", cause) if cause else ()
    wanted: list[Any] = list(incidents[-1].body["recipients"]) if incidents else []
    if left := [name for name in wanted if name not in told]:
        raise _unfit(case.duty, f"not told: {'、'.join(left)}", f"尚未告知:{'、'.join(left)}")


def _check_day(case: _Case) -> None:
    try:
        day = date.fromisoformat(case.facts["day"])
    except ValueError:
        raise _unfit(case.duty, "day is no date YYYY-MM-DD", "day 须为日期 YYYY-MM-DD") from None
    if not _first_day(case) <= day <= case.office.today:
        raise _unfit(case.duty, "the day lies before the duty or in the future", "日期早于义务设立之日或在将来")


def _first_day(case: _Case) -> date:
    """Return the earliest day of the evidence: what was delivered may be destroyed long before that is due."""
    terms = case.tx.versions(TERM, case.duty.request)
    if case.duty.evidence is Evidence.DESTRUCTION and terms:
        return from_json(UseTerm, terms[-1].body).delivered
    return case.duty.opened


def _check_digest(case: _Case) -> str:
    digest = case.facts["digest"]
    if not _DIGEST.fullmatch(digest):
        raise _unfit(case.duty, "the digest is no SHA-256 of a file", "摘要不是文件的 SHA-256")
    return digest


_CHECKS: dict[Evidence, Callable[[_Case], None]] = {
    Evidence.REGISTRATION: _check_day,
    Evidence.CUSTODIAN: _check_custodian,
    Evidence.REPORT: _check_report,
    Evidence.RENEWAL: _check_renewal,
    Evidence.DESTRUCTION: _check_destruction,
    Evidence.NOTICE: _check_notice,
}


def _unfit(duty: OwedDuty, en: str, zh: str) -> ApprovalError:
    rules = "; ".join(f"{each.regime}.{each.rule} {each.article}" for each in duty.cited)
    return ApprovalError(
        f"{en} [{rules}]", zh=f"{zh}〔{rules}〕", thing=duty.number,
        fix_en=f"see what it asks for: extractor duty list --request {duty.request}",
        fix_zh=f"请查看该义务:extractor duty list --request {duty.request}",
    )  # fmt: skip
