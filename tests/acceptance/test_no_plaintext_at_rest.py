"""No plaintext at rest: under memory pressure and with a kill in the middle, no planted value lies in any writable place.

The same search of the same work with the protection left out finds them. The source folder itself is not searched.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
import yaml

from extractor.workflow.runs import process_identity


def _module() -> ModuleType:
    """Load the searcher from beside this file: the folder is no package."""
    if "plaintext_search" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "plaintext_search", Path(__file__).with_name("plaintext_search.py")
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules["plaintext_search"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["plaintext_search"]


searching = _module()
COPIES = 24
# The run is ordered by the product's own supervisor. Without protection, the worker is the product's own too, but for the
# two calls that protect it; then the driver only waits for it.
DRIVER = """
import json, subprocess, sys
from pathlib import Path
from extractor.bootstrap import open_office
from extractor.keys import load_signing_key
from extractor.workflow import supervision
from extractor.workflow.office import Actor
home, number, protection = Path(sys.argv[1]), *sys.argv[2:]
office = open_office(home)
with office.store.reading() as tx:
    runner = Actor(office.person(tx, "runner"), load_signing_key(office.home.people / "runner.pem"))
if protection == "on":
    supervision.run_request(office, number, runner, progress=lambda message: print(json.dumps(message), flush=True))
else:
    order = supervision.order_run(office, number, runner, crew=supervision.Crew())
    bare = (
        "import sys, extractor.worker as w; w.enter_private_environment = lambda folder: None;"
        "w.harden_process = lambda: None; sys.exit(w.main())"
    )
    subprocess.run([sys.executable, "-c", bare, str(home), order.number])
