"""What is wrong in a form and how that is told: place, what, what is allowed, in both languages, all of a file at once.

Owns the message of a form's error. It must not know a form, and it never shows a value: places are keys of the form, and a
key that the form does not know is shown only where it looks like a key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from extractor.errors import FormError

Place: TypeAlias = "tuple[str | int, ...]"

_KEY_LIKE = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_MOST = 50


@dataclass(frozen=True)
class Fault:
    """One fault at a place of a form; ``allowed`` lists what may stand there."""

    place: Place
    en: str
    zh: str
    allowed: tuple[str, ...] = ()
    fix_en: str = ""
    fix_zh: str = ""

    def text(self, language: str) -> str:
        """Return ``key.path: what is wrong; allowed: …``."""
        zh = language == "zh"
        what, fix = (self.zh, self.fix_zh) if zh else (self.en, self.fix_en)
        listed = f"{';可用:' if zh else '; allowed: '}{', '.join(self.allowed)}" if self.allowed else ""
        return f"{key_path(self.place)}{what}{listed}{(';' if zh else '; ') + fix if fix else ''}"


def key_path(place: Place) -> str:
    """Return the place as ``a.b[0].c: ``, or nothing for the whole file."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{_shown(part)}"
    return f"{path.lstrip('.')}: " if path else ""


def _shown(key: str) -> str:
    """Return a key as a message may show it: on one line, and not longer than a name is."""
    printable = "".join(sign if sign.isprintable() else "?" for sign in key)
    return printable if len(printable) <= 60 else printable[:60] + "…"


def form_error(name: str, faults: Sequence[tuple[int, Fault]]) -> FormError:
    """Make one error of all faults of a file, given as (line, fault), in the order of their lines."""
    ordered = sorted(dict.fromkeys(faults), key=lambda pair: pair[0])
    if len(ordered) == 1:
        line, fault = ordered[0]
        return FormError(fault.text("en"), zh=fault.text("zh"), thing=f"{name}:{line}")
    shown, left = ordered[:_MOST], len(ordered) - _MOST
    listing = {
        language: "\n".join(f"{name}:{line}: {fault.text(language)}" for line, fault in shown)
        for language in ("en", "zh")
    }
    more = (f"\nand {left} more", f"\n另有 {left} 处") if left > 0 else ("", "")
    return FormError(
        f"{len(ordered)} faults\n{listing['en']}{more[0]}",
        zh=f"共 {len(ordered)} 处错误\n{listing['zh']}{more[1]}",
        thing=name,
    )


def unknown_key(place: Place, key: str, known: Iterable[str]) -> Fault:
    """Say that a key is unknown, with the nearest known one; a key that may be a value of a person is not shown."""
    known = tuple(known)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    shown = bool(near) or _KEY_LIKE.fullmatch(key) is not None
    where = (*place, key) if shown else place
    meant = (f"did you mean {near[0]!r}?", f"是否应为 {near[0]!r}?") if near else ("", "")
    return Fault(where, "unknown key", "未知的键", known, *meant)
