"""Command that puts the plug-in where GIMP 3 looks for it.

lineart gimp-plugin install
lineart gimp-plugin install --print-path
lineart gimp-plugin remove
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro import conf

from lineart.jobs.command import DryRun, parse, run_command, say


@dataclass(frozen=True, kw_only=True)
class GimpPlugin:
    """Put the plug-in where GIMP 3 looks for it."""

    action: Annotated[Literal["install", "remove"], conf.Positional]
    """Whether to put it there, anew if it is there, or to remove it."""
    folder: str | None = None
    """Folder of GIMP's settings, which has plug-ins/ in it. Default: those of all GIMP 3 of this
    user, from packages, installers, flatpak and snap."""
    print_path: bool = False
    """Print the paths of the plug-in, and change nothing."""
    dry_run: DryRun = False


def main(flags: GimpPlugin) -> int:
    """Run the command and return its exit status."""
    return run_command("gimp-plugin", flags, put_plugin, if_stopped="stopped")


def put_plugin(flags: GimpPlugin) -> dict[str, Any]:
    """Install or remove the plug-in; return the paths."""
    from lineart.gimp import places

    given = flags.folder and [Path(flags.folder).expanduser()]
    settings = given or places.settings_folders(Path.home())
    if flags.print_path:
        return {"paths": [str(places.plug_in_folder(one) / "lineart.py") for one in settings]}
    if flags.action == "remove":
        return {"removed": [str(path) for one in settings if (path := places.remove(one))]}
    command = places.find_command()
    installed = [str(places.install(one, command)) for one in settings]
    say("gimp-plugin", "start GIMP anew; the commands are in Filters > Line art")
    return {"installed": installed}


if __name__ == "__main__":
    sys.exit(main(parse(GimpPlugin, "gimp-plugin")))
