"""Checkpoints: C2SP signed notes with Ed25519, each defect with its own hostile note."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extractor.errors import ConfigurationError, IntegrityError
from extractor.log.checkpoint import Checkpoint, Signer, Verifier, open_checkpoint

# The key and the note of the documentation of golang.org/x/mod/sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

NAME = "data.example.org/log"
SIGNER = Signer(NAME, bytes(range(32)))
OTHER = Signer("witness.example.org", bytes(32))
CHECKPOINT = Checkpoint(NAME, 42, bytes(range(32)))
NOTE = SIGNER.sign(CHECKPOINT)


def _signed(text: str, signer: Signer = SIGNER) -> str:
    """Sign any text at all as a note, however wrong."""
    key = Ed25519PrivateKey.from_private_bytes(signer.seed)
    signature = signer.verifier.key_id + key.sign(text.encode())
    return f"{text}\n— {signer.name} {base64.b64encode(signature).decode()}\n"


def test_a_checkpoint_comes_back_from_its_note() -> None:
    assert open_checkpoint(NOTE, SIGNER.verifier) == CHECKPOINT
    assert open_checkpoint(NOTE.encode(), Verifier.parse(str(SIGNER.verifier))) == CHECKPOINT
    assert _signed(CHECKPOINT.text) == NOTE


def test_the_keys_of_another_implementation_are_read_and_written_alike() -> None:
    signer = Signer.parse(GO_SIGNER)
    assert str(signer.verifier) == GO_VERIFIER
    assert signer.secret_text() == GO_SIGNER
    assert Verifier.parse(GO_VERIFIER + "\n") == signer.verifier


def test_a_note_of_the_go_checksum_database_verifies() -> None:
    # The text and signature of golang.org/x/mod/sumdb/note's documentation; it is no checkpoint, so only the signature counts.
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    verifier = Verifier.parse(GO_VERIFIER)
    assert signature[:4] == verifier.key_id and verifier.verifies(signature[4:], text)
    with pytest.raises(IntegrityError, match="too few lines"):
        open_checkpoint(f"{text}\n— PeterNeumann {base64.b64encode(signature).decode()}\n", verifier)


def test_a_signer_never_shows_its_key() -> None:
    assert SIGNER.seed.hex() not in repr(SIGNER) and "seed" not in repr(SIGNER)
    with pytest.raises(ConfigurationError) as raised:
        Signer.parse(GO_SIGNER[:-1] + "y")
    assert GO_SIGNER[-20:-2] not in str(raised.value)


def test_signatures_of_others_are_passed_over() -> None:
    witnessed = NOTE + _signed(CHECKPOINT.text, OTHER).split("\n\n")[1]
    assert open_checkpoint(witnessed, SIGNER.verifier) == CHECKPOINT
    same_name = Signer(NAME, bytes(32))
    assert open_checkpoint(NOTE + same_name.sign(CHECKPOINT).split("\n\n")[1], SIGNER.verifier) == CHECKPOINT


def test_extension_lines_are_signed_and_kept() -> None:
    extended = Checkpoint(NAME, 1, bytes(32), ("region=福州",))
    assert open_checkpoint(SIGNER.sign(extended), SIGNER.verifier) == extended


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u3000b"])
def test_a_name_with_space_or_plus_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="log name"):
        Signer.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"),
        GO_VERIFIER.replace("Peter", "Pater"),
        GO_VERIFIER[:-4],
        GO_VERIFIER.replace("+AR", "+BR"),
        GO_VERIFIER.replace("+AR", "+ AR"),
        GO_SIGNER,
    ],
)
def test_a_spoilt_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="verifier key"):
        Verifier.parse(text)


@pytest.mark.parametrize("text", ["", GO_VERIFIER, GO_SIGNER.replace("KEY", "KAY"), GO_SIGNER[:-4]])
def test_a_spoilt_signer_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="signer key"):
        Signer.parse(text)


def _loosened(note: str) -> str:
    """Change the bits of the last base64 digit that stand for nothing, so that it decodes to the same bytes."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    assert note.endswith("=\n") and not note.endswith("==\n")
    loose = note[:-3] + alphabet[alphabet.index(note[-3]) ^ 1] + "=\n"
    assert base64.b64decode(loose.split()[-1]) == base64.b64decode(note.rsplit(maxsplit=1)[-1])
    return loose


