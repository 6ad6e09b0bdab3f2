"""The figures of a report: what log and documents say of a period, counted by month and unit (榕政综〔2017〕122号 art. 31).

Owns which entry of the log counts as what, and what stands open on the day of the report. A figure is a number, a unit and, for a
refusal, the rule, article and listed violation; no person and no thing that could name one is in it. It must not know how a report
is stored or shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from extractor.log.entries import LogEntry, Result, Verb
from extractor.log.journal import head, search
from extractor.requests import Period
from extractor.store.transaction import Transaction
from extractor.workflow.office import CHINA, VIOLATION, Office


class Section(StrEnum):
    """What is counted; ``zh`` is the name on the report."""

    zh: str

    REQUESTS = "requests", "申请"
    RUNS = "runs", "提取运行"
    ROWS = "rows", "提供行数"
    REFUSALS = "refusals", "拒绝"
    DELIVERIES = "deliveries", "交付"
    DESTRUCTIONS = "destructions", "销毁"
    DUTIES = "duties", "义务"
    BREACHES = "breaches", "诚信记录"
    INCIDENTS = "incidents", "安全事件"
    COMPLAINTS = "complaints", "投诉举报"

    def __new__(cls, value: str, zh: str = "") -> Section:
        """Make the member a string of its English name that carries its Chinese one."""
        member = str.__new__(cls, value)
        member._value_, member.zh = value, zh
        return member


ITEM_ZH = {
    "submitted": "提交", "withdrawn": "撤回", "step_approve": "步骤同意", "step_return": "步骤退回",
    "step_refuse": "步骤不同意", "step_revoke": "步骤撤销",
    "started": "开始", "sealed": "完成封装", "failed": "失败", "interrupted": "中断", "given_rows": "随数据包提供",
    "refused": "按规则拒绝", "given": "移交", "received": "签收", "downloaded": "下载",
    "run_ended": "运行结束后销毁", "run_failed": "运行失败后销毁", "term_over": "期满销毁", "breach": "违约销毁",
    "handed_over": "移交后销毁移交方副本",
    "opened": "新增", "closed": "了结", "told": "上报", "registered": "登记", "handled": "办理", "answered": "答复",
    "now_open": "尚未了结", "now_overdue": "已逾期",
}  # fmt: skip
"""Names of the items; one that is not here (a ground of destruction that came later) is shown as it is."""

_ENTRIES: dict[Verb, tuple[Section, str]] = {
    Verb.SUBMIT: (Section.REQUESTS, "submitted"),
    Verb.WITHDRAW: (Section.REQUESTS, "withdrawn"),
    Verb.RUN_START: (Section.RUNS, "started"),
    Verb.RUN_END: (Section.RUNS, "sealed"),
    Verb.DELIVER: (Section.DELIVERIES, "given"),
    Verb.DOWNLOAD: (Section.DELIVERIES, "downloaded"),
    Verb.DUTY_OPEN: (Section.DUTIES, "opened"),
    Verb.DUTY_CLOSE: (Section.DUTIES, "closed"),
    Verb.BREACH_OPEN: (Section.BREACHES, "opened"),
    Verb.BREACH_CLOSE: (Section.BREACHES, "closed"),
}
_DECISIONS = ("approve", "return", "refuse", "revoke")


@dataclass(frozen=True)
class Figure:
    """One number. ``month`` is ``YYYY-MM`` in China, or empty for what stands on the day of the report."""

    section: Section
    item: str
    month: str
    unit: str
    count: int
    rule: str | None = None
    article: str | None = None
    violation: str | None = None

    @property
    def zh(self) -> str:
        """The item's name on the report."""
        return ITEM_ZH.get(self.item, self.item)


def figures(office: Office, tx: Transaction, period: Period, *, unit: str | None = None) -> tuple[Figure, ...]:
    """Count a period (both days included, in China), and what stands open today, for every unit or for one.

    The unit of a figure is the applicant of the request that it is about; where it is about none, the unit of whoever acted.
    """
    units = {each.number: str(each.body["applicant"]["name"]) for each in tx.find("request")}
    counted: Counter[Figure] = Counter()
    for entry in search(tx, since=_at(period.first), until=_at(period.last + timedelta(days=1))):
        month = f"{datetime.fromisoformat(entry.time).astimezone(CHINA):%Y-%m}"
        of = units.get(entry.request or "", entry.unit or office.settings.unit)
        for section, item, count in _counted(entry):
            cited = _cited(entry) if section is Section.REFUSALS else (None, None, None)
            counted[Figure(section, item, month, of, 0, *cited)] += count
    for section, item, of in _standing(office, tx, units):
        counted[Figure(section, item, "", of, 0)] += 1
    found = (_with(figure, count) for figure, count in counted.items() if unit in (None, figure.unit))
    return tuple(sorted(found, key=_order))


