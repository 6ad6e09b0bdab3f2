"""Kinds of value and their levels: the one lattice that minimisation, the law's ceiling and k-anonymity share.

Owns which levels a kind has and how they are ordered, from raw to gone. It must not know how a level is computed
(``extractor.deid.hierarchies``) nor who may have which (``extractor.policy``). Names of techniques are those of
GB/T 37964-2019 and ISO/IEC 20889.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from extractor.errors import ConfigurationError


class Technique(StrEnum):
    """What a level does to a value, in the words of GB/T 37964-2019."""

    KEEP = "keep"  # 保留
    SUPPRESS = "suppress"  # 抑制
    MASK = "mask"  # 屏蔽
    GENERALISE = "generalise"  # 泛化
    TOP_CODE = "top_code"  # 顶层编码
    ROUND = "round"  # 取整
    PSEUDONYMISE = "pseudonymise"  # 假名化
    DATE_SHIFT = "date_shift"  # 日期偏移
    REDACT = "redact"  # 文本脱敏
    SURROGATE = "surrogate"  # 一致替换


@dataclass(frozen=True)
class Level:
    """One level of a kind: its name, its technique, and whether it still helps to single a person out.

    ``quasi`` is false where the value that leaves cannot be matched with anything an outsider knows (a keyed pseudonym, a
    date shifted by a secret offset, nothing at all).
    """

    name: str
    technique: Technique
    zh: str
    quasi: bool = True


@dataclass(frozen=True)
class Hierarchy:
    """The ordered levels of one kind. ``covers`` holds (finer, next coarser) pairs; the order may be partial."""

    kind: str
    zh: str
    levels: tuple[Level, ...]
    covers: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        names = {level.name for level in self.levels}
        strays = {name for pair in self.covers for name in pair} - names
        if strays or len(names) != len(self.levels):
            raise ValueError(f"hierarchy {self.kind}: {strays or 'a level twice'}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the levels, in the order in which people read them."""
        return tuple(level.name for level in self.levels)

    def level(self, name: str) -> Level:
        """Return the level of that name.

        Raises:
            ConfigurationError: the kind has no such level.
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise ConfigurationError(
            f"kind {self.kind} has no level {name!r}",
            zh=f"类型 {self.kind} 没有等级 {name!r}",
            thing=self.kind,
            fix_en="choose one of: " + ", ".join(self.names),
            fix_zh="可选:" + "、".join(self.names),
        )

    def at_least_as_coarse(self, name: str, than: str) -> bool:
        """Say whether level ``name`` is ``than`` itself or lies above it (tells no more)."""
        self.level(name)
        self.level(than)
        return name in _above(self)[than]

    def coarser(self, first: str, second: str) -> str:
        """Return the least coarse level that is at least as coarse as both (the join of the lattice).

        Where one of the two lies above the other it is that one; of two incomparable levels it is their first common level
        above.

        Raises:
            ConfigurationError: a level does not exist.
        """
        self.level(first)
        self.level(second)
        above = _above(self)
        common = above[first] & above[second]
        least = [name for name in self.names if name in common and common <= above[name]]
        return least[0] if least else self.names[-1]

    def from_fine_to_coarse(self, name: str) -> tuple[str, ...]:
        """Return ``name`` and all levels above it, finest first: what a climb may choose from."""
        return tuple(other for other in self.names if other in _above(self)[name])


@cache
def _above(hierarchy: Hierarchy) -> dict[str, frozenset[str]]:
    reach: dict[str, frozenset[str]] = {}

    def visit(name: str) -> frozenset[str]:
        if name not in reach:
            nexts = [coarse for fine, coarse in hierarchy.covers if fine == name]
            reach[name] = frozenset({name}).union(*(visit(coarse) for coarse in nexts))
        return reach[name]

    for name in hierarchy.names:
        visit(name)
    return reach


_RAW = Level("raw", Technique.KEEP, "原值")
_NONE = Level("none", Technique.SUPPRESS, "不提供", quasi=False)
_PSEUDONYM = Level("pseudonym", Technique.PSEUDONYMISE, "项目内假名", quasi=False)


def _general(name: str, zh: str) -> Level:
    return Level(name, Technique.GENERALISE, zh)


def _chain(kind: str, zh: str, *levels: Level) -> Hierarchy:
    names = [level.name for level in levels]
    return Hierarchy(kind, zh, levels, tuple(pairwise(names)))


def _identifier(kind: str, zh: str, mask_zh: str = "部分屏蔽") -> Hierarchy:
    """An identifier: masked or pseudonymised, and these two cannot be compared."""
    mask = Level("mask", Technique.MASK, mask_zh)
    covers = (("raw", "mask"), ("raw", "pseudonym"), ("mask", "none"), ("pseudonym", "none"))
    return Hierarchy(kind, zh, (_RAW, mask, _PSEUDONYM, _NONE), covers)


_MONTH, _QUARTER, _YEAR = _general("month", "年月"), _general("quarter", "年季"), _general("year", "年")
_DAY = Level("day", Technique.KEEP, "年月日")
_SHIFTED_DAY = Level("shifted_day", Technique.DATE_SHIFT, "偏移后的年月日", quasi=False)
_AGE = Level("age", Technique.TOP_CODE, "周岁(≥90 合并)")
_BAND_5, _BAND_10 = _general("age_band_5", "五岁段"), _general("age_band_10", "十岁段")
_COUNTY, _PREFECTURE, _PROVINCE = (
    _general("county", "县区"),
    _general("prefecture", "地市"),
    _general("province", "省"),
)


def _event_time() -> Hierarchy:
    time = Level("time", Technique.KEEP, "日期时间")
    shifted = Level("shifted_time", Technique.DATE_SHIFT, "偏移后的日期时间", quasi=False)
    covers = (
        ("time", "shifted_time"),
        ("time", "day"),
        ("shifted_time", "shifted_day"),
        ("day", "shifted_day"),
        ("shifted_day", "month"),
        ("month", "quarter"),
        ("quarter", "year"),
        ("year", "none"),
    )
    levels = (time, shifted, _DAY, _SHIFTED_DAY, _MONTH, _QUARTER, _YEAR, _NONE)
    return Hierarchy("event_time", "事件日期时间", levels, covers)


_ALL = (
    _identifier("resident_id", "公民身份号码"),
    _identifier("passport", "护照等证件号"),
    _identifier("person_name", "姓名", "仅留姓氏"),
    _identifier("phone", "移动电话", "屏蔽中间四位"),
    _identifier("landline", "固定电话"),
    _identifier("email", "电子邮箱"),
    _identifier("bank_card", "银行卡号"),
    _identifier("insurance_id", "医保社保号"),
    _identifier("licence", "执业证书号"),
    _identifier("plate", "机动车号牌"),
    _identifier("account", "网络账号"),
    _chain("record_number", "病案号等院内编号", _RAW, _PSEUDONYM, _NONE),
    _chain("organization", "机构名称", _RAW, _PSEUDONYM, _NONE),
    _chain("uscc", "统一社会信用代码", _RAW, _PSEUDONYM, _NONE),
    _chain("birth_date", "出生日期", _DAY, _MONTH, _QUARTER, _YEAR, _AGE, _BAND_5, _BAND_10, _NONE),
    _chain("event_date", "事件日期", _DAY, _SHIFTED_DAY, _MONTH, _QUARTER, _YEAR, _NONE),
    _event_time(),
    _chain("address", "地址", _RAW, _general("street", "街道乡镇"), _COUNTY, _PREFECTURE, _PROVINCE, _NONE),
    _chain("division", "行政区划代码", _RAW, _COUNTY, _PREFECTURE, _PROVINCE, _NONE),
    _chain("postcode", "邮政编码", _RAW, _general("digits_4", "前四位"), _general("digits_2", "前两位"), _NONE),
    _chain(
        "icd10",
        "疾病编码 ICD-10",
        Level("full", Technique.KEEP, "全码"),
        _general("category_3", "三位类目"),
        _general("block", "节"),
        _general("chapter", "章"),
        _NONE,
    ),
    _chain(
        "icd9cm3",
        "手术编码 ICD-9-CM-3",
        Level("full", Technique.KEEP, "全码"),
        _general("category_2", "两位类目"),
        _general("chapter", "章"),
        _NONE,
    ),
    _chain("age", "年龄", _AGE, _BAND_5, _BAND_10, _NONE),
    _chain(
        "amount",
        "金额",
        _RAW,
        Level("round_10", Technique.ROUND, "取整到 10"),
        Level("round_100", Technique.ROUND, "取整到 100"),
        _general("band", "金额段"),
        _NONE,
    ),
    _chain("quantity", "数值", _RAW, Level("round_2_digits", Technique.ROUND, "两位有效数字"), _NONE),
    _chain("category", "分类值", _RAW, _NONE),
    _chain("term", "诊断、手术等名称", _RAW, _NONE),
    Hierarchy(
        "free_text",
        "自由文本",
        (
            _RAW,
            Level("surrogate", Technique.SURROGATE, "一致替换(同人同名,日期同偏移)", quasi=False),
            Level("redacted", Technique.REDACT, "按类型脱敏", quasi=False),
            _NONE,
        ),
        (("raw", "surrogate"), ("surrogate", "redacted"), ("redacted", "none")),
    ),
)

HIERARCHIES: dict[str, Hierarchy] = {hierarchy.kind: hierarchy for hierarchy in _ALL}


def hierarchy_of(kind: str) -> Hierarchy:
    """Return the hierarchy of a kind.

    Raises:
        ConfigurationError: no such kind; the message lists those that exist.
    """
    if kind not in HIERARCHIES:
        raise ConfigurationError(
            f"no kind {kind!r}",
            zh=f"没有类型 {kind!r}",
            thing=kind,
            fix_en="choose one of: " + ", ".join(HIERARCHIES),
            fix_zh="可选:" + "、".join(HIERARCHIES),
        )
    return HIERARCHIES[kind]
