"""Pages for people: the plan in words, the data dictionary of a package, and plain text for the terminal.

Owns the templates and how values are put into them (escaped always). It must not decide anything: what is shown is given.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from extractor.levels import hierarchy_of
from extractor.plans.explain import CLASS_ZH, TECHNIQUE_ZH, Explanation
from extractor.plans.nodes import Plan


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
    return template.render(plan=plan, classes=CLASS_ZH, techniques=TECHNIQUE_ZH, hierarchy=hierarchy_of)


def plan_text(explanation: Explanation) -> str:
    """Return the plan as plain text for a terminal."""
    lines = [explanation.title, f"方案摘要 {explanation.digest}", ""]
    lines += [f"{name}:{value}" for name, value in explanation.facts]
    lines += ["", "目标人群(条件值不予显示)", *(f"  · {line}" for line in explanation.population)]
    lines += ["", "提供的字段"]
    for column in explanation.given:
        mark = "▽" if column.coarsened else "·"
        lines.append(
            f"  {mark} {column.table}.{column.field} {column.zh}〔{column.cls}〕:{column.level}({column.technique}),"
            f"{column.outcome};理由:{column.reason};依据:{'、'.join(column.rules)}"
        )
    if explanation.withheld:
        lines += ["", "不提供的字段"]
        lines += [f"  × {c.field} {c.zh}:依据 {'、'.join(c.rules)}" for c in explanation.withheld]
    lines += ["", "读取的来源列", *(f"  · {table}:{columns}" for table, columns in explanation.read)]
    if explanation.known:
        lines += [f"  文本脱敏时优先查找同一患者的已知值(不输出):{'、'.join(explanation.known)}"]
    lines += ["", "风险控制", *(f"  · {name}:{value}" for name, value in explanation.risk)]
    lines += ["", "审批步骤", *(f"  {at}. {name} — {rule}" for at, (name, rule) in enumerate(explanation.steps, 1))]
    lines += ["", "使用条款", *(f"  · {term}" for term in explanation.terms)]
    lines += [f"⚠ {warning}" for warning in explanation.warnings]
    return "\n".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    """Replace what would move the cursor, turn the direction of writing or begin a line of its own."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)
