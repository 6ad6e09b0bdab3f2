"""A small model of the language: how likely a stretch of text is as words, and how likely as a person's name.

Owns the statistics that come with jieba (MIT licence, a dependency): its dictionary with counts and parts of speech, and what
its hidden Markov model of parts of speech says of neighbours and of the characters of names. It must not know cues, titles or
privacy; whoever asks gets natural logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from extractor.deid.text_facts import given_name_odds, lines_of, surnames

Floats = npt.NDArray[np.float32]
Tags = npt.NDArray[np.int16]

NAME = "nr"
"""The part of speech of a person's name."""
LETTERS = 0x32400
"""One more than the last code point that tables of characters cover: the ideographs end below it."""
STEP = -3.0
"""What one word more costs on average, where nothing is known of its neighbours."""

_NAMES = frozenset({"nr", "nrt", "nrfg"})
_ANY = "n"
_MIXED = frozenset({"nz", "n", "t", "j", "x", "ns"})
_NO_GIVEN = (0.0, 0.0, 0.0)
_OFTEN, _LONGEST_PART = 50, 4
_UNHEARD = -13.0
_ENDS = -1.0


@dataclass(frozen=True)
class Language:
    """What is known of words, as tables.

    Args:
        tags: the parts of speech; the last number, ``len(tags)``, stands for the edge of a stretch.
        words: part of speech (its number) and log probability among its kind, of each word.
        names: words that the dictionary calls names; they are in ``words`` at the likelihood of their characters.
        follows: log probability of a part of speech after another, shape (tags + 1, tags + 1).
        first, middle, last: log probability of a character in a name at each place, by code point.
        letters: part of speech and log probability of each character as a word of its own, by code point.
        sound, usual: log probability of a character in a foreign name, and in any text, by code point.
    """

    tags: tuple[str, ...]
    words: Mapping[str, tuple[int, float]] = field(repr=False)
    names: frozenset[str] = field(repr=False)
    follows: Floats = field(repr=False)
    first: Floats = field(repr=False)
    middle: Floats = field(repr=False)
    last: Floats = field(repr=False)
    letters: tuple[Tags, Floats] = field(repr=False)
    sound: Floats = field(repr=False)
    usual: Floats = field(repr=False)

    @property
    def edge(self) -> int:
        """The number that stands for the edge of a stretch."""
        return len(self.tags)

    @property
    def name(self) -> int:
        """The number of the part of speech of a name."""
        return self.tags.index(NAME)

    def known(self, word: str) -> tuple[int, float]:
        """Return part of speech and likelihood of any word; what the dictionary has not is as likely as its best parts."""
        found = self.words.get(word)
        if found is not None:
            return found
        if word.isascii() or not any(_is_han(c) for c in word):
            return self.edge, 0.0
        return self.tags.index(_ANY), self._in_parts(word)

    def _in_parts(self, word: str) -> float:
        """Return the log probability of the likeliest way to read a word as words of up to four characters."""
        best = [0.0]
        for end in range(1, len(word) + 1):
            ways = (best[start] + self._part(word[start:end]) for start in range(max(0, end - _LONGEST_PART), end))
            best.append(max(ways) + STEP)
        return best[-1] - STEP

    def _part(self, part: str) -> float:
        if len(part) == 1:
            return float(self.letters[1][min(ord(part), LETTERS - 1)])
        return self.words.get(part, (0, -100.0))[1]


def _is_han(character: str) -> bool:
    return "㐀" <= character <= "鿿" or character >= "𠀀"


@cache
def language() -> Language:
    """Read the statistics: the dictionary from the package ``jieba``, the rest from the facts compiled from its model."""
    header, *rows = (line.split("\t") for line in lines_of("text_tags.tsv"))
    tags = tuple(header[1:])
    words, names, letters = _dictionary(tags)
    first, middle, last, sound, usual = _letters()
    return Language(tags, words, names, _follows(rows), first, middle, last, letters, sound, usual)


def _dictionary(tags: tuple[str, ...]) -> tuple[dict[str, tuple[int, float]], frozenset[str], tuple[Tags, Floats]]:
    """Return jieba's words with kind and likelihood, those of them that are names, and the same for single characters."""
    spec = find_spec("jieba")
    assert spec is not None and spec.origin is not None
    kind = pl.col("tag").replace_strict({tag: number for number, tag in enumerate(tags)}, default=tags.index(_ANY))
    # Of two characters, what is used often is a word of everyday that the dictionary's makers took for a name: 顾客, 文明.
    length, seldom = pl.col("word").str.len_chars(), pl.col("count") < _OFTEN
    name = pl.col("tag").is_in(_NAMES) & ((length > 2) | ((length == 2) & seldom))
    mixed = (length == 3) & pl.col("tag").is_in(_MIXED)  # where the dictionary keeps many names too
    frame = pl.read_csv(
        Path(spec.origin).with_name("dict.txt"),
        separator=" ",
        has_header=False,
        quote_char=None,
        new_columns=["word", "count", "tag"],
        schema_overrides=[pl.String, pl.Int64, pl.String],
    ).select("word", "count", kind.alias("kind"), name.alias("name"), mixed.alias("mixed"))
    likelihood = ((pl.col("count") + 0.5) / pl.col("count").sum().over("kind")).log()
    frame = frame.with_columns(likelihood.alias("odds"))
    names = set(frame.filter("name")["word"]) | {
        word for word in frame.filter("mixed")["word"] if _reads_like_a_name(word)
    }
    pairs = zip(frame["kind"].to_list(), frame["odds"].to_list(), strict=True)
    words = dict(zip(frame["word"].to_list(), pairs, strict=True))
    for word in names:
        del words[word]
    kinds, odds = np.full(LETTERS, tags.index(_ANY), dtype=np.int16), np.full(LETTERS, _UNHEARD, dtype=np.float32)
    for word, kind_number, odd in (
        frame.filter(pl.col("word").str.len_chars() == 1).select("word", "kind", "odds").iter_rows()
    ):
        kinds[ord(word)], odds[ord(word)] = kind_number, odd
    return words, frozenset(names), (kinds, odds)


def _reads_like_a_name(word: str) -> bool:
    if word[0] not in surnames().common:
        return False
    first, last = given_name_odds().get(word[1], _NO_GIVEN)[0], given_name_odds().get(word[2], _NO_GIVEN)[1]
    return min(first, last) > 0 and first + last > 1.5


def _letters() -> tuple[Floats, ...]:
    tables = np.full((5, LETTERS), _UNHEARD, dtype=np.float32)
    for line in lines_of("text_letters.tsv"):
        character, *odds = line.split("\t")
        tables[:, ord(character)] = [float(number) for number in odds]
    return tuple(tables)


def _follows(rows: list[list[str]]) -> Floats:
    """Return the table of neighbours with the edge of a stretch, which the last row begins and every row may reach."""
    table = np.full((len(rows), len(rows)), _ENDS, dtype=np.float32)
    table[:, :-1] = [[float(number) for number in row[1:]] for row in rows]
    table[-1, -1] = 0.0
    return table
