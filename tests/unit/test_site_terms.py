"""The site's own words: staff, institutions and places are found everywhere, `keep` words are no names; all from the catalogue."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.canonical import digest
from extractor.catalogue import TermKind
from extractor.deid.finders import Finders
from extractor.deid.free_text import RECOGNISERS, Recogniser
from extractor.deid.site_terms import NAME, SiteTerms
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.errors import ConfigurationError, FormError, SourceError
from extractor.forms.catalogue_form import catalogue_from_json, parse_catalogue, read_catalogue
from extractor.plans.minimality import columns_read
from extractor.workflow.dictionaries import catalogue_finders, finders_for, finders_of

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "docs" / "examples" / "minimal" / "catalogue.yaml"


def terms(**kinds: str) -> SiteTerms:
    return SiteTerms({TermKind(kind): frozenset(words.split()) for kind, words in kinds.items()})


def found(site: SiteTerms, text: str) -> dict[str, str]:
    finders = Finders(tuple(one for one in site.recognisers(()) if one.name == NAME))
    return {text[s.start : s.end]: s.type.value for s in finders.annotate(pl.Series([text])).by_document(1)[0]}


@pytest.mark.parametrize(
    ("site", "text", "expected"),
    [
        (terms(staff="欧阳明月"), "次日欧阳明月换药", {"欧阳明月": "PERSON"}),
        (terms(staff="王伟"), "请王伟看片", {"王伟": "PERSON"}),
        (terms(staff="王伟"), "签名:王 伟", {"王 伟": "PERSON"}),
        (terms(staff="王伟"), "国王伟大的一生", {}),
        (terms(staff="高兴"), "患者诉心情高兴,睡眠可", {}),
        (terms(staff="高兴"), "经治医师高兴嘱其复查", {"高兴": "PERSON"}),
        (terms(institution="浙一"), "转浙一进一步治疗", {"浙一": "ORGANIZATION"}),
        (terms(institution="PUMCH"), "曾于pumch就诊,PUMCHX号试剂", {"pumch": "ORGANIZATION"}),
        (terms(place="A区12楼 东院"), "Ａ区１２楼,东院会诊", {"Ａ区１２楼": "ADDRESS", "东院": "ADDRESS"}),
        (terms(keep="东院"), "东院会诊", {}),
    ],
)
def test_terms_are_found_where_they_stand_as_words(site: SiteTerms, text: str, expected: dict[str, str]) -> None:
    assert found(site, text) == expected


def test_a_hundred_thousand_terms_are_one_automaton() -> None:
    many = SiteTerms({TermKind.PLACE: frozenset(f"第{number}号楼西侧" for number in range(100_000))})
    assert found(many, "送第99999号楼西侧") == {"第99999号楼西侧": "ADDRESS"}


def guess(rank: Rank, word: str) -> Recogniser:
    def find(buffer: object, deadline: object) -> list[Span]:
        at = buffer.view.find(word)  # type: ignore[attr-defined]
        return [Span(at, at + len(word), SpanType.PERSON, 0.6, rank, "name")] if at >= 0 else []

    return Recogniser("names", frozenset({SpanType.PERSON}), find)


@pytest.mark.parametrize(
    ("rank", "word", "left"),
    [
        (Rank.STATISTICS, "白立平", []),
        (Rank.STATISTICS, "立平", []),
        (Rank.STATISTICS, "白立平法师", ["白立平法师"]),
        (Rank.CONTEXT, "白立平", ["白立平"]),
        (Rank.KNOWN, "白立平", ["白立平"]),
    ],
)
def test_a_kept_word_is_protected_from_statistics_only_and_only_within_it(
    rank: Rank, word: str, left: list[str]
) -> None:
    text = "采用白立平法师承治疗" if "师" in word else "采用白立平法治疗"
    finders = Finders(terms(keep="白立平法").recognisers([guess(rank, word)]))
    spans = finders.annotate(pl.Series([text])).by_document(1)[0]
    assert [text[s.start : s.end] for s in spans] == left


@given(
    st.lists(st.text("王伟东院浙一A1 ", min_size=2, max_size=5), max_size=4), st.text("王伟东院浙一A1 国,", max_size=40)
)
def test_every_span_of_a_dictionary_is_one_of_its_terms(words: list[str], text: str) -> None:
    known = {word.strip() for word in words if len(word.strip()) >= 2}
    for piece in found(SiteTerms({TermKind.PLACE: frozenset(words)}), text):
        assert any(word in piece for word in known)


def test_without_dictionaries_nothing_changes() -> None:
    assert finders_of().recognisers == RECOGNISERS
    assert terms(staff="").recognisers(RECOGNISERS) == RECOGNISERS


def catalogue_with(folder: Path, extra: str) -> Path:
    path = folder / "catalogue.yaml"
    path.write_text(MINIMAL.read_text("utf-8") + "\ndictionaries:\n" + extra, "utf-8")
    return path


STAFF_AND_PLACES = """  staff: {name: 本院职工, kind: staff, table: patients, column: NAME}
  places: {name: 院区俗称, kind: place, file: places.txt}
