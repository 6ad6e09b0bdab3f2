"""Incidents with a real store and log: who is told, who signs that they were, and what becomes of one about a broken log."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_approval import Site, site

from extractor.errors import ApprovalError, ConfigurationError, IntegrityError, ResidualFound, UsageError
from extractor.forms.policy_form import load_policies
from extractor.log import journal
from extractor.log.entries import LogEntry, Result, Verb
from extractor.policy_words import IncidentCause
from extractor.transfer.dsse import verify_envelope
from extractor.workflow import supervision
from extractor.workflow.incidents import (
    MEDIA_TYPE,
    IncidentState,
    close_incident,
    incidents,
    open_incident,
    report_as_person,
    report_incident,
    verified_log,
)
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import newest_signed

__all__ = ["site"]
CHANGED = "violation shandong 第二十条后段"
DIGEST = "sha256:" + 64 * "1"


def under(site: Site, *regimes: str) -> Office:
    # Only what is named: the regime of the place is not delivered here.
    site.office = replace(site.office, policies=load_policies(regimes), delivered=())
    return site.office


def opened(office: Office, cause: IncidentCause = IncidentCause.LEAK, thing: str = "RN-2026-0001") -> str:
    with office.store.transaction() as tx:
        return open_incident(office, tx, cause, thing=thing, found="visits.REMARK mobile ×1")


def logged(office: Office) -> list[LogEntry]:
    with office.store.reading() as tx:
        return list(journal.search(tx, verb=Verb.INCIDENT))


def break_log(office: Office, *, at_head: bool) -> None:
    """Change an entry in the database file, or the node on which the next entry would be built."""
    with sqlite3.connect(office.home.store) as raw:
        if at_head:
            raw.execute("UPDATE log_nodes SET hash = zeroblob(32)")
        else:
            raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")


# --- opening ---------------------------------------------------------------------------------------------------------


def test_the_regime_names_who_is_told_and_the_log_cites_it(site: Site) -> None:
    number = opened(under(site, "shandong"))
    (stands,) = incidents(site.office)
    assert number == stands.incident.number == "IN-2026-0001"
    assert stands.to_tell == ("网信部门", "公安机关", "大数据主管部门")
    (entry,) = logged(site.office)
    assert entry.rule is not None and entry.article is not None
    assert ("shandong.art_19_incident" in entry.rule, "第十九条" in entry.article) == (True, True)
    assert (entry.object, entry.actor, entry.reason) == (number, "extractor", "opened: leak")


def test_where_no_rule_names_anybody_an_incident_is_opened_all_the_same(site: Site) -> None:
    policies = load_policies(("shandong",))
    without = tuple(replace(policy, incidents=()) for policy in policies.policies)
    site.office = replace(site.office, policies=replace(policies, policies=without), delivered=())
    number = opened(site.office)
    (stands,) = incidents(site.office)
    assert stands.to_tell == ()
    close_incident(site.office, number, site.people["operator"], done="更正目录")
    assert incidents(site.office)[0].state is IncidentState.CLOSED


def test_an_incident_about_a_request_follows_the_policies_of_that_request(site: Site) -> None:
    number = site.submit()
    opened(under(site, "shandong"), thing=number)
    assert logged(site.office)[0].request == number
    with site.office.store.reading() as tx:
        stored = tx.versions("circumstances", number)
    whom = incidents(site.office)[0].to_tell
    assert ("福州市卫健委" in whom) == bool(stored)


def test_a_person_reports_under_their_own_signature_and_the_text_is_not_kept(site: Site) -> None:
    office, user = under(site, "shandong"), site.people["applicant"]
    number = report_as_person(office, user, thing="示例大学", text_digest=DIGEST)
    with office.store.reading() as tx:
        (word,) = newest_signed(office, tx, kind="incident", number=number)
    assert (word.person, word.said) == ("applicant", "opened")
    assert (incidents(office)[0].incident.found, incidents(office)[0].incident.opened_by) == (DIGEST, "applicant")
    with pytest.raises(ConfigurationError, match="not the one registered"):
        report_as_person(office, Actor(user.person, None), thing="示例大学", text_digest=DIGEST)
    assert len(incidents(office)) == 1


def test_a_person_reports_about_a_known_number_or_a_registered_unit_and_nothing_else_is_kept(site: Site) -> None:
    office, user, number = site.office, site.people["applicant"], site.submit()
    for thing in ("李明", "13912345678", "PK-2026-0001", "RQ-2026-1", f"{number} 李明", number.lower()):
        with pytest.raises(UsageError, match="neither the number") as caught:
            report_as_person(office, user, thing=thing, text_digest=DIGEST)
        assert thing not in str(caught.value.as_json())
    assert (incidents(office), logged(office)) == ((), [])
    report_as_person(office, user, thing=number, text_digest=DIGEST)
    assert [each.incident.thing for each in incidents(office)] == [number]


def test_what_was_done_is_said_without_the_number_of_a_person(site: Site) -> None:
    number, operator = opened(under(site)), site.people["operator"]
    with pytest.raises(UsageError, match="number of a person"):
        close_incident(site.office, number, operator, done="已电告 13912345678")
    assert incidents(site.office)[0].state is IncidentState.OPEN


# --- telling and closing ---------------------------------------------------------------------------------------------


def test_an_incident_is_reported_once_everybody_was_told_and_only_then_closed(site: Site) -> None:
    office, operator = under(site, "shandong"), site.people["operator"]
    number = opened(office)
    for organ in ("网信部门", "公安机关"):
        assert report_incident(office, number, operator, organ=organ) is IncidentState.OPEN
    with pytest.raises(ApprovalError, match="not everybody was told: 大数据主管部门"):
        close_incident(office, number, operator, done="已处置")
    assert report_incident(office, number, operator, organ="大数据主管部门") is IncidentState.REPORTED
    with pytest.raises(ApprovalError, match="not said what was done"):
        close_incident(office, number, operator, done="  ")
    close_incident(office, number, operator, done="已处置")
    with pytest.raises(ApprovalError, match="is closed"):
        report_incident(office, number, operator, organ="网信部门")
    with office.store.reading() as tx:
        told = newest_signed(office, tx, kind="incident_report", number=f"{number}/公安机关")
        closed = newest_signed(office, tx, kind="incident_closing", number=number)
    assert (told[0].said, closed[0].said) == ("told", "closed")
    failed = [e.reason for e in logged(office) if e.result is Result.FAILED]
    assert failed == ["ApprovalError"] * 3


def test_only_an_operator_says_that_an_organ_was_told_and_at_a_time_that_can_be(site: Site) -> None:
    office, operator = under(site, "shandong"), site.people["operator"]
    number = opened(office)
    with pytest.raises(ApprovalError, match="needs role operator"):
        report_incident(office, number, site.people["health"], organ="公安机关")
    for told in (office.now - timedelta(days=1), office.now + timedelta(minutes=1)):
        with pytest.raises(ApprovalError, match="before the incident or in the future"):
            report_incident(office, number, operator, organ="公安机关", told=told)
    site.clock.now += timedelta(hours=2)
    earlier = office.now - timedelta(hours=1)
    report_incident(office, number, operator, organ="公安机关", told=earlier)
    assert [each.time for each in incidents(office)[0].told] == [earlier]
    with pytest.raises(ApprovalError, match="there is no such incident"):
        report_incident(office, "IN-2026-0099", operator, organ="公安机关")


# --- what opens one --------------------------------------------------------------------------------------------------


def test_a_hit_of_the_residual_scan_that_ends_a_run_opens_an_incident(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = site.submit()
    leak = ResidualFound(
        "the residual scan found what must not leave: visits.REMARK mobile ×1", zh="残留", thing="visits"
    )
    order = type("Order", (), {"number": "RN-2026-0001", "request": number})()
    monkeypatch.setattr(supervision, "order_run", lambda *_, **__: order)
    monkeypatch.setattr(supervision, "destroy_leftovers", lambda *_, **__: None)
    monkeypatch.setattr(supervision, "end_badly", lambda *_, **__: None)
    monkeypatch.setattr(supervision, "_supervise", lambda *_: leak)
    with pytest.raises(ResidualFound):
        supervision.run_request(site.office, number, site.people["operator"])
    (stands,) = incidents(site.office)
    assert (stands.incident.cause, stands.incident.thing) == (IncidentCause.LEAK, number)
    assert stands.incident.found.startswith("RN-2026-0001 ") and "visits.REMARK mobile" in stands.incident.found
    monkeypatch.setattr(supervision, "_supervise", lambda *_: IntegrityError("other", zh="其他"))
    with pytest.raises(IntegrityError, match="other"):
        supervision.run_request(site.office, number, site.people["operator"])
    assert len(incidents(site.office)) == 1


def test_a_log_that_verifies_opens_nothing(site: Site) -> None:
    assert verified_log(site.office).size > 0
    assert incidents(site.office) == ()


def test_a_log_changed_in_the_middle_opens_one_incident_in_the_log_itself(site: Site) -> None:
    office = under(site, "shandong")
    break_log(office, at_head=False)
    for _ in range(2):
        with pytest.raises(IntegrityError, match=r"log entry 0.*incident IN-2026-0001 is open"):
            verified_log(office)
    assert [each.incident.cause for each in incidents(office)] == [IncidentCause.BROKEN_LOG]
    (entry,) = logged(office)
    assert (entry.object, entry.reason) == ("IN-2026-0001", f"opened: broken_log; {CHANGED}")
    assert "shandong.art_19_incident" in (entry.rule or "")
    assert list(office.home.records.iterdir()) == []


def test_the_incident_of_a_broken_log_cites_what_asks_for_traces_and_no_other_incident_does(site: Site) -> None:
    office = under(site, "fuzhou")
    opened(office)
    break_log(office, at_head=False)
    with pytest.raises(IntegrityError):
        verified_log(office)
    leak, broken = logged(office)
    assert leak.reason == "opened: leak" and "traceable" not in (leak.rule or "")
    assert broken.reason == "opened: broken_log; violation fuzhou 第三十二条（六）"
    assert "fuzhou.art_26_traceable" in (broken.rule or "") and "第二十六条" in (broken.article or "")


def test_a_log_that_takes_no_entry_has_its_incident_in_the_store_and_in_a_signed_file(site: Site) -> None:
    office = under(site, "shandong")
    break_log(office, at_head=True)
    for _ in range(2):
        with pytest.raises(IntegrityError, match="IN-2026-0001") as caught:
            verified_log(office)
    assert "records/IN-2026-0001.json" in caught.value.fix_en or "is open" in caught.value.fix_en
    (stands,) = incidents(office)
    assert "公安机关" in stands.to_tell
    body = (office.home.records / "IN-2026-0001.json").read_bytes()
    envelope = (office.home.records / "IN-2026-0001.dsse.json").read_bytes()
    payload, _ = verify_envelope(envelope, payload_type=MEDIA_TYPE, trusted=(office.unit_key.public,))
    assert payload == body and json.loads(body)["cause"] == "broken_log"
    assert logged(office) == []


def test_where_not_even_the_store_can_be_written_the_broken_log_is_still_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_log(site.office, at_head=True)
    Path(site.office.home.records).rmdir()
    with pytest.raises(IntegrityError, match="cannot be recorded here"):
        verified_log(site.office)
    assert incidents(site.office) == ()
