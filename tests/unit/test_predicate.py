"""A population in SQL: what may be written, what is refused and by which name, and that no literal comes back in a message."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from extractor.canonical import canonical_bytes
from extractor.catalogue import (
    Catalogue,
    Field,
    FieldClass,
    Location,
    Sharing,
    SharingClass,
    Table,
    TableFormat,
    UpdatePeriod,
    UseMode,
    ValueFormat,
)
from extractor.errors import Refused
from extractor.plans.nodes import AllOf, AnyOf, Compare, IsNull, Not, OneOf, Operator, Predicate
from extractor.plans.predicate import MAX_CHARACTERS, parse_population

SECRET = "张三110101199003074477"


def field(name: str, form: ValueFormat) -> Field:
    return Field(
        name=name, zh=name, kind="category", cls=FieldClass.OTHER, grade=2, category="医疗服务",
        sharing=Sharing(SharingClass.CONDITIONAL, "r", "b"), responsible="u", format=form, attributes="",
        update=UpdatePeriod.DAILY, use=(UseMode.EXTRACT,),
    )  # fmt: skip


def table(name: str, *fields: Field) -> Table:
    return Table(name, name, Location(f"{name}.csv", TableFormat.CSV, "350100"), fields)


CATALOGUE = Catalogue(
    "c", "1", "目录", "来源", date(2026, 1, 1), "350100",
    (
        table(
            "visits",
            field("PID", ValueFormat.TEXT), field("CODE", ValueFormat.TEXT), field("Age", ValueFormat.INTEGER),
            field("COST", ValueFormat.DECIMAL), field("DAY", ValueFormat.DATE), field("AT", ValueFormat.DATETIME),
            field("OPEN", ValueFormat.BOOLEAN), field("姓名", ValueFormat.TEXT), field("select", ValueFormat.TEXT),
        ),
        table("people", field("PID", ValueFormat.TEXT), field("SEX", ValueFormat.TEXT)),
    ),
)  # fmt: skip


def parsed(text: str) -> Predicate:
    ((_, predicate),) = parse_population(text, CATALOGUE)
    return predicate


def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        parse_population(text, CATALOGUE)
    return caught.value


def code(operator: Operator, value: str) -> Compare:
    return Compare("CODE", operator, value, ValueFormat.TEXT)


AGE = Compare("Age", Operator.EQUAL, 1, ValueFormat.INTEGER)

ALLOWED: dict[str, Predicate] = {
    "Age = 1": AGE,
    "(((Age = 1)))": AGE,
    '"Age" = 1': AGE,
    'visits."Age" = +1': AGE,
    "Age = - -1": AGE,
    "1 < Age": Compare("Age", Operator.GREATER, 1, ValueFormat.INTEGER),
    "Age <> -1": Compare("Age", Operator.NOT_EQUAL, -1, ValueFormat.INTEGER),
    "Age != 0": Compare("Age", Operator.NOT_EQUAL, 0, ValueFormat.INTEGER),
    "COST >= 1.5e3": Compare("COST", Operator.GREATER_EQUAL, 1500.0, ValueFormat.DECIMAL),
    "COST <= 2": Compare("COST", Operator.LESS_EQUAL, 2, ValueFormat.DECIMAL),
    "OPEN = TRUE": Compare("OPEN", Operator.EQUAL, True, ValueFormat.BOOLEAN),
    "CODE = 'it''s'": code(Operator.EQUAL, "it's"),
    "CODE LIKE 'I6%'": code(Operator.STARTS_WITH, "I6"),
    "CODE LIKE '%6'": code(Operator.ENDS_WITH, "6"),
    "CODE LIKE '%6%'": code(Operator.CONTAINS, "6"),
    "CODE LIKE 'I6'": code(Operator.EQUAL, "I6"),
    "CODE NOT LIKE 'I6%'": Not(code(Operator.STARTS_WITH, "I6")),
    "CODE IN ('a', 'b')": OneOf("CODE", ("a", "b"), ValueFormat.TEXT),
    "CODE NOT IN ('a')": Not(OneOf("CODE", ("a",), ValueFormat.TEXT)),
    "CODE IS NULL": IsNull("CODE"),
    "CODE IS NOT NULL": Not(IsNull("CODE")),
    "NOT CODE IS NULL": Not(IsNull("CODE")),
    "DAY = '2024-02-29'": Compare("DAY", Operator.EQUAL, "2024-02-29", ValueFormat.DATE),
    "DAY = DATE '2024-02-29'": Compare("DAY", Operator.EQUAL, "2024-02-29", ValueFormat.DATE),
    "AT > '2024-01-02'": Compare("AT", Operator.GREATER, "2024-01-02T00:00:00", ValueFormat.DATETIME),
    "AT > TIMESTAMP '2024-01-02 03:04:05'": Compare(
        "AT", Operator.GREATER, "2024-01-02T03:04:05", ValueFormat.DATETIME
    ),
    "Age BETWEEN 1 AND 2": AllOf((
        Compare("Age", Operator.GREATER_EQUAL, 1, ValueFormat.INTEGER),
        Compare("Age", Operator.LESS_EQUAL, 2, ValueFormat.INTEGER),
    )),
    "Age = 1 OR CODE IS NULL OR Age = 1": AnyOf((AGE, IsNull("CODE"), AGE)),
    "Age = 1 AND CODE IS NULL": AllOf((AGE, IsNull("CODE"))),
    "姓名 = '甲'": Compare("姓名", Operator.EQUAL, "甲", ValueFormat.TEXT),
    '"select" = \'x\'': Compare("select", Operator.EQUAL, "x", ValueFormat.TEXT),
    "Age = 1 -- OR 1 = 1": AGE,
    "Age /* OR 1 = 1 */ = 1": AGE,
}  # fmt: skip

HOSTILE = (
    # not one condition
    "Age = 1; DROP TABLE visits", "Age = 1;", f"Age = 1; GRANT x TO '{SECRET}'", "Age = 1) UNION SELECT (1",
    "Age = 1 UNION SELECT 1", "Age = 1 ORDER BY 1", "Age = 1 LIMIT 1", "Age = 1 GROUP BY 1", "Age = 1 FOR UPDATE",
    "Age = 1 WINDOW w AS ()", "Age = 1 FROM people", "Age = 1 AS x", "Age = 1 /* AND CODE = 'x'", "Age = ", "= 1", "'",
    "Age = 1 AND", "(Age = 1", "Age = 1)", "SELECT 1", "--", "/* */", ";", "Age = 1_000", "\x00",
    # nodes that are not on the list
    "1 = 1", "TRUE", "Age", "OPEN", "Age = (SELECT 1)", "Age IN (SELECT 1)", "EXISTS (SELECT 1)", "Age = ANY (ARRAY[1])",
    "Age = ALL (SELECT 1)", "abs(Age) = 1", "Age = length('x')", "pg_sleep(9) = 1", "CASE WHEN Age = 1 THEN TRUE END",
    "COALESCE(Age, 1) = 1", "Age + 1 = 2", "Age = 1 + 1", "Age % 2 = 0", "CODE || 'x' = 'ax'", "CODE = 'a' || 'b'",
    "CODE -> 'a' = 'b'", "CODE ->> 'a' = 'b'", "CODE[1] = 'a'", "(Age, Age) = (1, 1)", "Age IS DISTINCT FROM 1",
    "Age IS NOT DISTINCT FROM 1", "OPEN IS TRUE", "OPEN IS NOT TRUE", "Age BETWEEN SYMMETRIC 2 AND 1",
    "CODE COLLATE \"C\" = 'a'", "Age OPERATOR(pg_catalog.=) 1", "visits.* = 1", "pg_catalog.visits.Age = 1",
    "a.pg_catalog.visits.Age = 1", "Age = :x", "Age = $1", "Age = ?", "Age = @x", "Age = {x}", "XMLEXISTS('x')",
    # LIKE with more than a percent sign at an end
    "CODE LIKE '%'", "CODE LIKE ''", "CODE LIKE 'a_b'", "CODE LIKE 'a%b'", "CODE LIKE 'a\\%'", "CODE LIKE 'a!%' ESCAPE '!'",
    "CODE ILIKE 'a%'", "CODE SIMILAR TO 'a'", "CODE ~ 'a'", "CODE ~* 'a'", "CODE LIKE ANY (ARRAY['a'])",
    "CODE LIKE CODE", "CODE LIKE 1", "Age LIKE '1%'", "CODE LIKE NULL", "CODE RLIKE 'a'", "CODE GLOB 'a*'",
    # what it is compared with
    "Age = NULL", "Age <> NULL", "Age IN (1, NULL)", "Age NOT IN (NULL)", "Age IN ()", "Age IN (Age)", "Age = Age",
    "Age = '1'", "Age = 1.5", "Age = 1e3", "Age = TRUE", "CODE = 1", "COST = 'x'", "COST = TRUE", "OPEN = 1",
    "OPEN = 'true'", "Age = 9007199254740992", "Age = 99999999999999999999", "COST = 1e999", "COST = -1e999", "Age = 0x1F",
    "Age = ²", "Age = ٣", "Age = ３", "COST = 'NaN'", "COST = CAST('NaN' AS FLOAT)", "CODE = 'a' 'b'", "CODE = E'a'",
    "CODE = U&'a'", "CODE = B'1'", "CODE = X'1F'", "CODE = N'a'", "CODE = $$a$$", "CODE = $t$a$t$", "CODE = 'a\x00b'",
    "CODE = '\ud800'", "Age = '1'::int", "CODE = 'a'::text", "CODE::int = 1", "CAST(CODE AS int) = 1",
    "Age = CAST('1' AS int)", "DAY = CURRENT_DATE", "DAY = now()", "DAY > DATE '2024-01-01' - INTERVAL '1 day'",
    # days that are none, and casts that would round or cut
    "DAY = '2023-02-29'", "DAY = '2024-13-01'", "DAY = '20240101'", "DAY = '2024-W01-1'", "DAY = '2024-1-1'", "DAY = 20240101",
    "DAY = '2024-01-01 10:00'", "DAY = TIMESTAMP '2024-01-01 00:00:00'", "AT = '2024-01-01 25:00'",
    "AT = '2024-01-01T00:00:00+08:00'", "AT = TIMESTAMPTZ '2024-01-01 00:00:00'", "AT = DATE '2024-01-01 10:00'",
    "AT = CAST('2024-01-01 10:00' AS DATE)", "AT = CAST('2024-01-01 10:00:00.6' AS TIMESTAMP(0))",
    "DAY = TRY_CAST('2024-01-01' AS DATE)", "DAY = CAST('2024-01-01' AS DATE FORMAT 'YYYY')",
    "CODE = DATE '2024-01-01'", "DAY BETWEEN '2024-01-01' AND '2024-02-30'",
    # columns as the catalogue does not write them
    "age = 1", "AGE = 1", '"age" = 1', "Visits.Age = 1", "VISITS.Age = 1", "visit.Age = 1", "nothing = 1",
    "PID = 'x'", "Аge = 1", "A\u200bge = 1", "Ａge = 1",
    # a condition over two tables
    "visits.Age = 1 OR people.SEX = 'x'", "visits.PID = people.PID", "NOT (visits.Age = 1 AND people.SEX = 'x')",
)  # fmt: skip


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_on_the_list_is_rebuilt_node_by_node(text: str) -> None:
    assert parsed(text) == ALLOWED[text]
    assert canonical_bytes(parsed(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_on_the_list_is_refused(text: str) -> None:
    reasons = refusal(text).reasons
    assert reasons
    assert all(reason.rule == "population" and reason.zh and reason.en for reason in reasons)


@pytest.mark.parametrize(
    "text",
    (
        f"CODE ILIKE '{SECRET}'", f"Age = '{SECRET}'", f"Age IN (1, '{SECRET}')", f"CODE LIKE '{SECRET}_'",
        f"lower(CODE) = '{SECRET}'", f"CODE = '{SECRET}' || ''", f"DAY = '{SECRET}'", f"OPEN = '{SECRET}'", f"'{SECRET}' = 1",
        f"nothing = '{SECRET}'", f'"{SECRET}" = CODE', f'CODE = "{SECRET}"', f'"{SECRET}" = \'x\'', f"{SECRET} = 'x'",
        f'"{SECRET}".CODE = 1', f'CODE IN ("{SECRET}")', f'"{SECRET}" IS NULL', f'"{SECRET}" LIKE \'a%\'', f'"{SECRET}"',
        f"{SECRET}(Age) = 1", f"CODE = '{SECRET}'; GRANT x TO '{SECRET}'", f"CODE = '{SECRET}", f"CODE = '{SECRET}' LIMIT 1",
        f"CODE = '{SECRET}'::json", f"CODE = $$ {SECRET} $$ AND Age = 'x'", f"Age = 1 -- {SECRET}\n OR 1 = 1",
        f"CODE -> '{SECRET}' = 1", f"CODE COLLATE \"{SECRET}\" = 'a'", f"CODE = '{SECRET}'::\"{SECRET}\"",
        f"visits.Age = 1 OR people.SEX = '{SECRET}'", f"Age BETWEEN SYMMETRIC '{SECRET}' AND 1", f"CODE[{SECRET}] = 1",
    ),
)  # fmt: skip
def test_no_literal_comes_back_in_a_message_or_a_log(
    text: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        error = refusal(text)
    told = [str(error), error.text("zh"), error.text("en"), str(error.as_json()), caplog.text, *capfd.readouterr()]
    for part in (SECRET, "张三", "110101199003074477"):
        assert not any(part in text for text in told)
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_every_fault_of_a_population_is_told_at_once() -> None:
    error = refusal("abs(Age) = 1 AND nothing = 2 AND CODE LIKE 'a_' AND (visits.Age = 1 OR people.SEX = 'x')")
    told = error.text("en")
    for part in ("Abs", "population nothing", "LIKE", "one condition may speak of one table only"):
        assert part in told


def test_an_empty_population_is_everybody() -> None:
    assert parse_population(" \n ", CATALOGUE) == ()


def test_the_outermost_conditions_are_sorted_by_table_in_the_order_of_naming() -> None:
    found = parse_population("SEX = 'x' AND (Age = 1 AND (CODE IS NULL)) AND people.PID = 'p'", CATALOGUE)
    assert [name for name, _ in found] == ["people", "visits"]
    assert found[1][1] == AllOf((AGE, IsNull("CODE")))


def test_a_name_that_two_tables_have_needs_its_table() -> None:
    assert "name the table" in refusal("PID = 'x'").text("en")
    assert parsed("people.PID = 'x'") == Compare("PID", Operator.EQUAL, "x", ValueFormat.TEXT)


def test_long_chains_of_one_junction_are_flat_and_allowed() -> None:
    for word, kind in (("OR", AnyOf), ("AND", AllOf)):
        predicate = parsed(f" {word} ".join(["Age = 1"] * 1500))
        assert isinstance(predicate, kind)
        assert len(predicate.operands) == 1500


def test_nesting_has_a_limit_that_does_not_depend_on_who_asks() -> None:
    assert parsed("(" * 20 + "Age = 1" + ")" * 20) == AGE
    assert "not one SQL condition" in refusal("(" * 21 + "Age = 1" + ")" * 21).text("en")
    assert parsed("NOT " * 60 + "Age = 1")
    assert "not allowed" in refusal("NOT " * 61 + "Age = 1").text("en")


def test_a_text_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    assert "too long" in refusal("Age = 1 OR " * 95_000 + "Age = 1").text("en")
    assert "too long" in refusal("x" * (MAX_CHARACTERS + 1)).text("en")


DEEP = (
    '"(" * 9_000 + "Age = 1" + ")" * 9_000', '"NOT " * 4_000 + "Age = 1"', '"Age = " + "- " * 9_000 + "1"',
    '"(" * 10_000', '"Age IN (" * 2_000', '"CASE WHEN " * 1_500', '"Age = 1 AND (" * 1_200 + "Age = 1" + ")" * 1_200',
    '"(Age = 1 OR NOT " * 100 + "Age = 1" + ")" * 100', '"f(" * 6_000 + ")" * 6_000', '"a." * 9_000 + "b = 1"',
    '"Age = 1 OR (Age = 1 AND (" * 35 + "Age = 1" + "))" * 35', '"CODE = " + "\'x\' || " * 2_500 + "\'x\'"',
)  # fmt: skip


def test_no_nesting_crashes_the_process() -> None:
    """Run in a process of its own, because what is feared is a crash of the interpreter."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_predicate import CATALOGUE\n"
        "from extractor.errors import Refused\n"
        "from extractor.plans.predicate import parse_population\n"
        f"for text in ({', '.join(DEEP)}):\n"
        "    try:\n        parse_population(text, CATALOGUE)\n    except Refused:\n        print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["refused"] * len(DEEP)), done.stderr[-400:]
