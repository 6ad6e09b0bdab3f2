"""The catalogue: which tables and fields there are, where they lie, and what each field is.

Owns the values of the catalogue and the questions that others ask of it. It must not know how a catalogue is written down
(``extractor.forms``) nor how a table is read (``extractor.sources``). The nine facets of a field are those of
渝卫发〔2019〕67号 art. 10, which the other regimes' catalogues fit into.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from extractor.errors import ConfigurationError
from extractor.levels import hierarchy_of


class FieldClass(StrEnum):
    """How a field identifies: GB/T 37964-2019, 3.6–3.9."""

    DIRECT = "direct"
    QUASI = "quasi"
    SENSITIVE = "sensitive"
    OTHER = "other"


class SharingClass(StrEnum):
    """Who may have a field at all; local names are in the policies."""

    OPEN = "open"
    CONDITIONAL = "conditional"
    RESTRICTED = "restricted"


class Subject(StrEnum):
    """Whose datum a field holds: the person of the row, a relative, or a member of staff."""

    PERSON = "person"
    RELATIVE = "relative"
    STAFF = "staff"


class UpdatePeriod(StrEnum):
    """How often the responsible party brings a field up to date."""

    REALTIME = "realtime"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    STATIC = "static"


class UseMode(StrEnum):
    """How a field may be used."""

    EXTRACT = "extract"
    QUERY = "query"
    COMPARE = "compare"
    ANALYSE = "analyse"


class ValueFormat(StrEnum):
    """How a field's values are written; a source column of another type is refused before a run."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"


class TableFormat(StrEnum):
    """How the files of a table are written."""

    PARQUET = "parquet"
    CSV = "csv"


class TermKind(StrEnum):
    """What the terms of a site's dictionary are; ``keep`` terms are never taken for names on statistics alone."""

    STAFF = "staff"
    INSTITUTION = "institution"
    PLACE = "place"
    KEEP = "keep"


@dataclass(frozen=True)
class Sharing:
    """The sharing class of a field with its reason and legal basis (渝卫发〔2019〕67号 art. 15)."""

    mode: SharingClass
    reason: str
    basis: str


@dataclass(frozen=True)
class Field:
    """One column of a table and what it is. ``grade`` is the data level of GB/T 39725-2020, 1 to 5.

    ``element`` is the identifier of the datum in a standard (WS/T 363): one datum has one source (渝卫发〔2019〕67号 art. 10).
    """

    name: str
    zh: str
    kind: str
    cls: FieldClass
    grade: int
    category: str
    sharing: Sharing
    responsible: str
    format: ValueFormat
    attributes: str
    update: UpdatePeriod
    use: tuple[UseMode, ...]
    subject: Subject = Subject.PERSON
    domain: str | None = None
    element: str | None = None

    def __post_init__(self) -> None:
        hierarchy_of(self.kind)
        if not 1 <= self.grade <= 5:
            raise ConfigurationError(
                "the grade is not between 1 and 5",
                zh="数据级别不在 1 至 5 之间",
                thing=self.name,
                fix_en="use the levels of GB/T 39725-2020, 6.3",
                fix_zh="请按 GB/T 39725-2020 第 6.3 条填写",
            )

    @property
    def identity_domain(self) -> str:
        """Name of the set of identities that the field's values belong to; equal values of one domain get one pseudonym."""
        return self.domain or self.kind


@dataclass(frozen=True)
class Location:
    """Where the files of a table are: a path or glob, its format, and the division (GB/T 2260) where they are stored."""

    path: str
    format: TableFormat
    division: str
    separator: str = ","
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class PersonLink:
    """What the rows of a table belong to: ``column`` here equals ``key`` in table ``via``.

    Rows leave only with a row of ``via`` that is in the population and the period; a table without a person key of its own
    has that of ``via``.
    """

    column: str
    via: str
    key: str


@dataclass(frozen=True)
class Table:
    """One table: its location, keys and fields. ``person`` names the field that holds the person key in this table."""

    name: str
    zh: str
    location: Location
    fields: tuple[Field, ...]
    person: str | None = None
    link: PersonLink | None = None
    key: tuple[str, ...] = ()
    period: str | None = None
    identity: bool = False

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        # Of two of one name the first counts, so it is written last.
        return {field.name: field for field in reversed(self.fields)}

    @property
    def keys(self) -> frozenset[str]:
        """Names of the fields by which rows are told apart or joined."""
        joined = self.link.column if self.link else None
        return frozenset(name for name in (self.person, joined, *self.key) if name is not None)

    def identifies(self, column: str) -> bool:
        """Whether a column alone is said to be different in every row."""
        return self.key == (column,) or (self.identity and self.person == column)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields in the catalogue's order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True)
