"""Real and synthetic tables that the demo can run on instead of its own hospital, and the examples that go with them.

Owns by which files a source is recognised, how its files become the tables that its catalogue in ``docs/examples`` describes, and
where the examples are. It must not know the catalogues, the plan, nor what the demo does with the tables.
"""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import polars as pl

import extractor
from extractor.errors import StorageError, UsageError
from extractor.sources.files import reading, unreadable

_DIABETES_ZIP, _DIABETES_CSV = "dataset_diabetes.zip", "diabetic_data.csv"
_SYNTHEA = tuple(
    f"{name}.csv" for name in ("patients", "conditions", "medications", "careplans", "providers", "organizations")
)
_MULTIPRIV = "multipriv_zh*.jsonl"
_LOOKED_FOR = (
    f"diabetes130 ({_DIABETES_ZIP}, {_DIABETES_CSV}); synthea ({', '.join(_SYNTHEA)}); multipriv ({_MULTIPRIV})"
)
# Columns of the multipriv patients and the labels that their values are annotated with.
_ANNOTATED = {
    "NAME": ("PERSON",),
    "RESIDENT_ID": ("ID_CARD", "RESIDENT_ID"),
    "PHONE": ("PHONE",),
    "EMAIL": ("EMAIL",),
    "ADDRESS": ("ADDRESS",),
    "AGE": ("AGE",),
}
# A narrative is about its person; the doctor in it is annotated with the same label.
_NOT_THE_PERSON = "doctor"


@dataclass(frozen=True)
class DemoSource:
    """A recognised source: the name of its example, its folder, and the files that are taken from it."""

    name: str
    folder: Path
    files: tuple[Path, ...]


def recognise_source(folder: Path) -> DemoSource:
    """Say which of the known sources a folder holds, by the names of its files.

    Raises:
        UsageError: there is no such folder, or it holds none of the known sources, or several.
    """
    if not folder.is_dir():
        raise _not_recognised(folder, "there is no such folder", "没有该文件夹")
    found = [DemoSource(name, folder, taken) for name, find in _FIND.items() if (taken := find(folder))]
    if not found:
        raise _not_recognised(folder, "the folder holds no source that is recognised", "文件夹中没有可识别的数据源")
    if len(found) > 1:
        raise _not_recognised(folder, "the folder holds several sources", "文件夹中有多个数据源")
    return found[0]


def prepare_source(source: DemoSource, data_folder: Path) -> None:
    """Write the tables of a source below ``data_folder`` as its catalogue in the examples expects them.

    What is written are copies: nothing that is later done to ``data_folder`` reaches the source itself.

    Raises:
        StorageError: a file is there already, or the folder cannot be written; files written so far are removed.
        SourceError: a file of the source is damaged or not of its format. No message holds a value.
    """
    written: list[Path] = []
    try:
        data_folder.mkdir(parents=True, exist_ok=True)
        for name, write in _PREPARE[source.name](source):
            with _new_file(data_folder / name, written) as target:
                write(target)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def example_folder(name: str) -> Path:
    """Return the folder with ``catalogue.yaml`` and ``request.yaml`` of an example.

    It lies inside the installed package, or below ``docs`` where the sources are checked out.

    Raises:
        UsageError: no such example; the message lists those that exist.
    """
    inside = Path(str(files("extractor") / "examples"))
    root = inside if inside.is_dir() else Path(extractor.__file__).resolve().parent.parent / "docs" / "examples"
    known = sorted(path.parent.name for path in root.glob("*/catalogue.yaml"))
    if name not in known:
        raise UsageError(
            "there is no such example",
            zh="没有该示例",
            thing=name,
            fix_en="choose one of: " + ", ".join(known),
            fix_zh="可选:" + "、".join(known),
        )
    return root / name


def _find_diabetes(folder: Path) -> tuple[Path, ...]:
    present = [folder / name for name in (_DIABETES_CSV, _DIABETES_ZIP) if (folder / name).is_file()]
    return tuple(present[:1])


def _find_synthea(folder: Path) -> tuple[Path, ...]:
    tables = tuple(folder / name for name in _SYNTHEA)
    return tables if all(path.is_file() for path in tables) else ()


def _find_multipriv(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.glob(_MULTIPRIV) if path.is_file()))


_FIND: dict[str, Callable[[Path], tuple[Path, ...]]] = {
    "diabetes130": _find_diabetes,
    "synthea": _find_synthea,
    "multipriv": _find_multipriv,
}

_Write = Callable[[IO[bytes]], object]


