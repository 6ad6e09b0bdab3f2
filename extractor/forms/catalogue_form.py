"""How a catalogue is written down: tables by name, fields by name, and facets given once for many fields.

Owns the YAML shape of a catalogue and its way into ``extractor.catalogue``. A facet that a field does not give comes from its
table's ``defaults``, else from the catalogue's; one that nobody gives is an error, because all nine facets are required
(渝卫发〔2019〕67号 art. 10). It must not know how a table is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic import Field as Key

from extractor.canonical import Json
from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    Location,
    PersonLink,
    Sharing,
    SharingClass,
    Subject,
    Table,
    TableFormat,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.decode import from_json
from extractor.errors import ConfigurationError, FormError
from extractor.forms.dictionary_form import DictionaryForm, dictionaries_of, dictionary_faults
from extractor.forms.faults import Fault, form_error
from extractor.forms.shape import AnyText, Day, Division, Form, Kind, Text, Truth, Whole, check, listing, mapping, wrong
from extractor.forms.source_names import ColumnName, TableName
from extractor.forms.yaml_reader import Document, parse_document, read_document

FACETS = ("grade", "category", "sharing", "responsible", "attributes", "update", "use")
_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312")


def _encoding(value: str) -> str:
    if value.lower().replace("_", "-") not in _ENCODINGS:
        raise wrong("no such encoding", "不支持该编码", _ENCODINGS)
    return value


def _separator(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in '"\n\r':
        raise wrong("must be one ASCII character", "须为一个 ASCII 字符", (",", "|", ";", r'"\t"'))
    return value


class SharingForm(Form):
    """Who may have a field, why, and on what legal basis."""

    mode: SharingClass = Key(alias="class")
    reason: Text
    basis: Text


class FacetsForm(Form):
    """Facets that may be given for a field, or once for all fields of a table or of the catalogue."""

    grade: Annotated[Whole, Key(ge=1, le=5)] | None = Key(None, description="GB/T 39725-2020, 1 to 5")
    category: Text | None = None
    sharing: SharingForm | None = None
    responsible: Text | None = None
    attributes: Text | None = None
    update: UpdatePeriod | None = None
    use: Annotated[tuple[UseMode, ...], Key(min_length=1)] | None = None


def _no_facets() -> FacetsForm:
    return FacetsForm.model_validate({})


class FieldForm(FacetsForm):
    """One field: its name in Chinese, its kind, how it identifies, and its facets."""

    name: Text
    kind: Kind
    cls: FieldClass = Key(alias="class")
    format: ValueFormat
    subject: Subject = Subject.PERSON
    domain: Text | None = Key(
        None, description="fields of one domain share their pseudonyms; without it, those of a kind"
    )
    element: Text | None = Key(None, description="identifier of the datum in a standard; one datum has one source")


class LocationForm(Form):
    """Where the files of a table are. Without ``division`` they are where the catalogue is."""

    path: Text
    format: TableFormat
    division: Division | None = None
    separator: Annotated[str, AfterValidator(_separator)] = ","
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    null_values: tuple[AnyText, ...] = ("",)


class LinkForm(Form):
    """What a table's rows belong to: ``column`` equals ``key`` in ``via``. Rows leave only with a row of ``via`` that does."""

    column: ColumnName
    via: TableName
    key: ColumnName


class TableForm(Form):
    """One table: where it is, its keys, and its fields by name."""

    name: Text
    location: LocationForm
    person: ColumnName | None = Key(None, description="the field that holds the person key")
    link: LinkForm | None = None
    key: tuple[ColumnName, ...] = ()
    period: ColumnName | None = Key(None, description="the field whose date falls into the request's period")
    identity: Truth = False
    defaults: FacetsForm = Key(default_factory=_no_facets)
    fields: Annotated[dict[ColumnName, FieldForm], Key(min_length=1)]


