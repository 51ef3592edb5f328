"""A further model family costs two files, and a line in each of two tables."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from lineart.codec import encode_png
from lineart.storage import Storage
from lineart.weights.onnx_file import read_contract
from tests.conftest import DrawLine
from tests.painted import painted, write_shards

ROOT = Path(__file__).parents[2]
FILES = {
    "model.py": "lineart/models/families/toy.py",
    "training.py": "lineart/training/objectives/toy.py",
}
LINES = {
    "lineart/models/__init__.py": (
        "from lineart.models.families.two_stage import two_stage\n",
        "from lineart.models.families.toy import toy\n",
        '    "two_stage": two_stage,\n',
        '    "toy": toy,\n',
    ),
    "lineart/training/recipes.py": (
        '    "two_stage": two_stage,\n',
        '    "toy": recipe_in("lineart.training.objectives.toy:toy_recipe"),\n',
    ),
}
"""File -> pairs of a line that it holds and the line to add before it."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Make a copy of the program, to which the family is added."""
    copy = tmp_path / "program"
    large = shutil.ignore_patterns("*.safetensors", "__pycache__")
    for package in ("lineart", "jobs"):
        shutil.copytree(ROOT / package, copy / package, ignore=large)
    for name, path in FILES.items():
        shutil.copy(ROOT / "tests" / "toy_family" / name, copy / path)
    for path, lines in LINES.items():
        text = (copy / path).read_text()
        for before, added in zip(lines[::2], lines[1::2], strict=True):
            assert text.count(before) == 1
            text = text.replace(before, added + before)
        (copy / path).write_text(text)
    return copy


def run(program: Path, job: str, **flags: object) -> dict[str, object]:
    """Run a command of the copy; return the JSON object that it prints last."""
    given = [text for name, value in flags.items() for text in (f"--{name}", f"{value}")]
    command = [sys.executable, "-m", f"jobs.{job}", *given]
    if job == "train":
        command.append("--tiny")
    done = subprocess.run(command, cwd=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_family_trains_colours_and_is_exported(
    program: Path, tmp_path: Path, draw_line: DrawLine
) -> None:
    """Its networks learn by its own loss; the weights colour a film and become verified ONNX."""
    # Training.
    data = write_shards(Storage.at(str(tmp_path / "shards")), (painted(0), painted(1)))
    run(program, "train", recipe="toy", data=data.uri, output=tmp_path / "run")
    assert "loss/smooth" in (tmp_path / "run" / "scalars.csv").read_text()
    weights = tmp_path / "run" / "weights"
    config = json.loads((weights / "config.json").read_text())
    assert (config["model"], config["arguments"]) == ("toy", {"width": 3})
    # A film.
    lines, frames = tmp_path / "lines", tmp_path / "frames"
    lines.mkdir()
    for number in range(3):
        (lines / f"{number}.png").write_bytes(encode_png(draw_line(number)))
    assert run(program, "colorize", lines=lines, output=frames, weights=weights)["done"] == 3
    pictures = [cv2.imread(str(path)) for path in sorted(frames.rglob("?.png"))]
    assert [picture.shape for picture in pictures] == [(72, 128, 3)] * 3
    assert all(np.ptp(picture) > 0 for picture in pictures)
    # ONNX.
    run(program, "export_onnx", weights=weights, output=tmp_path / "onnx")
    files = {path.name: path.read_bytes() for path in (tmp_path / "onnx").glob("*.onnx")}
    assert files.keys() == {"draft.onnx", "color.onnx", "model.onnx"}
    assert read_contract(files["model.onnx"]) == {"model": "toy", "draft_scale": 1}
    facts = {p.key: p.value for p in onnx.load_from_string(files["model.onnx"]).metadata_props}
    assert int(facts["largest_difference"]) <= 1
