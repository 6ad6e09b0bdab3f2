"""The archive of a backup: named files as one tar stream inside one age file, to one or more recipients, and back.

Owns the stream in both directions: it is made while it is encrypted and taken apart while it is decrypted, so that no archive in the
clear ever lies on a disk. It must not know what an installation is: names, open files and a folder are given.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import pyrage

from extractor.canonical import digest_bytes
from extractor.errors import ExtractorError, IntegrityError, StorageError
from extractor.keys import AgeIdentity, parse_recipient
from extractor.transfer.suites import Suite, decrypt_stream

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class BackedUp:
    """One file of an archive: its name below the home folder, its size and SHA-256."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True)
class Member:
    """A file that goes into an archive; ``open`` gives it anew, read from its beginning."""

    name: str
    open: Callable[[], IO[bytes]]


def write_archive(
    part: Path, members: Sequence[Member], last: Callable[[tuple[BackedUp, ...]], Member], *, recipients: Sequence[str]
) -> tuple[BackedUp, ...]:
    """Write an encrypted archive to a new file and return what is in it; ``last`` makes the list of it, which goes in last.

    Raises:
        ConfigurationError: a recipient is no age key.
        StorageError: a file cannot be read or changed while it was read, or the archive cannot be written; no part is left.
    """
    to = [pyrage.x25519.Recipient.from_str(parse_recipient(each, thing="--to")) for each in recipients]
    source = _TarStream(members, last)
    try:
        with _new_file(part) as sink:
            try:
                pyrage.encrypt_io(io.BufferedReader(source, _CHUNK), sink, to)
            except (pyrage.EncryptError, OSError):
                raise source.failure or _stopped(part.name, "encryption stopped", "加密中断") from None
            sink.flush()
            os.fsync(sink.fileno())
    except BaseException as failure:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            reason = failure.strerror or "I/O error"
            raise _stopped(part.name, f"reading or writing failed ({reason})", f"读写失败({reason})") from None
        raise
    return tuple(source.written)


def read_archive(archive: Path, folder: Path, *, identities: Sequence[AgeIdentity]) -> tuple[BackedUp, ...]:
    """Decrypt an archive into a folder and return what was in it, with the digests as found.

    The folder is to be thrown away when this raises: an archive that was cut is known as such only at its end.

    Raises:
        IntegrityError: it is for another recipient, was cut or changed, or holds anything but plain files below the folder.
        StorageError: the archive cannot be read, or the folder not be written.
    """
    reading_end, writing_end = os.pipe2(os.O_CLOEXEC)
    decryptor = _Decryptor(archive, writing_end, identities)
    decryptor.start()
    try:
        with os.fdopen(reading_end, "rb") as stream:
            found = _unpacked(stream, folder)
            while stream.read(_CHUNK):  # To the last byte, for only there it is known to be whole.
                pass
    except (tarfile.TarError, EOFError, ValueError):
        decryptor.join()
        raise decryptor.failure or _bad(archive.name) from None
    except OSError as failure:
        decryptor.join()
        reason = failure.strerror or "I/O error"
        raise decryptor.failure or _stopped(archive.name, f"cannot write ({reason})", f"无法写入({reason})") from None
    decryptor.join()
    if decryptor.failure is not None:
        raise decryptor.failure
    return found


class _TarStream(io.RawIOBase):
    """A tar made while it is read. Each member has the length that was announced for it, or reading fails."""

    def __init__(self, members: Sequence[Member], last: Callable[[tuple[BackedUp, ...]], Member]) -> None:
        self.written: list[BackedUp] = []
        self.failure: ExtractorError | None = None
        self._blocks = self._all(members, last)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the type stub's own Protocol is private
        """Fill the buffer with what comes next."""
        while not self._left:
            try:
                self._left = memoryview(next(self._blocks))
            except StopIteration:
                return 0
            except ExtractorError as failure:
                self.failure = failure
                raise OSError from None
            except OSError as failure:
                reason = failure.strerror or "I/O error"
                self.failure = _stopped("backup", f"a file cannot be read ({reason})", f"无法读取文件({reason})")
                raise
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _all(self, members: Sequence[Member], last: Callable[[tuple[BackedUp, ...]], Member]) -> Iterator[bytes]:
        for member in members:
            yield from self._one(member)
        yield from self._one(last(tuple(self.written)))
        yield bytes(2 * _BLOCK)

    def _one(self, member: Member) -> Iterator[bytes]:
        with member.open() as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            header = tarfile.TarInfo(member.name)
            header.size, header.mode = size, 0o600
            yield header.tobuf(tarfile.PAX_FORMAT)
            hashed, count = hashlib.sha256(), 0
            while content := file.read(min(_CHUNK, size - count) or 1):
                hashed.update(content)
                count += len(content)
                if count > size:
                    break
                yield content
        if count != size:
            raise _stopped(member.name, "the file changed while it was backed up", "文件在备份期间发生变化")
        self.written.append(BackedUp(member.name, size, "sha256:" + hashed.hexdigest()))
        yield bytes(-size % _BLOCK)


