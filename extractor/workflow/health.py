"""The health of a machine and of an installation: what ``extractor doctor`` shows.

Owns what a finding is and in which order things are looked at. It must not know how one is found out (``health_machine``,
``health_installation``). A check that breaks is itself a finding; nothing here shows a key, an address or a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from extractor.errors import ExtractorError
from extractor.settings import Home, Settings


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


_MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILURE: "✗"}


@dataclass(frozen=True)
class Finding:
    """What one check found: its name in English and Chinese, how it stands, what was seen, and what to do about it."""

    name: str
    zh: str
    status: Status
    found: str
    fix: str = ""

    @property
    def mark(self) -> str:
        """One character for a terminal: ✓, ! or ✗."""
        return _MARKS[self.status]


@dataclass(frozen=True)
class Check:
    """One thing to look at: its name in English and Chinese, and the look, which says how it stands, what it saw, the fix."""

    name: str
    zh: str
    look: Callable[[], tuple[Status, str, str]]

    def finding(self) -> Finding:
        """Look, and turn whatever goes wrong while looking into a failure that names the kind of fault only."""
        try:
            return Finding(self.name, self.zh, *self.look())
        except ExtractorError as error:
            found = f"{error.thing}: {error.zh} · {error.en}" if error.thing else f"{error.zh} · {error.en}"
            fix = f"{error.fix_zh} · {error.fix_en}" if error.fix_en else ""
            return Finding(self.name, self.zh, Status.FAILURE, found, fix)
        except OSError as error:
            return Finding(self.name, self.zh, Status.FAILURE, f"无法读取 · cannot be read ({error.strerror})", _ACCESS)
        except Exception as error:  # A check that breaks must not hide those after it; its text could hold anything.
            found = f"检查本身出错 · the check itself broke ({type(error).__name__})"
            return Finding(self.name, self.zh, Status.FAILURE, found, "请报告此项 · report this check by its name")


_ACCESS = "请检查权限 · check the permissions of the account that runs extractor"


def examine(home: Path, *, read_settings: Callable[[Home], Settings]) -> tuple[Finding, ...]:
    """Look at the machine and at the installation in ``home``; without one, at the machine only.

    ``read_settings`` reads the settings of a home; it is ``extractor.bootstrap``'s, which stands above the workflow.

    Nothing outside the machine is contacted. Raises nothing: a fault is a finding.
    """
    from extractor.workflow.health_installation import installation_checks
    from extractor.workflow.health_machine import machine_checks

    found = _all(machine_checks(home))
    if not (home / "settings.yaml").exists():
        return (*found, Finding("installation", "安装", Status.WARNING, f"{home} 没有安装 · no installation", _INIT))
    return (*found, *_all(installation_checks(home, read_settings)))


_INIT = "extractor init --home DIR"


def failed(findings: Iterable[Finding]) -> bool:
    """Say whether something must be mended before a run."""
    return any(finding.status is Status.FAILURE for finding in findings)


def _all(checks: Iterable[Check]) -> tuple[Finding, ...]:
    return tuple(check.finding() for check in checks)
