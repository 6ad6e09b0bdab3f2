"""四川省健康医疗大数据应用管理办法（试行，征求意见稿） art. 22, 23: who releases what is open, and who approves what is published."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from building import ON_OPEN_FIELDS, catalogue, changed, compiled, steps
from installation import Site
from test_sichuan_chains import BY_LEADER, ON_SEX, assessed, chain, decides, not_signed, wants

from extractor.plans.nodes import Plan
from extractor.policy_words import Side
from extractor.requests import Request, State
from extractor.selection import Circumstances


@pytest.mark.clause("sichuan", "art_22_open")
def test_sichuan_22_open_fields_are_registered_by_the_operator_who_releases_them() -> None:
    opened = planned(open_field())
    assert [step.id for step in opened.steps if step.cited.rule == "art_22_open"] == ["operator_release"]
    assert not decides(open_field(), catalogue("sichuan"), Circumstances(), Side.RECIPIENT)
    assert "operator_release" not in steps(planned(wants("patients.SEX", population=ON_SEX)))


@pytest.mark.clause("sichuan", "art_23_open")
def test_sichuan_23_the_authority_of_the_same_level_approves_open_fields(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    number = here.submit(open_field())
    whole = (("operator_release", "sichuan_publication"), {"sichuan.art_22_open", "sichuan.art_23_open"})
    assert chain(here, number) == whole
    assert "the decision is missing" in not_signed(here, number, "sichuan_publication", here.person("authority"))
    here.sign(assessed(here, number), "operator_release")
    assert here.state(number) is State.SUBMITTED
    assert "needs role authority" in not_signed(here, number, "sichuan_publication", here.person("operator", name="2"))
    assert here.sign(number, "sichuan_publication") is State.APPROVED
    assert "sichuan_publication" not in steps(planned(wants("patients.SEX", population=ON_SEX)))
    assert not decides(open_field(), catalogue("sichuan"), Circumstances(), Side.RECIPIENT)


@pytest.mark.clause("sichuan", "art_23_public")
def test_sichuan_23_whatever_is_published_is_approved_by_the_authority_first(site: Callable[..., Site]) -> None:
    here = site("sichuan")
    asked = wants("patients.SEX", population=ON_SEX, mode="public")
    number = here.submit(asked)
    assert chain(here, number)[0] == (*BY_LEADER, "sichuan_publication")
    assert here.approve(number, before="sichuan_publication") is State.SUBMITTED
    assert "needs role authority" in not_signed(here, number, "sichuan_publication", here.person("operator", name="2"))
    assert not decides(asked, catalogue("sichuan"), Circumstances(), Side.RECIPIENT)
    assert here.sign(number, "sichuan_publication") is State.APPROVED
    assert "sichuan_publication" not in steps(planned(changed(asked, mode="controlled")))


def open_field() -> Request:
    """Return a request for an open field alone."""
    return wants("admissions.WARD", population=ON_OPEN_FIELDS)


def planned(asked: Request) -> Plan:
    """Return the plan under baseline and draft."""
    return compiled("sichuan", asked, catalogue("sichuan"))
