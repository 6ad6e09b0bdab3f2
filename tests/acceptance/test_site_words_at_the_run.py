"""The site's dictionaries and the recognisers of others in a whole run: what they find is gone, what changes stops the run."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyrage
import pytest

NUMBER = f"RQ-{date.today().year}-0001"
DICTIONARIES = """
dictionaries:
  doctors: {name: 本院医师, kind: staff, table: visits, column: DOCTOR}
  rounds: {name: 本院用语, kind: institution, file: words.txt}
"""
FEW: dict[str, Any] = {
    "variables": {
        table: {name: {"level": level, "reason": "研究所需的变量"} for name, level in columns.items()}
        for table, columns in {
            "patients": {"PID": "pseudonym", "SEX": "raw"},
            "notes": {"PID": "pseudonym", "TEXT": "redacted"},
        }.items()
    },
}  # fmt: skip


@pytest.fixture
def with_words(fresh: Any) -> Any:
    """An installation whose catalogue has dictionaries; the file's only term stands in every note."""
    catalogues = fresh.home / "catalogues"
    (catalogues / "words.txt").write_text("# 用语\n查房\n", "utf-8")
    file = catalogues / "clinic.yaml"
    file.write_text(file.read_text("utf-8") + DICTIONARIES, "utf-8")
    return fresh


def notes(clinic: Any, package: str) -> list[str]:
    identity = pyrage.x25519.Identity.from_str(
        next(line for line in clinic.identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY"))
    )
    with zipfile.ZipFile(package) as archive:
        content = pyrage.decrypt(archive.read("data/notes.parquet.age"), [identity])
    return pl.read_parquet(io.BytesIO(content))["TEXT"].to_list()


def test_the_dictionaries_are_used_and_their_tables_are_in_plan_and_log(with_words: Any) -> None:
    number = with_words.approved(**FEW)
    answer = with_words.run(number)
    assert answer.code == 0, answer.err
    texts = notes(with_words, answer.json["package"])
    assert texts and all("〔机构〕" in text and "查房" not in text for text in texts)
    assert not with_words.watch.in_bytes("".join(texts).encode())
    entries = with_words.ok("log", "search", "--request", number)["entries"]
    read = {name for entry in entries if entry["verb"] == "access" for name in entry.get("columns", ())}
    assert "visits.DOCTOR" in read
    assert "visits.DOCTOR" not in {name for e in entries if e["verb"] == "run_end" for name in e.get("columns", ())}


def test_a_term_that_is_added_after_approval_voids_the_approval(with_words: Any) -> None:
    number = with_words.approved(**FEW)
    words = with_words.home / "catalogues" / "words.txt"
    words.write_text("# 用语\n查房\n血糖\n", "utf-8")
    with_words.run(number).said(6, "catalogue")
    with_words.nothing_begun()


def test_a_recogniser_of_others_that_does_not_load_stops_the_run_before_anything_is_read(
    approved: Any, tmp_path: Path
) -> None:
    info = tmp_path / "site" / "hospital_wards-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hospital-wards\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[extractor.recognisers]\nwards = hospital_wards:Wards\n")
    answer = approved.run(NUMBER, shell=True, env={"PYTHONPATH": str(tmp_path / "site")})
    answer.said(3, "wards")
    verbs = [entry["verb"] for entry in approved.ok("log", "search", "--request", NUMBER)["entries"]]
    assert "access" not in verbs
    assert not list((approved.home / "packages").iterdir())
