"""Opening a package for its recipient: verify, then decrypt into an empty folder.

Owns what appears in the folder and when: final names only for files that are whole and authentic, and nothing at all after a
failure. It must not know what the files mean. The plaintext is the recipient's own, on the recipient's own disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from extractor.errors import IntegrityError, StorageError
from extractor.keys import AgeIdentity, load_identities
from extractor.manifest import MANIFEST, Item, Manifest
from extractor.transfer.suites import decrypt_stream, require_suite
from extractor.transfer.verify import PackageCheck, PackageVerification, opened


@dataclass(frozen=True)
class OpenedPackage:
    """An opened package: ``files`` are the decrypted files in the order of the manifest."""

    folder: Path
    files: tuple[Path, ...]
    manifest: Manifest
    verification: PackageVerification


def open_package(
    path: Path, *, identity: Path, out: Path, trusted: Sequence[str], today: date | None = None
) -> OpenedPackage:
    """Verify a package and decrypt its files into ``out``, with the manifest beside them.

    Args:
        path: the package.
        identity: the recipient's age identity file.
        out: a folder that does not exist or is empty; made with mode 0700.
        trusted: public keys (``ed25519:…``) of the units whose packages are accepted.
        today: the day on which it is opened; the day in Asia/Shanghai where none is given.

    Raises:
        IntegrityError: a step of verification failed, the package is for another recipient, or a file does not decrypt.
        ApprovalError: the term is over.
        ConfigurationError: keys, paths or the suite are not as they must be.
        StorageError: the folder cannot be written, or has files in it.
    """
    identities = load_identities(identity)
    with opened(path, trusted=trusted, today=today) as check:
        verification = check.run()
        if verification.failure is not None:
            raise verification.failure
        own = _own(identities, check.manifest)
        with _empty_folder(out) as staging:
            for item in check.manifest.items:
                decrypt_item(check, item, identity=own, staging=staging)
            _write(staging / MANIFEST, check.payload)
            _publish(staging, out)
        suffix = "." + check.manifest.suite
        files = tuple(out / item.name.removesuffix(suffix) for item in check.manifest.items)
        return OpenedPackage(out, files, check.manifest, verification)


def _own(identities: Sequence[AgeIdentity], manifest: Manifest) -> AgeIdentity:
    for identity in identities:
        if identity.fingerprint == manifest.recipient_fingerprint:
            return identity
    given = ", ".join(identity.fingerprint for identity in identities)
    raise IntegrityError(
        f"this package is for another recipient: {manifest.recipient_fingerprint}; the identity given is {given}",
        zh=f"此数据包的收件人不是您:收件人指纹 {manifest.recipient_fingerprint},所用密钥指纹 {given}",
        thing=manifest.cover.package,
        fix_en="use the identity whose public key the request names",
        fix_zh="请使用申请中登记的公钥所对应的身份密钥",
    )


@contextlib.contextmanager
def _empty_folder(out: Path) -> Iterator[Path]:
    """Make ``out`` and in it a hidden folder to decrypt into; after a failure neither holds anything."""
    made = not out.exists()
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise _taken(out)
        out.chmod(0o700)
        staging = Path(tempfile.mkdtemp(prefix=".opening-", dir=out))
    except OSError as failure:
        raise _unwritable(out, failure) from None
    try:
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                out.rmdir()
        raise
    shutil.rmtree(staging, ignore_errors=True)


def decrypt_item(check: PackageCheck, item: Item, *, identity: AgeIdentity, staging: Path) -> None:
    """Decrypt one item of a verified package into ``staging``, and check that it still is what was verified.

    Raises:
        IntegrityError: it does not decrypt, or was changed since.
        StorageError: the folder cannot be written.
    """
    suite = require_suite(check.manifest.suite)
    target = staging / item.name.removesuffix("." + suite.value)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with check.content(item) as member, _new_file(target) as sink:
            source = _HashedSource(member)
            decrypt_stream(source, sink, identities=(identity,), suite=suite)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as failure:
        raise _unwritable(target, failure) from None
    except IntegrityError as failure:
        raise IntegrityError(
            failure.en, zh=failure.zh, thing=item.name, fix_en=failure.fix_en, fix_zh=failure.fix_zh
        ) from None
    except zipfile.BadZipFile:
        raise _changed(item) from None
    # The file may have been changed in place between the verification and this second reading.
    if source.digest != item.digest:
        raise _changed(item)


def _changed(item: Item) -> IntegrityError:
    return IntegrityError(
        "the file was changed while it was being opened",
        zh="文件在打开过程中被改动",
        thing=item.name,
        fix_en="copy the package to a disk that only you can write, then open it again",
        fix_zh="请将数据包复制到仅本人可写的磁盘后重新打开",
    )


class _HashedSource:
    """Reads a member and hashes what it gives."""

    def __init__(self, member: IO[bytes]) -> None:
        self._member = member
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        content = self._member.read(size)
        self._hash.update(content)
        return content


def _new_file(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _write(path: Path, content: bytes) -> None:
    try:
        with _new_file(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as failure:
        raise _unwritable(path, failure) from None


def _publish(staging: Path, out: Path) -> None:
    """Give everything its final name, at last: all files are whole and authentic now. All get it, or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for entry in sorted(staging.iterdir()):
            entry.rename(out / entry.name)
            done.append((entry, out / entry.name))
    except OSError as failure:
        for hidden, shown in done:
            with contextlib.suppress(OSError):
                shown.rename(hidden)
        raise _unwritable(out, failure) from None


def _taken(out: Path) -> StorageError:
    return StorageError(
        "the folder is not empty",
        zh="目标目录不为空",
        thing=out.name,
        fix_en="give a folder that does not exist yet",
        fix_zh="请指定尚不存在的目录",
    )


def _unwritable(path: Path, failure: OSError) -> StorageError:
    reason = failure.strerror or "I/O error"
    return StorageError(
        f"the file or folder cannot be written ({reason})",
        zh=f"文件或目录无法写入({reason})",
        thing=path.name,
        fix_en="make room or choose another folder, then open the package again",
        fix_zh="请清理空间或更换目录后重新打开",
    )
