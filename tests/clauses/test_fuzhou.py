"""榕政综〔2017〕122号, clause by clause: each test shows one rule from both sides and fails without it."""

from __future__ import annotations

import pytest
from building import (
    ON_OPEN_FIELDS,
    catalogue,
    changed,
    compiled,
    level,
    refusal,
    refused,
    request,
    step_rules,
    steps,
)

from extractor.catalogue import UseMode
from extractor.selection import Circumstances, FilingRef

ORGAN = {"kind": "administrative_organ"}
ENTERPRISE = {"kind": "enterprise"}
AGREEMENT = ("agreement_user", "agreement_operator")


# --- 第九条 ----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_9_categories")
@pytest.mark.parametrize(
    "name", ["基础信息", "公共卫生", "计划生育", "医疗服务", "医疗保障", "药品管理", "综合管理", "新型业态"]
)
def test_fuzhou_9_a_field_stands_in_one_of_the_eight_classes(name: str) -> None:
    def with_class(category: str) -> frozenset[str]:
        return refused("fuzhou", request(), catalogue(fields={"patients.SEX": {"category": category}}))

    assert not with_class(name)
    assert with_class("健康服务") == {"fuzhou.art_9_categories"}


# --- 第十四条、第十五条 ----------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_14_sharing")
@pytest.mark.parametrize("kind", ["university", "research_institute", "enterprise"])
def test_fuzhou_14_only_organs_and_public_institutions_share_for_administration(kind: str) -> None:
    asked = request(purpose={"category": "administration"})
    assert "fuzhou.art_14_sharing" in refused("fuzhou", changed(asked, applicant={"kind": kind}))
    for eligible in ("administrative_organ", "public_institution"):
        assert not refused("fuzhou", changed(asked, applicant={"kind": eligible}))


@pytest.mark.clause("fuzhou", "art_15_open")
def test_fuzhou_15_open_fields_are_given_straight_from_the_platform() -> None:
    asked = request("admissions.WARD", population=ON_OPEN_FIELDS, applicant=ENTERPRISE | {"industrial_park": False})
    plan = compiled("fuzhou", asked)
    assert (steps(plan), step_rules(plan)) == (("operator_release",), frozenset({"fuzhou.art_15_open"}))
    assert "fuzhou.art_15_park" in refused("fuzhou", changed(asked, variables=request("patients.SEX").variables))


@pytest.mark.clause("fuzhou", "art_15_domestic")
def test_fuzhou_15_an_enterprise_is_domestically_controlled() -> None:
    foreign = request(applicant=ENTERPRISE | {"domestically_controlled": False})
    assert "fuzhou.art_15_domestic" in refused("fuzhou", foreign)
    assert not refused("fuzhou", changed(foreign, applicant={"domestically_controlled": True}))


@pytest.mark.clause("fuzhou", "art_15_park")
@pytest.mark.parametrize("kind", ["enterprise", "university", "research_institute"])
def test_fuzhou_15_only_inside_the_park(kind: str) -> None:
    outside = request(applicant={"kind": kind, "industrial_park": False})
    assert "fuzhou.art_15_park" in refused("fuzhou", outside)
    assert not refused("fuzhou", changed(outside, applicant={"industrial_park": True}))


# --- 第十六条、第十九条: what is given at which level ----------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_16_privacy")
def test_fuzhou_16_identifiers_leave_only_desensitised_without_consent() -> None:
    asked = request("patients.ID_NO", "patients.PHONE", "patients.SEX")
    for place in ("patients.ID_NO", "patients.PHONE"):
        given, cited = level(compiled("fuzhou", asked), place)
        assert given == "pseudonym"
        assert "fuzhou.art_16_privacy" in cited
        assert level(compiled("fuzhou", changed(asked, consent="written")), place)[0] == "raw"


@pytest.mark.clause("fuzhou", "art_16_names")
def test_fuzhou_16_names_of_persons_and_relatives_never_leave_without_consent() -> None:
    asked = request("patients.NAME", "patients.RELATIVE", "patients.SEX")
    plan, consented = compiled("fuzhou", asked), compiled("fuzhou", changed(asked, consent="written"))
    for place in ("patients.NAME", "patients.RELATIVE"):
        given, cited = level(plan, place)
        assert given == "none"
        assert "fuzhou.art_16_names" in cited
    assert level(consented, "patients.NAME")[0] == "raw"
    assert level(consented, "patients.RELATIVE")[0] == "none"


