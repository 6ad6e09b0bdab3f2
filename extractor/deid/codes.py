"""Columns as dictionary codes, and codes as packed keys: exact, in numpy, without an engine's group-by.

Owns how values of any type become small numbers that are equal where the values are, and how tuples of them become keys of 64
bits by mixed radix. It must not know persons or classes (``extractor.deid.classes``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from extractor.errors import SourceError, UsageError

Codes: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
Ids: TypeAlias = npt.NDArray[np.uint32]
Keys: TypeAlias = npt.NDArray[np.uint64]
Counts: TypeAlias = npt.NDArray[np.int64]

BATCH_ROWS = 1 << 18
_FEW_WORDS = 4096
_NARROW = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_MOST_KEYS = 1 << 63
_SIGN = np.uint64(1 << 63)
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1


class CodedColumn:
    """One column on its way to codes: batches of 64-bit numbers, each kept as narrow as it fits.

    Text goes through a private polars dictionary first; floats and unsigned numbers are mapped to signed ones in the same
    order, so that equal values, and only they, have equal codes.
    """

    def __init__(self, thing: str, *, alone: bool = False) -> None:
        """Begin a column; one that is ``alone`` is compared with no other, so categories keep the numbers they have."""
        self.thing, self._alone = thing, alone
        self._dtype: pl.DataType = pl.Null()
        self._words = pl.Categories.random()
        # polars forgets a dictionary, and numbers its words anew, once no series of its type is left: this one stays.
        self._anchor = pl.Series(dtype=pl.Categorical(self._words))
        self._chunks: list[tuple[int, int, Codes]] = []
        self._nulls: list[npt.NDArray[np.uint8]] = []

    @property
    def ordered(self) -> bool:
        """Whether the codes follow an order that means something: numbers and times."""
        return (self._dtype.is_numeric() or self._dtype.is_temporal()) and not is_text(self._dtype)

    def add(self, series: pl.Series) -> None:
        """Take the next batch; a null takes the place of the batch's smallest value and is marked."""
        # Tables may name persons by integers of different width, or by text and categories; the wider type holds both.
        if self._dtype not in (pl.Null, series.dtype):
            self._dtype = pl.String() if is_text(series.dtype) else pl.Int64()
        else:
            self._dtype = series.dtype
        if self._alone and isinstance(series.dtype, pl.Categorical) and self._dtype == series.dtype:
            series = series.to_physical()
        if series.dtype == pl.UInt64 and self._dtype == pl.UInt64 and not series.null_count():
            # Fingerprints spread over the whole range: looking for the smallest would gain nothing.
            self._chunks.append((_LEAST, _GREATEST, series.to_numpy()))
            self._nulls.append(np.zeros(-(-len(series) // 8), np.uint8))
            return
        if self._alone and series.dtype == pl.UInt32 and not series.null_count():
            # Numbers of a dictionary begin near zero and are few.
            codes = series.to_numpy()
            high = int(codes.max()) if len(codes) else -1
            self._chunks.append((0, high, codes.astype(np.min_scalar_type(max(high, 0)))))
            self._nulls.append(np.zeros(-(-len(series) // 8), np.uint8))
            return
        numbers = _numbers(series, self._words, self.thing)
        # A column without nulls is not asked where they are: each such question costs as much as the numbers.
        nulls = series.is_null().to_numpy() if series.null_count() else np.zeros(len(series), np.bool_)
        known = numbers[~nulls] if series.null_count() else numbers
        low, high = (int(known.min()), int(known.max())) if len(known) else (0, -1)
        if len(known) < len(numbers):
            numbers = np.where(nulls, np.int64(low), numbers)
        offsets = numbers.view(np.uint64) - _wrapped(low)
        self._chunks.append((low, high, offsets.astype(np.min_scalar_type(max(high - low, 0)))))
        self._nulls.append(np.packbits(nulls))

    def offsets(self) -> tuple[Codes, int, int]:
        """Return all values less their smallest, that smallest and the radix."""
        low = min((chunk[0] for chunk in self._chunks if chunk[1] >= chunk[0]), default=0)
        radix = max((chunk[1] for chunk in self._chunks if chunk[1] >= chunk[0]), default=low) - low + 1
        out = np.empty(sum(len(chunk[2]) for chunk in self._chunks), np.min_scalar_type(radix - 1))
        start = 0
        for position, (base, high, offsets) in enumerate(self._chunks):
            part = out[start : start + len(offsets)]
            above = base - low if high >= base else 0
            np.add(offsets, out.dtype.type(above), out=part, casting="unsafe")
            start += len(part)
            self._chunks[position] = (base, high, offsets[:0].copy())  # frees the batch while the whole grows
        return out, low, radix

    def codes(self) -> tuple[Codes, int]:
        """Return one code for each row, in the order of the values and null first, and how many codes there may be."""
        lengths = [len(chunk[2]) for chunk in self._chunks]
        codes, _, radix = self.offsets()
        if radix > 1 << 8:
            codes, keys = dense(codes, radix)
            radix = max(len(keys), 1)
        bits = [np.unpackbits(b, count=n) for b, n in zip(self._nulls, lengths, strict=True)]
        nulls = np.concatenate(bits).view(np.bool_) if bits else np.zeros(0, np.bool_)
        if nulls.any():
            codes, radix = np.where(nulls, 0, codes.astype(np.min_scalar_type(radix)) + 1), radix + 1
        return codes.astype(np.min_scalar_type(radix - 1), copy=False), radix

    def decode(self, offsets: Codes, low: int) -> pl.Series:
        """Return the values of a column without nulls from its offsets, which are used up."""
        numbers = offsets.astype(np.uint64, copy=False)
        numbers += _wrapped(low)
        if is_text(self._dtype):
            return self._words.to_series().gather(pl.Series(numbers)).alias("person")
        if self._dtype == pl.UInt64:
            numbers ^= _SIGN
            return pl.Series("person", numbers)
        return pl.Series("person", numbers.view(np.int64)).cast(self._dtype)


def _wrapped(number: int) -> np.uint64:
    return np.uint64(number % (1 << 64))


def is_text(dtype: pl.DataType) -> bool:
    """Say whether a type takes the dictionary: text, and numbers that do not fit into 64 bits."""
    if isinstance(dtype, pl.Decimal):
        return (dtype.precision or 38) > 18
    kinds = pl.String | pl.Categorical | pl.Enum | pl.Binary | pl.Null | pl.Int128 | pl.UInt128
    return isinstance(dtype, kinds)


def family(dtype: pl.DataType) -> str:
    """Name the types whose codes may be compared between tables."""
    if dtype.is_integer() and not is_text(dtype):
        return "unsigned" if dtype == pl.UInt64 else "integer"
    return "text" if isinstance(dtype, pl.String | pl.Categorical | pl.Enum) else str(dtype)


def _in_dictionary(text: pl.Series, words: pl.Categories) -> pl.Series:
    """Return the dictionary numbers of a text column; where a batch repeats few words, each is looked up once."""
    different = text.unique() if len(text) > _FEW_WORDS and text.head(_FEW_WORDS).n_unique() < _FEW_WORDS // 4 else text
    numbers = different.cast(pl.Categorical(words)).to_physical()
    if different is text or len(different) > _FEW_WORDS:
        return text.cast(pl.Categorical(words)).to_physical()
    return text.replace_strict(different, numbers, return_dtype=numbers.dtype)


def _numbers(series: pl.Series, words: pl.Categories, thing: str) -> npt.NDArray[np.int64]:
    """Map a batch to 64-bit numbers, one to one and (but for text) in order; nulls become any number."""
    dtype = series.dtype
    if dtype.is_nested() or dtype == pl.Object:
        raise UsageError(
            f"a column of type {dtype.base_type().__name__} has no equality to group by",
            zh=f"类型 {dtype.base_type().__name__} 的列无法用于等价类",
            thing=thing,
            fix_en="derive a plain column from it first",
            fix_zh="请先派生为普通列",
        )
    if dtype == pl.UInt64:
        return (_filled(series).to_numpy() ^ _SIGN).view(np.int64)
    if dtype.is_float():
        # Adding zero makes -0.0 equal to 0.0; flipping the other bits of negatives puts the bit patterns in order.
        floats = series.cast(pl.Float64).fill_null(0.0).fill_nan(float("nan")).to_numpy() + 0.0
        bits = floats.view(np.int64)
        return np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits)
    if is_text(dtype):
        text = series.bin.encode("hex") if dtype == pl.Binary else series.cast(pl.String)
        series = _in_dictionary(text, words)
    physical = series.to_physical()
    physical = physical if physical.dtype in _NARROW else physical.cast(pl.Int64)
    return _filled(physical).to_numpy().astype(np.int64, copy=False)


def _filled(series: pl.Series) -> pl.Series:
    return series.fill_null(0) if series.null_count() else series


def dense(keys: npt.NDArray[Any], radix: int) -> tuple[Ids, Keys]:
    """Number equal keys alike, from 0 without gaps and in the order of the keys; return the numbers and the distinct keys.

    Keys are unsigned and below ``radix``. A small radix takes one table; else keys and row numbers are sorted together in
    one word where both fit, which numpy does with vector instructions, and by an index where they do not.
    """
    rows = len(keys)
    ids = np.empty(rows, np.uint32)
    if radix <= max(rows, 1 << 16):
        present = np.zeros(radix, np.bool_)
        for start in range(0, rows, BATCH_ROWS):
            present[keys[start : start + BATCH_ROWS]] = True
        rank = np.cumsum(present, dtype=np.uint32) - np.uint32(1)
        for start in range(0, rows, BATCH_ROWS):
            ids[start : start + BATCH_ROWS] = rank[keys[start : start + BATCH_ROWS]]
        return ids, np.flatnonzero(present).astype(np.uint64)
    bits = np.uint64(max(rows - 1, 1).bit_length())
    if (radix - 1).bit_length() + int(bits) <= 64:
        ordered = keys.astype(np.uint64) << bits
        ordered |= np.arange(rows, dtype=np.uint32)
        ordered.sort()
        at = ordered & np.uint64((1 << int(bits)) - 1)
        ordered >>= bits
    else:
        at = np.argsort(keys).view(np.uint64)
        ordered = keys[at.view(np.int64)].astype(np.uint64, copy=False)
    new = starts(ordered)
    ids[at.view(np.int64)] = np.cumsum(new, dtype=np.uint32) - np.uint32(1)
    return ids, ordered[new]


def starts(ordered: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mark where a run of equal values starts in an ordered array."""
    new = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return new


def pack(columns: list[CodedColumn], rows: int) -> tuple[list[Codes], list[int], tuple[tuple[int, int, int], ...]]:
    """Pack columns by mixed radix into as few words as hold them; a word that would overflow starts the next."""
    words: list[Codes] = [np.zeros(rows, np.uint8)]
    radices, places = [1], []
    for column in columns:
        codes, radix = column.codes()
        radix = max(radix, 1)
        if radices[-1] * radix > _MOST_KEYS:
            words.append(np.zeros(rows, np.uint8))
            radices.append(1)
        radices[-1] *= radix
        places.append((len(words) - 1, radix))
        word = words[-1].astype(np.min_scalar_type(radices[-1] - 1), copy=False)
        word *= word.dtype.type(radix % (1 << 8 * word.itemsize))
        np.add(word, codes, out=word, casting="unsafe")
        words[-1] = word
    layout, below = [], [1] * len(words)
    for number, radix in reversed(places):
        layout.append((number, below[number], radix))
        below[number] *= radix
    return words, radices, tuple(reversed(layout))


def tuples_of(words: Sequence[npt.NDArray[Any]], radices: Sequence[int]) -> tuple[Ids, tuple[Keys, ...]]:
    """Number the distinct tuples of parallel words; return each row's number and the words of each tuple."""
    ids, first = dense(words[0], radices[0])
    kept: tuple[Keys, ...] = (first,)
    for word, radix in zip(words[1:], radices[1:], strict=True):
        right, distinct = dense(word, radix)
        both = ids * np.uint64(len(distinct)) + right
        ids, keys = dense(both, len(kept[0]) * len(distinct))
        left, right_of = np.divmod(keys, np.uint64(max(len(distinct), 1)))
        kept = (*(keys_before[left] for keys_before in kept), distinct[right_of])
    return ids, kept


def unknown_column(table: str, column: str, have: Sequence[str]) -> UsageError:
    """Return the error that lists the columns there are."""
    return UsageError(
        "no such column",
        zh="没有这一列",
        thing=f"{table}.{column}",
        fix_en="choose from: " + ", ".join(have),
        fix_zh="可选:" + "、".join(have),
    )


def unreadable(table: str) -> SourceError:
    return SourceError(
        "the table cannot be read for the risk figures",
        zh="无法读取该表以计算风险",
        thing=table,
        fix_en="check that the file is whole, below 2**31 rows, and of the types that the catalogue names",
        fix_zh="请检查文件是否完整、少于 2**31 行、类型与目录一致",
    )
