"""Pages for people: nothing is fetched from outside, and no name, however hostile, becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from extractor.demo.sources import example_folder
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.levels import hierarchy_of
from extractor.pages.render import _environment, dictionary_page, plan_page, plan_text
from extractor.plans.compile import compile_plan
from extractor.plans.demands import ConsentColumn, ConsentPlan, UsedFiling
from extractor.plans.explain import explain
from extractor.plans.nodes import Plan

HOSTILE = "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=alert(1)>{{ 7*7 }}{% raw %}&lt;"


def plan_of(name: str) -> Plan:
    folder = example_folder(name)
    request, catalogue = read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml")
    return compile_plan(request, catalogue, load_policies(("fuzhou",)))


PLAN = plan_of("hospital")


def poisoned(plan: Plan) -> Plan:
    """Return the plan with hostile text wherever a person or a form can write some."""
    columns = tuple(
        replace(t, zh=HOSTILE, name=HOSTILE, columns=tuple(
            replace(c, output=HOSTILE, zh=HOSTILE, reason=HOSTILE, cited=tuple(replace(x, article=HOSTILE) for x in c.cited))
            for c in t.columns
        ), known=tuple(replace(k, column=HOSTILE) for k in t.known))
        for t in plan.tables
    )  # fmt: skip
    return replace(
        plan, title=HOSTILE, project=HOSTILE, purpose=HOSTILE, people=(HOSTILE,), tables=columns,
        agreement=replace(plan.agreement, names=(HOSTILE,), terms=tuple(
            replace(t, zh=HOSTILE, cited=replace(t.cited, article=HOSTILE)) for t in plan.agreement.terms
        ), cited=tuple(replace(c, article=HOSTILE) for c in (*plan.agreement.cited, plan.risk.cited[0]))),
        regimes=tuple(replace(r, zh=HOSTILE, document=HOSTILE) for r in plan.regimes),
        duties=tuple(replace(d, zh=HOSTILE, cited=tuple(replace(c, article=HOSTILE) for c in d.cited)) for d in plan.duties),
        practices=tuple(
            replace(p, cited=tuple(replace(c, article=HOSTILE, rule=HOSTILE) for c in p.cited)) for p in plan.practices
        ),
        circumstances=replace(plan.circumstances, leans_on=HOSTILE, filing=UsedFiling(HOSTILE, (HOSTILE,), plan.risk.cited)),
        consent=ConsentPlan((ConsentColumn(HOSTILE, "raw", "none"),), plan.risk.cited),
        source=replace(plan.source, name=HOSTILE, catalogue=HOSTILE, version=HOSTILE), warnings=(HOSTILE,),
        dropped=tuple(replace(c, output=HOSTILE, zh=HOSTILE) for c in plan.dropped),
        steps=tuple(replace(s, zh=HOSTILE, unit=HOSTILE) for s in plan.steps),
    )  # fmt: skip


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(plan: Plan) -> list[str]:
    return [plan_page(explain(plan)), dictionary_page(plan)]


PLAIN = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "ul", "ol", "li", "table", "thead",
    "tbody", "tr", "th", "td", "span", "br", "code",
}  # fmt: skip


@pytest.mark.parametrize("make", [lambda: PLAN, lambda: poisoned(PLAN), lambda: plan_of("minimal")])
def test_a_page_needs_nothing_from_outside_and_runs_nothing(make: Any) -> None:
    for page in pages(make()):
        read = Reader(page)
        assert set(read.tags) <= PLAIN
        assert {name for name, _ in read.attributes} <= {"class", "lang", "charset", "name", "content"}
        assert not re.search(r"url\(|@import|expression\(", page)
        assert page.startswith("<!doctype html>\n")
        assert '<meta charset="utf-8">' in page


def test_hostile_names_are_shown_as_they_stand_and_never_become_markup() -> None:
    for page in pages(poisoned(PLAN)):
        assert "<script" not in page
        assert "<img" not in page
        assert Reader(page).text.count("{{ 7*7 }}") > 10
        assert HOSTILE in Reader(page).text


def test_plain_pages_hold_no_address_at_all() -> None:
    for page in pages(PLAN):
        assert not re.search(r"(https?:)?//\w", page)


def test_a_page_that_lacks_a_value_fails_instead_of_showing_a_gap() -> None:
    with pytest.raises(UndefinedError):
        _environment().get_template("dictionary.html").render(plan=PLAN)


def test_the_dictionary_names_source_day_of_acquisition_and_every_column() -> None:
    text = Reader(dictionary_page(PLAN)).text
    assert PLAN.source.name in text
    assert PLAN.source.acquired.isoformat() in text
    assert PLAN.digest in text
    assert "榕政综〔2017〕122号 第二十条" in text
    for table in PLAN.tables:
        assert table.zh in text
        for column in table.columns:
            assert column.output in text
            assert column.zh in text
    assert all(term in text for term in PLAN.terms)


def test_the_dictionary_says_kinds_and_levels_in_chinese_beside_their_codes() -> None:
    page = dictionary_page(PLAN)
    for table in PLAN.tables:
        for column in table.columns:
            hierarchy = hierarchy_of(column.kind)
            for zh, code in ((hierarchy.zh, column.kind), (hierarchy.level(column.level).zh, column.level)):
                assert f"<td>{zh} <code>{code}</code></td>" in page
    assert "病程记录的文本中,年龄写为:十岁段。" in page


def test_the_dictionary_names_no_column_that_is_not_in_the_package() -> None:
    text = Reader(dictionary_page(PLAN)).text
    for column in PLAN.dropped:
        assert column.output not in text
        assert column.source not in text
    assert "SFRQ" in text


def test_the_terminal_gets_the_same_plan_without_markup() -> None:
    text = plan_text(explain(PLAN))
    assert "<" not in text
    assert PLAN.title in text
    assert PLAN.digest in text
    for at, step in enumerate(PLAN.steps, 1):
        assert f"{at}. {step.zh}" in text


def test_the_terminal_gets_no_control_character_and_no_forged_line() -> None:
    forged = replace(PLAN, title="研究\x1b[2J\u202e\n审批步骤\n  1. 已批准", purpose="a\rb\u2028c")
    text = plan_text(explain(forged))
    assert len(text.splitlines()) == len(plan_text(explain(PLAN)).splitlines())
    assert all(line.isprintable() for line in text.split("\n"))
