"""The one tree of errors.

Owns what can go wrong and what it means for the person who asked: each error says what failed, which thing (its name,
never a value of a person) and what to do, in Chinese and in English. It must not know how a message is shown: the command
line and the web translate ``exit_code`` to their own codes.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import ClassVar


class ExtractorError(Exception):
    """Base of every error that a person can act on.

    Args:
        en: what failed, in English, without any value of a person.
        zh: the same in Chinese.
        thing: the name of what it failed on (file:line, table.field, request number).
        fix_en: what to do about it, in English.
        fix_zh: the same in Chinese.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, en: str, *, zh: str, thing: str = "", fix_en: str = "", fix_zh: str = "") -> None:
        self.en, self.zh, self.thing, self.fix_en, self.fix_zh = en, zh, thing, fix_en, fix_zh
        super().__init__(self.text("en"))

    def text(self, language: str = "zh") -> str:
        """Return the message in ``zh`` or ``en``: thing, what failed, what to do."""
        what, fix = (self.zh, self.fix_zh) if language == "zh" else (self.en, self.fix_en)
        head = f"{self.thing}: {what}" if self.thing else what
        arrow = " → " if fix else ""
        return f"{head}{arrow}{fix}"

    def as_json(self) -> dict[str, object]:
        """Return the error as a JSON object with stable keys."""
        return {
            "error": type(self).__name__,
            "thing": self.thing,
            "message": {"zh": self.zh, "en": self.en},
            "fix": {"zh": self.fix_zh, "en": self.fix_en},
            "exit_code": self.exit_code,
        }


class UsageError(ExtractorError):
    """The command was called in a way it does not take."""

    exit_code = 2


class ConfigurationError(ExtractorError):
    """Settings, catalogue, policy, keys or a source are not as they must be."""

    exit_code = 3


class FormError(ConfigurationError):
    """A YAML or JSON document does not fit its schema."""


class SourceError(ConfigurationError):
    """A source table cannot be read as the catalogue says."""


class NotUnique(SourceError):
    """Rows of a source table share a key that must name one person or thing, or have none."""


class MemoryShort(ConfigurationError):
    """The work needs more memory than there is, and stopped rather than write rows to disk."""


class StorageError(ConfigurationError):
    """A disk, folder or database that the act needs cannot be written."""


class LogError(StorageError):
    """The tamper-evident log cannot be written, so the act does not happen."""


# How polars says that it may not spill (POLARS_OOC_DISK_BUDGET_MB=0): as an error of a query, and as a panic of a spill.
_SPILL_REFUSED = ("out-of-core disk budget", "__POLARS_ABORT_OOC")


def lacks_memory(failure: BaseException) -> bool:
    """Whether a failure of the interpreter, of the system or of polars says that the memory did not suffice."""
    if isinstance(failure, MemoryError) or (isinstance(failure, OSError) and failure.errno == errno.ENOMEM):
        return True
    return any(words in str(failure) for words in _SPILL_REFUSED)


def memory_short(thing: str) -> MemoryShort:
    """Return the error for a piece of work that stopped for want of memory."""
    return MemoryShort(
        "more memory is needed; nothing was spilled to disk",
        zh="所需内存超出可用内存;未向磁盘写出任何中间数据",
        thing=thing,
        fix_en="raise limits.memory_bytes in settings.yaml, or ask for a shorter period or fewer fields",
        fix_zh="请提高 settings.yaml 中的 limits.memory_bytes,或缩短数据期间、减少字段",
    )


@dataclass(frozen=True)
class Reason:
    """One reason of a refusal: the field or thing, the rule with its article, and what would be allowed.

    ``violation`` is the number under which the rule's regulation lists the violation, empty where it lists none.
    """

    thing: str
    rule: str
    article: str
    zh: str
    en: str
    allowed_zh: str = ""
    allowed_en: str = ""
    violation: str = ""


_CHANGE_REQUEST = ("change the request as each reason says and submit it again", "请按各项理由修改申请后重新提交")


class Refused(ExtractorError):
    """Policy refuses the act; every reason is given at once. ``fix`` is the way out, in English and Chinese."""

    exit_code = 4

    def __init__(self, reasons: tuple[Reason, ...], *, thing: str = "", fix: tuple[str, str] = _CHANGE_REQUEST) -> None:
        self.reasons = reasons
        listing = {language: "; ".join(_line(reason, language) for reason in reasons) for language in ("zh", "en")}
        super().__init__(
            f"refused by policy for {len(reasons)} reason(s): {listing['en']}",
            zh=f"按政策拒绝,共 {len(reasons)} 项理由:{listing['zh']}",
            thing=thing,
            fix_en=fix[0],
            fix_zh=fix[1],
        )

    def as_json(self) -> dict[str, object]:
        """Return the error with its reasons as objects."""
        reasons = [
            {
                "thing": r.thing,
                "rule": r.rule,
                "article": r.article,
                "message": {"zh": r.zh, "en": r.en},
                "allowed": {"zh": r.allowed_zh, "en": r.allowed_en},
                "violation": r.violation,
            }
            for r in self.reasons
        ]
        return {**super().as_json(), "reasons": reasons}


def _line(reason: Reason, language: str) -> str:
    what, allowed = (reason.zh, reason.allowed_zh) if language == "zh" else (reason.en, reason.allowed_en)
    cited = f"[{reason.rule} {reason.article}]" if reason.article else f"[{reason.rule}]"
    offer = f" ({'可用' if language == 'zh' else 'allowed'}: {allowed})" if allowed else ""
    return f"{reason.thing} {what} {cited}{offer}"


class NothingToGive(ExtractorError):
    """Nobody fits the population, so no package is made."""

    exit_code = 4


class RiskNotMet(ExtractorError):
    """The risk that is left is above the plan's limits and suppression within the limit does not cure it."""

    exit_code = 5


class ResidualFound(ExtractorError):
    """The residual scan met something that must not leave; nothing is delivered."""

    exit_code = 5


class ApprovalError(ExtractorError):
    """An approval is missing, expired, revoked, out of order or by the wrong person."""

    exit_code = 6


class IntegrityError(ExtractorError):
    """A signature, digest or proof does not verify."""

    exit_code = 7


class RecogniserFailed(ExtractorError):
    """A recogniser raised, hung or returned a wrong span; the run stops and nothing is delivered."""

    exit_code = 1


class Interrupted(ExtractorError):
    """The run died or was stopped before it was done; its leftovers are destroyed and recorded."""

    exit_code = 1
