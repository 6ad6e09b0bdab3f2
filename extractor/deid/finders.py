"""Everything that looks for spans in one piece of work: our recognisers, those of the site, and those of others.

Owns the value that a run, a stream or a validation is given, so that all of them search alike, and the comparison of what is
required with what is there. It must not know where a recogniser comes from (``foreign``, ``site_terms``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from extractor.deid.free_text import RECOGNISERS, Limits, Recogniser, annotate_column, check_coverage
from extractor.deid.known_values import KnownColumn
from extractor.deid.spans import SpanTable, SpanType

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer


@dataclass(frozen=True)
class Finders:
    """What searches a column.

    Args:
        recognisers: searches of whole buffers; ours, and those of the site's dictionaries.
        extra: Presidio recognisers of others, run on each document.
    """

    recognisers: tuple[Recogniser, ...] = RECOGNISERS
    extra: tuple[EntityRecognizer, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that searches."""
        return (*(one.name for one in self.recognisers), *(str(getattr(one, "name", "extra")) for one in self.extra))

    def annotate(
        self, texts: pl.Series, *, known: Sequence[KnownColumn] = (), limits: Limits | None = None
    ) -> SpanTable:
        """Find everything personal in a column of texts.

        Raises:
            RecogniserFailed: as ``annotate_column``.
        """
        return annotate_column(texts, known=known, limits=limits, extra=self.extra, recognisers=self.recognisers)

    def check(self, required_types: Iterable[SpanType | str]) -> None:
        """Refuse to start where a required type is found by nobody: neither by ours nor by those of others.

        Raises:
            ConfigurationError: a type is unknown or nobody finds it.
        """
        theirs = {name for recogniser in self.extra for name in recogniser.supported_entities}
        check_coverage({str(kind) for kind in required_types} - (theirs & set(SpanType.__members__)), self.recognisers)
