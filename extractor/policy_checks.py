"""One rule compared with one request or one catalogue: the reason where it does not hold.

Owns what each key of a requirement, a residency rule and a demand on the catalogue means. It must not know which rules apply
(``extractor.policy_set``) nor how several are joined (``extractor.policy_join``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extractor.catalogue import Catalogue, Field, SharingClass
from extractor.errors import Reason
from extractor.policy import Policy
from extractor.policy_rules import CatalogueRule, Requirement, Residency, Rule
from extractor.policy_words import CatalogueDemand, Violation
from extractor.requests import Request
from extractor.selection import Circumstances, goes_abroad

Asked = tuple[tuple[str, Field], ...]
"""The fields asked for, each with the name of its table."""


def offence_number(policy: Policy, violation: Violation) -> str | None:
    """Return the number under which a policy lists a violation, or None where it lists none of that kind."""
    return next((each.number for each in policy.offences if violation in each.covers), None)


def reason_of(policy: Policy, rule: Rule, thing: str, words: tuple[str, str, str], *, violation: Violation) -> Reason:
    """Return the reason that cites a rule; ``words`` are what is wrong in Chinese and in English, and what is allowed."""
    zh, en, allowed = words
    number = offence_number(policy, violation) or ""
    return Reason(thing, f"{policy.regime}.{rule.id}", rule.article, zh, en, allowed, allowed, violation=number)


def unmet_of(policy: Policy, need: Requirement, request: Request, facts: Circumstances) -> Iterator[Reason]:
    """Compare each key that a requirement names with the request; yield a reason for each that is not met."""
    for thing, met, zh, en, allowed in (*_of_applicant(need, request, facts), *_of_use(need, request)):
        if not met:
            yield reason_of(policy, need.rule, thing, (zh, en, allowed), violation=need.violation)


_Check = tuple[str, bool, str, str, str]


def _of_applicant(need: Requirement, request: Request, facts: Circumstances) -> tuple[_Check, ...]:
    applicant = request.applicant
    return (
        ("applicant.kind", not need.applicants or applicant.kind in need.applicants,
         "申请单位的类型不符合条件", "the kind of applicant is not eligible", "、".join(need.applicants)),
        ("applicant.domestically_controlled",
         need.domestically_controlled in (None, applicant.domestically_controlled),
         "须为内资控股法人", "the applicant must be domestically controlled", "true"),
        ("applicant.industrial_park", need.industrial_park in (None, applicant.industrial_park),
         "暂限于产业园范围内的使用单位", "only users inside the industrial park", "true"),
        ("applicant.integrity", not (need.no_open_breach and facts.breaches),
         f"申请单位在诚信档案中有未了结的违规记录:{'、'.join(facts.breaches)}",
         f"the applicant has open entries in the integrity archive: {', '.join(facts.breaches)}", ""),
    )  # fmt: skip


def _of_use(need: Requirement, request: Request) -> tuple[_Check, ...]:
    safeguards = request.safeguards
    abroad = goes_abroad(request)
    return (
        ("purpose.non_profit", need.non_profit in (None, request.purpose.non_profit),
         "只限用于科研教育等非营利性活动", "only non-profit use", str(need.non_profit).lower()),
        ("ethics", not need.ethics or request.ethics is not None,
         "缺少伦理审查批件", "the ethics approval is missing", "批件编号"),
        ("consent", not need.consent or request.consent in need.consent,
         "缺少个人同意依据", "the consent that is needed is missing", "、".join(need.consent)),
        ("safeguards.abroad", need.abroad in (None, abroad),
         "不得出境", "the data may not leave the country", "false"),
        ("safeguards.passed_on", need.passed_on in (None, safeguards.passed_on),
         "不得提供给第三方", "the data may not be passed on", "false"),
        ("safeguards.mlps", need.mlps_at_least is None or safeguards.mlps >= need.mlps_at_least,
         "网络安全等级保护级别不足", "the MLPS grade is too low", f"≥ {need.mlps_at_least}"),
        ("variables", not need.forbidden, "该类数据不予提供", "this class of data is not given", ""),
    )  # fmt: skip


def outside_area(policy: Policy, residency: Residency, thing: str) -> Reason:
    """Return the reason for a place outside the divisions of a residency rule."""
    words = (
        "存储地不在允许的行政区划内", "the place of storage is outside the allowed divisions", "、".join(residency.within)
    )  # fmt: skip
    return reason_of(policy, residency.rule, thing, words, violation=Violation.OTHER)


def catalogue_faults_of(policy: Policy, rule: CatalogueRule, catalogue: Catalogue, asked: Asked) -> Iterator[Reason]:
    """Compare each demand of a rule with the catalogue; demands on fields look at those asked for."""
    for demand in rule.demands:
        for thing, zh, en in _DEMANDS[demand](catalogue, asked):
            yield reason_of(policy, rule.rule, thing, (zh, en, ""), violation=_VIOLATED.get(demand, Violation.OTHER))


_Fault = tuple[str, str, str]


def _incomplete(_catalogue: Catalogue, asked: Asked) -> Iterator[_Fault]:
    """渝卫发〔2019〕67号 art. 10: the facets that every field of a catalogue has."""
    for table, field in asked:
        facets = {
            "zh": field.zh, "category": field.category, "responsible": field.responsible, "format": field.format.value,
            "attributes": field.attributes, "update": field.update.value, "use": "、".join(field.use),
            "sharing": field.sharing.mode.value, "sharing.reason": field.sharing.reason,
        }  # fmt: skip
        empty = [name for name, value in facets.items() if not value.strip()]
        if empty:
            names = ", ".join(empty)
            yield f"{table}.{field.name}", f"目录未载明:{names}", f"the catalogue does not say: {names}"


def _without_basis(_catalogue: Catalogue, asked: Asked) -> Iterator[_Fault]:
    for table, field in asked:
        stated = field.sharing.reason.strip() and field.sharing.basis.strip()
        if field.sharing.mode is not SharingClass.OPEN and not stated:
            yield (
                f"{table}.{field.name}", "有条件共享或不予共享的字段须写明理由和依据",
                "a field that is not open must state its reason and legal basis",
            )  # fmt: skip


def _several_sources(catalogue: Catalogue, asked: Asked) -> Iterator[_Fault]:
    """渝卫发〔2019〕67号 art. 10, 一数一源: a datum stands in one table; keys stand wherever they join."""
    for element in dict.fromkeys(field.element for _, field in asked if field.element):
        sources = catalogue.sources_of(element)
        if len({place.partition(".")[0] for place in sources}) > 1:
            names = ", ".join(sources)
            yield names, f"数据元 {element} 有多个来源", f"data element {element} has more than one source"


def _without_identity(catalogue: Catalogue, _asked: Asked) -> Iterator[_Fault]:
    if catalogue.identity_table is None:
        yield (
            catalogue.name,
            "目录没有身份主表,个人没有唯一标识",
            "the catalogue has no identity table, so persons have no one identity",
        )


def _without_version(catalogue: Catalogue, _asked: Asked) -> Iterator[_Fault]:
    if not catalogue.version.strip():
        yield catalogue.name, "目录没有版本号", "the catalogue has no version"


_DEMANDS = {
    CatalogueDemand.COMPLETE_FIELD: _incomplete,
    CatalogueDemand.LEGAL_BASIS: _without_basis,
    CatalogueDemand.ONE_SOURCE: _several_sources,
    CatalogueDemand.UNIQUE_IDENTITY: _without_identity,
    CatalogueDemand.VERSIONED: _without_version,
}
# What a catalogue leaves unsaid (a facet, a legal basis, its version) is none of the violations that have a word of their own.
_VIOLATED = {
    CatalogueDemand.ONE_SOURCE: Violation.REPEATED_COLLECTION,
    CatalogueDemand.UNIQUE_IDENTITY: Violation.IDENTITY,
}


def distinct(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons in their order, each once."""
    return tuple(dict.fromkeys(reasons))
