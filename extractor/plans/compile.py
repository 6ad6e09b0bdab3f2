"""From request, catalogue and policies to the plan: the level of every field, the smallest algebra, all refusals at once.

Owns the rule of the level (the coarser of what the study needs and what the policy allows) and everything of a plan but its
rows, which ``extractor.plans.rows`` builds. It reads no table and knows no engine. 榕政综〔2017〕122号 art. 23: the minimal
extraction plan that satisfies the use, with the security pre-processing named in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from extractor.canonical import digest
from extractor.catalogue import Catalogue, Field, FieldClass, Subject, Table, UseMode
from extractor.errors import Reason, Refused
from extractor.levels import hierarchy_of
from extractor.plans.minimality import check_minimal
from extractor.plans.nodes import (
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
)
from extractor.plans.predicate import parse_population
from extractor.plans.rows import Shape, known_values, person_of, rows_of
from extractor.policy import PolicySet, Status
from extractor.requests import Request, SharingMode, Variable

PERSON_DOMAIN = "person"
_TREATED_TEXT = frozenset({"surrogate", "redacted"})
_AGE_AS = dict.fromkeys(("day", "month", "quarter", "year"), "age")
"""What the finer levels of a date of birth say of the age."""


def compile_plan(request: Request, catalogue: Catalogue, policies: PolicySet) -> Plan:
    """Compile the plan of a request. The same three inputs always give the same plan, byte for byte.

    Raises:
        Refused: the request asks for more than it may have; every reason is given, with rule, article and what would do.
        ConfigurationError: a table cannot be reached from the population.
    """
    faults = list(_request_faults(request, catalogue))
    asked: list[Field] = []
    decided: list[tuple[Variable, Field, ColumnPlan]] = []
    for variable in request.variables:
        field = catalogue.field(variable.table, variable.field)
        if field is None:
            faults.append(_not_in_catalogue(variable, catalogue))
            continue
        asked.append(field)
        column, reasons = _decide(variable, field, request, policies)
        faults += reasons
        if column is not None:
            decided.append((variable, field, column))
    population = _population(request, catalogue, faults)
    # Whoever gets the persons for whom a condition holds learns the condition of each, so its fields count as asked for.
    asked += [f for t, p in population.items() for name in fields_of(p) if (f := catalogue.field(t, name))]
    faults += policies.unmet(request, asked)
    faults += _identifying_conditions(catalogue, population)
    shape = Shape(catalogue, request.period, population, request.tables)
    for table in _tables_read(request, shape):
        faults += policies.area_faults(table.location.division, f"{table.name}.location.division")
    steps = policies.steps(request, asked)
    if asked and not steps:
        faults.append(_no_chain())
    if faults:
        raise Refused(tuple(dict.fromkeys(faults)))
    text_age = _text_age(decided, request.mode)
    tables = tuple(
        _table_plan(shape, name, decided, text_age=text_age) for name in request.tables if _leaves(name, decided)
    )
    if not tables:
        raise Refused((_nothing_left(),))
    limit, cited = policies.risk_limit(request.mode)
    plan = Plan(
        title=request.title,
        request=request.digest,
        project=request.project.code,
        source=Source(catalogue.name, catalogue.version, digest(catalogue), catalogue.source, catalogue.acquired),
        policies=tuple(digest(policy) for policy in policies.policies),
        purpose=request.purpose.statement,
        period=request.period,
        people=request.people,
        until=request.until,
        reference_date=request.period.last,
        tables=tables,
        dropped=tuple(replace(column, output=v.place) for v, _, column in decided if column.level == "none"),
        risk=RiskPlan(
            limit.mode, limit.k, limit.suppression_limit, limit.threshold, cited, limit.l_diversity, limit.t_closeness
        ),
        text_entities=policies.text_entities,
        steps=tuple(ApprovalStep(s.id, s.zh, s.role.value, s.unit, s.agrees, where) for s, where in steps),
        terms=tuple(term.zh for term in policies.terms),
        format=request.format,
        recipient_key=request.recipient_key,
        warnings=_warnings(policies, tables),
    )
    check_minimal(plan)
    return plan


def _request_faults(request: Request, catalogue: Catalogue) -> Iterable[Reason]:
    if request.catalogue != catalogue.name:
        yield Reason(
            "catalogue", "catalogue", "", "申请所指的目录不是本目录", "the request names another catalogue",
            catalogue.name, catalogue.name,
        )  # fmt: skip
    places = [variable.place for variable in request.variables]
    for place in dict.fromkeys(p for p in places if places.count(p) > 1):
        yield Reason(place, "minimal", "", "同一字段重复申请", "the field is asked for twice", "1", "1")


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


def _not_in_catalogue(variable: Variable, catalogue: Catalogue) -> Reason:
    table = catalogue.table(variable.table)
    allowed = ", ".join(table.field_names if table else (t.name for t in catalogue.tables))
    return Reason(
        variable.place, "catalogue", "榕政综〔2017〕122号 第十一条",
        "目录中没有该字段,目录范围外的数据不得提供", "the field is not in the catalogue; nothing outside it is given",
        allowed, allowed,
    )  # fmt: skip


def _decide(
    variable: Variable, field: Field, request: Request, policies: PolicySet
) -> tuple[ColumnPlan | None, list[Reason]]:
    """Decide one field's level, or say why it cannot be decided."""
    hierarchy = hierarchy_of(field.kind)
    reasons = list(policies.category_faults(field, variable.place))
    if UseMode.EXTRACT not in field.use:
        allowed = ", ".join(field.use)
        zh, en = "目录规定该字段不得提取", "the catalogue does not allow the field to be extracted"
        reasons.append(Reason(variable.place, "catalogue.use", "", zh, en, allowed, allowed))
    wanted = [variable.level, *([variable.coarsest] if variable.coarsest else [])]
    unknown = [level for level in wanted if level not in hierarchy.names]
    for level in unknown:
        names = ", ".join(hierarchy.names)
        zh, en = f"等级 {level} 不存在于类型 {field.kind}", f"kind {field.kind} has no level {level}"
        reasons.append(Reason(variable.place, "level", "", zh, en, names, names))
    bound = policies.ceiling(field, request)
    if bound is None:
        zh, en = (
            "没有规则规定该类字段可提供的等级,因此不提供",
            "no rule says at which level this class of field may leave",
        )
        reasons.append(Reason(variable.place, "ceiling", "", zh, en))
    if unknown or bound is None:
        return None, reasons
    level = hierarchy.coarser(variable.level, bound.level)
    if variable.coarsest and not hierarchy.at_least_as_coarse(variable.coarsest, level):
        cited = bound.cited[0]
        zh = f"申请等级 {variable.level} 超出许可,且申请注明粗于 {variable.coarsest} 无用"
        en = f"level {variable.level} is finer than allowed, and coarser than {variable.coarsest} is of no use"
        finest = bound.level
        reasons.append(Reason(variable.place, f"{cited.regime}.{cited.rule}", cited.article, zh, en, finest, finest))
    chosen = hierarchy.level(level)
    return ColumnPlan(
        output=field.name, source=field.name, zh=field.zh, kind=field.kind, cls=field.cls, grade=field.grade,
        requested=variable.level, ceiling=bound.level, level=level, technique=chosen.technique,
        quasi=chosen.quasi and field.cls in (FieldClass.DIRECT, FieldClass.QUASI),
        reason=variable.reason, cited=bound.cited,
    ), reasons  # fmt: skip


