"""Handover at a change of unit: the sheet lists what is kept, three people sign it, and what is not there is not handed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import pytest
import test_approval
from test_approval import Site

from extractor.canonical import digest_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError, ConfigurationError, IntegrityError
from extractor.keys import load_signing_key
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.policy_words import PracticeKind
from extractor.requests import State
from extractor.workflow.office import Actor
from extractor.workflow.people import Identity, register
from extractor.workflow.records import record_path
from extractor.workflow.signed import newest_signed
from extractor.workflow.unit_handover import Signatories, UnitHandover, hand_over_unit

plain_site = test_approval.site
TECH, OTHER = "技术服务中心", "新技术服务中心"
PEOPLE = {
    "old": ("technical_service_unit", TECH),
    "new": ("technical_service_unit", OTHER),
    "third": ("technical_service_unit", "第三方"),
    "witness": ("witness", "福州市卫健委"),
    "partial": ("witness", OTHER),
}


@pytest.fixture
def site(plain_site: Site) -> Iterator[Site]:
    office = plain_site.office
    for name, (role, unit) in PEOPLE.items():
        person = register(office, Identity(name, name, role, unit))
        plain_site.people[name] = Actor(person, load_signing_key(office.home.people / f"{name}.pem"))
    plain_site.submit()
    put_package(plain_site, "PK-2026-0001", b"sealed bytes")
    yield plain_site


def put_package(site: Site, name: str, content: bytes) -> str:
    digest = "sha256:" + sha256(content).hexdigest()
    (site.office.home.packages / f"{name}.zip").write_bytes(content)
    with site.office.store.transaction() as tx:
        tx.put("run_record", name.replace("PK", "RN"), {"package": name, "package_digest": digest})
    return digest


def hand_over(
    site: Site, to: str = OTHER, giver: str = "old", receiver: str = "new", witness: str = "witness"
) -> UnitHandover:
    signed = Signatories(site.people[giver], site.people[receiver], site.people[witness])
    return hand_over_unit(site.office, to, signed)


def nothing_happened(site: Site) -> bool:
    with site.office.store.reading() as tx:
        done = [e for e in journal.search(tx, verb=Verb.UNIT_HANDOVER) if e.result.value == "ok"]
        return not done and tx.find("unit_handover") == ()


def test_the_sheet_lists_everything_that_is_kept(site: Site) -> None:
    sheet = hand_over(site)
    assert (sheet.number, sheet.giver_unit, sheet.receiver_unit) == ("UH-2026-0001", TECH, OTHER)
    assert [(each.number, each.state) for each in sheet.requests] == [("RQ-2026-0001", "submitted")]
    assert [(each.name, each.bytes, each.digest) for each in sheet.packages] == [
        ("packages/PK-2026-0001.zip", 12, digest_bytes(b"sealed bytes"))
    ]
    assert [each.name for each in sheet.settings] == ["settings.yaml", "catalogues/example_hospital.yaml"]
    assert [each.name for each in sheet.keys][:3] == ["root.key", "unit.pem", "log.key"]
    kinds = {each.kind: (each.numbers, each.versions) for each in sheet.kinds}
    assert kinds["request"] == (1, 1) and kinds["person"] == (15, 15) and kinds["run_record"] == (1, 1)
    with site.office.store.reading() as tx:
        entries = journal.search(tx, verb=Verb.UNIT_HANDOVER)
        stored = tx.get("unit_handover", sheet.number)
    assert from_json(UnitHandover, stored.body) == sheet
    assert [(e.actor, e.reason, e.object_digest, e.sequence) for e in entries] == [
        ("old", "given", stored.digest, sheet.log_size),
        ("new", "received", stored.digest, sheet.log_size + 1),
        ("witness", "witnessed", stored.digest, sheet.log_size + 2),
    ]
    assert digest_bytes(record_path(site.office, sheet.number).read_bytes()) == stored.digest


def test_a_rule_that_asks_for_it_is_cited(site: Site) -> None:
    sheet = hand_over(site)
    assert sheet.cited == site.office.policies.practice(PracticeKind.UNIT_HANDOVER)
    with site.office.store.reading() as tx:
        entry = journal.search(tx, verb=Verb.UNIT_HANDOVER)[0]
    assert (entry.article or "") == "; ".join(dict.fromkeys(each.article for each in sheet.cited))


def test_all_three_signed_the_same_sheet_with_their_own_keys(site: Site) -> None:
    sheet = hand_over(site)
    with site.office.store.reading() as tx:
        signed = newest_signed(site.office, tx, kind="unit_handover", number=sheet.number)
    assert {(each.person, each.said, each.unit) for each in signed} == {
        ("old", "given", TECH), ("new", "received", OTHER), ("witness", "witnessed", "福州市卫健委"),
    }  # fmt: skip


def test_no_secret_is_on_the_sheet(site: Site) -> None:
    sheet = hand_over(site)
    text = record_path(site.office, sheet.number).read_text("utf-8")
    assert site.office.root_key.secret.hex() not in text
    assert "PRIVATE" not in text


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"giver": "third"}, "another unit than the one they sign for"),
        ({"receiver": "third"}, "another unit than the one they sign for"),
        ({"receiver": "old"}, "another unit than the one they sign for"),
        ({"giver": "operator"}, "needs role technical_service_unit"),
        ({"receiver": "witness"}, "needs role technical_service_unit"),
        ({"witness": "third"}, "needs role witness"),
        ({"witness": "partial"}, "is of one of the two units"),
        ({"to": TECH, "receiver": "old"}, "the same unit"),
    ],
)
def test_who_may_not_sign_is_refused_and_nothing_is_handed_over(
    site: Site, changed: dict[str, str], match: str
) -> None:
    with pytest.raises(ApprovalError, match=match):
        hand_over(site, **changed)
    assert nothing_happened(site)
    hand_over(site)


def test_only_with_their_own_keys(site: Site) -> None:
    site.people["new"] = Actor(site.people["new"].person, site.people["third"].key)
    with pytest.raises(ConfigurationError, match="not the one registered"):
        hand_over(site)
    assert nothing_happened(site)


def test_a_package_that_is_missing_or_changed_is_not_handed_over(site: Site) -> None:
    path = site.office.home.packages / "PK-2026-0001.zip"
    path.write_bytes(b"other bytes!")
    with pytest.raises(IntegrityError, match="not the one that the run sealed"):
        hand_over(site)
    path.unlink()
    with pytest.raises(IntegrityError, match="package is missing"):
        hand_over(site)
    assert nothing_happened(site)


def test_a_package_that_was_destroyed_by_order_is_not_missed_but_its_runs_leftovers_do_not_excuse_it(
    site: Site,
) -> None:
    (site.office.home.packages / "PK-2026-0001.zip").unlink()
    chain = {"request": "RQ-2026-0001", "package": digest_bytes(b"sealed bytes")}
    with site.office.store.transaction() as tx:
        tx.put("destruction", "DR-2026-0001", {"chain": chain, "ground": "run_ended"})
    with pytest.raises(IntegrityError, match="package is missing"):
        hand_over(site)
    with site.office.store.transaction() as tx:
        tx.put("destruction", "DR-2026-0002", {"chain": chain, "ground": "term_over"})
    assert hand_over(site).packages == ()


def test_nothing_is_handed_over_while_a_run_is_under_way_or_over_a_broken_log(site: Site) -> None:
    with site.office.store.transaction() as tx:
        tx.move("request", "RQ-2026-0001", was="submitted", to=State.RUNNING.value)
    with pytest.raises(ApprovalError, match="under way"):
        hand_over(site)
    with site.office.store.transaction() as tx:
        tx.move("request", "RQ-2026-0001", was=State.RUNNING.value, to="submitted")
    with sqlite3.connect(site.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET object = 'other' WHERE sequence = 1")
    with pytest.raises(IntegrityError):
        hand_over(site)
    assert nothing_happened(site)


def test_an_outdated_registration_does_not_sign(site: Site) -> None:
    before = site.people["new"]
    site.people["new"] = Actor(replace(before.person, unit=TECH), before.key)
    with pytest.raises(ApprovalError, match="registration has changed"):
        hand_over(site)
