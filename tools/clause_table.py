"""The table of clauses: each row of the five regulations with its rules and the tests that show them, as docs/clauses.md.

Usage: ``python -m tools.clause_table [--check]``. Owns the reading of the rows, of the policy files and of the decorators of the
clause tests (from their syntax trees; no test is imported or run), the faults between the three, and the page. It must not know
what a rule does.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from extractor.article_numbers import chinese_number
from extractor.forms.policy_form import read_policy
from extractor.policy import Policy

ROOT = Path(__file__).resolve().parent.parent
BASELINE = "baseline"
COLUMNS = ("regime", "article", "clause", "asks", "reads", "rules")
OUTSIDE = "outside"
# The last article of each regulation, counted in its text: 渝卫发〔2019〕67号, 四川（征求意见稿）, 榕政综〔2017〕122号,
# 山东省人民政府令第335号, 贵阳市健康医疗大数据应用发展条例（2021年修正）.
LAST_ARTICLE = {"chongqing": 26, "sichuan": 38, "fuzhou": 34, "shandong": 22, "guiyang": 31}
_NUMBERS = {chinese_number(number): number for number in range(1, 100)}
_RANGE = re.compile(r"第([一二三四五六七八九十]+)条至第([一二三四五六七八九十]+)条")
_SINGLE = re.compile(r"第([一二三四五六七八九十]+)条")


@dataclass(frozen=True)
class Row:
    """One clause: where it stands, what it asks, how it is read, and the rules that carry it (``(regime, rule)``)."""

    regime: str
    article: str
    clause: str
    asks: str
    reads: str
    rules: tuple[tuple[str, str], ...]

    @property
    def articles(self) -> frozenset[int]:
        """The numbers of its articles."""
        return articles_in(self.article)


@dataclass(frozen=True)
class ClauseTest:
    """One clause test and the rules that it says it shows."""

    file: str
    name: str
    marks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Clauses:
    """Everything that the page is made of and the faults are found in."""

    rows: tuple[Row, ...]
    policies: tuple[Policy, ...]
    tests: tuple[ClauseTest, ...]

    def policy(self, regime: str) -> Policy | None:
        """Return a regime's policy, or None where there is no file of it."""
        return next((policy for policy in self.policies if policy.regime == regime), None)

    def tests_of(self, regime: str, rule: str) -> tuple[ClauseTest, ...]:
        """Return the tests that show a rule."""
        return tuple(test for test in self.tests if (regime, rule) in test.marks)


def articles_in(text: str) -> frozenset[int]:
    """Return the numbers of the articles that a text names: ``第一条至第三条``, ``第四条、第七条``, or ``4-8|10``."""
    found: set[int] = set()
    for first, last in _RANGE.findall(text):
        found |= set(range(_NUMBERS[first], _NUMBERS[last] + 1))
    found |= {_NUMBERS[number] for number in _SINGLE.findall(text) if number in _NUMBERS}
    if not found and re.fullmatch(r"[\d|,;、–\- ]+", text):
        for first, last in re.findall(r"(\d+)(?:[–-](\d+))?", text):
            found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def names_of(policy: Policy) -> dict[str, str]:
    """Return what a clause test may name of a policy, with its article: the ids of rules and the numbers of offences."""
    return {rule.id: rule.article for rule in policy.rules} | {o.number: o.number for o in policy.offences}


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read the rows; articles and rules are parted by ``|``, and ``baseline.ID`` names a rule of the baseline.

    Raises:
        ValueError: the columns are not those of ``COLUMNS``.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path.name}: the columns must be {','.join(COLUMNS)}")
        return tuple(_row({name: (text or "").strip() for name, text in line.items()}) for line in reader)


def _row(line: dict[str, str]) -> Row:
    named = [rule for rule in re.split(r"[\s;|]+", line["rules"]) if rule]
    rules = tuple((BASELINE, rule[9:]) if rule.startswith("baseline.") else (line["regime"], rule) for rule in named)
    return Row(line["regime"], line["article"], line["clause"], line["asks"], line["reads"], rules)


