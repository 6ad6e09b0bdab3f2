"""The column path and a stock Presidio engine find the same spans in every document of the sets.

`make test` takes every so-maniest document; `PRESIDIO_EVERY=1` takes all of them (some minutes).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from extractor.deid.free_text import annotate_column
from extractor.deid.nlp import JiebaNlpEngine
from extractor.deid.recognisers import ChineseRecognizer

SETS = Path(__file__).resolve().parents[3] / "shared" / "data" / "text"
_MOST_PER_SET = 300
FILES = sorted(SETS.rglob("*.jsonl"))


def stock_engine() -> AnalyzerEngine:
    """Return an engine put together as Presidio's own documents show it, with our recogniser and our words."""
    registry = RecognizerRegistry(supported_languages=["zh"])
    registry.add_recognizer(ChineseRecognizer())
    return AnalyzerEngine(registry=registry, nlp_engine=JiebaNlpEngine(), supported_languages=["zh"])


def texts_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    every = int(os.environ.get("PRESIDIO_EVERY", "0")) or max(1, len(texts) // _MOST_PER_SET)
    return texts[::every]


@pytest.mark.skipif(not FILES, reason="the sets of ../shared/data/text are not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stock_engine_finds_what_the_column_finds(path: Path) -> None:
    texts = texts_of(path)
    engine = stock_engine()
    column = annotate_column(pl.Series(texts, dtype=pl.String)).by_document(len(texts))
    for number, (text, spans) in enumerate(zip(texts, column, strict=True)):
        results = engine.analyze(text, language="zh")
        single = sorted((r.start, r.end, r.entity_type) for r in results)
        assert single == [(s.start, s.end, s.type.value) for s in spans], f"document {number} of the sample"


def test_a_stock_engine_gives_only_the_entities_that_are_asked_for() -> None:
    text = "患者张晓梅，电话13800138000，2024年3月18日入院"
    engine = stock_engine()
    found = {r.entity_type for r in engine.analyze(text, language="zh", entities=["PHONE", "DATE"])}
    assert found == {"PHONE", "DATE"}
    assert {"PERSON", "PHONE", "DATE"} <= set(engine.get_supported_entities("zh"))
