"""A training as it travels to the processes that do it: addresses and numbers, nothing open."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lineart.datasets.shards import Shards
from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.device import Device
from lineart.training.feed import Feed
from lineart.training.loop import OnSave, Run, check_batches, tell_nobody
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

    def check(self, workers: int) -> None:
        """Find out what is wrong before processes are started for it.

        Raises:
            FileNotFoundError: As `open`.
            ValueError: A batch cannot be divided, or the output holds another run.
        """
        for side in ("train", "validation"):
            Shards(self.data.child(side))
        check_batches(self.recipe, workers, self.accumulate)
        checkpoint.check(self.output, self.recipe)
        self.open_features(Device.here())

    @property
    def has_content(self) -> bool:
        """Whether a stage has a content loss."""
        return any(stage.content for stage in self.recipe.stages)

    def open_features(self, device: Device) -> nn.Module | None:
        """Give the network of the content loss where the recipe has one."""
        if not self.has_content:
            return None
        # Torchvision takes seconds to import.
        from lineart.models.pretrained import load_features

        return device.place(load_features(self.recipe.content_features, self.features))

    def describe_features(self) -> dict[str, str]:
        """Say which network's features the content loss compares."""
        if not self.has_content:
            return {}
        from lineart.models.pretrained import describe_features

        return describe_features(self.recipe.content_features, self.features)
