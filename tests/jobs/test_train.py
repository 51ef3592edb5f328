import errno
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineart.codec import encode_png
from lineart.datasets.shards import ShardRow, finish, write_shard
from lineart.inference import PairColorizer, Translator
from lineart.jobs.command import ALL_DONE, BROKE_OFF, WRONG_INPUT
from lineart.jobs.train import Train, main, open_job
from lineart.models import from_files
from lineart.storage import Storage
from lineart.training.objectives.colorization import DraftObjective
from lineart.training.recipes import RECIPES
from lineart.training.stage_trainer import StageTrainer
from lineart.weights import fingerprint, open_weights, read_weights
from tests.models.test_pretrained import random_state


def prepare(there: Storage) -> None:
    """Leave a prepared set of two painted pictures."""
    for side, seed in (("train", 0), ("validation", 1)):
        blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        image = encode_png(np.kron(blocks, np.ones((24, 24, 1), np.uint8)))
        row = ShardRow(side, image, None, 96, 96, "", "", "", "painted", "CC0", None)
        finish(there.child(side), [write_shard(there.child(side), 0, [row])])


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Give a prepared set for either task."""
    there = Storage.at(str(tmp_path / "shards"))
    for part in (there, there.child("source"), there.child("target")):
        prepare(part)
    return there.uri


def test_dry_run_prints_the_recipe_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole configuration is on the screen; no folder appears."""
    output = tmp_path / "run"
    flags = Train(recipe="small", data=str(tmp_path), output=str(output), dry_run=True)
    assert main(flags) == ALL_DONE
    assert json.loads(capsys.readouterr().out)["recipe"]["model"] == "additive_unet"
    assert not output.exists()


