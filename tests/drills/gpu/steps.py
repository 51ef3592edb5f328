"""Training steps: the GPU against the CPU, resumed to the bit, and how many a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lineart.datasets.key_samples import KeySamples
from lineart.models import MODELS, Colorization, Matching, Pair, Translation
from lineart.training.checkpoint import Checkpoint, CheckpointId
from lineart.training.dataloader import Arrays, Collator
from lineart.training.device import Device
from lineart.training.matching import stack_pairs
from lineart.training.recipes import RECIPES, Recipe, tiny
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS, TrainingTask
from tests.drills.gpu.parts import Cases, Setting, Values
from tests.key_pairs import list_pairs
from tests.painted import STAND_INS

FAMILIES = ("small", "additive_unet", "two_stage", "line_drawing", "ugatit", "ugatit_light")
SMALL_FAMILIES = ("small", "line_drawing")
"""Recipes whose tiny twins take steps."""
RESUMED_BY_ROUNDING = ("line_drawing", "ugatit", "ugatit_light")
"""Pairs with layers that have no deterministic gradient on CUDA; see `Device.here`."""


SPEEDS = (
    ("additive_unet", 1, 64), ("additive_unet", 0, 64), ("small", 1, 8), ("small", 0, 16),
    ("two_stage", 1, 16), ("two_stage", 0, 64),
    ("line_drawing", 0, 4), ("ugatit_light", 0, 1), ("ugatit", 0, 1),
)  # fmt: skip
SMALL_SPEEDS = (("small", 1, 4),)
"""Recipe, number of the stage, and images of a step."""


def training_steps(setting: Setting) -> Cases:
    """Take a step of each stage of each recipe's tiny twin on CPU and GPU, and resume it."""
    for name in SMALL_FAMILIES if setting.small else FAMILIES:
        recipe = tiny(RECIPES[name]())
        for number, stage in enumerate(recipe.stages):
            yield f"{name}, {stage.name}", partial(_compare_steps, setting, recipe, number)


def _compare_steps(setting: Setting, recipe: Recipe, number: int) -> Values:
    arrays = random_arrays(recipe, number, recipe.stages[number].batch_size)
    cpu_device = Device(torch.device("cpu"), precision="float32", compiled=False)
    devices = (cpu_device, Device.here(precision="float32"), Device.here(precision="bfloat16"))
    with _no_tf32():
        learners = [open_learner(recipe, number, device) for device in devices]
        cpu, full, half = [learner.step([_bring(learner, arrays)], 0) for learner in learners]
    return {
        "losses": cpu,
        "float32_off": _most_off(full, cpu),
        "bfloat16_off": _most_off(half, cpu),
        **_resume(setting, learners[-1], number, arrays),
    }


def _resume(setting: Setting, learner: StageTrainer, number: int, arrays: Arrays) -> Values:
    """Take the second step in a learner that goes on, and in one that is given its state."""
    nothing = replace(open_pair(learner.recipe), generators={})
    state = {name: tensor.clone() for name, tensor in learner.tensors(nothing).items()}
    other = open_learner(learner.recipe, number, learner.device)
    other.restore(Checkpoint(CheckpointId(number, learner.stage.batch_size), state))
    losses, ends = [], []
    for one in (learner, other):
        torch.manual_seed(1)
        losses.append(one.step([_bring(one, arrays)], one.stage.batch_size))
        ends.append(one.tensors(nothing))
    off = max(_difference(tensor, ends[1][name]) for name, tensor in ends[0].items())
    if setting.on_gpu and learner.recipe.model in RESUMED_BY_ROUNDING:
        return {"resumed_off": off}
    return {"resumed_losses_equal": losses[0] == losses[1], "resumed_equal": off == 0.0}


def speed_of_steps(setting: Setting) -> Cases:
    """Take whole training steps at the papers' sizes, on a batch that is there already.

    The frozen networks of `two_stage`, `additive_unet` and `line_drawing` are left out of the time:
    stand-ins that cost next to nothing take their place.
    """
    for name, number, count in SMALL_SPEEDS if setting.small else SPEEDS:
        recipe = RECIPES[name]()
        recipe = tiny(recipe) if setting.small else recipe
        case = f"{name}, {recipe.stages[number].name}, batch {count}"
        yield case, partial(_time_steps, setting, recipe, number, count)


