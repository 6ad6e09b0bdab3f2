"""Known values on real-looking patients: what their columns tell is found in every form, and medicine stays."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from known_people import Document, covers, documents, missed
from pypinyin import lazy_pinyin

PATIENTS = (
    "{}今日精神好,饮食可。",
    "患者{}诉头痛3天。",
    "查房时{}述胸闷缓解",
    "今晨呼唤{}能应答。",
    "嘱{}低盐饮食。",
    "由{}陪同前来",
    "家属代{}签字。",
    "入院记录:{},男,45岁。",
    "告知{}手术风险",
    "(患者:{})",
    "\n{} 血压130/80mmHg",
    "复诊:{}",
)
STAFF = ("{}查房后指示继续抗感染", "经{}会诊", "请示{}后停药。", "主刀:{}", "汇报{}。", "今日{}查看病人")
LATIN = ("Patient: {} , male", "姓名{}(女)", "标本标签 {}。", "签名:{}", "[{}]", "报告单姓名栏为{},核对无误")
NUMBERS = ("联系方式{}。", "({})", "登记为{},已核对", "见{}\n", "家属留:{}")
PLACES = ("现住{}。", "家住{},独居", "救护车自{}接诊", "住址:{}", "({})")
DATES = ("{}出生。", "生于{},", "出生日期:{}", "患者{}生", "({})")


def people() -> list[dict[str, str]]:
    return [document.columns for document in documents("multipriv_zh_dev")]


def spread(person: dict[str, str], carriers: tuple[str, ...], forms: Iterator[str]) -> Iterator[tuple]:
    for form in forms:
        for carrier in carriers:
            yield person, carrier, form


def of_name(name: str) -> Iterator[str]:
    if "·" in name:
        yield from (name.replace("·", other) for other in ("·", "", " ", ".", "-", "\u2022", " · "))
        yield from (part for part in name.split("·") if len(part) > 1)
        return
    surname, given = name[:1], name[1:]
    yield from (name, " ".join(name), f"{surname} {given}", f"{surname}\u200b{given}", f"{surname}\n{given}")
    yield from (f"{surname}某", f"{surname}某某", f"{surname}*", f"{surname}**", f"{surname}××", f"{surname}xx")
    yield from (
        f"{surname}*{given[-1]}",
        f"{surname}X{given[-1]}",
        f"{surname}某{given[-1]}",
        f"*{given}",
        f"**{given[-1]}",
    )
    yield from (surname + title for title in ("先生", "女士", "大爷", "阿姨", "奶奶", "师傅", "老师", "老太太"))
    yield from ("小" + surname, "老" + surname)
    if len(given) > 1:
        yield from (given, f"{surname}{given[0]}*")


def of_staff(name: str) -> Iterator[str]:
    surname = name[0]
    yield name
    if "·" in name:
        return
    yield from (surname + title for title in ("医生", "主任", "主任医师", "护士长", "教授", "大夫", "医师"))
    yield "小" + surname


def in_latin(name: str) -> Iterator[str]:
    family, *given = (syllable.replace("ü", "v") for syllable in lazy_pinyin(name.replace("·", "")))
    first = "".join(given)
    yield from (
        family + first,
        f"{family} {first}",
        f"{family} {' '.join(given)}",
        f"{first} {family}",
        f"{family}, {first}",
    )
    yield from (
        f"{family.title()} {first.title()}",
        f"{family.upper()} {first.upper()}",
        f"{family.title()}{first.title()}",
    )
    yield from (
        f"{family.upper()} {first.title()}",
        f"{family.title()} {'-'.join(given).title()}",
        f"{first.title()} {family.title()}",
    )
    initials = "".join(syllable[0] for syllable in (family, *given)).upper()
    yield from (".".join(initials) + ".", f"{family.title()} {initials[1:]}", f"{initials[1:]} {family.title()}")
    if len(given) > 1:
        yield first.title()


def initials_of(name: str) -> Iterator[str]:
    letters = "".join(syllable[0] for syllable in lazy_pinyin(name.replace("·", "")))
    yield from (letters.upper(), letters)


def of_phone(phone: str) -> Iterator[str]:
    yield from (
        phone,
        "+86" + phone,
        "0086 " + phone,
        f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
        f"{phone[:3]} {phone[3:7]} {phone[7:]}",
    )
    yield from (
        f"{phone[:3]}.{phone[3:7]}.{phone[7:]}",
        f"{phone[:3]}****{phone[7:]}",
        f"{phone[:3]}xxxx{phone[7:]}",
        f"*******{phone[7:]}",
    )
    yield from (
        "尾号" + phone[-4:],
        "后四位为" + phone[-4:],
        "末四位:" + phone[-4:],
        "后4位" + phone[-4:],
        phone[-4:] + "尾号",
    )
    yield from (
        "".join("零一二三四五六七八九"[int(d)] for d in phone),
        "".join(chr(ord(d) + 0xFEE0) for d in phone),
        " ".join(phone),
    )
    yield from (
        "".join("零幺二三四五六七八九"[int(d)] for d in phone),
        "尾号" + "".join("零一二三四五六七八九"[int(d)] for d in phone[-4:]),
    )


def of_number(number: str) -> Iterator[str]:
    yield from (
        number,
        f"{number[:6]} {number[6:14]} {number[14:]}",
        f"{number[:6]}-{number[6:14]}-{number[14:]}",
        number.lower(),
    )
    yield from (
        f"{number[:6]}********{number[14:]}",
        f"{number[:3]}***********{number[14:]}",
        f"{number[:14]}****",
        f"******{number[6:14]}****",
    )
    yield from (
        "尾号" + number[-4:],
        "后六位" + number[-6:],
        f"{number[:6]} {number[6:10]} {number[10:14]} {number[14:]}",
        number[-8:],
    )


def births(number: str) -> Iterator[str]:
    y, m, d = number[6:10], int(number[10:12]), int(number[12:14])
    yield from (
        f"{y}年{m}月{d}日",
        f"{y}-{m:02d}-{d:02d}",
        f"{y}.{m}.{d}",
        f"{y}/{m}/{d}",
        f"{y}{m:02d}{d:02d}",
        f"{y} 年 {m} 月 {d} 日",
    )
    yield from (f"{y[2:]}年{m}月{d}日", f"{y[2:]}.{m}.{d}", f"{d:02d}/{m:02d}/{y}", f"{y}年{m}月")
    months = "零一二三四五六七八九十"
    read = ("十" + months[m - 10 : m - 9] if m > 10 else months[m]) if m != 10 else "十"
    tens, ones = divmod(d, 10)
    day = ("" if not tens else "十" if tens == 1 else months[tens] + "十") + (months[ones] if ones else "")
    yield "".join("〇一二三四五六七八九"[int(c)] for c in y) + f"年{read}月{day}日"


def of_mail(mail: str) -> Iterator[str]:
    local, domain = mail.split("@")
    yield from (
        mail,
        mail.upper(),
        f"{local} @ {domain}",
        f"{local}(at){domain}",
        f"{local[:2]}***@{domain}",
        mail.replace("@", "\uff20"),
    )


def of_address(address: str) -> Iterator[str]:
    yield from (address, " ".join(address))[:1]
    for cut in ("省", "市", "区"):
        head, sign, tail = address.partition(cut)
        if sign and len(head) < 12 and len(tail) >= 4:
            yield from (tail, head + tail if cut != "区" else tail, head + sign + " " + tail)


@pytest.fixture(scope="module")
def patients() -> list[dict[str, str]]:
    return people()


def test_every_gold_value_that_the_columns_tell_is_covered() -> None:
    rows = documents("multipriv_zh_dev")
    found = covers([row.text for row in rows], [row.columns for row in rows])
    leaks = [
        (span["label"], span["text"])
        for row, cover in zip(rows, found, strict=True)
        for span in row.spans
        if span["label"] != "AGE" and span["text"] in "、".join(row.columns.values())
        if not all(cover[span["start"] : span["end"]])
    ]
    assert leaks == []


@pytest.mark.parametrize(
    ("key", "carriers", "forms"),
    [
        ("name", PATIENTS, of_name),
        ("doctor", STAFF, of_staff),
        ("name", LATIN, in_latin),
        ("name", ("姓名:{}。", "受试者{},第3次访视", "患者({})"), initials_of),
        ("phone", NUMBERS, of_phone),
        ("number", NUMBERS, of_number),
        ("number", DATES, births),
        ("mail", NUMBERS, of_mail),
        ("address", PLACES, of_address),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_form_of_a_known_value_is_covered(patients: list[dict], key: str, carriers: tuple, forms) -> None:
    cases = [
        case
        for person in patients
        for value in person.get(key, "").split("、")[:1]
        if value and (key != "name" or len(value) > 1)
        for case in spread({key: person[key]}, carriers, forms(value))
    ]
    left = missed(iter(cases))
    assert not left, f"{len(left)} of {len(cases)}: {left[:12]}"


@pytest.mark.parametrize("name", ["ccks_course_discharge", "cmeee_first2500", "cEHRNER_train"])
def test_medicine_is_kept_whoever_the_patient_is(patients: list[dict], name: str) -> None:
    rows: list[Document] = documents(f"over_redaction_{name}")
    draw = random.Random(7)
    found = covers([row.text for row in rows], [draw.choice(patients) for _ in rows])
    terms = [
        any(cover[span["start"] : span["end"]])
        for row, cover in zip(rows, found, strict=True)
        for span in row.spans
        if span["label"].startswith("MED_")
    ]
    assert sum(terms) <= 0.005 * len(terms)
