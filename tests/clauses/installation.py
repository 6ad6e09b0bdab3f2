"""An installation for clause tests: real store, keys, log and acts, a clock that the test sets, and people as they are needed.

Everything is done by the workflow's own acts. Only the run is short: instead of reading a source, ``sealed`` puts one empty table
into a real package and records it as a run does, so that handing over, downloads and duties find what they need. Policies lack
what a mutant takes out (``building.policy``, by ``conftest.py``). This module must not know what any rule does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from building import catalogue as catalogue_of
from building import delivered as policy_of
from building import request as request_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extractor.bootstrap import init_home
from extractor.catalogue import Catalogue
from extractor.decode import from_json
from extractor.handover import Custody
from extractor.keys import PublicKey, SigningKey
from extractor.log import journal
from extractor.log.entries import LogEntry, Verb
from extractor.manifest import Approval, Cover, LogPosition, Origin, Provenance, RiskSummary
from extractor.plans.nodes import Plan
from extractor.policy_words import AssessmentKind
from extractor.requests import Act, Request, Result, Role, State
from extractor.settings import Settings
from extractor.transfer.seal import PackageWriter, SealedPackage
from extractor.workflow.approval import Verdict, sign, submit
from extractor.workflow.assessments import AssessmentResult, Finding, assess
from extractor.workflow.delivery import give, package_path, receive
from extractor.workflow.duties import open_at_run_end
from extractor.workflow.grants import GrantTerms, granting_organs, propose_grant, sign_grant
from extractor.workflow.office import CHINA, Actor, Office
from extractor.workflow.people import Identity, register
from extractor.workflow.runs import RunOrder, RunRecord, RunState, TableFigures, approvals_of, move_request
from extractor.workflow.supervision import Crew, order_run

UNIT = "技术服务中心"
UNITS = {Role.DATA_USER: "示例大学", Role.OPERATOR: "运营公司", Role.PROVIDER: "示例医院", Role.AUTHORITY: "主管部门"}
APPROVE = Verdict(Result.APPROVE, "同意")
_DIGEST = "sha256:" + 64 * "0"


@dataclass
class Clock:
    """A clock that the test sets; it begins at nine in the morning of 1 March 2026 in China."""

    now: datetime = datetime(2026, 3, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now

    def pass_days(self, days: int) -> None:
        """Let days go by."""
        self.now += timedelta(days=days)

    def set_day(self, day: date) -> None:
        """Make it noon of a day in China."""
        self.now = datetime.combine(day, time(12), CHINA).astimezone(UTC)


@cache
def _key(number: int) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    return SigningKey(PublicKey(private.public_key().public_bytes_raw()), private)


@dataclass
class Site:
    """An installation; ``catalogue`` is the one that is installed, and may be replaced while the test runs."""

    office: Office
    clock: Clock
    catalogue: Catalogue
    regime: str
    people: dict[tuple[str, str, str], Actor] = field(default_factory=dict)

    def person(self, role: Role | str, unit: str | None = None, name: str = "") -> Actor:
        """Return the person of this role, unit and name, registered when first asked for; the unit is the role's usual one."""
        known = Role(role)
        unit = unit or UNITS.get(known, UNIT)
        if (known.value, unit, name) not in self.people:
            number = len(self.people) + 1
            key = _key(number)
            identity = Identity(f"p{number}-{name or known.value}", name or known.value, known.value, unit)
            self.people[known.value, unit, name] = Actor(register(self.office, identity, key.public.text), key)
        return self.people[known.value, unit, name]

    @property
    def applicant(self) -> Actor:
        """The data user who applies, agrees and receives where nobody else is named."""
        return self.person(Role.DATA_USER)

    # --- a request and its way ---

    def submit(self, asked: Request | None = None, by: Actor | None = None, number: str | None = None) -> str:
        """Submit a request, the usual one where none is given; return its number."""
        asked = asked or request_of(regime=self.regime)
        by = by or self.person(Role.DATA_USER, asked.applicant.name)
        return submit(self.office, asked, by, number=number)

    def assess(self, number: str, kind: AssessmentKind | str, **said: AssessmentResult | date) -> None:
        """Sign one assessment as provider: it passes, and holds for a day, where nothing else is said."""
        finding = Finding(AssessmentResult.PASS, _DIGEST, self.office.today + timedelta(days=1))
        by = self.person(Role.PROVIDER)
        assess(self.office, number, AssessmentKind(kind), by, finding=replace(finding, **said))  # type: ignore[arg-type]

    def sign(self, number: str, step: str, by: Actor | None = None, verdict: Verdict = APPROVE) -> State:
        """Sign one step by somebody of its role and unit who has signed no other."""
        return sign(self.office, number, step, by or self.signatory(number, step), verdict=verdict)

    def signatory(self, number: str, step: str) -> Actor:
        """Return who signs a step: of its role and unit; the applicant for the data user."""
        wanted = next(each for each in self.plan(number).steps if each.id == step)
        if wanted.role == Role.DATA_USER.value:
            with self.office.store.reading() as tx:
                return self.person(Role.DATA_USER, tx.get("request", number).body["applicant"]["name"])
        return self.person(wanted.role, wanted.unit, step)

    def approve(self, number: str, *, before: str | None = None, assessed: bool = True) -> State:
        """Drive a request through its chain, to its end or to the step ``before``, and return its state.

        With ``assessed`` the assessments that its plan asks for are signed first.
        """
        for asked in self.plan(number).assessments if assessed else ():
            self.assess(number, asked.kind)
        for step in self.plan(number).steps:
            if step.id == before:
                break
            self.sign(number, step.id)
        return self.state(number)

    def approved(self, asked: Request | None = None) -> str:
        """Submit a request and drive it through its whole chain; return its number."""
        number = self.submit(asked)
        assert self.approve(number) is State.APPROVED
        return number

    def grant(self, **terms: date | str | None) -> str:
        """Grant the installation's unit all tables for a year, with every part, but for what ``terms`` say; return its number."""
        whole = GrantTerms(
            None, (), self.office.today, self.office.today + timedelta(days=365), _DIGEST, _DIGEST, _DIGEST
        )
        wanted = replace(whole, **terms)  # type: ignore[arg-type]
        number = propose_grant(self.office, self.person(Role.OPERATOR), unit=UNIT, terms=wanted)
        here = self.office.policies_here
        organs = granting_organs(here, here.grant())
        sign_grant(self.office, number, self.person(Role.AUTHORITY, organs[0] if organs else None))
        return number

    def order(self, number: str) -> RunOrder:
        """Order the run of an approved request, which is refused where anything is missing."""
        crew = (self.person(Role.DESTROYER), *(self.person(Role.WITNESS, name=f"witness{n}") for n in (1, 2)))
        destroyer, *witnesses = (each.person.id for each in crew)
        return order_run(
            self.office, number, self.person(Role.TECHNICAL_SERVICE_UNIT), crew=Crew(destroyer, tuple(witnesses))
        )

    def sealed(self, number: str | None = None) -> str:
        """Bring a request to a sealed package without reading a source; return its number."""
        number = number or self.approved()
        if self.office.policies.grant() is not None:
            self.grant()
        _seal(self, self.order(number))
        return number

    def delivered(self, number: str | None = None, *, asked: Request | None = None) -> str:
        """Bring a request to a package that both sides have signed for; return its number."""
        number = self.sealed(number or self.approved(asked))
        self.give(number)
        self.receive(number)
        return number

    def give(self, number: str, by: Actor | None = None) -> None:
        """Sign the handover sheet for the installation's unit."""
        by = by or self.person(Role.TECHNICAL_SERVICE_UNIT)
        give(self.office, number, by, custody=Custody("王示例", "数据安全屋"))

    def receive(self, number: str, by: Actor | None = None) -> None:
        """Sign the handover sheet for the receiving unit, which delivers the request."""
        with self.office.store.reading() as tx:
            unit = tx.get("request", number).body["applicant"]["name"]
        receive(self.office, number, by or self.person(Role.DATA_USER, unit))

    # --- what stands ---

    def state(self, number: str) -> State:
        """Return a request's state."""
        with self.office.store.reading() as tx:
            return State(str(tx.state("request", number)))

    def plan(self, number: str) -> Plan:
        """Return a request's stored plan."""
        with self.office.store.reading() as tx:
            return from_json(Plan, tx.get("plan", number).body)

    def logged(self, verb: Verb) -> tuple[LogEntry, ...]:
        """Return the entries of one verb, oldest first."""
        with self.office.store.reading() as tx:
            return tuple(journal.search(tx, verb=verb))


