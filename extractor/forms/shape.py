"""How the forms are described: scalar types with exact spellings, the strict base of every form, and its errors.

Owns the step from plain values (text, lists, mappings) to a checked pydantic model, and how pydantic's errors become faults
with a place and what is allowed there. It must not know any one form.
"""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from extractor.forms.faults import Fault, Place, unknown_key
from extractor.forms.yaml_reader import Document
from extractor.levels import HIERARCHIES

M = TypeVar("M", bound=BaseModel)
# The provinces of GB/T 2260 as a pattern, for the published schema; extractor.selection.is_division says the same.
_DIVISION = r"(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])[0-9]{4}|000000|[A-Z]{2}"
"""A division of GB/T 2260, a country, or the 000000 of a draft: a place not known yet, which lies in no area."""


class Form(BaseModel):
    """Base of every part of a form: unknown keys are errors, values are not shown in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_alias=True)


def wrong(en: str, zh: str, allowed: tuple[str, ...] = (), fix: tuple[str, str] = ("", "")) -> PydanticCustomError:
    """Make the error that a validator of a form raises; ``fix`` is the way out in English and Chinese."""
    return PydanticCustomError("form", "not allowed", {"en": en, "zh": zh, "allowed": allowed, "fix": fix})


def _whole(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    raise wrong("must be a whole number", "须为整数")


def _number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    raise wrong("must be a number", "须为数值")


def _truth(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    raise wrong("must be true or false", "须为 true 或 false")


def _day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise wrong("no such day in the calendar", "日历中没有这一天") from None
    raise wrong("must be a date, YYYY-MM-DD", "须为日期,格式 YYYY-MM-DD")


def _kind(value: str) -> str:
    if value not in HIERARCHIES:
        raise wrong("no such kind", "没有该类型", tuple(HIERARCHIES))
    return value


def _division(value: str) -> str:
    if not re.fullmatch(_DIVISION, value):
        raise wrong(
            "must be a division of six digits that begin with a province (GB/T 2260), or for another country its two letters "
            "(ISO 3166)",
            "须为六位行政区划代码,前两位为省级代码(GB/T 2260);境外填两位国家代码(ISO 3166)",
        )
    return value


def _digest(value: str) -> str:
    if not re.fullmatch(r"(sha256|sm3):[0-9a-f]{64}", value):
        raise wrong("must be a digest, sha256:<64 hexadecimal digits>", "须为摘要,格式 sha256:<64 位十六进制>")
    return value


AnyText = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Day = Annotated[date, BeforeValidator(_day)]
Kind = Annotated[str, AfterValidator(_kind), WithJsonSchema({"type": "string", "enum": list(HIERARCHIES)})]
Division = Annotated[str, AfterValidator(_division), WithJsonSchema({"type": "string", "pattern": f"^({_DIVISION})$"})]
Digest = Annotated[
    str, AfterValidator(_digest), WithJsonSchema({"type": "string", "pattern": "^(sha256|sm3):[0-9a-f]{64}$"})
]


def check(model: type[M], document: Document) -> tuple[M | None, list[Fault]]:
    """Check a document against a form; return the form, or None, and every fault of shape."""
    try:
        return model.model_validate(document.root), []
    except ValidationError as failure:
        details = failure.errors(include_url=False, include_input=False)
        return None, [_fault(model, detail) for detail in details if not _follows(detail, details)]


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Say whether a list is too short only because pydantic does not count its faulty items, which are told themselves."""
    place = detail["loc"]
    within = (other["loc"] for other in details if len(other["loc"]) > len(place))
    return detail["type"] == "too_short" and any(other[: len(place)] == place for other in within)


def mapping(value: object) -> dict[str, Any]:
    """Return a part of the raw document where it is a mapping, else an empty one: for checks across parts."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """Return a part of the raw document where it is a list, else an empty one: for checks across parts."""
    return value if isinstance(value, list) else []


_SHAPES = {
    "string_type": ("must be text, and not be empty", "须为文本,且不得为空"),
    "list_type": ("must be a list", "须为列表"),
    "tuple_type": ("must be a list", "须为列表"),
    "dict_type": ("must be a mapping of keys", "须为键值结构"),
    "model_type": ("must be a mapping of keys", "须为键值结构"),
}


def _fault(model: type[BaseModel], detail: ErrorDetails) -> Fault:
    place: Place = tuple(part for part in detail["loc"] if part != "[key]")
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "form":
        return Fault(place, context["en"], context["zh"], tuple(context["allowed"]), *context["fix"])
    if kind == "missing":
        return Fault(place, "this key is missing", "缺少该键", _members(_hint_at(model, place)))
    if kind == "extra_forbidden":
        return unknown_key(place[:-1], str(place[-1]), known_keys(_hint_at(model, place[:-1])))
    if kind == "enum":
        return Fault(place, "not one of the allowed values", "不在可选值之内", _members(_hint_at(model, place)))
    if kind in _SHAPES:
        return Fault(place, *_SHAPES[kind])
    return Fault(place, *_bounds(kind, context))


def _bounds(kind: str, context: dict[str, Any]) -> tuple[str, str]:
    """Say which bound of length or size is broken."""
    low = context.get("min_length", context.get("ge", context.get("gt")))
    high = context.get("max_length", context.get("le", context.get("lt")))
    if kind in ("string_too_short", "string_too_long"):
        return (
            (f"must have at least {low} character(s)", f"至少 {low} 个字符")
            if low is not None
            else (f"must have at most {high} characters", f"至多 {high} 个字符")
        )
    if kind in ("too_short", "too_long"):
        return (
            (f"must have at least {low} item(s)", f"至少 {low} 项")
            if low is not None
            else (f"must have at most {high} items", f"至多 {high} 项")
        )
    if pattern := context.get("pattern"):
        return f"must have the form {pattern}", f"须符合格式 {pattern}"
    if low is not None:
        return f"must be at least {low}", f"不得小于 {low}"
    if high is not None:
        return f"must be at most {high}", f"不得大于 {high}"
    return "is not as the form needs it", "不合表单要求"


def _members(hint: Any) -> tuple[str, ...]:
    """Return the values of an enum, or of the truth values, or nothing for another type."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(str(member.value) for member in hint)
    return ("true", "false") if hint is bool else ()


def known_keys(hint: Any) -> tuple[str, ...]:
    """Return the keys of a part of a form, as they are written in the file."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return tuple(field.alias or name for name, field in hint.model_fields.items())
    return ()


def _hint_at(model: type[BaseModel], place: Place) -> Any:
    """Return the type that a place of a form has, by walking the annotations."""
    hint: Any = model
    for part in place:
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            named = {field.alias or name: field.annotation for name, field in hint.model_fields.items()}
            hint = named.get(str(part))
        else:
            # The item of a list is the first argument, the value of a mapping the last before any ellipsis.
            arguments = [each for each in get_args(hint) if each is not Ellipsis]
            hint = arguments[-1] if arguments else None
        hint = _bare(hint)
    return hint


def _bare(hint: Any) -> Any:
    """Take ``None`` off an optional type and the metadata off an annotated one."""
    if get_args(hint) and type(None) in get_args(hint):
        hint = next(each for each in get_args(hint) if each is not type(None))
    return get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
