"""What goes wrong: a clear error in both languages, the right exit code, nothing delivered, nothing left, nothing lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractor.bootstrap import open_office
from extractor.canonical import canonical_bytes, digest
from extractor.decode import from_json
from extractor.errors import ConfigurationError
from extractor.keys import load_signing_key
from extractor.requests import Decision

Tables = dict[str, list[dict[str, Any]]]
YEAR = date.today().year
NUMBER, RUN = f"RQ-{YEAR}-0001", f"RN-{YEAR}-0001"


# --- the request ------------------------------------------------------------------------------------------------------


def asked(table: str, field: str, level: str) -> dict[str, Any]:
    return {table: {field: {"level": level, "reason": "研究所需的变量"}}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field outside the catalogue": ({"variables": asked("visits", "SALARY", "raw")}, "visits.SALARY"),
    "a table outside the catalogue": ({"variables": asked("payments", "SUM", "raw")}, "payments.SUM"),
    "a level that does not exist": ({"variables": asked("visits", "DX", "letter")}, "visits.DX"),
    "a sub-query": ({"population": "visits.PID IN (SELECT PID FROM patients)"}, "population"),
    "a function": ({"population": "UPPER(visits.DX) = 'E11'"}, "population"),
    "a column that does not exist": ({"population": "visits.NOT_THERE = 1"}, "NOT_THERE"),
    "a second statement": ({"population": "visits.AGE > 1; DROP TABLE visits"}, "population"),
    "text that is no SQL": ({"population": "visits.AGE >>> ("}, "population"),
    "a comparison of two columns": ({"population": "visits.AGE > visits.COST"}, "population"),
    "a union": ({"population": "visits.AGE > 1 UNION SELECT 1"}, "population"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_over_asking_is_refused_at_submission(clinic: Any, case: str) -> None:
    changes, thing = REFUSED[case]
    answer = clinic.submit(**changes)
    answer.said(4, thing)
    assert any(thing in reason["thing"] and reason["message"]["zh"] for reason in answer.json["reasons"])
    clinic.nothing_begun(state=None)
    assert clinic.cli("request", "show", NUMBER).code == 3
    assert clinic.ok("log", "search", "--verb", "refuse")["entries"]


def test_a_recipient_key_that_is_no_key_is_refused_with_its_line(clinic: Any) -> None:
    answer = clinic.submit(recipient_key="age1" + "q" * 58)
    answer.said(3, "request.yaml:", "recipient_key")
    assert clinic.cli("request", "show", NUMBER).code == 3


def test_a_term_that_has_passed_is_refused(clinic: Any) -> None:
    clinic.submit(until=date.today() - timedelta(days=2)).said(6, "until")


# --- the decisions ----------------------------------------------------------------------------------------------------


def sign(clinic: Any, step: str, person: str, *more: str) -> Any:
    return clinic.cli("request", "sign", NUMBER, "--as", step, "--by", person, *more)


def test_a_missing_decision_stops_the_run(fresh: Any) -> None:
    assert fresh.submit().code == 0
    assert sign(fresh, "operator_review", "operator").code == 0
    fresh.run(NUMBER).said(6, "agreement_user", "missing")
    fresh.nothing_begun(state="submitted")


def test_a_decision_that_has_expired_already_is_not_taken(fresh: Any) -> None:
    assert fresh.submit().code == 0
    yesterday = (date.today() - timedelta(days=2)).isoformat()
    sign(fresh, "operator_review", "operator", "--until", yesterday).said(6, "expired")
    fresh.run(NUMBER).said(6, "operator_review", "missing")


def test_a_revoked_decision_stops_the_run_until_it_is_signed_again(approved: Any) -> None:
    assert sign(approved, "operator_review", "operator", "--result", "revoke").code == 0
    approved.run(NUMBER).said(6, "operator_review", "revoked")
    approved.nothing_begun(state="submitted")
    assert sign(approved, "operator_review", "operator").code == 0
    approved.runs_again()


def test_only_its_signer_revokes(approved: Any) -> None:
    sign(approved, "operator_review", "authority", "--result", "revoke").said(6)


def stored_decision(home: Path, change: Callable[[dict[str, Any]], dict[str, Any]], *, with_digest: bool) -> None:
    """Change a stored decision behind the product's back."""
    with sqlite3.connect(home / "store.sqlite3") as database:
        (row,) = database.execute(
            "SELECT position, body FROM documents WHERE kind='decision' AND number LIKE '%operator_review'"
        )
        body = canonical_bytes(change(json.loads(row[1])))
        database.execute("UPDATE documents SET body=? WHERE position=?", (body.decode(), row[0]))
        if with_digest:
            database.execute("UPDATE documents SET digest=? WHERE position=?", (digest(json.loads(body)), row[0]))
    database.close()


