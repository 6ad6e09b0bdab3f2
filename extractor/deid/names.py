"""Names of persons in Chinese text.

Owns the decision: how much each piece of evidence weighs and which stretches are names; a name that is sure in one place is one
everywhere in its document. It must not know how stretches and their evidence come about (``extractor.deid.name_candidates``,
``extractor.deid.name_evidence``), what is a name by its form (``extractor.deid.name_forms``), nor what becomes of a name.

The weights are natural-log odds, set by hand to one digit: ``docs/decisions/names-by-evidence.md``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, MatchKind

from extractor.deid.name_candidates import chinese_names, foreign_names, foreign_words
from extractor.deid.name_evidence import (
    MOST_OF_MODEL,
    Indexes,
    Mask,
    Numbers,
    Searched,
    Signs,
    Stretches,
    automaton,
    codes_of,
    marked,
    outer_evidence,
    touched,
    word_evidence,
)
from extractor.deid.name_forms import find_forms
from extractor.deid.name_words import (
    ACTS,
    CONNECTORS,
    CUES,
    DEMOGRAPHIC,
    DOCTRINE,
    DRUG,
    FORMS_OF_ADDRESS,
    LABELS,
    NOT_AFTER,
    TITLES,
    WEAK_CUES,
)
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import not_names

_ENOUGH = -3.68
_SPOKEN_TITLES, _SPOKEN_TITLE = frozenset({"医师", "医生", "大夫", "先生", "女士", "小姐", "护士", "老师"}), 2
_STRONG_CUE, _WEAK_CUE, _LONGEST_CONNECTOR = 2.4, 2.0, 3
_SURE, _SURE_ANNOUNCED = 0.5, -2.5
_WEIGHTS: Mapping[str, float] = {
    "letters": 0.3, "model": 0.15, "cue": 0.8, "label": 2.0, "title": 2.5, "free_before": 0.5, "cut_before": 2.7, "cut_after": 2.3,
    "one_word": 0.8, "name_word": -0.4, "plain_word": -1.5, "plain_start": -1.2, "medical": -2.2, "medicine_around": -28.0,
    "place": -3.0, "common": 1.1, "wordlike": -2.2, "rather_word": -1.5, "compound": -0.4, "short": -1.2, "list_after": 0.6,
    "function_after": 1.5, "quoted": -1.3, "place_after": -0.9, "counted": -4.0, "repeated": -5.0,
}  # fmt: skip
_FOREIGN_WEIGHTS: Mapping[str, float] = {
    "letters": 0.35, "cue": 0.7, "label": 2.0, "title": 2.0, "free_before": 0.2, "free_after": -0.7, "cut_before": 2.1,
    "cut_after": 1.5, "one_word": 1.1, "plain_word": -3.0, "plain_start": -2.0, "medical": -3.0, "medicine_around": -38.0,
    "place": -3.0, "common": 0.5, "short": -0.9, "repeated": -6.0, "list_after": 1.0, "function_after": 1.5, "place_after": -0.9,
}  # fmt: skip
_BIAS, _FOREIGN_BIAS = -7.2, -7.8
# What is looked at only for stretches that the rest leaves in doubt.
_DEMOGRAPHIC, _DOCTRINE, _ACTS, _EPONYM, _BESIDE_A_NAME = 2.3, 4.0, 1.8, -6.0, 0.8
_JOINS = "、,/ 和与及;"
# A stretch that no such sign touches can still stand right beside a name.
_BEFORE_DEMOGRAPHIC, _BEFORE_DOCTRINE, _JOINING = (
    marked("男女是,、( :0123456789复诉自主称述既因术住出入来就死要拒表同签陪卧病多之的"),
    marked("主思理"),
    marked(_JOINS),
)


@dataclass(frozen=True)
class _Reading:
    """One stretch that is read as a name: where, the odds, and whether something announces it."""

    start: int
    end: int
    odds: float
    cued: bool


def find_names(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find names of persons in the buffer, and again wherever a sure name occurs once more in the same document.

    Raises:
        TimeoutError: the deadline passed.
    """
    if not buffer.view:
        return []
    signs, addresses, foreign = _signs(buffer)
    found = Stretches.joined([chinese_names(buffer, signs), foreign_names(buffer, foreign)])
    readings = _decided(buffer, signs, found, deadline)
    best = _without_overlaps(readings)
    spans = [_as_span(reading, buffer.view) for reading in best]
    return spans + find_forms(buffer, addresses, deadline) + _again(buffer, best, deadline)


