"""Equivalence classes of a release: which persons nobody can tell apart by their quasi-identifiers.

Owns how keys (``extractor.deid.codes``) become classes of persons, batch by batch and in numpy, so that no group-by of an
engine spills plaintext. Everything is exact: quasi-identifiers are packed by mixed radix or re-coded, never hashed, so two
classes cannot collide (persons may come as fingerprints of 64 bits: ``extractor.engines.release``).
 It must not know thresholds, grades or limits (``extractor.deid.risk``,
``extractor.deid.gate``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from extractor.deid.codes import (
    BATCH_ROWS,
    CodedColumn,
    Codes,
    Counts,
    Ids,
    Keys,
    dense,
    family,
    pack,
    starts,
    tuples_of,
    unknown_column,
    unreadable,
)
from extractor.errors import RiskNotMet, SourceError, UsageError

_COUNTED_AT_ONCE = 1_500_000
_BOTH_AT_ONCE = 8_000_000
_MOST_ROWS = 1 << 31  # below it every product of two ids fits into 64 bits


class Unit(StrEnum):
    """Whose risk is counted: a person with all rows as one profile, or each row for itself."""

    PROFILE = "profile"
    ROWS = "rows"


@dataclass(frozen=True)
class ReleaseTable:
    """One table of a release: its quasi-identifiers, its sensitive columns and the column that names the person.

    Rows without a person are an error, or with ``nobody`` are none of the release and left out.
    """

    name: str
    frame: pl.LazyFrame | pl.DataFrame = field(repr=False)
    quasi: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    person: str | None = None
    nobody: bool = False


@dataclass(frozen=True, eq=False)
class CodedTuples:
    """The distinct quasi-identifier tuples of one table as packed keys, and which unit has which.

    ``words`` are parallel arrays of one 64-bit key per tuple; ``layout`` gives for each column its word, the product of the
    radices below it and its radix. ``pairs`` are the distinct (person, tuple) pairs ordered by person, then tuple; without a
    profile step they are ``None`` and the tuples are the classes from number ``first`` on.
    """

    name: str
    columns: tuple[str, ...]
    words: tuple[Keys, ...] = field(repr=False)
    layout: tuple[tuple[int, int, int], ...] = field(repr=False)
    first: int = 0
    pairs: tuple[Ids, Ids] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class SensitivePairs:
    """How often each value of a sensitive column stands in each class: parallel arrays, ordered by class, then value.

    Values are codes in the order of the values (null first); ``ordered`` is true for numbers and times.
    """

    column: str
    ordered: bool
    group: Ids = field(repr=False)
    value: Ids = field(repr=False)
    count: Counts = field(repr=False)


@dataclass(frozen=True, eq=False)
class PersonClasses:
    """The classes of a release: sizes in persons, rows in each, and the class of every person.

    ``person_keys`` are the persons' keys in the order of ``class_of_person`` (text as String); without a person column they are
    row numbers, counted from 0 through the tables in their order.
    """

    unit: Unit
    sizes: Counts = field(repr=False)
    rows_of: Counts = field(repr=False)
    class_of_person: Ids = field(repr=False)
    person_keys: pl.Series = field(repr=False)
    sensitive: tuple[SensitivePairs, ...] = field(repr=False)
    tables: tuple[CodedTuples, ...] = field(repr=False)

    @property
    def persons(self) -> int:
        """Number of units."""
        return len(self.class_of_person)

    @property
    def rows(self) -> int:
        """Number of rows of all tables."""
        return int(self.rows_of.sum())

    @property
    def quasi(self) -> tuple[str, ...]:
        """The quasi-identifiers as ``table.column``."""
        return tuple(f"{table.name}.{column}" for table in self.tables for column in table.columns)


def build_classes(tables: Sequence[ReleaseTable], *, unit: Unit = Unit.PROFILE) -> PersonClasses:
    """Group the persons of a release into equivalence classes, streaming over batches of rows.

    A person's profile is, for each table, the set of distinct quasi-identifier tuples of the person's rows (having no row in a
    table is part of the profile); a class is the persons with the same profile. Without person columns, or with
    ``Unit.ROWS``, each row is a unit and its class is its table and tuple. Null is a value of its own, equal to other nulls.

    Raises:
        UsageError: an unknown column, a table named twice, person columns that do not fit together, a type without equality.
        SourceError: a table cannot be read, is too long (2**31 rows), or has rows without a person.
        RiskNotMet: there is no row, so there is nothing to assess.
    """
    linked = _check(tables, unit)
    people = CodedColumn("person") if linked else None
    read = [_read(table, people) for table in tables]
    if not sum(table.rows for table in read):
        raise RiskNotMet(
            "the release holds no row, so no risk can be stated",
            zh="发布内容没有任何行,无法给出风险",
            thing=", ".join(table.name for table in tables),
            fix_en="check population and period of the request",
            fix_zh="请检查申请的人群和时间范围",
        )
    if people is None:
        return _classes_of_rows([_packed(table) for table in read], unit)
    alone = len(tables) == 1
    if sum(table.rows for table in read) > _BOTH_AT_ONCE:
        keys = _keys_of(people, alone=alone)
        return _classes_of_people([_packed(table) for table in read], people, keys, unit)
    # Neither half needs the other, and sorting leaves the interpreter free; long tables would need the memory of both at once.
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(_keys_of, people, alone=alone)
        coded = [_packed(table) for table in read]
    return _classes_of_people(coded, people, waiting.result(), unit)


@dataclass
class _Coded:
    """A table after reading: per row the number of its tuple, and its sensitive columns as codes."""

    tuples: CodedTuples
    tuple_of_row: Ids
    sensitive: list[tuple[str, bool, Codes, int]]

    @property
    def rows(self) -> int:
        return len(self.tuple_of_row)


def _check(tables: Sequence[ReleaseTable], unit: Unit) -> bool:
    names = [table.name for table in tables]
    if not tables or len(set(names)) != len(names):
        raise UsageError(
            "a release has at least one table and each has its own name",
            zh="发布内容至少有一张表,且表名不得重复",
            thing=", ".join(names),
        )
    for table in tables:
        have = _schema(table)
        for column in (*table.quasi, *table.sensitive, *((table.person,) if table.person else ())):
            if column not in have:
                raise unknown_column(table.name, column, tuple(have))
    if unit is Unit.ROWS:
        return False
    families = {family(_schema(table)[table.person]) if table.person else None for table in tables}
    if len(families) > 1 or not families <= {None, "integer", "unsigned", "text"}:
        raise UsageError(
            "person columns must be in all tables or in none, and of one type: text, signed or unsigned number",
            zh="人员列须每张表都有或都没有,且类型一致(文本、有符号或无符号整数)",
            thing=", ".join(names),
            fix_en="name the person column of each table, or count rows instead (unit rows)",
            fix_zh="请为每张表指定人员列,或按行计算(unit rows)",
        )
    return None not in families


def _schema(table: ReleaseTable) -> pl.Schema:
    try:
        return table.frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        raise unreadable(table.name) from None


@dataclass
class _Read:
    """A table after reading: its columns, not yet packed."""

    table: ReleaseTable
    rows: int
    quasi: list[CodedColumn]
    sensitive: list[CodedColumn]


def _read(table: ReleaseTable, people: CodedColumn | None) -> _Read:
    """Read the needed columns of one table batch by batch."""
    quasi = [CodedColumn(f"{table.name}.{column}", alone=True) for column in table.quasi]
    sensitive = [CodedColumn(f"{table.name}.{column}") for column in table.sensitive]
    wanted = [*zip(table.quasi, quasi, strict=True), *zip(table.sensitive, sensitive, strict=True)]
    if people is not None and table.person:
        wanted.append((table.person, people))
    rows = 0
    # Only without persons do the classes speak of rows by their number.
    for found in _batches(table, tuple(dict.fromkeys(name for name, _ in wanted)), ordered=people is None):
        missing = people is not None and table.nobody and table.person and found[table.person].null_count()
        batch = found.filter(pl.col(table.person).is_not_null()) if missing and table.person else found
        rows += batch.height
        if rows >= _MOST_ROWS:
            raise unreadable(table.name)
        for name, column in wanted:
            column.add(batch[name])
        if people is not None and table.person and batch[table.person].null_count():
            raise SourceError(
                "there are rows without a person, so nobody can say whose risk they are",
                zh="存在没有人员标识的行,无法归属其风险",
                thing=f"{table.name}.{table.person}",
                fix_en="leave such rows out, or count rows instead (unit rows)",
                fix_zh="请排除这些行,或按行计算(unit rows)",
            )
    return _Read(table, rows, quasi, sensitive)


def _packed(read: _Read) -> _Coded:
    """Pack the quasi-identifiers of a table and number its tuples."""
    words, radices, layout = pack(read.quasi, read.rows)
    ids, keys = tuples_of(words, radices)
    tuples = CodedTuples(read.table.name, read.table.quasi, keys, layout)
    return _Coded(tuples, ids, [(column.thing, column.ordered, *column.codes()) for column in read.sensitive])


def _batches(table: ReleaseTable, columns: tuple[str, ...], *, ordered: bool) -> Iterator[pl.DataFrame]:
    """Yield batches of the wanted columns; an engine's message may quote a value, so it is not passed on."""
    frame, columns = table.frame, columns or tuple(_schema(table))[:1]  # one column is enough to count rows
    try:
        if isinstance(frame, pl.DataFrame):
            yield from frame.select(columns).iter_slices(BATCH_ROWS)
        else:
            yield from frame.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=ordered)
    except (pl.exceptions.PolarsError, OSError):
        raise unreadable(table.name) from None


