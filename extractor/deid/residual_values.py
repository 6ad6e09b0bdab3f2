"""Forms and check digits that the residual scan looks for, over whole columns at once.

Owns its own patterns and arithmetic: it shares nothing with the recognisers, so that a fault there is not repeated here. It
must not know tables, plans or what is allowed. Patterns are Rust's (no look-around); "no digit beside" is written as a
consumed character, because what is counted are cells and not occurrences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

Digits = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Check(StrEnum):
    """What the scan looks for."""

    RESIDENT_ID = "resident_id"
    MOBILE = "mobile"
    LANDLINE = "landline"
    USCC = "uscc"
    BANK_CARD = "bank_card"
    EMAIL = "email"
    RAW_IDENTIFIER = "raw_identifier"
    OWN_VALUE = "own_value"
    CANARY = "canary"
    UNSCANNABLE = "unscannable"
    STATISTICS = "statistics"
    WRITER = "writer"


# Seven digits with at most one separator between two: cells without it hold none of the numbered identifiers.
SEVEN_DIGITS = r"[0-9０-９](?:[ .\-－　\x{200B}]?[0-9０-９]){6}"
_BEFORE = r"(?:^|[^0-9.]|[^0-9]\.)"
_AFTER = r"(?:$|[^0-9.]|\.(?:$|[^0-9])|\.0+(?:$|[^0-9]))"
_MOBILE = _BEFORE + r"(?:\+?(?:00)?86[ \-]?)?1[3-9][0-9][ \-]?[0-9]{4}[ \-]?[0-9]{4}" + _AFTER
_LANDLINE = r"(?:^|[^0-9.])0[1-9][0-9]{1,2}(?:[ \-]|[)）] ?)[2-9][0-9]{6,7}(?:$|[^0-9])"
_EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+\.[A-Za-z]{2,}"
_BIRTH = r"(?:18|19|20)[0-9]{2}S(?:0[1-9]|1[0-2])S(?:0[1-9]|[12][0-9]|3[01])"
_RESIDENT = r"[1-9][0-9]{5}S" + _BIRTH + r"S[0-9]{3}[0-9Xx×]"
_RESIDENT_FORMS = tuple(_RESIDENT.replace("S", separator) for separator in ("", r"[ .\-]?"))
_USCC = r"(?:^|[^0-9A-Za-z])[1-9ANYany][1-9][0-9]{6}[0-9A-HJ-NP-RTUW-Ya-hj-np-rtuw-y]{10}(?:$|[^0-9A-Za-z])"
_CARD = _BEFORE + r"[3-69][0-9]{3}(?:[ \-]?[0-9]{4}){3}[ \-]?[0-9]{0,3}" + _AFTER
# A token in the form of a UUID holds digits in any number; as a raw identifier it is known by its fingerprint, not by its form.
_UUID = r"(?:^|[^0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:$|[^0-9A-Za-z])"
_WIDE = {chr(0xFF10 + digit): str(digit) for digit in range(10)} | {"Ｘ": "X", "－": "-", "　": " ", "\u200b": ""}

_PROVINCES = np.array(
    [11, 12, 13, 14, 15, *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83]
)
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0])
_RESIDENT_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_RESIDENT_CHECK = np.array([1, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2])
_USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_FIRST_BIRTH = 1880


def number_hits(text: pl.Series) -> dict[Check, Mask]:
    """Say for each cell (already reduced to those with seven digits) which numbered identifiers it holds."""
    plain = text.str.replace_many(_WIDE).str.replace_all(_UUID, " ")
    return {
        Check.MOBILE: plain.str.contains(_MOBILE).to_numpy(),
        Check.LANDLINE: plain.str.contains(_LANDLINE).to_numpy(),
        Check.RESIDENT_ID: _resident_ids(plain),
        Check.USCC: _matches(plain, _USCC, _is_uscc),
        Check.BANK_CARD: _matches(plain, _CARD, _is_card),
    }


def email_hits(text: pl.Series) -> Mask:
    """Say for each cell whether it holds an e-mail address."""
    return text.str.contains(_EMAIL).to_numpy()


def integer_hits(numbers: pl.Series) -> Mapping[Check, int]:
    """Count mobiles, resident IDs and bank cards among whole numbers (64 bit).

    A resident ID that went through a float lost its last digits; area and date of birth still show it.
    """
    values = numbers.to_numpy()
    mobiles = int(((values >= 13 * 10**9) & (values < 2 * 10**10)).sum())
    long = values[(values >= 10**15) & (values <= np.iinfo(np.int64).max)]
    if not len(long):
        return {Check.MOBILE: mobiles}
    digits = _digits(pl.Series(long.astype(np.int64)).cast(pl.String).str.zfill(19), 19)
    resident = (long >= 10**17) & (long < 10**18)
    return {
        Check.MOBILE: mobiles,
        Check.RESIDENT_ID: int(_is_resident(digits[resident][:, 1:]).sum()),
        Check.BANK_CARD: int((_luhn(digits) & _card_start(long)).sum()),
    }


def _matches(text: pl.Series, pattern: str, right: Callable[[pl.Series], Mask]) -> Mask:
    """Say for each cell whether one of the pattern's matches in it passes the judge."""
    found = pl.DataFrame({"row": np.arange(len(text)), "match": text.str.extract_all(pattern)})
    found = found.explode("match").drop_nulls()
    hits = np.zeros(len(text), np.bool_)
    if found.height:
        token = found["match"].str.replace_all("×", "X").str.replace_all(r"[^0-9A-Za-z]", "").str.to_uppercase()
        hits[found["row"].to_numpy()[right(token)]] = True
    return hits


