"""Scores of found spans against the annotated sets of text: coverage, precision, damage to medical words.

Owns the reading of the sets, in place, and the counting, which gives the figures of the sets' own scorer. It must not know how
spans are found nor what figures are wished for. A gold span counts as covered when every character of it is inside some
span, whatever its type: what matters is whether text leaks. A span is right where it touches any gold span.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from extractor.deid.spans import Span

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
MEDICAL = "MED_"
# Our types that answer to a label of the sets.
_ANSWERS = {
    "ID_CARD": {"RESIDENT_ID"},
    "PHONE": {"PHONE", "LANDLINE"},
    "ORG": {"ORGANIZATION"},
}


@dataclass
class Score:
    """Counts of one set, by label: gold spans, those fully covered, spans found, those that touch gold."""

    gold: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    medical: int = 0
    damaged: int = 0

    def recall(self, label: str) -> float:
        """Return the share of a label's gold spans that are fully covered."""
        return self.covered[label] / self.gold[label]

    def precision(self, label: str) -> float:
        """Return the share of the found spans of a label's types that touch gold."""
        return self.right[label] / self.found[label] if self.found[label] else 1.0

    def damage(self) -> float:
        """Return the share of medical spans of which something was covered."""
        return self.damaged / self.medical


def is_there(name: str) -> bool:
    """Say whether a set is in the folder."""
    return (FOLDER / f"{name}.jsonl").exists()


def read_set(name: str) -> list[dict[str, Any]]:
    """Read a set's documents."""
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def score_set(documents: list[dict[str, Any]], found: list[list[Span]]) -> Score:
    """Score the spans found in each document against the gold spans."""
    score = Score()
    labels = {gold["label"] for document in documents for gold in document["spans"]}
    answers = {label: _ANSWERS.get(label, {label}) for label in labels if not label.startswith(MEDICAL)}
    for document, spans in zip(documents, found, strict=True):
        _count(score, document, spans, answers)
    return score


def _count(score: Score, document: dict[str, Any], spans: list[Span], answers: dict[str, set[str]]) -> None:
    size = len(document["text"]) + 1
    cover, truth = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    for span in spans:
        cover[span.start : span.end] = True
    for gold in document["spans"]:
        part = cover[gold["start"] : gold["end"]]
        if gold["label"].startswith(MEDICAL):
            score.medical += 1
            score.damaged += bool(part.any())
            continue
        truth[gold["start"] : gold["end"]] = True
        score.gold[gold["label"]] += 1
        score.covered[gold["label"]] += bool(part.all())
    for span in spans:
        for label, types in answers.items():
            if span.type.value in types:
                score.found[label] += 1
                score.right[label] += bool(truth[span.start : span.end].any())
