"""Known numbers: telephone, resident ID, cards, record numbers, mail addresses and accounts.

Owns the forms in which a number or sign that a column tells may stand in a text: whole however grouped, in part, masked, by
its announced tail, with a country code. It must not know names, dates or places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.known_text import Document, bare, occurrences
from extractor.deid.known_words import known_words

_SPLIT = regex.compile(r"[,、;|或及和]+|(?<=[0-9]{7})/(?=[0-9])")
_SIGNS_SPLIT = regex.compile(r"[,、;|\n]+")
_AROUND_FIGURES = regex.compile(r"^[a-z㐀-鿿]+|床$")
_MASKED_LOCAL = regex.compile(r"(?P<head>[0-9a-z._-]*?)[*x]{2,}(?P<tail>[0-9a-z._-]*)$")
_EXTENSION = regex.compile(r"(?:转|分机|ext\.?|#).*$")
_COUNTRY = regex.compile(r"^(?:[+]|00)?86(?=1[0-9]{10}$|0?[1-9][0-9]{9,10}$)")
_COUNTRY_BEFORE = regex.compile(r"(?:[+]|00)?86[ -]?$")
# From so many characters on a number is looked for inside longer ones too.
_LONG = 6
_ALNUM = regex.compile(r"[0-9a-z]")
# Numbers that nobody has: what is typed where a field must not be empty.
_EMPTY = regex.compile(r"(.)\1*")
_NUMBER_BEFORE = regex.compile(
    rf"(?:{'|'.join(regex.escape(word) for word in known_words('number_before'))})[号码为是即:.#(\[ ]{{0,3}}$"
)
_NUMBER_AFTER = regex.compile(r"[ ]?(?:床|号床|号病床|病床|\+?床位)")
_AT = regex.compile(r"[ ]?(?:@|[(\[]at[)\]]| at |艾特|#)[ ]?")
_WORDS_OF_MAIL = frozenset(known_words("mailbox"))


@dataclass(frozen=True)
class KnownNumber:
    """One number as it is compared: ungrouped, lower case; ``pieces`` are those of its parts that tell it.

    A ``strict`` one is so short that it counts only where no letter or figure touches it.
    """

    bare: str = field(repr=False)
    pieces: tuple[str, ...] = field(repr=False, default=())
    strict: bool = field(default=False)


def known_number(value: str) -> tuple[KnownNumber, ...]:
    """Read a cell of a column of numbers of persons: one number or several."""
    cells = (_EXTENSION.sub("", piece.strip().lower()).strip(" .") for piece in _SPLIT.split(value))
    numbers = [_COUNTRY.sub("", bare(cell)).lstrip("+") for cell in cells]
    numbers += [bare(value)] if len(numbers) > 1 or bare(value) != numbers[0] else []
    return tuple(
        KnownNumber(number, _pieces(number), len(number) < _LONG)
        for number in dict.fromkeys(numbers)
        if len(number) >= 4 and not _EMPTY.fullmatch(number)
    )


def known_record(value: str) -> tuple[KnownNumber, ...]:
    """Read a cell of a column of a hospital's own numbers. Short ones count only where the text says what they are."""
    number = bare(value)
    if not number or number in known_words("nobody"):
        return ()
    found = [KnownNumber(number, (), len(number) < _LONG)]
    core = _AROUND_FIGURES.sub("", number).lstrip("0")
    if core != number and core.isdigit() and (len(core) >= 5 or number.endswith("床")):
        found.append(KnownNumber(core, (), True))
    return tuple(found)


def _pieces(number: str) -> tuple[str, ...]:
    """Return the beginnings and endings that are looked for by themselves: digits enough to be nobody else's by chance."""
    if not number[:-1].isdigit() or len(number) < 10:
        return ()
    if len(number) <= 12:
        # A landline also without its area code of three or four figures.
        local = (number[3:], number[4:]) if number[0] == "0" else ()
        return number[:7], number[-7:], *local
    pieces = [number[:10], number[-8:]]
    if len(number) == 18:
        pieces.append(number[:6] + number[8:17])
    return tuple(pieces)


def find_numbers(document: Document, numbers: tuple[KnownNumber, ...]) -> Iterator[tuple[int, int]]:
    """Yield where the numbers stand."""
    for number in numbers:
        yield from _whole(document, number)
        if len(number.bare) >= 4:
            yield from _hidden(document, number)
            tails = document.text.tails.get(document.number, ())
            yield from ((t.start, t.end) for t in tails if number.bare.endswith(t.digits))


