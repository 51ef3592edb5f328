"""The networks that the drill runs, what they are given, and how they are opened."""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import nn

from lineart.device import Precision
from lineart.image import Size
from lineart.inference import Colorizer, Hints, Lines, Photos, Translator
from lineart.models import MODELS, Pair, from_files
from lineart.training.device import Device
from lineart.weights import open_weights, read_weights

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
) -> Colorizer:
    """Open a pair that colours."""
    return Colorizer(pair, device=device.type, batch_size=batch_size, precision=precision)


def open_translator(pair: Pair, device: torch.device, precision: Precision) -> Translator:
    """Open a pair that translates."""
    return Translator(pair, device=device.type, precision=precision)


def open_reference() -> Device:
    """Return what training steps are compared with: the CPU in float32."""
    return Device(torch.device("cpu"), precision="float32", compiled=False)


def open_device(precision: Precision | None = None) -> Device:
    """Return the GPU, or the CPU where there is none, for training."""
    return Device.here(precision=precision)


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
    for name in ("line_drawing", "ugatit_light") if small else (
        "line_drawing", "ugatit_light", "ugatit",
    ):  # fmt: skip
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


def take_photos(side_px: int, count: int) -> Photos:
    """Return blurred noise in place of photographs."""
    noise = np.random.default_rng(0).integers(0, 256, (count, side_px, side_px, 3), dtype=np.uint8)
    return np.stack([cv2.GaussianBlur(one, (0, 0), 3) for one in noise])
