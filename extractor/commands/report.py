"""``extractor report`` and ``extractor retention``: the report of a period, when the next is due, and what is kept how long."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, opened, show

if TYPE_CHECKING:
    from extractor.workflow.office import Actor, Office
    from extractor.workflow.reports import DueReport

retention_app = typer.Typer(help="保存期限 · how long things are kept", no_args_is_help=True)


def report(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="起日 · first day (included)")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="止日 · last day (included)")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="只报告该单位 · of this unit only")] = None,
    out: Annotated[Path | None, typer.Option(help="写入目录 · folder for the files")] = None,
    due: Annotated[bool, typer.Option("--due", help="列出下次报告的期限 · list when the next one is due")] = False,
    by: Annotated[str | None, typer.Option("--by", help="编制人编号 · who makes it (registered person)")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """编制期间报告 · make the report of a period: HTML for people, CSV for people and machines, JSON with its digest."""
    with opened(home, as_json=as_json) as office:
        from extractor.errors import UsageError
        from extractor.requests import Period
        from extractor.workflow.reports import make_report, reports_due

        if due:
            with office.store.reading() as tx:
                listed = reports_due(office, tx)
            show({"due": listed}, as_json=as_json, text=lambda: _due_text(listed))
            return
        if first is None or last is None or out is None:
            raise UsageError(
                "a report needs --from, --to and --out", zh="须给出 --from、--to 和 --out", thing="report",
                fix_en="give the first and the last day and a folder, or ask with --due",
                fix_zh="请给出起止日期与目录,或用 --due 查询期限",
            )  # fmt: skip
        made = make_report(office, Period(first.date(), last.date()), out, of=unit, who=_actor(office, by))
        files = [str(path) for path in made.files]
        facts = {"report": made.report.number, "digest": made.digest, "files": files, "due": made.due}
        text = f"已编制 · made: {made.report.number} {made.digest}\n" + "\n".join(f"  {path}" for path in files)
        show(facts, as_json=as_json, text=f"{text}\n{_due_text(made.due)}")


def _due_text(listed: tuple[DueReport, ...]) -> str:
    lines = [
        f"下次报告 · next report: {each.due.isoformat()} → {each.to}({'、'.join(c.article for c in each.cited)})"
        for each in listed
    ]
    return "\n".join(lines) or "没有规定报告周期 · no rule asks for a report"


@retention_app.command("list")
def retention_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出日志、数据包与记录的最短保存日期 · list the day up to which log, packages and records are kept at least."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.retention import kept

        with office.store.reading() as tx:
            found = kept(office, tx)
        lines = []
        for each in found:
            until = each.until.isoformat() if each.until else "无规定 · no rule"
            may = "期满 · may go" if each.may_go else "须保存 · kept"
            basis = "、".join(dict.fromkeys(cited.article for cited in each.cited))
            lines.append(f"{each.kind} {each.number}".strip() + f": {each.since.isoformat()} → {until} {may} {basis}")
        show({"kept": found}, as_json=as_json, text="\n".join(lines))


def _actor(office: Office, person: str | None) -> Actor | None:
    """Return who acts, where somebody is named; nothing is signed, so no key is asked for."""
    if person is None:
        return None
    from extractor.workflow.office import Actor as Acting

    with office.store.reading() as tx:
        found: Any = office.person(tx, person)
    return Acting(found)
