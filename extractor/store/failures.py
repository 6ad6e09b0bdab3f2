"""What a failure of the database means to the person who meets it.

Owns the way from a driver's error to ours: the name of the error and the file, never the statement nor a value of it. It
must not know which act was under way.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from extractor.errors import StorageError

# SQLite's name of the error → what failed and the way out, in English and in Chinese.
_MEANINGS = {
    "SQLITE_BUSY": (
        "the database is locked by another process for too long",
        "数据库被其他进程锁定过久",
        "wait until the other act is done, then try again",
        "请等待其他操作完成后重试",
    ),
    "SQLITE_FULL": (
        "the disk or the database is full",
        "磁盘或数据库已满",
        "free space on the disk of this file, then try again",
        "请释放该文件所在磁盘的空间后重试",
    ),
    "SQLITE_READONLY": (
        "the database is read-only",
        "数据库为只读",
        "give the running account write permission on the file and its folder",
        "请为运行账户授予该文件及其目录的写权限",
    ),
    "SQLITE_CORRUPT": (
        "the database file is damaged",
        "数据库文件已损坏",
        "keep the file as evidence and restore a backup, then verify the log against the checkpoint kept elsewhere",
        "请保留该文件作为证据,恢复备份,并与另存的检查点核对日志",
    ),
    "SQLITE_NOTADB": (
        "the file is no database",
        "该文件不是数据库",
        "name the database that `extractor init` made",
        "请指定由 `extractor init` 建立的数据库",
    ),
    "SQLITE_IOERR": (
        "the disk does not read or write",
        "磁盘读写失败",
        "check the disk of this file",
        "请检查该文件所在磁盘",
    ),
}


def storage_error(error: SQLAlchemyError, *, place: str, kind: type[StorageError]) -> StorageError:
    """Return the error of ``kind`` that says what the driver's error means, without any value it carries."""
    name = _name(error)
    family = "_".join(name.split("_")[:2])
    if family in _MEANINGS:
        en, zh, fix_en, fix_zh = _MEANINGS[family]
        return kind(en, zh=zh, thing=place, fix_en=fix_en, fix_zh=fix_zh)
    return kind(
        f"the database refuses ({name})",
        zh=f"数据库拒绝操作({name})",
        thing=place,
        fix_en="run `extractor doctor`",
        fix_zh="请运行 `extractor doctor` 检查",
    )


def _name(error: SQLAlchemyError) -> str:
    """Return the driver's own name of the error: a code, which carries no value, unlike the message."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return str(name or type(error).__name__)
