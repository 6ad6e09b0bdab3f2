"""Facts that the recognisers share, read once from the package.

Owns the reading of ``facts/text_*``: surnames, characters of given names, names of divisions. It must not know how a
recogniser weighs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


def lines_of(name: str) -> list[str]:
    """Return the lines of a file of facts, without comments."""
    text = files("extractor.deid").joinpath("facts", name).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def sections(name: str) -> dict[str, str]:
    """Read a file of facts that has sections, each as one string; a line that ends in a blank goes on."""
    sections: dict[str, str] = {}
    current = ""
    for line in lines_of(name):
        if line.startswith("["):
            current = line.strip("[]")
            sections[current] = ""
        else:
            sections[current] += line
    return sections


@dataclass(frozen=True)
class Surnames:
    """Surnames in use: the commonest single ones, all single ones, the compound ones."""

    common: frozenset[str]
    single: frozenset[str]
    compound: frozenset[str]


@cache
def surnames() -> Surnames:
    """Read the surnames."""
    parts = sections("text_surnames.txt")
    return Surnames(frozenset(parts["common"]), frozenset(parts["single"]), frozenset(parts["compound"].split()))


@cache
def given_name_odds() -> dict[str, tuple[float, float, float]]:
    """Read the log odds of characters in given names: first of two, last of two, the only one."""
    odds = {}
    for line in lines_of("text_given_names.tsv"):
        character, first, last, only = line.split("\t")
        odds[character] = (float(first), float(last), float(only))
    return odds


@cache
def not_names() -> frozenset[str]:
    """Read the words that read like names and are none."""
    return frozenset(" ".join(lines_of("text_not_names.txt")).split())


@cache
def medical_words() -> frozenset[str]:
    """Read the words of medicine, of two characters and more."""
    return frozenset(" ".join(lines_of("text_medicine.txt")).split())


@cache
def foreign_places() -> frozenset[str]:
    """Read the countries, cities and marks that are written with the characters of foreign names."""
    return frozenset(" ".join(lines_of("text_foreign_places.txt")).split())


@cache
def simplified_forms() -> dict[str, str]:
    """Read the simplified form of each traditional character."""
    return {pair[0]: pair[1] for pair in " ".join(lines_of("text_traditional.txt")).split()}


@dataclass(frozen=True)
class Places:
    """Names of divisions: those that name one by themselves, and short forms that count only as head of an address."""

    full: frozenset[str]
    short: frozenset[str]


@cache
def places() -> Places:
    """Read the divisions' names and derive the short forms of provinces and cities."""
    parts = {level: names.split() for level, names in sections("text_places.txt").items()}
    full = {name for names in parts.values() for name in names if len(name) > 2}
    upper = [name for level in ("provinces", "cities") for name in parts[level]]
    short = {_short(name) for name in upper} | {name for names in parts.values() for name in names if len(name) == 2}
    return Places(frozenset(full), frozenset(name for name in short if len(name) >= 2) - frozenset(full))


def _short(name: str) -> str:
    for ending in ("维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "特别行政区", "地区", "省", "市", "盟"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name[:2] if name.endswith("自治州") else name
