"""The main job on real and synthetic tables of others; nothing of what names somebody in them may be in what is opened.

The sets lie beside the project and are read in place; where they are absent the tests are skipped.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractor.demo.show import run_demo

SHARED = Path(__file__).parents[3] / "shared" / "data"
PLACES = {
    "diabetes130": SHARED / "tables" / "diabetes130",
    "synthea": SHARED / "tables" / "synthea",
    "multipriv": SHARED / "text",
}


@dataclass(frozen=True)
class Shown:
    """A demo that was run: its home, its result, and the opened tables."""

    home: Path
    result: dict[str, Any] = field(repr=False)

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(Path(self.result["opened"]) / "data" / f"{name}.parquet")

    def cells(self) -> Iterator[str]:
        """Yield every distinct cell of every opened table as text."""
        for file in (Path(self.result["opened"]) / "data").iterdir():
            for column in pl.read_parquet(file).iter_columns():
                yield from column.cast(pl.String).drop_nulls().unique().to_list()

    def documents(self) -> str:
        """Return the text of every record, log, manifest and report that the run left."""
        files = [*self.home.glob("records/**/*"), *self.home.glob("recipient/opened/*.*")]
        return "\n".join(path.read_text("utf-8", errors="replace") for path in files if path.is_file())


def shown(name: str, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    if not PLACES[name].is_dir() or (name == "multipriv" and not list(PLACES[name].glob("multipriv_zh*.jsonl"))):
        pytest.skip(f"{name} is not on this machine (../shared/data)")
    home = tmp_path_factory.mktemp(name) / "home"
    return Shown(home, run_demo(home, rows=0, source=PLACES[name], report=lambda _: None, say=None))


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown("diabetes130", tmp_path_factory)


@pytest.fixture(scope="module")
def synthea(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown("synthea", tmp_path_factory)


@pytest.fixture(scope="module")
def multipriv(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown("multipriv", tmp_path_factory)


def csv_column(shown: Shown, table: str, *columns: str) -> set[str]:
    with (shown.home / "data" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {row[name] for row in csv.DictReader(file) for name in columns if row[name]}


def held(values: set[str], texts: list[str]) -> int:
    """Count the texts that hold one of the values; a count and not the values, because a failure would print them."""
    frame = pl.Series(texts)
    return int(frame.str.contains_any(sorted(values)).sum()) if values else 0


def test_the_diabetes_table_gives_no_original_number(diabetes: Shown) -> None:
    numbers = csv_column(diabetes, "diabetic_data", "encounter_id", "patient_nbr")
    assert len(numbers) > 100_000
    given = diabetes.table("encounters")
    for name in ("encounter_id", "patient_nbr"):
        assert given[name].str.contains(r"^[b-z]{20}$").all()
    # As a whole cell: a count of medicines may well be another patient's shortest number.
    assert not set(diabetes.cells()) & {number for number in numbers if len(number) > 4}


def test_the_diabetes_population_is_kept_and_everybody_is_in_a_class_of_five(diabetes: Shown) -> None:
    given = diabetes.table("encounters")
    assert int(given["time_in_hospital"].min() or 0) >= 3  # type: ignore[arg-type]
    profiles = given.group_by("patient_nbr").agg(pl.struct("race", "gender", "age").unique().sort().alias("profile"))
    sizes = profiles.group_by("profile").len()["len"]
    assert int(sizes.min()) >= 5  # type: ignore[arg-type]
    assert diabetes.result["persons"] == profiles.height + diabetes.result["persons_left_out"]


def test_synthea_gives_nothing_that_names_a_person(synthea: Shown) -> None:
    cells = list(synthea.cells())
    numbers = csv_column(synthea, "patients", "Id", "SSN", "DRIVERS", "PASSPORT", "ADDRESS")
    numbers |= csv_column(synthea, "conditions", "ENCOUNTER") | csv_column(synthea, "providers", "Id")
    names = csv_column(synthea, "patients", "FIRST", "LAST", "MAIDEN")
    assert len(numbers) > 5_000 and len(names) > 300
    assert held(numbers, cells) == 0
    # Synthea's names end in digits (Abe604), so that they cannot be part of a word.
    assert all(re.search(r"\d", name) for name in names if "'" not in name)
    assert held(names, cells) == 0
    assert held(numbers | names, [synthea.documents()]) == 0


def test_synthea_gives_the_living_adults_and_shifted_days(synthea: Shown) -> None:
    with (synthea.home / "data" / "patients.csv").open(encoding="utf-8", newline="") as file:
        living = sum(not row["DEATHDATE"] and row["BIRTHDATE"] <= "2003-12-31" for row in csv.DictReader(file))
    given = synthea.table("patients")
    assert 0 < given.height <= living
    assert set(synthea.table("conditions")["PATIENT"]) <= set(given["Id"])
    assert set(synthea.table("medications")["PATIENT"]) <= set(given["Id"])
    assert "FIRST" not in given.columns
    assert given["SSN"].str.contains(r"^[b-z]{20}$").all()


def annotated(labels: set[str]) -> list[tuple[str, list[str]]]:
    """Return text and annotated values of each narrative."""
    found = []
    for file in sorted(PLACES["multipriv"].glob("multipriv_zh*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            body = json.loads(line)
            values = [body["text"][s["start"] : s["end"]] for s in body["spans"] if s["label"] in labels]
            found.append((body["text"], values))
    return found


NUMBERS = {"ID_CARD", "RESIDENT_ID", "PHONE", "EMAIL", "PASSPORT", "BANK_CARD"}


def test_no_narrative_gives_an_annotated_number_or_address_of_its_person(multipriv: Shown) -> None:
    texts = multipriv.table("notes")["TEXT"].to_list()
    numbers = {value for _, values in annotated(NUMBERS) for value in values if len(value) > 6}
    assert held(numbers, [text for text, _ in annotated(NUMBERS)]) > 100
    assert held(numbers, texts) == 0
    columns = pl.read_parquet(multipriv.home / "data" / "patients.parquet")
    for name in ("RESIDENT_ID", "PHONE", "EMAIL", "ADDRESS"):
        assert held({value for value in columns[name].drop_nulls() if len(value) > 5}, texts) == 0, name


def test_no_narrative_gives_the_name_of_its_own_person(multipriv: Shown) -> None:
    patients = pl.read_parquet(multipriv.home / "data" / "patients.parquet")
    notes = pl.read_parquet(multipriv.home / "data" / "notes.parquet").join(patients.select("ID", "NAME"), on="ID")
    given = multipriv.table("notes")["TEXT"].to_list()
    # Names of two characters are left out: they may be part of a word in somebody else's text.
    names = {name for name in notes["NAME"].drop_nulls() if len(name) > 2}
    assert held(names, notes["TEXT"].to_list()) > 50
    assert held(names, given) == 0


@pytest.mark.parametrize("source", ["diabetes", "synthea", "multipriv"])
def test_the_whole_job_ends_with_every_record_verified(source: str, request: pytest.FixtureRequest) -> None:
    done: Shown = request.getfixturevalue(source)
    assert done.result["risk"]["k"] >= 5 and done.result["risk"]["R"] <= 0.05
    for name in ("package", "run_record", "destruction_record", "opened", "log"):
        assert Path(done.result[name]).exists(), name
    assert not list((done.home / "scratch").iterdir())
    assert sum(table["rows_given"] for table in done.result["tables"]) == sum(
        pl.read_parquet(file).height for file in (Path(done.result["opened"]) / "data").iterdir()
    )
