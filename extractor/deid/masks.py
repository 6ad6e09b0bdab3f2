"""Masks: the part of an identifier that may stay, and a fixed number of stars, so that no length leaks.

Owns for each kind which part stays and the shape that a value must have; what has another shape becomes null, never itself.
What stays follows GB/T 37964-2019, annex A (masking), kept to what says least: the province of a resident number, the surname,
the area of a landline, the issuer of a bank card. It must not know levels or policies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from extractor.deid.identity_text import as_text, canonical_series, fixed_width, plain
from extractor.deid.repeated import once_for_each

# Two-character surnames still in use; a name of two characters is never taken for one, or it would stay whole.
_COMPOUND_TEXT = (
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔|申屠|公孙|慕容|"
    "仲孙|钟离|长孙|宇文|司徒|鲜于|司空|闾丘|子车|亓官|司寇|巫马|公西|颛孙|壤驷|公良|漆雕|乐正|宰父|谷梁|拓跋|夹谷|轩辕|令狐|"
    "段干|百里|呼延|东郭|南门|羊舌|微生|公户|公玉|公仪|梁丘|公仲|公上|公门|公山|公坚|左丘|公伯|西门|公祖|第五|公乘|贯丘|公皙|"
    "南荣|东里|东宫|仲长|子书|子桑|即墨|达奚|褚师|吴铭|纳兰|归海|东皇|叶赫|那拉"
)
_COMPOUND = tuple(_COMPOUND_TEXT.split("|"))
_COMPOUND_BYTES = len("欧阳**".encode())
_PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[0-9]"
_RESIDENT_ID = rf"^({_PROVINCES})(?:[0-9]{{15}}[0-9X]|[0-9]{{13}})$"
_PHONE_DIGITS = 11
_PUBLIC_MAIL = "qq|163|126|139|189|sina|sohu|foxmail|gmail|outlook|hotmail|yahoo|icloud|aliyun|yeah|21cn|tom|wo"


def _resident_id(text: pl.Expr) -> pl.Expr:
    return text.str.extract(_RESIDENT_ID, 1) + "*" * 16


def _passport(text: pl.Expr) -> pl.Expr:
    shaped = text.str.contains(r"^[A-Z0-9]{6,20}$")
    return pl.when(shaped).then(text.str.extract(r"^([A-Z]?)", 1) + "*" * 8)


def _person_names(source: pl.Expr) -> pl.Expr:
    """Keep the surname. It is read from the first two characters, which repeat much more than whole names."""
    masked = once_for_each(source.str.slice(0, 2), _surname, pl.String())
    pair = pl.struct(source.alias("name"), masked.alias("masked"))
    return pair.map_batches(_short_names_checked, return_dtype=pl.String(), is_elementwise=True)


def _surname(start: pl.Expr) -> pl.Expr:
    return pl.when(start.is_in(_COMPOUND)).then(start + "**").otherwise(_first_letter(start))


def _first_letter(start: pl.Expr) -> pl.Expr:
    return plain(start).str.extract(r"^(\p{L})", 1) + "**"


def _short_names_checked(pair: pl.Series) -> pl.Series:
    """Take a compound surname back to one character where no third one follows: it would be the whole name."""
    names, masked = pair.struct.field("name"), pair.struct.field("masked")
    compound = (masked.str.len_bytes() >= _COMPOUND_BYTES).fill_null(False).arg_true()
    if not len(compound):
        return masked
    third = names.gather(compound).str.slice(2, 1)
    rows = compound.filter(~third.str.contains(r"^[^·..•∙・\s]$"))
    start = names.gather(rows).to_frame("name").select(_first_letter(pl.col("name").str.slice(0, 2))).to_series()
    return masked.scatter(rows, start)


def _phones(source: pl.Expr) -> pl.Expr:
    return source.map_batches(_masked_phones, return_dtype=pl.String(), is_elementwise=True)


def _masked_phones(text: pl.Series) -> pl.Series:
    """Mask the middle four digits; numbers that are not plain are brought to their canonical form first."""
    masked, unread = _masked_digits(text)
    if len(unread):
        again, _ = _masked_digits(canonical_series(text.gather(unread), kind="phone"))
        masked = masked.scatter(unread, again)
    return masked.alias(text.name)


def _masked_digits(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Mask what is eleven digits of a mobile number, all rows in one array; return also the rows that are something else."""
    sizes = text.str.len_bytes()
    uniform = not sizes.null_count() and sizes.min() == sizes.max() == _PHONE_DIGITS
    shaped = (sizes == _PHONE_DIGITS).fill_null(False)
    joined = (text if uniform else text.filter(shaped)).str.join("").cast(pl.Binary).item() or b""
    table = np.frombuffer(joined, dtype=np.uint8).reshape(-1, _PHONE_DIGITS).copy()
    valid = (table[:, 0] == ord("1")) & (table[:, 1] >= ord("3"))
    if len(table) and not (table.min() >= ord("0") and table.max() <= ord("9")):
        valid &= ((table - 48) <= 9).all(axis=1)
    table[:, 3:7] = ord("*")
    if uniform and valid.all():
        return fixed_width(table), pl.Series(dtype=pl.UInt32)
    rows = shaped.arg_true().filter(pl.Series(valid))
    masked = pl.Series([None], dtype=pl.String).new_from_index(0, len(text)).scatter(rows, fixed_width(table[valid]))
    return masked, (masked.is_null() & text.is_not_null()).arg_true()


