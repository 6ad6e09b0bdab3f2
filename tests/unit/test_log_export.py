"""The exported log: laid out as C2SP tlog-tiles says, verified without the database, every defect found."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from extractor.errors import IntegrityError, StorageError
from extractor.log import journal
from extractor.log.checkpoint import Checkpoint, Signer, open_checkpoint
from extractor.log.entries import LogEntry, Verb, stamp
from extractor.log.export import export, verify_export
from extractor.log.tiles import tile_path
from extractor.log.verification import verify
from extractor.store.database import Store

SIGNER = Signer("data.example.org/log", bytes(range(32)))
VERIFIER = SIGNER.verifier
SIZE = 600


def _fill(store: Store, count: int) -> None:
    start = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    with store.transaction() as tx:
        for n in range(count):
            time = stamp(start + timedelta(seconds=n))
            entry = LogEntry(time=time, verb=Verb.SHARE, actor="zhang.san", object=f"包裹 {n}", rows=n)
            journal.append(tx, entry, SIGNER)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database and its export as a folder and as a ZIP file."""
    home = tmp_path_factory.mktemp("export")
    with Store.create(home / "extractor.db") as store:
        _fill(store, SIZE)
        with store.reading() as tx:
            export(tx, home / "log", VERIFIER)
            export(tx, home / "log.zip", VERIFIER)
            export(tx, home / "again.zip", VERIFIER)
    return home


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "log", tmp_path / "log"))


def test_an_export_verifies_as_folder_and_as_zip_and_says_what_the_store_says(made: Path) -> None:
    with Store.open(made / "extractor.db") as store:
        inside = verify(store, VERIFIER)
    for place in ("log", "log.zip"):
        outside = verify_export(made / place, VERIFIER)
        assert (outside.size, outside.root) == (SIZE, inside.root)
        assert (outside.first_time, outside.last_time) == (inside.first_time, inside.last_time)
    assert (made / "log.zip").read_bytes() == (made / "again.zip").read_bytes()


def test_an_export_has_the_files_of_the_specification(made: Path) -> None:
    files = {file.relative_to(made / "log").as_posix() for file in (made / "log").rglob("*") if file.is_file()}
    tiles = {"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"}
    bundles = {"tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"}
    assert files == {"checkpoint", "entries.jsonl"} | tiles | bundles
    assert set(zipfile.ZipFile(made / "log.zip").namelist()) == files


