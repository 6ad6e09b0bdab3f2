"""The request's own rules: its life as one table, what decisions bind, and the numbers of the sharing modes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from extractor.demo.sources import example_folder
from extractor.errors import ApprovalError
from extractor.forms.request_form import read_request
from extractor.requests import (
    RISK_THRESHOLD,
    TRANSITIONS,
    Act,
    Decision,
    Result,
    Role,
    SharingMode,
    State,
    Subject,
    next_state,
    transition_diagram,
)

ROOT = Path(__file__).parents[2]
REQUEST = read_request(example_folder("minimal") / "request.yaml")
DECISION = Decision(
    Subject("RQ-1", "sha256:r", "sha256:p"), "review", "p1", Role.OPERATOR, "u", Result.APPROVE, "",
    datetime(2026, 1, 1, tzinfo=UTC), date(2026, 12, 31), "ed25519:x", "00",
)  # fmt: skip


@pytest.mark.parametrize(("state", "act"), list(product([None, *State], Act)))
def test_only_what_the_table_holds_is_possible(state: State | None, act: Act) -> None:
    if (state, act) in TRANSITIONS:
        assert next_state(state, act) is TRANSITIONS[state, act]
        return
    with pytest.raises(ApprovalError) as caught:
        next_state(state, act, number="RQ-2026-0001")
    told = caught.value.text("en")
    possible = [known.value for was, known in TRANSITIONS if was is state]
    assert told.startswith("RQ-2026-0001: ")
    assert told.endswith("possible now: " + (", ".join(possible) or "nothing"))


def test_every_state_can_be_reached_and_the_ended_ones_stay() -> None:
    reached, before = {None}, set()
    while reached != before:
        before = set(reached)
        reached |= {becomes for (was, _), becomes in TRANSITIONS.items() if was in reached}
    assert reached == {None, *State}
    assert {s for s in State if not any(was is s for was, _ in TRANSITIONS)} == {
        State.REFUSED, State.WITHDRAWN, State.CLOSED,
    }  # fmt: skip


def test_nothing_is_delivered_that_was_not_approved_frozen_run_and_sealed() -> None:
    for gate in (State.APPROVED, State.FROZEN, State.RUNNING, State.SEALED):
        reached, before = {None}, set()
        while reached != before:
            before = set(reached)
            reached |= {b for (was, _), b in TRANSITIONS.items() if was in reached and b is not gate}
        assert State.DELIVERED not in reached


def test_the_diagram_in_the_docs_is_the_table() -> None:
    page = (ROOT / "docs" / "request-states.md").read_text("utf-8")
    drawn = page.partition("```mermaid\n")[2].partition("```")[0]
    assert drawn == transition_diagram()
    arrows = [line for line in drawn.splitlines() if "-->" in line]
    assert len(arrows) == len(TRANSITIONS) + 3
    assert "    submitted --> approved: approve_last" in arrows


@pytest.mark.parametrize("name", [field.name for field in fields(REQUEST)])
def test_the_digest_of_a_request_binds_every_field(name: str) -> None:
    value = getattr(REQUEST, name)
    other = {
        "applicant": replace(REQUEST.applicant, division="350200"), "handler": replace(REQUEST.handler, phone="1"),
        "security_officer": replace(REQUEST.security_officer, phone="1"),
        "project": replace(REQUEST.project, protocol="sha256:x"), "purpose": replace(REQUEST.purpose, non_profit=False),
        "variables": REQUEST.variables[1:], "period": replace(REQUEST.period, last=date(2025, 12, 30)),
        "people": ("user-01",), "until": date(2029, 1, 1), "safeguards": replace(REQUEST.safeguards, linked_with="x"),
        "consent": "written", "mode": "public", "format": "csv", "earlier_returned": False,
    }.get(name, f"{value}x")  # fmt: skip
    assert replace(REQUEST, **{name: other}).digest != REQUEST.digest


@pytest.mark.parametrize("name", [field.name for field in fields(DECISION) if field.name != "signature"])
def test_a_signature_covers_all_of_a_decision_but_itself(name: str) -> None:
    value = getattr(DECISION, name)
    other = {
        "subject": replace(DECISION.subject, plan="sha256:q"), "role": Role.AUTHORITY, "result": Result.REFUSE,
        "time": datetime(2026, 1, 2, tzinfo=UTC), "until": date(2027, 1, 1),
    }.get(name, f"{value}x")  # fmt: skip
    assert replace(DECISION, **{name: other}).signed_bytes != DECISION.signed_bytes
    assert replace(DECISION, signature="ff").signed_bytes == DECISION.signed_bytes


def test_context_times_threshold_is_the_same_risk_in_every_mode() -> None:
    assert [mode.tau for mode in SharingMode] == [Fraction(1, 20), Fraction(1, 5), Fraction(1, 3)]
    assert all(mode.tau * mode.context == RISK_THRESHOLD for mode in SharingMode)


def test_pseudonyms_of_two_applicants_or_two_projects_have_domains_of_their_own() -> None:
    who, what = REQUEST.applicant, REQUEST.project
    others = [
        replace(REQUEST, applicant=replace(who, uscc="x")), replace(REQUEST, applicant=replace(who, name="x")),
        replace(REQUEST, project=replace(what, code="x")),
        # No part may run over into the next.
        replace(REQUEST, applicant=replace(who, name=f'{who.name}","{what.code}'), project=replace(what, code="")),
    ]  # fmt: skip
    domains = {request.pseudonym_domain for request in (REQUEST, *others)}
    assert len(domains) == 5
    again = replace(REQUEST, outputs="另一产出", project=replace(what, name="改名"))
    assert again.pseudonym_domain == REQUEST.pseudonym_domain


def test_what_is_sealed_is_not_withdrawn() -> None:
    assert [act for state, act in TRANSITIONS if state is State.SEALED] == [Act.HAND_OVER]


def test_tables_come_in_the_order_of_the_variables_each_once() -> None:
    assert REQUEST.tables == ("patients", "admissions")
    assert REQUEST.variables[0].place == "patients.PATIENT_ID"
