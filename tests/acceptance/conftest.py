"""A small clinic for the acceptance tests: tables whose every value is known, an installation made through the command line,
and a watch that looks for planted raw values in whatever the software says or leaves behind."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from extractor.cli import app

Row = dict[str, Any]

UNTIL = date.today() + timedelta(days=200)
COUNTIES = {"鼓楼区": ("350102", "350001"), "仓山区": ("350104", "350007")}
SURNAMES, GIVEN = "陈林黄郑吴刘杨许邱薛", "榕岚屿澜琛瑾璇煜彧祺"
PEOPLE = {
    "applicant": ("data_user", "福州榕桥大学"),
    "operator": ("operator", "福州健康医疗大数据运营有限公司"),
    "provider": ("provider", "榕东诊所信息科"),
    "authority": ("authority", "福州市卫生健康委员会"),
    "runner": ("technical_service_unit", "福州健康医疗数据技术服务中心"),
    "destroyer": ("destroyer", "福州健康医疗数据技术服务中心"),
    "witness-1": ("witness", "福州健康医疗大数据运营有限公司"),
    "witness-2": ("witness", "福州健康医疗大数据运营有限公司"),
    "auditor": ("auditor", "福州市数字福州建设领导小组办公室"),
}
YEAR = date.today().year
NUMBER, RUN = f"RQ-{YEAR}-0001", f"RN-{YEAR}-0001"  # The first of a fresh installation.
CUSTODY = ("--custodian", "管理员", "--place", "园区")
STEPS = (("operator_review", "operator"), ("agreement_user", "applicant"), ("agreement_operator", "operator"))

CATALOGUE = """
catalogue: clinic
version: "1"
name: 榕东诊所目录
source: 榕东诊所(虚构)
acquired: 2026-01-05
division: "350100"
defaults:
  grade: 4
  category: 医疗服务
  sharing: {class: conditional, reason: 经申请提供, basis: 榕政综〔2017〕122号 第十五条}
  responsible: 榕东诊所信息科
  attributes: 结构化
  update: daily
  use: [extract, analyse]
tables:
  patients:
    name: 患者
    location: {path: "patients/*.parquet", format: parquet}
    person: PID
    key: [PID]
    identity: true
    fields:
      PID: {name: 病案号, kind: record_number, class: direct, format: text, domain: person}
      NAME: {name: 姓名, kind: person_name, class: direct, format: text}
      IDNO: {name: 身份证号, kind: resident_id, class: direct, format: text}
      PHONE: {name: 电话, kind: phone, class: direct, format: text}
      SEX: {name: 性别, kind: category, class: quasi, format: text}
      BIRTH: {name: 出生日期, kind: birth_date, class: quasi, format: date}
      ADDRESS: {name: 住址, kind: address, class: quasi, format: text}
      DIVISION: {name: 区划, kind: division, class: quasi, format: text}
      POST: {name: 邮编, kind: postcode, class: quasi, format: text}
      MARRIED: {name: 婚姻, kind: category, class: quasi, format: text}
  visits:
    name: 就诊
    location: {path: visits.csv, format: csv}
    person: PID
    key: [VID]
    period: ADMITTED
    fields:
      VID: {name: 就诊号, kind: record_number, class: direct, format: text, domain: visit}
      PID: {name: 病案号, kind: record_number, class: direct, format: text, domain: person}
      ADMITTED: {name: 入院时间, kind: event_time, class: quasi, format: datetime}
      LEFT: {name: 出院日期, kind: event_date, class: quasi, format: date}
      SEEN: {name: 首诊日期, kind: event_date, class: other, format: date}
      AGE: {name: 年龄, kind: age, class: quasi, format: integer}
      DX: {name: 诊断编码, kind: icd10, class: sensitive, format: text}
      DX2: {name: 次要诊断编码, kind: icd10, class: sensitive, format: text}
      COST: {name: 费用, kind: amount, class: sensitive, format: decimal}
      PAID: {name: 自付, kind: amount, class: sensitive, format: decimal}
      LAB: {name: 检验值, kind: quantity, class: sensitive, format: decimal}
      REMARK: {name: 备注, kind: term, class: other, format: text}
      DOCTOR: {name: 医师, kind: person_name, class: direct, subject: staff, format: text, domain: staff_name}
      WARD: {name: 病区, kind: category, class: other, format: text}
  notes:
    name: 病程
    location: {path: "notes/*.parquet", format: parquet}
    person: PID
    link: {column: VID, via: visits, key: VID}
    period: WRITTEN
    fields:
      VID: {name: 就诊号, kind: record_number, class: direct, format: text, domain: visit}
      PID: {name: 病案号, kind: record_number, class: direct, format: text, domain: person}
      WRITTEN: {name: 记录时间, kind: event_time, class: quasi, format: datetime}
      TEXT: {name: 记录, kind: free_text, class: sensitive, format: text}
