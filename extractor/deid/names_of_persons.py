"""A name that is sure in one note of a person is a name in that person's other notes.

Owns what a run remembers of the names in each person's texts, and the second look for them. It must not know where texts come
from nor what takes the place of a name. The memory lives as long as the run, is bounded, and is never written anywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import polars as pl

from extractor.deid.finders import Finders
from extractor.deid.free_text import Limits, annotate_column
from extractor.deid.known_values import KnownColumn
from extractor.deid.spans import Rank, Span, SpanTable, SpanType
from extractor.deid.text_buffer import normalised
from extractor.deid.text_facts import surnames

_FOUND_BY = frozenset({"name", "name_again"})
_SURE, _SURE_IF_SHORT = 0.6, 0.75
_LONGEST = 6


class NamesOfPersons:
    """The names that the texts of each person have told in this run: of the latest ``persons``, at most ``each``."""

    def __init__(self, *, persons: int = 100_000, each: int = 32) -> None:
        self._persons, self._each = persons, each
        self._names: OrderedDict[str, dict[str, None]] = OrderedDict()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"NamesOfPersons({len(self._names)} persons)"

    def learn(self, persons: Sequence[str | None], texts: Sequence[str | None], table: SpanTable) -> None:
        """Remember the names in a table of spans that are sure."""
        with self._lock:
            for doc, name in _sure_names(texts, table):
                person = persons[doc]
                if person is not None:
                    self._remember(person, name)

    def _remember(self, person: str, name: str) -> None:
        names = self._names.setdefault(person, {})
        self._names.move_to_end(person)
        if len(names) < self._each:
            names[name] = None
        if len(self._names) > self._persons:
            self._names.popitem(last=False)

    def told(self, persons: Sequence[str | None]) -> list[str | None]:
        """Return for each row the names that the texts of its person have told, in one string, or null."""
        with self._lock:
            return [None if p is None or p not in self._names else "、".join(self._names[p]) for p in persons]


def _sure_names(texts: Sequence[str | None], table: SpanTable) -> Iterator[tuple[int, str]]:
    names = table.of_types([SpanType.PERSON])
    for doc, span in names.take(names.rank >= Rank.CONTEXT).rows():
        if span.recogniser in _FOUND_BY and span.score >= _SURE:
            name = normalised((texts[doc] or "")[span.start : span.end])
            if _is_whole(name, span):
                yield doc, name


def _is_whole(name: str, span: Span) -> bool:
    """Say whether a name is plain enough to be looked for: a surname with its given name, a short one only if very sure."""
    surname = name[:2] if name[:2] in surnames().compound else name[:1]
    known = surname in surnames().single or surname in surnames().compound
    fits = known and len(surname) < len(name) <= _LONGEST and all("㐀" <= sign <= "鿿" for sign in name)
    return fits and (len(name) > 2 or span.score >= _SURE_IF_SHORT)


@dataclass(frozen=True)
class FoundAlready(Finders):
    """Finders that have searched: ``annotate`` returns what they found."""

    table: SpanTable = field(default_factory=SpanTable.empty, repr=False)

    def annotate(
        self, texts: pl.Series, *, known: Sequence[KnownColumn] = (), limits: Limits | None = None
    ) -> SpanTable:
        """Return the table, which is of these texts and known values."""
        del texts, known, limits
        return self.table


def annotate_persons(
    columns: Sequence[pl.Series],
    persons: pl.Series,
    *,
    memory: NamesOfPersons,
    search: Callable[[pl.Series], SpanTable],
    limits: Limits | None = None,
) -> list[SpanTable]:
    """Find everything personal in columns of the same rows, and names of one text also in the other texts of its person.

    Args:
        columns: texts; null counts as empty.
        persons: the canonical key of each row's person, null where there is none.
        memory: what the run remembers; what these texts tell is added to it before the second look.
        search: what searches a column first.
        limits: chunk size and deadline of the second look.

    Raises:
        RecogniserFailed: a recogniser failed.
        ConfigurationError: a column is not as long as the others.
    """
    keys = persons.cast(pl.String).to_list()
    tables = [search(texts) for texts in columns]
    for texts, table in zip(columns, tables, strict=True):
        memory.learn(keys, texts.cast(pl.String).to_list(), table)
    told = pl.Series(memory.told(keys), dtype=pl.String)
    rows = np.flatnonzero(told.is_not_null().to_numpy())
    if not len(rows):
        return tables
    return [_again(texts, table, told, rows, limits) for texts, table in zip(columns, tables, strict=True)]


def _again(texts: pl.Series, table: SpanTable, told: pl.Series, rows: np.ndarray, limits: Limits | None) -> SpanTable:
    """Look for the names that the persons of these rows have told, and join what is found to the table."""
    names = KnownColumn(told.gather(rows), "person_name", "mentioned")
    found = annotate_column(texts.gather(rows), known=[names], limits=limits, recognisers=())
    if not len(found):
        return table
    moved = SpanTable(
        rows[found.doc], found.start, found.end, found.type, found.score, found.rank, found.recogniser, found.names
    )
    return SpanTable.concat([table, moved]).resolve()