ROOT = base64.b64encode(bytes(range(32))).decode()

HOSTILE: dict[str, Callable[[], str | bytes]] = {
    "empty": lambda: "",
    "no signature": lambda: CHECKPOINT.text,
    "no signature line": lambda: CHECKPOINT.text + "\n",
    "only signatures": lambda: "\n" + NOTE.split("\n\n")[1],
    "no final newline": lambda: NOTE[:-1],
    "text after the signatures": lambda: NOTE + "more\n",
    "a hyphen for the dash": lambda: NOTE.replace("— ", "- "),
    "no key name": lambda: NOTE.replace(f"— {NAME} ", "—  "),
    "a signature that is no base64": lambda: NOTE[:-3] + "!\n",
    "a signature in another spelling of base64": lambda: NOTE.rstrip("=\n") + "\n",
    "a signature with loose bits in its base64": lambda: _loosened(NOTE),
    "a signature of four bytes": lambda: f"{CHECKPOINT.text}\n— {NAME} {base64.b64encode(b'abcd').decode()}\n",
    "carriage returns": lambda: NOTE.replace("\n", "\r\n"),
    "a control character": lambda: _signed(f"{NAME}\x07\n42\n{ROOT}\n"),
    "not UTF-8": lambda: b"\xff" + NOTE.encode(),
    "a surrogate": lambda: "\ud800" + NOTE,
    "too many signatures": lambda: NOTE + NOTE.split("\n\n")[1] * 64,
    "too long": lambda: "x" * (1 << 20) + NOTE,
    "signed by another key of the name": lambda: Signer(NAME, bytes(32)).sign(CHECKPOINT),
    "signed by a witness only": lambda: _signed(CHECKPOINT.text, OTHER),
    "size changed": lambda: NOTE.replace("\n42\n", "\n41\n"),
    "root changed": lambda: NOTE.replace(ROOT, base64.b64encode(bytes(32)).decode()),
    "origin changed": lambda: NOTE.replace(NAME + "\n42", "data.example.org/gol\n42"),
    "one good and one bad signature": lambda: NOTE + _signed("other\n1\n" + ROOT + "\n").split("\n\n")[1],
    "of another log": lambda: _signed(f"other.example.org\n42\n{ROOT}\n"),
    "two lines": lambda: _signed(f"{NAME}\n42\n"),
    "an empty line": lambda: _signed(f"{NAME}\n\n42\n{ROOT}\n"),
    "an empty extension": lambda: _signed(f"{NAME}\n42\n{ROOT}\n\n"),
    "size with a leading zero": lambda: _signed(f"{NAME}\n042\n{ROOT}\n"),
    "size with a sign": lambda: _signed(f"{NAME}\n+42\n{ROOT}\n"),
    "negative size": lambda: _signed(f"{NAME}\n-1\n{ROOT}\n"),
    "size in full-width digits": lambda: _signed(f"{NAME}\n４２\n{ROOT}\n"),
    "size of thousands of digits": lambda: _signed(f"{NAME}\n{'9' * 5000}\n{ROOT}\n"),
    "size with a space": lambda: _signed(f"{NAME}\n42 \n{ROOT}\n"),
    "root of 31 bytes": lambda: _signed(f"{NAME}\n42\n{base64.b64encode(bytes(31)).decode()}\n"),
    "root in URL base64": lambda: _signed(f"{NAME}\n42\n{base64.urlsafe_b64encode(b'?' * 32).decode()[:-1]}\n"),
}


@pytest.mark.parametrize("defect", HOSTILE)
def test_a_hostile_note_is_rejected(defect: str) -> None:
    with pytest.raises(IntegrityError, match="checkpoint"):
        open_checkpoint(HOSTILE[defect](), SIGNER.verifier)


def test_a_checkpoint_cannot_be_made_that_reads_as_another() -> None:
    for values in (("", 1, bytes(32)), (f"{NAME}\n9", 1, bytes(32)), (NAME, -1, bytes(32)), (NAME, 1, b"")):
        with pytest.raises(ValueError, match=r"origin|size"):
            Checkpoint(*values)
    with pytest.raises(ValueError, match="extension"):
        Checkpoint(NAME, 1, bytes(32), ("",))
