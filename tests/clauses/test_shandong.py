"""山东省人民政府令第335号, clause by clause: the catalogue, what leaves at which level, and who may have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from building import (
    ON_OPEN_FIELDS,
    catalogue,
    changed,
    compiled,
    level,
    refusal,
    refused,
    request,
    step_rules,
    steps,
)
from installation import Site

from extractor.catalogue import Catalogue
from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.release import Release
from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.plans.nodes import ColumnPlan, Plan
from extractor.requests import Request, State
from extractor.workflow.consent_register import ConsentScope
from extractor.workflow.consents import consents_now, give

ON_SEX = "patients.SEX = '1'"
RESTRICTED: dict[str, Any] = {"sharing": {"mode": "restricted"}}
FRONT, BACK = "第二十条前段", "第二十条后段"


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Shandong."""
    return request(*asks, regime="shandong", **changes)


def opened(plan: Plan, place: str) -> set[tuple[str, str]]:
    """Return by what a plan says that a column was opened, and the rule; nothing for one that needed no opening."""
    table, _, name = place.partition(".")
    columns: list[ColumnPlan] = [c for t in plan.tables if t.name == table for c in t.columns if c.output == name]
    return {(each.by.value, f"{each.cited.regime}.{each.cited.rule}") for c in columns for each in c.unlocked}


def numbers(asked: Request, source: Catalogue | None = None) -> dict[str, str]:
    """Return the number of the listed violation by the rule that refuses."""
    return {reason.rule: reason.violation for reason in refusal("shandong", asked, source)}


# --- 第六条、第十条: the catalogue -----------------------------------------------------------------------------------


@pytest.mark.clause("shandong", "art_6_categories")
@pytest.mark.clause("shandong", "第二十条前段")
@pytest.mark.parametrize("name", ["基础信息", "公共卫生", "计划生育", "医疗服务", "医疗保障", "药品管理", "新型业态"])
def test_shandong_6_a_field_stands_in_one_of_the_seven_classes(name: str) -> None:
    def with_class(category: str) -> dict[str, str]:
        return numbers(wants(), catalogue("shandong", fields={"patients.SEX": {"category": category}}))

    assert not with_class(name)
    assert with_class("综合管理") == {"shandong.art_6_categories": FRONT}


@pytest.mark.clause("shandong", "art_6_catalogue")
@pytest.mark.parametrize("facet", ["zh", "category", "responsible", "attributes"])
def test_shandong_6_a_field_is_collected_only_as_the_catalogue_describes_it_in_full(facet: str) -> None:
    source = catalogue("shandong", fields={"patients.SEX": {facet: " "}})
    assert "shandong.art_6_catalogue" in refused("shandong", wants("patients.SEX", population=ON_OPEN_FIELDS), source)
    assert not refused("shandong", wants("admissions.COST", population=ON_OPEN_FIELDS), source)
    assert not refused("shandong", wants("patients.SEX", population=ON_OPEN_FIELDS))


@pytest.mark.clause("shandong", "art_10_legal_basis")
@pytest.mark.parametrize("mode", ["conditional", "restricted"])
@pytest.mark.parametrize("part", ["reason", "basis"])
def test_shandong_10_what_is_not_open_states_its_legal_basis(mode: str, part: str) -> None:
    def refused_for(sharing: dict[str, str]) -> frozenset[str]:
        source = catalogue("shandong", fields={"admissions.COST": {"sharing": sharing}})
        return refused("shandong", wants("admissions.COST", population=ON_OPEN_FIELDS), source)

    assert "shandong.art_10_legal_basis" in refused_for({"mode": mode, part: ""})
    assert not refused_for({"mode": mode})
    assert "shandong.art_10_legal_basis" not in refused_for({"mode": "open", part: ""})


# --- 第十条: privacy and trade secrets --------------------------------------------------------------------------------


@pytest.mark.clause("shandong", "art_10_privacy")
def test_shandong_10_identifiers_are_not_open_and_leave_treated_without_consent() -> None:
    asked = wants("patients.ID_NO", "patients.PHONE", "patients.SEX")
    for place in ("patients.ID_NO", "patients.PHONE"):
        given, cited = level(compiled("shandong", asked), place)
        assert (given, "shandong.art_10_privacy" in cited) == ("pseudonym", True)
        given, cited = level(compiled("shandong", changed(asked, consent="written")), place)
        assert (given, "shandong.art_10_privacy" in cited) == ("raw", False)


