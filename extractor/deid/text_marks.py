"""Where in a text a search is worth while: characters of a kind and their neighbours, by arithmetic on code points.

Owns the look-up of kinds of characters and the masks that are made of them. It must not know what is searched for. A mask
is some fifty times cheaper than an expression, so that expressions run on the little that a mask leaves.
"""

from __future__ import annotations

from functools import cache

import numpy as np

DIGITS = "0123456789"
CHINESE_NUMERALS = "〇零○一二三四五六七八九十百两廿卅"


@cache
def _table(kinds: tuple[str, ...]) -> np.ndarray:
    table = np.zeros(0x110000, dtype=np.uint8)
    for bit, characters in enumerate(kinds):
        for character in characters:
            table[ord(character)] |= 1 << bit
    return table


def kinds_of(codes: np.ndarray, *kinds: str) -> tuple[np.ndarray, ...]:
    """Return for each kind, of at most eight, the mask of the characters that are of it."""
    found = _table(kinds)[codes]
    return tuple((found & (1 << bit)) != 0 for bit in range(len(kinds)))


def after(mask: np.ndarray, places: int = 1) -> np.ndarray:
    """Return which characters stand ``places`` after one of the mask."""
    moved = np.zeros_like(mask)
    moved[places:] = mask[: len(mask) - places] if places < len(mask) else False
    return moved


def followed_by(mask: np.ndarray, places: int = 1) -> np.ndarray:
    """Return which characters stand ``places`` before one of the mask."""
    moved = np.zeros_like(mask)
    moved[: max(0, len(mask) - places)] = mask[places:]
    return moved


def runs(mask: np.ndarray, length: int) -> np.ndarray:
    """Return which characters end a run of ``length`` characters of the mask."""
    result, have = mask, 1
    while have < length:
        step = min(have, length - have)
        result, have = result & after(result, step), have + step
    return result


def word(codes: np.ndarray, text: str) -> np.ndarray:
    """Return which characters end the word."""
    result = codes == ord(text[-1])
    for places, character in enumerate(reversed(text[:-1]), start=1):
        result &= after(codes == ord(character), places)
    return np.asarray(result)
