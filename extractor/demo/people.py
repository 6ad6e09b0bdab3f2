"""People of the generated hospital: names, identity numbers, telephones, drawn as skewed as life has them.

Owns what an invented person is called and which numbers the person has. It must not know tables, illnesses or places.
Surnames, some given names and street names come from Faker, once, as pools; all else is combined with numpy. No name is
taken from a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractor.demo.drawing import Flags, Numbers, Texts, choose, pick, skewed, texts, words
from extractor.errors import ConfigurationError


@dataclass(frozen=True)
class Pools:
    """What Faker gives once: surnames with their weights (summing to one), given names by sex, streets."""

    surnames: Texts
    weights: NDArray[np.float64]
    given_male: Texts
    given_female: Texts
    streets: tuple[str, ...]


# Surnames that are frequent in Fuzhou and a share of compound ones, in per cent, added to Faker's weights for all China.
_LOCAL_SURNAMES = {
    "陈": 6.0,
    "林": 8.0,
    "黄": 2.5,
    "郑": 3.0,
    "王": 2.5,
    "李": 2.5,
    "张": 2.5,
    "吴": 1.5,
    "江": 0.8,
    "翁": 0.6,
}
_COMPOUND_SURNAMES = {
    "欧阳": 0.5,
    "上官": 0.25,
    "司徒": 0.1,
    "诸葛": 0.08,
    "司马": 0.06,
    "皇甫": 0.05,
    "夏侯": 0.04,
    "慕容": 0.04,
}

# Characters of given names, most frequent first, of men and women born before 1955, 1975, 1995 and later.
_ERAS = (1955, 1975, 1995)
_MALE = (
    "国明德金文玉清建荣光祥庆志永福生贵良林顺水木发财寿宗炳依孝忠",
    "建国志文明伟华军平永强金荣辉德林勇斌峰忠武生杰海东春雄钦铭",
    "志伟杰俊峰斌鹏辉勇涛超凯毅晓亮旭翔锋剑铭健威琦泽鑫坤榕煌",
    "子宇浩轩睿泽辰铭晨逸博涵俊熙霖一皓梓奕诺瑞航骏恒昊煜诚屹",
)
_FEMALE = (
    "秀英玉珍兰金宝美珠淑桂香莲凤月清花妹娇钗梅琴银惠依瑞仁端",
    "丽美秀华玉英芳琴燕珍红萍惠云霞珠梅兰娟凤淑琼碧莺榕雪容",
    "丽婷燕芳晓静娜敏玲雪莉艳萍琳倩颖丹慧晶榕珊瑜薇佳洁雯妍",
    "欣梓涵雨诗萱怡子一诺可若语彤妍雅思琪晨芮瑶汐沐悦静昕媛",
)
_RARE = tuple("喆堃犇赟翀燚䶮㛃婳頔旻璟彧骉瑢垚珺淼晞玥镕嵘鋆𬭎𫍯𬍛𣲗")

ETHNICITIES = (
    ("汉族", 96.2), ("畲族", 1.3), ("回族", 0.5), ("土家族", 0.4), ("苗族", 0.3), ("壮族", 0.3), ("满族", 0.2),
    ("维吾尔族", 0.3), ("哈萨克族", 0.15), ("藏族", 0.15), ("彝族", 0.1), ("蒙古族", 0.1),
)  # fmt: skip
_SHE_SURNAMES = ("雷", "蓝", "钟", "盘")
_HUI_SURNAMES = ("马", "丁", "白", "哈", "沙", "穆", "郭")
_TURKIC_MALE = words("阿卜杜拉 买买提 吐尔逊 艾力 阿不都热合曼 玉素甫 伊明江 库尔班 达吾提 热合木 叶尔兰 巴合提别克")
_TURKIC_FEMALE = words("古丽努尔 阿依古丽 帕提古丽 热依汗古丽 米日古丽 阿孜古丽 再努尔 祖丽皮亚 古丽娜尔 阿依达娜")
_TIBETAN_HEADS = words("扎西 次仁 多吉 格桑 德吉 达瓦 尼玛 平措 索朗 边巴 旺堆 拉姆")
_TIBETAN_MALE = words("顿珠 罗布 旺久 坚赞 多吉 占堆")
_TIBETAN_FEMALE = words("卓玛 措姆 拉姆 央宗 卓嘎 白珍")
_YI_CLANS = words("吉克 阿尔 沙马 马海 吉木 阿苦 曲比 俄木")
_YI_MALE = words("子日 木果 拉且 伍呷 日哈 尔古")
_YI_FEMALE = words("阿依 阿呷 尔洗 妞妞莫 伍各 阿果")
_MONGOL_MALE = words("阿古拉 巴特尔 苏和 那顺 宝音图 额尔敦 朝鲁 布仁")
_MONGOL_FEMALE = words("乌兰图雅 其其格 萨仁 琪琪格 娜仁 托娅 高娃 萨日娜")

_CHECKS = "10X98765432"  # by remainder, GB 11643-1999
_MOBILE_PREFIXES = words(
    "130 131 132 133 134 135 136 137 138 139 150 151 152 153 155 156 157 158 159 166 170 173 175 176 177 178 180 181 ",
    "182 183 185 186 187 188 189 191 193 195 198 199 138 139 135 137 150 159 136 189",
)


def draw_pools(seed: int) -> Pools:
    """Draw surnames, given names and streets from Faker for a seed.

    Raises:
        ConfigurationError: Faker is not installed.
    """
    try:
        from faker import Faker
        from faker.providers.person.zh_CN import Provider
    except ImportError:
        raise ConfigurationError(
            "the demo's hospital is generated with Faker, which is not installed",
            zh="生成演示医院需要 Faker,但未安装",
            thing="faker",
            fix_en="run: pip install 'extractor[demo]'",
            fix_zh="请运行:pip install 'extractor[demo]'",
        ) from None
    faker = Faker("zh_CN")
    faker.seed_instance(seed)
    surnames: dict[str, float] = {str(name): float(weight) for name, weight in Provider.last_names.items()}
    for extra in (_LOCAL_SURNAMES, _COMPOUND_SURNAMES):
        for name, weight in extra.items():
            surnames[name] = surnames.get(name, 0.0) + weight
    weights = np.array(list(surnames.values()))
    male = sorted({faker.first_name_male() for _ in range(300)})
    female = sorted({faker.first_name_female() for _ in range(300)})
    streets = tuple(sorted({faker.street_name() for _ in range(200)}))
    return Pools(texts(list(surnames)), weights / weights.sum(), texts(male), texts(female), streets)


def draw_surnames(rng: np.random.Generator, pools: Pools, *, count: int) -> Texts:
    """Draw surnames by frequency: 陈, 林, 王, 李, 张 … lead, compound ones are about one in a hundred."""
    return pick(pools.surnames, rng.choice(len(pools.surnames), size=count, p=pools.weights))


def draw_given_names(rng: np.random.Generator, pools: Pools, *, female: Flags, born: Numbers) -> Texts:
    """Draw given names for sex and year of birth: of one or two characters, one in fifty with a rare character."""
    count = len(female)
    first, second = np.empty(count, dtype=object), np.empty(count, dtype=object)
    faker_name = np.empty(count, dtype=object)
    eras = np.searchsorted(np.array(_ERAS), born, side="right")
    for sex, by_era, given in ((False, _MALE, pools.given_male), (True, _FEMALE, pools.given_female)):
        mine = female == sex
        faker_name[mine] = given[rng.integers(0, len(given), mine.sum())]
        for era, characters in enumerate(by_era):
            chosen, letters = mine & (eras == era), texts(list(characters))
            first[chosen] = letters[skewed(rng, len(letters), count=chosen.sum())]
            second[chosen] = letters[skewed(rng, len(letters), count=chosen.sum())]
    # 婷婷 is a woman's name, 国国 is nobody's.
    doubled = (first == second) & (~female | (rng.random(count) < 0.5))
    second[doubled] = "生"
    rare = rng.random(count) < 0.02
    second[rare] = choose(rng, _RARE, count=rare.sum())
    single = rng.random(count) < np.array([0.08, 0.14, 0.24, 0.12])[eras]
    made: Texts = np.where(single, second, first + second)
    return np.where((rng.random(count) < 0.15) & ~rare, faker_name, made)


def draw_ethnicities(rng: np.random.Generator, count: int) -> Texts:
    """Draw ethnic groups by their share among patients of a hospital in Fuzhou."""
    weights = np.array([weight for _, weight in ETHNICITIES])
    drawn = rng.choice(len(ETHNICITIES), size=count, p=weights / weights.sum())
    return pick(texts([name for name, _ in ETHNICITIES]), drawn)


def with_minority_names(rng: np.random.Generator, names: Texts, *, ethnicity: Texts, female: Flags) -> Texts:
    """Return the names, where the ethnic group has its own way of naming replaced by such a name (吐尔逊·买买提)."""
    result = names.copy()
    for row in np.flatnonzero(ethnicity != "汉族").tolist():
        draw = rng.integers(0, 1 << 30, size=4).tolist()
        result[row] = _minority_name(str(names[row]), str(ethnicity[row]), female=bool(female[row]), draw=draw)
    return result


def _minority_name(name: str, group: str, *, female: bool, draw: list[int]) -> str:
    def one(choices: Sequence[str], place: int) -> str:
        return choices[draw[place] % len(choices)]

    match group:
        case "畲族" | "回族":
            return one(_SHE_SURNAMES if group == "畲族" else _HUI_SURNAMES, 0) + name[1:]
        case "维吾尔族" | "哈萨克族":
            # Keyboards give more than one dot, and hospitals store whichever was typed.
            dot = "•" if draw[3] % 12 == 0 else "·"
            return one(_TURKIC_FEMALE if female else _TURKIC_MALE, 0) + dot + one(_TURKIC_MALE, 1)
        case "藏族":
            return one(_TIBETAN_HEADS, 0) + one(_TIBETAN_FEMALE if female else _TIBETAN_MALE, 1)
        case "彝族":
            return one(_YI_CLANS, 0) + ("·" if draw[3] % 2 else "") + one(_YI_FEMALE if female else _YI_MALE, 1)
        case "蒙古族":
            return one(_MONGOL_FEMALE if female else _MONGOL_MALE, 0)
    return name


def check_digits(bodies: Sequence[str]) -> Texts:
    """Return the check character of each 17-digit body (GB 11643-1999, ISO 7064 MOD 11-2)."""
    if not len(bodies):
        return texts([])
    digits = np.frombuffer("".join(bodies).encode("ascii"), dtype=np.uint8).reshape(-1, 17).astype(np.int64) - ord("0")
    factors = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
    return pick(texts(_CHECKS), (digits @ factors) % 11)


def draw_resident_ids(rng: np.random.Generator, areas: Texts, *, born: Texts, female: Flags) -> Texts:
    """Return resident identity numbers for area codes, births as ``YYYYMMDD`` and sex; one in a hundred has a wrong check digit."""
    count = len(areas)
    sequence = rng.integers(0, 450, size=count) * 2 + np.where(female, 2, 1)
    bodies = areas + born + texts([f"{number:03d}" for number in sequence.tolist()])
    checks = check_digits(list(bodies))
    wrong = np.flatnonzero(rng.random(count) < 0.01)
    steps = rng.integers(1, 11, size=len(wrong)).tolist()
    checks[wrong] = [
        "10X98765432"[("10X98765432".index(checks[row]) + step) % 11] for row, step in zip(wrong, steps, strict=True)
    ]
    identities: Texts = bodies + checks
    return identities


def draw_mobiles(rng: np.random.Generator, count: int) -> Texts:
    """Return mobile numbers of eleven digits with prefixes in use."""
    prefixes = choose(rng, _MOBILE_PREFIXES, count=count)
    numbers: Texts = prefixes + texts([f"{number:08d}" for number in rng.integers(0, 10**8, count).tolist()])
    return numbers


def draw_landlines(rng: np.random.Generator, dialling: Texts) -> Texts:
    """Return fixed-line numbers for area dialling codes, of seven or eight digits, with and without the hyphen."""
    numbers = rng.integers(2_200_000, 8_999_999, len(dialling)).tolist()
    lead = rng.integers(0, 5, len(dialling)).tolist()
    local = [f"8{number}" if code == "0591" else str(number) for code, number in zip(dialling, numbers, strict=True)]
    joined: Texts = dialling + texts(["" if dash == 0 else "-" for dash in lead]) + texts(local)
    return joined
