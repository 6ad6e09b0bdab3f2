"""Free text, a column at a time: annotate, resolve.

Owns the closed list of recognisers, the chunks in which a column is read, and the rule that a recogniser that raises, hangs
or returns a wrong span stops everything. It must not know what takes the place of a span (``text_treatment``) nor where
the texts come from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from extractor.deid.addresses import find_addresses
from extractor.deid.known_values import KnownColumn, find_known
from extractor.deid.names import find_names
from extractor.deid.organisations import find_organisations
from extractor.deid.patterns import PATTERNS, find_patterns
from extractor.deid.span_checks import checked_spans
from extractor.deid.spans import Rank, Span, SpanTable, SpanType
from extractor.deid.text_ages import find_ages
from extractor.deid.text_buffer import Buffer, make_buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_dates import find_dates
from extractor.errors import ConfigurationError, RecogniserFailed

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Limits:
    """What a column may cost: characters searched at once, seconds for one recogniser on one chunk."""

    chunk_characters: int = 300_000
    seconds: float = 60.0


@dataclass(frozen=True)
class Recogniser:
    """A recogniser of whole buffers: its name, the types it finds, and the search."""

    name: str
    types: frozenset[SpanType]
    find: Callable[[Buffer, Deadline], list[Span]]


RECOGNISERS: tuple[Recogniser, ...] = (
    Recogniser("patterns", frozenset(pattern.type for pattern in PATTERNS), find_patterns),
    Recogniser("dates", frozenset({SpanType.DATE}), find_dates),
    Recogniser("ages", frozenset({SpanType.AGE}), find_ages),
    Recogniser("addresses", frozenset({SpanType.ADDRESS}), find_addresses),
    Recogniser("organisations", frozenset({SpanType.ORGANIZATION}), find_organisations),
    Recogniser("names", frozenset({SpanType.PERSON}), find_names),
)


def check_coverage(required_types: Iterable[SpanType | str], recognisers: Sequence[Recogniser] = RECOGNISERS) -> None:
    """Refuse to start where a required type has no recogniser.

    Raises:
        ConfigurationError: a type is unknown or nobody finds it.
    """
    found = {str(kind) for recogniser in recognisers for kind in recogniser.types}
    missing = sorted({str(kind) for kind in required_types} - found)
    if missing:
        raise ConfigurationError(
            "no recogniser for: " + ", ".join(missing),
            zh="没有识别器可识别:" + "、".join(missing),
            thing="free_text",
            fix_en="remove the type from what is required, or add a recogniser for it",
            fix_zh="请从必需类型中删除,或增加相应识别器",
        )


def annotate_column(
    texts: pl.Series,
    *,
    known: Sequence[KnownColumn] = (),
    limits: Limits | None = None,
    extra: Sequence[EntityRecognizer] = (),
    recognisers: Sequence[Recogniser] = RECOGNISERS,
) -> SpanTable:
    """Find everything personal in a column of texts.

    Args:
        texts: strings; null counts as empty.
        known: columns of the same rows whose values are looked for first and always win.
        limits: chunk size and deadline.
        extra: Presidio recognisers of others, run on each document.
        recognisers: what is run over the column.

    Returns:
        Resolved spans: sorted by row and start, without overlaps, offsets in code points of the original text.

    Raises:
        RecogniserFailed: a recogniser raised, passed its deadline or returned a span out of range.
        ConfigurationError: a known column is not as long as the texts.
    """
    limits = limits or Limits()
    _check_lengths(texts, known)
    tables: list[SpanTable] = []
    for first, chunk in _chunks(texts, limits.chunk_characters):
        buffer = _guard("normalisation", partial(make_buffer, chunk))
        parts = [_known_part(buffer, known, first, limits)]
        parts += [_part(recogniser, buffer, limits) for recogniser in recognisers]
        parts += [_foreign_part(recogniser, chunk, limits) for recogniser in extra]
        tables.append(SpanTable.concat(parts).resolve().moved(first))
    return SpanTable.concat(tables)


def _check_lengths(texts: pl.Series, known: Sequence[KnownColumn]) -> None:
    for column in known:
        if len(column.values) != len(texts):
            raise ConfigurationError(
                f"known column of kind {column.kind} has {len(column.values)} rows, the texts have {len(texts)}",
                zh=f"已知列({column.kind})行数 {len(column.values)} 与文本行数 {len(texts)} 不一致",
                thing=column.kind,
                fix_en="pass known values of the same rows as the texts",
                fix_zh="请传入与文本同行的已知值",
            )


def _chunks(texts: pl.Series, characters: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the first row and the texts of chunks of about ``characters``; a longer document is a chunk of its own."""
    values = texts.cast(pl.String).fill_null("").to_list()
    first, size = 0, 0
    for row, value in enumerate(values):
        if row > first and size + len(value) > characters:
            yield first, values[first:row]
            first, size = row, 0
        size += len(value) + 1
    if values:
        yield first, values[first:]


