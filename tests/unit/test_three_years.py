"""Three years pass after a delivery, month by month under an injected clock: what is owed, missed, stopped, mended and destroyed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from test_approval import REQUEST
from test_duties import KEEPER, NUMBER, REGISTERED, Delivery, deliver_in, opened
from typer.testing import CliRunner

from extractor.cli import app
from extractor.errors import Refused
from extractor.log.entries import Verb
from extractor.log.verification import verify
from extractor.policy_words import Evidence
from extractor.workflow.approval import submit
from extractor.workflow.downloads import download
from extractor.workflow.duties import duties
from extractor.workflow.duty_closing import close_duty
from extractor.workflow.integrity import archive, close_breach

ANOTHER = replace(REQUEST, outputs="另一篇论文", until=date(2030, 12, 31))


@pytest.fixture(scope="module")
def three_years(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deliver the example request, until 31 December 2028, on 1 March 2026."""
    return deliver_in(tmp_path_factory.mktemp("three_years") / "home", REQUEST)


@pytest.fixture
def site(three_years: Path, tmp_path: Path) -> Iterator[Delivery]:
    with opened(three_years, tmp_path / "home") as found:
        yield found


def months(first: date, last: date) -> list[date]:
    """Return the first day of each month, both ends included."""
    found = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    return [day for day in found if first <= day <= last]


def report(site: Delivery) -> None:
    """Close every report that is open, each with a file of its own."""
    for standing in duties(site.office):
        if standing.duty.evidence is Evidence.REPORT and standing.state.value != "closed":
            number = standing.duty.number
            digest = "sha256:" + sha256(number.encode()).hexdigest()
            close_duty(site.office, number, site.people["applicant"], facts={"digest": digest})


def stopped(site: Delivery, out: Path) -> set[str]:
    """Say by which rules a download is stopped now; nothing where it is given."""
    try:
        download(site.office, NUMBER, site.people["applicant"], out=out)
    except Refused as refusal:
        return {reason.rule for reason in refusal.reasons}
    out.unlink()
    return set()


def refused_anew(site: Delivery) -> bool:
    try:
        submit(site.office, ANOTHER, site.people["applicant"])
    except Refused:
        return True
    return False


def test_three_years_pass_month_by_month(site: Delivery, tmp_path: Path) -> None:
    out = tmp_path / "taken.zip"
    # The first year: everything in time.
    site.close(Evidence.REGISTRATION, **REGISTERED)
    site.close(Evidence.CUSTODIAN, **KEEPER)
    for day in months(date(2026, 3, 1), date(2027, 2, 1)):
        site.on(day)
        report(site)
        assert stopped(site, out) == set(), day
    assert archive(site.office) == ()
    assert [each.duty.opened for each in duties(site.office)][2:] == [date(2026, 3, 1), date(2026, 8, 28)]
    # The second year: the report that opens on 24 February 2027 is forgotten, and is overdue after 23 August.
    assert site.on(date(2027, 3, 1)).opened == ("DU-2027-0001",)
    for day in months(date(2027, 4, 1), date(2027, 8, 1)):
        site.on(day)
        assert stopped(site, out) == set(), day
    assert site.on(date(2027, 8, 23)).breaches == ()
    assert site.on(date(2027, 8, 24)).breaches == ("BR-2027-0001",)
    for day in months(date(2027, 9, 1), date(2027, 11, 1)):
        site.on(day)
        assert stopped(site, out) == {"fuzhou.art_16_integrity", "fuzhou.art_20_report"}, day
        assert refused_anew(site)
    report(site)
    assert stopped(site, out) == {"fuzhou.art_16_integrity"}
    assert refused_anew(site)
    close_breach(site.office, "BR-2027-0001", site.people["health"], reason="已补报")
    assert stopped(site, out) == set()
    assert not refused_anew(site)
    # The third year, to the end of the term and the destruction.
    for day in months(date(2027, 12, 1), date(2028, 12, 1)):
        site.on(day)
        report(site)
        assert stopped(site, out) == set(), day
    site.close(Evidence.RENEWAL, none="yes")
    assert site.on(date(2028, 12, 31)).ended == ()
    report(site)
    assert stopped(site, out) == set()
    assert site.on(date(2029, 1, 1)).ended == (NUMBER,)
    assert stopped(site, out) == {"fuzhou.art_29_renewal"}
    site.close(Evidence.DESTRUCTION, method="覆写", day="2029-01-01", digest="sha256:" + "7" * 64)
    for day in months(date(2029, 2, 1), date(2029, 6, 1)):
        assert not site.on(day)
    _check_log(site)


