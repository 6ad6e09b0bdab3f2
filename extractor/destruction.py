"""The destruction record: what was destroyed, why, how, by whom, who saw it, and what nobody can prove.

Owns the record's values, its separation of people and the bytes that are signed. It must not know how anything is deleted
(``extractor.workspace``) nor which signature scheme is used: the caller hands in a verifier. Fields are those of form 5 and
of the certificate of sanitization in NIST SP 800-88 (Rev. 1 Appendix G, Rev. 2) that apply; no DoD standard is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from extractor.canonical import canonical_bytes
from extractor.errors import ApprovalError, ConfigurationError, IntegrityError

RECORD_TYPE = "destruction-record/1"
STANDARD = "NIST SP 800-88 Rev. 2; certificate fields as in Rev. 1, Appendix G"
TWO_WITNESSES_FROM_GRADE = 4


class Ground(StrEnum):
    """Why something was destroyed."""

    RUN_ENDED = "run_ended"
    RUN_FAILED = "run_failed"
    INTERRUPTED = "interrupted"
    TERM_OVER = "term_over"
    WITHDRAWN = "withdrawn"
    BREACH = "breach"
    HANDED_OVER = "handed_over"


class Method(StrEnum):
    """What was done to an item, named as what it was and not as what it is hoped to bring about."""

    UNLINKED = "unlinked"
    KEY_DISCARDED = "key discarded"
    MEMORY_RELEASED = "process memory released"


class NistMethod(StrEnum):
    """What the method counts as under NIST SP 800-88: only the discarded key of encrypted data is a sanitisation."""

    NONE = "none: deletion is below Clear"
    CRYPTOGRAPHIC_ERASE = "Purge: cryptographic erase, where no copy of the key is left"
    VOLATILE = "none: volatile memory, cleared by the operating system before it is given to another process"


NIST_METHOD = {
    Method.UNLINKED: NistMethod.NONE,
    Method.KEY_DISCARDED: NistMethod.CRYPTOGRAPHIC_ERASE,
    Method.MEMORY_RELEASED: NistMethod.VOLATILE,
}


class ItemKind(StrEnum):
    """What kind of thing an item is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    SOCKET = "socket"
    PIPE = "pipe"
    DEVICE = "device"
    KEY = "key"
    MEMORY = "memory"
    PACKAGE = "package"


class Outcome(StrEnum):
    """What the attempt to find an item again gave."""

    GONE = "gone"
    STILL_THERE = "still there"
    OPEN_ELSEWHERE = "no name left, but a process still holds it"
    ANOTHER_LINK = "this name is gone, another link to the same file is left"


class Unprovable(StrEnum):
    """What destruction in software cannot prove."""

    SSD_WEAR_LEVELLING = "ssd_wear_levelling"
    SNAPSHOTS = "snapshots"
    BACKUPS = "backups"
    SWAP = "swap"


@dataclass(frozen=True)
class DestroyedItem:
    """One thing: kind, place (relative, no machine path), size in bytes, digest before, what was done and what was found after.

    ``digest_before`` is absent for what has no content to digest or could not be read.
    """

    kind: ItemKind
    place: str
    bytes: int
    method: Method
    outcome: Outcome
    digest_before: str | None = None

    @property
    def nist_method(self) -> NistMethod:
        """What the method counts as under NIST SP 800-88."""
        return NIST_METHOD[self.method]


@dataclass(frozen=True)
class Backup:
    """A backup in which items may lie, and what became of it."""

    place: str
    fate: str


@dataclass(frozen=True)
class Medium:
    """The medium as NIST's certificate describes it: type, where it came from, where it goes, its grade after."""

    type: str
    source: str
    destination: str
    grade_after: int


@dataclass(frozen=True)
class Tool:
    """The program that destroyed, and its version."""

    name: str
    version: str


@dataclass(frozen=True)
class Party:
    """A person who took part: id, role and unit (no name; the register of users holds it)."""

    id: str
    role: str
    unit: str


@dataclass(frozen=True)
class Verification:
    """How destruction was verified, whether all was found gone, and by whom."""

    method: str
    passed: bool
    by: Party


@dataclass(frozen=True)
class Chain:
    """What the record belongs to: the request's number and the digests of plan, run and package (none if it never came to one).

    ``order`` is the number of the destruction order, where one was carried out.
    """

    request: str
    plan: str
    run: str
    package: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Parties:
    """Who destroyed, who saw it, who approved: different people (``approver`` is absent where policy orders the purge itself)."""

    destroyer: Party
    witnesses: tuple[Party, ...]
    approver: Party | None = None

    def __post_init__(self) -> None:
        people = [self.destroyer, *self.witnesses, *([self.approver] if self.approver else [])]
        if not self.witnesses:
            raise _separation("a destruction needs a witness", "销毁须有见证人")
        if len({person.id for person in people}) < len(people):
            raise _separation(
                "destroyer, witnesses and approver must be different people", "销毁人、见证人、批准人须为不同的人"
            )

    @property
    def must_sign(self) -> tuple[str, ...]:
        """Ids of all who must sign."""
        approver = (self.approver.id,) if self.approver else ()
        return (self.destroyer.id, *(witness.id for witness in self.witnesses), *approver)


