"""``extractor init``, ``doctor`` and ``keygen``: an installation, its health, and keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, errors_shown, show


def init(
    unit: Annotated[str, typer.Option(help="技术服务单位名称 · name of the technical service unit")] = "技术服务单位",
    division: Annotated[
        str, typer.Option(help="存储地行政区划代码 GB/T 2260 · division where data are stored")
    ] = "350100",
    regime: Annotated[list[str] | None, typer.Option(help="适用制度,可重复 · regime, repeatable")] = None,
    data: Annotated[str, typer.Option(help="数据目录 · folder that catalogue locations are relative to")] = "data",
    origin: Annotated[str, typer.Option(help="日志名称 · origin of the log (C2SP)")] = "extractor.local/log",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """建立安装目录:设置、密钥、数据库与日志 · make an installation: settings, keys, store, log."""
    with errors_shown(as_json=as_json):
        from extractor.bootstrap import init_home
        from extractor.errors import UsageError
        from extractor.selection import is_division
        from extractor.settings import Settings

        # The two letters of another country are a place: the residency rules refuse it, with their articles.
        if not is_division(division) and not re.fullmatch("[A-Z]{2}", division):
            raise UsageError(
                "no division of GB/T 2260: six digits that begin with a province",
                zh="不是 GB/T 2260 行政区划代码:须为六位数字,前两位为省级代码",
                thing="--division",
                fix_en="name where the data are stored, such as 350100",
                fix_zh="请填写存储地代码,如 350100",
            )
        settings = Settings(unit, division, tuple(regime or ["fuzhou"]), origin, data)
        office = init_home(home, settings)
        office.store.close()
        facts = {
            "home": str(office.home.root),
            "unit_key": office.unit_key.public.text,
            "log_verifier": str(office.log_signer.verifier),
        }
        show(facts, as_json=as_json, text=lambda: _init_text(facts))


def _init_text(facts: dict[str, str]) -> str:
    return (
        f"已建立 · made: {facts['home']}\n单位公钥 · unit key: {facts['unit_key']}\n"
        f"日志验证密钥 · log verifier key: {facts['log_verifier']}\n"
        "下一步 · next: 将目录文件放入 catalogues/,用 extractor person add 登记人员,再执行 extractor doctor"
    )


def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """检查运行环境 · check the machine and the installation; exit code 3 when something must be mended."""
    with errors_shown(as_json=as_json):
        from extractor.bootstrap import read_settings
        from extractor.workflow.health import examine, failed

        findings = examine(home, read_settings=read_settings)
        lines = [f"{f.mark} {f.zh} · {f.name}: {f.found}" + (f"\n    → {f.fix}" if f.fix else "") for f in findings]
        show({"findings": findings}, as_json=as_json, text="\n".join(lines))
        if failed(findings):
            raise typer.Exit(3)


def keygen(
    out: Annotated[Path, typer.Option("--out", "-o", help="密钥文件 · file to write")] = Path("identity.txt"),
    suite: Annotated[str, typer.Option(help="age 或 gm · cipher suite of an identity for packages")] = "age",
    signing: Annotated[
        bool, typer.Option("--signing", help="生成签名密钥而非接收密钥 · make a signing key instead")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """生成密钥:数据包接收身份(age)或签名密钥 · make an age identity for packages, or a signing key."""
    with errors_shown(as_json=as_json):
        from extractor.keys import create_identity, create_signing_key
        from extractor.transfer.suites import require_suite

        if signing:
            public = create_signing_key(out).public.text
            show({"file": str(out), "public_key": public}, as_json=as_json, text=f"{out}\n公钥 · public key: {public}")
            return
        require_suite(suite)
        recipient = create_identity(out).recipient
        text = (
            f"{out}\n公钥(填入申请的 recipient_key)· recipient: {recipient}\n私钥文件请妥善保管 · keep the file secret"
        )
        show({"file": str(out), "recipient": recipient}, as_json=as_json, text=text)
