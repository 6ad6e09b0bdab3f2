"""``extractor catalogue``: checking a catalogue file, and drafting one from a source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import JsonOption, errors_shown, show

app = typer.Typer(help="数据资源目录 · catalogues", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="目录文件 YAML · catalogue", exists=True, dir_okay=False)],
    regime: Annotated[
        str | None, typer.Option(help="并按该制度检查 · and against what this regime demands (exit 4)")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """检查目录文件 · check a catalogue; errors name file, line, key and the allowed values."""
    with errors_shown(as_json=as_json):
        from extractor.forms.catalogue_form import read_catalogue
        from extractor.workflow.catalogue_check import check_for_regime

        found = check_for_regime(file, regime) if regime else read_catalogue(file)
        counts = {table.name: len(table.fields) for table in found.tables}
        text = f"目录有效 · valid: {found.name} {found.version}\n" + "\n".join(
            f"  {t}: {n} 个字段 · fields" for t, n in counts.items()
        )
        show({"catalogue": found.name, "version": found.version, "tables": counts}, as_json=as_json, text=text)


@app.command()
def draft(
    source: Annotated[Path, typer.Argument(help="数据目录或文件 · folder or file of tables", exists=True)],
    out: Annotated[Path | None, typer.Option(help="写入文件 · file to write; else printed")] = None,
    sample: Annotated[int, typer.Option(help="每表抽样行数 · rows read of each table")] = 2000,
    as_json: JsonOption = False,
) -> None:
    """由抽样起草目录 · propose kind, class and level for each column from a sample, for a person to edit."""
    with errors_shown(as_json=as_json):
        from extractor.errors import StorageError
        from extractor.workflow.drafting import draft_catalogue

        drafted = draft_catalogue(source, sample=sample)
        if out is not None:
            try:
                out.write_text(drafted.yaml, "utf-8")
            except OSError as failure:
                raise StorageError(
                    f"the draft cannot be written ({failure.strerror})",
                    zh="无法写入草稿",
                    thing=str(out),
                    fix_en="choose another file with --out",
                    fix_zh="请用 --out 指定其他文件",
                ) from None
        show(
            drafted.evidence,
            as_json=as_json,
            text=drafted.yaml if out is None else f"已起草,请逐项核对 · drafted, to be checked by a person: {out}",
        )
