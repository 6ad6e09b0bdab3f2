"""Keyed pseudonyms and day offsets, computed for whole columns.

Owns the keys of a project and the AES-256-CMAC (RFC 4493, NIST SP 800-38B) of a column: one AES-ECB call for each block
step over all rows of a chunk, because a call for each row is twenty times slower. It must not know kinds or levels, nor
where the root key is kept. No key may show in any representation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extractor.deid.identity_text import canonical_and_joined, fixed_width
from extractor.errors import ConfigurationError

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Lengths = npt.NDArray[np.integer[Any]]

PSEUDONYM_LENGTH = 20
_BLOCK = 16
_CHUNK = 32_768
_ROOT_BYTES = 32
# Sixteen consonants, four bits each: no digit can make a phone or resident number, no vowel a word or a pinyin name.
_LETTERS = np.frombuffer(b"bcdfghjkmnpqrtvz", dtype=np.uint8)
_PAIRS = np.stack([np.repeat(_LETTERS, 16), np.tile(_LETTERS, 16)], axis=1).view(np.uint16)[:, 0]
# Two bytes of a tag to four letters in one look-up; the first byte of the pair is the low one on every machine we run on.
_QUADS = np.stack([np.tile(_PAIRS, 256), np.repeat(_PAIRS, 256)], axis=1).view(np.uint32)[:, 0]


@dataclass(frozen=True)
class ProjectKeys:
    """The three secrets of one project, 32 bytes each: pseudonyms, day offsets, surrogates in text."""

    pseudonyms: bytes = field(repr=False)
    date_shift: bytes = field(repr=False)
    text_surrogates: bytes = field(repr=False)

    @classmethod
    def derive(cls, root: bytes, project: str) -> ProjectKeys:
        """Derive a project's keys from the root key by HKDF-SHA256 (RFC 5869), one labelled key for each purpose.

        Raises:
            ConfigurationError: the root has fewer than 32 bytes, or the project has no name.
        """
        if len(root) < _ROOT_BYTES or not project:
            raise ConfigurationError(
                "project keys need a root key of at least 32 bytes and a project name",
                zh="派生项目密钥需要至少 32 字节的根密钥和项目名称",
                thing="project keys",
                fix_en="create a root key with `extractor init`",
                fix_zh="请用 `extractor init` 生成根密钥",
            )
        purposes = ("pseudonyms", "date-shift", "text-surrogates")
        return cls(*(_derive(root, f"{purpose}\0{project}") for purpose in purposes))


def _derive(key: bytes, label: str) -> bytes:
    info = b"extractor/deid/v1\0" + label.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def pseudonyms(values: pl.Series, key: bytes, *, domain: str, kind: str = "") -> pl.Series:
    """Return a keyed pseudonym for each identifier: String, 20 lower-case consonants, same length and name as ``values``.

    Each holds 80 bits of an AES-256-CMAC, so that the chance of any collision among 10^9 persons is below
    (10^9)^2 / 2^81 = 4.2e-7. The key of each domain is derived by HKDF, so that equal identifiers of two domains, and of two
    projects, cannot be matched. Values are first brought to the canonical text of ``extractor.deid.identity_text``; null and
    blank values stay null.

    Raises:
        ConfigurationError: the column's type has no text.
    """
    written = np.empty((len(values), PSEUDONYM_LENGTH // 4), dtype=np.uint32)
    start, absent = 0, []
    for text, tags in _tagged(values, _derive(key, f"domain\0{domain}"), kind):
        rows = written[start : start + len(text)]
        _QUADS.take(tags.view("<u2")[:, : PSEUDONYM_LENGTH // 4], mode="clip", out=rows)
        if text.null_count():
            absent.append(text.is_null().arg_true() + start)
        start += len(text)
    spelled = fixed_width(written.view(np.uint8)).alias(values.name)
    return spelled.scatter(pl.concat(absent), None) if absent else spelled


def day_offsets(persons: pl.Series, key: bytes, *, maximum_days: int = 182) -> pl.Series:
    """Return each person's day offset: Int32 in ±``maximum_days``, never 0, null where the person is null or blank.

    64 bits of a CMAC are reduced modulo ``2 * maximum_days``; the bias is below 2^-54.

    Raises:
        ConfigurationError: the column's type has no text, or ``maximum_days`` is below 1.
    """
    if maximum_days < 1:
        raise ConfigurationError(
            "dates cannot be shifted by less than a day",
            zh="日期偏移量不能小于一天",
            thing="maximum_days",
            fix_en="set it to 1 or more",
            fix_zh="请设为 1 或以上",
        )
    columns = [_offsets(tags, text, maximum_days) for text, tags in _tagged(persons, _derive(key, "day-offset"), "")]
    return pl.concat(columns).alias(persons.name)


def _offsets(tags: Bytes, text: pl.Series, maximum_days: int) -> pl.Series:
    drawn = np.ascontiguousarray(tags[:, :8]).view(">u8").reshape(-1) % np.uint64(2 * maximum_days)
    signed = drawn.astype(np.int32) - maximum_days
    signed[signed >= 0] += 1
    offsets = pl.Series(signed, dtype=pl.Int32)
    return offsets.set(text.is_null(), None) if text.null_count() else offsets


def _tagged(values: pl.Series, key: bytes, kind: str) -> Iterator[tuple[pl.Series, Bytes]]:
    """Yield the canonical text and the tags of one chunk of the column after the other; once for an empty column."""
    cmac = _Cmac(key)
    for start in range(0, max(1, len(values)), _CHUNK):
        text, joined = canonical_and_joined(values.slice(start, _CHUNK), kind=kind)
        yield text, cmac.tags(joined, _lengths(text))


def _lengths(text: pl.Series) -> Lengths:
    sizes = text.str.len_bytes()
    return (sizes.fill_null(0) if sizes.null_count() else sizes).to_numpy()


def cmac_column(messages: pl.Series, key: bytes) -> Bytes:
    """Return the AES-CMAC (RFC 4493) of each message as an array of shape (rows, 16).

    ``messages`` is Binary without nulls; ``key`` has 16, 24 or 32 bytes. This is the door for test vectors.
    """
    cmac = _Cmac(key)
    chunks = [messages.slice(start, _CHUNK) for start in range(0, max(1, len(messages)), _CHUNK)]
    tags = [cmac.tags(b"".join(chunk), chunk.bin.size().to_numpy().astype(np.int64)) for chunk in chunks]
    return np.concatenate(tags)


class _Cmac:
    """AES-CMAC with one key over many messages at a time; not for two threads at once."""

    def __init__(self, key: bytes) -> None:
        # CMAC is built from the bare cipher, block by block.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self._subkeys = _subkeys(self._encryptor)

    def tags(self, joined: bytes, lengths: Lengths) -> Bytes:
        """Return the tags of messages that lie one after the other in ``joined``: shape (rows, 16).

        Messages of equal numbers of blocks go together, so that one long value does not widen all rows.
        """
        if not len(lengths):
            return np.empty((0, _BLOCK), dtype=np.uint8)
        content = np.frombuffer(joined, dtype=np.uint8)
        shortest, longest = int(lengths.min()), int(lengths.max())
        if shortest == longest:
            return self._equal_lengths(content.reshape(len(lengths), longest))
        lengths = lengths.astype(np.int64)
        blocks = np.maximum(1, -(-lengths // _BLOCK))
        if blocks.min() == blocks.max():
            return self._equal_blocks(content, lengths, int(blocks[0]))
        tags = np.empty((len(lengths), _BLOCK), dtype=np.uint8)
        row_of_byte = np.repeat(blocks, lengths)
        for count in np.unique(blocks):
            rows = blocks == count
            tags[rows] = self._equal_blocks(content[row_of_byte == count], lengths[rows], int(count))
        return tags

    def _equal_lengths(self, messages: Bytes) -> Bytes:
        """Return the tags of messages of one length: the usual column, without a padded copy of the whole."""
        rows, length = messages.shape
        before = max(0, length - 1) // _BLOCK * _BLOCK
        last = np.zeros((rows, _BLOCK), dtype=np.uint8)
        last[:, : length - before] = messages[:, before:]
        last[:, length - before : length - before + 1] = 0x80
        words = last.view(np.uint64)
        words ^= self._subkeys[length != before + _BLOCK].view(np.uint64)
        blocks = [np.ascontiguousarray(messages[:, at : at + _BLOCK]) for at in range(0, before, _BLOCK)]
        return self._chained([*(block.view(np.uint64) for block in blocks), words])

    def _equal_blocks(self, content: Bytes, lengths: Lengths, count: int) -> Bytes:
        """Return the tags of messages of different lengths in one number of blocks."""
        words = _padded(content, lengths, count * _BLOCK).view(np.uint64)
        complete = lengths == count * _BLOCK
        whole, part = (subkey.view(np.uint64) for subkey in self._subkeys)
        for half in (0, 1):
            words[:, half - 2] ^= np.where(complete, whole[half], part[half]) if complete.any() else part[half]
        return self._chained([words[:, 2 * step : 2 * step + 2] for step in range(count)])

    def _chained(self, blocks: Sequence[Words]) -> Bytes:
        """Encrypt block after block, each mixed with the last result: words of 64 bits, since CMAC asks for no order."""
        state = np.ascontiguousarray(blocks[0])
        # The cipher asks for room for one block more, less a byte.
        room = np.empty(state.nbytes + _BLOCK - 1, dtype=np.uint8)
        encrypted = room[: state.nbytes].view(np.uint64).reshape(-1, 2)
        self._encryptor.update_into(state.data.cast("B"), room.data)
        for block in blocks[1:]:
            state = encrypted ^ block
            self._encryptor.update_into(state.data.cast("B"), room.data)
        return encrypted.view(np.uint8)


def _padded(content: Bytes, lengths: Lengths, width: int) -> Bytes:
    """Return the rows as an array of shape (rows, width), an incomplete last block ended by 0x80 and zeros."""
    padded = np.zeros((len(lengths), width), dtype=np.uint8)
    padded[np.arange(width) < lengths[:, None]] = content
    short = np.flatnonzero(lengths < width)
    padded[short, lengths[short]] = 0x80
    return padded


def _subkeys(encryptor: CipherContext) -> tuple[Bytes, Bytes]:
    """Return K1 and K2 of RFC 4493, section 2.3."""
    first = _doubled(encryptor.update(bytes(_BLOCK)))
    second = _doubled(first)
    return np.frombuffer(first, dtype=np.uint8), np.frombuffer(second, dtype=np.uint8)


def _doubled(block: bytes) -> bytes:
    number = int.from_bytes(block) << 1
    reduced = number ^ 0x87 if number >> 128 else number
    return (reduced & (2**128 - 1)).to_bytes(_BLOCK)
