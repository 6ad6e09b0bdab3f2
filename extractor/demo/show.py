"""The demo: one request from submit to the package opened by its user and every record verified.

Owns the cast and the order of acts; each act is the workflow's own, so the demo does nothing that a user cannot do.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from extractor.bootstrap import init_home
from extractor.demo.sources import example_folder, prepare_source, recognise_source
from extractor.errors import ConfigurationError
from extractor.forms.request_form import read_request
from extractor.handover import Custody
from extractor.keys import create_identity, load_signing_key
from extractor.log.checkpoint import Verifier
from extractor.log.export import export, verify_export
from extractor.log.verification import verify
from extractor.pages.render import plan_page
from extractor.plans.explain import explain
from extractor.requests import Request, Result, Role
from extractor.settings import Settings
from extractor.transfer.open import open_package
from extractor.workflow import approval, delivery
from extractor.workflow.office import Actor, Office
from extractor.workflow.overview import run_result
from extractor.workflow.people import Identity, register
from extractor.workflow.purging import close_request, sign_destruction, verify_destruction
from extractor.workflow.supervision import run_request

Say = Callable[[str], None] | None
Report = Callable[[dict[str, Any]], None]
UNIT = "福州健康医疗数据技术服务中心"
_MARK = "demo.txt"
_FOLDERS = ("keys", "catalogues", "scratch", "packages", "records", "data", "recipient")
OPERATOR_UNIT = "福州健康医疗大数据运营有限公司"


def run_demo(home: Path, *, rows: int, source: Path | None, report: Report, say: Say) -> dict[str, Any]:
    """Do the main job from beginning to end and return where everything lies.

    Raises:
        ConfigurationError: an installation that is not a demo is in the folder.
    """
    started = time.monotonic()
    tell = say or (lambda _text: None)
    _must_be_free(home)
    office, name = _installation(home, rows=rows, source=source, tell=tell)
    try:
        request = _request(office, name)
        cast = _cast(office, request)
        number, plan_file = _approved(office, request, cast, tell)
        order = run_request(office, number, cast["runner"], progress=report)
        result = run_result(office, order)
        tell(_ran(result))
        opened = _handed_over(office, number, cast, result, tell)
        log = _verified(office, number, cast, result, tell)
    finally:
        office.store.close()
    return {
        **result,
        "plan": str(plan_file),
        "plan_digest": order.plan,
        "identity": str(office.home.root / "recipient" / "identity.txt"),
        "opened": str(opened),
        "log": log,
        "seconds_total": round(time.monotonic() - started, 1),
    }


def _must_be_free(home: Path) -> None:
    """Clear away an earlier demo, which its own file marks as such; anything else that stands there is left alone."""
    if not (home / "settings.yaml").exists():
        return
    if not (home / _MARK).is_file():
        raise ConfigurationError(
            "an installation that is not a demo is here already",
            zh="此处已有非演示的安装",
            thing=str(home),
            fix_en="choose another folder with --home",
            fix_zh="请用 --home 指定其他目录",
        )
    for name in (*_FOLDERS, "settings.yaml", "store.sqlite3", "store.sqlite3-wal", "store.sqlite3-shm", _MARK):
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _installation(home: Path, *, rows: int, source: Path | None, tell: Callable[[str], None]) -> tuple[Office, str]:
    """Make the home, and put the tables and their catalogue into it."""
    settings = Settings(UNIT, "350100", ("fuzhou",), "extractor.demo/log")
    office = init_home(home, settings)
    (office.home.root / _MARK).write_text("made by `extractor demo`; may be deleted\n", "utf-8")
    data = office.home.root / settings.data
    if source is None:
        from extractor.demo.hospital import write_hospital

        hospital = write_hospital(data, patients=rows)
        name = "hospital"
        counts = "、".join(f"{table} {written.rows:,}" for table, written in hospital.tables.items())
        tell(f"1. 生成一家虚构医院 · generated a hospital: {counts}")
    else:
        found = recognise_source(source)
        prepare_source(found, data)
        name = found.name
        tell(f"1. 使用真实数据 · real tables: {name}")
    example = example_folder(name)
    catalogue = read_request(example / "request.yaml").catalogue
    shutil.copyfile(example / "catalogue.yaml", office.home.catalogues / f"{catalogue}.yaml")
    return office, name


def _request(office: Office, name: str) -> Request:
    """Return the example's request, for a recipient whose key is made here and stays with them."""
    folder = office.home.root / "recipient"
    folder.mkdir(mode=0o700)
    identity = create_identity(folder / "identity.txt")
    return replace(read_request(example_folder(name) / "request.yaml"), recipient_key=identity.recipient)


def _cast(office: Office, request: Request) -> dict[str, Actor]:
    people = {
        "applicant": (Role.DATA_USER, request.applicant.name),
        "operator": (Role.OPERATOR, OPERATOR_UNIT),
        "provider": (Role.PROVIDER, "福州示范医院信息中心"),
        "authority": (Role.AUTHORITY, "福州市卫生健康委员会"),
        "runner": (Role.TECHNICAL_SERVICE_UNIT, UNIT),
        "destroyer": (Role.DESTROYER, UNIT),
        "witness-1": (Role.WITNESS, OPERATOR_UNIT),
        "witness-2": (Role.WITNESS, OPERATOR_UNIT),
        "auditor": (Role.AUDITOR, "福州市数字福州建设领导小组办公室"),
    }
    return {name: _registered(office, name, role, unit) for name, (role, unit) in people.items()}