def _no_chain() -> Reason:
    zh, en = "没有适用于该申请的审批链", "no approval chain applies to the request"
    return Reason("request", "chains", "", zh, en)


def _nothing_left() -> Reason:
    zh, en = "按政策处理后没有任何字段可提供", "after policy no field is left to give"
    return Reason("variables", "minimal", "", zh, en)


def _population(request: Request, catalogue: Catalogue, faults: list[Reason]) -> dict[str, Predicate]:
    try:
        return dict(parse_population(request.population, catalogue))
    except Refused as refused:
        faults += refused.reasons
        return {}


def _leaves(table: str, decided: list[tuple[Variable, Field, ColumnPlan]]) -> bool:
    return any(v.table == table and column.level != "none" for v, _, column in decided)


def _identifying_conditions(catalogue: Catalogue, population: dict[str, Predicate]) -> Iterable[Reason]:
    """Refuse conditions on direct identifiers: they ask whether one person is in the data, and a refusal would answer."""
    for table, predicate in population.items():
        for name in fields_of(predicate):
            field = catalogue.field(table, name)
            if field is not None and field.cls is FieldClass.DIRECT:
                yield Reason(
                    f"population {table}.{name}", "minimal", "个人信息保护法 第六条",
                    "人群条件不得使用直接标识符", "a population is not described by direct identifiers",
                )  # fmt: skip


