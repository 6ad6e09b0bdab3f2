"""Keyed pseudonyms for a column against one HMAC-SHA256 for each row, in one run; the ratio must not fall below 15.

Prints one line of JSON: medians of five rounds in million rows a second, the ratio and its floor; exit code 1 below the floor.
The two take turns, so that a slow moment of the machine meets both.
"""

import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import polars as pl

from extractor.deid.pseudonyms import pseudonyms

ROWS, ROUNDS, FLOOR = 1_000_000, 5, 15.0
KEY = bytes(range(32))


def resident_numbers(rows: int) -> pl.Series:
    """Return made-up 18-character numbers of the right shape."""
    random = np.random.default_rng(11643)
    return pl.Series("id", random.integers(11 * 10**16, 66 * 10**16, rows)).cast(pl.String)


def one_by_one(values: pl.Series) -> pl.Series:
    """Compute what most tools do: one keyed hash for each row, in Python."""
    return values.map_elements(
        lambda value: hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()[:26], return_dtype=pl.String
    )


def seconds(work: Callable[[pl.Series], pl.Series], values: pl.Series) -> float:
    """Return the wall time of one pass."""
    started = time.perf_counter()
    work(values)
    return time.perf_counter() - started


def main() -> int:
    """Run both in turn and print the medians."""
    values = resident_numbers(ROWS)
    columns, rows = [], []
    for _ in range(ROUNDS):
        columns.append(seconds(lambda v: pseudonyms(v, KEY, domain="person", kind="resident_id"), values))
        rows.append(seconds(one_by_one, values))
    ratio = median(rows) / median(columns)
    report = {
        "benchmark": "pseudonyms",
        "column_million_rows_per_second": round(ROWS / median(columns) / 1e6, 2),
        "per_row_hmac_million_rows_per_second": round(ROWS / median(rows) / 1e6, 2),
        "ratio": round(ratio, 1),
        "floor": FLOOR,
        "passed": ratio >= FLOOR,
    }
    print(json.dumps(report))
    return 0 if ratio >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
