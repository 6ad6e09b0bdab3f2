"""Signed statements: what a person says about a request that is no decision: that they submit, withdraw or close it.

Owns what such a statement binds, how it is signed and stored, and its verification. It must not know when an act is possible;
that is ``extractor.workflow.approval`` and ``extractor.workflow.purging``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import ApprovalError
from extractor.requests import Act, Subject
from extractor.store.transaction import Transaction
from extractor.workflow.office import Actor, Office, public_key_of

_KINDS = {Act.SUBMIT: "submission", Act.WITHDRAW: "withdrawal", Act.CLOSE: "closing"}


@dataclass(frozen=True)
class Statement:
    """What a person did to a request and its plan, by digest; ``signature`` is Ed25519 in hexadecimal."""

    act: Act
    subject: Subject
    person: str
    unit: str
    time: datetime
    public_key: str
    signature: str = ""

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that the person signs: everything but the signature."""
        return canonical_bytes(replace(self, signature=""))


def put_statement(office: Office, tx: Transaction, actor: Actor, *, act: Act, subject: Subject) -> str:
    """Sign and store a person's statement about a request, and return its digest.

    Raises:
        ConfigurationError: the person's own key is not given.
    """
    key, person = actor.signing_key(), actor.person
    said = Statement(act, subject, person.id, person.unit, office.now, person.public_key)
    return tx.put(_KINDS[act], subject.number, replace(said, signature=key.sign(said.signed_bytes).hex()))


def check_statement(office: Office, tx: Transaction, number: str, *, act: Act, subject: Subject) -> Statement:
    """Return the newest statement of an act on a request, checked to be about this subject and signed by its person.

    Raises:
        ApprovalError: it is missing or about something else.
        IntegrityError: it is not signed with the key that is registered for the person that it names.
    """
    kind = _KINDS[act]
    versions = tx.versions(kind, number)
    if not versions:
        raise _not_valid(number, f"the signed {kind} is missing", "缺少经签名的声明")
    said = from_json(Statement, versions[-1].body)
    if said.act is not act or said.subject != subject:
        raise _not_valid(number, f"the signed {kind} is about another request or plan", "所签的申请或方案已不同")
    key = public_key_of(office.person(tx, said.person))
    key.verify(said.signed_bytes, _bytes_of(said.signature), thing=f"{number}/{kind}")
    return said


def _bytes_of(signature: str) -> bytes:
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""


def _not_valid(number: str, en: str, zh: str) -> ApprovalError:
    return ApprovalError(en, zh=zh, thing=number, fix_en="submit the request again", fix_zh="请重新提交申请")
