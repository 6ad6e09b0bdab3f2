"""Names of persons.

Owns how a name is found: where one may begin (at a word that begins like a surname, after a word that announces a name,
before a title), which readings of the place there are, and how form, words and the segmenter's boundaries are weighed
together. It must not know whose name it is: what the patient's own columns tell is ``known_values``. Words of the
segmenter's dictionary that are no names count against a reading, which keeps drugs, tests and eponyms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types
from ahocorasick_rs import AhoCorasick, MatchKind

from extractor.deid.name_words import (
    CONNECTOR,
    CUES,
    DEMOGRAPHIC,
    FORMS_OF_ADDRESS,
    FUNCTION_AFTER,
    LABELS,
    NOT_AFTER,
    NOT_GIVEN,
    TITLES,
    WEAK_CUES,
    WORDLIKE,
)
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import given_name_odds, not_names, surnames
from extractor.deid.words import Tokens, tag_of, tokens_of

_THRESHOLD = 4.6
_ANNOUNCED = 3.3
_SURE = 5.0
# The most that title, boundaries and neighbours can add to a reading.
_MOST_CONTEXT = 8.6
_HAN = regex.compile("[㐀-鿿𠀀-𳑿]+")
_DOT_LEFT = regex.compile(r"[㐀-鿿]{1,8}$")
_DOT_RIGHT = regex.compile(
    r"(?:[㐀-鿿]{1,8}·){0,3}(?:[㐀-鿿]{1,8}?(?=[^㐀-鿿]|$|[诉因于是为的在来到医男女确今签被出入说及和与、后前已主代]|陪同|护士|同意|要求)|[㐀-鿿]{1,5})"
)
_DOT_CUT = regex.compile(r".*(?:家属|患者|患儿|病人|联系|姓名|医师|医生|护士|主任|人员|人|[由和与是为叫名请对])")
_MASK = regex.compile(r"(?:某[某甲乙丙]?(?=[^种些个人日月年])|[*]{1,2}|[xX]{2}(?![0-9A-Za-z]))")
_FAMILIAR = regex.compile(r"(?<=[^㐀-鿿]|[由经请和与的是向被让])[老小](?P<v>[㐀-鿿])(?=[,。、;: ]|$)")
_SPELT = regex.compile(
    r"(?:姓名|患者|联系人|拼音|[Nn]ame)[:为是 ]{1,3}(?P<v>[A-Z][A-Za-z'\-]{1,15}(?:[ ,·]{1,2}[A-Z][A-Za-z'\-]{1,20}){1,3})"
)
_BEFORE_ADDRESSED = frozenset("由经请和与的是向被让在到找")


@dataclass(frozen=True)
class _Reading:
    """One reading of a stretch as a name: where, and the evidence in natural-log odds."""

    start: int
    end: int
    odds: float
    cued: bool = field(default=False)


@dataclass(frozen=True)
class _Signs:
    """What announces names in a buffer, found in one pass each: positions after cues, and positions of titles."""

    cues: dict[int, float]
    labels: frozenset[int]
    titles: frozenset[int]
    addresses: tuple[int, ...]


def find_names(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find names of persons in the buffer, and again wherever a sure name occurs once more in the same document.

    Raises:
        TimeoutError: the deadline passed.
    """
    signs = _signs(buffer)
    best = _chosen(buffer, signs, deadline)
    spans = [_as_span(reading) for reading in best]
    return spans + _fixed_forms(buffer, signs, deadline) + _again(buffer, best, deadline)


def _as_span(reading: _Reading) -> Span:
    score = min(0.95, 0.5 + reading.odds / 20)
    rank = Rank.CONTEXT if reading.cued else Rank.STATISTICS
    return Span(reading.start, reading.end, SpanType.PERSON, score, rank, "name")


def _fixed_forms(buffer: Buffer, signs: _Signs, deadline: Deadline) -> list[Span]:
    view = buffer.view
    places = list(_dotted(buffer)) if "·" in view else []
    for found in _MASK.finditer(view, timeout=deadline.left()):
        start = _surname_before(buffer, found.start())
        if start is not None:
            places.append((start, found.end()))
    for end in signs.addresses:
        start = _surname_before(buffer, end)
        if start is not None and _stands_free(buffer.before(start, 1)):
            places.append((start, end))
    for form in (_FAMILIAR, _SPELT):
        for found in form.finditer(view, timeout=deadline.left()):
            if form is _SPELT or found["v"] in surnames().common - WORDLIKE:
                places.append(found.span("v"))
    return [Span(start, end, SpanType.PERSON, 0.7, Rank.CONTEXT, "name_form") for start, end in places]


