"""The ZIP of a package, read strictly: what every reader must see alike, and nothing beside it.

Owns the check that the file is members one after the other, the directory, the end, and no byte more: no prefix, gap, comment or
trailer, no member that local header and directory name differently, nothing deflated, linked or doubled. It must not know what the
members mean.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from typing import IO, NoReturn

from extractor.errors import FormError, IntegrityError
from extractor.manifest import CLEAR_NAMES, MAX_ITEMS, check_name

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_END_RECORD = struct.Struct("<4s4HLLH")
_END_RECORD_64 = struct.Struct("<4sQ2H2L4Q")
_DIRECTORY_ENTRY, _END, _END_64 = 46, 22, 20 + 56
_MOST_MEMBERS = MAX_ITEMS + len(CLEAR_NAMES)
_LARGEST_DIRECTORY = _MOST_MEMBERS * 1024
_UTF_8_NAME = 0x0800
_ZIP64_MARK = 2**32 - 1


def open_zip(file: IO[bytes], *, thing: str) -> zipfile.ZipFile:
    """Open a package's ZIP.

    Raises:
        IntegrityError: this is no readable ZIP, or it is cut short.
    """
    try:
        _check_end(file, thing)
        return zipfile.ZipFile(file, "r")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        _broken(thing, "this is no readable ZIP, or it is cut short", "不是可读的 ZIP,或文件不完整")


def check_layout(package: zipfile.ZipFile, file: IO[bytes], *, thing: str) -> None:
    """Check that the ZIP has the one layout that sealing writes.

    Raises:
        IntegrityError: it has another one; the error names the member.
    """
    infos = package.infolist()
    seen: set[str] = set()
    for info in infos:
        _check_entry(info)
        if info.filename in seen:
            _broken(info.filename, "the name stands twice in the ZIP", "ZIP 中名称重复")
        seen.add(info.filename)
    at = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset != at:
            _broken(info.filename, "there are bytes between the members of the ZIP", "ZIP 成员之间有多余字节")
        at = _end_of_member(file, info)
    directory = sum(_DIRECTORY_ENTRY + len(i.orig_filename.encode()) + len(i.extra) + len(i.comment) for i in infos)
    tail = os.fstat(file.fileno()).st_size - package.start_dir - directory
    if at != package.start_dir or package.comment or tail not in (_END, _END + _END_64):
        _broken(thing, "there are bytes beside the members of the ZIP", "ZIP 成员之外有多余字节")


def _check_end(file: IO[bytes], thing: str) -> None:
    """Read the records at the very end, so that a directory of absurd size is refused before it is read into memory."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - _END - _END_64))
    tail = file.read()
    end, before = tail[-_END:], tail[:-_END]
    if len(end) < _END or end[:4] != b"PK\5\6":
        raise zipfile.BadZipFile
    members, directory = _END_RECORD.unpack(end)[4:6]
    if before[-20:-16] == b"PK\6\7":
        members, directory = _END_RECORD_64.unpack(before[:-20])[7:9]
    if members > _MOST_MEMBERS or directory > _LARGEST_DIRECTORY:
        _broken(thing, "too many members", "成员过多")


def _check_entry(info: zipfile.ZipInfo) -> None:
    # The standard library cuts ``filename`` at a NUL and changes separators in it; this is the name as it stands.
    name = info.orig_filename
    try:
        check_name(name)
    except FormError:
        shown = "".join(c if c.isprintable() else "?" for c in name[:100])
        _broken(shown, "the member's name is not safe", "成员名称不安全")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        _broken(name, "the member is compressed; a package stores its members", "成员被压缩;数据包只存储不压缩")
    if info.flag_bits & ~_UTF_8_NAME or info.comment or info.volume:
        _broken(name, "the member has ZIP features that a package does not use", "成员使用了数据包不允许的 ZIP 特性")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        _broken(name, "the member is no plain file", "成员不是普通文件")


def _end_of_member(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Compare the local header with the directory's entry and return the offset after the member's content."""
    file.seek(info.header_offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        _broken(info.filename, "the member is cut short", "成员不完整")
    magic, _, flags, method, _, _, crc, packed, plain, name_length, extra_length = _LOCAL.unpack(header)
    name = file.read(name_length)
    extra = file.read(extra_length)
    if (magic, flags, method, crc) != (b"PK\3\4", info.flag_bits, zipfile.ZIP_STORED, info.CRC):
        _broken(info.filename, "the member's two headers differ", "成员的两处头部不一致")
    if name != info.orig_filename.encode():
        _broken(info.filename, "the member's two headers differ", "成员的两处头部不一致")
    sizes = (plain, packed)
    if sizes == (_ZIP64_MARK, _ZIP64_MARK):
        # The one extra field that sealing writes: ZIP64, with the plain and the stored size.
        if len(extra) != 20 or extra[:4] != struct.pack("<HH", 1, 16):
            _broken(
                info.filename, "the member has ZIP features that a package does not use", "成员使用了不允许的 ZIP 特性"
            )
        sizes = struct.unpack("<QQ", extra[4:])
    elif extra:
        _broken(info.filename, "the member has ZIP features that a package does not use", "成员使用了不允许的 ZIP 特性")
    if sizes != (info.file_size, info.compress_size):
        _broken(info.filename, "the member's two headers differ", "成员的两处头部不一致")
    return file.tell() + info.compress_size


def _broken(thing: str, en: str, zh: str) -> NoReturn:
    raise IntegrityError(
        en,
        zh=zh,
        thing=thing,
        fix_en="get the package again from its issuer",
        fix_zh="请向签发单位重新获取",
    )
