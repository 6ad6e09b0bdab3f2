"""The plans of two examples as they were last reviewed: a change of compiler, policy or example shows here.

When a change is meant: ``.venv/bin/python tests/golden/test_golden_plans.py`` writes the files again; review the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extractor.canonical import to_json
from extractor.decode import from_json
from extractor.demo.sources import example_folder
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import load_policies
from extractor.forms.request_form import read_request
from extractor.plans.compile import compile_plan
from extractor.plans.nodes import Plan

HERE = Path(__file__).parent
NAMES = ("minimal", "hospital")


def plan_of(name: str) -> Plan:
    folder = example_folder(name)
    request, catalogue = read_request(folder / "request.yaml"), read_catalogue(folder / "catalogue.yaml")
    return compile_plan(request, catalogue, load_policies(("fuzhou",)))


def text_of(plan: Plan) -> str:
    """Return the plan's JSON, laid out so that a review shows which line has changed."""
    return json.dumps(to_json(plan), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_of_an_example_is_the_one_that_was_reviewed(name: str) -> None:
    reviewed = (HERE / f"{name}.json").read_text("utf-8")
    plan = plan_of(name)
    assert text_of(plan) == reviewed, (
        f"meant? then run: .venv/bin/python {Path(__file__).name}, and review the difference"
    )
    assert from_json(Plan, json.loads(reviewed)).digest == plan.digest


if __name__ == "__main__":
    for each in NAMES:
        (HERE / f"{each}.json").write_text(text_of(plan_of(each)), "utf-8")
