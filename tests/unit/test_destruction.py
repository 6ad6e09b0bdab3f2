"""A destruction record is honest at birth, needs different people, and shows every later change."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from extractor.destruction import (
    Backup,
    Chain,
    DestroyedItem,
    DestructionRecord,
    Ground,
    ItemKind,
    Medium,
    Method,
    NistMethod,
    Outcome,
    Parties,
    Party,
    Signature,
    Tool,
    Unprovable,
    Verification,
    add_signature,
    missing_signatures,
    unsigned,
    verify_record,
)
from extractor.destruction_document import read_record, write_record
from extractor.errors import ApprovalError, ConfigurationError, IntegrityError

NOON = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
DESTROYER, FIRST, SECOND, APPROVER = (Party(name, "role", "unit") for name in ("d", "w1", "w2", "a"))
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"-")) for name in ("d", "w1", "w2", "a")}


def _record(grade: int = 3, witnesses: tuple[Party, ...] = (FIRST,)) -> DestructionRecord:
    return DestructionRecord(
        number="D-1",
        chain=Chain("R-1", "sha256:aa", "sha256:bb"),
        ground=Ground.RUN_ENDED,
        items=(DestroyedItem(ItemKind.FILE, "spill/1", 9, Method.UNLINKED, Outcome.GONE, "sha256:cc"),),
        inventory_digest="sha256:dd",
        log_sequence=17,
        grade=grade,
        backups=(Backup("none", "scratch is excluded from backups"),),
        medium=Medium("SSD", "scratch division of the extraction host", "internal reuse", 1),
        tool=Tool("extractor", "0.1.0"),
        started=NOON,
        ended=NOON + timedelta(seconds=2),
        verification=Verification("opened each path again", True, DESTROYER),
        parties=Parties(DESTROYER, witnesses, APPROVER),
        cannot_be_proven=tuple(Unprovable),
    )


def _public(name: str) -> str:
    return base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()


def _sign(record: DestructionRecord, name: str, key: str | None = None) -> Signature:
    used = key or name
    return Signature(name, _public(used), base64.b64encode(KEYS[used].sign(unsigned(record))).decode())


def _verify(public_key: str, message: bytes, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(base64.b64decode(signature), message)
    except InvalidSignature:
        return False
    return True


def _signed(record: DestructionRecord) -> DestructionRecord:
    for name in record.parties.must_sign:
        record = add_signature(record, _sign(record, name))
    return record


def test_a_record_signed_by_all_verifies_with_the_registered_keys() -> None:
    record = _signed(_record())
    assert missing_signatures(record) == ()
    verify_record(record, _verify, keys={name: frozenset({_public(name)}) for name in KEYS})


def test_signatures_do_not_change_what_is_signed() -> None:
    assert unsigned(_signed(_record())) == unsigned(_record())
    document = json.loads(unsigned(_record()))
    assert document["items"][0]["method"] == "unlinked"
    assert document["type"] == "destruction-record/1"


@pytest.mark.parametrize(
    "parties",
    [
        (DESTROYER, (), None),
        (DESTROYER, (DESTROYER,), None),
        (DESTROYER, (FIRST, FIRST), None),
        (DESTROYER, (FIRST,), DESTROYER),
        (DESTROYER, (FIRST,), FIRST),
    ],
)
def test_one_person_in_two_roles_is_refused_at_birth(
    parties: tuple[Party, tuple[Party, ...], Party | None],
) -> None:
    with pytest.raises(ApprovalError):
        Parties(*parties)


def test_data_of_grade_four_need_two_witnesses() -> None:
    with pytest.raises(ApprovalError, match="two witnesses"):
        _record(grade=4)
    assert _record(grade=4, witnesses=(FIRST, SECOND)).parties.must_sign == ("d", "w1", "w2", "a")


@pytest.mark.parametrize(
    "change",
    [
        {"items": ()},
        {"number": ""},
        {"grade": 6},
        {"cannot_be_proven": ()},
        {"ended": NOON - timedelta(seconds=1)},
        {"started": datetime(2026, 3, 18)},
    ],
)
def test_an_incomplete_record_is_refused_at_birth(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        replace(_record(grade=3, witnesses=(FIRST, SECOND)), **change)


@pytest.mark.parametrize("outcome", [Outcome.STILL_THERE, Outcome.OPEN_ELSEWHERE, Outcome.ANOTHER_LINK])
def test_verification_cannot_pass_while_an_item_is_left(outcome: Outcome) -> None:
    record = _record()
    left = (replace(record.items[0], outcome=outcome),)
    with pytest.raises(ConfigurationError, match="cannot have passed"):
        replace(record, items=left)
    failed = Verification("opened each path again", False, DESTROYER)
    assert replace(record, items=left, verification=failed).items == left


def test_deletion_is_never_called_a_sanitisation() -> None:
    item = _record().items[0]
    assert item.nist_method is NistMethod.NONE
    assert replace(item, method=Method.KEY_DISCARDED).nist_method is NistMethod.CRYPTOGRAPHIC_ERASE


def test_a_record_that_lacks_a_signature_does_not_verify() -> None:
    record = add_signature(_record(), _sign(_record(), "d"))
    assert missing_signatures(record) == ("w1", "a")
    with pytest.raises(IntegrityError, match="not everybody"):
        verify_record(record, _verify)


def test_every_changed_field_breaks_the_signatures() -> None:
    record = _signed(_record())
    changes: tuple[dict[str, object], ...] = (
        {"number": "D-2"},
        {"chain": replace(record.chain, request="R-2")},
        {"ground": Ground.BREACH},
        {"items": (replace(record.items[0], bytes=8),)},
        {"inventory_digest": "sha256:00"},
        {"log_sequence": 18},
        {"cannot_be_proven": (Unprovable.SWAP,)},
        {"standard": "another"},
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="does not fit"):
            verify_record(replace(record, **change), _verify)


def test_a_stranger_or_a_second_signature_is_not_added() -> None:
    record = _record()
    once = add_signature(record, _sign(record, "d"))
    for signature in (_sign(record, "d"), _sign(record, "w2")):
        with pytest.raises(ApprovalError):
            add_signature(once, signature)


def test_one_key_for_two_people_and_unregistered_keys_do_not_verify() -> None:
    record = _record()
    one_key = replace(record, signatures=(_sign(record, "d"), _sign(record, "w1", key="d"), _sign(record, "a")))
    with pytest.raises(IntegrityError, match="one key"):
        verify_record(one_key, _verify)
    swapped = replace(record, signatures=(_sign(record, "d", key="w2"), _sign(record, "w1"), _sign(record, "a")))
    verify_record(swapped, _verify)
    with pytest.raises(IntegrityError, match="not registered for d"):
        verify_record(swapped, _verify, keys={name: frozenset({_public(name)}) for name in KEYS})


def test_a_written_record_is_read_back_equal_and_verifies() -> None:
    for record in (_signed(_record()), _signed(_record(grade=4, witnesses=(FIRST, SECOND)))):
        again = read_record(write_record(record))
        assert again == record
        verify_record(again, _verify)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"log_sequence":17', b'"log_sequence":true'),
        (b'"log_sequence":17', b'"log_sequence":17.5'),
        (b'"log_sequence":17', b'"log_sequence": 17'),
        (b'"log_sequence":17', b'"extra":1,"log_sequence":17'),
        (b'"ground":"run_ended",', b""),
        (b'"run_ended"', b'"because"'),
        (b"destruction-record/1", b"destruction-record/2"),
        (b'"number":"D-1"', b'"number":""'),
        (b'"witnesses":[{"id":"w1"', b'"witnesses":[{"id":"d"'),
        (b"}", b""),
    ],
)
def test_a_document_that_was_not_written_so_is_refused(old: bytes, new: bytes) -> None:
    document = write_record(_signed(_record()))
    assert old in document
    with pytest.raises(IntegrityError, match="not a destruction record as it was written"):
        read_record(document.replace(old, new, 1))
