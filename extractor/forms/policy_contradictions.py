"""What a policy file may not say twice or at once: the contradictions for which it is refused, each with its place.

Owns the checks of a form against itself, once each key alone is right. It must not know how a rule is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import combinations

from extractor.article_numbers import articles_in, chinese_number, whole_articles_in
from extractor.catalogue import SharingClass
from extractor.forms.faults import Fault, Place
from extractor.forms.policy_parts import (
    CeilingForm,
    ChainForm,
    PolicyForm,
    RequirementForm,
    RuleForm,
    SelectorForm,
    StepForm,
)
from extractor.levels import hierarchy_of
from extractor.policy_words import Status

_DEMANDS = (
    "applicants", "domestically_controlled", "industrial_park", "non_profit", "ethics", "consent", "abroad", "passed_on",
    "mlps_at_least", "forbidden", "no_open_breach",
)  # fmt: skip
# False asks for nothing here: no approval is demanded, nothing is forbidden.
_ONLY_TRUE = ("ethics", "forbidden", "no_open_breach")
_LISTS = ("cls", "kinds", "subjects", "sharing", "categories", "applicants", "purposes", "consent", "modes", "history")
_TRUTHS = ("non_profit", "urgent", "abroad")


def contradictions(form: PolicyForm) -> list[Fault]:
    """Return every contradiction of a policy whose keys are right."""
    checks = (_dates, _levels, _steps, _cases, _agreements, _floors, _demands, _left_out)
    return [fault for check in checks for fault in check(form)]


def _dates(form: PolicyForm) -> Iterator[Fault]:
    draft = form.status is Status.DRAFT
    if draft and form.in_force:
        yield Fault(("in_force",), "a draft is not in force", "征求意见稿没有施行日期")
    if not draft and not form.in_force:
        yield Fault(
            ("status",), f"status {form.status.value} needs in_force", f"status {form.status.value} 须有 in_force"
        )
    if form.status is Status.REPEALED and not form.until:
        yield Fault(("status",), "status repealed needs until", "status repealed 须有 until")
    if form.in_force and form.until and form.until < form.in_force:
        yield Fault(("until",), "until lies before in_force", "until 早于 in_force")


def _levels(form: PolicyForm) -> Iterator[Fault]:
    """Name each pair of ceilings over one case of which neither level lies above the other."""
    for (_, first), (at, second) in combinations(enumerate(form.ceilings), 2):
        if not _meet(first.when, second.when):
            continue
        for kind in _bounded_by(first, second.when):
            if kind in second.levels and kind in _bounded_by(second, first.when) and _beside(kind, first, second):
                yield Fault(
                    ("ceilings", at, "levels", kind),
                    f"rule {first.id} bounds the same case at a level that cannot be compared with this one",
                    f"规则 {first.id} 对同一情形规定了无法比较的等级",
                )


def _bounded_by(ceiling: CeilingForm, other: SelectorForm) -> list[str]:
    return [
        kind
        for kind in ceiling.levels
        if (not ceiling.when.kinds or kind in ceiling.when.kinds) and (not other.kinds or kind in other.kinds)
    ]


def _beside(kind: str, first: CeilingForm, second: CeilingForm) -> bool:
    one, two = first.levels[kind], second.levels[kind]
    order = hierarchy_of(kind).at_least_as_coarse
    return not order(one, two) and not order(two, one)


def _meet(first: SelectorForm, second: SelectorForm) -> bool:
    """Say whether one request and field can match both; sides do not part them, for a policy may apply on both."""
    lists = ((getattr(first, key), getattr(second, key)) for key in _LISTS)
    truths = ((getattr(first, key), getattr(second, key)) for key in _TRUTHS)
    return all(not one or not two or set(one) & set(two) for one, two in lists) and all(
        one is None or two is None or one is two for one, two in truths
    )


def _steps(form: PolicyForm) -> Iterator[Fault]:
    seen: dict[str, StepForm] = {}
    for at, chain in enumerate(form.chains):
        for place, step in enumerate(chain.steps):
            first = seen.setdefault(step.id, step)
            if (first.role, first.unit) != (step.role, step.unit):
                yield Fault(
                    ("chains", at, "steps", place, "id"),
                    "a step of this id stands above with another role or unit",
                    "同一 id 的步骤在上文属于另一角色或单位",
                )


def _cases(form: PolicyForm) -> Iterator[Fault]:
    """Name each chain that takes the very case of another on another path, which begins or meets in a common step.

    Chains without a common step add up, and so do those of a narrower and a wider case.
    """
    for (_, first), (at, second) in combinations(enumerate(form.chains), 2):
        common = {step.id for step in first.steps} & {step.id for step in second.steps}
        if common and _case(first.when) == _case(second.when) and _path(first) != _path(second):
            yield Fault(
                ("chains", at, "when"),
                f"chain {first.id} stands over the same case with other steps",
                f"流程 {first.id} 对同一情形规定了不同的步骤",
            )


def _case(when: SelectorForm) -> dict[str, object]:
    """Return what a selector says, in no order."""
    said = {name: getattr(when, name) for name in type(when).model_fields}
    return {name: frozenset(value) if isinstance(value, tuple) else value for name, value in said.items()}


def _path(chain: ChainForm) -> list[object]:
    return [(step.id, step.role, step.unit, step.agrees) for step in chain.steps]


def _agreements(form: PolicyForm) -> Iterator[Fault]:
    """Name each agreement that stands over fields of a sharing class whose chains nobody signs it in: nothing could be given."""
    signed = [chain.when for chain in form.chains if any(step.agrees for step in chain.steps)]
    for at, agreement in enumerate(form.agreements):
        for mode in agreement.when.sharing or tuple(SharingClass):
            own = agreement.when.model_copy(update={"sharing": (mode,)})
            if not any(_meet(own, when) for when in signed):
                yield Fault(
                    ("agreements", at, "when"),
                    f"no chain signs this agreement for sharing class {mode.value}",
                    f"没有审批流程为共享类别 {mode.value} 签署该协议",
                )


def _floors(form: PolicyForm) -> Iterator[Fault]:
    seen: set[StrEnum] = set()
    for at, floor in enumerate(form.retention):
        if floor.subject in seen:
            yield Fault(
                ("retention", at, "subject"),
                "a floor for this subject stands already above",
                "该对象的保存期限在上文已规定",
            )
        seen.add(floor.subject)


def _demands(form: PolicyForm) -> Iterator[Fault]:
    for at, need in enumerate(form.requirements):
        place: Place = ("requirements", at)
        asked = [key for key in _DEMANDS if _asks(need, key)]
        if not asked:
            yield Fault(place, "the rule asks for nothing", "该规则没有提出任何要求", _DEMANDS)
        if need.forbidden and len(asked) > 1:
            yield Fault(
                (*place, "forbidden"), "what is forbidden cannot meet another demand", "已禁止的情形不能再附其他要求"
            )
        for key in asked:
            if _decided(need, key):
                yield Fault((*place, key), "the rule's own `when` decides this already", "该规则的 when 已决定此项")


def _asks(need: RequirementForm, key: str) -> bool:
    value = getattr(need, key)
    return value is True if key in _ONLY_TRUE else value not in (None, ())


def _decided(need: RequirementForm, key: str) -> bool:
    """Say whether the selector leaves no request that could meet the demand, or none that could fail it."""
    if key in ("applicants", "consent"):
        wanted, given = set(getattr(need, key)), set(getattr(need.when, key))
        return bool(given) and (given <= wanted or not given & wanted)
    return key in ("non_profit", "abroad") and getattr(need.when, key) is not None


def _left_out(form: PolicyForm) -> Iterator[Fault]:
    """Name each article that stands outside as a whole although a rule cites it."""
    cited = frozenset(
        number
        for rule in _rules(form)
        if rule.article.startswith(form.document) or rule.article.startswith("第")
        for number in articles_in(rule.article.removeprefix(form.document))
    )
    cited |= {number for offence in form.offences for number in articles_in(offence.number)}
    for at, each in enumerate(form.outside):
        for number in sorted(whole_articles_in(each.articles) & cited):
            name = f"第{chinese_number(number)}条"
            yield Fault(
                ("outside", at, "articles"),
                f"{name} stands outside as a whole and carries a rule",
                f"{name}已列为不适用,却另有规则",
            )


def _rules(form: PolicyForm) -> Iterator[RuleForm]:
    for name in type(form).model_fields:
        value = getattr(form, name)
        group: Sequence[object] = value if isinstance(value, tuple) else (value,)
        yield from (rule for rule in group if isinstance(rule, RuleForm))
