"""Dates in text that tell more than the plan gives: days without a year, and births."""

from __future__ import annotations

import polars as pl
import pytest

from extractor.deid.known_values import KnownColumn
from extractor.deid.text_treatment import Treatment, treat_column


def treated(text: str, *, born: str | None = None, name: str | None = None) -> str:
    known = [KnownColumn(pl.Series([born], dtype=pl.String), "birth_date")] if born else []
    known += [KnownColumn(pl.Series([name], dtype=pl.String), "person_name")] if name else []
    treatment = Treatment(
        "surrogate", person_pseudonym=pl.Series(["pseudo"]), day_offset=pl.Series([10], dtype=pl.Int32), key=bytes(32)
    )
    return str(treat_column(pl.Series([text]), known=known, treatment=treatment).texts[0])


@pytest.mark.parametrize(
    "text", ["09-18复查", "术后第3天(11-27)", "9/18行手术", "于5.12入院", "18号出院", "11-27 复诊"]
)
def test_days_without_a_year_are_not_left_beside_shifted_dates(text: str) -> None:
    assert "〔日期〕" in treated(text)


@pytest.mark.parametrize(
    "text",
    [
        "肌力4/5级",
        "RR 12-15次/分",
        "BP 130/80mmHg",
        "住院10-12天",
        "3/6级杂音",
        "WBC 9.12",
        "10-12岁",
        "体温36.5",
        "5号病房",
    ],
)
def test_measures_and_ranges_are_no_days(text: str) -> None:
    assert "日期" not in treated(text)


@pytest.mark.parametrize("text", ["出生于1950.09.20", "1927/05/30出生", "生日:1930年9月10日", "1950年9月20日生,农民"])
def test_a_birth_date_in_a_text_is_replaced_and_not_shifted(text: str) -> None:
    assert "〔日期〕" in treated(text) and "19" not in treated(text)


def test_the_patients_own_birth_date_is_replaced_without_a_cue() -> None:
    shown = treated("患者1950年9月20日,2024年3月18日入院", born="1950-09-20")
    assert shown == "患者〔日期〕,2024年3月28日入院"


@pytest.mark.parametrize("form", ["老王", "王老", "小王", "王大爷", "王奶奶"])
def test_familiar_forms_of_the_patients_name_are_known(form: str) -> None:
    assert form not in treated(f"{form}今日精神好", name="王建国")


def test_a_surname_makes_no_comparison_a_name() -> None:
    assert "小于5cm" in treated("结节小于5cm", name="于建国")
