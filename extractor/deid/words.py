"""Words: a text cut by jieba's dictionary (through ``rjieba``, which keeps no cache on disk), and their parts of speech.

Owns the segmenter. It must not know what a word means for privacy, nor Presidio, whose import alone takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import rjieba


@dataclass(frozen=True)
class Tokens:
    """The words of a text in order, and where each begins in code points."""

    words: list[str] = field(repr=False)
    starts: np.ndarray


def tokens_of(text: str) -> Tokens:
    """Cut a text into words; together they are the text."""
    words = rjieba.cut(text)
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    ends = np.cumsum(lengths)
    return Tokens(words, ends - lengths)


@lru_cache(maxsize=200_000)
def tag_of(word: str) -> str:
    """Return the dictionary's part of speech of a word, empty where the dictionary does not have it."""
    if not rjieba._DEFAULT_JIEBA.has_word(word):
        return ""
    tags: list[tuple[str, str]] = rjieba.tag(word, False)
    return tags[0][1] if len(tags) == 1 else ""
