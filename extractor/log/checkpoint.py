"""Checkpoints: the signed head of the tree, as C2SP ``tlog-checkpoint`` and ``signed-note`` write it, with Ed25519.

Owns keys as text, signing, strict parsing and verification. It must not know where checkpoints are kept. A checkpoint that a
witness keeps elsewhere is what shows that a database was cut or rolled back.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from extractor.errors import ConfigurationError, IntegrityError

_ED25519 = b"\x01"
_DASH = "\u2014 "
_MAX_SIGNATURES = 64
_MAX_NOTE = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose log it is, its number of leaves, its root, and lines that others may add."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any(_has_control(line) for line in lines):
            raise ValueError("origin and extension lines are single lines that are not empty")
        if self.size < 0 or len(self.root) != 32:
            raise ValueError("a size is not negative and a root has 32 bytes")

    @property
    def text(self) -> str:
        """The note's text, which is what is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Verifier:
    """A log's public key and name; as text ``name+hash+base64``."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32:
            raise ValueError("an Ed25519 public key has 32 bytes")

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read a verifier key, ``name+hash+base64(0x01 || public key)``.

        Raises:
            ConfigurationError: the text is no such key.
        """
        parts = text.strip().split("+", 2)
        key = _decoded(parts[2]) if len(parts) == 3 else None
        if key is None or len(key) != 33 or key[:1] != _ED25519 or not _is_name(parts[0]):
            raise _bad_key("verifier key", "验证公钥")
        verifier = cls(parts[0], key[1:])
        if verifier.key_id.hex() != parts[1]:
            raise _bad_key("verifier key", "验证公钥")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The four bytes that say which key signed: SHA-256(name || 0x0A || 0x01 || public key)[:4]."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    def verifies(self, signature: bytes, text: str) -> bool:
        """Say whether the signature over the text is by this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A log's private key and name; as text ``PRIVATE+KEY+name+hash+base64``. The key never shows in a repr."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.seed) != 32:
            raise ValueError("an Ed25519 seed has 32 bytes")

    @classmethod
    def generate(cls, name: str) -> Signer:
        """Draw a new key for the log of this name."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read a signer key, ``PRIVATE+KEY+name+hash+base64(0x01 || seed)``.

        Raises:
            ConfigurationError: the text is no such key; the message does not quote it.
        """
        parts = text.strip().split("+", 4)
        key = _decoded(parts[4]) if len(parts) == 5 and parts[:2] == ["PRIVATE", "KEY"] else None
        if key is None or len(key) != 33 or key[:1] != _ED25519 or not _is_name(parts[2]):
            raise _bad_key("signer key", "签名私钥")
        signer = cls(parts[2], key[1:])
        if signer.verifier.key_id.hex() != parts[3]:
            raise _bad_key("signer key", "签名私钥")
        return signer

    @property
    def verifier(self) -> Verifier:
        """The public half, which may be given to everybody."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def secret_text(self) -> str:
        """Return the key as text, to be kept as a secret."""
        encoded = base64.b64encode(_ED25519 + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the checkpoint as a signed note of one signature line."""
        signature = self.verifier.key_id + self._key().sign(checkpoint.text.encode())
        return f"{checkpoint.text}\n{_DASH}{self.name} {base64.b64encode(signature).decode()}\n"

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def open_checkpoint(note: str | bytes, verifier: Verifier) -> Checkpoint:
    """Verify a signed note and return the checkpoint in it.

    The steps: 1. the note is well formed; 2. a signature names the log's key; 3. every such signature verifies (those of
    unknown keys, such as a witness, are passed over); 4. the text is a checkpoint; 5. its origin is the log's name.

    Raises:
        IntegrityError: one of the steps fails.
    """
    text, signatures = _split_note(_as_text(note))
    ours = [s for name, key_id, s in signatures if (name, key_id) == (verifier.name, verifier.key_id)]
    if not ours:
        raise _rejected("no signature is by the log's key", "没有该日志密钥的签名")
    if not all(verifier.verifies(signature, text) for signature in ours):
        raise _rejected("the signature does not verify", "签名核验失败")
    checkpoint = _parse_text(text)
    if checkpoint.origin != verifier.name:
        raise _rejected("the checkpoint is of another log", "检查点属于另一日志")
    return checkpoint


def _as_text(note: str | bytes) -> str:
    try:
        text = note.decode() if isinstance(note, bytes) else note
        text.encode()
    except UnicodeError:
        raise _rejected("the note is not UTF-8", "不是 UTF-8 文本") from None
    if len(text) > _MAX_NOTE or _has_control(text.replace("\n", "")):
        raise _rejected("the note is too long or holds control characters", "过长或含控制字符")
    return text


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    head, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or not head or lines[-1] != "" or not 2 <= len(lines) <= _MAX_SIGNATURES + 1:
        raise _rejected("the note has no text or no signature lines", "缺少正文或签名行")
    return head + "\n", [_signature(line) for line in lines[:-1]]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    content = _decoded(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or content is None or len(content) < 5:
        raise _rejected("a signature line is malformed", "签名行格式错误")
    return name, content[:4], content[4:]


def _parse_text(text: str) -> Checkpoint:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise _rejected("the checkpoint has too few lines or an empty one", "检查点行数不足或有空行")
    origin, size, encoded, *extensions = lines
    root = _decoded(encoded)
    plain = size.isascii() and size.isdecimal() and len(size) <= 19 and (size == "0" or size[0] != "0")
    if not plain or root is None or len(root) != 32:
        raise _rejected("the checkpoint's size or root is malformed", "检查点的大小或根格式错误")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def _decoded(encoded: str) -> bytes | None:
    """Return the bytes of standard base64, or None; one value has one spelling only."""
    try:
        content = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return content if base64.b64encode(content).decode() == encoded else None


def _has_control(text: str) -> bool:
    return any(character < " " for character in text)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise ConfigurationError(
            "a log's name is not empty and has neither spaces nor a plus sign",
            zh="日志名称不得为空,且不得含空格或加号",
            thing="log name",
            fix_en="choose a name such as `data.example.org/extraction-log`",
            fix_zh="请用如 `data.example.org/extraction-log` 的名称",
        )


def _bad_key(en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"this is no {en} of a log",
        zh=f"不是日志的{zh}",
        thing=en,
        fix_en="give the whole text as it was made, on one line",
        fix_zh="请完整提供生成时的整行文本",
    )


def _rejected(en: str, zh: str) -> IntegrityError:
    return IntegrityError(
        en,
        zh=zh,
        thing="checkpoint",
        fix_en="take the checkpoint from a place you trust, and check the verifier key",
        fix_zh="请从可信处取得检查点,并核对验证公钥",
    )
