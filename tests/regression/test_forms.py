"""One bad file for each defect of a form: the message names file, line and key and what is allowed, and never a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from extractor.errors import FormError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import read_policy
from extractor.forms.request_form import read_request

FOLDER = Path(__file__).parent / "forms"
READERS: dict[str, Callable[[Path], object]] = {
    "catalogue": read_catalogue,
    "request": read_request,
    "policy": read_policy,
}
GOOD = sorted(FOLDER.glob("good_*.yaml"))
BAD = sorted(path for path in FOLDER.glob("*.yaml") if path not in GOOD)
# Values of persons that stand in the good request, of which each bad one is a copy with one defect.
PERSONS = ("林示例", "陈示例", "王示例", "80000000", "80000001", "user-01")


def _asked(path: Path, key: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^# {key}: (.*)$", text, flags=re.MULTILINE)


def _message(path: Path) -> str:
    (form,) = _asked(path, "form")
    with pytest.raises(FormError) as caught:
        READERS[form](path)
    error = caught.value
    assert error.__cause__ is None
    return f"{error.text('en')}\n{error.text('zh')}\n{error.as_json()}\n{error!r}"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_form_that_the_bad_ones_are_made_from_is_read(path: Path) -> None:
    (form,) = _asked(path, "form")
    READERS[form](path)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_told_by_file_line_key_and_what_is_allowed(path: Path) -> None:
    message = _message(path)
    missing = [part for part in _asked(path, "expect") if part not in message]
    assert not missing, message


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_message_of_a_bad_file_shows_no_value_of_a_person(path: Path) -> None:
    message = _message(path)
    assert not [value for value in (*_asked(path, "never"), *PERSONS) if value in message]


def test_every_bad_file_says_what_it_expects() -> None:
    assert len(BAD) > 50
    assert not [path.name for path in BAD if len(_asked(path, "expect")) < 2]
