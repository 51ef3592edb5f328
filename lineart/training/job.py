"""A training as it travels to the processes that do it: addresses and numbers, nothing open."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lineart.datasets.shards import Shards
from lineart.storage import Storage
from lineart.training.device import Device
from lineart.training.feed import Feed
from lineart.training.loop import OnSave, Run, tell_nobody
from lineart.training.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train, on what, and where to."""

    recipe: Recipe
    data: Storage
    """What `jobs.prepare_data` left: `train/` and `validation/`."""
    output: Storage
    compiled: bool = False
    accumulate: int = 1
    features: Path | None = None
    """Weights for the content loss; None: where torchvision keeps them."""

    def open(self, device: Device, feed: Feed, on_save: OnSave = tell_nobody) -> Run:
        """Give the run as one process does it.

        Raises:
            FileNotFoundError: There are no shards, or no weights for the content loss.
        """
        return Run(
            recipe=self.recipe,
            training=Shards(self.data.child("train")),
            validation=Shards(self.data.child("validation")),
            output=self.output,
            device=device,
            feed=feed,
            features=self.open_features(device),
            accumulate=self.accumulate,
            on_save=on_save,
        )

    def open_features(self, device: Device) -> nn.Module | None:
        """Give the network of the content loss where the recipe has one."""
        if not any(stage.content for stage in self.recipe.stages):
            return None
        # Torchvision takes seconds to import.
        from lineart.models.pretrained import load_features

        return device.place(load_features(self.recipe.content_features, self.features))
