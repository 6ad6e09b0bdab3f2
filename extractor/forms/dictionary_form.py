"""How a catalogue's dictionaries are written down: what their terms are, and the column or file in which these stand.

Owns the YAML shape of ``dictionaries`` and the checks of the files that it names, to the line of a term that cannot be used. It must
not know how terms are looked for. No term stands in a message: a file of staff is a list of names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic import Field as Key

from extractor.canonical import digest_bytes
from extractor.catalogue import Dictionary, TermKind
from extractor.deid.term_file import MAX_BYTES, parse_terms
from extractor.forms.faults import Fault
from extractor.forms.shape import Form, Text, mapping, wrong
from extractor.forms.source_names import ColumnName, TableName


def _file_name(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts or len(value) > 200:
        raise wrong(
            "must be a path beside the catalogue, without `..`",
            "须为目录文件所在文件夹内的路径,不得含 `..`",
        )
    return value


class DictionaryForm(Form):
    """Words of the site: either a column of a table of this catalogue, or a text file beside it with a term on each line."""

    name: Text
    kind: TermKind
    table: TableName | None = None
    column: ColumnName | None = None
    file: Annotated[str, AfterValidator(_file_name)] | None = Key(
        None, description="UTF-8, one term a line, lines that begin with # are comments"
    )


def dictionaries_of(forms: Mapping[str, DictionaryForm], folder: Path | None) -> tuple[Dictionary, ...]:
    """Return the dictionaries of a catalogue whose faults are none; a file's digest is that of its content now."""
    return tuple(
        Dictionary(
            name=name,
            zh=form.name,
            kind=form.kind,
            table=form.table,
            column=form.column,
            file=form.file,
            digest=digest_bytes(read_terms(form.file, folder)) if form.file and folder else None,
        )
        for name, form in forms.items()
    )


def read_terms(file: str, folder: Path) -> bytes:
    """Read a file of terms in a catalogue's folder.

    Raises:
        OSError: it cannot be read, lies outside the folder, or is larger than a file of terms may be.
    """
    path = folder.joinpath(*PurePosixPath(file).parts)
    if not path.resolve(strict=True).is_relative_to(folder.resolve()):
        raise PermissionError(0, "outside the catalogue's folder")
    with path.open("rb") as source:
        content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(0, f"larger than {MAX_BYTES >> 20} MB")
    return content


def dictionary_faults(root: dict[str, Any], folder: Path | None) -> list[Fault]:
    """Name each fault of the dictionaries beyond their shape: no source or two, no such column, a file that cannot be used."""
    tables = mapping(root.get("tables"))
    return [
        fault
        for name, raw in mapping(root.get("dictionaries")).items()
        for fault in _faults_of(("dictionaries", name), mapping(raw), tables, folder)
    ]


def _faults_of(
    place: tuple[str, ...], body: dict[str, Any], tables: dict[str, Any], folder: Path | None
) -> Iterator[Fault]:
    table, column, file = body.get("table"), body.get("column"), body.get("file")
    if (file is None) == (table is None and column is None):
        yield Fault(place, "give either `table` and `column`, or `file`", "须填写 table 与 column,或只填写 file")
    elif isinstance(file, str):
        yield from _file_faults((*place, "file"), file, folder)
    elif table not in tables:
        yield Fault((*place, "table"), "no table of this catalogue", "不是本目录中的表", tuple(tables))
    else:
        fields = mapping(mapping(tables[table]).get("fields"))
        texts = tuple(name for name, field in fields.items() if mapping(field).get("format") == "text")
        if column not in texts:
            yield Fault((*place, "column"), "names no text field of the table", "不是该表的文本字段", texts)


def _file_faults(place: tuple[str, ...], file: str, folder: Path | None) -> Iterator[Fault]:
    try:
        _file_name(file)
    except ValueError:
        return  # The form says so itself.
    if folder is None:
        yield Fault(place, "a file of terms needs a catalogue in a folder", "词表文件须与目录文件同放在文件夹中")
        return
    try:
        content = read_terms(file, folder)
    except OSError as failure:
        yield Fault(place, f"the file cannot be read ({failure.strerror})", f"无法读取该文件({failure.strerror})")
        return
    for line, en, zh in parse_terms(content).faults:
        yield Fault(place, f"line {line} of the file: {en}", f"文件第 {line} 行:{zh}")
