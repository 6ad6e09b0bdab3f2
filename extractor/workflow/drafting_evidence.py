"""What the values of a sampled column say: counts of what passes which check, and of texts that hold which span.

Owns the counting. What it returns holds counts, shares and types only, never a value; the recognisers are those that treat
free text in a run. It must not know what the counts mean for a class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from extractor.catalogue import Field, FieldClass, Sharing, SharingClass, UpdatePeriod, UseMode, ValueFormat
from extractor.deid import identifiers as ids
from extractor.deid.clinical_codes import icd9cm3_category, icd10_category
from extractor.deid.free_text import annotate_column
from extractor.deid.geography import county_code
from extractor.deid.identity_text import as_text
from extractor.deid.spans import TYPES
from extractor.deid.text_facts import surnames
from extractor.errors import ExtractorError
from extractor.sources.values import parsed, type_name

MOST_TEXTS = 400
_UUID = r"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_SHAPES = {
    "email": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "uuid": _UUID,
    "ip": r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$",
    "us_ssn": r"^[0-9]{3}-[0-9]{2}-[0-9]{4}$",
    "digits": r"^[0-9]+$",
    "long_digits": r"^[0-9]{6,}$",
    "coordinate": r"^-?[0-9]{1,3}\.[0-9]{5,}$",
    "code": r"^[A-Za-z0-9][A-Za-z0-9._\-/]*$",
    "chinese": r"[\u4e00-\u9fff]",
}
_CHECKS: dict[str, Callable[[str], bool]] = {
    "resident_id": ids.is_resident_id,
    "old_resident_id": ids.is_old_resident_id,
    "uscc": ids.is_uscc,
    "bank_card": ids.is_bank_card,
    "mobile": lambda value: ids.is_mobile(value.replace("-", "").replace(" ", "")),
    "landline": lambda value: ids.is_landline(value.replace("-", "").replace(" ", "")),
    "passport": ids.is_passport,
    "permit": ids.is_exit_permit,
    "plate": ids.is_plate,
    "hkid": ids.is_hkid,
    "taiwan_id": ids.is_taiwan_id,
}
_FORMATS = (ValueFormat.INTEGER, ValueFormat.DECIMAL, ValueFormat.DATE, ValueFormat.DATETIME)


@dataclass(frozen=True)
class ColumnEvidence:
    """Counts over the sampled rows of one column; ``checks`` and ``spans`` are (name, number of values) pairs.

    ``texts`` is how many values were searched for spans, ``mean_length`` in characters. ``dtype`` is the type as read.
    """

    rows: int
    nonnull: int
    distinct: int
    mean_length: float
    dtype: str
    checks: tuple[tuple[str, int], ...]
    spans: tuple[tuple[str, int], ...]
    texts: int

    @property
    def distinct_ratio(self) -> float:
        """Distinct values for each value that is there, 0 to 1."""
        return self.distinct / self.nonnull if self.nonnull else 0.0

    def share(self, check: str) -> float:
        """Return the share of values that pass a check, 0 to 1."""
        return dict(self.checks).get(check, 0) / self.nonnull if self.nonnull else 0.0

    def span_share(self, *kinds: str) -> float:
        """Return the share of searched texts that hold the most frequent of the span types, 0 to 1."""
        counts = dict(self.spans)
        return max((counts.get(kind, 0) for kind in kinds), default=0) / self.texts if self.texts else 0.0


def column_evidence(values: pl.Series) -> ColumnEvidence:
    """Count what the values of a column pass.

    Raises:
        RecogniserFailed: a recogniser of free text stopped.
    """
    text = _text(values)
    present = text.filter(text.is_not_null() & (text.str.strip_chars() != "")).str.strip_chars()
    checks = _passed(present) | _typed(values, present)
    searched, spans = _spans(present, checks)
    return ColumnEvidence(
        rows=len(values),
        nonnull=len(present),
        distinct=present.n_unique() if len(present) else 0,
        mean_length=round(float(present.str.len_chars().mean() or 0.0), 1),  # type: ignore[arg-type]
        dtype=type_name(values.dtype),
        checks=tuple((name, count) for name, count in sorted(checks.items()) if count),
        spans=tuple(sorted(spans.items())),
        texts=searched,
    )


def _text(values: pl.Series) -> pl.Series:
    """Return a column as text; what has no text (lists, binary) gives nulls and is judged by its name alone."""
    try:
        if values.dtype.is_float():
            # Identifiers that a spreadsheet made into numbers are still identifiers.
            whole = pl.DataFrame({"v": values}).select(as_text(pl.col("v"), values.dtype))["v"]
            return whole.fill_null(values.cast(pl.String))
        return values.cast(pl.String)
    except (ExtractorError, pl.exceptions.PolarsError):
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)


def _passed(present: pl.Series) -> dict[str, int]:
    """Count the values that pass each check, one call for each distinct value."""
    counted = present.value_counts(name="n") if len(present) else pl.DataFrame({present.name: [], "n": []})
    pairs = list(counted.iter_rows())
    found = {name: sum(n for value, n in pairs if check(value)) for name, check in _CHECKS.items()}
    found["han_name"] = sum(n for value, n in pairs if _is_han_name(value))
    found |= {name: int(present.str.contains(shape).sum()) for name, shape in _SHAPES.items()}
    frame = pl.DataFrame({"v": present}, schema={"v": pl.String})
    coded = {
        "division": county_code(pl.col("v"), pl.String()),
        "icd10": icd10_category(pl.col("v"), pl.String()),
        "icd9cm3": icd9cm3_category(pl.col("v"), pl.String()),
    }
    return found | {name: int(frame.select(code.is_not_null().sum()).item()) for name, code in coded.items()}


def _is_han_name(value: str) -> bool:
    known = surnames()
    fits = 2 <= len(value) <= 4 and all("\u4e00" <= sign <= "\u9fff" for sign in value)
    return fits and (value[0] in known.common or value[:2] in known.compound)


def _typed(values: pl.Series, present: pl.Series) -> dict[str, int]:
    """Count the values that read as integer, decimal, date, date and time, as a run would read them."""
    if values.dtype == pl.String:
        frame = pl.DataFrame({"v": present}, schema={"v": pl.String})
        return {form.value: int(frame.select(parsed(_field(form)).is_not_null().sum()).item()) for form in _FORMATS}
    own = {
        ValueFormat.INTEGER: values.dtype.is_integer(),
        ValueFormat.DECIMAL: values.dtype.is_numeric(),
        ValueFormat.DATE: values.dtype == pl.Date,
        ValueFormat.DATETIME: values.dtype in (pl.Datetime, pl.Date),
        ValueFormat.BOOLEAN: values.dtype == pl.Boolean,
    }
    return {form.value: len(present) if holds else 0 for form, holds in own.items()}


def _field(form: ValueFormat) -> Field:
    sharing = Sharing(SharingClass.RESTRICTED, "-", "-")
    cls, update, use = FieldClass.OTHER, UpdatePeriod.STATIC, (UseMode.EXTRACT,)
    return Field("v", "v", "category", cls, 3, "-", sharing, "-", form, "-", update, use)


def _spans(present: pl.Series, checks: dict[str, int]) -> tuple[int, dict[str, int]]:
    """Search distinct texts for spans; return how many were searched and in how many each type stands."""
    typed = max(checks.get(form, 0) for form in ("integer", "decimal", "date", "datetime", "uuid"))
    if not len(present) or typed >= 0.95 * len(present):
        return 0, {}
    texts = present.unique(maintain_order=True).head(MOST_TEXTS)
    found = annotate_column(texts)
    pairs = set(zip(found.doc.tolist(), found.type.tolist(), strict=True))
    counts: dict[str, int] = {}
    for _, code in pairs:
        counts[TYPES[code].value] = counts.get(TYPES[code].value, 0) + 1
    return len(texts), counts
