"""The register of consents: who agreed that which applicant gets what, person by person, without an identity in it.

Owns how entries are made, signed and read, and their prints. An entry is keyed by a print of the person
key: the column function of pseudonyms under a key of its own for each catalogue, so that no print equals a project's pseudonym.
It must not know how rows are kept (``extractor.engines.release``). 个人信息保护法 art. 14, 15; 榕政综〔2017〕122号 art. 19.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.deid.pseudonyms import pseudonyms
from extractor.engines.consenting import Consents, Sifted
from extractor.errors import ConfigurationError, IntegrityError, Reason, Refused, UsageError
from extractor.keys import RootKey
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.policy import Cited, cite
from extractor.requests import Request, Role
from extractor.store.transaction import Document, Transaction
from extractor.workflow.applying import policies_of_catalogue
from extractor.workflow.consent_register import ConsentBatch, ConsentRegister, ConsentScope
from extractor.workflow.grounds import acting, cited_facts, reasons_of
from extractor.workflow.office import Actor, Office
from extractor.workflow.runs import RunOrder
from extractor.workflow.signed import About, Signed, put_signed, signatures_under

BATCH_PERSONS = 100_000
"""How many persons one document holds at most."""

GIVEN, REVOKED = "given", "revoked"
_KIND = "consent"


@dataclass(frozen=True)
class Entered:
    """The batches that were made; how many persons were given, each counted once, and how many of them were entered."""

    numbers: tuple[str, ...]
    given: int
    matched: int


# --- prints ----------------------------------------------------------------------------------------------------------


def printer(root: RootKey, catalogue: Catalogue) -> Callable[[pl.Series], pl.Series]:
    """Return the function that makes the register's prints of a column of person keys; a blank key has none.

    Its key is derived by HKDF-SHA256 (RFC 5869) under a label that no project has, and the catalogue's name.
    """
    info = b"extractor/consent/v1\0" + catalogue.name.encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root.secret)
    return partial(pseudonyms, key=key, domain="consent", kind=_person_kind(catalogue))


def _person_kind(catalogue: Catalogue) -> str:
    """Return the kind of the person key: of the identity table, else of the first table that has one."""
    tables = [*filter(None, [catalogue.identity_table]), *catalogue.tables]
    keys = (table.field(table.person) for table in tables if table.person)
    return next((found.kind for found in keys if found is not None), "")


# --- acts ------------------------------------------------------------------------------------------------------------


def give(office: Office, catalogue: str, provider: Actor, *, identities: Sequence[str], scope: ConsentScope) -> Entered:
    """Enter the consent of persons, named by their person keys, and return the batches and how many persons there are.

    Raises:
        ConfigurationError: no such catalogue or field, nobody is named, or the person's own key is not given.
        ApprovalError: the person is no provider.
    """
    with office.refusals_logged(provider.person, Verb.CONSENT_GIVE, catalogue):
        found = office.read_catalogue(catalogue)
        for place in scope.fields:
            table, _, name = place.partition(".")
            if found.field(table, name) is None:
                raise _not_usable(place, "the catalogue has no such field", "目录中没有该字段")
        if scope.until < office.today:
            raise _not_usable("until", "the consent has ended already", "该同意已到期")
        return _enter(office, found, provider, identities=identities, what=scope)


def revoke(
    office: Office, catalogue: str, provider: Actor, *, identities: Sequence[str], of: str | None = None
) -> Entered:
    """Enter that persons take back their consent, from now on: all that they gave, or what stands in one batch.

    Only persons who have an entry that stands are entered; how many of those named have one is returned.

    Raises:
        UsageError: none of the persons has an entry that stands.
        ConfigurationError: no such catalogue or batch, nobody is named, or the person's own key is not given.
        ApprovalError: the person is no provider.
    """
    with office.refusals_logged(provider.person, Verb.CONSENT_REVOKE, catalogue):
        found = office.read_catalogue(catalogue)
        return _enter(office, found, provider, identities=identities, what=of)


def _enter(
    office: Office, catalogue: Catalogue, provider: Actor, *, identities: Sequence[str], what: ConsentScope | str | None
) -> Entered:
    """Store the prints of the persons in batches, each signed and logged by number and count alone."""
    prints = printer(office.root_key, catalogue)(pl.Series(identities, dtype=pl.String)).drop_nulls().unique().sort()
    if not len(prints):
        raise _not_usable("identities", "nobody is named", "未列出任何人员")
    scope, of = (what, None) if isinstance(what, ConsentScope) else (None, what)
    said, verb = (GIVEN, Verb.CONSENT_GIVE) if scope else (REVOKED, Verb.CONSENT_REVOKE)
    numbers, cited = [], _asking_for_register(office, catalogue)
    with office.store.transaction() as tx:
        acting(office, tx, provider, roles=(Role.PROVIDER,), thing=catalogue.name)
        if of is not None and tx.state(_KIND, f"{catalogue.name}/{of}") != GIVEN:
            raise _not_usable(of, "the register has no such batch", "登记册中没有该批次")
        named, prints = len(prints), prints if scope else _standing_of(office, tx, prints, (catalogue.name, of))
        for start in range(0, len(prints), BATCH_PERSONS):
            own = tuple(prints.slice(start, BATCH_PERSONS))
            number = tx.next_number("CS", office.today.year)
            batch = ConsentBatch(number, catalogue.name, office.now, own, scope, of)
            about = About(_KIND, f"{catalogue.name}/{number}", said)
            stored = put_signed(office, tx, provider, about=about, document=batch)
            tx.move(_KIND, about.number, was=None, to=said)
            office.log(
                tx,
                verb,
                provider.person,
                object=about.number,
                object_digest=stored,
                rows=len(own),
                **cited_facts(cited),
            )
            numbers.append(number)
    return Entered(tuple(numbers), named, len(prints))


def _standing_of(office: Office, tx: Transaction, prints: pl.Series, which: tuple[str, str | None]) -> pl.Series:
    """Return the prints that have an entry in a catalogue's register, or in one batch of it, which nothing has taken back."""
    found = prints.filter(prints.is_in(register_of(office, tx, which[0]).standing(which[1]).implode()))
    if not len(found):
        raise UsageError(
            f"none of the {len(prints)} persons given has an entry that stands; nothing was revoked",
            zh=f"所列 {len(prints)} 人均无有效登记,未撤回任何同意", thing="--identities",
            fix_en="see `extractor consent list`; give the catalogue and batch, and the person keys, under which they were entered",
            fix_zh="请以 extractor consent list 核对目录与批次,并按登记时的个人主键填写名单",
        )  # fmt: skip
    return found


