"""Re-identification risk of a release, as this product reads GB/T 42460-2023.

Owns the sharing modes with their thresholds, the figures over equivalence classes (R_a, R_b, R_c, R, the grade, k, l, t) and
the assessment of a file. It must not know what is done about a risk (``extractor.deid.gate``). The reading is ours: over classes
J of n units with sizes f_j, R_a is the share of units whose 1/f_j is above the threshold of the mode, R_b the greatest 1/f_j,
R_c the mean |J|/n; R is R_b times the probability that, in this mode, somebody tries.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from extractor.deid.classes import PersonClasses, ReleaseTable, SensitivePairs, Unit, build_classes
from extractor.deid.codes import Counts, Ids, dense, starts, unknown_column
from extractor.errors import RiskNotMet, SourceError, UsageError
from extractor.requests import RISK_THRESHOLD, SharingMode

Mask: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.int64]

_BUCKETS = (1, 2, 3, 5, 10, 20, 50, 100)
_CHUNK = 1 << 22
_PAIRS = 1 << 20


@dataclass(frozen=True)
class ColumnFigures:
    """l and t of one sensitive column (``table.column``)."""

    column: str
    l: int  # noqa: E741 (the figure's name in the literature)
    t: float


@dataclass(frozen=True)
class SizeBucket:
    """Classes and persons with class sizes from ``low`` to ``high`` (no end where ``None``)."""

    low: int
    high: int | None
    classes: int
    persons: int


@dataclass(frozen=True)
class RiskFigures:
    """The figures of one release; ``l`` is the least and ``t`` the greatest of its sensitive columns.

    ``at_risk`` counts the persons in classes smaller than 1/tau. A grade of 4 or 1 comes from what the caller said.
    """

    rows: int
    persons: int
    classes: int
    k: int
    l: int | None  # noqa: E741 (the figure's name in the literature)
    t: float | None
    at_risk: int
    R_a: float
    R_b: float
    R_c: float
    R: float
    tau: float
    mode: SharingMode
    context: float
    threshold: float
    grade: int
    sensitive: tuple[ColumnFigures, ...] = field(default=())
    sizes: tuple[SizeBucket, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the figures as a JSON object; absent ones are ``null``."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["mode"] = self.mode.value
        plain["sensitive"] = [{"column": c.column, "l": c.l, "t": c.t} for c in self.sensitive]
        plain["sizes"] = [
            {"low": b.low, "high": b.high, "classes": b.classes, "persons": b.persons} for b in self.sizes
        ]
        return plain


def assess(
    release: Sequence[ReleaseTable] | PersonClasses,
    *,
    mode: SharingMode,
    direct_left: bool = False,
    aggregated: bool = False,
    unit: Unit = Unit.PROFILE,
) -> RiskFigures:
    """Compute the figures of a release (GB/T 42460-2023, our reading).

    The grade is 1 where a direct identifier is left, 4 for aggregated data, 2 where R > 0.05 and 3 otherwise.

    Raises:
        UsageError, SourceError, RiskNotMet: as ``build_classes``; RiskNotMet where nothing is left to assess.
    """
    classes = release if isinstance(release, PersonClasses) else build_classes(release, unit=unit)
    figures = figures_of(classes, mode=mode)
    grade = 1 if direct_left else 4 if aggregated else figures.grade
    return replace(figures, grade=grade)


def figures_of(classes: PersonClasses, *, mode: SharingMode, keep: Mask | None = None) -> RiskFigures:
    """Compute the figures over the classes that ``keep`` marks (all of them by default); grades are 2 or 3.

    Raises:
        RiskNotMet: no class is kept.
    """
    sizes = classes.sizes if keep is None else classes.sizes[keep]
    rows = classes.rows_of if keep is None else classes.rows_of[keep]
    if not len(sizes):
        raise RiskNotMet("no person is left, so no risk can be stated", zh="没有剩余人员,无法给出风险", thing="release")
    persons, k = int(sizes.sum()), int(sizes.min())
    at_risk = int(sizes[sizes < int(1 / mode.tau)].sum())
    risk = mode.context / k
    columns = tuple(_column_figures(pairs, keep, len(classes.sizes)) for pairs in classes.sensitive)
    return RiskFigures(
        rows=int(rows.sum()),
        persons=persons,
        classes=len(sizes),
        k=k,
        l=min((c.l for c in columns), default=None),
        t=max((c.t for c in columns), default=None),
        at_risk=at_risk,
        R_a=at_risk / persons,
        R_b=1 / k,
        R_c=len(sizes) / persons,
        R=float(risk),
        tau=float(mode.tau),
        mode=mode,
        context=float(mode.context),
        threshold=float(RISK_THRESHOLD),
        grade=3 if risk <= RISK_THRESHOLD else 2,
        sensitive=columns,
        sizes=size_buckets(sizes),
    )


def size_buckets(sizes: Counts) -> tuple[SizeBucket, ...]:
    """Count classes and persons by class size: 1, 2, 3–4, 5–9, 10–19, 20–49, 50–99, 100 and more."""
    bucket = np.searchsorted(_BUCKETS, sizes, side="right") - 1
    classes = np.bincount(bucket, minlength=len(_BUCKETS))
    persons = np.bincount(bucket, weights=sizes, minlength=len(_BUCKETS))
    highs = (*(low - 1 for low in _BUCKETS[1:]), None)
    return tuple(
        SizeBucket(low, high, int(c), int(p)) for low, high, c, p in zip(_BUCKETS, highs, classes, persons, strict=True)
    )


def diversity(pairs: SensitivePairs, classes: int) -> Counts:
    """Return for each class the number of distinct sensitive values (distinct l-diversity); 0 where it has no row."""
    return np.bincount(pairs.group, minlength=classes)


def closeness(pairs: SensitivePairs, keep: Mask | None, classes: int) -> Floats:
    """Return for each class the distance between its distribution of the sensitive column and that of all kept classes.

    Variational distance for categories, ordered earth mover's distance for numbers and times (Li, Li,
    Venkatasubramanian 2007), both from 0 to 1. Classes that are left out, or have no row of the table, are at 0.
    """
    group, value, count = pairs.group, pairs.value, pairs.count
    if keep is not None:
        kept = keep[group]
        group, value, count = group[kept], value[kept], count[kept]
    distances = np.zeros(classes)
    value, distinct = dense(value, int(value.max(initial=0)) + 1)
    overall = np.bincount(value, weights=count, minlength=len(distinct)) / max(count.sum(), 1)
    distance = _earth_moved if pairs.ordered else _varied
    for here, first in _parts(group):
        share = count[here] / np.repeat(np.add.reduceat(count[here], first), _lengths(first, here))
        moved = distance(value[here].astype(np.int64), share, overall, first)
        distances[group[here][first]] = np.add.reduceat(moved, first)
    np.clip(distances, 0.0, 1.0, out=distances)
    return distances


def _parts(group: Ids) -> Iterator[tuple[slice, Places]]:
    """Cut an ordered array between classes into parts of bearable size; with each, where its classes start in it."""
    new = np.flatnonzero(starts(group))
    cuts = sorted(set(np.searchsorted(new, np.arange(0, len(group), _PAIRS)).tolist()) - {len(new)})
    for first, last in zip(cuts, [*cuts[1:], len(new)], strict=False):
        end = int(new[last]) if last < len(new) else len(group)
        yield slice(int(new[first]), end), new[first:last] - new[first]


def _lengths(first: Places, here: slice) -> Places:
    return np.diff(first, append=here.stop - here.start)


def _varied(value: Places, share: Floats, overall: Floats, first: Places) -> Floats:
    """Return each pair's part of the variational distance; values that a class lacks count through the half a class starts at."""
    parts = (np.abs(share - overall[value]) - overall[value]) / 2
    parts[first] += 0.5
    return parts


