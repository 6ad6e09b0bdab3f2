"""The main job: from a frozen plan to a sealed package, inside a run's own process.

Owns the order of the steps, which reads from top to bottom in ``extract``; each step is one call. Whatever happens, the caller
(``extractor.worker``) purges and records. 榕政综〔2017〕122号 art. 23.
"""

from __future__ import annotations

import json
import resource
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import Any

import polars as pl

from extractor.canonical import canonical_bytes, digest, to_json
from extractor.catalogue import Catalogue, Table
from extractor.decode import from_json
from extractor.deid.classes import PersonClasses, build_classes
from extractor.deid.finders import Finders
from extractor.deid.foreign import load_recognisers
from extractor.deid.free_text import Limits as TextLimits
from extractor.deid.gate import GateResult, RiskLimits, pass_gate
from extractor.deid.pseudonyms import ProjectKeys
from extractor.deid.residual import ResidualScan
from extractor.deid.residual_footer import scan_footer
from extractor.deid.residual_known import RawIdentifiers
from extractor.deid.residual_values import Check
from extractor.engines.output import MEDIA_TYPES, SUFFIXES, write_table
from extractor.engines.release import OWN, Release
from extractor.errors import ApprovalError, NothingToGive, RiskNotMet
from extractor.hardening import give_back_memory
from extractor.log.entries import Verb
from extractor.log.journal import head
from extractor.manifest import AgreementRef, Approval, Cover, LogPosition, Origin, Provenance, RiskSummary
from extractor.pages.render import dictionary_page
from extractor.plans.minimality import check_minimal, columns_read
from extractor.plans.nodes import Join, Plan, Scan, TablePlan, inputs
from extractor.plans.obligations import UNCOUNTED_ZH, identified_by_consent
from extractor.policy_words import PracticeKind
from extractor.requests import Act, OutputFormat, Request
from extractor.sources.snapshot import SourceSnapshot, check_schema, check_unchanged, check_unique, take_snapshot
from extractor.sources.tables import open_table
from extractor.store.transaction import Transaction
from extractor.transfer.pipe import EncryptedFile
from extractor.transfer.seal import PackageWriter, SealedPackage
from extractor.workflow.agreements import signed_agreement
from extractor.workflow.approval import catalogue_of, current_plan, decisions_in_force
from extractor.workflow.assessments import check_assessments
from extractor.workflow.consents import consents_now, settle_sifted
from extractor.workflow.dictionaries import finders_of
from extractor.workflow.duties import open_at_run_end
from extractor.workflow.freshness import stale_sources, warn_of_stale
from extractor.workflow.grants import check_grant
from extractor.workflow.office import Office
from extractor.workflow.practised import practised
from extractor.workflow.records import give_place, record_path, write_whole
from extractor.workflow.runs import (
    RunOrder,
    RunRecord,
    RunState,
    SourceFigures,
    TableFigures,
    approvals_of,
    move_request,
)
from extractor.workflow.standing import policies_of
from extractor.workspace import Workspace

Progress = Callable[[dict[str, Any]], None]
_SEALED = (PracticeKind.ENCRYPTED_TRANSFER, PracticeKind.RECIPIENT_BOUND, PracticeKind.SOURCE_AND_DATE)


@dataclass
class _Job:
    """What the steps share while one run is carried out."""

    office: Office
    order: RunOrder
    plan: Plan
    request: Request
    catalogue: Catalogue
    release: Release
    report: Progress
    started: float = field(default_factory=time.monotonic)

    def table(self, name: str) -> Table:
        found = self.catalogue.table(name)
        assert found is not None
        return found


