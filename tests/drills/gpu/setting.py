"""What all parts of the drill share: device, folders, time, and how a call is timed."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from lineart.benchmark.network import measure_peak
from lineart.storage import Storage
from lineart.training.recipes import Recipe

REPEATS, SMALL_REPEATS = 7, 1
"""Timed calls of which the median counts."""


@dataclass(frozen=True)
class Setting:
    """One run of the drill."""

    data: Storage
    """Shards of `jobs.prepare_data`."""
    out: Path
    """Where results, weights and grids go."""
    work: Path
    """Where everything else goes."""
    device: torch.device
    """The GPU, or the CPU where there is none."""
    recipe: Recipe
    """What is trained, without losses that need frozen networks."""
    ends_at: float
    """When the drill must be over, by `time.monotonic`, in seconds."""
    small: bool = False
    """Whether sizes are those for a CPU."""

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU."""
        return self.device.type == "cuda"

    @property
    def network_size_px(self) -> int:
        """Short side of the picture that networks see in a film."""
        return 64 if self.small else 512

    def synchronize(self) -> None:
        """Wait until the GPU has done all that it was given."""
        if self.on_gpu:
            torch.cuda.synchronize()

    def time(self, call: Callable[[], object], repeats: int = REPEATS, warm_up: int = 3) -> float:
        """Return the median of a call's wall time in seconds, the GPU's work included."""
        if self.small:
            repeats, warm_up = SMALL_REPEATS, min(warm_up, 1)
        for _ in range(warm_up):
            call()
        seconds = []
        for _ in range(repeats):
            self.synchronize()
            begun = time.perf_counter()
            call()
            self.synchronize()
            seconds.append(time.perf_counter() - begun)
        return statistics.median(seconds)

    def start_memory(self) -> None:
        """Free cached GPU memory and begin to count anew."""
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def read_memory_gb(self) -> float | None:
        """Return the most GPU memory that tensors took since `start_memory`, in GB."""
        return torch.cuda.max_memory_allocated() / 1e9 if self.on_gpu else None


@lru_cache(maxsize=1)
def peak_flops(device_type: str, repeats: int) -> float:
    """Return the FLOP/s of products of large matrices in the format that networks run in."""
    return measure_peak(device_type, repeats) * 1e9
