"""Columns that repeat themselves: a costly column function is computed once for each different value.

Owns the choice between computing on all rows and on the different values only, batch by batch. It must not know what is
computed; the function must work row by row, so that both ways give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

_VALUE = "value"
_SAMPLE = 1_000
_WORTH_IT = 4 * _SAMPLE
_REPETITIVE = 0.75


def once_for_each(source: pl.Expr, compute: Callable[[pl.Expr], pl.Expr], return_dtype: pl.DataType) -> pl.Expr:
    """Return ``compute(source)``, computed once for each different value of a batch where values repeat."""
    return source.map_batches(partial(_computed, compute=compute), return_dtype=return_dtype, is_elementwise=True)


def _computed(values: pl.Series, *, compute: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    if len(values) < _WORTH_IT or not _repeats(values):
        return _on(values, compute)
    different = values.unique()
    if len(different) > _REPETITIVE * len(values):
        return _on(values, compute)
    results = _on(different, compute)
    return values.replace_strict(different, results, return_dtype=results.dtype)


def _repeats(values: pl.Series) -> bool:
    """Judge by a sample: a column of which most sampled values differ may still repeat, but not enough to pay."""
    sample = values.gather_every(len(values) // _SAMPLE)
    return sample.n_unique() < _REPETITIVE * len(sample) or values.dtype == pl.Date


def _on(values: pl.Series, compute: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    return values.to_frame(_VALUE).select(compute(pl.col(_VALUE))).to_series().alias(values.name)
