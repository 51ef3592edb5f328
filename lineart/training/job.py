"""A training as it travels to the processes that do it: addresses and numbers, nothing open."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from lineart.models import MODELS
from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.dataloader import Loader
from lineart.training.device import Device
from lineart.training.loop import OnSave, TrainingRun, check_batches, ignore_save
from lineart.training.recipe import Recipe
from lineart.training.tasks import TASKS, TrainingTask


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """What to train, on what, and where to."""

    recipe: Recipe
    data: Storage
    """What `jobs.prepare_data` left."""
    output: Storage
    compiled: bool = False
    accumulate: int = 1
    features: Mapping[str, str] = field(default_factory=dict)
    """Loss term -> weights of the frozen network that it compares by, where it is not cached."""

    def open(self, device: Device, feed: Loader, on_save: OnSave = ignore_save) -> TrainingRun:
        """Give the run as one process does it.

        Raises:
            FileNotFoundError: There are no shards, or no weights for a frozen network.
        """
        return TrainingRun(
            recipe=self.recipe,
            training=self.task.open(self.data, "train", self.recipe),
            validation=self.task.open(self.data, "validation", self.recipe),
            output=self.output,
            device=device,
            feed=feed,
            features=self.open_features(device),
            accumulate=self.accumulate,
            on_save=on_save,
        )

    def check(self, workers: int) -> None:
        """Find out what is wrong before processes are started for it.

        Raises:
            FileNotFoundError: As `open`.
            ValueError: A batch cannot be divided, or the output holds another run.
        """
        for side in ("train", "validation"):
            self.task.open(self.data, side, self.recipe)
        check_batches(self.recipe, workers, self.accumulate)
        checkpoint.check(self.output, self.recipe)
        # Not on a GPU, which the processes that train will want.
        self.open_features(Device(torch.device("cpu"), precision="float32", compiled=False))

    @property
    def task(self) -> TrainingTask:
        """What the recipe's pair does."""
        # Nothing is drawn for networks that nobody runs.
        with torch.device("meta"):
            pair = MODELS[self.recipe.model](**self.recipe.arguments)
        return TASKS[type(pair.task)]

    def open_features(self, device: Device) -> dict[str, nn.Module]:
        """Give the frozen networks of the recipe's losses."""
        if not self.recipe.features:
            return {}
        # Torchvision takes seconds to import.
        from lineart.models.pretrained import load_features

        return {
            term: device.place(load_features(term, name, self.features.get(term)))
            for term, name in self.recipe.features.items()
        }

    def describe_features(self) -> dict[str, dict[str, str]]:
        """Say which networks losses compare by."""
        if not self.recipe.features:
            return {}
        from lineart.models.pretrained import describe_features

        return {
            term: describe_features(term, name, self.features.get(term))
            for term, name in self.recipe.features.items()
        }
