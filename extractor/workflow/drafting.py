"""Drafting a catalogue from a sample of tables, for a person to check.

Owns the order of the work and the writing of the YAML with its evidence. It must not know how a file is read, what a name
means or what a count says. Names, types and counts are written; a value never is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from extractor.canonical import to_json
from extractor.catalogue import FieldClass, Subject
from extractor.forms.catalogue_form import parse_catalogue
from extractor.workflow.drafting_evidence import ColumnEvidence, column_evidence
from extractor.workflow.drafting_keys import Keys, propose_keys
from extractor.workflow.drafting_proposal import Proposal, propose, with_domain
from extractor.workflow.drafting_sample import Sample, find_tables, read_sample

_TO_FILL = "待填"
_CHECK = "请核对"
_MOST_ITEMS = 6


@dataclass(frozen=True)
class Draft:
    """A drafted catalogue as YAML, and the evidence as plain JSON values: names, counts, proposals."""

    yaml: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class _Drafted:
    """One table: its sample, and for each column the evidence and the proposal."""

    sample: Sample
    columns: tuple[tuple[ColumnEvidence, Proposal], ...]

    @property
    def name(self) -> str:
        return self.sample.table.name


def draft_catalogue(source: Path, *, sample: int = 2000) -> Draft:
    """Read a sample of each table in ``source`` and draft a catalogue that the checker accepts.

    Args:
        source: one file, or a folder whose files and sub-folders (Parquet, CSV, TSV) are tables.
        sample: rows of each table that are held in memory, at most.

    Raises:
        UsageError: ``sample`` is less than one.
        SourceError: nothing is there, or a file cannot be read or has no header.
        RecogniserFailed: a recogniser of free text stopped.
    """
    base, tables, passed_over = find_tables(source)
    drafted = [_draft_table(read_sample(table, base=base, sample=sample)) for table in tables]
    keys = propose_keys(
        {table.name: [proposal for _, proposal in table.columns] for table in drafted},
        {table.name: table.sample.frame for table in drafted},
    )
    drafted = [_with_domains(table, keys) for table in drafted]
    text = "\n".join([*_head(source), *(line for table in drafted for line in _table_lines(table, keys))]) + "\n"
    parse_catalogue(text.encode(), name="draft.yaml")
    return Draft(text, _evidence(drafted, keys, passed_over))


def _draft_table(sample: Sample) -> _Drafted:
    found = [(column_evidence(values), values.name) for values in sample.frame.get_columns()]
    return _Drafted(sample, tuple((seen, propose(sample.table.name, name, seen)) for seen, name in found))


def _with_domains(table: _Drafted, keys: Keys) -> _Drafted:
    columns = []
    for seen, proposal in table.columns:
        domain = keys.domains.get((table.name, proposal.name))
        if domain is None and keys.person.get(table.name) == proposal.name:
            domain = "person"
        columns.append((seen, with_domain(proposal, domain) if domain else proposal))
    return _Drafted(table.sample, tuple(columns))


def _head(source: Path) -> list[str]:
    name = "".join(sign if sign.isalnum() else "_" for sign in source.stem) or "draft"
    return [
        "# 由抽样起草,须由人逐项核对;`请核对` 处必须由人决定 · drafted from a sample; a person checks all of it.",
        "# evidence: 仅为计数,不含任何值 · counts only, no value",
        f"catalogue: {_quoted(name)}",
        'version: "0"',
        f"name: {_TO_FILL}  # {_CHECK}",
        f"source: {_TO_FILL}  # {_CHECK}",
        f"acquired: {date.today().isoformat()}  # {_CHECK}: 取得日期 · day of acquisition",
        f'division: "000000"  # {_CHECK}: 存储地行政区划代码 GB/T 2260 · where the data are stored',
        "",
        "defaults:",
        "  grade: 3",
        f"  category: {_TO_FILL}  # {_CHECK}",
        f"  sharing: {{class: restricted, reason: {_TO_FILL}, basis: {_TO_FILL}}}  # {_CHECK}: 法律依据 · legal basis",
        f"  responsible: {_TO_FILL}  # {_CHECK}",
        f"  attributes: {_TO_FILL}  # {_CHECK}",
        f"  update: static  # {_CHECK}",
        f"  use: [analyse]  # {_CHECK}: 允许提取须加 extract · extraction needs `extract`",
        "",
        "tables:",
    ]


def _table_lines(table: _Drafted, keys: Keys) -> list[str]:
    where = table.sample.table.location
    place = f"path: {_quoted(where.path)}, format: {where.format.value}"
    if where.format.value == "csv":
        place += f", separator: {_quoted(where.separator)}, encoding: {where.encoding}"
    sampled = table.sample.frame.height
    lines = [
        f"  {_quoted(table.name)}:",
        f"    # evidence: 抽样 sampled {sampled} 行 rows, {table.sample.files} 个文件 file(s)",
        f"    name: {_quoted(table.name)}  # {_CHECK}",
        f"    location: {{{place}}}",
    ]
    if person := keys.person.get(table.name):
        lines.append(f"    person: {_quoted(person)}  # {_CHECK}{_sharing_counts(table.name, person, keys)}")
    if key := keys.key.get(table.name):
        lines.append(f"    key: [{_quoted(key)}]  # {_CHECK}: 抽样中唯一 · unique in the sample")
    if period := _period(table):
        lines.append(f"    period: {_quoted(period)}  # {_CHECK}")
    if keys.identity == table.name:
        lines.append(f"    identity: true  # {_CHECK}")
    return [*lines, "    fields:", *(line for seen, proposal in table.columns for line in _field(seen, proposal))]


def _sharing_counts(table: str, column: str, keys: Keys) -> str:
    pairs = [pair for pair in keys.shared if (table, column) in (pair.left, pair.right)]
    others = {pair.right[0] if pair.left[0] == table else pair.left[0]: pair.values for pair in pairs}
    listed = ", ".join(f"{json.dumps(name, ensure_ascii=False)} {count}" for name, count in list(others.items())[:4])
    return f": 与其他表共有的抽样值 · sampled values shared with {listed}" if listed else ""


def _period(table: _Drafted) -> str | None:
    kinds = ("event_date", "event_time")
    whole = (
        p.name for seen, p in table.columns if p.kind in kinds and seen.nonnull and seen.nonnull >= 0.9 * seen.rows
    )
    return next(whole, None)


def _field(seen: ColumnEvidence, proposal: Proposal) -> list[str]:
    facets = f"name: {_quoted(proposal.zh)}, kind: {proposal.kind}, class: {proposal.cls.value}, format: {proposal.format.value}"
    facets += f", grade: {proposal.grade}"
    if proposal.subject is not Subject.PERSON:
        facets += f", subject: {proposal.subject.value}"
    if proposal.domain:
        facets += f", domain: {_quoted(proposal.domain)}"
    mark = f"  # {_CHECK}" if proposal.decide else ""
    return [f"      # evidence: {_counts(seen, proposal)}", f"      {_quoted(proposal.name)}: {{{facets}}}{mark}"]


def _counts(seen: ColumnEvidence, proposal: Proposal) -> str:
    parts = [f"by {proposal.why}", f"non-null {seen.nonnull}/{seen.rows}", f"distinct {seen.distinct}"]
    checks = sorted(seen.checks, key=lambda pair: -pair[1])[:_MOST_ITEMS]
    parts += ["checks " + " ".join(f"{name}={count}" for name, count in checks)] if checks else []
    spans = sorted(seen.spans, key=lambda pair: -pair[1])[:_MOST_ITEMS]
    parts += [f"spans in {seen.texts} texts " + " ".join(f"{name}={count}" for name, count in spans)] if spans else []
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _evidence(drafted: list[_Drafted], keys: Keys, passed_over: int) -> dict[str, Any]:
    tables = {
        table.name: {
            "rows_sampled": table.sample.frame.height,
            "rows": table.sample.rows,
            "files": table.sample.files,
            "person": keys.person.get(table.name),
            "key": keys.key.get(table.name),
            "columns": {p.name: {"proposed": to_json(p), "counts": _as_json(seen)} for seen, p in table.columns},
        }
        for table in drafted
    }
    classes = [proposal.cls for table in drafted for _, proposal in table.columns]
    shared = [{"left": list(pair.left), "right": list(pair.right), "values": pair.values} for pair in keys.shared]
    return {
        "tables": tables,
        "classes": {cls.value: classes.count(cls) for cls in FieldClass},
        "to_decide": sum(proposal.decide for table in drafted for _, proposal in table.columns),
        "identity": keys.identity,
        "shared": shared,
        "not_tables": passed_over,
    }


def _as_json(seen: ColumnEvidence) -> dict[str, Any]:
    plain = {name: getattr(seen, name) for name in ("rows", "nonnull", "distinct", "mean_length", "dtype", "texts")}
    return {**plain, "checks": dict(seen.checks), "spans": dict(seen.spans)}