def _registered(office: Office, name: str, role: Role, unit: str) -> Actor:
    person = register(office, Identity(name, name, role.value, unit))
    return Actor(person, load_signing_key(office.home.people / f"{name}.pem"))


def _approved(
    office: Office, request: Request, cast: dict[str, Actor], tell: Callable[[str], None]
) -> tuple[str, Path]:
    """Submit the request and have every step signed by a person of its role and unit."""
    number = approval.submit(office, request, cast["applicant"])
    with office.store.reading() as tx:
        plan = approval.current_plan(office, tx, number)
    plan_file = office.home.records / f"plan-{number}.html"
    plan_file.write_text(plan_page(explain(plan)), "utf-8")
    given = sum(len(table.columns) for table in plan.tables)
    coarser = sum(column.coarsened for table in plan.tables for column in table.columns)
    tell(
        f"2. 申请 {number} 已编制为方案 · compiled: 提供 {given} 个字段,其中 {coarser} 个按政策降级,"
        f"{len(plan.dropped)} 个不提供 · {given} fields, {coarser} coarsened by policy, {len(plan.dropped)} withheld"
    )
    for step in plan.steps:
        who = _signatory(office, step.role, step.unit, cast)
        approval.sign(office, number, step.id, who, verdict=approval.Verdict(Result.APPROVE, "同意"))
    names = "、".join(step.zh for step in plan.steps)
    tell(f"3. 已签署 {len(plan.steps)} 个步骤 · all steps signed: {names}")
    return number, plan_file


def _signatory(office: Office, role: str, unit: str | None, cast: dict[str, Actor]) -> Actor:
    """Return the one of the cast in a role; a step of a named organ gets a person of that organ."""
    for who in cast.values():
        if who.person.role.value == role and unit in (None, who.person.unit):
            return who
    name = f"{role.replace('_', '-')}-{len(cast)}"
    cast[name] = _registered(office, name, Role(role), unit or UNIT)
    return cast[name]


def _ran(result: dict[str, Any]) -> str:
    risk, tables = result["risk"], result["tables"]
    rows = sum(table["rows_given"] for table in tables)
    spans = sum(sum(table["spans"].values()) for table in tables)
    return (
        f"4. 提取完成 · extracted in {result['seconds']:.1f} s: {result['persons']:,} 人 · persons,{rows:,} 行 · rows,"
        f"文本中处理 {spans:,} 处标识 · spans treated in text;k={risk['k']},R={risk['R']:.3f},"
        f"GB/T 42460 第 {risk['grade']} 级 · grade {risk['grade']};删除 {result['persons_left_out']:,} 人 · left out"
    )


def _handed_over(
    office: Office, number: str, cast: dict[str, Actor], result: dict[str, Any], tell: Callable[[str], None]
) -> Path:
    custody = Custody("项目数据管理员", "园区受控环境")
    delivery.give(office, number, cast["runner"], custody=custody)
    delivery.receive(office, number, cast["applicant"])
    out = office.home.root / "recipient" / "opened"
    identity = office.home.root / "recipient" / "identity.txt"
    trusted = (office.unit_key.public.text,)
    opened = open_package(Path(result["package"]), identity=identity, out=out, trusted=trusted, today=office.today)
    tell(f"5. 双方签署交接单,数据使用方已解封 {len(opened.files)} 个文件 · handed over, verified and opened: {out}")
    return out


def _verified(
    office: Office, number: str, cast: dict[str, Actor], result: dict[str, Any], tell: Callable[[str], None]
) -> str:
    """Have the destruction record signed, close the request, verify record and log, and export the log."""
    record = result["destruction_number"]
    for name in ("destroyer", "witness-1", "witness-2"):
        with office.store.reading() as tx:
            body = tx.get("destruction", record).body
        if cast[name].person.id in {
            body["parties"]["destroyer"]["id"],
            *(w["id"] for w in body["parties"]["witnesses"]),
        }:
            sign_destruction(office, record, cast[name])
    close_request(office, number, cast["auditor"])
    destroyed = verify_destruction(office, record)
    verifier: Verifier = office.log_signer.verifier
    found = verify(office.store, verifier)
    exported = office.home.records / "log"
    with office.store.reading() as tx:
        export(tx, exported, verifier)
    verify_export(exported, verifier)
    tell(
        f"6. 中间数据已销毁({len(destroyed.items)} 项),销毁记录 {record} 已由销毁人和见证人签署并核验;"
        f"日志 {found.size} 条核验无误 · destroyed, signed by destroyer and witnesses, log of {found.size} entries verified"
    )
    return str(exported)


def demo_text(result: dict[str, Any]) -> str:
    """Return the end of the demo for a terminal: where everything lies, and what to do next."""
    return "\n".join(
        (
            "",
            f"完成,共 {result['seconds_total']} 秒 · done in {result['seconds_total']} s",
            f"  方案说明页 · plan, to be read:   {result['plan']}",
            f"  数据包 · package:               {result['package']}",
            f"  接收方密钥 · recipient's key:   {result['identity']}",
            f"  解封的数据 · opened data:       {result['opened']}",
            f"  销毁记录 · destruction record:  {result['destruction_record']}",
            f"  运行记录 · run record:          {result['run_record']}",
            f"  日志导出 · log export:          {result['log']}",
        )
    )