def _asking_for_register(office: Office, catalogue: Catalogue) -> tuple[Cited, ...]:
    """Return the rules by which consent to use the data of a catalogue stands on the register, whoever asks for them."""
    policies = policies_of_catalogue(office, catalogue.name)
    return tuple(cite(policy, rule.rule) for policy in policies.policies for rule in policy.consents)


def _not_usable(thing: str, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        en, zh=zh, thing=thing, fix_en="correct the scope or the list and enter it again", fix_zh="请更正范围或名单后重新登记"
    )  # fmt: skip


# --- reading ---------------------------------------------------------------------------------------------------------


def register_of(office: Office, tx: Transaction, catalogue: str) -> ConsentRegister:
    """Return the register of a catalogue, each batch checked to be signed by a provider.

    Raises:
        IntegrityError: a batch is not as it was stored, or nobody who may signed it.
    """
    found = tx.find(_KIND, number_prefix=f"{catalogue}/")
    signed = signatures_under(office, tx, kind=_KIND, prefix=f"{catalogue}/")
    batches = [_checked(document, signed.get((document.number, document.digest), ())) for document in found]
    return ConsentRegister(tuple(sorted(batches, key=_order)))


def _order(batch: ConsentBatch) -> tuple[int, int]:
    _, year, count = batch.number.split("-")
    return int(year), int(count)


def _checked(document: Document, signatures: tuple[Signed, ...]) -> ConsentBatch:
    batch = from_json(ConsentBatch, document.body)
    said = REVOKED if batch.scope is None else GIVEN
    whole = document.number == f"{batch.catalogue}/{batch.number}"
    if not whole or not any(each.role is Role.PROVIDER and each.said == said for each in signatures):
        raise IntegrityError(
            "the batch of consents carries no signature of a provider",
            zh="该批同意没有数据提供方的签名",
            thing=document.number,
            fix_en="keep the database as evidence, verify the log, and restore the register from a backup",
            fix_zh="请保留数据库作为证据,核验日志,并从备份恢复登记册",
        )
    return batch


def consents_now(office: Office, tx: Transaction, request: Request, plan: Plan) -> Consents | None:
    """Return who consents to a plan by the register as it stands now; None where nothing of the plan stands on consent.

    Raises:
        IntegrityError: a batch of the register is not as it was stored and signed.
    """
    if plan.consent is None:
        return None
    register = register_of(office, tx, plan.source.catalogue)
    columns = tuple(column.place for column in plan.consent.columns)
    prints = register.covering(request, columns, office.today)
    tables = frozenset(place.partition(".")[0] for place in columns)
    return Consents(prints, printer(office.root_key, office.read_catalogue(plan.source.catalogue)), tables)


def settle_sifted(office: Office, order: RunOrder, plan: Plan, sifted: Sifted) -> None:
    """Log how many persons of a run consent and how many do not, under the rule that asks for it.

    Raises:
        Refused: persons fit the population, and none of them consents.
    """
    assert plan.consent is not None
    counted = f"persons={sifted.persons} persons_without_consent={sifted.persons_without}"
    with office.store.transaction() as tx:
        office.log(
            tx, Verb.COMPARE, None, object=f"consent {plan.source.catalogue}", request=order.request,
            rows=sum(sifted.rows_without.values()), reason=f"{order.number} {counted}", **cited_facts(plan.consent.cited),
        )  # fmt: skip
    if sifted.persons == 0 and sifted.persons_without:
        zh = "没有人员的登记同意涵盖本申请单位、用途、字段与今日,无可提供的数据"
        en = "nobody's registered consent covers this applicant, purpose, these fields and today; nothing is given"
        fix = "extractor consent add"
        reasons = reasons_of(plan.consent.cited, "consent", zh, en, allowed=fix)
        # The register stands by itself: also where no regime asks for it, nobody's rows leave without consent.
        raise Refused(reasons or (Reason("consent", "consents", "", zh, en, fix, fix),), thing=order.request)


def as_shown(batch: ConsentBatch) -> dict[str, Any]:
    """Return what is shown of a batch: number, day, scope, count; neither identities nor prints."""
    shown: dict[str, Any] = {"number": batch.number, "time": batch.time.isoformat(), "persons": len(batch.prints)}
    if batch.scope is None:
        return {**shown, "said": REVOKED, "of": batch.of}
    scope = batch.scope
    return {
        **shown,
        "said": GIVEN,
        "applicant": scope.applicant,
        "purposes": [purpose.value for purpose in scope.purposes],
        "fields": list(scope.fields),
        "since": scope.since.isoformat(),
        "until": scope.until.isoformat(),
    }
