"""Pictures to train on, drawn by code."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from lineart.datasets.samples import Picture
from lineart.storage import Storage
from lineart.training.device import Device
from lineart.training.feed import LocalFeed
from lineart.training.loop import Run
from lineart.training.recipes import Recipe


@dataclass(frozen=True)
class Listed:
    """Pictures in memory."""

    pictures: tuple[Picture, ...]

    @property
    def sources(self) -> list[str]:
        """All from one place."""
        return ["drawn"] * len(self.pictures)

    def read(self, index: int) -> Picture:
        """Give a picture."""
        return self.pictures[index]


def painted(seed: int) -> Picture:
    """Paint 16 squares."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Picture(f"painted {seed}", np.kron(blocks, np.ones((24, 24, 1), np.uint8)), None)


@pytest.fixture
def pictures() -> Listed:
    """Give two painted pictures."""
    return Listed((painted(0), painted(1)))


@pytest.fixture
def cpu() -> Device:
    """Give the CPU as the tests use it: one thread, float32."""
    torch.set_num_threads(1)
    return Device(torch.device("cpu"), half=False, compiled=False)


class StartRun:
    """Makes runs of a recipe that differ in their folder alone."""

    def __init__(self, pictures: Listed, device: Device, folder: Path) -> None:
        self.pictures, self.device, self.folder = pictures, device, folder

    def __call__(self, recipe: Recipe, name: str = "run", **more: object) -> Run:
        """Give a run."""
        return Run(
            recipe=recipe,
            training=self.pictures,
            validation=self.pictures,
            output=Storage.at(str(self.folder / name)),
            device=self.device,
            feed=LocalFeed(0),
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture
def start_run(pictures: Listed, cpu: Device, tmp_path: Path) -> StartRun:
    """Give a function that makes runs."""
    return StartRun(pictures, cpu, tmp_path)
