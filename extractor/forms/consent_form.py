"""The form of a consent's scope, as ``extractor consent add --scope`` reads it.

Owns its keys and their checks. It must not know who consents nor what is done with the scope.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic import Field as Key

from extractor.forms.faults import Fault, form_error
from extractor.forms.shape import Day, Form, Text, check, wrong
from extractor.forms.yaml_reader import Document, parse_document, read_document
from extractor.requests import PurposeCategory


def _place(value: str) -> str:
    table, dot, column = value.partition(".")
    if not (table and dot and column):
        raise wrong("must be a field, TABLE.FIELD", "须为字段,格式 表.字段")
    return value


class ConsentScopeForm(Form):
    """To what persons consent: a key that is absent stands for any applicant, purpose or field."""

    applicant: Text | None = Key(None, description="code (GB 32100) or name of the organisation that may receive")
    purposes: tuple[PurposeCategory, ...] = ()
    fields: tuple[Annotated[Text, AfterValidator(_place)], ...] = ()
    since: Day
    until: Day


def read_scope(path: Path) -> ConsentScopeForm:
    """Read the scope of a consent from a YAML or JSON file.

    Raises:
        FormError: with every fault of the file: line, key, what is wrong, what is allowed; never a value.
    """
    return _scope(read_document(path))


def parse_scope(content: bytes, *, name: str) -> ConsentScopeForm:
    """Read the scope of a consent from bytes; ``name`` stands for the file in messages.

    Raises:
        FormError: as :func:`read_scope`.
    """
    return _scope(parse_document(content, name=name))


def _scope(document: Document) -> ConsentScopeForm:
    form, faults = check(ConsentScopeForm, document)
    if form is not None and form.until < form.since:
        faults.append(Fault(("until",), "the consent ends before it begins", "同意的末日早于首日"))
    if form is None or faults:
        raise form_error(document.name, [(document.line(fault.place), fault) for fault in faults])
    return form
