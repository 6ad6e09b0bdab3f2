"""The forms and their way into the core: defaults, spellings, all faults at once, schemas and examples."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from extractor import catalogue as core
from extractor import policy, policy_rules, requests, selection
from extractor.canonical import canonical_bytes, digest, to_json
from extractor.catalogue import SharingClass, UpdatePeriod
from extractor.errors import FormError
from extractor.forms import catalogue_form, policy_parts, request_form
from extractor.forms.catalogue_form import catalogue_from_json, parse_catalogue, read_catalogue
from extractor.forms.policy_form import parse_policy, policy_folder
from extractor.forms.request_form import parse_request, read_request, request_from_json
from extractor.forms.schemas import FORMS, schema, schema_text, write_schemas
from extractor.plans.words import titled

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "minimal"
SMALL = ROOT / "tests" / "regression" / "forms"


def _request(**changes: str) -> requests.Request:
    text = (SMALL / "good_request.yaml").read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return parse_request(text.encode(), name="request.yaml")


def test_a_field_takes_a_facet_from_itself_then_its_table_then_the_catalogue() -> None:
    catalogue = read_catalogue(EXAMPLES / "catalogue.yaml")
    name, sex, note = (
        catalogue.field("patients", "NAME"),
        catalogue.field("patients", "SEX"),
        catalogue.field("admissions", "NOTE"),
    )
    assert name and sex and note
    assert (name.grade, sex.grade) == (4, 3)
    assert (sex.category, note.category) == ("基础信息", "医疗服务")
    assert (sex.sharing.mode, note.sharing.mode) == (SharingClass.CONDITIONAL, SharingClass.RESTRICTED)
    assert note.update is UpdatePeriod.DAILY


def test_a_table_is_stored_where_the_catalogue_is_unless_it_says_otherwise() -> None:
    text = (SMALL / "good_catalogue.yaml").read_text(encoding="utf-8")
    moved = text.replace("{path: visits.csv, format: csv}", '{path: visits.csv, format: csv, division: "110000"}')
    catalogue = parse_catalogue(moved.encode(), name="x.yaml")
    assert [table.location.division for table in catalogue.tables] == ["350100", "110000"]


def test_codes_keep_their_zeros_with_and_without_quotes() -> None:
    text = (SMALL / "good_catalogue.yaml").read_text(encoding="utf-8")
    catalogue = parse_catalogue(text.replace('version: "1"', "version: 007").encode(), name="x.yaml")
    assert catalogue.version == "007"
    assert parse_catalogue(text.replace('"350100"', "350100").encode(), name="x.yaml").division == "350100"


def test_dates_are_days_of_the_calendar() -> None:
    assert _request().until == date(2028, 12, 31)
    with pytest.raises(FormError, match="until: must be a date"):
        _request(until=("2028-12-31", "1700000000"))


def test_variables_keep_the_order_of_the_form() -> None:
    request = read_request(EXAMPLES / "request.yaml")
    assert [v.place for v in request.variables][:2] == ["patients.PATIENT_ID", "patients.SEX"]
    assert request.tables == ("patients", "admissions")


def test_what_a_request_leaves_out_is_the_default_of_the_core() -> None:
    request = _request()
    left_out = [field for field in fields(requests.Request) if field.default is not MISSING]
    assert [getattr(request, field.name) for field in left_out] == [field.default for field in left_out]


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_their_lines() -> None:
    with pytest.raises(FormError) as caught:
        _request(
            kind=("kind: university", "kind: school"),
            level=("level: age, ", ""),
            first=("first: 2024-01-01", "first: 2026-01-01"),
            mlps=("mlps: 3", "mlps: 9"),
            stray=("outputs: 论文", "output: 论文"),
        )
    text = caught.value.text("en")
    wanted = ["6 faults", "applicant.kind", "BIRTH.level", "period.last", "output: unknown key", "safeguards.mlps"]
    found = [text.index(part) for part in wanted]
    assert found == sorted(found)
    assert "outputs: this key is missing" in text
    assert caught.value.text("zh").count("request.yaml:") == 7


def test_a_hundred_faults_are_counted_and_fifty_shown() -> None:
    text = (SMALL / "good_request.yaml").read_text(encoding="utf-8")
    text += "".join(f"stray{chr(97 + at % 26)}{chr(97 + at // 26)}: 1\n" for at in range(100))
    with pytest.raises(FormError) as caught:
        parse_request(text.encode(), name="x.yaml")
    message = caught.value.text("en")
    assert "100 faults" in message
    assert "and 50 more" in message
    assert message.count("unknown key") == 50


def test_a_key_cannot_break_the_lines_of_a_message() -> None:
    text = (SMALL / "good_catalogue.yaml").read_text(encoding="utf-8").replace("  visits:", '  "vis\\nits":')
    with pytest.raises(FormError) as caught:
        parse_catalogue(text.encode(), name="x.yaml")
    assert "vis?its" in caught.value.text("en")


def test_stored_json_gives_the_same_request_and_catalogue() -> None:
    request, catalogue = read_request(EXAMPLES / "request.yaml"), read_catalogue(EXAMPLES / "catalogue.yaml")
    assert request_from_json(json.loads(canonical_bytes(request))) == request
    assert digest(catalogue_from_json(to_json(catalogue))) == digest(catalogue)


def test_a_request_reads_alike_as_yaml_and_as_json() -> None:
    plain = _plain(EXAMPLES / "request.yaml")
    content = json.dumps(plain, ensure_ascii=False).encode()
    assert parse_request(content, name="request.json") == read_request(EXAMPLES / "request.yaml")


# --- the forms say all that the core holds ---------------------------------------------------------------------------


PAIRS = [
    (policy_parts.SelectorForm, selection.Selector, {}),
    (policy_parts.StepForm, policy_rules.Step, {"zh": "name"}),
    (policy_parts.CategoriesForm, policy_rules.Categories, {}),
    (policy_parts.CatalogueRuleForm, policy_rules.CatalogueRule, {}),
    (policy_parts.CeilingForm, policy_rules.Ceiling, {}),
    (policy_parts.ChainForm, policy_rules.Chain, {}),
    (policy_parts.AssessmentForm, policy_rules.AssessmentRule, {}),
    (policy_parts.RequirementForm, policy_rules.Requirement, {}),
    (policy_parts.AgreementForm, policy_rules.AgreementRule, {}),
    (policy_parts.TermForm, policy_rules.Term, {"zh": "text"}),
    (policy_parts.ConsentForm, policy_rules.ConsentRule, {}),
    (policy_parts.GrantForm, policy_rules.GrantRule, {}),
    (policy_parts.FilingForm, policy_rules.FilingRule, {}),
    (policy_parts.ResidencyForm, policy_rules.Residency, {}),
    (policy_parts.RetentionForm, policy_rules.Retention, {}),
    (policy_parts.DutyForm, policy_rules.Duty, {"zh": "name"}),
    (policy_parts.RiskForm, policy_rules.RiskLimit, {}),
    (policy_parts.PracticeForm, policy_rules.Practice, {}),
    (policy_parts.IncidentForm, policy_rules.IncidentRule, {}),
    (policy_parts.PushForm, policy_rules.Push, {}),
    (policy_parts.ComplaintForm, policy_rules.ComplaintRule, {}),
    (policy_parts.ReportForm, policy_rules.ReportRule, {}),
    (policy_parts.OffenceForm, policy_rules.Offence, {"zh": "name"}),
    (policy_parts.PrecedenceForm, policy_rules.Preferred, {}),
    (policy_parts.OutsideForm, policy_rules.Outside, {}),
    (policy_parts.PolicyForm, policy.Policy, {"zh": "name"}),
    (request_form.OrganisationForm, requests.Organisation, {}),
    (request_form.ContactForm, requests.Contact, {}),
    (request_form.ProjectForm, requests.Project, {}),
    (request_form.PurposeForm, requests.Purpose, {}),
    (request_form.PeriodForm, requests.Period, {}),
    (request_form.SafeguardsForm, requests.Safeguards, {}),
    (request_form.RequestForm, requests.Request, {}),
    (catalogue_form.SharingForm, core.Sharing, {}),
    (catalogue_form.LocationForm, core.Location, {}),
    (catalogue_form.LinkForm, core.PersonLink, {}),
]


@pytest.mark.parametrize(("form", "value", "renamed"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_form_has_exactly_the_keys_of_its_value(form: Any, value: Any, renamed: dict[str, str]) -> None:
    rule = {"id", "article", "quote"} if any(field.name == "rule" for field in fields(value)) else set()
    wanted = {renamed.get(field.name, field.name) for field in fields(value)} - {"rule"} | rule
    assert set(form.model_fields) == wanted


def test_tables_and_fields_have_the_keys_of_their_values() -> None:
    table, field = catalogue_form.TableForm.model_fields, catalogue_form.FieldForm.model_fields
    assert set(table) - {"defaults"} == {f.name for f in fields(core.Table)} - {"zh"}
    assert set(field) == {f.name for f in fields(core.Field)} - {"zh"}
    assert set(catalogue_form.FacetsForm.model_fields) == set(catalogue_form.FACETS)


# --- schemas ---------------------------------------------------------------------------------------------------------


class _Json(yaml.SafeLoader):
    """YAML as an editor's validator sees it: dates are text."""


