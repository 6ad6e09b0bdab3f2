"""Urgent filings: fields outside the catalogue's use for extraction, filed first with the organs that a rule names.

Owns who files and who acknowledges, and whether a request may lean on a filing (榕政综〔2017〕122号 art. 11). It must not know how a
plan is compiled: it only says which fields an acknowledged filing opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.errors import ApprovalError, ConfigurationError, Reason, Refused
from extractor.log.entries import Verb
from extractor.policy import Cited
from extractor.policy_asked import AskedFiling
from extractor.policy_set import PolicySet
from extractor.policy_words import Violation
from extractor.requests import Request, Role
from extractor.selection import FilingRef
from extractor.store.transaction import Transaction
from extractor.workflow.applying import policies_of_catalogue
from extractor.workflow.grounds import Fault, acting, cited_facts, reasons_listed, was_registered
from extractor.workflow.office import Actor, Office
from extractor.workflow.signed import About, put_signed, sign_stored, signatures_of
from extractor.workflow.spoken import check_words

_KIND = "filing"


class FilingState(StrEnum):
    """Where a filing stands; ``acknowledged`` once every organ that it names has signed."""

    FILED = "filed"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Need:
    """What is to be filed: fields (``table.field``) of an installed catalogue, and why, in words about no person."""

    catalogue: str
    fields: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Filing:
    """The fields (``table.field``) of a catalogue that are needed, why, and the organs that must know of it first."""

    number: str
    catalogue: str
    fields: tuple[str, ...]
    reason: str
    organs: tuple[str, ...]
    cited: tuple[Cited, ...]
    person: str
    unit: str
    filed: datetime


@dataclass(frozen=True)
class FilingStanding:
    """A filing and the organs that have acknowledged it, by their checked signatures."""

    filing: Filing
    organs: tuple[str, ...]

    @property
    def to_sign(self) -> tuple[str, ...]:
        """The organs that have not acknowledged it yet."""
        return tuple(organ for organ in self.filing.organs if organ not in self.organs)


def add_filing(office: Office, actor: Actor, need: Need) -> str:
    """File fields under the signature of a provider or the operator, and return the filing's number.

    Raises:
        UsageError: the reason holds a number of a person.
        ApprovalError: another role, no field, no reason, or no rule that knows urgent filings.
        ConfigurationError: the catalogue is not installed or has no such field, or the person's own key is not given.
    """
    catalogue = need.catalogue
    check_words(need.reason, "--reason")
    with office.refusals_logged(actor.person, Verb.FILE, catalogue), office.store.transaction() as tx:
        person = acting(office, tx, actor, roles=(Role.PROVIDER, Role.OPERATOR), thing=catalogue)
        asked = policies_of_catalogue(office, catalogue).filing()
        if asked is None:
            raise _refused(catalogue, "no rule here knows urgent filings", "适用制度没有紧急报备的规定")
        _check_need(office.read_catalogue(catalogue), need)
        number = tx.next_number("UF", office.today.year)
        filing = Filing(
            number, catalogue, tuple(dict.fromkeys(need.fields)), need.reason.strip(), asked.organs, asked.cited,
            person.id, person.unit, office.now,
        )  # fmt: skip
        stored = put_signed(office, tx, actor, about=About(_KIND, number, "filed"), document=filing)
        tx.move(_KIND, number, was=None, to=FilingState.FILED.value)
        office.log(
            tx, Verb.FILE, person, object=number, object_digest=stored, reason="filed", columns=filing.fields,
            **cited_facts(asked.cited),
        )  # fmt: skip
    return number


def sign_filing(office: Office, number: str, actor: Actor) -> FilingState:
    """Acknowledge a filing under the signature of one of its organs, and return its state.

    Raises:
        ApprovalError: no authority, an organ that the filing does not name or that has signed already, or no such filing.
        ConfigurationError: the person's own key is not given.
    """
    with office.refusals_logged(actor.person, Verb.FILE, number), office.store.transaction() as tx:
        was = _standing(office, tx, number)
        person = acting(office, tx, actor, roles=(Role.AUTHORITY,), thing=number)
        if person.unit not in was.filing.organs:
            organs = "、".join(was.filing.organs)
            raise _refused(number, f"it is acknowledged by {organs}", f"须由{organs}确认")
        if person.unit in was.organs:
            raise _refused(number, "this organ has acknowledged it already", "该机关已经确认")
        digest = tx.get(_KIND, number).digest
        sign_stored(office, tx, actor, about=About(_KIND, number, "acknowledged"), digest=digest)
        becomes = FilingState.FILED if set(was.to_sign) - {person.unit} else FilingState.ACKNOWLEDGED
        if becomes is FilingState.ACKNOWLEDGED:
            tx.move(_KIND, number, was=FilingState.FILED.value, to=becomes.value)
        facts = cited_facts(was.filing.cited)
        office.log(tx, Verb.FILE, person, object=number, object_digest=digest, reason="acknowledged", **facts)
    return becomes


def filings(office: Office) -> tuple[FilingStanding, ...]:
    """Return every filing by number, with the organs that have acknowledged it.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    with office.store.reading() as tx:
        return tuple(_standing(office, tx, each.number) for each in tx.find(_KIND))


