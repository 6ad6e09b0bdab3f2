"""四川省健康医疗大数据应用管理办法（试行，征求意见稿） art. 17, 21, 30, 34: whose rows a run gives, and who may run for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from building import compiled, request
from installation import APPROVE, Site
from three_persons import ASKS, YEAR, names, released

from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.requests import Request, Result, Role, State
from extractor.workflow.consents import give, revoke, settle_sifted
from extractor.workflow.downloads import download
from extractor.workflow.grants import revoke_grant
from extractor.workflow.integrity import Debtor, close_breach, enter_breach


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of a university in Sichuan."""
    return request(*asks, regime="sichuan", **changes)


def rules_of(no: pytest.ExceptionInfo[Refused]) -> set[str]:
    """Return the rules behind a refusal."""
    return {reason.rule for reason in no.value.reasons}


# --- 第三十条: written authorisation, person by person ----------------------------------------------------------------


@pytest.mark.clause("sichuan", "art_30_register")
def test_sichuan_30_only_rows_of_who_authorised_this_use_in_writing_are_given(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    asked = wants(*ASKS, population="patients.SEX = '1'", consent="written")
    number, provider = here.submit(asked), here.person(Role.PROVIDER)
    consent = here.plan(number).consent
    assert "sichuan.art_30_register" in {f"{c.regime}.{c.rule}" for c in (consent.cited if consent else ())}
    assert names(here, number, asked) == set()
    for scope, persons in (
        (YEAR, ["P1", "P2"]),
        (replace(YEAR, applicant="另一大学"), ["P3"]),
        (replace(YEAR, fields=("patients.PHONE",)), ["P3"]),
    ):
        give(here.office, "clauses", provider, identities=persons, scope=scope)
    assert names(here, number, asked) == {"甲", "乙"}
    revoke(here.office, "clauses", provider, identities=["P2"])
    assert names(here, number, asked) == {"甲"}
    here.clock.set_day(date(2027, 1, 1))
    assert names(here, number, asked) == set()


@pytest.mark.clause("sichuan", "art_30_register")
def test_sichuan_30_where_nobody_authorised_it_the_run_is_refused_under_the_article(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    asked = wants(*ASKS, population="patients.SEX = '1'", consent="written")
    number = here.approved(asked)
    here.grant()
    order = here.order(number)
    with pytest.raises(Refused) as no:
        settle_sifted(here.office, order, here.plan(number), released(here, number, asked).sifted)
    assert "sichuan.art_30_register" in rules_of(no)
    give(here.office, "clauses", here.person(Role.PROVIDER), identities=["P1"], scope=YEAR)
    settle_sifted(here.office, order, here.plan(number), released(here, number, asked).sifted)
    counts = [(entry.rule or "", entry.reason) for entry in here.logged(Verb.COMPARE)]
    assert [reason for _, reason in counts] == [
        f"{order.number} persons=0 persons_without_consent=3", f"{order.number} persons=1 persons_without_consent=2",
    ]  # fmt: skip
    assert all("sichuan.art_30_register" in rule for rule, _ in counts)


@pytest.mark.clause("sichuan", "art_30_register")
def test_sichuan_30_the_register_is_asked_only_where_a_request_stands_on_authorisation() -> None:
    for consent, asked in (("written", True), ("waiver", False), ("none", False)):
        found = compiled("sichuan", wants(*ASKS, consent=consent)).consent
        assert (found is not None and "art_30_register" in {cited.rule for cited in found.cited}) is asked


# --- 第二十一条、第三十四条: service providers ------------------------------------------------------------------------


def not_ordered(here: Site, number: str) -> set[str]:
    """Return the rules for which a run is not ordered."""
    with pytest.raises(Refused) as no:
        here.order(number)
    return rules_of(no)


@pytest.mark.clause("sichuan", "art_21_reported")
def test_sichuan_21_a_service_provider_that_was_not_reported_runs_nothing(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.approved(wants())
    assert "sichuan.art_21_reported" in not_ordered(here, number)
    here.grant(reported=None)
    assert "sichuan.art_21_reported" in not_ordered(here, number)
    here.grant()
    assert here.order(number).request == number


@pytest.mark.clause("sichuan", "art_34_terms")
@pytest.mark.parametrize("part", ["security_terms", "confidentiality"])
def test_sichuan_34_without_security_terms_and_confidentiality_nothing_runs(
    site: Callable[..., Site], part: str
) -> None:
    here = site("sichuan")
    number = here.approved(wants())
    here.grant(**{part: None})
    assert "sichuan.art_34_terms" in not_ordered(here, number)
    here.grant()
    assert here.order(number).request == number


@pytest.mark.clause("sichuan", "art_21_reported")
@pytest.mark.clause("sichuan", "art_34_terms")
def test_sichuan_34_what_was_granted_counts_only_while_it_is_in_force(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number, both = here.approved(wants()), {"sichuan.art_21_reported", "sichuan.art_34_terms"}
    here.grant(first=here.office.today + timedelta(days=1))
    assert not_ordered(here, number) == both
    given = here.grant()
    revoke_grant(here.office, given, here.person(Role.AUTHORITY, "四川省卫生健康委员会"))
    assert not_ordered(here, number) == both
    here.grant()
    assert here.order(number).request == number


# --- 第十七条: integrity ---------------------------------------------------------------------------------------------


def breach(here: Site) -> str:
    """Enter the usual applicant into the archive; return the entry's number."""
    applicant = wants().applicant
    with here.office.store.transaction() as tx:
        return enter_breach(here.office, tx, Debtor(applicant.name, applicant.uscc), ground=("DU-2026-0009", ()))


@pytest.mark.clause("sichuan", "art_17_integrity")
def test_sichuan_17_an_open_breach_stops_application_approval_and_run_until_it_is_struck_off(
    site: Callable[..., Site],
) -> None:
    here = site("sichuan")
    approved, waiting = here.approved(wants()), here.submit(wants())
    here.grant()
    number = breach(here)
    for act in (
        lambda: here.submit(wants()),
        lambda: here.sign(waiting, "operator_review"),
        lambda: here.order(approved),
    ):
        with pytest.raises(Refused) as no:
            act()
        assert rules_of(no) == {"sichuan.art_17_integrity"}
    other = wants(applicant={"name": "另一大学", "uscc": "12510100MB00000000"})
    assert here.submit(other)
    with pytest.raises(ApprovalError, match="nobody of the unit"):
        close_breach(here.office, number, here.person("operator", wants().applicant.name), reason="自行整改")
    close_breach(here.office, number, here.person("authority"), reason="已整改")
    assert here.submit(wants())
    assert here.sign(waiting, "operator_review") is State.SUBMITTED
    assert here.order(approved).request == approved


@pytest.mark.clause("sichuan", "art_17_integrity")
def test_sichuan_17_an_open_breach_stops_downloads_and_leaves_refusing_possible(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("sichuan")
    number, waiting = here.delivered(asked=wants()), here.submit(wants())
    assert download(here.office, number, here.applicant, out=tmp_path / "before.zip").request == number
    entry = breach(here)
    with pytest.raises(Refused) as no:
        download(here.office, number, here.applicant, out=tmp_path / "meanwhile.zip")
    assert rules_of(no) == {"sichuan.art_17_integrity"}
    assert not (tmp_path / "meanwhile.zip").exists()
    refusing = replace(APPROVE, result=Result.REFUSE, reason="有未销去的诚信记录")
    assert here.sign(waiting, "operator_review", verdict=refusing) is State.REFUSED
    close_breach(here.office, entry, here.person("authority"), reason="已整改")
    assert download(here.office, number, here.applicant, out=tmp_path / "after.zip").request == number
