"""Spans of a column of texts: what was found, where, and which finding wins.

Owns the vocabulary of span types, the table that holds the spans of a whole column, how overlapping spans are resolved so
that nothing found is left uncovered, and how replacements are spliced in. It must not know how a span is found nor what
takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import pairwise

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
        sizes = np.bincount(clusters)
        single = table.take(sizes[clusters] == 1)
        crowded = np.flatnonzero(sizes[clusters] > 1)
        pieces = [_resolve_cluster(table.take(rows)) for rows in _groups(crowded, clusters[crowded])]
        joined = SpanTable.concat([single, *pieces])
        return joined.take(np.lexsort((joined.start, joined.doc)))


def _clusters(table: SpanTable) -> np.ndarray:
    """Number the groups of spans that overlap, directly or through others, in a sorted table."""
    stride = int(table.end.max()) + 1
    start, end = table.doc * stride + table.start, table.doc * stride + table.end
    reach = np.maximum.accumulate(end)
    opens = np.ones(len(table), dtype=bool)
    opens[1:] = start[1:] >= reach[:-1]
    return np.asarray(np.cumsum(opens) - 1)


def _groups(rows: np.ndarray, clusters: np.ndarray) -> list[np.ndarray]:
    if not len(rows):
        return []
    return np.split(rows, np.flatnonzero(np.diff(clusters)) + 1)


def _resolve_cluster(table: SpanTable) -> SpanTable:
    doc = int(table.doc[0])
    spans = [span for _, span in table.rows()]
    spans.sort(key=lambda s: (-s.rank, -(s.end - s.start), -s.score, s.start))
    taken: list[Span] = []
    for span in spans:
        for start, end in _uncovered(span, taken):
            taken.append(Span(start, end, span.type, span.score, span.rank, span.recogniser))
    merged = _joined(sorted(taken, key=lambda s: s.start))
    return SpanTable.build([doc] * len(merged), merged)


def _uncovered(span: Span, taken: list[Span]) -> list[tuple[int, int]]:
    """Return the parts of a span that no span taken before covers."""
    inside = sorted((s.start, s.end) for s in taken if s.start < span.end and s.end > span.start)
    edges = [(span.start, span.start), *inside, (span.end, span.end)]
    return [(left[1], right[0]) for left, right in pairwise(edges) if left[1] < right[0]]


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
