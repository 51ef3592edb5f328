"""Pictures to train on, drawn by code."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lineart.datasets.samples import Unpaired
from lineart.models import MODELS, Matching, Translation
from lineart.storage import Storage
from lineart.training.dataloader import LocalLoader
from lineart.training.device import Device
from lineart.training.loop import TrainingRun
from lineart.training.recipes import Recipe
from tests.datasets.paintings import Listed
from tests.key_pairs import ListedPairs, list_pairs
from tests.painted import STAND_INS, painted


def as_data(recipe: Recipe, pictures: Listed) -> Listed | Unpaired | ListedPairs:
    """Give pictures as the task of a recipe wants them; pairs of drawings for matching."""
    with torch.device("meta"):
        task = MODELS[recipe.model](**recipe.arguments).task
    if isinstance(task, Matching):
        return list_pairs()
    return Unpaired(pictures, pictures) if isinstance(task, Translation) else pictures


@pytest.fixture
def stand_ins() -> dict[str, nn.Module]:
    """Give what stands for the frozen networks."""
    return STAND_INS


@pytest.fixture
def pictures() -> Listed:
    """Give two painted pictures."""
    return Listed((painted(0), painted(1)))


@pytest.fixture
def cpu() -> Device:
    """Give the CPU as the tests use it: one thread, float32."""
    torch.set_num_threads(1)
    return Device(torch.device("cpu"), precision="float32", compiled=False)


class StartRun:
    """Makes runs of a recipe that differ in their folder alone."""

    def __init__(self, pictures: Listed, device: Device, folder: Path) -> None:
        self.pictures, self.device, self.folder = pictures, device, folder

    def __call__(self, recipe: Recipe, name: str = "run", **more: object) -> TrainingRun:
        """Give a run."""
        return TrainingRun(
            recipe=recipe,
            training=as_data(recipe, self.pictures),
            validation=as_data(recipe, self.pictures),
            output=Storage.at(str(self.folder / name)),
            device=self.device,
            loader=LocalLoader(0),
            features={term: STAND_INS[term] for term in recipe.features},
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture
def start_run(pictures: Listed, cpu: Device, tmp_path: Path) -> StartRun:
    """Give a function that makes runs."""
    return StartRun(pictures, cpu, tmp_path)
