"""Training pairs of colour keys from folders of pictures, and a training on them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.datasets.pair_shards import PairShards
from lineart.jobs.key_data import KeysData
from lineart.jobs.prepare_data import PrepareData, prepare_key_pairs
from lineart.jobs.train import Train
from lineart.jobs.train import main as train
from lineart.runtime.executor import LocalExecutor
from lineart.storage import Storage
from tests.key_pairs import PALETTE, draw_truth


def write_cycle(folder: Path, count: int = 4) -> None:
    """Write a face that moves, as pictures with alpha."""
    folder.mkdir(parents=True)
    for number in range(count):
        truth = draw_truth(6 * number)
        cel = np.dstack((PALETTE[truth], np.where(truth > 0, np.uint8(255), np.uint8(0))))
        (folder / f"{number:04d}.png").write_bytes(encode_png(cel))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Write two sequences for training, one for validation, and who drew the pictures."""
    rows = ["file,licence,author"]
    for name, licence in (("ranger", "CC0-1.0"), ("troll", "CC-BY-SA-4.0"), ("piggy", "CC0-1.0")):
        write_cycle(tmp_path / "images" / name)
        rows += [f"{name}/{number:04d}.png,{licence},Ada" for number in range(4)]
    (tmp_path / "images" / "provenance.csv").write_text("\n".join(rows))
    return tmp_path / "images"


def flags_of(images: Path, task: KeysData | None = None, **more: object) -> PrepareData:
    """Give the flags of a preparation without the sample film."""
    task = task or KeysData(pairs_per_drawing=1.0, drawn_films=0)
    output = str(images.parent / "shards")
    return PrepareData(images=str(images), output=output, task=task, **more)  # type: ignore[arg-type]


def test_sequences_become_pairs_to_train_on(images: Path, tmp_path: Path) -> None:
    """Names decide what is for validation, licences what is left out; the pairs train a network."""
    flags = flags_of(images, licence="CC0")
    assert isinstance(flags.task, KeysData)
    output = Storage.at(flags.output)
    summary = prepare_key_pairs(flags, flags.task, output)(LocalExecutor(1))
    assert summary["sequences"] == {"train": {"ranger": 4}, "validation": {"piggy": 4}}
    assert summary["refused"].keys() == {"troll"}
    assert "CC-BY-SA" in summary["refused"]["troll"]
    pairs = PairShards(output.child("train"))
    assert pairs.names == [f"ranger#{number}" for number in range(4)]
    assert pairs.read(0).is_pure.any()
    # Training.
    run = tmp_path / "run"
    data = Train(recipe="keys", data=flags.output, output=str(run), tiny=True)
    assert train(data) == 0
    config = json.loads((run / "weights" / "config.json").read_text())
    assert config["model"] == "matching"
    assert (run / "report.html").exists()
    assert list((run / "sheets").iterdir())


def test_a_damaged_picture_refuses_its_sequence(images: Path) -> None:
    """The table of refusals names the file; the others become pairs."""
    (images / "troll/0002.png").write_bytes(b"damaged")
    flags = flags_of(images)
    assert isinstance(flags.task, KeysData)
    output = Storage.at(flags.output)
    summary = prepare_key_pairs(flags, flags.task, output)(LocalExecutor(1))
    assert summary["sequences"] == {"train": {"ranger": 4}, "validation": {"piggy": 4}}
    assert summary["refused"]["troll"].startswith("troll/0002.png: ")
    (row,) = parquet.read_table(io.BytesIO(output.read("refused.parquet"))).to_pylist()
    assert (row["name"], row["reason"]) == ("troll", "unreadable")


def test_wrong_flags_are_explained(images: Path) -> None:
    """Numbers out of range, and a split with an empty side, name the flag that helps."""
    output = Storage.at(str(images.parent / "shards"))
    for task, says in (
        (KeysData(pairs_per_drawing=0.0), "--pairs-per-drawing is above 0"),
        (KeysData(drawn_films=-1), "--drawn-films is 0 or more"),
    ):
        with pytest.raises(ValueError, match=says):
            prepare_key_pairs(flags_of(images, task), task, output)
    few = flags_of(images, exclude=("piggy",))
    assert isinstance(few.task, KeysData)
    make = prepare_key_pairs(few, few.task, output)
    with pytest.raises(ValueError, match=r"for validation; .*--drawn-films"):
        make(LocalExecutor(1))
    assert not output.exists("train/shards.json")
