"""The direct identifiers that a run has read, kept as keyed fingerprints, to recognise them in what would leave.

Owns the fingerprints and their lookup. It must not keep a value: 8 bytes of a hash with a secret seed stay in memory for each
distinct written form, and are never written anywhere. polars' hash is fast and not cryptographic; that is enough because neither
seed nor fingerprints leave the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

_TABLE_BITS = 27
_MERGE_AFTER = 1 << 21
_SHORTEST_NUMBER = 7
_SHORTEST_WORD = 2
_LONG_ENOUGH = 8  # a value of so many bytes is neither a short number nor a single character


class RawIdentifiers:
    """A set of raw values: 8 bytes for each distinct written form, and a table of up to 128 MiB for quick refusal."""

    def __init__(self, fingerprints: npt.NDArray[np.uint64], seed: int) -> None:
        self._seed = seed
        self._known = sorted_unique(fingerprints)
        bits = min(_TABLE_BITS, max(8, (16 * len(self._known)).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[self._known >> self._shift] = True

    @classmethod
    def collect(cls, columns: Iterable[pl.Series], *, key: bytes) -> RawIdentifiers:
        """Take in columns of direct identifiers (text or whole numbers) under the run's key.

        Each value is taken as read, stripped, in upper and in lower case. Left out are single characters and numbers of
        fewer than seven digits, which cannot be told from counts and codes.
        """
        seed = int.from_bytes(hashlib.blake2b(key, digest_size=8, person=b"residual").digest())
        merged, waiting = np.empty(0, np.uint64), list[npt.NDArray[np.uint64]]()
        for column in columns:
            waiting.append(_fingerprints(column, seed))
            # Merged now and then, so that values that come again do not pile up.
            if sum(map(len, waiting)) > max(_MERGE_AFTER, len(merged) // 2):
                merged = sorted_unique(np.concatenate([merged, *waiting]))
                waiting.clear()
        return cls(np.concatenate([merged, *waiting]), seed)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"RawIdentifiers({len(self)} fingerprints)"

    def hits(self, text: pl.Series) -> npt.NDArray[np.bool_]:
        """Say for each cell whether it is, as a whole, a known raw value; nulls are not."""
        marks = np.zeros(len(text), np.bool_)
        if not len(self):
            return marks
        prints = text.hash(self._seed).to_numpy()
        likely = np.flatnonzero(self._table[prints >> self._shift])
        wanted = prints[likely]
        place = np.searchsorted(self._known, wanted).clip(max=len(self._known) - 1)
        marks[likely[self._known[place] == wanted]] = True
        found: npt.NDArray[np.bool_] = marks & text.is_not_null().to_numpy()
        return found


def _fingerprints(column: pl.Series, seed: int) -> npt.NDArray[np.uint64]:
    """Return the distinct fingerprints of a batch of values; other written forms only where a value has any."""
    text = column.drop_nulls().cast(pl.String)
    if (text.str.len_bytes() < _LONG_ENOUGH).any():
        text = text.filter(_tells_apart(text))
    forms = [text]
    if not _digits_only(text):
        stripped = text.str.strip_chars()
        forms += [stripped, stripped.str.to_uppercase(), stripped.str.to_lowercase()]
    return sorted_unique(np.concatenate([form.hash(seed).to_numpy() for form in forms]))


def _tells_apart(text: pl.Series) -> pl.Series:
    stripped = text.str.strip_chars()
    number = stripped.str.contains(r"^[0-9.\-]*$")
    shortest = pl.select(pl.when(number).then(_SHORTEST_NUMBER).otherwise(_SHORTEST_WORD)).to_series()
    return stripped.str.len_chars() >= shortest


def _digits_only(text: pl.Series) -> bool:
    """Say whether all values are decimal digits, which have no other case and, unspaced, no other form."""
    return (text.str.join("").item() or "0").isdecimal()


def sorted_unique(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the distinct values in order, using up the array. numpy's own ``unique`` takes a hundred times longer."""
    ordered = values
    ordered.sort()  # in place: the caller's array is made for this
    if not len(ordered):
        return ordered
    keep = np.empty(len(ordered), np.bool_)
    keep[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]
