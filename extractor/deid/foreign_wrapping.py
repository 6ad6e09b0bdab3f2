"""A Presidio recogniser of others, put so that it fails closed and speaks of our types.

Owns the wrapper. It must not know how the recogniser was found. Presidio logs and passes over the time-out of a regular
expression, which would leave the rest of a document unsearched; here that stops everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import regex  # type: ignore[import-untyped]  # the package ships no types
from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from extractor.deid.foreign import type_of


class PatternTimeout(RuntimeError):
    """A regular expression ran out of time. It is no ``TimeoutError``, because Presidio swallows those."""


class Strict:
    """A compiled expression whose time-out is not to be swallowed."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        """Yield the matches as the expression does.

        Raises:
            PatternTimeout: the time is over.
        """
        try:
            yield from self._compiled.finditer(text, timeout=timeout)
        except TimeoutError:
            raise PatternTimeout("deadline passed") from None


def _told(recogniser: EntityRecognizer, attribute: str) -> Any:
    """Return an attribute whose type the package does not say."""
    return getattr(recogniser, attribute)


class Translated(EntityRecognizer):
    """Somebody else's recogniser under our types, inside our pipeline and inside a stock ``AnalyzerEngine`` alike."""

    def __init__(self, theirs: EntityRecognizer) -> None:
        self._theirs: Any = theirs
        super().__init__(
            sorted({type_of(entity).value for entity in theirs.supported_entities}),
            name=_told(theirs, "name"),
            supported_language=theirs.supported_language,
        )

    def load(self) -> None:
        """Make every pattern strict; the recogniser itself was loaded when it was made."""
        if isinstance(self._theirs, PatternRecognizer):
            flags = self._theirs.global_regex_flags
            for pattern in _told(self._theirs, "patterns") or []:
                pattern.compiled_regex = Strict(regex.compile(pattern.regex, flags=flags))
                pattern.compiled_with_flags = flags

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Return what the recogniser finds, of the entities of ours that are asked for."""
        wanted = set(entities or self.supported_entities)
        found = self._theirs.analyze(text, self._theirs.supported_entities, nlp_artifacts) or []
        typed = [RecognizerResult(type_of(r.entity_type).value, r.start, r.end, r.score) for r in found]
        return [result for result in typed if result.entity_type in wanted]