class Dictionary:
    """Words that a site knows itself and that are looked for in every text: a column of a table, or a file of terms.

    ``digest`` is that of the file's content, so that the catalogue's own digest, which approvals bind, changes with any term. What
    a table holds is recorded by each run, like every table that it reads.
    """

    name: str
    zh: str
    kind: TermKind
    table: str | None = None
    column: str | None = None
    file: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """All tables of one source, versioned; ``acquired`` is the day of acquisition (榕政综〔2017〕122号 art. 20)."""

    name: str
    version: str
    zh: str
    source: str
    acquired: date
    division: str
    tables: tuple[Table, ...]
    dictionaries: tuple[Dictionary, ...] | None = None

    def __post_init__(self) -> None:
        for dictionary in self.dictionaries or ():
            self._check_dictionary(dictionary)
        for table in self.tables:
            self._check_table(table)
        identities = [table.name for table in self.tables if table.identity]
        if len(identities) > 1:
            raise _fault(identities[1], "a second identity table", "第二个身份主表", "keep one", "只保留一个")

    def _check_dictionary(self, dictionary: Dictionary) -> None:
        from_file = dictionary.file is not None and dictionary.digest is not None
        field = self.field(dictionary.table or "", dictionary.column or "")
        if from_file == (dictionary.table is not None) or not (from_file or field):
            raise _fault(
                f"dictionaries.{dictionary.name}",
                "a dictionary is a text column of a table, or a file",
                "词典须为某表的文本列,或一个词表文件",
                "give `table` and `column`, or `file`",
                "请填写 table 与 column,或 file",
            )

    def _check_table(self, table: Table) -> None:
        known = set(table.field_names)
        named = [table.person, table.period, *table.key, table.link.column if table.link else None]
        for name in named:
            if name is not None and name not in known:
                raise _fault(
                    f"{table.name}.{name}",
                    "a key names a column that is not a field of the table",
                    "键所指的列不是该表的字段",
                    "fields are: " + ", ".join(table.field_names),
                    "字段有:" + "、".join(table.field_names),
                )
        if table.identity and table.person is None:
            raise _fault(table.name, "an identity table needs `person`", "身份主表须写明 person", "name it", "请写明")
        if table.link is not None:
            via = self.table(table.link.via)
            if via is None or via.person is None or via.field(table.link.key) is None:
                raise _fault(
                    f"{table.name}.link",
                    "the linked table has no such key or no person key",
                    "所连接的表没有该键或没有个人主键",
                    "link to a table with a person key",
                    "请连接到有个人主键的表",
                )
            self._check_joined(table, table.link)

    def _check_joined(self, table: Table, link: PersonLink) -> None:
        """Check what a link must be beyond its names: no circle, and a unique key where columns are taken through it."""
        seen, at = {table.name}, self.table(link.via)
        while at is not None and at.link is not None and at.name not in seen:
            seen.add(at.name)
            at = self.table(at.link.via)
        if at is not None and at.name in seen:
            raise _fault(f"{table.name}.link", "the links form a circle", "表的连接成环", "remove one", "请删除其一")
        via = self.table(link.via)
        takes = table.person is None or any(field.kind == "free_text" for field in table.fields)
        if via is not None and via.key and takes and not via.identifies(link.key):
            raise _fault(
                f"{table.name}.link",
                "the person key or known values are taken through a key that is not unique in the linked table",
                "经连接取得个人主键或已知值时,所连接的键须在该表中唯一",
                f"link to the whole key of {via.name}: {', '.join(via.key)}",
                f"请连接到 {via.name} 的完整主键:{'、'.join(via.key)}",
            )

    def table(self, name: str) -> Table | None:
        """Return the table of that name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Table]:
        return {table.name: table for table in reversed(self.tables)}

    def field(self, table: str, name: str) -> Field | None:
        """Return a table's field, or None where either does not exist."""
        found = self.table(table)
        return found.field(name) if found else None

    def sources_of(self, element: str) -> tuple[str, ...]:
        """Return each field (``table.field``) that is a source of a datum: it has the element and is no key."""
        return tuple(
            f"{table.name}.{field.name}"
            for table in self.tables
            for field in table.fields
            if field.element == element and field.name not in self._keys_of(table)
        )

    def _keys_of(self, table: Table) -> frozenset[str]:
        """The keys of a table, and the fields that other tables are linked to."""
        linked = (other.link.key for other in self.tables if other.link and other.link.via == table.name)
        return table.keys | frozenset(linked)

    @property
    def identity_table(self) -> Table | None:
        """The table with one row for each person, or None."""
        return next((table for table in self.tables if table.identity), None)


def _fault(thing: str, en: str, zh: str, fix_en: str, fix_zh: str) -> ConfigurationError:
    return ConfigurationError(en, zh=zh, thing=thing, fix_en=fix_en, fix_zh=fix_zh)
