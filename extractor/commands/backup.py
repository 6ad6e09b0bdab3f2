"""``extractor backup``, ``backup drill`` and ``restore``: an encrypted copy of the installation, and the proof that it is one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, errors_shown, opened, show

if TYPE_CHECKING:
    from extractor.workflow.office import Actor, Office
    from extractor.workflow.restores import Restored

app = typer.Typer(help="备份、恢复与演练 · backup and drill", invoke_without_command=True)
ByOption = Annotated[str | None, typer.Option("--by", help="办理人编号 · who takes it (registered person)")]


@app.callback()
def backup(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="备份文件 · file to write")] = None,
    to: Annotated[list[str] | None, typer.Option(help="age 收件人,可重复 · age recipient, repeatable")] = None,
    people_keys: Annotated[
        bool, typer.Option("--people-keys", help="含本机人员签名密钥 · with the signing keys of people on this machine")
    ] = False,
    by: ByOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """备份安装:数据库、密钥、设置、目录、数据包、记录 · back up store, keys, settings, catalogues, packages, records."""
    if context.invoked_subcommand is not None:
        return
    with opened(home, as_json=as_json) as office:
        from extractor.errors import UsageError
        from extractor.workflow.backups import Wanted, back_up

        if out is None:
            raise UsageError(
                "a backup needs a file", zh="须指定备份文件", thing="--out",
                fix_en="extractor backup --out FILE --to age1…", fix_zh="extractor backup --out 文件 --to age1…",
            )  # fmt: skip
        made = back_up(office, out, Wanted(tuple(to or ()), people_keys), who=_actor(office, by))
        text = (
            f"已备份 · backed up: {made.number} {out} ({made.archive_bytes:,} bytes, {made.files} 个文件 · files, "
            f"日志 · log {made.log_size})\n  {made.archive_digest}"
        )
        show({"backup": made, "file": str(out)}, as_json=as_json, text=text)


@app.command()
def drill(by: ByOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """演练:备份、恢复到临时目录并全部核验 · back up, restore into a temporary folder, verify all, log the figures."""
    with opened(home, as_json=as_json) as office:
        from extractor.bootstrap import open_office
        from extractor.workflow.restores import drill as drilled

        found = drilled(office, open_home=partial(open_office, clock=office.clock), who=_actor(office, by))
        show(found, as_json=as_json, text=f"演练通过 · the drill passed\n{_restored_text(found)}")


def restore(
    file: Annotated[Path, typer.Argument(help="备份文件 · backup", exists=True, dir_okay=False)],
    identity: Annotated[Path, typer.Option(help="age 身份文件 · age identity file", exists=True, dir_okay=False)],
    home: Annotated[Path, typer.Option(help="新的安装目录,须不存在 · new folder, which does not exist yet")],
    trust: Annotated[str | None, typer.Option(help="备份单位公钥 ed25519:… · key of the unit that made it")] = None,
    as_json: JsonOption = False,
) -> None:
    """恢复到新目录,并核验文件、日志与数据包 · restore into a new folder and verify files, log and packages (exit 7)."""
    with errors_shown(as_json=as_json):
        from extractor.bootstrap import open_office
        from extractor.keys import load_identities
        from extractor.workflow.restores import restore as restored

        found = restored(file, home, identities=load_identities(identity), open_home=open_office, trusted=trust)
        text = f"已恢复 · restored: {home}\n{_restored_text(found)}"
        if trust is None:
            text += f"\n  请核对单位公钥 · compare the unit's key: {found.signer}"
        show(found, as_json=as_json, text=text)


def _restored_text(found: Restored) -> str:
    return (
        f"  {found.files} 个文件摘要相符 · digests verified ({found.bytes:,} bytes)\n"
        f"  日志 {found.log_entries} 条有效 · log verified, root {found.log_root}\n"
        f"  {found.packages} 个数据包签名有效 · packages verified;{found.seconds:.1f} s"
    )


def _actor(office: Office, person: str | None) -> Actor | None:
    """Return who acts, where somebody is named; nothing is signed, so no key is asked for."""
    if person is None:
        return None
    from extractor.workflow.office import Actor as Acting

    with office.store.reading() as tx:
        return Acting(office.person(tx, person))
