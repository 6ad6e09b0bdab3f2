"""Restore of an installation from a backup, its verification, and the drill that shows that a backup can be relied on.

Owns every check after a restore: the signed list, each digest, the log, each package. 榕政综〔2017〕122号 art. 25, 渝卫发〔2019〕67号
art. 20, 省政府令第335号 art. 18. It must not know what belongs to a backup (``backups``).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyrage

from extractor.decode import from_json
from extractor.errors import ApprovalError, IntegrityError, StorageError
from extractor.keys import AgeIdentity, PublicKey, load_signing_key
from extractor.log.entries import Verb
from extractor.log.verification import LogVerification, verify
from extractor.policy_words import PracticeKind
from extractor.settings import Home
from extractor.transfer.dsse import verify_envelope
from extractor.transfer.verify import inspect_package
from extractor.workflow.backup_archive import BackedUp, digest_of_file, read_archive
from extractor.workflow.backups import LIST, MEDIA_TYPE, BackupList, Wanted, already_there, back_up, unwritable
from extractor.workflow.grounds import cited_facts
from extractor.workflow.office import Actor, Office

_DRILL = ".drill"
Opener = Callable[[Path], Office]


@dataclass(frozen=True)
class Restored:
    """What was verified after a restore. ``signer`` is the public key of the unit that made the backup."""

    home: str
    unit: str
    signer: str
    made: datetime
    files: int
    bytes: int
    log_entries: int
    log_root: str
    packages: int
    seconds: float


def restore(
    archive: Path, home: Path, *, identities: Sequence[AgeIdentity], open_home: Opener, trusted: str | None = None
) -> Restored:
    """Restore a backup into a new folder, verify all of it, and log the restore there; nothing stays of one that fails.

    Args:
        archive: the backup.
        home: the folder, which does not exist yet.
        identities: age identities, of which one is a recipient's.
        open_home: opens a home folder as an installation.
        trusted: public key of the unit whose backup is accepted; without it the key in the backup, which the result names.

    Raises:
        IntegrityError: wrong identity, an archive that was cut or changed, a file, log or package that does not verify.
        StorageError: the folder exists or cannot be written.
    """
    if os.path.lexists(home):
        raise already_there(home.name)
    begun, staging = time.monotonic(), home.with_name(f".{home.name}.restoring")
    try:
        staging.mkdir(mode=0o700, parents=True)
    except OSError as failure:
        raise unwritable(staging.name, failure) from None
    try:
        found = read_archive(archive, staging, identities=identities)
        listed, signer = _checked_list(staging, found, trusted)
        log, packages = _verified(staging, open_home, listed, archive)
        staging.rename(home)
    except OSError as failure:
        raise unwritable(home.name, failure) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    size, seconds = sum(item.bytes for item in listed.items), round(time.monotonic() - begun, 3)
    figures = (len(listed.items), size, log.size, log.root.hex(), packages, seconds)
    return Restored(str(home), listed.unit, signer.text, listed.made, *figures)


def drill(office: Office, *, open_home: Opener, who: Actor | None = None) -> Restored:
    """Back up, restore into a temporary folder with a key made for it, verify everything, and log the figures.

    Raises:
        StorageError: another drill is under way, or there is no room for a second installation.
        IntegrityError: what was restored does not verify: the installation has no backup that can be relied on.
    """
    secret = pyrage.x25519.Identity.generate()
    own = AgeIdentity(str(secret.to_public()), secret)
    with _drill_folder(office.home) as folder:
        made = back_up(office, folder / "backup.age", Wanted((own.recipient,)), who=who, reason="drill")
        found = restore(
            folder / "backup.age", folder / "home", identities=(own,), open_home=open_home,
            trusted=office.unit_key.public.text,
        )  # fmt: skip
    with office.store.transaction() as tx:
        said = f"drill; files {found.files}; log {found.log_entries}; packages {found.packages}; {found.seconds:.1f} s"
        facts = cited_facts(office.policies_here.practice(PracticeKind.BACKUP_RESTORED))
        person = who.person if who else None
        office.log(
            tx, Verb.RESTORE, person, object=made.number, object_digest=made.archive_digest, bytes=found.bytes,
            reason=said, **facts,
        )  # fmt: skip
    return found


def _checked_list(folder: Path, found: tuple[BackedUp, ...], trusted: str | None) -> tuple[BackupList, PublicKey]:
    """Check who signed the list, and that what was in the archive is what it lists: nothing more, less or changed."""
    home = Home(folder)
    path = folder / LIST
    if not path.is_file() or not (home.keys / "unit.pem").is_file():
        raise _not_whole("backup", "there is no signed list in it", "其中没有签名清单")
    key = PublicKey.from_text(trusted, thing="--trust") if trusted else load_signing_key(home.keys / "unit.pem").public
    payload, signer = verify_envelope(path.read_bytes(), payload_type=MEDIA_TYPE, trusted=(key,))
    listed = from_json(BackupList, json.loads(payload))
    path.unlink()
    wanted, given = set(listed.items), {item for item in found if item.name != LIST}
    if wanted != given or len(found) != len(listed.items) + 1:
        names = sorted({item.name for item in wanted ^ given})[:3]
        raise _not_whole(", ".join(names) or "backup", "the files are not those that the list names", "文件与清单不符")
    return listed, signer


def _verified(folder: Path, open_home: Opener, listed: BackupList, archive: Path) -> tuple[LogVerification, int]:
    """Open what was restored as an installation, verify its log and its packages, and log the restore in it."""
    office = open_home(folder)
    home = office.home
    with contextlib.closing(office.store):
        log = verify(office.store, office.log_signer.verifier)
        if (log.size, log.root.hex()) != (listed.log_size, listed.log_root):
            raise _not_whole("log", "the log is not as long as when the backup was made", "日志与备份时不符")
        packages = sorted(home.packages.glob("*.zip"))
        for package in packages:
            _check_package(office, package)
        for missing in (home.people, home.catalogues, home.scratch, home.packages, home.records):
            missing.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not Path(office.settings.data).is_absolute():
            (home.root / office.settings.data).mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = digest_of_file(archive)
        with office.store.transaction() as tx:
            facts = cited_facts(office.policies_here.practice(PracticeKind.BACKUP_RESTORED))
            said = f"files {len(listed.items)}; log {log.size}; packages {len(packages)}"
            office.log(tx, Verb.RESTORE, None, object="backup", object_digest=digest, bytes=size, reason=said, **facts)
    return log, len(packages)


def _check_package(office: Office, package: Path) -> None:
    """Verify a package; one whose term is over is as authentic as it was."""
    failure = inspect_package(package, trusted=(office.unit_key.public.text,), today=office.today).failure
    if failure is not None and not isinstance(failure, ApprovalError):
        raise failure


@contextlib.contextmanager
def _drill_folder(home: Home) -> Iterator[Path]:
    """Give a private folder in the home for one drill at a time; what a drill that was killed left in it goes first."""
    folder = home.root / _DRILL
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StorageError(
            "another drill is under way",
            zh="另一次演练正在进行",
            thing=_DRILL,
            fix_en="wait for it",
            fix_zh="请等待其结束",
        ) from None
    try:
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _not_whole(thing: str, en: str, zh: str) -> IntegrityError:
    return IntegrityError(
        f"{en}; nothing was restored", zh=f"{zh};未恢复任何内容", thing=thing,
        fix_en="take another copy of the backup, and keep this one as evidence",
        fix_zh="请改用备份的另一副本,并留存本副本备查",
    )  # fmt: skip
