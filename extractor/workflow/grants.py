"""Grants: the scope within which a technical service unit may work, granted by an authority of another unit.

Owns how a grant is proposed, signed and revoked, and the gate of every run: a live grant of the installation's unit covers each
table that the plan reads and holds every part that a rule asks for (渝卫发〔2019〕67号 art. 7). It must not know how a table is
read. Texts (security terms, confidentiality undertaking, basic facts reported) are held as digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from extractor.decode import from_json
from extractor.errors import ApprovalError, Reason, Refused
from extractor.log.entries import Verb
from extractor.plans.minimality import columns_read
from extractor.plans.nodes import Plan
from extractor.policy_asked import AskedGrant
from extractor.policy_set import PolicySet
from extractor.policy_words import GrantPart, Violation
from extractor.requests import Role
from extractor.store.transaction import Transaction
from extractor.workflow.applying import policies_about, policies_of_catalogue
from extractor.workflow.grounds import Fault, acting, cited_facts, reasons_listed, was_registered
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import About, Signed, sign_stored, signatures_of

_KIND = "grant"


class GrantState(StrEnum):
    """Where a grant stands."""

    PROPOSED = "proposed"
    GRANTED = "granted"
    REVOKED = "revoked"


@dataclass(frozen=True)
class GrantTerms:
    """What is granted: a catalogue (every one where None) and tables of it (every one where empty), from a day until a day.

    The last three are digests of the texts that the parties keep.
    """

    catalogue: str | None
    tables: tuple[str, ...]
    first: date
    until: date | None = None
    security_terms: str | None = None
    confidentiality: str | None = None
    reported: str | None = None

    def covers(self, catalogue: str, table: str) -> bool:
        """Say whether a table of a catalogue lies in the scope."""
        return self.catalogue in (None, catalogue) and (not self.tables or table in self.tables)

    @property
    def holds(self) -> frozenset[GrantPart]:
        """The parts that the grant has; its scope it always has."""
        given = {
            GrantPart.TERM: self.until, GrantPart.SECURITY_TERMS: self.security_terms,
            GrantPart.CONFIDENTIALITY: self.confidentiality, GrantPart.REPORTED: self.reported,
        }  # fmt: skip
        return frozenset({GrantPart.SCOPE, *(part for part, value in given.items() if value is not None)})


@dataclass(frozen=True)
class Grant:
    """A technical service unit and what it is granted; who signed is beside the document."""

    number: str
    unit: str
    terms: GrantTerms
    proposed_by: str
    proposed: datetime


@dataclass(frozen=True)
class GrantStanding:
    """A grant, and who granted it and who revoked it, by their checked signatures."""

    grant: Grant
    granted: Signed | None
    revoked: Signed | None

    @property
    def state(self) -> GrantState:
        """The state that the signatures make; what the store says beside them counts for nothing."""
        if self.revoked:
            return GrantState.REVOKED
        return GrantState.GRANTED if self.granted else GrantState.PROPOSED

    def fault(self, day: date) -> tuple[str, str] | None:
        """Say (zh, en) why the grant is not live on a day, or None where it is."""
        terms = self.grant.terms
        faults = (
            (self.state is GrantState.PROPOSED, "尚未授权", "is not granted yet"),
            (self.state is GrantState.REVOKED, "已撤销", "was revoked"),
            (day < terms.first, "尚未生效", "has not begun"),
            (terms.until is not None and day > terms.until, "已到期", "has expired"),
        )
        return next(((zh, en) for broken, zh, en in faults if broken), None)


def propose_grant(office: Office, actor: Actor, *, unit: str, terms: GrantTerms) -> str:
    """Propose a grant for a technical service unit under the signature of the unit or the operator; return its number.

    Raises:
        ApprovalError: the person is neither of that unit nor the operator, tables are named without a catalogue, or the
            term ends before it begins or lies in the past.
        ConfigurationError: the catalogue is not installed, or the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.GRANT, unit), office.store.transaction() as tx:
        roles = (Role.TECHNICAL_SERVICE_UNIT, Role.OPERATOR)
        person = acting(office, tx, actor, roles=roles, thing=unit)
        if person.role is Role.TECHNICAL_SERVICE_UNIT and person.unit != unit:
            raise _refused(unit, "a unit proposes a grant for itself only", "技术服务单位只能为本单位提出授权申请")
        _check_terms(office, unit, terms)
        grant = Grant(tx.next_number("GR", office.today.year), unit, terms, person.id, office.now)
        stored = tx.put(_KIND, grant.number, grant)
        sign_stored(office, tx, actor, about=About(_KIND, grant.number, "proposed"), digest=stored)
        tx.move(_KIND, grant.number, was=None, to=GrantState.PROPOSED.value)
        _log(office, tx, actor, grant=grant, said="proposed")
    return grant.number


