"""Policies: what the rules of a place allow, ask for and forbid, as closed values.

Owns the shape that every regime fits into (``policies/*.yaml``), and how several policies are asked at once: the stricter rule
wins, and the answer names it with its article. It must not know how a policy file is written down (``extractor.forms``) nor
how a plan is made. Nothing in a policy is code: selectors and requirements are closed sets of keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum

from extractor.catalogue import Field, FieldClass, SharingClass, Subject
from extractor.errors import ConfigurationError, Reason
from extractor.levels import hierarchy_of
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, Role, SharingMode


class Status(StrEnum):
    """Standing of a regulation."""

    IN_FORCE = "in_force"
    TRIAL = "trial"
    DRAFT = "draft"
    REPEALED = "repealed"


class DutyEvent(StrEnum):
    """What opens a duty."""

    DELIVERED = "delivered"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    RUN_ENDED = "run_ended"
    INCIDENT = "incident"


class RetentionSubject(StrEnum):
    """What a retention floor is about."""

    LOG = "log"
    RECORDS = "records"
    PACKAGE = "package"


class Violation(StrEnum):
    """What a refusal violates, so that a regime can give it its own number."""

    BEYOND_CATALOGUE = "beyond_catalogue"
    BEYOND_SCOPE = "beyond_scope"
    PRIVACY = "privacy"
    TAMPERING = "tampering"
    OTHER = "other"


@dataclass(frozen=True)
class Rule:
    """Where a rule stands: its id, the article, and the clause in one line."""

    id: str
    article: str
    quote: str


@dataclass(frozen=True)
class Selector:
    """When a rule applies. An empty key matches everything; all keys must match."""

    cls: tuple[FieldClass, ...] = ()
    kinds: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()
    sharing: tuple[SharingClass, ...] = ()
    categories: tuple[str, ...] = ()
    applicants: tuple[ApplicantKind, ...] = ()
    purposes: tuple[PurposeCategory, ...] = ()
    consent: tuple[Consent, ...] = ()
    modes: tuple[SharingMode, ...] = ()
    non_profit: bool | None = None

    def matches_request(self, request: Request) -> bool:
        """Say whether the request-side keys match."""
        pairs: tuple[tuple[tuple[StrEnum, ...], StrEnum], ...] = (
            (self.applicants, request.applicant.kind),
            (self.purposes, request.purpose.category),
            (self.consent, request.consent),
            (self.modes, request.mode),
        )
        if self.non_profit is not None and self.non_profit != request.purpose.non_profit:
            return False
        return all(not wanted or value in wanted for wanted, value in pairs)

    def matches_field(self, field: Field) -> bool:
        """Say whether the field-side keys match."""
        return (
            (not self.cls or field.cls in self.cls)
            and (not self.kinds or field.kind in self.kinds)
            and (not self.subjects or field.subject in self.subjects)
            and (not self.sharing or field.sharing.mode in self.sharing)
            and (not self.categories or field.category in self.categories)
        )


@dataclass(frozen=True)
class KindLevel:
    """The finest level of one kind."""

    kind: str
    level: str

    def __post_init__(self) -> None:
        hierarchy_of(self.kind).level(self.level)


@dataclass(frozen=True)
class Ceiling:
    """The finest levels that fields may have where the selector matches; kinds not named here are not bounded by it."""

    rule: Rule
    when: Selector
    levels: tuple[KindLevel, ...]

    def level_for(self, kind: str) -> str | None:
        """Return the finest level of a kind, or None where this rule does not bound it."""
        return next((bound.level for bound in self.levels if bound.kind == kind), None)


@dataclass(frozen=True)
class Step:
    """One step of an approval chain: who signs. ``unit`` names the organ where the regulation names one.

    ``agrees`` marks a party's signature under the agreement, which the party's earlier signatory may give as well.
    """

    id: str
    zh: str
    role: Role
    unit: str | None = None
    agrees: bool = False


@dataclass(frozen=True)
class Chain:
    """The steps that a request takes where the selector matches."""

    rule: Rule
    when: Selector
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Requirement:
    """What must hold of a request where the selector matches; a key that is absent asks for nothing."""

    rule: Rule
    when: Selector
    violation: Violation = Violation.OTHER
    applicants: tuple[ApplicantKind, ...] = ()
    domestically_controlled: bool | None = None
    industrial_park: bool | None = None
    non_profit: bool | None = None
    ethics: bool | None = None
    consent: tuple[Consent, ...] = ()
    abroad: bool | None = None
    passed_on: bool | None = None
    mlps_at_least: int | None = None
    forbidden: bool | None = None


@dataclass(frozen=True)
class Residency:
    """Divisions (GB/T 2260 prefixes, or ``CN`` for the country) within which data and recipients must be."""

    rule: Rule
    within: tuple[str, ...]

    def allows(self, division: str) -> bool:
        """Say whether a division is inside.

        ``CN`` is every division of six digits but those of Taiwan, Hong Kong and Macao: what goes there leaves the country
        in the sense of the law (出境入境管理法 art. 89).
        """
        domestic = len(division) == 6 and division.isdecimal() and division.isascii()
        domestic = domestic and not division.startswith(("71", "81", "82"))
        return any(domestic if area == "CN" else division.startswith(area) for area in self.within)


@dataclass(frozen=True)
class Retention:
    """A floor, in months, for how long something is kept."""

    rule: Rule
    subject: RetentionSubject
    months: int


@dataclass(frozen=True)
class Duty:
    """A dated obligation: what opens it, whose it is, within how many days it must be closed."""

    rule: Rule
    id: str
    zh: str
    role: Role
    opens_on: DutyEvent
    within_days: int


@dataclass(frozen=True)
class Offence:
    """A listed violation of the regulation and the refusals that match it."""

    number: str
    zh: str
    covers: tuple[Violation, ...]


@dataclass(frozen=True)
class Outside:
    """Articles that are acts of government or of other systems, with the reason why the software does nothing."""

    articles: str
    reason: str


@dataclass(frozen=True)
class RiskLimit:
    """Limits of one sharing mode: k, l, t over persons and the share of persons that may be left out."""

    rule: Rule
    mode: SharingMode
    k: int
    suppression_limit: float
    l_diversity: int | None = None
    t_closeness: float | None = None
    threshold: float = 0.05


@dataclass(frozen=True)
class Term:
    """A term of the agreement that is printed into the package."""

    rule: Rule
    zh: str


@dataclass(frozen=True)
class LocalNames:
    """What this place calls the canonical things, as (canonical, local) pairs."""

    roles: tuple[tuple[str, str], ...] = ()
    sharing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Policy:
    """One regulation as rules. ``regime`` is its short name, ``division`` the place where it holds."""

    regime: str
    zh: str
    document: str
    issuer: str
    status: Status
    in_force: date
    division: str
    until: date | None = None
    names: LocalNames = LocalNames()
    categories: tuple[str, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    chains: tuple[Chain, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    residency: tuple[Residency, ...] = ()
    retention: tuple[Retention, ...] = ()
    duties: tuple[Duty, ...] = ()
    risk: tuple[RiskLimit, ...] = ()
    terms: tuple[Term, ...] = ()
    text_entities: tuple[str, ...] = ()
    offences: tuple[Offence, ...] = ()
    outside: tuple[Outside, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of the policy, for citation and for the clause table."""
        groups = (getattr(self, field.name) for field in fields(self))
        items = (item for group in groups if isinstance(group, tuple) for item in group)
        return tuple(item.rule for item in items if hasattr(item, "rule"))


