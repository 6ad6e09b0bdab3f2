"""What the same patient's other columns already tell: their values, looked for in the text.

Owns the forms in which a known value may be written (whole, given name alone, masked, grouped, tail, pieces of an
address) and the search for the row's own values in the row's own text. These findings win over every other. It must not
know how anything else is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import polars as pl
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import surnames

SUBJECTS = ("patient", "relative", "staff")
# 小于 compares; it is nobody's name.
_WORDS_AFTER_SMALL = frozenset("于")
_ASCII = regex.compile(r"[0-9A-Za-z]")
_PIECES = regex.compile(
    r"[㐀-鿿]{1,10}?(?:省|自治区|自治州|市|地区|区|县|旗|镇|乡|街道|社区|村|路|大道|街|巷|弄|胡同|小区|花园|家园|公寓|大厦|苑|园|庄|学校|公司|厂)|[0-9A-Za-z]+[^0-9A-Za-z]*"
)


@dataclass(frozen=True)
class KnownColumn:
    """A column that tells what stands in the texts: values aligned with them, their kind, and whose they are.

    Args:
        values: strings, one a row of the texts, null where unknown.
        kind: a kind of ``extractor.levels``.
        subject: ``patient``, ``relative`` or ``staff``.
    """

    values: pl.Series = field(repr=False)
    kind: str
    subject: str = "patient"

    def __post_init__(self) -> None:
        if self.subject not in SUBJECTS:
            raise ValueError(f"subject must be one of {SUBJECTS}")
        if self.kind not in KNOWN_TYPES:
            raise ValueError(f"kind {self.kind!r} says nothing that a text could hold")


def _name_forms(value: str) -> Iterator[str]:
    name = value.replace(" ", "") if not value.isascii() else value
    if len(name) < 2:
        return
    yield name
    if name != value:
        yield value
    if not "㐀" <= name[0] <= "鿿":
        yield name.upper()
        return
    length = 2 if name[:2] in surnames().compound and len(name) > 2 else 1
    surname, given = name[:length], name[length:]
    yield f"{surname} {given}"
    if len(given) >= 2:
        yield given
        yield f"{surname}*{given[-1]}"
        yield f"{surname}某{given[-1]}"
    if "·" in name:
        yield from (part for part in name.split("·") if len(part) >= 2)
        yield name.replace("·", "")
    yield from (surname + mask for mask in ("某某", "某", "**", "*", "xx", "先生", "女士", "小姐", "某某某"))
    if surname not in _WORDS_AFTER_SMALL:
        yield f"小{surname}"
    yield f"老{surname}"
    yield from (
        surname + title
        for title in ("大爷", "爷爷", "大妈", "奶奶", "阿姨", "大叔", "叔叔", "婶", "老先生", "老太", "老")
    )
    if len(name) == 2:
        yield " ".join(name)
        yield "  ".join(name)


def _grouped(value: str, *sizes: int) -> Iterator[str]:
    at, groups = 0, []
    for size in sizes:
        groups.append(value[at : at + size])
        at += size
    if at == len(value):
        yield from (gap.join(groups) for gap in (" ", "-", "."))


def _number_forms(value: str) -> Iterator[str]:
    bare = regex.sub(r"[ \-.()]", "", value)
    if len(bare) < 4:
        return
    yield value
    yield bare
    yield bare.lower()
    yield bare.upper()
    if len(bare) == 11:
        yield from _grouped(bare, 3, 4, 4)
        yield f"{bare[:3]}****{bare[7:]}"
    if len(bare) == 18:
        yield from _grouped(bare, 6, 8, 4)
        yield from _grouped(bare, 6, 4, 4, 4)
        yield f"{bare[:6]}********{bare[14:]}"
    if len(bare) >= 8:
        tail = bare[-4:]
        yield from (cue + tail for cue in ("尾号", "尾号为", "尾号是", "尾号:", "后四位", "后四位为", "后四位:"))


def _address_forms(value: str) -> Iterator[str]:
    bare = value.replace(" ", "")
    if len(bare) < 3:
        return
    yield value
    yield bare
    pieces = [found.span() for found in _PIECES.finditer(bare)]
    for start, end in pieces:
        piece = bare[start:end]
        if start and len(bare) - start >= 4:
            yield bare[start:]
        if len(piece) >= 3 and not piece.isascii() and not piece.endswith(("省", "市", "自治区")):
            yield piece


def _date_forms(value: str) -> Iterator[str]:
    found = regex.match(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})", value)
    if not found:
        return
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return
    y, m, d = day.year, day.month, day.day
    yield f"{y}{m:02d}{d:02d}"
    for form in ("{}-{:02d}-{:02d}", "{}-{}-{}", "{}/{}/{}", "{}/{:02d}/{:02d}", "{}.{}.{}", "{}.{:02d}.{:02d}"):
        yield form.format(y, m, d)
    yield from (f"{year}年{m}月{d}{ending}" for year in (y, f"{y % 100:02d}") for ending in ("日", "号"))
    yield f"{y}年{m:02d}月{d:02d}日"
    # Forms without a year are found as dates anyway; as known values they would cut into other dates of the same day.
    yield from (f"{y}年{m}月", f"{y % 100:02d}.{m}.{d}")


def _exact(value: str) -> Iterator[str]:
    if len(value) >= 3:
        yield value


_Forms = Callable[[str], Iterator[str]]
_KINDS: dict[str, tuple[SpanType, _Forms]] = {
    "person_name": (SpanType.PERSON, _name_forms),
    "resident_id": (SpanType.RESIDENT_ID, _number_forms),
    "passport": (SpanType.PASSPORT, _number_forms),
    "phone": (SpanType.PHONE, _number_forms),
    "landline": (SpanType.LANDLINE, _number_forms),
    "email": (SpanType.EMAIL, _exact),
    "bank_card": (SpanType.BANK_CARD, _number_forms),
    "insurance_id": (SpanType.INSURANCE_ID, _number_forms),
    "licence": (SpanType.LICENCE, _number_forms),
    "plate": (SpanType.PLATE, _exact),
    "account": (SpanType.ACCOUNT, _exact),
    "record_number": (SpanType.MEDICAL_RECORD, _exact),
    "organization": (SpanType.ORGANIZATION, _exact),
    "uscc": (SpanType.USCC, _exact),
    "birth_date": (SpanType.DATE, _date_forms),
    "event_date": (SpanType.DATE, _date_forms),
    "address": (SpanType.ADDRESS, _address_forms),
    "postcode": (SpanType.ADDRESS, _exact),
}
KNOWN_TYPES: dict[str, SpanType] = {kind: pair[0] for kind, pair in _KINDS.items()}


@lru_cache(maxsize=4096)
def _forms_of(kind: str, value: str) -> tuple[str, ...]:
    """Return the forms of a value, longest first; the cache serves the rows of one patient, which stand together."""
    forms = {form for form in _KINDS[kind][1](normalised(value.strip())) if len(form) >= 2}
    return tuple(sorted(forms, key=len, reverse=True))


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
    spans: list[Span] = []
    bounds = list(zip(buffer.starts.tolist(), buffer.ends.tolist(), strict=True))
    try:
        for column in known:
            deadline.left()
            values = column.values.slice(first, len(bounds)).cast(pl.String).to_list()
            for value, (low, high) in zip(values, bounds, strict=True):
                if value and low < high:
                    spans.extend(_of_value(buffer.view, value, column, low, high))
    finally:
        _forms_of.cache_clear()
    return spans


def _of_value(view: str, value: str, column: KnownColumn, low: int, high: int) -> Iterator[Span]:
    kind, name = KNOWN_TYPES[column.kind], f"known_{column.subject}"
    for form in _forms_of(column.kind, value):
        at = view.find(form, low, high)
        while at >= 0:
            end = at + len(form)
            if not _inside_word(view, form, at, end):
                yield Span(at, end, kind, 1.0, Rank.KNOWN, name)
            at = view.find(form, end, high)


def _inside_word(view: str, form: str, at: int, end: int) -> bool:
    """Say whether a short form of letters and digits only lies within a longer one, so that it is another value."""
    if len(form) >= 6 or not form.isascii():
        return False
    return bool(_ASCII.match(view[at - 1 : at]) or _ASCII.match(view[end : end + 1]))