def _classes_of_rows(coded: list[_Coded], unit: Unit) -> PersonClasses:
    """Take each row as a unit: classes are the tuples of each table, numbered through the tables."""
    tables, firsts = [], [0]
    for table in coded:
        t = table.tuples
        tables.append(replace(t, first=firsts[-1]))
        firsts.append(firsts[-1] + len(t.words[0]))
    of_row = [
        table.tuple_of_row + np.uint32(first) if first else table.tuple_of_row
        for table, first in zip(coded, firsts, strict=False)
    ]
    together = of_row[0] if len(of_row) == 1 else np.concatenate(of_row)
    sizes = _counted(together, firsts[-1])
    keys = pl.Series("row", np.arange(len(together), dtype=np.uint32))
    return PersonClasses(unit, sizes, sizes, together, keys, _sensitive(coded, of_row), tuple(tables))


@dataclass
class _Keys:
    """The persons of all rows as numbers from ``low``: each of a row of its own, or numbered alike with the distinct ones."""

    low: int
    own_row: Codes | None = None
    person: Ids = field(default_factory=lambda: np.empty(0, np.uint32))
    distinct: Keys = field(default_factory=lambda: np.empty(0, np.uint64))


def _keys_of(people: CodedColumn, *, alone: bool) -> _Keys:
    offsets, low, radix = people.offsets()
    if alone and _all_different(offsets, radix):
        return _Keys(low, offsets)
    person, distinct = dense(offsets, radix)
    return _Keys(low, None, person, distinct)


