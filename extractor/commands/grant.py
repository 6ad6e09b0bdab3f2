"""``extractor grant``: the scope within which a technical service unit may work."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

if TYPE_CHECKING:
    from extractor.workflow.grants import GrantStanding

app = typer.Typer(help="技术服务单位的授权 · grants of technical service units", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="授权编号 · number of the grant")]


@app.command()
def propose(
    unit: Annotated[str, typer.Option(help="被授权的技术服务单位 · the unit that is granted")],
    first: Annotated[datetime, typer.Option("--from", help="起始日 · first day", formats=["%Y-%m-%d"])],
    by: PersonOption,
    catalogue: Annotated[str | None, typer.Option(help="目录;省略则全部 · catalogue; all where left out")] = None,
    table: Annotated[list[str] | None, typer.Option(help="表,可重复;省略则全部 · table, repeatable")] = None,
    until: Annotated[datetime | None, typer.Option(help="截止日 · last day", formats=["%Y-%m-%d"])] = None,
    security_terms: Annotated[Path | None, typer.Option(help="安全服务条款文件 · file of the security terms")] = None,
    confidentiality: Annotated[
        Path | None, typer.Option(help="保密协议文件 · file of the confidentiality undertaking")
    ] = None,
    reported: Annotated[
        Path | None, typer.Option(help="已报告的基本信息文件 · file of the basic facts reported")
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """提出授权申请;各文件只保存摘要 · propose a grant; of each file only the digest is kept."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.grants import GrantTerms, propose_grant

        last = until.date() if until else None
        digests = (_digest(security_terms), _digest(confidentiality), _digest(reported))
        terms = GrantTerms(catalogue, tuple(table or ()), first.date(), last, *digests)
        number = propose_grant(office, actor(office, by, key), unit=unit, terms=terms)
        show({"grant": number, "terms": terms}, as_json=as_json, text=f"已提出 · proposed: {number}")


@app.command()
def sign(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """主管部门签署授权 · grant it, as an authority of another unit."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.grants import sign_grant

        sign_grant(office, number, actor(office, by, key))
        show({"grant": number, "state": "granted"}, as_json=as_json, text=f"已授权 · granted: {number}")


@app.command()
def revoke(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """撤销授权 · revoke it, as an authority of the unit that granted it."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.grants import revoke_grant

        revoke_grant(office, number, actor(office, by, key))
        show({"grant": number, "state": "revoked"}, as_json=as_json, text=f"已撤销 · revoked: {number}")


@app.command("list")
def list_grants(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出授权 · list grants, and why one is not live today."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.grants import grants

        found = grants(office)
        shown = [{"grant": each.grant, "state": each.state, "live": each.fault(office.today) is None} for each in found]
        lines = [_line(each, each.fault(office.today)) for each in found]
        show({"grants": shown}, as_json=as_json, text="\n".join(lines) or "没有授权 · no grants")


def _line(each: GrantStanding, fault: tuple[str, str] | None) -> str:
    terms = each.grant.terms
    scope = f"{terms.catalogue or '*'}: {', '.join(terms.tables) or '*'}"
    state = f"{fault[0]} · {fault[1]}" if fault else "有效 · live"
    return f"{each.grant.number}\t{each.grant.unit}\t{scope}\t{terms.first} – {terms.until or ''}\t{state}"


def _digest(path: Path | None) -> str | None:
    from extractor.canonical import digest_bytes
    from extractor.errors import UsageError

    if path is None:
        return None
    try:
        return digest_bytes(path.read_bytes())
    except OSError as failure:
        raise UsageError(
            f"the file cannot be read ({failure.strerror})", zh="无法读取文件", thing=str(path),
            fix_en="check its path", fix_zh="请核对路径",
        ) from None  # fmt: skip
