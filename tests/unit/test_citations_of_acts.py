"""What each act's log entry cites: the practices of the regime under which the request stands, and no other place's article."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from building import catalogue, request
from installation import Site, open_site
from test_duties import Delivery, prepared
from test_duties import site as delivered

from extractor.destruction import Ground
from extractor.errors import ExtractorError, Interrupted, NotUnique, ResidualFound, SourceError
from extractor.log.entries import Verb
from extractor.sources.snapshot import check_unique
from extractor.workflow import supervision
from extractor.workflow.consent_register import ConsentScope
from extractor.workflow.consents import give as give_consent
from extractor.workflow.consents import revoke
from extractor.workflow.purging import purge_run
from extractor.workflow.runs import read_order
from extractor.workspace import Workspace

__all__ = ["delivered", "prepared"]  # fixtures
SICHUAN = "四川省健康医疗大数据应用管理办法（试行）（征求意见稿）"


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = open_site(tmp_path / "home", getattr(request, "param", "sichuan"))
    yield made
    made.office.store.close()


def rules(site: Site | Delivery, verb: Verb) -> set[str | None]:
    return {entry.rule for entry in site.logged(verb)}


def joined(*names: str, of: str = "sichuan") -> str:
    return "; ".join(f"{of}.{name}" for name in names)


HANDED = ("art_15_signed", "art_32_signed")


def test_every_act_up_to_the_delivery_cites_the_practices_of_its_own_regime(here: Site) -> None:
    here.delivered(asked=request(regime="sichuan"))
    assert rules(here, Verb.RUN_START) == {joined("art_6_parts", "art_18_roles")}
    assert rules(here, Verb.HANDOVER) == {joined(*HANDED)}
    assert rules(here, Verb.DELIVER) == {joined(*HANDED, "art_32_encrypted")}
    assert rules(here, Verb.SHARE) == {"sichuan.art_31_audit"}
    assert [entry.article for entry in here.logged(Verb.DELIVER)] == [f"{SICHUAN} 第十五条; {SICHUAN} 第三十二条"]
    assert rules(here, Verb.FREEZE) == {None}  # No rule of the draft asks for a minimal plan.


@pytest.mark.parametrize("here", ["guiyang", "shandong", "sichuan"], indirect=True)
def test_no_act_under_another_regime_cites_fuzhou(here: Site) -> None:
    number = here.delivered(asked=request(regime=here.regime))
    purged(here, number)
    cited = [each for verb in Verb for entry in here.logged(verb) for each in (entry.rule, entry.article) if each]
    assert cited
    assert not [each for each in cited if "fuzhou" in each or "榕政综" in each]


@pytest.mark.parametrize("here", ["fuzhou"], indirect=True)
def test_under_fuzhou_the_same_acts_cite_its_own_articles(here: Site) -> None:
    number = here.delivered()
    purged(here, number)
    assert rules(here, Verb.FREEZE) == {"fuzhou.art_23_minimal"}
    assert rules(here, Verb.SHARE) == {"fuzhou.art_27_acts"}
    assert rules(here, Verb.PURGE) == rules(here, Verb.DESTROY) == {"fuzhou.art_23_intermediates"}
    assert {entry.article for entry in here.logged(Verb.SHARE)} == {"榕政综〔2017〕122号 第二十七条"}


def purged(here: Site, number: str) -> None:
    with here.office.store.reading() as tx:
        runs = [each.number for each in tx.find("run") if each.body["request"] == number]
        order = read_order(tx, runs[-1])
    with Workspace.create(here.office.home.scratch, order.number) as workspace:
        purge_run(here.office, order, workspace, ground=Ground.RUN_ENDED, package=None)


def test_a_real_run_cites_its_practices_where_it_reads_scans_and_seals(delivered: Delivery) -> None:
    assert rules(delivered, Verb.ACCESS) == {"fuzhou.art_27_acts"}
    assert rules(delivered, Verb.SCAN) == {None}  # Fuzhou names no search for what must not leave.
    assert "fuzhou.art_20_labelled" in str(rules(delivered, Verb.SEAL))
    assert "fuzhou.art_23_transfer" in str(rules(delivered, Verb.SEAL))


STOPPED = {
    "a leak": (ResidualFound("planted", zh="植入", thing="t"), "sichuan.art_23_leak"),
    "a repeated key": (NotUnique("planted", zh="植入", thing="t"), "sichuan.art_10_identity"),
    "another fault of a source": (SourceError("planted", zh="植入", thing="t"), None),
    "a killed worker": (Interrupted("planted", zh="植入", thing="t"), None),
}


@pytest.mark.parametrize("what", STOPPED)
def test_a_run_that_a_check_stopped_ends_under_the_rule_of_that_check(
    here: Site, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, rule = STOPPED[what]
    number = here.approved(request(regime="sichuan"))
    here.grant()
    crew = (here.person("destroyer"), *(here.person("witness", name=f"witness{n}") for n in (1, 2)))
    destroyer, *witnesses = (each.person.id for each in crew)
    monkeypatch.setattr(supervision, "_supervise", lambda *_: error)
    with pytest.raises(ExtractorError):
        supervision.run_request(
            here.office, number, here.person("technical_service_unit"),
            crew=supervision.Crew(destroyer, tuple(witnesses)),
        )  # fmt: skip
    assert [(entry.rule, entry.result.value) for entry in here.logged(Verb.RUN_END)] == [(rule, "failed")]


def test_a_key_that_two_rows_share_is_a_fault_of_its_own_kind() -> None:
    table = catalogue("sichuan").table("patients")
    assert table is not None
    with pytest.raises(NotUnique):
        check_unique(pl.LazyFrame({"PATIENT_ID": ["P1", "P1 "]}), table, ("PATIENT_ID",))


def test_an_entry_of_the_consent_register_cites_the_rules_that_ask_for_it(here: Site) -> None:
    scope = ConsentScope(date(2026, 1, 1), date(2026, 12, 31), fields=("patients.SEX",))
    provider = here.person("provider")
    give_consent(here.office, here.catalogue.name, provider, identities=["P1"], scope=scope)
    revoke(here.office, here.catalogue.name, provider, identities=["P1"])
    for verb in (Verb.CONSENT_GIVE, Verb.CONSENT_REVOKE):
        (entry,) = here.logged(verb)
        assert "sichuan.art_30_register" in (entry.rule or "")
        assert f"{SICHUAN} 第三十条" in (entry.article or "")
