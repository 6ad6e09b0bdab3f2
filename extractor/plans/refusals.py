"""The reasons of a refusal, each with the rule behind it and the number of the violation that its regulation lists.

Owns how a reason is cited: by the rule that decides, by the practice that the software keeps, or by none. It must not know when
something is refused.
"""

from __future__ import annotations

from typing import TypeAlias

from extractor.errors import Reason
from extractor.policy import Cited, Policy, cite
from extractor.policy_set import PolicySet
from extractor.policy_words import CatalogueDemand, PracticeKind, Side, Violation

Words: TypeAlias = tuple[str, str, str]
"""What is wrong in Chinese and in English, and what would be allowed."""

_OF_ITS_FIELDS = frozenset((CatalogueDemand.COMPLETE_FIELD, CatalogueDemand.VERSIONED))
"""The demands that say what a catalogue gives; the others are on persons, sources and laws."""


def cited_reason(policies: PolicySet, thing: str, cited: Cited, words: Words, *, violation: Violation) -> Reason:
    """Return a reason that cites a rule, with the number under which the rule's regulation lists the violation."""
    zh, en, allowed = words
    number = policies.offence(cited.regime, violation) or ""
    return Reason(thing, f"{cited.regime}.{cited.rule}", cited.article, zh, en, allowed, allowed, violation=number)


def plain_reason(thing: str, rule: str, words: Words, *, article: str = "") -> Reason:
    """Return a reason that follows from what request and catalogue are, not from a rule of a policy."""
    zh, en, allowed = words
    return Reason(thing, rule, article, zh, en, allowed, allowed)


def beyond_catalogue(policies: PolicySet, place: str, words: Words) -> list[Reason]:
    """Return the reasons for a field that the catalogue does not give.

    Cited is each rule by which only a filing could open it; where there is none, of each regime of the data the rule of its catalogue.
    """
    filing = policies.filing()
    of_data = (policy for policy in policies.policies if Side.DATA in policies.sides_of(policy))
    found = filing.cited if filing else tuple(filter(None, map(_rule_of_catalogue, of_data)))
    if not found:
        return [plain_reason(place, "catalogue", words)]
    return [cited_reason(policies, place, cited, words, violation=Violation.BEYOND_CATALOGUE) for cited in found]


def _rule_of_catalogue(policy: Policy) -> Cited | None:
    """Return by which rule a regime binds to its catalogue: its classes, what it says of a field, or no more than suffices."""
    rules = (
        *((policy.categories.rule,) if policy.categories else ()),
        *(each.rule for each in policy.catalogue if _OF_ITS_FIELDS.intersection(each.demands)),
        *(each.rule for each in policy.practices if each.practice is PracticeKind.MINIMAL_PLAN),
    )
    return cite(policy, rules[0]) if rules else None


def beyond_need(policies: PolicySet, thing: str, words: Words) -> Reason:
    """Return the reason for what no use needs; it cites the most local rule that asks for a minimal plan."""
    asked = policies.practice(PracticeKind.MINIMAL_PLAN)
    if not asked:
        return plain_reason(thing, "minimal", words)
    return cited_reason(policies, thing, asked[-1], words, violation=Violation.BEYOND_SCOPE)
