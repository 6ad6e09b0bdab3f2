"""The evidence for and against each stretch that may be a name, as numbers for all at once.

Owns the features: what the letters say, what the segmenter makes of the stretch, what stands before and after it, and what medicine
and places are around it. It must not know which stretches there are (``extractor.deid.name_candidates``) nor how much a
feature weighs (``extractor.deid.names``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from extractor.deid.language import LETTERS, STEP, language
from extractor.deid.name_words import WORDLIKE
from extractor.deid.text_buffer import SEPARATOR, Buffer
from extractor.deid.text_facts import foreign_places, medical_words, not_names, places, surnames
from extractor.deid.words import tokens_of

Indexes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_AROUND, _LONGEST_PLACE, _LONGEST_MEDICINE = 60, 8, 7
# After a cue the medicine around says less.
_AFTER_A_CUE = np.float32(0.3)
# Above it the odds against words say nothing more; so there is a bound on what words can add.
MOST_OF_MODEL = 8.0


@dataclass(frozen=True)
class Stretches:
    """Stretches of a view that may be names: where, the length of the surname, what their letters say.

    Args:
        starts, ends: positions in the view.
        sizes: characters of the surname; 0 in a foreign name.
        letters: natural-log odds of the characters in a name against running text.
        name: log probability of the whole as a name.
    """

    starts: Indexes
    ends: Indexes
    sizes: Indexes
    letters: Numbers
    name: Numbers

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, keep: Mask | Indexes) -> Stretches:
        """Return those that a mask or indexes choose."""
        return Stretches(self.starts[keep], self.ends[keep], self.sizes[keep], self.letters[keep], self.name[keep])

    @classmethod
    def joined(cls, parts: list[Stretches]) -> Stretches:
        """Return the stretches of all parts."""
        names = ("starts", "ends", "sizes", "letters", "name")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Signs:
    """What announces names: the strength of a cue that ends before each position, and whether a title begins at it."""

    cue: Numbers = field(repr=False)
    label: Mask = field(repr=False)
    title: Mask = field(repr=False)


def marked(characters: frozenset[str] | set[str] | str) -> Mask:
    """Return a table by code point that is true for the characters."""
    table = np.zeros(LETTERS, dtype=np.bool_)
    table[[ord(character) for character in characters]] = True
    return table


@cache
def ideographs() -> Mask:
    """Return a table by code point that is true for 汉字."""
    table = np.zeros(LETTERS, dtype=np.bool_)
    table[0x3400:0xA000] = table[0x20000:] = True
    return table


def codes_of(buffer: Buffer) -> Indexes:
    """Return the view's code points as indexes of the tables; what lies beyond becomes the last one."""
    codes: Indexes = np.minimum(buffer.codes, LETTERS - 1).astype(np.int64)
    return codes


_NUMERAL = marked("一二三四五六七八九十百千万两零〇几半")
_FUNCTION = marked("为因于被的是在和与及将已曾到对从给说诉述看查称道问指认表告")
_PLACE = marked("市州国省县区河山岛语人队湾湖海洋城镇族教病征氏片酸素酶醇球菌(0123456789")
_OPENING, _CLOSING = marked('《<“"「『'), marked('》>”"」』')
_DIGIT, _ALNUM = marked("0123456789"), marked("".join(chr(code) for code in range(128) if chr(code).isalnum()))
_INSIDE = ideographs() | _ALNUM
_COUNTED, _LISTS = marked("万余"), marked("、")
_COMMON, _WORDLIKE = marked(surnames().common), marked(WORDLIKE)


def outer_evidence(buffer: Buffer, signs: Signs, found: Stretches) -> dict[str, Numbers]:
    """Return what can be told without cutting a word: the letters, what stands right beside a stretch, and the medicine around it."""
    codes, starts, ends = codes_of(buffer), found.starts, found.ends
    before, after = np.where(starts > 0, codes[starts - 1], 0), np.append(codes, 0)[ends]
    here, second = codes[starts], codes[starts + 1]
    # After a cue, and before two characters that look like a given name, nobody reads 高 or 皮 as a word.
    plainly = (signs.cue[starts] > 0) & (ends - starts > 2) & (found.letters > 0)
    wordlike = _WORDLIKE[here] & (found.sizes == 1) & ~plainly
    flags = {
        "label": signs.label[starts],
        "title": signs.title[ends],
        "free_before": ~ideographs()[before],
        "free_after": ~ideographs()[after],
        "common": _COMMON[here],
        "wordlike": wordlike,
        "rather_word": wordlike & ~_COMMON[here],
        "compound": found.sizes == 2,
        "short": ends - starts == 2,
        "list_after": _LISTS[after],
        "function_after": _FUNCTION[after],
        "place_after": _PLACE[after],
        "quoted": _OPENING[before] & _CLOSING[after],
        "repeated": (here == second) | (_NUMERAL[here] & _NUMERAL[second]),
        "counted": _COUNTED[here] & (_DIGIT[before] | _NUMERAL[before]),
    }
    around = _medicine_around(buffer, codes, starts, ends) * np.where(
        signs.cue[starts] > 0, _AFTER_A_CUE, np.float32(1)
    )
    numbers = {"letters": found.letters, "cue": signs.cue[starts], "medicine_around": around}
    return numbers | {name: flag.astype(np.float32) for name, flag in flags.items()}


