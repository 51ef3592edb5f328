"""Machine, versions of packages and commit, to be stored with what was made or measured."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lineart.runtime.device import name_processor

PACKAGES = (
    *("lineart", "numpy", "opencv-python-headless", "isal", "pillow", "torch", "torchvision"),
    "ray",
)


def describe_environment() -> dict[str, object]:
    """Return a dict for JSON with machine, versions, commit and whether files are uncommitted."""
    commit = find_commit()
    return {
        "machine": {
            "cpu": name_processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version()}
        | {name: find_version(name) for name in PACKAGES},
        "commit": commit,
        "uncommitted": None if commit is None else _has_changes(),
    }


def find_version(name: str = "lineart") -> str | None:
    """Return the version of a package; None if it is run without installation."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def find_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of a checkout; None for an installed package, also inside of a checkout.

    Args:
        file: A file of the package, which a checkout tracks.
    """
    is_tracked = _git(file.parent, "ls-files", "--error-unmatch", file.name) is not None
    return _git(file.parent, "rev-parse", "HEAD") if is_tracked else None


def _has_changes() -> bool | None:
    status = _git(Path(__file__).parent, "status", "--porcelain", "--untracked-files=no")
    return None if status is None else bool(status)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints; None if it fails, or there is none."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe_version() -> str:
    """Return the name and the version of this package, and the commit if it is known."""
    named, commit = find_version() or "of a checkout", find_commit()
    return f"lineart {named}" + (f" ({commit})" if commit else "")