"""
LEVELS: dict[str, dict[str, str]] = {
    "patients": {
        "PID": "pseudonym", "NAME": "raw", "IDNO": "pseudonym", "PHONE": "pseudonym", "SEX": "raw", "BIRTH": "age_band_10",
        "ADDRESS": "county", "DIVISION": "prefecture", "POST": "digits_2",
    },
    "visits": {
        "VID": "pseudonym", "PID": "raw", "ADMITTED": "time", "LEFT": "day", "SEEN": "quarter", "AGE": "age_band_10",
        "DX": "category_3", "DX2": "chapter", "COST": "round_100", "PAID": "band", "LAB": "round_2_digits", "REMARK": "raw",
        "DOCTOR": "pseudonym",
    },
    "notes": {"VID": "pseudonym", "PID": "pseudonym", "WRITTEN": "shifted_day", "TEXT": "raw"},
}  # fmt: skip


def resident_id(area: str, born: date, order: int) -> str:
    """Return a resident ID with its check character (GB 11643), computed here and not by the product."""
    body = f"{area}{born:%Y%m%d}{order:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


def make_tables() -> dict[str, list[Row]]:
    """Draw the clinic: 200 patients in twelve classes, one alone in hers, and others whom the population leaves out."""
    dice = random.Random(7)
    tables: dict[str, list[Row]] = {"patients": [], "visits": [], "notes": []}
    for number in range(230):
        county = ("鼓楼区", "仓山区")[number % 2]
        area, post = COUNTIES[county]
        place, born = f"福建省福州市{county}", date((1958, 1968, 1930)[number % 3], 1 + number % 12, 1 + number % 28)
        if number == 50:  # Alone in her class: the risk gate must leave her out.
            area, post, place = "110101", "100010", "北京市东城区"
        tables["patients"].append({
            "PID": f"BA{number * 7919 % 1_000_003:07d}",
            "NAME": SURNAMES[number % 10] + GIVEN[number // 10 % 10] + GIVEN[(number // 100 + number) % 10],
            "IDNO": resident_id(area, born, 101 + number % 898), "PHONE": f"1385{number * 104_729 % 10_000_000:07d}",
            "SEX": "男女"[number // 6 % 2], "BIRTH": born, "ADDRESS": f"{place}榕树里{number + 11}弄{number + 3}号",
            "DIVISION": area, "POST": post, "MARRIED": "已婚",
        })  # fmt: skip
        _visits(tables, tables["patients"][-1], number, dice)
    return tables


def _visits(tables: dict[str, list[Row]], patient: Row, number: int, dice: random.Random) -> None:
    for turn in range(1 + number % 3):
        admitted = datetime(2023, 1, 2, 8, 30) + timedelta(days=dice.randrange(1000))
        if number >= 220:
            admitted = admitted.replace(year=2019, month=3, day=9)  # Outside the period.
        visit = {
            "VID": f"ZY{number:05d}{turn}{dice.randrange(10)}", "PID": patient["PID"], "ADMITTED": admitted,
            "LEFT": (admitted + timedelta(days=5 + turn)).date(), "SEEN": date(2022, 1 + number % 12, 15),
            "AGE": 2025 - patient["BIRTH"].year, "DX": "I10.x00" if 200 <= number < 220 else f"E11.{turn}0{number % 9}",
            "DX2": ("N18.903", "I63.900", "J18.900")[turn], "COST": 1000 + number * 37.5 + turn,
            "PAID": 150.0 + number * 11, "LAB": 12.347 + number, "REMARK": ("=1+1", "@SUM(A1)", "门诊转入")[number % 3],
            "DOCTOR": ("欧阳谨言", "诸葛慎行", "司徒敏求")[number % 3], "WARD": "内分泌",
        }  # fmt: skip
        tables["visits"].append(visit)
        tables["notes"].append({
            "VID": visit["VID"], "PID": patient["PID"], "WRITTEN": admitted + timedelta(hours=3),
            "TEXT": f"患者{patient['NAME']},身份证号{patient['IDNO']},住{patient['ADDRESS']},电话{patient['PHONE']},"
            f"于{admitted:%Y年%m月%d日}入院,病案号{patient['PID']}。{visit['DOCTOR']}主治医师查房,血糖{7 + turn}.2mmol/L,"
            f"拟于{admitted + timedelta(days=2):%Y-%m-%d}复查。",
        })  # fmt: skip


def write_tables(folder: Path, tables: dict[str, list[Row]]) -> None:
    """Write the clinic's tables as its catalogue describes them: two as Parquet, the visits as CSV."""
    for name in ("patients", "notes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pl.DataFrame(tables[name], infer_schema_length=None).write_parquet(folder / name / "part-0.parquet")
    pl.DataFrame(tables["visits"]).write_csv(folder / "visits.csv", datetime_format="%Y-%m-%d %H:%M:%S")


def request_body(recipient: str, **changes: Any) -> dict[str, Any]:
    """Return a request on the clinic; ``changes`` replace whole keys."""
    variables = {
        table: {name: {"level": level, "reason": "研究所需的变量"} for name, level in columns.items()}
        for table, columns in LEVELS.items()
    }
    body = {
        "title": "2型糖尿病诊疗研究", "catalogue": "clinic",
        "applicant": {
            "name": "福州榕桥大学", "uscc": "12350100MB9Y00112X", "kind": "university", "domestically_controlled": True,
            "legal_representative": "林榕生", "division": "350100", "industrial_park": True,
        },
        "handler": {"name": "陈榕文", "phone": "0591-80000011"},
        "security_officer": {"name": "黄榕安", "phone": "0591-80000012"},
        "project": {"name": "糖尿病研究", "code": "ACC-1", "source": "省基金", "funder": "省科技厅"},
        "purpose": {
            "category": "research", "non_profit": True, "public_interest": True,
            "statement": "描述2型糖尿病住院患者的诊疗过程、费用及其影响因素,为质量改进提供依据。",
        },
        "variables": variables, "population": "visits.DX LIKE 'E11%' AND visits.AGE >= 18",
        "period": {"first": date(2023, 1, 1), "last": date(2025, 12, 31)}, "people": ["user-1", "user-2"], "until": UNTIL,
        "outputs": "期刊论文",
        "safeguards": {
            "place": "数据安全实验室", "division": "350100", "mlps": 3, "measures": "专用终端,双因素登录,全程审计",
            "abroad": False, "passed_on": False,
        },
        "ethics": "榕桥大学医学伦审〔2026〕第031号", "consent": "waiver", "mode": "controlled", "format": "parquet",
        "recipient_key": recipient,
    }  # fmt: skip
    return {**body, **changes}


@dataclass(frozen=True)
class Answer:
    """What a command said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON that was printed: the result on standard output, or the error as the last line of standard error."""
        return json.loads(self.out if self.code == 0 else self.err.strip().splitlines()[-1])

    def said(self, code: int, *words: str) -> None:
        """Check an error: its exit code, both languages, and that it names the thing."""
        assert self.code == code, (self.out, self.err)
        body = self.json
        assert body["exit_code"] == code
        assert body["message"]["zh"] and body["message"]["en"] and body["message"]["zh"] != body["message"]["en"]
        assert body["thing"] or body["reasons"]
        if body["error"] != "FormError":  # Whose message says what is allowed.
            assert body["fix"]["zh"] and body["fix"]["en"]
        for word in words:
            assert word in body["thing"] + body["message"]["en"], body


class RawValueWatch:
    """Looks for planted raw values in texts and files, inside archives, Parquet, databases, and common encodings."""

    def __init__(self, values: set[str]) -> None:
        self._values = {value: [value.encode(), value.encode("utf-16-le"), *_escaped(value)] for value in values}

    def in_bytes(self, content: bytes) -> list[str]:
        """Return which values stand in the bytes, as they are or in an encoding."""
        found = [value for value, forms in self._values.items() if any(form in content for form in forms)]
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                found += [value for name in archive.namelist() for value in self.in_bytes(archive.read(name))]
        if content[:4] == b"PAR1":
            frame = pl.read_parquet(io.BytesIO(content))
            found += self.in_bytes(frame.with_columns(pl.all().cast(pl.String)).write_csv().encode())
        if content[:4] == b"\x28\xb5\x2f\xfd" or content[:6] == b"ARROW1":
            found.append("(a spilled frame)")
        return found

    def in_folder(self, folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Return, for each file below a folder, the values in its name and content; ``but`` names folders left out."""
        files = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in but)
        found = {
            str(path): self.in_bytes(str(path).encode() + b"\n") + self.in_bytes(path.read_bytes()) for path in files
        }
        return {name: values for name, values in found.items() if values}


def _escaped(value: str) -> list[bytes]:
    plain = json.dumps(value)[1:-1].encode()
    # A base64 of a longer text holds the value at one of three shifts; the ends of each, which mix with neighbours, are cut.
    shifts = [base64.b64encode(b"\0" * shift + value.encode())[4 if shift else 0 : -4] for shift in range(3)]
    return [plain, *(shift for shift in shifts if len(shift) >= 10)]


@dataclass(frozen=True)
class Clinic:
    """An installation on the clinic's tables. Every command that runs through it is watched for raw values."""

    home: Path
    identity: Path
    tables: dict[str, list[Row]] = field(repr=False)
    watch: RawValueWatch = field(repr=False)

    @property
    def recipient(self) -> str:
        """The public key of the data user."""
        return next(line for line in self.identity.read_text().splitlines() if "age1" in line).split()[-1]

    def cli(self, *arguments: object, shell: bool = False, env: dict[str, str] | None = None) -> Answer:
        """Run a command with ``--json``, in this process or (``shell``) in its own."""
        words = [str(argument) for argument in arguments]
        words += ["--json"] if words[0] == "keygen" else ["--home", str(self.home), "--json"]
        answer = in_shell(words, env) if shell else in_process(words, env)
        assert not self.watch.in_bytes(answer.out.encode() + answer.err.encode()), "a raw value in what a command said"
        return answer

    def ok(self, *arguments: object, **options: Any) -> Any:
        """Run a command that must succeed and return its JSON."""
        answer = self.cli(*arguments, **options)
        assert answer.code == 0, answer.err
        return answer.json

    def submit(self, **changes: Any) -> Answer:
        """Submit a request with changes."""
        file = self.home.parent / "request.yaml"
        body = request_body(self.recipient, **changes)
        file.write_text(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), "utf-8")
        return self.cli("request", "submit", file, "--by", "applicant")

    def approved(self, **changes: Any) -> str:
        """Submit a request, have all steps signed, and return its number."""
        answer = self.submit(**changes)
        assert answer.code == 0, answer.err
        for step, person in STEPS:
            self.ok("request", "sign", answer.json["request"], "--as", step, "--by", person)
        return str(answer.json["request"])

    def run(self, number: str, **options: Any) -> Answer:
        """Run a request as the technical service unit."""
        return self.cli("run", number, "--by", "runner", **options)

    def nothing_begun(self, *, state: str | None = "approved") -> None:
        """Check that no run was started and no package made."""
        assert not list((self.home / "packages").iterdir())
        assert not list((self.home / "scratch").iterdir())
        if state is not None:
            shown = self.ok("request", "show", NUMBER)
            assert (shown["state"], shown["runs"], shown["destruction_records"]) == (state, [], [])

    def ended(self, *, state: str = "failed", ground: str = "run_failed") -> None:
        """Check that a run ended badly: no package, no leftovers, a destruction record, and an intact log that says so."""
        shown = self.ok("request", "show", NUMBER)
        assert shown["state"] == "failed"
        assert shown["runs"][0]["state"] == state
        assert [record["ground"] for record in shown["destruction_records"]] == [ground]
        assert not list((self.home / "packages").iterdir())
        assert not list((self.home / "scratch").iterdir())
        assert not [path for path in (self.home / "records").glob("RN-*") if path.is_file()]
        record = json.loads((self.home / "records" / f"{shown['destruction_records'][0]['number']}.json").read_bytes())
        assert record["chain"]["run"] == RUN
        assert all(item["outcome"] == "gone" for item in record["items"])
        assert self.ok("log", "verify")["verified"]
        verbs = [entry["verb"] for entry in self.ok("log", "search", "--request", NUMBER)["entries"]]
        assert {"purge", "destroy"} <= set(verbs)
        assert self.cli("request", "sign", NUMBER, "--as", "giver", "--by", "runner", *CUSTODY).code == 6

    def runs_again(self) -> None:
        """Check that the request can be run after mending."""
        answer = self.run(NUMBER)
        assert answer.code == 0, answer.err
        assert [path.name for path in (self.home / "packages").iterdir()] == [Path(answer.json["package"]).name]

    def left_behind(self) -> dict[str, list[str]]:
        """Return the raw values in any file of the home but the source and what the recipient opened."""
        return self.watch.in_folder(self.home, but=("data",))


def in_process(words: list[str], env: dict[str, str] | None) -> Answer:
    """Run a command in this process, and look at the exception too, where one comes out."""
    result = CliRunner().invoke(app, words, env=env)
    fault = "" if isinstance(result.exception, SystemExit | None) else f"{type(result.exception)}: {result.exception}"
    return Answer(result.exit_code, result.stdout, result.stderr + fault)


def in_shell(words: list[str], env: dict[str, str] | None) -> Answer:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "extractor.cli", *words]
    everything = {**os.environ, **(env or {})}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=everything, timeout=120)
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def tables() -> dict[str, list[Row]]:
    return make_tables()


