"""The keys of a policy file: one model for each kind of rule.

Owns the YAML shape of a policy and nothing else: how it becomes a policy of the core is in ``policy_form``. Nothing in a policy
is code; selectors and requirements are closed sets of keys.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic import Field as Key

from extractor.catalogue import FieldClass, SharingClass, Subject
from extractor.deid.spans import SpanType
from extractor.forms.shape import Day, Division, Form, Kind, LongText, Number, Text, Truth, Whole
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    CatalogueDemand,
    DutyEvent,
    Evidence,
    GrantPart,
    History,
    IncidentCause,
    Place,
    PracticeKind,
    Precedence,
    PushSubject,
    RetentionSubject,
    Side,
    Status,
    TextKept,
    Unlock,
    Violation,
)
from extractor.requests import ApplicantKind, Consent, PurposeCategory, Role, SharingMode

Id = Annotated[str, Key(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Area = Annotated[str, Key(pattern=r"^(CN|[0-9]{2,6})$")]
Share = Annotated[Number, Key(ge=0, le=1)]


class SelectorForm(Form):
    """When a rule applies. A key that is absent matches everything; all keys must match."""

    cls: tuple[FieldClass, ...] = Key((), alias="class")
    kinds: tuple[Kind, ...] = ()
    subjects: tuple[Subject, ...] = ()
    sharing: tuple[SharingClass, ...] = ()
    categories: tuple[Text, ...] = ()
    applicants: tuple[ApplicantKind, ...] = ()
    purposes: tuple[PurposeCategory, ...] = ()
    consent: tuple[Consent, ...] = ()
    modes: tuple[SharingMode, ...] = ()
    non_profit: Truth | None = None
    sides: tuple[Side, ...] = Key((), description="the place of the data, of the recipient; absent: both")
    history: tuple[History, ...] = ()
    urgent: Truth | None = Key(
        None, description="whether an acknowledged urgent filing opens fields outside the catalogue"
    )
    abroad: Truth | None = Key(None, description="whether the data would leave the country")


Days = Annotated[Whole, Key(ge=1, le=3650)]


def _always() -> SelectorForm:
    return SelectorForm.model_validate({})


class RuleForm(Form):
    """Where a rule stands: a short name, the article, the clause in one line."""

    id: Id
    article: Text
    quote: Text


class CategoriesForm(RuleForm):
    """The closed list of categories of a catalogue."""

    names: Annotated[tuple[Text, ...], Key(min_length=1)]


class CatalogueRuleForm(RuleForm):
    """What a catalogue must say."""

    demands: Annotated[tuple[CatalogueDemand, ...], Key(min_length=1)]


class CeilingForm(RuleForm):
    """The finest levels that fields may have where the selector matches."""

    when: SelectorForm = Key(default_factory=_always)
    levels: Annotated[dict[Kind, Text], Key(min_length=1)]
    unlocks: Unlock | None = Key(None, description="what opens a not-open field under this rule")


class StepForm(Form):
    """One step of an approval chain: who signs."""

    id: Id
    name: Text
    role: Role
    unit: Text | None = None
    agrees: Truth = Key(False, description="a party's signature under the agreement")


class ChainForm(RuleForm):
    """The steps that a request takes where the selector matches."""

    when: SelectorForm = Key(default_factory=_always)
    steps: Annotated[tuple[StepForm, ...], Key(min_length=1)]


class AssessmentForm(RuleForm):
    """Which assessments stand before any step of an authority, and for how many days they hold."""

    when: SelectorForm = Key(default_factory=_always)
    kinds: Annotated[tuple[AssessmentKind, ...], Key(min_length=1)]
    valid_days: Days


class RequirementForm(RuleForm):
    """What must hold of a request; a key that is absent asks for nothing."""

    when: SelectorForm = Key(default_factory=_always)
    violation: Violation = Violation.OTHER
    applicants: tuple[ApplicantKind, ...] = ()
    domestically_controlled: Truth | None = None
    industrial_park: Truth | None = None
    non_profit: Truth | None = None
    ethics: Truth | None = None
    consent: tuple[Consent, ...] = ()
    abroad: Truth | None = None
    passed_on: Truth | None = None
    mlps_at_least: Annotated[Whole, Key(ge=1, le=5)] | None = None
    forbidden: Truth | None = None
    no_open_breach: Truth | None = Key(None, description="no open entry of the applicant in the integrity archive")


def _unmarked(name: str) -> str:
    return name.strip("《》") or name


class AgreementForm(RuleForm):
    """The agreement's local name, with or without title marks, and the subjects that its text must hold."""

    when: SelectorForm = Key(default_factory=_always)
    name: Annotated[Text, AfterValidator(_unmarked)]
    subjects: Annotated[tuple[AgreementSubject, ...], Key(min_length=1)]


class ConsentForm(RuleForm):
    """Levels that consent opens stand on the register, person by person."""

    when: SelectorForm = Key(default_factory=_always)


