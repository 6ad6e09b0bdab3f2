"""From request, catalogue and policies to the plan: the level of every field, the smallest algebra, all refusals at once.

Owns the rule of the level (the coarser of what the study needs and what the policy allows) and the shape of the algebra. It
reads no table and knows no engine. 榕政综〔2017〕122号 art. 23: the minimal extraction plan that satisfies the use, with the
security pre-processing named in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from extractor.canonical import digest
from extractor.catalogue import Catalogue, Field, FieldClass, Subject, Table, UseMode, ValueFormat
from extractor.errors import ConfigurationError, Reason, Refused
from extractor.levels import hierarchy_of
from extractor.plans.minimality import check_minimal
from extractor.plans.nodes import (
    AllOf,
    ApprovalStep,
    ColumnPlan,
    Compare,
    Derivation,
    Derive,
    Filter,
    Join,
    KnownValue,
    Node,
    Operator,
    Plan,
    Predicate,
    RiskPlan,
    Scan,
    SemiJoin,
    Source,
    TablePlan,
    fields_of,
)
from extractor.plans.predicate import parse_population
from extractor.policy import PolicySet, Status
from extractor.requests import Period, Request, Variable

PERSON_DOMAIN = "person"
_KNOWN_KINDS = frozenset({
    "person_name", "resident_id", "passport", "phone", "landline", "email", "address", "record_number",
    "bank_card", "insurance_id", "plate", "account", "licence",
})  # fmt: skip
_TREATED_TEXT = frozenset({"surrogate", "redacted"})


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
    for table in _tables_read(request, catalogue, population):
        faults += policies.area_faults(table.location.division, f"{table.name}.location.division")
    steps = policies.steps(request, asked)
    if asked and not steps:
        faults.append(_no_chain())
    if faults:
        raise Refused(tuple(dict.fromkeys(faults)))
    shape = _Shape(catalogue, request.period, population, request.tables)
    tables = tuple(_table_plan(shape, name, decided) for name in request.tables if _leaves(name, decided))
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


def _tables_read(request: Request, catalogue: Catalogue, population: dict[str, Predicate]) -> tuple[Table, ...]:
    """Return the tables that a plan of the request reads: wanted, named by the population, or joined to one of these."""
    names = dict.fromkeys((*request.tables, *population))
    fields = ((v.table, catalogue.field(v.table, v.field)) for v in request.variables)
    with_text = {table for table, field in fields if field is not None and field.kind == "free_text"}
    for table in tuple(filter(None, map(catalogue.table, names))):
        if table.link and (not table.person or table.name in with_text):
            names[table.link.via] = None
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


def _warnings(policies: PolicySet, tables: tuple[TablePlan, ...]) -> tuple[str, ...]:
    drafts = [f"{p.zh}为征求意见稿" for p in policies.policies if p.status is Status.DRAFT]
    kinds = {column.kind for table in tables for column in table.columns}
    twice = ["同时提供出生日期与年龄,二者合并可能更精确"] if {"birth_date", "age"} <= kinds else []
    return (*drafts, *twice)


@dataclass(frozen=True)
class _Shape:
    """What all tables of one plan share while their algebra is built."""

    catalogue: Catalogue
    period: Period
    population: dict[str, Predicate]
    wanted: tuple[str, ...]

    def table(self, name: str) -> Table:
        found = self.catalogue.table(name)
        assert found is not None
        return found

    def anchors(self, table: Table) -> tuple[str, ...]:
        """Name the tables in which a person of this table must have a kept row.

        These are the tables that the population names, else the first with a period. Rows without a date of their own leave
        only for persons with a row in the period, whatever the population names.
        """
        dated = sorted((n for n in self.wanted if self.table(n).period), key=lambda n: self.table(n).person is None)[:1]
        if not self.population:
            return tuple(dated)
        undated = not table.period and not any(self.table(name).period for name in self.population)
        within = [n for n in dated if self.table(n).person] if undated else []
        return (*self.population, *within)

    def conditions(self, name: str) -> tuple[Predicate, ...]:
        """Return the row conditions of one table: its part of the population, and the period."""
        own = (self.population[name],) if name in self.population else ()
        period = self.table(name).period
        return (*own, *(_within(self.table(name), period, self.period) if period else ()))


def _within(table: Table, column: str, period: Period) -> tuple[Predicate, ...]:
    field = table.field(column)
    if field is None or field.format not in (ValueFormat.DATE, ValueFormat.DATETIME):
        raise ConfigurationError(
            "the period column is not a date",
            zh="期间所依据的列不是日期",
            thing=f"{table.name}.{column}",
            fix_en="give it format `date` or `datetime` in the catalogue",
            fix_zh="请在目录中将其格式写为 date 或 datetime",
        )
    first = Compare(column, Operator.GREATER_EQUAL, period.first.isoformat(), field.format)
    day_after = (period.last + timedelta(days=1)).isoformat()
    return (first, Compare(column, Operator.LESS, day_after, field.format))


def _table_plan(shape: _Shape, name: str, decided: list[tuple[Variable, Field, ColumnPlan]]) -> TablePlan:
    table = shape.table(name)
    rows = [(field, column) for v, field, column in decided if v.table == name and column.level != "none"]
    person = table.person or (f"{table.link.via}.{_person_of(shape, table)}" if table.link else None)
    known = _known_values(shape, table) if any(_is_text(column) for _, column in rows) else ()
    derivations = tuple(
        Derivation(c.output, c.source, c.kind, c.level, _domain(shape, table, field), field.format)
        for field, c in rows
    )  # fmt: skip
    conditions = shape.conditions(name)
    node = _reach(shape, table, known, needs=_scanned(table, rows, conditions, known), conditions=conditions)
    return TablePlan(
        name=name,
        zh=table.zh,
        root=Derive(_restrict(shape, table, node, person), person, derivations),
        columns=tuple(column for _, column in rows),
        known=known,
    )


def _is_text(column: ColumnPlan) -> bool:
    return column.kind == "free_text" and column.level in _TREATED_TEXT


def _domain(shape: _Shape, table: Table, field: Field) -> str:
    """Person keys share one domain whatever they are called, so that one person has one pseudonym in every table."""
    via = shape.catalogue.table(table.link.via) if table.link else None
    keys = {table.person} if table.person else {via.person if via else None}
    return PERSON_DOMAIN if field.name in keys and field.subject is Subject.PERSON else field.identity_domain


def _person_of(shape: _Shape, table: Table) -> str:
    assert table.link is not None
    person = shape.table(table.link.via).person
    assert person is not None
    return person


def _known_values(shape: _Shape, table: Table) -> tuple[KnownValue, ...]:
    """Collect the identifying columns beside a text: in its own table, its linked table and the identity table."""
    found = [KnownValue(f.name, f.kind, f.subject) for f in table.fields if f.kind in _KNOWN_KINDS]
    others = [shape.table(table.link.via)] if table.link else []
    identity = shape.catalogue.identity_table
    if identity is not None and identity.name != table.name and table.person and identity not in others:
        others.append(identity)
    for other in others:
        own_keys = {other.person} if table.person else set()
        found += [
            KnownValue(f"{other.name}.{f.name}", f.kind, f.subject)
            for f in other.fields
            if f.kind in _KNOWN_KINDS and f.name not in own_keys | {table.link.key if table.link else None}
        ]
    return tuple(found)


def _scanned(
    table: Table,
    rows: list[tuple[Field, ColumnPlan]],
    conditions: tuple[Predicate, ...],
    known: tuple[KnownValue, ...],
) -> tuple[str, ...]:
    """Name the columns of a table that reach an output, a filter or a key: only these are read."""
    needed = {column.source for _, column in rows}
    needed |= {name for predicate in conditions for name in fields_of(predicate)}
    needed |= {value.column for value in known if "." not in value.column}
    if table.person:  # The gate counts persons, so the person key of a table is always a key of the plan.
        needed.add(table.person)
    if table.link and (not table.person or any(value.column.startswith(f"{table.link.via}.") for value in known)):
        needed.add(table.link.column)
    return tuple(name for name in table.field_names if name in needed)


def _reach(
    shape: _Shape,
    table: Table,
    known: tuple[KnownValue, ...],
    *,
    needs: tuple[str, ...],
    conditions: tuple[Predicate, ...],
) -> Node:
    """Scan and filter the table, then join what its person key and its known values need."""
    node: Node = Scan(table.name, needs)
    if conditions:
        node = Filter(node, conditions[0] if len(conditions) == 1 else AllOf(conditions))
    if table.link:
        via = shape.table(table.link.via)
        take = [f.column.removeprefix(f"{via.name}.") for f in known if f.column.startswith(f"{via.name}.")]
        if not table.person and via.person and via.person not in take:
            take.append(via.person)
        if take:
            node = _join(node, table.link.column, via, table.link.key, take)
    identity = shape.catalogue.identity_table
    if (
        identity is not None
        and identity.person
        and table.person
        and (not table.link or identity.name != table.link.via)
    ):
        take = [f.column.removeprefix(f"{identity.name}.") for f in known if f.column.startswith(f"{identity.name}.")]
        if take:
            node = _join(node, table.person, identity, identity.person, take)
    return node


def _join(node: Node, on: str, other: Table, key: str, take: list[str]) -> Join:
    columns = tuple(name for name in other.field_names if name in {key, *take})
    return Join(node, on, Scan(other.name, columns), key, tuple(name for name in other.field_names if name in take))


def _restrict(shape: _Shape, table: Table, node: Node, person: str | None) -> Node:
    """Keep only the persons of the population: a semi-join with each table that anchors it."""
    for anchor in shape.anchors(table):
        if anchor == table.name:
            continue
        other = shape.table(anchor)
        if person is None or other.person is None:
            raise ConfigurationError(
                "a table without a person key cannot be restricted to the population",
                zh="没有个人主键的表无法限定到目标人群",
                thing=table.name if person is None else anchor,
                fix_en="declare `person` or `link` for the table in the catalogue",
                fix_zh="请在目录中为该表声明 person 或 link",
            )
        conditions = shape.conditions(anchor)
        used = {other.person, *(name for predicate in conditions for name in fields_of(predicate))}
        scan: Node = Scan(anchor, tuple(name for name in other.field_names if name in used))
        if conditions:
            scan = Filter(scan, conditions[0] if len(conditions) == 1 else AllOf(conditions))
        node = SemiJoin(node, person, scan, other.person)
    return node