def _as_span(reading: _Reading, view: str) -> Span:
    """Return the span of a name; what one says with it when speaking of somebody, 林达阳医师, is part of it, an office is not."""
    score = min(0.95, max(0.5, 0.6 + reading.odds / 20))
    rank = Rank.CONTEXT if reading.cued else Rank.STATISTICS
    end = reading.end + (_SPOKEN_TITLE if view[reading.end : reading.end + _SPOKEN_TITLE] in _SPOKEN_TITLES else 0)
    return Span(reading.start, end, SpanType.PERSON, score, rank, "name")


@dataclass(frozen=True)
class _Announcers:
    """The words that announce names and the foreign names: of each by its number how strong a cue it is, and what else it is."""

    matcher: BytesAhoCorasick
    strength: Numbers
    label: Mask
    title: Mask
    address: Mask
    foreign: Mask


@cache
def _announcers() -> _Announcers:
    words = [*sorted(CUES | TITLES | FORMS_OF_ADDRESS), *foreign_words()]
    matcher = automaton(words)
    strength = [0.0 if w not in CUES else _WEAK_CUE if w in WEAK_CUES else _STRONG_CUE for w in words]
    sets = (LABELS & CUES, TITLES, FORMS_OF_ADDRESS, frozenset(foreign_words()))
    kinds = (np.array([word in kind for word in words]) for kind in sets)
    return _Announcers(matcher, np.array(strength, dtype=np.float32), *kinds)


def _signs(buffer: Buffer) -> tuple[Signs, list[int], tuple[Indexes, Indexes]]:
    """Find everything that announces a name, in one pass; also where forms of address begin, and the foreign names known."""
    known, size = _announcers(), len(buffer.view) + 1
    number, start, end = Searched(buffer.view).matches(known.matcher)
    cue, label, title = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    title[start[known.title[number]]] = True
    cues = known.strength[number] > 0
    place, strength = end[cues].copy(), known.strength[number[cues]]
    joins = np.append(marked(CONNECTORS)[codes_of(buffer)], False)
    for _ in range(_LONGEST_CONNECTOR):
        place += joins[place]
    np.maximum.at(cue, place, strength)
    label[place[known.label[number[cues]] & (place > end[cues])]] = True
    foreign = known.foreign[number]
    return Signs(cue, label, title), start[known.address[number]].tolist(), (start[foreign], end[foreign])


def _decided(buffer: Buffer, signs: Signs, found: Stretches, deadline: Deadline) -> list[_Reading]:
    """Return the stretches whose evidence suffices."""
    deadline.left()
    if not len(found):
        return []
    outer = outer_evidence(buffer, signs, found)
    odds = _weighed(outer, found.sizes == 0) + np.where(found.sizes == 0, _FOREIGN_BIAS, _BIAS).astype(np.float32)
    likely = np.flatnonzero(odds + _at_most(buffer, found) + _most_of_words(found) > _ENOUGH)
    deadline.left()
    if not len(likely):
        return []
    found, odds = found.where(likely), odds[likely]
    odds += _weighed(word_evidence(buffer, found), found.sizes == 0)
    doubtful = np.flatnonzero(odds + _at_most(buffer, found) > _ENOUGH)
    deadline.left()
    announced = ((outer["cue"] > 0) | (outer["title"] > 0))[likely][doubtful]
    return _settled(buffer, found.where(doubtful), odds[doubtful], announced)


def _most_of_words(found: Stretches) -> Numbers:
    """Return what the segmenter's words can still add to each stretch."""
    names = ("cut_before", "cut_after", "one_word")
    chinese = sum(_WEIGHTS[name] for name in names) + _WEIGHTS["model"] * MOST_OF_MODEL
    foreign = sum(_FOREIGN_WEIGHTS[name] for name in names)
    return np.where(found.sizes == 0, foreign, chinese).astype(np.float32)


def _at_most(buffer: Buffer, found: Stretches) -> Numbers:
    """Return what the signs that are looked at last can still add to each stretch."""
    codes = np.append(codes_of(buffer), 0)
    before, after = codes[found.starts - 1], codes[found.ends]
    joined = (_JOINING[before] | _JOINING[after]).astype(np.float32)
    described = np.where(_BEFORE_DOCTRINE[after], _DOCTRINE, np.where(_BEFORE_DEMOGRAPHIC[after], _DEMOGRAPHIC, 0.0))
    most = np.float32(_BESIDE_A_NAME) * (1 + joined) + described
    return np.asarray(most, dtype=np.float32)


