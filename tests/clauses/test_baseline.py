"""policies/baseline.yaml but for its ceilings: what applies where no regime speaks, each rule from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from building import ON_OPEN_FIELDS, catalogue, changed, compiled, refusal, request, step_rules, steps, taken_out
from installation import Site

from extractor.catalogue import Catalogue
from extractor.deid.classes import PersonClasses, ReleaseTable, build_classes
from extractor.deid.gate import GateResult, RiskLimits, pass_gate
from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.release import Release
from extractor.errors import ApprovalError, Refused, RiskNotMet
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy_words import RetentionSubject
from extractor.requests import Request, Role, State
from extractor.workflow.consent_register import ConsentScope
from extractor.workflow.consents import consents_now, give, revoke
from extractor.workflow.delivery import package_of
from extractor.workflow.duties import DutyState, OwedDuty, duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.incidents import report_as_person
from extractor.workflow.retention import check_document_floor, check_floor

BEIJING = "110000"
DIGEST = "sha256:" + 64 * "1"


def wants(*asks: str, **changes: Any) -> Request:
    """Return a request of somebody in a place where no regime speaks."""
    there = {"division": BEIJING}
    asked: Request = changed(request(*asks, regime="baseline", applicant=there, safeguards=there), **changes)
    return asked


def elsewhere(site: Callable[..., Site]) -> Site:
    """Open an installation in a place for whose data no regime stands."""
    return site(division=BEIJING, catalogue=catalogue("baseline", division=BEIJING))


def planned(asked: Request) -> Plan:
    """Return the plan of a request under the baseline alone."""
    return compiled((), asked, catalogue("baseline", division=BEIJING))


def faults(asked: Request, source: Catalogue | None = None) -> list[tuple[str, str]]:
    """Return what the baseline alone refuses: each thing and the rule."""
    return [(each.thing, each.rule) for each in refusal((), asked, source or catalogue("baseline", division=BEIJING))]


def rules_of(no: pytest.ExceptionInfo[Refused]) -> set[str]:
    """Return the rules behind a refusal."""
    return {reason.rule for reason in no.value.reasons}


# --- chains ----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("baseline", "review")
@pytest.mark.parametrize("ask", ["admissions.COST", "admissions.INFECTION"])
def test_baseline_what_is_not_open_is_given_after_the_operators_review(site: Callable[..., Site], ask: str) -> None:
    asked = wants("patients.SEX", ask)
    assert (faults(asked), step_rules(planned(asked))) == ([], frozenset({"baseline.review"}))
    here = elsewhere(site)
    number = here.submit(asked)
    assert (here.state(number), steps(here.plan(number))) == (State.SUBMITTED, ("operator_review",))
    with pytest.raises(ApprovalError, match="needs role operator"):
        here.sign(number, "operator_review", here.person(Role.PROVIDER))
    assert here.sign(number, "operator_review") is State.APPROVED
    opened = planned(wants("admissions.WARD", population=ON_OPEN_FIELDS))
    assert "baseline.review" not in step_rules(opened)


@pytest.mark.clause("baseline", "open_release")
def test_baseline_somebody_answers_for_what_is_given_as_open(site: Callable[..., Site]) -> None:
    asked = wants("admissions.WARD", population=ON_OPEN_FIELDS)
    assert faults(asked) == []
    here = elsewhere(site)
    number = here.submit(asked)
    assert (steps(here.plan(number)), step_rules(here.plan(number))) == (
        ("operator_release",), frozenset({"baseline.open_release"}),
    )  # fmt: skip
    assert here.sign(number, "operator_release") is State.APPROVED
    assert "baseline.open_release" not in step_rules(planned(wants("patients.SEX")))


# --- requirements ----------------------------------------------------------------------------------------------------


@pytest.mark.clause("baseline", "not_passed_on")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_baseline_who_receives_data_does_not_pass_them_on(mode: str) -> None:
    asked = wants(mode=mode, safeguards={"passed_on": True})
    assert faults(asked) == [("safeguards.passed_on", "baseline.not_passed_on")]
    assert faults(changed(asked, safeguards={"passed_on": False})) == []
    assert faults(changed(asked, mode="public")) == []


@pytest.mark.clause("baseline", "ethics")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_baseline_research_on_persons_needs_an_ethics_approval(mode: str) -> None:
    asked = wants(mode=mode, ethics=None)
    assert [rule for _, rule in faults(asked)] == ["baseline.ethics"]
    assert faults(changed(asked, ethics="伦审〔2026〕第1号")) == []
    assert faults(changed(asked, purpose={"category": "teaching"})) == []
    assert faults(changed(asked, mode="public")) == []


@pytest.mark.clause("baseline", "mlps")
@pytest.mark.parametrize("ask", ["patients.PATIENT_ID:pseudonym", "admissions.COST"])
def test_baseline_health_data_of_persons_lie_in_a_system_of_the_third_grade(ask: str) -> None:
    asked = wants(ask, population=ON_OPEN_FIELDS, safeguards={"mlps": 2})
    assert faults(asked) == [("safeguards.mlps", "baseline.mlps")]
    assert faults(changed(asked, safeguards={"mlps": 3})) == []
    assert faults(wants("admissions.WARD", population=ON_OPEN_FIELDS, safeguards={"mlps": 2})) == []


# --- consent ---------------------------------------------------------------------------------------------------------

ASKS = ("patients.PATIENT_ID:pseudonym", "patients.NAME", "patients.SEX")
PERSONS = {"PATIENT_ID": ["P1", "P2", "P3"], "NAME": ["甲", "乙", "丙"], "SEX": ["1", "1", "1"]}
YEAR = ConsentScope(date(2026, 1, 1), date(2026, 12, 31))


def names(here: Site, number: str, asked: Request) -> set[str]:
    """Return the names that a run would give of three persons, by the register as it stands now."""
    plan = here.plan(number)
    with here.office.store.reading() as tx:
        consents = consents_now(here.office, tx, asked, plan)

    def opened(_: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        return pl.LazyFrame(PERSONS).select(columns)

    found = Release(plan, opened, ProjectKeys.derive(here.office.root_key.secret, "p"), consents=consents)
    return {name for table in found.plan.tables for name in found.given(table).collect()["NAME"]}


@pytest.mark.clause("baseline", "consent_register")
def test_baseline_who_takes_consent_back_is_left_out_of_the_next_run(site: Callable[..., Site]) -> None:
    here = elsewhere(site)
    asked = wants(*ASKS, population="patients.SEX = '1'", consent="written")
    number, provider = here.submit(asked), here.person(Role.PROVIDER)
    give(here.office, "clauses", provider, identities=["P1", "P2"], scope=YEAR)
    assert names(here, number, asked) == {"甲", "乙"}
    revoke(here.office, "clauses", provider, identities=["P2"])
    assert names(here, number, asked) == {"甲"}
    consent = here.plan(number).consent
    assert {f"{c.regime}.{c.rule}" for c in (consent.cited if consent else ())} == {"baseline.consent_register"}
    for other in ("none", "waiver"):
        assert planned(changed(asked, consent=other)).consent is None


# --- residency -------------------------------------------------------------------------------------------------------


@pytest.mark.clause("baseline", "in_country")
@pytest.mark.parametrize("division", ["710000", "810000", "820000"])
def test_baseline_sources_lie_in_the_country(division: str) -> None:
    known = catalogue("baseline")
    away = tuple(replace(table, location=replace(table.location, division=division)) for table in known.tables)
    found = faults(wants(), replace(known, tables=away))
    assert {rule for _, rule in found} == {"baseline.in_country"}
    assert faults(wants(), known) == []


@pytest.mark.clause("baseline", "in_country")
@pytest.mark.parametrize("division", ["710000", "810000", "820000"])
def test_baseline_installations_lie_in_the_country(site: Callable[..., Site], division: str) -> None:
    with pytest.raises(Refused) as no:
        site(division=division)
    assert rules_of(no) == {"baseline.in_country"}
    assert elsewhere(site).office.settings.division == BEIJING


@pytest.mark.clause("baseline", "not_abroad")
@pytest.mark.parametrize("place", [{"abroad": True}, {"division": "810000"}])
def test_baseline_nothing_goes_abroad_where_no_regime_has_a_chain_for_it(place: dict[str, Any]) -> None:
    assert faults(wants(safeguards=place)) == [("safeguards.division", "baseline.not_abroad")]
    assert faults(wants(safeguards={"abroad": False, "division": "350100"})) == []


# --- retention -------------------------------------------------------------------------------------------------------


@pytest.mark.clause("baseline", "network_logs")
def test_baseline_the_log_is_kept_for_six_months_to_the_day(site: Callable[..., Site]) -> None:
    here = elsewhere(site)

    def destroyed(on: date) -> None:
        here.clock.set_day(on)
        check_floor(here.office, (here.office.policies,), RetentionSubject.LOG, thing="log", since=date(2026, 3, 1))

    with pytest.raises(Refused) as no:
        destroyed(date(2026, 8, 31))
    assert rules_of(no) == {"baseline.network_logs"}
    destroyed(date(2026, 9, 1))


@pytest.mark.clause("baseline", "processing_records")
def test_baseline_records_of_processing_are_kept_for_three_years_to_the_day(site: Callable[..., Site]) -> None:
    here = elsewhere(site)
    number = here.delivered(asked=wants())
    with here.office.store.reading() as tx:
        run, sheet = package_of(tx, number)[0], tx.find("handover")[0].number
        for kind, name in (("run_record", run), ("handover", sheet)):
            here.clock.set_day(date(2029, 2, 28))
            with pytest.raises(Refused) as no:
                check_document_floor(here.office, tx, kind, name)
            assert rules_of(no) == {"baseline.processing_records"}
            here.clock.set_day(date(2029, 3, 1))
            check_document_floor(here.office, tx, kind, name)


# --- duties ----------------------------------------------------------------------------------------------------------


def owed(here: Site, number: str) -> list[tuple[OwedDuty, DutyState, bool]]:
    """Return the duties of a request that an incident opened: each, its state, and whether it is overdue."""
    found = duties(here.office, request=number)
    return [(each.duty, each.state, each.overdue) for each in found if each.duty.cause]


@pytest.mark.clause("baseline", "incident_notice")
def test_baseline_an_incident_obliges_the_operator_to_give_notice_within_a_day(site: Callable[..., Site]) -> None:
    here = elsewhere(site)
    number = here.delivered(asked=wants())
    assert owed(here, number) == []
    report_as_person(here.office, here.applicant, thing=number, text_digest=DIGEST)
    opened = [(d.role, d.due, {c.rule for c in d.cited}, late) for d, _, late in owed(here, number)]
    assert opened == [(Role.OPERATOR, date(2026, 3, 2), {"incident_notice"}, False)]
    here.clock.pass_days(2)
    assert [late for _, _, late in owed(here, number)] == [True]
    notice, facts = owed(here, number)[0][0].number, {"told": "主管部门、个人", "day": "2026-03-03"}
    with pytest.raises(ApprovalError, match="needs role operator"):
        close_duty(here.office, notice, here.person(Role.PROVIDER), facts=facts)
    close_duty(here.office, notice, here.person(Role.OPERATOR), facts=facts)
    assert [state for _, state, _ in owed(here, number)] == [DutyState.CLOSED]
    assert [entry.rule for entry in here.logged(Verb.DUTY_CLOSE)[-1:]] == ["baseline.incident_notice"]


# --- risk ------------------------------------------------------------------------------------------------------------


def persons(*sizes: int) -> PersonClasses:
    """Return classes of persons of these sizes."""
    wards = [str(ward) for ward, size in enumerate(sizes) for _ in range(size)]
    rows = pl.LazyFrame({"person": [f"p{n}" for n in range(len(wards))], "ward": wards})
    return build_classes([ReleaseTable("patients", rows, ("ward",), (), "person")])


@pytest.mark.parametrize(
    ("mode", "k"),
    [
        pytest.param("public", 20, marks=pytest.mark.clause("baseline", "risk_public")),
        pytest.param("controlled", 5, marks=pytest.mark.clause("baseline", "risk_controlled")),
        pytest.param("enclave", 3, marks=pytest.mark.clause("baseline", "risk_enclave")),
    ],
)
def test_baseline_a_release_passes_the_gate_of_its_mode(mode: str, k: int) -> None:
    risk = planned(wants(mode=mode)).risk
    limits = RiskLimits(risk.k, risk.l_diversity, risk.t_closeness, risk.threshold, risk.suppression_limit)

    def gate(*sizes: int) -> GateResult:
        return pass_gate(persons(*sizes), limits, risk.mode)

    assert ({c.rule for c in risk.cited}, risk.mode.value) == ({f"risk_{mode}"}, mode)
    assert (gate(k).after.k, gate(k, k).suppressed_share) == (k, 0)
    with pytest.raises(RiskNotMet, match=f"k = {k}"):
        gate(k - 1)
    # A tenth of the persons may be left out for it, and no more.
    assert gate(9 * (k - 1), k - 1).suppressed_share == 0.1
    with pytest.raises(RiskNotMet):
        gate(9 * (k - 1) - 1, k - 1)


# --- terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "subject", "says"),
    [
        pytest.param(
            "no_reidentification",
            "no_reidentification",
            "不得尝试重新识别任何个人",
            marks=pytest.mark.clause("baseline", "no_reidentification"),
        ),
        pytest.param(
            "within_purpose",
            "scope",
            "不得以任何形式提供给第三方",
            marks=pytest.mark.clause("baseline", "within_purpose"),
        ),
        pytest.param(
            "report_incidents",
            "security",
            "立即采取补救措施并通知数据运营方",
            marks=pytest.mark.clause("baseline", "report_incidents"),
        ),
        pytest.param(
            "delete_at_end", "term", "删除全部副本与中间数据", marks=pytest.mark.clause("baseline", "delete_at_end")
        ),
    ],
)
def test_baseline_what_the_recipient_is_bound_to_is_printed_into_the_package(
    site: Callable[..., Site], rule: str, subject: str, says: str
) -> None:
    here = elsewhere(site)
    number = here.sealed(here.approved(wants()))
    with here.office.store.reading() as tx:
        printed = tx.get("package", package_of(tx, number)[1]).body["cover"]["permitted_use"]
    assert [says in line for line in printed].count(True) == 1
    own = [t for t in here.plan(number).agreement.terms if (t.cited.regime, t.cited.rule) == ("baseline", rule)]
    assert [(says in t.zh, t.subject) for t in own] == [(True, subject)]
    with taken_out("baseline", rule):
        assert says not in "".join(planned(wants()).terms)
