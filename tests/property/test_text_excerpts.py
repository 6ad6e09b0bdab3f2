"""Searching only where a form can stand finds what searching everywhere finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid import text_ages, text_dates
from extractor.deid.patterns import PATTERNS, _matches, find_patterns
from extractor.deid.spans import Span, SpanType
from extractor.deid.text_buffer import Buffer, make_buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_dates import found_by

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "text"
_SETS = ("ccks_admission_surrogate_100", "aicup2020_60_simplified", "over_redaction_ccks_course_discharge")
_PIECES = st.sampled_from(
    [
        *"0123456789年月日号岁周天龄大男女,、。: -/.~至一二三十廿初正腊旬床号码卡QqVDd@()+Xx*零幺个半多yY",
        "2024",
        "3月18日",
        "11:10",
        "上午九时三十分",
        "农历八月初三",
        "民国",
        "Mar 18, 2024",
        "住院号:",
        "病区12床",
        "病理号 No.",
        "年龄",
        "之年",
        "古稀",
        "Age: ",
        "years old",
        "13800138000",
        "110101199003074610",
        "银行卡号",
        "尾号为",
        "微信",
        "因上呼吸道感染反复发作来我院",
        "患者精神可,食欲欠佳,睡眠一般,大小便如常,体重无明显变化,否认药物过敏史,否认外伤手术史",
    ]
)
_TEXTS = st.lists(st.lists(_PIECES, max_size=30).map("".join), min_size=1, max_size=4)


def _searches(buffer: Buffer) -> dict[str, tuple[list[Span], list[Span]]]:
    """Return for each search what it finds in the excerpts and what it finds in the whole."""
    deadline = Deadline.within(60)
    return {
        "dates": (
            text_dates.find_dates(buffer, deadline),
            found_by(text_dates.FORMS, SpanType.DATE, buffer, deadline),
        ),
        "ages": (text_ages.find_ages(buffer, deadline), found_by(text_ages.FORMS, SpanType.AGE, buffer, deadline)),
        "patterns": (
            find_patterns(buffer, deadline),
            [span for pattern in PATTERNS for span in _matches(pattern, buffer, deadline)],
        ),
    }


def _covered(spans: list[Span]) -> set[tuple[int, int, SpanType]]:
    return {(span.start, span.end, span.type) for span in spans}


@settings(max_examples=250, deadline=None)
@given(_TEXTS)
def test_made_texts_give_the_same_spans_with_and_without_excerpts(texts: list[str]) -> None:
    for name, (near, whole) in _searches(make_buffer(texts)).items():
        assert _covered(near) == _covered(whole), name


@pytest.mark.parametrize("name", _SETS)
def test_real_documents_give_the_same_spans_with_and_without_excerpts(name: str) -> None:
    path = _FOLDER / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("the annotated sets are not here")
    lines = path.read_text(encoding="utf-8").splitlines()[:60]
    for search, (near, whole) in _searches(make_buffer([json.loads(line)["text"] for line in lines])).items():
        assert _covered(near) == _covered(whole), search
