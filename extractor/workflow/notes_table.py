"""A site's own table of notes, outside a catalogue: Parquet, CSV or JSON lines, of which only the named columns are read.

Owns how such a table is opened and how notes are read from it by row. It must not know why they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from extractor.deid.known_values import KNOWN_TYPES
from extractor.errors import SourceError, UsageError
from extractor.sources.files import reading

_READERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": pl.scan_parquet,
    ".csv": lambda path: pl.scan_csv(path, infer_schema=False),
    ".jsonl": pl.scan_ndjson,
    ".ndjson": pl.scan_ndjson,
}


@dataclass(frozen=True)
class Columns:
    """Which columns of the table are read: the notes, what they are spread over, and what tells values of the row (kind: column)."""

    text: str
    stratum: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.known) - set(KNOWN_TYPES))
        if unknown:
            raise UsageError(
                "a known column of a kind that tells nothing a text could hold",
                zh="已知列的类型不可用",
                thing=", ".join(unknown),
                fix_en="kinds: " + ", ".join(KNOWN_TYPES),
                fix_zh="可用类型:" + "、".join(KNOWN_TYPES),
            )

    @property
    def names(self) -> list[str]:
        """The columns, each once."""
        return list(dict.fromkeys(filter(None, (self.text, self.stratum, *self.known.values()))))


@dataclass(frozen=True)
class Note:
    """One note of a sample: its number in the sample, its row in the table, its stratum, text and known values."""

    id: str
    row: int
    stratum: str
    text: str = field(repr=False)
    known: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class NotesTable:
    """A table of notes that is open; blank notes are not in it."""

    path: Path
    columns: Columns
    frame: pl.LazyFrame = field(repr=False)

    @classmethod
    def open(cls, path: Path, columns: Columns) -> NotesTable:
        """Open a table.

        Raises:
            SourceError: it cannot be read or lacks a column.
            UsageError: it is no kind of file that is read here.
        """
        return cls(path, columns, _opened(path, columns))

    def places(self) -> list[tuple[int, str]]:
        """Return the row and the stratum of each note."""
        with reading(self.path.name):
            return self.frame.select("(row)", "(stratum)").collect().rows()

    def read(self, rows: list[int]) -> tuple[Note, ...]:
        """Return the notes of these rows, in their order, numbered from 1."""
        wanted = pl.Series(rows, dtype=pl.UInt32)
        with reading(self.path.name):
            given = self.frame.filter(pl.col("(row)").is_in(wanted.implode())).collect()
        by_row = {row["(row)"]: row for row in given.iter_rows(named=True)}
        return tuple(self._note(f"{number:04d}", by_row[row]) for number, row in enumerate(rows, start=1))

    def _note(self, number: str, row: Mapping[str, object]) -> Note:
        told = {kind: row[name] for kind, name in self.columns.known.items()}
        return Note(
            id=number,
            row=int(str(row["(row)"])),
            stratum=str(row["(stratum)"]),
            text=str(row[self.columns.text]),
            known={kind: str(value) for kind, value in told.items() if value is not None},
        )


def _opened(table: Path, columns: Columns) -> pl.LazyFrame:
    if table.suffix not in _READERS:
        raise UsageError(
            "a table of notes is a .parquet, .csv, .jsonl or .ndjson file",
            zh="文书表须为 .parquet、.csv、.jsonl 或 .ndjson 文件",
            thing=table.name,
            fix_en="convert it; CSV and JSON lines in UTF-8",
            fix_zh="请转换格式;CSV 与 JSON 行须为 UTF-8",
        )
    with reading(table.name):
        frame = _READERS[table.suffix](table)
        there = frame.collect_schema().names()
    missing = [name for name in columns.names if name not in there]
    if missing:
        raise SourceError(
            "the table has no such column",
            zh="表中没有该列",
            thing=f"{table.name}: {', '.join(missing)}",
            fix_en="name columns of the table",
            fix_zh="请填写表中的列名",
        )
    text = pl.col(columns.text).cast(pl.String)
    rows = frame.select(columns.names).with_row_index("(row)").with_columns(_stratum(columns))
    return rows.filter(text.is_not_null() & (text.str.strip_chars() != ""))


def _stratum(columns: Columns) -> pl.Expr:
    if columns.stratum is None:
        return pl.lit("全部").alias("(stratum)")
    return pl.col(columns.stratum).cast(pl.String).fill_null("(空)").alias("(stratum)")
