"""Known values: each form that must be found, and what looks like one and is none."""

from __future__ import annotations

import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.known_values import KnownColumn, find_known
from extractor.deid.pinyin import readings
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_clock import Deadline


def found(text: str, value: str, kind: str = "person_name", subject: str = "patient") -> list[str]:
    """Return the stretches that are covered, joined where they touch."""
    buffer = make_buffer([text])
    column = KnownColumn(pl.Series([value]), kind, subject)
    marks = [False] * (len(text) + 1)
    for _, span in buffer.located(find_known(buffer, [column], 0, Deadline.within(60.0))).rows():
        marks[span.start : span.end] = [True] * (span.end - span.start)
    stretches, start = [], None
    for at, mark in enumerate(marks):
        if mark and start is None:
            start = at
        if not mark and start is not None:
            stretches.append(text[start:at])
            start = None
    return stretches


@pytest.mark.parametrize(
    ("value", "text", "want"),
    [
        ("王晓明", "患者王晓明入院", "王晓明"),
        ("王晓明", "王 晓 明", "王 晓 明"),
        ("王晓明", "今晓明诉头痛", "晓明"),
        ("王晓明", "王*明签字", "王*明"),
        ("王晓明", "王**,男", "王**"),
        ("王晓明", "患者**明", "**明"),
        ("王晓明", "王X明", "王X明"),
        ("王晓明", "王某某诉", "王某某"),
        ("王晓明", "王××,女", "王××"),
        ("王晓明", "王晓*", "王晓*"),
        ("王晓明", "小王今日出院", "小王"),
        ("王晓明", "王老昨夜安睡", "王老"),
        ("王晓明", "扶王大爷下床", "王大爷"),
        ("王晓明", "患者姓王", "王"),
        ("王晓明", "Wang Xiaoming", "Wang Xiaoming"),
        ("王晓明", "xiaoming wang,", "xiaoming wang"),
        ("王晓明", "WANGXIAOMING", "WANGXIAOMING"),
        ("王晓明", "Wáng Xiǎo-míng", "Wáng Xiǎo-míng"),
        ("王晓明", "Wang XM", "Wang XM"),
        ("王晓明", "受试者W.X.M.", "W.X.M."),
        ("王晓明", "受试者WXM入组", "WXM"),
        ("王晓明", "Mr. Wang said", "Wang"),
        ("单雪", "Shan Xue", "Shan Xue"),
        ("单雪", "Dan Xue", "Dan Xue"),
        ("吕丽", "Lv Li", "Lv Li"),
        ("吕丽", "LYU LI", "LYU LI"),
        ("欧阳修远", "欧阳先生", "欧阳先生"),
        ("欧阳修远", "Ouyang Xiuyuan", "Ouyang Xiuyuan"),
        ("买买提·艾力", "买买提艾力", "买买提艾力"),
        ("买买提·艾力", "买买提 艾力", "买买提 艾力"),
        ("John Smith", "SMITH, John came", "SMITH, John"),
        ("于海", "小于诉头痛", "小于"),
        ("于海", "查房时于先生述胸闷", "于先生"),
        ("葉慎之", "叶慎之来院", "叶慎之"),
        ("叶慎之", "葉慎之来院", "葉慎之"),
        ("叶红", "嘱小叶多饮水", "小叶"),
    ],
)
def test_forms_of_a_name_are_found(value: str, text: str, want: str) -> None:
    assert found(text, value) == [want]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("高明", "血压升高,提高老年人免疫力,高某种指标"),
        ("高明", "明显好转,小明显不适"),
        ("于海", "小于5mm,每日大于2次,由于医生建议,对于患者"),
        ("王晓", "破晓时分"),
        ("叶红", "小叶增生,肺小叶间隔"),
        ("管丽", "肾小管上皮"),
        ("时光", "每小时一次,24小时后"),
        ("王健康", "身体健康状况良好"),
        ("吴北辰", "WBC 12.1"),
        ("陈涛", "胸部CT示"),
        ("马瑞", "MR 检查"),
        ("何平", "和平时一样"),
        ("柴明", "小柴胡汤"),
        ("白梅", "白细胞、白蛋白、白带"),
        ("本人", "本人签字"),
        ("不详", "病史不详"),
    ],
)
def test_words_that_hold_a_name_are_kept(value: str, text: str) -> None:
    assert found(text, value) == []


