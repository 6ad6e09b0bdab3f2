"""What clause tests are built of: policies (one rule of which a mutant takes out), requests, catalogues, plans and refusals.

How a clause test is written
----------------------------
::

    @pytest.mark.clause("fuzhou", "art_15_park")               # the rule that it shows; once for each rule
    def test_fuzhou_15_only_inside_the_park() -> None:         # test_REGIME_ARTICLE_what-holds
        outside = request(applicant={"kind": "enterprise", "industrial_park": False})
        assert "fuzhou.art_15_park" in refused("fuzhou", outside)
        assert not refused("fuzhou", changed(outside, applicant={"industrial_park": True}))    # both sides

1. Everything that depends on a policy is made inside the test: ``policies("fuzhou")``, ``compiled``, ``refused``, ``site(...)``. What is
   made when the module is imported never sees the mutant, which then survives.
2. One mark for one rule, and without that rule the test must fail in its own body, by ``assert``, ``pytest.raises`` or an error of this
   software. An index out of range or an attribute of ``None`` shows nothing and counts as broken: write ``assert x == (…)``, not
   ``(only,) = x`` or ``x[0]``. Offences are named by their number: ``clause("fuzhou", "第三十二条（四）")``; rules of the baseline by
   ``clause("baseline", "not_abroad")``, in a test whose name begins with ``test_baseline_``, or beside a rule of a regime.
3. Name the rule by what it is answerable for, not only by what happens: two rules may refuse the same thing (baseline and regime both
   keep data in the country), and only the reason's ``rule`` or the plan's citation tells which of them did.
4. Show both sides in one test, with one difference between them.
5. With ``parametrize`` every case of the test must fail without every rule of the function's marks. Where cases show different rules,
   put the marks on the cases: ``pytest.param(…, marks=pytest.mark.clause("fuzhou", "art_9_categories"))``.
6. Compile where that is enough (5 ms). Where an act is needed take ``site`` of ``installation.py`` (60 ms): a real store, keys, a clock.
   A clause test over two seconds is a failure.
7. Afterwards: ``python -m tools.mutate_policy tests/clauses/test_fuzhou.py``, ``python -m tools.clause_table``.

This module must not know what any rule does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    Location,
    Sharing,
    SharingClass,
    Subject,
    Table,
    TableFormat,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.demo.sources import example_folder
from extractor.errors import Reason, Refused
from extractor.forms import policy_form
from extractor.forms.request_form import read_request
from extractor.levels import hierarchy_of
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.policy import Policy
from extractor.policy_set import PolicySet
from extractor.requests import Request, Variable
from extractor.selection import NO_CIRCUMSTANCES, Circumstances

Regimes = str | tuple[str, ...]
_read_policy = policy_form.read_policy
_taken_out: list[tuple[str, str]] = []


# --- policies --------------------------------------------------------------------------------------------------------


@cache
def delivered(regime: str) -> Policy:
    """Return a delivered policy as its file says it, whatever is taken out now."""
    return _read_policy(policy_form.policy_folder() / f"{regime}.yaml")


def policy(regime: str) -> Policy:
    """Return a delivered policy without the rule that is taken out now."""
    found = delivered(regime)
    for of, rule in _taken_out:
        if of == regime:
            found = without(found, rule)
    return found


def policies(*regimes: str) -> PolicySet:
    """Return the baseline and the regimes, in that order, without the rule that is taken out now."""
    return PolicySet(tuple(policy(name) for name in dict.fromkeys(("baseline", *regimes))))


def without(whole: Policy, rule: str) -> Policy:
    """Return a policy without a rule, or without a listed violation, named by its number.

    Raises:
        KeyError: it has neither.
    """
    left = tuple(offence for offence in whole.offences if offence.number != rule)
    return replace(whole, offences=left) if len(left) < len(whole.offences) else whole.without(rule)


@contextmanager
def taken_out(regime: str, rule: str) -> Iterator[None]:
    """Take one rule out of the policies of everything that is made inside.

    Raises:
        KeyError: there is no such policy or rule.
    """
    if not (policy_form.policy_folder() / f"{regime}.yaml").is_file():
        raise KeyError(regime)
    without(delivered(regime), rule)
    _taken_out.append((regime, rule))
    try:
        yield
    finally:
        _taken_out.pop()


def read_as_now(path: Path) -> Policy:
    """Read a policy file; stands in the place of the form's own reader, so that an installation too lacks what is taken out."""
    return policy(path.stem) if path.parent == policy_form.policy_folder() else _read_policy(path)


