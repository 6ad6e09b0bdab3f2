"""The coarse search lets everything pass that the exact search would find, and little else."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.deid.patterns import PATTERNS, find_patterns
from extractor.deid.sieve import Sieve, superset
from extractor.deid.text_buffer import LETTERS_AND_DIGITS, make_buffer
from extractor.deid.text_clock import Deadline

EXPRESSIONS = sorted({pattern.expression for pattern in PATTERNS})
ODD = (
    r"(?<![0-9])a(?=b)c", r"[^\s,]{2,3}x", r"\s+a", r"[\s,]a", r"(?P<s>[-/.])1(?P=s)2", r"[\[&~]{2}", r"a++b", r"(?:a|b){1,3}+c",
    r"^a$", r"\(?a\)?", r"(?<=[()])a", r"(?!a(?:b|[)]))\p{Han}", r"[^a]b??", r"\x41",
)  # fmt: skip

# What a sample need not have: whether the exact search finds it is asked afterwards.
_AROUND = re.compile(r"\(\?<?[=!](?:\[[^\]]*\]|[^()\[])*\)")


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *ODD])
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(content=st.data())
def test_what_the_exact_search_finds_passes(expression: str, content: st.DataObject) -> None:
    try:
        sample = content.draw(st.from_regex(re.compile(_AROUND.sub("", expression))))
    except (re.error, ValueError):
        sample = content.draw(st.text(alphabet="汉a-A1", max_size=9))
    text = content.draw(st.sampled_from(["", "汉", "号 "])) + sample.replace("\x1e", " ")
    buffer = make_buffer([text])
    if regex.search(expression, buffer.view):
        assert Sieve([expression]).kept(buffer).buffer.view == buffer.view


def test_only_whole_stretches_pass_and_their_positions_are_those_of_the_text() -> None:
    buffer = make_buffer(["无", "电话13800138000", "", "血压120/80", "QQ12345"])
    excerpt = Sieve([r"1[3-9][0-9]{9}(?![0-9])", r"QQ(?P<v>[0-9]{5,})"]).kept(buffer)
    assert excerpt.buffer.view == "电话13800138000\x1eQQ12345"
    assert [buffer.view[at] for at in excerpt.positions] == list(excerpt.buffer.view)


def test_an_excerpt_is_narrowed_to_an_excerpt_of_the_same_view() -> None:
    buffer = make_buffer(["汉" * 80 + "120/80" + "汉" * 80 + "13800138000" + "汉" * 80])
    narrow = Sieve([r"[0-9]{11}"]).narrowed(buffer.near(LETTERS_AND_DIGITS, reach=5))
    assert narrow.buffer.view == "汉" * 5 + "13800138000" + "汉" * 5
    assert [buffer.view[at] for at in narrow.positions] == list(narrow.buffer.view)


def test_nothing_passes_of_nothing() -> None:
    assert Sieve(["a"]).kept(make_buffer([])).buffer.view == ""
    assert Sieve([]).kept(make_buffer(["a"])).buffer.view == ""


@pytest.mark.parametrize("expression", [r"\ba", r"(?i)a", r"(a)\1", r"[\w]", r"(?>a)", "[+--]", r"[^\S]"])
def test_a_form_that_has_no_superset_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="superset"):
        superset(expression)


def test_the_patterns_find_in_what_passes_what_they_find_in_all() -> None:
    text = "患者电话13800138000,身份证110101199003074610,邮箱 a.b@example.com,白细胞16.7×10^9/L,京A12345,QQ:123456789"
    buffer, deadline = make_buffer([text, "血压120/80", "IP 10.0.0.1 住院号:A123"]), Deadline.within(60)
    kept = Sieve([pattern.expression for pattern in PATTERNS]).kept(buffer)
    assert kept.search(find_patterns, deadline) == find_patterns(buffer, deadline)
