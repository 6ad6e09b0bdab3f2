"""The residual scan finds every planted value, by count only, and lets de-identified columns pass."""

from __future__ import annotations

import io
import json
import traceback
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.residual import ResidualScan
from extractor.deid.residual_footer import scan_footer
from extractor.deid.residual_known import RawIdentifiers
from extractor.deid.residual_values import Check
from extractor.errors import ResidualFound

RESIDENT = "110101199003074610"
WRONG_CHECK = "110101199003074611"
MOBILE = "13812345678"
RECORD_NUMBER = "ZY00123456"
NAME = "欧阳测试"
CANARY = "canary-7f3a"
RAW = RawIdentifiers.collect(
    [pl.Series([NAME, "王", None]), pl.Series([RECORD_NUMBER, "12", "zy-lower-case"]), pl.Series([200400500600, 7])],
    key=b"k" * 32,
)
SCAN = ResidualScan(RAW, canaries=(CANARY,))
PLAIN = ResidualScan(RawIdentifiers.collect([], key=b"k" * 32))


def _found(values: object, *, scan: ResidualScan = SCAN, dtype: object = None) -> str:
    """Return the message of the scan over one column, or nothing; the message never holds a value."""
    frame = pl.DataFrame({"c": pl.Series(values, dtype=dtype)})  # type: ignore[arg-type]
    try:
        scan.scan(frame, "t", {})
    except ResidualFound as fault:
        shown = "".join(traceback.format_exception(fault)) + fault.text("zh") + str(fault.as_json())
        for value in (RESIDENT, WRONG_CHECK, MOBILE, RECORD_NUMBER, NAME, CANARY):
            assert value not in shown
        return fault.en
    return ""


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (RESIDENT, Check.RESIDENT_ID),
        (f"身份证{RESIDENT}住址", Check.RESIDENT_ID),
        (WRONG_CHECK, Check.RESIDENT_ID),
        ("110101 19900307 4610", Check.RESIDENT_ID),
        ("１１０１０１１９９００３０７４６１０", Check.RESIDENT_ID),
        ("830000200209060065", Check.RESIDENT_ID),
        ("证书编号200835110" + RESIDENT, Check.RESIDENT_ID),
        ("35010220990101" + RESIDENT, Check.RESIDENT_ID),
        ("20240318 " + RESIDENT, Check.RESIDENT_ID),
        ("id" + RESIDENT, Check.RESIDENT_ID),
        (MOBILE, Check.MOBILE),
        (f"电话{MOBILE}。", Check.MOBILE),
        (f"Tel.{MOBILE}", Check.MOBILE),
        (f"tel{MOBILE}x", Check.MOBILE),
        ("+86 138 1234 5678", Check.MOBILE),
        ("138-1234-5678", Check.MOBILE),
        ("138－1234－5678", Check.MOBILE),
        (f"{MOBILE}.0", Check.MOBILE),
        ("家属0591-87654321转", Check.LANDLINE),
        ("(010)65521234", Check.LANDLINE),
        ("91110000600037341L", Check.USCC),
        ("公司91110000600037341l。", Check.USCC),
        ("卡号6222 0200 0000 1230 002", Check.BANK_CARD),
        ("4111111111111111", Check.BANK_CARD),
        ("邮箱a.b@example.com", Check.EMAIL),
        (RECORD_NUMBER, Check.RAW_IDENTIFIER),
        (RECORD_NUMBER.lower(), Check.RAW_IDENTIFIER),
        ("ZY-LOWER-CASE", Check.RAW_IDENTIFIER),
        (NAME, Check.RAW_IDENTIFIER),
        ("200400500600", Check.RAW_IDENTIFIER),
        ("见编号200400500600复查", Check.RAW_IDENTIFIER),
        (f"x{CANARY}y", Check.CANARY),
    ],
)
def test_a_planted_value_is_found_in_text_and_not_shown(text: str, check: Check) -> None:
    assert f"t.c {check.value} ×1" in _found(["男", text, None])


