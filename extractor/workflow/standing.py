"""Under which policies, catalogue and circumstances a request stands: those that apply now, and those stored at its submission.

Owns that snapshot. A policy or catalogue that is edited later changes nothing of the past: plan, duty and report point to the stored
version. It must not know how circumstances are found (``extractor.workflow.history``) nor what any rule asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.errors import Refused
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan
from extractor.policy import Policy
from extractor.policy_set import PolicySet, policies_for
from extractor.policy_words import Place, Side
from extractor.requests import Request
from extractor.selection import Circumstances
from extractor.store.transaction import Document, Transaction
from extractor.workflow.integrity import open_breaches
from extractor.workflow.office import Office

_KIND = "circumstances"
_DECODED: dict[str, Policy] = {}


@dataclass(frozen=True)
class AppliedPolicy:
    """One policy under which a request was submitted, by digest, and why; without sides it applies on both."""

    regime: str
    digest: str
    sides: tuple[Side, ...] = ()


@dataclass(frozen=True)
class Standing:
    """Under what a request was submitted: circumstances, policies in the order in which they are asked, catalogue by digest."""

    circumstances: Circumstances
    policies: tuple[AppliedPolicy, ...]
    catalogue: str


def policies_for_request(office: Office, request: Request, catalogue: Catalogue) -> PolicySet:
    """Return the policies that apply to a request today: those of the settings, and those of the places of data and recipient."""
    recipient = tuple(dict.fromkeys((request.applicant.division, request.safeguards.division)))
    return policies_for(
        office.policies, office.delivered, data=catalogue.division, recipient=recipient, day=office.today
    )  # fmt: skip


def compile_here(
    office: Office, request: Request, catalogue: Catalogue, *, policies: PolicySet, facts: Circumstances
) -> Plan:
    """Compile a plan, and refuse it as well where the installation stands outside the area of a policy that applies.

    Raises:
        Refused: with every reason at once.
        ConfigurationError: as of ``compile_plan``.
    """
    reasons = policies.area_faults(office.settings.division, "settings.division", Place.INSTALLATION)
    try:
        plan = compile_plan(request, catalogue, policies, facts)
    except Refused as refused:
        raise Refused(tuple(dict.fromkeys((*refused.reasons, *reasons)))) from None
    if reasons:
        raise Refused(reasons)
    return plan


def put_standing(
    tx: Transaction, number: str, *, policies: PolicySet, catalogue: Catalogue, facts: Circumstances
) -> None:
    """Store, inside the transaction of a submission, under what it is submitted: each policy and the catalogue by digest."""
    sides = dict(policies.sides)
    applied = tuple(
        AppliedPolicy(policy.regime, tx.put("policy", policy.regime, policy), sides.get(policy.regime, ()))
        for policy in policies.policies
    )
    stored = tx.put("catalogue", catalogue.name, catalogue)
    tx.put(_KIND, number, Standing(facts, applied, stored))


def standing_of(tx: Transaction, number: str) -> Standing:
    """Return under what a request was submitted.

    Raises:
        StorageError: there is no such request.
    """
    return from_json(Standing, tx.get(_KIND, number).body)


def policies_of(_office: Office, tx: Transaction, number: str) -> PolicySet:
    """Return the stored policies under which a request was submitted, whatever has become of their files since.

    Raises:
        StorageError: there is no such request.
    """
    standing = standing_of(tx, number)
    policies = tuple(_policy(tx.by_digest(each.digest)) for each in standing.policies)
    return PolicySet(policies, tuple((each.regime, each.sides) for each in standing.policies if each.sides))


def _policy(stored: Document) -> Policy:
    """Return the policy of a stored version, whose body was seen to have its digest; the same digest is decoded once."""
    found = _DECODED.get(stored.digest)
    if found is None:
        found = _DECODED[stored.digest] = from_json(Policy, stored.body)
    return found


def submitted_catalogue(tx: Transaction, number: str) -> Catalogue:
    """Return the stored catalogue under which a request was submitted.

    Raises:
        StorageError: there is no such request.
    """
    return from_json(Catalogue, tx.by_digest(standing_of(tx, number).catalogue).body)


def circumstances_of(office: Office, tx: Transaction, number: str) -> Circumstances:
    """Return the circumstances of a request: as they were derived at its submission, but breaches and day as they are now.

    History must not change under those who sign; an open breach must stop what goes on.

    Raises:
        StorageError: there is no such request.
    """
    facts = standing_of(tx, number).circumstances
    applicant = from_json(Request, tx.get("request", number).body).applicant
    found = open_breaches(office, tx, uscc=applicant.uscc, unit=applicant.name)
    return replace(facts, breaches=found, today=office.today)
