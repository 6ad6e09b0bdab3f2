"""The parts of a view around certain characters: all of what is near, nothing else, and spans that find their way back."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st

from extractor.deid.spans import Span, SpanType
from extractor.deid.text_buffer import DIGITS, LETTERS_AND_DIGITS, SEPARATOR, Buffer, make_buffer, normalised
from extractor.deid.text_clock import Deadline

TEXTS = st.lists(st.text(alphabet="汉字文本，。1２x\u200b\n𠮷", max_size=40), max_size=4)
_RUN = regex.compile(r"[0-9]{1,9}")


def runs(buffer: Buffer, deadline: Deadline) -> list[Span]:
    found = _RUN.finditer(buffer.view, timeout=deadline.left())
    return [Span(match.start(), match.end(), SpanType.OTHER_ID) for match in found]


@given(TEXTS, st.integers(0, 8), st.integers(1, 4))
def test_an_excerpt_holds_exactly_what_is_near_enough(texts: list[str], reach: int, least: int) -> None:
    buffer = make_buffer(texts)
    wanted = [character in LETTERS_AND_DIGITS for character in buffer.view]
    size = len(wanted)
    near = [sum(wanted[max(0, at - reach) : at + reach + 1]) >= least for at in range(size)]
    excerpt = buffer.near(LETTERS_AND_DIGITS, reach=reach, least=least)
    view, positions = excerpt.buffer.view, excerpt.positions.tolist()
    assert len(view) == len(positions) == len(excerpt.buffer.codes)
    assert "".join(map(chr, excerpt.buffer.codes)) == view
    assert {at for at in range(size) if near[at]} <= set(positions)
    for place, at in enumerate(positions):
        assert view[place] == (buffer.view[at] if near[at] else SEPARATOR)
    gaps = [place for place in range(1, len(positions)) if positions[place] != positions[place - 1] + 1]
    assert all(view[place - 1] == SEPARATOR for place in gaps)


@given(TEXTS, st.integers(9, 20))
def test_a_search_of_an_excerpt_finds_what_a_search_of_everything_finds(texts: list[str], reach: int) -> None:
    buffer, deadline = make_buffer(texts), Deadline.within(60)
    assert buffer.near(DIGITS, reach=reach).search(runs, deadline) == runs(buffer, deadline)


def test_the_same_question_is_answered_once() -> None:
    buffer = make_buffer(["电话13800138000"])
    assert buffer.near(DIGITS, reach=5) is buffer.near(DIGITS, reach=5)
    assert buffer.near(DIGITS, reach=5) is not buffer.near(DIGITS, reach=6)


def test_a_text_without_the_characters_gives_an_empty_excerpt() -> None:
    excerpt = make_buffer(["无", ""]).near(DIGITS, reach=5)
    assert excerpt.buffer.view == "" and excerpt.search(runs, Deadline.within(60)) == []


def test_seven_digits_read_out_are_a_number_and_six_are_prose() -> None:
    assert normalised("一三八零零一三") == "1380013"
    assert normalised("一 三-八零零一三") == "1 3-80013"
    assert normalised("一三八零零一") == "一三八零零一"
    assert normalised("一三八,零零一三") == "138,0013"
