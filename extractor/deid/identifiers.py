"""Chinese identifiers: their forms and check digits.

Owns the arithmetic of the standards (GB 11643, GB 32100, GB 11714, ISO 7064, ISO/IEC 7812 and the forms of travel
documents, health-care codes and vehicles), one value at a time and, where other stages treat whole columns, vectorised. It
must not know where in a text a value stands nor what to do with it: a failed check lowers confidence there, no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = tuple(3**i % 31 for i in range(17))
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCE_RANGES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES = frozenset(str(code) for first, last in _PROVINCE_RANGES for code in range(first, last + 1))
_TAIWAN_LETTERS = dict(zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36), strict=True))
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def is_calendar_date(year: int, month: int, day: int) -> bool:
    """Say whether the three numbers are a day of the Gregorian calendar."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def resident_id_check(first17: str) -> str:
    """Return the check character of 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return ID_CHECKS[sum(w * int(c) for w, c in zip(ID_WEIGHTS, first17, strict=True)) % 11]


def resident_id_has_form(value: str) -> bool:
    """Say whether 18 characters have the form of a citizen number: area, plausible birth date, sequence, check place.

    The area is judged by its first digits alone, because a number keeps the code of the year in which it was issued.
    """
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", value):
        return False
    if value[:2] not in PROVINCES and value[0] != "9":
        return False
    year = int(value[6:10])
    return 1850 <= year <= 2099 and is_calendar_date(year, int(value[10:12]), int(value[12:14]))


def is_resident_id(value: str) -> bool:
    """Say whether 18 characters are a valid citizen number or permit number of the same form (GB 11643-1999).

    True also for residence permits of Hong Kong, Macau and Taiwan residents (81, 82, 83) and the foreigner's permanent
    residence number of 2023 (leading 9), which share the check.
    """
    return resident_id_has_form(value) and resident_id_check(value[:17]) == value[17].upper()


def is_old_resident_id(value: str) -> bool:
    """Say whether 15 digits have the form of a citizen number before 1999: province and a date; there is no check digit."""
    if not re.fullmatch(r"[1-9][0-9]{14}", value) or value[:2] not in PROVINCES:
        return False
    century = 1800 if value[12:] in ("996", "997", "998", "999") else 1900
    return is_calendar_date(century + int(value[6:8]), int(value[8:10]), int(value[10:12]))


def is_residence_permit(value: str) -> bool:
    """Say whether the value is a residence permit of a resident of Hong Kong, Macau or Taiwan."""
    return value[:6] in ("810000", "820000", "830000") and is_resident_id(value)


def is_foreign_permanent_residence(value: str) -> bool:
    """Say whether the value is a foreigner's permanent residence number, of 2023 (checked) or 2017 (form only)."""
    return (value[:1] == "9" and is_resident_id(value)) or bool(re.fullmatch(r"[A-Z]{3}[0-9]{12}", value))


def is_uscc(value: str) -> bool:
    """Say whether 18 characters are a unified social credit code with a right check character (GB 32100-2015)."""
    value = value.upper()
    if not re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", value):
        return False
    total = sum(w * USCC_ALPHABET.index(c) for w, c in zip(USCC_WEIGHTS, value, strict=False))
    return USCC_ALPHABET[(31 - total % 31) % 31] == value[17]


def is_organisation_code(value: str) -> bool:
    """Say whether nine characters, with or without dash, are an organisation code (GB 11714-1997)."""
    value = value.replace("-", "").upper()
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", value):
        return False
    total = sum(w * int(c, 36) for w, c in zip(ORGANISATION_WEIGHTS, value, strict=False))
    return "0123456789X0"[11 - total % 11] == value[8]


def passes_luhn(value: str) -> bool:
    """Say whether the digits satisfy the Luhn formula (ISO/IEC 7812-1, annex B)."""
    if not value.isascii() or not value.isdigit():
        return False
    doubled = (sum(divmod(2 * int(c), 10)) for c in value[-2::-2])
    return (sum(doubled) + sum(int(c) for c in value[::-2])) % 10 == 0


def is_bank_card(value: str) -> bool:
    """Say whether 13 to 19 digits are a card number by length and Luhn; equal digits throughout are not."""
    return 13 <= len(value) <= 19 and passes_luhn(value) and len(set(value)) > 1


def is_mobile(value: str) -> bool:
    """Say whether the digits are a mainland mobile number, with or without +86 or 0086, or a 13-digit machine number."""
    return bool(re.fullmatch(r"(?:\+?86|0086)?1[3-9][0-9]{9}|(?:1064[0-9]|1440[0-9])[0-9]{8}", value))


def is_landline(value: str) -> bool:
    """Say whether the digits are a landline with area code, or a 400/800 service number (ten digits)."""
    number = r"(?:010|02[0-9]|0[3-9][0-9]{2})[2-9][0-9]{6,7}|[48]00[0-9]{7}"
    return bool(re.fullmatch(number, value))