# --- requests --------------------------------------------------------------------------------------------------------

_EXAMPLE = read_request(example_folder("minimal") / "request.yaml")
USUAL = ("patients.PATIENT_ID:pseudonym", "patients.SEX", "admissions.PATIENT_ID:pseudonym", "admissions.COST")
ON_OPEN_FIELDS = "admissions.WARD = '1'"
"""A population that is described by an open field alone, so that the request may stay one for open fields."""


def request(*asks: str, regime: str = "fuzhou", **changes: Any) -> Request:
    """Return a request of a university for research, kept in the regime's own place, which the regimes usually allow.

    Args:
        *asks: the wanted fields, ``table.field:level``; without a level the finest; without any, a usual few.
        regime: whose place the applicant is in.
        **changes: fields of ``Request``; of ``applicant``, ``purpose``, ``safeguards`` and other parts the changed fields as a dict.
    """
    place = delivered(regime).division
    place = "350100" if place == "CN" else place
    usual = changed(
        _EXAMPLE, catalogue="clauses", applicant={"division": place}, safeguards={"division": place},
        variables=tuple(_variable(each) for each in asks or USUAL),
    )  # fmt: skip
    return changed(usual, **changes)


def changed(whole: Any, **changes: Any) -> Any:
    """Return a value with some fields changed; a dict changes fields of the part of that name, and words become its enum."""
    parts: dict[str, Any] = {}
    for name, new in changes.items():
        was = getattr(whole, name)
        if isinstance(new, dict):
            parts[name] = changed(was, **new)
        else:
            parts[name] = type(was)(new) if isinstance(new, str) and isinstance(was, str) else new
    return replace(whole, **parts)


def _variable(ask: str) -> Variable:
    place, _, level = ask.partition(":")
    table, _, name = place.partition(".")
    field = _CATALOGUE.field(table, name)
    finest = hierarchy_of(field.kind).names[0] if field else "raw"
    return Variable(table, name, level or finest, "用于研究")


# --- catalogues ------------------------------------------------------------------------------------------------------


def _field(name: str, kind: str, cls: FieldClass, **more: Any) -> Field:
    sharing = Sharing(more.pop("sharing", SharingClass.CONDITIONAL), "含个人健康信息", "本目录")
    usual: dict[str, Any] = {
        "zh": name, "grade": 3, "category": "医疗服务", "responsible": "信息科", "format": ValueFormat.TEXT,
        "attributes": "结构化", "update": UpdatePeriod.DAILY, "use": (UseMode.EXTRACT, UseMode.ANALYSE),
    }  # fmt: skip
    return Field(name=name, kind=kind, cls=cls, sharing=sharing, **{**usual, **more})


_DIRECT, _QUASI, _SENSITIVE, _OTHER = FieldClass.DIRECT, FieldClass.QUASI, FieldClass.SENSITIVE, FieldClass.OTHER
_PATIENTS = (
    _field("PATIENT_ID", "record_number", _DIRECT, domain="person"),
    _field("ID_NO", "resident_id", _DIRECT),
    _field("NAME", "person_name", _DIRECT),
    _field("PHONE", "phone", _DIRECT),
    _field("RELATIVE", "person_name", _DIRECT, subject=Subject.RELATIVE),
    _field("SEX", "category", _QUASI),
    _field("BIRTH", "birth_date", _QUASI, format=ValueFormat.DATE),
    _field("ADDRESS", "address", _QUASI),
    _field("EMPLOYER", "organization", _QUASI),
)
_ADMISSIONS = (
    _field("ADMISSION_NO", "record_number", _DIRECT, domain="admission"),
    _field("PATIENT_ID", "record_number", _DIRECT, domain="person"),
    _field("ADMITTED", "event_date", _QUASI, format=ValueFormat.DATE),
    _field("DIAGNOSIS", "icd10", _SENSITIVE),
    _field("COST", "amount", _SENSITIVE, format=ValueFormat.DECIMAL),
    _field("DOCTOR", "person_name", _DIRECT, subject=Subject.STAFF),
    _field("WARD", "category", _OTHER, sharing=SharingClass.OPEN),
    _field("INFECTION", "category", _SENSITIVE, sharing=SharingClass.RESTRICTED),
    _field("NOTE", "free_text", _SENSITIVE, sharing=SharingClass.RESTRICTED),
)


