"""Samples of tables: finding the tables in a folder, and reading a bounded number of their rows.

Owns which files make up a drafted table, how a CSV file is written, and which rows are looked at: the head and a spread over
the rest. Values stay in memory; errors name files only. A first row that looks like a person's row is refused, because the
names of columns are written down.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import polars as pl

from extractor.catalogue import Location, Table, TableFormat
from extractor.deid.identifiers import is_mobile, is_resident_id
from extractor.errors import SourceError, UsageError
from extractor.sources.encodings import BLOCK, check_utf8, read_gb18030
from extractor.sources.files import file_name, reading, source_files
from extractor.sources.tables import csv_frame

_SLICES = 16
_MOST_FILES = 16
_SUFFIXES = {".parquet": TableFormat.PARQUET, ".csv": TableFormat.CSV, ".tsv": TableFormat.CSV}
_DATA_LIKE = re.compile(r"^[-+]?[0-9][0-9.,:/ \-年月日T]*$|@.+\.|^$")
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Sample:
    """Some rows of a table, as text or as Parquet has them. ``rows`` counts the table's rows."""

    table: Table
    files: int
    rows: int
    frame: pl.DataFrame


def find_tables(source: Path) -> tuple[Path, tuple[Table, ...], int]:
    """Return the folder that locations are relative to, the tables in it (without fields), and how many files are no table.

    Each Parquet, CSV or TSV file of a folder is a table, and so is each sub-folder of such files; a file alone is one table.

    Raises:
        SourceError: there is nothing to read.
    """
    if source.is_file():
        return source.parent, (_of_file(source),), 0
    entries = _entries(source)
    tables = [_of_folder(path) if path.is_dir() else _of_file(path) for path in entries if _is_table(path)]
    if not tables:
        raise _nothing(source)
    return source, _apart(tables), len(entries) - len(tables)


