"""Sealing and opening: the way through, what the disk sees meanwhile, and failures on either side."""

from __future__ import annotations

import io
import json
import resource
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyrage
import pytest

from extractor.canonical import digest_bytes
from extractor.errors import ConfigurationError, FormError, StorageError
from extractor.keys import AgeIdentity, SigningKey, create_identity, create_signing_key
from extractor.manifest import (
    AgreementRef,
    Approval,
    Cover,
    LogPosition,
    Manifest,
    Origin,
    Provenance,
    RiskSummary,
)
from extractor.requests import SharingMode
from extractor.transfer.open import open_package
from extractor.transfer.seal import PackageWriter, SealedPackage
from extractor.transfer.suites import Suite, require_suite
from extractor.transfer.verify import Step, verify_package

MARKER = b"\xe6\xb5\x8b\xe8\xaf\x95PLAINTEXT-MARKER-4711"
TODAY = date(2026, 11, 22)
PARQUET = "application/vnd.apache.parquet"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def a_digest(text: str) -> str:
    return digest_bytes(text.encode())


def a_cover(package: str = "PK-2026-0007", expires: date = date(2027, 5, 31)) -> Cover:
    approval = Approval(
        "审定", "主管部门审批人", "市卫生健康委", datetime(2026, 11, 20, 2, tzinfo=UTC), a_digest("approval")
    )
    provenance = Provenance(
        request="RQ-2026-0003",
        request_digest=a_digest("request"),
        plan_digest=a_digest("plan"),
        catalogue_digest=a_digest("catalogue"),
        policy_digests=(a_digest("baseline"), a_digest("fuzhou")),
        approvals=(approval,),
        run="RUN-2026-0011",
    )
    return Cover(
        package=package,
        project="糖尿病住院结局研究",
        issuer_unit="市健康医疗大数据中心",
        recipient_unit="某大学公共卫生学院",
        provenance=provenance,
        origins=(Origin("住院病案首页", date(2026, 10, 31)),),
        permitted_use=("仅限本项目研究使用", "不得向第三方提供", "不得尝试重新识别个人"),
        risk=RiskSummary(SharingMode.CONTROLLED, 11, "3"),
        log=LogPosition(128, a_digest("root")),
        created=datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
        expires=expires,
    )


class Site:
    """A folder with a signing unit and a recipient, and the packages between them."""

    def __init__(self, root: Path) -> None:
        self.signer: SigningKey = create_signing_key(root / "unit.pem")
        self.recipient: AgeIdentity = create_identity(root / "key.txt")
        self.identity = root / "key.txt"
        self.trusted = (self.signer.public.text,)
        self.outbox = root / "outbox"
        self.outbox.mkdir()
        self.path = self.outbox / "PK.zip"
        self.out = root / "opened"

    def seal(self, path: Path | None = None, cover: Cover | None = None, **contents: bytes) -> SealedPackage:
        contents = contents or {"risk": b'{"k": 11}', "dictionary": "<p>字典</p>".encode() + MARKER}
        with PackageWriter(path or self.path, recipient=self.recipient.recipient) as writer:
            for name, content in contents.items():
                with writer.encrypted_file(f"{name}.json.age", media_type="application/json") as sink:
                    sink.write(content)
            return writer.finish(cover or a_cover(), signer=self.signer)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def a_table(rows: int = 50_000) -> pl.DataFrame:
    return pl.DataFrame({"pid": [f"P{n:08d}" for n in range(rows)], "age": [n % 90 for n in range(rows)]})


