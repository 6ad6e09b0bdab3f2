"""Who may have which part of a request, in whose name, and in which state: signed, of the right role and unit, and logged."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from extractor.bootstrap import open_office
from extractor.canonical import canonical_bytes, digest
from extractor.decode import from_json
from extractor.errors import IntegrityError
from extractor.keys import load_signing_key
from extractor.transfer.dsse import verify_envelope
from extractor.workflow.statements import Statement

NUMBER = f"RQ-{date.today().year}-0001"
CUSTODY = ("--custodian", "管理员", "--place", "园区")
UNIT, UNIVERSITY = "福州健康医疗数据技术服务中心", "福州榕桥大学"


def person(clinic: Any, name: str, role: str, unit: str) -> None:
    clinic.ok("person", "add", name, "--name", name, "--role", role, "--unit", unit)


# --- the submission, signed -------------------------------------------------------------------------------------------


def statement(home: Path, kind: str) -> dict[str, Any]:
    """Return the newest statement of a kind, as it is stored."""
    with sqlite3.connect(home / "store.sqlite3") as database:
        rows = database.execute("SELECT body FROM documents WHERE kind=? ORDER BY position", (kind,)).fetchall()
    database.close()
    found: dict[str, Any] = json.loads(rows[-1][0])
    return found


def stored(home: Path, change: Callable[[Statement], Statement | None]) -> None:
    """Change the stored submission behind the product's back, with a digest that fits; None removes it."""
    with sqlite3.connect(home / "store.sqlite3") as database:
        changed = change(from_json(Statement, statement(home, "submission")))
        if changed is None:
            database.execute("DELETE FROM documents WHERE kind='submission'")
        else:
            body = canonical_bytes(changed)
            values = (body.decode(), digest(json.loads(body)))
            database.execute("UPDATE documents SET body=?, digest=? WHERE kind='submission'", values)
    database.close()


def test_submission_and_withdrawal_are_signed_by_who_acts(fresh: Any) -> None:
    assert fresh.submit().code == 0
    fresh.ok("request", "withdraw", NUMBER, "--by", "applicant")
    public = load_signing_key(fresh.home / "keys/people/applicant.pem").public
    logged = {e.get("object_digest") for e in fresh.ok("log", "search", "--request", NUMBER)["entries"]}
    for kind, act in (("submission", "submit"), ("withdrawal", "withdraw")):
        said = from_json(Statement, statement(fresh.home, kind))
        assert (said.act.value, said.person, said.subject.number) == (act, "applicant", NUMBER)
        assert public.accepts(said.signed_bytes, bytes.fromhex(said.signature))
        assert kind == "submission" or digest(said) in logged


@pytest.mark.parametrize("act", ["submit", "withdraw", "close"])
def test_nobody_acts_in_anothers_name_without_their_key(fresh: Any, act: str) -> None:
    assert fresh.submit().code == 0
    key = ("--key", fresh.home / "keys/people/operator.pem")
    thing, by = {
        "submit": (fresh.home.parent / "request.yaml", "applicant"),
        "withdraw": (NUMBER, "applicant"),
        "close": (NUMBER, "auditor"),
    }[act]
    fresh.cli("request", act, thing, "--by", by, *key).said(3, by, "not the one registered")
    (fresh.home / f"keys/people/{by}.pem").unlink()
    fresh.cli("request", act, thing, "--by", by).said(3)
    assert fresh.ok("request", "show", NUMBER)["state"] == "submitted"


