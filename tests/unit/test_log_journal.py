"""The log in the store: written with the act or not at all, and every change of it is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from extractor.errors import IntegrityError, LogError, StorageError, UsageError
from extractor.log import journal
from extractor.log.checkpoint import Checkpoint, Signer, open_checkpoint
from extractor.log.entries import LogEntry, Result, Verb, leaf_content, stamp
from extractor.log.proofs import InclusionProof, verify_proof
from extractor.log.tree import leaf_hash, root, verify_consistency
from extractor.log.verification import verify
from extractor.store.database import Store

SIGNER = Signer("data.example.org/log", bytes(range(32)))
VERIFIER = SIGNER.verifier
START = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "extractor.db") as made:
        yield made


def _entry(n: int = 0, **changes: Any) -> LogEntry:
    values: dict[str, Any] = {
        "time": stamp(START + timedelta(seconds=n)),
        "verb": Verb.QUERY,
        "actor": f"zhang.san.{n % 3}",
        "role": "operator",
        "unit": "福州市健康医疗大数据中心",
        "signed_in": "password+totp",
        "client": "10.0.0.7",
        "object": "stroke_visit",
        "object_digest": "sha256:" + "0" * 64,
        "request": f"RQ-2026-{n % 5:04d}",
        "agreement": "AG-2026-0001",
        "rows": abs(n),
        "bytes": 1000 + abs(n),
        "columns": ("stroke_visit.age", "stroke_visit.icd10"),
        "reason": "核对",
        "rule": "fuzhou-122",
        "article": "27",
    }
    return LogEntry(**(values | changes))


def _fill(store: Store, count: int, start: int = 0) -> None:
    with store.transaction() as tx:
        for n in range(start, start + count):
            journal.append(tx, _entry(n), SIGNER)


def _sql(store: Store, statement: str, *values: object) -> None:
    """Change the file behind the software's back."""
    connection = sqlite3.connect(store.place)
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def _value(store: Store, query: str) -> Any:
    connection = sqlite3.connect(store.place)
    value = connection.execute(query).fetchone()[0]
    connection.close()
    return value


def _fails(store: Store, sequence: int, known: Checkpoint | None = None) -> str:
    with pytest.raises(IntegrityError) as raised:
        verify(store, VERIFIER, known)
    assert raised.value.thing == f"log entry {sequence}", raised.value
    return raised.value.en


# --- writing and reading


def test_an_entry_comes_back_with_every_field(store: Store) -> None:
    with store.transaction() as tx:
        done = journal.append(tx, _entry(7), SIGNER)
        again = journal.read(tx, 0)
    assert (done.sequence, done.size, done.root) == (0, 1, done.leaf_hash)
    assert again == _entry(7, sequence=0)
    assert again.verb.zh == "查询" and not again.forgotten
    assert again.shown_time == "2026-01-31 16:00:07 +08:00"
    assert all(getattr(again, field.name) is not None for field in fields(LogEntry))


def test_the_root_is_that_of_all_leaves(store: Store) -> None:
    with store.transaction() as tx:
        done = [journal.append(tx, _entry(n), SIGNER) for n in range(20)]
    for size in range(1, 21):
        assert done[size - 1].root == root([one.leaf_hash for one in done[:size]])
    result = verify(store, VERIFIER)
    assert (result.size, result.root, result.forgotten) == (20, done[-1].root, 0)
    assert (result.first_time, result.last_time) == (_entry(0).time, _entry(19).time)


def test_an_empty_log_verifies(store: Store) -> None:
    assert verify(store, VERIFIER).size == 0
    with store.reading() as tx:
        assert journal.head(tx, VERIFIER) is None


def test_the_tree_holds_no_person(store: Store) -> None:
    _fill(store, 3)
    body = _value(store, "SELECT group_concat(body) FROM log_entries")
    assert "zhang" not in body and "10.0.0.7" not in body
    assert json.loads(_value(store, "SELECT body FROM log_entries"))["actor"].startswith("sha256:")
    first, second = (_value(store, f"SELECT body FROM log_entries WHERE sequence={n}") for n in (0, 1))
    assert json.loads(first)["client"] != json.loads(second)["client"], "the same client has another salt"


def test_the_act_and_its_entry_are_stored_together_or_not_at_all(store: Store) -> None:
    _fill(store, 2)
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
        journal.append(tx, _entry(2), SIGNER)
        raise ZeroDivisionError
    with store.reading() as tx:
        assert tx.find("request") == ()
    assert verify(store, VERIFIER).size == 2
    with store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
        assert journal.append(tx, _entry(2), SIGNER).sequence == 2
    assert verify(store, VERIFIER).size == 3


