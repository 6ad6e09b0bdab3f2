"""From stored canonical JSON back to the values of the core: the way back of ``extractor.canonical``.

Owns one decoder for every frozen dataclass, driven by its type hints alone, so that no concept needs a second description of
its shape. It accepts nothing that ``to_json`` would not have written: unknown keys, wrong types and undecided unions are
errors. It must not know what the values mean, and no value stands in its messages.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from extractor.canonical import Json
from extractor.errors import ExtractorError, FormError

T = TypeVar("T")


def from_json(cls: type[T], body: Json) -> T:
    """Build a value of the frozen dataclass ``cls`` from the JSON that ``canonical.to_json`` makes of it.

    Handles nested dataclasses, enums, tuples (of one or of fixed types), optional fields, dates, times, mappings, frozen sets
    and unions; dataclasses of a union are told apart by their ``Literal`` fields (``node``, ``is_``, ``type``). An optional
    field that is absent is ``None``, because ``to_json`` leaves ``None`` out; any other absent field takes its default.

    Raises:
        FormError: an unknown, missing or ill-typed key; the error's ``thing`` is the path of the key.
        ConfigurationError: the value does not pass the checks of its own class.
    """
    try:
        value: T = _decode(cls, body, (cls.__name__,))
    except RecursionError:
        raise _fault((cls.__name__,), "less nesting") from None
    return value


def from_json_text(cls: type[T], text: str | bytes) -> T:
    """Build a value of ``cls`` from JSON text.

    Raises:
        FormError: the text is no JSON, names a key twice, or does not fit ``cls``.
    """
    try:
        body = json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError):
        raise _fault((cls.__name__,), "JSON that names each key once") from None
    return from_json(cls, body)


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _whole(digits: str) -> int | float:
    # RFC 8785 writes no integer beyond 2^53, but it writes floats of that size without a point.
    value = int(digits)
    return value if abs(value) < 2**53 else _finite(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("NaN and infinities are no JSON")
    return value


Path = tuple[str, ...]
Decoder = Callable[[Any, Any, Path], Any]


def _decode(kind: Any, body: Any, path: Path) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, body, path)
    if origin is not None:
        if origin not in _BY_ORIGIN:
            raise TypeError(f"no way back from JSON to {kind}")
        return _BY_ORIGIN[origin](kind, body, path)
    if is_dataclass(kind):
        return _decode_dataclass(kind, body, path)
    return _decode_scalar(kind, body, path)


def _decode_scalar(kind: Any, body: Any, path: Path) -> Any:
    if kind in (str, bool, int):
        if type(body) is not kind:
            raise _fault(path, _NAMES[kind])
        return body
    if kind is float:
        # RFC 8785 writes 1.0 as 1, so a whole number is a float here.
        if type(body) not in (int, float):
            raise _fault(path, _NAMES[float])
        return float(body)
    if kind is types.NoneType:
        if body is not None:
            raise _fault(path, "nothing")
        return None
    if not isinstance(kind, type) or not issubclass(kind, Enum | date):
        raise TypeError(f"no way back from JSON to {kind}")
    return _decode_word(kind, body, path)


def _decode_word(kind: type[Enum] | type[date], body: Any, path: Path) -> Enum | date:
    """Read what JSON writes as text: a member of an enum, a day, a moment."""
    allowed = ", ".join(str(m.value) for m in kind) if issubclass(kind, Enum) else _NAMES[kind]
    if not isinstance(body, str):
        raise _fault(path, allowed)
    try:
        value = kind(body) if issubclass(kind, Enum) else kind.fromisoformat(body)
    except ValueError:
        raise _fault(path, allowed) from None
    if isinstance(value, date) and value.isoformat() != body:
        # Python reads more spellings (20260101) than it writes; one value has one spelling.
        raise _fault(path, allowed)
    return value


def _decode_tuple(kind: Any, body: Any, path: Path) -> tuple[Any, ...]:
    wanted = get_args(kind)
    if len(wanted) == 2 and wanted[1] is Ellipsis:
        return _decode_items(wanted[0], body, path)
    if not isinstance(body, list):
        raise _fault(path, "a list")
    if len(body) != len(wanted):
        raise _fault(path, f"a list of {len(wanted)}")
    return tuple(
        _decode(each, item, (*path, str(at))) for at, (each, item) in enumerate(zip(wanted, body, strict=True))
    )


def _decode_items(kind: Any, body: Any, path: Path) -> tuple[Any, ...]:
    if not isinstance(body, list):
        raise _fault(path, "a list")
    return tuple(_decode(kind, item, (*path, str(at))) for at, item in enumerate(body))


def _decode_set(kind: Any, body: Any, path: Path) -> frozenset[Any]:
    items = _decode_items(get_args(kind)[0], body, path)
    if len(set(items)) != len(items):
        raise _fault(path, "each item once")
    return frozenset(items)


def _decode_mapping(kind: Any, body: Any, path: Path) -> dict[Any, Any]:
    key_kind, item_kind = get_args(kind)
    if not isinstance(body, dict):
        raise _fault(path, "an object")
    return {_decode(key_kind, key, path): _decode(item_kind, item, (*path, key)) for key, item in body.items()}


def _decode_literal(kind: Any, body: Any, path: Path) -> Any:
    for allowed in get_args(kind):
        if type(body) is type(allowed) and body == allowed:
            return allowed
    raise _fault(path, ", ".join(str(each) for each in get_args(kind)))


_BY_ORIGIN: dict[Any, Decoder] = {
    tuple: _decode_tuple,
    frozenset: _decode_set,
    dict: _decode_mapping,
    Mapping: _decode_mapping,
    Literal: _decode_literal,
}

_NAMES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    date: "a date, YYYY-MM-DD",
    datetime: "a time as ISO 8601 writes it",
}


def _decode_union(kind: Any, body: Any, path: Path) -> Any:
    members = get_args(kind)
    if body is None and types.NoneType in members:
        return None
    members = tuple(each for each in members if each is not types.NoneType)
    if len(members) == 1:
        return _decode(members[0], body, path)
    if isinstance(body, dict):
        fitting = [each for each in members if is_dataclass(each) and _has_tags(each, body)]
    else:
        fitting = [each for each in members if each is type(body)]
    if len(fitting) != 1:
        raise _fault(path, "one of " + ", ".join(getattr(each, "__name__", str(each)) for each in members))
    return _decode(fitting[0], body, path)


def _has_tags(kind: Any, body: dict[str, Any]) -> bool:
    """Say whether the object carries the tags (``Literal`` fields) by which this member of a union is known."""
    tags = {name: get_args(hint) for name, hint in _hints(kind).items() if get_origin(hint) is Literal}
    return bool(tags) and all(body.get(name) in allowed for name, allowed in tags.items())


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode_dataclass(kind: Any, body: Any, path: Path) -> Any:
    if not isinstance(body, dict):
        raise _fault(path, "an object")
    hints, known = _hints(kind), {field.name: field for field in fields(kind)}
    if strays := sorted(set(body) - set(known)):
        # An unknown key may be anything, so it is counted and not shown.
        raise _fault(path, f"only {', '.join(known)} ({len(strays)} unknown)")
    found = {
        name: _decode(hints[name], body[name], (*path, name))
        if name in body
        else _absent(field, hints[name], (*path, name))
        for name, field in known.items()
    }
    given = {name: value for name, value in found.items() if known[name].init}
    try:
        return kind(**given)
    except ExtractorError:
        raise
    except (ValueError, TypeError):
        raise _fault(path, "values that fit together") from None


def _absent(field: Field[Any], hint: Any, path: Path) -> Any:
    if types.NoneType in get_args(hint):
        return None
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise _fault(path, "this key, which is missing")


def _fault(path: Path, allowed: str) -> FormError:
    return FormError(
        f"the stored document does not fit; allowed: {allowed}",
        zh=f"存储的文件不合格式;应为:{allowed}",
        thing=".".join(path),
        fix_en="restore the document from the log or a backup, or upgrade the software that reads it",
        fix_zh="请从日志或备份恢复该文件,或升级读取它的软件",
    )
