"""A plan in words: what an approver reads, in Chinese, with every literal of the population withheld.

Owns the sentences and the order in which they are read. It must not know how they are shown (``extractor.pages``) nor
contain a value of the predicate: only columns and comparisons are named.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.catalogue import FieldClass
from extractor.levels import hierarchy_of
from extractor.manifest import recipient_fingerprint
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

CLASS_ZH = {
    FieldClass.DIRECT: "直接标识符",
    FieldClass.QUASI: "准标识符",
    FieldClass.SENSITIVE: "敏感属性",
    FieldClass.OTHER: "其他",
}
MODE_ZH = {"public": "完全公开共享", "controlled": "受控公开共享", "enclave": "领地公开共享"}
TECHNIQUE_ZH = {
    "keep": "保留", "suppress": "抑制", "mask": "屏蔽", "generalise": "泛化", "top_code": "顶层编码", "round": "取整",
    "pseudonymise": "假名化", "date_shift": "日期偏移", "redact": "文本脱敏", "surrogate": "一致替换",
}  # fmt: skip
_OPERATOR_ZH = {
    Operator.EQUAL: "等于", Operator.NOT_EQUAL: "不等于", Operator.LESS: "小于", Operator.LESS_EQUAL: "不大于",
    Operator.GREATER: "大于", Operator.GREATER_EQUAL: "不小于",
}  # fmt: skip
WITHHELD = "〔值略〕"
_PART_ZH = {
    Operator.STARTS_WITH: f"以{WITHHELD}开头", Operator.ENDS_WITH: f"以{WITHHELD}结尾", Operator.CONTAINS: f"包含{WITHHELD}",
}  # fmt: skip


@dataclass(frozen=True)
class ExplainedColumn:
    """One field's decision in words."""

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


@dataclass(frozen=True)
class Explanation:
    """A plan in words; lists are in reading order."""

    title: str
    digest: str
    facts: tuple[tuple[str, str], ...]
    population: tuple[str, ...]
    given: tuple[ExplainedColumn, ...]
    withheld: tuple[ExplainedColumn, ...]
    known: tuple[str, ...]
    read: tuple[tuple[str, str], ...]
    risk: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str], ...]
    terms: tuple[str, ...]
    warnings: tuple[str, ...]


def explain(plan: Plan) -> Explanation:
    """Explain a plan to an approver: what leaves, why, at which level, what was coarsened or refused, and by which rule."""
    given = tuple(_column(table.name, column) for table in plan.tables for column in table.columns)
    return Explanation(
        title=plan.title,
        digest=plan.digest,
        facts=(
            ("项目", plan.project),
            ("用途", plan.purpose),
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
        ),
        population=tuple(line for table in plan.tables for line in _population(table)),
        given=given,
        withheld=tuple(_column("", column) for column in plan.dropped),
        known=tuple(dict.fromkeys(value.column for table in plan.tables for value in table.known)),
        read=tuple(_read(plan)),
        risk=(
            ("k 匿名(按人计)", f"每类不少于 {plan.risk.k} 人"),
            ("重标识风险阈值", f"{plan.risk.threshold:g}(GB/T 42460-2023)"),
            ("可删除比例上限", f"{plan.risk.suppression_limit:.0%}"),
            *((("l 多样性", f"不少于 {plan.risk.l_diversity}"),) if plan.risk.l_diversity is not None else ()),
            *((("t 接近性", f"不大于 {plan.risk.t_closeness:g}"),) if plan.risk.t_closeness is not None else ()),
            ("依据", "、".join(f"{c.regime} {c.article}" for c in plan.risk.cited)),
        ),
        steps=tuple(
            (f"{step.zh}({step.unit or step.role})", f"{step.cited.regime} {step.cited.article}") for step in plan.steps
        ),
        terms=plan.terms,
        warnings=plan.warnings,
    )


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
        rules=tuple(f"{cited.regime}.{cited.rule}〔{cited.article}〕" for cited in column.cited),
        coarsened=column.coarsened,
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
        compared = _PART_ZH.get(predicate.operator) or f"{_OPERATOR_ZH[predicate.operator]} {WITHHELD}"
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
    return [(table, "、".join(dict.fromkeys(columns))) for table, columns in read.items()]
