"""A plan gives what is needed and nothing else: a plain reader of its JSON is compared with the need, which is worked out without it.

Requests are drawn with their population as a tree, written to SQL only for the compiler. The reader knows the plan's canonical JSON as
dictionaries and lists, and runs it over small drawn tables with loops and three-valued logic. The need is worked out from tree,
catalogue and tables, without ``extractor.plans``. ``NEED=10000`` raises the number of examples, with a fixed seed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from extractor.canonical import canonical_bytes
from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    PersonLink,
    SharingClass,
    Subject,
    Table,
    UseMode,
    ValueFormat,
)
from extractor.demo.sources import example_folder
from extractor.errors import Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES
from extractor.plans.compile import compile_plan
from extractor.requests import Period, Request, Variable

RAISED = int(os.environ.get("NEED", "0"))
BUDGET = settings(
    max_examples=RAISED or 300, derandomize=bool(RAISED), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
POLICIES = load_policies(("fuzhou",))
EXAMPLE = read_catalogue(example_folder("minimal") / "catalogue.yaml")
APPLICATION = read_request(example_folder("minimal") / "request.yaml")
LIKE = EXAMPLE.tables[0].fields[0]

# --- a hospital of four tables: persons, their stays, what hangs on a stay, and texts with a person key of their own --


def one(name: str, kind: str, cls: FieldClass, form: ValueFormat = ValueFormat.TEXT) -> Field:
    sharing = replace(LIKE.sharing, mode=SharingClass.CONDITIONAL)
    return replace(
        LIKE, name=name, zh=name, kind=kind, cls=cls, sharing=sharing, format=form, use=(UseMode.EXTRACT,),
        subject=Subject.PERSON, domain=None,
    )  # fmt: skip


KEY = one("P", "record_number", FieldClass.DIRECT)
STAY = one("V", "record_number", FieldClass.DIRECT)
DAY = one("D", "event_date", FieldClass.QUASI, ValueFormat.DATE)
NAME = one("NAME", "person_name", FieldClass.DIRECT)
SEX = one("SEX", "category", FieldClass.QUASI)
CODE = one("CODE", "category", FieldClass.SENSITIVE)
COUNT = one("N", "quantity", FieldClass.SENSITIVE, ValueFormat.INTEGER)
TEXT = one("TEXT", "free_text", FieldClass.SENSITIVE)
NOTED = one("NOTED", "event_date", FieldClass.QUASI, ValueFormat.DATE)


def table(name: str, *fields: Field, **keys: Any) -> Table:
    return replace(
        EXAMPLE.tables[0], name=name, zh=name, fields=fields,
        **{"person": None, "link": None, "key": (), "period": None, "identity": False, **keys},
    )  # fmt: skip


CATALOGUE = replace(EXAMPLE, tables=(
    table("persons", KEY, NAME, SEX, person="P", key=("P",), identity=True),
    table("stays", KEY, STAY, DAY, CODE, COUNT, person="P", key=("V",), period="D"),
    table("items", STAY, CODE, COUNT, link=PersonLink("V", "stays", "V")),
    table("texts", KEY, STAY, NOTED, TEXT, person="P", link=PersonLink("V", "stays", "V")),
    table("visits", KEY, DAY, CODE, person="P", period="D"),
))  # fmt: skip
KNOWN_KINDS = {"record_number", "person_name"}


def named(name: str) -> Table:
    return next(table for table in CATALOGUE.tables if table.name == name)


def fields_named(name: str) -> dict[str, Field]:
    return {field.name: field for field in named(name).fields}


# --- the population as a tree, and what it means ---------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """A condition on one column: ``=``, ``<`` …, ``in``, ``between``, ``null``, ``starts``, ``ends`` or ``contains``."""

    table: str
    name: str
    word: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Branch:
    """``and``, ``or`` or ``not`` over conditions on one table."""

    word: str
    below: tuple[Leaf | Branch, ...]


Tree = Leaf | Branch
WORDS = ("=", "<>", "<", "<=", ">", ">=", "in", "between", "null")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "SEX": st.sampled_from(["男", "女"]), "CODE": st.sampled_from(["a", "ab", "b", "ba"]), "N": st.integers(0, 4),
    "D": st.integers(0, 6).map(lambda days: date(2024, 1, 1) + timedelta(days=days)),
    "NOTED": st.integers(0, 6).map(lambda days: date(2024, 1, 1) + timedelta(days=days)),
}  # fmt: skip
ASKABLE = [(t.name, f.name) for t in CATALOGUE.tables for f in t.fields if f.name in VALUES]


@st.composite
def leaves(draw: st.DrawFn, of: str) -> Leaf:
    name = draw(st.sampled_from([column for table, column in ASKABLE if table == of]))
    texts = ("starts", "ends", "contains") if name in ("SEX", "CODE") else ()
    word = draw(st.sampled_from([*WORDS, *texts]))
    wanted = {"null": (0, 0), "between": (2, 2), "in": (1, 3)}.get(word, (1, 1))
    values = draw(st.lists(VALUES[name], min_size=wanted[0], max_size=wanted[1]))
    return Leaf(of, name, word, tuple(values))


def trees(of: str) -> st.SearchStrategy[Tree]:
    grown: Callable[[st.SearchStrategy[Tree]], st.SearchStrategy[Tree]] = lambda inner: (  # noqa: E731
        inner.map(lambda tree: Branch("not", (tree,)))
        | st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda pair: Branch(pair[0], tuple(pair[1]))
        )
    )
    return st.recursive(leaves(of), grown, max_leaves=4)


def sql(tree: Tree) -> str:
    """Write a tree as SQL for the compiler."""
    if isinstance(tree, Branch):
        parts = [f"({sql(below)})" for below in tree.below]
        return f"NOT {parts[0]}" if tree.word == "not" else f" {tree.word.upper()} ".join(parts)
    column = f"{tree.table}.{tree.name}"
    shown = [str(v) if isinstance(v, int) else f"'{v}'" for v in tree.values]
    like = {"starts": "'{}%'", "ends": "'%{}'", "contains": "'%{}%'"}
    if tree.word in like:
        return f"{column} LIKE " + like[tree.word].format(tree.values[0])
    return {
        "null": f"{column} IS NULL", "in": f"{column} IN ({', '.join(shown)})",
        "between": f"{column} BETWEEN {shown[0] if shown else ''} AND {shown[-1] if shown else ''}",
    }.get(tree.word) or f"{column} {tree.word} {shown[0]}"  # fmt: skip


def truth(tree: Tree, row: dict[str, Any]) -> bool | None:
    """Say whether a tree holds for a row: true, false or unknown."""
    if isinstance(tree, Leaf):
        return compared(tree.word, row[tree.name], list(tree.values))
    found = [truth(below, row) for below in tree.below]
    if tree.word == "not":
        return None if found[0] is None else not found[0]
    return joined(found, all_of=tree.word == "and")


def joined(found: list[bool | None], *, all_of: bool) -> bool | None:
    deciding = not all_of
    if deciding in found:
        return deciding
    return None if None in found else all_of


def compared(word: str, value: Any, given: list[Any]) -> bool | None:
    if word == "null":
        return value is None
    if value is None:
        return None
    first = given[0]
    return {
        "=": lambda: value == first, "<>": lambda: value != first, "<": lambda: value < first, "<=": lambda: value <= first,
        ">": lambda: value > first, ">=": lambda: value >= first, "in": lambda: value in given,
        "between": lambda: first <= value <= given[-1], "starts": lambda: value.startswith(first),
        "ends": lambda: value.endswith(first), "contains": lambda: first in value,
    }[word]()  # fmt: skip


def columns_of(tree: Tree) -> set[str]:
    return {tree.name} if isinstance(tree, Leaf) else set().union(*map(columns_of, tree.below))


# --- what is drawn ---------------------------------------------------------------------------------------------------

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Study:
    """A request with its population as trees by table, and the tables that it meets."""

    request: Request
    population: dict[str, Tree]
    rows: Rows = field(hash=False)


PERSONS, STAYS = ("p1", "p2", "p3"), ("v1", "v2", "v3", "v4")


@st.composite
def hospitals(draw: st.DrawFn) -> Rows:
    """Draw small tables with missing values and with keys that lead nowhere; a text is of the person of its stay."""
    person, stay = st.sampled_from([*PERSONS, None]), st.sampled_from([*STAYS, None])

    def drawn(names: str, at_most: int) -> list[dict[str, Any]]:
        some = {"P": person, "V": stay, "NAME": st.just("张三"), "TEXT": st.just("…"), **VALUES}
        row = st.fixed_dictionaries({
            name: some[name] if name in ("P", "V", "NAME", "TEXT") else st.none() | some[name] for name in names.split()
        })  # fmt: skip
        return draw(st.lists(row, max_size=at_most))

    stays = [{**row, "V": key} for row, key in zip(drawn("P V D CODE N", 4), STAYS, strict=False)]
    persons = [{**row, "P": key} for row, key in zip(drawn("P NAME SEX", 3), PERSONS, strict=False)]
    of_stay = {row["V"]: row["P"] for row in stays}
    texts = [{**row, "P": of_stay.get(row["V"], row["P"])} for row in drawn("P V NOTED TEXT", 4)]
    tables = {
        "persons": persons,
        "stays": stays,
        "items": drawn("V CODE N", 5),
        "texts": texts,
        "visits": drawn("P D CODE", 4),
    }
    return {name: [{**row, "#": at} for at, row in enumerate(rows)] for name, rows in tables.items()}


@st.composite
def studies(draw: st.DrawFn) -> Study:
    places = [(t.name, f.name) for t in CATALOGUE.tables for f in t.fields]
    asked = draw(st.lists(st.sampled_from(places), min_size=1, max_size=6, unique=True))
    variables = tuple(
        Variable(of, name, draw(st.sampled_from(HIERARCHIES[fields_named(of)[name].kind].names)), "研究需要")
        for of, name in asked
    )
    of = draw(st.lists(st.sampled_from(sorted({table for table, _ in ASKABLE})), max_size=2, unique=True))
    population = {name: draw(trees(name)) for name in of}
    first = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 3)))
    request = replace(
        APPLICATION, variables=variables, period=Period(first, first + timedelta(days=draw(st.integers(0, 3)))),
        population=" AND ".join(f"({sql(tree)})" for tree in population.values()),
    )  # fmt: skip
    return Study(request, population, draw(hospitals()))


# --- the need, without the plan --------------------------------------------------------------------------------------


def leaves_with_it(variable: Variable) -> bool:
    """A name is never given without consent; a level ``none`` is not given; everything else here is, in some form."""
    return variable.level != "none" and variable.field != "NAME"


@dataclass(frozen=True)
class Need:
    """What a study needs of each table that leaves: rows, and columns by table of the source."""

    study: Study

    def restrictions(self, of: str) -> set[str]:
        """Columns of a table by which its own rows are chosen."""
        table = named(of)
        tree = self.study.population.get(of)
        return (columns_of(tree) if tree else set()) | ({table.period} if table.period else set())

    def chain(self, of: str) -> list[Table]:
        """A table and what it hangs on, the nearest first."""
        found = [named(of)]
        while found[-1].link is not None:
            found.append(named(found[-1].link.via))
        return found

    def dated(self, of: str) -> bool:
        return any(table.period for table in self.chain(of))

    def bound(self, of: str) -> bool:
        return any(self.restrictions(table.name) for table in self.chain(of)[1:])

    def anchors(self, of: str) -> list[str]:
        """Tables in which the person of a row must have a row of the study, besides those that the row itself hangs on."""
        wanted = list(dict.fromkeys(variable.table for variable in self.study.request.variables))
        dated = sorted(
            (n for n in wanted if self.dated(n)), key=lambda n: (named(n).person is None, named(n).period is None)
        )
        wanted_persons = list(self.study.population)
        if not any(self.dated(name) for name in (of, *wanted_persons)) or not wanted_persons:
            wanted_persons += dated[:1]
        return [name for name in wanted_persons if name not in {table.name for table in self.chain(of)}]

    def kept(self, of: str) -> list[dict[str, Any]]:
        """Rows of a table that fit its conditions and the period, and hang on a kept row."""
        table, period = named(of), self.study.request.period
        rows = self.study.rows[of]
        if of in self.study.population:
            rows = [row for row in rows if truth(self.study.population[of], row) is True]
        if table.period:
            rows = [r for r in rows if r[table.period] is not None and period.first <= r[table.period] <= period.last]
        if table.link and self.bound(of):
            keys = {row[table.link.key] for row in self.kept(table.link.via)} - {None}
            rows = [row for row in rows if row[table.link.column] in keys]
        return rows

    def person(self, of: str, row: dict[str, Any]) -> Any:
        table = named(of)
        if table.person or table.link is None:
            return row[table.person or ""]
        via = named(table.link.via)
        return next(
            (r[via.person or ""] for r in self.study.rows[via.name] if r[table.link.key] == row[table.link.column]),
            None,
        )

    def rows(self, of: str) -> list[int]:
        found = self.kept(of)
        for anchor in self.anchors(of):
            persons = {self.person(anchor, row) for row in self.kept(anchor)} - {None}
            found = [row for row in found if self.person(of, row) in persons]
        return [row["#"] for row in found]

    def columns(self, of: str) -> dict[str, set[str]]:
        """Columns of each source table that the rows and outputs of a table need."""
        table = named(of)
        outputs = {v.field for v in self.study.request.variables if v.table == of and leaves_with_it(v)}
        found: dict[str, set[str]] = {of: set(outputs)}
        self._choose(of, found)
        self._reach_person(of, found)
        for anchor in self.anchors(of):
            self._choose(anchor, found)
            self._reach_person(anchor, found)
        if any(fields_named(of)[name].kind == "free_text" for name in outputs):
            self._search_text(table, found)
        return found

    def _search_text(self, table: Table, found: dict[str, set[str]]) -> None:
        """A text is searched for what names its person: in its own row, its stay and the person's row, each value once."""
        found[table.name] |= {f.name for f in table.fields if f.kind in KNOWN_KINDS}
        link = table.link
        assert link is not None
        for other, on, key in ((named(link.via), link.column, link.key), (named("persons"), table.person, "P")):
            more = {f.name for f in other.fields if f.kind in KNOWN_KINDS} - {key, other.person}
            if more:
                found[table.name].add(on or "")
                found.setdefault(other.name, set()).update({key, *more})

    def _choose(self, of: str, found: dict[str, set[str]]) -> None:
        found.setdefault(of, set()).update(self.restrictions(of))
        link = named(of).link
        if link and self.bound(of):
            found[of].add(link.column)
            found.setdefault(link.via, set()).add(link.key)
            self._choose(link.via, found)

    def _reach_person(self, of: str, found: dict[str, set[str]]) -> None:
        table = named(of)
        if table.person or table.link is None:
            found[of].add(table.person or "")
            return
        found[of].add(table.link.column)
        found.setdefault(table.link.via, set()).update({table.link.key, named(table.link.via).person or ""})


