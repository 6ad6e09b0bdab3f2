"""``extractor filing``: urgent filings of fields outside the catalogue's use for extraction."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="紧急报备 · urgent filings", no_args_is_help=True)


@app.command()
def add(
    catalogue: Annotated[str, typer.Argument(help="目录 · catalogue")],
    field: Annotated[list[str], typer.Option(help="字段 表.字段,可重复 · field as table.field, repeatable")],
    reason: Annotated[str, typer.Option(help="理由(不得写入个人信息)· why, in words about no person")],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """报备目录提取范围以外的字段 · file fields outside the catalogue's use, as provider or operator."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.filings import Need, add_filing

        number = add_filing(office, actor(office, by, key), Need(catalogue, tuple(field), reason))
        show({"filing": number, "state": "filed"}, as_json=as_json, text=f"已报备 · filed: {number}")


@app.command()
def sign(
    number: Annotated[str, typer.Argument(help="报备编号 · number of the filing")],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """主管部门确认报备 · acknowledge it, as one of the organs that a rule names."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.filings import sign_filing

        state = sign_filing(office, number, actor(office, by, key))
        shown = {"filing": number, "state": state.value}
        show(shown, as_json=as_json, text=f"已确认 · acknowledged: {number};状态 · state: {state.value}")


@app.command("list")
def list_filings(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出报备 · list filings and the organs that have not acknowledged them."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.filings import filings

        found = filings(office)
        shown = [{"filing": each.filing, "acknowledged": each.organs, "to_sign": each.to_sign} for each in found]
        lines = [
            f"{each.filing.number}\t{each.filing.catalogue}\t{', '.join(each.filing.fields)}\t"
            f"待确认 · to sign: {'、'.join(each.to_sign) or '无 · none'}"
            for each in found
        ]
        show({"filings": shown}, as_json=as_json, text="\n".join(lines) or "没有报备 · no filings")
