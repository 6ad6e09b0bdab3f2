"""The written forms of dates in Chinese text.

Owns the expressions: those that tell a day of the Gregorian calendar, so that it can be moved, and those that do not. It
must not know how a text is searched nor how a day is moved. Every expression is linear.
"""

from __future__ import annotations

import regex  # type: ignore[import-untyped]  # the package ships no types

CN = "〇零○一二三四五六七八九"
LUNAR_MONTHS = "正冬腊"
_MONTH, _DAY = r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12][0-9]|0?[1-9])"
_MM, _DD = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
_CN_MONTH = "(?:十[一二]?|[正一二三四五六七八九冬腊])"
# A day of more than one character is a day even where 日 is left out.
_CN_LONG_DAY = (
    "(?:初[一二三四五六七八九十]|[二三]十[一二三四五六七八九]?|廿[一二三四五六七八九]?|卅一?|十[一二三四五六七八九]?)"
)
_CN_DAY = f"(?:{_CN_LONG_DAY}|[一二三四五六七八九])"
_HALF = "(?:上午|下午|早上|晚上|凌晨|中午|傍晚|夜间|晨|晚)"
_TIME = (
    rf"(?:(?:[ T,;、]{{0,6}}(?:{_HALF}[ ]?)?(?:2[0-4]|[01]?[0-9])[ ]{{0,2}}"
    r"(?:[:;.][ ]{0,2}[0-5][0-9]|[时点][ ]?(?:[0-5]?[0-9])?)"
    r"(?:[ ]?[:分][ ]?(?:[0-5][0-9])?)?[分秒]?(?:\.[0-9]{1,6})?(?:Z|\+0?8:?00)?)"
    rf"|(?:[ ,、]{{0,2}}{_HALF}?[一二三四五六七八九十两零〇]{{1,3}}[时点](?:[一二三四五六七八九十零〇]{{1,3}}分|半|整|[一三]刻)?))?"
)
# Between year, month and day any of the signs, since they are mixed in writing: 2022-06月16日.
_SIGN = r"(?:[ ]?[年月][ ]?|[ ]?[-./]{1,2}[ ]?)"
# No measure and no count follows a day, nor the rest of a longer number.
# Expressions begin with what they consume where they can: a guard before a choice of digits is tried at every character.
_NO_UNIT = r"(?![0-9A-Za-z.\-/%℃°×*~]|[ ]?[次岁天年周月个小分升克毫颗片粒支级倍滴米厘公余多])"
_VERBS = (
    "入院|出院|手术|就诊|来诊|住院|行|因|复查|复诊|检查|查|起|开始|再次|转|拔|换药|随访|办理|分娩|术"
    "|上午|下午|早|晚|凌晨|中午|夜间|前来|门诊|急诊|死亡|去世|发病|发现|出现|予|给予|化疗|放疗|病理|CT|MR|B超|超声|彩超"
)

_FULL = rf"(?<![0-9])(?P<y>(?:18|19|20)[0-9]{{2}}){_SIGN}(?P<m>{_MONTH}){_SIGN}(?P<d>{_DAY})[ ]?[日号]?{_TIME}"
_COMPACT = rf"(?<![0-9A-Za-z.])(?P<y>(?:19|20)[0-9]{{2}})(?P<m>{_MM})(?P<d>{_DD})(?![0-9A-Za-z]|\.[0-9])"
_COMPACT_TIME = (
    rf"(?<![0-9A-Za-z.])(?P<y>(?:19|20)[0-9]{{2}})(?P<m>{_MM})(?P<d>{_DD})"
    r"(?:[ T]?(?:[01][0-9]|2[0-3]):?[0-5][0-9](?::?[0-5][0-9])?)(?![0-9A-Za-z])"
)
_SPACED = rf"(?<![0-9A-Za-z.])(?P<y>(?:19|20)[0-9]{{2}}) (?P<m>{_MM}) (?P<d>{_DD})(?![0-9A-Za-z.]){_TIME}"
_SHORT = rf"(?<![0-9])(?P<y>[0-9]{{2}})[ ]?年[ ]?(?P<m>{_MONTH})[ ]?月[ ]?(?P<d>{_DAY})[ ]?[日号]{_TIME}"
# Three numbers of two digits: a year before 40 or after 70. Insulin before three meals is 12-10-12U.
_SHORT_SIGNS = rf"(?<![0-9A-Za-z.\-/:])(?P<y>[0-37-9][0-9])(?P<s>[-/.])(?P<m>{_MM})(?P=s)(?P<d>{_DD})(?![0-9A-Za-z.\-/]|[ ]?(?:单位|[Uu]))"
_CHINESE = (
    rf"(?P<y>(?<![{CN}十])(?:[一二][{CN}]{{3}}|[{CN}]{{2}}))年(?P<m>{_CN_MONTH})月份?(?P<d>{_CN_DAY})[日号]?{_TIME}"
)
_MIXED = (
    rf"(?<![0-9])(?P<y>(?:18|19|20)[0-9]{{2}})[ ]?年[ ]?(?P<m>{_CN_MONTH})月(?P<d>{_CN_DAY}|{_DAY})[日号]?{_TIME}",
    rf"(?<![{CN}])(?P<y>[一二][{CN}]{{3}})年(?P<m>{_MONTH})月(?P<d>{_DAY})[日号]?{_TIME}",
    rf"(?<![0-9])(?P<y>(?:18|19|20)[0-9]{{2}})[ ]?年[ ]?(?P<m>{_MONTH})月(?P<d>{_CN_DAY})[日号]?{_TIME}",
)
SHIFTABLE: tuple[regex.Pattern[str], ...] = tuple(
    regex.compile(form) for form in (_FULL, _COMPACT_TIME, _COMPACT, _SPACED, _SHORT, _SHORT_SIGNS, _CHINESE, *_MIXED)
)

