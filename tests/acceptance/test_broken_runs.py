"""What breaks under a run: a full disk, a log that cannot be written, kill -9; nothing is delivered, left behind or lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

YEAR = date.today().year
NUMBER, RUN = f"RQ-{YEAR}-0001", f"RN-{YEAR}-0001"


# --- the disk and the log ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(approved: Any, tmp_path: Path) -> Iterator[Any]:
    """The approved installation on a file system of its own, of 4 MiB; the sources lie outside."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=False).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    try:
        shutil.copytree(approved.home, place / "home", ignore=shutil.ignore_patterns("data"))
        settings = place / "home" / "settings.yaml"
        data = approved.home / "data"
        settings.write_text(settings.read_text("utf-8").replace("data: data", f"data: {data}"), "utf-8")
        yield replace(approved, home=place / "home")
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Fill a file system up to some bytes that stay free."""
    state = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"\0" * (state.f_bavail * state.f_frsize - but))
    return filler


@pytest.mark.parametrize("free", [0, 150_000])
def test_a_disk_that_fills_delivers_nothing_and_loses_nothing(small_disk: Any, free: int) -> None:
    filler = fill(small_disk.home.parent, but=free)
    small_disk.run(NUMBER, shell=True).said(3)
    assert not list((small_disk.home / "packages").iterdir())
    filler.unlink()
    shown = small_disk.ok("request", "show", NUMBER)
    assert not list((small_disk.home / "scratch").iterdir())
    assert len(shown["destruction_records"]) == len(shown["runs"])
    assert small_disk.ok("log", "verify")["verified"]
    small_disk.runs_again()


def test_a_disk_that_cannot_be_written_starts_no_run(small_disk: Any) -> None:
    disk = small_disk.home.parent
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    small_disk.run(NUMBER).said(3)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    small_disk.nothing_begun()


def test_a_run_whose_record_cannot_be_written_fails_and_leaves_no_package(approved: Any) -> None:
    in_its_place = approved.home / "records" / f"{RUN}.json"
    in_its_place.mkdir()
    approved.run(NUMBER).said(3, f"{RUN}.json")
    approved.ended()
    approved.runs_again()


class LogThatRefuses:
    """Makes the database refuse log entries of some verbs, as a log that cannot be written does."""

    def __init__(self, home: Path, when: str) -> None:
        self._file, self._when = home / "store.sqlite3", when

    def __enter__(self) -> None:
        self._do(
            f"CREATE TRIGGER no BEFORE INSERT ON log_entries WHEN {self._when} BEGIN SELECT RAISE(ABORT, 'x'); END"
        )

    def __exit__(self, *_: object) -> None:
        self._do("DROP TRIGGER no")

    def _do(self, statement: str) -> None:
        database = sqlite3.connect(self._file)
        database.execute(statement)
        database.close()


def test_no_run_starts_without_a_log(approved: Any) -> None:
    with LogThatRefuses(approved.home, "1"):
        approved.run(NUMBER).said(3)
    approved.nothing_begun()


def test_no_package_is_delivered_that_the_log_does_not_know(approved: Any) -> None:
    with LogThatRefuses(approved.home, "NEW.verb = 'seal'"):
        approved.run(NUMBER).said(3)
    approved.ended()
    approved.runs_again()


def test_nothing_is_destroyed_that_the_log_does_not_know(approved: Any) -> None:
    with LogThatRefuses(approved.home, "NEW.verb = 'purge'"):
        approved.run(NUMBER, shell=True).said(3)
        assert (approved.home / "scratch" / RUN).is_dir()
    shown = approved.ok("request", "show", NUMBER)  # The next start destroys and records.
    assert [record["ground"] for record in shown["destruction_records"]] == ["interrupted"]
    assert not list((approved.home / "scratch").iterdir())
    assert (shown["state"], shown["runs"][0]["state"]) == ("sealed", "sealed")
    assert approved.ok("log", "verify")["verified"]


# --- kill -9 ----------------------------------------------------------------------------------------------------------

WAIT = """
def wait(*a, **k):
    Path({flag!r}).touch()
    time.sleep(1000)
