"""The manifest of a package: what was sealed, from what, for whom and until when.

Owns the values that stand in the clear beside the encrypted files, their checks at birth and their canonical form. It holds
digests, counts, and names of units and roles, never a datum of a person, and no digest of a plaintext (small domains would be
guessed from it). It must not know how files are encrypted, signed or stored (``extractor.transfer``).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from extractor.canonical import canonical_bytes
from extractor.decode import from_json_text
from extractor.errors import FormError
from extractor.requests import SharingMode

FORMAT = "extractor-package/1"
"""Name and version of the format; a reader refuses what it does not know."""

MEDIA_TYPE = "application/vnd.extractor.manifest+json"
MANIFEST, SIGNATURE, CRATE = "manifest.json", "manifest.dsse.json", "ro-crate-metadata.json"
CLEAR_NAMES = (MANIFEST, SIGNATURE, CRATE)
"""Members that stand in the clear; everything else is an item."""

MAX_ITEMS = 10_000
MAX_MANIFEST_BYTES = 16 * 1024 * 1024

_DIGEST = re.compile(r"(sha256|sm3):[0-9a-f]{64}")
_SEGMENT = re.compile(r"[A-Za-z0-9_\u4e00-\u9fff]([A-Za-z0-9_\u4e00-\u9fff.-]*[A-Za-z0-9_\u4e00-\u9fff])?")
_MEDIA = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def recipient_fingerprint(recipient: str) -> str:
    """Return the fingerprint of a recipient: first 32 hexadecimal digits of the SHA-256 of its string."""
    return hashlib.sha256(recipient.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class Item:
    """One encrypted file: ``bytes`` and ``digest`` are those of the ciphertext; ``media_type`` is that of the plaintext."""

    name: str
    media_type: str
    bytes: int
    digest: str
    rows: int | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        _need(_MEDIA.fullmatch(self.media_type), f"items.{self.name}.media_type", "a media type such as text/csv")
        _need(_DIGEST.fullmatch(self.digest), f"items.{self.name}.digest", "a digest sha256:… or sm3:…")
        for field, count in (("bytes", self.bytes), ("rows", self.rows), ("columns", self.columns)):
            _need(count is None or _countable(count), f"items.{self.name}.{field}", "a count from 0")

    @property
    def digest_algorithm(self) -> str:
        """Name of the algorithm of ``digest``, as the handover sheet shows it."""
        return self.digest.partition(":")[0]


@dataclass(frozen=True)
class Origin:
    """One source and the day on which its data were acquired, to be cited by the user (Fuzhou 榕政综〔2017〕122号 art. 20)."""

    source: str
    acquired: date

    def __post_init__(self) -> None:
        _text(self.source, "cover.origins.source")


@dataclass(frozen=True)
class Approval:
    """One approval on which the package rests: step, role and unit of who decided, when, and the digest of the decision."""

    step: str
    role: str
    unit: str
    decided: datetime
    digest: str

    def __post_init__(self) -> None:
        for field in ("step", "role", "unit"):
            _text(getattr(self, field), f"cover.approvals.{field}")
        _utc(self.decided, "cover.approvals.decided")
        _need(_DIGEST.fullmatch(self.digest), f"cover.approvals.{self.step}.digest", "a digest sha256:… or sm3:…")


@dataclass(frozen=True)
class AgreementRef:
    """The agreement under which a package is given: its number, and the digest of the document that both parties signed."""

    number: str
    digest: str

    def __post_init__(self) -> None:
        _text(self.number, "agreement.number")
        _need(_DIGEST.fullmatch(self.digest), "agreement.digest", "a digest sha256:… or sm3:…")


@dataclass(frozen=True)
class Provenance:
    """What the package was made from, by number and digest: one link of the chain request → … → destruction record."""

    request: str
    request_digest: str
    plan_digest: str
    catalogue_digest: str
    policy_digests: tuple[str, ...]
    approvals: tuple[Approval, ...]
    run: str
    agreement: AgreementRef | None = None

    def __post_init__(self) -> None:
        _text(self.request, "cover.provenance.request")
        _text(self.run, "cover.provenance.run")
        named = {"request_digest": self.request_digest, "plan_digest": self.plan_digest}
        named |= {"catalogue_digest": self.catalogue_digest}
        named |= {f"policy_digests[{at}]": digest for at, digest in enumerate(self.policy_digests)}
        for field, digest in named.items():
            _need(_DIGEST.fullmatch(digest), f"cover.provenance.{field}", "a digest sha256:… or sm3:…")


@dataclass(frozen=True)
class RiskSummary:
    """Generalities of the risk that is left: sharing mode, smallest class, GB/T 42460-2023 grade. No counts of classes."""

    mode: SharingMode
    k: int
    grade: str

    def __post_init__(self) -> None:
        _need(self.k >= 1 and _countable(self.k), "cover.risk.k", "a class size from 1")
        _text(self.grade, "cover.risk.grade")


@dataclass(frozen=True)
class LogPosition:
    """Size and root of the log's tree when the package was sealed (RFC 6962)."""

    size: int
    root: str

    def __post_init__(self) -> None:
        _need(_countable(self.size), "cover.log.size", "a tree size from 0")
        _need(_DIGEST.fullmatch(self.root), "cover.log.root", "a digest sha256:… or sm3:…")


