"""Complaints with a real store and an injected clock: who deals with them, what is kept of them, and when they are late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from test_approval import Site, site

from extractor.canonical import digest_bytes
from extractor.errors import ApprovalError, UsageError
from extractor.forms.policy_form import load_policies
from extractor.log import journal
from extractor.log.entries import LogEntry, Verb
from extractor.requests import Role
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
from extractor.workflow.signed import newest_signed

__all__ = ["site"]
TEXT, FINDING, ANSWER = (digest_bytes(each) for each in (b"text", b"finding", b"answer"))
GIVEN = Given(ComplaintCategory.PRIVACY, TEXT, "示例大学", date(2026, 3, 1))
PHONE = "13912345678"


@pytest.fixture
def guiyang(site: Site) -> Site:
    site.office = replace(site.office, policies=load_policies(("guiyang",)))
    return site


def logged(site: Site) -> tuple[LogEntry, ...]:
    with site.office.store.reading() as tx:
        return journal.search(tx, verb=Verb.COMPLAIN)


def states(site: Site) -> list[ComplaintState]:
    return [each.state for each in complaints(site.office)]


def test_a_complaint_is_registered_handled_and_answered_in_this_order_each_signed(guiyang: Site) -> None:
    office, people = guiyang.office, guiyang.people
    number = add_complaint(office, people["operator"], GIVEN)
    assert number == "CP-2026-0001"
    with pytest.raises(ApprovalError, match="it is registered, and this needs handled"):
        answer_complaint(office, number, people["operator"], text=ANSWER)
    deal_with_complaint(office, number, people["health"], outcome=Outcome.UPHELD, text=FINDING)
    with pytest.raises(ApprovalError, match="it is handled, and this needs registered"):
        deal_with_complaint(office, number, people["health"], outcome=Outcome.UPHELD, text=FINDING)
    assert states(guiyang) == [ComplaintState.HANDLED]
    assert answer_complaint(office, number, people["operator2"], text=ANSWER) == ""
    assert states(guiyang) == [ComplaintState.ANSWERED]
    with office.store.reading() as tx:
        signed = [
            newest_signed(office, tx, kind=kind, number=number)[0]
            for kind in ("complaint", "complaint_finding", "complaint_answer")
        ]
        outcome = tx.get("complaint_finding", number).body["outcome"]
    assert [(word.said, word.person) for word in signed] == [
        ("registered", "operator"), ("handled", "health"), ("answered", "operator2"),
    ]  # fmt: skip
    assert outcome == "upheld"
    done = [entry.reason for entry in logged(guiyang) if entry.rule == "guiyang.art_7_complaint"]
    assert done == ["registered: privacy", "handled: privacy", "answered: privacy"]


def test_operator_or_authority_registers_and_nobody_else(guiyang: Site) -> None:
    with pytest.raises(ApprovalError, match="needs role operator, authority"):
        add_complaint(guiyang.office, guiyang.people["applicant"], GIVEN)
    assert add_complaint(guiyang.office, guiyang.people["health"], GIVEN)


def test_how_to_reach_the_complainant_is_in_no_log_entry_and_in_no_digest_of_one(guiyang: Site) -> None:
    office = guiyang.office
    number = add_complaint(office, guiyang.people["operator"], GIVEN, contact=PHONE)
    plain = add_complaint(office, guiyang.people["operator"], GIVEN)
    with office.store.reading() as tx:
        contact, own = tx.get("complaint_contact", number), tx.get("complaint", number)
        assert tx.versions("complaint_contact", plain) == ()
    digests = {entry.object_digest for entry in logged(guiyang)}
    assert own.digest in digests and contact.digest not in digests
    assert PHONE not in str(own.body) and PHONE not in str(logged(guiyang))
    deal_with_complaint(office, number, guiyang.people["operator"], outcome=Outcome.UNFOUNDED, text=FINDING)
    assert answer_complaint(office, number, guiyang.people["operator"], text=ANSWER) == PHONE
    assert PHONE not in str(logged(guiyang))


def test_a_complaint_is_overdue_after_its_last_day_in_china_and_says_by_which_rule(guiyang: Site) -> None:
    office, people = guiyang.office, guiyang.people
    number = add_complaint(office, people["operator"], GIVEN)
    (stands,) = complaints(office)
    assert (stands.complaint.register_by, stands.complaint.answer_by) == (date(2026, 3, 6), date(2026, 3, 31))
    guiyang.clock.now = datetime(2026, 3, 31, 15, 59, tzinfo=UTC)
    assert complaints(office, overdue=True) == ()
    guiyang.clock.now = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    (late,) = complaints(office, overdue=True)
    ((zh, en),) = late.late
    for words in (zh, en):
        assert "guiyang.art_7_complaint" in words and "第七条" in words and "第二十八条（一）" in words
    assert "answered by 2026-03-31" in en
    deal_with_complaint(office, number, people["operator"], outcome=Outcome.UPHELD, text=FINDING)
    answer_complaint(office, number, people["operator"], text=ANSWER)
    guiyang.clock.now = datetime(2026, 6, 1, tzinfo=UTC)
    assert [each.complaint.number for each in complaints(office, overdue=True)] == [number]


def test_one_that_was_answered_in_time_never_becomes_overdue(guiyang: Site) -> None:
    number = add_complaint(guiyang.office, guiyang.people["operator"], GIVEN)
    deal_with_complaint(guiyang.office, number, guiyang.people["operator"], outcome=Outcome.PASSED_ON, text=FINDING)
    answer_complaint(guiyang.office, number, guiyang.people["operator"], text=ANSWER)
    guiyang.clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    assert complaints(guiyang.office, overdue=True) == ()


def test_one_that_was_registered_late_is_shown_as_such_and_none_comes_from_the_future(guiyang: Site) -> None:
    early = replace(GIVEN, received=date(2026, 2, 23))
    add_complaint(guiyang.office, guiyang.people["operator"], early)
    ((_, en),) = complaints(guiyang.office, overdue=True)[0].late
    assert "registered by 2026-02-28" in en
    with pytest.raises(ApprovalError, match="lies in the future"):
        add_complaint(guiyang.office, guiyang.people["operator"], replace(GIVEN, received=date(2026, 3, 2)))


def test_where_no_rule_sets_days_a_complaint_is_registered_without_a_deadline(site: Site) -> None:
    add_complaint(site.office, site.people["operator"], GIVEN)
    site.clock.now = datetime(2030, 1, 1, tzinfo=UTC)
    (stands,) = complaints(site.office)
    assert (stands.complaint.answer_by, stands.late, stands.complaint.cited) == (None, (), ())


def test_nobody_deals_with_a_complaint_about_their_own_unit(site: Site) -> None:
    about = replace(GIVEN, about="运营公司")
    with pytest.raises(ApprovalError, match="about the person's own unit"):
        add_complaint(site.office, site.people["operator"], about)
    number = add_complaint(site.office, site.people["health"], about)
    with pytest.raises(ApprovalError, match="about the person's own unit"):
        deal_with_complaint(site.office, number, site.people["operator"], outcome=Outcome.UNFOUNDED, text=FINDING)
    with pytest.raises(ApprovalError, match="not said which request or unit"):
        add_complaint(site.office, site.people["health"], replace(GIVEN, about=" "))


@pytest.mark.parametrize("about", ["李明", "某医院", "11010519491231002X", "PK-2026-0001"])
def test_a_complaint_is_about_a_known_number_or_a_registered_unit_and_nothing_else_is_kept(
    site: Site, about: str
) -> None:
    with pytest.raises(UsageError, match="neither the number") as caught:
        add_complaint(site.office, site.people["health"], replace(GIVEN, about=about))
    assert about not in str(caught.value.as_json())
    assert complaints(site.office) == ()
    assert all(about.encode() not in each.read_bytes() for each in site.office.home.root.rglob("*") if each.is_file())


def test_nobody_deals_with_a_complaint_about_a_request_in_which_they_had_a_part(site: Site) -> None:
    request = site.submit()
    site.sign(request, "operator_review", "operator")
    about = replace(GIVEN, about=request)
    with pytest.raises(ApprovalError, match="in which they had a part"):
        add_complaint(site.office, site.people["operator"], about)
    with pytest.raises(ApprovalError, match="in which they had a part"):
        add_complaint(site.office, site.people["inside"], about)
    site.again("applicant", Role.OPERATOR, "运营公司")
    with pytest.raises(ApprovalError, match="in which they had a part"):
        add_complaint(site.office, site.people["applicant"], about)
    add_complaint(site.office, site.people["operator2"], about)
    assert logged(site)[-1].request == request
    with pytest.raises(ApprovalError, match="there is no such request"):
        add_complaint(site.office, site.people["operator2"], replace(GIVEN, about="RQ-2026-0099"))
