import json
import os
import pickle
import subprocess
import sys
import tarfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from lineart.models import from_files
from lineart.storage import Storage
from lineart.training.dataloader import SampleRange
from lineart.training.recipes import small, tiny
from tests.drills.gpu import parts
from tests.drills.gpu.parts import Cases, Part, Record, Setting, Values, find_wrong, run_part
from tests.drills.gpu.samples import Factory, OutOfTimeError, PoolFeed
from tests.drills.gpu.training import leave, leaving

# Several processes are in tests/training/test_cluster.py, Ray is in tests/jobs/test_colorize.py.
PARTS = (
    "machine", "colours", "training steps", "translations", "networks", "speed of training steps",
    "film", "training",
)  # fmt: skip
COLORING = {"default", "additive_unet", "two_stage"}
EXACT = {"repeat_equal", "place_in_batch_equal", "blank_neighbours_equal"}


def test_short_form(tmp_path: Path) -> None:
    """On a CPU no part fails; colours and resumed steps are equal where that is promised."""
    command = [sys.executable, "-m", "tests.drills.gpu", "--small", "--seconds", "900"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path), "--parts", ",".join(PARTS)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["failed"] == results["left_out"] == {}
    assert results["wrong"] == []
    assert list(results["seconds"]) == list(results["parts"]) == list(PARTS)
    check_correctness(results["parts"])
    check_training(results["parts"]["training"]["additive_unet"], tmp_path)


def check_correctness(found: dict[str, Any]) -> None:
    """Check that what is promised to the bit was looked at, on pictures that show something."""
    assert found["colours"].keys() == COLORING
    for values in found["colours"].values():
        assert {name for name in values if name.endswith("equal")} == EXACT
        assert all(values[name] is True for name in EXACT)
        assert values["float32_db"] == "inf" or values["float32_db"] > 60
        assert 40 < values["bfloat16_db"] < 70
        assert 20 < values["spread_levels"] < 90
        assert values["saturated"] < 0.1
    for values in found["training steps"].values():
        assert values["resumed_equal"] is values["resumed_losses_equal"] is True
        assert values["float32_off"] == 0
        assert 0 <= values["bfloat16_off"] < 0.01
    assert all(values["repeat_equal"] is True for values in found["translations"].values())
    assert found["film"]["frame by frame, in this process"]["frames_equal"] is True


def check_training(values: Values, out: Path) -> None:
    """Check that a training ends as it was planned, and that its weights can be opened."""
    assert values["ended"] == "as planned"
    assert values["images_seen"] == values["images_planned"] == [8, 8]
    assert values["files"] == ["run.tar.00"]
    with tarfile.open(out / "run.tar.00") as tar:
        tar.extractall(out / "run", filter="data")
    assert len(list((out / "run/grids").glob("*.png"))) == 2
    weights = Storage.at(str(out / "run/weights"))
    from_files({entry.path: weights.read(entry.path) for entry in weights.entries()})


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Return a drill on the CPU."""
    return Setting(
        data=Storage.at(str(tmp_path)),
        out=tmp_path,
        work=tmp_path,
        device=torch.device("cpu"),
        recipe=tiny(small()),
        ends_at=time.monotonic() + 60,
    )


def test_one_case_fails_and_one_hangs(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure and a hang are lines of results.json; other cases run while the budget lasts."""
    monkeypatch.setattr(parts, "GRACE_S", 0.2)

    def fail() -> Values:
        raise ValueError("no such kernel")

    def hang() -> Values:
        time.sleep(30)
        return {}

    def cases(_: Setting) -> Cases:
        yield "first", partial(dict, frames_equal=False, float32_db=90.0)
        yield "second", fail
        yield "third", partial(dict, float32_off=float("nan"))
        yield "fourth", hang
        yield "fifth", dict

    record = Record(setting.out / "results.json")
    run_part(Part("part", cases, 0.3), setting, record, setting.ends_at)
    results = json.loads(record.path.read_text())
    assert results["parts"]["part"].keys() == {"first", "third"}
    assert results["failed"].keys() == {"part, second", "part, fourth"}
    assert "no such kernel" in results["failed"]["part, second"]
    assert "TimeoutError" in results["failed"]["part, fourth"]
    assert results["left_out"] == {"part": "no time left from 'fifth' on"}
    assert results["wrong"] == [
        "part, first: frames_equal",
        "part, third: float32_off above 0.001",
    ]


