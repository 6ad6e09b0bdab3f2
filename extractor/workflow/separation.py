"""Nobody alone: who has had which part in a request, and which parts one person may have together (design, invariant 7).

Owns the history of parts and the rule over it. It looks at what a person has done in this request, not at the role they hold
now, so changing roles does not help.
"""

from __future__ import annotations

from enum import StrEnum

from extractor.errors import ApprovalError
from extractor.requests import Person, Role
from extractor.store.transaction import Transaction


class Part(StrEnum):
    """What a person can do in one request."""

    APPLY = "apply"
    APPROVE = "approve"
    AGREE = "agree"
    RUN = "run"
    GIVE = "give"
    RECEIVE = "receive"
    DESTROY = "destroy"
    WITNESS = "witness"
    AUDIT = "audit"


# A party signs the agreement through whoever applied or approved for it; who ran also hands over. All else stays apart.
_TOGETHER = (
    frozenset({Part.APPLY, Part.AGREE, Part.RECEIVE}),
    frozenset({Part.APPROVE, Part.AGREE}),
    frozenset({Part.RUN, Part.GIVE}),
)
_OF_THE_APPLICANT = frozenset({Part.APPLY, Part.AGREE, Part.RECEIVE})


def take_part(tx: Transaction, number: str, person: Person, part: Part, *, of: str = "") -> None:
    """Record that a person takes a part in a request, after checking that their other parts allow it.

    Args:
        tx: the transaction of the act.
        number: the request.
        person: who acts.
        part: what they do.
        of: which step of several of one part, such as the id of an approval step.

    Raises:
        ApprovalError: they or their unit have a part that excludes this one.
    """
    before = _parts(tx, number)
    own = {taken for who, taken, _, _ in before if who == person.id} - {part}
    if own and not any(own | {part} <= allowed for allowed in _TOGETHER):
        raise _refused(number, min(own), part)
    other_step = any(who == person.id and taken is part and step != of for who, taken, _, step in before)
    if part in (Part.APPROVE, Part.AGREE) and other_step:
        raise _refused(number, part, part)
    applicants = {unit for _, taken, unit, _ in before if taken is Part.APPLY}
    # The applicant is a party to the agreement through its own data users, and the other parties are through nobody of it.
    as_applicant = part in _OF_THE_APPLICANT and person.role is Role.DATA_USER
    if part is Part.AGREE and as_applicant and applicants and person.unit not in applicants:
        raise ApprovalError(
            "the agreement of the data user is signed by a person of the applicant's unit",
            zh="数据使用单位的协议须由申请单位人员签署",
            thing=number,
            fix_en="let a person of the applicant's unit sign",
            fix_zh="请由申请单位人员签署",
        )
    if not as_applicant and person.unit in applicants:
        raise ApprovalError(
            f"the applicant's own unit has no part in {part.value}",
            zh=f"申请单位的人员不得参与“{part.value}”",
            thing=number,
            fix_en="let another unit act",
            fix_zh="请由其他单位办理",
        )
    body = {"person": person.id, "unit": person.unit, "part": part.value, "of": of}
    tx.put("part", f"{number}/{part.value}/{of}/{person.id}", body)


def part_of(tx: Transaction, number: str, person: Person) -> set[Part]:
    """Return the parts that a person has had in a request."""
    return {taken for who, taken, _, _ in _parts(tx, number) if who == person.id}


def _parts(tx: Transaction, number: str) -> list[tuple[str, Part, str, str]]:
    found = tx.find("part", number_prefix=f"{number}/")
    return [(d.body["person"], Part(d.body["part"]), d.body["unit"], d.body["of"]) for d in found]


def _refused(number: str, before: Part, part: Part) -> ApprovalError:
    return ApprovalError(
        f"the same person has already had the part {before.value} in this request and cannot also {part.value}",
        zh=f"同一人已在本申请中承担“{before.value}”,不得再承担“{part.value}”",
        thing=number,
        fix_en="let another person do it",
        fix_zh="请由其他人员办理",
    )
