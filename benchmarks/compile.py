"""Time of compiling a plan over a catalogue of 7,000 fields under two regimes, for 20 fields and for all of them.

Run: python -m benchmarks.compile [fields, 7,000 by default] [regimes, fuzhou by default]. The catalogue is generated: tables of 70
fields linked to one identity table, of every kind and sharing class in turn. Prints the median of five rounds, and of their
processor time, which other work on the machine does not lengthen; catalogue and policies are read once.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from itertools import cycle, islice, product

from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    PersonLink,
    SharingClass,
    Table,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.demo.sources import example_folder
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import HIERARCHIES
from extractor.plans.compile import compile_plan
from extractor.requests import Request, Variable

REGIMES = ("fuzhou",)
ROUNDS = 5
FIELDS_OF_A_TABLE = 70
_DIRECT = ("resident_id", "passport", "person_name", "phone", "record_number")


def catalogue_of(fields: int) -> Catalogue:
    """Return a catalogue with at least so many fields, made like that of the hospital example."""
    example = read_catalogue(example_folder("hospital") / "catalogue.yaml")
    identity = next(table for table in example.tables if table.identity)
    facets = cycle(
        product(sorted(HIERARCHIES), (SharingClass.OPEN, SharingClass.CONDITIONAL), ("医疗服务", "公共卫生"))
    )
    tables = tuple(
        _table(identity, f"t{at}", list(islice(facets, FIELDS_OF_A_TABLE - 1)))
        for at in range(fields // FIELDS_OF_A_TABLE)
    )
    return replace(example, tables=(identity, *tables))


def _table(identity: Table, name: str, facets: list[tuple[str, SharingClass, str]]) -> Table:
    assert identity.person is not None
    key = identity.field(identity.person)
    assert key is not None
    fields = tuple(_field(key, f"F{at}", *facet) for at, facet in enumerate(facets))
    link = PersonLink(key.name, identity.name, key.name)
    return replace(
        identity,
        name=name,
        zh=name,
        fields=(key, *fields),
        person=key.name,
        link=link,
        key=(),
        period=None,
        identity=False,
    )


def _field(like: Field, name: str, kind: str, sharing: SharingClass, category: str) -> Field:
    cls = FieldClass.DIRECT if kind in _DIRECT else FieldClass.QUASI
    return replace(
        like, name=name, zh=name, kind=kind, cls=cls, category=category, sharing=replace(like.sharing, mode=sharing),
        format=ValueFormat.TEXT, update=UpdatePeriod.DAILY, use=(UseMode.EXTRACT,), domain=None,
    )  # fmt: skip


def request_of(catalogue: Catalogue, fields: int) -> Request:
    """Return the hospital's request, asking for so many of the generated fields at their finest level."""
    example = read_request(example_folder("hospital") / "request.yaml")
    every = (
        Variable(table.name, field.name, HIERARCHIES[field.kind].names[0], "测速")
        for table in catalogue.tables[1:]
        for field in table.fields
    )
    return replace(example, variables=tuple(islice(every, fields)), population="")


def main() -> None:
    """Print the median of the rounds for few and for all fields."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
    regimes = tuple(sys.argv[2:]) or REGIMES
    catalogue, policies = catalogue_of(wanted), load_policies(regimes)
    held = sum(len(table.fields) for table in catalogue.tables)
    print(f"{held} fields in {len(catalogue.tables)} tables, baseline + {', '.join(regimes)}, {ROUNDS} rounds")
    for asked in (20, wanted):
        request = request_of(catalogue, asked)
        seconds, busy = [], []
        for _ in range(ROUNDS):
            # A copy has no index yet, so that building it is part of what is measured.
            fresh = replace(catalogue, tables=tuple(replace(table) for table in catalogue.tables))
            start, worked = time.perf_counter(), time.process_time()
            plan = compile_plan(request, fresh, policies)
            seconds.append(time.perf_counter() - start)
            busy.append(time.process_time() - worked)
        given = sum(len(table.columns) for table in plan.tables)
        print(
            f"{asked:6} asked, {given:6} given {statistics.median(seconds):7.3f} s, processor {statistics.median(busy):.3f} s"
        )


if __name__ == "__main__":
    main()