"""
BEFORE_SEAL = ("extractor.transfer.seal", "m.PackageWriter.finish = wait")
WHILE_WRITING = (
    "extractor.engines.output",
    "m.write_table = lambda frame, sink, form, **given: (sink.write(b'x' * 99999), wait())",
)
RENAMED = (
    "extractor.workflow.extraction",
    """
rename = Path.rename
def rename_and_wait(self, target):
    rename(self, target)
    if Path(target).parent.name == "packages":
        wait()
Path.rename = rename_and_wait
""",
)
RECORDED = (
    "extractor.workflow.extraction",
    "write_whole = m.write_whole\nm.write_whole = lambda *a: (write_whole(*a), wait())",
)
SEALED = ("extractor.workflow.purging", "m.purge_run = wait")
PURGED = ("extractor.workspace", "purge = m.Workspace.purge\nm.Workspace.purge = lambda *a: (purge(*a), wait())")


@pytest.fixture
def halted(approved: Any, plant: Any, tmp_path: Path) -> Iterator[Callable[[tuple[str, str]], tuple[int, int]]]:
    """Start a run whose process waits at a place; return the process numbers of supervisor and worker."""
    started: list[subprocess.Popen[bytes]] = []

    def halt(at: tuple[str, str]) -> tuple[int, int]:
        flag = tmp_path / "waiting"
        env = plant(at[0], WAIT.format(flag=str(flag)) + at[1])
        words = [sys.executable, "-m", "extractor.cli", "run", NUMBER, "--by", "runner", "--home", str(approved.home)]
        supervisor = subprocess.Popen(
            words, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started.append(supervisor)
        until(flag.exists)
        return supervisor.pid, child_of(supervisor.pid)

    yield halt
    for process in started:
        process.kill()
        process.wait(30)


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def child_of(parent: int) -> int:
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            return int(entry.parent.name)
    raise AssertionError("the supervisor has no child")


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize(
    "at", [WHILE_WRITING, RENAMED, RECORDED], ids=["writing", "before the commit", "with its record written"]
)
def test_when_the_worker_is_killed_its_supervisor_destroys_and_records(approved: Any, halted: Any, at: Any) -> None:
    supervisor, worker = halted(at)
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(supervisor))
    approved.ended()


def test_when_the_supervisor_is_killed_the_next_start_destroys_and_records(approved: Any, halted: Any) -> None:
    supervisor, worker = halted(RENAMED)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: gone(worker))
    approved.ended(state="interrupted", ground="interrupted")
    approved.runs_again()


def test_when_both_are_killed_the_next_start_destroys_and_records(approved: Any, halted: Any) -> None:
    supervisor, worker = halted(BEFORE_SEAL)
    os.kill(supervisor, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(worker))
    assert list((approved.home / "scratch" / RUN).rglob("*.part"))
    approved.ended(state="interrupted", ground="interrupted")


@pytest.mark.parametrize("at", [SEALED, PURGED], ids=["before the purge", "before the record"])
@pytest.mark.parametrize("victim", [0, 1], ids=["supervisor", "worker"])
def test_a_sealed_run_that_dies_is_purged_and_recorded_all_the_same(
    approved: Any, halted: Any, at: Any, victim: int
) -> None:
    processes = halted(at)
    os.kill(processes[victim], signal.SIGKILL)
    until(lambda: gone(processes[0]) and gone(processes[1]))
    shown = approved.ok("request", "show", NUMBER)
    ground = ["interrupted", "run_ended"][victim]
    assert [record["ground"] for record in shown["destruction_records"]] == [ground]
    assert not list((approved.home / "scratch").iterdir())
    assert shown["state"] == "sealed"
    package = approved.home / "packages" / f"{shown['runs'][0]['package']}.zip"
    assert approved.ok("package", "verify", package)["passed"]
    assert approved.ok("log", "verify")["verified"]


def test_a_run_in_progress_is_not_taken_for_dead(approved: Any, halted: Any) -> None:
    halted(BEFORE_SEAL)
    shown = approved.ok("request", "show", NUMBER)
    assert (shown["state"], shown["runs"][0]["state"], shown["destruction_records"]) == ("running", "running", [])
    assert approved.run(NUMBER).code == 6