@dataclass(frozen=True)
class Signature:
    """One signature over the record without its signatures; key and signature in the text form of the scheme."""

    signer: str
    public_key: str
    signature: str


@dataclass(frozen=True)
class DestructionRecord:
    """The record of one destruction; checked at birth, signed afterwards.

    ``inventory_digest`` is the digest of the list that was committed to the log before anything was deleted, ``log_sequence``
    the log entry that holds it. ``grade`` is the highest data level (GB/T 39725-2020) among the items.

    Raises:
        ApprovalError: two roles are one person, or a witness is missing (two from grade 4 on).
        ConfigurationError: a required field is empty, times are without zone or in the wrong order.
    """

    number: str
    chain: Chain
    ground: Ground
    items: tuple[DestroyedItem, ...]
    inventory_digest: str
    log_sequence: int
    grade: int
    backups: tuple[Backup, ...]
    medium: Medium
    tool: Tool
    started: datetime
    ended: datetime
    verification: Verification
    parties: Parties
    cannot_be_proven: tuple[Unprovable, ...]
    standard: str = STANDARD
    type: str = RECORD_TYPE
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if self.grade >= TWO_WITNESSES_FROM_GRADE and len(self.parties.witnesses) < 2:
            raise _separation(
                f"data of grade {self.grade} need two witnesses", f"{self.grade} 级数据的销毁须有两名见证人"
            )
        if not (1 <= self.grade <= 5 and self.number and self.items and self.cannot_be_proven):
            raise _faulty(
                self.number,
                "number, grade, items or what cannot be proven is missing",
                "缺少编号、级别、项目或无法证明事项",
            )
        if self.started.tzinfo is None or self.ended.tzinfo is None or self.ended < self.started:
            raise _faulty(self.number, "start and end need a time zone and this order", "起止时间须带时区且先后有序")
        if self.verification.passed and any(item.outcome is not Outcome.GONE for item in self.items):
            raise _faulty(
                self.number,
                "verification cannot have passed while an item is left",
                "仍有项目未消失,验证结果不得为通过",
            )


def unsigned(record: DestructionRecord) -> bytes:
    """Return the bytes that are signed: canonical JSON (RFC 8785) of the record without its signatures."""
    return canonical_bytes(replace(record, signatures=()))


def add_signature(record: DestructionRecord, signature: Signature) -> DestructionRecord:
    """Return the record with one more signature.

    Raises:
        ApprovalError: the signer has no part in the record or has signed already.
    """
    if signature.signer not in record.parties.must_sign:
        raise _separation("the signer has no part in this destruction", "签名人不是本次销毁的参与人")
    if signature.signer in {one.signer for one in record.signatures}:
        raise _separation("this person has signed already", "该人员已经签名")
    return replace(record, signatures=(*record.signatures, signature))


def missing_signatures(record: DestructionRecord) -> tuple[str, ...]:
    """Return the ids of those who must sign and have not yet."""
    signed = {signature.signer for signature in record.signatures}
    return tuple(person for person in record.parties.must_sign if person not in signed)


def verify_record(
    record: DestructionRecord,
    verify: Callable[[str, bytes, str], bool],
    *,
    keys: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Verify a record: everybody has signed, with a key of their own, and every signature fits.

    Args:
        record: the record with its signatures.
        verify: takes public key, message and signature and says whether they fit.
        keys: each person's registered public keys. Without it only the record's own keys are used, which shows that
            the record was not changed since it was signed, not who signed it.

    Raises:
        IntegrityError: somebody has not signed, signed twice or has no part, a key is not the signer's or used by two
            people, or a signature does not fit.
    """
    signers = [signature.signer for signature in record.signatures]
    if sorted(signers) != sorted(record.parties.must_sign):
        raise _broken(record, "not everybody who must sign has signed, once", "应签名的人员未全部各签一次")
    if len({signature.public_key for signature in record.signatures}) < len(signers):
        raise _broken(record, "two people signed with one key", "两人使用同一密钥签名")
    message = unsigned(record)
    for one in record.signatures:
        if keys is not None and one.public_key not in keys.get(one.signer, frozenset()):
            raise _broken(record, f"the key is not registered for {one.signer}", f"密钥未登记在 {one.signer} 名下")
        if not verify(one.public_key, message, one.signature):
            raise _broken(record, f"the signature of {one.signer} does not fit", f"{one.signer} 的签名不符")


def _separation(en: str, zh: str) -> ApprovalError:
    return ApprovalError(
        en,
        zh=zh,
        thing="destruction record",
        fix_en="name another person",
        fix_zh="请指定另一人",
    )


def _faulty(number: str, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        en, zh=zh, thing=f"destruction record {number}", fix_en="complete the record", fix_zh="请补全记录"
    )


def _broken(record: DestructionRecord, en: str, zh: str) -> IntegrityError:
    return IntegrityError(
        en,
        zh=zh,
        thing=f"destruction record {record.number}",
        fix_en="do not rely on the record; compare it with the log and report it",
        fix_zh="请勿采信该记录;请与日志比对并上报",
    )
