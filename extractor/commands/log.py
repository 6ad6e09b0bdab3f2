"""``extractor log``: verifying, exporting, proving and searching the tamper-evident log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, errors_shown, opened, show

app = typer.Typer(help="不可篡改日志 · tamper-evident log", no_args_is_help=True)


@app.command()
def verify(
    export: Annotated[
        Path | None, typer.Argument(help="导出的日志;省略则核验本机 · an export; the home's log if left out")
    ] = None,
    key: Annotated[str | None, typer.Option(help="日志验证密钥(核验导出件)· verifier key for an export")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="另存的检查点 · a checkpoint kept elsewhere")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """核验日志 · verify every entry, node and checkpoint (exit 7 where something was changed)."""
    from extractor.commands.log_acts import verify_export_act, verify_home_act

    if export is not None:
        with errors_shown(as_json=as_json):
            result = verify_export_act(export, key, home)
    else:
        with opened(home, as_json=as_json, recover=False) as office:
            result = verify_home_act(office, checkpoint)
    show(
        result,
        as_json=as_json,
        text=f"日志完好 · the log is intact: {result['entries']} 条 · entries, root {result['root']}",
    )


@app.command("export")
def export_command(
    out: Annotated[Path, typer.Argument(help="导出目录或 .zip · folder or .zip to write")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """导出为 tlog-tiles · export as C2SP tlog-tiles, so that others' tools verify it."""
    with opened(home, as_json=as_json) as office:
        from extractor.commands.log_acts import export_act

        result = export_act(office, out)
        show(result, as_json=as_json, text=f"已导出 · exported: {out}({result['entries']} 条 · entries)")


@app.command()
def push(
    to: Annotated[str | None, typer.Option(help="接收机关 · organ that receives it")] = None,
    out: Annotated[Path | None, typer.Option(help="写入的 .zip 文件 · .zip file to write")] = None,
    by: Annotated[str | None, typer.Option("--by", help="办理人编号 · who hands it over (registered person)")] = None,
    key: KeyOption = None,
    subject: Annotated[
        str, typer.Option(help="推送内容 log/incident/report · what is pushed: the log, incidents or reports")
    ] = "log",
    listed: Annotated[bool, typer.Option("--list", help="只列出应推送的机关与期限 · only list what is due")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """推送日志、事件或报告 · hand log, incidents or reports to an organ that a rule names, with a signed note; or list what is due."""
    with opened(home, as_json=as_json) as office:
        from extractor.commands.log_acts import list_pushes_act, push_act

        if listed:
            due = list_pushes_act(office)
            show(
                {"pushes": due},
                as_json=as_json,
                text=lambda: "\n".join(map(push_line, due)) or "无须推送 · none asked for",
            )
        else:
            result = push_act(office, (to, out, by), key, subject=subject)
            what = (
                f"{len(result.documents)} 件 · documents" if result.documents else f"{result.first}–{result.size - 1}"
            )
            told = f"已推送 · pushed: {result.number} → {result.to}, {what}"
            show(result, as_json=as_json, text=told)


@app.command()
def prove(
    entry: Annotated[int, typer.Argument(help="条目序号 · sequence number")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """证明一个条目在日志中 · prove that an entry is in the log (tlog-proof)."""
    with opened(home, as_json=as_json) as office:
        from extractor.log.journal import prove as proved

        with office.store.reading() as tx:
            proof = proved(tx, entry)
        show({"entry": entry, "proof": proof.text()}, as_json=as_json, text=proof.text())


def push_line(each: dict[str, Any]) -> str:
    """Return one line about a push that a rule asks for."""
    due = f"{each['due']}{' 逾期 · overdue' if each['overdue'] else ''}" if each["due"] else "根据需要 · as needed"
    last = f"{each['last'].number} {each['last'].time:%Y-%m-%d}" if each["last"] else "尚未推送 · never pushed"
    new = f"({each['new']} 件待推送 · new)" if each["new"] else ""
    return f"{each['subject'].value}{new}\t{each['to']}\t{due}\t{last}\t{each['article']}"


@app.command("search")
def search_command(
    request: Annotated[str | None, typer.Option(help="申请编号 · request")] = None,
    actor: Annotated[str | None, typer.Option(help="人员 · actor")] = None,
    table: Annotated[str | None, typer.Option(help="表 · table")] = None,
    verb: Annotated[str | None, typer.Option(help="动作 · verb")] = None,
    since: Annotated[str | None, typer.Option(help="自 · since (UTC)")] = None,
    until: Annotated[str | None, typer.Option(help="至 · until (UTC)")] = None,
    text: Annotated[str | None, typer.Option(help="包含文字 · text")] = None,
    limit: Annotated[int, typer.Option(help="条数 · at most")] = 100,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """检索日志 · search the log."""
    with opened(home, as_json=as_json) as office:
        from extractor.log.journal import search as searched

        with office.store.reading() as tx:
            entries = searched(tx, request=request, actor=actor, table=table, verb=verb, since=since, until=until,
                           text=text, limit=limit)  # fmt: skip
        lines = [f"{e.sequence:>6} {e.shown_time} {e.actor} {e.verb.zh}({e.verb.value}) {e.object} {e.result.value}"
                 + (f" {e.reason}" if e.reason else "") for e in entries]  # fmt: skip
        show({"entries": entries}, as_json=as_json, text="\n".join(lines) or "没有条目 · no entries")
