"""The closed table of patterns for persons: citizen numbers, travel documents, telephones, cards, vehicles.

Owns the form of every such identifier, its validator, the words beside which it counts, and what it needs to count. The
other half, codes of health care and of the network, is ``pattern_table_codes``. It must not know how a text is searched.
Every pattern is linear.
"""

from __future__ import annotations

from extractor.deid import identifiers as ids
from extractor.deid.pattern_forms import (
    CHINESE_DIGITS,
    CONFUSED,
    COUNTRY,
    GAP,
    LINK,
    NO_DIGIT_AFTER,
    NO_NUMBER_BEFORE,
    NOT_AFTER,
    NOT_BEFORE,
    Need,
    Pattern,
    read_as_digits,
    without_gaps,
)
from extractor.deid.pattern_table_codes import CODE_PATTERNS
from extractor.deid.spans import SpanType as T

ID_CUES = ("身份证", "身份證", "身分证", "身分證", "证件号", "身份号", "公民身份", "ID", "id", "证号")
PHONE_CUES = (
    *("电话", "手机", "联系", "電話", "聯絡", "热线", "致电", "拨打", "号码", "打给", "来电", "微信"),
    *("Tel", "TEL", "tel", "phone", "Phone"),
)
CARD_CUES = ("卡号", "银行", "账号", "账户", "帐号", "借记卡", "信用卡", "储蓄卡", "工行", "建行", "农行", "中行")
VEHICLE_CUES = ("车牌", "车号", "牌照", "驾驶", "车辆", "号牌")
_PHONE_LABEL = (
    "联系电话|联系方式|联系手机|聯絡電話|联系|聯繫|电话号码|手机号码|手机号|手机|电话|電話|聯絡|热线|传真|座机|固话|总机|来电"
    "|Tel|TEL|tel|Phone|phone|PHONE|Mobile|mobile|Fax|FAX|fax|致电|拨打|短号|分机|内线"
)
_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_C = f"[0-9{CONFUSED}]"
_M = f"[0-9{CHINESE_DIGITS}]"


def _mobile(text: str) -> bool:
    return ids.is_mobile(without_gaps(text).lstrip("+"))


def _confused_mobile(text: str) -> bool:
    plain = without_gaps(text)
    return not plain.isdigit() and sum(c.isdigit() for c in plain) >= 7 and ids.is_mobile(read_as_digits(text))


def _mixed_mobile(text: str) -> bool:
    return ids.is_mobile(read_as_digits(text))


def _confused_id(text: str) -> bool:
    return sum(c.isdigit() for c in text) >= 12 and ids.resident_id_has_form(read_as_digits(text))


def _card(text: str) -> bool:
    """Say whether digits are a card number; 13 digits beginning with 69 are the bar code of a product."""
    return ids.is_bank_card(text) and not (len(text) == 13 and text.startswith("69"))


