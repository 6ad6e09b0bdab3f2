"""The recognisers as Presidio knows them.

Owns the classes, registry and analyzer by which others use our recognition inside Presidio, one document at a time. They
call the column functions, so that the two ways agree by construction. It must not hold any recognition of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import polars as pl
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_anonymizer.entities import OperatorConfig

from extractor.deid.free_text import annotate_column
from extractor.deid.nlp import JiebaNlpEngine
from extractor.deid.spans import TYPES, SpanType
from extractor.deid.text_ages import age_at
from extractor.deid.text_treatment import PLACEHOLDERS


class ChineseRecognizer(EntityRecognizer):
    """Every type of span in Chinese text, resolved among each other."""

    TYPES: ClassVar[tuple[SpanType, ...]] = TYPES

    def __init__(self, supported_language: str = "zh") -> None:
        super().__init__([kind.value for kind in self.TYPES], supported_language=supported_language)

    def load(self) -> None:
        """Load nothing: facts are read when they are first needed."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Return what the column functions find in one document, of the entities that are asked for.

        Raises:
            RecogniserFailed: a recogniser failed; Presidio does not swallow it.
        """
        del nlp_artifacts
        wanted = set(entities or self.supported_entities) & set(self.supported_entities)
        found = annotate_column(pl.Series([text], dtype=pl.String)).by_document(1)[0]
        return [
            RecognizerResult(span.type.value, span.start, span.end, span.score) for span in found if span.type in wanted
        ]


class ChinesePersonRecognizer(ChineseRecognizer):
    """Names of persons only."""

    TYPES = (SpanType.PERSON,)


class ChineseAddressRecognizer(ChineseRecognizer):
    """Addresses and institutions only."""

    TYPES = (SpanType.ADDRESS, SpanType.ORGANIZATION)


class ChineseDateRecognizer(ChineseRecognizer):
    """Dates and ages only."""

    TYPES = (SpanType.DATE, SpanType.AGE)


class ChineseIdentifierRecognizer(ChineseRecognizer):
    """Numbers, codes and addresses of the network only."""

    TYPES = tuple(
        kind
        for kind in TYPES
        if kind not in (SpanType.PERSON, SpanType.ADDRESS, SpanType.ORGANIZATION, SpanType.DATE, SpanType.AGE)
    )


def chinese_registry(extra: Sequence[EntityRecognizer] = ()) -> RecognizerRegistry:
    """Return a registry for Chinese with our recognition and the recognisers of others."""
    return RecognizerRegistry(recognizers=[ChineseRecognizer(), *extra], supported_languages=["zh"])


def chinese_analyzer(extra: Sequence[EntityRecognizer] = ()) -> AnalyzerEngine:
    """Return an analyzer for ``language="zh"`` that needs neither model nor network."""
    return AnalyzerEngine(
        registry=chinese_registry(extra),
        nlp_engine=JiebaNlpEngine(),
        supported_languages=["zh"],
        default_score_threshold=0,
    )


def redaction_operators() -> dict[str, OperatorConfig]:
    """Return presidio-anonymizer's configuration for the level ``redacted``; ages are treated as in the columns."""
    operators = {
        kind.value: OperatorConfig("replace", {"new_value": word})
        for kind, word in PLACEHOLDERS.items()
        if kind is not SpanType.AGE
    }
    operators[SpanType.AGE.value] = OperatorConfig("custom", {"lambda": partial(age_at, level="age")})
    return operators
