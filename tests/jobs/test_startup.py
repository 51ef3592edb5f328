"""Reading flags takes a fraction of a second: `--help` and `--dry-run` load nothing of the work."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lineart.jobs.command import WRONG_INPUT
from lineart.jobs.main import COMMANDS, main
from lineart.runtime.environment import describe_environment, find_commit

ROOT = Path(__file__).parents[2]

LIMIT_S = 0.6
"""Processor time, user and system, that a command may take."""
TRIES = 3
"""Runs of which the quickest counts, because other processes make a run slower."""

LARGE = {
    "PIL", "av", "boto3", "botocore", "cv2", "jaxtyping", "jinja2", "matplotlib", "numpy", "onnx",
    "onnxruntime", "onnxscript", "open_clip", "pandas", "pyarrow", "ray", "safetensors", "scipy",
    "starlette", "tensorboard", "torch", "torch_fidelity", "torchmetrics", "torchvision", "uvicorn",
}  # fmt: skip
"""Packages that no flag needs."""

COMMAND_LINES = [
    "benchmark",
    "colorize --lines lines --output output",
    "demo",
    "evaluate colors --images images --output output",
    "evaluate keys --sequences sequences --output output",
    "evaluate regions --images images --output output",
    "evaluate paper_000 --images images --output output",
    "evaluate paper_001 --images images --output output",
    "evaluate paper_002 --images images --output output",
    "evaluate paper_004 --images images --targets targets --output output",
    "evaluate film --film film --lines lines --output output",
    "evaluate study --study study --answers answers --output output",
    "export_onnx --output output",
    "prepare_data colorization --images images --output output",
    "prepare_data drawing --images images --targets targets --output output",
    "prepare_data keys --images images --output output",
    "prepare_data stylization --images images --targets targets --output output",
    "report film --film film",
    "report video --film film",
    "report training --run run",
    "report difference --drawings first second --output output",
    "report study --drawings first second --output output",
    "review output",
    "train --recipe small --data data --output output",
    "recolor --film film --output output",
    "serve --announce file",
    "gimp_plugin install",
    "translate --images images --output output",
]
"""Every command and subcommand, with the flags that it needs."""

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


def start(job: str, *flags: str, folder: Path = ROOT) -> tuple[str, dict[str, Any]]:
    """Run a command in a folder; give what it printed, and what `RUN` tells of it."""
    command = [sys.executable, "-c", RUN, f"lineart.jobs.{job}", *flags]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(ended.stderr.splitlines()[-1])
    return ended.stdout, told


def check(job: str, *flags: str, folder: Path = ROOT) -> str:
    """Make sure that a command is quick and imports nothing large; give what it printed."""
    seconds: list[float] = []
    while len(seconds) < TRIES and min(seconds, default=LIMIT_S) >= LIMIT_S:
        printed, told = start(job, *flags, folder=folder)
        loaded = {name.partition(".")[0] for name in told["modules"]}
        assert not loaded & LARGE
        seconds.append(told["seconds"])
    assert min(seconds) < LIMIT_S, f"processor seconds of each try: {seconds}"
    return printed


def test_every_command_is_found() -> None:
    """The program, the README, this file and the folder have the same commands."""
    table = re.findall(r"^\| (`lineart .*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = re.findall(r"`lineart ([\w-]+)`", "\n".join(table))
    listed = [name.replace("-", "_") for name in named]
    jobs = (ROOT / "lineart/jobs").glob("*.py")
    found = {path.stem for path in jobs if "sys.exit(main(parse(" in path.read_text()}
    assert set(listed) == found == set(COMMANDS) == {line.split()[0] for line in COMMAND_LINES}
    entries = {path.stem: path.read_text() for path in (ROOT / "jobs").glob("*.py")}
    assert set(entries) == {*COMMANDS, "main", "__init__"}
    assert all(f'"lineart.jobs.{name}", run_name' in entries[name] for name in (*COMMANDS, "main"))


@pytest.mark.parametrize("job", COMMANDS)
def test_help(job: str) -> None:
    """A command says quickly what it does and what its flags are."""
    printed = check(job, "--help")
    assert "--dry-run" in printed
    assert COMMANDS[job] in " ".join(printed.split())


def test_help_that_nobody_reads_to_its_end() -> None:
    """As by `lineart colorize --help | head`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "jobs.recolor", "--help"]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_dry_run(line: str, tmp_path: Path) -> None:
    """A command prints its configuration quickly, as JSON, and writes nothing."""
    printed = check(*line.split(), "--dry-run", folder=tmp_path)
    assert json.loads(printed)
    assert all(f'"{flag}": ' in printed for flag in re.findall(r"--(\w+)", line))
    assert list(tmp_path.iterdir()) == []


def test_the_program_starts_commands() -> None:
    """`lineart` lists the commands and runs the one that it is told, without the others."""
    assert all(sentence in check("main", "--help") for sentence in COMMANDS.values())
    printed, told = start("main", "demo", "--dry-run", "--seed", "3")
    assert json.loads(printed)["seed"] == 3
    assert "lineart.jobs.train" not in told["modules"]


def test_the_program_says_its_version() -> None:
    """Name and version of the package, with the commit of a checkout; quickly."""
    printed = check("main", "--version")
    assert re.fullmatch(r"lineart (\d+\.\d+\.\d+|of a checkout)( \([0-9a-f]{40}\))?\n", printed)


def test_a_commit_is_that_of_the_package(tmp_path: Path) -> None:
    """A package that is installed inside of another checkout has none."""
    own, other = tmp_path / "own.py", tmp_path / "site-packages/other.py"
    other.parent.mkdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for file in (own, other):
        file.write_text("")
    for command in (["init", "-q"], ["add", "own.py"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    assert re.fullmatch("[0-9a-f]{40}", find_commit(own) or "")
    assert find_commit(other) is None
    assert find_commit(Path("/dev/null")) is None


def test_without_git_nothing_is_said_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that the files are those of a commit, nor that they are not."""
    monkeypatch.setenv("PATH", "")
    found = describe_environment()
    assert (found["commit"], found["uncommitted"]) == (None, None)


def test_the_program_refuses_other_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is no command is refused in a sentence that lists the commands."""
    monkeypatch.setattr(sys, "argv", ["lineart", "color"])
    assert main() == WRONG_INPUT
    assert "no command is called 'color'; there are demo, colorize" in capsys.readouterr().err
