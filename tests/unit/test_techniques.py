"""Each level of each kind on values as Chinese tables write them; what cannot be read is null and is counted."""

from datetime import date, datetime

import polars as pl
import pytest

from extractor.deid.address_levels import resolve
from extractor.deid.hierarchies import LevelContext, level_dtype, level_expression, unparsed_expression
from extractor.deid.pseudonyms import ProjectKeys
from extractor.errors import ConfigurationError
from extractor.levels import HIERARCHIES

KEYS = ProjectKeys.derive(bytes(range(32)), "unit")


def at(level: str, kind: str, *values: object, person: pl.Expr | None = None) -> list[object]:
    frame = pl.DataFrame({"v": pl.Series(values)}).with_row_index("row")
    context = LevelContext(KEYS, "person", person, date(2024, 6, 30), frame.schema["v"])
    out = frame.with_columns(level_expression(pl.col("v"), kind=kind, level=level, context=context))
    assert out.schema["v"] == level_dtype(kind, level, frame.schema["v"])
    return out["v"].to_list()


def unread(level: str, kind: str, *values: object) -> list[bool]:
    frame = pl.DataFrame({"v": pl.Series(values)})
    return frame.select(unparsed_expression(pl.col("v"), kind, level, frame.schema["v"])).to_series().to_list()


def test_dates_are_read_in_every_accepted_form() -> None:
    forms = (
        "2024-03-08",
        "2024/3/8",
        "20240308",
        "2024.03.08",
        "2024-03-08 10:20:30",
        "2024-03-08T10:20:30Z",
        "2024年3月8日",
    )
    assert at("day", "event_date", *forms, "2024-03-08") == [date(2024, 3, 8)] * 8
    assert at("day", "event_date", 20240308) == [date(2024, 3, 8)]
    assert at("time", "event_time", "2024-03-08T10:20:30Z", "2024-03-08 10:20") == [
        datetime(2024, 3, 8, 10, 20, 30),
        datetime(2024, 3, 8, 10, 20),
    ]


def test_what_is_no_date_becomes_null_and_is_counted() -> None:
    bad = ("2024-02-30", "昨天", "2024-03-08abc", "0224-03-08", "20243", "", None)
    assert at("month", "event_date", *bad) == [None] * 7
    assert unread("month", "event_date", *bad) == [True] * 5 + [False] * 2


def test_event_dates_generalise_to_month_quarter_year() -> None:
    day = date(2024, 11, 5)
    assert [at(level, "event_date", day)[0] for level in ("month", "quarter", "year")] == ["2024-11", "2024Q4", 2024]


def test_a_shift_keeps_the_clock_and_the_intervals_of_a_person() -> None:
    person = pl.lit("110101199003074610")
    first, second = at("shifted_time", "event_time", "2024-03-08 10:20:30", "2024-03-18 11:00:00", person=person)
    assert isinstance(first, datetime)
    assert isinstance(second, datetime)
    assert (second - first).days == 10
    assert first.time() == datetime(2024, 3, 8, 10, 20, 30).time()
    assert first.date() != date(2024, 3, 8)


def test_a_date_of_an_unknown_person_is_null_not_unshifted() -> None:
    assert at("shifted_day", "event_date", "2024-03-08", person=pl.lit("")) == [None]


def test_a_shift_without_a_person_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="person"):
        at("shifted_day", "event_date", "2024-03-08")


def test_births_show_no_one_of_ninety_or_more() -> None:
    births = (date(1960, 3, 5), date(1934, 12, 31), date(1911, 1, 1), date(1935, 1, 1))
    assert at("month", "birth_date", *births) == ["1960-03", "≤1934", "≤1934", "1935-01"]
    assert at("quarter", "birth_date", *births) == ["1960Q1", "≤1934", "≤1934", "1935Q1"]
    assert at("year", "birth_date", *births) == [1960, 1934, 1934, 1935]
    assert at("age", "birth_date", *births) == [64, 90, 90, 89]
    assert at("age_band_5", "birth_date", *births) == ["60-64", "90+", "90+", "85-89"]
    assert at("age_band_10", "birth_date", *births) == ["60-69", "90+", "90+", "80-89"]
    assert at("age", "birth_date", date(2025, 1, 1), None) == [None, None]