def _time_steps(setting: Setting, recipe: Recipe, number: int, count: int) -> Values:
    setting.start_memory()
    learner = open_learner(recipe, number, Device.here())
    batch = _bring(learner, random_arrays(recipe, number, count))

    def rate(*, deterministic: bool) -> float:
        torch.backends.cudnn.deterministic = deterministic
        return count / setting.time(lambda: learner.step([batch], 0), 5)

    first_s = setting.time(lambda: learner.step([batch], 0), repeats=1, warm_up=0)
    free = rate(deterministic=False)
    return {
        "first_step_s": first_s,
        "images_per_s": rate(deterministic=True),
        "images_per_s_not_deterministic": free,
        "memory_gb": setting.read_memory_gb(),
    }


def open_pair(recipe: Recipe) -> Pair:
    """Build a recipe's pair without memory for its weights."""
    with torch.device("meta"):
        return MODELS[recipe.model](**recipe.arguments)


def open_task(recipe: Recipe) -> TrainingTask:
    """Return what a recipe's pair is trained for."""
    return TASKS[type(open_pair(recipe).task)]


def open_learner(recipe: Recipe, number: int, device: Device) -> StageTrainer:
    """Open a stage with the same random weights on every device."""
    torch.manual_seed(0)
    pair = MODELS[recipe.model](**recipe.arguments)
    frozen = {name: module.to(device.device) for name, module in STAND_INS.items()}
    return StageTrainer(recipe, number, pair, device, frozen)


def random_arrays(recipe: Recipe, number: int, count: int) -> Arrays:
    """Return `count` samples of random pixels, as the makers of samples give them."""
    rng, crop = np.random.default_rng(0), recipe.stages[number].crop
    task = open_pair(recipe).task

    def pixels(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, (count, *shape), dtype=np.uint8)

    if isinstance(task, Matching):
        return Collator(KeySamples(list_pairs(), 0, is_training=True), stack_pairs)(range(count))
    if isinstance(task, Translation):
        classes = max(recipe.classes, 1)
        return {
            "source": pixels(crop, crop, 3),
            "target": pixels(crop, crop, *([3] if task.channels == 3 else [])),
            "segmentation": rng.integers(0, classes, (count, crop, crop)).astype(np.uint8),
            "depth": rng.random((count, crop, crop)).astype(np.float16),
        }
    side = crop // task.draft_scale
    is_draft = recipe.stages[number].objective == "draft"
    size = side if is_draft else crop
    channels = hint_channels(task)
    arrays = {
        "line": pixels(size, size),
        "hint": (rng.random((count, channels, side, side)) * 2 - 1).astype(np.float32),
        "hint_mask": rng.random((count, 1, side, side)) < 0.02,
        "color": pixels(size, size, 3),
    }
    if is_draft:
        return arrays
    return arrays | {
        "small_line": pixels(side, side),
        "source": (rng.random((count, side, side, 2)) * 2 - 1).astype(np.float32),
        "spray": pixels(side, side, 4),
        "has_true_draft": rng.random(count) < 0.4,
    }


def hint_channels(task: Colorization) -> int:
    """Return how many channels hints have as the draft generator sees them."""
    hint = torch.zeros(1, 2, 2, 4, dtype=torch.uint8)
    return task.encode_hint(hint, hint[..., 0]).shape[1]


def _bring(learner: StageTrainer, arrays: Arrays) -> Any:
    """Return arrays as a batch on a learner's device."""
    return open_task(learner.recipe).to_batch(arrays, learner.device.device)


@contextmanager
def _no_tf32() -> Iterator[None]:
    """Let float32 be float32 in the block: by default, convolutions on CUDA round it to TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _most_off(losses: dict[str, float], truth: dict[str, float]) -> float:
    """Return the largest relative difference of a loss."""
    return max(abs(losses[name] - value) / max(abs(value), 1e-3) for name, value in truth.items())


def _difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two tensors' numbers."""
    return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
