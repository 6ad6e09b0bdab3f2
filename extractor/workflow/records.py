"""Files for people in the home's ``records`` folder: each appears whole or not at all.

Owns where a record lies and how its file is put there. The store holds the records; these files are their copies.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from extractor.errors import StorageError
from extractor.workflow.office import Office


def record_path(office: Office, number: str) -> Path:
    """Return where a record's file lies."""
    return office.home.records / f"{number}.json"


def envelope_path(office: Office, number: str) -> Path:
    """Return where the unit's signature over a record lies: a DSSE envelope beside it."""
    return office.home.records / f"{number}.dsse.json"


def give_place(source: Path, target: Path) -> None:
    """Move a finished file to its place, also from one file system to another: then by a copy that appears whole.

    Raises:
        OSError: the disk failed; nothing new stands under the target's name.
    """
    try:
        source.rename(target)
    except OSError as failure:
        if failure.errno != errno.EXDEV:
            raise
        part = target.with_name(target.name + ".part")
        try:
            with source.open("rb") as given, part.open("xb") as taken:
                os.fchmod(taken.fileno(), 0o600)
                shutil.copyfileobj(given, taken, 1 << 20)
                taken.flush()
                os.fsync(taken.fileno())
            part.rename(target)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        # The source is left where it is: a run's workspace is inventoried and purged as a whole.


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and then give it its own, so that nobody ever sees half of it.

    Raises:
        StorageError: the folder cannot be written; nothing new stands under the file's name.
    """
    part = path.with_suffix(".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as failure:
        part.unlink(missing_ok=True)
        raise StorageError(
            f"the record's file cannot be written ({failure.strerror})",
            zh="无法写入记录文件",
            thing=path.name,
            fix_en="free space on the disk of the home folder, then do it again",
            fix_zh="请清理主目录所在磁盘后重新办理",
        ) from None
