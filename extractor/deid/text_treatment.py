"""What takes the place of a span: typed words, or consistent surrogates and shifted dates.

Owns the two treatments of the free-text hierarchy, ``redacted`` and ``surrogate``, and their counts. It must not know how
spans are found nor how a project's keys and offsets come about.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from extractor.deid.finders import Finders
from extractor.deid.free_text import Limits
from extractor.deid.known_values import KnownColumn
from extractor.deid.organisations import find_organisations
from extractor.deid.spans import Span, SpanTable, SpanType, splice
from extractor.deid.text_ages import WIDTHS, age_at
from extractor.deid.text_buffer import make_buffer, normalised
from extractor.deid.text_clock import Deadline
from extractor.deid.text_dates import shifted
from extractor.errors import RecogniserFailed

_BEFORE, _AFTER = 10, 4
_LONGEST_STAFF_NAME, _SECONDS = 4, 10.0
_BORN_BEFORE = re.compile(r"(?:出生|生于|生日|诞生|DOB|dob|birth)[^,,。;;、]{0,7}$")
_BORN_AFTER = re.compile(r"[ ]?(?:日)?(?:出生|生人|生[,,。;;、 ]|诞生|生日)")
LEVELS = ("redacted", "surrogate")
PLACEHOLDERS: dict[SpanType, str] = {
    SpanType.PERSON: "〔姓名〕",
    SpanType.RESIDENT_ID: "〔证件号〕",
    SpanType.PHONE: "〔电话〕",
    SpanType.LANDLINE: "〔电话〕",
    SpanType.ADDRESS: "〔地址〕",
    SpanType.ORGANIZATION: "〔机构〕",
    SpanType.DATE: "〔日期〕",
    SpanType.AGE: "〔年龄〕",
    SpanType.PASSPORT: "〔证件号〕",
    SpanType.PERMIT: "〔证件号〕",
    SpanType.MILITARY_ID: "〔证件号〕",
    SpanType.USCC: "〔机构代码〕",
    SpanType.BANK_CARD: "〔银行卡号〕",
    SpanType.PLATE: "〔车牌号〕",
    SpanType.MEDICAL_RECORD: "〔院内编号〕",
    SpanType.INSURANCE_ID: "〔医保社保号〕",
    SpanType.LICENCE: "〔执业证号〕",
    SpanType.EMAIL: "〔邮箱〕",
    SpanType.URL: "〔网址〕",
    SpanType.IP: "〔网络地址〕",
    SpanType.MAC: "〔网络地址〕",
    SpanType.WECHAT: "〔账号〕",
    SpanType.QQ: "〔账号〕",
    SpanType.ACCOUNT: "〔账号〕",
    SpanType.OTHER_ID: "〔编号〕",
}


@dataclass(frozen=True)
class Treatment:
    """How a column of texts is treated.

    Args:
        level: ``redacted`` or ``surrogate``.
        person_pseudonym: the pseudonym of each row's patient, for ``surrogate``; without it the patient is redacted.
        day_offset: whole days by which each row's dates move, for ``surrogate``; without it dates are redacted.
        key: secret under which other people's names become consistent; without it they are redacted.
        age_level: the level of the kind ``age`` at which ages stand in the text; ``none`` leaves a typed word.
        kept: what stays as it is written: ``hospital``, ``staff`` (of the staff columns of the same row).
    """

    level: str
    person_pseudonym: pl.Series | None = field(default=None, repr=False)
    day_offset: pl.Series | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    age_level: str = "age"
    kept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.age_level not in WIDTHS:
            raise ValueError(f"age_level must be one of {tuple(WIDTHS)}")
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {LEVELS}")


@dataclass(frozen=True)
class TreatedText:
    """Treated texts, row for row, and how many spans of each type were found."""

    texts: pl.Series = field(repr=False)
    counts: Mapping[SpanType, int]


def treat_column(
    texts: pl.Series,
    *,
    known: Sequence[KnownColumn] = (),
    treatment: Treatment,
    limits: Limits | None = None,
    finders: Finders | None = None,
) -> TreatedText:
    """Annotate a column and replace what was found. Nulls stay null, empty texts empty.

    ``redacted`` writes a typed word in place of each span. Ages are written at the treatment's level of age: as they are below
    90, older ones as ``90岁以上`` (GB/T 37964 top coding), or as bands in the form in which they were written, or not at all.
    ``surrogate`` writes the patient's and other people's consistent pseudonyms and shifts dates in the form in which they
    were written; a date that cannot be shifted exactly is redacted.

    Raises:
        RecogniserFailed: a recogniser failed, or the treatment did.
        ConfigurationError: a column is not as long as the texts.
    """
    table = (finders or Finders()).annotate(texts, known=known, limits=limits)
    try:
        return TreatedText(splice(texts, table, replacements_of(texts, table, treatment)), table.counts())
    except Exception as problem:
        raise _failed(type(problem).__name__) from None


def _failed(problem: str) -> RecogniserFailed:
    """Make the error. The exception's own text is not repeated: it may hold a piece of the document."""
    return RecogniserFailed(
        f"the treatment of the text stopped with {problem}; nothing is delivered",
        zh=f"文本处理因 {problem} 中止,不交付任何结果",
        thing="text_treatment",
        fix_en="report it with the name of the problem",
        fix_zh="请附问题名称报告",
    )