def _check_log(site: Delivery) -> None:
    """Every duty and every breach has its entries, each refused download and request has one, and the log verifies."""
    found = duties(site.office)
    assert Counter(each.duty.evidence.value for each in found) == {
        "registration": 1, "custodian": 1, "report": 6, "renewal": 1, "destruction": 1,
    }  # fmt: skip
    assert {each.state.value for each in found} == {"closed"}
    numbers = {each.duty.number for each in found}
    entered = site.logged(Verb.DUTY_OPEN)
    assert {each.object for each in entered if not (each.reason or "").startswith("reminded")} == numbers
    assert {each.object for each in site.logged(Verb.DUTY_CLOSE)} == numbers
    assert [each.object for each in site.logged(Verb.BREACH_OPEN)] == ["BR-2027-0001"]
    assert [each.object for each in site.logged(Verb.BREACH_CLOSE)] == ["BR-2027-0001"]
    assert Counter(each.result.value for each in site.logged(Verb.DOWNLOAD))["refused"] == 5
    assert len(site.logged(Verb.REFUSE)) == 4
    assert all(each.article for each in (*entered, *site.logged(Verb.BREACH_OPEN), *site.logged(Verb.REFUSE)))
    verify(site.office.store, site.office.log_signer.verifier)


def test_it_does_not_matter_how_often_somebody_looks(three_years: Path, tmp_path: Path) -> None:
    owed = []
    for name, looked in (("often", months(date(2026, 3, 1), date(2029, 3, 1))), ("once", [date(2029, 3, 1)])):
        with opened(three_years, tmp_path / name) as site:
            for day in looked:
                site.on(day)
            found = duties(site.office)
            assert {each.state.value for each in found} == {"breached"}
            assert len(archive(site.office)) == len(found)
            owed.append(sorted((each.duty.evidence.value, each.duty.opened, each.duty.due) for each in found))
            verify(site.office.store, site.office.log_signer.verifier)
    assert owed[0] == owed[1]
    assert len(owed[0]) == 10


def test_the_commands_show_refuse_and_close(three_years: Path, tmp_path: Path) -> None:
    """Through the command line, where the machine's clock counts: the registration of March 2026 is overdue by then."""
    with opened(three_years, tmp_path / "home") as site:
        home = ["--home", str(site.office.home.root), "--json"]

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, *home])
        return done.exit_code, done.stdout

    code, text = call("duty", "list", "--overdue", "--request", NUMBER)
    late = json.loads(text)
    assert (code, late[0]["duty"]["number"], late[0]["overdue"]) == (0, "DU-2026-0001", True)
    assert call("package", "download", NUMBER, "--by", "applicant", "--out", str(tmp_path / "p.zip"))[0] == 4
    assert not (tmp_path / "p.zip").exists()
    assert call("duty", "close", "DU-2026-0001", "--by", "applicant", "--evidence", "number=1")[0] == 6
    evidence = ["--evidence", "number=DJ-7", "--evidence", "day=2026-03-02"]
    assert call("duty", "close", "DU-2026-0001", "--by", "applicant", *evidence)[0] == 0
    file = tmp_path / "report.txt"
    file.write_text("开发利用情况", "utf-8")
    invented = "digest=sha256:" + "0" * 64
    assert call("duty", "close", "DU-2026-0003", "--by", "applicant", "--evidence", invented)[0] == 2
    code, text = call("duty", "close", "DU-2026-0003", "--by", "applicant", "--evidence", str(file))
    assert (code, json.loads(text)["facts"]) == (0, [["digest", "sha256:" + sha256(file.read_bytes()).hexdigest()]])
    assert call("duty", "close", "DU-2026-0002", "--by", "applicant", "--evidence", "no such file")[0] == 2
    assert call("integrity", "close", "BR-2026-0001", "--by", "applicant", "--reason", "已补办")[0] == 6
    assert call("integrity", "close", "BR-2026-0001", "--by", "health", "--reason", "已补办")[0] == 0
    code, text = call("integrity", "list", "--of", REQUEST.applicant.uscc)
    assert [each["state"] for each in json.loads(text)][:2] == ["closed", "open"]
    numbers = [each["breach"]["number"] for each in json.loads(call("integrity", "list", "--open")[1])]
    assert "BR-2026-0001" not in numbers
    assert CliRunner().invoke(app, ["duty", "list", *home[:2]]).exit_code == 0
    assert call("log", "verify")[0] == 0
