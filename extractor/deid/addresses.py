"""Addresses in a text: after a word that announces one, from a division's name on, and where elements follow one another.

Owns how divisions, elements and numbers make one address and how far it reaches to the left and right. It must not know
whose address it is, nor the names of institutions (``organisations``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.address_elements import Element, elements_of, signs
from extractor.deid.clauses import Clause, clauses_of, is_stop
from extractor.deid.place_names import Cue, Division, find_places
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.words import tag_of

_GAP = 14
_LEAD = 12
_SHORT_LEAD = 6
_GOES = frozenset("在去回到来赴往住抵返由从自过")
_NOBODYS = frozenset({"中国", "全国", "外地", "本地", "不详", "同上", "未知"})
_NOT_LEAD = frozenset("在从由至前后时随")
# Endings of elements that institutions have as well: alone behind a division they name one, which is no address.
_INSTITUTIONS = frozenset({"中学", "小学", "大学", "学校", "学院", "幼儿园", "公司", "厂", "矿", "酒店", "宾馆"})
_TAIL = 18
_SHORT_TAIL = 8
_LINK = regex.compile(r"(?:[为是于在地]|[:(])?[: ]{0,3}")
_ROOM = regex.compile(
    r"[ ]?[东西南北中ABCDabcd]?[-_#]?[0-9A-Za-z]{1,6}(?:[-_#~][0-9A-Za-z]{1,5}){0,3}"
    r"(?![0-9A-Za-z:.%年月日岁次天分小个例名位周])"
)
_LABELLED = regex.compile(r"(?:[^\s,。;、!?\x1e]|(?<=[㐀-鿿0-9]) (?=[0-9A-Za-z])){2,60}")
_HAN = regex.compile("[㐀-鿿]")
_POINT = regex.compile(
    r".*(?:店|厂|场|楼|门|旁|侧|边|对面|附近|路口|交叉口|口|校|院|所|站|中心|公司|馆|城|亭|庙|岸|部|行|内|楼下|米|处)"
)
_COMMON_TAGS = frozenset(
    {"n", "v", "vn", "a", "f", "m", "q", "s", "b", "i", "l", "d", "r", "p", "t", "c", "y", "z", "zg"}
)

_PLACE_TAGS = frozenset({"ns", "nz"})


@dataclass(frozen=True)
class _Scene:
    """What was found in a buffer before clauses are looked at, each in order of position."""

    buffer: Buffer
    divisions: list[Division]
    cues: list[Cue]


def find_addresses(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find addresses: after a word that announces one, from a division's name on, and around numbers of houses.

    Raises:
        TimeoutError: the deadline passed.
    """
    divisions, cues = find_places(buffer.view)
    scene = _Scene(buffer, divisions, cues)
    announced = [_after_cue(buffer, cue) for cue in cues]
    places = [*(d.start for d in divisions), *announced, *signs(buffer).tolist()]
    anchors = sorted(place for place in places if place < len(buffer.view))
    starts = [division.start for division in divisions]
    order = sorted(range(len(cues)), key=lambda i: announced[i])
    heads = [announced[i] for i in order]
    spans: list[Span] = []
    for clause, _, _ in clauses_of(buffer, anchors):
        low, high = bisect_left(starts, clause.start), bisect_left(starts, clause.end)
        first, last = bisect_left(heads, clause.start), bisect_left(heads, clause.end)
        spans += _of_clause(
            scene,
            clause,
            [d for d in divisions[low:high] if d.end <= clause.end],
            [cues[i] for i in order[first:last]],
            deadline.left(),
        )
    return [_without_people(buffer.view, span) for span in spans]


def _without_people(view: str, span: Span) -> Span:
    """Leave the word for a person from a place out of the place: 福州市鼓楼区人."""
    beyond = span.end - span.start > 2 and view[span.end - 1] == "人"
    return replace(span, end=span.end - 1) if beyond else span


def _after_cue(buffer: Buffer, cue: Cue) -> int:
    link = _LINK.match(buffer.view, cue.end)
    return int(link.end()) if link else cue.end


def _of_clause(
    scene: _Scene, clause: Clause, divisions: list[Division], cues: list[Cue], timeout: float
) -> Iterator[Span]:
    view = scene.buffer.view
    parts = _parts(view, clause, divisions, timeout)
    chains = list(_chains(clause, parts))
    for cue in cues:
        span = _announced(scene.buffer, clause, chains, cue)
        if span:
            yield span
    for chain in chains:
        span = _unannounced(view, clause, chain)
        if span:
            yield span


_Part = Division | Element


def _parts(view: str, clause: Clause, divisions: list[Division], timeout: float) -> list[_Part]:
    """Return divisions and elements in order; an element that lies in a division gives way."""
    ends = [division.end for division in divisions]
    parts: list[_Part] = list(divisions)
    for element in elements_of(view, clause, timeout):
        place = bisect_left(ends, element.end)
        if place < len(divisions) and divisions[place].start < element.end:
            continue
        before = divisions[place - 1].end if place else clause.start
        parts.append(replace(element, start=max(element.start, before)))
    return sorted(parts, key=lambda part: (part.start, part.end))


def _chains(clause: Clause, parts: list[_Part]) -> Iterator[list[_Part]]:
    """Yield the groups of parts that follow one another without a stop between them."""
    chain: list[_Part] = []
    for part in parts:
        if chain and not _joined(clause, chain[-1].end, part.start):
            yield chain
            chain = []
        chain.append(part)
    if chain:
        yield chain