class _Decryptor(threading.Thread):
    """Decrypts into a pipe; its failure is kept for the caller, to whom the stream only seems to end too soon."""

    def __init__(self, archive: Path, writing_end: int, identities: Sequence[AgeIdentity]) -> None:
        super().__init__(name="decrypt backup", daemon=True)
        self.failure: ExtractorError | None = None
        self._archive, self._writing_end, self._identities = archive, writing_end, identities

    def run(self) -> None:
        """Decrypt the whole archive, or keep the reason why not."""
        try:
            with os.fdopen(self._writing_end, "wb") as sink, self._archive.open("rb") as source:
                decrypt_stream(source, sink, identities=self._identities, suite=Suite.AGE)
        except IntegrityError:
            self.failure = _bad(self._archive.name)
        except ExtractorError as failure:
            self.failure = failure
        except BrokenPipeError:
            self.failure = None  # The caller stopped reading, and says why.
        except OSError as failure:
            reason = failure.strerror or "I/O error"
            self.failure = _stopped(self._archive.name, f"cannot be read ({reason})", f"无法读取({reason})")


def _unpacked(stream: IO[bytes], folder: Path) -> tuple[BackedUp, ...]:
    found: list[BackedUp] = []
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            name = PurePosixPath(entry.name)
            if not entry.isreg() or name.is_absolute() or ".." in name.parts or not name.parts:
                raise tarfile.ReadError("not a plain file below the folder")
            target = folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = tar.extractfile(entry)
            assert content is not None
            found.append(_copied(content, target, entry))
    return tuple(found)


def _copied(content: IO[bytes], target: Path, entry: tarfile.TarInfo) -> BackedUp:
    hashed = hashlib.sha256()
    with _new_file(target) as file:
        while block := content.read(_CHUNK):
            hashed.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return BackedUp(entry.name, entry.size, "sha256:" + hashed.hexdigest())


def digest_of_file(path: Path) -> tuple[str, int]:
    """Return SHA-256 and size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return "sha256:" + digest.hexdigest(), file.tell()


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading, as members are opened."""
    return path.open("rb")


def in_memory(name: str, content: bytes) -> Member:
    """Return a member whose content is in memory."""
    return Member(name, lambda: io.BytesIO(content))


def digest_of_list(items: Sequence[BackedUp]) -> str:
    """Return one digest over names, sizes and digests, in the order of the names."""
    ordered = sorted(items, key=lambda item: item.name)
    return digest_bytes("".join(f"{i.name}\n{i.bytes}\n{i.digest}\n" for i in ordered).encode())


def _new_file(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _bad(name: str) -> IntegrityError:
    return IntegrityError(
        "the archive does not open: it is for another recipient, was changed, or was cut short; nothing was restored",
        zh="备份无法打开:收件人不符、内容被改动或不完整;未恢复任何内容",
        thing=name,
        fix_en="give the identity of one of its recipients, or take another copy of the backup",
        fix_zh="请使用备份收件人的身份密钥,或改用备份的另一副本",
    )


def _stopped(name: str, en: str, zh: str) -> StorageError:
    return StorageError(
        en, zh=zh, thing=name, fix_en="make room or choose another place, then do it again",
        fix_zh="请清理空间或更换位置后重新执行",
    )  # fmt: skip
