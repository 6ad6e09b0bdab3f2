"""Whose a duty is: the applicant's, the installation's own, or that of the unit that acted in the role that owes it.

Owns how a role becomes a unit, so that no duty is nobody's. It must not know what is owed nor until when.
"""

from __future__ import annotations

from collections import Counter

from extractor.decode import from_json
from extractor.requests import Decision, Request, Result, Role
from extractor.store.transaction import Transaction
from extractor.workflow.integrity import Debtor
from extractor.workflow.office import Office
from extractor.workflow.separation import Part
from extractor.workflow.standing import submitted_catalogue


def applicant_of(tx: Transaction, number: str) -> Debtor:
    """Return the applicant of a request: its unit and code, and the person who applied for it."""
    applicant = from_json(Request, tx.get("request", number).body).applicant
    applied = tx.find("part", number_prefix=f"{number}/apply/")
    return Debtor(applicant.name, applicant.uscc, str(applied[-1].body["person"]) if applied else None)


def debtor_of(office: Office, tx: Transaction, number: str, role: Role) -> Debtor:
    """Return whose a duty of a role is in a request; where nobody of the role can be named, it is the installation's own."""
    if role is Role.DATA_USER:
        return applicant_of(tx, number)
    own = office.settings.unit
    if role is Role.TECHNICAL_SERVICE_UNIT:
        return Debtor(own)
    acted = _unit_that_acted(tx, number, role)
    return Debtor(acted or _unit_registered(tx, number, {person.unit for person in office.people(tx, role)}) or own)


def _unit_that_acted(tx: Transaction, number: str, role: Role) -> str | None:
    """Return the unit that assessed last for a provider's duty, else the one that approved last in the role."""
    if role is Role.PROVIDER and (assessed := tx.find("part", number_prefix=f"{number}/{Part.ASSESS.value}/")):
        return str(max(assessed, key=lambda each: each.created_at).body["unit"])
    found = (from_json(Decision, each.body) for each in tx.find("decision", number_prefix=f"{number}/"))
    approved = [each for each in found if each.role is role and each.result is Result.APPROVE]
    return max(approved, key=lambda each: each.time).unit if approved else None


def _unit_registered(tx: Transaction, number: str, units: set[str]) -> str | None:
    """Return the only unit that is registered in a role, else the one that the catalogue calls responsible for most fields."""
    if len(units) < 2:
        return next(iter(units), None)
    asked, catalogue = from_json(Request, tx.get("request", number).body), submitted_catalogue(tx, number)
    fields = (catalogue.field(each.table, each.field) for each in asked.variables)
    named = Counter(field.responsible for field in fields if field is not None and field.responsible in units)
    return named.most_common(1)[0][0] if named else None
