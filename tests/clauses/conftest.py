"""What every clause test runs with: policies are read once, and without the rule that a mutant takes out.

It replaces the form's reader of policy files, so that an installation that a test opens lacks the same rule as ``policies()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import building
import pytest
from installation import Site, open_site

from extractor.forms import policy_form


@pytest.fixture(autouse=True)
def _policies_as_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_form, "read_policy", building.read_as_now)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Open an installation: ``site("fuzhou")``, or as ``installation.open_site`` says."""
    opened: list[Site] = []

    def make(*regimes: str, **more: object) -> Site:
        opened.append(open_site(tmp_path / f"home{len(opened)}", *regimes, **more))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for each in opened:
        each.office.store.close()