def replacements_of(texts: pl.Series, table: SpanTable, treatment: Treatment) -> list[str]:
    """Return the replacement of each span of a table, in its order.

    Raises:
        TypeError: something that is no text was to take the place of a span.
    """
    values = texts.to_list()
    replacements = [_replacement(doc, span, values[doc], treatment) for doc, span in table.rows()]
    if not all(type(replacement) is str for replacement in replacements):
        raise TypeError("a replacement is no text")
    return replacements


def _replacement(doc: int, span: Span, text: str, treatment: Treatment) -> str:
    written = text[span.start : span.end]
    if _stays(span, written, treatment.kept):
        return written
    if span.type is SpanType.AGE:
        return age_at(written, treatment.age_level) or PLACEHOLDERS[span.type]
    # A birth date moved by half a year still tells the age to the year, whatever the plan gives as age.
    if treatment.level == "surrogate" and not _is_birth(span, text):
        surrogate = _surrogate(doc, span, written, treatment)
        if surrogate:
            return surrogate
    return PLACEHOLDERS[span.type]


def _stays(span: Span, written: str, kept: frozenset[str]) -> bool:
    """Say whether a span is wholly of a sort that is kept.

    A span may have been joined of several, so what is written is looked at once more: it must be a hospital's name by itself.
    """
    if span.recogniser == "known_staff":
        return "staff" in kept and len(written) <= _LONGEST_STAFF_NAME
    if span.type is not SpanType.ORGANIZATION or span.recogniser != "hospital" or "hospital" not in kept:
        return False
    alone = find_organisations(make_buffer([written]), Deadline.within(_SECONDS))
    return any((one.start, one.end, one.recogniser) == (0, len(written), "hospital") for one in alone)


def _is_birth(span: Span, text: str) -> bool:
    if span.type is not SpanType.DATE:
        return False
    before, after = text[max(0, span.start - _BEFORE) : span.start], text[span.end : span.end + _AFTER]
    return span.recogniser.startswith("known_") or bool(_BORN_BEFORE.search(before) or _BORN_AFTER.match(after))


def _surrogate(doc: int, span: Span, written: str, treatment: Treatment) -> str | None:
    if span.type is SpanType.DATE and treatment.day_offset is not None:
        offset = treatment.day_offset[doc]
        return None if offset is None else shifted(written, int(offset))
    if span.type is not SpanType.PERSON:
        return None
    if span.recogniser == "known_patient":
        pseudonym = None if treatment.person_pseudonym is None else treatment.person_pseudonym[doc]
        return None if pseudonym is None else f"〔患者 {pseudonym}〕"
    return None if treatment.key is None else f"〔人员 {_person_code(treatment.key, written)}〕"


def _person_code(key: bytes, name: str) -> str:
    """Return eight characters that stand for a name under a key (HMAC-SHA-256, 40 bits)."""
    message = b"extractor/free-text/person\x00" + normalised(name).replace(" ", "").encode()
    return base64.b32encode(hmac.new(key, message, hashlib.sha256).digest()[:5]).decode()
