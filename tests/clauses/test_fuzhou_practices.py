"""榕政综〔2017〕122号, clause by clause: what the software always does, shown by acts and by the article that they cite.

A practice cannot be taken away by a policy; what falls away with the rule is the article in plan, record, page or log.
"""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from building import catalogue, compiled, request
from installation import UNIT, Site

from extractor.bootstrap import open_office
from extractor.destruction import Ground, Outcome
from extractor.errors import ApprovalError, IntegrityError, Refused
from extractor.keys import create_identity
from extractor.log.entries import LogEntry, Verb
from extractor.log.journal import search
from extractor.pages.render import dictionary_page
from extractor.policy_words import PracticeKind
from extractor.requests import State
from extractor.workflow.backups import Wanted, back_up
from extractor.workflow.delivery import package_of, package_path
from extractor.workflow.destruction_ordering import order_destruction, sign_order
from extractor.workflow.downloads import download
from extractor.workflow.incidents import verified_log
from extractor.workflow.purging import close_request, purge_run, sign_destruction, verify_destruction
from extractor.workflow.restores import drill, restore
from extractor.workflow.runs import read_order
from extractor.workflow.unit_handover import Signatories, hand_over_unit
from extractor.workspace import Workspace

BEIJING = "110000"
SUCCESSOR = "承接机构"
ART_23 = "榕政综〔2017〕122号 第二十三条"


def practised(kind: PracticeKind) -> set[str]:
    """Return the rules of Fuzhou for which the plan of the usual request names a practice."""
    plan = compiled("fuzhou", request())
    return {c.rule for each in plan.practices if each.practice is kind for c in each.cited if c.regime == "fuzhou"}


def elsewhere(site: Callable[..., Site]) -> Site:
    """Open an installation of a place for whose data no regime stands."""
    return site(division=BEIJING, catalogue=catalogue("baseline", division=BEIJING))


def rules(entries: tuple[LogEntry, ...]) -> list[str | None]:
    """Return the rules that entries of the log cite."""
    return [entry.rule for entry in entries]


