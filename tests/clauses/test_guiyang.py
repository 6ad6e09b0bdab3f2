"""贵阳市健康医疗大数据应用发展条例 art. 9, 10, 12, 26, 27: the catalogue, the identity document as key, what leaves how."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from building import catalogue, changed, compiled, level, refusal, refused, request, taken_out

from extractor.catalogue import Catalogue, UseMode
from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.release import Release
from extractor.plans.nodes import Plan
from extractor.policy_words import PracticeKind
from extractor.requests import Request

CATEGORIES = (
    "公共卫生", "计划生育", "健康服务", "医疗服务", "医疗保障", "药品供应", "医疗器械", "应急指挥", "健康管理", "综合管理",
)  # fmt: skip
PERSONS: dict[str, list[Any]] = {
    "PATIENT_ID": ["P1 ", "P2"], "ID_NO": ["110101199003074610", "110101199003074629"], "SEX": ["1", "1"],
}  # fmt: skip
STAYS: dict[str, list[Any]] = {"PATIENT_ID": ["P1", "P2"], "COST": ["10", "20"], "ADMITTED": [date(2025, 3, 1)] * 2}


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Guiyang."""
    return request(*asks, regime="guiyang", **changes)


def with_fields(**fields: dict[str, Any]) -> Catalogue:
    """Return the catalogue with fields of patients (``SEX={…}``) changed."""
    return catalogue("guiyang", {f"patients.{name}": change for name, change in fields.items()})


def practised(plan: Plan, kind: PracticeKind) -> set[str]:
    """Return the rules for which a plan names a practice."""
    return {f"{c.regime}.{c.rule}" for each in plan.practices if each.practice is kind for c in each.cited}


def given(plan: Plan, table: str, *, project: str = "p") -> pl.DataFrame:
    """Return what a run gives of a table of two persons, each with one stay."""
    sources = {"patients": PERSONS, "admissions": STAYS}
    keys = ProjectKeys.derive(b"r" * 32, project)
    release = Release(plan, lambda name, columns: pl.LazyFrame(sources[name]).select(columns), keys)
    planned = {each.name: each for each in plan.tables}
    return release.given(planned[table]).collect()


# --- 第九条、第十二条: the catalogue ----------------------------------------------------------------------------------


@pytest.mark.clause("guiyang", "art_9_categories")
@pytest.mark.clause("guiyang", "第二十七条（二）")
@pytest.mark.parametrize("name", CATEGORIES)
def test_guiyang_9_a_field_stands_in_one_of_the_ten_classes(name: str) -> None:
    assert not refused("guiyang", wants("patients.SEX"), with_fields(SEX={"category": name}))
    reasons = refusal("guiyang", wants("patients.SEX"), with_fields(SEX={"category": f"{name}其他"}))
    assert [(each.thing, each.rule, each.violation) for each in reasons] == [
        ("patients.SEX", "guiyang.art_9_categories", "第二十七条（二）")
    ]


@pytest.mark.clause("guiyang", "art_9_categories")
@pytest.mark.clause("guiyang", "第二十七条（二）")
def test_guiyang_27_what_the_catalogue_does_not_give_is_refused_under_the_second_number() -> None:
    def found(asked: Request, source: Catalogue) -> list[tuple[str, str, str]]:
        return [(each.thing, each.rule, each.violation) for each in refusal("guiyang", asked, source)]

    beyond = ("guiyang.art_9_categories", "第二十七条（二）")
    unknown = wants("patients.SEX", "patients.WEIGHT")
    assert found(unknown, with_fields()) == [("patients.WEIGHT", *beyond)]
    stays = with_fields(SEX={"use": (UseMode.ANALYSE,)})
    assert found(wants("patients.SEX"), stays) == [("patients.SEX", *beyond)]
    assert found(wants("patients.SEX"), with_fields(SEX={"use": (UseMode.EXTRACT,)})) == []


@pytest.mark.clause("guiyang", "art_10_key")
@pytest.mark.clause("guiyang", "第二十七条（三）")
def test_guiyang_27_a_catalogue_without_one_key_for_each_person_is_refused_under_the_third_number() -> None:
    whole = catalogue("guiyang")
    without = replace(whole, tables=tuple(replace(table, identity=False) for table in whole.tables))
    found = {(each.rule, each.violation) for each in refusal("guiyang", wants(), without)}
    assert ("guiyang.art_10_key", "第二十七条（三）") in found
    assert not refused("guiyang", wants(), whole)


@pytest.mark.clause("guiyang", "art_10_key")
def test_guiyang_10_without_a_table_in_which_each_person_has_one_key_nothing_is_given() -> None:
    whole = catalogue("guiyang")
    without = replace(whole, tables=tuple(replace(table, identity=False) for table in whole.tables))
    assert "guiyang.art_10_key" in refused("guiyang", wants(), without)
    assert not refused("guiyang", wants(), whole)


@pytest.mark.clause("guiyang", "art_12_responsible")
@pytest.mark.parametrize("facet", ["responsible", "category", "attributes"])
def test_guiyang_12_somebody_is_in_charge_of_each_field_that_is_given(facet: str) -> None:
    found = refusal("guiyang", wants("patients.SEX"), with_fields(SEX={facet: " "}))
    assert ("patients.SEX", "guiyang.art_12_responsible") in {(each.thing, each.rule) for each in found}
    assert not refused("guiyang", wants("patients.SEX"), with_fields())
    assert not refused("guiyang", wants("patients.BIRTH"), with_fields(SEX={facet: " "}))


