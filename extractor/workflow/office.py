"""What every act of the workflow needs at hand: store, policies, keys, clock, and the log that each change goes through.

Owns how an act and its log entry become one transaction, and how a refusal is logged. It must not know what any act means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.errors import ConfigurationError, ExtractorError, IntegrityError, Reason, Refused
from extractor.keys import PublicKey, RootKey, SigningKey
from extractor.log.checkpoint import Signer
from extractor.log.entries import LogEntry, Result, Verb, stamp
from extractor.log.journal import append
from extractor.policy import Cited, Policy
from extractor.policy_set import PolicySet, policies_for
from extractor.policy_words import Place, PracticeKind, Violation
from extractor.requests import Person, Role
from extractor.settings import Home, Settings
from extractor.store.database import Store
from extractor.store.transaction import Transaction

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
VIOLATION = "violation"
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Actor:
    """A registered person who acts now, with the key that signs for them where the act is signed."""

    person: Person
    key: SigningKey | None = field(default=None, repr=False)

    def signing_key(self) -> SigningKey:
        """Return the key, checked to be the one that is registered for the person.

        Raises:
            ConfigurationError: no key was given, or it is another person's.
        """
        if self.key is None or self.key.public.text != self.person.public_key:
            raise ConfigurationError(
                "the signing key is missing or not the one registered for this person",
                zh="缺少签名密钥,或与登记的公钥不符",
                thing=self.person.id,
                fix_en="give the person's own key with --key FILE",
                fix_zh="请用 --key 指定本人的密钥文件",
            )
        return self.key


@dataclass(frozen=True)
class Office:
    """One installation, opened: everything that the acts of the workflow work with.

    ``policies`` are those of the settings; which of the ``delivered`` ones apply to a request beside them, its places decide.
    """

    home: Home
    settings: Settings
    store: Store
    policies: PolicySet
    log_signer: Signer = field(repr=False)
    unit_key: SigningKey = field(repr=False)
    root_key: RootKey = field(repr=False)
    clock: Clock
    read_catalogue: Callable[[str], Catalogue]
    delivered: tuple[Policy, ...] = ()

    @property
    def now(self) -> datetime:
        """The time now, in UTC."""
        return self.clock()

    @property
    def today(self) -> date:
        """The day now in Asia/Shanghai, by which terms are counted."""
        return self.clock().astimezone(CHINA).date()

    @cached_property
    def data_folder(self) -> Path:
        """The folder that locations of tables are relative to."""
        return (self.home.root / self.settings.data).resolve()

    @property
    def policies_here(self) -> PolicySet:
        """The policies of what is kept here, whatever request it is for: those of the settings, and each of this place."""
        return policies_for(
            self.policies, self.delivered, data=self.settings.division, recipient=(), day=self.today
        )  # fmt: skip

    @property
    def against_changes(self) -> tuple[Cited, ...]:
        """The rules of this place that ask for what is done to be traceable, so that a change is found."""
        return self.policies_here.practice(PracticeKind.TRACEABLE)

    def check_residency(self) -> None:
        """Check that the division of the settings lies in the area that every policy's residency rule allows.

        Raises:
            Refused: naming each rule that it breaks.
        """
        check_residency(self.policies, self.settings)

    def person(self, tx: Transaction, person: str) -> Person:
        """Return a registered person.

        Raises:
            ConfigurationError: nobody is registered under this identifier.
        """
        if tx.state("person", person) is None:
            raise ConfigurationError(
                "no such person is registered",
                zh="没有登记该人员",
                thing=person,
                fix_en="register them with `extractor person add`",
                fix_zh="请先用 extractor person add 登记",
            )
        return from_json(Person, tx.get("person", person).body)

    def only_person(self, tx: Transaction, role: Role) -> Person:
        """Return the one person who is registered in a role.

        Raises:
            ConfigurationError: nobody is, or more than one.
        """
        people = self.people(tx, role)
        if len(people) != 1:
            raise ConfigurationError(
                f"{len(people)} people are registered in this role, so one must be named",
                zh=f"该角色登记了 {len(people)} 人,须指明其一",
                thing=role.value,
                fix_en="name the person on the command line",
                fix_zh="请在命令中指明人员",
            )
        return people[0]

    def people(self, tx: Transaction, role: Role) -> list[Person]:
        """Return the people who are registered in a role, by identifier."""
        return [from_json(Person, document.body) for document in tx.find("person", state=role.value)]

    def log(self, tx: Transaction, verb: Verb, who: Person | None, **facts: Any) -> None:
        """Append an entry to the log inside the transaction of the change that it reports.

        Args:
            tx: the transaction of the change.
            verb: what was done.
            who: the person who did it; None for the software itself.
            **facts: further fields of ``LogEntry``; ``object`` is required.

        Raises:
            LogError: the log cannot be written; the change is then lost too.
        """
        own: dict[str, Any] = {"actor": "extractor", "unit": self.settings.unit}
        if who is not None:
            own = {"actor": who.id, "role": who.role.value, "unit": who.unit}
        append(tx, LogEntry(time=stamp(self.now), verb=verb, **own, **facts), self.log_signer)

    @contextmanager
    def refusals_logged(self, who: Person, verb: Verb, thing: str) -> Iterator[None]:
        """Log an act that is refused or fails, in a transaction of its own, and let the error go on."""
        try:
            yield
        except ExtractorError as error:
            refused = isinstance(error, Refused) and bool(error.reasons)
            with self.store.transaction() as tx:
                self.log(
                    tx,
                    Verb.REFUSE if refused else verb,
                    who,
                    object=thing,
                    request=thing,
                    result=Result.REFUSED if refused else Result.FAILED,
                    reason=self.said_of(error),
                    **rules_behind(error, self.against_changes),
                )
            raise

    def said_of(self, error: ExtractorError) -> str:
        """Return what the log says of an error: its type, and the listed violations that it matches.

        What was changed after it was signed or stored matches the violation by which the regimes of this place list that.
        """
        if isinstance(error, IntegrityError):
            found = tampering_numbers(self.policies_here)
        else:
            found = violations_of(error.reasons if isinstance(error, Refused) else ())
        return "; ".join((type(error).__name__, *found))


def check_residency(policies: PolicySet, settings: Settings) -> None:
    """Check that an installation stands where every residency rule of its policies allows data to be stored.

    Raises:
        Refused: naming each rule that its division breaks.
    """
    if faults := policies.area_faults(settings.division, "settings.division", Place.INSTALLATION):
        fix = ("name the division where the installation stands (init --division, settings.yaml), or move it into the area",
               "请填写安装所在地的行政区划代码(init --division、settings.yaml),或迁入允许的区域")  # fmt: skip
        raise Refused(faults, thing="settings.division", fix=fix)


def violations_of(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    """Return the listed violations that a refusal matches, as the log names them: ``violation REGIME NUMBER``, each once."""
    found = (f"{VIOLATION} {r.rule.partition('.')[0]} {r.violation}" for r in reasons if r.violation)
    return tuple(dict.fromkeys(found))


def tampering_numbers(policies: PolicySet) -> tuple[str, ...]:
    """Return, as the log names them, the violations as which policies list that something kept was changed."""
    found = ((policy.regime, policies.offence(policy.regime, Violation.TAMPERING)) for policy in policies.policies)
    return tuple(f"{VIOLATION} {regime} {number}" for regime, number in found if number)


def rules_behind(error: ExtractorError, against_changes: tuple[Cited, ...]) -> dict[str, str | None]:
    """Return the rule and the article of the log entry about an error: its first reason's, or those that a change breaks."""
    if isinstance(error, Refused) and error.reasons:
        return {"rule": error.reasons[0].rule, "article": error.reasons[0].article or None}
    cited = against_changes if isinstance(error, IntegrityError) else ()
    articles = dict.fromkeys(each.article for each in cited)
    return {"rule": "; ".join(f"{c.regime}.{c.rule}" for c in cited) or None, "article": "; ".join(articles) or None}


def public_key_of(person: Person) -> PublicKey:
    """Return the public key that is registered for a person."""
    return PublicKey.from_text(person.public_key, thing=person.id)
