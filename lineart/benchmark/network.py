"""The networks as the pipeline runs them, against what the machine's matrix products reach.

Without a GPU on one thread, since there each core runs a network of its own.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lineart.benchmark.timing import Figure, Run, compare
from lineart.image import Size, resize
from lineart.imaging.hints import no_hints, pool_hints, resize_hints
from lineart.inference import Colorizer, Hints, Lines
from lineart.metrics import psnr
from lineart.models import MODELS, Pair, from_files
from lineart.sample_film import sample_film
from lineart.weights import open_weights, read_weights

SIZES: dict[str, Size] = {"512x512": (512, 512), "910x512": (512, 910)}
GPU_BATCH = 16
PEAK_SIDE = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices whose product tells what a device can do."""

ONE_BF16, ONE_FLOAT32, ONE_BUILT = "bfloat16", "float32", "float32, as built"


def measure_network(repeats: int) -> list[Figure]:
    """Colour drawings: the included weights, and the papers' networks at full width."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pairs = {
        "default weights": from_files(read_weights(open_weights("default"))),
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
    return [*figures, Figure(f"product of {side}x{side}", ONE_BF16, product, 0.0, note=note)]


def measure_pair(case: str, pair: Pair, size: Size, repeats: int, peak: float) -> list[Figure]:
    """Colour drawings in bfloat16, in float32, and by the networks as they were built.

    Args:
        case: What it is called.
        pair: Any pair that colours.
        size: Height and width of the drawings.
        repeats: How often.
        peak: What the device's products of matrices reach in bfloat16, in GFLOP/s.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = GPU_BATCH if device == "cuda" else 1
    lines, hints = draw(size, pair.colorization.draft_scale, batch)
    half, full = (
        Colorizer(pair, device=device, batch_size=batch, half=half) for half in (True, False)
    )
    ways: dict[str, Run] = {
        ONE_BF16: lambda: list(half(lines, hints)),
        ONE_FLOAT32: lambda: list(full(lines, hints)),
    }
    if device == "cpu":
        ways[ONE_BUILT] = _as_built(pair, lines, hints)
    clock = time.process_time if device == "cpu" else _gpu_clock
    first, *rest = compare(case, ways, repeats, clock)
    share = count_flops(pair, size) / (first.median_ms / 1000) / (peak * 1e9)
    # Each core runs one; what they do to each other is not measured.
    cores = "" if device == "cuda" else f" x {os.cpu_count() or 1} cores"
    quality = psnr(half(lines, hints)[0], full(lines, hints)[0])
    rate = f"{1000 / first.median_ms:.1f} frames/s{cores}"
    note = f"{rate}, {share:.0%} of the peak, {quality:.1f} dB to float32"
    return [replace(first, note=note), *rest]


def _as_built(pair: Pair, lines: Lines, hints: Hints) -> Run:
    """Colour without folding, channels-last and bfloat16: what a script would do."""
    plain = Colorizer(pair, half=False)
    plain.draft, plain.color = pair.generators["draft"].eval(), pair.generators["color"].eval()
    return lambda: list(plain(lines, hints))


def draw(size: Size, draft_scale: int, count: int) -> tuple[Lines, Hints]:
    """Give drawings of the sample film with their hints, at network size."""
    frame = next(sample_film(size=(1080, 1920), frames_per_shot=1))
    hint = no_hints(size) if frame.hint is None else resize_hints(frame.hint, size)
    small = pool_hints(hint, draft_scale)
    return np.stack([resize(frame.line, size)] * count), np.stack([small] * count)


def count_flops(pair: Pair, size: Size) -> int:
    """Count the multiplications and additions of both networks for one drawing, padded."""
    colorizer = Colorizer(pair, half=False)
    lines, hints = draw(size, colorizer.draft_scale, 1)
    with FlopCounterMode(display=False) as counter:
        colorizer(lines, hints)
    return int(counter.get_total_flops())


def measure_peak(device: str, repeats: int) -> float:
    """Give what products of large bfloat16 matrices reach, in GFLOP/s; on a CPU on one thread."""
    side = PEAK_SIDE[device]
    first, second = torch.randn(2, side, side, device=device, dtype=torch.bfloat16).unbind()
    clock: Callable[[], float] = time.process_time if device == "cpu" else _gpu_clock
    seconds = []
    for _ in range(repeats + 1):
        started = clock()
        first @ second
        seconds.append(clock() - started)
    return 2 * side**3 / statistics.median(seconds[1:]) / 1e9


def _gpu_clock() -> float:
    """Give the time when the GPU has done all that it was given."""
    torch.cuda.synchronize()
    return time.perf_counter()
