"""Pictures to train on, drawn by code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lineart.datasets.samples import Picture
from lineart.datasets.translation import Unpaired
from lineart.models import MODELS, Translation
from lineart.storage import Storage
from lineart.training.device import Device
from lineart.training.feed import LocalFeed
from lineart.training.loop import Run
from lineart.training.recipe import Recipe
from tests.datasets.listed import Listed


def painted(seed: int) -> Picture:
    """Paint 16 squares; a class for each row of them, and a depth that grows to the right."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Picture(
        f"painted {seed}",
        np.kron(blocks, np.ones((24, 24, 1), np.uint8)),
        None,
        segmentation=np.repeat(np.arange(4, dtype=np.uint8), 24)[:, None].repeat(96, axis=1),
        depth=np.tile(np.linspace(0, 1, 96, dtype=np.float32), (96, 1)),
    )


def as_data(recipe: Recipe, pictures: Listed) -> Listed | Unpaired:
    """Give pictures as the task of a recipe wants them."""
    with torch.device("meta"):
        task = MODELS[recipe.model](**recipe.arguments).task
    return Unpaired(pictures, pictures) if isinstance(task, Translation) else pictures


class Shrunk(nn.Module):
    """Stands for a feature network: an eighth of the picture."""

    def forward(self, color: torch.Tensor) -> torch.Tensor:
        """Average 8x8 pixels."""
        return F.avg_pool2d(color, 8)


class Deep(nn.Module):
    """Stands for Inception: 768 maps of a sixteenth of the side."""

    def forward(self, color: torch.Tensor) -> torch.Tensor:
        """Repeat means of 16x16 pixels."""
        return F.avg_pool2d(color, 16).repeat(1, 256, 1, 1)


STAND_INS = {"content": Shrunk(), "semantics": Shrunk(), "geometry": Deep()}


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

    def __call__(self, recipe: Recipe, name: str = "run", **more: object) -> Run:
        """Give a run."""
        return Run(
            recipe=recipe,
            training=as_data(recipe, self.pictures),
            validation=as_data(recipe, self.pictures),
            output=Storage.at(str(self.folder / name)),
            device=self.device,
            feed=LocalFeed(0),
            features={term: STAND_INS[term] for term in recipe.features},
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture
def start_run(pictures: Listed, cpu: Device, tmp_path: Path) -> StartRun:
    """Give a function that makes runs."""
    return StartRun(pictures, cpu, tmp_path)
