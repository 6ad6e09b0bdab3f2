"""The policies that are delivered: read without a fault, cite what stands in the text, and leave no field unbounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from extractor.article_numbers import article_number, articles_in, chinese_number
from extractor.catalogue import Field, FieldClass, Sharing, SharingClass, Subject, UpdatePeriod, UseMode, ValueFormat
from extractor.deid.spans import SpanType
from extractor.errors import ConfigurationError, FormError
from extractor.forms.policy_form import load_policies, policy_folder, read_policy, regimes_in
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES, hierarchy_of
from extractor.policy_set import PolicySet
from extractor.policy_words import DutyEvent, History, RetentionSubject, Status, Unlock, Violation
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Request, Role, SharingMode
from extractor.selection import Circumstances

ROOT = Path(__file__).parents[2]
TEXTS = ROOT.parent / "shared" / "regulations"
REGIMES = ("chongqing", "fuzhou", "guiyang", "shandong", "sichuan")
BASELINE = load_policies([])
FUZHOU = load_policies(["fuzhou"])
POLICIES = {name: load_policies([name]).local_policy for name in REGIMES}
REQUEST = read_request(ROOT / "docs" / "examples" / "minimal" / "request.yaml")


def _field(kind: str, cls: FieldClass = FieldClass.QUASI, subject: Subject = Subject.PERSON) -> Field:
    return Field(
        name="F", zh="字段", kind=kind, cls=cls, grade=3, category="医疗服务",
        sharing=Sharing(SharingClass.CONDITIONAL, "reason", "basis"), responsible="unit", format=ValueFormat.TEXT,
        attributes="", update=UpdatePeriod.DAILY, use=(UseMode.EXTRACT,), subject=subject,
    )  # fmt: skip


def _shared(field: Field, mode: SharingClass) -> Field:
    return replace(field, sharing=replace(field.sharing, mode=mode))


def _asking(
    consent: Consent = Consent.WAIVER,
    mode: SharingMode = SharingMode.CONTROLLED,
    *,
    applicant: ApplicantKind = ApplicantKind.UNIVERSITY,
    purpose: PurposeCategory = PurposeCategory.RESEARCH,
) -> Request:
    return replace(
        REQUEST,
        consent=consent,
        mode=mode,
        applicant=replace(REQUEST.applicant, kind=applicant),
        purpose=replace(REQUEST.purpose, category=purpose),
    )


def _level(kind: str, request: Request, cls: FieldClass = FieldClass.QUASI, subject: Subject = Subject.PERSON) -> str:
    bound = FUZHOU.ceiling(_field(kind, cls, subject), request)
    assert bound is not None
    return bound.level


def _requests() -> Iterator[Request]:
    for consent, mode in product(Consent, SharingMode):
        for applicant, purpose in product(ApplicantKind, PurposeCategory):
            yield _asking(consent, mode, applicant=applicant, purpose=purpose)


REQUESTS = tuple(_requests())


# --- ceilings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HIERARCHIES)
def test_every_field_that_a_study_may_ask_for_has_a_ceiling(kind: str) -> None:
    for cls, subject in product(FieldClass, Subject):
        assert FUZHOU.ceiling(_field(kind, cls, subject), _asking()) is not None


@pytest.mark.parametrize("policies", [BASELINE, FUZHOU], ids=["baseline", "fuzhou"])
def test_no_case_is_left_without_a_ceiling(policies: PolicySet) -> None:
    unbounded = [
        (kind, cls, subject, request.consent, request.mode, request.applicant.kind, request.purpose.category)
        for kind, cls, subject in product(HIERARCHIES, FieldClass, Subject)
        for request in REQUESTS[:: 7 if policies is FUZHOU else 1]
        if not _is_bounded(policies, _field(kind, cls, subject), request)
    ]
    assert unbounded == []


def _is_bounded(policies: PolicySet, field: Field, request: Request) -> bool:
    """Ask only the selectors: the join of the levels is not what is looked for, and there are many cases."""
    return any(
        ceiling.level_for(field.kind) and ceiling.when.matches_field(field) and ceiling.when.matches_request(request)
        for policy in policies.policies
        for ceiling in policy.ceilings
    )


def test_the_baseline_bounds_each_case_by_one_rule_only() -> None:
    """Two rules of one file over one case would hide which of them is meant."""
    (baseline,) = BASELINE.policies
    twice = [
        (kind, cls, subject, request.consent, request.mode)
        for kind, cls, subject in product(HIERARCHIES, FieldClass, Subject)
        for request in REQUESTS[::11]
        if sum(
            bool(rule.level_for(kind))
            and rule.when.matches_field(_field(kind, cls, subject))
            and rule.when.matches_request(request)
            for rule in baseline.ceilings
        )
        != 1
    ]
    assert twice == []


@pytest.mark.parametrize("kind", ["resident_id", "passport", "person_name", "phone", "landline", "email"])
def test_an_identifier_is_never_raw_without_written_consent(kind: str) -> None:
    for request, cls, subject in product(REQUESTS[::3], FieldClass, Subject):
        bound = FUZHOU.ceiling(_field(kind, cls, subject), request)
        assert bound is not None
        if bound.level == "raw":
            assert (request.consent, subject) == (Consent.WRITTEN, Subject.PERSON)
            assert request.mode is not SharingMode.PUBLIC


def test_the_consent_of_the_person_opens_nothing_of_a_relative() -> None:
    request = _asking(Consent.WRITTEN)
    assert _level("phone", request, FieldClass.DIRECT) == "raw"
    assert _level("phone", request, FieldClass.DIRECT, Subject.RELATIVE) == "pseudonym"
    assert _level("person_name", request, FieldClass.DIRECT, Subject.RELATIVE) == "none"
    assert _level("birth_date", request, FieldClass.QUASI, Subject.RELATIVE) == "age"


LEVELS = [
    ("person_name", FieldClass.DIRECT, "none", "none", "none"),
    ("resident_id", FieldClass.DIRECT, "pseudonym", "pseudonym", "pseudonym"),
    ("record_number", FieldClass.DIRECT, "pseudonym", "pseudonym", "pseudonym"),
    ("bank_card", FieldClass.DIRECT, "none", "none", "none"),
    ("organization", FieldClass.OTHER, "raw", "raw", "raw"),
    ("organization", FieldClass.DIRECT, "pseudonym", "pseudonym", "pseudonym"),
    ("birth_date", FieldClass.QUASI, "age_band_5", "age", "year"),
    ("event_date", FieldClass.QUASI, "month", "shifted_day", "shifted_day"),
    ("event_time", FieldClass.QUASI, "month", "shifted_day", "shifted_time"),
    ("address", FieldClass.QUASI, "prefecture", "county", "street"),
    ("icd10", FieldClass.SENSITIVE, "category_3", "full", "full"),
    ("icd9cm3", FieldClass.SENSITIVE, "category_2", "full", "full"),
    ("amount", FieldClass.SENSITIVE, "band", "raw", "raw"),
    ("category", FieldClass.DIRECT, "none", "none", "none"),
    ("free_text", FieldClass.SENSITIVE, "redacted", "surrogate", "surrogate"),
]


@pytest.mark.parametrize(("kind", "cls", "public", "controlled", "enclave"), LEVELS)
def test_the_finest_levels_of_a_study(kind: str, cls: FieldClass, public: str, controlled: str, enclave: str) -> None:
    wanted = dict(zip(SharingMode, (public, controlled, enclave), strict=True))
    assert {mode: _level(kind, _asking(mode=mode), cls) for mode in SharingMode} == wanted


@pytest.mark.parametrize("kind", HIERARCHIES)
def test_public_is_never_finer_than_controlled(kind: str) -> None:
    for cls, consent in product(FieldClass, Consent):
        public, controlled = (
            _level(kind, _asking(consent, mode), cls) for mode in (SharingMode.PUBLIC, SharingMode.CONTROLLED)
        )
        assert hierarchy_of(kind).at_least_as_coarse(public, controlled)


def test_only_public_bodies_get_true_days_without_consent() -> None:
    duty = PurposeCategory.PUBLIC_HEALTH
    levels = {kind: _level("event_date", _asking(applicant=kind, purpose=duty)) for kind in ApplicantKind}
    public = {ApplicantKind.ADMINISTRATIVE_ORGAN, ApplicantKind.PUBLIC_INSTITUTION}
    assert {kind for kind, level in levels.items() if level == "day"} == public
    assert _level("event_date", _asking(applicant=ApplicantKind.ADMINISTRATIVE_ORGAN)) == "shifted_day"


def test_a_bound_cites_the_regime_beside_the_baseline() -> None:
    bound = FUZHOU.ceiling(_field("resident_id", FieldClass.DIRECT), _asking())
    assert bound is not None
    assert [(cited.regime, cited.rule) for cited in bound.cited] == [
        ("baseline", "identifiers"),
        ("fuzhou", "art_16_privacy"),
    ]


# --- the five regimes against their texts -----------------------------------------------------------------------------


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def _articles(regime: str) -> dict[int, str]:
    """Read a regulation's articles without line breaks and spaces, by their numbers."""
    path = TEXTS / f"{regime}.txt"
    if not path.is_file():
        pytest.skip("the text of the regulation is not beside the project")
    heading = r"(?m)^[\s\u3000]*(?:\*\*)?(第[一二三四五六七八九十]+条)(?:\*\*)?"
    parts = re.split(heading, path.read_text(encoding="utf-8"))
    found = {article_number(name): _squeezed(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    assert list(found) == list(range(1, len(found) + 1))
    return {number: body for number, body in found.items() if number is not None}


def _number(cited: str) -> int:
    (number,) = articles_in(cited)
    return number


@pytest.mark.parametrize("regime", REGIMES)
def test_every_quote_stands_in_the_article_that_is_cited(regime: str) -> None:
    policy, articles = POLICIES[regime], _articles(regime)
    for rule in policy.rules:
        document, article = rule.article.split(" ")
        assert document == policy.document
        assert article == f"第{chinese_number(_number(article))}条"
        assert "\n" not in rule.quote
        assert _squeezed(rule.quote) in articles[_number(article)], rule.id


@pytest.mark.parametrize("regime", REGIMES)
def test_every_listed_violation_stands_in_the_article_of_its_number(regime: str) -> None:
    policy, articles = POLICIES[regime], _articles(regime)
    assert [each.number for each in policy.offences if _squeezed(each.zh) not in articles[_number(each.number)]] == []


@pytest.mark.parametrize("regime", REGIMES)
def test_a_list_of_categories_is_that_of_the_regulation_in_its_order(regime: str) -> None:
    policy = POLICIES[regime]
    if policy.categories:
        listed = "、".join(policy.categories.names)
        assert listed in policy.categories.rule.quote.replace("和综合管理", "、综合管理")
    counts = {"fuzhou": 8, "shandong": 7, "guiyang": 10}
    assert len(policy.categories.names if policy.categories else ()) == counts.get(regime, 0)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_article_carries_a_rule_or_stands_outside_with_its_reason(regime: str) -> None:
    policy, articles = POLICIES[regime], _articles(regime)
    carried = {_number(text) for text in (*(r.article for r in policy.rules), *(o.number for o in policy.offences))}
    outside = frozenset[int]().union(*(articles_in(each.articles) for each in policy.outside))
    assert carried | outside == set(articles)
    assert all(each.reason for each in policy.outside)


@pytest.mark.parametrize("regime", REGIMES)
def test_a_rule_is_called_after_its_article(regime: str) -> None:
    for rule in POLICIES[regime].rules:
        assert rule.id.startswith(f"art_{_number(rule.article)}_"), rule.id


def test_a_step_is_that_of_one_role_and_one_organ_in_all_files() -> None:
    signers: dict[str, set[tuple[Role, str | None, bool]]] = {}
    for policy in (*BASELINE.policies, *POLICIES.values()):
        for chain in policy.chains:
            for step in chain.steps:
                signers.setdefault(step.id, set()).add((step.role, step.unit, step.agrees))
    assert {name: who for name, who in signers.items() if len(who) > 1} == {}


def test_the_baseline_and_all_regimes_together_contradict_each_other_in_nothing() -> None:
    everything = load_policies(REGIMES)
    fields = [_shared(_field("age"), mode) for mode in SharingClass]
    for request in REQUESTS[::5]:
        assert everything.conflicts(request, fields) == ()


@pytest.mark.parametrize(
    ("regime", "status", "in_force", "division"),
    [
        ("chongqing", Status.IN_FORCE, date(2020, 1, 20), "500000"),
        ("sichuan", Status.DRAFT, None, "510000"),
        ("shandong", Status.IN_FORCE, date(2020, 10, 1), "370000"),
        ("guiyang", Status.IN_FORCE, date(2019, 1, 1), "520100"),
    ],
)
def test_each_regime_has_its_standing_and_its_place(
    regime: str, status: Status, in_force: date | None, division: str
) -> None:
    policy = POLICIES[regime]
    assert (policy.status, policy.in_force, policy.division) == (status, in_force, division)


# --- what each regime asks for -----------------------------------------------------------------------------------------


def _levels_of(regime: str, request: Request, field: Field) -> str:
    bound = load_policies([regime]).ceiling(field, request)
    assert bound is not None
    return bound.level


@pytest.mark.parametrize("regime", REGIMES)
def test_a_name_and_a_number_need_written_consent_everywhere(regime: str) -> None:
    number, name = (_field(kind, FieldClass.DIRECT) for kind in ("resident_id", "person_name"))
    assert _levels_of(regime, _asking(), number) == "pseudonym"
    assert _levels_of(regime, _asking(), name) == "none"
    opened = "pseudonym" if regime == "guiyang" else "raw"
    assert _levels_of(regime, _asking(Consent.WRITTEN), number) == opened
    assert _levels_of(regime, _asking(Consent.WRITTEN), name) == "raw"


def test_shandong_opens_what_is_not_open_by_consent_or_treatment_and_bounds_every_kind() -> None:
    shandong = POLICIES["shandong"]
    unlocking = [rule for rule in shandong.ceilings if rule.unlocks]
    assert [rule.unlocks for rule in unlocking] == [Unlock.TREATMENT, Unlock.TREATMENT, Unlock.CONSENT]
    for rule in unlocking:
        assert {bound.kind for bound in rule.levels} == set(HIERARCHIES)
    policies = load_policies(["shandong"])
    field = _shared(_field("icd10", FieldClass.SENSITIVE), SharingClass.RESTRICTED)
    treated, agreed = (policies.ceiling(field, _asking(each)) for each in (Consent.WAIVER, Consent.WRITTEN))
    assert treated is not None
    assert agreed is not None
    assert (treated.level, [each.by for each in treated.unlocked]) == ("category_3", [Unlock.TREATMENT])
    assert (agreed.level, [each.by for each in agreed.unlocked]) == ("full", [Unlock.CONSENT])


@pytest.mark.parametrize("regime", ["chongqing", "fuzhou", "shandong"])
def test_each_subject_of_an_agreement_has_a_term_that_holds_it(regime: str) -> None:
    policies = load_policies([regime])
    agreement = policies.agreement(REQUEST, [_field("age")])
    assert agreement is not None
    asked = {subject for subject, _ in agreement.subjects}
    assert len(asked) >= 4
    assert asked <= {term.subject for term in POLICIES[regime].terms}


def test_chongqing_never_gives_what_is_not_shared_and_keeps_everything_in_the_city() -> None:
    policies = load_policies(["chongqing"])
    here = replace(REQUEST, safeguards=replace(REQUEST.safeguards, division="500103"))
    fields = {mode: _shared(_field("age"), mode) for mode in SharingClass}
    assert [reason.rule for reason in policies.unmet(here, [fields[SharingClass.RESTRICTED]])] == [
        "chongqing.art_16_not_shared"
    ]
    assert policies.unmet(here, [fields[SharingClass.CONDITIONAL]]) == ()
    assert "chongqing.art_17_servers" in {r.rule for r in policies.unmet(REQUEST, [fields[SharingClass.OPEN]])}
    assert [reason.rule for reason in policies.area_faults("350100", "source")] == ["chongqing.art_17_servers"]


@pytest.mark.parametrize(
    ("non_profit", "history", "decides"),
    [
        (True, History.FIRST, "sichuan_leader_decision"),
        (False, History.FIRST, "sichuan_council_decision"),
        (False, History.RENEWAL, "sichuan_leader_decision"),
        (False, History.PRECEDENT, "sichuan_leader_decision"),
    ],
)
def test_who_decides_in_sichuan_depends_on_use_and_history(non_profit: bool, history: History, decides: str) -> None:
    request = replace(REQUEST, purpose=replace(REQUEST.purpose, non_profit=non_profit))
    steps = load_policies(["sichuan"]).steps(request, [_field("age")], Circumstances(history=history))
    assert [step.id for step, _ in steps] == ["operator_review", "sichuan_office_review", decides]


def test_sichuan_lets_a_request_go_abroad_by_its_chain_and_fuzhou_by_none() -> None:
    abroad = replace(REQUEST, safeguards=replace(REQUEST.safeguards, abroad=True, division="US"))
    sichuan = load_policies(["sichuan"])
    assert "sichuan_abroad_security" in [step.id for step, _ in sichuan.steps(abroad, [_field("age")])]
    assert not {"baseline.not_abroad", "sichuan.art_33_recipient"} & {
        r.rule for r in sichuan.unmet(abroad, [_field("age")])
    }
    assert {r.rule for r in BASELINE.unmet(abroad, [_field("age")])} == {"baseline.not_abroad"}
    assert "fuzhou.art_25_servers" in {r.rule for r in FUZHOU.unmet(abroad, [_field("age")])}


@pytest.mark.parametrize("regime", REGIMES)
def test_an_open_breach_stops_where_the_regulation_has_an_integrity_mechanism(regime: str) -> None:
    facts = Circumstances(breaches=("BR-1",))
    stopped = {r.rule for r in load_policies([regime]).unmet(REQUEST, [_field("age")], facts)} - {
        r.rule for r in load_policies([regime]).unmet(REQUEST, [_field("age")])
    }
    rules = {"sichuan": "art_17_integrity", "fuzhou": "art_16_integrity", "guiyang": "art_5_integrity"}
    assert stopped == ({f"{regime}.{rules[regime]}"} if regime in rules else set())


# --- Fuzhou ----------------------------------------------------------------------------------------------------------


def test_fuzhou_is_on_trial_in_its_city() -> None:
    local = FUZHOU.local_policy
    assert (local.status, local.in_force, local.division) == (Status.TRIAL, date(2017, 4, 21), "350100")
    assert dict(local.names.sharing)["conditional"] == "授权开放类"
    assert dict(local.names.roles)["technical_service_unit"] == "技术服务单位"


def test_each_sharing_class_of_fuzhou_has_its_steps() -> None:
    def ids(mode: SharingClass) -> list[str]:
        return [step.id for step, _ in FUZHOU.steps(_asking(), [_shared(_field("age"), mode)])]

    agreement = ["agreement_user", "agreement_operator"]
    assert ids(SharingClass.OPEN) == ["operator_release"]
    assert ids(SharingClass.CONDITIONAL) == ["operator_review", *agreement]
    organs = ["operator_report", "authority_digital", "authority_health"]
    assert ids(SharingClass.RESTRICTED) == ["operator_review", *organs, *agreement]


def test_the_organs_decide_before_the_agreement_where_classes_are_mixed() -> None:
    fields = [_shared(_field("age"), mode) for mode in SharingClass]
    ids = [step.id for step, _ in FUZHOU.steps(_asking(), fields)]
    assert ids.index("authority_health") < ids.index("agreement_user")
    assert len(ids) == len(set(ids))


def test_the_parties_sign_the_agreement_and_the_organs_are_named() -> None:
    steps = {step.id: step for step, _ in FUZHOU.steps(_asking(), [_shared(_field("age"), SharingClass.RESTRICTED)])}
    assert {name for name, step in steps.items() if step.agrees} == {"agreement_user", "agreement_operator"}
    assert steps["authority_digital"].unit == "福州市数字办"
    assert steps["authority_health"].unit == "福州市卫健委"
    assert steps["agreement_user"].role is Role.DATA_USER


def _unmet(request: Request, *fields: Field) -> set[str]:
    return {reason.rule for reason in FUZHOU.unmet(request, fields or [_field("age", FieldClass.SENSITIVE)])}


def test_the_example_request_meets_everything() -> None:
    assert _unmet(REQUEST) == set()


@pytest.mark.parametrize(
    ("request_", "rules"),
    [
        (replace(REQUEST, ethics=None), {"baseline.ethics"}),
        (
            replace(REQUEST, safeguards=replace(REQUEST.safeguards, abroad=True)),
            {"baseline.not_abroad", "fuzhou.art_25_abroad", "fuzhou.art_25_servers"},
        ),
        (
            replace(REQUEST, safeguards=replace(REQUEST.safeguards, passed_on=True)),
            {"baseline.not_passed_on", "fuzhou.art_17_scope"},
        ),
        (
            replace(REQUEST, safeguards=replace(REQUEST.safeguards, division="US")),
            {"baseline.not_abroad", "fuzhou.art_25_abroad", "fuzhou.art_25_servers"},
        ),
        (replace(REQUEST, safeguards=replace(REQUEST.safeguards, mlps=2)), {"baseline.mlps"}),
        (replace(REQUEST, applicant=replace(REQUEST.applicant, industrial_park=False)), {"fuzhou.art_15_park"}),
        (replace(REQUEST, purpose=replace(REQUEST.purpose, non_profit=False)), {"fuzhou.art_19_non_profit"}),
        (
            replace(
                _asking(applicant=ApplicantKind.ENTERPRISE, purpose=PurposeCategory.PRODUCT),
                applicant=replace(REQUEST.applicant, kind=ApplicantKind.ENTERPRISE, domestically_controlled=False),
            ),
            {"fuzhou.art_15_domestic"},
        ),
        (_asking(purpose=PurposeCategory.ADMINISTRATION), {"fuzhou.art_14_sharing"}),
    ],
    ids=["ethics", "abroad", "passed_on", "division", "mlps", "park", "profit", "foreign", "administration"],
)
def test_each_gate_refuses_with_its_rule(request_: Request, rules: set[str]) -> None:
    assert _unmet(request_) == rules


def test_an_organ_of_the_city_needs_no_place_in_the_park() -> None:
    organ = _asking(applicant=ApplicantKind.ADMINISTRATIVE_ORGAN, purpose=PurposeCategory.ADMINISTRATION)
    outside = replace(organ, applicant=replace(organ.applicant, industrial_park=False))
    assert _unmet(outside) == set()


def test_the_log_is_kept_for_three_years_in_fuzhou_and_for_half_a_year_at_least() -> None:
    floors = [(policy.regime, each.months) for policy in FUZHOU.policies for each in policy.retention
              if each.subject is RetentionSubject.LOG]  # fmt: skip
    assert floors == [("baseline", 6), ("fuzhou", 36)]


def test_article_29_makes_four_duties_of_the_data_user() -> None:
    (_, fuzhou) = FUZHOU.policies
    events = [duty.opens_on for duty in fuzhou.duties if duty.id.startswith("art_29") and duty.role is Role.DATA_USER]
    assert sorted(events) == sorted([DutyEvent.DELIVERED, DutyEvent.DELIVERED, DutyEvent.EXPIRED, DutyEvent.EXPIRING])


def test_every_violation_has_its_number_in_article_32() -> None:
    covered = [violation for offence in FUZHOU.local_policy.offences for violation in offence.covers]
    assert sorted(covered) == sorted(Violation)


def test_the_limits_of_risk_follow_the_sharing_mode() -> None:
    limits = {mode: FUZHOU.risk_limit(mode)[0] for mode in SharingMode}
    assert [(limit.k, limit.suppression_limit, limit.threshold) for limit in limits.values()] == [
        (20, 0.1, 0.05),
        (5, 0.1, 0.05),
        (3, 0.1, 0.05),
    ]


def test_text_is_searched_for_every_type_of_span() -> None:
    assert set(FUZHOU.text_entities) == {kind.value for kind in SpanType}


# --- where they are --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(policy_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_that_is_delivered_is_read(path: Path) -> None:
    assert read_policy(path).regime == path.stem


def test_the_baseline_is_always_asked_first_and_once() -> None:
    assert [policy.regime for policy in load_policies(["fuzhou", "baseline", "fuzhou"]).policies] == [
        "baseline",
        "fuzhou",
    ]
    assert "baseline" not in regimes_in(policy_folder())


@pytest.mark.parametrize("name", ["atlantis", "../policies/fuzhou", "fuzhou.yaml", ""])
def test_a_regime_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"choose one of: .*fuzhou"):
        load_policies([name])


def test_a_policy_file_is_named_after_its_regime(tmp_path: Path) -> None:
    for name, source in (("baseline", "baseline"), ("xiamen", "fuzhou")):
        (tmp_path / f"{name}.yaml").write_bytes((policy_folder() / f"{source}.yaml").read_bytes())
    with pytest.raises(FormError, match="named after its regime"):
        load_policies(["xiamen"], folder=tmp_path)


def test_sichuan_cannot_let_two_paths_decide_on_one_case(tmp_path: Path) -> None:
    text = (policy_folder() / "sichuan.yaml").read_text("utf-8")
    assert text.count("history: [renewal]") == 1
    twice = tmp_path / "sichuan.yaml"
    twice.write_text(text.replace("history: [renewal]", "history: [first]"), "utf-8")
    with pytest.raises(
        FormError, match=r"sichuan\.yaml:\d+: chains\[\d\]\.when: chain art_19_for_profit stands over the same"
    ):
        read_policy(twice)
