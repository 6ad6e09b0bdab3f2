"""Dates in Chinese text: finding them, and shifting a date in the form in which it was written.

Owns where in a text dates are looked for, and the arithmetic of a shift. The written forms are ``text_date_forms``. It must
not know whose date it is nor where its offset comes from.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer, Excerpt, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.text_date_forms import CN, LUNAR_MONTHS, OTHER, SHIFTABLE
from extractor.deid.text_marks import CHINESE_NUMERALS, DIGITS, after, followed_by, kinds_of, runs

FORMS = (*SHIFTABLE, *OTHER)
_MARKS = "年月日号时点分:-/."
# The farthest piece of a form from one of its marks, with what may stand before and after it.
_REACH = 30
# Two digits are a year of 1941 to 2040.
_PIVOT = 40
_UNITS = "零一二三四五六七八九"


def find_dates(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find dates with the times glued to them; a bare year is no date.

    Raises:
        TimeoutError: the deadline passed.
    """
    near = Excerpt(*buffer.excerpt(_beside_marks(buffer.codes), reach=_REACH, least=1))
    return near.moved(found_by(FORMS, SpanType.DATE, near.buffer, deadline))


def _beside_marks(codes: np.ndarray) -> np.ndarray:
    """Return what every form has one of: a mark after a numeral, six digits in a row, or a Latin name of a month."""
    digit, chinese, mark, space, initial, small = kinds_of(
        codes, DIGITS, CHINESE_NUMERALS + LUNAR_MONTHS + "元初", _MARKS, " ", "JFMASOND", "abcdefghijklmnopqrstuvwxyz"
    )
    numeral = digit | chinese
    marked = mark & (after(numeral) | (after(space) & after(numeral, 2)))
    spaced = space & after(digit) & followed_by(digit)
    return np.asarray(marked | spaced | runs(digit, 6) | (initial & followed_by(small)))


def found_by(forms: tuple[regex.Pattern[str], ...], kind: SpanType, buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Return the spans of each form's group ``v``, or of the whole form where it has none.

    Raises:
        TimeoutError: the deadline passed.
    """
    spans = []
    for form in forms:
        group = "v" if "v" in form.groupindex else 0
        for found in form.finditer(buffer.view, timeout=deadline.left()):
            spans.append(Span(found.start(group), found.end(group), kind, 0.9, Rank.PATTERN, kind.value.lower()))
    return spans


def shifted(written: str, days: int) -> str | None:
    """Return a written date moved by ``days``, in the form in which it was written; none where it cannot be moved exactly.

    A date without year or day cannot be. The time of day stays. A date that the calendar does not have cannot either.
    """
    view = normalised(written)
    if len(view) != len(written):
        return None
    for form in SHIFTABLE:
        found = form.fullmatch(view)
        if found:
            return _shift_match(written, found, days)
    return None


def _shift_match(written: str, found: regex.Match[str], days: int) -> str | None:
    numbers = _numbers(found)
    if numbers is None:
        return None
    try:
        moved = date(*numbers) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if len(found["y"]) == 2 and _century(moved.year % 100) + moved.year % 100 != moved.year:
        return None
    result, at = "", 0
    # A time that is glued to the day would be read as a part of it after one digit.
    glued = found.string[found.end("d") : found.end("d") + 1].isdigit()
    zeros = found["m"].startswith("0") or found["d"].startswith("0")
    full = len(found["m"] + found["d"]) == 4
    padded = glued or zeros or full
    for name, number in (("y", moved.year), ("m", moved.month), ("d", moved.day)):
        start, end = found.span(name)
        result += written[at:start] + _written(number, written[start:end], name, padded=padded)
        at = end
    return result + written[at:]


def _numbers(found: regex.Match[str]) -> tuple[int, int, int] | None:
    if found["m"] in LUNAR_MONTHS or found["d"].startswith("初"):
        return None  # The lunar calendar: days do not shift there.
    year = int("".join(c if c.isascii() else str(max(0, CN.index(c) - 2)) for c in found["y"]))
    if len(found["y"]) == 2:
        year += _century(year)
    return year, _number(found["m"]), _number(found["d"])


def _century(two_digits: int) -> int:
    return 2000 if two_digits <= _PIVOT else 1900


def _number(text: str) -> int:
    return int(text) if text.isascii() else read_chinese(text)


def read_chinese(text: str) -> int:
    """Return the number below 100 that Chinese numerals say.

    Raises:
        ValueError: they say none.
    """
    text = text.replace("廿", "二十").replace("卅", "三十")
    if "十" not in text:
        return int("".join(str(_UNITS.index(c)) for c in text if c in _UNITS) or 0)
    tens, _, units = text.partition("十")
    return 10 * (_UNITS.index(tens) if tens else 1) + (_UNITS.index(units) if units else 0)


def _written(number: int, model: str, part: str, *, padded: bool) -> str:
    if any(c in _UNITS or c in "〇○十廿卅" for c in model):
        return _year_in_chinese(number, model) if part == "y" else in_chinese(number)
    text = str(number)[-len(model) :] if part == "y" else f"{number:02d}" if padded else str(number)
    return text.translate(fullwidth()) if not model.isascii() else text


def _year_in_chinese(year: int, model: str) -> str:
    zero = next((c for c in model if c in "〇零○"), "〇")
    return "".join(zero if c == "0" else _UNITS[int(c)] for c in str(year)[-len(model) :])


def in_chinese(number: int) -> str:
    """Return a number below 100 in Chinese numerals."""
    tens, units = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _UNITS[tens] + "十"
    return head + (_UNITS[units] if units or not tens else "")


@cache
def fullwidth() -> dict[int, int]:
    """Return the translation of digits to their full-width forms."""
    return {0x30 + digit: 0xFF10 + digit for digit in range(10)}
