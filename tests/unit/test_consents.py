"""The register of consents with a real store and keys: what a print is, who is covered, what a revocation takes back, and the
rows that a release keeps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from test_approval import REQUEST, Site, site
from test_release import BY_STAY, HOSPITAL, STAYS, opened, planned

from extractor.deid.pseudonyms import ProjectKeys, pseudonyms
from extractor.engines.consenting import Consents, Sifted
from extractor.engines.release import Release
from extractor.errors import ApprovalError, ConfigurationError, FormError, IntegrityError, UsageError
from extractor.forms.consent_form import parse_scope
from extractor.keys import RootKey, load_signing_key
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.requests import Consent, PurposeCategory, Request
from extractor.store.transaction import Transaction
from extractor.workflow import consents
from extractor.workflow.consent_effects import list_batches, revocations
from extractor.workflow.consent_register import ConsentBatch, ConsentRegister, ConsentScope
from extractor.workflow.office import Actor
from extractor.workflow.people import Identity, register

__all__ = ["site"]  # the fixture
NAME = "example_hospital"
FIELDS = ("patients.NAME", "patients.IDNO")
ANY = ConsentScope(date(2026, 1, 1), date(2026, 12, 31))
DAY = date(2026, 3, 1)
ROOT = RootKey(b"r" * 32)


@pytest.fixture
def provider(site: Site) -> Actor:
    person = register(site.office, Identity("provider", "provider", "provider", "示例医院"))
    return Actor(person, load_signing_key(site.office.home.people / "provider.pem"))


def prints(*keys: str | None) -> list[str | None]:
    return consents.printer(ROOT, HOSPITAL)(pl.Series(keys, dtype=pl.String)).to_list()


def batch(number: int, *keys: str, scope: ConsentScope | None = ANY, of: str | None = None) -> ConsentBatch:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return ConsentBatch(f"CS-2026-{number:04d}", "hospital", moment, tuple(filter(None, prints(*keys))), scope, of)


def covered(
    *batches: ConsentBatch, request: Request = REQUEST, fields: Sequence[str] = FIELDS, day: date = DAY
) -> set[str]:
    """Return which of the persons a to f the register covers."""
    found = set(ConsentRegister(batches).covering(request, fields, day))
    return {key for key in "abcdef" if prints(key)[0] in found}


# --- prints ----------------------------------------------------------------------------------------------------------


def test_one_person_has_one_print_however_the_key_is_spelled_and_nobody_has_none() -> None:
    one, two, three, blank, nothing = prints("P1 ", "P1", "P1", " ", None)
    assert one == two == three
    assert blank is None and nothing is None
    assert prints("P2") != [one]


def test_a_print_is_no_projects_pseudonym_and_no_other_catalogues_print() -> None:
    keys = pl.Series(["P1"])
    own = prints("P1")[0]
    other = consents.printer(ROOT, replace(HOSPITAL, name="clinic"))(keys)[0]
    assert own != other
    assert own != consents.printer(RootKey(b"s" * 32), HOSPITAL)(keys)[0]
    for project in (REQUEST.pseudonym_domain, HOSPITAL.name, "consent"):
        for domain in ("person", "consent"):
            assert pseudonyms(keys, ProjectKeys.derive(ROOT.secret, project).pseudonyms, domain=domain)[0] not in (
                own,
                other,
            )


# --- who is covered --------------------------------------------------------------------------------------------------


def test_an_entry_covers_its_applicant_by_code_or_name_and_any_where_none_is_named() -> None:
    for applicant in (None, REQUEST.applicant.uscc, REQUEST.applicant.name):
        assert covered(batch(1, "a", scope=replace(ANY, applicant=applicant))) == {"a"}
    assert covered(batch(1, "a", scope=replace(ANY, applicant="别的大学"))) == set()


def test_an_entry_covers_its_purposes_on_its_days() -> None:
    assert covered(batch(1, "a", scope=replace(ANY, purposes=(REQUEST.purpose.category,)))) == {"a"}
    assert covered(batch(1, "a", scope=replace(ANY, purposes=(PurposeCategory.PRODUCT,)))) == set()
    for day, found in (
        (date(2025, 12, 31), set()),
        (date(2026, 1, 1), {"a"}),
        (date(2026, 12, 31), {"a"}),
        (date(2027, 1, 1), set()),
    ):
        assert covered(batch(1, "a"), day=day) == found


def test_every_field_must_be_covered_if_need_be_by_several_entries() -> None:
    name, number = (replace(ANY, fields=(field,)) for field in FIELDS)
    assert covered(batch(1, "a", "b", scope=name), batch(2, "b", "c", scope=number)) == {"b"}
    assert covered(batch(1, "a", scope=name), fields=FIELDS[:1]) == {"a"}
    assert covered(batch(1, "a", "b", scope=name), batch(2, "a")) == {"a"}
    assert covered() == set()


def test_a_revocation_takes_back_what_was_given_before_it_and_not_what_comes_after() -> None:
    given, again = batch(1, "a", "b"), batch(3, "b")
    back = batch(2, "a", "b", "c", scope=None)
    assert covered(given, back) == set()
    assert covered(given, back, again) == {"b"}
    assert set(ConsentRegister((given, back)).before(given.time).covering(REQUEST, FIELDS, DAY)) == set(
        prints("a", "b")
    )


def test_a_revocation_of_one_batch_leaves_the_others() -> None:
    first, second = batch(1, "a", "b"), batch(2, "a")
    assert covered(first, second, batch(3, "a", "b", scope=None, of=first.number)) == {"a"}
    assert covered(first, second, batch(3, "a", scope=None, of=second.number)) == {"a", "b"}


# --- the acts --------------------------------------------------------------------------------------------------------


def stored(site: Site) -> ConsentRegister:
    with site.office.store.reading() as tx:
        return consents.register_of(site.office, tx, NAME)


def test_what_is_entered_holds_no_identity_and_is_signed_and_logged_by_count(site: Site, provider: Actor) -> None:
    given = consents.give(site.office, NAME, provider, identities=["P-10001 ", "P-10001", "P-10002", ""], scope=ANY)
    back = consents.revoke(site.office, NAME, provider, identities=["P-10002"])
    assert (given.numbers, back.numbers) == (("CS-2026-0001",), ("CS-2026-0002",))
    assert (given.given, back.given, back.matched) == (2, 1, 1)
    assert [len(each.prints) for each in stored(site).batches] == [2, 1]
    assert [each["said"] for each in list_batches(site.office, NAME)] == ["given", "revoked"]
    assert revocations(site.office, NAME)[0]["packages"] == []
    everything = b"".join(path.read_bytes() for path in site.office.home.root.rglob("*") if path.is_file())
    assert b"P-1000" not in everything
    assert b"CS-2026-0001" in everything
    shown = str(list_batches(site.office, NAME)) + str(revocations(site.office, NAME))
    assert not any(each in shown for found in stored(site).batches for each in found.prints)
    with site.office.store.reading() as tx:
        entries = [e for verb in (Verb.CONSENT_GIVE, Verb.CONSENT_REVOKE) for e in journal.search(tx, verb=verb)]
    assert [(e.object, e.rows) for e in entries] == [(f"{NAME}/CS-2026-0001", 2), (f"{NAME}/CS-2026-0002", 1)]


def test_a_long_list_is_entered_in_several_batches(
    site: Site, provider: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consents, "BATCH_PERSONS", 3)
    made = consents.give(site.office, NAME, provider, identities=[f"P{n}" for n in range(7)], scope=ANY)
    assert (len(made.numbers), made.given) == (3, 7)
    assert len(stored(site).covering(REQUEST, FIELDS, DAY)) == 7


def test_a_revocation_says_how_many_had_an_entry_and_where_nobody_has_one_it_is_refused(
    site: Site, provider: Actor
) -> None:
    one, two = (consents.give(site.office, NAME, provider, identities=[key], scope=ANY).numbers[0] for key in "ab")
    with pytest.raises(UsageError, match="none of the 2 persons given has an entry that stands"):
        consents.revoke(site.office, NAME, provider, identities=["x", "y", "x"])
    with pytest.raises(UsageError, match="none of the 1 persons"):
        consents.revoke(site.office, NAME, provider, identities=["b"], of=one)
    made = consents.revoke(site.office, NAME, provider, identities=["b", "x", "y"], of=two)
    assert (made.given, made.matched, len(stored(site).batches[-1].prints)) == (3, 1, 1)
    with pytest.raises(UsageError, match="none of the 1 persons"):
        consents.revoke(site.office, NAME, provider, identities=["b"])
    assert len(stored(site).covering(REQUEST, FIELDS, DAY)) == 1


def test_only_a_provider_keeps_the_register_with_their_own_key(site: Site, provider: Actor) -> None:
    with pytest.raises(ApprovalError, match="needs role provider"):
        consents.give(site.office, NAME, site.people["operator"], identities=["a"], scope=ANY)
    with pytest.raises(ConfigurationError, match="not the one registered"):
        consents.give(
            site.office, NAME, Actor(provider.person, site.people["operator"].key), identities=["a"], scope=ANY
        )
    assert stored(site).batches == ()
    assert [result for result, _, _ in site.logged(Verb.CONSENT_GIVE)] == ["failed", "failed"]


def test_a_list_or_scope_that_cannot_be_meant_is_refused_and_leaves_nothing(site: Site, provider: Actor) -> None:
    for identities, scope in (
        ([" ", ""], ANY),
        (["a"], replace(ANY, fields=("patients.NOPE",))),
        (["a"], replace(ANY, until=date(2026, 2, 28))),
    ):
        with pytest.raises(ConfigurationError, match=r"nobody|no such field|ended"):
            consents.give(site.office, NAME, provider, identities=identities, scope=scope)
    with pytest.raises(ConfigurationError, match="no catalogue"):
        consents.give(site.office, "elsewhere", provider, identities=["a"], scope=ANY)
    with pytest.raises(ConfigurationError, match="no such batch"):
        consents.revoke(site.office, NAME, provider, identities=["a"], of="CS-2026-0009")
    assert stored(site).batches == ()


def test_a_batch_that_somebody_changed_in_the_store_stops_whoever_reads_it(site: Site, provider: Actor) -> None:
    (number,) = consents.give(site.office, NAME, provider, identities=["a"], scope=ANY).numbers
    with site.office.store.transaction() as tx:
        body = tx.get("consent", f"{NAME}/{number}").body
        tx.put("consent", f"{NAME}/{number}", {**body, "prints": [*body["prints"], "bcdfghjkmnpqrtvzbcdf"]})
    with pytest.raises(IntegrityError, match="no signature of a provider"):
        stored(site)


def test_however_many_batches_there_are_the_store_is_asked_for_their_signatures_once(
    site: Site, provider: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abc":
        consents.give(site.office, NAME, provider, identities=[key], scope=ANY)
    asked: list[str] = []
    found = Transaction.find

    def counting(tx: Transaction, kind: str, **which: Any) -> Any:
        asked.append(kind)
        return found(tx, kind, **which)

    monkeypatch.setattr(Transaction, "find", counting)
    with site.office.store.reading() as tx:
        assert len(consents.register_of(site.office, tx, NAME).batches) == 3
    assert sorted(asked) == ["consent", "signature"]


def test_one_signature_of_another_hand_stops_the_whole_register(site: Site, provider: Actor) -> None:
    for key in "ab":
        consents.give(site.office, NAME, provider, identities=[key], scope=ANY)
    with site.office.store.transaction() as tx:
        word = tx.get("signature", f"consent/{NAME}/CS-2026-0002/given/provider")
        tx.put("signature", word.number, {**word.body, "signature": "00" * 64})
    with site.office.store.reading() as tx, pytest.raises(IntegrityError, match="CS-2026-0002"):
        consents.register_of(site.office, tx, NAME)


def test_the_form_of_a_scope_names_what_is_wrong() -> None:
    form = parse_scope(
        b"since: 2026-01-01\nuntil: 2026-12-31\npurposes: [research]\nfields: [patients.NAME]", name="s.yaml"
    )
    assert (form.applicant, form.purposes, form.fields) == (None, (PurposeCategory.RESEARCH,), ("patients.NAME",))
    for body, said in (
        (b"since: 2026-01-02\nuntil: 2026-01-01", "ends before"),
        (b"since: 2026-01-01\nuntil: 2026-12-31\nfields: [NAME]", "TABLE.FIELD"),
        (b"since: 2026-01-01\nuntil: 2026-12-31\npersons: [a]", "persons"),
    ):
        with pytest.raises(FormError, match=said):
            parse_scope(body, name="s.yaml")


def test_a_hundred_thousand_entries_are_read_in_seconds(site: Site, provider: Actor) -> None:
    keys = [f"BA{number:08d}" for number in range(100_000)]
    consents.give(site.office, NAME, provider, identities=keys, scope=ANY)
    consents.revoke(site.office, NAME, provider, identities=keys[::10])
    begun = time.monotonic()
    found = stored(site).covering(REQUEST, FIELDS, DAY)
    seconds = time.monotonic() - begun
    assert len(found) == 90_000
    assert seconds < 5, seconds


# --- the rows that stay ----------------------------------------------------------------------------------------------


def with_consent(plan: Plan, *keys: str, tables: Sequence[str] = ()) -> Release:
    given = pl.Series([p for p in prints(*keys) if p], dtype=pl.String)
    held = Consents(given, consents.printer(ROOT, HOSPITAL), frozenset(tables))
    return Release(plan, opened, ProjectKeys.derive(b"r" * 32, "p"), consents=held)


PLACES = ("patients.BAH", "admissions.ZYH", "diagnoses.ZYH", "charges.ZYH", "notes.ZYH")


def test_only_rows_of_those_who_consent_are_kept_in_every_table_by_link_too() -> None:
    plan = planned(*PLACES, change=lambda r: replace(r, consent=Consent.WRITTEN))
    release = with_consent(plan, "a ")
    for table in plan.tables:
        rows = release.rows(table).collect(engine="streaming")
        column = "BAH" if table.name == "patients" else "ZYH"
        assert {key.removesuffix("2").removesuffix("3") for key in rows[column]} == {"a"}, table.name
        assert len(release.given(table).collect()) == len(rows)
        assert release.for_risk(table, sensitive=True).frame.lazy().collect().height == len(rows)
        identifiers = {value for series in release.identifiers(table) for value in series.drop_nulls().to_list()}
        assert "b" not in identifiers and "b1" not in identifiers
    assert release.sifted.persons == 1
    # b has a stay in the period; c fits nothing and is no loss.
    assert release.sifted.persons_without == 1
    assert release.sifted.rows_without["admissions"] == 1
    everybody = with_consent(plan, "a", "b", "c")
    assert (everybody.sifted.persons, everybody.sifted.persons_without) == (2, 0)
    assert BY_STAY and STAYS


def test_nobody_consents_and_nothing_is_kept() -> None:
    plan = planned("patients.BAH", "admissions.ZYH")
    release = with_consent(plan, "zzz")
    for table in plan.tables:
        assert release.rows(table).collect().height == 0
    assert (release.sifted.persons, release.sifted.persons_without) == (0, 2)


def test_without_a_consent_in_the_plan_no_register_is_asked() -> None:
    plan = planned("patients.BAH", "admissions.ZYH")
    release = Release(plan, opened, ProjectKeys.derive(b"r" * 32, "p"))
    assert sum(release.rows(table).collect().height for table in plan.tables) == 5


def test_rows_of_nobody_count_as_neither() -> None:
    import numpy as np

    sifted = Sifted(np.array([3, 7], dtype=np.uint64), 0, {})
    assert sifted.holds(pl.Series([7, None, 4, 3, 2**64 - 1], dtype=pl.UInt64)).to_list() == [
        True,
        False,
        False,
        True,
        False,
    ]
    zero = Sifted(np.array([0], dtype=np.uint64), 0, {})
    assert zero.holds(pl.Series([None, 0], dtype=pl.UInt64)).to_list() == [False, True]
