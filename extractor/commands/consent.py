"""``extractor consent``: the register of consents, kept by a provider without an identity in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

app = typer.Typer(help="个人同意登记册 · the register of consents", no_args_is_help=True)
CatalogueOption = Annotated[str, typer.Option(help="目录名称 · name of the catalogue")]
IdentitiesOption = Annotated[
    Path,
    typer.Option(help="个人主键名单文件,每行一人;- 为标准输入 · file of person keys, one on each line; - is stdin"),
]


@app.command()
def add(
    catalogue: CatalogueOption,
    identities: IdentitiesOption,
    scope: Annotated[Path, typer.Option(help="同意范围 YAML · scope of the consent", exists=True, dir_okay=False)],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """登记个人同意 · enter the consent of persons; only their prints are kept."""
    with opened(home, as_json=as_json) as office:
        from extractor.forms.consent_form import read_scope
        from extractor.workflow import consents
        from extractor.workflow.consent_register import ConsentScope

        form = read_scope(scope)
        wanted = ConsentScope(form.since, form.until, form.applicant, form.purposes, form.fields)
        who = actor(office, by, key)
        made = consents.give(office, catalogue, who, identities=_read(identities), scope=wanted)
        shown = {"catalogue": catalogue, "batches": list(made.numbers), "given": made.given}
        text = f"已登记 · entered: {', '.join(made.numbers)},{made.given} 人(去重后)· persons, each counted once"
        show(shown, as_json=as_json, text=text)


@app.command()
def revoke(
    catalogue: CatalogueOption,
    identities: IdentitiesOption,
    by: PersonOption,
    key: KeyOption = None,
    batch: Annotated[str | None, typer.Option(help="仅撤回该批次 · only what stands in this batch")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """撤回个人同意 · take back the consent of persons from now on; the next run leaves them out."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow import consents

        who = actor(office, by, key)
        made = consents.revoke(office, catalogue, who, identities=_read(identities), of=batch)
        counts = {"given": made.given, "matched": made.matched}
        text = f"已撤回 · revoked: {', '.join(made.numbers)};所列 {made.given} 人中 {made.matched} 人有登记"
        text += f" · {made.matched} of the {made.given} persons given had an entry"
        show({"catalogue": catalogue, "batches": list(made.numbers), **counts}, as_json=as_json, text=text)


@app.command("list")
def list_consents(
    catalogue: CatalogueOption,
    revoked: Annotated[
        bool,
        typer.Option("--revoked", help="撤回及其之前已封装、交付的数据包 · revocations and the packages before them"),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """查看登记册 · batches of the register by number, scope and count; no identity is kept, so none is shown."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow import consent_effects

        found = (consent_effects.revocations if revoked else consent_effects.list_batches)(office, catalogue)
        shown = {"catalogue": catalogue, "batches": found}
        show(shown, as_json=as_json, text=lambda: "\n".join(map(_line, found)) or "无 · none")


def _line(batch: dict[str, object]) -> str:
    head = f"{batch['number']} {batch['said']} {batch['time']}: {batch['persons']} 人 · persons"
    packages = batch.get("packages")
    if not isinstance(packages, list):
        return head
    lines = [
        f"  {each['package']} ({each['request']}) → {each['recipient']},"
        f"交付 · delivered {each['delivered'] or '否 · no'},{each['persons']} 人 · persons"
        for each in packages
    ]
    return "\n".join([head, *lines])


def _read(path: Path) -> list[str]:
    """Read person keys, one on each line, from a file or from standard input where the path is ``-``."""
    from extractor.errors import ConfigurationError

    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "the list of persons cannot be read as UTF-8 text",
            zh="无法以 UTF-8 文本读取名单",
            thing=path.name,
            fix_en="give a file with one person key on each line, or - for standard input",
            fix_zh="请提供每行一个个人主键的文件,或以 - 表示标准输入",
        ) from None
