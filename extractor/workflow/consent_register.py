"""The register of consents as a value: batches of entries and revocations in their order, and who of them covers a request.

Owns what an entry says and how revocations take it back. It knows persons by their prints only, and neither store nor keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from extractor.requests import PurposeCategory, Request


@dataclass(frozen=True)
class ConsentScope:
    """To what a person consents; empty purposes or fields stand for all, no applicant for any. Both days are included."""

    since: date
    until: date
    applicant: str | None = None
    purposes: tuple[PurposeCategory, ...] = ()
    fields: tuple[str, ...] = ()

    def covers(self, request: Request, day: date) -> bool:
        """Say whether applicant, purpose and day lie within the scope."""
        return (
            self.applicant in (None, request.applicant.uscc, request.applicant.name)
            and (not self.purposes or request.purpose.category in self.purposes)
            and self.since <= day <= self.until
        )

    def holds(self, place: str) -> bool:
        """Say whether a field (``table.field``) lies within the scope."""
        return not self.fields or place in self.fields


@dataclass(frozen=True)
class ConsentBatch:
    """Persons, by their prints, who consented alike, or (without a scope) who revoked: one entry each.

    A revocation takes back what these persons gave before it: in the batch ``of``, or in all batches where that is None.
    """

    number: str
    catalogue: str
    time: datetime
    prints: tuple[str, ...] = field(repr=False)
    scope: ConsentScope | None = None
    of: str | None = None


@dataclass(frozen=True)
class ConsentRegister:
    """The batches of one catalogue, in the order in which they were given and revoked."""

    batches: tuple[ConsentBatch, ...]

    def before(self, time: datetime) -> ConsentRegister:
        """Return the register as it stood at a time."""
        return ConsentRegister(tuple(batch for batch in self.batches if batch.time <= time))

    def covering(self, request: Request, fields: Sequence[str], day: date) -> pl.Series:
        """Return the prints of the persons whose entries, together, cover applicant, purpose, day and every field."""
        scopes = {
            place: batch.scope
            for place, batch in enumerate(self.batches)
            if batch.scope is not None and batch.scope.covers(request, day)
        }
        live = self._live(frozenset(scopes))
        # Fields that the same batches hold are asked together, so that a thousand fields cost what their scopes do.
        groups = {frozenset(place for place, scope in scopes.items() if scope.holds(name)) for name in fields}
        kept = live["print"].unique()
        for group in groups:
            own = live.filter(pl.col("batch").is_in(sorted(group)))["print"]
            kept = kept.filter(kept.is_in(own.implode()))
        return kept

    def standing(self, of: str | None = None) -> pl.Series:
        """Return the prints with an entry that nothing has taken back, in every batch or in one."""
        given = (
            place for place, each in enumerate(self.batches) if each.scope is not None and of in (None, each.number)
        )
        return self._live(frozenset(given))["print"].unique()

    def _live(self, given: frozenset[int]) -> pl.DataFrame:
        """Return (print, batch) of the entries of these batches that no later revocation takes back."""
        numbers = {batch.number: place for place, batch in enumerate(self.batches)}
        back = [place for place, batch in enumerate(self.batches) if batch.scope is None]
        every = self._entries([place for place in back if self.batches[place].of is None])
        last = every.group_by("print").agg(pl.col("batch").max().alias("revoked"))
        named = [
            self._entries([place]).with_columns(batch=pl.lit(numbers.get(self.batches[place].of or "", -1), pl.Int32))
            for place in back
            if self.batches[place].of is not None
        ]
        live = self._entries(sorted(given)).join(last, on="print", how="left")
        live = live.filter(pl.col("revoked").is_null() | (pl.col("revoked") < pl.col("batch"))).drop("revoked")
        return live.join(pl.concat(named), on=["print", "batch"], how="anti") if named else live

    def _entries(self, places: Sequence[int]) -> pl.DataFrame:
        prints = [pl.Series("print", self.batches[place].prints, dtype=pl.String) for place in places]
        sizes = pl.Series([len(each) for each in prints], dtype=pl.UInt32)
        batch = pl.Series("batch", list(places), dtype=pl.Int32).to_frame()
        return pl.DataFrame({
            "print": pl.concat(prints) if prints else pl.Series(dtype=pl.String),
            "batch": batch.select(pl.col("batch").repeat_by(sizes).explode())["batch"]
            if prints
            else pl.Series(dtype=pl.Int32),
        })  # fmt: skip
