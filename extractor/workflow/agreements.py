"""The agreement of a request: its text, by digest, under the signatures of the parties.

Owns the versions of the text, which clause holds which subject, and the gate that lets nothing be handed over without the
signatures of both sides over the text as it stands now. A text that is changed voids the signatures under the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from extractor.canonical import digest_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError, Reason, Refused
from extractor.log.entries import Verb
from extractor.plans.nodes import ApprovalStep, Plan
from extractor.policy import Cited
from extractor.policy_words import AgreementSubject
from extractor.requests import Act, Person, Role, State, next_state
from extractor.store.transaction import Transaction
from extractor.workflow.agreement_text import made_text, signer_of
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import About, Signed, put_signed, sign_stored, signatures_of

_KIND, _OF, _DRAFTED = "agreement", "agreement_of", "drafted"
_OPEN = (State.SUBMITTED, State.APPROVED, State.FROZEN, State.FAILED)


@dataclass(frozen=True)
class SubjectClause:
    """Which clause of the text holds a subject."""

    subject: AgreementSubject
    clause: str


@dataclass(frozen=True)
class Agreement:
    """One version of an agreement: its names, the parties' units, its text, and where the text holds each subject."""

    number: str
    request: str
    plan: str
    names: tuple[str, ...]
    parties: tuple[str, ...]
    text: str
    clauses: tuple[SubjectClause, ...]
    version: int = 1
    own_text: bool = False

    @property
    def text_digest(self) -> str:
        """Digest of the text in UTF-8."""
        return digest_bytes(self.text.encode())


@dataclass(frozen=True)
class SignedAgreement:
    """An agreement under the signatures of both parties over the document of this digest."""

    agreement: Agreement
    digest: str
    signatures: tuple[Signed, ...]


def needs_agreement(plan: Plan) -> bool:
    """Say whether a plan stands on an agreement: a regime asks for one, or its chain has steps that sign one."""
    return bool(plan.agreement.cited) or any(step.agrees for step in plan.steps)


def draft(office: Office, tx: Transaction, number: str, plan: Plan) -> Agreement | None:
    """Make the text of a request's agreement from its plan, where it stands on one and has none over this plan yet.

    The text that the parties put in its place for the same plan stays.
    """
    if not needs_agreement(plan):
        return None
    known = _number_of(tx, number)
    before = from_json(Agreement, tx.get(_KIND, known).body) if known else None
    if before is not None and before.plan == plan.digest:
        return before
    parties = _parties(office, tx, number, plan)
    text, clauses = made_text(plan, request=number, parties=parties)
    own = before.number if before else tx.next_number("AG", office.today.year)
    made = Agreement(
        own, number, plan.digest, plan.agreement.names, parties, text,
        tuple(SubjectClause(subject, clause) for subject, clause in clauses), before.version + 1 if before else 1,
    )  # fmt: skip
    stored = tx.put(_KIND, own, made)
    if before is None:
        tx.put(_OF, number, {"agreement": own})
    office.log(
        tx, Verb.AGREE, None, object=own, request=number, agreement=own, object_digest=stored,
        reason=f"version {made.version}", **cited_facts(plan.agreement.cited),
    )  # fmt: skip
    return made


