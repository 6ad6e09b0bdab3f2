"""The log outside the database: a folder or a ZIP file as C2SP ``tlog-tiles`` lays it out.

Owns writing an export, and verifying one without the database; what is written here, others' tools verify too. It must
not know the store's tables beyond reading leaves, and never exports what opens a commitment. ``entries.jsonl`` repeats the
entries, one on a line, for reading; it is compared with the bundles.
"""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import select

from extractor.errors import StorageError
from extractor.log.checkpoint import Checkpoint, Verifier, open_checkpoint
from extractor.log.entries import MAX_LEAF_BYTES, broken_at
from extractor.log.journal import head
from extractor.log.tiles import WIDTH, Tiling, tile_path, without_lengths, wrong_file
from extractor.log.verification import LogVerification
from extractor.store.database import Transaction
from extractor.store.tables import log_entries

_CHECKPOINT, _LINES = "checkpoint", "entries.jsonl"
_MAX_CHECKPOINT = 1 << 20
_MAX_BUNDLE = WIDTH * (MAX_LEAF_BYTES + 2)


def export(tx: Transaction, path: Path, verifier: Verifier) -> LogVerification:
    """Write the log into a new folder, or into a new ZIP file where the path ends in ``.zip``.

    Raises:
        StorageError: something is there already, or it cannot be written.
        IntegrityError: the log is not what its last checkpoint signs; the log is then not exported.
    """
    signed = head(tx, verifier)
    if signed is None:
        raise StorageError("the log is empty", zh="日志为空", thing=str(path))
    tiling = Tiling()
    with _writing(path) as write:
        for contents in _leaves(tx):
            for name, content in tiling.add(contents):
                write(name, content)
        for name, content in tiling.rest():
            write(name, content)
        write(_LINES, b"".join(content + b"\n" for contents in _leaves(tx) for content in contents))
        write(_CHECKPOINT, signed[1].encode())
        return tiling.verified(signed[0])


def verify_export(path: Path, verifier: Verifier, known: Checkpoint | None = None) -> LogVerification:
    """Verify an exported log without the database.

    The steps: 1. the checkpoint is signed by the log; 2. every bundle holds entries of this log, in their order, the time not
    running backwards; 3. every tile is what the entries hash to; 4. the root is the checkpoint's; 5. nothing else lies among
    the tiles, and the readable lines are the entries; 6. the log contains ``known``, a checkpoint kept elsewhere.

    Raises:
        IntegrityError: one of the steps fails; names the first entry or the file.
        StorageError: there is no such export.
    """
    with _reading(path) as source:
        checkpoint = open_checkpoint(source.content(_CHECKPOINT, _MAX_CHECKPOINT), verifier)
        tiling = Tiling(known.size if known else None)
        for contents in source.bundles(checkpoint.size):
            for name, content in tiling.add(contents):
                source.compare(name, content)
        for name, content in tiling.rest():
            source.compare(name, content)
        result = tiling.verified(checkpoint)
        source.check_rest()
    if known is not None and (known.origin != checkpoint.origin or tiling.known_root != known.root):
        raise broken_at(
            min(known.size, checkpoint.size),
            "the export does not contain the checkpoint kept elsewhere",
            "导出件不包含另存的检查点",
        )
    return result


