"""Keys of drafted tables: which columns are unique, and which columns of two tables hold the same identities.

Owns the comparison of samples by keyed hashes, with a key that is drawn for one draft and forgotten. It must not know how a
draft is written. What it returns holds names and counts only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from extractor.catalogue import FieldClass
from extractor.workflow.drafting_names import is_person_key_name
from extractor.workflow.drafting_proposal import Proposal

_LEAST_SHARED = 3
_KEY_KINDS = frozenset({"record_number", "resident_id", "insurance_id"})
Proposals = Mapping[str, Sequence[Proposal]]


@dataclass(frozen=True)
class Shared:
    """Two columns, as (table, column), whose samples have values in common, and how many."""

    left: tuple[str, str]
    right: tuple[str, str]
    values: int


@dataclass(frozen=True)
class Keys:
    """Proposed keys: of each table its key and person column; the identity table; pairs of columns that share values."""

    key: Mapping[str, str]
    person: Mapping[str, str]
    identity: str | None
    shared: tuple[Shared, ...]
    domains: Mapping[tuple[str, str], str]


def propose_keys(proposals: Proposals, frames: Mapping[str, pl.DataFrame]) -> Keys:
    """Propose the keys of tables from the samples of their identifying columns."""
    secret = secrets.token_bytes(32)
    columns = {(t, p.name): p for t, listed in proposals.items() for p in listed if _may_be_key(p)}
    hashes = {place: _hashes(frames[place[0]][place[1]], secret) for place in columns}
    unique = {place for place in columns if _is_unique(frames[place[0]][place[1]])}
    shared = tuple(
        Shared(left, right, common)
        for left in hashes
        for right in hashes
        if left < right and left[0] != right[0] and (common := len(hashes[left] & hashes[right])) >= _LEAST_SHARED
    )
    domains = _domains(shared)
    person = _persons(columns, unique, domains)
    # Without a name that says so the first unique column is the key; a surrogate person key counts before it.
    key: dict[str, str] = {}
    for table, name in sorted(unique, key=lambda place: (person.get(place[0]) != place[1], list(columns).index(place))):
        key.setdefault(table, name)
    identity = _identity(proposals, person, unique)
    return Keys(key, person, identity, shared, domains)


def _may_be_key(proposal: Proposal) -> bool:
    return proposal.kind in _KEY_KINDS and proposal.cls is FieldClass.DIRECT


def _hashes(values: pl.Series, secret: bytes) -> frozenset[bytes]:
    texts = values.drop_nulls().cast(pl.String).unique().to_list()
    return frozenset(hashlib.blake2b(text.encode(), key=secret, digest_size=16).digest() for text in texts)


def _is_unique(values: pl.Series) -> bool:
    return len(values) > 1 and values.null_count() == 0 and values.n_unique() == len(values)


def _domains(shared: Sequence[Shared]) -> dict[tuple[str, str], str]:
    """Return a name for each group of columns that share values, directly or through others."""
    groups: list[set[tuple[str, str]]] = []
    for pair in shared:
        touching = [group for group in groups if group & {pair.left, pair.right}]
        merged = {pair.left, pair.right}.union(*touching)
        groups = [group for group in groups if group not in touching] + [merged]
    named: dict[tuple[str, str], str] = {}
    for group in groups:
        says = any(is_person_key_name(column) for _, column in group)
        label = "person" if says else sorted(column for _, column in group)[0].lower()
        named |= dict.fromkeys(group, label)
    return named


def _persons(
    columns: Mapping[tuple[str, str], Proposal],
    unique: set[tuple[str, str]],
    domains: Mapping[tuple[str, str], str],
) -> dict[str, str]:
    """Return each table's person column: one that is named so, else a unique one that shares values with such a one."""
    person: dict[str, str] = {}
    for (table, name), proposal in columns.items():
        if is_person_key_name(name) and proposal.kind == "record_number":
            person.setdefault(table, name)
    for table, name in sorted(unique):
        if domains.get((table, name)) == "person":
            person.setdefault(table, name)
    return person


def _identity(proposals: Proposals, person: Mapping[str, str], unique: set[tuple[str, str]]) -> str | None:
    """Return the table with one row a person: its person column is unique, and it knows most about the person."""
    candidates = [table for table, column in person.items() if (table, column) in unique]
    told = {
        table: sum(p.kind in ("person_name", "birth_date", "resident_id") for p in proposals[table])
        for table in candidates
    }
    best = max(told, key=lambda table: told[table], default=None)
    return best if best is not None and told[best] else None
