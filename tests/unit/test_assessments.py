"""Assessments with a real store and keys: who signs them, what they bind, how long they hold, and what waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from test_approval import REQUEST, Site, refused, site

from extractor.decode import from_json
from extractor.errors import ConfigurationError
from extractor.keys import load_signing_key
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy_rules import AssessmentRule, Chain, Rule, Step
from extractor.policy_set import PolicySet
from extractor.policy_words import AssessmentKind
from extractor.requests import Role, State
from extractor.selection import ALWAYS
from extractor.workflow.approval import Verdict
from extractor.workflow.assessments import (
    AssessmentResult,
    Finding,
    assess,
    assessments_of,
    check_assessments,
)
from extractor.workflow.office import Actor
from extractor.workflow.people import Identity, register
from extractor.workflow.supervision import Crew, order_run

__all__ = ["site"]  # the fixture
DIGEST = "sha256:" + "0" * 64
KINDS = tuple(AssessmentKind)
PASSED = Finding(AssessmentResult.PASS, DIGEST, date(2026, 3, 31))
RULE = Rule("art_x_assessments", "某办法 第十九条", "由数据提供方进行保密审查、信息安全风险评估、个人信息安全影响评估")
STEPS = (
    Step("operator_review", "运营审核", Role.OPERATOR),
    Step("authority_health", "卫健委审批", Role.AUTHORITY, "福州市卫健委"),
    Step("agreement_user", "使用单位签协议", Role.DATA_USER, agrees=True),
    Step("agreement_operator", "运营单位签协议", Role.OPERATOR, agrees=True),
)  # fmt: skip
PROVIDERS = {"provider": "示例医院", "provider2": "示例医院", "inside_provider": "示例大学"}


@pytest.fixture
def asked(site: Site) -> Iterator[Site]:
    """A site whose last regime asks for the three assessments, for 30 days each, and has a step of an authority."""
    *others, last = site.office.policies.policies
    rule = AssessmentRule(RULE, ALWAYS, KINDS, 30)
    chain = Chain(Rule("art_x_chain", "某办法 第二十条", "报卫健委审批"), ALWAYS, STEPS)
    policies = PolicySet((*others, replace(last, assessments=(rule,), chains=(chain,))))
    again = replace(site, office=replace(site.office, policies=policies))
    for name, unit in PROVIDERS.items():
        person = register(again.office, Identity(name, name, "provider", unit))
        again.people[name] = Actor(person, load_signing_key(again.office.home.people / f"{name}.pem"))
    person = register(again.office, Identity("runner", "runner", "technical_service_unit", "技术服务中心"))
    again.people["runner"] = Actor(person, load_signing_key(again.office.home.people / "runner.pem"))
    return again


def make(site: Site, number: str, *kinds: AssessmentKind, by: str = "provider", finding: Finding = PASSED) -> None:
    for kind in kinds or KINDS:
        assess(site.office, number, kind, site.people[by], finding=finding)


def reviewed(site: Site) -> str:
    number = site.submit()
    site.sign(number, "operator_review", "operator")
    return number


def check(site: Site, number: str) -> None:
    with site.office.store.reading() as tx:
        check_assessments(site.office, tx, number, from_json(Plan, tx.get("plan", number).body))


def test_an_authority_signs_once_all_assessments_stand(asked: Site) -> None:
    number = reviewed(asked)
    for missing in KINDS:
        with refused(f"the {missing.value} assessment is missing .*art_x_assessments 某办法 第十九条"):
            asked.sign(number, "authority_health", "health")
        make(asked, number, missing)
    assert asked.sign(number, "authority_health", "health") is State.SUBMITTED
    with asked.office.store.reading() as tx:
        entries = journal.search(tx, verb=Verb.ASSESS)
        assert [entry["holds"] for entry in assessments_of(asked.office, tx, number)] == [True] * 3
    assert [(e.object, e.reason, e.article) for e in entries] == [
        (f"{number}/{k}", "pass", RULE.article) for k in KINDS
    ]


def test_a_step_before_the_authority_and_a_refusal_by_it_wait_for_no_assessment(asked: Site) -> None:
    from extractor.requests import Result

    number = reviewed(asked)
    assert asked.sign(number, "authority_health", "health", Verdict(Result.REFUSE, "不同意")) is State.REFUSED


def test_a_failed_assessment_holds_until_a_newer_one_passes(asked: Site) -> None:
    number = reviewed(asked)
    make(asked, number)
    make(asked, number, KINDS[1], finding=replace(PASSED, result=AssessmentResult.FAIL))
    with refused("the security_risk assessment did not pass"):
        asked.sign(number, "authority_health", "health")
    make(asked, number, KINDS[1])
    asked.sign(number, "authority_health", "health")


def test_the_term_is_at_most_the_rules_and_ends_with_its_last_day(asked: Site) -> None:
    number = reviewed(asked)
    for until in (date(2026, 4, 1), date(2026, 2, 28)):
        with refused("from today to 2026-03-31 .*art_x_assessments"):
            make(asked, number, finding=replace(PASSED, until=until))
    make(asked, number)
    asked.clock.now = datetime(2026, 3, 31, 15, 59, tzinfo=UTC)
    check(asked, number)
    asked.clock.now = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    with refused("the confidentiality assessment has expired"):
        check(asked, number)


def test_an_assessment_binds_request_and_plan(asked: Site) -> None:
    from extractor.requests import Result

    number = asked.submit()
    make(asked, number)
    asked.sign(number, "operator_review", "operator", Verdict(Result.RETURN, "补充"))
    asked.submit(replace(REQUEST, outputs="期刊论文"), number=number)
    asked.sign(number, "operator_review", "operator")
    with refused("the confidentiality assessment is about another request or plan"):
        asked.sign(number, "authority_health", "health")


def test_only_a_provider_of_another_unit_than_the_applicants_with_their_own_key_assesses(asked: Site) -> None:
    number = reviewed(asked)
    with refused("own unit has no part in assess"):
        make(asked, number, by="inside_provider")
    with refused("needs role provider"):
        make(asked, number, by="operator2")
    forged = Actor(asked.people["provider"].person, asked.people["provider2"].key)
    with pytest.raises(ConfigurationError, match="not the one registered"):
        assess(asked.office, number, KINDS[0], forged, finding=PASSED)
    with asked.office.store.reading() as tx:
        assert tx.find("assessment") == ()


def test_an_assessor_who_changes_role_no_longer_counts(asked: Site) -> None:
    number = reviewed(asked)
    make(asked, number)
    asked.again("provider", Role.OPERATOR, "示例医院")
    with refused("who may not assess"):
        check(asked, number)


def test_an_assessment_that_somebody_changed_in_the_store_does_not_hold(asked: Site) -> None:
    number = reviewed(asked)
    make(asked, number, finding=replace(PASSED, result=AssessmentResult.FAIL))
    with asked.office.store.transaction() as tx:
        for kind in KINDS:
            tx.put(
                "assessment", f"{number}/{kind}", {**tx.get("assessment", f"{number}/{kind}").body, "result": "pass"}
            )
    with refused("is not signed by its person"):
        check(asked, number)


def test_what_is_not_asked_for_or_too_late_is_refused(site: Site, asked: Site) -> None:
    number = asked.submit()
    asked.sign(number, "operator_review", "operator")
    with refused("in state none"):
        make(asked, "RQ-2026-0099")
    from extractor.workflow.approval import withdraw

    withdraw(asked.office, number, asked.people["applicant"])
    with refused("in state withdrawn"):
        make(asked, number)
    plain = site.submit()
    with refused("asks for no such assessment"):
        assess(site.office, plain, KINDS[0], asked.people["provider"], finding=PASSED)


def test_a_run_is_not_ordered_once_an_assessment_has_expired(asked: Site) -> None:
    number = reviewed(asked)
    make(asked, number)
    asked.sign(number, "authority_health", "health")
    asked.sign(number, "agreement_user", "applicant")
    assert asked.sign(number, "agreement_operator", "operator") is State.APPROVED
    asked.clock.now = datetime(2026, 4, 1, 1, tzinfo=UTC)
    with refused("the confidentiality assessment has expired"):
        order_run(asked.office, number, asked.people["runner"], crew=Crew())
    assert asked.state(number) is State.APPROVED
    make(asked, number, finding=replace(PASSED, until=date(2026, 4, 30)))
    with pytest.raises(ConfigurationError, match="destroyer: 0 people"):  # The next thing that is missing.
        order_run(asked.office, number, asked.people["runner"], crew=Crew())
