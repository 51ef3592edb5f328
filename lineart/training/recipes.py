"""Training recipes: a recipe is a function that gives a complete, frozen configuration."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a training: which generator learns, from what, how long."""

    name: str
    generator: str
    """"draft" or "color"."""
    images: int
    batch_size: int
    """Over all workers."""
    crop: int
    """Side of a sample at network size; the draft sees it `draft_scale` times smaller."""
    learning_rate: float
    """Highest rate."""
    drop_at_images: int | None = None
    """Where the rate falls to a tenth; without it, it falls along a cosine to a fiftieth."""
    save_every: int
    """Images between two checkpoints, each with a picture grid and a look at validation."""
    l1: float = 1.0
    l2: float = 0.0
    """Squared differences beside the absolute ones: quicker at first, but greyer without hints."""
    hint: float = 0.0
    """Absolute differences at the hints alone: the colour at a hint is the hint's."""
    adversarial: float = 0.0
    content: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a training gives."""

    model: str
    arguments: dict[str, int]
    stages: tuple[Stage, ...]
    seed: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    ema_decay: float = 0.995
    warmup_images: int = 0
    true_drafts: float = 0.4
    """Share of the color generator's samples that get a damaged truth in place of a draft."""
    balance: float = 0.5
    """0: every picture is drawn equally often; 1: every source is; between: between."""
    content_features: str = "vgg16"
    """Network whose features the content loss compares, a name in `models.pretrained.FEATURES`."""


BATCH = 64
"""Of paper 001; paper 002 gives none."""


def paper_stages(*, crop: int) -> tuple[Stage, Stage]:
    """Give both stages as paper 001 trains them: 280k steps each, rate x0.1 at step 112k."""
    draft = Stage(
        name="draft",
        generator="draft",
        images=280_000 * BATCH,
        batch_size=BATCH,
        crop=crop,
        learning_rate=1e-4,
        drop_at_images=112_000 * BATCH,
        save_every=2_000 * BATCH,
        adversarial=0.05,
        content=0.1,
    )
    # L1 alone, after the draft generator is trained.
    color = replace(draft, name="color", generator="color", adversarial=0.0, content=0.0)
    return draft, color


def two_stage() -> Recipe:
    """Give the recipe of paper 001: Adam (0.5, 0.9), 0.05 adversarial + L1 + 0.1 content.

    Not run to its end here: 35.8 million images want weeks of several GPUs. No result.
    """
    return Recipe(
        model="two_stage",
        arguments={"width": 32, "blocks": 10},
        stages=paper_stages(crop=512),
        betas=(0.5, 0.9),
        ema_decay=0.999,
    )


def additive_unet() -> Recipe:
    """Give the recipe of paper 002, which says no more than the sizes; the rest is paper 001's.

    Not run to its end here: 35.8 million images want weeks of several GPUs. No result.
    """
    return replace(two_stage(), model="additive_unet", arguments={"width": 32, "color_width": 0})


def small() -> Recipe:
    """Give the recipe of the default weights: 35 minutes of one busy CPU core.

    Measured on 31 held-out pictures: 17.2 dB with 16 hints, 20.9 dB with 140; on 12 frames of
    animation 20.1 and 25.0 (lineart/weights/default/MODEL_CARD.md).
    """
    draft = Stage(
        name="draft",
        generator="draft",
        images=20_000,
        batch_size=16,
        crop=512,
        learning_rate=2e-3,
        save_every=2_000,
        l2=1.0,
        hint=0.1,
    )
    color = Stage(
        name="color",
        generator="color",
        images=10_000,
        batch_size=8,
        crop=256,
        learning_rate=2e-3,
        save_every=2_000,
        l2=1.0,
        hint=0.1,
    )
    return Recipe(
        model="additive_unet",
        arguments={"width": 16, "color_width": 12},
        stages=(draft, color),
        warmup_images=800,
        balance=0.75,
    )


def plain_unet() -> Recipe:
    """Give the network that `small` is compared with: concatenated skips, equal size, L1 alone.

    Measured on the same pictures: 14.7 and 16.5 dB, 14.4 and 17.6 dB on the animation.
    """
    stages = tuple(replace(stage, l2=0.0, hint=0.0) for stage in small().stages)
    arguments = {"width": 14, "color_width": 10}
    return replace(small(), model="concat_unet", arguments=arguments, stages=stages)


def tiny(recipe: Recipe) -> Recipe:
    """Give a recipe's twin for tests: the same terms, networks of width 4, eight images a stage."""
    arguments = {name: min(value, 4) for name, value in recipe.arguments.items()}
    stages = tuple(
        replace(stage, images=8, batch_size=4, crop=64, save_every=4, drop_at_images=None)
        for stage in recipe.stages
    )
    return replace(recipe, arguments=arguments, stages=stages, warmup_images=0)


RECIPES: Final[dict[str, Callable[[], Recipe]]] = {
    "two_stage": two_stage,
    "additive_unet": additive_unet,
    "small": small,
    "plain_unet": plain_unet,
}
"""Name -> recipe."""
