"""Retention: what is kept how long by which rule, and that nothing is destroyed before its floor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import test_approval
from test_approval import Site

from extractor.errors import Refused, StorageError
from extractor.policy_words import RetentionSubject
from extractor.workflow.retention import Kept, check_document_floor, check_floor, kept, months_later

site = test_approval.site


def without_floors(site: Site) -> None:
    policies = site.office.policies
    bare = tuple(replace(policy, retention=()) for policy in policies.policies)
    site.office = replace(site.office, policies=replace(policies, policies=bare))


def listed(site: Site) -> dict[str, Kept]:
    with site.office.store.reading() as tx:
        return {f"{each.kind} {each.number}".strip(): each for each in kept(site.office, tx)}


@pytest.mark.parametrize(
    ("day", "months", "until"),
    [
        (date(2026, 3, 1), 36, date(2029, 3, 1)),
        (date(2024, 2, 29), 36, date(2027, 2, 28)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 1, 15), 0, date(2026, 1, 15)),
    ],
)
def test_months_are_counted_by_the_calendar(day: date, months: int, until: date) -> None:
    assert months_later(day, months) == until


def test_a_record_may_not_go_before_its_floor_and_may_on_the_day(site: Site) -> None:
    with site.office.store.transaction() as tx:
        tx.put("destruction", "DR-2026-0001", {"number": "DR-2026-0001"})
    until = listed(site)["destruction DR-2026-0001"].until
    assert until is not None and until == date(2029, 3, 1)

    def check() -> None:
        with site.office.store.reading() as tx:
            check_document_floor(site.office, tx, "destruction", "DR-2026-0001")

    site.clock.now = datetime(2029, 2, 28, 15, 59, tzinfo=UTC)
    with pytest.raises(Refused, match="kept until 2029-03-01") as refusal:
        check()
    assert all(reason.article and "." in reason.rule for reason in refusal.value.reasons)
    site.clock.now = datetime(2029, 2, 28, 16, 0, tzinfo=UTC)
    check()
    assert listed(site)["destruction DR-2026-0001"].may_go


def test_the_log_is_kept_for_the_longest_floor_and_names_its_rule(site: Site) -> None:
    log = listed(site)["log"]
    assert (log.since, log.until, log.may_go) == (date(2026, 3, 1), date(2029, 3, 1), False)
    assert "第二十七条" in log.cited[0].article
    subject = RetentionSubject.LOG
    with pytest.raises(Refused, match="第二十七条"):
        check_floor(site.office, (site.office.policies,), subject, thing="log", since=log.since)


def test_the_first_version_counts_and_not_a_signature_that_came_later(site: Site) -> None:
    with site.office.store.transaction() as tx:
        tx.put("handover", "HS-2026-0001", {"signatures": 1})
    site.clock.now = datetime(2027, 3, 1, tzinfo=UTC)
    with site.office.store.transaction() as tx:
        tx.put("handover", "HS-2026-0001", {"signatures": 2})
    assert listed(site)["handover HS-2026-0001"].since == date(2026, 3, 1)


def test_without_a_rule_there_is_no_floor(site: Site) -> None:
    with site.office.store.transaction() as tx:
        tx.put("destruction", "DR-2026-0001", {"number": "DR-2026-0001"})
    without_floors(site)
    found = listed(site)["destruction DR-2026-0001"]
    assert (found.until, found.may_go, found.cited) == (None, True, ())
    with site.office.store.reading() as tx:
        check_document_floor(site.office, tx, "destruction", "DR-2026-0001")
        with pytest.raises(StorageError):
            check_document_floor(site.office, tx, "destruction", "DR-2026-0099")


def test_the_policies_of_the_submission_still_bind_where_the_installation_has_dropped_them(site: Site) -> None:
    number = site.submit()
    with site.office.store.transaction() as tx:
        tx.put("destruction", "DR-2026-0001", {"chain": {"request": number}})
    without_floors(site)
    with site.office.store.reading() as tx, pytest.raises(Refused, match="kept until 2029-03-01"):
        check_document_floor(site.office, tx, "destruction", "DR-2026-0001")
