"""The two registers of the generated hospital: its patients and its staff.

Owns which columns a patient and an employee have and how these agree with each other (identity number with birth, sex and
origin; contact with family name and age). It must not know why a patient comes: that is ``extractor.demo.stays``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from extractor.demo import people, places
from extractor.demo.drawing import Days, Flags, Numbers, Texts, Years, choose, texts
from extractor.demo.illnesses import DEPARTMENTS
from extractor.demo.people import Pools

FIRST_DAY, LAST_DAY = np.datetime64("2023-01-01"), np.datetime64("2025-12-31")


@dataclass(frozen=True)
class Registry:
    """The patients, and beside each row the day of the first admission and the age then, in years."""

    patients: pl.DataFrame
    first_day: Days
    age: Years


@dataclass(frozen=True)
class _Person:
    """What the columns of a patient are drawn from: one array element per patient."""

    age: Years
    female: Flags
    born: Days
    ethnicity: Texts
    surname: Texts
    county: Numbers

    @property
    def born_year(self) -> Numbers:
        return self.born.astype("datetime64[Y]").astype(np.int64) + 1970


# Share of admitted persons, and from which to which age in years; women of childbearing age and the old lead.
_AGES = ((0.05, 0.0, 0.076), (0.06, 0.08, 14.0), (0.03, 14.0, 22.0), (0.21, 22.0, 42.0), (0.24, 42.0, 62.0), (0.28, 62.0, 78.0),
         (0.10, 78.0, 90.0), (0.03, 90.0, 101.0))  # fmt: skip
_OCCUPATIONS = ("11", "13", "17", "21", "24", "27", "51", "54", "70", "90")  # GB/T 2261.4
_OCCUPATION_WEIGHTS = np.array([4, 10, 12, 5, 14, 26, 8, 8, 7, 6]) / 100


def make_registry(rng: np.random.Generator, pools: Pools, *, patients: int) -> Registry:
    """Draw ``patients`` invented people with all columns of the patient register."""
    first_day = FIRST_DAY + rng.integers(0, int((LAST_DAY - FIRST_DAY).astype(int)) - 3, patients)
    person = _draw_person(rng, pools, first_day)
    contact = _draw_contacts(rng, pools, person)
    given = people.draw_given_names(rng, pools, female=person.female, born=person.born_year)
    names = people.with_minority_names(rng, person.surname + given, ethnicity=person.ethnicity, female=person.female)
    # A newborn has no name yet: the ward calls it son or daughter of its mother.
    unnamed = (person.age < 0.08) & (contact["LXRGX"].to_numpy() == "母亲") & (rng.random(patients) < 0.7)
    child_of = contact["LXRXM"].to_numpy() + np.where(person.female, "之女", "之子").astype(object)
    columns = {
        "BRXM": np.where(unnamed, child_of, names),
        **_civil_columns(rng, person),
        **_home_columns(rng, pools, person),
    }
    record_numbers = np.sort(rng.choice(90_000_000, size=patients, replace=False)) + 1_000_000
    frame = pl.DataFrame(
        {
            "BAH": [f"{number:08d}" for number in record_numbers.tolist()],
            **{
                name: pl.Series(name, list(values)) if values.dtype == object else values
                for name, values in columns.items()
            },
        }
    ).hstack(contact)
    return Registry(frame, first_day, person.age)


def _draw_person(rng: np.random.Generator, pools: Pools, first_day: Days) -> _Person:
    count = len(first_day)
    shares, low, high = (np.array(part) for part in zip(*_AGES, strict=True))
    band = rng.choice(len(_AGES), size=count, p=shares / shares.sum())
    # A power leans towards the younger end above ninety; elsewhere ages are even within their band.
    place = np.where(band == len(_AGES) - 1, rng.random(count) ** 2.2, rng.random(count))
    age = low[band] + place * (high[band] - low[band])
    born = first_day - np.round(age * 365.25).astype("timedelta64[D]")
    female = rng.random(count) < np.where((age >= 20) & (age < 42), 0.7, 0.47)
    ethnicity = people.draw_ethnicities(rng, count)
    surname = people.draw_surnames(rng, pools, count=count)
    return _Person(age, female, born, ethnicity, surname, places.draw_counties(rng, count))


def _civil_columns(rng: np.random.Generator, person: _Person) -> dict[str, NDArray[np.generic]]:
    count, age = len(person.age), person.age
    at_birth = _where_registered(rng, person)
    stamps = texts([day.replace("-", "") for day in np.datetime_as_string(person.born).tolist()])
    identity = people.draw_resident_ids(rng, at_birth, born=stamps, female=person.female)
    identity[rng.random(count) < np.where(age < 0.2, 0.6, 0.025)] = None
    occupation = texts(_OCCUPATIONS)[rng.choice(len(_OCCUPATIONS), size=count, p=_OCCUPATION_WEIGHTS)]
    occupation = np.where((age >= 60) & (occupation != "27"), "80", occupation)
    occupation = np.where(age < 6, "90", np.where(age < 19, "31", occupation))
    cards = texts([f"3501{number:012d}" for number in rng.integers(10**10, 10**12, count).tolist()])
    cards[rng.random(count) < 0.2] = None
    return {
        "XB": np.where(person.female, "女", "男").astype(object),
        "CSRQ": person.born,
        "MZ": person.ethnicity,
        "SFZJHM": identity,
        "HYZK": _marital(rng, age),
        "ZYDM": occupation,
        "JKKH": cards,
    }


def _where_registered(rng: np.random.Generator, person: _Person) -> Texts:
    """Return the six digits that the identity number begins with: mostly the county of the home, at times a former code."""
    moved = rng.random(len(person.age)) < 0.18
    origin = np.where(moved, places.draw_counties(rng, len(moved)), person.county)
    codes = texts([county.code for county in places.COUNTIES])[origin]
    for new, old in places.FORMER_CODES.items():
        codes[(codes == new) & (person.born_year < 2018)] = old
    abroad = rng.random(len(moved)) < 0.004
    codes[abroad] = choose(rng, places.PERMIT_CODES, count=abroad.sum())
    return codes


def _marital(rng: np.random.Generator, age: Years) -> Texts:
    draw = rng.random(len(age))
    unmarried = (age < 21) | ((age < 30) & (draw < 0.45)) | (draw < 0.02)
    widowed = draw > np.where(age > 80, 0.5, np.where(age > 65, 0.8, 0.99))
    divorced = (age > 28) & (draw > 0.3) & (draw < 0.34)
    return np.where(unmarried, "未婚", np.where(widowed, "丧偶", np.where(divorced, "离婚", "已婚"))).astype(object)


def _home_columns(rng: np.random.Generator, pools: Pools, person: _Person) -> dict[str, NDArray[np.generic]]:
    count = len(person.age)
    homes = texts(places.draw_addresses(rng, person.county, streets=pools.streets))
    elsewhere = texts(places.draw_addresses(rng, places.draw_counties(rng, count), streets=pools.streets))
    phones = people.draw_mobiles(rng, count)
    fixed = rng.random(count) < np.where(person.age > 60, 0.14, 0.03)
    dialling = texts([county.dialling for county in places.COUNTIES])[person.county]
    phones[fixed] = people.draw_landlines(rng, dialling[fixed])
    phones[rng.random(count) < 0.015] = None
    return {
        "XZZ": homes,
        "XZZYB": texts([county.postcode for county in places.COUNTIES])[person.county],
        "HKDZ": np.where(rng.random(count) < 0.7, homes, elsewhere),
        "DH": phones,
        "XZQH": texts([county.code for county in places.COUNTIES])[person.county],
    }


def _draw_contacts(rng: np.random.Generator, pools: Pools, person: _Person) -> pl.DataFrame:
    age, draw = person.age, rng.random(len(person.age))
    young = np.where(draw < np.where(age < 0.08, 0.75, 0.5), "母亲", "父亲")
    middle = np.where(draw < 0.7, "配偶", np.where(draw < 0.85, "兄弟姐妹", np.where(draw < 0.93, "父亲", "其他")))
    old = np.where(draw < 0.3, "配偶", np.where(draw < 0.67, "子", np.where(draw < 0.94, "女", "兄弟姐妹")))
    relation = np.where(age < 24, young, np.where(age < 60, middle, old)).astype(object)
    coin = rng.random(len(age))
    female = np.select([relation == "配偶", np.isin(relation, ("母亲", "女")), np.isin(relation, ("父亲", "子"))],
                       [~person.female, True, False], coin < 0.5)  # fmt: skip
    years = np.select([np.isin(relation, ("母亲", "父亲")), np.isin(relation, ("子", "女"))], [-27, 27], 0)
    by_father = np.isin(relation, ("父亲", "兄弟姐妹")) | (np.isin(relation, ("子", "女")) & ~person.female)
    same = rng.random(len(age)) < np.where(by_father, 0.97, 0.03)
    surname = np.where(same, person.surname, people.draw_surnames(rng, pools, count=len(age)))
    given = people.draw_given_names(rng, pools, female=female, born=person.born_year + years)
    names = people.with_minority_names(rng, surname + given, ethnicity=person.ethnicity, female=female)
    phones = people.draw_mobiles(rng, len(age))
    return pl.DataFrame({"LXRXM": list(names), "LXRGX": list(relation), "LXRDH": list(phones)})


_TITLES = (
    "主任医师",
    "副主任医师",
    "主治医师",
    "主治医师",
    "主治医师",
    "住院医师",
    "住院医师",
    "住院医师",
    "住院医师",
    "主管护师",
    "护师",
    "护师",
    "护士",
)


def make_staff(rng: np.random.Generator, pools: Pools) -> pl.DataFrame:
    """Draw the staff: for each department thirteen people, from the head (the first) to the nurses."""
    count = len(DEPARTMENTS) * len(_TITLES)
    titles = list(_TITLES) * len(DEPARTMENTS)
    nurse = np.array([title.endswith(("护师", "护士")) for title in titles])
    female = rng.random(count) < np.where(nurse, 0.97, 0.45)
    seniority = texts(titles)
    born = np.select(
        [seniority == "主任医师", seniority == "副主任医师", seniority == "主治医师"], [1966, 1975, 1983], 1993
    )
    given = people.draw_given_names(rng, pools, female=female, born=born + rng.integers(-4, 5, count))
    numbers = rng.choice(9_000, size=count, replace=False) + 1_000
    return pl.DataFrame(
        {
            "GH": [f"{number:05d}" for number in numbers.tolist()],
            "XM": list(people.draw_surnames(rng, pools, count=count) + given),
            "KS": [department for department in DEPARTMENTS for _ in _TITLES],
            "ZC": titles,
            "DH": list(people.draw_mobiles(rng, count)),
        }
    )
