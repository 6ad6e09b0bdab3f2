"""Writing a table's rows into a file object as they are computed: Parquet or CSV, nothing in between.

Owns the formats and what may not stand in them (statistics, formula prefixes). It must not know where the bytes go.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

import polars as pl

from extractor.requests import OutputFormat

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MEDIA_TYPES = {
    OutputFormat.PARQUET: "application/vnd.apache.parquet",
    OutputFormat.CSV: "text/csv",
    OutputFormat.CSV_EXCEL: "text/csv",
}
SUFFIXES = {OutputFormat.PARQUET: "parquet", OutputFormat.CSV: "csv", OutputFormat.CSV_EXCEL: "csv"}
_TAIL_BYTES = 4 * 1024 * 1024
# A spreadsheet runs what begins with one of these (OWASP: CSV injection); a leading apostrophe makes it text.
_FORMULA = r"^[=+\-@\t\r]"


class KeepingTail(io.RawIOBase):
    """Passes bytes on and keeps the last of them, so that a Parquet footer can be looked at without reading anything back."""

    def __init__(self, sink: io.RawIOBase) -> None:
        self._sink = sink
        self._tail = b""
        self._written = 0

    @property
    def tail(self) -> bytes:
        """The last bytes written, up to 4 MiB."""
        return self._tail[-_TAIL_BYTES:]

    def writable(self) -> bool:
        """Say that this can be written."""
        return True

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    def write(self, content: ReadableBuffer, /) -> int:
        """Write all of the bytes to the sink."""
        written = bytes(content)
        self._sink.write(written)
        self._written += len(written)
        self._tail = (
            written[-_TAIL_BYTES:] if len(written) >= _TAIL_BYTES else (self._tail + written)[-2 * _TAIL_BYTES :]
        )
        return len(written)


def write_table(frame: pl.LazyFrame, sink: io.RawIOBase, form: OutputFormat, *, facts: Mapping[str, str]) -> bytes:
    """Compute the rows and write them to the sink; return the last bytes that were written.

    Args:
        frame: what leaves, to be streamed.
        sink: a binary file object.
        form: Parquet (zstd, no statistics, ``facts`` as key-value metadata) or CSV.
        facts: source and date of acquisition (榕政综〔2017〕122号 art. 20), digests.
    """
    keeping = KeepingTail(sink)
    target = cast("BinaryIO", keeping)
    if form is OutputFormat.PARQUET:
        frame.sink_parquet(target, statistics=False, metadata=dict(facts), maintain_order=False, engine="streaming")
        return keeping.tail
    _escaped(frame).sink_csv(
        target, include_bom=form is OutputFormat.CSV_EXCEL, maintain_order=False, engine="streaming"
    )
    return keeping.tail


def _escaped(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Put an apostrophe before text that a spreadsheet would run."""
    names = [name for name, dtype in frame.collect_schema().items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in names
    )
