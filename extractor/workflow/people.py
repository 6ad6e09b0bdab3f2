"""People: who is registered, in which role and unit, and with which public key.

Owns registration. A person's key can be made here for people who sign on this machine; the private half stays in their file.
Once registered, a person's key stays: who could replace it could sign in their name, and would void what they signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.decode import from_json
from extractor.errors import ConfigurationError
from extractor.keys import PublicKey, create_signing_key
from extractor.log.entries import Verb
from extractor.requests import Person, Role
from extractor.workflow.office import Office


@dataclass(frozen=True)
class Identity:
    """Who is to be registered; the role is its canonical name."""

    id: str
    name: str
    role: str
    unit: str

    def __post_init__(self) -> None:
        if not self.id.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(
                "an identifier is letters, digits, - and _",
                zh="人员编号只能包含字母、数字、- 和 _",
                thing="person",
                fix_en="choose another identifier",
                fix_zh="请更换编号",
            )
        if self.role not in set(Role):
            roles = ", ".join(Role)
            raise ConfigurationError(
                "no such role", zh="没有该角色", thing=self.role, fix_en=f"roles are: {roles}", fix_zh=f"角色有:{roles}"
            )


def register(office: Office, identity: Identity, public_key: str = "") -> Person:
    """Register a person, or change the name, role or unit of one who is.

    An empty public key has a signing key made in the home for a new person, and keeps the key of a known one.

    Raises:
        ConfigurationError: the role or the key is not one, or a known person would get another key.
        StorageError: a key file of that name exists already.
    """
    if public_key:
        PublicKey.from_text(public_key, thing=f"{identity.id}.public_key")
    with office.store.transaction() as tx:
        known = office.person(tx, identity.id) if tx.state("person", identity.id) else None
        text = _key_of(office, identity, known, public_key)
        person = Person(identity.id, identity.name, Role(identity.role), identity.unit, text)
        stored = tx.put("person", person.id, person)
        was = known.role if known else None
        if was is not person.role:
            tx.move("person", person.id, was=was.value if was else None, to=person.role.value)
        verb = Verb.PERSON_CHANGE if known else Verb.PERSON_ADD
        change = _change(known, person)
        office.log(tx, verb, None, object=f"person {stored[-8:]}", object_digest=stored, reason=change)
    return person


def _key_of(office: Office, identity: Identity, known: Person | None, public_key: str) -> str:
    if known is None:
        return public_key or create_signing_key(office.home.people / f"{identity.id}.pem").public.text
    if public_key not in ("", known.public_key):
        raise ConfigurationError(
            "this identifier is registered with another key, and a registered key is never replaced",
            zh="该编号已登记其他公钥;已登记的公钥不得替换",
            thing=identity.id,
            fix_en="register the person under a new identifier, and give this one no more roles",
            fix_zh="请以新的编号登记该人员,原编号不再使用",
        )
    return known.public_key


def _change(known: Person | None, person: Person) -> str:
    """Say what a registration changes: roles by name; that name or unit changed, but not from what to what."""
    if known is None:
        return person.role.value
    changed = [name for name in ("name", "unit") if getattr(known, name) != getattr(person, name)]
    return "; ".join((f"role was {known.role.value}, becomes {person.role.value}", *(f"{n} changed" for n in changed)))


def everybody(office: Office) -> tuple[Person, ...]:
    """Return all registered people, by identifier."""
    with office.store.reading() as tx:
        return tuple(from_json(Person, document.body) for document in tx.find("person"))
