"""The published JSON Schemas (2020-12) of the three forms, for editors and for other software.

Owns how they are made from the forms themselves, so that they cannot say anything else. It must not know a form's keys.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extractor.forms.catalogue_form import CatalogueForm
from extractor.forms.policy_parts import PolicyForm
from extractor.forms.request_form import RequestForm
from extractor.forms.shape import Form

FORMS: dict[str, type[Form]] = {"catalogue": CatalogueForm, "request": RequestForm, "policy": PolicyForm}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of the form ``catalogue``, ``request`` or ``policy``."""
    body = FORMS[name].model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:extractor:schema:{name}",
        **body,
    }


def schema_text(name: str) -> str:
    """Return the schema as it is published: JSON in UTF-8, indented by two, with a last line end."""
    return json.dumps(schema(name), ensure_ascii=False, indent=2) + "\n"


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write the three schemas as ``NAME.schema.json`` into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in FORMS:
        path = folder / f"{name}.schema.json"
        path.write_text(schema_text(name), encoding="utf-8")
        paths.append(path)
    return tuple(paths)
