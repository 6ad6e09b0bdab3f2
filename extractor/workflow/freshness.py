"""Freshness: whether a source was brought up to date as often as its catalogue promises (贵阳市健康医疗大数据应用发展条例 art. 12).

Owns the comparison of each update period with the last sign of life of a table, and the warning in the log. It stops nothing: stale
data may be what a study wants, but whoever receives them must know. It must not know how a table is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from extractor.catalogue import Catalogue, Table, UpdatePeriod
from extractor.log.entries import Result, Verb
from extractor.policy_set import PolicySet
from extractor.policy_words import PracticeKind, Violation
from extractor.sources.snapshot import SourceSnapshot
from extractor.store.transaction import Transaction
from extractor.workflow.grounds import cited_facts
from extractor.workflow.office import CHINA, VIOLATION, Office

# The days of the longest such period, and one for the night in which the file is written.
LONGEST_DAYS = {
    UpdatePeriod.REALTIME: 1,
    UpdatePeriod.DAILY: 2,
    UpdatePeriod.WEEKLY: 8,
    UpdatePeriod.MONTHLY: 32,
    UpdatePeriod.YEARLY: 367,
}


@dataclass(frozen=True)
class StaleSource:
    """Fields of one table that were due: their update period, the last sign of an update, and how old it is in days."""

    table: str
    fields: tuple[str, ...]
    update: UpdatePeriod
    updated: date
    days: int
    allowed_days: int


def stale_fields(table: Table, snapshot: SourceSnapshot, *, acquired: date, today: date) -> tuple[StaleSource, ...]:
    """Return the fields of a snapshot that are older than their update period, one entry for each period.

    The last sign of an update is the newest of the table's files or the catalogue's date of acquisition, whichever is later: a
    source that is written anew each day keeps its catalogue, and a copy of an old export keeps its date.
    """
    written = [datetime.fromtimestamp(each.mtime_ns / 1e9, UTC).astimezone(CHINA).date() for each in snapshot.files]
    updated = max((*written, acquired))
    days = (today - updated).days
    due: dict[UpdatePeriod, list[str]] = {}
    for name in snapshot.columns:
        field = table.field(name)
        if field is not None and days > LONGEST_DAYS.get(field.update, days):
            due.setdefault(field.update, []).append(name)
    return tuple(
        StaleSource(table.name, tuple(names), update, updated, days, LONGEST_DAYS[update])
        for update, names in due.items()
    )


def stale_sources(office: Office, catalogue: Catalogue, looked: Iterable[SourceSnapshot]) -> tuple[StaleSource, ...]:
    """Return what is stale among the tables that a run looked at."""
    found: list[StaleSource] = []
    for snapshot in looked:
        table = catalogue.table(snapshot.table)
        assert table is not None
        found += stale_fields(table, snapshot, acquired=catalogue.acquired, today=office.today)
    return tuple(found)


def warn_of_stale(
    office: Office, tx: Transaction, stale: Iterable[StaleSource], *, request: str, policies: PolicySet
) -> None:
    """Log each stale source of a run, with the rules that ask for it and their numbers for it.

    Where none of the ``policies`` of the request asks for the warning, those of this place are named.
    """
    asking = policies if policies.practice(PracticeKind.STALE_SOURCES) else office.policies_here
    cited = asking.practice(PracticeKind.STALE_SOURCES)
    listed = dict.fromkeys((each.regime, asking.offence(each.regime, Violation.STALE_DATA)) for each in cited)
    numbers = tuple(f"{VIOLATION} {regime} {number}" for regime, number in listed if number)
    for each in stale:
        said = f"stale: {each.update.value}, last update {each.updated.isoformat()}, {each.days} days"
        office.log(
            tx, Verb.VERIFY, None, object=each.table, request=request, result=Result.FAILED,
            reason="; ".join((said, *numbers)),
            columns=tuple(f"{each.table}.{name}" for name in each.fields), **cited_facts(cited),
        )  # fmt: skip