def sign_grant(office: Office, number: str, actor: Actor) -> None:
    """Grant what was proposed, under the signature of an authority of another unit: an organ of those that a rule names.

    Raises:
        ApprovalError: no authority, the granted unit itself, whoever proposed it, another organ than those that the regimes
            name that ask for the grant, or a grant that is not to be signed.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.GRANT, number), office.store.transaction() as tx:
        was = _standing(office, tx, number)
        person = acting(office, tx, actor, roles=(Role.AUTHORITY,), thing=number)
        if person.unit == was.grant.unit:
            raise _refused(number, "a unit grants nothing to itself", "授权单位与被授权单位不得为同一单位")
        if person.id == was.grant.proposed_by:
            raise _refused(number, "who proposed a grant does not grant it", "提出人不得授权")
        organs = _organs_for(office, was.grant.terms)
        if organs and person.unit not in organs:
            names = "、".join(organs)
            raise _refused(number, f"it is granted by {names}", f"须由{names}授权")
        _move(tx, was, becomes=GrantState.GRANTED, needs=GrantState.PROPOSED)
        digest = tx.get(_KIND, number).digest
        sign_stored(office, tx, actor, about=About(_KIND, number, "granted"), digest=digest)
        _log(office, tx, actor, grant=was.grant, said="granted")


def revoke_grant(office: Office, number: str, actor: Actor) -> None:
    """Revoke a grant under the signature of an authority of the unit that granted it; no run starts under it any more.

    Raises:
        ApprovalError: no authority, another unit than the one that granted, or a grant that is not in force.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.GRANT, number), office.store.transaction() as tx:
        was = _standing(office, tx, number)
        person = acting(office, tx, actor, roles=(Role.AUTHORITY,), thing=number)
        _move(tx, was, becomes=GrantState.REVOKED, needs=GrantState.GRANTED)
        if was.granted is None or person.unit != was.granted.unit:
            raise _refused(number, "the unit that granted it revokes it", "须由授权单位撤销")
        digest = tx.get(_KIND, number).digest
        sign_stored(office, tx, actor, about=About(_KIND, number, "revoked"), digest=digest)
        _log(office, tx, actor, grant=was.grant, said="revoked")


