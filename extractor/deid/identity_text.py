"""One text for one identity: the canonical form of an identifier before it is keyed or masked.

Owns the rule by which the same person is recognised across tables: integer columns become decimal text, compatibility forms
(full-width letters and digits, NFKC) become plain ones, zero-width characters and surrounding space go, the check letter
of a resident number is upper-case ``X``, and what is left of nothing is null, because an empty identifier is no identity.
Kinds with their own ways of writing add a rule each. It must not know keys or levels.
"""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt
import polars as pl

from extractor.errors import ConfigurationError

_ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_SPACE = frozenset(" \t\n\v\f\r\u0085\u2028\u2029")
_GROUPING = frozenset("-()·.‐‑‒–—―")
_ASCII_SIGNS = tuple(" \t\n\v\f\r-()." + string.ascii_lowercase)
_EXACT_IN_A_FLOAT = 2**53
_IDEOGRAPHS = (("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\U00020000", "\U0002ee5d"), ("\U00030000", "\U000323af"))
_MOBILE_DIGITS = 11
_UPPER = frozenset({"resident_id", "passport", "insurance_id", "licence", "plate", "uscc"})
_GROUPED = frozenset({"resident_id", "passport", "phone", "landline", "bank_card", "insurance_id", "plate", "uscc"})


def as_text(source: pl.Expr, dtype: pl.DataType, *, kind: str = "") -> pl.Expr:
    """Return the expression as text: integers in decimal, whole floats without a point, other floats null.

    A float cannot hold 18 digits: two persons would share one number, so what lies at or above 2^53 is null.

    Raises:
        ConfigurationError: the column is of a nested or binary type, which has no text.
    """
    if dtype.is_float():
        whole = (source == source.floor()) & (source.abs() < _EXACT_IN_A_FLOAT)
        return pl.when(whole).then(source).otherwise(None).cast(pl.Int64).cast(pl.String)
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        raise unreadable_type(kind, dtype)
    return source.cast(pl.String)


def unreadable_type(kind: str, dtype: pl.DataType) -> ConfigurationError:
    """Return the error for a column whose type has no values of its kind; names the type, never a value."""
    return ConfigurationError(
        f"a column of type {dtype} cannot be read as {kind or 'an identifier'}",
        zh=f"列的数据类型 {dtype} 不能作为{kind or '标识'}读取",
        thing=kind,
        fix_en="correct the kind in the catalogue, or read the column as text, number or date",
        fix_zh="请在目录中更正该列的类型,或将其读为文本、数值或日期",
    )


def plain(text: pl.Expr) -> pl.Expr:
    """Return text with compatibility forms made plain (NFKC), zero-width characters and outer space gone; blank is null."""
    return text.map_batches(plain_series, return_dtype=pl.String(), is_elementwise=True)


def plain_series(text: pl.Series) -> pl.Series:
    """Do for a String column what ``plain`` does for an expression, at memory speed where nothing needs treatment."""
    signs = _signs(_join(text))
    if not _is_plain(signs):
        text = text.str.normalize("NFKC").str.replace_all(f"[{_ZERO_WIDTH}]", "").str.strip_chars()
    elif not signs.isdisjoint(_SPACE):
        text = text.str.strip_chars()
    sizes = text.str.len_bytes()
    return text.set(sizes == 0, None) if sizes.min() == 0 else text


def canonical_series(values: pl.Series, *, kind: str = "") -> pl.Series:
    """Return the canonical text of a column of identifiers (String, same length; null where there is no identity).

    Raises:
        ConfigurationError: the column is of a nested or binary type.
    """
    return canonical_and_joined(values, kind=kind)[0]


def has_identity(values: pl.Series, *, kind: str = "") -> pl.Series:
    """Return whether each value is somebody's (Boolean, never null): not null, and not blank in its canonical text."""
    if values.dtype != pl.String:
        return canonical_series(values, kind=kind).is_not_null()
    # What begins with a digit or a letter is not blank; comparing beginnings is the quickest that a column can do.
    begun = ((values >= "0") & (values < "{")).fill_null(False)
    return begun if begun.all() else canonical_series(values, kind=kind).is_not_null()


