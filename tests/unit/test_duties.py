"""Duties after a real delivery: which open when, until when, with what they are closed, and what time does to them.

The request is compiled, approved, run and handed over by the real functions, in this process, under a clock that the test sets.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from building import request as clause_request
from installation import UNIT, open_site
from installation import Site as ClauseSite
from test_approval import APPROVE, CATALOGUE, REQUEST, SITE, Clock, refused

from extractor.bootstrap import init_home, open_office
from extractor.decode import from_json
from extractor.destruction import Ground
from extractor.errors import ApprovalError, ConfigurationError, UsageError
from extractor.handover import Custody
from extractor.keys import load_signing_key
from extractor.log import journal
from extractor.log.entries import LogEntry, Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited
from extractor.policy_asked import AskedDuty
from extractor.policy_words import DutyEvent, Evidence, IncidentCause
from extractor.requests import Request, Role, State
from extractor.workflow.approval import sign, submit
from extractor.workflow.debtors import debtor_of
from extractor.workflow.delivery import give, receive
from extractor.workflow.duties import (
    DutyStanding,
    OwedDuty,
    UseTerm,
    duties,
    open_at_run_end,
    open_incident_duty,
    openings,
)
from extractor.workflow.duty_closing import CLOSING, close_duty
from extractor.workflow.extraction import extract
from extractor.workflow.incidents import open_incident
from extractor.workflow.integrity import Debtor, archive
from extractor.workflow.office import Actor, Office
from extractor.workflow.people import Identity, register
from extractor.workflow.purging import purge_run, records_of, sign_destruction
from extractor.workflow.runs import RunState, end_badly
from extractor.workflow.settling import Settled, settle, settled_text
from extractor.workflow.signed import newest_signed
from extractor.workflow.supervision import Crew, order_run
from extractor.workspace import Workspace

ART_29 = "榕政综〔2017〕122号 第二十九条"
FIRST_DAY, UNTIL = date(2026, 3, 1), date(2027, 2, 28)
CAST = {
    "applicant": (Role.DATA_USER, "示例大学"),
    "colleague": (Role.DATA_USER, "示例大学"),
    "stranger": (Role.DATA_USER, "别的大学"),
    "operator": (Role.OPERATOR, "运营公司"),
    "operator2": (Role.OPERATOR, "运营公司"),
    "inside": (Role.OPERATOR, "示例大学"),
    "health": (Role.AUTHORITY, "福州市卫健委"),
    "runner": (Role.TECHNICAL_SERVICE_UNIT, "技术服务中心"),
    "destroyer": (Role.DESTROYER, "技术服务中心"),
    "witness": (Role.WITNESS, "运营公司"),
    "witness2": (Role.WITNESS, "运营公司"),
}
FILE, OTHER_FILE = "sha256:" + "5" * 64, "sha256:" + "6" * 64
REGISTERED = {"number": "DJ-7", "day": "2026-03-01"}
KEEPER = {"person": "user-01", "place": "园区三楼"}


@dataclass
class Delivery:
    """An office with its people, its clock, and tables that a run can read."""

    office: Office
    clock: Clock
    people: dict[str, Actor]

    def on(self, day: date) -> Settled:
        """Move the clock to a day, open the installation as a command does, and return what time has brought."""
        self.clock.now = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
        return settle(self.office)

    def approved(self, request: Request) -> str:
        number = submit(self.office, request, self.people["applicant"])
        for step, by in (
            ("operator_review", "operator"), ("agreement_user", "applicant"), ("agreement_operator", "operator")
        ):  # fmt: skip
            state = sign(self.office, number, step, self.people[by], verdict=APPROVE)
        assert state is State.APPROVED
        return number

    def run(self, number: str) -> None:
        crew = Crew("destroyer", ("witness", "witness2"))
        order = order_run(self.office, number, self.people["runner"], crew=crew)
        with Workspace.create(self.office.home.scratch, order.number) as workspace:
            record = extract(self.office, order, workspace, report=lambda _: None)
            purge_run(self.office, order, workspace, ground=Ground.RUN_ENDED, package=record.package_digest)

    def delivered(self, request: Request) -> str:
        number = self.approved(request)
        self.run(number)
        give(self.office, number, self.people["runner"], custody=Custody("管理员", "园区"))
        receive(self.office, number, self.people["applicant"])
        return number

    def duty(self, evidence: Evidence) -> DutyStanding:
        """Return the newest duty of a kind of evidence."""
        return [each for each in duties(self.office) if each.duty.evidence is evidence][-1]

    def close(self, evidence: Evidence, by: str = "applicant", **facts: str) -> None:
        close_duty(self.office, self.duty(evidence).duty.number, self.people[by], facts=facts)

    def logged(self, verb: Verb) -> list[LogEntry]:
        with self.office.store.reading() as tx:
            return list(journal.search(tx, verb=verb))


def write_tables(folder: Path) -> None:
    """Write the two tables of the minimal catalogue: forty people of one age band in one county."""
    folder.mkdir(parents=True)
    people = [
        (
            f"P{n:03d}",
            f"35010219700101{n:03d}0",
            "林某",
            "男女"[n % 2],
            f"1970-{1 + n % 12:02d}-05",
            "福建省福州市鼓楼区东街1号",
        )
        for n in range(40)
    ]
    stays = [(f"A{n:03d}", f"P{n:03d}", "2025-05-0" + str(1 + n % 9), "E11.9", str(100 + n), "平稳") for n in range(40)]
    for name, head, rows in (
        ("patients", "PATIENT_ID,ID_NO,NAME,SEX,BIRTH,ADDRESS", people),
        ("admissions", "ADMISSION_NO,PATIENT_ID,ADMITTED,DIAGNOSIS,COST,NOTE", stays),
    ):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head.split(","), *rows])


def deliver_in(home: Path, request: Request) -> Path:
    """Make a home in which a request was delivered on 1 March 2026, and return it."""
    clock = Clock()
    office = init_home(home, SITE, clock=clock)
    shutil.copyfile(CATALOGUE, office.home.catalogues / "example_hospital.yaml")
    write_tables(home / "data" / "data")
    people = {}
    for name, (role, unit) in CAST.items():
        person = register(office, Identity(name, name, role.value, unit))
        people[name] = Actor(person, load_signing_key(office.home.people / f"{name}.pem"))
    Delivery(office, clock, people).delivered(request)
    office.store.close()
    return home


@contextmanager
def opened(prepared: Path, home: Path) -> Iterator[Delivery]:
    """Copy a prepared home and open the copy on the day of delivery."""
    shutil.copytree(prepared, home)
    clock = Clock()
    office = open_office(home, clock=clock)
    with office.store.reading() as tx:
        people = {
            name: Actor(office.person(tx, name), load_signing_key(office.home.people / f"{name}.pem")) for name in CAST
        }
    yield Delivery(office, clock, people)
    office.store.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deliver a request until 28 February 2027 once; tests work on copies."""
    return deliver_in(tmp_path_factory.mktemp("delivered") / "home", replace(REQUEST, until=UNTIL))


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Iterator[Delivery]:
    with opened(prepared, tmp_path / "home") as found:
        yield found


