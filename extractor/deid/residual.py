"""The residual scan: a second, independent look at everything that is about to leave.

Owns what is looked for in which column and what happens when it is found: the run stops, and the message names table, column,
check and number of cells. It must not know how the rows were de-identified, and shares no code with the recognisers.
Numbers of dates, times and truth values are not looked at; everything else is, or is refused as unscannable.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock

import numpy as np
import polars as pl

from extractor.deid.residual_known import RawIdentifiers
from extractor.deid.residual_values import SEVEN_DIGITS, Check, Digits, Mask, email_hits, integer_hits, number_hits
from extractor.errors import ResidualFound

Allowed = Mapping[str, frozenset[Check]]
_NOTHING_TO_READ = (pl.Null, pl.Boolean, pl.Date, pl.Datetime, pl.Time, pl.Duration)
_SHORTEST_TEXT = 6  # bytes; the shortest e-mail address
_BIG_NUMBER = 10**8
_SAMPLE = 2_000
_OWN_SHORTEST_WORD, _OWN_SHORTEST_NUMBER = 2, 5
# Digests and UUIDs of plan, package and files; a run of digits alone is never taken for one.
_DIGEST = re.compile(
    r"(?<![0-9A-Za-z])(?:(?=[0-9]*[a-f])[0-9a-f]{32,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z])"
)
# A shifted date written without marks can be another patient's number by accident, so such words are not compared with the
# whole run's numbers; the row's own numbers are looked for in its text all the same (``OWN_VALUE``).
_COMPACT_DATE = (
    r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){0,2})?$"
)
_TOKEN = re.compile(r"[^\s\"'<>,;:=()\[\]{}|,。;:、()]+")


class ResidualScan:
    """Looks at batches, footers and text members; holds no value but the canaries and fingerprints, and shows none."""

    def __init__(self, raw: RawIdentifiers, *, canaries: Sequence[str] = ()) -> None:
        """Take the run's raw identifiers and, in tests, strings that were planted in the source."""
        self._raw, self._canaries = raw, tuple(canaries)
        self._rows: Counter[str] = Counter()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"ResidualScan({self._raw!r}, {len(self._canaries)} canaries)"

    @property
    def rows(self) -> Mapping[str, int]:
        """Rows scanned so far for each table: to be compared with the rows written."""
        return dict(self._rows)

    def scan(self, batch: pl.DataFrame, table: str, allowed: Allowed, *, own_values: Sequence[str] = ()) -> None:
        """Look at a batch that is about to leave.

        Args:
            batch: rows as they would be written, and the columns of ``own_values``.
            table: name of the table, for the message.
            allowed: for each column the checks that the plan lets pass (a telephone number left raw with consent).
            own_values: columns with raw values of the row's own person (name, record number); they are not looked at
                themselves, but no text of their row may hold them.

        Raises:
            ResidualFound: something must not leave; names table.column, check and number of cells only.
        """
        hits: Counter[tuple[str, Check]] = Counter()
        leaving = [column for column in batch.iter_columns() if column.name not in own_values]
        for column in leaving:
            for check, count in self._column(column).items():
                hits[column.name, check] += count
        for own in own_values:
            for name, count in _own_value_hits(batch, own, leaving).items():
                hits[name, Check.OWN_VALUE] += count
        _refuse(table, {key: count for key, count in hits.items() if key[1] not in allowed.get(key[0], frozenset())})
        with self._lock:
            self._rows[table] += batch.height

    def as_node(
        self, frame: pl.LazyFrame, table: str, allowed: Allowed, *, own_values: Sequence[str] = ()
    ) -> pl.LazyFrame:
        """Put the scan into a lazy frame as its last step: what flows on is what was scanned, without ``own_values``.

        Raises:
            ResidualFound: when the frame is collected or written.
        """
        schema = {name: dtype for name, dtype in frame.collect_schema().items() if name not in own_values}

        def look(batch: pl.DataFrame) -> pl.DataFrame:
            self.scan(batch, table, allowed, own_values=own_values)
            return batch.select(*schema)

        return frame.map_batches(look, schema=pl.Schema(schema), streamable=True)

    def scan_text_member(
        self, name: str, text: str, *, allowed: frozenset[Check] = frozenset(), known_text: str = ""
    ) -> None:
        """Look at a text that goes into the package (dictionary, risk report, manifest), line by line and word by word.

        Args:
            name: name of the member, for the message.
            text: the whole text.
            allowed: checks that may hit (the data user's own credit code in a manifest).
            known_text: text that holds no row's values (template, labels of the catalogue); its words are not compared
                with raw identifiers, since some words are also names.

        Raises:
            ResidualFound: as ``scan``; the number is that of lines and words.
        """
        text = _DIGEST.sub(" ", text)
        lines = self._text(pl.Series("lines", text.splitlines(), dtype=pl.String))
        words = sorted(set(_TOKEN.findall(text)) - set(_TOKEN.findall(known_text)))
        lines[Check.RAW_IDENTIFIER] += int(self._raw.hits(pl.Series("words", words, dtype=pl.String)).sum())
        _refuse(name, {("", check): count for check, count in lines.items() if check not in allowed})

    def _column(self, column: pl.Series) -> Counter[Check]:
        dtype = column.dtype
        if dtype in _NOTHING_TO_READ:
            return Counter()
        if dtype.is_numeric():
            return self._numbers(column)
        if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
            return self._text(column)
        if isinstance(dtype, pl.List | pl.Array):
            return self._column(column.explode())
        if isinstance(dtype, pl.Struct):
            return sum((self._column(part) for part in column.struct.unnest().iter_columns()), Counter())
        return Counter({Check.UNSCANNABLE: len(column)})

    def _numbers(self, column: pl.Series) -> Counter[Check]:
        """Look at numbers of nine digits and more; those with a fraction are measures and not identifiers."""
        if column.dtype.is_integer() and column.dtype not in (pl.UInt64, pl.Int128, pl.UInt128):
            column = column.cast(pl.Int64)  # a narrow type has no room for the bounds either
        if not (column >= _BIG_NUMBER).any():
            return Counter()
        big = column.filter((column >= _BIG_NUMBER) & column.is_not_null())
        whole = big.cast(pl.Int64, strict=False).drop_nulls() if big.dtype.is_integer() else _whole(big)
        found = Counter(integer_hits(whole))
        found[Check.RAW_IDENTIFIER] = int(self._raw.hits(whole.cast(pl.String)).sum())
        # Whole numbers that do not fit into 64 bits are read as text.
        wider = big.dtype in (pl.UInt64, pl.Int128, pl.UInt128)
        wide = big.filter(big > np.iinfo(np.int64).max) if wider else big.clear()
        return found + self._text(wide.cast(pl.String)) if len(wide) else found

    def _text(self, column: pl.Series) -> Counter[Check]:
        text, weight = _distinct(column)
        found: Counter[Check] = Counter()

        def add(check: Check, mask: Mask, among: Digits) -> None:
            found[check] += int(among[mask].sum())

        add(Check.RAW_IDENTIFIER, self._raw.hits(text), weight)
        if self._canaries:
            add(Check.CANARY, text.str.contains_any(list(self._canaries)).fill_null(False).to_numpy(), weight)
        if not (text.str.len_bytes() >= _SHORTEST_TEXT).any():
            return found
        for check, mask, rows in self._patterns(text):
            add(check, mask, weight[rows])
        return found

    def _patterns(self, text: pl.Series) -> Iterator[tuple[Check, Mask, Digits]]:
        """Yield (check, hits among the rows looked at, those rows); only rows that can hold something are looked at."""
        mails = np.flatnonzero(text.str.contains("@", literal=True).fill_null(False).to_numpy())
        if len(mails):
            yield Check.EMAIL, email_hits(text.gather(mails)), mails
        numbered = np.flatnonzero(text.str.contains(SEVEN_DIGITS).fill_null(False).to_numpy())
        if not len(numbered):
            return
        cells = text.gather(numbered)
        for check, mask in number_hits(cells).items():
            yield check, mask, numbered
        yield Check.RAW_IDENTIFIER, self._words_hit(cells) & ~self._raw.hits(cells), numbered

    def _words_hit(self, cells: pl.Series) -> Mask:
        """Say for each cell whether a word of seven or more letters and digits in it is a raw identifier."""
        hits = np.zeros(len(cells), np.bool_)
        if len(self._raw):
            words = pl.DataFrame({"row": np.arange(len(cells)), "word": cells.str.extract_all(r"[A-Za-z0-9]{7,}")})
            words = words.explode("word").drop_nulls().filter(~pl.col("word").str.contains(_COMPACT_DATE))
            hits[words["row"].to_numpy()[self._raw.hits(words["word"])]] = True
        return hits


