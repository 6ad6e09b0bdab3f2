"""Known names in characters: whole, spaced, masked, given name alone, with a form of address.

Owns the forms in which a name that a column tells may stand in a text, and which of them are words of the language unless
their place says that a person is meant. It must not know of Latin letters nor of names that nothing tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_latin import LatinName, find_latin, foreign_name, latin_name
from extractor.deid.known_text import Document
from extractor.deid.known_words import known_words
from extractor.deid.name_words import NOT_AFTER
from extractor.deid.text_facts import surnames
from extractor.deid.words import tag_of

_HAN = regex.compile(r"[㐀-鿿𠀀-𳑿]")
_SPLIT = regex.compile(r"[、,;/|\n()\[\]]+")
_NOBODY = frozenset(known_words("nobody"))
_MASK = regex.compile(r"(?P<sign>[*○●■□]{1,4}|[xX]{1,3}(?![0-9A-Za-z])|某{1,3})")
_WORD_ENDS = regex.compile(r"[.'’-]")
_MASKS = frozenset("*○●■□某")
# What 某 is said of that is no person: 某种, 某日.
_KINDS = frozenset("种些个日月年天次位处项类样例一几")
_GAP = regex.compile(r"[ .·\-_\n\r]{0,4}")
_TITLES = regex.compile("|".join(known_words("addressed")))
_STAFF_TITLES = regex.compile("|".join((*known_words("staff"), *known_words("addressed"))))
_ROLE = regex.compile(rf"^(?:{'|'.join(known_words('relations'))})[:是为 ]+")
_FAMILIAR = frozenset("小老大阿")
_CLOSE = frozenset("小阿老")
# Familiar forms that are words as well: 小时, 小叶, 大黄.
_FAMILIAR_WORDS = frozenset(known_words("familiar_words"))
# Given names that are words of records as well: 健康, 高峰.
_WORDLIKE_GIVEN = frozenset(known_words("wordlike_given"))
# Words of anatomy and medicine that a familiar form may be part of: 骨小梁, 小叶增(生).
_JOINED = known_words("familiar_joined")
# Surnames that are prepositions and the like as well: 和, 由; and those that end such words: 由于, 有时.
_FUNCTION_SURNAMES = frozenset(known_words("function_surnames"))
_ENDING_SURNAMES = frozenset(known_words("ending_surnames"))
# Titles that follow words of the language as readily as a surname: 提高患者.
_ATTACHED = frozenset(known_words("attached"))
_CUE_BEFORE = regex.compile(rf"(?:{'|'.join(known_words('announces'))})[:]?$")
_ASKED = regex.compile(rf"(?:{'|'.join(known_words('asks'))})[:]?$")
_PERSON_AFTER = regex.compile("|".join(known_words("acts")))


@dataclass(frozen=True)
class KnownName:
    """A name and its parts; ``latin`` is how it is spelt in Latin letters."""

    whole: str = field(repr=False)
    surname: str = field(repr=False)
    given: str = field(repr=False)
    parts: tuple[str, ...] = field(repr=False)
    latin: LatinName | None = field(repr=False)


@dataclass(frozen=True)
class KnownNames:
    """The names that one cell of a column tells, and whether titles of staff go with them."""

    names: tuple[KnownName, ...] = field(repr=False)


def known_names(value: str) -> KnownNames | None:
    """Read a cell of a column of names: one name or several, with or without what they are to the patient."""
    pieces = (_ROLE.sub("", piece.strip()).strip() for piece in _SPLIT.split(value))
    names = [name for piece in pieces for name in _read(piece)]
    return KnownNames(tuple(names)) if names else None


def _read(piece: str) -> Iterator[KnownName]:
    words = piece.split()
    if not words or piece in _NOBODY:
        return
    if not _HAN.match(piece):
        whole = " ".join(words)
        if len(whole) >= 3:
            latin = foreign_name([word for part in words for word in _WORD_ENDS.split(part) if word])
            yield KnownName(whole, "", "", (), latin)
        return
    if len(words) > 1 and all(len(word) >= 2 and _HAN.match(word) for word in words):
        yield from (_name(word) for word in words if word not in _NOBODY)
    else:
        yield from (_name(whole) for whole in ["".join(words)] if len(whole) >= 2)


def _name(whole: str) -> KnownName:
    size = 2 if whole[:2] in surnames().compound and len(whole) > 2 else 1
    surname, given = whole[:size], whole[size:]
    if "·" in whole:
        parts = tuple(part for part in whole.split("·") if len(part) >= 2)
        bare = whole.replace("·", "")
        return KnownName(whole, "", bare, parts, latin_name(bare[:1], bare[1:]))
    if not all(_HAN.match(character) for character in whole):
        return KnownName(whole, "", "", (), None)
    return KnownName(whole, surname, given, (), latin_name(surname, given))


def find_names_of_patients(document: Document, known: KnownNames) -> Iterator[tuple[int, int]]:
    """Yield where the names stand, in the forms of a patient or relative."""
    return _find(document, known, _TITLES)


def find_names_of_staff(document: Document, known: KnownNames) -> Iterator[tuple[int, int]]:
    """Yield where the names stand, in the forms of staff: titles count."""
    return _find(document, known, _STAFF_TITLES)


def find_whole_names(document: Document, known: KnownNames) -> Iterator[tuple[int, int]]:
    """Yield where the names stand as they are, and nothing else."""
    for name in known.names:
        for at in document.hits(name.whole):
            end = at + len(name.whole)
            if not NOT_AFTER.match(document.after(end, 12)):
                yield at, end


def _find(document: Document, known: KnownNames, titles: regex.Pattern[str]) -> Iterator[tuple[int, int]]:
    for name in known.names:
        for form in (name.whole, *name.parts):
            yield from ((at, at + len(form)) for at in document.hits(form))
        if name.surname:
            yield from _by_surname(document, name, titles)
            if len(name.given) > 1:
                yield from _by_given(document, name)
            if name.given:
                yield from _by_last(document, name)
        elif name.given:
            yield from _parted(document, name.given)
        if name.latin is not None:
            yield from find_latin(document, name.latin)


def _by_surname(document: Document, name: KnownName, titles: regex.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield forms that the surname begins or that stand around it."""
    view, high = document.view, document.high
    for at in document.hits(name.surname):
        end = at + len(name.surname)
        spaced = _spaced_given(document, end, name.given)
        if spaced is not None:
            yield at, spaced
            continue
        masked = _masked_given(document, end, name.given)
        if masked is not None:
            yield at, masked
            continue
        title = titles.match(view, end, high)
        if title is not None and _is_titled(document, at, end, title.end()):
            yield at, title.end()
        before = document.before(at, 1)
        if before in _FAMILIAR and _means_person(document, at - 1, end):
            yield at - 1, end
        elif before == "姓":
            yield at, end


