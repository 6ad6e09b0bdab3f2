"""Packages made by somebody who means harm, one defect each: every one is refused at its step, and nothing is opened."""

from __future__ import annotations

import base64
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyrage
import pytest
from test_transfer_seal import TODAY, Site, a_cover, a_digest

from extractor.canonical import canonical_bytes, digest_bytes
from extractor.errors import ApprovalError, ConfigurationError, ExtractorError, FormError, IntegrityError, StorageError
from extractor.keys import create_identity, create_signing_key
from extractor.manifest import CRATE, MANIFEST, MEDIA_TYPE, SIGNATURE, Manifest
from extractor.transfer.crate import describe
from extractor.transfer.dsse import pre_authentication_encoding, sign_envelope
from extractor.transfer.open import decrypt_item, open_package
from extractor.transfer.verify import Step, inspect_package, opened, verify_package

Members = dict[str, bytes]
RISK, DICTIONARY = "risk.json.age", "dictionary.json.age"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.seal()
    return site


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def pack(path: Path, members: Members, *, method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w") as package:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method if name == RISK else zipfile.ZIP_STORED
            package.writestr(info, content)


def signed_again(site: Site, members: Members, manifest: Manifest | bytes) -> Members:
    """Put another manifest in, with a valid signature by the trusted unit."""
    payload = manifest if isinstance(manifest, bytes) else manifest.to_json()
    envelope = sign_envelope(payload, payload_type=MEDIA_TYPE, signer=site.signer)
    return {**members, MANIFEST: payload, SIGNATURE: envelope}


def assert_refused(site: Site, step: Step, thing: str) -> ExtractorError:
    """Check that the step and the file are named, and that opening refuses in the same way and leaves nothing."""
    result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
    assert not result.passed and result.failure is not None
    assert [(r.step, r.passed) for r in result.steps] == [(s, s < step) for s in Step if s <= step]
    assert result.failure.thing == thing
    assert f"step {step.value} " in result.failure.text("en") and f"第 {step.value} 步" in result.failure.text("zh")
    kind = ApprovalError if step is Step.TERM else IntegrityError
    with pytest.raises(kind):
        verify_package(site.path, trusted=site.trusted, today=TODAY)
    with pytest.raises(kind):
        open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert not site.out.exists()
    return result.failure


def test_a_package_packed_again_from_its_own_members_is_still_good(site: Site) -> None:
    pack(site.path, members_of(site.path))
    assert verify_package(site.path, trusted=site.trusted, today=TODAY).passed


@pytest.mark.parametrize(
    ("name", "step", "thing"),
    [
        (RISK, Step.CONTENT, RISK),
        (DICTIONARY, Step.CONTENT, DICTIONARY),
        (CRATE, Step.CRATE, CRATE),
        (MANIFEST, Step.SIGNATURE, MANIFEST),
        (SIGNATURE, Step.SIGNATURE, "PK.zip"),
    ],
)
def test_a_changed_byte_in_a_member_that_was_packed_again_is_found(
    site: Site, name: str, step: Step, thing: str
) -> None:
    members = members_of(site.path)
    content = bytearray(members[name])
    content[len(content) // 2] ^= 1
    pack(site.path, {**members, name: bytes(content)})
    assert_refused(site, step, thing)


@pytest.mark.parametrize("name", [RISK, DICTIONARY, CRATE, MANIFEST, SIGNATURE])
def test_a_changed_byte_in_place_is_found(site: Site, name: str) -> None:
    content = members_of(site.path)[name]
    whole = bytearray(site.path.read_bytes())
    whole[whole.index(content) + len(content) // 3] ^= 0x20
    site.path.write_bytes(whole)
    result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
    assert isinstance(result.failure, IntegrityError)


def test_swapped_members_are_found(site: Site) -> None:
    members = members_of(site.path)
    pack(site.path, {**members, RISK: members[DICTIONARY], DICTIONARY: members[RISK]})
    assert_refused(site, Step.CONTENT, RISK)


@pytest.mark.parametrize("name", ["data/extra.csv.age", "README.txt"])
def test_an_extra_member_is_found(site: Site, name: str) -> None:
    pack(site.path, {**members_of(site.path), name: b"x"})
    assert_refused(site, Step.MEMBERS, name)


@pytest.mark.parametrize(
    ("name", "step"),
    [(RISK, Step.MEMBERS), (CRATE, Step.MEMBERS), (MANIFEST, Step.SIGNATURE), (SIGNATURE, Step.SIGNATURE)],
)
def test_a_missing_member_is_found(site: Site, name: str, step: Step) -> None:
    members = members_of(site.path)
    del members[name]
    pack(site.path, members)
    assert_refused(site, step, name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_found(site: Site) -> None:
    members = members_of(site.path)
    pack(site.path, members)
    with zipfile.ZipFile(site.path, "a") as package:
        package.writestr(zipfile.ZipInfo(RISK), members[RISK])
    assert_refused(site, Step.LAYOUT, RISK)


@pytest.mark.parametrize("name", ["../../evil.age", "/etc/evil.age", "data\\evil.age", "data/../../evil.age", "data/"])
def test_a_name_that_climbs_out_is_found(site: Site, name: str) -> None:
    pack(site.path, {**members_of(site.path), name: b"x"})
    assert_refused(site, Step.LAYOUT, name)


def test_a_name_with_a_nul_is_found(site: Site) -> None:
    pack(site.path, {**members_of(site.path), "nulXname.age": b"x"})
    site.path.write_bytes(site.path.read_bytes().replace(b"nulXname", b"nul\0name"))
    assert_refused(site, Step.LAYOUT, "nul?name.age")


def test_a_deflated_member_is_found_before_it_is_unpacked(site: Site) -> None:
    members = members_of(site.path)
    pack(site.path, {**members, RISK: bytes(50_000_000)}, method=zipfile.ZIP_DEFLATED)
    assert_refused(site, Step.LAYOUT, RISK)


def test_a_symbolic_link_is_found(site: Site) -> None:
    members = members_of(site.path)
    pack(site.path, members)
    with zipfile.ZipFile(site.path, "a") as package:
        info = zipfile.ZipInfo("link.age")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(info, "/etc/passwd")
    assert_refused(site, Step.LAYOUT, "link.age")


@pytest.mark.parametrize("kept", [0, 10, 1_000, -1, -22, -100])
def test_a_truncated_package_is_found(site: Site, kept: int) -> None:
    content = site.path.read_bytes()
    site.path.write_bytes(content[:kept])
    assert_refused(site, Step.ZIP, "PK.zip")


def test_every_way_of_hiding_bytes_beside_the_members_is_found(site: Site) -> None:
    content = site.path.read_bytes()
    directory = struct.unpack("<L", content[-6:-2])[0]
    moved = content[-22:-6] + struct.pack("<L", directory + 6) + content[-2:]
    hidden = {
        "before": b"HIDDEN" + content,
        "after": content + b"HIDDEN",
        "comment": content[:-2] + struct.pack("<H", 6) + b"HIDDEN",
        "before the directory": content[:directory] + b"HIDDEN" + content[directory:-22] + moved,
        "after the directory": content[:-22] + b"HIDDEN" + content[-22:],
    }
    for where, whole in hidden.items():
        site.path.write_bytes(whole)
        result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
        assert isinstance(result.failure, IntegrityError), where
        assert result.steps[-1].step in (Step.ZIP, Step.LAYOUT), where


@pytest.mark.parametrize("at", [0, 6, 8, 14, 18, 22, 26, 28, 30])
def test_a_local_header_that_differs_from_the_directory_is_found(site: Site, at: int) -> None:
    content = bytearray(site.path.read_bytes())
    content[at] ^= 1
    site.path.write_bytes(content)
    result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
    assert isinstance(result.failure, IntegrityError)
    assert result.steps[-1].step is Step.LAYOUT


def test_a_directory_of_absurd_size_is_refused_before_it_is_read(site: Site) -> None:
    content = bytearray(site.path.read_bytes())
    content[-14:-12] = content[-12:-10] = struct.pack("<H", 60_000)
    site.path.write_bytes(content)
    assert_refused(site, Step.ZIP, "PK.zip")


def test_the_manifest_of_another_package_is_found(site: Site) -> None:
    site.seal(site.outbox / "other.zip", a_cover("PK-2026-0008"))
    other = members_of(site.outbox / "other.zip")
    members = members_of(site.path)
    pack(site.path, {**members, MANIFEST: other[MANIFEST]})
    assert_refused(site, Step.SIGNATURE, MANIFEST)
    pack(site.path, {**members, MANIFEST: other[MANIFEST], SIGNATURE: other[SIGNATURE]})
    assert_refused(site, Step.CONTENT, RISK)


def test_a_description_of_another_package_is_found(site: Site) -> None:
    site.seal(site.outbox / "other.zip", a_cover("PK-2026-0008"))
    pack(site.path, {**members_of(site.path), CRATE: members_of(site.outbox / "other.zip")[CRATE]})
    assert_refused(site, Step.CRATE, CRATE)


@pytest.mark.parametrize(
    ("change", "thing"),
    [
        (lambda by: by["./"].update(identifier="PK-1"), "./"),
        (lambda by: by["./"].update(hasPart=[]), "./"),
        (lambda by: by[RISK].update(sha256="0" * 64), RISK),
        (lambda by: by[RISK].update(contentSize="1"), RISK),
        (lambda by: by[RISK].update({"@id": "else.age"}), RISK),
        (lambda by: by["#run"].update({"@type": "File"}), "#run"),
        (lambda by: by["#run"].update({"@id": "./"}), CRATE),
    ],
)
def test_a_signed_description_that_says_something_else_is_found(
    site: Site, change: Callable[..., None], thing: str
) -> None:
    members = members_of(site.path)
    crate = json.loads(members[CRATE])
    change({entity["@id"]: entity for entity in crate["@graph"]})
    content = canonical_bytes(crate)
    manifest = Manifest.from_json(members[MANIFEST])
    members = signed_again(site, {**members, CRATE: content}, replace(manifest, crate_digest=digest_bytes(content)))
    pack(site.path, members)
    result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
    assert result.steps[-1].step is Step.CRATE and not result.passed
    assert result.failure is not None and result.failure.thing in (thing, "else.age")


def test_a_signature_by_a_key_that_is_not_trusted_is_refused(site: Site, tmp_path: Path) -> None:
    other = create_signing_key(tmp_path / "other.pem")
    site.trusted = (other.public.text,)
    assert_refused(site, Step.SIGNATURE, "PK.zip")


def test_the_right_key_identifier_on_a_wrong_signature_does_not_help(site: Site, tmp_path: Path) -> None:
    other = create_signing_key(tmp_path / "other.pem")
    members = members_of(site.path)
    envelope = json.loads(sign_envelope(members[MANIFEST], payload_type=MEDIA_TYPE, signer=other))
    envelope["signatures"][0]["keyid"] = site.signer.key_id
    pack(site.path, {**members, SIGNATURE: json.dumps(envelope).encode()})
    assert_refused(site, Step.SIGNATURE, "PK.zip")


def test_a_trusted_key_that_is_not_the_one_the_manifest_names_is_refused(site: Site, tmp_path: Path) -> None:
    other = create_signing_key(tmp_path / "other.pem")
    members = members_of(site.path)
    envelope = sign_envelope(members[MANIFEST], payload_type=MEDIA_TYPE, signer=other)
    pack(site.path, {**members, SIGNATURE: envelope})
    site.trusted = (*site.trusted, other.public.text)
    assert_refused(site, Step.MANIFEST, MANIFEST)


def test_a_signature_for_another_kind_of_document_is_refused(site: Site) -> None:
    members = members_of(site.path)
    envelope = sign_envelope(
        members[MANIFEST], payload_type="application/vnd.extractor.destruction+json", signer=site.signer
    )
    pack(site.path, {**members, SIGNATURE: envelope})
    assert_refused(site, Step.SIGNATURE, "PK.zip")


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": MEDIA_TYPE + "x"},
        {"signatures": []},
        {"signatures": [{"keyid": "", "sig": ""}]},
        {"signatures": {}},
        {"payload": "not base64!"},
        {"payload": 7},
    ],
)
def test_an_envelope_that_is_none_is_refused(site: Site, change: dict[str, object]) -> None:
    members = members_of(site.path)
    envelope = {**json.loads(members[SIGNATURE]), **change}
    pack(site.path, {**members, SIGNATURE: json.dumps(envelope).encode()})
    assert_refused(site, Step.SIGNATURE, "PK.zip")


def test_the_bare_payload_signed_without_its_type_is_refused(site: Site) -> None:
    members = members_of(site.path)
    envelope = json.loads(members[SIGNATURE])
    envelope["signatures"][0]["sig"] = base64.b64encode(site.signer.sign(members[MANIFEST])).decode()
    pack(site.path, {**members, SIGNATURE: json.dumps(envelope).encode()})
    assert_refused(site, Step.SIGNATURE, "PK.zip")


def test_the_encoding_that_is_signed_is_the_published_one() -> None:
    # The example of the DSSE v1.0 protocol text.
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.update(format="extractor-package/2"),
        lambda raw: raw.update(surprise=1),
        lambda raw: raw.pop("suite"),
        lambda raw: raw["items"][0].update(name="../up.age"),
        lambda raw: raw["items"][0].update(digest="md5:00"),
        lambda raw: raw["items"][0].update(bytes="7"),
        lambda raw: raw["items"][0].update(bytes=True),
        lambda raw: raw["items"][0].update(rows=-1),
        lambda raw: raw["cover"]["log"].update(root=None),
        lambda raw: raw["items"].append(dict(raw["items"][0])),
        lambda raw: raw["cover"].update(expires="soon"),
        lambda raw: raw["cover"].update(expires="2020-01-01"),
        lambda raw: raw["cover"].update(created="2026-11-21T08:30:00+08:00"),
        lambda raw: raw["cover"]["risk"].update(mode="private"),
        lambda raw: raw["cover"].update(project="a\nb"),
        lambda raw: raw.update(items=[]),
        lambda raw: raw.update(items={}),
        lambda raw: raw.update(cover=None),
        lambda raw: raw.update(recipient_fingerprint="age1"),
    ],
)
def test_a_signed_manifest_that_this_version_would_not_write_is_refused(
    site: Site, change: Callable[..., object]
) -> None:
    members = members_of(site.path)
    raw = json.loads(members[MANIFEST])
    change(raw)
    with pytest.raises(FormError):
        Manifest.from_json(canonical_bytes(raw))
    pack(site.path, signed_again(site, members, canonical_bytes(raw)))
    assert_refused(site, Step.MANIFEST, MANIFEST)