@dataclass(frozen=True)
class Cited:
    """A rule of a regime, as a plan cites it."""

    regime: str
    rule: str
    article: str


@dataclass(frozen=True)
class Bound:
    """The finest level that the policies allow a field, and the rules that made it so."""

    level: str
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class PolicySet:
    """Baseline and regimes asked together: every one applies, the stricter wins."""

    policies: tuple[Policy, ...]

    def __post_init__(self) -> None:
        if not self.policies:
            raise ConfigurationError(
                "no policy is loaded", zh="没有载入任何政策", fix_en="name a regime", fix_zh="请指定制度"
            )

    def ceiling(self, field: Field, request: Request) -> Bound | None:
        """Return the strictest ceiling over a field, or None where no rule classifies it (then it must not leave)."""
        hierarchy = hierarchy_of(field.kind)
        found: list[tuple[str, Cited]] = []
        for policy in self.policies:
            for ceiling in policy.ceilings:
                level = ceiling.level_for(field.kind)
                if level and ceiling.when.matches_field(field) and ceiling.when.matches_request(request):
                    found.append((level, _cite(policy, ceiling.rule)))
        if not found:
            return None
        strictest = found[0][0]
        for level, _ in found[1:]:
            strictest = hierarchy.coarser(strictest, level)
        winners = [cited for level, cited in found if level == strictest] or [cited for _, cited in found]
        return Bound(strictest, tuple(dict.fromkeys(winners)))

    def steps(self, request: Request, asked: Iterable[Field]) -> tuple[tuple[Step, Cited], ...]:
        """Return the approval steps, in order, of all chains that apply; chains of several regimes are joined.

        Raises:
            ConfigurationError: two chains give one step to different roles or units.
        """
        asked = tuple(asked)
        joined: dict[str, tuple[Step, Cited]] = {}
        for policy in self.policies:
            for chain in policy.chains:
                if chain.when.matches_request(request) and any(chain.when.matches_field(field) for field in asked):
                    for step in chain.steps:
                        # The same step asked for by a later, more local policy keeps its place and cites the local rule.
                        was = joined[step.id][0] if step.id in joined else step
                        joined[step.id] = (_both(was, step), _cite(policy, chain.rule))
        return tuple(joined.values())

    def unmet(self, request: Request, asked: Iterable[Field]) -> tuple[Reason, ...]:
        """Return a reason for each requirement that the request does not meet."""
        asked = tuple(asked)
        reasons: list[Reason] = []
        for policy in self.policies:
            for need in policy.requirements:
                touched = [field for field in asked if need.when.matches_field(field)]
                if touched and need.when.matches_request(request):
                    reasons += _unmet(policy, need, request)
            for residency in policy.residency:
                if not residency.allows(request.safeguards.division):
                    reasons.append(_outside_area(policy, residency, "safeguards.division"))
        return tuple(dict.fromkeys(reasons))

    def risk_limit(self, mode: SharingMode) -> tuple[RiskLimit, tuple[Cited, ...]]:
        """Return the strictest limits of a sharing mode, key by key, with the rules that set them.

        Raises:
            ConfigurationError: no policy sets limits for the mode.
        """
        found = [(policy, limit) for policy in self.policies for limit in policy.risk if limit.mode == mode]
        if not found:
            raise ConfigurationError(
                f"no policy sets risk limits for mode {mode.value}",
                zh=f"没有政策规定共享方式 {mode.value} 的风险限值",
                fix_en="add `risk` to the policy",
                fix_zh="请在政策中补充 risk",
            )
        limits = [limit for _, limit in found]
        diversity = [limit.l_diversity for limit in limits if limit.l_diversity is not None]
        closeness = [limit.t_closeness for limit in limits if limit.t_closeness is not None]
        strictest = RiskLimit(
            limits[0].rule,
            mode,
            k=max(limit.k for limit in limits),
            suppression_limit=min(limit.suppression_limit for limit in limits),
            l_diversity=max(diversity, default=None),
            t_closeness=min(closeness, default=None),
            threshold=min(limit.threshold for limit in limits),
        )
        return strictest, tuple(_cite(policy, limit.rule) for policy, limit in found)

    def area_faults(self, division: str, thing: str) -> tuple[Reason, ...]:
        """Return a reason for each residency rule that a place of storage breaks."""
        return tuple(
            _outside_area(policy, residency, thing)
            for policy in self.policies
            for residency in policy.residency
            if not residency.allows(division)
        )

    def category_faults(self, field: Field, thing: str) -> tuple[Reason, ...]:
        """Return a reason where a field's category is not in a policy's closed list."""
        return tuple(
            Reason(
                thing,
                f"{policy.regime}.categories",
                policy.document,
                f"类目“{field.category}”不在目录类目之内",
                f"category {field.category!r} is not in the catalogue's closed list",
                "、".join(policy.categories),
                ", ".join(policy.categories),
            )
            for policy in self.policies
            if policy.categories and field.category not in policy.categories
        )

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms that go into the package."""
        return tuple(term for policy in self.policies for term in policy.terms)

    @property
    def text_entities(self) -> tuple[str, ...]:
        """Types of span that free text must be searched for."""
        return tuple(dict.fromkeys(name for policy in self.policies for name in policy.text_entities))

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Duties of all policies; one of the same id is that of the more local policy."""
        return tuple({duty.id: duty for policy in self.policies for duty in policy.duties}.values())

    @property
    def local_policy(self) -> Policy:
        """The most local policy: the last one, whose names of roles and classes are shown."""
        return self.policies[-1]


