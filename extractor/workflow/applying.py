"""Which policies apply to a thing that an act is about: a request, its run or package, a catalogue, or none of these.

Owns finding the request behind a thing. It must not know what any rule asks.
"""

from __future__ import annotations

from extractor.policy_set import PolicySet, policies_for
from extractor.store.transaction import Transaction
from extractor.workflow.office import Office
from extractor.workflow.standing import policies_of


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
