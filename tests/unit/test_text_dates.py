"""Dates in text in all their written forms: moved by ten days in that form, or replaced by a word; never left."""

from __future__ import annotations

import polars as pl
import pytest

from extractor.deid.text_dates import shifted
from extractor.deid.text_treatment import Treatment, treat_column


def treated(text: str, days: int | None = 10) -> str:
    offset = pl.Series([days], dtype=pl.Int32)
    return str(treat_column(pl.Series([text]), treatment=Treatment("surrogate", day_offset=offset)).texts[0])


MOVED = [
    ("于2024-03-18入院", "于2024-03-28入院"),
    ("于2024-3-8入院", "于2024-3-18入院"),
    ("于2024.3.18入院", "于2024.3.28入院"),
    ("于2024/3/18入院", "于2024/3/28入院"),
    ("于2024年3月18日入院", "于2024年3月28日入院"),
    ("于2024年 3月 18日入院", "于2024年 3月 28日入院"),
    ("于2024年03月18号入院", "于2024年03月28号入院"),
    ("于2024年3月18入院", "于2024年3月28入院"),
    ("于2022年06年16日11:33入院", "于2022年06年26日11:33入院"),
    ("于2022-06月16日入院", "于2022-06月26日入院"),
    ("于20240318入院", "于20240328入院"),
    ("于202403181130入院", "于202403281130入院"),
    ("于2024 03 18入院", "于2024 03 28入院"),
    ("于2021-03-0511:10入院", "于2021-03-1511:10入院"),
    ("于2021-3-511:10入院", "于2021-03-1511:10入院"),
    ("于2021-3-2511:10入院", "于2021-04-0411:10入院"),
    ("于2024-03-18 11:10:30入院", "于2024-03-28 11:10:30入院"),
    ("于2024-03-18T11:10:30.000+08:00入院", "于2024-03-28T11:10:30.000+08:00入院"),
    ("于2024年3月18日上午9时30分入院", "于2024年3月28日上午9时30分入院"),
    ("于2024年3月18日,11时入院", "于2024年3月28日,11时入院"),
    ("于24年3月18日入院", "于24年3月28日入院"),
    ("于98年12月30日入院", "于99年01月09日入院"),
    ("于99年12月30日入院", "于00年01月09日入院"),
    ("于24-03-18入院", "于24-03-28入院"),
    ("于２０２４．１２．３１入院", "于２０２５．０１．１０入院"),
    ("于２０２４年３月１８日入院", "于２０２４年３月２８日入院"),
    ("于二〇二四年三月十八日入院", "于二〇二四年三月二十八日入院"),
    ("于二零二四年十二月廿三日入院", "于二零二五年一月二日入院"),
    ("于二〇二四年三月十八日上午九时三十分入院", "于二〇二四年三月二十八日上午九时三十分入院"),
    ("于一九九八年三月七日手术", "于一九九八年三月十七日手术"),
    ("于九八年三月七日手术", "于九八年三月十七日手术"),
    ("于2024年三月十八日入院", "于2024年三月二十八日入院"),
]
# The whole of it becomes a word; what stays of the sentence is as it was.
REPLACED = [
    ("于{3月18日}入院", "没有年"),
    ("于{3月18}入院", "没有日字"),
    ("{03-18}行手术", "两位"),
    ("于{3.18}入院", "点"),
    ("于{3/18}入院", "斜线"),
    ("于{三月十八日}入院", "汉字"),
    ("于{三月十八}入院", "汉字无日"),
    ("于{三月廿三}入院", "廿"),
    ("于{七月27号}入院", "混写"),
    ("于{农历八月初三}入院", "农历"),
    ("于{腊月廿三}入院", "腊月"),
    ("于{2024年3月}入院", "年月"),
    ("于{24年3月}入院", "两位年月"),
    ("于{2024-03}入院", "年月短横"),
    ("{2019.05}行手术", "年月点"),
    ("于{2024年3月上旬}入院", "旬"),
    ("于{二〇二四年三月}入院", "汉字年月"),
    ("于{3月份}入院", "月份"),
    ("于{3月上旬}入院", "月旬"),
    ("于{七月底}入院", "月底"),
    ("去年{5月}入院", "去年某月"),
    ("于{民国113年3月18日}入院", "民国"),
    ("于{18/03/2024}入院", "日在前"),
    ("于{Mar 18, 2024}入院", "英文"),
    ("于{18 Mar 2024}入院", "英文日在前"),
    ("{18日}上午手术", "只有日"),
    ("{18日08:00}查房", "日与时刻"),
    ("{3.18号}入院", "点与号"),
    ("{24/3/18}入院", "两位年斜线"),
    ("本月{18号}手术", "本月"),
    ("{2023-02-30}入院", "历法没有"),
    ("检查日期:{240318},", "六位"),
    ("于{2024-\u200b03-18}入院", "零宽"),
]
RANGES = [
    ("2024年3月18日-20日住院", ["3月18", "20日"]),
    ("2024-03-18至03-25住院", ["03-18", "03-25"]),
    ("3月18-20日住院", ["18", "20"]),
    ("3月18、19、20日住院", ["18", "19", "20"]),
    ("三月十八至二十日住院", ["十八", "二十"]),
    ("20240318-20住院", ["0318", "20"]),
    ("2024年3-5月住院", ["2024", "3-5"]),
    ("2024.03.18~2024.03.25住院", ["03.18", "03.25"]),
    ("2019.05-2019.08化疗", ["2019.05", "2019.08"]),
]
KEPT = [
    "3天前出现发热",
    "病程3个月",
    "高血压病史10年3月余",
    "约10年3月前",
    "昨日复查",
    "去年开始",
    "术后第3日",
    "每日3次",
    "肌力4/5级",
    "RR 12-15次/分",
    "BP 130/80mmHg",
    "住院10-12天",
    "3/6级杂音",
    "WBC 9.12",
    "血糖在3.9到6.1mmol/L",
    "PH值在7.5到7.8",
    "5号病房",
    "10号染色体",
    "胰岛素12-10-12U",
    "胰岛素 12-10-12单位",
    "椎体L1-2.3",
    "服药2-3日",
    "7-4日为一疗程",
    "每三月十次",
    "三月二十天",
    "随访3月",
    "每三月一次",
    "3月龄",
    "个月初",
    "按0、1、6月份接种",
    "2~3日发热",
    "比例为1:2.5",
    "细胞2000-3000个",
    "2000多种",
]