def log_head(office: Office, tx: Transaction) -> tuple[int, str]:
    """Return how many entries the log has in this transaction, and its root: what anything counted here was counted from."""
    found = head(tx, office.log_signer.verifier)
    return (found[0].size, found[0].root.hex()) if found else (0, "")


def total(found: Iterable[Figure], section: Section, *items: str) -> int:
    """Add up the figures of a section, of some items or of all."""
    return sum(figure.count for figure in found if figure.section is section and (not items or figure.item in items))


def _with(figure: Figure, count: int) -> Figure:
    return Figure(
        figure.section, figure.item, figure.month, figure.unit, count, figure.rule, figure.article, figure.violation
    )


def _order(figure: Figure) -> tuple[object, ...]:
    place = list(Section).index(figure.section)
    return (place, figure.month, figure.unit, figure.item, figure.rule or "", figure.violation or "")


def _at(day: date) -> str:
    """Return the beginning of a day in China as the log writes times."""
    return f"{datetime.combine(day, time(), CHINA).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _counted(entry: LogEntry) -> Iterator[tuple[Section, str, int]]:
    """Yield what an entry adds to which item."""
    said = entry.reason or ""
    if entry.result is Result.REFUSED:
        yield Section.REFUSALS, "refused", 1
    elif entry.verb is Verb.INTERRUPT:
        yield Section.RUNS, "interrupted", 1
    elif entry.result is Result.FAILED:
        if entry.verb is Verb.RUN_END:
            yield Section.RUNS, "failed", 1
    elif entry.verb in _ENTRIES:
        yield (*_ENTRIES[entry.verb], 1)
        if entry.verb is Verb.RUN_END:
            yield Section.ROWS, "given_rows", entry.rows or 0
    elif entry.verb is Verb.SIGN and said in _DECISIONS:
        yield Section.REQUESTS, f"step_{said}", 1
    elif entry.verb is Verb.HANDOVER and said == "receiver":
        yield Section.DELIVERIES, "received", 1
    elif entry.verb is Verb.DESTROY:
        yield Section.DESTRUCTIONS, said or "destroyed", 1
    elif entry.verb in (Verb.INCIDENT, Verb.COMPLAIN) and said:
        section = Section.INCIDENTS if entry.verb is Verb.INCIDENT else Section.COMPLAINTS
        yield section, said.split()[0].rstrip(":;"), 1


def _cited(entry: LogEntry) -> tuple[str | None, str | None, str | None]:
    """Return rule, article and the listed violations (``REGIME NUMBER``) that a refusal matched."""
    parts = (part.strip() for part in (entry.reason or "").split(";"))
    numbers = [part.removeprefix(VIOLATION).strip() for part in parts if part.startswith(VIOLATION + " ")]
    return entry.rule, entry.article, "; ".join(numbers) or None


def _standing(office: Office, tx: Transaction, units: dict[str, str]) -> Iterator[tuple[Section, str, str]]:
    """Yield what stands open or overdue today, with its unit."""
    own = office.settings.unit
    # What a complaint is about is written by hand: it is shown only where it is the name of a unit that is registered.
    known = {str(each.body["unit"]) for each in tx.find("person")}
    for duty in (*tx.find("duty", state="open"), *tx.find("duty", state="breached")):
        unit = str(duty.body["of"]["unit"])
        yield Section.DUTIES, "now_open", unit
        if date.fromisoformat(duty.body["due"]) < office.today:
            yield Section.DUTIES, "now_overdue", unit
    for breach in tx.find("breach", state="open"):
        yield Section.BREACHES, "now_open", str(breach.body["of"]["unit"])
    for incident in (*tx.find("incident", state="open"), *tx.find("incident", state="reported")):
        yield Section.INCIDENTS, "now_open", units.get(str(incident.body["thing"]), own)
    for complaint in (*tx.find("complaint", state="registered"), *tx.find("complaint", state="handled")):
        about = str(complaint.body["given"]["about"])
        yield Section.COMPLAINTS, "now_open", units.get(about, about if about in known else own)
