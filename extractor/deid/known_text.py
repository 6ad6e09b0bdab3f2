"""The texts of a chunk as known values are looked for in them.

Owns the views of a buffer that make many ways of writing one: letters without case and tone marks, numbers without what groups
them; and the rare shapes (words in Latin letters, masked numbers, announced tails) that are found once for the chunk. It
must not know any value.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.text_buffer import Buffer

# What may stand between the groups of one number; longer gaps part two numbers.
_GROUPING = " -.()·_/\n\r"
_LONGEST_GAP = 4
# What they may part: figures, letters, marks of hidden figures.
_JOINED = "0123456789abcdefghijklmnopqrstuvwxyz*#"
_WORD = regex.compile(r"[a-zü]+")
_MASKED = regex.compile(
    r"(?<![0-9*#])(?P<head>[0-9]{0,18})[*x#]{2,16}(?:(?P<middle>[0-9]{3,12})[*x#]{2,16})?(?P<tail>[0-9]{0,18}x?)(?![0-9*#])"
)
_DIGIT = "0-9零〇○一二三四五六七八九幺两x"
# A tail is announced around one of these; each is looked for first, because most texts have none.
_SIGNS_OF_TAILS = ("尾", "位", "码")
_REACH_BACK, _REACH_ON = 9, 18
_ANNOUNCED = regex.compile(
    rf"(?:尾[号数]|[后末][ ]?(?:[二三四五六八]|[0-9])[ ]?(?:位|码)(?:数字|数|号码)?|末尾(?:数字|号码)?)"
    rf"[是为即:(\[“\" ]{{0,3}}(?P<tail>[{_DIGIT}]{{2,8}})(?![{_DIGIT}])"
    rf"|(?<![0-9])(?P<tail>[0-9]{{3,8}}x?)[ ]?(?:结尾|收尾|的?尾号)"
)
_HIDING = ("**", "xx", "##")
_MOST_BEFORE_MASK = 18
_SPOKEN = str.maketrans("零〇○一二三四五六七八九幺两", "000123456789" + "12")
_OCR = str.maketrans("oli", "011")
_GROUPED_VALUE = regex.compile(rf"[{regex.escape(_GROUPING)}]+")
_READ_WRONG = regex.compile(r"(?<=[0-9])[oli]+|[oli]+(?=[0-9])")
# So many letters in a row are at most read as figures.
_MOST_WRONG = 16


@dataclass(frozen=True)
class Masked:
    """A number of which some digits are hidden, and what is left of it."""

    start: int
    end: int
    head: str = field(repr=False)
    middle: str = field(repr=False)
    tail: str = field(repr=False)

    @property
    def shown(self) -> int:
        """How many figures are left."""
        return len(self.head) + len(self.middle) + len(self.tail)


@dataclass(frozen=True)
class Tail:
    """The last digits of a number, announced as such."""

    start: int
    end: int
    digits: str = field(repr=False)


def bare(value: str) -> str:
    """Return a number as ``KnownText.numbers`` shows it: lower case, ungrouped, letters read for digits put right."""
    value = _GROUPED_VALUE.sub("", value.lower())
    return str(_READ_WRONG.sub(lambda found: found[0].translate(_OCR), value))


@dataclass(frozen=True)
class KnownText:
    """A buffer with what the search for known values needs of it, each made when it is first asked for."""

    buffer: Buffer = field(repr=False)

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """Where each document begins and ends in the view."""
        return list(zip(self.buffer.starts.tolist(), self.buffer.ends.tolist(), strict=True))

    @cached_property
    def letters(self) -> str:
        """The view in lower case and without tone marks; positions are those of the view."""
        return _decoded(self._folded)

    @cached_property
    def _folded(self) -> np.ndarray:
        return np.asarray(_folding()[self.buffer.codes])

    @cached_property
    def _ungrouped(self) -> tuple[str, np.ndarray]:
        codes = self._folded
        kept = np.ones(len(codes), dtype=bool)
        grouping = np.flatnonzero(_marks(_GROUPING)[codes])
        if len(grouping):
            opens = np.flatnonzero(np.diff(grouping, prepend=-2) > 1)
            first, last = grouping[opens], grouping[np.append(opens[1:], len(grouping)) - 1]
            inner = (first > 0) & (last < len(codes) - 1) & (last - first < _LONGEST_GAP)
            first, last = first[inner], last[inner]
            joined = _marks(_JOINED)[codes[first - 1]] & _marks(_JOINED)[codes[last + 1]]
            for size in range(_LONGEST_GAP):
                start = first[joined & (last - first >= size)]
                kept[start + size] = False
        places = np.flatnonzero(kept)
        return _read_right(codes[places]), places

    @property
    def numbers(self) -> str:
        """The view in lower case, without the signs that group numbers; for places in it see ``place``."""
        return self._ungrouped[0]

    @cached_property
    def number_bounds(self) -> list[tuple[int, int]]:
        """Where each document begins and ends in ``numbers``."""
        places = self._ungrouped[1]
        low = np.searchsorted(places, self.buffer.starts)
        high = np.searchsorted(places, self.buffer.ends)
        return list(zip(low.tolist(), high.tolist(), strict=True))

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the view a stretch of ``numbers`` stands."""
        places = self._ungrouped[1]
        return int(places[start]), int(places[end - 1]) + 1

    @cached_property
    def words(self) -> dict[int, list[tuple[int, int]]]:
        """The words in Latin letters of each document that has any."""
        return self._by_document((found.span() for found in _WORD.finditer(self.letters)), self.buffer.starts)

    @cached_property
    def masked(self) -> dict[int, list[Masked]]:
        """The masked numbers of each document that has any."""
        found = [(hit.span(), hit.group("head", "middle", "tail")) for hit in _masked_in(self.numbers)]
        read = [Masked(*self.place(*span), *(part or "" for part in parts)) for span, parts in found]
        placed = [one for one in read if one.shown >= 3]
        groups = self._by_document([(one.start, number) for number, one in enumerate(placed)], self.buffer.starts)
        return {doc: [placed[number] for _, number in group] for doc, group in groups.items()}

    @cached_property
    def tails(self) -> dict[int, list[Tail]]:
        """The announced tails of each document that has any."""
        found = [Tail(*span, read.translate(_SPOKEN)) for span, read in _announced_in(self.letters)]
        groups = self._by_document([(one.start, number) for number, one in enumerate(found)], self.buffer.starts)
        return {doc: [found[number] for _, number in group] for doc, group in groups.items()}

    @staticmethod
    def _by_document(
        found: Iterator[tuple[int, int]] | list[tuple[int, int]], starts: np.ndarray
    ) -> dict[int, list[tuple[int, int]]]:
        pairs = list(found)
        docs = np.searchsorted(starts, [at for at, _ in pairs], side="right") - 1
        groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for doc, pair in zip(docs.tolist(), pairs, strict=True):
            groups[doc].append(pair)
        return groups


