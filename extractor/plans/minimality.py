"""The proof that a plan is minimal: it reads nothing that no output, filter or key needs (practice ``minimal_plan``).

Owns the check, which is written against the algebra and not against the compiler, so that a fault of the compiler is found.
It must not change a plan.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from extractor.errors import Reason, Refused
from extractor.levels import hierarchy_of
from extractor.plans.nodes import (
    Aggregate,
    Derive,
    Filter,
    Join,
    Node,
    Plan,
    Scan,
    SemiJoin,
    TablePlan,
    fields_of,
    treats_text,
)
from extractor.policy_words import PracticeKind


def check_minimal(plan: Plan) -> None:
    """Check that every column that is read is used, that each leaves as it was decided, and each source field once.

    Raises:
        Refused: naming each column that is read for nothing, and the article that asks for a minimal plan.
    """
    surplus = [fault for table in plan.tables for fault in (*_surplus(table), *_undecided(table))]
    surplus += _finer_in_text(plan)
    if plan.dictionaries and not treats_text(plan.tables):
        surplus.append(
            _reason("dictionaries", "没有需脱敏的文本,不应读取词典", "no text is treated, so no dictionary is read")
        )
    surplus += [_reason(f"{t.name}.{name}", "同一来源字段输出两次", "a source field leaves twice") for t in plan.tables
                for name in _twice(t)]  # fmt: skip
    if surplus:
        raise Refused(_cited(plan, surplus), thing="plan")


def columns_read(plan: Plan) -> dict[str, frozenset[str]]:
    """Return, for each source table, the columns that the plan reads, those of the site's dictionaries with them."""
    read: dict[str, set[str]] = {}
    for table in plan.tables:
        for node in _all_nodes(table.root):
            if isinstance(node, Scan):
                read.setdefault(node.table, set()).update(node.columns)
    for dictionary in plan.dictionaries or ():
        if dictionary.table is not None and dictionary.column is not None:
            read.setdefault(dictionary.table, set()).add(dictionary.column)
    return {name: frozenset(columns) for name, columns in read.items()}


def _all_nodes(node: Node) -> list[Node]:
    below: tuple[Node, ...] = ()
    if isinstance(node, SemiJoin | Join):
        below = (node.input, node.other)
    elif not isinstance(node, Scan):
        below = (node.input,)
    return [node, *(inner for child in below for inner in _all_nodes(child))]


def _surplus(table: TablePlan) -> list[Reason]:
    texts = any(column.kind == "free_text" and column.level != "raw" for column in table.root.columns)
    known = frozenset(value.column for value in table.known if texts)
    wanted = frozenset(c.source for c in table.root.columns) | known
    if table.root.person:
        wanted |= {table.root.person}
    found: list[Reason] = []
    _walk(table.root.input, wanted, found)
    return found


def _walk(node: Node, wanted: frozenset[str], found: list[Reason]) -> None:
    """Descend with the names that are needed from above; whatever a scan reads beyond them is surplus."""
    if isinstance(node, Scan):
        found += [
            _reason(f"{node.table}.{name}", "读取了没有用到的列", "a column is read that nothing needs")
            for name in node.columns
            if name not in wanted
        ]
    elif isinstance(node, Filter):
        _walk(node.input, wanted | frozenset(fields_of(node.predicate)), found)
    elif isinstance(node, SemiJoin):
        _walk(node.input, wanted | {node.on}, found)
        _walk(node.other, frozenset({node.key}), found)
    elif isinstance(node, Join):
        prefix = f"{_table_below(node.other)}."
        _walk(node.input, wanted | {node.on}, found)
        taken = frozenset(name.removeprefix(prefix) for name in wanted if name.startswith(prefix))
        _walk(node.other, taken | {node.key}, found)
    elif isinstance(node, Aggregate):
        _walk(node.input, frozenset((*node.by, node.person)), found)
    elif isinstance(node, Derive):
        _walk(node.input, wanted | frozenset(c.source for c in node.columns), found)


def _undecided(table: TablePlan) -> list[Reason]:
    """Compare what the algebra gives with the decisions that the approvers read."""
    given = {(c.output, c.source, c.kind, c.level) for c in table.root.columns}
    decided = {(c.output, c.source, c.kind, c.level) for c in table.columns}
    zh, en = "输出列与决定不一致", "an output column and the decision on it differ"
    return [_reason(f"{table.name}.{output}", zh, en) for output in sorted({column[0] for column in given ^ decided})]


def _finer_in_text(plan: Plan) -> list[Reason]:
    """Compare the ages that may stand in treated texts with the ages that leave in columns."""
    order = hierarchy_of("age").names
    ages = [c.level for t in plan.tables for c in t.columns if c.kind in ("age", "birth_date") and c.level != "none"]
    finest = min((order.index(level) if level in order else 0 for level in ages), default=order.index("age_band_10"))
    zh, en = "文本中的年龄细于方案所给的年龄", "ages stand in the text more finely than the plan gives them"
    return [
        _reason(f"{table.name}.text_age", zh, en)
        for table in plan.tables
        if any(c.kind == "free_text" and c.level != "raw" for c in table.root.columns)
        and (table.text_age not in order or order.index(table.text_age) < finest)
    ]


def _table_below(node: Node) -> str:
    while not isinstance(node, Scan):
        node = node.input
    return node.table


def _twice(table: TablePlan) -> list[str]:
    times = Counter(column.source for column in table.root.columns)
    return sorted(name for name, found in times.items() if found > 1)


def _reason(thing: str, zh: str, en: str) -> Reason:
    return Reason(thing, "minimal", "", zh, en)


def _cited(plan: Plan, reasons: list[Reason]) -> tuple[Reason, ...]:
    """Name the article of the most local rule that asks for a minimal plan."""
    asked = [cited for each in plan.practices if each.practice is PracticeKind.MINIMAL_PLAN for cited in each.cited]
    if not asked:
        return tuple(reasons)
    rule = f"{asked[-1].regime}.{asked[-1].rule}"
    return tuple(replace(reason, rule=rule, article=asked[-1].article) for reason in reasons)
