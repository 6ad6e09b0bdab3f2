"""Pseudonyms: one person is one pseudonym in every form of writing, and no key or digit shows."""

import pickle
import re

import polars as pl
import pytest

from extractor.deid.pseudonyms import ProjectKeys, day_offsets, pseudonyms
from extractor.errors import ConfigurationError

ROOT = bytes(range(32))
KEYS = ProjectKeys.derive(ROOT, "2024-017")


def of(*values: object, domain: str = "person", kind: str = "", keys: ProjectKeys = KEYS) -> list[str | None]:
    return pseudonyms(pl.Series("p", values), keys.pseudonyms, domain=domain, kind=kind).to_list()


def test_a_pseudonym_is_20_consonants_without_a_digit() -> None:
    written = of("110101199003074610", "张三", "𠀀𠀁", 7 * "long identifier ")
    assert all(value and re.fullmatch("[bcdfghjkmnpqrtvz]{20}", value) for value in written)
    assert len(set(written)) == 4


def test_the_same_person_matches_in_every_form_of_writing() -> None:
    forms = (
        "11010119900307461x",
        "11010119900307461X",
        " 11010119900307461X\t",
        "11010119900307461X",
        "11010119900307461x",
    )
    assert len(set(of(*forms))) == 1
    assert len(set(of("\u200b110101199003074610", "110101199003074610", "\ufeff110101199003074610"))) == 1


def test_integer_and_whole_float_columns_match_text() -> None:
    assert of(1234567) == of("1234567") == of(1234567.0)


def test_a_float_that_cannot_hold_its_digits_is_null_rather_than_a_wrong_person() -> None:
    assert of(110101199003074610.0, 1.5) == [None, None]


def test_each_kind_is_matched_in_its_own_ways_of_writing() -> None:
    assert len(set(of("+86 138-1234-5678", "13812345678", "138 1234 5678", "008613812345678", kind="phone"))) == 1
    assert len(set(of("110101 19900307 4610", "110101-19900307-4610", "110101199003074610", kind="resident_id"))) == 1
    assert of("Zhang@QQ.com", kind="email") == of("zhang@qq.com", kind="email")
    assert of("e12345678", kind="passport") == of("E12345678", kind="passport")


def test_case_is_kept_where_it_may_distinguish_two_persons() -> None:
    assert len(set(of("aB3x", "Ab3x", kind="record_number"))) == 2


def test_null_and_blank_are_no_identity() -> None:
    assert of(None, "", "  ", "\u200b", "\u3000") == [None] * 5
    assert day_offsets(pl.Series([None, "", " "]), KEYS.date_shift).to_list() == [None] * 3


def test_a_value_comes_out_alike_whatever_its_neighbours_are() -> None:
    alone, composed = of("e\u0301"), of("e\u0301", "张三", "ABC", None, "x" * 90)
    assert alone[0] == composed[0] == of("é")[0]


def test_projects_and_domains_do_not_match() -> None:
    other = ProjectKeys.derive(ROOT, "2024-018")
    assert len({of("A1")[0], of("A1", domain="visit")[0], of("A1", keys=other)[0]}) == 3
    assert len({KEYS.pseudonyms, KEYS.date_shift, KEYS.text_surrogates}) == 3


def test_no_key_shows_in_a_representation() -> None:
    assert repr(KEYS) == "ProjectKeys()"


def test_keys_survive_being_handed_to_a_child_process() -> None:
    assert pickle.loads(pickle.dumps(KEYS)) == KEYS


def test_a_short_root_or_a_nameless_project_is_refused() -> None:
    for root, project in ((b"short", "p"), (ROOT, "")):
        with pytest.raises(ConfigurationError):
            ProjectKeys.derive(root, project)


def test_a_column_without_text_is_refused_and_no_value_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        pseudonyms(pl.Series([[110101]]), KEYS.pseudonyms, domain="person")
    assert "110101" not in str(caught.value)


def test_offsets_are_never_zero_and_reach_both_ends_evenly() -> None:
    offsets = day_offsets(pl.Series(range(60_000)), KEYS.date_shift, maximum_days=3)
    counts = offsets.value_counts().sort(offsets.name)
    assert counts[offsets.name].to_list() == [-3, -2, -1, 1, 2, 3]
    assert counts["count"].min() > 9_600
    assert offsets.dtype == pl.Int32


def test_an_empty_column_stays_empty() -> None:
    empty = pl.Series("p", [], dtype=pl.String)
    assert pseudonyms(empty, KEYS.pseudonyms, domain="d").dtype == pl.String
    assert day_offsets(empty, KEYS.date_shift).len() == 0


def test_offsets_need_at_least_a_day() -> None:
    with pytest.raises(ConfigurationError):
        day_offsets(pl.Series(["a"]), KEYS.date_shift, maximum_days=0)
