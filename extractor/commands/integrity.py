"""``extractor integrity``: the archive of breaches, and striking an entry off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

if TYPE_CHECKING:
    from extractor.workflow.integrity import BreachStanding

app = typer.Typer(help="诚信档案 · integrity archive", no_args_is_help=True)


@app.command("list")
def list_breaches(
    of: Annotated[
        str | None, typer.Option(help="单位名称、统一社会信用代码或人员编号 · unit, its code, or a person")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="仅未销去 · only open entries")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """列出诚信档案 · list the entries about units and people."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.integrity import archive

        found = archive(office, unit=of, only_open=only_open)
        show(found, as_json=as_json, text=lambda: "\n".join(map(_line, found)) or "无 · none")


@app.command()
def close(
    number: Annotated[str, typer.Argument(help="记录编号 · number of the entry")],
    by: PersonOption,
    reason: Annotated[str, typer.Option(help="销去理由 · why it is closed")],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """销去一条诚信记录 · close an entry, as an authority or an operator of another unit, under one's signature."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.integrity import close_breach

        close_breach(office, number, actor(office, by, key), reason=reason)
        show({"breach": number, "state": "closed"}, as_json=as_json, text=f"已销去 · closed: {number}")


def _line(standing: BreachStanding) -> str:
    breach = standing.breach
    rules = ", ".join(f"{each.regime} {each.article}" for each in breach.cited)
    state = "未销去 · open" if standing.closing is None else f"已销去 · closed: {standing.closing.reason}"
    who = " ".join(word for word in (breach.of.unit, breach.of.uscc, breach.of.person) if word)
    return f"{breach.number}\t{breach.entered}\t{who}\t{breach.ground}\t{state}\t〔{rules}〕"
