"""Intervals against published figures and against their own definition; agreement against sums done by hand."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.deid.agreement import Mark, agreement, disputed, joined
from extractor.deid.intervals import Interval, as_independent, by_document, cases_needed, clopper_pearson, wilson
from extractor.deid.spans import SpanType


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    # Newcombe 1998, table I: methods 3 (Wilson) and 5 (Clopper-Pearson) for 81/263, 15/148, 0/20, 1/29.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(hits: int, cases: int, low: float, high: float) -> None:
    found = wilson(hits, cases, 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_is_as_published(hits: int, cases: int, low: float, high: float) -> None:
    found = clopper_pearson(hits, cases, 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95, 0.99])
)
def test_clopper_pearson_keeps_its_definition(case: tuple[int, int], confidence: float) -> None:
    hits, cases = case
    found = clopper_pearson(hits, cases, confidence)
    tail = (1 - confidence) / 2

    def at_least(least: int, share: float) -> float:
        return sum(comb(cases, k) * share**k * (1 - share) ** (cases - k) for k in range(least, cases + 1))

    if hits:
        assert at_least(hits, found.low) == pytest.approx(tail, rel=1e-6)
    if hits < cases:
        assert 1 - at_least(hits + 1, found.high) == pytest.approx(tail, rel=1e-6)
    assert found.low <= hits / cases <= found.high


def test_large_counts_are_exact_too() -> None:
    assert clopper_pearson(100_000, 100_000, 0.95).low == pytest.approx(0.025 ** (1 / 100_000), rel=1e-9)
    assert clopper_pearson(0, 0, 0.95) == wilson(0, 0, 0.95) == Interval(0.0, 1.0)


def test_documents_that_go_together_widen_the_interval() -> None:
    cases = np.full(100, 10)
    spread = np.where(np.arange(100) % 2, 9, 10)
    together = np.where(np.arange(100) < 5, 0, 10)
    assert spread.sum() == together.sum() == 950
    near, far = (by_document(hits, cases, 0.95, seed=1) for hits in (spread, together))
    assert far.low < near.low <= 0.95 <= near.high < far.high
    assert by_document(together, cases, 0.95, seed=1) == far


def test_the_size_reaches_the_wanted_bound_and_no_smaller_one_does() -> None:
    size = cases_needed(0.97, 0.02, 0.95)
    assert 0.97 - wilson(0.97 * size, size, 0.95).low <= 0.02 < 0.97 - wilson(0.97 * (size - 1), size - 1, 0.95).low


def mark(start: int, end: int, kind: SpanType = SpanType.PERSON) -> Mark:
    return Mark(start, end, kind)


def test_agreement_is_what_is_reckoned_by_hand() -> None:
    # Ten characters: both mark 0-2 as PERSON, one alone 5-6. Seen 9/10, by chance .3*.2 + .7*.8 = .62, kappa (.9-.62)/.38.
    found = agreement([[mark(0, 2), mark(5, 6)]], [[mark(0, 2)]], [10])
    assert found.kappa == found.kappa_marked == pytest.approx(0.28 / 0.38)
    assert (found.f1, found.f1_touching) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_another_type_is_no_agreement_but_is_marked_alike() -> None:
    found = agreement([[mark(0, 2)]], [[mark(0, 2, SpanType.ADDRESS)]], [10])
    assert found.kappa is not None and found.kappa < 1 == found.kappa_marked
    assert (found.f1, found.f1_touching) == (0, 1)


def test_where_nothing_is_marked_there_is_nothing_to_agree_on() -> None:
    found = agreement([[]], [[]], [10])
    assert (found.kappa, found.f1) == (None, None)


def test_what_either_marked_counts_and_what_they_did_not_mark_alike_is_disputed() -> None:
    one, two = [mark(0, 3), mark(5, 7), mark(9, 10)], [mark(0, 3), mark(6, 9, SpanType.ADDRESS)]
    assert disputed(one, two) == [(mark(0, 3), False), (mark(5, 9, SpanType.ADDRESS), True), (mark(9, 10), True)]
    assert joined(one, two) == [mark(0, 3), mark(5, 9, SpanType.ADDRESS), mark(9, 10)]


def test_identifiers_of_one_note_count_as_fewer_and_never_too_good() -> None:
    assert as_independent(200, 200) == (133, 133)
    assert as_independent(199, 200) == (132, 133)
    assert as_independent(0, 1) == (0, 0)
    assert clopper_pearson(*as_independent(200, 200), 0.95).low < clopper_pearson(200, 200, 0.95).low