NUMBER = "RQ-2026-0001"


# --- opening ---------------------------------------------------------------------------------------------------------


def test_delivery_opens_the_duties_of_the_plan_with_day_unit_and_article(site: Delivery) -> None:
    found = duties(site.office)
    assert [(each.duty.evidence, each.duty.opened, each.duty.due) for each in found] == [
        (Evidence.REGISTRATION, FIRST_DAY, date(2026, 3, 8)),
        (Evidence.CUSTODIAN, FIRST_DAY, date(2026, 3, 8)),
        (Evidence.REPORT, FIRST_DAY, date(2026, 8, 28)),
    ]
    assert {each.duty.of for each in found} == {Debtor("示例大学", REQUEST.applicant.uscc, "applicant")}
    assert found[0].duty.cited == (Cited("fuzhou", "art_29_register", ART_29),)
    assert [each.duty.package for each in found] == ["PK-2026-0001"] * 3
    entries = site.logged(Verb.DUTY_OPEN)
    assert (entries[0].object, entries[0].request, entries[0].rule, entries[0].article) == (
        "DU-2026-0001", NUMBER, "fuzhou.art_29_register", ART_29,
    )  # fmt: skip
    assert len(entries) == 3


def test_a_sealed_package_that_nobody_signed_for_opens_nothing(site: Delivery) -> None:
    number = site.approved(replace(REQUEST, until=UNTIL, outputs="另一篇"))
    site.run(number)
    give(site.office, number, site.people["runner"], custody=Custody("管理员", "园区"))
    assert duties(site.office, request=number) == ()
    receive(site.office, number, site.people["applicant"])
    assert len(duties(site.office, request=number)) == 3
    assert len(duties(site.office, request=NUMBER)) == 3


