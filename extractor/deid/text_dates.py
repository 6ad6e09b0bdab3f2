"""Dates in Chinese text: finding them, and shifting a date in the form in which it was written.

Owns the written forms (digits, Chinese numerals, glued date and time, without year) and the arithmetic of a shift. It must
not know whose date it is nor where its offset comes from.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer, normalised
from extractor.deid.text_clock import Deadline

_MONTH, _DAY = r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12][0-9]|0?[1-9])"
_TIME = (
    r"(?:[ T,;、]{0,6}(?:(?:上午|下午|早上|晚上|凌晨|中午)[ ]?)?(?:2[0-4]|[01]?[0-9])[ ]{0,2}"
    r"(?:[:;.][ ]{0,2}[0-5][0-9]|[时点][ ]?(?:[0-5]?[0-9])?)"
    r"(?:[ ]?[:分][ ]?(?:[0-5][0-9])?)?[分秒]?(?:\.[0-9]{1,6})?Z?)?"
)
_CN = "〇零○一二三四五六七八九"
_CN_MONTH, _CN_DAY = (
    "(?:十[一二]?|[正一二三四五六七八九冬腊])",
    "(?:初[一二三四五六七八九十]|[二三]十[一二三四五六七八九]?|廿[一二三四五六七八九]?"
    "|卅一?|十[一二三四五六七八九]?|[一二三四五六七八九])",
)
FULL = regex.compile(
    rf"(?<![0-9])(?P<y>(?:18|19|20)[0-9]{{2}})(?:[ ]?年[ ]?|[ ]?[-./]{{1,2}}[ ]?)"
    rf"(?P<m>{_MONTH})(?:[ ]?月[ ]?|[ ]?[-./]{{1,2}}[ ]?)(?P<d>{_DAY})[ ]?[日号]?{_TIME}"
)
_COMPACT = regex.compile(
    r"(?<![0-9A-Za-z.])(?P<y>(?:19|20)[0-9]{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z]|\.[0-9])"
)
_COMPACT_TIME = regex.compile(
    r"(?<![0-9A-Za-z.])(?P<y>(?:19|20)[0-9]{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12][0-9]|3[01])"
    r"(?:[ T]?(?:[01][0-9]|2[0-3]):?[0-5][0-9](?::?[0-5][0-9])?)(?![0-9A-Za-z])"
)
_SHORT = regex.compile(rf"(?<![0-9])(?P<y>[0-9]{{2}})[ ]?年[ ]?(?P<m>{_MONTH})[ ]?月[ ]?(?P<d>{_DAY})[ ]?[日号]{_TIME}")
_CHINESE = regex.compile(rf"(?P<y>[一二][{_CN}]{{3}})年(?P<m>{_CN_MONTH})月份?(?P<d>{_CN_DAY})[日号]?")
_SHIFTABLE = (FULL, _COMPACT_TIME, _COMPACT, _SHORT, _CHINESE)
_OTHER: tuple[regex.Pattern[str], ...] = (
    regex.compile(rf"(?<![0-9])(?:18|19|20)[0-9]{{2}}[ ]?(?:年|[-./])[ ]?{_MONTH}[ ]?月(?:份|[上中下]旬|初|底|末)?"),
    regex.compile(r"(?<![0-9.])(?:19|20)[0-9]{2}[-/](?:1[0-2]|0[1-9])(?![0-9\-/.])"),
    regex.compile(rf"(?<![0-9.\-]){_MONTH}[ ]?月[ ]?{_DAY}[ ]?[日号]{_TIME}"),
    regex.compile(r"(?<![0-9])[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}(?![0-9])"),
    regex.compile(rf"[一二][{_CN}]{{3}}年(?:{_CN_MONTH}月份?)?"),
    regex.compile(rf"(?<![一二三四五六七八九十])(?:{_CN_MONTH}月{_CN_DAY}[日号]|(?:农历|阴历){_CN_MONTH}月{_CN_DAY})"),
    regex.compile(
        rf"[于在自][ ]?(?P<v>{_MONTH}[-./]{_DAY})(?=[ ]?(?:入院|出院|手术|就诊|来诊|住院|行|在|因|复查|检查))"
    ),
)
_VERBS = "入院|出院|手术|就诊|来诊|住院|行|因|复查|复诊|检查|查|起|开始|再次|转|拔|换药|随访|办理|分娩|术"
_OTHER += (
    # A month and a day of two digits each; what is followed by a unit or joined to more numbers is a range or a measure.
    regex.compile(
        r"(?<![0-9A-Za-z.\-/~])(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
        r"(?![0-9A-Za-z.\-/%℃°×*~]|[ ]?[次岁天年周月个小分升克毫颗片粒支级倍滴米厘公])"
    ),
    # One digit may be a fraction or a value, so a word of events must follow, and no word may be glued before it.
    regex.compile(rf"(?<![0-9A-Za-z.\-/\p{{Han}}]){_MONTH}[./]{_DAY}(?=[ ]?(?:{_VERBS}))"),
    regex.compile(rf"(?<=[于在自至到从])[ ]?{_MONTH}[./]{_DAY}(?=[ ]?(?:{_VERBS}))"),
    regex.compile(rf"(?<![0-9A-Za-z.\-/第]){_DAY}[号日](?=[ ]?(?:{_VERBS}))"),
)
_UNITS = "零一二三四五六七八九"


def find_dates(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find dates with the times glued to them; a bare year is no date.

    Raises:
        TimeoutError: the deadline passed.
    """
    return found_by((*_SHIFTABLE, *_OTHER), SpanType.DATE, buffer, deadline)


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
    for form in _SHIFTABLE:
        found = form.fullmatch(view)
        if found:
            return _shift_match(written, found, days)
    return None


def _shift_match(written: str, found: regex.Match[str], days: int) -> str | None:
    chinese = not found["y"].isdigit() or not found["y"].isascii()
    numbers = _numbers(found, chinese)
    if numbers is None:
        return None
    try:
        moved = date(*numbers) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if len(found["y"]) == 2 and moved.year // 100 != numbers[0] // 100:
        return None
    result, at = "", 0
    padded = found["m"].startswith("0") or found["d"].startswith("0") or len(found["m"] + found["d"]) == 4
    for name, number in (("y", moved.year), ("m", moved.month), ("d", moved.day)):
        start, end = found.span(name)
        result += written[at:start] + _written(number, written[start:end], name, padded=padded)
        at = end
    return result + written[at:]


def _numbers(found: regex.Match[str], chinese: bool) -> tuple[int, int, int] | None:
    if chinese:
        if found["m"] in "正冬腊" or found["d"].startswith("初"):
            return None  # The lunar calendar: days do not shift there.
        year = int("".join("0" if c in "〇零○" else str("一二三四五六七八九".index(c) + 1) for c in found["y"]))
        return year, read_chinese(found["m"]), read_chinese(found["d"])
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 2000
    return year, int(found["m"]), int(found["d"])


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
    return "".join(zero if c == "0" else _UNITS[int(c)] for c in str(year))


def in_chinese(number: int) -> str:
    """Return a number below 100 in Chinese numerals."""
    tens, units = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _UNITS[tens] + "十"
    return head + (_UNITS[units] if units or not tens else "")


@cache
def fullwidth() -> dict[int, int]:
    """Return the translation of digits to their full-width forms."""
    return {0x30 + digit: 0xFF10 + digit for digit in range(10)}
