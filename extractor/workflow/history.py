"""What went before a request, derived from the store and never believed from a form.

Owns when a request is a renewal or follows a precedent, and what else the store says about it: open breaches and the urgent filing
that it leans on. It must not know what a regime makes of it; that is the selectors' question.
"""

from __future__ import annotations

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.errors import Reason, Refused
from extractor.keys import PublicKey
from extractor.levels import hierarchy_of
from extractor.plans.nodes import Plan
from extractor.policy_set import PolicySet
from extractor.policy_words import History
from extractor.requests import Decision, Request, Result, Role, State
from extractor.selection import Circumstances, goes_abroad
from extractor.store.transaction import Transaction
from extractor.workflow.filings import check_filing
from extractor.workflow.integrity import open_breaches
from extractor.workflow.office import Office

_GIVEN = frozenset({State.DELIVERED, State.CLOSED})
_ALLOWED = _GIVEN | {State.APPROVED, State.FROZEN, State.RUNNING, State.SEALED, State.FAILED}
"""States that only a request is in whose chain was signed to its last step."""


def circumstances_now(
    office: Office, tx: Transaction, request: Request, catalogue: Catalogue, *, policies: PolicySet
) -> Circumstances:
    """Return what the store says about a request now.

    Raises:
        Refused: the request renews one that does not exist, or leans on an urgent filing that does not stand.
    """
    if request.renews is not None and tx.state("request", request.renews) is None:
        raise _unknown_request()
    history, leans_on = history_of(office, tx, request, catalogue, policies=policies)
    return Circumstances(
        history=history,
        leans_on=leans_on,
        filing=check_filing(office, tx, request, policies=policies),
        breaches=open_breaches(office, tx, uscc=request.applicant.uscc, unit=request.applicant.name),
        today=office.today,
        no_renewal=_no_renewal(office, tx, request, catalogue, policies=policies) or "",
    )


def _unknown_request() -> Refused:
    reason = Reason("renews", "request", "", "没有这一申请", "there is no request of this number")
    return Refused(
        (reason,), thing="renews",
        fix=("name the number of the request to be renewed (RQ-…), or leave `renews` out", "请填写拟续期的申请编号(RQ-…),或删去 renews"),
    )  # fmt: skip


def history_of(
    office: Office, tx: Transaction, request: Request, catalogue: Catalogue, *, policies: PolicySet
) -> tuple[History, str | None]:
    """Return whether a request renews, follows a precedent or is the first, and the number of the one that it leans on.

    A renewal after the term has ended is a new application; a precedent is the earliest that there is. Where a regime has a chain
    for one of them, an authority must have decided on the earlier request under that regime; for a precedent always an authority.
    """
    if request.renews is not None and _no_renewal(office, tx, request, catalogue, policies=policies) is None:
        return History.RENEWAL, request.renews
    by = _asking(policies, History.PRECEDENT) or (None,)
    for document in tx.find("request"):
        if tx.state("request", document.number) in _ALLOWED:
            other = from_json(Request, document.body)
            leans = _another(request, other) and _same_data(request, other) and _no_finer(request, other, catalogue)
            if leans and all(_was_decided(tx, document.number, regime) for regime in by):
                return History.PRECEDENT, document.number
    return History.FIRST, None


def _no_renewal(
    office: Office, tx: Transaction, request: Request, catalogue: Catalogue, *, policies: PolicySet
) -> str | None:
    """Say in Chinese why a request is not the renewal that it asks to be; None where it is, or asks for none.

    Of a request that is not the applicant's own nothing is said but that: not even where it stands.
    """
    if request.renews is None:
        return None
    state = tx.state("request", request.renews)
    earlier = from_json(Request, tx.get("request", request.renews).body) if state is not None else None
    if earlier is None or not _same_applicant(request, earlier):
        return "所填编号不是本单位的申请"
    faults = (
        (state not in _GIVEN, "原申请的数据尚未交付"),
        (earlier.until < office.today, "原申请的使用期限已过"),
        (not _same_project(request, earlier), "与原申请的项目或目录不同"),
        (not _nothing_wider(request, earlier, catalogue), "所申请的内容或用途超出原申请"),
        (
            not all(_was_decided(tx, request.renews, regime) for regime in _asking(policies, History.RENEWAL)),
            "原申请未经有权机关按适用制度审定",
        ),
    )
    return next((why for broken, why in faults if broken), None)