class GrantForm(RuleForm):
    """What a technical service unit's grant must hold."""

    holds: Annotated[tuple[GrantPart, ...], Key(min_length=1)]


class FilingForm(RuleForm):
    """The organs that must have acknowledged an urgent filing before it opens fields outside the catalogue."""

    organs: Annotated[tuple[Text, ...], Key(min_length=1)]


class ResidencyForm(RuleForm):
    """Areas within which sources, installation and recipient must be: prefixes of GB/T 2260, or CN."""

    within: Annotated[tuple[Area, ...], Key(min_length=1)]
    of: Annotated[tuple[Place, ...], Key(min_length=1)] = tuple(Place)
    by_chain: Truth = Key(False, description="a recipient outside may have data by a chain for abroad")


class RetentionForm(RuleForm):
    """How many months something is kept at least."""

    subject: RetentionSubject
    months: Annotated[Whole, Key(ge=1, le=1200)]


class DutyForm(RuleForm):
    """A dated obligation: what opens it, whose it is, within how many days it is to be closed."""

    name: Text
    role: Role
    opens_on: DutyEvent
    within_days: Annotated[Whole, Key(ge=0, le=3650)]
    every_days: Days | None = Key(None, description="opens anew after so many days, until the term of use ends")
    evidence: Evidence
    when: SelectorForm = Key(default_factory=_always)


class PracticeForm(RuleForm):
    """What the software always does and this article asks for."""

    practice: PracticeKind


class IncidentForm(RuleForm):
    """What opens an incident, and which organs are told."""

    causes: Annotated[tuple[IncidentCause, ...], Key(min_length=1)]
    recipients: Annotated[tuple[Text, ...], Key(min_length=1)]


class PushForm(RuleForm):
    """What is handed to which organ, every so many days or as needed."""

    subject: PushSubject
    to: Text
    every_days: Days | None = None


class ComplaintForm(RuleForm):
    """Within how many days a complaint is registered and answered."""

    register_days: Days
    answer_days: Days


class ReportForm(RuleForm):
    """How often the report of a period is due, and to which organ."""

    every_days: Days
    to: Text


class RiskForm(RuleForm):
    """Limits of one sharing mode."""

    mode: SharingMode
    k: Annotated[Whole, Key(ge=1)]
    suppression_limit: Share
    l_diversity: Annotated[Whole, Key(ge=1)] | None = None
    t_closeness: Share | None = None
    threshold: Share = 0.05


class TermForm(RuleForm):
    """A term of the agreement that is printed into the package."""

    text: LongText
    subject: AgreementSubject


class PrecedenceForm(RuleForm):
    """Of what this policy wins where another says something that cannot be compared."""

    about: Precedence
    of: Annotated[Text, Key(description="the id of the step or the evidence of the duty, or *")] = "*"


class OffenceForm(Form):
    """A listed violation and the refusals that match it."""

    number: Text
    name: Text
    covers: tuple[Violation, ...] = ()


class OutsideForm(Form):
    """Articles for which the software does nothing, with the reason."""

    articles: Text
    reason: Text


class NamesForm(Form):
    """What this place calls the roles and the sharing classes."""

    roles: dict[Role, Text] = Key(default_factory=dict)
    sharing: dict[SharingClass, Text] = Key(default_factory=dict)


class PolicyForm(Form):
    """One regulation as rules."""

    regime: Id
    name: Text
    document: Text
    issuer: Text
    status: Status
    in_force: Day | None = Key(None, description="absent for a draft, and only there")
    until: Day | None = None
    division: Division
    names: NamesForm = NamesForm()
    categories: CategoriesForm | None = None
    catalogue: tuple[CatalogueRuleForm, ...] = ()
    ceilings: tuple[CeilingForm, ...] = ()
    chains: tuple[ChainForm, ...] = ()
    assessments: tuple[AssessmentForm, ...] = ()
    requirements: tuple[RequirementForm, ...] = ()
    agreements: tuple[AgreementForm, ...] = ()
    terms: tuple[TermForm, ...] = ()
    consents: tuple[ConsentForm, ...] = ()
    grants: tuple[GrantForm, ...] = ()
    filings: tuple[FilingForm, ...] = ()
    residency: tuple[ResidencyForm, ...] = ()
    retention: tuple[RetentionForm, ...] = ()
    duties: tuple[DutyForm, ...] = ()
    risk: tuple[RiskForm, ...] = ()
    practices: tuple[PracticeForm, ...] = ()
    incidents: tuple[IncidentForm, ...] = ()
    pushes: tuple[PushForm, ...] = ()
    complaints: tuple[ComplaintForm, ...] = ()
    reports: tuple[ReportForm, ...] = ()
    text_entities: tuple[SpanType, ...] = ()
    text_kept: tuple[TextKept, ...] | None = None
    offences: tuple[OffenceForm, ...] = ()
    precedence: tuple[PrecedenceForm, ...] = ()
    outside: tuple[OutsideForm, ...] = ()