CITED = (Cited("place", "rule", "第一条"),)


def asked(event: DutyEvent, within: int, every: int | None = None) -> AskedDuty:
    return AskedDuty("义务", Role.DATA_USER, event, within, every, Evidence.REPORT, CITED)


def days(term: UseTerm, today: date) -> list[tuple[date, date]]:
    return [(each.opened, each.due) for each in openings(term, (), today)]


TERM = UseTerm("RQ", "PK", Debtor("示例大学"), FIRST_DAY, UNTIL, ())


def test_a_recurring_duty_opens_anew_until_the_term_ends_however_late_somebody_looks() -> None:
    term = replace(TERM, duties=(asked(DutyEvent.DELIVERED, 30, 100),))
    assert days(term, FIRST_DAY) == [(FIRST_DAY, date(2026, 3, 31))]
    assert days(term, date(2026, 6, 8)) == days(term, FIRST_DAY)
    assert len(days(term, date(2026, 6, 9))) == 2
    assert [opened for opened, _ in days(term, date(2030, 1, 1))] == [
        FIRST_DAY, date(2026, 6, 9), date(2026, 9, 17), date(2026, 12, 26),
    ]  # fmt: skip


def test_a_renewal_opens_before_the_term_ends_and_is_due_on_its_last_day() -> None:
    term = replace(TERM, duties=(asked(DutyEvent.EXPIRING, 30),))
    assert days(term, date(2027, 1, 28)) == []
    assert days(term, date(2027, 1, 29)) == [(date(2027, 1, 29), UNTIL)]
    short = replace(term, delivered=date(2027, 2, 20))
    assert days(short, date(2027, 2, 20)) == [(date(2027, 2, 20), UNTIL)]


def test_a_destruction_opens_on_the_day_after_the_term_and_not_on_its_last_one() -> None:
    term = replace(TERM, duties=(asked(DutyEvent.EXPIRED, 7),))
    assert days(term, UNTIL) == []
    assert days(term, UNTIL + timedelta(days=1)) == [(date(2027, 3, 1), date(2027, 3, 7))]


def test_what_is_known_is_not_opened_again(site: Delivery) -> None:
    with site.office.store.reading() as tx:
        term = from_json(UseTerm, tx.get("term", NUMBER).body)
        known = [from_json(OwedDuty, each.body) for each in tx.find("duty")]
    assert len(openings(term, (), FIRST_DAY)) == 3
    assert openings(term, known, FIRST_DAY) == ()


def with_duty(site: Delivery, duty: AskedDuty) -> None:
    """Put a plan with one more duty in the place of the request's plan, as another regime would have it."""
    with site.office.store.transaction() as tx:
        plan = from_json(Plan, tx.get("plan", NUMBER).body)
        tx.put("plan", NUMBER, replace(plan, duties=(*plan.duties, duty)))


