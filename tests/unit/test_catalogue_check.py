"""A catalogue file against a regime: what is demanded, with the line and key where it stands, and what passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_approval import CATALOGUE

from extractor.errors import ConfigurationError, Refused
from extractor.workflow.catalogue_check import check_for_regime


def line_of(text: str, part: str) -> int:
    return next(at for at, line in enumerate(text.splitlines(), start=1) if part in line)


def changed(tmp_path: Path, was: str, becomes: str) -> tuple[Path, str]:
    text = CATALOGUE.read_text("utf-8")
    assert was in text
    path = tmp_path / "catalogue.yaml"
    path.write_text(text.replace(was, becomes, 1), "utf-8")
    return path, path.read_text("utf-8")


def test_a_catalogue_of_the_place_passes() -> None:
    assert check_for_regime(CATALOGUE, "fuzhou").name == "example_hospital"


def test_data_outside_the_area_are_named_with_line_key_rule_and_article() -> None:
    with pytest.raises(Refused) as refusal:
        check_for_regime(CATALOGUE, "chongqing")
    reason = refusal.value.reasons[0]
    line = line_of(CATALOGUE.read_text("utf-8"), 'division: "350100"')
    assert reason.thing == f"catalogue.yaml:{line} division"
    assert (reason.rule, "第十七条" in reason.article) == ("chongqing.art_17_servers", True)


def test_a_category_outside_the_list_is_named_where_it_is_given(tmp_path: Path) -> None:
    path, text = changed(tmp_path, "category: 医疗服务", "category: 医疗器械")
    with pytest.raises(Refused) as refusal:
        check_for_regime(path, "fuzhou")
    line = line_of(text, "category: 医疗器械")
    assert {reason.thing.split(" (")[0] for reason in refusal.value.reasons} == {
        f"catalogue.yaml:{line} defaults.category"
    }


def test_an_unknown_regime_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        check_for_regime(CATALOGUE, "atlantis")