def _landline(text: pl.Expr) -> pl.Expr:
    national = text.str.replace(r"^(?:\+|00)86", "0").str.replace("^00", "0")
    shape = r"^(?:(0(?:10|2[0-9]|[3-9][0-9]{2}))|([48]00)|())[0-9]{7,8}(?:(?:转|ext|x|#|,)?[0-9]{1,6})?$"
    parts = [national.str.extract(shape, group) for group in (1, 2, 3)]
    area = pl.when(parts[0].is_not_null()).then(parts[0] + "-").when(parts[1].is_not_null()).then(parts[1] + "-")
    return area.otherwise(parts[2]) + "*" * 8


def _email(text: pl.Expr) -> pl.Expr:
    shaped = text.str.contains(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
    public = text.str.extract(rf"@((?:vip\.)?(?:{_PUBLIC_MAIL})\.(?:com\.cn|com|cn|net))$", 1)
    return pl.when(shaped).then(pl.lit("***@") + public.fill_null("***"))


def _bank_card(text: pl.Expr) -> pl.Expr:
    return text.str.extract(r"^([0-9]{6})[0-9]{7,13}$", 1) + "*" * 10


def _insurance_id(text: pl.Expr) -> pl.Expr:
    local = pl.when(text.str.contains(r"^[A-Z0-9]{4,32}$")).then(pl.lit("*" * 10))
    return pl.coalesce(_resident_id(text), local)


def _licence(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(r"^[A-Z0-9\-]{6,32}$")).then(text.str.slice(0, 1) + "*" * 14)


def _plate(text: pl.Expr) -> pl.Expr:
    place = text.str.extract(
        r"^([京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z])[A-Z0-9]{4,6}[警学挂港澳领]?$", 1
    )
    return pl.coalesce(place, text.str.extract(r"^(WJ)[\p{Han}]?[A-Z0-9]{4,6}$", 1)) + "*" * 5


def _account(text: pl.Expr) -> pl.Expr:
    return text.str.extract(r"^([A-Za-z0-9_])[^\s]{4,63}$", 1) + "*" * 7


_MASKS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "resident_id": _resident_id,
    "passport": _passport,
    "landline": _landline,
    "email": _email,
    "bank_card": _bank_card,
    "insurance_id": _insurance_id,
    "licence": _licence,
    "plate": _plate,
    "account": _account,
}


# These two read the column as it is: the forms that most values have pass at memory speed.
_WHOLE_COLUMN: dict[str, Callable[[pl.Expr], pl.Expr]] = {"person_name": _person_names, "phone": _phones}


def masked(source: pl.Expr, dtype: pl.DataType, kind: str) -> pl.Expr:
    """Return the masked identifier as text; null where the value has not the shape of its kind.

    Raises:
        ConfigurationError: the column's type has no text.
    """
    text = as_text(source, dtype, kind=kind)
    if kind in _WHOLE_COLUMN:
        return _WHOLE_COLUMN[kind](text)
    text = text.map_batches(
        lambda values: canonical_series(values, kind=kind), return_dtype=pl.String(), is_elementwise=True
    )
    return _MASKS[kind](text)
