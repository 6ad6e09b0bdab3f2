"""``extractor risk``: the risk figures of any Parquet or CSV file, without the rest of the software."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import JsonOption, errors_shown, show


def risk(
    file: Annotated[Path, typer.Argument(help="Parquet 或 CSV 文件 · file", exists=True, dir_okay=False)],
    quasi: Annotated[str, typer.Option(help="准标识符,逗号分隔 · quasi-identifiers, comma-separated")],
    sensitive: Annotated[str, typer.Option(help="敏感属性,逗号分隔 · sensitive attributes")] = "",
    unit: Annotated[
        str | None, typer.Option(help="个人标识列 · column that names the person; else each row is one")
    ] = None,
    mode: Annotated[str, typer.Option(help="public, controlled, enclave")] = "controlled",
    as_json: JsonOption = False,
) -> None:
    """计算 k、l、t 与 GB/T 42460-2023 风险 · k, l, t and the GB/T 42460-2023 figures, counted over persons."""
    with errors_shown(as_json=as_json):
        from extractor.deid.risk import assess_file
        from extractor.errors import UsageError
        from extractor.requests import SharingMode

        if mode not in set(SharingMode):
            modes = ", ".join(SharingMode)
            raise UsageError("no such mode", zh="没有该共享方式", thing=mode, fix_en=modes, fix_zh=modes)
        figures = assess_file(
            file, quasi=_names(quasi), sensitive=_names(sensitive), person=unit, mode=SharingMode(mode)
        )
        lines = [
            f"行 · rows {figures.rows:,}  人 · persons {figures.persons:,}  等价类 · classes {figures.classes:,}",
            f"k={figures.k}  l={figures.l}  t={figures.t}",
            f"R_a={figures.R_a:.6f}  R_b={figures.R_b:.6f}  R_c={figures.R_c:.6f}  R={figures.R:.6f}(≤ {figures.threshold:g})",
            f"GB/T 42460-2023 级别 · grade: {figures.grade}",
        ]
        show(figures.as_json(), as_json=as_json, text="\n".join(lines))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