def test_a_training_leaves_weights_and_a_page(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights colour a drawing as they are; run.json names the recipe; the page shows it."""
    output = tmp_path / "run"
    flags = Train(recipe="small", data=data, output=str(output), num_workers=0, tiny=True)
    assert main(flags) == ALL_DONE
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    files = {path.name: path.read_bytes() for path in Path(last["weights"]).iterdir()}
    color = PairColorizer(from_files(files))
    drawing = np.full((1, 64, 64), 255, np.uint8)
    assert color(drawing, np.zeros((1, 16, 16, 4), np.uint8)).shape == (1, 64, 64, 3)
    assert json.loads((output / "run.json").read_text())["recipe"]["model"] == "additive_unet"
    page = (output / "report.html").read_text()
    assert "data:image/" in page
    assert "<svg" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": "large"}, "choose one of two_stage"),
        ({"data": "nowhere"}, "holds no finished set of shards"),
        ({"recipe": "two_stage"}, "--disable-loss content"),
        ({"accumulate": 3}, "cannot be divided"),
        ({"batch_size": 0}, "--batch-size 0 is not 1 or more"),
        ({"batch_size": 16}, "less than a batch of 16; give a --batch-size of 8 or less"),
        (
            {"batch_size": 9, "ray_workers": 2},
            "the stage draft has 8 images, less than a batch of 9",
        ),
        ({"batch_size": 7, "ray_workers": 2}, "7 images cannot be divided by 2 workers"),
        (
            {"recipe": "line_drawing", "disable_loss": ("segmentation", "geometry")},
            "--disable-loss semantics",
        ),
        ({"recipe": "small_line_drawing", "disable_loss": ("semantics",)}, "photographs with segm"),
        ({"disable_loss": ("l1", "l2", "hint")}, "leaves no loss in the stage draft"),
        ({"disable_loss": ("hue",)}, "--disable-loss names hue; small knows hint, l1, l2 there"),
        ({"start": "default"}, "the recipe's model is additive_unet"),
        ({"start": "nowhere"}, "no weights at"),
        (
            {"recipe": "keys"},
            "it holds pictures, as the other tasks of lineart prepare_data make t",
        ),
        ({"recipe": "fine_tune"}, "--recipe fine_tune trains weights further; name them by --star"),
        ({"features": {"content": "vgg16"}}, "--features names content; small knows none there"),
    ],
)
def test_wrong_input_is_one_sentence(
    change: dict[str, object],
    message: str,
    data: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unknown recipe, no data, no VGG, an odd batch: exit status 2, and what to do."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    flags = {"recipe": "small", "data": data, "output": str(tmp_path / "run"), "tiny": True}
    assert main(Train(**{**flags, **change})) == WRONG_INPUT  # type: ignore[arg-type]
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "hintd"}, "no objective 'hintd'"),
        ({"crop": 100}, "stage draft: crop 100 is no multiple of 64"),
    ],
)
def test_a_mistake_in_a_recipe_ends_before_the_training(
    change: dict[str, Any],
    message: str,
    data: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A misspelt objective; a crop that the networks cannot halve."""
    recipe = RECIPES["small"]()
    wrong = replace(recipe, stages=tuple(replace(s, **change) for s in recipe.stages))
    monkeypatch.setitem(RECIPES, "small", lambda: wrong)
    flags = Train(recipe="small", data=data, output=str(tmp_path / "run"))
    assert main(flags) == WRONG_INPUT
    assert message in capsys.readouterr().err


def test_a_mistake_in_an_objective_has_a_traceback(
    data: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sentence says which file has it."""

    def mistaken(*_: object) -> None:
        _, _ = torch.zeros(3)

    monkeypatch.setattr(DraftObjective, "generator_loss", mistaken)
    output = tmp_path / "run"
    flags = Train(recipe="small", data=data, output=str(output), num_workers=0, tiny=True)
    assert main(flags) == BROKE_OFF
    said = capsys.readouterr().err.splitlines()[-1]
    assert (
        said == f"train: too many values to unpack (expected 2); {output}/traceback.txt says where"
    )
    assert 'test_train.py", line' in (output / "traceback.txt").read_text()


@pytest.mark.parametrize("place", ["shards", "shards/run", "."])
def test_run_and_data_lie_apart(
    data: str, tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grids and sheets of a training are no pictures of its data."""
    flags = Train(recipe="small", data=data, output=str(tmp_path / place), num_workers=0, tiny=True)
    assert main(flags) == WRONG_INPUT
    assert f"and --data {data} lie in one another; keep them apart" in capsys.readouterr().err


def test_a_run_is_not_continued_on_other_shards(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scores would be of other pictures, some of which it may have learned from."""
    output = tmp_path / "run"
    flags = Train(recipe="small", data=data, output=str(output), tiny=True, num_workers=0)
    assert main(flags) == ALL_DONE
    other = shutil.copytree(data, tmp_path / "other")
    shard = next((other / "train").rglob("*.parquet"))
    assert main(replace(flags, data=str(other))) == ALL_DONE
    (other / "notes.txt").write_text("no shard")
    assert main(replace(flags, data=str(other))) == ALL_DONE
    shutil.copy(shard, shard.with_name("another.parquet"))
    assert main(replace(flags, data=str(other))) == WRONG_INPUT
    assert "holds a run on other shards; give another --output" in capsys.readouterr().err


def test_the_output_of_another_command_is_refused(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film has a run.json, too; it stays, and nothing is trained beside it."""
    run = tmp_path / "film" / "run.json"
    run.parent.mkdir()
    run.write_text(json.dumps({"state": "ended", "summary": {"seconds": 3.0}}))
    flags = Train(recipe="small", data=data, output=str(run.parent), tiny=True, num_workers=0)
    assert main(flags) == WRONG_INPUT
    assert "film holds no training: another command has written" in capsys.readouterr().err
    assert [*run.parent.iterdir()] == [run]


def test_a_stop_says_how_to_go_on(
    data: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence, with or without a checkpoint; the same command then ends well."""
    flags = Train(recipe="small", data=data, output=str(tmp_path / "run"), num_workers=0, tiny=True)
    answers = iter([False, True, False])
    with monkeypatch.context() as patch:
        patch.setattr(StageTrainer, "are_finite", lambda *_: next(answers))
        for says in ("there is no checkpoint yet", "goes on from the last good checkpoint"):
            assert main(flags) == BROKE_OFF
            assert says in capsys.readouterr().err
    assert main(flags) == ALL_DONE


@pytest.mark.parametrize("takes_run_json", [True, False])
def test_a_full_disk_breaks_a_training_off(
    data: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    takes_run_json: bool,
) -> None:
    """A sentence, status 1, also where run.json does not fit; with space the training goes on."""
    flags = Train(recipe="small", data=data, output=str(tmp_path / "run"), num_workers=0, tiny=True)
    write = Storage.write

    def refuse(place: Storage, path: str, content: bytes) -> None:
        if path.startswith("grids/") or (path == "run.json" and not takes_run_json):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write(place, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", refuse)
        assert main(flags) == BROKE_OFF
    said = capsys.readouterr().err.splitlines()[-1]
    if takes_run_json:
        assert said.endswith(
            "No space left on device; free some space, and the same command goes on"
        )
    else:
        assert said == "train: run.json cannot be written: No space left on device"
    assert main(flags) == ALL_DONE


def test_a_training_goes_on_from_included_weights(data: str, tmp_path: Path) -> None:
    """run.json has the SHA-256 of the default weights; the run is not continued without them."""
    output = tmp_path / "run"
    recipe = RECIPES["fine_tune"]()
    short = replace(recipe, stages=tuple(replace(s, images=8, crop=64) for s in recipe.stages))
    flags = Train(recipe="fine_tune", data=data, output=str(output), start="default", num_workers=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "fine_tune", lambda: short)
        assert main(flags) == ALL_DONE
        assert main(replace(flags, start=None)) == WRONG_INPUT
    files = read_weights(open_weights("default"))
    assert json.loads((output / "run.json").read_text())["recipe"]["start"] == fingerprint(files)
    before, after = (
        dict(from_files(one).generators["color"].named_parameters())
        for one in (files, read_weights(open_weights(f"{output}/weights")))
    )
    change = max(float((before[name] - after[name]).abs().max()) for name in before)
    assert 0 < change < 0.1


def test_a_pair_that_translates_trains_by_the_same_command(data: str, tmp_path: Path) -> None:
    """Weights, a page with named columns, and a sheet of drawings as the training goes on."""
    output = tmp_path / "run"
    flags = Train(
        recipe="line_drawing",
        data=data,
        output=str(output),
        num_workers=0,
        tiny=True,
        disable_loss=("semantics", "geometry", "segmentation"),
    )
    assert main(flags) == ALL_DONE
    files = {path.name: path.read_bytes() for path in (output / "weights").iterdir()}
    photo = np.full((1, 32, 40, 3), 90, np.uint8)
    assert Translator(from_files(files))(photo).pictures.shape == (1, 32, 40)
    record = json.loads((output / "run.json").read_text())
    assert record["columns"] == {"drawing": ["photograph", "target", "back"]}
    assert "photograph" in (output / "report.html").read_text()
    assert (output / "sheets" / "drawing.png").stat().st_size > 1000


def test_feature_weights_are_fetched_from_s3(
    data: str,
    bucket: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each version is copied to this machine once; run.json has its hash; absence is a sentence."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    address, written = f"s3://{bucket.name}/nets/vgg16.pth", tmp_path / "vgg16.pth"
    flags = Train(
        recipe="two_stage",
        data=data,
        output=str(tmp_path / "run"),
        num_workers=0,
        tiny=True,
        feature_weights={"content": address},
    )
    assert main(flags) == WRONG_INPUT
    assert address in capsys.readouterr().err
    hashes = []
    for factor in (1.0, 0.5):
        torch.save({key: factor * one for key, one in random_state("vgg16").items()}, written)
        Storage.at(f"s3://{bucket.name}").write("nets/vgg16.pth", written.read_bytes())
        hashes.append(hashlib.sha256(written.read_bytes()).hexdigest())
        for _ in range(2):
            found = open_job(flags).describe_features()
            assert found == {"content": {"name": "vgg16", "sha256": hashes[-1]}}
    copies = [*(tmp_path / "torch/hub/checkpoints/lineart").glob("*-vgg16.pth")]
    assert {hashlib.sha256(copy.read_bytes()).hexdigest() for copy in copies} == {*hashes}
    times = {copy.stat().st_mtime_ns for copy in copies}
    assert main(flags) == ALL_DONE
    assert {copy.stat().st_mtime_ns for copy in copies} == times
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["features"]["content"]["sha256"] == hashes[-1]
    # Other weights.
    other = replace(flags, feature_weights={"content": str(tmp_path / "other.pth")})
    torch.save(random_state("vgg16"), tmp_path / "other.pth")
    assert main(other) == WRONG_INPUT
    assert "other weights of the feature network of content" in capsys.readouterr().err
    (tmp_path / "run/features.json").unlink()
    assert main(other) == ALL_DONE