def test_search_finds_by_each_filter(store: Store) -> None:
    _fill(store, 10)
    with store.transaction() as tx:
        other = {"verb": Verb.DOWNLOAD, "object": "PK_1", "columns": ("lab.value",), "result": Result.REFUSED}
        journal.append(tx, _entry(10, **other, reason="Überprüfung 不符", client=None), SIGNER)

    def found(**filters: Any) -> list[int | None]:
        with store.reading() as tx:
            return [entry.sequence for entry in journal.search(tx, **filters)]

    assert found() == list(range(11))
    assert found(request="RQ-2026-0001") == [1, 6]
    assert found(actor="zhang.san.1") == [1, 4, 7, 10]
    assert found(actor="zhang") == []
    assert found(verb="download") == found(verb=Verb.DOWNLOAD) == [10]
    assert found(table="stroke_visit", limit=2) == [0, 1]
    assert found(table="lab") == found(table="PK_1") == [10]
    assert found(table="PKx1") == found(table="age") == []
    assert found(since=_entry(8).time) == [8, 9, 10]
    assert found(until=_entry(2).time) == [0, 1]
    assert found(since="2026-02") == []
    assert found(text="überPRÜFUNG") == found(text="refused") == [10]
    assert found(text="zhang.san.2", newest_first=True, limit=2) == [8, 5]
    assert found(text="actor") == []
    assert found(text="icd10", request="RQ-2026-0000", actor="zhang.san.2") == [5]


def test_a_missing_entry_is_named(store: Store) -> None:
    with store.reading() as tx:
        for ask in (journal.read, journal.prove):
            with pytest.raises(StorageError, match="log entry 3"):
                ask(tx, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2026-01-31T08:00:00Z"},
        {"time": "2026-13-31T08:00:00.000000Z"},
        {"time": "2026-01-31T08:00:00.000000+00:00"},
        {"actor": ""},
        {"object": ""},
        {"rows": -1},
    ],
)
def test_an_entry_that_does_not_fit_the_form_is_not_made(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="log entry"):
        _entry(**changes)


def test_a_moment_without_a_zone_is_no_time() -> None:
    with pytest.raises(ValueError, match="time zone"):
        stamp(datetime(2026, 1, 1))


# --- what cannot be logged does not happen


def _query_only(connection: sqlite3.Connection, _: object, __: object) -> None:
    connection.execute("PRAGMA query_only=ON").close()


def _nearly_full(connection: sqlite3.Connection, _: object, __: object) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 4}").fetchall()


def _with(engine: Engine, limit: Any) -> None:
    engine.dispose()
    event.listen(engine, "checkout", limit)


def test_a_read_only_database_stops_the_act(store: Store) -> None:
    _fill(store, 1)
    _with(store.engine, _query_only)
    with pytest.raises(LogError, match=r"extractor\.db: the database is read-only"), store.transaction() as tx:
        journal.append(tx, _entry(1), SIGNER)
    assert verify(store, VERIFIER).size == 1


def test_a_full_database_stops_the_act_and_leaves_nothing_of_it(store: Store) -> None:
    _fill(store, 1)
    _with(store.engine, _nearly_full)
    with pytest.raises(LogError, match=r"extractor\.db: the disk or the database is full"), store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
        for n in range(1, 500):
            journal.append(tx, _entry(n), SIGNER)
    with store.reading() as tx:
        assert tx.find("request") == ()
    assert verify(store, VERIFIER).size == 1


def test_a_locked_database_stops_the_act(store: Store) -> None:
    with (
        Store.open(Path(store.place), lock_wait=0.05) as other,
        store.transaction() as tx,
        pytest.raises(LogError, match="locked"),
        other.transaction() as second,
    ):
        journal.append(tx, _entry(), SIGNER)
        journal.append(second, _entry(), SIGNER)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (_entry(0, reason="x" * 0xFFFF), "longer than 65535 bytes"),
        (_entry(-3600), "clock is behind"),
        (_entry(0, rows=2**60), "no form as JSON"),
        (_entry(0, reason="\ud800"), "no form as JSON"),
    ],
)
def test_an_entry_that_cannot_be_logged_loses_the_act_even_if_the_caller_goes_on(
    store: Store, entry: LogEntry, message: str
) -> None:
    _fill(store, 1)
    with pytest.raises(LogError, match=message), store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
        with pytest.raises(LogError, match=message):
            journal.append(tx, entry, SIGNER)
    with store.reading() as tx:
        assert tx.find("request") == ()
    assert verify(store, VERIFIER).size == 1


