"""One entry of the log: what it says, and how it becomes the content of a leaf.

Owns the verbs (Fuzhou, 榕政综〔2017〕122号, art. 27, and the acts of the workflow), the fields of form 6, and the salted
commitments that stand for a person in the tree. It must not know where entries are kept. An entry names things, counts and
digests; it never holds a value of a person.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from typing import Any

from extractor.canonical import canonical_bytes
from extractor.errors import IntegrityError, UsageError

# C2SP tlog-tiles writes the length of an entry in two bytes.
MAX_LEAF_BYTES = 0xFFFF
SALT_BYTES = 32

# The fields of an entry that tell who a person is; in the tree each stands as a salted commitment.
PERSONAL_FIELDS = ("actor", "client")

_SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)
_COMMITMENT = re.compile(r"sha256:[0-9a-f]{64}")


class Verb(StrEnum):
    """What was done: the eight verbs of Fuzhou art. 27, then the acts of the workflow; ``zh`` is the Chinese name."""

    zh: str

    AGGREGATE = "aggregate", "汇聚"
    SHARE = "share", "共享"
    QUERY = "query", "查询"
    COMPARE = "compare", "比对"
    DOWNLOAD = "download", "下载"
    ANALYSE = "analyse", "分析研判"
    ACCESS = "access", "访问"
    MAINTAIN = "maintain", "更新维护"

    INIT = "init", "初始化"
    SIGN_IN = "sign_in", "登录"
    PERSON_ADD = "person_add", "登记人员"
    PERSON_CHANGE = "person_change", "变更人员"
    KEY_CREATE = "key_create", "生成密钥"
    KEY_DESTROY = "key_destroy", "销毁密钥"
    CONFIGURE = "configure", "变更配置"
    SUBMIT = "submit", "提交申请"
    SIGN = "sign", "签署"
    REFUSE = "refuse", "拒绝"
    WITHDRAW = "withdraw", "撤回"
    EXPIRE = "expire", "到期"
    COMPILE = "compile", "编制提取方案"
    FREEZE = "freeze", "冻结方案"
    RUN_START = "run_start", "开始提取"
    RUN_END = "run_end", "结束提取"
    INTERRUPT = "interrupt", "运行中断"
    RISK = "risk", "风险评估"
    SCAN = "scan", "残留扫描"
    SEAL = "seal", "封装"
    DELIVER = "deliver", "交付"
    HANDOVER = "handover", "交接"
    OPEN = "open", "解封"
    PURGE = "purge", "清除中间数据"
    DESTROY = "destroy", "销毁"
    DESTROY_ORDER = "destroy_order", "销毁令"
    DUTY_OPEN = "duty_open", "设立义务"
    DUTY_CLOSE = "duty_close", "了结义务"
    BREACH_OPEN = "breach_open", "记入诚信档案"
    BREACH_CLOSE = "breach_close", "销去诚信记录"
    ASSESS = "assess", "评估审查"
    AGREE = "agree", "拟订协议"
    CONSENT_GIVE = "consent_give", "登记同意"
    CONSENT_REVOKE = "consent_revoke", "撤回同意"
    GRANT = "grant", "授权"
    FILE = "file", "报备"
    INCIDENT = "incident", "事件处置"
    COMPLAIN = "complain", "投诉举报"
    REPORT = "report", "报告"
    PUSH = "push", "推送"
    BACK_UP = "back_up", "备份"
    RESTORE = "restore", "恢复"
    UNIT_HANDOVER = "unit_handover", "单位移交"
    EXPUNGE = "expunge", "期满清理"
    EXPORT = "export", "导出日志"
    VERIFY = "verify", "核验"
    FORGET = "forget", "删除人员标识"

    def __new__(cls, value: str, zh: str = "") -> Verb:
        """Make the member a string of its English name that carries its Chinese one."""
        member = str.__new__(cls, value)
        member._value_, member.zh = value, zh
        return member


class Result(StrEnum):
    """How the act ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One act, with the fields of form 6.

    ``time`` is UTC as ``stamp`` writes it. ``sequence`` is None until the log has given it, from 0 on, and is then the index
    of the leaf. ``actor`` and ``client`` (the address of the actor's machine) are what the caller knows; in the leaf stand
    their commitments, and an entry that was read back shows the commitment where the person was forgotten.
    """

    time: str
    verb: Verb
    actor: str
    object: str
    result: Result = Result.OK
    role: str | None = None
    unit: str | None = None
    signed_in: str | None = None
    client: str | None = None
    object_digest: str | None = None
    request: str | None = None
    agreement: str | None = None
    rows: int | None = None
    bytes: int | None = None
    columns: tuple[str, ...] | None = None
    reason: str | None = None
    rule: str | None = None
    article: str | None = None
    sequence: int | None = None

    def __post_init__(self) -> None:
        if not _is_time(self.time):
            raise _unfit("time", "UTC as 2026-01-31T08:00:00.000000Z", "UTC,形如 2026-01-31T08:00:00.000000Z")
        if not self.actor or not self.object:
            raise _unfit("actor, object", "not empty", "不得为空")
        if any(count is not None and count < 0 for count in (self.rows, self.bytes, self.sequence)):
            raise _unfit("rows, bytes, sequence", "not negative", "不得为负")

    @property
    def shown_time(self) -> str:
        """The time as people in China read it, such as ``2026-01-31 16:00:00 +08:00``."""
        moment = datetime.fromisoformat(self.time).astimezone(_SHANGHAI)
        return f"{moment:%Y-%m-%d %H:%M:%S} +08:00"

    @property
    def forgotten(self) -> bool:
        """Whether the actor of this entry, as it was read back, is known by the commitment only."""
        return _COMMITMENT.fullmatch(self.actor) is not None


def stamp(moment: datetime) -> str:
    """Return a time as the log writes it: UTC, microseconds, ``Z``; such texts sort by time.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def commitment(salt: bytes, value: str) -> str:
    """Return what stands for a personal identifier in the tree: SHA-256 over a secret salt and the identifier."""
    return "sha256:" + sha256(salt + value.encode()).hexdigest()


def committed(entry: LogEntry, salts: dict[str, bytes]) -> LogEntry:
    """Return the entry with the commitment in place of every personal field, given a salt for each."""
    hidden = {name: commitment(salt, str(getattr(entry, name))) for name, salt in salts.items()}
    return replace(entry, **hidden)  # type: ignore[arg-type]  # only the text fields PERSONAL_FIELDS names are replaced


def leaf_content(entry: LogEntry) -> bytes:
    """Return the content of the entry's leaf: its canonical JSON (RFC 8785), fields that are absent left out."""
    return canonical_bytes(entry)


def read_leaf(content: bytes, sequence: int) -> LogEntry:
    """Return the entry of a leaf's content.

    Raises:
        IntegrityError: the content is no entry in canonical JSON, or says another sequence than the leaf has.
    """
    try:
        entry = _entry(json.loads(content))
        canonical = leaf_content(entry) == content
    except (ValueError, TypeError, KeyError, AttributeError, UsageError):
        canonical = False
    if not canonical:
        raise broken_at(sequence, "the leaf holds no entry of this log", "叶子内容不是本日志的条目")
    if entry.sequence != sequence:
        raise broken_at(sequence, "the entry stands in another's place", "条目不在其应有的位置")
    return entry


def check_time(entry: LogEntry, after: str) -> None:
    """Check that an entry is not earlier than the one before it.

    Raises:
        IntegrityError: the time runs backwards.
    """
    if entry.time < after:
        raise broken_at(entry.sequence or 0, "the time runs backwards", "时间倒退")


def broken_at(sequence: int, en: str, zh: str) -> IntegrityError:
    """Return the error that names the first entry of the log that is not as it was written."""
    return IntegrityError(
        en,
        zh=zh,
        thing=f"log entry {sequence}",
        fix_en="keep the log as evidence and compare it with the checkpoint and the export kept elsewhere",
        fix_zh="请保留日志作为证据,并与另存的检查点和导出件比对",
    )


def _entry(body: Any) -> LogEntry:
    if not isinstance(body, dict) or not body.keys() <= {field.name for field in fields(LogEntry)}:
        raise TypeError("no entry")
    texts = {"verb": Verb(body["verb"]), "result": Result(body["result"])}
    columns = tuple(body["columns"]) if "columns" in body else None
    return LogEntry(**{**body, **texts, "columns": columns})


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _unfit(name: str, en: str, zh: str) -> UsageError:
    return UsageError(f"must be {en}", zh=f"应为:{zh}", thing=f"log entry: {name}")
