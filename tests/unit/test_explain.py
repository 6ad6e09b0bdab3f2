"""A plan in words: everything that an approver decides on is told, and no literal of the population is."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes, to_json
from extractor.catalogue import FieldClass, ValueFormat
from extractor.demo.sources import example_folder
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import Technique
from extractor.manifest import recipient_fingerprint
from extractor.pages.render import dictionary_page, plan_page, plan_text
from extractor.plans.compile import compile_plan
from extractor.plans.demands import ConsentColumn, ConsentPlan, PlannedCircumstances, UsedFiling, Yielded
from extractor.plans.explain import WITHHELD, explain, predicate_words
from extractor.plans.minimality import columns_read
from extractor.plans.nodes import AllOf, AnyOf, Compare, IsNull, Not, OneOf, Operator, Plan, Predicate
from extractor.plans.words import (
    ASSESSMENT_ZH,
    CLASS_ZH,
    EVENT_ZH,
    EVIDENCE_ZH,
    GRANT_ZH,
    HISTORY_ZH,
    MODE_ZH,
    PRACTICE_ZH,
    ROLE_ZH,
    STATUS_ZH,
    SUBJECT_ZH,
    TECHNIQUE_ZH,
    UNLOCK_ZH,
    cited_words,
)
from extractor.policy_asked import AskedAssessment, AskedGrant, Unlocked
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    DutyEvent,
    Evidence,
    GrantPart,
    History,
    PracticeKind,
    Status,
    Unlock,
)
from extractor.requests import Consent, Role, SharingMode

POLICIES = load_policies(("fuzhou",))
HOSPITAL = read_catalogue(example_folder("hospital") / "catalogue.yaml")
STROKE = read_request(example_folder("hospital") / "request.yaml")


def plan_with(population: str) -> Plan:
    return compile_plan(replace(STROKE, population=population), HOSPITAL, POLICIES)


PLAN = plan_with(STROKE.population)
WORDS = explain(PLAN)


def shown(plan: Plan) -> list[str]:
    words = explain(plan)
    explained = canonical_bytes(words).decode()
    return [explained, json.dumps(to_json(words)), plan_text(words), plan_page(words), dictionary_page(plan)]


# Characters that stand nowhere else in the plan, so that a single one of them would be a leak.
MARK = st.text(alphabet="䶮龘靐齉鱻麤龗灪", min_size=3, max_size=8)
FORMS = st.sampled_from([
    "admissions.CYSZYZD = '{}'", "patients.XB LIKE '{}%'", "patients.MZ NOT LIKE '%{}'", "admissions.JBDM IN ('a', '{}')",
    "NOT (admissions.JBDM <> '{}' OR admissions.NL = 771177)", "admissions.CYSZYZD BETWEEN '{}' AND 'z'",
    "admissions.ZFY > 771177.25 AND '{}' <> admissions.JBDM", "admissions.RYRQ > '1977-11-17' AND admissions.JBDM = '{}'",
])  # fmt: skip


@given(st.lists(st.tuples(FORMS, MARK), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_no_literal_of_the_population_is_shown_in_any_form(parts: list[tuple[str, str]]) -> None:
    plan = plan_with(" AND ".join(form.format(mark) for form, mark in parts))
    for text in shown(plan):
        for _, mark in parts:
            assert not set(mark) & set(text)
            assert json.dumps(mark)[1:-1] not in text
        words = re.sub(r"sha256:[0-9a-f]{64}", "", text)  # four digits stand in some digest by chance
        for literal in ("771177", "1977-11-17", "1977"):
            assert literal not in words


def test_a_literal_that_stands_in_the_plan_would_be_seen_by_this_check() -> None:
    plan = plan_with("admissions.JBDM = '龘靐'")
    assert "龘靐" in canonical_bytes(plan).decode()
    leaky = replace(plan, title="研究龘靐")
    assert all("龘靐" in text or json.dumps("龘靐")[1:-1] in text for text in shown(leaky))


def test_every_field_is_told_with_class_levels_technique_reason_and_rules() -> None:
    pages = plan_page(WORDS), plan_text(WORDS)
    columns = [(table.name, column) for table in PLAN.tables for column in table.columns]
    assert len(WORDS.given) == len(columns)
    for (table, column), told in zip(columns, WORDS.given, strict=True):
        assert (told.table, told.field, told.zh) == (table, column.output, column.zh)
        assert told.coarsened is column.coarsened
        for rule in told.rules:
            assert all(rule in page for page in pages)
        for text in (f"{table}.{column.output}", column.zh, told.level, told.technique, told.reason, told.cls):
            assert all(text in page or text.replace("&", "&amp;") in page for page in pages)
        cited = {f"{c.regime}.{c.rule}〔{c.article}〕" for c in column.cited}
        assert set(told.rules) == cited != set()


def test_what_was_made_coarser_is_marked_and_what_is_not_given_stands_apart() -> None:
    html, text = plan_page(WORDS), plan_text(WORDS)
    coarser = [column for column in WORDS.given if column.coarsened]
    assert coarser
    assert html.count('<span class="coarser">') == len(coarser)
    assert text.count("  ▽ ") == len(coarser)
    for column in coarser:
        assert column.outcome == f"由“{column.requested}”降为“{column.level}”"
        assert column.outcome in html
        assert column.outcome in text
    assert [column.field for column in WORDS.withheld] == ["patients.BRXM"]
    assert html.count('<span class="none">不提供</span>') == 1
    assert "× patients.BRXM 姓名" in text


def test_fields_of_one_name_in_two_tables_are_told_apart_when_neither_is_given() -> None:
    none = [replace(v, level="none", coarsest=None) if v.field == "BAH" else v for v in STROKE.variables]
    plan = compile_plan(replace(STROKE, variables=tuple(none)), HOSPITAL, POLICIES)
    withheld = {column.field for column in explain(plan).withheld}
    assert {"patients.BAH", "admissions.BAH", "diagnoses.BAH"} <= withheld


def test_what_is_read_is_told_table_by_table() -> None:
    assert {table: set(columns.split("、")) for table, columns in WORDS.read} == columns_read(PLAN)
    assert "patients.BRXM" in WORDS.known
    assert all("patients.BRXM" in page for page in (plan_page(WORDS), plan_text(WORDS)))


def test_facts_steps_terms_limits_and_warnings_are_told_in_both_forms() -> None:
    plan = replace(PLAN, risk=replace(PLAN.risk, l_diversity=3, t_closeness=0.25), warnings=("草案警告",))
    words = explain(plan)
    limits = dict(words.risk)
    assert (limits["l 多样性"], limits["t 接近性"]) == ("不少于 3", "不大于 0.25")
    assert "l 多样性" not in dict(WORDS.risk)
    wanted = [
        plan.digest, plan.title, plan.purpose, plan.until.isoformat(), *plan.people, *plan.terms, "草案警告", "0.25",
        *(step.zh for step in plan.steps), *(step.cited.article for step in plan.steps),
    ]  # fmt: skip
    for page in (plan_page(words), plan_text(words)):
        assert [text for text in wanted if text not in page] == []


def test_the_conditions_are_told_by_column_and_comparison() -> None:
    told = "\n".join(WORDS.population)
    assert "JBDM 以〔值略〕开头" in told
    assert "NL 不小于 〔值略〕" in told
    assert "RYRQ 小于 〔值略〕" in told
    assert "患者基本信息:仅限在 admissions 中符合条件的人员(按 BAH)" in told
    for name, table in (("出院诊断", "diagnoses"), ("住院费用明细", "charges"), ("病程记录", "notes")):
        assert f"{name}:仅 {table} 中属于 admissions 符合条件的行的记录(按 ZYH)" in told


def test_who_can_open_it_what_pseudonyms_reach_and_how_ages_stand_in_texts_are_told() -> None:
    facts = dict(WORDS.facts)
    assert facts["收件人公钥指纹"] == recipient_fingerprint(PLAN.recipient_key)
    assert PLAN.project in facts["假名范围"]
    assert facts["文本中的年龄"] == "十岁段"
    for page in (plan_page(WORDS), plan_text(WORDS)):
        assert facts["收件人公钥指纹"] in page
        assert "十岁段" in page
    without = [v for v in STROKE.variables if v.field != "JLNR"]
    told = dict(explain(compile_plan(replace(STROKE, variables=tuple(without)), HOSPITAL, POLICIES)).facts)
    assert "文本中的年龄" not in told


def test_a_part_of_a_text_is_told_around_the_withheld_value() -> None:
    words = {op: predicate_words(Compare("F", op, "v", ValueFormat.TEXT)) for op in Operator}
    assert words[Operator.STARTS_WITH] == "F 以〔值略〕开头"
    assert words[Operator.ENDS_WITH] == "F 以〔值略〕结尾"
    assert words[Operator.CONTAINS] == "F 包含〔值略〕"


CASES: list[tuple[Predicate, str]] = [
    *((Compare("F", operator, "v", ValueFormat.TEXT), WITHHELD) for operator in Operator),
    (OneOf("F", ("v", "w"), ValueFormat.TEXT), "F 属于 2 个值之一"),
    (IsNull("F"), "F 为空"),
    (Not(IsNull("F")), "非(F 为空)"),
    (AllOf((IsNull("F"), AnyOf((IsNull("G"), IsNull("H"))))), "F 为空 且 (G 为空 或 H 为空)"),
]


@pytest.mark.parametrize(("predicate", "part"), CASES)
def test_every_kind_of_predicate_has_words(predicate: Predicate, part: str) -> None:
    words = predicate_words(predicate)
    assert part in words
    assert "v" not in words


def test_regimes_terms_duties_practices_and_the_chain_are_told_each_with_its_article() -> None:
    brought = [
        *((r.zh, r.document) for r in PLAN.regimes),
        *((t.zh, t.cited.article) for t in PLAN.agreement.terms),
        *((d.zh, d.cited[0].article) for d in PLAN.duties),
        *((PRACTICE_ZH[p.practice], p.cited[0].article) for p in PLAN.practices),
        *((s.zh, s.cited.article) for s in PLAN.steps),
        *((SUBJECT_ZH[s.subject], s.cited.article) for s in PLAN.agreement.subjects),
    ]
    assert len(brought) > 15
    assert {"试行", "现行"} <= {STATUS_ZH[r.status] for r in PLAN.regimes}
    assert WORDS.agreement[0][0] == "签订《福州市健康医疗大数据资源使用协议书》"
    for page in (plan_page(WORDS), plan_text(WORDS)):
        lines = page.splitlines()
        for said, article in brought:
            assert any(said in line and article in line for line in lines), (said, article)


def test_a_reader_sees_which_regime_won_and_what_the_other_would_have_allowed() -> None:
    yielded = [column for column in WORDS.given if column.yielded]
    raw = compile_plan(replace(STROKE, consent=Consent.WRITTEN), HOSPITAL, POLICIES)
    told = explain(raw)
    yielded += [column for column in told.given if column.yielded]
    milder = replace(PLAN.tables[0].columns[0], yielded=(Yielded("raw", PLAN.risk.cited),))
    table = replace(PLAN.tables[0], columns=(milder, *PLAN.tables[0].columns[1:]))
    words = explain(replace(PLAN, tables=(table, *PLAN.tables[1:])))
    for page in (plan_page(words), plan_text(words)):
        assert f"从严:另一制度本可提供“原值”({cited_words(PLAN.risk.cited[0])})" in page
    assert all("〔" in said for column in yielded for said in column.yielded)


def test_what_opens_a_field_and_what_stands_on_consent_or_on_a_filing_is_told() -> None:
    opened = replace(PLAN.tables[0].columns[0], unlocked=(Unlocked(Unlock.TREATMENT, PLAN.steps[0].cited),))
    table = replace(PLAN.tables[0], columns=(opened, *PLAN.tables[0].columns[1:]))
    place = f"{table.name}.{opened.output}"
    plan = replace(
        PLAN, tables=(table, *PLAN.tables[1:]),
        consent=ConsentPlan(
            (ConsentColumn(place, "raw", "none"), ConsentColumn("admissions.JBDM", "full", "none")), PLAN.risk.cited
        ),
        circumstances=PlannedCircumstances(
            History.RENEWAL, "RQ-2026-0007", UsedFiling("UF-2026-0003", (place,), PLAN.risk.cited)
        ),
        assessments=(AskedAssessment(AssessmentKind.PRIVACY_IMPACT, 90, PLAN.risk.cited),),
        grant=AskedGrant((GrantPart.SECURITY_TERMS,), PLAN.risk.cited),
    )  # fmt: skip
    wanted = [
        UNLOCK_ZH[Unlock.TREATMENT], f"{place}:凭同意提供“原值”,无同意时为“不提供”", "延期使用(依据 RQ-2026-0007)",
        f"UF-2026-0003:{place}", "个人信息安全影响评估(90 日内有效)", "安全条款",
    ]  # fmt: skip
    for page in (plan_page(explain(plan)), plan_text(explain(plan))):
        assert [text for text in wanted if text not in page] == []
    bare = plan_text(WORDS)
    assert [text for text in wanted if text in bare] == []
    assert "首次申请" in bare


def test_there_are_words_for_every_closed_word_of_a_plan() -> None:
    for words, closed in (
        (ROLE_ZH, Role), (STATUS_ZH, Status), (HISTORY_ZH, History), (UNLOCK_ZH, Unlock), (ASSESSMENT_ZH, AssessmentKind),
        (SUBJECT_ZH, AgreementSubject), (GRANT_ZH, GrantPart), (EVENT_ZH, DutyEvent), (EVIDENCE_ZH, Evidence),
        (PRACTICE_ZH, PracticeKind),
    ):  # fmt: skip
        assert set(words) == set(closed)
        assert len(set(words.values())) == len(words)


def test_there_are_words_for_every_class_mode_and_technique() -> None:
    assert set(CLASS_ZH) == set(FieldClass)
    assert set(MODE_ZH) == {mode.value for mode in SharingMode}
    assert set(TECHNIQUE_ZH) == {technique.value for technique in Technique}