@pytest.mark.parametrize("rows", [3, 5_000])
def test_each_cell_is_counted_whether_texts_repeat_or_not(rows: int) -> None:
    repeated = [MOBILE] * rows
    distinct = [f"备注{number:06d}转{13_800_000_000 + number}" for number in range(rows)]
    for values in (repeated, distinct):
        assert f"t.c mobile ×{rows}" in _found(values)


@pytest.mark.parametrize(
    ("values", "dtype", "check"),
    [
        ([1, int(MOBILE), None], pl.Int64, Check.MOBILE),
        ([1.5, float(MOBILE)], pl.Float64, Check.MOBILE),
        ([Decimal(MOBILE)], pl.Decimal(20, 2), Check.MOBILE),
        ([int(RESIDENT)], pl.UInt64, Check.RESIDENT_ID),
        ([float(RESIDENT)], pl.Float64, Check.RESIDENT_ID),
        ([int(RESIDENT)], pl.Int128, Check.RESIDENT_ID),
        ([4111111111111111], pl.Int64, Check.BANK_CARD),
        ([200400500600], pl.Int64, Check.RAW_IDENTIFIER),
        ([10**30], pl.Int128, None),
    ],
)
def test_identifiers_kept_as_numbers_are_found(values: list[object], dtype: object, check: Check | None) -> None:
    found = _found(values, dtype=dtype)
    assert (f"t.c {check.value} ×1" in found) if check else not found


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum([MOBILE])])
def test_dictionary_columns_are_scanned(dtype: object) -> None:
    assert "mobile ×2" in _found([MOBILE, MOBILE], dtype=dtype)


def test_nested_columns_are_scanned_and_binary_ones_are_refused() -> None:
    assert "mobile ×1" in _found([["a"], [MOBILE, "b"]])
    assert "mobile ×1" in _found([{"x": 1, "y": MOBILE}])
    assert "unscannable ×1" in _found([b"bytes"])


def test_what_the_plan_lets_pass_passes_and_nothing_else() -> None:
    frame = pl.DataFrame({"phone": [MOBILE], "other": [MOBILE]})
    allowed = {"phone": frozenset({Check.MOBILE})}
    SCAN.scan(frame.select("phone"), "t", allowed)
    with pytest.raises(ResidualFound, match=r"t\.other mobile ×1") as fault:
        SCAN.scan(frame, "t", allowed)
    assert "t.phone" not in fault.value.en


def test_the_rows_own_values_are_found_in_its_text_and_only_in_its_own() -> None:
    frame = pl.DataFrame(
        {
            "note": ["患者李小四复查", "患者复查", "李小四", None],
            "name": ["李小四", "李小四", "王五", "王五"],
            "no": ["12"] * 4,
        }
    )
    with pytest.raises(ResidualFound, match=r"t\.note own_value ×1"):
        PLAIN.scan(frame, "t", {}, own_values=["name", "no"])
    PLAIN.scan(frame[1:], "t", {}, own_values=["name", "no"])
    short = pl.DataFrame({"note": ["王某12岁"], "name": ["王"], "no": ["12"]})
    PLAIN.scan(short, "t", {}, own_values=["name", "no"])


@pytest.mark.parametrize("streaming", [True, False])
def test_as_a_node_it_passes_on_what_it_scanned_without_the_own_values(streaming: bool) -> None:
    frame = pl.LazyFrame({"note": ["复查"] * 10, "name": ["李四"] * 10})
    scan = ResidualScan(RAW)
    node = scan.as_node(frame, "t", {}, own_values=["name"])
    out = node.collect(engine="streaming" if streaming else "in-memory")
    assert (out.columns, out.height, scan.rows) == (["note"], 10, {"t": 10})


def test_as_a_node_it_stops_the_writing_with_its_own_error() -> None:
    frame = pl.LazyFrame({"note": ["复查", f"复查{MOBILE}"]})
    with pytest.raises(ResidualFound, match=r"t\.note mobile ×1"):
        SCAN.as_node(frame, "t", {}).sink_parquet(io.BytesIO())


