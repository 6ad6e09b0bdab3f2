"""Case file of free text: each case's spans are found, no more and no less; known failures are compared as a set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractor.deid.free_text import annotate_column

CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "text_cases" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]


def differs(case: dict[str, Any]) -> bool:
    """Say whether what is found in a case differs from its spans."""
    text = case["text"]
    found = [[text[s.start : s.end], s.type.value] for s in annotate_column(pl.Series([text])).by_document(1)[0]]
    return found != case["spans"]


@pytest.mark.parametrize("case", [c for c in CASES if "known_failure" not in c], ids=lambda c: c["name"])
def test_a_case_is_found_as_it_is_written(case: dict[str, Any]) -> None:
    text = case["text"]
    found = [[text[s.start : s.end], s.type.value] for s in annotate_column(pl.Series([text])).by_document(1)[0]]
    assert found == case["spans"]


def test_the_known_failures_are_exactly_those_that_fail() -> None:
    known = {case["name"] for case in CASES if "known_failure" in case}
    assert known == {case["name"] for case in CASES if "known_failure" in case and differs(case)}
