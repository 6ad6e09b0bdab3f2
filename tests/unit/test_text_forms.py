"""Every identifier in its written forms, and what looks like one and is none.

A row names the identifier and the form; the brackets 【 】 stand around what must be covered and are no part of the text.
"""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from extractor.deid.free_text import RECOGNISERS, annotate_column
from extractor.deid.identifiers import resident_id_check

_FORMS = tuple(r for r in RECOGNISERS if r.name in ("patterns", "dates", "ages"))
_ID_PHONE = {"RESIDENT_ID", "PHONE"}


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _zero_width(text: str) -> str:
    return "\u200b".join(text)


def _chinese(text: str) -> str:
    return text.translate(str.maketrans("0123456789", "零一二三四五六七八九"))


ID, BAD_ID, OLD_ID = "110101199003074610", "110101199003074611", "110101900307461"
MOBILE = "13800138000"

# (type, form, text)
MUST: list[tuple[str, str, str]] = [
    ("RESIDENT_ID", "plain", f"身份证【{ID}】"),
    ("RESIDENT_ID", "no cue", f"患者【{ID}】入院"),
    ("RESIDENT_ID", "wrong check digit, no cue", f"患者【{BAD_ID}】入院"),
    ("RESIDENT_ID", "wrong check digit, named", f"身份证号码:【{BAD_ID}】"),
    ("RESIDENT_ID", "month that does not exist, named", "身份证号:【110101199013074610】"),
    ("RESIDENT_ID", "month that does not exist, named after it", "【110101199013074610】(身份证号)"),
    ("RESIDENT_ID", "digit lost, named", "身份证号【11010119900307461】。"),
    ("RESIDENT_ID", "full width", f"证件【{_wide(ID)}】"),
    ("RESIDENT_ID", "zero width", f"证件【{_zero_width(ID)}】"),
    ("RESIDENT_ID", "Chinese digits", f"证件【{_chinese(ID)}】"),
    ("RESIDENT_ID", "grouped by spaces", "证件【110101 19900307 4610】"),
    ("RESIDENT_ID", "grouped by dashes", "证件【110101-1990-0307-4610】"),
    ("RESIDENT_ID", "dotted", "证件【110101.19900307.4610】"),
    ("RESIDENT_ID", "middle dots", "证件【110101·19900307·4610】"),
    ("RESIDENT_ID", "every digit apart", f"身份证【{' '.join(ID)}】"),
    ("RESIDENT_ID", "glued to Han", f"张三{ID[:0]}【{ID}】男"),
    ("RESIDENT_ID", "small x", "身份证【11010119900307109x】"),
    ("RESIDENT_ID", "times sign for X", "身份证【11010119900307109×】"),
    ("RESIDENT_ID", "O for 0", "身份证【11O1O119900307461O】"),
    ("RESIDENT_ID", "l for 1, no cue", "患者【l10l0119900307461O】入院"),
    ("RESIDENT_ID", "masked", "身份证【110101********4610】"),
    ("RESIDENT_ID", "masked, crosses", "身份证【110101XXXXXXXX4610】"),
    ("RESIDENT_ID", "end of a longer run", f"证书编码199811110【{ID}】"),
    ("RESIDENT_ID", "after letters", f"ID【{ID}】"),
    ("RESIDENT_ID", "fifteen digits with a date", f"患者【{OLD_ID}】"),
    ("RESIDENT_ID", "fifteen digits, named, no date", "身份证【110101901307461】"),
    ("RESIDENT_ID", "fifteen digits in groups", "身份证【110101 900307 461】"),
    ("RESIDENT_ID", "fifteen digits, full width", f"证件【{_wide(OLD_ID)}】"),
    ("RESIDENT_ID", "residence permit of Taiwan", "持【830000200209060065】"),
    ("RESIDENT_ID", "permanent residence of 2023", f"持【91115619900307461{resident_id_check('91115619900307461')}】"),
    ("PERMIT", "permanent residence of 2017", "持【ABC310012345678】"),
    ("PASSPORT", "plain", "【E12345678】"),
    ("PASSPORT", "letter second", "持【EA1234567】"),
    ("PASSPORT", "G", "护照:【G12345678】"),
    ("PASSPORT", "old, named", "护照号【141234567】"),
    ("PASSPORT", "diplomatic", "持【DE1234567】"),
    ("PASSPORT", "Macau", "持【MA1234567】"),
    ("PASSPORT", "Hong Kong", "持【KJ0123456】"),
    ("PASSPORT", "full width", f"护照【{_wide('E12345678')}】"),
    ("PASSPORT", "zero width", f"护照【{_zero_width('E12345678')}】"),
    ("PASSPORT", "apart", "护照号码 【E 12345678】"),
    ("PASSPORT", "small letter, named", "护照号:【e12345678】"),
    ("PASSPORT", "O for 0, named", "护照No.【E1234567O】"),
    ("PASSPORT", "English label", "Passport No: 【AB1234567】"),
    ("PERMIT", "Hong Kong and Macau", "持【C12345678】"),
    ("PERMIT", "with letter", "持【CA1234567】"),
    ("PERMIT", "to Taiwan", "持【T12345678】"),
    ("PERMIT", "mainland permit", "回乡证【H12345678】"),
    ("PERMIT", "mainland permit with count", "持【M1234567890】"),
    ("PERMIT", "Taiwan residents, named", "台胞证【12345678】"),
    ("PERMIT", "full width", f"通行证【{_wide('C12345678')}】"),
    ("PERMIT", "HKID with brackets", "持【A123456(3)】"),
    ("PERMIT", "HKID, wide brackets", "持【A123456（3）】"),
    ("PERMIT", "HKID without brackets", "持【A1234563】"),
    ("PERMIT", "HKID, wrong check, named", "香港身份证【A123456(4)】"),
    ("PERMIT", "Macau", "持【1234567(8)】"),
    ("PERMIT", "Macau, bare, named", "澳门身份证【51234567】"),
    ("PERMIT", "Taiwan ID", "持【A123456789】"),
    ("PERMIT", "Taiwan ID, wrong check, named", "身分证【A123456788】"),
    ("MILITARY_ID", "army", "持【军字第1234567号】"),
    ("MILITARY_ID", "police, spaces", "持【武字第 0012345 号】"),
    ("MILITARY_ID", "full width", "持【士字第１２３４５６号】"),
    ("MILITARY_ID", "named", "军官证:【南1234567】"),
    ("MILITARY_ID", "police number", "警号【012345】"),
    ("USCC", "checked", "统一代码【91110000600037341L】"),
    ("USCC", "wrong check, named", "统一社会信用代码:【91110000600037341M】"),
    ("USCC", "grouped", "信用代码【9111 0000 6000 3734 1L】"),
    ("USCC", "full width", f"【{_wide('91110000600037341L')}】"),
    ("USCC", "small letter, named", "税号:【91110000600037341l】"),
    ("USCC", "organisation code", "组织机构代码:【60003734-1】"),
    ("USCC", "organisation code, wrong check", "组织机构代码【60003734-2】"),
    ("BANK_CARD", "checked", "付款【6222021234567890128】"),
    ("BANK_CARD", "grouped", "付款【6222 0212 3456 7890 128】"),
    ("BANK_CARD", "dashes", "付款【6222-0212-3456-7890-128】"),
    ("BANK_CARD", "dotted", "卡号【6222.0212.3456.7890.128】"),
    ("BANK_CARD", "wrong check, named", "工行卡号:【6222021234567890129】"),
    ("BANK_CARD", "wrong check, bank near", "银行账户是【6222021234567890129】"),
    ("BANK_CARD", "full width", f"付款【{_wide('6222021234567890128')}】"),
    ("BANK_CARD", "Chinese digits", f"付款【{_chinese('6222021234567890128')}】"),
    ("BANK_CARD", "zero width", f"付款【{_zero_width('6222021234567890128')}】"),
    ("BANK_CARD", "masked", "付款【6222 **** **** 0128】"),
    ("BANK_CARD", "O for 0, named", "卡号【622202123456789O128】"),
    ("PHONE", "plain", f"【{MOBILE}】"),
    ("PHONE", "glued to Han", f"其子张三【{MOBILE}】联系"),
    ("PHONE", "after a point", f"No.【{MOBILE}】"),
    ("PHONE", "full width", f"拨【{_wide(MOBILE)}】"),
    ("PHONE", "zero width", f"拨【{_zero_width(MOBILE)}】"),
    ("PHONE", "Chinese digits", f"拨【{_chinese(MOBILE)}】"),
    ("PHONE", "spoken one", "拨【幺三八零零幺三八零零零】"),
    ("PHONE", "Chinese in groups", "拨【一三八 零零一三 八零零零】"),
    ("PHONE", "Chinese and figures", "拨【138零零13八零零零】"),
    ("PHONE", "3 4 4 spaces", "拨【138 0013 8000】"),
    ("PHONE", "3 4 4 dashes", "拨【138-0013-8000】"),
    ("PHONE", "3 4 4 dots", "拨【138.0013.8000】"),
    ("PHONE", "middle dots", "拨【138·0013·8000】"),
    ("PHONE", "long dashes", "拨【138—0013—8000】"),
    ("PHONE", "3 3 5", "拨【138 001 38000】"),
    ("PHONE", "4 3 4", "拨【1380 013 8000】"),
    ("PHONE", "every digit apart", f"拨【{' '.join(MOBILE)}】"),
    ("PHONE", "+86", "拨【+8613800138000】"),
    ("PHONE", "+86 and dashes", "拨【+86-138-0013-8000】"),
    ("PHONE", "0086", "拨【008613800138000】"),
    ("PHONE", "(+86)", "拨【(+86)13800138000】"),
    ("PHONE", "O for 0", "拨【138OO138OO0】"),
    ("PHONE", "l for 1", "拨【l38001380OO】"),
    ("PHONE", "confused and grouped", "拨【138-OO13-8OO0】"),
    ("PHONE", "virtual", "拨【17012345678】"),
    ("PHONE", "satellite", "拨【17412345678】"),
    ("PHONE", "machine", "拨【1064812345678】"),
    ("PHONE", "masked", "拨【138****8000】"),
    ("PHONE", "masked, apart", "拨【138 **** 8000】"),
    ("PHONE", "two glued", "拨【1380013800013900139000】"),
    ("PHONE", "two by a slash", "拨【13800138000】/【13900139000】"),
    ("PHONE", "tail", "尾号【8000】"),
    ("PHONE", "tail in Chinese", "手机尾号是【八零零零】"),
    ("PHONE", "last four with X", "身份证后四位【461X】"),
    ("PHONE", "last four apart", "尾号为 【80 00】"),
    ("PHONE", "last four", "后4位【8000】"),
    ("PHONE", "seven digits, named", "家中电话:【8765432】"),
    ("PHONE", "extension, named", "护士站分机【8012】"),
    ("PHONE", "+1", "拨【+1 (415) 555-2671】"),
    ("PHONE", "+852", "拨【+852 91234567】"),
    ("PHONE", "country in brackets", "拨【(884)6-46166621】"),
    ("PHONE", "Taiwan mobile", "拨【0978-936-572】"),
    ("LANDLINE", "plain", "拨【01088886666】"),
    ("LANDLINE", "dash", "拨【0591-87654321】"),
    ("LANDLINE", "brackets", "拨【(010)88886666】"),
    ("LANDLINE", "wide brackets", "拨【（０１０）８８８８６６６６】"),
    ("LANDLINE", "extension", "拨【010-88886666转801】"),
    ("LANDLINE", "extension by dash", "拨【010-88886666-801】"),
    ("LANDLINE", "extension in English", "拨【010-88886666 ext.801】"),
    ("LANDLINE", "long dash", "拨【010—88886666】"),
    ("LANDLINE", "halves apart", "拨【0591-8765 4321】"),
    ("LANDLINE", "Chinese digits", "拨【零一零八八八八六六六六】"),
    ("LANDLINE", "+86", "拨【+86 10 88886666】"),
    ("LANDLINE", "400", "拨【400-812-3123】"),
    ("LANDLINE", "800 plain", "拨【8008123123】"),
    ("PLATE", "plain", "车【京A12345】"),
    ("PLATE", "apart", "车【京 A12345】"),
    ("PLATE", "dot", "车【京A·12345】"),
    ("PLATE", "new energy", "车【粤BD12345】"),
    ("PLATE", "school", "车【闽A1234学】"),
    ("PLATE", "consulate", "车【沪A0023领】"),
    ("PLATE", "embassy, named", "车牌【使123456】"),
    ("PLATE", "armed police", "车【WJ京1234X】"),
    ("PLATE", "full width", "车【京Ａ１２３４５】"),
    ("PLATE", "small letter", "车【京a12b45】"),
    ("PLATE", "military, named", "车牌号:【KA12345】"),
    ("OTHER_ID", "VIN", "车辆【1M8GDM9AXKP042788】"),
    ("OTHER_ID", "VIN, wrong check, named", "车架号【1M8GDM9A0KP042788】"),
    ("INSURANCE_ID", "card", "医保卡号:【350100123456】"),
    ("INSURANCE_ID", "letter", "社保卡号【A12345678】"),
    ("INSURANCE_ID", "grouped", "医保号 【3501 0012 3456】"),
    ("INSURANCE_ID", "full width", f"医保号：【{_wide('350100123456')}】"),
    ("INSURANCE_ID", "HKG", "参保【HKG012345678】"),
    ("OTHER_ID", "hospital code", "机构【H11010100001】"),
    ("OTHER_ID", "pharmacy code", "机构【P11010100001】"),
    ("LICENCE", "doctor's code", "医师【D110101000012】"),
    ("LICENCE", "nurse's code", "护士【N110101000012】"),
    ("LICENCE", "HY", "医师【HY110101000012】"),
    ("OTHER_ID", "institution code WS 218", "机构【6000373411101012210001】"),
    ("OTHER_ID", "institution code, wrong check, named", "机构代码:【6000373421101012210001】"),
    ("OTHER_ID", "birth certificate", "出生医学证明编号:【B123456788】"),
    ("LICENCE", "practice certificate", "执业证书编号【110110101000012】"),
    ("LICENCE", "qualification, holder's ID inside", f"资格证书【199811110{BAD_ID}】"),
    ("LICENCE", "qualification without cue", f"陈医师【199811110{BAD_ID}】"),
    *[
        ("MEDICAL_RECORD", label, f"{label}【{value}】,")
        for label, value in (
            ("住院号:", "0012345"),
            ("住院号", "Z2024-0031"),
            ("门诊号：", "１２３４５６"),
            ("病案号为", "A00123"),
            ("就诊卡号 ", "88001234"),
            ("检查号:", "CT20240318001"),
            ("影像号", "P123456"),
            ("标本号:", "2024031800123"),
            ("病理号:", "S2024-01234"),
            ("处方号", "778812"),
            ("医嘱号:", "99128374"),
            ("床号:", "12"),
            ("床号", "加3"),
            ("条码号:", "6901234567"),
            ("超声编号:", "US20240001"),
            ("住院号 No.", "123456"),
            ("住院号:№", "123456"),
            ("住院号（", "123456"),
            ("住院号:", "一二三四五六"),
            ("住院\u200b号:", "1\u200b23456"),
        )
    ],
    ("MEDICAL_RECORD", "bed after a ward", "收入三病区【12】床"),
    ("EMAIL", "plain", "邮箱【zhang.san+a@example.com.cn】"),
    ("EMAIL", "glued to Han", "发到【zhangsan@qq.com】即可"),
    ("EMAIL", "full width", "发到【ｚｈａｎｇ＠ｑｑ．ｃｏｍ】"),
    ("EMAIL", "spaces", "发到【zhang @ qq .com】"),
    ("EMAIL", "Chinese point", "发到【zhang@qq。com】"),
    ("EMAIL", "spelled", "发到【zhang(at)163.com】"),
    ("EMAIL", "spelled wholly", "发到【zhang[at]163[dot]com】"),
    ("EMAIL", "艾特", "发到【zhang艾特163点com】"),
    ("EMAIL", "provider only", "发到【zhang@163】"),
    ("EMAIL", "two glued", "发到【a1@sina.cnb2c@vip.126.com】"),
    ("EMAIL", "zero width", "发到【zhang\u200b@qq.com】"),
    ("WECHAT", "plain", "微信:【zhang_san88】"),
    ("WECHAT", "number", "微信号【zhangsan123】"),
    ("WECHAT", "short", "公共微信：【gypn】"),
    ("WECHAT", "letters for the word", "VX:【zhangsan88】"),
    ("WECHAT", "to add", "加V:【zhangsan88】"),
    ("WECHAT", "like sounding", "薇信【zhangsan88】"),
    ("WECHAT", "own form", "请加【wxid_ab12cd34ef56】"),
    ("WECHAT", "full width", "微信：【ｚｈａｎｇ８８】"),
    ("WECHAT", "digits", "微信【623794065】"),
    ("QQ", "plain", "QQ:【623794065】"),
    ("QQ", "glued", "加QQ【623794065】聊"),
    ("QQ", "one letter", "加我Q【623794065】"),
    ("QQ", "word", "扣扣【623794065】"),
    ("QQ", "group", "病友QQ群:【12345678】"),
    ("QQ", "grouped", "QQ:【623 794 065】"),
    ("QQ", "full width", "ＱＱ：【６２３７９４０６５】"),
    ("QQ", "Chinese digits", f"QQ{'号'}【{_chinese('623794065')}】"),
    ("URL", "scheme", "见【https://example.com/p?id=1】"),
    ("URL", "bare", "见【www.lily.com.cn】"),
    ("URL", "no www", "见【haodf.example.com/doctor/1】"),
    ("IP", "four numbers", "主机【192.168.1.20】"),
    ("IP", "version six", "主机【2001:db8:0:0:0:0:2:1】"),
    ("MAC", "colons", "网卡【00:1A:2B:3C:4D:5E】"),
    ("MAC", "dashes", "网卡【00-1A-2B-3C-4D-5E】"),
    ("ACCOUNT", "account", "用户名:【zhang_san】"),
    ("ADDRESS", "postcode", "邮编:【350001】"),
    ("OTHER_ID", "named number", "工号:【10023】"),
]

