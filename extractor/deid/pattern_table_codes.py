"""The closed table of patterns for codes: organisations, health care, the hospital's own numbers, accounts, the network.

Owns their forms, validators, labels and needs. It must not know how a text is searched. Every pattern is linear.
"""

from __future__ import annotations

from extractor.deid import identifiers as ids
from extractor.deid.pattern_forms import CHINESE_DIGITS, GAP, LINK, NOT_AFTER, NOT_BEFORE, Need, Pattern
from extractor.deid.spans import SpanType as T

# What a hospital numbers, and the words for its number.
_RECORDED = (
    "住院|门诊|门急诊|急诊|病案|病历|就诊卡?|登记|检查|检验|化验|影像|放射|超声|彩超|B超|内镜|胃镜|肠镜|心电图?|标本|样本|采样|送检|病理|切片|蜡块|处方|医嘱"
    "|条形?码|[病卧]?床|体检|申请单?|报告单?|CT|MRI?|DR|PET|X线|X光|流水|入院|透析|手术|麻醉|输血|血袋|患者|病人|病员|健康卡|健康档案|档案|诊疗卡|一卡通|挂号|案"
)
_RECORD = f"(?:{_RECORDED})(?:编号|号|ID|id)|就诊卡|病人ID|患者ID|ID号|条形?码"
_DOMAIN = r"[A-Za-z0-9\-]{1,63}(?: ?[.。][A-Za-z0-9\-]{1,63}){1,5}"
_PROVIDERS = "qq|163|126|139|sina|sohu|gmail|hotmail|outlook|foxmail|yeah|aliyun"


def _ip(text: str) -> bool:
    """Say whether four numbers are an address; four single digits are a list."""
    parts = text.split(".")
    return len(parts) == 4 and all(int(part) <= 255 for part in parts) and len(text) > 7


