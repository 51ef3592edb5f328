"""What a training learns from, and how its progress is shown: one task for each kind of pair."""

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
"""A picture of any size."""


@runtime_checkable
class TrainingTask(Protocol):
    """Everything of a training that depends on what a pair does."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Any:
        """Open the pictures of one side, "train" or "validation", of what `prepare_data` left.

        Raises:
            FileNotFoundError: There are none.
            ValueError: They lack what one of the recipe's losses needs.
        """
        ...

    def maker(
        self, pictures: Any, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """Give what makes the samples of a stage."""
        ...

    def to_batch(self, arrays: Arrays, device: torch.device) -> Any:
        """Bring arrays to a device, as networks see them."""
        ...

    def show(self, sample: Any, made: Mapping[str, Cell]) -> dict[str, Cell]:
        """Give a sample and what was made of it as named pictures, in the order of a grid."""
        ...

    def distance(self, made: Mapping[str, Tensor], batch: Any) -> Float[Tensor, ""]:
        """Give the mean absolute difference (of colours -1..1) by which a look is judged."""
        ...


TASKS: Final[dict[type[Colorization | Translation], TrainingTask]] = {
    Colorization: ColorizationTraining(),
    Translation: TranslationTraining(),
}
"""What a pair does -> how that is trained."""
