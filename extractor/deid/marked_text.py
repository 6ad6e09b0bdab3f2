"""Sheets for annotators: notes as plain text in which a person marks what identifies, 【姓名:张三】.

Owns the format, which any text editor can edit, and its way back: the text without the marks must equal the note that was
given out, but for line ends and blanks at the ends of lines, which editors change. It must not know where the notes come from. A fault
names the sheet and the line, never what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from extractor.deid.agreement import Mark
from extractor.deid.span_words import TYPE_OF, ZH
from extractor.errors import ConfigurationError, FormError

BRACKETS = ("【】", "〖〗", "⟦⟧", "«»", "⦅⦆")
DISPUTED = "?"
_LABEL = re.compile(r"([^:\n?]{1,12}?)([?\uff1f]?)[:\uff1a]")


@dataclass(frozen=True)
class SheetFormat:
    """How the sheets of one sample are written: a pair of brackets and a line of signs that none of its notes holds."""

    opening: str
    closing: str
    fence: str

    @classmethod
    def for_texts(cls, texts: Sequence[str]) -> SheetFormat:
        """Choose brackets and fence that occur in no text, so that every one in a sheet is a mark.

        Raises:
            ConfigurationError: the texts hold all of the brackets that we know.
        """
        free = (pair for pair in BRACKETS if not any(sign in text for text in texts for sign in pair))
        brackets = next(free, None)
        if brackets is None:
            raise ConfigurationError(
                "the notes hold every kind of bracket that marks could be written with",
                zh="文书中已含有全部可用作标记的括号",
                thing="sample",
                fix_en="leave out the notes that hold all of " + " ".join(BRACKETS),
                fix_zh="请剔除含有这些括号的文书:" + " ".join(BRACKETS),
            )
        fence = "====="
        while any(fence in text for text in texts):
            fence += "="
        return cls(brackets[0], brackets[1], fence)

    def header(self, note: str) -> str:
        """Return the line that stands before a note."""
        return f"{self.fence} {note} {self.fence}"


def write_sheet(
    form: SheetFormat, texts: Mapping[str, str], marks: Mapping[str, Sequence[tuple[Mark, bool]]] | None = None
) -> str:
    """Return a sheet of notes by number; with ``marks`` these stand in it, the disputed ones with a question mark."""
    opening, closing = form.opening, form.closing
    parts = [_guide(form), ""]
    for note, text in texts.items():
        parts += [form.header(note), _marked(text, (marks or {}).get(note, ()), opening, closing), ""]
    return "\n".join(parts)


def _guide(form: SheetFormat) -> str:
    opening, closing = form.opening, form.closing
    words = "、".join(ZH.values())
    return "\n".join(
        (
            f"# 请用 {opening}类型:原文{closing} 标出每一处能识别个人的文字,例如 {opening}姓名:某某某{closing}。类型:{words}。",
            "# 除加标记外不要改动任何文字;不要嵌套标记;年龄只标 90 岁及以上;用 UTF-8 保存。两名标注员互不商量。",
            f"# Mark whatever identifies a person as {opening}TYPE:text{closing}; change nothing else; do not nest; save as UTF-8.",
            f"# 标题行 {form.header('编号')} 不要改动。# Leave the lines with {form.fence} as they are.",
        )
    )


def _marked(text: str, marks: Sequence[tuple[Mark, bool]], opening: str, closing: str) -> str:
    pieces, at = [], 0
    for mark, is_disputed in sorted(marks, key=lambda pair: pair[0]):
        label = ZH[mark.type] + (DISPUTED if is_disputed else "")
        pieces += [text[at : mark.start], opening, label, ":", text[mark.start : mark.end], closing]
        at = mark.end
    return "".join((*pieces, text[at:]))


def read_sheet(content: bytes, form: SheetFormat, texts: Mapping[str, str], *, name: str) -> dict[str, list[Mark]]:
    """Read back a sheet and return the marks of each note, in offsets of the note as it was given out.

    Raises:
        FormError: the sheet is not UTF-8, a note is missing, doubled or changed, a mark is open, nested, empty, of an unknown type
            or still disputed. The message names sheet and line.
    """
    try:
        sheet = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise _fault(name, 1, "is not UTF-8; save it as UTF-8", "不是 UTF-8,请另存为 UTF-8") from None
    fence = re.escape(form.fence)
    headers = list(re.finditer(rf"^{fence} (\S+) {fence}[ \t]*$", sheet, re.MULTILINE))
    marks: dict[str, list[Mark]] = {}
    for header, following in zip_longest(headers, headers[1:]):
        note, line = header[1], sheet.count("\n", 0, header.start()) + 1
        if note not in texts or note in marks:
            raise _fault(name, line, "this note is not in the sample, or twice", "该文书不在样本中,或重复出现")
        body = sheet[header.end() + 1 : following.start() if following else len(sheet)]
        marks[note] = _Reader(form, name, line + 1).marks(body, texts[note])
    missing = [note for note in texts if note not in marks]
    if missing:
        raise _fault(name, 1, f"notes are missing: {', '.join(missing[:20])}", f"缺少文书:{'、'.join(missing[:20])}")
    return marks


class _Reader:
    """Reads the marks of one note; ``line`` is that of its first line in the sheet."""

    def __init__(self, form: SheetFormat, name: str, line: int) -> None:
        self._opening, self._closing = form.opening, form.closing
        self._name, self._line = name, line

    def marks(self, body: str, original: str) -> list[Mark]:
        plain, found = self._parsed(body)
        here, there = _skeleton(plain), _skeleton(original)
        if [sign for sign, _ in here] != [sign for sign, _ in there]:
            at = next((k for k, (a, b) in enumerate(zip(here, there, strict=False)) if a[0] != b[0]), len(here) - 1)
            position = here[min(at, len(here) - 1)][1] if here else 0
            line = self._line + plain.count("\n", 0, position)
            raise _fault(
                self._name, line, "the text was changed here; only marks may be added", "此处原文被改动;只能添加标记"
            )
        places = {position: k for k, (_, position) in enumerate(here)}
        return [self._moved(mark, line, places, there) for mark, line in found]

    def _moved(self, mark: Mark, line: int, places: dict[int, int], there: list[tuple[str, int]]) -> Mark:
        inside = [places[at] for at in range(mark.start, mark.end) if at in places]
        if not inside:
            raise _fault(self._name, line, "an empty mark", "标记内没有文字")
        return Mark(there[inside[0]][1], there[inside[-1]][1] + 1, mark.type)

    def _parsed(self, body: str) -> tuple[str, list[tuple[Mark, int]]]:
        """Return the text without marks, and each mark in it with its line."""
        pieces: list[str] = []
        found: list[tuple[Mark, int]] = []
        at = length = 0
        for opening in re.finditer(re.escape(self._opening), body):
            line = self._line + body.count("\n", 0, opening.start())
            if opening.start() < at:
                raise _fault(self._name, line, "a mark within a mark", "标记嵌套")
            self._unclosed(body[at : opening.start()], body, at)
            label = _LABEL.match(body, opening.end())
            kind = TYPE_OF.get(label[1].strip()) if label else None
            if label is None or kind is None:
                raise _fault(self._name, line, "a mark of no known type; types: " + ", ".join(ZH.values()),
                             "标记类型不在可选之列;可选:" + "、".join(ZH.values()))  # fmt: skip
            if label[2]:
                raise _fault(self._name, line, "a mark is still disputed (`?`): decide it", "该处仍有争议(“?”),请裁定")
            end = body.find(self._closing, label.end())
            if end < 0:
                raise _fault(self._name, line, "a mark is not closed", "标记没有闭合")
            pieces += [body[at : opening.start()], body[label.end() : end]]
            length += opening.start() - at
            found.append((Mark(length, length + end - label.end(), kind), line))
            length += end - label.end()
            at = end + 1
        self._unclosed(body[at:], body, at)
        return "".join((*pieces, body[at:])), found

    def _unclosed(self, between: str, body: str, at: int) -> None:
        if self._closing in between:
            line = self._line + body.count("\n", 0, at + between.index(self._closing))
            raise _fault(self._name, line, "a mark is closed that was not opened", "多余的标记结束符号")


def _skeleton(text: str) -> list[tuple[str, int]]:
    """Return the characters that an editor leaves alone, each with its place: line ends as one sign, no blanks before them."""
    kept: list[tuple[str, int]] = []
    for at, sign in enumerate(text):
        if sign == "\r" and text[at + 1 : at + 2] == "\n":
            continue
        if sign in "\r\n":
            while kept and kept[-1][0] != "\n" and kept[-1][0].isspace():
                kept.pop()
            kept.append(("\n", at))
        else:
            kept.append((sign, at))
    while kept and kept[-1][0].isspace():
        kept.pop()
    first = next((k for k, (sign, _) in enumerate(kept) if not sign.isspace()), len(kept))
    return kept[first:]


def _fault(name: str, line: int, en: str, zh: str) -> FormError:
    return FormError(
        en,
        zh=zh,
        thing=f"{name}:{line}",
        fix_en="correct the line in the sheet; the text itself is in sample.jsonl",
        fix_zh="请在标注文件中更正该行;原文见 sample.jsonl",
    )