def _surname_before(buffer: Buffer, position: int) -> int | None:
    """Return where a surname that ends at the position begins, if there is one."""
    before = buffer.before(position, 2)
    if before in surnames().compound:
        return position - 2
    return position - 1 if before and before[-1] in surnames().single - WORDLIKE else None


def _stands_free(before: str) -> bool:
    return not before or not _HAN.match(before) or before in _BEFORE_ADDRESSED


def _dotted(buffer: Buffer) -> Iterator[tuple[int, int]]:
    """Yield names with a middle dot, as minorities and foreigners have them."""
    at = buffer.view.find("·")
    while at >= 0:
        left, right = _DOT_LEFT.search(buffer.before(at, 8)), _DOT_RIGHT.match(buffer.after(at + 1, 32))
        end = at + 1
        if left and right:
            cut = _DOT_CUT.match(left[0])
            size = len(left[0]) - (cut.end() if cut else 0)
            end = at + 1 + right.end()
            if size >= 2:
                yield at - size, end
        at = buffer.view.find("·", end)


@cache
def _surname_table() -> np.ndarray:
    table = np.zeros(0x110000, dtype=bool)
    for name in surnames().single | {compound[0] for compound in surnames().compound}:
        table[ord(name[0])] = True
    return table


@cache
def _announcers() -> tuple[AhoCorasick, tuple[str, ...]]:
    words = tuple(sorted(CUES | TITLES | FORMS_OF_ADDRESS))
    return AhoCorasick(words, matchkind=MatchKind.LeftmostLongest, store_patterns=False), words


def _signs(buffer: Buffer) -> _Signs:
    """Find everything that announces a name, in one pass."""
    matcher, words = _announcers()
    cues: dict[int, float] = {}
    labels, titles, addresses = set(), set(), []
    for number, start, end in matcher.find_matches_as_indexes(buffer.view):
        word = words[number]
        if word in TITLES:
            titles.add(start)
        if word in FORMS_OF_ADDRESS:
            addresses.append(start)
        if word in CUES:
            after = CONNECTOR.match(buffer.view, end)
            place = after.end() if after else end
            cues[place] = 1.5 if word in WEAK_CUES else 2.5
            if place > end and word in LABELS:
                labels.add(place)
    return _Signs(cues, frozenset(labels), frozenset(titles), tuple(addresses))


def _chosen(buffer: Buffer, signs: _Signs, deadline: Deadline) -> list[_Reading]:
    """Return the best reading at each place where a name may begin, where the evidence suffices."""
    tokens = tokens_of(buffer.view)
    boundaries = np.zeros(len(buffer.view) + 1, dtype=bool)
    boundaries[tokens.starts] = True
    boundaries[-1] = True
    cut = boundaries.tobytes()
    readings: list[_Reading] = []
    for count, place in enumerate(_beginnings(buffer, tokens, signs)):
        if count % 1024 == 0:
            deadline.left()
        readings += [
            r for r in _readings(buffer, signs, cut, place) if r.odds >= (_ANNOUNCED if r.cued else _THRESHOLD)
        ]
    return _without_overlaps(readings)


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


def _beginnings(buffer: Buffer, tokens: Tokens, signs: _Signs) -> list[tuple[int, str]]:
    """Return the positions at which a name may begin, in order, with the word that begins there (empty within a word)."""
    indexes = np.flatnonzero(_surname_table()[buffer.codes[tokens.starts]]) if tokens.words else np.zeros(0, dtype=int)
    positions = tokens.starts[indexes].tolist()
    found = {
        at: tokens.words[i] for i, at in zip(indexes.tolist(), positions, strict=True) if _may_begin(tokens.words[i])
    }
    places = {*signs.labels, *signs.cues, *(at - back for at in signs.titles for back in (2, 3, 4))}
    table, codes, size = _surname_table(), buffer.codes, len(buffer.view)
    for at in places:
        if 0 <= at < size and table[codes[at]]:
            found.setdefault(at, "")
    return sorted(found.items())


@lru_cache(maxsize=100_000)
def _may_begin(word: str) -> bool:
    """Say whether a name may begin with this word of the segmenter, going by the word alone."""
    if len(word) == 1 or not _is_plain_word(word):
        return True
    return len(word) == 2 and given_name_odds().get(word[1], (-5.0,))[0] > 1.5


