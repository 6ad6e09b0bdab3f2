"""What the software does with a rule, said in Chinese for people who read the regulation: one sentence for each rule type.

Owns the words of the rule types and of their closed words. It must not know where a rule is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import StrEnum
from typing import Any

from extractor.levels import hierarchy_of
from extractor.plans.words import titled
from extractor.policy_rules import (
    AgreementRule,
    AssessmentRule,
    CatalogueRule,
    Categories,
    Ceiling,
    Chain,
    ComplaintRule,
    ConsentRule,
    Duty,
    FilingRule,
    GrantRule,
    IncidentRule,
    Practice,
    Preferred,
    Push,
    ReportRule,
    Requirement,
    Residency,
    Retention,
    RiskLimit,
    Step,
    Term,
)
from extractor.selection import Selector

_WORDS: dict[str, dict[str, str]] = {
    "Status": {"in_force": "施行", "trial": "试行", "draft": "征求意见稿", "repealed": "废止"},
    "Side": {"data": "数据所在地", "recipient": "接收方所在地"},
    "History": {"first": "首次申请", "renewal": "延期", "precedent": "有先例"},
    "FieldClass": {"direct": "直接标识符", "quasi": "准标识符", "sensitive": "敏感字段", "other": "其他字段"},
    "Subject": {"person": "本人", "relative": "亲属", "staff": "工作人员"},
    "SharingClass": {"open": "开放类", "conditional": "有条件类", "restricted": "受限类"},
    "SharingMode": {"public": "完全公开共享", "controlled": "受控公开共享", "enclave": "领地公开共享"},
    "Consent": {"none": "无同意", "waiver": "豁免同意", "written": "书面同意"},
    "ApplicantKind": {
        "administrative_organ": "行政机关", "public_institution": "事业单位", "university": "高校",
        "research_institute": "科研院所", "enterprise": "企业",
    },
    "PurposeCategory": {
        "research": "科研", "teaching": "教学", "public_health": "公共卫生", "administration": "行政管理",
        "product": "产品开发",
    },
    "Role": {
        "data_user": "数据使用方", "technical_service_unit": "技术服务单位", "operator": "运营方", "provider": "提供方",
        "authority": "主管部门", "destroyer": "销毁人", "witness": "监销人", "auditor": "审计人",
    },
    "CatalogueDemand": {
        "complete_field": "每个字段写全各项内容", "legal_basis": "有条件类和受限类字段写明理由和法律依据",
        "one_source": "一个数据项只有一个来源", "unique_identity": "指明唯一的身份标识", "versioned": "目录有版本",
    },
    "Unlock": {"consent": "个人书面同意", "treatment": "达到上列等级的脱敏处理"},
    "AssessmentKind": {
        "confidentiality": "保密审查", "security_risk": "信息安全风险评估", "privacy_impact": "个人信息安全影响评估",
    },
    "AgreementSubject": {
        "scope": "使用范围", "conditions": "使用条件", "data_products": "数据产品", "confidentiality": "保密责任",
        "security": "安全措施", "no_passing_on": "不得转给第三方", "no_reidentification": "不得重新识别", "term": "期限",
        "liability": "违约责任",
    },
    "GrantPart": {
        "scope": "授权范围", "term": "期限", "security_terms": "安全服务条款", "confidentiality": "保密协议",
        "reported": "已报告主管部门",
    },
    "Place": {"source": "来源库", "installation": "软件所在地", "recipient": "接收方存放地"},
    "DutyEvent": {
        "delivered": "交付之日", "expiring": "使用期即将届满时", "expired": "使用期满之日", "run_ended": "运行结束时",
        "incident": "发生事件时",
    },
    "Evidence": {
        "registration": "登记备案", "custodian": "指定人员", "report": "使用报告", "renewal": "延期申请或不再延期的确认",
        "destruction": "销毁记录", "notice": "通知记录",
    },
    "RetentionSubject": {"log": "日志", "records": "申请、审批和销毁记录", "package": "数据包"},
    "PracticeKind": {
        "minimal_plan": "编制最小化提取方案,方案外的字段和行一概不读", "intermediates_destroyed": "清理、销毁中间数据并记录",
        "traceable": "日志防篡改,每一行为可追溯", "acts_logged": "对数据及副本的每一操作记入日志",
        "roles_recorded": "每条记录写明各方角色和单位", "signed_handover": "双方签字后交接方告完成",
        "giver_copy_destroyed": "移交后销毁移交方的副本并记录", "destruction_by_order": "只凭销毁令销毁,不能任意更改或删除",
        "unit_handover": "单位变更时编制移交清单,双方签字", "source_and_date": "数据包、数据字典和每个数据文件注明来源和获取日期",
        "recipient_bound": "数据包只有指定接收方能够解密,并带接收方指纹", "encrypted_transfer": "加密传输",
        "leak_scan": "打包前检查有无泄露,命中即停止", "unique_identity": "检查身份标识有无重复,重复即停止",
        "stale_sources": "运行时检查更新周期,对过期来源告警", "backup_restored": "备份并演练恢复",
        "identity_pseudonym": "证件号码只作关联键,仅以项目内假名提供",
    },
    "IncidentCause": {
        "leak": "发现泄露", "refused_downloads": "多次下载被拒", "broken_log": "日志校验不通过", "reported": "有人报告",
    },
    "PushSubject": {"log": "使用日志", "incident": "事件报告", "report": "期间报告"},
    "TextKept": {"hospital": "医院名称", "staff": "本行医务人员姓名"},
    "Precedence": {"step": "步骤", "duty": "义务", "order": "步骤的次序"},
    "Violation": {
        "beyond_catalogue": "超出目录", "beyond_scope": "超出范围或目的", "privacy": "违规使用隐私数据", "tampering": "更改或删除",
        "repeated_collection": "重复采集", "identity": "身份标识不合规定", "stale_data": "数据未更新",
        "complaint": "未办理投诉举报", "other": "其他",
    },
}  # fmt: skip


def word(value: StrEnum) -> str:
    """Return the Chinese word of a closed word."""
    return _WORDS[type(value).__name__][value.value]


def words(values: Iterable[StrEnum]) -> str:
    """Return the Chinese words of several closed words in one list."""
    return "、".join(word(value) for value in values)


_TRUTHS = {
    "non_profit": ("非营利用途", "营利用途"),
    "urgent": ("使用目录外紧急报备", "没有目录外紧急报备"),
    "abroad": ("向境外提供", "不出境"),
}


def condition(when: Selector) -> str:
    """Say when a rule applies; empty where it always does."""
    parts = []
    for field in fields(when):
        value = getattr(when, field.name)
        if isinstance(value, bool):
            parts.append(_TRUTHS[field.name][not value])
        elif value and field.name == "kinds":
            parts.append("、".join(hierarchy_of(kind).zh for kind in value))
        elif value and field.name == "categories":
            parts.append("、".join(value))
        elif value:
            parts.append(words(value))
    return ";".join(parts)


def _levels(rule: Ceiling) -> str:
    finest = "、".join(
        f"{hierarchy_of(each.kind).zh}={hierarchy_of(each.kind).level(each.level).zh}" for each in rule.levels
    )
    return f"最细等级:{finest}" + (f";凭{word(rule.unlocks)}开放受限字段" if rule.unlocks else "")


def _step(step: Step) -> str:
    return f"{step.zh}({step.unit or word(step.role)})"


_ASKED: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("forbidden", lambda _: "不予提供"),
    ("applicants", lambda value: f"申请单位须为{words(value)}"),
    ("domestically_controlled", lambda value: "须为内资控股法人" if value else "须非内资控股法人"),
    ("industrial_park", lambda value: "须在产业园范围内" if value else "须在产业园范围外"),
    ("non_profit", lambda value: "须为非营利用途" if value else "须为营利用途"),
    ("ethics", lambda _: "须有伦理审查批件"),
    ("consent", lambda value: f"须有{words(value)}"),
    ("abroad", lambda value: "须向境外提供" if value else "不得向境外提供"),
    ("passed_on", lambda value: "须提供给第三方" if value else "不得提供给第三方"),
    ("mlps_at_least", lambda value: f"接收环境的网络安全等级保护不低于第 {value} 级"),
    ("no_open_breach", lambda _: "申请单位在诚信档案中没有未了结的失信记录"),
)

# False asks for nothing here.
_ONLY_TRUE = ("forbidden", "ethics", "no_open_breach")


def _requirement(rule: Requirement) -> str:
    asked = [say(getattr(rule, key)) for key, say in _ASKED if getattr(rule, key) not in (None, (), False)]
    asked += [say(False) for key, say in _ASKED if getattr(rule, key) is False and key not in _ONLY_TRUE]
    return f"{','.join(asked)};不符合的拒绝,记为“{word(rule.violation)}”"


def _residency(rule: Residency) -> str:
    area = "、".join("境内" if area == "CN" else f"行政区划 {area} 开头的地区" for area in rule.within)
    return f"{words(rule.of)}须在{area}" + (",接收方在外的须经向境外提供的审批" if rule.by_chain else "") + ",否则拒绝"


def _duty(rule: Duty) -> str:
    again = f",每 {rule.every_days} 日一次" if rule.every_days else ""
    when, days = word(rule.opens_on), rule.within_days
    return f"{word(rule.role)}的义务“{rule.zh}”:自{when}起 {days} 日内{again},以{word(rule.evidence)}办结,逾期列出"


def _risk(rule: RiskLimit) -> str:
    more = "" if rule.l_diversity is None else f",l ≥ {rule.l_diversity}"
    more += "" if rule.t_closeness is None else f",t ≤ {rule.t_closeness}"
    share = f"{rule.suppression_limit:.0%}"
    return f"{word(rule.mode)}:k ≥ {rule.k}{more},舍去的人不超过 {share},风险不超过 {rule.threshold}"


def _every(days: int | None) -> str:
    return f"每 {days} 日" if days else "根据需要"


_SAID: dict[type, tuple[str, Callable[[Any], str]]] = {
    Categories: ("目录类目", lambda r: f"字段类目限于 {len(r.names)} 类:{'、'.join(r.names)}"),
    CatalogueRule: ("目录要求", lambda r: f"目录须{words(r.demands)},否则不予编制方案"),
    Ceiling: ("等级上限", _levels),
    Chain: ("审批步骤", lambda r: f"{len(r.steps)} 步,依次签字:{' → '.join(map(_step, r.steps))}"),
    AssessmentRule: ("评估", lambda r: f"审批前须有{words(r.kinds)},{r.valid_days} 日内有效"),
    Requirement: ("要求", _requirement),
    AgreementRule: ("协议", lambda r: f"签订{titled(r.name)},写明{words(r.subjects)},未签不交付"),
    Term: ("协议条款", lambda r: f"写入数据包:{r.zh}"),
    ConsentRule: ("同意登记", lambda _: "按同意登记逐人核对,未同意或已撤回的不提取,只计人数"),
    GrantRule: ("授权", lambda r: f"技术服务单位凭有效授权运行,授权须写明{words(r.holds)}"),
    FilingRule: ("目录外报备", lambda r: f"目录外字段须先报备,经{'、'.join(r.organs)}确认后方可使用"),
    Residency: ("存放地", _residency),
    Retention: ("保存期限", lambda r: f"{word(r.subject)}至少保存 {r.months} 个月"),
    Duty: ("义务", _duty),
    RiskLimit: ("风险限值", _risk),
    Practice: ("软件做法", lambda r: word(r.practice)),
    IncidentRule: ("安全事件", lambda r: f"{words(r.causes)}即立事件,告知{'、'.join(r.recipients)}"),
    Push: ("推送", lambda r: f"{_every(r.every_days)}将{word(r.subject)}推送给{r.to}"),
    ComplaintRule: ("投诉举报", lambda r: f"{r.register_days} 日内登记,{r.answer_days} 日内答复"),
    ReportRule: ("期间报告", lambda r: f"每 {r.every_days} 日向{r.to}报告"),
    Preferred: ("优先", lambda r: f"与他处无法比较的{word(r.about)}({r.of})以本办法为准"),
}


def type_of(rule: Any) -> str:
    """Return what a rule type is called."""
    return _SAID[type(rule)][0]


def effect_of(rule: Any) -> str:
    """Say what the software does with a rule, with its numbers and its condition."""
    said = _SAID[type(rule)][1](rule)
    when = condition(rule.when) if hasattr(rule, "when") else ""
    return f"{said}(适用于:{when})" if when else said
