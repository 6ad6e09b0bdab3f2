"""Where words of a document stand in that document.

Owns a search whose cost is linear in the text however many words there are: a document of many names is no worse than many
documents of one. It must not know what the words are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ahocorasick_rs import AhoCorasick

from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline

# For fewer words a search for each is faster than a machine for all.
_FEW = 16


def occurrences(
    buffer: Buffer, words: Mapping[int, Collection[str]], deadline: Deadline
) -> Iterator[tuple[int, int, int]]:
    """Yield document, start and end of each place in the view where one of the document's words stands.

    Args:
        buffer: the documents.
        words: what to look for in each document, by its number; no word is empty.
        deadline: when to give up.

    Raises:
        TimeoutError: the deadline passed.
    """
    for doc, wanted in words.items():
        deadline.left()
        low, high = int(buffer.starts[doc]), int(buffer.ends[doc])
        found = _each(buffer.view, wanted, low, high) if len(wanted) <= _FEW else _all(buffer.view, wanted, low, high)
        for start, end in found:
            yield doc, start, end


def _each(view: str, words: Collection[str], low: int, high: int) -> Iterator[tuple[int, int]]:
    for word in words:
        at = view.find(word, low, high)
        while at >= 0:
            yield at, at + len(word)
            at = view.find(word, at + len(word), high)


def _all(view: str, words: Collection[str], low: int, high: int) -> Iterator[tuple[int, int]]:
    machine = AhoCorasick(words, store_patterns=False)
    for _, start, end in machine.find_matches_as_indexes(view[low:high], overlapping=True):
        yield low + start, low + end
