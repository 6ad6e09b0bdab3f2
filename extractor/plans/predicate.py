"""From SQL text to a predicate of the algebra: an allow-list over ``sqlglot``'s parse, checked against the catalogue.

Owns which SQL a population may be written in. The text is parsed and rebuilt node by node; it is never passed on. Everything
not on the list is refused with the name of what was met. It must not quote literals in messages: they can be values of a
person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import sqlglot
from sqlglot import expressions as sql
from sqlglot.errors import SqlglotError

from extractor.catalogue import Catalogue, Field, ValueFormat
from extractor.errors import Reason, Refused
from extractor.plans.literals import literal_value
from extractor.plans.nodes import AllOf, AnyOf, Compare, IsNull, LiteralValue, Not, OneOf, Operator, Predicate

# The parser quotes the text that it does not understand in its warnings, and the text holds values.
logging.getLogger("sqlglot").disabled = True

MAX_CHARACTERS = 20_000
MAX_DEPTH = 60
MAX_PARENTHESES = 20
ALLOWED = "=, <>, <, <=, >, >=, IN (…), BETWEEN, LIKE 'x%', IS NULL, AND, OR, NOT, ( )"

_COMPARISONS: dict[type[sql.Expr], Operator] = {
    sql.EQ: Operator.EQUAL,
    sql.NEQ: Operator.NOT_EQUAL,
    sql.LT: Operator.LESS,
    sql.LTE: Operator.LESS_EQUAL,
    sql.GT: Operator.GREATER,
    sql.GTE: Operator.GREATER_EQUAL,
}
# What a node may carry besides these (SYMMETRIC, ESCAPE, ANY, a sub-query …) changes its meaning, so it is refused.
_PLAIN_ARGUMENTS = frozenset({"this", "expression", "expressions", "low", "high"})
_NEGATABLE = frozenset({sql.Is, sql.Like, sql.In, sql.Between})
_MIRRORED = {
    Operator.LESS: Operator.GREATER,
    Operator.LESS_EQUAL: Operator.GREATER_EQUAL,
    Operator.GREATER: Operator.LESS,
    Operator.GREATER_EQUAL: Operator.LESS_EQUAL,
}


def parse_population(text: str, catalogue: Catalogue) -> tuple[tuple[str, Predicate], ...]:
    """Parse a population predicate into one predicate for each table that it names.

    The conditions joined by the outermost AND may each speak of one table. A person is in the population when, in every table
    named, they have a row for which all of its conditions hold. Columns are written ``table.FIELD``, or ``FIELD`` where only
    one table has it.

    Returns:
        (table, predicate) pairs in the order in which tables are first named; empty text gives none: everybody.

    Raises:
        Refused: with every fault at once.
    """
    if not text.strip():
        return ()
    tree = _parse(text)
    by_table: dict[str, list[Predicate]] = {}
    faults: list[Reason] = []
    for conjunct in _conjuncts(tree):
        reader = _Reader(catalogue)
        predicate = reader.read(conjunct)
        faults += reader.faults
        if len(reader.tables) > 1:
            faults.append(_fault(
                "、".join(sorted(reader.tables)),
                "一个条件只能涉及一张表",
                "one condition may speak of one table only",
                "AND",
            ))  # fmt: skip
        elif not reader.tables and not reader.faults:
            faults.append(_fault("", "条件没有涉及任何字段", "a condition names no field", "table.FIELD"))
        elif predicate is not None and reader.tables:
            by_table.setdefault(next(iter(reader.tables)), []).append(predicate)
    if faults:
        raise Refused(tuple(dict.fromkeys(faults)), thing="population")
    return tuple((table, _all_of(predicates)) for table, predicates in by_table.items())


def _parse(text: str) -> sql.Expr:
    if len(text) > MAX_CHARACTERS:
        raise Refused((_fault("", "条件过长", "the predicate is too long", f"≤ {MAX_CHARACTERS}"),), thing="population")
    try:
        one = _is_shallow(sqlglot.tokenize(text, read="postgres"))
        tree = sqlglot.parse_one(f"SELECT 1 WHERE {text}", read="postgres") if one else None
        where = tree.args.get("where") if isinstance(tree, sql.Select) else None
        plain = tree is not None and {key for key, value in tree.args.items() if value} <= {"expressions", "where"}
    except (SqlglotError, RecursionError, ValueError):
        plain, where = False, None
    if not plain or where is None:
        reason = _fault("", "不是一个 SQL 条件", "it is not one SQL condition", ALLOWED)
        raise Refused((reason,), thing="population") from None
    return where.this  # type: ignore[no-any-return]


def _is_shallow(tokens: list[sqlglot.Token]) -> bool:
    """Say whether the text is one statement whose parentheses the parser can follow, however deep in calls we are."""
    depth = deepest = 0
    for token in tokens:
        depth += {sqlglot.TokenType.L_PAREN: 1, sqlglot.TokenType.R_PAREN: -1}.get(token.token_type, 0)
        deepest = max(deepest, depth)
    return deepest <= MAX_PARENTHESES and all(t.token_type is not sqlglot.TokenType.SEMICOLON for t in tokens)


def _conjuncts(tree: sql.Expr) -> list[sql.Expr]:
    return _joined(tree, sql.And, through=(sql.Paren,))


def _joined(tree: sql.Expr, junction: type[sql.Expr], *, through: tuple[type[sql.Expr], ...] = ()) -> list[sql.Expr]:
    """Return what a chain of one junction joins, from left to right; a chain of a thousand is a tree of that depth."""
    found: list[sql.Expr] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if type(node) is junction and not _strange(node):
            pending += [node.args["expression"], node.args["this"]]
        elif type(node) in through:
            pending.append(node.this)
        else:
            found.append(node)
    return found


def _strange(node: sql.Expr) -> set[str]:
    plain = _PLAIN_ARGUMENTS | {"negate"} if type(node) in _NEGATABLE else _PLAIN_ARGUMENTS
    return {key for key, value in node.args.items() if value} - plain


def _all_of(predicates: list[Predicate]) -> Predicate:
    return predicates[0] if len(predicates) == 1 else AllOf(tuple(predicates))


class _Reader:
    """Reads one condition; collects the tables it names and what is wrong with it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.tables: set[str] = set()
        self.faults: list[Reason] = []
        self._readers: dict[type[sql.Expr], Callable[[sql.Expr, int], Predicate | None]] = {
            sql.Paren: lambda node, depth: self.read(node.this, depth + 1),
            sql.And: self._junction,
            sql.Or: self._junction,
            sql.Not: self._negation,
            sql.In: self._membership,
            sql.Between: self._between,
            sql.Like: self._like,
            sql.Is: self._null,
            **dict.fromkeys(_COMPARISONS, self._comparison),
        }

    def read(self, node: sql.Expr, depth: int = 0) -> Predicate | None:
        """Return the predicate of a node, or None with a fault noted."""
        reader = self._readers.get(type(node))
        if reader is None or depth > MAX_DEPTH or _strange(node):
            return self._refuse(type(node).__name__)
        predicate = reader(node, depth)
        return Not(predicate) if predicate is not None and node.args.get("negate") else predicate

    def _refuse(self, what: str) -> Predicate | None:
        self.faults.append(_fault(what, "条件中有不允许的写法", "the predicate holds something not allowed", ALLOWED))
        return None

    def _junction(self, node: sql.Expr, depth: int) -> Predicate | None:
        sides = [self.read(side, depth + 1) for side in _joined(node, type(node))]
        operands = tuple(side for side in sides if side is not None)
        if len(operands) != len(sides):
            return None
        return AllOf(operands) if isinstance(node, sql.And) else AnyOf(operands)

    def _negation(self, node: sql.Expr, depth: int) -> Predicate | None:
        operand = self.read(node.this, depth + 1)
        return Not(operand) if operand is not None else None

    def _comparison(self, node: sql.Expr, _depth: int) -> Predicate | None:
        operator, left, right = _COMPARISONS[type(node)], node.args["this"], node.args["expression"]
        if isinstance(left, sql.Column) and isinstance(right, sql.Column):
            return self._refuse("Column = Column")
        if isinstance(right, sql.Column):
            left, right, operator = right, left, _MIRRORED.get(operator, operator)
        field = self._field(left)
        value = self._literal(right, field) if field else None
        if field is None or value is None:
            return None
        return Compare(field.name, operator, value, field.format)

    def _membership(self, node: sql.Expr, _depth: int) -> Predicate | None:
        field = self._field(node.this)
        if field is None:
            return None
        values = [self._literal(item, field) for item in node.expressions]
        if not values:
            return self._refuse("IN ()")
        given = tuple(value for value in values if value is not None)
        return OneOf(field.name, given, field.format) if len(given) == len(values) else None

    def _between(self, node: sql.Expr, _depth: int) -> Predicate | None:
        field = self._field(node.this)
        if field is None:
            return None
        low, high = (self._literal(node.args[side], field) for side in ("low", "high"))
        if low is None or high is None:
            return None
        return AllOf((
            Compare(field.name, Operator.GREATER_EQUAL, low, field.format),
            Compare(field.name, Operator.LESS_EQUAL, high, field.format),
        ))  # fmt: skip

    def _like(self, node: sql.Expr, _depth: int) -> Predicate | None:
        field = self._field(node.this)
        pattern = node.args["expression"]
        if field is None:
            return None
        if field.format is not ValueFormat.TEXT or not (isinstance(pattern, sql.Literal) and pattern.is_string):
            return self._refuse("LIKE")
        text = str(pattern.this)
        core = text.strip("%")
        if "%" in core or "_" in core or "\\" in core or not core:
            return self._refuse("LIKE")
        operators = {
            (False, False): Operator.EQUAL,
            (False, True): Operator.STARTS_WITH,
            (True, False): Operator.ENDS_WITH,
            (True, True): Operator.CONTAINS,
        }
        return Compare(field.name, operators[text.startswith("%"), text.endswith("%")], core, field.format)

    def _null(self, node: sql.Expr, _depth: int) -> Predicate | None:
        field = self._field(node.this)
        if field is None:
            return None
        if not isinstance(node.args["expression"], sql.Null):
            return self._refuse("IS")
        return IsNull(field.name)

    def _field(self, node: sql.Expr) -> Field | None:
        if not isinstance(node, sql.Column) or node.args.get("db") or node.args.get("catalog"):
            self._refuse(type(node).__name__)
            return None
        named = [node.table] if node.table else [table.name for table in self.catalogue.tables]
        found = [(table, field) for table in named if (field := self.catalogue.field(table, node.name))]
        if len(found) != 1:
            zh, en = ("字段在多张表中都有,请写明表名", "several tables have this field; name the table")
            if not found:
                zh, en = ("目录中没有该字段", "the catalogue has no such field")
            place = _shown(node)
            allowed = "、".join(t.name for t in self.catalogue.tables)
            self.faults.append(_fault(place, zh, en, allowed))
            return None
        table, field = found[0]
        self.tables.add(table)
        return field

    def _literal(self, node: sql.Expr, field: Field) -> LiteralValue | None:
        fitted = literal_value(node, field.format)
        if fitted is None:
            self.faults.append(_fault(
                field.name,
                "比较值不是字面量或与字段格式不符",
                "what it is compared with is no literal or does not fit the field's format",
                field.format.value,
            ))  # fmt: skip
        return fitted


def _shown(column: sql.Column) -> str:
    """Return a column's name as it was written, unless it may be a value: text in double quotes is a name in SQL."""
    parts = [part for part in (column.args.get("table"), column.args.get("this")) if part is not None]
    plain = all(
        isinstance(part, sql.Identifier) and not part.args.get("quoted") and part.name.isascii()
        and part.name.isidentifier() and len(part.name) <= 64 for part in parts
    )  # fmt: skip
    return ".".join(part.name for part in parts) if plain else "(?)"


def _fault(what: str, zh: str, en: str, allowed: str) -> Reason:
    thing = f"population {what}".strip()
    return Reason(thing, "population", "", zh, en, allowed, allowed)
