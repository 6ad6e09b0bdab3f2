"""Writing a table's rows into a file object as they are computed: Parquet or CSV, nothing in between.

Owns the formats and what may not stand in them (statistics, formula prefixes). It must not know where the bytes go.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO

import polars as pl

from extractor.requests import OutputFormat

MEDIA_TYPES = {
    OutputFormat.PARQUET: "application/vnd.apache.parquet",
    OutputFormat.CSV: "text/csv",
    OutputFormat.CSV_EXCEL: "text/csv",
}
SUFFIXES = {OutputFormat.PARQUET: "parquet", OutputFormat.CSV: "csv", OutputFormat.CSV_EXCEL: "csv"}
# A spreadsheet runs what begins with one of these (OWASP: CSV injection); a leading apostrophe makes it text.
_FORMULA = r"^(?:[\t\r\n]|[\s\x{200B}\x{FEFF}]*[=+\-@＝＋－＠])"
_SCHEMA = "ARROW:schema"
# A group of rows is held in memory until it is written. Long ones cost less, since each has dictionaries of its own.
_CELLS_IN_A_GROUP = 2_000_000
_TEXTS_IN_A_GROUP = 20_000


def write_table(
    frame: pl.LazyFrame, file: IO[bytes], form: OutputFormat, *, facts: Mapping[str, str], long_text: bool = False
) -> None:
    """Compute the rows and write them to the file.

    Args:
        frame: what leaves, to be streamed.
        file: a binary file; a file of the operating system is written without Python's help.
        form: Parquet (zstd, no statistics, ``facts`` as key-value metadata) or CSV.
        facts: source and date of acquisition (榕政综〔2017〕122号 art. 20), digests.
        long_text: whether there is a column of notes, of which few are held in memory at a time.
    """
    if form is OutputFormat.PARQUET:
        schema = frame.collect_schema()
        frame.sink_parquet(
            file,
            # Level 1 is twice as fast as polars' own choice and no larger on pseudonyms, which are most of what leaves.
            compression="zstd",
            compression_level=1,
            statistics=False,
            row_group_size=_rows_in_a_group(schema, long_text=long_text),
            metadata={**facts, _SCHEMA: _schema_in_text(schema)},
            maintain_order=False,
            engine="streaming",
        )
        return
    _escaped(frame).sink_csv(file, include_bom=form is OutputFormat.CSV_EXCEL, maintain_order=False, engine="streaming")


def _rows_in_a_group(schema: pl.Schema, *, long_text: bool) -> int:
    return _TEXTS_IN_A_GROUP if long_text else max(_TEXTS_IN_A_GROUP, _CELLS_IN_A_GROUP // max(1, len(schema)))


def _schema_in_text(schema: pl.Schema) -> str:
    """Return the schema as Arrow writes it, with text where the engine holds a dictionary.

    A Categorical column is quick to write, and a reader of Parquet sees text; only this note would make it the engine's own
    type again, under a dictionary's name that means nothing outside the run.
    """
    plain = {name: pl.String() if isinstance(dtype, pl.Categorical) else dtype for name, dtype in schema.items()}
    file = io.BytesIO()
    pl.DataFrame(schema=plain).write_parquet(file)
    file.seek(0)
    return pl.read_parquet_metadata(file)[_SCHEMA]


def _escaped(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Put an apostrophe before text that a spreadsheet would run."""
    names = [
        name
        for name, dtype in frame.collect_schema().items()
        if isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    ]
    texts = {name: pl.col(name).cast(pl.String) for name in names}
    return frame.with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).alias(name)
        for name, text in texts.items()
    )
