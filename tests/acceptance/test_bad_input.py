"""What goes wrong: a clear error in both languages, the right exit code, nothing delivered, nothing left, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractor.bootstrap import open_office
from extractor.canonical import canonical_bytes, digest
from extractor.decode import from_json
from extractor.errors import ConfigurationError
from extractor.keys import load_signing_key
from extractor.requests import Decision

Tables = dict[str, list[dict[str, Any]]]
YEAR = date.today().year
NUMBER, RUN = f"RQ-{YEAR}-0001", f"RN-{YEAR}-0001"


def said(answer: Any, code: int, *words: str) -> None:
    """Check an error: its exit code, both languages, and that it names the thing."""
    assert answer.code == code, (answer.out, answer.err)
    body = answer.json
    assert body["exit_code"] == code
    assert body["message"]["zh"] and body["message"]["en"] and body["message"]["zh"] != body["message"]["en"]
    assert body["thing"] or body["reasons"]
    if body["error"] != "FormError":  # Whose message says what is allowed.
        assert body["fix"]["zh"] and body["fix"]["en"]
    for word in words:
        assert word in body["thing"] + body["message"]["en"], body


def nothing_begun(clinic: Any, *, state: str | None = "approved") -> None:
    """Check that no run was started and no package made."""
    assert not list((clinic.home / "packages").iterdir())
    assert not list((clinic.home / "scratch").iterdir())
    if state is not None:
        shown = clinic.ok("request", "show", NUMBER)
        assert (shown["state"], shown["runs"], shown["destruction_records"]) == (state, [], [])


def ended(clinic: Any, *, state: str = "failed", ground: str = "run_failed") -> None:
    """Check that a run ended badly: no package, no leftovers, a destruction record, and an intact log that says so."""
    shown = clinic.ok("request", "show", NUMBER)
    assert shown["state"] == "failed"
    assert shown["runs"][0]["state"] == state
    assert [record["ground"] for record in shown["destruction_records"]] == [ground]
    assert not list((clinic.home / "packages").iterdir())
    assert not list((clinic.home / "scratch").iterdir())
    record = json.loads((clinic.home / "records" / f"{shown['destruction_records'][0]['number']}.json").read_bytes())
    assert record["chain"]["run"] == RUN
    assert all(item["outcome"] == "gone" for item in record["items"])
    assert clinic.ok("log", "verify")["verified"]
    verbs = [entry["verb"] for entry in clinic.ok("log", "search", "--request", NUMBER)["entries"]]
    assert {"purge", "destroy"} <= set(verbs)
    assert clinic.cli("request", "sign", NUMBER, "--as", "giver", "--by", "runner").code == 6


def runs_again(clinic: Any) -> None:
    """Check that the request can be run after mending."""
    answer = clinic.run(NUMBER)
    assert answer.code == 0, answer.err
    assert [path.name for path in (clinic.home / "packages").iterdir()] == [Path(answer.json["package"]).name]


# --- the request ------------------------------------------------------------------------------------------------------


def asked(table: str, field: str, level: str) -> dict[str, Any]:
    return {table: {field: {"level": level, "reason": "研究所需的变量"}}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field outside the catalogue": ({"variables": asked("visits", "SALARY", "raw")}, "visits.SALARY"),
    "a table outside the catalogue": ({"variables": asked("payments", "SUM", "raw")}, "payments.SUM"),
    "a level that does not exist": ({"variables": asked("visits", "DX", "letter")}, "visits.DX"),
    "a sub-query": ({"population": "visits.PID IN (SELECT PID FROM patients)"}, "population"),
    "a function": ({"population": "UPPER(visits.DX) = 'E11'"}, "population"),
    "a column that does not exist": ({"population": "visits.NOT_THERE = 1"}, "NOT_THERE"),
    "a second statement": ({"population": "visits.AGE > 1; DROP TABLE visits"}, "population"),
    "text that is no SQL": ({"population": "visits.AGE >>> ("}, "population"),
    "a comparison of two columns": ({"population": "visits.AGE > visits.COST"}, "population"),
    "a union": ({"population": "visits.AGE > 1 UNION SELECT 1"}, "population"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_over_asking_is_refused_at_submission(clinic: Any, case: str) -> None:
    changes, thing = REFUSED[case]
    answer = clinic.submit(**changes)
    said(answer, 4, thing)
    assert any(thing in reason["thing"] and reason["message"]["zh"] for reason in answer.json["reasons"])
    nothing_begun(clinic, state=None)
    assert clinic.cli("request", "show", NUMBER).code == 3
    assert clinic.ok("log", "search", "--verb", "refuse")["entries"]


def test_a_recipient_key_that_is_no_key_is_refused_with_its_line(clinic: Any) -> None:
    answer = clinic.submit(recipient_key="age1" + "q" * 58)
    said(answer, 3, "request.yaml:", "recipient_key")
    assert clinic.cli("request", "show", NUMBER).code == 3


def test_a_term_that_has_passed_is_refused(clinic: Any) -> None:
    said(clinic.submit(until=date.today() - timedelta(days=2)), 6, "until")


# --- the decisions ----------------------------------------------------------------------------------------------------


def sign(clinic: Any, step: str, person: str, *more: str) -> Any:
    return clinic.cli("request", "sign", NUMBER, "--as", step, "--by", person, *more)


def test_a_missing_decision_stops_the_run(fresh: Any) -> None:
    assert fresh.submit().code == 0
    assert sign(fresh, "operator_review", "operator").code == 0
    said(fresh.run(NUMBER), 6, "agreement_user", "missing")
    nothing_begun(fresh, state="submitted")


def test_a_decision_that_has_expired_already_is_not_taken(fresh: Any) -> None:
    assert fresh.submit().code == 0
    yesterday = (date.today() - timedelta(days=2)).isoformat()
    said(sign(fresh, "operator_review", "operator", "--until", yesterday), 6, "expired")
    said(fresh.run(NUMBER), 6, "operator_review", "missing")


def test_a_revoked_decision_stops_the_run_until_it_is_signed_again(approved: Any) -> None:
    assert sign(approved, "operator_review", "operator", "--result", "revoke").code == 0
    said(approved.run(NUMBER), 6, "operator_review", "revoked")
    nothing_begun(approved, state="submitted")
    assert sign(approved, "operator_review", "operator").code == 0
    runs_again(approved)


def test_only_its_signer_revokes(approved: Any) -> None:
    said(sign(approved, "operator_review", "authority", "--result", "revoke"), 6)


def stored_decision(home: Path, change: Callable[[dict[str, Any]], dict[str, Any]], *, with_digest: bool) -> None:
    """Change a stored decision behind the product's back."""
    with sqlite3.connect(home / "store.sqlite3") as database:
        (row,) = database.execute(
            "SELECT position, body FROM documents WHERE kind='decision' AND number LIKE '%operator_review'"
        )
        body = canonical_bytes(change(json.loads(row[1])))
        database.execute("UPDATE documents SET body=? WHERE position=?", (body.decode(), row[0]))
        if with_digest:
            database.execute("UPDATE documents SET digest=? WHERE position=?", (digest(json.loads(body)), row[0]))
    database.close()


