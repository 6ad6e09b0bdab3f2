"""Names by their form: a surname with a form of address, masks, middle dots, nicknames, spellings in Latin letters.

Owns the forms. Each is tried only where a character stands that it cannot do without. It must not know how names are weighed by
their evidence (``extractor.deid.names``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.language import language
from extractor.deid.name_evidence import Indexes, codes_of, ideographs, marked
from extractor.deid.name_words import FORMS_OF_ADDRESS, NOT_GIVEN, WORDLIKE
from extractor.deid.spans import Rank, Span, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.deid.text_facts import given_name_odds, medical_words, surnames

Place = tuple[int, int]

_HAN = regex.compile("[㐀-鿿𠀀-𳑿]")
_DOT_LEFT = regex.compile(r"[㐀-鿿]{1,8}$")
_DOT_RIGHT = regex.compile(
    r"(?:[㐀-鿿]{1,8}·){0,3}(?:[㐀-鿿]{1,8}?(?=[^㐀-鿿]|$|[诉因于是为的在来到医男女确今签被出入说及和与、后前已主代]|陪同|护士|同意|要求)|[㐀-鿿]{1,5})"
)
_DOT_CUT = regex.compile(r".*(?:家属|患者|患儿|病人|联系|姓名|医师|医生|护士|主任|人员|人|[由和与是为叫名请对])")
_MASK = regex.compile(r"(?:某[某甲乙丙]?(?=[^种些个人日月年])|[*]{1,2}|[xX]{2}(?![0-9A-Za-z]))")
_FAMILIAR = regex.compile(r"(?:(?<=[^㐀-鿿]|[由经请和与的是向被让者人属])|^)[老小](?P<v>[㐀-鿿])(?=[,。、;: \n\x1e]|$)")
# 小明, 阿美: what a speaker is called, where a clause begins.
_NICKNAME = regex.compile(r"(?:^|(?<=[:,。;!? \n\x1e]))(?P<v>[小阿][㐀-鿿])(?=[,。;:!?的也有在是呀啊阿说\n\x1e]|$)")
_KIN = "[Pp]t|PT|[Pp]atient|[Dd]r|[Mm]rs?|[Mm]s|[Ss]on|[Dd]aughter|[Ww]ife|[Hh]usband"
_SPELT_AFTER = regex.compile(
    rf"(?:(?:姓名|患者|联系人|拼音|[Nn]ame|NAME|(?<![A-Za-z])(?:{_KIN}))[.:为是 ]{{1,3}}"
    r"|(?:签名|签字|家属|医师|医生)[:为是 ]{0,3})$"
)
_SPELT = regex.compile(
    r"[A-Z][A-Za-z'\-]{1,15}(?:[ ,·]{1,2}[A-Z][A-Za-z'\-]{1,20}){1,3}|[A-Z][a-z]{1,8}(?:[A-Z][a-z]{1,8}){1,2}(?![A-Za-z0-9])"
)
# 姓名:张 伟 强: a name whose characters were set apart.
_SPACED_AFTER = regex.compile(r"(?:姓 ?名|签 ?名|签字|患者|病人|家属|医师|医生|联系人)[:为是]? {0,2}$")
_SPACED = regex.compile(r"[㐀-鿿](?:[ \n]{1,3}[㐀-鿿]){1,2}(?![㐀-鿿])")
_FIELD = regex.compile(r"ame\"? ?[:=] ?\"(?P<v>[㐀-鿿·]{2,8})\"")
# After a cue that speaks of nobody's body, a word in Latin letters is a name; no examination follows these.
_HANDLE_AFTER = regex.compile(
    r"(?:经纪人?|经理人|联系人?|联络人?|洽|我是|我叫|名叫|艺名|英文名|本名|网名|外号|艺人|主唱|歌手|演员|导演|队长|球星)[:为是( ]{0,3}$"
)
_HANDLE = regex.compile(r"[A-Za-z]{3,16}(?:[ ,·]{1,2}[A-Z][A-Za-z]{1,15}){0,2}(?![A-Za-z@._]|[0-9]{1,6}(?![0-9]))")
_LABEL_BEFORE = regex.compile(r"(?:姓名|联系人|联络人|经纪人|经办人|监护人|家属|签名|签字)[:是为 ]{0,2}$")
_NO_HANDLES = frozenset(
    {
        "tel",
        "fax",
        "mail",
        "wechat",
        "weixin",
        "phone",
        "mobile",
        "http",
        "https",
        "www",
        "vip",
        "app",
        "email",
        "line",
        "msn",
        "skype",
    }
)
# A line that begins with a short word, a comma and the sex begins with a name, or with what is left of one.
_HEADER_BEFORE = regex.compile(r"(?:^|\n)(?P<v>[㐀-鿿]{1,4})$")
_HEADER = regex.compile(r"[,/|][男女][,性 /|]")
_BEFORE_ADDRESSED = frozenset("由经请和与的是向被让在到找给问跟看叫对说有去挂")
# Surnames that before a title are rather a word: 和医生, 从医生, 男女老少的少. Of the others 黄医生 and 高主任 are people.
_NO_ADDRESSEE = WORDLIKE - surnames().common
_LETTER = marked("".join(chr(code) for code in range(128) if chr(code).isalpha()))
_WORD = marked("".join(chr(code) for code in range(128) if chr(code).isalnum()))


def find_forms(buffer: Buffer, addresses: list[int], deadline: Deadline) -> list[Span]:
    """Find what is a name by its form; ``addresses`` are the positions at which forms of address begin.

    Raises:
        TimeoutError: the deadline passed.
    """
    codes = codes_of(buffer)
    places: list[Place] = []
    for form in (_dotted(buffer), _addressed(buffer, addresses), _masked(buffer, codes), _called(buffer, codes)):
        deadline.left()
        places += form
    for form in (
        _spelt(buffer, codes),
        _headed(buffer, codes),
        _cued(buffer, codes),
        _set_apart(buffer, codes),
        _in_fields(buffer),
    ):
        deadline.left()
        places += form
    return [Span(start, end, SpanType.PERSON, 0.7, Rank.CONTEXT, "name_form") for start, end in places]


def _addressed(buffer: Buffer, addresses: list[int]) -> Iterator[Place]:
    """Yield a surname with the form of address after it: 林医师, 王女士."""
    forms = _forms_of_address()
    for start in addresses:
        before = _surname_before(buffer, start, surnames().single - _NO_ADDRESSEE)
        if before is not None and _stands_free(buffer.before(before, 1), buffer.view[before:start]):
            form = forms.match(buffer.view, start)
            yield before, form.end() if form else start


@cache
def _forms_of_address() -> regex.Pattern[str]:
    return regex.compile("|".join(sorted(FORMS_OF_ADDRESS, key=len, reverse=True)))


def _surname_before(buffer: Buffer, position: int, single: frozenset[str]) -> int | None:
    """Return where a surname that ends at the position begins, if there is one."""
    before = buffer.before(position, 2)
    if before in surnames().compound:
        return position - 2
    return position - 1 if before and before[-1] in single else None


def _stands_free(before: str, surname: str) -> bool:
    """Say whether a surname is no part of a word: what stands before it is no ideograph, or makes no word with it."""
    if not before or not _HAN.match(before) or before in _BEFORE_ADDRESSED:
        return True
    return surname in surnames().common and before + surname not in language().words


def _masked(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield a surname with a mask after it: 张某, 李某某, 王**."""
    for at in np.flatnonzero(marked("某*xX")[codes]).tolist():
        found = _MASK.match(buffer.view, at)
        start = _surname_before(buffer, at, surnames().single - WORDLIKE) if found else None
        if found and start is not None:
            yield start, found.end()


