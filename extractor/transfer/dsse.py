"""DSSE envelopes (secure-systems-lab/dsse v1.0) with Ed25519: a payload, its type and who signed it.

Owns the pre-authentication encoding and the envelope's strict reading. It must not know what the payload says. The type is
signed with the payload, so a signature over one kind of document never passes for another.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import NoReturn

from extractor.canonical import canonical_bytes
from extractor.errors import IntegrityError
from extractor.keys import PublicKey, SigningKey

_MOST_SIGNATURES = 16


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: ``DSSEv1``, then type and payload, each after its length in bytes."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, *, payload_type: str, signer: SigningKey) -> bytes:
    """Sign a payload and return the envelope as canonical JSON."""
    signature = signer.sign(pre_authentication_encoding(payload_type, payload))
    return canonical_bytes(
        {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": payload_type,
            "signatures": [{"keyid": signer.key_id, "sig": base64.b64encode(signature).decode("ascii")}],
        }
    )


def verify_envelope(envelope: bytes, *, payload_type: str, trusted: Sequence[PublicKey]) -> tuple[bytes, PublicKey]:
    """Return the payload and the trusted key that signed it.

    The key identifiers in the envelope are hints by anybody, so every trusted key is tried on every signature.

    Raises:
        IntegrityError: no envelope, another payload type, or no signature by a trusted key.
    """
    kind, payload, signatures = _parse(envelope)
    if kind != payload_type:
        _fail("the envelope signs another kind of document", "签名信封所签的是另一类文件")
    message = pre_authentication_encoding(payload_type, payload)
    signers = (key for key in trusted if any(key.accepts(message, signature) for signature in signatures))
    signer = next(signers, None)
    if signer is None:
        _fail("no trusted key signed this", "没有可信密钥的有效签名")
    return payload, signer


def _parse(envelope: bytes) -> tuple[str, bytes, tuple[bytes, ...]]:
    try:
        raw = json.loads(envelope)
        kind, payload = raw["payloadType"], base64.b64decode(raw["payload"], validate=True)
        listed = raw["signatures"]
        if not isinstance(kind, str) or not isinstance(listed, list) or len(listed) > _MOST_SIGNATURES:
            raise ValueError
        signatures = tuple(base64.b64decode(each["sig"], validate=True) for each in listed)
    except (ValueError, KeyError, TypeError, RecursionError):
        _fail("this is no DSSE envelope", "不是 DSSE 签名信封")
    return kind, payload, signatures


def _fail(en: str, zh: str) -> NoReturn:
    raise IntegrityError(
        en,
        zh=zh,
        fix_en="check the list of trusted keys, or get the package again from its issuer",
        fix_zh="请核对可信公钥清单,或向签发单位重新获取",
    )
