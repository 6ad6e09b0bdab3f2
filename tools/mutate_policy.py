"""Mutants of the policies: each clause test runs once as it is, then once for each rule that it names, without that rule.

Usage: ``python -m tools.mutate_policy [--slow SECONDS] [paths and options of pytest]``. Owns the runs and what counts as killed: the
body of the test fails with an assertion, with ``DID NOT RAISE``, or with an error of this software. What breaks otherwise (a
``KeyError``, a fixture) shows nothing about the rule and is reported apart. One process, nothing parsed twice: the rule is taken out
of the policy value (``tests/clauses/building.py``). It must not know any rule.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from extractor.errors import ExtractorError

CLAUSES = str(Path(__file__).resolve().parent.parent / "tests" / "clauses")
SLOW = 2.0
_KILLS = (AssertionError, pytest.fail.Exception, ExtractorError)


@dataclass(frozen=True)
class Pair:
    """One test without one rule: ``outcome`` is killed, survived or broken; ``why`` is the error's type where it broke."""

    test: str
    rule: str
    outcome: str
    why: str = ""


@dataclass
class Mutants:
    """The pytest plugin; afterwards it holds what came out."""

    slow: float = SLOW
    pairs: list[Pair] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    too_slow: list[str] = field(default_factory=list)
    unmarked: int = 0
    stopped: str = ""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Keep the error itself beside the report."""
        made = yield
        made.get_result().raised = call.excinfo

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a clause test as it is and, where it is sound, once without each rule that it names."""
        rules = dict.fromkeys((str(mark.args[0]), str(mark.args[1])) for mark in item.iter_markers("clause"))
        if not rules:
            self.unmarked += 1
            return None
        started = time.perf_counter()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        seconds = time.perf_counter() - started
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        if seconds > self.slow:
            self.too_slow.append(f"{item.nodeid} ({seconds:.1f} s)")
        if not all(report.passed for report in reports):
            self.unsound.append(item.nodeid)
            return True
        self.pairs += [self._mutant(item, nextitem, rule) for rule in rules]
        return True

    def _mutant(self, item: pytest.Item, nextitem: pytest.Item | None, rule: tuple[str, str]) -> Pair:
        import building  # beside the clause tests, on pytest's path

        name = f"{rule[0]}.{rule[1]}"
        try:
            with building.taken_out(*rule):
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
        except KeyError:
            return Pair(item.nodeid, name, "broken", "there is no such rule")
        outcome, why = outcome_of(reports)
        return Pair(item.nodeid, name, outcome, why)

    @property
    def failed(self) -> bool:
        """Whether the clause tests do not prove what they say."""
        sound = self.pairs and all(pair.outcome == "killed" for pair in self.pairs)
        return not sound or bool(self.unsound or self.too_slow or self.stopped)

    def lines(self, seconds: float) -> list[str]:
        """Return the figures, and each pair and test that fails, by name."""
        by_outcome = {word: [pair for pair in self.pairs if pair.outcome == word] for word in ("survived", "broken")}
        killed = len(self.pairs) - sum(map(len, by_outcome.values()))
        return [
            *(f"SURVIVED {pair.rule} in {pair.test}" for pair in by_outcome["survived"]),
            *(f"BROKEN {pair.rule} in {pair.test}: {pair.why}" for pair in by_outcome["broken"]),
            *(f"FAILS AS IT IS {test}" for test in self.unsound),
            *(f"TOO SLOW {test}" for test in self.too_slow),
            *([f"STOPPED pytest ended with {self.stopped}"] if self.stopped else []),
            f"{len(self.pairs)} pairs, {killed} killed, {len(by_outcome['survived'])} survived, "
            f"{len(by_outcome['broken'])} broken, {len(self.unsound)} tests fail as they are, "
            f"{len(self.too_slow)} over {self.slow:g} s, {self.unmarked} without a mark; {seconds:.1f} s",
        ]


def outcome_of(reports: list[Any]) -> tuple[str, str]:
    """Say what the reports of one run (set-up, call, tear-down) show: killed only by the body, and only by a finding."""
    failed = [report for report in reports if not report.passed]
    if not failed:
        return "survived", ""
    first = failed[0]
    if first.when == "call" and first.failed and isinstance(first.raised.value, _KILLS):
        return "killed", ""
    raised = first.raised.typename if first.raised else "skipped"
    return "broken", f"{raised} in {first.when}"


def run(arguments: list[str], *, slow: float = SLOW) -> tuple[Mutants, list[str]]:
    """Run pytest once in this process with the mutants; return what came out and its lines."""
    mutants = Mutants(slow=slow)
    started = time.perf_counter()
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = pytest.ExitCode(pytest.main([*options, *arguments], plugins=[mutants]))
    mutants.stopped = "" if ended in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else ended.name
    return mutants, mutants.lines(time.perf_counter() - started)


def main(arguments: list[str]) -> int:
    """Run the mutants of the given paths, or of all clause tests; return 1 where one survives, breaks or is slow."""
    slow = SLOW
    if "--slow" in arguments:
        at = arguments.index("--slow")
        slow = float(arguments[at + 1])
        arguments = arguments[:at] + arguments[at + 2 :]
    mutants, lines = run(arguments or [CLAUSES], slow=slow)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if mutants.failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
