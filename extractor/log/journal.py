"""The log in the store: appending, reading, proving, forgetting.

Owns how an entry becomes a leaf, nodes and a signed checkpoint inside the caller's transaction, so that an act and the entry
that reports it are stored together or not at all. It must not know the workflow, nor verify the whole log (``verification``).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from rfc8785 import CanonicalizationError
from sqlalchemy import ColumnElement, Row, delete, insert, select, tuple_

from extractor.errors import ExtractorError, IntegrityError, LogError, StorageError
from extractor.log.checkpoint import Checkpoint, Signer, Verifier, open_checkpoint
from extractor.log.entries import (
    MAX_LEAF_BYTES,
    PERSONAL_FIELDS,
    SALT_BYTES,
    LogEntry,
    broken_at,
    commitment,
    committed,
    leaf_content,
    read_leaf,
)
from extractor.log.proofs import InclusionProof
from extractor.log.tree import fold, frontier, grow, leaf_hash, prove_consistency, prove_inclusion
from extractor.log.verification import LogVerification, verify
from extractor.store.database import Transaction
from extractor.store.tables import log_checkpoints, log_entries, log_nodes, log_openings

__all__ = [
    "Appended",
    "LogVerification",
    "append",
    "consistency",
    "forget_actor",
    "head",
    "prove",
    "read",
    "search",
    "verify",
]

# A transaction may have waited for the lock since it looked at the clock; another may have written meanwhile.
CLOCK_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True)
class Appended:
    """Where an entry came to stand, and the log's size and root with it."""

    sequence: int
    leaf_hash: bytes
    size: int
    root: bytes


def append(tx: Transaction, entry: LogEntry, signer: Signer) -> Appended:
    """Append an entry inside the caller's transaction: leaf, nodes, commitments' openings and a signed checkpoint.

    The time in the log is the entry's, or that of the entry before it where that is a little later (up to
    ``CLOCK_TOLERANCE``), so that the log's time never runs backwards.

    Raises:
        LogError: the entry cannot be written, is too long, or the clock was set back; the transaction is then lost, even
            if the caller goes on.
        IntegrityError: the log is not the one that was signed last, so nothing is signed on top of it.
    """
    try:
        return _append(tx, entry, signer)
    except (LogError, IntegrityError) as error:
        tx.doom(error)
        raise
    except ExtractorError as error:
        failure = LogError(error.en, zh=error.zh, thing=error.thing, fix_en=error.fix_en, fix_zh=error.fix_zh)
        tx.doom(failure)
        raise failure from None


def head(tx: Transaction, verifier: Verifier) -> tuple[Checkpoint, str] | None:
    """Return the last checkpoint and its signed note, which a witness may keep elsewhere; None for an empty log.

    Raises:
        IntegrityError: the checkpoint is not the log's.
    """
    rows = tx.rows(select(log_checkpoints).order_by(log_checkpoints.c.size.desc()).limit(1))
    return (open_checkpoint(str(rows[0].note), verifier), str(rows[0].note)) if rows else None


def search(  # noqa: PLR0913 - one keyword for each thing that an auditor asks for
    tx: Transaction,
    *,
    request: str | None = None,
    actor: str | None = None,
    table: str | None = None,
    verb: str | None = None,
    since: str | None = None,
    until: str | None = None,
    text: str | None = None,
    limit: int | None = None,
    newest_first: bool = False,
) -> tuple[LogEntry, ...]:
    """Return the entries that fit every filter, in their order, with the persons that are not forgotten.

    Args:
        tx: the transaction.
        request: the number of the request.
        actor: who did it.
        table: the object, or the table of one of the columns.
        verb: what was done.
        since: not before this time (as ``stamp`` writes it, or the beginning of such a text).
        until: before this time.
        text: a part of any field, whatever its case.
        limit: at most so many.
        newest_first: whether the newest come first.

    Raises:
        IntegrityError: an entry, or whom it names, is not as it was written.
    """
    chosen = select(log_entries).where(*_filters(request=request, verb=verb, since=since, until=until))
    if actor is not None:
        named = select(log_openings.c.sequence).where(log_openings.c.field == "actor", log_openings.c.value == actor)
        chosen = chosen.where(log_entries.c.sequence.in_(named))
    if table is not None:
        # A canonical JSON text holds this only where a column of the table is named.
        column = log_entries.c.body.contains(f'"{table}.', autoescape=True)
        chosen = chosen.where((log_entries.c.object == table) | column)
    order = log_entries.c.sequence.desc() if newest_first else log_entries.c.sequence
    chosen = chosen.order_by(order)
    if text is None:
        rows = tx.rows(chosen.limit(limit))
        return _opened(tx, [_entry(row) for row in rows])
    found = _opened(tx, [_entry(row) for row in tx.rows(chosen)])
    return tuple(entry for entry in found if _mentions(entry, text.casefold()))[:limit]