def other_bytes(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "signature": ("1" if body["signature"][0] == "0" else "0") + body["signature"][1:]}


def test_changed_bytes_of_a_decision_are_found(approved: Any) -> None:
    stored_decision(approved.home, other_bytes, with_digest=False)
    approved.run(NUMBER).said(7, "operator_review")
    approved.nothing_begun(state=None)


def test_a_changed_signature_with_a_fitting_digest_is_found(approved: Any) -> None:
    stored_decision(approved.home, other_bytes, with_digest=True)
    approved.run(NUMBER).said(6, "operator_review", "signature")
    approved.nothing_begun()


@pytest.mark.parametrize("key_of", ["applicant", "authority"])
def test_a_decision_signed_with_another_key_is_found(approved: Any, key_of: str) -> None:
    key = load_signing_key(approved.home / "keys" / "people" / f"{key_of}.pem")

    def forged(body: dict[str, Any]) -> dict[str, Any]:
        decision = replace(from_json(Decision, body), public_key=key.public.text, signature="")
        return json.loads(canonical_bytes(replace(decision, signature=key.sign(decision.signed_bytes).hex())))  # type: ignore[no-any-return]

    stored_decision(approved.home, forged, with_digest=True)
    approved.run(NUMBER).said(6, "operator_review", "signature")
    approved.nothing_begun()


def test_a_catalogue_changed_after_approval_voids_the_decisions(approved: Any) -> None:
    file = approved.home / "catalogues" / "clinic.yaml"
    before = file.read_text("utf-8")
    file.write_text(before.replace("{name: 费用,", "{name: 总费用,"), "utf-8")
    approved.run(NUMBER).said(6, NUMBER, "void")
    approved.nothing_begun()
    file.write_text(before, "utf-8")
    approved.runs_again()


def test_a_request_cannot_be_signed_by_the_wrong_unit_or_role(fresh: Any) -> None:
    assert fresh.submit().code == 0
    sign(fresh, "operator_review", "provider").said(6)
    sign(fresh, "agreement_user", "applicant").said(6, "operator_review")
    sign(fresh, "no_such_step", "operator").said(6, "no_such_step")


# --- the sources ------------------------------------------------------------------------------------------------------

PATIENTS, VISITS = "patients/part-0.parquet", "visits.csv"


