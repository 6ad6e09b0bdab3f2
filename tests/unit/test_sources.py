"""Tables come in with the named columns only, typed as the catalogue says, and no fault shows a value."""

from __future__ import annotations

import os
import traceback
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from extractor.catalogue import (
    Field,
    FieldClass,
    Location,
    Sharing,
    SharingClass,
    Table,
    TableFormat,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.errors import SourceError
from extractor.sources import snapshot as looks
from extractor.sources.encodings import BLOCK
from extractor.sources.files import reading
from extractor.sources.records import RecordShape
from extractor.sources.snapshot import DigestOf, check_schema, check_unchanged, check_unique, take_snapshot
from extractor.sources.tables import open_table, unparsed_counts

SECRET = "欧阳秘密13812345678"


def _field(name: str, fmt: ValueFormat = ValueFormat.TEXT) -> Field:
    return Field(
        name,
        name,
        "category",
        FieldClass.OTHER,
        3,
        "test",
        Sharing(SharingClass.CONDITIONAL, "", ""),
        "unit",
        fmt,
        "",
        UpdatePeriod.STATIC,
        (UseMode.EXTRACT,),
    )


FIELDS = (
    _field("id"),
    _field("name"),
    _field("n", ValueFormat.INTEGER),
    _field("cost", ValueFormat.DECIMAL),
    _field("day", ValueFormat.DATE),
    _field("at", ValueFormat.DATETIME),
    _field("flag", ValueFormat.BOOLEAN),
)


def _table(path: str, fmt: TableFormat = TableFormat.CSV, **options: object) -> Table:
    return Table("visits", "就诊", Location(path, fmt, "350100", **options), FIELDS)  # type: ignore[arg-type]


def _fault_text(fault: pytest.ExceptionInfo[SourceError]) -> str:
    """Everything that any reporter could print of a fault: both languages, JSON, the traceback and the chain behind it."""
    error = fault.value
    assert error.__context__ is None or SECRET not in str(error.__context__)
    shown = "".join(traceback.format_exception(error))
    return shown + error.text("zh") + error.text("en") + str(error.as_json())


def test_csv_cells_are_read_in_every_written_form(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(
        "id,n,cost,day,at,flag,unused\n"
        "a,1,2.50,2024-03-18,2024-03-18 10:30:00,是,x\n"
        "b,-7,3,2024/3/8,2024-03-18T10:30:00.250,0,x\n"
        "c,,, 20240318 ,2024-03-18T16:00:00Z,TRUE,x\n"
        "d,0,1e3,2024.3.18,2024/3/18 9:05,no,x\n"
        "e,0,0,2024-03-18 00:00:00,20240318093000,,x\n"
    )
    frame = open_table(_table("v.csv"), ["n", "cost", "day", "at", "flag"], base=tmp_path).collect()
    assert frame.columns == ["n", "cost", "day", "at", "flag"]
    assert frame["n"].to_list() == [1, -7, None, 0, 0]
    assert frame["cost"].to_list() == [2.5, 3.0, None, 1000.0, 0.0]
    eighteenth = date(2024, 3, 18)
    assert frame["day"].to_list() == [eighteenth, date(2024, 3, 8), eighteenth, eighteenth, eighteenth]
    assert frame["at"].to_list() == [
        datetime(2024, 3, 18, 10, 30),
        datetime(2024, 3, 18, 10, 30, 0, 250_000),
        datetime(2024, 3, 19, 0, 0),
        datetime(2024, 3, 18, 9, 5),
        datetime(2024, 3, 18, 9, 30),
    ]
    assert frame["flag"].to_list() == [True, False, True, False, None]


def test_cells_that_do_not_parse_become_null_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(
        f"id,n,cost,day,at,flag\n{SECRET},{SECRET},nan,24-03-18,2024-03-18 25:00:00,maybe\nb,2,inf,2024-02-30,,\n"
    )
    columns = ["id", "n", "cost", "day", "at", "flag"]
    table = _table("v.csv")
    frame = open_table(table, columns, base=tmp_path).collect()
    assert frame.select(pl.exclude("id")).null_count().row(0) == (1, 2, 2, 2, 2)
    assert unparsed_counts(table, columns, base=tmp_path) == {"id": 0, "n": 1, "cost": 2, "day": 2, "at": 1, "flag": 1}


def test_separator_null_words_and_byte_order_mark_are_honoured(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_bytes("\ufeffid|n\nNULL|1\n|2\n".encode())
    table = _table("v.csv", separator="|", null_values=("NULL",))
    assert open_table(table, ["id", "n"], base=tmp_path).collect().rows() == [(None, 1), ("", 2)]


def test_files_of_a_folder_are_joined_by_column_name(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v/1.csv").write_text("id,n\na,1\n")
    (tmp_path / "v/2.csv").write_text("n,extra,id\n2,x,b\n")
    (tmp_path / "v/_partial.csv").write_text("no,header\n")
    expected = [("a", 1), ("b", 2)]
    assert open_table(_table("v"), ["id", "n"], base=tmp_path).collect().rows() == expected
    assert open_table(_table("v/[0-9].csv"), ["id", "n"], base=tmp_path).collect().rows() == expected


@pytest.mark.parametrize("path", ["../out.csv", "/etc/hostname", "a/../../out.csv"])
def test_a_location_outside_the_source_folder_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.csv").write_text("id\n1\n")
    with pytest.raises(SourceError, match="out of the source folder"):
        open_table(_table(path), ["id"], base=tmp_path / "in")


def test_links_that_point_outside_are_refused_alone_and_in_folders_and_globs(tmp_path: Path) -> None:
    base = tmp_path / "in"
    (base / "folder").mkdir(parents=True)
    (tmp_path / "out.csv").write_text("id\n1\n")
    (base / "link.csv").symlink_to(tmp_path / "out.csv")
    (base / "folder/link.csv").symlink_to(tmp_path / "out.csv")
    (base / "way").symlink_to(tmp_path)
    for path in ("link.csv", "folder", "*.csv", "way/out.csv", "way/*.csv"):
        with pytest.raises(SourceError, match="out of the source folder"):
            open_table(_table(path), ["id"], base=base)


def test_a_pipe_in_place_of_a_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        open_table(_table("v.csv"), ["id"], base=tmp_path)


def test_gb18030_is_transcoded_across_block_borders_and_quoted_line_ends(tmp_path: Path) -> None:
    row = '"欧阳\n㐂娜","𠮷",7\n'
    count = 2 * BLOCK // len(row.encode("gb18030"))
    (tmp_path / "v.csv").write_bytes(("id,name,n\n" + row * count).encode("gb18030"))
    table = _table("v.csv", encoding="gb18030")
    frame = open_table(table, ["n", "id"], base=tmp_path).collect()
    assert frame.shape == (count, 2)
    assert frame.unique().rows() == [(7, "欧阳\n㐂娜")]
    assert take_snapshot(table, base=tmp_path, columns=["id"]).rows == count


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xff\xfe"), ("gb18030", b"\xff\xff")])
def test_invalid_bytes_are_named_by_line_and_offset_and_never_shown(tmp_path: Path, encoding: str, bad: bytes) -> None:
    head = f"id,name\n1,{SECRET}\n2,".encode(encoding)
    (tmp_path / "v.csv").write_bytes(head + bad + b"\n")
    with pytest.raises(SourceError) as fault:
        open_table(_table("v.csv", encoding=encoding), ["id"], base=tmp_path).collect()
    assert f"byte {len(head)} (line 3)" in fault.value.en
    assert fault.value.thing == "v.csv"
    assert SECRET not in _fault_text(fault)
    assert fault.value.__context__ is None


def test_an_offset_in_a_later_block_counts_from_the_start_of_the_file(tmp_path: Path) -> None:
    head = b"id\n" + "汉字\n".encode() * (BLOCK // 7 + 10)
    (tmp_path / "v.csv").write_bytes(head + b"\xff\n")
    with pytest.raises(SourceError, match=rf"byte {len(head)} \(line {head.count(10) + 1}\)"):
        open_table(_table("v.csv"), ["id"], base=tmp_path)


def test_a_character_cut_off_at_the_end_of_a_block_is_named_where_it_begins(tmp_path: Path) -> None:
    head = b"id\n" + b"a\n" * ((BLOCK - 4) // 2)
    (tmp_path / "v.csv").write_bytes(head + b"x" * (BLOCK - 1 - len(head)) + b"\xe6A\n")
    with pytest.raises(SourceError, match=rf"byte {BLOCK - 1} "):
        open_table(_table("v.csv"), ["id"], base=tmp_path)


def test_an_error_of_a_reader_leaves_no_trace_in_ours() -> None:
    with pytest.raises(SourceError) as fault, reading("v.csv"):
        raise ValueError(SECRET)
    assert fault.value.__context__ is None
    assert fault.value.__cause__ is None
    assert SECRET not in _fault_text(fault)


def test_a_missing_or_doubled_column_is_named_and_the_header_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(f"{SECRET},n,n\n1,2,3\n")
    for column in ("id", "n"):
        with pytest.raises(SourceError, match=f"visits.{column}") as fault:
            open_table(_table("v.csv"), [column], base=tmp_path)
        assert SECRET not in _fault_text(fault)


def test_parquet_columns_of_another_type_are_refused_by_name_and_types(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a"], "n": ["1"], "day": [date(2024, 1, 1)]}).write_parquet(tmp_path / "v.parquet")
    table = _table("v.parquet", TableFormat.PARQUET)
    assert open_table(table, ["day", "id"], base=tmp_path).collect().rows() == [(date(2024, 1, 1), "a")]
    with pytest.raises(SourceError, match=r"visits\.n: the source column is String, the catalogue says integer"):
        open_table(table, ["n"], base=tmp_path)
    with pytest.raises(SourceError, match=r"visits\.n.*String"):
        check_schema(table, take_snapshot(table, base=tmp_path, columns=["id", "n"]))


def test_a_column_that_vanished_or_differs_between_files_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a"], "n": [1]}).write_parquet(tmp_path / "v1.parquet")
    pl.DataFrame({"id": ["a"], "n": [1.5]}).write_parquet(tmp_path / "v2.parquet")
    table = _table("v*.parquet", TableFormat.PARQUET)
    with pytest.raises(SourceError, match=r"visits\.n"):
        check_schema(table, take_snapshot(table, base=tmp_path, columns=["n"]))
    with pytest.raises(SourceError, match=r"visits\.day: the column is in the catalogue but not in the source"):
        check_schema(table, take_snapshot(table, base=tmp_path, columns=["day"]))
    check_schema(table, take_snapshot(table, base=tmp_path, columns=["id"]))


def test_dictionary_types_become_text_and_their_values_stay_out_of_the_snapshot(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": pl.Series([SECRET], dtype=pl.Enum([SECRET]))})
    frame.write_parquet(tmp_path / "v.parquet")
    table = _table("v.parquet", TableFormat.PARQUET)
    assert open_table(table, ["id"], base=tmp_path).collect_schema()["id"] == pl.String
    assert SECRET not in str(take_snapshot(table, base=tmp_path, columns=["id"]))


@pytest.mark.parametrize("damage", ["truncated", "not parquet", "empty file", "page"])
def test_damaged_parquet_is_named_by_file_only(tmp_path: Path, damage: str) -> None:
    whole = tmp_path / "v.parquet"
    pl.DataFrame({"id": [SECRET + str(i) for i in range(1000)]}).write_parquet(whole, compression="snappy")
    content = bytearray(whole.read_bytes())
    if damage == "page":
        content[4:400] = b"\xff" * 396
    whole.write_bytes(
        {"truncated": content[:-40], "not parquet": SECRET.encode() * 9, "empty file": b""}.get(damage, bytes(content))
    )
    table = _table("v.parquet", TableFormat.PARQUET)
    with pytest.raises(SourceError) as fault:
        take_snapshot(table, base=tmp_path, columns=["id"])
        check_unique(open_table(table, ["id"], base=tmp_path), table, ["id"])
    assert fault.value.thing in {"v.parquet", "visits"}
    assert SECRET not in _fault_text(fault)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    with pytest.raises(SourceError, match="no file of the table"):
        take_snapshot(_table("v"), base=tmp_path, columns=["id"])


def test_a_snapshot_shows_rows_columns_digest_and_notices_every_change(tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_text("id,n\na,1\nb,2\n")
    table = _table("v.csv")
    before = take_snapshot(table, base=tmp_path, columns=["id"])
    assert (before.rows, before.columns_total, before.dtypes) == (2, 2, (("id", "String"),))
    assert before.files[0].digest_of is DigestOf.WHOLE
    check_unchanged(before, take_snapshot(table, base=tmp_path, columns=["id"]))
    file.write_text("id,n\na,1\nb,3\n")
    os.utime(file, ns=(before.files[0].mtime_ns, before.files[0].mtime_ns))
    with pytest.raises(SourceError, match=r"1 file\(s\): v.csv"):
        check_unchanged(before, take_snapshot(table, base=tmp_path, columns=["id"]))


def test_a_large_file_is_digested_by_samples_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "v.csv"
    file.write_bytes(b"id\n" + b"0123456789\n" * 2_000_000)
    monkeypatch.setattr(looks, "WHOLE_BELOW", 1024)
    table = _table("v.csv")
    before = take_snapshot(table, base=tmp_path, columns=["id"]).files[0]
    with file.open("r+b") as stream:
        stream.seek(-5, 2)
        stream.write(b"X")
    after = take_snapshot(table, base=tmp_path, columns=["id"]).files[0]
    assert before.digest_of is DigestOf.SAMPLED
    assert before.digest != after.digest


def test_repeated_and_empty_keys_are_refused_by_count_only() -> None:
    table = _table("v.csv")
    frame = pl.DataFrame({"id": [SECRET, SECRET, SECRET, "b"], "n": [1, 1, 2, 3]})
    check_unique(frame.tail(2), table, ["id"])
    with pytest.raises(SourceError, match=r"visits\.id: 2 row\(s\) repeat") as fault:
        check_unique(frame, table, ["id"])
    assert SECRET not in _fault_text(fault)
    with pytest.raises(SourceError, match=r"visits\.id\+n: 1 row\(s\) repeat"):
        check_unique(frame.lazy(), table, ["id", "n"])
    with pytest.raises(SourceError, match=r"1 row\(s\) without a key"):
        check_unique(pl.DataFrame({"id": ["a", None]}), table, ["id"])


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("row", [f"{SECRET},1,{SECRET}", SECRET, f'"{SECRET}', f'a,1\n\n"b,c",2\n{SECRET},1,2'])
def test_a_record_of_another_length_is_refused_without_showing_it(tmp_path: Path, row: str, encoding: str) -> None:
    (tmp_path / "v.csv").write_bytes(f'id,n\n"a,\n{SECRET}",1\n{row}\n'.encode(encoding))
    with pytest.raises(SourceError, match=r"record \d has not as many fields as the header \(2\)") as fault:
        open_table(_table("v.csv", encoding=encoding), ["id"], base=tmp_path)
    assert SECRET not in _fault_text(fault)


def test_records_are_counted_alike_wherever_a_block_ends() -> None:
    content = b'id,n\r\n"a,""b",1\r\n\r\nc,"2\n3"\r\nd,4'
    for cut in range(len(content)):
        shape = RecordShape("v.csv", ",")
        shape.feed(content[:cut])
        shape.feed(content[cut:])
        shape.close()
        wrong = RecordShape("v.csv", ",")
        with pytest.raises(SourceError, match="record 6 has"):
            for part in (content[:cut], content[cut:] + b"\ne,5,", b"6\n"):
                wrong.feed(part)


def test_a_field_that_is_not_in_the_catalogue_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("id,other\n1,2\n")
    with pytest.raises(SourceError, match=r"visits\.other: the table has no such field"):
        open_table(_table("v.csv"), ["other"], base=tmp_path)


def test_two_spellings_of_one_identity_are_one_key() -> None:
    table = _table("v.csv")
    with pytest.raises(SourceError, match="2 row"):
        check_unique(pl.DataFrame({"id": ["a1", "a1 ", "ａ１", "b"]}), table, ["id"])
    with pytest.raises(SourceError, match="1 row"):
        check_unique(pl.DataFrame({"id": ["a", " "]}), table, ["id"])
