"""Downloads of a delivered package: who may, until when, what stops them, and what the log says of each."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from test_approval import REQUEST, refused
from test_duties import ART_29, FILE, KEEPER, NUMBER, REGISTERED, UNTIL, Delivery, prepared, site

from extractor.errors import ApprovalError, IntegrityError, Refused, StorageError
from extractor.handover import Custody
from extractor.log.entries import Verb
from extractor.policy_words import Evidence
from extractor.workflow.delivery import give, package_path
from extractor.workflow.downloads import Download, download
from extractor.workflow.incidents import incidents
from extractor.workflow.integrity import close_breach

__all__ = ["prepared", "site"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "taken.zip"


def take(site: Delivery, out: Path, by: str = "applicant") -> Download:
    return download(site.office, NUMBER, site.people[by], out=out)


def keep_to_it(site: Delivery) -> None:
    site.close(Evidence.REGISTRATION, **REGISTERED)
    site.close(Evidence.CUSTODIAN, **KEEPER)
    site.close(Evidence.REPORT, digest=FILE)


def test_a_data_user_of_the_receiving_unit_gets_the_package_as_it_was_sealed(site: Delivery, out: Path) -> None:
    done = take(site, out, "colleague")
    content = out.read_bytes()
    assert content == package_path(site.office, "PK-2026-0001").read_bytes()
    assert done == Download(NUMBER, "PK-2026-0001", out, "sha256:" + hashlib.sha256(content).hexdigest(), len(content))
    assert out.stat().st_mode & 0o777 == 0o600
    (entry,) = site.logged(Verb.DOWNLOAD)
    assert (entry.object, entry.actor, entry.bytes, entry.request) == (
        "PK-2026-0001",
        "colleague",
        len(content),
        NUMBER,
    )
    assert (entry.result.value, entry.agreement, entry.object_digest) == ("ok", "AG-2026-0001", done.digest)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("stranger", "only a data user of the receiving unit"),
        ("inside", "needs role data_user"),
        ("runner", "needs role data_user"),
    ],
)
def test_nobody_else_gets_it(site: Delivery, out: Path, by: str, why: str) -> None:
    with refused(why):
        take(site, out, by)
    assert not out.exists()
    (entry,) = site.logged(Verb.DOWNLOAD)
    assert (entry.result.value, entry.actor) == ("refused", by)
    assert "fuzhou.art_17_use" in (entry.rule or "")
    assert "榕政综〔2017〕122号 第十七条" in (entry.article or "")


def test_nothing_is_given_before_both_sides_signed(site: Delivery, out: Path) -> None:
    number = site.approved(replace(REQUEST, until=UNTIL, outputs="另一篇"))
    with pytest.raises(ApprovalError):
        download(site.office, number, site.people["applicant"], out=out)
    site.run(number)
    give(site.office, number, site.people["runner"], custody=Custody("管理员", "园区"))
    with refused("both sides have not signed"):
        download(site.office, number, site.people["applicant"], out=out)
    assert not out.exists()


def test_nothing_is_given_under_an_agreement_whose_text_was_changed(site: Delivery, out: Path) -> None:
    with site.office.store.transaction() as tx:
        body = tx.get("agreement", "AG-2026-0001").body
        tx.put("agreement", "AG-2026-0001", {**body, "text": body["text"] + "另行约定"})
    with refused("the signature of agreement_user"):
        take(site, out)
    assert site.logged(Verb.DOWNLOAD)[-1].article == "榕政综〔2017〕122号 第十八条"
    assert not out.exists()


def test_it_is_given_on_the_last_day_of_the_term_and_not_after(site: Delivery, out: Path) -> None:
    keep_to_it(site)
    site.on(date(2026, 8, 28))
    site.close(Evidence.REPORT, digest=FILE.replace(":5", ":6"))
    site.on(UNTIL)
    site.close(Evidence.REPORT, digest=FILE.replace(":5", ":7"))
    site.close(Evidence.RENEWAL, none="yes")
    take(site, out)
    site.on(UNTIL + timedelta(days=1))
    with pytest.raises(Refused) as caught:
        take(site, out.with_name("again.zip"))
    (reason,) = caught.value.reasons
    assert (reason.rule, reason.article, reason.violation) == ("fuzhou.art_29_renewal", ART_29, "第三十二条（四）")
    entry = site.logged(Verb.DOWNLOAD)[-1]
    assert (entry.result.value, entry.rule, entry.article) == ("refused", "fuzhou.art_29_renewal", ART_29)
    assert entry.reason == "Refused; violation fuzhou 第三十二条（四）"


def test_an_overdue_duty_stops_it_before_it_is_in_the_archive_and_until_it_is_closed(site: Delivery, out: Path) -> None:
    site.clock.now += timedelta(days=8)
    with pytest.raises(Refused) as caught:
        take(site, out)
    assert [reason.rule for reason in caught.value.reasons] == ["fuzhou.art_29_register", "fuzhou.art_29_custodian"]
    keep_to_it(site)
    take(site, out)


def test_an_open_breach_stops_it_though_the_duty_was_closed_late(site: Delivery, out: Path) -> None:
    site.on(date(2026, 3, 9))
    keep_to_it(site)
    with pytest.raises(Refused) as caught:
        take(site, out)
    assert {reason.rule for reason in caught.value.reasons} == {"fuzhou.art_16_integrity"}
    assert "BR-2026-0001" in caught.value.reasons[0].en
    for number in ("BR-2026-0001", "BR-2026-0002"):
        close_breach(site.office, number, site.people["health"], reason="已补办")
    take(site, out)


def test_three_refusals_in_a_row_within_a_day_open_one_incident(site: Delivery, out: Path) -> None:
    for times in (1, 2):
        with pytest.raises(ApprovalError):
            take(site, out, "stranger")
        assert len(incidents(site.office)) == 0, times
    with pytest.raises(ApprovalError):
        take(site, out, "stranger")
    (opened,) = incidents(site.office)
    assert (opened.incident.cause.value, opened.incident.thing) == ("refused_downloads", NUMBER)
    with pytest.raises(ApprovalError):
        take(site, out, "stranger")
    assert len(incidents(site.office)) == 1


def test_refusals_with_a_download_or_a_day_between_open_none(site: Delivery, out: Path) -> None:
    for hours, name in (
        (0, "stranger"),
        (1, "stranger"),
        (1, "applicant"),
        (1, "stranger"),
        (25, "stranger"),
        (1, "stranger"),
    ):
        site.clock.now += timedelta(hours=hours)
        if name == "applicant":
            take(site, out)
        else:
            with pytest.raises(ApprovalError):
                take(site, out.with_name("other.zip"), name)
    assert incidents(site.office) == ()


def test_a_package_that_was_changed_is_not_given(site: Delivery, out: Path) -> None:
    with package_path(site.office, "PK-2026-0001").open("ab") as file:
        file.write(b"x")
    with pytest.raises(IntegrityError, match="not the one that was handed over"):
        take(site, out)
    assert list(out.parent.glob("*taken*")) == []
    (entry,) = site.logged(Verb.DOWNLOAD)
    assert (entry.result.value, entry.reason) == ("failed", "IntegrityError; violation fuzhou 第三十二条（六）")
    assert "fuzhou.art_26_traceable" in (entry.rule or "") and "第二十六条" in (entry.article or "")


def test_what_cannot_be_written_is_not_logged_as_given(site: Delivery, out: Path) -> None:
    out.write_text("mine", "utf-8")
    with pytest.raises(StorageError, match="already"):
        take(site, out)
    assert out.read_text("utf-8") == "mine"
    package_path(site.office, "PK-2026-0001").unlink()
    with pytest.raises(StorageError, match="PK-2026-0001"):
        take(site, out.with_name("new.zip"))
    assert [each.result.value for each in site.logged(Verb.DOWNLOAD)] == ["failed", "failed"]
