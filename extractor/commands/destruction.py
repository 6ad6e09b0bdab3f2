"""``extractor destroy``: destruction orders over stored and delivered copies, destruction records, and their signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.commands.shell import DEFAULT_HOME, HomeOption, JsonOption, KeyOption, PersonOption, actor, opened, show

if TYPE_CHECKING:
    from extractor.destruction import Ground
    from extractor.workflow.destruction_orders import OrderStanding

app = typer.Typer(help="销毁令、销毁与销毁记录 · destruction orders, destruction and its records", no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="销毁记录编号 · number of the record")]
_ORDER = "DO-"


@app.command()
def order(
    ground: Annotated[str, typer.Option(help="依据 · ground: handed_over, term_over, withdrawn, breach")],
    by: PersonOption,
    package: Annotated[
        str | None, typer.Option(help="数据包编号,销毁本单位副本 · package, the unit's own copy")
    ] = None,
    delivered: Annotated[
        str | None, typer.Option(help="申请编号,责令数据使用单位销毁 · request, the copy that the data user received")
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """下达销毁令 · order the destruction of a package's stored or delivered copy (exit 4 where refused)."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.destruction_ordering import order_delivered, order_destruction

        who, why = actor(office, by, key), _ground(ground)
        if package is not None and delivered is None:
            given = order_destruction(office, package, who, ground=why)
            left = f"待签 · to sign: destroyer, {given.witnesses} witness(es)"
        elif delivered is not None and package is None:
            given = order_delivered(office, delivered, who, ground=why)
            left = f"义务 · duty: {given.duty}"
        else:
            raise _usage("one copy is named, --package or --delivered", "须指明一个副本", "--package, --delivered")
        show(
            given,
            as_json=as_json,
            text=f"已下达 · ordered: {given.number}({given.package}, {given.ground.value});{left}",
        )


@app.command()
def sign(
    number: Annotated[
        str, typer.Argument(help="销毁令或销毁记录编号 · number of the order (DO-…) or the record (DR-…)")
    ],
    by: PersonOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """签署销毁令或销毁记录 · sign an order (the last signature carries it out), or a record."""
    with opened(home, as_json=as_json) as office:
        from extractor.destruction import missing_signatures
        from extractor.workflow.destruction_ordering import sign_order
        from extractor.workflow.purging import sign_destruction

        who = actor(office, by, key)
        if not number.startswith(_ORDER):
            signed = sign_destruction(office, number, who)
            left = missing_signatures(signed)
            shown = {"record": number, "signed_by": by, "still_to_sign": left}
            text = f"已签署 · signed: {number};待签 · to sign: {', '.join(left) or '无 · none'}"
        else:
            standing, record = sign_order(office, number, who)
            shown = {**_shown(standing), "order": number, "signed_by": by, "still_to_sign": standing.to_sign}
            text = f"已签署 · signed: {number};待签 · to sign: {', '.join(standing.to_sign) or '无 · none'}"
            if record is not None:
                left = missing_signatures(record)
                text += f"\n已销毁 · destroyed;销毁记录 · record: {record.number};待签 · to sign: {', '.join(left)}"
        show(shown, as_json=as_json, text=text)


@app.command()
def refuse(
    number: Annotated[str, typer.Argument(help="销毁令编号 · number of the order")],
    by: PersonOption,
    reason: Annotated[str, typer.Option(help="理由 · why")],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """拒绝或撤回销毁令 · refuse an order before all have signed; who gave it takes it back so."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.destruction_ordering import refuse_order

        refuse_order(office, number, actor(office, by, key), reason=reason)
        show({"order": number, "state": "refused"}, as_json=as_json, text=f"已拒绝 · refused: {number}")


@app.command("list")
def list_orders(
    request: Annotated[str | None, typer.Option(help="申请编号 · only those of a request")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """列出销毁令 · list destruction orders with their state, who must still sign, and the record."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.destruction_orders import orders

        found = [_shown(each) for each in orders(office, request=request)]
        show(found, as_json=as_json, text=lambda: "\n".join(map(_line, found)) or "无 · none")


@app.command()
def verify(number: Number, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """核验销毁记录 · verify a record's signatures, inventory and log entry (exit 7 where it fails, 6 while some must still sign)."""
    with opened(home, as_json=as_json) as office:
        from extractor.workflow.purging import verify_destruction

        record = verify_destruction(office, number)
        items = len(record.items)
        shown = {"record": number, "verified": True, "items": items, "ground": record.ground.value}
        show(shown, as_json=as_json, text=f"销毁记录有效 · the record is valid: {number}({items} 项 · items)")


def _shown(standing: OrderStanding) -> dict[str, Any]:
    given = standing.order
    return {
        "number": given.number, "copy": given.copy, "request": given.request, "package": given.package,
        "ground": given.ground, "grade": given.grade, "ordered_by": given.ordered_by, "ordered": given.ordered,
        "duty": given.duty, "state": standing.state, "to_sign": standing.to_sign, "record": standing.record,
        "articles": [f"{each.regime} {each.article}" for each in given.cited],
    }  # fmt: skip


def _line(given: dict[str, Any]) -> str:
    left = given["record"] or given["duty"] or ", ".join(given["to_sign"])
    what = f"{given['number']}\t{given['package']} ({given['copy'].value})\t{given['ground'].value}"
    return f"{what}\t{given['state'].value}\t{left}\t〔{', '.join(given['articles'])}〕"


def _ground(named: str) -> Ground:
    from extractor.destruction import Ground

    try:
        return Ground(named)
    except ValueError:
        raise _usage("not a ground of a destruction order", "不是销毁令的依据", f"--ground {named}") from None


def _usage(en: str, zh: str, thing: str) -> Exception:
    from extractor.errors import UsageError

    return UsageError(
        en, zh=zh, thing=thing,
        fix_en="--package PK-… or --delivered RQ-…, with --ground handed_over, term_over, withdrawn or breach",
        fix_zh="请用 --package PK-… 或 --delivered RQ-…,并以 --ground 指明 handed_over、term_over、withdrawn 或 breach",
    )  # fmt: skip
