"""Searching places for planted values, as they are, in other encodings, and inside whatever packs them.

Owns the forms in which a value could lie on a disk: text encodings, compressed streams at any offset (also cut off in the
middle, as a killed process leaves them), archives, Parquet, Arrow, databases with their write-ahead log, files that are deleted
but still open. It must not know the product. A finding names the place and the form, never the value.

Not found: a value inside a Snappy, Brotli or raw LZ4 block of a Parquet file whose footer is missing, unless it stands there as
a literal, as the first occurrence does; and anything that is encrypted.
"""

from __future__ import annotations

import base64
import bz2
import contextlib
import ctypes
import io
import json
import lzma
import os
import re
import sqlite3
import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from ahocorasick_rs import BytesAhoCorasick

LARGEST = 1 << 30
"""Files and unpacked streams beyond this many bytes are reported as not searched, rather than passed over in silence."""
_DEEPEST = 4
_STEP = 1 << 20


@dataclass(frozen=True, order=True)
class Finding:
    """A planted value that was met: the file, the way in (``zstd@128``, …), the value's number and its form."""

    place: str
    way: str
    value: int
    form: str


@dataclass(frozen=True)
class Searched:
    """What a search looked at: files, their bytes, bytes after unpacking; what it met, and what it could not look at."""

    files: int
    bytes: int
    unpacked: int
    findings: tuple[Finding, ...]
    unsearched: tuple[str, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The files in which something was met."""
        return tuple(sorted({finding.place for finding in self.findings}))


class PlaintextSearch:
    """A search for fixed values. Values are numbered in the order given; each should be so long that chance cannot make it."""

    def __init__(self, values: Iterable[str]) -> None:
        needles = [(number, form, needle) for number, value in enumerate(values) for form, needle in _forms(value)]
        self._known = [(number, form) for number, form, _ in needles]
        self._automaton = BytesAhoCorasick([needle for _, _, needle in needles])

    def in_bytes(self, content: bytes, place: str = "") -> Searched:
        """Search bytes and everything that can be unpacked from them."""
        tally = _Tally()
        self._look(content, (place, ""), 0, tally)
        return Searched(1, len(content), tally.unpacked, tuple(sorted(tally.findings)), tuple(tally.unsearched))

    def in_places(
        self, roots: Iterable[Path], *, leave_out: Iterable[Path] = (), since_ns: int = 0, processes: Iterable[int] = ()
    ) -> Searched:
        """Search every regular file under the roots, its name too, and what the processes hold open though it is deleted.

        Args:
            roots: folders or files; links are not followed.
            leave_out: folders that are not entered.
            since_ns: files whose inode has not changed since (``st_ctime``, which nobody can set back) are left out: they
                cannot hold what was planted later.
            processes: whose deleted but open files are searched.
        """
        tally, seen = _Tally(), set[tuple[int, int]]()
        for path, label in (*_files(roots, {p.resolve() for p in leave_out}), *_deleted_but_open(processes)):
            try:
                state = path.stat() if label else path.lstat()
                if state.st_ctime_ns < since_ns or (state.st_dev, state.st_ino) in seen:
                    continue
                seen.add((state.st_dev, state.st_ino))
                self._look(os.fsencode(path.name), (str(path), "name"), _DEEPEST, tally)
                if stat.S_ISLNK(state.st_mode):
                    self._look(os.fsencode(path.readlink()), (str(path), "link"), _DEEPEST, tally)
                elif stat.S_ISREG(state.st_mode):
                    self._file(path, label or str(path), state.st_size, tally)
            except FileNotFoundError:
                continue  # Gone between listing and looking, as other programs' files go.
            except OSError as fault:
                tally.unsearched.append(f"{path}: {os.strerror(fault.errno or 0)}")
        return Searched(
            tally.files, tally.bytes, tally.unpacked, tuple(sorted(tally.findings)), tuple(tally.unsearched)
        )

    def _file(self, path: Path, label: str, size: int, tally: _Tally) -> None:
        if size > LARGEST:
            tally.unsearched.append(f"{label}: {size} bytes")
            return
        content = path.read_bytes()
        tally.files += 1
        tally.bytes += len(content)
        self._look(content, (label, ""), 0, tally)
        if content.startswith(_SQLITE):
            log = Path(f"{path}-wal")
            pages = content if not log.is_file() else with_log_applied(content, log.read_bytes())
            self._look(_database_text(pages), (label, "sqlite+wal"), _DEEPEST, tally)

    def _look(self, content: bytes, place: tuple[str, str], depth: int, tally: _Tally) -> None:
        for index, *_ in self._automaton.find_matches_as_indexes(content, overlapping=True):
            tally.findings.add(Finding(*place, *self._known[index]))
        if depth >= _DEEPEST:
            return
        for way, inner in unpack(content):
            if len(inner) > LARGEST:
                tally.unsearched.append(f"{place[0]} {way}: unpacks to more than {LARGEST} bytes")
            tally.unpacked += len(inner)
            self._look(inner, (place[0], f"{place[1]}/{way}".lstrip("/")), depth + 1, tally)


class _Tally:
    """What a search has counted and met so far."""

    def __init__(self) -> None:
        self.files = self.bytes = self.unpacked = 0
        self.findings: set[Finding] = set()
        self.unsearched: list[str] = []


def _forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes that a value may be written as; UTF-16 is also how CPython holds Chinese text in memory (core dumps)."""
    plain = value.encode()
    yield "utf-8", plain
    yield "utf-16-le", value.encode("utf-16-le")
    yield "utf-16-be", value.encode("utf-16-be")
    if not value.isascii():
        yield "gb18030", value.encode("gb18030")
        yield "json", json.dumps(value)[1:-1].encode()
    yield "hex", plain.hex().encode()
    if value.isdecimal() and int(value) < 1 << 63:
        yield "int64", int(value).to_bytes(8, "little")
    # polars encodes sort keys row by row: each byte of text plus two, and inverted where the order descends.
    shifted = bytes((byte + 2) & 0xFF for byte in plain)
    yield "row-encoded", shifted
    yield "row-encoded, descending", bytes(byte ^ 0xFF for byte in shifted)
    for shift in range(3):
        # The characters at both ends mix with what stands beside the value.
        text = base64.b64encode(b"\0" * shift + plain)
        first, last = (0, 2, 3)[shift], (len(plain) + shift) * 8 // 6
        yield "base64", text[first:last]
        yield "base64", text[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _files(roots: Iterable[Path], leave_out: set[Path]) -> Iterator[tuple[Path, str]]:
    for root in dict.fromkeys(root.resolve() for root in roots):
        if root.is_file():
            yield root, ""
        for folder, below, names in os.walk(root):
            below[:] = [name for name in below if (Path(folder) / name) not in leave_out]
            yield from ((Path(folder) / name, "") for name in (*names, *below))


def _deleted_but_open(processes: Iterable[int]) -> Iterator[tuple[Path, str]]:
    """Yield the open files of processes whose names are gone (``/proc/PID/fd``), also those that never had one."""
    for number in processes:
        for handle in Path(f"/proc/{number}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                name = str(handle.readlink())
                if name.endswith(" (deleted)"):
                    yield handle, f"pid {number}: {name}"


def descendants(process: int) -> tuple[int, ...]:
    """Return a process and all that descend from it, from ``/proc``."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found = [process]
    for number in found:
        found += parents.get(number, [])
    return tuple(found)


# --- unpacking -------------------------------------------------------------------------------------------------------------


def unpack(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield everything that can be unpacked from bytes, with its way; streams are found at any offset and may be cut off."""
    for name, (magic, open_stream) in _STREAMS.items():
        at = 0
        for match in magic.finditer(content):
            if match.start() >= at:
                inner, used = open_stream(content, match.start())
                at = match.start() + max(used, 1)
                if inner:
                    yield f"{name}@{match.start()}", inner
    if content[:4] == b"PAR1":
        yield from _table_text(content)
    if content.startswith(_SQLITE):
        yield "sqlite", _database_text(content)


def _table_text(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a Parquet file's rows as text: DELTA_BYTE_ARRAY, Snappy, Brotli and raw LZ4 hide a value from the bytes."""
    with contextlib.suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        frame = pl.read_parquet(io.BytesIO(content))
        frame = frame.with_columns(pl.selectors.binary().bin.encode("hex"))
        nested = any(dtype.is_nested() for dtype in frame.dtypes)
        yield "parquet:rows", frame.write_ndjson().encode() if nested else frame.write_csv().encode()


def _fed(engine: Any, content: bytes, at: int) -> tuple[bytes, int]:
    """Feed a standard-library decompressor from an offset on; return what came out before the end or the first fault."""
    out, position = [], at
    with contextlib.suppress(zlib.error, OSError, EOFError, lzma.LZMAError):
        while position < len(content) and not engine.eof:
            # Small steps first: most offsets hold no stream and fail at once.
            step = content[position : position + (512 if position == at else _STEP)]
            out.append(engine.decompress(step))
            position += len(step)
    return b"".join(out), max(position - at - len(engine.unused_data), 0) if engine.eof else 1


def _zip_member(content: bytes, at: int) -> tuple[bytes, int]:
    """Inflate a ZIP member from its local header, so that an archive without its directory is read as well."""
    if at + 30 > len(content):
        return b"", 1
    method, name, extra = struct.unpack_from("<H", content, at + 8)[0], *struct.unpack_from("<HH", content, at + 26)
    return (_fed(zlib.decompressobj(-15), content, at + 30 + name + extra)[0], 1) if method == 8 else (b"", 1)


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer: pointer, size, position."""

    _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t))


def _zstd(content: bytes, at: int) -> tuple[bytes, int]:
    library = _library("libzstd.so.1")
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    stream = ctypes.c_void_p(library.ZSTD_createDStream())
    chunk, parts = ctypes.create_string_buffer(_STEP), list[bytes]()
    given = _Buffer(_address(content) + at, len(content) - at, 0)
    try:
        while True:
            taken = _Buffer(ctypes.addressof(chunk), _STEP, 0)
            before = given.pos
            left = library.ZSTD_decompressStream(stream, ctypes.byref(taken), ctypes.byref(given))
            parts.append(chunk.raw[: taken.pos])
            if left == 0 or library.ZSTD_isError(ctypes.c_size_t(left)) or (given.pos == before and not taken.pos):
                return b"".join(parts), given.pos
    finally:
        library.ZSTD_freeDStream(stream)


def _lz4(content: bytes, at: int) -> tuple[bytes, int]:
    library = _library("liblz4.so.1")
    library.LZ4F_decompress.restype = ctypes.c_size_t
    context = ctypes.c_void_p()
    library.LZ4F_createDecompressionContext(ctypes.byref(context), 100)
    chunk, parts, position = ctypes.create_string_buffer(_STEP), list[bytes](), at
    try:
        while True:
            taken, given = ctypes.c_size_t(_STEP), ctypes.c_size_t(len(content) - position)
            source = ctypes.c_void_p(_address(content) + position)
            left = library.LZ4F_decompress(context, chunk, ctypes.byref(taken), source, ctypes.byref(given), None)
            failed = library.LZ4F_isError(ctypes.c_size_t(left))
            parts += [] if failed else [chunk.raw[: taken.value]]
            position += 0 if failed else given.value
            if failed or left == 0 or not (given.value or taken.value):
                return b"".join(parts), position - at
    finally:
        library.LZ4F_freeDecompressionContext(context)


def _address(content: bytes) -> int:
    """Return where bytes lie in memory, so that a stream in the middle is read without copying what follows it."""
    return ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0


def _library(name: str) -> ctypes.CDLL:
    """Load a system library that Debian, Ubuntu and Fedora always have (dpkg, apt and systemd need it)."""
    return ctypes.CDLL(name)


def _snappy_framed(content: bytes, at: int) -> tuple[bytes, int]:
    """Read Snappy's framing format: chunks of type, 3 bytes of length, checksum, block."""
    parts, position = list[bytes](), at
    while position + 4 <= len(content):
        kind, length = content[position], int.from_bytes(content[position + 1 : position + 4], "little")
        body = content[position + 4 : position + 4 + length]
        if kind == 0x00:
            parts.append(snappy_block(body[4:]))
        elif kind == 0x01:
            parts.append(body[4:])
        elif kind != 0xFF and kind < 0x80:
            break
        position += 4 + length
    return b"".join(parts), position - at


def snappy_block(block: bytes) -> bytes:
    """Decompress a raw Snappy block; what is cut off or broken ends it."""
    out, at = bytearray(), 0
    while at < len(block) and block[at] & 0x80:
        at += 1
    at += 1
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            length, more = tag >> 2, max((tag >> 2) - 59, 0)
            if more:
                length = int.from_bytes(block[at : at + more], "little")
            out += block[at + more : at + more + length + 1]
            at += more + length + 1
            continue
        width = (1, 2, 4)[(tag & 3) - 1]
        number = int.from_bytes(block[at : at + width], "little")
        length = (tag >> 2 & 7) + 4 if width == 1 else (tag >> 2) + 1
        back = number | (tag >> 5) << 8 if width == 1 else number
        at += width
        if not 0 < back <= len(out):
            break
        for _ in range(length):
            out.append(out[-back])
    return bytes(out)


_Open = Callable[[bytes, int], tuple[bytes, int]]
_STREAMS: dict[str, tuple[re.Pattern[bytes], _Open]] = {
    "zstd": (re.compile(rb"\x28\xb5\x2f\xfd"), _zstd),
    "lz4": (re.compile(rb"\x04\x22\x4d\x18"), _lz4),
    "gzip": (re.compile(rb"\x1f\x8b\x08"), lambda content, at: _fed(zlib.decompressobj(31), content, at)),
    "zlib": (re.compile(rb"\x78[\x01\x5e\x9c\xda]"), lambda content, at: _fed(zlib.decompressobj(15), content, at)),
    "zip": (re.compile(rb"PK\x03\x04"), _zip_member),
    "bzip2": (re.compile(rb"BZh[1-9]1AY&SY"), lambda content, at: _fed(bz2.BZ2Decompressor(), content, at)),
    "xz": (re.compile(rb"\xfd7zXZ\x00"), lambda content, at: _fed(lzma.LZMADecompressor(), content, at)),
    "snappy": (re.compile(rb"\xff\x06\x00\x00sNaPpY"), _snappy_framed),
}


# --- databases -------------------------------------------------------------------------------------------------------------

_SQLITE = b"SQLite format 3\0"


def with_log_applied(database: bytes, log: bytes) -> bytes:
    """Return a database with the pages of its write-ahead log in place, committed or not."""
    pages, size = bytearray(database), int.from_bytes(log[8:12], "big")
    for at in range(32, len(log) - 24 - size + 1, 24 + size) if size else ():
        place = (int.from_bytes(log[at : at + 4], "big") - 1) * size
        if place < 0 or place > LARGEST:
            continue
        pages.extend(bytes(max(place + size - len(pages), 0)))
        pages[place : place + size] = log[at + 24 : at + 24 + size]
    return bytes(pages)


def _database_text(database: bytes) -> bytes:
    """Return all values of all tables: in the pages a long value is cut into pieces that lie apart."""
    # An image in memory has no write-ahead log beside it, so its header must not ask for one.
    image = database[:18] + b"\x01\x01" + database[20:]
    parts: list[bytes] = []
    with contextlib.closing(sqlite3.connect(":memory:")) as connection, contextlib.suppress(sqlite3.Error):
        connection.deserialize(image)
        connection.text_factory = bytes
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            with contextlib.suppress(sqlite3.Error):
                for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                    parts += [v if isinstance(v, bytes) else str(v).encode() for v in row if v is not None]
    return b"\n".join(parts)