def test_an_incident_and_the_end_of_a_run_open_their_duties_once(site: Delivery) -> None:
    with_duty(site, replace(asked(DutyEvent.RUN_ENDED, 5), role=Role.TECHNICAL_SERVICE_UNIT))
    with site.office.store.transaction() as tx:
        assert open_incident_duty(site.office, tx, NUMBER, incident="IN-2026-0009") == ("DU-2026-0004",)
        assert open_incident_duty(site.office, tx, NUMBER, incident="IN-2026-0009") == ()
        assert open_at_run_end(site.office, tx, NUMBER, run="RN-2026-0001", package=None) == ("DU-2026-0005",)
        assert open_at_run_end(site.office, tx, NUMBER, run="RN-2026-0001", package=None) == ()
    notice, purge = duties(site.office)[3:]
    assert (notice.duty.cause, notice.duty.of.unit, notice.duty.due) == ("IN-2026-0009", "运营公司", date(2026, 3, 2))
    assert (purge.duty.of.unit, purge.duty.package) == ("技术服务中心", None)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.INTERRUPTED])
def test_a_run_that_ended_badly_opens_the_duties_of_its_end_too(site: Delivery, state: RunState) -> None:
    number = site.approved(replace(REQUEST, until=UNTIL, outputs="另一篇"))
    crew = Crew("destroyer", ("witness", "witness2"))
    order = order_run(site.office, number, site.people["runner"], crew=crew)
    purge = replace(asked(DutyEvent.RUN_ENDED, 5), role=Role.TECHNICAL_SERVICE_UNIT)
    with site.office.store.transaction() as tx:
        plan = from_json(Plan, tx.get("plan", number).body)
        tx.put("plan", number, replace(plan, duties=(*plan.duties, purge)))
    for _ in range(2):
        end_badly(site.office, order, state=state, reason="process died")
    (opened,) = [each.duty for each in duties(site.office) if each.duty.of.unit == "技术服务中心"]
    assert (opened.request, opened.cause, opened.package) == (number, order.number, None)


# --- what time brings ------------------------------------------------------------------------------------------------


def test_settling_twice_changes_nothing_and_writes_nothing(site: Delivery) -> None:
    for day in (FIRST_DAY, date(2026, 3, 7), date(2026, 3, 9), date(2027, 3, 20)):
        site.on(day)
        with site.office.store.reading() as tx:
            before = journal.head(tx, site.office.log_signer.verifier)
        assert not site.on(day)
        with site.office.store.reading() as tx:
            assert journal.head(tx, site.office.log_signer.verifier) == before


def test_a_duty_is_reminded_of_once_before_it_is_due(site: Delivery) -> None:
    assert not site.on(date(2026, 3, 5))
    assert site.on(date(2026, 3, 6)).reminded == ("DU-2026-0001", "DU-2026-0002")
    assert site.on(date(2026, 3, 7)).reminded == ()
    assert [each.reminded for each in duties(site.office)] == [True, True, False]
    assert [each.reason for each in site.logged(Verb.DUTY_OPEN)[3:]] == ["reminded, due 2026-03-08"] * 2


def test_the_last_day_is_in_time_and_the_day_after_is_a_breach(site: Delivery) -> None:
    assert site.on(date(2026, 3, 8)).breaches == ()
    assert duties(site.office, only_overdue=True) == ()
    done = site.on(date(2026, 3, 9))
    assert done.breaches == ("BR-2026-0001", "BR-2026-0002")
    late = duties(site.office, only_overdue=True)
    assert [(each.state.value, each.days_left) for each in late] == [("breached", -1), ("breached", -1)]
    assert [each.breach.ground for each in archive(site.office)] == ["DU-2026-0001", "DU-2026-0002"]
    assert [(each.object, each.article) for each in site.logged(Verb.BREACH_OPEN)] == [
        ("BR-2026-0001", ART_29), ("BR-2026-0002", ART_29),
    ]  # fmt: skip
    assert "逾期" in settled_text(done)


def test_a_duty_that_was_closed_in_time_is_no_breach(site: Delivery) -> None:
    site.close(Evidence.REGISTRATION, **REGISTERED)
    site.close(Evidence.CUSTODIAN, **KEEPER)
    assert site.on(date(2026, 3, 9)).breaches == ()


