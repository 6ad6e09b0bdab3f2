"""A progress line on standard error for work over two seconds; off when standard error is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SHOWN_AFTER_SECONDS = 2.0
STEPS_ZH = {
    "check": "核对审批与方案", "sources": "检查数据源", "risk": "评估风险", "identifiers": "收集原始标识指纹",
    "write": "处理、扫描、加密", "record": "登记", "purge": "清理销毁",
}  # fmt: skip


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that takes progress messages (step, table, rows) and shows the latest on one line."""
    started = time.monotonic()
    shown = False

    def report(message: dict[str, Any]) -> None:
        nonlocal shown
        seconds = time.monotonic() - started
        if not sys.stderr.isatty() or seconds < SHOWN_AFTER_SECONDS:
            return
        shown = True
        step = STEPS_ZH.get(message.get("step", ""), message.get("step", ""))
        rows = f" {message['rows']:,} 行" if "rows" in message else ""
        where = f" {message['table']}" if "table" in message else ""
        print(f"\r\x1b[2K{title}: {step}{where}{rows} · {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        if shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
