"""Backup and restore with a real store, real keys and real age: what comes back, and what a bad archive leaves behind."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyrage
import pytest
from test_approval import CATALOGUE, SITE, Clock

from extractor.bootstrap import init_home, open_office
from extractor.errors import ApprovalError, ConfigurationError, ExtractorError, IntegrityError, StorageError
from extractor.keys import AgeIdentity, create_identity, load_signing_key
from extractor.log import journal
from extractor.log.entries import LogEntry, Verb
from extractor.log.verification import verify
from extractor.workflow.backup_archive import in_memory, write_archive
from extractor.workflow.backups import Wanted, back_up
from extractor.workflow.office import Actor, Office
from extractor.workflow.people import Identity, register
from extractor.workflow.restores import drill, restore


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = init_home(tmp_path / "home", SITE, clock=Clock())
    shutil.copyfile(CATALOGUE, made.home.catalogues / "example_hospital.yaml")
    (made.home.records / "RN-2026-0001.json").write_text('{"run":"RN-2026-0001"}', "utf-8")
    (made.home.records / "half.part").write_text("half", "utf-8")
    (made.home.root / "data" / "secret.csv").write_text("ID\n1\n", "utf-8")
    register(made, Identity("operator", "operator", "operator", "运营公司"))
    register(made, Identity("tech", "tech", "technical_service_unit", SITE.unit))
    yield made
    made.store.close()


@pytest.fixture
def key(tmp_path: Path) -> AgeIdentity:
    return create_identity(tmp_path / "identity.txt")


def opener(office: Office) -> partial[Office]:
    return partial(open_office, clock=office.clock)


def actor(office: Office, name: str) -> Actor:
    with office.store.reading() as tx:
        return Actor(office.person(tx, name), load_signing_key(office.home.people / f"{name}.pem"))


def entries(office: Office, verb: Verb) -> list[LogEntry]:
    with office.store.reading() as tx:
        return list(journal.search(tx, verb=verb))


def test_what_was_backed_up_comes_back_whole_and_works(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    made = back_up(office, tmp_path / "b.age", Wanted((key.recipient,)), who=actor(office, "tech"))
    found = restore(tmp_path / "b.age", tmp_path / "new", identities=(key,), open_home=opener(office))
    assert (found.files, found.log_entries, found.signer) == (made.files, made.log_size, office.unit_key.public.text)
    names = {path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert {"settings.yaml", "store.sqlite3", "keys/root.key", "keys/log.key", "keys/unit.pem"} <= names
    assert {"catalogues/example_hospital.yaml", "records/RN-2026-0001.json"} <= names
    assert not [name for name in names if name.startswith(("data/", "keys/people/")) or name.endswith(".part")]
    again = open_office(tmp_path / "new", clock=office.clock)
    assert verify(again.store, again.log_signer.verifier).size == made.log_size + 1
    assert entries(again, Verb.RESTORE)[0].object_digest == made.archive_digest
    assert again.root_key.secret == office.root_key.secret
    again.store.close()
    logged = entries(office, Verb.BACK_UP)[0]
    assert (logged.actor, logged.object, logged.object_digest, logged.bytes) == (
        "tech", made.number, made.archive_digest, (tmp_path / "b.age").stat().st_size,
    )  # fmt: skip


def test_keys_of_people_are_in_it_only_where_that_is_asked_for(
    office: Office, key: AgeIdentity, tmp_path: Path
) -> None:
    back_up(office, tmp_path / "b.age", Wanted((key.recipient,), people_keys=True))
    restore(tmp_path / "b.age", tmp_path / "new", identities=(key,), open_home=opener(office))
    assert (tmp_path / "new" / "keys" / "people" / "tech.pem").is_file()


def test_each_of_several_recipients_opens_it_and_nobody_else(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    other, stranger = create_identity(tmp_path / "other.txt"), create_identity(tmp_path / "stranger.txt")
    back_up(office, tmp_path / "b.age", Wanted((key.recipient, other.recipient)))
    for at, identity in enumerate((key, other)):
        restore(tmp_path / "b.age", tmp_path / f"new{at}", identities=(identity,), open_home=opener(office))
    check_refused(office, stranger, tmp_path, match="another recipient")


def check_refused(office: Office, key: AgeIdentity, tmp_path: Path, *, match: str, trusted: str | None = None) -> None:
    """Restoring fails, and leaves nothing."""
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(IntegrityError, match=match):
        restore(tmp_path / "b.age", tmp_path / "bad", identities=(key,), open_home=opener(office), trusted=trusted)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("at", [0.0, 0.3, 0.9, 0.999])
def test_a_changed_byte_and_a_cut_file_are_refused_and_leave_nothing(
    office: Office, key: AgeIdentity, tmp_path: Path, at: float
) -> None:
    back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
    whole = (tmp_path / "b.age").read_bytes()
    place = int(len(whole) * at)
    (tmp_path / "b.age").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    check_refused(office, key, tmp_path, match="changed|cut|recipient")
    (tmp_path / "b.age").write_bytes(whole[:place])
    check_refused(office, key, tmp_path, match="changed|cut|recipient")
    (tmp_path / "b.age").write_bytes(whole)
    restore(tmp_path / "b.age", tmp_path / "good", identities=(key,), open_home=opener(office))


def test_an_archive_that_anybody_made_for_us_is_refused(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    other = init_home(tmp_path / "other", SITE, clock=office.clock)
    back_up(other, tmp_path / "b.age", Wanted((key.recipient,)))
    other.store.close()
    check_refused(office, key, tmp_path, match="no trusted key", trusted=office.unit_key.public.text)
    (tmp_path / "b.age").unlink()
    members = (in_memory("settings.yaml", b"unit: x\n"),)
    write_archive(tmp_path / "b.age", members, lambda _: in_memory("x", b""), recipients=(key.recipient,))
    check_refused(office, key, tmp_path, match="no signed list")


def test_a_file_beside_the_list_a_missing_and_a_changed_one_are_refused(
    office: Office, key: AgeIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import extractor.workflow.backups as module

    real = module.write_archive

    def with_more(part, members, last, *, recipients):  # type: ignore[no-untyped-def]
        return real(part, (*members, in_memory("records/more.json", b"{}")), lambda items: last(items[:-1]),
                    recipients=recipients)  # fmt: skip

    def with_less(part, members, last, *, recipients):  # type: ignore[no-untyped-def]
        left = tuple(each for each in members if not each.name.startswith("records/"))
        lost = module.BackedUp("records/lost.json", 2, "sha256:" + "0" * 64)
        return real(part, left, lambda items: last((*items, lost)), recipients=recipients)

    for planted in (with_more, with_less):
        monkeypatch.setattr(module, "write_archive", planted)
        back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
        check_refused(office, key, tmp_path, match="not those that the list names")
        (tmp_path / "b.age").unlink()


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt"])
def test_nothing_is_written_outside_the_new_folder(office: Office, key: AgeIdentity, tmp_path: Path, name: str) -> None:
    write_archive(
        tmp_path / "b.age", (in_memory(name, b"x"),), lambda _: in_memory("x", b""), recipients=(key.recipient,)
    )
    check_refused(office, key, tmp_path, match="changed")
    assert not (tmp_path.parent / "out.txt").exists()


def test_a_package_that_does_not_verify_fails_the_restore(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    (office.home.packages / "PK-2026-0001.zip").write_bytes(b"no package")
    back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
    with pytest.raises(ExtractorError):
        restore(tmp_path / "b.age", tmp_path / "bad", identities=(key,), open_home=opener(office))
    assert not (tmp_path / "bad").exists()


def test_a_broken_log_is_not_backed_up(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    with sqlite3.connect(office.home.store) as raw:
        raw.execute("UPDATE log_entries SET object = 'other' WHERE sequence = 0")
    with pytest.raises(IntegrityError):
        back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
    assert not list(tmp_path.glob("b.age*"))


def test_the_backup_is_of_one_moment_while_others_write(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    second = open_office(office.home.root, clock=office.clock)
    with second.store.transaction() as tx:
        second.log(tx, Verb.CONFIGURE, None, object="half")  # Not committed: a writer is in the middle of an act.
        made = back_up_without_entry(office, tmp_path / "b.age", key)
    restored = restore(tmp_path / "b.age", tmp_path / "new", identities=(key,), open_home=opener(office))
    assert restored.log_entries == made
    second.store.close()


def back_up_without_entry(office: Office, out: Path, key: AgeIdentity) -> int:
    """Write the archive while another holds the store's lock, as ``back_up`` does before its own entry."""
    import extractor.workflow.backups as module
    from extractor.transfer.dsse import sign_envelope

    with module._snapshot(office) as (store, log):
        members = (module.Member("store.sqlite3", store), *module._files(office.home, people_keys=False))

        def listed(items):  # type: ignore[no-untyped-def]
            what = module.BackupList(SITE.unit, "0", office.now, log.size, log.root.hex(), False, items)
            body = module.canonical_bytes(what)
            return in_memory(module.LIST, sign_envelope(body, payload_type=module.MEDIA_TYPE, signer=office.unit_key))

        write_archive(out, members, listed, recipients=(key.recipient,))
    return log.size


