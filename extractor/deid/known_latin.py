"""Known names in Latin letters: pinyin in every spelling and order, initials, names of foreigners.

Owns how the syllables of a known name may stand in a text. A name is not written out in its forms, of which there are
hundreds: from each word in Latin letters on, its syllables are consumed one by one. It must not know how names stand in
characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_text import Document
from extractor.deid.known_words import known_words
from extractor.deid.pinyin import readings

_LETTER = regex.compile(r"[a-zü]")
# What may part the syllables of one name.
_GAP = regex.compile(r"[ ]?[.,·'’_-]?[ ]?")
_BEFORE_SURNAME = regex.compile(r"(?<![a-z])(?:mr|mrs|ms|miss|dr|doctor|prof|professor|nurse|小|老)[. ]{0,2}$")
_AFTER_SURNAME = regex.compile(
    r"[ ]?(?:先生|女士|小姐|太太|医生|医师|大夫|主任|教授|护士|老师|(?:md|m\.d\.|sir|xiansheng|nvshi|yisheng|zhuren)(?![a-z]))"
)
# An announcement after which initials are a person's, whatever else they may abbreviate.
_BEFORE_INITIALS = regex.compile(rf"(?:{'|'.join(known_words('announces_initials'))})[是为即:(\[ ]{{0,3}}$")
# Abbreviations of the laboratory and the ward that are three letters as initials are.
_ABBREVIATIONS = frozenset(known_words("abbreviations"))


@dataclass(frozen=True)
class LatinName:
    """The syllables of a name, each in its spellings; ``surname`` says how many of the first are the surname."""

    syllables: tuple[tuple[str, ...], ...] = field(repr=False)
    surname: int

    @cached_property
    def heads(self) -> frozenset[str]:
        """The letters that the name may begin with, in whatever order."""
        return frozenset(form[0] for forms in self.syllables for form in forms)

    @cached_property
    def starts(self) -> tuple[str, ...]:
        """The syllables that the name may begin with, in full."""
        return tuple({*self.syllables[0], *self.syllables[self.surname]})

    @cached_property
    def orders(self) -> list[tuple[str, ...]]:
        """The orders in which the syllables are looked for."""
        return _orders(self)


def latin_name(surname: str, given: str) -> LatinName | None:
    """Return how a name in characters is spelt; none where a character has no reading or there is no given name."""
    syllables = tuple(readings(character) for character in surname + given)
    if not all(syllables) or not surname or not given or len(syllables) > 6:
        return None
    return LatinName(syllables, len(surname))


def foreign_name(words: list[str]) -> LatinName | None:
    """Return how a name of at least two words in Latin letters stands in a text, the last word taken for the surname."""
    parts = [word.lower() for word in words if word.isalpha()]
    if not 2 <= len(parts) <= 6:
        return None
    ordered = [parts[-1], *parts[:-1]]
    return LatinName(tuple((part,) for part in ordered), 1)


def find_latin(document: Document, name: LatinName) -> Iterator[tuple[int, int]]:
    """Yield where a known name stands in Latin letters."""
    letters = document.text.letters
    for start, end in document.text.words.get(document.number, ()):
        if letters[start] in name.heads:
            found = None
            if letters.startswith(name.starts, start):
                found = _in_full(document, start, end, name)
            if found is None and end - start <= len(name.syllables):
                found = _in_initials(document, start, end, name)
            if found is not None:
                yield start, found


def _orders(name: LatinName) -> list[tuple[str, ...]]:
    """Return the orders of syllables that begin with one in full: ``f0`` is the first in full, ``i0`` its first letter."""
    numbers = range(len(name.syllables))
    family, given = numbers[: name.surname], numbers[name.surname :]
    orders = [[("f", family), ("f", given)], [("f", given), ("f", family)]]
    orders += [[("f", family), ("i", given)], [("f", given), ("i", family)]]
    if len(given) > 1:
        orders.append([("f", given)])
    return [tuple(how + str(number) for how, part in order for number in part) for order in orders]


def _in_full(document: Document, start: int, end: int, name: LatinName) -> int | None:
    """Return the farthest end of the name that begins in full: whole in either order, with initials, a part that tells it."""
    ends = [_consumed(document, start, name, order) for order in name.orders]
    found = max((found for found in ends if found is not None), default=None)
    return end if found is None and _is_surname(document, start, end, name) else found


def _in_initials(document: Document, start: int, end: int, name: LatinName) -> int | None:
    """Return the farthest end of the name that begins with an initial: W.X.M., XM Wang, WXM."""
    numbers = range(len(name.syllables))
    turned = tuple(f"i{number}" for number in numbers[name.surname :]) + tuple(
        f"f{number}" for number in numbers[: name.surname]
    )
    ends = [_consumed(document, start, name, turned), _parted_initials(document, start, name)]
    found = max((found for found in ends if found is not None), default=None)
    alone = (
        found is None and _is_initials(document.text.letters[start:end], name) and _means_initials(document, start, end)
    )
    return end if alone else found


def _consumed(document: Document, start: int, name: LatinName, order: tuple[str, ...]) -> int | None:
    """Return where the syllables end if they stand here in this order."""
    letters, high = document.text.letters, document.high
    places = {start}
    for step, part in enumerate(order):
        forms = name.syllables[int(part[1:])]
        options = forms if part[0] == "f" else {form[0] for form in forms}
        ends: set[int] = set()
        for place in places:
            at = _GAP.match(letters, place, high).end() if step else place
            ends |= {at + len(form) for form in options if letters.startswith(form, at) and at + len(form) <= high}
        places = ends
        if not places:
            return None
    return max((end for end in places if end >= high or not _LETTER.match(letters, end)), default=None)


def _parted_initials(document: Document, start: int, name: LatinName) -> int | None:
    """Return where initials end that dots or blanks part: W.X.M., W X M. Those of two syllables need their dots."""
    letters, count = document.text.letters, len(name.syllables)
    pieces = 2 * count if count == 2 else 2 * count - 1
    text = letters[start : min(start + pieces, document.high)]
    signs = set(text[1::2])
    if len(text) < pieces or len(signs) != 1 or not signs <= ({"."} if count == 2 else {".", " ", "-", "·"}):
        return None
    if not _is_initials(text[::2], name) or _LETTER.match(letters, start + pieces, document.high):
        return None
    return start + pieces + (letters[start + pieces : start + pieces + 1] == "." and "." in signs)


def _is_surname(document: Document, start: int, end: int, name: LatinName) -> bool:
    """Say whether the word is the surname, with a title that makes it one."""
    letters = document.text.letters
    if _consumed(document, start, name, tuple(f"f{number}" for number in range(name.surname))) != end:
        return False
    before = _BEFORE_SURNAME.search(letters[max(document.low, start - 12) : start])
    return bool(before or _AFTER_SURNAME.match(letters, end, document.high))


def _is_initials(word: str, name: LatinName) -> bool:
    if len(word) != len(name.syllables):
        return False
    rows = [{form[0] for form in forms} for forms in name.syllables]
    turned = rows[name.surname :] + rows[: name.surname]
    return any(all(letter in row for letter, row in zip(word, order, strict=True)) for order in (rows, turned))


def _means_initials(document: Document, start: int, end: int) -> bool:
    """Say whether letters that could be the initials are meant so: three or more stand alone, two need an announcement."""
    letters = document.text.letters
    if _BEFORE_INITIALS.search(letters[max(document.low, start - 12) : start]):
        return True
    if end - start < 3 or letters[start:end] in _ABBREVIATIONS:
        return False
    around = document.before(start, 1) + document.after(end, 1)
    return not any(sign.isascii() and (sign.isalnum() or sign in "/%^+-") for sign in around)
