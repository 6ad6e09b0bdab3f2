"""On what an act stands: the roles that may do it, and the rules that its log entry and its refusal cite.

Owns the check of who acts against their registration as it stands now, and how citations become fields of a log entry or reasons
of a refusal. It must not know any document.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.errors import ApprovalError, Reason
from extractor.policy import Cited
from extractor.policy_set import PolicySet
from extractor.policy_words import Violation
from extractor.requests import Person, Role
from extractor.store.transaction import Transaction
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import Signed


def acting(office: Office, tx: Transaction, actor: Actor, *, roles: tuple[Role, ...], thing: str) -> Person:
    """Return who acts, checked to be registered now as they present themselves, and in one of the roles that may act.

    Raises:
        ApprovalError: their registration has changed, or their role is not among the roles.
        ConfigurationError: nobody is registered under this identifier.
    """
    person = office.person(tx, actor.person.id)
    if person != actor.person:
        raise ApprovalError(
            "the person's registration has changed", zh="该人员的登记信息已变更", thing=person.id,
            fix_en="act again as the person is registered now", fix_zh="请以现行登记信息重新办理",
        )  # fmt: skip
    if person.role not in roles:
        names = ", ".join(role.value for role in roles)
        raise ApprovalError(
            f"needs role {names}, and {person.id} has role {person.role.value}",
            zh=f"须由角色 {names} 办理,而 {person.id} 的角色是 {person.role.value}", thing=thing,
            fix_en="let a person of that role act", fix_zh="请由该角色的人员办理",
        )  # fmt: skip
    return person


def was_registered(tx: Transaction, signed: Signed) -> bool:
    """Say whether the signer was ever registered in the role and unit that they signed in: a signature names both itself."""
    stood = ((each.body["role"], each.body["unit"]) for each in tx.versions("person", signed.person))
    return (signed.role.value, signed.unit) in stood


def cited_facts(cited: tuple[Cited, ...]) -> dict[str, str | None]:
    """Return the fields ``rule`` and ``article`` of a log entry about an act that stands on these rules."""
    rules = "; ".join(f"{each.regime}.{each.rule}" for each in cited)
    articles = "; ".join(dict.fromkeys(each.article for each in cited))
    return {"rule": rules or None, "article": articles or None}


def reasons_of(cited: tuple[Cited, ...], thing: str, zh: str, en: str, *, allowed: str = "") -> tuple[Reason, ...]:
    """Return one reason of a refusal for each rule that asks for what is missing."""
    return tuple(Reason(thing, f"{c.regime}.{c.rule}", c.article, zh, en, allowed, allowed) for c in cited)


@dataclass(frozen=True)
class Fault:
    """What is missing of which thing, what would be allowed, and what the lack violates."""

    thing: str
    zh: str
    en: str
    allowed: str = ""
    violation: Violation = Violation.OTHER


def reasons_listed(policies: PolicySet, cited: tuple[Cited, ...], fault: Fault) -> tuple[Reason, ...]:
    """Return one reason of a refusal for each rule that asks for what is missing, with its regulation's number for it."""
    words = (fault.zh, fault.en, fault.allowed, fault.allowed)
    return tuple(
        Reason(
            fault.thing, f"{each.regime}.{each.rule}", each.article, *words,
            violation=policies.offence(each.regime, fault.violation) or "",
        )
        for each in cited
    )  # fmt: skip