def test_tables_and_documents_come_out_as_they_went_in(site: Site) -> None:
    table = a_table()
    with PackageWriter(site.path, recipient=site.recipient.recipient, suite=Suite.AGE) as writer:
        with writer.encrypted_file("data/admissions.parquet.age", media_type=PARQUET) as sink:
            table.lazy().sink_parquet(sink, statistics=False, row_group_size=10_000)
            sink.rows, sink.columns = table.shape
        with writer.encrypted_file("data/住院-00001.csv.age", media_type="text/csv", rows=50_000) as sink:
            table.lazy().sink_csv(sink)
        with writer.encrypted_file("dictionary.html.age", media_type="text/html") as sink:
            sink.write("<p>字典</p>".encode())
        with writer.encrypted_file("empty.json.age", media_type="application/json"):
            pass
        sealed = writer.finish(a_cover(), signer=site.signer)
    verification = verify_package(site.path, trusted=site.trusted, today=TODAY)
    assert verification.passed and [r.step for r in verification.steps] == list(Step)
    opened = open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert pl.read_parquet(opened.files[0]).equals(table)
    assert pl.read_csv(opened.files[1]).equals(table)
    assert opened.files[2].read_text() == "<p>字典</p>"
    assert opened.files[3].read_bytes() == b""
    assert opened.manifest == sealed.manifest == Manifest.from_json((site.out / "manifest.json").read_bytes())
    assert (sealed.manifest.items[0].rows, sealed.manifest.items[0].columns) == (50_000, 2)
    assert names(site.out) == ["data", "dictionary.html", "empty.json", "manifest.json"]
    assert stat.S_IMODE(site.out.stat().st_mode) == 0o700
    assert stat.S_IMODE(opened.files[0].stat().st_mode) == 0o600


def test_the_sealed_file_is_private_whole_and_named_by_its_digest(site: Site) -> None:
    sealed = site.seal()
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600
    assert sealed.digest == digest_bytes(site.path.read_bytes())
    assert sealed.bytes == site.path.stat().st_size
    assert names(site.outbox) == ["PK.zip"]
    assert MARKER not in site.path.read_bytes()


def test_members_open_with_age_alone_and_the_zip_with_unzip_alone(site: Site, tmp_path: Path) -> None:
    site.seal(risk=b'{"k": 11}')
    # The archive is unpacked by Python's own command, the member decrypted without our code.
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(site.path), str(tmp_path / "plain")], check=True)
    content = pyrage.decrypt((tmp_path / "plain" / "risk.json.age").read_bytes(), [site.recipient.secret])
    assert content == b'{"k": 11}'


def test_the_description_names_roles_and_units_and_every_file(site: Site, tmp_path: Path) -> None:
    site.seal()
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(site.path), str(tmp_path / "plain")], check=True)
    graph = json.loads((tmp_path / "plain" / "ro-crate-metadata.json").read_bytes())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    kinds = {e.get("additionalType", {}).get("@id", "") for e in graph if e["@type"] == "AssessAction"}
    assert kinds == {"https://w3id.org/shp#SignOff", "https://w3id.org/shp#DisclosureCheck"}
    assert entities["./"]["conformsTo"] == {"@id": "https://w3id.org/5s-crate/0.4"}
    assert "Person" not in json.dumps([entity["@type"] for entity in graph])
    referred = [
        ref["@id"]
        for e in graph
        for v in e.values()
        for ref in (v if isinstance(v, list) else [v])
        if isinstance(ref, dict)
    ]
    local = {name for name in referred if not name.startswith("http")}
    assert local <= entities.keys()


def test_the_agreement_is_named_where_there_is_one_and_nothing_changes_where_there_is_none(
    site: Site, tmp_path: Path
) -> None:
    agreed = AgreementRef("AG-2026-0001", a_digest("agreement"))
    cover = replace(a_cover(), provenance=replace(a_cover().provenance, agreement=agreed))
    for at, (given, named) in enumerate(((a_cover(), False), (cover, True))):
        path = tmp_path / f"{at}.zip"
        site.seal(path, given)
        manifest = verify_package(path, trusted=site.trusted, today=date(2026, 12, 1)).manifest
        assert manifest is not None and manifest.cover == given
        assert (b"agreement" in manifest.to_json()) is named
        with zipfile.ZipFile(path) as archive:
            assert (b"#agreement" in archive.read("ro-crate-metadata.json")) is named
    with pytest.raises(FormError):
        AgreementRef("AG-2026-0001", "sha256:short")


