"""Addresses and names of institutions.

Owns how an address is put together (divisions, streets, numbers down to the flat), which words announce one, and how far
to the left the name of a hospital or employer reaches. It must not know whose address it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import regex  # type: ignore[import-untyped]  # the package ships no types
from ahocorasick_rs import AhoCorasick, MatchKind

from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import places

_STOPS = "的是在因于被把了主患男女岁我您他她你这那有没不也就都要说诉到去过由及与或并为以其此之着很让从请病症痛"
_HAN = f"(?:(?![{_STOPS}])[㐀-鿿]|有(?=限))"
_AREA = (
    "特别行政区|自治区|自治州|自治县|自治旗|省|市|州|盟|地区|新区|开发区|高新区|区|县|旗|镇|乡|街道办事处|街道|办事处|社区|居委会|"
    "村委会|村|屯|庄|寨|大队|农场|林场|"
    "大街|大道|公路|路|街|巷|弄|胡同|小区|花园|"
    "家园|花苑|公寓|大厦|广场|新村|山庄|别墅|大楼|宿舍|家属院|大院|苑|园|府|城|湾|坊|厂|矿|里|中心|公司|学校|中学|小学|大学|家属楼|宿舍楼|沟|庙|桥|店|岭|坡|岗|堡|营|屋"
)
_NUMBER = "第?[0-9A-Za-z一二三四五六七八九十甲乙丙东西南北]{1,6}(?:[-#][0-9A-Za-z]{1,5}){0,3}"
_UNIT = "号楼|组团|号院|号铺|号|號|幢|栋|座|楼|单元|层|室|户|门|弄|组|队|村|区|期|院|巷|街|路|房|铺|#"
_HOUSE = f"{_HAN}{{1,8}}?[0-9A-Za-z]{{1,5}} ?(?:号楼|组团|号院|号|幢|栋|座|单元|组)"
PIECE = rf"(?: ?(?:{_NUMBER} ?(?:{_UNIT})(?:{_AREA})?|{_HAN}{{1,10}}?(?:{_AREA})(?:{_AREA})?|{_HOUSE}))"
_TAIL = r"(?:[ ]?[东西南北中]?[0-9A-Za-z]{1,6}(?:-[0-9A-Za-z]{1,5}){0,3}(?![0-9A-Za-z:.年月日岁]))?"
_CHAIN = regex.compile(rf"{PIECE}{{1,14}}+{_TAIL}")
_CUE = regex.compile(
    r"(?:现住址|现住地|家庭住址|家庭地址|联系地址|通讯地址|通信地址|居住地址|户籍地址|户口地址|户籍所在地|详细地址|收货地址|单位地址|出生地|居住地|地址|住址|"
    r"籍贯|现居住于|现居住在|现居住|居住于|居住在|现居于|现居|现住|家住|住在|住于|居于|暂住|老家|户籍)(?:为|是|于|在|地)?[: ]{0,3}"
)
_HEADER = regex.compile(
    rf"(?<=[岁族性女男婚民员工休者])[,、。; ]{{1,6}}(?P<v>{PIECE}{{1,12}}+{_TAIL})(?=人|[,。; ]{{0,3}}(?:主因|现住|汉族|因))"
)
_REST = regex.compile(rf"(?:(?![人])(?:{_HAN}|[0-9A-Za-z\-])){{1,6}}(?=[,。;\s\x1e]|$|人[,。;\s])")
_LABELLED = regex.compile(r"(?:[^\s,,。;;、!?\x1e]|(?<=[㐀-鿿0-9]) (?=[0-9A-Za-z])){2,60}")
_DOOR = regex.compile(
    r"(?:路|大道|大街|街|巷|弄|胡同|村|庄|小区|花园|公寓|大厦|苑)[ ]?[0-9]{1,5}(?:-[0-9]{1,4})?[ ]?(?:号|弄|幢|栋|座|楼|单元)"
)
_LEFT = regex.compile(rf"{_HAN}{{1,8}}$")
_MORE = regex.compile(rf"{PIECE}{{0,10}}+{_TAIL}")
_ORGANISATION = regex.compile(
    r"(?:医院|卫生院|卫生服务中心|卫生服务站|卫生所|卫生室|诊所|保健院|门诊部|医学中心|疗养院|养老院|福利院|有限责任公司|有限公司|集团|公司|大学|学院|中学|小学|幼儿园|研究院|研究所|派出所|支行|分行)"
)
_ORG_LEFT = regex.compile(r"[㐀-鿿A-Za-z0-9()]{1,24}$")
_ORG_CUT = regex.compile(
    r".*(?:就诊于|转诊至|转至|转往|收住|供职于|就职于|任职于|毕业于|就读于|工作单位|单位|曾在|曾于|送至|送往|前往|[在于到至往由经向去从])[为是:]?"
)
_PLAIN_ORG = regex.compile(
    r"(?:当地|我|外|本|该|某|上级|下级|附近|正规|专业|专科|综合|大型|大|小|三甲|三级|二级|一级|甲等|公立|私立|民营|当|地方|市|县|省|区|镇|乡|村|级|人民|中心|中医|"
    r"中西医|结合|妇幼|儿童|妇产|妇科|男科|口腔|眼科|肿瘤|传染病|精神病|精神|皮肤|皮肤病|骨科|肛肠|不孕|癫痫|整形|美容|社区|各|家|的|个|一|二|两|多|几|其他|其它|别的|较|比较|好|有|条件|定点|对口|校|医学|专门|心理|"
    r"胃肠|白癜风|肝病|糖尿病|脑科|胸科|肺科|心血管|糖|牛皮癣|整容|医科)*"
)


@cache
def _divisions() -> tuple[AhoCorasick, frozenset[int]]:
    """Return the matcher of division names and which of its numbers are short forms."""
    known = places()
    names = [*sorted(known.full), *sorted(known.short)]
    short = frozenset(range(len(known.full), len(names)))
    return AhoCorasick(names, matchkind=MatchKind.LeftmostLongest, store_patterns=False), short


@dataclass(frozen=True)
class Division:
    """A run of division names that follow each other; ``full`` tells whether one of them stands with its suffix."""

    start: int
    end: int
    full: bool
    names: int = 1


def find_divisions(buffer: Buffer) -> list[Division]:
    """Find the names of divisions in the buffer; names that follow one another are one."""
    matcher, short = _divisions()
    runs: list[Division] = []
    for number, start, end in matcher.find_matches_as_indexes(buffer.view):
        last = runs[-1] if runs else None
        if last is not None and last.end == start:
            runs[-1] = Division(last.start, end, last.full or number not in short, last.names + 1)
        else:
            runs.append(Division(start, end, number not in short))
    return runs


def find_addresses(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find addresses: after a word that announces one, from a division's name on, and around a house number.

    Raises:
        TimeoutError: the deadline passed.
    """
    spans = _announced(buffer, deadline)
    for run in find_divisions(buffer):
        chain = _CHAIN.match(buffer.view, run.end, min(run.end + 80, len(buffer.view)), timeout=deadline.left())
        if chain:
            end = chain.end()
            rest = _REST.match(buffer.view, end, min(end + 8, len(buffer.view)), timeout=deadline.left())
            if rest and buffer.after(rest.end(), 1) == "人":
                end = rest.end()
            spans.append(Span(run.start, end, SpanType.ADDRESS, 0.8, Rank.PATTERN, "address"))
        elif run.full or run.names > 1:
            spans.append(Span(run.start, run.end, SpanType.ADDRESS, 0.6, Rank.CONTEXT, "division"))
    header = (found.span("v") for found in _HEADER.finditer(buffer.view, timeout=deadline.left()))
    spans += [Span(start, end, SpanType.ADDRESS, 0.8, Rank.CONTEXT, "header_address") for start, end in header]
    return spans + _house_numbers(buffer, deadline)


