"""Progress notes of the generated hospital: each full of its own patient, the relatives, the staff, and of medicine.

Owns how a note is put together: an opening of its kind, then sentences on persons and on medicine by turns, 120–400 characters.
It must not draw new people; every identity is one of the registry or the staff. The sentences are ``extractor.demo.phrases``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from extractor.demo import phrases
from extractor.demo.illnesses import DEPARTMENTS, ILLNESSES, Illness
from extractor.demo.places import COUNTIES, County
from extractor.demo.registry import Registry
from extractor.demo.stays import Stays
from extractor.demo.wording import date_form, phone_form, split_name

SHORTEST, LONGEST = 120, 400
_SHARE_OF_STAYS = 0.46
_COUNTIES: dict[str, County] = {county.code: county for county in COUNTIES}
_NOTE_COLUMNS = ("ZYH", "BAH", "JLSJ", "JLLX", "JLNR")

Row = dict[str, object]


def make_notes(seed: int, registry: Registry, *, stays: Stays, staff: pl.DataFrame) -> pl.DataFrame:
    """Write one to three notes for a share of the stays (about one note per patient of the registry)."""
    dice = random.Random(seed)  # noqa: S311 (invented people; the same seed must give the same notes)
    everybody = tuple(staff["XM"].to_list())
    rows = []
    for stay, patient, illness in _sampled(dice, registry, stays):
        for kind, moment in _occasions(dice, stay):
            gaps = _Gaps(dice, stay | patient, moment, illness)
            rows.append((stay["ZYH"], stay["BAH"], moment, kind, _write(dice, kind, gaps.fill(everybody))))
    schema = {name: pl.Datetime("ms") if name == "JLSJ" else pl.String for name in _NOTE_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _sampled(dice: random.Random, registry: Registry, stays: Stays) -> Iterator[tuple[Row, Row, Illness]]:
    chosen = [place for place in range(stays.admissions.height) if dice.random() < _SHARE_OF_STAYS]
    admissions, patients = stays.admissions[chosen], registry.patients[stays.patient[chosen]]
    illnesses = stays.illness[chosen].tolist()
    for stay, patient, illness in zip(
        admissions.iter_rows(named=True), patients.iter_rows(named=True), illnesses, strict=True
    ):
        yield stay, patient, ILLNESSES[illness]


def _occasions(dice: random.Random, stay: Row) -> list[tuple[str, datetime]]:
    """Return kind and time of the notes of one stay that are in the table, in their order."""
    begin, nights = stay["RYRQ"], stay["ZYTS"]
    assert isinstance(begin, datetime) and isinstance(nights, int)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    between = begin + timedelta(days=dice.randrange(nights), hours=dice.randrange(1, 8), minutes=dice.randrange(60))
    possible = (
        (0.42, "首次病程记录", begin + timedelta(minutes=dice.randrange(20, 480))),
        (0.62, "日常病程", between),
        (0.14, "会诊", between + timedelta(minutes=dice.randrange(5, 90))),
        (0.32, "出院小结", midnight + timedelta(days=nights, hours=8, minutes=dice.randrange(400))),
    )
    picked = [(kind, moment) for share, kind, moment in possible if dice.random() < share]
    return picked or [("日常病程", between)]


def _write(dice: random.Random, kind: str, gaps: dict[str, str]) -> str:
    """Put a note together, identities and medicine by turns, never longer than ``LONGEST``."""
    about = [phrase.format_map(gaps) for phrase in dice.sample(_about_persons(gaps), 5)]
    medicine = [phrase.format_map(gaps) for phrase in dice.sample(phrases.FINDINGS, 3)] + dice.sample(
        phrases.TREATMENTS, 2
    )
    medicine.insert(0, f"{gaps['findings']}。")
    medicine.insert(1, f"{gaps['treatment']}。")
    text = dice.choice(phrases.OPENINGS[kind]).format_map(gaps)
    target = dice.randrange(SHORTEST + 20, LONGEST - 20)
    for place in range(12):
        source = about if place % 5 in (1, 3) else medicine
        sentence = source.pop(0) if source else ""
        if len(text) + len(sentence) <= LONGEST:
            text += sentence
        if len(text) >= target:
            break
    return text


def _about_persons(gaps: dict[str, str]) -> tuple[str, ...]:
    """Return the sentences on persons that fit: the age, and what the register knows."""
    fitting = phrases.PERSONAL
    fitting += phrases.ADULT if gaps["years"] >= "014" else ()
    fitting += phrases.AGED if gaps["years"] >= "065" else ()
    fitting += phrases.WITH_ID if gaps["identity"] else ()
    return fitting + (phrases.WITH_PHONE if gaps["phone"] else ())


@dataclass(frozen=True)
class _Gaps:
    """The gaps of one note: how its persons, places and days are written this time."""

    dice: random.Random
    row: Row
    moment: datetime
    illness: Illness

    def fill(self, everybody: tuple[str, ...]) -> dict[str, str]:
        """Return all gaps of the sentences; ``identity`` and ``phone`` are empty where the register has none."""
        dice = self.dice
        return {
            **self._names(),
            **self._numbers(),
            **self._places(),
            **self._days(),
            **self._staff(),
            **self._readings(),
            "outsider": dice.choice(everybody),
            "complaint": self.illness.complaint,
            "findings": self.illness.findings,
            "treatment": self.illness.treatment,
            "diagnosis": self.illness.name,
            "mild": dice.choice(phrases.MILD),
            "payment": self.text("YLFKFS"),
            "marital": self.text("HYZK"),
            "nights": self.text("ZYTS"),
            "department": self.text("RYKBDM"),
            "other_department": dice.choice(DEPARTMENTS),
        }

    def text(self, column: str) -> str:
        """Return a column of the stay or its patient as text, empty where it is null."""
        value = self.row[column]
        return "" if value is None else str(value)

    def _names(self) -> dict[str, str]:
        name, sex = self.text("BRXM"), self.text("XB")
        age = _age_of(self.row)
        surname, given = split_name(name)
        relation = _relation_word(self.text("LXRGX"), sex, self.dice)
        return {
            "name": name,
            "spaced": f"{name[0]} {name[1]}" if len(name) == 2 else name,
            "given": given if len(given) >= 2 else name,
            "called": self._called(surname, age),
            "sex": sex,
            "years": f"{age:03d}",
            "age": _age_text(self.row, self.dice),
            "contact": self.text("LXRXM"),
            "relation": relation,
        }

    def _called(self, surname: str, age: int) -> str:
        if age < 14:
            return self.dice.choice(("患儿", "该患儿", "患儿"))
        polite = "女士" if self.text("XB") == "女" else "先生"
        old = "奶奶" if self.text("XB") == "女" else "大爷"
        forms = ["患者", "该患", "病人", f"{surname}{polite}", f"{surname}某", self.text("BRXM")]
        forms += (
            [f"老{surname}", f"{surname}{old}", f"{surname}老"] if age >= 60 else [f"小{surname}"] if age < 40 else []
        )
        return self.dice.choice(forms)

    def _numbers(self) -> dict[str, str]:
        dice, identity = self.dice, self.text("SFZJHM")
        return {
            "stay": self.text("ZYH"),
            "record": self.text("BAH"),
            # Some keyboards are in lower case when the X comes.
            "identity": identity.lower() if dice.random() < 0.3 else identity,
            "phone": self.text("DH"),
            "phone_form": phone_form(self.text("DH"), dice),
            "contact_phone": self.text("LXRDH"),
            "contact_phone_form": phone_form(self.text("LXRDH"), dice),
            "bed": f"{dice.randrange(1, 60):02d}" if dice.random() < 0.5 else f"加{dice.randrange(1, 9)}",
            "office": str(dice.randrange(3_000_000, 7_999_999)),
        }

    def _places(self) -> dict[str, str]:
        county = _COUNTIES[self.text("XZQH")]
        return {
            "address": self.text("XZZ"),
            "household": self.text("HKDZ"),
            "postcode": self.text("XZZYB"),
            "county": county.name,
            "town": next((town for town in county.towns if town in self.text("XZZ")), county.towns[0]),
            "home": self.dice.choice(
                (f"{county.province}{county.prefecture}{county.name}", county.prefecture + county.name, county.name)
            ),
            "hospital": self.dice.choice((self.text("USERNAME"), "我院", "本院")),
            "other_hospital": self.dice.choice(phrases.OTHER_HOSPITALS),
        }

    def _days(self) -> dict[str, str]:
        dice, begin, born = self.dice, self.row["RYRQ"], self.row["CSRQ"]
        assert isinstance(begin, datetime) and isinstance(born, date)
        # Nobody was in a hospital before birth.
        before = max(born, begin.date() - timedelta(days=dice.randrange(20, 900)))
        left = self.row["CYRQ"]
        assert isinstance(left, date)
        return {
            "admitted": date_form(begin, dice),
            "admitted_at": date_form(begin, dice, clock=True),
            "today": date_form(self.moment, dice),
            "today_at": date_form(self.moment, dice, clock=True),
            "left": date_form(left, dice),
            "followed": date_form(left + timedelta(days=dice.randrange(7, 60)), dice),
            "earlier": date_form(before, dice),
            "earlier_loose": f"{before.year}年{before.month}月",
            "worse": f"{begin.month}月{begin.day}日",
            "born": date_form(born, dice, full=True),
            "day": str((self.moment.date() - begin.date()).days + 1),
        }

    def _readings(self) -> dict[str, str]:
        dice = self.dice
        return {
            "wbc": f"{dice.triangular(2.1, 22, 7):.1f}",
            "hb": str(dice.randrange(68, 165)),
            "platelets": str(dice.randrange(62, 390)),
            "crp": f"{dice.triangular(0.5, 180, 6):.1f}",
            "temperature": f"{dice.triangular(36.0, 37.4, 36.6):.1f}",
            "pulse": str(dice.randrange(58, 116)),
            "pressure": f"{dice.randrange(96, 178)}/{dice.randrange(54, 95)}",
            "creatinine": str(dice.randrange(38, 260)),
            "potassium": f"{dice.triangular(2.9, 5.6, 4):.2f}",
            "sugar": f"{dice.triangular(3.6, 18, 6):.1f}",
        }

    def _staff(self) -> dict[str, str]:
        senior = self.text("ZRYS")
        return {
            "head": self.text("KZR"),
            "senior": senior,
            "senior_title": self.dice.choice((f"{senior}主任医师", f"{split_name(senior)[0]}主任", f"{senior}主任")),
            "attending": self.text("ZZYS"),
            "resident": self.text("ZYYS"),
            "nurse": self.text("ZRHS"),
        }


def _age_of(row: Row) -> int:
    age = row["NL"]
    assert isinstance(age, int)
    return age


def _age_text(row: Row, dice: random.Random) -> str:
    """Return the age as wards write it: years, for small children months, for newborns days."""
    age, begin, born = _age_of(row), row["RYRQ"], row["CSRQ"]
    assert isinstance(begin, datetime) and isinstance(born, date)
    days = (begin.date() - born).days
    if days < 32:
        return f"{max(days, 1)}天" if dice.random() < 0.6 else f"生后{max(days, 1)}天"
    if age < 2:
        return f"{days // 30}个月" if dice.random() < 0.7 else f"{days // 30}月龄"
    return f"{age}{dice.choice(('岁', '岁', '周岁', ' 岁'))}"


def _relation_word(relation: str, sex: str, dice: random.Random) -> str:
    words = {
        "配偶": ("丈夫",) if sex == "女" else ("妻子", "爱人"),
        "子": ("儿子", "长子"),
        "女": ("女儿", "小女儿"),
        "兄弟姐妹": ("亲属",),
        "其他": ("朋友", "邻居"),
    }
    return dice.choice(words.get(relation, (relation,)))