def acknowledged_filing(office: Office, tx: Transaction, number: str) -> FilingRef | None:
    """Return a filing that every organ has acknowledged, with the fields that it opens; None where there is none.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    if tx.state(_KIND, number) is None:
        return None
    found = _standing(office, tx, number)
    return None if found.to_sign else FilingRef(number, found.filing.fields)


def check_filing(office: Office, tx: Transaction, request: Request, *, policies: PolicySet) -> FilingRef | None:
    """Return the filing that a request leans on, checked to be acknowledged; None where it names none.

    Raises:
        Refused: the filing is unknown, of another catalogue, or not acknowledged by every organ that a rule names.
        IntegrityError: a signature is not of the person that it names.
    """
    number = request.urgent_filing
    if number is None:
        return None
    asked = policies.filing()
    if asked is None:
        words = ("适用制度没有紧急报备的规定", "no rule that applies knows urgent filings")
        raise Refused((Reason("urgent_filing", "request", "", *words),), thing="urgent_filing")
    found = _standing(office, tx, number) if tx.state(_KIND, number) is not None else None
    if found is None or found.filing.catalogue != request.catalogue:
        raise _not_open(
            policies, asked, number, ("没有针对该目录的这一报备", "there is no such filing for this catalogue")
        )
    missing = [organ for organ in dict.fromkeys((*asked.organs, *found.to_sign)) if organ not in found.organs]
    if missing:
        names = "、".join(missing)
        words = (f"报备尚未经{names}确认", f"the filing is not acknowledged by {names}")
        raise _not_open(policies, asked, number, words)
    return FilingRef(number, found.filing.fields)


def _not_open(policies: PolicySet, asked: AskedFiling, number: str, words: tuple[str, str]) -> Refused:
    fault = Fault("urgent_filing", words[0], words[1], violation=Violation.BEYOND_CATALOGUE)
    return Refused(reasons_listed(policies, asked.cited, fault), thing=number)


def _standing(office: Office, tx: Transaction, number: str) -> FilingStanding:
    if tx.state(_KIND, number) is None:
        raise _refused(number, "there is no such filing", "没有该报备")
    stored = tx.get(_KIND, number)
    signed = signatures_of(office, tx, kind=_KIND, number=number, digest=stored.digest)
    organs = tuple(
        word.unit
        for word in signed
        if word.said == "acknowledged" and word.role is Role.AUTHORITY and was_registered(tx, word)
    )
    return FilingStanding(from_json(Filing, stored.body), organs)


def _check_need(catalogue: Catalogue, need: Need) -> None:
    if not need.fields:
        raise _refused(catalogue.name, "no field is named", "未指明字段")
    if not need.reason.strip():
        raise _refused(catalogue.name, "it is not said why", "未写明理由")
    for place in need.fields:
        name, _, field = place.partition(".")
        table = catalogue.table(name)
        if table is None or table.field(field) is None:
            raise ConfigurationError(
                "the catalogue describes no such field", zh="目录未描述该字段", thing=place,
                fix_en="name it as table.field, as in the catalogue", fix_zh="请按目录写作 表.字段",
            )  # fmt: skip


def _refused(thing: str, en: str, zh: str) -> ApprovalError:
    return ApprovalError(
        en, zh=zh, thing=thing, fix_en="see `extractor filing list`", fix_zh="请以 extractor filing list 核对"
    )
