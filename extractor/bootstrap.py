"""Putting an installation together: making a home folder, and opening it as an office in which the workflow acts.

Owns which parts are wired to which. It is the only place that knows them all; it must hold no rule of the workflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from extractor.catalogue import Catalogue
from extractor.errors import ConfigurationError, StorageError
from extractor.forms.catalogue_form import read_catalogue
from extractor.forms.policy_form import delivered_policies, load_policies
from extractor.keys import create_root_key, create_signing_key, load_root_key, load_signing_key
from extractor.log.checkpoint import Signer
from extractor.log.entries import Verb
from extractor.settings import Home, Limits, Settings
from extractor.store.database import Store
from extractor.workflow.office import Clock, Office, check_residency


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def init_home(root: Path, settings: Settings, *, clock: Clock = system_clock) -> Office:
    """Make a home folder with settings, keys, store and an empty log, and open it.

    Raises:
        ConfigurationError: there is an installation already.
        Refused: the division lies outside the area in which a policy allows data to be stored.
        StorageError: the folder cannot be written.
    """
    home = Home(root.resolve())
    if home.settings.exists():
        raise ConfigurationError(
            "an installation is here already",
            zh="此处已有安装",
            thing=str(root),
            fix_en="choose another folder with --home",
            fix_zh="请用 --home 指定其他目录",
        )
    check_residency(load_policies(settings.regimes), settings)
    folders: tuple[Path, ...] = (
        home.root,
        home.keys,
        home.people,
        home.catalogues,
        home.scratch,
        home.packages,
        home.records,
    )
    folders = (*folders, *([home.root / settings.data] if not Path(settings.data).is_absolute() else []))
    try:
        for folder in folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        home.settings.write_text(yaml.safe_dump(_as_yaml(settings), allow_unicode=True, sort_keys=False), "utf-8")
    except OSError as failure:
        raise StorageError(
            "the home folder cannot be written",
            zh="无法写入主目录",
            thing=str(root),
            fix_en=f"{failure.strerror}; choose another folder or free space",
            fix_zh="请更换目录或清理空间",
        ) from None
    create_root_key(home.keys / "root.key")
    create_signing_key(home.keys / "unit.pem")
    _write_secret(home.keys / "log.key", Signer.generate(settings.log_origin).secret_text())
    Store.create(home.store, clock=clock).close()
    office = open_office(root, clock=clock)
    with office.store.transaction() as tx:
        office.log(tx, Verb.INIT, None, object="installation")
        office.log(tx, Verb.KEY_CREATE, None, object="root.key, unit.pem, log.key")
    return office


def open_office(root: Path, *, clock: Clock = system_clock) -> Office:
    """Open an installation.

    Raises:
        ConfigurationError: there is none, or a part of it is not as it must be.
    """
    home = Home(root.resolve())
    settings = read_settings(home)
    return Office(
        home=home,
        settings=settings,
        store=Store.open(home.store, clock=clock),
        policies=load_policies(settings.regimes),
        log_signer=Signer.parse(_read_secret(home.keys / "log.key")),
        unit_key=load_signing_key(home.keys / "unit.pem"),
        root_key=load_root_key(home.keys / "root.key"),
        clock=clock,
        read_catalogue=_catalogue_reader(home),
        delivered=delivered_policies(),
    )


def read_settings(home: Home) -> Settings:
    """Read ``settings.yaml``.

    Raises:
        ConfigurationError: it is missing, or a key is missing or unknown.
    """
    try:
        body: Any = yaml.safe_load(home.settings.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise _no_settings(home.settings, "cannot be read", "无法读取") from None
    try:
        limits = Limits(**body.pop("limits", {}))
        return Settings(**{**body, "regimes": tuple(body["regimes"])}, limits=limits)
    except (TypeError, KeyError, AttributeError):
        raise _no_settings(home.settings, "does not hold the keys it must", "键不完整或有多余") from None


def _no_settings(path: Path, en: str, zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"the settings file {en}",
        zh=f"设置文件{zh}",
        thing=str(path),
        fix_en="make an installation with `extractor init`, or name its folder with --home",
        fix_zh="请先执行 extractor init,或用 --home 指明安装目录",
    )


def _as_yaml(settings: Settings) -> dict[str, Any]:
    return {**asdict(settings), "regimes": list(settings.regimes)}


def _catalogue_reader(home: Home) -> Callable[[str], Catalogue]:
    def read(name: str) -> Catalogue:
        path = home.catalogues / f"{name}.yaml"
        if "/" in name or name.startswith(".") or not path.is_file():
            known = ", ".join(sorted(found.stem for found in home.catalogues.glob("*.yaml"))) or "none"
            raise ConfigurationError(
                "no catalogue of this name is installed",
                zh="没有安装该名称的目录",
                thing=name,
                fix_en=f"put its file into {home.catalogues.name}/; installed: {known}",
                fix_zh=f"请将目录文件放入 {home.catalogues.name}/;现有:{known}",
            )
        return read_catalogue(path)

    return read


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text + "\n", "utf-8")


def _read_secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        raise ConfigurationError(
            "the key file cannot be read",
            zh="无法读取密钥文件",
            thing=path.name,
            fix_en="restore it from its backup",
            fix_zh="请从备份恢复",
        ) from None