def _cite(policy: Policy, rule: Rule) -> Cited:
    return Cited(policy.regime, rule.id, rule.article)


def _both(first: Step, second: Step) -> Step:
    """Join one step of two chains: whoever signs must satisfy both."""
    if first.role is not second.role or (first.unit and second.unit and first.unit != second.unit):
        raise ConfigurationError(
            "two policies give one approval step to different roles or units",
            zh="两项政策将同一审批步骤交给不同的角色或单位",
            thing=second.id,
            fix_en="give the steps different ids",
            fix_zh="请使用不同的步骤编号",
        )
    return replace(second, unit=second.unit or first.unit, agrees=first.agrees and second.agrees)


def _unmet(policy: Policy, need: Requirement, request: Request) -> list[Reason]:
    """Compare each key that the requirement names with the request."""
    facts: tuple[tuple[str, bool, str, str, str], ...] = (
        ("applicant.kind", not need.applicants or request.applicant.kind in need.applicants,
         "申请单位的类型不符合条件", "the kind of applicant is not eligible", "、".join(need.applicants)),
        ("applicant.domestically_controlled",
         need.domestically_controlled in (None, request.applicant.domestically_controlled),
         "须为内资控股法人", "the applicant must be domestically controlled", "true"),
        ("applicant.industrial_park", need.industrial_park in (None, request.applicant.industrial_park),
         "暂限于产业园范围内的使用单位", "only users inside the industrial park", "true"),
        ("purpose.non_profit", need.non_profit in (None, request.purpose.non_profit),
         "只限用于科研教育等非营利性活动", "only non-profit use", str(need.non_profit).lower()),
        ("ethics", not need.ethics or request.ethics is not None,
         "缺少伦理审查批件", "the ethics approval is missing", "批件编号"),
        ("consent", not need.consent or request.consent in need.consent,
         "缺少个人同意依据", "the consent that is needed is missing", "、".join(need.consent)),
        ("safeguards.abroad", need.abroad in (None, request.safeguards.abroad),
         "不得出境", "the data may not leave the country", "false"),
        ("safeguards.passed_on", need.passed_on in (None, request.safeguards.passed_on),
         "不得提供给第三方", "the data may not be passed on", "false"),
        ("safeguards.mlps", need.mlps_at_least is None or request.safeguards.mlps >= need.mlps_at_least,
         "网络安全等级保护级别不足", "the MLPS grade is too low", f"≥ {need.mlps_at_least}"),
        ("variables", not need.forbidden, "该类数据不予提供", "this class of data is not given", ""),
    )  # fmt: skip
    return [
        Reason(thing, f"{policy.regime}.{need.rule.id}", need.rule.article, zh, en, allowed, allowed)
        for thing, met, zh, en, allowed in facts
        if not met
    ]


def _outside_area(policy: Policy, residency: Residency, thing: str) -> Reason:
    within = "、".join(residency.within)
    return Reason(
        thing,
        f"{policy.regime}.{residency.rule.id}",
        residency.rule.article,
        "存储地不在允许的行政区划内",
        "the place of storage is outside the allowed divisions",
        within,
        within,
    )