# --- the plain reader ------------------------------------------------------------------------------------------------

READ_AS = {
    "starts_with": "starts", "ends_with": "ends", "contains": "contains",
}  # fmt: skip


Place = tuple[int, str, str]


class Reader:
    """Runs a plan's JSON over drawn tables; a column that nothing uses is seen in ``read`` and not in ``used``.

    Both are (scan, table, column), because a table may be read twice, each time for something else.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.read: set[Place] = set()
        self.used: set[Place] = set()

    @property
    def columns(self) -> dict[str, set[str]]:
        """Columns that are read, by table."""
        found: dict[str, set[str]] = {}
        for _, table, column in self.read:
            found.setdefault(table, set()).add(column)
        return found

    def run(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a node; a row holds ``#`` and, for each column, its value, and knows where the columns come from."""
        return getattr(self, f"_{node['node']}")(node)  # type: ignore[no-any-return]

    def sources(self, node: dict[str, Any]) -> dict[str, Place]:
        """Return where the columns of a node come from."""
        if node["node"] == "scan":
            return {name: (id(node), node["table"], name) for name in node["columns"]}
        found = self.sources(node["input"])
        if node["node"] == "join":
            other = self.sources(node["other"])
            below = next(iter(other.values()))[1]
            found |= {f"{below}.{name}": other[name] for name in node["take"]}
        return found

    def use(self, node: dict[str, Any], *names: str) -> None:
        sources = self.sources(node)
        self.used |= {sources[name] for name in names}

    def _scan(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        self.read |= set(self.sources(node).values())
        return [{name: row[name] for name in ("#", *node["columns"])} for row in self.rows[node["table"]]]

    def _filter(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        self.use(node["input"], *columns_read(node["predicate"]))
        return [row for row in self.run(node["input"]) if holds(node["predicate"], row) is True]

    def _semi_join(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        self.use(node["input"], node["on"])
        self.use(node["other"], node["key"])
        keys = {row[node["key"]] for row in self.run(node["other"])} - {None}
        return [row for row in self.run(node["input"]) if row[node["on"]] in keys]

    def _join(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        self.use(node["input"], node["on"])
        self.use(node["other"], node["key"], *node["take"])
        table = next(iter(self.sources(node["other"]).values()))[1]
        others = self.run(node["other"])
        found = []
        for row in self.run(node["input"]):
            match = next((o for o in others if o[node["key"]] is not None and o[node["key"]] == row[node["on"]]), {})
            found.append({**row, **{f"{table}.{name}": match.get(name) for name in node["take"]}})
        return found

    def _derive(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        self.use(node["input"], *(column["source"] for column in node["columns"]))
        if "person" in node:
            self.use(node["input"], node["person"])
        return self.run(node["input"])


def columns_read(predicate: dict[str, Any]) -> Iterator[str]:
    if "field" in predicate:
        yield predicate["field"]
    for below in predicate.get("operands", [predicate["operand"]] if "operand" in predicate else []):
        yield from columns_read(below)


def holds(predicate: dict[str, Any], row: dict[str, Any]) -> bool | None:
    kind = predicate["is_"]
    if kind == "not":
        found = holds(predicate["operand"], row)
        return None if found is None else not found
    if kind in ("all_of", "any_of"):
        return joined([holds(below, row) for below in predicate["operands"]], all_of=kind == "all_of")
    value = row[predicate["field"]]
    if kind == "is_null":
        return value is None
    read = date.fromisoformat if predicate["format"] == "date" else (lambda literal: literal)
    if kind == "one_of":
        return compared("in", value, [read(literal) for literal in predicate["values"]])
    operator = predicate["operator"]
    return compared(READ_AS.get(operator, operator), value, [read(predicate["value"])])


# --- the comparison --------------------------------------------------------------------------------------------------


def check(plan: dict[str, Any], study: Study) -> None:
    """Compare what a plan's JSON does with what its study needs."""
    need = Need(study)
    wanted = {v.table: {x.field for x in study.request.variables if x.table == v.table and leaves_with_it(x)}
              for v in study.request.variables}  # fmt: skip
    given = {table["name"]: {column["source"] for column in table["root"]["columns"]} for table in plan["tables"]}
    assert given == {name: columns for name, columns in wanted.items() if columns}
    for table in plan["tables"]:
        reader = Reader(study.rows)
        rows = [row["#"] for row in reader.run(table["root"])]
        reader.use(table["root"]["input"], *(value["column"] for value in table["known"]))
        assert rows == need.rows(table["name"]), f"rows of {table['name']}"
        assert reader.columns == need.columns(table["name"]), f"columns read for {table['name']}"
        assert reader.used == reader.read, f"columns used for {table['name']}"


def planned(study: Study, catalogue: Catalogue = CATALOGUE) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(canonical_bytes(compile_plan(study.request, catalogue, POLICIES)))
    return body


@given(studies())
@BUDGET
def test_a_plan_reads_and_keeps_exactly_what_its_study_needs(study: Study) -> None:
    assume(any(leaves_with_it(variable) for variable in study.request.variables))
    check(planned(study), study)


# --- the comparison is seen to fail ----------------------------------------------------------------------------------


def a_study() -> Study:
    day = date(2024, 1, 2)
    stays = [{"P": p, "V": v, "D": d, "CODE": c, "N": n} for p, v, d, c, n in (
        ("p1", "v1", day, "a", 1), ("p2", "v2", day, "b", None), ("p2", "v3", date(2023, 1, 1), "a", 2), (None, "v4", day, "a", 1),
    )]  # fmt: skip
    tables: Rows = {
        "persons": [{"P": p, "NAME": "张三", "SEX": "男"} for p in PERSONS],
        "stays": stays,
        "items": [{"V": v, "CODE": "a", "N": 1} for v in (*STAYS, None)],
        "texts": [
            {"P": "p1", "V": "v1", "NOTED": None, "TEXT": "…"},
            {"P": "p2", "V": "v2", "NOTED": day, "TEXT": "…"},
        ],
        "visits": [{"P": p, "D": day, "CODE": "a"} for p in PERSONS],
    }
    tree = Leaf("stays", "CODE", "=", ("a",))
    asked = [("persons", "SEX", "raw"), ("persons", "NAME", "raw"), ("stays", "N", "raw"), ("items", "N", "raw"),
             ("texts", "TEXT", "surrogate"), ("visits", "CODE", "raw")]  # fmt: skip
    request = replace(
        APPLICATION, variables=tuple(Variable(t, f, level, "研究需要") for t, f, level in asked), population=sql(tree),
        period=Period(date(2024, 1, 1), date(2024, 1, 3)),
    )  # fmt: skip
    numbered = {name: [{**row, "#": at} for at, row in enumerate(rows)] for name, rows in tables.items()}
    return Study(request, {"stays": tree}, numbered)


STUDY = a_study()


def changed(
    node: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> Iterator[dict[str, Any]]:
    """Yield a node once for each place below it where a change can be made, with the change made there alone."""
    made = change(node)
    if made is not None:
        yield made
    for side in ("input", "other"):
        for below in changed(node[side], change) if side in node else ():
            yield {**node, side: below}


def surplus(node: dict[str, Any]) -> dict[str, Any] | None:
    more = (
        [name for name in fields_named(node["table"]) if name not in node["columns"]] if node["node"] == "scan" else []
    )
    return {**node, "columns": [*node["columns"], more[0]]} if more else None


def dropped(kind: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    return lambda node: node["input"] if node["node"] == kind else None


FAULTS = {
    "a surplus column": surplus,
    "a dropped semi-join": dropped("semi_join"),
    "a dropped filter": dropped("filter"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_wherever_it_is_planted(name: str) -> None:
    plan = planned(STUDY)
    check(plan, STUDY)
    planted = 0
    for at, table in enumerate(plan["tables"]):
        for root in changed(table["root"], FAULTS[name]):
            faulty = {**plan, "tables": [*plan["tables"][:at], {**table, "root": root}, *plan["tables"][at + 1 :]]}
            with pytest.raises(AssertionError):
                check(faulty, STUDY)
            planted += 1
    assert planted >= 4


def test_a_row_too_few_is_caught() -> None:
    (stays,) = (table for table in planned(STUDY)["tables"] if table["name"] == "stays")
    never = {"is_": "all_of", "operands": [{"is_": "is_null", "field": "CODE"}]}
    root = {**stays["root"], "input": {"node": "filter", "input": stays["root"]["input"], "predicate": never}}
    plan = planned(STUDY)
    tables = [{**table, "root": root} if table["name"] == "stays" else table for table in plan["tables"]]
    with pytest.raises(AssertionError, match="rows of stays"):
        check({**plan, "tables": tables}, STUDY)


def test_a_column_that_does_not_leave_is_caught() -> None:
    plan = planned(STUDY)
    tables = [{**t, "root": {**t["root"], "columns": t["root"]["columns"][1:]}} for t in plan["tables"]]
    with pytest.raises(AssertionError):
        check({**plan, "tables": tables}, STUDY)


def test_what_is_asked_for_in_vain_needs_nothing() -> None:
    nothing = replace(STUDY.request, variables=(Variable("persons", "NAME", "raw", "研究需要"),))
    with pytest.raises(Refused):
        compile_plan(nothing, CATALOGUE, POLICIES)
