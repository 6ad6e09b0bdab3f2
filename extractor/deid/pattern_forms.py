"""What a pattern is, and the pieces of expressions that the tables of patterns share.

Owns the value ``Pattern``, the guards before and after a number, and how a text with look-alike letters is read as a number.
It must not know which identifiers there are. No piece uses ``\\b``, which does not match beside 汉字.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import SpanType

NOT_BEFORE, NOT_AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
NO_NUMBER_BEFORE, NO_DIGIT_AFTER = r"(?<![0-9])(?<![0-9]\.)", r"(?![0-9])"
GAP = r"[ \-._·]{0,2}"
COUNTRY = rf"(?:\(?(?:\+|00)?86\)?{GAP})?"
CHINESE_DIGITS = "零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖"
CONFUSED = "OoIl"
# Between a label and its value: 号码为 : No. and brackets, but no other word.
LINK = r"[码为是:=#( ]{0,4}(?:[Nn][Oo][.:]{0,2} ?|№ ?)?"

_READ = str.maketrans("OoIl" + CHINESE_DIGITS, "0011" + "00012345678912123456789")
_GAPS = regex.compile(r"[ \-._·()/*]")


class Need(Enum):
    """What a match must have besides its form to count."""

    FORM = "form"
    CUE = "cue"
    CHECK = "check"
    CUE_OR_CHECK = "cue or check"


@dataclass(frozen=True)
class Pattern:
    """One form of an identifier.

    Args:
        name: the recogniser's name in the spans.
        type: what is found.
        expression: linear; group ``v``, if any, is the span.
        score: confidence of the form alone.
        validator: the check; it is given the match as written, and then without gaps.
        cues: words beside which the match counts for more.
        need: what must come to the form.
        literal: a piece that must occur in the text for the search to be worth while.
        brief: it may match fewer than four letters and digits, but has 号, 码, 床 or a Latin letter before its value.
        glued: it is looked for inside longer runs of digits too, where it needs a check or a cue.
        named: a label is part of the expression, so that no context lowers it.
    """

    name: str
    type: SpanType
    expression: str
    score: float = 0.7
    validator: Callable[[str], bool] | None = None
    cues: tuple[str, ...] = ()
    need: Need = Need.FORM
    literal: str = ""
    brief: bool = False
    glued: bool = False

    @property
    def named(self) -> bool:
        return "(?P<v>" in self.expression


def without_gaps(text: str) -> str:
    """Return a number without what stands between its groups."""
    return str(_GAPS.sub("", text))


def read_as_digits(text: str) -> str:
    """Return a number without gaps, with O, I, l and Chinese digits read as the digits that they stand for."""
    return without_gaps(text).translate(_READ)
