"""The report of a period over a real store and log: what is counted where, its files, and when the next one is due."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import test_approval
from test_approval import APPROVE, REQUEST, Site

from extractor.canonical import digest_bytes
from extractor.errors import ApprovalError, IntegrityError, Reason, Refused, StorageError, UsageError
from extractor.log import journal
from extractor.log.entries import LogEntry, Result, Verb
from extractor.requests import Period, Variable
from extractor.workflow.office import violations_of
from extractor.workflow.report_figures import Figure, Section, total
from extractor.workflow.reports import Report, figures_csv, make_report, people_csv, reports_due

site = test_approval.site
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
SPRING = Period(date(2026, 3, 1), date(2026, 5, 31))


def make(site: Site, out: Path, period: Period = MARCH, of: str | None = None, by: str | None = None) -> Report:
    return make_report(site.office, period, out, of=of, who=site.people[by] if by else None).report


def entries(site: Site, verb: Verb) -> list[LogEntry]:
    with site.office.store.reading() as tx:
        return list(journal.search(tx, verb=verb))


def logged(site: Site, verb: Verb, number: str, **facts: object) -> None:
    with site.office.store.transaction() as tx:
        site.office.log(tx, verb, None, object=number, request=number, **facts)


@pytest.fixture
def busy(site: Site) -> Iterator[Site]:
    """An office with two months of work: a run that was sealed, one that failed, and what came after."""
    number = site.approved()
    logged(site, Verb.RUN_START, number)
    logged(site, Verb.RUN_END, number, result=Result.FAILED, reason="RiskNotMet")
    site.clock.now = datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC)  # The last second of March in China.
    logged(site, Verb.RUN_START, number)
    logged(site, Verb.RUN_END, number, rows=1200)
    site.clock.now += timedelta(seconds=1)
    logged(site, Verb.DELIVER, number, rows=1200)
    logged(site, Verb.HANDOVER, number, reason="giver")
    logged(site, Verb.HANDOVER, number, reason="receiver")
    logged(site, Verb.DOWNLOAD, number)
    logged(site, Verb.DOWNLOAD, number, result=Result.REFUSED, reason="Refused; violation fuzhou 三")
    logged(site, Verb.DESTROY, number, reason="run_ended")
    logged(site, Verb.DUTY_OPEN, number)
    logged(site, Verb.INCIDENT, "IN-2026-0001", reason="opened: leak")
    logged(site, Verb.COMPLAIN, "CP-2026-0001", reason="registered: privacy")
    debtor = {"unit": "示例大学"}
    with site.office.store.transaction() as tx:
        for at, due in enumerate(("2026-03-31", "2026-04-01"), start=1):
            tx.put("duty", f"DU-2026-000{at}", {"of": debtor, "due": due})
            tx.move("duty", f"DU-2026-000{at}", was=None, to="open")
        tx.put("breach", "BR-2026-0001", {"of": debtor})
        tx.move("breach", "BR-2026-0001", was=None, to="open")
        tx.put("breach", "BR-2026-0002", {"of": debtor})
        tx.move("breach", "BR-2026-0002", was=None, to="closed")
        tx.put("incident", "IN-2026-0001", {"thing": number})
        tx.move("incident", "IN-2026-0001", was=None, to="reported")
        tx.put("complaint", "CP-2026-0001", {"given": {"about": "别的大学"}})
        tx.move("complaint", "CP-2026-0001", was=None, to="handled")
    yield site


# --- the figures -----------------------------------------------------------------------------------------------------


def test_each_month_has_what_the_log_says_of_it_by_the_calendar_of_china(busy: Site, tmp_path: Path) -> None:
    found = make(busy, tmp_path / "out", SPRING).figures
    march = [figure for figure in found if figure.month == "2026-03"]
    april = [figure for figure in found if figure.month == "2026-04"]
    assert total(march, Section.REQUESTS, "submitted") == 1
    assert total(march, Section.REQUESTS, "step_approve") == 3
    assert [total(march, Section.RUNS, item) for item in ("started", "sealed", "failed")] == [2, 1, 1]
    assert (total(march, Section.ROWS), total(april, Section.ROWS)) == (1200, 0)
    assert [total(april, Section.DELIVERIES, item) for item in ("given", "received", "downloaded")] == [1, 1, 1]
    assert (total(april, Section.DESTRUCTIONS, "run_ended"), total(april, Section.REFUSALS)) == (1, 1)
    assert (total(april, Section.INCIDENTS, "opened"), total(april, Section.COMPLAINTS, "registered")) == (1, 1)
    assert {figure.month for figure in found} == {"", "2026-03", "2026-04"}


def test_the_period_is_cut_to_the_second_on_both_sides(busy: Site, tmp_path: Path) -> None:
    march = make(busy, tmp_path / "out", MARCH).figures
    april = make(busy, tmp_path / "out", Period(date(2026, 4, 1), date(2026, 4, 30))).figures
    assert (total(march, Section.ROWS), total(march, Section.DELIVERIES)) == (1200, 0)
    assert (total(april, Section.ROWS), total(april, Section.DELIVERIES)) == (0, 3)


def test_what_stands_open_and_what_is_overdue_is_that_of_the_day(busy: Site, tmp_path: Path) -> None:
    def standing(section: Section, item: str) -> int:
        return total(make(busy, tmp_path / "out").figures, section, item)

    assert standing(Section.DUTIES, "now_open") == 2
    assert standing(Section.DUTIES, "now_overdue") == 1  # It is the first of April in China.
    assert standing(Section.BREACHES, "now_open") == 1
    assert standing(Section.INCIDENTS, "now_open") == 1
    assert standing(Section.COMPLAINTS, "now_open") == 1
    busy.clock.now += timedelta(days=1)
    assert standing(Section.DUTIES, "now_overdue") == 2


def test_a_figure_belongs_to_the_applicant_and_a_report_of_one_unit_holds_no_other(busy: Site, tmp_path: Path) -> None:
    everybody = make(busy, tmp_path / "out", SPRING).figures
    assert {f.unit for f in everybody if f.section is Section.RUNS} == {"示例大学"}
    own = make(busy, tmp_path / "out", SPRING, of="示例大学").figures
    assert {figure.unit for figure in own} == {"示例大学"}
    assert total(own, Section.ROWS) == 1200
    assert total(own, Section.COMPLAINTS) == 0
    assert total(everybody, Section.COMPLAINTS) == 2


def test_what_a_complaint_is_about_is_shown_only_where_it_is_a_registered_unit(busy: Site, tmp_path: Path) -> None:
    def units() -> set[str]:
        return {f.unit for f in make(busy, tmp_path / "out").figures if f.section is Section.COMPLAINTS}

    assert units() == {"别的大学"}
    with busy.office.store.transaction() as tx:
        tx.put("complaint", "CP-2026-0001", {"given": {"about": "张三"}})
    assert units() == {"技术服务中心"}


def test_a_refusal_is_counted_with_rule_article_and_the_number_of_its_violation(site: Site, tmp_path: Path) -> None:
    reason = Reason("x", "fuzhou.art_17_scope", "第十七条", "超范围", "beyond scope", violation="（三）")
    person = site.people["applicant"].person
    for reasons in ((reason,), (reason, replace(reason, rule="chongqing.art_16", violation="2"), reason)):
        with pytest.raises(Refused), site.office.refusals_logged(person, Verb.SUBMIT, "P-1"):
            raise Refused(reasons)
    with pytest.raises(Refused), site.office.refusals_logged(person, Verb.SUBMIT, "P-1"):
        raise Refused((replace(reason, violation=""),))
    with pytest.raises(ApprovalError), site.office.refusals_logged(person, Verb.SUBMIT, "P-1"):
        raise ApprovalError("no", zh="否")
    found = [f for f in make(site, tmp_path / "out").figures if f.section is Section.REFUSALS]
    assert sorted((f.rule, f.article, f.violation or "", f.count, f.unit) for f in found) == [
        ("fuzhou.art_17_scope", "第十七条", "", 1, "示例大学"),
        ("fuzhou.art_17_scope", "第十七条", "fuzhou （三）", 1, "示例大学"),
        ("fuzhou.art_17_scope", "第十七条", "fuzhou （三）; chongqing 2", 1, "示例大学"),
    ]
    assert entries(site, Verb.REFUSE)[0].reason == "Refused; violation fuzhou （三）"
    assert violations_of((replace(reason, violation=""),)) == ()


def test_a_real_over_ask_is_in_the_report_under_its_article(site: Site, tmp_path: Path) -> None:
    beyond = replace(REQUEST, variables=(*REQUEST.variables, Variable("admissions", "NOT_IN_CATALOGUE", "raw", "x")))
    with pytest.raises(Refused):
        site.submit(beyond)
    found = [f for f in make(site, tmp_path / "out").figures if f.section is Section.REFUSALS]
    assert [(f.unit, f.count) for f in found] == [("示例大学", 1)]
    assert found[0].rule


# --- the document and its files --------------------------------------------------------------------------------------


def test_a_report_is_stored_logged_and_cites_the_rule_that_asks_for_it(busy: Site, tmp_path: Path) -> None:
    made = make_report(busy.office, MARCH, tmp_path / "out", who=busy.people["operator"])
    entry = entries(busy, Verb.REPORT)[-1]
    assert (entry.actor, entry.object, entry.object_digest) == ("operator", "RP-2026-0001", made.digest)
    assert entry.rule is not None and "fuzhou.art_31_report" in entry.rule
    assert entry.article is not None and "第三十一条" in entry.article
    assert digest_bytes((tmp_path / "out" / "RP-2026-0001.json").read_bytes()) == made.digest
    with busy.office.store.reading() as tx:
        assert tx.get("report", "RP-2026-0001").digest == made.digest
    body = json.loads((tmp_path / "out" / "RP-2026-0001.json").read_bytes())
    assert body["log_size"] == entry.sequence


def test_the_same_log_gives_the_same_figures_again(busy: Site, tmp_path: Path) -> None:
    first, second = make(busy, tmp_path / "a"), make(busy, tmp_path / "b")
    assert first.figures == second.figures


def test_one_csv_is_for_people_and_one_has_a_figure_on_each_line(busy: Site, tmp_path: Path) -> None:
    report = make(busy, tmp_path / "out", SPRING)
    people = (tmp_path / "out" / f"{report.number}.csv").read_bytes()
    machine = (tmp_path / "out" / f"{report.number}-figures.csv").read_bytes()
    assert people.startswith("\ufeff类别,项目,月份,单位,数量".encode())
    assert machine.startswith(b"section,item,month,unit,count,rule,article,violation\r\n")
    rows = list(csv.DictReader(machine.decode().splitlines()))
    assert len(rows) == len(report.figures)
    given = [row for row in rows if row["section"] == "rows"]
    assert [(row["month"], row["unit"], row["count"]) for row in given] == [("2026-03", "示例大学", "1200")]


def test_no_cell_for_people_is_run_by_a_spreadsheet(busy: Site, tmp_path: Path) -> None:
    report = make(busy, tmp_path / "out")
    for unit in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1"):
        planted = replace(report, figures=(Figure(Section.RUNS, "started", "2026-03", unit, 1),))
        assert f",'{unit}," in people_csv(planted).replace('"', "")
        assert f",{unit}," in figures_csv(planted).replace('"', "")


class _Links(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "action", "srcset")]
        self.found += [tag] if tag in ("script", "iframe", "link", "img", "object") else []


def test_the_page_needs_nothing_from_outside_and_names_nobody(busy: Site, tmp_path: Path) -> None:
    report = make(busy, tmp_path / "out", SPRING, by="operator")
    page = (tmp_path / "out" / f"{report.number}.html").read_text("utf-8")
    links = _Links()
    links.feed(page)
    assert links.found == []
    assert not re.search(r"url\(|@import|https?://", page)
    assert "1,200" in page and "示例大学" in page and "fuzhou 三" in page and "(已逾期)" not in page
    for file in (tmp_path / "out").iterdir():
        text = file.read_text("utf-8")
        assert not any(f'"{name}"' in text or f">{name}<" in text for name in ("operator", "applicant", "RQ-2026-0001"))
        assert "RQ-2026" not in text


def test_what_a_unit_is_called_cannot_become_markup(busy: Site, tmp_path: Path) -> None:
    with busy.office.store.transaction() as tx:
        tx.put("breach", "BR-2026-0003", {"of": {"unit": "<script>alert(1)</script>"}})
        tx.move("breach", "BR-2026-0003", was=None, to="open")
    report = make(busy, tmp_path / "out")
    page = (tmp_path / "out" / f"{report.number}.html").read_text("utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_an_empty_period_gives_an_empty_report_and_no_error(site: Site, tmp_path: Path) -> None:
    report = make(site, tmp_path / "out", Period(date(2025, 1, 1), date(2025, 1, 31)))
    assert report.figures == ()
    assert "本期间没有记录" in (tmp_path / "out" / f"{report.number}.html").read_text("utf-8")


def test_a_wrong_period_person_folder_or_log_makes_no_report(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        make(site, tmp_path / "out", Period(date(2026, 3, 2), date(2026, 3, 1)))
    with pytest.raises(UsageError):
        make(site, tmp_path / "out", Period(date(2027, 1, 1), date(2027, 3, 1)))
    with pytest.raises(ApprovalError, match="needs role"):
        make(site, tmp_path / "out", by="applicant")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StorageError):
        make(site, tmp_path / "file")
    with site.office.store.reading() as tx:
        assert tx.find("report") == ()
    import sqlite3

    with sqlite3.connect(site.office.home.store) as raw:
        raw.execute("UPDATE log_entries SET object = 'other' WHERE sequence = 1")
    with pytest.raises(IntegrityError):
        make(site, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- when the next one is due ----------------------------------------------------------------------------------------


def test_the_next_report_is_due_a_period_after_the_last_one_of_all_units(site: Site, tmp_path: Path) -> None:
    def due() -> list[tuple[str, date]]:
        with site.office.store.reading() as tx:
            return [(each.to, each.due) for each in reports_due(site.office, tx)]

    assert due() == [("福州市人民政府", date(2027, 3, 1))]
    site.clock.now += timedelta(days=30)
    make(site, tmp_path / "out", of="示例大学")
    assert due() == [("福州市人民政府", date(2027, 3, 1))]
    make(site, tmp_path / "out")
    assert due() == [("福州市人民政府", date(2027, 3, 31))]


def test_a_report_that_is_late_says_so(site: Site, tmp_path: Path) -> None:
    from extractor.workflow.reports import page

    report = make(site, tmp_path / "out")
    with site.office.store.reading() as tx:
        due = reports_due(site.office, tx)
    assert "(已逾期)" not in page(report, "sha256:0", due, today=due[0].due)
    assert "(已逾期)" in page(report, "sha256:0", due, today=due[0].due + timedelta(days=1))


def test_signing_words_that_are_no_decision_do_not_count_as_one(site: Site, tmp_path: Path) -> None:
    number = site.submit()
    logged(site, Verb.SIGN, number, reason="run_ended")  # As a destroyer signs a record.
    site.sign(number, "operator_review", "operator", APPROVE)
    found = make(site, tmp_path / "out").figures
    assert total(found, Section.REQUESTS, "step_approve") == 1
    assert {f.item for f in found if f.section is Section.REQUESTS} == {"submitted", "step_approve"}
