"""How a policy file becomes a policy, and where the policies of this software are.

Owns the checks of ids, levels and categories across the parts of a file, its way into ``extractor.policy``, and the order in which
policies are asked: the baseline first, then the regimes in the order of the settings, of which the last gives the local names.
It must not know what a rule does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import extractor
from extractor.canonical import Json
from extractor.catalogue import SharingClass
from extractor.decode import from_json
from extractor.errors import ConfigurationError
from extractor.forms.faults import Fault, Place, form_error
from extractor.forms.policy_contradictions import contradictions
from extractor.forms.policy_parts import PolicyForm, RuleForm, SelectorForm, StepForm
from extractor.forms.shape import check, listing, mapping
from extractor.forms.yaml_reader import Document, parse_document, read_document
from extractor.levels import HIERARCHIES
from extractor.policy import LocalNames, Policy
from extractor.policy_rules import (
    AgreementRule,
    AssessmentRule,
    CatalogueRule,
    Categories,
    Ceiling,
    Chain,
    ComplaintRule,
    ConsentRule,
    Duty,
    FilingRule,
    GrantRule,
    IncidentRule,
    KindLevel,
    Offence,
    Outside,
    Practice,
    Preferred,
    Push,
    ReportRule,
    Requirement,
    Residency,
    Retention,
    RiskLimit,
    Rule,
    Step,
    Term,
)
from extractor.policy_set import PolicySet
from extractor.requests import Role
from extractor.selection import Selector

BASELINE = "baseline"


def policy_folder() -> Path:
    """Return the folder of the policies: inside the installed package, or at the root of the sources."""
    inside = Path(str(files("extractor") / "policies"))
    return inside if inside.is_dir() else Path(extractor.__file__).resolve().parent.parent / "policies"


def regimes_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the regimes that have a policy in the folder, without the baseline."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml") if path.stem != BASELINE))


def load_policies(regimes: Sequence[str], *, folder: Path | None = None) -> PolicySet:
    """Read the baseline and the policies of ``regimes``, in that order; the last one gives the local names.

    Raises:
        ConfigurationError: there is no policy of that name; the message lists those that exist.
        FormError: a policy file has faults.
    """
    folder = folder or policy_folder()
    names = dict.fromkeys((BASELINE, *regimes))
    return PolicySet(tuple(_named(folder, name) for name in names))


def delivered_policies(*, folder: Path | None = None) -> tuple[Policy, ...]:
    """Read every regime that this software is delivered with, by name; which of them apply, place and day decide.

    Raises:
        FormError: a policy file has faults.
    """
    folder = folder or policy_folder()
    return tuple(_named(folder, name) for name in regimes_in(folder))


def _named(folder: Path, name: str) -> Policy:
    # The name comes from settings or a command line; a path in it must not lead out of the folder.
    path = folder / f"{name}.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not path.is_file():
        known = regimes_in(folder)
        raise ConfigurationError(
            "there is no policy of this name",
            zh="没有该名称的政策",
            thing=f"regime {name[:40]!r}",
            fix_en="choose one of: " + ", ".join(known),
            fix_zh="可选:" + "、".join(known),
        )
    policy = read_policy(path)
    if policy.regime != name:
        fault = Fault(("regime",), "the file must be named after its regime", "文件名须与 regime 一致")
        raise form_error(path.name, [(1, fault)])
    return policy


def read_policy(path: Path) -> Policy:
    """Read a policy from a YAML or JSON file.

    Raises:
        FormError: with every fault of the file: line, key, what is wrong, what is allowed.
    """
    return _policy(read_document(path))


def parse_policy(content: bytes, *, name: str) -> Policy:
    """Read a policy from bytes; ``name`` stands for the file in messages.

    Raises:
        FormError: as :func:`read_policy`.
    """
    return _policy(parse_document(content, name=name))


def policy_from_json(body: Json) -> Policy:
    """Return the policy that canonical JSON was made of.

    Raises:
        FormError: the JSON does not fit.
    """
    return from_json(Policy, body)


def _policy(document: Document) -> Policy:
    form, faults = check(PolicyForm, document)
    faults += [*_level_faults(document.root), *_doubles(document.root), *_category_faults(document.root)]
    if form is not None and not faults:
        faults = contradictions(form)
    if form is None or faults:
        raise form_error(document.name, [(document.line(fault.place), fault) for fault in faults])
    return _core(form)


def _level_faults(root: dict[str, Any]) -> list[Fault]:
    """Name each level that its kind does not have."""
    return [
        Fault(("ceilings", at, "levels", kind), f"kind {kind} has no such level", f"类型 {kind} 没有该等级", names)
        for at, ceiling in enumerate(listing(root.get("ceilings")))
        for kind, level in mapping(mapping(ceiling).get("levels")).items()
        if kind in HIERARCHIES and isinstance(level, str) and level not in (names := HIERARCHIES[kind].names)
    ]


_CORE: dict[str, type] = {
    "catalogue": CatalogueRule, "ceilings": Ceiling, "chains": Chain, "assessments": AssessmentRule,
    "requirements": Requirement, "agreements": AgreementRule, "terms": Term, "consents": ConsentRule, "grants": GrantRule,
    "filings": FilingRule, "residency": Residency, "retention": Retention, "duties": Duty, "risk": RiskLimit,
    "practices": Practice, "incidents": IncidentRule, "pushes": Push, "complaints": ComplaintRule, "reports": ReportRule,
    "precedence": Preferred,
}  # fmt: skip
"""The groups of rules of a file and what each rule of them becomes."""
_RENAMED = {"duties": {"name": "zh"}, "terms": {"text": "zh"}}
"""Keys that are called otherwise in the core."""


def _doubles(root: dict[str, Any]) -> list[Fault]:
    """Name each rule whose id another rule has, and each step that stands twice in its chain."""
    rules: list[Place] = [(group, at) for group in _CORE for at in range(len(listing(root.get(group))))]
    rules += [("categories",)] if root.get("categories") else []
    faults = _twice(rules, root)
    for at, chain in enumerate(listing(root.get("chains"))):
        count = len(listing(mapping(chain).get("steps")))
        faults += _twice([("chains", at, "steps", each) for each in range(count)], root)
    return faults


def _twice(places: Iterable[Place], root: Any) -> list[Fault]:
    seen: set[object] = set()
    faults = []
    for place in places:
        part = root
        for key in place:
            part = part[key]
        name = mapping(part).get("id")
        if name is not None and str(name) in seen:
            faults.append(Fault((*place, "id"), "this id stands already above", "该 id 在上文已出现"))
        seen.add(str(name))
    return faults


def _category_faults(root: dict[str, Any]) -> list[Fault]:
    """Name each selector that asks for a category outside the policy's closed list."""
    known = tuple(str(name) for name in listing(mapping(root.get("categories")).get("names")))
    return [
        Fault((group, at, "when", "categories"), "a category outside `categories`", "类目不在 categories 之内", known)
        for group in _CORE
        for at, rule in enumerate(listing(root.get(group)))
        if known and set(map(str, listing(mapping(mapping(rule).get("when")).get("categories")))) - set(known)
    ]