@pytest.mark.clause("shandong", "art_10_names")
def test_shandong_10_names_of_persons_and_relatives_are_not_given_without_consent() -> None:
    asked = wants("patients.NAME", "patients.RELATIVE", "patients.SEX")
    plan, consented = compiled("shandong", asked), compiled("shandong", changed(asked, consent="written"))
    for place in ("patients.NAME", "patients.RELATIVE"):
        given, cited = level(plan, place)
        assert (given, "shandong.art_10_names" in cited) == ("none", True)
    assert level(consented, "patients.NAME")[0] == "raw"
    assert level(consented, "patients.RELATIVE")[0] == "none"
    assert "shandong.art_10_names" not in level(consented, "patients.RELATIVE")[1]


@pytest.mark.clause("shandong", "art_10_trade_secrets")
def test_shandong_10_names_of_units_are_treated_where_they_identify() -> None:
    asked = wants("patients.EMPLOYER", "patients.SEX")
    given, cited = level(compiled("shandong", asked), "patients.EMPLOYER")
    assert (given, "shandong.art_10_trade_secrets" in cited) == ("pseudonym", True)
    plain = catalogue("shandong", fields={"patients.EMPLOYER": {"cls": "other"}})
    given, cited = level(compiled("shandong", asked, plain), "patients.EMPLOYER")
    assert (given, "shandong.art_10_trade_secrets" in cited) == ("raw", False)


# --- 第十一条: what is not open is opened by consent or by treatment, and the plan says by which -------------------------


@pytest.mark.clause("shandong", "art_11_treatment")
def test_shandong_11_what_is_not_open_leaves_treated_and_the_plan_says_that_treatment_opened_it() -> None:
    asked = wants("admissions.DIAGNOSIS", "admissions.NOTE", "admissions.INFECTION", population=ON_SEX)
    source = catalogue("shandong", fields={"admissions.DIAGNOSIS": RESTRICTED})
    plan = compiled("shandong", asked, source)
    treated = {("treatment", "shandong.art_11_treatment")}
    for place, given in (("admissions.DIAGNOSIS", "category_3"), ("admissions.NOTE", "redacted")):
        assert (level(plan, place)[0], opened(plan, place)) == (given, treated)
    # A category knows no treatment but leaving it out, so it stays shut.
    assert level(plan, "admissions.INFECTION") == ("none", frozenset({"shandong.art_11_treatment"}))
    free = compiled("shandong", wants("admissions.DIAGNOSIS", population=ON_SEX))
    assert (level(free, "admissions.DIAGNOSIS")[0], opened(free, "admissions.DIAGNOSIS")) == ("full", set())


@pytest.mark.clause("shandong", "art_11_treatment")
def test_shandong_11_who_needs_it_finer_than_treated_is_refused_as_is_a_condition_on_it() -> None:
    source = catalogue("shandong", fields={"admissions.DIAGNOSIS": RESTRICTED})
    asked = wants("admissions.DIAGNOSIS", population=ON_SEX)
    needs = tuple(replace(each, coarsest="full") for each in asked.variables)
    rule = "shandong.art_11_treatment"
    assert numbers(replace(asked, variables=needs), source) == {rule: BACK}
    assert not refused("shandong", replace(asked, variables=needs))
    on_it = changed(asked, population="admissions.DIAGNOSIS LIKE 'E11%'")
    assert numbers(on_it, source) == {rule: BACK}
    assert not refused("shandong", changed(on_it, consent="written"), source)


