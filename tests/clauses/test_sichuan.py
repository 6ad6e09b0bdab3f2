"""四川省健康医疗大数据应用管理办法（试行，征求意见稿）, clause by clause: what is given at which level, and to whom nothing is given.

Where the baseline asks for the same level, a test asks the draft alone as well (``alone``), so that it shows what the draft says.
"""

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
    policies,
    policy,
    refused,
    request,
)
from installation import Site

from extractor.catalogue import Catalogue
from extractor.errors import Refused
from extractor.levels import hierarchy_of
from extractor.log.entries import Verb
from extractor.plans.compile import compile_plan
from extractor.policy_set import PolicySet
from extractor.policy_words import Side
from extractor.requests import Request
from extractor.selection import Circumstances

ON_SEX = "patients.SEX = '1'"
"""A population that no sensitive field describes."""


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(*asks, regime="sichuan", **changes)


def given(asked: Request, place: str, source: Catalogue | None = None) -> tuple[str, frozenset[str]]:
    """Return at which level the plan under baseline and draft gives a field, and the rules that bound it."""
    return level(compiled("sichuan", asked, source or catalogue("sichuan")), place)


def alone(asked: Request, place: str, source: Catalogue | None = None) -> str:
    """Return the level that the draft alone sets for a field, and ``unbounded`` where it sets none."""
    table, _, name = place.partition(".")
    field = (source or catalogue("sichuan")).field(table, name)
    assert field is not None
    bound = PolicySet((policy("sichuan"),)).ceiling(field, asked)
    return bound.level if bound else "unbounded"


def of_kind(place: str, kind: str, **more: Any) -> tuple[Catalogue, str]:
    """Return a catalogue in which a field is of another kind, and the ask for the field at that kind's finest level."""
    return catalogue("sichuan", fields={place: {"kind": kind, **more}}), f"{place}:{hierarchy_of(kind).names[0]}"


# --- 第十条、第十四条: the catalogue ---------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_10_unique")
def test_sichuan_10_a_catalogue_says_where_each_person_has_one_identity() -> None:
    known = catalogue("sichuan")
    unknown = replace(known, tables=tuple(replace(table, identity=False) for table in known.tables))
    assert refused("sichuan", wants(), unknown) == {"sichuan.art_10_unique"}
    assert not refused("sichuan", wants(), known)


@pytest.mark.clause("sichuan", "art_14_live")
def test_sichuan_14_a_catalogue_that_is_kept_up_to_date_has_a_version() -> None:
    assert refused("sichuan", wants(), catalogue("sichuan", version=" ")) == {"sichuan.art_14_live"}
    assert not refused("sichuan", wants(), catalogue("sichuan", version="2"))


# --- 第三十条: identifiers -------------------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_30_identity")
@pytest.mark.parametrize(
    ("kind", "finest", "authorised"),
    [
        *((kind, "pseudonym", "raw") for kind in ("resident_id", "passport", "insurance_id", "licence")),
        *((kind, "pseudonym", "raw") for kind in ("phone", "landline", "email")),
        ("record_number", "pseudonym", "pseudonym"),
        *((kind, "none", "mask") for kind in ("bank_card", "plate", "account")),
    ],
)
@pytest.mark.parametrize("consent", ["none", "waiver"])
def test_sichuan_30_an_identifier_leaves_only_desensitised_without_written_authorisation(
    kind: str, finest: str, authorised: str, consent: str
) -> None:
    source, ask = of_kind("patients.ID_NO", kind)
    asked = wants(ask, "patients.SEX", consent=consent)
    found, rules = given(asked, "patients.ID_NO", source)
    assert (found, alone(asked, "patients.ID_NO", source)) == (finest, finest)
    assert "sichuan.art_30_identity" in rules
    found, rules = given(changed(asked, consent="written"), "patients.ID_NO", source)
    assert (found, "sichuan.art_30_identity" in rules) == (authorised, False)
    assert alone(asked, "patients.ID_NO", of_kind("patients.ID_NO", kind, cls="other")[0]) == "unbounded"