def test_nothing_in_the_clear_is_left_beside_the_archive(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    before = sorted(path.name for path in office.home.root.iterdir())
    back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
    assert sorted(path.name for path in office.home.root.iterdir()) == before
    content = (tmp_path / "b.age").read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"SQLite format 3" not in content and "技术服务中心".encode() not in content
    assert (tmp_path / "b.age").stat().st_mode & 0o777 == 0o600
    assert b"SQLite format 3" in pyrage.decrypt(content, [key.secret])


def test_who_may_not_or_asks_for_what_cannot_be_is_refused(office: Office, key: AgeIdentity, tmp_path: Path) -> None:
    with pytest.raises(ApprovalError, match="needs role technical_service_unit"):
        back_up(office, tmp_path / "b.age", Wanted((key.recipient,)), who=actor(office, "operator"))
    with pytest.raises(ConfigurationError, match="needs a recipient"):
        back_up(office, tmp_path / "b.age", Wanted(()))
    with pytest.raises(ConfigurationError, match="no age recipient"):
        back_up(office, tmp_path / "b.age", Wanted(("age1nothing",)))
    assert not list(tmp_path.glob("b.age*"))
    (tmp_path / "b.age").write_text("mine", "utf-8")
    with pytest.raises(StorageError, match="exists already"):
        back_up(office, tmp_path / "b.age", Wanted((key.recipient,)))
    with pytest.raises(StorageError, match="exists already"):
        restore(tmp_path / "b.age", office.home.root, identities=(key,), open_home=opener(office))
    assert (tmp_path / "b.age").read_text("utf-8") == "mine"
    assert [entry.result.value for entry in entries(office, Verb.BACK_UP)] == ["failed"]


def test_a_drill_restores_for_proof_is_logged_with_figures_and_leaves_nothing(office: Office) -> None:
    left = office.home.root / ".drill" / "home"
    left.mkdir(parents=True)
    (left / "leftover").write_text("of a drill that was killed", "utf-8")
    found = drill(office, open_home=opener(office), who=actor(office, "tech"))
    assert found.files == 7
    assert not (office.home.root / ".drill").exists()
    made, back = entries(office, Verb.BACK_UP)[0], entries(office, Verb.RESTORE)[0]
    assert made.reason is not None and made.reason.startswith("drill; files 7; log ")
    assert back.reason is not None and back.reason.startswith(f"drill; files 7; log {found.log_entries}; packages 0;")
    assert (back.object, back.object_digest) == (made.object, made.object_digest)


def test_a_drill_fails_where_the_backup_cannot_be_relied_on(office: Office) -> None:
    (office.home.packages / "PK-2026-0001.zip").write_bytes(b"no package")
    with pytest.raises(ExtractorError):
        drill(office, open_home=opener(office))
    assert entries(office, Verb.RESTORE) == []
    assert not (office.home.root / ".drill").exists()
