"""``extractor person``: registering the people who act, with the public keys that verify their signatures."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, opened, show

app = typer.Typer(help="人员登记 · people and their keys", no_args_is_help=True)


@app.command()
def add(
    person: Annotated[str, typer.Argument(help="人员编号 · identifier")],
    name: Annotated[str, typer.Option(help="姓名 · name")],
    role: Annotated[str, typer.Option(help="角色 · role")],
    unit: Annotated[str, typer.Option(help="单位 · unit")],
    public_key: Annotated[str, typer.Option(help="公钥 ed25519:…;省略则在本机生成 · made here when left out")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """登记一名人员 · register a person; without a public key a signing key is made in the home's keys/people."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.people import Identity, register

        registered = register(office, Identity(person, name, role, unit), public_key)
        show(
            registered,
            as_json=as_json,
            text=f"已登记 · registered: {person} {registered.role.value} {registered.public_key}",
        )


@app.command("list")
def list_people(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出登记的人员 · list registered people."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.people import everybody

        people = everybody(office)
        show(people, as_json=as_json, text=lambda: "\n".join(f"{p.id}\t{p.role.value}\t{p.unit}" for p in people))
