"""The text of an agreement where nobody writes one: made from the plan, a clause for every subject, in Chinese.

Owns the wording and the order of the clauses. The same plan, number and parties always give the same text. It must not know who
signs it nor where it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from extractor.canonical import digest_bytes
from extractor.plans.nodes import ApprovalStep, Plan
from extractor.plans.words import titled
from extractor.policy_words import AgreementSubject
from extractor.requests import Role

TITLES = {
    AgreementSubject.SCOPE: "数据范围",
    AgreementSubject.CONDITIONS: "使用条件",
    AgreementSubject.DATA_PRODUCTS: "数据产品与成果",
    AgreementSubject.CONFIDENTIALITY: "保密",
    AgreementSubject.SECURITY: "安全保障",
    AgreementSubject.NO_PASSING_ON: "不得转供",
    AgreementSubject.NO_REIDENTIFICATION: "不得重新识别",
    AgreementSubject.TERM: "使用期限",
    AgreementSubject.LIABILITY: "责任",
}
_ROLES = {
    Role.DATA_USER: "数据使用单位",
    Role.OPERATOR: "数据运营单位",
    Role.PROVIDER: "数据提供单位",
    Role.AUTHORITY: "主管部门",
    Role.TECHNICAL_SERVICE_UNIT: "技术服务单位",
    Role.DESTROYER: "销毁人",
    Role.WITNESS: "见证人",
    Role.AUDITOR: "审计人",
}
_NUMERALS = "一二三四五六七八九十"


def made_text(
    plan: Plan, *, request: str, parties: tuple[str, ...]
) -> tuple[str, tuple[tuple[AgreementSubject, str], ...]]:
    """Return the text of the agreement over a plan, and the heading of the clause that holds each subject."""
    name = "".join(map(titled, plan.agreement.names)) or "《数据使用协议》"
    lines = [name, "", f"申请编号:{request}", f"项目:{plan.title}({plan.project})"]
    lines += [f"甲方:{parties[0]}", f"乙方:{'、'.join(parties[1:])}"]
    lines += [f"数据提取方案:{plan.digest}", ""]
    clauses = []
    for place, (subject, title) in enumerate(TITLES.items()):
        heading = f"第{_NUMERALS[place]}条 {title}"
        clauses.append((subject, heading))
        lines += [heading, *_clause(plan, subject), ""]
    loose = [term.zh for term in plan.agreement.terms if term.subject is None]
    if loose:
        lines += [f"第{_NUMERALS[len(TITLES)]}条 其他约定", *_listed(loose), ""]
    return "\n".join(lines), tuple(clauses)


def _clause(plan: Plan, subject: AgreementSubject) -> list[str]:
    """Return what the plan and this software's custom say of a subject, then the terms of the regimes with their articles."""
    terms = [f"{t.zh}〔{t.cited.article}〕" for t in plan.agreement.terms if t.subject is subject]
    return _listed([*_own(plan, subject), *terms])


def _listed(points: list[str]) -> list[str]:
    return [f"({place}){point}" for place, point in enumerate(points, start=1)]


def _own(plan: Plan, subject: AgreementSubject) -> list[str]:
    """Return what this software writes of a subject by itself."""
    source = f"{plan.source.name}(获取日期 {plan.source.acquired.isoformat()})"
    period = f"数据期间:{plan.period.first.isoformat()} 至 {plan.period.last.isoformat()}。"
    return {
        AgreementSubject.SCOPE: [*_fields(plan), period],
        AgreementSubject.CONDITIONS: [f"用途:{plan.purpose}", f"仅限下列人员使用:{'、'.join(plan.people)}。"],
        AgreementSubject.DATA_PRODUCTS: [f"由本数据形成的产品和成果须注明数据来源:{source}。"],
        AgreementSubject.CONFIDENTIALITY: [
            "甲方对所获数据及使用中知悉的个人隐私和商业秘密保密,保密义务不因本协议终止而终止。"
        ],
        AgreementSubject.SECURITY: [
            "数据包仅加密交付至下列公钥的持有人,甲方自行保管私钥;甲方按申请所列安全措施保管数据。",
            f"接收公钥摘要:{digest_bytes(plan.recipient_key.encode())}",
        ],
        AgreementSubject.NO_PASSING_ON: ["甲方不得将数据以任何方式提供给第三方。"],
        AgreementSubject.NO_REIDENTIFICATION: ["甲方不得将数据用于识别个人,不得与其他数据关联以识别个人。"],
        AgreementSubject.TERM: [f"使用期限至 {plan.until.isoformat()};期满甲方删除全部数据及副本,并出具书面记录。"],
        AgreementSubject.LIABILITY: ["甲方违反本协议的,乙方有权停止提供数据,记录违约行为,并依法追究责任。"],
    }[subject]


def _fields(plan: Plan) -> Iterator[str]:
    for table in plan.tables:
        fields = "、".join(f"{column.zh}({column.level})" for column in table.columns)
        yield f"{table.zh}:{fields}。"


def signer_of(step: ApprovalStep) -> str:
    """Return how the text names who signs in a step: by unit where the step names one, else by role."""
    return step.unit or _ROLES[Role(step.role)]