def _asking(policies: PolicySet, history: History) -> tuple[str, ...]:
    """Return the regimes that have a chain of their own for a history."""
    found = (p.regime for p in policies.policies for chain in p.chains if history in chain.when.history)
    return tuple(dict.fromkeys(found))


def _was_decided(tx: Transaction, number: str, regime: str | None) -> bool:
    """Whether an authority took the highest step of an earlier request's plan: under a regime, or under any where it is None.

    A term of the decision that has passed since takes nothing from that.
    """
    if not tx.versions("plan", number):
        return False
    plan = from_json(Plan, tx.get("plan", number).body)
    steps = [
        each for each in plan.steps
        if each.role == Role.AUTHORITY.value and not each.agrees and regime in (None, each.cited.regime)
    ]  # fmt: skip
    versions = tx.versions("decision", f"{number}/{steps[-1].id}") if steps else ()
    if not versions:
        return False
    word = from_json(Decision, versions[-1].body)
    about = (word.subject.number, word.subject.plan, word.step, word.role)
    approves = word.result is Result.APPROVE and about == (number, plan.digest, steps[-1].id, Role.AUTHORITY)
    return approves and _is_signed(tx, word)


def _is_signed(tx: Transaction, word: Decision) -> bool:
    """Whether a decision carries the signature of its person, with a key, role and unit that were registered for them."""
    stood = ((p.body["public_key"], p.body["role"], p.body["unit"]) for p in tx.versions("person", word.person))
    if (word.public_key, word.role.value, word.unit) not in stood:
        return False
    try:
        signature = bytes.fromhex(word.signature)
    except ValueError:
        return False
    return PublicKey.from_text(word.public_key, thing=word.person).accepts(word.signed_bytes, signature)


def _same_applicant(request: Request, earlier: Request) -> bool:
    same = (request.applicant.uscc, request.applicant.name)
    return same == (earlier.applicant.uscc, earlier.applicant.name)


def _same_project(request: Request, earlier: Request) -> bool:
    return (request.project.code, request.catalogue) == (earlier.project.code, earlier.catalogue)


def _nothing_wider(request: Request, earlier: Request, catalogue: Catalogue) -> bool:
    """Whether a request asks for no field, level, day or person that the earlier one did not ask for, and for the same use."""
    return (
        _terms_of_use(request) == _terms_of_use(earlier)
        and request.population.split() == earlier.population.split()
        and earlier.period.first <= request.period.first
        and request.period.last <= earlier.period.last
        and _no_finer(request, earlier, catalogue)
    )


def _terms_of_use(request: Request) -> tuple[object, ...]:
    """What a level can depend on beside the field, and where the data go: a change of these is no longer term, but another use."""
    purpose, safeguards = request.purpose, request.safeguards
    use = (purpose.category, purpose.non_profit, request.applicant.kind, request.consent, request.mode)
    return (*use, safeguards.passed_on, goes_abroad(request), request.urgent_filing)


def _no_finer(request: Request, earlier: Request, catalogue: Catalogue) -> bool:
    had = {variable.place: variable.level for variable in earlier.variables}
    for variable in request.variables:
        field = catalogue.field(variable.table, variable.field)
        if field is None or variable.place not in had:
            return False
        hierarchy = hierarchy_of(field.kind)
        known = {variable.level, had[variable.place]} <= set(hierarchy.names)
        if not known or not hierarchy.at_least_as_coarse(variable.level, had[variable.place]):
            return False
    return True


def _another(request: Request, other: Request) -> bool:
    """Whether two requests are of different applicants; the code is what a form says, the name was checked at submission."""
    return other.applicant.uscc != request.applicant.uscc and other.applicant.name != request.applicant.name


def _same_data(request: Request, other: Request) -> bool:
    """Whether two requests ask for the same fields of one catalogue for the same category of purpose, and go no further out."""
    fields = ({variable.place for variable in each.variables} for each in (request, other))
    use = ((each.catalogue, each.purpose.category, each.purpose.non_profit) for each in (request, other))
    # The threshold of risk of a mode orders them: what is open to more people is held to a smaller one.
    return next(fields) == next(fields) and next(use) == next(use) and request.mode.tau >= other.mode.tau
