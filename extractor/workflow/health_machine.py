"""What the machine is like: versions, fonts, temporary folders, clock, disk, swap, core dumps, ways out.

Owns the reading of ``/proc``, ``/sys`` and the environment. It must not know an installation, and connects to nothing: ways
out are judged by the routing table and by the names, never the values, of variables.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from extractor.deid.foreign import GROUP, installed, load_recognisers
from extractor.hardening import private_environment, swap_areas
from extractor.workflow.health import Check, Status

Seen = tuple[Status, str, str]
OK, WARNING, FAILURE = Status.OK, Status.WARNING, Status.FAILURE
GIB = 1024**3
_CJK = re.compile(
    r"cjk|wqy|wenquan|simsun|simhei|msyh|source ?han|noto(sans|serif)(sc|tc)|uming|ukai|droidsansfallback", re.I
)
_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "SOCKS_PROXY")
_LEFTOVERS = ("polars*", "*spill*", "jieba*.cache")
_OLDEST_PYTHON = (3, 11)
_TIME_ERROR = 5  # adjtimex: the clock is not synchronised


def machine_checks(home: Path) -> tuple[Check, ...]:
    """Return the checks of the machine, in the order in which they are shown."""
    return (
        Check("python", "Python 版本", _python),
        Check("packages", "依赖包", _packages),
        Check("recognisers", "外接识别器", _recognisers),
        Check("fonts", "中文字体", lambda: fonts(tuple(Path(folder).expanduser() for folder in _FONTS))),
        Check("temporary folder", "临时目录", lambda: temporary_folder(Path(tempfile.gettempdir()))),
        Check("clock", "系统时钟", lambda: clock(datetime.now().astimezone())),
        Check("disk space", "磁盘空间", lambda: disk_space(home)),
        Check("polars spill", "polars 落盘", _polars_spill),
        Check("swap", "交换区", lambda: swap(swap_areas())),
        Check("core dumps", "内存转储", lambda: core_dumps(Path("/proc/sys/kernel/core_pattern").read_text().strip())),
        Check("egress", "对外网络", lambda: egress(Path("/proc/net"), dict(os.environ))),
    )


def _python() -> Seen:
    version = sys.version.split()[0]
    if tuple(sys.version_info[:2]) < _OLDEST_PYTHON:
        return FAILURE, version, "请安装 Python 3.11 或更高 · install Python 3.11 or later"
    return OK, version, ""


def _packages() -> Seen:
    required = [text for text in metadata.requires("extractor") or [] if "extra ==" not in text]
    seen, wrong = [], []
    for text in required:
        name = re.split(r"[^A-Za-z0-9._-]", text)[0]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} 缺失 missing")
            continue
        seen.append(f"{name} {version}")
        if not within(version, text):
            wrong.append(f"{name} {version}")
    if wrong:
        return FAILURE, ", ".join(wrong), "按 requirements.lock 安装 · install what requirements.lock names"
    return OK, ", ".join(seen), ""


def _recognisers() -> Seen:
    """Load the recognisers of others and name them; one that does not load is a failure, because no run would start."""
    loaded = load_recognisers()
    declared = ", ".join(point.name for point in installed())
    if not loaded:
        return OK, f"无 · none ({GROUP})", ""
    entities = ", ".join(sorted({entity for one in loaded for entity in one.supported_entities}))
    return OK, f"{declared} → {entities}", ""


def within(version: str, requirement: str) -> bool:
    """Say whether a version lies within the bounds (``>=``, ``<``) of a requirement as package metadata writes it."""
    own = _numbers(version)
    bounds = re.findall(r"(>=|<)\s*([0-9.]+)", requirement)
    return all(own >= _numbers(text) if sign == ">=" else own < _numbers(text) for sign, text in bounds)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"[0-9]+", version.split("+", maxsplit=1)[0])[:4]]
    return tuple(numbers + [0] * (4 - len(numbers)))


def fonts(folders: tuple[Path, ...]) -> Seen:
    """Say whether a font with 汉字 is among the files below the folders."""
    files = (
        file for folder in folders if folder.is_dir() for file in folder.rglob("*") if file.suffix.lower() in _TYPES
    )
    first = next((file.name for file in files if _CJK.search(file.name)), None)
    if first is None:
        fix = "安装 Debian 软件包 fonts-noto-cjk · install Debian's fonts-noto-cjk"
        return WARNING, "未找到中文字体,页面与打印件会缺字 · none found; pages printed here would lack characters", fix
    return OK, first, ""


_TYPES = (".ttf", ".ttc", ".otf")


def temporary_folder(folder: Path) -> Seen:
    """Say where temporary files go, on what, who else may write there, and what earlier processes left."""
    kind = _file_system(folder)
    mode = stat.S_IMODE(folder.stat().st_mode)
    left = sorted({path.name for pattern in _LEFTOVERS for path in folder.glob(pattern)})
    memory = "内存 · in memory" if kind in ("tmpfs", "ramfs") else "磁盘 · on disk"
    found = f"{folder} ({kind}, {memory}, {mode:04o})"
    if mode & 0o002 and not mode & stat.S_ISVTX:
        return FAILURE, f"{found};任何人可删改 · anybody may replace files", "chmod 1777, 或设置 TMPDIR · or set TMPDIR"
    if left:
        found += f";遗留 {len(left)} 项 · left by others or by runs without extractor: {', '.join(left[:5])}"
        return WARNING, found, "核实后删除,可能含明文 · look at them and remove them: they may hold plaintext"
    if mode & 0o002:
        found += ";共用目录,运行时改用私有目录 · shared; a run uses its own folder instead"
    return OK, found, ""


def _file_system(folder: Path) -> str:
    real, best = str(folder.resolve()), ("", "?")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def clock(now: datetime, *, built: datetime | None = None) -> Seen:
    """Say whether the clock has a time zone, is not before the day on which this software was installed, and is kept right."""
    built = built or datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    found = now.isoformat(timespec="seconds")
    fix = "校准时钟并启用 NTP(chrony、systemd-timesyncd)· set the clock and keep it by NTP"
    if now.tzinfo is None:
        return FAILURE, f"{found} 没有时区 · without a time zone", fix
    if now < built:
        return FAILURE, f"{found} 早于软件安装日期 · before this software was installed ({built.date()})", fix
    kept = _kept_by_ntp()
    if kept is None:
        return WARNING, f"{found};NTP 状态未知 · NTP unknown", fix
    if not kept:
        return WARNING, f"{found};未与 NTP 同步 · not synchronised by NTP", fix
    return OK, f"{found};已同步 · synchronised", ""


def _kept_by_ntp() -> bool | None:
    """Say whether the kernel's clock is synchronised; None where it cannot be asked. Asking changes nothing (modes 0)."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def disk_space(home: Path) -> Seen:
    """Say how much space is free where the home, the scratch and the packages are."""
    free = {}
    for name, folder in (("home", home), ("scratch", home / "scratch"), ("packages", home / "packages")):
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        free[name] = shutil.disk_usage(there).free
    found = ", ".join(f"{name} {size / GIB:.1f} GiB" for name, size in free.items())
    fix = "清理或扩容 · free space or add a disk"
    least = min(free.values())
    if least < GIB // 2:
        return FAILURE, found, fix
    return (WARNING, found, fix) if least < 5 * GIB else (OK, found, "")


