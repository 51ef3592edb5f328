"""Training recipes: functions that return a complete, frozen configuration."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lineart.training.recipe import Recipe, TrainingStage

BATCH = 64
"""Batch size of paper 001; paper 002 states none."""


def paper_stages(*, crop: int) -> tuple[TrainingStage, TrainingStage]:
    """Return both stages of paper 001: 280k steps each, learning rate x0.1 at step 112k."""
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
    # The color generator is trained after the draft generator, with L1 only.
    color = replace(draft, name="color", objective="color", losses={"l1": 1.0})
    return draft, color


def two_stage() -> Recipe:
    """Return the recipe of paper 001: Adam (0.5, 0.9), 0.05 adversarial + L1 + 0.1 content.

    Never run to the end here: 35.8 million images would take weeks on several GPUs.
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
    """Return the recipe of paper 002, which states only the sizes; the rest is paper 001's.

    Never run to the end here: 35.8 million images would take weeks on several GPUs.
    """
    return replace(two_stage(), model="additive_unet", arguments={"width": 32, "color_width": 0})


def small() -> Recipe:
    """Return the recipe of the default weights: 35 minutes on one CPU core.

    The weights have its settings, but saw 33,040 and 9,312 images in three minutes on an H100.
    PSNR with 16 and 140 hints: 17.7 and 21.2 dB on 41 held-out pictures, 20.4 and 25.0 dB on 18
    animation frames (lineart/weights/default/MODEL_CARD.md).
    """
    # l2 speeds up early training; hint makes the colour at a hint match the hint.
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
    """Return the baseline of `small`: concatenated skips, equal size, L1 only.

    PSNR with 16 and 140 hints: 14.7 and 16.5 dB on 31 held-out pictures, 14.4 and 17.6 dB on 12
    animation frames.
    """
    stages = tuple(replace(stage, losses={"l1": 1.0}) for stage in small().stages)
    arguments = {"width": 14, "color_width": 10}
    return replace(small(), model="concat_unet", arguments=arguments, stages=stages)


def line_drawing() -> Recipe:
    """Return the recipe of paper 000: all five losses.

    As in Chan et al., 2022: 100 epochs at batch size 4, Adam (0.5, 0.999) at 2e-4 with linear decay
    over the second half. Their cycle weight, 0.1 for pictures in 0..1, is halved for -1..1. Epochs
    are of COCO-Stuff 10k; the paper does not state its version. The segmentation weight is ours.
    Never run to the end here: 900,000 images would take days on a GPU.
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
"""Number of training pictures of COCO-Stuff 10k."""


def line_drawing_baseline() -> Recipe:
    """Return the baseline of paper 000: `line_drawing` without the segmentation loss."""
    return line_drawing().without({"segmentation"})


def small_line_drawing() -> Recipe:
    """Return the recipe of the weights `drawing`: `line_drawing` at half width.

    It takes 7 minutes on an H100. SqueezeNet's embedding replaces CLIP's, and there is no geometry
    loss. The semantics weight is a tenth of `line_drawing`'s: at 10, the term was 17, the
    adversarial term 1.3, and the style was not learned. With batch size 16 the network draws eyes
    and mouths; with 4 and twice the steps, it omits them.
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
    """Return `small_line_drawing` without the segmentation loss."""
    return small_line_drawing().without({"segmentation"})


def ugatit() -> Recipe:
    """Return the recipe of paper 004 and its authors' code: a million steps at batch size 1.

    Never run to the end here: the networks have 670 million parameters.
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
    """Return `ugatit` with light generators: 10.6 instead of 279 million parameters each."""
    return replace(ugatit(), model="ugatit_light", arguments={"width": 64, "blocks": 4})


def small_ugatit() -> Recipe:
    """Return `ugatit_light` for one CPU core: a quarter of the width and of the pixels."""
    recipe = ugatit_light()
    stages = tuple(
        replace(s, images=4_000, crop=128, learning_rate=2e-4, save_every=500)
        for s in recipe.stages
    )
    return replace(recipe, arguments={"width": 16, "blocks": 4}, stages=stages)


def tiny(recipe: Recipe) -> Recipe:
    """Return a recipe for tests: the same losses, networks of width 4, eight images per stage."""
    # The minimum picture side of U-GAT-IT's discriminators is 96.
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
"""Recipe name -> function that returns the recipe."""