def test_no_time_for_a_part(setting: Setting) -> None:
    """With less than a quarter of its budget left, a part is not begun but listed as left out."""
    record = Record(setting.out / "results.json")
    run_part(Part("part", MagicMock(side_effect=AssertionError), 60), setting, record, 0.0)
    assert record.left_out == {"part": "0 s left"}
    assert record.failed == {}


def test_bounds() -> None:
    """Values beyond the bounds to float32 on the CPU are wrong; equal pictures are not."""
    assert find_wrong({"float32_db": float("inf"), "bfloat16_db": 54.0, "float32_off": 1e-7}) == []
    assert find_wrong({"float32_db": 27.8, "bfloat16_off": 0.2}) == [
        "float32_db below 50",
        "bfloat16_off above 0.05",
    ]


def test_feed(tmp_path: Path) -> None:
    """Batches span files, each stage reads its own samples, and a late feed is out of time."""
    recipe = tiny(small())
    factory = Factory(recipe, Storage.at(str(tmp_path)), tmp_path, chunk=3)
    for number, stage in enumerate(recipe.stages):
        (tmp_path / stage.name).mkdir()
        arrays = {"line": np.full((3, 2, 2), number, np.uint8)}
        (tmp_path / stage.name / "000000.pkl").write_bytes(pickle.dumps(arrays))
    feed = PoolFeed(factory, time.monotonic() + 60)
    for number in (0, 1):
        batches = feed(MagicMock(), SampleRange(0, 8, 2), 0)
        for _ in range(4):
            batch = next(batches)["line"]
            assert batch.shape == (2, 2, 2)
            assert np.all(batch == number)
    assert factory.is_finished(0)
    assert not factory.is_finished(1)
    assert feed.seen == [8, 8]
    late = PoolFeed(factory, time.monotonic())
    with pytest.raises(OutOfTimeError):
        next(late(MagicMock(), SampleRange(0, 8, 2), 0))


def test_weights_are_left_after_an_exit(tmp_path: Path) -> None:
    """SIGTERM, which the drill turns into an exit, leaves the last checkpoint's weights."""
    (tmp_path / "run/weights").mkdir(parents=True)
    (tmp_path / "run/weights/config.json").write_text("{}")
    values: Values = {}
    with pytest.raises(SystemExit), leaving(tmp_path / "run", tmp_path, values):
        sys.exit(1)
    assert values == {"files": ["run.tar.00"]}


@pytest.mark.parametrize(("megabytes", "files"), [(1, 1), (30, 3), (90, 1)])
def test_weights_in_parts(megabytes: int, files: int, tmp_path: Path) -> None:
    """Joined parts are the tar of the run; weights of more than six parts are left out."""
    run, out = tmp_path / "run", tmp_path / "out"
    for folder in (run / "weights", run / "grids", out):
        folder.mkdir(parents=True)
    (run / "weights/draft.safetensors").write_bytes(os.urandom(megabytes * 2**20))
    (run / "scalars.csv").write_text("stage,images,name,value\n")
    names = leave(run, out)
    assert len(names) == files
    assert all((out / name).stat().st_size <= 14 * 2**20 for name in names)
    whole = tmp_path / "whole.tar"
    whole.write_bytes(b"".join((out / name).read_bytes() for name in names))
    with tarfile.open(whole) as tar:
        assert ("weights/draft.safetensors" in tar.getnames()) is (megabytes < 90)
        assert "scalars.csv" in tar.getnames()
    assert leave(tmp_path / "nothing", out) == []
