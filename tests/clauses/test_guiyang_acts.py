"""贵阳市健康医疗大数据应用发展条例 art. 5, 7, 12, 26–28: breaches, complaints, stale sources, safety."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from building import catalogue, request
from installation import UNIT, Site

from extractor.catalogue import UpdatePeriod
from extractor.deid.residual import ResidualScan
from extractor.deid.residual_known import RawIdentifiers
from extractor.errors import ApprovalError, IntegrityError, Refused, ResidualFound
from extractor.keys import create_identity
from extractor.log.entries import LogEntry, Result, Verb
from extractor.policy import Cited
from extractor.policy_words import PracticeKind
from extractor.requests import Role
from extractor.sources.snapshot import DigestOf, SourceFile, SourceSnapshot
from extractor.transfer.open import open_package
from extractor.workflow.complaints import (
    ComplaintCategory,
    ComplaintState,
    Given,
    Outcome,
    add_complaint,
    answer_complaint,
    complaints,
    deal_with_complaint,
)
from extractor.workflow.delivery import package_path
from extractor.workflow.downloads import download
from extractor.workflow.freshness import stale_sources, warn_of_stale
from extractor.workflow.integrity import Debtor, archive, close_breach, enter_breach
from extractor.workflow.standing import policies_of

DIGEST = "sha256:" + 64 * "1"
LAW = "贵阳市健康医疗大数据应用发展条例"


def practised(here: Site, number: str, kind: PracticeKind) -> set[str]:
    """Return the rules for which a request's stored plan names a practice."""
    found = here.plan(number).practices
    return {f"{c.regime}.{c.rule}" for each in found if each.practice is kind for c in each.cited}


# --- 第五条: the integrity archive ------------------------------------------------------------------------------------


def broke(here: Site) -> str:
    """Enter a breach of the applicant into the archive, by a rule that is no rule of Guiyang."""
    of = Debtor("示例大学", request(regime="guiyang").applicant.uscc)
    with here.office.store.transaction() as tx:
        return enter_breach(here.office, tx, of, ground=("DU-2026-0001", (Cited("baseline", "x", "某条"),)))


@pytest.mark.clause("guiyang", "art_5_integrity")
def test_guiyang_5_who_is_in_the_archive_applies_for_nothing_until_the_entry_is_struck_off(
    site: Callable[..., Site],
) -> None:
    here = site("guiyang")
    assert here.submit()
    breach = broke(here)
    with pytest.raises(Refused) as no:
        here.submit()
    assert {each.rule for each in no.value.reasons} == {"guiyang.art_5_integrity"}
    assert here.logged(Verb.REFUSE)[-1].rule == "guiyang.art_5_integrity"
    with pytest.raises(ApprovalError, match="nobody of the unit"):
        close_breach(here.office, breach, here.person(Role.OPERATOR, "示例大学"), reason="自行销去")
    close_breach(here.office, breach, here.person(Role.AUTHORITY), reason="已整改")
    assert here.submit()


