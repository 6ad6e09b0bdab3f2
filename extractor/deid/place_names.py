"""Names of administrative divisions and the words that announce an address, found in a text in one pass.

Owns the matcher and what counts as a run of divisions. It must not know how the rest of an address is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from extractor.deid.text_facts import places, sections

# A run longer than any address has is cut, so that no run is longer than what is looked at once.
_LONGEST = 40


@dataclass(frozen=True)
class Division:
    """A run of division names that follow each other; ``full`` tells whether one of them stands with its suffix."""

    start: int
    end: int
    full: bool
    names: int = 1


@dataclass(frozen=True)
class Cue:
    """A word that announces an address; a weak one stands in other sentences as well."""

    start: int
    end: int
    weak: bool


@cache
def _matcher() -> tuple[AhoCorasick, int, int, tuple[str, ...]]:
    """Return the matcher, the numbers at which short names and at which cues begin, and all words by number."""
    known = places()
    cues = sorted({*sections("text_address_words.txt")["cues"].split()})
    full, short = sorted(known.full), sorted(known.short)
    words = (*full, *short, *cues)
    matcher = AhoCorasick(
        words, matchkind=MatchKind.LeftmostLongest, store_patterns=False, implementation=Implementation.DFA
    )
    return matcher, len(full), len(full) + len(short), words


@cache
def _weak_cues() -> frozenset[str]:
    return frozenset(sections("text_address_words.txt")["weak_cues"].split())


def find_places(view: str) -> tuple[list[Division], list[Cue]]:
    """Find the names of divisions, those that follow one another as one, and the words that announce an address."""
    matcher, shorts, cue_numbers, words = _matcher()
    runs: list[Division] = []
    cues: list[Cue] = []
    for number, start, end in matcher.find_matches_as_indexes(view):
        if number >= cue_numbers:
            cues.append(Cue(start, end, words[number] in _weak_cues()))
            continue
        last = runs[-1] if runs else None
        if last is not None and last.end == start and end - last.start <= _LONGEST:
            runs[-1] = Division(last.start, end, last.full or number < shorts, last.names + 1)
        else:
            runs.append(Division(start, end, number < shorts))
    return runs, cues
