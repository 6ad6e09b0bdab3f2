"""Ages in Chinese text: finding them, and writing them as coarsely as a plan gives ages elsewhere.

Owns the written forms (years, months, weeks, days of age; digits and Chinese numerals), the bound of 90 (GB/T 37964 top
coding) and the bands. It must not know which level a plan has chosen, nor why.
"""

from __future__ import annotations

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Span, SpanType
from extractor.deid.text_buffer import Buffer, Excerpt, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.text_dates import found_by, fullwidth, in_chinese, read_chinese
from extractor.deid.text_marks import CHINESE_NUMERALS, DIGITS, after, followed_by, kinds_of, word

OLD_AGE = 90
OLDEST = "90岁以上"
WIDTHS = {"age": 0, "age_band_5": 5, "age_band_10": 10, "none": 0}
"""Years in a band of each level of ``age``."""

_NUMBER = r"[0-9]{1,3}(?:\.[0-9])?"
# The guard stands after the number: an expression that begins with a guard is tried at every character.
_DIGITS = r"[0-9]{1,3}(?<=(?<![0-9.])[0-9]{1,3})(?:\.[0-9])?"
_NUMERALS = "[零〇一二两三四五六七八九十百]"
_YOUNG = r"[ ]?(?:个?月|周|[日天])"
_YEARS = "(?:[周虚足]?岁|[周虚]?歲)"
# 岁以上 and 岁以前 bound a group and are nobody's age.
_NO_BOUND = "(?!以[上下内前]|之前)"
# 大 also begins 大剂量, 大雨, …: only before a stop or who it is said of does it mean the age.
_OLD = r"(?:龄|大(?=\W|$|的|男|女|婴|患|时|起))"
_WORDS = {
    "不惑之年": 40,
    "知命之年": 50,
    "天命之年": 50,
    "花甲": 60,
    "耳顺之年": 60,
    "古稀": 70,
    "耄耋": 80,
    "鲐背": 90,
    "期颐": 100,
}
_WORD = "|".join(_WORDS)
FORMS = (
    regex.compile(
        rf"(?:[0-9]{{1,3}}[ ]?[-~至到][ ]?)?{_NUMBER}(?<=(?<![0-9.])(?:[0-9]{{1,3}}[ ]?[-~至到][ ]?)?{_NUMBER})"
        rf"[ ]?[多余几来+]?[ ]?{_YEARS}{_NO_BOUND}(?:零?[0-9]{{1,2}}[ ]?个?月)?(?:半|零?[0-9]{{1,2}}天)?"
    ),
    regex.compile(
        rf"(?:年龄|享年|高龄|虚岁|(?<![A-Za-z])(?:[Aa]ged?|AGE))[:为是 ]{{0,3}}(?P<v>[0-9]{{1,3}}(?![0-9.])|{_NUMERALS}{{2,5}})"
    ),
    regex.compile(rf"{_NUMERALS}{{1,6}}[多余几来+]?{_YEARS}{_NO_BOUND}"),
    regex.compile(rf"(?:{_DIGITS}|{_NUMERALS}{{1,4}}){_YOUNG}{_OLD}"),
    regex.compile(rf"[月周日]龄(?:[:为是约 ]{{1,3}}[0-9]{{1,3}}(?![0-9.])(?:{_YOUNG})?|[0-9]{{1,3}}{_YOUNG})"),
    regex.compile(rf"[男女][性婴孩童]?[,、 ]{{1,2}}(?P<v>[0-9]{{1,2}}{_YOUNG})(?=[,。;、]|因|$)"),
    regex.compile(r"[五六七八九](?:旬|秩|十高龄)"),
    regex.compile(rf"(?:{_WORD})(?:之年)?"),
    regex.compile(r"[0-9]{1,3}[ \-]?(?:[Yy]ears?|[Yy]rs?|[Yy])[ \-]?(?:[Oo]ld|/?[Oo])(?![A-Za-z])"),
    regex.compile(r"[男女MFmf][ ,、/]{0,2}(?P<v>[0-9]{1,3}[ ]?[Yy](?![A-Za-z]))"),
    regex.compile(r"[0-9]{1,3}[Yy][ ]?[0-9]{1,2}[ ]?[Mm](?![A-Za-z])"),
    regex.compile(rf"(?:现年|时年|年已|年届|年逾|年近)(?P<v>[0-9]{{1,3}}|{_NUMERALS}{{2,4}})(?=[,、。;]|$)"),
    regex.compile(r"[男女]性?[,、/ ]{1,2}(?P<v>[0-9]{2,3})(?=[,、。;]|$)"),
    regex.compile(r"(?<![A-Za-z])[MF]/(?P<v>[0-9]{1,3})(?![0-9A-Za-z./])"),
    regex.compile(r"[0-9]{1,3}(?<=(?<![0-9./])[0-9]{1,3})(?=/[MF](?![A-Za-z0-9]))"),
    # Nothing else lasts ninety years.
    regex.compile(r"(?:9[0-9]|1[01][0-9])(?<=(?<![0-9.])[0-9]{2,3})[ ]?[Yy](?:rs?|ears?)?(?![A-Za-z])"),
)
_WRITTEN = regex.compile(
    rf"(?:(?P<of>[月周日])龄[:为是约 ]{{0,3}})?"
    rf"(?:(?P<word>{_WORD})|(?P<decade>[五六七八九])(?:旬|秩|十高龄)"
    rf"|(?:(?P<from>[0-9]{{1,3}})[ ]?[-~至到][ ]?)?(?P<digits>[0-9]{{1,3}})(?:\.[0-9]+)?|(?P<numeral>{_NUMERALS}+))"
    rf"[ ]?(?P<about>[多余几来])?[ ]?(?P<unit>{_YEARS}|个?月|周|[日天])?"
)
_DAYS = {"月": 30.5, "周": 7, "日": 1, "天": 1}
# The farthest piece of a form from the marks of it.
_REACH = 24


