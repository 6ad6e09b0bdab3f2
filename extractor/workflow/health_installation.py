"""What an installation is like: permissions, settings, policies, store and log, runs, catalogues, data, residency.

Owns the looks at a home folder; each stands alone, so that one fault does not hide another. It changes nothing there and must
not know the machine (``health_machine``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from extractor.decode import from_json
from extractor.deid.geography import divisions
from extractor.errors import ExtractorError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.keys import load_root_key, load_signing_key
from extractor.log.checkpoint import Signer
from extractor.log.journal import CLOCK_TOLERANCE, head, search
from extractor.settings import Home, Settings
from extractor.store.database import Store
from extractor.workflow.health import Check, Status
from extractor.workflow.runs import RunOrder, RunState
from extractor.workspace import abandoned

Seen = tuple[Status, str, str]
OK, WARNING, FAILURE = Status.OK, Status.WARNING, Status.FAILURE


def installation_checks(root: Path, read_settings: Callable[[Home], Settings]) -> tuple[Check, ...]:
    """Return the checks of an installation, in the order in which they are shown."""
    home = Home(root.resolve())

    def settings() -> Settings:
        return read_settings(home)

    return (
        Check("permissions", "目录权限", lambda: _permissions(home)),
        Check("settings", "设置", lambda: _settings(settings())),
        Check("policies", "适用制度", lambda: _policies(settings())),
        Check("keys", "密钥", lambda: _keys(home)),
        Check("store and log", "数据库与日志", lambda: _store(home)),
        Check("runs", "未结束的运行", lambda: _runs(home)),
        Check("catalogues", "资源目录", lambda: _catalogues(home)),
        Check("data folder", "数据目录", lambda: _data(home, settings())),
        Check("residency", "存储地", lambda: _residency(settings())),
    )


def _permissions(home: Home) -> Seen:
    loose = list(_too_open(home))
    if loose:
        fix = "目录 chmod 700,密钥与数据库 chmod 600,归运行账户所有 · folders 0700, keys and store 0600, owned by the account"
        return FAILURE, "他人可访问或属主不符 · open to others or of another owner: " + ", ".join(loose), fix
    return OK, "0700/0600", ""


def _too_open(home: Home) -> Iterator[str]:
    folders = (home.root, home.keys, home.people, home.scratch, home.packages, home.records)
    keys = [path for path in home.keys.rglob("*") if path.is_file()] if home.keys.is_dir() else []
    files = [*keys, *home.root.glob(home.store.name + "*")]
    for path in (*folders, *files):
        if not path.exists():
            continue
        state = path.stat()
        # A folder may be closed further than 0700; a key may not be executable either, but that harms nobody.
        if stat.S_IMODE(state.st_mode) & 0o077 or state.st_uid != os.geteuid():
            yield path.relative_to(home.root.parent).as_posix()


def _settings(settings: Settings) -> Seen:
    return OK, f"{settings.unit};日志 · log {settings.log_origin}", ""


def _policies(settings: Settings) -> Seen:
    load_policies(settings.regimes)
    return OK, ", ".join(settings.regimes), ""


def _keys(home: Home) -> Seen:
    load_root_key(home.keys / "root.key")
    load_signing_key(home.keys / "unit.pem")
    _signer(home)
    return OK, "root.key, unit.pem, log.key", ""


def _signer(home: Home) -> Signer:
    return Signer.parse((home.keys / "log.key").read_text("utf-8"))


def _store(home: Home) -> Seen:
    """Open the store, verify the signature of the log's head, and compare the clock with the last entry."""
    with Store.open(home.store) as store, store.reading() as tx:
        found = head(tx, _signer(home).verifier)
        last = next(iter(search(tx, limit=1, newest_first=True)), None)
    if found is None or last is None:
        fix = "从备份恢复;日志从安装起就有条目 · restore from the backup: a log has entries from the beginning"
        return FAILURE, "日志为空 · the log is empty", fix
    if found[0].size != (last.sequence or 0) + 1:
        return FAILURE, "日志与其签名长度不符 · the log has another length than was signed", "extractor log verify"
    if datetime.fromisoformat(last.time) - datetime.now(UTC) > CLOCK_TOLERANCE:
        fix = "校准系统时钟 · set the machine's clock right"
        return FAILURE, f"系统时钟早于最后一条日志 · the clock is before the last entry ({last.time})", fix
    return OK, f"{found[0].size} 条,末签名有效 · entries, last signature valid (extractor log verify: 全部 · all)", ""


def _runs(home: Home) -> Seen:
    with Store.open(home.store) as store, store.reading() as tx:
        orders = [from_json(RunOrder, document.body) for document in tx.find("run", state=RunState.RUNNING.value)]
    dead = [order.number for order in orders if not order.supervisor.alive]
    left = [one.run for one in abandoned(home.scratch)]
    if dead or left:
        found = "已中断 · died: " + ", ".join(sorted({*dead, *left}))
        fix = "执行任一 extractor 命令(如 log verify)即销毁并记录 · any command that opens the installation destroys and records"
        return WARNING, found, fix
    alive = len(orders)
    return OK, f"{alive} 个进行中 · running" if alive else "无 · none", ""


def _catalogues(home: Home) -> Seen:
    files = sorted(home.catalogues.glob("*.yaml"))
    if not files:
        return (
            WARNING,
            "没有资源目录 · none",
            "extractor catalogue draft SOURCE --out FILE, 核对后放入 catalogues/ · then check it",
        )
    wrong = []
    for file in files:
        try:
            read_catalogue(file)
        except ExtractorError:
            wrong.append(file.name)
    if wrong:
        return FAILURE, "无效 · not valid: " + ", ".join(wrong), "extractor catalogue check FILE"
    return OK, ", ".join(file.stem for file in files), ""


def _data(home: Home, settings: Settings) -> Seen:
    name = settings.data
    folder = home.root / name
    if not folder.is_dir():
        return (
            FAILURE,
            f"{name} 不存在 · does not exist",
            "建立该目录或更正 settings.yaml 的 data · make it, or correct `data`",
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        return FAILURE, f"{name} 不可读 · cannot be read", "授予读取权限 · let the account read it"
    if os.access(folder, os.W_OK) and os.geteuid() != 0:
        return WARNING, f"{name} 可写 · can be written", "只授予读取权限 · reading is all that a run needs"
    return OK, name, ""


def _residency(settings: Settings) -> Seen:
    code = settings.division
    if code in {division.code for division in divisions()} or (code.endswith("0000") and code.isdigit()):
        return OK, code, ""
    prefectures = {division.code[:4] + "00" for division in divisions()}
    if code in prefectures:
        return OK, code, ""
    fix = "在 settings.yaml 写明 GB/T 2260 代码,如 350100 · give a code of GB/T 2260"
    return FAILURE, "未设置或不是行政区划代码 · not set, or no division", fix
