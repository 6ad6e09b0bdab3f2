"""Who of a plan's persons consents: one pass over the person keys before anything else looks at a row.

Owns the sifting, batch by batch, of persons into those whose print stands in the register and those whose does not. It must not
know who keeps the register nor how a print is keyed (``extractor.workflow.consents``). 个人信息保护法 art. 14, 15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

KEY, NUMBER = "(key)", "(number)"


@dataclass(frozen=True)
class Consents:
    """The prints of the persons who consent now, how a print is made of a person key, and the tables that need it.

    ``tables`` names those that hold a column which consent opens: a row of such a table that belongs to nobody cannot leave.
    """

    prints: pl.Series = field(repr=False)
    print_of: Callable[[pl.Series], pl.Series] = field(repr=False)
    tables: frozenset[str]

    def given_by(self, keys: pl.Series) -> pl.Series:
        """Say of each person key whether its person consents (Boolean, never null)."""
        return self.print_of(keys).is_in(self.prints.implode()).fill_null(False)


@dataclass(frozen=True)
class Sifted:
    """How the persons of a plan fell apart: the numbers of those who consent, in order, and counts of the others."""

    numbers: npt.NDArray[np.uint64] = field(repr=False)
    persons_without: int
    rows_without: dict[str, int]

    @property
    def persons(self) -> int:
        """How many persons consent."""
        return len(self.numbers)

    def holds(self, numbers: pl.Series) -> pl.Series:
        """Say of each person's number whether its person consents (Boolean, never null)."""
        if not len(self.numbers):
            return pl.repeat(False, len(numbers), dtype=pl.Boolean, eager=True)
        wanted = numbers.fill_null(0).to_numpy()
        places = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        return pl.Series(self.numbers[places] == wanted) & numbers.is_not_null()


def sift(consents: Consents, tables: Iterator[tuple[str, pl.LazyFrame]]) -> Sifted:
    """Sift the persons of all tables, whose frames hold ``KEY``, a person's key, and ``NUMBER``, its number in this run.

    Rows of nobody, which have no number, count as neither.
    """
    found: dict[bool, list[pl.Series]] = {True: [], False: []}
    rows: dict[str, int] = {}
    for name, frame in tables:
        rows[name] = 0
        for batch in frame.collect_batches(engine="streaming"):
            somebody = batch.filter(pl.col(NUMBER).is_not_null())
            consenting = consents.given_by(somebody[KEY])
            rows[name] += len(somebody) - int(consenting.sum())
            for given, chosen in ((True, consenting), (False, ~consenting)):
                found[given].append(somebody[NUMBER].filter(chosen).unique())
    numbers = {given: _together(each) for given, each in found.items()}
    return Sifted(numbers[True].to_numpy(), len(numbers[False]), rows)


def _together(parts: list[pl.Series]) -> pl.Series:
    whole = pl.concat(parts) if parts else pl.Series(dtype=pl.UInt64)
    return whole.unique().sort()