def _known_part(buffer: Buffer, known: Sequence[KnownColumn], first: int, limits: Limits) -> SpanTable:
    if not known:
        return SpanTable.empty()

    return _guard(
        "known_values", lambda: _checked(lambda b, deadline: find_known(b, known, first, deadline), buffer, limits)
    )


def _part(recogniser: Recogniser, buffer: Buffer, limits: Limits) -> SpanTable:
    return _guard(recogniser.name, lambda: _checked(recogniser.find, buffer, limits))


def _checked(find: Callable[[Buffer, Deadline], list[Span]], buffer: Buffer, limits: Limits) -> SpanTable:
    """Search, and accept the answer only in time and if it is spans; an answer of another kind is no answer of "nothing"."""
    deadline = Deadline.within(limits.seconds)
    spans = checked_spans(find(buffer, deadline))
    deadline.left()
    return buffer.located(spans)


def _guard(name: str, search: Callable[[], _Result]) -> _Result:
    try:
        return search()
    except Exception as problem:
        raise _failed(name, type(problem).__name__) from None


def _failed(name: str, problem: str) -> RecogniserFailed:
    """Make the error. The exception's own text is not repeated: it may hold a piece of the document."""
    return RecogniserFailed(
        f"the recogniser stopped with {problem}; nothing is delivered",
        zh=f"识别器因 {problem} 中止,不交付任何结果",
        thing=name,
        fix_en="raise the limit if the texts are very long, or report the recogniser by name",
        fix_zh="如文本过长请提高时限,否则请按名称报告该识别器",
    )


def _foreign_part(recogniser: EntityRecognizer, chunk: list[str], limits: Limits) -> SpanTable:
    """Run somebody else's Presidio recogniser on each document and check what it returns."""
    search = partial(_ask, recogniser, chunk)
    return _guard(str(getattr(recogniser, "name", "extra")), lambda: _in_time(search, limits.seconds))


def _ask(recogniser: EntityRecognizer, chunk: list[str]) -> SpanTable:
    from extractor.deid.nlp import JiebaNlpEngine  # Presidio is imported only where somebody's recogniser is to run.

    engine = JiebaNlpEngine()
    docs: list[int] = []
    spans: list[Span] = []
    for doc, text in enumerate(chunk):
        for found in recogniser.analyze(text, recogniser.supported_entities, engine.process_text(text, "zh")) or []:
            docs.append(doc)
            spans.append(_foreign_span(found.entity_type, found.start, found.end, found.score, len(text)))
    return SpanTable.build(docs, checked_spans(spans))


def _in_time(search: Callable[[], SpanTable], seconds: float) -> SpanTable:
    """Run a search that knows no deadline in a thread of its own and give it up when its time is over."""
    results: list[SpanTable | Exception] = []

    def work() -> None:
        try:
            results.append(search())
        except Exception as problem:
            results.append(problem)
        except BaseException as problem:  # Python would print it, with whatever piece of a document its text holds
            results.append(RuntimeError(type(problem).__name__))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not results:
        raise TimeoutError("deadline passed")
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def _foreign_span(entity: str, start: int, end: int, score: float, length: int) -> Span:
    if not 0 <= start < end <= length or not 0 <= score <= 1:
        raise ValueError("span outside the text")
    kind = SpanType(entity) if entity in SpanType.__members__ else SpanType.OTHER_ID
    return Span(start, end, kind, score, Rank.PATTERN, "extra")
