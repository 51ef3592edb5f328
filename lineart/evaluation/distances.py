"""Distances between whole sets of pictures, by features that come one by one."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import KernelInceptionDistance

from lineart.evaluation.statistics import Estimate
from lineart.evaluation.types import Feature, TableCell

TOGETHER = 256
"""Features that are multiplied together: one matrix product is quicker than many small ones."""

RESERVOIR = 10_000
"""Most pictures of a set that the kernel distance keeps, drawn evenly from all."""

SUBSETS, SUBSET_SIZE = 100, 1000
"""Of the kernel distance; small sets have smaller subsets."""

KERNEL_SCALE = 100.0
"""The kernel distance is small, and papers give it times 100."""

Vector = Float32[np.ndarray, " D"]


class Moments:
    """Sums and products of features: all that the Fréchet distance needs, whatever the number."""

    def __init__(self) -> None:
        self.number = 0
        self._waiting: list[Vector] = []
        self._sum: Tensor | None = None
        self._products: Tensor | None = None

    def add(self, vector: Vector) -> None:
        """Take the features of a picture."""
        self.number += 1
        self._waiting.append(vector)
        if len(self._waiting) >= TOGETHER:
            self._multiply()

    def _multiply(self) -> None:
        if not self._waiting:
            return
        block = torch.from_numpy(np.stack(self._waiting)).double()
        self._waiting = []
        total, products = block.sum(0), block.T @ block
        self._sum = total if self._sum is None else self._sum + total
        self._products = products if self._products is None else self._products + products

    def mean_and_covariance(self) -> tuple[Tensor, Tensor]:
        """Give the mean, and the unbiased covariance.

        Raises:
            ValueError: there are fewer than two pictures.
        """
        self._multiply()
        if self.number < 2 or self._sum is None or self._products is None:
            raise ValueError("a Fréchet distance needs two pictures at least")
        mean = self._sum / self.number
        covariance = (self._products - self.number * torch.outer(mean, mean)) / (self.number - 1)
        return mean, covariance


class Reservoir:
    """Features of some pictures, every picture as likely to be among them as any other.

    Args:
        seed: Decides which are kept.
        size: Most features that are kept, above 0.
    """

    def __init__(self, seed: int, *, size: int = RESERVOIR) -> None:
        self.number = 0
        self.kept: list[Vector] = []
        self._size = size
        self._rng = np.random.default_rng((seed, size))

    def add(self, vector: Vector) -> None:
        """Take the features of a picture."""
        self.number += 1
        if len(self.kept) < self._size:
            self.kept.append(vector)
        elif (place := int(self._rng.integers(self.number))) < self._size:
            self.kept[place] = vector


def frechet(truth: Moments, made: Moments) -> Estimate:
    """Give the Fréchet distance of two sets; it has no interval.

    Raises:
        ValueError: a set has fewer than two pictures, or the distance is no number.

    Source:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium", 2017, as torchmetrics computes it.
    """
    distance = float(_compute_fid(*truth.mean_and_covariance(), *made.mean_and_covariance()))
    if not math.isfinite(distance):
        raise ValueError(f"the Fréchet distance is {distance}: the features are too large")
    # Rounding may leave equal sets a little below 0.
    return Estimate(max(0.0, distance), min(truth.number, made.number))


def kernel(truth: Reservoir, made: Reservoir, seed: int) -> Estimate:
    """Give the kernel distance times 100: mean and deviation over random subsets.

    Subsets have 1,000 pictures, and half of the smaller set where that is less: subsets of all
    pictures would all be the same.

    Raises:
        ValueError: a set has fewer than four pictures.

    Source:
        Bińkowski et al., "Demystifying MMD GANs", 2018, as torchmetrics computes it.
    """
    size = min(SUBSET_SIZE, len(truth.kept) // 2, len(made.kept) // 2)
    if size < 2:
        raise ValueError("a kernel distance needs four pictures at least")
    with warnings.catch_warnings():
        # That it keeps features; they are kept already, and no more than a reservoir.
        warnings.simplefilter("ignore", UserWarning)
        metric = KernelInceptionDistance(nn.Identity(), subsets=SUBSETS, subset_size=size)
    for kept, real in ((truth.kept, True), (made.kept, False)):
        metric.update(torch.from_numpy(np.stack(kept)).double(), real=real)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mean, deviation = metric.compute()
    return Estimate(
        KERNEL_SCALE * float(mean), made.number, over_subsets=KERNEL_SCALE * float(deviation)
    )


class Distances:
    """Collects features; gives the distances of every way from the truth of its set.

    Args:
        kinds: Name of a score -> "frechet" or "kernel".
        seed: Decides reservoirs and subsets.
    """

    def __init__(self, kinds: Mapping[str, str], seed: int) -> None:
        self._kinds, self._seed = kinds, seed
        self._moments: dict[tuple[str, int | None, str | None], Moments] = {}
        self._reservoirs: dict[tuple[str, int | None, str | None], Reservoir] = {}
        self._broken: set[tuple[str, int | None, str | None]] = set()
        self.too_small: set[str] = set()
        """What is wrong with sets that have no distance."""

    def add(self, features: Sequence[Feature]) -> None:
        """Take the features of a picture."""
        kinds = set(self._kinds.values())
        for feature in features:
            key = feature.set, feature.hints, feature.way
            if not np.isfinite(feature.vector).all():
                self._broken.add(key)
            if "frechet" in kinds:
                self._moments.setdefault(key, Moments()).add(feature.vector)
            if "kernel" in kinds:
                self._reservoirs.setdefault(key, Reservoir(self._seed)).add(feature.vector)

    def results(self) -> Iterator[tuple[TableCell, str, Estimate]]:
        """Give the distances; afterwards `too_small` names the sets that have none."""
        for name, kind in self._kinds.items():
            found = self._moments if kind == "frechet" else self._reservoirs
            for set_name, hints, way in found:
                if way is None:
                    continue
                try:
                    distance = self._measure(kind, (set_name, hints, way))
                except ValueError as error:
                    self.too_small.add(f"{set_name}: {error}")
                else:
                    yield TableCell(set_name, hints, way), name, distance

    def _measure(self, kind: str, key: tuple[str, int | None, str]) -> Estimate:
        truth = key[0], key[1], None
        found = self._moments if kind == "frechet" else self._reservoirs
        if truth not in found:
            raise ValueError("there is no readable truth")
        for one in (truth, key):
            if one in self._broken:
                raise ValueError(f"features of {one[2] or 'the truth'} are not finite")
        if kind == "frechet":
            return frechet(self._moments[truth], self._moments[key])
        return kernel(self._reservoirs[truth], self._reservoirs[key], self._seed)
