"""Spans of a column of texts: what was found, where, and which finding wins.

Owns the vocabulary of span types, the table that holds the spans of a whole column, how overlapping spans are resolved so
that nothing found is left uncovered, and how replacements are spliced in. It must not know how a span is found nor what
takes its place.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import polars as pl


class SpanType(StrEnum):
    """What a span is. The names are part of the command line's format."""

    PERSON = "PERSON"
    RESIDENT_ID = "RESIDENT_ID"
    PHONE = "PHONE"
    LANDLINE = "LANDLINE"
    ADDRESS = "ADDRESS"
    ORGANIZATION = "ORGANIZATION"
    DATE = "DATE"
    AGE = "AGE"
    PASSPORT = "PASSPORT"
    PERMIT = "PERMIT"
    MILITARY_ID = "MILITARY_ID"
    USCC = "USCC"
    BANK_CARD = "BANK_CARD"
    PLATE = "PLATE"
    MEDICAL_RECORD = "MEDICAL_RECORD"
    INSURANCE_ID = "INSURANCE_ID"
    LICENCE = "LICENCE"
    EMAIL = "EMAIL"
    URL = "URL"
    IP = "IP"
    MAC = "MAC"
    WECHAT = "WECHAT"
    QQ = "QQ"
    ACCOUNT = "ACCOUNT"
    OTHER_ID = "OTHER_ID"


TYPES: tuple[SpanType, ...] = tuple(SpanType)
TYPE_CODES: dict[SpanType, int] = {kind: code for code, kind in enumerate(TYPES)}


class Rank(IntEnum):
    """How a span is known, weakest first; between overlapping spans the stronger wins."""

    STATISTICS = 0
    CONTEXT = 1
    PATTERN = 2
    CHECKSUM = 3
    KNOWN = 4


@dataclass(frozen=True)
class Span:
    """One span in the code points of one text, half-open. ``score`` is in 0 to 1."""

    start: int
    end: int
    type: SpanType
    score: float = 1.0
    rank: Rank = Rank.PATTERN
    recogniser: str = ""


@dataclass(frozen=True)
class SpanTable:
    """The spans of a column: parallel arrays, one row a span. ``names`` gives the recognisers that the codes mean."""

    doc: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    recogniser: np.ndarray
    names: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.doc)

    @classmethod
    def empty(cls) -> SpanTable:
        """Return a table without spans."""
        return cls.build([], [])

    @classmethod
    def build(cls, docs: Sequence[int] | np.ndarray, spans: Sequence[Span]) -> SpanTable:
        """Make a table from spans and the number of the document of each."""
        names = tuple(dict.fromkeys(span.recogniser for span in spans))
        codes = {name: code for code, name in enumerate(names)}
        return cls(
            np.asarray(docs, dtype=np.int64),
            np.array([s.start for s in spans], dtype=np.int64),
            np.array([s.end for s in spans], dtype=np.int64),
            np.array([TYPE_CODES[s.type] for s in spans], dtype=np.int16),
            np.array([s.score for s in spans], dtype=np.float32),
            np.array([s.rank for s in spans], dtype=np.int8),
            np.array([codes[s.recogniser] for s in spans], dtype=np.int16),
            names,
        )

    @classmethod
    def concat(cls, tables: Iterable[SpanTable]) -> SpanTable:
        """Join tables, in order, and unite the names of their recognisers."""
        parts = [table for table in tables if len(table)]
        if not parts:
            return cls.empty()
        names = tuple(dict.fromkeys(name for part in parts for name in part.names))
        codes = {name: code for code, name in enumerate(names)}
        recogniser = [np.array([codes[n] for n in p.names], dtype=np.int16)[p.recogniser] for p in parts]
        return cls(
            np.concatenate([p.doc for p in parts]),
            np.concatenate([p.start for p in parts]),
            np.concatenate([p.end for p in parts]),
            np.concatenate([p.type for p in parts]),
            np.concatenate([p.score for p in parts]),
            np.concatenate([p.rank for p in parts]),
            np.concatenate(recogniser),
            names,
        )

    def take(self, rows: np.ndarray) -> SpanTable:
        """Return the rows chosen by index or mask."""
        return SpanTable(
            self.doc[rows],
            self.start[rows],
            self.end[rows],
            self.type[rows],
            self.score[rows],
            self.rank[rows],
            self.recogniser[rows],
            self.names,
        )

    def moved(self, docs: int) -> SpanTable:
        """Return the table with document numbers raised by ``docs``."""
        return SpanTable(
            self.doc + docs, self.start, self.end, self.type, self.score, self.rank, self.recogniser, self.names
        )

    def of_types(self, types: Iterable[SpanType]) -> SpanTable:
        """Return the spans of these types only."""
        return self.take(np.isin(self.type, [TYPE_CODES[kind] for kind in types]))

    def counts(self) -> dict[SpanType, int]:
        """Return how many spans there are of each type that occurs."""
        codes, numbers = np.unique(self.type, return_counts=True)
        return {TYPES[code]: int(number) for code, number in zip(codes, numbers, strict=True)}

    def rows(self) -> Iterator[tuple[int, Span]]:
        """Yield the document number and the span of each row."""
        columns = (self.doc, self.start, self.end, self.type, self.score, self.rank, self.recogniser)
        for doc, start, end, kind, score, rank, code in zip(*(c.tolist() for c in columns), strict=True):
            yield doc, Span(start, end, TYPES[kind], round(score, 3), Rank(rank), self.names[code])

    def by_document(self, documents: int) -> list[list[Span]]:
        """Return the spans of each of ``documents`` texts, in the table's order."""
        result: list[list[Span]] = [[] for _ in range(documents)]
        for doc, span in self.rows():
            result[doc].append(span)
        return result

    def resolve(self) -> SpanTable:
        """Return the table sorted and without overlaps; every character that was covered stays covered.

        Known values beat checksums beat patterns beat context beat statistics; at equal rank the longer wins. Overlapping
        spans of one type become one; of a span that loses, what the winner leaves uncovered remains as a span of its own.
        """
        if not len(self):
            return self
        table = self.take(np.lexsort((-self.end, self.start, self.doc)))
        clusters = _clusters(table)
        strongest, whole = _strongest(table, clusters)
        mixed = np.flatnonzero(~whole[clusters])
        if not len(mixed):
            return table.take(strongest)
        joined = SpanTable.concat([table.take(strongest[whole]), _settled(table.take(mixed), clusters[mixed])])
        return joined.take(np.lexsort((joined.start, joined.doc)))