@pytest.mark.parametrize("form", ["李医生", "李主任", "小李", "李护士长", "李敏", "李老师"])
def test_staff_are_known_by_their_titles(form: str) -> None:
    assert found(f"请{form}会诊", "李敏", subject="staff") == [form]


def test_a_title_of_staff_is_no_form_of_a_patients_name() -> None:
    assert found("请李主任会诊", "李敏") == []


def test_a_cell_may_hold_several_names_and_what_they_are() -> None:
    text = "张建国与李梅到场,赵六未到"
    assert found(text, "父亲:张建国、母亲:李梅", subject="relative") == ["张建国", "李梅"]


@pytest.mark.parametrize(
    ("kind", "value", "text", "want"),
    [
        ("phone", "13800138000", "电话138-0013-8000", "138-0013-8000"),
        ("phone", "+86 138 0013 8000", "电话13800138000", "13800138000"),
        ("phone", "13800138000", "电话+8613800138000", "+8613800138000"),
        ("phone", "13800138000", "尾号8000的手机", "尾号8000"),
        ("phone", "13800138000", "末四位:八零零零", "末四位:八零零零"),
        ("phone", "13800138000", "138****8000", "138****8000"),
        ("phone", "13800138000", "一三八零零一三八零零零", "一三八零零一三八零零零"),
        ("phone", "13800138000", "138OO138OOO", "138OO138OOO"),
        ("phone", "13800138000/13912345678", "打13912345678", "13912345678"),
        ("landline", "0571-88886666", "(0571)88886666", "0571)88886666"),
        ("landline", "0571-88886666转801", "8888-6666", "8888-6666"),
        ("resident_id", "330106196012139416", "330106 19601213 9416", "330106 19601213 9416"),
        ("resident_id", "330106196012139416", "330106********9416", "330106********9416"),
        ("resident_id", "330106196012139416", "身份证后六位139416", "后六位139416"),
        ("resident_id", "330106196012139416", "1960年12月13日生", "1960年12月13日"),
        ("resident_id", "33010619601213941X", "33010619601213941x", "33010619601213941x"),
        ("birth_date", "1960-12-13", "生于60.12.13", "60.12.13"),
        ("birth_date", "1960-12-13", "一九六〇年十二月十三日", "一九六〇年十二月十三日"),
        ("birth_date", "1960-12-03", "born Dec 3, 1960", "Dec 3, 1960"),
        ("birth_date", "19601213", "1960年12月生", "1960年12月"),
        ("email", "tao.lx88@163.com", "TAO.LX88@163.COM", "TAO.LX88@163.COM"),
        ("email", "tao.lx88@163.com", "tao.lx88 (at) 163.com", "tao.lx88 (at) 163.com"),
        ("email", "tao.lx88@163.com", "账号tao.lx88,", "tao.lx88"),
        ("record_number", "ZY0012345", "住院号zy-0012345", "zy-0012345"),
        ("record_number", "0012345", "住院号12345", "12345"),
        ("record_number", "12床", "今12床诉", "12床"),
        ("record_number", "0826", "病案号:0826", "0826"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "住文三路826号", "文三路826号"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "杭州西湖文三路826号", "杭州西湖文三路826号"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "浙江省文三路", "浙江省文三路"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "3幢501室", "3幢501室"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "826号 3-501", "826号 3-501"),
        ("address", "河北省邯郸市魏县李家庄村12组", "李家庄村人", "李家庄村"),
        ("organization", "杭州云海纺织有限公司", "在杭州云海纺织上班", "杭州云海纺织"),
    ],
)
def test_forms_of_numbers_days_and_places_are_found(kind: str, value: str, text: str, want: str) -> None:
    assert found(text, value, kind) == [want]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("phone", "13800138000", "尿量8000ml,尾号1234"),
        ("phone", "13800138000", "139****8001"),
        ("phone", "00000000000", "编号00000000000"),
        ("record_number", "0826", "血小板0826"),
        ("record_number", "12", "12次/分"),
        ("birth_date", "1960-12-13", "1960-12-14,1960年11月,12月13日"),
        ("address", "浙江省杭州市西湖区文三路826号3幢501室", "杭州市人,第3幢,号3,826次"),
        ("address", "北京市海淀区中心路1号2室", "1-2次,中心静脉,1、2"),
        ("address", "不详", "住址不详"),
        ("email", "info@hospital.cn", "info 见附页"),
    ],
)
def test_what_only_looks_like_a_piece_is_kept(kind: str, value: str, text: str) -> None:
    assert found(text, value, kind) == []


