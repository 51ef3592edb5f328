"""Training recipes: complete, frozen configurations, and the table of the named ones."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pkgutil import resolve_name
from typing import Final, Literal, cast

VALIDATION_SEED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """Stage of a training: its objective, losses, number of images and learning rate."""

    name: str
    objective: str
    """Name in `training.objectives.OBJECTIVES`, or "MODULE:CLASS" in a family's own file."""
    losses: dict[str, float]
    """Loss term -> its weight in the sum; terms that are not listed are not computed."""
    images: int
    """Number of training images, counting repetitions."""
    batch_size: int
    """Images per optimizer step, over all workers."""
    crop: int
    """Side of a sample in pixels at network size; the draft's is `draft_scale` times smaller. 0 for
    samples that are no pictures."""
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
    start: str = ""
    """SHA-256 of the weights that the training starts from; "": random ones."""

    def seed_of(self, number: int, is_training: bool) -> int:
        """Return the seed of a stage's samples; validation always has `VALIDATION_SEED`."""
        return self.seed + number if is_training else VALIDATION_SEED

    def divide_batches(self, workers: int, batch_size: int | None = None) -> "Recipe":
        """Return the recipe with batches that workers can share; learning rates stay.

        Args:
            workers: Number of training processes, at least 1.
            batch_size: Images per optimizer step, over all workers; None: the recipe's, raised to
                the next multiple of `workers`, for at least an image each.
        """
        stages = tuple(
            replace(s, batch_size=batch_size or -(-s.batch_size // workers) * workers)
            for s in self.stages
        )
        return replace(self, stages=stages)

    def without(self, terms: Collection[str]) -> "Recipe":
        """Return the recipe without the named loss terms and their feature networks."""
        stages = tuple(
            replace(s, losses={n: w for n, w in s.losses.items() if n not in terms})
            for s in self.stages
        )
        features = {name: network for name, network in self.features.items() if name not in terms}
        return replace(self, stages=stages, features=features)


BATCH = 64
"""Batch size of paper 001; paper 002 states none."""


def paper_stages() -> tuple[TrainingStage, TrainingStage]:
    """Return both stages of paper 001: 280k steps each, learning rate x0.1 at step 112k."""
    draft = TrainingStage(
        name="draft",
        objective="draft",
        losses={"l1": 1.0, "adversarial": 0.05, "content": 0.1},
        images=280_000 * BATCH,
        batch_size=BATCH,
        crop=512,
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

    Never run to the end here. On an H100 17.9 million images of each stage take 9 + 33 hours, at
    555 and 149 images/s, if samples are made as fast.
    """
    return Recipe(
        model="two_stage",
        arguments={"width": 32, "blocks": 10},
        stages=paper_stages(),
        betas=(0.5, 0.9),
        ema_decay=0.999,
        features={"content": "vgg16"},
    )


def additive_unet() -> Recipe:
    """Return the recipe of paper 002, which states only the sizes; the rest is paper 001's.

    Never run to the end here. On an H100 17.9 million images of each stage take 2 + 9 hours, at
    2,817 and 527 images/s, if samples are made as fast.
    """
    return replace(two_stage(), model="additive_unet", arguments={"width": 32, "color_width": 0})


def small() -> Recipe:
    """Return a recipe of `additive_unet` for one CPU core: 35 minutes.

    After 33,040 and 9,312 images (three minutes on an H100), PSNR with 16 and 140 hints: 17.7 and
    21.2 dB on 41 held-out pictures, 20.4 and 25.0 dB on 18 animation frames.
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


def hint_unet() -> Recipe:
    """Return the first recipe of the default weights; `fine_tune` is the second.

    It took 99 minutes on two cores of an AMD EPYC (Zen 4, bfloat16), beside other work.

    There is no squared error: with it, regions without a hint became grey
    (lineart/weights/default/MODEL_CARD.md).
    """
    stage = TrainingStage(
        name="color",
        objective="hinted",
        losses={"paper": 1.0, "edges": 0.5, "ssim": 0.5, "hint": 0.1},
        images=64_000,
        batch_size=8,
        crop=256,
        learning_rate=2e-3,
        save_every=2_000,
    )
    return Recipe(
        model="hint_unet",
        arguments={"width": 16},
        stages=(stage,),
        warmup_images=800,
        balance=0.75,
    )


FINE_TUNE = "fine_tune"


def fine_tune() -> Recipe:
    """Return the recipe that trains weights of `hint_unet` further (`--start`).

    Half the learning rate, more weight of edges, squared error on paper that has a hint, and
    pictures of large sources more often. It takes 63 minutes on two cores of an AMD EPYC (Zen 4).
    The default weights are a mean of its result and of those that it started from: see
    lineart/weights/default/MODEL_CARD.md.
    """
    recipe = hint_unet()
    losses = {"paper": 1.0, "hinted": 1.0, "edges": 1.0, "ssim": 0.5, "hint": 0.1}
    stages = tuple(
        replace(s, losses=losses, images=48_000, learning_rate=1e-3) for s in recipe.stages
    )
    return replace(recipe, stages=stages, seed=1, balance=0.5)


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
    Never run to the end here: 900,000 images take 6 hours on an H100, at 41 images/s.
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

    Never run to the end here: on an H100 a step takes a quarter of a second, a million 3 days. The
    networks have 670 million parameters; a checkpoint has 10 GB.
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
    """Return `ugatit_light` for one CPU core: a quarter of the width, pictures of 96 px.

    On one core of an AMD EPYC (bfloat16) a step takes 0.45 s, at 128 px 0.68 s. Give it pictures
    that were cut to faces and parts of them: a whole portrait has too few pixels at this size.

    Run once, to 6,240 of its images (468 cuts of 78 portraits, 414 of drawn characters): fair faces
    became coloured washes with contours, dark ones red with white patches. The weights are
    therefore not included.
    """
    recipe = ugatit_light()
    stages = tuple(
        replace(s, images=9_600, crop=96, learning_rate=2e-4, save_every=480) for s in recipe.stages
    )
    return replace(recipe, arguments={"width": 16, "blocks": 4}, stages=stages, ema_decay=0.99)


def tiny(recipe: Recipe) -> Recipe:
    """Return a recipe for tests: the same losses, the pair's small networks, 8 images a stage."""
    # Imported here, because torch takes seconds to import.
    from lineart.models import build_empty

    small = build_empty(recipe.model, recipe.arguments).small
    stages = tuple(
        replace(
            stage,
            images=8,
            batch_size=min(stage.batch_size, 4),
            crop=small.crop_px,
            save_every=4,
        )
        for stage in recipe.stages
    )
    arguments = recipe.arguments | small.arguments
    return replace(recipe, arguments=arguments, stages=stages, warmup_images=0)


def recipe_in(name: str) -> Callable[[], Recipe]:
    """Return the recipe function "MODULE:FUNCTION", whose module is imported when it is called.

    It is for recipes in files that import torch, which takes seconds.
    """
    return lambda: cast(Recipe, resolve_name(name)())


RECIPES: Final[dict[str, Callable[[], Recipe]]] = {
    "two_stage": two_stage,
    "additive_unet": additive_unet,
    "small": small,
    "hint_unet": hint_unet,
    FINE_TUNE: fine_tune,
    "plain_unet": plain_unet,
    "line_drawing": line_drawing,
    "line_drawing_baseline": line_drawing_baseline,
    "small_line_drawing": small_line_drawing,
    "small_line_drawing_baseline": small_line_drawing_baseline,
    "ugatit": ugatit,
    "ugatit_light": ugatit_light,
    "small_ugatit": small_ugatit,
    "keys": recipe_in("lineart.training.objectives.matching:keys"),
    "borders": recipe_in("lineart.training.objectives.borders:borders"),
}
"""Recipe name -> function that returns the recipe."""
