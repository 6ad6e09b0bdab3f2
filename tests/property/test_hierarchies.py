"""The lattice, tried on generated columns: climbing, nulls, chunks, shifts, and that nothing raw and no key shows."""

import pickle
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.hierarchies import LevelContext, _Keyed, level_dtype, level_expression, unparsed_expression
from extractor.deid.pseudonyms import ProjectKeys, day_offsets, pseudonyms
from extractor.levels import HIERARCHIES

KEYS = ProjectKeys.derive(b"\x07" * 32, "property")
REFERENCE = date(2024, 6, 30)
HAN = st.sampled_from("张王李欧阳司马诸葛三丰伟芳𠀀𠮷䶮·一")
# Half of the days lie in three years, so that classes of one year, month and quarter have members.
DAYS = st.one_of(st.dates(date(1900, 1, 1), date(2030, 12, 31)), st.dates(date(1961, 1, 1), date(1963, 12, 31)))
PLACES = (
    "福建省福州市鼓楼区",
    "福州市台江区",
    "北京市朝阳区",
    "昆山市",
    "鼓楼区",
    "湖北省仙桃市",
    "广东省东莞市",
    "重庆万州区",
    "",
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "resident_id": st.from_regex(r"(11|35|44|99)[0-9]{15}[0-9xX]", fullmatch=True),
    "passport": st.from_regex(r"[EGeg][0-9]{8}", fullmatch=True),
    "person_name": st.text(HAN, min_size=2, max_size=5),
    "phone": st.from_regex(r"(\+86 ?)?1[3-9][0-9]{9}", fullmatch=True),
    "landline": st.from_regex(r"0591-?[2-8][0-9]{7}", fullmatch=True),
    "email": st.from_regex(r"[a-z]{1,8}@(qq|163|zhangsan)\.com", fullmatch=True),
    "bank_card": st.from_regex(r"62[0-9]{14,17}", fullmatch=True),
    "plate": st.from_regex(r"闽[A-K]·?[0-9]{5}", fullmatch=True),
    "birth_date": DAYS.map(str),
    "event_date": DAYS.map(str),
    "event_time": st.datetimes(datetime(1950, 1, 1), datetime(2030, 1, 1)).map(str),
    "address": st.builds(
        "{}{}{}".format, st.sampled_from(PLACES), st.sampled_from(("东街街道", "长安镇", "")), st.text(HAN, max_size=4)
    ),
    "division": st.one_of(
        st.sampled_from(("350102", "350103001", "110101", "429004", "350100")),
        st.from_regex(r"[1-6][0-9]{5}", fullmatch=True),
    ),
    "postcode": st.from_regex(r"3[0-9]{4,5}", fullmatch=True),
    "icd10": st.from_regex(r"[A-Za-z][0-9]{2}(\.[0-9]{1,3}(x00[1-3])?)?", fullmatch=True),
    "icd9cm3": st.from_regex(r"[0-9]{2,3}(\.[0-9]{2,4})?", fullmatch=True),
    "age": st.one_of(
        st.integers(0, 140).map(str), st.integers(0, 40).map("{}月".format), st.integers(0, 99).map("{}岁".format)
    ),
    "amount": st.decimals(-3000, 3000, places=2).map(str),
    "quantity": st.decimals(-99, 9999, places=3).map(str),
}
OTHER = st.text(st.characters(codec="utf-8"), max_size=12)


def column(kind: str) -> st.SearchStrategy[list[str | None]]:
    usual = VALUES.get(kind, st.from_regex(r"[A-Z][0-9]{6,9}", fullmatch=True))
    return st.lists(st.one_of(usual, usual, usual, OTHER, st.none()), min_size=1, max_size=40)


def all_levels(values: pl.Series, kind: str) -> pl.DataFrame:
    """Return one column for each level of the kind, and ``LEVEL unparsed`` beside it."""
    context = LevelContext(KEYS, "d", pl.col("person"), REFERENCE, values.dtype)
    frame = pl.DataFrame({"v": values, "person": pl.Series(["p"]).new_from_index(0, len(values))})
    names = HIERARCHIES[kind].names
    made = [level_expression(pl.col("v"), kind=kind, level=name, context=context).alias(name) for name in names]
    unread = [unparsed_expression(pl.col("v"), kind, name, values.dtype).alias(f"{name} unparsed") for name in names]
    return frame.with_columns(*made, *unread).drop("v", "person")


KINDS = tuple(kind for kind in HIERARCHIES if kind != "free_text")
DIRECT = tuple(kind for kind, hierarchy in HIERARCHIES.items() if "mask" in hierarchy.names)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_level_keeps_length_and_nulls_and_has_its_type(kind: str, data: st.DataObject) -> None:
    values = pl.Series("v", data.draw(column(kind)), dtype=pl.String)
    levels = all_levels(values, kind)
    for name in HIERARCHIES[kind].names:
        out, unread = levels[name], levels[f"{name} unparsed"]
        assert out.dtype == level_dtype(kind, name, pl.String())
        assert out.filter(values.is_null()).null_count() == values.null_count()
        assert out.filter(unread).null_count() == unread.sum()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_climbing_never_splits_a_class(kind: str, data: st.DataObject) -> None:
    hierarchy = HIERARCHIES[kind]
    levels = all_levels(pl.Series("v", data.draw(column(kind)), dtype=pl.String), kind)
    generalising = {level.name for level in hierarchy.levels if level.quasi}
    for fine in generalising:
        classes = levels.group_by(fine).agg(pl.exclude(fine).n_unique())
        for coarse in generalising.intersection(hierarchy.from_fine_to_coarse(fine)) - {fine}:
            assert classes[coarse].max() == 1, (fine, coarse)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_the_chunks_of_a_column_do_not_change_the_result(kind: str, data: st.DataObject) -> None:
    values = pl.Series("v", data.draw(column(kind)), dtype=pl.String)
    cut = data.draw(st.integers(0, len(values)))
    in_parts = pl.concat([all_levels(part, kind) for part in (values.head(cut), values.slice(cut))])
    assert all_levels(values, kind).equals(in_parts)


