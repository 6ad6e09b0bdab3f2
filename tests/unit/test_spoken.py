"""Words typed as an argument: numbers of persons are found however they are spaced, and ordinary words pass."""

from __future__ import annotations

import pytest

from extractor.errors import UsageError
from extractor.workflow.spoken import check_words, holds_identity


@pytest.mark.parametrize(
    "text",
    [
        "患者 11010519491231002X 来电",
        "身份证:11010519491231002x。",
        "110105 19491231 002X",
        "１３９１２３４５６７８",
        "电话139-1234-5678",
        "+8613912345678",
        "旧证110105491231002",
        "卡号4111 1111 1111 1111",
        "港证 A123456(3)",
        "台证A123456789",
    ],
)
def test_a_number_of_a_person_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="number of a person") as caught:
        check_words(text, "--reason")
    assert text not in str(caught.value.as_json())
    assert caught.value.thing == "--reason"


@pytest.mark.parametrize(
    "text",
    [
        "", "突发公共卫生事件处置", "RQ-2026-0001 与 PK-2026-0012", "DJ-7", "2026-03-01 至 2026-04-01", "榕政综〔2017〕122号",
        "园区三楼 301", "110105194912310021", "user-01", "渝登2026-1", "费用 1234567.89 元",
    ],
)  # fmt: skip
def test_words_about_no_person_pass(text: str) -> None:
    assert not holds_identity(text)
    check_words(text, "--reason")
