"""Free text: characters a second on real clinical text, and against stock Presidio and argus-redact, in one run.

Prints one line of JSON with medians of rounds, the ratios and their floors; exit code 1 below a floor. We and Presidio take turns,
so that a slow moment of the machine meets both; argus-redact runs after them in a process of its own, installed into a folder
that is removed again, and is skipped where it cannot be had. The peers read a sample of the documents that we read. Two
processes are compared with one on two lengths of input, which takes their start off. Needs a machine with nothing else to do.
"""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.text_peers import StockPresidio
from benchmarks.text_scores import FOLDER
from extractor.deid.free_text import RECOGNISERS, annotate_column
from extractor.deid.streaming import spans_stream
from extractor.deid.text_treatment import Treatment, treat_column

SETS = ("clinical/toyhom_dialogue", "over_redaction_ccks_course_discharge", "ccks_admission_surrogate_100")
ARGUS = "argus-redact==0.8.22"
ROUNDS, SAMPLE, SHORT, LONG = 3, 20, 2, 6
FORMS = tuple(recogniser for recogniser in RECOGNISERS if recogniser.name in ("patterns", "dates", "ages"))
FLOORS = {
    "million_characters_a_second": 3.0,
    "times_stock_presidio": 30.0,
    "patterns_times_stock_presidio": 100.0,
    "times_argus_redact": 10.0,
    "two_processes": 1.8,
}


def documents() -> list[str]:
    """Return the documents of the sets, without their labels."""
    texts = []
    for name in SETS:
        for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            content = json.loads(line)
            parts = [content["text"]] if "text" in content else content.values()
            texts.append(" ".join(part for part in parts if isinstance(part, str)))
    return texts


def rate(work: Callable[[], object], texts: Sequence[str]) -> float:
    """Return the millions of characters a second of one pass."""
    begin = time.perf_counter()
    work()
    return sum(map(len, texts)) / (time.perf_counter() - begin) / 1e6


def compared(texts: list[str]) -> dict[str, float]:
    """Return the medians of the rounds in which we and Presidio take turns."""
    sample, column = texts[::SAMPLE], pl.Series("text", texts, dtype=pl.String)
    tagged, tokens = StockPresidio(names=True), StockPresidio(names=False)
    ways: dict[str, tuple[Callable[[], object], list[str]]] = {
        "names_included": (lambda: treat_column(column, treatment=Treatment("redacted")), texts),
        "patterns": (lambda: annotate_column(column, recognisers=FORMS), texts),
        "stock_presidio": (lambda: [tagged.redacted(text) for text in sample], sample),
        "stock_presidio_patterns": (lambda: [tokens.redacted(text) for text in sample], sample),
    }
    annotate_column(column[:200])
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (work, read) in ways.items():
            rates[name].append(rate(work, read))
    return {name: median(values) for name, values in rates.items()}


def argus(texts: list[str]) -> float | None:
    """Return argus-redact's millions of characters a second on a sample, none where it cannot be installed."""
    sample = texts[::SAMPLE]
    with tempfile.TemporaryDirectory() as folder:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
        if subprocess.run([*install, ARGUS], capture_output=True, check=False).returncode:
            print(f"{ARGUS} cannot be installed here: skipped", file=sys.stderr)
            return None
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.text_argus", str(ROUNDS)],
            input="".join(json.dumps(text) + "\n" for text in sample),
            env={"PYTHONPATH": f"{Path.cwd()}:{folder}", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    return sum(map(len, sample)) / median(map(float, run.stdout.split())) / 1e6


def stream_seconds(lines: list[str], processes: int) -> float:
    """Return the seconds for the lines beyond a short input, which takes the start of the processes off."""
    spent = []
    for times in (SHORT, LONG):
        begin = time.perf_counter()
        spans_stream(lines * times, io.StringIO(), processes=processes)
        spent.append(time.perf_counter() - begin)
    return spent[1] - spent[0]


def two_processes(texts: list[str]) -> float:
    """Return how many times faster a stream is with two processes than with one."""
    lines = [json.dumps({"id": row, "text": text}, ensure_ascii=False) for row, text in enumerate(texts)]
    rounds = [(stream_seconds(lines, 1), stream_seconds(lines, 2)) for _ in range(ROUNDS)]
    return median(one for one, _ in rounds) / median(two for _, two in rounds)


def machine() -> str:
    """Return the name of the processor, as the system gives it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> int:
    """Run all in turn and print the medians."""
    if not (FOLDER / f"{SETS[0]}.jsonl").exists():
        print("benchmark of free text: skipped, its texts are not here")
        return 0
    texts = documents()
    rates = compared(texts)
    peer = argus(texts)
    if peer is not None:
        rates["argus_redact"] = peer
    figures: dict[str, float | None] = {
        "million_characters_a_second": rates["names_included"],
        "times_stock_presidio": rates["names_included"] / rates["stock_presidio"],
        "patterns_times_stock_presidio": rates["patterns"] / rates["stock_presidio_patterns"],
        "times_argus_redact": rates["names_included"] / peer if peer else None,
        "two_processes": two_processes(texts),
    }
    passed = all(figure is None or figure >= FLOORS[name] for name, figure in figures.items())
    report = {
        "benchmark": "text_speed",
        "machine": machine(),
        "million_characters_a_second": {name: round(value, 3) for name, value in rates.items()},
        "figures": {name: figure and round(figure, 2) for name, figure in figures.items()},
        "floors": FLOORS,
        "passed": passed,
    }
    print(json.dumps(report))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
