"""Correctness of colours and translations: the GPU against float32 on the CPU, and against itself.

Random weights do: a layer that computes something else shows whatever the weights are.
"""

from functools import partial

import numpy as np
import torch
from jaxtyping import UInt8

from lineart.metrics import psnr
from lineart.models import Pair
from tests.drills.gpu.networks import (
    coloring_pairs,
    draw,
    open_colorizer,
    open_translator,
    take_photos,
    translating_pairs,
)
from tests.drills.gpu.parts import Cases, Values
from tests.drills.gpu.setting import Setting

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
    photos = take_photos(64 if setting.small else 256, 3)
    truth = open_translator(pair, torch.device("cpu"), "float32")(photos[:1]).pictures
    full = open_translator(pair, setting.device, "float32")
    half = open_translator(pair, setting.device, "bfloat16")
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