def test_the_term_ends_once_and_opens_the_destruction(site: Delivery) -> None:
    assert site.on(UNTIL).ended == ()
    done = site.on(date(2027, 3, 1))
    assert (done.ended, len(done.opened)) == ((NUMBER,), 1)
    assert site.duty(Evidence.DESTRUCTION).duty.due == date(2027, 3, 7)
    assert [(each.object, each.reason) for each in site.logged(Verb.EXPIRE)] == [("PK-2026-0001", "until 2027-02-28")]
    assert site.on(date(2027, 3, 2)).ended == ()


def test_a_duty_of_a_role_that_nobody_has_is_the_installations_own_and_enters_it(site: Delivery) -> None:
    with_duty(site, replace(asked(DutyEvent.INCIDENT, 3), role=Role.AUDITOR))
    with site.office.store.transaction() as tx:
        assert len(open_incident_duty(site.office, tx, NUMBER, incident="IN-2026-0009")) == 2
    site.on(date(2026, 3, 30))
    entered = [each.breach.of.unit for each in archive(site.office) if each.breach.ground == "DU-2026-0005"]
    assert entered == ["技术服务中心"]
    assert not site.on(date(2026, 3, 30))


# --- closing ---------------------------------------------------------------------------------------------------------


def test_a_duty_is_closed_with_its_evidence_under_signature(site: Delivery) -> None:
    site.close(Evidence.REGISTRATION, by="colleague", **REGISTERED)
    assert site.duty(Evidence.REGISTRATION).state.value == "closed"
    with site.office.store.reading() as tx:
        (signed,) = newest_signed(site.office, tx, kind=CLOSING, number="DU-2026-0001")
    assert (signed.person, signed.said) == ("colleague", "closed")
    (entry,) = site.logged(Verb.DUTY_CLOSE)
    assert (entry.object, entry.article, entry.reason) == ("DU-2026-0001", ART_29, "registration")
    with refused("closed already"):
        site.close(Evidence.REGISTRATION, **REGISTERED)


def test_an_overdue_duty_can_still_be_closed_and_the_log_says_that_it_was_late(site: Delivery) -> None:
    site.on(date(2026, 3, 20))
    site.close(Evidence.CUSTODIAN, **KEEPER)
    assert site.logged(Verb.DUTY_CLOSE)[-1].reason == "custodian, late"
    assert [each.duty.evidence for each in duties(site.office, only_overdue=True)] == [Evidence.REGISTRATION]


@pytest.mark.parametrize(
    ("by", "why"),
    [("operator", "needs role data_user"), ("stranger", "the duty is that of 示例大学"), ("inside", "needs role")],
)
def test_only_the_role_and_the_unit_that_owe_close(site: Delivery, by: str, why: str) -> None:
    with refused(why):
        site.close(Evidence.REGISTRATION, by=by, **REGISTERED)
    assert site.logged(Verb.DUTY_CLOSE)[-1].result.value == "failed"
    assert site.duty(Evidence.REGISTRATION).state.value == "open"


def test_only_the_persons_own_key_closes(site: Delivery) -> None:
    site.people["applicant"] = replace(site.people["applicant"], key=site.people["colleague"].key)
    with pytest.raises(ConfigurationError, match="not the one registered"):
        site.close(Evidence.REGISTRATION, **REGISTERED)


