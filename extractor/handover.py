"""The handover sheet 数据交接单: what was given, what was checked, and who signed on both sides (form 4).

Owns the sheet's values and the bytes that are signed. It must not know how a package is made or verified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from extractor.canonical import canonical_bytes
from extractor.errors import ApprovalError
from extractor.manifest import AgreementRef, Item


@dataclass(frozen=True)
class Custody:
    """Who keeps the data on the receiver's side, and where (榕政综〔2017〕122号 art. 29)."""

    custodian: str
    place: str


@dataclass(frozen=True)
class HandoverSignature:
    """One side's signature over the sheet without signatures."""

    side: str
    person: str
    unit: str
    time: datetime
    public_key: str
    signature: str


@dataclass(frozen=True)
class HandoverSheet:
    """One handover of one package; ``checks`` are the verification's steps that passed."""

    number: str
    request: str
    package: str
    package_digest: str
    package_bytes: int
    items: tuple[Item, ...]
    checks: tuple[str, ...]
    key_channel: str
    giver_unit: str
    receiver_unit: str
    custody: Custody
    remarks: str = ""
    signatures: tuple[HandoverSignature, ...] = ()
    agreement: AgreementRef | None = None

    @property
    def unsigned(self) -> bytes:
        """The bytes that both sides sign."""
        return canonical_bytes(replace(self, signatures=()))

    @property
    def complete(self) -> bool:
        """Whether giver and receiver have both signed."""
        return {signature.side for signature in self.signatures} == {"giver", "receiver"}

    def signed(self, signature: HandoverSignature) -> HandoverSheet:
        """Return the sheet with one more signature.

        Raises:
            ApprovalError: the side has signed already, or one person signs for both.
        """
        if any(signature.side == one.side or signature.person == one.person for one in self.signatures):
            raise ApprovalError(
                "this side has signed, or one person signs for both",
                zh="该方已签署,或同一人代双方签署",
                thing=self.number,
                fix_en="let the other side's person sign",
                fix_zh="请由另一方人员签署",
            )
        return replace(self, signatures=(*self.signatures, signature))
