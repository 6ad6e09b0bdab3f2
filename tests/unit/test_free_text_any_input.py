"""Free text of any shape: hostile, empty and random input gives spans in range, in order, the same alone and in a column."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.free_text import Limits, annotate_column
from extractor.deid.known_values import KnownColumn
from extractor.deid.text_treatment import Treatment, treat_column

_WORDS = "福建省福州市 青石镇柳湾 主任医师 13800138000 110101199003074610 2024-03-18 身份证 现住 联系电话 医院 福州市青石镇柳湾"
_CHARACTERS = "张王李欧阳晓梅建国患者姓名：，。 年月日岁号路市区县0123456789xXa@.·*-+()１８一二三零〇\u200b\x1e\n😀𠮷"
_PIECES = st.sampled_from([*_CHARACTERS, *_WORDS.split()])
_TEXTS = st.lists(st.one_of(st.none(), st.lists(_PIECES, max_size=40).map("".join)), min_size=1, max_size=6)


@settings(max_examples=120, deadline=None)
@given(_TEXTS)
def test_spans_lie_in_their_texts_and_do_not_overlap(texts: list[str | None]) -> None:
    column = pl.Series("t", texts, dtype=pl.String)
    last = (-1, 0)
    for doc, span in annotate_column(column).rows():
        assert 0 <= span.start < span.end <= len(texts[doc] or "")
        assert (doc, span.start) >= last
        last = (doc, span.end)


@settings(max_examples=60, deadline=None)
@given(_TEXTS)
def test_a_column_finds_what_each_document_alone_finds(texts: list[str | None]) -> None:
    whole = annotate_column(pl.Series("t", texts, dtype=pl.String)).by_document(len(texts))
    alone = [annotate_column(pl.Series("t", [text], dtype=pl.String)).by_document(1)[0] for text in texts]
    assert whole == alone


@settings(max_examples=60, deadline=None)
@given(_TEXTS, st.text(alphabet="张王李晓梅0123456789路号", min_size=6, max_size=12))
def test_a_known_value_never_survives_redaction(texts: list[str | None], value: str) -> None:
    planted = pl.Series("t", [None if text is None else f"{text}{value}。" for text in texts], dtype=pl.String)
    known = [KnownColumn(pl.Series([value] * len(texts)), "record_number")]
    treated = treat_column(planted, known=known, treatment=Treatment("redacted"))
    assert all(text is None or value not in text for text in treated.texts)


@pytest.mark.parametrize("texts", [[], [""], [None], [None, "", "\x1e", "\u200b"], ["\ud800张"], ["·", "@", "某"]])
def test_odd_columns_pass(texts: list[str | None]) -> None:
    try:
        column = pl.Series("t", texts, dtype=pl.String)
    except (UnicodeEncodeError, ValueError):
        pytest.skip("polars itself takes no lone surrogates")
    assert len(treat_column(column, treatment=Treatment("redacted")).texts) == len(texts)


@pytest.mark.parametrize(
    "text", ["福州市青石镇柳湾", "现住青石镇柳湾", "患者张", "某", "王某", "医师：李", "2024-3-", "张·", "电话"]
)
def test_a_text_may_end_anywhere(text: str) -> None:
    for end in range(1, len(text) + 1):
        annotate_column(pl.Series("t", [text[:end]]))


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "路",
        "张",
        "北京",
        "1-",
        "a@a.",
        "现住",
        "某",
        "医院",
        "1 ",
        "年月",
        "·张",
        "患者",
        "大1号",
        "市区",
        "110101199003074610",
    ],
)
def test_long_runs_of_one_thing_stay_within_the_deadline(unit: str) -> None:
    annotate_column(pl.Series([unit * (40_000 // len(unit))]), limits=Limits(seconds=5))