@pytest.mark.clause("sichuan", "art_30_names")
@pytest.mark.parametrize("place", ["patients.NAME", "patients.RELATIVE"])
@pytest.mark.parametrize("consent", ["none", "waiver"])
def test_sichuan_30_the_name_of_a_person_or_relative_does_not_leave_without_authorisation(
    place: str, consent: str
) -> None:
    asked = wants(place, "admissions.DOCTOR", "patients.SEX", consent=consent)
    found, rules = given(asked, place)
    assert (found, alone(asked, place)) == ("none", "none")
    assert "sichuan.art_30_names" in rules
    # A doctor's name is no name of whoever the data are about.
    found, rules = given(asked, "admissions.DOCTOR")
    assert (found, "sichuan.art_30_names" in rules) == ("pseudonym", False)
    assert alone(changed(asked, consent="written"), place) != "none"


OF_AN_ORGAN = {"purpose": {"category": "public_health"}, "applicant": {"kind": "public_institution"}}
CASES: list[tuple[str, str, dict[str, Any], tuple[str, str]]] = [
    # The mode opens more where a field is shared: an enclave the year of birth, the street and the hour; organs the true day.
    ("birth_date", "quasi", {"mode": "enclave"}, ("year", "age")),
    ("address", "quasi", {"mode": "enclave"}, ("street", "county")),
    ("event_time", "sensitive", {"mode": "enclave"}, ("shifted_time", "shifted_day")),
    ("event_date", "quasi", OF_AN_ORGAN, ("day", "shifted_day")),
    ("division", "quasi", {}, ("county", "county")),
    ("postcode", "quasi", {}, ("digits_4", "digits_4")),
]


