"""Ages in text: found in years, months and days, and written as coarsely as the plan gives ages elsewhere."""

from __future__ import annotations

import polars as pl
import pytest

from extractor.deid.free_text import annotate_column
from extractor.deid.spans import SpanType
from extractor.deid.text_treatment import Treatment, treat_column


def treated(text: str, level: str) -> str:
    return str(treat_column(pl.Series([text]), treatment=Treatment("redacted", age_level=level)).texts[0])


WRITTEN = [
    ("女,72岁,", "女,70-79岁,", "女,70-74岁,"),
    ("男,72周岁。", "男,70-79周岁。", "男,70-74周岁。"),
    ("男,72 岁。", "男,70-79岁。", "男,70-74岁。"),
    ("年龄:47,", "年龄:40-49,", "年龄:45-49,"),
    ("七十二岁,", "七十至七十九岁,", "七十至七十四岁,"),
    ("十八周岁,", "十至十九周岁,", "十五至十九周岁,"),
    ("五岁,", "零至九岁,", "五至九岁,"),
    ("两岁,", "零至九岁,", "零至四岁,"),
    ("72岁,", "70-79岁,", "70-74岁,"),
    ("患儿3月龄,", "患儿0-9岁,", "患儿0-4岁,"),
    ("患儿3个月大,", "患儿0-9岁,", "患儿0-4岁,"),
    ("患儿六个月大,", "患儿零至九岁,", "患儿零至四岁,"),
    ("月龄:7个月,", "0-9岁,", "0-4岁,"),
    ("日龄15天,", "0-9岁,", "0-4岁,"),
    ("男,8个月,因发热", "男,0-9岁,因发热", "男,0-4岁,因发热"),
    ("3岁2个月,", "0-9岁,", "0-4岁,"),
    ("3岁半,", "0-9岁,", "0-4岁,"),
    ("63-72岁,", "60-79岁,", "60-74岁,"),
    ("其父93岁,", "其父90岁以上,", "其父90岁以上,"),
    ("88-92岁,", "90岁以上,", "90岁以上,"),
    ("一百零二岁,", "90岁以上,", "90岁以上,"),
    ("九十一岁,", "90岁以上,", "90岁以上,"),
    ("百岁老人,", "90岁以上老人,", "90岁以上老人,"),
    ("93 岁,", "90岁以上,", "90岁以上,"),
    ("９３岁,", "90岁以上,", "90岁以上,"),
    ("9\u200b3岁,", "90岁以上,", "90岁以上,"),
    ("93虚岁,", "90岁以上,", "90岁以上,"),
    ("93歲,", "90岁以上,", "90岁以上,"),
    ("九三岁,", "90岁以上,", "90岁以上,"),
    ("女,93y,", "女,90岁以上,", "女,90岁以上,"),
    ("93 yrs,", "90岁以上,", "90岁以上,"),
    ("93 y/o,", "90岁以上,", "90岁以上,"),
    ("a 93-year-old,", "a 90岁以上,", "a 90岁以上,"),
    ("Age: 93,", "Age: 90岁以上,", "Age: 90岁以上,"),
    ("年龄:九十三,", "年龄:90岁以上,", "年龄:90岁以上,"),
    ("享年93,", "享年90岁以上,", "享年90岁以上,"),
    ("九旬老人,", "90岁以上老人,", "90岁以上老人,"),
    ("九十高龄,", "90岁以上,", "90岁以上,"),
    ("九十多岁,", "90岁以上,", "90岁以上,"),
    ("90余岁,", "90岁以上,", "90岁以上,"),
    ("鲐背之年,", "90岁以上,", "90岁以上,"),
    ("期颐之年,", "90岁以上,", "90岁以上,"),
    ("男/45y,", "男/40-49,", "男/45-49,"),
    ("a 72-year-old,", "a 70-79,", "a 70-74,"),
    ("七旬老人,", "七十至七十九岁老人,", "七十至七十九岁老人,"),
    ("年逾古稀,", "年逾七十至七十九岁,", "年逾七十至七十九岁,"),
    ("三十多岁,", "三十至三十九岁,", "三十至三十九岁,"),
    ("30余岁,", "30-39岁,", "30-39岁,"),
    ("现年93,", "现年90岁以上,", "现年90岁以上,"),
    ("男,93,", "男,90岁以上,", "男,90岁以上,"),
    ("F/45 ", "F/40-49 ", "F/45-49 "),
    ("45/M ", "40-49/M ", "45-49/M "),
    ("5Y3M,", "0-9,", "5-9,"),
    ("93Y5M,", "90岁以上,", "90岁以上,"),
]


@pytest.mark.parametrize(("text", "ten", "five"), WRITTEN)
def test_an_age_in_text_is_written_as_the_band_in_its_own_form(text: str, ten: str, five: str) -> None:
    assert treated(text, "age_band_10") == ten
    assert treated(text, "age_band_5") == five


@pytest.mark.parametrize("text", [text for text, _, _ in WRITTEN])
def test_where_no_age_may_be_given_none_stands_in_the_text(text: str) -> None:
    found = treated(text, "none")
    assert "〔年龄〕" in found
    assert not set("0123456789一二三四五六七八九十百两旬稀颐") & set(found)


def test_without_a_level_ages_below_ninety_stay_as_they_are() -> None:
    for text, band, _ in WRITTEN:
        as_ever = str(treat_column(pl.Series([text]), treatment=Treatment("redacted")).texts[0])
        assert as_ever == (band if "90岁以上" in band else text)
    assert treated("其父93岁", "age") == "其父90岁以上"


def test_what_cannot_be_read_as_an_age_is_not_left_as_it_is() -> None:
    assert treated("五七十岁,", "age_band_10") == "〔年龄〕,"
    assert treated("十十岁,", "age") == "90岁以上,"


@pytest.mark.parametrize(
    "text",
    [
        *("65岁以上人群", "18岁以下禁用", "10岁以前患儿", "5岁之前,"),
        *(
            "3月上旬",
            "中旬复查",
            "稀便",
            "甲状腺",
            "背痛",
            "用药5y",
            "3 years survival",
            "page 93",
            "y轴",
            "5年近20次",
            "男12例",
            "血钠/钾 140/4",
        ),
        "病程3个月,",
        "3天前出现",
        "随访6月,",
        "3个月大剂量",
        "孕38周,",
        "女,3天前发热",
        "3月15日入院",
        "男,3月15日出生",
    ],
)
def test_a_span_of_time_is_no_age(text: str) -> None:
    assert SpanType.AGE not in annotate_column(pl.Series([text])).counts()


def test_a_level_that_ages_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="age_level"):
        Treatment("redacted", age_level="decade")