@pytest.mark.clause("fuzhou", "art_16_trade_secrets")
def test_fuzhou_16_names_of_units_are_desensitised_where_they_identify() -> None:
    asked = request("patients.EMPLOYER", "patients.SEX")
    given, cited = level(compiled("fuzhou", asked), "patients.EMPLOYER")
    assert (given, "fuzhou.art_16_trade_secrets" in cited) == ("pseudonym", True)
    plain = catalogue(fields={"patients.EMPLOYER": {"cls": "other"}})
    given, cited = level(compiled("fuzhou", asked, plain), "patients.EMPLOYER")
    assert (given, "fuzhou.art_16_trade_secrets" in cited) == ("raw", False)


@pytest.mark.clause("fuzhou", "art_16_free_text")
@pytest.mark.parametrize("consent", ["none", "waiver", "written"])
def test_fuzhou_16_free_text_leaves_only_desensitised_whoever_consents(consent: str) -> None:
    given, cited = level(compiled("fuzhou", request("admissions.NOTE", consent=consent)), "admissions.NOTE")
    assert (given, "fuzhou.art_16_free_text" in cited) == ("surrogate", True)
    coarser = level(compiled("fuzhou", request("admissions.NOTE:redacted", consent=consent)), "admissions.NOTE")
    assert coarser[0] == "redacted"


@pytest.mark.clause("fuzhou", "art_19_consent")
def test_fuzhou_19_identifiable_cases_with_the_persons_consent_only() -> None:
    asked = request("patients.ID_NO", "patients.NAME", "patients.SEX", consent="written")
    for place in ("patients.ID_NO", "patients.NAME"):
        given, cited = level(compiled("fuzhou", asked), place)
        assert (given, "fuzhou.art_19_consent" in cited) == ("raw", True)
        given, cited = level(compiled("fuzhou", changed(asked, consent="waiver")), place)
        assert given != "raw"
        assert "fuzhou.art_19_consent" not in cited


# --- 第十七条、第十九条、第二十五条: what the applicant may do with it -----------------------------------------------


@pytest.mark.clause("fuzhou", "art_17_scope")
@pytest.mark.parametrize("mode", ["controlled", "enclave"])
def test_fuzhou_17_nothing_is_passed_on(mode: str) -> None:
    passed = request(mode=mode, safeguards={"passed_on": True})
    assert "fuzhou.art_17_scope" in refused("fuzhou", passed)
    assert not refused("fuzhou", changed(passed, safeguards={"passed_on": False}))


@pytest.mark.clause("fuzhou", "art_19_non_profit")
@pytest.mark.parametrize("kind", ["university", "research_institute"])
def test_fuzhou_19_universities_and_institutes_use_it_for_no_profit(kind: str) -> None:
    profit = request(applicant={"kind": kind}, purpose={"non_profit": False})
    assert "fuzhou.art_19_non_profit" in refused("fuzhou", profit)
    assert not refused("fuzhou", changed(profit, purpose={"non_profit": True}))
    assert not refused("fuzhou", changed(profit, applicant={"kind": "enterprise"}))


@pytest.mark.clause("fuzhou", "art_25_abroad")
def test_fuzhou_25_nothing_goes_abroad() -> None:
    abroad = request(safeguards={"abroad": True})
    assert "fuzhou.art_25_abroad" in refused("fuzhou", abroad)
    assert not refused("fuzhou", changed(abroad, safeguards={"abroad": False}))


@pytest.mark.clause("fuzhou", "art_25_servers")
@pytest.mark.parametrize("division", ["710000", "810000", "820000"])
def test_fuzhou_25_not_on_servers_outside_the_country(division: str) -> None:
    assert "fuzhou.art_25_servers" in refused("fuzhou", request(safeguards={"division": division}))
    assert not refused("fuzhou", request(safeguards={"division": "350200"}))


@pytest.mark.clause("fuzhou", "art_16_integrity")
def test_fuzhou_16_whoever_has_an_open_breach_gets_nothing() -> None:
    assert "fuzhou.art_16_integrity" in refused("fuzhou", request(), facts=Circumstances(breaches=("BR-2026-0001",)))
    assert not refused("fuzhou", request(), facts=Circumstances(breaches=()))


@pytest.mark.clause("fuzhou", "art_19_register")
def test_fuzhou_19_written_consent_is_looked_up_on_the_register() -> None:
    asked = request("patients.NAME", "patients.SEX", consent="written")
    consent = compiled("fuzhou", asked).consent
    assert ("fuzhou", "art_19_register") in {(c.regime, c.rule) for c in (consent.cited if consent else ())}
    assert compiled("fuzhou", changed(asked, consent="waiver")).consent is None


