"""Computing once for each different value gives the same as computing on every row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from extractor.deid.hierarchies import LevelContext, level_expression
from extractor.deid.pseudonyms import ProjectKeys
from extractor.deid.repeated import computed_once
from extractor.levels import HIERARCHIES

ROWS = 10_000
REFERENCE = date(2025, 12, 31)
VALUES: dict[str, list[object]] = {
    "address": ["福建省福州市鼓楼区东街街道杨桥东路18号", None, "鼓楼区", "北京市朝阳区建国路1号", "", "火星"],
    "division": ["350102", "350102001", None, "999999", "110105", " 350103 "],
    "postcode": ["350001", None, "35000", "100020"],
    "icd10": ["I63.900", "e11.900x001", None, "250.83", "C34.1"],
    "icd9cm3": ["36.0600", None, "79.3200x004", "abc"],
    "age": ["62岁", "3月", None, "90岁以上", "abc", "7"],
    "birth_date": [date(1933, 1, 1) + timedelta(days=step) for step in range(0, 30_000, 4_111)] + [None],
    "event_date": [date(2024, 2, 29), None, date(2023, 12, 31), date(1999, 1, 1)],
    "person_name": ["王伟", "欧阳锋", "欧阳", None, " 张三丰", "买买提·热依木", "欧阳·某", "𠮷野家", "", "李"],
    "phone": [
        "13800138000",
        "+86 138 0013 8000",
        None,
        "1380013800",
        "23800138000",
        "138001380o0",
        "张三张三",
        "１３８００１３８０００",
    ],
}


@pytest.mark.parametrize("kind", VALUES)
def test_long_columns_come_out_as_short_ones_do(kind: str) -> None:
    few = pl.Series("value", VALUES[kind])
    many = pl.concat([few] * (ROWS // len(few)))
    for level in HIERARCHIES[kind].names:
        if level in ("shifted_day", "shifted_time", "none"):
            continue
        context = LevelContext(ProjectKeys.derive(bytes(32), "p"), "d", None, REFERENCE, few.dtype)
        expression = level_expression(pl.col("value"), kind=kind, level=level, context=context)
        short = few.to_frame().select(expression).to_series()
        long = many.to_frame().select(expression).to_series()
        assert long.to_list() == short.to_list() * (ROWS // len(few)), level
        coded = level_expression(pl.col("value"), kind=kind, level=level, context=replace(context, coded=True))
        assert many.to_frame().select(coded).to_series().to_list() == long.to_list(), level


def test_columns_that_do_not_repeat_are_computed_row_by_row() -> None:
    values = pl.Series("value", [f"v{number}" for number in range(ROWS)])
    assert computed_once(values, compute=lambda column: column + "!").to_list() == [f"{v}!" for v in values]


def test_dates_far_apart_do_not_make_a_calendar_of_ages() -> None:
    days = pl.Series("value", [date(1, 1, 1), date(9999, 12, 31), None] * (ROWS // 3))
    years = computed_once(days, compute=lambda column: column.dt.year().cast(pl.String))
    assert set(years.to_list()) == {"1", "9999", None}


def test_columns_of_nulls_stay_null() -> None:
    for dtype in (pl.String, pl.Date):
        empty = pl.Series("value", [None] * ROWS, dtype=dtype)
        assert computed_once(empty, compute=lambda column: column.cast(pl.String)).null_count() == ROWS
