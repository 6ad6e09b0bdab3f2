"""Words of a document are found in it and nowhere else, whether they are few or many."""

from __future__ import annotations

import pytest

from extractor.deid.occurrences import occurrences
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_clock import Deadline


@pytest.mark.parametrize("others", [0, 40])
def test_a_document_is_searched_for_its_own_words_only(others: int) -> None:
    buffer = make_buffer(["王建国与李芳,王建国", "李芳", "王建国"])
    words = {0: ["王建国", "建国", *(f"无此{n}" for n in range(others))], 1: ["王建国", "李芳"]}
    found = sorted((doc, buffer.view[start:end], start) for doc, start, end in occurrences(buffer, words, _soon()))
    assert found == [(0, "建国", 1), (0, "建国", 8), (0, "王建国", 0), (0, "王建国", 7), (1, "李芳", 11)]


def test_many_words_stop_at_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        list(occurrences(make_buffer(["王建国"]), {0: ["王建国"]}, Deadline.within(0)))


def _soon() -> Deadline:
    return Deadline.within(60)
