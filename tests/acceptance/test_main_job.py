"""The main job through the command line, and every row of what it gives recomputed from the source in plain Python."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pyrage
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extractor.bootstrap import open_office
from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.keys import load_signing_key
from extractor.requests import Subject
from extractor.transfer.open import open_package
from extractor.workflow.office import Actor
from extractor.workflow.statements import Statement
from extractor.workflow.supervision import Crew, order_run

CHAPTERS = {"N18.903": "N00-N99", "I63.900": "I00-I99", "J18.900": "J00-J99"}
APPLICANT_AND_PROJECT = '["12350100MB9Y00112X","福州榕桥大学","ACC-1"]'
CUSTODY = ("--custodian", "管理员", "--place", "园区")
DOMAINS = {"PID": "person", "VID": "visit", "DOCTOR": "staff_name", "IDNO": "resident_id", "PHONE": "phone"}


@dataclass(frozen=True)
class Story:
    """One request from submission to closing, with the answer of every command."""

    clinic: Any = field(repr=False)
    number: str
    answers: dict[str, Any] = field(repr=False)

    @property
    def package(self) -> Path:
        return Path(self.answers["run"]["package"])

    def member(self, name: str) -> bytes:
        """Decrypt a member with the age library alone, as any recipient can."""
        return member(self.package, self.clinic.identity, name)

    @cached_property
    def given(self) -> dict[str, list[dict[str, Any]]]:
        names = ("patients", "visits", "notes")
        return {name: pl.read_parquet(io.BytesIO(self.member(f"data/{name}.parquet.age"))).to_dicts() for name in names}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        with zipfile.ZipFile(self.package) as archive:
            found: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return found


def member(package: Path, identity: Path, name: str) -> bytes:
    secret = next(line for line in identity.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-1"))
    with zipfile.ZipFile(package) as archive:
        return bytes(pyrage.decrypt(archive.read(name), [pyrage.x25519.Identity.from_str(secret)]))


@pytest.fixture(scope="module")
def story(clinic: Any, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Do the whole job through the command line; run, open and verify in processes of their own."""
    ok, out = clinic.ok, tmp_path_factory.mktemp("recipient")
    said: dict[str, Any] = {}
    submitted = clinic.submit()
    assert submitted.code == 0, submitted.err
    said["submit"], number = submitted.json, submitted.json["request"]
    said["plan"] = ok("plan", "compile", number, "--explain")
    for step, person in zip(said["submit"]["steps"], ("operator", "applicant", "operator"), strict=True):
        said[step] = ok("request", "sign", number, "--as", step, "--by", person)
    said["run"] = ok("run", number, "--by", "runner", shell=True)
    package = said["run"]["package"]
    said["giver"] = ok("request", "sign", number, "--as", "giver", "--by", "runner", *CUSTODY)
    said["receiver"] = ok("request", "sign", number, "--as", "receiver", "--by", "applicant")
    said["verify"] = ok("package", "verify", package)
    said["open"] = ok("package", "open", package, "--identity", clinic.identity, "--out", out / "opened", shell=True)
    record = said["run"]["destruction_number"]
    for person in ("destroyer", "witness-1", "witness-2"):
        said[f"destroy {person}"] = ok("destroy", "sign", record, "--by", person)
    said["destroyed"] = ok("destroy", "verify", record)
    said["close"] = ok("request", "close", number, "--by", "auditor")
    said["show"] = ok("request", "show", number)
    said["log"] = ok("log", "verify", shell=True)
    said["export"] = ok("log", "export", out / "log")
    said["exported"] = ok("log", "verify", out / "log")
    said["search"] = ok("log", "search", "--request", number)["entries"]
    said["prove"] = ok("log", "prove", said["search"][0]["sequence"])
    return Story(clinic, number, said)


def derived(key: bytes, label: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"extractor/deid/v1\0" + label.encode()).derive(key)


def tag(key: bytes, text: str) -> bytes:
    mac = CMAC(AES256(key))
    mac.update(text.encode())
    return mac.finalize()


