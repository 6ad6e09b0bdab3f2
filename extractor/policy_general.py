"""What several policies ask whatever the request: grants, filings, practices, floors, organs, limits, each with the rules that won.

Owns the policies as they are asked together, the sides on which each applies, and the answers for which no request is needed. It
must not know a request, nor how a plan is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from extractor.errors import ConfigurationError, Reason
from extractor.policy import Cited, Policy, cite
from extractor.policy_asked import (
    AskedComplaint,
    AskedFiling,
    AskedGrant,
    AskedIncident,
    AskedPush,
    AskedReport,
    AskedRetention,
)
from extractor.policy_checks import offence_number
from extractor.policy_rules import RiskLimit, Term
from extractor.policy_strictest import once, smallest_interval, strictest_limit
from extractor.policy_words import (
    IncidentCause,
    PracticeKind,
    PushSubject,
    RetentionSubject,
    Side,
    Status,
    TextKept,
    Violation,
)
from extractor.requests import SharingMode

_BOTH = frozenset(Side)


@dataclass(frozen=True)
class PolicyGroup:
    """Baseline and regimes asked together: every one applies, the stricter wins.

    ``sides`` says for a regime why it applies; one that is not named there applies on both sides.
    """

    policies: tuple[Policy, ...]
    sides: tuple[tuple[str, tuple[Side, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not self.policies:
            raise ConfigurationError(
                "no policy is loaded", zh="没有载入任何政策", fix_en="name a regime", fix_zh="请指定制度"
            )

    def sides_of(self, policy: Policy) -> frozenset[Side]:
        """Return the sides on which a policy applies here."""
        return next((frozenset(sides) for regime, sides in self.sides if regime == policy.regime), _BOTH)

    @property
    def _of_data(self) -> tuple[Policy, ...]:
        """The policies of the place of the data: residency, categories, demands on the catalogue, grants and filings are theirs."""
        return tuple(policy for policy in self.policies if Side.DATA in self.sides_of(policy))

    def standing_faults(self, day: date) -> tuple[Reason, ...]:
        """Return a reason for each policy that may not be applied on a day."""
        return tuple(_not_standing(policy) for policy in self.policies if not policy.in_term(day))

    def risk_limit(self, mode: SharingMode) -> tuple[RiskLimit, tuple[Cited, ...]]:
        """Return the strictest limits of a sharing mode, key by key, with the rules that won a key.

        Raises:
            ConfigurationError: no policy sets limits for the mode.
        """
        found = [(policy, limit) for policy in self.policies for limit in policy.risk if limit.mode == mode]
        if not found:
            raise ConfigurationError(
                f"no policy sets risk limits for mode {mode.value}",
                zh=f"没有政策规定共享方式 {mode.value} 的风险限值",
                fix_en="add `risk` to the policy",
                fix_zh="请在政策中补充 risk",
            )
        return strictest_limit(found)

    def grant(self) -> AskedGrant | None:
        """Return what a technical service unit's grant must hold, or None where no rule wants one."""
        found = [(rule, cite(policy, rule.rule)) for policy in self._of_data for rule in policy.grants]
        holds = once(part for rule, _ in found for part in rule.holds)
        return AskedGrant(holds, once(cited for _, cited in found)) if found else None

    def filing(self) -> AskedFiling | None:
        """Return the organs that must have an urgent filing first, or None where no rule lets a filing open anything."""
        found = [(rule, cite(policy, rule.rule)) for policy in self._of_data for rule in policy.filings]
        organs = once(organ for rule, _ in found for organ in rule.organs)
        return AskedFiling(organs, once(cited for _, cited in found)) if found else None

    def practice(self, kind: PracticeKind) -> tuple[Cited, ...]:
        """Return the rules that ask for a practice, which its act, record and refusal cite."""
        return tuple(
            cite(policy, rule.rule) for policy in self.policies for rule in policy.practices if rule.practice is kind
        )

    def retention(self, subject: RetentionSubject) -> AskedRetention | None:
        """Return the longest floor for keeping something, or None where no rule sets one."""
        found = [
            (rule.months, cite(policy, rule.rule))
            for policy in self.policies
            for rule in policy.retention
            if rule.subject is subject
        ]
        if not found:
            return None
        longest = max(months for months, _ in found)
        return AskedRetention(longest, once(cited for months, cited in found if months == longest))

    def incident(self, cause: IncidentCause) -> AskedIncident | None:
        """Return who is told of an incident of a cause, or None where no rule opens one for it."""
        found = [
            (rule, cite(policy, rule.rule))
            for policy in self.policies
            for rule in policy.incidents
            if cause in rule.causes
        ]
        recipients = once(name for rule, _ in found for name in rule.recipients)
        return AskedIncident(recipients, once(cited for _, cited in found)) if found else None

    def pushes(self, subject: PushSubject) -> tuple[AskedPush, ...]:
        """Return to which organs something is handed, each with the smallest interval."""
        found = [
            (rule.to, rule.every_days, cite(policy, rule.rule))
            for policy in self.policies
            for rule in policy.pushes
            if rule.subject is subject
        ]
        return tuple(AskedPush(to, every, cited) for to, every, cited in smallest_interval(found))

    def complaint(self) -> AskedComplaint | None:
        """Return the shortest days to register and to answer a complaint, or None where no rule sets them."""
        found = [(rule, cite(policy, rule.rule)) for policy in self.policies for rule in policy.complaints]
        if not found:
            return None
        register = min(rule.register_days for rule, _ in found)
        answer = min(rule.answer_days for rule, _ in found)
        won = once(c for rule, c in found if rule.register_days == register or rule.answer_days == answer)
        return AskedComplaint(register, answer, won)

    def reports(self) -> tuple[AskedReport, ...]:
        """Return to which organs the report of a period goes, each with the smallest interval."""
        found = [
            (rule.to, rule.every_days, cite(policy, rule.rule)) for policy in self.policies for rule in policy.reports
        ]
        return tuple(
            AskedReport(every, to, cited) for to, every, cited in smallest_interval(found) if every is not None
        )

    def offence(self, regime: str, violation: Violation) -> str | None:
        """Return the number under which a regime lists a violation, or None."""
        found = (offence_number(policy, violation) for policy in self.policies if policy.regime == regime)
        return next(found, None)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms that go into the package."""
        return tuple(term for policy in self.policies for term in policy.terms)

    @property
    def text_entities(self) -> tuple[str, ...]:
        """Types of span that free text must be searched for."""
        return tuple(dict.fromkeys(name for policy in self.policies for name in policy.text_entities))

    @property
    def text_kept(self) -> tuple[TextKept, ...]:
        """What texts may keep: what every policy that speaks of it lets stay; nothing where none does."""
        spoken = [set(policy.text_kept) for policy in self.policies if policy.text_kept is not None]
        return tuple(kind for kind in TextKept if spoken and all(kind in kept for kept in spoken))

    @property
    def local_policy(self) -> Policy:
        """The most local policy: the last one, whose names of roles and classes are shown."""
        return self.policies[-1]


def _not_standing(policy: Policy) -> Reason:
    if policy.status is Status.REPEALED:
        zh, en = "该政策已废止", "the regulation is repealed"
    else:
        zh, en = "该政策不在施行期内", "the regulation is not in force on this day"
    return Reason(policy.regime, f"{policy.regime}.status", policy.document, zh, en)
