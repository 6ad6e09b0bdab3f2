"""How the text of a CSV cell becomes a value, and which Parquet types a field may have.

Owns the written forms that each ``ValueFormat`` accepts. It must not know files, nor what a field is used for.
"""

from __future__ import annotations

import polars as pl

from extractor.catalogue import Field, ValueFormat

_TRUE = ("true", "t", "yes", "y", "1", "是")
_FALSE = ("false", "f", "no", "n", "0", "否")
_CIVIL_ZONE = "Asia/Shanghai"
_DATE_FORMS = (
    (r"^\d{4}-\d{1,2}-\d{1,2}$", "%Y-%m-%d"),
    (r"^\d{4}-\d{1,2}-\d{1,2} 0{1,2}:00(:00(\.0+)?)?$", "%Y-%m-%d"),
    (r"^\d{8}$", "%Y%m%d"),
)
_DATETIME_FORMS = (
    (r"^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}$", "%Y-%m-%d %H:%M:%S"),
    (r"^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}\.\d{1,9}$", "%Y-%m-%d %H:%M:%S%.f"),
    (r"^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}$", "%Y-%m-%d %H:%M"),
    (r"^\d{14}$", "%Y%m%d%H%M%S"),
)
_ZONED_FORM = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,9})?([+-]\d{2}:?\d{2}|Z)$"


def parsed(field: Field) -> pl.Expr:
    """Return the expression that reads a field's text as its format says; what does not parse becomes null.

    Integer and decimal in plain digits (no infinity, no NaN), dates as 2024-03-18, 2024/3/18, 2024.3.18 or 20240318, date
    and time with or without seconds; a time with an offset becomes civil time in China (UTC+8). Booleans as
    true/false, yes/no, 1/0, 是/否.
    """
    column = pl.col(field.name)
    if field.format is ValueFormat.TEXT:
        return column
    return _READERS[field.format](column.str.strip_chars()).alias(field.name)


def fits(dtype: pl.DataType, wanted: ValueFormat) -> bool:
    """Say whether a Parquet column of this type holds values of the wanted format (a column of nulls holds any)."""
    if dtype == pl.Null:
        return True
    return {
        ValueFormat.TEXT: isinstance(dtype, pl.String | pl.Categorical | pl.Enum),
        ValueFormat.INTEGER: dtype.is_integer(),
        ValueFormat.DECIMAL: dtype.is_float() or dtype.is_decimal(),
        ValueFormat.DATE: dtype == pl.Date,
        ValueFormat.DATETIME: dtype == pl.Datetime,
        ValueFormat.BOOLEAN: dtype == pl.Boolean,
    }[wanted]


def type_name(dtype: pl.DataType) -> str:
    """Return a type's name for people; a dictionary type's own list of values is left out."""
    return str(dtype.base_type()) if isinstance(dtype, pl.Enum | pl.Categorical) or dtype.is_nested() else str(dtype)


def normalised(field: Field, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that brings a fitting Parquet column to the type that CSV gives for the same format.

    Dictionary types become text (an ``Enum`` writes its whole list of values into the footer of what leaves), times with a
    zone become civil time in China, a column of nulls gets its format's type.
    """
    column = pl.col(field.name)
    if field.format is ValueFormat.TEXT and dtype != pl.String:
        return column.cast(pl.String)
    if dtype == pl.Null:
        return column.cast(_TYPES[field.format])
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return column.dt.convert_time_zone(_CIVIL_ZONE).dt.replace_time_zone(None)
    return column


def _integer(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Int64, strict=False)


def _decimal(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _boolean(text: pl.Expr) -> pl.Expr:
    word = text.str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)


def _dashed(text: pl.Expr) -> pl.Expr:
    day = text.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "${1}-${2}-${3}")
    return day.str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})T", "${1} ")


def _date(text: pl.Expr) -> pl.Expr:
    dashed = _dashed(text)
    first_word = dashed.str.extract(r"^([^ ]+)")
    return pl.coalesce(
        *(
            pl.when(dashed.str.contains(shape)).then(first_word).str.to_date(form, strict=False)
            for shape, form in _DATE_FORMS
        )
    )


def _datetime(text: pl.Expr) -> pl.Expr:
    dashed = _dashed(text)
    plain = (
        pl.when(dashed.str.contains(shape)).then(dashed).str.to_datetime(form, strict=False, time_unit="us")
        for shape, form in _DATETIME_FORMS
    )
    offset = dashed.str.replace(r"Z$", "+00:00")
    zoned = pl.when(dashed.str.contains(_ZONED_FORM)).then(offset)
    civil = (
        zoned.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="us", time_zone="UTC")
        .dt.convert_time_zone(_CIVIL_ZONE)
        .dt.replace_time_zone(None)
    )
    return pl.coalesce(*plain, civil, _date(text).cast(pl.Datetime("us")))


_READERS = {
    ValueFormat.INTEGER: _integer,
    ValueFormat.DECIMAL: _decimal,
    ValueFormat.DATE: _date,
    ValueFormat.DATETIME: _datetime,
    ValueFormat.BOOLEAN: _boolean,
}
_TYPES: dict[ValueFormat, pl.DataType] = {
    ValueFormat.TEXT: pl.String(),
    ValueFormat.INTEGER: pl.Int64(),
    ValueFormat.DECIMAL: pl.Float64(),
    ValueFormat.DATE: pl.Date(),
    ValueFormat.DATETIME: pl.Datetime("us"),
    ValueFormat.BOOLEAN: pl.Boolean(),
}
