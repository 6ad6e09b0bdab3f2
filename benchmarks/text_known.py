"""What the patient's own columns tell: how much of it is found, what medicine it costs, how fast.

Run ``python -m benchmarks.text_known``. Owns the people of the multipriv set as columns and the three measurements. It looks
with the known values alone, without any other recogniser.
"""

from __future__ import annotations

import random
import sys
import time

import numpy as np
import polars as pl

from benchmarks.text_scores import is_there, read_set
from extractor.deid.known_values import KnownColumn, find_known
from extractor.deid.spans import SpanTable
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_clock import Deadline

PEOPLE = "multipriv_zh_dev"
MEDICAL = ("over_redaction_ccks_course_discharge", "over_redaction_cmeee_first2500", "over_redaction_cEHRNER_train")
MOST_DAMAGE = 0.005
_COLUMNS = (
    ("name", "person_name", "patient"),
    ("doctor", "person_name", "staff"),
    ("idCardNumbers", "resident_id", "patient"),
    ("phoneNumbers", "phone", "patient"),
    ("emailAddress", "email", "patient"),
    ("location", "address", "patient"),
)


def person_of(document: dict) -> dict[str, str]:
    """Return what the columns of a document's patient tell; a column with several names holds them all."""
    told: dict[str, list[str]] = {}
    for span in document["spans"]:
        told.setdefault(span["orig"], []).append(span["text"])
    return {key: "、".join(dict.fromkeys(values)) for key, values in told.items()}


def find(texts: list[str], people: list[dict[str, str]]) -> tuple[SpanTable, float]:
    """Return the spans of known values in texts of about a million characters at once, and the CPU seconds it took."""
    columns = [
        KnownColumn(pl.Series([person.get(key) for person in people], dtype=pl.String), kind, subject)
        for key, kind, subject in _COLUMNS
    ]
    buffer = make_buffer(texts)
    begin = time.process_time()
    table = buffer.located(find_known(buffer, columns, 0, Deadline.within(600.0)))
    return table, time.process_time() - begin


def covers(texts: list[str], table: SpanTable) -> list[np.ndarray]:
    """Return for each text which of its characters are covered."""
    marks = [np.zeros(len(text), dtype=bool) for text in texts]
    for doc, span in table.rows():
        marks[doc][span.start : span.end] = True
    return marks


def covered() -> bool:
    """Print the share of the known values that are covered where they stand, and say whether it is all."""
    documents = read_set(PEOPLE)
    texts = [document["text"] for document in documents]
    table, _ = find(texts, [person_of(document) for document in documents])
    keys = {key for key, _, _ in _COLUMNS}
    found = [
        bool(cover[span["start"] : span["end"]].all())
        for document, cover in zip(documents, covers(texts, table), strict=True)
        for span in document["spans"]
        if span["orig"] in keys
    ]
    print(f"known values covered   {sum(found)}/{len(found)} = {sum(found) / len(found):.4f}")
    return all(found)


def damage(name: str, people: list[dict[str, str]], each: int) -> float:
    """Print the share of medical words that are damaged where each document has the values of ``each`` people."""
    documents = read_set(name)
    texts = [document["text"] for document in documents]
    draw = random.Random(20_240_318)
    cover = [np.zeros(len(text), dtype=bool) for text in texts]
    for _ in range(each):
        table, _ = find(texts, [draw.choice(people) for _ in texts])
        cover = [one | other for one, other in zip(cover, covers(texts, table), strict=True)]
    marks = [
        bool(mark[span["start"] : span["end"]].any())
        for document, mark in zip(documents, cover, strict=True)
        for span in document["spans"]
        if span["label"].startswith("MED_")
    ]
    share = sum(marks) / len(marks)
    print(f"damage, {each:2} people each  {sum(marks)}/{len(marks)} = {share:.5f}  {name}")
    return share


def speed(people: list[dict[str, str]], length: int) -> None:
    """Print characters a CPU second over notes of about ``length`` characters, each of another patient."""
    source = "".join(document["text"] for document in read_set(MEDICAL[0]))
    texts = [source[at : at + length] for at in range(0, len(source) - length + 1, length)]
    draw = random.Random(length)
    rows = [_renamed(draw.choice(people), draw) for _ in texts]
    seconds = min(find(texts, rows)[1] for _ in range(3))
    rate = sum(map(len, texts)) / seconds / 1e6
    print(f"notes of {length:6} characters, {len(_COLUMNS)} columns: {rate:.1f} million characters a CPU second")


def _renamed(person: dict[str, str], draw: random.Random) -> dict[str, str]:
    """Return a person with numbers of their own, so that no two rows share what was read."""
    return {
        key: "".join(str(draw.randrange(10)) if sign.isdigit() else sign for sign in value)
        for key, value in person.items()
    }


def main() -> int:
    """Print all figures; 1 where a floor is missed, 0 also where the sets are missing."""
    if not all(is_there(name) for name in (PEOPLE, *MEDICAL)):
        print("skipped: the sets are not beside the project")
        return 0
    people = [person_of(document) for document in read_set(PEOPLE)]
    whole = covered()
    least = [damage(name, people, 1) <= MOST_DAMAGE for name in MEDICAL]
    for name in MEDICAL:
        damage(name, people, 20)
    for length in (100, 500, 5000, 100_000):
        speed(people, length)
    return 0 if whole and all(least) else 1


if __name__ == "__main__":
    sys.exit(main())
