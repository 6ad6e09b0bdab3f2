"""A stream of any length is read a batch at a time, in one process or several, in order; every failure stops it."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
from collections.abc import Iterator

import pytest

from extractor.deid import streaming
from extractor.deid.free_text import Limits
from extractor.deid.streaming import spans_stream, text_stream
from extractor.deid.text_processes import AHEAD, in_order
from extractor.errors import ConfigurationError, FormError, RecogniserFailed

NOTE = "患者张晓梅,电话13800138000,2024年3月18日因发热入院。"
SECRET = "张晓梅13800138000"


def note(number: int) -> str:
    return json.dumps({"id": number, "text": f"第{number}次:{NOTE}"}, ensure_ascii=False) + "\n"


class Watched:
    """A reader that knows how far it was read before each answer was written."""

    def __init__(self, count: int) -> None:
        self.count, self.read, self.ahead = count, 0, 0
        self.written = 0

    def __iter__(self) -> Iterator[str]:
        for number in range(self.count):
            self.read += 1
            self.ahead = max(self.ahead, self.read - self.written)
            yield note(number)

    def write(self, text: str) -> int:
        self.written += text.count("\n")
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing is kept."""


def test_a_stream_is_read_no_further_than_one_batch() -> None:
    watched = Watched(400)
    spans_stream(watched, watched, Limits(chunk_characters=1_000))  # type: ignore[arg-type]
    assert watched.written == 400
    assert watched.ahead <= 1_000 // len(note(0)) + 1


def test_batches_under_way_are_bounded_by_the_processes() -> None:
    watched = Watched(120)
    text_stream(watched, watched, limits=Limits(chunk_characters=400), processes=2)  # type: ignore[arg-type]
    batch = 400 // len(note(0)) + 1
    assert watched.written == 120
    assert watched.ahead <= (2 * AHEAD + 1) * batch


def test_memory_does_not_grow_with_the_stream() -> None:
    limits = Limits(chunk_characters=20_000)

    def peak(count: int) -> int:
        watched = Watched(count)
        tracemalloc.start()
        spans_stream(watched, watched, limits)  # type: ignore[arg-type]
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(400)  # Facts are read and caches filled once.
    assert peak(4_000) < 2 * peak(800)


def test_two_processes_write_what_one_writes() -> None:
    lines = [note(number) for number in range(60)]
    lines[7] = "\n"
    one, two = io.StringIO(), io.StringIO()
    spans_stream(lines, one, Limits(chunk_characters=500), explain=True)
    spans_stream(lines, two, Limits(chunk_characters=500), processes=2, explain=True)
    assert one.getvalue() == two.getvalue() and one.getvalue().count("\n") == 59


def test_an_explanation_names_recogniser_and_evidence_and_not_the_value() -> None:
    out = io.StringIO()
    spans_stream([note(0)], out, explain=True)
    found = {span["type"]: span for span in json.loads(out.getvalue())["spans"]}
    assert found["PHONE"]["evidence"] in ("pattern", "checksum") and found["PHONE"]["recogniser"]
    assert "13800138000" not in out.getvalue() and "张晓梅" not in out.getvalue()


def test_answers_are_the_json_that_the_library_writes() -> None:
    odd = [{"id": ["a", 1, None], "text": NOTE}, {"id": '"\\ 引', "text": ""}, {"id": 1.5, "text": "无"}]
    out = io.StringIO()
    spans_stream([json.dumps(line) for line in odd], out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == [line["id"] for line in odd]
    assert out.getvalue() == "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)


@pytest.mark.parametrize("bad", [SECRET, json.dumps({"id": 1}), '{"id": 1, "text": "\\ud800"}', "[" * 100_000])
def test_a_bad_line_stops_the_stream_and_is_named_by_its_number(bad: str) -> None:
    _stopped_by(bad, processes=1)


def test_a_bad_line_stops_several_processes_as_well() -> None:
    _stopped_by(SECRET, processes=2)


def _stopped_by(bad: str, processes: int) -> None:
    lines = [note(number) for number in range(20)]
    with pytest.raises(FormError) as failure:
        spans_stream([*lines, bad], io.StringIO(), Limits(chunk_characters=400), processes=processes)
    assert failure.value.thing == "line 21" and failure.value.zh and failure.value.__cause__ is None
    assert SECRET not in str(failure.value)


def _broken(number: int) -> int:
    if number == 3:
        raise ValueError(SECRET)
    return number


def _dying(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


@pytest.mark.parametrize("work", [_broken, _dying])
def test_whatever_happens_in_a_process_stops_all_and_shows_no_text(work: object) -> None:
    answers = []
    with pytest.raises(RecogniserFailed) as failure:
        for answer in in_order(work, range(50), processes=2):  # type: ignore[arg-type]
            answers.append(answer)
    assert answers == list(range(len(answers))) and len(answers) <= 3
    assert SECRET not in str(failure.value) + str(failure.value.__cause__) + failure.value.zh


def test_no_process_is_not_enough() -> None:
    with pytest.raises(ConfigurationError):
        list(in_order(_broken, [1], processes=0))


def test_batches_of_processes_are_small_enough_to_share() -> None:
    assert streaming._size(Limits(), 2) < streaming._size(Limits(), 1)