@pytest.mark.parametrize("kind", DIRECT)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_no_direct_identifier_comes_out_as_it_went_in(kind: str, data: st.DataObject) -> None:
    usual = VALUES.get(kind, st.from_regex(r"[A-Z][0-9]{6,9}", fullmatch=True))
    values = pl.Series("v", data.draw(st.lists(usual, min_size=1, max_size=40)), dtype=pl.String)
    levels = all_levels(values, kind)
    assert not (levels["mask"] == values).any()
    assert not (levels["pseudonym"] == values).any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), DAYS), min_size=2, max_size=40))
def test_a_shift_keeps_the_intervals_of_a_person_across_tables(rows: list[tuple[str, date]]) -> None:
    frame = pl.DataFrame(rows, schema={"p": pl.String, "v": pl.Date}, orient="row")
    text = frame.with_columns(pl.col("v").dt.strftime("%Y年%m月%d日"), p=" " + pl.col("p"))
    shifted = []
    for table in (frame, text):
        context = LevelContext(KEYS, "d", pl.col("p"), REFERENCE, table.schema["v"])
        shifted.append(
            table.select(level_expression(pl.col("v"), kind="event_date", level="shifted_day", context=context))["v"]
        )
    assert shifted[0].equals(shifted[1])
    moved = (shifted[0] - frame["v"]).alias("moved")
    by_person = frame.with_columns(moved).group_by("p").agg(pl.col("moved").n_unique())
    assert by_person["moved"].max() == 1
    assert not (moved == timedelta(0)).any()
    assert (moved.dt.total_days().abs() <= 182).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30), st.sampled_from(("", " ", "\u3000", "\u200b")))
def test_a_number_its_text_and_its_padded_text_are_one_person(numbers: list[int], blank: str) -> None:
    number = pl.Series("v", numbers, dtype=pl.Int64)
    text = pl.Series("v", [f"{blank}{value}{blank}" for value in numbers])
    assert pseudonyms(number, KEYS.pseudonyms, domain="d").equals(pseudonyms(text, KEYS.pseudonyms, domain="d"))
    assert day_offsets(number, KEYS.date_shift).equals(day_offsets(text, KEYS.date_shift))
    other = ProjectKeys.derive(b"\x07" * 32, "another")
    mine, theirs = pseudonyms(number, KEYS.pseudonyms, domain="d"), pseudonyms(number, other.pseudonyms, domain="d")
    assert not set(mine) & (set(theirs) | set(pseudonyms(number, KEYS.pseudonyms, domain="e")))


def test_no_key_shows_in_a_plan_an_expression_or_its_serialised_form() -> None:
    secret = b"PLANTED-KEY-0123456789-PLANTED-K"
    keys = ProjectKeys(secret, secret, secret)
    context = LevelContext(keys, "d", pl.col("p"), REFERENCE, pl.String())
    frame = pl.LazyFrame({"v": ["2024-03-18"], "p": ["A"]})
    for kind, level in (("resident_id", "pseudonym"), ("event_date", "shifted_day"), ("event_time", "shifted_time")):
        expression = level_expression(pl.col("v"), kind=kind, level=level, context=context)
        plan = frame.select(expression)
        shown = plan.explain() + plan.explain(optimized=False) + repr(expression) + str(expression) + repr(context)
        for form in ("PLANTED", secret.hex(), repr(list(secret))[1:40]):
            assert form not in shown
        for write in (expression.meta.serialize, plan.serialize, lambda made=expression: pickle.dumps(made)):
            with pytest.raises(Exception) as refused:
                write()
            assert "PLANTED" not in str(refused.value)


def test_a_keyed_function_shows_its_name_only_and_refuses_to_be_pickled() -> None:
    secret = b"PLANTED-KEY"
    function = _Keyed("pseudonyms", lambda values: values.filter(values == repr(secret)))
    assert repr(function) == str(function) == "<keyed pseudonyms>"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="never written down"):
            pickle.dumps(function, protocol)


def test_the_search_for_a_planted_key_can_find_one() -> None:
    plan = pl.LazyFrame({"v": ["a"]}).select(pl.col("v") + pl.lit("PLANTED-KEY"))
    assert "PLANTED" in plan.explain()
    assert b"PLANTED" in plan.serialize()


def test_levels_run_in_the_streaming_engine_and_agree_with_the_other() -> None:
    rows = 70_000
    frame = pl.DataFrame({"v": pl.Series(range(rows)).cast(pl.String), "p": pl.Series(range(rows)) % 97})
    frame = frame.with_columns(d=pl.lit(date(2024, 1, 1)) + pl.duration(days=pl.col("p")))
    text, day = (LevelContext(KEYS, "d", pl.col("p"), REFERENCE, dtype) for dtype in (pl.String(), pl.Date()))
    plan = frame.lazy().select(
        level_expression(pl.col("v"), kind="record_number", level="pseudonym", context=text),
        level_expression(pl.col("d"), kind="event_date", level="shifted_day", context=day),
    )
    assert plan.collect(engine="streaming").equals(plan.collect(engine="in-memory"))
