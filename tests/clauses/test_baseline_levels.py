"""The ceilings of the national baseline, rule by rule: at which level each kind leaves, and what one difference changes.

The baseline is asked alone. Its ceilings divide all cases between them, so that a case without its rule is refused as unbounded.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from building import catalogue, changed, compiled, level, refusal, request, taken_out

from extractor.catalogue import Catalogue
from extractor.levels import hierarchy_of
from extractor.requests import Request

USUAL = {
    "mode": "controlled", "consent": "waiver", "purpose": "research", "applicant": "university", "subject": "person",
    "cls": "direct",
}  # fmt: skip
"""What a ceiling may select; a case changes some of it."""

NOT_PUBLIC = ("controlled", "enclave")
NO_CONSENT = ("none", "waiver")
ANY_CONSENT = (*NO_CONSENT, "written")
OTHERS = ("relative", "staff")
ANYBODY = ("person", *OTHERS)
NOT_DIRECT = ("quasi", "sensitive", "other")
STATUTORY = ("public_health", "administration")

NUMBERS = dict.fromkeys(
    ("resident_id", "passport", "insurance_id", "licence", "phone", "landline", "email"), "pseudonym"
)
ACCOUNTS = ("bank_card", "plate", "account")
PSEUDONYMS = NUMBERS | dict.fromkeys(ACCOUNTS, "none")
WITH_CONSENT = dict.fromkeys(NUMBERS, "raw") | dict.fromkeys(ACCOUNTS, "mask")
COUNTY = {"birth_date": "age", "age": "age", "address": "county", "division": "county", "postcode": "digits_4"}
SHIFTED = {"event_date": "shifted_day", "event_time": "shifted_day"}


def place_of(kind: str) -> str:
    """Return the field of a kind in the catalogue of ``asked``; the name is none that the usual catalogue has."""
    return f"patients.OF_KIND_{kind.upper()}"


def asked(kinds: tuple[str, ...], case: dict[str, str]) -> tuple[Request, Catalogue]:
    """Return a request for a field of each kind at its finest level, beside the person's pseudonym, and the catalogue."""
    whole = catalogue("baseline")
    persons = whole.tables[0]
    like = persons.fields[-1]
    own = tuple(
        changed(like, name=place_of(k).partition(".")[2], kind=k, cls=case["cls"], subject=case["subject"])
        for k in kinds
    )
    source = replace(whole, tables=(replace(persons, fields=(*persons.fields, *own)), *whole.tables[1:]))
    asks = (f"{place_of(kind)}:{hierarchy_of(kind).names[0]}" for kind in kinds)
    wanted = request(
        "patients.PATIENT_ID:pseudonym", *asks, regime="baseline", mode=case["mode"], consent=case["consent"],
        purpose={"category": case["purpose"]}, applicant={"kind": case["applicant"]},
    )  # fmt: skip
    return wanted, source


def given(kinds: tuple[str, ...], case: dict[str, str]) -> dict[str, tuple[str, frozenset[str]]]:
    """Return at which level the baseline alone gives each kind, and the rules that bound it."""
    plan = compiled((), *asked(kinds, case))
    return {kind: level(plan, place_of(kind)) for kind in kinds}


def unbounded(kinds: tuple[str, ...], case: dict[str, str]) -> set[str]:
    """Return the kinds that are refused because no rule bounds them."""
    reasons = refusal((), *asked(kinds, case))
    return {kind for kind in kinds if (place_of(kind), "ceiling") in {(each.thing, each.rule) for each in reasons}}