def put_text(
    office: Office, number: str, actor: Actor, *, text: str, clauses: Mapping[AgreementSubject, str]
) -> Agreement:
    """Put the parties' own text in place of the one before, which voids every signature under it.

    An approved request waits for these signatures again. Both parties may do it: a data user of the applicant's unit, and whoever
    has the role of a step that signs the agreement.

    Raises:
        Refused: a subject that a rule wants is in no clause, naming every such rule and article.
        ApprovalError: the person is of neither party, or the run has begun.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.AGREE, number), office.store.transaction() as tx:
        plan = _plan(tx, number)
        state = _check_open(tx, number)
        roles = tuple(Role(step.role) for step in plan.steps if step.agrees)
        acting(office, tx, actor, roles=roles, thing=number)
        before = draft(office, tx, number, plan)
        if before is None:
            raise _none(number)
        _check_party(number, actor.person, before)
        _check_subjects(plan, number, text, clauses)
        found = tuple(SubjectClause(subject, clauses[subject]) for subject in AgreementSubject if subject in clauses)
        made = replace(before, text=text, clauses=found, version=before.version + 1, own_text=True)
        stored = put_signed(office, tx, actor, about=About(_KIND, made.number, _DRAFTED), document=made)
        if state is not State.SUBMITTED:
            tx.move("request", number, was=state.value, to=next_state(state, Act.REVOKE, number=number).value)
        office.log(
            tx, Verb.AGREE, actor.person, object=made.number, request=number, agreement=made.number,
            object_digest=stored, reason=f"version {made.version}", **cited_facts(plan.agreement.cited),
        )  # fmt: skip
    return made


def sign_agreement(office: Office, tx: Transaction, actor: Actor, *, number: str, step: ApprovalStep) -> str:
    """Sign the agreement as it stands now in a step of the chain, and return its number.

    Raises:
        ConfigurationError: the person's own key is not given.
    """
    made = draft(office, tx, number, _plan(tx, number))
    if made is None:
        raise _none(number)
    sign_stored(office, tx, actor, about=About(_KIND, made.number, step.id), digest=tx.get(_KIND, made.number).digest)
    return made.number


def has_signed(office: Office, tx: Transaction, *, number: str, step: ApprovalStep, person: str) -> bool:
    """Say whether a person signed the request's agreement, as it stands now, in a step.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    known = _number_of(tx, number)
    if known is None:
        return False
    stored = tx.get(_KIND, known)
    signed = signatures_of(office, tx, kind=_KIND, number=known, digest=stored.digest)
    return any((each.said, each.person) == (step.id, person) for each in signed)


def signed_agreement(office: Office, tx: Transaction, number: str, plan: Plan) -> SignedAgreement | None:
    """Return the agreement of a request under the signatures of both parties, or None where it stands on none.

    Raises:
        ApprovalError: a party's signature over the text as it stands now is missing, with rule and article.
        IntegrityError: a signature is not of the person that it names.
    """
    if not needs_agreement(plan):
        return None
    known, steps = _number_of(tx, number), [step for step in plan.steps if step.agrees]
    if known is None or not steps:
        raise _unsigned(number, _cited(plan, None), "no party has signed the agreement", "协议未经任何一方签署")
    stored = tx.get(_KIND, known)
    made = from_json(Agreement, stored.body)
    if made.plan != plan.digest or made.request != number:
        raise _unsigned(known, _cited(plan, None), "the agreement is about another plan", "协议所针对的方案已不同")
    signed = signatures_of(office, tx, kind=_KIND, number=known, digest=stored.digest)
    for step in steps:
        if not any(_of_step(each, step, made) for each in signed):
            raise _unsigned(
                known, _cited(plan, step),
                f"the signature of {step.id} over the agreement as it stands now is missing", f"缺少对现行协议文本的签署:{step.zh}",
            )  # fmt: skip
    of_steps = {step.id for step in steps}
    return SignedAgreement(made, stored.digest, tuple(each for each in signed if each.said in of_steps))


def agreement_of(office: Office, tx: Transaction, number: str) -> tuple[Agreement, str, tuple[Signed, ...]]:
    """Return the newest text of a request's agreement, the digest of its document, and the signatures over it.

    Raises:
        ApprovalError: the request stands on no agreement.
    """
    known = _number_of(tx, number)
    if known is None:
        raise _none(number)
    stored = tx.get(_KIND, known)
    signed = signatures_of(office, tx, kind=_KIND, number=known, digest=stored.digest)
    return from_json(Agreement, stored.body), stored.digest, tuple(each for each in signed if each.said != _DRAFTED)


