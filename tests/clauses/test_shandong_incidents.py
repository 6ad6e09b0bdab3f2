"""山东省人民政府令第335号, clause by clause: what happens at a leak, and which organs are told of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from building import catalogue, compiled, policies, request
from installation import Site

from extractor.errors import ApprovalError, IntegrityError, ResidualFound
from extractor.log.entries import Verb
from extractor.policy_words import IncidentCause, PracticeKind, PushSubject
from extractor.requests import State
from extractor.workflow import supervision
from extractor.workflow.downloads import download
from extractor.workflow.incidents import (
    IncidentState,
    close_incident,
    incidents,
    report_as_person,
    report_incident,
    verified_log,
)

ORGANS = ("网信部门", "公安机关", "大数据主管部门")
DIGEST = "sha256:" + 64 * "1"


@pytest.mark.clause("shandong", "art_19_leak")
def test_shandong_19_every_plan_is_scanned_for_leaks_under_the_article() -> None:
    plan = compiled("shandong", request(regime="shandong"))
    asked = {c for each in plan.practices if each.practice is PracticeKind.LEAK_SCAN for c in each.cited}
    assert {(c.regime, c.rule) for c in asked} == {("shandong", "art_19_leak")}
    assert compiled((), request(regime="shandong"), catalogue("shandong")).practices == ()


def leak(here: Site, monkeypatch: pytest.MonkeyPatch, _: Path) -> str:
    """Let a run's own process find an identifier in what it writes."""
    number = here.approved()
    crew = supervision.Crew(
        here.person("destroyer").person.id, tuple(here.person("witness", name=f"w{n}").person.id for n in (1, 2))
    )
    found = ResidualFound("patients.SEX: resident_id in 1 cell", zh="patients.SEX", thing="patients")
    monkeypatch.setattr(supervision, "_supervise", lambda *_: found)
    with pytest.raises(ResidualFound):
        supervision.run_request(here.office, number, here.person("technical_service_unit"), crew=crew)
    assert here.state(number) is State.FAILED
    return number


def refused_downloads(here: Site, _: pytest.MonkeyPatch, folder: Path) -> str:
    """Let a stranger try to download a package three times."""
    number = here.delivered()
    for time in range(3):
        assert incidents(here.office) == ()
        with pytest.raises(ApprovalError):
            download(here.office, number, here.person("data_user", "别的大学"), out=folder / f"{time}.zip")
    return number


def reported(here: Site, _: pytest.MonkeyPatch, __: Path) -> str:
    """Let a person report something that they saw."""
    report_as_person(here.office, here.applicant, thing=here.applicant.person.unit, text_digest=DIGEST)
    return here.applicant.person.unit


def broken_log(here: Site, _: pytest.MonkeyPatch, __: Path) -> str:
    """Let somebody change an entry of the log."""
    with sqlite3.connect(here.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError) as broken:
        verified_log(here.office)
    return broken.value.thing


@pytest.mark.clause("shandong", "art_19_incident")
@pytest.mark.parametrize("happens", [leak, refused_downloads, reported, broken_log])
def test_shandong_19_what_went_wrong_is_reported_to_three_organs_before_it_is_closed(
    site: Callable[..., Site],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    happens: Callable[[Site, pytest.MonkeyPatch, Path], str],
) -> None:
    here = site("shandong")
    thing = happens(here, monkeypatch, tmp_path)
    stands = incidents(here.office)
    assert [(each.incident.cause.value, each.incident.thing) for each in stands] == [(happens.__name__, thing)]
    told, operator = stands[0], here.person("operator")
    assert set(told.to_tell) == set(ORGANS)
    assert "shandong.art_19_incident" in (here.logged(Verb.INCIDENT)[0].rule or "").split("; ")
    for organ in told.to_tell:
        with pytest.raises(ApprovalError, match="not everybody was told"):
            close_incident(here.office, told.incident.number, operator, done="已处置")
        report_incident(here.office, told.incident.number, operator, organ=organ)
    close_incident(here.office, told.incident.number, operator, done="已处置")
    assert [each.state for each in incidents(here.office)] == [IncidentState.CLOSED]


@pytest.mark.clause("shandong", "art_19_incident")
@pytest.mark.parametrize("cause", list(IncidentCause))
def test_shandong_19_every_cause_is_one_for_the_three_organs(cause: IncidentCause) -> None:
    asked = policies("shandong").incident(cause)
    assert asked is not None
    assert (asked.recipients, "shandong.art_19_incident" in {f"{c.regime}.{c.rule}" for c in asked.cited}) == (
        ORGANS,
        True,
    )
    assert policies().incident(cause) is None


@pytest.mark.parametrize(
    ("rule", "organ"),
    [
        pytest.param(
            "art_19_push_cyberspace", "网信部门", marks=pytest.mark.clause("shandong", "art_19_push_cyberspace")
        ),
        pytest.param("art_19_push_police", "公安机关", marks=pytest.mark.clause("shandong", "art_19_push_police")),
        pytest.param(
            "art_19_push_authority", "大数据主管部门", marks=pytest.mark.clause("shandong", "art_19_push_authority")
        ),
    ],
)
def test_shandong_19_an_incident_and_not_the_log_is_handed_to_each_organ_as_needed(rule: str, organ: str) -> None:
    asked = {each.to: each for each in policies("shandong").pushes(PushSubject.INCIDENT)}
    assert organ in asked
    assert (asked[organ].every_days, {c.rule for c in asked[organ].cited}) == (None, {rule})
    assert policies("shandong").pushes(PushSubject.LOG) == ()
    assert policies().pushes(PushSubject.INCIDENT) == ()
