"""Who owns a scratch folder, and whether that process still lives.

Owns process identities, read from ``/proc``, and the lock on a folder. It must not know what lies in it.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from extractor.scratch_items import sync_folder


@dataclass(frozen=True)
class Owner:
    """The process that made a workspace: its id, start (clock ticks since boot), boot id and pid namespace, and the run."""

    run: str
    pid: int
    started: str
    boot: str
    namespace: str


class HeldFolder:
    """Holds the scratch root while a workspace is made or judged, so that a half-made one is never taken for abandoned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        os.close(self._handle)


def lock_folder(folder: Path) -> int:
    """Lock a folder without waiting and return the handle that holds the lock; the kernel lets go when the process dies.

    Raises:
        OSError: another process holds it, or it is no folder.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def is_dead(owner: Owner | None, folder: Path) -> bool:
    """Say whether the owner of a folder is dead: see ``extractor.workspace.abandoned`` for the rule."""
    if owner is not None and owner.boot != _boot_id():
        return True
    try:
        os.close(lock_folder(folder))
    except OSError:
        return False
    if owner is None or owner.namespace != _namespace():
        return True
    return _start_of(owner.pid) != owner.started


def this_process(run: str) -> Owner:
    """Return the present process as the owner of a run's folder."""
    return Owner(run, os.getpid(), _start_of(os.getpid()), _boot_id(), _namespace())


def _start_of(pid: int) -> str:
    """Return when a process started, in clock ticks since boot (field 22 of /proc/PID/stat), or nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    # A process that ended and whose parent has not looked yet (state Z) does nothing any more.
    return "" if fields[0] in "ZX" else fields[19]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def write_owner(file: Path, owner: Owner) -> None:
    """Write who owns a folder, so that it survives a power cut; no personal data."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        json.dump(vars(owner), stream)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(file.parent)


def read_owner(file: Path) -> Owner | None:
    """Return who owns a folder, or None where that was never written whole."""
    try:
        fields = json.loads(file.read_text())
        return Owner(
            run=str(fields["run"]),
            pid=int(fields["pid"]),
            started=str(fields["started"]),
            boot=str(fields["boot"]),
            namespace=str(fields["namespace"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
