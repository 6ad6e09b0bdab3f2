"""Freshness: a source is stale when neither its files nor its catalogue show an update within the period that is promised."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import test_approval
from test_approval import CATALOGUE, Site

from extractor.catalogue import Table, UpdatePeriod
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import policy_folder, read_policy
from extractor.log import journal
from extractor.log.entries import Result, Verb
from extractor.policy_set import PolicySet
from extractor.sources.snapshot import DigestOf, SourceFile, SourceSnapshot
from extractor.workflow.freshness import LONGEST_DAYS, stale_fields, stale_sources, warn_of_stale

site = test_approval.site
OURS = read_catalogue(CATALOGUE)
TODAY = date(2026, 3, 1)


def table_of(*updates: UpdatePeriod) -> Table:
    table = OURS.tables[0]
    fields = tuple(replace(field, update=period) for field, period in zip(table.fields, updates, strict=False))
    return replace(table, fields=(*fields, *table.fields[len(updates) :]))


def looked(table: Table, *days: date, columns: int = 1) -> SourceSnapshot:
    files = tuple(
        SourceFile(f"{at}.csv", 1, int(datetime(d.year, d.month, d.day, 4, tzinfo=UTC).timestamp()) * 10**9, "x",
                   DigestOf.WHOLE)
        for at, d in enumerate(days)
    )  # fmt: skip
    return SourceSnapshot(table.name, files, 1, (), columns, columns=table.field_names[:columns])


@pytest.mark.parametrize("period", list(LONGEST_DAYS))
def test_a_source_is_stale_a_day_after_the_longest_such_period(period: UpdatePeriod) -> None:
    table, allowed = table_of(period), LONGEST_DAYS[period]
    old = date(2000, 1, 1)
    fresh = looked(table, TODAY - timedelta(days=allowed))
    assert stale_fields(table, fresh, acquired=old, today=TODAY) == ()
    stale = looked(table, TODAY - timedelta(days=allowed + 1))
    (found,) = stale_fields(table, stale, acquired=old, today=TODAY)
    assert (found.table, found.update, found.days, found.allowed_days) == (table.name, period, allowed + 1, allowed)
    assert found.fields == (table.fields[0].name,)


def test_what_never_changes_is_never_stale() -> None:
    table = table_of(UpdatePeriod.STATIC)
    assert stale_fields(table, looked(table, date(1990, 1, 1)), acquired=date(1990, 1, 1), today=TODAY) == ()


def test_the_newest_file_or_the_day_of_acquisition_is_the_last_sign() -> None:
    table, old = table_of(UpdatePeriod.DAILY), date(2026, 1, 1)
    assert stale_fields(table, looked(table, old), acquired=TODAY, today=TODAY) == ()
    assert stale_fields(table, looked(table, old, TODAY), acquired=old, today=TODAY) == ()
    (found,) = stale_fields(table, looked(table, old, old), acquired=date(2026, 1, 2), today=TODAY)
    assert found.updated == date(2026, 1, 2)


def test_each_period_of_a_table_is_named_once_and_only_fields_that_are_read_count() -> None:
    table = table_of(UpdatePeriod.DAILY, UpdatePeriod.MONTHLY, UpdatePeriod.DAILY)
    snapshot = looked(table, date(2026, 2, 20), columns=3)
    (found,) = stale_fields(table, snapshot, acquired=date(2026, 1, 1), today=TODAY)
    assert found.fields == (table.fields[0].name, table.fields[2].name)
    assert stale_fields(table, replace(snapshot, columns=table.field_names[1:2]), acquired=TODAY, today=TODAY) == ()


def test_the_warning_is_in_the_log_and_stops_nothing(site: Site) -> None:
    table = table_of(UpdatePeriod.DAILY)
    catalogue = replace(OURS, tables=(table, *OURS.tables[1:]), acquired=date(2026, 1, 1))
    stale = stale_sources(site.office, catalogue, [looked(table, date(2026, 1, 31))])
    assert stale_sources(site.office, catalogue, [looked(table, TODAY)]) == ()
    guiyang = PolicySet((*site.office.policies.policies, read_policy(policy_folder() / "guiyang.yaml")))
    with site.office.store.transaction() as tx:
        warn_of_stale(site.office, tx, stale, request="RQ-2026-0001", policies=guiyang)
    with site.office.store.reading() as tx:
        (entry,) = journal.search(tx, verb=Verb.VERIFY)
    assert (entry.object, entry.result, entry.request) == (table.name, Result.FAILED, "RQ-2026-0001")
    assert entry.reason == "stale: daily, last update 2026-01-31, 29 days; violation guiyang 第二十七条（五）"
    assert (entry.rule, entry.article) == ("guiyang.art_12_stale", "贵阳市健康医疗大数据应用发展条例 第十二条")
    assert entry.columns == (f"{table.name}.{table.fields[0].name}",)
