"""Codes of diseases (ICD-10) and procedures (ICD-9-CM-3): category, block, chapter.

Owns how the Chinese editions write the codes (``I10.x00``, ``E11.900x001``, ``A17.000†G01*``) and WHO's ranges. A code outside
them becomes null; so do ICD-9 disease codes such as ``250.83``. It must not know levels or policies.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache
from importlib.resources import files

import polars as pl

from extractor.deid.identity_text import as_text, plain

# With a point any extension of letters and digits may follow (S72.001A); without one, digits and X only, so that morphology
# (M8140/3) and codes of traditional medicine (A01.03.14, BNP010) are not taken for diseases.
_ICD10 = r"^([A-Z][0-9]{2})(?:\.[0-9A-Z\-]{0,4}(?:X[0-9]{1,3})?|[0-9X]{0,4}(?:X[0-9]{1,3})?)?(?:[+*†‡].*)?$"
_ICD9CM3 = r"^([0-9]{2})(?:\.[0-9]{1,4}(?:X[0-9]{1,3})?)?$"
_ICD9CM3_CHAPTERS = (
    *((0, 0), (1, 5), (6, 7), (8, 16), (17, 17), (18, 20), (21, 29), (30, 34), (35, 39)),
    *((40, 41), (42, 54), (55, 59), (60, 64), (65, 71), (72, 75), (76, 84), (85, 86), (87, 99)),
)


def icd10_category(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the three-character category, ``I10``; null where WHO's ICD-10 has no block for it."""
    code = plain(as_text(source, dtype, kind="icd10")).str.to_uppercase().str.extract(_ICD10, 1)
    return pl.when(code.is_in(pl.lit(pl.Series(list(_blocks())).implode()))).then(code)


def icd10_block(category: pl.Expr) -> pl.Expr:
    """Return the block of a category, ``I10-I15``."""
    return category.replace_strict(_blocks(), default=None, return_dtype=pl.String)


def icd10_chapter(category: pl.Expr) -> pl.Expr:
    """Return the chapter of a category by its range, ``I00-I99``."""
    return category.replace_strict(_chapters(), default=None, return_dtype=pl.String)


def icd9cm3_category(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the two-digit category, ``36``. Text only: as a number ``01.20`` has lost its zeros."""
    text = source.cast(pl.String) if dtype.is_numeric() else as_text(source, dtype, kind="icd9cm3")
    whole = pl.lit(not dtype.is_numeric())
    return pl.when(whole).then(plain(text).str.to_uppercase().str.extract(_ICD9CM3, 1))


def icd9cm3_chapter(category: pl.Expr) -> pl.Expr:
    """Return the chapter of a category by its range, ``35-39``; a chapter of one category is written ``17``."""
    named = {
        f"{code:02}": f"{low:02}" if low == high else f"{low:02}-{high:02}"
        for low, high in _ICD9CM3_CHAPTERS
        for code in range(low, high + 1)
    }
    return category.replace_strict(named, default=None, return_dtype=pl.String)


@cache
def _blocks() -> dict[str, str]:
    return _categories_in("icd10_blocks.tsv")


@cache
def _chapters() -> dict[str, str]:
    chapters = _categories_in("icd10_chapters.tsv")
    return {category: chapters[category] for category in _blocks()}


def _categories_in(table: str) -> dict[str, str]:
    """Return the range of every category that some range of the table covers."""
    lines = (files("extractor.deid") / "facts" / table).read_text(encoding="utf-8").splitlines()[1:]
    every = [f"{letter}{number:02}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for number in range(100)]
    found = {}
    for line in lines:
        low, _, high = line.partition("-")
        found.update(dict.fromkeys(every[bisect_left(every, low) : bisect_right(every, high)], line))
    return found