def _weighed(features: Mapping[str, Numbers], foreign: Mask) -> Numbers:
    total = np.zeros(len(foreign), dtype=np.float32)
    for name, column in features.items():
        total += column * np.where(foreign, _FOREIGN_WEIGHTS.get(name, 0.0), _WEIGHTS.get(name, 0.0)).astype(np.float32)
    return total


def _settled(buffer: Buffer, found: Stretches, odds: Numbers, announced: Mask) -> list[_Reading]:
    """Add what stands around the stretches that are in doubt, and return those that are names."""
    starts, ends = found.starts, found.ends
    odds += _weighed(touched(buffer, starts, ends), found.sizes == 0)
    for place, end in enumerate(ends.tolist()):
        after = buffer.after(end, 14)
        if DEMOGRAPHIC.match(after):
            odds[place] += _DEMOGRAPHIC
            announced[place] = True
        if DOCTRINE.match(after):
            odds[place] += _DOCTRINE
        elif ACTS.match(after):
            odds[place] += _ACTS
        if (
            buffer.view[starts[place] : end] in not_names()
            or NOT_AFTER.match(after)
            or DRUG.search(buffer.view[starts[place] : end] + after[:2])
        ):
            odds[place] += _EPONYM
    odds += np.float32(_BESIDE_A_NAME) * _beside_names(buffer, starts, ends, odds)
    chosen = np.flatnonzero(odds > _ENOUGH).tolist()
    return [_Reading(int(starts[i]), int(ends[i]), float(odds[i]), bool(announced[i])) for i in chosen]


def _beside_names(buffer: Buffer, starts: Indexes, ends: Indexes, odds: Numbers) -> Numbers:
    """Count for each stretch the likely names that it is joined with on either side, as in a list of names."""
    likely = odds > 0
    view = buffer.view
    begins = {end + (view[end : end + 1] in _JOINS) for end in ends[likely].tolist()}
    stops = {start - (start > 0 and view[start - 1] in _JOINS) for start in starts[likely].tolist()}
    beside = [(start in begins) + (end in stops) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.array(beside, dtype=np.float32)


def _without_overlaps(readings: list[_Reading]) -> list[_Reading]:
    """Return the readings of most evidence that do not overlap, in order."""
    chosen: list[_Reading] = []
    taken: set[int] = set()
    for reading in sorted(readings, key=lambda r: (-r.odds, r.start)):
        places = range(reading.start, reading.end)
        if taken.isdisjoint(places):
            taken.update(places)
            chosen.append(reading)
    return sorted(chosen, key=lambda r: r.start)


def _again(buffer: Buffer, readings: list[_Reading], deadline: Deadline) -> list[Span]:
    """Find the same names once more in their documents: a name that is sure in one place is one everywhere in it."""
    sure = [reading for reading in readings if _is_sure(reading)]
    if not sure:
        return []
    docs = buffer.document_of(np.array([reading.start for reading in sure])).tolist()
    owners: dict[str, set[int]] = defaultdict(set)
    for doc, reading in zip(docs, sure, strict=True):
        owners[buffer.view[reading.start : reading.end]].add(doc)
    names = sorted(owners)
    # One pass over all documents; a search for each name would cost a long list of names its square.
    matcher = AhoCorasick(names, matchkind=MatchKind.Standard, store_patterns=False)
    found = matcher.find_matches_as_indexes(buffer.view, overlapping=True)
    deadline.left()
    first = {(reading.start, reading.end) for reading in readings}
    there = buffer.document_of(np.array([start for _, start, _ in found], dtype=np.int64)).tolist()
    return [
        Span(start, end, SpanType.PERSON, 0.8, Rank.CONTEXT, "name_again")
        for doc, (number, start, end) in zip(there, found, strict=True)
        if (start, end) not in first and doc in owners[names[number]] and not NOT_AFTER.match(buffer.after(end, 6))
    ]


def _is_sure(reading: _Reading) -> bool:
    short = reading.end - reading.start < 3
    return reading.odds >= (_SURE_ANNOUNCED if reading.cued else _SURE) + short
