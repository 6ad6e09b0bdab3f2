"""The level of each field: the coarser of what the study needs and what the policies allow, and what opened it.

Owns the rule of the level and every reason why one field is not given. It must not know tables, rows or the parts of a plan that
are not about one field.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from extractor.catalogue import Catalogue, Field, FieldClass, SharingClass, Subject, UseMode
from extractor.errors import Reason
from extractor.levels import hierarchy_of
from extractor.plans.demands import Yielded
from extractor.plans.nodes import ColumnPlan
from extractor.plans.refusals import beyond_catalogue, cited_reason, plain_reason
from extractor.policy import Cited, Policy, cite
from extractor.policy_asked import Bound
from extractor.policy_set import PolicySet
from extractor.policy_words import Unlock, Violation
from extractor.requests import Consent, Request, Variable
from extractor.selection import Circumstances

NOT_GIVEN = "none"
Facets: TypeAlias = "tuple[str, FieldClass, Subject, SharingClass, str]"


@dataclass(frozen=True)
class Case:
    """What is compiled: a request against a catalogue under policies, in its circumstances."""

    request: Request
    catalogue: Catalogue
    policies: PolicySet
    facts: Circumstances

    def filed(self, place: str) -> bool:
        """Whether an acknowledged filing opens a field (``table.field``) that the catalogue does not list for extraction."""
        filing = self.facts.filing
        return filing is not None and place in filing.fields and self.policies.filing() is not None


@dataclass(frozen=True)
class Grounds:
    """What the policies say of all fields of the same facets.

    ``locked`` are the rules that could open a field of the class that is not open and do not; ``without`` is what the bound would
    be without consent, None where the request does not stand on written consent.
    """

    bound: Bound | None
    locked: tuple[Cited, ...] = ()
    yielded: tuple[Yielded, ...] = ()
    without: str | None = None


@dataclass(frozen=True)
class Decided:
    """A variable that is decided on: what was asked, the field, the decision, and its level without consent."""

    variable: Variable
    field: Field
    column: ColumnPlan
    without: str | None = None

    @property
    def by_consent(self) -> bool:
        """Whether it leaves finer than it would without the persons' consent."""
        hierarchy = hierarchy_of(self.field.kind)
        return self.without is not None and not hierarchy.at_least_as_coarse(self.column.level, self.without)


def facets(field: Field) -> Facets:
    """Return all that a selector and a ceiling look at in a field, so that fields that are alike are asked about once."""
    return field.kind, field.cls, field.subject, field.sharing.mode, field.category