def find_ages(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find ages in years, with the months and days written beside them, and in months, weeks and days where it is said.

    Raises:
        TimeoutError: the deadline passed.
    """
    near = Excerpt(*buffer.excerpt(_beside_marks(buffer.codes), reach=_REACH, least=1))
    return near.moved(found_by(FORMS, SpanType.AGE, near.buffer, deadline))


def _beside_marks(codes: np.ndarray) -> np.ndarray:
    """Return what every form has one of: 岁, 龄 or a word of old age, a sex before a stop, or a number before a year."""
    age, ten, sex, stop, year, number, gap, span = kinds_of(
        codes, "岁歲龄享耄鲐颐", "旬秩", "男女MFmf", "性婴孩童,、 /", "Yy", DIGITS + CHINESE_NUMERALS, " -", "月周日天"
    )
    spoken = word(codes, "花甲") | word(codes, "古稀") | word(codes, "之年")
    labelled = word(codes, "ge") | word(codes, "GE") | ((codes == ord("大")) & after(span))
    lived = (codes == ord("年")) & (after(codes == ord("现")) | after(codes == ord("时")))
    lived |= after(codes == ord("年")) & (
        (codes == ord("已")) | (codes == ord("届")) | (codes == ord("逾")) | (codes == ord("近"))
    )
    numbered = ten & after(number) | (year & (after(number) | (gap & after(number, 2)) | after(gap)))
    return np.asarray(age | spoken | labelled | numbered | lived | (sex & (followed_by(stop | number) | after(stop))))


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
    if found["word"]:
        return _WORDS[found["word"]], _WORDS[found["word"]] + 9
    if found["decade"]:
        return 10 * read_chinese(found["decade"]), 10 * read_chinese(found["decade"]) + 9
    try:
        last = int(found["digits"]) if found["digits"] else _read(found["numeral"])
    except ValueError:
        return None
    unit = found["of"] or (found["unit"] or "岁").removeprefix("个")
    if unit in _DAYS:
        last = int(last * _DAYS[unit] / 365.25 + 0.01)
        return last, last
    first = int(found["from"]) if found["from"] else last
    if found["about"] and last % 10 == 0:
        last += 9  # 三十多岁
    return min(first, last), max(first, last)


def _read(numeral: str) -> int:
    if "百" in numeral:
        return 100  # However it goes on, it is above the bound.
    return read_chinese(numeral.replace("两", "二").replace("〇", "零"))


def _band(ages: tuple[int, int], width: int, found: regex.Match[str], written: str) -> str:
    low, high = ages[0] // width * width, ages[1] // width * width + width - 1
    spoken = found["numeral"] or found["word"] or found["decade"]
    years = found["unit"] and found["unit"][-1] in "岁歲"
    unit = found["unit"] if years else "岁" if found["unit"] or found["of"] or not found["digits"] else ""
    if spoken:
        return f"{in_chinese(low)}至{in_chinese(high)}{unit}"
    text = f"{low}-{high}"
    wide = any("０" <= character <= "９" for character in written)
    return (text.translate(fullwidth()) if wide else text) + unit
