"""Ages in Chinese text: finding them, and writing them as coarsely as a plan gives ages elsewhere.

Owns the written forms (years, months, weeks, days of age; digits and Chinese numerals), the bound of 90 (GB/T 37964 top
coding) and the bands. It must not know which level a plan has chosen, nor why.
"""

from __future__ import annotations

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Span, SpanType
from extractor.deid.text_buffer import Buffer, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.text_dates import found_by, fullwidth, in_chinese, read_chinese

OLD_AGE = 90
OLDEST = "90岁以上"
WIDTHS = {"age": 0, "age_band_5": 5, "age_band_10": 10, "none": 0}
"""Years in a band of each level of ``age``."""

_DIGITS = r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9])?"
_NUMERALS = "[零〇一二两三四五六七八九十百]"
_YOUNG = r"[ ]?(?:个?月|周|[日天])"
# 大 also begins 大剂量, 大雨, …: only before a stop or who it is said of does it mean the age.
_OLD = r"(?:龄|大(?=\W|$|的|男|女|婴|患|时|起))"
_AGES = (
    regex.compile(
        rf"(?<![0-9.])(?:[0-9]{{1,3}}[ ]?[-~至到][ ]?)?{_DIGITS}[ ]?(?:周岁|岁|歲)"
        r"(?:零?[0-9]{1,2}[ ]?个?月)?(?:半|零?[0-9]{1,2}天)?"
    ),
    regex.compile(r"年龄[:为是 ]{0,3}(?P<v>[0-9]{1,3}(?![0-9.]))"),
    regex.compile(rf"{_NUMERALS}{{1,6}}(?:周岁|岁)(?!以[上下内])"),
    regex.compile(rf"(?:{_DIGITS}|{_NUMERALS}{{1,4}}){_YOUNG}{_OLD}"),
    regex.compile(rf"[月周日]龄(?:[:为是约 ]{{1,3}}[0-9]{{1,3}}(?![0-9.])(?:{_YOUNG})?|[0-9]{{1,3}}{_YOUNG})"),
    regex.compile(rf"(?<=[男女][性婴孩童]?[,、 ]{{1,2}})(?P<v>[0-9]{{1,2}}{_YOUNG})(?=[,。;、]|因|$)"),
)
_WRITTEN = regex.compile(
    rf"(?:(?P<of>[月周日])龄[:为是约 ]{{0,3}})?"
    rf"(?:(?:(?P<from>[0-9]{{1,3}})[ ]?[-~至到][ ]?)?(?P<digits>[0-9]{{1,3}})(?:\.[0-9]+)?|(?P<numeral>{_NUMERALS}+))"
    rf"[ ]?(?P<unit>周岁|岁|歲|个?月|周|[日天])?"
)
_DAYS = {"月": 30.5, "周": 7, "日": 1, "天": 1}


def find_ages(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find ages in years, with the months and days written beside them, and in months, weeks and days where it is said.

    Raises:
        TimeoutError: the deadline passed.
    """
    return found_by(_AGES, SpanType.AGE, buffer, deadline)


def age_at(written: str, level: str) -> str | None:
    """Return a written age at a level of the kind ``age``, in the form in which it was written; none where it may not stand.

    ``72岁`` is ``70-79岁`` as ``age_band_10``, ``七十二岁`` is ``七十至七十九岁``, ages under one year are of the first band.
    From 90 on every level but ``none`` gives ``90岁以上``; so does ``age`` for what cannot be read.
    """
    if level == "none":
        return None
    found = _WRITTEN.match(normalised(written))
    ages = _ages(found) if found else None
    width = WIDTHS[level]
    if ages is None:
        return None if width else OLDEST
    if ages[1] >= OLD_AGE:
        return OLDEST
    return _band(ages, width, found, written) if width else written


def _ages(found: regex.Match[str]) -> tuple[int, int] | None:
    """Return the lowest and the highest age that is said, in completed years."""
    try:
        last = int(found["digits"]) if found["digits"] else _read(found["numeral"])
    except ValueError:
        return None
    unit = found["of"] or (found["unit"] or "岁").removeprefix("个")
    if unit in _DAYS:
        last = int(last * _DAYS[unit] / 365.25 + 0.01)
        return last, last
    first = int(found["from"]) if found["from"] else last
    return min(first, last), max(first, last)


def _read(numeral: str) -> int:
    if "百" in numeral:
        return 100  # However it goes on, it is above the bound.
    return read_chinese(numeral.replace("两", "二").replace("〇", "零"))


def _band(ages: tuple[int, int], width: int, found: regex.Match[str], written: str) -> str:
    low, high = ages[0] // width * width, ages[1] // width * width + width - 1
    unit = found["unit"] if found["unit"] in ("周岁", "岁", "歲") else "岁" if found["unit"] or found["of"] else ""
    if found["numeral"]:
        return f"{in_chinese(low)}至{in_chinese(high)}{unit}"
    text = f"{low}-{high}"
    wide = any("０" <= character <= "９" for character in written)
    return (text.translate(fullwidth()) if wide else text) + unit