@dataclass
class Levels:
    """Decides the levels of one case; what the policies say is asked once for each combination of facets."""

    case: Case
    _found: dict[Facets, Grounds] = field(default_factory=dict)

    def grounds(self, field: Field) -> Grounds:
        """Return what the policies say of a field."""
        key = facets(field)
        if key not in self._found:
            self._found[key] = self._grounds(field)
        return self._found[key]

    def _grounds(self, field: Field) -> Grounds:
        case = self.case
        bound = case.policies.ceiling(field, case.request, case.facts)
        without = None
        if case.request.consent is Consent.WRITTEN:
            less = case.policies.without_consent(field, case.request, case.facts)
            without = less.level if less is not None and not self._locked(field, less) else NOT_GIVEN
        return Grounds(bound, self._locked(field, bound), self._yielded(field, bound), without)

    def _locked(self, field: Field, bound: Bound | None) -> tuple[Cited, ...]:
        """Name, for each regime that says what opens fields that are not open, a rule that did not open this one."""
        if field.sharing.mode is not SharingClass.RESTRICTED or bound is None or bound.level == NOT_GIVEN:
            return ()
        opened = {each.cited.regime for each in bound.unlocked}
        firsts = (self._key(policy) for policy in self.case.policies.policies if policy.regime not in opened)
        return tuple(cited for cited in firsts if cited is not None)

    def _key(self, policy: Policy) -> Cited | None:
        sides = self.case.policies.sides_of(policy)
        for ceiling in policy.ceilings:
            of_class = not ceiling.when.sharing or SharingClass.RESTRICTED in ceiling.when.sharing
            if ceiling.unlocks is not None and of_class and ceiling.when.matches_sides(sides):
                return cite(policy, ceiling.rule)
        return None

    def _yielded(self, field: Field, bound: Bound | None) -> tuple[Yielded, ...]:
        """Ask each regime that did not win what it alone would have allowed."""
        won = {cited.regime for cited in bound.cited} if bound else set()
        alone = (
            PolicySet((policy,), self.case.policies.sides).ceiling(field, self.case.request, self.case.facts)
            for policy in self.case.policies.policies
            if policy.regime not in won
        )
        return tuple(Yielded(each.level, each.cited) for each in alone if each is not None)

    def decide(self, variable: Variable, field: Field) -> tuple[Decided | None, list[Reason]]:
        """Decide one field's level, or say why it cannot be decided; reasons may come with a decision."""
        grounds, hierarchy = self.grounds(field), hierarchy_of(field.kind)
        reasons = [*self._unlisted(variable, field), *_unknown_levels(variable, field)]
        bound = grounds.bound
        if bound is None:
            reasons.append(plain_reason(
                variable.place, "ceiling",
                ("没有规则规定该类字段可提供的等级,因此不提供",
                 "no rule says at which level this class of field may leave", ""),
            ))  # fmt: skip
        if bound is None or any(reason.rule == "level" for reason in reasons):
            return None, reasons
        level = hierarchy.coarser(variable.level, bound.level)
        if level != NOT_GIVEN:
            reasons += self._not_opened(variable.place, grounds.locked)
        if variable.coarsest and not hierarchy.at_least_as_coarse(variable.coarsest, level):
            reasons.append(self._too_coarse(variable, bound))
        without = hierarchy.coarser(variable.level, grounds.without) if grounds.without is not None else None
        return _counted(Decided(variable, field, _column(variable, field, grounds, level=level), without)), reasons

    def _unlisted(self, variable: Variable, field: Field) -> list[Reason]:
        """Say that the catalogue's list does not give the field: its category, or its mode of use where no filing opens it."""
        reasons = list(self.case.policies.category_faults(field, variable.place))
        if UseMode.EXTRACT not in field.use and not self.case.filed(variable.place):
            zh, en = "目录规定该字段不得提取", "the catalogue does not allow the field to be extracted"
            reasons += beyond_catalogue(self.case.policies, variable.place, (zh, en, ", ".join(field.use)))
        return reasons

    def _not_opened(self, place: str, locked: tuple[Cited, ...]) -> list[Reason]:
        zh = "不予开放的数据须经权利人同意或经脱敏处理达到规定等级方可提供"
        en = "a field that is not open leaves only with the person's consent or treated to the level of a rule that opens it"
        words = (zh, en, "")
        return [cited_reason(self.case.policies, place, cited, words, violation=Violation.PRIVACY) for cited in locked]

    def _too_coarse(self, variable: Variable, bound: Bound) -> Reason:
        zh = f"申请等级 {variable.level} 超出许可,且申请注明粗于 {variable.coarsest} 无用"
        en = f"level {variable.level} is finer than allowed, and coarser than {variable.coarsest} is of no use"
        words = (zh, en, bound.level)
        # The last of those that won is the most local one; its regulation lists the violation.
        return cited_reason(self.case.policies, variable.place, bound.cited[-1], words, violation=Violation.PRIVACY)

    def condition(self, table: str, field: Field) -> tuple[list[Reason], bool]:
        """Return why a condition on a field is refused, and whether it is the persons' consent that opens it.

        A condition tells the value as it stands, so that of what opens a field that is not open only consent opens it.
        """
        if field.sharing.mode is not SharingClass.RESTRICTED:
            return [], False
        bound = self.grounds(field).bound
        by_consent = {u.cited.regime for u in (bound.unlocked if bound else ()) if u.by is Unlock.CONSENT}
        keys = tuple(filter(None, map(self._key, self.case.policies.policies)))
        locked = tuple(cited for cited in keys if cited.regime not in by_consent)
        return self._not_opened(f"population {table}.{field.name}", locked), bool(keys) and not locked


def _counted(decided: Decided) -> Decided:
    """Take a direct identifier that leaves by the person's own consent out of what the risk gate counts.

    Whoever gives their name has agreed to be identified by it; with it counted, everybody would be alone in their class. The
    consent is not that of the relative or the nurse who stands in the same row.
    """
    own = decided.field.cls is FieldClass.DIRECT and decided.field.subject is Subject.PERSON
    if not (own and decided.by_consent):
        return decided
    return replace(decided, column=replace(decided.column, quasi=False))


def _unknown_levels(variable: Variable, field: Field) -> list[Reason]:
    names = hierarchy_of(field.kind).names
    wanted = [variable.level, *([variable.coarsest] if variable.coarsest else [])]
    return [
        plain_reason(
            variable.place, "level",
            (f"等级 {level} 不存在于类型 {field.kind}", f"kind {field.kind} has no level {level}", ", ".join(names)),
        )
        for level in wanted
        if level not in names
    ]  # fmt: skip


def _column(variable: Variable, field: Field, grounds: Grounds, *, level: str) -> ColumnPlan:
    assert grounds.bound is not None
    chosen = hierarchy_of(field.kind).level(level)
    unlocked = grounds.bound.unlocked if field.sharing.mode is SharingClass.RESTRICTED and level != NOT_GIVEN else ()
    return ColumnPlan(
        output=field.name, source=field.name, zh=field.zh, kind=field.kind, cls=field.cls, grade=field.grade,
        requested=variable.level, ceiling=grounds.bound.level, level=level, technique=chosen.technique,
        quasi=chosen.quasi and field.cls in (FieldClass.DIRECT, FieldClass.QUASI),
        reason=variable.reason, cited=grounds.bound.cited, unlocked=unlocked, yielded=grounds.yielded,
    )  # fmt: skip