def is_passport(value: str) -> bool:
    """Say whether the value has the form of a Chinese passport, of any series in use or still found in records."""
    forms = r"E[0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|G[0-9]{8}|1[45][0-9]{7}|[SDP]E?[0-9]{7}|K[0-9]{8}|KJ[0-9]{7}|MA[0-9]{7}|MB[0-9]{7}"
    return bool(re.fullmatch(forms, value.upper()))


def is_exit_permit(value: str) -> bool:
    """Say whether the value has the form of a mainland resident's permit to Hong Kong, Macau or Taiwan."""
    return bool(re.fullmatch(r"C[0-9]{8}|C[A-HJ-NP-Z][0-9]{7}|W[0-9]{8}|[LT][0-9]{8}", value.upper()))


def is_mainland_permit(value: str) -> bool:
    """Say whether the value has the form of a mainland travel permit; Taiwan residents' eight digits need context."""
    return bool(re.fullmatch(r"[HM][0-9]{8}(?:[0-9]{2})?|[HM]A[0-9]{7}|[0-9]{8}", value.upper()))


def is_hkid(value: str) -> bool:
    """Say whether the value, brackets allowed, is a Hong Kong identity card number with a right check (mod 11)."""
    found = re.fullmatch(r"([A-Z]{1,2})([0-9]{6})\(?([0-9A])\)?", value.upper())
    if not found:
        return False
    letters = [int(c, 36) for c in found[1].rjust(2).replace(" ", "")]
    values = ([36] if len(letters) == 1 else []) + letters + [int(c) for c in found[2]]
    total = sum(w * v for w, v in zip(range(9, 1, -1), values, strict=True)) + int(found[3], 16)
    return total % 11 == 0


def is_macau_id(value: str) -> bool:
    """Say whether the value has the form of a Macau identity card; its check is not published."""
    return bool(re.fullmatch(r"[157][0-9]{6}\(?[0-9]\)?", value))


def is_taiwan_id(value: str) -> bool:
    """Say whether the value is a Taiwan identity number with a right check (mod 10)."""
    value = value.upper()
    if not re.fullmatch(r"[A-Z][1289][0-9]{8}", value):
        return False
    digits = [*divmod(_TAIWAN_LETTERS[value[0]], 10), *(int(c) for c in value[1:])]
    return sum(w * d for w, d in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True)) % 10 == 0


def is_vin(value: str) -> bool:
    """Say whether 17 characters are a vehicle identification number with a right check (GB 16735)."""
    value = value.upper()
    if not re.fullmatch(r"[0-9A-HJ-NPR-Z]{17}", value):
        return False
    total = sum(w * (int(c) if c.isdigit() else _VIN_VALUES[c]) for w, c in zip(_VIN_WEIGHTS, value, strict=True))
    return "0123456789X"[total % 11] == value[8]


def is_plate(value: str) -> bool:
    """Say whether the value has the form of a number plate (GA 36): civil, new energy, police, consular, military."""
    province = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
    civil = f"[{province}][A-HJ-Z][·. ]?(?:[0-9A-HJ-NP-Z]{{4}}[0-9A-HJ-NP-Z警学挂港澳]|[DF][0-9A-HJ-NP-Z][0-9]{{4}}|[0-9]{{5}}[DF])"
    other = f"WJ[{province}]?[0-9]{{4}}[0-9A-Z]|使[0-9]{{6}}|[{province}]?[A-Z]?[0-9]{{4,5}}[使领]|[A-Z]{{2}}[0-9]{{5}}"
    return bool(re.fullmatch(f"{civil}|{other}", value.upper()))


def is_social_security_number(value: str) -> bool:
    """Say whether the value is a social security number: the citizen number, or that of a resident without one."""
    return is_resident_id(value) or bool(re.fullmatch(r"(?:HKG|MAC|TWN)0[0-9]{8}", value.upper()))


def is_nhsa_code(value: str) -> bool:
    """Say whether the value has the form of a code of the national health-care security administration."""
    return bool(re.fullmatch(r"[HP][0-9]{11}|[DN][0-9]{12}|H[YJ][0-9]{12}", value.upper()))


def is_institution_code(value: str) -> bool:
    """Say whether 22 characters are a health institution's code (WS 218-2002) with a right organisation code."""
    return bool(re.fullmatch(r"[0-9A-Z]{8}[0-9X][0-9]{6}[0-9A-Z]{7}", value.upper())) and is_organisation_code(
        value[:9]
    )


def is_birth_certificate(value: str) -> bool:
    """Say whether the value has the form of a medical certificate of birth: a letter and nine digits."""
    return bool(re.fullmatch(r"[A-Z][0-9]{9}", value.upper()))