@pytest.mark.clause("sichuan", "art_30_cases")
@pytest.mark.parametrize(("kind", "cls", "changes", "levels"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("consent", ["none", "waiver"])
def test_sichuan_30_cases_of_persons_are_given_coarser_without_authorisation(
    kind: str, cls: str, changes: dict[str, Any], levels: tuple[str, str], consent: str
) -> None:
    place, (shared, case) = "patients.ADDRESS", levels
    source, ask = of_kind(place, kind, cls=cls)
    restricted, _ = of_kind(place, kind, cls=cls, sharing={"mode": "restricted"})
    asked = wants(ask, "patients.SEX", consent=consent, **changes)
    found, rules = given(asked, place, restricted)
    assert (found, alone(asked, place, restricted)) == (case, case)
    assert "sichuan.art_30_cases" in rules
    found, rules = given(asked, place, source)
    assert (found, "sichuan.art_30_cases" in rules) == (shared, False)
    assert "sichuan.art_30_cases" not in given(changed(asked, consent="written"), place, restricted)[1]
    direct, _ = of_kind(place, kind, cls="direct", sharing={"mode": "restricted"})
    assert alone(asked, place, direct) == "unbounded"
    # It is for the data of the province, not for what its units receive from elsewhere.
    received = PolicySet(policies("sichuan").policies, (("sichuan", (Side.RECIPIENT,)),))
    assert level(compile_plan(asked, restricted, received), place)[0] == shared


@pytest.mark.clause("sichuan", "art_30_consent")
@pytest.mark.parametrize(
    "kind",
    ["resident_id", "passport", "insurance_id", "licence", "person_name", "phone", "landline", "email"],
)
def test_sichuan_30_written_authorisation_opens_the_identity_of_that_person(kind: str) -> None:
    source, ask = of_kind("patients.ID_NO", kind)
    asked = wants(ask, "patients.SEX", consent="written")
    found, rules = given(asked, "patients.ID_NO", source)
    assert (found, alone(asked, "patients.ID_NO", source)) == ("raw", "raw")
    assert "sichuan.art_30_consent" in rules
    relative, _ = of_kind("patients.ID_NO", kind, subject="relative")
    assert alone(asked, "patients.ID_NO", relative) == ("unbounded" if kind == "person_name" else "pseudonym")
    assert alone(asked, "patients.ID_NO", of_kind("patients.ID_NO", kind, cls="other")[0]) == "unbounded"
    for less in ("none", "waiver"):
        found, rules = given(changed(asked, consent=less), "patients.ID_NO", source)
        assert (found == "raw", "sichuan.art_30_consent" in rules) == (False, False)


@pytest.mark.clause("sichuan", "art_30_others")
@pytest.mark.parametrize("subject", ["relative", "staff"])
@pytest.mark.parametrize(
    ("kind", "finest"),
    [
        *((kind, "pseudonym") for kind in ("resident_id", "passport", "insurance_id", "licence", "record_number")),
        *((kind, "pseudonym") for kind in ("phone", "landline", "email")),
        *((kind, "none") for kind in ("bank_card", "plate", "account")),
    ],
)
def test_sichuan_30_the_authorisation_of_one_does_not_open_the_identity_of_another(
    kind: str, finest: str, subject: str
) -> None:
    other, ask = of_kind("patients.PHONE", kind, subject=subject)
    asked = wants(ask, "patients.SEX", consent="written")
    found, rules = given(asked, "patients.PHONE", other)
    assert (found, alone(asked, "patients.PHONE", other)) == (finest, finest)
    assert "sichuan.art_30_others" in rules
    assert "sichuan.art_30_others" not in given(asked, "patients.PHONE", of_kind("patients.PHONE", kind)[0])[1]


@pytest.mark.clause("sichuan", "art_30_free_text")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_sichuan_30_free_text_leaves_only_desensitised_whoever_authorises(consent: str) -> None:
    asked = wants("admissions.NOTE", consent=consent)
    found, rules = given(asked, "admissions.NOTE")
    assert (found, alone(asked, "admissions.NOTE")) == ("surrogate", "surrogate")
    assert "sichuan.art_30_free_text" in rules
    assert given(wants("admissions.NOTE:redacted", consent=consent), "admissions.NOTE")[0] == "redacted"


@pytest.mark.clause("sichuan", "art_23_secrets")
@pytest.mark.parametrize("kind", ["organization", "uscc"])
@pytest.mark.parametrize("cls", ["direct", "quasi", "sensitive"])
def test_sichuan_23_what_is_published_names_no_unit_that_identifies(kind: str, cls: str) -> None:
    source, ask = of_kind("patients.EMPLOYER", kind, cls=cls)
    plain, _ = of_kind("patients.EMPLOYER", kind, cls="other")
    asked = wants(ask, "patients.SEX", mode="public")
    found, rules = given(asked, "patients.EMPLOYER", source)
    assert (found, alone(asked, "patients.EMPLOYER", source)) == ("pseudonym", "pseudonym")
    assert "sichuan.art_23_secrets" in rules
    assert alone(asked, "patients.EMPLOYER", plain) == "unbounded"
    assert alone(changed(asked, mode="controlled"), "patients.EMPLOYER", source) == "unbounded"


# --- 第三十一条、第三十二条: how the recipient protects it ------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_31_mlps")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
@pytest.mark.parametrize("place", ["admissions.COST", "patients.PATIENT_ID:pseudonym"])
def test_sichuan_31_systems_of_sensitive_and_identifying_fields_have_grade_3(mode: str, place: str) -> None:
    weak = wants(place, population=ON_SEX, mode=mode, safeguards={"mlps": 2})
    assert "sichuan.art_31_mlps" in refused("sichuan", weak)
    assert not refused("sichuan", changed(weak, safeguards={"mlps": 3}))
    assert not refused("sichuan", changed(weak, mode="public"))
    of_others = changed(weak, variables=wants("patients.SEX").variables)
    assert "sichuan.art_31_mlps" not in refused("sichuan", of_others)


@pytest.mark.clause("sichuan", "art_32_protection")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_sichuan_32_nothing_is_handed_to_where_it_is_protected_less(mode: str) -> None:
    weak = wants("admissions.WARD", population=ON_OPEN_FIELDS, mode=mode, safeguards={"mlps": 2})
    assert refused("sichuan", weak) == {"sichuan.art_32_protection"}
    assert not refused("sichuan", changed(weak, safeguards={"mlps": 3}))
    assert not refused("sichuan", changed(weak, mode="public"))


@pytest.mark.clause("sichuan", "art_32_protection")
def test_sichuan_32_who_protects_it_less_is_refused_when_they_apply_and_the_log_says_why(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    weak = wants("admissions.WARD", population=ON_OPEN_FIELDS, safeguards={"mlps": 2})
    with pytest.raises(Refused):
        here.submit(weak)
    assert [entry.rule for entry in here.logged(Verb.REFUSE)] == ["sichuan.art_32_protection"]
    assert here.submit(changed(weak, safeguards={"mlps": 3}))


# --- 第十七条: integrity ---------------------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_17_integrity")
def test_sichuan_17_whoever_has_an_open_breach_gets_nothing() -> None:
    assert refused("sichuan", wants(), facts=Circumstances(breaches=("BR-2026-0001",))) == {"sichuan.art_17_integrity"}
    assert not refused("sichuan", wants())
