"""The tables of the store, for every database that SQLAlchemy speaks.

Owns names, columns and keys, and the version of the schema. It must not know what a document means or how the log's hashes
come about, and it holds no SQL of one database alone, so that PostgreSQL gets the same tables as SQLite.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

schema = Table(
    "schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("created_at", String(40), nullable=False),
)

# A row is never changed. The key is the position and not the digest, so that a body may come back as the newest version
# (a catalogue that is set back to its former text) and two things may have the same body.
documents = Table(
    "documents",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("digest", String(71), nullable=False, index=True),
    Column("kind", String(60), nullable=False),
    Column("number", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", String(40), nullable=False),
    Index("documents_by_number", "kind", "number", "position"),
)

states = Table(
    "states",
    metadata,
    Column("kind", String(60), primary_key=True),
    Column("number", String(200), primary_key=True),
    Column("state", String(60), nullable=False, index=True),
    Column("since", String(40), nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("prefix", String(20), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
)

# The columns beside ``body`` only speed up a search; verification compares each of them with the body.
log_entries = Table(
    "log_entries",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("time", String(40), nullable=False, index=True),
    Column("verb", String(40), nullable=False, index=True),
    Column("request", String(200), index=True),
    Column("object", Text, index=True),
    Column("body", Text, nullable=False),
)

# What opens a salted commitment of the leaf. A row that is deleted makes the entry forget whom it was about.
log_openings = Table(
    "log_openings",
    metadata,
    Column("sequence", BigInteger, ForeignKey("log_entries.sequence"), primary_key=True, autoincrement=False),
    Column("field", String(20), primary_key=True),
    Column("value", Text, nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Index("log_openings_by_value", "field", "value"),
)

# The complete subtrees: the node (level, position) covers the leaves from position·2^level up to (position+1)·2^level.
log_nodes = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

log_checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)
