"""Pages for people: the plan in words, the data dictionary of a package, and plain text for the terminal.

Owns the templates and how values are put into them (escaped always). It must not decide anything: what is shown is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from extractor.levels import hierarchy_of
from extractor.plans.explain import ExplainedColumn, Explanation
from extractor.plans.explain_demands import Said
from extractor.plans.nodes import Plan
from extractor.plans.words import CLASS_ZH, TECHNIQUE_ZH
from extractor.policy_words import PracticeKind

_MOST_LISTED = 500


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("extractor.pages", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def plan_page(explanation: Explanation) -> str:
    """Return the plan as one HTML page that needs nothing from outside."""
    return _environment().get_template("plan.html").render(plan=explanation)


def dictionary_page(plan: Plan) -> str:
    """Return the data dictionary of a plan's package as one HTML page; source and date of acquisition stand on it."""
    template = _environment().get_template("dictionary.html")
    named = [c.article for each in plan.practices if each.practice is PracticeKind.SOURCE_AND_DATE for c in each.cited]
    return template.render(
        plan=plan, classes=CLASS_ZH, techniques=TECHNIQUE_ZH, hierarchy=hierarchy_of, named=tuple(dict.fromkeys(named))
    )


def report_page(report: Mapping[str, Any]) -> str:
    """Return the report of a period as one HTML page; its figures, names and rules are given."""
    return _environment().get_template("report.html").render(report=report)


def validation_page(report: Any) -> str:
    """Return the report of a site's validation sample as one HTML page; what it shows of each item is given."""
    lowest = min(report.overall.bound, report.overall.share)
    scale_from = max(0.0, (int(lowest * 20) - 1) / 20)
    return (
        _environment().get_template("validation.html").render(report=report, most=_MOST_LISTED, scale_from=scale_from)
    )


def plan_text(explanation: Explanation) -> str:
    """Return the plan as plain text for a terminal."""
    lines = [explanation.title, f"方案摘要 {explanation.digest}", ""]
    lines += [f"{name}:{value}" for name, value in explanation.facts]
    lines += _listed("适用的制度", explanation.regimes)
    lines += ["", "目标人群(条件值不予显示)", *(f"  · {line}" for line in explanation.population)]
    lines += ["", "提供的字段", *(line for column in explanation.given for line in _given(column))]
    if explanation.withheld:
        lines += ["", "不提供的字段"]
        lines += [f"  × {c.field} {c.zh}:依据 {'、'.join(c.rules)}" for c in explanation.withheld]
    lines += ["", "读取的来源列", *(f"  · {table}:{columns}" for table, columns in explanation.read)]
    if explanation.known:
        lines += [f"  文本脱敏时优先查找同一患者的已知值(不输出):{'、'.join(explanation.known)}"]
    lines += ["", "风险控制", *(f"  · {name}:{value}" for name, value in explanation.risk)]
    lines += _listed("个人同意", explanation.consent)
    lines += _listed("审批前的评估", explanation.assessments)
    lines += ["", "审批步骤", *(f"  {at}. {name} — {rule}" for at, (name, rule) in enumerate(explanation.steps, 1))]
    lines += _listed("协议", explanation.agreement)
    lines += _listed("使用条款", explanation.terms)
    lines += _listed("后续义务", explanation.duties)
    lines += _listed("技术服务单位", explanation.grant)
    lines += _listed("软件始终执行", explanation.practices)
    lines += [f"⚠ {warning}" for warning in explanation.warnings]
    return "\n".join(_printable(line) for line in lines)


def _given(column: ExplainedColumn) -> list[str]:
    mark = "▽" if column.coarsened else "·"
    return [
        f"  {mark} {column.table}.{column.field} {column.zh}〔{column.cls}〕:{column.level}({column.technique}),"
        f"{column.outcome};理由:{column.reason};依据:{'、'.join(column.rules)}",
        *(f"      {opened}" for opened in column.unlocked),
        *(f"      从严:另一制度本可提供{milder}" for milder in column.yielded),
    ]


def _listed(heading: str, said: tuple[Said, ...]) -> list[str]:
    return ["", heading, *(f"  · {sentence} — {rules}" for sentence, rules in said)] if said else []


def _printable(line: str) -> str:
    """Replace what would move the cursor, turn the direction of writing or begin a line of its own."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)