"""


def test_dictionaries_come_from_a_file_and_from_a_table_of_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "places.txt").write_text("\ufeff# 俗称\n东院\n\n小白楼\n", "utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "patients.csv").write_text("PATIENT_ID,ID_NO,NAME,SEX,BIRTH,ADDRESS\n1,,欧阳明月,,,\n2,,,,,\n")
    path = catalogue_with(tmp_path, STAFF_AND_PLACES)
    finders = catalogue_finders(read_catalogue(path), folder=tmp_path, data=tmp_path)
    text = pl.Series(["小白楼由欧阳明月换药"])
    assert treat_column(text, treatment=Treatment("redacted"), finders=finders).texts[0] == "〔地址〕由〔姓名〕换药"
    with pytest.raises(ConfigurationError, match="--data"):
        finders_for(path)
    (tmp_path / "data" / "patients.csv").unlink()
    with pytest.raises(SourceError):
        catalogue_finders(read_catalogue(path), folder=tmp_path, data=tmp_path)


def test_the_catalogue_digest_covers_what_a_file_of_terms_holds(tmp_path: Path) -> None:
    (tmp_path / "places.txt").write_text("东院\n", "utf-8")
    path = catalogue_with(tmp_path, STAFF_AND_PLACES)
    before = read_catalogue(path)
    assert catalogue_from_json({**_json(before)}) == before
    (tmp_path / "places.txt").write_text("东院\n西院\n", "utf-8")
    assert digest(read_catalogue(path)) != digest(before)
    with pytest.raises(ConfigurationError, match="approved"):
        finders_of(before.dictionaries, folder=tmp_path, open_column=lambda *_: pl.LazyFrame({"NAME": ["x"]}))


def _json(value: object) -> dict[str, object]:
    from extractor.canonical import to_json

    body = to_json(value)
    assert isinstance(body, dict)
    return dict(body)


def test_a_catalogue_without_dictionaries_keeps_its_digest() -> None:
    assert "dictionaries" not in _json(read_catalogue(MINIMAL))


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("  a: {name: 词, kind: stuff, file: places.txt}\n", "catalogue.yaml:66: dictionaries.a.kind: not one"),
        ("  a: {name: 词, kind: keep}\n", "catalogue.yaml:66: dictionaries.a: give either"),
        (
            "  a: {name: 词, kind: keep, file: places.txt, table: patients, column: NAME}\n",
            "66: dictionaries.a: give either",
        ),
        ("  a: {name: 词, kind: keep, table: patient, column: NAME}\n", "dictionaries.a.table: no table"),
        ("  a: {name: 词, kind: keep, table: patients, column: BIRTH}\n", "dictionaries.a.column: names no text field"),
        ("  a: {name: 词, kind: keep, file: absent.txt}\n", "dictionaries.a.file: the file cannot be read"),
        ("  a: {name: 词, kind: keep, file: ../catalogue.yaml}\n", "dictionaries.a.file: must be a path beside"),
        (
            "  a: {name: 词, kind: keep, file: short.txt}\n",
            "dictionaries.a.file: line 3 of the file: a term has 2 to 60",
        ),
        ("  a: {name: 词, kind: keep, file: empty.txt}\n", "dictionaries.a.file: line 1 of the file: there is no term"),
        ("  a: {name: 词, kind: keep, file: gbk.txt}\n", "dictionaries.a.file: line 2 of the file: not UTF-8"),
    ],
)
def test_a_fault_of_a_dictionary_names_file_line_and_key_and_no_term(tmp_path: Path, extra: str, told: str) -> None:
    (tmp_path / "places.txt").write_text("东院\n", "utf-8")
    (tmp_path / "short.txt").write_text("# 词\n东院\n赵\n", "utf-8")
    (tmp_path / "empty.txt").write_text("# 词\n", "utf-8")
    (tmp_path / "gbk.txt").write_bytes("ab\n东院\n".encode("gb18030"))
    with pytest.raises(FormError) as failure:
        read_catalogue(catalogue_with(tmp_path, extra))
    assert told in f"{failure.value.thing}: {failure.value.en}"
    assert "赵" not in str(failure.value.as_json()) and "东院" not in str(failure.value.as_json())


def test_a_file_of_terms_may_not_lie_outside_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside.txt").write_text("东院\n", "utf-8")
    (inside / "link.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(FormError, match="cannot be read"):
        read_catalogue(catalogue_with(inside, "  a: {name: 词, kind: keep, file: link.txt}\n"))


def test_a_catalogue_from_bytes_has_no_folder_for_a_file_of_terms() -> None:
    text = MINIMAL.read_text("utf-8") + "\ndictionaries:\n  a: {name: 词, kind: keep, file: places.txt}\n"
    with pytest.raises(FormError, match="needs a catalogue in a folder"):
        parse_catalogue(text.encode(), name="x.yaml")


def test_a_plan_that_treats_text_reads_the_columns_of_the_dictionaries(tmp_path: Path) -> None:
    from extractor.forms.policy_form import load_policies
    from extractor.forms.request_form import read_request
    from extractor.plans.compile import compile_plan
    from extractor.plans.explain import explain
    from extractor.plans.minimality import check_minimal

    (tmp_path / "places.txt").write_text("东院\n", "utf-8")
    catalogue = read_catalogue(catalogue_with(tmp_path, STAFF_AND_PLACES))
    request = read_request(MINIMAL.with_name("request.yaml"))
    plan = compile_plan(request, catalogue, load_policies(("fuzhou",)))
    check_minimal(plan)
    texts = any(c.kind == "free_text" for table in plan.tables for c in table.columns)
    assert (plan.dictionaries is not None) == texts
    assert ("NAME" in columns_read(plan).get("patients", ())) == texts
    assert any("院区俗称" in table for table, _ in explain(plan).read) == texts
