"""The request, the decisions on it, and its life as one table of transitions.

Owns the fields of form 1 (数据使用申请表), what a decision binds, and which state follows which. It must not know how a request
is written down (``extractor.forms``), stored or signed; a digest and a signature are values here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

from extractor.canonical import canonical_bytes, digest
from extractor.errors import ApprovalError


class ApplicantKind(StrEnum):
    """Kinds of organisation that may apply."""

    ADMINISTRATIVE_ORGAN = "administrative_organ"
    PUBLIC_INSTITUTION = "public_institution"
    UNIVERSITY = "university"
    RESEARCH_INSTITUTE = "research_institute"
    ENTERPRISE = "enterprise"


class PurposeCategory(StrEnum):
    """What the data are wanted for."""

    RESEARCH = "research"
    TEACHING = "teaching"
    PUBLIC_HEALTH = "public_health"
    ADMINISTRATION = "administration"
    PRODUCT = "product"


class Consent(StrEnum):
    """On what consent of the persons the request stands."""

    NONE = "none"
    WAIVER = "waiver"
    WRITTEN = "written"


RISK_THRESHOLD = Fraction(1, 20)
"""The greatest risk R of grade 3 (GB/T 42460-2023)."""


class SharingMode(StrEnum):
    """GB/T 42460-2023: where the data go, which sets the threshold and how likely an attempt is."""

    PUBLIC = "public"  # 完全公开共享
    CONTROLLED = "controlled"  # 受控公开共享
    ENCLAVE = "enclave"  # 领地公开共享

    @property
    def tau(self) -> Fraction:
        """The threshold of 1/f: 1/20, 1/5 or 1/3."""
        return Fraction(1, {"public": 20, "controlled": 5, "enclave": 3}[self.value])

    @property
    def context(self) -> Fraction:
        """The probability of an attempt: 1, 0.25 or 0.15, so that times the threshold it is always 0.05."""
        return RISK_THRESHOLD / self.tau


class OutputFormat(StrEnum):
    """How the data files are written."""

    PARQUET = "parquet"
    CSV = "csv"
    CSV_EXCEL = "csv_excel"


class Role(StrEnum):
    """Who acts; local names are in the policies."""

    DATA_USER = "data_user"
    TECHNICAL_SERVICE_UNIT = "technical_service_unit"
    OPERATOR = "operator"
    PROVIDER = "provider"
    AUTHORITY = "authority"
    DESTROYER = "destroyer"
    WITNESS = "witness"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Person:
    """Somebody who acts: an account's identifier, not personal data of a patient. ``public_key`` is ``ed25519:…``."""

    id: str
    name: str
    role: Role
    unit: str
    public_key: str


@dataclass(frozen=True)
class Organisation:
    """The organisation that applies; ``uscc`` is its unified social credit code (GB 32100), checked on input."""

    name: str
    uscc: str
    kind: ApplicantKind
    domestically_controlled: bool
    legal_representative: str
    division: str
    industrial_park: bool


@dataclass(frozen=True)
class Contact:
    """A named person of the applicant with a telephone number."""

    name: str
    phone: str


@dataclass(frozen=True)
class Project:
    """What the data are for; ``protocol`` is the digest of the protocol file."""

    name: str
    code: str
    source: str
    funder: str
    protocol: str | None = None


@dataclass(frozen=True)
class Purpose:
    """Category of use, whether for profit, and the statement in words."""

    category: PurposeCategory
    non_profit: bool
    public_interest: bool
    statement: str


@dataclass(frozen=True)
class Variable:
    """One wanted field: the level that the study needs, why, and the coarsest level that would still be of use."""

    table: str
    field: str
    level: str
    reason: str
    coarsest: str | None = None

    @property
    def place(self) -> str:
        """The field's full name, table.field."""
        return f"{self.table}.{self.field}"


