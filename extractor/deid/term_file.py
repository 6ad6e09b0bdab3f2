"""A file of terms: one a line, UTF-8, comments behind ``#``.

Owns the syntax and what a usable term is. It must not know what the terms are for. A fault names the line, never the term.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_BYTES = 8 * 1024 * 1024
LEAST, MOST = 2, 60
"""Characters that a term has at least and at most: one alone stands in too many words, a sentence is no term."""


@dataclass(frozen=True)
class TermFile:
    """The terms of a file, and its faults as (line, English, Chinese)."""

    terms: tuple[str, ...] = field(repr=False)
    faults: tuple[tuple[int, str, str], ...] = ()


def is_term(term: str) -> bool:
    """Say whether a text can be a term: long enough to mean something, short enough to be one, and printable."""
    return LEAST <= len(term) <= MOST and term.isprintable()


def parse_terms(content: bytes) -> TermFile:
    """Read a file of terms; a byte order mark, blank lines and lines that begin with ``#`` are passed over."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        return TermFile((), ((line, "not UTF-8; save it as UTF-8", "不是 UTF-8,请另存为 UTF-8"),))
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    written = [(number, line) for number, line in lines if line and not line.startswith("#")]
    faults = tuple(
        (number, f"a term has {LEAST} to {MOST} printable characters", f"词条须为 {LEAST} 至 {MOST} 个可见字符")
        for number, line in written
        if not is_term(line)
    )
    if not written:
        faults = ((1, "there is no term in it", "没有词条"),)
    return TermFile(tuple(dict.fromkeys(line for _, line in written)), faults)