# --- 第十八条: who decides -------------------------------------------------------------------------------------------


@pytest.mark.clause("fuzhou", "art_18_conditional")
def test_fuzhou_18_the_operator_reviews_and_both_parties_sign_the_agreement() -> None:
    plan = compiled("fuzhou", request())
    assert steps(plan) == ("operator_review", *AGREEMENT)
    assert "fuzhou.art_18_conditional" in step_rules(plan)
    opened = compiled("fuzhou", request("admissions.WARD", population=ON_OPEN_FIELDS))
    assert "fuzhou.art_18_conditional" not in step_rules(opened)


@pytest.mark.clause("fuzhou", "art_18_restricted")
def test_fuzhou_18_both_organs_consent_to_what_is_not_open_yet() -> None:
    plan = compiled("fuzhou", request("admissions.INFECTION"))
    assert steps(plan) == ("operator_review", "operator_report", "authority_digital", "authority_health", *AGREEMENT)
    units = {step.id: step.unit for step in plan.steps}
    assert (units["authority_digital"], units["authority_health"]) == ("福州市数字办", "福州市卫健委")
    assert "authority_health" not in steps(compiled("fuzhou", request("admissions.COST")))


@pytest.mark.clause("fuzhou", "art_18_agreement")
def test_fuzhou_18_the_agreement_on_use_is_asked_for_but_not_for_open_fields() -> None:
    agreement = compiled("fuzhou", request()).agreement
    assert agreement.names == ("福州市健康医疗大数据资源使用协议书",)
    needed = {"scope", "data_products", "confidentiality", "security", "term"}
    assert {each.subject.value for each in agreement.subjects} >= needed
    assert compiled("fuzhou", request("admissions.WARD", population=ON_OPEN_FIELDS)).agreement.names == ()


@pytest.mark.clause("fuzhou", "art_11_urgent")
def test_fuzhou_11_the_operator_checks_the_filing_of_an_urgent_request() -> None:
    filed = Circumstances(filing=FilingRef("UF-2026-0001", ("patients.SEX",)))
    assert "operator_urgent" in steps(compiled("fuzhou", request(), facts=filed))
    assert "operator_urgent" not in steps(compiled("fuzhou", request()))


# --- 第十一条、第三十二条: outside the catalogue, and under which number a refusal stands -----------------------------


@pytest.mark.clause("fuzhou", "art_11_catalogue")
@pytest.mark.clause("fuzhou", "第三十二条（一）")
def test_fuzhou_11_a_field_outside_the_catalogues_use_is_opened_by_an_acknowledged_filing_only() -> None:
    source = catalogue(fields={"patients.SEX": {"use": (UseMode.QUERY,)}})
    asked = request("patients.SEX", "patients.BIRTH")
    reasons = {(r.thing, r.rule, r.violation) for r in refusal("fuzhou", asked, source)}
    assert ("patients.SEX", "fuzhou.art_11_catalogue", "第三十二条（一）") in reasons
    filed = Circumstances(filing=FilingRef("UF-2026-0001", ("patients.SEX",)))
    assert not refused("fuzhou", asked, source, filed)
    other = Circumstances(filing=FilingRef("UF-2026-0001", ("patients.BIRTH",)))
    assert "fuzhou.art_11_catalogue" in refused("fuzhou", asked, source, other)


@pytest.mark.clause("fuzhou", "第三十二条（四）")
@pytest.mark.clause("fuzhou", "art_17_scope")
def test_fuzhou_32_use_beyond_the_scope_is_refused_under_its_number() -> None:
    numbers = {r.rule: r.violation for r in refusal("fuzhou", request(safeguards={"passed_on": True}))}
    assert numbers.get("fuzhou.art_17_scope") == "第三十二条（四）"
    assert numbers.get("baseline.not_passed_on") == ""


@pytest.mark.clause("fuzhou", "第三十二条（七）")
@pytest.mark.clause("fuzhou", "art_25_servers")
def test_fuzhou_32_another_breach_is_refused_under_the_last_number() -> None:
    numbers = {r.rule: r.violation for r in refusal("fuzhou", request(safeguards={"division": "710000"}))}
    assert numbers.get("fuzhou.art_25_servers") == "第三十二条（七）"
