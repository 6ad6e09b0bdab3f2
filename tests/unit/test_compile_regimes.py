"""What a plan says of the regimes behind it: who won, what opened a field, on what consent and filing it stands, and what it brings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes
from extractor.catalogue import Catalogue, Field, FieldClass, SharingClass, Subject, UseMode
from extractor.decode import from_json_text
from extractor.demo.sources import example_folder
from extractor.errors import Reason, Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import hierarchy_of
from extractor.pages.render import plan_page, plan_text
from extractor.plans.compile import compile_plan
from extractor.plans.decide import facets
from extractor.plans.explain import explain
from extractor.plans.nodes import ColumnPlan, Plan
from extractor.policy import Policy
from extractor.policy_rules import (
    AgreementRule,
    AssessmentRule,
    CatalogueRule,
    Ceiling,
    Chain,
    ConsentRule,
    FilingRule,
    GrantRule,
    KindLevel,
    Offence,
    Practice,
    Requirement,
    Residency,
    Rule,
    Step,
)
from extractor.policy_set import PolicySet
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    CatalogueDemand,
    GrantPart,
    History,
    Place,
    PracticeKind,
    Side,
    Status,
    Unlock,
    Violation,
)
from extractor.requests import Consent, Request, Role, Variable
from extractor.selection import Circumstances, FilingRef, Selector

SMALL = read_catalogue(example_folder("minimal") / "catalogue.yaml")
DIABETES = read_request(example_folder("minimal") / "request.yaml")
FUZHOU = load_policies(("fuzhou",))
BASELINE, LOCAL = FUZHOU.policies


def rule(name: str) -> Rule:
    return Rule(name, f"某市办法 {name}", "…")


def regime(**parts: Any) -> PolicySet:
    """Return baseline and Fuzhou with a made-up third regime on top."""
    third = Policy("third", "某市办法", "某文", "某市", Status.IN_FORCE, date(2020, 1, 1), "350100", **parts)
    return PolicySet((BASELINE, LOCAL, third))


def restricted(*names: str) -> Catalogue:
    tables = tuple(
        replace(t, fields=tuple(
            replace(f, sharing=replace(f.sharing, mode=SharingClass.RESTRICTED)) if f.name in names else f for f in t.fields
        )) for t in SMALL.tables
    )  # fmt: skip
    return replace(SMALL, tables=tables)


def only_compared(*names: str) -> Catalogue:
    """Return the catalogue with some fields not listed for extraction."""
    tables = tuple(
        replace(t, fields=tuple(replace(f, use=(UseMode.COMPARE,)) if f.name in names else f for f in t.fields))
        for t in SMALL.tables
    )
    return replace(SMALL, tables=tables)


def refusals(request: Request, catalogue: Catalogue, policies: PolicySet, **facts: Any) -> dict[str, list[Reason]]:
    with pytest.raises(Refused) as caught:
        compile_plan(request, catalogue, policies, Circumstances(**facts))
    found: dict[str, list[Reason]] = {}
    for reason in caught.value.reasons:
        found.setdefault(reason.thing, []).append(reason)
    return found


def column(plan: Plan, name: str) -> ColumnPlan:
    return next(c for t in plan.tables for c in t.columns if c.output == name)


def asking(name: str, level: str, coarsest: str | None = None, **changes: Any) -> Request:
    more = Variable("patients", name, level, "研究需要", coarsest)
    others = tuple(v for v in DIABETES.variables if v.field != name)
    return replace(DIABETES, variables=(*others, more), **changes)


# --- two regimes -----------------------------------------------------------------------------------------------------


def test_a_level_names_the_rule_that_won_and_what_the_milder_regime_would_have_allowed() -> None:
    stricter = regime(ceilings=(Ceiling(rule("art_1"), Selector(), (KindLevel("address", "province"),)),))
    address = column(compile_plan(DIABETES, SMALL, stricter), "ADDRESS")
    assert (address.level, [c.regime for c in address.cited]) == ("province", ["third"])
    assert [(y.level, [c.rule for c in y.cited]) for y in address.yielded] == [("county", ["controlled_quasi"])]
    milder = regime(ceilings=(Ceiling(rule("art_1"), Selector(), (KindLevel("address", "raw"),)),))
    address = column(compile_plan(DIABETES, SMALL, milder), "ADDRESS")
    assert (address.level, [c.regime for c in address.cited]) == ("county", ["baseline"])
    assert [(y.level, [c.regime for c in y.cited]) for y in address.yielded] == [("raw", ["third"])]
    same = regime(ceilings=(Ceiling(rule("art_1"), Selector(), (KindLevel("address", "county"),)),))
    address = column(compile_plan(DIABETES, SMALL, same), "ADDRESS")
    assert ([c.regime for c in address.cited], address.yielded) == (["baseline", "third"], ())


def test_a_level_too_fine_is_refused_by_the_most_local_rule_that_won_with_its_number() -> None:
    street = asking("ADDRESS", "raw", "raw")
    (alone,) = refusals(street, SMALL, FUZHOU)["patients.ADDRESS"]
    assert (alone.rule, alone.violation) == ("baseline.controlled_quasi", "")
    number = (Offence("第九条（五）", "违规使用个人隐私", (Violation.PRIVACY,)),)
    own = Ceiling(rule("art_1"), Selector(), (KindLevel("address", "county"),))
    (refused,) = refusals(street, SMALL, regime(ceilings=(own,), offences=number))["patients.ADDRESS"]
    assert (refused.rule, refused.violation) == ("third.art_1", "第九条（五）")


def test_the_plan_names_each_regime_with_its_standing_and_warns_of_a_draft() -> None:
    plan = compile_plan(DIABETES, SMALL, FUZHOU)
    assert [(r.regime, r.status) for r in plan.regimes] == [("baseline", Status.IN_FORCE), ("fuzhou", Status.TRIAL)]
    assert plan.policies == tuple(r.digest for r in plan.regimes)
    draft = PolicySet((BASELINE, replace(LOCAL, status=Status.DRAFT, in_force=None)))
    drafted = compile_plan(DIABETES, SMALL, draft)
    assert drafted.warnings == (f"{LOCAL.zh}为征求意见稿",)
    assert drafted.regimes[1].status is Status.DRAFT
    assert plan.warnings == ()


def test_a_regime_outside_its_term_refuses_only_where_the_day_is_given() -> None:
    ended = PolicySet((BASELINE, replace(LOCAL, until=date(2024, 12, 31))))
    assert compile_plan(DIABETES, SMALL, ended)
    assert compile_plan(DIABETES, SMALL, ended, Circumstances(today=date(2024, 12, 31)))
    assert set(refusals(DIABETES, SMALL, ended, today=date(2025, 1, 1))) == {"fuzhou"}


def test_a_day_changes_no_plan() -> None:
    first, second = (compile_plan(DIABETES, SMALL, FUZHOU, Circumstances(today=date(2026, 1, day))) for day in (1, 2))
    assert first.digest == second.digest


def test_what_cannot_be_compared_is_refused_with_the_other_reasons() -> None:
    chain = Chain(rule("art_2"), Selector(), (Step("operator_review", "审核", Role.AUTHORITY),))
    found = refusals(replace(DIABETES, ethics=None), SMALL, regime(chains=(chain,)))
    assert "ethics" in found
    told = [reason for reasons in found.values() for reason in reasons]
    assert [reason for reason in told if "operator_review" in reason.thing + reason.zh + reason.en]
    assert "request" not in found


def test_the_source_must_lie_where_a_regime_wants_it() -> None:
    inside = Residency(rule("art_3"), ("350100",), (Place.SOURCE,))
    assert compile_plan(DIABETES, SMALL, regime(residency=(inside,)))
    away = refusals(DIABETES, SMALL, regime(residency=(replace(inside, within=("50",)),)))
    assert {reason.article for reasons in away.values() for reason in reasons} == {"某市办法 art_3"}
    assert all(thing.endswith(".location.division") for thing in away)


# --- violations ------------------------------------------------------------------------------------------------------


def test_a_refusal_has_the_number_under_which_its_own_regulation_lists_the_violation() -> None:
    found = refusals(asking("NOT_THERE", "raw"), SMALL, FUZHOU)
    assert [r.violation for r in found["patients.NOT_THERE"]] == ["第三十二条（一）"]
    found = refusals(asking("ID_NO", "raw", "raw"), SMALL, PolicySet((LOCAL, *BASELINE_AND_RISK)))
    assert {r.rule for r in found["patients.ID_NO"]} == {"fuzhou.art_16_privacy"}
    assert [r.violation for r in found["patients.ID_NO"]] == ["第三十二条（五）"]
    unlisted = PolicySet((BASELINE, replace(LOCAL, offences=(Offence("一", "…", (Violation.OTHER,)),))))
    assert [r.violation for r in refusals(asking("NOT_THERE", "raw"), SMALL, unlisted)["patients.NOT_THERE"]] == [""]


BASELINE_AND_RISK = (replace(BASELINE, ceilings=tuple(c for c in BASELINE.ceilings if c.rule.id != "identifiers")),)


def test_a_requirement_of_a_regime_has_its_violation_too() -> None:
    closed = Requirement(rule("art_4"), Selector(), Violation.BEYOND_SCOPE, no_open_breach=True)
    policies = regime(requirements=(closed,), offences=(Offence("第九条（二）", "…", (Violation.BEYOND_SCOPE,)),))
    assert compile_plan(DIABETES, SMALL, policies)
    found = refusals(DIABETES, SMALL, policies, breaches=("BR-1",))["applicant.integrity"]
    assert [reason.violation for reason in found if reason.rule == "third.art_4"] == ["第九条（二）"]


# --- the class that is not open --------------------------------------------------------------------------------------

TREATED = Ceiling(
    rule("art_5_treated"), Selector(sharing=(SharingClass.RESTRICTED,)), (KindLevel("address", "prefecture"),), Unlock.TREATMENT
)  # fmt: skip
CONSENTED = Ceiling(
    rule("art_5_consent"), Selector(sharing=(SharingClass.RESTRICTED,), consent=(Consent.WRITTEN,)),
    (KindLevel("address", "raw"), KindLevel("category", "raw")), Unlock.CONSENT,
)  # fmt: skip


def test_a_field_that_is_not_open_leaves_only_where_a_rule_opens_it_and_the_plan_says_which() -> None:
    policies = regime(ceilings=(TREATED, CONSENTED))
    (address,) = [column(compile_plan(DIABETES, restricted("ADDRESS"), policies), "ADDRESS")]
    assert address.level == "prefecture"
    assert [(u.by, u.cited.rule) for u in address.unlocked] == [(Unlock.TREATMENT, "art_5_treated")]
    (reason,) = refusals(DIABETES, restricted("SEX"), policies)["patients.SEX"]
    assert (reason.rule, reason.article) == ("third.art_5_treated", "某市办法 art_5_treated")
    consented = replace(DIABETES, consent=Consent.WRITTEN)
    sex = column(compile_plan(consented, restricted("SEX"), policies), "SEX")
    assert [u.by for u in sex.unlocked] == [Unlock.CONSENT]


def test_a_field_that_is_open_needs_no_unlocking_and_a_regime_without_keys_asks_for_none() -> None:
    assert column(compile_plan(DIABETES, SMALL, regime(ceilings=(TREATED,))), "SEX").unlocked == ()
    assert column(compile_plan(DIABETES, restricted("SEX"), FUZHOU), "SEX").unlocked == ()


def test_a_condition_on_a_field_that_is_not_open_is_opened_by_consent_alone() -> None:
    asked = replace(DIABETES, population="patients.ADDRESS LIKE '福建%'")
    policies = regime(ceilings=(TREATED, CONSENTED))
    assert "population patients.ADDRESS" in refusals(asked, restricted("ADDRESS"), policies)
    assert compile_plan(asked, SMALL, policies)
    plan = compile_plan(replace(asked, consent=Consent.WRITTEN), restricted("ADDRESS"), policies)
    assert plan.consent is not None
    assert ("patients.ADDRESS", "raw", "none") in [(c.place, c.level, c.without) for c in plan.consent.columns]


# --- consent ---------------------------------------------------------------------------------------------------------


def test_the_plan_names_the_columns_that_consent_opens_and_the_rule_of_the_register() -> None:
    register = regime(consents=(ConsentRule(rule("art_6"), Selector()),))
    asked = asking("ADDRESS", "raw", consent=Consent.WRITTEN)
    plan = compile_plan(asked, SMALL, register)
    assert plan.consent is not None
    assert [(c.place, c.level, c.without) for c in plan.consent.columns] == [
        ("patients.ADDRESS", "raw", "county"),
    ]  # fmt: skip
    assert "third.art_6" in {f"{c.regime}.{c.rule}" for c in plan.consent.cited}


def relabelled(name: str, **changes: Any) -> Catalogue:
    """Return the catalogue with one field of the patients changed."""
    tables = tuple(
        replace(
            t, fields=tuple(replace(f, **changes) if (t.name, f.name) == ("patients", name) else f for f in t.fields)
        )
        for t in SMALL.tables
    )
    return replace(SMALL, tables=tables)


def test_an_identifier_by_which_persons_agreed_to_be_identified_is_no_quasi_identifier_and_the_plan_says_so() -> None:
    line = "凭本人同意可识别的字段不计入重标识风险:patients.NAME"
    plan = compile_plan(asking("NAME", "raw", consent=Consent.WRITTEN), SMALL, FUZHOU)
    assert (column(plan, "NAME").level, column(plan, "NAME").quasi) == ("raw", False)
    assert column(plan, "SEX").quasi and "SEX" in plan.tables[0].quasi
    assert line in plan.warnings
    assert line in explain(plan).warnings
    assert f"⚠ {line}" in plan_text(explain(plan)) and line in plan_page(explain(plan))
    # What is no direct identifier is counted, with consent too; and without a raw identifier there is nothing to say.
    address = compile_plan(asking("ADDRESS", "raw", consent=Consent.WRITTEN), SMALL, FUZHOU)
    assert column(address, "ADDRESS").quasi
    assert not [w for w in address.warnings if "凭本人同意" in w]


def test_an_identifier_that_leaves_without_the_persons_own_consent_is_counted() -> None:
    third = regime(ceilings=(Ceiling(rule("art_1"), Selector(), (KindLevel("address", "raw"),)),))
    direct = relabelled("ADDRESS", cls=FieldClass.DIRECT)
    assert column(compile_plan(asking("ADDRESS", "county"), direct, third), "ADDRESS").quasi
    # With consent in the request, but no finer than it would be without.
    asked = asking("ADDRESS", "county", consent=Consent.WRITTEN)
    assert column(compile_plan(asked, direct, third), "ADDRESS").quasi
    # What opens it is the person's consent, which is not that of the doctor or the relative in the same row.
    key = Ceiling(
        rule("art_5"), Selector(sharing=(SharingClass.RESTRICTED,), consent=(Consent.WRITTEN,)),
        (KindLevel("address", "raw"),), Unlock.CONSENT,
    )  # fmt: skip
    for subject, counted in ((Subject.PERSON, False), (Subject.RELATIVE, True), (Subject.STAFF, True)):
        shut = relabelled(
            "ADDRESS", cls=FieldClass.DIRECT, subject=subject,
            sharing=replace(SMALL.tables[0].fields[0].sharing, mode=SharingClass.RESTRICTED),
        )  # fmt: skip
        plan = compile_plan(asked, shut, regime(ceilings=(key,)))
        assert plan.consent is not None
        assert column(plan, "ADDRESS").quasi is counted


@pytest.mark.parametrize(
    ("level", "consent"), [("county", Consent.WRITTEN), ("raw", Consent.WAIVER), ("raw", Consent.NONE)]
)
def test_without_a_finer_column_or_without_written_consent_nothing_stands_on_the_register(
    level: str, consent: Consent
) -> None:
    assert compile_plan(asking("ADDRESS", level, consent=consent), SMALL, FUZHOU).consent is None


# --- filings ---------------------------------------------------------------------------------------------------------


def test_an_acknowledged_filing_opens_a_field_that_is_not_listed_for_extraction_and_the_plan_names_it() -> None:
    catalogue = only_compared("SEX", "ADDRESS")
    filed = FilingRef("UF-2026-0001", ("patients.SEX", "patients.ADDRESS", "admissions.COST"))
    plan = compile_plan(DIABETES, catalogue, FUZHOU, Circumstances(filing=filed))
    used = plan.circumstances.filing
    assert used is not None
    assert (used.number, used.fields) == ("UF-2026-0001", ("patients.SEX", "patients.ADDRESS"))
    assert [c.article for c in used.cited] == ["榕政综〔2017〕122号 第十一条"]
    one = replace(filed, fields=("patients.SEX",))
    (reason,) = refusals(DIABETES, catalogue, FUZHOU, filing=one)["patients.ADDRESS"]
    assert (reason.rule, reason.violation) == ("fuzhou.art_11_catalogue", "第三十二条（一）")


def test_a_filing_opens_no_field_that_does_not_exist_and_nothing_where_no_regime_lets_it() -> None:
    filed = FilingRef("UF-1", ("patients.NOT_THERE", "patients.SEX"))
    assert "patients.NOT_THERE" in refusals(asking("NOT_THERE", "raw"), SMALL, FUZHOU, filing=filed)
    unfiled = PolicySet((BASELINE, replace(LOCAL, filings=())))
    (reason,) = refusals(DIABETES, only_compared("SEX"), unfiled, filing=filed)["patients.SEX"]
    assert (reason.rule, reason.violation) == ("fuzhou.art_9_categories", "第三十二条（一）")


def test_without_a_filing_a_field_beyond_the_catalogue_is_refused_by_each_regimes_rule_of_its_catalogue() -> None:
    def cited(*policies: Policy, third: tuple[Side, ...] = (Side.DATA,)) -> list[str]:
        asked = PolicySet(policies, (("third", third),))
        return [r.rule for r in refusals(asking("NOT_THERE", "raw"), SMALL, asked)["patients.NOT_THERE"]]

    def demanding(*demands: CatalogueDemand) -> tuple[CatalogueRule, ...]:
        return tuple(CatalogueRule(rule(f"art_{at}"), (each,)) for at, each in enumerate(demands, 1))

    bare = replace(LOCAL, filings=(), categories=None, catalogue=(), practices=())
    minimal = replace(bare, practices=(Practice(rule("art_9"), PracticeKind.MINIMAL_PLAN),))
    others = demanding(CatalogueDemand.UNIQUE_IDENTITY, CatalogueDemand.COMPLETE_FIELD)
    assert cited(BASELINE, bare) == ["catalogue"]
    assert cited(BASELINE, minimal) == ["fuzhou.art_9"]
    assert cited(BASELINE, replace(minimal, catalogue=others)) == ["fuzhou.art_2"]
    third = replace(bare, regime="third", catalogue=others)
    assert cited(BASELINE, minimal, third) == ["fuzhou.art_9", "third.art_2"]
    assert cited(BASELINE, minimal, third, third=(Side.RECIPIENT,)) == ["fuzhou.art_9"]


def test_two_regimes_with_filings_are_both_cited() -> None:
    both = regime(filings=(FilingRule(rule("art_7"), ("某局",)),))
    assert {r.rule for r in refusals(asking("NOT_THERE", "raw"), SMALL, both)["patients.NOT_THERE"]} == {
        "fuzhou.art_11_catalogue", "third.art_7",
    }  # fmt: skip


# --- what the plan brings --------------------------------------------------------------------------------------------


def test_history_stands_in_the_plan_with_what_it_leans_on() -> None:
    first = compile_plan(DIABETES, SMALL, FUZHOU)
    renewed = compile_plan(DIABETES, SMALL, FUZHOU, Circumstances(History.RENEWAL, "RQ-2026-0001"))
    assert (first.circumstances.history, first.circumstances.leans_on) == (History.FIRST, None)
    assert (renewed.circumstances.history, renewed.circumstances.leans_on) == (History.RENEWAL, "RQ-2026-0001")
    assert first.digest != renewed.digest


def test_assessments_agreement_grant_and_practices_stand_in_the_plan_each_with_its_rule() -> None:
    policies = regime(
        assessments=(AssessmentRule(rule("a"), Selector(), (AssessmentKind.CONFIDENTIALITY,), 90),),
        agreements=(AgreementRule(rule("b"), Selector(), "某协议", (AgreementSubject.LIABILITY,)),),
        grants=(GrantRule(rule("c"), (GrantPart.SCOPE,)),),
        practices=(Practice(rule("d"), PracticeKind.LEAK_SCAN),),
    )
    plan, plain = compile_plan(DIABETES, SMALL, policies), compile_plan(DIABETES, SMALL, PolicySet((BASELINE,)))
    assert ("third", "a") in {(c.regime, c.rule) for each in plan.assessments for c in each.cited}
    assert "某协议" in plan.agreement.names
    assert (AgreementSubject.LIABILITY, "b") in {(each.subject, each.cited.rule) for each in plan.agreement.subjects}
    assert plan.grant is not None
    assert ("third", "c") in {(c.regime, c.rule) for c in plan.grant.cited}
    assert "d" in {c.rule for each in plan.practices if each.practice is PracticeKind.LEAK_SCAN for c in each.cited}
    assert {"third"}.isdisjoint(c.regime for each in plain.practices for c in each.cited)
    assert plan.terms == tuple(term.zh for term in policies.terms)
    assert {term.cited.regime for term in plan.agreement.terms} == {"baseline", "fuzhou"}
    assert {duty.cited[0].rule for duty in plan.duties} >= {"art_29_register", "art_29_destroy"}
    assert from_json_text(Plan, canonical_bytes(plan)) == plan


# --- many fields -----------------------------------------------------------------------------------------------------

EVERY_FIELD = [field for table in SMALL.tables for field in table.fields]
LIST = st.lists(
    st.builds(
        lambda field, sharing, category: replace(
            field, sharing=replace(field.sharing, mode=sharing), category=category
        ),
        st.sampled_from(EVERY_FIELD), st.sampled_from(SharingClass), st.sampled_from(["医疗服务", "公共卫生"]),
    ), min_size=1, max_size=6,
)  # fmt: skip
SELECTORS = [
    each.when
    for policy in load_policies(("fuzhou", "shandong", "sichuan", "chongqing", "guiyang")).policies
    for group in (policy.ceilings, policy.chains, policy.requirements)
    for each in group
]


@given(LIST)
@settings(max_examples=60, deadline=None)
def test_fields_of_the_same_facets_are_alike_to_every_selector(fields: list[Field]) -> None:
    alike = {facets(field): field for field in fields}
    for field in fields:
        other = alike[facets(field)]
        assert hierarchy_of(field.kind) is hierarchy_of(other.kind)
        assert [s.matches_field(field) for s in SELECTORS] == [s.matches_field(other) for s in SELECTORS]


def test_a_catalogue_finds_the_first_of_two_fields_of_one_name() -> None:
    first = SMALL.tables[0]
    doubled = replace(first, fields=(*first.fields, replace(first.fields[0], zh="另一列")))
    catalogue = replace(SMALL, tables=(doubled, *SMALL.tables[1:], replace(SMALL.tables[1], zh="另一表")))
    assert catalogue.field(first.name, first.fields[0].name) is doubled.fields[0]
    assert catalogue.table(SMALL.tables[1].name) is catalogue.tables[1]
    assert catalogue.field("nowhere", "X") is None
    assert replace(catalogue, tables=catalogue.tables[:1]).table(SMALL.tables[1].name) is None