def _parted(document: Document, characters: str) -> Iterator[tuple[int, int]]:
    """Yield a name of several parts, whatever parts its characters: 阿依古丽 买买提."""
    for at in document.hits(characters[0]):
        end = _spaced_given(document, at + 1, characters[1:])
        if end is not None:
            yield at, end


def _spaced_given(document: Document, at: int, given: str) -> int | None:
    """Return where the given name ends that begins here, its characters parted by blanks, dots or lines."""
    for character in given:
        gap = _GAP.match(document.view, at, document.high)
        at = gap.end() if gap else at
        if at >= document.high or document.view[at] != character:
            return None
        at += 1
    return at if given else None


def _masked_given(document: Document, at: int, given: str) -> int | None:
    """Return where a masked given name ends that begins here: 王*, 王**, 王*明, 王晓*, 王某某, 王某明."""
    first = at
    if len(given) > 1 and document.after(at, 1) == given[0]:
        first = at + 1
    mask = _MASK.match(document.view, first, document.high)
    if mask is None:
        return None
    end = int(mask.end())
    after = document.after(end, 1)
    if given and after == given[-1]:
        return end + 1
    # 高* in a product of measures, 高某种: no one.
    return None if (after.isdigit() and mask["sign"][0] == "*") or (after in _KINDS and after) else end


def _is_titled(document: Document, start: int, at: int, end: int) -> bool:
    """Say whether surname and title are that, and not parts of words or a preposition: 提高|老年, 由于|医生, 和|患者."""
    view = document.view
    if view[start:at] in _FUNCTION_SURNAMES:
        return not _within_word(document, start, at) and _in_place(document, start, end)
    if end - at > 1:
        doubtful = view[start:at] in _ENDING_SURNAMES or view[at:end] in _ATTACHED
        return not doubtful or not _within_word(document, start, at)
    if _within_word(document, start, at) or _crosses_right(document, end):
        return False
    return not _is_word(view[start:end]) or _in_place(document, start, end)