def other_bytes(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "signature": ("1" if body["signature"][0] == "0" else "0") + body["signature"][1:]}


def test_changed_bytes_of_a_decision_are_found(approved: Any) -> None:
    stored_decision(approved.home, other_bytes, with_digest=False)
    said(approved.run(NUMBER), 7, "operator_review")
    nothing_begun(approved, state=None)


def test_a_changed_signature_with_a_fitting_digest_is_found(approved: Any) -> None:
    stored_decision(approved.home, other_bytes, with_digest=True)
    said(approved.run(NUMBER), 6, "operator_review", "signature")
    nothing_begun(approved)


@pytest.mark.parametrize("key_of", ["applicant", "authority"])
def test_a_decision_signed_with_another_key_is_found(approved: Any, key_of: str) -> None:
    key = load_signing_key(approved.home / "keys" / "people" / f"{key_of}.pem")

    def forged(body: dict[str, Any]) -> dict[str, Any]:
        decision = replace(from_json(Decision, body), public_key=key.public.text, signature="")
        return json.loads(canonical_bytes(replace(decision, signature=key.sign(decision.signed_bytes).hex())))  # type: ignore[no-any-return]

    stored_decision(approved.home, forged, with_digest=True)
    said(approved.run(NUMBER), 6, "operator_review", "signature")
    nothing_begun(approved)


def test_a_catalogue_changed_after_approval_voids_the_decisions(approved: Any) -> None:
    file = approved.home / "catalogues" / "clinic.yaml"
    before = file.read_text("utf-8")
    file.write_text(before.replace("{name: 费用,", "{name: 总费用,"), "utf-8")
    said(approved.run(NUMBER), 6, NUMBER, "void")
    nothing_begun(approved)
    file.write_text(before, "utf-8")
    runs_again(approved)


def test_a_request_cannot_be_signed_by_the_wrong_unit_or_role(fresh: Any) -> None:
    assert fresh.submit().code == 0
    said(sign(fresh, "operator_review", "provider"), 6)
    said(sign(fresh, "agreement_user", "applicant"), 6, "operator_review")
    said(sign(fresh, "no_such_step", "operator"), 6, "no_such_step")


