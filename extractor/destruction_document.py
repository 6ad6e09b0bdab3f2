"""A destruction record as a document: canonical JSON out, the same checks as at birth on the way in.

Owns the reading of a stored record. It must not know signatures: what is read here is verified by ``verify_record``.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from extractor.canonical import canonical_bytes
from extractor.destruction import RECORD_TYPE, DestructionRecord
from extractor.errors import ExtractorError, IntegrityError


def write_record(record: DestructionRecord) -> bytes:
    """Return a record with its signatures as canonical JSON (RFC 8785)."""
    return canonical_bytes(record)


def read_record(document: bytes) -> DestructionRecord:
    """Read a record from its canonical JSON.

    Raises:
        IntegrityError: it is no record of this type, has a field too many or too few or of another type, is not in
            canonical form, or would not have been accepted at birth.
    """
    record: DestructionRecord | None = None
    try:
        fault = ""
        record = _build(DestructionRecord, json.loads(document))
    except ExtractorError as refused:
        fault = refused.en
    except (ValueError, TypeError, KeyError, RecursionError):
        fault = "a field is missing, unknown or of another type"
    if record is None or record.type != RECORD_TYPE or canonical_bytes(record) != document:
        raise IntegrityError(
            f"not a destruction record as it was written{': ' + fault if fault else ''}",
            zh="不是按原样书写的销毁记录",
            thing="destruction record",
            fix_en="fetch the record again from the store and compare it with the log",
            fix_zh="请从存储中重新取出该记录并与日志比对",
        )
    return record


def _build(wanted: Any, value: Any) -> Any:
    """Build a value of a type from plain JSON, refusing what does not fit exactly."""
    if is_dataclass(wanted):
        return _build_dataclass(wanted, value)
    if get_origin(wanted) is tuple:
        return tuple(_build(get_args(wanted)[0], one) for one in _exactly(list, value))
    if get_origin(wanted) is UnionType:
        return _build(next(kind for kind in get_args(wanted) if kind is not NoneType), value)
    if wanted is datetime:
        return datetime.fromisoformat(_exactly(str, value))
    if issubclass(wanted, StrEnum):
        return wanted(_exactly(str, value))
    return _exactly(wanted, value)


def _build_dataclass(wanted: Any, value: Any) -> Any:
    types = get_type_hints(wanted)
    unknown = _exactly(dict, value).keys() - {field.name for field in fields(wanted)}
    if unknown:
        raise KeyError("unknown field")
    return wanted(**{name: _build(types[name], one) for name, one in value.items()})


def _exactly(wanted: type, value: Any) -> Any:
    # bool is an int for isinstance, which a record must not be.
    if type(value) is not wanted:
        raise TypeError("another type")
    return value
