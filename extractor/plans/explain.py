"""A plan in words: what an approver reads, in Chinese, with every literal of the population withheld.

Owns the sentences and the order in which they are read. It must not know how they are shown (``extractor.pages``) nor
contain a value of the predicate: only columns and comparisons are named.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.levels import hierarchy_of
from extractor.manifest import recipient_fingerprint
from extractor.plans.explain_demands import (
    Said,
    agreement_said,
    assessments_said,
    circumstances_said,
    consent_said,
    duties_said,
    grant_said,
    practices_said,
    regimes_said,
    terms_said,
)
from extractor.plans.nodes import (
    AllOf,
    ColumnPlan,
    Compare,
    Filter,
    IsNull,
    Node,
    Not,
    OneOf,
    Operator,
    Plan,
    Predicate,
    Scan,
    SemiJoin,
    TablePlan,
    inputs,
)
from extractor.plans.words import (
    CLASS_ZH,
    MODE_ZH,
    OPERATOR_ZH,
    ROLE_ZH,
    TECHNIQUE_ZH,
    UNLOCK_ZH,
    all_cited,
    cited_words,
)
from extractor.policy_words import TextKept
from extractor.requests import Role

WITHHELD = "〔值略〕"
_PART_ZH = {
    Operator.STARTS_WITH: f"以{WITHHELD}开头", Operator.ENDS_WITH: f"以{WITHHELD}结尾", Operator.CONTAINS: f"包含{WITHHELD}",
}  # fmt: skip


@dataclass(frozen=True)
class ExplainedColumn:
    """One field's decision in words; ``unlocked`` says what opened it, ``yielded`` what a milder regime would have allowed."""

    table: str
    field: str
    zh: str
    cls: str
    requested: str
    level: str
    technique: str
    outcome: str
    reason: str
    rules: tuple[str, ...]
    coarsened: bool
    unlocked: tuple[str, ...]
    yielded: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """A plan in words; lists are in reading order, and a sentence stands with the rules behind it."""

    title: str
    digest: str
    facts: tuple[tuple[str, str], ...]
    regimes: tuple[Said, ...]
    population: tuple[str, ...]
    given: tuple[ExplainedColumn, ...]
    withheld: tuple[ExplainedColumn, ...]
    known: tuple[str, ...]
    read: tuple[tuple[str, str], ...]
    risk: tuple[tuple[str, str], ...]
    consent: tuple[Said, ...]
    assessments: tuple[Said, ...]
    steps: tuple[Said, ...]
    agreement: tuple[Said, ...]
    terms: tuple[Said, ...]
    duties: tuple[Said, ...]
    grant: tuple[Said, ...]
    practices: tuple[Said, ...]
    warnings: tuple[str, ...]


def explain(plan: Plan) -> Explanation:
    """Explain a plan to an approver: what leaves, why, at which level, what was coarsened or refused, and by which rule."""
    return Explanation(
        title=plan.title,
        digest=plan.digest,
        facts=_facts(plan),
        regimes=regimes_said(plan),
        population=tuple(line for table in plan.tables for line in _population(table)),
        given=tuple(_column(table.name, column) for table in plan.tables for column in table.columns),
        withheld=tuple(_column("", column) for column in plan.dropped),
        known=tuple(dict.fromkeys(value.column for table in plan.tables for value in table.known)),
        read=tuple(_read(plan)),
        risk=_risk(plan),
        consent=consent_said(plan),
        assessments=assessments_said(plan),
        steps=tuple((f"{s.zh}({s.unit or ROLE_ZH[Role(s.role)]})", cited_words(s.cited)) for s in plan.steps),
        agreement=agreement_said(plan),
        terms=terms_said(plan),
        duties=duties_said(plan),
        grant=grant_said(plan),
        practices=practices_said(plan),
        warnings=plan.warnings,
    )


def _facts(plan: Plan) -> tuple[tuple[str, str], ...]:
    return (
        ("项目", plan.project),
        ("用途", plan.purpose),
        *circumstances_said(plan),
        ("来源", f"{plan.source.name}({plan.source.catalogue} 第 {plan.source.version} 版)"),
        ("获取日期", plan.source.acquired.isoformat()),
        ("数据期间", f"{plan.period.first.isoformat()} 至 {plan.period.last.isoformat()}"),
        ("使用期限", plan.until.isoformat()),
        ("使用人员", "、".join(plan.people)),
        ("共享方式", MODE_ZH[plan.risk.mode.value]),
        ("交付格式", plan.format.value),
        ("收件人公钥指纹", recipient_fingerprint(plan.recipient_key)),
        ("假名范围", f"{plan.project}(仅在本项目内一致,与其他项目的假名互不对应)"),
        *(("文本中的年龄", hierarchy_of("age").level(level).zh) for level in _text_ages(plan)),
        *(("文本中按政策保留", _KEPT_ZH[kind]) for kind in plan.text_kept or ()),
    )


