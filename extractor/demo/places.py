"""Places of the generated hospital: county codes, towns, roads and addresses down to the flat.

Owns where the invented people live. It must not know who lives there: an address is drawn for a county, and nothing else.
County codes are those of GB/T 2260 with a few abolished ones, which older identity numbers still carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extractor.demo.drawing import Numbers, words


@dataclass(frozen=True)
class County:
    """One county-level division: code, names from province down, postcode, telephone area and how many people come from it."""

    code: str
    province: str
    prefecture: str
    name: str
    postcode: str
    dialling: str
    weight: float
    towns: tuple[str, ...]

    @property
    def in_fuzhou(self) -> bool:
        """Whether the county belongs to Fuzhou."""
        return self.code.startswith("3501")


_FUZHOU = (
    ("350102", "鼓楼区", "350001", 16, "鼓东街道 鼓西街道 东街街道 安泰街道 南街街道 五凤街道 洪山镇 温泉街道"),
    ("350103", "台江区", "350004", 11, "瀛洲街道 后洲街道 义洲街道 新港街道 上海街道 苍霞街道 茶亭街道 洋中街道"),
    ("350104", "仓山区", "350007", 16, "仓前街道 对湖街道 临江街道 三叉街街道 上渡街道 金山街道 建新镇 盖山镇 螺洲镇"),
    ("350105", "马尾区", "350015", 4, "罗星街道 马尾镇 亭江镇 琅岐镇"),
    ("350111", "晋安区", "350011", 13, "茶园街道 王庄街道 象园街道 鼓山镇 新店镇 岳峰镇 宦溪镇"),
    ("350112", "长乐区", "350200", 7, "吴航街道 航城街道 营前街道 金峰镇 漳港街道 江田镇 文武砂镇"),
    ("350121", "闽侯县", "350100", 9, "甘蔗街道 上街镇 南屿镇 尚干镇 祥谦镇 青口镇 荆溪镇 白沙镇"),
    ("350122", "连江县", "350500", 6, "凤城镇 敖江镇 浦口镇 琯头镇 黄岐镇 筱埕镇 丹阳镇"),
    ("350123", "罗源县", "350600", 2, "凤山镇 松山镇 起步镇 鉴江镇 霍口畲族乡"),
    ("350124", "闽清县", "350800", 3, "梅城镇 梅溪镇 坂东镇 白樟镇 池园镇"),
    ("350125", "永泰县", "350700", 3, "樟城镇 嵩口镇 梧桐镇 葛岭镇 大洋镇"),
    ("350128", "平潭县", "350400", 4, "潭城镇 苏澳镇 流水镇 澳前镇 北厝镇 敖东镇"),
    ("350181", "福清市", "350300", 10, "玉屏街道 龙山街道 宏路街道 龙田镇 高山镇 海口镇 江阴镇 渔溪镇"),
)

_ELSEWHERE_IN_FUJIAN = (
    ("0592", "厦门市", "361000", "350203思明区 350206湖里区 350211集美区 350212同安区"),
    ("0594", "莆田市", "351100", "350302城厢区 350303涵江区 350304荔城区 350305秀屿区 350322仙游县"),
    ("0598", "三明市", "365000", "350403三元区 350421明溪县 350425大田县 350426尤溪县 350481永安市"),
    (
        "0595",
        "泉州市",
        "362000",
        "350502鲤城区 350503丰泽区 350521惠安县 350524安溪县 350581石狮市 350582晋江市 350583南安市",
    ),
    ("0596", "漳州市", "363000", "350602芗城区 350603龙文区 350623漳浦县"),
    ("0599", "南平市", "353000", "350702延平区 350703建阳区 350722浦城县 350781邵武市 350783建瓯市"),
    ("0597", "龙岩市", "364000", "350802新罗区 350821长汀县 350823上杭县 350881漳平市"),
    (
        "0593",
        "宁德市",
        "352100",
        "350902蕉城区 350921霞浦县 350922古田县 350923屏南县 350924寿宁县 350981福安市 350982福鼎市",
    ),
)

_OTHER_PROVINCES = (
    ("361102", "江西省", "上饶市", "信州区", "334000", "0793", 5),
    ("360730", "江西省", "赣州市", "宁都县", "342800", "0797", 3),
    ("330302", "浙江省", "温州市", "鹿城区", "325000", "0577", 3),
    ("330327", "浙江省", "温州市", "苍南县", "325800", "0577", 3),
    ("510105", "四川省", "成都市", "青羊区", "610031", "028", 2),
    ("511302", "四川省", "南充市", "顺庆区", "637000", "0817", 4),
    ("500101", "重庆市", "", "万州区", "404100", "023", 4),
    ("520302", "贵州省", "遵义市", "红花岗区", "563000", "0851", 3),
    ("340802", "安徽省", "安庆市", "迎江区", "246001", "0556", 2),
    ("421002", "湖北省", "荆州市", "沙市区", "434000", "0716", 3),
    ("411402", "河南省", "商丘市", "梁园区", "476000", "0370", 3),
    ("445102", "广东省", "潮州市", "湘桥区", "521000", "0768", 2),
    ("430103", "湖南省", "长沙市", "天心区", "410002", "0731", 2),
    ("513401", "四川省", "凉山彝族自治州", "西昌市", "615000", "0834", 1),
    ("653101", "新疆维吾尔自治区", "喀什地区", "喀什市", "844000", "0998", 1),
    ("540102", "西藏自治区", "拉萨市", "城关区", "850000", "0891", 1),
    ("110105", "北京市", "", "朝阳区", "100020", "010", 1),
)

_COMMON_TOWNS = ("城关镇", "城东街道", "湖滨街道", "东门街道", "石桥镇", "新桥镇", "大坪乡", "龙泉镇")


def _all_counties() -> tuple[County, ...]:
    fuzhou = [
        County(code, "福建省", "福州市", name, postcode, "0591", weight, tuple(towns.split()))
        for code, name, postcode, weight, towns in _FUZHOU
    ]
    fujian = [
        County(item[:6], "福建省", prefecture, item[6:], postcode, dialling, 0.25, _COMMON_TOWNS)
        for dialling, prefecture, postcode, items in _ELSEWHERE_IN_FUJIAN
        for item in items.split()
    ]
    others = [County(*row[:6], row[6] * 0.06, _COMMON_TOWNS) for row in _OTHER_PROVINCES]
    return (*fuzhou, *fujian, *others)


COUNTIES: tuple[County, ...] = _all_counties()

# Identity numbers keep the code of their day: Changle was a city until 2017; the last three are residence permits for
# people of Hong Kong, Macao and Taiwan.
FORMER_CODES = {"350112": "350182"}
PERMIT_CODES = ("810000", "820000", "830000")

_ROADS = words(
    "五四路 八一七北路 五一中路 杨桥东路 铜盘路 乌山路 湖东路 工业路 则徐大道 上三路 金榕南路 金祥路 连江北路 福马路 ",
    "福新中路 六一南路 国货西路 江滨西大道 西二环北路 华林路 学园路 首山路 浦上大道 建新北路 潘墩路 爱民路 解放大街",
)
_COMPOUND_HEADS = words(
    "金山 融侨 世欧 东方 阳光 锦绣 榕城 香格 江南 滨江 凤凰 闽江 华润 鼓山 中庚 水岸 福晟 名城 正荣 三盛"
)
_COMPOUND_TAILS = words("花园 新村 小区 公寓 家园 名邸 明珠 水都 国际城 豪庭 新苑 一期 佳园 广场")
_VILLAGE_HEADS = words(
    "沙堤 侯官 洪塘 厚庭 溪源 榕岸 东升 联丰 上洋 下洋 后山 前洋 南洋 林厝 陈厝 梅亭 长岭 白鹤 龙泉 古灵"
)
_LANES = words("一弄 三弄 支弄 后巷 前街 新路 里弄 下道 顶路")


def draw_counties(rng: np.random.Generator, count: int) -> Numbers:
    """Return ``count`` indices into :data:`COUNTIES`, drawn by weight (Fuzhou about nine in ten)."""
    weights = np.array([county.weight for county in COUNTIES])
    return rng.choice(len(COUNTIES), size=count, p=weights / weights.sum())


def draw_addresses(rng: np.random.Generator, counties: Numbers, *, streets: Sequence[str]) -> list[str]:
    """Return one address per county index, from the province down to the flat, in the several ways people write them.

    ``streets`` are street names drawn by Faker, mixed with roads of Fuzhou.
    """
    roads = (*_ROADS, *_ROADS, *streets)
    dice = rng.integers(0, 1 << 30, size=(len(counties), 10)).tolist()
    return [_address(COUNTIES[index], draw, roads) for index, draw in zip(counties.tolist(), dice, strict=True)]


def _address(county: County, draw: list[int], roads: tuple[str, ...]) -> str:
    town = county.towns[draw[0] % len(county.towns)]
    # One address in five leaves the province out, as people of the place do.
    province = "" if county.in_fuzhou and draw[1] % 5 == 0 else county.province
    head = f"{province}{county.prefecture}{county.name}"
    rural = draw[2] % 10 < (7 if town.endswith(("镇", "乡")) else 1)
    return head + (_village(town, draw) if rural else _flat(town, draw, roads))


def _village(town: str, draw: list[int]) -> str:
    village = _VILLAGE_HEADS[draw[3] % len(_VILLAGE_HEADS)]
    number = draw[4] % 230 + 1
    lane = _LANES[draw[6] % len(_LANES)]
    forms = (
        f"{village}村{number}号",
        f"{village}村{lane}{number}号",
        f"{village}村{draw[7] % 12 + 1}组{number}-{draw[8] % 6 + 1}号",
    )
    return town + forms[draw[5] % len(forms)]


def _flat(town: str, draw: list[int], roads: tuple[str, ...]) -> str:
    road, number = roads[draw[3] % len(roads)], draw[4] % 420 + 1
    compound = _COMPOUND_HEADS[draw[5] % len(_COMPOUND_HEADS)] + _COMPOUND_TAILS[draw[6] % len(_COMPOUND_TAILS)]
    block, unit, flat = draw[7] % 32 + 1, draw[8] % 4 + 1, f"{draw[9] % 28 + 1}0{draw[9] % 6 + 1}"
    forms = (
        f"{town}{road}{number}号{compound}{block}栋{unit}单元{flat}室",
        f"{town}{road}{number}号{compound}{block}号楼{flat}单元",
        f"{road}{number}号{compound}{block}座{flat}",
        f"{town}{compound}{block}-{unit}-{flat}",
        f"{road}{number}号{block}幢{flat}室",
    )
    return forms[draw[0] // 64 % len(forms)]
