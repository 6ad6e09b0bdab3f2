"""Urgent filings with a real store and real keys: who files, who acknowledges, and which request may lean on one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_approval import REQUEST, Site, site

from extractor.errors import ApprovalError, ConfigurationError, Refused, UsageError
from extractor.forms.policy_form import load_policies
from extractor.keys import load_signing_key
from extractor.log import journal
from extractor.log.entries import Result, Verb
from extractor.requests import Role
from extractor.selection import FilingRef
from extractor.workflow.filings import (
    FilingState,
    Need,
    acknowledged_filing,
    add_filing,
    check_filing,
    filings,
    sign_filing,
)
from extractor.workflow.office import Actor
from extractor.workflow.people import Identity, register

__all__ = ["site"]
NEED = Need("example_hospital", ("patients.SEX", "admissions.COST"), "突发公共卫生事件处置")


def ref(site: Site, number: str) -> FilingRef | None:
    with site.office.store.reading() as tx:
        return acknowledged_filing(site.office, tx, number)


def check(site: Site, number: str | None, catalogue: str = "example_hospital") -> FilingRef | None:
    request = replace(REQUEST, urgent_filing=number, catalogue=catalogue)
    with site.office.store.reading() as tx:
        return check_filing(site.office, tx, request, policies=site.office.policies)


def test_a_filing_names_the_organs_of_the_rule_and_is_filed_by_provider_or_operator(site: Site) -> None:
    person = register(site.office, Identity("provider", "provider", Role.PROVIDER.value, "示例医院"))
    provider = Actor(person, load_signing_key(site.office.home.people / "provider.pem"))
    number = add_filing(site.office, provider, NEED)
    assert number == "UF-2026-0001"
    (stands,) = filings(site.office)
    assert stands.filing.organs == stands.to_sign == ("福州市数字办", "福州市卫健委")
    assert add_filing(site.office, site.people["operator"], NEED) == "UF-2026-0002"
    with pytest.raises(ApprovalError, match="needs role provider, operator"):
        add_filing(site.office, site.people["applicant"], NEED)
    with site.office.store.reading() as tx:
        entries = journal.search(tx, verb=Verb.FILE)
    assert [(e.result, e.rule, e.columns) for e in entries][:1] == [(Result.OK, "fuzhou.art_11_catalogue", NEED.fields)]
    assert entries[-1].result is Result.FAILED


def test_a_filing_needs_a_rule_a_reason_and_fields_that_the_catalogue_describes(site: Site) -> None:
    operator = site.people["operator"]
    for need, match in ((replace(NEED, fields=()), "no field is named"), (replace(NEED, reason=" "), "not said why")):
        with pytest.raises(ApprovalError, match=match):
            add_filing(site.office, operator, need)
    for field in ("patients.NOWHERE", "nowhere.SEX", "SEX"):
        with pytest.raises(ConfigurationError, match="describes no such field"):
            add_filing(site.office, operator, replace(NEED, fields=(field,)))
    with pytest.raises(UsageError, match="number of a person") as caught:
        add_filing(site.office, operator, replace(NEED, reason="患者 11010519491231002X 急需"))
    assert "1101" not in str(caught.value.as_json())
    without = tuple(replace(policy, filings=()) for policy in site.office.policies.policies)
    site.office = replace(site.office, policies=replace(site.office.policies, policies=without))
    with pytest.raises(ApprovalError, match="no rule here knows urgent filings"):
        add_filing(site.office, operator, NEED)
    assert filings(site.office) == ()


def test_every_organ_that_is_named_must_acknowledge_before_a_filing_opens_anything(site: Site) -> None:
    number = add_filing(site.office, site.people["operator"], NEED)
    with pytest.raises(ApprovalError, match="acknowledged by 福州市数字办、福州市卫健委"):
        sign_filing(site.office, number, site.people["elsewhere"])
    with pytest.raises(ApprovalError, match="needs role authority"):
        sign_filing(site.office, number, site.people["operator"])
    assert sign_filing(site.office, number, site.people["health"]) is FilingState.FILED
    assert ref(site, number) is None
    with pytest.raises(ApprovalError, match="has acknowledged it already"):
        sign_filing(site.office, number, site.people["health"])
    assert sign_filing(site.office, number, site.people["digital"]) is FilingState.ACKNOWLEDGED
    assert ref(site, number) == FilingRef(number, NEED.fields)
    assert ref(site, "UF-2026-0099") is None


def test_a_state_set_in_the_store_and_a_changed_filing_open_nothing(site: Site) -> None:
    number = add_filing(site.office, site.people["operator"], NEED)
    with site.office.store.transaction() as tx:
        tx.move("filing", number, was="filed", to="acknowledged")
    assert ref(site, number) is None
    other = add_filing(site.office, site.people["operator"], NEED)
    for organ in ("health", "digital"):
        sign_filing(site.office, other, site.people[organ])
    with site.office.store.transaction() as tx:
        tx.put("filing", other, {**tx.get("filing", other).body, "fields": ["patients.NAME"]})
    assert ref(site, other) is None


def test_a_request_leans_only_on_a_filing_of_its_catalogue_that_all_organs_acknowledged(site: Site) -> None:
    assert check(site, None) is None
    with pytest.raises(Refused, match="no such filing for this catalogue") as caught:
        check(site, "UF-2026-0001")
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.violation) == ("fuzhou.art_11_catalogue", "第三十二条（一）")
    assert "第十一条" in reason.article
    number = add_filing(site.office, site.people["operator"], NEED)
    sign_filing(site.office, number, site.people["health"])
    with pytest.raises(Refused, match="not acknowledged by 福州市数字办"):
        check(site, number)
    sign_filing(site.office, number, site.people["digital"])
    assert check(site, number) == FilingRef(number, NEED.fields)
    with pytest.raises(Refused, match="no such filing for this catalogue"):
        check(site, number, "other_catalogue")


def test_a_request_that_names_a_filing_where_no_rule_knows_any_is_refused(site: Site) -> None:
    number = add_filing(site.office, site.people["operator"], NEED)
    site.office = replace(site.office, policies=load_policies(("guiyang",)))
    with pytest.raises(Refused, match="no rule that applies knows urgent filings"):
        check(site, number)


def test_the_refusal_at_submission_is_in_the_log_with_rule_and_article(site: Site) -> None:
    number = add_filing(site.office, site.people["operator"], NEED)
    with pytest.raises(Refused, match="not acknowledged"):
        site.submit(replace(REQUEST, urgent_filing=number))
    with site.office.store.reading() as tx:
        (entry,) = journal.search(tx, verb=Verb.REFUSE)
        assert tx.find("request") == ()
    assert entry.rule == "fuzhou.art_11_catalogue"
    for organ in ("health", "digital"):
        sign_filing(site.office, number, site.people[organ])
    assert site.submit(replace(REQUEST, urgent_filing=number)) == "RQ-2026-0001"
