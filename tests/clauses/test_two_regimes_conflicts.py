"""Two regulations that cannot be compared: the request is refused with both rules, unless one of the files has precedence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import catalogue, policy, request, steps

from extractor.errors import Refused
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.policy import Policy
from extractor.policy_rules import Preferred, Rule
from extractor.policy_set import PolicySet
from extractor.policy_words import Precedence
from extractor.requests import Role


def prefers(whole: Policy, about: Precedence, of: str) -> Policy:
    """Return a policy that claims to win where it and another say what cannot be compared."""
    rule = Rule("art_9_prefers", "第九条", "优先适用")
    return replace(whole, precedence=(Preferred(rule, about, of),))


def joined(fuzhou: Policy, sichuan: Policy) -> Plan:
    """Compile a request under two policies over the same data."""
    both = PolicySet((policy("baseline"), fuzhou, sichuan))
    return compile_plan(request("patients.SEX", population="patients.SEX = '1'"), catalogue("fuzhou"), both)


@pytest.mark.clause("fuzhou", "art_18_conditional")
@pytest.mark.clause("sichuan", "art_19_non_profit")
def test_fuzhou_18_a_step_that_two_regimes_give_to_different_roles_is_refused_unless_one_has_precedence() -> None:
    fuzhou, sichuan = policy("fuzhou"), by_provider(policy("sichuan"))
    with pytest.raises(Refused) as no:
        joined(fuzhou, sichuan)
    conflicts = {r.rule: r for r in no.value.reasons if r.thing == "step operator_review"}
    named = "".join(conflicts)
    assert ("fuzhou.art_18_conditional" in named, "sichuan.art_19_non_profit" in named) == (True, True)
    assert all("precedence" in reason.allowed_en for reason in conflicts.values())
    for first, second, role, regime in (
        (prefers(fuzhou, Precedence.STEP, "operator_review"), sichuan, "operator", "fuzhou"),
        (fuzhou, prefers(sichuan, Precedence.STEP, "*"), "provider", "sichuan"),
    ):
        found = {step.id: (step.role, step.cited.regime) for step in joined(first, second).steps}
        assert found["operator_review"] == (role, regime)
    with pytest.raises(Refused):
        joined(prefers(fuzhou, Precedence.STEP, "*"), prefers(sichuan, Precedence.STEP, "*"))


def by_provider(whole: Policy) -> Policy:
    """Return a policy whose first review is the provider's."""
    return replace(
        whole,
        chains=tuple(
            replace(
                chain,
                steps=tuple(
                    replace(step, role=Role.PROVIDER) if step.id == "operator_review" else step for step in chain.steps
                ),
            )
            for chain in whole.chains
        ),
    )


@pytest.mark.clause("fuzhou", "art_20_report")
@pytest.mark.clause("sichuan", "art_19_use_report")
def test_fuzhou_20_a_duty_that_two_regimes_give_to_different_roles_is_refused_unless_one_has_precedence() -> None:
    fuzhou = policy("fuzhou")
    sichuan = replace(
        policy("sichuan"),
        duties=tuple(
            replace(duty, role=Role.OPERATOR) for duty in policy("sichuan").duties if duty.id == "art_19_use_report"
        ),
    )
    with pytest.raises(Refused) as no:
        joined(fuzhou, sichuan)
    assert "fuzhou.art_20_report + sichuan.art_19_use_report" in {reason.rule for reason in no.value.reasons}
    for first, second, role in (
        (prefers(fuzhou, Precedence.DUTY, "report"), sichuan, Role.DATA_USER),
        (fuzhou, prefers(sichuan, Precedence.DUTY, "report"), Role.OPERATOR),
    ):
        found = {duty.evidence.value: duty.role for duty in joined(first, second).duties}
        assert found["report"] is role


@pytest.mark.clause("fuzhou", "art_18_restricted")
@pytest.mark.clause("shandong", "art_11_conditional")
def test_fuzhou_18_orders_in_a_circle_are_refused_unless_one_has_precedence() -> None:
    fuzhou, shandong = policy("fuzhou"), policy("shandong")
    steps_of = {step.id: step for chain in fuzhou.chains for step in chain.steps}
    turned = replace(
        shandong,
        chains=tuple(
            replace(chain, steps=(*filter(None, [steps_of.get("operator_report")]), *chain.steps))
            if "operator_review" in {step.id for step in chain.steps}
            else chain
            for chain in shandong.chains
        ),
    )
    asked = request("admissions.NOTE", population="patients.SEX = '1'")

    def order(first: Policy, second: Policy) -> tuple[str, ...]:
        return steps(compile_plan(asked, catalogue("fuzhou"), PolicySet((policy("baseline"), first, second))))

    with pytest.raises(Refused) as no:
        order(fuzhou, turned)
    circles = [reason.rule for reason in no.value.reasons if reason.thing.startswith("steps ")]
    assert ["fuzhou.art_18_restricted" in rule and "shandong.art_11_conditional" in rule for rule in circles] == [True]
    assert order(prefers(fuzhou, Precedence.ORDER, "*"), turned)[:2] == ("operator_review", "operator_report")
    assert order(fuzhou, prefers(turned, Precedence.ORDER, "*"))[:2] == ("operator_report", "operator_review")
