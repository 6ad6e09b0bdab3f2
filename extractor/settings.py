"""Settings of one installation: who runs it, where, under which regimes, and where its files lie.

Owns the values and the layout of the home folder. It must not read a file (``extractor.bootstrap`` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Bounds of one run: seconds in all, seconds for one batch of text, bytes of address space (0: no bound)."""

    run_seconds: int = 6 * 3600
    text_seconds: int = 600
    memory_bytes: int = 0


@dataclass(frozen=True)
class Settings:
    """What ``settings.yaml`` says. ``data`` is the folder that the catalogue's locations are relative to."""

    unit: str
    division: str
    regimes: tuple[str, ...]
    log_origin: str
    data: str = "data"
    limits: Limits = Limits()


@dataclass(frozen=True)
class Home:
    """Where things lie below the home folder."""

    root: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.root / "settings.yaml"

    @property
    def store(self) -> Path:
        """The database with documents, states and log."""
        return self.root / "store.sqlite3"

    @property
    def keys(self) -> Path:
        """Keys of the installation: root key, log key, unit key."""
        return self.root / "keys"

    @property
    def people(self) -> Path:
        """Signing keys of people who sign on this machine."""
        return self.keys / "people"

    @property
    def catalogues(self) -> Path:
        """Catalogue files, one for each source."""
        return self.root / "catalogues"

    @property
    def scratch(self) -> Path:
        """Private folders of runs."""
        return self.root / "scratch"

    @property
    def packages(self) -> Path:
        """Sealed packages."""
        return self.root / "packages"

    @property
    def records(self) -> Path:
        """Destruction records, handover sheets and run records, as files for people."""
        return self.root / "records"
