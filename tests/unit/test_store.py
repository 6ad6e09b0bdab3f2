"""The store: documents that never change, states as compare-and-set, numbers, all or nothing."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from extractor.canonical import digest
from extractor.errors import ConfigurationError, IntegrityError, LogError, StorageError
from extractor.store.database import Store
from extractor.store.tables import metadata


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "home" / "extractor.db") as made:
        yield made


def _tamper(store: Store, statement: str, *values: object) -> None:
    with sqlite3.connect(store.place) as connection:
        assert connection.execute(statement, values).rowcount
    connection.close()


@dataclass(frozen=True)
class Thing:
    name: str
    size: int | None = None


def test_a_document_comes_back_by_number_and_by_digest(store: Store) -> None:
    with store.transaction() as tx:
        put = tx.put("request", "RQ-2026-0001", Thing("卒中研究"))
    with store.reading() as tx:
        document = tx.get("request", "RQ-2026-0001")
        assert document == tx.by_digest(put)
    assert (document.digest, document.body) == (digest(Thing("卒中研究")), {"name": "卒中研究"})
    assert document.created_at.endswith("+00:00")


def test_the_newest_version_is_what_get_and_find_return(store: Store) -> None:
    with store.transaction() as tx:
        for name in ("a", "b", "b", "a"):
            tx.put("catalogue", "C-1", {"name": name})
        tx.put("catalogue", "C-2", {"name": "z"})
        tx.put("policy", "C-1", {"name": "other kind"})
    with store.reading() as tx:
        assert [d.body["name"] for d in tx.versions("catalogue", "C-1")] == ["a", "b", "a"]
        assert tx.get("catalogue", "C-1").body == {"name": "a"}
        assert [(d.number, d.body["name"]) for d in tx.find("catalogue")] == [("C-1", "a"), ("C-2", "z")]


def test_find_chooses_by_state_and_by_the_beginning_of_the_number(store: Store) -> None:
    with store.transaction() as tx:
        for number, state in (("RQ-2026-0001", "draft"), ("RQ-2026-0002", "open"), ("rq-2026-0003", "open")):
            tx.put("request", number, {"n": number})
            tx.move("request", number, was=None, to=state)
            tx.move("plan", number, was=None, to="draft")
        assert [d.number for d in tx.find("request", state="open")] == ["RQ-2026-0002", "rq-2026-0003"]
        assert [d.number for d in tx.find("request", number_prefix="RQ-")] == ["RQ-2026-0001", "RQ-2026-0002"]
        assert [d.number for d in tx.find("request", state="open", number_prefix="RQ-")] == ["RQ-2026-0002"]
        assert tx.find("request", number_prefix="%") == ()


def test_a_document_that_was_changed_in_the_file_is_not_returned(store: Store) -> None:
    with store.transaction() as tx:
        put = tx.put("plan", "PL-1", {"columns": ["age"]})
    _tamper(store, "UPDATE documents SET body = replace(body, 'age', 'name')")
    with store.reading() as tx:
        for read in (
            lambda: tx.get("plan", "PL-1"),
            lambda: tx.by_digest(put),
            lambda: tx.versions("plan", "PL-1"),
            lambda: tx.find("plan"),
        ):
            with pytest.raises(IntegrityError, match="plan PL-1"):
                read()


def test_a_missing_document_is_named(store: Store) -> None:
    with store.reading() as tx:
        with pytest.raises(StorageError, match="request RQ-9"):
            tx.get("request", "RQ-9")
        with pytest.raises(StorageError, match="sha256:00"):
            tx.by_digest("sha256:00")
        assert tx.versions("request", "RQ-9") == ()


@pytest.mark.parametrize("value", ["text", [1], {"secret": object()}, {"n": 2**60}, {"n": float("nan")}])
def test_what_is_no_json_object_is_refused_without_its_value(store: Store, value: object) -> None:
    with store.transaction() as tx, pytest.raises(StorageError, match="request RQ-1") as raised:
        tx.put("request", "RQ-1", value)
    assert "secret" not in str(raised.value) and raised.value.__cause__ is None


def test_a_state_moves_only_from_where_it_is(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.state("request", "RQ-1") is None
        tx.move("request", "RQ-1", was=None, to="submitted")
        tx.move("request", "RQ-1", was="submitted", to="approved")
        for was in (None, "submitted", "withdrawn"):
            with pytest.raises(StorageError, match="its state is approved"):
                tx.move("request", "RQ-1", was=was, to="run")
        assert tx.state("request", "RQ-1") == "approved"
        with pytest.raises(StorageError, match="its state is none"):
            tx.move("request", "RQ-2", was="submitted", to="approved")


def test_numbers_count_by_prefix_and_year(store: Store) -> None:
    with store.transaction() as tx:
        numbers = [tx.next_number("RQ", 2026), tx.next_number("RQ", 2026), tx.next_number("PL", 2026)]
        numbers.append(tx.next_number("RQ", 2027))
    assert numbers == ["RQ-2026-0001", "RQ-2026-0002", "PL-2026-0001", "RQ-2027-0001"]


def test_a_number_that_was_not_stored_is_given_again(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.next_number("RQ", 2026)
        tx.put("request", "RQ-2026-0001", {"a": 1})
        raise ZeroDivisionError
    with store.transaction() as tx:
        assert tx.next_number("RQ", 2026) == "RQ-2026-0001"
        assert tx.find("request") == ()


def test_numbers_drawn_by_threads_at_once_never_repeat(store: Store) -> None:
    drawn: list[str] = []

    def draw() -> None:
        for _ in range(10):
            with store.transaction() as tx:
                drawn.append(tx.next_number("RQ", 2026))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drawn) == [f"RQ-2026-{n:04d}" for n in range(1, 41)]


def test_a_reader_sees_one_state_while_others_write(store: Store) -> None:
    with store.transaction() as tx:
        tx.put("request", "RQ-1", {"v": 1})
    with store.reading() as reader:
        assert reader.get("request", "RQ-1").body == {"v": 1}
        with store.transaction() as tx:
            tx.put("request", "RQ-1", {"v": 2})
        assert reader.get("request", "RQ-1").body == {"v": 1}
    with store.reading() as reader:
        assert reader.get("request", "RQ-1").body == {"v": 2}


def test_a_reading_transaction_does_not_write(store: Store) -> None:
    with store.reading() as tx:
        for act in (
            lambda: tx.put("request", "RQ-1", {}),
            lambda: tx.move("request", "RQ-1", was=None, to="x"),
            lambda: tx.next_number("RQ", 2026),
        ):
            with pytest.raises(StorageError, match="only reads"):
                act()


def test_a_failed_write_is_not_stored_even_if_the_caller_goes_on(store: Store) -> None:
    with pytest.raises(LogError, match="SQLITE_ERROR"), store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
        with pytest.raises(LogError):
            tx.write(text("INSERT INTO nothing VALUES (1)"))
    with store.reading() as tx:
        assert tx.find("request") == ()


def test_a_database_that_stays_locked_is_a_named_error(store: Store) -> None:
    with (
        Store.open(Path(store.place), lock_wait=0.05) as other,
        store.transaction(),
        pytest.raises(LogError, match=r"extractor\.db: the database is locked"),
        other.transaction(),
    ):
        pass


def test_an_error_of_the_database_carries_no_value(store: Store) -> None:
    with pytest.raises(LogError) as raised, store.transaction() as tx:
        tx.write(text("INSERT INTO states VALUES ('k', 'n', NULL, '350102199003071234')"))
    assert "350102199003071234" not in str(raised.value) + repr(raised.value.__cause__)
    assert raised.value.__suppress_context__


def test_the_file_is_durable_and_for_the_running_account_only(store: Store) -> None:
    path = Path(store.place)
    with store.reading():
        with store.engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
            }
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    assert modes == {0o600}


def test_what_was_stored_is_there_after_opening_again(store: Store) -> None:
    with store.transaction() as tx:
        tx.put("request", "RQ-1", {"a": 1})
    store.close()
    with Store.open(Path(store.place)) as again, again.reading() as tx:
        assert tx.get("request", "RQ-1").body == {"a": 1}


def test_a_missing_database_names_the_path_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.db.*extractor init"):
        Store.open(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"a\.db"):
        Store.create(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"a\.db.*schema version.*extractor init"):
        Store.open(tmp_path / "a.db")


def test_a_schema_of_another_version_is_refused(store: Store) -> None:
    store.close()
    _tamper(store, "UPDATE schema SET version = 2")
    with pytest.raises(ConfigurationError, match="schema version"):
        Store.open(Path(store.place))


def test_the_tables_are_made_for_postgresql_too() -> None:
    made = [str(CreateTable(t).compile(dialect=postgresql.dialect())) for t in metadata.sorted_tables]
    assert len(made) == len(metadata.tables)
    assert "SERIAL" in "".join(made) and "BYTEA" in "".join(made)
