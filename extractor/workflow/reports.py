"""The report of a period: its figures, its files for people and for machines, and when the next one is due.

Owns the report as a document (RP-…) and its four files. Everything in it is computed from log and documents, and it names the log's
length and root, so an auditor who has the log gets the same figures. 榕政综〔2017〕122号 art. 31. It must not know what counts as what
(``report_figures``).
"""

from __future__ import annotations

import csv
import io
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import StorageError, UsageError
from extractor.log.entries import Verb
from extractor.log.journal import search
from extractor.pages.render import report_page
from extractor.policy import Cited
from extractor.requests import Period, Role
from extractor.store.transaction import Transaction
from extractor.workflow.grounds import acting, cited_facts
from extractor.workflow.incidents import verified_log
from extractor.workflow.office import CHINA, Actor, Office
from extractor.workflow.records import write_whole
from extractor.workflow.report_figures import Figure, Section, figures, log_head, total

_KIND = "report"
_ROLES = (Role.OPERATOR, Role.AUTHORITY, Role.AUDITOR, Role.TECHNICAL_SERVICE_UNIT)
_FORMULA = tuple("=+-@\t\r")
# What the tables of the page show of each month and unit: heading, section, items (none: all).
_COLUMNS: tuple[tuple[str, Section, tuple[str, ...]], ...] = (
    ("申请", Section.REQUESTS, ("submitted",)),
    ("运行", Section.RUNS, ("started",)),
    ("封装", Section.RUNS, ("sealed",)),
    ("提供行数", Section.ROWS, ()),
    ("拒绝", Section.REFUSALS, ()),
    ("移交", Section.DELIVERIES, ("given",)),
    ("签收", Section.DELIVERIES, ("received",)),
    ("下载", Section.DELIVERIES, ("downloaded",)),
    ("销毁", Section.DESTRUCTIONS, ()),
    ("义务了结", Section.DUTIES, ("closed",)),
    ("安全事件", Section.INCIDENTS, ("opened",)),
    ("投诉举报", Section.COMPLAINTS, ("registered",)),
)
_STANDING = (
    ("逾期义务", Section.DUTIES, "now_overdue"),
    ("未了结义务", Section.DUTIES, "now_open"),
    ("未销诚信记录", Section.BREACHES, "now_open"),
    ("未结安全事件", Section.INCIDENTS, "now_open"),
    ("未答复投诉举报", Section.COMPLAINTS, "now_open"),
)


@dataclass(frozen=True)
class DueReport:
    """To which organ the report goes, how often, and the day by which the next one is due."""

    to: str
    every_days: int
    due: date
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class Report:
    """One report. ``of`` is the unit that it is about, None for all; ``log_size`` and ``log_root`` say what it was computed from."""

    number: str
    unit: str
    of: str | None
    period: Period
    made: datetime
    log_size: int
    log_root: str
    figures: tuple[Figure, ...]
    cited: tuple[Cited, ...]


@dataclass(frozen=True)
class MadeReport:
    """A stored report, its digest, its files, and when the next ones are due."""

    report: Report
    digest: str
    files: tuple[Path, ...]
    due: tuple[DueReport, ...]


def make_report(
    office: Office, period: Period, out: Path, *, of: str | None = None, who: Actor | None = None
) -> MadeReport:
    """Make the report of a period, store it, write its files into a folder, and log it.

    Raises:
        UsageError: the period ends before it begins, or lies in the future.
        IntegrityError: the log is not as it was signed, so nothing can be counted.
        ApprovalError: the person has another role than those that report.
        StorageError: the folder cannot be written; nothing is stored then.
    """
    if period.last < period.first or period.first > office.today:
        raise UsageError(
            "the period ends before it begins, or has not begun", zh="期间的止日早于起日,或尚未开始", thing="--from, --to",
            fix_en="give the first and the last day, both included", fix_zh="请给出起止日期(均含)",
        )  # fmt: skip
    with office.refusals_logged(who.person, Verb.REPORT, _KIND) if who else nullcontext():
        verified_log(office)
        with office.store.transaction() as tx:
            person = acting(office, tx, who, roles=_ROLES, thing=_KIND) if who else None
            found = figures(office, tx, period, unit=of)
            cited = tuple(dict.fromkeys(c for asked in office.policies_here.reports() for c in asked.cited))
            number = tx.next_number("RP", office.today.year)
            size, root = log_head(office, tx)
            report = Report(number, office.settings.unit, of, period, office.now, size, root, found, cited)
            stored = tx.put(_KIND, number, report)
            said = f"{period.first.isoformat()}/{period.last.isoformat()}"
            office.log(tx, Verb.REPORT, person, object=number, object_digest=stored, reason=said, **cited_facts(cited))
            due = reports_due(office, tx)
            files = _write(out, report, stored, due)
    return MadeReport(report, stored, files, due)


