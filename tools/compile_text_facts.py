"""Compile the facts that text recognition needs: words of medicine (THUOCL), simplified forms of characters (OpenCC), and what
jieba's hidden Markov model of parts of speech says of the characters of names and of neighbours.

Usage: ``python tools/compile_text_facts.py LISTS FACTS``, where LISTS holds ``thuocl/THUOCL_medical.txt`` and FACTS is
``extractor/deid/facts``. OpenCC (Apache licence 2.0) is asked for each character and must be installed for it:
``pip install OpenCC``.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import jieba
from jieba.posseg import prob_emit, prob_start, prob_trans

LONGEST = 8
WIDTH = 100
BLOCKS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x2A6E0))


def medicine(lists: Path) -> list[str]:
    """Return the words of two to eight ideographs, in order."""
    lines = (lists / "thuocl/THUOCL_medical.txt").read_text(encoding="utf-8").splitlines()
    words = {line.split("\t")[0].strip() for line in lines}
    return sorted(w for w in words if 2 <= len(w) <= LONGEST and all("㐀" <= c <= "鿿" for c in w))


def simplified() -> list[str]:
    """Return each traditional character followed by its simplified form."""
    import opencc

    convert = opencc.OpenCC("t2s").convert
    pairs = ((chr(code), convert(chr(code))) for block in BLOCKS for code in block)
    return [old + new for old, new in pairs if old != new and len(new) == 1]


UNHEARD, NEVER = -13.0, -12.0


def letters() -> Iterator[str]:
    """Yield for each character: log probability as first, middle, last of a name, in a foreign name, and in any text."""
    tables = [prob_emit.P[place, "nr"] for place in "BME"]
    foreign = [prob_emit.P[place, "nrt"] for place in "BME"]
    usual: Counter[str] = Counter()
    for line in Path(jieba.__file__).with_name("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, _ = line.split(" ")
        for character in word:
            usual[character] += int(count)
    total = sum(usual.values())
    heard = {c for table in (*tables, *foreign) for c in table} | {c for c in usual if c >= "㐀"}
    for c in sorted(heard):
        odds = [table.get(c, UNHEARD) for table in tables]
        odds += [max(table.get(c, UNHEARD) for table in foreign), math.log((usual[c] + 20) / total)]
        yield c + "\t" + "\t".join(f"{max(UNHEARD, number):.2f}" for number in odds)


def follows() -> Iterator[str]:
    """Yield for each part of speech, and for the beginning, the log probability of each part of speech after it."""
    tags = sorted({tag for _, tag in prob_trans.P})
    yield "\t".join(["after", *tags])
    for before in [*tags, ""]:
        rows = [prob_trans.P.get((place, before), {}) for place in "ES"] if before else [prob_start.P]
        yield "\t".join([before or "-", *(f"{max(_either(row, tag) for row in rows):.2f}" for tag in tags)])


def _either(row: Mapping[tuple[str, str], float], tag: str) -> float:
    total = sum(math.exp(row[place, tag]) for place in "BS" if row.get((place, tag), -99.0) > -99.0)
    return max(NEVER, math.log(total)) if total > 0 else NEVER


def wrapped(words: Iterable[str]) -> str:
    """Join words with blanks in lines of about 100 characters."""
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += word + " "
    return "\n".join([*lines, line.rstrip()]) + "\n"


def main() -> None:
    """Write the files."""
    lists, facts = Path(sys.argv[1]), Path(sys.argv[2])
    head = "# Words of medicine: diseases, symptoms, drugs, tests, body parts. From THUOCL (Tsinghua, MIT licence).\n"
    (facts / "text_medicine.txt").write_text(head + wrapped(medicine(lists)), encoding="utf-8")
    head = "# Traditional characters, each with its simplified form. From OpenCC (Apache licence 2.0).\n"
    (facts / "text_traditional.txt").write_text(head + wrapped(simplified()), encoding="utf-8")
    head = "# Natural logarithms from jieba's model of parts of speech (MIT licence): first, middle, last of a name; foreign; usual.\n"
    (facts / "text_letters.tsv").write_text(head + "\n".join(letters()) + "\n", encoding="utf-8")
    head = "# Natural logarithms from jieba's model of parts of speech (MIT licence): one after another; - is the beginning.\n"
    (facts / "text_tags.tsv").write_text(head + "\n".join(follows()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
