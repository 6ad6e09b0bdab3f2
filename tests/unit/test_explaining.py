"""Why a span was found: recogniser, evidence and words for each, never the value; the commands that show it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extractor.cli import app
from extractor.deid.explaining import because
from extractor.deid.patterns import PATTERNS
from extractor.deid.spans import Rank, Span, SpanType

ID, BAD_ID = "110101199003074610", "110101199003074611"
RUN = CliRunner()


def reason(text: str, value: str, kind: SpanType, rank: Rank, recogniser: str) -> dict[str, str]:
    start = text.index(value)
    return because(Span(start, start + len(value), kind, 0.9, rank, recogniser), text)


@pytest.mark.parametrize(
    ("text", "value", "rank", "recogniser", "words"),
    [
        (f"证号{ID}", ID, Rank.CHECKSUM, "resident_id", ["校验位正确", "其前有“证号”"]),
        (f"身份证{BAD_ID}", BAD_ID, Rank.PATTERN, "resident_id", ["校验不符", "其前有“身份证”"]),
        (f"门诊{BAD_ID}", BAD_ID, Rank.PATTERN, "resident_id", ["校验不符"]),
    ],
)
def test_check_and_cue_are_told_apart(text: str, value: str, rank: Rank, recogniser: str, words: list[str]) -> None:
    said = reason(text, value, SpanType.RESIDENT_ID, rank, recogniser)
    assert said["zh"].startswith("身份证号:") and said["en"].startswith("resident id: ")
    assert all(word in said["zh"] for word in words)
    assert ("其前有" in said["zh"]) == ("其前有" in "".join(words))


@pytest.mark.parametrize("rank", list(Rank))
def test_every_rank_and_recogniser_has_words_and_none_holds_the_value(rank: Rank) -> None:
    value = "赵钱孙7788"
    for recogniser in ("known_patient", "site_dictionary", "extra", "name", "a_new_one", *(p.name for p in PATTERNS)):
        for kind in (SpanType.PERSON, SpanType.RESIDENT_ID, *(p.type for p in PATTERNS if p.name == recogniser)):
            said = reason(f"甲{value}乙", value, kind, rank, recogniser)
            assert all(":" in text and len(text) > 6 for text in said.values())
            assert not any(sign in text for text in said.values() for sign in value)


def test_the_command_explains_each_span_and_shows_no_value() -> None:
    lines = [{"id": 1, "text": f"患者张晓梅,身份证{ID},手机13800138000", "known": {"person_name": "张晓梅"}}]
    given = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    done = RUN.invoke(app, ["deid", "spans", "--explain"], input=given)
    assert done.exit_code == 0, done.output
    spans = json.loads(done.output)["spans"]
    assert [(s["type"], s["evidence"]) for s in spans[:2]] == [("PERSON", "known"), ("RESIDENT_ID", "checksum")]
    assert all({"recogniser", "evidence", "because", "score"} <= set(span) for span in spans)
    assert not any(value in done.output for value in ("张晓梅", ID, "13800138000"))


def test_without_explain_a_span_has_the_four_keys_of_the_format() -> None:
    done = RUN.invoke(app, ["deid", "spans"], input='{"id": 1, "text": "手机13800138000"}')
    assert [set(span) for span in json.loads(done.output)["spans"]] == [{"start", "end", "type", "score"}]


def test_the_commands_take_the_dictionaries_of_a_catalogue(tmp_path: Path) -> None:
    minimal = Path(__file__).parents[2] / "docs" / "examples" / "minimal" / "catalogue.yaml"
    extra = "\ndictionaries:\n  places: {name: 院区俗称, kind: place, file: places.txt}\n"
    (tmp_path / "catalogue.yaml").write_text(minimal.read_text("utf-8") + extra, "utf-8")
    (tmp_path / "places.txt").write_text("小白楼\n", "utf-8")
    line = '{"id": 1, "text": "转至小白楼观察"}'
    done = RUN.invoke(app, ["deid", "text", "--catalogue", str(tmp_path / "catalogue.yaml")], input=line)
    assert json.loads(done.output) == {"id": 1, "text": "转至〔地址〕观察"}


def test_several_processes_give_what_one_gives() -> None:
    lines = "\n".join(json.dumps({"id": i, "text": f"第{i}例 手机13800138000"}) for i in range(20))
    one, two = (RUN.invoke(app, ["deid", "spans", "--explain", "--processes", n], input=lines).output for n in "12")
    assert one == two and len(one.splitlines()) == 20
