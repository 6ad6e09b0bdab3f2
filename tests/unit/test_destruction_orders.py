"""Destruction orders: who orders and signs, on which ground, what is deleted and recorded, and what a crash leaves.

The request is compiled, approved, run and handed over by the real functions; see ``test_duties``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer
from test_approval import REQUEST, refused
from test_duties import FILE, FIRST_DAY, NUMBER, UNTIL, Delivery, prepared, site

from extractor.canonical import digest_bytes
from extractor.commands import package as package_command
from extractor.decode import from_json
from extractor.destruction import DestructionRecord, Ground, ItemKind, Outcome, Unprovable, missing_signatures
from extractor.errors import (
    ApprovalError,
    ConfigurationError,
    IntegrityError,
    LogError,
    Refused,
    StorageError,
    UsageError,
)
from extractor.handover import Custody
from extractor.keys import load_signing_key
from extractor.log.entries import LogEntry, Verb
from extractor.policy import Policy
from extractor.policy_words import Evidence, IncidentCause, PracticeKind, RetentionSubject
from extractor.workflow import destruction_by_order, destruction_grounds
from extractor.workflow.delivery import give, package_path
from extractor.workflow.destruction_by_order import carry_out, finish_orders
from extractor.workflow.destruction_ordering import order_delivered, order_destruction, refuse_order, sign_order
from extractor.workflow.destruction_orders import KIND, Copy, DestructionOrder, OrderState, orders
from extractor.workflow.downloads import download
from extractor.workflow.duties import duties
from extractor.workflow.giver_copies import copy_text, giver_copies
from extractor.workflow.incidents import open_incident
from extractor.workflow.office import Actor
from extractor.workflow.overview import overview, overview_text
from extractor.workflow.people import Identity, register
from extractor.workflow.purging import close_request, sign_destruction, verify_destruction
from extractor.workflow.records import envelope_path, record_path
from extractor.workflow.retention import kept
from extractor.workflow.runs import ProcessIdentity, process_identity
from extractor.workflow.standing import Standing
from extractor.workflow.unit_handover import Signatories, hand_over_unit

__all__ = ["prepared", "site"]
PACKAGE, ART_26 = "PK-2026-0001", "榕政综〔2017〕122号 第二十六条"
SIGNERS = ("destroyer", "witness", "witness2")


def order(site: Delivery, by: str = "operator", ground: Ground = Ground.HANDED_OVER) -> DestructionOrder:
    return order_destruction(site.office, PACKAGE, site.people[by], ground=ground)


def sign_all(site: Delivery, number: str = "DO-2026-0001") -> DestructionRecord:
    for name in SIGNERS[:2]:
        assert sign_order(site.office, number, site.people[name])[1] is None
    record = sign_order(site.office, number, site.people[SIGNERS[2]])[1]
    assert record is not None
    return record


def stands(site: Delivery, number: str = "DO-2026-0001") -> OrderState:
    return next(each.state for each in orders(site.office) if each.order.number == number)


def file_of(site: Delivery) -> Path:
    return package_path(site.office, PACKAGE)


def lines(site: Delivery) -> list[LogEntry]:
    return site.logged(Verb.DESTROY_ORDER)


def under(site: Delivery, change: Callable[[Policy], Policy]) -> None:
    """Put a changed Fuzhou policy in the place of the one under which the request was submitted."""
    with site.office.store.transaction() as tx:
        standing = from_json(Standing, tx.get("circumstances", NUMBER).body)
        applied = []
        for each in standing.policies:
            policy = from_json(Policy, tx.by_digest(each.digest).body)
            stored = tx.put("policy", policy.regime, change(policy)) if policy.regime == "fuzhou" else each.digest
            applied.append(replace(each, digest=stored))
        tx.put("circumstances", NUMBER, replace(standing, policies=tuple(applied)))


def keeps_no_copy(policy: Policy) -> Policy:
    first = policy.practices[0]
    own = replace(first, rule=replace(first.rule, id="art_no_original"), practice=PracticeKind.GIVER_COPY_DESTROYED)
    return replace(policy, practices=(*policy.practices, own))


def keeps_packages(policy: Policy) -> Policy:
    first = policy.retention[0]
    own = replace(first, rule=replace(first.rule, id="art_package"), subject=RetentionSubject.PACKAGE, months=12)
    return replace(policy, retention=(*policy.retention, own))


# --- the unit's own copy ----------------------------------------------------------------------------------------------


def test_an_order_is_signed_by_all_and_carried_out_by_the_last_signature(site: Delivery) -> None:
    sealed = file_of(site).read_bytes()
    given = order(site)
    assert (given.number, given.request, given.grade >= 4, given.witnesses) == ("DO-2026-0001", NUMBER, True, 2)
    (standing,) = orders(site.office)
    assert (standing.state, standing.to_sign) == (OrderState.ORDERED, ("destroyer", "witness", "witness"))
    record = sign_all(site)
    assert not file_of(site).exists()
    (standing,) = orders(site.office)
    assert (standing.state, standing.to_sign, standing.record) == (OrderState.CARRIED_OUT, (), "DR-2026-0002")
    (item,) = record.items
    assert (item.kind, item.place, item.bytes) == (ItemKind.PACKAGE, f"packages/{PACKAGE}.zip", len(sealed))
    assert (item.digest_before, item.outcome) == (digest_bytes(sealed), Outcome.GONE)
    assert (record.chain.order, record.chain.run, record.chain.package) == (
        "DO-2026-0001",
        "RN-2026-0001",
        digest_bytes(sealed),
    )
    assert record.verification.passed
    assert record.cannot_be_proven == tuple(Unprovable)
    assert record.parties.must_sign == (*SIGNERS, "operator")


def test_the_record_is_signed_by_everybody_and_verifies(site: Delivery) -> None:
    order(site)
    record = sign_all(site)
    assert missing_signatures(record) == (*SIGNERS, "operator")
    for name in ("operator", *SIGNERS):
        with pytest.raises(ApprovalError, match=rf"misses signatures.*still to sign: .*\b{name}\b") as waits:
            verify_destruction(site.office, record.number)
        assert waits.value.exit_code == 6
        signed = sign_destruction(site.office, record.number, site.people[name])
    assert missing_signatures(signed) == ()
    assert verify_destruction(site.office, record.number) == signed
    assert json.loads(record_path(site.office, record.number).read_bytes())["chain"]["order"] == "DO-2026-0001"
    envelope_path(site.office, record.number).unlink()
    with pytest.raises(IntegrityError, match="the unit's signature"):
        verify_destruction(site.office, record.number)


def test_the_inventory_is_in_the_log_before_the_file_is_deleted(
    site: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(site)
    seen = []
    monkeypatch.setattr(destruction_by_order, "remove", lambda *_: seen.append(lines(site)[-1].reason) or False)
    with pytest.raises(StorageError, match="cannot be deleted"):
        sign_all(site)
    assert seen == ["inventory; handed_over"]
    assert stands(site) is OrderState.SIGNED
    monkeypatch.undo()
    assert finish_orders(site.office) == ("DO-2026-0001",)


def test_every_act_is_logged_with_rule_and_article(site: Delivery) -> None:
    under(site, keeps_no_copy)
    order(site)
    sign_all(site)
    assert [each.reason for each in lines(site)] == [
        "ordered; handed_over", "destroys", "witnesses", "witnesses", "inventory; handed_over", "carried_out DR-2026-0002",
    ]  # fmt: skip
    entry = site.logged(Verb.DESTROY)[-1]
    assert (entry.object, entry.reason) == ("DR-2026-0002", "handed_over")
    for each in (*lines(site), entry):
        assert each.request == NUMBER
        assert each.rule == "fuzhou.art_26_no_tampering; fuzhou.art_no_original"
        assert ART_26 in (each.article or "")


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("applicant", "needs role operator, authority"),
        ("runner", "needs role operator, authority"),
        ("destroyer", "needs role operator, authority"),
        ("inside", "the applicant's own unit has no part"),
    ],
)
def test_only_an_operator_or_authority_of_another_unit_orders(site: Delivery, by: str, why: str) -> None:
    with refused(why):
        order(site, by)
    assert orders(site.office) == ()
    assert lines(site)[-1].result.value == "failed"


def test_an_authority_orders_too_and_only_with_its_own_key(site: Delivery) -> None:
    with pytest.raises(ConfigurationError, match="not the one registered"):
        order_destruction(
            site.office,
            PACKAGE,
            replace(site.people["health"], key=site.people["operator"].key),
            ground=Ground.HANDED_OVER,
        )
    assert order(site, "health").ordered_by == "health"


@pytest.mark.parametrize("by", ["applicant", "operator", "runner", "health"])
def test_only_destroyers_and_witnesses_sign(site: Delivery, by: str) -> None:
    order(site)
    with refused("needs role destroyer, witness"):
        sign_order(site.office, "DO-2026-0001", site.people[by])


def test_nobody_signs_twice_and_a_second_destroyer_is_not_needed(site: Delivery) -> None:
    order(site)
    for name in SIGNERS[:2]:
        sign_order(site.office, "DO-2026-0001", site.people[name])
        with refused(f"{name} has signed already"):
            sign_order(site.office, "DO-2026-0001", site.people[name])
    person = register(site.office, Identity("d2", "d2", "destroyer", "第三方"))
    second = Actor(person, load_signing_key(site.office.home.people / "d2.pem"))
    with refused("signed already by destroyer"):
        sign_order(site.office, "DO-2026-0001", second)
    assert file_of(site).exists()


def test_there_is_one_order_for_a_copy_and_none_after_it_was_carried_out(site: Delivery) -> None:
    order(site)
    with refused("there is an order already: DO-2026-0001"):
        order(site, "health")
    sign_all(site)
    with refused("there is an order already"):
        order(site)
    with refused("the order is carried_out"):
        sign_order(site.office, "DO-2026-0001", site.people["destroyer"])
    with pytest.raises(ApprovalError, match="carried_out and cannot"):
        carry_out(site.office, "DO-2026-0001")
    with refused("no such package"):
        order_destruction(site.office, "PK-2026-0099", site.people["operator"], ground=Ground.HANDED_OVER)
    with refused("no such destruction order"):
        sign_order(site.office, "DO-2026-0099", site.people["destroyer"])


def test_an_order_is_refused_by_who_would_sign_or_taken_back_by_who_gave_it(site: Delivery) -> None:
    for by, number in (("witness", "DO-2026-0001"), ("operator", "DO-2026-0002")):
        assert order(site).number == number
        with refused("needs its reason"):
            refuse_order(site.office, number, site.people[by], reason=" ")
        with refused("only who gave the order"):
            refuse_order(site.office, number, site.people["health"], reason="不妥")
        refuse_order(site.office, number, site.people[by], reason="依据不足")
        with refused("the order is refused"):
            sign_order(site.office, number, site.people["destroyer"])
    assert file_of(site).exists()
    assert finish_orders(site.office) == ()


# --- grounds and floor ------------------------------------------------------------------------------------------------


def test_the_ground_must_fit_what_stands_and_the_refusal_names_the_article(site: Delivery) -> None:
    for ground, why in (
        (Ground.TERM_OVER, "has not ended"),
        (Ground.WITHDRAWN, "no consent behind it was revoked"),
        (Ground.BREACH, "no open breach"),
        (Ground.RUN_ENDED, "a ground for this copy is"),
    ):
        with pytest.raises(Refused, match=why) as caught:
            order(site, ground=ground)
        assert [each.article for each in caught.value.reasons] == [ART_26]
    assert orders(site.office) == ()


def test_the_term_is_over_on_the_day_after_it(site: Delivery) -> None:
    site.on(UNTIL)
    with pytest.raises(Refused, match="has not ended"):
        order(site, ground=Ground.TERM_OVER)
    site.on(UNTIL + timedelta(days=1))
    assert order(site, ground=Ground.TERM_OVER).number == "DO-2027-0001"


def test_a_breach_is_an_open_entry_of_the_applicant_or_an_open_incident(site: Delivery) -> None:
    with site.office.store.transaction() as tx:
        open_incident(site.office, tx, IncidentCause.LEAK, thing=PACKAGE, found="1")
    assert order(site, ground=Ground.BREACH).ground is Ground.BREACH


def test_an_overdue_duty_is_a_breach_too(site: Delivery) -> None:
    site.on(date(2026, 3, 9))
    assert order(site, ground=Ground.BREACH).ground is Ground.BREACH


def test_what_was_not_received_is_withdrawn_and_not_handed_over(site: Delivery) -> None:
    number = site.approved(replace(REQUEST, until=UNTIL, outputs="另一篇"))
    site.run(number)
    with pytest.raises(Refused, match="both sides have not signed"):
        order_destruction(site.office, "PK-2026-0002", site.people["operator"], ground=Ground.HANDED_OVER)
    order_destruction(site.office, "PK-2026-0002", site.people["operator"], ground=Ground.WITHDRAWN)
    sign_all(site)
    with pytest.raises(StorageError, match="was destroyed; the destruction record is DR-2026-0003"):
        give(site.office, number, site.people["runner"], custody=Custody("管理员", "园区"))
    assert file_of(site).exists()


@pytest.mark.parametrize(("package", "fits"), [(PACKAGE, True), ("PK-2026-0009", False)])
def test_a_delivered_package_is_withdrawn_once_a_consent_behind_it_was_revoked(
    site: Delivery, monkeypatch: pytest.MonkeyPatch, package: str, fits: bool
) -> None:
    monkeypatch.setattr(destruction_grounds, "revocations", lambda *_: [{"packages": [{"package": package}]}])
    if fits:
        assert order(site, ground=Ground.WITHDRAWN).ground is Ground.WITHDRAWN
    else:
        with pytest.raises(Refused, match="no consent behind it was revoked"):
            order(site, ground=Ground.WITHDRAWN)


def test_a_handover_sheet_that_was_changed_is_no_ground(site: Delivery) -> None:
    with site.office.store.transaction() as tx:
        tx.put("handover", "HS-2026-0001", tx.get("handover", "HS-2026-0001").body | {"remarks": "另加"})
    with pytest.raises(IntegrityError):
        order(site)


def test_nothing_is_ordered_before_the_retention_floor(site: Delivery) -> None:
    under(site, keeps_packages)
    with pytest.raises(Refused, match="kept until 2027-03-01") as caught:
        order(site)
    (reason,) = caught.value.reasons
    assert (reason.rule, bool(reason.article)) == ("fuzhou.art_package", True)
    site.on(date(2027, 3, 1))
    assert order(site).number == "DO-2027-0001"


def test_a_floor_that_came_after_the_order_stops_the_signature(site: Delivery) -> None:
    order(site)
    under(site, keeps_packages)
    with pytest.raises(Refused, match="kept until 2027-03-01"):
        sign_order(site.office, "DO-2026-0001", site.people["destroyer"])
    assert orders(site.office)[0].to_sign == ("destroyer", "witness", "witness")


# --- what was changed, what dies in between ----------------------------------------------------------------------------


def test_a_file_that_was_changed_is_neither_ordered_nor_destroyed(site: Delivery) -> None:
    order(site)
    sealed = file_of(site).read_bytes()
    for content in (sealed + b"x", None):
        file_of(site).unlink()
        if content is not None:
            file_of(site).write_bytes(content)
        with pytest.raises(IntegrityError, match="not the package that was sealed"):
            sign_order(site.office, "DO-2026-0001", site.people["destroyer"])
        if content is None:
            file_of(site).write_bytes(b"")
    file_of(site).write_bytes(sealed)
    sign_all(site)


def test_a_file_that_was_changed_after_the_last_signature_stays_and_the_order_is_refused(site: Delivery) -> None:
    die_after(site, "_claim")
    with file_of(site).open("ab") as file:
        file.write(b"x")
    assert finish_orders(site.office) == ()
    assert stands(site) is OrderState.REFUSED
    assert file_of(site).exists()
    assert (lines(site)[-1].result.value, lines(site)[-1].reason) == ("failed", "not the package that was sealed")


def test_a_file_that_is_gone_without_an_inventory_is_not_recorded_as_destroyed(site: Delivery) -> None:
    die_after(site, "_claim")
    file_of(site).unlink()
    assert finish_orders(site.office) == ()
    assert stands(site) is OrderState.REFUSED
    assert len(site.logged(Verb.DESTROY)) == 1


def test_an_order_that_was_changed_in_the_store_destroys_nothing(site: Delivery) -> None:
    order(site)
    with site.office.store.transaction() as tx:
        tx.put(KIND, "DO-2026-0001", tx.get(KIND, "DO-2026-0001").body | {"grade": 1})
    with pytest.raises(IntegrityError, match="not as it was signed"):
        sign_order(site.office, "DO-2026-0001", site.people["destroyer"])
    assert file_of(site).exists()


class Died(Exception):
    """The process died here."""


def die_after(site: Delivery, step: str) -> None:
    """Order and sign everything, and die once a step of carrying out is done."""
    whole = getattr(destruction_by_order, step)

    def dying(*given: object, **named: object) -> None:
        whole(*given, **named)
        raise Died

    order(site)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(destruction_by_order, step, dying)
        with pytest.raises(Died):
            sign_all(site)


@pytest.mark.parametrize(
    ("step", "there", "inventories"), [("_claim", True, 1), ("_commit", True, 2), ("remove", False, 1)]
)
def test_what_died_is_finished_at_the_next_start_wherever_it_died(
    site: Delivery, step: str, there: bool, inventories: int
) -> None:
    sealed = digest_bytes(file_of(site).read_bytes())
    die_after(site, step)
    assert (file_of(site).exists(), stands(site)) == (there, OrderState.SIGNED)
    site.clock.now += timedelta(hours=1)
    assert finish_orders(site.office) == ("DO-2026-0001",)
    assert finish_orders(site.office) == ()
    assert (file_of(site).exists(), stands(site)) == (False, OrderState.CARRIED_OUT)
    assert len([each for each in lines(site) if (each.reason or "").startswith("inventory")]) == inventories
    for name in ("operator", *SIGNERS):
        signed = sign_destruction(site.office, "DR-2026-0002", site.people[name])
    assert verify_destruction(site.office, "DR-2026-0002").items[0].digest_before == sealed
    assert signed.verification.passed


def test_what_another_process_carries_out_is_left_to_it(site: Delivery) -> None:
    die_after(site, "_claim")
    other, own = process_identity(1), process_identity()
    assert other is not None and own is not None
    for by, done in ((other, ()), (ProcessIdentity(own.pid, "0", own.boot), ("DO-2026-0001",))):
        with site.office.store.transaction() as tx:
            tx.put("destruction_claim", "DO-2026-0001", by)
        assert finish_orders(site.office) == done


def test_a_log_that_cannot_be_written_deletes_nothing(site: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    die_after(site, "_claim")

    def full(*_: object) -> None:
        raise LogError("full", zh="已满", thing="log")

    monkeypatch.setattr("extractor.workflow.office.append", full)
    with pytest.raises(LogError):
        finish_orders(site.office)
    assert file_of(site).exists()


def test_a_second_link_to_the_package_is_said_in_the_record(site: Delivery) -> None:
    order(site)
    file_of(site).with_name("other").hardlink_to(file_of(site))
    record = sign_all(site)
    assert (record.items[0].outcome, record.verification.passed) == (Outcome.ANOTHER_LINK, False)


def test_backups_that_were_made_since_it_was_sealed_are_named(site: Delivery) -> None:
    with site.office.store.transaction() as tx:
        tx.put("backup", "BU-2026-0001", {"number": "BU-2026-0001"})
    order(site)
    assert [each.place for each in sign_all(site).backups] == ["BU-2026-0001"]


# --- afterwards -------------------------------------------------------------------------------------------------------


def test_what_was_destroyed_is_neither_downloaded_nor_verified_and_every_place_names_the_record(
    site: Delivery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order(site)
    sign_all(site)
    with pytest.raises(StorageError, match="destruction record is DR-2026-0002"):
        download(site.office, NUMBER, site.people["applicant"], out=tmp_path / "out.zip")
    with pytest.raises(typer.Exit) as stopped:
        package_command.verify(file_of(site), home=site.office.home.root)
    assert stopped.value.exit_code == StorageError.exit_code
    assert "DR-2026-0002" in capsys.readouterr().err
    text = overview_text(overview(site.office, NUMBER))
    assert "destruction order DO-2026-0001 (handed_over): carried_out DR-2026-0002" in text
    assert f"the giver's copy is destroyed: {PACKAGE}, DR-2026-0002" in text
    with site.office.store.reading() as tx:
        assert "package" not in {each.kind for each in kept(site.office, tx)}


def test_a_file_that_never_was_a_package_is_just_not_there(
    site: Delivery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for home in (site.office.home.root, tmp_path / "none"):
        with pytest.raises(typer.Exit) as stopped:
            package_command.verify(tmp_path / "nothing.zip", home=home)
        assert stopped.value.exit_code == UsageError.exit_code
        assert "there is no such file" in capsys.readouterr().err


def test_the_request_is_closed_only_once_the_record_of_the_order_is_signed(site: Delivery) -> None:
    person = register(site.office, Identity("auditor", "auditor", "auditor", "审计局"))
    auditor = Actor(person, load_signing_key(site.office.home.people / "auditor.pem"))
    order(site)
    sign_all(site)
    for name in SIGNERS:
        sign_destruction(site.office, "DR-2026-0001", site.people[name])
    with refused("a destruction record still misses signatures"):
        close_request(site.office, NUMBER, auditor)
    for name in (*SIGNERS, "operator"):
        sign_destruction(site.office, "DR-2026-0002", site.people[name])
    close_request(site.office, NUMBER, auditor)


def test_the_givers_copy_is_shown_until_it_is_destroyed_where_a_rule_wants_that(site: Delivery) -> None:
    def said() -> list[str]:
        return [copy_text(each) for each in overview(site.office, NUMBER)["giver_copies"]]

    assert said() == []
    under(site, keeps_no_copy)
    assert "still to be destroyed: PK-2026-0001 (destroy order" in said()[0]
    order(site)
    assert "still to be destroyed: PK-2026-0001 (DO-2026-0001)" in said()[0]
    sign_all(site)
    assert "is destroyed: PK-2026-0001, DR-2026-0002" in said()[0]
    with site.office.store.reading() as tx:
        assert [each.to_destroy for each in giver_copies(site.office, tx)] == [False]


def test_a_destroyed_package_is_no_gap_at_a_change_of_unit(site: Delivery) -> None:
    order(site)
    sign_all(site)
    people = {}
    for name, role, unit in (("new", "technical_service_unit", "新中心"), ("third", "witness", "卫健委")):
        person = register(site.office, Identity(name, name, role, unit))
        people[name] = Actor(person, load_signing_key(site.office.home.people / f"{name}.pem"))
    sheet = hand_over_unit(site.office, "新中心", Signatories(site.people["runner"], people["new"], people["third"]))
    assert sheet.packages == ()


# --- the data user's copy ----------------------------------------------------------------------------------------------


def test_an_order_to_the_data_user_opens_the_duty_ends_the_term_and_stops_the_download(
    site: Delivery, tmp_path: Path
) -> None:
    with site.office.store.transaction() as tx:
        open_incident(site.office, tx, IncidentCause.LEAK, thing=NUMBER, found="1")
    given = order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.BREACH)
    duty = site.duty(Evidence.DESTRUCTION).duty
    assert (given.copy, given.duty, duty.number, duty.cause) == (Copy.DELIVERED, duty.number, duty.number, given.number)
    assert (duty.opened, duty.due, duty.of.unit) == (FIRST_DAY, FIRST_DAY + timedelta(days=7), "示例大学")
    assert [each.rule for each in duty.cited] == ["art_29_destroy"]
    with pytest.raises(Refused) as caught:
        download(site.office, NUMBER, site.people["applicant"], out=tmp_path / "out.zip")
    assert "DO-2026-0001 orders" in caught.value.reasons[0].en
    with refused("the data user carries it out"):
        sign_order(site.office, given.number, site.people["destroyer"])
    with refused("there is an order already"):
        order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.BREACH)
    site.clock.now = datetime(2026, 3, 2, tzinfo=UTC)
    site.close(Evidence.DESTRUCTION, method="覆写并销毁介质", day="2026-03-02", digest=FILE)
    assert stands(site) is OrderState.CARRIED_OUT
    site.on(UNTIL + timedelta(days=1))
    assert len([each for each in duties(site.office) if each.duty.evidence is Evidence.DESTRUCTION]) == 1


def test_an_order_after_the_term_takes_the_duty_that_is_open_and_none_that_is_closed(site: Delivery) -> None:
    site.on(UNTIL + timedelta(days=1))
    there = site.duty(Evidence.DESTRUCTION).duty.number
    given = order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.TERM_OVER)
    assert given.duty == there
    site.close(Evidence.DESTRUCTION, method="覆写并销毁介质", day="2027-03-01", digest=FILE)
    assert stands(site, given.number) is OrderState.CARRIED_OUT


def test_what_the_data_user_has_destroyed_is_not_ordered_again(site: Delivery) -> None:
    site.on(UNTIL + timedelta(days=1))
    site.close(Evidence.DESTRUCTION, method="覆写并销毁介质", day="2027-03-01", digest=FILE)
    with refused("it was destroyed already"):
        order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.TERM_OVER)


def test_where_no_policy_has_the_duty_or_nothing_was_delivered_nothing_is_ordered(site: Delivery) -> None:
    site.on(date(2026, 3, 9))
    with site.office.store.transaction() as tx:
        tx.put("plan", NUMBER, tx.get("plan", NUMBER).body | {"duties": []})
    with pytest.raises(Refused, match="no policy of this request has a duty"):
        order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.BREACH)
    with pytest.raises(Refused, match="a ground for this copy is"):
        order_delivered(site.office, NUMBER, site.people["operator"], ground=Ground.HANDED_OVER)
    with refused("nothing was delivered"):
        order_delivered(site.office, "RQ-2026-0099", site.people["operator"], ground=Ground.BREACH)
    assert orders(site.office) == ()


def test_the_record_of_the_units_own_copy_does_not_close_the_duty_of_the_data_user(site: Delivery) -> None:
    site.on(UNTIL + timedelta(days=1))
    order(site, ground=Ground.TERM_OVER)
    record = sign_all(site, "DO-2027-0001")
    for name in (*SIGNERS, "operator"):
        sign_destruction(site.office, record.number, site.people[name])
    with refused(f"{record.number} records another destruction"):
        site.close(Evidence.DESTRUCTION, record=record.number)


def test_a_record_that_waits_for_signatures_and_was_changed_is_not_merely_waiting(site: Delivery) -> None:
    order(site)
    record = sign_all(site)
    envelope_path(site.office, record.number).unlink()
    with pytest.raises(IntegrityError, match="the unit's signature"):
        verify_destruction(site.office, record.number)


def test_an_order_that_is_refused_advises_about_the_order_and_not_the_request(site: Delivery) -> None:
    with pytest.raises(Refused) as no:
        order(site, ground=Ground.TERM_OVER)
    assert "ground that fits" in no.value.fix_en
    assert "申请" not in no.value.fix_zh
