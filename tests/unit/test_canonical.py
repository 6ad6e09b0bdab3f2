"""Canonical JSON and digests: one value, one spelling, as RFC 8785 writes it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes, digest, digest_bytes, to_json


class Colour(StrEnum):
    """An enum of text."""

    RED = "red"


@dataclass(frozen=True)
class Thing:
    """A value with one field of each sort."""

    name: str
    colour: Colour
    day: date
    items: tuple[int, ...] = ()
    note: str | None = None


THING = Thing("甲", Colour.RED, date(2026, 1, 2), (2, 1))


def test_a_value_is_written_by_its_fields_in_the_order_of_their_names() -> None:
    assert canonical_bytes(THING).decode() == '{"colour":"red","day":"2026-01-02","items":[2,1],"name":"甲"}'


def test_a_field_that_is_none_is_left_out_and_changes_no_digest() -> None:
    assert "note" not in json.loads(canonical_bytes(THING))
    assert digest(THING) == digest(Thing("甲", Colour.RED, date(2026, 1, 2), (2, 1), None))
    assert digest(THING) != digest(Thing("甲", Colour.RED, date(2026, 1, 2), (2, 1), ""))


def test_the_examples_of_rfc_8785_come_out_as_it_says() -> None:
    numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]
    value = {"numbers": numbers, "string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    assert canonical_bytes(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf_16_as_rfc_8785_asks() -> None:
    assert list(json.loads(canonical_bytes({"\U0001f600": 1, "\ufb33": 2}))) == ["\U0001f600", "\ufb33"]


def test_a_digest_is_the_sha_256_of_the_canonical_bytes() -> None:
    assert digest(THING) == "sha256:" + hashlib.sha256(canonical_bytes(THING)).hexdigest()
    assert digest_bytes(b"").endswith("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_sets_have_one_order_and_times_keep_their_zone() -> None:
    assert to_json(frozenset({"b", "a"})) == ["a", "b"]
    assert to_json(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == "2026-01-02T03:04:00+00:00"


@pytest.mark.parametrize("value", [object(), Thing, 1j])
def test_what_has_no_json_form_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        to_json({"inside": [value]})


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_json_is_json_of_the_same_value_and_canonical_already(value: object) -> None:
    written = canonical_bytes(value)
    assert json.loads(written) == value
    assert canonical_bytes(json.loads(written)) == written
