"""The reviews before anything leaves: confidentiality, security risk and privacy impact, each signed by a provider.

Owns what an assessment binds (request, plan, report), for how long it holds, and the gate that asks for it before any step of an
authority and before the run. It must not know how a report is written nor who approves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited
from extractor.policy_asked import AskedAssessment
from extractor.policy_words import AssessmentKind
from extractor.requests import Person, Role, State, Subject
from extractor.store.transaction import Transaction
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import CHINA, Actor, Office
from extractor.workflow.separation import Part, check_part, take_part
from extractor.workflow.signed import About, put_signed, signatures_of

_KIND, _SAID = "assessment", "assessed"
_OPEN = (State.SUBMITTED, State.APPROVED, State.FROZEN, State.FAILED)


class AssessmentResult(StrEnum):
    """What an assessment found."""

    PASS = "pass"  # noqa: S105 (a result, no password)
    FAIL = "fail"


@dataclass(frozen=True)
class Assessment:
    """One review of a request and its plan: ``report`` is the digest of its report, ``until`` the last day on which it holds."""

    subject: Subject
    kind: AssessmentKind
    result: AssessmentResult
    day: date
    until: date
    person: str
    unit: str
    report: str


@dataclass(frozen=True)
class Finding:
    """What an assessor says: the result, the digest of the report, and the last day on which it holds."""

    result: AssessmentResult
    report: str
    until: date


def assess(office: Office, number: str, kind: AssessmentKind, assessor: Actor, *, finding: Finding) -> Assessment:
    """Sign an assessment of a request over its submitted plan, and return it.

    Raises:
        ApprovalError: the plan asks for no such assessment, its term is over the rule's or in the past, the request is in
            another state, or the person is no provider or is of the applicant's unit.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(assessor.person, Verb.ASSESS, number), office.store.transaction() as tx:
        _check_open(tx, number)
        acting(office, tx, assessor, roles=(Role.PROVIDER,), thing=number)
        plan = from_json(Plan, tx.get("plan", number).body)
        asked = _asked(plan, number, kind)
        _check_term(office, number, asked, finding.until)
        take_part(tx, number, assessor.person, Part.ASSESS, of=kind.value)
        person, subject = assessor.person, _subject(number, plan)
        made = Assessment(
            subject, kind, finding.result, office.today, finding.until, person.id, person.unit, finding.report
        )
        stored = put_signed(office, tx, assessor, about=About(_KIND, f"{number}/{kind.value}", _SAID), document=made)
        office.log(
            tx, Verb.ASSESS, person, object=f"{number}/{kind.value}", request=number, object_digest=stored,
            reason=finding.result.value, **cited_facts(asked.cited),
        )  # fmt: skip
    return made


def check_assessments(office: Office, tx: Transaction, number: str, plan: Plan) -> tuple[Assessment, ...]:
    """Return the assessments that a plan asks for, each checked: there, passing, over this plan, in term, of its person.

    Raises:
        ApprovalError: naming the first kind that does not hold, with rule and article.
        IntegrityError: an assessment is not signed by the person that it names.
    """
    return tuple(_checked(office, tx, plan, number=number, asked=asked) for asked in plan.assessments)


def assessments_of(office: Office, tx: Transaction, number: str) -> list[dict[str, Any]]:
    """Return what stands about each assessment that a request's plan asks for, or that was made."""
    plan = from_json(Plan, tx.get("plan", number).body)
    found = [from_json(Assessment, each.body) for each in tx.find(_KIND, number_prefix=f"{number}/")]
    shown = []
    for kind in AssessmentKind:
        made = next((each for each in found if each.kind is kind), None)
        asked = next((each for each in plan.assessments if each.kind is kind), None)
        if made is None and asked is None:
            continue
        line: dict[str, Any] = {"kind": kind.value, "asked": asked is not None, "holds": False}
        line |= cited_facts(asked.cited) if asked else {}
        if asked is not None:
            line["holds"] = _fault(office, tx, plan, number=number, asked=asked) is None
        if made is not None:
            line |= {"result": made.result.value, "day": made.day.isoformat(), "until": made.until.isoformat()}
            line |= {"person": made.person, "unit": made.unit, "report": made.report}
        shown.append(line)
    return shown


def _subject(number: str, plan: Plan) -> Subject:
    return Subject(number=number, request=plan.request, plan=plan.digest)


