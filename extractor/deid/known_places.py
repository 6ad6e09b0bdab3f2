"""Known addresses: whole, shortened, in pieces.

Owns how an address that a column tells falls into its parts, which of them may be left out or stand alone, and how the parts
are joined again in a text. It must not know addresses that nothing tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_text import Document
from extractor.deid.known_words import known_words
from extractor.deid.text_facts import places
from extractor.deid.words import tag_of

_DIVISION = "维吾尔自治区|壮族自治区|回族自治区|特别行政区|自治区|自治州|自治县|自治旗|地区|新区|省|市|盟|州(?![市区县])|区|县|旗"
_SETTLEMENT = (
    "街道办事处|街道办|街道|办事处|居委会|村委会|社区|新村|小区|花园|家园|公寓|大厦|广场|商城|中心|学校|大学|学院|宿舍|公司|工业园|开发区|"
    "大道|大街|公路|胡同|路|街|巷|弄|里|道|镇|乡|苏木|村|庄|屯|寨|堡|湾|组|队|苑|园|府|居|邸|庭|城|厂"
)
_UNIT = "号楼|号院|号|栋|幢|座|楼|层|单元|门|室|房|户|弄|支弄|组|队|期|区"
_PART = regex.compile(
    rf"(?P<core>[0-9a-zA-Z零〇一二三四五六七八九十百]+(?:[-#/之][0-9a-zA-Z]+)*)(?P<suffix>{_UNIT})?"
    rf"|(?P<core>[㐀-鿿·]{{1,12}}?)(?P<suffix>{_DIVISION}|(?:{_SETTLEMENT})(?![市区县镇乡路街巷村园]))"
    rf"|(?P<core>[㐀-鿿·]{{1,12}}?)(?P<suffix>{_DIVISION}|{_SETTLEMENT})"
    rf"|(?P<core>[㐀-鿿·]+)"
)
_BETWEEN = regex.compile(r"[ ,、·\-\n()]{0,3}")
_ALNUM = regex.compile(r"[0-9A-Za-z]")
_THREE_NUMBERS = regex.compile(r"[0-9]+[-#/][0-9]+(?:[-#/][0-9]+)+")
_FIGURES = regex.compile(r"[0-9]")
_UPPER = frozenset(
    ("省", "市", "自治区", "特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "地区", "盟", "州", "自治州")
)
# An address is no longer; what a cell holds beyond is no part of it.
_MOST = 200
_EMPTY = frozenset(known_words("nowhere"))


@dataclass(frozen=True)
class Part:
    """One part of an address: 文三 + 路, 826 + 号. ``alone`` says whether it tells the address by itself."""

    core: str = field(repr=False)
    suffix: str
    alone: bool

    @property
    def is_number(self) -> bool:
        """Whether it is a number of a house, a unit or a room."""
        return bool(_ALNUM.match(self.core))


@dataclass(frozen=True)
class KnownAddress:
    """An address as it is written and in its parts, largest first."""

    whole: str = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)


def known_address(value: str) -> KnownAddress | None:
    """Read a cell of a column of addresses; none where it holds no address."""
    whole = "".join(value.split())
    if len(whole) < 3 or whole in _EMPTY:
        return None
    parts = tuple(_part(found["core"], found["suffix"] or "") for found in _PART.finditer(whole[:_MOST]))
    return KnownAddress(whole, parts)


def _part(core: str, suffix: str) -> Part:
    whole = core + suffix
    if _ALNUM.match(core):
        telling = len(core) >= 3 and suffix != ""
        return Part(core, suffix, telling or bool(_THREE_NUMBERS.fullmatch(core)))
    if suffix in _UPPER:
        return Part(core, suffix, False)
    return Part(core, suffix, len(whole) >= 3 and not _is_word(whole) and whole not in places().short)


def _is_word(text: str) -> bool:
    """Say whether the dictionary has the word and does not call it a place or a name."""
    return tag_of(text) not in ("", "ns", "nr", "nrt", "nrfg", "nt", "nz")


def find_addresses_known(document: Document, known: KnownAddress) -> Iterator[tuple[int, int]]:
    """Yield where the address stands: whole, and every run of its parts in their order that tells it."""
    yield from ((at, at + len(known.whole)) for at in document.hits(known.whole))
    for number, part in enumerate(known.parts):
        for at in document.hits(part.core):
            if not _begins_number(document, part, at):
                continue
            end, used = _run(document, known.parts, number, at)
            if used > 1 or (used == 1 and part.alone):
                yield at, end


def _begins_number(document: Document, part: Part, at: int) -> bool:
    """Say whether a number is not the rest of a longer one."""
    return not part.is_number or not _ALNUM.match(document.before(at, 1))


def _run(document: Document, parts: tuple[Part, ...], number: int, at: int) -> tuple[int, int]:
    """Return where the longest run of parts ends that begins with one part here, and how many it has.

    A part may be left out, and its suffix too where another part follows at once. A last part without its suffix does not
    count, unless it is a number after a part in characters.
    """
    end, used, counted = at, 0, (at, 0)
    while number < len(parts):
        part = parts[number]
        stop = _core_end(document, part, end)
        if stop is None:
            break
        whole = document.after(stop, len(part.suffix)) == part.suffix
        end, used = stop + (len(part.suffix) if whole else 0), used + 1
        if (whole and (part.suffix or part.alone or used > 1)) or (
            part.is_number and not _ALNUM.match(document.after(end, 1)) and (counted[1] or _is_long(document, at, end))
        ):
            counted = (end, used)
        found = _next(document, parts, number + 1, end)
        if found is None:
            break
        number, end = found
    return counted


def _is_long(document: Document, start: int, end: int) -> bool:
    """Say whether numbers without their units (3-2-501) are too many figures for a measure."""
    return len(_FIGURES.findall(document.view[start:end])) >= 5


def _core_end(document: Document, part: Part, at: int) -> int | None:
    end = at + len(part.core)
    if document.after(at, len(part.core)) != part.core:
        return None
    if part.is_number and _FIGURES.match(document.after(end, 1)):
        return None
    return end


def _next(document: Document, parts: tuple[Part, ...], number: int, at: int) -> tuple[int, int] | None:
    """Return the next part that stands here, and where it begins."""
    gap = _BETWEEN.match(document.view, at, document.high)
    for start in dict.fromkeys((at, gap.end() if gap else at)):
        for later in range(number, len(parts)):
            if _core_end(document, parts[later], start) is not None:
                return later, start
    return None
