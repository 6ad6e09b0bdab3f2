"""Addresses and institutions in notes: found where nobody expects them, and not seen in words of medicine."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.deid.addresses import find_addresses
from extractor.deid.free_text import RECOGNISERS, annotate_column
from extractor.deid.organisations import find_organisations
from extractor.deid.spans import Span
from extractor.deid.text_buffer import Buffer, make_buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.words import Tokens, tokens_of

Search = Callable[[Buffer, Deadline], list[Span]]


def covered(search: Search, text: str) -> str:
    """Return the text with every character that the search covers replaced by a block."""
    characters = list(text)
    for span in search(make_buffer([text]), Deadline.within(30)):
        characters[span.start : span.end] = "■" * (span.end - span.start)
    return "".join(characters)


ADDRESSES = {
    "in a fall": ("3小时前在青枫花园7幢2单元楼下散步时不慎摔倒", "青枫花园7幢2单元"),
    "at a crossing": ("骑电动车行至云溪路与柏树街交叉口时被撞倒", "云溪路与柏树街交叉口"),
    "where the ambulance came": ("120由金水区文化路与丰产路口接来", "金水区文化路与丰产路口"),
    "a lonely house": ("老人独居于桂花巷23号平房内,被邻居发现倒地", "桂花巷23号平房内"),
    "a village in the epidemiology": ("患者系临泉县滑集镇李腰庄村民,近期无外出史", "临泉县滑集镇李腰庄"),
    "a town in the epidemiology": ("14天内去过石家庄市藁城区增村镇", "石家庄市藁城区增村镇"),
    "a city in the epidemiology": ("否认近期到过武汉", "武汉"),
    "a group of a village": ("家住湖北省荆门市沙洋县后港镇蛟尾村4组,长期务农", "湖北省荆门市沙洋县后港镇蛟尾村4组"),
    "a group without a county": ("患者于自家(大河乡上坪村五社)院坝内跌倒", "大河乡上坪村五社"),
    "a lane of Shanghai": ("住址:川沙镇新德西路50弄8号602室 电话", "川沙镇新德西路50弄8号602室"),
    "gates of Peking": ("租住于朝阳区劲松三区312楼4门501,与人合住", "朝阳区劲松三区312楼4门501"),
    "full-width figures": (
        "联系地址：柳北区胜利路１２－８号龙泽湾３栋２单元５０１",
        "柳北区胜利路１２－８号龙泽湾３栋２单元５０１",
    ),
    "an autonomous region": (
        "现居新疆维吾尔自治区喀什地区疏附县吾库萨克镇8村",
        "新疆维吾尔自治区喀什地区疏附县吾库萨克镇8村",
    ),
    "a banner": ("内蒙古赤峰市敖汉旗四家子镇热水汤村人", "内蒙古赤峰市敖汉旗四家子镇热水汤村"),
    "traditional characters": ("台北市大安區忠孝東路四段216號5樓", "台北市大安區忠孝東路四段216號5樓"),
    "a native place without suffixes": ("籍贯:安徽桐城 职业:教师", "安徽桐城"),
    "a market": ("发病前曾至顺德区大良农贸市场购买活禽", "顺德区大良农贸市场"),
    "no cue and no division": ("莲湖苑3区132栋12单元524", "莲湖苑3区132栋12单元524"),
    "a room without a unit": ("和平里小区9-3-1102", "和平里小区9-3-1102"),
    "a shop behind the number": ("松江区荣乐东路2369号青禾文具店", "松江区荣乐东路2369号青禾文具店"),
    "a word that is a stop elsewhere": ("沈阳市和平区青年大街876号", "沈阳市和平区青年大街876号"),
    "a number that reads like a side": ("解放东路120号", "解放东路120号"),
    "two addresses": ("户籍在定西市通渭县什川乡古坡村,现随子住兰州市安宁区银滩路街道", "兰州市安宁区银滩路街道"),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_is_covered_wherever_it_stands(name: str) -> None:
    text, address = ADDRESSES[name]
    start = text.index(address)
    assert covered(find_addresses, text)[start : start + len(address)] == "■" * len(address)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("家住云溪路12号附近,因跌倒1小时入院", "因跌倒1小时入院"),
        ("在青枫花园7幢2单元楼下散步时不慎摔倒", "散步时不慎摔倒"),
        ("行至云溪路与柏树街交叉口时被轿车撞倒,右膝疼痛", "时被轿车撞倒,右膝疼痛"),
        ("现住址:吉林省四平市铁东区南一马路 主因胸痛3天入院", "主因胸痛3天入院"),
    ],
)
def test_an_address_does_not_take_the_rest_of_the_sentence(text: str, rest: str) -> None:
    found = covered(find_addresses, text)
    assert "■" in found
    assert found.endswith(rest)


ORGANISATIONS = {
    "an employer in the occupation": ("职业:江南造船厂电焊工,接触粉尘20年", "江南造船厂"),
    "an employer in the history": ("患者系绍兴市越美印染有限公司职工,接触苯胺后头晕", "绍兴市越美印染有限公司"),
    "an employer of the past": ("退休前在哈尔滨电机厂工作", "哈尔滨电机厂"),
    "an employer on a form": ("单位:无锡威孚高科 工种:车工", "无锡威孚高科"),
    "an employer with brackets": ("任远山药业(集团)股份有限公司销售员", "远山药业(集团)股份有限公司"),
    "an employer with a conjunction": (
        "任职于大连理工大学证券与期货研究中心",
        "大连理工大学证券与期货研究中心",
    ),
    "an employer without ending": ("2009年起任恒立液压董事", "恒立液压"),
    "a school": ("其女就读于长沙市雅礼中学", "长沙市雅礼中学"),
    "a kindergarten": ("患儿就读于金色摇篮幼儿园", "金色摇篮幼儿园"),
    "a department of a university": ("1990年在清河大学电机系工作", "清河大学电机系"),
    "a hospital": ("转至四川大学华西医院", "四川大学华西医院"),
    "a hospital in brackets": ("外院(上海市第六人民医院)MRI示半月板损伤", "上海市第六人民医院"),
    "a hospital of a town": ("在石桥镇卫生院予清创缝合", "石桥镇卫生院"),
    "two hospitals": ("就诊北大人民医院及中日友好医院", "中日友好医院"),
    "a hospital's short name": ("曾于浙一行冠脉造影", "浙一"),
    "a hospital named like a common word": ("在北京友谊医院复查,又到曙光医院", "曙光医院"),
    "the city's second": ("后在市二院住院治疗", "市二院"),
    "a number": ("在301医院行肿瘤切除术", "301医院"),
    "a word that is a hospital here": ("2019年在协和就诊", "协和"),
    "a word that is a hospital there": ("术后于同济复查", "同济"),
    "a ministry's hospital": ("在中国人民解放军总医院第五医学中心治疗", "中国人民解放军总医院第五医学中心"),
}


@pytest.mark.parametrize("name", ORGANISATIONS)
def test_an_institution_is_covered_wherever_it_stands(name: str) -> None:
    text, institution = ORGANISATIONS[name]
    start = text.index(institution)
    assert covered(find_organisations, text)[start : start + len(institution)] == "■" * len(institution)


LOOK_ALIKES = (
    "心前区隆起,心尖搏动位于第5肋间",
    "双下肺呼吸音低,胸部CT示右下肺门区占位",
    "腹部平软,麦氏点压痛,肾区叩击痛阴性",
    "视觉传导通路受损,下行传导路中断,旁路移植术后",
    "病变位于左侧基底节区及半卵圆中心,黄斑区中心凹水肿",
    "输注红细胞2单元,今日转入二病区3床",
    "冠状动脉搭桥术后,桥血管通畅",
    "建议到当地医院就诊,若加重请去上级医院",
    "患者家属要求转上级医院治疗,我院无手术条件",
    "尿路感染,胆道通畅,气道高反应,肠道准备充分",
    "腰4/5椎间盘突出,枕大孔区畸形",
    "给予长春新碱2mg静推,长春西汀30mg",
    "在长春新碱治疗后出现末梢神经炎",
    "宫颈3点钟处活检,乳腺外上象限",
    "免疫组化:局灶(+),ts局灶(-),高中分化腺癌",
    "第3肋间、第5腰椎、3号牙、5楼病房、2组肌肉",
    "动静脉内瘘通路良好,中心静脉置管",
    "无疫区居住史,久居当地,无外地居留史",
    "现住院治疗,居住环境可",
    "病原来自左心室的血液,可发生于母源性传递过程",
    "心房腹侧纵沟纵沟中有动脉干经过",
    "循旁路代谢途径产生大量旁路代谢产物",
    "实验室检查未见异常,依赖实验室诊断",
    "患者已自动离开医院",
    "找一家权威医院,最好是专业的癫痫病医院",
    "宠物医院的猫抓伤手背",
    "他学会了自己注射胰岛素",
    "多中心随机对照研究,颅内局灶占位",
    "学校组织体检时发现脊柱侧弯,单位体检发现肺结节",
    "公司同事陪同来院,在大医院看过",
    "同济失调,协和作用,与友谊相关的同仁",
    "家庭住址不详,单位:无",
    "血小板计数,单位:万/微升",
)


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_words_of_medicine_and_of_every_day_are_no_places(text: str) -> None:
    assert covered(find_addresses, text) == text
    assert covered(find_organisations, text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "路",
        "省市县",
        "1号",
        "文三路1号",
        "医院",
        "某公司",
        "现住",
        "杭州",
        "(有限公司",
        "任董事",
        "地址:",
        "村3组",
        "a1",
        "与医院",
    ],
)
def test_the_cost_of_hostile_text_is_linear_in_what_is_cut_into_words(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(text: str) -> Tokens:
        sizes.append(len(text))
        return tokens_of(text)

    monkeypatch.setattr("extractor.deid.clauses.tokens_of", counted)
    text = (unit * 20_000)[:20_000]
    for search in (find_addresses, find_organisations):
        sizes.clear()
        search(make_buffer([text]), Deadline.within(30))
        assert sum(sizes) <= len(text)


@pytest.mark.parametrize("unit", ["杭州", "浙江省绍兴市新昌县", "浙江省绍兴市新昌县文三路12号", "西湖区文三路7号3单元"])
def test_addresses_without_a_stop_between_them_are_covered_to_the_end(unit: str) -> None:
    found = covered(find_addresses, "现住址:" + unit * 60)
    assert found.count("■") >= 0.95 * len(unit) * 60


def test_the_deadline_stops_the_search() -> None:
    buffer = make_buffer(["现住杭州市西湖区文三路12号,系越美印染有限公司职工"] * 50)
    for search in (find_addresses, find_organisations):
        with pytest.raises(TimeoutError):
            search(buffer, Deadline.within(-1))


MINE = tuple(recogniser for recogniser in RECOGNISERS if recogniser.name in ("addresses", "organisations"))
PIECES = st.sampled_from(
    [
        *"路街村镇号栋楼院校厂局()，。 :在于与任系1A一\n\u200b\x1e",
        *(
            "杭州市",
            "浙江",
            "文三路",
            "小区",
            "12号",
            "3-1102",
            "现住",
            "住址：",
            "单位:",
            "医院",
            "有限公司",
            "协和",
            "董事",
            "患者",
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=30).map("".join), min_size=1, max_size=5))
def test_any_column_shows_what_each_of_its_documents_shows_alone(texts: list[str]) -> None:
    whole = annotate_column(pl.Series(texts), recognisers=MINE).by_document(len(texts))
    alone = [annotate_column(pl.Series([text]), recognisers=MINE).by_document(1)[0] for text in texts]
    assert whole == alone
