"""Risk figures on cases one can count by hand, and on the public adult table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from extractor.deid.classes import PersonClasses, ReleaseTable, Unit, build_classes
from extractor.deid.gate import sizes_without
from extractor.deid.risk import assess, assess_file
from extractor.errors import RiskNotMet, SourceError, UsageError
from extractor.requests import SharingMode

ADULT = Path(__file__).parents[3] / "shared" / "data" / "tables" / "adult" / "adult.csv"
PUBLIC, CONTROLLED, ENCLAVE = SharingMode.PUBLIC, SharingMode.CONTROLLED, SharingMode.ENCLAVE


def visits(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns)


def release(frame: pl.DataFrame, *, name: str = "visits", person: str | None = None) -> ReleaseTable:
    quasi = tuple(c for c in frame.columns if c not in ("person", "disease"))
    sensitive = tuple(c for c in frame.columns if c == "disease")
    return ReleaseTable(name, frame, quasi, sensitive, person)


def test_a_mode_times_its_context_is_always_one_in_twenty():
    assert {float(m.tau * m.context) for m in SharingMode} == {0.05}
    assert [float(m.context) for m in (PUBLIC, CONTROLLED, ENCLAVE)] == [1.0, 0.25, 0.15]


@pytest.mark.parametrize(("mode", "least"), [(PUBLIC, 20), (CONTROLLED, 5), (ENCLAVE, 3)])
def test_grade_3_begins_at_the_class_size_of_the_mode(mode, least):
    enough = assess([release(visits(sex=["女"] * least))], mode=mode)
    fewer = assess([release(visits(sex=["女"] * (least - 1)))], mode=mode)
    assert (enough.grade, enough.R_a, enough.R) == (3, 0.0, 0.05)
    assert (fewer.grade, fewer.R_a) == (2, 1.0)


def test_a_direct_identifier_makes_grade_1_and_aggregation_grade_4():
    one = release(visits(sex=["女"] * 40))
    assert assess([one], mode=PUBLIC, direct_left=True, aggregated=True).grade == 1
    assert assess([one], mode=PUBLIC, aggregated=True).grade == 4


def test_figures_of_two_classes_are_as_counted_by_hand():
    frame = visits(sex=["男"] * 6 + ["女"] * 2, disease=["a", "a", "b", "b", "c", "c", "a", "a"])
    figures = assess([release(frame)], mode=CONTROLLED)
    assert (figures.rows, figures.persons, figures.classes, figures.k, figures.l) == (8, 8, 2, 2, 1)
    assert (figures.R_a, figures.R_b, figures.R_c, figures.R) == (0.25, 0.5, 0.25, 0.125)
    assert figures.t == pytest.approx(0.5)  # women: all a, of all: half a
    assert [(b.low, b.classes, b.persons) for b in figures.sizes if b.classes] == [(2, 1, 2), (5, 1, 6)]


def test_json_has_the_keys_that_the_command_promises():
    json = assess([release(visits(sex=["男"]))], mode=PUBLIC).as_json()
    assert {"rows", "persons", "classes", "k", "l", "t", "R_a", "R_b", "R_c", "R", "grade"} <= set(json)
    assert json["mode"] == "public" and json["l"] is None


def test_ordered_distance_of_numbers_is_that_of_the_t_closeness_paper():
    # Li, Li and Venkatasubramanian 2007, section 4: salaries 3k…11k, classes {3,4,5}, {6,8,11}, {7,9,10}.
    salary = [3, 4, 5, 6, 8, 11, 7, 9, 10]
    frame = visits(zone=["p"] * 3 + ["q"] * 3 + ["r"] * 3, disease=salary)
    assert assess([release(frame)], mode=PUBLIC).t == pytest.approx(0.375)
    two = frame.with_columns(pl.Series("zone", ["s"] * 3 + ["q"] * 3 + ["s"] * 3))
    assert assess([release(two)], mode=PUBLIC).t == pytest.approx(1 / 6)  # the paper's 0.167 for {6k, 8k, 11k}


def test_persons_with_the_same_visits_in_any_order_and_number_are_one_class():
    frame = visits(person=[1, 1, 2, 2, 2, 3], ward=["a", "b", "b", "a", "a", "a"])
    figures = assess([release(frame, person="person")], mode=PUBLIC)
    assert (figures.rows, figures.persons, figures.classes, figures.k) == (6, 3, 2, 1)
    by_rows = assess([release(frame, person="person")], mode=PUBLIC, unit=Unit.ROWS)
    assert (by_rows.persons, by_rows.classes, by_rows.k) == (6, 2, 2)


def test_a_second_table_tells_persons_apart_that_the_first_does_not():
    people = release(visits(person=["甲", "乙", "丙", "丁"], sex=["女"] * 4), name="people", person="person")
    stays = release(visits(person=["乙", "丁", "乙"], ward=["a", "a", "b"]), name="stays", person="person")
    assert assess([people], mode=PUBLIC).k == 4
    both = build_classes([people, stays])
    assert sorted(both.sizes) == [1, 1, 2]  # 甲 and 丙 have no stay and stay together
    assert both.quasi == ("people.sex", "stays.ward")
    assert sorted(sizes_without(both, "stays.ward")) == [2, 2]


def test_a_beginning_of_a_profile_is_not_the_profile():
    # One is {a}, one {a, b}, one {b}: walks of different length must not end in the same class.
    frame = visits(person=[1, 2, 2, 3, 4, 4, 5], ward=["a", "a", "b", "b", "b", "a", "a"])
    assert sorted(build_classes([release(frame, person="person")]).sizes) == [1, 2, 2]


def test_profiles_with_the_same_end_are_told_apart_by_their_beginning():
    frame = visits(person=[1, 1, 2, 2, 3, 3, 4, 4], ward=[1, 9, 1, 9, 2, 9, 2, 9])
    assert sorted(build_classes([release(frame, person="person")]).sizes) == [2, 2]


def test_fractions_below_zero_are_in_their_order():
    # -2 < -1 < 1: the class of -2 lies at one end, so its distance is (2/3 + 1/3) / 2.
    frame = visits(zone=["p", "q", "r"], disease=[-2.0, -1.0, 1.0])
    figures = assess([release(frame.with_columns(pl.Series("zone", ["p", "q", "q"])))], mode=PUBLIC)
    assert figures.t == pytest.approx(0.5)
    middle = frame.with_columns(pl.Series("zone", ["q", "p", "q"]))
    assert assess([release(middle)], mode=PUBLIC).t == pytest.approx(1 / 3)


def test_null_is_a_value_of_its_own_and_equal_to_other_nulls():
    frame = visits(age=[None, None, 0, 0, 1], name=["", "", None, None, None])
    assert sorted(build_classes([release(frame)]).sizes) == [1, 2, 2]


def test_nulls_at_both_ends_of_64_bits_are_kept_apart_from_them():
    frame = pl.DataFrame({"a": [-(2**63), 2**63 - 1, None, None, 0]}, schema={"a": pl.Int64})
    assert sorted(build_classes([release(frame)]).sizes) == [1, 1, 1, 2]


def test_minus_zero_is_zero_and_not_a_number_is_itself():
    frame = visits(x=[0.0, -0.0, float("nan"), -float("nan"), float("inf"), -float("inf")])
    assert sorted(build_classes([release(frame)]).sizes) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    "dtype",
    [
        *(pl.Date, pl.Datetime("us"), pl.Duration("ms"), pl.Time, pl.Boolean, pl.UInt64, pl.Int8, pl.Float32),
        *(pl.Decimal(12, 2), pl.Decimal(30, 2), pl.Int128, pl.String, pl.Categorical),
    ],
)
def test_every_plain_type_groups_as_polars_groups_it(dtype):
    numbers = pl.Series([0, 1, 1, 0, 1, None, None, 1])
    if dtype in (pl.String, pl.Categorical):
        numbers = numbers.cast(pl.String)
    frame = pl.DataFrame({"x": numbers.cast(dtype), "y": [1, 1, 1, 2, 2, 2, 2, 1]})
    expected = sorted(frame.group_by("x", "y").len()["len"])
    assert sorted(build_classes([release(frame)]).sizes) == expected


def test_a_list_column_is_refused_by_name():
    with pytest.raises(UsageError, match=r"visits\.codes"):
        build_classes([release(pl.DataFrame({"codes": [["a"], ["b"]]}))])


@pytest.mark.parametrize("columns", [7, 14, 30])
def test_keys_that_overflow_64_bits_stay_exact(columns):
    rng = np.random.default_rng(7)
    half = pl.DataFrame({f"c{i}": rng.permutation(1500) * 1_000_003 for i in range(columns)})
    frame = pl.concat([half, half.head(400)])
    classes = build_classes([release(frame)])
    assert sorted(classes.sizes) == [1] * 1100 + [2] * 400
    assert len(classes.tables[0].words) > 1
    assert sorted(sizes_without(classes, "visits.c3")) == [1] * 1100 + [2] * 400


def test_a_column_that_alone_separates_everybody_is_found_across_words():
    rows = 2000
    frame = pl.DataFrame({f"c{i}": np.full(rows, i) for i in range(5)} | {"id": np.arange(rows) * 10**12})
    frame = frame.with_columns([(pl.col("id") % 7).alias(f"d{i}") for i in range(6)])
    classes = build_classes([release(frame)])
    assert len(classes.sizes) == rows
    expected = sorted(frame.group_by(pl.exclude("id")).len()["len"])
    assert sorted(sizes_without(classes, "visits.id")) == expected


def test_one_huge_class_and_all_unique_are_both_counted():
    rows = 300_000
    same = assess([release(visits(sex=["女"] * rows))], mode=PUBLIC)
    assert (same.classes, same.k, same.R_c) == (1, rows, 1 / rows)
    unique = assess([release(visits(number=np.arange(rows) * 7919))], mode=PUBLIC)
    assert (unique.classes, unique.k, unique.R_a, unique.R_c, unique.grade) == (rows, 1, 1.0, 1.0, 2)


def test_batches_of_a_lazy_table_give_the_classes_of_the_whole(tmp_path):
    rng = np.random.default_rng(3)
    rows = 2_300_000
    frame = pl.DataFrame(
        {"person": rng.permutation(rows) - 5, "a": rng.integers(0, 300, rows), "b": rng.integers(-9, 90000, rows)}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    table = ReleaseTable("t", pl.scan_parquet(tmp_path / "t.parquet"), ("a", "b"), (), "person")
    assert sorted(build_classes([table]).sizes) == sorted(frame.group_by("a", "b").len()["len"])


def test_words_keep_their_code_from_batch_to_batch():
    rows = 1 << 20
    ward = pl.concat([pl.Series(["甲"] * rows), pl.Series(["乙"] * rows), pl.Series([None, "甲", "丙"])])
    person = pl.Series(range(len(ward))).cast(pl.String)
    frame = pl.DataFrame({"person": pl.concat([person[1:], person[:1]]), "ward": ward})
    classes = build_classes([release(frame, person="person")])
    assert sorted(classes.sizes) == [1, 1, rows, rows + 1]
    assert classes.person_keys.equals(frame["person"])


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.String, pl.Int16])
def test_person_keys_come_back_in_their_own_type(dtype):
    keys = pl.Series("person", [3, 1, 2, 2, 7]).cast(dtype)
    frame = pl.DataFrame({"person": keys, "ward": ["a", "b", "b", "b", "a"]})
    for part in (frame, frame.head(3)):
        classes = build_classes([release(part, person="person")])
        assert classes.person_keys.dtype == dtype
        wards = dict(part.iter_rows())
        by_class = {}
        for key, group in zip(classes.person_keys, classes.class_of_person, strict=True):
            by_class.setdefault(int(group), set()).add(wards[key])
        assert all(len(found) == 1 for found in by_class.values())
        assert set(classes.person_keys) == set(part["person"])


def test_large_unsigned_pseudonyms_are_kept_whole():
    keys = pl.Series("person", [2**64 - 1, 0, 2**63, 2**64 - 1], dtype=pl.UInt64)
    classes = build_classes([release(pl.DataFrame({"person": keys, "ward": [1, 2, 2, 1]}), person="person")])
    assert set(classes.person_keys) == {2**64 - 1, 0, 2**63}
    assert sorted(classes.sizes) == [1, 2]


def test_a_row_without_a_person_stops_the_assessment():
    with pytest.raises(SourceError, match=r"visits\.person"):
        build_classes([release(visits(person=[1, None], ward=["a", "b"]), person="person")])


def test_person_columns_of_two_types_are_refused():
    one = release(visits(person=[1], ward=["a"]), name="one", person="person")
    two = release(visits(person=["1"], ward=["a"]), name="two", person="person")
    three = release(visits(ward=["a"]), name="three")
    for tables in ([one, two], [one, three], [one, one], []):
        with pytest.raises(UsageError):
            build_classes(tables)


def test_integer_keys_of_two_widths_name_the_same_persons_and_lose_nothing():
    wide = pl.DataFrame({"person": [1, 2**40, 3], "sex": ["女"] * 3})
    narrow = pl.DataFrame({"person": pl.Series([3, 1], dtype=pl.Int16), "ward": ["a", "b"]})
    tables = [release(wide, name="people", person="person"), release(narrow, name="stays", person="person")]
    for pair in (tables, tables[::-1]):
        assert set(build_classes(pair).person_keys) == {1, 2**40, 3}


def test_a_person_column_of_fractions_is_refused():
    with pytest.raises(UsageError, match="text, signed or unsigned"):
        build_classes([release(visits(person=[1.5, 2.5], ward=["a", "b"]), person="person")])


def test_an_empty_release_is_refused():
    with pytest.raises(RiskNotMet, match="no row"):
        assess([release(pl.DataFrame(schema={"sex": pl.String}))], mode=PUBLIC)


def test_an_empty_table_beside_a_full_one_is_no_harm():
    people = release(visits(person=[1, 2], sex=["女", "女"]), name="people", person="person")
    none = pl.DataFrame(schema={"person": pl.Int64, "ward": pl.String, "disease": pl.String})
    classes = build_classes([people, release(none, name="stays", person="person")])
    assert sorted(classes.sizes) == [2]
    assert sorted(sizes_without(classes, "stays.ward")) == [2]


def test_a_broken_source_is_named_without_a_value(tmp_path):
    frame = pl.LazyFrame({"sex": ["秘密一", "秘密二"]}).with_columns(pl.col("sex").cast(pl.Int64))
    with pytest.raises(SourceError) as caught:
        build_classes([ReleaseTable("people", frame, ("sex",))])
    assert "秘密" not in str(caught.value) + caught.value.text("zh") and caught.value.__suppress_context__


def test_no_value_stands_in_a_repr():
    tables = [release(visits(person=["秘密一", "秘密二"], sex=["秘密三"] * 2), person="person")]
    assert "秘密" not in repr(tables) + repr(build_classes(tables))


def test_adult_agrees_with_a_plain_group_by():
    if not ADULT.exists():
        pytest.skip("the adult table is not there")
    quasi = ("sex", "race", "education", "workclass")
    frame = pl.read_csv(ADULT, separator=";")
    counted = frame.group_by(quasi).agg(pl.len(), pl.col("salary-class").n_unique().alias("l"))
    figures = assess_file(ADULT, quasi=quasi, sensitive=("salary-class",), mode=PUBLIC)
    assert (figures.k, figures.classes) == (counted["len"].min(), counted.height)
    assert (figures.rows, figures.l) == (frame.height, counted["l"].min())
    assert figures.at_risk == counted.filter(pl.col("len") < 20)["len"].sum()


TEXT = "姓别;年龄;金额\n女;30;1.5\n女;30;2\n男;;30\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [";", ","])
def test_csv_is_read_in_its_encodings_and_separators(tmp_path, encoding, separator):
    path = tmp_path / "表.csv"
    path.write_bytes(TEXT.replace(";", separator).encode(encoding))
    figures = assess_file(path, quasi=("姓别", "年龄"), sensitive=("金额",), mode=ENCLAVE)
    assert (figures.rows, figures.classes, figures.k, figures.l) == (3, 2, 1, 1)
    assert figures.t == pytest.approx(0.5)  # as numbers 1.5 < 2 < 30: ordered distance; as text it would be 2/3


def test_an_unknown_column_of_a_file_is_answered_with_those_that_there_are(tmp_path):
    pl.DataFrame({"sex": ["f"], "age": [3]}).write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("sex,age\nf,3\n")
    for name in ("t.parquet", "t.csv"):
        for named in (
            {"quasi": ("sez",)},
            {"quasi": ("sex",), "person": "pid"},
            {"quasi": ("sex",), "sensitive": ("x",)},
        ):
            with pytest.raises(UsageError, match="sex, age"):
                assess_file(tmp_path / name, mode=PUBLIC, **named)


def test_files_that_are_missing_or_no_table_are_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xff\xff\n")
    with pytest.raises(UsageError):
        assess_file(tmp_path / "none.csv", quasi=("a",), mode=PUBLIC)
    for name in ("t.parquet", "t.csv"):
        with pytest.raises(SourceError):
            assess_file(tmp_path / name, quasi=("a",), mode=PUBLIC)


def test_a_file_with_a_person_column_is_counted_by_person(tmp_path):
    (tmp_path / "t.csv").write_text("pid,ward\n1,a\n1,b\n2,b\n2,a\n")
    figures = assess_file(tmp_path / "t.csv", quasi=("ward",), person="pid", mode=PUBLIC)
    assert (figures.rows, figures.persons, figures.classes, figures.k) == (4, 2, 1, 2)


@pytest.mark.parametrize("at_once", [0, 10**9])
@pytest.mark.parametrize("visits", [1, 3])
def test_fingerprints_of_64_bits_group_as_the_persons_themselves_do(
    at_once: int, visits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extractor.deid.classes._BOTH_AT_ONCE", at_once)
    monkeypatch.setattr("extractor.deid.classes._COUNTED_AT_ONCE", 1_000)
    rng = np.random.default_rng(3)
    persons = np.repeat(np.arange(4_000), visits)
    frame = pl.DataFrame({
        "who": persons.astype(str),
        "print": rng.integers(0, 2**64, 4_000, dtype=np.uint64)[persons],
        "sex": rng.choice(["男", "女"], len(persons)),
        "age": rng.integers(0, 9, len(persons)),
    })  # fmt: skip
    by_name, by_print = (build_classes([ReleaseTable("t", frame, ("sex", "age"), (), key)]) for key in ("who", "print"))
    assert sorted(by_name.sizes) == sorted(by_print.sizes)
    size_of = dict(zip(frame["who"].unique(maintain_order=True), _first_sizes(by_name, frame["who"]), strict=True))
    assert list(size_of.values()) == _first_sizes(by_print, frame["print"])


def _first_sizes(classes: PersonClasses, persons: pl.Series) -> list[int]:
    size = dict(zip(classes.person_keys, classes.sizes[classes.class_of_person].tolist(), strict=True))
    return [size[person] for person in persons.unique(maintain_order=True)]
