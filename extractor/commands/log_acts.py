"""What ``extractor log`` calls: verification and export of the log, with the keys of the home or given ones."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

from extractor.commands.shell import actor
from extractor.errors import UsageError
from extractor.log.checkpoint import Verifier, open_checkpoint
from extractor.log.entries import Verb
from extractor.log.export import export, verify_export
from extractor.policy_words import PushSubject
from extractor.settings import Home
from extractor.workflow.grounds import cited_facts
from extractor.workflow.incidents import verified_log
from extractor.workflow.office import Office
from extractor.workflow.push_documents import documents_due, push_documents
from extractor.workflow.pushes import Push, push_log, pushes_due


def verify_home_act(office: Office, checkpoint: Path | None) -> dict[str, Any]:
    """Verify the home's log, against a checkpoint kept elsewhere where one is given."""
    verifier = office.log_signer.verifier
    known = open_checkpoint(checkpoint.read_bytes(), verifier) if checkpoint else None
    found = verified_log(office, known)
    return {"entries": found.size, "root": found.root.hex(), "verified": True}


def verify_export_act(exported: Path, key: str | None, home: Path) -> dict[str, Any]:
    """Verify an export with a given verifier key, or with that of the home.

    Raises:
        UsageError: neither is there.
    """
    if key is None:
        from extractor.bootstrap import open_office

        if not Home(home).settings.is_file():
            raise UsageError(
                "an export is verified with the log's verifier key", zh="核验导出件需要日志验证密钥", thing="--key",
                fix_en="give it with --key; `extractor init` printed it", fix_zh="请用 --key 指定(extractor init 时已显示)",
            )  # fmt: skip
        office = open_office(home)
        verifier = office.log_signer.verifier
        office.store.close()
    else:
        verifier = Verifier.parse(key)
    found = verify_export(exported, verifier)
    return {"entries": found.size, "root": found.root.hex(), "verified": True}


def export_act(office: Office, out: Path) -> dict[str, Any]:
    """Export the log and log the export itself."""
    with office.store.transaction() as tx:
        office.log(tx, Verb.EXPORT, None, object="log")
    with office.store.reading() as tx:
        found = export(tx, out, office.log_signer.verifier)
    return {"path": str(out), "entries": found.size, "root": found.root.hex()}


def push_act(
    office: Office, asked: tuple[str | None, Path | None, str | None], key: Path | None, *, subject: str = "log"
) -> Push:
    """Push the log, incidents or reports to an organ.

    Raises:
        UsageError: organ, file or person is not named, or there is no such subject.
    """
    if subject not in set(PushSubject):
        known = ", ".join(PushSubject)
        raise UsageError(
            "there is no such subject of a push", zh="没有该推送内容", thing="--subject",
            fix_en=f"choose one of {known}", fix_zh=f"请选择 {known}",
        )  # fmt: skip
    to, out, by = asked
    if to is None or out is None or by is None:
        raise UsageError(
            "a push names organ, file and person", zh="推送须指明机关、文件和办理人", thing="--to, --out, --by",
            fix_en="give all three, or --list", fix_zh="请全部填写,或使用 --list",
        )  # fmt: skip
    if subject == PushSubject.LOG:
        return push_log(office, actor(office, by, key), to=to, out=out)
    return push_documents(office, actor(office, by, key), PushSubject(subject), to=to, out=out)


def list_pushes_act(office: Office) -> list[dict[str, Any]]:
    """Return every push that a rule asks for, of log, incidents and reports, with the day on which it is due."""
    documents = (documents_due(office, subject) for subject in (PushSubject.INCIDENT, PushSubject.REPORT))
    return [
        {
            "subject": each.subject,
            "new": each.new,
            "to": each.asked.to,
            "due": each.due,
            "overdue": each.overdue,
            "last": each.last,
            **cited_facts(each.asked.cited),
        }
        for each in (*pushes_due(office), *chain.from_iterable(documents))
    ]