@pytest.mark.parametrize(
    "respell", [lambda b: b + b"\n", lambda b: b.replace(b'"suite":"age"', b'"suite":"age","suite":"age"')]
)
def test_a_manifest_in_another_spelling_is_refused(site: Site, respell: Callable[[bytes], bytes]) -> None:
    members = members_of(site.path)
    pack(site.path, signed_again(site, members, respell(members[MANIFEST])))
    assert_refused(site, Step.MANIFEST, MANIFEST)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b"NaN",
        b'"x"',
        b'{"\\ud800":1}',
        b'{"items":[{"bytes":' + b"9" * 5000 + b"}]}",
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(FormError):
        Manifest.from_json(content)


def test_an_expired_package_is_authentic_but_does_not_open(site: Site) -> None:
    day, after = date(2027, 5, 31), date(2027, 6, 1)
    assert verify_package(site.path, trusted=site.trusted, today=day).passed
    result = inspect_package(site.path, trusted=site.trusted, today=after)
    assert isinstance(result.failure, ApprovalError) and result.failure.exit_code == 6
    assert [r.step for r in result.steps if not r.passed] == [Step.TERM]
    assert result.manifest is not None
    with pytest.raises(ApprovalError):
        open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=after)
    assert not site.out.exists()


def test_a_package_for_another_recipient_is_refused_by_fingerprints_only(site: Site, tmp_path: Path) -> None:
    other = create_identity(tmp_path / "other.txt")
    with pytest.raises(IntegrityError, match="for another recipient") as caught:
        open_package(site.path, identity=tmp_path / "other.txt", out=site.out, trusted=site.trusted, today=TODAY)
    text = caught.value.text("en") + caught.value.text("zh")
    assert other.fingerprint in text and site.recipient.fingerprint in text
    assert "age1" not in text and "SECRET" not in text
    assert not site.out.exists()


