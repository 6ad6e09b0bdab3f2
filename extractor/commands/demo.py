"""``extractor demo``: the whole main job, from submit to the package opened and every record verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.progress import progress_bar
from extractor.commands.shell import JsonOption, errors_shown, show


def demo(
    home: Annotated[Path, typer.Option(help="演示目录(须为空)· empty folder for the demo")] = Path("demo-home"),
    rows: Annotated[int, typer.Option(help="患者数 · patients to generate")] = 20_000,
    source: Annotated[Path | None, typer.Option(help="真实数据目录 · folder of real tables instead")] = None,
    as_json: JsonOption = False,
) -> None:
    """演示:从提交申请到解封数据包并核验全部记录 · the whole main job on generated or real tables."""
    with errors_shown(as_json=as_json):
        from extractor.demo.show import demo_text, run_demo

        with progress_bar("演示 · demo") as report:
            result = run_demo(home, rows=rows, source=source, report=report, say=None if as_json else print)
        show(result, as_json=as_json, text=lambda: demo_text(result))
