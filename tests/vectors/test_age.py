"""C2SP CCTV age test kit, run through our own decryption in place: every file for X25519 identities, plain or armoured.

Vectors for passphrases or post-quantum recipients use features that packages have not, and are left out.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from extractor.errors import ExtractorError
from extractor.keys import AgeIdentity
from extractor.transfer.suites import Suite, decrypt_stream

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "age" / "testdata"
KNOWN = {"expect", "payload", "file key", "identity", "passphrase", "armored", "compressed", "comment"}


@dataclass(frozen=True)
class Vector:
    name: str
    header: dict[str, list[str]]
    body: bytes

    @property
    def expected(self) -> str:
        return self.header["expect"][0]


known_failures = {
    # rage also reads stanzas whose last line is full and not followed by the short line that age v1 asks for. The stanza is
    # still under the header's MAC, so nothing is accepted that the holder of the file key did not write.
    "stanza_missing_body",
    "stanza_missing_final_line",
    # rage takes no white space before the armour, which only costs a file that a person has pasted; packages have no armour.
    "armor_whitespace_outside",
}
"""Vectors in which pyrage does otherwise than the kit says, each with its reason."""


def _read(path: Path) -> Vector:
    head, _, body = path.read_bytes().partition(b"\n\n")
    header: dict[str, list[str]] = {}
    for line in head.decode().splitlines():
        key, _, value = line.partition(": ")
        header.setdefault(key, []).append(value)
    if header.get("compressed") == ["zlib"]:
        body = zlib.decompress(body)
    return Vector(path.name, header, body)


def _for_x25519(vector: Vector) -> bool:
    keys = vector.header.get("identity", [])
    native = bool(keys) and all(key.startswith("AGE-SECRET-KEY-1") for key in keys)
    return native and vector.header.keys() <= KNOWN and "passphrase" not in vector.header


@pytest.fixture(scope="module")
def vectors() -> list[Vector]:
    if not VECTORS.is_dir():
        pytest.skip(f"the age test kit is not at {VECTORS}")
    return [_read(path) for path in sorted(VECTORS.iterdir())]


def _outcome(vector: Vector) -> tuple[bool, str]:
    """Decrypt and return whether it succeeded, and the SHA-256 of all that was released until then."""
    secrets = [pyrage.x25519.Identity.from_str(key) for key in vector.header["identity"]]
    identities = [AgeIdentity(str(secret.to_public()), secret) for secret in secrets]
    released = io.BytesIO()
    try:
        decrypt_stream(io.BytesIO(vector.body), released, identities=identities, suite=Suite.AGE)
    except ExtractorError:
        return False, hashlib.sha256(released.getvalue()).hexdigest()
    return True, hashlib.sha256(released.getvalue()).hexdigest()


def test_every_x25519_vector_ends_as_the_kit_expects_but_the_known_ones(vectors: list[Vector]) -> None:
    tried = [vector for vector in vectors if _for_x25519(vector)]
    assert len(tried) >= 60
    failed = set()
    for vector in tried:
        succeeded, _ = _outcome(vector)
        if succeeded != (vector.expected == "success"):
            failed.add(vector.name)
    assert failed == known_failures


def test_what_is_released_before_a_failure_is_only_what_the_kit_allows(vectors: list[Vector]) -> None:
    tried = [v for v in vectors if _for_x25519(v) and v.name not in known_failures and "payload" in v.header]
    assert {vector.name for vector in tried if _outcome(vector)[1] != vector.header["payload"][0]} == set()
