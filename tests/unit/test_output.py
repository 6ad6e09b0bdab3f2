"""Writing a table: what a reader of the file sees, and what it must not see."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import polars as pl

from extractor.deid.hierarchies import LevelContext, level_expression
from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.output import write_table
from extractor.requests import OutputFormat

ROWS = 20_000


def _levels(frame: pl.DataFrame) -> pl.LazyFrame:
    """Bring a column of diagnoses to categories, as a release does: numbers of a dictionary."""
    context = LevelContext(ProjectKeys.derive(bytes(32), "p"), "d", None, date(2025, 12, 31), pl.String(), coded=True)
    category = level_expression(pl.col("icd"), kind="icd10", level="category_3", context=context)
    return frame.lazy().select("row", category)


def _diagnoses() -> pl.DataFrame:
    icd = ["I63.900", "E11.900", None, "B20.x00"] * (ROWS // 4)
    return pl.DataFrame({"row": range(ROWS), "icd": icd})


def test_the_engine_holds_a_dictionary_and_the_file_holds_text(tmp_path: Path) -> None:
    frame = _levels(_diagnoses())
    assert isinstance(frame.collect_schema()["icd"], pl.Categorical)
    with (tmp_path / "t.parquet").open("wb") as file:
        write_table(frame, file, OutputFormat.PARQUET, facts={"extractor.source": "s"})
    read = pl.read_parquet(tmp_path / "t.parquet").sort("row")
    assert read.schema == {"row": pl.Int64, "icd": pl.String}
    assert read["icd"].to_list() == ["I63", "E11", None, "B20"] * (ROWS // 4)
    assert pl.read_parquet_metadata(tmp_path / "t.parquet")["extractor.source"] == "s"


def test_a_word_that_only_rows_left_out_have_is_not_in_the_file() -> None:
    frame = _levels(_diagnoses())
    assert frame.collect()["icd"].n_unique() == 4  # the dictionary knows B20 from here on
    left = frame.filter(pl.col("row") % 4 != 3)
    file = io.BytesIO()
    left.sink_parquet(file, compression="uncompressed", statistics=False)
    assert b"B20" not in file.getvalue() and b"I63" in file.getvalue()
    file = io.BytesIO()
    write_table(left, file, OutputFormat.PARQUET, facts={})
    file.seek(0)
    assert set(pl.read_parquet(file)["icd"].drop_nulls()) == {"I63", "E11"}


def test_the_files_schema_names_no_dictionary_of_the_run() -> None:
    file = io.BytesIO()
    write_table(_levels(_diagnoses()), file, OutputFormat.PARQUET, facts={})
    assert not re.search(rb"PL_CATEGORICAL|_PL_ENUM", file.getvalue())


def test_a_generalised_text_that_a_spreadsheet_would_run_is_escaped() -> None:
    kind = pl.Categorical(pl.Categories.random())
    frame = pl.DataFrame({"band": pl.Series(["-(1000-2000)", "0-100", None], dtype=kind)})
    file = io.BytesIO()
    write_table(frame.lazy(), file, OutputFormat.CSV, facts={})
    assert sorted(file.getvalue().decode().splitlines()) == ["", "'-(1000-2000)", "0-100", "band"]


def test_notes_are_written_in_short_groups(tmp_path: Path) -> None:
    frame = pl.DataFrame({"note": ["患者。"] * 50_000}).lazy()
    sizes = {}
    for long_text in (True, False):
        file = tmp_path / str(long_text)
        with file.open("wb") as sink:
            write_table(frame, sink, OutputFormat.PARQUET, facts={}, long_text=long_text)
        sizes[long_text] = file.stat().st_size
    assert sizes[True] > sizes[False]  # a dictionary for each group


def test_spaces_and_full_width_signs_do_not_hide_a_formula() -> None:
    values = ["\n=2", " =4", "＝3", "=1", "@x", "\t9", "无 = 号", "3-4"]
    file = io.BytesIO()
    write_table(pl.DataFrame({"v": values}).lazy(), file, OutputFormat.CSV, facts={})
    read = pl.read_csv(io.BytesIO(file.getvalue()))["v"].to_list()
    assert sorted(read) == sorted([*("'" + value for value in values[:6]), *values[6:]])