def open_site(root: Path, *regimes: str, division: str | None = None, catalogue: Catalogue | None = None) -> Site:
    """Make an installation under these regimes, in the place of the last one, with the clause tests' catalogue of it."""
    regime = regimes[-1] if regimes else "baseline"
    place = division or policy_of(regime).division
    clock = Clock()
    settings = Settings(UNIT, "350100" if place == "CN" else place, regimes, "extractor.test/log")
    site = Site(init_home(root, settings, clock=clock), clock, catalogue or catalogue_of(regime), regime)
    site.office = replace(site.office, read_catalogue=lambda _: site.catalogue)
    return site


def _seal(site: Site, order: RunOrder) -> None:
    """Put an empty table into a real package, and record run and package as the end of a run does."""
    office, plan = site.office, site.plan(order.request)
    with PackageWriter(package_path(office, order.package), recipient=plan.recipient_key) as writer:
        with writer.encrypted_file("data/table.csv.age", media_type="text/csv", rows=0, columns=1) as sink:
            sink.write(b"COLUMN\n")
        sealed = writer.finish(_cover(site, order, plan), signer=office.unit_key)
    with office.store.transaction() as tx:
        tx.put("run_record", order.number, _record(office, order, sealed))
        tx.put("package", order.package, json.loads(sealed.manifest.to_json()))
        tx.move("run", order.number, was=RunState.RUNNING.value, to=RunState.SEALED.value)
        move_request(tx, order.request, Act.SEAL)
        open_at_run_end(office, tx, order.request, run=order.number, package=order.package)
        office.log(
            tx, Verb.SEAL, None, object=order.package, request=order.request, object_digest=sealed.digest, rows=0
        )


