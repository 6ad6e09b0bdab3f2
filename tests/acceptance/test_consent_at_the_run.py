"""Consent through the command line: whose rows a run gives, what a revocation changes, and what is said where nobody consents."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyrage
import pytest
import yaml
from typer.testing import CliRunner

from extractor.bootstrap import open_office
from extractor.cli import app

NUMBER = f"RQ-{date.today().year}-0001"
CUSTODY = ("--custodian", "管理员", "--place", "园区")
FIRST, LAST = "2020-01-01", f"{date.today().year + 1}-12-31"
FEW = {  # Years of birth open with consent; few enough columns to be quick.
    "patients": {"PID": "pseudonym", "BIRTH": "year", "SEX": "raw"},
    "visits": {"VID": "pseudonym", "PID": "pseudonym", "AGE": "age_band_10", "DX": "category_3"},
}
CONSENTED: dict[str, Any] = {
    "consent": "written",
    "variables": {
        table: {name: {"level": level, "reason": "研究所需的变量"} for name, level in columns.items()}
        for table, columns in FEW.items()
    },
}  # fmt: skip

NAMED: dict[str, Any] = {
    "consent": "written",
    "variables": {
        table: {name: {"level": level, "reason": "研究所需的变量"} for name, level in columns.items()}
        for table, columns in {
            "patients": {"PID": "pseudonym", "NAME": "raw", "IDNO": "raw", "SEX": "raw"},
            "notes": {"PID": "pseudonym", "TEXT": "surrogate"},
        }.items()
    },
}  # fmt: skip
UNCOUNTED = "凭本人同意可识别的字段不计入重标识风险"


def wanted(clinic: Any) -> list[str]:
    """Return the keys of the patients who fit the population, in the order of the table."""
    fitting = {v["PID"] for v in clinic.tables["visits"] if v["DX"].startswith("E11") and v["ADMITTED"].year > 2022}
    return [row["PID"] for row in clinic.tables["patients"] if row["PID"] in fitting]


def scope(clinic: Any, **changes: Any) -> Path:
    file = clinic.home.parent / "scope.yaml"
    body = {"since": FIRST, "until": LAST, "purposes": ["research"], **changes}
    file.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    return file


def entered(clinic: Any, verb: str, keys: list[str], *more: object) -> Any:
    """Enter persons into the register from standard input; nothing that is said holds a key."""
    words = ["consent", verb, "--catalogue", "clinic", "--identities", "-", "--by", "provider", *map(str, more)]
    result = CliRunner().invoke(app, [*words, "--home", str(clinic.home), "--json"], input="\n".join(keys))
    assert result.exit_code == 0, result.stderr
    assert not clinic.watch.in_bytes((result.stdout + result.stderr).encode())
    return json.loads(result.stdout)


def opened(clinic: Any, package: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of the patients, those of the notes and the risk report of a package, as its recipient opens them."""
    secret = next(line for line in clinic.identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-1"))
    key = pyrage.x25519.Identity.from_str(secret)
    with zipfile.ZipFile(package) as archive:
        read = {name: pyrage.decrypt(archive.read(name), [key]) for name in archive.namelist() if name.endswith(".age")}
    patients, notes = (
        pl.read_parquet(io.BytesIO(read[f"data/{n}.parquet.age"])).to_dicts() for n in ("patients", "notes")
    )
    return patients, notes, json.loads(read["risk.json.age"])


def delivered(clinic: Any, number: str) -> None:
    clinic.ok("request", "sign", number, "--as", "giver", "--by", "runner", *CUSTODY)
    clinic.ok("request", "sign", number, "--as", "receiver", "--by", "applicant")


def test_a_run_gives_only_rows_of_those_who_consent_now(fresh: Any) -> None:
    keys = wanted(fresh)
    given = entered(fresh, "add", [*keys[:150], f" {keys[0]}"], "--scope", scope(fresh, fields=["patients.BIRTH"]))
    entered(fresh, "add", keys[150:160], "--scope", scope(fresh, applicant="别的大学"))
    first = fresh.approved(**CONSENTED)
    answer = fresh.run(first)
    assert answer.code == 0, answer.err
    ran = answer.json
    assert (ran["persons"], ran["persons_without_consent"]) == (150, len(keys) - 150)
    rows = {table["table"]: table for table in ran["tables"]}
    assert rows["patients"]["rows_given"] <= 150
    assert rows["patients"]["rows_without_consent"] == len(keys) - 150
    entries = fresh.ok("log", "search", "--request", first)["entries"]
    (counted,) = [entry for entry in entries if entry["verb"] == "compare"]
    assert f"persons=150 persons_without_consent={len(keys) - 150}" in counted["reason"]
    assert "consent_register" in counted["rule"] and "第十五条" in counted["article"]
    delivered(fresh, first)
    shares = [e for e in fresh.ok("log", "search", "--request", first)["entries"] if e["verb"] in ("share", "deliver")]
    assert {entry["agreement"] for entry in shares} == {first.replace("RQ", "AG")}

    # A person revokes: the next run leaves them out, and the register shows what had been delivered before.
    entered(fresh, "revoke", keys[:20])
    second = fresh.approved(**CONSENTED)
    again = fresh.run(second).json
    assert (again["persons"], again["persons_without_consent"]) == (130, len(keys) - 130)
    (revoked,) = fresh.ok("consent", "list", "--catalogue", "clinic", "--revoked")["batches"]
    (package,) = revoked["packages"]
    assert package["package"] in ran["package"]
    assert (package["request"], package["recipient"], package["persons"]) == (first, "福州榕桥大学", 20)
    assert package["delivered"] is not None
    batches = fresh.ok("consent", "list", "--catalogue", "clinic")["batches"]
    assert [(b["said"], b["persons"]) for b in batches] == [("given", 150), ("given", 10), ("revoked", 20)]
    assert batches[0]["number"] == given["batches"][0]
    assert fresh.ok("log", "verify")["verified"]
    assert not fresh.left_behind()


def test_who_consents_to_be_named_is_given_by_name_and_nobody_else(fresh: Any) -> None:
    keys, people = wanted(fresh), {row["PID"]: row for row in fresh.tables["patients"]}
    entered(fresh, "add", keys[:150], "--scope", scope(fresh, fields=["patients.NAME", "patients.IDNO"]))
    entered(fresh, "add", keys[150:160], "--scope", scope(fresh, fields=["patients.NAME"]))  # Not to all that is asked.
    first = fresh.approved(**NAMED)
    said = fresh.ok("plan", "compile", first, "--explain")["explanation"]["warnings"]
    assert f"{UNCOUNTED}:patients.NAME、patients.IDNO" in said
    answer = fresh.run(first)
    assert answer.code == 0, answer.err
    assert (answer.json["persons"], answer.json["persons_without_consent"]) == (150, len(keys) - 150)
    patients, notes, risk = opened(fresh, answer.json["package"])
    allowed = {(people[key]["NAME"], people[key]["IDNO"]) for key in keys[:150]}
    given = {(row["NAME"], row["IDNO"]) for row in patients}
    assert given <= allowed
    assert len(given) == len(patients) == 150 - answer.json["persons_left_out"] > 100
    # The record number has no consent that opens it, and the texts name nobody, those who consent included.
    assert not {row["PID"] for row in patients} & set(people)
    text = "".join(row["TEXT"] for row in notes)
    assert notes and not [p["IDNO"] for p in people.values() if p["IDNO"] in text or p["PHONE"] in text]
    assert not [row for row in notes if any(f"患者{name}," in row["TEXT"] for name, _ in allowed)]
    # The other quasi-identifiers are counted, and the report says what is not.
    assert risk["quasi_identifiers"] == ["patients.SEX"]
    assert risk["identified_by_consent"] == {"fields": ["patients.NAME", "patients.IDNO"], "note": UNCOUNTED}
    assert risk["direct_identifiers_left"] is True
    delivered(fresh, first)

    entered(fresh, "revoke", keys[:20])
    second = fresh.run(fresh.approved(**NAMED))
    assert second.code == 0, second.err
    assert second.json["persons"] == 130
    again = {row["NAME"] for row in opened(fresh, second.json["package"])[0]}
    assert again and not again & {people[key]["NAME"] for key in keys[:20]}
    assert again <= {people[key]["NAME"] for key in keys[20:150]}
    (revoked,) = fresh.ok("consent", "list", "--catalogue", "clinic", "--revoked")["batches"]
    (package,) = revoked["packages"]
    assert package["package"] in answer.json["package"]
    assert (package["request"], package["persons"]) == (first, 20) and package["delivered"] is not None
    assert not fresh.left_behind()


@pytest.mark.parametrize("strangers", ["REMARK", "WARD"])
def test_a_name_that_persons_agreed_to_give_passes_in_its_own_column_only(
    fresh: Any, rewrite: Any, strangers: str
) -> None:
    names = {row["PID"]: row["NAME"] for row in fresh.tables["patients"]}
    visits = [{**visit, strangers: names[visit["PID"]]} for visit in fresh.tables["visits"]]
    rewrite(fresh.home / "data", {**fresh.tables, "visits": visits})
    entered(fresh, "add", wanted(fresh), "--scope", scope(fresh))
    variables = {
        "patients": NAMED["variables"]["patients"],
        "visits": {strangers: {"level": "raw", "reason": "研究所需的变量"}},
    }
    fresh.approved(consent="written", variables=variables)
    fresh.run(NUMBER).said(5, f"visits.{strangers} raw_identifier")
    fresh.ended()


def test_texts_of_persons_who_consent_to_be_named_are_scanned_all_the_same(fresh: Any, plant: Any) -> None:
    entered(fresh, "add", wanted(fresh), "--scope", scope(fresh))
    fresh.approved(**NAMED)
    untreated = plant("extractor.engines.release", "m.Release._with_texts_treated = lambda self, frame, *rest: frame")
    stopped = fresh.run(NUMBER, env=untreated)
    stopped.said(5, "notes.TEXT own_value", "notes.TEXT raw_identifier", "notes.TEXT resident_id")
    assert "patients." not in stopped.json["message"]["en"]
    fresh.ended()


def test_nothing_is_handed_over_under_another_text_than_the_parties_signed(approved: Any) -> None:
    assert approved.run(NUMBER).code == 0
    office = open_office(approved.home)
    with office.store.transaction() as tx:
        (stored,) = tx.find("agreement")
        tx.put("agreement", stored.number, {**stored.body, "text": stored.body["text"] + "可转供第三方。"})
    office.store.close()
    giver = ("request", "sign", NUMBER, "--as", "giver", "--by", "runner", *CUSTODY)
    approved.cli(*giver).said(6, "AG-", "agreement_user over the agreement as it stands now is missing", "第十八条")


@pytest.mark.parametrize(
    "changes", [{"purposes": ["product"]}, {"until": FIRST[:4] + "-12-31"}, {"fields": ["patients.IDNO"]}]
)
def test_where_nobody_consents_the_run_is_refused_purged_and_recorded(fresh: Any, changes: dict[str, Any]) -> None:
    if "until" not in changes:  # What has ended is not entered at all.
        entered(fresh, "add", wanted(fresh), "--scope", scope(fresh, **changes))
    fresh.approved(**CONSENTED)
    answer = fresh.run(NUMBER)
    assert answer.code == 4, answer.err
    body = answer.json
    assert body["error"] == "Refused"
    assert {(r["rule"].partition(".")[2], bool(r["article"])) for r in body["reasons"]} >= {("consent_register", True)}
    assert "extractor consent add" in body["reasons"][0]["allowed"]["en"]
    fresh.ended()
    # Who then consents is given.
    entered(fresh, "add", wanted(fresh), "--scope", scope(fresh))
    fresh.runs_again()


def test_without_consent_in_the_request_no_register_is_asked(approved: Any) -> None:
    answer = approved.run(NUMBER)
    assert answer.code == 0, answer.err
    assert answer.json["persons_without_consent"] is None


def test_the_register_takes_no_identity_as_an_argument_and_shows_none(fresh: Any) -> None:
    missing = fresh.cli(
        "consent", "add", "--catalogue", "clinic", "--identities", fresh.home / "no-such-list", "--scope", scope(fresh),
        "--by", "provider",
    )  # fmt: skip
    missing.said(3, "cannot be read as UTF-8")
    assert "--identities" in CliRunner().invoke(app, ["consent", "add", "--help"]).stdout


def test_the_agreement_is_shown_and_replaced_through_the_command_line(fresh: Any) -> None:
    number = fresh.approved()
    shown = fresh.ok("agreement", "show", number)
    assert {signature["said"] for signature in shown["signatures"]} == {"agreement_user", "agreement_operator"}
    subjects = [clause["subject"] for clause in shown["agreement"]["clauses"]]
    text, listed = fresh.home.parent / "text.txt", fresh.home.parent / "subjects.yaml"
    text.write_text("\n".join(f"【{subject}】" for subject in subjects), "utf-8")
    listed.write_text("\n".join(f"{subject}: 【{subject}】" for subject in subjects if subject != "term"), "utf-8")
    put = ("agreement", "put", number, "--text", text, "--subjects", listed, "--by", "applicant")
    lacking = fresh.cli(*put)
    assert (lacking.code, lacking.json["reasons"][0]["thing"]) == (4, "agreement.term")
    listed.write_text("\n".join(f"{subject}: 【{subject}】" for subject in subjects), "utf-8")
    assert fresh.ok(*put)["version"] == 2
    assert fresh.ok("request", "show", number)["state"] == "submitted"
    assert fresh.run(number).code == 6
    for step, person in (("agreement_user", "applicant"), ("agreement_operator", "operator")):
        fresh.ok("request", "sign", number, "--as", step, "--by", person)
    assert fresh.ok("agreement", "show", number)["digest"] != shown["digest"]
    assert fresh.ok("request", "show", number)["state"] == "approved"


def test_assessments_are_listed_through_the_command_line_and_none_is_signed_that_nobody_asks_for(fresh: Any) -> None:
    number = fresh.approved()
    assert fresh.ok("assessment", "list", number)["assessments"] == []
    report = fresh.home.parent / "report.txt"
    report.write_text("无", "utf-8")
    fresh.cli(
        "assessment", "sign", number, "--kind", "confidentiality", "--result", "pass", "--report", report,
        "--until", LAST, "--person", "provider",
    ).said(6, "asks for no such assessment")  # fmt: skip
