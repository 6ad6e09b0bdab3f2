"""渝卫发〔2019〕67号 art. 7, 12, 17–20: the log and who gets it, what is kept, handed over, backed up, and only destroyed by order."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from building import compiled, request
from installation import UNIT, Site

from extractor.bootstrap import open_office
from extractor.deid.pseudonyms import ProjectKeys
from extractor.destruction import Ground
from extractor.engines.release import Release
from extractor.errors import IntegrityError, Refused
from extractor.keys import create_identity
from extractor.log.entries import Result, Verb
from extractor.log.verification import verify
from extractor.policy_words import IncidentCause, PracticeKind, RetentionSubject
from extractor.requests import Role
from extractor.sources.snapshot import DigestOf, SourceFile, SourceSnapshot
from extractor.workflow.backups import Wanted, back_up
from extractor.workflow.delivery import package_path
from extractor.workflow.destruction_ordering import order_destruction, sign_order
from extractor.workflow.downloads import download
from extractor.workflow.freshness import stale_sources, warn_of_stale
from extractor.workflow.incidents import (
    incidents,
    verified_log,
)
from extractor.workflow.pushes import note_path, push_log, pushes_due
from extractor.workflow.restores import drill, restore
from extractor.workflow.retention import check_floor, kept
from extractor.workflow.standing import policies_of
from extractor.workflow.unit_handover import Signatories, hand_over_unit

ORGAN = "重庆市卫生健康委员会"


# --- 第十九条: the log ------------------------------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_19_push")
@pytest.mark.clause("chongqing", "第二十三条（七）")
def test_chongqing_19_the_log_is_pushed_to_the_commission_and_to_nobody_else(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("chongqing")
    operator = here.person(Role.OPERATOR)
    assert [(each.asked.to, each.last) for each in pushes_due(here.office)] == [(ORGAN, None)]
    with pytest.raises(Refused) as no:
        push_log(here.office, operator, to="示例公司", out=tmp_path / "other.zip")
    assert {each.rule: each.violation for each in no.value.reasons} == {"chongqing.art_19_push": "第二十三条（七）"}
    first = push_log(here.office, operator, to=ORGAN, out=tmp_path / "first.zip")
    assert note_path(tmp_path / "first.zip").is_file()
    assert here.logged(Verb.PUSH)[-1].rule == "chongqing.art_19_push"
    here.submit()
    second = push_log(here.office, operator, to=ORGAN, out=tmp_path / "second.zip")
    assert (first.first, second.first) == (0, first.size)


@pytest.mark.clause("chongqing", "art_19_log")
def test_chongqing_19_the_log_is_not_destroyed_before_six_months_have_passed(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    with here.office.store.reading() as tx:
        log = kept(here.office, tx)[0]
    assert (log.subject, log.since, log.until, log.may_go) == (
        RetentionSubject.LOG, date(2026, 3, 1), date(2026, 9, 1), False,
    )  # fmt: skip
    assert "chongqing.art_19_log" in {f"{each.regime}.{each.rule}" for each in log.cited}

    def destroy() -> None:
        check_floor(here.office, (here.office.policies,), RetentionSubject.LOG, thing="log", since=log.since)

    here.clock.set_day(date(2026, 8, 31))
    with pytest.raises(Refused) as no:
        destroy()
    assert "chongqing.art_19_log" in {reason.rule for reason in no.value.reasons}
    here.clock.set_day(date(2026, 9, 1))
    destroy()


@pytest.mark.clause("chongqing", "art_19_acts")
def test_chongqing_19_a_download_of_a_copy_is_logged_under_the_article(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("chongqing")
    number = here.delivered()
    assert here.logged(Verb.DOWNLOAD) == ()
    download(here.office, number, here.applicant, out=tmp_path / "package.zip")
    assert [(each.request, each.actor, each.rule) for each in here.logged(Verb.DOWNLOAD)] == [
        (number, here.applicant.person.id, "chongqing.art_19_acts")
    ]


# --- 第十条、第二十三条: sources that were not kept up to date ---------------------------------------------------------


def warned(here: Site, number: str, written: date) -> list[tuple[str | None, str | None]]:
    """Warn, as a run of a request does, of a table of patients written on a day; return rule and reason of each warning."""
    at = int(datetime(written.year, written.month, written.day, 4, tzinfo=UTC).timestamp()) * 10**9
    file = SourceFile("patients.csv", 1, at, "x", DigestOf.WHOLE)
    looked_at = SourceSnapshot("patients", (file,), 1, (), 1, columns=("SEX",))
    before = len(here.logged(Verb.VERIFY))
    with here.office.store.transaction() as tx:
        stale = stale_sources(here.office, here.catalogue, (looked_at,))
        warn_of_stale(here.office, tx, stale, request=number, policies=policies_of(here.office, tx, number))
    return [(entry.rule, entry.reason) for entry in here.logged(Verb.VERIFY)[before:]]


@pytest.mark.clause("chongqing", "art_10_stale")
@pytest.mark.clause("chongqing", "第二十三条（三）")
def test_chongqing_10_who_runs_over_a_source_that_was_not_kept_up_to_date_is_warned_under_article_and_number(
    site: Callable[..., Site],
) -> None:
    here = site("chongqing")
    number = here.submit()
    assert warned(here, number, date(2026, 2, 27)) == []
    said = "stale: daily, last update 2026-02-26, 3 days; violation chongqing 第二十三条（三）"
    assert warned(here, number, date(2026, 2, 26)) == [("chongqing.art_10_stale", said)]


# --- 第十九条、第二十条: handover of a unit, backup ---------------------------------------------------------------------


def signatories(here: Site) -> Signatories:
    """Return who signs the handover of the installation's unit to its successor."""
    tech = Role.TECHNICAL_SERVICE_UNIT
    witness = here.person(Role.AUTHORITY)
    return Signatories(here.person(tech), here.person(tech, "承接单位"), witness)


