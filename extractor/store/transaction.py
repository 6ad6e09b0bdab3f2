"""What is done inside one transaction: documents, states and readable numbers.

Owns immutable documents by digest, the current state of numbered things as a compare-and-set, and the counters. It must not
know what a document means, nor when a state may change into which; that is the workflow's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rfc8785 import CanonicalizationError
from sqlalchemy import Connection, Executable, Row, Select, and_, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from extractor.canonical import canonical_bytes, digest_bytes
from extractor.errors import ExtractorError, IntegrityError, StorageError
from extractor.store.failures import storage_error
from extractor.store.tables import counters, documents, states

Clock = Callable[[], datetime]
_NUMBER = re.compile(r"([A-Z]{2})-([0-9]{4})-([0-9]{4,9})")


@dataclass(frozen=True)
class Document:
    """One version of a numbered thing: its digest, kind, number, body and when it was put."""

    digest: str
    kind: str
    number: str
    body: dict[str, Any]
    created_at: str


class Transaction:
    """One unit of reading or writing; made by ``Store.transaction`` and ``Store.reading`` only.

    A failure of the database raises ``failure``: in a writing transaction that is ``LogError``, because the log stands in the
    same file and the entry that reports the act would be lost with it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        place: str,
        clock: Clock,
        writable: bool,
        failure: type[StorageError],
    ) -> None:
        self._connection, self.place, self._clock = connection, place, clock
        self.writable, self.failure = writable, failure
        self.doomed: ExtractorError | None = None

    def doom(self, error: ExtractorError) -> None:
        """Make sure that nothing of this transaction is stored, even where the caller goes on after ``error``."""
        self.doomed = self.doomed or error

    def rows(self, statement: Executable) -> Sequence[Row[Any]]:
        """Run a query and return all its rows.

        Raises:
            StorageError: the database cannot be read.
        """
        try:
            return self._connection.execute(statement).all()
        except SQLAlchemyError as error:
            raise storage_error(error, place=self.place, kind=self.failure) from None

    def write(self, statement: Executable, values: Sequence[Mapping[str, Any]] = ()) -> int:
        """Run an insert, update or delete, once for each of ``values`` if there are any; return the number of rows.

        Raises:
            StorageError: the transaction is for reading only, or the database cannot be written.
        """
        if not self.writable:
            raise StorageError("this transaction only reads", zh="该事务只读", thing=self.place)
        try:
            return int(self._connection.execute(statement, list(values) or None).rowcount)
        except SQLAlchemyError as error:
            failure = storage_error(error, place=self.place, kind=self.failure)
            self.doom(failure)
            raise failure from None

    def put(self, kind: str, number: str, value: Any) -> str:
        """Store a value as the newest version of (kind, number), in canonical JSON (RFC 8785); return its digest.

        The newest version put again is left as it is.

        Raises:
            StorageError: the value is no JSON object, or the database cannot be written.
        """
        body = _canonical(value, thing=f"{kind} {number}")
        digest = digest_bytes(body)
        newest = self.rows(_newest(kind, number))
        if newest and newest[0].digest == digest:
            return digest
        row = {"digest": digest, "kind": kind, "number": number, "body": body.decode()}
        self.write(insert(documents), [{**row, "created_at": self._now()}])
        return digest

    def get(self, kind: str, number: str) -> Document:
        """Return the newest version of (kind, number).

        Raises:
            StorageError: there is none.
            IntegrityError: its body does not have its digest.
        """
        rows = self.rows(_newest(kind, number))
        if not rows:
            raise _missing(f"{kind} {number}")
        return _document(rows[0])

    def by_digest(self, digest: str) -> Document:
        """Return the first document that was stored with this digest.

        Raises:
            StorageError: there is none.
            IntegrityError: its body does not have its digest.
        """
        chosen = select(documents).where(documents.c.digest == digest)
        rows = self.rows(chosen.order_by(documents.c.position).limit(1))
        if not rows:
            raise _missing(digest)
        return _document(rows[0])

    def versions(self, kind: str, number: str) -> tuple[Document, ...]:
        """Return every version of (kind, number), oldest first; none if there is none.

        Raises:
            IntegrityError: a body does not have its digest.
        """
        chosen = select(documents).where(documents.c.kind == kind, documents.c.number == number)
        return tuple(_document(row) for row in self.rows(chosen.order_by(documents.c.position)))

    def find(self, kind: str, *, state: str | None = None, number_prefix: str | None = None) -> tuple[Document, ...]:
        """Return the newest version of every thing of a kind, in the order of their numbers.

        Args:
            kind: which kind.
            state: only those that are in this state now.
            number_prefix: only those whose number begins so.

        Raises:
            IntegrityError: a body does not have its digest.
        """
        newest = select(func.max(documents.c.position)).where(documents.c.kind == kind)
        chosen = select(documents).where(documents.c.position.in_(newest.group_by(documents.c.number)))
        if state is not None:
            same = and_(states.c.kind == documents.c.kind, states.c.number == documents.c.number)
            chosen = chosen.join(states, same).where(states.c.state == state)
        if number_prefix is not None:
            # Not LIKE, which in SQLite does not tell apart the case of letters.
            start = func.substr(documents.c.number, 1, len(number_prefix))
            chosen = chosen.where(start == number_prefix)
        return tuple(_document(row) for row in self.rows(chosen.order_by(documents.c.number)))

    def state(self, kind: str, number: str) -> str | None:
        """Return the current state of (kind, number), or None where it never had one."""
        chosen = select(states.c.state).where(states.c.kind == kind, states.c.number == number)
        rows = self.rows(chosen.with_for_update() if self.writable else chosen)
        return str(rows[0].state) if rows else None

    def move(self, kind: str, number: str, *, was: str | None, to: str) -> None:
        """Change the state of (kind, number) from ``was`` to ``to``; ``was`` is None for the first state.

        Raises:
            StorageError: the current state is another than ``was``.
        """
        current = self.state(kind, number)
        if current != was:
            raise StorageError(
                f"its state is {current or 'none'}, not {was or 'none'} as this act needs",
                zh=f"其状态为“{current or '无'}”,而非本操作所需的“{was or '无'}”",
                thing=f"{kind} {number}",
                fix_en="look at it again: somebody else has changed it meanwhile",
                fix_zh="请重新查看:其间已有他人更改",
            )
        values = {"state": to, "since": self._now()}
        if current is None:
            self.write(insert(states), [{"kind": kind, "number": number, **values}])
        else:
            here = and_(states.c.kind == kind, states.c.number == number, states.c.state == was)
            self.write(update(states).where(here).values(**values))

    def next_number(self, prefix: str, year: int) -> str:
        """Return the next readable number of a prefix and a year, such as ``RQ-2026-0001``; no number comes twice."""
        here = and_(counters.c.prefix == prefix, counters.c.year == year)
        rows = self.rows(select(counters.c.last).where(here).with_for_update())
        last = int(rows[0].last) + 1 if rows else 1
        if rows:
            self.write(update(counters).where(here).values(last=last))
        else:
            self.write(insert(counters), [{"prefix": prefix, "year": year, "last": last}])
        return f"{prefix}-{year}-{last:04d}"

    def issued(self, number: str) -> bool:
        """Say whether ``next_number`` has given out this number, spelled as it was given out."""
        found = _NUMBER.fullmatch(number)
        if found is None:
            return False
        here = and_(counters.c.prefix == found[1], counters.c.year == int(found[2]))
        rows = self.rows(select(counters.c.last).where(here))
        count = int(found[3])
        return bool(rows) and 0 < count <= int(rows[0].last) and found[3] == f"{count:04d}"

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat()