"""
_WITH_CORE_DUMPS = ("/bin/sh", "-c", 'ulimit -S -c $(ulimit -H -c); exec "$@"', "sh")
NO_PRESSURE: dict[str, str] = {}
# polars takes more than 20 MB for this work only when it joins the notes; 1 MB it always exceeds.
PRESSURE = {
    "POLARS_OOC_MEMORY_BUDGET_MB": "20",
    "POLARS_OOC_DRIFT_THRESHOLD": "1000000",
    "POLARS_OOC_SPILL_MIN_BYTES": "1000",
}
HARD_PRESSURE = {**PRESSURE, "POLARS_OOC_MEMORY_BUDGET_MB": "1"}


def _needed(there: bool, reason: str) -> None:
    """Skip where the machine lacks something, but never in CI."""
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@dataclass(frozen=True)
class Planted:
    """People of whom name, resident ID and phone were drawn for this test alone, and a phrase that stands in every note."""

    people: tuple[tuple[str, str, str], ...] = field(repr=False)
    phrase: str = field(repr=False)

    @property
    def values(self) -> list[str]:
        """All planted values."""
        return [value for person in self.people for value in person] + [self.phrase]


@dataclass(frozen=True)
class Ward:
    """An installation with planted tables and an approved request, and the places that its processes may write."""

    clinic: Any
    number: str
    planted: Planted = field(repr=False)
    search: Any = field(repr=False)
    since: int
    places: Path

    @property
    def home(self) -> Path:
        """The installation."""
        return Path(self.clinic.home)

    @property
    def spill(self) -> Path:
        """Where polars is told to spill, by whoever starts the run."""
        return self.places / "spill"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a start: every place that it names is searched."""
        names = {"TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "HOME": "home", "POLARS_OOC_SPILL_DIR": "spill"}
        return {**os.environ, **{key: str(self.places / name) for key, name in names.items()}}

    def searched(self, *processes: int, since: int | None = None, everywhere: bool = True) -> Any:
        """Search the home but its source, and the places; ``everywhere`` also the shared temporary folders and caches.

        ``since`` is when the run began whose traces are sought: without it, when the values were planted.
        """
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        shared = [Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path(tempfile.gettempdir()), cache, Path.cwd()]
        found = self.search.in_places(
            [self.home, self.places, *(folder for folder in shared if everywhere and folder.exists())],
            leave_out=[self.home / "data", Path.cwd() / ".git"],
            since_ns=since or self.since,
            processes=processes,
        )
        print(f"searched {found.files} files, {found.bytes:,} bytes, {found.unpacked:,} bytes unpacked")
        return found

    def assert_clean(self, *processes: int, since: int | None = None, everywhere: bool = True) -> None:
        """Assert that nothing is found and that nothing of ours was left unsearched."""
        found = self.searched(*processes, since=since, everywhere=everywhere)
        assert not found.findings
        assert not [thing for thing in found.unsearched if str(self.home) in thing or str(self.places) in thing]
        assert found.files

    def start(self, protection: str, pressure: dict[str, str]) -> subprocess.Popen[str]:
        """Start a run; core dumps are allowed as far as the machine allows them, so that it is the product that forbids them."""
        with (self.places / "stderr").open("a") as said:
            return subprocess.Popen(
                [*_WITH_CORE_DUMPS, sys.executable, "-c", DRIVER, str(self.home), self.number, protection],
                cwd=self.places / "cwd",
                env={**self.environment, **pressure},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    def recovered(self) -> str:
        """Start anew, which destroys what dead runs left; return the ground of the newest destruction record."""
        self.clinic.ok("request", "show", self.number)
        assert list((self.home / "scratch").iterdir()) == []
        records = sorted((self.home / "records").glob("DR-*.json"))
        return str(json.loads(records[-1].read_text())["ground"])


def _resident_id() -> str:
    body = f"659002{secrets.randbelow(40) + 1930}{secrets.randbelow(12) + 1:02d}{secrets.randbelow(28) + 1:02d}"
    body += f"{secrets.randbelow(900) + 100}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


def _rare(length: int) -> str:
    """Return characters that stand in no dictionary, drawn anew for each test session."""
    return "".join(chr(0x9F00 + secrets.randbelow(0x90)) for _ in range(length))


def _plant(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Planted:
    """Write the clinic's tables many times over, with the planted people for everybody in them."""
    people = tuple(("欧阳" + _rare(2), _resident_id(), f"199{secrets.randbelow(10**8):08d}") for _ in range(8))
    planted = Planted(people, f"夜间自述梦见{_rare(6)}")
    patients, visits, notes = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for copy in range(COPIES):
        new = {row["PID"]: f"BA{copy * 1000 + at:07d}" for at, row in enumerate(tables["patients"])}
        for at, row in enumerate(tables["patients"]):
            name, number, phone = people[at % len(people)]
            patients.append({**row, "PID": new[row["PID"]], "NAME": name, "IDNO": number, "PHONE": phone})
        who = {row["PID"]: row for row in patients[-len(new) :]}
        for at, row in enumerate(tables["visits"]):
            person, visit = who[new[row["PID"]]], f"ZY{copy * 10_000 + at:08d}"
            visits.append({**row, "PID": person["PID"], "VID": visit})
            text = (
                f"患者{person['NAME']},身份证号{person['IDNO']},电话{person['PHONE']},因血糖升高{at % 9 + 1}天入院。"
                f"{planted.phrase}。查体:体温36.{at % 10}℃,血压{110 + at % 40}/{70 + at % 20}mmHg,双肺呼吸音清。" * 2
            )
            written = row["ADMITTED"] + timedelta(hours=3)
            notes.append({"VID": visit, "PID": person["PID"], "WRITTEN": written, "TEXT": text})
    for name, rows in (("patients", patients), ("notes", notes)):
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / name / "part-0.parquet")
    pl.DataFrame(visits).write_csv(folder / "visits.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    return planted


@pytest.fixture(scope="module")
def ward(clinic: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """A ward with planted people, shared by the tests; each leaves the request approved, so that the next can run it."""
    _needed(Path("/proc/self/fd").is_dir(), "needs /proc")
    since = time.time_ns()
    planted = _plant(clinic.home / "data", clinic.tables)
    places = tmp_path_factory.mktemp("places")
    for name in ("tmp", "cache", "home", "cwd", "spill"):
        (places / name).mkdir()
    yield Ward(clinic, clinic.approved(), planted, searching.PlaintextSearch(planted.values), since, places)
    shutil.rmtree(clinic.home / "data")


def _worker_of(driver: int) -> int:
    """Return the process in which the run takes place."""
    for process in searching.descendants(driver)[1:]:
        if b"extractor.worker" in Path(f"/proc/{process}/cmdline").read_bytes():
            return int(process)
    raise AssertionError("the run has no process of its own")


def _until(ward: Ward, run: subprocess.Popen[str], moment: tuple[str, str | None], *, rows: bool) -> bool:
    """Read a run's progress until it reports a step (``rows``: and rows done in it); say whether it did before it ended.

    What it reports is kept where it is searched.
    """
    assert run.stdout is not None
    with (ward.places / "progress").open("a") as kept:
        for line in run.stdout:
            kept.write(line)
            message = json.loads(line)
            if (message["step"], message.get("table")) == moment and ("rows" in message) == rows:
                return True
    return False


def _wait_for_death(process: int) -> None:
    for _ in range(1000):
        if process_identity(process) is None:
            return
        time.sleep(0.01)
    raise AssertionError("the worker outlives its supervisor")


MOMENTS = {
    "the supervisor dies, sources": ("sources", None, HARD_PRESSURE, "supervisor"),
    "the supervisor dies, risk": ("risk", None, PRESSURE, "supervisor"),
    "the worker dies, identifiers": ("identifiers", None, PRESSURE, "worker"),
    "the worker aborts, patients": ("write", "patients", PRESSURE, "aborts"),
    "the supervisor dies, notes": ("write", "notes", NO_PRESSURE, "supervisor"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_in_the_middle_leaves_nothing_and_is_recovered(ward: Ward, moment: str) -> None:
    step, table, pressure, victim = MOMENTS[moment]
    since = time.time_ns()
    with ward.start("on", pressure) as run:
        assert _until(ward, run, (step, table), rows=pressure is NO_PRESSURE)
        worker = _worker_of(run.pid)
        os.kill(run.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGSTOP)
        ward.assert_clean(*_open_to_us(run.pid, worker), everywhere=False)
        if victim == "supervisor":
            run.kill()
            run.wait()
        else:
            os.kill(worker, signal.SIGABRT if victim == "aborts" else signal.SIGKILL)
            os.kill(worker, signal.SIGCONT)
        _wait_for_death(worker)
        ward.assert_clean(since=since)
        os.kill(run.pid, signal.SIGCONT) if victim != "supervisor" else None
        run.communicate(timeout=60)
    assert ward.recovered() == ("interrupted" if victim == "supervisor" else "run_failed")
    assert not list(_spilled(ward))
    ward.assert_clean(everywhere=False)


def _open_to_us(*processes: int) -> tuple[int, ...]:
    """Return the processes whose open files we may list: a hardened one forbids it, unless to root."""
    return tuple(process for process in processes if os.access(f"/proc/{process}/fd", os.R_OK))


def test_a_run_without_enough_memory_stops_rather_than_spill(ward: Ward) -> None:
    answer = _cli_run(ward, HARD_PRESSURE)
    assert answer.code != 0
    assert ward.recovered() == "run_failed"
    assert not list(_spilled(ward))
    ward.assert_clean(everywhere=False)


def test_a_failing_recogniser_stops_the_run_and_leaves_nothing(ward: Ward) -> None:
    settings = ward.home / "settings.yaml"
    as_it_was = settings.read_text("utf-8")
    body = yaml.safe_load(as_it_was)
    settings.write_text(yaml.safe_dump({**body, "limits": {**body["limits"], "text_seconds": 0}}), "utf-8")
    answer = _cli_run(ward, NO_PRESSURE)
    settings.write_text(as_it_was, "utf-8")
    assert answer.code != 0
    assert ward.recovered() == "run_failed"
    ward.assert_clean(everywhere=False)


def test_a_damaged_source_stops_the_run_and_leaves_nothing(ward: Ward) -> None:
    notes = ward.home / "data" / "notes" / "part-0.parquet"
    as_it_was = notes.read_bytes()
    middle, noise = len(as_it_was) // 2, ward.planted.people[0][0].encode() * 50
    notes.write_bytes(as_it_was[:middle] + noise + as_it_was[middle + len(noise) :])
    answer = _cli_run(ward, NO_PRESSURE)
    notes.write_bytes(as_it_was)
    assert answer.code != 0
    assert ward.recovered() == "run_failed"
    ward.assert_clean(everywhere=False)


@pytest.mark.parametrize("pressure", [PRESSURE, HARD_PRESSURE], ids=["pressure", "hard pressure"])
def test_under_pressure_nothing_ever_lies_in_a_spill_folder(ward: Ward, pressure: dict[str, str]) -> None:
    """The counterpart of the next test: the same watch over the same work, and nothing to kill the run for."""
    with ward.start("on", pressure) as run:
        found = _caught_spilling(ward, run)
        run.communicate(timeout=60)
    assert found is None
    assert ward.recovered() == "run_failed"
    assert not list(_spilled(ward))
    ward.assert_clean(everywhere=False)


def test_without_the_protection_the_same_work_leaves_planted_values_that_the_search_finds(ward: Ward) -> None:
    ran, found = 0, None
    while found is None and ran < 8:
        ran += 1
        with ward.start("off", HARD_PRESSURE) as run:
            found = _caught_spilling(ward, run)
            run.kill()
            run.wait()
        _wait_for_end(ward)
    assert found is not None, "the unprotected run spilled nothing that names anybody: the search proves nothing here"
    left = ward.searched(everywhere=False)
    shutil.rmtree(ward.spill)
    ward.spill.mkdir()
    print("found with protection off:", sorted({(Path(f.place).name[:24], f.way[:9], f.form) for f in left.findings}))
    assert all(place.startswith(str(ward.spill)) for place in left.places)
    assert any("zstd@" in finding.way for finding in left.findings)
    ward.assert_clean(everywhere=False)


def _caught_spilling(ward: Ward, run: subprocess.Popen[str]) -> Any:
    """Watch the spill folders of a run; kill it as soon as a planted value lies there packed, as the engine packs whole blocks."""
    while run.poll() is None:
        if not any(size for _, size in _spilled(ward)):
            time.sleep(0.0005)
            continue
        worker = _worker_of(run.pid)
        os.kill(worker, signal.SIGSTOP)
        found = ward.search.in_places({file for file, _ in _spilled(ward)})
        if any("zstd@" in finding.way for finding in found.findings):
            os.kill(worker, signal.SIGKILL)
            return found
        os.kill(worker, signal.SIGCONT)
    return None


def _wait_for_end(ward: Ward) -> None:
    """Wait until the dead run's workspace is let go and destroyed, so that the request can run again."""
    for _ in range(200):
        ward.clinic.cli("request", "show", ward.number)
        if not list((ward.home / "scratch").iterdir()):
            return
        time.sleep(0.05)
    raise AssertionError("the leftovers of the killed run are not destroyed")


def _spilled(ward: Ward) -> Iterator[tuple[Path, int]]:
    """Yield what lies where the starter told polars to spill, and where the worker tells it, with sizes."""
    for root in (ward.spill, *(folder / "spill" for folder in (ward.home / "scratch").iterdir())):
        for folder, _, names in os.walk(root):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    yield Path(folder) / name, (Path(folder) / name).stat().st_size


def test_what_a_good_run_leaves_and_says_holds_nothing_planted(ward: Ward) -> None:
    """Package, store, log, records, pages, and all that the command line prints."""
    since = time.time_ns()
    answer = _cli_run(ward, NO_PRESSURE)
    assert answer.code == 0, answer.err
    explained = ward.clinic.cli("plan", "compile", ward.number, "--explain", shell=True, env=ward.environment)
    exported = ward.clinic.cli("log", "export", ward.places / "log", shell=True, env=ward.environment)
    (ward.places / "said-too").write_text(explained.out + explained.err + exported.out + exported.err)
    assert explained.code == exported.code == 0
    assert list((ward.home / "packages").iterdir())
    assert ward.recovered() == "run_ended"
    ward.assert_clean(since=since)
    ward.assert_clean(everywhere=False)


def _cli_run(ward: Ward, pressure: dict[str, str]) -> Any:
    """Run the request through the command line, and keep what it says where it is searched."""
    answer = ward.clinic.run(ward.number, shell=True, env={**ward.environment, **pressure})
    (ward.places / f"said-{time.time_ns()}").write_text(answer.out + answer.err)
    print("the command said:", answer.code, answer.err[:400])
    return answer