def pseudonym(root: bytes, column: str, value: str) -> str:
    """Compute a pseudonym from its published recipe: HKDF, AES-256-CMAC, 80 bits in consonants."""
    key = derived(derived(root, f"pseudonyms\0{APPLICANT_AND_PROJECT}"), f"domain\0{DOMAINS[column]}")
    return "".join("bcdfghjkmnpqrtvz"[half] for byte in tag(key, value)[:10] for half in divmod(byte, 16))


def offset(root: bytes, person: str) -> timedelta:
    drawn = (
        int.from_bytes(tag(derived(derived(root, f"date-shift\0{APPLICANT_AND_PROJECT}"), "day-offset"), person)[:8])
        % 364
        - 182
    )
    return timedelta(days=drawn + (drawn >= 0))


def band(age: int) -> str:
    return "90+" if age >= 90 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


def amount_band(amount: float) -> str:
    hundreds = round(round(amount / 10) * 10 / 100) * 100
    bounds = [0, *(step * 10**power for power in (2, 3, 4) for step in (1, 2, 5))]
    low = max(bound for bound in bounds if bound <= hundreds)
    return f"{low}-{bounds[bounds.index(low) + 1]}"


def expected(tables: dict[str, list[dict[str, Any]]], root: bytes) -> dict[str, list[dict[str, Any]]]:
    """Compute every row that must leave, from the source alone."""
    inside = {v["PID"] for v in tables["visits"] if v["DX"].startswith("E11") and in_period(v["ADMITTED"].date())}
    inside -= {tables["patients"][50]["PID"]}  # Alone in her class.
    patients = {p["PID"]: p for p in tables["patients"] if p["PID"] in inside}
    visits = [v for v in tables["visits"] if v["PID"] in inside and in_period(v["ADMITTED"].date())]
    notes = [n for n in tables["notes"] if n["PID"] in inside and in_period(n["WRITTEN"].date())]
    return {
        "patients": [expected_patient(p, root) for p in patients.values()],
        "visits": [expected_visit(v, root) for v in visits],
        "notes": [expected_note(n, patients[n["PID"]], root) for n in notes],
    }


def in_period(day: date) -> bool:
    return date(2023, 1, 1) <= day <= date(2025, 12, 31)


def expected_patient(row: dict[str, Any], root: bytes) -> dict[str, Any]:
    return {
        **{name: pseudonym(root, name, row[name]) for name in ("PID", "IDNO", "PHONE")},
        "SEX": row["SEX"], "BIRTH": band(2025 - row["BIRTH"].year), "ADDRESS": row["ADDRESS"].partition("榕树里")[0],
        "DIVISION": row["DIVISION"][:4] + "00", "POST": row["POST"][:2],
    }  # fmt: skip


def expected_visit(row: dict[str, Any], root: bytes) -> dict[str, Any]:
    moved = offset(root, row["PID"])
    return {
        **{name: pseudonym(root, name, row[name]) for name in ("VID", "PID")},
        "ADMITTED": row["ADMITTED"].date() + moved, "LEFT": row["LEFT"] + moved,
        "SEEN": f"{row['SEEN'].year}Q{(row['SEEN'].month + 2) // 3}", "AGE": band(row["AGE"]), "DX": row["DX"][:3],
        "DX2": CHAPTERS[row["DX2"]], "COST": round(round(row["COST"] / 10) * 10 / 100) * 100.0,
        "PAID": amount_band(row["PAID"]), "LAB": float(f"{row['LAB']:.2g}"), "REMARK": row["REMARK"],
        "DOCTOR": pseudonym(root, "DOCTOR", row["DOCTOR"]),
    }  # fmt: skip


def expected_note(row: dict[str, Any], patient: dict[str, Any], root: bytes) -> dict[str, Any]:
    """The text with the doctor's code, which is secret and only has to be consistent, written as a mark."""
    text, moved = row["TEXT"], offset(root, row["PID"])
    for value, word in ((patient["NAME"], f"〔患者 {pseudonym(root, 'PID', row['PID'])}〕"), (patient["IDNO"], "〔证件号〕"),
                        (patient["ADDRESS"], "〔地址〕"), (patient["PHONE"], "〔电话〕"), (row["PID"], "〔院内编号〕")):  # fmt: skip
        text = text.replace(value, word)
    for form, days in (("%Y年%m月%d日", 0), ("%Y-%m-%d", 2)):
        day = row["WRITTEN"].date() + timedelta(days=days)
        text = text.replace(f"{day:{form}}", f"{day + moved:{form}}")
    text = re.sub(r"(欧阳谨言|诸葛慎行|司徒敏求)", "〔人员〕", text)
    own = {name: pseudonym(root, name, row[name]) for name in ("VID", "PID")}
    return {**own, "WRITTEN": row["WRITTEN"].date() + moved, "TEXT": text}