def _newest(kind: str, number: str) -> Select[Any]:
    chosen = select(documents).where(documents.c.kind == kind, documents.c.number == number)
    return chosen.order_by(documents.c.position.desc()).limit(1)


def _canonical(value: Any, *, thing: str) -> bytes:
    try:
        body = canonical_bytes(value)
    except (TypeError, ValueError, CanonicalizationError):
        body = b""
    if not body.startswith(b"{"):
        # The reason of the encoder is left out: it can quote the value.
        raise StorageError("it has no form as a JSON object", zh="无法写成 JSON 对象", thing=thing) from None
    return body


def _document(row: Row[Any]) -> Document:
    """Return the document of a row after its body was seen to have its digest."""
    name = f"{row.kind} {row.number}"
    if not isinstance(row.body, str) or digest_bytes(row.body.encode()) != row.digest:
        raise IntegrityError(
            "the stored body does not have its digest: it was changed after it was stored",
            zh="存储内容与其摘要不符:入库后被改动",
            thing=name,
            fix_en="keep the database as evidence, verify the log, and restore the document from a backup",
            fix_zh="请保留数据库作为证据,核验日志,并从备份恢复该文件",
        )
    return Document(row.digest, row.kind, row.number, json.loads(row.body), row.created_at)


def _missing(thing: str) -> StorageError:
    return StorageError(
        "there is no such document",
        zh="没有该文件",
        thing=thing,
        fix_en="check the number",
        fix_zh="请核对编号",
    )
