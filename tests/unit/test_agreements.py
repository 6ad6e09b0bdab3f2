"""Agreements with a real store and keys: the text made from the plan, the parties' own text, what a signature binds, and what waits."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date

import pytest
from test_approval import APPROVE, REQUEST, Site, refused, site

from extractor.decode import from_json
from extractor.errors import ConfigurationError, FormError, IntegrityError, Refused
from extractor.forms.agreement_form import parse_subjects
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy_words import AgreementSubject
from extractor.requests import Result, State
from extractor.workflow.agreement_text import TITLES
from extractor.workflow.agreements import (
    Agreement,
    SignedAgreement,
    agreement_of,
    needs_agreement,
    put_text,
    signed_agreement,
)
from extractor.workflow.approval import Verdict
from extractor.workflow.office import Actor

__all__ = ["site"]  # the fixture
CLAUSES = {subject: f"第{place}条 {subject.value}" for place, subject in enumerate(AgreementSubject)}
TEXT = "\n".join(f"{heading}\n双方约定。" for heading in CLAUSES.values())


def plan_of(site: Site, number: str) -> Plan:
    with site.office.store.reading() as tx:
        return from_json(Plan, tx.get("plan", number).body)


def current(site: Site, number: str) -> Agreement:
    with site.office.store.reading() as tx:
        return agreement_of(site.office, tx, number)[0]


def signed(site: Site, number: str) -> SignedAgreement | None:
    with site.office.store.reading() as tx:
        return signed_agreement(site.office, tx, number, plan_of(site, number))


def put(
    site: Site, number: str, by: str = "applicant", *, text: str = TEXT, without: tuple[AgreementSubject, ...] = ()
) -> Agreement:
    clauses = {subject: clause for subject, clause in CLAUSES.items() if subject not in without}
    return put_text(site.office, number, site.people[by], text=text, clauses=clauses)


# --- the text --------------------------------------------------------------------------------------------------------


def test_the_text_is_made_at_submission_from_the_plan_with_a_clause_for_every_subject(site: Site) -> None:
    number = site.submit()
    made, plan = current(site, number), plan_of(site, number)
    assert (made.number, made.request, made.version) == ("AG-2026-0001", number, 1)
    assert made.parties == ("示例大学", "数据运营单位")
    assert made.names == plan.agreement.names
    assert made.names and all(name.strip("《》") in made.text for name in made.names)
    assert {each.subject for each in made.clauses} == set(AgreementSubject)
    assert all(each.clause in made.text and TITLES[each.subject] in each.clause for each in made.clauses)
    for said in (
        plan.digest,
        "2026",
        plan.purpose,
        *plan.people,
        *(c.zh for t in plan.tables for c in t.columns),
        *plan.terms,
    ):
        assert said in made.text
    assert "《《" not in made.text


def test_the_same_request_has_the_same_text_and_another_plan_another(site: Site) -> None:
    first, second = site.submit(), site.submit()
    assert current(site, first).text.replace(first, second) == current(site, second).text
    site.sign(second, "operator_review", "operator", Verdict(Result.RETURN, "补充"))
    site.submit(replace(REQUEST, until=date(2026, 11, 30)), number=second)
    again = current(site, second)
    assert (again.number, again.version) == ("AG-2026-0002", 2)
    assert "2026-11-30" in again.text


# --- signatures ------------------------------------------------------------------------------------------------------


def test_both_parties_sign_decision_and_text_and_the_log_names_the_agreement(site: Site) -> None:
    number = site.submit()
    site.sign(number, "operator_review", "operator")
    with refused("signature of agreement_user over the agreement .*art_18_agreement 榕政综〔2017〕122号 第十八条"):
        signed(site, number)
    site.sign(number, "agreement_user", "applicant")
    with refused("signature of agreement_operator over the agreement"):
        signed(site, number)
    assert site.sign(number, "agreement_operator", "operator") is State.APPROVED
    held = signed(site, number)
    assert held is not None
    assert held.agreement == current(site, number)
    assert {(each.said, each.digest) for each in held.signatures} == {
        ("agreement_user", held.digest), ("agreement_operator", held.digest),
    }  # fmt: skip
    with site.office.store.reading() as tx:
        named = [(e.object.partition("/")[2], e.agreement) for e in journal.search(tx, verb=Verb.SIGN)]
        drafted = [(e.object, e.agreement, e.article) for e in journal.search(tx, verb=Verb.AGREE)]
    assert named == [
        ("operator_review", None), ("agreement_user", "AG-2026-0001"), ("agreement_operator", "AG-2026-0001"),
    ]  # fmt: skip
    assert drafted == [("AG-2026-0001", "AG-2026-0001", "榕政综〔2017〕122号 第十八条")]


def test_a_text_changed_after_a_signature_voids_it_and_both_sign_again(site: Site) -> None:
    number = site.approved()
    assert put(site, number).version == 2
    assert site.state(number) is State.SUBMITTED
    with refused("signature of agreement_user"):
        signed(site, number)
    with refused("agreement_user: the decision is not about the agreement as it stands now"):
        site.in_force(number)
    site.sign(number, "agreement_user", "colleague")
    with refused("signature of agreement_operator"):
        signed(site, number)
    assert site.sign(number, "agreement_operator", "operator") is State.APPROVED
    assert signed(site, number) is not None
    assert len(site.in_force(number)) == 3
    with refused("already signed|not possible"):
        site.sign(number, "agreement_user", "colleague")


def test_a_text_changed_in_the_store_has_no_signature(site: Site) -> None:
    number = site.approved()
    with site.office.store.transaction() as tx:
        body = tx.get("agreement", "AG-2026-0001").body
        tx.put("agreement", "AG-2026-0001", {**body, "text": body["text"] + "第三方可用。"})
    with refused("signature of agreement_user"):
        signed(site, number)
    with refused("not about the agreement"):
        site.in_force(number)


def test_a_forged_signature_is_found(site: Site) -> None:
    number = site.approved()
    with site.office.store.transaction() as tx:
        name = "agreement/AG-2026-0001/agreement_user/applicant"
        tx.put("signature", name, {**tx.get("signature", name).body, "person": "stranger", "unit": "别的大学"})
    with pytest.raises(IntegrityError):
        signed(site, number)


def test_a_revoked_signature_under_the_agreement_is_given_again(site: Site) -> None:
    number = site.approved()
    site.sign(number, "agreement_user", "applicant", Verdict(Result.REVOKE, "再议"))
    with refused("agreement_user: the decision was revoked"):
        site.in_force(number)
    assert site.sign(number, "agreement_user", "applicant") is State.APPROVED


# --- the parties' own text -------------------------------------------------------------------------------------------


def test_a_text_without_a_subject_that_a_rule_wants_is_refused_with_rule_and_article(site: Site) -> None:
    number = site.submit()
    with pytest.raises(Refused) as caught:
        put(site, number, without=(AgreementSubject.CONFIDENTIALITY, AgreementSubject.TERM))
    assert [(r.thing, r.rule, r.article) for r in caught.value.reasons] == [
        (f"agreement.{name}", "fuzhou.art_18_agreement", "榕政综〔2017〕122号 第十八条") for name in ("confidentiality", "term")
    ]  # fmt: skip
    assert current(site, number).version == 1
    assert put(site, number, without=(AgreementSubject.LIABILITY,)).version == 2


def test_a_clause_that_is_not_in_the_text_holds_nothing(site: Site) -> None:
    number = site.submit()
    with pytest.raises(Refused, match="not in the text"):
        put(site, number, text=TEXT.replace("scope", "范围"))
    assert current(site, number).version == 1


def test_only_a_person_of_a_party_puts_a_text(site: Site) -> None:
    number = site.submit()
    for other in ("stranger", "inside"):
        with refused("of neither party"):
            put(site, number, by=other)
    with refused("needs role"):
        put(site, number, by="health")
    with pytest.raises(ConfigurationError, match="not the one registered"):
        keyless = Actor(site.people["applicant"].person, None)
        put_text(site.office, number, keyless, text=TEXT, clauses=CLAUSES)
    with refused("no such request"):
        put(site, "RQ-2026-0099")
    assert current(site, number).version == 1
    assert put(site, number, by="operator").own_text
    assert put(site, number, by="colleague").version == 3


def test_once_the_run_has_begun_the_text_stays(site: Site) -> None:
    number = site.approved()
    with site.office.store.transaction() as tx:
        tx.move("request", number, was="approved", to="running")
    with refused("not changed in state running"):
        put(site, number)


def test_a_plan_without_agreement_and_without_such_a_step_needs_none(site: Site) -> None:
    number = site.submit()
    plan = plan_of(site, number)
    assert needs_agreement(plan)
    bare = replace(plan, agreement=replace(plan.agreement, cited=()), steps=plan.steps[:1])
    assert not needs_agreement(bare)
    with site.office.store.reading() as tx:
        assert signed_agreement(site.office, tx, number, bare) is None
        with refused("no party has signed .*art_18_agreement"):
            signed_agreement(site.office, tx, number, replace(plan, steps=plan.steps[:1]))


def test_the_list_of_subjects_names_what_is_wrong() -> None:
    assert parse_subjects("scope: 第一条".encode(), name="s.yaml") == {AgreementSubject.SCOPE: "第一条"}
    for body in (b"colour: red", b"scope: ''", b"scope: [a]"):
        with pytest.raises(FormError):
            parse_subjects(body, name="s.yaml")
    assert APPROVE.result is Result.APPROVE


def test_a_stored_document_that_was_changed_is_logged_with_the_number_and_the_rule_of_tampering(site: Site) -> None:
    number = site.submit()
    with sqlite3.connect(site.office.home.store) as raw:
        raw.execute("UPDATE documents SET body = replace(body, '示例', '改过') WHERE kind = 'agreement'")
    with pytest.raises(IntegrityError):
        put(site, number)
    with site.office.store.reading() as tx:
        (entry,) = journal.search(tx, verb=Verb.AGREE, actor="applicant")
    assert (entry.result.value, entry.reason) == ("failed", "IntegrityError; violation fuzhou 第三十二条（六）")
    assert "fuzhou.art_26_traceable" in (entry.rule or "") and "第二十六条" in (entry.article or "")
    with refused("there is no such request"):
        put(site, "RQ-2026-9999")
    with site.office.store.reading() as tx:
        other = list(journal.search(tx, request="RQ-2026-9999"))
    assert [(each.reason, each.rule) for each in other] == [("ApprovalError", None)]
