"""A run's private scratch: made for one run, listed, destroyed, and found again when its run died.

Owns the folder under the scratch division, who owns it, its inventory and its purge. It must not know what the files hold.
Nothing is overwritten before it is unlinked: on SSDs, copy-on-write and journalling file systems writing over a file says
nothing about where it lay, so the method is called ``unlinked`` and no more. Linux only: liveness is read from ``/proc``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from extractor.destruction import DestroyedItem, ItemKind, Method, Outcome
from extractor.errors import StorageError
from extractor.scratch_items import WorkspaceItem, held_by_a_process, inspect, remove, walk
from extractor.scratch_owner import HeldFolder, Owner, is_dead, lock_folder, read_owner, this_process, write_owner

OWNER_FILE = "owner.json"
THE_FOLDER = "."
_LAST = (OWNER_FILE, THE_FOLDER)
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ROUNDS = 8


@dataclass(frozen=True)
class PurgedItem:
    """What became of one item: the item as inventoried, what was done, what was found afterwards."""

    item: WorkspaceItem
    method: Method
    outcome: Outcome


@dataclass(frozen=True)
class PurgeResult:
    """What a purge did: each item once, when, and how many inventories it took until nothing appeared any more."""

    items: tuple[PurgedItem, ...]
    started: datetime
    ended: datetime
    rounds: int

    @property
    def complete(self) -> bool:
        """Whether the folder and every item in it were found gone."""
        return all(item.outcome is Outcome.GONE for item in self.items)

    def destroyed(self) -> tuple[DestroyedItem, ...]:
        """Return the items as the destruction record lists them."""
        return tuple(
            DestroyedItem(one.item.kind, one.item.name, one.item.bytes, one.method, one.outcome, one.item.digest)
            for one in self.items
        )


@dataclass(frozen=True)
class Abandoned:
    """A workspace whose owner is dead; ``owner`` is absent where the owner died before it could sign in."""

    folder: Path
    run: str
    owner: Owner | None


class Workspace:
    """The scratch folder of one run; the folder is locked as long as the object is open."""

    def __init__(self, folder: Path, run: str, lock: int) -> None:
        self.folder, self.run, self._lock = folder, run, lock

    @classmethod
    def create(cls, root: Path, run: str) -> Workspace:
        """Make ``root/run`` with mode 0700 on the scratch division and write who owns it.

        Raises:
            StorageError: it exists already, the run's name is no plain name, ``root`` is a link or others may write into
                it, or the folder cannot be made.
        """
        if not _RUN_NAME.fullmatch(run):
            raise _fault(run, "the run's name is not a plain name", "运行编号不是普通名称")
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = root.lstat()
            if root.is_symlink() or state.st_mode & 0o022 or state.st_uid != os.geteuid():
                raise _fault(root.name, "the scratch root is not private", "暂存根目录不是私有目录")
            with HeldFolder(root):
                folder = root / run
                folder.mkdir(mode=0o700)
                lock = lock_folder(folder)
                write_owner(folder / OWNER_FILE, this_process(run))
        except FileExistsError:
            raise _fault(run, "a workspace of this run exists already", "该运行的暂存目录已存在") from None
        except OSError as fault:
            raise _fault(run, f"cannot be made ({os.strerror(fault.errno or 0)})", "无法创建暂存目录") from None
        return cls(folder, run, lock)

    @classmethod
    def adopt(cls, abandoned: Abandoned) -> Workspace:
        """Take over an abandoned workspace, in order to purge it.

        Raises:
            StorageError: another process took it first, or it is gone.
        """
        try:
            return cls(abandoned.folder, abandoned.run, lock_folder(abandoned.folder))
        except OSError:
            raise _fault(abandoned.run, "another process holds this workspace", "该暂存目录正被其他进程占用") from None

    def path(self, name: str) -> Path:
        """Return the path of a file in the workspace; folders on the way are made with mode 0700.

        Raises:
            StorageError: the name leads out of the workspace.
        """
        wanted = Path(name)
        if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts:
            raise _fault(self.run, "the name leads out of the workspace", "名称超出暂存目录")
        target = self.folder / wanted
        for folder in reversed(target.relative_to(self.folder).parents[:-1]):
            (self.folder / folder).mkdir(mode=0o700, exist_ok=True)
        return target

    def inventory(self) -> tuple[WorkspaceItem, ...]:
        """List everything in the workspace, contents before folders, at last itself; links are listed, never followed."""
        return tuple(inspect(self.folder, name) for name in (*walk(self.folder), THE_FOLDER))

    def purge(self, inventory_committed: Callable[[tuple[WorkspaceItem, ...]], None]) -> PurgeResult:
        """Destroy everything in the workspace and the workspace itself.

        Each round lists what is there, has the list committed, unlinks exactly what was listed and is unchanged, and looks
        again; what appears or changes meanwhile comes in the next round's list. Verified by trying: the name no longer
        opens, no process that we may look at holds it, no second link is left.

        Args:
            inventory_committed: writes a round's list to the log; when it raises, nothing of the list is deleted.

        Raises:
            whatever ``inventory_committed`` raises; the workspace is then still there and the purge can be run again.
        """
        started, purged, rounds = datetime.now(UTC), list[PurgedItem](), 0
        while rounds < _ROUNDS and os.path.lexists(self.folder):
            items = self.inventory()
            inventory_committed(items)
            done = self._purge_round(items)
            purged += done
            rounds += 1
            if all(item.outcome is Outcome.STILL_THERE for item in done):
                break
        self.close()
        return PurgeResult(_last_of_each(purged), started, datetime.now(UTC), rounds)

    def close(self) -> None:
        """Let go of the lock; the folder stays."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _purge_round(self, items: tuple[WorkspaceItem, ...]) -> list[PurgedItem]:
        # The owner's file goes last, so that a purge that dies in the middle is still found as abandoned.
        ordered = sorted(items, key=lambda item: _LAST.index(item.name) if item.name in _LAST else -1)
        removed = [(item, remove(self.folder, item)) for item in ordered]
        held = held_by_a_process(self.folder, [item.path for item, gone in removed if gone])
        links = Counter(item.inode for item, gone in removed if gone)
        return [PurgedItem(item, Method.UNLINKED, _outcome(item, gone, held, links)) for item, gone in removed]


