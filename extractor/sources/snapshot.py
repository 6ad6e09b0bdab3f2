"""What a source looked like when it was read: files, digests, rows, types; and the checks that stop a run.

Owns the snapshot that the run record carries and its comparison with the catalogue and with a later look. It must not
know the plan. Messages name tables, columns, files, types and counts only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import polars as pl

from extractor.catalogue import Table, TableFormat, ValueFormat
from extractor.deid.identity_text import canonical_series
from extractor.errors import NotUnique, SourceError
from extractor.sources.files import file_name, reading, source_files
from extractor.sources.tables import csv_frame, missing_column, wrong_type
from extractor.sources.values import fits, type_name

WHOLE_BELOW = 64 * 1024 * 1024
_SAMPLES = 16
_SAMPLE_BYTES = 1024 * 1024
_FOOTER_BYTES = 1024 * 1024


class DigestOf(StrEnum):
    """What a file's digest was taken over."""

    WHOLE = "whole file"
    SAMPLED = "size, last MiB and sixteen blocks of one MiB at equal distances"


@dataclass(frozen=True)
class SourceFile:
    """One file of a table: name relative to the source folder, size, time of change (ns since 1970) and SHA-256."""

    name: str
    bytes: int
    mtime_ns: int
    digest: str
    digest_of: DigestOf


