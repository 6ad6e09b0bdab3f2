"""Text encodings of CSV files: UTF-8 is checked, GB18030 is transcoded in memory, nothing is written to disk.

Owns bytes and their positions. It must not know columns, and its errors name a file, a line and a byte offset, never text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from extractor.errors import SourceError
from extractor.sources.files import reading, unreadable
from extractor.sources.records import RecordShape

BLOCK = 4 * 1024 * 1024
GB18030_LIMIT = 2 * 1024**3
RECORD_LIMIT = 64 * 1024 * 1024
_UTF8_NAMES = frozenset({"utf-8", "utf8", "utf-8-sig"})
_GB_NAMES = frozenset({"gb18030", "gbk", "gb2312"})


def is_gb18030(encoding: str, *, thing: str) -> bool:
    """Say whether a table is written in GB18030 (or its subsets GBK, GB 2312) and not in UTF-8, with or without BOM.

    Raises:
        SourceError: it is in neither.
    """
    name = encoding.lower().replace("_", "-")
    if name in _UTF8_NAMES | _GB_NAMES:
        return name in _GB_NAMES
    raise SourceError(
        f"encoding {encoding!r} is not read",
        zh=f"不支持编码 {encoding!r}",
        thing=thing,
        fix_en="choose utf-8 or gb18030",
        fix_zh="可选 utf-8 或 gb18030",
    )


def check_utf8(file: Path, name: str, *, separator: str) -> None:
    """Read a CSV file once, in blocks, and check that it is UTF-8 and that all records have as many fields as the header.

    Raises:
        SourceError: it is not UTF-8 (naming line and byte offset), a record is longer or shorter, or it cannot be read.
    """
    shape = RecordShape(name, separator)
    for text in _decoded(file, name, "utf-8"):
        shape.feed(text.encode())
    shape.close()


def read_gb18030(file: Path, name: str, *, separator: str) -> Iterator[bytes]:
    """Transcode a GB18030 CSV file to UTF-8, in blocks of whole records that each begin with the header line.

    A line end inside quotes does not end a record.

    Raises:
        SourceError: the file is over ``GB18030_LIMIT`` (2 GiB), not GB18030, a record does not end within 64 MiB, or
            has not as many fields as the header.
    """
    with reading(name):
        size = file.stat().st_size
    if size > GB18030_LIMIT:
        raise SourceError(
            f"a GB18030 file of more than {GB18030_LIMIT // 1024**3} GiB is not transcoded in memory",
            zh=f"GB18030 文件超过 {GB18030_LIMIT // 1024**3} GiB,不在内存中转码",
            thing=name,
            fix_en="have the source deliver it in several files, as UTF-8, or as Parquet",
            fix_zh="请数据源分成多个文件,或以 UTF-8、Parquet 提供",
        )
    header, carry = "", ""
    shape = RecordShape(name, separator)
    for text in _decoded(file, name, "gb18030"):
        shape.feed(text.encode())
        carry += text
        if not header:
            header, carry = _first_record(carry)
        end = _end_of_last_record(carry)
        if header and end:
            yield (header + carry[:end]).encode()
            carry = carry[end:]
        elif len(carry) > RECORD_LIMIT:
            raise unreadable(name)
    shape.close()
    yield (header + carry).encode()


def _decoded(file: Path, name: str, encoding: str) -> Iterator[str]:
    """Yield a file's text in blocks; the decoder's own error holds the bytes and is never let out."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    done, lines, wrong = 0, 1, -1
    with reading(name):
        stream = file.open("rb")
    with stream:
        while wrong < 0:
            with reading(name):
                block = stream.read(BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as fault:
                wrong = done - pending + fault.start
                lines += block[: max(fault.start - pending, 0)].count(b"\n")
                break
            if not block:
                return
            lines += block.count(b"\n")
            done += len(block)
            yield text.removeprefix("\ufeff") if done == len(block) else text
    raise SourceError(
        f"not valid {encoding.upper()} at byte {wrong} (line {lines})",
        zh=f"第 {lines} 行、字节 {wrong} 处不是有效的 {encoding.upper()}",
        thing=name,
        fix_en="correct `encoding` in the catalogue, or have the source deliver the file again",
        fix_zh="请更正目录中的 encoding,或请数据源重新提供文件",
    )


def _first_record(text: str) -> tuple[str, str]:
    end = text.find("\n")
    while end >= 0 and text.count('"', 0, end) % 2:
        end = text.find("\n", end + 1)
    return (text[: end + 1], text[end + 1 :]) if end >= 0 else ("", text)


def _end_of_last_record(text: str) -> int:
    """Return the position after the last line end that stands outside quotes, or 0."""
    quotes, end = text.count('"'), len(text)
    while (line_end := text.rfind("\n", 0, end)) >= 0:
        quotes -= text.count('"', line_end, end)
        if quotes % 2 == 0:
            return line_end + 1
        end = line_end
    return 0
