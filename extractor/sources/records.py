"""Whether every record of a CSV file has as many fields as its header.

Owns the counting of separators and line ends outside quotes, on bytes of UTF-8 text. It must not know columns or values. It
exists because polars, when it reads some columns only, drops surplus fields and fills missing ones with null without a word:
one separator too many in a name would move the next values into a column that leaves in the clear.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractor.errors import SourceError

_QUOTE, _LINE_END = 34, 10


class RecordShape:
    """Counts the fields of each record while a file passes through in blocks; memory does not grow with the file."""

    def __init__(self, name: str, separator: str) -> None:
        self._name, self._separator = name, ord(separator)
        self._fields = 0  # of the header; 0 while it has not been seen whole
        self._records = 0
        self._quoted = 0
        self._open_tokens: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self._bytes_since_end = 0

    def feed(self, block: bytes) -> None:
        """Count the records that end in a block.

        Raises:
            SourceError: a record has more or fewer fields than the header (its number, counted from the header as 1).
        """
        octets = np.frombuffer(block, np.uint8)
        places = np.flatnonzero((octets == self._separator) | (octets == _LINE_END) | (octets == _QUOTE))
        marks = octets[places]
        quotes = marks == _QUOTE
        inside = (np.cumsum(quotes) + self._quoted) & 1
        self._quoted = (self._quoted + int(quotes.sum())) & 1
        kept = ~quotes & (inside == 0)
        ends = places[kept & (marks == _LINE_END)]
        self._count(np.concatenate([self._open_tokens, marks[kept]]), ends, len(block))

    def close(self) -> None:
        """Check the last record, which need not end in a line end.

        Raises:
            SourceError: as ``feed``, or a quote was never closed.
        """
        if self._quoted:
            raise self._fault(self._records + 1)
        if self._bytes_since_end:
            self.feed(b"\n")

    def _count(self, marks: npt.NDArray[np.uint8], ends: npt.NDArray[np.intp], size: int) -> None:
        line_ends = np.flatnonzero(marks == _LINE_END)
        counts = np.diff(line_ends, prepend=-1)
        if len(ends) == 0:
            self._bytes_since_end += size
            self._open_tokens = marks
            return
        lengths = np.diff(ends, prepend=-1)
        lengths[0] += self._bytes_since_end
        blank = (counts == 1) & (lengths <= 2)  # nothing but a line end, perhaps with a carriage return before it
        self._fields = self._fields or int(counts[0])
        wrong = np.flatnonzero((counts != self._fields) & ~blank)
        if len(wrong):
            raise self._fault(self._records + int(wrong[0]) + 1)
        self._records += len(counts)
        self._open_tokens = marks[line_ends[-1] + 1 :]
        self._bytes_since_end = size - int(ends[-1]) - 1

    def _fault(self, record: int) -> SourceError:
        return SourceError(
            f"record {record} has not as many fields as the header ({self._fields})",
            zh=f"第 {record} 条记录的字段数与表头({self._fields})不符",
            thing=self._name,
            fix_en="have the source quote fields that hold the separator, or correct `separator` in the catalogue",
            fix_zh="请数据源为含分隔符的字段加引号,或更正目录中的 separator",
        )