def _whole(document: Document, number: KnownNumber) -> Iterator[tuple[int, int]]:
    text, (low, high) = document.text.numbers, document.text.number_bounds[document.number]
    for wanted in (number.bare, *number.pieces):
        for at in occurrences(text, wanted, low, high):
            end = at + len(wanted)
            if number.strict and (_touches(text, at - 1, low, high) or _touches(text, end, low, high)):
                continue
            start, stop = document.text.place(at, end)
            if _tells(number.bare) or _is_announced(document, start, stop):
                yield _with_country(document, start), stop


def _tells(number: str) -> bool:
    """Say whether a number needs no announcement: long enough, or no mere figures."""
    return len(number) >= 5 or (len(number) >= 3 and not number.isdigit())


def _touches(text: str, at: int, low: int, high: int) -> bool:
    return low <= at < high and bool(_ALNUM.match(text, at))


def _is_announced(document: Document, start: int, end: int) -> bool:
    """Say whether the text says that a short number is one of the hospital's: 病案号, 12床."""
    before, after = document.before(start, 8).lower(), document.after(end, 4)
    own = document.view[start:end]
    return bool(own.endswith("床") or _NUMBER_BEFORE.search(before) or _NUMBER_AFTER.match(after))


def _with_country(document: Document, start: int) -> int:
    code = _COUNTRY_BEFORE.search(document.before(start, 6))
    return start - len(code[0]) if code else start


def _hidden(document: Document, number: KnownNumber) -> Iterator[tuple[int, int]]:
    """Yield masked numbers of which what is left is the number's own beginning and ending."""
    for one in document.text.masked.get(document.number, ()):
        own = number.bare.startswith(one.head) and number.bare.endswith(one.tail) and one.middle in number.bare
        if own and one.shown <= len(number.bare):
            yield _with_country(document, one.start), one.end


@dataclass(frozen=True)
class KnownSign:
    """A mail address, account or other sign that is compared letter by letter; ``local`` is what stands before the @."""

    whole: str = field(repr=False)
    local: str = field(repr=False)
    domain: str = field(repr=False)


def known_sign(value: str) -> tuple[KnownSign, ...]:
    """Read a cell of a column of mail addresses or accounts."""
    pieces = (piece.strip().lower() for piece in _SIGNS_SPLIT.split(value))
    return tuple(KnownSign(piece, *_mail(piece)) for piece in pieces if len(piece) >= 3 and not _EMPTY.fullmatch(piece))


def _mail(piece: str) -> tuple[str, str]:
    local, _, domain = piece.partition("@")
    return (local, domain) if domain else ("", "")


def find_signs(document: Document, signs: tuple[KnownSign, ...]) -> Iterator[tuple[int, int]]:
    """Yield where the signs stand: whole, a mail address also taken apart, its local part alone, or with that masked."""
    letters = document.text.letters
    for sign in signs:
        for at in occurrences(letters, sign.whole, document.low, document.high):
            if len(sign.whole) >= 6 or not _in_word(letters, at, at + len(sign.whole), document):
                yield at, at + len(sign.whole)
        if sign.local:
            yield from _mail_forms(document, letters, sign)


def _mail_forms(document: Document, letters: str, sign: KnownSign) -> Iterator[tuple[int, int]]:
    if len(sign.local) >= 3:
        for at in occurrences(letters, sign.local, document.low, document.high):
            end = at + len(sign.local)
            domain = _domain_after(document, letters, end, sign.domain)
            alone = len(sign.local) >= 5 and sign.local not in _WORDS_OF_MAIL
            if domain is not None:
                yield at, domain
            elif alone and not _in_word(letters, at, end, document):
                yield at, end
    for at in occurrences(letters, "@" + sign.domain, document.low, document.high):
        start = _masked_local(letters, at, document.low, sign.local)
        if start is not None:
            yield start, at + 1 + len(sign.domain)


def _domain_after(document: Document, letters: str, at: int, domain: str) -> int | None:
    """Return where the domain ends that follows a local part, whatever stands for the @ and with blanks in it."""
    sign = _AT.match(letters, at, document.high)
    if sign is None:
        return None
    at = sign.end()
    for character in domain:
        while at < document.high and letters[at] == " ":
            at += 1
        stands = letters[at] if at < document.high else ""
        if stands != character and not (stands == "。" and character == "."):
            return None
        at += 1
    return at


def _masked_local(letters: str, at: int, low: int, local: str) -> int | None:
    """Return where a masked local part begins that ends at the @ and agrees with the known one."""
    left = letters[max(low, at - 40) : at]
    found = _MASKED_LOCAL.search(left)
    if found and local.startswith(found["head"]) and local.endswith(found["tail"]):
        return at - len(left) + int(found.start())
    return None


def _in_word(letters: str, start: int, end: int, document: Document) -> bool:
    before, after = letters[max(document.low, start - 1) : start], letters[end : min(end + 1, document.high)]
    return any(sign and _ALNUM.match(sign) for sign in (before, after))