def patients(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        change(pl.read_parquet(data / PATIENTS)).write_parquet(data / PATIENTS)

    return spoil


def visits(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        (data / VISITS).write_bytes(change((data / VISITS).read_bytes()))

    return spoil


def cut(data: Path) -> None:
    content = (data / PATIENTS).read_bytes()
    (data / PATIENTS).write_bytes(content[: len(content) // 2])


def damaged_inside(data: Path) -> None:
    content = bytearray((data / PATIENTS).read_bytes())
    for place in range(40, 400):
        content[place] ^= 0xA5
    (data / PATIENTS).write_bytes(bytes(content))


SPOILT: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "a column that changed its type": (patients(lambda f: f.with_columns(pl.col("BIRTH").cast(pl.String))), 3, "patients.BIRTH"),
    "a column that vanished": (patients(lambda f: f.drop("SEX")), 3, "patients.SEX"),
    "a CSV column that vanished": (visits(lambda b: b.replace(b"LEFT", b"GONE", 1)), 3, "visits.LEFT"),
    "a person twice": (patients(lambda f: pl.concat([f, f.head(1)])), 3, "patients"),
    "a file cut in half": (cut, 3, "patients"),
    "a file damaged inside": (damaged_inside, 3, "patients"),
    "a table that is gone": (lambda data: (data / VISITS).unlink(), 3, "visits"),
    "invalid UTF-8": (visits(lambda b: b + b"\xff\xfe,\n"), 3, "visits.csv"),
    "a record with a field too many": (visits(lambda b: b + b"a," * 14 + b"b\n"), 3, "visits.csv"),
    "an empty population": (visits(lambda b: b.replace(b",E11.", b",Z99.")), 4, NUMBER),
    "an empty file": (visits(lambda b: b[:0]), 3, "visits"),
}  # fmt: skip

RUN_AGAIN = (
    "a person twice",
    "a file cut in half",
    "an empty population",
)  # A run takes seconds; the others end alike.


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_source_stops_the_run_and_nothing_is_lost(approved: Any, case: str, tmp_path: Path) -> None:
    spoil, code, thing = SPOILT[case]
    shutil.copytree(approved.home / "data", tmp_path / "whole")
    spoil(approved.home / "data")
    approved.run(NUMBER).said(code, thing)
    approved.ended()
    if case in RUN_AGAIN:
        shutil.rmtree(approved.home / "data")
        shutil.copytree(tmp_path / "whole", approved.home / "data")
        approved.runs_again()


# --- what is about to leave -------------------------------------------------------------------------------------------


def test_a_hit_of_the_residual_scan_stops_the_run(approved: Any, tables: Tables, rewrite: Any) -> None:
    planted = deepcopy(tables)
    planted["visits"][7]["REMARK"] = f"转告家属 {tables['patients'][90]['PHONE']} 后"
    rewrite(approved.home / "data", planted)
    approved.run(NUMBER).said(5, "visits.REMARK", "mobile")
    approved.ended()


def test_a_known_raw_value_in_another_column_stops_the_run(approved: Any, tables: Tables, rewrite: Any) -> None:
    planted = deepcopy(tables)
    planted["visits"][7]["REMARK"] = tables["patients"][90]["NAME"]
    rewrite(approved.home / "data", planted)
    approved.run(NUMBER).said(5, "visits.REMARK", "raw_identifier")
    approved.ended()


def test_a_risk_gate_that_is_not_met_says_what_would_help(approved: Any, tables: Tables, rewrite: Any) -> None:
    many = deepcopy(tables)
    for place, row in enumerate(many["patients"]):
        row["SEX"] = f"类{place % 97}"
    rewrite(approved.home / "data", many)
    answer = approved.run(NUMBER)
    answer.said(5, "k = 5")
    assert "patients.SEX" in answer.json["fix"]["en"] and "patients.SEX" in answer.json["fix"]["zh"]
    approved.ended()
    rewrite(approved.home / "data", tables)
    approved.runs_again()


# --- faults planted in the worker -------------------------------------------------------------------------------------


def test_a_recogniser_that_raises_stops_the_run(approved: Any, plant: Any) -> None:
    env = plant(
        "extractor.deid.patterns",
        """
        def find_patterns(buffer, deadline):
            raise RuntimeError("text of the document: " + buffer.view)
        m.find_patterns = find_patterns
        """,
    )
    approved.run(NUMBER, env=env).said(1, "patterns", "RuntimeError")
    approved.ended()


def test_a_recogniser_that_passes_its_deadline_stops_the_run(approved: Any, plant: Any) -> None:
    set_limits(approved.home, text_seconds=1)
    env = plant(
        "extractor.deid.patterns",
        """
        def find_patterns(buffer, deadline):
            while deadline.left():
                time.sleep(0.05)
        m.find_patterns = find_patterns
        """,
    )
    approved.run(NUMBER, env=env).said(1, "patterns", "TimeoutError")
    approved.ended()


def test_a_run_that_hangs_is_ended_by_its_supervisor(approved: Any, plant: Any) -> None:
    set_limits(approved.home, run_seconds=4)
    env = plant("extractor.deid.patterns", "m.find_patterns = lambda buffer, deadline: time.sleep(1000)")
    approved.run(NUMBER, env=env).said(1, RUN)
    approved.ended()


def test_a_bug_in_the_worker_shows_its_kind_and_place_only(approved: Any, plant: Any) -> None:
    env = plant(
        "extractor.workflow.extraction",
        """
        def write(job, table, checks, sink):
            raise KeyError(str(job.release.rows(table).collect().to_dicts()))
        m._write = write
        """,
    )
    approved.run(NUMBER, env=env).said(1, "KeyError")
    approved.ended()


def set_limits(home: Path, **limits: int) -> None:
    lines = (home / "settings.yaml").read_text("utf-8").splitlines()
    changed = [next((f"  {k}: {v}" for k, v in limits.items() if line.startswith(f"  {k}:")), line) for line in lines]
    (home / "settings.yaml").write_text("\n".join(changed) + "\n", "utf-8")


def test_an_office_opens_only_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        open_office(tmp_path)