# --- the sources ------------------------------------------------------------------------------------------------------

PATIENTS, VISITS = "patients/part-0.parquet", "visits.csv"


def patients(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        change(pl.read_parquet(data / PATIENTS)).write_parquet(data / PATIENTS)

    return spoil


def visits(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        (data / VISITS).write_bytes(change((data / VISITS).read_bytes()))

    return spoil


def cut(data: Path) -> None:
    content = (data / PATIENTS).read_bytes()
    (data / PATIENTS).write_bytes(content[: len(content) // 2])


def damaged_inside(data: Path) -> None:
    content = bytearray((data / PATIENTS).read_bytes())
    for place in range(40, 400):
        content[place] ^= 0xA5
    (data / PATIENTS).write_bytes(bytes(content))


SPOILT: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "a column that changed its type": (patients(lambda f: f.with_columns(pl.col("BIRTH").cast(pl.String))), 3, "patients.BIRTH"),
    "a column that vanished": (patients(lambda f: f.drop("SEX")), 3, "patients.SEX"),
    "a CSV column that vanished": (visits(lambda b: b.replace(b"LEFT", b"GONE", 1)), 3, "visits.LEFT"),
    "a person twice": (patients(lambda f: pl.concat([f, f.head(1)])), 3, "patients"),
    "a file cut in half": (cut, 3, "patients"),
    "a file damaged inside": (damaged_inside, 3, "patients"),
    "a table that is gone": (lambda data: (data / VISITS).unlink(), 3, "visits"),
    "invalid UTF-8": (visits(lambda b: b + b"\xff\xfe,\n"), 3, "visits.csv"),
    "a record with a field too many": (visits(lambda b: b + b"a," * 14 + b"b\n"), 3, "visits.csv"),
    "an empty population": (visits(lambda b: b.replace(b",E11.", b",Z99.")), 4, NUMBER),
    "an empty file": (visits(lambda b: b[:0]), 3, "visits"),
}  # fmt: skip

RUN_AGAIN = (
    "a person twice",
    "a file cut in half",
    "an empty population",
)  # A run takes seconds; the others end alike.


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_source_stops_the_run_and_nothing_is_lost(approved: Any, case: str, tmp_path: Path) -> None:
    spoil, code, thing = SPOILT[case]
    shutil.copytree(approved.home / "data", tmp_path / "whole")
    spoil(approved.home / "data")
    said(approved.run(NUMBER), code, thing)
    ended(approved)
    if case in RUN_AGAIN:
        shutil.rmtree(approved.home / "data")
        shutil.copytree(tmp_path / "whole", approved.home / "data")
        runs_again(approved)


# --- what is about to leave -------------------------------------------------------------------------------------------


def test_a_hit_of_the_residual_scan_stops_the_run(approved: Any, tables: Tables, rewrite: Any) -> None:
    planted = deepcopy(tables)
    planted["visits"][7]["REMARK"] = f"转告家属 {tables['patients'][90]['PHONE']} 后"
    rewrite(approved.home / "data", planted)
    said(approved.run(NUMBER), 5, "visits.REMARK", "mobile")
    ended(approved)


def test_a_known_raw_value_in_another_column_stops_the_run(approved: Any, tables: Tables, rewrite: Any) -> None:
    planted = deepcopy(tables)
    planted["visits"][7]["REMARK"] = tables["patients"][90]["NAME"]
    rewrite(approved.home / "data", planted)
    said(approved.run(NUMBER), 5, "visits.REMARK", "raw_identifier")
    ended(approved)


def test_a_risk_gate_that_is_not_met_says_what_would_help(approved: Any, tables: Tables, rewrite: Any) -> None:
    many = deepcopy(tables)
    for place, row in enumerate(many["patients"]):
        row["SEX"] = f"类{place % 97}"
    rewrite(approved.home / "data", many)
    answer = approved.run(NUMBER)
    said(answer, 5, "k = 5")
    assert "patients.SEX" in answer.json["fix"]["en"] and "patients.SEX" in answer.json["fix"]["zh"]
    ended(approved)
    rewrite(approved.home / "data", tables)
    runs_again(approved)


# --- faults planted in the worker -------------------------------------------------------------------------------------

SITE = """
import importlib.abc, importlib.util, os, sys, time
from pathlib import Path

class _Plant(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {module!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(m):
            run(m)
            plant(m)
        spec.loader.exec_module = exec_module
        return spec

def plant(m):
{code}

if "extractor.worker" in sys.orig_argv:
    sys.meta_path.insert(0, _Plant())
"""


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """Return the environment under which a run's process has a fault planted into one of its modules."""

    def planted(module: str, code: str) -> dict[str, str]:
        folder = tmp_path / "site"
        folder.mkdir()
        text = SITE.format(module=module, code=textwrap.indent(textwrap.dedent(code), "    "))
        (folder / "sitecustomize.py").write_text(text, "utf-8")
        return {"PYTHONPATH": str(folder)}

    return planted


def test_a_recogniser_that_raises_stops_the_run(approved: Any, plant: Any) -> None:
    env = plant(
        "extractor.deid.patterns",
        """
        def find_patterns(buffer, deadline):
            raise RuntimeError("text of the document: " + buffer.view)
        m.find_patterns = find_patterns
        """,
    )
    said(approved.run(NUMBER, env=env), 1, "patterns", "RuntimeError")
    ended(approved)


def test_a_recogniser_that_passes_its_deadline_stops_the_run(approved: Any, plant: Any) -> None:
    set_limits(approved.home, text_seconds=1)
    env = plant(
        "extractor.deid.patterns",
        """
        def find_patterns(buffer, deadline):
            while deadline.left():
                time.sleep(0.05)
        m.find_patterns = find_patterns
        """,
    )
    said(approved.run(NUMBER, env=env), 1, "patterns", "TimeoutError")
    ended(approved)


def test_a_run_that_hangs_is_ended_by_its_supervisor(approved: Any, plant: Any) -> None:
    set_limits(approved.home, run_seconds=4)
    env = plant("extractor.deid.patterns", "m.find_patterns = lambda buffer, deadline: time.sleep(1000)")
    said(approved.run(NUMBER, env=env), 1, RUN)
    ended(approved)


def test_a_bug_in_the_worker_shows_its_kind_and_place_only(approved: Any, plant: Any) -> None:
    env = plant(
        "extractor.workflow.extraction",
        """
        def write(job, table, checks, sink):
            raise KeyError(str(job.release.rows(table).collect().to_dicts()))
        m._write = write
        """,
    )
    said(approved.run(NUMBER, env=env), 1, "KeyError")
    ended(approved)


def set_limits(home: Path, **limits: int) -> None:
    lines = (home / "settings.yaml").read_text("utf-8").splitlines()
    changed = [next((f"  {k}: {v}" for k, v in limits.items() if line.startswith(f"  {k}:")), line) for line in lines]
    (home / "settings.yaml").write_text("\n".join(changed) + "\n", "utf-8")


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
    said(small_disk.run(NUMBER, shell=True), 3)
    assert not list((small_disk.home / "packages").iterdir())
    filler.unlink()
    shown = small_disk.ok("request", "show", NUMBER)
    assert not list((small_disk.home / "scratch").iterdir())
    assert len(shown["destruction_records"]) == len(shown["runs"])
    assert small_disk.ok("log", "verify")["verified"]
    runs_again(small_disk)


def test_a_disk_that_cannot_be_written_starts_no_run(small_disk: Any) -> None:
    disk = small_disk.home.parent
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    said(small_disk.run(NUMBER), 3)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    nothing_begun(small_disk)


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
        said(approved.run(NUMBER), 3)
    nothing_begun(approved)


def test_no_package_is_delivered_that_the_log_does_not_know(approved: Any) -> None:
    with LogThatRefuses(approved.home, "NEW.verb = 'seal'"):
        said(approved.run(NUMBER), 3)
    ended(approved)
    runs_again(approved)


def test_nothing_is_destroyed_that_the_log_does_not_know(approved: Any) -> None:
    with LogThatRefuses(approved.home, "NEW.verb = 'purge'"):
        said(approved.run(NUMBER, shell=True), 3)
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
    "m.write_table = lambda frame, sink, form, facts: (sink.write(b'x' * 99999), wait())",
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


@pytest.mark.parametrize("at", [WHILE_WRITING, RENAMED], ids=["writing", "before the commit"])
def test_when_the_worker_is_killed_its_supervisor_destroys_and_records(approved: Any, halted: Any, at: Any) -> None:
    supervisor, worker = halted(at)
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(supervisor))
    ended(approved)


def test_when_the_supervisor_is_killed_the_next_start_destroys_and_records(approved: Any, halted: Any) -> None:
    supervisor, worker = halted(RENAMED)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: gone(worker))
    ended(approved, state="interrupted", ground="interrupted")
    runs_again(approved)


def test_when_both_are_killed_the_next_start_destroys_and_records(approved: Any, halted: Any) -> None:
    supervisor, worker = halted(BEFORE_SEAL)
    os.kill(supervisor, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(worker))
    assert list((approved.home / "scratch" / RUN).rglob("*.part"))
    ended(approved, state="interrupted", ground="interrupted")


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


def test_an_office_opens_only_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        open_office(tmp_path)
