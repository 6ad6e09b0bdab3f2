"""Identifiers: the samples of the standards pass, one wrong character fails, and columns agree with single values."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.deid import identifiers as ids

VALID = {
    "resident_id": ["110101199003074610", "830000200209060065"],
    "old_resident_id": ["110101900307461", "110101500307996"],
    "residence_permit": ["830000200209060065"],
    "foreign_permanent_residence": ["ABC310012345678"],
    "uscc": ["91110000600037341L"],
    "organisation_code": ["600037341", "60003734-1"],
    "bank_card": ["6222021234567890128", "5555555555554444", "4111111111111111"],
    "mobile": ["13800138000", "+8613800138000", "008616200001111", "1064812345678"],
    "landline": ["01088886666", "059187654321", "4008123123"],
    "passport": ["E12345678", "EA1234567", "G12345678", "141234567", "SE1234567", "KJ0123456", "MA0123456"],
    "exit_permit": ["C12345678", "CA1234567", "W12345678", "T12345678"],
    "mainland_permit": ["H12345678", "M1234567890", "HA1234567", "12345678"],
    "hkid": ["A123456(3)", "A1234563"],
    "macau_id": ["1234567(8)", "51234567"],
    "taiwan_id": ["A123456789"],
    "vin": ["1M8GDM9AXKP042788"],
    "plate": ["京A12345", "粤BD12345", "闽A1234学", "WJ京1234X", "使123456"],
    "social_security": ["HKG012345678", "110101199003074610"],
    "nhsa_code": ["H11010100001", "D110101000012", "HY110101000012"],
    "institution_code": ["6000373411101012210001"],
    "birth_certificate": ["A123456789"],
    "physician_licence": ["110110101000012", "199811110" + "110101199003074610"],
    "military_id": ["军字第1234567号", "武字第 0012345 号"],
}
INVALID = {
    "resident_id": ["110101199003074611", "110101199002304610", "190101199003074610", ""],
    "old_resident_id": ["110101901307461", "990101900307461"],
    "residence_permit": ["110101199003074610"],
    "foreign_permanent_residence": ["911111199003074610", "AB310012345678"],
    "uscc": ["91110000600037341M", "9111000060003734"],
    "organisation_code": ["600037342"],
    "bank_card": ["6222021234567890129", "0000000000000000", "411111"],
    "mobile": ["12800138000", "1380013800"],
    "landline": ["01018886666", "88886666"],
    "passport": ["EI1234567", "X1234567"],
    "exit_permit": ["CI1234567"],
    "mainland_permit": ["X12345678"],
    "hkid": ["A123456(4)"],
    "macau_id": ["2234567(8)"],
    "taiwan_id": ["A123456788"],
    "vin": ["1M8GDM9A0KP042788"],
    "plate": ["京I12345", "A12345"],
    "social_security": ["HKG112345678"],
    "nhsa_code": ["H1101010000"],
    "institution_code": ["6000373421101012210001"],
    "birth_certificate": ["1234567890"],
    "physician_licence": ["199811110" + "110101199013074610"],
    "military_id": ["军字1号"],
}


@pytest.mark.parametrize("name", sorted(ids.VALIDATORS))
def test_valid_samples_pass_and_spoilt_ones_fail(name: str) -> None:
    assert all(ids.VALIDATORS[name](value) for value in VALID[name]), name
    assert not any(ids.VALIDATORS[name](value) for value in INVALID[name]), name


def test_a_number_of_someone_born_in_1896_has_the_old_sequence() -> None:
    assert ids.is_old_resident_id("110101960229996") == ids.is_calendar_date(1896, 2, 29)


@given(
    st.lists(
        st.one_of(st.none(), st.from_regex(r"\A[1-9][0-9]{5}(19|20)[0-9]{8}[0-9Xx]\Z"), st.text(max_size=20)),
        max_size=40,
    )
)
def test_a_column_of_resident_ids_agrees_with_single_values(values: list[str | None]) -> None:
    column = ids.resident_id_valid(pl.Series("id", values, dtype=pl.String)).to_list()
    assert column == [value is not None and ids.is_resident_id(value) for value in values]


@given(st.dates(), st.integers(0, 999))
def test_a_number_with_its_computed_check_is_valid(day: object, sequence: int) -> None:
    first = f"350102{max(day.year, 1850):04d}0101{sequence:03d}"  # type: ignore[attr-defined]
    if int(first[6:10]) > 2099:
        return
    number = first + ids.resident_id_check(first)
    assert ids.is_resident_id(number)
    assert ids.resident_id_valid(pl.Series([number, number[:-1] + ("0" if number[-1] != "0" else "1")])).to_list() == [
        True,
        False,
    ]


@given(st.lists(st.from_regex(r"\A[0-9]{12,20}\Z"), max_size=30))
def test_a_column_of_cards_agrees_with_the_formula(values: list[str]) -> None:
    column = ids.luhn_valid(pl.Series(values, dtype=pl.String)).to_list()
    assert column == [13 <= len(value) <= 19 and ids.passes_luhn(value) for value in values]


def test_a_column_of_credit_codes_agrees_with_single_values() -> None:
    values = ["91110000600037341L", "91110000600037341l", "91110000600037341M", "９1110000600037341L", None, ""]
    assert ids.uscc_valid(pl.Series(values)).to_list() == [v is not None and ids.is_uscc(v) for v in values]
