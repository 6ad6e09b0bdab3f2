"""The keys of a policy file: one model for each kind of rule.

Owns the YAML shape of a policy and nothing else: how it becomes a policy of the core is in ``policy_form``. Nothing in a policy
is code; selectors and requirements are closed sets of keys.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Key

from extractor.catalogue import FieldClass, SharingClass, Subject
from extractor.deid.spans import SpanType
from extractor.forms.shape import Day, Division, Form, Kind, LongText, Number, Text, Truth, Whole
from extractor.policy import DutyEvent, RetentionSubject, Status, Violation
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


def _always() -> SelectorForm:
    return SelectorForm.model_validate({})


class RuleForm(Form):
    """Where a rule stands: a short name, the article, the clause in one line."""

    id: Id
    article: Text
    quote: Text


class CeilingForm(RuleForm):
    """The finest levels that fields may have where the selector matches."""

    when: SelectorForm = Key(default_factory=_always)
    levels: Annotated[dict[Kind, Text], Key(min_length=1)]


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


class ResidencyForm(RuleForm):
    """Areas within which data and recipients must be: prefixes of GB/T 2260, or CN."""

    within: Annotated[tuple[Area, ...], Key(min_length=1)]


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
    in_force: Day
    until: Day | None = None
    division: Division
    names: NamesForm = NamesForm()
    categories: tuple[Text, ...] = ()
    ceilings: tuple[CeilingForm, ...] = ()
    chains: tuple[ChainForm, ...] = ()
    requirements: tuple[RequirementForm, ...] = ()
    residency: tuple[ResidencyForm, ...] = ()
    retention: tuple[RetentionForm, ...] = ()
    duties: tuple[DutyForm, ...] = ()
    risk: tuple[RiskForm, ...] = ()
    terms: tuple[TermForm, ...] = ()
    text_entities: tuple[SpanType, ...] = ()
    offences: tuple[OffenceForm, ...] = ()
    outside: tuple[OutsideForm, ...] = ()
