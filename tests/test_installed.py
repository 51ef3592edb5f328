"""The wheel in an environment of its own: the package alone, with all that its commands read."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or os.environ.get("UV")
PARTS = ("lineart", "pyproject.toml", "README.md", "LICENSE")
"""What the project is built from."""

pytestmark = pytest.mark.skipif(UV is None, reason="uv, which builds and installs, is not here")


def run(command: list[str], folder: Path) -> str:
    """Run a command in a folder, without this checkout on its path; give what it printed."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, in which no earlier build has left files."""
    copy = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, copy)
    flags = ["--offline", "--no-build-isolation", "--python", sys.executable]
    run([f"{UV}", "build", "--wheel", *flags, "-o", "wheel"], copy)
    (built,) = (copy / "wheel").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel beside the packages of this environment; give the folder of programs."""
    folder = tmp_path_factory.mktemp("installed")
    run([f"{UV}", "venv", "--offline", "--python", sys.executable, "venv"], folder)
    python = next((folder / "venv").glob("[bS]*/python*"))
    run(
        [f"{UV}", "pip", "install", "--offline", "--no-deps", "-p", f"{python}", f"{wheel}"], folder
    )
    found = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run([f"{python}", "-c", found], folder).strip())
    # A folder that a .pth file names has no .pth files of its own read, so this checkout, which
    # may be installed there, is not found.
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def test_the_wheel_has_the_package_alone(wheel: Path) -> None:
    """No other top-level name; every file of weights and templates; the size that README says."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"lineart"}
    data = [
        path
        for folder in ("weights", "templates")
        for path in (ROOT / "lineart" / folder).rglob("*")
    ]
    needed = [path for path in data if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in needed} <= set(names)
    (stated,) = re.findall(r"wheel of (\d+) MB", (ROOT / "README.md").read_text())
    assert 0.8 < wheel.stat().st_size / 1e6 / int(stated) < 1.25


def test_the_program_works_from_any_folder(installed: Path, tmp_path: Path) -> None:
    """It colours a film by the weights inside and writes the page; `jobs` is not installed."""
    assert "colorize" in run([f"{installed / 'lineart'}", "--help"], tmp_path)
    where = (
        "import importlib.util as find, lineart; print(lineart.__file__, find.find_spec('jobs'))"
    )
    file, jobs = run([f"{installed / 'python'}", "-c", where], tmp_path).split()
    assert Path(file).is_relative_to(installed.parent)
    assert jobs == "None"
    small = ["--width", "160", "--height", "90", "--frames-per-shot", "2"]
    printed = run([f"{installed / 'lineart'}", "demo", *small], tmp_path)
    assert json.loads(printed.splitlines()[-1])["frames"] == 6
    assert (tmp_path / "demo/color/report.html").stat().st_size > 10_000
    module = [f"{installed / 'python'}", "-m", "lineart.jobs.recolor", "--help"]
    assert "--dry-run" in run(module, tmp_path)
    run([f"{installed / 'lineart'}", "gimp-plugin", "install", "--folder", "gimp"], tmp_path)
    assert (tmp_path / "gimp/plug-ins/lineart/lineart.py").exists()
    command = json.loads((tmp_path / "gimp/plug-ins/lineart/program.json").read_text())
    assert "colorize" in run([*command, "--help"], Path("/"))
