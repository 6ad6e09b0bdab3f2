"""榕政综〔2017〕122号, clause by clause, by acts over a real store: filings, the archive, who decides, the agreement, consent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from building import catalogue, changed, request
from installation import Site

from extractor.catalogue import UseMode
from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.release import Release
from extractor.errors import ApprovalError, Refused
from extractor.log.entries import Verb
from extractor.policy_words import AgreementSubject
from extractor.requests import Request, State
from extractor.workflow.agreement_text import TITLES
from extractor.workflow.agreements import agreement_of, put_text
from extractor.workflow.consent_register import ConsentScope
from extractor.workflow.consents import consents_now, give, revoke
from extractor.workflow.downloads import download
from extractor.workflow.filings import FilingState, Need, add_filing, sign_filing
from extractor.workflow.integrity import archive, close_breach
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


# --- 第十一条: what is not in the catalogue is filed with both organs first ----------------------------------------------


@pytest.mark.clause("fuzhou", "art_11_catalogue")
@pytest.mark.clause("fuzhou", "art_11_urgent")
def test_fuzhou_11_an_urgent_need_is_filed_with_both_organs_and_checked_by_the_operator(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou", catalogue=catalogue(fields={"patients.SEX": {"use": (UseMode.QUERY,)}}))
    asked = request("patients.SEX", "patients.BIRTH", population="admissions.WARD = '1'")
    with pytest.raises(Refused) as no:
        here.submit(asked)
    assert "fuzhou.art_11_catalogue" in refused_for(no)
    need = Need("clauses", ("patients.SEX",), "疫情处置")
    filing = add_filing(here.office, here.person("provider"), need)
    urgent = changed(asked, urgent_filing=filing)
    for organ in ORGANS:
        with pytest.raises(Refused) as no:
            here.submit(urgent)
        assert refused_for(no) == {"fuzhou.art_11_catalogue": "第三十二条（一）"}
        state = sign_filing(here.office, filing, here.person("authority", organ))
    assert state is FilingState.ACKNOWLEDGED
    number = here.submit(urgent)
    assert here.approve(number, before="operator_urgent") is State.SUBMITTED
    assert here.approved(changed(asked, variables=asked.variables[1:]))
    cited = {step.id: step.cited.rule for step in here.plan(number).steps}
    assert cited.get("operator_urgent") == "art_11_urgent"
    assert [entry.rule for entry in here.logged(Verb.FILE) if entry.result.value == "ok"] == [
        "fuzhou.art_11_catalogue"
    ] * 3


# --- 第十六条: who broke what it owed gets nothing until the entry is closed ----------------------------------------------


@pytest.mark.clause("fuzhou", "art_16_integrity")
@pytest.mark.clause("fuzhou", "art_29_register")
def test_fuzhou_16_who_did_not_register_what_it_received_enters_the_archive_and_gets_nothing(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    here = site("fuzhou")
    number = here.delivered()
    here.clock.set_day(date(2026, 3, 8))
    assert settle(here.office).breaches == ()
    here.clock.set_day(date(2026, 3, 9))
    settle(here.office)
    entries = {c.rule: each for each in archive(here.office, only_open=True) for c in each.breach.cited}
    assert "art_29_register" in entries
    with pytest.raises(Refused) as no:
        here.submit(request())
    assert "fuzhou.art_16_integrity" in refused_for(no)
    with pytest.raises(Refused) as no:
        download(here.office, number, here.applicant, out=tmp_path / "package.zip")
    assert {"fuzhou.art_16_integrity", "fuzhou.art_29_register"} <= set(refused_for(no))
    for each in archive(here.office, only_open=True):
        close_breach(here.office, each.breach.number, here.person("authority"), reason="已整改")
    assert here.state(here.submit(request())) is State.SUBMITTED


# --- 第十八条: who decides on what is not open yet, and what the agreement holds -------------------------------------------


@pytest.mark.clause("fuzhou", "art_18_restricted")
def test_fuzhou_18_without_both_organs_nothing_that_is_not_open_yet_is_given(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    number = here.submit(request("admissions.INFECTION", population="patients.SEX = '1'"))
    here.approve(number, before="authority_digital")
    with pytest.raises(ApprovalError, match="signed by 福州市数字办"):
        here.sign(number, "authority_digital", here.person("authority", "福州市卫健委"))
    # The two organs sign in any order, and neither is enough.
    here.sign(number, "authority_health")
    with pytest.raises(ApprovalError, match="the decision is missing"):
        here.sign(number, "agreement_user")
    here.sign(number, "authority_digital")
    here.sign(number, "agreement_user")
    assert here.sign(number, "agreement_operator") is State.APPROVED


CLAUSES = {subject: f"第{place}条 {subject.value}" for place, subject in enumerate(AgreementSubject)}
TEXT = "\n".join(CLAUSES.values())


@pytest.mark.clause("fuzhou", "art_18_agreement")
@pytest.mark.parametrize("missing", ["scope", "data_products", "confidentiality", "security", "term"])
def test_fuzhou_18_an_agreement_without_one_of_its_subjects_is_refused(site: Callable[..., Site], missing: str) -> None:
    here = site("fuzhou")
    number = here.submit()
    less = {subject: clause for subject, clause in CLAUSES.items() if subject.value != missing}
    with pytest.raises(Refused) as no:
        put_text(here.office, number, here.applicant, text=TEXT, clauses=less)
    assert refused_for(no) == {"fuzhou.art_18_agreement": ""}
    assert put_text(here.office, number, here.applicant, text=TEXT, clauses=CLAUSES).own_text


@pytest.mark.clause("fuzhou", "art_17_use")
@pytest.mark.clause("fuzhou", "art_20_source")
@pytest.mark.clause("fuzhou", "art_29_security")
@pytest.mark.clause("fuzhou", "art_29_confidentiality")
@pytest.mark.clause("fuzhou", "art_29_term")
def test_fuzhou_29_what_the_user_must_keep_to_stands_in_the_signed_text_and_in_the_package(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    number = here.sealed()
    with here.office.store.reading() as tx:
        text = agreement_of(here.office, tx, number)[0].text
        printed = tx.find("package")[0].body["cover"]["permitted_use"]
    for subject, words, article in (
        ("scope", "不得超出申请和被授权的范围和目的使用和发布数据。", "第十七条"),
        ("data_products", "开发的数据产品应当注明所利用健康医疗大数据的来源和获取日期。", "第二十条"),
        ("security", "登记备案,指定专人,在可控环境下使用,期满销毁并反馈数据运营单位。", "第二十九条"),
        ("confidentiality", "数据使用单位对所使用的数据负保密责任。", "第二十九条"),
        ("term", "需延期的,在到期前重新申请。", "第二十九条"),
    ):
        chapter = text.partition(f"条 {TITLES[AgreementSubject(subject)]}\n")[2].partition("\n\n")[0]
        assert f"{words}〔榕政综〔2017〕122号 {article}〕" in chapter
        assert any(term.endswith(words) for term in printed)


# --- 第十九条: identifiable cases, person by person ------------------------------------------------------------------------


def names(here: Site, number: str, asked: Request) -> list[str]:
    """Return the names that a run would give of three persons, by the register as it stands now."""
    plan = here.plan(number)
    with here.office.store.reading() as tx:
        consents = consents_now(here.office, tx, asked, plan)
    rows = {"PATIENT_ID": ["P1", "P2", "P3"], "NAME": ["甲", "乙", "丙"], "SEX": ["1", "1", "1"]}
    found = Release(
        plan, lambda _, columns: pl.LazyFrame(rows).select(columns),
        ProjectKeys.derive(here.office.root_key.secret, "p"), consents=consents,
    )  # fmt: skip
    return sorted(name for table in found.plan.tables for name in found.given(table).collect()["NAME"])


@pytest.mark.clause("fuzhou", "art_19_register")
@pytest.mark.clause("fuzhou", "art_19_consent")
def test_fuzhou_19_only_cases_of_who_consented_to_this_use_are_given(site: Callable[..., Site]) -> None:
    here = site("fuzhou")
    asked = request(
        "patients.PATIENT_ID:pseudonym", "patients.NAME", population="patients.SEX = '1'", consent="written"
    )
    number, provider = here.submit(asked), here.person("provider")
    cited = {cited.rule for table in here.plan(number).tables for column in table.columns for cited in column.cited}
    assert "art_19_consent" in cited
    consent = here.plan(number).consent
    assert "art_19_register" in {cited.rule for cited in (consent.cited if consent else ())}
    year = ConsentScope(date(2026, 1, 1), date(2026, 12, 31))
    assert names(here, number, asked) == []
    give(here.office, "clauses", provider, identities=["P1", "P2"], scope=year)
    give(here.office, "clauses", provider, identities=["P3"], scope=replace(year, applicant="另一大学"))
    assert names(here, number, asked) == ["乙", "甲"]
    revoke(here.office, "clauses", provider, identities=["P2"])
    assert names(here, number, asked) == ["甲"]


# --- 第三十二条: under which number a refusal stands ------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "第三十二条（五）")
def test_fuzhou_32_whoever_wants_identifiers_as_they_are_is_refused_and_logged_under_the_number_for_privacy(
    site: Callable[..., Site],
) -> None:
    here = site("fuzhou")
    asked = request("patients.ID_NO", population="patients.SEX = '1'")
    needs = changed(asked, variables=tuple(replace(each, coarsest="raw") for each in asked.variables))
    with pytest.raises(Refused) as no:
        here.submit(needs)
    assert "第三十二条（五）" in refused_for(no).values()
    assert "violation fuzhou 第三十二条（五）" in (here.logged(Verb.REFUSE)[-1].reason or "")
    assert here.state(here.submit(asked)) is State.SUBMITTED
