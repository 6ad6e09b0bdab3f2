"""``extractor destroy``: destruction records, and the signatures of destroyer and witnesses."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="销毁与销毁记录 · destruction and its records", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="销毁记录编号 · number of the record")]


@app.command()
def sign(
    number: Number,
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """以销毁人或见证人身份签署 · sign a record as its destroyer or witness."""
    with opened(home, as_json=as_json) as office:
        from extractor.destruction import missing_signatures
        from extractor.workflow.purging import sign_destruction

        record = sign_destruction(office, number, actor(office, by, key))
        left = missing_signatures(record)
        shown = {"record": number, "signed_by": by, "still_to_sign": left}
        show(shown, as_json=as_json, text=f"已签署 · signed: {number};待签 · to sign: {', '.join(left) or '无 · none'}")


@app.command()
def verify(number: Number, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """核验销毁记录 · verify a record's signatures, inventory and log entry (exit 7 where it fails)."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.purging import verify_destruction

        record = verify_destruction(office, number)
        items = len(record.items)
        shown = {"record": number, "verified": True, "items": items, "ground": record.ground.value}
        show(shown, as_json=as_json, text=f"销毁记录有效 · the record is valid: {number}({items} 项 · items)")