def _earth_moved(value: Places, share: Floats, overall: Floats, first: Places) -> Floats:
    """Return each pair's part of the ordered earth mover's distance.

    Between two values that a class has, its own cumulative share is constant and that of all grows, so the area between them
    is two differences of one prefix sum, on either side of where they cross.
    """
    if len(overall) < 2:
        return np.zeros(len(value))
    grown = np.cumsum(overall)
    area = np.concatenate(([0.0], np.cumsum(grown)))
    last = np.append(first[1:], len(value)) - 1
    own = np.cumsum(share)
    own -= np.repeat(own[first] - share[first], last - first + 1)
    own[last] = 1.0
    until = np.append(value[1:], 0)
    until[last] = len(overall)
    cross = np.clip(np.searchsorted(grown, own), value, until)
    below = own * (cross - value) - (area[cross] - area[value])
    above = area[until] - area[cross] - own * (until - cross)
    parts: Floats = below + above
    parts[first] += area[value[first]]
    return parts / (len(overall) - 1)


def _column_figures(pairs: SensitivePairs, keep: Mask | None, classes: int) -> ColumnFigures:
    values = diversity(pairs, classes)
    present = values > 0 if keep is None else keep & (values > 0)
    least = int(values[present].min()) if present.any() else 0
    return ColumnFigures(pairs.column, least, float(closeness(pairs, keep, classes).max()))


