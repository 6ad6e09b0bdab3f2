"""Signed documents: a person's signature over a stored document, kept beside it and checked whenever it is leaned on.

Owns what such a signature binds (kind, number, digest, and what is said of it), and its verification. It must not know what any
document means. Submissions and decisions have their own shapes (``extractor.workflow.statements``, ``extractor.requests``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from extractor.canonical import canonical_bytes
from extractor.decode import from_json
from extractor.errors import IntegrityError
from extractor.requests import Role
from extractor.store.transaction import Transaction
from extractor.workflow.office import Actor, Office, public_key_of

_KIND = "signature"


@dataclass(frozen=True)
class About:
    """What a signature is about: a document's kind and number, and what the person does to it by signing."""

    kind: str
    number: str
    said: str = "signed"


@dataclass(frozen=True)
class Signed:
    """Who signed which document, by digest; ``said`` is what they did to it (signed, granted, acknowledged, closed)."""

    kind: str
    number: str
    digest: str
    said: str
    person: str
    role: Role
    unit: str
    time: datetime
    public_key: str
    signature: str = ""

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that the person signs: everything but the signature."""
        return canonical_bytes(replace(self, signature=""))


def put_signed(office: Office, tx: Transaction, actor: Actor, *, about: About, document: Any) -> str:
    """Store a new version of a document with a person's signature over it, and return the document's digest.

    Raises:
        ConfigurationError: the person's own key is not given, or nobody is registered under this identifier.
    """
    stored = tx.put(about.kind, about.number, document)
    sign_stored(office, tx, actor, about=about, digest=stored)
    return stored


def sign_stored(office: Office, tx: Transaction, actor: Actor, *, about: About, digest: str) -> None:
    """Add a person's signature to a version of a document that is stored already.

    Raises:
        ConfigurationError: the person's own key is not given, or nobody is registered under this identifier.
    """
    key, person = actor.signing_key(), office.person(tx, actor.person.id)
    what, time = (about.kind, about.number, digest, about.said), office.now
    word = Signed(*what, person.id, person.role, person.unit, time, person.public_key)
    tx.put(
        _KIND,
        f"{about.kind}/{about.number}/{about.said}/{person.id}",
        replace(word, signature=key.sign(word.signed_bytes).hex()),
    )


def signatures_of(office: Office, tx: Transaction, *, kind: str, number: str, digest: str) -> tuple[Signed, ...]:
    """Return the signatures over one version of a document, each checked against its person's registered key.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    found = [from_json(Signed, each.body) for each in tx.find(_KIND, number_prefix=f"{kind}/{number}/")]
    own = tuple(each for each in found if (each.kind, each.number, each.digest) == (kind, number, digest))
    return _checked(office, tx, own)


def signatures_under(
    office: Office, tx: Transaction, *, kind: str, prefix: str
) -> Mapping[tuple[str, str], tuple[Signed, ...]]:
    """Return the signatures over all documents of a kind whose number begins so, each checked, by number and digest.

    One question to the store and one look at each person, however many documents there are.

    Raises:
        IntegrityError: a signature is not of the person that it names.
    """
    found = [from_json(Signed, each.body) for each in tx.find(_KIND, number_prefix=f"{kind}/{prefix}")]
    sorted_in: dict[tuple[str, str], tuple[Signed, ...]] = {}
    for each in _checked(office, tx, tuple(each for each in found if each.kind == kind)):
        place = (each.number, each.digest)
        sorted_in[place] = (*sorted_in.get(place, ()), each)
    return sorted_in


def _checked(office: Office, tx: Transaction, signatures: tuple[Signed, ...]) -> tuple[Signed, ...]:
    people = {name: public_key_of(office.person(tx, name)) for name in {each.person for each in signatures}}
    for each in signatures:
        key = people[each.person]
        key.verify(each.signed_bytes, _bytes_of(each.signature), thing=f"{each.kind} {each.number}")
    return signatures


def newest_signed(office: Office, tx: Transaction, *, kind: str, number: str) -> tuple[Signed, ...]:
    """Return the checked signatures over the newest version of a document.

    Raises:
        IntegrityError: nobody signed it, or a signature is not of the person that it names.
    """
    stored = tx.get(kind, number)
    own = signatures_of(office, tx, kind=kind, number=number, digest=stored.digest)
    if not own:
        raise IntegrityError(
            "the document carries no signature",
            zh="文件没有签名",
            thing=f"{kind} {number}",
            fix_en="have it signed again",
            fix_zh="请重新签署",
        )
    return own


def _bytes_of(signature: str) -> bytes:
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""