@pytest.mark.clause("shandong", "art_11_consent")
def test_shandong_11_the_persons_written_consent_opens_it_and_the_plan_says_so() -> None:
    asked = wants("admissions.INFECTION", "admissions.NOTE", population=ON_SEX, consent="written")
    plan = compiled("shandong", asked)
    by_consent = {("consent", "shandong.art_11_consent")}
    for place, given in (("admissions.INFECTION", "raw"), ("admissions.NOTE", "surrogate")):
        assert (level(plan, place)[0], opened(plan, place)) == (given, by_consent)
    assert plan.consent is not None
    assert {(c.place, c.level, c.without) for c in plan.consent.columns} == {
        ("admissions.INFECTION", "raw", "none"), ("admissions.NOTE", "surrogate", "redacted"),
    }  # fmt: skip
    for consent in ("none", "waiver"):
        assert level(compiled("shandong", changed(asked, consent=consent)), "admissions.INFECTION")[0] == "none"


@pytest.mark.clause("shandong", "art_11_treatment_of_others")
def test_shandong_11_of_others_in_the_row_only_treatment_opens_it_whatever_the_person_says() -> None:
    asked = wants("patients.PHONE", "admissions.DOCTOR", population=ON_SEX, consent="written")
    shut = {"patients.PHONE": {**RESTRICTED, "subject": "relative"}, "admissions.DOCTOR": RESTRICTED}
    plan = compiled("shandong", asked, catalogue("shandong", fields=shut))
    rule = "shandong.art_11_treatment_of_others"
    assert (level(plan, "patients.PHONE")[0], opened(plan, "patients.PHONE")) == ("pseudonym", {("treatment", rule)})
    assert level(plan, "admissions.DOCTOR") == ("none", frozenset({rule}))
    own = catalogue("shandong", fields={"patients.PHONE": RESTRICTED})
    plan = compiled("shandong", asked, own)
    assert (level(plan, "patients.PHONE")[0], opened(plan, "patients.PHONE")) == (
        "raw", {("consent", "shandong.art_11_consent")},
    )  # fmt: skip


# --- 第十一条: the same over rows ---------------------------------------------------------------------------------------

STAYS = {
    "PATIENT_ID": ["P1", "P2", "P3"], "DIAGNOSIS": ["E11.900", "I10.x00", "E11.401"], "INFECTION": ["1", "0", "1"],
    "WARD": ["1", "1", "1"], "ADMITTED": [date(2025, 1, 1)] * 3,
}  # fmt: skip
SHUT = {"admissions.DIAGNOSIS": RESTRICTED}
ASKS = ("admissions.PATIENT_ID:pseudonym", "admissions.DIAGNOSIS", "admissions.INFECTION")


def rows(here: Site, number: str, asked: Request) -> dict[str, list[Any]]:
    """Return the columns that a run would give of three stays, in the order of the diagnoses."""
    plan = here.plan(number)
    with here.office.store.reading() as tx:
        consents = consents_now(here.office, tx, asked, plan)
    found = Release(
        plan, lambda _, columns: pl.LazyFrame(STAYS).select(columns),
        ProjectKeys.derive(here.office.root_key.secret, "p"), consents=consents,
    )  # fmt: skip
    (table,) = found.plan.tables
    given = found.given(table).collect().sort("DIAGNOSIS")
    return {name: given[name].to_list() for name in ("DIAGNOSIS", "INFECTION") if name in given.columns}


@pytest.mark.clause("shandong", "art_11_treatment")
def test_shandong_11_rows_of_what_is_not_open_leave_treated(site: Callable[..., Site]) -> None:
    here = site("shandong", catalogue=catalogue("shandong", fields=SHUT))
    asked = wants(*ASKS, population=ON_OPEN_FIELDS)
    assert rows(here, here.submit(asked), asked) == {"DIAGNOSIS": ["E11", "E11", "I10"]}


@pytest.mark.clause("shandong", "art_11_consent")
def test_shandong_11_rows_leave_as_they_stand_only_of_who_consented(site: Callable[..., Site]) -> None:
    here = site("shandong", catalogue=catalogue("shandong", fields=SHUT))
    asked = wants(*ASKS, population=ON_OPEN_FIELDS, consent="written")
    number = here.submit(asked)
    assert rows(here, number, asked) == {"DIAGNOSIS": [], "INFECTION": []}
    scope = ConsentScope(date(2026, 1, 1), date(2026, 12, 31))
    give(here.office, "clauses", here.person("provider"), identities=["P1", "P2"], scope=scope)
    assert rows(here, number, asked) == {"DIAGNOSIS": ["E11.900", "I10.x00"], "INFECTION": ["1", "0"]}


