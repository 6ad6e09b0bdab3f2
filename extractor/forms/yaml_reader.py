"""Reads a YAML or JSON form into plain values and remembers on which line each one stands.

Owns the syntax: UTF-8, one document, no tags, no anchors or aliases, no key twice, bounded size and depth. Scalars stay the
text that the author typed (``350100`` and ``"350100"`` are the same, ``007`` keeps its zeros); only the form knows which of
them are numbers or dates. It must not know any form, and no value of the file stands in its messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from extractor.errors import FormError
from extractor.forms.faults import Fault, Place, form_error

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 24

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Every escape of JSON is matched, so that the pair is not looked for behind an escaped backslash.
_ESCAPE = re.compile(r"\\u(?P<high>[dD][89abAB]..)\\u(?P<low>[dD][c-fC-F]..)|\\.")
# What libyaml and PyYAML say, matched by a part that both share, and what it means to the author.
_PROBLEMS = (
    ("mapping values are not allowed", "a colon too many, or wrong indentation", "多了一个冒号,或缩进有误"),
    ("end of stream", "a quote or bracket is not closed", "引号或括号没有闭合"),
    ("cannot start any token", "a value that begins with this sign needs quotes", "以该符号开头的值须加引号"),
    ("escape", "an unknown escape in double quotes", "双引号内的转义有误"),
    ("", "wrong indentation, or a colon, comma or quote is missing", "缩进有误,或缺少冒号、逗号、引号"),
)


@dataclass(frozen=True)
class Document:
    """A form as plain values. ``lines`` gives the line (from 1) of each place; ``name`` is the file's name."""

    name: str
    root: dict[str, Plain]
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest place around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_document(path: Path) -> Document:
    """Read a YAML or JSON file.

    Raises:
        FormError: it cannot be read, is larger than 2 MB, is not UTF-8, or is not plain YAML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as failure:
        raise FormError(
            f"the file cannot be read ({failure.strerror})",
            zh=f"无法读取文件({failure.strerror})",
            thing=path.name,
            fix_en="check the path and the permissions",
            fix_zh="请检查路径与权限",
        ) from None
    return parse_document(content, name=path.name)


def parse_document(content: bytes, *, name: str) -> Document:
    """Read a form from bytes; ``name`` stands for it in messages, and one that ends in ``.json`` is read as JSON.

    Raises:
        FormError: as :func:`read_document`.
    """
    if len(content) > MAX_BYTES:
        raise _broken(name, 1, "the file is larger than 2 MB", "文件超过 2 MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        raise _broken(name, line, "the file is not UTF-8; save it as UTF-8", "文件不是 UTF-8,请另存为 UTF-8") from None
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _broken(name, line, "a control character; remove it", "含有控制字符,请删除")
    if name.endswith(".json"):
        text = _checked_json(text, name)
    return _Composer(name, text).document()


def _checked_json(text: str, name: str) -> str:
    """Return JSON text in a spelling that YAML reads alike: JSON allows tabs between tokens, and none inside strings."""
    try:
        json.loads(text)
    except json.JSONDecodeError as failure:
        raise _broken(name, failure.lineno, f"no JSON: {failure.msg}", "不是 JSON") from None
    except RecursionError:
        raise _too_deep(name, 1) from None
    return _ESCAPE.sub(_whole_sign, text.replace("\t", " "))


def _whole_sign(escape: re.Match[str]) -> str:
    """Write a surrogate pair, with which JSON escapes signs beyond U+FFFF and which YAML does not know, as the sign."""
    high, low = escape.group("high"), escape.group("low")
    return chr(0x10000 + (int(high, 16) - 0xD800) * 0x400 + int(low, 16) - 0xDC00) if high else escape.group()


class _Composer:
    """Builds plain values from the parser's events, with a bound on depth and without any of YAML's object features."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)
        self._lines: dict[Place, int] = {}

    def document(self) -> Document:
        try:
            root = self._only_document()
        except yaml.MarkedYAMLError as failure:
            raise self._syntax(failure) from None
        except yaml.YAMLError:
            raise _broken(self._name, 1, "this is not YAML", "不是 YAML") from None
        if not isinstance(root, dict):
            raise _broken(self._name, 1, "the file must be a mapping of keys", "文件须为键值结构")
        return Document(self._name, root, self._lines)

    def _only_document(self) -> Plain:
        root: Plain = None
        started = False
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if started:
                    raise self._refused(event, "a second document", "含有第二个文档")
                started, root = True, self._node(next(self._events), ())
            elif isinstance(event, DocumentEndEvent):
                continue
        return root

    def _node(self, event: Event, place: Place) -> Plain:
        if len(place) > MAX_DEPTH:
            raise _too_deep(self._name, _line(event))
        self._lines.setdefault(place, _line(event))
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise self._refused(event, "anchors and aliases (&, *) are not allowed", "不允许使用锚点与引用(&、*)")
        if getattr(event, "tag", None):
            raise self._refused(event, "tags (!) are not allowed", "不允许使用标签(!)")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(place)
        if isinstance(event, MappingStartEvent):
            return self._mapping(place)
        assert isinstance(event, ScalarEvent)
        plain = event.style is None or event.style == ""
        return None if plain and event.value in _NULLS else self._text_of(event)

    def _sequence(self, place: Place) -> list[Plain]:
        items: list[Plain] = []
        while not isinstance(event := next(self._events), CollectionEndEvent):
            items.append(self._node(event, (*place, len(items))))
        return items

    def _mapping(self, place: Place) -> dict[str, Plain]:
        items: dict[str, Plain] = {}
        while not isinstance(event := next(self._events), CollectionEndEvent):
            line = _line(event)
            if not isinstance(event, ScalarEvent) or event.anchor or event.tag:
                raise self._refused(event, "a key must be plain text", "键须为普通文本")
            key = self._text_of(event)
            if key in items:
                first = self._lines[*place, key]
                raise self._refused(event, f"this key stands already on line {first}", f"该键在第 {first} 行已出现")
            self._lines[*place, key] = line
            items[key] = None
            items[key] = self._node(next(self._events), (*place, key))
        return items

    def _text_of(self, event: ScalarEvent) -> str:
        # libyaml refuses the escape of half a surrogate pair itself, the parser in Python lets it through.
        if any("\ud800" <= sign <= "\udfff" for sign in event.value):
            raise self._refused(event, "an unknown escape in double quotes", "双引号内的转义有误")
        return str(event.value)

    def _refused(self, event: Event, en: str, zh: str) -> FormError:
        return _broken(self._name, _line(event), en, zh)

    def _syntax(self, failure: yaml.MarkedYAMLError) -> FormError:
        line = failure.problem_mark.line if failure.problem_mark else 0
        lines = self._text.splitlines()
        if line < len(lines) and re.match(r" *\t", lines[line]):
            return _broken(self._name, line + 1, "a tab in the indentation; use spaces", "缩进用了制表符,请改用空格")
        problem = failure.problem or ""
        en, zh = next((en, zh) for part, en, zh in _PROBLEMS if part in problem)
        return _broken(self._name, line + 1, f"this is not YAML: {en}", f"不是 YAML:{zh}")


def _line(event: Event) -> int:
    mark: Any = event.start_mark
    return int(mark.line) + 1


def _too_deep(name: str, line: int) -> FormError:
    return _broken(name, line, f"nested more than {MAX_DEPTH} deep", f"嵌套超过 {MAX_DEPTH} 层")


def _broken(name: str, line: int, en: str, zh: str) -> FormError:
    return form_error(name, [(line, Fault((), en, zh))])
