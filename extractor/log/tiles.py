"""Tiles and entry bundles of an exported log, as C2SP ``tlog-tiles`` lays them out.

Owns the paths, the contents that a row of entries gives, and the reading of a bundle. It must not know where files are
written to or read from: export writes what comes from here, verification compares with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extractor.errors import IntegrityError
from extractor.log.checkpoint import Checkpoint
from extractor.log.entries import broken_at, check_time, read_leaf
from extractor.log.tree import fold, grow, leaf_hash
from extractor.log.verification import LogVerification

WIDTH = 256

File = tuple[str, bytes]


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile, or of an entry bundle where the level is ``entries``; 1234067 is ``x001/x234/067``."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


class Tiling:
    """Turns entries, 256 at a time, into bundles and tiles, and follows root and time."""

    def __init__(self, known: int | None = None) -> None:
        self.size, self.known, self.known_root = 0, known, fold(()) if known == 0 else b""
        self.frontier: tuple[bytes, ...] = ()
        self.pending: dict[int, list[bytes]] = {}
        self.first_time, self.time = "", ""

    def add(self, contents: Sequence[bytes]) -> Iterator[File]:
        """Take the next entries, a full bundle or the last one; yield the bundle and the tiles that are full now."""
        index = self.size // WIDTH
        yield tile_path("entries", index, len(contents)), b"".join(map(_with_length, contents))
        for content in contents:
            self._follow(content)
            growth = grow(self.size, self.frontier, leaf_hash(content))
            self.size, self.frontier = self.size + 1, growth.frontier
            if self.size == self.known:
                self.known_root = growth.root
            for (level, position), value in growth.nodes:
                if level % 8 == 0:
                    yield from self._tile(level // 8, position, value)

    def rest(self) -> Iterator[File]:
        """Yield the partial tiles at the right edge."""
        for level, hashes in self.pending.items():
            if hashes:
                index = (self.size >> 8 * level) // WIDTH
                yield tile_path(level, index, len(hashes)), b"".join(hashes)

    def verified(self, checkpoint: Checkpoint) -> LogVerification:
        """Return what was gone through, after its root was seen to be the checkpoint's."""
        root = fold(self.frontier)
        if (checkpoint.size, checkpoint.root) != (self.size, root):
            raise broken_at(
                max(self.size - 1, 0), "the log up to here is not what was signed", "至此的日志与签名的内容不符"
            )
        return LogVerification(
            self.size,
            root,
            self.first_time or None,
            self.time or None,
            witnessed=self.known,
        )

    def _tile(self, level: int, position: int, value: bytes) -> Iterator[File]:
        hashes = self.pending.setdefault(level, [])
        hashes.append(value)
        if len(hashes) == WIDTH:
            yield tile_path(level, position // WIDTH), b"".join(hashes)
            hashes.clear()

    def _follow(self, content: bytes) -> None:
        entry = read_leaf(content, self.size)
        check_time(entry, self.time)
        self.time = entry.time
        self.first_time = self.first_time or entry.time


def without_lengths(bundle: bytes, name: str) -> list[bytes]:
    """Return the entries of a bundle, each of which has its length before it in two bytes, big-endian.

    Raises:
        IntegrityError: the bundle ends inside an entry.
    """
    contents, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if at + 2 > len(bundle) or end > len(bundle):
            raise wrong_file(name, "the bundle ends inside an entry", "条目不完整")
        contents.append(bundle[at + 2 : end])
        at = end
    return contents


def wrong_file(name: str, en: str, zh: str) -> IntegrityError:
    """Return the error that names a file of an export that is not as it must be."""
    return IntegrityError(
        en,
        zh=zh,
        thing=name,
        fix_en="export the log again, and compare it with the checkpoint kept elsewhere",
        fix_zh="请重新导出日志,并与另存的检查点比对",
    )


def _with_length(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content
