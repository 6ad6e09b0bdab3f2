"""Names of hospitals, employers and schools in a text.

Owns the endings of such names, the short names of well-known hospitals, how far to the left a name reaches, and which are
no names: "the local hospital" singles nobody out. Hospitals have a recogniser's name of their own. It must not know addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.clauses import Clause, clauses_of, is_hard_stop
from extractor.deid.institution_words import institution_words, jobs, plain_words, section
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import places
from extractor.deid.words import tag_of

_REACH = 26
_LONG_ENDING = 4
_COMMON_ENDINGS = frozenset(
    {"医院", "诊所", "公司", "学校", "单位", "中心", "局", "厂", "银行", "政府", "高中", "初中", "小学", "中学"}
)
_HAN = regex.compile("[㐀-鿿]")
# Characters that stand before an ending where no name does: "go to hospital", "the company's".
_NO_NAME_BEFORE = frozenset(
    ",。;:!?、 \n\x1e\"“”'‘’<>《》[]{}~…"
    "去到在的了和与或及我你他她这那本该某各每从往进出来回上住赴经由被给让叫找看问把对向跟是有个家些间座外大小校总分子县等"
)
_MOVED_TO = regex.compile(r"(?:[在于到去至往赴经由从送转]|外院|曾|(?:^|[,。;:、 (]))$")
_SEEN_AT = regex.compile(
    "(?:医院|本部|总院|分院|东院|西院|门诊|急诊|住院|就诊|就医|就治|看病|看过|治疗|检查|复查|复诊|手术|行|做|查|会诊|专家|医生|大夫|照|拍|服务台)"
)
_WENT_TO = regex.compile("[去到转]至?$")
_THAT_IS_ALL = regex.compile("[,。;、)]|验|看|$")
_LOCAL = regex.compile("第[一二三四五六七八九十0-9]|附属|大学|学院|[省市县区州镇乡街路军盟旗厂矿]")
_VALUE = regex.compile(r"[ ]?:[ ]{0,3}(?P<v>[^\s,。;:、!?\x1e]{2,40})")
_NONE = regex.compile(
    "无(?:业|$|固定|单位)|不详|未(?:知|详|填|提)|不明|同上|退休|个体|农民|务农|自由|待业|学生|其他$|保密|在?家(?:里|务|中|$)"
    "|(?:[毫微千]?[克升米]|[个万次]|百分|摄氏|国际单位)(?:[/每度比]|国际|$)"
)
_HOSPITAL_AFTER = regex.compile("医院|医学院|附属医院")
_DEPARTMENT = regex.compile(r"[㐀-鿿]{1,9}?(?:学院|研究所|教研室|系)(?![统列])")
_BEGINS_NO_NAME = frozenset({"v", "d", "p", "r", "c", "u", "uj", "ul", "m", "q", "y"})
_GENERIC = regex.compile("哪|什么|一些|许多|正规|最近|本地|某|[县市上下][一]?级|全国|所有|不同|[有去到]几|多家")
_NAME_TAGS = frozenset({"ns", "nt", "nz", "nr", "nrt", "nrfg", "j"})
_HOSPITAL_TAGS = (_NAME_TAGS | {""}) - {"nz"}
_DISEASE = frozenset("病症炎癌瘤科痫疮疹阳")
_PLACE_TAGS = frozenset({"ns", "nt"})
_PREPOSITIONS = ("于", "在", "至", "到", "从")
# The segmenter glues these to a name that it does not know.
_GLUED = frozenset("任在于系")
_AND = ("与", "及", "和")
_NO_LETTER = regex.compile("^[^㐀-鿿A-Za-z0-9]*+")
_NOT_AFTER_ENDING = frozenset("灶部限麻域面促势家商房矿区分低性凹了")
_ALSO_VERBS = frozenset({"学会", "厂", "矿", "大学", "中学", "小学", "商会"})
# Professions that are a part of the name of their institution, and verbs with which names of institutions begin.
_INSIDE = frozenset(
    {"律师", "会计师", "工程师", "医师", "护士", "药师", "专业", "职业", "检查", "手术", "治疗", "诊断", "秘书"}
)
_NAME_VERBS = frozenset(
    {"建设", "招商", "联合", "通用", "统一", "解放", "协和", "交通", "发展", "振兴", "开发", "武警"}
)


def find_organisations(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find names of hospitals, employers and schools that single one out.

    Raises:
        TimeoutError: the deadline passed.
    """
    spans: list[Span] = []
    found: list[tuple[int, int]] = []
    facts = institution_words()
    for start, end, word in _matches(buffer):
        if word in facts.labels:
            spans += _labelled(buffer.view, end)
        elif word in facts.hospitals:
            spans.append(_hospital(buffer.view, start, end, 0.7))
            found.append((start, end))
        elif word in facts.in_context and _is_hospital(buffer, start, end):
            spans.append(_hospital(buffer.view, start, end, 0.6))
        elif word in facts.endings or word in facts.titles or (word in facts.trades and _has_job(buffer.view, end)):
            found.append((start, end))
    for clause, first, last in clauses_of(buffer, [start for start, _ in found]):
        deadline.left()
        spans += _in_clause(buffer, clause, found[first:last])
    return spans


