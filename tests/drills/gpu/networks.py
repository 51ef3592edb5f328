"""Networks of the drill: how they are opened, and that the GPU computes what the CPU does.

Random weights do: a layer that computes something else shows whatever the weights are.
"""

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from lineart.image import Size
from lineart.inference import Hints, Lines, PairColorizer, Translator
from lineart.metrics import psnr
from lineart.models import MODELS, Pair, from_files
from lineart.runtime.device import Precision
from lineart.weights import open_weights, read_weights
from tests.drills.gpu.parts import Cases, Setting, Values

SPREAD = 0.5
"""Standard deviation of an output convolution before tanh: colours use the range and keep within.

Untrained, that of `additive_unet` is near 0, which hides the network; that of `two_stage` is so
large that tanh gives -1 or 1, and the least rounding flips one to the other.
"""
NUM_HINTS = 140
"""Hint pixels of a drawing, as in paper 002."""
SIDE_PX = 128
"""Side of the drawing by which outputs are scaled."""


def open_colorizer(
    pair: Pair, device: torch.device, precision: Precision, batch_size: int = 1
) -> PairColorizer:
    """Open a pair that colours."""
    return PairColorizer(pair, device=device.type, batch_size=batch_size, precision=precision)


def coloring_pairs(*, small: bool) -> Iterator[tuple[str, Pair]]:
    """Build the default pair, and the papers' pairs with random weights."""
    yield "default", from_files(read_weights(open_weights("default")))
    for name, arguments in (("additive_unet", [4]), ("two_stage", [4, 1])):
        torch.manual_seed(0)
        pair = MODELS[name](*(arguments if small else []))
        scale_outputs(pair)
        yield name, pair


def translating_pairs(*, small: bool) -> Iterator[tuple[str, Pair]]:
    """Build pairs that translate, with random weights."""
    for name in ("line_drawing", "ugatit_light", *(() if small else ("ugatit",))):
        torch.manual_seed(0)
        yield name, MODELS[name](*([4, 1] if small else []))


@torch.no_grad()
def scale_outputs(pair: Pair) -> None:
    """Scale both output convolutions so that what they give has the standard deviation `SPREAD`."""
    lines, hints = draw((SIDE_PX, SIDE_PX), pair.colorization.draft_scale, 1)
    spreads: list[float] = []

    def note(_module: nn.Module, _given: object, output: torch.Tensor) -> None:
        spreads.append(float(output.std()))

    # The draft first: it is part of what the color generator is given.
    for name in ("draft", "color"):
        colorizer = open_colorizer(pair, torch.device("cpu"), "float32")
        getattr(colorizer, name).get_submodule("out").register_forward_hook(note)
        colorizer(lines, hints)
        pair.generators[name].get_parameter("out.weight").mul_(SPREAD / spreads[-1])


def draw(size: Size, draft_scale: int, count: int) -> tuple[Lines, Hints]:
    """Draw random polygons with random hints, at network size."""
    rng = np.random.default_rng(0)
    lines = np.full((count, *size), 255, np.uint8)
    hints = np.zeros((count, -(-size[0] // draft_scale), -(-size[1] // draft_scale), 4), np.uint8)
    for line, hint in zip(lines, hints, strict=True):
        for _ in range(12):
            points = (rng.random((6, 2)) * size[::-1]).astype(np.int32)
            cv2.polylines(line, [points], True, 0, 2, cv2.LINE_AA)
        add_hints(hint, rng)
    return lines, hints


def add_hints(hint: np.ndarray, rng: np.random.Generator) -> None:
    """Put opaque random colours at random pixels of one drawing's hints, H W 4."""
    pixels = hint.reshape(-1, 4)
    at = rng.integers(0, len(pixels), NUM_HINTS)
    pixels[at, :3], pixels[at, 3] = rng.integers(0, 256, (NUM_HINTS, 3)), 255


BATCH, SMALL_BATCH = 16, 4
"""Pictures a network sees at once, as in a film on a GPU."""
COMPARED = 2
"""Pictures that the CPU makes, too."""


def colors(setting: Setting) -> Cases:
    """Colour a batch of drawings with each pair."""
    for name, pair in coloring_pairs(small=setting.small):
        yield name, partial(_compare_colors, setting, pair)


def _compare_colors(setting: Setting, pair: Pair) -> Values:
    size, batch = ((64, 128), SMALL_BATCH) if setting.small else ((256, 448), BATCH)
    lines, hints = draw(size, pair.colorization.draft_scale, batch)
    first = lines[:COMPARED], hints[:COMPARED]
    truth = open_colorizer(pair, torch.device("cpu"), "float32")(*first)
    full = open_colorizer(pair, setting.device, "float32", batch)
    half = open_colorizer(pair, setting.device, "bfloat16", batch)
    made = half(lines, hints)
    single = open_colorizer(pair, setting.device, "bfloat16", 1)(lines[:1], hints[:1])
    backwards = half(lines[::-1].copy(), hints[::-1].copy())[::-1]
    return {
        "spread_levels": float(truth.std()),
        "saturated": float(np.isin(truth, (0, 255)).mean()),
        "float32_db": decibels(full(*first), truth),
        "bfloat16_db": decibels(made[:COMPARED], truth),
        "repeat_equal": np.array_equal(half(lines, hints), made),
        "place_in_batch_equal": np.array_equal(backwards, made),
        "blank_neighbours_equal": np.array_equal(half(lines[:1], hints[:1]), made[:1]),
        "batch_of_1_db": decibels(single, made[:1]),
    }


def translations(setting: Setting) -> Cases:
    """Translate photographs with each pair."""
    for name, pair in translating_pairs(small=setting.small):
        yield name, partial(_compare_translations, setting, pair)


def _compare_translations(setting: Setting, pair: Pair) -> Values:
    # Blurred noise in place of photographs.
    side = 64 if setting.small else 256
    noise = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    photos = np.stack([cv2.GaussianBlur(one, (0, 0), 3) for one in noise])
    truth = Translator(pair, device="cpu", precision="float32")(photos[:1]).pictures
    full = Translator(pair, device=setting.device.type, precision="float32")
    half = Translator(pair, device=setting.device.type, precision="bfloat16")
    made = half(photos).pictures
    return {
        "spread_levels": float(truth.std()),
        "float32_db": decibels(full(photos[:1]).pictures, truth),
        "bfloat16_db": decibels(made[:1], truth),
        "repeat_equal": np.array_equal(half(photos).pictures, made),
    }


def decibels(
    pictures: UInt8[np.ndarray, "B H W *C"], truth: UInt8[np.ndarray, "B H W *C"]
) -> float:
    """Return the PSNR of several pictures together, grey or sRGB, in dB; equal ones: infinity."""
    return psnr(*(stack.reshape(1, -1, 1).repeat(3, axis=2) for stack in (pictures, truth)))