def extract(office: Office, order: RunOrder, workspace: Workspace, *, report: Progress) -> RunRecord:
    """Carry out a run: read, desensitise, measure, scan, seal. The package stands under its name when this returns.

    Raises:
        ExtractorError: any step that stops the run; nothing is then delivered.
    """
    job = _prepare(office, order, report)  # 1. approvals, plan and keys, checked once more in this process
    before = _log_access(
        job, _look_at_sources(job)
    )  # 2. files, schema, digests; the access is in the log before any row is read
    _read_dictionaries(job)  # the site's words, and the recognisers of others
    _check_keys(job)  # 3. one row for each person where the plan joins
    if job.release.consents is not None:
        settle_sifted(office, order, job.plan, job.release.sifted)  # by the register of consents as it stands now
    # 4. persons of the population and their quasi-identifiers; they are let go before anything is written
    gate = _risk_gate(job, _classes(job))  # 5. k, l, t, GB/T 42460; who must be left out
    give_back_memory()
    scan = _prepare_scan(job)  # 6. raw identifiers of the run as a keyed set
    sealed, written = _seal(job, workspace, gate, scan)  # 7. derive, scan and encrypt in one stream
    after = _look_at_sources(job)  # 8. the source has not changed meanwhile
    for was, now in zip(before, after, strict=True):
        check_unchanged(was, now)
    record = _record(job, (before, gate), sealed=sealed, written=written)  # 9. figures
    _commit(job, sealed, record)  # 10. package, record, state and log in one transaction
    return record


def _prepare(office: Office, order: RunOrder, report: Progress) -> _Job:
    report({"step": "check"})
    office.check_residency()
    with office.store.reading() as tx:
        plan = current_plan(office, tx, order.request)
        decisions_in_force(office, tx, order.request, plan)
        check_assessments(office, tx, order.request, plan)
        check_grant(office, tx, order.request, plan)
        request_body = tx.get("request", order.request).body
        consents = consents_now(office, tx, from_json(Request, request_body), plan)
    if plan.digest != order.plan:
        raise ApprovalError(
            "the plan is another one than the run was ordered for",
            zh="方案与运行指令所依据的不同",
            thing=order.number,
            fix_en="run the request again",
            fix_zh="请重新运行",
        )
    check_minimal(plan)
    Finders(extra=load_recognisers()).check(plan.text_entities)
    request = from_json(Request, request_body)
    catalogue = catalogue_of(office, request)
    keys = ProjectKeys.derive(office.root_key.secret, request.pseudonym_domain)
    base = office.data_folder

    def opener(name: str, columns: tuple[str, ...]) -> pl.LazyFrame:
        table = catalogue.table(name)
        assert table is not None
        return open_table(table, columns, base=base)

    limits = TextLimits(seconds=office.settings.limits.text_seconds)
    release = Release(plan, opener, keys, limits, consents=consents)
    return _Job(office, order, plan, request, catalogue, release, report)


def _look_at_sources(job: _Job) -> tuple[SourceSnapshot, ...]:
    job.report({"step": "sources"})
    snapshots = []
    for name, columns in columns_read(job.plan).items():
        table = job.table(name)
        snapshot = take_snapshot(table, base=job.office.data_folder, columns=sorted(columns))
        check_schema(table, snapshot)
        snapshots.append(snapshot)
    return tuple(snapshots)


def _log_access(job: _Job, snapshots: tuple[SourceSnapshot, ...]) -> tuple[SourceSnapshot, ...]:
    """Log the access to each source table in the operator's name, also for runs that fail later."""
    office, order = job.office, job.order
    with office.store.transaction() as tx:
        operator = office.person(tx, order.operator)
        asked = practised(office, tx, order.request, PracticeKind.ACTS_LOGGED)
        for snapshot in snapshots:
            columns = tuple(f"{snapshot.table}.{name}" for name in snapshot.columns)
            office.log(
                tx, Verb.ACCESS, operator, object=snapshot.table, request=order.request, rows=snapshot.rows,
                columns=columns, object_digest=_source_digest(snapshot), reason=order.number, **asked,
            )  # fmt: skip
        stale = stale_sources(office, job.catalogue, snapshots)
        warn_of_stale(office, tx, stale, request=order.request, policies=policies_of(office, tx, order.request))
    return snapshots


def _read_dictionaries(job: _Job) -> None:
    """Read the terms that are looked for in the texts; only now, because the access to their tables is in the log."""

    def open_column(name: str, column: str) -> pl.LazyFrame:
        return job.release.open_table(name, (column,))

    folder = job.office.home.catalogues
    finders = finders_of(job.plan.dictionaries, folder=folder, open_column=open_column)
    job.release = replace(job.release, finders=finders)


