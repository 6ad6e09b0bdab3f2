"""A thousand faults in everything that reads, finds, resolves and replaces: each stops the work, and nothing is released."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import pytest
import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult

from extractor.deid import free_text, text_treatment
from extractor.deid.finders import Finders
from extractor.deid.free_text import RECOGNISERS, Limits, Recogniser
from extractor.deid.known_values import KnownColumn
from extractor.deid.span_checks import checked_spans
from extractor.deid.spans import Rank, Span, SpanTable, SpanType
from extractor.deid.streaming import text_stream
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import RecogniserFailed

SECRET = "张晓梅2024年3月18日110101199003074610"
TEXTS = [f"患者{SECRET}", "其父93岁", f"电话13800138000,{SECRET}", "一般情况可"]
_TIME = 0.02
_COUNTED: list[str] = []


class _Odd(Exception):
    """An exception of nobody's family."""


class _Unspeakable(Exception):
    """An exception that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError(SECRET)


EXCEPTIONS: tuple[Callable[[], BaseException], ...] = (
    lambda: ValueError(SECRET),
    lambda: TypeError(SECRET),
    lambda: KeyError(SECRET),
    lambda: IndexError(SECRET),
    lambda: AttributeError(SECRET),
    lambda: AssertionError(SECRET),
    lambda: RuntimeError(SECRET),
    lambda: RecursionError(SECRET),
    MemoryError,
    lambda: OverflowError(SECRET),
    lambda: ZeroDivisionError(SECRET),
    lambda: FloatingPointError(SECRET),
    lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    lambda: OSError(5, SECRET),
    lambda: TimeoutError(SECRET),
    lambda: StopIteration(SECRET),
    lambda: LookupError(SECRET),
    lambda: NotImplementedError(SECRET),
    lambda: ImportError(SECRET),
    lambda: BufferError(SECRET),
    lambda: EOFError(SECRET),
    lambda: pl.exceptions.ComputeError(SECRET),
    lambda: regex.error(SECRET),
    lambda: _Odd(SECRET),
    _Unspeakable,
)


def _good(start: Any = 0, end: Any = 1, kind: Any = SpanType.QQ, **rest: Any) -> Span:
    return Span(start, end, kind, **rest)


# Spans that are no spans of the texts, and answers that are no spans.
_LONG = sum(map(len, TEXTS)) + len(TEXTS)
WRONG_ANSWERS: dict[str, Any] = {
    "before the text": [_good(-1, 2)],
    "far before": [_good(-(10**9), 2)],
    "after the text": [_good(0, _LONG)],
    "far after": [_good(10**12, 10**12 + 1)],
    "beyond every integer": [_good(10**30, 10**30 + 1)],
    "empty": [_good(3, 3)],
    "turned round": [_good(5, 3)],
    "crossing documents": [_good(len(TEXTS[0]) - 2, len(TEXTS[0]) + 3)],
    "over the separator": [_good(len(TEXTS[0]), len(TEXTS[0]) + 1)],
    "over everything": [_good(0, _LONG - 1)],
    "no start": [_good(None, 3)],
    "a start that is a word": [_good("first", 3)],
    "a start that is no number": [_good(float("nan"), 3)],
    "an endless end": [_good(0, float("inf"))],
    "an unknown type": [_good(0, 1, "SHOE_SIZE")],
    "no type": [_good(0, 1, None)],
    "a type that is a list": [_good(0, 1, [SpanType.QQ])],
    "a score that is a word": [_good(score="high")],
    "a rank that is a word": [_good(rank="high")],
    "a rank out of range": [_good(rank=10**6)],
    "no span but a tuple": [(0, 1, SpanType.QQ)],
    "no span but a dictionary": [{"start": 0, "end": 1}],
    "no span but a number": [1],
    "no spans but a number": 7,
    "no spans but a promise": object(),
    "a good one before a bad one": [_good(0, 1), _good(-1, 2)],
}

# Answers whose kinds are wrong though numbers could be made of them.
WRONG_KINDS: dict[str, Any] = {
    "nothing": None,
    "no": False,
    "an empty word": "",
    "an empty tuple": (),
    "a score that is no number": [_good(score=float("nan"))],
    "a score above one": [_good(score=1.5)],
    "a score below nought": [_good(score=-0.1)],
    "a score that is a list": [_good(score=[0.5])],
    "a score that is a truth": [_good(score=True)],
    "a start that is a word of digits": [_good("0", 1)],
    "a start that is a list": [_good([0], 3)],
    "half a position": [_good(0.5, 1)],
    "a start that is a truth": [_good(False, True)],
    "a type that is a word": [_good(0, 1, "QQ")],
    "a rank that there is not": [_good(rank=99)],
    "no recogniser": [_good(recogniser=None)],
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong: its name, and what a function does instead of its work."""

    name: str
    act: Callable[..., Any]


