"""Which rules an act on a request is done under: the practices that its regimes ask for, as fields of the act's log entry.

Owns the look-up at the place of the act, so that no place's article stands in code. It must not know any act nor any regime.
"""

from __future__ import annotations

from extractor.policy_words import PracticeKind
from extractor.store.transaction import Transaction
from extractor.workflow.applying import policies_about
from extractor.workflow.grounds import cited_facts
from extractor.workflow.office import Office


def practised(office: Office, tx: Transaction, number: str, *kinds: PracticeKind) -> dict[str, str | None]:
    """Return ``rule`` and ``article`` of a log entry: the rules for these practices under which a request was submitted."""
    policies = policies_about(office, tx, number)
    found = (cited for kind in kinds for cited in policies.practice(kind))
    return cited_facts(tuple(dict.fromkeys(found)))
