"""How many workers a film gets, from what the cluster has."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

NETWORK_SHARE = 0.75
"""CPUs that a network without a GPU reserves; the rest of its core reads, composes and writes."""
PIXEL_SHARE = 0.25
"""CPUs that one task on pixels reserves on machines whose cores also run networks."""


@dataclass(frozen=True)
class Bounds:
    """Least and most workers of a pool."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str) -> "Bounds":
        """Read `MIN:MAX` or a single number.

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
class Pools:
    """Workers of a run and what each of them reserves."""

    networks: Bounds
    network_cpus: float
    network_gpus: float
    pixels: Bounds
    pixel_cpus: float

    def shrinkers(self, networks_fed: int) -> int:
        """Give how many tasks read and shrink, if one of them feeds so many networks on CPUs.

        No more than are needed: each process imports for seconds while the first network starts.
        """
        return self.pixels.most if self.network_gpus else -(-self.networks.most // networks_fed)

    @property
    def batch_size(self) -> int:
        """Frames that a network gets at once; on a CPU it takes them one by one."""
        return 16 if self.network_gpus else 4


def plan_pools(
    resources: Mapping[str, float],
    pictures: int,
    networks: Bounds | None = None,
    pixels: Bounds | None = None,
) -> Pools:
    """Share a cluster between networks and pixels so that both always fit.

    Args:
        resources: CPUs and GPUs that the cluster has or may grow to.
        pictures: Distinct pictures to make frames of.
        networks: Bounds that the user wants for the networks, or None.
        pixels: The same for the tasks that read, compose and write.

    Raises:
        ValueError: the least number of workers cannot be placed.
    """
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    on_gpu = gpus > 0
    network_cpus, pixel_cpus = (1.0, 1.0) if on_gpu else (NETWORK_SHARE, PIXEL_SHARE)
    room = min(gpus, cpus - 1) if on_gpu else cpus
    if networks is None:
        most = max(1, min(room, math.ceil(pictures / 4)))
        # They join one after another: the first frame waits for one start, not for all, nor for
        # GPUs that a growing cluster has yet to bring.
        networks = Bounds(1, most)
    if networks.least > room:
        what = f"{gpus} GPUs and {cpus} CPUs" if on_gpu else f"{cpus} CPUs and no GPU"
        raise ValueError(
            f"{networks.least} networks cannot be placed on {what}: "
            f"there is room for {max(room, 0)}; lower --gpu-workers or join a larger cluster"
        )
    left = cpus - networks.least * network_cpus
    fits = int(left / pixel_cpus)
    pixels = pixels or Bounds(1, max(1, int((cpus - networks.most * network_cpus) / pixel_cpus)))
    if pixels.least > fits:
        raise ValueError(
            f"{pixels.least} workers on pixels cannot be placed beside {networks.least} "
            f"networks on {cpus} CPUs: there is room for {max(fits, 0)}; "
            "lower --cpu-workers or --gpu-workers"
        )
    return Pools(networks, network_cpus, 1.0 if on_gpu else 0.0, pixels, pixel_cpus)
