"""Three persons whose rows a run would give or leave out, by the register of consents as it stands.

Owns the persons and the look at what leaves. It must not know what any regime asks.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from installation import Site

from extractor.deid.pseudonyms import ProjectKeys
from extractor.engines.release import Release
from extractor.requests import Request
from extractor.workflow.consent_register import ConsentScope
from extractor.workflow.consents import consents_now

ASKS = ("patients.PATIENT_ID:pseudonym", "patients.NAME", "patients.SEX")
PERSONS = {"PATIENT_ID": ["P1", "P2", "P3"], "NAME": ["甲", "乙", "丙"], "SEX": ["1", "1", "1"]}
YEAR = ConsentScope(date(2026, 1, 1), date(2026, 12, 31))


def released(here: Site, number: str, asked: Request) -> Release:
    """Return what a run would give of three persons, by the register as it stands now."""
    plan = here.plan(number)
    with here.office.store.reading() as tx:
        consents = consents_now(here.office, tx, asked, plan)
    assert consents is not None

    def opened(_: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        return pl.LazyFrame(PERSONS).select(columns)

    return Release(plan, opened, ProjectKeys.derive(here.office.root_key.secret, "p"), consents=consents)


def names(here: Site, number: str, asked: Request) -> set[str]:
    """Return the names that a run would give."""
    found = released(here, number, asked)
    return {name for table in found.plan.tables for name in found.given(table).collect()["NAME"]}
