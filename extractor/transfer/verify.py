"""Verifying a package in numbered steps, without its recipient's key.

Owns the order of the checks: nothing that a later step reads is trusted before the earlier ones passed. It must not decrypt. An
auditor, the handover and the recipient all run the same steps.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import IntEnum
from pathlib import Path
from typing import IO, NoReturn

from extractor.canonical import digest_bytes
from extractor.errors import ApprovalError, ConfigurationError, ExtractorError, FormError, IntegrityError
from extractor.keys import PublicKey
from extractor.manifest import CLEAR_NAMES, CRATE, MANIFEST, MAX_MANIFEST_BYTES, MEDIA_TYPE, SIGNATURE, Item, Manifest
from extractor.transfer.crate import check_agrees
from extractor.transfer.dsse import verify_envelope
from extractor.transfer.layout import check_layout, open_zip

_CHUNK = 1024 * 1024
_SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


class Step(IntEnum):
    """The steps, in their order."""

    ZIP = 1  # readable, whole
    LAYOUT = 2  # names safe and single, stored, no byte beside the members
    SIGNATURE = 3  # by a trusted key, of the right kind, over this manifest
    MANIFEST = 4  # canonical, of this format, names the key that signed it
    MEMBERS = 5  # exactly the files of the manifest
    CONTENT = 6  # bytes and digest of each file
    CRATE = 7  # the RO-Crate says what the manifest says
    TERM = 8  # may still be opened


STEP_NAMES: dict[Step, tuple[str, str]] = {
    Step.ZIP: ("readable ZIP", "ZIP 可读"),
    Step.LAYOUT: ("members stored, names safe, nothing beside them", "成员未压缩、名称安全、无夹带"),
    Step.SIGNATURE: ("signed by a trusted key", "由可信密钥签名"),
    Step.MANIFEST: ("manifest of a known format", "清单格式有效"),
    Step.MEMBERS: ("exactly the files of the manifest", "文件与清单一一对应"),
    Step.CONTENT: ("bytes and digest of each file", "各文件字节数与摘要相符"),
    Step.CRATE: ("RO-Crate agrees with the manifest", "RO-Crate 与清单一致"),
    Step.TERM: ("within its term", "在有效期内"),
}
"""What each step states, in English and Chinese."""


@dataclass(frozen=True)
class StepResult:
    """One step and how it ended; steps after a failed one are not in the list, for they were not tried."""

    step: Step
    passed: bool


@dataclass(frozen=True)
class PackageVerification:
    """What verification found. ``manifest`` and ``signer`` are there only once the signature over them has passed."""

    package: str
    steps: tuple[StepResult, ...]
    manifest: Manifest | None = None
    signer: PublicKey | None = None
    failure: ExtractorError | None = None

    @property
    def passed(self) -> bool:
        """Say whether every step passed."""
        return self.failure is None and len(self.steps) == len(Step)


def inspect_package(path: Path, *, trusted: Sequence[str], today: date | None = None) -> PackageVerification:
    """Run the steps until one fails and return how each ended; a defect of the package is a result and not an exception.

    Args:
        path: the package.
        trusted: public keys (``ed25519:…``) of the units whose packages are accepted.
        today: the day on which it is to be opened; the day in Asia/Shanghai where none is given.

    Raises:
        ConfigurationError: no trusted key was given, one of them is no key, or the file cannot be read.
    """
    with opened(path, trusted=trusted, today=today) as check:
        return check.run()


def verify_package(path: Path, *, trusted: Sequence[str], today: date | None = None) -> PackageVerification:
    """Verify a package; arguments as for ``inspect_package``.

    Raises:
        IntegrityError: a step failed; the error names the step and the file.
        ApprovalError: everything is authentic, but the term is over.
        ConfigurationError: no trusted key was given, one of them is no key, or the file cannot be read.
    """
    result = inspect_package(path, trusted=trusted, today=today)
    if result.failure is not None:
        raise result.failure
    return result


@contextlib.contextmanager
def opened(path: Path, *, trusted: Sequence[str], today: date | None) -> Iterator[PackageCheck]:
    """Open the file once, so that what is verified is what is read afterwards, and give the check over it."""
    keys = tuple(PublicKey.from_text(text, thing=f"trusted[{at}]") for at, text in enumerate(trusted))
    if not keys:
        raise ConfigurationError(
            "no trusted key was given, so no signature can be accepted",
            zh="未提供可信公钥,无法认可任何签名",
            thing="trusted",
            fix_en="give the public key of the unit that issued the package",
            fix_zh="请提供签发单位的公钥",
        )
    try:
        file = path.open("rb")
    except OSError as failure:
        raise ConfigurationError(
            f"the package cannot be read ({failure.strerror or 'I/O error'})",
            zh=f"数据包无法读取({failure.strerror or 'I/O error'})",
            thing=path.name,
            fix_en="check the path and the rights on the file",
            fix_zh="请检查路径和文件权限",
        ) from None
    with file:
        yield PackageCheck(path.name, file, keys, today or datetime.now(_SHANGHAI).date())


@dataclass
class PackageCheck:
    """One verification as it goes on: what earlier steps have established is what later ones may use."""

    name: str
    file: IO[bytes]
    trusted: tuple[PublicKey, ...]
    today: date
    _zip: zipfile.ZipFile | None = field(default=None, init=False)
    _manifest: Manifest | None = field(default=None, init=False)
    _payload: bytes = field(default=b"", init=False, repr=False)
    _signer: PublicKey | None = field(default=None, init=False)

    def run(self) -> PackageVerification:
        """Run the steps in their order, up to the first that fails."""
        work: dict[Step, Callable[[], None]] = {
            Step.ZIP: self._open_zip,
            Step.LAYOUT: lambda: check_layout(self.zip, self.file, thing=self.name),
            Step.SIGNATURE: self._check_signature,
            Step.MANIFEST: self._check_manifest,
            Step.MEMBERS: self._check_members,
            Step.CONTENT: self._check_content,
            Step.CRATE: self._check_crate,
            Step.TERM: self._check_term,
        }
        results: list[StepResult] = []
        for step in Step:
            try:
                work[step]()
            except (ExtractorError, OSError, zipfile.BadZipFile) as failure:
                results.append(StepResult(step, passed=False))
                named = _at_step(step, failure, self.name)
                return PackageVerification(self.name, tuple(results), self._manifest, self._signer, named)
            results.append(StepResult(step, passed=True))
        return PackageVerification(self.name, tuple(results), self._manifest, self._signer)

    @property
    def zip(self) -> zipfile.ZipFile:
        """The open ZIP, after its step."""
        assert self._zip is not None
        return self._zip

    @property
    def manifest(self) -> Manifest:
        """The manifest, after its signature passed."""
        assert self._manifest is not None
        return self._manifest

    @property
    def payload(self) -> bytes:
        """The signed bytes of the manifest."""
        return self._payload

    def content(self, item: Item) -> IO[bytes]:
        """Open one item's ciphertext."""
        return self.zip.open(item.name)

    def _open_zip(self) -> None:
        self._zip = open_zip(self.file, thing=self.name)

    def _clear(self, name: str) -> bytes:
        try:
            info = self.zip.getinfo(name)
        except KeyError:
            _fail(name, "the package lacks this file", "数据包缺少此文件")
        # Base64 and the envelope around it make the signature a third longer than the manifest.
        if info.file_size > 2 * MAX_MANIFEST_BYTES:
            _fail(name, "the file is larger than it may be", "文件超过允许大小")
        return self.zip.read(info)

    def _check_signature(self) -> None:
        envelope = self._clear(SIGNATURE)
        payload, signer = verify_envelope(envelope, payload_type=MEDIA_TYPE, trusted=self.trusted)
        if payload != self._clear(MANIFEST):
            _fail(MANIFEST, "the signature is over another manifest", "签名对应的是另一份清单")
        self._payload, self._signer = payload, signer

    def _check_manifest(self) -> None:
        manifest = Manifest.from_json(self._payload)
        if self._signer is None or manifest.signing_key_id != self._signer.key_id:
            _fail(MANIFEST, "the manifest names another signing key", "清单所载签名密钥与实际不符")
        self._manifest = manifest

    def _check_members(self) -> None:
        there, listed = set(self.zip.namelist()), {item.name for item in self.manifest.items} | set(CLEAR_NAMES)
        for name in sorted(listed - there):
            _fail(name, "the package lacks this file", "数据包缺少此文件")
        for name in sorted(there - listed):
            _fail(name, "the manifest does not list this file", "清单未列出此文件")

    def _check_content(self) -> None:
        for item in self.manifest.items:
            if item.digest_algorithm != "sha256":
                _fail(item.name, "this version cannot check the digest's algorithm", "本版本无法核验该摘要算法")
            if self.zip.getinfo(item.name).file_size != item.bytes:
                _fail(item.name, "the file has not the bytes that the manifest names", "文件字节数与清单不符")
            digest = hashlib.sha256()
            with self.content(item) as member:
                try:
                    while chunk := member.read(_CHUNK):
                        digest.update(chunk)
                except (zipfile.BadZipFile, EOFError):
                    _fail(item.name, "the file was changed", "文件已被改动")
            if "sha256:" + digest.hexdigest() != item.digest:
                _fail(item.name, "the file was changed", "文件已被改动")

    def _check_crate(self) -> None:
        crate = self._clear(CRATE)
        if digest_bytes(crate) != self.manifest.crate_digest:
            _fail(CRATE, "the file was changed", "文件已被改动")
        check_agrees(crate, self.manifest)

    def _check_term(self) -> None:
        expires = self.manifest.cover.expires
        if self.today > expires:
            raise ApprovalError(
                f"the term ended on {expires.isoformat()}",
                zh=f"使用期限已于 {expires.isoformat()} 届满",
                thing=self.manifest.cover.package,
                fix_en="apply for a renewal, or destroy the package and report it",
                fix_zh="请申请续期,或销毁数据包并报告",
            )


