"""四川省健康医疗大数据应用管理办法（试行，征求意见稿）: what the software always does, and under which articles of the draft it does it.

A practice cannot be taken away by a policy; what falls away with the rule is the article in plan, record or log. Each test shows both.
"""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from building import catalogue, compiled, request
from installation import UNIT, Site

from extractor.bootstrap import open_office
from extractor.deid.residual import ResidualScan
from extractor.deid.residual_known import RawIdentifiers
from extractor.errors import ApprovalError, IntegrityError, ResidualFound, SourceError
from extractor.keys import create_identity
from extractor.log.entries import Verb
from extractor.log.journal import search
from extractor.policy_words import PracticeKind
from extractor.requests import Request, Role, State
from extractor.sources.snapshot import check_unique
from extractor.workflow.backups import Wanted, back_up
from extractor.workflow.delivery import package_of, package_path
from extractor.workflow.downloads import download
from extractor.workflow.incidents import verified_log
from extractor.workflow.restores import restore
from extractor.workflow.unit_handover import Signatories, hand_over_unit

SUCCESSOR = "承接机构"
WAY = (Verb.SUBMIT, Verb.COMPILE, Verb.FREEZE, Verb.RUN_START, Verb.SEAL, Verb.DELIVER)


def wants(**changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(regime="sichuan", **changes)


def practised(kind: PracticeKind) -> set[str]:
    """Return the rules of the draft for which the plan of the usual request names a practice."""
    plan = compiled("sichuan", wants())
    return {
        c.rule for each in plan.practices if each.practice is kind for c in each.cited if c.regime == "sichuan"
    }  # fmt: skip


@pytest.mark.clause("sichuan", "art_6_parts")
@pytest.mark.clause("sichuan", "art_18_roles")
def test_sichuan_6_every_act_stands_on_record_with_person_role_and_unit(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.ROLES_RECORDED) == {"art_6_parts", "art_18_roles"}
    here = site("sichuan")
    number = here.approved(wants())
    signed = [(entry.object, entry.role, entry.unit) for entry in here.logged(Verb.SIGN)]
    assert signed == [
        (f"{number}/operator_review", "operator", "运营公司"),
        (f"{number}/sichuan_office_review", "authority", "四川省卫生健康委员会"),
        (f"{number}/sichuan_leader_decision", "authority", "四川省卫生健康委员会"),
    ]
    assert {(entry.role, entry.unit) for entry in here.logged(Verb.ASSESS)} == {("provider", "示例医院")}
    assert {(entry.role, entry.unit) for entry in here.logged(Verb.SUBMIT)} == {("data_user", "示例大学")}


@pytest.mark.clause("sichuan", "art_10_identity")
def test_sichuan_10_a_person_who_stands_twice_in_the_identity_table_stops_the_run() -> None:
    assert practised(PracticeKind.UNIQUE_IDENTITY) == {"art_10_identity"}
    table = catalogue("sichuan").table("patients")
    assert table is not None
    check_unique(pl.LazyFrame({"PATIENT_ID": ["P1", "P2"]}), table, ("PATIENT_ID",))
    with pytest.raises(SourceError):
        check_unique(pl.LazyFrame({"PATIENT_ID": ["P1", "P1 "]}), table, ("PATIENT_ID",))


@pytest.mark.clause("sichuan", "art_15_signed")
@pytest.mark.clause("sichuan", "art_32_signed")
def test_sichuan_15_nothing_is_given_before_both_sides_signed_for_it(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("sichuan")
    number = here.sealed(here.approved(wants()))
    with pytest.raises(ApprovalError, match="not made a handover sheet"):
        here.receive(number)
    with pytest.raises(ApprovalError, match="of another unit"):
        here.give(number, here.person("technical_service_unit", "另一中心"))
    here.give(number)
    assert here.state(number) is State.SEALED
    with pytest.raises(ApprovalError, match="both sides"):
        download(here.office, number, here.applicant, out=tmp_path / "early.zip")
    assert [entry.rule for entry in here.logged(Verb.DOWNLOAD)] == ["sichuan.art_15_signed; sichuan.art_32_signed"]
    with pytest.raises(ApprovalError, match="receiving unit"):
        here.receive(number, here.person("data_user", "另一大学"))
    here.receive(number)
    handed = [entry.rule for entry in here.logged(Verb.HANDOVER) if entry.result.value == "ok"]
    assert handed == ["sichuan.art_15_signed; sichuan.art_32_signed"] * 2
    assert here.state(number) is State.DELIVERED
    assert download(here.office, number, here.applicant, out=tmp_path / "p.zip").request == number


@pytest.mark.clause("sichuan", "art_15_no_original")
def test_sichuan_15_the_plan_names_the_article_by_which_the_giver_keeps_no_original() -> None:
    assert practised(PracticeKind.GIVER_COPY_DESTROYED) == {"art_15_no_original"}
    assert compiled("baseline", wants(), catalogue("sichuan")).practices == ()


@pytest.mark.clause("sichuan", "art_15_unit")
def test_sichuan_15_a_unit_hands_everything_to_its_successor_on_a_list_that_three_sign(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    number = here.sealed(here.approved(wants()))
    giver, witness = here.person("technical_service_unit"), here.person("witness", "见证单位", "third")
    for receiver in (giver, here.person("technical_service_unit", "第三方")):
        with pytest.raises(ApprovalError):
            hand_over_unit(here.office, SUCCESSOR, Signatories(giver, receiver, witness))
    receiver = here.person("technical_service_unit", SUCCESSOR)
    sheet = hand_over_unit(here.office, SUCCESSOR, Signatories(giver, receiver, witness))
    assert (sheet.giver_unit, sheet.receiver_unit, len(sheet.packages)) == (UNIT, SUCCESSOR, 1)
    assert number in {each.number for each in sheet.requests}
    assert [(c.regime, c.rule) for c in sheet.cited] == [("sichuan", "art_15_unit")]
    done = [entry for entry in here.logged(Verb.UNIT_HANDOVER) if entry.result.value == "ok"]
    assert [entry.rule for entry in done] == ["sichuan.art_15_unit"] * 3


@pytest.mark.clause("sichuan", "art_23_leak")
def test_sichuan_23_what_would_leave_is_searched_for_identifiers() -> None:
    assert practised(PracticeKind.LEAK_SCAN) == {"art_23_leak"}
    scan = ResidualScan(RawIdentifiers.collect([pl.Series(["ZY0012345"])], key=bytes(32)))
    scan.scan(pl.DataFrame({"WARD": ["一病区"]}), "admissions", {})
    with pytest.raises(ResidualFound):
        scan.scan(pl.DataFrame({"WARD": ["ZY0012345"]}), "admissions", {})


@pytest.mark.clause("sichuan", "art_28_no_tampering")
def test_sichuan_28_what_somebody_changed_is_noticed_and_opens_an_event(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.DESTRUCTION_BY_ORDER) == {"art_28_no_tampering"}
    here = site("sichuan")
    here.submit(wants())
    assert verified_log(here.office).size > len(here.logged(Verb.SUBMIT))
    with sqlite3.connect(here.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError):
        verified_log(here.office)
    assert [entry.reason for entry in here.logged(Verb.INCIDENT)] == ["opened: broken_log"]


@pytest.mark.clause("sichuan", "art_28_traceable")
def test_sichuan_28_the_way_of_a_package_can_be_followed_back(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.TRACEABLE) == {"art_28_traceable"}
    here = site("sichuan")
    number = here.delivered(asked=wants())
    entries = [entry for verb in WAY for entry in here.logged(verb)]
    assert [entry.verb for entry in entries] == list(WAY)
    order = [entry.sequence or 0 for entry in entries]
    assert order == sorted(order)
    assert {entry.request for entry in entries} == {number}
    plan = here.plan(number).digest
    assert {entry.object_digest for entry in (*here.logged(Verb.COMPILE), *here.logged(Verb.RUN_START))} == {plan}


@pytest.mark.clause("sichuan", "art_31_audit")
def test_sichuan_31_a_download_is_logged_under_the_article(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("sichuan")
    number = here.delivered(asked=wants())
    assert here.logged(Verb.DOWNLOAD) == ()
    download(here.office, number, here.applicant, out=tmp_path / "package.zip")
    assert [(each.request, each.rule) for each in here.logged(Verb.DOWNLOAD)] == [(number, "sichuan.art_31_audit")]


@pytest.mark.clause("sichuan", "art_31_backup")
def test_sichuan_31_a_backup_is_restored_and_both_stand_under_the_article(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("sichuan")
    number = here.submit(wants())
    key, other = create_identity(tmp_path / "key.txt"), create_identity(tmp_path / "other.txt")
    back_up(here.office, tmp_path / "b.age", Wanted((key.recipient,)), who=here.person(Role.TECHNICAL_SERVICE_UNIT))
    assert [entry.rule for entry in here.logged(Verb.BACK_UP)] == ["sichuan.art_31_backup"]
    again = partial(open_office, clock=here.clock)
    with pytest.raises(IntegrityError):
        restore(tmp_path / "b.age", tmp_path / "new", identities=(other,), open_home=again)
    restore(tmp_path / "b.age", tmp_path / "new", identities=(key,), open_home=again)
    restored = again(tmp_path / "new")
    with closing(restored.store), restored.store.reading() as tx:
        assert [entry.rule for entry in search(tx, verb=Verb.RESTORE)] == ["sichuan.art_31_backup"]
        assert [entry.object for entry in search(tx, verb=Verb.SUBMIT)] == [number]


@pytest.mark.clause("sichuan", "art_32_encrypted")
def test_sichuan_32_what_is_handed_over_is_encrypted_to_its_recipient(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.ENCRYPTED_TRANSFER) == {"art_32_encrypted"}
    here = site("sichuan")
    number = here.delivered(asked=wants())
    with here.office.store.reading() as tx:
        path = package_path(here.office, package_of(tx, number)[1])
    with zipfile.ZipFile(path) as package:
        given = [name for name in package.namelist() if name.startswith("data/")]
        assert given == ["data/table.csv.age"]
        content = package.read(given[0])
    assert ["sichuan.art_32_encrypted" in (entry.rule or "") for entry in here.logged(Verb.DELIVER)] == [True]
    assert content.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert b"COLUMN" not in content
