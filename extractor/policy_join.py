"""How chains and duties of several policies become one, and what cannot be compared.

Owns the one order that keeps the order of every chain, the join of duties, and the precedence that decides where two policies
say what cannot be compared. It must not know which rules apply (``extractor.policy_set``) nor who signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from extractor.errors import Reason
from extractor.policy import Cited, Policy, cite
from extractor.policy_asked import AskedDuty
from extractor.policy_rules import Chain, Duty, Rule, Step
from extractor.policy_words import DutyEvent, Evidence, Precedence
from extractor.requests import Role

ChainOf = tuple[Policy, Chain]
DutyOf = tuple[Policy, Duty]
_Bid = tuple[Policy, Chain, Step]
_Edge = tuple[str, str]


@dataclass(frozen=True)
class JoinedSteps:
    """The steps of all chains in one order, each with the rule that it comes from; and what could not be joined."""

    steps: tuple[tuple[Step, Cited], ...]
    conflicts: tuple[Reason, ...]


@dataclass(frozen=True)
class JoinedDuties:
    """The duties of all policies, and what could not be joined."""

    duties: tuple[AskedDuty, ...]
    conflicts: tuple[Reason, ...]


def preferred(parties: Iterable[Policy], about: Precedence, names: Iterable[str]) -> Policy | None:
    """Return the one party that claims to win about any of the names; None where no party does, or more than one."""
    wanted = {"*", *names}
    claims = [
        party
        for party in {policy.regime: policy for policy in parties}.values()
        if any(claim.about is about and claim.of in wanted for claim in party.precedence)
    ]
    return claims[0] if len(claims) == 1 else None


# --- chains ----------------------------------------------------------------------------------------------------------


def join_chains(chains: Iterable[ChainOf]) -> JoinedSteps:
    """Join chains into one order that keeps the order of each; steps of one id become one, the parties' agreement comes last."""
    chains = tuple(chains)
    bids: dict[str, list[_Bid]] = {}
    for policy, chain in chains:
        for step in chain.steps:
            bids.setdefault(step.id, []).append((policy, chain, step))
    conflicts: list[Reason] = []
    steps = {name: _one_step(each, conflicts) for name, each in bids.items()}
    order = _in_order(chains, tuple(steps), conflicts)
    last = sorted(order, key=lambda name: steps[name][0].agrees)  # sorting is stable: each half keeps its order
    return JoinedSteps(tuple(steps[name] for name in last), tuple(conflicts))


def _one_step(bids: list[_Bid], conflicts: list[Reason]) -> tuple[Step, Cited]:
    """Make one step of all of one id; the most local rule gives the name, and whoever signs must satisfy every rule."""
    name = bids[0][2].id
    roles, units = {step.role for _, _, step in bids}, {step.unit for _, _, step in bids if step.unit}
    if len(roles) > 1 or len(units) > 1:
        winner = preferred((policy for policy, _, _ in bids), Precedence.STEP, (name,))
        if winner is None:
            conflicts.append(_step_conflict(name, bids))
        else:
            bids = [bid for bid in bids if bid[0].regime == winner.regime]
    policy, chain, step = bids[-1]
    unit = step.unit or next((each.unit for _, _, each in bids if each.unit), None)
    agrees = all(each.agrees for _, _, each in bids)
    return replace(step, unit=unit, agrees=agrees), cite(policy, chain.rule)


def _step_conflict(name: str, bids: list[_Bid]) -> Reason:
    who = [f"{policy.regime}.{chain.rule.id}:{step.role.value}/{step.unit or '*'}" for policy, chain, step in bids]
    words = (
        "两项规定将同一审批步骤交给不同的角色或机构",
        "two rules give one approval step to different roles or organs",
    )
    return _conflict(f"step {name}", [(policy, chain.rule) for policy, chain, _ in bids], words, said=who)


def _in_order(chains: tuple[ChainOf, ...], names: tuple[str, ...], conflicts: list[Reason]) -> list[str]:
    """Sort the steps so that every chain keeps its order; of steps that no chain orders, the one met first goes first."""
    owners: dict[_Edge, set[str]] = {}
    for policy, chain in chains:
        for before, after in combinations([step.id for step in chain.steps], 2):
            owners.setdefault((before, after), set()).add(policy.regime)
    for circle in _circles(names, owners):
        inside = [edge for edge in owners if circle.issuperset(edge)]
        parties = [each for each in chains if sum(step.id in circle for step in each[1].steps) > 1]
        winner = preferred((policy for policy, _ in parties), Precedence.ORDER, circle)
        kept = [edge for edge in inside if winner is not None and winner.regime in owners[edge]]
        if winner is None or _circles(names, kept):
            conflicts.append(_order_conflict(circle, parties))
            kept = []
        for edge in set(inside) - set(kept):
            del owners[edge]
    return _sorted(names, owners)