class _Export:
    """An exported log that is read: bounded reads, and which of its tiles were compared."""

    def __init__(self, place: Path | zipfile.Path, tiles: frozenset[str]) -> None:
        self.place, self.tiles = place, tiles
        self.seen: set[str] = set()
        lines = place.joinpath(_LINES)
        self.lines: IO[bytes] | None = lines.open("rb") if lines.is_file() else None

    def content(self, name: str, limit: int) -> bytes:
        """Return a file's content.

        Raises:
            IntegrityError: it is missing or longer than the limit.
        """
        file = self.place.joinpath(name)
        if not file.is_file():
            raise wrong_file(name, "the file is missing", "文件缺失")
        with file.open("rb") as stream:
            content: bytes = stream.read(limit + 1)
        if len(content) > limit:
            raise wrong_file(name, "the file is too long", "文件过长")
        self.seen.add(name)
        return content

    def bundles(self, size: int) -> Iterator[list[bytes]]:
        """Yield the entries of each bundle of a log of that size, compared with the readable lines."""
        for start in range(0, size, WIDTH):
            width = min(WIDTH, size - start)
            name = tile_path("entries", start // WIDTH, width)
            contents = without_lengths(self.content(name, _MAX_BUNDLE), name)
            if len(contents) != width:
                raise wrong_file(name, f"the bundle holds {len(contents)} entries, not {width}", "条目数不符")
            for content in contents:
                if self.lines and self.lines.readline(MAX_LEAF_BYTES + 2) != content + b"\n":
                    raise wrong_file(_LINES, "the lines are not the entries", "内容与条目不符")
            yield contents

    def compare(self, name: str, content: bytes) -> None:
        """Check that a file has this content."""
        if self.content(name, len(content)) != content:
            raise wrong_file(name, "the hashes are not those of the entries", "哈希与条目不符")

    def check_rest(self) -> None:
        """Check that nothing that was not compared lies among the tiles or after the lines."""
        strays = sorted(self.tiles - self.seen)
        if strays:
            raise wrong_file(strays[0], "the file is no part of the log", "文件不属于该日志")
        if self.lines and self.lines.read(1):
            raise wrong_file(_LINES, "there are lines after the last entry", "末条之后另有内容")


def _leaves(tx: Transaction) -> Iterator[list[bytes]]:
    """Yield the contents of the leaves, as many as a bundle holds at a time."""
    start = 0
    while True:
        chosen = select(log_entries.c.body).where(log_entries.c.sequence >= start)
        rows = tx.rows(chosen.order_by(log_entries.c.sequence).limit(WIDTH))
        if not rows:
            return
        yield [str(row.body).encode() for row in rows]
        start += len(rows)


@contextmanager
def _writing(path: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Write under another name first, so that a place that bears the final name is whole."""
    part = path.with_name(f"{path.name}.part")
    if path.exists() or part.exists():
        raise StorageError(
            "there is something already",
            zh="该位置已有内容",
            thing=str(path if path.exists() else part),
            fix_en="remove it or name another place",
            fix_zh="请移除或另选位置",
        )
    try:
        if path.suffix == ".zip":
            with part.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield _archive_writer(archive)
        else:
            part.mkdir(parents=True, mode=0o700)
            yield _folder_writer(part)
        part.replace(path)
    except OSError as error:
        _remove(part)
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StorageError(
            f"the export cannot be written ({reason})", zh=f"无法写出导出件({reason})", thing=str(path)
        ) from None
    except BaseException:
        _remove(part)
        raise


def _archive_writer(archive: zipfile.ZipFile) -> Callable[[str, bytes], None]:
    def write(name: str, content: bytes) -> None:
        # A fixed date makes two exports of one log equal, byte by byte.
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)

    return write


def _folder_writer(folder: Path) -> Callable[[str, bytes], None]:
    def write(name: str, content: bytes) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return write


def _remove(part: Path) -> None:
    if part.is_file():
        part.unlink()
    elif part.is_dir():
        shutil.rmtree(part)


@contextmanager
def _reading(path: Path) -> Iterator[_Export]:
    """Open a folder or a ZIP file; nothing is unpacked, and only names of the layout are read."""
    if not path.exists():
        raise StorageError("there is no such export", zh="没有该导出件", thing=str(path))
    with ExitStack() as stack:
        try:
            place, names = _place(path, stack)
            export = _Export(place, frozenset(name for name in names if name.startswith("tile/")))
            if export.lines:
                stack.callback(export.lines.close)
            yield export
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
            raise wrong_file(str(path), "the export cannot be read", "导出件无法读取") from None


def _place(path: Path, stack: ExitStack) -> tuple[Path | zipfile.Path, list[str]]:
    if path.is_dir():
        return path, [f.relative_to(path).as_posix() for f in path.rglob("*") if not f.is_dir()]
    archive = stack.enter_context(zipfile.ZipFile(path))
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(set(names)) != len(names):
        raise wrong_file(str(path), "the ZIP file has a name twice", "ZIP 中有重名文件")
    return zipfile.Path(archive), names
