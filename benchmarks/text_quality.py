"""Quality of free-text recognition on the annotated sets: the wished figures beside the measured ones.

Run ``python -m benchmarks.text_quality`` for the table (``make quality``; it fails where a floor is missed), or name sets for
all the figures of each. Owns the floors and the aims. Rules only: no column of the patient is known to them here.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cache

import polars as pl

from benchmarks.text_scores import FOLDER, Score, is_there, read_set, score_set
from extractor.deid.free_text import annotate_column

CCKS, MULTIPRIV, CONTACTS = "ccks_admission_surrogate_100", "multipriv_zh_dev", "datafountain472_disjoint_dev"
MATRIX, HOSTILE = "cn_pii_bench_surface_matrix", "cn_pii_bench_adversarial28"


@dataclass(frozen=True)
class Row:
    """One wished figure: the share of a label's spans fully covered, its precision, or the share of damaged medical spans."""

    measure: str
    label: str
    set: str
    floor: float
    aim: float


ROWS = (
    Row("covered", "PERSON", CCKS, 0.95, 0.99),
    Row("covered", "PERSON", MULTIPRIV, 0.93, 0.98),
    Row("covered", "PERSON", CONTACTS, 0.85, 0.93),
    Row("covered", "PERSON", "msra_val", 0.88, 0.94),
    Row("covered", "PERSON", "aicup2020_60_simplified", 0.60, 0.80),
    Row("covered", "ADDRESS", CCKS, 0.93, 0.98),
    Row("covered", "ADDRESS", MULTIPRIV, 0.99, 1.0),
    Row("covered", "ADDRESS", "ncap_address_dev", 0.90, 0.97),
    Row("covered", "DATE", CCKS, 0.97, 1.0),
    Row("covered", "PHONE", CONTACTS, 0.97, 1.0),
    Row("covered", "PHONE", MATRIX, 0.98, 1.0),
    Row("covered", "EMAIL", CONTACTS, 0.99, 1.0),
    Row("covered", "EMAIL", MULTIPRIV, 0.99, 1.0),
    Row("covered", "EMAIL", MATRIX, 0.99, 1.0),
    Row("covered", "EMAIL", HOSTILE, 0.99, 1.0),
    Row("covered", "QQ", CONTACTS, 0.90, 1.0),
    Row("covered", "WECHAT", CONTACTS, 0.90, 1.0),
    Row("covered", "ID_CARD", MULTIPRIV, 0.99, 1.0),
    Row("covered", "ID_CARD", MATRIX, 0.99, 1.0),
    Row("covered", "ORG", "resume_train_dev", 0.75, 0.90),
    Row("damage", "medical", "over_redaction_ccks_course_discharge", 0.005, 0.002),
    Row("damage", "medical", "over_redaction_cmeee_first2500", 0.005, 0.002),
    Row("damage", "medical", "over_redaction_cEHRNER_train", 0.005, 0.002),
    Row("precision", "PERSON", "msra_val", 0.85, 0.93),
    Row("precision", "PERSON", MULTIPRIV, 0.85, 0.93),
)
NOT_MEASURED = "covered    ORG      hospitals in clinical headers: no set here labels them"


@cache
def measured(name: str) -> tuple[Score, float]:
    """Return the score of a set and the characters a second, in millions."""
    documents = read_set(name)
    texts = pl.Series("text", [document["text"] for document in documents], dtype=pl.String)
    begin = time.perf_counter()
    found = annotate_column(texts).by_document(len(documents))
    seconds = time.perf_counter() - begin
    return score_set(documents, found), int(texts.str.len_chars().sum()) / seconds / 1e6


def report(name: str) -> None:
    """Print all the figures of one set."""
    score, speed = measured(name)
    print(f"{name}: {len(read_set(name))} documents, {speed:.2f} million characters a second")
    for label, number in score.gold.most_common():
        precision = f"{score.precision(label):.3f}" if score.found[label] else "-"
        print(f"  {label:12} n={number:5}  covered {score.recall(label):.3f}  precision {precision}")
    if score.medical:
        print(f"  medical spans damaged {score.damaged}/{score.medical} = {score.damage():.4f}")


def table() -> bool:
    """Print the wished figures beside the measured ones, and return whether every floor that can be measured is reached."""
    print(f"{'measure':10} {'type':8} {'set':37} {'n':>6} {'figure':>7} {'floor':>6} {'aim':>6}  floor aim")
    reached = [_print_row(row) for row in ROWS if is_there(row.set)]
    for name in sorted({row.set for row in ROWS if not is_there(row.set)}):
        print(f"{name}: skipped, not in {FOLDER.name}/")
    print(NOT_MEASURED)
    print(f"floors reached: {sum(reached)} of {len(reached)}")
    return all(reached)


def _print_row(row: Row) -> bool:
    number, figure = _figure(row)
    sign = -1 if row.measure == "damage" else 1
    floor, aim = sign * figure >= sign * row.floor, sign * figure >= sign * row.aim
    print(
        f"{row.measure:10} {row.label:8} {row.set:37} {number:6} {figure:7.4f} {row.floor:6} {row.aim:6}  "
        f"{'met' if floor else 'NOT':5} {'met' if aim else 'not'}"
    )
    return floor


def _figure(row: Row) -> tuple[int, float]:
    score, _ = measured(row.set)
    if row.measure == "damage":
        return score.medical, score.damage()
    if row.measure == "precision":
        return score.found[row.label], score.precision(row.label)
    return score.gold[row.label], score.recall(row.label)


def main() -> None:
    """Report each set that was named, or print the table."""
    for name in sys.argv[1:]:
        if is_there(name):
            report(name)
        else:
            print(f"{name}: skipped, not in {FOLDER.name}/")
    if not sys.argv[1:] and not table():
        sys.exit(1)


if __name__ == "__main__":
    main()
