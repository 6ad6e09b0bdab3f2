"""The site's dictionaries as they are read for a piece of work, and all that then searches a text.

Owns the way from the catalogue's dictionaries to terms: from the file beside the catalogue, checked against the digest that was
approved, or from the column of a table. It must not know how a term is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import polars as pl

from extractor.canonical import digest_bytes
from extractor.catalogue import Catalogue, Dictionary, TermKind
from extractor.deid.finders import Finders
from extractor.deid.foreign import load_recognisers
from extractor.deid.free_text import RECOGNISERS
from extractor.deid.site_terms import SiteTerms
from extractor.deid.term_file import is_term, parse_terms
from extractor.errors import ConfigurationError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.dictionary_form import read_terms
from extractor.sources.files import reading
from extractor.sources.tables import open_table

OpenColumn = Callable[[str, str], pl.LazyFrame]


def finders_of(
    dictionaries: Iterable[Dictionary] | None = None,
    *,
    folder: Path | None = None,
    open_column: OpenColumn | None = None,
) -> Finders:
    """Return our recognisers, those of others that are installed, and the site's dictionaries.

    Args:
        dictionaries: those of the plan or catalogue.
        folder: where the catalogue lies, for dictionaries in files.
        open_column: opens a column of a table of the catalogue, for dictionaries in tables.

    Raises:
        ConfigurationError: a recogniser of others does not load, or a file of terms is not the one that was approved.
        SourceError: a table of terms cannot be read.
    """
    terms: dict[TermKind, frozenset[str]] = {}
    for dictionary in dictionaries or ():
        found = _terms_of(dictionary, folder, open_column)
        terms[dictionary.kind] = terms.get(dictionary.kind, frozenset()) | found
    return Finders(SiteTerms(terms).recognisers(RECOGNISERS), load_recognisers())


def catalogue_finders(catalogue: Catalogue, *, folder: Path, data: Path | None) -> Finders:
    """Return what searches texts of a catalogue outside a run: ``folder`` is the catalogue's, ``data`` the source folder.

    Raises:
        ConfigurationError: as :func:`finders_of`, or a dictionary lies in a table and no source folder is given.
    """

    def open_column(name: str, column: str) -> pl.LazyFrame:
        table = catalogue.table(name)
        assert table is not None
        if data is None:
            raise ConfigurationError(
                "a dictionary of the catalogue lies in a table, and no source folder is given",
                zh="目录中的词典来自数据表,但没有给出数据目录",
                thing=name,
                fix_en="name the source folder with --data",
                fix_zh="请用 --data 指明数据目录",
            )
        return open_table(table, (column,), base=data)

    return finders_of(catalogue.dictionaries, folder=folder, open_column=open_column)


def _terms_of(dictionary: Dictionary, folder: Path | None, open_column: OpenColumn | None) -> frozenset[str]:
    if dictionary.table is not None and dictionary.column is not None:
        assert open_column is not None
        frame = open_column(dictionary.table, dictionary.column)
        with reading(dictionary.table):
            values = frame.select(pl.col(dictionary.column).cast(pl.String).unique()).collect().to_series().to_list()
        return frozenset(term for value in values if value and is_term(term := value.strip()))
    assert dictionary.file is not None and folder is not None
    try:
        content = read_terms(dictionary.file, folder)
    except OSError as failure:
        raise _bad_file(dictionary, f"cannot be read ({failure.strerror})", f"无法读取({failure.strerror})") from None
    if digest_bytes(content) != dictionary.digest:
        raise _bad_file(dictionary, "is not the one that was approved", "与已批准的内容不同")
    return frozenset(parse_terms(content).terms)


def _bad_file(dictionary: Dictionary, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"the file of terms {en}",
        zh=f"词表文件{zh}",
        thing=f"dictionaries.{dictionary.name}: {dictionary.file}",
        fix_en="put back the file that was approved, or submit the request again",
        fix_zh="请恢复已批准的词表文件,或重新提交申请",
    )


@cache
def finders_for(catalogue: Path | None = None, data: Path | None = None) -> Finders:
    """Return what searches texts outside a run, with the dictionaries of a catalogue file where one is named.

    Raises:
        ConfigurationError: as :func:`catalogue_finders`; the catalogue has faults.
    """
    if catalogue is None:
        return finders_of()
    return catalogue_finders(read_catalogue(catalogue), folder=catalogue.parent, data=data)
