"""Known dates: a date of birth that a column or a resident ID tells.

Owns the forms in which that day may stand in a text. Days without a year are no forms of it: they are found as dates anyway,
and here would cut into other dates of the same day. It must not know what takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_text import Document, occurrences

_WRITTEN = regex.compile(r"(?P<y>[0-9]{4})[-/.年 ]{0,2}(?P<m>[0-9]{1,2})[-/.月 ]{0,2}(?P<d>[0-9]{1,2})")
_GAP = r"[ ]?[-/.年月,\\][ ]?"
_FIGURES = "〇一二三四五六七八九"
_READ = "零〇○一二三四五六七八九十廿初"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# How far before the year a day may begin: 13 December 1960.
_REACH = 20
_LONG = regex.compile(
    rf"(?P<y>[0-9]{{4}})(?:(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})"
    rf"|{_GAP}(?P<m>[0-9]{{1,2}})(?![0-9])(?:{_GAP}(?P<d>[0-9]{{2}}|[0-9](?![0-9]))[ ]?[日号]?|[ ]?月)?)"
)
_SHORT = regex.compile(
    r"(?<![0-9.])(?P<y>[0-9]{2})(?:年[ ]?(?P<m>[0-9]{1,2})月[ ]?(?P<d>[0-9]{1,2})[ ]?[日号]?"
    r"|(?P<s>[-/.])(?P<m>[0-9]{1,2})(?P=s)(?P<d>[0-9]{1,2})(?![0-9.]))"
)
_SPOKEN = regex.compile(
    rf"(?P<y>(?:[{_READ}]{{2}}){{1,2}})年(?P<m>[{_READ}]{{1,3}})月(?:(?P<d>[{_READ}]{{1,3}})[日号]?)?"
)
_FIGURES_BACK = regex.compile(r"(?<![0-9])(?P<a>[0-9]{1,2})[-/. ](?P<b>[0-9]{1,2})[-/. ](?P<y>[0-9]{4})(?![0-9])")
_WORDS_BACK = regex.compile(
    r"(?<![0-9a-z])(?:(?P<m>[a-z]{3})[a-z]{0,7}[. ]{1,2}(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?"
    r"|(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?[-. ](?P<m>[a-z]{3})[a-z]{0,7})[.,\- ]{1,2}(?P<y>[0-9]{4})(?![0-9])"
)


@dataclass(frozen=True)
class KnownDay:
    """A day, and what is looked for first: the year as it may be written."""

    day: date = field(repr=False)
    anchors: tuple[str, ...] = field(repr=False)


def known_day(value: str) -> KnownDay | None:
    """Read a date as columns write it (``1960-12-13``, ``19601213``, ``1960/12/13 00:00``); none where it is no day."""
    found = _WRITTEN.match(value.strip())
    return _of(int(found["y"]), int(found["m"]), int(found["d"])) if found else None


def day_of_resident_id(value: str) -> KnownDay | None:
    """Return the day of birth in a resident ID of 18 or 15 digits; none where there is no day in it."""
    digits = "".join(sign for sign in value[:-1] if "0" <= sign <= "9") + value[-1:]
    if len(digits) == 18:
        return _of(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    if len(digits) == 15:
        return _of(1900 + int(digits[6:8]), int(digits[8:10]), int(digits[10:12]))
    return None


def _of(year: int, month: int, number: int) -> KnownDay | None:
    try:
        day = date(year, month, number)
    except ValueError:
        return None
    if not 1850 <= year <= 2100:
        return None
    short = f"{year % 100:02d}"
    spoken = [_read_out(str(year)), _read_out(short)]
    spoken += [form.replace("〇", zero) for form in spoken for zero in "零○" if "〇" in form]
    anchors = (str(year), *(short + sign for sign in "年.-/"), *(form + "年" for form in spoken))
    return KnownDay(day, tuple(dict.fromkeys(anchors)))


def _read_out(figures: str) -> str:
    return "".join(_FIGURES[int(figure)] for figure in figures)


def _counted(read: str) -> int:
    """Return a number below 32 that is read out (十二, 廿三, 〇七, 初五), or zero."""
    read = read.replace("廿", "二十").replace("初", "").translate(str.maketrans("零○", "〇〇"))
    tens, ten, ones = read.rpartition("十")
    if any(sign not in _FIGURES for sign in tens + ones):
        return 0
    first = _FIGURES.index(tens) if len(tens) == 1 else 1 if ten else 0
    return first * 10 + int("0" + "".join(str(_FIGURES.index(sign)) for sign in ones))


def find_days(document: Document, known: KnownDay) -> Iterator[tuple[int, int]]:
    """Yield where the day stands, and its month with the year where no other day follows."""
    letters, low, high = document.text.letters, document.low, document.high
    for anchor in known.anchors:
        form = _LONG if len(anchor) == 4 and anchor.isdigit() else _SHORT if anchor[0].isdigit() else _SPOKEN
        for at in occurrences(letters, anchor, low, high):
            found = form.match(letters, at, high)
            if found and _is_day(found, known.day, read=form is _SPOKEN):
                yield found.span()
            elif form is _LONG and (before := _backward(letters[max(low, at - _REACH) : at + 4], known.day)):
                yield at + 4 - before, at + 4


def _is_day(found: regex.Match[str], day: date, *, read: bool) -> bool:
    month, number = found["m"], found["d"]
    value = _counted if read else int
    return value(month) == day.month and (number is None or value(number) == day.day)


def _backward(text: str, day: date) -> int:
    """Return how long the day is that ends a text with its year, zero where there is none."""
    found = _FIGURES_BACK.search(text)
    if found and {int(found["a"]), int(found["b"])} == {day.month, day.day}:
        return len(text) - int(found.start())
    found = _WORDS_BACK.search(text)
    if found and found["m"] == _MONTHS[day.month - 1] and int(found["d"]) == day.day:
        return len(text) - int(found.start())
    return 0
