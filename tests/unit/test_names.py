"""Names of persons in text: what must be found, what must be left, and that a document is read alike whatever stands beside it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.language import language
from extractor.deid.names import find_names
from extractor.deid.text_buffer import make_buffer
from extractor.deid.text_clock import Deadline

HITS = {
    "患者陶静怡,女,46岁,因反复咳嗽3天入院。": ["陶静怡"],
    "家属(其子 温国栋)表示理解并签字。": ["温国栋"],
    "主刀:邵建平 一助:方晓琳 麻醉:段志远": ["邵建平", "方晓琳", "段志远"],
    "由司马文卿主任医师查房,同意目前治疗。": ["司马文卿"],
    "今日请欧阳教授会诊。": ["欧阳教授"],
    "昨天挂的林医师的号,说下周再来。": ["林医师"],
    "邻居报警,同行者殷秋兰将其送至急诊。": ["殷秋兰"],
    "患者阿依古丽·买买提,维吾尔族。": ["阿依古丽·买买提"],
    "联系人葉志偉,電話另附。": ["葉志偉"],
    "李某某系患者之母。": ["李某某"],
    "患者老赵,退休工人。": ["赵"],
    "记录者:诸葛明": ["诸葛明"],
    "听完报告,祁永康和孟凡林都表示同意。": ["祁永康", "孟凡林"],
    "美国医生乔纳森在会上介绍了经验。": ["乔纳森"],
    "护士长严丽华核对无误。": ["严丽华"],
    "姓名:Zhang Weimin 床旁": ["Zhang Weimin"],
    "患者裴秀兰因腹痛入院。": ["裴秀兰"],
    "患者陈志强": ["陈志强"],
    "病人王丽诉胸闷,血压130/80mmHg。": ["王丽"],
    "查房时温如玉诉胸闷": ["温如玉"],
    "电话通知林小凤复诊": ["林小凤"],
    "患者姓名:于洋,男。于洋地黄治疗": ["于洋"],
    "签名:ZhaoLiying": ["ZhaoLiying"],
    "Dr. Li Na reviewed the chart": ["Li Na"],
    "姓名:张 伟 强 性别:男": ["张 伟 强"],
    "令狐冲/男/45岁/房颤": ["令狐冲"],
    '{"patientName":"岳灵珊"}': ["岳灵珊"],
}
LOOK_ALIKES = (
    "白细胞16.7×10^9/L,白蛋白35g/L,单核细胞正常。",
    "查体未见明显异常,双侧巴氏征阴性,克氏征阴性。",
    "予头孢曲松、阿莫西林克拉维酸钾、孟鲁司特口服。",
    "诊断:帕金森病,克罗恩病,霍奇金淋巴瘤。",
    "双肺呼吸音粗,可闻及干湿性啰音,心率78次/分。",
    "张力性气胸,张口受限,高血压3级,常规消毒。",
    "周围血管征阴性,江珊瑚样结石10余年,加重20余天。",
    "方案:替吉奥胶囊联合奥沙利铂,伊立替康二线。",
    "白花蛇舌草、黄连、金银花、马齿苋各10g。",
    "左侧肢体活动欠灵敏,平卧位,易怒。",
    "温度、湿度适宜,安静环境,向家属解释病情。",
    "谢谢医生,哈哈哈,好的好的。",
    "阿尔茨海默病,唐氏筛查,汉密尔顿抑郁量表24分。",
    "四肢肌力5级,巴宾斯基征、克尼格征阴性,无霍纳综合征,雷诺现象未见,马方综合征依据不足。",
    "患者Child-Pugh B级,ECOG 1分。",
)


def found(text: str) -> list[str]:
    buffer = make_buffer([text])
    spans = find_names(buffer, Deadline.within(30))
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(("text", "names"), HITS.items())
def test_a_name_is_found_where_people_stand(text: str, names: list[str]) -> None:
    covered = found(text)
    for name in names:
        assert any(name in piece for piece in covered), covered


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_medicine_is_left(text: str) -> None:
    assert found(text) == []


def test_a_name_that_is_sure_once_is_found_again_without_a_cue() -> None:
    text = "患者皮明远,男,60岁。夜间查房,见皮明远卧床休息。"
    buffer = make_buffer([text])
    places = {(span.start, span.end) for span in find_names(buffer, Deadline.within(30))}
    assert {(2, 5), (text.rindex("皮"), text.rindex("皮") + 3)} <= places


PIECES = st.sampled_from(
    ("患者", "林静", "王", "志", "强", "医师", "查体", "白蛋白", ",", "。", "男,", "岁", "克林", "顿", "·", "5", "\n")
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=4))
def test_a_document_is_read_alike_whatever_stands_beside_it(texts: list[str]) -> None:
    together = make_buffer(texts)
    table = together.located(find_names(together, Deadline.within(30)))
    beside = {doc: [] for doc in range(len(texts))}
    for doc, start, end in zip(table.doc.tolist(), table.start.tolist(), table.end.tolist(), strict=True):
        beside[doc].append((start, end))
    for doc, text in enumerate(texts):
        alone = (
            [(span.start, span.end) for span in find_names(make_buffer([text]), Deadline.within(30))] if text else []
        )
        assert sorted(beside[doc]) == sorted(alone)


def test_the_language_knows_words_names_and_what_it_never_saw() -> None:
    model = language()
    assert "高血压" in model.words and "高血压" not in model.names
    assert model.known("高血压")[1] > model.known("高酐压")[1]
    assert model.known("2024")[0] == model.edge
    assert model.follows.shape == (model.edge + 1, model.edge + 1)
