"""The plan of the pipeline benchmark, carried out with the product's own engine, gate, scan and package writer."""

from __future__ import annotations

import secrets
from datetime import date
from pathlib import Path

import polars as pl
import pyrage

from extractor.catalogue import FieldClass, ValueFormat
from extractor.deid.classes import build_classes
from extractor.deid.gate import RiskLimits, pass_gate
from extractor.deid.pseudonyms import ProjectKeys
from extractor.deid.residual import ResidualScan
from extractor.deid.residual_known import RawIdentifiers
from extractor.engines.output import write_table
from extractor.engines.release import Release
from extractor.hardening import give_back_memory
from extractor.levels import hierarchy_of
from extractor.plans.nodes import ColumnPlan, Derivation, Derive, Plan, RiskPlan, Scan, Source, TablePlan
from extractor.requests import OutputFormat, Period, SharingMode
from extractor.transfer.seal import PackageWriter

RECIPIENT_SEED = "benchmark"
_FIELDS = (
    ("resident_id", "resident_id", "pseudonym", FieldClass.DIRECT, ValueFormat.TEXT, "person"),
    ("phone", "phone", "mask", FieldClass.OTHER, ValueFormat.TEXT, "phone"),
    ("birth", "birth_date", "age_band_10", FieldClass.QUASI, ValueFormat.DATE, "birth_date"),
    ("sex", "category", "raw", FieldClass.QUASI, ValueFormat.TEXT, "category"),
    ("division", "division", "prefecture", FieldClass.QUASI, ValueFormat.TEXT, "division"),
    ("admitted", "event_date", "month", FieldClass.QUASI, ValueFormat.DATE, "event_date"),
    ("icd", "icd10", "category_3", FieldClass.QUASI, ValueFormat.TEXT, "icd10"),
    ("amount", "amount", "round_10", FieldClass.SENSITIVE, ValueFormat.DECIMAL, "amount"),
)


def release_of(source: Path) -> Release:
    """Return the release of the benchmark's plan over a folder of Parquet files."""
    columns = tuple(_column(*field[:4]) for field in _FIELDS)
    derivations = tuple(Derivation(n, n, kind, level, domain, form) for n, kind, level, _, form, domain in _FIELDS)
    table = TablePlan(
        "stays", "住院", Derive(Scan("stays", tuple(f[0] for f in _FIELDS)), "resident_id", derivations), columns
    )
    day = date(2026, 1, 1)
    plan = Plan(
        "benchmark", "sha256:0", "benchmark", Source("b", "1", "sha256:0", "benchmark", day), (), "benchmark",
        Period(day, day), (), day, date(2025, 12, 31), (table,), (), RiskPlan(SharingMode.CONTROLLED, 5, 0.2, 0.05, ()),
        (), (), (), OutputFormat.PARQUET, "",
    )  # fmt: skip
    keys = ProjectKeys.derive(secrets.token_bytes(32), "benchmark")
    return Release(plan, lambda _name, wanted: pl.scan_parquet(source / "*.parquet").select(wanted), keys)


def _column(name: str, kind: str, level: str, cls: FieldClass) -> ColumnPlan:
    chosen = hierarchy_of(kind).level(level)
    quasi = chosen.quasi and cls in (FieldClass.DIRECT, FieldClass.QUASI)
    return ColumnPlan(name, name, name, kind, cls, 3, level, level, level, chosen.technique, quasi, "benchmark", ())


def seal_release(release: Release, target: Path, *, gate: bool, scan: bool) -> int:
    """Carry out gate, scan, treatment and encryption; return the number of rows written."""
    table = release.plan.tables[0]
    left_out = None
    if gate:
        limits = RiskLimits(5, None, None, 0.05, 1.0)
        classes = [build_classes([release.for_risk(table, sensitive=False)])]
        left_out = pass_gate(classes.pop(), limits, SharingMode.CONTROLLED).suppressed_persons
        give_back_memory()
    frame = release.given(table, left_out=left_out)
    looked = None
    if scan:
        looked = ResidualScan(RawIdentifiers.collect(release.identifiers(table), key=secrets.token_bytes(32)))
        frame = looked.as_node(frame, table.name, {})
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    with (
        PackageWriter(target, recipient=recipient) as writer,
        writer.encrypted_file("data/stays.parquet.age", media_type="application/vnd.apache.parquet") as sink,
        sink.as_system_file() as file,
    ):
        write_table(frame, file, OutputFormat.PARQUET, facts={"extractor.source": "benchmark"})
    return looked.rows[table.name] if looked else 0
