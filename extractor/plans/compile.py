"""From request, catalogue, policies and circumstances to the plan: levels, the smallest algebra, all refusals at once.

Owns the order of the work, what is refused about the request as a whole, and the tables of a plan. Levels are those of
``extractor.plans.decide``, rows those of ``extractor.plans.rows``, all that a plan brings with it is found in
``extractor.plans.obligations``. It reads no table and knows no engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from extractor.canonical import digest
from extractor.catalogue import Catalogue, Field, FieldClass, Subject, Table
from extractor.errors import Reason, Refused
from extractor.levels import hierarchy_of
from extractor.plans.decide import NOT_GIVEN, Case, Decided, Levels, facets
from extractor.plans.minimality import check_minimal
from extractor.plans.nodes import (
    TREATED_TEXT,
    ApprovalStep,
    ColumnPlan,
    Derivation,
    Derive,
    Plan,
    Predicate,
    RiskPlan,
    Source,
    TablePlan,
    fields_of,
    treats_text,
)
from extractor.plans.obligations import (
    Conditions,
    agreement_of,
    circumstances_of,
    consent_of,
    practices_of,
    regimes_of,
    warnings_of,
)
from extractor.plans.predicate import parse_population
from extractor.plans.refusals import beyond_catalogue, beyond_need, plain_reason
from extractor.plans.rows import Shape, known_values, person_of, rows_of
from extractor.policy_set import PolicySet
from extractor.policy_words import Place
from extractor.requests import Request, SharingMode, Variable
from extractor.selection import NO_CIRCUMSTANCES, Circumstances

PERSON_DOMAIN = "person"
_AGE_AS = dict.fromkeys(("day", "month", "quarter", "year"), "age")
"""What the finer levels of a date of birth say of the age."""


@dataclass(frozen=True)
class _Reading:
    """A request that has been read against its catalogue: what is decided, what is asked for besides, and every fault."""

    case: Case
    decided: tuple[Decided, ...]
    conditions: Conditions
    asked: tuple[tuple[str, Field], ...]
    shape: Shape
    faults: tuple[Reason, ...]

    @property
    def kinds_of_field(self) -> tuple[Field, ...]:
        """One field for each combination of what a rule can select, so that thousands of fields are a few questions."""
        return tuple({facets(field): field for _, field in reversed(self.asked)}.values())[::-1]


def compile_plan(
    request: Request, catalogue: Catalogue, policies: PolicySet, facts: Circumstances = NO_CIRCUMSTANCES
) -> Plan:
    """Compile the plan of a request. The same inputs always give the same plan, byte for byte.

    Args:
        request: what is applied for.
        catalogue: what there is.
        policies: those that apply to this request.
        facts: what the store says about the request; ``today`` is only checked against the standing of the policies, and open
            breaches only refuse, so that neither changes a plan.

    Raises:
        Refused: the request asks for more than it may have; every reason is given, with rule, article and what would do.
        ConfigurationError: a table cannot be reached from the population, or no policy sets risk limits.
    """
    reading = _read(Case(request, catalogue, policies, facts))
    asked = reading.kinds_of_field
    conflicts = policies.conflicts(request, asked, facts)
    steps = () if conflicts else policies.steps(request, asked, facts)
    faults = [*reading.faults, *conflicts, *_obstacles(reading, asked)]
    if asked and not steps and not conflicts:
        faults.append(_no_chain())
    if faults:
        raise Refused(tuple(dict.fromkeys(faults)))
    plan = _plan(reading, asked, tuple(ApprovalStep(s.id, s.zh, s.role.value, s.unit, s.agrees, c) for s, c in steps))
    check_minimal(plan)
    return plan


def _read(case: Case) -> _Reading:
    """Decide every variable and parse the population; faults are collected, not raised."""
    faults = list(_request_faults(case))
    levels = Levels(case)
    decided: list[Decided] = []
    asked: list[tuple[str, Field]] = []
    for variable in case.request.variables:
        field = case.catalogue.field(variable.table, variable.field)
        if field is None:
            faults += _not_in_catalogue(variable, case)
            continue
        asked.append((variable.table, field))
        found, reasons = levels.decide(variable, field)
        faults += reasons
        decided += [found] if found is not None else []
    population = _population(case, faults)
    conditions, condition_faults = _conditions(levels, population)
    faults += condition_faults
    # Whoever gets the persons for whom a condition holds learns the condition of each, so its fields count as asked for.
    asked += [(place.partition(".")[0], field) for place, field, _ in conditions]
    shape = Shape(case.catalogue, case.request.period, population, case.request.tables)
    return _Reading(case, tuple(decided), conditions, tuple(dict.fromkeys(asked)), shape, tuple(faults))


def _obstacles(reading: _Reading, asked: tuple[Field, ...]) -> Iterable[Reason]:
    """Yield what the policies refuse about the request as a whole: standing, requirements, catalogue and places."""
    case = reading.case
    policies, facts = case.policies, case.facts
    if facts.today is not None:
        yield from policies.standing_faults(facts.today)
    yield from policies.unmet(case.request, asked, facts)
    yield from policies.catalogue_faults(case.catalogue, reading.asked)
    for table in _tables_read(case.request, reading.shape):
        yield from policies.area_faults(table.location.division, f"{table.name}.location.division", Place.SOURCE)


def _plan(reading: _Reading, asked: tuple[Field, ...], steps: tuple[ApprovalStep, ...]) -> Plan:
    """Put the plan together.

    Raises:
        Refused: no field is left to give.
    """
    case, decided = reading.case, reading.decided
    request, catalogue, policies = case.request, case.catalogue, case.policies
    tables = _tables(reading)
    if not tables:
        zh, en = "按政策处理后没有任何字段可提供", "after policy no field is left to give"
        raise Refused((beyond_need(policies, "variables", (zh, en, "")),))
    return Plan(
        title=request.title,
        request=request.digest,
        project=request.project.code,
        source=Source(catalogue.name, catalogue.version, digest(catalogue), catalogue.source, catalogue.acquired),
        regimes=regimes_of(policies),
        purpose=request.purpose.statement,
        period=request.period,
        people=request.people,
        until=request.until,
        reference_date=request.period.last,
        tables=tables,
        dropped=tuple(replace(d.column, output=d.variable.place) for d in decided if d.column.level == NOT_GIVEN),
        risk=_risk(policies, request.mode),
        text_entities=policies.text_entities,
        steps=steps,
        practices=practices_of(policies),
        format=request.format,
        recipient_key=request.recipient_key,
        circumstances=circumstances_of(case, decided),
        assessments=policies.assessments(request, asked, case.facts),
        agreement=agreement_of(case, asked),
        consent=consent_of(case, decided, reading.conditions),
        grant=policies.grant(),
        duties=policies.duties(request, asked, case.facts),
        warnings=warnings_of(case, tables),
        dictionaries=catalogue.dictionaries if treats_text(tables) else None,
        text_kept=policies.text_kept or None if treats_text(tables) else None,
    )


def _risk(policies: PolicySet, mode: SharingMode) -> RiskPlan:
    limit, cited = policies.risk_limit(mode)
    return RiskPlan(
        limit.mode, limit.k, limit.suppression_limit, limit.threshold, cited, limit.l_diversity, limit.t_closeness
    )


def _request_faults(case: Case) -> Iterable[Reason]:
    request, catalogue = case.request, case.catalogue
    if request.catalogue != catalogue.name:
        zh, en = "申请所指的目录不是本目录", "the request names another catalogue"
        yield plain_reason("catalogue", "catalogue", (zh, en, catalogue.name))
    places = Counter(variable.place for variable in request.variables)
    for place in (place for place, times in places.items() if times > 1):
        yield beyond_need(case.policies, place, ("同一字段重复申请", "the field is asked for twice", "1"))


def _tables_read(request: Request, shape: Shape) -> tuple[Table, ...]:
    """Return the tables that a plan of the request reads: wanted, named by the population, or what these are linked to."""
    catalogue = shape.catalogue
    names = dict.fromkeys((*request.tables, *shape.population))
    fields = ((v.table, catalogue.field(v.table, v.field)) for v in request.variables)
    with_text = {table for table, field in fields if field is not None and field.kind == "free_text"}
    for table in tuple(filter(None, map(catalogue.table, names))):
        if table.link and (not table.person or table.name in with_text):
            names[table.link.via] = None
        if shape.bound(table):
            names.update(dict.fromkeys(via.name for via in shape.linked(table)))
    if with_text and catalogue.identity_table is not None:
        names[catalogue.identity_table.name] = None
    return tuple(filter(None, map(catalogue.table, names)))


def _not_in_catalogue(variable: Variable, case: Case) -> list[Reason]:
    table = case.catalogue.table(variable.table)
    allowed = ", ".join(table.field_names if table else (t.name for t in case.catalogue.tables))
    zh, en = (
        "目录中没有该字段,目录范围外的数据不得提供",
        "the field is not in the catalogue; nothing outside it is given",
    )
    return beyond_catalogue(case.policies, variable.place, (zh, en, allowed))


def _no_chain() -> Reason:
    return plain_reason(
        "request", "chains", ("没有适用于该申请的审批链", "no approval chain applies to the request", "")
    )


def _population(case: Case, faults: list[Reason]) -> dict[str, Predicate]:
    try:
        return dict(parse_population(case.request.population, case.catalogue))
    except Refused as refused:
        faults += refused.reasons
        return {}


def _conditions(levels: Levels, population: dict[str, Predicate]) -> tuple[Conditions, list[Reason]]:
    """Return the fields of the population, and why conditions on some are refused.

    A direct identifier asks whether one person is in the data, and a refusal would answer.
    """
    found: list[tuple[str, Field, bool]] = []
    faults: list[Reason] = []
    for table, predicate in population.items():
        for name in fields_of(predicate):
            field = levels.case.catalogue.field(table, name)
            if field is None:
                continue
            if field.cls is FieldClass.DIRECT:
                words = ("人群条件不得使用直接标识符", "a population is not described by direct identifiers", "")
                place = f"population {table}.{name}"
                faults.append(plain_reason(place, "minimal", words, article="个人信息保护法 第六条"))
            reasons, by_consent = levels.condition(table, field)
            faults += reasons
            found.append((f"{table}.{name}", field, by_consent))
    return tuple(found), faults


def _tables(reading: _Reading) -> tuple[TablePlan, ...]:
    """Return the tables that leave, each with its columns in the order of the request."""
    by_table: dict[str, list[Decided]] = {}
    for each in reading.decided:
        if each.column.level != NOT_GIVEN:
            by_table.setdefault(each.variable.table, []).append(each)
    text_age = _text_age(reading.decided, reading.case.request.mode)
    names = (name for name in reading.case.request.tables if name in by_table)
    return tuple(_table_plan(reading.shape, name, by_table[name], text_age=text_age) for name in names)


def _table_plan(shape: Shape, name: str, given: list[Decided], *, text_age: str) -> TablePlan:
    table = shape.table(name)
    columns = tuple(each.column for each in given)
    text = any(map(_is_text, columns))
    known = known_values(shape, table) if text else ()
    derivations = tuple(
        Derivation(c.output, c.source, c.kind, c.level, _domain(shape, table, each.field), each.field.format)
        for each, c in zip(given, columns, strict=True)
    )  # fmt: skip
    read = {column.source for column in columns} | {value.column for value in known if "." not in value.column}
    return TablePlan(
        name=name,
        zh=table.zh,
        root=Derive(rows_of(shape, table, frozenset(read), known), person_of(shape, table), derivations),
        columns=columns,
        known=known,
        text_age=text_age if text else None,
    )


def _text_age(decided: Iterable[Decided], mode: SharingMode) -> str:
    """Decide at which level of ``age`` ages may stand in texts: as finely as the plan gives the persons' ages elsewhere."""
    given = [
        _AGE_AS.get(each.column.level, each.column.level)
        for each in decided
        if each.field.kind in ("age", "birth_date")
        and each.field.subject is Subject.PERSON
        and each.column.level != NOT_GIVEN
    ]
    if given:
        return min(given, key=hierarchy_of("age").names.index)
    return NOT_GIVEN if mode is SharingMode.PUBLIC else "age_band_10"


def _is_text(column: ColumnPlan) -> bool:
    return column.kind == "free_text" and column.level in TREATED_TEXT


def _domain(shape: Shape, table: Table, field: Field) -> str:
    """Person keys share one domain whatever they are called, so that one person has one pseudonym in every table."""
    via = shape.catalogue.table(table.link.via) if table.link else None
    keys = {table.person} if table.person else {via.person if via else None}
    return PERSON_DOMAIN if field.name in keys and field.subject is Subject.PERSON else field.identity_domain
