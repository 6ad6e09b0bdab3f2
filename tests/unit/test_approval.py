"""Approval with a real store, real keys and an injected clock: who may sign what when, and what makes a decision void."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from extractor.bootstrap import init_home
from extractor.decode import from_json
from extractor.demo.sources import example_folder
from extractor.errors import ApprovalError, ConfigurationError, Refused, UsageError
from extractor.forms.request_form import read_request
from extractor.keys import load_signing_key
from extractor.log import journal
from extractor.log.entries import Verb
from extractor.plans.nodes import Plan
from extractor.requests import TRANSITIONS, Act, Decision, Request, Result, Role, State, Variable
from extractor.settings import Settings
from extractor.workflow.approval import Verdict, current_plan, decisions_in_force, sign, submit, withdraw
from extractor.workflow.office import Actor, Office
from extractor.workflow.people import Identity, register

REQUEST = read_request(example_folder("minimal") / "request.yaml")
CATALOGUE = example_folder("minimal") / "catalogue.yaml"
SITE = Settings("技术服务中心", "350100", ("fuzhou",), "extractor.test/log")
CAST = {
    "applicant": (Role.DATA_USER, "示例大学"),
    "colleague": (Role.DATA_USER, "示例大学"),
    "stranger": (Role.DATA_USER, "别的大学"),
    "operator": (Role.OPERATOR, "运营公司"),
    "operator2": (Role.OPERATOR, "运营公司"),
    "operator3": (Role.OPERATOR, "运营公司"),
    "inside": (Role.OPERATOR, "示例大学"),
    "digital": (Role.AUTHORITY, "福州市数字办"),
    "health": (Role.AUTHORITY, "福州市卫健委"),
    "elsewhere": (Role.AUTHORITY, "厦门市卫健委"),
}
APPROVE = Verdict(Result.APPROVE, "同意")


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Site:
    """An office with its people and its clock."""

    office: Office
    clock: Clock
    people: dict[str, Actor]

    def submit(self, request: Request = REQUEST, by: str = "applicant", number: str | None = None) -> str:
        return submit(self.office, request, self.people[by], number=number)

    def sign(self, number: str, step: str, by: str, verdict: Verdict = APPROVE) -> State:
        return sign(self.office, number, step, self.people[by], verdict=verdict)

    def state(self, number: str) -> State:
        with self.office.store.reading() as tx:
            return State(tx.state("request", number))

    def in_force(self, number: str) -> tuple[Decision, ...]:
        with self.office.store.reading() as tx:
            plan = from_json(Plan, tx.get("plan", number).body)
            return decisions_in_force(self.office, tx, number, plan)

    def again(self, name: str, role: Role, unit: str) -> None:
        """Register somebody anew, with the key that they have."""
        actor = self.people[name]
        person = register(self.office, Identity(name, name, role.value, unit), actor.person.public_key)
        self.people[name] = Actor(person, actor.key)

    def logged(self, verb: Verb) -> list[tuple[str, str, str | None]]:
        with self.office.store.reading() as tx:
            return [(e.result.value, e.object, e.reason) for e in journal.search(tx, verb=verb)]

    def approved(self) -> str:
        number = self.submit()
        self.sign(number, "operator_review", "operator")
        self.sign(number, "agreement_user", "applicant")
        assert self.sign(number, "agreement_operator", "operator") is State.APPROVED
        return number


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = Clock()
    office = init_home(tmp_path / "home", SITE, clock=clock)
    shutil.copyfile(CATALOGUE, office.home.catalogues / "example_hospital.yaml")
    people = {}
    for name, (role, unit) in CAST.items():
        person = register(office, Identity(name, name, role.value, unit))
        people[name] = Actor(person, load_signing_key(office.home.people / f"{name}.pem"))
    yield Site(office, clock, people)
    office.store.close()


def refused(match: str) -> pytest.RaisesExc[ApprovalError]:
    return pytest.raises(ApprovalError, match=match)


RESTRICTED = replace(
    REQUEST, variables=(*REQUEST.variables, Variable("admissions", "NOTE", "redacted", "文本研究"))
)  # fmt: skip


# --- the order of the steps ------------------------------------------------------------------------------------------


def test_every_step_signed_in_order_approves_and_all_decisions_hold(site: Site) -> None:
    number = site.approved()
    assert number == "RQ-2026-0001"
    held = site.in_force(number)
    assert [decision.step for decision in held] == ["operator_review", "agreement_user", "agreement_operator"]
    assert all(decision.until == REQUEST.until for decision in held)
    assert len(site.logged(Verb.SIGN)) == 3


def test_a_step_before_its_turn_is_refused_logged_and_leaves_nothing(site: Site) -> None:
    number = site.submit()
    with refused("operator_review: the decision is missing"):
        site.sign(number, "agreement_user", "applicant")
    with refused("no such step"):
        site.sign(number, "authority_health", "health")
    with refused("there is no such request"):
        site.sign("RQ-2026-0099", "operator_review", "operator")
    assert [(result, thing) for result, thing, _ in site.logged(Verb.SIGN)] == [
        ("failed", number), ("failed", number), ("failed", "RQ-2026-0099"),
    ]  # fmt: skip
    with site.office.store.reading() as tx:
        assert tx.find("decision") == ()
        assert [document.body["part"] for document in tx.find("part")] == ["apply"]


def test_a_reason_that_holds_the_number_of_a_person_is_not_signed_and_not_repeated(site: Site) -> None:
    number = site.submit()
    with pytest.raises(UsageError, match="number of a person") as caught:
        site.sign(number, "operator_review", "operator", Verdict(Result.APPROVE, "同意,联系13912345678"))
    assert "139" not in str(caught.value.as_json())
    with site.office.store.reading() as tx:
        assert tx.find("decision") == ()
    site.sign(number, "operator_review", "operator")


def test_organs_of_one_role_sign_in_any_order_but_after_the_operator(site: Site) -> None:
    number = site.submit(RESTRICTED)
    with refused("operator_review: the decision is missing"):
        site.sign(number, "authority_health", "health")
    site.sign(number, "operator_review", "operator")
    with refused("operator_report: the decision is missing"):
        site.sign(number, "authority_health", "health")
    site.sign(number, "operator_report", "operator2")
    site.sign(number, "authority_health", "health")
    with refused("authority_digital: the decision is missing"):
        site.sign(number, "agreement_user", "applicant")
    site.sign(number, "authority_digital", "digital")
    site.sign(number, "agreement_user", "applicant")
    assert site.sign(number, "agreement_operator", "operator") is State.APPROVED


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_step_is_signed_by_its_role_and_its_unit(site: Site) -> None:
    number = site.submit(RESTRICTED)
    with refused("needs role operator, not authority"):
        site.sign(number, "operator_review", "health")
    site.sign(number, "operator_review", "operator")
    site.sign(number, "operator_report", "operator2")
    with refused("signed by 福州市卫健委"):
        site.sign(number, "authority_health", "elsewhere")
    with refused("signed by 福州市卫健委"):
        site.sign(number, "authority_health", "digital")


def test_nobody_of_the_applicants_unit_approves_or_signs_for_the_other_party(site: Site) -> None:
    number = site.submit()
    with refused("own unit has no part in approve"):
        site.sign(number, "operator_review", "inside")
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "colleague")
    with refused("own unit has no part in agree"):
        site.sign(number, "agreement_operator", "inside")


def test_the_data_users_agreement_is_signed_by_the_applicants_unit(site: Site) -> None:
    number = site.submit()
    site.sign(number, "operator_review", "operator")
    with refused("person of the applicant's unit"):
        site.sign(number, "agreement_user", "stranger")
    assert site.sign(number, "agreement_user", "colleague") is State.SUBMITTED


def test_one_person_gives_one_approval_only(site: Site) -> None:
    number = site.submit(RESTRICTED)
    site.sign(number, "operator_review", "operator")
    with refused("already had the part approve"):
        site.sign(number, "operator_report", "operator")
    with refused("already signed"):
        site.sign(number, "operator_review", "operator2")
    with refused("already signed"):
        site.sign(number, "operator_review", "operator")


def test_changing_roles_in_between_helps_nobody(site: Site) -> None:
    number = site.submit()
    site.again("applicant", Role.OPERATOR, "运营公司")
    with refused("already had the part apply"):
        site.sign(number, "operator_review", "applicant")
    site.again("applicant", Role.DATA_USER, "示例大学")
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "colleague")
    site.again("colleague", Role.OPERATOR, "运营公司")
    with refused("agreement_user: the decision is by the wrong role"):
        site.sign(number, "agreement_operator", "colleague")
    site.again("colleague", Role.DATA_USER, "示例大学")
    site.again("operator", Role.AUTHORITY, "福州市卫健委")
    with refused("operator_review: the decision is by the wrong role"):
        site.sign(number, "agreement_operator", "operator2")


def test_who_presents_an_outdated_registration_does_nothing(site: Site) -> None:
    number = site.submit()
    before = dict(site.people)
    site.again("operator", Role.AUDITOR, "审计局")
    site.again("colleague", Role.AUDITOR, "审计局")
    site.people = before
    with refused("registration has changed"):
        site.sign(number, "operator_review", "operator")
    with refused("registration has changed"):
        site.submit(by="colleague")


def test_only_the_persons_own_key_signs(site: Site) -> None:
    number = site.submit()
    operator = site.people["operator"].person
    for key in (None, site.people["operator2"].key):
        with pytest.raises(ConfigurationError, match="not the one registered"):
            sign(site.office, number, "operator_review", Actor(operator, key), verdict=APPROVE)
    assert site.state(number) is State.SUBMITTED


def test_only_a_data_user_applies_for_what_may_be_given_until_a_day_to_come(site: Site) -> None:
    with refused("needs role data_user"):
        site.submit(by="operator")
    with refused("the term lies in the past"):
        site.submit(replace(REQUEST, until=date(2026, 2, 28)))
    with pytest.raises(Refused):
        site.submit(replace(REQUEST, ethics=None))
    with site.office.store.reading() as tx:
        assert tx.find("request") == ()
    assert [result for result, _, _ in site.logged(Verb.SUBMIT)] == ["failed", "failed"]
    assert [(result, reason) for result, _, reason in site.logged(Verb.REFUSE)] == [("refused", "Refused")]


# --- what makes a decision void --------------------------------------------------------------------------------------


def test_a_revoked_decision_no_longer_holds_and_can_be_given_again(site: Site) -> None:
    number = site.approved()
    with refused("only the person who signed revokes"):
        site.sign(number, "operator_review", "operator2", Verdict(Result.REVOKE, "有误"))
    assert site.sign(number, "operator_review", "operator", Verdict(Result.REVOKE, "有误")) is State.SUBMITTED
    with refused("operator_review: the decision was revoked"):
        site.in_force(number)
    with refused("operator_review: the decision was revoked"):
        site.sign(number, "agreement_operator", "operator2")
    assert site.sign(number, "operator_review", "operator") is State.APPROVED
    assert len(site.in_force(number)) == 3


def test_a_returned_request_is_submitted_again_by_its_applicant_and_decided_anew(site: Site) -> None:
    number = site.submit()
    assert site.sign(number, "operator_review", "operator", Verdict(Result.RETURN, "补充材料")) is State.RETURNED
    with refused("refuse is not possible in state returned"):
        site.sign(number, "operator_review", "operator2")
    for other in ("colleague", "stranger"):
        with refused("only the applicant"):
            site.submit(by=other, number=number)
    better = replace(REQUEST, outputs="期刊论文")
    assert site.submit(better, number=number) == number
    with refused("operator_review: the decision does not approve"):
        site.sign(number, "agreement_user", "applicant")
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "applicant")
    assert site.sign(number, "agreement_operator", "operator") is State.APPROVED


def test_a_decision_over_an_earlier_version_does_not_count(site: Site) -> None:
    number = site.submit()
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "applicant", Verdict(Result.RETURN, "改期"))
    site.submit(replace(REQUEST, outputs="另一产出"), number=number)
    with refused("operator_review: the decision is about another request or plan"):
        site.in_force(number)
    with refused("operator_review: the decision is about another request or plan"):
        site.sign(number, "agreement_user", "applicant")


def test_a_number_is_given_and_not_chosen(site: Site) -> None:
    number = site.submit()
    for chosen in ("RQ-2026-0002", "RQ-2026-0001/x", ""):
        if chosen:
            with refused("there is no such request"):
                site.submit(number=chosen)
    with refused("submit is not possible in state submitted"):
        site.submit(number=number)
    assert site.submit() == "RQ-2026-0002"


def test_a_changed_catalogue_voids_every_decision(site: Site) -> None:
    number = site.approved()
    path = site.office.home.catalogues / "example_hospital.yaml"
    path.write_text(path.read_text("utf-8").replace("name: 性别", "name: 生理性别"), "utf-8")
    with site.office.store.reading() as tx, refused("all decisions are void"):
        current_plan(site.office, tx, number)
    with refused("all decisions are void"):
        site.sign(number, "operator_review", "operator", Verdict(Result.REVOKE, "目录已改"))


def test_a_decision_holds_until_its_last_day_in_china(site: Site) -> None:
    number = site.submit()
    site.sign(number, "operator_review", "operator", Verdict(Result.APPROVE, "短期", date(2026, 3, 10)))
    site.sign(number, "agreement_user", "applicant")
    site.clock.now = datetime(2026, 3, 10, 15, 59, tzinfo=UTC)
    assert site.sign(number, "agreement_operator", "operator") is State.APPROVED
    assert site.in_force(number)
    site.clock.now = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
    with refused("operator_review: the decision has expired"):
        site.in_force(number)
    site.sign(number, "operator_review", "operator", Verdict(Result.REVOKE, "到期"))
    assert site.sign(number, "operator_review", "operator") is State.APPROVED


def test_an_approval_that_has_expired_when_given_is_refused(site: Site) -> None:
    number = site.submit()
    with refused("would have expired already"):
        site.sign(number, "operator_review", "operator", Verdict(Result.APPROVE, "", date(2026, 2, 28)))
    site.clock.now += timedelta(days=3 * 365)
    with refused("would have expired already"):
        site.sign(number, "operator_review", "operator")


FORGERIES = {
    "by another key": lambda d, site: replace(d, signature=site.people["operator2"].key.sign(d.signed_bytes).hex()),
    "altered after it was signed": lambda d, _: replace(d, until=date(2030, 1, 1)),
    "without a signature": lambda d, _: replace(d, signature=""),
    "with no hexadecimal": lambda d, _: replace(d, signature="不是"),
    "by somebody else with their own key": lambda d, site: _signed(replace(d, person="operator2"), site, "operator2"),
    "by the wrong role": lambda d, site: _signed(
        replace(d, person="health", public_key=site.people["health"].person.public_key), site, "health"
    ),
}


def _signed(decision: Decision, site: Site, by: str) -> Decision:
    key = site.people[by].key
    assert key is not None
    return replace(decision, signature=key.sign(decision.signed_bytes).hex())


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_decision_does_not_hold(site: Site, name: str) -> None:
    number = site.approved()
    with site.office.store.transaction() as tx:
        true = from_json(Decision, tx.get("decision", f"{number}/operator_review").body)
        tx.put("decision", f"{number}/operator_review", FORGERIES[name](true, site))
    with refused("operator_review: the decision (has a signature|is by the wrong role)"):
        site.in_force(number)


def test_a_registered_key_is_never_replaced(site: Site) -> None:
    number = site.approved()
    mine, other = site.people["operator"].person, site.people["health"].person.public_key
    with pytest.raises(ConfigurationError, match="never replaced") as caught:
        register(site.office, Identity("operator", "operator", "operator", "运营公司"), other)
    assert caught.value.exit_code == 3
    again = register(site.office, Identity("operator", "operator", "auditor", "别的公司"))
    assert (again.public_key, again.role) == (mine.public_key, Role.AUDITOR)
    assert [reason for _, _, reason in site.logged(Verb.PERSON_CHANGE)] == [
        "role was operator, becomes auditor; unit changed"
    ]
    site.again("operator", Role.OPERATOR, "运营公司")
    assert len(site.in_force(number)) == 3


def test_a_key_that_was_replaced_behind_the_register_voids_what_the_old_one_signed(site: Site) -> None:
    number = site.approved()
    with site.office.store.transaction() as tx:
        other = replace(site.people["operator"].person, public_key=site.people["health"].person.public_key)
        tx.put("person", "operator", other)
    with refused("signature that is not its person's"):
        site.in_force(number)


# --- withdrawing, and every act in every state -----------------------------------------------------------------------


def test_the_applicant_alone_withdraws_even_after_signing_the_agreement(site: Site) -> None:
    number = site.submit()
    for other in ("colleague", "operator", "stranger"):
        with refused("only the applicant"):
            withdraw(site.office, number, site.people[other])
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "applicant")
    withdraw(site.office, number, site.people["applicant"])
    assert site.state(number) is State.WITHDRAWN
    for act in (
        lambda: site.sign(number, "agreement_operator", "operator"),
        lambda: site.submit(number=number),
        lambda: withdraw(site.office, number, site.people["applicant"]),
    ):
        with refused("possible now: nothing"):
            act()


def test_a_refused_request_is_at_its_end(site: Site) -> None:
    number = site.submit()
    assert site.sign(number, "operator_review", "operator", Verdict(Result.REFUSE, "不符合")) is State.REFUSED
    with refused("possible now: nothing"):
        site.sign(number, "operator_review", "operator2")


ACTS = {
    Act.SUBMIT: lambda site, number: site.submit(number=number),
    Act.REFUSE: lambda site, number: site.sign(number, "agreement_operator", "operator", Verdict(Result.REFUSE, "")),
    Act.RETURN: lambda site, number: site.sign(number, "agreement_operator", "operator", Verdict(Result.RETURN, "")),
    Act.REVOKE: lambda site, number: site.sign(number, "operator_review", "operator", Verdict(Result.REVOKE, "")),
    Act.WITHDRAW: lambda site, number: withdraw(site.office, number, site.people["applicant"]),
    Act.APPROVE_LAST: lambda site, number: site.sign(number, "agreement_operator", "operator"),
}


def test_every_act_of_approval_in_every_state_does_what_the_table_says(site: Site) -> None:
    for state in State:
        number = ""
        for act, do in ACTS.items():
            number = number or _signed_but_for_the_last(site, state)
            expected = TRANSITIONS.get((state, act))
            if expected is None and not (act is Act.REVOKE and state is State.SUBMITTED):
                with refused("is not possible in state"):
                    do(site, number)
                assert site.state(number) is state, (state, act)
            else:
                do(site, number)
                assert site.state(number) is (expected or state), (state, act)
                number = ""


def _signed_but_for_the_last(site: Site, state: State) -> str:
    number = site.submit()
    site.sign(number, "operator_review", "operator")
    site.sign(number, "agreement_user", "applicant")
    if state is not State.SUBMITTED:
        with site.office.store.transaction() as tx:
            tx.move("request", number, was="submitted", to=state.value)
    return number