@pytest.mark.parametrize(
    ("rule", "cases", "levels", "otherwise", "then"),
    [
        # --- identifiers ---
        pytest.param(
            "public_identifiers", {"mode": ("public",), "consent": ANY_CONSENT, "subject": ANYBODY},
            PSEUDONYMS | dict.fromkeys(("licence", "person_name", "phone", "landline", "email"), "none"),
            {"mode": "controlled"}, ("phone", "pseudonym", "identifiers"),
            marks=pytest.mark.clause("baseline", "public_identifiers"),
        ),
        pytest.param(
            "identifiers", {"mode": NOT_PUBLIC, "consent": NO_CONSENT, "subject": ANYBODY}, PSEUDONYMS,
            {"consent": "written"}, ("phone", "raw", "identifiers_with_consent"),
            marks=pytest.mark.clause("baseline", "identifiers"),
        ),
        pytest.param(
            "identifiers_of_others", {"mode": NOT_PUBLIC, "consent": ("written",), "subject": OTHERS}, PSEUDONYMS,
            {"subject": "person"}, ("phone", "raw", "identifiers_with_consent"),
            marks=pytest.mark.clause("baseline", "identifiers_of_others"),
        ),
        pytest.param(
            "identifiers_with_consent", {"mode": NOT_PUBLIC, "consent": ("written",)}, WITH_CONSENT,
            {"consent": "waiver"}, ("bank_card", "none", "identifiers"),
            marks=pytest.mark.clause("baseline", "identifiers_with_consent"),
        ),
        pytest.param(
            "names", {"mode": NOT_PUBLIC, "consent": NO_CONSENT}, {"person_name": "none"},
            {"consent": "written"}, ("person_name", "raw", "names_with_consent"),
            marks=pytest.mark.clause("baseline", "names"),
        ),
        pytest.param(
            "names_of_relatives", {"mode": NOT_PUBLIC, "consent": ("written", *NO_CONSENT), "subject": ("relative",)},
            {"person_name": "none"},
            {"subject": "person"}, ("person_name", "raw", "names_with_consent"),
            marks=pytest.mark.clause("baseline", "names_of_relatives"),
        ),
        pytest.param(
            "names_of_staff", {"mode": NOT_PUBLIC, "consent": ANY_CONSENT, "subject": ("staff",)},
            {"person_name": "pseudonym"},
            {"subject": "relative"}, ("person_name", "none", "names_of_relatives"),
            marks=pytest.mark.clause("baseline", "names_of_staff"),
        ),
        pytest.param(
            "names_with_consent", {"mode": NOT_PUBLIC, "consent": ("written",)}, {"person_name": "raw"},
            {"consent": "waiver"}, ("person_name", "none", "names"),
            marks=pytest.mark.clause("baseline", "names_with_consent"),
        ),
        # The number of an insurance is raw with consent; one that a hospital gave joins rows and never needs to be.
        pytest.param(
            "record_numbers",
            {"mode": ("controlled", "enclave", "public"), "consent": ("written", *NO_CONSENT), "subject": ANYBODY},
            {"record_number": "pseudonym"},
            {}, ("insurance_id", "raw", "identifiers_with_consent"),
            marks=pytest.mark.clause("baseline", "record_numbers"),
        ),
        pytest.param(
            "organisations", {"mode": ("controlled", "enclave", "public"), "cls": ("other",)},
            {"organization": "raw", "uscc": "raw"},
            {"cls": "quasi"}, ("uscc", "pseudonym", "organisations_that_identify"),
            marks=pytest.mark.clause("baseline", "organisations"),
        ),
        pytest.param(
            "organisations_that_identify",
            {"mode": ("controlled", "enclave", "public"), "cls": ("direct", "quasi", "sensitive")},
            {"organization": "pseudonym", "uscc": "pseudonym"},
            {"cls": "other"}, ("organization", "raw", "organisations"),
            marks=pytest.mark.clause("baseline", "organisations_that_identify"),
        ),
        # --- quasi-identifiers ---
        pytest.param(
            "public_quasi", {"mode": ("public",), "consent": ANY_CONSENT, "subject": ANYBODY, "cls": ("quasi",)},
            {
                "birth_date": "age_band_5", "age": "age_band_5", "address": "prefecture", "division": "prefecture",
                "postcode": "digits_2",
            },
            {"mode": "controlled"}, ("birth_date", "age", "controlled_quasi"),
            marks=pytest.mark.clause("baseline", "public_quasi"),
        ),
        pytest.param(
            "controlled_quasi", {"consent": NO_CONSENT, "subject": ANYBODY, "cls": ("quasi",)}, COUNTY,
            {"mode": "enclave"}, ("address", "street", "enclave_quasi"),
            marks=pytest.mark.clause("baseline", "controlled_quasi"),
        ),
        pytest.param(
            "enclave_quasi", {"mode": ("enclave",), "consent": NO_CONSENT, "subject": ANYBODY, "cls": ("quasi",)},
            COUNTY | {"birth_date": "year", "address": "street"},
            {"mode": "controlled"}, ("birth_date", "age", "controlled_quasi"),
            marks=pytest.mark.clause("baseline", "enclave_quasi"),
        ),
        pytest.param(
            "quasi_of_others",
            {"mode": NOT_PUBLIC, "consent": ("written",), "subject": OTHERS, "cls": ("quasi",)}, COUNTY,
            {"subject": "person"}, ("birth_date", "day", "quasi_with_consent"),
            marks=pytest.mark.clause("baseline", "quasi_of_others"),
        ),
        pytest.param(
            "quasi_with_consent", {"mode": NOT_PUBLIC, "consent": ("written",), "cls": ("quasi",)},
            {"birth_date": "day", "age": "age", "address": "raw", "division": "raw", "postcode": "raw"},
            {"subject": "relative"}, ("birth_date", "age", "quasi_of_others"),
            marks=pytest.mark.clause("baseline", "quasi_with_consent"),
        ),
        # --- dates of events ---
        pytest.param(
            "public_dates", {"mode": ("public",), "consent": ANY_CONSENT, "subject": ANYBODY, "cls": ("quasi",)},
            {"event_date": "month", "event_time": "month"},
            {"mode": "controlled"}, ("event_date", "shifted_day", "controlled_dates"),
            marks=pytest.mark.clause("baseline", "public_dates"),
        ),
        pytest.param(
            "controlled_dates",
            {"consent": NO_CONSENT, "purpose": ("research", "teaching", "product"), "cls": ("quasi",)}, SHIFTED,
            {"mode": "enclave"}, ("event_time", "shifted_time", "enclave_dates"),
            marks=pytest.mark.clause("baseline", "controlled_dates"),
        ),
        pytest.param(
            "enclave_dates",
            {
                "mode": ("enclave",), "consent": NO_CONSENT, "purpose": ("research", "teaching", "product"),
                "cls": ("quasi",),
            },
            {"event_date": "shifted_day", "event_time": "shifted_time"},
            {"mode": "controlled"}, ("event_time", "shifted_day", "controlled_dates"),
            marks=pytest.mark.clause("baseline", "enclave_dates"),
        ),
        pytest.param(
            "statutory_dates",
            {
                "mode": NOT_PUBLIC, "consent": NO_CONSENT, "purpose": STATUTORY,
                "applicant": ("public_institution", "administrative_organ"), "cls": ("quasi",),
            },
            {"event_date": "day", "event_time": "day"},
            {"applicant": "enterprise"}, ("event_date", "shifted_day", "commissioned_dates"),
            marks=pytest.mark.clause("baseline", "statutory_dates"),
        ),
        pytest.param(
            "commissioned_dates",
            {
                "mode": NOT_PUBLIC, "consent": NO_CONSENT, "purpose": STATUTORY,
                "applicant": ("university", "research_institute", "enterprise"), "cls": ("quasi",),
            },
            SHIFTED,
            {"applicant": "administrative_organ"}, ("event_date", "day", "statutory_dates"),
            marks=pytest.mark.clause("baseline", "commissioned_dates"),
        ),
        pytest.param(
            "dates_of_others",
            {"mode": NOT_PUBLIC, "consent": ("written",), "subject": OTHERS, "cls": ("quasi",)}, SHIFTED,
            {"subject": "person"}, ("event_date", "day", "dates_with_consent"),
            marks=pytest.mark.clause("baseline", "dates_of_others"),
        ),
        pytest.param(
            "dates_with_consent", {"mode": NOT_PUBLIC, "consent": ("written",), "cls": ("quasi",)},
            {"event_date": "day", "event_time": "time"},
            {"consent": "waiver"}, ("event_date", "shifted_day", "controlled_dates"),
            marks=pytest.mark.clause("baseline", "dates_with_consent"),
        ),
        # --- what was found, done and paid ---
        pytest.param(
            "values", {"mode": NOT_PUBLIC, "consent": NO_CONSENT, "cls": NOT_DIRECT},
            {"icd10": "full", "icd9cm3": "full", "amount": "raw", "quantity": "raw", "category": "raw", "term": "raw"},
            {"mode": "public"}, ("icd10", "category_3", "public_values"),
            marks=pytest.mark.clause("baseline", "values"),
        ),
        pytest.param(
            "public_values", {"mode": ("public",), "consent": ANY_CONSENT, "cls": NOT_DIRECT},
            {
                "icd10": "category_3", "icd9cm3": "category_2", "amount": "band", "quantity": "round_2_digits",
                "category": "raw", "term": "none",
            },
            {"mode": "enclave"}, ("term", "raw", "values"),
            marks=pytest.mark.clause("baseline", "public_values"),
        ),
        pytest.param(
            "values_that_identify", {"mode": ("controlled", "enclave", "public"), "consent": ANY_CONSENT},
            dict.fromkeys(("icd10", "icd9cm3", "amount", "quantity", "category", "term"), "none"),
            {"cls": "sensitive"}, ("quantity", "raw", "values"),
            marks=pytest.mark.clause("baseline", "values_that_identify"),
        ),
        pytest.param(
            "free_text", {"mode": NOT_PUBLIC, "consent": ANY_CONSENT, "cls": ("sensitive",)},
            {"free_text": "surrogate"},
            {"mode": "public"}, ("free_text", "redacted", "public_free_text"),
            marks=pytest.mark.clause("baseline", "free_text"),
        ),
        pytest.param(
            "public_free_text", {"mode": ("public",), "consent": ANY_CONSENT, "cls": ("sensitive",)},
            {"free_text": "redacted"},
            {"mode": "controlled"}, ("free_text", "surrogate", "free_text"),
            marks=pytest.mark.clause("baseline", "public_free_text"),
        ),
    ],
)  # fmt: skip
def test_baseline_each_kind_leaves_at_the_level_of_the_one_rule_for_its_case(
    rule: str,
    cases: dict[str, tuple[str, ...]],
    levels: dict[str, str],
    otherwise: dict[str, str],
    then: tuple[str, str, str],
) -> None:
    every = [USUAL | dict(zip(cases, values, strict=True)) for values in product(*cases.values())]
    for case in every:
        assert given(tuple(levels), case) == {
            kind: (expected, frozenset({f"baseline.{rule}"})) for kind, expected in levels.items()
        }
    # One difference, and another rule says another level.
    kind, differs, other = then
    assert given((kind,), every[0] | otherwise) == {kind: (differs, frozenset({f"baseline.{other}"}))}
    # Nobody else bounds the case, so that without the rule nothing of it leaves.
    with taken_out("baseline", rule):
        assert unbounded(tuple(levels), every[0]) == set(levels)
