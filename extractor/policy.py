"""A policy: one regulation as rules of closed types.

Owns the shape that every regime fits into (``policies/*.yaml``) and the questions about one policy alone. It must not know how a
policy file is written down (``extractor.forms``) nor how several policies are asked at once (``extractor.policy_set``). Nothing
in a policy is code: selectors and requirements are closed sets of keys.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from extractor.policy_rules import (
    AgreementRule,
    AssessmentRule,
    CatalogueRule,
    Categories,
    Ceiling,
    Chain,
    ComplaintRule,
    ConsentRule,
    Duty,
    FilingRule,
    GrantRule,
    IncidentRule,
    Offence,
    Outside,
    Practice,
    Preferred,
    Push,
    ReportRule,
    Requirement,
    Residency,
    Retention,
    RiskLimit,
    Rule,
    Term,
)
from extractor.policy_words import Status, TextKept


@dataclass(frozen=True)
class LocalNames:
    """What this place calls the canonical things, as (canonical, local) pairs."""

    roles: tuple[tuple[str, str], ...] = ()
    sharing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Policy:
    """One regulation as rules. ``regime`` is its short name, ``division`` the place where it holds.

    ``in_force`` is None for a draft, which was never put into force.
    """

    regime: str
    zh: str
    document: str
    issuer: str
    status: Status
    in_force: date | None
    division: str
    until: date | None = None
    names: LocalNames = LocalNames()
    categories: Categories | None = None
    catalogue: tuple[CatalogueRule, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    chains: tuple[Chain, ...] = ()
    assessments: tuple[AssessmentRule, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    agreements: tuple[AgreementRule, ...] = ()
    terms: tuple[Term, ...] = ()
    consents: tuple[ConsentRule, ...] = ()
    grants: tuple[GrantRule, ...] = ()
    filings: tuple[FilingRule, ...] = ()
    residency: tuple[Residency, ...] = ()
    retention: tuple[Retention, ...] = ()
    duties: tuple[Duty, ...] = ()
    risk: tuple[RiskLimit, ...] = ()
    practices: tuple[Practice, ...] = ()
    incidents: tuple[IncidentRule, ...] = ()
    pushes: tuple[Push, ...] = ()
    complaints: tuple[ComplaintRule, ...] = ()
    reports: tuple[ReportRule, ...] = ()
    text_entities: tuple[str, ...] = ()
    offences: tuple[Offence, ...] = ()
    precedence: tuple[Preferred, ...] = ()
    outside: tuple[Outside, ...] = ()
    text_kept: tuple[TextKept, ...] | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of the policy, for citation and for the clause table."""
        return tuple(item.rule for field in fields(self) for item in _items(self, field.name))

    @property
    def area(self) -> str:
        """The prefix of the divisions where the policy holds: 3501 for 350100, empty for the whole country."""
        return "" if self.division == "CN" else self.division.removesuffix("00").removesuffix("00")

    def holds_in(self, division: str) -> bool:
        """Say whether a division (GB/T 2260) lies in the policy's area."""
        return division.startswith(self.area)

    def in_term(self, day: date) -> bool:
        """Say whether the policy may be applied on a day: a draft always, where somebody names it; what was repealed never."""
        if self.status is Status.REPEALED:
            return False
        begun = self.in_force is None or self.in_force <= day
        return begun and (self.until is None or day <= self.until)

    def without(self, rule_id: str) -> Policy:
        """Return the policy with one rule taken out, as if the regulation had not said it.

        Raises:
            KeyError: the policy has no such rule.
        """
        if rule_id not in {rule.id for rule in self.rules}:
            raise KeyError(rule_id)
        kept: dict[str, Any] = {}
        for field in fields(self):
            items = _items(self, field.name)
            if any(item.rule.id == rule_id for item in items):
                left = tuple(item for item in items if item.rule.id != rule_id)
                kept[field.name] = left if isinstance(getattr(self, field.name), tuple) else None
        return replace(self, **kept)


def _items(policy: Policy, name: str) -> tuple[Any, ...]:
    """Return the rules of one group, whether it holds one or many; none for what is no group of rules."""
    group = getattr(policy, name)
    group = group if isinstance(group, tuple) else (group,)
    return tuple(item for item in group if hasattr(item, "rule"))


@dataclass(frozen=True)
class Cited:
    """A rule of a regime, as a plan cites it."""

    regime: str
    rule: str
    article: str


def cite(policy: Policy, rule: Rule) -> Cited:
    """Return the citation of a policy's rule."""
    return Cited(policy.regime, rule.id, rule.article)
