"""The closed table of patterns for numbers, codes and addresses of the network.

Owns the form of every identifier that a regular expression can describe, its validator, the words beside which it counts,
and how the three together give score and rank. It must not know how documents are joined or what becomes of a span. No
pattern uses ``\\b``, which does not match beside 汉字; all are linear, and every search has a deadline besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid import identifiers as ids
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline

_NOT_BEFORE, _NOT_AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_GAP = r"[ \-._·]{0,2}"
_CONTEXT = 18
# Every pattern that is not brief has four letters or digits and all it needs besides within this reach of each of them.
_REACH, _LEAST = 48, 4
_LETTER_OR_DIGIT = np.array([chr(code).isalnum() for code in range(128)] + [False])


class Need(Enum):
    """What a match must have besides its form to count."""

    FORM = "form"
    CUE = "cue"
    CHECK = "check"
    CUE_OR_CHECK = "cue or check"


@dataclass(frozen=True)
class Pattern:
    """One form. ``literal`` must occur in the text for the search to be worth while; group ``v``, if any, is the span.

    A ``brief`` pattern may match fewer than four letters and digits, so the whole text is searched for it.
    """

    name: str
    type: SpanType
    expression: str
    score: float = 0.7
    validator: Callable[[str], bool] | None = None
    cues: tuple[str, ...] = ()
    need: Need = Need.FORM
    literal: str = ""
    brief: bool = False


_ID_CUES = ("身份证", "证件号", "身份号", "公民身份", "ID", "id", "证号")
_PHONE_CUES = (
    "电话",
    "手机",
    "联系",
    "電話",
    "聯絡",
    "Tel",
    "TEL",
    "tel",
    "phone",
    "Phone",
    "热线",
    "致电",
    "拨打",
    "号码",
)
_CARD_CUES = ("卡号", "银行", "账号", "账户", "帐号", "借记卡", "信用卡", "储蓄卡")
_RECORD = (
    "住院号|病案号|门诊号|病历号|就诊卡号|就诊卡|就诊号|登记号|检查号|影像号|放射号|超声号|标本号|样本号|病理号|处方号|医嘱号|条码号|"
    "床号|病人ID|患者ID|患者编号|病人编号|病员号|急诊号|体检号|健康卡号|健康档案号|档案号|申请单号|报告单号|报告编号|CT号|MR号|MRI号|X线号|X光号|"
    "ID号|流水号|入院号|案号"
)
_PHONE_LABEL = (
    "联系电话|联系方式|联系手机|聯絡電話|联系|聯繫|电话号码|手机号码|手机号|手机|电话|電話|聯絡|热线|传真|座机|固话"
    "|Tel|TEL|tel|Phone|phone|Mobile|mobile|致电|拨打"
)
_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def _digits(text: str) -> str:
    return str(regex.sub(r"[ \-._·()/]", "", text))


def _mobile(text: str) -> bool:
    return ids.is_mobile(text.lstrip("+"))


def _confused_mobile(text: str) -> bool:
    read = text.translate(str.maketrans("OoIl", "0011"))
    return not text.isdigit() and sum(c.isdigit() for c in text) >= 7 and ids.is_mobile(read)


def _ip(text: str) -> bool:
    return ":" in text or all(int(part) <= 255 for part in text.split("."))


_CHECK_DIGITS = (
    ids.is_resident_id,
    ids.is_uscc,
    ids.is_organisation_code,
    ids.is_bank_card,
    ids.is_hkid,
    ids.is_taiwan_id,
    ids.is_vin,
)
_T = SpanType
PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "resident_id",
        _T.RESIDENT_ID,
        rf"[1-9][0-9]{{5}}{_GAP}(?:18|19|20)[0-9]{{2}}{_GAP}(?:0[1-9]|1[0-2]){_GAP}(?:0[1-9]|[12][0-9]|3[01]){_GAP}[0-9]{{3}}{_GAP}[0-9Xx]",
        0.75,
        ids.is_resident_id,
        _ID_CUES,
    ),
    Pattern(
        "resident_id_spaced",
        _T.RESIDENT_ID,
        rf"{_NOT_BEFORE}[1-9](?:[ \-.]?[0-9]){{16}}[ \-.]?[0-9Xx]{_NOT_AFTER}",
        0.5,
        ids.is_resident_id,
        _ID_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "resident_id_masked",
        _T.RESIDENT_ID,
        rf"{_NOT_BEFORE}[1-9][0-9]{{2,9}}[*xX]{{4,14}}[0-9]{{0,4}}[0-9Xx]?{_NOT_AFTER}",
        0.7,
    ),
    Pattern(
        "resident_id_confused",
        _T.RESIDENT_ID,
        rf"{_NOT_BEFORE}(?=[0-9]*[OoIl])[1-9lI][0-9OoIl]{{16}}[0-9XxOoIl]{_NOT_AFTER}",
        0.6,
        None,
    ),
    Pattern(
        "old_resident_id",
        _T.RESIDENT_ID,
        rf"{_NOT_BEFORE}[1-9][0-9]{{14}}{_NOT_AFTER}",
        0.6,
        ids.is_old_resident_id,
        _ID_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "named_resident_id",
        _T.RESIDENT_ID,
        r"(?:身份证|身份證|证件号|身份号码?|公民身份)(?:号码|號碼|号|件)?[^0-9A-Za-z\n]{0,6}(?P<v>[0-9](?:[ \-.]?[0-9Xx*]){9,20})",
        0.85,
    ),
    Pattern(
        "mobile",
        _T.PHONE,
        rf"(?<![0-9.])(?:\(?(?:\+|00)?86\)?{_GAP})?1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}(?![0-9])",
        0.75,
        _mobile,
        _PHONE_CUES,
    ),
    Pattern(
        "mobile_grouped",
        _T.PHONE,
        rf"(?<![0-9.])(?:\(?(?:\+|00)?86\)?{_GAP})?1[ \-]?[3-9](?:[ \-.]{{0,2}}[0-9]){{9}}(?![0-9])",
        0.6,
        _mobile,
        _PHONE_CUES,
    ),
    Pattern("mobile_masked", _T.PHONE, r"(?<![0-9])1[3-9][0-9][0-9]?[*xX]{3,6}[0-9]{3,4}(?![0-9])", 0.7),
    Pattern(
        "mobile_confused",
        _T.PHONE,
        rf"{_NOT_BEFORE}[1lI][3-9][0-9OoIl]{{9}}{_NOT_AFTER}",
        0.6,
        _confused_mobile,
        _PHONE_CUES,
        Need.CHECK,
    ),
    Pattern("mobile_machine", _T.PHONE, rf"{_NOT_BEFORE}(?:1064|1440)[0-9]{{9}}{_NOT_AFTER}", 0.6, None, _PHONE_CUES),
    Pattern(
        "named_phone", _T.PHONE, rf"(?:{_PHONE_LABEL})[^0-9+\n]{{0,6}}(?P<v>\+?[0-9][0-9\- ()/]{{5,40}}[0-9])", 0.85
    ),
    Pattern("phone_tail", _T.PHONE, r"(?:尾号|后四位)[为是: ]{0,3}(?P<v>[0-9]{4})(?![0-9])", 0.7),
    Pattern(
        "landline",
        _T.LANDLINE,
        r"(?<![0-9A-Za-z.])(?:\(?(?:\+|00)?86\)?[ \-]{0,2})?\(?0(?:10|2[0-9]|[3-9][0-9]{2})\)?[ \-]{0,2}[2-9][0-9]{2,3}[ \-]?[0-9]{4}"
        r"(?:[ ]?(?:转|-|ext\.?|分机)[ :]?[0-9]{1,6})?(?![0-9])",
        0.7,
    ),
    Pattern(
        "service_number",
        _T.LANDLINE,
        r"(?<![0-9A-Za-z.])[48]00[ \-]?[0-9]{3,4}[ \-]?[0-9]{3,4}(?![0-9])",
        0.6,
        None,
        (),
    ),
    Pattern(
        "foreign_phone",
        _T.PHONE,
        r"\+[0-9]{1,3}[ \-]?[0-9](?:[ \-]?[0-9]){6,13}(?![0-9])",
        0.7,
        literal="+",
    ),
    Pattern(
        "region_phone",
        _T.PHONE,
        r"(?<![0-9A-Za-z.])\(?(?:\+|00)?(?:852|853|886)\)?[ \-]{0,2}[0-9](?:-?[0-9]){6,10}(?![0-9])",
        0.6,
    ),
    Pattern(
        "bank_card",
        _T.BANK_CARD,
        rf"{_NOT_BEFORE}[1-9](?:[ \-]?[0-9]){{12,18}}{_NOT_AFTER}",
        0.55,
        ids.is_bank_card,
        _CARD_CUES,
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "named_card",
        _T.BANK_CARD,
        r"(?:银行卡号?|卡号|借记卡|信用卡|储蓄卡|银行账[号户])[^0-9\n]{0,8}(?P<v>[0-9](?:[ \-]?[0-9*]){7,22})",
        0.8,
    ),
    Pattern(
        "uscc",
        _T.USCC,
        rf"{_NOT_BEFORE}[0-9A-Y][0-9A-Y][0-9]{{6}}[0-9A-Y]{{10}}{_NOT_AFTER}",
        0.6,
        ids.is_uscc,
        ("信用代码", "税号"),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "organisation_code",
        _T.USCC,
        r"组织机构代码[^0-9A-Z\n]{0,4}(?P<v>[0-9A-Z]{8}-?[0-9X])",
        0.8,
        ids.is_organisation_code,
    ),
    Pattern(
        "passport",
        _T.PASSPORT,
        rf"{_NOT_BEFORE}(?:E[A-HJ-NP-Z][0-9]{{7}}|[EGK][0-9]{{8}}|[SDP]E?[0-9]{{7}}|KJ[0-9]{{7}}|M[AB][0-9]{{7}}){_NOT_AFTER}",
        0.6,
        None,
        ("护照", "passport", "Passport"),
    ),
    Pattern(
        "named_passport",
        _T.PASSPORT,
        r"(?:护照|[Pp]assport)[^0-9A-Za-z\n]{0,6}(?:[Nn]o\.? ?:?)?(?P<v>[A-Za-z]{0,2}[0-9]{6,9})",
        0.85,
    ),
    Pattern(
        "permit",
        _T.PERMIT,
        rf"{_NOT_BEFORE}(?:[HMCWLT][0-9]{{8}}(?:[0-9]{{2}})?|C[A-HJ-NP-Z][0-9]{{7}}|[HM]A[0-9]{{7}}){_NOT_AFTER}",
        0.6,
    ),
    Pattern(
        "named_permit",
        _T.PERMIT,
        r"(?:通行证|居住证|居留证|回乡证|台胞证)[^0-9A-Za-z\n]{0,6}(?P<v>[A-Za-z]{0,3}[0-9]{7,18})",
        0.85,
    ),
    Pattern(
        "hkid",
        _T.PERMIT,
        rf"{_NOT_BEFORE}[A-Z]{{1,2}}[0-9]{{6}}\(?[0-9A](?:\)|{_NOT_AFTER})",
        0.6,
        ids.is_hkid,
        ("身份证",),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "taiwan_id",
        _T.PERMIT,
        rf"{_NOT_BEFORE}[A-Z][1289][0-9]{{8}}{_NOT_AFTER}",
        0.6,
        ids.is_taiwan_id,
        ("身分证", "身份证"),
        Need.CUE_OR_CHECK,
    ),
    Pattern("foreign_residence", _T.PERMIT, rf"{_NOT_BEFORE}[A-Z]{{3}}[0-9]{{12}}{_NOT_AFTER}", 0.6),
    Pattern(
        "military_id",
        _T.MILITARY_ID,
        r"[军士文武警官兵南北沈兰成济广海空]{1,4}字第 ?[0-9A-Za-z]{4,12} ?号?",
        0.8,
        literal="字第",
    ),
    Pattern(
        "named_military_id",
        _T.MILITARY_ID,
        r"(?:军官证|士兵证|警官证|军人证|警号|军人保障卡)[^0-9A-Za-z\n]{0,6}(?P<v>[0-9A-Za-z]{5,18})",
        0.8,
    ),
    Pattern(
        "plate",
        _T.PLATE,
        rf"[{_PROVINCE}][A-HJ-Z][· .]?(?=[A-Z]{{0,3}}[0-9])[0-9A-HJ-NP-Z]{{4,5}}(?:[0-9A-HJ-NP-Z]|[警学挂港澳])(?![0-9A-Za-z])",
        0.7,
    ),
    Pattern("police_plate", _T.PLATE, rf"WJ[{_PROVINCE}]?[0-9]{{4}}[0-9A-Z](?![0-9A-Za-z])", 0.7, literal="WJ"),
    Pattern(
        "medical_record",
        _T.MEDICAL_RECORD,
        rf"(?:{_RECORD})[码为是:# ]{{0,4}}(?P<v>[0-9A-Za-z][0-9A-Za-z\-]{{0,23}})(?![0-9A-Za-z])",
        0.85,
        brief=True,
    ),
    Pattern(
        "insurance_id",
        _T.INSURANCE_ID,
        r"(?:医保卡?号?|社保卡?号?|社会保障号|医疗保险号|参保号|个人编号|医保编号|保险号|保单号)"
        r"[码为是: ]{0,4}(?P<v>[0-9A-Za-z]{6,24})(?![0-9A-Za-z])",
        0.85,
    ),
    Pattern("social_security", _T.INSURANCE_ID, rf"{_NOT_BEFORE}(?:HKG|MAC|TWN)0[0-9]{{8}}{_NOT_AFTER}", 0.8),
    Pattern("staff_code", _T.LICENCE, rf"{_NOT_BEFORE}(?:[DN][0-9]{{12}}|H[YJ][0-9]{{12}}){_NOT_AFTER}", 0.7),
    Pattern("institution_code", _T.OTHER_ID, rf"{_NOT_BEFORE}[HP][0-9]{{11}}{_NOT_AFTER}", 0.7),
    Pattern(
        "named_licence",
        _T.LICENCE,
        r"(?:执业证书?|资格证书?|执照|医师编码|医师代码|护士证|行医证|驾驶证|驾照)(?:编号|号码|号)?[^0-9A-Za-z\n]{0,4}(?P<v>[0-9A-Za-z]{8,27})",
        0.85,
    ),
    Pattern(
        "physician_licence",
        _T.LICENCE,
        rf"{_NOT_BEFORE}[0-9]{{23}}(?:[0-9]{{3}})?[0-9Xx]{_NOT_AFTER}",
        0.6,
        ids.is_physician_licence,
        ("证",),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "birth_certificate",
        _T.OTHER_ID,
        r"(?:出生医学证明|出生证)(?:编号|号码|号)?[^0-9A-Za-z\n]{0,4}(?P<v>[A-Za-z]?[0-9]{8,10})",
        0.85,
    ),
    Pattern(
        "vin",
        _T.OTHER_ID,
        rf"{_NOT_BEFORE}[A-HJ-NPR-Z0-9]{{17}}{_NOT_AFTER}",
        0.5,
        ids.is_vin,
        ("车架", "VIN"),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "email",
        _T.EMAIL,
        r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64} ?@ ?[A-Za-z0-9\-]{1,63}(?: ?\.[A-Za-z0-9\-]{1,63}){1,5}",
        0.9,
        literal="@",
    ),
    Pattern("url", _T.URL, r"(?:https?://|ftp://|www\.)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%\-]{3,300}", 0.8),
    Pattern(
        "ip",
        _T.IP,
        r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])",
        0.7,
        _ip,
        ("IP", "ip", "服务器", "地址"),
        Need.CHECK,
    ),
    Pattern(
        "ip6",
        _T.IP,
        r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4}){1,4}(?![0-9A-Fa-f:])",
        0.6,
        None,
        literal=":",
    ),
    Pattern("mac", _T.MAC, r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])", 0.8),
    Pattern(
        "wechat",
        _T.WECHAT,
        r"(?:微信|威信|薇信|WeChat|Wechat|wechat|weixin|VX|vx|Vx|WX|wx|V信|v信)"
        r"(?:公众)?(?:号码|账号|号|ID|id)?[:是为 同]{0,3}(?P<v>[A-Za-z0-9][A-Za-z0-9_\-]{4,19})(?![A-Za-z0-9_\-])",
        0.8,
    ),
    Pattern(
        "qq",
        _T.QQ,
        r"(?:QQ|qq|Qq|扣扣|企鹅|Q群|Q号)(?:交流|读者|粉丝)?(?:号码|群|号)?[:是为 ]{0,3}(?P<v>[0-9]{5,12})(?![0-9])",
        0.85,
    ),
    Pattern(
        "account",
        _T.ACCOUNT,
        r"(?:账号|帐号|用户名|支付宝|微博|抖音号?|快手号?|登录名|昵称)[:是为@ ]{1,3}(?P<v>[A-Za-z0-9_][A-Za-z0-9_\-.]{3,31})",
        0.7,
    ),
    Pattern("postcode", _T.ADDRESS, r"(?:邮编|邮政编码)[:是为 ]{0,3}(?P<v>[0-9]{6})(?![0-9])", 0.8, literal="邮"),
    Pattern(
        "named_number",
        _T.OTHER_ID,
        r"(?:编号|单号|工号|合同号|学号|发票号)[码为是: ]{0,3}(?P<v>[0-9A-Za-z][0-9A-Za-z\-]{4,23})(?![0-9A-Za-z])",
        0.7,
    ),
)


@cache
def _compiled(expression: str) -> regex.Pattern[str]:
    return regex.compile(expression)


def _judge(pattern: Pattern, buffer: Buffer, start: int, end: int) -> Span | None:
    """Weigh one match by form, check, context and what it is glued to; return its span, or none if it does not count."""
    view = buffer.view
    text = view[start:end]
    checked = pattern.validator is not None and (pattern.validator(text) or pattern.validator(_digits(text)))
    before = buffer.before(start, _CONTEXT)
    cued = any(cue in before for cue in pattern.cues)
    glued = pattern.name == "resident_id" and (view[start - 1 : start].isdigit() or view[end : end + 1].isdigit())
    met = {Need.FORM: not glued or checked, Need.CUE: cued, Need.CHECK: checked, Need.CUE_OR_CHECK: cued or checked}
    if not (met[pattern.need] or (cued and glued)):
        return None
    score = pattern.score + (0.2 if checked else 0.0) + (0.1 if cued else 0.0)
    rank = (
        Rank.CHECKSUM
        if checked and pattern.validator in _CHECK_DIGITS
        else Rank.PATTERN
        if pattern.need is not Need.CUE
        else Rank.CONTEXT
    )
    return Span(start, end, pattern.type, min(score, 1.0), rank, pattern.name)


def _matches(pattern: Pattern, buffer: Buffer, deadline: Deadline) -> Iterator[Span]:
    compiled = _compiled(pattern.expression)
    group = "v" if "v" in compiled.groupindex else 0
    glueable = pattern.name == "resident_id"
    for found in compiled.finditer(buffer.view, overlapped=glueable, timeout=deadline.left()):
        start, end = found.span(group)
        span = _judge(pattern, buffer, start, end)
        if span is not None:
            yield span


def find_patterns(buffer: Buffer, deadline: Deadline, patterns: tuple[Pattern, ...] = PATTERNS) -> list[Span]:
    """Run each pattern once over the buffer, or over the parts of it that hold letters or digits enough.

    Raises:
        TimeoutError: the deadline passed, also in the middle of one search.
    """
    near, positions = buffer.excerpt(_LETTER_OR_DIGIT[np.minimum(buffer.codes, 128)], reach=_REACH, least=_LEAST)
    found: list[Span] = []
    for pattern in patterns:
        if pattern.literal and pattern.literal not in buffer.view:
            continue
        if pattern.brief:
            found.extend(_matches(pattern, buffer, deadline))
        else:
            moved = (
                replace(s, start=int(positions[s.start]), end=int(positions[s.end - 1]) + 1)
                for s in _matches(pattern, near, deadline)
            )
            found.extend(moved)
    return found
