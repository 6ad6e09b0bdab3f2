"""``deid evaluate``: from a sample's folder to the report, and the local working sheets for what needs a person's eye.

Owns which files are read and written and in which order, and the report as JSON and in lines. Only the sheets that are asked for
by name hold text, and they are private; the report holds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extractor.canonical import digest_bytes, to_json
from extractor.deid.agreement import Mark, disputed
from extractor.deid.finders import Finders
from extractor.deid.marked_text import read_sheet, write_sheet
from extractor.deid.spans import SpanType
from extractor.errors import StorageError
from extractor.workflow.site_evaluation import Annotations, Evaluation, evaluate
from extractor.workflow.site_sample import Sample
from extractor.workflow.site_sample_folder import SAMPLE, SHEETS, read_sample, write_private

Shown = Mapping[str, Sequence[tuple[Mark, bool]]]


def evaluate_folder(
    folder: Path,
    *,
    finders: Finders,
    adjudicated: Path | None = None,
    disputes: Path | None = None,
    missed: Path | None = None,
) -> Evaluation:
    """Evaluate the annotated sample of a folder.

    Args:
        folder: as ``write_sample`` made it, the two sheets annotated.
        finders: what searches, as in a run.
        adjudicated: the sheet with all disputes decided; without it whatever either annotator marked counts.
        disputes: where to write a sheet with both annotators' marks for a third person to decide (0600).
        missed: where to write a sheet of the notes in which something was missed, the missed places marked (0600).

    Raises:
        FormError: a sheet was changed beyond its marks; file and line are named.
        StorageError: a file cannot be read or written.
    """
    sample, digest = read_sample(folder)
    marked = _annotations(sample, folder, adjudicated, {SAMPLE: digest})
    if disputes is not None:
        places = {note.id: disputed(marked.first[note.id], marked.second[note.id]) for note in sample.notes}
        _write(sample, disputes, places, sample.texts)
    report = evaluate(sample, marked, finders=finders)
    if missed is not None:
        places = _missed(report)
        _write(sample, missed, places, {note: text for note, text in sample.texts.items() if note in places})
    return report


def _annotations(sample: Sample, folder: Path, adjudicated: Path | None, digests: dict[str, str]) -> Annotations:
    sheets = []
    for path in (folder / SHEETS[0], folder / SHEETS[1], adjudicated):
        if path is not None:
            content = _content(path)
            digests[path.name] = digest_bytes(content)
            sheets.append(read_sheet(content, sample.form, sample.texts, name=path.name))
    return Annotations(sheets[0], sheets[1], sheets[2] if adjudicated is not None else None, digests)


def _missed(report: Evaluation) -> dict[str, list[tuple[Mark, bool]]]:
    places: dict[str, list[tuple[Mark, bool]]] = {}
    for place in report.missed:
        places.setdefault(place.note, []).append((Mark(place.start, place.end, SpanType(place.type)), False))
    return places


def _write(sample: Sample, path: Path, places: Shown, texts: Mapping[str, str]) -> None:
    write_private(path, write_sheet(sample.form, texts, places).encode("utf-8-sig"))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        raise StorageError(
            f"the sheet cannot be read ({failure.strerror})",
            zh=f"无法读取标注文件({failure.strerror})",
            thing=str(path),
            fix_en="name a folder that `extractor deid sample` wrote, with both sheets in it",
            fix_zh="请指明 extractor deid sample 写出的目录,两份标注文件须在其中",
        ) from None


def report_json(report: Evaluation) -> dict[str, Any]:
    """Return the report as JSON values, with the claim and the bounds that are worked out of it."""
    body: Any = to_json(report)
    given = (body["overall"], *body["types"], *body["strata"])
    for shares, recall in zip(given, (report.overall, *report.types, *report.strata), strict=True):
        shares |= {"bound": recall.bound, "missed": recall.missed}
    return {**body, "claim": report.claim}


def report_text(report: Evaluation) -> str:
    """Return the report in some lines for a terminal."""
    agreed = report.agreement
    lines = [report.claim["zh"], report.claim["en"], ""]
    lines += [
        f"  {r.of}: {r.covered}/{r.marked},部分 · in part {r.touched},漏 · missed {r.missed},下限 · bound {r.bound:.4f}"
        for r in (report.overall, *report.types)
    ]
    lines.append(f"κ {_shown(agreed.kappa)}(是否标注 · marked {_shown(agreed.kappa_marked)}),F1 {_shown(agreed.f1)}")
    lines.append(f"争议 · disputes {len(report.disputes)},精确率 · precision {_shown(report.precision)}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def write_page(path: Path, page: str) -> None:
    """Write the report's page, which holds no text of a note.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.write_text(page, "utf-8")
    except OSError as failure:
        raise StorageError(
            f"the page cannot be written ({failure.strerror})",
            zh=f"无法写出报告页({failure.strerror})",
            thing=str(path),
            fix_en="choose another file with --page",
            fix_zh="请用 --page 指定其他文件",
        ) from None