def _whole(numbers: pl.Series) -> pl.Series:
    return numbers.filter((numbers.cast(pl.Float64) % 1) == 0).cast(pl.Int64, strict=False).drop_nulls()


def _distinct(column: pl.Series) -> tuple[pl.Series, Digits]:
    """Return the texts to look at and how many cells each stands for; repeated texts are looked at once."""
    if column.dtype == pl.String and len(column) > _SAMPLE:
        sample = column.gather_every(len(column) // _SAMPLE)
        if sample.n_unique() > len(sample) // 2:
            return column, np.ones(len(column), np.int64)
    counted = column.value_counts(name="cells of the text")
    return counted[column.name].cast(pl.String), counted["cells of the text"].to_numpy().astype(np.int64)


def _own_value_hits(batch: pl.DataFrame, own: str, leaving: Iterable[pl.Series]) -> Mapping[str, int]:
    """Count, for each text column, the rows that hold the row's own value; values too short to mean anything are passed."""
    texts = [column.name for column in leaving if column.dtype == pl.String]
    if not texts:
        return {}
    value = pl.col(own).cast(pl.String).str.strip_chars()
    shortest = pl.when(value.str.contains(r"^[0-9.\-]*$")).then(_OWN_SHORTEST_NUMBER).otherwise(_OWN_SHORTEST_WORD)
    wanted = pl.when(value.str.len_chars() >= shortest).then(value)
    held = (
        batch.lazy()
        .select(*texts, wanted.alias("own value of the row"))
        .filter(pl.col("own value of the row").is_not_null())
    )
    own_value = pl.col("own value of the row")
    counts = held.select(pl.col(name).str.contains(own_value, literal=True).sum() for name in texts).collect()
    return {name: int(counts[name][0]) for name in texts}


def _refuse(table: str, hits: Mapping[tuple[str, Check], int]) -> None:
    real = {key: count for key, count in hits.items() if count}
    if not real:
        return
    listing = ", ".join(
        f"{table}{'.' if column else ''}{column} {check.value} ×{count}"
        for (column, check), count in sorted(real.items())
    )
    raise ResidualFound(
        f"the residual scan found what must not leave: {listing}",
        zh=f"残留扫描发现不得外发的内容:{listing}",
        thing=table,
        fix_en="nothing was delivered; choose a coarser level for the column, or correct its kind in the catalogue",
        fix_zh="未交付任何数据;请为该列选择更粗的等级,或更正目录中的类型",
    )