def test_written_ages_are_completed_years() -> None:
    written = (
        "62岁",
        "62",
        "62周岁",
        "3月",
        "18个月",
        "15天",
        "6岁3个月",
        "新生儿",
        "62 岁",
        "90+",
        "≥90岁",
        "97岁",
        "400天",
    )
    assert at("age", "age", *written) == [62, 62, 62, 0, 1, 0, 6, 0, 62, 90, 90, 90, 1]
    assert at("age", "age", 45.9, 999.0, -1.0) == [45, None, None]
    assert at("age_band_5", "age", 0, 90, 89) == ["0-4", "90+", "85-89"]
    assert unread("age", "age", "不详", "62岁", "", "≥60岁") == [True, False, False, True]


def test_divisions_climb_by_code_and_unknown_codes_are_null() -> None:
    codes = ("350102", "350102001", "350102001002", "110101", "110228", "350403", "999999", "350199", "35010")
    assert at("county", "division", *codes) == ["350102"] * 3 + ["110101", "110228", "350403"] + [None] * 3
    assert at("prefecture", "division", *codes)[:5] == ["350100"] * 3 + ["110000"] * 2
    assert at("province", "division", 350102, 110101) == ["350000", "110000"]
    assert unread("county", "division", *codes)[5:] == [False, True, True, True]


ADDRESSES = {
    "福建省福州市鼓楼区东街街道杨桥东路18号3座502": (
        "福建省福州市鼓楼区东街街道",
        "福建省福州市鼓楼区",
        "福建省福州市",
        "福建省",
    ),
    "福州鼓楼区杨桥东路": ("福建省福州市鼓楼区", "福建省福州市鼓楼区", "福建省福州市", "福建省"),
    "昆山市玉山镇": ("江苏省苏州市昆山市玉山镇"[:11], "江苏省苏州市昆山市", "江苏省苏州市", "江苏省"),
    "北京市市辖区朝阳区三里屯街道办事处": ("北京市朝阳区三里屯街道", "北京市朝阳区", "北京市", "北京市"),
    "内蒙古呼和浩特市新城区": ("内蒙古自治区呼和浩特市新城区",) * 2 + ("内蒙古自治区呼和浩特市", "内蒙古自治区"),
    "湖北省仙桃市沙嘴街道": ("湖北省仙桃市沙嘴街道", "湖北省仙桃市", "湖北省", "湖北省"),
    "湖北省襄樊市襄阳区": ("湖北省襄樊市襄阳区", "湖北省襄樊市襄阳区", "湖北省襄樊市", "湖北省"),
    "鼓楼区杨桥路18号": (None,) * 4,
    "朝阳区": (None,) * 4,
    "美国加州": (None,) * 4,
}


def test_addresses_climb_by_names_of_the_table_only() -> None:
    levels = ("street", "county", "prefecture", "province")
    found = zip(*(at(level, "address", *ADDRESSES) for level in levels), strict=True)
    expected = dict(ADDRESSES)
    expected["昆山市玉山镇"] = ("江苏省苏州市昆山市玉山镇", *ADDRESSES["昆山市玉山镇"][1:])
    assert dict(zip(ADDRESSES, found, strict=True)) == expected


def test_no_house_or_person_leaves_with_a_street() -> None:
    traps = ("杨桥东路18号老乡小区", "镇江路18号", "老乡小区", "景德镇路2号", "18号乡", "张三家王乡人")
    assert set(at("street", "address", *(f"福建省福州市鼓楼区{trap}" for trap in traps))) == {"福建省福州市鼓楼区"}


def test_an_unconfirmed_part_falls_back_to_what_is_certain() -> None:
    place = resolve("福建省福州市思明区")
    assert place is not None
    assert (place.prefecture, place.county) == ("福州市", "")
    assert at("county", "address", "福建省福州市高新区科技路") == ["福建省福州市"]


def test_postcodes_keep_their_first_digits() -> None:
    assert at("digits_4", "postcode", "350001", "35000", "ABCDEF") == ["3500", None, None]
    assert at("digits_2", "postcode", 10000) == ["01"]


def test_disease_codes_are_read_as_the_chinese_editions_write_them() -> None:
    codes = ("I10.x00", "i10", "I10.x00x002", "E11.900x001", "C34.1", "A17.000†G01*", "S72.001A", "I10", "U07.1")
    assert at("category_3", "icd10", *codes) == ["I10", "I10", "I10", "E11", "C34", "A17", "S72", "I10", "U07"]
    assert at("block", "icd10", "I10.x00", "C34.1", "Z51.1") == ["I10-I15", "C30-C39", "Z40-Z54"]
    assert at("chapter", "icd10", "I10.x00", "D50", "T98", "W19", "Z51.1") == [
        "I00-I99",
        "D50-D89",
        "S00-T98",
        "V01-Y98",
        "Z00-Z99",
    ]


