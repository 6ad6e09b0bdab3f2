"""Reading a policy against its regulation: the rules under an article, the listed violations, and what was left outside.

Owns which parts of a policy stand under an article, however its number is written. It must not know what a rule does; the words
are in ``rule_words``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from extractor.article_numbers import article_number, articles_in
from extractor.errors import ConfigurationError
from extractor.policy import Policy
from extractor.policy_rules import Outside, Rule
from extractor.workflow.rule_words import effect_of, type_of, word, words


@dataclass(frozen=True)
class Clause:
    """One rule as an auditor reads it: where it stands, its text, what kind of rule it is, what the software does with it."""

    id: str
    article: str
    quote: str
    type: str
    does: str


@dataclass(frozen=True)
class ListedViolation:
    """One listed violation and the refusals that are marked with its number."""

    number: str
    zh: str
    covers: str


@dataclass(frozen=True)
class Reading:
    """A regime, or one article of it: rules, listed violations, and articles left outside with the reason."""

    regime: str
    name: str
    document: str
    standing: str
    rules: tuple[Clause, ...]
    offences: tuple[ListedViolation, ...]
    outside: tuple[Outside, ...]

    @property
    def text(self) -> str:
        """The reading for people."""
        lines = [f"{self.name} 〔{self.document}〕 {self.standing}"]
        lines += [f"{each.id} 〔{each.article}〕\n    {each.quote}\n    {each.type}:{each.does}" for each in self.rules]
        lines += [
            f"〔{each.number}〕 {each.zh}\n    违规情形:"
            + (f"拒绝记此号:{each.covers}" if each.covers else "无对应的拒绝")
            for each in self.offences
        ]
        lines += [f"〔{each.articles}〕 不在软件之内:{each.reason}" for each in self.outside]
        return "\n".join(lines if len(lines) > 1 else [*lines, "没有规则 · no rules"])


def read_regime(policy: Policy, article: str | None = None) -> Reading:
    """Return a policy as an auditor reads it, all or one article (``19``, ``十九`` or ``第十九条``).

    Raises:
        ConfigurationError: ``article`` is no number of an article.
    """
    number = None if article is None else _number(article)

    def stands(text: str) -> bool:
        return number is None or number in articles_in(text)

    return Reading(
        policy.regime,
        policy.zh,
        policy.document,
        standing(policy),
        tuple(_clause(item) for item in _items(policy) if stands(item.rule.article)),
        tuple(
            ListedViolation(each.number, each.zh, words(each.covers)) for each in policy.offences if stands(each.number)
        ),
        tuple(each for each in policy.outside if stands(each.articles)),
    )


def rules_of(policy: Policy, article: str | None) -> tuple[Rule, ...]:
    """Return the rules of a policy, or those of one article.

    Raises:
        ConfigurationError: as :func:`read_regime`.
    """
    number = None if article is None else _number(article)
    return tuple(rule for rule in policy.rules if number is None or number in articles_in(rule.article))


def standing(policy: Policy) -> str:
    """Say whether the regulation is in force, and since when; a draft is called one."""
    term = f"自 {policy.in_force.isoformat()} 起" if policy.in_force else "未施行,仅在设置中指定时适用"
    until = f"至 {policy.until.isoformat()}" if policy.until else ""
    return f"{word(policy.status)},{term}{until}"


def _number(article: str) -> int:
    number = article_number(article)
    if number is None:
        raise ConfigurationError(
            "this is no number of an article",
            zh="这不是条号",
            thing="article",
            fix_en="write it as 19, 十九 or 第十九条",
            fix_zh="请写作 19、十九 或 第十九条",
        )
    return number


def _items(policy: Policy) -> list[Any]:
    """Return every rule with what it carries."""
    groups = [getattr(policy, field.name) for field in fields(policy)]
    flat = [item for group in groups for item in (group if isinstance(group, tuple) else (group,))]
    return [item for item in flat if hasattr(item, "rule")]


def _clause(item: Any) -> Clause:
    rule: Rule = item.rule
    return Clause(rule.id, rule.article, rule.quote, type_of(item), effect_of(item))
