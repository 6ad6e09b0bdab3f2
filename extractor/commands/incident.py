"""``extractor incident``: what went wrong, who was told, and with what it was closed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="安全事件 · incidents", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="事件编号 · number of the incident")]


@app.command("open")
def open_command(
    text: Annotated[
        typer.FileBinaryRead, typer.Argument(help="情况说明文件,- 为标准输入;只保存摘要 · what happened, - for stdin")
    ],
    thing: Annotated[
        str, typer.Option(help="涉及的编号或已登记单位 · number (RQ-, RN-, PK-…) or registered unit it is about")
    ],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """报告一起事件 · report an incident under one's signature; of the text only the digest is kept."""
    with opened(home, as_json=as_json) as office:
        from extractor.canonical import digest_bytes
        from extractor.workflow.incidents import incidents, report_as_person

        digest = digest_bytes(text.read())
        number = report_as_person(office, actor(office, by, key), thing=thing, text_digest=digest)
        whom = next(each.to_tell for each in incidents(office) if each.incident.number == number)
        shown = {"incident": number, "to_tell": whom, "text": digest}
        told = "、".join(whom) or "无 · nobody"
        show(shown, as_json=as_json, text=f"已登记事件 · incident: {number};应告知 · to tell: {told}")


@app.command()
def report(
    number: Number,
    organ: Annotated[str, typer.Option(help="已告知的机关 · organ that was told")],
    by: PersonOption,
    told: Annotated[
        datetime | None,
        typer.Option(help="告知时间(北京时间);省略则为现在 · when, China time", formats=["%Y-%m-%dT%H:%M"]),
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """记录已告知某机关 · record under an operator's signature that an organ was told."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.incidents import report_incident
        from extractor.workflow.office import CHINA

        time = told.replace(tzinfo=CHINA) if told else None
        state = report_incident(office, number, actor(office, by, key), organ=organ, told=time)
        shown = {"incident": number, "told": organ, "state": state.value}
        show(shown, as_json=as_json, text=f"已记录 · recorded: {organ};状态 · state: {state.value}")


@app.command()
def close(
    number: Number,
    done: Annotated[str, typer.Option(help="处置情况(不得写入个人信息)· what was done, in words about no person")],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """结案 · close it, once everybody whom a rule names was told."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.incidents import close_incident

        close_incident(office, number, actor(office, by, key), done=done)
        show({"incident": number, "state": "closed"}, as_json=as_json, text=f"已结案 · closed: {number}")


@app.command("list")
def list_incidents(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出事件及尚未告知的机关 · list incidents and who was not told yet."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.incidents import incidents

        found = incidents(office)
        shown = [
            {"incident": each.incident, "state": each.state, "told": each.told, "to_tell": each.to_tell}
            for each in found
        ]
        lines = [
            f"{each.incident.number}\t{each.state.value}\t{each.incident.cause.value}\t{each.incident.thing}\t"
            f"待告知 · to tell: {'、'.join(each.to_tell) or '无 · nobody'}"
            for each in found
        ]
        show({"incidents": shown}, as_json=as_json, text="\n".join(lines) or "没有事件 · no incidents")