@pytest.mark.parametrize(
    ("evidence", "facts", "why"),
    [
        (Evidence.REGISTRATION, {}, "number=… day=…"),
        (Evidence.REGISTRATION, {"digest": FILE}, "number=… day=…"),
        (Evidence.REGISTRATION, {**REGISTERED, "number": " "}, "number=… day=…"),
        (Evidence.REGISTRATION, {**REGISTERED, "day": "2026-02-28"}, "before the duty"),
        (Evidence.REGISTRATION, {**REGISTERED, "day": "2026-03-02"}, "in the future"),
        (Evidence.REGISTRATION, {**REGISTERED, "day": "昨天"}, "no date"),
        (Evidence.CUSTODIAN, {"person": "管理员"}, "person=… place=…"),
        (Evidence.CUSTODIAN, {**KEEPER, "person": "stranger"}, "another unit"),
        (Evidence.CUSTODIAN, {**KEEPER, "person": "某人"}, "neither a registered person nor one of the people"),
        (Evidence.REPORT, {"day": "2026-03-01"}, "is: the path of the file itself"),
        (Evidence.REPORT, {"digest": "sha256:1"}, "no SHA-256"),
    ],
)
def test_evidence_that_does_not_fit_is_refused_with_the_article(
    site: Delivery, evidence: Evidence, facts: dict[str, str], why: str
) -> None:
    with pytest.raises(ApprovalError, match=why) as caught:
        site.close(evidence, **facts)
    assert "榕政综〔2017〕122号" in caught.value.en
    assert site.duty(evidence).state.value == "open"


def test_a_fact_that_holds_the_number_of_a_person_is_refused_and_not_repeated(site: Delivery) -> None:
    for facts in ({**KEEPER, "place": "电话 139-1234-5678"}, {**KEEPER, "person": "11010519491231002X"}):
        with pytest.raises(UsageError, match="number of a person") as caught:
            site.close(Evidence.CUSTODIAN, **facts)
        assert not any(said in str(caught.value.as_json()) for said in facts.values())
    site.close(Evidence.CUSTODIAN, **KEEPER)


def test_a_custodian_of_the_own_unit_and_one_report_for_each_time_close(site: Delivery) -> None:
    site.close(Evidence.CUSTODIAN, **{**KEEPER, "person": "colleague"})
    site.close(Evidence.REPORT, digest=FILE)
    site.on(date(2026, 8, 28))
    with refused("already closed DU-2026-0003"):
        site.close(Evidence.REPORT, digest=FILE)
    site.close(Evidence.REPORT, digest=OTHER_FILE)


def test_a_renewal_is_closed_by_a_request_that_renews_this_one_or_by_a_word(site: Delivery) -> None:
    site.close(Evidence.REGISTRATION, **REGISTERED)
    site.close(Evidence.CUSTODIAN, **KEEPER)
    site.close(Evidence.REPORT, digest=FILE)
    site.on(date(2027, 1, 29))
    site.close(Evidence.REPORT, digest=OTHER_FILE)
    other = submit(site.office, replace(REQUEST, until=date(2028, 1, 1)), site.people["applicant"])
    longer = replace(REQUEST, until=date(2028, 1, 1), renews=NUMBER)
    renewal = submit(site.office, longer, site.people["applicant"])
    for facts, why in (
        ({"request": other}, f"does not renew {NUMBER}"),
        ({"request": "RQ-2026-0099"}, "no request that"),
        ({"none": "no"}, "none=yes"),
        ({"none": "yes", "request": renewal}, "request=… | none=…"),
    ):
        with refused(why):
            site.close(Evidence.RENEWAL, **facts)
    site.close(Evidence.RENEWAL, request=renewal)
    assert site.duty(Evidence.RENEWAL).state.value == "closed"


def test_that_no_renewal_is_wanted_closes_too(site: Delivery) -> None:
    site.on(date(2027, 1, 29))
    site.close(Evidence.RENEWAL, none="yes")


def test_the_destruction_of_the_runs_leftovers_does_not_stand_for_that_of_the_data_users_copy(site: Delivery) -> None:
    for name in ("destroyer", "witness", "witness2"):
        sign_destruction(site.office, "DR-2026-0001", site.people[name])
    site.on(date(2027, 3, 2))
    with refused("DR-2026-0001 records another destruction"):
        site.close(Evidence.DESTRUCTION, record="DR-2026-0001")
    with refused("there is no destruction record DR-9"):
        site.close(Evidence.DESTRUCTION, record="DR-9")
    for day, why in (("2026-02-28", "before the duty"), ("2027-03-03", "in the future")):
        with refused(why):
            site.close(Evidence.DESTRUCTION, method="覆写并销毁介质", day=day, digest=FILE)
    site.close(Evidence.DESTRUCTION, method="覆写并销毁介质", day="2027-02-20", digest=FILE)
    assert site.duty(Evidence.DESTRUCTION).state.value == "closed"