def test_another_reader_of_the_specification_gets_the_same_root(made: Path) -> None:
    """Read the export by the words of the specification and RFC 6962 alone, with none of our code."""

    def mth(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        k = 1 << (len(hashes) - 1).bit_length() - 1
        return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()

    log = made / "log"
    leaves: list[bytes] = []
    for name in ("000", "001", "002.p/88"):
        bundle = (log / "tile/entries" / name).read_bytes()
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            assert json.loads(bundle[2 : 2 + length])["sequence"] == len(leaves)
            leaves.append(sha256(b"\x00" + bundle[2 : 2 + length]).digest())
            bundle = bundle[2 + length :]
    level_0 = b"".join((log / "tile/0" / name).read_bytes() for name in ("000", "001", "002.p/88"))
    assert level_0 == b"".join(leaves)
    assert (log / "tile/1/000.p/2").read_bytes() == mth(leaves[:256]) + mth(leaves[256:512])
    checkpoint = open_checkpoint((log / "checkpoint").read_bytes(), VERIFIER)
    assert (checkpoint.size, checkpoint.root) == (len(leaves), mth(leaves))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path("entries", 1234067), "tile/entries/x001/x234/067"),
        (tile_path(0, 273, 112), "tile/0/273.p/112"),
        (tile_path(1, 1000, 17), "tile/1/x001/000.p/17"),
    ],
)
def test_a_tile_has_the_path_of_the_specification(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize("size", [1, 255, 256, 257])
def test_an_export_of_any_size_verifies(tmp_path: Path, size: int) -> None:
    with Store.create(tmp_path / "extractor.db") as store:
        _fill(store, size)
        with store.reading() as tx:
            export(tx, tmp_path / "log", VERIFIER)
    assert verify_export(tmp_path / "log", VERIFIER).size == size
    partial = (tmp_path / "log/tile/1/000.p/1").is_file()
    assert partial is (size >= 256)


def test_an_export_names_nobody(made: Path) -> None:
    for file in [made / "log.zip", *(made / "log").rglob("*")]:
        assert file.is_dir() or b"zhang" not in file.read_bytes()


def test_an_empty_log_is_not_exported(tmp_path: Path) -> None:
    with Store.create(tmp_path / "a.db") as store, store.reading() as tx, pytest.raises(StorageError, match="empty"):
        export(tx, tmp_path / "log", VERIFIER)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("name", ["log", "log.zip"])
def test_an_existing_place_is_not_overwritten(made: Path, name: str) -> None:
    with (
        Store.open(made / "extractor.db") as store,
        store.reading() as tx,
        pytest.raises(StorageError, match="something already"),
    ):
        export(tx, made / name, VERIFIER)
    verify_export(made / name, VERIFIER)


@pytest.mark.parametrize("name", ["log", "log.zip"])
def test_a_broken_log_is_not_exported_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with Store.create(tmp_path / "a.db") as store:
        _fill(store, 10)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE log_entries SET body = replace(body, '\"rows\":4', '\"rows\":5')")
        with store.reading() as tx, pytest.raises(IntegrityError, match="not what was signed"):
            export(tx, tmp_path / name, VERIFIER)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("log")]


def test_a_place_that_cannot_be_written_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Store.open(made / "extractor.db") as store, store.reading() as tx:
        for name in ("log", "log.zip"):
            with pytest.raises(StorageError, match="file/log"):
                export(tx, tmp_path / "file" / name, VERIFIER)


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def _respell(folder: Path) -> None:
    """Write the first entry with a space after it, its length told rightly, and no lines to compare with."""
    (folder / "entries.jsonl").unlink()
    bundle = (folder / "tile/entries/000").read_bytes()
    end = 2 + int.from_bytes(bundle[:2], "big")
    (folder / "tile/entries/000").write_bytes((end - 1).to_bytes(2, "big") + bundle[2:end] + b" " + bundle[end:])


def _change_entry_and_line(folder: Path) -> None:
    for name in ("tile/entries/000", "entries.jsonl"):
        _edit(name, lambda content: content.replace(b'"rows":7,', b'"rows":8,'))(folder)


def _swap_bundles(folder: Path) -> None:
    first, second = folder / "tile/entries/000", folder / "tile/entries/001"
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])


DEFECTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no checkpoint": ("checkpoint", lambda f: (f / "checkpoint").unlink()),
    "a forged checkpoint": (
        "checkpoint",
        lambda f: (f / "checkpoint").write_text(
            Signer(SIGNER.name, bytes(32)).sign(Checkpoint(SIGNER.name, 1, bytes(32)))
        ),
    ),
    "a checkpoint of a shorter log": (
        "000.p/88",
        lambda f: (f / "checkpoint").write_text(SIGNER.sign(Checkpoint(SIGNER.name, 88, bytes(32)))),
    ),
    "a huge checkpoint": ("checkpoint", _edit("checkpoint", lambda c: c * 10000)),
    "an entry changed": ("tile/0/000", _change_entry_and_line),
    "an entry in another spelling": ("log entry 0", _respell),
    "bundles swapped": ("entries.jsonl", _swap_bundles),
    "a bundle cut": ("ends inside", _edit("tile/entries/000", lambda c: c[:-1])),
    "half a length": ("ends inside", _edit("tile/entries/001", lambda c: c + b"\x00")),
    "an entry more": ("257 entries", _edit("tile/entries/000", lambda c: c + b"\x00\x02{}")),
    "a bundle gone": ("missing", lambda f: (f / "tile/entries/001").unlink()),
    "a tile changed": ("tile/0/001", _edit("tile/0/001", lambda c: c[:-1] + bytes([c[-1] ^ 1]))),
    "a tile longer": ("too long", _edit("tile/0/001", lambda c: c + bytes(32))),
    "a partial tile changed": ("tile/1/000.p/2", _edit("tile/1/000.p/2", lambda c: c[:32] + bytes(32))),
    "a tile gone": ("missing", lambda f: (f / "tile/0/002.p/88").unlink()),
    "a tile more": ("no part of the log", lambda f: (f / "tile/0/003").write_bytes(b"")),
    "a line changed": ("entries.jsonl", _edit("entries.jsonl", lambda c: c.replace(b'"rows":7', b'"rows":8'))),
    "a line more": ("entries.jsonl", _edit("entries.jsonl", lambda c: c + b"{}\n")),
    "a line less": ("entries.jsonl", _edit("entries.jsonl", lambda c: c[: c[:-1].rindex(b"\n") + 1])),
}


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_spoilt_export_fails_verification(folder: Path, defect: str, zipped: bool) -> None:
    message, spoil = DEFECTS[defect]
    spoil(folder)
    place = folder
    if zipped:
        place = Path(shutil.make_archive(str(folder), "zip", folder))
    with pytest.raises(IntegrityError, match=message):
        verify_export(place, VERIFIER)


def test_an_export_without_the_readable_lines_verifies(folder: Path) -> None:
    (folder / "entries.jsonl").unlink()
    assert verify_export(folder, VERIFIER).size == SIZE


def test_an_export_is_compared_with_the_checkpoint_kept_elsewhere(made: Path) -> None:
    with zipfile.ZipFile(made / "log.zip") as archive:
        head = open_checkpoint(archive.read("checkpoint"), VERIFIER)
    assert verify_export(made / "log.zip", VERIFIER, head).witnessed == SIZE
    for known in (
        Checkpoint(SIGNER.name, SIZE + 1, head.root),
        Checkpoint(SIGNER.name, SIZE - 1, head.root),
        Checkpoint("other.example.org", SIZE, head.root),
    ):
        with pytest.raises(IntegrityError, match="kept elsewhere"):
            verify_export(made / "log.zip", VERIFIER, known)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a ZIP file"])
def test_a_file_that_is_no_zip_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.zip").write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be read"):
        verify_export(tmp_path / "log.zip", VERIFIER)
    with pytest.raises(StorageError, match="no such export"):
        verify_export(tmp_path / "none.zip", VERIFIER)


def test_a_damaged_zip_is_rejected(made: Path, tmp_path: Path) -> None:
    content = bytearray((made / "log.zip").read_bytes())
    content[len(content) // 3] ^= 0xFF
    (tmp_path / "log.zip").write_bytes(content)
    with pytest.raises(IntegrityError):
        verify_export(tmp_path / "log.zip", VERIFIER)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_twice_is_rejected(made: Path, tmp_path: Path) -> None:
    shutil.copy(made / "log.zip", tmp_path / "log.zip")
    with zipfile.ZipFile(tmp_path / "log.zip", "a") as archive:
        archive.writestr("tile/0/000", b"")
    with pytest.raises(IntegrityError, match="twice"):
        verify_export(tmp_path / "log.zip", VERIFIER)


def test_an_export_that_unpacks_to_more_than_it_may_is_rejected(made: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(made / "log.zip") as good,
        zipfile.ZipFile(tmp_path / "log.zip", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        bad.writestr("checkpoint", good.read("checkpoint"))
        bad.writestr("tile/entries/000", bytes(1 << 25))
    with pytest.raises(IntegrityError, match="too long"):
        verify_export(tmp_path / "log.zip", VERIFIER)
