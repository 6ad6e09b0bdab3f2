"""How well two annotators agree on the same texts.

Owns Cohen's kappa over characters, F1 over spans, and what is disputed. It must not know the texts: marks are positions and types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from extractor.deid.spans import TYPE_CODES, TYPES, SpanType


@dataclass(frozen=True, order=True)
class Mark:
    """What a person marked: code points of the original text, half-open, and the type."""

    start: int
    end: int
    type: SpanType

    def touches(self, other: Mark) -> bool:
        """Say whether the two share a character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Agreement:
    """Agreement of two annotators; ``None`` where nothing was marked by either.

    Attributes:
        kappa: Cohen's kappa over characters, the types told apart.
        kappa_marked: the same for marked or not, whatever the type.
        f1: of spans that are equal in place and type.
        f1_touching: of spans that share a character, whatever the type.
    """

    kappa: float | None
    kappa_marked: float | None
    f1: float | None
    f1_touching: float | None


def agreement(first: Sequence[Sequence[Mark]], second: Sequence[Sequence[Mark]], lengths: Sequence[int]) -> Agreement:
    """Compare the marks of two annotators, document for document."""
    table = np.zeros((len(TYPES) + 1, len(TYPES) + 1), dtype=np.int64)
    equal = touching_first = touching_second = 0
    for one, two, length in zip(first, second, lengths, strict=True):
        np.add.at(table, (_coded(one, length), _coded(two, length)), 1)
        equal += len(set(one) & set(two))
        touching_first += sum(any(mark.touches(other) for other in two) for mark in one)
        touching_second += sum(any(mark.touches(other) for other in one) for mark in two)
    counts = sum(map(len, first)), sum(map(len, second))
    marked = np.array([[table[0, 0], table[0, 1:].sum()], [table[1:, 0].sum(), table[1:, 1:].sum()]])
    total = sum(counts)
    return Agreement(
        kappa=_kappa(table),
        kappa_marked=_kappa(marked),
        f1=2 * equal / total if total else None,
        f1_touching=(touching_first + touching_second) / total if total else None,
    )


def _coded(marks: Iterable[Mark], length: int) -> np.ndarray:
    codes = np.zeros(length, dtype=np.int64)
    for mark in marks:
        codes[mark.start : mark.end] = TYPE_CODES[mark.type] + 1
    return codes


def _kappa(table: np.ndarray) -> float | None:
    total = table.sum()
    if not total or table[0, 0] == total:
        return None
    seen = np.trace(table) / total
    by_chance = float((table.sum(axis=0) * table.sum(axis=1)).sum()) / float(total) ** 2
    return 1.0 if by_chance == 1 else float((seen - by_chance) / (1 - by_chance))


def disputed(one: Sequence[Mark], two: Sequence[Mark]) -> list[tuple[Mark, bool]]:
    """Return what either marked, joined where marks touch, and whether it is disputed: not marked alike by both."""
    return [(_whole(group), not _alike(group, one, two)) for group in _groups(sorted({*one, *two}))]


def joined(one: Sequence[Mark], two: Sequence[Mark]) -> list[Mark]:
    """Return what either marked, joined where marks touch: the strictest reading of two annotators."""
    return [mark for mark, _ in disputed(one, two)]


def _groups(marks: Iterable[Mark]) -> list[list[Mark]]:
    groups: list[list[Mark]] = []
    reach = -1
    for mark in marks:
        if groups and mark.start < reach:
            groups[-1].append(mark)
        else:
            groups.append([mark])
        reach = max(reach, mark.end) if len(groups[-1]) > 1 else mark.end
    return groups


def _whole(group: Sequence[Mark]) -> Mark:
    longest = max(group, key=lambda mark: mark.end - mark.start)
    return Mark(min(mark.start for mark in group), max(mark.end for mark in group), longest.type)


def _alike(group: Sequence[Mark], one: Sequence[Mark], two: Sequence[Mark]) -> bool:
    return len(group) == 1 and group[0] in one and group[0] in two
