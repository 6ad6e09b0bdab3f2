"""Keys on disk: Ed25519 signing keys of people and units, age identities of recipients, the root key of pseudonyms.

Owns their file formats, file permissions and public forms. It must not know what is signed or encrypted with them, nor where
a site keeps them (``extractor.settings``). No secret stands in a ``repr``, a message or an exception.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyrage
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from extractor.errors import ConfigurationError, IntegrityError, StorageError
from extractor.manifest import recipient_fingerprint

_PREFIX = "ed25519:"
_LONGEST_FILE = 64 * 1024
_ROOT_BYTES = 32


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key (RFC 8032): 32 bytes, written ``ed25519:<base64>``."""

    raw: bytes

    @classmethod
    def from_text(cls, text: str, *, thing: str = "public key") -> PublicKey:
        """Read the public form.

        Raises:
            ConfigurationError: it is no such key; the error names ``thing``, not the text.
        """
        try:
            raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        key = cls(raw)
        if len(raw) != 32 or key.text != text:
            raise ConfigurationError(
                "this is no Ed25519 public key",
                zh="不是 Ed25519 公钥",
                thing=thing,
                fix_en="give the key as ed25519:<base64 of 32 bytes>, as keygen prints it",
                fix_zh="请按 keygen 输出的形式给出:ed25519:<32 字节的 base64>",
            )
        return key

    @property
    def text(self) -> str:
        """The public form, ``ed25519:<base64>``."""
        return _PREFIX + base64.b64encode(self.raw).decode("ascii")

    @property
    def key_id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the 32 bytes: a hint which key, never a proof."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Say whether the signature over the message is by this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def verify(self, message: bytes, signature: bytes, *, thing: str = "signature") -> None:
        """Check a signature.

        Raises:
            IntegrityError: the signature is not by this key over this message.
        """
        if not self.accepts(message, signature):
            raise IntegrityError(
                f"the signature is not by key {self.key_id}, or what it signs was changed",
                zh=f"签名不是密钥 {self.key_id} 所签,或被签内容已改动",
                thing=thing,
                fix_en="get the document again from its issuer",
                fix_zh="请向签发单位重新获取",
            )


@dataclass(frozen=True, eq=False)
class SigningKey:
    """An Ed25519 private key in memory; only its public half shows."""

    public: PublicKey
    _private: Ed25519PrivateKey = field(repr=False)

    @property
    def key_id(self) -> str:
        """Identifier of the public half."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Sign a message; the signature has 64 bytes (RFC 8032)."""
        return self._private.sign(message)


@dataclass(frozen=True, eq=False)
class AgeIdentity:
    """An age X25519 identity in memory: the recipient's secret half; only the recipient string shows."""

    recipient: str
    secret: pyrage.x25519.Identity = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the recipient string."""
        return recipient_fingerprint(self.recipient)


@dataclass(frozen=True, eq=False)
class RootKey:
    """The 32 random bytes from which the projects' pseudonym keys are derived."""

    secret: bytes = field(repr=False)


