"""Training recipes: a recipe is a function that gives a complete, frozen configuration."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lineart.training.recipe import Recipe, TrainingStage

BATCH = 64
"""Of paper 001; paper 002 gives none."""


def paper_stages(*, crop: int) -> tuple[TrainingStage, TrainingStage]:
    """Give both stages as paper 001 trains them: 280k steps each, rate x0.1 at step 112k."""
    draft = TrainingStage(
        name="draft",
        objective="draft",
        losses={"l1": 1.0, "adversarial": 0.05, "content": 0.1},
        images=280_000 * BATCH,
        batch_size=BATCH,
        crop=crop,
        learning_rate=1e-4,
        schedule="step",
        falls_at=0.4,
        save_every=2_000 * BATCH,
    )
    # L1 alone, after the draft generator is trained.
    color = replace(draft, name="color", objective="color", losses={"l1": 1.0})
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
        features={"content": "vgg16"},
    )


def additive_unet() -> Recipe:
    """Give the recipe of paper 002, which says no more than the sizes; the rest is paper 001's.

    Not run to its end here: 35.8 million images want weeks of several GPUs. No result.
    """
    return replace(two_stage(), model="additive_unet", arguments={"width": 32, "color_width": 0})


def small() -> Recipe:
    """The recipe of the default weights: 35 minutes of one busy CPU core, three of an H100.

    Measured on 41 held-out pictures: 17.7 dB with 16 hints, 21.2 dB with 140; on 18 frames of
    animation 20.4 and 25.0 (lineart/weights/default/MODEL_CARD.md).
    """
    # Squared differences make it quicker at first. The colour at a hint is the hint's.
    losses = {"l1": 1.0, "l2": 1.0, "hint": 0.1}
    draft = TrainingStage(
        name="draft",
        objective="draft",
        losses=losses,
        images=20_000,
        batch_size=16,
        crop=512,
        learning_rate=2e-3,
        save_every=2_000,
    )
    color = TrainingStage(
        name="color",
        objective="color",
        losses=losses,
        images=10_000,
        batch_size=8,
        crop=256,
        learning_rate=2e-3,
        save_every=2_000,
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
    stages = tuple(replace(stage, losses={"l1": 1.0}) for stage in small().stages)
    arguments = {"width": 14, "color_width": 10}
    return replace(small(), model="concat_unet", arguments=arguments, stages=stages)


def line_drawing() -> Recipe:
    """Give the recipe of paper 000: all five losses.

    100 epochs at batch 4, Adam (0.5, 0.999) at 2e-4, falling along a line from the middle on, as in
    Chan et al., 2022; their cycle weight of 0.1 is for pictures in 0..1, ours are -1..1. An epoch
    is that of COCO-Stuff 10k: the paper does not say which version it had. The segmentation's
    weight is ours. Not run to its end here: 900,000 images want days of a GPU. No result.
    """
    losses = {
        "adversarial": 1.0, "cycle": 0.05, "semantics": 10.0, "geometry": 10.0, "segmentation": 1.0,
    }  # fmt: skip
    stage = TrainingStage(
        name="drawing",
        objective="line_drawing",
        losses=losses,
        images=100 * COCO_STUFF,
        batch_size=4,
        crop=256,
        learning_rate=2e-4,
        schedule="linear",
        save_every=COCO_STUFF,
    )
    return Recipe(
        model="line_drawing",
        arguments={"width": 64, "blocks": 3},
        stages=(stage,),
        betas=(0.5, 0.999),
        ema_decay=0.0,
        balance=0.0,
        features={"semantics": "ViT-B-32", "geometry": "inception_v3"},
        classes=182,
    )


COCO_STUFF = 9_000
"""Training pictures of COCO-Stuff 10k."""


def line_drawing_baseline() -> Recipe:
    """Give what paper 000 compares with: `line_drawing` without its segmentation loss."""
    return line_drawing().without({"segmentation"})


def small_line_drawing() -> Recipe:
    """The recipe of the weights `drawing`: `line_drawing` at half the width, 7 minutes of an H100.

    SqueezeNet's embedding stands for CLIP's, and there is no depth. Its weight is a tenth of
    CLIP's: at 10 it was 17 where the adversarial term was 1.3, and the style was not learned.
    Batches of 16 draw eyes and mouths where batches of 4, with twice the steps, leave them out.
    """
    recipe = line_drawing().without({"geometry"})
    stages = tuple(
        replace(
            s,
            losses=s.losses | {"semantics": 1.0},
            images=24_448,
            batch_size=16,
            learning_rate=5e-4,
            save_every=6_112,
        )
        for s in recipe.stages
    )
    return replace(
        recipe,
        arguments={"width": 32, "blocks": 3},
        stages=stages,
        ema_decay=0.99,
        balance=0.5,
        features={"semantics": "squeezenet1_0_embedding"},
        classes=9,
    )


def small_line_drawing_baseline() -> Recipe:
    """Give `small_line_drawing` without its segmentation loss."""
    return small_line_drawing().without({"segmentation"})


def ugatit() -> Recipe:
    """Give the recipe of paper 004, whose code is its authors': a million steps of one picture.

    Not run to its end here: the networks have 670 million parameters. No result.
    """
    stage = TrainingStage(
        name="webtoon",
        objective="ugatit",
        losses={"adversarial": 1.0, "cycle": 10.0, "identity": 10.0, "cam": 1000.0},
        images=1_000_000,
        batch_size=1,
        crop=256,
        learning_rate=1e-4,
        schedule="linear",
        save_every=10_000,
    )
    return Recipe(
        model="ugatit",
        arguments={"width": 64, "blocks": 4, "size_px": 256},
        stages=(stage,),
        betas=(0.5, 0.999),
        weight_decay=1e-4,
        ema_decay=0.0,
        balance=0.0,
    )


def ugatit_light() -> Recipe:
    """Give `ugatit` with the light generators: 10.6 million parameters in place of 279 each."""
    return replace(ugatit(), model="ugatit_light", arguments={"width": 64, "blocks": 4})


def small_ugatit() -> Recipe:
    """Give `ugatit_light` for a CPU core: a quarter of the width and of the pixels."""
    recipe = ugatit_light()
    stages = tuple(
        replace(s, images=4_000, crop=128, learning_rate=2e-4, save_every=500)
        for s in recipe.stages
    )
    return replace(recipe, arguments={"width": 16, "blocks": 4}, stages=stages)


def tiny(recipe: Recipe) -> Recipe:
    """Give a recipe's twin for tests: the same terms, networks of width 4, eight images a stage."""
    # U-GAT-IT's discriminators take no smaller pictures.
    crop = 96 if recipe.model.startswith("ugatit") else 64
    arguments = {name: min(value, 4) for name, value in recipe.arguments.items()}
    if "size_px" in arguments:
        arguments["size_px"] = crop
    stages = tuple(
        replace(stage, images=8, batch_size=4, crop=crop, save_every=4) for stage in recipe.stages
    )
    return replace(recipe, arguments=arguments, stages=stages, warmup_images=0)


RECIPES: Final[dict[str, Callable[[], Recipe]]] = {
    "two_stage": two_stage,
    "additive_unet": additive_unet,
    "small": small,
    "plain_unet": plain_unet,
    "line_drawing": line_drawing,
    "line_drawing_baseline": line_drawing_baseline,
    "small_line_drawing": small_line_drawing,
    "small_line_drawing_baseline": small_line_drawing_baseline,
    "ugatit": ugatit,
    "ugatit_light": ugatit_light,
    "small_ugatit": small_ugatit,
}
"""Name -> recipe."""