def test_no_plain_byte_is_in_any_file_while_a_package_is_sealed(site: Site, tmp_path: Path, monkeypatch) -> None:
    scratch = tmp_path / "temp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    before = set(open_files())
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with writer.encrypted_file("risk.json.age", media_type="application/json") as sink:
            for _ in range(200):
                sink.write(MARKER * 1000)
            grown = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
            assert grown.pop(site.outbox / "PK.zip.part") > 1_000_000
            assert {path.name for path in grown} == {"unit.pem", "key.txt"}
            assert set(open_files()) - before == {str(site.outbox / "PK.zip.part")}
            assert MARKER not in (site.outbox / "PK.zip.part").read_bytes()
            assert list(scratch.iterdir()) == []
        writer.finish(a_cover(), signer=site.signer)
    opened = open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert MARKER in opened.files[0].read_bytes()  # the search finds what is there


def open_files() -> Iterator[str]:
    """Name every regular file, deleted ones too, that this process holds open."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if stat.S_ISREG(entry.stat().st_mode):
                yield str(entry.readlink())
        except OSError:
            continue  # the descriptor of this very listing


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("encrypt")}


def assert_nothing_left(site: Site, descriptors: int) -> None:
    assert names(site.outbox) == []
    assert threads() == set()
    assert len(names(Path("/proc/self/fd"))) == descriptors


@pytest.mark.parametrize("written", [0, 100, 5_000_000])
def test_a_writer_that_fails_in_the_middle_leaves_nothing(site: Site, written: int) -> None:
    descriptors = len(names(Path("/proc/self/fd")))
    with (
        pytest.raises(KeyError),
        PackageWriter(site.path, recipient=site.recipient.recipient) as writer,
        writer.encrypted_file("risk.json.age", media_type="application/json") as sink,
    ):
        sink.write(b"x" * written)
        raise KeyError
    del writer, sink
    assert_nothing_left(site, descriptors)


def test_a_writer_that_fails_after_closing_its_file_cannot_finish_the_package(site: Site) -> None:
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with pytest.raises(KeyError), writer.encrypted_file("a.json.age", media_type="application/json") as sink:
            sink.close()
            raise KeyError
        with pytest.raises(RuntimeError):
            writer.finish(a_cover(), signer=site.signer)
    assert names(site.outbox) == []


def test_a_member_whose_writer_failed_does_not_look_whole(site: Site) -> None:
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with pytest.raises(KeyError), writer.encrypted_file("a.json.age", media_type="application/json") as sink:
            sink.write(b"x")
            raise KeyError
        part = (site.outbox / "PK.zip.part").read_bytes()
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(part[part.index(b"age-encryption.org") :], [site.recipient.secret])


def test_the_part_is_emptied_before_its_name_is_taken_away(site: Site, tmp_path: Path) -> None:
    second_name = tmp_path / "second-name"
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with writer.encrypted_file("a.json.age", media_type="application/json") as sink:
            sink.write(b"x")
        second_name.hardlink_to(site.outbox / "PK.zip.part")
        assert second_name.stat().st_size > 100
    assert second_name.stat().st_size == 0


def test_a_package_that_was_not_finished_leaves_nothing(site: Site) -> None:
    descriptors = len(names(Path("/proc/self/fd")))
    with (
        PackageWriter(site.path, recipient=site.recipient.recipient) as writer,
        writer.encrypted_file("risk.json.age", media_type="application/json") as sink,
    ):
        sink.write(b"x")
    del writer, sink
    assert_nothing_left(site, descriptors)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond one MB: a write that the system refuses, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_storage_error_even_through_polars(site: Site, small_files: None) -> None:
    descriptors = len(names(Path("/proc/self/fd")))
    table = a_table(500_000)
    with (
        pytest.raises(StorageError) as caught,
        PackageWriter(site.path, recipient=site.recipient.recipient) as writer,
        writer.encrypted_file("data/a.parquet.age", media_type=PARQUET) as sink,
    ):
        table.lazy().sink_parquet(sink, statistics=False, compression="uncompressed", row_group_size=5_000)
    assert caught.value.thing == "data/a.parquet.age"
    assert "File too large" in str(caught.value)
    del writer, sink, caught
    assert_nothing_left(site, descriptors)


def test_a_full_disk_at_the_last_byte_is_a_storage_error(site: Site, small_files: None) -> None:
    # All of it fits into the pipe, so that the writer is done before the encryptor fails.
    with pytest.raises(StorageError), PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        for number in range(3):
            with writer.encrypted_file(f"{number}.json.age", media_type="application/json") as sink:
                sink.write(b"x" * 400_000)
    assert names(site.outbox) == []


def test_a_full_disk_while_the_manifest_is_written_leaves_nothing(site: Site, small_files: None) -> None:
    with pytest.raises(StorageError), PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with writer.encrypted_file("0.json.age", media_type="application/json") as sink:
            sink.write(b"x" * 997_500)
        writer.finish(a_cover(), signer=site.signer)
    assert names(site.outbox) == []


def test_an_existing_package_or_part_is_not_overwritten(site: Site) -> None:
    site.seal()
    digest = digest_bytes(site.path.read_bytes())
    with pytest.raises(StorageError):
        site.seal()
    assert digest_bytes(site.path.read_bytes()) == digest
    (site.outbox / "other.zip.part").write_bytes(b"left by a dead run")
    with pytest.raises(StorageError):
        site.seal(site.outbox / "other.zip")
    assert (site.outbox / "other.zip.part").read_bytes() == b"left by a dead run"


@pytest.mark.parametrize(
    "name",
    [
        "../up.age",
        "/abs.age",
        "a/../b.age",
        "a//b.age",
        ".hidden.age",
        "a b.age",
        "a\\b.age",
        "a\x00.age",
        "plain.csv",
        ".age",
        "a./b.age",
    ],
)
def test_a_name_that_is_not_safe_is_refused_before_anything_is_written(site: Site, name: str) -> None:
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with pytest.raises(FormError), writer.encrypted_file(name, media_type="text/csv"):
            pytest.fail("the file was opened")
        with writer.encrypted_file("good.csv.age", media_type="text/csv") as sink:
            sink.write(b"a")
        writer.finish(a_cover(), signer=site.signer)


@pytest.mark.parametrize(
    "second", ["data/A.csv.age", "manifest.json.age", "DATA/a.CSV.age", "data.age", "data/a.csv/b.age"]
)
def test_two_names_that_would_meet_on_some_file_system_are_refused(site: Site, second: str) -> None:
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with writer.encrypted_file("data/a.csv.age", media_type="text/csv"):
            pass
        with pytest.raises(FormError), writer.encrypted_file(second, media_type="text/csv"):
            pytest.fail("the file was opened")


def test_the_suite_of_the_state_ciphers_is_refused_plainly(site: Site) -> None:
    with pytest.raises(ConfigurationError, match="no gm"):
        PackageWriter(site.path, recipient=site.recipient.recipient, suite=Suite.GM)
    with pytest.raises(ConfigurationError):
        require_suite("rot13")
    assert names(site.outbox) == []


def test_a_recipient_that_is_no_key_is_refused(site: Site) -> None:
    with pytest.raises(ConfigurationError):
        PackageWriter(site.path, recipient="age1nobody")


def test_the_sink_counts_and_takes_any_buffer(site: Site) -> None:
    with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
        with writer.encrypted_file("risk.json.age", media_type="application/json") as sink:
            text = io.TextIOWrapper(io.BufferedWriter(sink), encoding="utf-8", write_through=True)
            text.write("字典")
            text.flush()
            assert sink.tell() == 6 and sink.writable()
            assert sink.write(memoryview(b"abcd").cast("H")) == 4
            text.close()
        writer.finish(a_cover(), signer=site.signer)
    opened = open_package(site.path, identity=site.identity, out=site.out, trusted=site.trusted, today=TODAY)
    assert opened.files[0].read_text() == "字典abcd"


def test_memory_stays_bounded_while_much_is_sealed(tmp_path: Path) -> None:
    code = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_transfer_seal import PackageWriter, Site, a_cover
site = Site(Path({str(tmp_path)!r}))
block = b"0123456789abcdef" * 65536
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with PackageWriter(site.path, recipient=site.recipient.recipient) as writer:
    with writer.encrypted_file("data/a.csv.age", media_type="text/csv") as sink:
        for _ in range(150):
            sink.write(block)
    writer.finish(a_cover(), signer=site.signer)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(shown.stdout) < 50_000  # KiB, for 150 MiB