def test_polyphonic_surnames_have_all_their_readings() -> None:
    wanted = {
        "单": {"shan", "dan"},
        "曾": {"zeng", "ceng"},
        "仇": {"qiu", "chou"},
        "解": {"xie", "jie"},
        "查": {"zha", "cha"},
    }
    wanted |= {"区": {"ou", "qu"}, "吕": {"lv", "lu", "lyu"}}
    assert all(forms <= set(readings(sign)) for sign, forms in wanted.items())


@pytest.mark.parametrize(
    "piece", ["王", "王*", "小王", "**", "x", "wang ", "a.", "1", "1 ", "138*", "尾号", "文三路", "3幢", "1960", "tao@"]
)
def test_the_search_grows_with_the_text_and_not_faster(piece: str) -> None:
    values = [("王晓明", "person_name"), ("13800138000", "phone"), ("330106196012139416", "resident_id")]
    values += [("tao@163.com", "email"), ("杭州市西湖区文三路826号3幢501室", "address")]
    columns = [KnownColumn(pl.Series([value]), kind) for value, kind in values]

    def seconds(characters: int) -> float:
        buffer = make_buffer([piece * (characters // len(piece))])
        begin = time.process_time()
        find_known(buffer, columns, 0, Deadline.within(60.0))
        return time.process_time() - begin

    seconds(1000)
    assert seconds(40_000) < 12 * max(seconds(10_000), 0.02)


_PROSE = st.text(alphabet="患者王李小高明老*某诉 ,。\n1380aWx血压", max_size=20)


@settings(max_examples=150, deadline=None)
@given(_PROSE, st.text(alphabet="王李高于小明华晓建", min_size=2, max_size=4), _PROSE)
def test_a_whole_name_is_covered_whatever_stands_around_it(before: str, name: str, after: str) -> None:
    text = before + name + after
    buffer = make_buffer([text])
    spans = find_known(buffer, [KnownColumn(pl.Series([name]), "person_name")], 0, Deadline.within(60.0))
    covered = {at for _, span in buffer.located(spans).rows() for at in range(span.start, span.end)}
    assert set(range(len(before), len(before) + len(name))) <= covered


@settings(max_examples=150, deadline=None)
@given(_PROSE, st.text(alphabet="0138X", min_size=6, max_size=18), st.sampled_from(["", " ", "-", "."]), _PROSE)
def test_a_whole_number_is_covered_however_it_is_grouped(before: str, number: str, gap: str, after: str) -> None:
    shown = gap.join((number[:3], number[3:]))
    text = f"{before};{shown};{after}"
    buffer = make_buffer([text])
    spans = find_known(buffer, [KnownColumn(pl.Series([number]), "record_number")], 0, Deadline.within(60.0))
    covered = {at for _, span in buffer.located(spans).rows() for at in range(span.start, span.end)}
    assert set(range(len(before) + 1, len(before) + 1 + len(shown))) <= covered
