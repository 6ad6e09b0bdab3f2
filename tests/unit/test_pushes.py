"""Pushes of the log with a real store: to whom, what is new in them, when they are due, and what a broken log does to one."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from test_approval import Site, site

from extractor.canonical import canonical_bytes, digest_bytes
from extractor.errors import ApprovalError, IntegrityError, Refused, StorageError, UsageError
from extractor.forms.policy_form import load_policies
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.log.export import verify_export
from extractor.policy_rules import Push as PushRule
from extractor.policy_rules import Rule
from extractor.policy_words import PushSubject
from extractor.store.transaction import Transaction
from extractor.transfer.dsse import verify_envelope
from extractor.workflow.incidents import incidents
from extractor.workflow.pushes import MEDIA_TYPE, Push, note_path, push_log, pushes_due

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
    site.office = replace(site.office, policies=load_policies(("guiyang",)))
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
