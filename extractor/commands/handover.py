"""``extractor handover``: handing everything over at a change of unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, actor, opened, show

app = typer.Typer(help="移交 · handover", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """移交 · handover."""


@app.command()
def unit(
    to: Annotated[str, typer.Option(help="接收单位 · unit that receives")],
    giver: Annotated[str, typer.Option(help="移交人编号 · who gives, of this unit")],
    receiver: Annotated[str, typer.Option(help="接收人编号 · who receives, of the other unit")],
    witness: Annotated[str, typer.Option(help="见证人编号 · who witnesses, of neither")],
    giver_key: Annotated[Path | None, typer.Option(help="移交人密钥 · the giver's signing key")] = None,
    receiver_key: Annotated[Path | None, typer.Option(help="接收人密钥 · the receiver's signing key")] = None,
    witness_key: Annotated[Path | None, typer.Option(help="见证人密钥 · the witness's signing key")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """单位变更时的完整移交 · hand everything over to another unit: a checked sheet that three people sign."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.records import record_path
        from extractor.workflow.unit_handover import Signatories, hand_over_unit

        who = Signatories(
            actor(office, giver, giver_key), actor(office, receiver, receiver_key), actor(office, witness, witness_key)
        )
        sheet = hand_over_unit(office, to, who)
        path = record_path(office, sheet.number)
        text = (
            f"已签署移交单 · signed: {sheet.number} {sheet.giver_unit} → {sheet.receiver_unit}\n"
            f"  申请 · requests {len(sheet.requests)},数据包 · packages {len(sheet.packages)},"
            f"记录 · records {len(sheet.records)},密钥 · keys {len(sheet.keys)},日志 · log {sheet.log_size}\n  {path}"
        )
        show({"sheet": sheet, "file": str(path)}, as_json=as_json, text=text)
