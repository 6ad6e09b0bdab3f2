"""Kinds and levels: every kind ends in nothing, names what it does, and says what there is to choose."""

from __future__ import annotations

import pytest

from extractor.errors import ConfigurationError
from extractor.levels import HIERARCHIES, Hierarchy, Level, Technique, hierarchy_of


@pytest.mark.parametrize("hierarchy", HIERARCHIES.values(), ids=lambda hierarchy: hierarchy.kind)
def test_every_kind_ends_in_none_and_begins_with_its_finest_level(hierarchy: Hierarchy) -> None:
    last = hierarchy.levels[-1]
    assert (last.name, last.technique, last.quasi) == ("none", Technique.SUPPRESS, False)
    assert all(hierarchy.at_least_as_coarse("none", name) for name in hierarchy.names)
    assert all(hierarchy.at_least_as_coarse(name, hierarchy.names[0]) for name in hierarchy.names)
    assert hierarchy.from_fine_to_coarse(hierarchy.names[0]) == hierarchy.names
    assert all(level.zh for level in hierarchy.levels)
    assert [name for name, _ in hierarchy.covers if name == "none"] == []


@pytest.mark.parametrize("hierarchy", HIERARCHIES.values(), ids=lambda hierarchy: hierarchy.kind)
def test_only_what_nobody_can_match_is_no_quasi_identifier(hierarchy: Hierarchy) -> None:
    hidden = {
        Technique.PSEUDONYMISE, Technique.DATE_SHIFT, Technique.SURROGATE, Technique.REDACT, Technique.SUPPRESS,
    }  # fmt: skip
    for level in hierarchy.levels:
        assert level.quasi is (level.technique not in hidden)


def test_two_levels_that_cannot_be_compared_meet_in_the_first_above_both() -> None:
    assert hierarchy_of("event_time").coarser("shifted_time", "day") == "shifted_day"
    assert hierarchy_of("phone").coarser("mask", "pseudonym") == "none"
    assert not hierarchy_of("phone").at_least_as_coarse("mask", "pseudonym")
    assert hierarchy_of("birth_date").coarser("year", "age") == "age"


def test_an_unknown_kind_or_level_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match="resident_id, passport"):
        hierarchy_of("nothing")
    for ask in (
        lambda: hierarchy_of("age").level("raw"),
        lambda: hierarchy_of("age").coarser("age", "raw"),
        lambda: hierarchy_of("age").at_least_as_coarse("raw", "age"),
    ):
        with pytest.raises(ConfigurationError, match="age, age_band_5, age_band_10, none"):
            ask()


def test_a_hierarchy_with_a_stray_cover_or_a_level_twice_is_not_born() -> None:
    level = Level("none", Technique.SUPPRESS, "无")
    with pytest.raises(ValueError, match="elsewhere"):
        Hierarchy("k", "类", (level,), (("elsewhere", "none"),))
    with pytest.raises(ValueError, match="twice"):
        Hierarchy("k", "类", (level, level), ())