def _called(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield what people call each other: the surname in 老李 and 小王, and nicknames like 小明."""
    view = buffer.view
    for at in np.flatnonzero(marked("老小阿")[codes]).tolist():
        found = _FAMILIAR.match(view, at)
        if found and found["v"] in surnames().common - WORDLIKE:
            yield found.span("v")
        found = _NICKNAME.match(view, at)
        if found and _is_nickname(found["v"]):
            yield found.span("v")


def _is_nickname(word: str) -> bool:
    if word in language().words or word in medical_words() or word[1] in NOT_GIVEN:
        return False
    return given_name_odds().get(word[1], (0.0, 0.0, 0.0))[2] > 0


def _cued(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield a surname that stands alone between a label and what is no ideograph: 联系人:阮,电话."""
    single = marked(surnames().single - WORDLIKE)
    alone = single[codes] & ~ideographs()[np.append(codes[1:], 0)]
    for at in np.flatnonzero(alone).tolist():
        if _LABEL_BEFORE.search(buffer.before(at, 8)):
            yield at, at + 1


def _spelt(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield words in Latin letters after a cue."""
    inside = np.concatenate(([False], _WORD[codes[:-1]]))
    for at in np.flatnonzero(_LETTER[codes] & ~inside).tolist():
        before = buffer.before(at, 12)
        for cue, form in ((_SPELT_AFTER, _SPELT), (_HANDLE_AFTER, _HANDLE)):
            found = form.match(buffer.view, at) if cue.search(before) else None
            if found and found[0].lower() not in _NO_HANDLES:
                yield found.span()


def _headed(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield the short word at the beginning of a line before the sex."""
    sex = np.append(marked("男女")[codes[1:]], False)
    for at in np.flatnonzero(marked(",/|")[codes] & sex).tolist():
        found = _HEADER_BEFORE.search(buffer.before(at, 5)) if _HEADER.match(buffer.view, at) else None
        if not found or (len(found["v"]) > 1 and found["v"] in language().words):
            continue  # 患者,男: a word for anybody
        if len(found["v"]) == len(found[0]) < 5 or found[0][0] == "\n":
            yield at - len(found["v"]), at


def _set_apart(buffer: Buffer, codes: Indexes) -> Iterator[Place]:
    """Yield a name after a label whose characters have blanks or line ends between them."""
    blank = np.append(marked(" \n")[codes[1:]], False)
    for at in np.flatnonzero(marked(surnames().single)[codes] & blank).tolist():
        found = _SPACED.match(buffer.view, at) if _SPACED_AFTER.search(buffer.before(at, 8)) else None
        if found:
            yield found.span()


def _in_fields(buffer: Buffer) -> Iterator[Place]:
    """Yield what a field of a record says that it is a name: "patientName":"…"."""
    at = buffer.view.find("ame")
    while at >= 0:
        found = _FIELD.match(buffer.view, at)
        if found:
            yield found.span("v")
        at = buffer.view.find("ame", at + 3)


def _dotted(buffer: Buffer) -> Iterator[Place]:
    """Yield names with a middle dot, as minorities and foreigners have them."""
    at = buffer.view.find("·")
    while at >= 0:
        left, right = _DOT_LEFT.search(buffer.before(at, 8)), _DOT_RIGHT.match(buffer.after(at + 1, 32))
        end = at + 1
        if left and right:
            cut = _DOT_CUT.match(left[0])
            size = len(left[0]) - (cut.end() if cut else 0)
            end = at + 1 + right.end()
            if size >= 2:
                yield at - size, end
        at = buffer.view.find("·", end)