@pytest.mark.clause("guiyang", "art_5_integrity")
def test_guiyang_5_a_breach_stops_what_goes_on_approval_run_and_download(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("guiyang")
    waiting, approved, delivered = here.submit(), here.approved(), here.delivered()
    breach = broke(here)
    stopped: tuple[Callable[[], object], ...] = (
        lambda: here.sign(waiting, here.plan(waiting).steps[0].id),
        lambda: here.order(approved),
        lambda: download(here.office, delivered, here.applicant, out=tmp_path / "package.zip"),
    )
    for act in stopped:
        with pytest.raises(Refused) as no:
            act()
        assert {each.rule for each in no.value.reasons} == {"guiyang.art_5_integrity"}
    close_breach(here.office, breach, here.person(Role.AUTHORITY), reason="已整改")
    for act in stopped:
        act()


@pytest.mark.clause("guiyang", "art_5_roles")
def test_guiyang_5_unit_person_and_role_are_on_record_for_acts_and_breaches(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    number = here.delivered()
    assert practised(here, number, PracticeKind.ROLES_RECORDED) == {"guiyang.art_5_roles"}
    acts = {(e.verb, e.role, e.unit) for verb in (Verb.SUBMIT, Verb.DELIVER) for e in here.logged(verb)}
    assert acts == {
        (Verb.SUBMIT, "data_user", "示例大学"), (Verb.DELIVER, "technical_service_unit", UNIT),
    }  # fmt: skip
    breach = broke(here)
    assert [each.breach.number for each in archive(here.office, unit="示例大学")] == [breach]
    assert archive(here.office, unit="另一大学") == ()


# --- 第七条、第二十八条: complaints -----------------------------------------------------------------------------------


def complained(here: Site, received: date, about: str | None = None) -> str:
    """Register a complaint that came on a day."""
    given = Given(ComplaintCategory.PRIVACY, DIGEST, about or here.applicant.person.unit, received)
    return add_complaint(here.office, here.person(Role.OPERATOR), given)


def late(here: Site) -> dict[str, list[str]]:
    """Return what is late about each complaint, in English."""
    return {each.complaint.number: [en for _, en in each.late] for each in complaints(here.office, overdue=True)}


@pytest.mark.clause("guiyang", "art_7_complaint")
def test_guiyang_7_a_complaint_is_registered_dealt_with_and_answered_in_thirty_days(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    operator = here.person(Role.OPERATOR)
    in_time, overdue = complained(here, date(2026, 3, 1)), complained(here, date(2026, 3, 1))
    here.clock.set_day(date(2026, 3, 31))
    assert late(here) == {}
    with pytest.raises(ApprovalError):
        answer_complaint(here.office, in_time, operator, text=DIGEST)
    deal_with_complaint(here.office, in_time, operator, outcome=Outcome.UPHELD, text=DIGEST)
    answer_complaint(here.office, in_time, operator, text=DIGEST)
    here.clock.set_day(date(2026, 4, 1))
    assert set(late(here)) == {overdue}
    states = {each.complaint.number: each.state for each in complaints(here.office)}
    assert states == {in_time: ComplaintState.ANSWERED, overdue: ComplaintState.REGISTERED}
    assert {entry.rule for entry in here.logged(Verb.COMPLAIN) if entry.result is Result.OK} == {
        "guiyang.art_7_complaint"
    }


@pytest.mark.clause("guiyang", "art_7_complaint")
@pytest.mark.clause("guiyang", "第二十八条（一）")
def test_guiyang_28_what_was_registered_or_answered_late_is_a_violation_of_item_one(
    site: Callable[..., Site],
) -> None:
    here = site("guiyang")
    here.clock.set_day(date(2026, 3, 20))
    in_time, too_late = complained(here, date(2026, 3, 15)), complained(here, date(2026, 3, 14))
    cited = f"[guiyang.art_7_complaint {LAW} 第七条; 第二十八条（一）]"
    assert late(here) == {too_late: [f"to be registered by 2026-03-19 {cited}"]}
    here.clock.set_day(date(2026, 4, 15))
    assert late(here).get(in_time) == [f"to be answered by 2026-04-14 {cited}"]


@pytest.mark.clause("guiyang", "art_7_complaint")
def test_guiyang_7_nobody_deals_with_a_complaint_about_themselves(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    own = here.person(Role.OPERATOR, "某运营公司")
    number = complained(here, date(2026, 3, 1), about="某运营公司")
    with pytest.raises(ApprovalError, match="own unit"):
        deal_with_complaint(here.office, number, own, outcome=Outcome.UNFOUNDED, text=DIGEST)
    deal_with_complaint(here.office, number, here.person(Role.AUTHORITY), outcome=Outcome.UPHELD, text=DIGEST)
    done = [entry for entry in here.logged(Verb.COMPLAIN) if entry.result is Result.OK]
    assert [entry.rule for entry in done] == ["guiyang.art_7_complaint"] * 2


# --- 第十二条: sources are kept up to date ----------------------------------------------------------------------------


def looked_at(*days: date) -> Iterator[SourceSnapshot]:
    """Yield what a run sees of the patients' table, whose file was written on each of these days."""
    for day in days:
        written = int(datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp()) * 10**9
        file = SourceFile("patients.csv", 1, written, "x", DigestOf.WHOLE)
        yield SourceSnapshot("patients", (file,), 1, (), 2, columns=("SEX", "BIRTH"))


def warned(here: Site, number: str, day: date) -> list[LogEntry]:
    """Warn, as a run of a request does, of what is stale; return the warnings of this call."""
    before = len(here.logged(Verb.VERIFY))
    with here.office.store.transaction() as tx:
        policies = policies_of(here.office, tx, number)
        stale = stale_sources(here.office, here.catalogue, looked_at(day))
        warn_of_stale(here.office, tx, stale, request=number, policies=policies)
    return list(here.logged(Verb.VERIFY)[before:])


@pytest.mark.clause("guiyang", "art_12_stale")
@pytest.mark.clause("guiyang", "第二十七条（五）")
def test_guiyang_12_who_runs_over_a_source_that_was_not_kept_up_to_date_is_warned_under_the_article(
    site: Callable[..., Site],
) -> None:
    monthly = catalogue("guiyang", {"patients.BIRTH": {"update": UpdatePeriod.MONTHLY}})
    here = site("guiyang", catalogue=monthly)
    number = here.submit()
    assert warned(here, number, date(2026, 2, 27)) == []
    (entry,) = warned(here, number, date(2026, 2, 26))
    assert (entry.rule, entry.article, entry.request) == ("guiyang.art_12_stale", f"{LAW} 第十二条", number)
    assert (entry.columns, entry.result) == (("patients.SEX",), Result.FAILED)
    assert entry.reason == "stale: daily, last update 2026-02-26, 3 days; violation guiyang 第二十七条（五）"


# --- 第二十六条: safety -----------------------------------------------------------------------------------------------


@pytest.mark.clause("guiyang", "art_26_transfer")
def test_guiyang_26_a_package_is_opened_by_its_recipients_key_only(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("guiyang")
    own = create_identity(tmp_path / "own.txt")
    create_identity(tmp_path / "other.txt")
    number = here.sealed(here.approved(request(regime="guiyang", recipient_key=own.recipient)))
    assert practised(here, number, PracticeKind.ENCRYPTED_TRANSFER) == {"guiyang.art_26_transfer"}
    with here.office.store.reading() as tx:
        (package,) = tx.find("package")
    sealed, trusted = package_path(here.office, package.number), (here.office.unit_key.public.text,)
    assert b"COLUMN" not in sealed.read_bytes()
    day = here.office.today
    with pytest.raises(IntegrityError):
        open_package(sealed, identity=tmp_path / "other.txt", out=tmp_path / "no", trusted=trusted, today=day)
    open_package(sealed, identity=tmp_path / "own.txt", out=tmp_path / "yes", trusted=trusted, today=day)
    assert (tmp_path / "yes" / "data" / "table.csv").read_bytes() == b"COLUMN\n"


@pytest.mark.clause("guiyang", "art_26_leak")
def test_guiyang_26_what_identifies_a_person_stops_the_package(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    assert practised(here, here.submit(), PracticeKind.LEAK_SCAN) == {"guiyang.art_26_leak"}
    scan = ResidualScan(RawIdentifiers.collect([pl.Series(["欧阳测试"])], key=b"k" * 32))
    for leak in ("电话13812345678", "身份证110101199003074610", "欧阳测试"):
        with pytest.raises(ResidualFound):
            scan.scan(pl.DataFrame({"NOTE": [leak]}), "admissions", {})
    scan.scan(pl.DataFrame({"NOTE": ["患者某某"]}), "admissions", {})
