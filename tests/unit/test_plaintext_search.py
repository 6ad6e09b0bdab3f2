"""The search for plaintext finds a planted value in every form in which it could lie on a disk, and an absent one in none."""

from __future__ import annotations

import base64
import bz2
import contextlib
import ctypes
import gzip
import importlib.util
import io
import json
import lzma
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest


def _module() -> ModuleType:
    """Load the searcher from the folder of the acceptance tests, which is no package."""
    if "plaintext_search" not in sys.modules:
        file = Path(__file__).parents[1] / "acceptance" / "plaintext_search.py"
        spec = importlib.util.spec_from_file_location("plaintext_search", file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["plaintext_search"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["plaintext_search"]


searching = _module()
VALUE = "欧阳龘靐65900219470318993X"
ABSENT = "司马齉爩65900219470318992X"
SEARCH = searching.PlaintextSearch([VALUE, ABSENT])
# So long and so varied that a compressor does not leave the value as it is, and repeats of it are references backwards.
TEXT = "".join(f"第{n}次查房,患者{VALUE},血压{n * 7 % 60 + 100}。" for n in range(400))
FRAME = pl.DataFrame({"id": range(400), "text": [f"第{n}次查房,患者{VALUE}" for n in range(400)]})


def _ipc(compression: str, *, stream: bool) -> bytes:
    sink = io.BytesIO()
    (FRAME.write_ipc_stream if stream else FRAME.write_ipc)(sink, compression=compression)
    return sink.getvalue()


def _parquet(compression: str) -> bytes:
    sink = io.BytesIO()
    FRAME.write_parquet(sink, compression=compression, statistics=False)
    return sink.getvalue()


def _zip(method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr("notes.txt", TEXT)
    return sink.getvalue()


def _lz4_frame(content: bytes) -> bytes:
    library = ctypes.CDLL("liblz4.so.1")
    library.LZ4F_compressFrameBound.restype = library.LZ4F_compressFrame.restype = ctypes.c_size_t
    size = library.LZ4F_compressFrameBound(ctypes.c_size_t(len(content)), None)
    out = ctypes.create_string_buffer(size)
    used = library.LZ4F_compressFrame(out, ctypes.c_size_t(size), content, ctypes.c_size_t(len(content)), None)
    return out.raw[:used]


def _zstd_frame(content: bytes) -> bytes:
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    size = library.ZSTD_compressBound(ctypes.c_size_t(len(content)))
    out = ctypes.create_string_buffer(size)
    used = library.ZSTD_compress(out, ctypes.c_size_t(size), content, ctypes.c_size_t(len(content)), 3)
    return out.raw[:used]


def _snappy(content: bytes) -> bytes:
    """Pack bytes as one framed Snappy chunk: a literal of the first half, and a copy of it back for the second."""
    half = content[: len(content) // 2][:60]
    block = bytes([len(half) * 2]) + bytes([len(half) - 1 << 2]) + half + bytes([len(half) - 1 << 2 | 2, len(half), 0])
    assert searching.snappy_block(block) == half * 2
    body = b"\0\0\0\0" + block
    return b"\xff\x06\0\0sNaPpY\0" + len(body).to_bytes(3, "little") + body


def _delta_parquet() -> bytes:
    """Write sorted text, of which a page keeps only what differs from the row before."""
    sink = io.BytesIO()
    FRAME.sort("text").write_parquet(sink, compression="snappy", statistics=False)
    return sink.getvalue()


FORMS: dict[str, Callable[[], bytes]] = {
    "plain": TEXT.encode,
    "utf-16-le, as in a core dump": lambda: b"\x7fELF" + bytes(100) + TEXT.encode("utf-16-le"),
    "utf-16-be": lambda: TEXT.encode("utf-16-be"),
    "gb18030": lambda: TEXT.encode("gb18030"),
    "json with escapes": lambda: json.dumps({"note": TEXT}).encode(),
    "hex": lambda: TEXT.encode().hex().encode(),
    "base64": lambda: base64.b64encode(b"a" + VALUE.encode() + b"b"),
    "base64, one further": lambda: base64.urlsafe_b64encode(b"ab" + VALUE.encode() + b"b"),
    "base64, two further": lambda: base64.b64encode(b"abc" + VALUE.encode() + b"b"),
    "gzip": lambda: gzip.compress(TEXT.encode()),
    "gzip, cut off": lambda: gzip.compress(TEXT.encode())[:-40],
    "zlib, in the middle": lambda: b"head" + zlib.compress(TEXT.encode()) + b"tail",
    "bzip2": lambda: bz2.compress(TEXT.encode()),
    "xz": lambda: lzma.compress(TEXT.encode()),
    "zstd": lambda: _zstd_frame(TEXT.encode()),
    "zstd, cut off, in the middle": lambda: b"head" + _zstd_frame(os.urandom(300_000) + TEXT.encode() * 9)[:-20],
    "zstd, second frame": lambda: _zstd_frame(b"first" * 99) + _zstd_frame(TEXT.encode()),
    "lz4": lambda: _lz4_frame(TEXT.encode()),
    "lz4, in the middle": lambda: b"head" + _lz4_frame(TEXT.encode()) + b"tail",
    "snappy, framed": lambda: _snappy(VALUE.encode() * 2),
    "zip, deflated": lambda: _zip(zipfile.ZIP_DEFLATED),
    "zip, stored": lambda: _zip(zipfile.ZIP_STORED),
    "zip without its directory": lambda: _zip(zipfile.ZIP_DEFLATED)[:-90],
    "gzip in zip": lambda: gzip.compress(_zip(zipfile.ZIP_DEFLATED)),
    "arrow file, zstd": lambda: _ipc("zstd", stream=False),
    "arrow file, lz4": lambda: _ipc("lz4", stream=False),
    "arrow stream, zstd, as polars spills": lambda: _ipc("zstd", stream=True),
    "arrow stream, zstd, cut off": lambda: _ipc("zstd", stream=True)[:-200],
    "arrow stream, plain": lambda: _ipc("uncompressed", stream=True),
    "parquet, sorted text": _delta_parquet,
    **{f"parquet, {c}": lambda c=c: _parquet(c) for c in ("zstd", "snappy", "gzip", "lz4", "brotli", "uncompressed")},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_value_is_found_in_this_form_and_an_absent_one_is_not(form: str) -> None:
    found = SEARCH.in_bytes(FORMS[form](), form)
    assert {finding.value for finding in found.findings} == {0}
    assert not found.unsearched


@pytest.mark.parametrize("form", ["zstd", "arrow stream, zstd, as polars spills", "gzip", "zip, deflated"])
def test_the_value_does_not_stand_in_the_packed_bytes_themselves(form: str) -> None:
    """So what was found above was found by unpacking."""
    assert all(finding.way for finding in SEARCH.in_bytes(FORMS[form]()).findings)


def test_a_number_that_is_stored_as_an_integer_is_found() -> None:
    sink = io.BytesIO()
    pl.DataFrame({"phone": [19912345678, 7]}).write_ipc_stream(sink, compression="zstd")
    assert searching.PlaintextSearch(["19912345678"]).in_bytes(sink.getvalue()).findings


def test_random_bytes_hold_nothing() -> None:
    found = SEARCH.in_bytes(os.urandom(3_000_000))
    assert not found.findings


def test_a_finding_does_not_show_the_value() -> None:
    assert VALUE not in repr(SEARCH.in_bytes(TEXT.encode()))


def test_a_value_that_spans_pages_of_a_database_or_lies_in_its_log_is_found(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA page_size=512")
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("CREATE TABLE t (x TEXT)")
        # At every offset that a page of 512 bytes could cut.
        writer.execute("INSERT INTO t VALUES (?)", ("".join("丙" * n + VALUE for n in range(40)),))
        writer.commit()
        log_only = SEARCH.in_places([tmp_path])
        assert (tmp_path / "store.sqlite3-wal").stat().st_size
        assert {(Path(f.place).name, f.way) for f in log_only.findings} >= {("store.sqlite3", "sqlite+wal")}
    assert ("store.sqlite3", "sqlite") in {(Path(f.place).name, f.way) for f in SEARCH.in_places([tmp_path]).findings}


def test_names_links_and_folders_are_searched_and_what_is_left_out_is_not(tmp_path: Path) -> None:
    for name in ("source", "files", f"folder-{VALUE}"):
        (tmp_path / name).mkdir()
    (tmp_path / "source" / "a").write_text(VALUE)
    (tmp_path / "files" / f"name-{VALUE}").touch()
    (tmp_path / "files" / "link").symlink_to(f"/nowhere/{VALUE}")
    found = SEARCH.in_places([tmp_path], leave_out=[tmp_path / "source"])
    assert sorted(f.way for f in found.findings) == ["link", "name", "name"]


def test_files_older_than_the_planting_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(VALUE)
    time.sleep(0.05)
    since = time.time_ns()
    time.sleep(0.05)
    (tmp_path / "new").write_text(VALUE)
    os.utime(tmp_path / "new", (0, 0))
    assert [Path(place).name for place in SEARCH.in_places([tmp_path], since_ns=since).places] == ["new"]


def test_a_deleted_file_that_a_process_holds_open_is_found() -> None:
    with tempfile.TemporaryFile() as nameless:
        nameless.write(gzip.compress(TEXT.encode()))
        nameless.flush()
        found = SEARCH.in_places([], processes=[os.getpid()])
    assert any("(deleted)" in place for place in found.places)
    assert not SEARCH.in_places([], processes=[os.getpid()]).findings


def test_a_file_that_cannot_be_searched_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large").write_text(VALUE * 10)
    monkeypatch.setattr(searching, "LARGEST", 100)
    assert len(SEARCH.in_places([tmp_path]).unsearched) == 1


def test_what_polars_really_spills_is_found_while_it_lies_there(tmp_path: Path) -> None:
    """A sort beyond its memory, killed by itself as soon as something lies in its spill folder."""
    source = tmp_path / "source.parquet"
    rows = pl.DataFrame({"n": range(300_000)}).with_columns(text=pl.lit(f"患者{VALUE}第") + pl.col("n").cast(pl.String))
    rows.with_columns(pl.col("n").hash(7)).write_parquet(source)
    spill = tmp_path / "spill"
    script = (
        "import os, sys, threading, time, pathlib, polars as pl\n"
        "def watch():\n"
        "    while sum(f.stat().st_size for f in pathlib.Path(sys.argv[2]).rglob('*.ipc')) < 100_000: time.sleep(0.001)\n"
        "    os.kill(os.getpid(), 9)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "while True: pl.scan_parquet(sys.argv[1]).sort('n').collect(engine='streaming')\n"
    )
    settings = {
        "POLARS_OOC_SPILL_DIR": str(spill),
        "POLARS_OOC_DISK_BUDGET_MB": "10000",
        "POLARS_OOC_MEMORY_BUDGET_MB": "20",
    }
    subprocess.run([sys.executable, "-c", script, source, spill], env=os.environ | settings, timeout=50, check=False)
    found = SEARCH.in_places([spill])
    assert any("zstd@" in finding.way for finding in found.findings), found
    assert {finding.value for finding in found.findings} == {0}
