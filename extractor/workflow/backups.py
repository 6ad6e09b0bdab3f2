"""Backup of an installation: what belongs to it, one state of the store, and the signed list that goes with it.

Owns the choice of files (store, keys, settings, catalogues, packages, records; never a source table) and the record of a backup.
Fuzhou 榕政综〔2017〕122号 art. 25, Chongqing 渝卫发〔2019〕67号 art. 20, Shandong 省政府令第335号 art. 18. It must not know how an
archive is written (``backup_archive``) nor how it is restored (``restores``).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO

import extractor
from extractor.canonical import canonical_bytes
from extractor.errors import ConfigurationError, StorageError
from extractor.log.checkpoint import Checkpoint, open_checkpoint
from extractor.log.entries import Verb
from extractor.log.verification import verify
from extractor.manifest import recipient_fingerprint
from extractor.policy_words import PracticeKind
from extractor.requests import Role
from extractor.settings import Home
from extractor.transfer.dsse import sign_envelope
from extractor.workflow.backup_archive import (
    BackedUp,
    Member,
    digest_of_file,
    digest_of_list,
    in_memory,
    open_binary,
    write_archive,
)
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.office import Actor, Office

LIST = "backup.dsse.json"
MEDIA_TYPE = "application/vnd.extractor.backup+json"


@dataclass(frozen=True)
class BackupList:
    """What is in a backup, signed by the unit: its files, and how long the log was and with which root when it was made."""

    unit: str
    version: str
    made: datetime
    log_size: int
    log_root: str
    people_keys: bool
    items: tuple[BackedUp, ...]


@dataclass(frozen=True)
class Backup:
    """One backup as the store keeps it: the archive by digest and size, its recipients by fingerprint, what was in it."""

    number: str
    archive_digest: str
    archive_bytes: int
    recipients: tuple[str, ...]
    files: int
    files_digest: str
    log_size: int
    people_keys: bool


@dataclass(frozen=True)
class Wanted:
    """What a backup shall be: to which age recipients, and whether with the signing keys of people on this machine."""

    recipients: tuple[str, ...]
    people_keys: bool = False


def back_up(office: Office, out: Path, wanted: Wanted, *, who: Actor | None = None, reason: str = "") -> Backup:
    """Write an encrypted backup of the installation to a new file, and log it.

    Raises:
        ConfigurationError: a recipient is no age key, or none is named.
        ApprovalError: the person is not of the technical service unit.
        StorageError: the file exists or cannot be written; then there is no file, and the log says nothing.
        IntegrityError: the log is not as it was signed, so there is nothing worth keeping.
    """
    with office.refusals_logged(who.person, Verb.BACK_UP, "backup") if who else contextlib.nullcontext():
        _check_wanted(office, out, wanted, who)
        part = out.with_name(out.name + ".part")
        with _snapshot(office) as (store, log):
            members = (Member("store.sqlite3", store), *_files(office.home, people_keys=wanted.people_keys))

            def listed(items: tuple[BackedUp, ...]) -> Member:
                unit, keys = office.settings.unit, wanted.people_keys
                what = BackupList(unit, extractor.__version__, office.now, log.size, log.root.hex(), keys, items)
                body = sign_envelope(canonical_bytes(what), payload_type=MEDIA_TYPE, signer=office.unit_key)
                return in_memory(LIST, body)

            items = write_archive(part, members, listed, recipients=wanted.recipients)[:-1]
        try:
            return _recorded(office, (part, out), (items, log.size, wanted), who=who, reason=reason)
        finally:
            part.unlink(missing_ok=True)


def _check_wanted(office: Office, out: Path, wanted: Wanted, who: Actor | None) -> None:
    if who is not None:
        with office.store.reading() as tx:
            acting(office, tx, who, roles=(Role.TECHNICAL_SERVICE_UNIT,), thing="backup")
    if not wanted.recipients:
        raise ConfigurationError(
            "a backup needs a recipient, or nobody could open it", zh="备份须指定收件人,否则无人可以打开", thing="--to",
            fix_en="name an age recipient with --to; its identity is kept elsewhere",
            fix_zh="请用 --to 指定 age 收件人,其私钥另行保管",
        )  # fmt: skip
    if os.path.lexists(out):
        raise already_there(out.name)
    verify(office.store, office.log_signer.verifier)


def _recorded(
    office: Office,
    files: tuple[Path, Path],
    made: tuple[tuple[BackedUp, ...], int, Wanted],
    *,
    who: Actor | None,
    reason: str,
) -> Backup:
    (part, out), (items, log_size, wanted) = files, made
    prints = tuple(recipient_fingerprint(each) for each in wanted.recipients)
    try:
        digest, size = digest_of_file(part)
        with office.store.transaction() as tx:
            backup = Backup(
                tx.next_number("BU", office.today.year), digest, size, prints, len(items), digest_of_list(items), log_size,
                wanted.people_keys,
            )  # fmt: skip
            tx.put("backup", backup.number, backup)
            said = "; ".join(filter(None, (reason, f"files {len(items)}", f"log {log_size}")))
            facts = cited_facts(office.policies_here.practice(PracticeKind.BACKUP_RESTORED))
            person = who.person if who else None
            office.log(
                tx, Verb.BACK_UP, person, object=backup.number, object_digest=digest, bytes=size, reason=said, **facts
            )
            part.rename(out)
    except OSError as failure:
        raise unwritable(out.name, failure) from None
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return backup


@contextlib.contextmanager
def _snapshot(office: Office) -> Iterator[tuple[Callable[[], IO[bytes]], Checkpoint]]:
    """Give one state of the store, whatever others write meanwhile, and the head of the log in it.

    The copy lies beside the store, readable by the same account only, and loses its name before anything is in it: when this
    process ends, however it ends, the copy is gone.
    """
    path = office.home.root / f".store-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        copy = sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(copy), contextlib.closing(_read_only(office)) as source:
            copy.execute("PRAGMA journal_mode=OFF").fetchall()
            path.unlink()
            source.execute("BEGIN")
            rows = source.execute("SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1").fetchall()
            source.backup(copy)
        yield lambda: os.fdopen(os.dup(descriptor), "rb"), open_checkpoint(str(rows[0][0]), office.log_signer.verifier)
    except sqlite3.Error as failure:
        raise StorageError(
            f"the store cannot be copied ({type(failure).__name__})", zh="无法复制数据库", thing=office.home.store.name,
            fix_en="free space on the disk of the home folder, then do it again", fix_zh="请清理主目录所在磁盘后重新办理",
        ) from None  # fmt: skip
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _read_only(office: Office) -> sqlite3.Connection:
    return sqlite3.connect(f"{office.home.store.as_uri()}?mode=ro", uri=True, isolation_level=None)


def _files(home: Home, *, people_keys: bool) -> Iterator[Member]:
    """Name every file of an installation but its store; the folder of runs and the sources are not part of it."""
    folders = (home.keys, home.catalogues, home.packages, home.records)
    paths = [home.settings, *(path for folder in folders for path in sorted(folder.rglob("*")))]
    for path in paths:
        own = people_keys or home.people not in path.parents
        if path.is_file() and not path.is_symlink() and path.suffix != ".part" and own:
            yield Member(path.relative_to(home.root).as_posix(), partial(open_binary, path))


def already_there(name: str) -> StorageError:
    """Return the error of a backup or restore that would write over something."""
    return StorageError(
        "it exists already", zh="已存在", thing=name,
        fix_en="name a file or folder that does not exist yet", fix_zh="请指定尚不存在的文件或目录",
    )  # fmt: skip


def unwritable(name: str, failure: OSError) -> StorageError:
    """Return the error of a disk that does not take a backup or what is restored."""
    reason = failure.strerror or "I/O error"
    return StorageError(
        f"it cannot be written ({reason})", zh=f"无法写入({reason})", thing=name,
        fix_en="make room or choose another place", fix_zh="请清理空间或更换位置",
    )  # fmt: skip
