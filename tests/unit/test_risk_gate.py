"""The risk gate: what passes, whom it leaves out, and what a refusal says."""

from __future__ import annotations

import polars as pl
import pytest

from extractor.deid.classes import ReleaseTable, Unit, build_classes
from extractor.deid.gate import RiskLimits, pass_gate
from extractor.errors import ConfigurationError, RiskNotMet
from extractor.requests import SharingMode

PUBLIC, CONTROLLED, ENCLAVE = SharingMode.PUBLIC, SharingMode.CONTROLLED, SharingMode.ENCLAVE


def people(groups: list[tuple[str, str, int]], diseases: str = "") -> ReleaseTable:
    """Persons p0, p1, … of (ward, street, how many) groups; diseases are dealt one letter a person."""
    wards = [w for w, _, n in groups for _ in range(n)]
    streets = [s for _, s, n in groups for _ in range(n)]
    frame = pl.DataFrame(
        {
            "person": [f"p{i}" for i in range(len(wards))],
            "ward": wards,
            "street": streets,
            "disease": list(diseases or "a" * len(wards)),
        }
    )
    return ReleaseTable("people", frame.lazy(), ("ward", "street"), ("disease",), "person")


def test_a_release_within_its_limits_passes_whole():
    result = pass_gate(build_classes([people([("w", "s", 6)])]), RiskLimits(k=5), CONTROLLED)
    assert result.suppressed_persons.is_empty() and result.suppressed_share == 0
    assert result.before == result.after


def test_persons_in_small_classes_are_left_out_within_the_limit():
    classes = build_classes([people([("w", "s", 9), ("w", "t", 1)])])
    result = pass_gate(classes, RiskLimits(k=5, suppression_limit=0.1), CONTROLLED)
    assert result.suppressed_persons.to_list() == ["p9"]
    assert (result.before.k, result.after.k, result.suppressed_share) == (1, 9, 0.1)
    assert (result.before.grade, result.after.grade) == (2, 3)
    assert "p9" not in repr(result)


def test_the_threshold_of_the_mode_asks_for_more_than_k_where_it_must():
    classes = build_classes([people([("w", "s", 19)])])
    assert pass_gate(classes, RiskLimits(k=5), CONTROLLED).after.k == 19
    with pytest.raises(RiskNotMet, match=r"k = 20"):
        pass_gate(classes, RiskLimits(k=5), PUBLIC)
    assert RiskLimits(k=2).class_size(ENCLAVE) == 3
    assert RiskLimits(k=2, threshold=0.01).class_size(PUBLIC) == 100


def test_classes_without_diversity_are_left_out_after_the_small_ones():
    classes = build_classes([people([("w", "s", 6), ("w", "t", 3), ("v", "u", 1)], "abcabc" + "aaa" + "b")])
    result = pass_gate(classes, RiskLimits(k=3, l=2, suppression_limit=0.4), ENCLAVE)
    assert result.suppressed_persons.to_list() == ["p6", "p7", "p8", "p9"]
    assert (result.after.k, result.after.l) == (6, 3)


def test_closeness_is_measured_again_against_what_stays():
    # Without the class of z, all is a: the rest is at no distance from itself.
    groups = [("w", "s", 4), ("w", "t", 4), ("w", "u", 3)]
    classes = build_classes([people(groups, "aaaa" + "aaaa" + "zzz")])
    result = pass_gate(classes, RiskLimits(k=3, t=0.5, suppression_limit=0.3), ENCLAVE)
    assert result.before.t == pytest.approx(8 / 11) and result.after.t == 0.0
    assert result.suppressed_share == pytest.approx(3 / 11)


def test_a_class_that_breaks_closeness_only_once_another_is_gone_is_left_out_too():
    # Of all, 20/31 are a: only u is too far. Without u 14/25 are a, and t is at 0.24.
    groups = [("w", "s", 20), ("w", "t", 5), ("w", "u", 6)]
    classes = build_classes([people(groups, "a" * 10 + "b" * 10 + "aaaab" + "a" * 6)])
    result = pass_gate(classes, RiskLimits(k=5, t=0.2, suppression_limit=0.4), CONTROLLED)
    assert len(result.suppressed_persons) == 11 and result.after.t == 0.0
    with pytest.raises(RiskNotMet, match=r"t = 0\.2"):
        pass_gate(classes, RiskLimits(k=5, t=0.2, suppression_limit=0.2), CONTROLLED)


def test_a_refusal_names_figures_and_the_best_help_first_and_no_value():
    groups = [("病区甲", f"街{i}", 2) for i in range(5)] + [("病区乙", "街9", 1)]
    with pytest.raises(RiskNotMet) as caught:
        pass_gate(build_classes([people(groups)]), RiskLimits(k=5, suppression_limit=0.05), CONTROLLED)
    error = caught.value
    for text in (error.text("en"), error.text("zh"), str(error.as_json())):
        assert "k = 5" in text and "100.0%" in text and "5.0%" in text
        assert text.index("people.street") < text.index("people.ward")
        assert not any(value in text for value in ("病区", "街", "p0", "p10"))
    assert "without people.street 9.1%" in error.text("en") and error.exit_code == 5


def test_a_refusal_names_no_more_than_three_helps():
    frame = pl.DataFrame({f"c{i}": [0, 1, 2, 3] for i in range(5)})
    with pytest.raises(RiskNotMet) as caught:
        pass_gate(build_classes([ReleaseTable("t", frame, tuple(frame.columns))]), RiskLimits(k=2), ENCLAVE)
    assert caught.value.text("en").count("without t.") == 3


def test_a_release_that_would_lose_everybody_is_refused_even_without_a_limit():
    classes = build_classes([people([("w", "s", 2)])])
    with pytest.raises(RiskNotMet, match=r"100\.0%"):
        pass_gate(classes, RiskLimits(k=3, suppression_limit=1.0), ENCLAVE)


def test_diversity_that_needs_more_than_the_limit_is_refused():
    classes = build_classes([people([("w", "s", 6), ("w", "t", 6)], "ababab" + "aaaaaa")])
    with pytest.raises(RiskNotMet, match=r"l = 2"):
        pass_gate(classes, RiskLimits(k=3, l=2, suppression_limit=0.2), ENCLAVE)


def test_rows_as_units_are_left_out_by_their_number():
    frame = pl.DataFrame({"ward": ["a", "a", "b", "a"]})
    classes = build_classes([ReleaseTable("t", frame, ("ward",))], unit=Unit.ROWS)
    result = pass_gate(classes, RiskLimits(k=3, suppression_limit=0.25), ENCLAVE)
    assert result.suppressed_persons.to_list() == [2]


def test_a_person_with_a_rare_visit_is_left_out_with_all_visits():
    frame = pl.DataFrame({"person": [1, 2, 3, 3, 4], "ward": ["a", "a", "a", "rare", "a"]})
    classes = build_classes([ReleaseTable("stays", frame, ("ward",), (), "person")])
    result = pass_gate(classes, RiskLimits(k=3, suppression_limit=0.25), ENCLAVE)
    assert result.suppressed_persons.to_list() == [3]
    assert (result.before.rows, result.after.rows, result.after.persons) == (5, 3, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"k": 0}, {"k": 2, "l": 0}, {"k": 2, "t": 1.5}, {"k": 2, "t": float("nan")}),
        *({"k": 2, "threshold": 0}, {"k": 2, "suppression_limit": -0.1}, {"k": 2, "suppression_limit": 1.1}),
    ],
)
def test_limits_out_of_range_are_refused_at_birth(wrong):
    with pytest.raises(ConfigurationError):
        RiskLimits(**wrong)