def read(tx: Transaction, sequence: int) -> LogEntry:
    """Return one entry, with its persons where they are not forgotten.

    Raises:
        StorageError: there is no such entry.
        IntegrityError: the entry, or whom it names, is not as it was written.
    """
    rows = tx.rows(select(log_entries).where(log_entries.c.sequence == sequence))
    if not rows:
        raise _no_entry(sequence)
    return _opened(tx, [_entry(rows[0])])[0]


def prove(tx: Transaction, sequence: int) -> InclusionProof:
    """Return the proof that an entry stands in the log as its last checkpoint signs it.

    Raises:
        StorageError: there is no such entry.
        IntegrityError: a node of the tree is missing.
    """
    bodies = tx.rows(select(log_entries.c.body).where(log_entries.c.sequence == sequence))
    notes = tx.rows(select(log_checkpoints).order_by(log_checkpoints.c.size.desc()).limit(1))
    if not bodies or not notes or sequence >= notes[0].size:
        raise _no_entry(sequence)
    hashes = prove_inclusion(sequence, notes[0].size, lambda level, at: _node(tx, level, at))
    return InclusionProof(sequence, str(bodies[0].body).encode(), hashes, str(notes[0].note))


def consistency(tx: Transaction, first: int, second: int) -> tuple[bytes, ...]:
    """Return the proof that the log of ``second`` entries begins with that of ``first``, for a witness.

    Raises:
        IntegrityError: a node of the tree is missing.
        ValueError: not 1 ≤ first ≤ second.
    """
    return prove_consistency(first, second, lambda level, at: _node(tx, level, at))


def forget_actor(tx: Transaction, actor: str) -> int:
    """Forget who an actor was: delete what opens the commitments of their entries; return how many entries.

    The tree, its proofs and its checkpoints stay as they are and still verify. After the transaction, ``Store.empty_wal``
    removes the former content from the write-ahead log too.
    """
    named = (log_openings.c.field == "actor") & (log_openings.c.value == actor)
    sequences = [row.sequence for row in tx.rows(select(log_openings.c.sequence).where(named))]
    for start in range(0, len(sequences), 500):
        tx.write(delete(log_openings).where(log_openings.c.sequence.in_(sequences[start : start + 500])))
    return len(sequences)


def _append(tx: Transaction, entry: LogEntry, signer: Signer) -> Appended:
    newest = select(log_entries.c.sequence, log_entries.c.time).order_by(log_entries.c.sequence.desc())
    last = next(iter(tx.rows(newest.limit(1))), None)
    size = last.sequence + 1 if last else 0
    hashes = _signed_frontier(tx, size, signer.verifier)
    salts = {name: secrets.token_bytes(SALT_BYTES) for name in PERSONAL_FIELDS if getattr(entry, name)}
    stored = replace(committed(entry, salts), sequence=size, time=_time(entry, last.time if last else ""))
    content = _content(stored)
    leaf = leaf_hash(content)
    growth = grow(size, hashes, leaf)
    note = signer.sign(Checkpoint(signer.name, size + 1, growth.root))
    indexed = {name: getattr(stored, name) for name in ("sequence", "time", "request", "object")}
    tx.write(insert(log_entries), [{**indexed, "verb": stored.verb.value, "body": content.decode()}])
    tx.write(
        insert(log_nodes),
        [{"level": level, "position": at, "hash": value} for (level, at), value in growth.nodes],
    )
    tx.write(insert(log_checkpoints), [{"size": size + 1, "note": note}])
    openings = [
        {"sequence": size, "field": name, "value": getattr(entry, name), "salt": salt} for name, salt in salts.items()
    ]
    tx.write(insert(log_openings), openings)
    return Appended(size, leaf, size + 1, growth.root)


