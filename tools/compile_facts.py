"""Compile the facts that the hierarchies need from public lists: division codes by year, ICD-10 chapters and blocks.

Usage: ``python tools/compile_facts.py LISTS FACTS``, where LISTS holds ``gb2260/mca/*.tsv`` (GB/T 2260 by revision),
``admin_divisions/*.csv`` (codes of the National Bureau of Statistics) and ``icd10cn_catalog.csv``, and FACTS is
``extractor/deid/facts``. Facts only: codes, names, years; the lists themselves stay where they are.
"""

import csv
import sys
from itertools import chain
from pathlib import Path

# The catalogue ends with chapter XIX; these follow WHO's ICD-10, version 2019.
LATER_CHAPTERS = ("V01-Y98", "Z00-Z99", "U00-U99")
LATER_BLOCKS = """
V01-V09 V10-V19 V20-V29 V30-V39 V40-V49 V50-V59 V60-V69 V70-V79 V80-V89 V90-V94 V95-V97 V98-V99
W00-W19 W20-W49 W50-W64 W65-W74 W75-W84 W85-W99 X00-X09 X10-X19 X20-X29 X30-X39 X40-X49 X50-X57 X58-X59
X60-X84 X85-Y09 Y10-Y34 Y35-Y36 Y40-Y59 Y60-Y69 Y70-Y82 Y83-Y84 Y85-Y89 Y90-Y98
Z00-Z13 Z20-Z29 Z30-Z39 Z40-Z54 Z55-Z65 Z70-Z76 Z80-Z99 U00-U49 U82-U85
"""
NEWER_SINCE = 2020
SPECIAL_REGIONS = (("710000", "台湾省"), ("810000", "香港特别行政区"), ("820000", "澳门特别行政区"))
GROUPS_OF_COUNTIES = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")


def years_of_divisions(lists: Path) -> dict[tuple[str, str], list[int]]:
    """Return the years in which GB/T 2260 lists each (code, name)."""
    years: dict[tuple[str, str], list[int]] = {}
    for path in sorted((lists / "gb2260/mca").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            _, revision, code, name = line.split("\t")
            years.setdefault((code, name), []).append(int(revision[:4]))
    return years


def present_divisions(lists: Path) -> set[tuple[str, str]]:
    """Return today's (code, name): six digits, without the statisticians' development zones (xxxx7x) and county groups."""
    found = set(SPECIAL_REGIONS)
    for file, zeros in (("provinces", "0000"), ("cities", "00"), ("areas", "")):
        with (lists / f"admin_divisions/{file}.csv").open(encoding="utf-8-sig", newline="") as handle:
            rows = [(row["code"] + zeros, row["name"]) for row in csv.DictReader(handle)]
        found |= {(code, name) for code, name in rows if code[4] != "7" and name not in GROUPS_OF_COUNTIES}
    return found


def divisions(lists: Path) -> list[str]:
    """Return the lines code, name, first year, last year; the last year is empty for those in force."""
    years, present = years_of_divisions(lists), present_divisions(lists)
    last_revision = max(chain.from_iterable(years.values()))
    lines = []
    for code, name in sorted(years.keys() | present):
        listed = years.get((code, name), [NEWER_SINCE])
        last = "" if (code, name) in present else str(min(max(listed), last_revision))
        lines.append(f"{code}\t{name}\t{min(listed)}\t{last}")
    return lines


def icd10_ranges(lists: Path, level: str) -> list[str]:
    """Return the code ranges of one level of the catalogue (1 chapters, 2 blocks) and those that follow it."""
    with (lists / "icd10cn_catalog.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["level"] == level]
    ranges = {f"{row['code_lower_bound']}-{row['code_upper_bound']}" for row in rows}
    return sorted(ranges | set(LATER_CHAPTERS if level == "1" else LATER_BLOCKS.split()))


def main() -> None:
    """Write the three tables."""
    lists, facts = Path(sys.argv[1]), Path(sys.argv[2])
    tables = {
        "divisions": ["code\tname\tfirst\tlast", *divisions(lists)],
        "icd10_blocks": ["range", *icd10_ranges(lists, "2")],
        "icd10_chapters": ["range", *icd10_ranges(lists, "1")],
    }
    for name, lines in tables.items():
        (facts / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
