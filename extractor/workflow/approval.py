"""Submitting and deciding: each step signed by its person over the digest of what was decided.

Owns who may sign which step when, what voids a decision, and when a request is approved. The plan is compiled at submission so
that people decide on it; it is compiled again before a run, and another digest voids every decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.plans.nodes import ApprovalStep, Plan
from extractor.policy_set import PolicySet
from extractor.requests import Act, Decision, Person, Request, Result, Role, State, Subject, next_state
from extractor.selection import Circumstances
from extractor.store.transaction import Transaction
from extractor.workflow.agreements import draft, has_signed, sign_agreement
from extractor.workflow.assessments import check_assessments
from extractor.workflow.history import circumstances_now
from extractor.workflow.office import Actor, Office, public_key_of
from extractor.workflow.separation import Part, part_of, take_part
from extractor.workflow.spoken import check_words
from extractor.workflow.standing import circumstances_of, compile_here, policies_for_request, put_standing
from extractor.workflow.statements import check_statement, put_statement


@dataclass(frozen=True)
class Verdict:
    """What a person says at a step: the result, why, and until when it holds (the plan's term, where not said)."""

    result: Result
    reason: str
    until: date | None = None


def submit(office: Office, request: Request, applicant: Actor, *, number: str | None = None) -> str:
    """Compile the plan of a request, store both under the applicant's signature, and open its approval; return its number.

    Args:
        office: the installation.
        request: what is applied for.
        applicant: who applies and signs; a data user of the unit that the request names.
        number: the number of a returned request that is submitted again.

    Raises:
        Refused: over-asking; nothing is stored but the refusal in the log.
        ApprovalError: the person is no data user of the applicant, or the number is not that of a returned request of theirs.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(applicant.person, Verb.SUBMIT, number or request.project.code):
        applicant.signing_key()
        _must_be(applicant.person, Role.DATA_USER, "submit")
        if applicant.person.unit != request.applicant.name:
            raise _approval_error(
                "applicant.name", "only the applicant's own unit applies: the person is registered in another one",
                "只有申请单位本单位的人员可以申请:该人员登记在其他单位",
                "let a person of the applicant submit, or correct the request or the registration",
                "请由申请单位人员提交,或更正申请表、登记信息",
            )  # fmt: skip
        if request.until < office.today:
            raise _approval_error(
                "until", "the term lies in the past", "使用期限已过", "set a later day", "请填写以后的日期"
            )
        return _store_submission(office, judged(office, request), applicant=applicant, number=number)


@dataclass(frozen=True)
class Judged:
    """A request with its plan, and under what that was compiled."""

    request: Request
    plan: Plan
    catalogue: Catalogue
    policies: PolicySet
    facts: Circumstances


def judged(office: Office, request: Request) -> Judged:
    """Compile the plan of a request that is not submitted yet, under the policies of its places and what the store says of it.

    Raises:
        Refused: over-asking, a policy that does not stand today, or an urgent filing that does not.
    """
    catalogue = catalogue_of(office, request)
    policies = policies_for_request(office, request, catalogue)
    with office.store.reading() as tx:
        facts = circumstances_now(office, tx, request, catalogue, policies=policies)
    plan = compile_here(office, request, catalogue, policies=policies, facts=facts)
    return Judged(request, plan, catalogue, policies, facts)


def _store_submission(office: Office, found: Judged, *, applicant: Actor, number: str | None) -> str:
    person, request, plan = applicant.person, found.request, found.plan
    with office.store.transaction() as tx:
        _check_registered(office, tx, person)
        if number is not None:
            _state(tx, number)
            _check_applicant(tx, number, person)
        number = number or tx.next_number("RQ", office.today.year)
        _move(tx, number, Act.SUBMIT)
        stored = tx.put("request", number, request)
        take_part(tx, number, person, Part.APPLY)
        tx.put("plan", number, plan)
        put_standing(tx, number, policies=found.policies, catalogue=found.catalogue, facts=found.facts)
        draft(office, tx, number, plan)
        said = put_statement(office, tx, applicant, act=Act.SUBMIT, subject=subject_of(number, plan))
        office.log(tx, Verb.SUBMIT, person, object=number, request=number, object_digest=stored, reason=said)
        office.log(tx, Verb.COMPILE, None, object=number, request=number, object_digest=plan.digest)
    return number


def sign(office: Office, number: str, step: str, actor: Actor, *, verdict: Verdict) -> State:
    """Sign one step of a request's chain and return the request's state.

    Raises:
        UsageError: the reason holds a number of a person.
        ApprovalError: not this step's turn, the wrong role or unit, a person who has acted on this request before, somebody
            of the applicant's own unit, or a decision over something that has changed.
        IntegrityError: the submission was not signed by the person that it names.
    """
    check_words(verdict.reason, "--reason")
    with office.refusals_logged(actor.person, Verb.SIGN, number), office.store.transaction() as tx:
        state = _state(tx, number)
        _check_registered(office, tx, actor.person)
        plan = _plan_to_decide_on(office, tx, number, verdict.result)
        check_submission(office, tx, number, plan)
        wanted = _step(plan, step, number)
        if verdict.result is Result.REVOKE:
            _check_revoker(tx, number, step, actor.person)
            becomes = next_state(state, Act.REVOKE, number=number) if state is not State.SUBMITTED else state
        else:
            next_state(state, Act.REFUSE, number=number)  # Only a submitted request can be decided on.
            _check_turn(office, tx, plan, number=number, step=wanted)
            if verdict.result is Result.APPROVE and wanted.role == Role.AUTHORITY.value:
                check_assessments(office, tx, number, plan)
            take_part(tx, number, actor.person, Part.AGREE if wanted.agrees else Part.APPROVE, of=step)
            becomes = _outcome(office, tx, plan, number=number, verdict=(step, verdict.result))
        held = replace(verdict, until=verdict.until or plan.until)
        _check_term(office, number, held)
        decision = _decide(office, subject_of(number, plan), step=wanted, actor=actor, verdict=held)
        stored = tx.put("decision", f"{number}/{step}", decision)
        agrees = wanted.agrees and verdict.result is Result.APPROVE
        agreement = sign_agreement(office, tx, actor, number=number, step=wanted) if agrees else None
        if becomes is not state:
            tx.move("request", number, was=state.value, to=becomes.value)
        office.log(
            tx, Verb.SIGN, actor.person, object=f"{number}/{step}", request=number, object_digest=stored,
            reason=verdict.result.value, rule=f"{wanted.cited.regime}.{wanted.cited.rule}", article=wanted.cited.article,
            agreement=agreement,
        )  # fmt: skip
    return becomes


def withdraw(office: Office, number: str, applicant: Actor) -> None:
    """Withdraw a request whose package has not been sealed, under the applicant's signature.

    Raises:
        ApprovalError: the person is not the applicant, or it is too late.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(applicant.person, Verb.WITHDRAW, number), office.store.transaction() as tx:
        _state(tx, number)
        _check_registered(office, tx, applicant.person)
        _check_applicant(tx, number, applicant.person)
        _move(tx, number, Act.WITHDRAW)
        said = put_statement(office, tx, applicant, act=Act.WITHDRAW, subject=stored_subject(tx, number))
        office.log(tx, Verb.WITHDRAW, applicant.person, object=number, request=number, object_digest=said)


def current_plan(office: Office, tx: Transaction, number: str) -> Plan:
    """Return the plan of a request, compiled anew from what stands now, and checked to be the one that was submitted.

    The history is the one that was found at submission, so that the chain stays; open breaches and the day are those of now.

    Raises:
        Refused: a policy does not stand today, or the applicant has come to have an open breach where that refuses.
        ApprovalError: catalogue, policy or request have changed since, which voids every decision.
    """
    request = from_json(Request, tx.get("request", number).body)
    catalogue = catalogue_of(office, request)
    policies = policies_for_request(office, request, catalogue)
    facts = circumstances_of(office, tx, number)
    plan = compile_here(office, request, catalogue, policies=policies, facts=facts)
    if plan.digest != tx.get("plan", number).digest:
        raise _approval_error(
            number,
            "catalogue, policy or request have changed since the plan was submitted, so all decisions are void",
            "目录、政策或申请在提交后已变更,原有审批全部失效",
            "submit the request again",
            "请重新提交申请",
        )
    return plan


def _plan_to_decide_on(office: Office, tx: Transaction, number: str, result: Result) -> Plan:
    """Return the plan that a verdict is about.

    What is refused by now (an open breach, a policy past its term) cannot be approved, but it can be returned, refused and revoked.
    """
    try:
        return current_plan(office, tx, number)
    except Refused:
        if result is Result.APPROVE:
            raise
        return from_json(Plan, tx.get("plan", number).body)


def catalogue_of(office: Office, request: Request) -> Catalogue:
    """Return the catalogue that a request names, as it stands now."""
    return office.read_catalogue(request.catalogue)


def check_submission(office: Office, tx: Transaction, number: str, plan: Plan) -> None:
    """Check the first link of the chain: the applicant's signed submission, over this request and plan.

    Raises:
        ApprovalError: it is missing, about something else, or by a person of another unit than the applicant.
        IntegrityError: it is not signed with the key of the person that it names.
    """
    said = check_statement(office, tx, number, act=Act.SUBMIT, subject=subject_of(number, plan))
    if said.unit != tx.get("request", number).body["applicant"]["name"]:
        raise _approval_error(
            number, "the submission is by a person of another unit than the applicant", "提交人不属于申请单位",
            "submit the request again", "请重新提交申请",
        )  # fmt: skip


def decisions_in_force(office: Office, tx: Transaction, number: str, plan: Plan) -> tuple[Decision, ...]:
    """Return the decision of every step, each checked: there, approving, of its person, over this subject, not expired.

    The submission that they decide on is checked first.

    Raises:
        ApprovalError: naming the first step whose decision does not hold, and why.
        IntegrityError: the submission was not signed by the person that it names.
    """
    check_submission(office, tx, number, plan)
    return tuple(_in_force(office, tx, plan, number=number, step=step) for step in plan.steps)


def subject_of(number: str, plan: Plan) -> Subject:
    """Return what decisions on this plan bind."""
    return Subject(number=number, request=plan.request, plan=plan.digest)


def stored_subject(tx: Transaction, number: str) -> Subject:
    """Return what a request is and was compiled to as they were stored, whatever has become of the catalogue since."""
    return Subject(number=number, request=tx.get("request", number).digest, plan=tx.get("plan", number).digest)


def _in_force(office: Office, tx: Transaction, plan: Plan, *, number: str, step: ApprovalStep) -> Decision:
    versions = tx.versions("decision", f"{number}/{step.id}")
    if not versions:
        raise _not_in_force(number, step, "is missing", "缺失")
    decision = from_json(Decision, versions[-1].body)
    person = office.person(tx, decision.person)
    signed = public_key_of(person).accepts(decision.signed_bytes, _signature(decision))
    faults = (
        (decision.result is Result.REVOKE, "was revoked", "已撤销"),
        (decision.result is not Result.APPROVE, "does not approve", "未予批准"),
        (decision.subject != subject_of(number, plan), "is about another request or plan", "所针对的申请或方案已不同"),
        (decision.until < office.today, "has expired", "已过期"),
        (
            not signed or decision.public_key != person.public_key,
            "has a signature that is not its person's",
            "签名无效",
        ),
        (decision.step != step.id or person.role.value != step.role, "is by the wrong role", "签署角色不符"),
        (step.unit is not None and person.unit != step.unit, "is by the wrong unit", "签署单位不符"),
    )
    for broken, en, zh in faults:
        if broken:
            raise _not_in_force(number, step, en, zh)
    if step.agrees and not has_signed(office, tx, number=number, step=step, person=person.id):
        raise _not_in_force(number, step, "is not about the agreement as it stands now", "所针对的协议文本已不同")
    return decision


def _signature(decision: Decision) -> bytes:
    try:
        return bytes.fromhex(decision.signature)
    except ValueError:
        return b""


def _not_in_force(number: str, step: ApprovalStep, en: str, zh: str) -> ApprovalError:
    return _approval_error(
        f"{number}/{step.id}",
        f"the decision {en} [{step.cited.article}]",
        f"“{step.zh}”的审批{zh}〔{step.cited.article}〕",
        f"let a person of role {step.role} sign it: extractor request sign {number} --as {step.id}",
        f"请由角色 {step.role} 的人员签署:extractor request sign {number} --as {step.id}",
    )


def _check_turn(office: Office, tx: Transaction, plan: Plan, *, number: str, step: ApprovalStep) -> None:
    """Check that all steps before this one hold; steps of different organs of one role may come in any order."""
    for earlier in plan.steps[: plan.steps.index(step)]:
        if earlier.role != step.role or earlier.unit == step.unit:
            _in_force(office, tx, plan, number=number, step=earlier)
    versions = tx.versions("decision", f"{number}/{step.id}")
    if versions:
        last = from_json(Decision, versions[-1].body)
        stands = (
            last.result is Result.APPROVE and last.subject == subject_of(number, plan) and last.until >= office.today
        )
        # Under a text that has been changed since, the party signs again.
        if stands and (not step.agrees or has_signed(office, tx, number=number, step=step, person=last.person)):
            raise _approval_error(
                number, "this step is already signed", "该步骤已签署", "nothing to do", "无需重复签署"
            )


def _outcome(office: Office, tx: Transaction, plan: Plan, *, number: str, verdict: tuple[str, Result]) -> State:
    """Return the state after this verdict: approved when every other step is already in force."""
    step, result = verdict
    if result is not Result.APPROVE:
        return next_state(State.SUBMITTED, Act.RETURN if result is Result.RETURN else Act.REFUSE, number=number)
    for other in plan.steps:
        if other.id != step:
            try:
                _in_force(office, tx, plan, number=number, step=other)
            except ApprovalError:
                return State.SUBMITTED
    return next_state(State.SUBMITTED, Act.APPROVE_LAST, number=number)


def _decide(office: Office, subject: Subject, *, step: ApprovalStep, actor: Actor, verdict: Verdict) -> Decision:
    key, person = actor.signing_key(), actor.person
    _must_be(person, Role(step.role), step.id)
    if step.unit is not None and person.unit != step.unit:
        raise _approval_error(
            f"{subject.number}/{step.id}", f"this step is signed by {step.unit}", f"该步骤须由{step.unit}签署",
            "let a person of that unit sign", "请由该单位人员签署",
        )  # fmt: skip
    decision = Decision(
        subject=subject, step=step.id, person=person.id, role=person.role, unit=person.unit, result=verdict.result,
        reason=verdict.reason, time=office.now, until=verdict.until or date.min, public_key=person.public_key,
    )  # fmt: skip
    return replace(decision, signature=key.sign(decision.signed_bytes).hex())


def _check_revoker(tx: Transaction, number: str, step: str, person: Person) -> None:
    versions = tx.versions("decision", f"{number}/{step}")
    if not versions or versions[-1].body["person"] != person.id:
        raise _approval_error(
            f"{number}/{step}",
            "only the person who signed revokes",
            "只有签署人本人可以撤销",
            "ask them",
            "请由签署人办理",
        )


def _check_registered(office: Office, tx: Transaction, person: Person) -> None:
    """Check that the person who acts is registered now just as they present themselves."""
    if office.person(tx, person.id) != person:
        raise _approval_error(
            person.id, "the person's registration has changed", "该人员的登记信息已变更",
            "act again as the person is registered now", "请以现行登记信息重新办理",
        )  # fmt: skip


def _check_applicant(tx: Transaction, number: str, person: Person) -> None:
    if Part.APPLY not in part_of(tx, number, person):
        raise _approval_error(
            number, "only the applicant withdraws it or submits it again", "只有申请人可以撤回或重新提交", "ask them", "请由申请人办理"
        )  # fmt: skip


def _check_term(office: Office, number: str, verdict: Verdict) -> None:
    if verdict.result is Result.APPROVE and verdict.until is not None and verdict.until < office.today:
        raise _approval_error(
            number, "the approval would have expired already", "审批有效期已过", "set a later day", "请填写以后的日期"
        )


def _step(plan: Plan, step: str, number: str) -> ApprovalStep:
    for candidate in plan.steps:
        if candidate.id == step:
            return candidate
    known = ", ".join(candidate.id for candidate in plan.steps)
    raise _approval_error(
        f"{number}/{step}",
        "the request has no such step",
        "该申请没有这一步骤",
        f"steps are: {known}",
        f"步骤有:{known}",
    )


def _state(tx: Transaction, number: str) -> State:
    found = tx.state("request", number)
    if found is None:
        raise _approval_error(number, "there is no such request", "没有该申请", "check the number", "请核对编号")
    return State(found)


def _move(tx: Transaction, number: str, act: Act) -> State:
    was = tx.state("request", number)
    becomes = next_state(State(was) if was else None, act, number=number)
    tx.move("request", number, was=was, to=becomes.value)
    return becomes


def _must_be(person: Person, role: Role, act: str) -> None:
    if person.role is not role:
        raise _approval_error(
            act, f"needs role {role.value}, not {person.role.value}", f"须由角色 {role.value} 办理,而非 {person.role.value}",
            "let the right person do it", "请由相应人员办理",
        )  # fmt: skip


def _approval_error(thing: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=thing, fix_en=fix_en, fix_zh=fix_zh)