def _table(name: str, fields: tuple[Field, ...], **more: Any) -> Table:
    place = Location(f"{name}.csv", TableFormat.CSV, "350100")
    return Table(name=name, zh=name, location=place, fields=fields, person="PATIENT_ID", **more)


_CATALOGUE = Catalogue(
    "clauses", "1", "条款测试目录", "示例医院信息系统", date(2026, 1, 5), "350100",
    (
        _table("patients", _PATIENTS, key=("PATIENT_ID",), identity=True),
        _table("admissions", _ADMISSIONS, key=("ADMISSION_NO",), period="ADMITTED"),
    ),
)  # fmt: skip


def catalogue(regime: str = "fuzhou", fields: dict[str, dict[str, Any]] | None = None, **changes: Any) -> Catalogue:
    """Return a catalogue that lies in the regime's place and uses its categories.

    It has open (WARD), restricted (INFECTION, NOTE) and otherwise conditional fields, of every class.

    Args:
        regime: whose place.
        fields: changes of single fields, ``{"patients.SEX": {"category": "…", "sharing": {"mode": "open"}}}``.
        **changes: fields of ``Catalogue``.
    """
    local = delivered(regime)
    place = "350100" if local.division == "CN" else local.division
    names = local.categories.names if local.categories else ("医疗服务",)
    category = "医疗服务" if "医疗服务" in names else names[0]
    tables = tuple(_fitted(table, place, category, fields or {}) for table in _CATALOGUE.tables)
    return replace(_CATALOGUE, **{"division": place, "tables": tables, **changes})


def _fitted(table: Table, place: str, category: str, fields: dict[str, dict[str, Any]]) -> Table:
    own = tuple(
        changed(replace(field, category=category), **fields.get(f"{table.name}.{field.name}", {}))
        for field in table.fields
    )
    return replace(table, location=replace(table.location, division=place), fields=own)


# --- plans and refusals ----------------------------------------------------------------------------------------------


def compiled(
    regimes: Regimes, asked: Request, source: Catalogue | None = None, facts: Circumstances = NO_CIRCUMSTANCES
) -> Plan:
    """Compile a request under baseline and regimes, over the catalogue of the last of them where none is given.

    Raises:
        Refused: with every reason.
    """
    names = (regimes,) if isinstance(regimes, str) else regimes
    whole = catalogue(names[-1]) if source is None else source
    return compile_plan(asked, whole, policies(*names), facts)


def refusal(
    regimes: Regimes, asked: Request, source: Catalogue | None = None, facts: Circumstances = NO_CIRCUMSTANCES
) -> tuple[Reason, ...]:
    """Return the reasons for which a request is refused; none where it is not."""
    try:
        compiled(regimes, asked, source, facts)
    except Refused as no:
        return no.reasons
    return ()


def refused(
    regimes: Regimes, asked: Request, source: Catalogue | None = None, facts: Circumstances = NO_CIRCUMSTANCES
) -> frozenset[str]:
    """Return the rules (``fuzhou.art_15_park``) that refuse a request; none where it is not refused."""
    return frozenset(reason.rule for reason in refusal(regimes, asked, source, facts))


def level(plan: Plan, place: str) -> tuple[str, frozenset[str]]:
    """Return the level at which a plan gives a field and the rules that bound it; ``none`` where it gives nothing of it."""
    table, _, name = place.partition(".")
    given = [c for t in plan.tables if t.name == table for c in t.columns if c.output == name]
    found = given or [column for column in plan.dropped if column.output == place]
    cited = frozenset(f"{cited.regime}.{cited.rule}" for column in found for cited in column.cited)
    return (found[0].level if found else "not planned"), cited


def steps(plan: Plan) -> tuple[str, ...]:
    """Return the ids of a plan's steps, in order."""
    return tuple(step.id for step in plan.steps)


def step_rules(plan: Plan) -> frozenset[str]:
    """Return the rules that a plan's steps cite."""
    return frozenset(f"{step.cited.regime}.{step.cited.rule}" for step in plan.steps)
