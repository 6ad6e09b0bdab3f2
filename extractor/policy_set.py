"""Several policies asked at once: every one applies, the stricter rule wins, and the answer names it with its article.

Owns the answers that the compiler and the workflow need from baseline and regimes together, and which regimes apply by place. It
must not know how a plan is made nor what the workflow does with an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain as put_together
from typing import Protocol, TypeVar

from extractor.catalogue import Catalogue, Field
from extractor.errors import Reason
from extractor.policy import Cited, Policy, cite
from extractor.policy_asked import (
    AskedAgreement,
    AskedAssessment,
    AskedDuty,
    Bound,
)
from extractor.policy_checks import (
    Asked,
    catalogue_faults_of,
    distinct,
    outside_area,
    reason_of,
    unmet_of,
)
from extractor.policy_general import PolicyGroup
from extractor.policy_join import JoinedDuties, JoinedSteps, join_chains, join_duties
from extractor.policy_rules import Rule, Step
from extractor.policy_strictest import once, strictest_level
from extractor.policy_words import (
    Place,
    Side,
    Status,
    Violation,
)
from extractor.requests import Consent, Request
from extractor.selection import NO_CIRCUMSTANCES, Circumstances, Selector

_BEFORE_A_REQUEST = (Place.SOURCE, Place.INSTALLATION)


class _Selected(Protocol):
    """A rule that says when it applies."""

    @property
    def rule(self) -> Rule: ...
    @property
    def when(self) -> Selector: ...


_S = TypeVar("_S", bound=_Selected)


@dataclass(frozen=True)
class PolicySet(PolicyGroup):
    """Baseline and regimes asked together: every one applies, the stricter wins."""

    def _apply(
        self,
        policy: Policy,
        rules: Iterable[_S],
        request: Request,
        facts: Circumstances,
        asked: tuple[Field, ...] | None,
    ) -> list[tuple[Policy, _S]]:
        """Return a policy's rules that apply to a request; with ``asked``, those that apply to one of the fields."""
        sides = self.sides_of(policy)
        return [
            (policy, rule)
            for rule in rules
            if rule.when.matches_sides(sides)
            and rule.when.matches_request(request, facts)
            and (asked is None or any(rule.when.matches_field(field) for field in asked))
        ]

    # --- fields ------------------------------------------------------------------------------------------------------

    def ceiling(self, field: Field, request: Request, facts: Circumstances = NO_CIRCUMSTANCES) -> Bound | None:
        """Return the strictest ceiling over a field, or None where no rule classifies it (then it must not leave)."""
        return strictest_level(
            field,
            (
                (policy, rule, level)
                for policy in self.policies
                for _, rule in self._apply(policy, policy.ceilings, request, facts, (field,))
                if (level := rule.level_for(field.kind))
            ),
        )

    def without_consent(self, field: Field, request: Request, facts: Circumstances = NO_CIRCUMSTANCES) -> Bound | None:
        """Return what the ceiling would be if the request stood on no consent."""
        return self.ceiling(field, replace(request, consent=Consent.NONE), facts)

    def category_faults(self, field: Field, thing: str) -> tuple[Reason, ...]:
        """Return a reason where a field's category is not in a policy's closed list."""
        return tuple(
            reason_of(
                policy, policy.categories.rule, thing,
                (f"类目“{field.category}”不在目录类目之内",
                 f"category {field.category!r} is not in the catalogue's closed list", "、".join(policy.categories.names)),
                violation=Violation.BEYOND_CATALOGUE,
            )
            for policy in self._of_data
            if policy.categories and field.category not in policy.categories.names
        )  # fmt: skip

    def catalogue_faults(self, catalogue: Catalogue, asked: Asked) -> tuple[Reason, ...]:
        """Return a reason for each demand that the catalogue of the data does not meet."""
        return distinct(
            reason
            for policy in self._of_data
            for rule in policy.catalogue
            for reason in catalogue_faults_of(policy, rule, catalogue, asked)
        )

    # --- the request -------------------------------------------------------------------------------------------------

    def steps(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> tuple[tuple[Step, Cited], ...]:
        """Return the approval steps, in order, of all chains that apply; what could not be joined is in :meth:`conflicts`."""
        return self._chains(request, tuple(asked), facts).steps

    def duties(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> tuple[AskedDuty, ...]:
        """Return the duties that the request brings, joined."""
        return self._duties(request, tuple(asked), facts).duties

    def conflicts(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> tuple[Reason, ...]:
        """Return a reason, with all rules, for each thing of which two policies say what cannot be compared."""
        asked = tuple(asked)
        return distinct(
            (*self._chains(request, asked, facts).conflicts, *self._duties(request, asked, facts).conflicts)
        )

    def _chains(self, request: Request, asked: tuple[Field, ...], facts: Circumstances) -> JoinedSteps:
        return join_chains(
            put_together.from_iterable(self._apply(p, p.chains, request, facts, asked) for p in self.policies)
        )

    def _duties(self, request: Request, asked: tuple[Field, ...], facts: Circumstances) -> JoinedDuties:
        return join_duties(
            put_together.from_iterable(self._apply(p, p.duties, request, facts, asked) for p in self.policies)
        )

    def unmet(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> tuple[Reason, ...]:
        """Return a reason for each requirement that the request does not meet, and where the recipient is out of an area."""
        asked = tuple(asked)
        reasons: list[Reason] = []
        for policy in self.policies:
            for _, need in self._apply(policy, policy.requirements, request, facts, asked):
                reasons += unmet_of(policy, need, request, facts)
        reasons += self._recipient_faults(request, asked, facts)
        return distinct(reasons)

    def area_faults(
        self, division: str, thing: str, place: Place | None = None, *, request: Request | None = None
    ) -> tuple[Reason, ...]:
        """Return a reason for each residency rule that a place breaks; without ``place``, of sources and installations.

        For a recipient give the request too: what leaves the country is outside every area, and a chain for abroad opens it.
        """
        if place is Place.RECIPIENT and request is not None:
            return self._recipient_faults(request, None, NO_CIRCUMSTANCES, at=(division, thing))
        places = {place} if place else set(_BEFORE_A_REQUEST)
        return tuple(
            outside_area(policy, residency, thing)
            for policy in self._of_data
            for residency in policy.residency
            if places & set(residency.of) and not residency.allows(division)
        )

    def _recipient_faults(
        self,
        request: Request,
        asked: tuple[Field, ...] | None,
        facts: Circumstances,
        *,
        at: tuple[str, str] | None = None,
    ) -> tuple[Reason, ...]:
        division, thing = at or (request.safeguards.division, "safeguards.division")
        by_chain = any(
            chain.when.abroad
            for policy in self.policies
            for _, chain in self._apply(policy, policy.chains, request, facts, asked)
        )
        return tuple(
            outside_area(policy, residency, thing)
            for policy in self._of_data
            for residency in policy.residency
            if Place.RECIPIENT in residency.of
            and (request.safeguards.abroad or not residency.allows(division))
            and not (residency.by_chain and by_chain)
        )

    def assessments(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> tuple[AskedAssessment, ...]:
        """Return which assessments must stand, each with the shortest validity."""
        asked = tuple(asked)
        found = [
            (kind, rule.valid_days, cite(policy, rule.rule))
            for policy in self.policies
            for _, rule in self._apply(policy, policy.assessments, request, facts, asked)
            for kind in rule.kinds
        ]
        kinds = dict.fromkeys(kind for kind, _, _ in found)
        shortest = {kind: min(days for each, days, _ in found if each is kind) for kind in kinds}
        return tuple(
            AskedAssessment(kind, days, once(c for each, of, c in found if (each, of) == (kind, days)))
            for kind, days in shortest.items()
        )

    def agreement(
        self, request: Request, asked: Iterable[Field], facts: Circumstances = NO_CIRCUMSTANCES
    ) -> AskedAgreement | None:
        """Return the agreement that must be signed: all names, and each subject with each rule that wants it."""
        asked = tuple(asked)
        found = [
            (rule, cite(policy, rule.rule))
            for policy in self.policies
            for _, rule in self._apply(policy, policy.agreements, request, facts, asked)
        ]
        if not found:
            return None
        subjects = dict.fromkeys((subject, cited) for rule, cited in found for subject in rule.subjects)
        return AskedAgreement(once(rule.name for rule, _ in found), tuple(subjects), once(c for _, c in found))

    def consents(self, request: Request, facts: Circumstances = NO_CIRCUMSTANCES) -> tuple[Cited, ...]:
        """Return the rules by which levels that consent opens stand on the register."""
        return tuple(
            cite(policy, rule.rule)
            for policy in self.policies
            for _, rule in self._apply(policy, policy.consents, request, facts, None)
        )


def policies_for(
    named: PolicySet, delivered: tuple[Policy, ...], *, data: str, recipient: tuple[str, ...], day: date
) -> PolicySet:
    """Return the policies of one request: those of the settings, and each in force whose area holds data or recipient.

    ``data`` is the division of the data, ``recipient`` are those of the applicant and of where it keeps what it receives. Those
    of the settings apply on both sides. The order is: the whole country, the recipient's place, the data's place, the settings;
    so a place's own names are shown wherever the data are.
    """
    known = {policy.regime for policy in named.policies}
    added: list[tuple[Policy, tuple[Side, ...]]] = []
    for policy in delivered:
        begun = policy.status in (Status.IN_FORCE, Status.TRIAL) and policy.in_term(day)
        if policy.regime in known or not policy.area or not begun:
            continue
        of_recipient = any(policy.holds_in(place) for place in recipient)
        sides = ((Side.DATA,) if policy.holds_in(data) else ()) + ((Side.RECIPIENT,) if of_recipient else ())
        if sides:
            added.append((policy, sides))
    added.sort(key=lambda each: Side.DATA in each[1])
    wide = tuple(policy for policy in named.policies if not policy.area)
    local = tuple(policy for policy in named.policies if policy.area)
    sides_of = (*named.sides, *((policy.regime, sides) for policy, sides in added))
    return PolicySet((*wide, *(policy for policy, _ in added), *local), sides_of)
