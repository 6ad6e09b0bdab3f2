"""Ages: from the year of birth or from what was written, top-coded at 90, in bands; and births that would show great age.

Owns the bound of 90 (as in HIPAA's safe harbour and GB/T 37964's top coding). The age of a birth date is the age in completed
years on 31 December of the reference year, so that it follows from the year of birth alone: climbing from year to age must
not split the persons of one year. It must not know levels or policies.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from extractor.deid.dates import month_of, quarter_of, year_of
from extractor.deid.identity_text import plain, unreadable_type

OLDEST = 90
_IMPLAUSIBLE = 131
_YEARS = r"^([0-9]{1,3})(?:\.[0-9]+)?(?:(?:周岁|岁|[Yy])(?:半|[0-9]{1,2}(?:个月|月|[Mm]))?(?:[0-9]{1,2}(?:天|日))?)?$"
_MONTHS = r"^([0-9]{1,3})(?:\.[0-9]+)?(?:个月|月龄|月|[Mm])(?:半|[0-9]{1,2}(?:天|日))?$"
_WEEKS = r"^([0-9]{1,3})(?:周|[Ww])(?:[0-9](?:天|日))?$"
_DAYS = r"^([0-9]{1,4})(?:天|日龄|日|[Dd])(?:[0-9]{1,2}(?:小时|时))?$"
_HOURS = r"^(?:新生儿|[0-9]{1,4}(?:小时|时|[Hh]|分钟|分)(?:[0-9]{1,2}(?:分钟|分))?)$"
_TOP_CODED = r"^(?:(?:≥|>=)9[0-9]岁?|9[0-9]岁?(?:\+|以上|及以上))$"


def age_of_birth(day: pl.Expr, reference: date) -> pl.Expr:
    """Return the age as Int32, 90 for all of 90 and more; null where the birth lies after the reference year."""
    return _top_coded(reference.year - year_of(day))


def age_of_written(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a written age (62, ``62岁``, ``3月``, ``15天``) as Int32 in completed years, 90 for all of 90 and more.

    Raises:
        ConfigurationError: the column's type holds no ages.
    """
    if dtype.is_numeric():
        return _top_coded(source.cast(pl.Float64).floor().cast(pl.Int32, strict=False))
    if not (dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)):
        raise unreadable_type("age", dtype)
    text = plain(source.cast(pl.String)).str.replace_all(r"\s", "")

    def number(pattern: str) -> pl.Expr:
        return text.str.extract(pattern, 1).cast(pl.Int32, strict=False)

    young = pl.when(text.str.contains(_HOURS)).then(pl.lit(0, dtype=pl.Int32))
    old = pl.when(text.str.contains(_TOP_CODED)).then(pl.lit(OLDEST, dtype=pl.Int32))
    completed = (number(_MONTHS) // 12, number(_WEEKS) * 7 // 365, number(_DAYS) // 365)
    return _top_coded(pl.coalesce(number(_YEARS), *completed, young, old))


def _top_coded(age: pl.Expr) -> pl.Expr:
    return pl.when(age.is_between(0, _IMPLAUSIBLE - 1)).then(age.clip(0, OLDEST)).cast(pl.Int32)


def band_of(age: pl.Expr, width: int) -> pl.Expr:
    """Return the band of a top-coded age as text: ``60-64`` for a width of 5, ``90+`` at the top.

    The bands are a short list, looked up by age, which is many times faster than writing each.
    """
    lows = [years // width * width for years in range(OLDEST)]
    bands = pl.Series([f"{low}-{low + width - 1}" for low in lows] + [f"{OLDEST}+"])
    return age.map_batches(bands.gather, return_dtype=pl.String(), is_elementwise=True)


def birth_month(day: pl.Expr, reference: date) -> pl.Expr:
    """Return ``1960-03``; ``≤1934`` where the year of birth would show an age of 90 or more."""
    return _hide_great_age(day, month_of(day), reference)


def birth_quarter(day: pl.Expr, reference: date) -> pl.Expr:
    """Return ``1960Q1``; ``≤1934`` where the year of birth would show an age of 90 or more."""
    return _hide_great_age(day, quarter_of(day), reference)


def birth_year(day: pl.Expr, reference: date) -> pl.Expr:
    """Return the year of birth as Int32, not before the year of those who are 90: that year stands for it and all earlier."""
    year = year_of(day)
    return pl.when(year.is_not_null()).then(pl.max_horizontal(year, pl.lit(reference.year - OLDEST, dtype=pl.Int32)))


def _hide_great_age(day: pl.Expr, written: pl.Expr, reference: date) -> pl.Expr:
    bound = reference.year - OLDEST
    return pl.when(year_of(day) <= bound).then(pl.lit(f"≤{bound}")).otherwise(written)
