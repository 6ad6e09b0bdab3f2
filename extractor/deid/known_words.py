"""Words around the values that a patient's columns tell: forms of address, announcements, what stands for nothing.

Owns the reading of ``facts/text_known_words.txt``. It must not know how they are weighed.
"""

from __future__ import annotations

from functools import cache

from extractor.deid.text_facts import sections


@cache
def known_words(section: str) -> tuple[str, ...]:
    """Return the words of one section, longest first, so that an expression made of them prefers the longer."""
    words = sections("text_known_words.txt")[section].split()
    return tuple(sorted(dict.fromkeys(words), key=lambda word: (-len(word), word)))
