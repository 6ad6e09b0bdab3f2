"""``extractor plan``: compiling, explaining and comparing extraction plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, opened, show

if TYPE_CHECKING:
    from extractor.plans.nodes import Plan
    from extractor.workflow.office import Office

app = typer.Typer(help="数据提取方案 · extraction plans", no_args_is_help=True)
Wanted = Annotated[str, typer.Argument(help="申请编号或申请文件 · request number or file")]


@app.command("compile")
def compile_command(
    wanted: Wanted,
    explain: Annotated[bool, typer.Option("--explain", help="用中文说明 · explain in words")] = False,
    html: Annotated[Path | None, typer.Option(help="说明页写入 HTML 文件 · write the page to a file")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """编制提取方案 · compile a plan; refusals are listed at once (exit 4)."""
    with opened(home, as_json=as_json) as office:
        from extractor.pages.render import plan_page, plan_text
        from extractor.plans.explain import explain as explained

        plan = _plan(office, wanted)
        words = explained(plan)
        if html is not None:
            html.write_text(plan_page(words), "utf-8")
        if as_json:
            show({"digest": plan.digest, "plan": plan, "explanation": words} if explain else
                 {"digest": plan.digest, "plan": plan}, as_json=True, text="")  # fmt: skip
        elif explain or html is None:
            print(plan_text(words))
        else:
            print(html)


@app.command()
def diff(before: Wanted, after: Wanted, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """比较两个方案 · compare two plans, field by field, without literals."""
    with opened(home, as_json=as_json) as office:
        from extractor.plans.difference import difference

        changes = difference(_plan(office, before), _plan(office, after))
        lines = [f"{c.thing}\n  - {c.before or '(无 · none)'}\n  + {c.after or '(无 · none)'}" for c in changes]
        show({"changes": changes}, as_json=as_json, text="\n".join(lines) or "没有差异 · no difference")


def _plan(office: Office, wanted: str) -> Plan:
    from extractor.forms.request_form import read_request
    from extractor.workflow.approval import current_plan, judged

    if Path(wanted).is_file():
        return judged(office, read_request(Path(wanted))).plan
    with office.store.reading() as tx:
        return current_plan(office, tx, wanted)
