"""Which parts of a text can hold a form at all: a coarse search before the exact one.

Owns a superset of each form, without what stands around it, in the dialect of the linear-time engine that polars brings. One pass
of it over a text decides for many forms at once, five to thirty times faster than the exact search of each; in clinical text
nearly nothing is left for that. It must not decide that something is found: what passes is searched exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import regex  # type: ignore[import-untyped]  # the package ships no types

from extractor.deid.text_buffer import SEPARATOR, Buffer, Excerpt

# More forms in one pass are slower: the engine's machine of states no longer fits its cache.
_TOGETHER = 24
_TOKEN = regex.compile(
    r"(?P<escape>\\(?:[pP]\{\w+\}|x[0-9a-fA-F]{2}|.))|(?P<set>\[\^?(?:\\.|[^\]\\])++\])|(?P<around>\(\?<?[=!])"
    r"|\(\?P<(?P<named>\w+)>|\(\?P=(?P<again>\w+)\)|(?P<plain>\(\?:)|(?P<strange>\(\?)"
    r"|(?P<repeat>(?:[*+?]|\{[0-9]*,?[0-9]*\}))[+?]?|(?P<edge>[\^$])|.",
    regex.DOTALL,
)
# The separators of records and fields are spaces to the exact engine only.
_SPACE = r"[\s\x1c-\x1f]"
_KNOWN_ESCAPE = regex.compile(r"\\(?:[pPsSdDnrtx]|[^0-9A-Za-z])")


class Sieve:
    """Some forms, of which at least one must be possible where something passes."""

    def __init__(self, expressions: Sequence[str]) -> None:
        """Prepare the forms.

        Raises:
            ValueError: a form uses what has no superset here (word boundaries, references, flags).
        """
        coarse = [f"(?:{superset(expression)})" for expression in expressions]
        self._unions = ["|".join(coarse[at : at + _TOGETHER]) for at in range(0, len(coarse), _TOGETHER)]

    def kept(self, buffer: Buffer) -> Excerpt:
        """Return the stretches between separators, whole, in which one of the forms can occur."""
        stretches = pl.Series(buffer.view.split(SEPARATOR), dtype=pl.String)
        possible = np.zeros(len(stretches), dtype=bool)
        for union in self._unions:
            left = np.flatnonzero(~possible)
            possible[left] = stretches.gather(left).str.contains(union).to_numpy()
        edges = np.flatnonzero(buffer.codes == ord(SEPARATOR))
        low, high = np.concatenate(([0], edges + 1)), np.append(edges, len(buffer.view))
        possible &= low < high
        return buffer.cut(low[possible], high[possible])

    def narrowed(self, excerpt: Excerpt) -> Excerpt:
        """Return what passes of an excerpt, as an excerpt of the same view."""
        kept = self.kept(excerpt.buffer)
        return Excerpt(kept.buffer, excerpt.positions[kept.positions])


def superset(expression: str) -> str:
    """Return an expression of the linear-time engine that matches wherever the given one does, and maybe elsewhere.

    What is asked of the surroundings is left out, possessive and lazy repeats become plain ones, a reference to a group may be
    anything that the group may be.

    Raises:
        ValueError: the expression uses what has no superset here (word boundaries, numbered references, flags).
    """
    written: list[str] = []
    named: dict[str, str] = {}
    opened: list[tuple[str | None, int]] = []
    around = 0
    for token in _TOKEN.finditer(expression):
        kind, text = token.lastgroup, token[0]
        if around or kind == "around":
            around += (text.startswith("(") and kind != "again") - (text == ")" and kind is None)
            continue
        if kind in ("named", "plain") or text == "(":
            opened.append((token["named"], len(written)))
            written.append("(?:")
            continue
        written.append(f"(?:{named[token['again']]})" if kind == "again" else _coarse(kind, token))
        if text == ")" and kind is None:
            name, begin = opened.pop()
            if name:
                named[name] = "".join(written[begin:])
    return "".join(written)


def _coarse(kind: str | None, token: regex.Match[str]) -> str:
    text: str = token[0]
    match kind:
        case "strange":
            raise _no_superset()
        case "repeat":
            return str(token["repeat"])
        case "edge":
            return ""
        case "escape":
            if not _KNOWN_ESCAPE.match(text):
                raise _no_superset()
            return _SPACE if text == r"\s" else text
        case "set":
            return _coarse_set(text)
        case _:
            return text


def _coarse_set(text: str) -> str:
    """Return a set of characters in the other dialect, where a bracket, two ``&`` or two ``-`` in a set are operators."""
    negated = text.startswith("[^")
    if "--" in text or (negated and regex.search(r"\\[SDP]", text)) or regex.search(r"\\[bBwW]", text):
        raise _no_superset()
    inside = regex.sub(
        r"\\.|[\[&~]", lambda found: found[0] if len(found[0]) > 1 else "\\" + found[0], text[2 if negated else 1 : -1]
    )
    if negated:
        return f"[^{inside}]"
    return f"[{inside}]".replace(r"\s", r"\s\x1c-\x1f")


def _no_superset() -> ValueError:
    return ValueError("the form has no superset in the linear-time engine")
