"""Batches of work in several processes, answered in order.

Owns how many batches are under way at once (so that memory is bounded by them, however long the input), the order of the
answers, and that the first failure in any process stops all of them. It must not know what the work is. A failure travels
as its meaning only: the text of an unexpected exception, which may hold a piece of a document, stays in the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

from extractor.errors import ConfigurationError, ExtractorError, RecogniserFailed

_Batch = TypeVar("_Batch")
_Answer = TypeVar("_Answer")
AHEAD = 2
"""Batches that are under way for each process: one that it works on and one that waits."""


@dataclass(frozen=True)
class _Stopped:
    """What an error says, without its traceback: the fields with which it is made again."""

    kind: type[ExtractorError]
    fields: dict[str, str]


@dataclass(frozen=True)
class _Done(Generic[_Answer]):
    answer: _Answer


def in_order(work: Callable[[_Batch], _Answer], batches: Iterable[_Batch], *, processes: int) -> Iterator[_Answer]:
    """Yield what ``work`` makes of each batch, in the order of the batches.

    Args:
        work: a function of a module, or a ``partial`` of one; it and the batches are sent to other processes.
        batches: read no further ahead than ``AHEAD`` batches a process.
        processes: how many; with one the work is done in this process.

    Raises:
        ConfigurationError: ``processes`` is below one.
        ExtractorError: what the work raised; answers of later batches are not given.
        RecogniserFailed: a process died or raised anything else.
    """
    if processes < 1:
        raise _too_few(processes)
    if processes == 1:
        for batch in batches:
            # Not map(): a StopIteration in the work would end it silently, and the batches that follow would be lost.
            yield work(batch)
        return
    # Spawned, not forked: a fork copies locks that the threads of polars may hold.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        pending: deque[Future[_Done[_Answer] | _Stopped]] = deque()
        for batch in batches:
            pending.append(pool.submit(_attempt, work, batch))
            if len(pending) >= AHEAD * processes:
                yield _result(pending.popleft())
        while pending:
            yield _result(pending.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _attempt(work: Callable[[Any], _Answer], batch: Any) -> _Done[_Answer] | _Stopped:
    """Do the work in a process of its own and turn what it raises into something that can be sent."""
    try:
        return _Done(work(batch))
    except ExtractorError as problem:
        return _Stopped(type(problem), {name: str(value) for name, value in vars(problem).items()})
    except Exception as problem:
        return _Stopped(RecogniserFailed, vars(_failed(type(problem).__name__)))


def _result(future: Future[_Done[_Answer] | _Stopped]) -> _Answer:
    try:
        outcome = future.result()
    except BrokenProcessPool:
        raise _failed("a process died") from None
    if isinstance(outcome, _Stopped):
        raise _made_again(outcome)
    return outcome.answer


def _made_again(stopped: _Stopped) -> ExtractorError:
    fields = dict(stopped.fields)
    return stopped.kind(fields.pop("en"), **fields)


def _failed(problem: str) -> RecogniserFailed:
    return RecogniserFailed(
        f"a batch stopped with {problem}; nothing more is delivered",
        zh=f"某一批次因 {problem} 中止,不再交付任何结果",
        thing="processes",
        fix_en="run with one process to see which recogniser, or give the machine more memory",
        fix_zh="请以单进程运行以确定识别器,或增加内存",
    )


def _too_few(processes: int) -> ConfigurationError:
    return ConfigurationError(
        f"{processes} processes were asked for",
        zh=f"所要求的进程数为 {processes}",
        thing="processes",
        fix_en="ask for one or more",
        fix_zh="请设为 1 或以上",
    )