def test_filters_and_projections_do_not_get_past_the_node() -> None:
    node = SCAN.as_node(pl.LazyFrame({"a": [1, 2], "note": ["复查", MOBILE]}), "t", {})
    for later in (node.filter(pl.col("a") == 1), node.select("a"), node.head(1)):
        with pytest.raises(ResidualFound):
            later.collect()


def test_ordinary_columns_raise_no_false_alarm() -> None:
    frame = pl.DataFrame(
        {
            "icd": ["I10.x00", "E11.900", "C34.101"],
            "day": ["2024-03-18", "20240318", "2024/03/18 10:30:22"],
            "typed_day": [date(2024, 3, 18)] * 3,
            "at": [datetime(2024, 3, 18, 10, 30)] * 3,
            "stamp": ["20240318103022", "2024-03-18 13:45:12", "2024-03-18T13:45:12.123456"],
            "amount": [12345678.9, 1_234_567_890.25, 99.0],
            "amount_text": ["13812345.67", "19900307.00", "13,812,345.00"],
            "lab": ["白细胞 16.7×10^9/L 中性 0.85", "13.5 140 233 4.5 12.25", "血压 130/80 mmHg 脉搏 138 次"],
            "dose": ["0.9% 氯化钠 100ml 每日 1 次", "10000000 单位", "1:1000000"],
            "division": ["350102", "350102001", "350102001001"],
            "uuid": ["a0000000-e29b-41d4-a716-13812345678a", "x 13812345-678a-4b2c-9d3e-a13812345678", None],
            "age": [45, 67, 89],
            "shifted": ["2024-Q1", "2024-03", "40-44"],
            "count": [100000000, 200000001, 999999999],
        }
    )
    SCAN.scan(frame, "t", {})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"[a-z2-7]{26}", fullmatch=True), min_size=1, max_size=200))
def test_pseudonyms_raise_no_false_alarm(pseudonyms: list[str]) -> None:
    assert not _found(pseudonyms)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,2})?", fullmatch=True), min_size=1, max_size=50))
def test_short_numbers_raise_no_false_alarm(numbers: list[str]) -> None:
    assert not _found(numbers, scan=PLAIN)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["", "患者", "no.", "a-", "(", "1 "]),
    st.sampled_from([RESIDENT, WRONG_CHECK, MOBILE]),
    st.sampled_from(["", "号", ".", ",x", ")", " 2", "x"]),
)
def test_an_identifier_is_found_whatever_stands_beside_it(before: str, value: str, after: str) -> None:
    assert _found([before + value + after], scan=PLAIN)


def test_fingerprints_do_not_show_values_and_depend_on_the_key() -> None:
    assert NAME not in repr(vars(RAW)) + repr(RAW) + repr(SCAN)
    assert CANARY not in repr(SCAN)
    other = RawIdentifiers.collect([pl.Series([NAME])], key=b"o" * 32)
    ours = RawIdentifiers.collect([pl.Series([NAME])], key=b"k" * 32)
    assert set(other._known) != set(ours._known)
    assert other.hits(pl.Series([NAME, "x", None])).tolist() == [True, False, False]


def _parquet(frame: pl.DataFrame, **options: object) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink, **({"statistics": False} | options))  # type: ignore[arg-type]
    return sink.getvalue()


CLEAN = pl.DataFrame({"a": ["x", None], "n": [1, 2], "l": [[1], [2, 3]]})


def test_a_clean_footer_passes_whole_or_from_the_tail() -> None:
    content = _parquet(CLEAN)
    scan_footer(SCAN, "t.parquet", content)
    scan_footer(SCAN, "t.parquet", content[-(int.from_bytes(content[-8:-4], "little") + 8) :])


