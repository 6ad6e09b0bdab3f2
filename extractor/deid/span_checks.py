"""Whether what a recogniser answers is spans at all: the kinds of its values, before any arithmetic makes them fit.

Owns the check of one answer. An array of numpy takes the word "1", the truth value or half a position for a number, and an
empty answer of a wrong kind would pass for nothing found. It must not know where in a text the spans lie.
"""

from __future__ import annotations

from extractor.deid.spans import Rank, Span, SpanType


def checked_spans(answer: object) -> list[Span]:
    """Return the answer of a recogniser if it is a list of well-formed spans.

    Raises:
        TypeError: the answer is no list, or something in it is no span or holds a value of another kind.
        ValueError: a score is not in 0 to 1, which not-a-number is not either.
    """
    if not isinstance(answer, list):
        raise TypeError("the answer is no list of spans")
    for span in answer:
        if not (type(span) is Span and type(span.start) is int and type(span.end) is int):
            raise TypeError("the answer holds what is no span")
        if not (isinstance(span.type, SpanType) and isinstance(span.rank, Rank) and isinstance(span.recogniser, str)):
            raise TypeError("a span has no known type, rank or recogniser")
        if type(span.score) not in (float, int):
            raise TypeError("a score is no number")
        if not 0.0 <= span.score <= 1.0:
            raise ValueError("a score is not in 0 to 1")
    return answer
