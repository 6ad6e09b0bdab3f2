"""People: who is registered, in which role and unit, and with which public key.

Owns registration. A person's key can be made here for people who sign on this machine; the private half stays in their file.
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
    """Register a person, or change their registration; an empty public key has a signing key made in the home.

    Raises:
        ConfigurationError: the role or the key is not one, or a key file of that name exists already.
    """
    if public_key:
        text = PublicKey.from_text(public_key, thing=f"{identity.id}.public_key").text
    else:
        text = create_signing_key(office.home.people / f"{identity.id}.pem").public.text
    person = Person(identity.id, identity.name, Role(identity.role), identity.unit, text)
    with office.store.transaction() as tx:
        was = tx.state("person", person.id)
        stored = tx.put("person", person.id, person)
        if was != person.role.value:
            tx.move("person", person.id, was=was, to=person.role.value)
        verb = Verb.PERSON_CHANGE if was else Verb.PERSON_ADD
        office.log(tx, verb, None, object=f"person {stored[-8:]}", object_digest=stored, reason=person.role.value)
    return person


def everybody(office: Office) -> tuple[Person, ...]:
    """Return all registered people, by identifier."""
    with office.store.reading() as tx:
        return tuple(from_json(Person, document.body) for document in tx.find("person"))