def grants(office: Office) -> tuple[GrantStanding, ...]:
    """Return every grant by number, with its checked signatures.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    with office.store.reading() as tx:
        return tuple(_standing(office, tx, each.number) for each in tx.find(_KIND))


def granting_organs(policies: PolicySet, asked: AskedGrant | None) -> tuple[str, ...]:
    """Return the organs that the regimes that ask for a grant let decide in their chains; none where they name none."""
    regimes = {each.regime for each in asked.cited} if asked else set()
    named = (
        step.unit
        for policy in policies.policies
        if policy.regime in regimes
        for chain in policy.chains
        for step in chain.steps
        if step.role is Role.AUTHORITY and step.unit
    )
    return tuple(dict.fromkeys(named))


def _organs_for(office: Office, terms: GrantTerms) -> tuple[str, ...]:
    """Return the organs that may grant over a catalogue, or over whatever is kept here."""
    policies = policies_of_catalogue(office, terms.catalogue) if terms.catalogue else office.policies_here
    return granting_organs(policies, policies.grant())


def check_grant(office: Office, tx: Transaction, number: str, plan: Plan) -> tuple[str, ...]:
    """Check that the installation's unit may read each table of a request's plan now, and return the numbers of the grants it leans on.

    Raises:
        Refused: a rule asks for a grant and no live one covers a table with every part; names rule, article and table.
        IntegrityError: a signature is not of the person that it names.
    """
    asked = plan.grant
    if asked is None:
        return ()
    policies = policies_about(office, tx, number)
    organs = granting_organs(policies, asked)
    own = [_standing(office, tx, each.number) for each in tx.find(_KIND)]
    own = [each for each in own if each.grant.unit == office.settings.unit]
    leant: list[str] = []
    reasons: list[Reason] = []
    for table in sorted(columns_read(plan)):
        near = [each for each in own if each.grant.terms.covers(plan.source.catalogue, table)]
        live = [each for each in near if _why_not(each, asked, day=office.today, organs=organs) is None]
        leant += [each.grant.number for each in live[:1]]
        if not live:
            faults = [(each, _why_not(each, asked, day=office.today, organs=organs)) for each in near]
            reasons += reasons_listed(policies, asked.cited, _missing(table, faults, asked=asked))
    if reasons:
        fix = ("let the unit be granted what is missing (extractor grant propose, grant sign), then run again",
               "请先取得所缺授权(extractor grant propose、grant sign),再运行")  # fmt: skip
        raise Refused(tuple(reasons), thing=office.settings.unit, fix=fix)
    return tuple(dict.fromkeys(leant))


def _why_not(each: GrantStanding, asked: AskedGrant, *, day: date, organs: tuple[str, ...]) -> tuple[str, str] | None:
    """Say (zh, en) why a grant does not hold for what is asked, or None where it does."""
    lacking = ", ".join(part.value for part in asked.holds if part not in each.grant.terms.holds)
    if fault := each.fault(day):
        return fault
    if organs and (each.granted is None or each.granted.unit not in organs):
        names = "、".join(organs)
        return f"不是由{names}授权", f"was not granted by {names}"
    return (f"缺少 {lacking}", f"lacks {lacking}") if lacking else None


def _missing(table: str, near: list[tuple[GrantStanding, tuple[str, str] | None]], *, asked: AskedGrant) -> Fault:
    """Say what is missing for one table, with what stands against each grant that would cover it."""
    told = [(each.grant.number, why) for each, why in near if why is not None]
    zh, en = "".join(f";{no} {why[0]}" for no, why in told), "".join(f"; {no} {why[1]}" for no, why in told)
    return Fault(
        table, f"技术服务单位没有涵盖该表的有效授权{zh}", f"the technical service unit has no live grant over this table{en}",
        ", ".join(part.value for part in asked.holds), Violation.BEYOND_SCOPE,
    )  # fmt: skip


def _standing(office: Office, tx: Transaction, number: str) -> GrantStanding:
    """Return a grant as its signatures make it; one by somebody who never was an authority of another unit counts for nothing."""
    if tx.state(_KIND, number) is None:
        raise _refused(number, "there is no such grant", "没有该授权")
    stored = tx.get(_KIND, number)
    grant = from_json(Grant, stored.body)
    signed = signatures_of(office, tx, kind=_KIND, number=number, digest=stored.digest)
    able = [s for s in signed if s.role is Role.AUTHORITY and s.unit != grant.unit and was_registered(tx, s)]
    granted = next((s for s in able if s.said == "granted"), None)
    revoked = next((s for s in able if s.said == "revoked"), None)
    return GrantStanding(grant, granted, revoked)


def _move(tx: Transaction, was: GrantStanding, *, becomes: GrantState, needs: GrantState) -> None:
    number = was.grant.number
    if was.state is not needs:
        raise _refused(
            number, f"the grant is {was.state.value}, not {needs.value}", f"授权状态为 {was.state.value},而非 {needs.value}"
        )  # fmt: skip
    tx.move(_KIND, number, was=needs.value, to=becomes.value)


def _check_terms(office: Office, unit: str, terms: GrantTerms) -> None:
    if terms.until is not None and terms.until < max(terms.first, office.today):
        raise _refused(unit, "the term ends before it begins, or in the past", "授权期限早于起始日或已过")
    if terms.catalogue is None:
        if terms.tables:
            raise _refused(unit, "tables are named without their catalogue", "指明了表而未指明目录")
        return
    catalogue = office.read_catalogue(terms.catalogue)
    unknown = [name for name in terms.tables if catalogue.table(name) is None]
    if unknown:
        names = ", ".join(unknown)
        raise _refused(unit, f"the catalogue has no table {names}", f"目录中没有表 {names}")


def _log(office: Office, tx: Transaction, actor: Actor, *, grant: Grant, said: str) -> None:
    asked = office.policies_here.grant()
    facts = cited_facts(asked.cited if asked else ())
    stored = tx.get(_KIND, grant.number).digest
    office.log(tx, Verb.GRANT, actor.person, object=grant.number, object_digest=stored, reason=said, **facts)


def _refused(thing: str, en: str, zh: str) -> ApprovalError:
    return ApprovalError(
        en, zh=zh, thing=thing, fix_en="see `extractor grant list`", fix_zh="请以 extractor grant list 核对"
    )
