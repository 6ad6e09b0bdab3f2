"""The words that a site knows itself: its staff, its departments, the nicknames of its places, and words that are no names.

Owns how such terms are found everywhere in a text, and how a ``keep`` term protects a word from being taken for a name on
statistics alone. It must not know where the terms come from (``extractor.workflow.dictionaries``). One automaton searches for
all terms at once; it costs the same for ten terms and for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import rjieba
from ahocorasick_rs import AhoCorasick

from extractor.catalogue import TermKind
from extractor.deid.free_text import Recogniser
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.term_file import LEAST
from extractor.deid.text_buffer import Buffer, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.words import tag_of

NAME = "site_dictionary"
_REACH = 8
_CUES = (
    "医师", "医生", "大夫", "主任", "护士", "护师", "药师", "技师", "教授", "院长", "医士", "老师", "签名", "签字", "经治", "术者",
    "助手", "记录",
)  # fmt: skip


TYPES: dict[TermKind, SpanType] = {
    TermKind.STAFF: SpanType.PERSON,
    TermKind.INSTITUTION: SpanType.ORGANIZATION,
    TermKind.PLACE: SpanType.ADDRESS,
}


@dataclass(frozen=True)
class SiteTerms:
    """All terms of a site, by kind, as they are written there. A term may be of several kinds."""

    terms: Mapping[TermKind, frozenset[str]] = field(repr=False)

    def recognisers(self, ours: Iterable[Recogniser]) -> tuple[Recogniser, ...]:
        """Return recognisers that keep the ``keep`` terms, and one more that finds the others; ours where there is no term."""
        if not self._meanings:
            return tuple(ours)
        kept = any(TermKind.KEEP in kinds for _, kinds in self._meanings)
        guarded = [replace(one, find=_Search(one, self)) if kept else one for one in ours]
        types = frozenset(TYPES[kind] for kind in TYPES if self.terms.get(kind))
        return (*guarded, Recogniser(NAME, types, self.find)) if types else tuple(guarded)

    def find(self, buffer: Buffer, deadline: Deadline) -> list[Span]:
        """Find the terms of staff, institutions and places.

        Raises:
            TimeoutError: the deadline passed.
        """
        spans = []
        for start, end, kinds in self._found(buffer, deadline):
            for kind in kinds:
                if kind in TYPES and _stands(buffer, start, end, kind):
                    spans.append(Span(start, end, TYPES[kind], 0.9, Rank.PATTERN, NAME))
        return spans

    def unprotected(self, spans: list[Span], buffer: Buffer, deadline: Deadline) -> list[Span]:
        """Return the spans without those that stand on statistics only and lie within a ``keep`` term.

        A span that reaches beyond the term is left: the name 高新宇 begins like the place 高新.
        """
        if all(span.rank is not Rank.STATISTICS for span in spans):
            return spans
        kept = [(start, end) for start, end, kinds in self._found(buffer, deadline) if TermKind.KEEP in kinds]
        reach = _Reach(kept)
        return [span for span in spans if span.rank is not Rank.STATISTICS or not reach.holds(span.start, span.end)]

    def _found(self, buffer: Buffer, deadline: Deadline) -> Iterator[tuple[int, int, tuple[TermKind, ...]]]:
        deadline.left()
        for number, start, end in self._automaton.find_matches_as_indexes(buffer.view, overlapping=True):
            if not _cuts_letters(buffer.view, start, end):
                yield start, end, self._meanings[number][1]
        deadline.left()

    @cached_property
    def _meanings(self) -> tuple[tuple[str, tuple[TermKind, ...]], ...]:
        """Each form that is searched for, as a buffer shows it, with the kinds of the terms that are written so."""
        found: dict[str, set[TermKind]] = {}
        for kind, terms in self.terms.items():
            for term in terms:
                for form in _forms(normalised(term.strip()), kind):
                    found.setdefault(form, set()).add(kind)
        return tuple((form, tuple(sorted(kinds))) for form, kinds in sorted(found.items()))

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick([form for form, _ in self._meanings])


@dataclass(frozen=True)
class _Search:
    """A recogniser's search, without what the site's words forbid."""

    recogniser: Recogniser
    site: SiteTerms

    def __call__(self, buffer: Buffer, deadline: Deadline) -> list[Span]:
        return self.site.unprotected(self.recogniser.find(buffer, deadline), buffer, deadline)


class _Reach:
    """Whether a stretch lies within one of many: for each start the farthest end of any that began before it."""

    def __init__(self, stretches: Iterable[tuple[int, int]]) -> None:
        self._ends: dict[int, int] = {}
        for start, end in stretches:
            for at in range(start, end):
                self._ends[at] = max(end, self._ends.get(at, 0))

    def holds(self, start: int, end: int) -> bool:
        return self._ends.get(start, 0) >= end


def _forms(term: str, kind: TermKind) -> Iterator[str]:
    if len(term) < LEAST:
        return
    yield term
    if term.isascii():
        yield from (term.upper(), term.lower())
    elif kind is TermKind.STAFF and len(term) == LEAST:
        yield from (" ".join(term), "  ".join(term))


def _cuts_letters(view: str, start: int, end: int) -> bool:
    """Say whether a term of Latin letters or digits lies inside a longer run of them."""
    return (_is_latin(view[start]) and _is_latin(view[start - 1 : start])) or (
        _is_latin(view[end - 1]) and _is_latin(view[end : end + 1])
    )


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _stands(buffer: Buffer, start: int, end: int, kind: TermKind) -> bool:
    """Say whether a term of two 汉字 is a word where it stands: 王伟 is none in 国王伟大.

    A member of staff whose name is an ordinary word too (高兴, 黄连) is found beside a title or a signature only.
    """
    if end - start > LEAST:
        return True
    before, after = buffer.before(start, _REACH), buffer.after(end, _REACH)
    if kind is TermKind.STAFF and _is_word(buffer.view[start:end]):
        return any(cue in before or cue in after for cue in _CUES)
    at = len(before)
    edges, here = {0}, 0
    # Words of the dictionary only: words guessed from statistics would swallow the name in 请王伟看.
    for word in rjieba.cut(before + buffer.view[start:end] + after, False):
        here += len(word)
        edges.add(here)
    return at in edges and at + end - start in edges


def _is_word(term: str) -> bool:
    """Say whether the dictionary knows a term as a word that is no name of a person."""
    tag = tag_of(term)
    return bool(tag) and not tag.startswith("nr")
