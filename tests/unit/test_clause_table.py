"""The table of clauses is that of the rows, rules and tests as they stand, and each kind of gap between them is seen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from extractor.policy import Policy
from extractor.policy_rules import Offence, Outside, Residency, Rule
from extractor.policy_words import Status
from tools.clause_table import (
    LAST_ARTICLE,
    ROOT,
    Clauses,
    ClauseTest,
    Row,
    articles_in,
    faults_of,
    page_of,
    read_clauses,
    read_rows,
    read_tests,
)

TEXTS = ROOT.parent / "shared" / "regulations"

# --- a small sound example -------------------------------------------------------------------------------------------

STAYS = Residency(Rule("art_2_stays", "甲发〔2026〕1号 第二条", "不得出境。"), ("CN",))
SMALL = Policy(
    "here", "此地办法", "甲发〔2026〕1号", "某机关", Status.IN_FORCE, date(2026, 1, 1), "350100",
    residency=(STAYS,),
    offences=(Offence("第四条（一）", "违规", ()),),
    outside=(Outside("第一条、第三条", "目的与定义。"),),
)  # fmt: skip
ROWS = (
    Row("here", "第一条", "", "目的", "outside", ()),
    Row("here", "第二条", "", "不出境", "gate", (("here", "art_2_stays"),)),
    Row("here", "第三条", "", "定义", "outside", ()),
    Row("here", "第四条", "（一）", "列明的违法行为", "record", (("here", "第四条（一）"),)),
)
TEST = ClauseTest("test_here.py", "test_here_2_nothing_leaves", (("here", "art_2_stays"),))
SOUND = Clauses(ROWS, (SMALL,), (TEST,))


def _faults(clauses: Clauses) -> tuple[str, ...]:
    return faults_of(clauses, {"here": 4})


def test_the_sound_example_has_no_fault_and_its_page_shows_clause_rules_tests_and_reasons() -> None:
    assert _faults(SOUND) == ()
    page = page_of(SOUND)
    assert "| 第二条 |  | 不出境 | gate | `art_2_stays` | `test_here_2_nothing_leaves` |" in page
    assert "| 第三条 |  | 定义 | outside | 目的与定义。 | nothing to show: outside |" in page
    assert "## 此地办法 甲发〔2026〕1号" in page


# --- each gap is seen ------------------------------------------------------------------------------------------------

OTHER = Residency(Rule("art_3_other", "甲发〔2026〕1号 第三条", "另一条。"), ("CN",))
THIRD = ClauseTest("test_here.py", "test_here_3_another", (("here", "art_3_other"),))
GAPS = {
    "a row without rule or outside": (replace(SOUND, rows=(*ROWS, Row("here", "第二条", "第二款", "又", "gate", ()))),
        "here 第二条 第二款: the row has no rule and is not outside"),
    "an outside row with a rule": (replace(SOUND, rows=(*ROWS[:1], replace(ROWS[1], reads="outside"), *ROWS[2:])),
        "here 第二条: the row is outside and has a rule"),
    "an outside row without a reason": (replace(SOUND, policies=(replace(SMALL, outside=(Outside("第三条", "定义。"),)),)),
        "here 第一条: the policy does not say why 第一条 is outside"),
    "a row of a rule that does not exist": (replace(SOUND, rows=(*ROWS, replace(ROWS[1], rules=(("here", "art_9"),)))),
        "here 第二条: there is no rule here.art_9"),
    "a row of a rule of another article": (replace(SOUND, rows=(*ROWS, replace(ROWS[3], rules=(("here", "art_2_stays"),)))),
        "here 第四条 （一）: the rule here.art_2_stays cites another article (甲发〔2026〕1号 第二条)"),
    "a row of a regime without a policy": (replace(SOUND, rows=(*ROWS, Row("there", "第一条", "", "", "outside", ()))),
        "there 第一条: there is no policy there"),
    "a row without an article": (replace(SOUND, rows=(*ROWS, replace(ROWS[1], article="附则"))),
        "here 附则: the row names no article"),
    "a rule without a row": (replace(SOUND, policies=(replace(SMALL, residency=(STAYS, OTHER)),), tests=(TEST, THIRD)),
        "here.art_3_other: the rule stands in no row"),
    "a rule without a test": (replace(SOUND, tests=()),
        "here.art_2_stays: no test shows the rule"),
    "a mark without a rule": (replace(SOUND, tests=(replace(TEST, marks=(*TEST.marks, ("here", "art_7"))),)),
        "test_here.py:test_here_2_nothing_leaves: the mark names no rule: here.art_7"),
    "a test without a mark": (replace(SOUND, tests=(TEST, replace(TEST, marks=()))),
        "test_here.py:test_here_2_nothing_leaves: the test names no rule"),
    "a name of another article": (replace(SOUND, tests=(replace(TEST, name="test_here_3_nothing_leaves"),)),
        "test_here.py:test_here_3_nothing_leaves: the name must begin with test_here_2_"),
    "an article without a row": (replace(SOUND, rows=(*ROWS[:2], ROWS[3])),
        "here 第三条: the article stands in no row"),
    "an article beyond the last": (
        replace(
            SOUND,
            rows=(*ROWS, replace(ROWS[0], article="第三条至第五条")),
            policies=(replace(SMALL, outside=(*SMALL.outside, Outside("第四条、第五条", "附则。"))),),
        ),
        "here 第五条: the regulation has no such article"),
}  # fmt: skip


@pytest.mark.parametrize("gap", GAPS)
def test_each_gap_is_seen_and_nothing_else_is(gap: str) -> None:
    clauses, fault = GAPS[gap]
    assert _faults(clauses) == (fault,)


def test_an_offence_and_a_rule_of_the_baseline_need_neither_row_nor_test() -> None:
    base = replace(SMALL, regime="baseline", residency=(OTHER,), offences=())
    silent = replace(SMALL, offences=(*SMALL.offences, Offence("第四条（二）", "其他", ())))
    assert _faults(replace(SOUND, policies=(base, silent))) == ()


# --- how rows and marks are read -------------------------------------------------------------------------------------


def test_articles_are_read_as_ranges_lists_and_numbers() -> None:
    assert articles_in("第一条至第三条、第十二条") == {1, 2, 3, 12}
    assert articles_in("榕政综〔2017〕122号 第二十条第一款") == {20}
    assert articles_in("4–8, 10") == articles_in("4-8|10") == {4, 5, 6, 7, 8, 10}
    assert articles_in("附则") == frozenset()


def test_rows_name_rules_of_their_regime_or_of_the_baseline(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "regime,article,clause,asks,reads,rules\nhere,第二条,,不出境,gate|record,art_2_stays|baseline.not_abroad\n",
        "utf-8",
    )
    assert read_rows(path)[0].rules == (("here", "art_2_stays"), ("baseline", "not_abroad"))
    path.write_text("regime,article,rules\nhere,第二条,\n", "utf-8")
    with pytest.raises(ValueError, match="columns"):
        read_rows(path)


def test_marks_are_read_without_running_anything_also_those_of_single_cases(tmp_path: Path) -> None:
    path = tmp_path / "test_here.py"
    path.write_text(
        textwrap.dedent("""
            raise SystemExit("never run")
            @pytest.mark.clause("here", "a")
            @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.clause("here", "b")), 2])
            def test_here_1_shows(x): ...
            def test_here_2_shows_nothing(): ...
            def no_test(): ...
        """),
        "utf-8",
    )
    shown, silent = read_tests(tmp_path)
    assert (shown.name, sorted(shown.marks)) == ("test_here_1_shows", [("here", "a"), ("here", "b")])
    assert silent.marks == ()
    path.write_text('@pytest.mark.clause("here", RULE)\ndef test_here_1_shows(): ...\n', "utf-8")
    with pytest.raises(ValueError, match="both written out"):
        read_tests(tmp_path)


# --- the project itself ----------------------------------------------------------------------------------------------


def test_every_clause_has_its_rules_and_every_rule_its_row_and_its_tests() -> None:
    assert faults_of(read_clauses()) == ()


def test_the_page_in_docs_is_the_one_that_is_made_now() -> None:
    assert (ROOT / "docs" / "clauses.md").read_text("utf-8") == page_of(read_clauses()), "python -m tools.clause_table"


@pytest.mark.skipif(not TEXTS.is_dir(), reason="the texts of the regulations are not part of this repository")
@pytest.mark.parametrize("regime", LAST_ARTICLE)
def test_the_last_article_is_that_of_the_text(regime: str) -> None:
    lines = (TEXTS / f"{regime}.txt").read_text("utf-8").splitlines()
    begins = [line.strip().lstrip("*#\u3000 ") for line in lines]
    found = {number for line in begins if line.startswith("第") for number in articles_in(line[: line.find("条") + 1])}
    assert max(found) == LAST_ARTICLE[regime]


# --- mutants ---------------------------------------------------------------------------------------------------------

WEAK = """
import time
import pytest
from building import policies, refused, request

