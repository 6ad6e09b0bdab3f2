"""The generated Chinese hospital: six tables of invented people as Parquet files, alike for a seed, skewed as life is.

Owns the description of the tables and how they are written. It must not know how a row is drawn (``registry``, ``stays``,
``notes``) nor what the demo does with the files. Every person in it is invented; the places are real.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from extractor.demo.notes import make_notes
from extractor.demo.people import draw_pools
from extractor.demo.registry import make_registry, make_staff
from extractor.demo.stays import make_stays
from extractor.errors import StorageError, UsageError

ROWS_PER_FILE = 20_000


class Column(NamedTuple):
    """A column: its name in the table and its Chinese name."""

    name: str
    zh: str


@dataclass(frozen=True)
class Table:
    """The description of one table: its name, its Chinese name, its columns in their order."""

    name: str
    zh: str
    columns: tuple[Column, ...]


class Written(NamedTuple):
    """Where a table was written: a glob that polars reads as one table, and its number of rows."""

    glob: str
    rows: int


@dataclass(frozen=True)
class Hospital:
    """A generated hospital on disk: its folder and, by table name, the files and rows."""

    folder: Path
    tables: dict[str, Written]


def _table(name: str, zh: str, columns: str) -> Table:
    pairs = (item.split(":") for item in columns.split())
    return Table(name, zh, tuple(Column(code, label) for code, label in pairs))


TABLES: tuple[Table, ...] = (
    _table(
        "patients",
        "患者基本信息",
        "BAH:病案号 BRXM:姓名 XB:性别 CSRQ:出生日期 MZ:民族 SFZJHM:身份证号 HYZK:婚姻状况 ZYDM:职业代码 XZZ:现住址 XZZYB:现住址邮编 "
        "HKDZ:户口地址 DH:电话 JKKH:健康卡号 XZQH:行政区划代码 LXRXM:联系人姓名 LXRGX:联系人关系 LXRDH:联系人电话",
    ),
    _table(
        "admissions",
        "住院病案首页",
        "ZYH:住院号 BAH:病案号 ZYCS:住院次数 USERNAME:机构名称 NL:年龄 YLFKFS:医疗付款方式 RYTJ:入院途径 RYRQ:入院日期时间 RYKBDM:入院科别 "
        "CYRQ:出院日期 CYKBDM:出院科别 ZYTS:住院天数 MJZZD:门急诊诊断 JBBM:基层疾病编码 CYSZYZD:出院时主要诊断 JBDM:疾病编码 RYBQ:入院病情 "
        "CYSQTZD:出院时其他诊断 ZYSSYCZMC:主要手术与操作名称 ZYSSYCZBM:主要手术与操作编码 SSJCZRQ:手术及操作日期 LYFS:离院方式 "
        "KZR:科主任 ZRYS:主任医师 ZZYS:主治医师 ZYYS:住院医师 ZRHS:责任护士 ZFY:总费用 QZZFJE:自付金额 YBYLFWF:一般医疗服务费 "
        "YBZLCZFY:一般治疗操作费 HLF:护理费 SSZLF:手术治疗费 XYF:西药费 KJYWFY:抗菌药物费用 ZCYF:中草药费 SYSZDF:实验室诊断费 "
        "YXXZDF:影像学诊断费 YYCLF:一次性医用材料费",
    ),
    _table("diagnoses", "出院诊断", "ZYH:住院号 BAH:病案号 XH:序号 ZDMC:诊断名称 JBDM:疾病编码 ZDLX:诊断类型"),
    _table(
        "charges", "住院费用明细", "ZYH:住院号 BAH:病案号 SFRQ:收费日期 XMLB:项目类别 XMMC:项目名称 SL:数量 JE:金额"
    ),
    _table("notes", "病程记录", "ZYH:住院号 BAH:病案号 JLSJ:记录时间 JLLX:记录类型 JLNR:记录内容"),
    _table("staff", "医务人员", "GH:工号 XM:姓名 KS:科室 ZC:职称 DH:电话"),
)


def write_hospital(folder: Path, *, patients: int = 20_000, seed: int = 2026) -> Hospital:
    """Generate a hospital and write its tables as Parquet, ``TABLE/part-00000.parquet`` and so on, below ``folder``.

    The same ``patients`` and ``seed`` give the same rows. There are about 1.5 admissions, 11 charges and one note per patient.

    Raises:
        UsageError: ``patients`` is less than one.
        ConfigurationError: Faker is not installed.
        StorageError: the folder holds a table already, or cannot be written.
    """
    if patients < 1:
        raise UsageError(
            "a hospital needs at least one patient",
            zh="至少需要一名患者",
            thing="patients",
            fix_en="give a number above zero",
            fix_zh="请给出大于零的数",
        )
    for table in TABLES:
        _refuse_leftovers(folder / table.name)
    frames = _generate(patients, seed)
    return Hospital(folder, {table.name: _write_table(folder, table, frames[table.name]) for table in TABLES})


def _generate(patients: int, seed: int) -> dict[str, pl.DataFrame]:
    pools = draw_pools(seed)
    rng = np.random.default_rng(seed)
    registry = make_registry(rng, pools, patients=patients)
    staff = make_staff(rng, pools)
    stays = make_stays(rng, registry, staff=staff)
    return {
        "patients": registry.patients,
        "admissions": stays.admissions,
        "diagnoses": stays.diagnoses,
        "charges": stays.charges,
        "notes": make_notes(seed, registry, stays=stays, staff=staff),
        "staff": staff,
    }


def _refuse_leftovers(folder: Path) -> None:
    # Parts of an earlier, larger hospital would be read as rows of this one.
    if next(folder.glob("*.parquet"), None) is not None:
        raise StorageError(
            "the folder holds Parquet files already",
            zh="目录中已有 Parquet 文件",
            thing=str(folder),
            fix_en="choose an empty folder or remove the earlier hospital",
            fix_zh="请选择空目录,或先删除之前生成的医院数据",
        )


def _write_table(folder: Path, table: Table, frame: pl.DataFrame) -> Written:
    ordered = frame.select([column.name for column in table.columns])
    home = folder / table.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        for part, rows in enumerate(ordered.iter_slices(ROWS_PER_FILE)):
            rows.write_parquet(home / f"part-{part:05d}.parquet")
    except OSError as error:
        raise StorageError(
            f"the table cannot be written ({error.strerror})",
            zh=f"无法写入数据表({error.strerror})",
            thing=str(home),
            fix_en="check the folder's permissions and free space",
            fix_zh="请检查目录权限与剩余空间",
        ) from None
    return Written(str(home / "part-*.parquet"), ordered.height)