def _parties(office: Office, tx: Transaction, number: str, plan: Plan) -> tuple[str, ...]:
    """Name the applicant, then who signs for the other side: by unit where the step names one, else by role."""
    others = dict.fromkeys(signer_of(step) for step in plan.steps if step.agrees and step.role != Role.DATA_USER.value)
    return (tx.get("request", number).body["applicant"]["name"], *(others or [office.settings.unit]))


def _number_of(tx: Transaction, number: str) -> str | None:
    versions = tx.versions(_OF, number)
    return str(versions[-1].body["agreement"]) if versions else None


def _plan(tx: Transaction, number: str) -> Plan:
    if tx.state("request", number) is None:
        raise ApprovalError(
            "there is no such request", zh="没有该申请", thing=number, fix_en="check the number", fix_zh="请核对编号"
        )
    return from_json(Plan, tx.get("plan", number).body)


def _of_step(signed: Signed, step: ApprovalStep, made: Agreement) -> bool:
    if signed.said != step.id or signed.role.value != step.role or (step.unit and signed.unit != step.unit):
        return False
    return (signed.unit == made.parties[0]) is (signed.role is Role.DATA_USER)


def _check_party(number: str, person: Person, made: Agreement) -> None:
    if (person.unit == made.parties[0]) is not (person.role is Role.DATA_USER):
        raise ApprovalError(
            "the person is of neither party of the agreement",
            zh="该人员不属于协议任何一方",
            thing=number,
            fix_en="let a data user of the applicant or the other party put the text",
            fix_zh="请由申请单位的数据使用人员或另一方人员提交文本",
        )


def _check_open(tx: Transaction, number: str) -> State:
    state = State(str(tx.state("request", number)))
    if state not in _OPEN:
        raise ApprovalError(
            f"the text is not changed in state {state.value}",
            zh=f"状态“{state.value}”下不得更改协议文本",
            thing=number,
            fix_en="the text is settled before the run; submit a new request for another one",
            fix_zh="协议文本须在运行前确定;如需更改请另行申请",
        )
    return state


def _check_subjects(plan: Plan, number: str, text: str, clauses: Mapping[AgreementSubject, str]) -> None:
    """Refuse a text without a subject that a rule wants, or a list that names a clause which is not in the text."""
    missing = [each for each in plan.agreement.subjects if each.subject not in clauses]
    reasons = [
        Reason(
            f"agreement.{each.subject.value}", f"{each.cited.regime}.{each.cited.rule}", each.cited.article,
            f"协议文本缺少“{each.subject.value}”的约定", f"the text holds no clause on {each.subject.value}",
            each.subject.value, each.subject.value,
        )
        for each in missing
    ]  # fmt: skip
    for subject, clause in clauses.items():
        if clause not in text:
            reasons.append(
                Reason(
                    f"agreement.{subject.value}", "agreement.clauses", "", "所列条款不在协议文本中",
                    "the clause that the list names is not in the text",
                )
            )  # fmt: skip
    if reasons:
        raise Refused(tuple(reasons), thing=number)


def _cited(plan: Plan, step: ApprovalStep | None) -> tuple[Cited, ...]:
    """Return the rules that ask for the agreement; where no regime does, the rules of the steps that sign it."""
    if plan.agreement.cited:
        return plan.agreement.cited
    return (step.cited,) if step else tuple(dict.fromkeys(each.cited for each in plan.steps if each.agrees))


def _unsigned(thing: str, cited: tuple[Cited, ...], en: str, zh: str) -> ApprovalError:
    said = "; ".join(f"{each.regime}.{each.rule} {each.article}" for each in cited)
    return ApprovalError(
        f"{en} [{said}]",
        zh=f"{zh}〔{said}〕",
        thing=thing,
        fix_en="let both parties sign the agreement: extractor request sign NUMBER --as STEP",
        fix_zh="请双方签署协议:extractor request sign 申请编号 --as 步骤",
    )


def _none(number: str) -> ApprovalError:
    return ApprovalError(
        "the request stands on no agreement",
        zh="该申请没有协议",
        thing=number,
        fix_en="check the number",
        fix_zh="请核对编号",
    )
