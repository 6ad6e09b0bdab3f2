"""Chains and duties of several policies as one: the order of each is kept, and what cannot be compared is a refusal or a precedence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.policy import Cited, Policy
from extractor.policy_join import ChainOf, DutyOf, JoinedDuties, join_chains, join_duties, preferred
from extractor.policy_rules import Chain, Duty, Preferred, Rule, Step
from extractor.policy_words import DutyEvent, Evidence, Precedence, Status
from extractor.requests import Role
from extractor.selection import ALWAYS

RULE = Rule("r", "第一条", "…")


def policy(regime: str, *claims: tuple[Precedence, str]) -> Policy:
    precedence = tuple(Preferred(Rule(f"p{at}", "第九条", "…"), *claim) for at, claim in enumerate(claims))
    return Policy(
        regime, regime, regime, "机关", Status.IN_FORCE, date(2020, 1, 1), "350100", precedence=precedence
    )  # fmt: skip


def step(name: str, role: Role = Role.OPERATOR, unit: str | None = None, *, agrees: bool = False) -> Step:
    return Step(name, name, role, unit, agrees)


def chain(of: Policy | str, *steps: Step | str, rule: Rule = RULE) -> ChainOf:
    of = policy(of) if isinstance(of, str) else of
    return of, Chain(rule, ALWAYS, tuple(step(each) if isinstance(each, str) else each for each in steps))


def order(*chains: ChainOf) -> str:
    joined = join_chains(chains)
    assert joined.conflicts == ()
    return "".join(each.id for each, _ in joined.steps)


# --- order -----------------------------------------------------------------------------------------------------------


def test_one_chain_stays_as_it_is_and_none_is_none() -> None:
    assert order(chain("first", *"abc")) == "abc"
    assert join_chains(()).steps == ()


def test_the_order_of_each_chain_is_kept_whichever_policy_comes_first() -> None:
    assert order(chain("first", *"ad"), chain("second", *"abcd")) == "abcd"
    assert order(chain("first", *"abcd"), chain("second", *"ad")) == "abcd"
    assert order(chain("first", *"bd"), chain("second", *"ab"), chain("third", *"dz")) == "abdz"


def test_of_steps_that_no_chain_orders_the_one_met_first_goes_first() -> None:
    assert order(chain("first", *"xy"), chain("second", *"ab")) == "xyab"
    assert order(chain("first", *"ac"), chain("second", *"bc")) == "abc"


def test_the_parties_agreement_comes_last_in_the_order_of_their_chains() -> None:
    user, operator = step("u", Role.DATA_USER, agrees=True), step("o", agrees=True)
    assert order(chain("first", "a", user, operator), chain("second", "b", "c")) == "abcuo"
    # Where one rule takes the signature for a decision, it is one and is not put last.
    deciding = replace(user, agrees=False)
    assert order(chain("first", "a", user), chain("second", deciding, "c")) == "auc"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1).map(sorted), min_size=1, max_size=4))
def test_chains_that_agree_on_an_order_are_joined_in_it(words: list[list[str]]) -> None:
    joined = join_chains(tuple(chain(f"p{at}", *word) for at, word in enumerate(words)))
    found = [each.id for each, _ in joined.steps]
    assert joined.conflicts == ()
    assert sorted(found) == sorted(set().union(*words))
    for word in words:
        assert [name for name in found if name in word] == word


def test_orders_in_a_circle_are_refused_with_every_rule_that_takes_part() -> None:
    joined = join_chains((chain("first", *"abx"), chain("second", *"ba"), chain("third", *"xy")))
    (reason,) = joined.conflicts
    assert (reason.thing, reason.rule) == ("steps a, b", "first.r + second.r")
    assert "precedence" in reason.allowed_en
    assert sorted(each.id for each, _ in joined.steps) == list("abxy")
    longer = join_chains((chain("first", *"ab"), chain("second", *"bc"), chain("third", *"ca")))
    assert longer.conflicts[0].rule == "first.r + second.r + third.r"


@pytest.mark.parametrize("name", ["*", "a", "b"])
def test_the_one_policy_with_precedence_gives_the_order(name: str) -> None:
    winner = policy("second", (Precedence.ORDER, name))
    assert order(chain("first", *"abc"), chain(winner, *"ba")) == "bac"
    assert order(chain(winner, *"ba"), chain("first", *"abc")) == "bac"


def test_two_claims_or_a_claim_about_something_else_leave_the_circle() -> None:
    claims: tuple[tuple[tuple[Precedence, str], ...], ...] = (
        (), ((Precedence.ORDER, "z"),), ((Precedence.STEP, "*"),), ((Precedence.DUTY, "*"),),
    )  # fmt: skip
    for claim in claims:
        assert join_chains((chain("first", *"ab"), chain(policy("second", *claim), *"ba"))).conflicts
    both = [policy(name, (Precedence.ORDER, "*")) for name in ("first", "second")]
    assert join_chains((chain(both[0], *"ab"), chain(both[1], *"ba"))).conflicts
    bystander = chain(policy("third", (Precedence.ORDER, "*")), *"xy")
    assert join_chains((chain("first", *"ab"), chain("second", *"ba"), bystander)).conflicts


def test_a_circle_inside_the_winner_itself_stays_a_conflict() -> None:
    winner = policy("first", (Precedence.ORDER, "*"))
    joined = join_chains((chain(winner, *"ab"), chain(winner, *"ba")))
    assert joined.conflicts
    assert sorted(each.id for each, _ in joined.steps) == list("ab")


# --- steps of one id -------------------------------------------------------------------------------------------------

ORGAN = step("d", Role.AUTHORITY, "卫健委")


def test_steps_of_one_id_become_one_that_satisfies_every_rule_and_cites_the_most_local() -> None:
    wide, local = chain("first", replace(ORGAN, unit=None, agrees=True)), chain("second", replace(ORGAN, zh="本地"))
    for chains in permutations((wide, local)):
        ((found, cited),) = join_chains(chains).steps
        assert (found.unit, found.agrees) == ("卫健委", False)
        assert cited == Cited(chains[-1][0].regime, "r", "第一条")


def test_one_id_with_two_roles_or_organs_is_refused_with_both_rules() -> None:
    for other in (replace(ORGAN, role=Role.OPERATOR), replace(ORGAN, unit="数字办")):
        (reason,) = join_chains((chain("first", ORGAN), chain("second", other))).conflicts
        assert (reason.thing, reason.rule, reason.article) == ("step d", "first.r + second.r", "第一条")
        assert "卫健委" in reason.en


@pytest.mark.parametrize("name", ["*", "d"])
def test_the_one_policy_with_precedence_gives_the_step_and_is_cited(name: str) -> None:
    winner = policy("first", (Precedence.STEP, name))
    joined = join_chains((chain(winner, ORGAN), chain("second", replace(ORGAN, role=Role.OPERATOR))))
    assert joined.conflicts == ()
    ((found, cited),) = joined.steps
    assert (found.role, cited.regime) == (Role.AUTHORITY, "first")
    for claims in ((Precedence.STEP, "e"), (Precedence.ORDER, "*")):
        loser = chain(policy("first", claims), ORGAN)
        assert join_chains((loser, chain("second", replace(ORGAN, role=Role.OPERATOR)))).conflicts


def test_two_files_that_both_claim_a_step_are_refused() -> None:
    claim = (Precedence.STEP, "*")
    chains = (chain(policy("first", claim), ORGAN), chain(policy("second", claim), replace(ORGAN, unit="数字办")))
    assert join_chains(chains).conflicts
    assert preferred((chains[0][0], chains[1][0]), Precedence.STEP, ("d",)) is None


# --- duties ----------------------------------------------------------------------------------------------------------


def duty(of: Policy | str, name: str = "report", **changes: Any) -> DutyOf:
    of = policy(of) if isinstance(of, str) else of
    made = Duty(
        Rule(name, "第二条", "…"), f"{of.regime}的义务", Role.DATA_USER, DutyEvent.DELIVERED, 30, Evidence.REPORT
    )
    return of, replace(made, **changes)


def terms(joined: JoinedDuties) -> list[tuple[int, int | None, list[str]]]:
    assert joined.conflicts == ()
    return [(each.within_days, each.every_days, [c.regime for c in each.cited]) for each in joined.duties]


def test_duties_of_one_evidence_role_and_event_have_the_shortest_term_and_interval_and_cite_who_set_them() -> None:
    joined = join_duties((duty("first", within_days=30, every_days=180), duty("second", "other", within_days=7)))
    assert terms(joined) == [(7, 180, ["first", "second"])]
    assert joined.duties[0].zh == "second的义务"
    assert terms(join_duties((duty("first"), duty("second", within_days=7)))) == [(7, None, ["second"])]
    assert terms(join_duties((duty("first", within_days=7, every_days=90), duty("second", every_days=180)))) == [
        (7, 90, ["first"])
    ]


def test_duties_of_another_evidence_or_event_stay_by_themselves() -> None:
    changes: tuple[dict[str, Any], ...] = ({"evidence": Evidence.CUSTODIAN}, {"opens_on": DutyEvent.EXPIRED})
    for change in changes:
        assert len(terms(join_duties((duty("first"), duty("second", **change))))) == 2


def test_one_duty_of_two_roles_is_refused_unless_one_policy_has_precedence() -> None:
    provider = duty("second", role=Role.PROVIDER)
    (reason,) = join_duties((duty("first"), provider)).conflicts
    assert (reason.thing, reason.rule) == ("duty report/delivered", "first.report + second.report")
    for name in ("*", "report"):
        winner = policy("first", (Precedence.DUTY, name))
        joined = join_duties((duty(winner), provider))
        assert [each.role for each in joined.duties] == [Role.DATA_USER]
        assert joined.conflicts == ()
    two = [policy(name, (Precedence.DUTY, "*")) for name in ("first", "second")]
    assert join_duties((duty(two[0]), duty(two[1], role=Role.PROVIDER))).conflicts
    assert join_duties((duty(policy("first", (Precedence.STEP, "*"))), provider)).conflicts


def test_a_policy_may_ask_one_duty_of_several_roles_and_another_of_some_of_them() -> None:
    both = (duty("first"), duty("first", "b", role=Role.PROVIDER))
    assert len(terms(join_duties((*both, duty("second", within_days=7))))) == 2
    assert join_duties((*both, duty("second", role=Role.OPERATOR))).conflicts