def reports_due(office: Office, tx: Transaction) -> tuple[DueReport, ...]:
    """Return when the next report is due to each organ: counted from the last one of all units, or from the first log entry."""
    made = [from_json(Report, each.body) for each in tx.find(_KIND)]
    since = max((each.made for each in made if each.of is None), default=None)
    if since is None:
        first = search(tx, limit=1)
        since = datetime.fromisoformat(first[0].time) if first else office.now
    begun = since.astimezone(CHINA).date()
    return tuple(
        DueReport(asked.to, asked.every_days, begun + timedelta(days=asked.every_days), asked.cited)
        for asked in office.policies_here.reports()
    )


def figures_csv(report: Report) -> str:
    """Return one figure per line, for machines: English keys, no byte order mark, texts as they are."""
    rows = [
        (f.section.value, f.item, f.month, f.unit, str(f.count), f.rule or "", f.article or "", f.violation or "")
        for f in report.figures
    ]
    return _csv([("section", "item", "month", "unit", "count", "rule", "article", "violation"), *rows])


def people_csv(report: Report) -> str:
    """Return the figures for a spreadsheet: Chinese headings, a byte order mark, and no cell that a spreadsheet would run."""
    rows = [
        (
            f.section.zh,
            f.zh,
            f.month or "报告时",
            f.unit,
            str(f.count),
            f.rule or "",
            f.article or "",
            f.violation or "",
        )
        for f in report.figures
    ]
    safe = [tuple("'" + cell if cell.startswith(_FORMULA) else cell for cell in row) for row in rows]
    return "\ufeff" + _csv([("类别", "项目", "月份", "单位", "数量", "规则", "条款", "违规情形"), *safe])


def page(report: Report, digest: str, due: tuple[DueReport, ...], *, today: date) -> str:
    """Return the report as one HTML page in Chinese that needs nothing from outside."""
    return report_page(_shown(report, digest, due, today))


def _write(out: Path, report: Report, digest: str, due: tuple[DueReport, ...]) -> tuple[Path, ...]:
    made = report.made.astimezone(CHINA).date()
    contents = {
        f"{report.number}.html": page(report, digest, due, today=made).encode(),
        f"{report.number}.csv": people_csv(report).encode(),
        f"{report.number}-figures.csv": figures_csv(report).encode(),
        f"{report.number}.json": canonical_bytes(report),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise StorageError(
            f"the folder cannot be made ({failure.strerror})", zh="无法建立目录", thing=out.name,
            fix_en="choose another folder with --out", fix_zh="请用 --out 指定其他目录",
        ) from None  # fmt: skip
    for name, content in contents.items():
        write_whole(out / name, content)
    return tuple(out / name for name in contents)


def _csv(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _shown(report: Report, digest: str, due: tuple[DueReport, ...], today: date) -> dict[str, Any]:
    """Return what the page shows: totals, months, units, refusals, what stands open, and the basis."""
    found = report.figures
    passed = [figure for figure in found if figure.month]
    return {
        "number": report.number,
        "digest": digest,
        "unit": report.unit,
        "of": report.of or "全部单位",
        "first": report.period.first.isoformat(),
        "last": report.period.last.isoformat(),
        "made": f"{report.made.astimezone(CHINA):%Y-%m-%d %H:%M}",
        "log": f"{report.log_size} 条,根哈希 {report.log_root}",
        "totals": [(name, f"{total(passed, section, *items):,}") for name, section, items in _COLUMNS],
        "standing": [(name, total(found, section, item)) for name, section, item in _STANDING],
        "columns": [name for name, _, _ in _COLUMNS],
        "months": _table(passed, {figure.month for figure in passed}, "month"),
        "units": _table(passed, {figure.unit for figure in passed}, "unit"),
        "open": [f for f in found if not f.month],
        "refusals": _refusals(passed),
        "destructions": _by_item(passed, Section.DESTRUCTIONS),
        "due": [(each.to, each.due.isoformat(), each.every_days, each.due < today, _basis(each.cited)) for each in due],
        "basis": _basis(report.cited),
    }


def _table(found: list[Figure], keys: set[str], name: str) -> list[tuple[str, list[str]]]:
    rows = []
    for key in sorted(keys):
        own = [figure for figure in found if getattr(figure, name) == key]
        rows.append((key, [f"{total(own, section, *items):,}" for _, section, items in _COLUMNS]))
    return rows


def _refusals(found: list[Figure]) -> list[tuple[str, str, str, int]]:
    """Return (listed violation, article, rule, number), the most frequent first."""
    counted: dict[tuple[str, str, str], int] = {}
    for figure in found:
        if figure.section is Section.REFUSALS:
            key = (figure.violation or "未列明", figure.article or "—", figure.rule or "—")
            counted[key] = counted.get(key, 0) + figure.count
    return sorted(((*key, count) for key, count in counted.items()), key=lambda row: (-row[3], row))


def _by_item(found: list[Figure], section: Section) -> list[tuple[str, int]]:
    counted: dict[str, int] = {}
    for figure in found:
        if figure.section is section:
            counted[figure.zh] = counted.get(figure.zh, 0) + figure.count
    return sorted(counted.items())


def _basis(cited: tuple[Cited, ...]) -> str:
    return ";".join(dict.fromkeys(each.article for each in cited))