def _announced(buffer: Buffer, deadline: Deadline) -> list[Span]:
    spans = []
    for cue in _CUE.finditer(buffer.view, timeout=deadline.left()):
        limit = min(cue.end() + 100, len(buffer.view))
        chain = _CHAIN.match(buffer.view, cue.end(), limit, timeout=deadline.left())
        rest = _REST.match(buffer.view, chain.end(), limit, timeout=deadline.left()) if chain else None
        if chain is None and cue[0].rstrip().endswith(":"):
            chain = _LABELLED.match(buffer.view, cue.end(), limit, timeout=deadline.left())
        if chain and regex.search("[㐀-鿿]", chain[0]):
            start = chain.start() + len(chain[0]) - len(chain[0].lstrip())
            spans.append(Span(start, (rest or chain).end(), SpanType.ADDRESS, 0.85, Rank.PATTERN, "announced_address"))
    return spans


def _house_numbers(buffer: Buffer, deadline: Deadline) -> list[Span]:
    spans = []
    for door in _DOOR.finditer(buffer.view, timeout=deadline.left()):
        left = _LEFT.search(buffer.before(door.start(), 8))
        if left:
            more = _MORE.match(buffer.view, door.end(), min(door.end() + 60, len(buffer.view)), timeout=deadline.left())
            end = more.end() if more else door.end()
            spans.append(Span(door.start() - len(left[0]), end, SpanType.ADDRESS, 0.7, Rank.CONTEXT, "house_number"))
    return spans


_GENERIC = regex.compile("哪|什么|一些|许多|好|正规|治|痫|阳|最近|本地|某|专科|[县市]级|得|几|全国|所有|不同")


def find_organisations(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find names of hospitals, employers and schools that single one out; "the local hospital" does not.

    Raises:
        TimeoutError: the deadline passed.
    """
    starts = {run.start: run for run in find_divisions(buffer)}
    spans = []
    for ending in _ORGANISATION.finditer(buffer.view, timeout=deadline.left()):
        left = _ORG_LEFT.search(buffer.before(ending.start(), 24))
        begin = _organisation_start(buffer, ending.start(), len(left[0]), starts) if left else None
        if begin is not None:
            spans.append(Span(begin, ending.end(), SpanType.ORGANIZATION, 0.7, Rank.CONTEXT, "organisation"))
    return spans


def _organisation_start(buffer: Buffer, end: int, reach: int, divisions: dict[int, Division]) -> int | None:
    for position in range(end - reach, end):
        run = divisions.get(position)
        if run and not regex.search(f"[{_STOPS}]|{_GENERIC.pattern}", buffer.view[run.end : end]):
            return position
    text = buffer.view[end - reach : end]
    cut = _ORG_CUT.match(text)
    name = text[cut.end() :] if cut else text if buffer.before(end - reach, 1) in (":", "") else ""
    if len(name) < 2 or regex.search(f"[{_STOPS}]", name) or _GENERIC.search(name) or _PLAIN_ORG.fullmatch(name):
        return None
    return end - len(name)