@pytest.mark.parametrize(("text", "expected"), MOVED, ids=[text for text, _ in MOVED])
def test_a_day_of_the_calendar_is_moved_in_its_own_form(text: str, expected: str) -> None:
    assert treated(text) == expected


@pytest.mark.parametrize("text", [text for text, _ in REPLACED], ids=[form for _, form in REPLACED])
def test_what_cannot_be_moved_exactly_becomes_a_word(text: str) -> None:
    before, rest = text.split("{")
    assert treated(before + rest.replace("}", "")) == f"{before}〔日期〕{rest.partition('}')[2]}"


@pytest.mark.parametrize("text", [text for text, _ in MOVED])
def test_without_an_offset_no_date_is_left(text: str) -> None:
    assert treated(text, None) in (f"于〔日期〕{tail}" for tail in ("入院", "手术"))


@pytest.mark.parametrize(("text", "pieces"), RANGES, ids=[text for text, _ in RANGES])
def test_both_ends_of_a_range_go(text: str, pieces: list[str]) -> None:
    shown = treated(text, None)
    assert all(piece not in shown for piece in pieces), shown


@pytest.mark.parametrize("text", KEPT)
def test_lengths_of_time_measures_and_relative_days_stay(text: str) -> None:
    assert treated(text) == text


def test_days_of_the_lunar_calendar_are_not_moved() -> None:
    assert shifted("二〇二四年正月初三", 10) is None and shifted("二〇二四年冬月十三日", 10) is None
