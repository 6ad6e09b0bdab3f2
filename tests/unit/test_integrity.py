"""The integrity archive: what enters it, whom it is about, what it stops, and who strikes an entry off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from test_approval import REQUEST, refused
from test_duties import ART_29, NUMBER, Delivery, prepared, site

from extractor.errors import ConfigurationError, Refused
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.workflow.approval import submit
from extractor.workflow.integrity import Debtor, archive, close_breach, enter_breach, open_breaches

__all__ = ["prepared", "site"]

LATE = date(2026, 3, 9)
CITED = (Cited("fuzhou", "art_29_register", ART_29),)
USCC = REQUEST.applicant.uscc


def breaches(site: Delivery, uscc: str, unit: str | None = None) -> tuple[str, ...]:
    with site.office.store.reading() as tx:
        return open_breaches(site.office, tx, uscc=uscc, unit=unit)


def test_an_overdue_duty_enters_unit_code_and_person_with_its_article(site: Delivery) -> None:
    site.on(LATE)
    first = archive(site.office)[0].breach
    assert first.of == Debtor("示例大学", USCC, "applicant")
    assert (first.ground, first.request, first.entered) == ("DU-2026-0001", NUMBER, LATE)
    assert first.cited == CITED


def test_open_entries_are_found_by_code_and_by_the_units_name(site: Delivery) -> None:
    site.on(LATE)
    both = ("BR-2026-0001", "BR-2026-0002")
    assert breaches(site, USCC) == both
    assert breaches(site, "another code") == ()
    assert breaches(site, "another code", "示例大学") == both
    assert breaches(site, "another code", "别的大学") == ()


def test_the_archive_is_asked_by_unit_code_or_person(site: Delivery) -> None:
    site.on(LATE)
    with site.office.store.transaction() as tx:
        enter_breach(site.office, tx, Debtor("运营公司", person="operator"), ground=("CP-2026-0001", CITED))
    for name, count in (
        ("示例大学", 2),
        (USCC, 2),
        ("applicant", 2),
        ("operator", 1),
        ("运营公司", 1),
        ("谁也不是", 0),
    ):
        assert len(archive(site.office, unit=name)) == count
    assert len(archive(site.office)) == 3


def test_an_open_entry_stops_a_new_request_until_it_is_closed(site: Delivery) -> None:
    site.on(LATE)
    another = replace(REQUEST, outputs="另一篇")
    with pytest.raises(Refused) as caught:
        submit(site.office, another, site.people["applicant"])
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.article) == ("fuzhou.art_16_integrity", "榕政综〔2017〕122号 第十六条")
    assert "BR-2026-0001" in reason.en
    elsewhere = replace(another, applicant=replace(another.applicant, uscc="91350100M000100Y43"))
    with pytest.raises(Refused):
        submit(site.office, elsewhere, site.people["applicant"])
    for number in ("BR-2026-0001", "BR-2026-0002"):
        close_breach(site.office, number, site.people["health"], reason="已补办")
    assert submit(site.office, another, site.people["applicant"]) == "RQ-2026-0002"


@pytest.mark.parametrize("by", ["health", "operator"])
def test_an_authority_or_another_units_operator_closes_under_signature_with_a_reason(site: Delivery, by: str) -> None:
    site.on(LATE)
    close_breach(site.office, "BR-2026-0001", site.people[by], reason="已补办登记")
    first, second = archive(site.office)
    assert first.closing is not None
    assert (first.state.value, first.closing.reason, first.closing.person) == ("closed", "已补办登记", by)
    assert second.state.value == "open"
    assert [each.breach.number for each in archive(site.office, only_open=True)] == ["BR-2026-0002"]
    (entry,) = site.logged(Verb.BREACH_CLOSE)
    assert (entry.object, entry.reason, entry.article, entry.request) == (
        "BR-2026-0001",
        "DU-2026-0001",
        ART_29,
        NUMBER,
    )


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("applicant", "needs role authority, operator"),
        ("runner", "needs role authority, operator"),
        ("inside", "nobody of the unit that the entry is about"),
    ],
)
def test_nobody_of_the_unit_itself_and_no_other_role_closes(site: Delivery, by: str, why: str) -> None:
    site.on(LATE)
    with refused(why):
        close_breach(site.office, "BR-2026-0001", site.people[by], reason="已补办")
    assert archive(site.office)[0].state.value == "open"
    assert site.logged(Verb.BREACH_CLOSE)[-1].result.value == "failed"


def test_an_entry_is_closed_once_with_a_reason_and_the_own_key(site: Delivery) -> None:
    site.on(LATE)
    health = site.people["health"]
    with refused("not said why"):
        close_breach(site.office, "BR-2026-0001", health, reason=" ")
    with refused("no such entry"):
        close_breach(site.office, "BR-2026-0009", health, reason="已补办")
    with pytest.raises(ConfigurationError, match="not the one registered"):
        close_breach(site.office, "BR-2026-0001", replace(health, key=site.people["operator"].key), reason="已补办")
    close_breach(site.office, "BR-2026-0001", health, reason="已补办")
    with refused("closed already"):
        close_breach(site.office, "BR-2026-0001", health, reason="已补办")