def test_a_transaction_that_waited_for_another_is_logged_at_the_others_time(store: Store) -> None:
    with store.transaction() as tx:
        journal.append(tx, _entry(30), SIGNER)
        journal.append(tx, _entry(1), SIGNER)
        assert journal.read(tx, 1).time == _entry(30).time
    verify(store, VERIFIER)


def test_nothing_is_signed_on_top_of_a_log_that_was_changed(store: Store) -> None:
    _fill(store, 4)
    _sql(store, "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 2")
    with pytest.raises(IntegrityError, match="not as it was signed last"), store.transaction() as tx:
        journal.append(tx, _entry(4), SIGNER)


# --- tampering is found

BODY_CHANGES: dict[str, Any] = {
    "time": stamp(START + timedelta(seconds=2, microseconds=1)),
    "verb": "access",
    "actor": "sha256:" + "0" * 64,
    "role": "auditor",
    "unit": "x",
    "signed_in": "x",
    "client": "sha256:" + "0" * 64,
    "object": "x",
    "object_digest": "x",
    "request": "x",
    "agreement": "x",
    "rows": 0,
    "bytes": 0,
    "columns": ["stroke_visit.age"],
    "result": "refused",
    "reason": "x",
    "rule": "x",
    "article": "x",
    "sequence": 5,
}


@pytest.mark.parametrize("field", [field.name for field in fields(LogEntry)])
@pytest.mark.parametrize("also_columns", [False, True])
def test_a_tampered_field_of_a_leaf_fails_verification(store: Store, field: str, also_columns: bool) -> None:
    _fill(store, 5)
    body = json.loads(_value(store, "SELECT body FROM log_entries WHERE sequence = 2"))
    assert body[field] != BODY_CHANGES[field]
    body[field] = BODY_CHANGES[field]
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    _sql(store, "UPDATE log_entries SET body = ? WHERE sequence = 2", text)
    if also_columns and field in ("time", "verb", "request", "object"):
        _sql(store, f"UPDATE log_entries SET {field} = ? WHERE sequence = 2", body[field])
    _fails(store, 2)


