"""Levels as columns: the expression that brings a column of a kind to a level.

Owns the table from (kind, level) to technique. Every technique is vectorised and works row by row, so that it streams; what
cannot be read as its kind becomes null and can be counted, but never passes. It must not know requests, policies or plans.
No key and no value of a person shows in an expression's text or serialised form.

A generalisation is computed from the next finer one, so that climbing never splits a class. The shifted levels stand outside
that rule: two persons' dates may fall together after the shift and lie in different months.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import NoReturn

import polars as pl

from extractor.deid import ages, amounts, dates
from extractor.deid.address_levels import address_at
from extractor.deid.clinical_codes import (
    icd9cm3_category,
    icd9cm3_chapter,
    icd10_block,
    icd10_category,
    icd10_chapter,
)
from extractor.deid.geography import county_code, postcode_digits, prefecture_code, province_code
from extractor.deid.identity_text import as_text
from extractor.deid.masks import masked
from extractor.deid.pseudonyms import ProjectKeys, day_offsets, pseudonyms
from extractor.deid.repeated import once_for_each
from extractor.errors import ConfigurationError
from extractor.levels import hierarchy_of

_KEPT = frozenset({"raw", "full"})
_TIME = pl.Datetime("us")


@dataclass(frozen=True)
class LevelContext:
    """What a level needs beside its column.

    Args:
        keys: the project's keys.
        domain: the pseudonyms' domain; columns of one domain match each other.
        person: the expression of the person's key, needed by the shifted levels.
        reference_date: the day whose year ages are counted to.
        dtype: the type of the source column.
        coded: give generalised texts as Categorical, each column with a dictionary of its own, instead of String.
    """

    keys: ProjectKeys = field(repr=False)
    domain: str
    person: pl.Expr | None
    reference_date: date
    dtype: pl.DataType
    coded: bool = False


class _Keyed:
    """A column function that holds a key: it shows only its name, and refuses to be pickled."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: Callable[[pl.Series], pl.Series]) -> None:
        self._name, self._function = name, function

    def __call__(self, values: pl.Series) -> pl.Series:
        return self._function(values)

    def __repr__(self) -> str:
        return f"<keyed {self._name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyed column function is never written down")


def level_expression(source: pl.Expr, *, kind: str, level: str, context: LevelContext) -> pl.Expr:
    """Return the expression that brings ``source`` to a level of its kind; it keeps the source's name.

    Raises:
        ConfigurationError: no such kind or level; a column type that holds no values of the kind; a shifted level without the
            person's key; free text, which ``extractor.deid.free_text`` treats.
    """
    _check(kind, level)
    name = source.meta.output_name()
    if level == "none":
        return pl.lit(None, dtype=context.dtype).alias(name)
    if level in _KEPT:
        return source
    return _computed(source, kind, level, context).alias(name)


def level_dtype(kind: str, level: str, source_dtype: pl.DataType) -> pl.DataType:
    """Return the type of a column at a level.

    Raises:
        ConfigurationError: no such kind or level, or free text to be treated elsewhere.
    """
    _check(kind, level)
    if level in _KEPT or level == "none":
        return source_dtype
    if level in ("day", "shifted_day"):
        return pl.Date()
    if level in ("time", "shifted_time"):
        return _TIME
    if level in ("year", "age"):
        return pl.Int32()
    if level in ("round_10", "round_100", "round_2_digits"):
        return pl.Int64() if source_dtype.is_integer() else pl.Float64()
    return pl.String()


def unparsed_expression(source: pl.Expr, kind: str, level: str, dtype: pl.DataType) -> pl.Expr:
    """Return whether a value is there but cannot be read at the level, so that it left as null (Boolean, never null).

    Blank text counts as not there. A kept or dropped column has no unparsed values.

    Raises:
        ConfigurationError: as ``level_expression``.
    """
    _check(kind, level)
    name = source.meta.output_name()
    if level in _KEPT or level == "none":
        return pl.lit(False).alias(name)
    there = source.is_not_null()
    if dtype == pl.String:
        there &= source.str.contains(r"[^\s]")
    readable = as_text(source, dtype, kind=kind) if level == "pseudonym" else _readable(source, kind, level, dtype)
    return (there & readable.is_null()).fill_null(False).alias(name)


def _check(kind: str, level: str) -> None:
    hierarchy_of(kind).level(level)
    if kind == "free_text" and level in ("surrogate", "redacted"):
        raise ConfigurationError(
            f"free text at level {level} is not a column function",
            zh=f"自由文本的等级 {level} 不由列函数实现",
            thing=f"{kind}.{level}",
            fix_en="use extractor.deid.free_text",
            fix_zh="请使用 extractor.deid.free_text",
        )


