"""Words about names: what announces one, what follows one, what cannot be part of one.

Owns word lists of the language and of medical records (read from ``facts``), and the expressions made from them. It must
not know how they are weighed.
"""

from __future__ import annotations

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.text_facts import sections

_WORDS = sections("text_name_words.txt")
# Surnames that are also words of every sentence, or of anatomy and pharmacy; they need more evidence than others.
WORDLIKE = frozenset(_WORDS["wordlike_surnames"])
# Characters that no given name has: function words and words of the body and of complaints.
NOT_GIVEN = frozenset(_WORDS["not_given"])
TITLES = frozenset(_WORDS["titles"].split())
FORMS_OF_ADDRESS = frozenset(_WORDS["forms_of_address"].split())
CUES = frozenset(_WORDS["cues"].split())
WEAK_CUES = frozenset(_WORDS["weak_cues"].split())
# A cue of these with a colon or blank after it is a field of a form: what follows is a name.
LABELS = frozenset(_WORDS["labels"].split())
FUNCTION_AFTER = frozenset("为因于被的是在和与及将已曾到对从给、,。;:!?)(（）\"'“”<>/ \n\x1e说诉述看查")
CONNECTORS = ":为是([ 、,"
"""What may stand between a cue and a name."""
DEMOGRAPHIC = regex.compile(
    r"[ ,、(/|;]{0,6}(?:(?:男|女)(?:性|[ ,、)0-9/|;]|已婚|未婚|$)|[0-9]{1,3}[ ]?岁)"
    r"|是一[位名个](?=.{0,4}(?:岁|男|女))|[(:][ ]?(?:手机|电话|1[3-9])|[ ,]?1[3-9][0-9]{9}"
)
# What patients and those with them do in notes.
ACTS = regex.compile(
    "(?:复诊|复查|诉|自诉|主诉|称|述|既往|因|术后|住院|出院|入院|来院|来诊|就诊|死亡|要求|拒绝|表示|同意|签字|签名|陪同|陪护|卧床|病情|多休息|之[父母子女妻夫]"
    "|的(?:母亲|父亲|妻子|丈夫|儿子|女儿|家属|病历|报告|床))"
)
# What is called after a person: the name before it is one.
DOCTRINE = regex.compile("主义|思想|理论")
# An eponym, a sign, a plant: what stands before these is no patient.
NOT_AFTER = regex.compile(
    r".{0,2}(?:氏|征[阴阳((:、,。;]|征$|反射|综合征|试验|分期|分级|现象|量表)|病(?![情史人房区历程案床例友])|[舌菌液丸散汤林]"
    r"|[)\"”]{0,2} ?[0-9]+(?:\.[0-9]+)? ?(?:mg|g|ml|ug|u|片|粒|支|单位)"
)
# Stems of drug names (those of the international nonproprietary names in Chinese) and forms of medicines: no name holds or meets one.
DRUG = regex.compile(
    "司特|鲁斯特|西林|丁胺|达铂|沙星|他汀|沙坦|普利|洛尔|地平|替尼|单抗|拉唑|硝唑|康唑|霉素|头孢|环素|洛韦|韦林|夫定|那韦|格列|列酮|列净|鲁肽|双胍|司琼|昔布"
    "|培南|巴坦|磺胺|比妥|西泮|唑仑|哌酮|胶囊|注射|颗粒|口服|滴丸|缓释|肠溶|软膏|糖浆|片剂|瑞林|曲坦|卡因|溴铵|氯铵|可松|奥美|[顺卡洛]铂"
    "|他滨|紫杉|替康|吉奥|美辛|洛芬|酮片|林片|素片|平片|定片|唑片|酸钠|酸钙|酸钾|酸盐|片[0-9,。]"
)