def _resident_ids(text: pl.Series) -> Mask:
    hits = np.zeros(len(text), np.bool_)
    for form in _RESIDENT_FORMS:
        hits |= _matches(text, form, lambda token: _is_resident(_digits(token, 18)))
    # Inside longer runs of digits (a qualification number ends with its holder's ID) every place is tried, and the
    # check digit is asked for, because long numbers hold a plausible date by chance.
    return hits | _matches(text, r"[0-9]{19,}[Xx×]?", _holds_resident)


def _holds_resident(runs: pl.Series) -> Mask:
    windows = [
        (row, run[start : start + 18])
        for row, run in enumerate(runs.to_list())
        for start in range(len(run) - 17)
        if run[start : start + 17].isdigit()
    ]
    hits = np.zeros(len(runs), np.bool_)
    if windows:
        digits = _digits(pl.Series([window for _, window in windows]), 18)
        right = _is_resident(digits) & _resident_check(digits)
        hits[np.array([row for row, _ in windows])[right]] = True
    return hits


def _digits(tokens: pl.Series, width: int) -> Digits:
    """Return the characters as numbers, one row for each token: digits as they are, X as 10."""
    octets = np.array(tokens.to_list(), dtype=f"S{width}").view(np.uint8).reshape(-1, width)
    return np.where(octets == ord("X"), 10, octets.astype(np.int64) - 48)


def _number(digits: Digits) -> Digits:
    number: Digits = digits @ (10 ** np.arange(digits.shape[1] - 1, -1, -1))
    return number


def _is_resident(digits: Digits) -> Mask:
    """Date of birth that exists and is past, and check digit right or province known (GB 11643)."""
    year, month, day = _number(digits[:, 6:10]), _number(digits[:, 10:12]), _number(digits[:, 12:14])
    today = date.today()
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _MONTH_DAYS[month.clip(0, 13)] + (leap & (month == 2))
    dated = (year >= _FIRST_BIRTH) & (day >= 1) & (day <= last)
    past = year * 10_000 + month * 100 + day <= today.year * 10_000 + today.month * 100 + today.day
    province = np.isin(_number(digits[:, :2]), _PROVINCES)
    right: Mask = dated & past & (province | _resident_check(digits))
    return right


def _resident_check(digits: Digits) -> Mask:
    right: Mask = _RESIDENT_CHECK[(digits[:, :17] @ _RESIDENT_WEIGHTS) % 11] == digits[:, 17]
    return right


def _is_uscc(tokens: pl.Series) -> Mask:
    """Province known (or 10 for the state) and check character right (GB 32100)."""
    octets = np.array(tokens.to_list(), dtype="S18").view(np.uint8).reshape(-1, 18)
    table = np.zeros(256, np.int64)
    for value, letter in enumerate(_USCC_LETTERS):
        table[ord(letter)] = value
    values = table[octets]
    area = values[:, 2] * 10 + values[:, 3]
    check = (31 - (values[:, :17] @ _USCC_WEIGHTS) % 31) % 31 == values[:, 17]
    right: Mask = check & (np.isin(area, _PROVINCES) | (area == 10))
    return right


def _is_card(tokens: pl.Series) -> Mask:
    return _luhn(_digits(tokens.str.zfill(19), 19))


def _luhn(digits: Digits) -> Mask:
    doubled = digits[:, -2::-2] * 2
    total = digits[:, ::-2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    right: Mask = total % 10 == 0
    return right


def _card_start(numbers: Digits) -> Mask:
    first = pl.Series(numbers).cast(pl.String).str.slice(0, 1)
    return first.is_in(["3", "4", "5", "6", "9"]).to_numpy()