def _warnings(policies: PolicySet, tables: tuple[TablePlan, ...]) -> tuple[str, ...]:
    drafts = [f"{p.zh}为征求意见稿" for p in policies.policies if p.status is Status.DRAFT]
    kinds = {column.kind for table in tables for column in table.columns}
    twice = ["同时提供出生日期与年龄,二者合并可能更精确"] if {"birth_date", "age"} <= kinds else []
    return (
        *drafts,
        *twice,
        *(_unknown_patient(table) for table in tables if table.text_age and not _names_patient(table)),
    )


def _names_patient(table: TablePlan) -> bool:
    return any(value.kind == "person_name" and value.subject is Subject.PERSON for value in table.known)


def _unknown_patient(table: TablePlan) -> str:
    return f"{table.zh}:目录中没有可查的患者姓名列,文本中的姓名只能靠识别,可能遗漏"


def _table_plan(
    shape: Shape, name: str, decided: list[tuple[Variable, Field, ColumnPlan]], *, text_age: str
) -> TablePlan:
    table = shape.table(name)
    rows = [(field, column) for v, field, column in decided if v.table == name and column.level != "none"]
    text = any(_is_text(column) for _, column in rows)
    known = known_values(shape, table) if text else ()
    derivations = tuple(
        Derivation(c.output, c.source, c.kind, c.level, _domain(shape, table, field), field.format)
        for field, c in rows
    )  # fmt: skip
    read = {column.source for _, column in rows} | {value.column for value in known if "." not in value.column}
    return TablePlan(
        name=name,
        zh=table.zh,
        root=Derive(rows_of(shape, table, frozenset(read), known), person_of(shape, table), derivations),
        columns=tuple(column for _, column in rows),
        known=known,
        text_age=text_age if text else None,
    )


def _text_age(decided: list[tuple[Variable, Field, ColumnPlan]], mode: SharingMode) -> str:
    """Decide at which level of ``age`` ages may stand in texts: as finely as the plan gives the persons' ages elsewhere."""
    given = [
        _AGE_AS.get(column.level, column.level)
        for _, field, column in decided
        if field.kind in ("age", "birth_date") and field.subject is Subject.PERSON and column.level != "none"
    ]
    if given:
        return min(given, key=hierarchy_of("age").names.index)
    return "none" if mode is SharingMode.PUBLIC else "age_band_10"


def _is_text(column: ColumnPlan) -> bool:
    return column.kind == "free_text" and column.level in _TREATED_TEXT


def _domain(shape: Shape, table: Table, field: Field) -> str:
    """Person keys share one domain whatever they are called, so that one person has one pseudonym in every table."""
    via = shape.catalogue.table(table.link.via) if table.link else None
    keys = {table.person} if table.person else {via.person if via else None}
    return PERSON_DOMAIN if field.name in keys and field.subject is Subject.PERSON else field.identity_domain
