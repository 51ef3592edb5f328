"""Numbers of workers for a film, derived from the resources of the cluster."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerBounds:
    """Minimum and maximum number of workers in a pool."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str) -> "WorkerBounds":
        """Parse `MIN:MAX` or a single number.

        Raises:
            ValueError: it is neither, or 1 <= MIN <= MAX does not hold.
        """
        match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
        if match:
            least, most = int(match[1]), int(match[2] or match[1])
            if 1 <= least <= most:
                return cls(least, most)
        raise ValueError(f"{text!r} is not MIN:MAX with 1 <= MIN <= MAX, such as 1:8")


@dataclass(frozen=True)
class WorkerPools:
    """Worker pools of a run; each worker reserves one CPU."""

    networks: WorkerBounds
    """Network workers: one on each GPU or, without GPUs, on each CPU."""
    pixels: WorkerBounds | None
    """Pixel tasks, which read, compose and write beside GPUs; None: network workers do that."""


def plan_workers(
    resources: Mapping[str, float],
    pictures: int,
    networks: WorkerBounds | None = None,
    pixels: WorkerBounds | None = None,
) -> WorkerPools:
    """Divide a cluster between network workers and pixel tasks so that both always fit.

    Args:
        resources: CPUs and GPUs that the cluster has or may grow to.
        pictures: Number of distinct pictures to process.
        networks: The user's bounds for network workers, or None.
        pixels: The user's bounds for pixel tasks, or None.

    Raises:
        ValueError: the minimum numbers do not fit, or pixel tasks are wanted without a GPU.
    """
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    room = min(gpus, cpus - 1) if gpus else cpus
    if networks is None:
        # At least one, not all at once: the first frame waits for one network to start, and not for
        # GPUs that an autoscaling cluster has yet to add.
        networks = WorkerBounds(1, max(1, min(room, math.ceil(pictures / 4))))
    if networks.least > room:
        what = f"{gpus} GPUs and {cpus} CPUs" if gpus else f"{cpus} CPUs and no GPU"
        raise ValueError(
            f"{networks.least} networks cannot be placed on {what}: "
            f"there is room for {max(room, 0)}; lower --gpu-workers or join a larger cluster"
        )
    if not gpus:
        if pixels is not None:
            raise ValueError(
                "--cpu-workers cannot be placed: this cluster has no GPU, and without one each "
                "network's own worker does the pixels, too; --gpu-workers says how many"
            )
        return WorkerPools(networks, None)
    left = cpus - networks.least
    pixels = pixels or WorkerBounds(1, max(1, cpus - networks.most))
    if pixels.least > left:
        raise ValueError(
            f"{pixels.least} workers on pixels cannot be placed beside {networks.least} "
            f"networks on {cpus} CPUs: there is room for {max(left, 0)}; "
            "lower --cpu-workers or --gpu-workers"
        )
    return WorkerPools(networks, pixels)
