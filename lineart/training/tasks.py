"""Training tasks, one for each kind of pair: its data, batches and validation."""

from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from lineart.models import Colorization, Pair, Translation
from lineart.storage import Storage
from lineart.training.colorization import ColorizationTraining
from lineart.training.dataloader import Arrays, Collator
from lineart.training.recipe import Recipe
from lineart.training.translation import TranslationTraining

Cell = UInt8[np.ndarray, "_ _ 3"]
"""RGB picture of any size."""


@runtime_checkable
class TrainingTask(Protocol):
    """Parts of a training that depend on the task of a pair."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Any:
        """Open the pictures of one side, "train" or "validation", of a `prepare_data` output.

        Raises:
            FileNotFoundError: there is no prepared set.
            ValueError: the set is empty or broken, or lacks maps that a loss of the recipe needs.
        """
        ...

    def maker(
        self, pictures: Any, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """Build the collator of stage `number` of the recipe."""
        ...

    def to_batch(self, arrays: Arrays, device: torch.device) -> Any:
        """Convert a collator's arrays to a batch of tensors on a device."""
        ...

    def show(self, sample: Any, made: Mapping[str, Cell]) -> dict[str, Cell]:
        """Return a sample and its results as named pictures, in the order of the grid's columns."""
        ...

    def distance(self, made: Mapping[str, Tensor], batch: Any) -> Float[Tensor, ""]:
        """Compute the validation score: a mean absolute difference of colours in -1..1."""
        ...


TASKS: Final[dict[type[Colorization | Translation], TrainingTask]] = {
    Colorization: ColorizationTraining(),
    Translation: TranslationTraining(),
}
"""Type of a pair's task -> how it is trained."""