def test_a_member_encrypted_to_another_than_the_manifest_names_leaves_nothing(site: Site, tmp_path: Path) -> None:
    # The unit itself signed it, so that only decryption can tell; the files before it do not stay either.
    other = create_identity(tmp_path / "other.txt")
    members = members_of(site.path)
    manifest = Manifest.from_json(members[MANIFEST])
    pack(site.path, signed_again(site, members, replace(manifest, recipient_fingerprint=other.fingerprint)))
    with pytest.raises(IntegrityError, match="does not decrypt") as caught:
        open_package(site.path, identity=tmp_path / "other.txt", out=site.out, trusted=site.trusted, today=TODAY)
    assert caught.value.thing == RISK
    assert not site.out.exists()


def test_a_ciphertext_that_was_cut_before_it_was_signed_leaves_nothing(site: Site) -> None:
    # Every chunk of it decrypts; that the last one is missing shows only at the end.
    site.seal(site.outbox / "big.zip", first=b"f", second=b"s" * 200_000)
    members = members_of(site.outbox / "big.zip")
    manifest = Manifest.from_json(members[MANIFEST])
    start = len(members["second.json.age"]) - 200_000 - 4 * 16
    cut = members["second.json.age"][: start + 2 * (65_536 + 16)]
    items = (
        manifest.items[0],
        replace(manifest.items[1], bytes=len(cut), digest=digest_bytes(cut)),
    )
    crate = describe(manifest.cover, items=items, suite="age")
    members = {**members, "second.json.age": cut, CRATE: crate}
    pack(site.path, signed_again(site, members, replace(manifest, items=items, crate_digest=digest_bytes(crate))))
    assert verify_package(site.path, trusted=site.trusted, today=TODAY).passed
    with pytest.raises(IntegrityError, match="does not decrypt"):
        open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert not site.out.exists()