@dataclass(frozen=True)
class Period:
    """First and last day, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Safeguards:
    """Where and how the applicant keeps the data; ``mlps`` is the grade under GB/T 22239."""

    place: str
    division: str
    mlps: int
    measures: str
    abroad: bool = False
    passed_on: bool = False
    linked_with: str | None = None


@dataclass(frozen=True)
class Request:
    """An application for data. Everything that is decided on; its digest is what decisions bind.

    ``renews`` is the number of the request whose term it wants longer; whether it does is derived from the store, not believed.
    """

    title: str
    catalogue: str
    applicant: Organisation
    handler: Contact
    security_officer: Contact
    project: Project
    purpose: Purpose
    variables: tuple[Variable, ...]
    population: str
    period: Period
    people: tuple[str, ...]
    until: date
    outputs: str
    safeguards: Safeguards
    recipient_key: str
    consent: Consent = Consent.NONE
    mode: SharingMode = SharingMode.CONTROLLED
    format: OutputFormat = OutputFormat.PARQUET
    ethics: str | None = None
    urgent_filing: str | None = None
    earlier_returned: bool = True
    undertaking: str | None = None
    renews: str | None = None

    @property
    def digest(self) -> str:
        """Digest of the request's canonical JSON."""
        return digest(self)

    @property
    def pseudonym_domain(self) -> str:
        """Within which pseudonyms match: the applicant (code and name, the name checked at submission) and its project's code.

        Applicants choose codes themselves, so a code alone would let two of them match their data. Canonical JSON keeps the
        three apart whatever they hold.
        """
        return canonical_bytes([self.applicant.uscc, self.applicant.name, self.project.code]).decode("utf-8")

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the wanted tables, in the order of the variables."""
        return tuple(dict.fromkeys(variable.table for variable in self.variables))


class Result(StrEnum):
    """What a step said."""

    APPROVE = "approve"
    RETURN = "return"
    REFUSE = "refuse"
    REVOKE = "revoke"


@dataclass(frozen=True)
class Subject:
    """What a decision is about: the request and the plan compiled from it. Changing either voids the decision."""

    number: str
    request: str
    plan: str


@dataclass(frozen=True)
class Decision:
    """One step's signed word on a subject; ``until`` is the last day on which it holds."""

    subject: Subject
    step: str
    person: str
    role: Role
    unit: str
    result: Result
    reason: str
    time: datetime
    until: date
    public_key: str
    signature: str = ""

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that the person signs: everything but the signature."""
        return canonical_bytes(replace(self, signature=""))


class State(StrEnum):
    """Where a request stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    RETURNED = "returned"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FROZEN = "frozen"
    RUNNING = "running"
    SEALED = "sealed"
    FAILED = "failed"
    DELIVERED = "delivered"
    CLOSED = "closed"


class Act(StrEnum):
    """What moves a request from one state to the next."""

    SUBMIT = "submit"
    APPROVE_LAST = "approve_last"
    RETURN = "return"
    REFUSE = "refuse"
    REVOKE = "revoke"
    WITHDRAW = "withdraw"
    FREEZE = "freeze"
    START = "start"
    SEAL = "seal"
    FAIL = "fail"
    INTERRUPT = "interrupt"
    HAND_OVER = "hand_over"
    CLOSE = "close"


TRANSITIONS: dict[tuple[State | None, Act], State] = {
    (None, Act.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Act.APPROVE_LAST): State.APPROVED,
    (State.SUBMITTED, Act.RETURN): State.RETURNED,
    (State.SUBMITTED, Act.REFUSE): State.REFUSED,
    (State.SUBMITTED, Act.WITHDRAW): State.WITHDRAWN,
    (State.RETURNED, Act.SUBMIT): State.SUBMITTED,
    (State.APPROVED, Act.REVOKE): State.SUBMITTED,
    (State.APPROVED, Act.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Act.FREEZE): State.FROZEN,
    (State.FROZEN, Act.REVOKE): State.SUBMITTED,
    (State.FROZEN, Act.WITHDRAW): State.WITHDRAWN,
    (State.FROZEN, Act.START): State.RUNNING,
    (State.RUNNING, Act.SEAL): State.SEALED,
    (State.RUNNING, Act.FAIL): State.FAILED,
    (State.RUNNING, Act.INTERRUPT): State.FAILED,
    (State.FAILED, Act.START): State.RUNNING,
    (State.FAILED, Act.REVOKE): State.SUBMITTED,
    (State.FAILED, Act.WITHDRAW): State.WITHDRAWN,
    (State.SEALED, Act.HAND_OVER): State.DELIVERED,
    (State.DELIVERED, Act.CLOSE): State.CLOSED,
}


def next_state(state: State | None, act: Act, *, number: str = "") -> State:
    """Return the state that follows.

    Raises:
        ApprovalError: the act is not possible in this state; the message lists the acts that are.
    """
    if (state, act) in TRANSITIONS:
        return TRANSITIONS[state, act]
    possible = ", ".join(known.value for (was, known) in TRANSITIONS if was == state) or "nothing"
    now = state.value if state else "new"
    raise ApprovalError(
        f"{act.value} is not possible in state {now}",
        zh=f"状态“{now}”下不能执行“{act.value}”",
        thing=number,
        fix_en=f"possible now: {possible}",
        fix_zh=f"当前可执行:{possible}",
    )


def transition_diagram() -> str:
    """Return the transitions as a Mermaid state diagram; the one in docs/ is made from it."""
    lines = ["stateDiagram-v2"]
    for (was, act), becomes in TRANSITIONS.items():
        lines.append(f"    {was.value if was else '[*]'} --> {becomes.value}: {act.value}")
    ends = set(TRANSITIONS.values()) - {was for was, _ in TRANSITIONS if was}
    lines += [f"    {state.value} --> [*]" for state in State if state in ends]
    return "\n".join(lines) + "\n"
