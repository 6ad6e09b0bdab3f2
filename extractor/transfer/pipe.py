"""The way of a byte into a package: writer → pipe (kernel memory, never swapped) → encryptor's thread → ZIP member.

Owns the pipe, the thread and how a failure on either side reaches the caller without a hang. It must not know what a package is
beyond the open ZIP, nor what the bytes are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import select
import threading
import zipfile
from collections import deque
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from extractor.errors import ExtractorError, StorageError
from extractor.transfer.suites import Suite, encrypt_stream

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_READ = 1024 * 1024
_PIPE = 1024 * 1024
_TAIL = 4 * 1024 * 1024
_LOOK_AGAIN_MS = 200
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Members carry no time of their own: the manifest says when the package was made."""


class EncryptedFile(io.RawIOBase):
    """The writing end that a caller gets: what is written is encrypted and never stored.

    ``rows`` and ``columns`` may be set until the ``with`` block ends. Any thread may write; writes keep their order. ``tail``
    is there once the block has ended: the last plain bytes, up to 4 MiB, in memory only, so that a file's footer can be looked
    at before the package is finished.
    """

    tail: bytes = b""

    def __init__(self, writing_end: int, *, name: str, rows: int | None = None, columns: int | None = None) -> None:
        self.name = name
        self.rows = rows
        self.columns = columns
        self._descriptor = writing_end
        self._written = 0
        # A descriptor that one thread closes while another writes could be somebody else's file a moment later.
        self._lock = threading.Lock()

    def writable(self) -> bool:
        """Say that this can be written."""
        return True

    def tell(self) -> int:
        """Return the number of plain bytes written so far, which writers of formats with offsets ask for."""
        return self._written

    def write(self, content: ReadableBuffer, /) -> int:
        """Write all of the bytes.

        Raises:
            StorageError: the encryptor has stopped; the ``with`` block then says why.
        """
        view = memoryview(content).cast("B")
        with self._lock:
            if self.closed:
                raise ValueError("write to a closed file")
            at = 0
            try:
                while at < len(view):
                    at += os.write(self._descriptor, view[at:])
            except OSError as failure:
                raise unwritable(self.name, failure) from None
            self._written += len(view)
        return len(view)

    @contextlib.contextmanager
    def as_system_file(self) -> Iterator[io.FileIO]:
        """Give the writing end as a file of the operating system, for libraries that write without Python's help."""
        with self._lock:
            descriptor = os.dup(self._descriptor)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            yield file

    def close(self) -> None:
        """End the file; the encryptor then writes its last chunk."""
        with self._lock:
            if not self.closed:
                os.close(self._descriptor)
            super().close()


def open_pipe(name: str, *, rows: int | None, columns: int | None) -> tuple[int, EncryptedFile]:
    """Make a pipe; return the descriptor of its reading end and the file of its writing end."""
    reading_end, writing_end = os.pipe2(os.O_CLOEXEC)
    # A bigger pipe means fewer changes of thread; where the system refuses, the usual 64 KiB serves as well.
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(writing_end, fcntl.F_SETPIPE_SZ, _PIPE)
    return reading_end, EncryptedFile(writing_end, name=name, rows=rows, columns=columns)


class Encryptor:
    """The thread that reads the pipe, encrypts, and writes the member; its failure is kept for the caller's thread."""

    def __init__(self, package: zipfile.ZipFile, name: str, *, reading_end: int, recipient: str, suite: Suite) -> None:
        self.failure: StorageError | None = None
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._package, self._name, self._recipient, self._suite = package, name, recipient, suite
        self._reading_end = reading_end
        self._abandoned = False
        self._last: deque[bytes] = deque()
        self._kept = 0
        self._readable = select.poll()
        self._readable.register(reading_end, select.POLLIN | select.POLLHUP)
        self._thread = threading.Thread(target=self._run, name=f"encrypt {name}", daemon=True)

    @property
    def digest(self) -> str:
        """Digest of the ciphertext, once the member is whole."""
        return "sha256:" + self._hash.hexdigest()

    def start(self) -> None:
        """Begin to encrypt in an own thread.

        Raises:
            StorageError: the system gives no more threads.
        """
        try:
            self._thread.start()
        except RuntimeError as failure:
            os.close(self._reading_end)
            raise _stopped(self._name, type(failure).__name__) from None

    def complete(self, sink: EncryptedFile) -> None:
        """End the input and wait for the last byte of the member."""
        sink.close()
        self._thread.join()
        sink.tail = b"".join(self._last)[-_TAIL:]

    def abandon(self, sink: EncryptedFile) -> None:
        """Stop without a last chunk: the end of the input must not look like the end of a whole file."""
        self._abandoned = True
        sink.close()
        self._thread.join()

    def read(self, size: int = -1) -> bytes:
        """Give the encryptor its input."""
        while not self._readable.poll(_LOOK_AGAIN_MS):
            if self._abandoned:
                raise _Abandoned
        content = os.read(self._reading_end, size if size > 0 else _READ)
        if self._abandoned:
            raise _Abandoned
        self._keep(content)
        return content

    def _keep(self, content: bytes) -> None:
        self._last.append(content)
        self._kept += len(content)
        while self._kept - len(self._last[0]) >= _TAIL:
            self._kept -= len(self._last.popleft())

    def _run(self) -> None:
        try:
            with self._package.open(member_info(self._name), "w", force_zip64=True) as member:
                sink = _HashingMember(member, self._hash)
                encrypt_stream(self, sink, recipient=self._recipient, suite=self._suite)
                self.bytes = sink.bytes
        except _Abandoned:
            pass
        except ExtractorError as failure:
            self.failure = StorageError(
                failure.en, zh=failure.zh, thing=self._name, fix_en=failure.fix_en, fix_zh=failure.fix_zh
            )
        except OSError as failure:
            self.failure = unwritable(self._name, failure)
        except BaseException as failure:  # whatever it is, it must not be lost with the thread
            self.failure = _stopped(self._name, type(failure).__name__)
        finally:
            # A writer that waits on a full pipe wakes with a broken pipe instead of waiting for ever.
            os.close(self._reading_end)


class _Abandoned(Exception):  # the caller's failure is the one that is reported
    pass


class _HashingMember:
    def __init__(self, member: IO[bytes], digest: hashlib._Hash) -> None:
        self._member, self._digest, self.bytes = member, digest, 0

    def write(self, content: bytes) -> int:
        self._member.write(content)
        self._digest.update(content)
        self.bytes += len(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: the member is flushed when it is closed."""


def member_info(name: str) -> zipfile.ZipInfo:
    """Return the ZIP entry of a member: stored, mode 0600, without a time."""
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.external_attr = 0o600 << 16
    return info


def unwritable(name: str, failure: OSError) -> StorageError:
    """Return the error of a disk that does not take a package."""
    reason = failure.strerror or "I/O error"
    return StorageError(
        f"the package cannot be written ({reason})",
        zh=f"数据包无法写入({reason})",
        thing=name,
        fix_en="make room, check the folder's owner, remove a leftover .part file, then run again",
        fix_zh="请清理空间、检查目录属主、删除残留的 .part 文件后重新执行",
    )


def _stopped(name: str, kind: str) -> StorageError:
    return StorageError(
        f"encryption stopped ({kind})",
        zh=f"加密中断({kind})",
        thing=name,
        fix_en="run again; report it if it comes back",
        fix_zh="请重新执行;如再次出现请上报",
    )