def _classes_of_people(coded: list[_Coded], people: CodedColumn, keys: _Keys, unit: Unit) -> PersonClasses:
    """Take each person with all rows as a unit."""
    if keys.own_row is not None:
        plain = _classes_of_rows(coded, unit)
        return replace(plain, person_keys=people.decode(keys.own_row, keys.low))
    person, distinct = keys.person, keys.distinct
    keys.person = np.empty(0, np.uint32)  # given up below, and large
    rows_of_person = _counted(person, len(distinct))
    of_row = np.split(person, np.cumsum([table.rows for table in coded])[:-1])
    tables = []
    for place, table in enumerate(coded):
        t = table.tuples
        pairs = pairs_of(of_row[place], table.tuple_of_row, len(t.words[0]))[:2]
        tables.append(replace(t, pairs=pairs))
        table.tuple_of_row = np.empty(0, np.uint32)  # no more needed, and large
        if not table.sensitive:
            of_row[place] = table.tuple_of_row
    del person
    classes = profiles_of(len(distinct), [table.pairs for table in tables if table.pairs])
    sizes = _counted(classes, int(classes.max()) + 1)
    rows_of = np.bincount(classes, weights=rows_of_person, minlength=len(sizes)).astype(np.int64)
    sensitive = _sensitive(coded, [classes[who] for who in of_row])
    return PersonClasses(unit, sizes, rows_of, classes, people.decode(distinct, keys.low), sensitive, tuple(tables))


