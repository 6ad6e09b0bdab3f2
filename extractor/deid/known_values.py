"""What the same patient's other columns already tell: their values, looked for in the text.

Owns which kinds of columns tell what, and the search for each row's own values in the row's own text. These findings win over
every other. How a value of a kind may be written is with that kind: ``known_names``, ``known_numbers``, ``known_dates``,
``known_places``. It must not know how anything else is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_dates import day_of_resident_id, find_days, known_day
from extractor.deid.known_names import find_names_of_patients, find_names_of_staff, find_whole_names, known_names
from extractor.deid.known_numbers import find_numbers, find_signs, known_number, known_record, known_sign
from extractor.deid.known_places import find_addresses_known, known_address
from extractor.deid.known_text import Document, KnownText
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import SEPARATOR, Buffer, make_buffer
from extractor.deid.text_clock import Deadline

SUBJECTS = ("patient", "relative", "staff", "mentioned")
"""Whose a value is; ``mentioned`` is a name that another text of the patient tells, and only whole names count."""

_DEADLINE_EVERY, _LONG = 256, 10_000
_COMPANY = regex.compile(r"(?:集团|控股)?(?:股份)?(?:有限)?(?:责任)?公司$")


@dataclass(frozen=True)
class KnownColumn:
    """A column that tells what stands in the texts: values aligned with them, their kind, and whose they are.

    Args:
        values: strings, one a row of the texts, null where unknown.
        kind: a kind of ``extractor.levels``.
        subject: ``patient``, ``relative``, ``staff`` or ``mentioned``.
    """

    values: pl.Series = field(repr=False)
    kind: str
    subject: str = "patient"

    def __post_init__(self) -> None:
        if self.subject not in SUBJECTS:
            raise ValueError(f"subject must be one of {SUBJECTS}")
        if self.kind not in KNOWN_TYPES:
            raise ValueError(f"kind {self.kind!r} says nothing that a text could hold")


_Find = Callable[[Document, Any], Iterator[tuple[int, int]]]


@dataclass(frozen=True)
class _Reading:
    """How values of a kind are read, and how what was read is found; ``read`` returns nothing where a value tells nothing."""

    type: SpanType
    read: Callable[[str], object]
    find: _Find


def _whole(value: str) -> tuple[str, ...]:
    """Read a cell whose value is looked for as it stands, an employer also without what makes it a company."""
    whole = "".join(value.split())
    short = _COMPANY.sub("", whole)
    return tuple(dict.fromkeys(form for form in (value, whole, short) if len(form) >= 3 and not form.isdigit()))


def _find_whole(document: Document, forms: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for form in forms:
        yield from ((at, at + len(form)) for at in document.hits(form))


def _postcode(value: str) -> object:
    return known_number(value) if len(value) == 6 and value.isdigit() else ()


_NUMBER = (known_number, find_numbers)
_RECORD = (known_record, find_numbers)
_SIGN = (known_sign, find_signs)
_READINGS: dict[str, tuple[_Reading, ...]] = {
    "person_name": (_Reading(SpanType.PERSON, known_names, find_names_of_patients),),
    "resident_id": (
        _Reading(SpanType.RESIDENT_ID, *_NUMBER),
        _Reading(SpanType.DATE, day_of_resident_id, find_days),
    ),
    "passport": (_Reading(SpanType.PASSPORT, *_NUMBER),),
    "phone": (_Reading(SpanType.PHONE, *_NUMBER),),
    "landline": (_Reading(SpanType.LANDLINE, *_NUMBER),),
    "email": (_Reading(SpanType.EMAIL, *_SIGN),),
    "bank_card": (_Reading(SpanType.BANK_CARD, *_NUMBER),),
    "insurance_id": (_Reading(SpanType.INSURANCE_ID, *_NUMBER),),
    "licence": (_Reading(SpanType.LICENCE, *_NUMBER),),
    "plate": (_Reading(SpanType.PLATE, *_NUMBER),),
    "account": (_Reading(SpanType.ACCOUNT, *_SIGN),),
    "record_number": (_Reading(SpanType.MEDICAL_RECORD, *_RECORD),),
    "organization": (_Reading(SpanType.ORGANIZATION, _whole, _find_whole),),
    "uscc": (_Reading(SpanType.USCC, *_NUMBER),),
    "birth_date": (_Reading(SpanType.DATE, known_day, find_days),),
    "event_date": (_Reading(SpanType.DATE, known_day, find_days),),
    "address": (_Reading(SpanType.ADDRESS, known_address, find_addresses_known),),
    "postcode": (_Reading(SpanType.ADDRESS, _postcode, find_numbers),),
}
_NAMES_BY_SUBJECT: dict[str, _Find] = {"staff": find_names_of_staff, "mentioned": find_whole_names}
KNOWN_TYPES: dict[str, SpanType] = {kind: readings[0].type for kind, readings in _READINGS.items()}


@lru_cache(maxsize=4096)
def _read(kind: str, value: str) -> tuple[tuple[SpanType, _Find, object], ...]:
    """Read a value in the form of a view; the cache serves the rows of one patient, which stand together, and the staff of all."""
    text = value.strip()
    read = ((reading, reading.read(text)) for reading in _READINGS[kind])
    return tuple((reading.type, reading.find, known) for reading, known in read if known)


def _shown(values: pl.Series) -> list[str]:
    """Return the values as the view of a buffer shows them, empty for null."""
    texts = values.cast(pl.String).fill_null("").to_list()
    return make_buffer(texts).view.split(SEPARATOR) if texts else []


def find_known(buffer: Buffer, known: Sequence[KnownColumn], first: int, deadline: Deadline) -> list[Span]:
    """Find each row's known values in the row's own text.

    Args:
        buffer: the chunk.
        known: the columns, whole.
        first: the row of the columns that the buffer's first document belongs to.
        deadline: by when it must be done.

    Raises:
        TimeoutError: the deadline passed.
    """
    text = KnownText(buffer)
    spans: list[Span] = []
    try:
        for column in known:
            values = _shown(column.values.slice(first, len(text.bounds)))
            for number, (value, (low, high)) in enumerate(zip(values, text.bounds, strict=True)):
                if number % _DEADLINE_EVERY == 0 or high - low > _LONG:
                    deadline.left()
                if value and low < high:
                    spans.extend(_of_value(Document(text, buffer.view, number, low, high), value, column))
    finally:
        _read.cache_clear()
    return spans


def _of_value(document: Document, value: str, column: KnownColumn) -> Iterator[Span]:
    name = f"known_{column.subject}"
    score, rank = (0.8, Rank.CONTEXT) if column.subject == "mentioned" else (1.0, Rank.KNOWN)
    for kind, find, known in _read(column.kind, value):
        search = _NAMES_BY_SUBJECT.get(column.subject, find) if column.kind == "person_name" else find
        for start, end in search(document, known):
            yield Span(start, end, kind, score, rank, name)
