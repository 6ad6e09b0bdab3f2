"""The people of the multipriv set as columns, and the forms in which their values may stand in a text; read in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from extractor.deid.known_values import KnownColumn, find_known
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_clock import Deadline

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "text"
COLUMNS = (
    ("name", "person_name", "patient"),
    ("relatives", "person_name", "relative"),
    ("doctor", "person_name", "staff"),
    ("number", "resident_id", "patient"),
    ("phone", "phone", "patient"),
    ("mail", "email", "patient"),
    ("address", "address", "patient"),
)
_KEYS = {"ID_CARD": "number", "PHONE": "phone", "EMAIL": "mail", "ADDRESS": "address"}


@dataclass(frozen=True)
class Document:
    """A text, its gold spans, and what the columns of its patient tell."""

    text: str
    spans: list[dict]
    columns: dict[str, str]


def documents(name: str) -> list[Document]:
    """Read a set; skip the test where the set is missing."""
    path = SHARED / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Document(row["text"], row["spans"], _columns(row["spans"])) for row in rows]


def _columns(spans: list[dict]) -> dict[str, str]:
    columns: dict[str, str] = {}
    names = list(dict.fromkeys(s["text"] for s in spans if s["label"] == "PERSON" and s["orig"] == "name"))
    doctors = list(dict.fromkeys(s["text"] for s in spans if s["label"] == "PERSON" and s["orig"] == "doctor"))
    if names:
        columns["name"] = names[0]
    if names[1:]:
        columns["relatives"] = "、".join(names[1:])
    if doctors:
        columns["doctor"] = "、".join(doctors)
    for span in spans:
        if span["label"] in _KEYS:
            columns.setdefault(_KEYS[span["label"]], span["text"])
    return columns


def known_columns(people: list[dict[str, str]]) -> list[KnownColumn]:
    """Return the columns of these people, one row each."""
    return [
        KnownColumn(pl.Series([person.get(key) for person in people], dtype=pl.String), kind, subject)
        for key, kind, subject in COLUMNS
    ]


def covers(texts: list[str], people: list[dict[str, str]]) -> list[bytearray]:
    """Return for each text which of its characters the known values alone cover."""
    buffer = make_buffer(texts)
    table = buffer.located(find_known(buffer, known_columns(people), 0, Deadline.within(60.0)))
    result = [bytearray(len(text)) for text in texts]
    for doc, span in table.rows():
        result[doc][span.start : span.end] = b"\x01" * (span.end - span.start)
    return result


def missed(cases: Iterator[tuple[dict[str, str], str, str]]) -> list[tuple[str, str]]:
    """Return the cases (columns, carrier with ``{}``, form) whose form is not wholly covered, as form and carrier."""
    rows = list(cases)
    texts = [carrier.format(form) for _, carrier, form in rows]
    found = covers(texts, [person for person, _, _ in rows])
    left = []
    for (_, carrier, form), cover in zip(rows, found, strict=True):
        start = carrier.index("{}")
        if not all(cover[start : start + len(form)]):
            left.append((form, carrier))
    return left
