"""The closed words of a plan in Chinese: roles, events, subjects, practices.

Owns one name for each word of the enums that a plan repeats. It must not know sentences nor where they are shown.
"""

from __future__ import annotations

from extractor.catalogue import FieldClass
from extractor.plans.nodes import Operator
from extractor.policy import Cited
from extractor.policy_words import (
    AgreementSubject,
    AssessmentKind,
    DutyEvent,
    Evidence,
    GrantPart,
    History,
    PracticeKind,
    Status,
    Unlock,
)
from extractor.requests import Role

CLASS_ZH = {
    FieldClass.DIRECT: "直接标识符",
    FieldClass.QUASI: "准标识符",
    FieldClass.SENSITIVE: "敏感属性",
    FieldClass.OTHER: "其他",
}
MODE_ZH = {"public": "完全公开共享", "controlled": "受控公开共享", "enclave": "领地公开共享"}
TECHNIQUE_ZH = {
    "keep": "保留", "suppress": "抑制", "mask": "屏蔽", "generalise": "泛化", "top_code": "顶层编码", "round": "取整",
    "pseudonymise": "假名化", "date_shift": "日期偏移", "redact": "文本脱敏", "surrogate": "一致替换",
}  # fmt: skip
OPERATOR_ZH = {
    Operator.EQUAL: "等于", Operator.NOT_EQUAL: "不等于", Operator.LESS: "小于", Operator.LESS_EQUAL: "不大于",
    Operator.GREATER: "大于", Operator.GREATER_EQUAL: "不小于",
}  # fmt: skip
ROLE_ZH = {
    Role.DATA_USER: "数据使用方", Role.TECHNICAL_SERVICE_UNIT: "技术服务单位", Role.OPERATOR: "数据运营方",
    Role.PROVIDER: "数据提供方", Role.AUTHORITY: "主管部门", Role.DESTROYER: "销毁人", Role.WITNESS: "监销人",
    Role.AUDITOR: "审计人",
}  # fmt: skip
STATUS_ZH = {
    Status.IN_FORCE: "现行", Status.TRIAL: "试行", Status.DRAFT: "征求意见稿", Status.REPEALED: "已废止",
}  # fmt: skip
HISTORY_ZH = {History.FIRST: "首次申请", History.RENEWAL: "延期使用", History.PRECEDENT: "沿用先例"}
UNLOCK_ZH = {Unlock.CONSENT: "凭权利人同意提供", Unlock.TREATMENT: "经脱敏达到规定等级后提供"}
ASSESSMENT_ZH = {
    AssessmentKind.CONFIDENTIALITY: "保密审查", AssessmentKind.SECURITY_RISK: "信息安全风险评估",
    AssessmentKind.PRIVACY_IMPACT: "个人信息安全影响评估",
}  # fmt: skip
SUBJECT_ZH = {
    AgreementSubject.SCOPE: "使用范围", AgreementSubject.CONDITIONS: "使用条件", AgreementSubject.DATA_PRODUCTS: "数据产品",
    AgreementSubject.CONFIDENTIALITY: "保密责任", AgreementSubject.SECURITY: "安全措施",
    AgreementSubject.NO_PASSING_ON: "不得转给第三方", AgreementSubject.NO_REIDENTIFICATION: "不得重识别",
    AgreementSubject.TERM: "使用期限", AgreementSubject.LIABILITY: "违约责任",
}  # fmt: skip
GRANT_ZH = {
    GrantPart.SCOPE: "授权范围", GrantPart.TERM: "期限", GrantPart.SECURITY_TERMS: "安全条款",
    GrantPart.CONFIDENTIALITY: "保密协议", GrantPart.REPORTED: "基本情况已报备",
}  # fmt: skip
EVENT_ZH = {
    DutyEvent.DELIVERED: "交付后", DutyEvent.EXPIRING: "到期前", DutyEvent.EXPIRED: "到期后",
    DutyEvent.RUN_ENDED: "提取结束后", DutyEvent.INCIDENT: "发生安全事件后",
}  # fmt: skip
EVIDENCE_ZH = {
    Evidence.REGISTRATION: "登记记录", Evidence.CUSTODIAN: "指定人员", Evidence.REPORT: "使用报告",
    Evidence.RENEWAL: "延期申请或不再延期的确认", Evidence.DESTRUCTION: "销毁记录", Evidence.NOTICE: "通知记录",
}  # fmt: skip
PRACTICE_ZH = {
    PracticeKind.MINIMAL_PLAN: "最小化提取方案", PracticeKind.INTERMEDIATES_DESTROYED: "中间数据清理销毁",
    PracticeKind.TRACEABLE: "可管可控可追溯", PracticeKind.ACTS_LOGGED: "操作全部记入日志",
    PracticeKind.ROLES_RECORDED: "记录各方职责", PracticeKind.SIGNED_HANDOVER: "双方签字交接",
    PracticeKind.GIVER_COPY_DESTROYED: "移交方不留存副本", PracticeKind.DESTRUCTION_BY_ORDER: "凭销毁令销毁",
    PracticeKind.UNIT_HANDOVER: "单位变更时完整移交", PracticeKind.SOURCE_AND_DATE: "注明来源和获取日期",
    PracticeKind.RECIPIENT_BOUND: "只限收件人解密", PracticeKind.ENCRYPTED_TRANSFER: "加密传输",
    PracticeKind.LEAK_SCAN: "泄露检查", PracticeKind.UNIQUE_IDENTITY: "身份唯一性检查",
    PracticeKind.STALE_SOURCES: "更新周期检查", PracticeKind.BACKUP_RESTORED: "备份与恢复演练",
    PracticeKind.IDENTITY_PSEUDONYM: "身份主键只以项目内假名提供",
}  # fmt: skip


def cited_words(cited: Cited) -> str:
    """Return a citation as people read it: regime and rule, and the article."""
    return f"{cited.regime}.{cited.rule}〔{cited.article}〕"


def titled(name: str) -> str:
    """Return the name of a document between title marks; a stored one may carry them already."""
    return f"《{name.strip('《》')}》"


def all_cited(cited: tuple[Cited, ...]) -> str:
    """Return several citations as one text."""
    return "、".join(map(cited_words, cited))
