"""What stands about a request: state, decisions, plan, runs, package, records; for showing, nothing is changed.

Owns the gathering of facts for people and for ``--json``. Values of people's data are in none of them.
"""

from __future__ import annotations

from typing import Any

from extractor.decode import from_json
from extractor.destruction import missing_signatures
from extractor.requests import Decision
from extractor.workflow.delivery import package_path
from extractor.workflow.destruction_orders import orders_of
from extractor.workflow.giver_copies import copy_shown, copy_text, giver_copies
from extractor.workflow.office import Office
from extractor.workflow.purging import records_of
from extractor.workflow.records import record_path
from extractor.workflow.runs import RunOrder


def overview(office: Office, number: str) -> dict[str, Any]:
    """Return what stands about a request."""
    with office.store.reading() as tx:
        request, plan = tx.get("request", number), tx.get("plan", number)
        decisions = [from_json(Decision, d.body) for d in tx.find("decision", number_prefix=f"{number}/")]
        orders = [from_json(RunOrder, d.body) for d in tx.find("run")]
        runs = [(order, tx.state("run", order.number)) for order in orders if order.request == number]
        records = records_of(tx, number)
        return {
            "request": number,
            "title": request.body["title"],
            "state": tx.state("request", number),
            "request_digest": request.digest,
            "plan_digest": plan.digest,
            "steps": [
                {"step": step["id"], "name": step["zh"], "role": step["role"], "unit": step.get("unit"),
                 "decision": _decision(decisions, step["id"])}
                for step in plan.body["steps"]
            ],
            "runs": [{"run": order.number, "state": state, "package": order.package} for order, state in runs],
            "destruction_records": [
                {"number": r.number, "ground": r.ground.value, "to_sign": list(missing_signatures(r))} for r in records
            ],
            "destruction_orders": [
                {"number": o.order.number, "copy": o.order.copy.value, "ground": o.order.ground.value,
                 "state": o.state.value, "to_sign": list(o.to_sign), "duty": o.order.duty, "record": o.record}
                for o in orders_of(office, tx, request=number)
            ],
            "giver_copies": [copy_shown(each) for each in giver_copies(office, tx, request=number)],
        }  # fmt: skip


def _decision(decisions: list[Decision], step: str) -> dict[str, Any] | None:
    found = [decision for decision in decisions if decision.step == step]
    if not found:
        return None
    last = found[-1]
    return {"result": last.result.value, "person": last.person, "until": last.until.isoformat()}


def overview_text(found: dict[str, Any]) -> str:
    """Return an overview for a terminal."""
    lines = [
        f"{found['request']} {found['title']}",
        f"状态 · state: {found['state']}",
        f"方案 · plan: {found['plan_digest']}",
    ]
    for step in found["steps"]:
        decision = step["decision"]
        said = f"{decision['result']} ({decision['person']}, ≤ {decision['until']})" if decision else "待签 · to sign"
        lines.append(f"  {step['step']} {step['name']} [{step['unit'] or step['role']}]: {said}")
    lines += [f"  运行 · run {run['run']}: {run['state']} → {run['package']}" for run in found["runs"]]
    for record in found["destruction_records"]:
        left = ", ".join(record["to_sign"]) or "已签齐 · complete"
        lines.append(f"  销毁记录 · destruction record {record['number']} ({record['ground']}): {left}")
    for order in found["destruction_orders"]:
        left = order["record"] or order["duty"] or ", ".join(order["to_sign"])
        lines.append(
            f"  销毁令 · destruction order {order['number']} ({order['ground']}): {order['state']} {left}".rstrip()
        )
    lines += [f"  {copy_text(each)}" for each in found["giver_copies"]]
    return "\n".join(lines)


def run_result(office: Office, order: RunOrder) -> dict[str, Any]:
    """Return what a sealed run gave: paths and figures."""
    with office.store.reading() as tx:
        record = tx.get("run_record", order.number).body
        destroyed = [r for r in records_of(tx, order.request) if r.chain.run == order.number]
    return {
        "request": order.request,
        "run": order.number,
        "plan": order.plan,
        "package": str(package_path(office, order.package)),
        "package_digest": record["package_digest"],
        "bytes": record["package_bytes"],
        "seconds": record["seconds"],
        "peak_bytes": record["peak_bytes"],
        "persons": record["persons"],
        "persons_left_out": record["persons_left_out"],
        "persons_without_consent": record.get("persons_without_consent"),
        "risk": record["risk"]["after"],
        "tables": [
            {**{key: value for key, value in table.items() if key not in ("spans", "unparsed")},
             "spans": dict(table["spans"]), "unparsed": dict(table["unparsed"])}
            for table in record["tables"]
        ],
        "run_record": str(record_path(office, order.number)),
        "destruction_record": str(record_path(office, destroyed[-1].number)),
        "destruction_number": destroyed[-1].number,
    }  # fmt: skip


def run_text(result: dict[str, Any]) -> str:
    """Return a run's result for a terminal."""
    risk = result["risk"]
    lines = [
        f"已封装 · sealed: {result['package']} ({result['bytes']:,} bytes, {result['seconds']:.1f} s)",
        f"  人数 · persons {result['persons']:,},删除 · left out {result['persons_left_out']:,};"
        f"k={risk['k']} R={risk['R']:.4f} 级别 · grade {risk['grade']}",
    ]
    for t in result["tables"]:
        lines.append(
            f"  {t['table']}: 读取列 · columns read {t['columns_read']}/{t['columns_in_table']},"
            f"行 · rows {t['rows_scanned']:,} → {t['rows_kept']:,} → {t['rows_given']:,}"
        )
        if t["spans"]:
            lines.append("    文本脱敏 · spans in text: " + ", ".join(f"{k} {n:,}" for k, n in t["spans"].items()))
    lines.append(f"  销毁记录 · destruction record: {result['destruction_record']}")
    return "\n".join(lines)
