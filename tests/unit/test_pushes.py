"""Pushes of the log with a real store: to whom, what is new in them, when they are due, and what a broken log does to one."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from building import request as clause_request
from installation import Site as ClauseSite
from installation import open_site
from test_approval import Site, site

from extractor.canonical import canonical_bytes, digest_bytes
from extractor.errors import ApprovalError, IntegrityError, Refused, StorageError, UsageError
from extractor.forms.policy_form import load_policies
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.log.export import verify_export
from extractor.policy_rules import Push as PushRule
from extractor.policy_rules import Rule
from extractor.policy_words import IncidentCause, PushSubject
from extractor.requests import Period
from extractor.store.transaction import Transaction
from extractor.transfer.dsse import verify_envelope
from extractor.workflow.incidents import close_incident, incidents, open_incident, report_incident
from extractor.workflow.push_documents import documents_due, push_documents
from extractor.workflow.pushes import MEDIA_TYPE, Push, note_path, push_log, pushes_due
from extractor.workflow.reports import make_report

__all__ = ["site"]
ORGAN = "数据运营单位"


def push(site: Site, out: Path, to: str = ORGAN, by: str = "operator") -> Push:
    return push_log(site.office, site.people[by], to=to, out=out)


def monthly(site: Site) -> None:
    rule = PushRule(Rule("planted", "第十九条", "推送"), PushSubject.LOG, ORGAN, 30)
    *others, local = site.office.policies.policies
    policies = replace(site.office.policies, policies=(*others, replace(local, pushes=(rule,))))
    site.office = replace(site.office, policies=policies)


def test_a_push_is_the_log_as_it_verifies_with_a_note_that_the_unit_signs(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "log.zip"
    done = push(site, out)
    assert (done.number, done.first) == ("PU-2026-0001", 0)
    found = verify_export(out, site.office.log_signer.verifier)
    assert (found.size, found.root.hex()) == (done.size, done.root)
    assert done.file == digest_bytes(out.read_bytes())
    note = note_path(out).read_bytes()
    payload, _ = verify_envelope(note, payload_type=MEDIA_TYPE, trusted=(site.office.unit_key.public,))
    assert payload == canonical_bytes(done) and json.loads(payload)["to"] == ORGAN
    with site.office.store.reading() as tx:
        (entry,) = journal.search(tx, verb=Verb.PUSH)
    assert (entry.object, entry.object_digest, entry.actor) == (done.number, done.file, "operator")
    assert entry.rule == "fuzhou.art_27_push_operator" and entry.article is not None and "第二十七条" in entry.article


def test_the_next_push_to_an_organ_begins_where_the_last_one_ended_and_each_organ_has_its_own(
    site: Site, tmp_path: Path
) -> None:
    first = push(site, tmp_path / "1.zip")
    site.submit()
    second = push(site, tmp_path / "2.zip")
    assert second.first == first.size < second.size
    assert push(site, tmp_path / "3.zip", to="数据生产应用单位").first == 0


def test_the_log_goes_to_no_organ_that_a_rule_does_not_name(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "log.zip"
    with pytest.raises(Refused) as caught:
        push(site, out, to="某公司")
    assert "第二十七条" in caught.value.reasons[0].article and ORGAN in caught.value.reasons[0].allowed_zh
    with pytest.raises(ApprovalError, match="needs role"):
        push(site, out, by="applicant")
    with pytest.raises(UsageError, match="one ZIP file"):
        push(site, tmp_path / "log")
    site.office = replace(site.office, policies=load_policies(("guiyang",)), delivered=())
    with pytest.raises(UsageError, match="no rule that applies"):
        push(site, out)
    assert list(tmp_path.glob("*.zip")) == []


def test_what_is_there_already_is_left_alone(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "log.zip"
    out.write_bytes(b"mine")
    with pytest.raises(StorageError, match="something already"):
        push(site, out)
    out.rename(tmp_path / "other.zip")
    note_path(out).write_bytes(b"mine")
    with pytest.raises(StorageError, match="something already"):
        push(site, out)
    assert note_path(out).read_bytes() == b"mine" and not out.exists()


def test_a_push_that_cannot_be_recorded_leaves_no_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "log.zip", Transaction.put

    def put(self: Transaction, kind: str, number: str, value: object) -> str:
        if kind == "push":
            raise StorageError("planted", zh="植入")
        return whole(self, kind, number, value)

    monkeypatch.setattr(Transaction, "put", put)
    with pytest.raises(StorageError, match="planted"):
        push(site, out)
    assert not out.exists() and not note_path(out).exists()
    monkeypatch.undo()
    assert push(site, out).first == 0


def test_a_broken_log_is_not_pushed_and_opens_an_incident(site: Site, tmp_path: Path) -> None:
    with sqlite3.connect(site.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError, match="incident IN-2026-0001 is open"):
        push(site, tmp_path / "log.zip")
    assert not (tmp_path / "log.zip").exists() and len(incidents(site.office)) == 1


def test_a_log_that_no_longer_holds_what_was_pushed_is_found(site: Site, tmp_path: Path) -> None:
    first = push(site, tmp_path / "1.zip")
    last = replace(first, root="00" * 32)
    with site.office.store.transaction() as tx:
        from extractor.workflow.signed import About, put_signed

        put_signed(site.office, tx, site.people["operator"], about=About("push", first.number, "pushed"), document=last)
    with pytest.raises(IntegrityError):
        push(site, tmp_path / "2.zip")
    assert not (tmp_path / "2.zip").exists()


def test_pushes_as_needed_are_never_due(site: Site, tmp_path: Path) -> None:
    push(site, tmp_path / "1.zip")
    site.clock.now += timedelta(days=1000)
    found = {each.asked.to: each for each in pushes_due(site.office)}
    assert set(found) == {ORGAN, "数据生产应用单位"}
    assert {(each.due, each.overdue) for each in found.values()} == {(None, False)}
    assert found[ORGAN].last is not None and found["数据生产应用单位"].last is None


def test_pushes_every_so_many_days_are_due_from_the_first_entry_on_and_then_from_the_last_push(
    site: Site, tmp_path: Path
) -> None:
    monthly(site)
    (stands,) = pushes_due(site.office)
    assert (stands.due, stands.overdue) == (date(2026, 3, 31), False)
    site.clock.now += timedelta(days=31)
    assert pushes_due(site.office)[0].overdue
    push(site, tmp_path / "1.zip")
    (stands,) = pushes_due(site.office)
    assert (stands.due, stands.overdue) == (date(2026, 5, 1), False)


# --- whose rules -----------------------------------------------------------------------------------------------------


def test_the_rules_of_the_installations_own_place_name_organs_though_the_settings_do_not(
    site: Site, tmp_path: Path
) -> None:
    site.office = replace(site.office, policies=load_policies(()))
    assert {each.asked.to for each in pushes_due(site.office)} == {ORGAN, "数据生产应用单位"}
    assert push(site, tmp_path / "log.zip").cited[0].regime == "fuzhou"
    site.office = replace(site.office, delivered=())
    assert pushes_due(site.office) == ()


def test_the_rules_under_which_a_request_was_submitted_name_organs_wherever_the_installation_stands(
    site: Site, tmp_path: Path
) -> None:
    site.submit()
    site.office = replace(site.office, policies=load_policies(()), delivered=())
    assert {each.asked.to for each in pushes_due(site.office)} == {ORGAN, "数据生产应用单位"}
    assert push(site, tmp_path / "log.zip").to == ORGAN
    site.clock.now += timedelta(days=40 * 366)
    with site.office.store.transaction() as tx:
        body = tx.get("policy", "fuzhou").body
        ended = tx.put("policy", "fuzhou", {**body, "until": "2027-01-01"})
        facts = tx.get("circumstances", "RQ-2026-0001").body
        applied = [{**each, "digest": ended} if each["regime"] == "fuzhou" else each for each in facts["policies"]]
        tx.put("circumstances", "RQ-2026-0001", {**facts, "policies": applied})
    assert pushes_due(site.office) == ()


# --- incidents and reports -------------------------------------------------------------------------------------------

HEALTH = "四川省卫生健康委员会"


@pytest.fixture
def sichuan(tmp_path: Path) -> Iterator[ClauseSite]:
    made = open_site(tmp_path / "sichuan", "sichuan")
    yield made
    made.office.store.close()


def leak(here: ClauseSite, thing: str) -> str:
    with here.office.store.transaction() as tx:
        return open_incident(here.office, tx, IncidentCause.LEAK, thing=thing, found="1")


def hand(here: ClauseSite, out: Path, to: str = HEALTH, subject: PushSubject = PushSubject.INCIDENT) -> Push:
    return push_documents(here.office, here.person("operator"), subject, to=to, out=out)


def test_incidents_are_handed_to_the_organ_with_every_signature_and_only_once(
    sichuan: ClauseSite, tmp_path: Path
) -> None:
    incident = leak(sichuan, sichuan.submit(clause_request(regime="sichuan")))
    done = hand(sichuan, tmp_path / "1.zip")
    assert [(each.kind, each.number) for each in done.documents] == [("incident", incident)]
    with pytest.raises(UsageError, match="handed everything"):
        hand(sichuan, tmp_path / "2.zip")
    report_incident(sichuan.office, incident, sichuan.person("operator"), organ=HEALTH)
    close_incident(sichuan.office, incident, sichuan.person("operator"), done="已处置")
    later = hand(sichuan, tmp_path / "3.zip")
    assert [each.kind for each in later.documents] == ["incident_report", "signature", "incident_closing", "signature"]
    with zipfile.ZipFile(tmp_path / "3.zip") as file:
        found = {name: digest_bytes(file.read(name)) for name in file.namelist()}
    assert found == {each.file: each.digest for each in later.documents}


def test_a_push_of_incidents_has_a_signed_note_and_an_entry_under_its_rule(sichuan: ClauseSite, tmp_path: Path) -> None:
    leak(sichuan, sichuan.submit(clause_request(regime="sichuan")))
    out = tmp_path / "1.zip"
    done = hand(sichuan, out)
    trusted = (sichuan.office.unit_key.public,)
    payload, _ = verify_envelope(note_path(out).read_bytes(), payload_type=MEDIA_TYPE, trusted=trusted)
    assert payload == canonical_bytes(done) and done.file == digest_bytes(out.read_bytes())
    (entry,) = sichuan.logged(Verb.PUSH)
    assert (entry.object, entry.object_digest, entry.rule) == (done.number, done.file, "sichuan.art_19_push")
    assert entry.article is not None and "第十九条" in entry.article


def test_incidents_go_only_to_organs_that_a_rule_names_and_only_by_whoever_may(
    sichuan: ClauseSite, tmp_path: Path
) -> None:
    leak(sichuan, sichuan.submit(clause_request(regime="sichuan")))
    with pytest.raises(Refused) as caught:
        hand(sichuan, tmp_path / "1.zip", to="某公司")
    assert [reason.rule for reason in caught.value.reasons] == ["sichuan.art_19_push"]
    with pytest.raises(ApprovalError, match="needs role"):
        push_documents(sichuan.office, sichuan.applicant, PushSubject.INCIDENT, to=HEALTH, out=tmp_path / "1.zip")
    with pytest.raises(UsageError, match="no rule that applies"):
        hand(sichuan, tmp_path / "1.zip", subject=PushSubject.REPORT)
    (tmp_path / "there.zip").write_bytes(b"mine")
    with pytest.raises(StorageError, match="something already"):
        hand(sichuan, tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_bytes() == b"mine" and not (tmp_path / "1.zip").exists()


def test_an_incident_about_a_request_of_another_place_is_not_this_organs(site: Site, tmp_path: Path) -> None:
    number = site.submit()
    with site.office.store.transaction() as tx:
        open_incident(site.office, tx, IncidentCause.LEAK, thing=number, found="1")
    site.office = replace(site.office, policies=load_policies(("fuzhou", "sichuan")))
    assert [(each.asked.to, each.new) for each in documents_due(site.office, PushSubject.INCIDENT)] == [(HEALTH, 0)]
    with site.office.store.transaction() as tx:
        open_incident(site.office, tx, IncidentCause.LEAK, thing="the installation", found="1")
    assert [each.new for each in documents_due(site.office, PushSubject.INCIDENT)] == [1]


def test_a_push_of_incidents_needs_no_whole_log(sichuan: ClauseSite, tmp_path: Path) -> None:
    sichuan.submit(clause_request(regime="sichuan"))
    with sqlite3.connect(sichuan.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with sichuan.office.store.transaction() as tx:
        open_incident(sichuan.office, tx, IncidentCause.BROKEN_LOG, thing="log entry 0", found="1")
    assert [each.kind for each in hand(sichuan, tmp_path / "1.zip").documents] == ["incident"]


def test_reports_are_handed_where_a_rule_asks_and_are_due_every_so_many_days(site: Site, tmp_path: Path) -> None:
    rule = PushRule(Rule("planted", "第三十一条", "推送"), PushSubject.REPORT, ORGAN, 30)
    *others, local = site.office.policies.policies
    policies = replace(site.office.policies, policies=(*others, replace(local, pushes=(rule,))))
    site.office = replace(site.office, policies=policies)
    made = make_report(site.office, Period(date(2026, 2, 1), date(2026, 2, 28)), tmp_path / "report")
    site.clock.now += timedelta(days=31)
    (stands,) = documents_due(site.office, PushSubject.REPORT)
    assert (stands.due, stands.overdue, stands.new) == (date(2026, 3, 31), True, 1)
    operator = site.people["operator"]
    done = push_documents(site.office, operator, PushSubject.REPORT, to=ORGAN, out=tmp_path / "r.zip")
    assert [(each.kind, each.number, each.digest) for each in done.documents] == [
        ("report", made.report.number, made.digest)
    ]
    (stands,) = documents_due(site.office, PushSubject.REPORT)
    assert (stands.due, stands.overdue, stands.new) == (date(2026, 5, 1), False, 0)