def _all_different(offsets: Codes, radix: int) -> bool:
    """Say whether no person has a second row; many are looked at in parts by their lowest bits, to need less memory."""
    if radix < len(offsets):
        return False
    if len(offsets) <= _BOTH_AT_ONCE:
        return pl.Series(offsets).n_unique() == len(offsets)
    count = -(-len(offsets) // _COUNTED_AT_ONCE)
    digit = (offsets & offsets.dtype.type(0xFF)).astype(np.uint8) % np.uint8(count)
    parts = (pl.Series(np.compress(digit == part, offsets)) for part in range(count))
    return all(part.n_unique() == len(part) for part in parts)


def _counted(ids: npt.NDArray[Any], size: int) -> Counts:
    """Count ids in batches, because numpy widens each whole input to 64 bits."""
    total = np.zeros(size, np.int64)
    for start in range(0, len(ids), BATCH_ROWS * 4):
        total += np.bincount(ids[start : start + BATCH_ROWS * 4], minlength=size)
    return total


def pairs_of(left: Ids, right: npt.NDArray[Any], radix: int) -> tuple[Ids, Ids, npt.NDArray[np.bool_]]:
    """Return the distinct pairs of two parallel arrays, ordered, and where each starts among all of them, ordered.

    The right ones are below ``radix``. The pairs are unpacked in the place of their keys: memory is at its highest here.
    """
    keys = left * np.uint64(max(radix, 1))
    keys += right
    keys.sort()
    new = starts(keys)
    halves, done = keys.view(np.uint32).reshape(-1, 2), 0
    for start in range(0, len(keys), BATCH_ROWS):
        part = keys[start : start + BATCH_ROWS][new[start : start + BATCH_ROWS]]
        here = halves[done : done + len(part)]
        here[:, 0], here[:, 1] = np.divmod(part, np.uint64(max(radix, 1)))
        done += len(part)
    return halves[:done, 0], halves[:done, 1], new


def profiles_of(persons: int, tables: Sequence[tuple[Ids, Ids]]) -> Ids:
    """Number the persons' profiles: equal numbers for equal sets of tuples in every table, and only for them.

    Each person walks down a tree whose edges are the person's tuples in order, all persons one step at a time, so that a node
    is a distinct beginning of a set; whoever is alone in a node is unique already and stops there. The next table starts
    from the nodes that the last one ended in. No hash is taken, so no two profiles can meet by chance.
    """
    state, nodes = np.zeros(persons, np.uint32), 1  # all begin in the one root
    for who, what in tables:
        state, nodes = _walk(state, nodes, who, what)
    return state


def _walk(state: Ids, nodes: int, who: Ids, what: Ids) -> tuple[Ids, int]:
    """Let every person walk along the tuples of one table; return the nodes where they end, renumbered."""
    many = _counted(who, len(state))
    first = np.cumsum(many) - many
    radix = np.uint64(int(what.max()) + 1 if len(what) else 1)
    ends = state.astype(np.uint64)
    active = np.flatnonzero((many > 0) & (_counted(state, nodes)[state] > 1))
    step, nodes_so_far = 0, nodes
    while len(active):
        # A node stands for all that came before, so the key of the next is the node and the tuple, nothing else.
        base = ends[active]
        low = base.min()
        keys = (base - low) * radix + what[first[active] + step]
        ids, distinct = dense(keys, (int(base.max() - low) + 1) * int(radix))
        ends[active] = ids + np.uint64(nodes_so_far)
        nodes_so_far += len(distinct)
        step += 1
        active = active[(np.bincount(ids)[ids] > 1) & (many[active] > step)]
    numbers, distinct = dense(ends, nodes_so_far)
    return numbers, len(distinct)


def _sensitive(coded: list[_Coded], class_of_row: list[Ids]) -> tuple[SensitivePairs, ...]:
    """Count the values of every sensitive column in every class."""
    found = []
    for table, classes in zip(coded, class_of_row, strict=True):
        for thing, ordered, codes, radix in table.sensitive:
            groups, values, new = pairs_of(classes, codes, radix)
            counts = np.diff(np.flatnonzero(new), append=len(new))
            found.append(SensitivePairs(thing, ordered, groups, values, counts))
    return tuple(found)
