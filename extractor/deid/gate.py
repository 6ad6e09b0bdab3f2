"""The risk gate: whether a release may leave, and whom it must leave out for that.

Owns the limits of a plan, the suppression of persons in classes that break them, and the refusal with what would help. It must
not know how figures are computed (``extractor.deid.risk``) nor how a plan is changed; it never climbs a hierarchy itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import polars as pl

from extractor.deid.classes import CodedTuples, PersonClasses, pairs_of, profiles_of
from extractor.deid.codes import Counts, Ids, tuples_of, unknown_column
from extractor.deid.risk import Mask, RiskFigures, closeness, diversity, figures_of
from extractor.errors import ConfigurationError, RiskNotMet
from extractor.requests import SharingMode


@dataclass(frozen=True)
class RiskLimits:
    """The limits of a plan: least class size, least l, greatest t, greatest R, and the share of persons that may be left out."""

    k: int
    l: int | None = None  # noqa: E741 (the figure's name in the literature)
    t: float | None = None
    threshold: float = 0.05
    suppression_limit: float = 0.0

    def __post_init__(self) -> None:
        sound = (
            self.k >= 1
            and (self.l is None or self.l >= 1)
            and (self.t is None or 0 <= self.t <= 1)
            and 0 < self.threshold <= 1
            and 0 <= self.suppression_limit <= 1
        )
        if not sound:
            raise ConfigurationError(
                "risk limits out of range",
                zh="风险限值超出范围",
                thing="limits",
                fix_en="k and l from 1; t and suppression_limit from 0 to 1; threshold above 0, at most 1",
                fix_zh="k、l 不小于 1;t 与 suppression_limit 为 0 至 1;threshold 大于 0 且不超过 1",
            )

    def class_size(self, mode: SharingMode) -> int:
        """Return the least class size that meets both k and, in this mode, the threshold of R."""
        return max(self.k, math.ceil(mode.context / Fraction(str(self.threshold))))


@dataclass(frozen=True)
class Help:
    """What dropping one quasi-identifier (``table.column``) would do: the share of persons still below the class size."""

    column: str
    share_below: float


@dataclass(frozen=True)
class GateResult:
    """A release that may leave without the suppressed persons; their keys are shown nowhere."""

    before: RiskFigures
    after: RiskFigures
    suppressed_persons: pl.Series = field(repr=False, compare=False)
    suppressed_share: float


def pass_gate(classes: PersonClasses, limits: RiskLimits, mode: SharingMode) -> GateResult:
    """Let a release pass, with the persons who must be left out of it.

    Classes below the size, then classes that break l or t, are left out until all limits hold for what stays; t is measured
    against what stays, so it is measured again after each round.

    Raises:
        RiskNotMet: more must be left out than the limit allows, or nobody would stay. The message names the figures, the
            limit and what would help, and no value.
    """
    least = limits.class_size(mode)
    keep = classes.sizes >= least
    while _out(classes, keep) <= _allowed(classes, limits) and keep.any():
        broken = _broken(classes, limits, keep)
        if not broken.any():
            break
        keep = keep & ~broken
    out = _out(classes, keep)
    if out > _allowed(classes, limits) or not keep.any():
        helps = tuple(sorted(_helps(classes, least), key=lambda h: (h.share_below, h.column)))
        raise _refusal(classes, limits, mode, _Left(out, int(classes.sizes[classes.sizes < least].sum()), helps))
    return GateResult(
        before=figures_of(classes, mode=mode),
        after=figures_of(classes, mode=mode, keep=keep),
        suppressed_persons=classes.person_keys.filter(pl.Series(~keep[classes.class_of_person])),
        suppressed_share=out / classes.persons,
    )


def sizes_without(classes: PersonClasses, quasi: str) -> Counts:
    """Return the class sizes there would be if one ``table.column`` were left out, from the packed codes alone.

    Raises:
        UsageError: no such quasi-identifier.
    """
    named = {f"{table.name}.{column}": (table, column) for table in classes.tables for column in table.columns}
    if quasi not in named:
        raise unknown_column("release", quasi, tuple(named))
    table, column = named[quasi]
    ids = _without(table, column)
    if table.pairs is None:
        last = table.first + len(ids)
        merged = np.bincount(ids, weights=classes.sizes[table.first : last]).astype(np.int64)
        return np.concatenate((classes.sizes[: table.first], merged, classes.sizes[last:]))
    merged_pairs = pairs_of(table.pairs[0], ids[table.pairs[1]], int(ids.max(initial=0)) + 1)[:2]
    pairs = [merged_pairs if t is table else t.pairs for t in classes.tables if t.pairs]
    return np.bincount(profiles_of(classes.persons, pairs))


def _without(table: CodedTuples, column: str) -> Ids:
    """Number the tuples of a table anew with one column left out: its digit is cut from the packed keys."""
    word, below, radix = table.layout[table.columns.index(column)]
    low, words = np.uint64(below), list(table.words)
    words[word] = words[word] // np.uint64(below * radix) * low + words[word] % low
    return tuples_of(words, [int(keys.max(initial=0)) + 1 for keys in words])[0]


def _out(classes: PersonClasses, keep: Mask) -> int:
    return int(classes.sizes[~keep].sum())


def _allowed(classes: PersonClasses, limits: RiskLimits) -> int:
    return math.floor(Fraction(str(limits.suppression_limit)) * classes.persons)


def _broken(classes: PersonClasses, limits: RiskLimits, keep: Mask) -> Mask:
    """Mark the kept classes that break l or t in any sensitive column."""
    broken = np.zeros(len(keep), np.bool_)
    for pairs in classes.sensitive:
        if limits.l is not None:
            values = diversity(pairs, len(keep))
            broken |= (values > 0) & (values < limits.l)
        if limits.t is not None:
            # Distances are sums of floats; a limit that is met exactly must not fail by the last bit.
            broken |= closeness(pairs, keep, len(keep)) > limits.t + 1e-12
    return broken & keep


def _helps(classes: PersonClasses, least: int) -> Iterator[Help]:
    for column in classes.quasi:
        sizes = sizes_without(classes, column)
        yield Help(column, int(sizes[sizes < least].sum()) / classes.persons)


@dataclass(frozen=True)
class _Left:
    """Persons who would be left out, those of them in classes that are too small, and what would help."""

    out: int
    small: int
    helps: tuple[Help, ...]


def _refusal(classes: PersonClasses, limits: RiskLimits, mode: SharingMode, left: _Left) -> RiskNotMet:
    least = limits.class_size(mode)
    asked = f"k = {least}" if least == limits.k else f"k = {least} (R ≤ {limits.threshold}, {mode.value})"
    asked += "".join(f", {name} = {v}" for name, v in (("l", limits.l), ("t", limits.t)) if v is not None)
    share, small = f"{left.out / classes.persons:.1%}", f"{left.small / classes.persons:.1%}"
    limit = f"{limits.suppression_limit:.1%}"
    helps = left.helps[:3]
    en = "; ".join(f"without {h.column} {h.share_below:.1%} would still be below k" for h in helps)
    zh = ";".join(f"去掉 {h.column} 后仍有 {h.share_below:.1%} 低于 k" for h in helps)
    return RiskNotMet(
        f"{asked} needs at least {share} of {classes.persons} persons left out ({small} are in classes below k); "
        f"the limit is {limit}",
        zh=f"要达到 {asked},至少须去除 {classes.persons} 人中的 {share}({small} 处于低于 k 的等价类);上限为 {limit}",
        thing=", ".join(table.name for table in classes.tables),
        fix_en=f"ask for coarser levels, drop a quasi-identifier ({en}) or raise the limit",
        fix_zh=f"请申请更粗的等级、去掉某个准标识符({zh})或提高上限",
    )
