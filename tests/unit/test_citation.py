"""Reading a policy against its regulation: an article by any spelling of its number, with what the software does with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum

import pytest
from typer.testing import CliRunner

from extractor import policy_words, selection
from extractor.article_numbers import article_number, articles_in, chinese_number, whole_articles_in
from extractor.catalogue import FieldClass, SharingClass, Subject
from extractor.cli import app
from extractor.errors import ConfigurationError
from extractor.forms.policy_form import load_policies, policy_folder, regimes_in
from extractor.policy import Policy
from extractor.policy_rules import KindLevel, Requirement, Residency, Rule
from extractor.policy_words import Place
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Role, SharingMode
from extractor.workflow.citation import read_regime, rules_of, standing
from extractor.workflow.rule_words import condition, effect_of, word

NAMES = ("baseline", *regimes_in(policy_folder()))
POLICIES = {name: load_policies([name]).local_policy for name in NAMES}
RULE = Rule("art_1", "第一条", "应当。")


def _effects(regime: str, article: str | None = None) -> dict[str, str]:
    return {each.id: each.does for each in read_regime(POLICIES[regime], article).rules}


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 100))
def test_every_number_is_read_as_it_is_written(number: int) -> None:
    written = chinese_number(number)
    for text in (str(number), written, f"第{written}条", f"第{number}条"):
        assert article_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "100", "十九十", "abc", "第条", "19a", "一九"])
def test_what_is_no_number_of_an_article_is_none(text: str) -> None:
    assert article_number(text) is None


@pytest.mark.parametrize("number", [0, 100])
def test_articles_are_numbered_from_one_to_ninety_nine(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 99"):
        chinese_number(number)


@pytest.mark.parametrize(
    ("text", "named", "whole"),
    [
        ("第九条", {9}, {9}),
        ("第一条至第三条", {1, 2, 3}, {1, 2, 3}),
        ("第五条、第七条至第九条", {5, 7, 8, 9}, {5, 7, 8, 9}),
        ("第二十条第一款", {20}, set()),
        ("第二十八条（二）至（七）", {28}, set()),
        ("第二十条前段、第二十一条", {20, 21}, {21}),
        ("个人信息保护法 第二十九条", {29}, {29}),
        ("GB/T 37964-2019 附录A", set(), set()),
    ],
)
def test_a_list_of_articles_says_which_it_names_and_which_as_a_whole(
    text: str, named: set[int], whole: set[int]
) -> None:
    assert articles_in(text) == named
    assert whole_articles_in(text) == whole


# --- one article -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("article", ["19", "十九", "第十九条", "第19条"])
def test_an_article_is_found_by_every_spelling_and_nothing_else_is_shown(article: str) -> None:
    found = {rule.id for rule in rules_of(POLICIES["fuzhou"], article)}
    assert found == {"art_19_consent", "art_19_non_profit", "art_19_register"}
    assert {each.id for each in read_regime(POLICIES["fuzhou"], article).rules} == found


def test_an_article_that_is_no_number_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(ConfigurationError, match="19, 十九 or 第十九条"):
        read_regime(POLICIES["fuzhou"], "neunzehn")


def test_an_article_left_outside_is_shown_with_its_reason_and_only_there() -> None:
    left = read_regime(POLICIES["chongqing"], "11")
    assert (left.rules, left.offences) == ((), ())
    assert "质量管控" in left.text
    assert read_regime(POLICIES["chongqing"], "10").outside == ()


def test_a_listed_violation_is_shown_with_the_refusals_that_match_it() -> None:
    covers = {each.number: each.covers for each in read_regime(POLICIES["chongqing"], "23").offences}
    assert covers["第二十三条（四）"] == "超出范围或目的"
    assert covers["第二十三条（二）"] == "重复采集"
    (unmatched, *_) = read_regime(POLICIES["guiyang"], "27").offences
    assert (unmatched.number, unmatched.covers) == ("第二十七条（一）", "")


def test_an_article_that_the_regulation_does_not_have_shows_no_rule() -> None:
    assert "没有规则" in read_regime(POLICIES["shandong"], "99").text
    assert "没有规则" not in read_regime(POLICIES["shandong"], "11").text


# --- what the software does ------------------------------------------------------------------------------------------


def test_the_draft_is_called_a_draft_and_no_other_regime_is() -> None:
    assert [name for name in NAMES if "征求意见稿" in standing(POLICIES[name])] == ["sichuan"]
    assert standing(POLICIES["fuzhou"]) == "试行,自 2017-04-21 起"


def test_the_numbers_of_a_rule_are_said() -> None:
    assert _effects("fuzhou", "27")["art_27_log"] == "日志至少保存 36 个月"
    assert "5 日内登记,30 日内答复" in _effects("guiyang", "7")["art_7_complaint"]
    assert "7 日内" in _effects("chongqing", "21")["art_21_register"]
    assert "每 180 日一次" in _effects("sichuan", "19")["art_19_follow_up"]
    assert "限于 10 类" in _effects("guiyang", "9")["art_9_categories"]
    assert "365 日内有效" in _effects("sichuan", "19")["art_19_assessments"]
    assert "k ≥ 20" in _effects("baseline")["risk_public"]
    assert "行政区划 50 开头" in _effects("chongqing", "17")["art_17_servers"]


def test_a_rule_says_when_it_applies_and_one_for_all_cases_does_not() -> None:
    effects = _effects("sichuan", "19")
    assert "营利用途" in effects["art_19_for_profit"]
    assert "首次申请" in effects["art_19_for_profit"]
    assert "适用于" not in _effects("fuzhou", "25")["art_25_abroad"]


def test_what_a_requirement_does_not_ask_is_not_said() -> None:
    rule = Requirement(RULE, selection.ALWAYS, passed_on=False, ethics=False)
    assert effect_of(rule) == "不得提供给第三方;不符合的拒绝,记为“其他”"


def test_a_recipient_abroad_needs_its_chain_only_where_one_opens_it() -> None:
    opened = Residency(RULE, ("CN",), (Place.RECIPIENT,), by_chain=True)
    shut = Residency(RULE, ("CN",), (Place.RECIPIENT,))
    assert "须经向境外提供的审批" in effect_of(opened)
    assert effect_of(shut) == "接收方存放地须在境内,否则拒绝"


@pytest.mark.parametrize("regime", NAMES)
def test_every_rule_of_every_policy_is_said_in_chinese(regime: str) -> None:
    reading = read_regime(POLICIES[regime])
    assert [each.id for each in reading.rules] == [rule.id for rule in POLICIES[regime].rules]
    for each in reading.rules:
        assert each.type
        assert each.does
        assert "None" not in each.does
        assert not any(name in each.does for name in ("Kind.", "data_user", "written", "restricted"))


def _closed_words() -> Iterator[type[StrEnum]]:
    found = [each for each in vars(policy_words).values() if isinstance(each, type) and issubclass(each, StrEnum)]
    yield from (each for each in found if each is not StrEnum)
    yield from (FieldClass, SharingClass, Subject, ApplicantKind, Consent, PurposeCategory, Role, SharingMode)


@pytest.mark.parametrize("words", tuple(_closed_words()), ids=lambda each: each.__name__)
def test_every_closed_word_has_one_in_chinese(words: type[StrEnum]) -> None:
    said = [word(each) for each in words]
    assert all(said)
    assert len(set(said)) == len(said)


def test_every_key_of_a_selector_is_said() -> None:
    every = selection.Selector(
        cls=(FieldClass.DIRECT,), kinds=("phone",), subjects=(Subject.STAFF,), sharing=(SharingClass.OPEN,),
        categories=("医疗服务",), applicants=(ApplicantKind.ENTERPRISE,), purposes=(PurposeCategory.TEACHING,),
        consent=(Consent.WRITTEN,), modes=(SharingMode.ENCLAVE,), non_profit=True, sides=(policy_words.Side.DATA,),
        history=(policy_words.History.RENEWAL,), urgent=False, abroad=True,
    )  # fmt: skip
    assert len(condition(every).split(";")) == 14
    assert condition(selection.ALWAYS) == ""


def test_a_level_is_said_by_kind_and_name() -> None:
    (rule,) = [each for each in POLICIES["fuzhou"].ceilings if each.rule.id == "art_16_names"]
    assert rule.levels == (KindLevel("person_name", "none"),)
    assert effect_of(rule).startswith("最细等级:姓名=不提供(适用于:")


# --- the command -----------------------------------------------------------------------------------------------------


def _shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["policy", "show", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_shows_article_quote_and_what_is_done() -> None:
    policy: Policy = POLICIES["shandong"]
    text = _shown("shandong", "--article", "十一")
    for rule in policy.rules:
        assert (rule.quote in text and rule.id in text) or "第十一条" not in rule.article
    assert "第十九条" not in text


def test_the_command_says_the_same_in_json() -> None:
    body = json.loads(_shown("sichuan", "--article", "33", "--json"))
    assert body["standing"].startswith("征求意见稿")
    assert {each["id"] for each in body["rules"]} == {rule.id for rule in rules_of(POLICIES["sichuan"], "33")}
    assert all(set(each) == {"id", "article", "quote", "type", "does"} for each in body["rules"])
    left = json.loads(_shown("sichuan", "--article", "20", "--json"))
    assert left["rules"] == []
    assert [each["articles"] for each in left["outside"]] == ["第二十条"]
