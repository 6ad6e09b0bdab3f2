"""What texts keep as it is written because the policy says so: hospitals and staff, and nothing else."""

from __future__ import annotations

import polars as pl
import pytest
from test_policy_set import both

from extractor.deid.known_values import KnownColumn
from extractor.deid.text_treatment import Treatment, treat_column
from extractor.policy_words import TextKept

HOSPITAL, STAFF = TextKept.HOSPITAL, TextKept.STAFF
TEXT = "患者李秀英3年前于福建省立医院手术,就职于福州永辉超市有限公司,由欧阳谨言主治医师查房。"


def treated(*kept: str) -> str:
    staff = KnownColumn(pl.Series(["欧阳谨言"]), "person_name", "staff")
    treatment = Treatment("redacted", kept=frozenset(kept))
    return str(treat_column(pl.Series([TEXT]), known=[staff], treatment=treatment).texts[0])


def test_by_itself_nothing_is_kept() -> None:
    text = treated()
    assert not any(word in text for word in ("李秀英", "福建省立医院", "永辉", "欧阳谨言"))


def test_a_hospital_is_kept_and_an_employer_is_not() -> None:
    text = treated("hospital")
    assert "福建省立医院" in text
    assert not any(word in text for word in ("李秀英", "永辉", "欧阳谨言"))


def test_staff_of_the_row_are_kept_and_nobody_else() -> None:
    text = treated("staff")
    assert "欧阳谨言主治医师" in text
    assert not any(word in text for word in ("李秀英", "福建省立医院", "永辉"))


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (None, None, ()),
        ((HOSPITAL,), None, (HOSPITAL,)),
        ((HOSPITAL, STAFF), (HOSPITAL,), (HOSPITAL,)),
        ((HOSPITAL,), (), ()),
    ],
)
def test_texts_keep_what_every_policy_that_speaks_of_it_lets_stay(
    first: tuple[TextKept, ...] | None, second: tuple[TextKept, ...] | None, kept: tuple[TextKept, ...]
) -> None:
    assert both({"text_kept": first}, {"text_kept": second}).text_kept == kept
