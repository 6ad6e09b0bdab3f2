"""A sample of a site's own notes for two annotators, by which the site measures recall before its first release.

Owns the draw (seeded, every note with the same chance, spread over the strata in proportion) and its size. It must not know
where a sample is kept (``site_sample_folder``), how a sheet is written nor how a share is judged.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import polars as pl

from extractor.deid.finders import Finders
from extractor.deid.intervals import DESIGN_EFFECT, cases_needed
from extractor.deid.known_values import KnownColumn
from extractor.deid.marked_text import SheetFormat
from extractor.errors import UsageError
from extractor.workflow.notes_table import Columns, Note, NotesTable

_MOST_STRATA = 100
_PILOT = 200


@dataclass(frozen=True)
class Wanted:
    """How many notes to draw: ``notes``, or as many as the lower bound needs to lie no further than ``half_width`` below.

    Identifiers of one note are found or missed together; ``design_effect`` says how many times as many that asks for.
    """

    notes: int | None = None
    half_width: float = 0.02
    expected: float = 0.97
    confidence: float = 0.95
    design_effect: float = DESIGN_EFFECT

    def __post_init__(self) -> None:
        shares = (self.half_width, self.expected, self.confidence)
        if not all(0 < share < 1 for share in shares) or self.design_effect < 1 or (self.notes or 1) < 1:
            raise UsageError(
                "a size that cannot be: shares lie between 0 and 1, the design effect is at least 1, there is at least one note",
                zh="样本量参数不合要求:比例须在 0 与 1 之间,设计效应不小于 1,文书不少于 1 份",
                thing="sample",
                fix_en="correct the options",
                fix_zh="请更正参数",
            )


@dataclass(frozen=True)
class Sample:
    """What was drawn, and from what: enough to draw it again from the same table."""

    source: str
    column: str
    stratum: str | None
    seed: int
    population: int
    strata: dict[str, int]
    confidence: float
    form: SheetFormat
    notes: tuple[Note, ...] = field(repr=False)

    @property
    def texts(self) -> dict[str, str]:
        """The text of each note by its number."""
        return {note.id: note.text for note in self.notes}

    @property
    def known(self) -> list[KnownColumn]:
        """The known values of the notes, column by column."""
        kinds = dict.fromkeys(kind for note in self.notes for kind in note.known)
        return [
            KnownColumn(pl.Series([note.known.get(kind) for note in self.notes], dtype=pl.String), kind)
            for kind in kinds
        ]


def draw_sample(
    table: Path, columns: Columns, *, wanted: Wanted, seed: int | None = None, finders: Finders | None = None
) -> Sample:
    """Draw notes from a table (Parquet, CSV or JSON lines, UTF-8). Blank notes are not in the population.

    Args:
        table: the file.
        columns: what is read of it; nothing else is.
        wanted: how many notes.
        seed: of the draw; drawn itself where none is given, and recorded.
        finders: what counts identifiers in a pilot of 200 notes where the size follows from a wanted bound.

    Raises:
        SourceError: the file cannot be read or lacks a column.
        UsageError: too many strata, or no note.
    """
    seed = secrets.randbits(32) if seed is None else seed
    notes = NotesTable.open(table, columns)
    places = notes.places()
    strata = Counter(stratum for _, stratum in places)
    if not strata or len(strata) > _MOST_STRATA:
        raise _unusable(table, len(strata))
    random.Random(seed).shuffle(places)  # noqa: S311  # a draw that anybody can repeat, not a secret
    size = wanted.notes or _size(notes, [row for row, _ in places[:_PILOT]], wanted, finders or Finders())
    drawn = notes.read(_spread(places, strata, min(size, len(places))))
    return Sample(
        source=table.name,
        column=columns.text,
        stratum=columns.stratum,
        seed=seed,
        population=len(places),
        strata=dict(sorted(strata.items())),
        confidence=wanted.confidence,
        form=SheetFormat.for_texts([note.text for note in drawn]),
        notes=drawn,
    )


def _unusable(table: Path, strata: int) -> UsageError:
    if not strata:
        return UsageError(
            "the table holds no note",
            zh="表中没有文书",
            thing=table.name,
            fix_en="name another column",
            fix_zh="请改用其他列",
        )
    return UsageError(
        f"{strata} strata are too many; a stratum is a department or a kind of note",
        zh=f"分层过多({strata} 层);分层列应为科室或文书类型",
        thing=table.name,
        fix_en=f"name a column with at most {_MOST_STRATA} values",
        fix_zh=f"请改用取值不超过 {_MOST_STRATA} 个的列",
    )


def _size(notes: NotesTable, rows: list[int], wanted: Wanted, finders: Finders) -> int:
    """Return how many notes hold as many identifiers as the wanted bound needs, by what is found in a pilot."""
    pilot = pl.Series([note.text for note in notes.read(rows)], dtype=pl.String)
    found = len(finders.annotate(pilot))
    if not found:
        raise UsageError(
            "nothing identifying was found in a pilot of the notes, so a size cannot be worked out",
            zh="试抽的文书中未发现标识,无法推算样本量",
            thing=notes.path.name,
            fix_en="say how many notes with --notes",
            fix_zh="请用 --notes 指定份数",
        )
    needed = cases_needed(wanted.expected, wanted.half_width, wanted.confidence) * wanted.design_effect
    return ceil(needed * len(pilot) / found)


def _spread(places: list[tuple[int, str]], strata: Counter[str], size: int) -> list[int]:
    """Return the rows that are drawn: each stratum gives its share, the largest remainders are rounded up."""
    exact = {name: size * count / len(places) for name, count in strata.items()}
    quota = {name: int(share) for name, share in exact.items()}
    by_rest = sorted(exact, key=lambda name: (quota[name] - exact[name], name))
    for name in by_rest[: size - sum(quota.values())]:
        quota[name] += 1
    chosen = []
    for row, stratum in places:
        if quota[stratum]:
            quota[stratum] -= 1
            chosen.append(row)
    return chosen