def _within_word(document: Document, start: int, end: int) -> bool:
    """Say whether what begins here is the end of a word of the language: the 高 of 提高, the 于 of 由于."""
    before = document.before(start, 2)
    if not before or not _HAN.match(before[-1]):
        return False
    first = document.view[start:end]
    return _is_word(before[-1] + first) or (len(before) == 2 and _is_word(before + first))


def _crosses_right(document: Document, end: int) -> bool:
    """Say whether a word of the language goes on over the end: the 老 of 高老 in 老年."""
    after = document.after(end, 1)
    return bool(after) and bool(_HAN.match(after)) and _is_word(document.view[end - 1 : end + 1])


def _means_person(document: Document, start: int, end: int) -> bool:
    """Say whether a short familiar form (小王, 老李) is one here."""
    form = document.view[start:end]
    before = document.before(start, 1)
    if before.isdigit() or (before in {"一", "大", "最", "缩", "变", "很", "较", "过", "微", "细"}):
        return False
    if _joins_neighbours(document, start, end):
        return False
    if form in _FAMILIAR_WORDS or (form[0] == "大" and _is_word(form)):
        return _in_place(document, start, end) or bool(_ASKED.search(document.before(start, 4)))
    return True


def _joins_neighbours(document: Document, start: int, end: int) -> bool:
    """Say whether the form together with what stands beside it is a word: 肾|小管, 小叶|增生, 小|柴胡."""
    view = document.view
    before, after = document.before(start, 1), document.after(end, 2)
    around = before + view[start:end] + after[:1]
    if any(word in around for word in _JOINED):
        return True
    candidates = [view[start : end + length] for length in (1, 2) if len(after) >= length]
    candidates += [before + view[start:end]] if before else []
    return any(_is_word(candidate) for candidate in candidates)


def _in_place(document: Document, start: int, end: int) -> bool:
    """Say whether a person is meant by what stands around: announced or beginning a clause, and acting or ending it."""
    before, after = document.before(start, 4), document.after(end, 4)
    opens = not before or not (_HAN.match(before[-1]) or before[-1].isalnum())
    announced = bool(_CUE_BEFORE.search(before))
    closes = not after or not (_HAN.match(after) or after[0].isalnum())
    acts = bool(_PERSON_AFTER.match(after))
    return (acts and (opens or announced)) or (announced and closes)


def _by_given(document: Document, name: KnownName) -> Iterator[tuple[int, int]]:
    """Yield the given name alone, with a hidden surname if there is one before it."""
    for at in document.hits(name.given):
        end = at + len(name.given)
        start = _over_masks(document, at)
        if start < at or name.given not in _WORDLIKE_GIVEN or not _stands_in_word(document, at, end):
            yield start, end


def _stands_in_word(document: Document, start: int, end: int) -> bool:
    """Say whether a given name that is a word of the language is used as one here."""
    if document.before(start, 1) in _CLOSE or _in_place(document, start, end):
        return False
    before, after = document.before(start, 1), document.after(end, 1)
    return bool(before and _HAN.match(before)) or bool(after and _HAN.match(after))


def _over_masks(document: Document, at: int) -> int:
    """Return where the hidden characters begin that stand before a position; at most three."""
    start = at
    while start > document.low and at - start < 3 and document.view[start - 1] in _MASKS:
        start -= 1
    if start == at and document.before(at, 1) in {"x", "X"}:
        left = document.before(at, 3)
        size = len(left) - len(left.rstrip("xX"))
        outer = left[: len(left) - size][-1:]
        return at if outer.isascii() and outer.isalnum() else at - size
    return start


def _by_last(document: Document, name: KnownName) -> Iterator[tuple[int, int]]:
    """Yield forms that only the last character is left of (*明, 某明), and close ones (小明, 阿明)."""
    last = name.given[-1]
    for at in document.hits(last):
        start = _over_masks(document, at)
        before = document.before(at, 1)
        if start < at:
            yield start, at + 1
        elif before in _CLOSE and _means_close(document, at):
            yield at - 1, at + 1


def _means_close(document: Document, at: int) -> bool:
    return _in_place(document, at - 1, at + 1) and not _is_word(document.view[at - 1 : at + 1])


@lru_cache(maxsize=100_000)
def _is_word(word: str) -> bool:
    """Say whether the dictionary has the word and does not call it a name of a person."""
    return tag_of(word) not in ("", "nr", "nrt", "nrfg")
