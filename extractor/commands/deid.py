"""``extractor deid``: Chinese free text as JSON lines, and a site's own proof of how much of it is found."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import JsonOption, errors_shown, show

app = typer.Typer(help="中文文本去标识化 · Chinese free text, JSON lines", no_args_is_help=True)

Processes = Annotated[int, typer.Option(help="进程数 · processes that share the work", min=1)]
CatalogueFile = Annotated[
    Path | None,
    typer.Option(
        "--catalogue", help="含本院词典的目录文件 · catalogue with the site's dictionaries", exists=True, dir_okay=False
    ),
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", help="词典所在数据表的目录 · folder of the tables of dictionaries", exists=True, file_okay=False
    ),
]


@app.command()
def spans(
    explain: Annotated[
        bool, typer.Option("--explain", help="说明每处的识别器与依据 · recogniser and evidence of each")
    ] = False,
    processes: Processes = 1,
    catalogue: CatalogueFile = None,
    data: DataFolder = None,
) -> None:
    """查找标识 · {"id","text"} → {"id","spans":[{"start","end","type","score"}]}."""
    with errors_shown(as_json=False):
        from extractor.deid.streaming import spans_stream
        from extractor.workflow.dictionaries import finders_for

        finders_for(catalogue, data)
        finders = partial(finders_for, catalogue, data)
        spans_stream(sys.stdin, sys.stdout, processes=processes, explain=explain, finders=finders)


@app.command()
def text(processes: Processes = 1, catalogue: CatalogueFile = None, data: DataFolder = None) -> None:
    """脱敏文本 · {"id","text","known":{…}?} → {"id","text"}."""
    with errors_shown(as_json=False):
        from extractor.deid.streaming import text_stream
        from extractor.workflow.dictionaries import finders_for

        finders_for(catalogue, data)
        text_stream(sys.stdin, sys.stdout, processes=processes, finders=partial(finders_for, catalogue, data))


@app.command()
def sample(
    file: Annotated[
        Path, typer.Argument(help="文书表 Parquet、CSV、JSONL · table of notes", exists=True, dir_okay=False)
    ],
    column: Annotated[str, typer.Option("--text", help="文书列 · column of the notes")],
    out: Annotated[Path, typer.Option("--out", help="写入的新目录(私有)· new private folder")],
    stratum: Annotated[
        str | None, typer.Option(help="分层列,如科室 · column to spread over, such as department")
    ] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="同行已知值 类型=列 · KIND=COLUMN that a run would know too; repeat")
    ] = None,
    notes: Annotated[int | None, typer.Option(help="份数;省略则按所需区间推算 · notes; else worked out", min=1)] = None,
    half_width: Annotated[float, typer.Option(help="下限与召回率之差 · how far the lower bound may lie below")] = 0.02,
    expected: Annotated[float, typer.Option(help="预期召回率 · recall that is expected")] = 0.97,
    confidence: Annotated[float, typer.Option(help="置信度 · confidence")] = 0.95,
    design_effect: Annotated[float, typer.Option(help="设计效应 · design effect of notes")] = 1.5,
    seed: Annotated[
        int | None, typer.Option(help="随机种子;省略则随机并记录 · seed; else drawn and recorded", min=0)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """抽取标注样本 · draw notes for two annotators, who mark them in a text editor."""
    with errors_shown(as_json=as_json):
        from extractor.workflow.dictionaries import finders_for
        from extractor.workflow.notes_table import Columns
        from extractor.workflow.site_sample import Wanted, draw_sample
        from extractor.workflow.site_sample_folder import write_sample

        wanted = Wanted(notes, half_width, expected, confidence, design_effect)
        columns = Columns(column, stratum, dict(_pair(each) for each in known or ()))
        drawn = draw_sample(file, columns, wanted=wanted, seed=seed, finders=finders_for())
        files = write_sample(drawn, out)
        result = {
            "notes": len(drawn.notes),
            "population": drawn.population,
            "seed": drawn.seed,
            "strata": drawn.strata,
            "files": [str(path) for path in files],
        }
        lines = [f"从 {drawn.population:,} 份中抽取 · drawn {len(drawn.notes):,},种子 · seed {drawn.seed}"]
        lines += [f"  {path}" for path in files]
        lines.append("含明文,请妥善保管并在验证后销毁 · holds notes in the clear: keep it safe, destroy it afterwards")
        show(result, as_json=as_json, text="\n".join(lines))


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="抽样目录 · folder of the sample", exists=True, file_okay=False)],
    adjudicated: Annotated[
        Path | None,
        typer.Option(help="已裁定的标注文件 · sheet with the disputes decided", exists=True, dir_okay=False),
    ] = None,
    page: Annotated[Path | None, typer.Option(help="写出报告页 HTML(不含原文)· report page, without text")] = None,
    disputes: Annotated[
        Path | None, typer.Option(help="写出待裁定文件(含原文,私有)· sheet of disputes, with text")
    ] = None,
    missed: Annotated[
        Path | None, typer.Option(help="写出漏检文件(含原文,私有)· sheet of what was missed, with text")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(help="下限低于此值则退出码 5 · exit 5 where the bound is lower", min=0, max=1)
    ] = None,
    catalogue: CatalogueFile = None,
    data: DataFolder = None,
    as_json: JsonOption = False,
) -> None:
    """计算召回率与一致性 · recall with its bound, agreement of the annotators, what was missed by type."""
    with errors_shown(as_json=as_json):
        from extractor.pages.render import validation_page
        from extractor.workflow.dictionaries import finders_for
        from extractor.workflow.site_validation import evaluate_folder, report_json, report_text, write_page

        finders = finders_for(catalogue, data)
        report = evaluate_folder(folder, finders=finders, adjudicated=adjudicated, disputes=disputes, missed=missed)
        if page is not None:
            write_page(page, validation_page(report))
        show(report_json(report), as_json=as_json, text=lambda: report_text(report))
        if at_least is not None:
            report.check(at_least)


def _pair(text: str) -> tuple[str, str]:
    from extractor.errors import UsageError

    kind, sign, column = text.partition("=")
    if not sign or not kind or not column:
        raise UsageError(
            "a known column is written KIND=COLUMN",
            zh="已知列须写成 类型=列名",
            thing="--known",
            fix_en="for example person_name=姓名",
            fix_zh="例如 person_name=姓名",
        )
    return kind, column
