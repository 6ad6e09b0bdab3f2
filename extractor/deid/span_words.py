"""What the types of spans are called by people, in Chinese and English.

Owns the words that stand in explanations, in marked texts and on pages. It must not know how a span is found.
"""

from __future__ import annotations

from extractor.deid.spans import SpanType

ZH: dict[SpanType, str] = {
    SpanType.PERSON: "姓名",
    SpanType.RESIDENT_ID: "身份证号",
    SpanType.PHONE: "手机",
    SpanType.LANDLINE: "座机",
    SpanType.ADDRESS: "地址",
    SpanType.ORGANIZATION: "机构",
    SpanType.DATE: "日期",
    SpanType.AGE: "年龄",
    SpanType.PASSPORT: "护照",
    SpanType.PERMIT: "通行证",
    SpanType.MILITARY_ID: "军警证",
    SpanType.USCC: "机构代码",
    SpanType.BANK_CARD: "银行卡",
    SpanType.PLATE: "车牌",
    SpanType.MEDICAL_RECORD: "院内编号",
    SpanType.INSURANCE_ID: "医保号",
    SpanType.LICENCE: "执业证",
    SpanType.EMAIL: "邮箱",
    SpanType.URL: "网址",
    SpanType.IP: "IP地址",
    SpanType.MAC: "MAC地址",
    SpanType.WECHAT: "微信",
    SpanType.QQ: "QQ",
    SpanType.ACCOUNT: "账号",
    SpanType.OTHER_ID: "其他标识",
}
TYPE_OF: dict[str, SpanType] = {
    **{word: kind for kind, word in ZH.items()},
    **{kind.value: kind for kind in SpanType},
    "电话": SpanType.PHONE,
    "身份证": SpanType.RESIDENT_ID,
    "医院": SpanType.ORGANIZATION,
    "单位": SpanType.ORGANIZATION,
    "住院号": SpanType.MEDICAL_RECORD,
    "其他": SpanType.OTHER_ID,
}
"""Every word by which a person may name a type: ours, the type's own name, and what people write instead."""


def english(kind: SpanType) -> str:
    """Return a type's name in English, in lower case."""
    return kind.value.lower().replace("_", " ")
