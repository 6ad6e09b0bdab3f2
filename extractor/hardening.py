"""What keeps a run's memory and temporary files to itself: environment, core dumps, permissions.

Owns the process-wide settings that must stand before polars or jieba are imported. It must not know what the run does.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import ConfigurationError

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclass(frozen=True)
class Hardening:
    """What holds for this process after ``harden_process``; ``swap`` names the active swap areas, which nothing here can stop."""

    no_core_dump: bool
    not_dumpable: bool
    umask: int
    swap: tuple[str, ...]


ENGINE_ENVIRONMENT = {
    # polars stops a query that would need to spill, instead of writing rows to disk in the clear.
    "POLARS_OOC_DISK_BUDGET_MB": "0",
    # Row groups that are read ahead take memory that no batch has warmed; two keep the threads busy.
    "POLARS_ROW_GROUP_PREFETCH_SIZE": "2",
    # Freed memory is kept for the next batches: polars' own setting gives it back after half a second, and then needs it again.
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:2000,muzzy_decay_ms:0,background_thread:true",
    # Huge pages make the system tidy its memory at moments that nobody chose: up to 0.1 s for each 40 MB array.
    "NUMPY_MADVISE_HUGEPAGE": "0",
    # Nothing here is linear algebra; its threads would wait in a busy loop.
    "OPENBLAS_NUM_THREADS": "1",
}
"""What polars and numpy are told before they are imported: they read it once and never again."""


def private_environment(folder: Path) -> dict[str, str]:
    """Return the environment variables that keep every temporary file of a run inside its folder; nothing is made yet.

    polars' verbose output prints plans with literals and is off. jieba has no variable of its own: it writes its cache to
    ``TMPDIR``.
    """
    temporary = (
        "TMPDIR",
        "TMP",
        "TEMP",
        "SQLITE_TMPDIR",
        "POLARS_TEMP_DIR",
        "POLARS_TEMP_DIR_BASE_PATH",
        "XDG_CACHE_HOME",
    )
    return {
        **dict.fromkeys(temporary, str(folder / "tmp")),
        "POLARS_OOC_SPILL_DIR": str(folder / "spill"),
        **ENGINE_ENVIRONMENT,
        "POLARS_VERBOSE": "0",
        "POLARS_VERBOSE_SENSITIVE": "0",
        "RUST_BACKTRACE": "0",
    }


def enter_private_environment(folder: Path) -> None:
    """Set ``private_environment`` for this process.

    polars reads its variables once, when it is imported, and ignores later changes without a word: it would spill rows in
    the clear. So this refuses where polars is loaded already.

    Raises:
        ConfigurationError: polars was imported before.
    """
    if "polars" in sys.modules:
        raise ConfigurationError(
            "polars was loaded before its environment stood, so it could write rows to disk in the clear",
            zh="polars 在设置环境之前已被加载,可能将数据以明文写入磁盘",
            thing="worker",
            fix_en="this is a bug: report it; nothing was read",
            fix_zh="此为程序缺陷,请报告;尚未读取任何数据",
        )
    os.environ.update(private_environment(folder))


def harden_process() -> Hardening:
    """Forbid core dumps and looks into this process's memory, and make its files private (umask 077).

    ``PR_SET_DUMPABLE`` is lost by ``execve``: each process calls this for itself. Memory is not locked (``mlockall`` would
    have to hold whole tables): swap must be off or encrypted, and ``doctor`` says which areas there are.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.umask(0o077)
    return Hardening(
        no_core_dump=resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        not_dumpable=libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0,
        umask=0o077,
        swap=swap_areas(),
    )


def settle_memory() -> None:
    """Prepare a process that will work through many batches; to be called when everything is imported.

    The C library keeps up to 256 MB that was freed for the next batch, in pieces below 32 MB, because the system gives new
    pages slowly; and Python's collector no longer walks through what the imports left.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # only glibc has it
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(_M_TRIM_THRESHOLD, 256 * 2**20)


def give_back_memory() -> None:
    """Return to the system what the C library keeps, between two parts of a run that need different memory."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def swap_areas() -> tuple[str, ...]:
    """Return the names of the active swap areas, from /proc/swaps."""
    lines = Path("/proc/swaps").read_text().splitlines()[1:]
    return tuple(line.split()[0] for line in lines if line.strip())
