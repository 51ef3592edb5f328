"""Benchmark of the networks as the pipeline runs them, relative to the speed of matrix products.

Without a GPU they run on one thread, because the pipeline then runs one network per core.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lineart.benchmark.timing import Figure, Run, compare
from lineart.image import Size, resize
from lineart.imaging.hints.pixels import no_hints, pool_hints, resize_hints
from lineart.inference import Hints, Lines, PairColorizer
from lineart.metrics import psnr
from lineart.models import MODELS, Pair, from_files
from lineart.runtime.device import (
    PRECISIONS,
    Precision,
    dtype_of,
    has_bfloat16,
    pick_device,
    pick_precision,
    use_one_thread,
)
from lineart.sample_film import sample_film
from lineart.weights import open_weights, read_weights

SIZES: dict[str, Size] = {"512x512": (512, 512), "910x512": (512, 910)}
GPU_BATCH = 16
PEAK_SIDE = {"cpu": 2048, "cuda": 8192}
"""Side of the square matrices with which a device's peak speed is measured."""

DEFAULT = "default weights"
AS_BUILT = "float32, as built"
SLOW_REPEATS = 2
"""Maximum repeats if bfloat16 is emulated, which takes twenty times as long."""


def measure_network(repeats: int) -> list[Figure]:
    """Time colouring with the default weights and with the papers' networks at full width."""
    use_one_thread()
    device = pick_device().type
    pairs = {
        DEFAULT: from_files(read_weights(open_weights("default"))),
        "additive_unet": MODELS["additive_unet"](),
        "two_stage": MODELS["two_stage"](),
    }
    peak = measure_peak(device, repeats)
    figures = [
        figure
        for pair_name, pair in pairs.items()
        for size_name, size in SIZES.items()
        for figure in measure_pair(f"{pair_name} {size_name}", pair, size, repeats, peak)
    ]
    side = PEAK_SIDE[device]
    note = f"{peak:.0f} GFLOP/s on {'a GPU' if device == 'cuda' else 'one thread'}"
    product = 1000 * 2 * side**3 / (peak * 1e9)
    method = pick_precision(torch.device(device))
    return [*figures, Figure(f"product of {side}x{side}", method, product, 0.0, note=note)]


def measure_pair(case: str, pair: Pair, size: Size, repeats: int, peak: float) -> list[Figure]:
    """Time colouring in bfloat16, in float32 and, on the CPU, by the networks as built.

    The first figure is for the number format chosen on this machine. Emulated bfloat16 is timed
    only for the default weights.

    Args:
        case: Name of the case in the figures.
        pair: Colorizing pair.
        size: Height and width of the drawings.
        repeats: Number of measurements, above 0.
        peak: Speed of the device's matrix products in the chosen format, in GFLOP/s.
    """
    device = pick_device()
    batch = GPU_BATCH if device.type == "cuda" else 1
    lines, hints = draw(size, pair.colorization.draft_scale, batch)
    emulates = not has_bfloat16(device)
    formats: list[Precision] = [pick_precision(device)]
    if not emulates or case.startswith(DEFAULT):
        formats += [one for one in PRECISIONS if one not in formats]
    colorizers = {
        one: PairColorizer(pair, device=device.type, batch_size=batch, precision=one)
        for one in formats
    }
    methods: dict[str, Run] = {
        one: partial(_color, colorizer, lines, hints) for one, colorizer in colorizers.items()
    }
    if device.type == "cpu":
        methods[AS_BUILT] = _as_built(pair, lines, hints)
    clock = time.process_time if device.type == "cpu" else _gpu_clock
    if emulates and "bfloat16" in methods:
        repeats = min(repeats, SLOW_REPEATS)
    first, *rest = compare(case, methods, repeats, clock)
    share = count_flops(pair, size) / (first.median_ms / 1000) / (peak * 1e9)
    # The pipeline runs a network on each core; how they slow each other down is not measured.
    cores = "" if device.type == "cuda" else f" x {os.cpu_count() or 1} cores"
    note = f"chosen here: {1000 / first.median_ms:.1f} frames/s{cores}, {share:.0%} of the peak"
    if len(colorizers) == len(PRECISIONS):
        half, full = (colorizers[one](lines, hints)[0] for one in PRECISIONS)
        note += f", {psnr(half, full):.1f} dB between the formats"
    return [replace(first, note=note), *rest]


def _color(colorizer: PairColorizer, lines: Lines, hints: Hints) -> list[np.ndarray]:
    return list(colorizer(lines, hints))


def _as_built(pair: Pair, lines: Lines, hints: Hints) -> Run:
    """Return a run without folding, channels-last and bfloat16, as in a simple script."""
    plain = PairColorizer(pair, precision="float32")
    for generator in pair.generators.values():
        generator.eval()
    plain.draft, plain.color = pair.generators.get("draft"), pair.generators["color"]
    return lambda: list(plain(lines, hints))


def draw(size: Size, draft_scale: int, count: int) -> tuple[Lines, Hints]:
    """Return `count` copies of the sample film's first drawing and its hints, at network size."""
    frame = next(sample_film(size=(1080, 1920), frames_per_shot=1))
    hint = no_hints(size) if frame.hint is None else resize_hints(frame.hint, size)
    small = pool_hints(hint, draft_scale)
    return np.stack([resize(frame.line, size)] * count), np.stack([small] * count)


def count_flops(pair: Pair, size: Size) -> int:
    """Count the multiplications and additions of both networks for one padded drawing."""
    colorizer = PairColorizer(pair, precision="float32")
    lines, hints = draw(size, colorizer.draft_scale, 1)
    with FlopCounterMode(display=False) as counter:
        colorizer(lines, hints)
    return int(counter.get_total_flops())


def measure_peak(device: str, repeats: int) -> float:
    """Measure the speed of large matrix products in the device's chosen format, in GFLOP/s."""
    side, dtype = PEAK_SIDE[device], dtype_of(pick_precision(torch.device(device)))
    first, second = torch.randn(2, side, side, device=device, dtype=dtype).unbind()
    clock: Callable[[], float] = time.process_time if device == "cpu" else _gpu_clock
    seconds = []
    for _ in range(repeats + 1):
        started = clock()
        first @ second
        seconds.append(clock() - started)
    return 2 * side**3 / statistics.median(seconds[1:]) / 1e9


def _gpu_clock() -> float:
    """Wait until the GPU has finished all work, and return the time in seconds."""
    torch.cuda.synchronize()
    return time.perf_counter()