def _signed_frontier(tx: Transaction, size: int, verifier: Verifier) -> tuple[bytes, ...]:
    """Return the hashes of the frontier after they were seen to be what the last checkpoint signs."""
    last = head(tx, verifier)
    if last is None and size == 0:
        return ()
    places = frontier(size)
    at = tuple_(log_nodes.c.level, log_nodes.c.position).in_(places)
    found = {(row.level, row.position): row.hash for row in tx.rows(select(log_nodes).where(at))}
    hashes = tuple(found.get(place, b"") for place in places)
    signed = last is not None and last[0].size == size and last[0].root == fold(hashes)
    if not signed:
        raise broken_at(max(size - 1, 0), "the log is not as it was signed last", "日志与上次签名不符")
    return hashes


def _content(entry: LogEntry) -> bytes:
    try:
        content = leaf_content(entry)
    except (ValueError, CanonicalizationError):
        raise LogError("it has no form as JSON", zh="无法写成 JSON", thing="log entry") from None
    if len(content) > MAX_LEAF_BYTES:
        raise LogError(
            f"it is longer than {MAX_LEAF_BYTES} bytes",
            zh=f"超过 {MAX_LEAF_BYTES} 字节",
            thing="log entry",
            fix_en="name a document by its digest instead of listing its content",
            fix_zh="请以摘要引用文件,勿列出其内容",
        )
    return content


def _time(entry: LogEntry, before: str) -> str:
    if entry.time >= before:
        return entry.time
    if datetime.fromisoformat(before) - datetime.fromisoformat(entry.time) > CLOCK_TOLERANCE:
        raise LogError(
            f"the clock is behind the last log entry of {before}",
            zh=f"系统时钟早于最后一条日志 {before}",
            thing="log entry: time",
            fix_en="set the machine's clock right",
            fix_zh="请校准系统时钟",
        )
    return before


def _node(tx: Transaction, level: int, position: int) -> bytes:
    here = (log_nodes.c.level == level) & (log_nodes.c.position == position)
    rows = tx.rows(select(log_nodes.c.hash).where(here))
    if not rows:
        raise broken_at(position << level, "a node of the tree is missing", "缺少树节点")
    return bytes(rows[0].hash)


def _filters(
    *, request: str | None, verb: str | None, since: str | None, until: str | None
) -> list[ColumnElement[bool]]:
    chosen = []
    if request is not None:
        chosen.append(log_entries.c.request == request)
    if verb is not None:
        chosen.append(log_entries.c.verb == str(verb))
    if since is not None:
        chosen.append(log_entries.c.time >= since)
    if until is not None:
        chosen.append(log_entries.c.time < until)
    return chosen


def _entry(row: Row[Any]) -> LogEntry:
    return read_leaf(str(row.body).encode(), row.sequence)


def _opened(tx: Transaction, entries: list[LogEntry]) -> tuple[LogEntry, ...]:
    """Put the persons in place of the commitments that can be opened."""
    known: dict[int, dict[str, Row[Any]]] = {}
    for start in range(0, len(entries), 500):
        sequences = [entry.sequence for entry in entries[start : start + 500]]
        for row in tx.rows(select(log_openings).where(log_openings.c.sequence.in_(sequences))):
            known.setdefault(row.sequence, {})[row.field] = row
    return tuple(_open(entry, known.get(entry.sequence or 0, {})) for entry in entries)


def _open(entry: LogEntry, openings: Mapping[str, Row[Any]]) -> LogEntry:
    for name, row in openings.items():
        if name not in PERSONAL_FIELDS or getattr(entry, name) != commitment(row.salt, row.value):
            raise broken_at(row.sequence, "the person named is not the one committed to", "所示人员与承诺值不符")
    return replace(entry, **{name: row.value for name, row in openings.items()})


def _mentions(entry: LogEntry, text: str) -> bool:
    values = (value for value in vars(entry).values() if value is not None)
    words = (item for value in values for item in (value if isinstance(value, tuple) else (value,)))
    return any(text in str(word).casefold() for word in words)


def _no_entry(sequence: int) -> StorageError:
    return StorageError("there is no such log entry", zh="没有该日志条目", thing=f"log entry {sequence}")
