"""Reading flags takes a fraction of a second: `--help` and `--dry-run` load nothing of the work."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("*.py") if "tyro.cli(" in path.read_text())

LIMIT_S = 0.6
"""Processor time, user and system, that a command may take."""
TRIES = 3
"""Runs of which the quickest counts, because other processes make a run slower."""

LARGE = {
    "PIL", "av", "boto3", "botocore", "cv2", "jaxtyping", "jinja2", "matplotlib", "numpy", "onnx",
    "onnxruntime", "onnxscript", "open_clip", "pandas", "pyarrow", "ray", "safetensors", "scipy",
    "tensorboard", "torch", "torch_fidelity", "torchmetrics", "torchvision",
}  # fmt: skip
"""Packages that no flag needs."""

NEEDED = {
    "colorize": "--lines lines --output output",
    "evaluate": "--data data --output output",
    "export_onnx": "--output output",
    "prepare_data": "--images images --output output",
    "train": "--recipe small --data data --output output",
    "translate": "--images images --output output",
}
"""The flags without which a command does not start."""

RUN = """
import json, os, runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
finally:
    used = os.times()
    told = {"seconds": used.user + used.system, "modules": sorted(sys.modules)}
    print(json.dumps(told), file=sys.stderr)
"""
"""Runs a command as `python -m` does, and tells its processor time and what it imported."""


def start(job: str, *flags: str) -> tuple[str, dict[str, Any]]:
    """Run a command; give what it printed, and what `RUN` tells of it."""
    command = [sys.executable, "-c", RUN, f"jobs.{job}", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(ended.stderr.splitlines()[-1])
    return ended.stdout, told


def check(job: str, *flags: str) -> str:
    """Make sure that a command is quick and imports nothing large; give what it printed."""
    seconds: list[float] = []
    while len(seconds) < TRIES and min(seconds, default=LIMIT_S) >= LIMIT_S:
        printed, told = start(job, *flags)
        loaded = {name.partition(".")[0] for name in told["modules"]}
        assert not loaded & LARGE
        assert f"jobs.work.{job}" not in told["modules"]
        seconds.append(told["seconds"])
    assert min(seconds) < LIMIT_S, f"processor seconds of each try: {seconds}"
    return printed


def test_every_command_is_found() -> None:
    """The commands that this file tries are those that the README lists."""
    listed = re.findall(r"^\| `jobs\.(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == JOBS


@pytest.mark.parametrize("job", JOBS)
def test_help(job: str) -> None:
    """A command says quickly what its flags are."""
    assert "--dry-run" in check(job, "--help")


@pytest.mark.parametrize("job", JOBS)
def test_dry_run(job: str) -> None:
    """A command prints its configuration quickly, as JSON."""
    assert json.loads(check(job, *NEEDED.get(job, "").split(), "--dry-run"))