def _checked(office: Office, tx: Transaction, plan: Plan, *, number: str, asked: AskedAssessment) -> Assessment:
    if fault := _fault(office, tx, plan, number=number, asked=asked):
        raise _not_held(number, asked, *fault)
    return from_json(Assessment, tx.get(_KIND, f"{number}/{asked.kind.value}").body)


def _fault(
    office: Office, tx: Transaction, plan: Plan, *, number: str, asked: AskedAssessment
) -> tuple[str, str] | None:
    """Say in English and Chinese why the newest assessment of a kind does not hold; None where it does."""
    name = f"{number}/{asked.kind.value}"
    if not tx.versions(_KIND, name):
        return "is missing", "缺失"
    stored = tx.get(_KIND, name)
    made = from_json(Assessment, stored.body)
    signed = signatures_of(office, tx, kind=_KIND, number=name, digest=stored.digest)
    by = [each for each in signed if (each.person, each.unit, each.said) == (made.person, made.unit, _SAID)]
    # The day is the assessor's word; the signature's time is by the same clock and must bear it out.
    days = {each.time.astimezone(CHINA).date() for each in by}
    last = min(made.until, made.day + timedelta(days=asked.valid_days))
    same = made.subject == _subject(number, plan) and made.kind is asked.kind
    faults = (
        (not same, "is about another request or plan", "所针对的申请或方案已不同"),
        (made.result is not AssessmentResult.PASS, "did not pass", "未通过"),
        (office.today > last, "has expired", "已过期"),
        (made.day not in days, "is not signed by its person", "签名无效"),
        (any(each.role is not Role.PROVIDER for each in by), "is by the wrong role", "签署角色不符"),
    )
    found = next(((en, zh) for broken, en, zh in faults if broken), None)
    return found or _part_fault(tx, number, office.person(tx, made.person))


def _part_fault(tx: Transaction, number: str, person: Person) -> tuple[str, str] | None:
    try:
        check_part(tx, number, person, Part.ASSESS)
    except ApprovalError:
        return "is by a person who may not assess this request", "评估人不得评估本申请"
    return None


def _asked(plan: Plan, number: str, kind: AssessmentKind) -> AskedAssessment:
    for asked in plan.assessments:
        if asked.kind is kind:
            return asked
    known = ", ".join(asked.kind.value for asked in plan.assessments)
    raise ApprovalError(
        "the plan asks for no such assessment",
        zh="方案不要求该项评估",
        thing=f"{number}/{kind.value}",
        fix_en=f"it asks for: {known or 'none'}",
        fix_zh=f"方案要求:{known or '无'}",
    )


def _check_open(tx: Transaction, number: str) -> None:
    found = tx.state("request", number)
    if found is None or State(found) not in _OPEN:
        raise ApprovalError(
            f"a request in state {found or 'none'} is not assessed",
            zh=f"状态为“{found or '无'}”的申请不作评估",
            thing=number,
            fix_en="check the number; an assessment stands before approval and run",
            fix_zh="请核对编号;评估须在审批和运行之前完成",
        )


def _check_term(office: Office, number: str, asked: AskedAssessment, until: date) -> None:
    last = office.today + timedelta(days=asked.valid_days)
    if not office.today <= until <= last:
        facts = cited_facts(asked.cited)
        raise ApprovalError(
            f"the assessment must hold until a day from today to {last.isoformat()} [{facts['rule']} {facts['article']}]",
            zh=f"评估有效期须在今日至 {last.isoformat()} 之间〔{facts['rule']} {facts['article']}〕",
            thing=f"{number}/{asked.kind.value}",
            fix_en="set --until to a day within the term",
            fix_zh="请在期限内填写 --until",
        )


def _not_held(number: str, asked: AskedAssessment, en: str, zh: str) -> ApprovalError:
    cited = _cited(asked.cited)
    return ApprovalError(
        f"the {asked.kind.value} assessment {en} [{cited}]",
        zh=f"{_ZH[asked.kind]}{zh}〔{cited}〕",
        thing=f"{number}/{asked.kind.value}",
        fix_en=f"let a provider sign it: extractor assessment sign {number} --kind {asked.kind.value}",
        fix_zh=f"请数据提供方签署:extractor assessment sign {number} --kind {asked.kind.value}",
    )


def _cited(cited: tuple[Cited, ...]) -> str:
    return "; ".join(f"{each.regime}.{each.rule} {each.article}" for each in cited)


_ZH = {
    AssessmentKind.CONFIDENTIALITY: "保密审查",
    AssessmentKind.SECURITY_RISK: "信息安全风险评估",
    AssessmentKind.PRIVACY_IMPACT: "个人信息安全影响评估",
}