def _computed(source: pl.Expr, kind: str, level: str, context: LevelContext) -> pl.Expr:
    if level == "pseudonym":
        return _pseudonym(source, kind, context)
    if level in ("shifted_day", "shifted_time"):
        wanted = "day" if level == "shifted_day" else "time"
        moment = _readable(source, kind, wanted, context.dtype)
        return dates.shift(moment, _offset(kind, level, context))
    if kind == "birth_date":
        return _repeated(source, kind, level, context, lambda column: _birth_level(column, kind, level, context))
    return _repeated(source, kind, level, context, lambda column: _readable(column, kind, level, context.dtype))


def _repeated(
    source: pl.Expr, kind: str, level: str, context: LevelContext, compute: Callable[[pl.Expr], pl.Expr]
) -> pl.Expr:
    """Compute levels that are texts once for each different value; numbers are quick on all rows, and masks differ anyway."""
    compute(source)  # Types that hold no values of the kind are refused now, not when rows are read.
    dtype = level_dtype(kind, level, context.dtype)
    if level == "mask" or kind in ("amount", "quantity") or dtype != pl.String:
        return compute(source)
    return once_for_each(source, compute, dtype, coded=context.coded)


def _birth_level(source: pl.Expr, kind: str, level: str, context: LevelContext) -> pl.Expr:
    return _birth(dates.parse_date(source, context.dtype, kind=kind), level, context.reference_date)


def _pseudonym(source: pl.Expr, kind: str, context: LevelContext) -> pl.Expr:
    as_text(source, context.dtype, kind=kind)
    key, domain = context.keys.pseudonyms, context.domain
    function = _Keyed("pseudonyms", lambda values: pseudonyms(values, key, domain=domain, kind=kind))
    return source.map_batches(function, return_dtype=pl.String(), is_elementwise=True)


def _offset(kind: str, level: str, context: LevelContext) -> pl.Expr:
    if context.person is None:
        raise ConfigurationError(
            f"level {level} needs the key of the person whose date it is",
            zh=f"等级 {level} 需要日期所属人员的标识列",
            thing=f"{kind}.{level}",
            fix_en="name the table's person key in the catalogue, or choose the level month",
            fix_zh="请在目录中指明该表的人员标识列,或改选年月等级",
        )
    key = context.keys.date_shift
    function = _Keyed("day offsets", lambda persons: day_offsets(persons, key))
    return context.person.map_batches(function, return_dtype=pl.Int32(), is_elementwise=True)


def _readable(source: pl.Expr, kind: str, level: str, dtype: pl.DataType) -> pl.Expr:
    """Return the level where it needs nothing but the column, or what the level reads from the column."""
    if level == "mask":
        return masked(source, dtype, kind)
    if kind == "birth_date":
        return dates.parse_date(source, dtype, kind=kind)
    return _READERS[kind](source, dtype, level)


def _birth(day: pl.Expr, level: str, reference: date) -> pl.Expr:
    age = ages.age_of_birth(day, reference)
    by_level: dict[str, Callable[[], pl.Expr]] = {
        "day": lambda: day,
        "month": lambda: ages.birth_month(day, reference),
        "quarter": lambda: ages.birth_quarter(day, reference),
        "year": lambda: ages.birth_year(day, reference),
        "age": lambda: age,
        "age_band_5": lambda: ages.band_of(age, 5),
        "age_band_10": lambda: ages.band_of(age, 10),
    }
    return by_level[level]()


def _event(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    if level in ("time", "shifted_time"):
        return dates.parse_time(source, dtype)
    day = dates.parse_date(source, dtype)
    generalise = {"month": dates.month_of, "quarter": dates.quarter_of, "year": dates.year_of}
    return generalise[level](day) if level in generalise else day


def _division(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    county = county_code(source, dtype)
    return {"county": county, "prefecture": prefecture_code(county), "province": province_code(county)}[level]


def _postcode(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    return postcode_digits(source, dtype, 4 if level == "digits_4" else 2)


def _icd10(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    category = icd10_category(source, dtype)
    if level == "category_3":
        return category
    return icd10_block(category) if level == "block" else icd10_chapter(category)


def _icd9cm3(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    category = icd9cm3_category(source, dtype)
    return icd9cm3_chapter(category) if level == "chapter" else category


def _age(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    age = ages.age_of_written(source, dtype)
    return age if level == "age" else ages.band_of(age, 5 if level == "age_band_5" else 10)


def _amount(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    tens = amounts.rounded(amounts.parse_number(source, dtype, kind="amount"), 10)
    if level == "band":
        return amounts.band_of(amounts.rounded(tens, 100))
    value = tens if level == "round_10" else amounts.rounded(tens, 100)
    return value.cast(level_dtype("amount", level, dtype))


def _quantity(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    value = amounts.two_digits(amounts.parse_number(source, dtype, kind="quantity"))
    return value.cast(level_dtype("quantity", level, dtype))


_READERS: dict[str, Callable[[pl.Expr, pl.DataType, str], pl.Expr]] = {
    "event_date": _event,
    "event_time": _event,
    "address": address_at,
    "division": _division,
    "postcode": _postcode,
    "icd10": _icd10,
    "icd9cm3": _icd9cm3,
    "age": _age,
    "amount": _amount,
    "quantity": _quantity,
}
