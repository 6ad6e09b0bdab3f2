"""Dates of one person keep their distance in days: what two moved dates say is as far apart as what was written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.text_dates import in_chinese, shifted
from extractor.deid.text_treatment import Treatment, treat_column

_CN = "〇一二三四五六七八九"


def _chinese(day: date) -> str:
    year = "".join(_CN[int(c)] for c in str(day.year))
    return f"{year}年{in_chinese(day.month)}月{in_chinese(day.day)}日"


def _wide(day: date) -> str:
    return f"{day:%Y年%m月%d日}".translate({0x30 + n: 0xFF10 + n for n in range(10)})


WRITERS: dict[str, Callable[[date], str]] = {
    "dashes": lambda d: f"{d:%Y-%m-%d}",
    "unpadded dashes": lambda d: f"{d.year}-{d.month}-{d.day}",
    "points": lambda d: f"{d.year}.{d.month}.{d.day}",
    "slashes": lambda d: f"{d:%Y/%m/%d}",
    "Han": lambda d: f"{d.year}年{d.month}月{d.day}日",
    "号": lambda d: f"{d.year}年{d.month}月{d.day}号",
    "two digits of a year": lambda d: f"{d:%y}年{d.month}月{d.day}日",
    "compact": lambda d: f"{d:%Y%m%d}",
    "compact with time": lambda d: f"{d:%Y%m%d}0930",
    "glued to a time": lambda d: f"{d:%Y-%m-%d}11:10",
    "glued to a time, month unpadded": lambda d: f"{d.year}-{d.month}-{d:%d}11:10",
    "with time": lambda d: f"{d:%Y-%m-%d} 11:10:30",
    "mixed signs": lambda d: f"{d.year}-{d:%m}月{d:%d}日",
    "numerals": _chinese,
    "full width": _wide,
}
_DAYS = st.dates(date(1945, 1, 1), date(2035, 12, 31))
_OFFSETS = st.integers(-365, 365).filter(bool)


def _read(written: str, form: str, near: date) -> date:
    """Return the day that a text says: the one that the form writes so."""
    for days in range(-400, 401):
        day = near + timedelta(days=days)
        if _loose(WRITERS[form](day)) == _loose(written):
            return day
    raise AssertionError(f"no day is written so in the form {form}")


def _loose(text: str) -> str:
    """Return a date without the zeros of padding, which a form may gain, and which change no day."""
    wide = text.translate({0xFF10 + n: 0x30 + n for n in range(10)})
    head, *rest = "".join(c if c.isalnum() else "-" for c in wide).replace("年", "-").replace("月", "-").split("-")
    return "-".join([head, *(piece.lstrip("0") for piece in rest)])


@settings(max_examples=150, deadline=None)
@given(_DAYS, _DAYS, st.sampled_from(sorted(WRITERS)), st.sampled_from(sorted(WRITERS)), _OFFSETS)
def test_two_dates_of_a_person_stay_as_far_apart(first: date, second: date, a: str, b: str, offset: int) -> None:
    moved = []
    for day, form in ((first, a), (second, b)):
        written = shifted(WRITERS[form](day), offset)
        if form == "two digits of a year" and written is None:
            return  # The century would be read wrongly: the date becomes a word.
        assert written is not None
        moved.append(_read(written, form, day))
    assert moved[1] - moved[0] == second - first
    assert moved[0] - first == timedelta(days=offset)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_DAYS, st.sampled_from(sorted(WRITERS))), min_size=1, max_size=4), _OFFSETS)
def test_in_a_text_every_date_moves_or_becomes_a_word(days: list[tuple[date, str]], offset: int) -> None:
    text = "。".join(f"患者于{WRITERS[form](day)}入院" for day, form in days)
    treatment = Treatment("surrogate", day_offset=pl.Series([offset], dtype=pl.Int32))
    sentences = str(treat_column(pl.Series([text]), treatment=treatment).texts[0]).split("。")
    for (day, form), sentence in zip(days, sentences, strict=True):
        moved = shifted(WRITERS[form](day), offset)
        assert sentence == f"患者于{moved or '〔日期〕'}入院"
