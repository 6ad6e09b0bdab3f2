"""What a column may be compared with: a literal of SQL, read as the format of the column wants it.

Owns which literals there are and when one fits a format. A literal that does not fit is no value at all: it is never rounded,
cut or converted, because the approver was told another condition then. It must not know columns, nor show a literal.
"""

from __future__ import annotations

import math
from datetime import datetime

from sqlglot import expressions as sql

from extractor.catalogue import ValueFormat
from extractor.plans.nodes import LiteralValue

_GREATEST_INTEGER = 2**53  # RFC 8785 writes no greater one, because JSON's readers round them.
_CAST_TO = {
    sql.DataType.Type.DATE: ValueFormat.DATE,
    sql.DataType.Type.TIMESTAMP: ValueFormat.DATETIME,
}


def literal_value(node: sql.Expr, form: ValueFormat) -> LiteralValue | None:
    """Return the literal of a node as the format wants it, dates as ISO text; None where it is none or does not fit."""
    if type(node) is sql.Cast:
        return _cast(node, form)
    return _fit(_plain(node), form)


def _cast(node: sql.Cast, form: ValueFormat) -> LiteralValue | None:
    """Read ``DATE '…'`` and ``TIMESTAMP '…'``, which say no more than the format of the column does."""
    wanted = _CAST_TO.get(node.to.this)
    plain = {key for key, value in node.args.items() if value} == {"this", "to"} and not node.to.expressions
    text = _plain(node.this)
    if wanted is None or not plain or not isinstance(text, str) or form not in _CAST_TO.values():
        return None
    held = _fit(text, wanted)
    # A day is also a moment, its midnight; a moment is not a day.
    return _fit(held, form) if held is not None else None


def _plain(node: sql.Expr) -> LiteralValue | None:
    if isinstance(node, sql.Neg):
        inner = _plain(node.this)
        return -inner if isinstance(inner, int | float) and not isinstance(inner, bool) else None
    if isinstance(node, sql.Boolean):
        return bool(node.this)
    if type(node) is not sql.Literal:
        return None
    text = str(node.this)
    if node.is_string:
        return text if _is_writable(text) else None
    return _number(text)


def _number(text: str) -> int | float | None:
    if not text.isascii():
        return None
    if text.isdigit():
        return int(text) if len(text) <= 16 and int(text) < _GREATEST_INTEGER else None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_writable(text: str) -> bool:
    """Say whether text has a canonical form: Unicode without halves of pairs, and without NUL, which databases refuse."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _fit(value: LiteralValue | None, form: ValueFormat) -> LiteralValue | None:
    if value is None:
        return None
    try:
        if form in _CAST_TO.values() and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if value[:10] != moment.date().isoformat():
                return None  # Python reads spellings (2023-W01-1) that SQL does not.
            if form is ValueFormat.DATE:
                return value if len(value) == 10 else None
            # Columns hold local time without a zone, and a moment of another zone is another moment.
            return None if moment.tzinfo else moment.isoformat()
    except ValueError:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        ValueFormat.TEXT: isinstance(value, str),
        ValueFormat.INTEGER: number and isinstance(value, int),
        ValueFormat.DECIMAL: number,
        ValueFormat.BOOLEAN: isinstance(value, bool),
    }
    return value if fits.get(form, False) else None
