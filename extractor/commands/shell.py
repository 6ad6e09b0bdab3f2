"""What all commands share: where the home is, how a result is shown, how an error becomes an exit code.

Owns the translation between the workflow's values and a terminal. It must import nothing heavy at the top: ``--help`` has to
stay under 0.4 s, so commands import what they use where they use it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from extractor.errors import ExtractorError
    from extractor.workflow.office import Actor, Office

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="EXTRACTOR_HOME", help="安装目录 · folder of the installation", show_default=True),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · print JSON")]
PersonOption = Annotated[str, typer.Option("--by", help="办理人编号 · who acts (registered person)")]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="办理人签名密钥 · signing key (default: keys/people/PERSON.pem in the home)"),
]
DEFAULT_HOME = Path("extractor-home")


def language() -> str:
    """Return ``zh`` or ``en``: what EXTRACTOR_LANGUAGE or the locale asks for; Chinese where neither says."""
    named = os.environ.get("EXTRACTOR_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "zh"
    return "en" if named.lower().startswith("en") else "zh"


def show(result: Any, *, as_json: bool, text: str | Callable[[], str]) -> None:
    """Print a result: JSON on one line, or text for people."""
    if as_json:
        from extractor.canonical import to_json

        print(json.dumps(to_json(result), ensure_ascii=False, sort_keys=True))
    else:
        print(text if isinstance(text, str) else text())


@contextmanager
def errors_shown(*, as_json: bool) -> Iterator[None]:
    """Turn an error that a person can act on into its message on standard error and its exit code.

    Any other exception is a bug: its kind and place are shown, never its text, which could hold a value of a person.
    """
    from extractor.errors import ExtractorError

    try:
        yield
    except ExtractorError as error:
        print(_error_text(error, as_json=as_json), file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except (typer.Exit, typer.Abort, KeyboardInterrupt, BrokenPipeError):
        raise
    except OSError as error:
        # The system's own word (no space, no permission); names of files may hold a person's name and are not repeated.
        reason = error.strerror or "I/O error"
        print(f"✗ 读写失败 · reading or writing failed: {reason}", file=sys.stderr)
        raise typer.Exit(3) from None
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        print(f"程序缺陷 · a bug: {type(error).__name__} at {place}", file=sys.stderr)
        raise typer.Exit(1) from None


def _error_text(error: ExtractorError, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(error.as_json(), ensure_ascii=False)
    first, second = ("zh", "en") if language() == "zh" else ("en", "zh")
    return f"✗ {error.text(first)}\n  {error.text(second)}"


@contextmanager
def opened(home: Path, *, as_json: bool, recover: bool = True) -> Iterator[Office]:
    """Open the installation for a command; what dead runs left is destroyed and what time has brought is settled first."""
    with errors_shown(as_json=as_json):
        from extractor.bootstrap import open_office

        office = open_office(home)
        try:
            if recover:
                from extractor.workflow.destruction_by_order import finish_orders
                from extractor.workflow.recovery import recover_interrupted
                from extractor.workflow.settling import settle, settled_text

                for number in recover_interrupted(office):
                    print(
                        f"已销毁中断运行的残留 · leftovers destroyed, recorded as interrupted: {number}",
                        file=sys.stderr,
                    )
                for number in finish_orders(office):
                    print(f"已执行中断的销毁令 · an interrupted order is carried out: {number}", file=sys.stderr)
                if done := settle(office):
                    print(settled_text(done), file=sys.stderr)
            yield office
        finally:
            office.store.close()


def actor(office: Office, person: str, key: Path | None) -> Actor:
    """Return the registered person who acts, with the key that signs for them."""
    from extractor.keys import load_signing_key
    from extractor.workflow.office import Actor

    with office.store.reading() as tx:
        found = office.person(tx, person)
    return Actor(found, load_signing_key(key or office.home.people / f"{person}.pem"))