ORGANISATIONS: tuple[Pattern, ...] = (
    Pattern(
        "uscc",
        T.USCC,
        rf"{NOT_BEFORE}[0-9A-Y]{{2}}{GAP}[0-9]{{6}}{GAP}[0-9A-Y]{{4}}{GAP}[0-9A-Y]{{4}}{GAP}[0-9A-Y]{{2}}{NOT_AFTER}",
        0.6,
        ids.is_uscc,
        ("信用代码", "税号", "识别号"),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "named_uscc",
        T.USCC,
        r"(?:信用代码|税号|纳税人识别号)[^0-9A-Za-z\n\x1e]{0,6}(?P<v>[0-9A-Za-z](?:[ \-]?[0-9A-Za-z]){14,19})(?![0-9A-Za-z])",
        0.85,
        ids.is_uscc,
    ),
    Pattern(
        "organisation_code",
        T.USCC,
        r"组织机构代码[^0-9A-Z\n\x1e]{0,4}(?P<v>[0-9A-Z]{8}-?[0-9X])",
        0.8,
        ids.is_organisation_code,
    ),
    Pattern(
        "institution_code_old",
        T.OTHER_ID,
        rf"{NOT_BEFORE}[0-9A-Z]{{8}}-?[0-9X][0-9]{{6}}[0-9A-Z]{{7}}{NOT_AFTER}",
        0.6,
        ids.is_institution_code,
        ("机构代码", "机构编码", "登记号"),
        Need.CUE_OR_CHECK,
    ),
    Pattern("institution_code", T.OTHER_ID, rf"{NOT_BEFORE}[HP][0-9]{{11}}{NOT_AFTER}", 0.7),
)
HEALTH_CARE: tuple[Pattern, ...] = (
    Pattern(
        "medical_record",
        T.MEDICAL_RECORD,
        rf"(?:{_RECORD}){LINK}(?P<v>加?[0-9A-Za-z](?:[0-9A-Za-z\-]|[./](?=[0-9A-Za-z])){{0,23}}(?![0-9A-Za-z])|[{CHINESE_DIGITS}]{{4,6}})",
        0.85,
        brief=True,
    ),
    Pattern("bed", T.MEDICAL_RECORD, r"(?:病区|病房|科|室|住|转) ?(?P<v>加?[0-9]{1,3})床(?!位|旁|边)", 0.7, brief=True),
    Pattern(
        "insurance_id",
        T.INSURANCE_ID,
        r"(?:医保卡?号?|社保卡?号?|社会保障(?:卡?号|卡)|医疗保险(?:卡?号|卡)|医疗证号?|参保号|个人编号|医保编号|电脑号|保险号|保单号|新农合号)"
        rf"{LINK}(?P<v>[0-9A-Za-z]{{6,24}}(?:[ \-][0-9]{{2,8}}){{0,4}}|[0-9]{{2,5}}(?:[ \-][0-9]{{2,8}}){{2,5}})(?![0-9A-Za-z])",
        0.85,
    ),
    Pattern("social_security", T.INSURANCE_ID, rf"{NOT_BEFORE}(?:HKG|MAC|TWN)0[0-9]{{8}}{NOT_AFTER}", 0.8),
    Pattern("staff_code", T.LICENCE, rf"{NOT_BEFORE}(?:[DN][0-9]{{12}}|H[YJ][0-9]{{12}}){NOT_AFTER}", 0.7),
    Pattern(
        "named_licence",
        T.LICENCE,
        r"(?:执业证书?|资格证书?|执照|医师编码|医师代码|护士证|行医证|驾驶证|驾照|导游证|律师证)(?:编号|编码|号码|号)?[^0-9A-Za-z\n\x1e]{0,4}"
        r"(?P<v>[0-9A-Za-z]{8,27})",
        0.85,
    ),
    Pattern(
        "physician_licence",
        T.LICENCE,
        rf"{NOT_BEFORE}[0-9]{{23}}(?:[0-9]{{3}})?[0-9Xx]{NOT_AFTER}",
        0.6,
        ids.is_physician_licence,
        ("证",),
        Need.CUE_OR_CHECK,
    ),
    Pattern(
        "birth_certificate",
        T.OTHER_ID,
        r"(?:出生医学证明|出生证明?)(?:编号|编码|号码|号)?[^0-9A-Za-z\n\x1e]{0,4}(?P<v>[A-Za-z]? ?[0-9]{8,10})",
        0.85,
    ),
)
NETWORK: tuple[Pattern, ...] = (
    # What follows an address without a gap, as in a@b.cnd@e.com, is part of the run.
    Pattern(
        "email",
        T.EMAIL,
        rf"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{{1,64}} ?@ ?{_DOMAIN}(?:@{_DOMAIN}){{0,3}}",
        0.9,
        literal="@",
    ),
    Pattern(
        "email_spelled",
        T.EMAIL,
        rf"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{{1,64}} ?(?:[(\[{{<#*]at[)\]}}>#*]|艾特|@) ?"
        rf"(?:[A-Za-z0-9\-]{{1,63}}(?: ?(?:[(\[{{]dot[)\]}}]|点|[.。]) ?[A-Za-z0-9\-]{{1,63}}){{1,5}}|(?:{_PROVIDERS})(?![A-Za-z0-9]))",
        0.8,
    ),
    Pattern("url", T.URL, r"(?:https?://|ftp://|www\.)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%\-]{3,300}", 0.8),
    Pattern(
        "bare_url",
        T.URL,
        r"(?<![A-Za-z0-9.@\-])(?:[A-Za-z0-9\-]{2,63}\.){1,4}(?:com|cn|net|org|gov|edu)(?:/[A-Za-z0-9._~/?#=&%\-]{0,200})?(?![A-Za-z0-9])",
        0.6,
    ),
    Pattern(
        "ip",
        T.IP,
        r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])",
        0.7,
        _ip,
        ("IP", "ip", "服务器", "地址"),
        Need.CHECK,
    ),
    Pattern(
        "ip6",
        T.IP,
        r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4}){1,4}(?![0-9A-Fa-f:])",
        0.6,
        None,
        literal=":",
    ),
    Pattern(
        "mac",
        T.MAC,
        r"(?<![0-9A-Fa-f])(?:(?:[0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Fa-f])",
        0.8,
    ),
)
ACCOUNTS: tuple[Pattern, ...] = (
    Pattern(
        "wechat",
        T.WECHAT,
        r"(?:微 ?信|威信|薇信|徽信|(?<![A-Za-z])(?:WeChat|Wechat|wechat|weixin|VX|vx|Vx|WX|wx|V信|v信)|(?:加|[+])[ ]?(?:[Vv微]|wei))"
        r"(?:公众)?(?:号码|账号|号|ID|id)?(?:/(?:QQ|qq|手机|电话))?[:是为 同]{0,3}"
        r"(?P<v>[A-Za-z][A-Za-z0-9_\-]{3,19}|[0-9][A-Za-z0-9_\-]{4,19})(?![A-Za-z0-9_\-])",
        0.8,
    ),
    Pattern("wechat_own", T.WECHAT, rf"{NOT_BEFORE}wxid_[0-9A-Za-z]{{6,24}}{NOT_AFTER}", 0.8, literal="wxid_"),
    Pattern(
        "qq",
        T.QQ,
        r"(?:[Qq] ?[Qq]|扣扣|企鹅|Q群|q群|Q号|q号)(?:交流|读者|粉丝|病友)?(?:号码|群|号)?(?:/(?:微信|手机|电话))?[:是为 ]{0,3}"
        r"(?P<v>[0-9](?:[ \-]?[0-9]){4,11})(?![0-9])",
        0.85,
    ),
    # One letter is a weaker label: codes of diseases begin with it too.
    Pattern("qq_letter", T.QQ, r"(?<![0-9A-Za-z])[Qq][:是为 ]{0,3}(?P<v>[1-9][0-9]{5,10})(?![0-9A-Za-z.\-])", 0.7),
    Pattern(
        "account",
        T.ACCOUNT,
        r"(?:账号|帐号|用户名|支付宝|微博|抖音号?|快手号?|登录名|昵称|小红书号?|钉钉号?)[:是为@ ]{1,3}"
        r"(?P<v>[A-Za-z0-9_][A-Za-z0-9_\-.]{3,31})",
        0.7,
    ),
    Pattern("postcode", T.ADDRESS, r"(?:邮编|邮政编码)[:是为 ]{0,3}(?P<v>[0-9]{6})(?![0-9])", 0.8, literal="邮"),
    Pattern(
        "named_number",
        T.OTHER_ID,
        rf"(?:编号|单号|工号|合同号|学号|学籍号|发票号|房产证号|证书号|车架号){LINK}(?P<v>[0-9A-Za-z][0-9A-Za-z\-]{{4,23}})(?![0-9A-Za-z])",
        0.7,
    ),
)
CODE_PATTERNS: tuple[Pattern, ...] = (*ORGANISATIONS, *HEALTH_CARE, *NETWORK, *ACCOUNTS)