def is_physician_licence(value: str) -> bool:
    """Say whether the value has the form of a practice certificate (15) or a qualification certificate (24, 27)."""
    if re.fullmatch(r"[0-9]{26}[0-9Xx]", value):
        return resident_id_has_form(value[9:])
    return bool(re.fullmatch(r"[0-9]{15}|[0-9]{23}[0-9Xx]", value))


def is_military_id(value: str) -> bool:
    """Say whether the value has the form of a military or police card: a word, 字第, digits, 号."""
    return bool(re.fullmatch(r"[军士文武警官兵南北沈兰成济广海空参政后装]{1,4}字第 ?[0-9A-Z]{4,12} ?号?", value))


def _matrix(series: pl.Series, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have exactly ``width`` ASCII characters, and those rows as a matrix of bytes."""
    text = series.cast(pl.String).fill_null("").str.to_uppercase()
    fits = ((text.str.len_bytes() == width) & (text.str.len_chars() == width)).to_numpy()
    joined = "".join(text.filter(pl.Series(fits)).to_list()).encode("ascii", "replace")
    return fits, np.frombuffer(joined, dtype=np.uint8).reshape(-1, width)


def _spread(fits: np.ndarray, valid: np.ndarray, name: str) -> pl.Series:
    result = np.zeros(len(fits), dtype=bool)
    result[fits] = valid
    return pl.Series(name, result)


def _all_digits(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(((matrix >= 48) & (matrix <= 57)).all(axis=1))


def _real_dates(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    real_month = np.clip(month, 0, 12)
    last = lengths[real_month] + (leap & (real_month == 2))
    return np.asarray((year >= 1850) & (year <= 2099) & (month == real_month) & (day >= 1) & (day <= last))


def resident_id_valid(series: pl.Series) -> pl.Series:
    """Return for each row of a string column whether it is a valid 18-character citizen number; null gives false.

    The vectorised form of ``is_resident_id``.
    """
    fits, matrix = _matrix(series, 18)
    values = matrix.astype(np.int64) - 48
    total = values[:, :17] @ np.array(ID_WEIGHTS)
    expected = np.frombuffer(ID_CHECKS.encode(), dtype=np.uint8)[total % 11]
    province = values[:, 0] * 10 + values[:, 1]
    known = np.isin(province, [int(p) for p in PROVINCES]) | (values[:, 0] == 9)
    year = values[:, 6:10] @ np.array([1000, 100, 10, 1])
    month, day = values[:, 10] * 10 + values[:, 11], values[:, 12] * 10 + values[:, 13]
    valid = _all_digits(matrix[:, :17]) & (matrix[:, 17] == expected) & known & _real_dates(year, month, day)
    return _spread(fits, valid, series.name)


def uscc_valid(series: pl.Series) -> pl.Series:
    """Return for each row whether it is a unified social credit code with a right check (GB 32100); null gives false."""
    fits, matrix = _matrix(series, 18)
    table = np.full(256, -1, dtype=np.int64)
    table[np.frombuffer(USCC_ALPHABET.encode(), dtype=np.uint8)] = np.arange(31)
    values = table[matrix]
    total = values[:, :17] @ np.array(USCC_WEIGHTS)
    valid = (values >= 0).all(axis=1) & _all_digits(matrix[:, 2:8]) & ((31 - total % 31) % 31 == values[:, 17])
    return _spread(fits, valid, series.name)


def luhn_valid(series: pl.Series) -> pl.Series:
    """Return for each row whether 13 to 19 digits satisfy the Luhn formula; null gives false."""
    text = series.cast(pl.String).fill_null("")
    fits = text.str.contains(r"\A[0-9]{13,19}\z").to_numpy()
    joined = "".join(text.filter(pl.Series(fits)).str.zfill(19).to_list()).encode()
    values = np.frombuffer(joined, dtype=np.uint8).reshape(-1, 19).astype(np.int64) - 48
    doubled = 2 * values[:, 1::2]
    total = values[:, 0::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    return _spread(fits, total % 10 == 0, series.name)


VALIDATORS: dict[str, Callable[[str], bool]] = {
    "resident_id": is_resident_id,
    "old_resident_id": is_old_resident_id,
    "residence_permit": is_residence_permit,
    "foreign_permanent_residence": is_foreign_permanent_residence,
    "uscc": is_uscc,
    "organisation_code": is_organisation_code,
    "bank_card": is_bank_card,
    "mobile": is_mobile,
    "landline": is_landline,
    "passport": is_passport,
    "exit_permit": is_exit_permit,
    "mainland_permit": is_mainland_permit,
    "hkid": is_hkid,
    "macau_id": is_macau_id,
    "taiwan_id": is_taiwan_id,
    "vin": is_vin,
    "plate": is_plate,
    "social_security": is_social_security_number,
    "nhsa_code": is_nhsa_code,
    "institution_code": is_institution_code,
    "birth_certificate": is_birth_certificate,
    "physician_licence": is_physician_licence,
    "military_id": is_military_id,
}
