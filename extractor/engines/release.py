"""A plan's output tables in polars: raw rows, the columns at their levels, the text treated, and what the risk gate looks at.

Owns how a ``TablePlan`` becomes a lazy frame of exactly the planned columns. It must not write anything, and never shows a
frame's query plan. Failures inside polars come out as ours, without values.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import polars as pl

from extractor.catalogue import Subject
from extractor.deid.classes import ReleaseTable
from extractor.deid.finders import Finders
from extractor.deid.free_text import Limits
from extractor.deid.hierarchies import LevelContext, level_expression, unparsed_expression
from extractor.deid.identity_text import canonical_series, has_identity
from extractor.deid.known_values import KnownColumn
from extractor.deid.names_of_persons import FoundAlready, NamesOfPersons, annotate_persons
from extractor.deid.pseudonyms import ProjectKeys, day_offsets, pseudonyms
from extractor.deid.spans import SpanTable
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.engines.consenting import KEY, NUMBER, Consents, Sifted, sift
from extractor.engines.relations import OpenTable, relation
from extractor.errors import ExtractorError, SourceError, lacks_memory, memory_short
from extractor.plans.compile import PERSON_DOMAIN
from extractor.plans.nodes import Derivation, Plan, TablePlan

OWN = "(own) "
"""Prefix of the columns that the residual scan compares a row's text with; they are dropped before anything is written."""

_TEXT_LEVELS = ("surrogate", "redacted")
_SUBJECTS = {Subject.PERSON: "patient", Subject.RELATIVE: "relative", Subject.STAFF: "staff"}


