"""A run's own process: hardened, with private temporary folders, bounded, and purged whatever happens.

Owns the order of set-up. Environment and limits must stand before polars is imported, which reads them once and never again;
so this module imports at its top only what does not import polars, and the rest where it is used. Reports to its supervisor
by one JSON object on each line of standard output: progress, or at last the error.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractor.destruction import Ground
from extractor.errors import ExtractorError
from extractor.hardening import enter_private_environment, harden_process, settle_memory
from extractor.settings import Home
from extractor.workspace import Workspace

if TYPE_CHECKING:
    from extractor.workflow.office import Office
    from extractor.workflow.runs import RunOrder

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Carry out the run that the command line names: ``python -m extractor.worker HOME RUN``."""
    home, number = Path(sys.argv[1]), sys.argv[2]
    harden_process()
    _die_with_supervisor()
    try:
        enter_private_environment(Home(home.resolve()).scratch / number)
        from extractor.bootstrap import open_office
        from extractor.workflow.runs import read_order

        office = open_office(home)
        with office.store.reading() as tx:
            order = read_order(tx, number)
        if os.getppid() != order.supervisor.pid:
            return 1
        _bound_memory(office.settings.limits.memory_bytes)
        settle_memory()
        with Workspace.create(office.home.scratch, number) as workspace:
            return _run(office, order, workspace)
    except ExtractorError as error:
        _say(error.as_json())
        return error.exit_code
    except Exception as error:
        _say(_bug(error))
        return 1


def _run(office: Office, order: RunOrder, workspace: Workspace) -> int:
    """Run the job, then purge and record, in either case."""
    from extractor.workflow.purging import purge_run

    for folder in ("tmp", "spill"):
        workspace.path(f"{folder}/x")
    tempfile.tempdir = os.environ["TMPDIR"]
    ground, package, code = Ground.RUN_FAILED, None, 1
    try:
        from extractor.workflow.extraction import extract

        record = extract(office, order, workspace, report=_say)
        ground, package, code = Ground.RUN_ENDED, record.package_digest, 0
    except ExtractorError as error:
        _say(error.as_json())
        code = error.exit_code
    except MemoryError:
        _say(_out_of_memory(order.number).as_json())
    except Exception as error:
        _say(_bug(error))
    _say({"step": "purge"})
    purge_run(office, order, workspace, ground=ground, package=package)
    return code


def _say(message: dict[str, Any]) -> None:
    """Tell the supervisor. When it is gone there is nobody to tell, and the process ends by its signal."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(message, ensure_ascii=False), flush=True)


def _bug(error: Exception) -> dict[str, object]:
    """Name a bug by its kind and place only: its text could hold a value of a person."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return ExtractorError(
        f"a bug: {type(error).__name__} at {place}; nothing is delivered",
        zh=f"程序缺陷:{type(error).__name__} 于 {place};未交付任何数据",
        thing="worker",
        fix_en="report the kind and the place",
        fix_zh="请报告上述类型与位置",
    ).as_json()


def _out_of_memory(number: str) -> ExtractorError:
    return ExtractorError(
        "the run needs more memory than it may use; nothing was spilled to disk and nothing is delivered",
        zh="运行所需内存超出限制;未向磁盘写出中间数据,未交付任何数据",
        thing=number,
        fix_en="raise limits.memory_bytes in settings.yaml, or ask for a shorter period",
        fix_zh="请提高 settings.yaml 中的 limits.memory_bytes,或缩短数据期间",
    )


def _die_with_supervisor() -> None:
    """Ask the kernel to kill this process when its supervisor dies, so that no worker runs unwatched."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _bound_memory(limit: int) -> None:
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main())
