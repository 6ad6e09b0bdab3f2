"""``extractor agreement``: the text that the parties sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="数据使用协议 · agreements", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="申请编号 · request number")]


@app.command("show")
def show_agreement(number: Number, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """查看协议文本与签署 · the text as it stands now, its digest, and who has signed it."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.agreements import agreement_of

        with office.store.reading() as tx:
            made, digest, signed = agreement_of(office, tx, number)
        names = [f"{each.said}: {each.unit} {each.person} {each.time.isoformat()}" for each in signed]
        head = f"{made.number} v{made.version} {digest}\n{made.text_digest}"
        shown = {"agreement": made, "digest": digest, "text_digest": made.text_digest, "signatures": signed}
        show(shown, as_json=as_json, text="\n".join([head, "", made.text, *(names or ["未签署 · not signed"])]))


@app.command()
def put(
    number: Number,
    text: Annotated[Path, typer.Option(help="协议文本文件(UTF-8)· file of the text", exists=True, dir_okay=False)],
    subjects: Annotated[
        Path, typer.Option(help="各事项所在条款 YAML · which clause holds which subject", exists=True, dir_okay=False)
    ],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """以双方自拟文本替换 · put the parties' own text; every signature under the one before is void."""
    with opened(home, as_json=as_json) as office:
        from extractor.errors import ConfigurationError
        from extractor.forms.agreement_form import read_subjects
        from extractor.workflow.agreements import put_text

        try:
            content = text.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(
                "the text cannot be read as UTF-8", zh="无法以 UTF-8 读取协议文本", thing=text.name,
                fix_en="give a file of UTF-8 text", fix_zh="请提供 UTF-8 文本文件",
            ) from None  # fmt: skip
        made = put_text(office, number, actor(office, by, key), text=content, clauses=read_subjects(subjects))
        shown = {"agreement": made.number, "version": made.version, "text_digest": made.text_digest}
        show(shown, as_json=as_json, text=f"已替换,须重新签署 · put, to be signed again: {made.number} v{made.version}")
