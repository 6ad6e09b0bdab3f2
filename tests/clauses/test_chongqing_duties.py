"""渝卫发〔2019〕67号 art. 16, 18, 20, 21: what is owed after a delivery, and who is told when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from building import policies, request
from installation import Site

from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.policy_words import Evidence, IncidentCause, PushSubject
from extractor.requests import Role
from extractor.workflow.downloads import download
from extractor.workflow.duties import DutyStanding, duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.incidents import (
    IncidentState,
    close_incident,
    incidents,
    open_incident,
    report_as_person,
    report_incident,
)
from extractor.workflow.integrity import archive
from extractor.workflow.settling import settle

ORGAN = "重庆市卫生健康委员会"
EMERGENCY = {"chongqing.art_18_emergency", "chongqing.art_20_emergency"}
DIGEST = "sha256:" + 64 * "1"


def split(rules: str | None) -> set[str]:
    """Return the rules of a log entry."""
    return set((rules or "").split("; "))


# --- 第二十一条、第十六条: what the data user owes --------------------------------------------------------------------


def owed(here: Site, number: str) -> dict[str, DutyStanding]:
    """Return the duties of a request by the rule behind them."""
    return {cited.rule: each for each in duties(here.office, request=number) for cited in each.duty.cited}


FACTS = {
    Evidence.REGISTRATION: {"number": "渝登2026-1", "day": "2026-03-02"},
    Evidence.CUSTODIAN: {"person": "user-01", "place": "数据安全屋"},
}


@pytest.mark.clause("chongqing", "art_21_register")
@pytest.mark.clause("chongqing", "art_21_custodian")
def test_chongqing_21_what_was_received_is_registered_and_in_somebodys_charge_within_a_week(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("chongqing")
    number = here.delivered()
    assert {(rule, each.duty.evidence, each.duty.due) for rule, each in owed(here, number).items()} == {
        ("art_21_register", Evidence.REGISTRATION, date(2026, 3, 8)),
        ("art_21_custodian", Evidence.CUSTODIAN, date(2026, 3, 8)),
    }
    here.clock.set_day(date(2026, 3, 8))
    for each in owed(here, number).values():
        close_duty(here.office, each.duty.number, here.applicant, facts=FACTS[each.duty.evidence])
    closed = {entry.rule for entry in here.logged(Verb.DUTY_CLOSE)}
    assert closed == {"chongqing.art_21_register", "chongqing.art_21_custodian"}
    here.clock.set_day(date(2026, 3, 9))
    settle(here.office)
    assert archive(here.office) == ()
    assert download(here.office, number, here.applicant, out=tmp_path / "again.zip").request == number


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("art_21_register", marks=pytest.mark.clause("chongqing", "art_21_register")),
        pytest.param("art_21_custodian", marks=pytest.mark.clause("chongqing", "art_21_custodian")),
    ],
)
@pytest.mark.clause("chongqing", "第二十三条（七）")
def test_chongqing_21_who_does_not_in_a_week_is_on_record_and_gets_nothing_more(
    site: Callable[..., Site], tmp_path: Path, rule: str
) -> None:
    here = site("chongqing")
    number = here.delivered()
    here.clock.set_day(date(2026, 3, 9))
    settle(here.office)
    assert rule in {cited.rule for each in archive(here.office, unit="示例大学") for cited in each.breach.cited}
    with pytest.raises(Refused) as no:
        download(here.office, number, here.applicant, out=tmp_path / "late.zip")
    assert (f"chongqing.{rule}", "第二十三条（七）") in {(each.rule, each.violation) for each in no.value.reasons}


@pytest.mark.clause("chongqing", "art_16_end_of_use")
@pytest.mark.clause("chongqing", "第二十三条（四）")
def test_chongqing_16_after_the_granted_term_nothing_is_given_and_what_was_is_destroyed(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("chongqing")
    number = here.delivered(asked=request(regime="chongqing", until=date(2026, 3, 6)))
    here.clock.set_day(date(2026, 3, 6))
    settle(here.office)
    assert "art_16_end_of_use" not in owed(here, number)
    assert download(here.office, number, here.applicant, out=tmp_path / "in_time.zip").request == number
    here.clock.set_day(date(2026, 3, 7))
    settle(here.office)
    with pytest.raises(Refused) as no:
        download(here.office, number, here.applicant, out=tmp_path / "late.zip")
    assert {each.rule: each.violation for each in no.value.reasons} == {
        "chongqing.art_16_end_of_use": "第二十三条（四）"
    }
    duty = owed(here, number)["art_16_end_of_use"].duty
    assert (duty.evidence, duty.due) == (Evidence.DESTRUCTION, date(2026, 3, 13))
    close_duty(
        here.office, duty.number, here.applicant, facts={"method": "overwrite", "day": "2026-03-07", "digest": DIGEST}
    )
    here.clock.set_day(date(2026, 3, 14))
    settle(here.office)
    assert "art_16_end_of_use" not in {cited.rule for each in archive(here.office) for cited in each.breach.cited}


# --- 第十八条、第二十条: emergencies ----------------------------------------------------------------------------------


@pytest.mark.clause("chongqing", "art_18_emergency")
@pytest.mark.clause("chongqing", "art_20_emergency")
@pytest.mark.parametrize("cause", list(IncidentCause))
def test_chongqing_18_an_emergency_is_closed_only_when_the_commission_was_told(
    site: Callable[..., Site], cause: IncidentCause
) -> None:
    here = site("chongqing")
    operator = here.person(Role.OPERATOR)
    with here.office.store.transaction() as tx:
        number = open_incident(here.office, tx, cause, thing="RN-2026-0001", found="admissions.NOTE mobile ×1")
    assert [each.to_tell for each in incidents(here.office)] == [(ORGAN,)]
    assert split(here.logged(Verb.INCIDENT)[0].rule) >= EMERGENCY
    with pytest.raises(ApprovalError, match=f"not everybody was told: {ORGAN}"):
        close_incident(here.office, number, operator, done="已处置")
    assert report_incident(here.office, number, operator, organ=ORGAN) is IncidentState.REPORTED
    close_incident(here.office, number, operator, done="已处置")
    assert [each.state for each in incidents(here.office)] == [IncidentState.CLOSED]


@pytest.mark.clause("chongqing", "art_18_emergency")
@pytest.mark.clause("chongqing", "art_20_emergency")
def test_chongqing_18_three_refused_downloads_are_an_emergency(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("chongqing")
    number, third = here.delivered(), here.person(Role.DATA_USER, "第三方公司")
    for times in range(3):
        assert incidents(here.office) == ()
        with pytest.raises(ApprovalError):
            download(here.office, number, third, out=tmp_path / f"{times}.zip")
    (stands,) = incidents(here.office)
    assert (stands.incident.cause, stands.to_tell) == (IncidentCause.REFUSED_DOWNLOADS, (ORGAN,))
    assert {f"{each.regime}.{each.rule}" for each in stands.incident.cited} == EMERGENCY


@pytest.mark.clause("chongqing", "art_18_emergency")
@pytest.mark.clause("chongqing", "art_20_emergency")
def test_chongqing_18_anybody_reports_one(site: Callable[..., Site]) -> None:
    here = site("chongqing")
    report_as_person(here.office, here.applicant, thing=here.submit(), text_digest=DIGEST)
    (stands,) = incidents(here.office)
    assert (stands.incident.opened_by, stands.to_tell) == (here.applicant.person.id, (ORGAN,))
    assert {f"{each.regime}.{each.rule}" for each in stands.incident.cited} == EMERGENCY


@pytest.mark.clause("chongqing", "art_18_push")
def test_chongqing_18_reports_of_emergencies_go_to_the_commission() -> None:
    assert [(each.to, each.every_days) for each in policies("chongqing").pushes(PushSubject.INCIDENT)] == [
        (ORGAN, None)
    ]
    assert policies().pushes(PushSubject.INCIDENT) == ()
