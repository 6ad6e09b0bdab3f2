"""``extractor policy``: checking policy files and reading them against the regulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import JsonOption, errors_shown, show

app = typer.Typer(help="政策 · policies", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="政策文件 YAML · policy", exists=True, dir_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """检查政策文件 · check a policy; errors name file, line, key and the allowed values."""
    with errors_shown(as_json=as_json):
        from extractor.forms.policy_form import read_policy

        found = read_policy(file)
        text = f"政策有效 · valid: {found.regime} {found.document},{len(found.rules)} 条规则 · rules"
        show(
            {"regime": found.regime, "document": found.document, "rules": len(found.rules)}, as_json=as_json, text=text
        )


@app.command("show")
def show_policy(
    regime: Annotated[str, typer.Argument(help="制度 · regime")],
    article: Annotated[str | None, typer.Option(help="条号,如 19、十九 或 第十九条 · article, as 19 or 十九")] = None,
    as_json: JsonOption = False,
) -> None:
    """按条款查看规则、原文和软件的做法 · show the rules of a regime, all or those of one article."""
    with errors_shown(as_json=as_json):
        from extractor.forms.policy_form import load_policies
        from extractor.workflow.citation import read_regime

        policies = load_policies(() if regime == "baseline" else (regime,))
        reading = read_regime(policies.local_policy, article)
        show(reading, as_json=as_json, text=reading.text)
