"""From evidence to a proposal: kind, class, grade, format and subject of one column, and whether a person must decide.

Owns the rules. Of name and values the stricter counts; a column whose name says nothing is direct or free text where its values
differ much, else a fact about somebody's health, and never ``other``. It must not know how evidence is counted nor how a draft is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from extractor.catalogue import FieldClass, Subject, ValueFormat
from extractor.workflow.drafting_evidence import ColumnEvidence
from extractor.workflow.drafting_names import NameEvidence, is_table_of, name_evidence

_STRICT = (FieldClass.OTHER, FieldClass.SENSITIVE, FieldClass.QUASI, FieldClass.DIRECT)
_GRADES = {FieldClass.DIRECT: 4, FieldClass.QUASI: 3, FieldClass.SENSITIVE: 3, FieldClass.OTHER: 3}
_IDENTIFYING = (
    "PERSON",
    "RESIDENT_ID",
    "PHONE",
    "LANDLINE",
    "ADDRESS",
    "MEDICAL_RECORD",
    "PASSPORT",
    "BANK_CARD",
    "EMAIL",
)
# Share of values from which a check speaks for the column; one value in fifty that is a citizen number is enough.
_FEW, _MANY = 0.02, 0.6
_CHECKED = (
    ("resident_id", "resident_id", _FEW),
    ("mobile", "phone", 0.05),
    ("email", "email", 0.05),
    ("bank_card", "bank_card", _MANY),
    ("us_ssn", "insurance_id", 0.3),
    ("uuid", "record_number", _MANY),
    ("ip", "account", _MANY),
    ("plate", "plate", _MANY),
    ("hkid", "resident_id", _MANY),
    ("taiwan_id", "resident_id", _MANY),
    ("passport", "passport", _MANY),
    ("permit", "passport", _MANY),
    ("old_resident_id", "resident_id", _MANY),
    ("landline", "landline", _MANY),
)
_TEXT_KINDS = frozenset({"free_text", "term", "address", "person_name", "organization"})
_DAY_KINDS = frozenset({"birth_date", "event_date", "event_time"})


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a column. ``decide`` says that a person must decide; ``why`` names the evidence that counted."""

    name: str
    zh: str
    kind: str
    cls: FieldClass
    grade: int
    format: ValueFormat
    subject: Subject
    why: str
    decide: bool
    domain: str | None = None


def propose(table: str, column: str, evidence: ColumnEvidence) -> Proposal:
    """Propose what a column is, by its name and the counts of its values."""
    named = name_evidence(column)
    by_value = _by_checks(evidence)
    if by_value and (named is None or not _agrees(named, by_value)):
        kind, cls, why, decide = by_value, FieldClass.DIRECT, "checks", named is not None
    elif named is not None:
        kind, cls, why, decide = _by_name(named, evidence)
    else:
        kind, cls, why, decide = _by_shape(evidence)
    form = _format(kind, evidence)
    subject = named.subject if named else Subject.PERSON
    if is_table_of(table, Subject.STAFF):
        subject = Subject.STAFF
        # Among the few people who work in a place the department singles out.
        cls = FieldClass.QUASI if cls is FieldClass.OTHER and kind == "category" else cls
    kind = _fitting(kind, form)
    label = named.zh if named and named.zh else column
    return Proposal(column, label, kind, cls, _GRADES[cls], form, subject, why, decide or evidence.nonnull == 0)


def with_domain(proposal: Proposal, domain: str) -> Proposal:
    """Return the proposal of a key, whose equal values in all its tables get one pseudonym."""
    return replace(proposal, domain=domain)


def _by_checks(evidence: ColumnEvidence) -> str | None:
    """Return the identifier that enough values pass the check of."""
    if evidence.share("date") > _MANY and evidence.share("resident_id") == 0:
        return None
    return next((kind for check, kind, least in _CHECKED if evidence.share(check) >= least), None)


def _agrees(named: NameEvidence, kind: str) -> bool:
    """Say whether a name already says as much as the values: direct, with an identifier that may well look so."""
    loose = {"record_number", "insurance_id", "account", "passport"}
    return named.cls is FieldClass.DIRECT and (named.kind == kind or named.kind in loose) and kind != "resident_id"


def _by_name(named: NameEvidence, evidence: ColumnEvidence) -> tuple[str, FieldClass, str, bool]:
    """Take what the name says, made stricter where the values say so."""
    if named.kind == "free_text":
        return "free_text", FieldClass.SENSITIVE, "name", False
    values_are_text = evidence.texts > 0
    if named.cls is not FieldClass.DIRECT and values_are_text:
        if (
            evidence.mean_length > 40
            and evidence.span_share(*_IDENTIFYING) > 0.2
            and named.kind not in ("address", "organization")
        ):
            return "free_text", FieldClass.SENSITIVE, "name, spans", True
        if evidence.share("han_name") > _MANY and evidence.span_share("PERSON") > 0.3 and evidence.distinct > 20:
            return "person_name", FieldClass.DIRECT, "surnames", True
    if named.kind == "category" and named.cls is FieldClass.OTHER and _differs_much(evidence):
        return "record_number", FieldClass.DIRECT, "name, distinct values", True
    if named.kind == "phone" and evidence.share("landline") > evidence.share("mobile"):
        return "landline", named.cls, "name, checks", False
    cls = max(named.cls, FieldClass.DIRECT if named.kind in ("person_name", "phone") else named.cls, key=_STRICT.index)
    return named.kind, cls, "name", named.kind in ("organization", "account")


