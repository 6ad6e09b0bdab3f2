"""Under what a request stands: the regimes of its places join those of the settings, and a submission keeps what it was under."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from test_approval import REQUEST, RESTRICTED, Site, refused, site
from test_history import decided

from extractor.canonical import digest
from extractor.errors import Refused, StorageError
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited, Policy
from extractor.policy_rules import Residency, Rule
from extractor.policy_set import PolicySet
from extractor.policy_words import History, Place, Side, Status
from extractor.requests import Request, Result, State
from extractor.workflow.approval import Verdict, current_plan, judged
from extractor.workflow.integrity import Debtor, enter_breach
from extractor.workflow.standing import circumstances_of, policies_for_request, policies_of, submitted_catalogue
from extractor.workflow.supervision import Crew, order_run

__all__ = ["site"]  # the fixture
APPLICANT = REQUEST.applicant
ELSEWHERE = replace(REQUEST, applicant=replace(APPLICANT, division="520100"))


def place(regime: str, division: str, *, status: Status = Status.IN_FORCE, **parts: object) -> Policy:
    begun = None if status is Status.DRAFT else date(2020, 1, 1)
    return replace(Policy(regime, regime, f"{regime}号", "机关", status, begun, division), **parts)  # type: ignore[arg-type]


def with_policies(site: Site, *delivered: Policy) -> None:
    site.office = replace(site.office, delivered=delivered)


def reasons(site: Site, request: Request = REQUEST) -> set[tuple[str, str]]:
    with pytest.raises(Refused) as refusal:
        site.submit(request)
    return {(reason.thing, reason.rule) for reason in refusal.value.reasons}


def plan_now(site: Site, number: str) -> Plan:
    with site.office.store.reading() as tx:
        return current_plan(site.office, tx, number)


def breach(site: Site) -> str:
    with site.office.store.transaction() as tx:
        debtor = Debtor(APPLICANT.name, APPLICANT.uscc)
        return enter_breach(
            site.office, tx, debtor, ground=("DU-2026-0001", (Cited("fuzhou", "art_29", "第二十九条"),))
        )


# --- which apply -----------------------------------------------------------------------------------------------------


def test_the_delivered_regimes_of_this_software_are_read_and_the_settings_come_last(site: Site) -> None:
    assert {policy.regime for policy in site.office.delivered} >= {
        "fuzhou",
        "guiyang",
        "chongqing",
        "shandong",
        "sichuan",
    }
    catalogue = site.office.read_catalogue("example_hospital")
    names = [policy.regime for policy in policies_for_request(site.office, REQUEST, catalogue).policies]
    assert names == ["baseline", "fuzhou"]
    found = policies_for_request(site.office, ELSEWHERE, catalogue)
    assert [policy.regime for policy in found.policies] == ["baseline", "guiyang", "fuzhou"]
    assert found.sides == (("guiyang", (Side.RECIPIENT,)),)


def test_the_regime_of_where_the_data_are_kept_applies_as_that_of_the_applicant_does(site: Site) -> None:
    kept = replace(REQUEST, safeguards=replace(REQUEST.safeguards, division="520115"))
    catalogue = site.office.read_catalogue("example_hospital")
    assert "guiyang" in [p.regime for p in policies_for_request(site.office, kept, catalogue).policies]


def test_an_installation_outside_the_area_of_the_datas_regime_is_refused_with_all_other_reasons(site: Site) -> None:
    rule = Rule("only_here", "第二十二条", "…")
    near = Residency(rule, ("350102",), of=(Place.INSTALLATION,))
    with_policies(site, place("near", "350000", residency=(near,)))
    worst = replace(REQUEST, ethics=None)
    assert ("settings.division", "near.only_here") in reasons(site)
    assert len(reasons(site, worst)) > 1
    assert ("settings.division", "near.only_here") in reasons(site, worst)
    with_policies(site, place("near", "350000", residency=(replace(near, within=("3501",)),)))
    assert site.submit()


# --- what a submission keeps -----------------------------------------------------------------------------------------


def test_a_submission_keeps_policies_catalogue_and_circumstances_by_digest(site: Site) -> None:
    with_policies(site, place("near", "350000"), place("far", "520000"))
    number = site.submit(ELSEWHERE)
    compiled = judged(site.office, ELSEWHERE)
    with_policies(site, place("near", "350000", zh="改过的"))
    path = site.office.home.catalogues / "example_hospital.yaml"
    path.write_text(path.read_text("utf-8").replace("name: 性别", "name: 生理性别"), "utf-8")
    with site.office.store.reading() as tx:
        kept = policies_of(site.office, tx, number)
        assert kept == compiled.policies
        assert [policy.zh for policy in kept.policies if policy.regime == "near"] == ["near"]
        assert kept.sides == (("far", (Side.RECIPIENT,)), ("near", (Side.DATA, Side.RECIPIENT)))
        assert digest(submitted_catalogue(tx, number)) == digest(compiled.catalogue)
        assert circumstances_of(site.office, tx, number) == compiled.facts
        with pytest.raises(StorageError, match="no such document"):
            policies_of(site.office, tx, "RQ-2026-0099")
    assert len(site.logged(Verb.SUBMIT)) == 1


def test_each_version_of_a_policy_is_stored_once(site: Site) -> None:
    for _ in range(2):
        site.submit()
    with site.office.store.reading() as tx:
        assert len(tx.versions("policy", "fuzhou")) == len(tx.versions("catalogue", "example_hospital")) == 1


def test_a_policy_that_is_changed_or_added_voids_what_was_decided(site: Site) -> None:
    number = site.submit()
    assert plan_now(site, number)
    with_policies(site, place("near", "350000"))
    with refused("all decisions are void"):
        plan_now(site, number)
    with_policies(site)
    assert plan_now(site, number)


def test_what_was_derived_at_submission_is_used_by_every_later_compilation(site: Site) -> None:
    number = site.submit()
    other = replace(REQUEST, applicant=replace(APPLICANT, name="别的大学", uscc="12350200MB0000001X"))
    with site.office.store.transaction() as tx:
        tx.put("request", "RQ-2025-0001", other)
        tx.move("request", "RQ-2025-0001", was=None, to=State.CLOSED.value)
    decided(site, number="RQ-2025-0001")
    assert judged(site.office, REQUEST).facts.history is History.PRECEDENT
    assert plan_now(site, number).circumstances.history is History.FIRST
    with site.office.store.reading() as tx:
        assert circumstances_of(site.office, tx, number).history is History.FIRST


# --- gates -----------------------------------------------------------------------------------------------------------


def test_a_policy_outside_its_term_refuses_at_submission_signature_and_run(site: Site) -> None:
    baseline, fuzhou = site.office.policies.policies
    ends = PolicySet((baseline, replace(fuzhou, until=date(2026, 3, 1))))
    site.office = replace(site.office, policies=ends)
    number = site.submit()
    approved = site.approved()
    site.clock.now = datetime(2026, 3, 1, 16, tzinfo=UTC)  # the next day in China
    assert reasons(site) == {("fuzhou", "fuzhou.status")}
    with pytest.raises(Refused, match="not in force on this day"):
        site.sign(number, "operator_review", "operator")
    with pytest.raises(Refused, match="not in force on this day"):
        order_run(site.office, approved, site.people["operator"], crew=Crew())
    assert [(result, thing) for result, thing, _ in site.logged(Verb.REFUSE)] == [
        ("refused", REQUEST.project.code), ("refused", number), ("refused", approved),
    ]  # fmt: skip


def test_a_draft_that_the_settings_name_applies_and_others_do_not(site: Site) -> None:
    draft = place("draft", "350000", status=Status.DRAFT)
    with_policies(site, draft)
    assert draft not in judged(site.office, REQUEST).policies.policies
    site.office = replace(site.office, policies=PolicySet((*site.office.policies.policies, draft)))
    assert draft in judged(site.office, REQUEST).policies.policies


def test_a_breach_stops_submission_approval_and_run_as_soon_as_it_is_open(site: Site) -> None:
    waiting, approved = site.submit(), site.approved()
    number = breach(site)
    with site.office.store.reading() as tx:
        assert circumstances_of(site.office, tx, waiting).breaches == (number,)
    assert {thing for thing, _ in reasons(site)} == {"applicant.integrity"}
    with pytest.raises(Refused, match=number):
        site.sign(waiting, "operator_review", "operator")
    with pytest.raises(Refused, match=number):
        order_run(site.office, approved, site.people["operator"], crew=Crew())


def test_what_a_breach_stops_can_still_be_returned_refused_and_revoked(site: Site) -> None:
    first, second, approved = site.submit(), site.submit(), site.approved()
    breach(site)
    assert site.sign(first, "operator_review", "operator2", Verdict(Result.RETURN, "违规")) is State.RETURNED
    assert site.sign(second, "operator_review", "operator2", Verdict(Result.REFUSE, "违规")) is State.REFUSED
    assert site.sign(approved, "operator_review", "operator", Verdict(Result.REVOKE, "违规")) is State.SUBMITTED


def test_every_request_is_compiled_as_it_would_be_submitted(site: Site) -> None:
    assert judged(site.office, RESTRICTED).plan.digest == plan_now(site, site.submit(RESTRICTED)).digest
