"""``extractor deid``: Chinese free text from standard input to standard output, JSON lines."""

from __future__ import annotations

import sys

import typer

from extractor.commands.shell import errors_shown

app = typer.Typer(help="中文文本去标识化 · Chinese free text, JSON lines", no_args_is_help=True)


@app.command()
def spans() -> None:
    """查找标识 · {"id","text"} → {"id","spans":[{"start","end","type","score"}]}."""
    with errors_shown(as_json=False):
        from extractor.deid.streaming import spans_stream

        spans_stream(sys.stdin, sys.stdout)


@app.command()
def text() -> None:
    """脱敏文本 · {"id","text","known":{…}?} → {"id","text"}."""
    with errors_shown(as_json=False):
        from extractor.deid.streaming import text_stream

        text_stream(sys.stdin, sys.stdout)
