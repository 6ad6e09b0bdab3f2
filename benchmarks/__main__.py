"""All benchmarks of speed, one after the other, each in a process of its own: ``make bench``."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

BENCHMARKS = (
    "benchmarks.pipeline", "benchmarks.compile", "benchmarks.pseudonyms", "benchmarks.risk", "benchmarks.startup",
    "benchmarks.text_speed", "benchmarks.text_known",
)  # fmt: skip


def main() -> None:
    """Say what machine this is, and run every benchmark."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    for name in BENCHMARKS:
        print(f"\n{name}", flush=True)
        subprocess.run([sys.executable, "-m", name], check=True)


if __name__ == "__main__":
    main()
