"""The things in a scratch folder: walking them, looking at them, removing them, and who still holds them.

Owns the system calls of the purge. It must not know runs, owners or records. Nothing here follows a symbolic link or opens
a pipe, socket or device.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from extractor.destruction import ItemKind

_KINDS = (
    (stat.S_ISREG, ItemKind.FILE),
    (stat.S_ISDIR, ItemKind.FOLDER),
    (stat.S_ISLNK, ItemKind.SYMLINK),
    (stat.S_ISSOCK, ItemKind.SOCKET),
    (stat.S_ISFIFO, ItemKind.PIPE),
)


@dataclass(frozen=True)
class WorkspaceItem:
    """One thing in a workspace: name relative to it, kind, size in bytes, SHA-256 before deletion, time of change.

    ``digest`` is absent for what is no regular file or cannot be read. ``name`` is printable; ``path`` is the name as the
    file system has it and stays out of records.
    """

    name: str
    kind: ItemKind
    bytes: int
    digest: str | None
    mtime_ns: int
    links: int
    inode: int
    path: str = field(repr=False)

    def as_record(self) -> dict[str, str | int | None]:
        """Return what a log entry about the item holds."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "bytes": self.bytes,
            "digest": self.digest,
            "mtime_ns": self.mtime_ns,
        }


def walk(folder: Path) -> Iterator[str]:
    """Yield the relative path of everything below a folder, contents before their folder; a locked sub-folder is opened."""
    with suppress(FileNotFoundError):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            folder.chmod(0o700)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from (f"{entry.name}/{below}" for below in walk(folder / entry.name))
            yield entry.name


def inspect(folder: Path, path: str) -> WorkspaceItem:
    """Look at one thing without following links; a thing that is gone by now is listed with size 0."""
    target = folder / path
    # A name that is no valid text would make the record unreadable.
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        state = target.lstat()
    except FileNotFoundError:
        return WorkspaceItem(name, ItemKind.FILE, 0, None, 0, 1, 0, path)
    kind = next((kind for test, kind in _KINDS if test(state.st_mode)), ItemKind.DEVICE)
    digest = _digest(target) if kind is ItemKind.FILE else None
    size = state.st_size if kind is ItemKind.FILE else 0
    return WorkspaceItem(name, kind, size, digest, state.st_mtime_ns, state.st_nlink, state.st_ino, path)


def remove(folder: Path, item: WorkspaceItem) -> bool:
    """Unlink an item if it is still what was listed, sync its folder, and say whether the name is gone."""
    target = folder / item.path
    with suppress(OSError):
        if item.kind is ItemKind.FOLDER:
            target.rmdir()
        elif _unchanged(target.lstat(), item):
            target.unlink()
        sync_folder(target.parent)
    return not os.path.lexists(target)


def held_by_a_process(folder: Path, paths: Iterable[str]) -> frozenset[str]:
    """Return those of the removed paths that a process still has open or mapped, as far as we may look at processes.

    Seen by the name that the kernel keeps for a removed file; a process of another user or one that forbids looking at it
    (``PR_SET_DUMPABLE`` 0) is not seen.
    """
    wanted = {f"{folder.resolve()}/{path}": path for path in paths}
    held = {
        name.removesuffix(" (deleted)") for process in Path("/proc").glob("[0-9]*") for name in _open_names(process)
    }
    return frozenset(path for name, path in wanted.items() if name in held)


def _open_names(process: Path) -> Iterator[str]:
    with suppress(OSError):
        for handle in os.scandir(process / "fd"):
            with suppress(OSError):
                yield str(Path(handle.path).readlink())
    with suppress(OSError):
        for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
            if "/" in line:
                yield line[line.index("/") :]


def _unchanged(now: os.stat_result, item: WorkspaceItem) -> bool:
    same = (now.st_ino, now.st_mtime_ns) == (item.inode, item.mtime_ns)
    return same and (item.kind is not ItemKind.FILE or now.st_size == item.bytes)


def _digest(file: Path) -> str | None:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Have a folder's entries written to the medium, so that what was made or removed stays so after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
