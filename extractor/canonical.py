"""Canonical JSON (RFC 8785) and the digests over it.

Owns how a value becomes bytes that everybody gets alike, and how a digest is written (``sha256:`` and hexadecimal). It must
not know what the values mean. It stands in the core because request, catalogue, policy, plan and records all need it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeAlias

import rfc8785

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def to_json(value: Any) -> Json:
    """Turn a value of the core (dataclass, enum, tuple, date) into plain JSON values.

    A dataclass becomes an object of its fields; fields that are ``None`` are left out, so that adding an optional field to a
    concept does not change the digests of documents that do not use it.

    Raises:
        TypeError: the value has no JSON form.
    """
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {name: to_json(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return [to_json(item) for item in sorted(value, key=str)]
    if isinstance(value, Sequence):
        return [to_json(item) for item in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")


def canonical_bytes(value: Any) -> bytes:
    """Return the canonical JSON of a value, as RFC 8785 writes it, in UTF-8."""
    return rfc8785.dumps(to_json(value))


def digest_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes as ``sha256:<64 hexadecimal digits>``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest(value: Any) -> str:
    """Return the digest of a value's canonical JSON."""
    return digest_bytes(canonical_bytes(value))
