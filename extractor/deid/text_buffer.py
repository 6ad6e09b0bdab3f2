"""One buffer for the texts of a column: normalised for matching, with the way back to original offsets.

Owns how documents are joined (a separator that no pattern crosses), how look-alike characters are brought to one form
without moving positions, and how a position in the buffer becomes a document and an offset in its original code points. It
must not know what is searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.spans import Span, SpanTable
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import simplified_forms

DIGITS = frozenset("0123456789")
LETTERS_AND_DIGITS = DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
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
_SPOKEN, _FIGURES = "零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖", "00012345678912123456789"
_CHINESE_DIGITS = str.maketrans(_SPOKEN, _FIGURES)
# Seven digits in a row are a number read out; fewer are prose or a year.
_SPOKEN_RUN = regex.compile(f"[{_SPOKEN}](?:[ ,、-]?[{_SPOKEN}]){{6,}}")
_MANY, _FILLED = 7, 13
_CODES = 0x110000
# Stands in the table for what is dropped; no character has it.
_NOTHING = 0xFFFFFFFF


@cache
def _table() -> np.ndarray:
    """Return the form to which each code point is brought."""
    table = np.arange(_CODES, dtype=np.uint32)
    table[0xFF01:0xFF5F] = np.arange(0x21, 0x7F)
    for code in (0x3000, 0xA0, 0x09, 0x0B, 0x0C, 0x85, *range(0x2000, 0x200B), 0x202F, 0x205F, ord(SEPARATOR)):
        table[code] = 0x20
    for character in "‐‑‒–—―−﹣➖":
        table[ord(character)] = ord("-")
    for character in "・•‧⋅∙●˙ᐧ﹒":
        table[ord(character)] = ord("·")
    for first in (0x660, 0x6F0, *range(0x1D7CE, 0x1D7FF, 10)):
        table[first : first + 10] = np.arange(0x30, 0x3A)
    for traditional, simplified in simplified_forms().items():
        table[ord(traditional)] = ord(simplified)
    table[list(_DROPPED)] = _NOTHING
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
    _excerpts: dict[tuple[frozenset[str], int, int], Excerpt] = field(repr=False, compare=False, default_factory=dict)

    def document_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the number of the document that each position of the view lies in."""
        return np.asarray(np.searchsorted(self.starts, positions, side="right") - 1)

    def before(self, position: int, length: int) -> str:
        """Return up to ``length`` characters before a position, of the same document."""
        return self.view[max(0, position - length) : position].rpartition(SEPARATOR)[2]

    def after(self, position: int, length: int) -> str:
        """Return up to ``length`` characters from a position on, of the same document."""
        return self.view[position : position + length].partition(SEPARATOR)[0]

    def near(self, characters: frozenset[str], *, reach: int, least: int = 1) -> Excerpt:
        """Return the parts of the view that have at least ``least`` of the characters within ``reach`` of each position.

        A form that needs such characters is searched for in there, several times faster: ``near(DIGITS, reach=40)`` is a
        small part of clinical prose. The same question is answered once: recognisers that ask with the same arguments
        share the excerpt. What is left out becomes one separator, so a form keeps all its context (look-behinds, cues,
        what may follow) where its farthest piece is no more than ``reach`` from one of the characters.
        """
        key = (characters, reach, least)
        if key not in self._excerpts:
            wanted = np.flatnonzero(_marks(characters)[self.codes])
            self._excerpts[key] = self._excerpt(wanted, reach, least)
        return self._excerpts[key]

    def excerpt(self, wanted: np.ndarray, *, reach: int, least: int) -> tuple[Buffer, np.ndarray]:
        """Return what ``near`` returns for the characters that ``wanted``, a mask of the view, marks."""
        found = self._excerpt(np.flatnonzero(wanted), reach, least)
        return found.buffer, found.positions

    def _excerpt(self, wanted: np.ndarray, reach: int, least: int) -> Excerpt:
        """Cut out what has at least ``least`` of the ``wanted`` positions, which are sorted, within ``reach``."""
        if least > 1:
            wanted, last = wanted[: 1 - least], wanted[least - 1 :]
        else:
            last = wanted
        low, high = np.maximum(last - reach, 0), np.minimum(wanted + reach + 1, len(self.view))
        close = low < high
        low, high = low[close], high[close]
        apart = low[1:] > high[:-1]
        return self.cut(np.concatenate((low[:1], low[1:][apart])), np.concatenate((high[:-1][apart], high[-1:])))

    def cut(self, low: np.ndarray, high: np.ndarray) -> Excerpt:
        """Return the stretches from each ``low`` to ``high``, which are in order and do not touch, as an excerpt."""
        if not len(low):
            return Excerpt(_plain("", self.codes[:0]), np.zeros(0, dtype=np.int64))
        sizes = high - low + 1
        shift = np.concatenate(([0], np.cumsum(sizes[:-1])))
        positions = np.arange(int(sizes.sum())) + np.repeat(low - shift, sizes)
        view = SEPARATOR.join([self.view[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)])
        codes = self.codes[np.minimum(positions, len(self.view) - 1)]
        codes[(shift + sizes - 1)[:-1]] = ord(SEPARATOR)
        return Excerpt(_plain(view, codes[: len(view)]), positions[: len(view)])

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


@dataclass(frozen=True)
class Excerpt:
    """Parts of a buffer's view as a buffer of its own; ``positions`` gives where each of its characters stands there."""

    buffer: Buffer
    positions: np.ndarray = field(repr=False)

    def search(self, find: Callable[[Buffer, Deadline], list[Span]], deadline: Deadline) -> list[Span]:
        """Return what a search of buffers finds in the excerpt, as spans of the whole view."""
        return self.moved(find(self.buffer, deadline))

    def moved(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans of the excerpt as spans of the whole view."""
        at = self.positions
        return [replace(span, start=int(at[span.start]), end=int(at[span.end - 1]) + 1) for span in spans]


@cache
def _marks(characters: frozenset[str]) -> np.ndarray:
    table = np.zeros(_CODES, dtype=bool)
    table[[ord(character) for character in characters]] = True
    return table


def _plain(view: str, codes: np.ndarray) -> Buffer:
    return Buffer(view, codes, np.zeros(1, dtype=np.int64), np.array([len(view)]))


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
    codes = _table().take(raw)
    codes[ends[:-1]] = ord(SEPARATOR)
    kept = codes != _NOTHING
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
    spoken = np.flatnonzero(_marks(frozenset(_SPOKEN))[codes])
    if not (spoken[_MANY - 1 :] - spoken[: 1 - _MANY] < _FILLED).any():
        return view, codes
    view = _SPOKEN_RUN.sub(lambda found: found[0].translate(_CHINESE_DIGITS), view)
    return view, np.frombuffer(view.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