# --- 第十一条: who decides ---------------------------------------------------------------------------------------------


@pytest.mark.clause("shandong", "art_11_conditional")
@pytest.mark.parametrize("place", ["admissions.COST", "admissions.NOTE"])
def test_shandong_11_the_managing_body_signs_the_agreement_with_the_user(site: Callable[..., Site], place: str) -> None:
    here = site("shandong")
    number = here.submit(wants(place, population=ON_SEX))
    plan = here.plan(number)
    assert steps(plan) == ("operator_review", "agreement_user", "agreement_operator")
    assert step_rules(plan) == {"shandong.art_11_conditional"}
    with pytest.raises(ApprovalError, match="the decision is missing"):
        here.sign(number, "agreement_user")
    here.sign(number, "operator_review")
    here.sign(number, "agreement_user")
    assert here.state(number) is State.SUBMITTED
    assert here.sign(number, "agreement_operator") is State.APPROVED
    free = here.plan(here.submit(wants("admissions.WARD", population=ON_OPEN_FIELDS)))
    assert not {"agreement_user", "agreement_operator"} & set(steps(free))


@pytest.mark.clause("shandong", "art_11_open")
@pytest.mark.parametrize("kind", ["enterprise", "university", "public_institution"])
def test_shandong_11_open_fields_are_given_to_anybody_from_the_platform(site: Callable[..., Site], kind: str) -> None:
    here = site("shandong")
    number = here.submit(wants("admissions.WARD", population=ON_OPEN_FIELDS, applicant={"kind": kind}))
    assert steps(here.plan(number)) == ("operator_release",)
    assert step_rules(here.plan(number)) == {"shandong.art_11_open"}
    assert here.sign(number, "operator_release") is State.APPROVED
    assert "operator_release" not in steps(compiled("shandong", wants("admissions.COST", population=ON_SEX)))


# --- 第九条、第十二条、第二十条: who may have it, for what, and under which number it is refused -----------------------------


@pytest.mark.clause("shandong", "art_9_organs")
@pytest.mark.parametrize("kind", ["public_institution", "university", "research_institute", "enterprise"])
def test_shandong_9_sharing_for_administration_is_for_administrative_organs(kind: str) -> None:
    asked = wants(purpose={"category": "administration"}, applicant={"kind": kind})
    assert numbers(asked) == {"shandong.art_9_organs": BACK}
    assert not refused("shandong", changed(asked, applicant={"kind": "administrative_organ"}))
    assert not refused("shandong", changed(asked, purpose={"category": "research"}))


@pytest.mark.clause("shandong", "art_12_use")
@pytest.mark.clause("shandong", "第二十条后段")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_shandong_12_whoever_has_it_passes_nothing_on(site: Callable[..., Site], mode: str) -> None:
    here = site("shandong")
    passed = wants(mode=mode, safeguards={"passed_on": True})
    with pytest.raises(Refused) as no:
        here.submit(passed)
    assert {r.rule: r.violation for r in no.value.reasons}.get("shandong.art_12_use") == BACK
    assert f"violation shandong {BACK}" in (here.logged(Verb.REFUSE)[-1].reason or "")
    assert here.state(here.submit(changed(passed, safeguards={"passed_on": False}))) is State.SUBMITTED


@pytest.mark.clause("shandong", "第二十条前段")
@pytest.mark.clause("shandong", "art_6_categories")
def test_shandong_20_collection_outside_the_catalogue_is_refused_and_logged_under_its_number(
    site: Callable[..., Site],
) -> None:
    here = site("shandong", catalogue=catalogue("shandong", fields={"patients.SEX": {"category": "其他"}}))
    with pytest.raises(Refused):
        here.submit(wants())
    entry = here.logged(Verb.REFUSE)[-1]
    assert (entry.rule, entry.article) == ("shandong.art_6_categories", "山东省人民政府令第335号 第六条")
    assert f"violation shandong {FRONT}" in (entry.reason or "")
    here.catalogue = catalogue("shandong")
    assert here.state(here.submit(wants())) is State.SUBMITTED