def _cover(site: Site, order: RunOrder, plan: Plan) -> Cover:
    with site.office.store.reading() as tx:
        approvals = approvals_of(tx, plan, order.request)
        recipient = str(tx.get("request", order.request).body["applicant"]["name"])
    made = tuple(Approval(d.step, d.role.value, d.unit, d.time.astimezone(UTC), stored) for d, stored in approvals)
    known = Provenance(order.request, plan.request, plan.digest, plan.source.digest, plan.policies, made, order.number)
    return Cover(
        package=order.package,
        project=plan.project,
        issuer_unit=UNIT,
        recipient_unit=recipient,
        provenance=known,
        origins=(Origin(plan.source.name, plan.source.acquired),),
        permitted_use=plan.terms,
        risk=RiskSummary(plan.risk.mode, plan.risk.k, "3"),
        log=LogPosition(0, _DIGEST),
        created=site.office.now.astimezone(UTC),
        expires=plan.until,
    )


def _record(office: Office, order: RunOrder, sealed: SealedPackage) -> RunRecord:
    table = TableFigures("patients", 1, 1, 0, 0, 0, 1, (), ())
    return RunRecord(
        run=order.number, request=order.request, plan=order.plan, started=office.now, ended=office.now, seconds=0.0,
        peak_bytes=0, sources=(), tables=(table,), persons=0, persons_left_out=0, risk={}, package=order.package,
        package_digest=sealed.digest, package_bytes=sealed.bytes,
    )  # fmt: skip
