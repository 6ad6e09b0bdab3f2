"""榕政综〔2017〕122号, clause by clause, by acts over a real store: incidents, pushes, floors, the report, and what the data user owes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from building import catalogue, request
from installation import Site

from extractor.errors import ApprovalError, IntegrityError, Refused, UsageError
from extractor.log.entries import Verb
from extractor.policy_words import Evidence, RetentionSubject
from extractor.requests import Period
from extractor.workflow.delivery import package_of
from extractor.workflow.duties import duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.incidents import close_incident, incidents, report_as_person, report_incident, verified_log
from extractor.workflow.pushes import push_log, pushes_due
from extractor.workflow.reports import make_report, reports_due
from extractor.workflow.retention import check_document_floor, check_floor, kept
from extractor.workflow.settling import settle

ORGANS = ("福州市数字办", "福州市卫健委")
TOLD = ("数据运营单位", *ORGANS)
BEIJING = "110000"
DIGEST = "sha256:" + 64 * "1"


def elsewhere(site: Callable[..., Site]) -> Site:
    """Open an installation of a place for whose data no regime stands."""
    return site(division=BEIJING, catalogue=catalogue("baseline", division=BEIJING))


def refused_for(no: pytest.ExceptionInfo[Refused]) -> dict[str, str]:
    """Return the numbers of the listed violations by the rules behind a refusal."""
    return {reason.rule: reason.violation for reason in no.value.reasons}


# --- 第二十七条、第三十一条: incidents, pushes, retention, report -----------------------------------------------------------


def reported(here: Site) -> None:
    """Let a person report something that they saw."""
    report_as_person(here.office, here.applicant, thing=here.applicant.person.unit, text_digest=DIGEST)


def broken_log(here: Site) -> None:
    """Let somebody change an entry of the log."""
    with sqlite3.connect(here.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET body = replace(body, 'installation', 'something') WHERE sequence = 0")
    with pytest.raises(IntegrityError):
        verified_log(here.office)


@pytest.mark.clause("fuzhou", "art_27_emergency")
@pytest.mark.parametrize("happens", [reported, broken_log])
def test_fuzhou_27_an_emergency_is_closed_only_after_everybody_was_told(
    site: Callable[..., Site], happens: Callable[[Site], None]
) -> None:
    here = site("fuzhou")
    happens(here)
    stands = incidents(here.office)
    assert [(each.incident.cause.value, set(TOLD) <= set(each.to_tell)) for each in stands] == [
        (happens.__name__, True)
    ]
    number, operator = stands[0].incident.number, here.person("operator")
    assert "fuzhou.art_27_emergency" in (here.logged(Verb.INCIDENT)[0].rule or "")
    for organ in stands[0].to_tell:
        with pytest.raises(ApprovalError, match="not everybody was told"):
            close_incident(here.office, number, operator, done="已处置")
        report_incident(here.office, number, operator, organ=organ)
    close_incident(here.office, number, operator, done="已处置")


@pytest.mark.parametrize(
    ("rule", "to"),
    [
        pytest.param(
            "art_27_push_operator", "数据运营单位", marks=pytest.mark.clause("fuzhou", "art_27_push_operator")
        ),
        pytest.param(
            "art_27_push_provider", "数据生产应用单位", marks=pytest.mark.clause("fuzhou", "art_27_push_provider")
        ),
    ],
)
def test_fuzhou_27_the_log_is_pushed_to_whom_the_article_names_and_to_nobody_else(
    site: Callable[..., Site], tmp_path: Path, rule: str, to: str
) -> None:
    here = site("fuzhou")
    by = here.person("technical_service_unit")
    assert to in {each.asked.to for each in pushes_due(here.office)}
    with pytest.raises(Refused):
        push_log(here.office, by, to="某公司", out=tmp_path / "other.zip")
    pushed = push_log(here.office, by, to=to, out=tmp_path / "log.zip")
    assert {f"{c.regime}.{c.rule}" for c in pushed.cited} == {f"fuzhou.{rule}"}
    done = [entry for entry in here.logged(Verb.PUSH) if entry.result.value == "ok"]
    assert [(entry.object, entry.rule) for entry in done] == [(pushed.number, f"fuzhou.{rule}")]
    other = elsewhere(site)
    with pytest.raises(UsageError, match="no rule"):
        push_log(other.office, other.person("technical_service_unit"), to=to, out=tmp_path / "none.zip")


@pytest.mark.clause("fuzhou", "art_27_log")
def test_fuzhou_27_the_log_is_kept_for_three_years_to_the_day(site: Callable[..., Site]) -> None:
    here = site("fuzhou")

    def destroyed(on: date) -> None:
        here.clock.set_day(on)
        check_floor(here.office, (here.office.policies,), RetentionSubject.LOG, thing="log", since=date(2026, 3, 1))

    with pytest.raises(Refused) as no:
        destroyed(date(2029, 2, 28))
    assert set(refused_for(no)) == {"fuzhou.art_27_log"}
    destroyed(date(2029, 3, 1))
    with here.office.store.reading() as tx:
        found = {each.subject: each for each in kept(here.office, tx)}
    assert (found[RetentionSubject.LOG].until, found[RetentionSubject.LOG].may_go) == (date(2029, 3, 1), True)


@pytest.mark.clause("fuzhou", "art_23_records")
def test_fuzhou_23_records_of_a_run_and_its_handover_are_kept_as_long(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    number = here.delivered()
    with here.office.store.reading() as tx:
        run, sheet = package_of(tx, number)[0], tx.find("handover")[0].number
        for kind, name in (("run_record", run), ("handover", sheet)):
            here.clock.set_day(date(2029, 2, 28))
            with pytest.raises(Refused) as no:
                check_document_floor(here.office, tx, kind, name)
            assert "fuzhou.art_23_records" in refused_for(no)
            here.clock.set_day(date(2029, 3, 1))
            check_document_floor(here.office, tx, kind, name)


@pytest.mark.clause("fuzhou", "art_31_report")
def test_fuzhou_31_the_report_goes_to_the_government_each_year_and_cites_the_article(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("fuzhou")
    here.submit()
    here.clock.set_day(date(2026, 4, 1))
    period = Period(date(2026, 3, 1), date(2026, 3, 31))
    made = make_report(here.office, period, tmp_path / "out", who=here.person("operator"))
    assert [(each.to, each.due) for each in made.due] == [("福州市人民政府", date(2027, 4, 1))]
    assert [entry.rule for entry in here.logged(Verb.REPORT)] == ["fuzhou.art_31_report"]
    assert "第三十一条" in made.files[0].read_text("utf-8")
    other = elsewhere(site)
    make_report(other.office, period, tmp_path / "other", who=other.person("operator"))
    with other.office.store.reading() as tx:
        assert reports_due(other.office, tx) == ()


# --- 第二十条、第二十九条: what the data user owes is closed with its evidence --------------------------------------------


@pytest.mark.parametrize(
    ("rule", "evidence", "bad", "good"),
    [
        pytest.param(
            "art_29_register",
            "registration",
            {"number": "1"},
            {"number": "1", "day": "2026-03-01"},
            marks=pytest.mark.clause("fuzhou", "art_29_register"),
        ),
        pytest.param(
            "art_29_custodian",
            "custodian",
            {"person": "user-01"},
            {"person": "user-01", "place": "安全屋"},
            marks=pytest.mark.clause("fuzhou", "art_29_custodian"),
        ),
        pytest.param(
            "art_20_report",
            "report",
            {"digest": "no"},
            {"digest": DIGEST},
            marks=pytest.mark.clause("fuzhou", "art_20_report"),
        ),
    ],
)
def test_fuzhou_29_a_duty_is_closed_by_who_owes_it_with_its_own_evidence(
    site: Callable[..., Site], rule: str, evidence: str, bad: dict[str, str], good: dict[str, str]
) -> None:
    here = site("fuzhou")
    number = here.delivered()
    owed = {each.duty.evidence: each.duty for each in duties(here.office, request=number)}
    assert Evidence(evidence) in owed
    duty = owed[Evidence(evidence)]
    assert {f"{c.regime}.{c.rule}" for c in duty.cited} == {f"fuzhou.{rule}"}
    for by, facts in ((here.applicant, bad), (here.person("operator"), good)):
        with pytest.raises(ApprovalError):
            close_duty(here.office, duty.number, by, facts=facts)
    close_duty(here.office, duty.number, here.applicant, facts=good)
    assert [e.rule for e in here.logged(Verb.DUTY_CLOSE) if e.result.value == "ok"] == [f"fuzhou.{rule}"]


@pytest.mark.parametrize(
    ("rule", "evidence", "day"),
    [
        pytest.param(
            "art_29_renewal", "renewal", date(2026, 6, 20), marks=pytest.mark.clause("fuzhou", "art_29_renewal")
        ),
        pytest.param(
            "art_29_destroy", "destruction", date(2026, 7, 2), marks=pytest.mark.clause("fuzhou", "art_29_destroy")
        ),
    ],
)
def test_fuzhou_29_before_the_end_a_renewal_is_applied_for_and_after_it_the_destruction_is_told(
    site: Callable[..., Site], rule: str, evidence: str, day: date
) -> None:
    here = site("fuzhou")
    number = here.delivered(asked=request(until=date(2026, 6, 30)))
    for each in duties(here.office, request=number):
        close_duty(here.office, each.duty.number, here.applicant, facts=FACTS[each.duty.evidence])
    here.clock.set_day(day)
    settle(here.office)
    owed = {each.duty.evidence: each.duty for each in duties(here.office, request=number)}
    assert Evidence(evidence) in owed
    facts: dict[str, str] = {"method": "覆写", "day": "2026-07-01", "digest": DIGEST.replace("1", "2")}
    if evidence == "renewal":
        other = here.submit(request(until=date(2027, 6, 30)))
        with pytest.raises(ApprovalError, match="does not renew"):
            close_duty(here.office, owed[Evidence(evidence)].number, here.applicant, facts={"request": other})
        facts = {"request": here.submit(request(until=date(2027, 6, 30), renews=number))}
    close_duty(here.office, owed[Evidence(evidence)].number, here.applicant, facts=facts)
    assert here.logged(Verb.DUTY_CLOSE)[-1].rule == f"fuzhou.{rule}"


FACTS: dict[Evidence, dict[str, Any]] = {
    Evidence.REGISTRATION: {"number": "1", "day": "2026-03-01"},
    Evidence.CUSTODIAN: {"person": "user-01", "place": "安全屋"},
    Evidence.REPORT: {"digest": DIGEST},
}
