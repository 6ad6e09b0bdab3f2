"""The generated hospital: alike for a seed, sound in its references, skewed as life is, and honest about what it cannot do."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from extractor.demo.hospital import TABLES, Hospital, write_hospital
from extractor.demo.illnesses import ILLNESSES
from extractor.demo.people import draw_pools, draw_surnames
from extractor.errors import ConfigurationError, StorageError, UsageError

pytest.importorskip("faker", reason="the extra `demo` is not installed")
np = pytest.importorskip("numpy")

FACTORS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return write_hospital(tmp_path_factory.mktemp("hospital"), patients=300)


@pytest.fixture(scope="module")
def tables(hospital: Hospital) -> dict[str, pl.DataFrame]:
    return {name: pl.read_parquet(written.glob) for name, written in hospital.tables.items()}


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    written = write_hospital(tmp_path_factory.mktemp("larger"), patients=3_000, seed=7).tables
    return {name: pl.read_parquet(entry.glob) for name, entry in written.items()}


def has_right_check_digit(identity: str) -> bool:
    """Say so by GB 11643, computed apart from the generator."""
    total = sum(int(digit) * factor for digit, factor in zip(identity[:17], FACTORS, strict=True))
    return "10X98765432"[total % 11] == identity[17]


def test_the_same_seed_gives_the_same_rows_and_another_seed_does_not(
    tmp_path: Path, tables: dict[str, pl.DataFrame]
) -> None:
    again = write_hospital(tmp_path / "again", patients=300)
    other = write_hospital(tmp_path / "other", patients=300, seed=1)
    for name, frame in tables.items():
        assert frame.equals(pl.read_parquet(again.tables[name].glob)), name
        assert not frame.equals(pl.read_parquet(other.tables[name].glob)), name


def test_the_tables_have_the_columns_and_rows_that_are_described(
    hospital: Hospital, tables: dict[str, pl.DataFrame]
) -> None:
    assert list(tables) == [table.name for table in TABLES]
    for table in TABLES:
        assert tables[table.name].columns == [column.name for column in table.columns]
        assert tables[table.name].height == hospital.tables[table.name].rows > 0
        assert all(column.zh for column in table.columns)


def test_a_large_table_is_written_in_several_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extractor.demo.hospital.ROWS_PER_FILE", 100)
    written = write_hospital(tmp_path, patients=300)
    assert [path.name for path in sorted((tmp_path / "patients").iterdir())] == [
        f"part-{n:05d}.parquet" for n in range(3)
    ]
    assert pl.read_parquet(written.tables["patients"].glob).height == 300


def test_every_row_refers_to_a_stay_and_a_patient_that_exist(tables: dict[str, pl.DataFrame]) -> None:
    patients, admissions = tables["patients"], tables["admissions"]
    assert patients["BAH"].is_unique().all() and admissions["ZYH"].is_unique().all()
    assert set(admissions["BAH"]) == set(patients["BAH"])
    for name in ("diagnoses", "charges", "notes"):
        assert tables[name].join(admissions, on=["ZYH", "BAH"], how="anti").is_empty(), name
    employed = set(tables["staff"]["XM"])
    assert all(set(admissions[role]) <= employed for role in ("KZR", "ZRYS", "ZZYS", "ZYYS", "ZRHS"))


def test_identity_numbers_agree_with_birth_and_sex_and_one_in_a_hundred_is_wrong(
    larger: dict[str, pl.DataFrame],
) -> None:
    people = larger["patients"].filter(pl.col("SFZJHM").is_not_null())
    identity = people["SFZJHM"]
    assert identity.str.contains(r"^\d{17}[\dX]$").all()
    assert (identity.str.slice(6, 8) == people["CSRQ"].dt.strftime("%Y%m%d")).all()
    male = identity.str.slice(16, 1).cast(pl.Int64) % 2 == 1
    assert (male == (people["XB"] == "男")).all()
    wrong = sum(not has_right_check_digit(value) for value in identity) / len(identity)
    assert 0.003 < wrong < 0.02
    assert 0.01 < 1 - people.height / larger["patients"].height < 0.1
    assert identity.str.starts_with("35").mean() > 0.9  # type: ignore[operator]


def test_most_live_in_fuzhou_and_some_elsewhere(tables: dict[str, pl.DataFrame]) -> None:
    here = tables["patients"]["XZQH"].str.starts_with("3501")
    assert 0.8 < here.mean() < 0.97  # type: ignore[operator]
    home = tables["patients"].filter(pl.col("XZQH").str.starts_with("3501"))["XZZ"]
    assert home.str.contains("福州市").all() and home.str.contains(r"\d").all()


def test_there_are_newborns_and_people_of_ninety_and_more(tables: dict[str, pl.DataFrame]) -> None:
    ages = tables["admissions"]["NL"]
    assert (ages >= 90).sum() > 0 and (ages == 0).sum() > 0
    assert ages.min() >= 0 and ages.max() < 110  # type: ignore[operator]
    assert (ages >= 60).mean() > 0.3  # type: ignore[operator]


def test_ages_stays_and_dates_agree(larger: dict[str, pl.DataFrame]) -> None:
    stays = larger["admissions"].join(larger["patients"], on="BAH")
    day = pl.col("RYRQ").dt.date()
    assert stays["RYRQ"].dt.year().is_between(2023, 2025).all() and stays["CYRQ"].dt.year().is_between(2023, 2025).all()
    assert stays.select(
        ((pl.col("CYRQ") - day).dt.total_days() == pl.col("ZYTS")).all() & (pl.col("ZYTS") > 0).all()
    ).item()
    assert stays.select((day >= pl.col("CSRQ")).all()).item()
    had_birthday = pl.concat_str(day.dt.strftime("%m%d")) >= pl.col("CSRQ").dt.strftime("%m%d")
    whole_years = day.dt.year() - pl.col("CSRQ").dt.year() - (~had_birthday).cast(pl.Int32)
    assert stays.select((whole_years == pl.col("NL")).all()).item()
    by_stay = larger["notes"].join(stays, on="ZYH")
    assert by_stay.select(pl.col("JLSJ").dt.date().is_between(day, pl.col("CYRQ")).all()).item()


def test_few_come_often_and_nobody_comes_back_after_death(larger: dict[str, pl.DataFrame]) -> None:
    admissions = larger["admissions"]
    visits = admissions.group_by("BAH").len()["len"]
    assert 1.3 < visits.mean() < 1.7 and visits.median() == 1 and visits.max() >= 8  # type: ignore[operator]
    last = admissions.group_by("BAH").agg(pl.col("RYRQ").max().alias("last"))
    dead = admissions.filter(LYFS="死亡").join(last, on="BAH")
    assert dead.height > 0 and (dead["RYRQ"] == dead["last"]).all()


def test_illnesses_fit_sex_and_age_and_few_are_frequent(larger: dict[str, pl.DataFrame]) -> None:
    stays = larger["admissions"].join(larger["patients"].select("BAH", "XB"), on="BAH")
    for illness in ILLNESSES:
        if illness.sex:
            assert (stays.filter(JBDM=illness.code)["XB"] == illness.sex).all(), illness.code
    births = stays.filter(pl.col("JBDM").str.starts_with("O8"))
    assert births.height > 50 and births["NL"].is_between(15, 50).all()
    shares = stays["JBDM"].value_counts(sort=True)["count"] / stays.height
    assert shares[:10].sum() > 0.35 and len(shares) > 30


def test_costs_add_up_from_charges_to_total(larger: dict[str, pl.DataFrame]) -> None:
    parts = ("YBYLFWF", "YBZLCZFY", "HLF", "SSZLF", "XYF", "ZCYF", "SYSZDF", "YXXZDF", "YYCLF")
    admissions = larger["admissions"]
    assert ((admissions.select(parts).sum_horizontal() - admissions["ZFY"]).abs() < 0.005).all()
    assert (admissions["KJYWFY"] <= admissions["XYF"]).all() and (admissions["QZZFJE"] <= admissions["ZFY"]).all()
    billed = larger["charges"].group_by("ZYH").agg(pl.col("JE").sum(), pl.len())
    joined = admissions.join(billed, on="ZYH", how="left")
    assert ((joined["JE"] - joined["ZFY"]).abs() < 0.005).all()
    assert admissions["ZFY"].mean() > admissions["ZFY"].median() * 1.15  # type: ignore[operator]
    assert 6 <= joined["len"].mean() <= 10  # type: ignore[operator]
    assert ((admissions["SSZLF"] > 0) == admissions["ZYSSYCZBM"].is_not_null()).all()


def test_every_note_holds_something_of_its_own_patient(larger: dict[str, pl.DataFrame]) -> None:
    notes = larger["notes"].join(larger["patients"], on="BAH")
    own = ("BRXM", "ZYH", "BAH", "SFZJHM", "DH", "LXRXM", "LXRDH", "XZZ")
    found = notes.select(
        pl.any_horizontal(
            pl.col("JLNR").str.contains(pl.col(column), literal=True).fill_null(False) for column in own
        ).alias("any"),
        pl.col("JLNR").str.contains(pl.col("BRXM"), literal=True).alias("name"),
    )
    assert found["any"].all()
    assert found["name"].mean() > 0.6  # type: ignore[operator]
    assert notes["JLNR"].str.len_chars().is_between(120, 400).all()
    assert 0.6 < notes.height / larger["patients"].height < 1.6
    assert set(notes["JLLX"]) == {"首次病程记录", "日常病程", "会诊", "出院小结"}
    assert not notes["JLNR"].str.contains("[{}]|None").any()


def test_surnames_are_skewed_and_names_are_many(larger: dict[str, pl.DataFrame]) -> None:
    names = larger["patients"]["BRXM"]
    leading = names.str.slice(0, 1).value_counts(sort=True)
    assert set(leading["name" if "name" in leading.columns else "BRXM"][:8]) >= {"王", "李", "张", "陈", "林"}
    assert leading["count"][:5].sum() > 0.25 * names.len()
    assert names.n_unique() > 0.6 * names.len()
    assert names.str.contains("·|•").any() and names.str.contains("之[子女]$").any()
    drawn = draw_surnames(np.random.default_rng(1), draw_pools(1), count=20_000)
    assert {"欧阳", "上官"} <= set(drawn)


def test_a_second_hospital_is_not_written_over_the_first(hospital: Hospital) -> None:
    with pytest.raises(StorageError, match="empty folder"):
        write_hospital(hospital.folder, patients=10)


def test_a_hospital_of_one_patient_is_written_and_of_none_is_refused(tmp_path: Path) -> None:
    assert write_hospital(tmp_path / "one", patients=1).tables["patients"].rows == 1
    with pytest.raises(UsageError):
        write_hospital(tmp_path / "none", patients=0)


def test_without_faker_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'extractor\[demo\]'"):
        write_hospital(tmp_path / "x", patients=10)
    assert not (tmp_path / "x").exists()
