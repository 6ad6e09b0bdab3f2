"""Which files make up a table, and what may go wrong with them.

Owns the way from a location in the catalogue to real files inside the source folder, and the translation of what a reader
raises into errors that name a file and never a value. It must not know what the columns mean.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import polars as pl

from extractor.catalogue import Table, TableFormat
from extractor.errors import ExtractorError, SourceError, lacks_memory, memory_short

_SUFFIX = {TableFormat.PARQUET: ".parquet", TableFormat.CSV: ".csv"}
# Readers raise ValueError for damaged input, as Python does for a name with a null byte; other kinds are bugs and go on.
_READER_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, MemoryError)


def source_files(table: Table, *, base: Path) -> tuple[Path, ...]:
    """Return the files of a table, resolved and in the order of their names.

    The location may be a file, a folder (all files of the table's format in it and below, hidden ones left out) or a glob,
    always relative to ``base``.

    Raises:
        SourceError: the location leaves ``base`` (``..``, an absolute path, a symbolic link that points outside), nothing
            is there, or something there is no regular file.
    """
    root = base.resolve()
    pattern = PurePosixPath(table.location.path)
    if pattern.is_absolute() or ".." in pattern.parts or not pattern.parts:
        raise _outside(table.name)
    found = sorted(_candidates(root, pattern, _SUFFIX[table.location.format]))
    files = tuple(_inside(path, root, table.name) for path in found)
    if not files:
        raise SourceError(
            "no file of the table was found",
            zh="没有找到该表的文件",
            thing=f"{table.name} ({table.location.path})",
            fix_en="check the location in the catalogue against the source folder",
            fix_zh="请核对目录中的位置与数据源文件夹",
        )
    return files


def file_name(path: Path, *, base: Path) -> str:
    """Return a file's name relative to the source folder, as it may stand in messages and records."""
    return path.relative_to(base.resolve()).as_posix()


def unreadable(thing: str) -> SourceError:
    """Return the error for a file or table that its reader refuses; the reader's own words may hold values and are dropped."""
    return SourceError(
        "cannot be read: damaged, truncated, not of the stated format, or not permitted",
        zh="无法读取:文件损坏、不完整、与所写格式不符或没有权限",
        thing=thing,
        fix_en="have the source deliver the file again, or correct format, separator and encoding in the catalogue",
        fix_zh="请数据源重新提供文件,或更正目录中的格式、分隔符、编码",
    )


@contextmanager
def reading(thing: str) -> Iterator[None]:
    """Turn whatever a reader raises inside the block into an error of ours that names ``thing`` and nothing else.

    What is raised is also cut off from the original (``__context__``), because a crash reporter that follows the chain
    would print values.

    Raises:
        SourceError: reading failed.
        MemoryShort: the memory did not suffice.
    """
    fault: ExtractorError
    try:
        yield
    except _READER_FAULTS as failure:
        fault = memory_short(thing) if lacks_memory(failure) else unreadable(thing)
    else:
        return
    try:
        raise fault from None
    finally:
        fault.__context__ = None


def _candidates(root: Path, pattern: PurePosixPath, suffix: str) -> Iterator[Path]:
    plain = root.joinpath(*pattern.parts)
    if plain.is_dir():
        for path in plain.rglob(f"*{suffix}"):
            if not any(part.startswith((".", "_")) for part in path.relative_to(plain).parts):
                yield path
    elif plain.is_symlink() or plain.exists():
        yield plain
    elif any(char in str(pattern) for char in "*?["):
        yield from root.glob(str(pattern))


def _inside(path: Path, root: Path, table: str) -> Path:
    with reading(table):
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    if not real.is_relative_to(root):
        raise _outside(table)
    if not stat.S_ISREG(mode):
        raise unreadable(file_name(path, base=root))
    return real


def _outside(table: str) -> SourceError:
    return SourceError(
        "the location leads out of the source folder",
        zh="位置超出数据源文件夹",
        thing=table,
        fix_en="write a path inside the source folder, without `..` and without links that point outside",
        fix_zh="请写数据源文件夹内的路径,不得含 `..` 或指向外部的链接",
    )
