"""The documents say what the code does: links, paths and tests that are named exist; commands, settings, layers are complete."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from extractor import (
    catalogue,
    destruction,
    errors,
    handover,
    levels,
    manifest,
    policy,
    policy_rules,
    policy_set,
    policy_words,
    requests,
    selection,
    settings,
)
from extractor.cli import app
from extractor.plans import difference, explain, nodes
from extractor.requests import transition_diagram

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "policies/**/*.md", "tests/**/*.md", "benchmarks/**/*.md")
    for path in ROOT.glob(pattern)
)
CORE = (
    catalogue,
    destruction,
    errors,
    handover,
    levels,
    manifest,
    policy,
    policy_rules,
    policy_set,
    policy_words,
    requests,
    selection,
    settings,
    nodes,
    explain,
    difference,
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_CODE_PATH = re.compile(r"`((?:extractor|policies|tests|docs|tools|benchmarks)/[\w./-]+)`")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text("utf-8"))


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found)


def dead_links(path: Path) -> list[str]:
    dead = []
    for target in _LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        aim = (path.parent / name).resolve() if name else path
        inside = aim == ROOT or ROOT in aim.parents
        if not inside or not aim.exists() or (anchor and aim.suffix == ".md" and anchor not in anchors(aim)):
            dead.append(target)
    return dead


@cache
def functions_of(name: str) -> frozenset[str]:
    path = ROOT / name
    if not path.is_file():
        return frozenset()
    nodes_of_file = ast.walk(ast.parse(path.read_text("utf-8")))
    return frozenset(node.name for node in nodes_of_file if isinstance(node, ast.FunctionDef))


def missing_tests(text: str) -> list[str]:
    return [f"{name}::{test}" for name, test in _TEST.findall(text) if test not in functions_of(name)]


def missing_paths(text: str) -> list[str]:
    return [name for name in _CODE_PATH.findall(text) if "NAME" not in name and not (ROOT / name).exists()]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the tree that does something, with its path."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def undocumented(text: str, path: tuple[str, ...], command: Any) -> list[str]:
    """Return the options and arguments of a command that its section does not name; all where there is no section."""
    body = section(text, "extractor " + " ".join(path))
    wanted = []
    for parameter in command.params:
        is_argument = parameter.param_type_name == "argument"
        wanted += [parameter.name.upper()] if is_argument else [o for o in parameter.opts if o.startswith("--")]
    return [name for name in wanted if f"`{name}`" not in body] if body else ["(no section)", *wanted]


def public_classes(module: ModuleType) -> list[str]:
    found = inspect.getmembers(module, inspect.isclass)
    return [name for name, cls in found if cls.__module__ == module.__name__ and not name.startswith("_")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_relative_link_is_dead(path: Path) -> None:
    assert dead_links(path) == []


def test_a_dead_link_would_be_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "security.md"
    for target in ("no-such-file.md", "settings.md#no-such-heading", "../../outside.md"):
        assert _LINK.findall(f"[x]({target})") == [target]
    broken = tmp_path / "page.md"
    broken.write_text("# A\n\n[x](missing.md) [y](https://example.org) [z](#b)\n", "utf-8")
    assert dead_links(broken) == ["missing.md", "#b"]
    assert "the-seven-invariants" in anchors(page)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_test_and_path_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    assert missing_tests(text) == []
    assert missing_paths(text) == []


def test_a_missing_test_or_path_would_be_found() -> None:
    text = "`tests/unit/test_docs.py::test_that_is_not_there` and `extractor/nowhere.py`"
    assert missing_tests(text) == ["tests/unit/test_docs.py::test_that_is_not_there"]
    assert missing_paths(text) == ["extractor/nowhere.py"]


def test_every_security_property_names_a_test() -> None:
    rows = re.findall(
        r"^\| (?!property|---|who)(.+) \|$", text_of("docs/security.md").split("## Whom")[0], re.MULTILINE
    )
    without = [row.split(" | ")[0] for row in rows if "`tests/" not in row]
    assert len(rows) > 30
    assert without == []


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_every_command_and_option_is_documented(path: tuple[str, ...]) -> None:
    assert undocumented(text_of("docs/commands.md"), path, COMMANDS[path]) == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    headings = re.findall(r"^#+ extractor (.+)$", text_of("docs/commands.md"), re.MULTILINE)
    groups = {path[:1] for path in COMMANDS if len(path) > 1}
    assert {tuple(heading.split()) for heading in headings} == set(COMMANDS) | groups


def test_an_undocumented_option_would_be_found() -> None:
    shortened = text_of("docs/commands.md").replace("`--witness`", "")
    assert undocumented(shortened, ("run",), COMMANDS["run",]) == ["--witness"]
    assert undocumented("", ("run",), COMMANDS["run",])[0] == "(no section)"


def test_every_setting_is_documented() -> None:
    page = text_of("docs/settings.md")
    keys = [f.name for f in fields(settings.Settings) if f.name != "limits"]
    keys += [f"limits.{f.name}" for f in fields(settings.Limits)]
    assert [key for key in keys if f"| `{key}` |" not in page] == []


def test_the_defaults_of_settings_are_those_of_the_code() -> None:
    page = text_of("docs/settings.md")
    for field in fields(settings.Limits):
        row = next(line for line in page.splitlines() if line.startswith(f"| `limits.{field.name}` |"))
        assert f"`{field.default}`" in row.rsplit("|", 2)[1]


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "extractor").rglob("*.py"))
    named = set(re.findall(r"\"(EXTRACTOR_[A-Z_]+)\"", code))
    assert named
    assert {name for name in named if f"`{name}`" not in text_of("docs/settings.md")} == set()


def test_every_noun_of_the_core_is_in_the_glossary() -> None:
    glossary = text_of("GLOSSARY.md")
    nouns = sorted({name for module in CORE for name in public_classes(module)})
    assert len(nouns) > 90
    assert [noun for noun in nouns if not re.search(rf"\b{noun}\b", glossary)] == []


def test_the_layers_that_are_described_are_those_that_are_enforced() -> None:
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = re.search(r"<!-- layers -->\n```\n(.*?)\n```", text_of("docs/architecture.md"), re.DOTALL)
    assert shown is not None
    assert shown.group(1).splitlines() == layers


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_diagram_of_states_is_made_from_the_transitions() -> None:
    assert f"```mermaid\n{transition_diagram()}```" in text_of("docs/architecture.md")


def test_the_steps_of_the_job_are_numbered_as_in_the_code() -> None:
    code = text_of("extractor/workflow/extraction.py")
    body = code[code.index("def extract(") : code.index("def _prepare(")]
    numbers = [int(number) for number in re.findall(r"# (\d+)\. ", body)]
    rows = re.findall(r"^\| (\d+) \| ", text_of("docs/architecture.md"), re.MULTILINE)
    assert [int(row) for row in rows] == numbers == list(range(1, len(numbers) + 1))


def test_the_schemas_that_are_mentioned_exist() -> None:
    mentioned = {
        name for path in DOCUMENTS for name in re.findall(r"[\w./-]*?(\w+\.schema\.json)", path.read_text("utf-8"))
    }
    assert mentioned
    assert {name for name in mentioned if not (ROOT / "docs" / "schemas" / name).is_file()} == set()


def test_every_compiled_fact_is_in_the_notice() -> None:
    notice = text_of("NOTICE.md")
    facts = [path.name for path in (ROOT / "extractor" / "deid" / "facts").iterdir() if path.is_file()]
    assert [name for name in facts if name not in notice] == []


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").glob("*.png")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}


def test_what_is_raised_for_the_sweep_and_what_is_a_benchmark_is_run_by_make() -> None:
    makefile, bench = text_of("Makefile"), text_of("benchmarks/__main__.py")
    sweep = makefile.partition("\nsweep:")[2].partition("\n\n")[0]
    for path in (ROOT / "tests" / "property").glob("*.py"):
        for raised in re.findall(r'os\.environ\.get\("(\w+)", "0"\)', path.read_text("utf-8")):
            assert f"{raised}=10000 $(BIN)/python -m pytest -q {name_of(path)}" in sweep
    for path in (ROOT / "benchmarks").glob("*.py"):
        runs = 'if __name__ == "__main__"' in path.read_text("utf-8") and path.stem != "__main__"
        named = f'"benchmarks.{path.stem}"' in bench or f"benchmarks.{path.stem}" in sweep
        called = any(f'"-m", "benchmarks.{path.stem}"' in p.read_text("utf-8") for p in path.parent.glob("*.py"))
        assert not runs or named or called, path.name
