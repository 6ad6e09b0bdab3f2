"""The sources of the demo: recognised by their files, prepared as their catalogues say, refused without a value shown."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from extractor.demo.sources import example_folder, prepare_source, recognise_source
from extractor.errors import SourceError, StorageError, UsageError

SYNTHEA = ("patients", "conditions", "medications", "careplans", "providers", "organizations")
CSV = b"encounter_id,patient_nbr\n1,2\n"
NARRATIVE = {
    "text": "王建国医生接诊。陶立轩,62岁,电话13857123456,住福州市。",
    "spans": [
        {"start": 0, "end": 3, "label": "PERSON", "orig": "doctor"},
        {"start": 8, "end": 11, "label": "PERSON", "orig": "name"},
        {"start": 12, "end": 15, "label": "AGE", "orig": "age"},
        {"start": 18, "end": 29, "label": "PHONE", "orig": "phoneNumbers"},
    ],
}


def write_zip(path: Path, member: str = "dataset_diabetes/diabetic_data.csv") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, CSV * 100)
        archive.writestr("dataset_diabetes/IDs_mapping.csv", b"a,b\n")


def write_synthea(folder: Path) -> None:
    for name in SYNTHEA:
        (folder / f"{name}.csv").write_bytes(f"Id,{name}\n1,x\n".encode())


def write_narratives(folder: Path, *bodies: object) -> Path:
    file = folder / "multipriv_zh_dev.jsonl"
    file.write_text("\n".join(json.dumps(body, ensure_ascii=False) for body in bodies) + "\n", "utf-8")
    return file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_each_source_is_recognised_by_its_files(source: Path) -> None:
    (source / "other.txt").write_text("x")
    write_zip(source / "dataset_diabetes.zip")
    assert recognise_source(source).name == "diabetes130"
    (source / "dataset_diabetes.zip").unlink()
    write_synthea(source)
    assert recognise_source(source).name == "synthea"
    (source / "careplans.csv").unlink()
    write_narratives(source, NARRATIVE)
    assert recognise_source(source).name == "multipriv"


def test_a_folder_without_a_known_source_is_refused_with_what_is_recognised(source: Path) -> None:
    with pytest.raises(UsageError) as caught:
        recognise_source(source)
    for name in ("diabetes130", "dataset_diabetes.zip", "synthea", "careplans.csv", "multipriv"):
        assert name in caught.value.text("en")
        assert name in caught.value.text("zh")


def test_a_missing_folder_is_refused(source: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        recognise_source(source / "nowhere")


def test_a_folder_with_two_sources_is_refused_rather_than_guessed(source: Path) -> None:
    write_synthea(source)
    write_narratives(source, NARRATIVE)
    with pytest.raises(UsageError, match="several"):
        recognise_source(source)


def test_the_diabetes_table_is_unzipped_and_nothing_else(source: Path, data: Path) -> None:
    write_zip(source / "dataset_diabetes.zip")
    prepare_source(recognise_source(source), data)
    assert [path.name for path in data.iterdir()] == ["diabetic_data.csv"]
    assert (data / "diabetic_data.csv").read_bytes() == CSV * 100


def test_an_unzipped_diabetes_table_is_preferred_and_copied(source: Path, data: Path) -> None:
    write_zip(source / "dataset_diabetes.zip")
    (source / "diabetic_data.csv").write_bytes(CSV)
    prepare_source(recognise_source(source), data)
    assert (data / "diabetic_data.csv").read_bytes() == CSV


@pytest.mark.parametrize("member", ["dataset_diabetes/else.csv", "x_diabetic_data.csv"])
def test_an_archive_without_the_table_is_refused_and_leaves_nothing(source: Path, data: Path, member: str) -> None:
    write_zip(source / "dataset_diabetes.zip", member)
    with pytest.raises(SourceError, match=r"dataset_diabetes\.zip"):
        prepare_source(recognise_source(source), data)
    assert list(data.iterdir()) == []


def test_a_damaged_archive_is_refused_and_leaves_nothing(source: Path, data: Path) -> None:
    archive = source / "dataset_diabetes.zip"
    write_zip(archive)
    whole = archive.read_bytes()
    at = whole.index(b"diabetic_data.csv") + 25
    for content in (whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :], whole[: len(whole) // 2], b""):
        archive.write_bytes(content)
        with pytest.raises(SourceError, match="damaged"):
            prepare_source(recognise_source(source), data)
        assert list(data.iterdir()) == []


def test_synthea_tables_are_copies_so_that_the_source_stays_untouched(source: Path, data: Path) -> None:
    write_synthea(source)
    prepare_source(recognise_source(source), data)
    assert sorted(path.stem for path in data.iterdir()) == sorted(SYNTHEA)
    (data / "patients.csv").write_bytes(b"overwritten")
    assert (source / "patients.csv").read_bytes() == b"Id,patients\n1,x\n"
    assert not any(path.is_symlink() for path in data.iterdir())


def test_a_narrative_becomes_a_patient_with_what_is_annotated_and_a_note(source: Path, data: Path) -> None:
    write_narratives(source, NARRATIVE, {"text": "无标注", "spans": []})
    prepare_source(recognise_source(source), data)
    patients, notes = pl.read_parquet(data / "patients.parquet"), pl.read_parquet(data / "notes.parquet")
    assert patients.rows(named=True) == [
        {
            "ID": "MP000001",
            "NAME": "陶立轩",  # The doctor comes first in the text and is not the patient.
            "RESIDENT_ID": None,
            "PHONE": "13857123456",
            "EMAIL": None,
            "ADDRESS": None,
            "AGE": 62,
        },
        {"ID": "MP000002", **dict.fromkeys(("NAME", "RESIDENT_ID", "PHONE", "EMAIL", "ADDRESS", "AGE"))},
    ]
    assert patients.schema["AGE"] == pl.Int64
    assert patients.schema["EMAIL"] == pl.String
    assert notes.rows() == [("MP000001", NARRATIVE["text"]), ("MP000002", "无标注")]


def test_an_age_that_is_not_in_years_is_left_out(source: Path, data: Path) -> None:
    ages = ("62", "62周岁", "3个月", "六十岁")
    bodies = [{"text": age, "spans": [{"start": 0, "end": len(age), "label": "AGE"}]} for age in ages]
    write_narratives(source, *bodies)
    prepare_source(recognise_source(source), data)
    assert pl.read_parquet(data / "patients.parquet")["AGE"].to_list() == [62, 62, None, None]


@pytest.mark.parametrize(
    "body",
    [
        ["陶立轩"],
        {"text": "陶立轩"},
        {"text": 1, "spans": []},
        {"text": "陶立轩", "spans": ["陶立轩"]},
        {"text": "陶立轩", "spans": [{"start": 0, "end": 4, "label": "PERSON"}]},
        {"text": "陶立轩", "spans": [{"start": 2, "end": 1, "label": "PERSON"}]},
        {"text": "陶立轩\ud800", "spans": []},
    ],
)
def test_a_broken_narrative_is_named_by_its_line_and_shown_nowhere(source: Path, data: Path, body: object) -> None:
    file = write_narratives(source, NARRATIVE)
    file.write_text(file.read_text("utf-8") + json.dumps(body) + "\n", "utf-8")
    with pytest.raises(SourceError) as caught:
        prepare_source(recognise_source(source), data)
    assert caught.value.thing == "multipriv_zh_dev.jsonl:2"
    assert "陶立轩" not in repr((caught.value, caught.value.__cause__, caught.value.__context__))
    assert list(data.iterdir()) == []


def test_a_line_that_is_no_json_is_named_by_its_line(source: Path, data: Path) -> None:
    file = write_narratives(source, NARRATIVE)
    file.write_text(file.read_text("utf-8") + '{"text": "陶立轩', "utf-8")
    with pytest.raises(SourceError) as caught:
        prepare_source(recognise_source(source), data)
    assert caught.value.thing == "multipriv_zh_dev.jsonl:2"
    # The decoder's own error holds the whole line.
    assert caught.value.__context__ is None


def test_a_file_that_is_there_already_is_kept_and_the_others_are_removed(source: Path, data: Path) -> None:
    write_synthea(source)
    data.mkdir()
    (data / "careplans.csv").write_text("mine")
    with pytest.raises(StorageError, match=r"careplans\.csv"):
        prepare_source(recognise_source(source), data)
    assert {path.name: path.read_text() for path in data.iterdir()} == {"careplans.csv": "mine"}


def test_each_example_is_found_and_an_unknown_one_is_refused_with_those_that_exist() -> None:
    for name in ("hospital", "diabetes130", "synthea", "multipriv", "minimal"):
        assert {"catalogue.yaml", "request.yaml"} <= {path.name for path in example_folder(name).iterdir()}
    for name in ("nowhere", "", "..", "hospital/../minimal"):
        with pytest.raises(UsageError, match="multipriv"):
            example_folder(name)
