import os

import torch

from lineart.benchmark.network import DEFAULT, count_flops, measure_pair, measure_peak
from lineart.models import MODELS
from lineart.runtime.device import PRECISIONS, pick_precision


def test_ways_and_share() -> None:
    """The chosen format comes first, with its rate and share of the peak; the others follow."""
    torch.set_num_threads(1)
    peak = measure_peak("cpu", 1)
    case = f"{DEFAULT} 64x64"
    first, *rest = measure_pair(case, MODELS["additive_unet"](4, 4), (64, 64), 2, peak)
    chosen = pick_precision(torch.device("cpu"))
    (other,) = set(PRECISIONS) - {chosen}
    assert [figure.method for figure in (first, *rest)] == [chosen, other, "float32, as built"]
    # One thread was measured, and the note does not say more.
    one = f"chosen here: {1000 / first.median_ms:.1f} frames/s x {os.cpu_count()} cores, "
    assert first.note.startswith(one)
    assert "dB between the formats" in first.note
    assert all(figure.times_as_fast for figure in rest)


def test_flops_are_counted() -> None:
    """Four times the pixels are four times the work; the paper's network does 117 GFLOP at 512."""
    pair = MODELS["additive_unet"](4, 4)
    assert count_flops(pair, (128, 128)) == 4 * count_flops(pair, (64, 64))
    # 64 x 64 pixels are 1/64 of 512 x 512.
    assert round(64 * count_flops(MODELS["additive_unet"](), (64, 64)) / 1e9) == 117