def create_signing_key(path: Path) -> SigningKey:
    """Create an Ed25519 signing key and write it to a new file (PEM, PKCS #8, mode 0600).

    Raises:
        StorageError: the file exists already or cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _create(path, pem)
    return _signing_key(private)


def load_signing_key(path: Path) -> SigningKey:
    """Load a signing key.

    Raises:
        ConfigurationError: no such file, others can read it, or it holds no Ed25519 key.
    """
    content = _load(path)
    try:
        private = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _not_a_key(path, "an Ed25519 signing key (PEM, PKCS #8)", "Ed25519 签名密钥(PEM,PKCS #8)") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise _not_a_key(path, "an Ed25519 signing key (PEM, PKCS #8)", "Ed25519 签名密钥(PEM,PKCS #8)")
    return _signing_key(private)


def create_identity(path: Path) -> AgeIdentity:
    """Create an age identity and write it to a new file as ``age-keygen`` does (mode 0600).

    Raises:
        StorageError: the file exists already or cannot be written.
    """
    secret = pyrage.x25519.Identity.generate()
    recipient = str(secret.to_public())
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _create(path, f"# created: {created}\n# public key: {recipient}\n{secret}\n".encode("ascii"))
    return AgeIdentity(recipient, secret)


def load_identities(path: Path) -> tuple[AgeIdentity, ...]:
    """Load every X25519 identity of an age identity file.

    Raises:
        ConfigurationError: no such file, others can read it, or a line of it is no identity (the line's number is named).
    """
    found: list[AgeIdentity] = []
    for number, line in enumerate(_load(path).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        try:
            secret = pyrage.x25519.Identity.from_str(text.decode("ascii"))
        except (pyrage.IdentityError, UnicodeDecodeError):
            raise _not_a_key(f"{path.name}:{number}", "an age identity", "age 身份密钥") from None
        found.append(AgeIdentity(str(secret.to_public()), secret))
    if not found:
        raise _not_a_key(path, "an age identity", "age 身份密钥")
    return tuple(found)


def parse_recipient(text: str, *, thing: str = "recipient") -> str:
    """Check an age X25519 recipient and return it in its one spelling (lower case).

    Raises:
        ConfigurationError: it is no such key; the error names the field ``thing``.
    """
    try:
        recipient = str(pyrage.x25519.Recipient.from_str(text))
    except (pyrage.RecipientError, ValueError):
        recipient = ""
    if not recipient or recipient != text:
        raise ConfigurationError(
            "this is no age recipient key",
            zh="不是 age 收件人公钥",
            thing=thing,
            fix_en="give the line 'age1…' that keygen printed as public key",
            fix_zh="请填写 keygen 输出的公钥,即以 age1 开头的一行",
        )
    return recipient


def create_root_key(path: Path) -> RootKey:
    """Create a root key of 32 random bytes in a new file (mode 0600).

    Raises:
        StorageError: the file exists already or cannot be written.
    """
    secret = secrets.token_bytes(_ROOT_BYTES)
    _create(path, secret)
    return RootKey(secret)


def load_root_key(path: Path) -> RootKey:
    """Load a root key.

    Raises:
        ConfigurationError: no such file, others can read it, or it has not exactly 32 bytes.
    """
    secret = _load(path)
    if len(secret) != _ROOT_BYTES:
        raise _not_a_key(path, "a root key of 32 bytes", "32 字节的根密钥")
    return RootKey(secret)


def _signing_key(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(PublicKey(private.public_key().public_bytes_raw()), private)


def _create(path: Path, content: bytes) -> None:
    """Write a new file that never had other permissions than 0600; what is half written is taken away again."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        raise _unwritable(path, failure) from None
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
            os.fsync(descriptor)
    except OSError as failure:
        with contextlib.suppress(OSError):
            path.unlink()
        raise _unwritable(path, failure) from None


def _load(path: Path) -> bytes:
    """Read a key file through one descriptor, so that what was checked is what is read."""
    try:
        with path.open("rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > _LONGEST_FILE:
                raise _not_a_key(path, "a key file", "密钥文件")
            if stat.S_IMODE(state.st_mode) & 0o077:
                raise _open_to_others(path)
            return file.readall()
    except OSError as failure:
        raise ConfigurationError(
            f"the key file cannot be read ({failure.strerror or 'I/O error'})",
            zh=f"密钥文件无法读取({failure.strerror or 'I/O error'})",
            thing=path.name,
            fix_en="check the path and the owner of the file",
            fix_zh="请检查路径和文件属主",
        ) from None


def _open_to_others(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "the key file can be read by its group or by others",
        zh="密钥文件可被同组或其他用户读取",
        thing=path.name,
        fix_en=f"chmod 600 {path.name}, and make a new key if somebody may have read it",
        fix_zh=f"请执行 chmod 600 {path.name};如可能已被他人读取,请更换密钥",
    )


def _not_a_key(where: Path | str, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"this is not {en}",
        zh=f"不是{zh}",
        thing=where if isinstance(where, str) else where.name,
        fix_en="give the file that keygen made",
        fix_zh="请使用 keygen 生成的文件",
    )


def _unwritable(path: Path, failure: OSError) -> StorageError:
    return StorageError(
        f"the key file cannot be created ({failure.strerror or 'I/O error'})",
        zh=f"无法创建密钥文件({failure.strerror or 'I/O error'})",
        thing=path.name,
        fix_en="choose a new file name in a folder that you own; an existing key is never overwritten",
        fix_zh="请在自有目录下选择新的文件名;已有密钥不会被覆盖",
    )
