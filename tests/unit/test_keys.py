"""Keys on disk: formats, permissions, public forms, and that no secret shows."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from extractor import keys
from extractor.errors import ConfigurationError, IntegrityError, StorageError
from extractor.manifest import recipient_fingerprint


def test_a_signing_key_that_was_created_signs_after_it_was_loaded_again(tmp_path: Path) -> None:
    made = keys.create_signing_key(tmp_path / "unit.pem")
    loaded = keys.load_signing_key(tmp_path / "unit.pem")
    public = keys.PublicKey.from_text(made.public.text)
    public.verify(b"message", loaded.sign(b"message"))
    assert public.key_id == made.key_id == loaded.key_id
    assert len(public.key_id) == 16


def test_a_signature_over_another_message_or_by_another_key_is_refused(tmp_path: Path) -> None:
    first = keys.create_signing_key(tmp_path / "first.pem")
    second = keys.create_signing_key(tmp_path / "second.pem")
    signature = first.sign(b"message")
    assert first.public.accepts(b"message", signature)
    assert not first.public.accepts(b"massage", signature)
    assert not second.public.accepts(b"message", signature)
    assert not first.public.accepts(b"message", signature[:-1])
    with pytest.raises(IntegrityError):
        second.public.verify(b"message", signature)


@pytest.mark.parametrize("create", [keys.create_signing_key, keys.create_identity, keys.create_root_key])
def test_a_key_file_is_for_its_owner_only_and_never_overwritten(tmp_path: Path, create) -> None:
    path = tmp_path / "key"
    create(path)
    content = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StorageError):
        create(path)
    assert path.read_bytes() == content


def test_a_key_file_is_not_created_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        keys.create_root_key(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    pairs = (
        (keys.create_signing_key, keys.load_signing_key),
        (keys.create_identity, keys.load_identities),
        (keys.create_root_key, keys.load_root_key),
    )
    for number, (create, load) in enumerate(pairs):
        path = tmp_path / str(number)
        create(path)
        load(path)
        path.chmod(mode)
        with pytest.raises(ConfigurationError, match="group or by others"):
            load(path)


def test_an_identity_file_reads_as_the_one_of_age(tmp_path: Path) -> None:
    made = keys.create_identity(tmp_path / "key.txt")
    lines = (tmp_path / "key.txt").read_text().splitlines()
    assert lines[0].startswith("# created: ")
    assert lines[1] == f"# public key: {made.recipient}"
    assert lines[2].startswith("AGE-SECRET-KEY-1")
    assert len(lines) == 3
    (loaded,) = keys.load_identities(tmp_path / "key.txt")
    assert loaded.recipient == made.recipient
    assert loaded.fingerprint == recipient_fingerprint(made.recipient)
    assert len(loaded.fingerprint) == 32


def test_a_broken_identity_line_is_named_by_number_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    made = keys.create_identity(path)
    secret = path.read_text().splitlines()[2]
    path.write_text(f"# public key: {made.recipient}\n{secret}\n{secret[:-1]}\n")
    with pytest.raises(ConfigurationError) as caught:
        keys.load_identities(path)
    assert caught.value.thing == "key.txt:3"
    assert "SECRET" not in caught.value.text("en") + caught.value.text("zh")


@pytest.mark.parametrize("text", ["", "age1", "ssh-ed25519 AAAA", "age1" + "q" * 58, "AGE-SECRET-KEY-1QQQ", "年龄"])
def test_what_is_no_recipient_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys.parse_recipient(text, thing="request.recipient_key")
    assert caught.value.thing == "request.recipient_key"


def test_a_recipient_has_one_spelling_and_so_one_fingerprint(tmp_path: Path) -> None:
    recipient = keys.create_identity(tmp_path / "key.txt").recipient
    assert keys.parse_recipient(recipient) == recipient
    for other in (recipient.upper(), recipient + " ", "\n" + recipient):
        with pytest.raises(ConfigurationError):
            keys.parse_recipient(other)


def test_what_is_no_public_key_is_refused(tmp_path: Path) -> None:
    text = keys.create_signing_key(tmp_path / "unit.pem").public.text
    assert keys.PublicKey.from_text(text).text == text
    for wrong in ("", text[:-4], text.removeprefix("ed25519:"), "rsa:" + text, text + "=", text + "\n"):
        with pytest.raises(ConfigurationError):
            keys.PublicKey.from_text(wrong, thing="trusted[0]")


def test_a_file_of_another_kind_is_no_key(tmp_path: Path) -> None:
    keys.create_root_key(tmp_path / "root")
    keys.create_signing_key(tmp_path / "unit.pem")
    for load, name in (
        (keys.load_signing_key, "root"),
        (keys.load_identities, "root"),
        (keys.load_root_key, "unit.pem"),
        (keys.load_root_key, "absent"),
    ):
        with pytest.raises(ConfigurationError):
            load(tmp_path / name)
    with pytest.raises(ConfigurationError):
        keys.load_root_key(tmp_path)


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    signing = keys.create_signing_key(tmp_path / "unit.pem")
    identity = keys.create_identity(tmp_path / "key.txt")
    root = keys.create_root_key(tmp_path / "root")
    assert len(root.secret) == 32
    shown = repr(signing) + repr(identity) + repr(root)
    assert "SECRET" not in shown and "_private" not in shown
    assert repr(root.secret) not in shown and root.secret.hex() not in shown


def test_the_core_manifest_needs_no_third_party_but_the_canonicaliser() -> None:
    # The contract of the core, as it is seen from a fresh interpreter.
    code = (
        "import sys, extractor.manifest as _;"
        "print([n for n in ('cryptography', 'pyrage', 'polars', 'sqlalchemy') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
