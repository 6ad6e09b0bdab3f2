"""Addresses as written, generalised to street, county, prefecture, province.

Owns the reading of an address's head: one regular expression over the table of divisions finds how far the head goes, and only
the few thousand distinct heads are resolved one by one, so that left-out provinces and cities, short forms (``福建福州``) and
former names are understood. Only names of the table leave, and a street's name; where a part is missing or ambiguous, the
value is that of the next coarser part that is certain, and null where none is. It must not know levels or policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache

import polars as pl

from extractor.deid.geography import MUNICIPALITIES, divisions
from extractor.deid.identity_text import as_text, plain_series

_PEOPLES = (
    "蒙古族|回族|藏族|维吾尔族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|哈萨克族|哈萨克|傣族|黎族|"
    "傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜|土族|达斡尔族|仫佬族|羌族|布朗族|撒拉族|毛南族|仡佬族|锡伯|"
    "普米族|塔吉克|怒族|鄂温克族|裕固族|保安族|独龙族|鄂伦春|各族|蒙古|回"
)
_GROUPS = ("市辖区", "省直辖县级行政区划", "省直辖行政单位", "自治区直辖县级行政区划", "县")
_SEPARATORS = r"[\s,;:/、;:,。\-—]"
# A street's name has no digit and no word of a finer part; what follows may not make it a road or a house's name.
_STREET = (
    r"^([^0-9号路巷弄村室栋楼幢座组队院园苑城区县市]{1,8}?(?:街道|镇|乡|苏木))"
    r"(?:办事处|[^路街巷弄道园苑城府院里小大人])"
)


class _Rank(IntEnum):
    """How far the table confirms a reading, best first."""

    IN_FORCE = 0
    FORMER = 1
    PREFECTURE_ONLY = 2
    PROVINCE_ONLY = 3


@dataclass(frozen=True)
class Place:
    """A resolved head: names of province, prefecture (none in a municipality) and county, as far as they are certain."""

    province: str
    prefecture: str = ""
    county: str = ""

    def at(self, level: str) -> str:
        """Return the names down to ``county``, ``prefecture`` or ``province``, without a gap."""
        parts = {"province": 1, "prefecture": 2, "county": 3}[level]
        return "".join((self.province, self.prefecture, self.county)[:parts])


def address_at(source: pl.Expr, dtype: pl.DataType, level: str) -> pl.Expr:
    """Return the address at ``street``, ``county``, ``prefecture`` or ``province``.

    Raises:
        ConfigurationError: the column's type has no text.
    """
    text = as_text(source, dtype, kind="address")
    return text.map_batches(lambda batch: _generalised(batch, level), return_dtype=pl.String(), is_elementwise=True)


def _generalised(addresses: pl.Series, level: str) -> pl.Series:
    texts = plain_series(addresses).str.slice(0, 60).str.replace_all(_SEPARATORS, "").str.replace("^中国", "")
    heads = texts.str.extract(_head_pattern(), 0)
    known = heads.drop_nulls().unique()
    resolved = [resolve(head) for head in known]
    names = [place.at("county" if level == "street" else level) if place else None for place in resolved]
    written = heads.replace_strict(known, pl.Series(names, dtype=pl.String), default=None, return_dtype=pl.String)
    if level != "street":
        return written.alias(addresses.name)
    complete = [bool(place and place.county) for place in resolved]
    has_county = heads.replace_strict(known, pl.Series(complete, dtype=pl.Boolean), default=False)
    street = (texts.str.slice(heads.str.len_chars()) + "。").str.extract(_STREET, 1).fill_null("")
    return (written + street.set(~has_county, "")).alias(addresses.name)


@lru_cache(maxsize=65_536)
def resolve(head: str) -> Place | None:
    """Return the place that a head names, or what is certain of it; null where nothing is.

    All ways to read the head are compared with the table: the whole head as divisions in force, then as former ones, and only
    then the part of it that the table confirms.
    """
    found = [candidate for reading in _readings(head) for candidate in _candidates(*reading)]
    best = min((rank for _, rank in found), default=_Rank.PROVINCE_ONLY)
    places = {place for place, rank in found if rank is best}
    if any(place.county for place in places):
        places = {place for place in places if place.county}
    for keep in (places, {Place(p.province, p.prefecture) for p in places}, {Place(p.province) for p in places}):
        if len(keep) == 1:
            return keep.pop()
    return None


def _readings(head: str) -> Iterator[tuple[str, str, str]]:
    """Yield the ways to cut a head into province, prefecture and county, each empty where it is left out."""
    provinces, prefectures, counties = _forms()
    for first in range(len(head) + 1):
        if first and head[:first] not in provinces:
            continue
        rest = _without_group(head[first:])
        for second in range(len(rest) + 1):
            county = _without_group(rest[second:])
            if (not second or rest[:second] in prefectures) and (not county or county in counties):
                yield provinces.get(head[:first], ""), rest[:second], county


def _without_group(text: str) -> str:
    return next((text[len(group) :] for group in _GROUPS if text.startswith(group)), text)


def _candidates(province: str, prefecture: str, county: str) -> Iterator[tuple[Place, _Rank]]:
    """Yield the places that fit one reading, the coarser ones that the reading still confirms among them."""
    names = _forms()[1].get(prefecture, frozenset({""}))
    for place, in_force in _places_by_county().get(county, ()):
        if province in ("", place.province) and (not prefecture or place.prefecture in names):
            yield place, _Rank.IN_FORCE if in_force else _Rank.FORMER
    for place, in_force in _places_of_prefectures() if prefecture else ():
        if province in ("", place.province) and place.prefecture in names:
            whole = _Rank.IN_FORCE if in_force else _Rank.FORMER
            yield place, _Rank.PREFECTURE_ONLY if county else whole
    if province:
        yield Place(province), _Rank.PROVINCE_ONLY if prefecture or county else _Rank.IN_FORCE


@cache
def _forms() -> tuple[dict[str, str], dict[str, frozenset[str]], frozenset[str]]:
    """Return the written forms: of provinces to their name, of prefectures to their names, and the names of counties."""
    provinces: dict[str, str] = {}
    prefectures: dict[str, set[str]] = {}
    for place, _ in _places():
        if place.county:
            continue
        for form in _short_forms(place.prefecture or place.province):
            if place.prefecture:
                prefectures.setdefault(form, set()).add(place.prefecture)
            else:
                provinces[form] = place.province
    return provinces, {form: frozenset(names) for form, names in prefectures.items()}, frozenset(_places_by_county())


def _short_forms(name: str) -> set[str]:
    """Return a name of a province or prefecture and the ways in which people shorten it."""
    bare = re.sub(r"(?:省|市|地区|特别行政区|自治区|自治州|行政区|盟)$", "", name)
    shorter = re.sub(rf"(?:{_PEOPLES})+$", "", bare) if name.endswith(("自治区", "自治州")) else bare
    forms = {name} | {form for form in (bare, shorter) if len(form) > 1}
    return forms | ({shorter + "州"} if name.endswith("自治州") else set())


@cache
def _places() -> tuple[tuple[Place, bool], ...]:
    """Return every place with the names that its code and those above had in the same years, and whether it is in force."""
    above: dict[str, list[tuple[str, int, int]]] = {}
    for division in divisions():
        above.setdefault(division.code, []).append((division.name, division.first, division.last))
    places: dict[Place, bool] = {}
    for division in divisions():
        province_code, prefecture_code = division.code[:2] + "0000", division.code[:4] + "00"
        for province in _names_in(above, province_code, division.first, division.last):
            for prefecture in _names_in(above, prefecture_code, division.first, division.last):
                place = _place(division.code, division.name, province, prefecture)
                places[place] = places.get(place, False) or division.in_force
    return tuple(places.items())


def _place(code: str, name: str, province: str, prefecture: str) -> Place:
    if code.endswith("0000"):
        return Place(name)
    if code.endswith("00"):
        return Place(province, name)
    return Place(province, "" if code[:2] in MUNICIPALITIES else prefecture, name)


def _names_in(above: dict[str, list[tuple[str, int, int]]], code: str, first: int, last: int) -> list[str]:
    """Return the latest name of a code in the years given (some revisions list it late), or no name."""
    names = [(stop, name) for name, start, stop in above.get(code, ()) if start <= last and first <= stop]
    return [max(names)[1]] if names else [max((s, n) for n, _, s in above[code])[1] if code in above else ""]


@cache
def _places_by_county() -> dict[str, list[tuple[Place, bool]]]:
    found: dict[str, list[tuple[Place, bool]]] = {}
    for place, now in _places():
        if place.county:
            found.setdefault(place.county, []).append((place, now))
    return found


@cache
def _places_of_prefectures() -> tuple[tuple[Place, bool], ...]:
    return tuple((place, now) for place, now in _places() if place.prefecture and not place.county)


@cache
def _head_pattern() -> str:
    """Return the expression that finds the longest head, a city's full name tried before its short form."""
    provinces, prefectures, counties = _forms()
    full = [form for form in prefectures if form[-1] in "市州盟" or form.endswith("地区")]
    group = f"(?:{'|'.join(_GROUPS)})?"
    province, county = _any_of(provinces), _any_of(counties)
    whole = f"{province}?{group}(?:{_any_of(full)}{group})?{county}"
    short = f"{province}?{_any_of(prefectures)}{county}"
    city = f"{province}?{group}{_any_of(prefectures)}"
    return f"^(?:{whole}|{short}|{city}|{province})"


def _any_of(names: object) -> str:
    assert isinstance(names, dict | list | frozenset)
    return f"(?:{'|'.join(sorted(names, key=lambda name: (-len(name), name)))})"