def _at_step(step: Step, failure: Exception, package: str) -> ExtractorError:
    """Return the failure with the step's number and name; expiry keeps its own class, all else is integrity."""
    en, zh = STEP_NAMES[step]
    if not isinstance(failure, ExtractorError) or isinstance(failure, FormError):
        key = failure.thing if isinstance(failure, FormError) else package
        cause = (f"the content at {key} is not as it must be", f"{key} 处内容不合规定")
        advice = ("get the package again from its issuer", "请向签发单位重新获取")
        thing = MANIFEST if isinstance(failure, FormError) else package
    else:
        cause, advice, thing = (failure.en, failure.zh), (failure.fix_en, failure.fix_zh), failure.thing or package
    kind = ApprovalError if isinstance(failure, ApprovalError) else IntegrityError
    return kind(
        f"step {step.value} ({en}) failed: {cause[0]}",
        zh=f"第 {step.value} 步({zh})未通过:{cause[1]}",
        thing=thing,
        fix_en=advice[0],
        fix_zh=advice[1],
    )


def _fail(name: str, en: str, zh: str) -> NoReturn:
    raise IntegrityError(
        en,
        zh=zh,
        thing=name,
        fix_en="get the package again from its issuer",
        fix_zh="请向签发单位重新获取",
    )