def _clusters(table: SpanTable) -> np.ndarray:
    """Number the groups of spans that overlap, directly or through others, in a sorted table."""
    stride = int(table.end.max()) + 1
    start, end = table.doc * stride + table.start, table.doc * stride + table.end
    reach = np.maximum.accumulate(end)
    opens = np.ones(len(table), dtype=bool)
    opens[1:] = start[1:] >= reach[:-1]
    return np.asarray(np.cumsum(opens) - 1)


def _strongest(table: SpanTable, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each cluster's strongest span, and whether that span alone covers the cluster."""
    order = np.lexsort((table.start, -table.score, table.start - table.end, -table.rank, clusters))
    firsts = np.flatnonzero(np.diff(clusters, prepend=-1))
    strongest = order[firsts]
    begin, end = table.start[firsts], np.maximum.reduceat(table.end, firsts)
    return strongest, (table.start[strongest] == begin) & (table.end[strongest] == end)


def _settled(table: SpanTable, clusters: np.ndarray) -> SpanTable:
    """Resolve each cluster of a sorted table; ``clusters`` numbers them, ascending."""
    docs: list[int] = []
    settled: list[Span] = []
    for _, members in groupby(zip(clusters.tolist(), table.rows(), strict=True), key=itemgetter(0)):
        rows = [row for _, row in members]
        spans = _resolve_cluster([span for _, span in rows])
        settled += spans
        docs += [rows[0][0]] * len(spans)
    return SpanTable.build(docs, settled)


def _resolve_cluster(spans: list[Span]) -> list[Span]:
    """Return spans of one document, none over another, that cover what these cover."""
    spans.sort(key=lambda s: (-s.rank, -(s.end - s.start), -s.score, s.start))
    taken: list[Span] = []
    cover = _Cover()
    for span in spans:
        taken += [replace(span, start=start, end=end) for start, end in cover.add(span.start, span.end)]
    return _joined(sorted(taken, key=lambda s: s.start))


class _Cover:
    """What is covered so far: stretches in order that neither overlap nor touch, so that many spans stay cheap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Cover a stretch and return the parts of it that were not covered before."""
        low, high = bisect_left(self._ends, start), bisect_right(self._starts, end)
        met = [(start, start), *zip(self._starts[low:high], self._ends[low:high], strict=True), (end, end)]
        self._starts[low:high] = [min(start, met[1][0])]
        self._ends[low:high] = [max(end, met[-2][1])]
        return [(left[1], right[0]) for left, right in pairwise(met) if left[1] < right[0]]


def _joined(spans: list[Span]) -> list[Span]:
    """Join neighbours of one type that touch; the stronger one gives rank, score and recogniser."""
    result: list[Span] = []
    for span in spans:
        last = result[-1] if result else None
        if last is not None and last.end == span.start and last.type == span.type:
            strong = last if (last.rank, last.score) >= (span.rank, span.score) else span
            result[-1] = Span(last.start, span.end, span.type, strong.score, strong.rank, strong.recogniser)
        else:
            result.append(span)
    return result


def splice(texts: pl.Series, table: SpanTable, replacements: Sequence[str]) -> pl.Series:
    """Return the texts with each span of a resolved table replaced by the replacement of the same row.

    Nulls stay null and empty texts empty. The table must be sorted by document and start, as ``resolve`` leaves it.
    """
    values: list[str | None] = texts.to_list()
    pieces: list[str] = []
    at, current = 0, -1
    rows = zip(table.doc.tolist(), table.start.tolist(), table.end.tolist(), replacements, strict=True)
    for doc, start, end, replacement in rows:
        if doc != current:
            _finish(values, current, pieces, at)
            pieces, at, current = [], 0, doc
        text = values[doc] or ""
        pieces += (text[at:start], replacement)
        at = end
    _finish(values, current, pieces, at)
    return pl.Series(texts.name, values, dtype=pl.String)


def _finish(values: list[str | None], doc: int, pieces: list[str], at: int) -> None:
    if doc >= 0:
        values[doc] = "".join(pieces) + (values[doc] or "")[at:]
