"""One buffer for the texts of a column: normalised for matching, with the way back to original offsets.

Owns how documents are joined (a separator that no pattern crosses), how look-alike characters are brought to one form
without moving positions, and how a position in the buffer becomes a document and an offset in its original code points. It
must not know what is searched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Span, SpanTable

SEPARATOR = "\x1e"
_DROPPED = (
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2065),
    0xFEFF,
    0xAD,
    0xFE0E,
    0xFE0F,
    0x20E3,
)
_CHINESE_DIGITS = str.maketrans("零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖", "00012345678912123456789")
_SPOKEN = "零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖"
# Seven digits in a row are a number read out; fewer are prose or a year.
_SPOKEN_RUN = regex.compile(f"[{_SPOKEN}](?:[ -]?[{_SPOKEN}]){{6,}}")


@cache
def _table() -> np.ndarray:
    table = np.arange(0x110000, dtype=np.uint32)
    table[0xFF01:0xFF5F] = np.arange(0x21, 0x7F)
    for code in (0x3000, 0xA0, 0x09, 0x0B, 0x0C, 0x85, *range(0x2000, 0x200B), 0x202F, 0x205F, ord(SEPARATOR)):
        table[code] = 0x20
    for character in "‐‑‒–—―−﹣➖":
        table[ord(character)] = ord("-")
    for character in "・•‧⋅∙●˙ᐧ﹒":
        table[ord(character)] = ord("·")
    for first in (0x660, 0x6F0, *range(0x1D7CE, 0x1D7FF, 10)):
        table[first : first + 10] = np.arange(0x30, 0x3A)
    table[ord("×")] = ord("x")
    table[ord("＊")] = table[ord("✱")] = ord("*")
    return table


@dataclass(frozen=True)
class Buffer:
    """The documents of a chunk as one string ``view``; ``starts`` and ``ends`` are theirs in it."""

    view: str = field(repr=False)
    codes: np.ndarray = field(repr=False)
    starts: np.ndarray
    ends: np.ndarray
    origin: np.ndarray | None = field(repr=False, default=None)
    origin_starts: np.ndarray | None = field(repr=False, default=None)

    def document_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the number of the document that each position of the view lies in."""
        return np.asarray(np.searchsorted(self.starts, positions, side="right") - 1)

    def before(self, position: int, length: int) -> str:
        """Return up to ``length`` characters before a position, of the same document."""
        return self.view[max(0, position - length) : position].rpartition(SEPARATOR)[2]

    def after(self, position: int, length: int) -> str:
        """Return up to ``length`` characters from a position on, of the same document."""
        return self.view[position : position + length].partition(SEPARATOR)[0]

    def excerpt(self, wanted: np.ndarray, *, reach: int, least: int) -> tuple[Buffer, np.ndarray]:
        """Return the parts of the view that have at least ``least`` wanted characters within ``reach``, as a buffer.

        What is left out becomes one separator. The second value gives the position in this view of each character of the
        excerpt, so that its spans can be moved back. Runs of wanted characters longer than ``least`` are never cut.
        """
        total = np.concatenate(([0], np.cumsum(wanted)))
        here = np.arange(len(wanted))
        high, low = np.minimum(here + reach + 1, len(wanted)), np.maximum(here - reach, 0)
        kept = (total[high] - total[low]) >= least
        edge = ~kept
        edge[1:] &= kept[:-1]
        codes = np.where(edge, np.uint32(ord(SEPARATOR)), self.codes)
        positions = np.flatnonzero(kept | edge)
        view = codes[positions].tobytes().decode("utf-32-le", "surrogatepass")
        return Buffer(view, codes[positions], np.zeros(1, dtype=np.int64), np.array([len(view)])), positions

    def located(self, spans: Sequence[Span]) -> SpanTable:
        """Turn spans over the view into a table of documents and original offsets.

        Raises:
            ValueError: a span is empty, leaves the view or crosses documents.
        """
        if not spans:
            return SpanTable.empty()
        start = np.array([span.start for span in spans], dtype=np.int64)
        end = np.array([span.end for span in spans], dtype=np.int64)
        if (start < 0).any() or (end <= start).any() or (end > len(self.view)).any():
            raise ValueError("span outside the text")
        doc = self.document_of(start)
        if (end > self.ends[doc]).any():
            raise ValueError("span crosses documents")
        table = SpanTable.build(doc, spans)
        if self.origin is None or self.origin_starts is None:
            start, end = start - self.starts[doc], end - self.starts[doc]
        else:
            start, end = (
                self.origin[start] - self.origin_starts[doc],
                self.origin[end - 1] + 1 - self.origin_starts[doc],
            )
        return SpanTable(doc, start, end, table.type, table.score, table.rank, table.recogniser, table.names)


def make_buffer(texts: Sequence[str]) -> Buffer:
    """Join and normalise the texts of a chunk.

    Full-width forms, spaces, dashes, middle dots, other digits and read-out Chinese digits are brought to one form in place;
    zero-width characters are dropped and the way back is kept.
    """
    joined = SEPARATOR.join(texts)
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.concatenate(([0], np.cumsum(lengths[:-1] + 1))) if len(lengths) else np.zeros(0, dtype=np.int64)
    ends = starts + lengths
    codes = _table()[raw]
    codes[ends[:-1]] = ord(SEPARATOR)
    kept = ~np.isin(raw, _DROPPED) if (raw > 0xAC).any() else np.ones(len(raw), dtype=bool)
    if kept.all():
        return Buffer(*_viewed(codes), starts, ends)
    origin = np.flatnonzero(kept)
    moved = np.concatenate(([0], np.cumsum(kept)))
    return Buffer(*_viewed(codes[kept]), moved[starts], moved[ends], origin, starts)


def normalised(text: str) -> str:
    """Return one text as the view of a buffer shows it, for values that are looked up in a view."""
    return make_buffer([text]).view


def _viewed(codes: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the view and its codes, with digits that are read out turned into figures."""
    view = codes.tobytes().decode("utf-32-le", "surrogatepass")
    if not _SPOKEN_RUN.search(view):
        return view, codes
    view = _SPOKEN_RUN.sub(lambda found: found[0].translate(_CHINESE_DIGITS), view)
    return view, np.frombuffer(view.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