@dataclass(slots=True)
class Document:
    """One document of a chunk: its number, and where it begins and ends in ``view``, which is the whole chunk's."""

    text: KnownText = field(repr=False)
    view: str = field(repr=False)
    number: int
    low: int
    high: int

    def hits(self, wanted: str) -> Iterator[int]:
        """Yield where a string stands in the document, as positions of the view."""
        return occurrences(self.view, wanted, self.low, self.high)

    def before(self, position: int, length: int) -> str:
        """Return up to ``length`` characters before a position."""
        return self.view[max(self.low, position - length) : position]

    def after(self, position: int, length: int) -> str:
        """Return up to ``length`` characters from a position on."""
        return self.view[position : min(self.high, position + length)]


def occurrences(text: str, wanted: str, low: int, high: int) -> Iterator[int]:
    """Yield where a string stands in a stretch of text, also where it overlaps itself."""
    at = text.find(wanted, low, high)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1, high)


def _masked_in(numbers: str) -> Iterator[regex.Match[str]]:
    """Yield the masked numbers, from the marks that hide figures on."""
    for hiding in _HIDING:
        end = 0
        for at in occurrences(numbers, hiding, 0, len(numbers)):
            if at < end:
                continue
            start = at
            while start > max(0, at - _MOST_BEFORE_MASK) and "0" <= numbers[start - 1] <= "9":
                start -= 1
            hit = _MASKED.match(numbers, start)
            if hit:
                end = int(hit.end())
                yield hit


def _announced_in(letters: str) -> list[tuple[tuple[int, int], str]]:
    """Return where tails are announced, and their digits."""
    found = {}
    for sign in _SIGNS_OF_TAILS:
        for at in occurrences(letters, sign, 0, len(letters)):
            for hit in _ANNOUNCED.finditer(letters, max(0, at - _REACH_BACK), at + _REACH_ON):
                found[hit.span()] = str(hit["tail"])
    return sorted(found.items())


@cache
def _folding() -> np.ndarray:
    table = np.arange(0x110000, dtype=np.uint32)
    table[ord("A") : ord("Z") + 1] += 0x20
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        plain = unicodedata.normalize("NFD", chr(code))
        if plain[0].isascii() and plain[0].isalpha():
            table[code] = ord("ü") if "\u0308" in plain and plain[0] in "uU" else ord(plain[0].lower())
    return table


@cache
def _marks(signs: str) -> np.ndarray:
    """Return a table that says of each code point whether it is one of these."""
    table = np.zeros(0x110000, dtype=bool)
    table[[ord(sign) for sign in signs]] = True
    return table


def _read_right(codes: np.ndarray) -> str:
    """Return the characters, with ``o``, ``l`` and ``i`` beside a digit read as the digits that they look like."""
    doubtful = np.flatnonzero(_marks("oli")[codes])
    digit = _marks("0123456789")
    for _ in range(_MOST_WRONG):
        before = digit[codes[np.maximum(doubtful - 1, 0)]]
        after = digit[codes[np.minimum(doubtful + 1, len(codes) - 1)]]
        wrong, doubtful = doubtful[before | after], doubtful[~(before | after)]
        if not len(wrong):
            break
        codes[wrong] = np.where(codes[wrong] == ord("o"), ord("0"), ord("1"))
    return _decoded(codes)


def _decoded(codes: np.ndarray) -> str:
    return codes.astype(np.uint32, copy=False).tobytes().decode("utf-32-le", "surrogatepass")
