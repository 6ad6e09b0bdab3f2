"""Article numbers as regulations write them: 19, 十九, 第十九条, and lists such as 第五条、第七条至第九条.

Owns the reading and writing of article numbers. It must not know a policy.
"""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_NUMERAL = "[一二三四五六七八九十]{1,3}"
# What follows an article and makes it a part: 第二十条第一款, 第十九条第三项, 第二十八条（二）至（七）, 第二十条前段.
_ITEM = re.compile(f"第({_NUMERAL})条(?:至第({_NUMERAL})条)?((?:第{_NUMERAL}[款项])|[（前后])?")


def chinese_number(number: int) -> str:
    """Return 1 to 99 in Chinese digits, as articles are numbered.

    Raises:
        ValueError: the number is outside 1 to 99.
    """
    if not 1 <= number <= 99:
        raise ValueError("articles are numbered from 1 to 99")
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


_NUMBERS = {chinese_number(number): number for number in range(1, 100)}


def article_number(text: str) -> int | None:
    """Return the number of an article written as ``19``, ``十九``, ``第19条`` or ``第十九条``; None where it is none."""
    bare = text.strip().removeprefix("第").removesuffix("条").strip()
    if re.fullmatch("[1-9][0-9]?", bare):
        return int(bare)
    return _NUMBERS.get(bare)


def articles_in(text: str) -> frozenset[int]:
    """Return every article that a citation or a list names, as a whole or in part; ranges with 至 are filled."""
    return frozenset(number for first, last, _ in _items(text) for number in range(first, last + 1))


def whole_articles_in(text: str) -> frozenset[int]:
    """Return the articles that a list names as a whole: not those of which it names a paragraph or an item."""
    return frozenset(number for first, last, part in _items(text) if not part for number in range(first, last + 1))


def _items(text: str) -> list[tuple[int, int, str]]:
    found = [match.groups(default="") for match in _ITEM.finditer(text)]
    return [
        (_NUMBERS[first], _NUMBERS[last or first], part)
        for first, last, part in found
        if first in _NUMBERS and (last or first) in _NUMBERS
    ]
