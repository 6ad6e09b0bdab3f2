"""Recognisers of others: found by entry point, put under our types, in one pipeline with ours, and failing closed."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from extractor.deid.finders import Finders
from extractor.deid.foreign import GROUP, installed, load_recognisers, type_of
from extractor.deid.free_text import RECOGNISERS
from extractor.deid.recognisers import chinese_analyzer
from extractor.deid.spans import SpanType
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import ConfigurationError, RecogniserFailed

WARD = "转入 WARD-17 观察,电话13800138000"


class WardRecognizer(PatternRecognizer):
    def __init__(self, entity: str = "WARD_CODE", language: str = "zh", form: str = r"WARD-[0-9]+") -> None:
        super().__init__(entity, supported_language=language, patterns=[Pattern("ward", form, 0.9)])


def fails() -> WardRecognizer:
    raise RuntimeError("13800138000")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("others_of_a_hospital")
    module.WardRecognizer = WardRecognizer  # type: ignore[attr-defined]
    module.two = lambda: [WardRecognizer(), WardRecognizer("PHONE_NUMBER", form="EXT[0-9]+")]  # type: ignore[attr-defined]
    module.english = lambda: WardRecognizer(language="en")  # type: ignore[attr-defined]
    module.fails, module.nothing = fails, lambda: ["x"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def point(value: str) -> EntryPoint:
    return EntryPoint("ward", f"others_of_a_hospital:{value}", GROUP)


def found(finders: Finders, text: str) -> dict[str, str]:
    return {text[s.start : s.end]: s.type.value for s in finders.annotate(pl.Series([text])).by_document(1)[0]}


@pytest.mark.usefixtures("others")
def test_a_recogniser_of_others_runs_in_one_pipeline_with_ours() -> None:
    finders = Finders(extra=load_recognisers([point("WardRecognizer")]))
    assert found(finders, WARD) == {"WARD-17": "OTHER_ID", "13800138000": "PHONE"}
    treated = treat_column(pl.Series([WARD]), treatment=Treatment("redacted"), finders=finders)
    assert treated.texts.to_list() == ["转入 〔编号〕 观察,电话〔电话〕"]


@pytest.mark.usefixtures("others")
def test_it_runs_in_a_presidio_engine_as_it_does_in_the_column() -> None:
    extra = load_recognisers([point("two")])
    text = "WARD-3 分机 EXT555"
    results = chinese_analyzer(extra).analyze(text, language="zh")
    assert {(text[r.start : r.end], r.entity_type) for r in results} == set(found(Finders(extra=extra), text).items())


@pytest.mark.parametrize(
    ("entity", "kind"),
    [("PERSON", "PERSON"), ("PHONE_NUMBER", "PHONE"), ("LOCATION", "ADDRESS"), ("WARD_CODE", "OTHER_ID")],
)
def test_an_entity_of_others_has_a_type_of_ours_and_is_never_dropped(entity: str, kind: str) -> None:
    assert type_of(entity) is SpanType(kind)


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("value", ["fails", "absent", "english", "nothing"])
def test_an_entry_point_that_does_not_load_refuses_to_start_and_shows_nothing_of_the_fault(value: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        load_recognisers([point(value)])
    assert "ward" in failure.value.thing and "13800138000" not in str(failure.value.as_json())
    assert failure.value.__cause__ is None


def test_entry_points_are_found_in_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "hospital_wards-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hospital-wards\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[{GROUP}]\nwards = hospital_wards:Wards\n")
    (tmp_path / "hospital_wards.py").write_text(
        "from presidio_analyzer import Pattern, PatternRecognizer\n"
        "class Wards(PatternRecognizer):\n"
        "    def __init__(self):\n"
        "        super().__init__('WARD', supported_language='zh', patterns=[Pattern('w', 'WARD-[0-9]+', 0.9)])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [each.name for each in installed()] == ["wards"]
    assert found(Finders(extra=load_recognisers()), WARD)["WARD-17"] == "OTHER_ID"


def test_a_required_type_that_only_a_recogniser_of_others_finds_lets_the_work_start() -> None:
    ours = tuple(one for one in RECOGNISERS if one.name != "names")
    with pytest.raises(ConfigurationError, match="PERSON"):
        Finders(ours).check(["PERSON", "PHONE"])
    Finders(ours, (WardRecognizer("PERSON"),)).check(["PERSON", "PHONE"])
    with pytest.raises(ConfigurationError, match="SHOE_SIZE"):
        Finders(ours, (WardRecognizer("SHOE_SIZE"),)).check(["SHOE_SIZE"])


def test_a_pattern_of_others_that_runs_out_of_time_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presidio_analyzer.pattern_recognizer.REGEX_TIMEOUT_SECONDS", 0.05)
    module = ModuleType("others_of_a_hospital")
    module.slow = lambda: WardRecognizer(form=r"(?:a|aa|a.)+$[0-9]{2}")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = pl.Series(["a" * 5000 + "b"])
    assert len(Finders((), (module.slow(),)).annotate(text)) == 0, "Presidio alone passes over the time-out"
    with pytest.raises(RecogniserFailed, match="PatternTimeout"):
        Finders((), load_recognisers([point("slow")])).annotate(text)