def _risk(plan: Plan) -> tuple[tuple[str, str], ...]:
    risk = plan.risk
    return (
        ("k 匿名(按人计)", f"每类不少于 {risk.k} 人"),
        ("重标识风险阈值", f"{risk.threshold:g}(GB/T 42460-2023)"),
        ("可删除比例上限", f"{risk.suppression_limit:.0%}"),
        *((("l 多样性", f"不少于 {risk.l_diversity}"),) if risk.l_diversity is not None else ()),
        *((("t 接近性", f"不大于 {risk.t_closeness:g}"),) if risk.t_closeness is not None else ()),
        ("依据", all_cited(risk.cited)),
    )


_KEPT_ZH = {TextKept.HOSPITAL: "医院名称", TextKept.STAFF: "本行医务人员姓名"}


def _text_ages(plan: Plan) -> list[str]:
    return list(dict.fromkeys(table.text_age for table in plan.tables if table.text_age is not None))


def _column(table: str, column: ColumnPlan) -> ExplainedColumn:
    hierarchy = hierarchy_of(column.kind)
    asked, level = hierarchy.level(column.requested), hierarchy.level(column.level)
    outcome = "按申请提供"
    if column.level == "none":
        outcome = "不提供"
    elif column.coarsened:
        outcome = f"由“{asked.zh}”降为“{level.zh}”"
    return ExplainedColumn(
        table=table,
        field=column.output,
        zh=column.zh,
        cls=CLASS_ZH[column.cls],
        requested=asked.zh,
        level=level.zh,
        technique=TECHNIQUE_ZH[column.technique.value],
        outcome=outcome,
        reason=column.reason,
        rules=tuple(map(cited_words, column.cited)),
        coarsened=column.coarsened,
        unlocked=tuple(f"{UNLOCK_ZH[each.by]}({cited_words(each.cited)})" for each in column.unlocked),
        yielded=tuple(f"“{hierarchy.level(each.level).zh}”({all_cited(each.cited)})" for each in column.yielded),
    )


def _population(table: TablePlan) -> list[str]:
    lines: list[str] = []
    for node in _below(table.root.input):
        if isinstance(node, Filter):
            lines.append(f"{table.zh}:仅 {_source(node)} 中满足({predicate_words(node.predicate)})的行")
        if isinstance(node, SemiJoin):
            lines.append(f"{table.zh}:{_bound_words(node, table.root.person)}")
    return list(dict.fromkeys(lines))


def _bound_words(node: SemiJoin, person: str | None) -> str:
    other = _source(node.other)
    if node.on == person:
        return f"仅限在 {other} 中符合条件的人员(按 {node.key})"
    return f"仅 {_source(node)} 中属于 {other} 符合条件的行的记录(按 {node.key})"


def _below(node: Node) -> list[Node]:
    return [node, *(inner for child in inputs(node) for inner in _below(child))]


def _source(node: Node) -> str:
    while not isinstance(node, Scan):
        node = node.input
    return node.table


def predicate_words(predicate: Predicate) -> str:
    """Return a predicate in Chinese words with its literals withheld."""
    if isinstance(predicate, Compare):
        compared = _PART_ZH.get(predicate.operator) or f"{OPERATOR_ZH[predicate.operator]} {WITHHELD}"
        return f"{predicate.field} {compared}"
    if isinstance(predicate, OneOf):
        return f"{predicate.field} 属于 {len(predicate.values)} 个值之一"
    if isinstance(predicate, IsNull):
        return f"{predicate.field} 为空"
    if isinstance(predicate, Not):
        return f"非({predicate_words(predicate.operand)})"
    joint = "且" if isinstance(predicate, AllOf) else "或"
    return f" {joint} ".join(
        predicate_words(operand) if isinstance(operand, Compare | OneOf | IsNull) else f"({predicate_words(operand)})"
        for operand in predicate.operands
    )


def _read(plan: Plan) -> list[tuple[str, str]]:
    read: dict[str, list[str]] = {}
    for table in plan.tables:
        for node in _below(table.root.input):
            if isinstance(node, Scan):
                read.setdefault(node.table, []).extend(node.columns)
    for dictionary in plan.dictionaries or ():
        if dictionary.table is not None and dictionary.column is not None:
            read.setdefault(dictionary.table, []).append(f"{dictionary.column}(词典“{dictionary.zh}”,用于文本脱敏)")
        else:
            read[f"词典“{dictionary.zh}”"] = [f"{dictionary.file}(用于文本脱敏)"]
    return [(table, "、".join(dict.fromkeys(columns))) for table, columns in read.items()]
