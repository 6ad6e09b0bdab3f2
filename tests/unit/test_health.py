"""The doctor sees what is wrong with a machine or an installation, says how to mend it, and never breaks."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extractor.bootstrap import init_home, read_settings
from extractor.canonical import to_json
from extractor.settings import Settings
from extractor.workflow import health_machine as machine
from extractor.workflow.health import Check, Finding, Status, examine, failed

SECRET = "hunter2-proxy-password"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    root = tmp_path / "home"
    init_home(root, Settings("测试单位", "350100", ("fuzhou",), "example.test/log")).store.close()
    (root / "data").mkdir(exist_ok=True)
    return root


def _finding(home: Path, name: str) -> Finding:
    return next(finding for finding in examine(home, read_settings=read_settings) if finding.name == name)


def test_a_new_installation_is_healthy_but_for_its_catalogues(home: Path) -> None:
    own = examine(home, read_settings=read_settings)[11:]
    assert [(f.name, f.status) for f in own if f.status is not Status.OK] == [("catalogues", Status.WARNING)], own
    assert len(own) == 9


def test_without_an_installation_only_the_machine_is_looked_at(tmp_path: Path) -> None:
    findings = examine(tmp_path / "none", read_settings=read_settings)
    assert findings[-1].name == "installation" and "init" in findings[-1].fix
    assert "keys" not in [finding.name for finding in findings]
    assert not (tmp_path / "none").exists()


def test_findings_have_a_json_form_and_a_mark() -> None:
    marks = [Finding("a", "甲", status, "x").mark for status in Status]
    assert marks == ["✓", "!", "✗"]
    assert to_json(Finding("a", "甲", Status.OK, "x")) == {
        "name": "a",
        "zh": "甲",
        "status": "ok",
        "found": "x",
        "fix": "",
    }


def test_a_check_that_breaks_is_a_finding_without_the_text_of_its_error() -> None:
    def look() -> tuple[Status, str, str]:
        raise ValueError(SECRET)

    finding = Check("odd", "怪", look).finding()
    assert failed([finding])
    assert SECRET not in repr(finding) and "ValueError" in finding.found


@pytest.mark.parametrize("name", ["keys/root.key", "keys/unit.pem", "keys/log.key", "store.sqlite3", "scratch"])
def test_what_others_may_read_is_a_failure(home: Path, name: str) -> None:
    (home / name).chmod(0o755)
    finding = _finding(home, "permissions")
    assert finding.status is Status.FAILURE and name in finding.found


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("keys/log.key", "keys"), ("keys/root.key", "keys"), ("keys/unit.pem", "keys"), ("store.sqlite3", "store and log"),
        ("settings.yaml", "settings"), ("settings.yaml", "policies"), ("settings.yaml", "residency"),
    ],
)  # fmt: skip
def test_a_damaged_part_fails_its_check_and_shows_nothing_of_it(home: Path, name: str, check: str) -> None:
    (home / name).write_text(SECRET)
    finding = _finding(home, check)
    assert finding.status is Status.FAILURE
    assert SECRET not in repr(examine(home, read_settings=read_settings))


def test_a_missing_key_fails_its_check(home: Path) -> None:
    (home / "keys" / "log.key").unlink()
    assert _finding(home, "keys").status is Status.FAILURE


def test_a_log_that_another_key_signed_fails(home: Path) -> None:
    other = init_home(home.parent / "other", Settings("乙", "350100", ("fuzhou",), "example.test/log"))
    other.store.close()
    (home / "keys" / "log.key").write_bytes((home.parent / "other" / "keys" / "log.key").read_bytes())
    assert _finding(home, "store and log").status is Status.FAILURE


def test_a_clock_behind_the_log_fails(tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    settings = Settings("测试单位", "350100", ("fuzhou",), "example.test/log")
    init_home(tmp_path / "h", settings, clock=lambda: later).store.close()
    finding = _finding(tmp_path / "h", "store and log")
    assert finding.status is Status.FAILURE and "clock" in finding.found


def test_a_wrong_catalogue_a_missing_folder_and_an_unknown_division_are_failures(home: Path) -> None:
    (home / "catalogues" / "bad.yaml").write_text("catalogue: x\n")
    (home / "data").rmdir()
    settings = home / "settings.yaml"
    settings.write_text(settings.read_text("utf-8").replace("350100", "999999"), "utf-8")
    wrong = {finding.name for finding in examine(home, read_settings=read_settings) if finding.status is Status.FAILURE}
    assert {"catalogues", "data folder", "residency"} <= wrong


def test_leftovers_of_a_dead_run_are_reported(home: Path) -> None:
    (home / "scratch" / "RUN-1").mkdir(mode=0o700)
    finding = _finding(home, "runs")
    assert finding.status is Status.WARNING and "RUN-1" in finding.found
    assert (home / "scratch" / "RUN-1").exists()


def test_proxies_are_named_and_their_values_are_not_shown(tmp_path: Path) -> None:
    status, found, _ = machine.egress(tmp_path, {"https_proxy": f"http://u:{SECRET}@proxy", "NO_PROXY": "x"})
    assert status is Status.WARNING
    assert "https_proxy" in found and SECRET not in found and "NO_PROXY" not in found


def test_a_default_route_is_seen_and_a_local_one_is_not(tmp_path: Path) -> None:
    head = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    (tmp_path / "route").write_text(head + "eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n")
    assert machine.egress(tmp_path, {})[0] is Status.OK
    (tmp_path / "route").write_text(head + "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n")
    assert machine.egress(tmp_path, {})[0] is Status.WARNING


def test_a_loopback_default_of_ipv6_leads_nowhere(tmp_path: Path) -> None:
    nowhere = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200"
    (tmp_path / "ipv6_route").write_text(f"{nowhere} lo\n")
    assert machine.egress(tmp_path, {})[0] is Status.OK
    (tmp_path / "ipv6_route").write_text(f"{nowhere} eth1\n")
    assert machine.egress(tmp_path, {})[1].endswith("IPv6 eth1")


def test_swap_is_fine_only_off_in_memory_or_encrypted(tmp_path: Path) -> None:
    (tmp_path / "zram0").mkdir()
    (tmp_path / "dm-0" / "dm").mkdir(parents=True)
    (tmp_path / "dm-0" / "dm" / "uuid").write_text("CRYPT-PLAIN-swap\n")
    (tmp_path / "dm-1" / "dm").mkdir(parents=True)
    (tmp_path / "dm-1" / "dm" / "uuid").write_text("LVM-x\n")
    said = {
        area: machine.swap((area,), sys_block=tmp_path)[0]
        for area in ("/dev/zram0", "/dev/dm-0", "/dev/dm-1", "/swapfile")
    }
    assert list(said.values()) == [Status.OK, Status.OK, Status.WARNING, Status.WARNING]
    (tmp_path / "zram0" / "backing_dev").write_text("/dev/sda3\n")
    assert machine.swap(("/dev/zram0",), sys_block=tmp_path)[0] is Status.WARNING
    assert machine.swap((), sys_block=tmp_path)[0] is Status.OK


def test_a_handler_of_core_dumps_is_named_without_its_arguments() -> None:
    status, found, _ = machine.core_dumps("|/usr/lib/systemd/systemd-coredump %P %u")
    assert status is Status.WARNING and "systemd-coredump" in found and "%P" not in found


def test_spill_folders_and_caches_in_the_temporary_folder_are_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert machine.temporary_folder(tmp_path)[0] is Status.OK
    (tmp_path / "polars-spill-1").mkdir()
    (tmp_path / "jieba.cache").touch()
    status, found, _ = machine.temporary_folder(tmp_path)
    assert status is Status.WARNING and "polars-spill-1" in found and "jieba.cache" in found
    tmp_path.chmod(0o777)
    assert machine.temporary_folder(tmp_path)[0] is Status.FAILURE
    tmp_path.chmod(0o700)


def test_a_clock_without_zone_or_before_the_software_fails() -> None:
    now = datetime.now(UTC)
    assert machine.clock(now.replace(tzinfo=None))[0] is Status.FAILURE
    assert machine.clock(now, built=now + timedelta(days=1))[0] is Status.FAILURE
    assert machine.clock(now, built=now - timedelta(days=1))[0] is not Status.FAILURE


def test_a_font_with_chinese_is_found_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").touch()
    status, _, fix = machine.fonts((tmp_path, tmp_path / "none"))
    assert status is Status.WARNING and "fonts-noto-cjk" in fix
    (tmp_path / "NotoSansCJK-Regular.ttc").touch()
    assert machine.fonts((tmp_path,))[0] is Status.OK


def test_versions_are_compared_as_numbers() -> None:
    requirement = "sqlalchemy<3,>=2.1"
    assert [machine.within(version, requirement) for version in ("2.1", "2.10.1", "2.0.9", "3.0")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_files_of_an_installation_are_those_of_this_account(home: Path) -> None:
    assert home.stat().st_uid == os.geteuid()
    assert _finding(home, "permissions").status is Status.OK