@dataclass(frozen=True)
class SourceSnapshot:
    """A table as found: its files, its rows, the types of the named columns, and how many columns it has in all.

    ``columns`` are those that were named; one that a file lacks has no entry in ``dtypes``. ``dtypes`` holds (column, polars
    type) pairs, one for each type where files differ; for CSV every type is ``String``. ``misfits`` holds the pairs that
    ``check_schema`` refuses.
    """

    table: str
    files: tuple[SourceFile, ...]
    rows: int
    dtypes: tuple[tuple[str, str], ...]
    columns_total: int
    columns: tuple[str, ...] = ()
    misfits: tuple[tuple[str, str], ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all files together, in bytes."""
        return sum(file.bytes for file in self.files)


def take_snapshot(table: Table, *, base: Path, columns: Sequence[str]) -> SourceSnapshot:
    """Look at a table's files: sizes, times, digests, number of rows and the types of the named columns.

    A file under 64 MB is digested whole, a larger one by size, last MiB and sixteen blocks; each file says which. A sampled
    digest finds a replaced or rewritten file, not every change of single bytes.

    Raises:
        SourceError: a file is missing, empty of structure, damaged or unreadable (naming the file only).
    """
    files = source_files(table, base=base)
    schemas = [_schema(table, file, file_name(file, base=base)) for file in files]
    types = sorted({(name, type_name(schema[name])) for name in columns for schema in schemas if name in schema})
    missing = {name for name in columns for schema in schemas if name not in schema}
    return SourceSnapshot(
        table=table.name,
        files=tuple(_source_file(file, file_name(file, base=base)) for file in files),
        rows=sum(_rows(table, file, file_name(file, base=base)) for file in files),
        dtypes=tuple(pair for pair in types if pair[0] not in missing),
        columns_total=len({name for schema in schemas for name in schema}),
        columns=tuple(columns),
        misfits=_misfits(table, columns, schemas),
    )


def check_schema(table: Table, snapshot: SourceSnapshot) -> None:
    """Check that each column of the snapshot is still there, in every file, with a type that fits the catalogue's format.

    Raises:
        SourceError: one is not; names table.column, the type found and the format wanted.
    """
    present = {name for name, _ in snapshot.dtypes}
    for name in snapshot.columns:
        if name not in present:
            raise missing_column(table.name, name)
    for name, found in snapshot.misfits:
        field = table.field(name)
        if field is not None:
            raise wrong_type(table.name, name, found=found, wanted=field.format.value)


def check_unchanged(before: SourceSnapshot, after: SourceSnapshot) -> None:
    """Check that a table's files are what they were when the run began.

    Raises:
        SourceError: files were added, removed or changed (names and counts only).
    """
    old, new = ({file.name: file for file in look.files} for look in (before, after))
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if changed or (before.rows, before.columns_total) != (after.rows, after.columns_total):
        raise SourceError(
            f"the source changed during the run: {len(changed)} file(s): {', '.join(changed[:5])}",
            zh=f"运行期间数据源发生变化:{len(changed)} 个文件:{'、'.join(changed[:5])}",
            thing=before.table,
            fix_en="run again when the source is at rest, or extract from a snapshot",
            fix_zh="请在数据源静止时重新运行,或从快照提取",
        )


def check_unique(frame: pl.LazyFrame | pl.DataFrame, table: Table, key: Sequence[str]) -> None:
    """Check that the key columns are filled in every row and that no two rows have the same key.

    Raises:
        NotUnique: they are not, with the number of rows only.
    """
    lazy = frame.lazy().select(key)
    schema = lazy.collect_schema()
    texts = [name for name in key if isinstance(schema[name], pl.String | pl.Categorical | pl.Enum)]
    # What is one identity is one key, however it is written: the pseudonyms would be equal.
    lazy = lazy.with_columns(
        pl.col(name).map_batches(canonical_series, return_dtype=pl.String(), is_elementwise=True) for name in texts
    )
    empty = pl.any_horizontal(pl.col(name).is_null() for name in key)
    with reading(table.name):
        counted = lazy.select(
            rows=pl.len(), distinct=pl.struct(*key).n_unique(), empty=empty.sum().cast(pl.Int64)
        ).collect()
    rows, distinct, without = (int(value) for value in counted.row(0))
    thing = f"{table.name}.{'+'.join(key)}"
    if without:
        raise _key_fault(thing, f"{without} row(s) without a key", f"{without} 行没有主键")
    if rows > distinct:
        surplus = rows - distinct
        raise _key_fault(thing, f"{surplus} row(s) repeat a key that must be unique", f"{surplus} 行的主键重复")


def _key_fault(thing: str, en: str, zh: str) -> NotUnique:
    return NotUnique(
        en,
        zh=zh,
        thing=thing,
        fix_en="have the source remove the duplicates, or name the right key in the catalogue",
        fix_zh="请数据源去重,或在目录中更正主键",
    )


def _schema(table: Table, file: Path, name: str) -> dict[str, pl.DataType]:
    with reading(name):
        if table.location.format is TableFormat.PARQUET:
            return dict(pl.read_parquet_schema(file))
        # The lossy reading concerns names of columns only; a value is never taken from it.
        encoding = "gb18030" if table.location.encoding.lower().startswith("gb") else "utf-8"
        with file.open(encoding=encoding.removesuffix("-sig"), errors="replace") as lines:
            header = lines.readline().removeprefix("\ufeff")
        return dict(csv_frame(table, header.encode()).collect_schema())


def _rows(table: Table, file: Path, name: str) -> int:
    with reading(name):
        if table.location.format is TableFormat.PARQUET:
            return int(pl.scan_parquet(file, glob=False, hive_partitioning=False).select(pl.len()).collect().item())
        # Neither a quote nor a line end can be part of a longer character in UTF-8 or in GB18030, so bytes can be counted.
        frame = pl.scan_csv(
            file, separator=table.location.separator, infer_schema=False, glob=False, encoding="utf8-lossy"
        )
        return int(frame.select(pl.len()).collect().item())


def _misfits(
    table: Table, columns: Sequence[str], schemas: Sequence[dict[str, pl.DataType]]
) -> tuple[tuple[str, str], ...]:
    """Return (column, type) where a Parquet type does not fit, or where two files of the table differ."""
    if table.location.format is not TableFormat.PARQUET:
        return ()
    found: list[tuple[str, str]] = []
    for name in columns:
        field = table.field(name)
        types = [schema[name] for schema in schemas if name in schema]
        wanted = field.format if field else ValueFormat.TEXT
        found += [(name, type_name(dtype)) for dtype in types if not fits(dtype, wanted)][:1]
        found += [(name, f"{type_name(a)} and {type_name(b)}") for a, b in pairwise(types) if a != b][:1]
    return tuple(found)


def _source_file(file: Path, name: str) -> SourceFile:
    with reading(name):
        state = file.stat()
        whole = state.st_size < WHOLE_BELOW
        digest = _whole(file) if whole else _sampled(file, state.st_size)
    how = DigestOf.WHOLE if whole else DigestOf.SAMPLED
    return SourceFile(name, state.st_size, state.st_mtime_ns, "sha256:" + digest, how)


def _whole(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sampled(file: Path, size: int) -> str:
    total = hashlib.sha256(size.to_bytes(8, "big"))
    with file.open("rb") as stream:
        stream.seek(-_FOOTER_BYTES, 2)
        total.update(stream.read())
        for sample in range(_SAMPLES):
            stream.seek(sample * ((size - _SAMPLE_BYTES) // (_SAMPLES - 1)))
            total.update(stream.read(_SAMPLE_BYTES))
    return total.hexdigest()
