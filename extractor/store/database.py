"""The database file: making it, opening it, and its transactions.

Owns the connection and what makes it durable (WAL, full synchronisation, one writer at a time). It must not know what the
tables hold: that is ``transaction`` for documents and states, and ``extractor.log`` for the log.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from extractor.errors import ConfigurationError, LogError, StorageError
from extractor.store.failures import storage_error
from extractor.store.tables import SCHEMA_VERSION, metadata, schema
from extractor.store.transaction import Clock, Document, Transaction

__all__ = ["Document", "Store", "Transaction"]

LOCK_WAIT_SECONDS = 30.0

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # What is deleted (an actor who is forgotten) is overwritten and does not stay in free pages.
    "PRAGMA secure_delete=ON",
    # Sorting happens in memory and not in a temporary file.
    "PRAGMA temp_store=MEMORY",
)


class Store:
    """One database of documents, states and the log.

    Use it as a context manager or call ``close``. It may be shared by threads; a process opens its own.
    """

    def __init__(self, engine: Engine, *, place: str, clock: Clock) -> None:
        self.engine, self.place, self._clock = engine, place, clock

    @classmethod
    def create(
        cls, path: Path, *, clock: Clock = lambda: datetime.now(UTC), lock_wait: float = LOCK_WAIT_SECONDS
    ) -> Store:
        """Make a new database, readable by the running account only, and open it.

        Raises:
            ConfigurationError: there is a file already.
            StorageError: the file cannot be written.
        """
        _reserve(path)
        store = cls(_sqlite(path, lock_wait), place=str(path), clock=clock)
        try:
            with store._connection(write=True) as connection:
                metadata.create_all(connection)
                now = clock().astimezone(UTC).isoformat()
                connection.execute(insert(schema), {"version": SCHEMA_VERSION, "created_at": now})
        except SQLAlchemyError as error:
            store.close()
            raise storage_error(error, place=str(path), kind=StorageError) from None
        return store

    @classmethod
    def open(
        cls, path: Path, *, clock: Clock = lambda: datetime.now(UTC), lock_wait: float = LOCK_WAIT_SECONDS
    ) -> Store:
        """Open a database that ``create`` made.

        Raises:
            ConfigurationError: there is no such file, or its schema is unknown to this version.
        """
        if not path.is_file():
            raise _unusable(path, "there is no database", "没有数据库")
        store = cls(_sqlite(path, lock_wait), place=str(path), clock=clock)
        try:
            with store._connection(write=False) as connection:
                versions = [row.version for row in connection.execute(select(schema.c.version))]
        except SQLAlchemyError:
            versions = []
        if versions != [SCHEMA_VERSION]:
            store.close()
            raise _unusable(path, "the database has an unknown schema version", "数据库结构版本未知")
        return store

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin to write: all of it is stored when the block ends, nothing of it when the block raises.

        Raises:
            LogError: the database cannot be locked, written or committed; nothing is stored.
        """
        with self._running(write=True, failure=LogError) as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Begin to read one state of the database, whatever others write meanwhile.

        Raises:
            StorageError: the database cannot be read.
        """
        with self._running(write=False, failure=StorageError) as tx:
            yield tx

    def empty_wal(self) -> None:
        """Move the write-ahead log into the database and cut it to nothing, so that it keeps no forgotten content.

        Raises:
            StorageError: others read or write for too long, or the file cannot be written.
        """
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except SQLAlchemyError as error:
            raise storage_error(error, place=self.place, kind=StorageError) from None
        if busy:
            raise StorageError(
                "others still use the database, so its write-ahead log keeps former content",
                zh="数据库仍被使用,预写日志中尚留有先前内容",
                thing=self.place,
                fix_en="try again when the other acts are done",
                fix_zh="请在其他操作完成后重试",
            )

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _running(self, *, write: bool, failure: type[StorageError]) -> Iterator[Transaction]:
        try:
            with self._connection(write=write) as connection:
                tx = Transaction(connection, place=self.place, clock=self._clock, writable=write, failure=failure)
                yield tx
                if tx.doomed:
                    raise tx.doomed
        except SQLAlchemyError as error:
            # Only beginning and committing come here; statements inside are mapped by the transaction itself.
            raise storage_error(error, place=self.place, kind=failure) from None

    @contextmanager
    def _connection(self, *, write: bool) -> Iterator[Connection]:
        with self.engine.connect().execution_options(write=write) as connection, connection.begin():
            yield connection


def _sqlite(path: Path, lock_wait: float) -> Engine:
    place = f"{path.resolve().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        # ``isolation_level=None`` leaves BEGIN to us; the driver would begin late and not at once for writing.
        connection = sqlite3.connect(place, uri=True, timeout=lock_wait, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()
        return connection

    # ``hide_parameters``: an exception of the driver's must not carry values, not even in a traceback.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Take the write lock at the start, so that a transaction that has read something cannot fail to write it back."""
    options: dict[str, Any] = dict(connection.get_execution_options())
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")


def _reserve(path: Path) -> None:
    """Make the empty file with its permissions before SQLite writes into it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise ConfigurationError(
            "there is a file already",
            zh="已有同名文件",
            thing=str(path),
            fix_en="open it, or name another place",
            fix_zh="请直接打开,或另选位置",
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError(
            f"the database cannot be made ({reason})", zh=f"无法建立数据库({reason})", thing=str(path)
        ) from None


def _unusable(path: Path, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        en,
        zh=zh,
        thing=str(path),
        fix_en="make one with `extractor init`, or name the right one",
        fix_zh="请用 `extractor init` 建立,或指定正确的数据库",
    )
