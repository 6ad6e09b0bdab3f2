"""What a plan brings with it: regimes, circumstances, practices, agreement and consent, as the policies ask, and its warnings.

Owns how these parts are put together from the answers of the policies. It must not know how levels are decided or rows chosen.
"""

from __future__ import annotations

from collections.abc import Iterable

from extractor.canonical import digest
from extractor.catalogue import Field, FieldClass, Subject, UseMode
from extractor.levels import hierarchy_of
from extractor.plans.decide import NOT_GIVEN, Case, Decided
from extractor.plans.demands import (
    AgreementPlan,
    ConsentColumn,
    ConsentPlan,
    PlannedCircumstances,
    PlannedRegime,
    PlannedSubject,
    PlannedTerm,
    Practised,
    UsedFiling,
)
from extractor.plans.nodes import TablePlan
from extractor.policy import cite
from extractor.policy_set import PolicySet
from extractor.policy_words import PracticeKind, Status
from extractor.requests import Consent

Conditions = tuple[tuple[str, Field, bool], ...]
"""Fields of the population: place (``table.field``), field, and whether only consent opens a condition on it."""

UNCOUNTED_ZH = "凭本人同意可识别的字段不计入重标识风险"


def regimes_of(policies: PolicySet) -> tuple[PlannedRegime, ...]:
    """Return each policy's name, standing and digest, so that a reader sees a draft for what it is."""
    return tuple(PlannedRegime(p.regime, p.zh, p.document, p.status, digest(p)) for p in policies.policies)


def circumstances_of(case: Case, decided: Iterable[Decided]) -> PlannedCircumstances:
    """Return the history, what it leans on, and the filing with the fields that it opens here."""
    facts, asked = case.facts, case.policies.filing()
    used = None
    if facts.filing is not None:
        opened = tuple(
            each.variable.place
            for each in decided
            if UseMode.EXTRACT not in each.field.use and each.column.level != NOT_GIVEN
        )
        used = UsedFiling(facts.filing.number, opened, asked.cited if asked else ())
    return PlannedCircumstances(facts.history, facts.leans_on, used)


def practices_of(policies: PolicySet) -> tuple[Practised, ...]:
    """Return the practices that a regime asks for, in the order of the closed list."""
    found = ((kind, policies.practice(kind)) for kind in PracticeKind)
    return tuple(Practised(kind, cited) for kind, cited in found if cited)


def agreement_of(case: Case, asked: tuple[Field, ...]) -> AgreementPlan:
    """Return the agreement with names, subjects and terms; the terms stand also where no regime asks for an agreement."""
    terms = tuple(
        PlannedTerm(term.zh, term.subject, cite(policy, term.rule))
        for policy in case.policies.policies
        for term in policy.terms
    )
    wanted = case.policies.agreement(case.request, asked, case.facts)
    if wanted is None:
        return AgreementPlan(terms=terms)
    subjects = tuple(PlannedSubject(subject, cited) for subject, cited in wanted.subjects)
    return AgreementPlan(wanted.names, subjects, terms, wanted.cited)


def consent_of(case: Case, decided: Iterable[Decided], conditions: Conditions) -> ConsentPlan | None:
    """Return what stands on written consent: columns that are finer with it than without, and conditions that it opens."""
    if case.request.consent is not Consent.WRITTEN:
        return None
    columns = [
        ConsentColumn(each.variable.place, each.column.level, each.without)
        for each in decided
        if each.without is not None and each.by_consent
    ]
    columns += [
        ConsentColumn(place, hierarchy_of(field.kind).names[0], NOT_GIVEN)
        for place, field, opened in conditions
        if opened
    ]
    if not columns:
        return None
    return ConsentPlan(tuple(dict.fromkeys(columns)), case.policies.consents(case.request, case.facts))


def identified_by_consent(tables: Iterable[TablePlan]) -> tuple[str, ...]:
    """Name the fields (``table.field``) by which persons agreed to be identified, which the risk gate therefore does not count."""
    return tuple(
        f"{table.name}.{column.output}"
        for table in tables
        for column in table.columns
        if column.cls is FieldClass.DIRECT and hierarchy_of(column.kind).level(column.level).quasi and not column.quasi
    )


def warnings_of(case: Case, tables: tuple[TablePlan, ...]) -> tuple[str, ...]:
    """Return what an approver must be told before all else: drafts, and what may say more or be treated less than it seems."""
    drafts = [f"{p.zh}为征求意见稿" for p in case.policies.policies if p.status is Status.DRAFT]
    first = [f"不作为续期办理:{case.facts.no_renewal}"] if case.facts.no_renewal else []
    kinds = {column.kind for table in tables for column in table.columns}
    twice = ["同时提供出生日期与年龄,二者合并可能更精确"] if {"birth_date", "age"} <= kinds else []
    named = identified_by_consent(tables)
    return (
        *drafts,
        *first,
        *twice,
        *([f"{UNCOUNTED_ZH}:{'、'.join(named)}"] if named else []),
        *(_unknown_patient(table) for table in tables if table.text_age and not _names_patient(table)),
    )


def _names_patient(table: TablePlan) -> bool:
    return any(value.kind == "person_name" and value.subject is Subject.PERSON for value in table.known)


def _unknown_patient(table: TablePlan) -> str:
    return f"{table.zh}:目录中没有可查的患者姓名列,文本中的姓名只能靠识别,可能遗漏"