def _core(form: PolicyForm) -> Policy:
    plain = ("regime", "document", "issuer", "status", "in_force", "until", "division")
    same: dict[str, Any] = {name: getattr(form, name) for name in plain}
    rules: dict[str, Any] = {
        group: tuple(_value(cls, group, each) for each in getattr(form, group)) for group, cls in _CORE.items()
    }
    return Policy(
        zh=form.name,
        names=LocalNames(_pairs(form.names.roles), _pairs(form.names.sharing)),
        categories=Categories(_rule(form.categories), form.categories.names) if form.categories else None,
        text_entities=tuple(entity.value for entity in form.text_entities),
        text_kept=form.text_kept,
        offences=tuple(Offence(each.number, each.name, each.covers) for each in form.offences),
        outside=tuple(Outside(each.articles, each.reason) for each in form.outside),
        **same,
        **rules,
    )


def _pairs(names: dict[Role, str] | dict[SharingClass, str]) -> tuple[tuple[str, str], ...]:
    return tuple((key.value, name) for key, name in names.items())


def _rule(form: RuleForm) -> Rule:
    return Rule(form.id, form.article, form.quote)


def _value(cls: type, group: str, form: RuleForm) -> Any:
    """Make a rule of the core from its form: the same keys, but for selector, levels and steps, which are values themselves."""
    names = _RENAMED.get(group, {})
    keys = {names.get(name, name): _part(value) for name, value in form if name not in ("id", "article", "quote")}
    return cls(rule=_rule(form), **keys)


def _part(value: Any) -> Any:
    if isinstance(value, SelectorForm):
        return Selector(**dict(value))
    if isinstance(value, dict):
        return tuple(KindLevel(kind, level) for kind, level in value.items())
    if isinstance(value, tuple):
        return tuple(_part(each) for each in value)
    if isinstance(value, StepForm):
        return Step(value.id, value.name, value.role, value.unit, value.agrees)
    return value