def read_tests(folder: Path) -> tuple[ClauseTest, ...]:
    """Read the clause tests of a folder from their syntax trees.

    Raises:
        ValueError: a mark holds something else than two words, which only running it could tell.
    """
    return tuple(test for path in sorted(folder.glob("test_*.py")) for test in _tests_in(path))


def _tests_in(path: Path) -> Iterator[ClauseTest]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"), filename=path.name)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            calls = [inner for each in node.decorator_list for inner in ast.walk(each) if _is_mark(inner)]
            marks = dict.fromkeys(_marked(call, f"{path.name}:{node.name}") for call in calls)
            yield ClauseTest(path.name, node.name, tuple(marks))


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.clause"


def _marked(call: ast.AST, where: str) -> tuple[str, str]:
    assert isinstance(call, ast.Call)
    words = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(words) != 2 or len(call.args) != 2 or call.keywords:
        raise ValueError(f"{where}: a clause mark holds a regime and a rule, both written out")
    return words[0], words[1]


def read_clauses(root: Path = ROOT) -> Clauses:
    """Read rows, policies and tests of this project.

    Raises:
        FormError: a policy file has faults.
        ValueError: the rows or a mark cannot be read.
    """
    policies = tuple(read_policy(path) for path in sorted((root / "policies").glob("*.yaml")))
    folder = root / "tests" / "clauses"
    return Clauses(read_rows(folder / "rows.csv"), policies, read_tests(folder))


def faults_of(clauses: Clauses, last: dict[str, int] | None = None) -> tuple[str, ...]:
    """Return every fault between rows, rules and tests, as a line each; ``last`` is the last article of each regime."""
    last = LAST_ARTICLE if last is None else last
    return tuple(
        dict.fromkeys(
            (
                *_row_faults(clauses),
                *_rule_faults(clauses),
                *_test_faults(clauses),
                *_missing_articles(clauses, last),
            )
        )
    )


def _row_faults(clauses: Clauses) -> Iterator[str]:
    """Each row has its rules, which exist and cite its article, or is outside with a reason."""
    for row in clauses.rows:
        where = f"{row.regime} {row.article} {row.clause}".rstrip()
        policy = clauses.policy(row.regime)
        if policy is None:
            yield f"{where}: there is no policy {row.regime}"
            continue
        if not row.articles:
            yield f"{where}: the row names no article"
            continue
        if not row.rules and row.reads != OUTSIDE:
            yield f"{where}: the row has no rule and is not outside"
        if row.rules and row.reads == OUTSIDE:
            yield f"{where}: the row is outside and has a rule"
        if not row.rules and row.reads == OUTSIDE:
            said = {article for each in policy.outside for article in articles_in(each.articles)}
            for article in sorted(row.articles - said):
                yield f"{where}: the policy does not say why 第{chinese_number(article)}条 is outside"
        for regime, rule in row.rules:
            yield from _named_faults(clauses, row, where=where, named=(regime, rule))


def _named_faults(clauses: Clauses, row: Row, *, where: str, named: tuple[str, str]) -> Iterator[str]:
    regime, rule = named
    policy = clauses.policy(regime)
    known = names_of(policy) if policy else {}
    if rule not in known:
        yield f"{where}: there is no rule {regime}.{rule}"
    elif regime == row.regime and row.articles.isdisjoint(articles_in(known[rule])):
        yield f"{where}: the rule {regime}.{rule} cites another article ({known[rule]})"


def _rule_faults(clauses: Clauses) -> Iterator[str]:
    """Each rule of a regime stands in a row and is shown by a test; offences need no test of their own."""
    in_rows = {named for row in clauses.rows for named in row.rules}
    for policy in clauses.policies:
        if policy.regime == BASELINE:
            continue
        for rule in dict.fromkeys(rule.id for rule in policy.rules):
            if (policy.regime, rule) not in in_rows:
                yield f"{policy.regime}.{rule}: the rule stands in no row"
            if not clauses.tests_of(policy.regime, rule):
                yield f"{policy.regime}.{rule}: no test shows the rule"