# --- 第十条: the identity document is a key and nothing else ----------------------------------------------------------


@pytest.mark.clause("guiyang", "art_10_identity")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_guiyang_10_a_resident_id_number_leaves_only_as_a_pseudonym_whoever_agrees(consent: str) -> None:
    asked = wants("patients.PATIENT_ID:pseudonym", "patients.ID_NO", population="patients.SEX = '1'", consent=consent)
    found, cited = level(compiled("guiyang", asked), "patients.ID_NO")
    assert (found, "guiyang.art_10_identity" in cited) == ("pseudonym", True)
    if consent == "written":  # What the baseline alone would give.
        assert level(compiled((), asked, catalogue("guiyang")), "patients.ID_NO")[0] == "raw"


@pytest.mark.clause("guiyang", "art_10_identity")
def test_guiyang_10_no_resident_id_number_is_among_what_a_run_gives() -> None:
    asked = wants("patients.PATIENT_ID:pseudonym", "patients.ID_NO", population="patients.SEX = '1'", consent="written")
    rows = given(compiled("guiyang", asked), "patients")
    assert not set(rows["ID_NO"]) & set(PERSONS["ID_NO"])
    assert rows["ID_NO"].n_unique() == 2


@pytest.mark.clause("guiyang", "art_10_other_document")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_guiyang_10_the_number_of_another_document_leaves_as_a_pseudonym_too(consent: str) -> None:
    asked, source = wants("patients.ID_NO", "patients.SEX", consent=consent), with_fields(ID_NO={"kind": "passport"})
    found, cited = level(compiled("guiyang", asked, source), "patients.ID_NO")
    assert (found, "guiyang.art_10_other_document" in cited) == ("pseudonym", True)
    phone = wants("patients.PHONE", "patients.SEX", consent="written")
    assert level(compiled("guiyang", phone), "patients.PHONE")[0] == "raw"


@pytest.mark.clause("guiyang", "art_10_unique")
def test_guiyang_10_one_person_has_one_key_in_every_table() -> None:
    plan = compiled("guiyang", wants(population="patients.SEX = '1'"))
    assert practised(plan, PracticeKind.UNIQUE_IDENTITY) == {"guiyang.art_10_unique"}
    persons, stays = (set(given(plan, name)["PATIENT_ID"]) for name in ("patients", "admissions"))
    assert (persons == stays, len(persons)) == (True, 2)


@pytest.mark.clause("guiyang", "art_10_pseudonym")
def test_guiyang_10_the_key_of_another_project_is_another_one() -> None:
    plan = compiled("guiyang", wants(population="patients.SEX = '1'"))
    assert practised(plan, PracticeKind.IDENTITY_PSEUDONYM) == {"guiyang.art_10_pseudonym"}
    here, there = (set(given(plan, "patients", project=name)["PATIENT_ID"]) for name in ("p", "q"))
    assert here.isdisjoint(there)
    assert here.isdisjoint(PERSONS["PATIENT_ID"])


# --- 第二十六条: privacy ----------------------------------------------------------------------------------------------


@pytest.mark.clause("guiyang", "art_26_privacy")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("phone", "pseudonym"), ("email", "pseudonym"), ("insurance_id", "pseudonym"), ("bank_card", "none")],
)
def test_guiyang_26_identifiers_leave_treated_even_where_the_baseline_would_not_bound_them(
    kind: str, expected: str
) -> None:
    asked, source = wants("patients.PHONE", "patients.SEX"), with_fields(PHONE={"kind": kind})
    asked = changed(asked, variables=(replace(asked.variables[0], level="raw"), asked.variables[1]))
    with taken_out("baseline", "identifiers"):
        for consent in ("none", "waiver"):
            found = level(compiled("guiyang", changed(asked, consent=consent), source), "patients.PHONE")
            assert found == (expected, frozenset({"guiyang.art_26_privacy"}))
    consented = level(compiled("guiyang", changed(asked, consent="written"), source), "patients.PHONE")
    assert consented[1] == {"baseline.identifiers_with_consent"}


@pytest.mark.clause("guiyang", "art_26_names")
def test_guiyang_26_names_of_persons_and_relatives_never_leave_without_consent() -> None:
    asked = wants("patients.NAME", "patients.RELATIVE", "patients.SEX")
    with taken_out("baseline", "names"), taken_out("baseline", "names_of_relatives"):
        plan = compiled("guiyang", asked)
        for place in ("patients.NAME", "patients.RELATIVE"):
            assert level(plan, place) == ("none", frozenset({"guiyang.art_26_names"}))
    assert level(compiled("guiyang", changed(asked, consent="written")), "patients.NAME")[0] == "raw"


@pytest.mark.clause("guiyang", "art_26_free_text")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_guiyang_26_free_text_leaves_only_treated_whoever_consents(consent: str) -> None:
    asked = wants("admissions.NOTE", consent=consent)
    with taken_out("baseline", "free_text"):
        found = level(compiled("guiyang", asked), "admissions.NOTE")
        assert found == ("surrogate", frozenset({"guiyang.art_26_free_text"}))
    coarser = compiled("guiyang", wants("admissions.NOTE:redacted", consent=consent))
    assert level(coarser, "admissions.NOTE")[0] == "redacted"
