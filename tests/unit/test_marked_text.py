"""Sheets for annotators: what is marked comes back in offsets of the note, and any other change is found and named by its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.deid.agreement import Mark
from extractor.deid.marked_text import BRACKETS, SheetFormat, read_sheet, write_sheet
from extractor.deid.span_words import TYPE_OF, ZH
from extractor.deid.spans import SpanType
from extractor.errors import ConfigurationError, FormError

NOTE = "患者张三,【主诉】头痛。  \r\n\r\n电话 13800138000\t\n签名:李四  "
TEXTS = {"0001": NOTE, "0002": "无殊。"}
FORM = SheetFormat.for_texts(list(TEXTS.values()))


def sheet(body: str = NOTE) -> bytes:
    return write_sheet(FORM, {**TEXTS, "0001": body}).encode("utf-8-sig")


def read(content: bytes) -> dict[str, list[Mark]]:
    return read_sheet(content, FORM, TEXTS, name="annotator-1.txt")


def test_brackets_that_the_notes_hold_are_not_used_for_marks() -> None:
    assert (FORM.opening, FORM.closing) == ("〖", "〗")
    assert SheetFormat.for_texts(["a ===== b"]).fence == "======"
    with pytest.raises(ConfigurationError):
        SheetFormat.for_texts(["".join(BRACKETS)])


def test_marks_come_back_in_offsets_of_the_note_whatever_the_editor_did_to_line_ends() -> None:
    marked = (
        NOTE.replace("张三", "〖姓名:张三〗")
        .replace("13800138000", "〖PHONE：13800138000〗")
        .replace("李四  ", "〖 姓名 :李四  〗")
    )
    at = NOTE.index
    expected = [
        Mark(at("张三"), at("张三") + 2, SpanType.PERSON),
        Mark(at("138"), at("138") + 11, SpanType.PHONE),
        Mark(at("李四"), at("李四") + 2, SpanType.PERSON),
    ]
    raw = sheet(marked)
    windows = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    trimmed = "\n".join(line.rstrip() for line in raw.decode().replace("\r\n", "\n").split("\n")).encode()
    for content in (raw, windows, trimmed):
        assert read(content) == {"0001": expected, "0002": []}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (NOTE.replace("头痛", "头晕"), "changed here"),
        (NOTE.replace("张三", "张 三"), "changed here"),
        (NOTE.replace("李四", ""), "changed here"),
        (NOTE + "补记", "changed here"),
        (NOTE.replace("张三", "〖姓名:张三"), "not closed"),
        (NOTE.replace("张三", "张三〗"), "not opened"),
        (NOTE.replace("张三", "〖名字:张三〗"), "no known type"),
        (NOTE.replace("张三", "〖张三〗"), "no known type"),
        (NOTE.replace("张三", "〖姓名?:张三〗"), "still disputed"),
        (NOTE.replace("张三", "〖姓名:〗张三"), "empty mark"),
        (NOTE.replace("患者张三,", "〖姓名:患者〖姓名:张三〗〗,"), "within a mark"),
    ],
)
def test_any_other_change_is_named_by_its_line_and_shows_no_text(wrong: str, told: str) -> None:
    with pytest.raises(FormError, match=told) as failure:
        read(sheet(wrong))
    name, _, line = failure.value.thing.partition(":")
    assert name == "annotator-1.txt" and 6 <= int(line) <= 12
    assert not any(secret in str(failure.value.as_json()) for secret in ("张三", "李四", "13800138000", "头痛"))


def test_a_sheet_without_a_note_or_with_one_twice_or_in_another_encoding_is_refused() -> None:
    whole = sheet().decode("utf-8-sig")
    with pytest.raises(FormError, match="missing: 0002"):
        read(whole[: whole.index("===== 0002")].encode())
    with pytest.raises(FormError, match="twice"):
        read((whole + whole[whole.index("===== 0001 =====\n") :]).encode())
    with pytest.raises(FormError, match="not UTF-8"):
        read(whole.encode("gb18030", "replace"))


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[Mark, bool]]]:
    text = draw(st.text("张三李四【】=?:：\r\n \t138,。\u200b𠮷", min_size=1, max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8, unique=True)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    visible = [(start, end) for start, end in pairs if text[start].strip() and text[end - 1].strip()]
    kinds = st.sampled_from(list(SpanType))
    return text, [(Mark(start, end, draw(kinds)), False) for start, end in visible]


@given(annotated())
def test_what_is_written_is_read(case: tuple[str, list[tuple[Mark, bool]]]) -> None:
    text, marks = case
    texts = {"0001": text, "0002": text}
    form = SheetFormat.for_texts([text])
    back = read_sheet(write_sheet(form, texts, {"0001": marks}).encode("utf-8-sig"), form, texts, name="s")
    assert back == {"0001": [mark for mark, _ in marks], "0002": []}


def test_every_type_has_a_word_that_names_it() -> None:
    assert {TYPE_OF[word] for word in ZH.values()} == set(SpanType) == set(ZH)
