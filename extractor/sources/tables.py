"""Tables in: the named columns of a table as a lazy frame, typed as the catalogue says.

Owns how Parquet and CSV files are opened so that only the named columns are ever selected. It must not know the plan, nor
whose data it reads. Whoever collects the frame does so inside ``extractor.sources.files.reading``, because what polars raises
may hold values, and never prints the frame's plan, which shows filter literals.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from extractor.catalogue import Field, Table, TableFormat, ValueFormat
from extractor.errors import SourceError
from extractor.sources.encodings import check_utf8, is_gb18030, read_gb18030
from extractor.sources.files import file_name, reading, source_files
from extractor.sources.values import fits, normalised, parsed, type_name


def open_table(table: Table, columns: Sequence[str], *, base: Path) -> pl.LazyFrame:
    """Open a table and select the named columns, in that order, typed by their ``Field.format``.

    Parquet stays lazy to the footer; CSV is checked for invalid UTF-8 and for
    records of another length first (one read at the speed of the disk) and is then
    lazy; GB18030 CSV is transcoded in memory block by block and only the named columns are kept. Hive partitions
    (columns in folder names) are not read as columns.

    Args:
        table: the table of the catalogue.
        columns: names of its fields; nothing else is read.
        base: the source folder that the table's location is relative to.

    Raises:
        SourceError: a column is no field of the table or not in the files, has another type than the catalogue says, or a
            file is missing, outside ``base``, damaged or wrongly encoded. No message holds a value.
    """
    fields = [_field(table, name) for name in columns]
    files = source_files(table, base=base)
    if table.location.format is TableFormat.PARQUET:
        return _parquet(table, fields, files)
    return _csv_text(table, columns, files, base=base).select(parsed(field) for field in fields)


def unparsed_counts(table: Table, columns: Sequence[str], *, base: Path) -> dict[str, int]:
    """Count, for each named column of a CSV table, the cells whose text does not parse as the catalogue says.

    Reads the columns once more; Parquet is typed already and gives zeros.

    Raises:
        SourceError: as ``open_table``.
    """
    fields = [_field(table, name) for name in columns]
    counts = dict.fromkeys(columns, 0)
    typed = [field for field in fields if field.format is not ValueFormat.TEXT]
    if table.location.format is not TableFormat.CSV or not typed:
        return counts
    text = _csv_text(table, [field.name for field in typed], source_files(table, base=base), base=base)
    written = (pl.col(field.name).is_not_null() & parsed(field).is_null() for field in typed)
    with reading(table.name):
        row = text.select(lost.sum().alias(field.name) for lost, field in zip(written, typed, strict=True)).collect()
    return counts | {field.name: int(row[field.name][0]) for field in typed}


def csv_frame(table: Table, source: Path | bytes) -> pl.LazyFrame:
    """Scan one CSV file (or a block of one, in UTF-8) with all columns as text, separator and nulls as the catalogue says."""
    where = table.location
    nulls = [text for text in where.null_values if text]
    return pl.scan_csv(
        source,
        separator=where.separator,
        null_values=nulls or None,
        empty_string_is_null="" in where.null_values,
        infer_schema=False,
        glob=False,
    )


def check_header(table: Table, columns: Sequence[str], header: Sequence[str]) -> None:
    """Check that each named column stands in a header, once.

    Raises:
        SourceError: it does not, or twice. What the header does hold is not shown: a file without a header starts with a
            person's row.
    """
    for name in columns:
        if name not in header:
            raise missing_column(table.name, name)
        if f"{name}_duplicated_0" in header:
            raise SourceError(
                "the column stands in the file twice",
                zh="该列在文件中出现两次",
                thing=f"{table.name}.{name}",
                fix_en="have the source deliver each column once",
                fix_zh="请数据源每列只提供一次",
            )


def missing_column(table: str, name: str) -> SourceError:
    """Return the error for a column of the catalogue that the files do not have."""
    return SourceError(
        "the column is in the catalogue but not in the source",
        zh="目录中有该列,但数据源中没有",
        thing=f"{table}.{name}",
        fix_en="correct the catalogue, or have the source restore the column",
        fix_zh="请更正目录,或请数据源恢复该列",
    )


def wrong_type(table: str, name: str, *, found: str, wanted: str) -> SourceError:
    """Return the error for a column whose type does not hold values of the catalogue's format."""
    return SourceError(
        f"the source column is {found}, the catalogue says {wanted}",
        zh=f"数据源列类型为 {found},目录所写为 {wanted}",
        thing=f"{table}.{name}",
        fix_en="correct `format` in the catalogue, or have the source restore the type",
        fix_zh="请更正目录中的 format,或请数据源恢复类型",
    )


def _field(table: Table, name: str) -> Field:
    found = table.field(name)
    if found is None:
        raise SourceError(
            "the table has no such field in the catalogue",
            zh="目录中该表没有此字段",
            thing=f"{table.name}.{name}",
            fix_en="classify the field in the catalogue first",
            fix_zh="请先在目录中登记并分类该字段",
        )
    return found


def _parquet(table: Table, fields: Sequence[Field], files: Sequence[Path]) -> pl.LazyFrame:
    with reading(table.name):
        frame = pl.scan_parquet(list(files), glob=False, hive_partitioning=False, extra_columns="ignore")
        schema = frame.collect_schema()
    for field in fields:
        dtype = schema.get(field.name)
        if dtype is None:
            raise missing_column(table.name, field.name)
        if not fits(dtype, field.format):
            raise wrong_type(table.name, field.name, found=type_name(dtype), wanted=field.format.value)
    return frame.select(normalised(field, schema[field.name]) for field in fields)


def _csv_text(table: Table, columns: Sequence[str], files: Sequence[Path], *, base: Path) -> pl.LazyFrame:
    """Return the named columns as text; the files are put together by column name, whatever order each file has."""
    frames = [_one_csv(table, columns, file, base=base) for file in files]
    return pl.concat(frames) if len(frames) > 1 else frames[0]


def _one_csv(table: Table, columns: Sequence[str], file: Path, *, base: Path) -> pl.LazyFrame:
    name = file_name(file, base=base)
    if is_gb18030(table.location.encoding, thing=table.name):
        return _gb18030(table, columns, file, name)
    check_utf8(file, name, separator=table.location.separator)
    with reading(name):
        frame = csv_frame(table, file)
        header = frame.collect_schema().names()
    check_header(table, columns, header)
    return frame.select(columns)


def _gb18030(table: Table, columns: Sequence[str], file: Path, name: str) -> pl.LazyFrame:
    parts: list[pl.DataFrame] = []
    for block in read_gb18030(file, name, separator=table.location.separator):
        with reading(name):
            frame = csv_frame(table, block)
            header = frame.collect_schema().names()
        check_header(table, columns, header)
        with reading(name):
            parts.append(frame.select(columns).collect())
    return pl.concat(parts, rechunk=False).lazy()