def _circles(names: tuple[str, ...], edges: Iterable[_Edge]) -> list[frozenset[str]]:
    """Return the sets of steps each of which stands, by some way, before itself and the others of the set."""
    after: dict[str, set[str]] = {name: {b for a, b in edges if a == name} for name in names}
    for middle in names:
        for name in names:
            if middle in after[name]:
                after[name] |= after[middle]
    found = [frozenset(b for b in after[name] if name in after[b]) for name in names if name in after[name]]
    return list(dict.fromkeys(found))


def _sorted(names: tuple[str, ...], edges: Iterable[_Edge]) -> list[str]:
    left, order = list(names), []
    edges = tuple(edges)
    while left:
        free = next(name for name in left if not any(b == name and a in left for a, b in edges))
        left.remove(free)
        order.append(free)
    return order


def _order_conflict(circle: frozenset[str], parties: Iterable[ChainOf]) -> Reason:
    names = ", ".join(sorted(circle))
    words = ("各审批链对步骤先后的规定互相矛盾", "the chains order these steps in a circle")
    return _conflict(f"steps {names}", [(policy, chain.rule) for policy, chain in parties], words)


def _conflict(
    thing: str, parties: Iterable[tuple[Policy, Rule]], words: tuple[str, str], *, said: Iterable[str] = ()
) -> Reason:
    rules = dict.fromkeys((f"{policy.regime}.{rule.id}", rule.article) for policy, rule in parties)
    listed = "; ".join(dict.fromkeys(said))
    tail_zh, tail_en = (f":{listed}", f": {listed}") if listed else ("", "")
    return Reason(
        thing,
        " + ".join(name for name, _ in rules),
        " + ".join(dict.fromkeys(article for _, article in rules)),
        words[0] + tail_zh,
        words[1] + tail_en,
        "由其中一项政策写明 precedence",
        "`precedence` in one of the policies",
    )


# --- duties ----------------------------------------------------------------------------------------------------------


def join_duties(duties: Iterable[DutyOf]) -> JoinedDuties:
    """Join duties with one evidence, role and event: the shortest term, the smallest interval, the rules that won."""
    left = list(duties)
    conflicts: list[Reason] = []
    for what in dict.fromkeys((duty.evidence, duty.opens_on) for _, duty in left):
        same = [each for each in left if (each[1].evidence, each[1].opens_on) == what]
        if not _roles_agree(same):
            names = (what[0].value, *(duty.id for _, duty in same))
            winner = preferred((policy for policy, _ in same), Precedence.DUTY, names)
            if winner is None:
                conflicts.append(_duty_conflict(what, same))
            else:
                left = [each for each in left if each not in same or each[0].regime == winner.regime]
    groups: dict[tuple[Evidence, DutyEvent, Role], list[DutyOf]] = {}
    for policy, duty in left:
        groups.setdefault((duty.evidence, duty.opens_on, duty.role), []).append((policy, duty))
    return JoinedDuties(tuple(map(_one_duty, groups.values())), tuple(conflicts))


def _roles_agree(same: list[DutyOf]) -> bool:
    """Whether the roles that one policy names are all named by the other, for each two policies."""
    named: dict[str, set[Role]] = {}
    for policy, duty in same:
        named.setdefault(policy.regime, set()).add(duty.role)
    return all(one <= two or two <= one for one in named.values() for two in named.values())


def _duty_conflict(what: tuple[Evidence, DutyEvent], same: list[DutyOf]) -> Reason:
    who = [f"{policy.regime}.{duty.id}:{duty.role.value}" for policy, duty in same]
    words = ("两项规定将同一义务交给不同的角色", "two rules give one duty to different roles")
    thing = f"duty {what[0].value}/{what[1].value}"
    return _conflict(thing, [(policy, duty.rule) for policy, duty in same], words, said=who)


def _one_duty(same: list[DutyOf]) -> AskedDuty:
    within = min(duty.within_days for _, duty in same)
    every = min((duty.every_days for _, duty in same if duty.every_days is not None), default=None)
    won = [
        (policy, duty)
        for policy, duty in same
        if duty.within_days == within or (every is not None and duty.every_days == every)
    ]
    named = [duty for _, duty in won if duty.within_days == within][-1]
    cited = tuple(dict.fromkeys(cite(policy, duty.rule) for policy, duty in won))
    return AskedDuty(named.zh, named.role, named.opens_on, within, every, named.evidence, cited)
