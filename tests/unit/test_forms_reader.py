"""The reader of YAML and JSON: lines, scalars as typed, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import FormError
from extractor.forms.yaml_reader import MAX_BYTES, parse_document, read_document


def _root(text: str, name: str = "x.yaml") -> object:
    return parse_document(text.encode(), name=name).root


def test_scalars_stay_the_text_that_was_typed() -> None:
    text = "a: 350100\nb: '350100'\nc: 007\nd: 0x1F\ne: 2026-01-01\nf: yes\ng: 1_000\nh: 12:30:00\n"
    assert _root(text) == {
        "a": "350100", "b": "350100", "c": "007", "d": "0x1F", "e": "2026-01-01", "f": "yes", "g": "1_000", "h": "12:30:00",
    }  # fmt: skip


def test_only_an_unquoted_null_is_nothing() -> None:
    assert _root("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n") == {"a": None, "b": None, "c": None, "d": "", "e": "null"}


def test_every_place_knows_its_line() -> None:
    document = parse_document(b"a: 1\nb:\n  c:\n    - x\n    - {d: 1,\n       e: 2}\n", name="x.yaml")
    assert document.line(("a",)) == 1
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "c", 1)) == 5
    assert document.line(("b", "c", 1, "e")) == 6
    assert document.line(("b", "missing")) == 2
    assert document.line(()) == 1


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    document = parse_document(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", name="x.yaml")
    assert document.root == {"a": "1", "b": "2"}
    assert document.line(("b",)) == 2


def test_json_reads_as_the_same_values_tabs_and_escapes_included() -> None:
    body = {"a": {"b": ["x", "\ud83d\ude00", "\\ud83d\\ude00", '\t\n"\\/é中']}, "n": 5, "t": True, "z": None}
    text = json.dumps(body, indent="\t")
    expected = {"a": {"b": ["x", "\U0001f600", "\\ud83d\\ude00", '\t\n"\\/é中']}, "n": "5", "t": "true", "z": None}
    assert _root(text, "x.json") == expected


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(FormError, match="an unknown escape"):
        _root('{"a": "\\ud83d"}', "x.json")


def test_what_is_no_json_is_told_with_its_line() -> None:
    with pytest.raises(FormError, match=r"x\.json:2: no JSON"):
        _root('{"a": 1,\nb: 2}', "x.json")


def test_deep_json_is_refused_and_does_not_crash() -> None:
    with pytest.raises(FormError, match="nested more than"):
        _root('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "x.json")


def test_deep_yaml_is_refused_and_does_not_crash() -> None:
    with pytest.raises(FormError, match="nested more than"):
        _root("a: " + "[" * 100_000)


def test_another_encoding_is_told_with_its_line() -> None:
    content = b"title: x\nname: " + "示例".encode("gb18030")
    with pytest.raises(FormError, match=r"x\.yaml:2: the file is not UTF-8"):
        parse_document(content, name="x.yaml")


def test_a_file_over_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * MAX_BYTES)
    with pytest.raises(FormError, match="larger than 2 MB"):
        read_document(path)


def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FormError, match=r"^absent\.yaml: the file cannot be read") as caught:
        read_document(tmp_path / "absent.yaml")
    assert str(tmp_path) not in caught.value.text("zh")


@pytest.mark.parametrize("text", ["a: 1\n<<: {b: 2}\n", "%YAML 1.2\n---\na: 1\n<<: {b: 2}\n"])
def test_merge_keys_are_plain_keys_and_merge_nothing(text: str) -> None:
    assert _root(text) == {"a": "1", "<<": {"b": "2"}}


@pytest.mark.parametrize("text", ["a: *x", "a: &x 1", "&x a: 1", "&x {a: 1}", "a: [&x {b: 1}]", "*x : 1"])
def test_anchors_and_aliases_are_refused_wherever_they_stand(text: str) -> None:
    with pytest.raises(FormError):
        _root(text)


@pytest.mark.parametrize("text", ["!!map {a: 1}", "a: !x 1", "a: !!int 5", "!x a: 1", "a: !!python/name:os.system"])
def test_tags_are_refused_wherever_they_stand(text: str) -> None:
    with pytest.raises(FormError):
        _root(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:-? \n\t[]{},&*!|>'\"%@#~<\\0\ufeff中", max_size=60), st.sampled_from(["x.yaml", "x.json"]))
def test_whatever_is_in_a_file_it_is_read_or_refused_as_a_form(text: str, name: str) -> None:
    try:
        root = parse_document(text.encode(), name=name).root
    except FormError as refused:
        assert refused.thing.startswith(name)
    else:
        assert isinstance(root, dict)
