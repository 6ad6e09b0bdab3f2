"""Grants with a real store and real keys: who grants what to whom, and which run has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from test_approval import Site, site

from extractor.canonical import digest_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError, ConfigurationError, IntegrityError, Refused
from extractor.log import journal
from extractor.log.entries import Result, Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited
from extractor.policy_asked import AskedGrant
from extractor.policy_rules import GrantRule, Rule
from extractor.policy_words import GrantPart
from extractor.requests import Role
from extractor.workflow.grants import (
    GrantState,
    GrantTerms,
    check_grant,
    grants,
    propose_grant,
    revoke_grant,
    sign_grant,
)
from extractor.workflow.office import Actor
from extractor.workflow.people import Identity, register
from extractor.workflow.supervision import Crew, order_run

__all__ = ["site"]
UNIT = "技术服务中心"
TEXT = digest_bytes(b"terms")
FULL = GrantTerms("example_hospital", (), date(2026, 1, 1), date(2026, 12, 31), TEXT, TEXT, TEXT)
CITED = (Cited("chongqing", "art_7_grant", "渝卫发〔2019〕67号 第七条"), Cited("sichuan", "art_34_terms", "第三十四条"))


def person(site: Site, name: str, role: Role, unit: str) -> Actor:
    from extractor.keys import load_signing_key

    known = register(site.office, Identity(name, name, role.value, unit))
    site.people[name] = Actor(known, load_signing_key(site.office.home.people / f"{name}.pem"))
    return site.people[name]


def granted(site: Site, terms: GrantTerms = FULL, unit: str = UNIT) -> str:
    number = propose_grant(site.office, site.people["operator"], unit=unit, terms=terms)
    sign_grant(site.office, number, site.people["health"])
    return number


def gate(site: Site, *parts: GrantPart) -> tuple[str, ...]:
    """Ask the gate about a request whose plan asks for a grant that holds these parts."""
    with site.office.store.reading() as tx:
        known = tx.find("request")
    number = known[0].number if known else site.submit()
    with site.office.store.reading() as tx:
        plan = replace(from_json(Plan, tx.get("plan", number).body), grant=AskedGrant(parts, CITED))
        return check_grant(site.office, tx, number, plan)


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_grant_is_proposed_by_unit_or_operator_and_signed_by_an_authority_of_another_unit(site: Site) -> None:
    own = person(site, "tech", Role.TECHNICAL_SERVICE_UNIT, UNIT)
    number = propose_grant(site.office, own, unit=UNIT, terms=FULL)
    assert number == "GR-2026-0001" and grants(site.office)[0].state is GrantState.PROPOSED
    inside = person(site, "inside_authority", Role.AUTHORITY, UNIT)
    with pytest.raises(ApprovalError, match="grants nothing to itself"):
        sign_grant(site.office, number, inside)
    with pytest.raises(ApprovalError, match="needs role authority"):
        sign_grant(site.office, number, site.people["operator"])
    sign_grant(site.office, number, site.people["health"])
    (stands,) = grants(site.office)
    assert stands.granted is not None
    assert (stands.state, stands.granted.person) == (GrantState.GRANTED, "health")
    with pytest.raises(ApprovalError, match="is granted, not proposed"):
        sign_grant(site.office, number, site.people["digital"])
    with site.office.store.reading() as tx:
        entries = journal.search(tx, verb=Verb.GRANT)
    assert [e.reason for e in entries if e.result is Result.OK] == ["proposed", "granted"]
    assert [e.reason for e in entries if e.result is Result.FAILED] == ["ApprovalError"] * 3


def test_a_unit_proposes_for_itself_only_and_a_data_user_for_nobody(site: Site) -> None:
    other = person(site, "tech", Role.TECHNICAL_SERVICE_UNIT, "别的中心")
    with pytest.raises(ApprovalError, match="for itself only"):
        propose_grant(site.office, other, unit=UNIT, terms=FULL)
    with pytest.raises(ApprovalError, match="needs role"):
        propose_grant(site.office, site.people["applicant"], unit=UNIT, terms=FULL)
    assert grants(site.office) == ()


def test_who_proposed_it_does_not_grant_it_under_another_role(site: Site) -> None:
    number = propose_grant(site.office, site.people["operator2"], unit=UNIT, terms=FULL)
    site.again("operator2", Role.AUTHORITY, "福州市卫健委")
    with pytest.raises(ApprovalError, match="who proposed a grant does not grant it"):
        sign_grant(site.office, number, site.people["operator2"])


def test_terms_that_cannot_be_are_refused(site: Site) -> None:
    operator = site.people["operator"]
    for terms, match in (
        (replace(FULL, until=date(2025, 12, 31)), "before it begins, or in the past"),
        (replace(FULL, first=date(2026, 2, 1), until=date(2026, 2, 28)), "before it begins, or in the past"),
        (replace(FULL, tables=("nowhere",)), "no table nowhere"),
        (replace(FULL, catalogue=None, tables=("patients",)), "without their catalogue"),
    ):
        with pytest.raises(ApprovalError, match=match):
            propose_grant(site.office, operator, unit=UNIT, terms=terms)
    with pytest.raises(ConfigurationError, match="no catalogue of this name"):
        propose_grant(site.office, operator, unit=UNIT, terms=replace(FULL, catalogue="other"))


def test_the_granting_unit_revokes_and_nobody_else(site: Site) -> None:
    number = granted(site)
    with pytest.raises(ApprovalError, match="the unit that granted it revokes it"):
        revoke_grant(site.office, number, site.people["digital"])
    assert gate(site, GrantPart.SCOPE) == (number,)
    revoke_grant(site.office, number, site.people["health"])
    assert grants(site.office)[0].state is GrantState.REVOKED
    with pytest.raises(Refused, match=rf"{number} was revoked"):
        gate(site, GrantPart.SCOPE)
    with pytest.raises(ApprovalError, match="is revoked, not granted"):
        revoke_grant(site.office, number, site.people["health"])


# --- the gate --------------------------------------------------------------------------------------------------------


def test_a_plan_that_asks_for_no_grant_needs_none(site: Site) -> None:
    number = site.submit()
    with site.office.store.reading() as tx:
        plan = from_json(Plan, tx.get("plan", number).body)
        assert plan.grant is None
        assert check_grant(site.office, tx, number, plan) == ()


def test_without_a_live_grant_every_rule_that_asks_refuses_for_every_table(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        gate(site, GrantPart.SCOPE, GrantPart.TERM)
    found = [(r.thing, r.rule, r.article) for r in caught.value.reasons]
    assert found == [
        (table, f"{c.regime}.{c.rule}", c.article) for table in ("admissions", "patients") for c in CITED
    ]  # fmt: skip
    number = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    with pytest.raises(Refused, match=f"{number} is not granted yet"):
        gate(site, GrantPart.SCOPE)


def test_the_listed_violation_stands_in_the_refusal(site: Site) -> None:
    number = site.submit()
    cited = (Cited("fuzhou", "planted", "第一条"),)
    with site.office.store.reading() as tx, pytest.raises(Refused) as caught:
        plan = replace(from_json(Plan, tx.get("plan", number).body), grant=AskedGrant((GrantPart.SCOPE,), cited))
        check_grant(site.office, tx, number, plan)
    assert {reason.violation for reason in caught.value.reasons} == {"第三十二条（四）"}


def test_a_grant_is_live_from_its_first_day_to_its_last_in_china(site: Site) -> None:
    terms = replace(FULL, first=date(2026, 3, 10), until=date(2026, 3, 20))
    number = granted(site, terms)
    for moment, why in (
        (datetime(2026, 3, 9, 15, 59, tzinfo=UTC), "has not begun"),
        (datetime(2026, 3, 9, 16, 0, tzinfo=UTC), None),
        (datetime(2026, 3, 20, 15, 59, tzinfo=UTC), None),
        (datetime(2026, 3, 20, 16, 0, tzinfo=UTC), "has expired"),
    ):
        site.clock.now = moment
        if why is None:
            assert gate(site, GrantPart.SCOPE) == (number,)
        else:
            with pytest.raises(Refused, match=f"{number} {why}"):
                gate(site, GrantPart.SCOPE)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (GrantPart.TERM, "until"),
        (GrantPart.SECURITY_TERMS, "security_terms"),
        (GrantPart.CONFIDENTIALITY, "confidentiality"),
        (GrantPart.REPORTED, "reported"),
    ],
)
def test_each_part_that_is_asked_for_must_be_held(site: Site, part: GrantPart, key: str) -> None:
    number = granted(site, replace(FULL, **{key: None}))
    with pytest.raises(Refused, match=f"{number} lacks {part.value}"):
        gate(site, GrantPart.SCOPE, part)
    others = tuple(each for each in GrantPart if each is not part)
    assert gate(site, *others) == (number,)
    better = granted(site)
    assert gate(site, *GrantPart) == (better,)


def test_every_table_must_be_covered_and_several_grants_may_share_them(site: Site) -> None:
    first = granted(site, replace(FULL, tables=("patients",)))
    with pytest.raises(Refused) as caught:
        gate(site, GrantPart.SCOPE)
    assert {reason.thing for reason in caught.value.reasons} == {"admissions"}
    second = granted(site, replace(FULL, tables=("admissions",)))
    assert set(gate(site, GrantPart.SCOPE)) == {first, second}


def test_anothers_grant_is_of_no_use_and_one_over_everything_is(site: Site) -> None:
    granted(site, unit="别的中心")
    with pytest.raises(Refused):
        gate(site, GrantPart.SCOPE)
    number = granted(site, replace(FULL, catalogue=None))
    assert gate(site, GrantPart.SCOPE) == (number,)


def test_a_state_set_in_the_store_grants_nothing_and_a_changed_grant_is_not_the_signed_one(site: Site) -> None:
    number = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    with site.office.store.transaction() as tx:
        tx.move("grant", number, was="proposed", to="granted")
    with pytest.raises(Refused, match="is not granted yet"):
        gate(site, GrantPart.SCOPE)
    signed = granted(site, replace(FULL, tables=("patients",)))
    with site.office.store.transaction() as tx:
        body = tx.get("grant", signed).body
        tx.put("grant", signed, {**body, "terms": {**body["terms"], "tables": []}})
    with pytest.raises(Refused, match=f"{signed} is not granted yet"):
        gate(site, GrantPart.SCOPE)


def test_a_forged_signature_over_a_grant_is_found(site: Site) -> None:
    number = granted(site)
    with site.office.store.transaction() as tx:
        body = tx.get("signature", f"grant/{number}/granted/health").body
        tx.put("signature", f"grant/{number}/granted/health", {**body, "signature": "00" * 64})
    with pytest.raises(IntegrityError):
        gate(site, GrantPart.SCOPE)


def test_a_signature_in_a_role_that_its_person_never_had_grants_nothing(site: Site) -> None:
    number = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    from extractor.workflow.signed import Signed

    stranger = site.people["stranger"]
    assert stranger.key is not None
    with site.office.store.transaction() as tx:
        digest = tx.get("grant", number).digest
        word = Signed(
            "grant", number, digest, "granted", "stranger", Role.AUTHORITY, "福州市卫健委", site.office.now,
            stranger.person.public_key,
        )  # fmt: skip
        signed = replace(word, signature=stranger.key.sign(word.signed_bytes).hex())
        tx.put("signature", f"grant/{number}/granted/stranger", signed)
    assert grants(site.office)[0].state is GrantState.PROPOSED
    site.again("health", Role.AUDITOR, "审计局")
    assert grants(site.office)[0].state is GrantState.PROPOSED


def test_a_grant_outlives_the_office_of_whoever_signed_it(site: Site) -> None:
    granted(site)
    site.again("health", Role.AUDITOR, "审计局")
    assert grants(site.office)[0].state is GrantState.GRANTED


def test_a_run_is_ordered_only_under_a_grant_where_a_rule_asks_for_one(site: Site) -> None:
    rule = GrantRule(Rule("planted", "第七条", "授权或委托范围内"), (GrantPart.SCOPE,))
    *others, local = site.office.policies.policies
    policies = replace(site.office.policies, policies=(*others, replace(local, grants=(rule,))))
    site.office = replace(site.office, policies=policies)
    number = site.approved()
    tech = person(site, "tech", Role.TECHNICAL_SERVICE_UNIT, UNIT)
    for name, role in (("d", Role.DESTROYER), ("w1", Role.WITNESS), ("w2", Role.WITNESS)):
        person(site, name, role, UNIT)
    with pytest.raises(Refused, match="no live grant"):
        order_run(site.office, number, tech, crew=Crew())
    with site.office.store.reading() as tx:
        (refusal,) = journal.search(tx, verb=Verb.REFUSE)
        assert (refusal.rule, refusal.article) == ("fuzhou.planted", "第七条")
        assert tx.find("run") == ()
    granted(site)
    assert order_run(site.office, number, tech, crew=Crew()).request == number


def asking_for_a_grant(site: Site) -> None:
    """Let the regime of the installation, which names its organs, ask for a grant."""
    rule = GrantRule(Rule("planted", "第七条", "授权或委托范围内"), (GrantPart.SCOPE,))
    *others, local = site.office.policies.policies
    policies = replace(site.office.policies, policies=(*others, replace(local, grants=(rule,))))
    site.office = replace(site.office, policies=policies)


def test_only_an_organ_that_the_asking_regime_names_grants(site: Site) -> None:
    other = person(site, "other_authority", Role.AUTHORITY, "别的机关")
    free = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    sign_grant(site.office, free, other)  # no rule asks: any authority of another unit
    asking_for_a_grant(site)
    number = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    with pytest.raises(ApprovalError, match="it is granted by 福州市数字办、福州市卫健委"):
        sign_grant(site.office, number, other)
    sign_grant(site.office, number, site.people["health"])


def test_a_run_leans_on_no_grant_of_another_organ(site: Site) -> None:
    other = person(site, "other_authority", Role.AUTHORITY, "别的机关")
    early = propose_grant(site.office, site.people["operator"], unit=UNIT, terms=FULL)
    sign_grant(site.office, early, other)
    asking_for_a_grant(site)
    number = site.submit()
    with site.office.store.reading() as tx:
        plan = from_json(Plan, tx.get("plan", number).body)
        with pytest.raises(Refused, match=f"{early} was not granted by 福州市数字办、福州市卫健委") as no:
            check_grant(site.office, tx, number, plan)
        assert "extractor grant" in no.value.fix_en
    later = granted(site)
    with site.office.store.reading() as tx:
        assert check_grant(site.office, tx, number, plan) == (later,)
