"""Recipe of a training: model, stages, losses and hyperparameters."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """Stage of a training: its objective, losses, number of images and learning rate."""

    name: str
    objective: str
    """Name in `training.objectives.OBJECTIVES`."""
    losses: dict[str, float]
    """Loss term -> its weight in the sum; terms that are not listed are not computed."""
    images: int
    """Number of training images, counting repetitions."""
    batch_size: int
    """Images per optimizer step, over all workers."""
    crop: int
    """Side of a sample in pixels at network size; the draft's is `draft_scale` times smaller."""
    learning_rate: float
    """Peak learning rate."""
    schedule: Literal["cosine", "step", "linear"] = "cosine"
    """Decay of the learning rate: `cosine` to 1/50 of the peak, `step` to 1/10 at `falls_at`,
    `linear` from `falls_at` to 0."""
    falls_at: float = 0.5
    """Fraction of the images after which a `step` or `linear` schedule decays."""
    save_every: int
    """Images between checkpoints, each with a picture grid and a validation score."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Configuration that determines the result of a training."""

    model: str
    """Name in `models.MODELS`."""
    arguments: dict[str, int]
    """Arguments of the model's builder."""
    stages: tuple[TrainingStage, ...]
    seed: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates of the first and second moments."""
    weight_decay: float = 0.0
    """L2 penalty on all parameters, added to the gradient (not decoupled as in AdamW)."""
    ema_decay: float = 0.995
    """Decay of the weights' exponential moving average, which is the result; 0: no averaging."""
    warmup_images: int = 0
    """Images over which the learning rate rises linearly at the start of each stage."""
    true_drafts: float = 0.4
    """Fraction of the color generator's samples with a damaged true draft, not a generated one."""
    balance: float = 0.5
    """Sampling: 0: all pictures equally often; 1: all sources; values between interpolate."""
    features: dict[str, str] = field(default_factory=dict)
    """Loss term -> name of its frozen feature network (`models.pretrained`)."""
    classes: int = 0
    """Number of classes of the segmentation loss."""

    def seed_of(self, number: int, is_training: bool) -> int:
        """Return the seed of a stage's samples; validation always has `VALIDATION_SEED`."""
        return self.seed + number if is_training else VALIDATION_SEED

    def without(self, terms: Collection[str]) -> "Recipe":
        """Return the recipe without the named loss terms and their feature networks."""
        stages = tuple(
            replace(s, losses={n: w for n, w in s.losses.items() if n not in terms})
            for s in self.stages
        )
        features = {name: network for name, network in self.features.items() if name not in terms}
        return replace(self, stages=stages, features=features)
