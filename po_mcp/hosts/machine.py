"""A computer as far as it decides where a host keeps its file: the system, the variables, the home folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

System = Literal["linux", "darwin", "windows"]


@dataclass(frozen=True)
class Machine:
    """One user's computer. The paths are pure, so that every system's can be computed on any."""

    system: System
    home: PurePath
    variables: Mapping[str, str]

    def folder(self, variable: str, *otherwise: str) -> PurePath:
        """Return the folder that a variable names, if it names an absolute one, else one under the home folder."""
        value = self.variables.get(variable, "").strip()
        folder = type(self.home)(value)
        return folder if value and folder.is_absolute() else self.home.joinpath(*otherwise)

    def config(self) -> PurePath:
        """Return the folder of programs' settings: ~/.config, Application Support or %APPDATA%."""
        if self.system == "windows":
            return self.folder("APPDATA", "AppData", "Roaming")
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        # The hosts take a relative path in such a variable for none, as the XDG rules say.
        return self.folder("XDG_CONFIG_HOME", ".config")

    def dot_config(self) -> PurePath:
        """Return the same, for programs that use ~/.config on macOS too."""
        return self.home / ".config" if self.system == "darwin" else self.config()


def system_of(platform: str) -> System:
    """Return the system that `sys.platform` names."""
    # Under Cygwin Python is a guest: the hosts are programs of Windows, with their files in its folders.
    if platform in ("win32", "cygwin"):
        return "windows"
    return "darwin" if platform == "darwin" else "linux"