def test_other_codes_are_not_taken_for_icd_10() -> None:
    others = ("250.83", "M8140/3", "BNP010", "A01.03.14", "高血压", "I1", "E99")
    assert at("category_3", "icd10", *others) == [None] * 7
    assert unread("chapter", "icd10", *others) == [True] * 7


def test_procedure_codes_climb_to_category_and_chapter() -> None:
    assert at("category_2", "icd9cm3", "36.0600", "36.06", "00.66x001", "250.83", "36") == [
        "36",
        "36",
        "00",
        None,
        "36",
    ]
    assert at("chapter", "icd9cm3", "36.0600", "17.11", "99.15") == ["35-39", "17", "87-99"]
    assert at("category_2", "icd9cm3", 36.06) == [None]


def test_amounts_are_rounded_half_to_even_step_by_step() -> None:
    assert at("round_10", "amount", 25.0, 35.0, -25.0, 4.9, 0.0) == [20.0, 40.0, -20.0, 0.0, 0.0]
    assert at("round_100", "amount", 1149, 1151, 1250) == [1200, 1200, 1200]
    assert at("round_10", "amount", "¥1,234.50", "88元", "1234", "免费", "12,34") == [1230.0, 90.0, 1230.0, None, None]
    assert at("round_10", "amount", float("nan"), float("inf")) == [None, None]


def test_amount_bands_follow_the_1_2_5_series() -> None:
    amounts = (0, 1234, 2000, 4999, 5000, -1500, 10**13)
    bands = ["0-100", "1000-2000", "2000-5000", "5000-10000", "5000-10000", "-(1000-2000)", "1000000000000+"]
    assert at("band", "amount", *amounts) == bands


def test_quantities_keep_two_digits() -> None:
    assert at("round_2_digits", "quantity", "5.67", "0.1234", "阴性") == [5.7, 0.12, None]
    assert at("round_2_digits", "quantity", 1234, 0, -1234) == [1200, 0, -1200]


MASKS = {
    "resident_id": (("35010219900307461x", "350102900307461", "3501021990", "00010219900307461X"), ["35" + "*" * 16] * 2 + [None] * 2),
    "passport": (("E12345678", "141234567", "护照"), ["E********", "********", None]),
    "person_name": (
        ("张三", "张三丰", "欧阳锋", "司马", "阿卜杜拉·买买提", "𠮷田一", "John Smith", "*三", " 李 四 "),
        ["张**", "张**", "欧阳**", "司**", "阿**", "𠮷**", "J**", None, "李**"],
    ),
    "phone": (("+86 138-1234-5678", "13812345678", "1381234567", "8613812345678"), ["138****5678"] * 2 + [None, "138****5678"]),
    "landline": (
        ("0591-87654321", "(010)87654321转801", "87654321", "400-8123456", "12"),
        ["0591-********", "010-********", "********", "400-********", None],
    ),
    "email": (("zhang@qq.com", "zhang@zhangsan.cn", "无"), ["***@qq.com", "***@***", None]),
    "bank_card": (("6222 0212 3456 7890 123", "123"), ["622202**********", None]),
    "insurance_id": (("350102199003074610", "A12345678", "无"), ["35" + "*" * 16, "*" * 10, None]),
    "licence": (("110350000012345", "无"), ["1" + "*" * 14, None]),
    "plate": (("闽A·12345", "闽AD12345", "WJ闽1234X", "12345"), ["闽A*****", "闽A*****", "WJ*****", None]),
    "account": (("wxid_abc123", "ab"), ["w*******", None]),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_keeps_only_what_its_kind_allows(kind: str) -> None:
    values, expected = MASKS[kind]
    assert at("mask", kind, *values) == expected


def test_every_kind_with_a_mask_has_a_case() -> None:
    assert set(MASKS) == {kind for kind, hierarchy in HIERARCHIES.items() if "mask" in hierarchy.names}


def test_text_treatment_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"extractor\.deid\.free_text"):
        at("redacted", "free_text", "x")


def test_a_column_type_without_values_of_the_kind_is_refused() -> None:
    for kind, level in (("event_date", "month"), ("age", "age"), ("amount", "band"), ("icd10", "block")):
        with pytest.raises(ConfigurationError):
            at(level, kind, [1])


def test_none_and_raw_keep_the_type() -> None:
    assert at("none", "amount", 1.5) == [None]
    assert at("raw", "category", "男") == ["男"]