def word_evidence(buffer: Buffer, found: Stretches) -> dict[str, Numbers]:
    """Return what the words of the segmenter say of the stretches."""
    codes, view, model = codes_of(buffer), buffer.view, language()
    starts, ends = found.starts, found.ends
    cut = _cut(buffer, codes, starts)
    low, high = starts - cut.shift, ends - cut.shift
    first, last = cut.word_at[low], cut.word_at[high - 1]
    left, right = low - cut.begins[first], np.append(cut.begins, cut.size)[last + 1] - high
    words = [view[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    flags = {
        "cut_before": left == 0,
        "cut_after": right == 0,
        "one_word": (left == 0) & (right == 0) & (first == last),
        "name_word": [word in model.names for word in words],
        "plain_word": [word in model.words for word in words],
        "plain_start": [len(word) > 2 and word[:2] in model.words for word in words],
    }
    model_odds = _against_words(cut, codes, found, (first, last, left, right))
    return {"model": model_odds} | {name: np.asarray(flag, dtype=np.float32) for name, flag in flags.items()}


@dataclass(frozen=True)
class Pairs:
    """Words of two characters, found without a search: a number for each of their characters, and which two make a word."""

    number: npt.NDArray[np.int16]
    together: Mask

    @classmethod
    def of(cls, words: Iterable[str]) -> Pairs:
        """Take those of the words that have two characters."""
        pairs = [word for word in words if len(word) == 2]
        letters = sorted(set("".join(pairs)))
        number = np.zeros(LETTERS, dtype=np.int16)
        number[[ord(letter) for letter in letters]] = np.arange(1, len(letters) + 1)
        together = np.zeros((len(letters) + 1, len(letters) + 1), dtype=np.bool_)
        for pair in pairs:
            together[number[ord(pair[0])], number[ord(pair[1])]] = True
        return cls(number, together)

    def begin_in(self, codes: Indexes) -> Mask:
        """Return at which code points such a word begins."""
        numbers = self.number[codes]
        begins = np.zeros(len(codes), dtype=np.bool_)
        begins[:-1] = self.together[numbers[:-1], numbers[1:]]
        return begins


@lru_cache(maxsize=100_000)
def _known(word: str) -> tuple[int, float]:
    return language().known(word)


@dataclass(frozen=True)
class _Cut:
    """The clauses around the stretches cut into words, as arrays by word.

    Args:
        begins, tags, odds: of each word: where it begins in the clauses joined, its part of speech, its likelihood.
        total: likelihood of all words before each, with that of their neighbourhood.
        word_at: the word of each character.
        shift: what to subtract from a position of each stretch in the view to get it in the clauses joined.
        size: characters of the clauses joined.
    """

    begins: Indexes
    tags: Indexes
    total: npt.NDArray[np.float64]
    word_at: Indexes
    shift: Indexes
    size: int


def _cut(buffer: Buffer, codes: Indexes, starts: Indexes) -> _Cut:
    """Cut only the clauses that hold a stretch: what the segmenter makes of one does not depend on the others."""
    outside = np.concatenate(([-1], np.flatnonzero(~_INSIDE[codes]), [len(codes)]))
    after = np.searchsorted(outside, starts)
    wanted, clause = np.unique(after, return_inverse=True)
    low, high = outside[wanted - 1] + 1, outside[wanted]
    view = SEPARATOR.join([buffer.view[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)])
    shift = low - np.concatenate(([0], np.cumsum(high - low + 1)[:-1]))
    tokens, model = tokens_of(view), language()
    facts = np.fromiter(chain.from_iterable(map(_known, tokens.words)), dtype=np.float64, count=2 * len(tokens.words))
    tags, odds = facts[::2].astype(np.int64), facts[1::2]
    before = np.concatenate(([model.edge], tags[:-1]))
    total = np.concatenate(([0.0], np.cumsum(model.follows[before, tags] + odds)))
    lengths = np.diff(np.append(tokens.starts, len(view)))
    return _Cut(tokens.starts, tags, total, np.repeat(np.arange(len(lengths)), lengths), shift[clause], len(view))


def _against_words(cut: _Cut, codes: Indexes, found: Stretches, where: tuple[Indexes, ...]) -> Numbers:
    """Return how much likelier the stretch is with the name in it than as the segmenter's words alone."""
    starts, ends = found.starts, found.ends
    first, last, left, right = where
    model, follows = language(), language().follows
    tags = np.append(cut.tags, model.edge)
    before, following = np.where(first > 0, tags[first - 1], model.edge), tags[last + 1]
    as_words = cut.total[last + 1] - cut.total[first] + follows[tags[last], following]
    # What the name leaves over on its left and right is read as words of one character each.
    kinds, odds = model.letters
    spelled = np.concatenate(([0.0], np.cumsum(odds[codes].astype(np.float64) + STEP)))
    left_odds = spelled[starts] - spelled[starts - left]
    right_odds = spelled[ends + right] - spelled[ends]
    beside_left = np.where(left > 0, kinds[codes[np.maximum(starts - 1, 0)]], before)
    beside_right = np.where(right > 0, kinds[np.append(codes, 0)[ends]], following)
    with_name = (
        left_odds + follows[beside_left, model.name] + found.name + follows[model.name, beside_right] + right_odds
    )
    more: Numbers = np.minimum(with_name - as_words, MOST_OF_MODEL).astype(np.float32)
    return more


@cache
def _medicine() -> BytesAhoCorasick:
    return automaton(sorted(word for word in medical_words() | not_names() if len(word) > 1))


@cache
def _places() -> BytesAhoCorasick:
    return automaton(sorted(foreign_places() | places().full | {name for name in places().short if len(name) > 2}))


class Searched:
    """A view as bytes: an automaton of bytes is twice as fast as one of text, and several share the way back to characters."""

    def __init__(self, view: str) -> None:
        self._bytes = view.encode("utf-8", "surrogatepass")
        letters = np.frombuffer(self._bytes, dtype=np.uint8)
        # The number of characters before each byte that begins one; the others are never asked for.
        self._characters = np.append(np.cumsum((letters & 0xC0) != 0x80, dtype=np.int32) - 1, len(view))

    def matches(self, matcher: BytesAhoCorasick) -> tuple[Indexes, Indexes, Indexes]:
        """Return number, start and end in characters of every match, as arrays."""
        found = matcher.find_matches_as_indexes(self._bytes)
        table = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=3 * len(found)).reshape(-1, 3)
        return table[:, 0], self._characters[table[:, 1]], self._characters[table[:, 2]]


def automaton(words: Iterable[str]) -> BytesAhoCorasick:
    """Return a search for words of which, where several begin, the longest counts."""
    return BytesAhoCorasick([word.encode() for word in words], matchkind=MatchKind.LeftmostLongest)


def _medicine_around(buffer: Buffer, codes: Indexes, starts: Indexes, ends: Indexes) -> Numbers:
    """Return the share of words of medicine around each stretch in its document.

    Only words of two characters are counted, which are the most of them in any text: they are found without a search.
    """
    begins = _pairs_of_medicine().begin_in(codes)
    total = np.concatenate(([0], np.cumsum(begins, dtype=np.int32)))
    docs = buffer.document_of(starts)
    low, high = np.maximum(starts - _AROUND, buffer.starts[docs]), np.minimum(ends + _AROUND, buffer.ends[docs])
    # A pair is counted at its first character; those that touch the stretch itself say nothing of what is around it.
    before = total[np.maximum(starts - 1, low)] - total[low]
    after = total[np.maximum(high - 1, ends)] - total[ends]
    # Counted to the full reach: two words of medicine in a short note are no treatise, and its subject is a person.
    share: Numbers = ((before + after) / _AROUND).astype(np.float32)
    return share


@cache
def _pairs_of_medicine() -> Pairs:
    return Pairs.of(medical_words())


def touched(buffer: Buffer, starts: Indexes, ends: Indexes) -> dict[str, Numbers]:
    """Return whether each stretch touches a word of medicine, and whether it touches the name of a place."""
    return {
        "medical": _touches(_medicine(), _LONGEST_MEDICINE, buffer, starts, ends),
        "place": _touches(_places(), _LONGEST_PLACE, buffer, starts, ends),
    }


def _touches(matcher: BytesAhoCorasick, reach: int, buffer: Buffer, starts: Indexes, ends: Indexes) -> Numbers:
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        before = _utf8(buffer.before(start, reach))
        low, high = len(before), len(before) + len(_utf8(buffer.view[start:end]))
        text = before + _utf8(buffer.after(start, end - start + reach))
        found.append(any(a < high and b > low for _, a, b in matcher.find_matches_as_indexes(text)))
    return np.array(found, dtype=np.float32)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
