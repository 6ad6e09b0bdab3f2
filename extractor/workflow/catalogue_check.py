"""What a regime asks of a catalogue file, before anybody applies for anything: categories, demands, and where the data lie.

Owns the way from a reason of the policies to the line and key of the file. It must not know what a regime demands: that is asked of
the policies (``extractor.policy_set``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from extractor.catalogue import Catalogue, Field
from extractor.errors import Reason, Refused
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.faults import Place, key_path
from extractor.forms.policy_form import load_policies
from extractor.forms.yaml_reader import Document, read_document
from extractor.policy_set import PolicySet
from extractor.policy_words import Place as Where


def check_for_regime(path: Path, regime: str) -> Catalogue:
    """Check a catalogue file against the baseline and a regime, and return the catalogue.

    Raises:
        FormError: the file is no catalogue.
        ConfigurationError: there is no such regime.
        Refused: what the regime demands is not met; each reason names file, line, key, rule and article.
    """
    catalogue, document = read_catalogue(path), read_document(path)
    reasons = tuple(_faults(catalogue, document, load_policies((regime,))))
    if reasons:
        raise Refused(tuple(dict.fromkeys(reasons)), thing=path.name)
    return catalogue


def _faults(catalogue: Catalogue, document: Document, policies: PolicySet) -> Iterator[Reason]:
    asked: tuple[tuple[str, Field], ...] = tuple((t.name, field) for t in catalogue.tables for field in t.fields)
    for reason in policies.area_faults(catalogue.division, "division", Where.SOURCE):
        yield _at(document, ("division",), reason)
    for table in catalogue.tables:
        for reason in policies.area_faults(table.location.division, "division", Where.SOURCE):
            yield _at(document, ("tables", table.name, "location", "division"), reason)
    for table_name, field in asked:
        for reason in policies.category_faults(field, f"{table_name}.{field.name}"):
            yield _at(document, _facet(document, table_name, field.name, "category"), reason)
    for reason in policies.catalogue_faults(catalogue, asked):
        yield _at(document, _place(catalogue, reason.thing), reason)


def _place(catalogue: Catalogue, thing: str) -> Place:
    """Return the place of the first field that a reason names as ``table.field``, or that of the whole file."""
    first = thing.split(", ", maxsplit=1)[0]
    for table in catalogue.tables:
        name = first.removeprefix(f"{table.name}.")
        if name != first and table.field(name) is not None:
            return ("tables", table.name, "fields", name)
    return ()


def _facet(document: Document, table: str, field: str, facet: str) -> Place:
    """Return where a field's facet is given: with the field, with its table, or once for the catalogue."""
    given: tuple[Place, ...] = (
        ("tables", table, "fields", field, facet),
        ("tables", table, "defaults", facet),
        ("defaults", facet),
    )
    return next((place for place in given if place in document.lines), given[0])


def _at(document: Document, place: Place, reason: Reason) -> Reason:
    """Name file, line and key in the reason; the thing that it was about stays where the key alone does not say it."""
    key = key_path(place).removesuffix(": ")
    about = reason.thing if reason.thing not in (key, "division") else ""
    thing = " ".join(filter(None, (f"{document.name}:{document.line(place)}", key, f"({about})" if about else "")))
    return replace(reason, thing=thing)
