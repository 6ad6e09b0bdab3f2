"""The way back from canonical JSON: the same value, the same digest, and nothing else accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes, digest, to_json
from extractor.catalogue import Catalogue, Field, Table
from extractor.decode import from_json, from_json_text
from extractor.errors import ConfigurationError, FormError
from extractor.levels import HIERARCHIES
from extractor.policy import Policy
from extractor.policy_rules import Ceiling, Duty, KindLevel, Requirement, Retention, RiskLimit, Rule
from extractor.policy_words import DutyEvent, Evidence, RetentionSubject
from extractor.requests import Decision, Request, Role, SharingMode
from extractor.selection import Selector


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Leaf:
    value: str | int | float | bool
    node: Literal["leaf"] = "leaf"


@dataclass(frozen=True)
class Pair:
    left: Leaf | Pair
    right: Leaf | Pair
    node: Literal["pair"] = "pair"


@dataclass(frozen=True)
class Box:
    tree: Leaf | Pair
    colour: Colour
    day: date
    time: datetime
    share: float
    pairs: tuple[tuple[str, int], ...] = ()
    named: Mapping[str, int] | None = None
    signs: frozenset[str] = frozenset()
    note: str | None = "a note"


NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    st.builds(Leaf, st.one_of(st.text(), NUMBERS, st.booleans(), FLOATS)),
    lambda inner: st.builds(Pair, inner, inner),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.just(UTC))
BOXES = st.builds(
    Box,
    tree=TREES,
    colour=st.sampled_from(Colour),
    day=st.dates(),
    time=TIMES,
    share=FLOATS,
    pairs=st.lists(st.tuples(st.text(), NUMBERS), max_size=3).map(tuple),
    named=st.none() | st.dictionaries(st.text(), NUMBERS, max_size=3),
    signs=st.frozensets(st.text(), max_size=3),
    note=st.none() | st.text(),
)

KIND_LEVELS = st.sampled_from([(h.kind, name) for h in HIERARCHIES.values() for name in h.names])
FIELDS = st.builds(Field, kind=st.sampled_from(sorted(HIERARCHIES)), grade=st.integers(1, 5))
TABLES = st.builds(
    Table,
    fields=st.lists(FIELDS, max_size=3).map(tuple),
    person=st.none(),
    link=st.none(),
    key=st.just(()),
    period=st.none(),
    identity=st.just(False),
)
SMALL = st.integers(0, 10_000)
RULES = st.builds(Rule, id=st.text(), article=st.text(), quote=st.text())
SELECTORS = st.builds(Selector)
POLICIES = st.builds(
    Policy,
    ceilings=st.tuples(
        st.builds(Ceiling, RULES, SELECTORS, st.tuples(KIND_LEVELS.map(lambda pair: KindLevel(*pair)))),
    ),
    requirements=st.tuples(st.builds(Requirement, RULES, SELECTORS, mlps_at_least=st.none() | st.integers(1, 5))),
    retention=st.tuples(st.builds(Retention, RULES, st.sampled_from(RetentionSubject), SMALL)),
    duties=st.tuples(
        st.builds(
            Duty, RULES, st.text(), st.sampled_from(Role), st.sampled_from(DutyEvent), SMALL, st.sampled_from(Evidence)
        )
    ),
    risk=st.tuples(
        st.builds(
            RiskLimit,
            RULES,
            st.sampled_from(SharingMode),
            k=SMALL,
            suppression_limit=st.floats(0, 1),
            l_diversity=st.none() | SMALL,
            t_closeness=st.none() | st.floats(0, 1),
            threshold=st.floats(0, 1),
        )
    ),
)
DECISIONS = st.builds(Decision, time=TIMES)


def _back(value: object) -> object:
    return from_json_text(type(value), canonical_bytes(value))


@settings(max_examples=60, deadline=None)
@given(BOXES)
def test_every_shape_comes_back_as_it_was(box: Box) -> None:
    assert digest(_back(box)) == digest(box)
    assert from_json(Box, to_json(box)) == box


@settings(max_examples=40, deadline=None)
@given(st.builds(Catalogue, tables=st.lists(TABLES, max_size=2).map(tuple)))
def test_a_catalogue_comes_back_with_its_digest(catalogue: Catalogue) -> None:
    assert _back(catalogue) == catalogue
    assert digest(_back(catalogue)) == digest(catalogue)


@settings(max_examples=40, deadline=None)
@given(st.from_type(Request).filter(lambda request: abs(request.safeguards.mlps) < 2**53))
def test_a_request_comes_back_with_its_digest(request: Request) -> None:
    assert _back(request) == request
    assert digest(_back(request)) == request.digest


@settings(max_examples=40, deadline=None)
@given(POLICIES)
def test_a_policy_comes_back_with_its_digest(policy: Policy) -> None:
    assert _back(policy) == policy
    assert digest(_back(policy)) == digest(policy)


@settings(max_examples=40, deadline=None)
@given(DECISIONS)
def test_a_decision_comes_back_with_its_digest(decision: Decision) -> None:
    assert _back(decision) == decision
    assert digest(_back(decision)) == digest(decision)


BODY = to_json(Box(Leaf("secret value"), Colour.RED, date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC), 0.5))


def _changed(**changes: object) -> dict[str, object]:
    assert isinstance(BODY, dict)
    return {key: value for key, value in {**BODY, **changes}.items() if value != "left out"}


@pytest.mark.parametrize(
    ("body", "thing"),
    [
        (_changed(stray="secret value"), "Box"),
        (_changed(colour="secret value"), "Box.colour"),
        (_changed(colour="left out"), "Box.colour"),
        (_changed(colour=None), "Box.colour"),
        (_changed(day="2026-02-30"), "Box.day"),
        (_changed(day="20260102"), "Box.day"),
        (_changed(day=20260102), "Box.day"),
        (_changed(time="secret value"), "Box.time"),
        (_changed(share="0.5"), "Box.share"),
        (_changed(share=True), "Box.share"),
        (_changed(tree={"node": "twig", "value": "secret value"}), "Box.tree"),
        (_changed(tree={"value": "secret value"}), "Box.tree"),
        (_changed(tree={"node": "leaf", "value": ["secret value"]}), "Box.tree.value"),
        (_changed(tree="secret value"), "Box.tree"),
        (_changed(pairs=[["secret value"]]), "Box.pairs.0"),
        (_changed(pairs=[["a", "secret value"]]), "Box.pairs.0.1"),
        (_changed(pairs={"a": 1}), "Box.pairs"),
        (_changed(named=["secret value"]), "Box.named"),
        (_changed(signs=["secret value", "secret value"]), "Box.signs"),
        (["secret value"], "Box"),
    ],
)
def test_what_does_not_fit_is_told_by_its_path_and_not_by_its_value(body: object, thing: str) -> None:
    with pytest.raises(FormError) as caught:
        from_json(Box, body)  # type: ignore[arg-type]
    assert caught.value.thing == thing
    assert "secret" not in f"{caught.value} {caught.value.text('zh')} {caught.value.__cause__}"


def test_an_absent_optional_key_is_none_because_none_is_left_out() -> None:
    box = from_json(Box, _changed(note="left out"))  # type: ignore[arg-type]
    assert box.note is None


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"share": NaN}', "{", '{"share": 1e999}', "[" * 100_000, b"\xff"]
)
def test_text_that_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(FormError):
        from_json_text(Box, text)


def test_nesting_without_end_is_refused() -> None:
    body: object = {"node": "leaf", "value": 1}
    for _ in range(300):
        body = {"node": "pair", "left": body, "right": {"node": "leaf", "value": 1}}
    with pytest.raises(FormError, match="nesting"):
        from_json(Box, _changed(tree=body))  # type: ignore[arg-type]


def test_the_checks_of_a_class_hold_on_the_way_back_too() -> None:
    with pytest.raises(ConfigurationError, match="has no level"):
        from_json(KindLevel, json.loads('{"kind": "age", "level": "raw"}'))
