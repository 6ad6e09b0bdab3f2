"""渝卫发〔2019〕67号 art. 10, 12, 15–18, 23: what a catalogue says, what a request may have at which level, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
    taken_out,
)
from installation import Site

from extractor.catalogue import Catalogue, UseMode
from extractor.errors import ApprovalError
from extractor.log.entries import Verb
from extractor.requests import Request, State

IDENTIFIERS = ("patients.ID_NO", "patients.PHONE")


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Chongqing."""
    return request(*asks, regime="chongqing", **changes)


def with_fields(**fields: dict[str, Any]) -> Catalogue:
    """Return the catalogue with fields of patients (``SEX={…}``) changed."""
    return catalogue("chongqing", {f"patients.{name}": change for name, change in fields.items()})


def numbers(asked: Request, source: Catalogue | None = None) -> dict[str, str]:
    """Return under which number of article 23 each rule refuses a request."""
    return {reason.rule: reason.violation for reason in refusal("chongqing", asked, source)}


# --- 第十条、第十二条、第十五条: the catalogue ------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_10_complete")
@pytest.mark.parametrize("facet", ["zh", "category", "responsible", "attributes", "sharing"])
def test_chongqing_10_a_field_of_which_the_catalogue_leaves_something_unsaid_is_not_given(facet: str) -> None:
    unsaid = {"sharing": {"reason": "", "mode": "open"}} if facet == "sharing" else {facet: ""}
    found = refusal("chongqing", wants("patients.SEX"), with_fields(SEX=unsaid))
    assert ("patients.SEX", "chongqing.art_10_complete") in {(reason.thing, reason.rule) for reason in found}
    assert not refused("chongqing", wants("patients.SEX"), with_fields())
    # Of a field that nobody asks for nothing need be said.
    assert not refused("chongqing", wants("patients.BIRTH"), with_fields(SEX=unsaid))


@pytest.mark.clause("chongqing", "art_10_one_source")
def test_chongqing_10_a_datum_with_two_sources_is_not_given() -> None:
    one = {"patients.SEX": {"element": "性别代码"}, "patients.BIRTH": {"element": "出生日期"}}
    twice = {**one, "admissions.WARD": {"element": "性别代码"}}
    found = refusal("chongqing", wants(), catalogue("chongqing", twice))
    named = {reason.thing for reason in found if reason.rule == "chongqing.art_10_one_source"}
    assert named == {"patients.SEX, admissions.WARD"}
    assert not refused("chongqing", wants(), catalogue("chongqing", one))


@pytest.mark.clause("chongqing", "art_12_unique")
def test_chongqing_12_without_one_identity_for_each_person_nothing_is_given() -> None:
    whole = catalogue("chongqing")
    without = replace(whole, tables=tuple(replace(table, identity=False) for table in whole.tables))
    assert "chongqing.art_12_unique" in refused("chongqing", wants(), without)
    assert not refused("chongqing", wants(), whole)


@pytest.mark.clause("chongqing", "art_15_legal_basis")
@pytest.mark.parametrize("unsaid", ["reason", "basis"])
def test_chongqing_15_what_is_shared_on_conditions_states_reason_and_legal_basis(unsaid: str) -> None:
    asked = wants("patients.SEX")
    assert "chongqing.art_15_legal_basis" in refused("chongqing", asked, with_fields(SEX={"sharing": {unsaid: " "}}))
    assert not refused("chongqing", asked, with_fields())
    opened = with_fields(SEX={"sharing": {unsaid: " ", "mode": "open"}})
    assert "chongqing.art_15_legal_basis" not in refused("chongqing", asked, opened)


# --- 第十七条: privacy and trade secrets ------------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_17_privacy")
@pytest.mark.parametrize("consent", ["none", "waiver"])
def test_chongqing_17_identifiers_leave_as_pseudonyms_even_where_the_baseline_would_not_bound_them(
    consent: str,
) -> None:
    asked = wants(*IDENTIFIERS, consent=consent)
    with taken_out("baseline", "identifiers"):
        for place in IDENTIFIERS:
            assert level(compiled("chongqing", asked), place) == ("pseudonym", frozenset({"chongqing.art_17_privacy"}))
    consented = level(compiled("chongqing", changed(asked, consent="written")), "patients.ID_NO")
    assert consented == ("raw", frozenset({"baseline.identifiers_with_consent"}))


@pytest.mark.clause("chongqing", "art_17_names")
def test_chongqing_17_names_of_persons_and_relatives_never_leave_without_consent() -> None:
    asked = wants("patients.NAME", "patients.RELATIVE", "patients.SEX")
    with taken_out("baseline", "names"), taken_out("baseline", "names_of_relatives"):
        plan = compiled("chongqing", asked)
        for place in ("patients.NAME", "patients.RELATIVE"):
            assert level(plan, place) == ("none", frozenset({"chongqing.art_17_names"}))
    assert level(compiled("chongqing", changed(asked, consent="written")), "patients.NAME")[0] == "raw"