def _joined(clause: Clause, end: int, start: int) -> bool:
    return start <= end or (start - end <= _GAP and clause.free(end, start))


def _unannounced(view: str, clause: Clause, chain: list[_Part]) -> Span | None:
    """Return the span of a chain that is an address by itself."""
    divisions = [part for part in chain if isinstance(part, Division)]
    elements = [part for part in chain if isinstance(part, Element)]
    first = chain[0]
    if isinstance(first, Division):
        if elements and not (_is_institution(elements) and sum(d.names for d in divisions) == 1):
            return Span(
                _lead(clause, first.start), _end(view, clause, chain), SpanType.ADDRESS, 0.8, Rank.PATTERN, "address"
            )
        return _bare_division(view, clause, divisions)
    if divisions or _is_address(elements):
        return Span(
            _lead_of_name(view, clause, first.start),
            _end(view, clause, chain),
            SpanType.ADDRESS,
            0.7,
            Rank.CONTEXT,
            "elements",
        )
    return None


def _is_institution(elements: list[Element]) -> bool:
    return all(element.ending in _INSTITUTIONS for element in elements)


def _is_address(elements: list[Element]) -> bool:
    """Say whether elements without a division are an address: a name and a number, two kinds of names, or of numbers."""
    names = {element.ending for element in elements if not element.number}
    numbers = {element.ending for element in elements if element.number and element.strong}
    if names and numbers:
        return True
    strong = any(element.strong for element in elements if not element.number)
    return (strong and len(names) >= 2) or len(numbers) >= 2


def _bare_division(view: str, clause: Clause, divisions: list[Division]) -> Span | None:
    """Return the span of divisions that nothing of an address follows; two or more take what the short clause still has."""
    names = sum(division.names for division in divisions)
    start, end = divisions[0].start, divisions[-1].end
    if names < 2 and not divisions[0].full:
        return _visited(view, clause, start, end)
    reach = clause.right_of(end, _TAIL)
    if reach >= clause.end and (names >= 2 or (_POINT.fullmatch(view, end, reach) and start == clause.start)):
        end = reach
    return Span(start, end, SpanType.ADDRESS, 0.6, Rank.CONTEXT, "division")


def _visited(view: str, clause: Clause, start: int, end: int) -> Span | None:
    """Return the span of a city or province without suffix in which somebody is or to which somebody goes."""
    index = clause.word_at(start)
    whole = clause.starts[index] == start and clause.starts[index + 1] == end and tag_of(clause.words[index]) == "ns"
    if not whole or start == clause.start or view[start - 1] not in _GOES:
        return None
    return Span(start, end, SpanType.ADDRESS, 0.5, Rank.CONTEXT, "visited")


def _lead_of_name(view: str, clause: Clause, start: int) -> int:
    """Return how far to the left the name of a first element reaches; a short beginning of a clause belongs to it."""
    short = start - clause.start <= _SHORT_LEAD and clause.free(clause.start, start)
    if short and _NOT_LEAD.isdisjoint(view[clause.start : start]) and not view[clause.start].isdigit():
        return clause.start
    return clause.left_of(start, _LEAD)


def _lead(clause: Clause, start: int) -> int:
    """Return where an address begins whose first division is found: also before it, if a clause begins shortly before."""
    reach = clause.left_of(start, 4)
    return reach if reach == clause.start else start


def _end(view: str, clause: Clause, chain: list[_Part]) -> int:
    """Return how far an address goes on behind its last element: a room, a shop, a gate, to the end of a short clause."""
    end = chain[-1].end
    room = _ROOM.match(view, end, clause.end)
    end = room.end() if room else end
    if end >= clause.end:
        return end
    if clause.right_of(end, _SHORT_TAIL, soft=False) >= clause.end:
        return clause.end
    reach = clause.right_of(end, _TAIL)
    if reach >= clause.end or view[reach] in " (":
        return reach
    point = _POINT.match(view, end, reach)
    return point.end() if point else end


def _announced(buffer: Buffer, clause: Clause, chains: list[list[_Part]], cue: Cue) -> Span | None:
    """Return the span of the address that a cue announces in this clause."""
    start = _after_cue(buffer, cue)
    for chain in chains:
        if chain[-1].end > start and (chain[0].start <= start or _joined(clause, start, chain[0].start)):
            end = _end(buffer.view, clause, chain)
            return Span(start, end, SpanType.ADDRESS, 0.85, Rank.PATTERN, "announced_address")
    if ":" in buffer.view[cue.end : start]:
        found = _LABELLED.match(buffer.view, start, min(start + 60, len(buffer.view)))
        end = found.end() if found else start
    else:
        end = _plain_end(clause, start, weak=cue.weak)
    if end - start < 2 or not _HAN.search(buffer.view, start, end) or buffer.view[start:end] in _NOBODYS:
        return None
    return Span(start, end, SpanType.ADDRESS, 0.75, Rank.CONTEXT, "announced_place")


def _plain_end(clause: Clause, start: int, *, weak: bool) -> int:
    """Return where a place without ending or number stops that a cue announces: words the dictionary has as no others."""
    end, index = start, clause.word_at(start)
    while end < clause.end and clause.starts[index + 1] - start <= 8:
        word = clause.words[index][end - clause.starts[index] :]
        tag = tag_of(word)
        if is_stop(word) or tag in _COMMON_TAGS or not _HAN.match(word) or (weak and tag not in _PLACE_TAGS):
            break
        end = clause.starts[index + 1]
        index += 1
    return end if end - start >= 2 else start