CITIZENS: tuple[Pattern, ...] = (
    Pattern(
        "resident_id",
        T.RESIDENT_ID,
        rf"[1-9][0-9]{{5}}{GAP}(?:18|19|20)[0-9]{{2}}{GAP}{_MONTH}{GAP}{_DAY}{GAP}[0-9]{{3}}{GAP}[0-9Xx]",
        0.75,
        ids.is_resident_id,
        ID_CUES,
        glued=True,
    ),
    Pattern(
        "resident_id_spaced",
        T.RESIDENT_ID,
        rf"{NOT_BEFORE}[1-9](?:{GAP}[0-9]){{16}}{GAP}[0-9Xx]{NOT_AFTER}",
        0.5,
        ids.is_resident_id,
        ID_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "resident_id_masked",
        T.RESIDENT_ID,
        rf"{NOT_BEFORE}[1-9][0-9]{{2,9}} ?[*xX]{{4,14}} ?[0-9]{{0,4}}[0-9Xx]?{NOT_AFTER}",
        0.65,
    ),
    Pattern(
        "resident_id_confused",
        T.RESIDENT_ID,
        rf"{NOT_BEFORE}[1-9lI]{_C}{{5}}{GAP}{_C}{{8}}{GAP}{_C}{{3}}{GAP}[0-9Xx{CONFUSED}]{NOT_AFTER}",
        0.6,
        _confused_id,
        ID_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "old_resident_id",
        T.RESIDENT_ID,
        rf"{NOT_BEFORE}[1-9][0-9]{{5}}{GAP}[0-9]{{6}}{GAP}[0-9]{{3}}{NOT_AFTER}",
        0.6,
        ids.is_old_resident_id,
        ID_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "named_resident_id",
        T.RESIDENT_ID,
        r"(?:身[份分][证證]|证件号|身份号码?|公民身份)(?:号码|號碼|号|件)?[^0-9A-Za-z\n\x1e]{0,6}"
        rf"(?P<v>[0-9{CONFUSED}](?:[ \-._·]{{0,2}}[0-9Xx*{CONFUSED}]){{9,20}})",
        0.85,
    ),
)
TELEPHONES: tuple[Pattern, ...] = (
    Pattern(
        "mobile",
        T.PHONE,
        rf"{NO_NUMBER_BEFORE}{COUNTRY}1[3-9][0-9]{GAP}[0-9]{{4}}{GAP}[0-9]{{4}}{NO_DIGIT_AFTER}",
        0.75,
        _mobile,
        PHONE_CUES,
    ),
    Pattern(
        "mobile_grouped",
        T.PHONE,
        rf"{NO_NUMBER_BEFORE}{COUNTRY}1[ \-]?[3-9](?:{GAP}[0-9]){{9}}{NO_DIGIT_AFTER}",
        0.6,
        _mobile,
        PHONE_CUES,
    ),
    # Two or three numbers with nothing between them.
    Pattern(
        "mobiles", T.PHONE, rf"{NO_NUMBER_BEFORE}(?:1[3-9][0-9]{{9}}){{2,3}}{NO_DIGIT_AFTER}", 0.85, cues=PHONE_CUES
    ),
    Pattern("mobile_masked", T.PHONE, r"(?<![0-9])1[3-9][0-9][0-9]? ?[*xX]{3,6} ?[0-9]{3,4}(?![0-9])", 0.7),
    Pattern(
        "mobile_confused",
        T.PHONE,
        rf"{NOT_BEFORE}[1lI][3-9]{_C}{GAP}{_C}{{4}}{GAP}{_C}{{4}}{NOT_AFTER}",
        0.6,
        _confused_mobile,
        PHONE_CUES,
        Need.CHECK,
    ),
    Pattern(
        "mobile_mixed",
        T.PHONE,
        rf"(?<!{_M})[1一幺壹][3-9三四五六七八九](?:{GAP}{_M}){{9}}(?!{_M})",
        0.6,
        _mixed_mobile,
        PHONE_CUES,
        Need.CHECK,
    ),
    Pattern("mobile_machine", T.PHONE, rf"{NOT_BEFORE}(?:1064|1440)[0-9]{{9}}{NOT_AFTER}", 0.6, None, PHONE_CUES),
    Pattern(
        "named_phone",
        T.PHONE,
        rf"(?:{_PHONE_LABEL})[^0-9+\n\x1e。;!?]{{0,6}}(?P<v>\+?[0-9][0-9\- ()/.·]{{5,40}}[0-9])",
        0.85,
    ),
    Pattern("extension", T.PHONE, r"(?:短号|分机|内线)号?[码为是: ]{0,3}(?P<v>[0-9]{3,6})(?![0-9])", 0.7),
    Pattern(
        "phone_tail",
        T.PHONE,
        rf"(?:尾号|[后末][四4]位|尾数)[为是: ]{{0,3}}(?P<v>[0-9]{{2}} ?[0-9][0-9Xx](?![0-9A-Za-z])|[{CHINESE_DIGITS}]{{4}})",
        0.7,
    ),
    Pattern(
        "landline",
        T.LANDLINE,
        r"(?<![0-9A-Za-z.])(?:\(?(?:\+|00)86\)?[ \-]{0,2}\(?0?|\(?(?:86[ \-]{0,2})?\(?0)(?:10|2[0-9]|[3-9][0-9]{2})\)?"
        r"[ \-]{0,2}[2-9][0-9]{2,3}[ \-]?[0-9]{4}"
        r"(?:[ ]?(?:转|-|#|ext\.?|分机)[ :]?[0-9]{1,6})?(?![0-9])",
        0.7,
        cues=PHONE_CUES,
    ),
    Pattern(
        "service_number",
        T.LANDLINE,
        r"(?<![0-9A-Za-z.\-])[48]00(?:-?[0-9]{3}-?[0-9]{4}|-?[0-9]{4}-?[0-9]{3})(?![0-9\-])",
        0.6,
        cues=PHONE_CUES,
    ),
    Pattern(
        "foreign_phone",
        T.PHONE,
        r"\+[0-9]{1,3}[ \-]?\(?[0-9](?:[ \-]?[0-9]){0,3}\)?(?:[ \-]?[0-9]){4,12}(?![0-9])",
        0.65,
        cues=PHONE_CUES,
        literal="+",
    ),
    Pattern("bracketed_phone", T.PHONE, r"\(\+?[0-9]{2,4}\)[ \-]?[0-9]{1,4}-[0-9]{6,8}(?![0-9])", 0.6, cues=PHONE_CUES),
    Pattern(
        "region_phone",
        T.PHONE,
        r"(?<![0-9A-Za-z.])\(?(?:\+|00)?(?:852|853|886)\)?[ \-]{0,2}[0-9](?:-?[0-9]){6,10}(?![0-9])",
        0.6,
        cues=PHONE_CUES,
    ),
    Pattern(
        "taiwan_mobile",
        T.PHONE,
        r"(?<![0-9A-Za-z.])09[0-9]{2}[ \-]?[0-9]{3}[ \-]?[0-9]{3}(?![0-9A-Za-z])",
        0.6,
        cues=PHONE_CUES,
    ),
)
CARDS: tuple[Pattern, ...] = (
    Pattern(
        "bank_card",
        T.BANK_CARD,
        rf"{NOT_BEFORE}[1-9](?:[ \-.]?[0-9]){{12,18}}{NOT_AFTER}",
        0.55,
        _card,
        CARD_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "bank_card_masked", T.BANK_CARD, rf"{NOT_BEFORE}[3-69][0-9]{{3,5}} ?\*[* ]{{3,12}}[0-9]{{3,4}}{NOT_AFTER}", 0.6
    ),
    Pattern(
        "named_card",
        T.BANK_CARD,
        r"(?:银行卡号?|卡号|借记卡|信用卡|储蓄卡|银行[账帐][号户])[^0-9\n\x1e]{0,8}"
        rf"(?P<v>[0-9](?:[ \-.]?[0-9*{CONFUSED}]){{7,22}})",
        0.8,
    ),
)
TRAVEL: tuple[Pattern, ...] = (
    Pattern(
        "passport",
        T.PASSPORT,
        rf"{NOT_BEFORE}(?:E[A-HJ-NP-Z][ ]?[0-9]{{7}}|[EGK][ ]?[0-9]{{8}}|[SDP]E?[ ]?[0-9]{{7}}|KJ[ ]?[0-9]{{7}}|M[AB][ ]?[0-9]{{7}})"
        rf"{NOT_AFTER}",
        0.6,
        None,
        ("护照", "passport", "Passport"),
    ),
    Pattern(
        "named_passport",
        T.PASSPORT,
        r"(?:护照|護照|[Pp]assport|PASSPORT)[^0-9A-Za-z\n\x1e]{0,6}(?:[Nn][Oo]\.? ?:? ?)?"
        rf"(?P<v>[A-Za-z]{{0,2}}[ ]?[0-9{CONFUSED}](?:[ \-]?[0-9{CONFUSED}]){{5,8}})",
        0.85,
    ),
    Pattern(
        "permit",
        T.PERMIT,
        rf"{NOT_BEFORE}(?:[HMCWLT][0-9]{{8}}(?:[0-9]{{2}})?|C[A-HJ-NP-Z][0-9]{{7}}|[HM]A[0-9]{{7}}){NOT_AFTER}",
        0.6,
        cues=("通行证", "回乡证", "台胞证"),
    ),
    Pattern(
        "named_permit",
        T.PERMIT,
        r"(?:通行证|居住证|居留证|居留身份证|回乡证|台胞证|往来港澳|签注)[^0-9A-Za-z\n\x1e]{0,6}"
        r"(?P<v>[A-Za-z]{0,3}[ ]?[0-9](?:[ \-]?[0-9Xx]){6,17})",
        0.85,
    ),
    Pattern(
        "hkid",
        T.PERMIT,
        rf"{NOT_BEFORE}[A-Z]{{1,2}}[ ]?[0-9]{{6}}[ ]?\(?[0-9A](?:\)|{NOT_AFTER})",
        0.6,
        ids.is_hkid,
        ("身份证", "身份證", "HKID"),
        Need.CUE_OR_CHECK,
    ),
    Pattern("macau_id", T.PERMIT, rf"{NOT_BEFORE}[157](?:[0-9]{{6}}\([0-9]\)|/[0-9]{{6}}/[0-9]{NOT_AFTER})", 0.55),
    Pattern(
        "macau_id_bare",
        T.PERMIT,
        rf"{NOT_BEFORE}[157][0-9]{{7}}{NOT_AFTER}",
        0.5,
        None,
        ("澳门身份", "澳門身份", "澳门居民", "BIR"),
        Need.CUE,
    ),
    Pattern(
        "taiwan_id",
        T.PERMIT,
        rf"{NOT_BEFORE}[A-Z][1289][0-9]{{8}}{NOT_AFTER}",
        0.6,
        ids.is_taiwan_id,
        ("身分证", "身分證", "身份证", "身份證"),
        Need.CUE_OR_CHECK,
    ),
    Pattern("foreign_residence", T.PERMIT, rf"{NOT_BEFORE}[A-Z]{{3}}[ ]?[0-9]{{12}}{NOT_AFTER}", 0.6),
    Pattern(
        "military_id",
        T.MILITARY_ID,
        r"[军士文武警官兵南北沈兰成济广海空参政后装]{1,4}字第 ?[0-9A-Za-z]{4,12} ?号?",
        0.8,
        literal="字第",
    ),
    Pattern(
        "named_military_id",
        T.MILITARY_ID,
        r"(?:军官证|士兵证|警官证|文职证|士官证|义务兵证|军人证|警号|军人保障卡|军人保障号)[^0-9A-Za-z\n\x1e]{0,6}?(?P<v>[军士文武警官兵南北沈兰成济广海空参政后装]?[0-9A-Za-z]{5,18})",
        0.8,
    ),
)
VEHICLES: tuple[Pattern, ...] = (
    Pattern(
        "plate",
        T.PLATE,
        rf"[{_PROVINCE}] ?[A-HJ-Za-hj-z][·\- .]?(?=[A-Za-z]{{0,3}}[0-9])[0-9A-HJ-NP-Za-hj-np-z]{{4,5}}"
        r"(?:[0-9A-HJ-NP-Za-hj-np-z]|[警学挂港澳使领])(?![0-9A-Za-z])",
        0.7,
        cues=VEHICLE_CUES,
    ),
    Pattern("police_plate", T.PLATE, rf"WJ[{_PROVINCE}]?[·\- ]?[0-9]{{4}}[0-9A-Z](?![0-9A-Za-z])", 0.7, literal="WJ"),
    Pattern("consular_plate", T.PLATE, r"使[·\- ]?[0-9]{6}(?![0-9])", 0.6, None, VEHICLE_CUES, Need.CUE, literal="使"),
    Pattern(
        "named_plate",
        T.PLATE,
        rf"(?:车牌|牌照|号牌)(?:号码|号)?{LINK}(?P<v>[{_PROVINCE}]?[A-Z]{{1,2}}[·\- ]?[0-9A-Z]{{4,6}}[警学挂港澳使领]?)(?![0-9A-Za-z])",
        0.8,
    ),
    Pattern(
        "vin",
        T.OTHER_ID,
        rf"{NOT_BEFORE}(?=[0-9]{{0,16}}[A-Z])[A-HJ-NPR-Z0-9]{{17}}{NOT_AFTER}",
        0.5,
        ids.is_vin,
        ("车架", "VIN", "车辆识别"),
        Need.CUE_OR_CHECK,
    ),
)
PATTERNS: tuple[Pattern, ...] = (*CITIZENS, *TELEPHONES, *CARDS, *TRAVEL, *VEHICLES, *CODE_PATTERNS)
