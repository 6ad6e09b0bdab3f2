"""The strictest of several rules about one thing, and which of them won.

Owns the join of levels, risk limits and intervals. It must not know which rules apply (``extractor.policy_set``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from extractor.catalogue import Field
from extractor.levels import hierarchy_of
from extractor.policy import Cited, Policy, cite
from extractor.policy_asked import Bound, Unlocked
from extractor.policy_rules import Ceiling, RiskLimit

_T = TypeVar("_T")


def once(found: Iterable[_T]) -> tuple[_T, ...]:
    """Return each value once, in the order of its first place."""
    return tuple(dict.fromkeys(found))


def strictest_level(field: Field, found: Iterable[tuple[Policy, Ceiling, str]]) -> Bound | None:
    """Join the levels that rules set for a field; of two beside each other it is their first common level above.

    The rules that won are those above whose level no other rule's level lies. What opens the field is named where it is open.
    """
    found = tuple(found)
    if not found:
        return None
    hierarchy = hierarchy_of(field.kind)
    levels = once(level for _, _, level in found)
    strictest = levels[0]
    for level in levels[1:]:
        strictest = hierarchy.coarser(strictest, level)
    won = {
        level
        for level in levels
        if not any(other != level and hierarchy.at_least_as_coarse(other, level) for other in levels)
    }
    unlocked = [
        Unlocked(rule.unlocks, cite(policy, rule.rule))
        for policy, rule, _ in found
        if rule.unlocks is not None and strictest != "none"
    ]
    cited = once(cite(policy, rule.rule) for policy, rule, level in found if level in won)
    return Bound(strictest, cited, once(unlocked))


def strictest_limit(found: Iterable[tuple[Policy, RiskLimit]]) -> tuple[RiskLimit, tuple[Cited, ...]]:
    """Join the risk limits of one mode key by key; cited are the rules that won a key."""
    found = tuple(found)
    limits = [limit for _, limit in found]
    diversity = [limit.l_diversity for limit in limits if limit.l_diversity is not None]
    closeness = [limit.t_closeness for limit in limits if limit.t_closeness is not None]
    strictest = RiskLimit(
        limits[0].rule,
        limits[0].mode,
        k=max(limit.k for limit in limits),
        suppression_limit=min(limit.suppression_limit for limit in limits),
        l_diversity=max(diversity, default=None),
        t_closeness=min(closeness, default=None),
        threshold=min(limit.threshold for limit in limits),
    )
    keys: tuple[Callable[[RiskLimit], object], ...] = (
        lambda limit: limit.k,
        lambda limit: limit.suppression_limit,
        lambda limit: limit.l_diversity,
        lambda limit: limit.t_closeness,
        lambda limit: limit.threshold,
    )
    won = [
        cite(policy, limit.rule)
        for key in keys
        if key(strictest) is not None
        for policy, limit in found
        if key(limit) == key(strictest)
    ]
    return strictest, once(won)


def smallest_interval(
    found: Iterable[tuple[str, int | None, Cited]],
) -> Iterator[tuple[str, int | None, tuple[Cited, ...]]]:
    """Join the intervals at which something goes to one organ; None means as needed, and any interval is stricter."""
    found = tuple(found)
    for to in once(name for name, _, _ in found):
        same = [(every, cited) for name, every, cited in found if name == to]
        least = min((every for every, _ in same if every is not None), default=None)
        yield to, least, once(cited for every, cited in same if every == least)
