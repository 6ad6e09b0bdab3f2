"""The command line ``extractor``: one Typer application, assembled from the groups in ``extractor.commands``.

Owns the tree of commands. A command is parse → one call of the workflow → show; what heavy packages do is imported where
it is used.
"""

from __future__ import annotations

import os

import typer

from extractor.commands import (
    agreement,
    assessment,
    backup,
    catalogue,
    complaint,
    consent,
    deid,
    demo,
    destruction,
    duty,
    filing,
    grant,
    handover,
    home,
    incident,
    integrity,
    log,
    package,
    people,
    plan,
    policy,
    report,
    request,
    risk,
)
from extractor.hardening import ENGINE_ENVIRONMENT

app = typer.Typer(
    name="extractor",
    help="健康医疗数据最小化提取与去标识化 · minimal extraction and de-identification of Chinese health data",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(policy.app, name="policy")
app.add_typer(request.app, name="request")
app.add_typer(plan.app, name="plan")
app.add_typer(package.app, name="package")
app.add_typer(log.app, name="log")
app.add_typer(people.app, name="person")
app.add_typer(deid.app, name="deid")
app.add_typer(destruction.app, name="destroy")
app.add_typer(duty.app, name="duty")
app.add_typer(assessment.app, name="assessment")
app.add_typer(agreement.app, name="agreement")
app.add_typer(consent.app, name="consent")
app.add_typer(integrity.app, name="integrity")
app.add_typer(complaint.app, name="complaint")
app.add_typer(filing.app, name="filing")
app.add_typer(grant.app, name="grant")
app.add_typer(incident.app, name="incident")
app.add_typer(backup.app, name="backup")
app.add_typer(handover.app, name="handover")
app.add_typer(report.retention_app, name="retention")
app.command("report")(report.report)
app.command("restore")(backup.restore)
app.command("init")(home.init)
app.command("doctor")(home.doctor)
app.command("keygen")(home.keygen)
app.command("run")(request.run)
app.command("risk")(risk.risk)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line.

    polars reads its disk budget once, when it is imported; with none it stops rather than spill rows to disk, in commands that
    read tables in this process too (``risk``, ``catalogue draft``, ``deid``). A run's own process sets it by itself.
    """
    for name, value in ENGINE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    app()


if __name__ == "__main__":
    main()
