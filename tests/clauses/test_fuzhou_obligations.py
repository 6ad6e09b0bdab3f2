"""榕政综〔2017〕122号, clause by clause: what stands over all requests, what plans cite, and what is owed after a delivery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from building import (
    catalogue,
    compiled,
    policies,
    refused,
    request,
)
from installation import Site

from extractor.errors import Refused
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.policy_words import (
    AgreementSubject,
    Evidence,
    IncidentCause,
    PracticeKind,
    PushSubject,
    RetentionSubject,
)
from extractor.workflow.downloads import download
from extractor.workflow.duties import duties
from extractor.workflow.settling import settle


@pytest.mark.clause("fuzhou", "art_17_use")
def test_fuzhou_17_the_agreement_keeps_use_within_scope_and_purpose() -> None:
    assert AgreementSubject.SCOPE in terms_of("fuzhou").get("art_17_use", ())
    assert "art_17_use" not in terms_of()


@pytest.mark.clause("fuzhou", "art_20_source")
@pytest.mark.clause("fuzhou", "art_29_security")
@pytest.mark.clause("fuzhou", "art_29_confidentiality")
@pytest.mark.clause("fuzhou", "art_29_term")
def test_fuzhou_29_the_agreement_holds_products_security_confidentiality_and_term() -> None:
    terms = terms_of("fuzhou")
    assert AgreementSubject.DATA_PRODUCTS in terms.get("art_20_source", ())
    assert AgreementSubject.SECURITY in terms.get("art_29_security", ())
    assert AgreementSubject.CONFIDENTIALITY in terms.get("art_29_confidentiality", ())
    assert AgreementSubject.TERM in terms.get("art_29_term", ())


def terms_of(*regimes: str) -> dict[str, tuple[AgreementSubject | None, ...]]:
    """Return the terms of Fuzhou in the usual plan under these regimes: rule and subject."""
    plan = compiled(regimes, request(), catalogue())
    return {
        t.cited.rule: (t.subject,) for t in plan.agreement.terms if t.cited.regime == "fuzhou" and t.zh in plan.terms
    }


# --- what stands over all requests -----------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_11_catalogue")
def test_fuzhou_11_a_filing_goes_to_both_organs_first() -> None:
    filing = policies("fuzhou").filing()
    assert filing is not None
    assert set(filing.organs) == {"福州市数字办", "福州市卫健委"}
    assert Cited("fuzhou", "art_11_catalogue", "榕政综〔2017〕122号 第十一条") in filing.cited
    assert policies().filing() is None


@pytest.mark.clause("fuzhou", "art_27_log")
@pytest.mark.clause("fuzhou", "art_23_records")
def test_fuzhou_27_logs_and_records_are_kept_for_three_years() -> None:
    for subject, rule in ((RetentionSubject.LOG, "art_27_log"), (RetentionSubject.RECORDS, "art_23_records")):
        kept = policies("fuzhou").retention(subject)
        assert kept is not None
        assert kept.months == 36
        assert ("fuzhou", rule) in {(cited.regime, cited.rule) for cited in kept.cited}
    alone = policies().retention(RetentionSubject.LOG)
    assert alone is not None
    assert alone.months == 6


@pytest.mark.clause("fuzhou", "art_27_emergency")
@pytest.mark.parametrize("cause", list(IncidentCause))
def test_fuzhou_27_an_emergency_is_told_to_the_operator_and_both_organs(cause: IncidentCause) -> None:
    told = policies("fuzhou").incident(cause)
    assert told is not None
    assert {"数据运营单位", "福州市数字办", "福州市卫健委"} <= set(told.recipients)
    assert policies().incident(cause) is None


@pytest.mark.clause("fuzhou", "art_27_push_operator")
@pytest.mark.clause("fuzhou", "art_27_push_provider")
def test_fuzhou_27_the_log_is_pushed_to_operator_and_provider_as_needed() -> None:
    pushed = {(each.to, each.every_days) for each in policies("fuzhou").pushes(PushSubject.LOG)}
    assert pushed == {("数据运营单位", None), ("数据生产应用单位", None)}
    assert policies("fuzhou").pushes(PushSubject.INCIDENT) == ()


@pytest.mark.clause("fuzhou", "art_31_report")
def test_fuzhou_31_a_report_is_due_to_the_government_every_year() -> None:
    assert [(report.to, report.every_days) for report in policies("fuzhou").reports()] == [("福州市人民政府", 365)]
    assert policies().reports() == ()


# --- 第二十三条: the plan is minimal; the other practices stand in test_fuzhou_practices.py ---------------------------------------


@pytest.mark.clause("fuzhou", "art_23_minimal")
def test_fuzhou_23_the_plan_is_minimal_and_what_no_use_needs_is_refused_under_the_article() -> None:
    assert "fuzhou.art_23_minimal" in practised(PracticeKind.MINIMAL_PLAN)
    twice = request("patients.SEX", "patients.SEX")
    assert "fuzhou.art_23_minimal" in refused("fuzhou", twice)
    assert not refused("fuzhou", request("patients.SEX"))


def practised(kind: PracticeKind) -> set[str]:
    """Return the rules for which the plan of the usual request names a practice."""
    plan = compiled("fuzhou", request())
    return {f"{c.regime}.{c.rule}" for each in plan.practices if each.practice is kind for c in each.cited}


# --- 第二十条、第二十九条: what the data user owes ---------------------------------------------------------------------


def owed(site: Site, number: str) -> dict[str, tuple[Evidence, date, date]]:
    """Return the duties of a request by the Fuzhou rule behind them: with what they are closed, opened when, due when."""
    return {
        cited.rule: (each.duty.evidence, each.duty.opened, each.duty.due)
        for each in duties(site.office, request=number)
        for cited in each.duty.cited
        if cited.regime == "fuzhou"
    }


@pytest.mark.clause("fuzhou", "art_29_register")
@pytest.mark.clause("fuzhou", "art_29_custodian")
@pytest.mark.clause("fuzhou", "art_20_report")
def test_fuzhou_29_registration_and_custodian_are_due_after_a_week_and_the_report_after_half_a_year(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    number = here.sealed()
    here.give(number)
    assert owed(here, number) == {}
    here.receive(number)
    first = date(2026, 3, 1)
    assert owed(here, number) == {
        "art_29_register": (Evidence.REGISTRATION, first, date(2026, 3, 8)),
        "art_29_custodian": (Evidence.CUSTODIAN, first, date(2026, 3, 8)),
        "art_20_report": (Evidence.REPORT, first, date(2026, 8, 28)),
    }
    here.clock.set_day(date(2026, 8, 28))
    settle(here.office)
    assert owed(here, number)["art_20_report"][1:] == (date(2026, 8, 28), date(2027, 2, 24))


@pytest.mark.clause("fuzhou", "art_29_renewal")
@pytest.mark.clause("fuzhou", "art_29_destroy")
def test_fuzhou_29_renewal_is_asked_for_before_the_term_ends_and_destruction_after(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    until = date(2026, 6, 30)
    number = here.delivered(asked=request(until=until))
    assert not {"art_29_renewal", "art_29_destroy"} & set(owed(here, number))
    here.clock.set_day(date(2026, 6, 1))
    settle(here.office)
    assert owed(here, number).get("art_29_renewal", (None,))[0] is Evidence.RENEWAL
    assert "art_29_destroy" not in owed(here, number)
    here.clock.set_day(date(2026, 7, 1))
    settle(here.office)
    assert owed(here, number).get("art_29_destroy") == (Evidence.DESTRUCTION, date(2026, 7, 1), date(2026, 7, 7))


@pytest.mark.clause("fuzhou", "art_29_renewal")
def test_fuzhou_29_nothing_is_downloaded_after_the_term(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("fuzhou")
    number = here.delivered(asked=request(until=date(2026, 3, 5)))
    assert download(here.office, number, here.applicant, out=tmp_path / "in_time.zip").request == number
    here.clock.set_day(date(2026, 3, 6))
    with pytest.raises(Refused) as late:
        download(here.office, number, here.applicant, out=tmp_path / "late.zip")
    assert "fuzhou.art_29_renewal" in {reason.rule for reason in late.value.reasons}


@pytest.mark.clause("fuzhou", "art_27_acts")
def test_fuzhou_27_a_download_is_logged_under_the_article(site: Callable[..., Site], tmp_path: Path) -> None:
    here = site("fuzhou")
    number = here.delivered()
    assert here.logged(Verb.DOWNLOAD) == ()
    download(here.office, number, here.applicant, out=tmp_path / "package.zip")
    assert [(each.request, each.rule) for each in here.logged(Verb.DOWNLOAD)] == [(number, "fuzhou.art_27_acts")]