def test_statistics_in_a_footer_are_refused() -> None:
    for statistics in (True, "full", {"min": True, "max": False, "null_count": False}):
        with pytest.raises(ResidualFound, match="statistics"):
            scan_footer(SCAN, "t.parquet", _parquet(CLEAN, statistics=statistics))


@pytest.mark.parametrize(
    "content",
    [
        _parquet(pl.DataFrame({MOBILE: [1]})),
        _parquet(pl.DataFrame({NAME: [1]})),
        _parquet(CLEAN, metadata={"note": f"由{MOBILE}导出"}),
        _parquet(CLEAN, metadata={RESIDENT: ""}),
        _parquet(pl.DataFrame({"e": pl.Series(["x"], dtype=pl.Enum(["x", MOBILE]))})),
        _parquet(pl.DataFrame({"e": pl.Series(["x"], dtype=pl.Enum(["x", CANARY]))})),
    ],
    ids=["column", "name as column", "metadata", "metadata key", "enum categories", "canary"],
)
def test_a_value_hidden_in_the_footer_is_found_and_not_shown(content: bytes) -> None:
    with pytest.raises(ResidualFound) as fault:
        scan_footer(SCAN, "t.parquet", content)
    for value in (MOBILE, RESIDENT, NAME, CANARY):
        assert value not in fault.value.text("zh") + fault.value.text("en")


def test_a_foreign_writer_and_a_broken_footer_are_refused() -> None:
    content = _parquet(CLEAN)
    with pytest.raises(ResidualFound, match="writer"):
        scan_footer(SCAN, "t.parquet", content.replace(b"Polars (python) version", b"Tester (python) version"))
    for broken in (
        b"",
        content[:-1],
        content[-50:],
        content[:-8] + b"\xff\xff\xff\x7fPAR1",
        b"\x19" * 99 + b"\x40\0\0\0PAR1",
    ):
        with pytest.raises(ResidualFound, match="unscannable"):
            scan_footer(SCAN, "t.parquet", broken)


def test_text_members_are_read_word_by_word_and_digests_do_not_alarm() -> None:
    digest = "sha256:" + "13812345678a" * 5 + "abcd"
    clean = {"plan": digest, "run": "550e8400-e29b-41d4-a716-13812345678a", "时间": "2024-03-18T13:45:12+08:00", "k": 5}
    SCAN.scan_text_member("manifest.json", json.dumps(clean, ensure_ascii=False))
    for planted in (MOBILE, RESIDENT, NAME, RECORD_NUMBER, CANARY):
        with pytest.raises(ResidualFound, match=r"risk\.json") as fault:
            SCAN.scan_text_member("risk.json", json.dumps({"class": planted}, ensure_ascii=False))
        assert planted not in fault.value.en


def test_words_of_the_template_and_allowed_checks_pass_in_text_members() -> None:
    SCAN.scan_text_member("dictionary.html", f"<b>{NAME}</b>", known_text=NAME)
    text = '{"unit": "91110000600037341L"}'
    SCAN.scan_text_member("manifest.json", text, allowed=frozenset({Check.USCC}))
    with pytest.raises(ResidualFound, match="uscc ×1"):
        SCAN.scan_text_member("manifest.json", text)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int16, pl.UInt8, pl.UInt16, pl.Int32, pl.UInt32, pl.Int64, pl.UInt64])
def test_whole_numbers_of_every_width_are_looked_at(dtype: type[pl.DataType]) -> None:
    scan = ResidualScan(RawIdentifiers.collect([], key=b"k" * 32))
    scan.scan(pl.DataFrame({"n": pl.Series([1, 100, None], dtype=dtype)}), "t", {})
    if dtype in (pl.UInt32, pl.Int64, pl.UInt64):
        scan.scan(pl.DataFrame({"n": pl.Series([2**32 - 1], dtype=dtype)}), "t", {})
    if dtype in (pl.Int64, pl.UInt64):
        with pytest.raises(ResidualFound):
            scan.scan(pl.DataFrame({"n": pl.Series([13800138000], dtype=dtype)}), "t", {})
