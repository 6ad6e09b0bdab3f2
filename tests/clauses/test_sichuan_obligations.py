"""四川省健康医疗大数据应用管理办法（试行，征求意见稿） art. 19: what is owed after a delivery, and who is told of what is important."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from building import policies, request
from installation import Site

from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.policy_words import DutyEvent, Evidence, IncidentCause, PushSubject
from extractor.requests import Request, Role
from extractor.workflow.downloads import download
from extractor.workflow.duties import OwedDuty, duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.incidents import (
    IncidentState,
    close_incident,
    incidents,
    open_incident,
    report_as_person,
    report_incident,
)
from extractor.workflow.integrity import archive, close_breach
from extractor.workflow.push_documents import push_documents
from extractor.workflow.settling import settle

HEALTH = "四川省卫生健康委员会"
FIRST, DUE = date(2026, 3, 1), date(2026, 8, 28)
DIGESTS = [f"sha256:{n:064d}" for n in range(9)]


def wants(**changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(regime="sichuan", **changes)


def owed(here: Site, number: str, rule: str) -> list[OwedDuty]:
    """Return the duties of a request behind which a rule of the draft stands, in their order."""
    found = (each.duty for each in duties(here.office, request=number))
    return [duty for duty in found if ("sichuan", rule) in {(c.regime, c.rule) for c in duty.cited}]


def days(found: list[OwedDuty]) -> list[tuple[Role, str, Evidence, date, date]]:
    """Return whose each duty is, with what it is closed, and its first and last day."""
    return [(duty.role, duty.of.unit, duty.evidence, duty.opened, duty.due) for duty in found]


# --- 第十九条: the use is followed up ---------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_19_follow_up")
def test_sichuan_19_the_provider_follows_up_the_use_every_half_year(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.sealed(here.approved(wants()))
    here.give(number)
    assert owed(here, number, "art_19_follow_up") == []
    here.receive(number)
    first = (Role.PROVIDER, "示例医院", Evidence.REPORT, FIRST, DUE)
    assert days(owed(here, number, "art_19_follow_up")) == [first]
    here.clock.set_day(DUE)
    settle(here.office)
    again = (Role.PROVIDER, "示例医院", Evidence.REPORT, DUE, DUE + timedelta(days=180))
    assert days(owed(here, number, "art_19_follow_up")) == [first, again]


@pytest.mark.clause("sichuan", "art_19_follow_up")
def test_sichuan_19_the_provider_itself_closes_its_follow_up_with_a_report(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    found = owed(here, here.delivered(asked=wants()), "art_19_follow_up")
    assert len(found) == 1
    duty = found[0].number
    for by, facts, why in (
        (here.person("operator"), {"digest": DIGESTS[0]}, "needs role provider"),
        (here.person("provider", "另一医院"), {"digest": DIGESTS[0]}, "the duty is that of 示例医院"),
        (here.person("provider"), {"digest": "已检查"}, "no SHA-256"),
        (here.person("provider"), {}, "evidence of kind report is"),
    ):
        with pytest.raises(ApprovalError, match=why):
            close_duty(here.office, duty, by, facts=facts)
    close_duty(here.office, duty, here.person("provider"), facts={"digest": DIGESTS[0]})
    entry = here.logged(Verb.DUTY_CLOSE)[-1]
    assert (entry.object, entry.rule, entry.role) == (duty, "sichuan.art_19_follow_up", "provider")


@pytest.mark.clause("sichuan", "art_19_follow_up")
def test_sichuan_19_a_provider_that_does_not_follow_up_enters_the_archive(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.delivered(asked=wants())
    for duty in owed(here, number, "art_19_use_report"):
        close_duty(here.office, duty.number, here.applicant, facts={"digest": DIGESTS[0]})
    here.clock.set_day(DUE)
    settle(here.office)
    assert archive(here.office) == ()
    here.clock.pass_days(1)
    settle(here.office)
    entered = [(each.breach.of.unit, [c.rule for c in each.breach.cited]) for each in archive(here.office)]
    assert entered == [("示例医院", ["art_19_follow_up"])]
    # It is the provider's: the user still applies.
    assert here.submit(wants())


@pytest.mark.clause("sichuan", "art_19_use_report")
def test_sichuan_19_the_user_reports_to_the_provider_every_half_year(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    until = date(2026, 12, 31)
    number = here.delivered(asked=wants(until=until))
    first = (Role.DATA_USER, "示例大学", Evidence.REPORT, FIRST, DUE)
    assert days(owed(here, number, "art_19_use_report")) == [first]
    with pytest.raises(ApprovalError, match="needs role data_user"):
        close_duty(
            here.office,
            owed(here, number, "art_19_use_report")[0].number,
            here.person("provider"),
            facts={"digest": DIGESTS[0]},
        )
    here.clock.set_day(DUE)
    settle(here.office)
    again = (Role.DATA_USER, "示例大学", Evidence.REPORT, DUE, date(2027, 2, 24))
    assert days(owed(here, number, "art_19_use_report")) == [first, again]
    one, two = (duty.number for duty in owed(here, number, "art_19_use_report"))
    close_duty(here.office, one, here.applicant, facts={"digest": DIGESTS[1]})
    with pytest.raises(ApprovalError, match="already closed"):
        close_duty(here.office, two, here.applicant, facts={"digest": DIGESTS[1]})
    # After the term of use nothing more is owed.
    here.clock.set_day(date(2027, 2, 24))
    settle(here.office)
    assert len(owed(here, number, "art_19_use_report")) == 2


@pytest.mark.clause("sichuan", "art_19_use_report")
@pytest.mark.clause("sichuan", "art_17_integrity")
def test_sichuan_19_a_user_that_does_not_report_gets_nothing_more(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("sichuan")
    number = here.delivered(asked=wants())
    here.clock.set_day(DUE)
    assert download(here.office, number, here.applicant, out=tmp_path / "in_time.zip").request == number
    here.clock.pass_days(1)
    settle(here.office)
    with pytest.raises(Refused) as no:
        download(here.office, number, here.applicant, out=tmp_path / "late.zip")
    assert {r.rule for r in no.value.reasons} == {"sichuan.art_19_use_report", "sichuan.art_17_integrity"}
    with pytest.raises(Refused) as no:
        here.submit(wants())
    assert {r.rule for r in no.value.reasons} == {"sichuan.art_17_integrity"}
    # What is made good: the report, and the entry in the archive.
    late = next(duty for duty in owed(here, number, "art_19_use_report") if duty.due == DUE)
    close_duty(here.office, late.number, here.applicant, facts={"digest": DIGESTS[1]})
    for each in archive(here.office, unit="示例大学", only_open=True):
        close_breach(here.office, each.breach.number, here.person("authority"), reason="已补报")
    assert download(here.office, number, here.applicant, out=tmp_path / "after.zip").request == number
    assert here.submit(wants())


# --- 第十九条: important events go up ---------------------------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_19_important")
@pytest.mark.parametrize("cause", list(IncidentCause))
def test_sichuan_19_an_important_event_is_closed_only_when_the_province_was_told(
    site: Callable[..., Site], cause: IncidentCause
) -> None:
    here = site("sichuan")
    thing, operator = here.submit(wants()), here.person("operator")
    if cause is IncidentCause.REPORTED:
        number = report_as_person(here.office, here.person("auditor"), thing=thing, text_digest=DIGESTS[0])
    else:
        with here.office.store.transaction() as tx:
            number = open_incident(here.office, tx, cause, thing=thing, found="1")
    stands = incidents(here.office)
    assert [(each.incident.number, each.to_tell) for each in stands] == [(number, (HEALTH,))]
    cited = {rule for entry in here.logged(Verb.INCIDENT) for rule in (entry.rule or "").split("; ")}
    assert "sichuan.art_19_important" in cited
    with pytest.raises(ApprovalError, match=f"not everybody was told: {HEALTH}"):
        close_incident(here.office, number, operator, done="已处置")
    assert report_incident(here.office, number, operator, organ="别的机关") is IncidentState.OPEN
    with pytest.raises(ApprovalError, match="needs role operator"):
        report_incident(here.office, number, here.person("provider"), organ=HEALTH)
    assert report_incident(here.office, number, operator, organ=HEALTH) is IncidentState.REPORTED
    close_incident(here.office, number, operator, done="已处置")
    assert [each.state for each in incidents(here.office)] == [IncidentState.CLOSED]


@pytest.mark.clause("sichuan", "art_19_important")
def test_sichuan_19_downloads_refused_in_a_row_are_such_an_event(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("sichuan")
    number = here.delivered(asked=wants())
    stranger = here.person("data_user", "另一大学")
    for _ in range(2):
        with pytest.raises(ApprovalError):
            download(here.office, number, stranger, out=tmp_path / "p.zip")
    assert incidents(here.office) == ()
    with pytest.raises(ApprovalError):
        download(here.office, number, stranger, out=tmp_path / "p.zip")
    found = [(each.incident.cause, each.incident.thing, each.to_tell) for each in incidents(here.office)]
    assert found == [(IncidentCause.REFUSED_DOWNLOADS, number, (HEALTH,))]


@pytest.mark.clause("sichuan", "art_19_important")
def test_sichuan_19_that_all_were_told_is_what_closes_the_duty_of_notice(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    thing, operator = here.submit(wants()), here.person("operator")
    with here.office.store.transaction() as tx:
        open_incident(here.office, tx, IncidentCause.LEAK, thing=thing, found="1")
    notices = [d.duty.number for d in duties(here.office, request=thing) if d.duty.opens_on is DutyEvent.INCIDENT]
    assert len(notices) == 1
    day = here.office.today.isoformat()
    with pytest.raises(ApprovalError, match=f"not told: {HEALTH}"):
        close_duty(here.office, notices[0], operator, facts={"told": "当事人", "day": day})
    close_duty(here.office, notices[0], operator, facts={"told": f"当事人,{HEALTH}", "day": day})


@pytest.mark.clause("sichuan", "art_19_push")
def test_sichuan_19_incidents_are_handed_to_the_province_as_needed_and_logs_are_not() -> None:
    pushed = [(each.to, each.every_days) for each in policies("sichuan").pushes(PushSubject.INCIDENT)]
    assert pushed == [(HEALTH, None)]
    assert policies("sichuan").pushes(PushSubject.LOG) == ()
    assert policies().pushes(PushSubject.INCIDENT) == ()


@pytest.mark.clause("sichuan", "art_19_push")
def test_sichuan_19_an_incident_is_handed_to_the_province_and_to_nobody_else(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("sichuan")
    thing, operator = here.submit(wants()), here.person("operator")
    with here.office.store.transaction() as tx:
        number = open_incident(here.office, tx, IncidentCause.LEAK, thing=thing, found="1")
    with pytest.raises(Refused):
        push_documents(here.office, operator, PushSubject.INCIDENT, to="某公司", out=tmp_path / "other.zip")
    pushed = push_documents(here.office, operator, PushSubject.INCIDENT, to=HEALTH, out=tmp_path / "incident.zip")
    assert [each.number for each in pushed.documents] == [number]
    assert [entry.rule for entry in here.logged(Verb.PUSH)] == ["sichuan.art_19_push"]