def _diabetes_tables(source: DemoSource) -> Iterator[tuple[str, _Write]]:
    (file,) = source.files
    yield _DIABETES_CSV, (_unzip(file) if file.suffix == ".zip" else _copy(file))


def _synthea_tables(source: DemoSource) -> Iterator[tuple[str, _Write]]:
    for file in source.files:
        yield file.name, _copy(file)


def _multipriv_tables(source: DemoSource) -> Iterator[tuple[str, _Write]]:
    rows = [row for file in source.files for row in _narratives(file)]
    numbers = [f"MP{number:06d}" for number in range(1, len(rows) + 1)]
    facts = {"ID": numbers, **{name: [row[name] for row in rows] for name in _ANNOTATED}}
    types: dict[str, pl.DataType] = dict.fromkeys(facts, pl.String()) | {"AGE": pl.Int64()}
    yield "patients.parquet", pl.DataFrame(facts, schema=types).write_parquet
    yield "notes.parquet", pl.DataFrame({"ID": numbers, "TEXT": [row["TEXT"] for row in rows]}).write_parquet


_PREPARE: dict[str, Callable[[DemoSource], Iterator[tuple[str, _Write]]]] = {
    "diabetes130": _diabetes_tables,
    "synthea": _synthea_tables,
    "multipriv": _multipriv_tables,
}


def _copy(file: Path) -> _Write:
    def write(target: IO[bytes]) -> None:
        with reading(file.name):
            content = file.open("rb")
        with content:
            shutil.copyfileobj(content, target)

    return write


def _unzip(file: Path) -> _Write:
    def write(target: IO[bytes]) -> None:
        try:
            with ZipFile(file) as archive:
                members = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == _DIABETES_CSV]
                if len(members) != 1:
                    raise unreadable(f"{file.name}: {_DIABETES_CSV}")
                with archive.open(members[0]) as content:
                    shutil.copyfileobj(content, target)
        except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
            # Damage, truncation, a member under a password and an unknown compression come as these.
            raise unreadable(file.name) from None

    return write


def _narratives(file: Path) -> Iterator[dict[str, str | int | None]]:
    with reading(file.name):
        lines = file.read_text("utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            with reading(f"{file.name}:{number}"):
                row = _narrative(json.loads(line))
            yield row


def _narrative(body: Any) -> dict[str, str | int | None]:
    """Return the text and the first annotated value of each column; None where a column is not annotated.

    Raises:
        ValueError: the object is not a narrative with spans.
    """
    if not isinstance(body, dict) or not isinstance(body.get("text"), str) or not isinstance(body.get("spans"), list):
        raise ValueError("no narrative")
    text: str = body["text"]
    text.encode()  # Half of a surrogate pair is valid JSON and no text; it is refused here, where the line is known.
    spans = [_span(span, len(text)) for span in body["spans"]]
    row: dict[str, str | int | None] = {"TEXT": text}
    for column, labels in _ANNOTATED.items():
        row[column] = next((text[start:end] for start, end, label in spans if label in labels), None)
    row["AGE"] = _years(row["AGE"])
    return row


def _span(span: Any, length: int) -> tuple[int, int, str]:
    if not isinstance(span, dict):
        raise ValueError("no span")
    start, end, label = span.get("start"), span.get("end"), span.get("label")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str) and 0 <= start < end <= length):
        raise ValueError("no span")
    return start, end, "" if span.get("orig") == _NOT_THE_PERSON else label


def _years(written: str | int | None) -> int | None:
    """Return an age written in years; one in months or in words is left out, for the narrative holds it anyway."""
    found = re.fullmatch(r"([0-9]{1,3})(?:周岁|岁)?", str(written))
    return int(found[1]) if found else None


@contextmanager
def _new_file(path: Path, written: list[Path]) -> Iterator[IO[bytes]]:
    """Open a file that must not be there yet, and note it as written."""
    try:
        with path.open("xb") as target:
            written.append(path)
            yield target
    except OSError as failure:
        raise StorageError(
            f"the file cannot be written ({failure.strerror})",
            zh=f"无法写入文件({failure.strerror})",
            thing=path.name,
            fix_en="choose an empty folder, and check its permissions and free space",
            fix_zh="请选择空文件夹,并检查权限与剩余空间",
        ) from None


def _not_recognised(folder: Path, en: str, zh: str) -> UsageError:
    return UsageError(
        en,
        zh=zh,
        thing=folder.name,
        fix_en=f"name a folder with one of: {_LOOKED_FOR}",
        fix_zh=f"请指定含以下文件之一的文件夹:{_LOOKED_FOR}",
    )