def sorted_rows(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@pytest.mark.parametrize("table", ["patients", "visits", "notes"])
def test_every_row_is_what_the_plan_says(story: Story, table: str) -> None:
    root = (story.clinic.home / "keys" / "root.key").read_bytes()
    rows = [{k: re.sub(r"〔人员 [A-Z2-7]{8}〕", "〔人员〕", v) if k == "TEXT" else v for k, v in row.items()}
            for row in story.given[table]]  # fmt: skip
    assert sorted_rows(rows) == sorted_rows(expected(story.clinic.tables, root)[table])


def test_columns_are_exactly_those_of_the_plan_in_its_order(story: Story) -> None:
    for table in story.answers["plan"]["plan"]["tables"]:
        assert list(story.given[table["name"]][0]) == [column["output"] for column in table["columns"]]
    dropped = story.answers["plan"]["plan"]["dropped"]
    assert [column["output"].rpartition(".")[2] for column in dropped] == ["NAME"]


def test_one_person_has_one_pseudonym_in_all_tables_and_text(story: Story) -> None:
    persons = {row["PID"] for row in story.given["patients"]}
    assert persons == {row["PID"] for row in story.given["visits"]} == {row["PID"] for row in story.given["notes"]}
    assert all(f"〔患者 {row['PID']}〕" in row["TEXT"] for row in story.given["notes"])


def test_intervals_of_a_person_hold_across_tables_and_inside_text(story: Story) -> None:
    visits = {row["VID"]: row for row in story.given["visits"]}
    for note in story.given["notes"]:
        visit = visits[note["VID"]]
        written = re.search(r"于(\d{4})年(\d\d)月(\d\d)日入院", note["TEXT"])
        assert written is not None
        assert date(*map(int, written.groups())) == visit["ADMITTED"] == note["WRITTEN"]
        assert f"拟于{visit['ADMITTED'] + timedelta(days=2)}复查" in note["TEXT"]
        assert (visit["LEFT"] - visit["ADMITTED"]).days in (5, 6, 7)


def test_a_doctor_has_one_code_in_all_texts(story: Story) -> None:
    by_doctor: dict[str, set[str]] = {}
    doctors = {row["VID"]: row["DOCTOR"] for row in story.given["visits"]}
    for note in story.given["notes"]:
        by_doctor.setdefault(doctors[note["VID"]], set()).update(re.findall(r"〔人员 (\w+)〕", note["TEXT"]))
    assert sorted(len(codes) for codes in by_doctor.values()) == [1, 1, 1]


def test_no_raw_value_leaves_or_is_left_behind(story: Story) -> None:
    for name in ("data/patients.parquet", "data/visits.parquet", "data/notes.parquet", "dictionary.html", "risk.json"):
        assert not story.clinic.watch.in_bytes(story.member(f"{name}.age")), name
    assert not story.clinic.left_behind()
    assert not story.clinic.watch.in_folder(Path(story.answers["open"]["folder"]))
    assert not story.clinic.watch.in_folder(Path(story.answers["export"]["path"]))


def test_the_watch_finds_what_is_planted(story: Story, tmp_path: Path) -> None:
    value = story.clinic.tables["patients"][0]["IDNO"]
    name = story.clinic.tables["patients"][0]["NAME"]
    watch = story.clinic.watch
    pl.DataFrame({"a": [name] * 50}).write_parquet(tmp_path / "a.parquet", statistics=False)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", f"x{value}x" * 20)
    (tmp_path / "c.json").write_text(json.dumps({"name": name}))
    (tmp_path / "d.txt").write_bytes(f"{name},".encode("utf-16-le"))
    pl.DataFrame({"a": [name] * 50}).write_ipc(tmp_path / "e.spill")
    assert set(watch.in_folder(tmp_path)) == {str(path) for path in tmp_path.iterdir()}


def test_the_run_record_shows_how_little_was_read(story: Story) -> None:
    record = json.loads(Path(story.answers["run"]["run_record"]).read_bytes())
    figures = {table["table"]: table for table in record["tables"]}
    assert figures["patients"]["columns_read"] < figures["patients"]["columns_in_table"]
    assert figures["visits"]["columns_read"] < figures["visits"]["columns_in_table"]
    for name, rows in story.clinic.tables.items():
        assert figures[name]["rows_scanned"] == len(rows)
        assert figures[name]["rows_given"] == len(story.given[name]) < figures[name]["rows_kept"] < len(rows)
    assert (record["persons"], record["persons_left_out"]) == (200, 1)


def test_files_name_source_and_day_of_acquisition_and_hold_no_statistics(story: Story) -> None:
    for name in ("patients", "visits", "notes"):
        content = story.member(f"data/{name}.parquet.age")
        facts = pl.read_parquet_metadata(io.BytesIO(content))
        assert facts["extractor.source"] == "榕东诊所(虚构)"
        assert facts["extractor.acquired"] == "2026-01-05"
        assert facts["extractor.plan"] == story.answers["run"]["plan"]
        footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        # Row-group statistics would repeat the least and greatest value of a column in the footer.
        for column in ("PID", "VID", "IDNO"):
            values = sorted(row[column] for row in story.given[name] if column in row)
            assert not values or (values[0].encode() not in footer and values[-1].encode() not in footer)


def test_the_package_holds_its_documents(story: Story) -> None:
    with zipfile.ZipFile(story.package) as archive:
        names, crate = set(archive.namelist()), json.loads(archive.read("ro-crate-metadata.json"))
    assert {"manifest.json", "manifest.dsse.json", "dictionary.html.age", "risk.json.age"} <= names
    described = {entity["@id"] for entity in crate["@graph"]}
    assert {"data/patients.parquet.age", "data/visits.parquet.age", "data/notes.parquet.age"} <= described
    risk = json.loads(story.member("risk.json.age"))
    assert risk["after"]["k"] >= risk["limits"]["k"] == 5
    assert "病案号" in story.member("dictionary.html.age").decode()
    assert {item["name"]: item.get("rows") for item in story.manifest["items"]}["data/notes.parquet.age"] == len(
        story.given["notes"]
    )


def test_the_chain_of_digests_holds_and_is_in_the_log(story: Story) -> None:
    said, run = story.answers, story.answers["run"]
    provenance = story.manifest["cover"]["provenance"]
    record = json.loads(Path(run["destruction_record"]).read_bytes())
    package = "sha256:" + hashlib.sha256(story.package.read_bytes()).hexdigest()
    assert package == run["package_digest"] == record["chain"]["package"] == said["giver"]["package_digest"]
    assert provenance["plan_digest"] == run["plan"] == said["plan"]["digest"] == record["chain"]["plan"]
    assert provenance["request_digest"] == said["show"]["request_digest"]
    assert provenance["run"] == record["chain"]["run"] == run["run"]
    assert provenance["request"] == record["chain"]["request"] == story.number
    logged = {(entry["verb"], entry.get("object_digest")) for entry in said["search"]}
    by_verb: dict[str, set[str]] = {}
    for verb, digest in logged:
        by_verb.setdefault(verb, set()).add(digest)
    assert said["show"]["request_digest"] in by_verb["submit"]
    assert run["plan"] in by_verb["compile"] & by_verb["run_start"]
    assert package in by_verb["seal"] & by_verb["deliver"] & by_verb["share"]
    assert record["inventory_digest"] in by_verb["purge"]
    agreement = said["giver"]["agreement"]
    assert agreement == said["verify"]["agreement"] == provenance["agreement"]
    assert agreement["number"].startswith("AG-") and agreement["digest"] in by_verb["agree"]
    assert {approval["digest"] for approval in provenance["approvals"]} <= by_verb["sign"]
    assert said["log"]["verified"] and said["exported"]["entries"] == said["export"]["entries"] > said["log"]["entries"]
    assert said["prove"]["proof"].startswith("c2sp.org/tlog-proof@v1")
    assert said["show"]["state"] == "closed"


def test_submission_and_closing_are_signed_and_the_log_knows_them(story: Story) -> None:
    office = open_office(story.clinic.home)
    with office.store.reading() as tx:
        said = {kind: tx.get(kind, story.number) for kind in ("submission", "closing")}
    office.store.close()
    logged = {entry["verb"]: entry for entry in story.answers["search"] if entry["verb"] in ("submit", "verify")}
    assert logged["submit"]["reason"] == said["submission"].digest
    assert logged["verify"]["object_digest"] == said["closing"].digest
    for document, person in ((said["submission"], "applicant"), (said["closing"], "auditor")):
        statement = from_json(Statement, document.body)
        public = load_signing_key(story.clinic.home / f"keys/people/{person}.pem").public
        assert public.accepts(statement.signed_bytes, bytes.fromhex(statement.signature))
        assert statement.subject == Subject(
            story.number, story.answers["show"]["request_digest"], story.answers["run"]["plan"]
        )


def test_a_package_opens_for_its_recipient_only_and_until_its_day(story: Story, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    story.clinic.ok("keygen", "--out", other)
    answer = story.clinic.cli("package", "open", story.package, "--identity", other, "--out", tmp_path / "o")
    assert (answer.code, answer.json["error"]) == (7, "IntegrityError")
    with pytest.raises(pyrage.DecryptError):
        member(story.package, other, "data/patients.parquet.age")
    office = open_office(story.clinic.home)
    office.store.close()
    last = date.fromisoformat(story.manifest["cover"]["expires"])
    way: dict[str, Any] = {"identity": story.clinic.identity, "trusted": (office.unit_key.public.text,)}
    with pytest.raises(ApprovalError):
        open_package(story.package, out=tmp_path / "late", today=last + timedelta(days=1), **way)
    assert not (tmp_path / "late").exists()
    assert open_package(story.package, out=tmp_path / "in time", today=last, **way).files


def test_a_changed_package_fails_verification(story: Story, tmp_path: Path) -> None:
    content = bytearray(story.package.read_bytes())
    content[5000] ^= 1
    (tmp_path / "changed.zip").write_bytes(content)
    answer = story.clinic.cli("package", "verify", tmp_path / "changed.zip")
    assert answer.code == 7


@pytest.fixture(scope="module")
def again(story: Story) -> Iterator[Any]:
    """Run the same request anew, and once more under another project in CSV."""
    clinic = story.clinic
    same = clinic.ok("run", clinic.approved(), "--by", "runner")
    project = {"name": "糖尿病研究", "code": "ACC-2", "source": "省基金", "funder": "省科技厅"}
    other = clinic.ok("run", clinic.approved(project=project, format="csv_excel"), "--by", "runner")
    plain = clinic.ok("run", clinic.approved(format="csv"), "--by", "runner")
    yield {name: Path(run["package"]) for name, run in (("same", same), ("excel", other), ("csv", plain))}


def test_the_same_request_gives_the_same_rows_again(story: Story, again: dict[str, Path]) -> None:
    for name, rows in story.given.items():
        content = member(again["same"], story.clinic.identity, f"data/{name}.parquet.age")
        assert sorted_rows(pl.read_parquet(io.BytesIO(content)).to_dicts()) == sorted_rows(rows)


def csv_rows(story: Story, package: Path, name: str) -> list[dict[str, str]]:
    content = member(package, story.clinic.identity, f"data/{name}.csv.age").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def test_pseudonyms_of_two_projects_never_match(story: Story, again: dict[str, Path]) -> None:
    for table, columns in (("patients", ("PID", "IDNO", "PHONE")), ("visits", ("VID", "PID", "DOCTOR"))):
        other = csv_rows(story, again["excel"], table)
        for column in columns:
            assert not {row[column] for row in story.given[table]} & {row[column] for row in other}
    shifted = {row["ADMITTED"] for row in csv_rows(story, again["csv"], "visits")}
    assert shifted == {row["ADMITTED"].isoformat() for row in story.given["visits"]}
    assert shifted != {row["ADMITTED"] for row in csv_rows(story, again["excel"], "visits")}


def test_csv_for_excel_has_the_mark_and_both_escape_formulas(story: Story, again: dict[str, Path]) -> None:
    for name, marked in (("excel", True), ("csv", False)):
        content = member(again[name], story.clinic.identity, "data/visits.csv.age")
        assert content.startswith(b"\xef\xbb\xbf") is marked
        assert {row["REMARK"] for row in csv_rows(story, again[name], "visits")} == {"'=1+1", "'@SUM(A1)", "门诊转入"}
        assert not story.clinic.watch.in_bytes(content)


# Invariant 7: who has had one part of a request may not have another; and what the refusal says.
TWICE = {
    "who approved runs": ("already had the part", "run", "{number}", "--by", "operator"),
    "the runner receives": ("data user", "request", "sign", "{number}", "--as", "receiver", "--by", "runner"),
    "a witness gives": (
        "already had the part",
        "request",
        "sign",
        "{number}",
        "--as",
        "giver",
        "--by",
        "witness-1",
        *CUSTODY,
    ),
    "who approved gives": (
        "already had the part",
        "request",
        "sign",
        "{number}",
        "--as",
        "giver",
        "--by",
        "operator",
        *CUSTODY,
    ),
    "the runner destroys": ("", "destroy", "sign", "{record}", "--by", "runner"),
    "the auditor witnesses": ("", "destroy", "sign", "{record}", "--by", "auditor"),
    "the runner audits": ("already had the part", "request", "close", "{number}", "--by", "runner"),
    "a witness audits": ("already had the part", "request", "close", "{number}", "--by", "witness-2"),
    "the destroyer audits": ("already had the part", "request", "close", "{number}", "--by", "destroyer"),
    "the applicant audits": ("already had the part", "request", "close", "{number}", "--by", "applicant"),
}


@pytest.mark.parametrize("case", TWICE)
def test_nobody_has_two_parts(story: Story, case: str) -> None:
    because, *words = TWICE[case]
    record = story.answers["run"]["destruction_number"]
    answer = story.clinic.cli(*(word.format(number=story.number, record=record) for word in words))
    assert (answer.code, answer.json["exit_code"]) == (6, 6)
    assert because in answer.json["message"]["en"], answer.err


def test_somebody_of_the_applicants_unit_does_not_approve(fresh: Any) -> None:
    fresh.ok("person", "add", "colleague", "--name", "x", "--role", "operator", "--unit", "福州榕桥大学")
    number = fresh.submit().json["request"]
    answer = fresh.cli("request", "sign", number, "--as", "operator_review", "--by", "colleague")
    assert answer.code == 6 and "unit" in answer.json["message"]["en"], answer.err


def test_crew_members_must_be_different_people(fresh: Any) -> None:
    number = fresh.approved()
    for crew in (("--destroyer", "runner"), ("--witness", "destroyer", "--witness", "witness-1"),
                 ("--witness", "witness-1", "--witness", "witness-1")):  # fmt: skip
        assert fresh.cli("run", number, "--by", "runner", *crew).code == 6


def test_exit_codes_are_those_of_the_design(story: Story, tmp_path: Path) -> None:
    clinic = story.clinic
    codes = {
        2: clinic.cli("request", "sign", story.number, "--as", "operator_review", "--by", "operator", "--result", "maybe"),
        3: clinic.cli("request", "sign", story.number, "--as", "operator_review", "--by", "nobody"),
        4: clinic.submit(population="visits.NOT_THERE = 1"),
        6: clinic.run(clinic.submit().json["request"]),
    }  # fmt: skip
    (tmp_path / "no.zip").write_bytes(b"PK nothing")
    codes[7] = clinic.cli("package", "verify", tmp_path / "no.zip")
    for code, answer in codes.items():
        assert (answer.code, answer.json["exit_code"]) == (code, code), answer.err
        assert answer.json["message"]["zh"] != answer.json["message"]["en"]


def test_a_decision_that_has_expired_starts_no_run(fresh: Any) -> None:
    number = fresh.approved()
    later = open_office(fresh.home).clock() + timedelta(days=400)
    office = open_office(fresh.home, clock=lambda: later)
    with office.store.reading() as tx:
        runner = office.person(tx, "runner")
    with pytest.raises(ApprovalError, match="expired"):
        order_run(office, number, Actor(runner, load_signing_key(fresh.home / "keys/people/runner.pem")), crew=Crew())
    office.store.close()
