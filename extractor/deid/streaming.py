"""JSON Lines in, JSON Lines out: spans or treated texts of a stream.

Owns the line format of ``extractor deid`` and the batches in which a stream is read, so that each is treated as a column.
It must not know how spans are found. A bad line is named by its number, never by its content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

import polars as pl

from extractor.deid.free_text import Limits, annotate_column
from extractor.deid.known_values import KNOWN_TYPES, KnownColumn
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import FormError


@dataclass(frozen=True)
class _Line:
    id: Any = field(repr=False)
    text: str = field(repr=False)
    known: dict[str, str] = field(repr=False)


def spans_stream(reader: Iterable[str], writer: TextIO, limits: Limits | None = None) -> None:
    """Write the spans of each text, in the order of the lines: ``{"id", "spans": [{"start", "end", "type", "score"}]}``.

    Args:
        reader: lines ``{"id", "text", "known"?: {kind: value}}``; blank lines are passed over.
        writer: where the answers go, one line each.
        limits: chunk size and deadline.

    Raises:
        FormError: a line is not of that form; the message has its number only.
        RecogniserFailed: a recogniser failed; nothing of the batch is written.
    """
    limits = limits or Limits()
    for batch in _batches(reader, limits.chunk_characters):
        table = annotate_column(_texts(batch), known=_known(batch), limits=limits)
        for line, spans in zip(batch, table.by_document(len(batch)), strict=True):
            found = [{"start": s.start, "end": s.end, "type": s.type.value, "score": s.score} for s in spans]
            writer.write(json.dumps({"id": line.id, "spans": found}, ensure_ascii=False) + "\n")


def text_stream(
    reader: Iterable[str], writer: TextIO, treatment: Treatment | None = None, limits: Limits | None = None
) -> None:
    """Write each text treated, in the order of the lines: ``{"id", "text"}``.

    Raises:
        FormError: a line is not of the form of ``spans_stream``.
        RecogniserFailed: a recogniser failed; nothing of the batch is written.
    """
    limits = limits or Limits()
    for batch in _batches(reader, limits.chunk_characters):
        treated = treat_column(
            _texts(batch), known=_known(batch), treatment=treatment or Treatment("redacted"), limits=limits
        )
        for line, text in zip(batch, treated.texts.to_list(), strict=True):
            writer.write(json.dumps({"id": line.id, "text": text}, ensure_ascii=False) + "\n")


def _texts(batch: list[_Line]) -> pl.Series:
    return pl.Series("text", [line.text for line in batch], dtype=pl.String)


def _known(batch: list[_Line]) -> list[KnownColumn]:
    kinds = dict.fromkeys(kind for line in batch for kind in line.known)
    return [KnownColumn(pl.Series([line.known.get(kind) for line in batch], dtype=pl.String), kind) for kind in kinds]


def _batches(reader: Iterable[str], characters: int) -> Iterator[list[_Line]]:
    batch: list[_Line] = []
    size = 0
    for number, raw in enumerate(reader, start=1):
        if not raw.strip():
            continue
        batch.append(_parsed(raw, number))
        size += len(raw)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parsed(raw: str, number: int) -> _Line:
    try:
        content = json.loads(raw)
    except ValueError:
        raise _bad_line(number, "is not JSON", "不是 JSON") from None
    if not isinstance(content, dict) or "id" not in content or not isinstance(content.get("text"), str):
        raise _bad_line(number, "lacks id or text", "缺少 id 或 text")
    known = content.get("known") or {}
    if not isinstance(known, dict) or not all(k in KNOWN_TYPES and isinstance(v, str) for k, v in known.items()):
        raise _bad_line(number, "has a known value of no known kind", "known 中的类型或取值不合要求")
    return _Line(content["id"], content["text"], known)


def _bad_line(number: int, en: str, zh: str) -> FormError:
    return FormError(
        f"the line {en}",
        zh=f"该行{zh}",
        thing=f"line {number}",
        fix_en='write one object a line: {"id", "text", "known"?: {kind: value}}; kinds: ' + ", ".join(KNOWN_TYPES),
        fix_zh='每行一个对象:{"id", "text", "known"?: {类型: 值}};类型:' + "、".join(KNOWN_TYPES),
    )