def _hospital(view: str, start: int, end: int, score: float) -> Span:
    """Return the span of a hospital's short name, with the word "hospital" if that follows."""
    more = _HOSPITAL_AFTER.match(view, end)
    start -= next((size for size in (4, 3, 2) if view[max(0, start - size) : start] in places().short), 0)
    return Span(start, more.end() if more else end, SpanType.ORGANIZATION, score, Rank.CONTEXT, "hospital")


def _labelled(view: str, label: int) -> Iterator[Span]:
    """Yield what stands behind a label of a form, unless it says that there is none."""
    value = _VALUE.match(view, label)
    if value and _HAN.search(value["v"]) and not _NONE.match(value["v"]) and not plain_words().fullmatch(value["v"]):
        start, end = value.span("v")
        yield Span(start, end, SpanType.ORGANIZATION, 0.6, Rank.CONTEXT, "labelled_organisation")


def _has_job(view: str, end: int) -> bool:
    return bool(jobs().match(view, end))


def _matches(buffer: Buffer) -> Iterator[tuple[int, int, str]]:
    """Yield the words of the facts that a name may stand before, or that are one."""
    facts, view = institution_words(), buffer.view
    words, plain_before = facts.words, _NO_NAME_BEFORE
    generic = section("generic")
    named = facts.hospitals | facts.in_context | facts.labels
    for number, start, end in facts.matcher.find_matches_as_indexes(view):
        word = words[number]
        before = view[max(0, start - 3) : start]
        sure = word in named or end - start >= _LONG_ENDING or (word not in _COMMON_ENDINGS and before)
        if sure or (before and before[-1] not in plain_before and (before[-2:] not in generic or _reaches_on(before))):
            yield start, end, word


def _reaches_on(before: str) -> bool:
    """Say whether something stands before the two characters before an ending that could belong to a name."""
    return len(before) > 2 and (before[0] == ")" or bool(_HAN.match(before[0])))


def _is_hospital(buffer: Buffer, start: int, end: int) -> bool:
    """Say whether a word that means other things as well is a hospital here: one goes to it, and is treated there."""
    before, after = buffer.before(start, 3), buffer.after(end, 4)
    if after.startswith("医院"):
        return True
    if _MOVED_TO.search(before) and _SEEN_AT.match(after):
        return True
    return bool(_WENT_TO.search(before) and _THAT_IS_ALL.match(after) and not buffer.view[start].isdigit())


def _in_clause(buffer: Buffer, clause: Clause, found: list[tuple[int, int]]) -> Iterator[Span]:
    view = buffer.view
    for start, end in found:
        if end > clause.end:
            continue
        text = view[start:end]
        if text in institution_words().titles:
            begin, reach = _employer(view, clause, start), start
        else:
            begin = _begin(view, clause, start, end) if _ends_word(clause, start, end, text) else None
            reach = _with_department(view, clause, end)
        if begin is not None:
            medical = reach == end and (text in section("medical_endings") or text in institution_words().hospitals)
            name = "hospital" if medical else "organisation"
            yield Span(begin, reach, SpanType.ORGANIZATION, 0.7, Rank.CONTEXT, name)


def _with_department(view: str, clause: Clause, end: int) -> int:
    """Return where the name of a university ends together with its department, school or hospital."""
    more = _DEPARTMENT.match(view, end, clause.end) if view[end - 2 : end] in ("大学", "学院") else None
    return more.end() if more and clause.free(end, more.end()) else end


def _employer(view: str, clause: Clause, title: int) -> int | None:
    """Return where the short name of an employer begins that stands between a cue and a title: no common noun."""
    begin, stop = _walk(clause, title)
    name = view[begin:title]
    if stop is None or not 2 <= len(name) <= 8 or plain_words().fullmatch(name) or _GENERIC.search(name):
        return None
    if stop not in section("employer_cues") and (stop or view[title : title + 2] in ("员工", "职工")):
        return None
    sure = stop in section("posts") or (name[-2:] in section("trades") and len(name) > 2)
    return begin if sure or _is_named(clause, begin, title, _NAME_TAGS | {""}) else None


def _ends_word(clause: Clause, start: int, end: int, text: str) -> bool:
    """Say whether an ending is one here: not the middle of a dictionary word, nor the last character of an ordinary one."""
    index = clause.word_at(end - 1)
    word, begin = clause.words[index], clause.starts[index]
    weak = text in section("weak_endings")
    if clause.starts[index + 1] != end and tag_of(word) and (weak or text in _ALSO_VERBS) and tag_of(word) != "nt":
        return False
    after = clause.words[index + 1][:1] if index + 1 < len(clause.words) else ""
    if (weak or text in _ALSO_VERBS) and after and after in _NOT_AFTER_ENDING:
        return False
    return end - start > 1 or begin == start or len(word) > 2 or tag_of(word) in ("", "nt", "nz")


