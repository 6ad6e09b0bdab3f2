"""What a site's own annotated sample says: recall with its bound, agreement of the annotators, and what was missed.

Owns the comparison of marks with what the recognisers find, and the figures. It must not know how notes are drawn, how a
sheet is written nor how a page looks. No text of a note is in the result: numbers of notes, positions and types only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor

import numpy as np
import polars as pl

from extractor import __version__
from extractor.deid.agreement import Agreement, Mark, agreement, disputed, joined
from extractor.deid.finders import Finders
from extractor.deid.intervals import Interval, as_independent, by_document, clopper_pearson, wilson
from extractor.deid.span_words import ZH
from extractor.deid.spans import Span, SpanType
from extractor.errors import RiskNotMet, UsageError
from extractor.workflow.site_sample import Sample

Marks = Mapping[str, Sequence[Mark]]
MIXED = "全部 · all"


@dataclass(frozen=True)
class Recall:
    """Of ``marked`` marks ``covered`` were covered to the last character and ``touched`` in part only; the rest was missed."""

    of: str
    documents: int
    marked: int
    covered: int
    touched: int
    share: float | None
    wilson: Interval
    exact: Interval
    by_document: Interval

    @property
    def bound(self) -> float:
        """The lower bound that is claimed: the lower of the exact one and that over documents, never rounded up."""
        return floor(min(self.exact.low, self.by_document.low) * 10_000) / 10_000

    @property
    def missed(self) -> int:
        """Marks of which no character was covered."""
        return self.marked - self.covered - self.touched


@dataclass(frozen=True)
class Missed:
    """A mark that was not wholly covered: its note, place and type, and how many of its characters were covered."""

    note: str
    start: int
    end: int
    type: str
    covered: int


@dataclass(frozen=True)
class Dispute:
    """A place that the annotators did not mark alike: its note and place, and the types that each gave there."""

    note: str
    start: int
    end: int
    first: tuple[str, ...]
    second: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """The report of one sample, without any text."""

    software: str
    recognisers: tuple[str, ...]
    source: str
    column: str
    stratum: str | None
    seed: int
    population: int
    notes: int
    characters: int
    confidence: float
    digests: Mapping[str, str]
    truth: str
    overall: Recall
    types: tuple[Recall, ...]
    strata: tuple[Recall, ...]
    precision: float | None
    characters_covered_in_vain: float
    agreement: Agreement
    disputes: tuple[Dispute, ...]
    missed: tuple[Missed, ...]
    known: tuple[str, ...] = ()

    @property
    def claim(self) -> dict[str, str]:
        """The one sentence that the sample proves, in Chinese and English."""
        overall, percent = self.overall, f"{self.overall.bound:.2%}"
        level = f"{100 * self.confidence:g}%"
        told_zh = f"获知 {'、'.join(self.known)} 列后," if self.known else ""
        told_en = f", told the columns {', '.join(self.known)}," if self.known else ""
        return {
            "zh": f"从 {self.population:,} 份文书中随机抽取 {self.notes:,} 份(种子 {self.seed}),人工标出标识 {overall.marked:,} 处,"
            f"软件{told_zh}完整覆盖 {overall.covered:,} 处;以 {level} 的置信度,本院此类文书中标识的召回率不低于 {percent}。",
            "en": f"Of {self.population:,} notes {self.notes:,} were drawn at random (seed {self.seed}); people marked {overall.marked:,} "
            f"identifiers in them, of which the software{told_en} covered {overall.covered:,} wholly: with {level} confidence "
            f"its recall on such notes of this site is at least {percent}.",
        }

    def check(self, least: float) -> None:
        """Check the bound against what the site has set itself.

        Raises:
            RiskNotMet: the bound lies below it.
        """
        if self.overall.bound < least:
            raise RiskNotMet(
                f"the lower bound of recall is {self.overall.bound:.4f}, asked for is {least:g}",
                zh=f"召回率下限为 {self.overall.bound:.4f},低于要求的 {least:g}",
                thing=self.source,
                fix_en="look at what was missed by type; add site dictionaries, or annotate more notes for a closer bound",
                fix_zh="请查看各类漏检;补充本院词典,或增加标注份数以收窄区间",
            )


@dataclass(frozen=True)
class Annotations:
    """What people marked, note by note; ``digests`` are those of the files that it was read from.

    ``adjudicated`` are the marks with all disputes decided; without them whatever either marked counts, the strictest reading.
    """

    first: Marks = field(repr=False)
    second: Marks = field(repr=False)
    adjudicated: Marks | None = field(default=None, repr=False)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def truth(self) -> dict[str, list[Mark]]:
        """What is taken to identify in each note."""
        if self.adjudicated is not None:
            return {note: list(marks) for note, marks in self.adjudicated.items()}
        return {note: joined(marks, self.second[note]) for note, marks in self.first.items()}


def evaluate(sample: Sample, marked: Annotations, *, finders: Finders) -> Evaluation:
    """Compare the annotators with each other, and what the finders find with the truth.

    Raises:
        UsageError: nothing is marked at all.
        RecogniserFailed: a recogniser failed.
    """
    gold = marked.truth
    if not any(gold.values()):
        raise UsageError(
            "nothing is marked in the sheets",
            zh="标注文件中没有任何标记",
            thing="annotator sheets",
            fix_en="let both annotators mark the notes first",
            fix_zh="请先由两名标注员完成标注",
        )
    texts = [note.text for note in sample.notes]
    table = finders.annotate(pl.Series(texts, dtype=pl.String), known=sample.known)
    cases = _Cases(sample, gold, table.by_document(len(texts)))
    return Evaluation(
        software=__version__,
        recognisers=finders.names,
        source=sample.source,
        column=sample.column,
        stratum=sample.stratum,
        seed=sample.seed,
        population=sample.population,
        notes=len(texts),
        characters=sum(map(len, texts)),
        confidence=sample.confidence,
        digests=marked.digests,
        truth="adjudicated" if marked.adjudicated is not None else "either annotator",
        overall=cases.recall(MIXED),
        types=cases.types(),
        strata=cases.strata() if sample.stratum else (),
        precision=cases.precision(),
        known=tuple(column.kind for column in sample.known),
        characters_covered_in_vain=cases.in_vain(),
        agreement=agreement(
            [marked.first[n.id] for n in sample.notes],
            [marked.second[n.id] for n in sample.notes],
            [*map(len, texts)],
        ),
        disputes=tuple(_disputes(sample, marked.first, marked.second)),
        missed=cases.missed(),
    )


def _disputes(sample: Sample, first: Marks, second: Marks) -> list[Dispute]:
    return [
        Dispute(note.id, mark.start, mark.end, _there(first[note.id], mark), _there(second[note.id], mark))
        for note in sample.notes
        for mark, is_disputed in disputed(first[note.id], second[note.id])
        if is_disputed
    ]


def _there(marks: Sequence[Mark], place: Mark) -> tuple[str, ...]:
    return tuple(mark.type.value for mark in marks if mark.touches(place))


@dataclass(frozen=True)
class _Case:
    """One mark: where it is, and how many of its characters were covered."""

    note: int
    mark: Mark
    covered: int

    @property
    def whole(self) -> bool:
        return self.covered == self.mark.end - self.mark.start


class _Cases:
    """All marks of a sample against all that was found there."""

    def __init__(self, sample: Sample, gold: Marks, found: Sequence[Sequence[Span]]) -> None:
        self._sample = sample
        # Ages are found at any age and stay below 90, so people do not mark them: none of them is found in vain.
        self._judged = [[span for span in spans if span.type is not SpanType.AGE] for spans in found]
        self._covers = [_cover(note.text, spans) for note, spans in zip(sample.notes, found, strict=True)]
        self._truths = [_cover(note.text, gold[note.id]) for note in sample.notes]
        self._cases = [
            _Case(number, mark, int(self._covers[number][mark.start : mark.end].sum()))
            for number, note in enumerate(sample.notes)
            for mark in gold[note.id]
        ]

    def recall(self, of: str, *, kind: SpanType | None = None, stratum: str | None = None) -> Recall:
        """Return recall over all marks, those of a type, or those of the notes of a stratum."""
        notes = [n for n, note in enumerate(self._sample.notes) if stratum is None or note.stratum == stratum]
        place = {number: at for at, number in enumerate(notes)}
        cases = [c for c in self._cases if c.note in place and (kind is None or c.mark.type is kind)]
        marked, covered = np.zeros(len(notes), dtype=np.int64), np.zeros(len(notes), dtype=np.int64)
        for case in cases:
            marked[place[case.note]] += 1
            covered[place[case.note]] += case.whole
        hits, confidence = int(covered.sum()), self._sample.confidence
        return Recall(
            of=of,
            documents=int((marked > 0).sum()),
            marked=len(cases),
            covered=hits,
            touched=sum(case.covered > 0 and not case.whole for case in cases),
            share=hits / len(cases) if cases else None,
            wilson=wilson(hits, len(cases), confidence),
            exact=clopper_pearson(*as_independent(hits, len(cases)), confidence),
            by_document=by_document(covered, marked, confidence, seed=self._sample.seed),
        )

    def types(self) -> tuple[Recall, ...]:
        """Return recall of each type that was marked, the commonest first."""
        kinds = dict.fromkeys(case.mark.type for case in self._cases)
        found = [self.recall(f"{ZH[kind]} · {kind.value}", kind=kind) for kind in kinds]
        return tuple(sorted(found, key=lambda recall: -recall.marked))

    def strata(self) -> tuple[Recall, ...]:
        """Return recall in each stratum."""
        return tuple(self.recall(name, stratum=name) for name in self._sample.strata)

    def precision(self) -> float | None:
        """Return the share of what was found that touches a mark; None where nothing was found."""
        right = [bool(self._truths[n][s.start : s.end].any()) for n, spans in enumerate(self._judged) for s in spans]
        return sum(right) / len(right) if right else None

    def in_vain(self) -> float:
        """Return the share of unmarked characters that were covered."""
        unmarked = sum(int((~truth).sum()) for truth in self._truths)
        covers = [_cover(note.text, spans) for note, spans in zip(self._sample.notes, self._judged, strict=True)]
        vain = sum(int((cover & ~truth).sum()) for cover, truth in zip(covers, self._truths, strict=True))
        return vain / unmarked if unmarked else 0.0

    def missed(self) -> tuple[Missed, ...]:
        """Return every mark that was not wholly covered."""
        notes = self._sample.notes
        return tuple(
            Missed(notes[c.note].id, c.mark.start, c.mark.end, c.mark.type.value, c.covered)
            for c in self._cases
            if not c.whole
        )


def _cover(text: str, spans: Sequence[Span] | Sequence[Mark]) -> np.ndarray:
    cover = np.zeros(len(text), dtype=bool)
    for span in spans:
        cover[span.start : span.end] = True
    return cover
