"""Picklable description of a training, from which each process opens its run."""

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
    """Recipe, data, output and options of a training; it holds no open file or network."""

    recipe: Recipe
    data: Storage
    """Output of `jobs.prepare_data`."""
    output: Storage
    compiled: bool = False
    """Compile networks with torch.compile."""
    accumulate: int = 1
    """Number of parts of each worker's batch whose gradients are summed before a step."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Loss term -> weights of its feature network, file or open_clip tag; default: torchvision's
    cache."""

    def open(self, device: Device, feed: Loader, on_save: OnSave = ignore_save) -> TrainingRun:
        """Open pictures and feature networks, and return the run of one process.

        Raises:
            FileNotFoundError: shards or the weights of a feature network do not exist.
            ValueError: pictures lack maps that a loss needs, or shards or weights are invalid.
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
        """Raise if the job cannot run, before any training process is started.

        Raises:
            FileNotFoundError: as `open`.
            ValueError: as `open`; or a batch cannot be divided, or the output holds another run.
        """
        for side in ("train", "validation"):
            self.task.open(self.data, side, self.recipe)
        check_batches(self.recipe, workers, self.accumulate)
        checkpoint.check(self.output, self.recipe)
        # On the CPU, to leave GPU memory to the training processes.
        self.open_features(Device(torch.device("cpu"), precision="float32", compiled=False))

    @property
    def task(self) -> TrainingTask:
        """Training task of the recipe's pair."""
        # On the meta device, weights are neither allocated nor initialised.
        with torch.device("meta"):
            pair = MODELS[self.recipe.model](**self.recipe.arguments)
        return TASKS[type(pair.task)]

    def open_features(self, device: Device) -> dict[str, nn.Module]:
        """Load the feature networks of the recipe's losses on a device."""
        if not self.recipe.features:
            return {}
        # Imported here, because torchvision takes seconds to import.
        from lineart.models.pretrained import load_features

        return {
            term: device.place(load_features(term, name, self.features.get(term)))
            for term, name in self.recipe.features.items()
        }

    def describe_features(self) -> dict[str, dict[str, str]]:
        """Return the name and SHA-256 of each loss term's feature network."""
        if not self.recipe.features:
            return {}
        from lineart.models.pretrained import describe_features

        return {
            term: describe_features(term, name, self.features.get(term))
            for term, name in self.recipe.features.items()
        }
