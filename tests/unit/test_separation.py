"""Nobody alone: every pair of parts in one request, by one person or by one unit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import pytest

from extractor.errors import ApprovalError
from extractor.requests import Person, Role
from extractor.store.database import Store
from extractor.store.transaction import Transaction
from extractor.workflow.separation import Part, check_own_unit, check_part, part_of, take_part

ROLES = {
    Part.APPLY: Role.DATA_USER, Part.APPROVE: Role.OPERATOR, Part.AGREE: Role.DATA_USER,
    Part.RUN: Role.TECHNICAL_SERVICE_UNIT, Part.GIVE: Role.TECHNICAL_SERVICE_UNIT, Part.RECEIVE: Role.DATA_USER,
    Part.DESTROY: Role.DESTROYER, Part.WITNESS: Role.WITNESS, Part.AUDIT: Role.AUDITOR,
    Part.ASSESS: Role.PROVIDER, Part.REPORT: Role.DATA_USER, Part.DOWNLOAD: Role.DATA_USER,
    Part.ORDER: Role.AUTHORITY,
}  # fmt: skip
TOGETHER = {
    frozenset(pair)
    for pair in [
        (Part.APPLY, Part.AGREE), (Part.APPLY, Part.RECEIVE), (Part.AGREE, Part.RECEIVE), (Part.APPROVE, Part.AGREE),
        (Part.RUN, Part.GIVE), (Part.ASSESS, Part.APPROVE), (Part.ASSESS, Part.AGREE),
        (Part.REPORT, Part.APPLY), (Part.REPORT, Part.AGREE), (Part.REPORT, Part.RECEIVE), (Part.REPORT, Part.DOWNLOAD),
        (Part.DOWNLOAD, Part.APPLY), (Part.DOWNLOAD, Part.AGREE), (Part.DOWNLOAD, Part.RECEIVE),
        (Part.ORDER, Part.APPROVE), (Part.ORDER, Part.AGREE), (Part.ORDER, Part.ASSESS),
    ]
}  # fmt: skip
OF_THE_APPLICANT = {Part.APPLY, Part.AGREE, Part.RECEIVE, Part.REPORT, Part.DOWNLOAD}


def person(name: str, part: Part, unit: str = "") -> Person:
    return Person(name, name, ROLES[part], unit or f"unit of {name}", "ed25519:x")


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with Store.create(tmp_path / "s.sqlite3") as store, store.transaction() as transaction:
        yield transaction


def test_one_person_has_two_parts_only_where_one_party_does_both(tx: Transaction) -> None:
    for at, (first, second) in enumerate(permutations(Part, 2)):
        take_part(tx, f"RQ-{at}", person("p", first, "u"), first)
        again = person("p", second, "u")
        if {first, second} in TOGETHER:
            take_part(tx, f"RQ-{at}", again, second)
            assert part_of(tx, f"RQ-{at}", again) == {first, second}
        else:
            with pytest.raises(ApprovalError):
                take_part(tx, f"RQ-{at}", again, second)
            assert part_of(tx, f"RQ-{at}", again) == {first}


def test_three_parts_are_allowed_only_where_all_of_them_go_together(tx: Transaction) -> None:
    who = person("p", Part.AGREE)
    take_part(tx, "RQ-1", who, Part.APPROVE)
    take_part(tx, "RQ-1", who, Part.AGREE)
    with pytest.raises(ApprovalError, match="already had the part"):
        take_part(tx, "RQ-1", who, Part.RECEIVE)


def test_the_role_that_a_person_holds_now_does_not_matter(tx: Transaction) -> None:
    take_part(tx, "RQ-1", person("p", Part.APPLY), Part.APPLY)
    for part, role in product(set(Part) - OF_THE_APPLICANT, Role):
        with pytest.raises(ApprovalError):
            take_part(tx, "RQ-1", Person("p", "p", role, "elsewhere", "ed25519:x"), part)


def test_the_applicants_unit_has_no_part_but_its_own(tx: Transaction) -> None:
    take_part(tx, "RQ-1", person("a", Part.APPLY, "大学"), Part.APPLY)
    for part in set(Part) - OF_THE_APPLICANT:
        with pytest.raises(ApprovalError, match="own unit"):
            take_part(tx, "RQ-1", person("b", part, "大学"), part)
    for at, part in enumerate(sorted(OF_THE_APPLICANT)):
        take_part(tx, "RQ-1", person(f"c{at}", part, "大学"), part)


def test_one_person_signs_one_step_of_a_sort_and_may_sign_it_again(tx: Transaction) -> None:
    for part in (Part.APPROVE, Part.AGREE):
        who = person("p", part)
        take_part(tx, f"RQ-{part}", who, part, of="one")
        take_part(tx, f"RQ-{part}", who, part, of="one")
        with pytest.raises(ApprovalError, match="already had the part"):
            take_part(tx, f"RQ-{part}", who, part, of="two")
        take_part(tx, f"RQ-{part}", person("q", part), part, of="two")


def test_requests_do_not_mix_even_where_one_number_begins_another(tx: Transaction) -> None:
    take_part(tx, "RQ-1", person("p", Part.APPLY), Part.APPLY)
    take_part(tx, "RQ-10", person("p", Part.APPROVE), Part.APPROVE)
    assert part_of(tx, "RQ-1", person("p", Part.APPLY)) == {Part.APPLY}


def test_each_part_needs_its_role_and_no_other_will_do(tx: Transaction) -> None:
    """Approving, agreeing and ordering take the role that step or rule names, which is checked where it is signed."""
    for part, role in product(set(Part) - {Part.APPROVE, Part.AGREE, Part.ORDER}, Role):
        who = Person("p", "p", role, "u", "ed25519:x")
        number = f"RQ-{part}-{role}"
        if role is ROLES[part]:
            take_part(tx, number, who, part)
        else:
            with pytest.raises(ApprovalError, match=f"needs role {ROLES[part]}"):
                take_part(tx, number, who, part)
        assert part_of(tx, number, who) == ({part} if role is ROLES[part] else set())


def test_what_the_own_unit_does_nobody_else_does() -> None:
    who = person("p", Part.RUN, "本单位")
    check_own_unit("RQ-1", who, "本单位", part=Part.RUN)
    with pytest.raises(ApprovalError, match="belongs to the unit"):
        check_own_unit("RQ-1", who, "本单位 ", part=Part.RUN)


def test_a_check_records_nothing(tx: Transaction) -> None:
    check_part(tx, "RQ-1", person("p", Part.WITNESS), Part.WITNESS)
    assert tx.find("part") == ()


def test_a_refused_part_is_not_recorded(tx: Transaction) -> None:
    take_part(tx, "RQ-1", person("p", Part.APPLY), Part.APPLY)
    with pytest.raises(ApprovalError) as caught:
        take_part(tx, "RQ-1", person("p", Part.AUDIT), Part.AUDIT)
    assert caught.value.exit_code == 6
    assert [document.body["part"] for document in tx.find("part")] == ["apply"]
