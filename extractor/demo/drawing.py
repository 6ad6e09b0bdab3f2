"""How the demo draws: arrays of texts, lists of words, skewed choices.

Owns the small numpy vocabulary that the generated hospital shares. It must not know what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Texts: TypeAlias = NDArray[np.object_]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]
Years: TypeAlias = NDArray[np.float64]
Days: TypeAlias = NDArray[np.datetime64]


def words(*lines: str) -> tuple[str, ...]:
    """Return the words of lines, which are separated by spaces."""
    return tuple(word for line in lines for word in line.split())


def texts(values: Sequence[str]) -> Texts:
    """Return texts as a numpy array of objects, which adds and picks element by element."""
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def choose(rng: np.random.Generator, values: Sequence[str], *, count: int) -> Texts:
    """Draw ``count`` of the values, each as likely as the other."""
    return pick(texts(values), rng.integers(0, len(values), count))


def pick(values: Texts, places: Numbers) -> Texts:
    """Return the texts at these places."""
    picked: Texts = values[places]
    return picked


def skewed(rng: np.random.Generator, choices: int, *, count: int) -> Numbers:
    """Draw ``count`` indices below ``choices`` where the first are the most frequent (Zipf-like, exponent 0.7)."""
    weights = 1.0 / np.arange(1, choices + 1) ** 0.7
    return rng.choice(choices, size=count, p=weights / weights.sum())
