"""A run's scratch is private, listed before it is destroyed, verified by trying, and found again when its run died."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractor.destruction import ItemKind, Method, Outcome
from extractor.errors import LogError, StorageError
from extractor.hardening import private_environment
from extractor.scratch_items import WorkspaceItem
from extractor.workspace import OWNER_FILE, Workspace, abandoned

Items = tuple[WorkspaceItem, ...]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    with Workspace.create(root, "run-1") as made:
        yield made


def _outcomes(purged: object) -> dict[str, Outcome]:
    return {one.item.name: one.outcome for one in purged.items}  # type: ignore[attr-defined]


def test_a_workspace_is_private_and_signed_by_its_process(workspace: Workspace) -> None:
    assert stat.S_IMODE(workspace.folder.stat().st_mode) == 0o700
    owner = json.loads((workspace.folder / OWNER_FILE).read_text())
    assert owner["pid"] == os.getpid()
    assert set(owner) == {"run", "pid", "started", "boot", "namespace"}
    assert stat.S_IMODE(workspace.path("a/b/c").parent.stat().st_mode) == 0o700


def test_a_second_workspace_of_the_same_run_is_refused(root: Path, workspace: Workspace) -> None:
    with pytest.raises(StorageError, match="exists already"):
        Workspace.create(root, "run-1")


@pytest.mark.parametrize("run", ["../x", "", ".hidden", "a/b", "x" * 200])
def test_a_run_name_that_is_no_plain_name_is_refused(root: Path, run: str) -> None:
    with pytest.raises(StorageError, match="plain name"):
        Workspace.create(root, run)


def test_a_scratch_root_that_others_may_write_to_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    root.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(root)
    for place in (root, link):
        with pytest.raises(StorageError, match="not private"):
            Workspace.create(place, "run-1")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_a_name_that_leads_out_of_the_workspace_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(StorageError, match="out of the workspace"):
        workspace.path(name)


def test_everything_is_listed_committed_and_then_gone(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("stays")
    workspace.path("deep/er/file").write_bytes(b"abc")
    workspace.path("locked/file").write_bytes(b"abc")
    (workspace.folder / "locked/file").chmod(0)
    (workspace.folder / "locked").chmod(0)
    workspace.path("link").symlink_to(outside)
    workspace.path("folder-link").symlink_to(tmp_path)
    os.mkfifo(workspace.path("pipe"))
    (workspace.folder / os.fsdecode(b"bad\xffname")).write_text("x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(workspace.path("s")))
    committed: list[Items] = []

    def commit(items: Items) -> None:
        assert (workspace.folder / "deep/er/file").exists(), "the inventory is committed before any deletion"
        committed.append(items)

    result = workspace.purge(commit)
    assert result.complete
    assert (result.rounds, len(committed)) == (1, 1)
    assert not workspace.folder.exists()
    assert outside.read_text() == "stays"
    kinds = {item.name: item.kind for item in committed[0]}
    assert kinds["link"] is kinds["folder-link"] is ItemKind.SYMLINK
    assert (kinds["pipe"], kinds["s"], kinds["deep/er"]) == (ItemKind.PIPE, ItemKind.SOCKET, ItemKind.FOLDER)
    assert "bad\\xffname" in kinds
    digest = next(item.digest for item in committed[0] if item.name == "deep/er/file")
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert {one.method for one in result.destroyed()} == {Method.UNLINKED}


def test_nothing_is_deleted_when_the_inventory_cannot_be_committed(workspace: Workspace) -> None:
    workspace.path("file").write_text("x")

    def fail(items: Items) -> None:
        raise LogError("the log cannot be written", zh="日志无法写入")

    with pytest.raises(LogError):
        workspace.purge(fail)
    assert {item.name for item in workspace.inventory()} == {"file", OWNER_FILE, "."}
    assert workspace.purge(lambda _: None).complete


def test_what_appears_or_changes_meanwhile_is_committed_before_it_goes(workspace: Workspace) -> None:
    changing = workspace.path("changing")
    changing.write_text("before")
    committed: list[dict[str, str | None]] = []

    def commit(items: Items) -> None:
        committed.append({item.name: item.digest for item in items})
        if len(committed) == 1:
            workspace.path("late/file").write_text("late")
            changing.write_text("after, and longer")

    result = workspace.purge(commit)
    assert result.complete
    assert result.rounds == 2
    assert "late/file" not in committed[0]
    assert "late/file" in committed[1]
    assert committed[0]["changing"] != committed[1]["changing"]


def test_a_file_that_is_still_open_or_mapped_is_not_called_gone(workspace: Workspace) -> None:
    for name in ("open", "mapped", "closed"):
        workspace.path(name).write_text("x" * 5000)
    mapped_file = workspace.path("mapped").open("rb")
    mapped = mmap.mmap(mapped_file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped_file.close()
    with workspace.path("open").open("rb"):
        result = workspace.purge(lambda _: None)
    mapped.close()
    outcomes = _outcomes(result)
    assert outcomes["open"] is outcomes["mapped"] is Outcome.OPEN_ELSEWHERE
    assert outcomes["closed"] is Outcome.GONE
    assert not result.complete


def test_a_file_held_by_another_process_is_found(workspace: Workspace) -> None:
    workspace.path("held").write_text("x")
    script = "import sys; f = open(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(workspace.path("held"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert _outcomes(workspace.purge(lambda _: None))["held"] is Outcome.OPEN_ELSEWHERE
        other.communicate()


def test_a_second_link_outside_is_reported_and_two_inside_are_not(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a", "c"):
        workspace.path(name).write_text("x")
    os.link(workspace.path("a"), workspace.path("b"))
    os.link(workspace.path("c"), tmp_path / "copy")
    outcomes = _outcomes(workspace.purge(lambda _: None))
    assert outcomes["a"] is outcomes["b"] is Outcome.GONE
    assert outcomes["c"] is Outcome.ANOTHER_LINK


def test_the_workspace_of_a_killed_process_is_found_adopted_and_destroyed(root: Path, workspace: Workspace) -> None:
    script = (
        "import sys, pathlib; from extractor.workspace import Workspace;"
        "w = Workspace.create(pathlib.Path(sys.argv[1]), 'run-2'); w.path('left').write_text('x');"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        assert abandoned(root) == ()
        run.send_signal(signal.SIGKILL)
    (left,) = abandoned(root)
    assert (left.run, left.owner.run if left.owner else "") == ("run-2", "run-2")
    with Workspace.adopt(left) as adopted:
        assert adopted.purge(lambda _: None).complete
    assert abandoned(root) == ()
    assert workspace.folder.exists()


@pytest.mark.parametrize(
    "change", [{"started": "1"}, {"pid": 2**22 + 5}, {"boot": "another"}, {"namespace": "pid:[1]"}]
)
def test_a_process_number_used_anew_or_an_earlier_boot_means_dead(root: Path, change: dict[str, object]) -> None:
    workspace = Workspace.create(root, "run-3")
    file = workspace.folder / OWNER_FILE
    workspace.close()
    assert abandoned(root) == ()
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert [one.run for one in abandoned(root)] == ["run-3"]


def test_a_live_run_in_another_container_is_not_taken_for_dead(root: Path, workspace: Workspace) -> None:
    file = workspace.folder / OWNER_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"namespace": "pid:[1]"}))
    assert abandoned(root) == ()


def test_a_folder_without_owner_is_abandoned_and_a_held_one_cannot_be_adopted(root: Path) -> None:
    root.mkdir(mode=0o700)
    (root / "run-4").mkdir()
    (left,) = abandoned(root)
    assert left.owner is None
    with Workspace.adopt(left), pytest.raises(StorageError, match="another process holds"):
        Workspace.adopt(left)


def test_temporary_files_of_polars_and_jieba_go_into_the_workspace(workspace: Workspace) -> None:
    environment = private_environment(workspace.folder)
    workspace.path("tmp/x")
    assert environment["POLARS_OOC_DISK_BUDGET_MB"] == "0"
    script = (
        "import tempfile, polars as pl; print(tempfile.gettempdir());"
        "print(pl.DataFrame({'a': [2, 1]}).lazy().sort('a').collect(engine='streaming').height)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [environment["TMPDIR"], "2"]
    for name in ("TMPDIR", "POLARS_TEMP_DIR", "POLARS_OOC_SPILL_DIR"):
        assert Path(environment[name]).is_relative_to(workspace.folder)


def test_a_hardened_process_dumps_no_core_and_makes_private_files(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from extractor.hardening import harden_process; h = harden_process();"
        "assert h.no_core_dump and h.not_dumpable; f = pathlib.Path(sys.argv[1]); f.write_text('x');"
        "assert f.stat().st_mode & 0o777 == 0o600; os.abort()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "f")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGABRT, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["f"]
