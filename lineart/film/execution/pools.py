"""Numbers of workers of a film on Ray, from what the cluster has or may grow to."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

BLOCK_ROWS = 8
"""Maximum rows in a block: few enough to stream and retry, enough to keep Ray's overhead low."""
NETWORK_GPUS, PIXEL_CPUS = 0.5, 1.0
"""With GPUs: GPUs that a network worker reserves besides its CPU, and CPUs of a pixel task.

While one network finds the areas of hints on its CPU, the other computes on the GPU.
"""
S3_PIXEL_CPUS = 0.5
"""CPUs of a pixel task that reads or writes on S3: for about half of its time it waits for answers,
and another task computes."""
PICTURES_A_NETWORK = 500
"""Pictures for which room for one more network is asked for at the start of a run: two on a GPU
make a thousand in less time than such a machine takes to start."""


@dataclass(frozen=True)
class WorkerBounds:
    """Minimum and maximum number of workers in a pool."""

    minimum: int
    maximum: int

    @classmethod
    def parse(cls, text: str) -> "WorkerBounds":
        """Parse `MIN:MAX` or a single number.

        Raises:
            ValueError: it is neither, or 1 <= MIN <= MAX does not hold.
        """
        match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
        if match:
            minimum, maximum = int(match[1]), int(match[2] or match[1])
            if 1 <= minimum <= maximum:
                return cls(minimum, maximum)
        raise ValueError(f"{text!r} is not MIN:MAX with 1 <= MIN <= MAX, such as 1:8")


@dataclass(frozen=True)
class WorkerPools:
    """Worker pools of a run; a network worker reserves one CPU."""

    networks: WorkerBounds
    """Network workers: up to two on each GPU or, without GPUs, one on each CPU."""
    pixels: WorkerBounds | None = None
    """Pixel tasks, which read, compose and write beside GPUs; None: network workers do that."""
    network_gpus: float = NETWORK_GPUS
    """With pixel tasks: GPUs that a network worker reserves besides its CPU; 0: it runs there."""
    pixel_cpus: float = PIXEL_CPUS
    """CPUs that a pixel task reserves, above 0."""

    @property
    def minimum(self) -> dict[str, float]:
        """CPUs and GPUs without which a run cannot go on."""
        networks = float(self.networks.minimum)
        if self.pixels is None:
            return {"CPU": networks}
        pixels = self.pixels.minimum * self.pixel_cpus
        return {"CPU": networks + pixels, "GPU": networks * self.network_gpus}

    def bundles(self, pictures: int) -> list[dict[str, float]]:
        """Return the resources of each worker that a run over so many pictures keeps busy."""
        tasks = math.ceil(pictures / BLOCK_ROWS)
        if self.pixels is None:
            return [{"CPU": 1.0}] * max(self.networks.minimum, min(self.networks.maximum, tasks))
        on_gpu = min(self.networks.maximum, math.ceil(pictures / PICTURES_A_NETWORK))
        on_cpu = max(self.pixels.minimum, min(self.pixels.maximum, tasks))
        networks = [{"CPU": 1.0, "GPU": self.network_gpus}] * max(self.networks.minimum, on_gpu)
        return networks + [{"CPU": self.pixel_cpus}] * on_cpu


def plan_workers(
    resources: Mapping[str, float],
    pictures: int,
    networks: WorkerBounds | None = None,
    pixels: WorkerBounds | None = None,
    pixel_cpus: float = PIXEL_CPUS,
) -> WorkerPools:
    """Divide a cluster between network workers and pixel tasks so that both always fit.

    Networks share GPUs only if there may be more of them than GPUs.

    Args:
        resources: CPUs and GPUs that the cluster has or may grow to.
        pictures: Number of distinct pictures to process.
        networks: The user's bounds for network workers, or None.
        pixels: The user's bounds for pixel tasks, or None.
        pixel_cpus: CPUs that a pixel task reserves, above 0.

    Raises:
        ValueError: the minimum numbers do not fit, or pixel tasks are wanted without a GPU.
    """
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    room = min(int(gpus / NETWORK_GPUS), cpus - 1) if gpus else cpus
    if networks is None:
        # At least one, not all at once: the first frame waits for one network to start, and not for
        # GPUs that an autoscaling cluster has yet to add.
        networks = WorkerBounds(1, max(1, min(room, math.ceil(pictures / 4))))
    if networks.minimum > room:
        what = f"{gpus} GPUs and {cpus} CPUs" if gpus else f"{cpus} CPUs and no GPU"
        raise ValueError(
            f"{networks.minimum} networks cannot be placed on {what}: "
            f"there is room for {max(room, 0)}; lower --gpu-workers or join a larger cluster"
        )
    if not gpus:
        if pixels is not None:
            raise ValueError(
                "--cpu-workers cannot be placed: this cluster has no GPU, and without one each "
                "network's own worker does the pixels, too; --gpu-workers says how many"
            )
        return WorkerPools(networks, None)
    left = cpus - networks.minimum
    pixels = pixels or WorkerBounds(1, max(1, int((cpus - networks.maximum) / pixel_cpus)))
    if pixels.minimum * pixel_cpus > left:
        raise ValueError(
            f"{pixels.minimum} workers on pixels cannot be placed beside {networks.minimum} "
            f"networks on {cpus} CPUs: there is room for {max(int(left / pixel_cpus), 0)}; "
            "lower --cpu-workers or --gpu-workers"
        )
    network_gpus = NETWORK_GPUS if networks.maximum > gpus else 1.0
    return WorkerPools(networks, pixels, network_gpus, pixel_cpus)
