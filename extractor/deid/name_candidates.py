"""Where a name may stand in a buffer: a surname and one or two characters after it, or a run of characters that write foreign sounds.

Owns the search for such stretches, and what their letters alone say. It must not know the evidence around them
(``extractor.deid.name_evidence``) nor which suffices (``extractor.deid.names``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from extractor.deid.language import LETTERS, language
from extractor.deid.name_evidence import (
    Indexes,
    Mask,
    Numbers,
    Pairs,
    Signs,
    Stretches,
    codes_of,
    ideographs,
    marked,
)
from extractor.deid.name_words import NOT_GIVEN
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_facts import given_name_odds, surnames

_IMPOSSIBLE, _UNUSUAL, _UNKNOWN = np.float32(-100.0), np.float32(-6.0), np.float32(0.3)
# What the letters must say at least where something announces a name, and where nothing does.
_LEAST_ANNOUNCED, _LEAST_ALONE = -6.0, -3.0
# Natural logarithms of jieba's model: one character follows a surname, or two; a surname is a compound one.
_ONE, _TWO, _COMPOUND = np.float32(-0.92), np.float32(-0.51), np.float32(-8.0)
_A_SOUND, _A_RARE_SOUND, _NO_SOUND, _LEAST_SOUNDS, _LONGEST_FOREIGN, _SOUND_STEP = 1.0, -3.0, -3.0, 4.0, 8, -0.3


@dataclass(frozen=True)
class _Tables:
    single: Mask
    common: Mask
    first: Numbers
    last: Numbers
    only: Numbers
    sounds: Numbers


@cache
def _tables() -> _Tables:
    names, odds, model = surnames(), given_name_odds(), language()
    first, last, only = (np.full(LETTERS, _UNKNOWN, dtype=np.float32) for _ in range(3))
    for character, (a, b, c) in odds.items():
        first[ord(character)], last[ord(character)], only[ord(character)] = a, b, c
    for table in (first, last, only):
        table[marked(NOT_GIVEN)] = _UNUSUAL
        table[~ideographs()] = _IMPOSSIBLE
    sounds = np.where(ideographs(), model.sound - model.usual, _IMPOSSIBLE).astype(np.float32)
    return _Tables(marked(names.single), marked(names.common), first, last, only, sounds)


@cache
def _compounds() -> Pairs:
    return Pairs.of(surnames().compound)


def chinese_names(buffer: Buffer, signs: Signs) -> Stretches:
    """Return the stretches that may be a surname and a given name."""
    codes = codes_of(buffer)
    found = Stretches.joined([*_after_single(codes), *_after_compound(codes)])
    found = found.where(found.ends <= len(codes))
    announced = (signs.cue[found.starts] > 0) | signs.title[found.ends]
    return found.where(found.letters > np.where(announced, _LEAST_ANNOUNCED, _LEAST_ALONE))


def foreign_names(buffer: Buffer, known: tuple[Indexes, Indexes]) -> Stretches:
    """Return the runs of characters that write foreign sounds more often than words, and the dictionary's foreign names.

    Args:
        buffer: the text.
        known: where the words of ``foreign_words`` begin and end.
    """
    codes = codes_of(buffer)
    odds = _tables().sounds[codes]
    sounds = np.concatenate(([False], odds > _A_SOUND, [False]))
    # One character between two sounds may be a rarer one: 布热津斯基.
    inside = sounds[1:-1] | (sounds[:-2] & sounds[2:] & (odds > _A_RARE_SOUND))
    edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    starts, ends = np.concatenate((edges[::2], known[0])), np.concatenate((edges[1::2], known[1]))
    fit = (ends - starts >= 2) & (ends - starts <= _LONGEST_FOREIGN)
    starts, ends = starts[fit], ends[fit]
    letters = _sums(np.where(ideographs()[codes], odds, np.float32(0)), starts, ends)
    name = _sums(language().sound[codes] + np.float32(_SOUND_STEP), starts, ends)
    return Stretches(starts, ends, np.zeros(len(starts), dtype=np.int64), letters, name).where(letters > _LEAST_SOUNDS)


@cache
def foreign_words() -> tuple[str, ...]:
    """Return the dictionary's names of three characters and more that are written by their sound."""
    sounds = _tables().sounds
    words = [word for word in language().names if len(word) > 2 and word.isalpha()]
    heard = [(word, [float(sounds[min(ord(c), LETTERS - 1)]) for c in word]) for word in words]
    return tuple(sorted(word for word, odds in heard if min(odds) > _NO_SOUND and sum(odds) > _A_SOUND * len(word)))


def _sums(numbers: Numbers, starts: Indexes, ends: Indexes) -> Numbers:
    total = np.concatenate(([0.0], np.cumsum(numbers, dtype=np.float64)))
    return (total[ends] - total[starts]).astype(np.float32)


def _after_single(codes: Indexes) -> list[Stretches]:
    tables, model = _tables(), language()
    padded = np.concatenate((codes, np.zeros(3, dtype=np.int64)))
    at = np.flatnonzero(tables.single[codes])
    base = np.where(tables.common[codes[at]], 0.0, -1.0).astype(np.float32)
    one, two, sizes = padded[at + 1], padded[at + 2], np.full(len(at), 1, dtype=np.int64)
    surname = model.first[codes[at]]
    return [
        Stretches(at, at + 2, sizes, base + tables.only[one] - 1.0, surname + _ONE + model.last[one]),
        Stretches(
            at,
            at + 3,
            sizes,
            base + tables.first[one] + tables.last[two],
            surname + _TWO + model.middle[one] + model.last[two],
        ),
    ]


def _after_compound(codes: Indexes) -> list[Stretches]:
    tables, model = _tables(), language()
    at = np.flatnonzero(_compounds().begin_in(codes))
    padded = np.concatenate((codes, np.zeros(4, dtype=np.int64)))
    one, two, sizes = padded[at + 2], padded[at + 3], np.full(len(at), 2, dtype=np.int64)
    return [
        Stretches(at, at + 3, sizes, 1.0 + tables.only[one], _COMPOUND + _ONE + model.last[one]),
        Stretches(
            at,
            at + 4,
            sizes,
            2.0 + tables.first[one] + tables.last[two],
            _COMPOUND + _TWO + model.middle[one] + model.last[two],
        ),
    ]
