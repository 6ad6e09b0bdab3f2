"""What a Parquet footer tells beside the rows: column names, key-value metadata, statistics, the writer's name.

Owns a reader of the footer's Thrift compact form (Apache Parquet format 2.x), since no library at hand shows whether statistics
are there. It must not know rows. A footer that cannot be read is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from extractor.deid.residual import ResidualScan
from extractor.deid.residual_values import Check
from extractor.errors import ResidualFound

_MAGIC = b"PAR1"
_WRITER = re.compile(r"Polars( \(python\))? version [0-9][0-9A-Za-z.+\-]*( \(build [0-9a-f]{7,40}\))?")
_PRINTABLE = re.compile(rb"[^\x00-\x1f\x7f]{2,}")
_MAX_DEPTH = 32

# Field ids of parquet.thrift.
_SCHEMA, _ROW_GROUPS, _METADATA, _CREATED_BY = 2, 4, 5, 6
_COLUMNS, _CHUNK_META, _COLUMN_INDEX = 1, 3, 6
_CHUNK_METADATA, _STATISTICS, _BLOOM_FILTER = 8, 12, 14
_VALUE_STATISTICS = frozenset({1, 2, 5, 6})  # max, min, max_value, min_value

Thrift = bool | int | float | bytes | list["Thrift"] | dict[int, "Thrift"]


def scan_footer(scan: ResidualScan, name: str, tail: bytes) -> None:
    """Look at the footer of a Parquet file that is about to leave.

    Refused are: minima, maxima, column indexes and Bloom filters (they hold or tell values), identifiers in column names and
    in key-value metadata (also inside base64, where the Arrow schema lists the categories of ``Enum`` columns), and a
    writer's name that is not polars' own.

    Args:
        scan: the run's scan.
        name: name of the file, for the message.
        tail: the file, or as much of its end as holds the whole footer.

    Raises:
        ResidualFound: something must not leave, or the footer cannot be read.
    """
    try:
        footer = _footer(tail)
        kinds = _told_by_statistics(footer)
        texts = list(_texts(footer))
        writer = _bytes(footer.get(_CREATED_BY, b"")).decode()
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        raise _refused(name, Check.UNSCANNABLE, 1) from None
    if kinds:
        raise _refused(name, Check.STATISTICS, kinds)
    if not _WRITER.fullmatch(writer):
        raise _refused(name, Check.WRITER, 1)
    scan.scan_text_member(name, "\n".join(texts))


def _footer(tail: bytes) -> dict[int, Thrift]:
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise ValueError("not the end of a plain Parquet file")
    size = int.from_bytes(tail[-8:-4], "little")
    if size > len(tail) - 8:
        raise ValueError("the footer is not whole")
    return _Reader(tail[-8 - size : -8]).struct()


def _told_by_statistics(footer: dict[int, Thrift]) -> int:
    """Count the column chunks whose metadata tell values."""
    count = 0
    for group in _structs(footer.get(_ROW_GROUPS, [])):
        for chunk in _structs(group[_COLUMNS]):
            meta = _struct(chunk[_CHUNK_META])
            told = _VALUE_STATISTICS & _struct(meta.get(_STATISTICS, {})).keys()
            count += bool(told or _COLUMN_INDEX in chunk or _BLOOM_FILTER in meta)
    return count


def _texts(footer: dict[int, Thrift]) -> Iterator[str]:
    """Yield column names and metadata, the latter also with base64 undone."""
    for element in _structs(footer[_SCHEMA]):
        yield _bytes(element[4]).decode()
    pairs = list(_structs(footer.get(_METADATA, [])))
    for group in _structs(footer.get(_ROW_GROUPS, [])):
        for chunk in _structs(group[_COLUMNS]):
            pairs += _structs(_struct(chunk[_CHUNK_META]).get(_CHUNK_METADATA, []))
    for pair in pairs:
        yield _bytes(pair[1]).decode()
        value = _bytes(pair.get(2, b""))
        try:
            inner = base64.b64decode(value, validate=True)
        except binascii.Error:
            yield value.decode(errors="replace")
        else:
            yield from (part.decode(errors="replace") for part in _PRINTABLE.findall(inner))


def _structs(value: Thrift) -> Iterator[dict[int, Thrift]]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return (_struct(one) for one in value)


def _struct(value: Thrift) -> dict[int, Thrift]:
    if not isinstance(value, dict):
        raise TypeError("not a struct")
    return value


def _bytes(value: Thrift) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("not bytes")
    return value


class _Reader:
    """Reads the Thrift compact protocol into numbers, bytes, lists, and dicts by field id."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def struct(self, depth: int = 0) -> dict[int, Thrift]:
        fields: dict[int, Thrift] = {}
        last = 0
        while head := self._octet():
            last = last + (head >> 4) if head >> 4 else self._signed()
            kind = head & 0x0F
            fields[last] = kind == 1 if kind in (1, 2) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Thrift:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind in (1, 2, 3):
            return self._octet()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._take(8)
        if kind == 8:
            return self._take(self._unsigned())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.struct(depth)
        raise ValueError("a type that Parquet does not use")

    def _list(self, depth: int) -> list[Thrift]:
        head = self._octet()
        size = head >> 4 if head >> 4 < 15 else self._unsigned()
        return [self._value(head & 0x0F, depth + 1) for _ in range(size)]

    def _octet(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (octet := self._octet()) & 0x80:
            value |= (octet & 0x7F) << shift
            shift += 7
        return value | octet << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _take(self, size: int) -> bytes:
        if size > len(self._content) - self._at:
            raise ValueError("longer than the footer")
        self._at += size
        return self._content[self._at - size : self._at]


def _refused(name: str, check: Check, count: int) -> ResidualFound:
    listing = f"{check.value} ×{count}"
    return ResidualFound(
        f"the Parquet footer tells more than the rows: {listing}",
        zh=f"Parquet 文件尾泄露行外信息:{listing}",
        thing=name,
        fix_en="write with statistics=False, without metadata, Bloom filters or indexes, and with polars' own writer",
        fix_zh="请以 statistics=False 写出,不带元数据、布隆过滤器与索引",
    )
