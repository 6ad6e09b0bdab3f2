"""Several regimes asked at once: the stricter rule wins and is cited; steps join; each requirement is a question of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from extractor.catalogue import Field, FieldClass, Sharing, SharingClass, Subject, UpdatePeriod, UseMode, ValueFormat
from extractor.demo.sources import example_folder
from extractor.errors import ConfigurationError
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES, hierarchy_of
from extractor.policy import (
    Ceiling,
    Chain,
    Cited,
    Duty,
    DutyEvent,
    KindLevel,
    Offence,
    Policy,
    PolicySet,
    Requirement,
    Residency,
    RiskLimit,
    Rule,
    Selector,
    Status,
    Step,
    Term,
    Violation,
)
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, Role, SharingMode

REQUEST = read_request(example_folder("minimal") / "request.yaml")
RULE = Rule("r", "第一条", "…")
OTHER = Rule("s", "第二条", "…")


def field(kind: str = "age", **changes: Any) -> Field:
    made = Field(
        name="F", zh="字段", kind=kind, cls=FieldClass.QUASI, grade=3, category="医疗服务",
        sharing=Sharing(SharingClass.CONDITIONAL, "r", "b"), responsible="u", format=ValueFormat.TEXT, attributes="",
        update=UpdatePeriod.DAILY, use=(UseMode.EXTRACT,),
    )  # fmt: skip
    return replace(made, **changes)


def policy(regime: str, **parts: Any) -> Policy:
    return Policy(regime, regime, f"{regime}号", "机关", Status.IN_FORCE, date(2020, 1, 1), "350100", **parts)


def ceiling(kind: str, level: str, rule: Rule = RULE, **when: Any) -> Ceiling:
    return Ceiling(rule, Selector(**when), (KindLevel(kind, level),))


def both(first: dict[str, Any], second: dict[str, Any]) -> PolicySet:
    return PolicySet((policy("first", **first), policy("second", **second)))


# --- ceilings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HIERARCHIES)
def test_the_stricter_of_two_ceilings_wins_in_either_order_and_is_cited_alone(kind: str) -> None:
    hierarchy = hierarchy_of(kind)
    for finer in hierarchy.names:
        for coarser in hierarchy.names:
            found = [
                both({"ceilings": (ceiling(kind, a),)}, {"ceilings": (ceiling(kind, b),)}).ceiling(field(kind), REQUEST)
                for a, b in ((finer, coarser), (coarser, finer))
            ]
            assert found[0] is not None
            assert found[1] is not None
            assert found[0].level == found[1].level == hierarchy.coarser(finer, coarser)
            if finer != coarser and found[0].level == coarser:
                assert found[0].cited == (Cited("second", "r", "第一条"),)
            if found[0].level not in (finer, coarser) or finer == coarser:
                assert {cited.regime for cited in found[0].cited} == {"first", "second"}


def test_a_ceiling_that_does_not_apply_does_not_bind() -> None:
    cases: list[dict[str, Any]] = [
        {"cls": (FieldClass.DIRECT,)}, {"kinds": ("phone",)}, {"subjects": (Subject.STAFF,)},
        {"sharing": (SharingClass.OPEN,)}, {"categories": ("别的",)}, {"applicants": (ApplicantKind.ENTERPRISE,)},
        {"purposes": (PurposeCategory.PRODUCT,)}, {"consent": (Consent.WRITTEN,)}, {"modes": (SharingMode.PUBLIC,)},
        {"non_profit": False},
    ]  # fmt: skip
    for when in cases:
        both_asked = both({"ceilings": (ceiling("age", "none", **when),)}, {"ceilings": (ceiling("age", "age"),)})
        bound = both_asked.ceiling(field(), REQUEST)
        assert bound is not None
        assert (bound.level, [cited.regime for cited in bound.cited]) == ("age", ["second"])
        alone = PolicySet((policy("first", ceilings=(ceiling("age", "none", **when),)),))
        assert alone.ceiling(field(), REQUEST) is None


def test_a_rule_of_one_regime_that_says_nothing_of_a_kind_leaves_it_to_the_others() -> None:
    found = both({"ceilings": (ceiling("age", "age_band_5"),)}, {"ceilings": (ceiling("phone", "none"),)})
    bound = found.ceiling(field(), REQUEST)
    assert bound is not None
    assert (bound.level, bound.cited) == ("age_band_5", (Cited("first", "r", "第一条"),))


# --- steps -----------------------------------------------------------------------------------------------------------


def chain(*steps: Step, rule: Rule = RULE, **when: Any) -> dict[str, Any]:
    return {"chains": (Chain(rule, Selector(**when), steps),)}


REVIEW = Step("review", "审核", Role.OPERATOR)
DECIDE = Step("decide", "审批", Role.AUTHORITY, unit="卫健委")


def test_chains_are_joined_and_the_local_rule_is_cited_for_what_both_ask() -> None:
    joined = both(chain(REVIEW), chain(replace(REVIEW, zh="本地审核"), DECIDE, rule=OTHER)).steps(REQUEST, [field()])
    assert [(step.id, step.zh, where) for step, where in joined] == [
        ("review", "本地审核", Cited("second", "s", "第二条")),
        ("decide", "审批", Cited("second", "s", "第二条")),
    ]


def test_a_local_rule_makes_no_step_of_the_wider_one_easier() -> None:
    easier = replace(DECIDE, unit=None, agrees=True)
    ((step, _),) = both(chain(DECIDE), chain(easier)).steps(REQUEST, [field()])
    assert (step.unit, step.agrees) == ("卫健委", False)
    ((step, _),) = both(chain(easier), chain(DECIDE)).steps(REQUEST, [field()])
    assert (step.unit, step.agrees) == ("卫健委", False)
    for other in (replace(DECIDE, role=Role.OPERATOR), replace(DECIDE, unit="数字办")):
        with pytest.raises(ConfigurationError, match="decide: two policies"):
            both(chain(DECIDE), chain(other)).steps(REQUEST, [field()])


def test_a_chain_applies_where_any_field_asked_for_matches_and_only_there() -> None:
    policies = both(chain(REVIEW), chain(DECIDE, sharing=(SharingClass.RESTRICTED,)))
    restricted = field(sharing=Sharing(SharingClass.RESTRICTED, "r", "b"))
    assert [step.id for step, _ in policies.steps(REQUEST, [field()])] == ["review"]
    assert [step.id for step, _ in policies.steps(REQUEST, iter([field(), restricted]))] == ["review", "decide"]
    assert policies.steps(REQUEST, []) == ()


# --- requirements ----------------------------------------------------------------------------------------------------

UNIVERSITY = REQUEST.applicant
NEEDS: dict[str, tuple[dict[str, Any], Request, str]] = {
    "applicants": (
        {"applicants": (ApplicantKind.UNIVERSITY,)},
        replace(REQUEST, applicant=replace(UNIVERSITY, kind=ApplicantKind.ENTERPRISE)), "applicant.kind",
    ),
    "domestic": (
        {"domestically_controlled": True},
        replace(REQUEST, applicant=replace(UNIVERSITY, domestically_controlled=False)), "applicant.domestically_controlled",
    ),
    "park": (
        {"industrial_park": True},
        replace(REQUEST, applicant=replace(UNIVERSITY, industrial_park=False)), "applicant.industrial_park",
    ),
    "non-profit": (
        {"non_profit": True}, replace(REQUEST, purpose=replace(REQUEST.purpose, non_profit=False)), "purpose.non_profit",
    ),
    "ethics": ({"ethics": True}, replace(REQUEST, ethics=None), "ethics"),
    "consent": ({"consent": (Consent.WAIVER, Consent.WRITTEN)}, replace(REQUEST, consent=Consent.NONE), "consent"),
    "abroad": (
        {"abroad": False}, replace(REQUEST, safeguards=replace(REQUEST.safeguards, abroad=True)), "safeguards.abroad",
    ),
    "passed on": (
        {"passed_on": False}, replace(REQUEST, safeguards=replace(REQUEST.safeguards, passed_on=True)),
        "safeguards.passed_on",
    ),
    "mlps": (
        {"mlps_at_least": 3}, replace(REQUEST, safeguards=replace(REQUEST.safeguards, mlps=2)), "safeguards.mlps",
    ),
}  # fmt: skip


def needing(**keys: Any) -> PolicySet:
    when = keys.pop("when", Selector())
    return PolicySet((policy("own", requirements=(Requirement(RULE, when, **keys),)),))


@pytest.mark.parametrize("name", NEEDS)
def test_each_key_of_a_requirement_is_met_or_answered_with_its_rule(name: str) -> None:
    keys, breach, thing = NEEDS[name]
    assert needing(**keys).unmet(REQUEST, [field()]) == ()
    (reason,) = needing(**keys).unmet(breach, [field()])
    assert (reason.thing, reason.rule, reason.article) == (thing, "own.r", "第一条")
    assert reason.allowed_zh
    assert needing().unmet(breach, [field()]) == ()
    assert needing(**keys, when=Selector(cls=(FieldClass.DIRECT,))).unmet(breach, [field()]) == ()
    assert needing(**keys, when=Selector(modes=(SharingMode.PUBLIC,))).unmet(breach, [field()]) == ()
    assert needing(**keys).unmet(breach, []) == ()


def test_what_is_forbidden_is_forbidden_where_it_is_asked_for() -> None:
    policies = needing(forbidden=True, when=Selector(kinds=("phone",)))
    assert policies.unmet(REQUEST, [field()]) == ()
    (reason,) = policies.unmet(REQUEST, [field(), field("phone")])
    assert reason.thing == "variables"


def test_all_unmet_requirements_of_all_regimes_come_at_once_each_once() -> None:
    worst = replace(REQUEST, ethics=None, safeguards=replace(REQUEST.safeguards, abroad=True, mlps=1))
    needs = {"requirements": (Requirement(RULE, Selector(), ethics=True, abroad=False, mlps_at_least=3),)}
    found = both(needs, needs).unmet(worst, [field(), field()])
    assert len(found) == 6
    assert {reason.rule for reason in found} == {"first.r", "second.r"}


# --- places, limits, duties, offences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "division", "inside"),
    [
        (("CN",), "350100", True), (("CN",), "659001", True), (("CN",), "US", False), (("CN",), "35010", False),
        (("CN",), "３５０１００", False), (("CN",), "35010x", False), (("CN",), "", False),
        (("CN",), "810000", False), (("CN",), "820000", False), (("CN",), "710000", False),
        (("3501",), "350102", True), (("3501",), "350200", False), (("35",), "350200", True),
        (("3501", "3502"), "350200", True), (("350100",), "350102", False), ((), "350100", False),
    ],
)  # fmt: skip
def test_a_place_is_inside_by_its_prefix_or_the_country(within: tuple[str, ...], division: str, inside: bool) -> None:
    assert Residency(RULE, within).allows(division) is inside
    policies = PolicySet((policy("own", residency=(Residency(RULE, within),)),))
    assert (policies.area_faults(division, "t.location") == ()) is inside
    asked = replace(REQUEST, safeguards=replace(REQUEST.safeguards, division=division))
    assert [reason.thing for reason in policies.unmet(asked, [])] == ([] if inside else ["safeguards.division"])


def test_every_residency_must_hold() -> None:
    policies = both({"residency": (Residency(RULE, ("CN",)),)}, {"residency": (Residency(RULE, ("3501",)),)})
    assert [reason.rule for reason in policies.area_faults("350200", "x")] == ["second.r"]
    assert [reason.rule for reason in policies.area_faults("US", "x")] == ["first.r", "second.r"]


def test_risk_limits_are_the_strictest_key_by_key_and_all_are_cited() -> None:
    mode = SharingMode.CONTROLLED
    first = RiskLimit(RULE, mode, k=5, suppression_limit=0.2, l_diversity=2, threshold=0.05)
    second = RiskLimit(OTHER, mode, k=10, suppression_limit=0.3, t_closeness=0.2, threshold=0.04)
    third = RiskLimit(OTHER, SharingMode.PUBLIC, k=99, suppression_limit=0.0)
    for one, two in ((first, second), (second, first)):
        limit, cited = both({"risk": (one, third)}, {"risk": (two,)}).risk_limit(mode)
        assert (limit.k, limit.suppression_limit, limit.l_diversity, limit.t_closeness, limit.threshold) == (
            10, 0.2, 2, 0.2, 0.04,
        )  # fmt: skip
        assert {(c.regime, c.rule) for c in cited} == {("first", one.rule.id), ("second", two.rule.id)}
    closer = replace(second, t_closeness=0.1)
    assert both({"risk": (second,)}, {"risk": (closer,)}).risk_limit(mode)[0].t_closeness == 0.1
    with pytest.raises(ConfigurationError, match="enclave"):
        both({"risk": (first,)}, {}).risk_limit(SharingMode.ENCLAVE)


def test_a_category_must_stand_in_every_closed_list() -> None:
    policies = both({"categories": ("医疗服务",)}, {"categories": ("基础信息",)})
    (reason,) = policies.category_faults(field(), "t.F")
    assert (reason.thing, reason.rule, reason.allowed_zh) == ("t.F", "second.categories", "基础信息")
    assert both({}, {"categories": ("医疗服务",)}).category_faults(field(), "t.F") == ()


def test_a_local_duty_replaces_the_one_of_its_id_and_terms_and_entities_are_put_together() -> None:
    duty = Duty(RULE, "report", "报告", Role.DATA_USER, DutyEvent.DELIVERED, 30)
    term = Term(RULE, "条款")
    policies = both(
        {"duties": (duty, replace(duty, id="other")), "terms": (term,), "text_entities": ("PERSON", "DATE")},
        {"duties": (replace(duty, within_days=7),), "terms": (term,), "text_entities": ("DATE", "QQ")},
    )
    assert [(d.id, d.within_days) for d in policies.duties] == [("report", 7), ("other", 30)]
    assert len(policies.terms) == 2
    assert policies.text_entities == ("PERSON", "DATE", "QQ")
    assert policies.local_policy.regime == "second"


def test_every_violation_that_a_requirement_names_has_an_offence_where_the_regime_lists_them() -> None:
    fuzhou = load_policies(("fuzhou",))
    numbers = {
        violation: [o.number for o in fuzhou.local_policy.offences if violation in o.covers] for violation in Violation
    }
    assert numbers[Violation.BEYOND_SCOPE] == ["第三十二条（四）"]
    assert numbers[Violation.PRIVACY] == ["第三十二条（五）"]
    assert numbers[Violation.TAMPERING] == ["第三十二条（六）"]
    assert all(len(found) == 1 for found in numbers.values())
    assert isinstance(fuzhou.local_policy.offences[0], Offence)


def test_no_policy_is_no_policy_set_and_a_ceiling_names_real_levels() -> None:
    with pytest.raises(ConfigurationError, match="no policy"):
        PolicySet(())
    with pytest.raises(ConfigurationError):
        KindLevel("age", "raw")
    with pytest.raises(ConfigurationError):
        KindLevel("nothing", "raw")


def test_all_rules_of_a_policy_can_be_cited() -> None:
    made = policy("own", ceilings=(ceiling("age", "none"),), residency=(Residency(OTHER, ("CN",)),))
    assert made.rules == (RULE, OTHER)
