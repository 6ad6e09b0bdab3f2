"""How wards write one and the same name, telephone number or day in different ways.

Owns the forms only. It must not know whose name or day it is, nor which sentence it stands in.
"""

from __future__ import annotations

import random
from datetime import date, datetime

from extractor.demo.drawing import words

_COMPOUND = frozenset(words("欧阳 上官 司徒 诸葛 司马 皇甫 夏侯 慕容 尉迟 长孙 端木 东方"))


def split_name(name: str) -> tuple[str, str]:
    """Return family and given name; of a name with a dot the part before and the part after it."""
    for dot in ("·", "•"):
        if dot in name:
            head, _, tail = name.partition(dot)
            return head, tail
    width = 2 if name[:2] in _COMPOUND else 1
    return name[:width], name[width:]


def phone_form(number: str, dice: random.Random) -> str:
    """Return a mobile number as people write it: plain, in groups, with a country code; others as they are."""
    if len(number) != 11 or not number.startswith("1"):
        return number
    groups = (number[:3], number[3:7], number[7:])
    return dice.choice((number, number, " ".join(groups), "-".join(groups), f"+86{number}", f"86-{number}"))


def date_form(day: date, dice: random.Random, *, clock: bool = False, full: bool = False) -> str:
    """Return a day in one of the forms of ward notes; ``clock`` adds the time, glued or not; ``full`` keeps the year."""
    forms = [
        f"{day:%Y-%m-%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%Y.%m.%d}",
        f"{day:%Y/%m/%d}",
        f"{day.year}-{day.month}-{day.day}",
        f"{day:%Y年%m月%d日}",
    ]
    forms += [] if full else [f"{day.month}月{day.day}日", f"{day.month}月{day.day}日", f"{day:%Y%m%d}"]
    text = dice.choice(forms)
    if not clock or not isinstance(day, datetime):
        return text
    # Clock times stand glued to the day in real notes; hours in words only after 日, where they can be read.
    hour = f"{'' if text.endswith('日') else ' '}{day.hour}时"
    return text + dice.choice(
        (f" {day:%H:%M}", f"{day:%H:%M}", f" {day:%H:%M:%S}", f"{hour}{day.minute:02d}分", f"{hour}许")
    )
