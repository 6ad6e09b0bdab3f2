"""Sealing: from rows in memory to one encrypted, signed ZIP, with no plain byte on a disk in between.

Owns the package while it grows: the ``*.part`` file, the members and their digests, the end by a name or by removal. It must not
know what the rows are nor which library writes them: whoever writes gets a binary file object (``extractor.transfer.pipe``).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from extractor.canonical import digest_bytes
from extractor.keys import SigningKey, parse_recipient
from extractor.manifest import (
    CRATE,
    MANIFEST,
    MEDIA_TYPE,
    SIGNATURE,
    Cover,
    Item,
    Manifest,
    check_name,
    check_names,
    recipient_fingerprint,
)
from extractor.transfer.crate import describe
from extractor.transfer.dsse import sign_envelope
from extractor.transfer.pipe import EncryptedFile, Encryptor, member_info, open_pipe, unwritable
from extractor.transfer.suites import Suite, require_suite

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@dataclass(frozen=True)
class SealedPackage:
    """A finished package: ``digest`` and ``bytes`` are those of the whole file."""

    path: Path
    digest: str
    bytes: int
    manifest: Manifest


class PackageWriter:
    """Writes one package; to be used as a context manager.

    The file grows as ``NAME.part`` (mode 0600) and gets its name only from ``finish``. When the block ends without it, by an
    exception or not, the part is truncated and removed.

    Raises:
        ConfigurationError: the suite is not in this version or the recipient is no key of it.
        StorageError: the package or its part exists already, or the folder cannot be written.
    """

    def __init__(self, path: Path, *, recipient: str, suite: Suite = Suite.AGE) -> None:
        self._suite = require_suite(suite)
        self._recipient = parse_recipient(recipient)
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._items: list[Item] = []
        self._names: list[str] = []
        self._state = "open"
        self._file = _create(path, self._part)
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state != "finished":
            self._discard()

    @contextlib.contextmanager
    def encrypted_file(
        self, name: str, *, media_type: str, rows: int | None = None, columns: int | None = None
    ) -> Iterator[EncryptedFile]:
        """Open one encrypted member and give a binary file to write its plaintext to.

        Args:
            name: path in the package, ending in the suite's suffix (``data/admissions.parquet.age``).
            media_type: media type of the plaintext.
            rows: rows in it, where it is a table; may be set on the file later.
            columns: columns in it; may be set on the file later.

        Raises:
            FormError: the name is not safe, or taken.
            StorageError: encryption or the disk failed, whatever the writing library made of it.
        """
        self._take(name)
        self._state = "broken"  # until the member is whole: nothing can be finished after a failure in between
        reading_end, sink = open_pipe(name, rows=rows, columns=columns)
        encryptor = Encryptor(self._zip, name, reading_end=reading_end, recipient=self._recipient, suite=self._suite)
        encryptor.start()
        try:
            yield sink
        except BaseException:
            encryptor.abandon(sink)
            if encryptor.failure is not None:
                raise encryptor.failure from None
            raise
        encryptor.complete(sink)
        if encryptor.failure is not None:
            raise encryptor.failure from None
        self._items.append(Item(name, media_type, encryptor.bytes, encryptor.digest, sink.rows, sink.columns))
        self._state = "open"

    def finish(self, cover: Cover, *, signer: SigningKey) -> SealedPackage:
        """Write description, manifest and signature, make all of it durable, and give the package its name.

        Raises:
            FormError: a value of the manifest fails its check.
            StorageError: the disk failed, or a file of the name has appeared.
        """
        self._must_be_open()
        self._state = "broken"
        manifest = self._write_clear(cover, signer)
        try:
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            digest, size = _digest_file(self._part)
            _give_name(self._part, self._path)
        except OSError as failure:
            raise unwritable(self._path.name, failure) from None
        self._state = "finished"
        return SealedPackage(self._path, digest, size, manifest)

    def _write_clear(self, cover: Cover, signer: SigningKey) -> Manifest:
        items = tuple(self._items)
        crate = describe(cover, items=items, suite=self._suite.value)
        manifest = Manifest(
            cover=cover,
            suite=self._suite.value,
            recipient_fingerprint=recipient_fingerprint(self._recipient),
            signing_key_id=signer.key_id,
            items=items,
            crate_digest=digest_bytes(crate),
        )
        payload = manifest.to_json()
        envelope = sign_envelope(payload, payload_type=MEDIA_TYPE, signer=signer)
        try:
            for name, content in ((CRATE, crate), (MANIFEST, payload), (SIGNATURE, envelope)):
                self._zip.writestr(member_info(name), content)
        except OSError as failure:
            raise unwritable(self._path.name, failure) from None
        return manifest

    def _take(self, name: str) -> None:
        self._must_be_open()
        check_name(name)
        check_names((*self._names, name), suffix="." + self._suite.value)
        self._names.append(name)

    def _must_be_open(self) -> None:
        if self._state != "open":
            raise RuntimeError(f"package writer is {self._state}: one file at a time, none after a failure or finish")

    def _discard(self) -> None:
        """Take back what was written; the object of the ZIP library is closed on a file that forgets."""
        self._state = "discarded"
        self._file.discarded = True
        with contextlib.suppress(OSError):
            os.truncate(self._part, 0)
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        with contextlib.suppress(OSError):
            self._file.close()


class _PartFile(io.FileIO):
    """The growing file. Once discarded it forgets what is written, so that the ZIP library can close on it."""

    discarded = False

    def write(self, content: ReadableBuffer, /) -> int:
        """Write all of the bytes, which a raw file alone does not promise."""
        view = memoryview(content).cast("B")
        at = 0
        while at < len(view) and not self.discarded:
            at += super().write(view[at:])
        return len(view)


def _create(path: Path, part: Path) -> _PartFile:
    try:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(part, flags, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as failure:
        raise unwritable(path.name, failure) from None
    return _PartFile(descriptor, "r+b")


def _give_name(part: Path, path: Path) -> None:
    """Rename, never over another file, and make the folder's entry durable."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    part.rename(path)
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        # What is reported as failed must not lie there under the name of a good package.
        path.unlink(missing_ok=True)
        raise


def _digest_file(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return "sha256:" + digest.hexdigest(), file.tell()
