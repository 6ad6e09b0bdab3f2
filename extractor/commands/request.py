"""``extractor request`` and ``extractor run``: from application to sealed package and handover."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from extractor.requests import Result

from extractor.commands.progress import progress_bar
from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="数据使用申请 · requests and decisions", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="申请编号 · request number")]


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="申请文件 YAML · the request", exists=True, dir_okay=False)],
    by: PersonOption,
    key: KeyOption = None,
    number: Annotated[str | None, typer.Option(help="退回后重新提交的申请编号 · number of a returned request")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """提交申请并编制方案 · submit a request under one's signature; its plan is compiled, over-asking is refused (exit 4)."""
    with opened(home, as_json=as_json) as office:
        from extractor.forms.request_form import read_request
        from extractor.workflow import approval

        given = approval.submit(office, read_request(file), actor(office, by, key), number=number)
        with office.store.reading() as tx:
            plan = approval.current_plan(office, tx, given)
        steps = [step.id for step in plan.steps]
        shown = {"request": given, "plan": plan.digest, "steps": steps, "warnings": plan.warnings}
        warned = "".join(f"\n⚠ {warning}" for warning in plan.warnings)
        show(
            shown,
            as_json=as_json,
            text=f"已提交 · submitted: {given}\n方案 · plan: {plan.digest}\n待签 · to sign: {', '.join(steps)}{warned}",
        )


@app.command("show")
def show_request(number: Number, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """查看申请的状态、审批与运行 · state, decisions and runs of a request."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.overview import overview, overview_text

        found = overview(office, number)
        show(found, as_json=as_json, text=lambda: overview_text(found))


@app.command()
def sign(
    number: Number,
    step: Annotated[str, typer.Option("--as", help="步骤 · step (see `request show`), or giver / receiver")],
    by: PersonOption,
    key: KeyOption = None,
    result: Annotated[str, typer.Option(help="approve, return, refuse, revoke")] = "approve",
    reason: Annotated[str, typer.Option(help="意见 · reason")] = "",
    until: Annotated[
        datetime | None, typer.Option(help="审批有效期 · last day on which it holds", formats=["%Y-%m-%d"])
    ] = None,
    custodian: Annotated[str, typer.Option(help="接收方保管人(giver 必填)· custodian on the receiver's side")] = "",
    place: Annotated[str, typer.Option(help="保管地点(giver 必填)· where it is kept")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """签署一个步骤 · sign a step of the approval, or the handover as giver or receiver."""
    with opened(home, as_json=as_json) as office:
        from extractor.errors import UsageError
        from extractor.handover import Custody
        from extractor.requests import Result
        from extractor.workflow import approval, delivery

        if step == "giver" and not (custodian.strip() and place.strip()):
            raise UsageError(
                "the handover sheet names who keeps the data on the receiver's side, and where (art. 29)",
                zh="交接单须写明接收方保管人和保管地点(第二十九条)", thing="--custodian, --place",
                fix_en="give both with --custodian and --place", fix_zh="请用 --custodian 和 --place 填写",
            )  # fmt: skip
        who = actor(office, by, key)
        if step == "giver":
            sheet = delivery.give(office, number, who, custody=Custody(custodian.strip(), place.strip()))
            show(
                sheet,
                as_json=as_json,
                text=f"交接单已由移交方签署 · handover sheet signed by the giver: {sheet.number}"
                + (f"\n  协议 · agreement: {sheet.agreement.number}" if sheet.agreement else ""),
            )
        elif step == "receiver":
            sheet = delivery.receive(office, number, who)
            show(sheet, as_json=as_json, text=f"已签收交付 · delivered: {sheet.number}")
        else:
            verdict = approval.Verdict(_result(result), reason, until.date() if until else None)
            state = approval.sign(office, number, step, who, verdict=verdict)
            shown = {"request": number, "step": step, "result": Result(result).value, "state": state.value}
            show(shown, as_json=as_json, text=f"已签署 · signed: {step} {result};申请状态 · state: {state.value}")


@app.command()
def withdraw(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """撤回申请 · withdraw a request whose package has not been sealed."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow import approval

        approval.withdraw(office, number, actor(office, by, key))
        show({"request": number, "state": "withdrawn"}, as_json=as_json, text=f"已撤回 · withdrawn: {number}")


@app.command()
def close(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """审计后结案 · close a delivered request once its destruction records are signed and verify."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.purging import close_request

        close_request(office, number, actor(office, by, key))
        show({"request": number, "state": "closed"}, as_json=as_json, text=f"已结案 · closed: {number}")


def run(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    destroyer: Annotated[str | None, typer.Option(help="销毁人 · who destroys")] = None,
    witness: Annotated[list[str] | None, typer.Option(help="见证人,可重复 · witness, repeatable")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """运行已批准的申请 · run an approved request to its sealed package, in a process of its own."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.overview import run_result, run_text
        from extractor.workflow.supervision import Crew, run_request

        crew = Crew(destroyer, tuple(witness or ()))
        with progress_bar("提取 · extracting") as report:
            order = run_request(office, number, actor(office, by, key), crew=crew, progress=report)
        result = run_result(office, order)
        show(result, as_json=as_json, text=lambda: run_text(result))


def _result(text: str) -> Result:
    from extractor.errors import UsageError
    from extractor.requests import Result

    if text not in set(Result):
        raise UsageError(
            "no such result", zh="没有该结论", thing=text, fix_en=", ".join(Result), fix_zh="、".join(Result)
        )
    return Result(text)