def _test_faults(clauses: Clauses) -> Iterator[str]:
    """Each mark names a rule, and each name begins with regime and article of a rule that the test shows."""
    for test in clauses.tests:
        where = f"{test.file}:{test.name}"
        if not test.marks:
            yield f"{where}: the test names no rule"
            continue
        begins: list[str] = []
        for regime, rule in test.marks:
            policy = clauses.policy(regime)
            known = names_of(policy) if policy else {}
            if rule not in known:
                yield f"{where}: the mark names no rule: {regime}.{rule}"
            elif regime != BASELINE:
                begins += [f"test_{regime}_{article}_" for article in sorted(articles_in(known[rule]))]
            else:
                begins.append(f"test_{BASELINE}_")
        if begins and not test.name.startswith(tuple(begins)):
            yield f"{where}: the name must begin with {' or '.join(dict.fromkeys(begins))}"


def _missing_articles(clauses: Clauses, last: dict[str, int]) -> Iterator[str]:
    for regime, end in last.items():
        covered = {article for row in clauses.rows if row.regime == regime for article in row.articles}
        for article in sorted(set(range(1, end + 1)) - covered):
            yield f"{regime} 第{chinese_number(article)}条: the article stands in no row"
        for article in sorted(covered - set(range(1, end + 1))):
            yield f"{regime} 第{chinese_number(article)}条: the regulation has no such article"


def reasons_outside(policy: Policy, row: Row) -> tuple[str, ...]:
    """Return why the policy does nothing about a row's articles."""
    return tuple(each.reason for each in policy.outside if not row.articles.isdisjoint(articles_in(each.articles)))


def page_of(clauses: Clauses) -> str:
    """Return the page: clause, rules and tests, by regime, in the order of the rows."""
    lines = [
        "# 条款、规则与测试 · Clauses, rules and tests",
        "",
        "Made by `python -m tools.clause_table` from `tests/clauses/rows.csv`, `policies/*.yaml` and the decorators of",
        "`tests/clauses/test_*.py`; a test makes it anew and compares. `make mutate-policy` takes each rule out and sees its tests fail.",
    ]
    for regime in dict.fromkeys(row.regime for row in clauses.rows):
        policy = clauses.policy(regime)
        lines += ["", f"## {policy.zh} {policy.document}" if policy else f"## {regime}", ""]
        lines += ["| article | clause | asks | read as | rules | tests |", "|---|---|---|---|---|---|"]
        lines += [_line(clauses, row) for row in clauses.rows if row.regime == regime]
    return "\n".join(lines) + "\n"


def _line(clauses: Clauses, row: Row) -> str:
    policy = clauses.policy(row.regime)
    rules = [f"`{rule}`" if regime == row.regime else f"`{regime}.{rule}`" for regime, rule in row.rules]
    if not rules and policy:
        rules = list(reasons_outside(policy, row))
    # What is outside says so in the last cell too: an empty cell is a clause that nobody shows.
    tests = [f"`{test.name}`" for test in _unique(clauses, row.rules)] or (
        ["nothing to show: outside"] if not row.rules else []
    )
    cells = (row.article, row.clause, row.asks, row.reads, "<br>".join(rules), "<br>".join(tests))
    return "| " + " | ".join(cell.replace("|", ", ").replace("\n", " ") for cell in cells) + " |"


def _unique(clauses: Clauses, rules: Iterable[tuple[str, str]]) -> tuple[ClauseTest, ...]:
    return tuple(dict.fromkeys(test for named in rules for test in clauses.tests_of(*named)))


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` only say what is wrong; return the exit code: 1 with faults."""
    clauses = read_clauses()
    page = ROOT / "docs" / "clauses.md"
    faults = list(faults_of(clauses))
    if "--check" in arguments:
        if not page.is_file() or page.read_text("utf-8") != page_of(clauses):
            faults.append("docs/clauses.md is not up to date: python -m tools.clause_table")
    else:
        page.write_text(page_of(clauses), "utf-8")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) + f"{len(clauses.rows)} rows, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
