"""The list that says which clause of an agreement holds which subject, as ``extractor agreement put --subjects`` reads it.

Owns its keys: the closed list of subjects. It must not know the text nor which subjects a rule wants.
"""

from __future__ import annotations

from pathlib import Path

from extractor.forms.faults import form_error
from extractor.forms.shape import Form, Text, check
from extractor.forms.yaml_reader import Document, parse_document, read_document
from extractor.policy_words import AgreementSubject


class SubjectsForm(Form):
    """For each subject the heading or opening words of the clause that holds it, as they stand in the text."""

    scope: Text | None = None
    conditions: Text | None = None
    data_products: Text | None = None
    confidentiality: Text | None = None
    security: Text | None = None
    no_passing_on: Text | None = None
    no_reidentification: Text | None = None
    term: Text | None = None
    liability: Text | None = None


def read_subjects(path: Path) -> dict[AgreementSubject, str]:
    """Read which clause holds which subject from a YAML or JSON file.

    Raises:
        FormError: with every fault of the file: line, key, what is wrong, what is allowed.
    """
    return _subjects(read_document(path))


def parse_subjects(content: bytes, *, name: str) -> dict[AgreementSubject, str]:
    """Read which clause holds which subject from bytes; ``name`` stands for the file in messages.

    Raises:
        FormError: as :func:`read_subjects`.
    """
    return _subjects(parse_document(content, name=name))


def _subjects(document: Document) -> dict[AgreementSubject, str]:
    form, faults = check(SubjectsForm, document)
    if form is None or faults:
        raise form_error(document.name, [(document.line(fault.place), fault) for fault in faults])
    found = {subject: getattr(form, subject.value) for subject in AgreementSubject}
    return {subject: clause for subject, clause in found.items() if clause is not None}