_Json.yaml_implicit_resolvers = {
    sign: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for sign, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _plain(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Json)


@pytest.mark.parametrize("name", FORMS)
def test_the_published_schema_is_up_to_date(name: str) -> None:
    published = (ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(name), "write it again: extractor.forms.schemas.write_schemas"


@pytest.mark.parametrize("name", FORMS)
def test_the_schema_is_a_schema_of_2020_12(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


def test_the_schemas_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "schemas")
    assert [path.name for path in written] == [f"{name}.schema.json" for name in FORMS]
    assert all(json.loads(path.read_text(encoding="utf-8"))["$id"] for path in written)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("catalogue", EXAMPLES / "catalogue.yaml"),
        ("request", EXAMPLES / "request.yaml"),
        *(("policy", path) for path in sorted(policy_folder().glob("*.yaml"))),
        *((name, SMALL / f"good_{name}.yaml") for name in FORMS),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_examples_and_policies_fit_the_schema(name: str, path: Path) -> None:
    jsonschema.Draft202012Validator(schema(name)).validate(_plain(path))


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    body = _plain(EXAMPLES / "request.yaml")
    body["applicant"]["kind"] = "school"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema("request")).validate(body)


@pytest.mark.parametrize("written", ["协议书", "《协议书》"])
def test_the_name_of_an_agreement_has_no_title_marks_however_it_is_written(written: str) -> None:
    text = (SMALL / "policy_agreement_nobody_signs.yaml").read_text(encoding="utf-8")
    signed_by_all = text.replace("{sharing: [conditional]}", "{}").replace("name: 协议书", f"name: {written}")
    (agreement,) = parse_policy(signed_by_all.encode(), name="small.yaml").agreements
    assert (agreement.name, titled(agreement.name), titled("《协议书》")) == ("协议书", "《协议书》", "《协议书》")
