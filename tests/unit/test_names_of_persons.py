"""A name that one note of a person tells is looked for in that person's other notes, and in nobody else's."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from test_release import BY_STAY, STAYS, planned, release

from extractor.deid.finders import Finders
from extractor.deid.free_text import Limits, Recogniser
from extractor.deid.names_of_persons import FoundAlready, NamesOfPersons, annotate_persons
from extractor.deid.spans import Rank, Span, SpanTable, SpanType
from extractor.deid.text_buffer import Buffer
from extractor.deid.text_clock import Deadline
from extractor.errors import RecogniserFailed


def announced(buffer: Buffer, deadline: Deadline) -> list[Span]:
    """Find a name of three characters after 家属: a recogniser that needs its cue."""
    at, spans = buffer.view.find("家属:"), []
    while at >= 0:
        spans.append(Span(at + 3, at + 6, SpanType.PERSON, 0.9, Rank.CONTEXT, "name"))
        at = buffer.view.find("家属:", at + 1)
    return spans


CUED = Finders(recognisers=(Recogniser("names", frozenset({SpanType.PERSON}), announced),))


def found(
    persons: list[str | None],
    *columns: list[str | None],
    memory: NamesOfPersons | None = None,
    limits: Limits | None = None,
) -> list[list[tuple[int, str]]]:
    series = [pl.Series(column, dtype=pl.String) for column in columns]
    tables = annotate_persons(
        series,
        pl.Series(persons, dtype=pl.String),
        memory=memory or NamesOfPersons(),
        search=CUED.annotate,
        limits=limits,
    )
    return [
        [(doc, (column[doc] or "")[span.start : span.end]) for doc, span in table.rows()]
        for column, table in zip(columns, tables, strict=True)
    ]


def test_a_name_of_one_note_is_found_in_the_persons_other_notes_before_and_after() -> None:
    notes = ["由赵晓梅陪同", "家属:赵晓梅签字", "赵晓梅代诉"]
    assert found(["p", "p", "p"], notes) == [[(0, "赵晓梅"), (1, "赵晓梅"), (2, "赵晓梅")]]


def test_it_is_not_looked_for_in_the_notes_of_others_nor_of_nobody() -> None:
    notes = ["家属:赵晓梅签字", "由赵晓梅陪同", "由赵晓梅陪同"]
    assert found(["p", "q", None], notes) == [[(0, "赵晓梅")]]


def test_it_is_found_in_the_other_columns_of_texts_as_well() -> None:
    assert found(["p"], ["由赵晓梅陪同"], ["家属:赵晓梅签字"]) == [[(0, "赵晓梅")], [(0, "赵晓梅")]]


def test_a_run_remembers_it_for_later_batches() -> None:
    memory = NamesOfPersons()
    found(["p"], ["家属:赵晓梅签字"], memory=memory)
    assert found(["q", "p"], ["由赵晓梅陪同", "由赵晓梅陪同"], memory=memory) == [[(1, "赵晓梅")]]


def test_the_memory_is_bounded_in_persons_and_in_names_of_each() -> None:
    memory = NamesOfPersons(persons=2, each=1)
    found(["a", "b", "c", "c"], ["家属:赵晓梅", "家属:赵晓梅", "家属:赵晓梅", "家属:钱学林"], memory=memory)
    assert memory.told(["a", "b", "c", None]) == [None, "赵晓梅", "赵晓梅", None]


def test_the_memory_shows_no_name() -> None:
    memory = NamesOfPersons()
    found(["p-17"], ["家属:赵晓梅"], memory=memory)
    assert repr(memory) == "NamesOfPersons(1 persons)"


@pytest.mark.parametrize("name", ["甲某某", "心电图", "ABC", "赵*梅"])
def test_what_is_not_plainly_a_name_is_not_carried_on(name: str) -> None:
    memory = NamesOfPersons()
    found(["p"], [f"家属:{name}"], memory=memory)
    assert memory.told(["p"]) == [None]


@pytest.mark.parametrize("text", ["白求恩氏征阳性", "白求恩试验"])
def test_an_eponym_is_no_mention_of_the_name(text: str) -> None:
    assert found(["p", "p"], ["家属:白求恩", text]) == [[(0, "白求恩")]]


def test_nulls_and_chunks_change_nothing() -> None:
    notes = [None, "", "家属:赵晓梅签字", "今日赵晓梅来院", None, "赵晓梅"]
    want = [[(2, "赵晓梅"), (3, "赵晓梅"), (5, "赵晓梅")]]
    assert found(["p"] * 6, notes) == want
    assert found(["p"] * 6, notes, limits=Limits(chunk_characters=3)) == want


def test_a_search_that_fails_stops_everything() -> None:
    def broken(buffer: Buffer, deadline: Deadline) -> list[Span]:
        raise KeyError

    finders = Finders(recognisers=(Recogniser("names", frozenset({SpanType.PERSON}), broken),))
    with pytest.raises(RecogniserFailed):
        annotate_persons([pl.Series(["a"])], pl.Series(["p"]), memory=NamesOfPersons(), search=finders.annotate)


def test_what_was_found_already_is_not_searched_again() -> None:
    table = SpanTable.build([0], [Span(0, 1, SpanType.PERSON)])
    assert FoundAlready(table=table).annotate(pl.Series(["abc"])) is table


def test_a_release_finds_a_name_in_the_other_notes_of_its_person_only(monkeypatch: pytest.MonkeyPatch) -> None:
    persons = [person for person, *_ in STAYS.values()]
    told, again = "患者家属:赵晓梅签字。", "白天赵晓梅未到。"
    monkeypatch.setitem(BY_STAY["notes"], "JLNR", [told, told, again, again])
    plan = planned("patients.BAH", "notes.JLNR")
    (table,) = [table for table in plan.tables if table.name == "notes"]
    given = replace(release(plan), finders=CUED).given(table).collect(engine="streaming")["JLNR"].to_list()
    assert persons[1] == persons[2] != persons[3]
    assert [text for text in given if "赵晓梅" in text] == [again]
    assert sum("〔人员 " in text for text in given) == len(given) - 1 > 1