def test_a_file_that_changes_between_verification_and_decryption_is_found(site: Site, tmp_path: Path) -> None:
    sealed = members_of(site.path)[RISK]
    public = site.recipient.secret.to_public()
    # Whoever holds the public key can encrypt for it; age adds a stanza of random length, so try until the sizes agree.
    tries = (pyrage.encrypt(b'{"k": 99}', [public]) for _ in range(100_000))
    other = next(content for content in tries if len(content) == len(sealed))
    whole = site.path.read_bytes()
    for number, content in enumerate((other, sealed[:-1] + b"?", other[:-1] + b"?")):
        site.path.write_bytes(whole)
        with opened(site.path, trusted=site.trusted, today=TODAY) as check:
            assert check.run().passed
            with site.path.open("r+b") as file:
                file.write(whole.replace(sealed, content))
            (item,) = (item for item in check.manifest.items if item.name == RISK)
            with pytest.raises(IntegrityError) as caught:
                decrypt_item(check, item, identity=site.recipient, staging=tmp_path / str(number))
            assert caught.value.thing == RISK


def test_no_changed_byte_of_the_zip_s_own_structure_does_more_than_be_refused(site: Site) -> None:
    # Times, versions and attributes are nobody's statement; what passes with one of them changed is the same package.
    content = site.path.read_bytes()
    inside: set[int] = set()
    for member in members_of(site.path).values():
        start = content.index(member)
        inside |= set(range(start, start + len(member)))
    passed = 0
    for at in sorted(set(range(len(content))) - inside):
        site.path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        result = inspect_package(site.path, trusted=site.trusted, today=TODAY)
        passed += result.passed
        assert result.passed or isinstance(result.failure, IntegrityError)
    assert passed < 150


