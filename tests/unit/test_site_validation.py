"""A site proves its own recall: a seeded sample, two annotators, a bound that is never rounded up, and a report without text."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from extractor.cli import app
from extractor.deid.agreement import Mark
from extractor.deid.finders import Finders
from extractor.deid.free_text import Recogniser
from extractor.deid.marked_text import write_sheet
from extractor.deid.spans import Span, SpanType
from extractor.errors import IntegrityError, RiskNotMet, SourceError, UsageError
from extractor.pages.render import validation_page
from extractor.workflow.notes_table import Columns
from extractor.workflow.site_evaluation import Annotations, evaluate
from extractor.workflow.site_sample import Sample, Wanted, draw_sample
from extractor.workflow.site_sample_folder import SHEETS, read_sample, write_sample
from extractor.workflow.site_validation import evaluate_folder

RUN = CliRunner()
NAME, PHONE = "欧阳明月", "13800138000"


def table(folder: Path, rows: int = 200, suffix: str = ".parquet") -> Path:
    frame = pl.DataFrame(
        {
            "note": [f"第{row}例,患者{NAME}复诊,电话{PHONE}。" if row % 10 else " " for row in range(rows)],
            "dept": ["内科" if row % 4 else "外科" for row in range(rows)],
            "name": [NAME] * rows,
            "other": ["不读"] * rows,
        }
    )
    path = folder / f"notes{suffix}"
    {".parquet": frame.write_parquet, ".csv": frame.write_csv, ".jsonl": frame.write_ndjson}[suffix](path)
    return path


def drawn(folder: Path, notes: int = 20, **columns: object) -> Sample:
    return draw_sample(table(folder), Columns("note", **columns), wanted=Wanted(notes), seed=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_sample_is_the_same_for_the_same_seed_and_follows_the_strata(tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path, suffix=suffix)
    columns = Columns("note", stratum="dept", known={"person_name": "name"})
    one, two = (draw_sample(path, columns, wanted=Wanted(40), seed=5) for _ in range(2))
    assert one == two and len({note.row for note in one.notes}) == 40
    assert one.population == 180 and sum(one.strata.values()) == 180
    share = Counter(note.stratum for note in one.notes)
    assert all(abs(share[name] - 40 * count / 180) < 1 for name, count in one.strata.items())
    assert all(note.text.strip() and note.known == {"person_name": NAME} for note in one.notes)
    assert draw_sample(path, columns, wanted=Wanted(40), seed=6).notes != one.notes


def test_the_size_follows_from_the_wanted_bound(tmp_path: Path) -> None:
    path = table(tmp_path, rows=3000)
    phones = Finders(tuple(one for one in (_phones(),)))
    wide, close = (
        draw_sample(path, Columns("note"), wanted=Wanted(half_width=width), seed=1, finders=phones)
        for width in (0.05, 0.02)
    )
    assert 50 < len(wide.notes) < len(close.notes) <= 2700


def _phones(missing: str = "\x00") -> Recogniser:
    """Find the phone numbers, but for those of one note."""

    def find(buffer: object, deadline: object) -> list[Span]:
        view, spans, at = buffer.view, [], 0  # type: ignore[attr-defined]
        while (at := view.find(PHONE, at)) >= 0:
            if missing not in view[max(0, at - 25) : at]:
                spans.append(Span(at, at + len(PHONE), SpanType.PHONE))
            at += len(PHONE)
        return spans

    return Recogniser("phones", frozenset({SpanType.PHONE}), find)


def test_a_sample_lies_in_a_private_folder_and_comes_back_whole(tmp_path: Path) -> None:
    sample = drawn(tmp_path, stratum="dept", known={"person_name": "name"})
    folder = tmp_path / "sample"
    files = write_sample(sample, folder)
    assert read_sample(folder)[0] == sample
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    lines = files[0].read_text("utf-8").splitlines(keepends=True)
    files[0].write_text("".join(lines[:-1]), "utf-8")
    with pytest.raises(IntegrityError):
        read_sample(folder)


def test_what_cannot_be_sampled_is_told_without_a_value(tmp_path: Path) -> None:
    path = table(tmp_path)
    with pytest.raises(SourceError, match="absent"):
        draw_sample(path, Columns("absent"), wanted=Wanted(5))
    with pytest.raises(UsageError, match="strata") as failure:
        draw_sample(path, Columns("note", stratum="note"), wanted=Wanted(5))
    assert NAME not in str(failure.value.as_json())
    with pytest.raises(UsageError):
        Columns("note", known={"shoe": "name"})
    with pytest.raises(UsageError):
        Wanted(half_width=2)


def marks_of(text: str) -> list[Mark]:
    at, phone = text.index(NAME), text.index(PHONE)
    return [Mark(at, at + len(NAME), SpanType.PERSON), Mark(phone, phone + len(PHONE), SpanType.PHONE)]


def test_recall_counts_whole_marks_and_keeps_part_and_missed_apart(tmp_path: Path) -> None:
    sample = drawn(tmp_path, notes=10)
    marks = {note.id: marks_of(note.text) for note in sample.notes}
    lost = sample.notes[3].text.partition("例")[0] + "例"
    half = Recogniser(
        "half", frozenset({SpanType.PERSON}),
        lambda buffer, _: [Span(m.start(), m.start() + 2, SpanType.PERSON) for m in __import__("re").finditer(NAME, buffer.view)],
    )  # fmt: skip
    report = evaluate(sample, Annotations(marks, marks), finders=Finders((_phones(lost), half)))
    phone, person = sorted(report.types, key=lambda recall: recall.of, reverse=True)[-1], report.types[0]
    by_type = {recall.of.partition(" · ")[2]: recall for recall in report.types}
    phone, person = by_type["PHONE"], by_type["PERSON"]
    assert (phone.marked, phone.covered, phone.touched, phone.missed) == (10, 9, 0, 1)
    assert (person.marked, person.covered, person.touched, person.missed) == (10, 0, 10, 0)
    assert (report.overall.marked, report.overall.covered) == (20, 9)
    assert report.precision == 1 and report.characters_covered_in_vain == 0
    gone = [m for m in report.missed if m.type == "PHONE"]
    assert [(m.note, m.covered) for m in gone] == [(sample.notes[3].id, 0)]
    assert report.overall.bound <= min(report.overall.exact.low, report.overall.by_document.low)
    report.check(0.1)
    with pytest.raises(RiskNotMet):
        report.check(0.5)


def test_without_adjudication_what_either_marked_counts(tmp_path: Path) -> None:
    sample = drawn(tmp_path, notes=6)
    both = {note.id: marks_of(note.text) for note in sample.notes}
    phone_only = {note: marks[1:] for note, marks in both.items()}
    report = evaluate(sample, Annotations(both, phone_only), finders=Finders((_phones(),)))
    assert (report.overall.marked, report.overall.covered, len(report.disputes)) == (12, 6, 6)
    decided = evaluate(sample, Annotations(both, phone_only, phone_only), finders=Finders((_phones(),)))
    assert (decided.overall.marked, decided.overall.covered, decided.truth) == (6, 6, "adjudicated")
    with pytest.raises(UsageError, match="nothing is marked"):
        empty: dict[str, list[Mark]] = {note.id: [] for note in sample.notes}
        evaluate(sample, Annotations(empty, empty), finders=Finders())


def test_known_values_count_as_in_a_run(tmp_path: Path) -> None:
    sample = drawn(tmp_path, notes=6, known={"person_name": "name"})
    marks = {note.id: marks_of(note.text)[:1] for note in sample.notes}
    assert evaluate(sample, Annotations(marks, marks), finders=Finders(())).overall.covered == 6


def annotate(folder: Path) -> None:
    """Mark as two people would: the second forgets one phone number."""
    sample, _ = read_sample(folder)
    marks = {note.id: [(mark, False) for mark in marks_of(note.text)] for note in sample.notes}
    (folder / SHEETS[0]).write_text(write_sheet(sample.form, sample.texts, marks), "utf-8")
    marks[sample.notes[0].id].pop()
    (folder / SHEETS[1]).write_text(write_sheet(sample.form, sample.texts, marks), "utf-8")


def test_the_whole_way_through_the_commands_and_no_text_in_the_report(tmp_path: Path) -> None:
    folder, page = tmp_path / "sample", tmp_path / "report.html"
    disputes, missed = tmp_path / "disputes.txt", tmp_path / "missed.txt"
    arguments = [str(table(tmp_path)), "--text", "note", "--stratum", "dept", "--out", str(folder), "--seed", "3"]
    done = RUN.invoke(app, ["deid", "sample", *arguments, "--known", "person_name=name", "--notes", "30", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["notes"] == 30
    annotate(folder)
    options = ["--page", str(page), "--disputes", str(disputes), "--missed", str(missed)]
    done = RUN.invoke(app, ["deid", "evaluate", str(folder), *options, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert (report["overall"]["marked"], report["overall"]["covered"]) == (60, 60)
    assert 0.9 < report["overall"]["bound"] < 1 and len(report["disputes"]) == 1
    shown = done.output + page.read_text("utf-8")
    assert report["claim"]["zh"] in shown and NAME not in shown and PHONE not in shown
    assert stat.S_IMODE(disputes.stat().st_mode) == stat.S_IMODE(missed.stat().st_mode) == 0o600
    sheet = disputes.read_text("utf-8-sig")
    assert sheet.count("手机?:") == 1
    disputes.write_text(sheet.replace("手机?:", "手机:"), "utf-8")
    done = RUN.invoke(app, ["deid", "evaluate", str(folder), "--adjudicated", str(disputes), "--at-least", "0.999"])
    assert done.exit_code == 5 and "召回率不低于" in done.stdout


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    write_sample(drawn(tmp_path), folder)
    done = RUN.invoke(
        app, ["deid", "sample", str(table(tmp_path)), "--text", "note", "--out", str(folder), "--notes", "3"]
    )
    assert done.exit_code == 3
    annotate(folder)
    (tmp_path / "there.txt").touch()
    done = RUN.invoke(app, ["deid", "evaluate", str(folder), "--missed", str(tmp_path / "there.txt")])
    assert done.exit_code == 3


def test_the_page_stands_where_nothing_was_found_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    write_sample(drawn(tmp_path, notes=5), folder)
    annotate(folder)
    report = evaluate_folder(folder, finders=Finders(()))
    assert report.precision is None and report.overall.bound == 0
    assert "0.00 %" in validation_page(report)
