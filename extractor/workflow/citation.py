"""Finding the rules that stand under an article, however its number is written.

Owns the reading of article numbers in Arabic and Chinese digits.
"""

from __future__ import annotations

import re

from extractor.policy import Policy, Rule

_DIGITS = "零一二三四五六七八九"


def rules_of(policy: Policy, article: str | None) -> tuple[Rule, ...]:
    """Return the rules of a policy, each once; those of one article where it is named (``19``, ``十九`` or ``第十九条``)."""
    rules = {rule.id: rule for rule in policy.rules}
    if article is None:
        return tuple(rules.values())
    number = chinese_number(int(article)) if article.isdigit() else article.removeprefix("第").removesuffix("条")
    wanted = re.compile(f"第{re.escape(number)}条")
    return tuple(rule for rule in rules.values() if wanted.search(rule.article))


def chinese_number(number: int) -> str:
    """Return 1 to 99 in Chinese digits, as articles are numbered.

    Raises:
        ValueError: the number is outside 1 to 99.
    """
    if not 1 <= number <= 99:
        raise ValueError("articles are numbered from 1 to 99")
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")
