"""The scores of the annotated sets: a span counts as covered only when all of it is, whatever the type of what covers it."""

from __future__ import annotations

from typing import Any

from benchmarks.text_quality import ROWS
from benchmarks.text_scores import score_set
from extractor.deid.spans import Span, SpanType


def gold(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def test_coverage_precision_and_damage_are_those_of_the_sets_own_scorer() -> None:
    documents = [
        {
            "text": "患者张晓梅白细胞升高",
            "spans": [gold(2, 5, "PERSON"), gold(5, 8, "MED_EXAM"), gold(8, 10, "MED_SYM")],
        },
        {"text": "电话13800138000李芳", "spans": [gold(2, 13, "PHONE"), gold(13, 15, "PERSON")]},
    ]
    found = [
        [Span(2, 4, SpanType.ADDRESS), Span(4, 6, SpanType.PERSON)],
        [Span(2, 12, SpanType.LANDLINE), Span(0, 2, SpanType.PERSON)],
    ]
    score = score_set(documents, found)
    assert (score.gold["PERSON"], score.covered["PERSON"], score.recall("PERSON")) == (2, 1, 0.5)
    assert (score.recall("PHONE"), score.precision("PHONE")) == (0.0, 1.0)
    assert (score.found["PERSON"], score.precision("PERSON")) == (2, 0.5)
    assert (score.medical, score.damaged, score.damage()) == (2, 1, 0.5)


def test_every_wished_figure_has_a_floor_below_its_aim() -> None:
    for row in ROWS:
        assert (row.floor > row.aim) if row.measure == "damage" else (row.floor < row.aim), row
    assert len({(row.measure, row.label, row.set) for row in ROWS}) == len(ROWS)
