"""The natural-language engine that Presidio asks for: jieba's words, without a model and without network.

Owns how words (``extractor.deid.words``) are handed to Presidio. It must not know what a word means for privacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import rjieba
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from extractor.deid.words import tokens_of

_STOP_WORDS = frozenset("的了是在和与或及也都就而着之于被把对从向到由等其此该我你他她它们这那")


class JiebaNlpEngine(NlpEngine):
    """Presidio's engine for Chinese on jieba's words; it recognises no entities itself."""

    engine_name = "jieba"
    is_available = True

    def load(self) -> None:
        """Load the dictionary."""
        rjieba.cut("加载")

    def is_loaded(self) -> bool:
        """Say that the engine is ready: the dictionary is part of the package."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Cut one text into tokens and their positions."""
        tokens = tokens_of(text)
        return NlpArtifacts(
            entities=[],
            tokens=tokens.words,  # type: ignore[arg-type]  # words serve; a spaCy Doc would need its model
            tokens_indices=tokens.starts.tolist(),
            lemmas=tokens.words,
            nlp_engine=self,
            language=language,
        )

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Yield each text with its artifacts; batch size and processes make no difference here."""
        del batch_size, n_process
        as_tuples = kwargs.get("as_tuples", False)
        for item in texts:
            text = item[0] if as_tuples else item
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Say whether a word carries no meaning of its own."""
        return language == "zh" and word in _STOP_WORDS

    def is_punct(self, word: str, language: str) -> bool:
        """Say whether a token has neither letter nor digit."""
        del language
        return not any(character.isalnum() for character in word)

    def get_supported_entities(self) -> list[str]:
        """Return none: entities are found by recognisers."""
        return []

    def get_supported_languages(self) -> list[str]:
        """Return Chinese."""
        return ["zh"]