def _polars_spill() -> Seen:
    """Look at the environment that a run's worker would get for a folder of its own."""
    root = Path("/scratch/run")
    environment = private_environment(root)
    moved = all(Path(environment[name]).is_relative_to(root) for name in ("TMPDIR", "POLARS_OOC_SPILL_DIR"))
    budget = environment.get("POLARS_OOC_DISK_BUDGET_MB")
    if budget != "0" or not moved:
        return FAILURE, "运行可能将明文落盘 · a run could write rows to disk", "重新安装 · install extractor again"
    return OK, "运行时 POLARS_OOC_DISK_BUDGET_MB=0,临时目录私有 · a run gets 0 and private folders", ""


def swap(areas: tuple[str, ...], *, sys_block: Path = Path("/sys/block")) -> Seen:
    """Say which swap areas there are and whether each keeps what it is given from the disk: zram, or dm-crypt below."""
    if not areas:
        return OK, "未启用 · off", ""
    kinds = {area: swap_kind(area, sys_block) for area in areas}
    found = ", ".join(f"{area}: {kind or '明文 · in the clear, as far as can be told'}" for area, kind in kinds.items())
    if all(kinds.values()):
        return OK, found, ""
    return WARNING, found, "关闭交换区(swapoff -a)或加密 · turn swap off, or encrypt it with dm-crypt"


def swap_kind(area: str, sys_block: Path) -> str | None:
    """Return what keeps a swap area from the disk (zram without a backing device, dm-crypt), or None."""
    device = Path(area).resolve().name
    backing = sys_block / device / "backing_dev"
    if device.startswith("zram"):
        bare = not backing.exists() or backing.read_text().strip() == "none"
        return "zram(内存 · memory)" if bare else None
    uuid = sys_block / device / "dm" / "uuid"
    return "dm-crypt" if uuid.exists() and uuid.read_text().startswith("CRYPT-") else None


def core_dumps(pattern: str) -> Seen:
    """Say where a crash would put the memory of a process. A run's worker forbids it for itself, whatever stands here."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    limit = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    found = f"ulimit -c {limit};运行进程自身禁止转储 · a run's worker forbids dumps for itself"
    if pattern.startswith("|"):
        program = pattern[1:].split(maxsplit=1)[0].rsplit("/", 1)[-1]
        fix = "关闭该程序,如 sysctl kernel.core_pattern=core · turn the handler off"
        return WARNING, f"{found};内核将转储交给 · the kernel pipes dumps to {program}", fix
    if soft != 0:
        return WARNING, found, "ulimit -c 0"
    return OK, found, ""


def egress(net: Path, environment: dict[str, str]) -> Seen:
    """Say whether a route leads outside and which proxies are set, by the names of the variables only."""
    ways = sorted({f"{family} {device}" for family, device in _default_routes(net)})
    proxies = sorted(name for name in environment if name.upper() in _PROXIES and environment[name])
    if not ways and not proxies:
        return OK, "没有默认路由和代理 · no default route, no proxy", ""
    parts = ["默认路由 · default route: " + ", ".join(ways)] if ways else []
    parts += ["代理变量 · proxy variables: " + ", ".join(proxies)] if proxies else []
    fix = "extractor 不需外网;请以防火墙或网络命名空间隔离 · it needs no outside network: close the way by firewall or namespace"
    return WARNING, ";".join(parts), fix


def _default_routes(net: Path) -> Iterator[tuple[str, str]]:
    if (net / "route").exists():
        for line in (net / "route").read_text().splitlines()[1:]:
            fields = line.split()
            if len(fields) > 7 and fields[1] == fields[7] == "00000000":
                yield "IPv4", fields[0]
    if (net / "ipv6_route").exists():
        for line in (net / "ipv6_route").read_text().splitlines():
            fields = line.split()
            # Each machine has an unreachable default on the loopback; it leads nowhere.
            if len(fields) > 9 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
                yield "IPv6", fields[9]
