"""Several regimes asked at once: the stricter rule wins and is cited; steps join; each requirement is a question of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    Sharing,
    SharingClass,
    Subject,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.demo.sources import example_folder
from extractor.errors import ConfigurationError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES, hierarchy_of
from extractor.policy import Cited, Policy
from extractor.policy_rules import (
    AgreementRule,
    AssessmentRule,
    CatalogueRule,
    Categories,
    Ceiling,
    Chain,
    ComplaintRule,
    ConsentRule,
    FilingRule,
    GrantRule,
    IncidentRule,
    KindLevel,
    Offence,
    Practice,
    Push,
    ReportRule,
    Requirement,
    Residency,
    Retention,
    RiskLimit,
    Rule,
    Step,
    Term,
)
from extractor.policy_set import PolicySet, policies_for
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    CatalogueDemand,
    GrantPart,
    History,
    IncidentCause,
    Place,
    PracticeKind,
    PushSubject,
    RetentionSubject,
    Side,
    Status,
    Unlock,
    Violation,
)
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, Role, SharingMode
from extractor.selection import Circumstances, FilingRef, Selector

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
        (reason,) = both(chain(DECIDE), chain(other)).conflicts(REQUEST, [field()])
        assert (reason.thing, reason.rule) == ("step decide", "first.r + second.r")


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


def test_risk_limits_are_the_strictest_key_by_key_and_only_who_won_a_key_is_cited() -> None:
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
    loser = replace(first, l_diversity=None, suppression_limit=0.4)
    _, cited = both({"risk": (loser,)}, {"risk": (second,)}).risk_limit(mode)
    assert [c.regime for c in cited] == ["second"]
    closer = replace(second, t_closeness=0.1)
    assert both({"risk": (second,)}, {"risk": (closer,)}).risk_limit(mode)[0].t_closeness == 0.1
    with pytest.raises(ConfigurationError, match="enclave"):
        both({"risk": (first,)}, {}).risk_limit(SharingMode.ENCLAVE)


def test_a_category_must_stand_in_every_closed_list_of_the_datas_place() -> None:
    lists = [{"categories": Categories(RULE, (name,))} for name in ("医疗服务", "基础信息")]
    policies = both(*lists)
    (reason,) = policies.category_faults(field(), "t.F")
    assert (reason.thing, reason.rule, reason.allowed_zh) == ("t.F", "second.r", "基础信息")
    assert both({}, lists[0]).category_faults(field(), "t.F") == ()
    abroad = replace(policies, sides=(("second", (Side.RECIPIENT,)),))
    assert abroad.category_faults(field(), "t.F") == ()
    assert len(replace(policies, sides=(("second", (Side.DATA, Side.RECIPIENT)),)).category_faults(field(), "t.F")) == 1


def test_terms_and_entities_are_put_together() -> None:
    term = Term(RULE, "条款")
    policies = both(
        {"terms": (term,), "text_entities": ("PERSON", "DATE")}, {"terms": (term,), "text_entities": ("DATE", "QQ")}
    )
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
    assert all(len(found) <= 1 for found in numbers.values())
    assert isinstance(fuzhou.local_policy.offences[0], Offence)
    assert fuzhou.offence("fuzhou", Violation.PRIVACY) == "第三十二条（五）"
    assert fuzhou.offence("baseline", Violation.PRIVACY) is None
    assert fuzhou.offence("elsewhere", Violation.PRIVACY) is None


def test_a_refusal_carries_the_number_under_which_its_own_regime_lists_the_violation() -> None:
    need = {"requirements": (Requirement(RULE, Selector(), Violation.PRIVACY, ethics=True),)}
    listing = {"offences": (Offence("第九条（一）", "泄露", (Violation.PRIVACY,)),)}
    reasons = both({**need, **listing}, need).unmet(replace(REQUEST, ethics=None), [field()])
    assert [(reason.rule, reason.violation) for reason in reasons] == [("first.r", "第九条（一）"), ("second.r", "")]


# --- sides, standing, places -----------------------------------------------------------------------------------------

TODAY = date(2026, 3, 1)


def placed(regime: str, division: str, status: Status = Status.IN_FORCE, **parts: Any) -> Policy:
    begun = None if status is Status.DRAFT else date(2020, 1, 1)
    return Policy(regime, regime, f"{regime}号", "机关", status, begun, division, **parts)


def test_a_rule_counts_only_on_the_sides_for_which_its_policy_applies() -> None:
    for side in Side:
        need = Requirement(RULE, Selector(sides=(side,)), ethics=True)
        policies = PolicySet((policy("own", requirements=(need,)),))
        asked = replace(REQUEST, ethics=None)
        assert len(policies.unmet(asked, [field()])) == 1
        for applies in Side:
            found = replace(policies, sides=(("own", (applies,)),)).unmet(asked, [field()])
            assert len(found) == (applies is side)


def test_grant_and_filing_are_asked_by_the_place_of_the_data_alone() -> None:
    parts: dict[str, Any] = {
        "grants": (GrantRule(RULE, (GrantPart.SCOPE,)),), "filings": (FilingRule(RULE, ("甲",)),),
        "incidents": (IncidentRule(RULE, (IncidentCause.LEAK,), ("甲",)),), "complaints": (ComplaintRule(RULE, 5, 30),),
    }  # fmt: skip
    for sides in ((Side.DATA,), (Side.RECIPIENT,), (Side.DATA, Side.RECIPIENT)):
        policies = PolicySet((policy("own", **parts),), (("own", sides),))
        asked = (policies.grant() is not None, policies.filing() is not None)
        assert asked == (Side.DATA in sides, Side.DATA in sides)
        # A leak or a complaint concerns the place of who received as well.
        assert policies.incident(IncidentCause.LEAK) and policies.complaint()


def test_the_regimes_of_the_places_join_those_of_the_settings() -> None:
    baseline, named = placed("baseline", "CN"), placed("named", "350200")
    here, there = placed("here", "350100"), placed("there", "520100")
    province, draft = placed("province", "350000"), placed("draft", "350100", Status.DRAFT)
    ended = replace(placed("ended", "350100"), until=date(2026, 2, 28))
    repealed = placed("repealed", "350100", Status.REPEALED)
    delivered = (draft, ended, here, named, province, repealed, there)

    def found(data: str, *recipient: str, day: date = TODAY) -> PolicySet:
        return policies_for(PolicySet((baseline, named)), delivered, data=data, recipient=recipient, day=day)

    def names(policies: PolicySet) -> list[str]:
        return [each.regime for each in policies.policies]

    assert names(found("350102", "350102")) == ["baseline", "here", "province", "named"]
    assert names(found("110000", "110000")) == ["baseline", "named"]
    both_places = found("350102", "110000", "520115")
    assert names(both_places) == ["baseline", "there", "here", "province", "named"]
    assert dict(both_places.sides) == {
        "there": (Side.RECIPIENT,), "here": (Side.DATA,), "province": (Side.DATA,),
    }  # fmt: skip
    assert both_places.sides_of(named) == frozenset(Side)
    assert both_places.local_policy is named
    assert "ended" in names(found("350102", day=date(2026, 2, 28)))
    assert "here" not in names(found("350102", day=date(2019, 12, 31)))
    with_draft = policies_for(PolicySet((baseline, draft)), delivered, data="110000", recipient=(), day=TODAY)
    assert names(with_draft) == ["baseline", "draft"]


def test_a_policy_outside_its_term_does_not_stand() -> None:
    early = replace(policy("early"), in_force=date(2026, 3, 2))
    over = replace(policy("over"), until=date(2026, 2, 28))
    gone = placed("gone", "350100", Status.REPEALED)
    draft = placed("draft", "350100", Status.DRAFT)
    policies = PolicySet((early, over, gone, draft, policy("stands")))
    assert [reason.thing for reason in policies.standing_faults(TODAY)] == ["early", "over", "gone"]
    assert [reason.thing for reason in policies.standing_faults(date(2026, 2, 28))] == ["early", "gone"]
    assert [reason.thing for reason in policies.standing_faults(date(2026, 3, 2))] == ["over", "gone"]


def keeping(division: str, *, abroad: bool = False) -> Request:
    return replace(REQUEST, safeguards=replace(REQUEST.safeguards, division=division, abroad=abroad))


def test_what_is_kept_abroad_is_outside_every_area_unless_a_chain_for_abroad_applies() -> None:
    parts: dict[str, Any] = {"residency": (Residency(RULE, ("CN",), by_chain=True),)}
    closed = PolicySet((policy("own", **parts),))
    opened = PolicySet((policy("own", **parts, **chain(REVIEW, abroad=True)),))
    other = PolicySet((policy("own", **parts, **chain(REVIEW, abroad=True, sharing=(SharingClass.OPEN,))),))
    for request in (keeping("810000"), keeping("350100", abroad=True)):
        assert [reason.thing for reason in closed.unmet(request, [field()])] == ["safeguards.division"]
        assert opened.unmet(request, [field()]) == ()
        assert len(other.unmet(request, [field()])) == 1
        division = request.safeguards.division
        assert len(closed.area_faults(division, "safeguards.division", Place.RECIPIENT, request=request)) == 1
        assert opened.area_faults(division, "safeguards.division", Place.RECIPIENT, request=request) == ()
    never = {"residency": (Residency(RULE, ("50",)),), **chain(REVIEW, abroad=True)}
    assert len(PolicySet((policy("own", **never),)).unmet(keeping("810000"), [field()])) == 1
    # A chain for abroad opens nothing that stays in the country, and no source or installation.
    near = {"residency": (Residency(RULE, ("50",), by_chain=True),), **chain(REVIEW, abroad=True)}
    assert len(PolicySet((policy("own", **near),)).unmet(keeping("350100"), [field()])) == 1
    assert len(opened.area_faults("810000", "t.location", Place.SOURCE)) == 1


def test_a_residency_rule_speaks_only_of_the_places_that_it_names() -> None:
    for of in Place:
        policies = PolicySet((policy("own", residency=(Residency(RULE, ("50",), of=(of,)),)),))
        for place in (Place.SOURCE, Place.INSTALLATION):
            assert len(policies.area_faults("350100", "x", place)) == (of is place)
        assert len(policies.unmet(keeping("350100"), [field()])) == (of is Place.RECIPIENT)
        elsewhere = replace(policies, sides=(("own", (Side.RECIPIENT,)),))
        assert elsewhere.area_faults("350100", "x", of, request=keeping("350100")) == ()


def test_an_open_breach_refuses_where_a_rule_wants_none() -> None:
    policies = needing(no_open_breach=True)
    assert policies.unmet(REQUEST, [field()]) == ()
    (reason,) = policies.unmet(REQUEST, [field()], Circumstances(breaches=("BR-2026-0001",)))
    assert (reason.thing, reason.rule) == ("applicant.integrity", "own.r")
    assert "BR-2026-0001" in reason.en
    assert needing(ethics=True).unmet(REQUEST, [field()], Circumstances(breaches=("BR-2026-0001",))) == ()


def test_history_urgency_and_abroad_select_by_circumstances_and_request() -> None:
    for when, facts in (
        ({"history": (History.RENEWAL,)}, Circumstances(History.RENEWAL, "RQ-2026-0001")),
        ({"urgent": True}, Circumstances(filing=FilingRef("UF-2026-0001", ("t.F",)))),
    ):
        policies = needing(forbidden=True, when=Selector(**when))
        assert policies.unmet(REQUEST, [field()]) == ()
        assert len(policies.unmet(REQUEST, [field()], facts)) == 1


# --- levels that something opened ------------------------------------------------------------------------------------


def test_what_opened_a_field_is_named_and_the_ceiling_without_consent_is_asked_of_the_same_rules() -> None:
    opening = replace(ceiling("phone", "raw", OTHER, consent=(Consent.WRITTEN,)), unlocks=Unlock.CONSENT)
    shut = ceiling("phone", "none", RULE, consent=(Consent.NONE,))
    policies = PolicySet((policy("own", ceilings=(opening, shut)),))
    written = replace(REQUEST, consent=Consent.WRITTEN)
    bound, without = policies.ceiling(field("phone"), written), policies.without_consent(field("phone"), written)
    assert bound is not None
    assert without is not None
    assert (bound.level, [(each.by, each.cited.rule) for each in bound.unlocked]) == ("raw", [(Unlock.CONSENT, "s")])
    assert (without.level, without.unlocked) == ("none", ())
    stricter = PolicySet((*policies.policies, policy("other", ceilings=(ceiling("phone", "none"),))))
    shut_again = stricter.ceiling(field("phone"), written)
    assert shut_again is not None
    assert (shut_again.level, shut_again.unlocked) == ("none", ())


def test_of_levels_beside_each_other_those_that_made_the_join_are_cited_and_finer_ones_are_not() -> None:
    beside = [policy(name, ceilings=(ceiling("phone", name),)) for name in ("raw", "mask", "pseudonym")]
    bound = PolicySet(tuple(beside)).ceiling(field("phone"), REQUEST)
    assert bound is not None
    assert (bound.level, [cited.regime for cited in bound.cited]) == ("none", ["mask", "pseudonym"])


# --- what is joined by the strictest ---------------------------------------------------------------------------------


def test_assessments_are_all_asked_for_each_with_its_shortest_validity() -> None:
    one = AssessmentRule(RULE, Selector(), (AssessmentKind.CONFIDENTIALITY, AssessmentKind.SECURITY_RISK), 365)
    two = AssessmentRule(OTHER, Selector(), (AssessmentKind.SECURITY_RISK,), 90)
    asked = both({"assessments": (one,)}, {"assessments": (two,)}).assessments(REQUEST, [field()])
    assert [(each.kind, each.valid_days, [c.regime for c in each.cited]) for each in asked] == [
        (AssessmentKind.CONFIDENTIALITY, 365, ["first"]), (AssessmentKind.SECURITY_RISK, 90, ["second"]),
    ]  # fmt: skip
    assert both({}, {}).assessments(REQUEST, [field()]) == ()


def test_an_agreement_holds_the_subjects_of_every_rule_and_cites_each() -> None:
    one = AgreementRule(RULE, Selector(), "协议书", (AgreementSubject.SCOPE, AgreementSubject.TERM))
    two = AgreementRule(OTHER, Selector(), "保密协议", (AgreementSubject.SCOPE,))
    asked = both({"agreements": (one,)}, {"agreements": (two,)}).agreement(REQUEST, [field()])
    assert asked is not None
    assert asked.names == ("协议书", "保密协议")
    assert [(subject, cited.regime) for subject, cited in asked.subjects] == [
        (AgreementSubject.SCOPE, "first"), (AgreementSubject.TERM, "first"), (AgreementSubject.SCOPE, "second"),
    ]  # fmt: skip
    assert both({}, {}).agreement(REQUEST, [field()]) is None


def test_what_needs_no_request_is_joined_by_the_strictest_and_cites_who_won() -> None:
    first: dict[str, Any] = {
        "retention": (Retention(RULE, RetentionSubject.LOG, 6),), "grants": (GrantRule(RULE, (GrantPart.SCOPE,)),),
        "filings": (FilingRule(RULE, ("甲",)),), "complaints": (ComplaintRule(RULE, 5, 30),),
        "incidents": (IncidentRule(RULE, (IncidentCause.LEAK,), ("甲",)),),
        "pushes": (Push(RULE, PushSubject.LOG, "甲"), Push(RULE, PushSubject.LOG, "乙", 30)),
        "reports": (ReportRule(RULE, 180, "甲"),), "practices": (Practice(RULE, PracticeKind.TRACEABLE),),
        "consents": (ConsentRule(RULE, Selector()),),
    }  # fmt: skip
    second: dict[str, Any] = {
        "retention": (Retention(OTHER, RetentionSubject.LOG, 36),), "grants": (GrantRule(OTHER, (GrantPart.TERM,)),),
        "filings": (FilingRule(OTHER, ("乙", "甲")),), "complaints": (ComplaintRule(OTHER, 7, 60),),
        "incidents": (IncidentRule(OTHER, (IncidentCause.LEAK,), ("乙",)),),
        "pushes": (Push(OTHER, PushSubject.LOG, "甲", 90),), "reports": (ReportRule(OTHER, 90, "甲"),),
    }  # fmt: skip
    policies = both(first, second)
    kept, grant, filing = policies.retention(RetentionSubject.LOG), policies.grant(), policies.filing()
    complaint, told = policies.complaint(), policies.incident(IncidentCause.LEAK)
    assert kept and grant and filing and complaint and told
    assert (kept.months, [c.rule for c in kept.cited]) == (36, ["s"])
    assert (grant.holds, len(grant.cited)) == ((GrantPart.SCOPE, GrantPart.TERM), 2)
    assert filing.organs == told.recipients == ("甲", "乙")
    assert (complaint.register_days, complaint.answer_days, [c.rule for c in complaint.cited]) == (5, 30, ["r"])
    assert [(p.to, p.every_days, [c.rule for c in p.cited]) for p in policies.pushes(PushSubject.LOG)] == [
        ("甲", 90, ["s"]), ("乙", 30, ["r"]),
    ]  # fmt: skip
    assert [(r.to, r.every_days, [c.rule for c in r.cited]) for r in policies.reports()] == [("甲", 90, ["s"])]
    assert [c.regime for c in policies.practice(PracticeKind.TRACEABLE)] == ["first"]
    assert [c.regime for c in policies.consents(REQUEST)] == ["first"]
    nothing = both({}, {})
    assert (nothing.retention(RetentionSubject.LOG), nothing.grant(), nothing.filing()) == (None, None, None)
    assert (nothing.complaint(), nothing.incident(IncidentCause.LEAK), nothing.pushes(PushSubject.LOG)) == (
        None,
        None,
        (),
    )
    assert (nothing.reports(), nothing.practice(PracticeKind.TRACEABLE), nothing.consents(REQUEST)) == ((), (), ())


# --- demands on the catalogue ----------------------------------------------------------------------------------------

CATALOGUE = read_catalogue(example_folder("minimal") / "catalogue.yaml")
ALL_ASKED = tuple((table.name, each) for table in CATALOGUE.tables for each in table.fields)


def demanding(demand: CatalogueDemand, sides: tuple[Side, ...] = (Side.DATA,)) -> PolicySet:
    return PolicySet((policy("own", catalogue=(CatalogueRule(RULE, (demand,)),)),), (("own", sides),))


def with_elements(*elements: tuple[str, str, str]) -> Catalogue:
    named = {(table, name): element for table, name, element in elements}
    tables = tuple(
        replace(t, fields=tuple(replace(f, element=named.get((t.name, f.name))) for f in t.fields))
        for t in CATALOGUE.tables
    )
    return replace(CATALOGUE, tables=tables)


@pytest.mark.parametrize("demand", CatalogueDemand)
def test_the_example_catalogue_meets_each_demand(demand: CatalogueDemand) -> None:
    assert demanding(demand).catalogue_faults(CATALOGUE, ALL_ASKED) == ()


def test_each_demand_on_a_catalogue_names_what_is_missing_and_only_on_the_side_of_the_data() -> None:
    empty = (("t", field(attributes=" ", responsible="")),)
    baseless = (("t", field(sharing=Sharing(SharingClass.RESTRICTED, "r", ""))),)
    anonymous = replace(CATALOGUE, tables=tuple(replace(t, identity=False) for t in CATALOGUE.tables))
    cases = (
        (CatalogueDemand.COMPLETE_FIELD, CATALOGUE, empty, "t.F"),
        (CatalogueDemand.LEGAL_BASIS, CATALOGUE, baseless, "t.F"),
        (CatalogueDemand.UNIQUE_IDENTITY, anonymous, ALL_ASKED, CATALOGUE.name),
        (CatalogueDemand.VERSIONED, replace(CATALOGUE, version=" "), ALL_ASKED, CATALOGUE.name),
    )
    for demand, catalogue, asked, thing in cases:
        (reason,) = demanding(demand).catalogue_faults(catalogue, asked)
        assert (reason.thing, reason.rule, reason.article) == (thing, "own.r", "第一条")
        assert demanding(demand, (Side.RECIPIENT,)).catalogue_faults(catalogue, asked) == ()
    free = (("t", field(sharing=Sharing(SharingClass.OPEN, "r", ""))),)
    assert demanding(CatalogueDemand.LEGAL_BASIS).catalogue_faults(CATALOGUE, free) == ()


def test_one_datum_has_one_source_and_keys_may_stand_in_many_tables() -> None:
    first, second = CATALOGUE.tables[:2]
    plain = [next(f.name for f in table.fields if f.name not in table.keys) for table in (first, second)]
    twice = with_elements((first.name, plain[0], "DE02.01"), (second.name, plain[1], "DE02.01"))
    one_source = demanding(CatalogueDemand.ONE_SOURCE)

    def asked(catalogue: Catalogue) -> tuple[tuple[str, Field], ...]:
        return tuple((t.name, f) for t in catalogue.tables for f in t.fields)

    (reason,) = one_source.catalogue_faults(twice, asked(twice))
    assert reason.thing == f"{first.name}.{plain[0]}, {second.name}.{plain[1]}"
    # Who asks for neither is not refused for them.
    assert one_source.catalogue_faults(twice, ((first.name, field()),)) == ()
    once = with_elements((first.name, plain[0], "DE02.01"), (second.name, plain[1], "DE02.02"))
    assert one_source.catalogue_faults(once, asked(once)) == ()
    assert first.person is not None
    assert second.person is not None
    keys = with_elements((first.name, first.person, "DE01.00"), (second.name, second.person, "DE01.00"))
    assert one_source.catalogue_faults(keys, asked(keys)) == ()


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
