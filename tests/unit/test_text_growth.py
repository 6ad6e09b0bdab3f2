"""The work of finding grows as the text does, also on the inputs that a search by random pieces found to be the worst.

Work is counted, not timed: calls of functions, and characters that a search of the view passes over. What happens within one
regular expression cannot be counted; so every expression that was run over a whole view is looked at instead: where it
repeats something without bound, that stands at its end, and a failed attempt costs a bounded number of steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
import regex

from extractor.deid.free_text import RECOGNISERS, Recogniser
from extractor.deid.spans import Span, SpanTable, SpanType
from extractor.deid.text_buffer import Buffer, make_buffer
from extractor.deid.text_clock import Deadline

SHORT, TIMES, BOUND = 1_500, 4, 5.5
SURNAMES, GIVEN = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗",
    "建国伟明芳秀英丽华强军平霞红玲桂兰敏静洁涛鹏辉杰磊超勇艳娟斌",
)
PIECES = (
    "王", "李李李", "医师王", "陈先生", "王某)", "3月医师", "王·", "·", "老王,", "姓名:", "Name: A", "欧阳", "患者", "白",
    "1", "1 ", "1-", "1.", "110101199003074610 ", "a", "a@", "a.", "(", "www.", "住院号:www.", "12:", "+1", "x1*", "QQ1",
    "2024年3月", "2024-03-18 ", "一", "一二", "3月18日", "1岁", "十岁", "1月", "男,",
    "住址:", "地址北京市", "村1号", "街道", "北京市", "岁,民,村", "医院", "医院区", "第一人民医院", "大学", "\u200b", "\n", " ",
)  # fmt: skip


class CountedView(str):
    """A text that counts the characters that are looked at through it."""

    seen = 0

    def find(self, word: str, start: Any = None, end: Any = None) -> int:
        at = super().find(word, start, end)
        stop = len(self) if end is None else end
        CountedView.seen += (at if at >= 0 else stop) - (start or 0)
        return at

    def count(self, word: str, start: Any = None, end: Any = None) -> int:
        CountedView.seen += len(self)
        return super().count(word, start, end)

    def __getitem__(self, key: Any) -> str:
        piece = super().__getitem__(key)
        CountedView.seen += len(piece)
        return piece

    def __contains__(self, word: object) -> bool:
        CountedView.seen += len(self)
        return super().__contains__(word)  # type: ignore[operator]  # as str has it


class Watch:
    """Counts the calls while it is set, and collects the expressions that are run over a text."""

    def __init__(self) -> None:
        self.calls = 0
        self.expressions: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self.calls += 1
        if event == "c_call" and argument.__name__ == "finditer":
            self.expressions.add(argument.__self__.pattern)


def watched(search: Callable[[], object]) -> tuple[int, set[str]]:
    """Return the work that a search does and the expressions it runs."""
    watch, before = Watch(), CountedView.seen
    sys.setprofile(watch)
    try:
        search()
    finally:
        sys.setprofile(None)
    return watch.calls + CountedView.seen - before, watch.expressions


def counted(text: str) -> Buffer:
    buffer = make_buffer([text])
    return replace(buffer, view=CountedView(buffer.view))


def growth(recogniser: Recogniser, text: Callable[[int], str]) -> float:
    """Return how many times more work ``TIMES`` times more text is."""
    recogniser.find(counted(text(TIMES * SHORT)), _soon())  # Caches are filled.
    short, long = (
        watched(lambda size=size: recogniser.find(counted(text(size)), _soon()))[0] for size in (SHORT, TIMES * SHORT)
    )
    # What every search costs, however short the text, counts as a text of its own.
    return long / (short + SHORT)


@pytest.mark.parametrize("recogniser", RECOGNISERS, ids=lambda recogniser: recogniser.name)
def test_no_repeated_piece_makes_the_work_grow_faster_than_the_text(recogniser: Recogniser) -> None:
    factors = {piece: growth(recogniser, lambda size, piece=piece: (piece * size)[:size]) for piece in PIECES}
    assert {piece: factor for piece, factor in factors.items() if factor > BOUND} == {}


@pytest.mark.parametrize("recogniser", RECOGNISERS, ids=lambda recogniser: recogniser.name)
def test_a_document_of_ever_new_names_costs_no_more_than_its_length(recogniser: Recogniser) -> None:
    names = [a + b + c for b in GIVEN for a in SURNAMES for c in GIVEN]
    text = "".join(f"患者{name},女," for name in names)
    assert growth(recogniser, lambda size: text[:size]) <= BOUND


@pytest.mark.parametrize("recogniser", RECOGNISERS, ids=lambda recogniser: recogniser.name)
def test_what_runs_over_a_whole_view_repeats_without_bound_only_at_its_end(recogniser: Recogniser) -> None:
    text = "".join(PIECES)
    _, expressions = watched(lambda: recogniser.find(counted(text), _soon()))
    assert [expression for expression in expressions if repeats_inside(expression)] == []


@pytest.mark.parametrize(
    ("expression", "inside"),
    [("a+b", True), ("a*b", True), ("a{3,}b", True), ("(?:a|b+)c", True), ("a++b", True), ("a{1,3}+b", False),
     ("[+*]b", False), (r"\+b\*", False), ("ba+", False), ("(?:ba*)", False), ("a?+b", False), ("a{2}b", False)],
)  # fmt: skip
def test_the_look_at_expressions_sees_what_it_should(expression: str, inside: bool) -> None:
    assert repeats_inside(expression) is inside


@pytest.mark.parametrize("shape", ["chain", "nest", "same"])
def test_resolving_many_overlapping_spans_costs_no_more_than_their_number(shape: str) -> None:
    def spans(count: int) -> SpanTable:
        ends = {"chain": range(3, count + 3), "nest": range(2 * count, count, -1), "same": [count + 3] * count}[shape]
        kinds = (SpanType.PERSON, SpanType.DATE)
        found = [Span(start, end, kinds[start % 2], start % 7 / 7) for start, end in enumerate(ends)]
        return SpanTable.build([0] * count, found)

    few, many = spans(500), spans(2_000)
    assert watched(many.resolve)[0] <= BOUND * watched(few.resolve)[0]


def repeats_inside(expression: str) -> bool:
    """Say whether something is repeated without bound before the end of an expression."""
    plain = regex.sub(r"\\.", "e", expression)
    plain = regex.sub(r"\[\^?\]?[^\]]*\]", "c", plain)
    bounded = regex.sub(r"\{[0-9]*,?[0-9]+\}[+?]?|\?[+?]?(?![:=!<P])", "", plain)
    return any(bounded[found.end() :].strip(")") for found in regex.finditer(r"(?:[*+]|\{[0-9]+,\})[+?]?", bounded))


def _soon() -> Deadline:
    return Deadline.within(60)
