"""JSON Lines in, JSON Lines out: spans or treated texts of a stream.

Owns the line format of ``extractor deid`` and the batches in which a stream is read, so that each is treated as a column and
no more of the stream is in memory than the batches under way. It must not know how spans are found nor how processes are
kept. A bad line is named by its number, never by its content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

import polars as pl

from extractor.deid.explaining import because
from extractor.deid.finders import Finders
from extractor.deid.free_text import Limits
from extractor.deid.known_values import KNOWN_TYPES, KnownColumn
from extractor.deid.spans import Span
from extractor.deid.text_processes import in_order
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import FormError

# Where several processes share a stream, batches are smaller, so that all have work and the order costs little waiting.
_SHARED_BATCH = 250_000
_json_of = json.JSONEncoder(ensure_ascii=False).encode
_read_json = json.JSONDecoder().decode
FindersMaker = Callable[[], Finders]
"""A function of a module, or a ``partial`` of one, that gives what searches; each process calls it for itself."""


@dataclass(slots=True, repr=False)
class _Line:
    """One line that was read; ``id`` is JSON, to be written as it came. Not frozen: there are millions, and that costs."""

    id: str
    text: str
    known: dict[str, str]


@dataclass(frozen=True)
class _Batch:
    """Lines as they came, and the number of the first."""

    first: int
    lines: list[str] = field(repr=False)


def spans_stream(  # noqa: PLR0913  # a keyword for each option of the command
    reader: Iterable[str],
    writer: TextIO,
    limits: Limits | None = None,
    *,
    processes: int = 1,
    explain: bool = False,
    finders: FindersMaker = Finders,
) -> None:
    """Write the spans of each text, in the order of the lines: ``{"id", "spans": [{"start", "end", "type", "score"}]}``.

    Args:
        reader: lines ``{"id", "text", "known"?: {kind: value}}``; blank lines are passed over.
        writer: where the answers go, one line each.
        limits: chunk size and deadline.
        processes: how many processes share the work; the answers keep the order of the lines.
        explain: add to each span ``recogniser``, ``evidence`` (statistics, context, pattern, checksum, known) and, in words,
            ``because``.
        finders: gives what searches; ours where nothing is said.

    Raises:
        FormError: a line is not of that form; the message has its number only.
        RecogniserFailed: a recogniser failed; nothing of the batch is written.
    """
    limits = limits or Limits()
    work = partial(_spans, limits=limits, explain=explain, finders=finders)
    _stream(reader, writer, work, _size(limits, processes), processes)


def text_stream(  # noqa: PLR0913  # a keyword for each option of the command
    reader: Iterable[str],
    writer: TextIO,
    treatment: Treatment | None = None,
    limits: Limits | None = None,
    *,
    processes: int = 1,
    finders: FindersMaker = Finders,
) -> None:
    """Write each text treated, in the order of the lines: ``{"id", "text"}``.

    Raises:
        FormError: a line is not of the form of ``spans_stream``.
        RecogniserFailed: a recogniser failed; nothing of the batch is written.
    """
    limits = limits or Limits()
    work = partial(_treated, limits=limits, treatment=treatment or Treatment("redacted"), finders=finders)
    _stream(reader, writer, work, _size(limits, processes), processes)


def _stream(
    reader: Iterable[str], writer: TextIO, work: Callable[[_Batch], str], characters: int, processes: int
) -> None:
    for answer in in_order(work, _batches(reader, characters), processes=processes):
        writer.write(answer)


def _size(limits: Limits, processes: int) -> int:
    return limits.chunk_characters if processes == 1 else min(limits.chunk_characters, _SHARED_BATCH)


def _batches(reader: Iterable[str], characters: int) -> Iterator[_Batch]:
    lines: list[str] = []
    first, size = 1, 0
    for line in reader:
        lines.append(line)
        size += len(line)
        if size >= characters:
            yield _Batch(first, lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield _Batch(first, lines)


def _spans(batch: _Batch, *, limits: Limits, explain: bool, finders: FindersMaker) -> str:
    """Return the answers to a batch as text."""
    lines = _parsed_lines(batch)
    shown: list[list[str]] = [[] for _ in lines]
    for row, span in finders().annotate(_texts(lines), known=_known(lines), limits=limits).rows():
        shown[row].append(_shown(span, lines[row].text if explain else None))
    answers = (
        f'{{"id": {line.id}, "spans": [{", ".join(spans)}]}}\n' for line, spans in zip(lines, shown, strict=True)
    )
    return "".join(answers)


def _shown(span: Span, text: str | None) -> str:
    """Return one span as JSON; with its text, why it was found as well, in words without the text."""
    why = ""
    if text is not None:
        why = f', "recogniser": {_json_of(span.recogniser)}, "evidence": "{span.rank.name.lower()}"'
        why += f', "because": {_json_of(because(span, text))}'
    return f'{{"start": {span.start}, "end": {span.end}, "type": "{span.type.value}", "score": {span.score}{why}}}'


def _treated(batch: _Batch, *, limits: Limits, treatment: Treatment, finders: FindersMaker) -> str:
    """Return the texts of a batch, treated, as answers."""
    lines = _parsed_lines(batch)
    known = _known(lines)
    treated = treat_column(_texts(lines), known=known, treatment=treatment, limits=limits, finders=finders())
    answers = (
        f'{{"id": {line.id}, "text": {_json_of(text)}}}\n'
        for line, text in zip(lines, treated.texts.to_list(), strict=True)
    )
    return "".join(answers)


def _texts(lines: list[_Line]) -> pl.Series:
    return pl.Series("text", [line.text for line in lines], dtype=pl.String)


def _known(lines: list[_Line]) -> list[KnownColumn]:
    kinds = dict.fromkeys(kind for line in lines for kind in line.known)
    return [KnownColumn(pl.Series([line.known.get(kind) for line in lines], dtype=pl.String), kind) for kind in kinds]


def _parsed_lines(batch: _Batch) -> list[_Line]:
    return [_parsed(raw, number) for number, raw in enumerate(batch.lines, batch.first) if raw.strip()]


def _parsed(raw: str, number: int) -> _Line:
    try:
        content = _read_json(raw)
    except (ValueError, RecursionError):
        raise _bad_line(number, "is not JSON", "不是 JSON") from None
    if not isinstance(content, dict) or "id" not in content or not isinstance(content.get("text"), str):
        raise _bad_line(number, "lacks id or text", "缺少 id 或 text")
    known = content.get("known") or {}
    if not isinstance(known, dict) or not all(k in KNOWN_TYPES and isinstance(v, str) for k, v in known.items()):
        raise _bad_line(number, "has a known value of no known kind", "known 中的类型或取值不合要求")
    line = _Line(_json_of(content["id"]), content["text"], known)
    if not all(map(_is_text, (line.text, line.id, *known.values()))):
        raise _bad_line(number, "has half a surrogate pair, which is no character", "含有不成对的代理码位,不是有效字符")
    return line


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad_line(number: int, en: str, zh: str) -> FormError:
    return FormError(
        f"the line {en}",
        zh=f"该行{zh}",
        thing=f"line {number}",
        fix_en='write one object a line: {"id", "text", "known"?: {kind: value}}; kinds: ' + ", ".join(KNOWN_TYPES),
        fix_zh='每行一个对象:{"id", "text", "known"?: {类型: 值}};类型:' + "、".join(KNOWN_TYPES),
    )
