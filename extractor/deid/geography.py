"""Administrative divisions (GB/T 2260) by code and name, from county to province, and postcodes.

Owns the table of divisions with their years and the generalisation of codes. It must not know how an address is written
(``extractor.deid.address_levels``), nor levels or policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from extractor.deid.identity_text import as_text, plain

MUNICIPALITIES = ("11", "12", "31", "50")
_IN_FORCE = 9999


@dataclass(frozen=True)
class Division:
    """One division: six-digit code, name, first and last year in which GB/T 2260 lists it (9999 while in force)."""

    code: str
    name: str
    first: int
    last: int

    @property
    def in_force(self) -> bool:
        """Say whether the division exists today."""
        return self.last == _IN_FORCE


@cache
def divisions() -> tuple[Division, ...]:
    """Return all divisions since 1980, ordered by code."""
    rows = (line.split("\t") for line in _lines())
    return tuple(Division(code, name, int(first), int(last or _IN_FORCE)) for code, name, first, last in rows)


def _lines() -> list[str]:
    return (files("extractor.deid") / "facts" / "divisions.tsv").read_text(encoding="utf-8").splitlines()[1:]


@cache
def _known_codes() -> pl.Series:
    codes = {line[:6] for line in _lines()}
    groups = {code[:4] + "00" for code in codes} | {code[:2] + "0000" for code in codes}
    return pl.Series(sorted(codes | groups))


def county_code(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the six-digit code of a code of 6, 9 or 12 digits; codes of a past year are known, others are null."""
    text = plain(as_text(source, dtype, kind="division")).str.extract(r"^([0-9]{6})(?:[0-9]{3}|[0-9]{6})?$", 1)
    return pl.when(text.is_in(pl.lit(_known_codes().implode()))).then(text)


def prefecture_code(county: pl.Expr) -> pl.Expr:
    """Return the prefecture's code, ``350100``; of a municipality directly under the government, the municipality's."""
    municipality = county.str.slice(0, 2).is_in(list(MUNICIPALITIES))
    return pl.when(municipality).then(province_code(county)).otherwise(county.str.slice(0, 4) + "00")


def province_code(county: pl.Expr) -> pl.Expr:
    """Return the province's code, ``350000``."""
    return county.str.slice(0, 2) + "0000"


def postcode_digits(source: pl.Expr, dtype: pl.DataType, digits: int) -> pl.Expr:
    """Return the first digits of a six-digit postcode; a number has its leading zero restored."""
    text = plain(as_text(source, dtype, kind="postcode"))
    text = text.str.zfill(6) if dtype.is_numeric() else text
    return text.str.extract(r"^[0-9]{6}$", 0).str.slice(0, digits)
