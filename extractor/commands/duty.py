"""``extractor duty``: what is owed after a delivery, until when, and the evidence that closes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

if TYPE_CHECKING:
    from extractor.workflow.duties import DutyStanding

app = typer.Typer(help="义务 · duties after a delivery", no_args_is_help=True)


@app.command("list")
def list_duties(
    request: Annotated[str | None, typer.Option(help="申请编号 · only those of a request")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="仅逾期 · only those that are overdue")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """列出义务及其期限 · list duties with the day they are due, the days left, and whether they were reminded of."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.duties import duties
        from extractor.workflow.giver_copies import copy_shown, copy_text, giver_copies

        found = duties(office, request=request, only_overdue=overdue)
        with office.store.reading() as tx:
            copies = [copy_shown(each) for each in giver_copies(office, tx, request=request) if each.to_destroy]
        lines = [*map(_line, found), *map(copy_text, copies)]
        show(found, as_json=as_json, text=lambda: "\n".join(lines) or "无 · none")


@app.command()
def close(
    number: Annotated[str, typer.Argument(help="义务编号 · number of the duty")],
    by: PersonOption,
    evidence: Annotated[
        list[str], typer.Option(help="证明,可重复:KEY=VALUE 或文件 · evidence, repeatable: KEY=VALUE, or a file")
    ],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """以证明了结义务 · close a duty with evidence, under one's signature."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.duty_closing import close_duty

        closing = close_duty(office, number, actor(office, by, key), facts=_facts(evidence))
        show(closing, as_json=as_json, text=f"义务已了结 · closed: {number}({closing.evidence.value})")


def _line(standing: DutyStanding) -> str:
    duty, left = standing.duty, standing.days_left
    if standing.state.value == "closed":
        said = "已了结 · closed"
    elif standing.overdue:
        said = f"逾期 {-left} 天 · overdue by {-left} days"
        said += ",已记入诚信档案 · in the archive" if standing.state.value == "breached" else ""
    else:
        said = f"剩余 {left} 天 · {left} days left" + (",已提醒 · reminded" if standing.reminded else "")
    rules = ", ".join(f"{each.regime} {each.article}" for each in duty.cited)
    return f"{duty.number}\t{duty.request}\t{duty.zh}\t{duty.due}\t{said}\t{duty.of.unit}\t{duty.evidence.value}\t〔{rules}〕"


def _facts(evidence: list[str]) -> dict[str, str]:
    """Read evidence: ``KEY=VALUE`` as it stands, of a file the digest."""
    found: dict[str, str] = {}
    for word in evidence:
        name, equals, said = word.partition("=")
        if not equals:
            name, said = "digest", _digest(Path(word))
        elif name.strip().lower() == "digest":
            raise _typed_digest()
        if name in found:
            raise _usage("the same fact is given twice", "同一事项重复填写", name)
        found[name] = said
    return found


def _digest(file: Path) -> str:
    import hashlib

    try:
        with file.open("rb") as opened_file:
            found = hashlib.file_digest(opened_file, "sha256").hexdigest()
            empty = opened_file.tell() == 0
    except OSError:
        raise _usage("the file cannot be read", "无法读取文件", file.name) from None
    if empty:
        raise _usage("the file is empty", "文件为空", file.name)
    return f"sha256:{found}"


def _typed_digest() -> Exception:
    from extractor.errors import UsageError

    return UsageError(
        "a digest is not typed: it is taken of the file", zh="摘要不能直接填写,须由文件计算", thing="--evidence digest",
        fix_en="give the file: --evidence PATH", fix_zh="请给出文件:--evidence 文件路径",
    )  # fmt: skip


def _usage(en: str, zh: str, thing: str) -> Exception:
    from extractor.errors import UsageError

    return UsageError(
        en, zh=zh, thing=f"--evidence {thing}",
        fix_en="evidence is KEY=VALUE (see docs/commands.md) or the path of a file",
        fix_zh="证明须为 KEY=VALUE(见 docs/commands.md)或文件路径",
    )  # fmt: skip