def canonical_and_joined(values: pl.Series, *, kind: str = "") -> tuple[pl.Series, bytes]:
    """Return the canonical text of a column and the UTF-8 bytes of all its values, one after the other.

    The costly steps run only where the column's characters ask for them, so that plain columns pass at memory speed.

    Raises:
        ConfigurationError: the column is of a nested or binary type.
    """
    text = values
    if values.dtype != pl.String:
        text = values.to_frame("value").select(as_text(pl.col("value"), values.dtype, kind=kind)).to_series()
    joined = _join(text)
    treated = _treated(text, _signs(joined), kind)
    if treated is not text:
        text, joined = treated, _join(treated)
    sizes = text.str.len_bytes()
    return (text.set(sizes == 0, None) if sizes.min() == 0 else text).alias(values.name), joined


def fixed_width(letters: npt.NDArray[np.uint8]) -> pl.Series:
    """Return the rows of an array of shape (rows, width) of ASCII bytes as a String column, without a step for each row."""
    if not len(letters):
        return pl.Series(dtype=pl.String)
    flat = pl.Series(np.ascontiguousarray(letters).reshape(-1)).reshape(letters.shape)
    return flat.cast(pl.List(pl.UInt8)).cast(pl.Binary).cast(pl.String)


def _treated(text: pl.Series, signs: frozenset[str], kind: str) -> pl.Series:
    """Return the text with every step that its characters ask for; the same object where none does."""
    if not _is_plain(signs) or not signs.isdisjoint(_SPACE):
        text = plain_series(text)
        signs = _signs(_join(text))
    text = _by_kind(text, kind, signs)
    if "x" in signs or "×" in signs:
        text = text.str.replace(r"^([0-9]{17})[x×]$", "${1}X")
    return text


def _join(text: pl.Series) -> bytes:
    return text.str.join("").cast(pl.Binary).item() or b""


def _signs(joined: bytes) -> frozenset[str]:
    """Return the different characters of a column that may ask for a treatment.

    In ASCII only a few can; looking for each of them is ten times faster than collecting all that occur.
    """
    letters = np.frombuffer(joined, dtype=np.uint8)
    if not len(letters) or (letters.min() >= ord("0") and letters.max() <= ord("Z")):
        return frozenset()  # the usual column: digits and capital letters
    if not joined.isascii():
        seen = np.zeros(0x110000, dtype=np.bool_)
        seen[np.frombuffer(joined.decode().encode("utf-32-le"), dtype=np.uint32)] = True
        return frozenset(map(chr, np.flatnonzero(seen)))
    return frozenset(sign for sign in _ASCII_SIGNS if ord(sign) in joined)


def _is_plain(signs: frozenset[str]) -> bool:
    """Say whether ``plain`` would change nothing but outer space.

    Only ASCII and unified ideographs are trusted: signs of other scripts may join with their neighbours under NFKC, and a value
    must come out alike whatever else its chunk of the column holds.
    """
    return all(sign.isascii() or any(low <= sign <= high for low, high in _IDEOGRAPHS) for sign in signs)


def _by_kind(text: pl.Series, kind: str, signs: frozenset[str]) -> pl.Series:
    if kind in _GROUPED and not signs.isdisjoint(_SPACE | _GROUPING):
        text = text.str.replace_all(r"[\s\-()·.‐-―]", "")
    if kind == "phone" and (text.str.len_bytes() > _MOBILE_DIGITS).any():
        text = text.str.replace(r"^(?:\+|00)?86(1[0-9]{10})$", "${1}")
    if kind in _UPPER and any(map(str.islower, signs)):
        return text.str.to_uppercase()
    return text.str.to_lowercase() if kind == "email" else text
