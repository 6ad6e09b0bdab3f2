"""What the name of a column says about it: Chinese labels, pinyin initials of the medical record's front page, English words.

Owns the vocabulary of names. It must not know values; a name that says nothing returns None. The pinyin codes are those of the
住院病案首页 interface (HQMS) and of 国卫 data sets; where a name could mean two things the stricter stands here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from extractor.catalogue import FieldClass, Subject

_D, _Q, _S, _O = FieldClass.DIRECT, FieldClass.QUASI, FieldClass.SENSITIVE, FieldClass.OTHER


@dataclass(frozen=True)
class NameEvidence:
    """What a name says: kind, class, subject, and the Chinese label where the name is a known code."""

    kind: str
    cls: FieldClass
    subject: Subject = Subject.PERSON
    zh: str = ""


# code:label lists, by kind and class
_CODES: tuple[tuple[str, FieldClass, str], ...] = (
    ("person_name", _D, "BRXM:患者姓名 XM:姓名 HZXM:患者姓名 LXRXM:联系人姓名 JSXM:家属姓名 FQXM:父亲姓名 MQXM:母亲姓名"),
    ("person_name", _D, "KZR:科主任 ZRYS:主任医师 ZZYS:主治医师 ZYYS:住院医师 ZRHS:责任护士 JXYS:进修医师 SXYS:实习医师 BMY:编码员"),
    ("person_name", _D, "ZKYS:质控医师 ZKHS:质控护士 YSXM:医师姓名 HSXM:护士姓名 SZ:术者 SSYS:手术医师 MZYS:麻醉医师 CZY:操作员"),
    ("resident_id", _D, "SFZJHM:身份证号 SFZH:身份证号 SFZHM:身份证号 GMSFHM:公民身份号码 ZJHM:证件号码 SFZ:身份证号"),
    ("phone", _D, "DH:电话 DHHM:电话号码 LXDH:联系电话 SJH:手机号"),
    ("phone", _D, "SJHM:手机号码 LXRDH:联系人电话 BRDH:患者电话 DWDH:单位电话 JTDH:家庭电话"),
    ("insurance_id", _D, "JKKH:健康卡号 YBKH:医保卡号 SBKH:社保卡号 YBH:医保号 KH:卡号 YLZH:医疗证号"),
    ("record_number", _D, "BAH:病案号 ZYH:住院号 MZH:门诊号 BRID:患者标识"),
    ("record_number", _D, "HZID:患者标识 JZLSH:就诊流水号 LSH:流水号 BLH:病理号 YXH:影像号"),
    ("record_number", _D, "GH:工号 YSGH:医师工号 JZH:就诊号 ZYLSH:住院流水号"),
    ("record_number", _D, "DJH:单据号 CFH:处方号 BBH:标本号 JCH:检查号 EMPI:主索引号"),
    ("email", _D, "YX:邮箱 DZYX:电子邮箱"),
    ("bank_card", _D, "YHKH:银行卡号"),
    ("plate", _D, "CPH:车牌号 CPHM:车牌号码"),
    ("birth_date", _Q, "CSRQ:出生日期 SR:生日"),
    ("category", _Q, "XB:性别 XBDM:性别代码 MZ:民族 MZDM:民族代码 HYZK:婚姻状况"),
    ("category", _Q, "HYZKDM:婚姻状况代码 ZYDM:职业代码 ZY:职业 GJ:国籍 LXRGX:联系人关系"),
    ("category", _Q, "YLFKFS:医疗付款方式 WHCD:文化程度 XX:血型 CSD:出生地 JG:籍贯 ZC:职称 ZW:职务"),
    ("age", _Q, "NL:年龄 BZYZSNL:不足一周岁年龄 XSRL:新生儿日龄"),
    ("address", _Q, "XZZ:现住址 HKDZ:户口地址 DZ:地址 JTZZ:家庭住址"),
    ("address", _Q, "JTDZ:家庭地址 GZDWJDZ:工作单位及地址 DWDZ:单位地址 LXRDZ:联系人地址 ZZ:住址"),
    ("postcode", _Q, "XZZYB:现住址邮编 HKDZYB:户口地址邮编 YB:邮编 DWYB:单位邮编 YZBM:邮政编码"),
    ("division", _Q, "XZQH:行政区划代码 XZQHDM:行政区划代码 DQDM:地区代码"),
    ("event_date", _Q, "RYRQ:入院日期 CYRQ:出院日期 SFRQ:收费日期 SSJCZRQ:手术及操作日期"),
    ("event_date", _Q, "JZRQ:就诊日期 SWRQ:死亡日期 JCRQ:检查日期 QZRQ:确诊日期"),
    ("event_time", _Q, "RYSJ:入院时间 CYSJ:出院时间 JLSJ:记录时间 SWSJ:死亡时间 JZSJ:就诊时间 CJSJ:采集时间 BGSJ:报告时间"),
    ("icd10", _S, "JBDM:疾病编码 JBBM:疾病编码 GBJBBM:国标疾病编码 ZDBM:诊断编码 ZDDM:诊断代码 ICD:疾病编码 ICD10:疾病编码"),
    ("icd9cm3", _S, "ZYSSYCZBM:主要手术与操作编码 QTSSYCZBM:其他手术与操作编码 SSBM:手术编码 SSJCZBM:手术及操作编码"),
    ("term", _S, "MJZZD:门急诊诊断 CYSZYZD:出院时主要诊断 CYSQTZD:出院时其他诊断"),
    ("term", _S, "ZDMC:诊断名称 ZYSSYCZMC:主要手术与操作名称 JBMC:疾病名称"),
    ("term", _S, "QTSSYCZMC:其他手术与操作名称 SSMC:手术名称 XMMC:项目名称 YPMC:药品名称 GMYW:过敏药物 BLZD:病理诊断"),
    ("free_text", _S, "JLNR:记录内容 ZS:主诉 XBS:现病史 JWS:既往史 JZS:家族史"),
    ("free_text", _S, "BCJL:病程记录 BZ:备注 YXBX:影像表现 ZDYJ:诊断意见 JCSJ:检查所见"),
    ("category", _S, "RYBQ:入院病情 LYFS:离院方式 ZLJG:治疗结果"),
    ("amount", _S, "ZFY:总费用 QZZFJE:自付金额 YBYLFWF:一般医疗服务费 YBZLCZFY:一般治疗操作费 HLF:护理费 SSZLF:手术治疗费 XYF:西药费"),
    ("amount", _S, "KJYWFY:抗菌药物费用 ZCYF:中草药费 SYSZDF:实验室诊断费 YXXZDF:影像学诊断费 YYCLF:一次性医用材料费 JE:金额"),
    ("quantity", _O, "ZYCS:住院次数 ZYTS:住院天数 SL:数量 XH:序号"),
    ("organization", _O, "USERNAME:机构名称 JGMC:机构名称 YYMC:医院名称"),
    ("category", _O, "RYTJ:入院途径 RYKBDM:入院科别 CYKBDM:出院科别 KS:科室 KSMC:科室名称 ZDLX:诊断类型 JLLX:记录类型 XMLB:项目类别"),
)  # fmt: skip
_STAFF_CODES = frozenset(
    {"KZR", "ZRYS", "ZZYS", "ZYYS", "ZRHS", "JXYS", "SXYS", "BMY", "ZKYS", "ZKHS", "YSXM", "HSXM", "SZ", "SSYS", "MZYS"}
    | {"CZY", "GH", "YSGH", "ZC", "ZW"}
)
# English words that end like an identifier and are none.
_NO_ID = re.compile(r"(acid|paid|covid|rapid|fluid|solid|void|valid|lipid|oid|carotid|hybrid|humid|liquid)$")

# Read from top to bottom over the name's words; the first that is found counts, so the stricter stand first.
_WORDS: tuple[tuple[str, str, FieldClass], ...] = (
    ("email", r"e_?mail|邮箱|电子邮件", _D),
    ("resident_id", r"身份证|公民身份|证件号|\bid_?(no|num|number|card)\b|\bidcard\b|resident_?id|national_?id|citizen", _D),
    ("passport", r"护照|通行证|驾驶证|passport|driver|licen[cs]e", _D),
    ("insurance_id", r"\bssn\b|social_security|医保.*号|社保.*号|健康卡|医疗证|insurance_?(id|no|num)|medicare", _D),
    ("bank_card", r"银行(卡|账)|bank|card_?(no|num)|credit_card|iban", _D),
    ("plate", r"车牌|plate", _D),
    ("account", r"微信|qq号?|账号|用户名|username|login|wechat|account_?(id|no|name)?|\bip\b|ip_?addr|\bmac\b|\burl\b", _D),
    ("phone", r"电话|手机|phone|mobile|\btel\b|\bfax\b|传真|联系方式|contact_?no", _D),
    ("category", r"birth_?place|出生地|籍贯", _Q),
    ("birth_date", r"出生|生日|birth|\bdob\b", _Q),
    ("postcode", r"邮编|邮政编码|\bzip|post_?code|postal", _Q),
    ("address", r"地址|住址|住所|户籍|address|street|\baddr", _D),
    ("quantity", r"经度|纬度|坐标|\blat\b|\blon\b|\blng\b|latitude|longitude|\bgps\b", _D),
    ("free_text", r"内容|主诉|病史|备注|记录$|小结|描述$|所见|意见|"
     r"\bnotes?\b|comment|remark|narrative|summary|report|\btext\b|history", _S),
    ("icd9cm3", r"手术.*(编码|代码)|操作.*(编码|代码)|\bicd_?9", _S),
    ("icd10", r"(疾病|诊断).*(编码|代码)|\bicd|\bdiag_?[0-9]+\b|diagnosis_?code", _S),
    ("person_name", r"姓名|患者名|联系人$|医师$|医生$|护士$|主任$|full_?name|first_?name|last_?name|given_?name|family_?name|surname|"
     r"\bfirst\b|\blast\b|maiden|\bsuffix\b|middle|patient_?name|医生姓名", _D),
    ("record_number", r"病案号|住院号|门诊号|就诊号|病历号|流水号|患者.*(编号|标识|id)|编号$|工号|标本号|条码|标识$|唯一号|\bmrn\b|"
     r"record_?(no|num)|patient_?(id|no|nbr|num|sk)|\bpatient\b|\bencounter|\bvisit_?(id|no)|\buid\b|\buuid\b|\bguid\b|\budi\b|serial|"
     r"\bsubject_?id|person_?id|\bnbr\b|\bid\b|barcode|\bhid\b", _D),
    ("age", r"年龄|\bage\b", _Q),
    ("division", r"区划|行政区", _Q),
    ("category", r"性别|民族|婚姻|职业|文化|学历|国籍|血型|单位|宗教|职称|\bsex\b|gender|\brace\b|ethnic|marital|occupation|education|"
     r"nationality|native_?country|religion|\bcity\b|\bstate\b|county|province|country|region|\bprefix\b|language|workclass|"
     r"relat|payer|payment|salary|income_?class|civil|urbrur|\bweight\b|\bheight\b|speciality", _Q),
    ("quantity", r"次数|天数|数量|\bcount\b|number_?of|^num_|quantity|dispenses|utili[sz]ation|days|_?in_hospital", _O),
    ("event_date", r"日期|时间|\bdate\b|datetime|\btime\b|\bstart\b|\bstop\b|\bend\b|admitted|discharged|timestamp|"
     r"death_?date", _Q),
    ("term", r"诊断|手术|疾病|药品|药物|过敏|症状|diagnos|disease|procedure|medication|drug|allerg|condition|description|reaction|"
     r"symptom|reason", _S),
    ("amount", r"费用|金额|费$|价格|cost|amount|expense|coverage|revenue|charge|price|fee\b|income|savings|expend", _S),
    ("category", r"检验|检查|结果|病情|离院|result|disposition|severity|\bcode\b|bodysite|modality|glu|a1c", _S),
    ("organization", r"机构|医院|organi[sz]ation|hospital|facility", _O),
    ("category", r"科室|科别|类型|类别|department|\bward\b|specialty|category|\btype\b|system", _O),
)  # fmt: skip
_RELATIVE = re.compile(
    r"联系人|家属|父亲|母亲|配偶|监护|LXR|JSXM|FQXM|MQXM|contact_|guardian|father|mother|spouse|next_of_kin", re.I
)
_STAFF_TABLE = re.compile(r"staff|provider|doctor|physician|nurse|医务|医师|医生|护士|人员表|职工", re.I)
_STAFF = re.compile(
    r"医师|医生|护士|主任|术者|职称|工号|doctor|physician|nurse|surgeon|provider|staff|speciality", re.I
)

_BY_CODE = {
    item.split(":")[0]: NameEvidence(
        kind,
        cls,
        Subject.STAFF
        if item.split(":")[0] in _STAFF_CODES
        else Subject.RELATIVE
        if _RELATIVE.search(item.split(":")[0])
        else Subject.PERSON,
        item.split(":")[1],
    )
    for kind, cls, items in _CODES
    for item in items.split()
}


def name_evidence(column: str) -> NameEvidence | None:
    """Return what a column's name says, or None where it says nothing.

    Pinyin codes count in capitals as well as in small letters; a number at the end (``JBDM1``) is passed over.
    """
    code = re.sub(r"[_ -]?[0-9]+$", "", column.strip()).upper()
    if found := _BY_CODE.get(column.strip().upper()) or _BY_CODE.get(code):
        return found
    words = _spaced(column)
    for kind, pattern, cls in _WORDS:
        if re.search(pattern, words) or re.search(pattern, words.replace(" ", "_")):
            return NameEvidence(kind, cls, _subject(column))
    if re.search(r"[a-z]{2,}id$", words) and not _NO_ID.search(words):
        return NameEvidence("record_number", _D, _subject(column))
    if re.search(r"name$|\bname\b|名称|^名$|^姓$", words):
        return NameEvidence("person_name", _D, _subject(column))
    return None


def is_person_key_name(column: str) -> bool:
    """Say whether a name is that of the key by which the source knows a person."""
    code = column.strip().upper()
    words = _spaced(column)
    named = re.search(r"patient|person|subject_?id|患者.*(编号|标识|id)|病案号|病历号|\bmrn\b|主索引", words)
    return code in ("BAH", "BRID", "HZID", "EMPI") or bool(named)


def is_table_of(table: str, what: Subject) -> bool:
    """Say whether a table's name says that its rows are of members of staff."""
    return what is Subject.STAFF and bool(
        re.search(r"staff|provider|doctor|physician|nurse|医务|医师|医生|护士|人员表|职工", table, re.I)
    )


def _subject(column: str) -> Subject:
    if _RELATIVE.search(column):
        return Subject.RELATIVE
    return Subject.STAFF if _STAFF.search(column) else Subject.PERSON


def _spaced(column: str) -> str:
    """Return a name as small words: ``patientNbr`` and ``PATIENT.NBR`` become ``patient nbr``."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return re.sub(r"[_.\-\s]+", " ", split).lower().strip()
