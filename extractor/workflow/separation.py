"""Nobody alone: who has had which part in a request, and which parts one person may have together (design, invariant 7).

Owns the history of parts, the rule over it, and which role each part needs. Separation looks at what a person has done in this
request, so changing roles does not help; the role comes on top of it.
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
    ASSESS = "assess"
    REPORT = "report"
    DOWNLOAD = "download"
    ORDER = "order"


# A party signs the agreement through whoever applied or approved for it; who ran also hands over; a provider that reviews signs
# its own assessment; the data user reports on what it received and downloaded; who decided may order a destruction later.
# All else stays apart.
_OF_THE_APPLICANT = frozenset({Part.APPLY, Part.AGREE, Part.RECEIVE, Part.REPORT, Part.DOWNLOAD})
_TOGETHER = (
    _OF_THE_APPLICANT,
    frozenset({Part.ASSESS, Part.APPROVE, Part.AGREE, Part.ORDER}),
    frozenset({Part.RUN, Part.GIVE}),
)

# Who approves or agrees is named by each step of the plan, and checked where it is signed.
_ROLES = {
    Part.APPLY: Role.DATA_USER,
    Part.RUN: Role.TECHNICAL_SERVICE_UNIT,
    Part.GIVE: Role.TECHNICAL_SERVICE_UNIT,
    Part.RECEIVE: Role.DATA_USER,
    Part.DESTROY: Role.DESTROYER,
    Part.WITNESS: Role.WITNESS,
    Part.AUDIT: Role.AUDITOR,
    Part.ASSESS: Role.PROVIDER,
    Part.REPORT: Role.DATA_USER,
    Part.DOWNLOAD: Role.DATA_USER,
}


def take_part(tx: Transaction, number: str, person: Person, part: Part, *, of: str = "") -> None:
    """Record that a person takes a part in a request, after checking that role and other parts allow it.

    Args:
        tx: the transaction of the act.
        number: the request.
        person: who acts.
        part: what they do.
        of: which step of several of one part, such as the id of an approval step.

    Raises:
        ApprovalError: they or their unit have a part that excludes this one, or their role is not the part's.
    """
    check_part(tx, number, person, part, of=of)
    body = {"person": person.id, "unit": person.unit, "part": part.value, "of": of}
    tx.put("part", f"{number}/{part.value}/{of}/{person.id}", body)


def check_part(tx: Transaction, number: str, person: Person, part: Part, *, of: str = "") -> None:
    """Check that a person may take a part in a request, without recording that they do.

    Raises:
        ApprovalError: they or their unit have a part that excludes this one, or their role is not the part's.
    """
    before = _parts(tx, number)
    own = {taken for who, taken, _, _ in before if who == person.id} - {part}
    if own and not any(own | {part} <= allowed for allowed in _TOGETHER):
        raise _refused(number, person.id, min(own), part)
    other_step = any(who == person.id and taken is part and step != of for who, taken, _, step in before)
    if part in (Part.APPROVE, Part.AGREE) and other_step:
        raise _refused(number, person.id, part, part)
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
    _check_role(number, person, part)


def _check_role(number: str, person: Person, part: Part) -> None:
    needed = _ROLES.get(part, person.role)
    if person.role is not needed:
        raise ApprovalError(
            f"the part {part.value} needs role {needed.value}, and {person.id} has role {person.role.value}",
            zh=f"“{part.value}”须由角色 {needed.value} 承担,而 {person.id} 的角色是 {person.role.value}",
            thing=number,
            fix_en="let a person of that role do it",
            fix_zh="请由该角色的人员办理",
        )


def check_own_unit(number: str, person: Person, unit: str, *, part: Part) -> None:
    """Check that a part that belongs to the installation's own unit is taken by a person of it.

    Raises:
        ApprovalError: the person is of another unit.
    """
    if person.unit != unit:
        raise ApprovalError(
            f"the part {part.value} belongs to the unit of this installation, and {person.id} is of another unit",
            zh=f"“{part.value}”须由本安装所属单位承担,而 {person.id} 属于其他单位",
            thing=number,
            fix_en=f"let a person of {unit} do it",
            fix_zh=f"请由{unit}的人员办理",
        )


def part_of(tx: Transaction, number: str, person: Person) -> set[Part]:
    """Return the parts that a person has had in a request."""
    return {taken for who, taken, _, _ in _parts(tx, number) if who == person.id}


def _parts(tx: Transaction, number: str) -> list[tuple[str, Part, str, str]]:
    found = tx.find("part", number_prefix=f"{number}/")
    return [(d.body["person"], Part(d.body["part"]), d.body["unit"], d.body["of"]) for d in found]


def _refused(number: str, who: str, before: Part, part: Part) -> ApprovalError:
    return ApprovalError(
        f"{who} has already had the part {before.value} in this request and cannot also {part.value}",
        zh=f"{who} 已在本申请中承担“{before.value}”,不得再承担“{part.value}”",
        thing=number,
        fix_en="let another person do it",
        fix_zh="请由其他人员办理",
    )