def read_sample(table: Table, *, base: Path, sample: int) -> Sample:
    """Read at most ``sample`` rows of a table, from its head and spread over the rest.

    Raises:
        UsageError: ``sample`` is less than one.
        SourceError: a file cannot be read, its columns differ from the others', or its first row looks like data.
    """
    if sample < 1:
        raise UsageError(
            "a sample needs at least one row",
            zh="抽样至少一行",
            thing="sample",
            fix_en="give a number above zero",
            fix_zh="请给出大于零的数",
        )
    files = source_files(table, base=base)
    chosen = [files[at * len(files) // min(len(files), _MOST_FILES)] for at in range(min(len(files), _MOST_FILES))]
    names = [file_name(file, base=base) for file in chosen]
    share = [sample // len(chosen) + (at < sample % len(chosen)) for at in range(len(chosen))]
    read = _parquet_rows if table.location.format is TableFormat.PARQUET else _csv_rows
    parts = [read(table, file, name, count) for file, name, count in zip(chosen, names, share, strict=True)]
    for (_, frame), name in zip(parts, names, strict=True):
        if frame.columns != parts[0][1].columns:
            raise _different(name)
    with reading(table.name):
        frame = pl.concat([frame for _, frame in parts], how="vertical_relaxed")
    _check_names(table, frame)
    return Sample(table, len(files), sum(rows for rows, _ in parts), frame)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError:
        raise _nothing(folder) from None


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return any(_files_below(path))
    return path.suffix.lower() in _SUFFIXES


def _files_below(folder: Path) -> list[Path]:
    """Return the files of one format below a folder: Parquet where there is any, else CSV."""
    for suffix in (".parquet", ".csv"):
        below = sorted(folder.rglob(f"*{suffix}"))
        found = [p for p in below if not any(part.startswith((".", "_")) for part in p.relative_to(folder).parts)]
        if found:
            return found
    return []


def _of_folder(folder: Path) -> Table:
    files = _files_below(folder)
    flat = all(file.parent == folder for file in files)
    prefix = _common_start([file.stem for file in files]).rstrip("0123456789")
    path = f"{folder.name}/{prefix}*{files[0].suffix}" if flat else folder.name
    if re.search(r"[\[\]*?]", folder.name + prefix):
        path = folder.name
    return _table(folder.name, path, files[0])


def _common_start(names: list[str]) -> str:
    """Return the letters with which all names begin."""
    same = takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False))
    return "".join(signs[0] for signs in same)


def _of_file(file: Path) -> Table:
    return _table(file.stem, file.name, file)


def _table(name: str, path: str, example: Path) -> Table:
    plain = re.sub(r"[^A-Za-z0-9_\u4e00-\u9fff-]+", "_", name).strip("_-")[:80] or "table"
    form = TableFormat.PARQUET if _is_parquet(example) else TableFormat.CSV
    if form is TableFormat.PARQUET:
        return Table(plain, plain, Location(path, form, "000000"), ())
    encoding, separator = _writing(example)
    return Table(plain, plain, Location(path, form, "000000", separator, encoding), ())


def _apart(tables: list[Table]) -> tuple[Table, ...]:
    """Return the tables; names that became alike are an error, because a file of the package is named after each."""
    seen: set[str] = set()
    for table in tables:
        if table.name.lower() in seen:
            raise SourceError(
                "two files or folders give a table of the same name",
                zh="两个文件或目录得出同名的表",
                thing=table.name,
                fix_en="draft them one by one, or rename one",
                fix_zh="请分别起草,或改名其一",
            )
        seen.add(table.name.lower())
    return tuple(tables)


def _is_parquet(file: Path) -> bool:
    with reading(file.name), file.open("rb") as stream:
        return stream.read(4) == b"PAR1" or file.suffix.lower() == ".parquet"


def _writing(file: Path) -> tuple[str, str]:
    """Return the encoding of a CSV file, UTF-8 where all of it is, and its separator, by the header."""
    encoding, header = "utf-8", b""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with reading(file.name), file.open("rb") as stream:
        while block := stream.read(BLOCK):
            header = header or block.split(b"\n", 1)[0]
            if encoding == "utf-8" and not _decodes(decoder, block):
                encoding = "gb18030"
                break
    unquoted = re.sub(rb'"[^"]*"', b"", header)
    return encoding, max(_SEPARATORS, key=lambda sign: unquoted.count(sign.encode()))


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _parquet_rows(_table: Table, file: Path, name: str, count: int) -> tuple[int, pl.DataFrame]:
    with reading(name):
        lazy = pl.scan_parquet(file, glob=False, hive_partitioning=False)
        rows = int(lazy.select(pl.len()).collect().item())
        pieces = [lazy.slice(start, size).collect() for start, size in _slices(rows, count)]
        return rows, pl.concat(pieces) if pieces else lazy.head(0).collect()


def _slices(rows: int, count: int) -> list[tuple[int, int]]:
    """Return (start, size) of up to sixteen runs of rows at equal distances that together have ``count`` rows at most."""
    if rows <= count:
        return [(0, rows)] if rows else []
    runs = min(_SLICES, count)
    sizes = [count // runs + (at < count % runs) for at in range(runs)]
    return [(at * rows // runs, min(size, rows // runs)) for at, size in enumerate(sizes)]


def _csv_rows(table: Table, file: Path, name: str, count: int) -> tuple[int, pl.DataFrame]:
    if table.location.encoding == "gb18030":
        return _gb18030_rows(table, file, name, count)
    check_utf8(file, name, separator=table.location.separator)
    with reading(name):
        lazy = csv_frame(table, file)
        rows = int(lazy.select(pl.len()).collect().item())
        if rows <= count:
            return rows, lazy.collect()
        # Runs of neighbours, not single rows: rows of one person stand together, and a key that repeats must be seen to.
        runs = min(_SLICES, max(count, 1))
        within_run = pl.col("\x00row") % (rows // runs) < count // runs
        kept = lazy.with_row_index("\x00row").filter(within_run).head(count).drop("\x00row")
        return rows, kept.collect(engine="streaming")


def _gb18030_rows(table: Table, file: Path, name: str, count: int) -> tuple[int, pl.DataFrame]:
    """Read a GB18030 file block by block; when too many rows are kept, every second one goes and fewer are taken after."""
    kept, rows, step = pl.DataFrame(), 0, 1
    for block in read_gb18030(file, name, separator=table.location.separator):
        with reading(name):
            frame = csv_frame(table, block).collect()
            part = frame.gather_every(step)
            kept = pl.concat([kept, part]) if kept.width else part
            rows += frame.height
            while kept.height > count:
                kept, step = kept.gather_every(2), step * 2
    return rows, kept


def _check_names(table: Table, frame: pl.DataFrame) -> None:
    """Refuse names of columns that could be values of a person: a CSV file without a header begins with a row of data."""
    odd = [name for name in frame.columns if not name.strip() or not name.isprintable() or len(name) > 128]
    odd += [name for name in frame.columns if name != name.strip() or "_duplicated_" in name]
    if table.location.format is TableFormat.CSV:
        odd += [name for name in frame.columns if _DATA_LIKE.search(name) or is_mobile(name) or is_resident_id(name)]
        own = [name for name in frame.columns if (frame[name] == name).any()]
        odd += own if len(own) > 1 or frame.width == 1 else []
    if odd:
        raise SourceError(
            f"{len(set(odd))} of {frame.width} columns have no usable name: the first row is data, or a name is empty or twice",
            zh=f"{frame.width} 列中有 {len(set(odd))} 列没有可用的列名:首行似为数据,或列名为空、重复",
            thing=table.location.path,
            fix_en="have the source deliver the file with a header line of names",
            fix_zh="请数据源提供带列名首行的文件",
        )


def _nothing(source: Path) -> SourceError:
    return SourceError(
        "no Parquet or CSV file is there, or the folder cannot be read",
        zh="没有 Parquet 或 CSV 文件,或目录无法读取",
        thing=source.name,
        fix_en="name a file, or a folder of tables",
        fix_zh="请指定文件或存放各表的目录",
    )


def _different(name: str) -> SourceError:
    return SourceError(
        "has other columns than the first file of its table",
        zh="与该表首个文件的列不同",
        thing=name,
        fix_en="if the folder holds several tables, draft it by itself",
        fix_zh="如该目录存放多张表,请单独对其起草",
    )