ABROAD = request(safeguards={"abroad": True})
EARLY = policies("fuzhou")

@pytest.mark.clause("fuzhou", "art_25_abroad")
def test_sharp():
    assert "fuzhou.art_25_abroad" in refused("fuzhou", ABROAD)

@pytest.mark.clause("fuzhou", "art_25_abroad")
def test_blunt():
    assert refused("fuzhou", ABROAD)

@pytest.mark.clause("fuzhou", "art_31_report")
def test_made_at_import():
    assert EARLY.reports()

@pytest.mark.clause("fuzhou", "art_31_report")
def test_breaks():
    assert policies("fuzhou").reports()[0].every_days == 365

@pytest.mark.clause("fuzhou", "第三十二条（四）")
def test_offence():
    numbers = [offence.number for offence in policies("fuzhou").local_policy.offences]
    assert "第三十二条（四）" in numbers

@pytest.mark.clause("baseline", "not_abroad")
def test_baseline():
    assert "baseline.not_abroad" in refused("fuzhou", ABROAD)

@pytest.mark.clause("fuzhou", "art_99")
def test_no_such_rule(): ...

@pytest.mark.clause("fuzhou", "art_31_report")
def test_false_as_it_is():
    assert not policies("fuzhou").reports()

@pytest.mark.clause("fuzhou", "art_31_report")
def test_slow():
    time.sleep(0.6)
    assert policies("fuzhou").reports()
"""


def test_mutants_that_survive_break_or_are_slow_are_told_apart_by_name(tmp_path: Path) -> None:
    weak = tmp_path / "test_weak.py"
    weak.write_text(WEAK, "utf-8")
    options = ["--slow", "0.5", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(weak)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.mutate_policy", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("SURVIVED", "BROKEN", "FAILS", "TOO"))]
    found = {(line.split()[0], line.split("::")[1].split()[0].rstrip(":")) for line in said}
    assert found == {
        ("SURVIVED", "test_blunt"), ("SURVIVED", "test_made_at_import"), ("BROKEN", "test_breaks"),
        ("BROKEN", "test_no_such_rule"), ("FAILS", "test_false_as_it_is"), ("TOO", "test_slow"),
    }  # fmt: skip
    assert "8 pairs, 4 killed, 2 survived, 2 broken, 1 tests fail as they are, 1 over 0.5 s" in done.stdout
    assert done.returncode == 1
