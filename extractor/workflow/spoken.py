"""What people say in an argument: words that must hold no identity, and things that must be known here.

Owns the one check of free texts and names before they are stored or logged in the clear, and of the things that an act is about. It
must not know any act. A refusal names the argument and never repeats what was typed.
"""

from __future__ import annotations

import re
import unicodedata

from extractor.deid import identifiers as ids
from extractor.errors import UsageError
from extractor.workflow.office import Office

# Between two digits of one number people put a space or a dash; between two numbers they put more.
_GAP = re.compile(r"(?<=[0-9])[ \-\u2010-\u2015](?=[0-9Xx])")
_SHAPES = (
    (re.compile(r"(?<![0-9])[0-9]{17}[0-9Xx](?![0-9])"), ids.is_resident_id),
    (re.compile(r"(?<![0-9])[0-9]{15}(?![0-9])"), ids.is_old_resident_id),
    (re.compile(r"(?<![0-9])(?:\+?86|0086)?1[3-9][0-9]{9}(?![0-9])"), ids.is_mobile),
    (re.compile(r"(?<![0-9])[0-9]{16,19}(?![0-9])"), ids.is_bank_card),
    (re.compile(r"(?<![0-9A-Za-z])[A-Za-z][1289][0-9]{8}(?![0-9A-Za-z])"), ids.is_taiwan_id),
    (re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{1,2}[0-9]{6}(?:\([0-9Aa]\)|[0-9Aa])(?![0-9A-Za-z])"), ids.is_hkid),
)


def holds_identity(text: str) -> bool:
    """Say whether a text holds a valid citizen, mobile, bank card, Hong Kong or Taiwan identity number, however it is spaced."""
    plain = unicodedata.normalize("NFKC", text)
    readings = {plain, _GAP.sub("", plain)}
    return any(check(found[0]) for each in readings for shape, check in _SHAPES for found in shape.finditer(each))


def check_words(text: str, argument: str) -> None:
    """Check that words given as an argument hold no number of a person.

    Raises:
        UsageError: they do; the text is not repeated.
    """
    if holds_identity(text):
        raise UsageError(
            "the text holds what reads as the identity, telephone or card number of a person; nothing was stored",
            zh="所填文字含有疑似个人身份证件、电话或银行卡号码,未保存", thing=argument,
            fix_en="say it without any number of a person; what must name one belongs in a file, of which only the digest is kept",
            fix_zh="请改写,不写入任何个人号码;确需指明个人的内容请写入文件,系统只保存其摘要",
        )  # fmt: skip


def check_known(office: Office, thing: str, argument: str) -> None:
    """Check that a thing is the number of something recorded here (RQ-, RN-, PK-, …), or a unit that is registered here.

    Raises:
        UsageError: it is neither; it is not repeated, for it may be the name of a person.
    """
    with office.store.reading() as tx:
        known = tx.issued(thing) or thing == office.settings.unit
        known = known or any(person.body["unit"] == thing for person in tx.find("person"))
    if not known:
        raise UsageError(
            "it is neither the number of anything recorded here nor a registered unit",
            zh="既不是本系统已有的编号,也不是已登记的单位", thing=argument,
            fix_en="give a number such as RQ-…, RN-… or PK-…, or a unit as `extractor person list` shows it; what else there is to "
            "say belongs in the text's file",
            fix_zh="请填写 RQ-…、RN-…、PK-… 等编号,或 extractor person list 所列单位;其他内容请写入说明文件",
        )  # fmt: skip
