"""Description of machine, package versions and commit, to be stored with measured figures."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from lineart.runtime.device import name_processor

PACKAGES = ("numpy", "opencv-python-headless", "isal", "pillow", "torch", "torchvision", "ray")


def describe() -> dict[str, object]:
    """Return a dict for JSON with machine, versions, commit and whether files are uncommitted."""
    return {
        "machine": {
            "cpu": name_processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in PACKAGES},
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