def test_a_folder_that_has_files_is_not_opened_into(site: Site) -> None:
    site.out.mkdir()
    (site.out / "mine.txt").write_text("mine")
    with pytest.raises(StorageError):
        open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert [(entry.name, entry.read_text()) for entry in site.out.iterdir()] == [("mine.txt", "mine")]


def test_an_empty_folder_of_the_user_is_opened_into_and_closed_to_others(site: Site) -> None:
    site.out.mkdir(mode=0o755)
    open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert stat.S_IMODE(site.out.stat().st_mode) == 0o700


def test_without_a_trusted_key_or_a_file_nothing_is_verified(site: Site) -> None:
    with pytest.raises(ConfigurationError):
        verify_package(site.path, trusted=(), today=TODAY)
    with pytest.raises(ConfigurationError):
        verify_package(site.path, trusted=("ed25519:",), today=TODAY)
    with pytest.raises(ConfigurationError):
        verify_package(site.outbox / "absent.zip", trusted=site.trusted, today=TODAY)


def test_a_digest_algorithm_that_is_not_checked_here_is_refused(site: Site) -> None:
    members = members_of(site.path)
    manifest = Manifest.from_json(members[MANIFEST])
    items = tuple(replace(item, digest="sm3:" + a_digest("x")[7:]) for item in manifest.items)
    pack(site.path, signed_again(site, members, replace(manifest, items=items)))
    assert_refused(site, Step.CONTENT, RISK)