def _begin(view: str, clause: Clause, ending: int, end: int) -> int | None:
    """Return where the name begins whose ending stands there, or None where there is none."""
    begin, stop = _walk(clause, ending)
    if stop is None:
        return None
    worker = _has_job(view, end)
    cued = worker or stop in section("employer_cues")
    after_preposition = stop[-1:] in _PREPOSITIONS
    if not cued and not after_preposition:
        begin = _without_verbs(clause, begin, ending)
    begin += len(view[begin:ending]) - len(_NO_LETTER.sub("", view[begin:ending], count=1))
    name = view[begin:ending]
    if name[:1] in _PREPOSITIONS:
        begin, name = begin + 1, name[1:]
    if len(name) < 2 or not _HAN.search(name) or plain_words().fullmatch(name) or _GENERIC.search(name):
        return None
    if view[ending:end] in section("medical_endings") and not _is_hospital_name(clause, begin, ending, name):
        return None
    sure = worker and stop in section("posts")
    weak = view[ending:end] in section("weak_endings") or (
        not cued and not after_preposition and _is_verb_left(clause, ending)
    )
    if weak and not sure and not _is_named(clause, begin, ending, _NAME_TAGS | {""} if cued else _NAME_TAGS):
        return None
    return begin


def _is_hospital_name(clause: Clause, begin: int, ending: int, name: str) -> bool:
    """Say whether what stands before "hospital" names one: not only common words, as in "an epilepsy hospital"."""
    if _LOCAL.search(name) or any(word in name for word in section("hospitals_in_context")):
        return True
    words = clause.words[clause.word_at(begin) : clause.word_at(ending - 1) + 1]
    return any(
        len(word) > 1 and tag_of(word) in _HOSPITAL_TAGS and _HAN.search(word) and _DISEASE.isdisjoint(word)
        for word in words
    )


def _is_verb_left(clause: Clause, ending: int) -> bool:
    """Say whether the word before an ending is a verb that has the institution as its object ("left the hospital")."""
    word = clause.words[clause.word_at(ending - 1)]
    return tag_of(word) == "v" and word not in _NAME_VERBS and word not in institution_words().trades


def _is_named(clause: Clause, begin: int, ending: int, tags: frozenset[str]) -> bool:
    """Say whether one of the words between two positions has one of these parts of speech, as names have."""
    words = clause.words[clause.word_at(begin) : clause.word_at(ending - 1) + 1]
    return any(tag_of(word) in tags and _HAN.search(word) for word in words if len(word) > 1)


def _walk(clause: Clause, ending: int) -> tuple[int, str | None]:
    """Go to the left word by word up to a stop or the clause's edge; return where, and the stop (None: too far away).

    Over one "and" a name goes on if a place or institution stands before it: 大连理工大学证券与期货研究中心.
    """
    at, stop = _to_stop(clause, ending, ending)
    if stop not in _AND or _is_named(clause, at, ending, _PLACE_TAGS):
        return at, stop
    further, beyond = _to_stop(clause, at - len(stop), ending)
    whole = beyond is not None and further < at - len(stop) and _is_named(clause, further, at, _PLACE_TAGS)
    return (further, beyond) if whole else (at, stop)


def _to_stop(clause: Clause, at: int, ending: int) -> tuple[int, str | None]:
    depth, closing, right = 0, at, ""
    index = clause.word_at(at - 1) if at > clause.start else -1
    while index >= 0:
        word = clause.words[index][: at - clause.starts[index]]
        if word == ")":
            depth, closing = depth + 1, at
        elif word == "(":
            if depth == 0:
                return at, word
            depth -= 1
        elif (_is_stop(word) and not (at == ending and word in _INSIDE)) or _verb_before_place(word, right):
            return (closing if depth else at), word
        if word[0] in _GLUED and len(word) > 2 and not tag_of(word):
            return at - len(word) + 1, word[0]
        if ending - clause.starts[index] > _REACH:
            return at, None
        at, right = clause.starts[index], word
        index -= 1
    return (closing if depth else at), ""


def _verb_before_place(word: str, right: str) -> bool:
    """Say whether a name begins at ``right``: a place or institution of which a verb speaks."""
    return tag_of(right) in ("ns", "nt") and len(word) > 1 and tag_of(word) == "v"


def _without_verbs(clause: Clause, begin: int, ending: int) -> int:
    """Return where a name begins at the first word that can begin one: no verb, adverb or number does."""
    index = clause.word_at(begin)
    while begin < ending and _begins_no_name(clause.words[index]):
        index += 1
        begin = min(clause.starts[index], ending)
    return begin


@lru_cache(maxsize=100_000)
def _begins_no_name(word: str) -> bool:
    return tag_of(word) in _BEGINS_NO_NAME and word not in _NAME_VERBS and (len(word) > 1 or tag_of(word) != "v")


@lru_cache(maxsize=100_000)
def _is_stop(word: str) -> bool:
    return word in section("stops") or word.isspace() or is_hard_stop(word)