@pytest.mark.parametrize("column", ["time", "verb", "request", "object"])
def test_a_tampered_search_column_fails_verification(store: Store, column: str) -> None:
    _fill(store, 5)
    _sql(store, f"UPDATE log_entries SET {column} = 'x' WHERE sequence = 2")
    assert "search columns" in _fails(store, 2)


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", "{", b"\xff", '{"verb":"x"}', "1" * 5000])
def test_a_leaf_that_is_no_entry_fails_verification(store: Store, body: object) -> None:
    _fill(store, 5)
    _sql(store, "UPDATE log_entries SET body = ? WHERE sequence = 2", body)
    _fails(store, 2)


def test_a_leaf_in_another_spelling_fails_verification(store: Store) -> None:
    _fill(store, 3)
    _sql(store, "UPDATE log_entries SET body = body || ' ' WHERE sequence = 1")
    assert "no entry" in _fails(store, 1)


def test_a_leaf_rewritten_with_all_its_hashes_fails_at_its_checkpoint(store: Store) -> None:
    _fill(store, 5)
    with store.reading() as tx:
        stored = [InclusionProof.parse(journal.prove(tx, n).text()).content for n in range(5)]
    forged = [content.replace(b'"rows":2', b'"rows":9') for content in stored]
    leaves = [leaf_hash(content) for content in forged]
    _sql(store, "UPDATE log_entries SET body = ? WHERE sequence = 2", forged[2].decode())
    for level, position in ((0, 2), (1, 1), (2, 0)):
        part = root(leaves[position << level : (position + 1) << level])
        _sql(store, "UPDATE log_nodes SET hash = ? WHERE level = ? AND position = ?", part, level, position)
    assert "not what was signed" in _fails(store, 2)


def test_a_deleted_entry_is_found(store: Store) -> None:
    _fill(store, 5)
    _sql(store, "DELETE FROM log_entries WHERE sequence = 2")
    assert "missing" in _fails(store, 2)


def test_an_inserted_entry_is_found(store: Store) -> None:
    _fill(store, 5)
    columns = "time, verb, request, object, body"
    _sql(store, f"INSERT INTO log_entries (sequence, {columns}) SELECT -1, {columns} FROM log_entries LIMIT 1")
    _fails(store, 0)


def test_an_added_last_entry_is_found(store: Store) -> None:
    _fill(store, 5)
    entry = _entry(5, sequence=5)
    values = (5, entry.time, entry.verb.value, entry.request, entry.object, leaf_content(entry).decode())
    _sql(store, "INSERT INTO log_entries VALUES (?, ?, ?, ?, ?, ?)", *values)
    assert "stored one" in _fails(store, 5)


def test_two_entries_in_each_others_place_are_found(store: Store) -> None:
    _fill(store, 5)
    for old, new in ((1, 99), (3, 1), (99, 3)):
        _sql(store, "UPDATE log_entries SET sequence = ? WHERE sequence = ?", new, old)
    assert "another's place" in _fails(store, 1)


def test_a_time_that_runs_backwards_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(store, 2)
    monkeypatch.setattr(journal, "_time", lambda entry, _: entry.time)
    _fill(store, 1)
    assert "backwards" in _fails(store, 2)


@pytest.mark.parametrize(
    ("statement", "sequence"),
    [
        ("UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 0", 1),
        ("UPDATE log_nodes SET hash = 'text' WHERE level = 0 AND position = 3", 3),
        ("DELETE FROM log_nodes WHERE level = 0 AND position = 4", 4),
        ("INSERT INTO log_nodes VALUES (0, 5, zeroblob(32))", 5),
        ("INSERT INTO log_nodes VALUES (9, 0, zeroblob(32))", 5),
        ("DELETE FROM log_checkpoints WHERE size = 2", 1),
        ("UPDATE log_checkpoints SET note = '' WHERE size = 2", 1),
        ("UPDATE log_checkpoints SET note = (SELECT note FROM log_checkpoints WHERE size = 3) WHERE size = 2", 1),
        ("INSERT INTO log_checkpoints SELECT 9, note FROM log_checkpoints WHERE size = 5", 5),
        ("UPDATE log_openings SET value = 'li.si' WHERE sequence = 3 AND field = 'actor'", 3),
        ("UPDATE log_openings SET salt = zeroblob(32) WHERE sequence = 3 AND field = 'client'", 3),
        ("UPDATE log_openings SET field = 'role' WHERE sequence = 3 AND field = 'client'", 3),
        ("UPDATE log_openings SET sequence = 7 WHERE sequence = 4 AND field = 'actor'", 5),
    ],
)
def test_a_tampered_node_checkpoint_or_name_fails_verification(store: Store, statement: str, sequence: int) -> None:
    _fill(store, 5)
    verify(store, VERIFIER)
    _sql(store, statement)
    _fails(store, sequence)


def test_a_changed_name_is_not_shown(store: Store) -> None:
    _fill(store, 5)
    _sql(store, "UPDATE log_openings SET value = 'li.si' WHERE sequence = 3 AND field = 'actor'")
    with store.reading() as tx, pytest.raises(IntegrityError, match="log entry 3"):
        journal.search(tx)


def test_a_forged_checkpoint_is_found(store: Store) -> None:
    _fill(store, 5)
    head = open_checkpoint(_value(store, "SELECT note FROM log_checkpoints WHERE size = 5"), VERIFIER)
    forger = Signer(SIGNER.name, bytes(32))
    _sql(store, "UPDATE log_checkpoints SET note = ? WHERE size = 5", forger.sign(head))
    assert "no signature" in _fails(store, 4)
    with pytest.raises(IntegrityError), store.transaction() as tx:
        journal.append(tx, _entry(5), SIGNER)


# --- what only a checkpoint kept elsewhere shows


def _cut(store: Store, size: int) -> None:
    for statement in (
        f"DELETE FROM log_openings WHERE sequence >= {size}",
        f"DELETE FROM log_entries WHERE sequence >= {size}",
        f"DELETE FROM log_checkpoints WHERE size > {size}",
        f"DELETE FROM log_nodes WHERE (position + 1) << level > {size}",
    ):
        _sql(store, statement)


def _head(store: Store) -> Checkpoint:
    with store.reading() as tx:
        found = journal.head(tx, VERIFIER)
    assert found
    return found[0]


def test_deleting_the_last_entries_is_found_by_a_checkpoint_kept_elsewhere(store: Store) -> None:
    _fill(store, 7)
    kept = _head(store)
    assert verify(store, VERIFIER, kept).witnessed == 7
    _cut(store, 5)
    assert verify(store, VERIFIER).size == 5, "alone, the shorter log looks whole"
    assert "cut or set back" in _fails(store, 5, kept)


def test_a_log_that_was_set_back_and_went_on_is_found(store: Store) -> None:
    _fill(store, 7)
    kept = _head(store)
    _cut(store, 5)
    _fill(store, 9, start=100)
    assert verify(store, VERIFIER).size == 14
    assert "rewritten" in _fails(store, 6, kept)


def test_a_log_that_grew_contains_the_checkpoint_kept_elsewhere(store: Store) -> None:
    _fill(store, 7)
    kept = _head(store)
    _fill(store, 6, start=7)
    assert verify(store, VERIFIER, kept).witnessed == 7
    with store.reading() as tx:
        proof = journal.consistency(tx, 7, 13)
    roots = {"first_root": kept.root, "second_root": _head(store).root}
    assert verify_consistency(7, 13, proof=proof, **roots)


def test_a_checkpoint_of_another_log_is_refused(store: Store) -> None:
    _fill(store, 1)
    with pytest.raises(IntegrityError, match="another log"):
        verify(store, VERIFIER, Checkpoint("other.example.org", 1, _head(store).root))


def test_an_emptied_log_is_found(store: Store) -> None:
    _fill(store, 2)
    kept = _head(store)
    _cut(store, 0)
    assert verify(store, VERIFIER).size == 0
    _fails(store, 0, kept)


# --- forgetting


def test_an_actor_can_be_forgotten_and_the_log_still_verifies(store: Store) -> None:
    _fill(store, 6)
    before = verify(store, VERIFIER)
    with store.transaction() as tx:
        assert journal.forget_actor(tx, "zhang.san.1") == 2
        assert journal.forget_actor(tx, "zhang.san.1") == 0
    after = verify(store, VERIFIER, Checkpoint(SIGNER.name, before.size, before.root))
    assert (after.root, after.forgotten) == (before.root, 2)
    with store.reading() as tx:
        entry = journal.read(tx, 1)
        assert entry.forgotten and entry.client != "10.0.0.7"
        assert journal.search(tx, actor="zhang.san.1") == ()
        assert not journal.read(tx, 2).forgotten
        assert verify_proof(journal.prove(tx, 1), VERIFIER).actor == entry.actor
    _fill(store, 1, start=6)
    verify(store, VERIFIER)


def test_a_forgotten_actor_is_in_none_of_the_files(store: Store) -> None:
    def traces() -> list[str]:
        files = Path(store.place).parent.iterdir()
        return [file.name for file in files if b"zhang.san.1" in file.read_bytes()]

    _fill(store, 30)
    assert traces()
    with store.transaction() as tx:
        journal.forget_actor(tx, "zhang.san.1")
    assert traces(), "the write-ahead log still has it, which is why it is emptied"
    store.empty_wal()
    assert traces() == []


# --- proofs


def test_every_entry_is_proven_without_the_database(store: Store) -> None:
    _fill(store, 13)
    with store.reading() as tx:
        proofs = [journal.prove(tx, n).text() for n in range(13)]
    for n, text in enumerate(proofs):
        entry = verify_proof(InclusionProof.parse(text), VERIFIER)
        assert (entry.sequence, entry.rows) == (n, n) and entry.forgotten


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("extra ", "extra"),
        ("extra ", "extra ="),
        ("index 5", "index 6"),
        ("index 5", "index 05"),
        ("index 5", "index -5"),
        ("index 5", "index ５"),
        ("index 5\n", "index 5\nAAAA\n"),
        ("index 5", "index 4"),
        ("\n8\n", "\n9\n"),
        ("\n\n", "\n"),
    ],
)
def test_a_spoilt_proof_is_rejected(store: Store, old: str, new: str) -> None:
    _fill(store, 8)
    with store.reading() as tx:
        text = journal.prove(tx, 5).text()
    assert old in text
    with pytest.raises(IntegrityError):
        verify_proof(InclusionProof.parse(text.replace(old, new, 1)), VERIFIER)


def test_a_proof_of_another_content_is_rejected(store: Store) -> None:
    _fill(store, 8)
    with store.reading() as tx:
        good = journal.prove(tx, 5)
    forged = InclusionProof(5, good.content.replace(b'"rows":5', b'"rows":0'), good.hashes, good.note)
    assert forged != good
    with pytest.raises(IntegrityError, match="not in the log"):
        verify_proof(forged, VERIFIER)


def test_a_proof_with_a_node_gone_names_it(store: Store) -> None:
    _fill(store, 8)
    _sql(store, "DELETE FROM log_nodes WHERE level = 0 AND position = 4")
    with store.reading() as tx, pytest.raises(IntegrityError, match="log entry 4"):
        journal.prove(tx, 5)