# --- 第二十条、第二十三条 ------------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_20_labelled")
def test_fuzhou_20_manifest_and_dictionary_name_source_and_date_under_the_article(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    number = here.sealed()
    with here.office.store.reading() as tx:
        cover = tx.find("package")[0].body["cover"]
    assert [(each["source"], each["acquired"]) for each in cover["origins"]] == [("示例医院信息系统", "2026-01-05")]
    page = dictionary_page(here.plan(number))
    assert "示例医院信息系统" in page
    assert "2026-01-05" in page
    assert "应当注明上述来源和获取日期(榕政综〔2017〕122号 第二十条)" in page
    other = compiled((), request(), catalogue())
    assert "应当注明上述来源和获取日期。" in dictionary_page(other)


@pytest.mark.clause("fuzhou", "art_23_intermediates")
def test_fuzhou_23_what_a_run_left_is_destroyed_and_recorded_before_the_request_is_closed(
    site: Callable[..., Site],
) -> None:
    assert practised(PracticeKind.INTERMEDIATES_DESTROYED) == {"art_23_intermediates"}
    here = site("fuzhou")
    number = here.delivered()
    auditor = here.person("auditor", "审计局")
    with pytest.raises(ApprovalError, match="no destruction record"):
        close_request(here.office, number, auditor)
    with here.office.store.reading() as tx:
        order = read_order(tx, package_of(tx, number)[0])
    with Workspace.create(here.office.home.scratch, order.number) as workspace:
        left = workspace.path("spill/half.parquet")
        left.write_bytes(b"rows of persons")
        record = purge_run(here.office, order, workspace, ground=Ground.RUN_ENDED, package=None)
    assert not left.exists()
    assert [i.outcome for i in record.items if i.place.endswith("half.parquet")] == [Outcome.GONE]
    assert [(entry.object, ART_23 in (entry.article or "")) for entry in here.logged(Verb.PURGE)] == [
        (order.number, True)
    ]
    with pytest.raises(ApprovalError, match="still misses signatures"):
        close_request(here.office, number, auditor)
    for person in (here.person("destroyer"), *(here.person("witness", name=f"witness{n}") for n in (1, 2))):
        sign_destruction(here.office, record.number, person)
    assert verify_destruction(here.office, record.number).chain.request == number
    close_request(here.office, number, auditor)
    assert here.state(number) is State.CLOSED


@pytest.mark.clause("fuzhou", "art_23_handover")
def test_fuzhou_23_nothing_is_taken_before_both_sides_signed_the_handover_sheet(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("fuzhou")
    number = here.sealed()
    with pytest.raises(ApprovalError, match="not made a handover sheet"):
        here.receive(number)
    here.give(number)
    with pytest.raises(ApprovalError, match="both sides"):
        download(here.office, number, here.applicant, out=tmp_path / "early.zip")
    assert rules(here.logged(Verb.DOWNLOAD)) == ["fuzhou.art_23_handover"]
    here.receive(number)
    assert download(here.office, number, here.applicant, out=tmp_path / "package.zip").request == number


@pytest.mark.clause("fuzhou", "art_23_transfer")
def test_fuzhou_23_what_is_handed_over_is_encrypted_to_its_recipient(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.ENCRYPTED_TRANSFER) == {"art_23_transfer"}
    here = site("fuzhou")
    number = here.delivered()
    with here.office.store.reading() as tx:
        path = package_path(here.office, package_of(tx, number)[1])
    with zipfile.ZipFile(path) as package:
        given = [name for name in package.namelist() if name.startswith("data/")]
        contents = [package.read(name) for name in given]
    assert given == ["data/table.csv.age"]
    assert all(each.startswith(b"age-encryption.org/v1\n") and b"COLUMN" not in each for each in contents)


# --- 第二十五条、第二十六条 ----------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_25_backup")
def test_fuzhou_25_a_backup_comes_back_whole_and_is_tested_under_the_article(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    opened = {"fuzhou.art_25_backup": site("fuzhou"), None: elsewhere(site)}
    for place, (rule, here) in enumerate(opened.items()):
        key, opener = create_identity(tmp_path / f"{place}.key"), partial(open_office, clock=here.clock)
        made = back_up(here.office, tmp_path / f"{place}.age", Wanted((key.recipient,)))
        found = restore(tmp_path / f"{place}.age", tmp_path / f"back{place}", identities=(key,), open_home=opener)
        assert (found.files, found.log_entries) == (made.files, made.log_size)
        drill(here.office, open_home=opener)
        assert rules(here.logged(Verb.BACK_UP)) == [rule, rule]
        assert rules(here.logged(Verb.RESTORE)) == [rule]


@pytest.mark.clause("fuzhou", "art_26_traceable")
def test_fuzhou_26_every_act_on_a_request_is_found_again_with_who_did_it(site: Callable[..., Site]) -> None:
    assert practised(PracticeKind.TRACEABLE) == {"art_26_traceable"}
    here = site("fuzhou")
    number = here.delivered()
    with here.office.store.reading() as tx:
        found = {entry.verb: entry for entry in search(tx, request=number)}
    way = (
        Verb.SUBMIT,
        Verb.COMPILE,
        Verb.SIGN,
        Verb.AGREE,
        Verb.FREEZE,
        Verb.RUN_START,
        Verb.SEAL,
        Verb.DELIVER,
        Verb.SHARE,
    )
    assert set(way) <= set(found)
    assert all(found[verb].actor != "extractor" for verb in (Verb.SUBMIT, Verb.SIGN, Verb.FREEZE, Verb.DELIVER))
    assert verified_log(here.office).size > len(way)


@pytest.mark.clause("fuzhou", "art_26_traceable")
@pytest.mark.clause("fuzhou", "第三十二条（六）")
def test_fuzhou_26_a_package_that_was_changed_is_not_given_and_that_is_on_record_under_the_article(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    number = here.sealed()
    with here.office.store.reading() as tx:
        path = package_path(here.office, package_of(tx, number)[1])
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        here.give(number)
    found = here.logged(Verb.HANDOVER)[-1]
    assert (found.result.value, found.rule) == ("failed", "fuzhou.art_26_traceable")
    assert "violation fuzhou 第三十二条（六）" in (found.reason or "")
    path.write_bytes(sealed)
    here.give(number)
    assert here.logged(Verb.HANDOVER)[-1].result.value == "ok"


@pytest.mark.clause("fuzhou", "art_26_traceable")
@pytest.mark.clause("fuzhou", "第三十二条（六）")
def test_fuzhou_26_an_entry_of_the_log_that_was_changed_is_found_and_opens_an_incident_under_the_article(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    here.submit()
    verified_log(here.office)
    assert here.logged(Verb.INCIDENT) == ()
    with sqlite3.connect(here.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError):
        verified_log(here.office)
    assert [
        ("fuzhou.art_26_traceable" in (entry.rule or ""), "第三十二条（六）" in (entry.reason or ""))
        for entry in here.logged(Verb.INCIDENT)
    ] == [(True, True)]


@pytest.mark.clause("fuzhou", "art_26_no_tampering")
def test_fuzhou_26_a_package_is_destroyed_by_order_only(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    number = here.delivered(asked=request(until=date(2026, 3, 5)))
    with here.office.store.reading() as tx:
        package = package_of(tx, number)[1]
    path, by = package_path(here.office, package), here.person("operator", name="orders")
    with pytest.raises(Refused) as no:
        order_destruction(here.office, package, by, ground=Ground.TERM_OVER)
    assert {reason.rule for reason in no.value.reasons} == {"fuzhou.art_26_no_tampering"}
    here.clock.set_day(date(2026, 3, 6))
    order = order_destruction(here.office, package, by, ground=Ground.TERM_OVER)
    for person in (here.person("destroyer"), here.person("witness", name="witness1")):
        assert path.exists()
        sign_order(here.office, order.number, person)
    assert not path.exists()
    assert {entry.rule for entry in here.logged(Verb.DESTROY_ORDER) if entry.result.value == "ok"} == {
        "fuzhou.art_26_no_tampering"
    }


# --- 第二十七条、第二十八条 ----------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_28_handover")
def test_fuzhou_28_a_unit_hands_everything_to_its_successor_on_a_sheet_that_three_sign(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    number = here.sealed()
    people = Signatories(
        here.person("technical_service_unit"), here.person("technical_service_unit", SUCCESSOR),
        here.person("witness", "见证单位", "third"),
    )  # fmt: skip
    with pytest.raises(ApprovalError, match="another unit"):
        hand_over_unit(here.office, "别的机构", people)
    sheet = hand_over_unit(here.office, SUCCESSOR, people)
    assert (sheet.giver_unit, sheet.receiver_unit) == (UNIT, SUCCESSOR)
    assert [(each.number, each.state) for each in sheet.requests] == [(number, "sealed")]
    assert len(sheet.packages) == 1
    assert {f"{c.regime}.{c.rule}" for c in sheet.cited} == {"fuzhou.art_28_handover"}
    done = [entry for entry in here.logged(Verb.UNIT_HANDOVER) if entry.result.value == "ok"]
    assert [(entry.reason, entry.rule) for entry in done] == [
        (said, "fuzhou.art_28_handover") for said in ("given", "received", "witnessed")
    ]


@pytest.mark.clause("fuzhou", "art_28_handover")
def test_fuzhou_28_a_package_that_is_gone_is_not_handed_over(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    number = here.sealed()
    people = Signatories(
        here.person("technical_service_unit"), here.person("technical_service_unit", SUCCESSOR),
        here.person("witness", "见证单位", "third"),
    )  # fmt: skip
    with here.office.store.reading() as tx:
        path = package_path(here.office, package_of(tx, number)[1])
    path.rename(path.with_suffix(".away"))
    with pytest.raises(IntegrityError, match="package is missing"):
        hand_over_unit(here.office, SUCCESSOR, people)
    path.with_suffix(".away").rename(path)
    assert {c.rule for c in hand_over_unit(here.office, SUCCESSOR, people).cited} == {"art_28_handover"}
