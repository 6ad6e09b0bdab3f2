"""Proof that an entry stands in the log, as one text that is verified without the database.

Owns the form of C2SP ``tlog-proof`` and its verification. It must not know where the log is kept. The entry's leaf content
travels in the ``extra`` line; it is trusted only after its hash was led to the signed root.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from extractor.errors import IntegrityError
from extractor.log.checkpoint import Verifier, open_checkpoint
from extractor.log.entries import LogEntry, read_leaf
from extractor.log.tree import leaf_hash, verify_inclusion

_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63


@dataclass(frozen=True)
class InclusionProof:
    """The content of a leaf, its place, the hashes from it up to the root (lowest first), and the signed checkpoint."""

    sequence: int
    content: bytes
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the proof as C2SP ``tlog-proof`` text."""
        lines = (
            _HEADER,
            f"extra {_encoded(self.content)}",
            f"index {self.sequence}",
            *map(_encoded, self.hashes),
        )
        return "\n".join(lines) + "\n\n" + self.note

    @classmethod
    def parse(cls, text: str) -> InclusionProof:
        """Read a proof with its entry.

        Raises:
            IntegrityError: the text is no such proof.
        """
        head, _, note = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) < 3 or lines[0] != _HEADER or len(lines) > 3 + _MAX_HASHES:
            raise _rejected("the text is no tlog-proof", "不是 tlog-proof 文本")
        extra, index = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
        plain = index.isascii() and index.isdecimal() and len(index) <= 19 and str(int(index)) == index
        if lines[1] == extra or lines[2] == index or not plain:
            raise _rejected("the proof names no entry", "证明未指明条目")
        return cls(int(index), _decoded(extra), tuple(map(_decoded, lines[3:])), note)


def verify_proof(proof: InclusionProof, verifier: Verifier) -> LogEntry:
    """Return the proven entry, with the commitments in place of persons.

    The steps: 1. the checkpoint is signed by the log; 2. the leaf's hash leads to its root; 3. the content is the entry of
    that sequence.

    Raises:
        IntegrityError: one of the steps fails.
    """
    checkpoint = open_checkpoint(proof.note, verifier)
    leaf = leaf_hash(proof.content)
    if not verify_inclusion(proof.sequence, checkpoint.size, leaf=leaf, proof=proof.hashes, root=checkpoint.root):
        raise _rejected("the entry is not in the log of this checkpoint", "该条目不在检查点所示的日志中")
    return read_leaf(proof.content, proof.sequence)


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        content = b""
    if not content or _encoded(content) != text:
        raise _rejected("a line of the proof is no base64", "证明中有非 base64 的行")
    return content


def _rejected(en: str, zh: str) -> IntegrityError:
    return IntegrityError(
        en,
        zh=zh,
        thing="log proof",
        fix_en="ask for the proof again: `extractor log prove ENTRY`",
        fix_zh="请重新取得证明:`extractor log prove ENTRY`",
    )
