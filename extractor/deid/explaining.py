"""Why a span was found, in words: the recogniser, what speaks for it, and never the value.

Owns the words. They are made from what the span says of itself (rank, recogniser) and, for a pattern, from its own check and cues,
asked once more. A cue that is named comes from the pattern's closed list; nothing of the text is repeated.
"""

from __future__ import annotations

from functools import cache

from extractor.deid.patterns import PATTERNS, Pattern
from extractor.deid.span_words import ZH, english
from extractor.deid.spans import Rank, Span
from extractor.deid.text_buffer import normalised

_BEFORE = 18

_RANKS: dict[Rank, tuple[str, str]] = {
    Rank.STATISTICS: ("仅据用字与词语的统计", "on the statistics of characters and words only"),
    Rank.CONTEXT: ("据前后文的提示", "by what stands around it"),
    Rank.PATTERN: ("据书写形式", "by the form in which it is written"),
    Rank.CHECKSUM: ("形式相符且校验位正确", "by its form, and the check digit is right"),
    Rank.KNOWN: ("与同一行其他列的已知值相符", "it equals a value that another column of the row tells"),
}
_NAMED: dict[str, tuple[str, str]] = {
    "known_patient": ("患者本人的已知值或其变形", "a known value of the patient, or a form of it"),
    "known_relative": ("亲属的已知值或其变形", "a known value of a relative, or a form of it"),
    "known_staff": ("工作人员的已知值或其变形", "a known value of staff, or a form of it"),
    "site_dictionary": ("本院词典中的词条", "a term of the site's dictionary"),
    "extra": ("外接的 Presidio 识别器", "a Presidio recogniser of others"),
    "name_again": (
        "同一文书中已有把握认定的姓名再次出现",
        "a name that is sure elsewhere in the document occurs again",
    ),
    "name_form": (
        "姓名的固定写法(隐去、称呼、拼音、间隔号)",
        "a fixed form of a name: masked, familiar, spelt, dotted",
    ),
    "house_number": ("门牌号及其前的地名", "a house number and the name before it"),
    "announced_address": ("“住址”等提示之后", "after a word that announces an address"),
    "header_address": ("文书首部的地址位置", "where the head of a document has the address"),
    "division": ("行政区划名称", "the name of an administrative division"),
}


@cache
def _patterns() -> dict[str, Pattern]:
    return {pattern.name: pattern for pattern in PATTERNS}


def because(span: Span, text: str) -> dict[str, str]:
    """Return why a span of a text was found, as ``{"zh", "en"}``, without any of its characters."""
    pattern = _patterns().get(span.recogniser)
    parts = [_NAMED.get(span.recogniser)]
    if span.rank is not Rank.KNOWN or parts == [None]:
        parts.insert(0, _RANKS[span.rank])
    if pattern is not None and pattern.type is span.type and span.rank is not Rank.KNOWN:
        parts += [_checked(pattern, span, text), _cued(pattern, span, text)]
    said = [part for part in parts if part is not None]
    return {
        "zh": f"{ZH[span.type]}:" + ";".join(zh for zh, _ in said),
        "en": f"{english(span.type)}: " + "; ".join(en for _, en in said),
    }


def _checked(pattern: Pattern, span: Span, text: str) -> tuple[str, str] | None:
    """Say how the pattern's own check came out; nothing where it has none or where the rank says so already."""
    if pattern.validator is None or span.rank is Rank.CHECKSUM:
        return None
    value = normalised(text[span.start : span.end])
    bare = "".join(character for character in value if character.isalnum())
    if pattern.validator(value) or pattern.validator(bare):
        return "号码规则相符", "the rule of the number is met"
    return "校验不符,仍按形式或提示词认定", "its check fails, form or context names it all the same"


def _cued(pattern: Pattern, span: Span, text: str) -> tuple[str, str] | None:
    before = normalised(text[max(0, span.start - _BEFORE) : span.start])
    cue = next((cue for cue in pattern.cues if cue in before), None)
    if cue is not None:
        return f"其前有“{cue}”", f"{cue!r} stands before it"
    if "(?P<v>" in pattern.expression:
        return "其前有该类号码的名称", "the name of such a number stands before it"
    return None
