"""Start-up of the command line: seconds for ``import extractor.cli`` and for ``--help``, medians of seven processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {"import extractor.cli": ["-c", "import extractor.cli"], "extractor --help": ["-m", "extractor.cli", "--help"]}


def main() -> None:
    """Print the medians; the floor is 0.4 s."""
    for name, arguments in CASES.items():
        print(f"  {name:22} {statistics.median(_seconds(arguments) for _ in range(7)):.3f} s (floor 0.4)")


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