@pytest.mark.clause("chongqing", "art_17_trade_secrets")
def test_chongqing_17_names_and_codes_of_units_leave_as_pseudonyms_where_they_identify() -> None:
    asked = wants("patients.EMPLOYER", "patients.SEX", consent="written")
    with taken_out("baseline", "organisations_that_identify"):
        for kind in ("organization", "uscc"):
            found = level(compiled("chongqing", asked, with_fields(EMPLOYER={"kind": kind})), "patients.EMPLOYER")
            assert found == ("pseudonym", frozenset({"chongqing.art_17_trade_secrets"}))
    given, cited = level(compiled("chongqing", asked, with_fields(EMPLOYER={"cls": "other"})), "patients.EMPLOYER")
    assert (given, "chongqing.art_17_trade_secrets" in cited) == ("raw", False)


@pytest.mark.clause("chongqing", "art_17_free_text")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_chongqing_17_free_text_leaves_only_treated_whoever_consents(consent: str) -> None:
    shared = catalogue("chongqing", {"admissions.NOTE": {"sharing": {"mode": "conditional"}}})
    asked = wants("admissions.NOTE", consent=consent)
    with taken_out("baseline", "free_text"):
        assert level(compiled("chongqing", asked, shared), "admissions.NOTE") == (
            "surrogate", frozenset({"chongqing.art_17_free_text"}),
        )  # fmt: skip
    coarser = compiled("chongqing", changed(asked, variables=wants("admissions.NOTE:redacted").variables), shared)
    assert level(coarser, "admissions.NOTE")[0] == "redacted"


