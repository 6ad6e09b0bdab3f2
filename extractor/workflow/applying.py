"""Which policies apply to a thing that an act is about: a request, its run or package, a catalogue, or none of these.

Owns finding the request behind a thing. It must not know what any rule asks.
"""

from __future__ import annotations

from extractor.decode import from_json
from extractor.policy import Policy
from extractor.policy_set import PolicySet, policies_for
from extractor.policy_words import Side
from extractor.store.transaction import Transaction
from extractor.workflow.office import Office
from extractor.workflow.standing import AppliedPolicy, Standing, policies_of


def request_behind(tx: Transaction, thing: str) -> str | None:
    """Return the number of the request that a thing is, or that it was run or sealed for; None where there is none."""
    if tx.state("request", thing) is not None:
        return thing
    if tx.state("run", thing) is not None:
        return str(tx.get("run", thing).body["request"])
    packages = tx.versions("package", thing)
    return str(packages[-1].body["cover"]["provenance"]["request"]) if packages else None


def policies_about(office: Office, tx: Transaction, thing: str) -> PolicySet:
    """Return the policies under which the request behind a thing was submitted; where there is none, those of this place."""
    number = request_behind(tx, thing)
    submitted = number is not None and tx.versions("circumstances", number)
    return policies_of(office, tx, number) if number is not None and submitted else office.policies_here


def policies_of_catalogue(office: Office, name: str) -> PolicySet:
    """Return the policies that apply to the data of an installed catalogue, whoever asks for them.

    Raises:
        ConfigurationError: no catalogue of this name is installed.
    """
    division = office.read_catalogue(name).division
    return policies_for(office.policies, office.delivered, data=division, recipient=(), day=office.today)


def policies_of_all(office: Office, tx: Transaction) -> PolicySet:
    """Return the policies of everything that is kept here: those of this place, and those of every request submitted so far.

    A regulation whose term has passed asks for nothing any more; of a policy that was edited the version of this place counts,
    else the one of the newest submission.
    """
    here, applied = office.policies_here, _submitted_under(tx)
    known = {policy.regime for policy in here.policies}
    stored = {
        name: from_json(Policy, tx.by_digest(each.digest).body) for name, each in applied.items() if name not in known
    }
    added = {name: policy for name, policy in stored.items() if policy.in_term(office.today)}
    sides = tuple((name, applied[name].sides) for name in added if applied[name].sides)
    return PolicySet((*here.policies, *added.values()), (*_wider(here, applied), *sides))


def _submitted_under(tx: Transaction) -> dict[str, AppliedPolicy]:
    """Return each policy under which a request was submitted, in its newest version, with every side on which it applied."""
    found: dict[str, AppliedPolicy] = {}
    for document in sorted(tx.find("circumstances"), key=lambda each: each.created_at):
        for each in from_json(Standing, document.body).policies:
            before = found.get(each.regime)
            found[each.regime] = AppliedPolicy(each.regime, each.digest, _joined(before, each)) if before else each
    return found


def _joined(one: AppliedPolicy | None, two: AppliedPolicy) -> tuple[Side, ...]:
    """Return the sides of both; none stands for both sides."""
    if one is None or not one.sides or not two.sides:
        return two.sides if one is None else ()
    return tuple(dict.fromkeys((*one.sides, *two.sides)))


def _wider(here: PolicySet, applied: dict[str, AppliedPolicy]) -> tuple[tuple[str, tuple[Side, ...]], ...]:
    """Return the sides of this place's policies, with those on which they applied to a request."""
    joined = ((name, _joined(applied.get(name), AppliedPolicy(name, "", sides))) for name, sides in here.sides)
    return tuple((name, both) for name, both in joined if both)
