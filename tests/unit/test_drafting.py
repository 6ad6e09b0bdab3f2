"""A drafted catalogue is accepted by the checker, is strict in doubt, and holds no value of the tables it was drafted from."""

from __future__ import annotations

import json
import traceback
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from extractor.catalogue import Catalogue, FieldClass, Subject, TableFormat, ValueFormat
from extractor.deid.identifiers import resident_id_check
from extractor.errors import SourceError, UsageError
from extractor.forms.catalogue_form import read_catalogue
from extractor.sources.tables import open_table
from extractor.workflow.drafting import Draft, draft_catalogue
from extractor.workflow.drafting_names import name_evidence

SECRET = "欧阳秘密13812345678"
_SURNAMES, _GIVEN = (
    "王李张刘陈杨赵黄周吴",
    ("建国", "秀英", "志强", "丽娟", "海燕", "国华", "晓东", "玉兰", "文博", "雨桐"),
)


def _names(count: int) -> list[str]:
    return [_SURNAMES[i % 10] + _GIVEN[(i // 10) % 10] for i in range(count)]


def _resident_ids(count: int) -> list[str]:
    stems = [f"350102{1950 + i % 50}0101{i:03d}" for i in range(count)]
    return [stem + resident_id_check(stem) for stem in stems]


def _catalogue(draft: Draft, folder: Path) -> Catalogue:
    file = folder / "drafted.yaml"
    file.write_text(draft.yaml, "utf-8")
    return read_catalogue(file)


def _hospital(folder: Path, count: int = 60) -> Path:
    """Write a small hospital: patients in two Parquet files, visits as CSV."""
    source = folder / "source"
    (source / "patients").mkdir(parents=True)
    patients = pl.DataFrame(
        {
            "BAH": [f"P{i:06d}" for i in range(count)],
            "BRXM": _names(count),
            "SFZJHM": _resident_ids(count),
            "XB": ["男", "女"] * (count // 2),
            "CSRQ": [date(1950, 1, 1) + timedelta(days=97 * i) for i in range(count)],
            "LXRDH": [f"138{i:08d}" for i in range(count)],
        }
    )
    patients[: count // 2].write_parquet(source / "patients" / "part-00000.parquet")
    patients[count // 2 :].write_parquet(source / "patients" / "part-00001.parquet")
    visits = pl.DataFrame(
        {
            "ZYH": [f"Z{i:06d}" for i in range(2 * count)],
            "BAH": [f"P{i % count:06d}" for i in range(2 * count)],
            "RYRQ": ["2024-03-18"] * (2 * count),
            "JBDM": ["I10.x00", "E11.900"] * count,
            "ZFY": ["1234.50"] * (2 * count),
        }
    )
    visits.write_csv(source / "visits.csv")
    return source


def test_a_draft_passes_the_checker_and_its_tables_can_be_read_by_it(tmp_path: Path) -> None:
    source = _hospital(tmp_path)
    catalogue = _catalogue(draft_catalogue(source), tmp_path)
    assert [table.name for table in catalogue.tables] == ["patients", "visits"]
    for table in catalogue.tables:
        assert open_table(table, table.field_names, base=source).collect().height in (60, 120)


def test_names_and_values_together_say_what_a_column_is(tmp_path: Path) -> None:
    catalogue = _catalogue(draft_catalogue(_hospital(tmp_path)), tmp_path)
    said = {(f.name, f.kind, f.cls.value, f.format.value) for table in catalogue.tables for f in table.fields}
    assert said == {
        ("BAH", "record_number", "direct", "text"),
        ("BRXM", "person_name", "direct", "text"),
        ("SFZJHM", "resident_id", "direct", "text"),
        ("XB", "category", "quasi", "text"),
        ("CSRQ", "birth_date", "quasi", "date"),
        ("LXRDH", "phone", "direct", "text"),
        ("ZYH", "record_number", "direct", "text"),
        ("RYRQ", "event_date", "quasi", "date"),
        ("JBDM", "icd10", "sensitive", "text"),
        ("ZFY", "amount", "sensitive", "decimal"),
    }
    relative = catalogue.field("patients", "LXRDH")
    assert relative is not None and relative.subject is Subject.RELATIVE


def test_keys_are_found_by_uniqueness_and_by_values_that_tables_share(tmp_path: Path) -> None:
    draft = draft_catalogue(_hospital(tmp_path))
    catalogue = _catalogue(draft, tmp_path)
    patients, visits = catalogue.tables
    assert (patients.person, patients.key, patients.identity) == ("BAH", ("BAH",), True)
    assert (visits.person, visits.key, visits.period, visits.identity) == ("BAH", ("ZYH",), "RYRQ", False)
    assert draft.evidence["shared"] == [{"left": ["patients", "BAH"], "right": ["visits", "BAH"], "values": 60}]
    shared = [catalogue.field(table, "BAH") for table in ("patients", "visits")]
    assert {field.domain for field in shared if field} == {"person"}


def test_parts_of_a_folder_become_a_glob(tmp_path: Path) -> None:
    catalogue = _catalogue(draft_catalogue(_hospital(tmp_path)), tmp_path)
    assert catalogue.tables[0].location.path == "patients/part-*.parquet"


def test_identifiers_are_found_where_names_say_nothing(tmp_path: Path) -> None:
    count = 80
    notes = [
        f"患者{name},因反复胸闷入院,既往高血压病史十年,联系电话13{i:09d}。" for i, name in enumerate(_names(count))
    ]
    frame = pl.DataFrame(
        {
            "C1": _resident_ids(count),
            "C2": [f"139{i:08d}" for i in range(count)],
            "C3": [f"user{i}@example.org" for i in range(count)],
            "C4": [f"K-{i:05d}" for i in range(count)],
            "C5": notes,
            "C6": ["A", "B"] * (count // 2),
            "C7": _names(count),
            "C8": ["2024-01-02"] * count,
        }
    )
    frame.write_csv(tmp_path / "odd.csv")
    fields = _catalogue(draft_catalogue(tmp_path / "odd.csv"), tmp_path).tables[0].fields
    assert [(field.kind, field.cls) for field in fields] == [
        ("resident_id", FieldClass.DIRECT),
        ("phone", FieldClass.DIRECT),
        ("email", FieldClass.DIRECT),
        ("record_number", FieldClass.DIRECT),
        ("free_text", FieldClass.SENSITIVE),
        ("category", FieldClass.SENSITIVE),
        ("person_name", FieldClass.DIRECT),
        ("event_date", FieldClass.QUASI),
    ]


def test_a_name_that_says_other_does_not_hide_citizen_numbers(tmp_path: Path) -> None:
    pl.DataFrame({"ZDLX": ["主要"] * 90 + _resident_ids(10)}).write_csv(tmp_path / "t.csv")
    field = _catalogue(draft_catalogue(tmp_path / "t.csv"), tmp_path).tables[0].fields[0]
    assert (field.kind, field.cls) == ("resident_id", FieldClass.DIRECT)


def test_nameless_record_numbers_that_repeat_and_coordinates_are_direct(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"C1": [f"{40_000_000 + i // 4}" for i in range(200)], "C2": [f"26.0{i:03d}71" for i in range(200)]}
    )
    frame.write_csv(tmp_path / "t.csv")
    fields = _catalogue(draft_catalogue(tmp_path / "t.csv"), tmp_path).tables[0].fields
    assert [(field.kind, field.cls) for field in fields] == [
        ("record_number", FieldClass.DIRECT),
        ("quantity", FieldClass.DIRECT),
    ]


def test_numbers_of_an_integer_column_are_looked_at_too(tmp_path: Path) -> None:
    pl.DataFrame({"C1": [13800000000 + i for i in range(50)]}).write_parquet(tmp_path / "t.parquet")
    field = _catalogue(draft_catalogue(tmp_path / "t.parquet"), tmp_path).tables[0].fields[0]
    assert (field.kind, field.cls) == ("phone", FieldClass.DIRECT)


def test_a_planted_value_stands_neither_in_the_draft_nor_in_its_evidence(tmp_path: Path) -> None:
    planted = {"姓名": [SECRET] * 30, "备注": [f"见{SECRET}处"] * 30, "X9": [SECRET] * 30, "诊断": [SECRET, "b"] * 15}
    pl.DataFrame(planted).write_csv(tmp_path / "t.csv")
    draft = draft_catalogue(tmp_path / "t.csv")
    shown = draft.yaml + json.dumps(draft.evidence, ensure_ascii=False) + repr(draft)
    assert "姓名" in shown
    assert not any(piece in shown for piece in (SECRET, "欧阳", "13812345678"))


@pytest.mark.parametrize(
    "content",
    [
        f"{SECRET},男,13800138000\n{SECRET},女,13900139000\n".encode(),  # no header
        f"男,{SECRET}\n男,{SECRET}\n".encode(),  # no header, and no digits by themselves
        f"姓名,性别\n{SECRET},男,多\n".encode(),  # a record too long
        f"姓名,性别,民族\n{SECRET},男\n".encode(),  # a record too short
        f"姓名,性别\n{SECRET},".encode() + b"\xff\xff\n",  # neither UTF-8 nor GB18030
        f"姓名,姓名\n{SECRET},男\n".encode(),  # a name twice
        b"",
    ],
)
def test_a_file_that_cannot_be_drafted_is_refused_without_a_value(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        draft_catalogue(tmp_path)
    shown = "".join(traceback.format_exception(caught.value)) + json.dumps(caught.value.as_json(), ensure_ascii=False)
    assert "t.csv" in shown
    assert "欧阳" not in shown and "1380013" not in shown


def test_a_damaged_parquet_file_and_an_empty_folder_are_source_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        draft_catalogue(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + SECRET.encode())
    with pytest.raises(SourceError, match=r"t\.parquet") as caught:
        draft_catalogue(tmp_path)
    assert "欧阳" not in str(caught.value)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("a,b\nx,y\n")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "t.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(SourceError, match="leads out"):
        draft_catalogue(tmp_path / "inside")


def test_an_empty_table_is_drafted_by_names_and_otherwise_as_direct(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("性别,X1\n", "utf-8")
    draft = draft_catalogue(tmp_path)
    fields = _catalogue(draft, tmp_path).tables[0].fields
    assert [field.cls for field in fields] == [FieldClass.QUASI, FieldClass.DIRECT]
    assert draft.evidence["to_decide"] == 2


def test_a_gb18030_file_is_known_as_such_and_read(tmp_path: Path) -> None:
    rows = "".join(f"{name};男\n" for name in _names(40))
    (tmp_path / "病人.csv").write_bytes(("姓名;性别\n" + rows).encode("gb18030"))
    table = _catalogue(draft_catalogue(tmp_path), tmp_path).tables[0]
    assert (table.name, table.location.encoding, table.location.separator) == ("病人", "gb18030", ";")
    assert table.location.format is TableFormat.CSV
    assert [(f.kind, f.format) for f in table.fields] == [
        ("person_name", ValueFormat.TEXT),
        ("category", ValueFormat.TEXT),
    ]


@pytest.mark.parametrize("sample", [1, 7, 100, 5000])
def test_no_more_rows_than_asked_are_held(tmp_path: Path, sample: int) -> None:
    frame = pl.DataFrame({"XH": list(range(1000)), "XB": ["男"] * 1000})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_csv(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_bytes(frame.write_csv().encode("gb18030"))
    (tmp_path / "d").mkdir()
    for part in range(4):
        frame.write_parquet(tmp_path / "d" / f"p{part}.parquet")
    held = {
        name: table["rows_sampled"]
        for name, table in draft_catalogue(tmp_path, sample=sample).evidence["tables"].items()
    }
    assert all(min(sample, 1000) // 2 <= rows <= sample for rows in held.values()), held


def test_a_sample_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\nx\n")
    with pytest.raises(UsageError):
        draft_catalogue(tmp_path, sample=0)


def test_a_key_that_repeats_among_neighbours_is_not_proposed(tmp_path: Path) -> None:
    frame = pl.DataFrame({"就诊号": [f"V{i // 2:06d}" for i in range(20_000)], "XB": ["男", "女"] * 10_000})
    frame.write_csv(tmp_path / "t.csv")
    assert _catalogue(draft_catalogue(tmp_path, sample=500), tmp_path).tables[0].key == ()


def test_what_a_person_must_decide_is_marked_and_facets_that_cannot_be_known_are_placeholders(tmp_path: Path) -> None:
    pl.DataFrame({"C6": ["A", "B"] * 20}).write_csv(tmp_path / "t.csv")
    lines = draft_catalogue(tmp_path).yaml.splitlines()
    assert next(line for line in lines if '"C6":' in line).endswith("# 请核对")
    assert any("responsible: 待填" in line for line in lines)
    assert any(line.strip().startswith("# evidence: by few values; non-null 40/40; distinct 2") for line in lines)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("patient_nbr", "record_number"), ("PATIENTID", "record_number"), ("subjectId", "record_number"),
        ("FirstName", "person_name"), ("联系人姓名", "person_name"), ("e-mail", "email"), ("mobile_no", "phone"),
        ("患者身份证号", "resident_id"), ("sfzjhm", "resident_id"), ("JBDM2", "icd10"), ("出生日期", "birth_date"),
        ("DOB", "birth_date"), ("home_address", "address"), ("ZIP", "postcode"), ("marital_status", "category"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(column: str, kind: str) -> None:
    found = name_evidence(column)
    assert found is not None and found.kind == kind


def test_a_name_that_says_nothing_is_no_evidence() -> None:
    assert [name_evidence(column) for column in ("C1", "foo", "paid", "甲", "x_9")] == [None] * 5
