"""The folder in which a validation sample and its annotators' sheets lie.

Owns the files, their form and their permissions. It must not know how notes are drawn. The folder holds notes in the clear
because people are to read them: it is private (0700, files 0600), nothing there is overwritten, and the site destroys it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from extractor.canonical import digest_bytes
from extractor.deid.marked_text import SheetFormat, write_sheet
from extractor.errors import IntegrityError, StorageError
from extractor.workflow.notes_table import Note
from extractor.workflow.site_sample import Sample

SAMPLE = "sample.jsonl"
SHEETS = ("annotator-1.txt", "annotator-2.txt")
FORMAT = "extractor-validation-sample/1"


def write_sample(sample: Sample, folder: Path) -> tuple[Path, ...]:
    """Write the sample and a sheet for each of two annotators into a new private folder; return the files.

    Raises:
        StorageError: the folder is there and not empty, or cannot be written.
    """
    about = {name: value for name, value in asdict(sample).items() if name != "notes"}
    head = {"format": FORMAT, "size": len(sample.notes), **about}
    lines = [head, *(asdict(note) for note in sample.notes)]
    sheet = write_sheet(sample.form, sample.texts)
    files = {
        SAMPLE: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode(),
        **{name: sheet.encode("utf-8-sig") for name in SHEETS},
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageError(
                "the folder is not empty",
                zh="目录不为空",
                thing=str(folder),
                fix_en="name a new folder",
                fix_zh="请另选新目录",
            )
        folder.chmod(0o700)
    except OSError as failure:
        raise _unwritable(folder, failure) from None
    return tuple(write_private(folder / name, content) for name, content in files.items())


def write_private(path: Path, content: bytes) -> Path:
    """Write a new file that only its owner may read.

    Raises:
        StorageError: it is there already, or cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as failure:
        raise _unwritable(path, failure) from None
    return path


def _unwritable(path: Path, failure: OSError) -> StorageError:
    return StorageError(
        f"it cannot be written ({failure.strerror})",
        zh=f"无法写入({failure.strerror})",
        thing=str(path),
        fix_en="choose another place; what is there is not overwritten",
        fix_zh="请另选位置;已有文件不会被覆盖",
    )


def read_sample(folder: Path) -> tuple[Sample, str]:
    """Read a sample back; the second value is the digest of its file, which the report names.

    Raises:
        IntegrityError: it is no sample, or was cut off.
        StorageError: it cannot be read.
    """
    path = folder / SAMPLE
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise StorageError(
            f"the sample cannot be read ({failure.strerror})", zh=f"无法读取样本({failure.strerror})", thing=str(path),
            fix_en="name the folder that `extractor deid sample` wrote", fix_zh="请指明 extractor deid sample 写出的目录",
        ) from None  # fmt: skip
    try:
        head, *notes = [json.loads(line) for line in content.decode().split("\n") if line]
        return _sample_of(head, notes), digest_bytes(content)
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(
            "this is no whole sample",
            zh="不是完整的样本文件",
            thing=str(path),
            fix_en="draw it again",
            fix_zh="请重新抽样",
        ) from None


def _sample_of(head: dict[str, Any], notes: list[dict[str, Any]]) -> Sample:
    if head.pop("format") != FORMAT or head.pop("size") != len(notes):
        raise ValueError("no sample")
    return Sample(**{**head, "form": SheetFormat(**head["form"]), "notes": tuple(Note(**note) for note in notes)})