class CatalogueForm(Form):
    """资源目录: all tables of one source, with every field that may be asked for."""

    catalogue: Text
    version: Text
    name: Text
    source: Text
    acquired: Day = Key(description="day on which the data were acquired (榕政综〔2017〕122号 art. 20)")
    division: Division
    defaults: FacetsForm = Key(default_factory=_no_facets)
    tables: Annotated[dict[TableName, TableForm], Key(min_length=1)]
    dictionaries: dict[TableName, DictionaryForm] | None = Key(
        None, description="words of the site that are looked for in every text, or never taken for names"
    )


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue from a YAML or JSON file.

    Raises:
        FormError: with every fault of the file: line, key, what is wrong, what is allowed.
    """
    return _catalogue(read_document(path), folder=path.parent)


def parse_catalogue(content: bytes, *, name: str) -> Catalogue:
    """Read a catalogue from bytes; ``name`` stands for the file in messages. Dictionaries in files have no folder here.

    Raises:
        FormError: as :func:`read_catalogue`.
    """
    return _catalogue(parse_document(content, name=name), folder=None)


def catalogue_from_json(body: Json) -> Catalogue:
    """Return the catalogue that canonical JSON was made of.

    Raises:
        FormError: the JSON does not fit.
    """
    return from_json(Catalogue, body)


def _catalogue(document: Document, *, folder: Path | None) -> Catalogue:
    form, faults = check(CatalogueForm, document)
    faults += [*_missing_facets(document.root), *_loose_keys(document.root), *_identity_faults(document.root)]
    faults += dictionary_faults(document.root, folder)
    if form is None or faults:
        raise form_error(document.name, [(document.line(fault.place), fault) for fault in faults])
    try:
        return _core(form, folder)
    except FormError:
        raise
    except ConfigurationError as failure:
        fault = Fault(("tables",), f"{failure.thing} {failure.en}", f"{failure.thing} {failure.zh}")
        raise form_error(document.name, [(document.line(("tables",)), fault)]) from None


def _core(form: CatalogueForm, folder: Path | None) -> Catalogue:
    return Catalogue(
        name=form.catalogue,
        version=form.version,
        zh=form.name,
        source=form.source,
        acquired=form.acquired,
        division=form.division,
        tables=tuple(_table(form, name, table) for name, table in form.tables.items()),
        dictionaries=dictionaries_of(form.dictionaries or {}, folder) or None,
    )


def _table(form: CatalogueForm, name: str, table: TableForm) -> Table:
    where = table.location
    return Table(
        name=name,
        zh=table.name,
        location=Location(
            path=where.path,
            format=where.format,
            division=where.division or form.division,
            separator=where.separator,
            encoding=where.encoding,
            null_values=where.null_values,
        ),
        fields=tuple(_field(key, field, (field, table.defaults, form.defaults)) for key, field in table.fields.items()),
        person=table.person,
        link=PersonLink(table.link.column, table.link.via, table.link.key) if table.link else None,
        key=table.key,
        period=table.period,
        identity=table.identity,
    )


def _field(name: str, field: FieldForm, layers: tuple[FacetsForm, ...]) -> Field:
    facets: dict[str, Any] = {
        facet: next(value for layer in layers if (value := getattr(layer, facet)) is not None) for facet in FACETS
    }
    sharing: SharingForm = facets["sharing"]
    facets["sharing"] = Sharing(sharing.mode, sharing.reason, sharing.basis)
    return Field(
        name=name,
        zh=field.name,
        kind=field.kind,
        cls=field.cls,
        format=field.format,
        subject=field.subject,
        domain=field.domain,
        element=field.element,
        **facets,
    )


def _missing_facets(root: dict[str, Any]) -> list[Fault]:
    """Name each facet of each field that neither the field nor the defaults give."""
    faults = []
    for table, body in mapping(root.get("tables")).items():
        layers = [mapping(mapping(body).get("defaults")), mapping(root.get("defaults"))]
        for name, field in mapping(mapping(body).get("fields")).items():
            for facet in FACETS:
                if all(layer.get(facet) is None for layer in (mapping(field), *layers)):
                    faults.append(
                        Fault(
                            ("tables", table, "fields", name, facet),
                            "this facet is given neither by the field nor by any defaults",
                            "字段与各级 defaults 均未给出该项",
                        )
                    )
    return faults


def _loose_keys(root: dict[str, Any]) -> list[Fault]:
    """Name each key column that is no field of its table."""
    faults = []
    tables = mapping(root.get("tables"))
    for table, raw in tables.items():
        body = mapping(raw)
        fields, link = mapping(body.get("fields")), mapping(body.get("link"))
        via = mapping(tables.get(str(link.get("via"))))
        named: list[tuple[tuple[str | int, ...], object, dict[str, Any]]] = [
            (("person",), body.get("person"), fields),
            (("period",), body.get("period"), fields),
            *((("key", at), name, fields) for at, name in enumerate(listing(body.get("key")))),
            (("link", "column"), link.get("column"), fields),
            (("link", "via"), link.get("via"), {name: 0 for name in tables if mapping(tables[name]).get("person")}),
        ]
        if via:
            named.append((("link", "key"), link.get("key"), mapping(via.get("fields"))))
        faults += [_loose(("tables", table, *where), known) for where, name, known in named if _is_loose(name, known)]
    return faults


def _is_loose(name: object, known: dict[str, Any]) -> bool:
    return isinstance(name, str) and name not in known


def _loose(place: tuple[str | int, ...], known: dict[str, Any]) -> Fault:
    if place[-1] == "via":
        return Fault(place, "no table of that name has a person key", "没有带个人主键的同名表", tuple(known))
    return Fault(place, "names no field of the table", "不是该表的字段", tuple(known))


def _identity_faults(root: dict[str, Any]) -> list[Fault]:
    tables = mapping(root.get("tables"))
    identities = [name for name, body in tables.items() if mapping(body).get("identity") == "true"]
    faults = [
        Fault(("tables", name, "identity"), "a second identity table; keep one", "第二个身份主表,只保留一个")
        for name in identities[1:]
    ]
    faults += [
        Fault(("tables", name, "identity"), "an identity table needs `person`", "身份主表须写明 person")
        for name in identities
        if mapping(tables[name]).get("person") is None
    ]
    return faults
