"""How a Chinese character is spelt in Latin letters.

Owns the readings of a character, without tones, in every way in which passports, mail addresses and records write them. It
must not know what is a name. The readings are those of ``pypinyin``; its table of phrases is not loaded, because a
name may be read in any of its characters' readings.
"""

from __future__ import annotations

import os
from functools import cache

_NO_PHRASES = "PYPINYIN_NO_PHRASES"
# Readings that hold for surnames and that dictionaries of the language list late or not at all.
_SURNAME_READINGS = {
    "单": ("shan",),
    "曾": ("zeng",),
    "仇": ("qiu",),
    "解": ("xie",),
    "查": ("zha",),
    "区": ("ou",),
    "朴": ("piao", "park", "pak"),
    "盖": ("ge", "gai"),
    "任": ("ren",),
    "华": ("hua",),
    "尉": ("yu", "wei"),
    "尹": ("yin",),
    "员": ("yun", "yuan"),
    "缪": ("miao", "mou"),
    "黑": ("he", "hei"),
    "覃": ("qin", "tan"),
    "繁": ("po", "fan"),
    "折": ("she", "zhe"),
    "秘": ("bi", "mi"),
    "种": ("chong", "zhong"),
    "重": ("chong", "zhong"),
    "祭": ("zhai", "ji"),
    "召": ("shao", "zhao"),
    "洗": ("xian", "xi"),
    "冼": ("xian",),
    "俟": ("qi", "si"),
    "万": ("wan", "mo"),
    "吕": ("lui",),
    "钭": ("tou", "dou"),
}


@cache
def readings(character: str) -> tuple[str, ...]:
    """Return the spellings of a character in lower case without tones, longest first; empty where it has none.

    A ``ü`` is spelt ``v``, ``u``, ``yu`` and ``ü``; ``üe`` also ``ue``.
    """
    found = {reading for reading in _dictionary_readings(character) if reading.isalpha()}
    found |= set(_SURNAME_READINGS.get(character, ()))
    spelt = {form for reading in found for form in _spellings(reading)}
    return tuple(sorted(spelt, key=lambda form: (-len(form), form)))


def _spellings(reading: str) -> tuple[str, ...]:
    if "v" not in reading:
        return (reading,)
    return tuple(reading.replace("v", letter) for letter in ("v", "u", "yu", "ü"))


def _dictionary_readings(character: str) -> list[str]:
    found: list[list[str]] = _pinyin()(character, heteronym=True, style=0, errors="ignore")
    return found[0] if found else []


@cache
def _pinyin():  # type: ignore[no-untyped-def]  # the overloads of the package say less than we ask of it
    """Import the dictionary without its phrases, which cost 45 MB and a quarter of a second."""
    before = os.environ.get(_NO_PHRASES)
    os.environ[_NO_PHRASES] = "1"
    try:
        from pypinyin import pinyin
    finally:
        if before is None:
            del os.environ[_NO_PHRASES]
        else:
            os.environ[_NO_PHRASES] = before
    return pinyin
