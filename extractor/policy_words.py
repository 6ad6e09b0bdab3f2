"""The closed words of a policy: what a rule may select, ask for, open or name.

Owns the enums that policy files and rules share. Nothing else: what a word does is with the rule that uses it.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Standing of a regulation."""

    IN_FORCE = "in_force"
    TRIAL = "trial"
    DRAFT = "draft"
    REPEALED = "repealed"


class Side(StrEnum):
    """Why a regime applies to a request: it is that of the place of the data, or of the place of the recipient."""

    DATA = "data"
    RECIPIENT = "recipient"


class History(StrEnum):
    """What went before a request, derived from the store: nothing, its own delivered request, or another applicant's."""

    FIRST = "first"
    RENEWAL = "renewal"
    PRECEDENT = "precedent"


class CatalogueDemand(StrEnum):
    """What a regime asks of a catalogue."""

    COMPLETE_FIELD = "complete_field"
    LEGAL_BASIS = "legal_basis"
    ONE_SOURCE = "one_source"
    UNIQUE_IDENTITY = "unique_identity"
    VERSIONED = "versioned"


class Unlock(StrEnum):
    """What opens a field that is otherwise not given: the person's consent, or a treatment that reaches the ceiling."""

    CONSENT = "consent"
    TREATMENT = "treatment"


class AssessmentKind(StrEnum):
    """The three reviews before anything leaves: 保密审查, 信息安全风险评估, 个人信息安全影响评估."""

    CONFIDENTIALITY = "confidentiality"
    SECURITY_RISK = "security_risk"
    PRIVACY_IMPACT = "privacy_impact"


class AgreementSubject(StrEnum):
    """A subject that the text of an agreement must hold."""

    SCOPE = "scope"
    CONDITIONS = "conditions"
    DATA_PRODUCTS = "data_products"
    CONFIDENTIALITY = "confidentiality"
    SECURITY = "security"
    NO_PASSING_ON = "no_passing_on"
    NO_REIDENTIFICATION = "no_reidentification"
    TERM = "term"
    LIABILITY = "liability"


class GrantPart(StrEnum):
    """What a technical service unit's grant must hold."""

    SCOPE = "scope"
    TERM = "term"
    SECURITY_TERMS = "security_terms"
    CONFIDENTIALITY = "confidentiality"
    REPORTED = "reported"


class Place(StrEnum):
    """What a residency rule is about: where the sources lie, where the software stands, where the recipient keeps the data."""

    SOURCE = "source"
    INSTALLATION = "installation"
    RECIPIENT = "recipient"


class DutyEvent(StrEnum):
    """What opens a duty."""

    DELIVERED = "delivered"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    RUN_ENDED = "run_ended"
    INCIDENT = "incident"


class Evidence(StrEnum):
    """What closes a duty."""

    REGISTRATION = "registration"
    CUSTODIAN = "custodian"
    REPORT = "report"
    RENEWAL = "renewal"
    DESTRUCTION = "destruction"
    NOTICE = "notice"


class RetentionSubject(StrEnum):
    """What a retention floor is about."""

    LOG = "log"
    RECORDS = "records"
    PACKAGE = "package"


class PracticeKind(StrEnum):
    """What the software always does, and an article asks for: act, record and refusal cite the article."""

    MINIMAL_PLAN = "minimal_plan"
    INTERMEDIATES_DESTROYED = "intermediates_destroyed"
    TRACEABLE = "traceable"
    ACTS_LOGGED = "acts_logged"
    ROLES_RECORDED = "roles_recorded"
    SIGNED_HANDOVER = "signed_handover"
    GIVER_COPY_DESTROYED = "giver_copy_destroyed"
    DESTRUCTION_BY_ORDER = "destruction_by_order"
    UNIT_HANDOVER = "unit_handover"
    SOURCE_AND_DATE = "source_and_date"
    RECIPIENT_BOUND = "recipient_bound"
    ENCRYPTED_TRANSFER = "encrypted_transfer"
    LEAK_SCAN = "leak_scan"
    UNIQUE_IDENTITY = "unique_identity"
    STALE_SOURCES = "stale_sources"
    BACKUP_RESTORED = "backup_restored"
    IDENTITY_PSEUDONYM = "identity_pseudonym"


class IncidentCause(StrEnum):
    """What opens an incident."""

    LEAK = "leak"
    REFUSED_DOWNLOADS = "refused_downloads"
    BROKEN_LOG = "broken_log"
    REPORTED = "reported"


class PushSubject(StrEnum):
    """What is handed to whom a rule names."""

    LOG = "log"
    INCIDENT = "incident"
    REPORT = "report"


class TextKept(StrEnum):
    """What free text may keep as it is written, because the policy says so."""

    HOSPITAL = "hospital"
    STAFF = "staff"


class Precedence(StrEnum):
    """Of what two policies may say things that cannot be compared."""

    STEP = "step"
    DUTY = "duty"
    ORDER = "order"


class Violation(StrEnum):
    """What a refusal violates, so that a regime can give it its own number."""

    BEYOND_CATALOGUE = "beyond_catalogue"
    REPEATED_COLLECTION = "repeated_collection"
    BEYOND_SCOPE = "beyond_scope"
    PRIVACY = "privacy"
    TAMPERING = "tampering"
    IDENTITY = "identity"
    STALE_DATA = "stale_data"
    COMPLAINT = "complaint"
    OTHER = "other"
