"""Cipher suites: a stream of plaintext to a stream of ciphertext for one recipient, and back.

Owns which suites there are and how each streams, in bounded memory and with nothing on disk. It must not know what a package
is. ``age`` is the age-encryption.org v1 format (X25519, ChaCha20-Poly1305 in 64 KiB chunks), so that plain ``age -d`` opens
what is sealed here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import pyrage

from extractor.errors import ConfigurationError, IntegrityError, StorageError
from extractor.keys import AgeIdentity, parse_recipient

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ = 1024 * 1024


class Suite(StrEnum):
    """The suites a package may name. ``gm`` (SM2, SM3, SM4) is named in the format but not in this version."""

    AGE = "age"
    GM = "gm"


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, content: bytes, /) -> int:
        """Take all of the bytes and return their number."""

    def flush(self) -> None:
        """Pass on what is held back."""


def require_suite(name: str) -> Suite:
    """Return the suite of that name, if this version has it.

    Raises:
        ConfigurationError: no such suite, or ``gm``, which this version has not.
    """
    if name == Suite.AGE:
        return Suite.AGE
    gm = name == Suite.GM
    raise ConfigurationError(
        "this version has no gm (国密) suite" if gm else "there is no such cipher suite",
        zh="本版本尚无国密(gm)套件" if gm else "没有这种密码套件",
        thing="suite",
        fix_en="use the suite 'age'",
        fix_zh="请使用 age 套件",
    )


def encrypt_stream(source: Source, sink: Sink, *, recipient: str, suite: Suite) -> None:
    """Encrypt everything that ``source`` gives into ``sink``.

    Raises:
        ConfigurationError: the suite is not in this version, or the recipient is no key of it.
        StorageError: reading or writing failed; where it was an ``ExtractorError`` of the caller's own streams, that one.
    """
    require_suite(suite)
    public = pyrage.x25519.Recipient.from_str(parse_recipient(recipient))
    watched_source, watched_sink = _WatchedSource(source), _WatchedSink(sink)
    try:
        # The Rust side asks for 8 KiB at a time; the buffer answers that without a step in Python.
        pyrage.encrypt_io(io.BufferedReader(watched_source, _READ), watched_sink, [public])
    except (pyrage.EncryptError, OSError):
        _raise_own(watched_source.failure or watched_sink.failure)
        raise _stopped("encryption stopped", "加密中断") from None


def decrypt_stream(source: Source, sink: Sink, *, identities: Sequence[AgeIdentity], suite: Suite) -> None:
    """Decrypt everything that ``source`` gives into ``sink``; each chunk is authentic before it is written.

    A stream that was cut short is known only at its end: what was written until then is to be thrown away when this raises.

    Raises:
        ConfigurationError: the suite is not in this version.
        IntegrityError: the ciphertext is not for these identities, was changed, or was cut short.
        StorageError: reading or writing failed.
    """
    require_suite(suite)
    watched_source, watched_sink = _WatchedSource(source), _WatchedSink(sink)
    try:
        buffered = io.BufferedReader(watched_source, _READ)
        pyrage.decrypt_io(buffered, watched_sink, [identity.secret for identity in identities])
    except (pyrage.DecryptError, OSError):
        _raise_own(watched_source.failure or watched_sink.failure)
        raise IntegrityError(
            "the file does not decrypt: it is for another recipient, was changed, or was cut short",
            zh="文件无法解密:收件人不符、内容被改动或不完整",
            fix_en="get the package again from its issuer, or use the identity that the request names",
            fix_zh="请向签发单位重新获取,或使用申请中登记的身份密钥",
        ) from None


class _WatchedSource(io.RawIOBase):
    """Passes reads through and keeps the failure of the stream, which the Rust side reports only as text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.failure: Exception | None = None

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as one read of the stream does."""
        view = memoryview(buffer)
        try:
            content = self._source.read(len(view))
        except Exception as failure:
            self.failure = failure
            raise
        view[: len(content)] = content
        return len(content)


class _WatchedSink:
    """Passes writes through and keeps the failure of the stream."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.failure: Exception | None = None

    def write(self, content: bytes) -> int:
        try:
            return self._sink.write(content)
        except Exception as failure:
            self.failure = failure
            raise

    def flush(self) -> None:
        self._sink.flush()


def _raise_own(failure: Exception | None) -> None:
    """Raise the caller's own failure as a StorageError when it is of the operating system, as it is otherwise."""
    if isinstance(failure, OSError):
        reason = failure.strerror or "I/O error"
        raise _stopped(f"reading or writing failed ({reason})", f"读写失败({reason})") from None
    if failure is not None:
        raise failure


def _stopped(en: str, zh: str) -> StorageError:
    return StorageError(
        en, zh=zh, fix_en="make room or repair the disk, then run again", fix_zh="请清理或修复磁盘后重新执行"
    )