# Nothing in these may be found.
LOOK_ALIKES: dict[str, list[str]] = {
    "laboratory values": [
        "白细胞16.7×10^9/L",
        "血小板 250×10^9/L,血红蛋白 130g/L",
        "HBV-DNA 13500000000copies/ml",
        "HBV-DNA 13500000000 IU/ml",
        "病毒载量 15012345678拷贝/ml",
        "红细胞计数15000000000/L",
        "肌酐 88.5umol/L",
        "CA125 1380.0013U/ml",
        "乙肝病毒1.38001380005E7",
        "D-二聚体 12345678ug/L",
        "NT-proBNP 35000pg/ml",
        "PSA 4.123ng/ml",
    ],
    "doses": [
        "头孢曲松2.0g静滴",
        "青霉素 800 1000 800万单位",
        "阿司匹林100mg qd",
        "5%葡萄糖500ml+胰岛素8u",
        "肝素12500IU",
        "使200000单位尿激酶",
    ],
    "codes of diseases and genes": [
        "ICD-10:Q21.101",
        "E11.900",
        "I21.401",
        "M80000/3",
        "诊断编码:C34.900",
        "EGFR L858R突变",
    ],
    "codes of drugs and literature": ["国药准字H20051234", "国药准字Z12345678", "批号:H20051234", "PMID:12345678"],
    "measures": ["肿物12345678mm", "切除组织3×2×1cm", "脾厚4.2cm,肋下3cm", "FEV1 2.35L"],
    "pressures and rates": ["血压130/80mmHg", "BP 120/80", "心率 110101次/日", "R 20次/分"],
    "words beside labels": [
        "住院号不详",
        "微信支付100元",
        "微信平台",
        "电话不详",
        "QQ不详",
        "科室床位50床",
        "开放床位500床",
        "3床旁心电图",
    ],
    "products": ["药品6901234567892", "6901234567892"],
    "scales": ["ASA II级", "Apgar 9-10-10分", "NYHA III", "GCS E4V5M6", "T3N1M0", "C5-6椎间盘突出", "L4/5"],
    "years and quantities": ["近2000年来", "共20000例", "花费15000000000元", "2000多种"],
}


