"""What all commands share: a bug shows its kind and place only, whatever the environment; polars may not spill."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from extractor.commands.shell import errors_shown

SECRET = "350102195806010011"


def test_a_bug_never_shows_its_text_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXTRACTOR_DEBUG", "1")
    with pytest.raises(typer.Exit) as caught, errors_shown(as_json=False):
        raise KeyError(SECRET)
    assert caught.value.exit_code == 1
    said = capsys.readouterr()
    assert "KeyError" in said.err and SECRET not in said.err + said.out


_BUDGET = """
import os, sys
import extractor.cli
assert "polars" not in sys.modules, "imported before its disk budget stands"
sys.argv = ["extractor", "deid", "text"]
try:
    extractor.cli.main()
except SystemExit:
    pass
assert "polars" in sys.modules, "the command was to use it"
print(os.environ.get("POLARS_OOC_DISK_BUDGET_MB"))
"""


def test_the_command_line_lets_polars_spill_nothing_to_disk() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("POLARS_")}
    done = subprocess.run(
        [sys.executable, "-c", _BUDGET], input='{"id": "1", "text": "患者入院"}\n', capture_output=True, text=True,
        check=False, env=env, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0", done.stderr
