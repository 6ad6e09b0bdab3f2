"""Columns that repeat themselves: a costly column function is computed once for each different value.

Owns the choice between computing on all rows and on the different values only, batch by batch. It must not know what is
computed; the function must work row by row, so that both ways give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
import polars as pl

Compute = Callable[[pl.Expr], pl.Expr]

_VALUE = "value"
_SAMPLE = 1_000
_WORTH_IT = 4 * _SAMPLE
_REPETITIVE = 0.75
_MOST_WORDS = 100_000
_MOST_DAYS = 100_000


def once_for_each(source: pl.Expr, compute: Compute, return_dtype: pl.DataType, *, coded: bool = False) -> pl.Expr:
    """Return ``compute(source)``, computed once for each different value of the column where values repeat.

    With ``coded`` a text comes out as a Categorical with a dictionary of its own: numbers, that whoever groups or writes the
    column need not make again.
    """
    if coded and return_dtype == pl.String:
        function = _Repeated(compute, words=pl.Categories.random())
        return source.map_batches(function, return_dtype=function.dtype, is_elementwise=True)
    return source.map_batches(_Repeated(compute), return_dtype=return_dtype, is_elementwise=True)


def computed_once(values: pl.Series, *, compute: Compute) -> pl.Series:
    """Do for a column what ``once_for_each`` does for an expression."""
    return _Repeated(compute)(values)


class _Repeated:
    """A column function that remembers, from batch to batch, what it computed; it shows nothing of that."""

    def __init__(self, compute: Compute, *, words: pl.Categories | None = None) -> None:
        self._compute, self._lock = compute, Lock()
        self._words = pl.Categories.random()
        self.dtype = pl.Categorical(words) if words else None
        # polars forgets a dictionary once no column of its type is left, and would number its words anew.
        self._anchors = [
            pl.Series(dtype=pl.Categorical(dictionary)) for dictionary in (self._words, words) if dictionary
        ]
        self._of_words: pl.Series | None = None
        self._days: tuple[int, int, pl.Series] | None = None

    def __repr__(self) -> str:
        return "<column function>"

    def __call__(self, values: pl.Series) -> pl.Series:
        if len(values) >= _WORTH_IT:
            if values.dtype == pl.Date:
                return self._by_day(values)
            if values.dtype == pl.String and _repeats(values):
                return self._by_word(values)
        return self._on(values)

    def _by_word(self, values: pl.Series) -> pl.Series:
        """Number the words of a batch by the dictionary, compute what is new in it, look each row up."""
        numbers = values.cast(pl.Categorical(self._words)).to_physical()
        with self._lock:
            words = self._words.to_series()
            known = self._of_words
            done = 0 if known is None else len(known)
            if len(words) > max(_MOST_WORDS, len(values)):
                return self._on(values)
            if len(words) > done:
                new = self._on(words.slice(done))
                known = self._of_words = new if known is None else pl.concat([known, new], rechunk=True)
        assert known is not None or not len(words)
        return self._on(values) if known is None else known.gather(numbers).alias(values.name)

    def _by_day(self, values: pl.Series) -> pl.Series:
        """Compute on every day between the first and the last, where that are not too many, and look each row up."""
        days = values.to_physical()
        first, last = days.min(), days.max()
        if not isinstance(first, int) or not isinstance(last, int):
            return self._on(values)
        known = self._days
        if known is None or first < known[0] or last > known[1]:
            if known is not None:
                first, last = min(first, known[0]), max(last, known[1])
            if last - first >= max(_MOST_DAYS, _REPETITIVE * len(values)):
                return self._on(values)
            every = pl.Series(values.name, np.arange(first, last + 1, dtype=np.int32)).cast(pl.Date)
            known = self._days = (first, last, self._on(every))
        return known[2].gather(days - known[0]).alias(values.name)

    def _on(self, values: pl.Series) -> pl.Series:
        computed = values.to_frame(_VALUE).select(self._compute(pl.col(_VALUE))).to_series().alias(values.name)
        return computed if self.dtype is None else computed.cast(self.dtype)


def _repeats(values: pl.Series) -> bool:
    """Judge by a sample: a column of which most sampled values differ may still repeat, but not enough to pay."""
    sample = values.gather_every(len(values) // _SAMPLE)
    return sample.n_unique() < _REPETITIVE * len(sample)
