"""What a recipe is: everything that decides what a training gives."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """One part of a training: which generator learns, from what, how long."""

    name: str
    objective: str
    """Name in `training.objectives.OBJECTIVES`."""
    losses: dict[str, float]
    """Loss term -> its weight in the sum; terms that do not stand here are not computed."""
    images: int
    batch_size: int
    """Over all workers."""
    crop: int
    """Side of a sample at network size; a draft sees it `draft_scale` times smaller."""
    learning_rate: float
    """Highest rate."""
    schedule: Literal["cosine", "step", "linear"] = "cosine"
    """How the rate falls: along a cosine to a fiftieth, or at `falls_at` to a tenth, or from
    `falls_at` along a line to nothing."""
    falls_at: float = 0.5
    """Share of the images after which the rate falls."""
    save_every: int
    """Images between two checkpoints, each with a picture grid and a look at validation."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a training gives."""

    model: str
    arguments: dict[str, int]
    stages: tuple[TrainingStage, ...]
    seed: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    """Of all weights alike, as Adam adds it to the gradient."""
    ema_decay: float = 0.995
    """Of the running average that is the result; 0: the networks themselves are."""
    warmup_images: int = 0
    true_drafts: float = 0.4
    """Share of the color generator's samples that get a damaged truth in place of a draft."""
    balance: float = 0.5
    """0: every picture is drawn equally often; 1: every source is; between: between."""
    features: dict[str, str] = field(default_factory=dict)
    """Loss term -> the frozen network that it compares by (`models.pretrained`)."""
    classes: int = 0
    """Of the regions that a segmentation loss tells apart."""

    def seed_of(self, number: int, is_training: bool) -> int:
        """Give the seed of a stage's samples; those of validation are the same for all."""
        return self.seed + number if is_training else VALIDATION_SEED

    def without(self, terms: Collection[str]) -> "Recipe":
        """Give the recipe without some of its loss terms."""
        stages = tuple(
            replace(s, losses={n: w for n, w in s.losses.items() if n not in terms})
            for s in self.stages
        )
        features = {name: network for name, network in self.features.items() if name not in terms}
        return replace(self, stages=stages, features=features)
