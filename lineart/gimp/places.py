"""Where GIMP 3 looks for plug-ins, and the plug-in there.

The folders are those of GIMP's documentation: `GIMP/3.x/plug-ins` below the user's folder of
settings, which flatpak and snap have moved; GIMP3_DIRECTORY names another one.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePath

PLUG_IN = Path(__file__).with_name("plugin.py")
FIRST_VERSION = "3.0"
NAME = "lineart"
"""Name of the plug-in's folder, which GIMP wants its file to have, too."""


def settings_folders(
    home: Path, *, platform: str = sys.platform, environment: Mapping[str, str] = os.environ
) -> list[Path]:
    """Return the folders of settings of GIMP 3 that exist, or else the one that it will make.

    Args:
        home: Folder of the user.
        platform: As `sys.platform`.
        environment: Variables of the process.
    """
    if environment.get("GIMP3_DIRECTORY"):
        return [Path(environment["GIMP3_DIRECTORY"])]
    roots = _roots(home, platform, environment)
    found = [folder for root in roots for folder in sorted((root / "GIMP").glob("3.*"))]
    return [one for one in found if one.is_dir()] or [roots[0] / "GIMP" / FIRST_VERSION]


def _roots(home: Path, platform: str, environment: Mapping[str, str]) -> list[Path]:
    if platform == "win32":
        return [Path(environment.get("APPDATA") or home / "AppData" / "Roaming")]
    if platform == "darwin":
        return [home / "Library" / "Application Support"]
    return [
        Path(environment.get("XDG_CONFIG_HOME") or home / ".config"),
        home / ".var" / "app" / "org.gimp.GIMP" / "config",
        home / "snap" / "gimp" / "current" / ".config",
    ]


def plug_in_folder(settings: PurePath) -> Path:
    """Return the plug-in's folder in a folder of settings."""
    return Path(settings) / "plug-ins" / NAME


def find_command() -> list[str]:
    """Return the command that starts lineart from any folder.

    Raises:
        ValueError: lineart is not installed in this Python.
    """
    try:
        distribution("lineart")
    except PackageNotFoundError as error:
        raise ValueError(
            "lineart is not installed for this Python, so GIMP could not start it; run "
            "`uv tool install .` in the checkout, then `lineart gimp-plugin install`"
        ) from error
    return [sys.executable, "-m", "lineart.jobs.main"]


def install(settings: Path, command: list[str]) -> Path:
    """Put the plug-in into a folder of settings; return its file.

    Args:
        settings: Folder of settings of GIMP.
        command: What starts lineart.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = plug_in_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.json").write_text(json.dumps(command), encoding="utf-8")
    file = folder / f"{NAME}.py"
    shutil.copyfile(PLUG_IN, file)
    file.chmod(0o755)
    return file


def remove(settings: Path) -> Path | None:
    """Remove the plug-in from a folder of settings; return its folder, or None if none was there.

    Raises:
        OSError: a file cannot be removed.
    """
    folder = plug_in_folder(settings)
    if not (folder / f"{NAME}.py").exists():
        return None
    shutil.rmtree(folder)
    return folder
