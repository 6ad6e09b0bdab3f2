"""The lattice of every kind: a partial order that ends in none, and a join that is the least upper bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.levels import HIERARCHIES, Hierarchy, Level, Technique

Pair = tuple[Hierarchy, str, str]


@st.composite
def made_up(draw: st.DrawFn) -> Hierarchy:
    """Draw a hierarchy as the core allows them: levels from fine to coarse, any of them below any later one, all below none."""
    size = draw(st.integers(1, 5))
    names = [f"l{at}" for at in range(size)]
    covers = [(fine, coarse) for at, fine in enumerate(names) for coarse in names[at + 1 :] if draw(st.booleans())]
    covers += [(name, "none") for name in names]
    levels = tuple(Level(name, Technique.GENERALISE, name) for name in names)
    return Hierarchy("made_up", "虚构", (*levels, Level("none", Technique.SUPPRESS, "无")), tuple(covers))


REAL = st.sampled_from(list(HIERARCHIES.values()))


@st.composite
def levels_of(
    draw: st.DrawFn, hierarchies: st.SearchStrategy[Hierarchy], count: int
) -> tuple[Hierarchy, tuple[str, ...]]:
    hierarchy = draw(hierarchies)
    return hierarchy, tuple(draw(st.sampled_from(hierarchy.names)) for _ in range(count))


@given(levels_of(REAL | made_up(), 3))
@settings(max_examples=150)
def test_being_at_least_as_coarse_is_a_partial_order(case: tuple[Hierarchy, tuple[str, ...]]) -> None:
    hierarchy, (a, b, c) = case
    above = hierarchy.at_least_as_coarse
    assert above(a, a)
    assert not (above(a, b) and above(b, a)) or a == b
    assert not (above(a, b) and above(b, c)) or above(a, c)
    assert above("none", a)


@given(levels_of(REAL | made_up(), 2))
@settings(max_examples=150)
def test_coarser_is_never_finer_than_either_and_commutes(case: tuple[Hierarchy, tuple[str, ...]]) -> None:
    hierarchy, (a, b) = case
    joined = hierarchy.coarser(a, b)
    assert hierarchy.at_least_as_coarse(joined, a)
    assert hierarchy.at_least_as_coarse(joined, b)
    assert hierarchy.coarser(b, a) == joined
    assert hierarchy.coarser(a, a) == a
    assert hierarchy.coarser(a, "none") == "none"


@pytest.mark.parametrize("hierarchy", HIERARCHIES.values(), ids=lambda hierarchy: hierarchy.kind)
def test_coarser_is_the_least_upper_bound_and_associates_in_every_kind(hierarchy: Hierarchy) -> None:
    names = hierarchy.names
    for a in names:
        for b in names:
            joined = hierarchy.coarser(a, b)
            bounds = [c for c in names if hierarchy.at_least_as_coarse(c, a) and hierarchy.at_least_as_coarse(c, b)]
            assert joined in bounds
            assert all(hierarchy.at_least_as_coarse(bound, joined) for bound in bounds)
            for c in names:
                assert hierarchy.coarser(joined, c) == hierarchy.coarser(a, hierarchy.coarser(b, c))


@given(levels_of(REAL | made_up(), 1))
def test_a_climb_starts_at_its_level_never_descends_and_ends_in_none(case: tuple[Hierarchy, tuple[str, ...]]) -> None:
    hierarchy, (start,) = case
    climb = hierarchy.from_fine_to_coarse(start)
    assert climb[0] == start
    assert climb[-1] == "none"
    assert len(set(climb)) == len(climb)
    for at, lower in enumerate(climb):
        assert not any(hierarchy.at_least_as_coarse(lower, later) for later in climb[at + 1 :])
