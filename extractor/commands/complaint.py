"""``extractor complaint``: complaints and reports by anybody, with the days in which they are answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="投诉举报 · complaints", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="投诉编号 · number of the complaint")]
Text = Annotated[
    typer.FileBinaryRead,
    typer.Argument(help="内容文件,- 为标准输入;只保存摘要 · text, - for stdin; its digest is kept"),
]


@app.command()
def add(
    text: Text,
    category: Annotated[str, typer.Option(help="privacy, beyond_scope, consent, quality, conduct, other")],
    about: Annotated[
        str, typer.Option(help="针对的申请等编号或已登记单位 · number (RQ-…) or registered unit that it is about")
    ],
    by: PersonOption,
    received: Annotated[
        datetime | None, typer.Option(help="收到日期;省略则为今天 · day it came", formats=["%Y-%m-%d"])
    ] = None,
    contact: Annotated[
        typer.FileText | None, typer.Option(help="联系方式文件(不入日志)· file with how to reach the complainant")
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """登记投诉举报 · register a complaint; its deadlines begin to run."""
    with opened(home, as_json=as_json) as office:
        from extractor.canonical import digest_bytes
        from extractor.workflow.complaints import ComplaintCategory, Given, add_complaint, complaints

        day = received.date() if received else office.today
        given = Given(ComplaintCategory(_one_of(category, ComplaintCategory)), digest_bytes(text.read()), about, day)
        reach = contact.read() if contact else ""
        number = add_complaint(office, actor(office, by, key), given, contact=reach)
        stands = next(each.complaint for each in complaints(office) if each.complaint.number == number)
        shown = {"complaint": number, "answer_by": stands.answer_by, "text": given.text}
        by_day = stands.answer_by or "无规定 · no rule"
        show(shown, as_json=as_json, text=f"已登记 · registered: {number};回复期限 · answer by: {by_day}")


@app.command()
def handle(
    number: Number,
    text: Text,
    outcome: Annotated[str, typer.Option(help="upheld, partly_upheld, unfounded, passed_on")],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """记录处理结果 · record what was found."""
    with opened(home, as_json=as_json) as office:
        from extractor.canonical import digest_bytes
        from extractor.workflow.complaints import Outcome, deal_with_complaint

        found, digest = Outcome(_one_of(outcome, Outcome)), digest_bytes(text.read())
        deal_with_complaint(office, number, actor(office, by, key), outcome=found, text=digest)
        shown = {"complaint": number, "state": "handled", "outcome": found}
        show(shown, as_json=as_json, text=f"已处理 · handled: {number} {found.value}")


@app.command()
def answer(
    number: Number,
    text: Text,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """记录已回复 · record that the complainant was answered; shows how to reach them."""
    with opened(home, as_json=as_json) as office:
        from extractor.canonical import digest_bytes
        from extractor.workflow.complaints import answer_complaint

        contact = answer_complaint(office, number, actor(office, by, key), text=digest_bytes(text.read()))
        shown = {"complaint": number, "state": "answered", "contact": contact}
        show(shown, as_json=as_json, text=f"已回复 · answered: {number};联系方式 · contact: {contact or '无 · none'}")


@app.command("list")
def list_complaints(
    overdue: Annotated[bool, typer.Option("--overdue", help="只列逾期的 · only those overdue")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """列出投诉举报及逾期情况 · list complaints, and what is overdue by which rule."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.complaints import complaints

        found = complaints(office, overdue=overdue)
        shown = [{"complaint": each.complaint, "state": each.state, "late": each.late} for each in found]
        lines = [
            f"{each.complaint.number}\t{each.state.value}\t{each.complaint.given.category.value}\t{each.complaint.given.about}\t"
            f"{each.complaint.answer_by or ''}\t" + ";".join(f"{zh} · {en}" for zh, en in each.late)
            for each in found
        ]
        show({"complaints": shown}, as_json=as_json, text="\n".join(lines) or "没有投诉 · no complaints")


def _one_of(text: str, words: type[StrEnum]) -> str:
    from extractor.errors import UsageError

    known = [word.value for word in words]
    if text not in known:
        raise UsageError("no such word", zh="没有该取值", thing=text, fix_en=", ".join(known), fix_zh="、".join(known))
    return text
