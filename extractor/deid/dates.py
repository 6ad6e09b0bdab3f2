"""Dates and times: read from how Chinese tables write them, shifted by a person's secret offset, generalised.

Owns the accepted forms and the month, quarter and year. What cannot be read becomes null and is never passed on. Times
keep the clock that they were written with; a trailing ``Z`` is read, not converted. It must not know levels or policies.
"""

from __future__ import annotations

import polars as pl

from extractor.deid.identity_text import plain_series, unreadable_type

_DATE_FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d", "%Y年%m月%d日")
_TIME_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y%m%d%H%M%S",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日%H时%M分",
)
_EARLIEST, _LATEST = 1850, 2199
_TIME = pl.Datetime("us")


def parse_date(source: pl.Expr, dtype: pl.DataType, *, kind: str = "event_date") -> pl.Expr:
    """Return the day as Date; null where there is none between 1850 and 2199.

    Raises:
        ConfigurationError: the column's type holds no dates.
    """
    return _plausible(source) if dtype == pl.Date else parse_time(source, dtype, kind=kind).dt.date()


def parse_time(source: pl.Expr, dtype: pl.DataType, *, kind: str = "event_time") -> pl.Expr:
    """Return the time as Datetime in microseconds without zone; a bare day is its midnight; null where unreadable.

    Raises:
        ConfigurationError: the column's type holds no dates.
    """
    if dtype == pl.Date:
        return _plausible(source).cast(_TIME)
    if isinstance(dtype, pl.Datetime):
        return _plausible(source.dt.replace_time_zone(None)).cast(_TIME)
    if not (dtype == pl.String or dtype.is_integer() or isinstance(dtype, pl.Categorical | pl.Enum)):
        raise unreadable_type(kind, dtype)
    return source.cast(pl.String).map_batches(times_of_texts, return_dtype=_TIME, is_elementwise=True)


def _plausible(moment: pl.Expr) -> pl.Expr:
    return pl.when(moment.dt.year().is_between(_EARLIEST, _LATEST)).then(moment)


def times_of_texts(texts: pl.Series) -> pl.Series:
    """Read a String column form by form, each form only on what is still unread; the usual column needs one pass."""
    times = pl.Series(texts.name, [None], dtype=_TIME).new_from_index(0, len(texts))
    times = _read_forms(times, texts)
    rows = (times.is_null() & texts.is_not_null()).arg_true()
    pending = texts.gather(rows)
    plain = plain_series(pending)
    if plain.equals(pending):
        return times
    return times.scatter(rows, _read_forms(times.gather(rows), plain))


def _read_forms(times: pl.Series, texts: pl.Series) -> pl.Series:
    rows = texts.str.contains("^[0-9]{4}").fill_null(False).arg_true()
    pending = texts.gather(rows)
    # No two forms read one text differently, so the order is only a matter of speed: long texts have a clock.
    long = len(pending) > 0 and len(pending[0]) > 10
    for form in (*_TIME_FORMS, *_DATE_FORMS) if long else (*_DATE_FORMS, *_TIME_FORMS):
        if not len(rows):
            break
        read = _read(pending, form)
        found = read.is_not_null()
        if found.all() and len(rows) == len(times):
            return read
        if found.any():
            times = times.scatter(rows.filter(found), read.filter(found))
            rows, pending = rows.filter(~found), pending.filter(~found)
    return times


def _read(texts: pl.Series, form: str) -> pl.Series:
    dtype: pl.Date | pl.Datetime = pl.Date() if form in _DATE_FORMS else _TIME
    days = texts.str.strptime(dtype, form, strict=False)
    plausible = days.dt.year().is_between(_EARLIEST, _LATEST)
    if form in ("%Y%m%d", "%Y%m%d%H%M%S"):
        plausible &= texts.str.len_bytes() == (8 if form == "%Y%m%d" else 14)
    return days.set(~plausible, None).cast(_TIME)


def shift(moment: pl.Expr, offset: pl.Expr) -> pl.Expr:
    """Return a Date or Datetime moved by ``offset`` days (Int32); null where either is null."""
    return moment + pl.duration(days=offset)


def month_of(day: pl.Expr) -> pl.Expr:
    """Return ``2024-03``."""
    return day.dt.strftime("%Y-%m")


def quarter_of(day: pl.Expr) -> pl.Expr:
    """Return ``2024Q1``."""
    return day.dt.year().cast(pl.String) + "Q" + day.dt.quarter().cast(pl.String)


def year_of(day: pl.Expr) -> pl.Expr:
    """Return the year as Int32."""
    return day.dt.year().cast(pl.Int32)
