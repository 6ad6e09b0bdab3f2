"""When a rule applies: an empty key matches everything, all keys must match, and each key is seen to decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from test_policy_set import REQUEST, field

from extractor.catalogue import FieldClass, Sharing, SharingClass, Subject
from extractor.forms.shape import Division
from extractor.policy_words import History, Side
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, SharingMode
from extractor.selection import (
    ALWAYS,
    NO_CIRCUMSTANCES,
    Circumstances,
    FilingRef,
    Selector,
    goes_abroad,
    is_division,
    is_domestic,
)

URGENT = Circumstances(filing=FilingRef("UF-2026-0001", ()))
ABROAD = replace(REQUEST, safeguards=replace(REQUEST.safeguards, abroad=True))
OF_REQUEST: dict[str, tuple[dict[str, Any], Request, Circumstances]] = {
    "applicants": ({"applicants": (ApplicantKind.UNIVERSITY, ApplicantKind.ENTERPRISE)},
                   replace(REQUEST, applicant=replace(REQUEST.applicant, kind=ApplicantKind.PUBLIC_INSTITUTION)),
                   NO_CIRCUMSTANCES),
    "purposes": ({"purposes": (PurposeCategory.RESEARCH,)},
                 replace(REQUEST, purpose=replace(REQUEST.purpose, category=PurposeCategory.PRODUCT)), NO_CIRCUMSTANCES),
    "consent": ({"consent": (REQUEST.consent,)}, replace(REQUEST, consent=Consent.NONE), NO_CIRCUMSTANCES),
    "modes": ({"modes": (SharingMode.CONTROLLED,)}, replace(REQUEST, mode=SharingMode.PUBLIC), NO_CIRCUMSTANCES),
    "non-profit": ({"non_profit": True}, replace(REQUEST, purpose=replace(REQUEST.purpose, non_profit=False)),
                   NO_CIRCUMSTANCES),
    "history": ({"history": (History.FIRST,)}, REQUEST, Circumstances(History.RENEWAL, "RQ-2026-0001")),
    "not urgent": ({"urgent": False}, REQUEST, URGENT),
    "not abroad": ({"abroad": False}, ABROAD, NO_CIRCUMSTANCES),
}  # fmt: skip
OF_FIELD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "class": ({"cls": (FieldClass.QUASI,)}, {"cls": FieldClass.DIRECT}),
    "kinds": ({"kinds": ("age", "phone")}, {"kind": "email"}),
    "subjects": ({"subjects": (Subject.PERSON,)}, {"subject": Subject.STAFF}),
    "sharing": ({"sharing": (SharingClass.CONDITIONAL,)}, {"sharing": Sharing(SharingClass.OPEN, "r", "b")}),
    "categories": ({"categories": ("医疗服务",)}, {"category": "基础信息"}),
}


@pytest.mark.parametrize("name", OF_REQUEST)
def test_each_key_of_a_request_matches_what_it_names_and_nothing_else(name: str) -> None:
    keys, other, facts = OF_REQUEST[name]
    assert Selector(**keys).matches_request(REQUEST)
    assert not Selector(**keys).matches_request(other, facts)
    assert ALWAYS.matches_request(other, facts)
    for further in OF_REQUEST.values():
        both = Selector(**{**keys, **further[0]})
        assert both.matches_request(REQUEST)
        assert not both.matches_request(other, facts)


@pytest.mark.parametrize("name", OF_FIELD)
def test_each_key_of_a_field_matches_what_it_names_and_nothing_else(name: str) -> None:
    keys, changes = OF_FIELD[name]
    assert Selector(**keys).matches_field(field())
    assert not Selector(**keys).matches_field(field(**changes))
    assert ALWAYS.matches_field(field(**changes))
    assert Selector(**keys).matches_request(REQUEST)


def test_what_is_wanted_true_is_matched_where_it_is() -> None:
    assert Selector(urgent=True).matches_request(REQUEST, URGENT)
    assert not Selector(urgent=True).matches_request(REQUEST)
    assert Selector(abroad=True).matches_request(ABROAD)
    assert not Selector(abroad=True).matches_request(REQUEST)


def test_a_rule_is_meant_for_a_side_on_which_its_policy_applies() -> None:
    data, recipient, both = frozenset({Side.DATA}), frozenset({Side.RECIPIENT}), frozenset(Side)
    assert Selector(sides=(Side.DATA,)).matches_sides(data)
    assert Selector(sides=(Side.DATA,)).matches_sides(both)
    assert not Selector(sides=(Side.DATA,)).matches_sides(recipient)
    assert all(ALWAYS.matches_sides(sides) for sides in (data, recipient, both))


@pytest.mark.parametrize(
    ("division", "domestic"),
    [
        ("350100", True), ("659001", True), ("710000", False), ("810000", False), ("820000", False), ("US", False),
        ("35010", False), ("３５０１００", False), ("35010x", False), ("", False),
        ("999999", False), ("000000", False), ("160000", False), ("240100", False), ("550000", False), ("660100", False),
    ],
)  # fmt: skip
def test_what_leaves_the_country_is_told_by_the_form_or_by_the_place(division: str, domestic: bool) -> None:
    kept = replace(REQUEST, safeguards=replace(REQUEST.safeguards, division=division))
    assert is_domestic(division) is domestic
    assert goes_abroad(kept) is not domestic
    assert goes_abroad(ABROAD)


def test_the_form_takes_the_provinces_that_the_law_knows_and_no_other() -> None:
    taken = {code for code in map("{:02d}0100".format, range(100)) if _is_taken(code)}
    assert taken == {code for code in map("{:02d}0100".format, range(100)) if is_division(code)}
    assert {code[:2] for code in taken if not is_domestic(code)} == {"71", "81", "82"}
    assert len(taken) == 34
    assert _is_taken("US")
    assert not _is_taken("999999")


def _is_taken(division: str) -> bool:
    try:
        return TypeAdapter(Division).validate_python(division) == division
    except ValidationError:
        return False
