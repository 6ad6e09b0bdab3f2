"""Quality of free-text recognition on annotated sets, read in place: coverage, precision, damage to medical words, speed.

Run ``python -m benchmarks.text_quality [SET…]``. Owns the scoring; it must not know how spans are found. A gold span
counts as covered when every character of it is inside some span, whatever its type: what matters is whether text leaks.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from extractor.deid.free_text import annotate_column
from extractor.deid.spans import Span

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "text"
SETS = (
    "ccks_admission_surrogate_100",
    "multipriv_zh_dev",
    "datafountain472_disjoint_dev",
    "cn_pii_bench_adversarial28",
    "cn_pii_bench_surface_matrix",
    "aicup2020_60_simplified",
    "over_redaction_ccks_course_discharge",
    "over_redaction_cmeee_first2500",
    "over_redaction_cEHRNER_train",
)
# Our types that answer to a label of the sets.
ANSWERS = {
    "ID_CARD": {"RESIDENT_ID"},
    "PHONE": {"PHONE", "LANDLINE"},
    "ORG": {"ORGANIZATION"},
}


@dataclass
class Score:
    """Counts of one set."""

    gold: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    medical: int = 0
    damaged: int = 0


def read_set(name: str) -> list[dict[str, object]]:
    """Read a set's documents."""
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def score_set(documents: list[dict], found: list[list[Span]]) -> Score:
    """Score the spans found in each document against the gold spans."""
    score = Score()
    labels = {gold["label"] for document in documents for gold in document["spans"]}
    for document, spans in zip(documents, found, strict=True):
        size = len(document["text"]) + 1
        cover, truth = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        for span in spans:
            cover[span.start : span.end] = True
        for gold in document["spans"]:
            part = cover[gold["start"] : gold["end"]]
            if gold["label"].startswith("MED_"):
                score.medical += 1
                score.damaged += bool(part.any())
                continue
            truth[gold["start"] : gold["end"]] = True
            score.gold[gold["label"]] += 1
            score.covered[gold["label"]] += bool(part.all())
        for span in spans:
            for label in labels:
                if span.type.value in ANSWERS.get(label, {label}):
                    score.found[label] += 1
                    score.right[label] += bool(truth[span.start : span.end].any())
    return score


def report(name: str) -> None:
    """Print the figures of one set."""
    documents = read_set(name)
    texts = pl.Series("text", [document["text"] for document in documents], dtype=pl.String)
    begin = time.perf_counter()
    found = annotate_column(texts).by_document(len(documents))
    seconds = time.perf_counter() - begin
    score = score_set(documents, found)
    characters = int(texts.str.len_chars().sum())
    print(f"{name}: {len(documents)} documents, {characters / seconds / 1e6:.2f} million characters a second")
    for label, number in score.gold.most_common():
        precision = f"{score.right[label] / score.found[label]:.3f}" if score.found[label] else "-"
        print(f"  {label:12} n={number:5}  covered {score.covered[label] / number:.3f}  precision {precision}")
    if score.medical:
        print(f"  medical spans damaged {score.damaged}/{score.medical} = {score.damaged / score.medical:.4f}")


def main() -> None:
    """Report each set that was named, or the usual ones."""
    for name in sys.argv[1:] or SETS:
        if (FOLDER / f"{name}.jsonl").exists():
            report(name)
        else:
            print(f"{name}: skipped, not in {FOLDER.name}/")


if __name__ == "__main__":
    main()
