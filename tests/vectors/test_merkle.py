"""RFC 6962 inclusion and consistency proofs of a public collection, one file a case, read in place."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from extractor.log.tree import verify_consistency, verify_inclusion

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "merkle" / "testdata"


def _cases(folder: str) -> list[Any]:
    files = sorted((VECTORS / folder).rglob("*.json"))
    if not files:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no vectors in {VECTORS / folder}"))]
    return [pytest.param(file, id=str(file.relative_to(VECTORS))) for file in files]


def _read(file: Path) -> tuple[dict[str, Any], list[bytes]]:
    case = json.loads(file.read_text())
    return case, [base64.b64decode(line) for line in case["proof"] or ()]


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("file", _cases("inclusion"))
def test_an_inclusion_proof_is_judged_as_the_vector_says(file: Path) -> None:
    case, proof = _read(file)
    verified = verify_inclusion(
        case["leafIdx"],
        case["treeSize"],
        leaf=_bytes(case["leafHash"]),
        proof=proof,
        root=_bytes(case["root"]),
    )
    assert verified is not case["wantErr"], case["desc"]


@pytest.mark.parametrize("file", _cases("consistency"))
def test_a_consistency_proof_is_judged_as_the_vector_says(file: Path) -> None:
    case, proof = _read(file)
    verified = verify_consistency(
        case["size1"],
        case["size2"],
        first_root=_bytes(case["root1"]),
        second_root=_bytes(case["root2"]),
        proof=proof,
    )
    assert verified is not case["wantErr"], case["desc"]