def _raising(make: Callable[[], BaseException]) -> Callable[..., Any]:
    def act(*args: object, **kwargs: object) -> Any:
        raise make()

    return act


def _raises() -> Iterator[Fault]:
    for make in EXCEPTIONS:
        yield Fault(type(make()).__name__, _raising(make))


def _hangs_in_a_loop(buffer: object, deadline: Any) -> list[Span]:
    while deadline.left():
        pass
    return []


def _hangs_in_an_expression(buffer: object, deadline: Any) -> list[Span]:
    return list(regex.compile(r"(?:a|aa|a.)+$[0-9]{2}").finditer("a" * 5000 + "b", timeout=deadline.left()))


def _grows(buffer: object, deadline: object) -> list[Span]:
    return [bytearray(1 << 62)]  # type: ignore[list-item]


def _falls(buffer: object, deadline: object) -> list[Span]:
    return _falls(buffer, deadline)


def _wrong_later(*_: object) -> Iterator[Span]:
    yield _good(0, 1)
    raise MemoryError


def _of_recognisers() -> Iterator[Fault]:
    yield from _raises()
    yield from (Fault(name, lambda *_, a=answer: a) for name, answer in WRONG_ANSWERS.items())
    yield Fault("hangs in a loop", _hangs_in_a_loop)
    yield Fault("hangs in an expression", _hangs_in_an_expression)
    yield Fault("grows out of memory", _grows)
    yield Fault("falls without end", _falls)
    yield Fault("fails while its answer is read", _wrong_later)


def _treatments() -> Iterator[Treatment]:
    offsets = pl.Series([3] * len(TEXTS), dtype=pl.Int32)
    yield Treatment("redacted", age_level="age_band_10")
    yield Treatment("surrogate", pl.Series(["p"] * len(TEXTS)), offsets, bytes(32))


def _nothing_is_released(name: str, finders: Finders, limits: Limits, treatment: Treatment, *, known: bool) -> None:
    """Run the column and the stream with a fault in place: both stop with the one error, empty-handed and silent."""
    columns = [KnownColumn(pl.Series(["张晓梅"] * len(TEXTS)), "person_name")] if known else []
    with pytest.raises(RecogniserFailed) as failure:
        treat_column(pl.Series(TEXTS), known=columns, treatment=treatment, limits=limits, finders=finders)
    assert "张晓梅" not in json.dumps(failure.value.as_json(), ensure_ascii=False), name
    assert failure.value.__cause__ is None, name
    mine = {"person_name": "张晓梅"} if known else {}
    lines = [json.dumps({"id": number, "text": text, "known": mine}) for number, text in enumerate(TEXTS)]
    writer = io.StringIO()
    with pytest.raises(RecogniserFailed):
        text_stream(lines, writer, treatment, limits, finders=lambda: finders)
    assert writer.getvalue() == "", name
    _COUNTED.extend((f"{name}, column", f"{name}, stream"))


def _limits(fault: Fault) -> Limits:
    return Limits(seconds=_TIME if "hangs" in fault.name else 30.0)


@pytest.mark.parametrize("place", range(len(RECOGNISERS)), ids=[one.name for one in RECOGNISERS])
def test_a_fault_in_any_of_our_recognisers_stops_the_work(place: int) -> None:
    treatment = next(_treatments())
    for fault in _of_recognisers():
        broken = Recogniser(RECOGNISERS[place].name, RECOGNISERS[place].types, fault.act)
        # Those before it are the real ones once; they take no part in how the others fail.
        before = RECOGNISERS[:place] if fault.name in ("ValueError", "before the text") else ()
        _nothing_is_released(fault.name, Finders((*before, broken)), _limits(fault), treatment, known=False)