@pytest.mark.clause("chongqing", "art_19_handover")
def test_chongqing_19_at_a_change_of_unit_everything_is_handed_over_whole(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.delivered()
    sheet = hand_over_unit(here.office, "承接单位", signatories(here))
    assert ([each.number for each in sheet.requests], len(sheet.packages)) == ([number], 1)
    assert {"root.key", "unit.pem", "log.key"} <= {each.name for each in sheet.keys}
    assert [(entry.rule, entry.reason) for entry in here.logged(Verb.UNIT_HANDOVER)] == [
        ("chongqing.art_19_handover", said) for said in ("given", "received", "witnessed")
    ]
    with here.office.store.reading() as tx:
        (package,) = tx.find("package")
    package_path(here.office, package.number).unlink()
    with pytest.raises(IntegrityError, match="the package is missing"):
        hand_over_unit(here.office, "承接单位", signatories(here))


@pytest.mark.clause("chongqing", "art_20_backup")
def test_chongqing_20_a_backup_is_restored_whole_and_a_damaged_one_is_not(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("chongqing")
    here.sealed()
    opener, key = partial(open_office, clock=here.clock), create_identity(tmp_path / "identity.txt")
    tech = here.person(Role.TECHNICAL_SERVICE_UNIT)
    made = back_up(here.office, tmp_path / "b.age", Wanted((key.recipient,)), who=tech)
    assert here.logged(Verb.BACK_UP)[-1].rule == "chongqing.art_20_backup"
    found = restore(tmp_path / "b.age", tmp_path / "new", identities=(key,), open_home=opener)
    assert (found.files, found.log_entries, found.packages) == (made.files, made.log_size, 1)
    damaged = bytearray((tmp_path / "b.age").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "c.age").write_bytes(damaged)
    with pytest.raises(IntegrityError):
        restore(tmp_path / "c.age", tmp_path / "bad", identities=(key,), open_home=opener)
    assert not (tmp_path / "bad").exists()
    drill(here.office, open_home=opener, who=tech)
    assert [entry.rule for entry in here.logged(Verb.RESTORE)] == ["chongqing.art_20_backup"]


# --- 第七条、第十二条、第十七条: what the software always does, and the plan cites ------------------------------------


def practised(here: Site, number: str, kind: PracticeKind) -> set[str]:
    """Return the rules for which a request's stored plan names a practice."""
    found = here.plan(number).practices
    return {f"{c.regime}.{c.rule}" for each in found if each.practice is kind for c in each.cited}


@pytest.mark.clause("chongqing", "art_7_unit_recorded")
def test_chongqing_7_every_act_names_who_did_it_for_which_unit_in_which_role(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.delivered()
    assert practised(here, number, PracticeKind.ROLES_RECORDED) == {"chongqing.art_7_unit_recorded"}
    acts = {
        (entry.verb, entry.role, entry.unit)
        for verb in (Verb.SUBMIT, Verb.RUN_START, Verb.DELIVER)
        for entry in here.logged(verb)
    }
    assert acts == {
        (Verb.SUBMIT, "data_user", "示例大学"), (Verb.RUN_START, "technical_service_unit", UNIT),
        (Verb.DELIVER, "technical_service_unit", UNIT),
    }  # fmt: skip


@pytest.mark.clause("chongqing", "art_12_identity")
def test_chongqing_12_one_person_has_one_pseudonym_in_every_table(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.submit(request(regime="chongqing", population="patients.SEX = '1'"))
    assert practised(here, number, PracticeKind.UNIQUE_IDENTITY) == {"chongqing.art_12_identity"}
    sources: dict[str, dict[str, Any]] = {
        "patients": {"PATIENT_ID": ["P1 ", "P2"], "SEX": ["1", "1"]},  # One is padded, as keys in sources are.
        "admissions": {"PATIENT_ID": ["P1", "P2"], "COST": ["10", "20"], "ADMITTED": [date(2025, 3, 1)] * 2},
    }
    plan, keys = here.plan(number), ProjectKeys.derive(here.office.root_key.secret, "p")
    release = Release(plan, lambda name, columns: pl.LazyFrame(sources[name]).select(columns), keys)
    found = {table.name: set(release.given(table).collect()["PATIENT_ID"]) for table in plan.tables}
    assert (found["patients"] == found["admissions"], len(found["patients"])) == (True, 2)


@pytest.mark.clause("chongqing", "art_17_traceable")
def test_chongqing_17_every_step_of_a_delivery_can_be_traced(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    number = here.delivered()
    assert practised(here, number, PracticeKind.TRACEABLE) == {"chongqing.art_17_traceable"}
    for verb in (Verb.SUBMIT, Verb.COMPILE, Verb.SIGN, Verb.FREEZE, Verb.RUN_START, Verb.SEAL, Verb.DELIVER):
        assert {entry.request for entry in here.logged(verb)} == {number}
    assert verify(here.office.store, here.office.log_signer.verifier).size > 0


@pytest.mark.clause("chongqing", "art_17_traceable")
@pytest.mark.clause("chongqing", "第二十三条（六）")
def test_chongqing_17_who_changes_the_log_is_found_out_under_the_sixth_number(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    here.delivered()
    assert verified_log(here.office).size > 0
    assert incidents(here.office) == ()
    with sqlite3.connect(here.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError):
        hand_over_unit(here.office, "承接单位", signatories(here))
    assert [each.incident.cause for each in incidents(here.office)] == [IncidentCause.BROKEN_LOG]
    entry = here.logged(Verb.INCIDENT)[0]
    assert "chongqing.art_17_traceable" in (entry.rule or "").split("; ")
    assert entry.reason == "opened: broken_log; violation chongqing 第二十三条（六）"


@pytest.mark.clause("chongqing", "art_17_traceable")
@pytest.mark.clause("chongqing", "第二十三条（六）")
def test_chongqing_17_a_package_that_was_changed_is_not_handed_over_and_the_attempt_is_on_record(
    site: Callable[..., Site],
) -> None:
    here = site("chongqing")
    number = here.sealed()
    with here.office.store.reading() as tx:
        (package,) = tx.find("package")
    path = package_path(here.office, package.number)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        here.give(number)
    entry = here.logged(Verb.HANDOVER)[-1]
    assert (entry.rule, entry.reason) == (
        "chongqing.art_17_traceable", "IntegrityError; violation chongqing 第二十三条（六）",
    )  # fmt: skip
    path.write_bytes(whole)
    here.give(number)


@pytest.mark.clause("chongqing", "art_17_no_tampering")
def test_chongqing_17_nothing_is_deleted_but_by_an_order_with_its_ground_and_a_witness(
    site: Callable[..., Site],
) -> None:
    here = site("chongqing")
    number = here.delivered(asked=request(regime="chongqing", until=date(2026, 3, 6)))
    with here.office.store.reading() as tx:
        (package,) = tx.find("package")
    path, operator = package_path(here.office, package.number), here.person(Role.OPERATOR)
    assert practised(here, number, PracticeKind.DESTRUCTION_BY_ORDER) == {"chongqing.art_17_no_tampering"}
    with pytest.raises(Refused) as no:  # The term is not over yet.
        order_destruction(here.office, package.number, operator, ground=Ground.TERM_OVER)
    assert {each.rule for each in no.value.reasons} == {"chongqing.art_17_no_tampering"}
    here.clock.set_day(date(2026, 3, 7))
    order = order_destruction(here.office, package.number, operator, ground=Ground.TERM_OVER)
    sign_order(here.office, order.number, here.person(Role.WITNESS, name="witness1"))
    assert path.is_file()
    sign_order(here.office, order.number, here.person(Role.DESTROYER))
    assert not path.exists()
    done = [entry for entry in here.logged(Verb.DESTROY_ORDER) if entry.result is Result.OK]
    assert {entry.rule for entry in done} == {"chongqing.art_17_no_tampering"}


@pytest.mark.clause("chongqing", "art_10_minimal")
def test_chongqing_10_the_plan_cites_the_article_for_being_minimal() -> None:
    found = compiled("chongqing", request(regime="chongqing")).practices
    cited = {c.rule for each in found if each.practice is PracticeKind.MINIMAL_PLAN for c in each.cited}
    assert cited == {"art_10_minimal"}