@pytest.fixture(scope="session")
def watch(tables: dict[str, list[Row]]) -> RawValueWatch:
    """Watch for everything that names somebody: people, their numbers, their houses, visits and doctors."""
    columns = {"patients": ("PID", "NAME", "IDNO", "PHONE"), "visits": ("VID", "DOCTOR")}
    values = {row[name] for table, names in columns.items() for row in tables[table] for name in names}
    houses = {row["ADDRESS"].partition("榕树里")[2] for row in tables["patients"]}
    return RawValueWatch(values | {f"榕树里{house}" for house in houses})


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, list[Row]], watch: RawValueWatch) -> Clinic:
    root = tmp_path_factory.mktemp("clinic")
    clinic = Clinic(root / "home", root / "identity.txt", tables, watch)
    clinic.ok("init", "--unit", PEOPLE["runner"][1])
    for person, (role, unit) in PEOPLE.items():
        clinic.ok("person", "add", person, "--name", person, "--role", role, "--unit", unit)
    clinic.ok("keygen", "--out", clinic.identity)
    (clinic.home / "catalogues" / "clinic.yaml").write_text(CATALOGUE, "utf-8")
    write_tables(clinic.home / "data", tables)
    return clinic


@pytest.fixture(scope="session")
def _approved_template(_template: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    copy = _copy(_template, tmp_path_factory.mktemp("approved"))
    copy.approved()
    return copy


def _copy(clinic: Clinic, root: Path) -> Clinic:
    shutil.copytree(clinic.home, root / "home")
    shutil.copy(clinic.identity, root / "identity.txt")
    return replace(clinic, home=root / "home", identity=root / "identity.txt")


@pytest.fixture(scope="module")
def clinic(_template: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """An installation with people, catalogue and tables, shared by the tests of a module."""
    return _copy(_template, tmp_path_factory.mktemp("shared"))


@pytest.fixture
def fresh(_template: Clinic, tmp_path: Path) -> Clinic:
    """The same, for one test alone."""
    return _copy(_template, tmp_path)


@pytest.fixture
def approved(_approved_template: Clinic, tmp_path: Path) -> Iterator[Clinic]:
    """An installation for one test alone, with request 1 approved; afterwards no file of it holds a raw value."""
    copy = _copy(_approved_template, tmp_path)
    yield copy
    assert not copy.left_behind()


@pytest.fixture(scope="session")
def rewrite() -> Callable[[Path, dict[str, list[Row]]], None]:
    return write_tables


SITE = """
import importlib.abc, importlib.util, os, sys, time
from pathlib import Path

class _Plant(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {module!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(m):
            run(m)
            plant(m)
        spec.loader.exec_module = exec_module
        return spec

def plant(m):
{code}

if "extractor.worker" in sys.orig_argv:
    sys.meta_path.insert(0, _Plant())
"""


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """Return the environment under which a run's process has a fault planted into one of its modules."""

    def planted(module: str, code: str) -> dict[str, str]:
        folder = tmp_path / "site"
        folder.mkdir()
        text = SITE.format(module=module, code=textwrap.indent(textwrap.dedent(code), "    "))
        (folder / "sitecustomize.py").write_text(text, "utf-8")
        return {"PYTHONPATH": str(folder)}

    return planted
