"""The main job's speed and memory: five million rows, 8 of 11 columns, as ratios to a plain polars copy of the same columns.

Each figure comes from a process of its own, the medians from several rounds in turn, so that all peers see the same machine.
Run with ``python -m benchmarks.pipeline [millions] [rounds]``; with ``--memory`` also 20 million rows, with
``--visits`` on rows of which one in three is of a person seen before (else each person has one row).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from extractor.hardening import ENGINE_ENVIRONMENT, settle_memory

CHOSEN = ("resident_id", "phone", "birth", "sex", "division", "admitted", "icd", "amount")
CASES = ("copy", "without_gate", "with_gate", "all_checks")
ROW_BY_ROW_ROWS = 200_000
_BATCH = 1_000_000


def write_source(path: Path, millions: int, *, visits: bool = False) -> None:
    """Write the source: 11 columns, one row for each person, or with ``visits`` one row in three of a person seen before."""
    rng = np.random.default_rng(7)
    for index in range(millions * 1_000_000 // _BATCH):
        _batch(rng, index * _BATCH, visits=visits).write_parquet(
            path / f"part-{index:03}.parquet", row_group_size=250_000
        )


def _batch(rng: np.random.Generator, start: int, *, visits: bool) -> pl.DataFrame:
    n = _BATCH
    person = (start + np.arange(n)) * 2 // 3 if visits else start + np.arange(n)
    # Everything about a person follows from their number, so that the rows of one person agree.
    place = person * 100_000_007 % (33_000 * 9 * 900)  # coprime: no two persons have one resident number
    days, division_of, tail, prefix_of = place % 33_000, place // 33_000 % 9, place // 297_000, _drawn(person, 3, 7)
    division = np.array(["350102", "350103", "350104", "350111", "350121", "350181", "350203", "350502", "350602"])
    prefix = np.array(["130", "135", "138", "139", "150", "186", "189"])
    surname, given = (
        np.array(list("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")),
        np.array(list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚")),
    )
    frame = pl.DataFrame({
        "born": np.datetime64("1933-01-01") + days, "division": division[division_of], "tail": (100 + tail).astype(str),
        "surname": surname[_drawn(person, 5, 20)], "given": given[_drawn(person, 6, 20)],
        "second": given[_drawn(person, 7, 20)], "prefix": prefix[prefix_of],
        "number": _drawn(person, 8, 10**8), "sex": np.array(["男", "女"])[tail % 2],
        "admitted": np.datetime64("2023-01-01") + rng.integers(0, 1000, n), "amount": np.round(rng.lognormal(8, 1, n), 2),
        "icd": rng.choice(["I63.900", "E11.900", "J18.900", "I10.x00"], n),
        "department": rng.choice(["神经内科", "内分泌科", "呼吸科", "心内科"], n), "days_in": rng.integers(1, 40, n),
    })  # fmt: skip
    born = pl.col("born").cast(pl.Date)
    return frame.select(
        pl.concat_str("division", born.dt.strftime("%Y%m%d"), "tail", pl.lit("X")).alias("resident_id"),
        pl.concat_str("surname", "given", "second").alias("name"),
        pl.concat_str(pl.col("prefix"), pl.col("number").cast(pl.String).str.zfill(8)).alias("phone"),
        born.alias("birth"), "sex", "division", pl.col("admitted").cast(pl.Date), "amount", "icd", "department", "days_in",
    )  # fmt: skip


def _drawn(person: np.ndarray, stream: int, bound: int) -> np.ndarray:  # type: ignore[type-arg]
    """Return a number below ``bound`` for each person, the same for the same person (a 64-bit mixer)."""
    mixed = (person.astype(np.uint64) + np.uint64(stream << 40)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed ^ (mixed >> np.uint64(32))) % np.uint64(bound)).astype(np.int64)


def run_case(case: str, source: Path, target: Path) -> dict[str, float]:
    """Run one case in this process and return its seconds and peak resident bytes."""
    import resource

    work = _COPY if case == "copy" else _job(case)
    started = time.perf_counter()
    rows = work(source, target)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "rows": rows}


def _COPY(source: Path, target: Path) -> int:  # noqa: N802
    pl.scan_parquet(source / "*.parquet").select(CHOSEN).sink_parquet(
        target, statistics=False, maintain_order=False, engine="streaming"
    )
    return 0


def _job(case: str) -> Callable[[Path, Path], int]:
    from benchmarks.pipeline_plan import release_of, seal_release

    settle_memory()  # as a run's own process does

    def work(source: Path, target: Path) -> int:
        release = release_of(source)
        return seal_release(release, target, gate=case != "without_gate", scan=case == "all_checks")

    return work


def row_by_row(source: Path) -> float:
    """Return seconds for a million rows done one at a time in Python, from a sample of the rows."""
    from benchmarks.pipeline_rows import treat_rows

    frame = pl.scan_parquet(source / "part-000.parquet").select(CHOSEN).head(ROW_BY_ROW_ROWS).collect()
    started = time.perf_counter()
    treat_rows(frame)
    return (time.perf_counter() - started) * 1_000_000 / ROW_BY_ROW_ROWS


def _in_own_process(case: str, source: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.pipeline", "--case", case, str(source), str(Path(folder) / "out")]
        # The copy runs as anybody's would; our settings of the allocator are ours.
        ours = {"POLARS_OOC_DISK_BUDGET_MB": "0"} if case == "copy" else ENGINE_ENVIRONMENT
        environment = {**os.environ, **ours}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return result


def main() -> None:
    """Print medians and ratios."""
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(run_case(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
        return
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    millions, rounds = (*numbers, *(5, 5)[len(numbers) :])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        write_source(source, millions, visits="--visits" in sys.argv)
        report(source, millions, rounds)
        if "--memory" in sys.argv:
            with tempfile.TemporaryDirectory() as larger:
                write_source(Path(larger), 4 * millions)
                memory(source, Path(larger), millions)


def report(source: Path, millions: int, rounds: int) -> None:
    """Measure every case in turn, round after round, and print medians and ratios to the copy."""
    seen: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(rounds):
        for case in CASES:
            seen[case].append(_in_own_process(case, source)["seconds"])
    medians = {case: statistics.median(times) for case, times in seen.items()}
    print(
        f"{date.today()}  {millions} million rows, {len(CHOSEN)} of 11 columns, {rounds} rounds, {os.cpu_count()} cores"
    )
    for case, seconds in medians.items():
        print(
            f"  {case:14} {seconds:6.2f} s   {seconds / medians['copy']:5.2f} × copy   (spread {min(seen[case]):.2f}–{max(seen[case]):.2f})"
        )
    slow = row_by_row(source) * millions
    print(f"  row by row     {slow:6.0f} s   {slow / medians['with_gate']:5.1f} × with_gate")


def memory(source: Path, larger: Path, millions: int) -> None:
    """Print peak resident memory at one and at four times the rows, with the gate and with every check."""
    for case in ("with_gate", "all_checks"):
        small, large = (_in_own_process(case, folder)["peak"] for folder in (source, larger))
        sizes = f"{small / 2**20:.0f} MB at {millions} million, {large / 2**20:.0f} MB at {4 * millions} million"
        print(f"  peak memory    {case}: {sizes}: {large / small:.2f} ×")


if __name__ == "__main__":
    main()
