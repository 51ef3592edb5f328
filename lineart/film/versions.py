"""Version of this package and of others, and the commit of a checkout."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def find_version(name: str = "lineart") -> str | None:
    """Return the version of a package; None for a checkout that is run without installation."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def find_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of a checkout; None for an installed package, also inside of a checkout.

    Args:
        file: A file of the package, which a checkout tracks.
    """
    git = ["git", "-C", str(file.parent)]
    try:
        for command in (["ls-files", "--error-unmatch", file.name], ["rev-parse", "HEAD"]):
            done = subprocess.run(
                [*git, *command], capture_output=True, text=True, timeout=10, check=True
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe_version() -> str:
    """Return the name and the version of this package, and the commit if it is known."""
    named, commit = find_version() or "of a checkout", find_commit()
    return f"lineart {named}" + (f" ({commit})" if commit else "")
