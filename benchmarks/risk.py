"""Time and memory of the risk figures, against the same classes by a plain polars group-by (= 1).

Run: python benchmarks/risk.py [rows in millions, 5 by default]. Each case runs in a process of its own on a Parquet file in a
temporary folder: five quasi-identifiers, with and without unique person keys, with five visits a person, with a sensitive
column. Prints the median of three runs, the ratio and the peak memory of the process. Where pycanon is installed (it is no
dependency), its k over the same columns is timed too, on one row in ten.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

QUASI = ("a", "b", "c", "d", "e")
RADICES = (2, 90, 31, 12, 40)


def write_table(path: Path, rows: int) -> None:
    rng = np.random.default_rng(1)
    columns = {name: rng.integers(0, radix, rows) for name, radix in zip(QUASI, RADICES, strict=True)}
    person = rng.permutation(rows).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # unique over 64 bits
    visits = rng.integers(0, max(rows // 5, 1), rows)
    disease = rng.integers(0, 200, rows)
    words = pl.Series(rng.integers(0, 31, rows)).cast(pl.String)
    more = {"person": person, "visitor": visits, "disease": disease, "text": words}
    pl.DataFrame(columns | more).write_parquet(path)


def plain(path: Path) -> int:
    return int(pl.scan_parquet(path).group_by(QUASI).len().select(pl.col("len").min()).collect().item())


def ours(
    path: Path, *, person: str | None = None, sensitive: tuple[str, ...] = (), quasi: tuple[str, ...] = QUASI
) -> int:
    from extractor.deid.risk import assess_file
    from extractor.requests import SharingMode

    return assess_file(path, quasi=quasi, sensitive=sensitive, person=person, mode=SharingMode.CONTROLLED).k


def pycanon(path: Path) -> int:
    import pandas
    from pycanon import anonymity

    frame = pl.read_parquet(path, columns=list(QUASI)).gather_every(10)
    table = pandas.DataFrame({name: frame[name].to_numpy() for name in QUASI})
    return int(anonymity.k_anonymity(table, list(QUASI)))


CASES: dict[str, Callable[[Path], int]] = {
    "plain polars group_by": plain,
    "rows": ours,
    "rows, one column text": lambda path: ours(path, quasi=("a", "b", "text", "d", "e")),
    "rows, l and t of one column": lambda path: ours(path, sensitive=("disease",)),
    "unique persons": lambda path: ours(path, person="person"),
    "five visits a person": lambda path: ours(path, person="visitor"),
    "pycanon, a tenth of the rows": pycanon,
}


def one(case: str, path: Path) -> None:
    CASES[case](path.with_name("small.parquet"))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        k = CASES[case](path)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"case": case, "k": k, "seconds": statistics.median(times), "peak_mb": peak}))


def main() -> None:
    if len(sys.argv) > 2:
        return one(sys.argv[1], Path(sys.argv[2]))
    rows = int(float(sys.argv[1] if len(sys.argv) > 1 else 5) * 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_table(path, rows)
        write_table(path.with_name("small.parquet"), 1000)
        base = 0.0
        for case in CASES:
            if case.startswith("pycanon") and importlib.util.find_spec("pycanon") is None:
                continue
            command = [sys.executable, __file__, case, str(path)]
            result = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
            base = base or result["seconds"]
            ratio = result["seconds"] / base
            print(f"{case:30} {result['seconds']:7.2f} s {ratio:6.2f} × {result['peak_mb']:7.0f} MB  k={result['k']}")
    return None


if __name__ == "__main__":
    main()
