"""What a plan brings with it, in words: regimes, circumstances, consent, assessments, agreement, duties, practices, each cited.

Owns these sentences. It must not know levels or rows, which ``extractor.plans.explain`` tells, nor how sentences are shown.
"""

from __future__ import annotations

from typing import TypeAlias

from extractor.levels import hierarchy_of
from extractor.plans.demands import ConsentColumn
from extractor.plans.nodes import Plan
from extractor.plans.words import (
    ASSESSMENT_ZH,
    EVENT_ZH,
    EVIDENCE_ZH,
    GRANT_ZH,
    HISTORY_ZH,
    PRACTICE_ZH,
    ROLE_ZH,
    STATUS_ZH,
    SUBJECT_ZH,
    all_cited,
    cited_words,
    titled,
)
from extractor.policy_asked import AskedDuty

Said: TypeAlias = tuple[str, str]
"""A sentence and the rules behind it."""


def regimes_said(plan: Plan) -> tuple[Said, ...]:
    """Name each policy with its document and standing, in the order in which they were asked."""
    return tuple((r.zh, f"{r.document},{STATUS_ZH[r.status]}({r.regime} {r.digest})") for r in plan.regimes)


def circumstances_said(plan: Plan) -> tuple[Said, ...]:
    """Say what went before, what the plan leans on, and which fields an urgent filing opens."""
    facts = plan.circumstances
    leans = f"(依据 {facts.leans_on})" if facts.leans_on else ""
    said = [("申请情形", f"{HISTORY_ZH[facts.history]}{leans}")]
    if facts.filing is not None:
        opened = "、".join(facts.filing.fields) or "未打开任何字段"
        said.append(("紧急报备", f"{facts.filing.number}:{opened}({all_cited(facts.filing.cited)})"))
    return tuple(said)


def consent_said(plan: Plan) -> tuple[Said, ...]:
    """Say which columns stand on the persons' consent, and what they would be without."""
    if plan.consent is None:
        return ()
    kinds = {f"{table.name}.{column.source}": column.kind for table in plan.tables for column in table.columns}
    rules = all_cited(plan.consent.cited)
    return tuple((_consented(column, kinds.get(column.place)), rules) for column in plan.consent.columns)


def _consented(column: ConsentColumn, kind: str | None) -> str:
    if kind is None:
        return f"{column.place}:凭同意用作人群条件"
    hierarchy = hierarchy_of(kind)
    level, without = hierarchy.level(column.level).zh, hierarchy.level(column.without).zh
    return f"{column.place}:凭同意提供“{level}”,无同意时为“{without}”"


def assessments_said(plan: Plan) -> tuple[Said, ...]:
    """Say which assessments stand before the steps of an authority."""
    return tuple(
        (f"{ASSESSMENT_ZH[each.kind]}({each.valid_days} 日内有效)", all_cited(each.cited)) for each in plan.assessments
    )


def agreement_said(plan: Plan) -> tuple[Said, ...]:
    """Name the agreement and each subject that its text must hold."""
    agreement = plan.agreement
    if not agreement.cited:
        return ()
    return (
        (f"签订{''.join(map(titled, agreement.names))}", all_cited(agreement.cited)),
        *((f"须载明:{SUBJECT_ZH[each.subject]}", cited_words(each.cited)) for each in agreement.subjects),
    )


def terms_said(plan: Plan) -> tuple[Said, ...]:
    """Give each term with its subject and rule."""
    return tuple(
        (f"〔{SUBJECT_ZH[term.subject]}〕{term.zh}" if term.subject else term.zh, cited_words(term.cited))
        for term in plan.agreement.terms
    )


def duties_said(plan: Plan) -> tuple[Said, ...]:
    """Say who owes what, from when, within how many days, and with which evidence."""
    return tuple((_duty(duty), all_cited(duty.cited)) for duty in plan.duties)


def _duty(duty: AskedDuty) -> str:
    again = f",每 {duty.every_days} 日一次" if duty.every_days is not None else ""
    due = f"{EVENT_ZH[duty.opens_on]} {duty.within_days} 日内{again}"
    return f"{duty.zh}({ROLE_ZH[duty.role]};{due};凭{EVIDENCE_ZH[duty.evidence]}办结)"


def grant_said(plan: Plan) -> tuple[Said, ...]:
    """Say what the technical service unit's grant must hold."""
    if plan.grant is None:
        return ()
    parts = "、".join(GRANT_ZH[part] for part in plan.grant.holds)
    return ((f"技术服务单位须持有效授权,载明:{parts}", all_cited(plan.grant.cited)),)


def practices_said(plan: Plan) -> tuple[Said, ...]:
    """Name what the software always does and these regimes ask for."""
    return tuple((PRACTICE_ZH[each.practice], all_cited(each.cited)) for each in plan.practices)
