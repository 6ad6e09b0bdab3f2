"""Words of the names of institutions, compiled once from ``facts/text_institutions.txt``.

Owns the matcher of endings, trades, titles, labels and hospitals' short names, and which words single nobody out. It must not
know how far a name reaches in a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import regex  # type: ignore[import-untyped]  # the package ships no types
from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from extractor.deid.text_facts import sections


@dataclass(frozen=True)
class InstitutionWords:
    """The words of the facts, by their use, and the matcher of all of them."""

    matcher: AhoCorasick
    words: tuple[str, ...]
    endings: frozenset[str]
    trades: frozenset[str]
    hospitals: frozenset[str]
    in_context: frozenset[str]
    titles: frozenset[str]
    labels: frozenset[str]


@cache
def institution_words() -> InstitutionWords:
    """Read the words and build the matcher."""
    parts = {name: frozenset(text.split()) for name, text in sections("text_institutions.txt").items()}
    uses = ("endings", "trades", "hospitals", "hospitals_in_context", "titles", "labels")
    words = tuple(sorted(frozenset().union(*(parts[name] for name in uses))))
    matcher = AhoCorasick(
        words, matchkind=MatchKind.LeftmostLongest, store_patterns=False, implementation=Implementation.DFA
    )
    return InstitutionWords(matcher, words, *(parts[name] for name in uses))


@cache
def section(name: str) -> frozenset[str]:
    """Return the words of one section of the facts."""
    return frozenset(sections("text_institutions.txt")[name].split())


@cache
def plain_words() -> regex.Pattern[str]:
    """Return the expression for a run of words that single nobody out."""
    words = "|".join(sorted(section("generic"), key=len, reverse=True))
    return regex.compile(f"(?:{words})*+")


@cache
def jobs() -> regex.Pattern[str]:
    """Return the expression for what people are in an institution."""
    words = "|".join(sorted(section("jobs"), key=len, reverse=True))
    return regex.compile(f"(?:{words})")