# --- 第十六条: the three classes --------------------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_16_open")
def test_chongqing_16_open_fields_are_had_by_one_entry_of_the_operator(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    opened = wants("admissions.WARD", population=ON_OPEN_FIELDS)
    number = here.submit(opened)
    assert (steps(here.plan(number)), "chongqing.art_16_open" in step_rules(here.plan(number))) == (
        ("operator_release",), True,
    )  # fmt: skip
    assert here.sign(number, "operator_release") is State.APPROVED
    assert here.logged(Verb.SIGN)[-1].rule == "chongqing.art_16_open"
    both = here.plan(here.submit(wants("admissions.WARD", "admissions.COST", population=ON_OPEN_FIELDS)))
    assert "operator_review" in steps(both)


@pytest.mark.clause("chongqing", "art_16_conditional")
def test_chongqing_16_the_operator_reviews_the_authority_consents_then_both_sign(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.submit(wants())
    order = ("operator_review", "authority_consent", "agreement_user", "agreement_authority")
    assert steps(here.plan(number)) == order
    for early in order[1:]:
        with pytest.raises(ApprovalError):
            here.sign(number, early)
    for step in order[:-1]:
        assert here.sign(number, step) is State.SUBMITTED
        with pytest.raises(ApprovalError):
            here.order(number)
    assert here.sign(number, order[-1]) is State.APPROVED
    cited = {entry.rule for entry in here.logged(Verb.SIGN) if entry.object.startswith(f"{number}/")}
    assert cited == {"chongqing.art_16_conditional"}


@pytest.mark.clause("chongqing", "art_16_conditional")
def test_chongqing_16_where_nobody_of_the_authority_consents_it_is_refused(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.submit(wants())
    assert "authority_consent" in steps(here.plan(number))
    here.sign(number, "operator_review")
    with pytest.raises(ApprovalError):
        here.sign(number, "authority_consent", by=here.signatory(number, "operator_review"))
    with pytest.raises(ApprovalError):
        here.sign(number, "authority_consent", by=here.applicant)
    assert here.state(number) is State.SUBMITTED


@pytest.mark.clause("chongqing", "art_16_not_shared")
@pytest.mark.clause("chongqing", "第二十三条（四）")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_chongqing_16_what_is_not_shared_goes_to_nobody_whoever_consents(consent: str) -> None:
    asked = wants("admissions.INFECTION", consent=consent)
    assert numbers(asked).get("chongqing.art_16_not_shared") == "第二十三条（四）"
    shared = catalogue("chongqing", {"admissions.INFECTION": {"sharing": {"mode": "conditional"}}})
    assert not refused("chongqing", asked, shared)
    # Nor does a condition on it tell anything.
    asked = wants("patients.SEX", population="admissions.INFECTION = '1'", consent=consent)
    assert "chongqing.art_16_not_shared" in refused("chongqing", asked)


@pytest.mark.clause("chongqing", "art_16_third_parties")
@pytest.mark.clause("chongqing", "第二十三条（四）")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_chongqing_16_nothing_is_passed_on_to_a_third_party(mode: str) -> None:
    passed = wants(mode=mode, safeguards={"passed_on": True})
    assert numbers(passed).get("chongqing.art_16_third_parties") == "第二十三条（四）"
    assert not refused("chongqing", changed(passed, safeguards={"passed_on": False}))


# --- 第十八条、第二十三条 ---------------------------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_18_protection")
@pytest.mark.clause("chongqing", "第二十三条（五）")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_chongqing_18_sensitive_fields_go_only_to_systems_of_the_third_grade(mode: str) -> None:
    weak = wants("admissions.COST", mode=mode, safeguards={"mlps": 2})
    assert numbers(weak).get("chongqing.art_18_protection") == "第二十三条（五）"
    assert not refused("chongqing", changed(weak, safeguards={"mlps": 3}))
    plain = wants("patients.SEX", population=ON_OPEN_FIELDS, mode=mode, safeguards={"mlps": 2})
    assert "chongqing.art_18_protection" not in refused("chongqing", plain)


@pytest.mark.clause("chongqing", "art_17_free_text")
@pytest.mark.clause("chongqing", "第二十三条（五）")
def test_chongqing_23_a_text_that_is_of_use_only_as_it_stands_is_refused_under_the_fifth_number() -> None:
    shared = catalogue("chongqing", {"admissions.NOTE": {"sharing": {"mode": "conditional"}}})
    asked = wants("admissions.NOTE", consent="written")
    (note,) = asked.variables
    with taken_out("baseline", "free_text"):
        as_it_stands = replace(asked, variables=(replace(note, coarsest="raw"),))
        assert numbers(as_it_stands, shared).get("chongqing.art_17_free_text") == "第二十三条（五）"
        assert numbers(replace(asked, variables=(replace(note, coarsest="surrogate"),)), shared) == {}


@pytest.mark.clause("chongqing", "第二十三条（七）")
@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param("art_10_complete", {"responsible": ""}, marks=pytest.mark.clause("chongqing", "art_10_complete")),
        pytest.param(
            "art_15_legal_basis",
            {"sharing": {"basis": ""}},
            marks=pytest.mark.clause("chongqing", "art_15_legal_basis"),
        ),
    ],
)
def test_chongqing_23_a_catalogue_that_lacks_something_is_refused_under_the_last_number(
    rule: str, change: dict[str, Any]
) -> None:
    found = numbers(wants("patients.SEX"), with_fields(SEX=change))
    assert found.get(f"chongqing.{rule}") == "第二十三条（七）"


@pytest.mark.clause("chongqing", "art_12_unique")
@pytest.mark.clause("chongqing", "第二十三条（七）")
def test_chongqing_23_a_catalogue_without_one_identity_is_refused_under_the_last_number() -> None:
    whole = catalogue("chongqing")
    without = replace(whole, tables=tuple(replace(table, identity=False) for table in whole.tables))
    assert numbers(wants(), without).get("chongqing.art_12_unique") == "第二十三条（七）"
    assert numbers(wants(), whole) == {}


@pytest.mark.clause("chongqing", "art_10_one_source")
@pytest.mark.clause("chongqing", "第二十三条（二）")
def test_chongqing_23_a_datum_collected_twice_is_refused_under_the_second_number() -> None:
    one = {"patients.SEX": {"element": "性别代码"}}
    twice = {**one, "admissions.WARD": {"element": "性别代码"}}
    found = numbers(wants(), catalogue("chongqing", twice))
    assert found.get("chongqing.art_10_one_source") == "第二十三条（二）"
    assert numbers(wants(), catalogue("chongqing", one)) == {}


@pytest.mark.clause("chongqing", "art_10_complete")
@pytest.mark.clause("chongqing", "第二十三条（一）")
def test_chongqing_23_what_the_catalogue_does_not_give_is_refused_under_the_first_number() -> None:
    beyond = {"chongqing.art_10_complete": "第二十三条（一）"}
    assert numbers(wants("patients.SEX", "patients.WEIGHT")) == beyond
    assert numbers(wants("patients.SEX"), with_fields(SEX={"use": (UseMode.ANALYSE,)})) == beyond
    assert numbers(wants("patients.SEX"), with_fields(SEX={"use": (UseMode.EXTRACT,)})) == {}


@pytest.mark.clause("chongqing", "art_10_minimal")
@pytest.mark.clause("chongqing", "第二十三条（四）")
def test_chongqing_10_no_more_than_suffices_and_what_no_use_needs_is_refused_under_the_article() -> None:
    assert numbers(wants("patients.SEX", "patients.SEX")).get("chongqing.art_10_minimal") == "第二十三条（四）"
    assert numbers(wants("patients.SEX")) == {}
    # Of the field that is not asked for nothing is read.
    plan = compiled("chongqing", wants("patients.SEX", population=ON_OPEN_FIELDS))
    assert {column.source for table in plan.tables for column in table.columns} == {"SEX"}