_MONTHS_OF_YEARS = (
    rf"(?<![0-9])(?:18|19|20)[0-9]{{2}}[ ]?(?:年|[-./])[ ]?{_MONTH}[ ]?月(?:份|[上中下]旬|初|底|末)?",
    rf"(?<![0-9])(?:18|19|20)[0-9]{{2}}年{_MONTH}[-~至到、]{_MONTH}月",
    r"(?<![0-9.])(?:19|20)[0-9]{2}[-/](?:1[0-2]|0[1-9])(?![0-9\-/.])",
    # With a point it may be a value, so that a word or a second date must be beside it.
    rf"(?<![0-9.])(?:19|20)[0-9]{{2}}\.(?:1[0-2]|0?[1-9])(?![0-9.])(?=[ ]?(?:{_VERBS}|[-~]))",
    r"(?<=[于在自至到从~\-])[ ]?(?:19|20)[0-9]{2}\.(?:1[0-2]|0?[1-9])(?![0-9.])",
    # A length of time is written with 个 or stands after 病史, 约, 余.
    rf"(?<![0-9.史约近达已余逾第满])(?:[0-37-9][0-9])年[ ]?{_MONTH}[ ]?月(?![余多龄大])(?:份|[上中下]旬|初|底|末)?",
    rf"[一二][{CN}]{{3}}年(?:{_CN_MONTH}月份?|{_MONTH}月份?)?",
    rf"(?<![{CN}十])[〇零○七八九一二三][{CN}]年{_CN_MONTH}月",
    rf"(?:18|19|20)[0-9]{{2}}年{_CN_MONTH}月",
    # A month alone, where a word says that it is one of the calendar: beside moved dates it would tell by how much.
    rf"(?<![0-9.\-个])(?<![0-9][、,]{{1,2}}){_MONTH}[ ]?月(?:份|[上中下]旬|初|底|末)",
    rf"(?<![一二三四五六七八九十每个几数多余]){_CN_MONTH}月(?:份|[上中下]旬|初(?![一二三四五六七八九十])|底|末)",
    rf"[今去前明当同]年[ ]?(?P<v>(?:{_MONTH}|{_CN_MONTH})月)(?![余多])",
    rf"民国[ ]?(?:[0-9]{{1,3}}|[{CN}十百]{{1,6}}|元)年(?:(?:{_MONTH}|{_CN_MONTH})月)?(?:(?:{_DAY}|{_CN_DAY})[日号])?",
)
_DAYS_OF_MONTHS = (
    rf"(?<![0-9.\-]){_MONTH}[ ]?月[ ]?{_DAY}[ ]?[日号]{_TIME}",
    rf"(?<![0-9.\-个]){_MONTH}[ ]?月[ ]?{_DAY}{_NO_UNIT}(?![ ]?[-~至到][ ]?[0-9]{{1,2}}[ ]?(?:[天次个年周]|月(?!{_DAY}))|[-~、])",
    rf"(?<![0-9.\-]){_MONTH}[ ]?月[ ]?{_DAY}(?:[ ]?[-~至到、和及,][ ]?{_DAY}){{1,5}}[ ]?[日号]",
    rf"{_CN_MONTH}月{_CN_DAY}[日号]?[-~至到、](?:{_CN_MONTH}月)?{_CN_DAY}[日号]",
    rf"[0-9]{{1,2}}[./](?<=(?<![0-9A-Za-z.\-/]){_MONTH}[./]){_DAY}[日号]",
    rf"[0-9]{{2}}[./](?<=(?<![0-9A-Za-z.\-/])[0-9]{{2}}[./]){_MONTH}[./]{_DAY}(?![0-9./])(?=[ ]?(?:{_VERBS}))",
    rf"(?<![一二三四五六七八九十]){_CN_MONTH}月(?:{_CN_DAY}|{_DAY})[日号]{_TIME}",
    rf"(?<![0-9.\-个]){_MONTH}月{_CN_DAY}[日号]{_TIME}",
    rf"(?<![一二三四五六七八九十每个]){_CN_MONTH}月{_CN_LONG_DAY}(?![一二三四五六七八九十个天月年周次岁多余几来])",
    rf"(?:农历|阴历|旧历){_CN_MONTH}月{_CN_DAY}[日号]?",
    rf"[{LUNAR_MONTHS}]月{_CN_LONG_DAY}",
    # A month and a day of two digits each; what is followed by a unit or joined to more numbers is a range or a measure.
    rf"(?<![0-9A-Za-z.\-/~])(?:{_MM})-{_DD}{_NO_UNIT}",
    # One digit may be a fraction or a value, so a word of events must follow, and no word may be glued before it.
    rf"[0-9]{{1,2}}[./](?<=(?<![0-9A-Za-z.\-/\p{{Han}}]){_MONTH}[./]){_DAY}(?=[ ]?(?:{_VERBS}))",
    rf"[于在自至到从][ ]?(?P<v>{_MONTH}[./]{_DAY})(?=[ ]?(?:{_VERBS}))",
    rf"[于在自][ ]?(?P<v>{_MONTH}[-./]{_DAY})(?=[ ]?(?:入院|出院|手术|就诊|来诊|住院|行|在|因|复查|检查))",
)
_BARE_DAYS = (
    rf"[0-9]{{1,2}}[号日](?<=(?<![0-9A-Za-z.\-/第]){_DAY}[号日])(?=[ ]?(?:{_VERBS}))",
    rf"(?<![第一二三四五六七八九十]){_CN_DAY}[号日](?=[ ]?(?:入院|出院|手术|就诊|来诊|住院|复查|复诊|上午|下午|晚上|凌晨))",
    rf"[0-9]{{1,2}}日(?<=(?<![0-9A-Za-z.\-/~至到]){_DAY}日)[ ,]{{0,2}}(?:2[0-4]|[01]?[0-9])[:时点](?:[0-5][0-9])?分?",
    rf"[本当上下]个?月[ ]?(?P<v>(?:{_DAY}|{_CN_DAY})[号日])",
    rf"[-~至到](?<=(?:19|20)[0-9]{{2}}{_MM}{_DD}[-~至到])(?P<v>(?:{_MM})?{_DD})(?![0-9])",
    # The end of a range whose begin is a date.
    rf"[-~至到](?<=(?:[日号]|[-./年月][0-9]{{1,2}})[ ]?[-~至到])[ ]?(?P<v>(?:{_MONTH}月)?{_DAY}[日号])(?!间)",
)
_FOREIGN_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.?"
_OTHER_ORDERS = (
    r"[0-9]{1,2}[-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}(?![0-9])",
    rf"(?<![A-Za-z]){_FOREIGN_MONTH}[ ]?{_DAY}(?:st|nd|rd|th)?,?[ ]?(?:19|20)[0-9]{{2}}(?![0-9])",
    rf"[0-9]{{1,2}}(?:st|nd|rd|th)?[ \-]?{_FOREIGN_MONTH},?[ \-]?(?:19|20)[0-9]{{2}}(?![0-9])",
    rf"(?:日期|时间)[:为是 ]{{0,3}}(?P<v>[0-9]{{2}}{_MM}{_DD})(?![0-9A-Za-z.])",
)
OTHER: tuple[regex.Pattern[str], ...] = tuple(
    regex.compile(form) for form in (*_MONTHS_OF_YEARS, *_DAYS_OF_MONTHS, *_BARE_DAYS, *_OTHER_ORDERS)
)
