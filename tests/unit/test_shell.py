"""What all commands share: a bug shows its kind and place only, whatever the environment; polars may not spill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from extractor.commands.home import init
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


def _init(home: Path, division: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as caught:
        init(division=division, home=home, as_json=True)
    assert not home.exists()
    return caught.value.exit_code, capsys.readouterr().err


def test_an_installation_stands_in_a_division_that_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for division in ("999999", "35010", "160000"):
        code, said = _init(tmp_path / "home", division, capsys)
        assert (code, "six digits that begin with a province" in said) == (2, True)


def test_an_installation_outside_the_country_is_advised_about_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for division in ("810000", "US"):
        code, said = _init(tmp_path / "home", division, capsys)
        assert (code, "where the installation stands" in said) == (4, True)
        assert "change the request" not in said


def test_the_advice_of_a_refusal_outlives_the_process_that_refused() -> None:
    from extractor.errors import Reason, Refused
    from extractor.workflow.supervision import _rebuilt

    told = Refused((Reason("t", "r", "", "缺", "lacks"),), fix=("ask the authority", "请向主管部门申请"))
    assert _rebuilt(told.as_json()).as_json() == told.as_json()