def abandoned(root: Path) -> tuple[Abandoned, ...]:
    """Find the workspaces under ``root`` whose owner is dead, for destruction at the next start.

    An owner is dead when the machine has been started anew, or when nobody holds the folder's lock and the process is gone
    or its number belongs to another process by now. A process in another container (pid namespace) is judged by the lock.

    Raises:
        StorageError: ``root`` cannot be read.
    """
    if not root.is_dir():
        return ()
    try:
        with HeldFolder(root):
            folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())
            found = [Abandoned(folder, folder.name, read_owner(folder / OWNER_FILE)) for folder in folders]
            return tuple(one for one in found if is_dead(one.owner, one.folder))
    except OSError:
        raise _fault(root.name, "the scratch root cannot be read", "无法读取暂存根目录") from None


def _outcome(item: WorkspaceItem, gone: bool, held: frozenset[str], links: Counter[int]) -> Outcome:
    if not gone:
        return Outcome.STILL_THERE
    if item.path in held:
        return Outcome.OPEN_ELSEWHERE
    if item.kind is ItemKind.FILE and item.links > links[item.inode]:
        return Outcome.ANOTHER_LINK
    return Outcome.GONE


def _last_of_each(purged: list[PurgedItem]) -> tuple[PurgedItem, ...]:
    """Return one result for each thing: what could not be removed in one round and was in the next counts as removed."""
    return tuple({(one.item.name, one.item.inode): one for one in purged}.values())


def _fault(thing: str, en: str, zh: str) -> StorageError:
    return StorageError(
        en,
        zh=zh,
        thing=thing,
        fix_en="give the run a new number and a scratch root that only the service account may enter",
        fix_zh="请使用新的运行编号,并使用仅服务账户可进入的暂存根目录",
    )