def _by_shape(evidence: ColumnEvidence) -> tuple[str, FieldClass, str, bool]:
    """Judge a column whose name says nothing; in doubt the stricter."""
    if evidence.nonnull == 0:
        return "record_number", FieldClass.DIRECT, "no values", True
    coded = _coded(evidence)
    if coded is not None:
        return (*coded, True)
    if evidence.texts:
        return (*_text_shape(evidence), True)
    if evidence.share("decimal") > 0.95:
        return (*_number_shape(evidence), True)
    return "record_number", FieldClass.DIRECT, "unknown", True


def _number_shape(evidence: ColumnEvidence) -> tuple[str, FieldClass, str]:
    """Judge unnamed numbers: those of records, coordinates, and only then a quantity."""
    whole = evidence.share("integer") > 0.95
    if evidence.distinct > 20 and evidence.share("long_digits") > 0.95:
        # A number of a record, also where it repeats because the table has several rows of one person.
        return "record_number", FieldClass.DIRECT, "long numbers"
    if _differs_much(evidence) and evidence.share("coordinate") > _MANY:
        return "quantity", FieldClass.DIRECT, "numbers as fine as coordinates"
    if whole and evidence.mean_length >= 5 and evidence.distinct_ratio > 0.9:
        return "record_number", FieldClass.DIRECT, "distinct numbers"
    if whole and evidence.distinct == evidence.nonnull and evidence.nonnull > 20:
        return "record_number", FieldClass.DIRECT, "each number once"
    return "quantity", FieldClass.SENSITIVE, "numbers"


def _coded(evidence: ColumnEvidence) -> tuple[str, FieldClass, str] | None:
    if evidence.share("date") > _MANY or evidence.share("datetime") > _MANY:
        kind = "event_date" if evidence.share("date") > 0.95 else "event_time"
        return kind, FieldClass.QUASI, "dates"
    if evidence.share("boolean") > _MANY:
        return "category", FieldClass.SENSITIVE, "truth values"
    if evidence.share("division") > 0.8 and evidence.distinct > 1:
        return "division", FieldClass.QUASI, "divisions"
    # Patient numbers such as P000001 have the shape of a code too, but codes come again and numbers do not.
    if evidence.share("icd10") > 0.8 and evidence.distinct > 5 and evidence.distinct_ratio < 0.5:
        return "icd10", FieldClass.SENSITIVE, "codes"
    if evidence.share("uscc") > _MANY:
        return "uscc", FieldClass.QUASI, "checks"
    return None


def _text_shape(evidence: ColumnEvidence) -> tuple[str, FieldClass, str]:
    """Judge unnamed text: names, addresses, free text, codes that differ much, and only then a category."""
    if evidence.share("han_name") > 0.5 and (evidence.span_share("PERSON") > 0.2 or evidence.distinct > 50):
        return "person_name", FieldClass.DIRECT, "surnames"
    if evidence.mean_length > 30 or (evidence.mean_length > 15 and evidence.span_share(*_IDENTIFYING, "DATE") > 0.3):
        address = evidence.span_share("ADDRESS") > _MANY and evidence.mean_length < 60
        return ("address", FieldClass.DIRECT, "spans") if address else ("free_text", FieldClass.SENSITIVE, "long text")
    if evidence.span_share("ADDRESS") > _MANY:
        return "address", FieldClass.DIRECT, "spans"
    if evidence.span_share("ORGANIZATION") > _MANY:
        return "organization", FieldClass.QUASI, "spans"
    if _differs_much(evidence):
        kind = "record_number" if evidence.share("code") > 0.9 else "free_text"
        return kind, FieldClass.DIRECT, "values differ much"
    if evidence.span_share(*_IDENTIFYING) > 0.1:
        return "free_text", FieldClass.SENSITIVE, "spans"
    return "category", FieldClass.SENSITIVE, "few values"


def _differs_much(evidence: ColumnEvidence) -> bool:
    return evidence.distinct > 20 and evidence.distinct_ratio > 0.5


def _format(kind: str, evidence: ColumnEvidence) -> ValueFormat:
    """Return the format in which a run reads the column; a code stays text, because a number loses its zeros."""
    if not evidence.dtype.startswith("String"):
        return _own_format(evidence.dtype)
    if kind in _DAY_KINDS and evidence.nonnull:
        if evidence.share("date") >= 0.95:
            return ValueFormat.DATE
        if evidence.share("datetime") >= 0.95:
            return ValueFormat.DATETIME
    if kind in ("amount", "quantity", "age") and evidence.nonnull:
        if evidence.share("integer") == 1 and kind != "amount":
            return ValueFormat.INTEGER
        if evidence.share("decimal") >= 0.95:
            return ValueFormat.DECIMAL
    return ValueFormat.TEXT


def _own_format(dtype: str) -> ValueFormat:
    names = (
        (("Int", "UInt"), ValueFormat.INTEGER),
        (("Float", "Decimal"), ValueFormat.DECIMAL),
        (("Datetime",), ValueFormat.DATETIME),
        (("Date",), ValueFormat.DATE),
        (("Boolean",), ValueFormat.BOOLEAN),
    )
    return next((form for starts, form in names if dtype.startswith(starts)), ValueFormat.TEXT)


def _fitting(kind: str, form: ValueFormat) -> str:
    """Return the kind whose levels can be computed from the format: bands as text are categories, a time is no date."""
    if kind in ("event_date", "event_time"):
        return {ValueFormat.DATE: "event_date", ValueFormat.DATETIME: "event_time"}.get(form, "category")
    if kind in ("age", "amount", "quantity") and form is ValueFormat.TEXT:
        return "category"
    if kind in _TEXT_KINDS and form is not ValueFormat.TEXT:
        return "record_number" if kind == "person_name" else "category"
    return kind
