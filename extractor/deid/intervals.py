"""Intervals of confidence for a share, and how many cases a wanted interval needs.

Owns the arithmetic: Wilson, Clopper-Pearson, and the bootstrap over documents, because identifiers of one document are found or
missed together. It must not know what is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_STEPS = 200
_DRAWS_AT_ONCE = 500


@dataclass(frozen=True)
class Interval:
    """A two-sided interval of a share."""

    low: float
    high: float


def wilson(hits: float, cases: float, confidence: float) -> Interval:
    """Return the score interval (Wilson 1927) of ``hits`` among ``cases``; without cases it is 0 to 1."""
    if not cases:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, square = hits / cases, z * z / cases
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / cases + square / (4 * cases))
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


DESIGN_EFFECT = 1.5
"""How many times as many identifiers a sample of whole notes needs as one of single identifiers would (Kish 1965)."""


def as_independent(hits: int, cases: int) -> tuple[int, int]:
    """Return the hits and cases that count as independent, because those of one note are found or missed together.

    Cases are rounded down and misses up, so that the bound that is drawn from them is never too good.
    """
    fewer = int(cases / DESIGN_EFFECT)
    missed = min(fewer, math.ceil((cases - hits) / DESIGN_EFFECT))
    return fewer - missed, fewer


def clopper_pearson(hits: int, cases: int, confidence: float) -> Interval:
    """Return the exact interval (Clopper and Pearson 1934): it holds the share at least as often as it says."""
    if not cases:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _beta_quantile(tail, hits, cases - hits + 1)
    high = 1.0 if hits == cases else _beta_quantile(1 - tail, hits + 1, cases - hits)
    return Interval(low, high)


def by_document(hits: np.ndarray, cases: np.ndarray, confidence: float, *, seed: int, draws: int = 2000) -> Interval:
    """Return the percentile interval of the share when whole documents are drawn again.

    Args:
        hits: hits in each document.
        cases: cases in each document; documents without any count as drawn.
        confidence: of both sides together.
        seed: of the draws, so that a report can be made again.
        draws: how many samples are drawn.
    """
    if not cases.sum():
        return Interval(0.0, 1.0)
    random = np.random.default_rng(seed)
    shares: list[np.ndarray] = []
    for first in range(0, draws, _DRAWS_AT_ONCE):
        size = (min(_DRAWS_AT_ONCE, draws - first), len(cases))
        chosen = random.integers(0, len(cases), size=size)
        drawn = cases[chosen].sum(axis=1)
        shares.append(hits[chosen].sum(axis=1)[drawn > 0] / drawn[drawn > 0])
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(shares), [tail, 1 - tail])
    return Interval(float(low), float(high))


def cases_needed(expected: float, half_width: float, confidence: float) -> int:
    """Return the fewest cases at which the Wilson interval of the expected share reaches no further down than ``half_width``."""
    low, high = 1, 1
    while expected - wilson(expected * high, high, confidence).low > half_width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if expected - wilson(expected * middle, middle, confidence).low > half_width:
            low = middle + 1
        else:
            high = middle
    return high


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the value below which a beta distribution has ``probability``, by halving."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if _beta_below(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_below(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, _STEPS + int(math.sqrt(a + b)) * 4):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / (1 + term * d or tiny), 1 + term / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value