def test_a_record_of_destruction_at_the_end_of_the_term_closes_once_everybody_signed(site: Delivery) -> None:
    site.on(date(2027, 3, 2))
    with site.office.store.transaction() as tx:
        (record,) = records_of(tx, NUMBER)
        tx.put("destruction", "DR-2027-0001", replace(record, number="DR-2027-0001", ground=Ground.TERM_OVER))
    with refused("not signed by all"):
        site.close(Evidence.DESTRUCTION, record="DR-2027-0001")
    for name in ("destroyer", "witness", "witness2"):
        sign_destruction(site.office, "DR-2027-0001", site.people[name])
    site.close(Evidence.DESTRUCTION, record="DR-2027-0001")


def test_a_notice_names_everybody_whom_the_incident_names(site: Delivery) -> None:
    with site.office.store.transaction() as tx:
        incident = open_incident(site.office, tx, IncidentCause.LEAK, thing="PK-2026-0001", found="1")
        body = tx.get("incident", incident).body
        tx.put("incident", incident, {**body, "recipients": ["市网信办", "市公安局"]})
        open_incident_duty(site.office, tx, NUMBER, incident=incident)
    with refused("not told: 市公安局"):
        site.close(Evidence.NOTICE, by="operator", told="市网信办", day="2026-03-01")
    site.close(Evidence.NOTICE, by="operator", told="市网信办、市公安局", day="2026-03-01")


# --- whose a duty is -------------------------------------------------------------------------------------------------


@pytest.fixture
def sichuan(tmp_path: Path) -> Iterator[ClauseSite]:
    opened_site = open_site(tmp_path / "sichuan", "sichuan")
    yield opened_site
    opened_site.office.store.close()


def follow_up(here: ClauseSite, number: str) -> Debtor:
    (found,) = [each.duty.of for each in duties(here.office, request=number) if each.duty.role is Role.PROVIDER]
    return found


def test_of_two_providers_the_one_that_assessed_owes_the_providers_duty(sichuan: ClauseSite) -> None:
    sichuan.person("provider", "另一医院")
    number = sichuan.delivered(asked=clause_request(regime="sichuan"))
    assert follow_up(sichuan, number) == Debtor("示例医院")


def test_of_two_providers_that_did_not_act_the_party_responsible_for_the_fields_owes_it_if_it_is_registered(
    sichuan: ClauseSite,
) -> None:
    for unit in ("另一医院", "信息科"):
        sichuan.person("provider", unit)
    number = sichuan.submit(clause_request(regime="sichuan"))
    with sichuan.office.store.reading() as tx:
        assert debtor_of(sichuan.office, tx, number, Role.PROVIDER) == Debtor("信息科")


def test_a_duty_that_nobody_can_be_named_for_is_the_installations_own_and_never_nobodys(sichuan: ClauseSite) -> None:
    number = sichuan.submit(clause_request(regime="sichuan"))
    with sichuan.office.store.reading() as tx:
        assert debtor_of(sichuan.office, tx, number, Role.PROVIDER) == Debtor(UNIT)
    for unit in ("另一医院", "又一医院"):
        sichuan.person("provider", unit)
    with sichuan.office.store.reading() as tx:
        assert debtor_of(sichuan.office, tx, number, Role.PROVIDER) == Debtor(UNIT)


def test_of_two_organs_the_one_that_approved_last_owes_the_authoritys_duty(sichuan: ClauseSite) -> None:
    number = sichuan.approved(clause_request(regime="sichuan"))
    sichuan.person("authority", "又一机关")
    with sichuan.office.store.reading() as tx:
        assert debtor_of(sichuan.office, tx, number, Role.AUTHORITY) == Debtor("四川省卫生健康委员会")