def _check_keys(job: _Job) -> None:
    """Check that each key that a join looks up occurs once: a doubled person would double or mix rows."""
    looked_up = {
        (scan.table, node.key)
        for table in job.plan.tables
        for node in _nodes(table)
        if isinstance(node, Join) and isinstance(scan := node.other, Scan)
    }
    identity = job.catalogue.identity_table
    if identity is not None and identity.person and identity.name in columns_read(job.plan):
        looked_up.add((identity.name, identity.person))
    for name, key in sorted(looked_up):
        with job.release.trap.reading(name):
            frame = job.release.open_table(name, (key,))
            check_unique(frame, job.table(name), (key,))


def _nodes(table: TablePlan) -> Iterator[Any]:
    waiting: list[Any] = [table.root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += inputs(node)


def _classes(job: _Job) -> PersonClasses:
    job.report({"step": "risk"})
    tables = [job.release.for_risk(table, sensitive=True) for table in job.plan.tables]
    try:
        with job.release.trap.reading("risk"):
            return build_classes(tables)
    except RiskNotMet:  # Raised here only where there is no row at all; what the limits say comes later.
        raise NothingToGive(
            "nobody fits population and period, so there is nothing to give",
            zh="没有符合目标人群与期间的人员,无可提供的数据",
            thing=job.order.request,
            fix_en="check the predicate and the period of the request against the catalogue",
            fix_zh="请核对申请中的人群条件与期间",
        ) from None


def _risk_gate(job: _Job, classes: PersonClasses) -> GateResult:
    risk = job.plan.risk
    limits = RiskLimits(risk.k, risk.l_diversity, risk.t_closeness, risk.threshold, risk.suppression_limit)
    return pass_gate(classes, limits, risk.mode)


def _prepare_scan(job: _Job) -> ResidualScan:
    job.report({"step": "identifiers"})
    columns = (series for table in job.plan.tables for series in job.release.identifiers(table))
    return ResidualScan(RawIdentifiers.collect(columns, key=secrets.token_bytes(32)))


def _seal(
    job: _Job, workspace: Workspace, gate: GateResult, scan: ResidualScan
) -> tuple[SealedPackage, dict[str, int]]:
    """Stream every table through treatment, scan and encryption into the package; return it and the rows of each table."""
    path = workspace.path(f"{job.order.package}.zip")
    rows: dict[str, int] = {}
    with PackageWriter(path, recipient=job.plan.recipient_key) as writer:
        for table in job.plan.tables:
            job.report({"step": "write", "table": table.name})
            form = job.plan.format
            member = f"data/{table.name}.{SUFFIXES[form]}.age"
            with writer.encrypted_file(member, media_type=MEDIA_TYPES[form], columns=len(table.columns)) as sink:
                rows[table.name] = sink.rows = _write(job, table, (gate, scan), sink)
            if form is OutputFormat.PARQUET:
                scan_footer(scan, table.name, sink.tail)
        _write_text(writer, scan, "dictionary.html.age", "text/html", dictionary_page(job.plan))
        report = json.dumps(_risk_report(job, gate), ensure_ascii=False, indent=1)
        _write_text(writer, scan, "risk.json.age", "application/json", report)
        sealed = writer.finish(_cover(job, gate), signer=job.office.unit_key)
    return sealed, rows


def _write(job: _Job, table: TablePlan, checks: tuple[GateResult, ResidualScan], sink: EncryptedFile) -> int:
    gate, scan = checks
    trap, frame = job.release.trap, job.release.given(table, left_out=gate.suppressed_persons)
    own = [name for name in frame.collect_schema().names() if name.startswith(OWN)]
    given = [column.output for column in table.columns]
    allowed = _allowed(table)

    def look(batch: pl.DataFrame) -> pl.DataFrame:
        with trap.inside():
            scan.scan(batch, table.name, allowed, own_values=own)
        job.report({"step": "write", "table": table.name, "rows": scan.rows[table.name]})
        return batch.select(given)

    schema = pl.Schema({name: dtype for name, dtype in frame.collect_schema().items() if name in given})
    looked_at = frame.map_batches(look, schema=schema, streamable=True)
    with trap.reading(table.name), sink.as_system_file() as file:
        notes = any(column.kind == "free_text" for column in table.columns)
        write_table(looked_at, file, job.plan.format, facts=_facts(job), long_text=notes)
    return scan.rows.get(table.name, 0)


def _allowed(table: TablePlan) -> dict[str, frozenset[Check]]:
    """Let a direct identifier pass the scan of its own column only where the plan gives it as it is."""
    every = frozenset(Check) - {Check.CANARY}
    return {c.output: every for c in table.columns if c.cls.value == "direct" and c.level == "raw"}


def _facts(job: _Job) -> dict[str, str]:
    """Name source and date of acquisition in each file (榕政综〔2017〕122号 art. 20)."""
    return {
        "extractor.source": job.plan.source.name,
        "extractor.acquired": job.plan.source.acquired.isoformat(),
        "extractor.catalogue": f"{job.plan.source.catalogue} {job.plan.source.version}",
        "extractor.plan": job.plan.digest,
    }


def _write_text(writer: PackageWriter, scan: ResidualScan, name: str, media_type: str, text: str) -> None:
    scan.scan_text_member(name, text, known_text=text)
    with writer.encrypted_file(name, media_type=media_type) as sink:
        sink.write(text.encode())


def _risk_report(job: _Job, gate: GateResult) -> dict[str, Any]:
    named = identified_by_consent(job.plan.tables)
    return {
        "standard": "GB/T 42460-2023",
        "counted_over": "persons",
        "limits": to_json(job.plan.risk),
        "before": gate.before.as_json(),
        "after": gate.after.as_json(),
        "left_out_share": gate.suppressed_share,
        "left_out_persons": len(gate.suppressed_persons),
        "quasi_identifiers": [f"{t.name}.{name}" for t in job.plan.tables for name in t.quasi],
        "direct_identifiers_left": job.release.direct_left,
        **({"identified_by_consent": {"fields": named, "note": UNCOUNTED_ZH}} if named else {}),
        **({"persons_without_consent": _without_consent(job)} if job.release.consents else {}),
    }


def _without_consent(job: _Job) -> int | None:
    return job.release.sifted.persons_without if job.release.consents else None


def _cover(job: _Job, gate: GateResult) -> Cover:
    office, plan = job.office, job.plan
    with office.store.reading() as tx:
        approvals = approvals_of(tx, plan, job.order.request)
        agreed = signed_agreement(office, tx, job.order.request, plan)
        position = head(tx, office.log_signer.verifier)
    assert position is not None
    grade = 1 if job.release.direct_left else gate.after.grade
    now = office.now.astimezone(UTC)
    return Cover(
        package=job.order.package,
        project=plan.project,
        issuer_unit=office.settings.unit,
        recipient_unit=job.request.applicant.name,
        provenance=Provenance(
            request=job.order.request,
            request_digest=plan.request,
            plan_digest=plan.digest,
            catalogue_digest=plan.source.digest,
            policy_digests=plan.policies,
            approvals=tuple(
                Approval(d.step, d.role.value, d.unit, d.time.astimezone(UTC), stored) for d, stored in approvals
            ),
            run=job.order.number,
            agreement=AgreementRef(agreed.agreement.number, agreed.digest) if agreed else None,
        ),
        origins=(Origin(plan.source.name, plan.source.acquired),),
        permitted_use=plan.terms,
        risk=RiskSummary(plan.risk.mode, gate.after.k, str(grade)),
        log=LogPosition(position[0].size, "sha256:" + position[0].root.hex()),
        created=now,
        expires=plan.until,
    )


def _record(
    job: _Job, looked: tuple[tuple[SourceSnapshot, ...], GateResult], *, sealed: SealedPackage, written: dict[str, int]
) -> RunRecord:
    snapshots, gate = looked
    job.report({"step": "record"})
    ended = job.office.now
    seconds = time.monotonic() - job.started
    return RunRecord(
        run=job.order.number,
        request=job.order.request,
        plan=job.plan.digest,
        started=ended - timedelta(seconds=seconds),
        ended=ended,
        seconds=round(seconds, 3),
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        sources=tuple(_source_figures(snapshot) for snapshot in snapshots),
        tables=tuple(_table_figures(job, table, snapshots, written) for table in job.plan.tables),
        persons=gate.before.persons,
        persons_left_out=len(gate.suppressed_persons),
        risk=_risk_report(job, gate),
        package=job.order.package,
        package_digest=sealed.digest,
        package_bytes=sealed.bytes,
        persons_without_consent=_without_consent(job),
        stale=stale_sources(job.office, job.catalogue, snapshots),
    )


def _source_figures(snapshot: SourceSnapshot) -> SourceFigures:
    return SourceFigures(
        table=snapshot.table,
        files=len(snapshot.files),
        bytes=snapshot.bytes,
        rows=snapshot.rows,
        digest=_source_digest(snapshot),
        columns_read=len(snapshot.columns),
        columns_total=snapshot.columns_total,
    )


def _source_digest(snapshot: SourceSnapshot) -> str:
    return digest({"files": [[file.name, file.bytes, file.digest, file.digest_of] for file in snapshot.files]})


def _table_figures(
    job: _Job, table: TablePlan, snapshots: tuple[SourceSnapshot, ...], written: dict[str, int]
) -> TableFigures:
    source = next(snapshot for snapshot in snapshots if snapshot.table == table.name)
    with job.release.trap.reading(table.name):
        kept = job.release.rows(table, wanted=frozenset()).select(pl.len()).collect(engine="streaming").item()
    return TableFigures(
        table=table.name,
        columns_read=len(source.columns),
        columns_in_table=source.columns_total,
        rows_scanned=source.rows,
        rows_kept=int(kept),
        rows_given=written[table.name],
        columns_given=len(table.columns),
        unparsed=tuple(sorted(job.release.unparsed(table).items())),
        spans=tuple(sorted((k, n) for (name, k), n in job.release.spans.items() if name == table.name)),
        rows_without_consent=job.release.sifted.rows_without.get(table.name) if job.release.consents else None,
    )


def _commit(job: _Job, sealed: SealedPackage, record: RunRecord) -> None:
    """Give the package its place and record everything in one transaction; on failure the package goes with the workspace."""
    office, order = job.office, job.order
    target, file = office.home.packages / sealed.path.name, record_path(office, order.number)
    try:
        with office.store.transaction() as tx:
            tx.put("run_record", order.number, record)
            stored = tx.put("package", order.package, json.loads(sealed.manifest.to_json()))
            tx.move("run", order.number, was=RunState.RUNNING.value, to=RunState.SEALED.value)
            move_request(tx, order.request, Act.SEAL)
            _log_sealed(job, tx, sealed, record=record, manifest=stored)
            open_at_run_end(office, tx, order.request, run=order.number, package=order.package)
            give_place(sealed.path, target)
            # Before the commit: a disk that is full fails the run and not its report.
            write_whole(file, canonical_bytes(record))
    except BaseException:
        target.unlink(missing_ok=True)
        if file.is_file():
            file.unlink()
        raise


def _log_sealed(job: _Job, tx: Transaction, sealed: SealedPackage, *, record: RunRecord, manifest: str) -> None:
    """Log what the run measured, scanned, ended with and sealed, in figures and digests only."""
    office, order = job.office, job.order
    rows, risk = sum(table.rows_given for table in record.tables), record.risk["after"]
    about: dict[str, Any] = {"request": order.request, "rows": rows, "bytes": sealed.bytes}
    columns = tuple(f"{t.name}.{c.output}" for t in job.plan.tables for c in t.columns)
    figures = f"k={risk['k']} R={risk['R']:.6f} grade={risk['grade']}"
    office.log(tx, Verb.RISK, None, object=order.number, request=order.request, reason=figures)
    scanned = practised(office, tx, order.request, PracticeKind.LEAK_SCAN)
    office.log(tx, Verb.SCAN, None, object=order.package, request=order.request, rows=rows, **scanned)
    office.log(tx, Verb.RUN_END, None, object=order.number, object_digest=digest(record), columns=columns, **about)
    about |= practised(office, tx, order.request, *_SEALED)
    office.log(tx, Verb.SEAL, None, object=order.package, object_digest=sealed.digest, reason=manifest, **about)