class Trap:
    """Keeps the first error of ours that a column function raises, because polars makes another of it."""

    def __init__(self) -> None:
        self._caught: ExtractorError | None = None
        self._lock = Lock()

    def keep(self, error: ExtractorError) -> None:
        """Remember an error, unless there is an earlier one."""
        with self._lock:
            self._caught = self._caught or error

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Remember an error of ours that the block raises, and let it go on."""
        try:
            yield
        except ExtractorError as error:
            self.keep(error)
            raise

    @contextmanager
    def reading(self, thing: str) -> Iterator[None]:
        """Turn what polars raises in the block into the error that was kept, or into a plain one without values.

        An ordinary exception is a bug of ours and goes on: the worker names it by kind and place, never by its text.

        Raises:
            MemoryShort: the memory did not suffice; polars may not spill.
            SourceError: polars could not compute the rows, or panicked.
        """
        try:
            yield
        except (KeyboardInterrupt, SystemExit, GeneratorExit, ExtractorError):
            raise
        except (pl.exceptions.PolarsError, OSError, MemoryError) as failure:
            raise self._caught or _failed(failure, thing) from None
        except Exception:
            if self._caught is not None:
                raise self._caught from None
            raise
        except BaseException as failure:
            # A panic of polars is no Exception; its text can hold values.
            raise self._caught or _failed(failure, thing) from None


def _failed(failure: BaseException, thing: str) -> ExtractorError:
    """Return our error for what polars raised: of its own it repeats the kind and nothing else."""
    if lacks_memory(failure):
        return memory_short(thing)
    if not isinstance(failure, Exception):
        return SourceError("the engine stopped", zh="计算引擎中止", thing=thing, fix_en="report it", fix_zh="请报告")
    kind = type(failure).__name__
    return SourceError(
        f"the rows could not be computed ({kind})",
        zh=f"无法计算数据行({kind})",
        thing=thing,
        fix_en="check that the source files are whole and fit the catalogue",
        fix_zh="请检查源文件是否完整、是否与目录相符",
    )


@dataclass(frozen=True)
class Release:
    """The output of a plan, not yet read: ask it for frames. ``left_out`` holds what ``for_risk`` calls the persons.

    With ``consents`` only rows of persons who consent are in any frame.
    """

    plan: Plan
    open_table: OpenTable
    keys: ProjectKeys = field(repr=False)
    text_limits: Limits = field(default_factory=Limits)
    trap: Trap = field(default_factory=Trap)
    spans: Counter[tuple[str, str]] = field(default_factory=Counter)
    anchors: list[pl.Series] = field(default_factory=list, repr=False)
    seed: int = field(default_factory=lambda: secrets.randbits(63), repr=False)
    consents: Consents | None = field(default=None, repr=False)
    finders: Finders = field(default_factory=Finders, repr=False)
    names: NamesOfPersons = field(default_factory=NamesOfPersons, repr=False)

    def rows(self, table: TablePlan, *, wanted: frozenset[str] | None = None) -> pl.LazyFrame:
        """Return the raw rows of a table's population, with a person in each where the table has a key: blank is nobody."""
        person = table.root.person
        frame = self._consented(table, wanted if wanted is None or person is None else wanted | {person})
        return frame if person is None else frame.filter(self._has_identity(person))

    def _consented(self, table: TablePlan, wanted: frozenset[str] | None) -> pl.LazyFrame:
        """Return the rows of a table's population, where the plan stands on consent only those of persons who consent."""
        frame, person = relation(table.root.input, self.open_table, wanted), table.root.person
        if self.consents is None:
            return frame
        if person is None:
            # Nobody can have consented to a row that belongs to nobody.
            return frame.filter(table.name not in self.consents.tables)
        holds = self.sifted.holds
        return frame.filter(self._print_of(person).map_batches(holds, return_dtype=pl.Boolean(), is_elementwise=True))

    @cached_property
    def sifted(self) -> Sifted:
        """Who of the plan's persons consents; the first look at it reads the person keys of all tables."""
        assert self.consents is not None
        with self.trap.reading("consent"):
            return sift(self.consents, self._persons())

    def _persons(self) -> Iterator[tuple[str, pl.LazyFrame]]:
        for table in self.plan.tables:
            if person := table.root.person:
                frame = relation(table.root.input, self.open_table, frozenset({person}))
                yield table.name, frame.select(pl.col(person).alias(KEY), self._print_of(person).alias(NUMBER))

    def given(self, table: TablePlan, *, left_out: pl.Series | None = None) -> pl.LazyFrame:
        """Return the rows that may leave: planned columns at their levels, and the row's own values under ``OWN`` names."""
        frame = self.rows(table)
        if left_out is not None and len(left_out) and table.root.person is not None:
            frame = frame.filter(~self._print_of(table.root.person).is_in(left_out.implode()))
        schema = frame.collect_schema()
        own = self._own_values(table, schema)
        frame = self._with_texts_treated(frame, table, schema)
        return frame.select(*(self._column(table, column, schema) for column in table.root.columns), *own)

    def for_risk(self, table: TablePlan, *, sensitive: bool) -> ReleaseTable:
        """Return what the risk gate looks at: person key and quasi-identifiers, and sensitive columns where limits ask."""
        person = table.root.person
        shown = table.sensitive if sensitive else ()
        columns = [c for c in table.root.columns if c.output in (*table.quasi, *shown) and not _is_text(c)]
        needed = frozenset(c.source for c in columns) | ({person} if person else set())
        frame = self._consented(table, needed)
        schema = frame.collect_schema()
        key = [self._print_of(person).alias("(person)")] if person else []
        frame = frame.select(*key, *(self._column(table, column, schema) for column in columns))
        # What is left as text, kept at its first level, gets a dictionary too: the gate takes numbers that the engine has made.
        texts = [name for name in table.quasi if frame.collect_schema().get(name) == pl.String]
        frame = frame.with_columns(pl.col(name).cast(self._dictionary()) for name in texts)
        return ReleaseTable(
            table.name,
            frame,
            tuple(c.output for c in columns if c.output in table.quasi),
            tuple(c.output for c in columns if c.output in shown),
            "(person)" if person else None,
            nobody=True,
        )

    def _dictionary(self) -> pl.Categorical:
        """Return a type of text with a dictionary of its own, so that the gate gets numbers that the engine has made.

        polars forgets a dictionary once no column of its type is left, so an empty one is kept as long as the release.
        """
        kind = pl.Categorical(pl.Categories.random())
        self.anchors.append(pl.Series(dtype=kind))
        return kind

    def _print_of(self, person: str) -> pl.Expr:
        """Return a number of 64 bits for each person under a secret of this run, by which the gate tells persons apart.

        It takes a third of the memory of the keys themselves. Among 10^8 persons the chance that any two share a number, and
        are then counted as one, is below 0.03 %; the numbers never leave the process. Whoever has one pseudonym has one number;
        it is null where there is nobody.
        """

        def prints(keys: pl.Series) -> pl.Series:
            identities = canonical_series(keys, kind=self._person_kind)
            numbers = identities.hash(self.seed)
            return numbers.set(identities.is_null(), None) if identities.null_count() else numbers

        return pl.col(person).map_batches(prints, return_dtype=pl.UInt64(), is_elementwise=True)

    def _has_identity(self, person: str) -> pl.Expr:
        return pl.col(person).map_batches(
            lambda keys: has_identity(keys, kind=self._person_kind), return_dtype=pl.Boolean(), is_elementwise=True
        )

    def _identity_of(self, person: str) -> pl.Expr:
        """Return the person's key in the one spelling that pseudonyms are made from; null where there is nobody."""
        return pl.col(person).map_batches(
            lambda keys: canonical_series(keys, kind=self._person_kind), return_dtype=pl.String(), is_elementwise=True
        )

    @cached_property
    def _person_kind(self) -> str:
        """The kind under which the persons' key is given, which says how many spellings are one person."""
        given = (c for table in self.plan.tables for c in table.root.columns if c.source == table.root.person)
        return next((column.kind for column in given), "")

    def identifiers(self, table: TablePlan) -> Iterator[pl.Series]:
        """Yield, batch by batch, the raw direct identifiers that this table's run reads."""
        direct = {c.source for c in table.columns if c.cls.value == "direct" and c.kind != "free_text"}
        names = direct | {value.column for value in table.known if value.subject is not Subject.STAFF}
        names |= {table.root.person} if table.root.person else set()
        if not names:
            return
        frame = self.rows(table, wanted=frozenset(names)).select(sorted(names))
        with self.trap.reading(table.name):
            for batch in frame.collect_batches(engine="streaming"):
                yield from batch.iter_columns()

    def unparsed(self, table: TablePlan) -> dict[str, int]:
        """Count, for each output column, the values that could not be read as their kind and left as null."""
        frame = self.rows(table, wanted=frozenset(c.source for c in table.root.columns))
        schema = frame.collect_schema()
        counted = [
            unparsed_expression(pl.col(c.source), c.kind, c.level, schema[c.source]).sum().alias(c.output)
            for c in table.root.columns
            if not _is_text(c)
        ]
        if not counted:
            return {}
        with self.trap.reading(table.name):
            row = frame.select(counted).collect(engine="streaming")
        return {name: int(count) for name, count in row.row(0, named=True).items() if count}

    def _column(self, table: TablePlan, column: Derivation, schema: pl.Schema) -> pl.Expr:
        if _is_text(column):
            return pl.col(column.source).alias(column.output)
        person = table.root.person
        context = LevelContext(
            keys=self.keys,
            domain=column.domain,
            person=self._identity_of(person) if person else None,
            reference_date=self.plan.reference_date,
            dtype=schema[column.source],
            coded=True,
        )
        source = pl.col(column.source)
        return level_expression(source, kind=column.kind, level=column.level, context=context).alias(column.output)

    def _own_values(self, table: TablePlan, schema: pl.Schema) -> list[pl.Expr]:
        """Name the row's own values that no text of the row may hold: the patient's, not the staff's."""
        if not any(_is_text(column) for column in table.root.columns):
            return []
        own = [value.column for value in table.known if value.subject is Subject.PERSON and value.kind in _OWN_KINDS]
        return [pl.col(name).cast(pl.String).alias(OWN + name) for name in own if name in schema]

    def _with_texts_treated(self, frame: pl.LazyFrame, table: TablePlan, schema: pl.Schema) -> pl.LazyFrame:
        texts = [column for column in table.root.columns if _is_text(column)]
        if not texts:
            return frame

        def treat(batch: pl.DataFrame) -> pl.DataFrame:
            with self.trap.inside():
                found = self._found(batch, table, texts)
                return batch.with_columns(
                    self._treated(batch, table, column, found=spans) for column, spans in zip(texts, found, strict=True)
                )

        return frame.map_batches(treat, schema=schema, streamable=True)

    def _found(self, batch: pl.DataFrame, table: TablePlan, texts: Sequence[Derivation]) -> list[SpanTable]:
        """Find what identifies in the batch's texts; names that one text of a person tells also in that person's others."""
        known = [
            KnownColumn(batch[value.column].cast(pl.String), value.kind, _SUBJECTS[value.subject])
            for value in table.known
        ]
        person = table.root.person
        nobody = pl.Series([None] * batch.height, dtype=pl.String)
        persons = nobody if person is None else canonical_series(batch[person], kind=self._person_kind)
        return annotate_persons(
            [batch[column.source] for column in texts],
            persons,
            memory=self.names,
            search=lambda column: self.finders.annotate(column, known=known, limits=self.text_limits),
            limits=self.text_limits,
        )

    def _treated(self, batch: pl.DataFrame, table: TablePlan, column: Derivation, *, found: SpanTable) -> pl.Series:
        treated = treat_column(
            batch[column.source],
            treatment=self._treatment(batch, table, column),
            limits=self.text_limits,
            finders=FoundAlready(table=found),
        )
        for kind, count in treated.counts.items():
            self.spans[table.name, str(kind)] += count
        return treated.texts.alias(column.source)

    def _treatment(self, batch: pl.DataFrame, table: TablePlan, column: Derivation) -> Treatment:
        person = table.root.person
        ages = table.text_age or "none"
        kept = frozenset(kind.value for kind in self.plan.text_kept or ())
        if column.level == "redacted" or person is None:
            return Treatment("redacted", age_level=ages, kept=kept)
        persons = canonical_series(batch[person], kind=self._person_kind)
        return Treatment(
            "surrogate",
            person_pseudonym=pseudonyms(persons, self.keys.pseudonyms, domain=PERSON_DOMAIN),
            day_offset=day_offsets(persons, self.keys.date_shift),
            key=self.keys.text_surrogates,
            age_level=ages,
            kept=kept,
        )

    @cached_property
    def direct_left(self) -> bool:
        """Whether a direct identifier leaves as it is."""
        return any(c.cls.value == "direct" and c.level == "raw" for table in self.plan.tables for c in table.columns)


_OWN_KINDS = frozenset({"person_name", "resident_id", "phone", "landline", "record_number", "passport", "email"})


def _is_text(column: Derivation) -> bool:
    return column.kind == "free_text" and column.level in _TEXT_LEVELS
