"""贵阳市健康医疗大数据应用发展条例 art. 14: a run gives the rows of those who authorised this use, as the register stands now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from building import compiled, request
from installation import Site
from three_persons import ASKS, YEAR, names, released

from extractor.errors import Refused
from extractor.log.entries import Verb
from extractor.requests import Role
from extractor.workflow.consents import give, revoke, settle_sifted

# --- 第十四条: the person authorises ----------------------------------------------------------------------------------


@pytest.mark.clause("guiyang", "art_14_authorised")
def test_guiyang_14_only_who_authorised_this_use_and_has_not_taken_it_back_is_given(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    asked = request(*ASKS, regime="guiyang", population="patients.SEX = '1'", consent="written")
    number, provider = here.submit(asked), here.person(Role.PROVIDER)
    consent = here.plan(number).consent
    assert "guiyang.art_14_authorised" in {f"{c.regime}.{c.rule}" for c in (consent.cited if consent else ())}
    assert names(here, number, asked) == set()
    give(here.office, "clauses", provider, identities=["P1", "P2"], scope=YEAR)
    give(here.office, "clauses", provider, identities=["P3"], scope=replace(YEAR, applicant="另一大学"))
    assert names(here, number, asked) == {"甲", "乙"}
    revoke(here.office, "clauses", provider, identities=["P2"])
    assert names(here, number, asked) == {"甲"}
    here.clock.set_day(date(2027, 1, 1))
    assert names(here, number, asked) == set()


@pytest.mark.clause("guiyang", "art_14_authorised")
def test_guiyang_14_where_nobody_authorised_it_the_run_is_refused_under_the_article(site: Callable[..., Site]) -> None:
    here = site("guiyang")
    asked = request(*ASKS, regime="guiyang", population="patients.SEX = '1'", consent="written")
    number = here.approved(asked)
    order = here.order(number)
    with pytest.raises(Refused) as no:
        settle_sifted(here.office, order, here.plan(number), released(here, number, asked).sifted)
    assert "guiyang.art_14_authorised" in {each.rule for each in no.value.reasons}
    give(here.office, "clauses", here.person(Role.PROVIDER), identities=["P1"], scope=YEAR)
    settle_sifted(here.office, order, here.plan(number), released(here, number, asked).sifted)
    assert all("guiyang.art_14_authorised" in (entry.rule or "") for entry in here.logged(Verb.COMPARE))
    assert (here.logged(Verb.COMPARE)[-1].reason or "").endswith("persons=1 persons_without_consent=2")


@pytest.mark.clause("guiyang", "art_14_authorised")
@pytest.mark.parametrize("consent", ["none", "waiver"])
def test_guiyang_14_the_register_is_asked_only_where_a_request_stands_on_authorisation(consent: str) -> None:
    written = compiled("guiyang", request(*ASKS, regime="guiyang", consent="written")).consent
    assert "art_14_authorised" in {cited.rule for cited in (written.cited if written else ())}
    assert compiled("guiyang", request(*ASKS, regime="guiyang", consent=consent)).consent is None
