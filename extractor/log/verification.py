"""Verification of the whole log in the store, from the bodies up.

Owns the steps that show that no entry was changed, moved, added or removed since it was signed. It must not know how entries
are appended, and trusts nothing in the database but the log's public key and a checkpoint that was kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from extractor.errors import IntegrityError
from extractor.log.checkpoint import Checkpoint, Verifier, open_checkpoint
from extractor.log.entries import PERSONAL_FIELDS, LogEntry, broken_at, check_time, commitment, read_leaf
from extractor.log.tree import Growth, Place, fold, grow, leaf_hash
from extractor.store.database import Store, Transaction
from extractor.store.tables import log_checkpoints, log_entries, log_nodes, log_openings

_BATCH = 2048


@dataclass(frozen=True)
class LogVerification:
    """What was verified: entries, root, the time of the first and the last, and how many forgot their actor (None in an
    export, which names nobody).

    ``witnessed`` is the size of the checkpoint kept elsewhere that the log was compared with, if there was one.
    """

    size: int
    root: bytes
    first_time: str | None = None
    last_time: str | None = None
    forgotten: int | None = None
    witnessed: int | None = None


def verify(store: Store, verifier: Verifier, known: Checkpoint | None = None) -> LogVerification:
    """Verify every entry, node and checkpoint of the log.

    For each entry in its order: 1. no sequence is left out; 2. the body is a canonical entry of that sequence and the search
    columns say the same; 3. the time does not run backwards; 4. leaf and completed subtrees are those stored; 5. the
    checkpoint of that size is signed by the log and has the recomputed root; 6. persons that are named open the
    commitments. Then: 7. there is no node, checkpoint or name beyond the last entry; 8. the log contains ``known``, a
    checkpoint kept elsewhere, which shows a database that was cut or set back.

    Raises:
        IntegrityError: one of the steps fails; names the first entry that is not as it was written.
    """
    with store.reading() as tx:
        walk = _Walk(verifier, known)
        for entries, rows in _batches(tx):
            walk.batch(tx, entries, rows)
        _check_nothing_beyond(tx, walk.size)
    walk.check_known()
    return LogVerification(
        size=walk.size,
        root=fold(walk.frontier),
        first_time=walk.first_time,
        last_time=walk.time or None,
        forgotten=walk.forgotten,
        witnessed=known.size if known else None,
    )


class _Walk:
    """The state while going through the log: the size and frontier so far, and the time of the last entry."""

    def __init__(self, verifier: Verifier, known: Checkpoint | None) -> None:
        self.verifier, self.known = verifier, known
        self.size, self.forgotten = 0, 0
        self.frontier: tuple[bytes, ...] = ()
        self.first_time: str | None = None
        self.time = ""
        self.known_root = fold(())

    def batch(self, tx: Transaction, entries: Sequence[LogEntry], contents: Sequence[bytes]) -> None:
        """Take the next entries, whose bodies are read already, and compare all that the store derives from them."""
        start, end = self.size, self.size + len(entries)
        nodes, notes, openings = _nodes(tx, start, end), _notes(tx, start, end), _openings(tx, start, end)
        for entry, content in zip(entries, contents, strict=True):
            check_time(entry, self.time)
            growth = grow(self.size, self.frontier, leaf_hash(content))
            _check_nodes(self.size, growth, nodes)
            self._check_note(growth.root, notes.get(self.size + 1))
            self.forgotten += _check_openings(entry, openings.get(self.size, ()))
            self._step(entry, growth)

    def check_known(self) -> None:
        """Check that the log contains the checkpoint that was kept elsewhere."""
        if self.known is None:
            return
        if self.known.origin != self.verifier.name:
            raise IntegrityError(
                "the checkpoint kept elsewhere is of another log",
                zh="另存的检查点属于另一日志",
                thing="checkpoint",
            )
        if self.known.size > self.size:
            raise broken_at(
                self.size,
                f"the log ends here, but a checkpoint kept elsewhere has {self.known.size} entries: it was cut or set back",
                f"日志止于此处,而另存的检查点有 {self.known.size} 条:日志曾被截断或回退",
            )
        if self.known_root != self.known.root:
            raise broken_at(
                max(self.known.size - 1, 0),
                "up to here the log is not that of the checkpoint kept elsewhere: it was rewritten",
                "至此的日志与另存的检查点不符:日志曾被改写",
            )

    def _check_note(self, root: bytes, note: str | None) -> None:
        if note is None:
            raise broken_at(self.size, "its checkpoint is missing", "缺少其检查点")
        try:
            checkpoint = open_checkpoint(note, self.verifier)
        except IntegrityError as error:
            raise broken_at(self.size, f"its checkpoint: {error.en}", f"其检查点:{error.zh}") from None
        if checkpoint.size != self.size + 1 or checkpoint.root != root:
            raise broken_at(self.size, "the log up to here is not what was signed", "至此的日志与签名的内容不符")

    def _step(self, entry: LogEntry, growth: Growth) -> None:
        self.size, self.frontier, self.time = self.size + 1, growth.frontier, entry.time
        self.first_time = self.first_time or entry.time
        if self.known is not None and self.known.size == self.size:
            self.known_root = growth.root


def _batches(tx: Transaction) -> Iterator[tuple[list[LogEntry], list[bytes]]]:
    """Yield the entries with their contents, in order, none left out."""
    expected = 0
    while True:
        chosen = select(log_entries).order_by(log_entries.c.sequence).limit(_BATCH)
        # The first batch has no lower bound, so that a row below 0 is met too.
        rows = tx.rows(chosen.where(log_entries.c.sequence >= expected) if expected else chosen)
        if not rows:
            return
        entries, contents = [], []
        for row in rows:
            entries.append(_checked(row, expected))
            contents.append(row.body.encode())
            expected += 1
        yield entries, contents


def _checked(row: Row[Any], expected: int) -> LogEntry:
    if row.sequence != expected:
        raise broken_at(expected, "the entry is missing", "条目缺失")
    if not isinstance(row.body, str):
        raise broken_at(expected, "the leaf holds no entry of this log", "叶子内容不是本日志的条目")
    entry = read_leaf(row.body.encode(errors="surrogatepass"), expected)
    if (row.time, row.verb, row.request, row.object) != (entry.time, entry.verb, entry.request, entry.object):
        raise broken_at(expected, "its search columns say something else", "检索列与条目不符")
    return entry


def _nodes(tx: Transaction, start: int, end: int) -> dict[Place, bytes]:
    """Return the stored nodes that the leaves from start to end complete."""
    found: dict[Place, bytes] = {}
    for level in range(end.bit_length()):
        low, high = start >> level, end >> level
        inside = log_nodes.c.position.between(low, high - 1) & (log_nodes.c.level == level)
        if low < high:
            found |= {(level, row.position): row.hash for row in tx.rows(select(log_nodes).where(inside))}
    return found


def _notes(tx: Transaction, start: int, end: int) -> dict[int, str]:
    chosen = select(log_checkpoints).where(log_checkpoints.c.size.between(start + 1, end))
    return {row.size: str(row.note) for row in tx.rows(chosen)}


def _openings(tx: Transaction, start: int, end: int) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in tx.rows(select(log_openings).where(log_openings.c.sequence.between(start, end - 1))):
        found.setdefault(row.sequence, []).append(row)
    return found


def _check_nodes(sequence: int, growth: Growth, stored: dict[Place, bytes]) -> None:
    for place, value in growth.nodes:
        if stored.get(place) != value:
            raise broken_at(sequence, "its hash is not the stored one", "其哈希与存储值不符")


def _check_openings(entry: LogEntry, openings: Sequence[Row[Any]]) -> bool:
    """Check that every person named opens the entry's commitment; say whether the actor is forgotten."""
    for row in openings:
        known = row.field in PERSONAL_FIELDS and isinstance(row.salt, bytes) and isinstance(row.value, str)
        if not known or commitment(row.salt, row.value) != getattr(entry, row.field):
            raise broken_at(row.sequence, "the person named is not the one committed to", "所示人员与承诺值不符")
    return "actor" not in {row.field for row in openings}


def _check_nothing_beyond(tx: Transaction, size: int) -> None:
    expected = sum(size >> level for level in range(size.bit_length()))
    counts = (
        (select(func.count()).select_from(log_nodes), expected),
        (select(func.count()).select_from(log_checkpoints), size),
        (select(func.count()).select_from(log_openings).where(log_openings.c.sequence >= size), 0),
    )
    if any(tx.rows(query)[0][0] != count for query, count in counts):
        raise broken_at(
            size,
            "the entry is missing: hashes or checkpoints of later entries are there",
            "条目缺失:其后的哈希或检查点仍在",
        )
