"""Free text: spans in original offsets, known values first, and everything that goes wrong stops the run."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import regex
from presidio_analyzer import Pattern as PresidioPattern
from presidio_analyzer import PatternRecognizer, RecognizerResult
from presidio_anonymizer import AnonymizerEngine

from extractor.deid.free_text import RECOGNISERS, Limits, Recogniser, annotate_column, check_coverage
from extractor.deid.known_values import KnownColumn
from extractor.deid.recognisers import chinese_analyzer, redaction_operators
from extractor.deid.spans import Rank, Span, SpanTable, SpanType, splice
from extractor.deid.streaming import spans_stream, text_stream
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import ConfigurationError, FormError, RecogniserFailed

SECRET = "张晓梅110101199003074610"


def found_in(text: str, **known: str) -> dict[str, str]:
    columns = [KnownColumn(pl.Series([value]), kind) for kind, value in known.items()]
    return {
        text[s.start : s.end]: s.type.value for s in annotate_column(pl.Series([text]), known=columns).by_document(1)[0]
    }


def test_offsets_count_code_points_of_the_original_text() -> None:
    text = "𠮷😀\u200b患者手机１３８\u200b００１３８０００,复诊"
    assert found_in(text) == {"１３８\u200b００１３８０００": "PHONE"}


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_a_column_in_any_chunks_gives_what_each_document_gives(count: int) -> None:
    texts = pl.Series(
        ["患者张晓梅，女，45岁，电话13800138000", "", None, "2024年3月18日入院\x1e身份证110101199003074610"] * 5
    )
    whole = list(annotate_column(texts).rows())
    assert whole == list(annotate_column(texts, limits=Limits(chunk_characters=count)).rows())
    assert {doc for doc, _ in whole}.isdisjoint({1, 2})


def test_a_pattern_never_crosses_documents() -> None:
    assert len(annotate_column(pl.Series(["电话 1380", "0138000"]))) == 0


def test_a_known_value_wins_over_every_other_finding() -> None:
    text = "白云飞诉头痛,云飞母亲陪同,白某某复诊,尾号8000"
    found = found_in(text, person_name="白云飞", phone="13800138000")
    assert found == {"白云飞": "PERSON", "云飞": "PERSON", "白某某": "PERSON", "尾号8000": "PHONE"}


def test_known_values_are_looked_for_in_their_own_row_only() -> None:
    texts = pl.Series(["床旁见 XQ7781", "床旁见 XQ7781"])
    known = [KnownColumn(pl.Series(["XQ7781", None]), "record_number")]
    assert [doc for doc, _ in annotate_column(texts, known=known).rows()] == [0]


def test_known_columns_must_be_as_long_as_the_texts() -> None:
    with pytest.raises(ConfigurationError):
        annotate_column(pl.Series(["a"]), known=[KnownColumn(pl.Series(["b", "c"]), "phone")])


def test_a_losing_span_leaves_nothing_uncovered() -> None:
    spans = [
        Span(0, 10, SpanType.ADDRESS, 0.9, Rank.PATTERN, "a"),
        Span(4, 7, SpanType.PERSON, 1.0, Rank.KNOWN, "b"),
        Span(9, 14, SpanType.PHONE, 0.5, Rank.CONTEXT, "c"),
    ]
    table = SpanTable.build([0, 0, 0], spans).resolve()
    got = [(s.start, s.end, s.type.value) for _, s in table.rows()]
    assert got == [(0, 4, "ADDRESS"), (4, 7, "PERSON"), (7, 10, "ADDRESS"), (10, 14, "PHONE")]


def test_resolving_random_spans_keeps_cover_and_removes_overlap() -> None:
    random = np.random.default_rng(1)
    starts = random.integers(0, 200, 300)
    spans = [
        Span(
            int(s),
            int(s + random.integers(1, 20)),
            SpanType.PERSON if s % 2 else SpanType.DATE,
            0.5,
            Rank(int(s) % 5),
            "r",
        )
        for s in starts
    ]
    docs = random.integers(0, 3, 300)
    table = SpanTable.build(docs, spans)
    before = {(int(d), i) for d, s in zip(docs, spans, strict=True) for i in range(s.start, s.end)}
    after = [(d, i) for d, s in table.resolve().rows() for i in range(s.start, s.end)]
    assert len(after) == len(set(after)) and set(after) == before


def test_splicing_replaces_each_span_and_keeps_null_and_empty() -> None:
    texts = pl.Series(["abcdef", None, "", "xyz"])
    table = SpanTable.build([0, 0, 3], [Span(0, 1, SpanType.QQ), Span(3, 5, SpanType.QQ), Span(2, 3, SpanType.QQ)])
    assert splice(texts, table, ["1", "2", "3"]).to_list() == ["1bc2f", None, "", "xy3"]


def test_redaction_writes_typed_words_and_keeps_medicine_and_ages_below_ninety() -> None:
    texts = pl.Series(
        ["患者张晓梅，女，45岁，2024年3月18日因白细胞16.7×10^9/L入院，电话13800138000，其父93岁。", None, ""]
    )
    treated = treat_column(texts, treatment=Treatment("redacted"))
    assert treated.texts.to_list() == [
        "患者〔姓名〕，女，45岁，〔日期〕因白细胞16.7×10^9/L入院，电话〔电话〕，其父90岁以上。",
        None,
        "",
    ]
    assert treated.counts[SpanType.AGE] == 2


def test_surrogates_are_consistent_and_dates_move_in_their_written_form() -> None:
    texts = pl.Series(
        [
            "患者张晓梅2024年3月18日、2021-03-0511:10、２０２４．１２．３１、二〇二四年三月一日就诊,3月5日复查。医师：王建国"
        ]
    )
    treatment = Treatment(
        "surrogate",
        person_pseudonym=pl.Series(["P-7K2M"]),
        day_offset=pl.Series([-13]),
        key=b"k" * 32,
    )
    known = [KnownColumn(pl.Series(["张晓梅"]), "person_name")]
    text = treat_column(texts, known=known, treatment=treatment).texts[0]
    start = "患者〔患者 P-7K2M〕2024年3月5日、2021-02-2011:10、２０２４．１２．１８、二〇二四年二月十七日就诊,〔日期〕复查。医师：〔人员 "
    assert text.startswith(start) and "王建国" not in text
    assert text == treat_column(texts, known=known, treatment=treatment).texts[0]


def test_secrets_stand_in_no_representation() -> None:
    column = KnownColumn(pl.Series([SECRET]), "person_name")
    treatment = Treatment("surrogate", pl.Series([SECRET]), pl.Series([1]), b"sesame")
    shown = repr((column, treatment, make_buffer([SECRET]), treat_column(pl.Series([SECRET]), treatment=treatment)))
    assert SECRET not in shown and "sesame" not in shown and "张晓梅" not in shown


def test_a_recogniser_that_raises_stops_everything_and_shows_no_text() -> None:
    def raises(buffer: object, deadline: object) -> list[Span]:
        raise ValueError(SECRET)

    bad = Recogniser("broken", frozenset({SpanType.QQ}), raises)
    with pytest.raises(RecogniserFailed) as failure:
        annotate_column(pl.Series([SECRET]), recognisers=(*RECOGNISERS, bad))
    assert failure.value.thing == "broken"
    assert SECRET not in str(failure.value.as_json()) and failure.value.__cause__ is None


@pytest.mark.parametrize("span", [(-1, 2), (3, 3), (0, 99), (2, 7)])
def test_a_span_out_of_range_stops_everything(span: tuple[int, int]) -> None:
    bad = Recogniser("astray", frozenset({SpanType.QQ}), lambda *_: [Span(*span, SpanType.QQ)])
    with pytest.raises(RecogniserFailed, match="astray"):
        annotate_column(pl.Series(["abcd", "efgh"]), recognisers=(bad,))


def test_an_expression_that_backtracks_for_ever_is_stopped() -> None:
    form = regex.compile(r"(?:a|aa|a.)+$[0-9]{2}")

    def hangs(buffer: object, deadline: object) -> list[Span]:
        return [Span(*m.span(), SpanType.QQ) for m in form.finditer(buffer.view, timeout=deadline.left())]  # type: ignore[attr-defined]

    begin = time.monotonic()
    with pytest.raises(RecogniserFailed, match="TimeoutError"):
        annotate_column(
            pl.Series(["a" * 5000 + "b"]),
            recognisers=(Recogniser("hangs", frozenset(), hangs),),
            limits=Limits(seconds=0.2),
        )
    assert time.monotonic() - begin < 60


def test_a_required_type_without_recogniser_refuses_to_start() -> None:
    check_coverage(SpanType)
    with pytest.raises(ConfigurationError, match="PERSON"):
        check_coverage(["PERSON"], [r for r in RECOGNISERS if r.name != "names"])


def test_recognisers_of_others_are_run_and_checked() -> None:
    other = PatternRecognizer(
        "OTHER_ID", name="ward", supported_language="zh", patterns=[PresidioPattern("w", r"WARD-[0-9]+", 0.9)]
    )
    table = annotate_column(pl.Series(["转入 WARD-17"]), extra=[other])
    assert [(s.start, s.end, s.type) for _, s in table.rows()] == [(3, 10, SpanType.OTHER_ID)]


class _Sleeps(PatternRecognizer):
    def analyze(self, *args: object, **kwargs: object) -> list[object]:
        time.sleep(30)
        return []


class _Strays(PatternRecognizer):
    def analyze(self, *args: object, **kwargs: object) -> list[RecognizerResult]:
        return [RecognizerResult("OTHER_ID", 0, 99, 1.0)]


@pytest.mark.parametrize(("kind", "problem"), [(_Sleeps, "TimeoutError"), (_Strays, "ValueError")])
def test_a_recogniser_of_others_that_hangs_or_strays_stops_everything(kind: type, problem: str) -> None:
    other = kind("OTHER_ID", name="theirs", supported_language="zh", deny_list=["x"])
    with pytest.raises(RecogniserFailed, match=problem) as failure:
        annotate_column(pl.Series(["ab"]), extra=[other], limits=Limits(seconds=0.2), recognisers=())
    assert failure.value.thing == "theirs"


def _documents() -> list[str]:
    cases = Path(__file__).parents[1] / "regression" / "text_cases" / "cases.jsonl"
    texts = [json.loads(line)["text"] for line in cases.read_text(encoding="utf-8").splitlines()]
    return (texts * (100 // len(texts) + 1))[:100]


def test_presidio_and_the_column_agree_on_a_hundred_documents() -> None:
    texts = _documents()
    analyzer = chinese_analyzer()
    column = annotate_column(pl.Series(texts)).by_document(len(texts))
    for text, spans in zip(texts, column, strict=True):
        results = analyzer.analyze(text, language="zh")
        single = sorted((r.start, r.end, r.entity_type) for r in results)
        assert single == [(s.start, s.end, s.type.value) for s in spans], text


def test_presidio_anonymizer_writes_what_the_column_writes() -> None:
    text = "患者张晓梅，45岁，电话13800138000，其父93岁。"
    results = chinese_analyzer().analyze(text, language="zh")
    single = AnonymizerEngine().anonymize(text, results, redaction_operators()).text
    assert single == treat_column(pl.Series([text]), treatment=Treatment("redacted")).texts[0]


def test_streams_keep_order_and_take_known_values() -> None:
    lines = [
        json.dumps({"id": i, "text": f"第{i}例 电话13800138000", "known": {"record_number": f"第{i}例"}})
        for i in range(5)
    ]
    out = io.StringIO()
    spans_stream([*lines, "\n"], out, Limits(chunk_characters=60))
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [a["id"] for a in answers] == list(range(5))
    assert all([s["type"] for s in a["spans"]] == ["MEDICAL_RECORD", "PHONE"] for a in answers)
    out = io.StringIO()
    text_stream(lines[:1], out)
    assert json.loads(out.getvalue()) == {"id": 0, "text": "〔院内编号〕 电话〔电话〕"}


@pytest.mark.parametrize("bad", [SECRET, '{"id": 1}', json.dumps({"id": 1, "text": SECRET, "known": {"shoe": "1"}})])
def test_a_bad_line_is_named_by_its_number_only(bad: str) -> None:
    with pytest.raises(FormError) as failure:
        spans_stream(['{"id":1,"text":"a"}', bad], io.StringIO())
    assert failure.value.thing == "line 2" and SECRET not in str(failure.value) and failure.value.__cause__ is None