def _readings(buffer: Buffer, signs: _Signs, cut: bytes, place: tuple[int, str]) -> Iterator[_Reading]:
    """Yield the readings from a position on that could still suffice: surname and one or two characters."""
    start, word = place
    left = 4.5 if start in signs.labels else signs.cues.get(start, 0.0)
    text = buffer.after(start, 4)
    surname = text[:2] if text[:2] in surnames().compound else text[:1]
    if surname not in surnames().compound and surname not in surnames().single:
        return
    for length in (1, 2):
        given = text[len(surname) : len(surname) + length]
        if len(given) < length:
            return
        odds = _name_odds(surname, given) + left
        if odds + _MOST_CONTEXT >= _ANNOUNCED:
            reading = _Reading(start, start + len(surname) + length, odds, left > 0)
            yield _weighed(buffer, signs, cut, (reading, left, word))


def _weighed(buffer: Buffer, signs: _Signs, cut: bytes, evidence: tuple[_Reading, float, str]) -> _Reading:
    """Add to a reading's odds what stands before and after it, and the segmenter's boundaries."""
    reading, left, word = evidence
    start, end, odds = reading.start, reading.end, reading.odds
    name, before, after = buffer.view[start:end], buffer.before(start, 1), buffer.after(end, 14)
    right = 4.0 if DEMOGRAPHIC.match(after) else 2.5 if end in signs.titles else 0.0
    if right and not left and before in _BEFORE_ADDRESSED:
        left = 1.0
        odds += left
    odds += right
    odds += 0.5 if cut[end] or not after or after[0] in FUNCTION_AFTER or right else -2.5
    odds += 0.8 if not _HAN.match(before) else 0.0 if left else -0.2
    odds += 0.0 if cut[start] or left or right else -2.0
    odds += 1.0 if word == name and len(name) > 2 else 0.0
    odds += 0.0 if after and _HAN.match(after) else 1.3 if left else 0.5
    if _is_plain_word(name) or _is_plain_word(word):
        odds -= 4.0
    if not left and not right and cut[start + 1] and _is_plain_word(name[1:]):
        odds -= 1.0 if name[0] in surnames().common else 3.0
    if name[0] in WORDLIKE and not left:
        odds -= 1.5
    if NOT_AFTER.match(after) or name in not_names():
        odds -= 8.0
    return _Reading(start, end, odds, left + right >= 1.5)


@lru_cache(maxsize=100_000)
def _is_plain_word(word: str) -> bool:
    """Say whether the dictionary has the word, of more than one character, and does not call it a name."""
    return len(word) > 1 and tag_of(word) not in ("", "nr", "nrt", "nrfg")


@lru_cache(maxsize=100_000)
def _name_odds(surname: str, given: str) -> float:
    """Return the log odds that surname and given name are a name, before any context."""
    if not NOT_GIVEN.isdisjoint(given) or not _HAN.fullmatch(given):
        return -100.0
    odds = given_name_odds()
    if surname in surnames().compound:
        total = 2.0
    else:
        total = 0.0 if surname in surnames().common else -1.0
        total -= 1.0 if surname in WORDLIKE else 0.0
    if len(given) == 1:
        return total + odds.get(given, (0.0, 0.0, 0.5))[2] - 1.0
    return total + odds.get(given[0], (0.5, 0.0, 0.0))[0] + odds.get(given[1], (0.0, 0.5, 0.0))[1]


def _again(buffer: Buffer, readings: list[_Reading], deadline: Deadline) -> list[Span]:
    """Find the same names once more in their documents: a name that is sure in one place is one everywhere in it."""
    if not readings:
        return []
    docs = buffer.document_of(np.array([reading.start for reading in readings]))
    by_document: dict[int, set[str]] = defaultdict(set)
    for doc, reading in zip(docs.tolist(), readings, strict=True):
        if reading.odds >= _SURE and (reading.end - reading.start >= 3 or reading.cued):
            by_document[doc].add(buffer.view[reading.start : reading.end])
    spans = []
    for doc, names in by_document.items():
        deadline.left()
        low, high = int(buffer.starts[doc]), int(buffer.ends[doc])
        for name in names:
            at = buffer.view.find(name, low, high)
            while at >= 0:
                if not NOT_AFTER.match(buffer.after(at + len(name), 6)):
                    spans.append(Span(at, at + len(name), SpanType.PERSON, 0.8, Rank.CONTEXT, "name_again"))
                at = buffer.view.find(name, at + len(name), high)
    return spans