FORGED: dict[str, tuple[Callable[[Statement], Statement | None], int, str]] = {
    "missing": (lambda _: None, 6, "missing"),
    "without a signature": (lambda said: replace(said, signature=""), 7, "signature"),
    "with no hexadecimal": (lambda said: replace(said, signature="不是"), 7, "signature"),
    "in another's name": (lambda said: replace(said, person="operator"), 7, "signature"),
    "of another time": (lambda said: replace(said, time=said.time.replace(year=2020)), 7, "signature"),
    "about another plan": (lambda said: replace(said, subject=replace(said.subject, plan="sha256:x")), 6, "another"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_submission_starts_no_run(approved: Any, case: str) -> None:
    change, code, word = FORGED[case]
    stored(approved.home, change)
    approved.run(NUMBER).said(code, word)
    approved.nothing_begun()


def test_a_forged_submission_is_not_decided_on(fresh: Any) -> None:
    assert fresh.submit().code == 0
    stored(fresh.home, FORGED["without a signature"][0])
    fresh.cli("request", "sign", NUMBER, "--as", "operator_review", "--by", "operator").said(7, "signature")


def test_somebody_of_another_unit_cannot_have_submitted(approved: Any) -> None:
    def forged(said: Statement) -> Statement:
        key = load_signing_key(approved.home / "keys/people/provider.pem")
        mine = replace(said, person="provider", unit="榕东诊所信息科", public_key=key.public.text, signature="")
        return replace(mine, signature=key.sign(mine.signed_bytes).hex())

    stored(approved.home, forged)
    approved.run(NUMBER).said(6, "another unit")
    approved.nothing_begun()


def test_only_the_applicants_own_people_submit(fresh: Any) -> None:
    person(fresh, "stranger", "data_user", "别的大学")
    assert fresh.submit().code == 0
    file = fresh.home.parent / "request.yaml"
    fresh.cli("request", "submit", file, "--by", "stranger").said(6, "applicant.name", "own unit")


# --- the run and its crew ---------------------------------------------------------------------------------------------


def test_only_a_person_of_the_installations_own_unit_runs(approved: Any) -> None:
    person(approved, "outsider", "technical_service_unit", "别的技术单位")
    approved.cli("run", NUMBER, "--by", "outsider").said(6, "unit of this installation")
    approved.cli("run", NUMBER, "--by", "auditor").said(6, "needs role technical_service_unit")
    approved.nothing_begun()


CREWS = {
    "a destroyer who is a witness": ("role destroyer", ("--destroyer", "witness-1", "--witness", "witness-2")),
    "a witness who is an auditor": ("role witness", ("--witness", "auditor", "--witness", "witness-1")),
    "a destroyer who approved": ("operator has already had the part", ("--destroyer", "operator")),
}


@pytest.mark.parametrize("case", CREWS)
def test_a_crew_that_could_not_sign_starts_no_run(approved: Any, case: str) -> None:
    because, words = CREWS[case]
    person(approved, "witness-3", "witness", UNIT)
    words = (*words, "--witness", "witness-3") if words.count("--witness") == 1 else words
    approved.cli("run", NUMBER, "--by", "runner", *words).said(6, because)
    approved.nothing_begun()


def test_a_witness_who_approved_before_the_role_changed_is_found_before_the_run(approved: Any) -> None:
    person(approved, "operator", "witness", "福州健康医疗大数据运营有限公司")
    person(approved, "operator", "operator", "福州健康医疗大数据运营有限公司")
    entries = approved.ok("log", "search", "--verb", "person_change")["entries"]
    assert [e["reason"] for e in entries] == [
        "role was operator, becomes witness",
        "role was witness, becomes operator",
    ]
    words = ("--witness", "operator", "--witness", "witness-1")
    approved.cli("run", NUMBER, "--by", "runner", *words).said(6, "already had the part")
    approved.nothing_begun()


def test_an_installation_outside_the_area_is_not_made_and_runs_nothing(approved: Any, tmp_path: Path) -> None:
    there = replace(approved, home=tmp_path / "abroad")
    there.cli("init", "--division", "US").said(4, "settings.division")
    assert not there.home.exists()
    settings = approved.home / "settings.yaml"
    settings.write_text(settings.read_text("utf-8").replace("division: '350100'", "division: US"), "utf-8")
    approved.run(NUMBER).said(4, "settings.division")
    approved.nothing_begun()


# --- a sealed package -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(clinic: Any) -> Any:
    """A request whose package is sealed and not handed over; the tests leave it so."""
    number = clinic.approved()
    assert clinic.run(number).code == 0
    return clinic


def test_a_sealed_request_is_neither_withdrawn_nor_closed(sealed: Any) -> None:
    sealed.cli("request", "withdraw", NUMBER, "--by", "applicant").said(6, "not possible in state sealed")
    sealed.cli("request", "close", NUMBER, "--by", "auditor").said(6, "not possible in state sealed")
    assert sealed.ok("request", "show", NUMBER)["state"] == "sealed"


def test_the_giver_names_custodian_and_place_and_is_of_the_own_unit(sealed: Any) -> None:
    for words in ((), CUSTODY[:2], CUSTODY[2:], ("--custodian", " ", "--place", "园区")):
        sealed.cli("request", "sign", NUMBER, "--as", "giver", "--by", "runner", *words).said(2, "--custodian")
    person(sealed, "outsider", "technical_service_unit", "别的技术单位")
    outside = sealed.cli("request", "sign", NUMBER, "--as", "giver", "--by", "outsider", *CUSTODY)
    outside.said(6, "unit of this installation")
    assert not list((sealed.home / "records").glob("HS-*"))


def test_what_is_withdrawn_or_delivered_is_not_given(sealed: Any) -> None:
    with sqlite3.connect(sealed.home / "store.sqlite3") as database:
        moved = "UPDATE states SET state=? WHERE kind='request' AND number=?"
        for state in ("withdrawn", "delivered"):
            database.execute(moved, (state, NUMBER))
            database.commit()
            answer = sealed.cli("request", "sign", NUMBER, "--as", "giver", "--by", "runner", *CUSTODY)
            answer.said(6, f"hand_over is not possible in state {state}")
        database.execute(moved, ("sealed", NUMBER))
    database.close()


def test_the_log_has_each_access_the_risk_and_the_scan_of_a_run(sealed: Any) -> None:
    entries = sealed.ok("log", "search", "--request", NUMBER)["entries"]
    access = {entry["object"]: entry for entry in entries if entry["verb"] == "access"}
    record = json.loads(next((sealed.home / "records").glob("RN-*.json")).read_bytes())
    for source in record["sources"]:
        entry = access[source["table"]]
        assert (entry["rows"], entry["object_digest"], entry["actor"]) == (source["rows"], source["digest"], "runner")
        assert len(entry["columns"]) == source["columns_read"]
        assert all(column.startswith(f"{source['table']}.") for column in entry["columns"])
    assert set(access) == set(sealed.tables)
    said = {entry["verb"]: entry for entry in entries}
    after = record["risk"]["after"]
    assert said["risk"]["reason"] == f"k={after['k']} R={after['R']:.6f} grade={after['grade']}"
    assert said["scan"]["rows"] == sum(table["rows_given"] for table in record["tables"])
    order = [entry["verb"] for entry in sorted(entries, key=lambda entry: entry["sequence"])]
    assert order.index("run_start") < order.index("access") < order.index("risk") < order.index("seal")


def test_the_unit_signs_each_version_of_a_destruction_record(sealed: Any) -> None:
    office = open_office(sealed.home)
    office.store.close()
    number = sealed.ok("request", "show", NUMBER)["destruction_records"][0]["number"]
    file, envelope = (sealed.home / "records" / f"{number}{end}" for end in (".json", ".dsse.json"))
    kind = "application/vnd.extractor.destruction-record+json"
    for signer in (None, "destroyer", "witness-1", "witness-2"):
        if signer:
            sealed.ok("destroy", "sign", number, "--by", signer)
        payload, _ = verify_envelope(envelope.read_bytes(), payload_type=kind, trusted=(office.unit_key.public,))
        assert payload == file.read_bytes()
    sealed.ok("destroy", "verify", number)
    whole = envelope.read_bytes()
    body = json.loads(whole)
    body["payload"] = base64.b64encode(file.read_bytes().replace(b"run_ended", b"interrupted")).decode()
    for spoilt in (json.dumps(body).encode(), b""):
        envelope.write_bytes(spoilt)
        sealed.cli("destroy", "verify", number).said(7, number, "unit's signature")
    with pytest.raises(IntegrityError):
        verify_envelope(json.dumps(body).encode(), payload_type=kind, trusted=(office.unit_key.public,))
    envelope.write_bytes(whole)
    sealed.ok("destroy", "verify", number)


def test_nothing_runs_on_a_log_that_was_edited(approved: Any) -> None:
    with sqlite3.connect(approved.home / "store.sqlite3") as database:
        database.execute("UPDATE log_entries SET body = replace(body, '\"actor\"', '\"actor \"') WHERE sequence = 1")
    approved.run(NUMBER).said(7, "log entry 1")
    approved.nothing_begun()
