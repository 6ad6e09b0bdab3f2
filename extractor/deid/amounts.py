"""Amounts and quantities: read, rounded, put into bands.

Owns rounding (half to even) and the 1-2-5 bands. Each step rounds the step before it, so that amounts which are equal at one
level stay equal at every coarser one. What is no number becomes null. It must not know levels or policies.
"""

from __future__ import annotations

import polars as pl

from extractor.deid.identity_text import plain, unreadable_type

_NUMBER = r"^[¥$]?(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|-?\.[0-9]+)(?:元|RMB|CNY)?$"
_LARGEST = 10**12
_FIRST_BAND = 100


def parse_number(source: pl.Expr, dtype: pl.DataType, *, kind: str) -> pl.Expr:
    """Return a finite Float64; text may carry ``¥``, ``元`` and thousands commas.

    Raises:
        ConfigurationError: the column's type holds no numbers.
    """
    if dtype.is_numeric():
        number = source.cast(pl.Float64)
        return pl.when(number.is_finite()).then(number)
    if not (dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)):
        raise unreadable_type(kind, dtype)
    text = plain(source.cast(pl.String)).str.replace_all(r"\s", "").str.extract(_NUMBER, 1)
    return text.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)


def rounded(number: pl.Expr, unit: int) -> pl.Expr:
    """Return the number rounded half to even to a multiple of ``unit``; never a negative zero."""
    return (number / unit).round(0, mode="half_to_even") * unit + 0.0


def two_digits(number: pl.Expr) -> pl.Expr:
    """Return the number with two significant digits."""
    return number.round_sig_figs(2) + 0.0


def band_of(rounded_amount: pl.Expr) -> pl.Expr:
    """Return the 1-2-5 band of an amount that is rounded to 100: ``1000-2000``, low end within; ``-(1000-2000)`` below zero.

    The first band is ``0-100``; the last begins at 10^12 and has no end.
    """
    bounds = _bounds()
    size = rounded_amount.abs()
    labels = [f"{low}-{high}" for low, high in zip((0, *bounds), bounds, strict=False)] + [f"{_LARGEST}+"]
    band = size.bin_intervals(bounds, labels=labels).cast(pl.String)
    return pl.when(rounded_amount < 0).then("-(" + band + ")").otherwise(band)


def _bounds() -> list[int]:
    bounds, power = [], _FIRST_BAND
    while power < _LARGEST:
        bounds += [power, 2 * power, 5 * power]
        power *= 10
    return [*bounds, _LARGEST]
