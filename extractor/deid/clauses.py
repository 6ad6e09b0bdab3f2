"""Clauses: the stretch of a text between two stops, cut into words, in which an address or a name of an institution lies.

Owns where a clause begins and ends, how much of a long one is looked at once, and which words no name of a place or
institution has in it. It must not know what is looked for. The cost is linear: no character is cut into words twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np

from extractor.deid.text_buffer import SEPARATOR, Buffer
from extractor.deid.text_facts import sections
from extractor.deid.words import tag_of, tokens_of

_BREAKS = ",。;:!?、\"'“”‘’[]<>《》【】{}「」\n\r\x1e…~|=" + SEPARATOR
_BACK, _AHEAD = 40, 120
# No name of a place has these in it; the soft ones have been seen in names, but begin none.
_HARD = frozenset("的是因于被了患岁我您他她你这那没不就说诉到去过及或并让很着把向对跟请住随./+*%@&")
_SOFT = frozenset(
    "与在主男女有也都要由为以其此从和时后前至往经将已曾该各每而且但若则即所给再还只仅能会可做用见示约病症痛"
)
_LAST_STOPS = frozenset("于到至往")
_BODY = frozenset("痛病症炎癌瘤疗剂胸腹腔肿血尿脉肌肺肝肾脾胃肠颈腰膝踝肢咳喘吐泻痰晕")
_MOVING_TAGS = frozenset({"v", "p", "d", "n", ""})
_STOP_TAGS = frozenset({"p", "c", "r", "y", "e", "d", "uj", "ul", "uz", "ug", "ud", "uv", "t"})


@dataclass(frozen=True)
class Clause:
    """A stretch of a view and its words; ``starts`` are positions in the view, the last one the end of the stretch."""

    start: int
    end: int
    words: list[str] = field(repr=False)
    starts: list[int] = field(repr=False)

    def word_at(self, position: int) -> int:
        """Return the number of the word that holds a position of the stretch."""
        return bisect_right(self.starts, position) - 1

    def left_of(self, position: int, most: int, *, near: int = 0) -> int:
        """Return how far to the left of a position a name may reach: up to a stop, at most ``most`` characters.

        The word that holds the position is cut there. A verb stops a name, except within ``near`` characters.
        """
        at = position
        index = self.word_at(position - 1) if position > self.start else -1
        while index >= 0 and position - self.starts[index] <= most:
            word = self.words[index][: at - self.starts[index]]
            if is_stop(word) or (is_verb(word) and position - at >= near):
                break
            at = self.starts[index]
            index -= 1
        return at

    def right_of(self, position: int, most: int, *, soft: bool = True) -> int:
        """Return how far to the right of a position a name may reach; ``soft`` tells whether doubtful words stop it."""
        at = position
        index = self.word_at(position)
        stops = is_stop if soft else is_hard_stop
        while at < self.end and self.starts[index + 1] - position <= most:
            if stops(self.words[index][at - self.starts[index] :]):
                break
            at = self.starts[index + 1]
            index += 1
        return at

    def free(self, start: int, end: int) -> bool:
        """Say whether no word between two positions stops a name for certain."""
        if start >= end:
            return True
        first, last = self.word_at(start), self.word_at(end - 1)
        for index in range(first, last + 1):
            begin = self.starts[index]
            if is_hard_stop(self.words[index][max(0, start - begin) : end - begin]):
                return False
        return True


@cache
def breaks() -> np.ndarray:
    """Return which code points end a clause."""
    table = np.zeros(0x110000, dtype=bool)
    table[[ord(character) for character in _BREAKS]] = True
    return table


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(sections("text_address_words.txt")["stops"].split())


@lru_cache(maxsize=100_000)
def is_hard_stop(word: str) -> bool:
    """Say whether no name of a place or institution has this word in it."""
    if len(word) == 1:
        return word in _HARD or word.isspace()
    return word in _stop_words() or word.isspace() or (word[-1] in _LAST_STOPS and tag_of(word) in _MOVING_TAGS)


@lru_cache(maxsize=100_000)
def is_stop(word: str) -> bool:
    """Say whether a name that is not otherwise known to be one does not have this word in it."""
    if is_hard_stop(word):
        return True
    if len(word) == 1:
        return word in _SOFT or word in _BODY
    tag = tag_of(word)
    return tag in _STOP_TAGS or (tag != "" and not _BODY.isdisjoint(word))


@lru_cache(maxsize=100_000)
def is_verb(word: str) -> bool:
    """Say whether the dictionary calls a word a verb."""
    return tag_of(word) in ("v", "vd", "vi", "zg") and len(word) > 1


def clauses_of(buffer: Buffer, anchors: Sequence[int]) -> Iterator[tuple[Clause, int, int]]:
    """Yield the clauses that hold anchors (positions in order), with the first anchor of each and the one after its last.

    Of a clause longer than what is looked at once, stretches around its anchors are yielded that do not overlap.
    """
    stops = np.flatnonzero(breaks()[buffer.codes])
    places = np.searchsorted(stops, np.asarray(anchors, dtype=np.int64))
    edges = np.concatenate((stops, [len(buffer.view)]))
    first, done = 0, 0
    while first < len(anchors):
        place, anchor = int(places[first]), int(anchors[first])
        low = int(stops[place - 1]) + 1 if place else 0
        start = max(low, done, anchor - _BACK)
        end = min(int(edges[place]), anchor + _AHEAD)
        whole = end == int(edges[place])
        last = first + 1
        while last < len(anchors) and anchors[last] < (end if whole else end - _BACK):
            last += 1
        if not whole and last < len(anchors) and anchors[last] < end:
            end = int(anchors[last])
        if end > start:
            words = tokens_of(buffer.view[start:end])
            yield Clause(start, end, words.words, [*(words.starts + start).tolist(), end]), first, last
        first, done = last, end
