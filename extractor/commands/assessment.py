"""``extractor assessment``: the reviews that stand before approval and run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, actor, opened, show
from extractor.policy_words import AssessmentKind

app = typer.Typer(help="评估与审查 · assessments before approval", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="申请编号 · request number")]


@app.command()
def sign(
    number: Number,
    kind: Annotated[AssessmentKind, typer.Option(help="评估种类 · which assessment")],
    result: Annotated[str, typer.Option(help="pass, fail")],
    report: Annotated[Path, typer.Option(help="评估报告文件 · file of the report", exists=True, dir_okay=False)],
    until: Annotated[datetime, typer.Option(help="有效期 · last day on which it holds", formats=["%Y-%m-%d"])],
    person: Annotated[str, typer.Option(help="评估人编号 · who assesses (registered provider)")],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """签署评估 · sign an assessment over request, plan and the digest of its report."""
    with opened(home, as_json=as_json) as office:
        from extractor.canonical import digest_bytes
        from extractor.errors import UsageError
        from extractor.workflow.assessments import AssessmentResult, Finding, assess

        if result not in set(AssessmentResult):
            raise UsageError("no such result", zh="没有该结论", thing=result, fix_en="pass, fail", fix_zh="pass、fail")
        finding = Finding(AssessmentResult(result), digest_bytes(report.read_bytes()), until.date())
        made = assess(office, number, kind, actor(office, person, key), finding=finding)
        show(made, as_json=as_json, text=f"已签署 · signed: {number} {kind.value} {result},≤ {made.until.isoformat()}")


@app.command("list")
def list_assessments(number: Number, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """查看评估 · which assessments a request needs and has."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.assessments import assessments_of

        with office.store.reading() as tx:
            found = assessments_of(office, tx, number)
        lines = [
            f"{each['kind']}: {each.get('result', '缺失 · missing')} {each.get('until', '')}"
            f"({'有效 · holds' if each['holds'] else '不成立 · does not hold'})"
            for each in found
        ]
        show({"request": number, "assessments": found}, as_json=as_json, text="\n".join(lines) or "无 · none")