@cache
def _found() -> dict[str, list[tuple[int, int, str]]]:
    texts = [_plain(text) for _, _, text in MUST] + [text for texts in LOOK_ALIKES.values() for text in texts]
    table = annotate_column(pl.Series(texts, dtype=pl.String), recognisers=_FORMS)
    spans = table.by_document(len(texts))
    return {text: [(s.start, s.end, s.type.value) for s in found] for text, found in zip(texts, spans, strict=True)}


def _plain(text: str) -> str:
    return text.replace("【", "").replace("】", "")


def _wanted(text: str) -> list[tuple[int, int]]:
    result, at = [], 0
    for piece in text.split("【")[1:]:
        at = text.index("【" + piece, at)
        shift = 2 * len(result)
        result.append((at - shift, at - shift + piece.index("】")))
        at += 1
    return result


@pytest.mark.parametrize(("kind", "form", "text"), MUST, ids=[f"{kind}: {form}" for kind, form, _ in MUST])
def test_a_form_of_an_identifier_is_covered_whole_and_typed(kind: str, form: str, text: str) -> None:
    del form
    spans = _found()[_plain(text)]
    for start, end in _wanted(text):
        covered = {at for s, e, _ in spans for at in range(s, e)}
        assert covered >= set(range(start, end)), spans
        assert kind in {found for s, e, found in spans if s < end and e > start}


@pytest.mark.parametrize("text", [t for texts in LOOK_ALIKES.values() for t in texts])
def test_what_only_looks_like_an_identifier_is_left(text: str) -> None:
    assert [text[s:e] for s, e, _ in _found()[text]] == []


@pytest.mark.parametrize(
    "label", ["银行卡号", "护照", "军官证", "联系电话", "身份证号", "执业证书编号", "税号", "通行证"]
)
def test_a_label_at_the_end_of_a_document_says_nothing_of_the_next_one(label: str) -> None:
    number = "13800138000"
    alone = annotate_column(pl.Series([number])).by_document(1)[0]
    beside = annotate_column(pl.Series([label, number])).by_document(2)[1]
    assert [(span.start, span.end, span.type, span.recogniser) for span in beside] == [
        (span.start, span.end, span.type, span.recogniser) for span in alone
    ]