def _of_known(act: Callable[..., Any], buffer: object, known: object, first: int, deadline: object) -> Any:
    return act(buffer, deadline)


@pytest.mark.parametrize("name", sorted(WRONG_KINDS))
def test_an_answer_of_a_wrong_kind_is_told(name: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        checked_spans(WRONG_KINDS[name])


def test_good_spans_pass_the_check() -> None:
    spans = [_good(0, 1), _good(1, 4, SpanType.PERSON, score=0, rank=Rank.KNOWN, recogniser="known_patient")]
    assert checked_spans(spans) is spans and checked_spans([]) == []


@pytest.mark.parametrize("name", sorted(WRONG_KINDS))
def test_an_answer_of_a_wrong_kind_stops_the_work(name: str) -> None:
    broken = Recogniser("broken", frozenset({SpanType.QQ}), lambda *_: WRONG_KINDS[name])
    _nothing_is_released(name, Finders((broken,)), Limits(), next(_treatments()), known=False)


def test_an_answer_after_the_deadline_stops_the_work() -> None:
    late = Recogniser("late", frozenset({SpanType.QQ}), lambda *_: time.sleep(3 * _TIME) or [])
    _nothing_is_released("late", Finders((late,)), Limits(seconds=_TIME), next(_treatments()), known=False)


def test_a_fault_in_the_known_values_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    for fault, treatment in itertools.product(_of_recognisers(), _treatments()):
        monkeypatch.setattr(free_text, "find_known", partial(_of_known, fault.act))
        _nothing_is_released(fault.name, Finders(()), _limits(fault), treatment, known=True)


class _Foreign(EntityRecognizer):
    """Somebody else's recogniser with a fault in it."""

    def __init__(self, act: Callable[..., Any]) -> None:
        self.act = act
        super().__init__(["QQ"], name="theirs", supported_language="zh")

    def load(self) -> None:
        """Load nothing."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> Any:
        return self.act(text)


FOREIGN_ANSWERS: dict[str, Any] = {
    "before the text": [RecognizerResult("QQ", -1, 2, 0.5)],
    "after the text": [RecognizerResult("QQ", 0, 10**6, 0.5)],
    "empty": [RecognizerResult("QQ", 2, 2, 0.5)],
    "turned round": [RecognizerResult("QQ", 3, 1, 0.5)],
    "a score that is no number": [RecognizerResult("QQ", 0, 1, float("nan"))],
    "a score above one": [RecognizerResult("QQ", 0, 1, 1.5)],
    "a score below nought": [RecognizerResult("QQ", 0, 1, -0.5)],
    "an endless score": [RecognizerResult("QQ", 0, 1, float("inf"))],
    "a start that is a word": [RecognizerResult("QQ", "a", 1, 0.5)],
    "a start that is no number": [RecognizerResult("QQ", float("nan"), 1, 0.5)],
    "no end": [RecognizerResult("QQ", 0, None, 0.5)],
    "no result but a tuple": [("QQ", 0, 1, 0.5)],
    "no result but nothing": [None],
    "no results but a number": 7,
    "a good one before a bad one": [RecognizerResult("QQ", 0, 1, 0.5), RecognizerResult("QQ", -1, 1, 0.5)],
}


def test_a_fault_in_a_recogniser_of_others_stops_the_work() -> None:
    faults = [*_raises(), *(Fault(name, lambda *_, a=answer: a) for name, answer in FOREIGN_ANSWERS.items())]
    faults.append(Fault("hangs asleep", lambda *_: time.sleep(1.0)))
    faults.append(Fault("leaves", _raising(lambda: SystemExit(SECRET))))
    for fault, treatment in itertools.product(faults, _treatments()):
        limits = Limits(seconds=0.1 if fault.name in ("hangs asleep", "leaves") else 30.0)
        _nothing_is_released(fault.name, Finders((), (_Foreign(fault.act),)), limits, treatment, known=False)


NOT_TEXT = (7, 1.5, b"text", ["text"], object(), True)
_OURS = Finders(tuple(one for one in RECOGNISERS if one.name in ("patterns", "dates", "ages")))


@pytest.mark.parametrize(
    ("place", "levels"),
    [
        ("splice", "both"),
        ("replacements_of", "both"),
        ("_replacement", "both"),
        ("age_at", "both"),
        ("shifted", "surrogate"),
        ("_is_birth", "surrogate"),
        ("_surrogate", "surrogate"),
    ],
)
def test_a_fault_in_the_treatment_stops_the_work(monkeypatch: pytest.MonkeyPatch, place: str, levels: str) -> None:
    faults = list(_raises())
    if place in ("age_at", "shifted", "_replacement", "_surrogate"):
        faults += [Fault(f"gives {type(odd).__name__}", lambda *_, a=odd: a) for odd in NOT_TEXT]
    for fault in faults:
        for treatment in _treatments():
            if levels in ("both", treatment.level):
                monkeypatch.setattr(text_treatment, place, fault.act)
                _nothing_is_released(f"{place}: {fault.name}", _OURS, Limits(), treatment, known=False)


def test_a_fault_while_names_get_their_codes_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    named = Recogniser("names", frozenset({SpanType.PERSON}), lambda *_: [_good(2, 5, SpanType.PERSON)])
    for fault in _raises():
        monkeypatch.setattr(text_treatment, "_person_code", fault.act)
        _nothing_is_released(fault.name, Finders((named,)), Limits(), list(_treatments())[1], known=False)


def test_a_fault_in_reading_or_resolving_is_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in _raises():
        with monkeypatch.context() as planted:
            planted.setattr(free_text, "make_buffer", fault.act)
            _nothing_is_released(f"normalisation: {fault.name}", _OURS, Limits(), next(_treatments()), known=False)
        for step in () if fault.name == "StopIteration" else ("resolve", "concat", "moved", "counts", "rows"):
            with monkeypatch.context() as planted:
                planted.setattr(SpanTable, step, fault.act)
                _unreleased_anyhow(f"{step}: {fault.name}")


def test_a_step_that_ends_an_iteration_does_not_end_the_stream_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpanTable, "resolve", _raising(StopIteration))
    _unreleased_anyhow("resolve: StopIteration")


def _unreleased_anyhow(name: str) -> None:
    """Run the column and the stream with a fault in a step of our own: whatever it raises, nothing comes out."""
    with pytest.raises(Exception):  # noqa: B017  # any exception will do
        treat_column(pl.Series(TEXTS), treatment=Treatment("redacted"), finders=_OURS)
    writer = io.StringIO()
    lines = [json.dumps({"id": number, "text": text}) for number, text in enumerate(TEXTS)]
    with pytest.raises(Exception):  # noqa: B017  # any exception will do
        text_stream(lines, writer, finders=lambda: _OURS)
    assert writer.getvalue() == "", name
    _COUNTED.extend((f"{name}, column", f"{name}, stream"))


def test_a_batch_that_fails_leaves_nothing_behind_those_before_it() -> None:
    failing = itertools.count()

    def fails_on_the_third(buffer: Any, deadline: object) -> list[Span]:
        if next(failing) == 2:
            raise MemoryError
        return [Span(0, 1, SpanType.QQ, 0.9, Rank.PATTERN, "odd")]

    finders = Finders((Recogniser("odd", frozenset({SpanType.QQ}), fails_on_the_third),))
    lines = [json.dumps({"id": number, "text": "丙丁戊己"}) + "\n" for number in range(5)]
    writer = io.StringIO()
    with pytest.raises(RecogniserFailed):
        text_stream(lines, writer, None, Limits(chunk_characters=8), finders=lambda: finders)
    assert [json.loads(line)["id"] for line in writer.getvalue().splitlines()] == [0, 1]
    _COUNTED.append("the third batch")


def test_there_were_a_thousand_faults() -> None:
    if not {"ValueError, column", "hangs asleep, stream", "the third batch"} <= set(_COUNTED):
        pytest.skip("only a part of the faults was run")
    assert len(_COUNTED) >= 1_000
