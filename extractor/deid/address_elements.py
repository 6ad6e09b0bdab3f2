"""Elements of an address: a name that ends like a place (文三路, 上游村), a number with its unit (712号, 3单元).

Owns where elements stand, which of them are ordinary words (病区, 通路), and where two follow one another closely enough to
be an address. It must not know divisions by name nor what announces an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.clauses import Clause, breaks
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_facts import sections
from extractor.deid.words import tag_of

_GAP = 14
_NAME = 10
_NUMBER = "第?(?:[0-9A-Za-z]{1,6}|[一二三四五六七八九十百]{1,4}|[甲乙丙丁东南西北](?![路街巷弄村]))(?:[-#_~、][0-9A-Za-z]{1,5}){0,3}"
_STREETS = frozenset("路街巷")
_DIGITS = "0123456789ABCDEFGHabcdefgh一二三四五六七八九十甲乙丙丁东南西北"
# A number directly behind a name is a house or room without its unit; a measure or time is not.
_BARE = regex.compile(
    r" ?[ABCDEFGHabcdefgh东西南北]?[-_#]?[0-9]{1,5}[A-Za-z]?(?:[-_#~][0-9]{1,5}[A-Za-z]?){0,3}"
    r"(?![0-9A-Za-z:.%/*]| ?[年月日岁次天分小个例名位人周床级期度处])"
)
# Endings that medicine and daily speech use all the time are no sign of an address unless a rarer one stands near.
_FREQUENT = frozenset("里府城湾坊塘桥庙营屋厂矿港浦冲省市盟旗沟坪岭坡堡")
_BUILDING = frozenset({"号楼", "号院", "单元", "幢", "栋", "座", "弄", "号", "號", "室", "组团", "楼"})


@dataclass(frozen=True)
class Element:
    """One element: where its name or number begins, where it ends, and the ending or unit it has.

    ``number`` tells whether it is a number; ``strong`` whether it speaks for an address even among ordinary words.
    """

    start: int
    end: int
    ending: str
    number: bool
    strong: bool


@cache
def _endings() -> tuple[str, ...]:
    return tuple(sections("text_address_words.txt")["endings"].split())


@cache
def _daily() -> frozenset[str]:
    """Return the endings that stand in all kinds of sentences."""
    return frozenset(sections("text_address_words.txt")["daily_endings"].split())


@cache
def _units() -> tuple[str, ...]:
    return tuple(sections("text_address_words.txt")["units"].split())


@cache
def _form() -> regex.Pattern[str]:
    """Return the expression for the end of an element: a number with its unit, or the ending of a name."""
    endings = "|".join(sorted(_endings(), key=len, reverse=True))
    units = "|".join(sorted(_units(), key=len, reverse=True))
    return regex.compile(rf"(?P<n>(?<![0-9A-Za-z]){_NUMBER}) ?(?P<u>{units})|(?P<s>{endings})")


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return which code points end an element's name, which of them seldom do so in other words, end a unit, are figures."""
    last = {word[-1] for word in _endings()}
    rare = {word for word in _endings() if len(word) == 1} - _FREQUENT - _daily() | {"道", "寓", "厦", "园"}
    return _table(last), _table(rare), _table({word[-1] for word in _units()}), _table(set(_DIGITS))


def _table(characters: set[str]) -> np.ndarray:
    table = np.zeros(0x110000, dtype=bool)
    table[[ord(character) for character in sorted(characters)]] = True
    return table


def signs(buffer: Buffer) -> np.ndarray:
    """Return the positions at which what may be an element is followed by another, or by a figure, in the same clause."""
    endings, rare, units, digits = _tables()
    codes = buffer.codes
    if len(codes) <= 4:
        return np.zeros(0, dtype=np.int64)
    number = units[codes]
    number[1:] &= digits[codes[:-1]] | digits[np.concatenate((codes[:1], codes[:-2]))]
    number[0] = False
    ending = endings[codes]
    strong = number | rare[codes]
    figure = np.zeros(len(codes), dtype=bool)
    figure[1:] = ending[:-1] & digits[codes[1:]] & (codes[1:] < 0x80)
    at = np.flatnonzero(ending | number | figure)
    stops = np.searchsorted(np.flatnonzero(breaks()[codes]), at)
    gaps = np.diff(at)
    close = (gaps <= _GAP) & (np.diff(stops) == 0) & (strong[at[1:]] | strong[at[:-1]])
    close &= (gaps > 1) | figure[at[1:]]
    # A figure with a dash behind any ending: 小区9-3-1102.
    dash = codes == ord("-")
    dashed = figure[:-3] & (dash[1:-2] | dash[2:-1] | dash[3:])
    close |= (gaps == 1) & np.concatenate((dashed, np.zeros(3, dtype=bool)))[at[1:]]
    return np.asarray(at[:-1][close])


def elements_of(view: str, clause: Clause, timeout: float) -> Iterator[Element]:
    """Yield the elements of a clause in order."""
    last = clause.start
    for found in _form().finditer(view, clause.start, clause.end, timeout=timeout):
        if found["n"] and found["u"] not in _STREETS:
            if found.start() >= last:
                yield _number(found)
                last = found.end()
            continue
        start = _name_start(clause, found, last)
        if start is None:
            continue
        ending = found["s"] or found["u"]
        yield Element(start, found.end(), ending, False, ending not in _daily() and ending not in _FREQUENT)
        last = found.end()
        bare = _BARE.match(view, last, clause.end) if ending not in _daily() else None
        if bare and not _form().match(view, last, clause.end):
            yield Element(last, bare.end(), "", True, True)
            last = bare.end()


def _number(found: regex.Match[str]) -> Element:
    figures = any(character.isascii() for character in found["n"])
    strong = found["u"] in _BUILDING and (figures or found["u"] not in ("弄", "号", "楼"))
    return Element(found.start(), found.end(), found["u"], True, strong)


def _name_start(clause: Clause, found: regex.Match[str], last: int) -> int | None:
    """Return where the name begins whose ending was found, or None where the ending is part of an ordinary word."""
    at = found.start()
    index = clause.word_at(found.end() - 1)
    word, begin = clause.words[index], clause.starts[index]
    if clause.starts[index + 1] != found.end() and tag_of(word):
        return None
    if begin < at and not _may_be_place(word, found["s"] or found["u"]):
        return None
    if last > clause.start and 0 <= at - last <= _NAME and clause.free(last, at):
        return last
    start = max(last, clause.left_of(at, _NAME, near=3))
    return start if at - start >= 2 else None


@lru_cache(maxsize=50_000)
def _may_be_place(word: str, ending: str) -> bool:
    """Say whether a word with the ending of a place may be one: the dictionary calls it so, or it is a long noun."""
    tag = tag_of(word)
    if len(word) - len(ending) < 2 and tag == "ns" and ending in _daily():
        return False
    return tag in ("", "ns", "nz", "nt", "nr", "nrt", "nrfg") or (len(word) > 2 and tag == "n" and ending != "区")
