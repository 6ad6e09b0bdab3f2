"""The search for patterns: where in a text it is worth while, and what a match weighs.

Owns how form, check, context and what a match is glued to give score and rank. The patterns are a table of their own
(``pattern_table``). It must not know how documents are joined or what becomes of a span. Every search has a deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid import identifiers as ids
from extractor.deid.pattern_forms import CHINESE_DIGITS, Need, Pattern, without_gaps
from extractor.deid.pattern_table import PATTERNS
from extractor.deid.sieve import Sieve
from extractor.deid.spans import Rank, Span
from extractor.deid.text_buffer import LETTERS_AND_DIGITS, Buffer, Excerpt
from extractor.deid.text_clock import Deadline
from extractor.deid.text_marks import DIGITS, after, kinds_of

__all__ = ["PATTERNS", "Need", "Pattern", "find_patterns"]

_BEFORE, _AFTER = 18, 8
# Every pattern that is not brief has four letters or digits and all it needs besides within this reach of each of them.
_REACH, _LEAST = 48, 4
# A brief pattern has its value this near after the last character of its label, and all of it within this reach of that.
_LINK, _BRIEF_REACH = 12, 40
_LABEL_ENDS = "号码床卡Dd"
_VALUES = "".join(sorted(LETTERS_AND_DIGITS)) + CHINESE_DIGITS + "加"
_CHECK_DIGITS = (
    ids.is_resident_id,
    ids.is_uscc,
    ids.is_organisation_code,
    ids.is_hkid,
    ids.is_taiwan_id,
    ids.is_vin,
)
# Codes of goods and of literature before, and measures after a number, speak against it.
_AGAINST_BEFORE = regex.compile(
    r"(?:准字|批准文号|批号|注册证|货号|追溯码|ISBN|ISSN|DOI|doi|PMID|NCT|ICD)[^0-9\n]{0,4}$"
)
_AGAINST_AFTER = regex.compile(
    r" ?(?:/ ?[LlmuUμ升次分]|[%‰]|[x*]10|cop|IU|拷贝|元|个/|个单位|单位|万|U/|mg|ml|mL|mm|cm|kg)"
)


@cache
def _compiled(expression: str) -> regex.Pattern[str]:
    return regex.compile(expression)


def find_patterns(buffer: Buffer, deadline: Deadline, patterns: tuple[Pattern, ...] = PATTERNS) -> list[Span]:
    """Run each pattern once over the parts of the buffer in which it can occur.

    Raises:
        TimeoutError: the deadline passed, also in the middle of one search.
    """
    near = buffer.near(LETTERS_AND_DIGITS, reach=_REACH, least=_LEAST)
    near = _sieve(patterns).narrowed(near)
    labelled = Excerpt(*buffer.excerpt(_beside_labels(buffer.codes), reach=_BRIEF_REACH, least=1))
    found: list[Span] = []
    for pattern in patterns:
        part = labelled if pattern.brief else near
        if not pattern.literal or pattern.literal in part.buffer.view:
            found.extend(part.moved(_matches(pattern, part.buffer, deadline)))
    return found


@lru_cache(maxsize=8)
def _sieve(patterns: tuple[Pattern, ...]) -> Sieve:
    """Return the coarse search that comes before the exact one: in clinical text nearly nothing passes it."""
    return Sieve([pattern.expression for pattern in patterns if not pattern.brief])


def _beside_labels(codes: np.ndarray) -> np.ndarray:
    """Return which characters end a label that is closely followed by a value, or are a 床 that follows a digit."""
    value, label, bed, digit = kinds_of(codes, _VALUES, _LABEL_ENDS, "床", DIGITS)
    values, ends = np.flatnonzero(value), np.flatnonzero(label)
    following = np.append(values, len(codes) + _LINK)[np.searchsorted(values, ends, side="right")]
    beside = bed & after(digit)
    beside[ends[following - ends <= _LINK]] = True
    return np.asarray(beside)


def _matches(pattern: Pattern, buffer: Buffer, deadline: Deadline) -> Iterator[Span]:
    compiled = _compiled(pattern.expression)
    group = "v" if pattern.named else 0
    for found in compiled.finditer(buffer.view, overlapped=pattern.glued, timeout=deadline.left()):
        start, end = found.span(group)
        span = _judge(pattern, buffer, start, end)
        if span is not None:
            yield span


def _judge(pattern: Pattern, buffer: Buffer, start: int, end: int) -> Span | None:
    """Weigh one match by form, check, context and what it is glued to; return its span, or none if it does not count."""
    view = buffer.view
    text = view[start:end]
    checked = pattern.validator is not None and (pattern.validator(text) or pattern.validator(without_gaps(text)))
    certain = checked and pattern.validator in _CHECK_DIGITS
    before, after = buffer.before(start, _BEFORE), buffer.after(end, _AFTER)
    cued = any(cue in before or cue in after for cue in pattern.cues)
    glued = pattern.glued and (view[start - 1 : start].isdigit() or view[end : end + 1].isdigit())
    met = {Need.FORM: not glued or checked, Need.CUE: cued, Need.CHECK: checked, Need.CUE_OR_CHECK: cued or checked}
    if not (met[pattern.need] or (cued and glued)):
        return None
    against = not pattern.named and bool(_AGAINST_BEFORE.search(before) or _AGAINST_AFTER.match(after))
    if against and not (cued or certain):
        return None
    score = pattern.score + (0.2 if checked else 0.0) + (0.1 if cued else 0.0) - (0.2 if against else 0.0)
    rank = Rank.CHECKSUM if certain else Rank.CONTEXT if pattern.need is Need.CUE else Rank.PATTERN
    return Span(start, end, pattern.type, min(score, 1.0), rank, pattern.name)
