"""Files get their place whole, also from one file system to another."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from extractor.workflow.records import give_place

ELSEWHERE = Path("/dev/shm")


def test_a_file_gets_its_place_on_the_same_file_system(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"package")
    give_place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"package"


def test_a_file_gets_its_place_from_another_file_system(tmp_path: Path) -> None:
    if not ELSEWHERE.is_dir() or ELSEWHERE.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system here")
    with tempfile.TemporaryDirectory(dir=ELSEWHERE) as other:
        source = Path(other) / "package.zip"
        source.write_bytes(b"package")
        give_place(source, tmp_path / "package.zip")
        assert (tmp_path / "package.zip").read_bytes() == b"package"
        assert (tmp_path / "package.zip").stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["package.zip"]