def assess_file(
    path: Path,
    *,
    quasi: Sequence[str],
    sensitive: Sequence[str] = (),
    person: str | None = None,
    mode: SharingMode = SharingMode.CONTROLLED,
) -> RiskFigures:
    """Compute the figures of a Parquet or CSV file, reading only the columns it needs.

    CSV is ``,`` or ``;``, in UTF-8 (with or without BOM) or GB18030, which is transcoded in memory. CSV values are compared as
    text and an empty field is null; a sensitive column that holds numbers only counts as numbers.

    Raises:
        UsageError: no such file or column (the columns are listed), or no quasi-identifier is named.
        SourceError: the file cannot be read.
        RiskNotMet: the file has no row.
    """
    if not path.is_file() or not quasi:
        raise UsageError(
            "a file and at least one quasi-identifier are needed",
            zh="需要一个文件和至少一个准标识符",
            thing=path.name,
            fix_en="name a Parquet or CSV file, and quasi-identifiers by --quasi a,b,c",
            fix_zh="请指定 Parquet 或 CSV 文件,并用 --quasi a,b,c 指定准标识符",
        )
    frame = _scan(path, tuple(sensitive), (*quasi, *sensitive, *((person,) if person else ())))
    return assess([ReleaseTable(path.stem, frame, tuple(quasi), tuple(sensitive), person)], mode=mode)


def _scan(path: Path, sensitive: tuple[str, ...], wanted: tuple[str, ...]) -> pl.LazyFrame:
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return pl.scan_parquet(path)
        frame = _scan_csv(path)
        have = frame.collect_schema().names()
        for column in wanted:
            if column not in have:
                raise unknown_column(path.stem, column, have)
        return _with_numbers(frame, sensitive)
    except (pl.exceptions.PolarsError, OSError, UnicodeError):
        raise SourceError(
            "the file is neither Parquet nor CSV in UTF-8 or GB18030",
            zh="文件不是 Parquet,也不是 UTF-8 或 GB18030 编码的 CSV",
            thing=path.name,
            fix_en="save it as Parquet or CSV and try again",
            fix_zh="请另存为 Parquet 或 CSV 后重试",
        ) from None


def _scan_csv(path: Path) -> pl.LazyFrame:
    """Scan a CSV with every column as text; the separator is the one that the header has more of."""
    source: Path | io.BytesIO = path
    if not _is_utf8(path):
        source = io.BytesIO(path.read_bytes().decode("gb18030").encode())
    with path.open("rb") as file:
        header = file.readline()
    separator = ";" if header.count(b";") > header.count(b",") else ","
    return pl.scan_csv(source, separator=separator, infer_schema=False)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _with_numbers(frame: pl.LazyFrame, columns: tuple[str, ...]) -> pl.LazyFrame:
    """Turn those columns into numbers whose every value is one."""
    if not columns:
        return frame
    lost = [(pl.col(c).cast(pl.Float64, strict=False).is_null() & pl.col(c).is_not_null()).any() for c in columns]
    is_text = frame.select(lost).collect().row(0)
    numbers = [column for column, text in zip(columns, is_text, strict=True) if not text]
    return frame.with_columns(pl.col(numbers).cast(pl.Float64)) if numbers else frame
