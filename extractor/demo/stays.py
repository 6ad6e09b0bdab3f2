"""Stays of the generated hospital: admissions (front page of the record), their diagnoses and their charges.

Owns when a patient comes, with what, for how long and at which price, drawn by age and sex. It must not know how people are
named; it only carries the record number of the patient and the names of the staff.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from extractor.demo.drawing import Days, Flags, Numbers, Texts, Years, choose, texts
from extractor.demo.illnesses import COMORBIDITIES, DEPARTMENTS, ILLNESSES
from extractor.demo.registry import LAST_DAY, Registry

HOSPITALS = ("福州市榕东人民医院", "福州市榕东人民医院马尾分院")

# Items of the bill: column of the front page, category, share of the bill, how often it occurs, names of single items.
_BILL = (
    ("YBYLFWF", "一般医疗服务费", 0.09, 1.0, ("床位费(三人间)", "诊查费", "住院诊察费")),
    ("YBZLCZFY", "一般治疗操作费", 0.10, 1.0, ("静脉输液", "雾化吸入", "心电监护", "皮下注射")),
    ("HLF", "护理费", 0.06, 1.0, ("Ⅰ级护理", "Ⅱ级护理", "口腔护理")),
    ("SSZLF", "手术治疗费", 0.26, 0.0, ("手术费", "麻醉费")),
    ("XYF", "西药费", 0.24, 1.0, ("阿托伐他汀钙片", "氯化钠注射液", "奥美拉唑肠溶胶囊", "人血白蛋白", "甘精胰岛素注射液")),
    ("ZCYF", "中草药费", 0.05, 0.28, ("中药配方颗粒", "黄芪", "丹参", "白术")),
    ("SYSZDF", "实验室诊断费", 0.20, 1.0, ("血常规", "生化全套", "凝血四项", "糖化血红蛋白", "降钙素原")),
    ("YXXZDF", "影像学诊断费", 0.13, 0.95, ("胸部CT平扫", "头颅MRI", "彩色多普勒超声", "数字化摄影DR")),
    ("YYCLF", "一次性医用材料费", 0.12, 0.8, ("一次性输液器", "留置针", "医用敷料", "真空采血管")),
)  # fmt: skip
_ANTIBIOTICS = ("注射用头孢曲松钠", "左氧氟沙星注射液", "注射用哌拉西林钠他唑巴坦钠", "注射用头孢呋辛钠", "阿奇霉素片")
_OPERATED = np.array([illness.operation[2] if illness.operation else 0.0 for illness in ILLNESSES])
_PAYMENTS = ("城镇职工基本医疗保险", "城乡居民基本医疗保险", "全自费", "商业医疗保险", "贫困救助", "其他")


@dataclass(frozen=True)
class Stays:
    """The three tables of stays, and for each admission the row of its patient and the index of its illness."""

    admissions: pl.DataFrame
    diagnoses: pl.DataFrame
    charges: pl.DataFrame
    patient: Numbers
    illness: Numbers


@dataclass(frozen=True)
class _Plan:
    """One array element per admission, in the order of the day of admission."""

    patient: Numbers
    visit: Numbers
    last: Flags
    illness: Numbers
    age: Years
    begin: Days
    nights: Numbers
    operated: Flags


def make_stays(rng: np.random.Generator, registry: Registry, *, staff: pl.DataFrame) -> Stays:
    """Draw admissions for every patient of the registry (about 1.5 each, long tail), with diagnoses and charges."""
    plan = _draw_plan(rng, registry)
    order = np.arange(len(plan.patient))
    years = plan.begin.astype("datetime64[Y]").astype(int) + 1970
    numbers = texts([f"{year}{place + 1:06d}" for year, place in zip(years.tolist(), order.tolist(), strict=True)])
    records = registry.patients["BAH"].to_numpy()[plan.patient]
    cents, antibiotics = _draw_bill(rng, plan)
    others = _draw_others(rng, plan)
    admissions = pl.DataFrame(
        {
            "ZYH": list(numbers),
            "BAH": list(records),
            "NL": _whole_years(registry.patients["CSRQ"].to_numpy()[plan.patient], plan.begin),
            **_stay_columns(rng, plan),
            **_diagnosis_columns(rng, plan, others),
            **_staff_columns(rng, plan, staff),
            **_cost_columns(rng, cents, antibiotics),
        }
    )
    charges = _charges(rng, admissions, cents, antibiotics)
    return Stays(admissions, _diagnoses(admissions, others), charges, plan.patient, plan.illness)


def _draw_plan(rng: np.random.Generator, registry: Registry) -> _Plan:
    visits = _draw_visits(rng, len(registry.first_day))
    patient = np.repeat(np.arange(len(visits)), visits)
    start = np.repeat(np.cumsum(visits) - visits, visits)
    visit = np.arange(len(patient)) - start
    # Those who come often come at short intervals, as chemotherapy and dialysis are given.
    gap = np.where(visit == 0, 0, 18 + rng.exponential(500 / visits[patient])).cumsum()
    since_first = (gap - gap[start]).astype(np.int64)
    age = registry.age[patient] + since_first / 365.25
    illness = _draw_illnesses(rng, age, registry.patients["XB"].to_numpy()[patient] == "女")
    chronic = np.array([not item.code.startswith(("O", "P", "K35", "S", "H25")) for item in ILLNESSES])
    again = (visit > 0) & (rng.random(len(patient)) < 0.65) & chronic[illness[start]]
    illness = np.where(again, illness[start], illness)
    mean = np.array([item.days for item in ILLNESSES])[illness]
    nights = np.clip(np.round(mean * rng.lognormal(-0.1, 0.45, len(patient))), 1, 120).astype(np.int64)
    begin = registry.first_day[patient] + since_first
    nights = np.minimum(nights, (LAST_DAY - begin).astype(np.int64))
    operated = rng.random(len(patient)) < _OPERATED[illness]
    kept = np.flatnonzero(begin <= LAST_DAY - 1)
    last = np.zeros(len(patient), dtype=bool)
    last[kept] = np.append(patient[kept][1:] != patient[kept][:-1], True)
    order = kept[np.argsort(begin[kept], kind="stable")]
    parts: tuple[Any, ...] = (patient, visit + 1, last, illness, age, begin, nights, operated)
    return _Plan(*(part[order] for part in parts))


def _draw_visits(rng: np.random.Generator, patients: int) -> Numbers:
    """Draw how often each patient is admitted: most once, one in eight again and again."""
    frequent = rng.random(patients) < 0.13
    return 1 + np.where(frequent, np.minimum(rng.geometric(0.24, patients), 40), rng.random(patients) < 0.11)


def _draw_illnesses(rng: np.random.Generator, age: Years, female: Flags) -> Numbers:
    """Draw an illness for each age and sex, by its weight and how near the age is to its peak."""
    years = np.arange(-1, 121).astype(float)
    years[0] = 0.0  # the first row stands for newborns, the second for infants past the first month
    years[1] = 0.6
    chances = np.empty((2, len(years), len(ILLNESSES)))
    for place, item in enumerate(ILLNESSES):
        peak, spread = item.age
        shape = item.weight / max(spread, 3) * np.exp(-0.5 * ((years - peak) / spread) ** 2)
        birth_only = item.code.startswith("O")
        shape = np.where(birth_only & ((years < 16) | (years > 48)), 0, shape) + (0 if birth_only or item.sex else 1e-9)
        chances[0, :, place] = 0 if item.sex == "女" else shape
        chances[1, :, place] = 0 if item.sex == "男" else shape
    table = chances.cumsum(axis=2)
    table /= table[:, :, -1:]
    row = np.where(age < 0.08, 0, np.minimum(age.astype(int), 119) + 1)
    rolls = rng.random(len(age))
    drawn: Numbers = (table[female.astype(int), row] < rolls[:, None]).sum(axis=1)
    return drawn


def _whole_years(born: Days, day: Days) -> Numbers:
    """Return completed years of life, as the front page of the record counts them."""
    months = (day.astype("datetime64[M]") - born.astype("datetime64[M]")).astype(np.int64)
    before = (day - day.astype("datetime64[M]")).astype(np.int64) < (born - born.astype("datetime64[M]")).astype(
        np.int64
    )
    years: Numbers = (months - before) // 12
    return years


def _stay_columns(rng: np.random.Generator, plan: _Plan) -> dict[str, object]:
    count, department = len(plan.patient), texts([item.department for item in ILLNESSES])[plan.illness]
    minutes = rng.integers(0, 24 * 60 * 60, count).astype("timedelta64[s]")
    moved = rng.random(count) < 0.04
    leave = np.where(moved, choose(rng, DEPARTMENTS, count=count), department)
    pay = np.where(plan.age < 60, 0, 1) + rng.integers(0, 2, count)
    pay = np.where(rng.random(count) < 0.12, rng.integers(2, len(_PAYMENTS), count), np.minimum(pay, 1))
    dying = plan.last & (rng.random(count) < np.clip((plan.age - 40) / 900, 0.001, 0.08))
    way = rng.random(count)
    left = np.where(way < 0.9, "医嘱离院", np.where(way < 0.94, "医嘱转院", np.where(way < 0.99, "非医嘱离院", "其他")))
    came = rng.choice(["门诊", "急诊", "其他医疗机构转入", "其他"], size=count, p=[0.6, 0.33, 0.05, 0.02])
    return {
        "ZYCS": plan.visit,
        "USERNAME": list(texts(HOSPITALS)[(rng.random(count) < 0.2).astype(int)]),
        "YLFKFS": list(texts(_PAYMENTS)[pay]),
        "RYTJ": list(came),
        "RYRQ": plan.begin.astype("datetime64[s]").astype("datetime64[ms]") + minutes,
        "RYKBDM": list(department),
        "CYRQ": plan.begin + plan.nights,
        "CYKBDM": list(leave),
        "ZYTS": plan.nights,
        "LYFS": list(np.where(dying, "死亡", left)),
    }


def _draw_others(rng: np.random.Generator, plan: _Plan) -> list[list[int]]:
    """Return for each admission the indices of its other diagnoses, more of them with age, at most twelve."""
    many = np.minimum(rng.poisson(0.2 + plan.age / 24), 12)
    weights = np.array([item[3] for item in COMORBIDITIES], dtype=float)
    starts = np.array([item[2] for item in COMORBIDITIES])
    # Gumbel noise on log weights and a sort draw without replacement, a whole column at a time.
    score = np.log(weights) + rng.gumbel(size=(len(many), len(weights)))
    score[starts[None, :] > plan.age[:, None]] = -np.inf
    own = texts([item.code for item in ILLNESSES])[plan.illness][:, None]
    score[own == texts([item[1] for item in COMORBIDITIES])[None, :]] = -np.inf
    ranked = np.argsort(-score, axis=1)
    possible = np.isfinite(score).sum(axis=1)
    return [row[:take] for row, take in zip(ranked.tolist(), np.minimum(many, possible).tolist(), strict=True)]


def _diagnosis_columns(rng: np.random.Generator, plan: _Plan, others: list[list[int]]) -> dict[str, object]:
    count, items = len(plan.patient), [ILLNESSES[index] for index in plan.illness.tolist()]
    unsure = (rng.random(count) < 0.15).tolist()
    day = plan.begin + np.minimum(plan.nights, rng.integers(0, 4, count))
    operation = [item.operation if done else None for item, done in zip(items, plan.operated.tolist(), strict=True)]
    return {
        "MJZZD": [f"{item.name}待查" if doubt else item.name for item, doubt in zip(items, unsure, strict=True)],
        "JBBM": [None if doubt else item.code for item, doubt in zip(items, unsure, strict=True)],
        "CYSZYZD": [item.name for item in items],
        "JBDM": [item.code for item in items],
        "RYBQ": list(rng.choice(["有", "临床未确定", "情况不明", "无"], size=count, p=[0.9, 0.05, 0.02, 0.03])),
        "CYSQTZD": [";".join(COMORBIDITIES[index][0] for index in row) or None for row in others],
        "ZYSSYCZMC": pl.Series([done[0] if done else None for done in operation], dtype=pl.String),
        "ZYSSYCZBM": pl.Series([done[1] if done else None for done in operation], dtype=pl.String),
        "SSJCZRQ": pl.Series(
            [d if done else None for d, done in zip(day.tolist(), operation, strict=True)], dtype=pl.Date
        ),
    }


def _staff_columns(rng: np.random.Generator, plan: _Plan, staff: pl.DataFrame) -> dict[str, object]:
    department = np.array([DEPARTMENTS.index(item.department) for item in ILLNESSES])[plan.illness]
    names: Texts = staff["XM"].to_numpy().reshape(len(DEPARTMENTS), -1)

    def one_of(low: int, high: int) -> list[str]:
        return list(names[department, rng.integers(low, high, len(department))])

    return {
        "KZR": one_of(0, 1),
        "ZRYS": one_of(0, 2),
        "ZZYS": one_of(2, 5),
        "ZYYS": one_of(5, 9),
        "ZRHS": one_of(9, 13),
    }


def _draw_bill(rng: np.random.Generator, plan: _Plan) -> tuple[Numbers, Numbers]:
    """Return the bill in cents, one column per line of ``_BILL``, and the antibiotics within the western medicines."""
    count, items = len(plan.patient), ILLNESSES
    typical = np.array([item.cost for item in items])[plan.illness]
    longer = plan.nights / np.array([item.days for item in items])[plan.illness]
    total = typical * longer**0.7 * rng.lognormal(0, 0.45, count)
    shares = rng.gamma(np.array([line[2] for line in _BILL]) * 40, size=(count, len(_BILL)))
    occurs = rng.random((count, len(_BILL))) < np.array([line[3] for line in _BILL])
    occurs[:, 3] = plan.operated
    shares = np.where(occurs, shares + 0.02, 0)
    cents = np.round(total[:, None] * shares / shares.sum(axis=1, keepdims=True) * 100).astype(np.int64)
    part = np.where(rng.random(count) < 0.45, rng.beta(2, 3, count), 0)
    return cents, np.floor(cents[:, 4] * part).astype(np.int64)


def _cost_columns(rng: np.random.Generator, cents: Numbers, antibiotics: Numbers) -> dict[str, object]:
    total = cents.sum(axis=1)
    own = np.floor(total * rng.beta(2.2, 4, len(total))).astype(np.int64)
    lines = {line[0]: cents[:, place] / 100 for place, line in enumerate(_BILL)}
    return {"ZFY": total / 100, "QZZFJE": own / 100, **lines, "KJYWFY": antibiotics / 100}


def _diagnoses(admissions: pl.DataFrame, others: list[list[int]]) -> pl.DataFrame:
    places, ranks = (
        np.repeat(np.arange(len(others)), [len(row) for row in others]),
        [i for row in others for i, _ in enumerate(row)],
    )
    flat = [COMORBIDITIES[index] for row in others for index in row]
    keys = admissions.select("ZYH", "BAH")
    main = admissions.select("ZYH", "BAH", XH=pl.lit(1, pl.Int64), ZDMC="CYSZYZD", JBDM="JBDM", ZDLX=pl.lit("主要诊断"))
    rest = keys[places].with_columns(
        XH=pl.Series(ranks, dtype=pl.Int64) + 2,
        ZDMC=pl.Series([item[0] for item in flat], dtype=pl.String),
        JBDM=pl.Series([item[1] for item in flat], dtype=pl.String),
        ZDLX=pl.lit("其他诊断"),
    )
    return pl.concat([main, rest]).sort("ZYH", "XH")


def _charges(rng: np.random.Generator, admissions: pl.DataFrame, cents: Numbers, antibiotics: Numbers) -> pl.DataFrame:
    """Write one row per line of the bill, antibiotics apart, so that the rows of a stay add up to its total."""
    amounts = np.column_stack([cents, antibiotics])
    amounts[:, 4] -= antibiotics
    stay, line = np.nonzero(amounts)
    names = [*(entry[4] for entry in _BILL), _ANTIBIOTICS]
    widest = max(len(choices) for choices in names)
    table = np.array([[choices[place % len(choices)] for place in range(widest)] for choices in names], dtype=object)
    category = texts([*(entry[1] for entry in _BILL), "西药费"])
    offset = (rng.random(len(stay)) * (admissions["ZYTS"].to_numpy()[stay] + 1)).astype(np.int64)
    begin = admissions["RYRQ"].dt.date().to_numpy()[stay]
    return admissions.select("ZYH", "BAH")[stay].with_columns(
        SFRQ=pl.Series(begin + offset),
        XMLB=pl.Series(list(category[line])),
        XMMC=pl.Series(list(table[line, rng.integers(0, widest, len(stay))])),
        SL=pl.Series(rng.geometric(0.3, len(stay))),
        JE=pl.Series(amounts[stay, line] / 100),
    )