@dataclass(frozen=True)
class Cover:
    """What the job says about a package: all of the manifest except what sealing itself finds out.

    ``expires`` is the last day (Asia/Shanghai) on which the package may be opened.
    """

    package: str
    project: str
    issuer_unit: str
    recipient_unit: str
    provenance: Provenance
    origins: tuple[Origin, ...]
    permitted_use: tuple[str, ...]
    risk: RiskSummary
    log: LogPosition
    created: datetime
    expires: date

    def __post_init__(self) -> None:
        for field in ("package", "project", "issuer_unit", "recipient_unit"):
            _text(getattr(self, field), f"cover.{field}")
        for at, term in enumerate(self.permitted_use):
            _text(term, f"cover.permitted_use[{at}]", longest=2_000)
        _need(self.permitted_use, "cover.permitted_use", "at least one term")
        _utc(self.created, "cover.created")
        _need(self.expires >= self.created.date(), "cover.expires", "a day not before cover.created")


@dataclass(frozen=True)
class Manifest:
    """The signed statement of a package. ``crate_digest`` binds the RO-Crate description to the same signature."""

    cover: Cover
    suite: str
    recipient_fingerprint: str
    signing_key_id: str
    items: tuple[Item, ...]
    crate_digest: str
    format: str = FORMAT

    def __post_init__(self) -> None:
        _need(self.format == FORMAT, "format", FORMAT)
        _need(self.suite in ("age", "gm"), "suite", "age or gm")
        _need(_FINGERPRINT.fullmatch(self.recipient_fingerprint), "recipient_fingerprint", "32 hexadecimal digits")
        _need(_KEY_ID.fullmatch(self.signing_key_id), "signing_key_id", "16 hexadecimal digits")
        _need(_DIGEST.fullmatch(self.crate_digest), "crate_digest", "a digest sha256:… or sm3:…")
        _need(0 < len(self.items) <= MAX_ITEMS, "items", f"1 to {MAX_ITEMS} files")
        check_names(tuple(item.name for item in self.items), suffix="." + self.suite)

    def to_json(self) -> bytes:
        """Return the manifest as canonical JSON (RFC 8785) in UTF-8: the bytes that are signed."""
        return canonical_bytes(self)

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read a manifest from its canonical JSON, accepting nothing that it would not write itself.

        Raises:
            FormError: not canonical JSON, an unknown, missing or ill-typed key, or a value that fails its check; the
                error's ``thing`` is the key.
        """
        _need(len(content) <= MAX_MANIFEST_BYTES, MANIFEST, f"at most {MAX_MANIFEST_BYTES} bytes")
        manifest = from_json_text(cls, content)
        # One byte string for one manifest: doubled keys, spaces and other spellings all differ from what is written back.
        _need(manifest.to_json() == content, MANIFEST, "canonical JSON (RFC 8785)")
        return manifest


def check_name(name: str) -> None:
    """Check that a member's name is a safe relative path: letters, digits, 汉字, ``_ - .`` in segments parted by ``/``.

    Raises:
        FormError: it is absolute, climbs (``..``), hides, is over 200 characters, or has another character in it.
    """
    safe = len(name) <= 200 and all(_SEGMENT.fullmatch(part) for part in name.split("/"))
    _need(safe, "items.name", "a relative path of letters, digits, 汉字, '_', '-', '.'")


def check_names(names: tuple[str, ...], *, suffix: str) -> None:
    """Check that the names of items end in the suite's suffix and stay apart on every file system once it is taken off.

    Raises:
        FormError: a wrong suffix, a reserved name, a name twice (case and normal form aside), or a name that is the folder
            of another.
    """
    plain: set[str] = {unicodedata.normalize("NFKC", name).casefold() for name in CLEAR_NAMES}
    folders: set[str] = set()
    for name in names:
        _need(name.endswith(suffix) and len(name) > len(suffix), f"items.{name}", f"a name that ends in {suffix}")
        folded = unicodedata.normalize("NFKC", name.removesuffix(suffix)).casefold()
        _need(folded not in plain, f"items.{name}", "a name that no other file has")
        plain.add(folded)
        parts = folded.split("/")[:-1]
        folders |= {"/".join(parts[: at + 1]) for at in range(len(parts))}
    for clash in sorted(plain & folders):
        _need(False, f"items.{clash}", "a name that is no folder of another file")


def _need(holds: object, field: str, allowed: str) -> None:
    if not holds:
        raise FormError(
            f"this is not what a manifest may hold here; allowed: {allowed}",
            zh=f"清单此处的内容不合规定;应为:{allowed}",
            thing=field or MANIFEST,
            fix_en="make the package again with this software",
            fix_zh="请用本软件重新封装",
        )


def _countable(count: int) -> bool:
    # Canonical JSON holds whole numbers up to 2^53 - 1 (RFC 8785, I-JSON).
    return 0 <= count < 2**53


def _text(value: str, field: str, *, longest: int = 200) -> None:
    printable = bool(value.strip()) and len(value) <= longest and value.isprintable()
    _need(printable, field, f"printable text of 1 to {longest} characters")


def _utc(moment: datetime, field: str) -> None:
    _need(moment.utcoffset() == timedelta(0), field, "a time in UTC")
