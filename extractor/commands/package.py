"""``extractor package``: verifying and opening packages, which needs only keys; and downloading them from an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractor.commands.shell import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    KeyOption,
    PersonOption,
    actor,
    errors_shown,
    opened,
    show,
)

app = typer.Typer(help="数据包 · packages", no_args_is_help=True)
PackageFile = Annotated[Path, typer.Argument(help="数据包 · package", exists=True, dir_okay=False)]
Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", help="可信单位公钥 ed25519:…,可重复 · trusted unit key; else the home's own"),
]


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="数据包 · package", dir_okay=False)],
    trust: Trust = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """核验数据包 · verify a package step by step (exit 7 where it fails)."""
    with errors_shown(as_json=as_json):
        from extractor.transfer.verify import STEP_NAMES, inspect_package

        _check_there(file, home)

        result = inspect_package(file, trusted=_trusted(trust, home))
        steps = [{"step": int(s.step), "name": STEP_NAMES[s.step][0], "passed": s.passed} for s in result.steps]
        lines = [
            f"{'✓' if s.passed else '✗'} {int(s.step)}. {STEP_NAMES[s.step][1]} · {STEP_NAMES[s.step][0]}"
            for s in result.steps
        ]
        agreement = result.manifest.cover.provenance.agreement if result.manifest else None
        if agreement is not None:
            lines.append(f"协议 · agreement: {agreement.number} {agreement.digest}")
        shown = {"package": str(file), "passed": result.passed, "steps": steps, "agreement": agreement}
        show(shown, as_json=as_json, text="\n".join(lines))
        if result.failure is not None:
            raise result.failure


@app.command("open")
def open_command(
    file: PackageFile,
    identity: Annotated[Path, typer.Option(help="age 身份文件 · age identity file", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="输出目录(须为空)· empty folder to write to")],
    trust: Trust = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """核验并解封数据包 · verify a package and decrypt it for its recipient."""
    with errors_shown(as_json=as_json):
        from extractor.transfer.open import open_package

        found = open_package(file, identity=identity, out=out, trusted=_trusted(trust, home))
        files = [str(path) for path in found.files]
        show(
            {"folder": str(found.folder), "files": files},
            as_json=as_json,
            text="\n".join(["已解封 · opened:", *files]),
        )


@app.command()
def download(
    number: Annotated[str, typer.Argument(help="申请编号 · request number")],
    by: PersonOption,
    out: Annotated[Path, typer.Option(help="写入的新文件 · new file to write", dir_okay=False)],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """下载已交付的数据包 · download a delivered package while its term runs and nothing is overdue (exit 4 where refused)."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow import downloads

        done = downloads.download(office, number, actor(office, by, key), out=out)
        shown = {
            "request": number,
            "package": done.package,
            "file": str(done.file),
            "digest": done.digest,
            "bytes": done.bytes,
        }
        show(shown, as_json=as_json, text=f"已下载 · downloaded: {done.file}({done.bytes:,} bytes, {done.digest})")


def _check_there(file: Path, home: Path) -> None:
    """Check that a package's file is there; of one that was destroyed by an order here, name the record."""
    if file.is_file():
        return
    from extractor.errors import UsageError
    from extractor.settings import Home

    if (Home(home).keys / "unit.pem").is_file():
        from extractor.bootstrap import open_office
        from extractor.workflow.destruction_orders import check_not_destroyed

        office = open_office(home)
        try:
            with office.store.reading() as tx:
                check_not_destroyed(tx, file.stem)
        finally:
            office.store.close()
    raise UsageError(
        "there is no such file", zh="没有该文件", thing=file.name, fix_en="name the package's file", fix_zh="请指明数据包文件"
    )  # fmt: skip


def _trusted(trust: list[str] | None, home: Path) -> list[str]:
    """Return the trusted unit keys: as named, else that of the installation here."""
    if trust:
        return trust
    from extractor.errors import UsageError
    from extractor.keys import load_signing_key
    from extractor.settings import Home

    key = Home(home).keys / "unit.pem"
    if not key.is_file():
        raise UsageError(
            "no unit key is trusted", zh="没有指定可信单位公钥", thing="--trust",
            fix_en="name the unit's public key, which the unit publishes: --trust ed25519:…",
            fix_zh="请用 --trust 指定该单位公布的公钥",
        )  # fmt: skip
    return [load_signing_key(key).public.text]
