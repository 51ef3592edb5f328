"""Fréchet and kernel distances between sets of pictures, from features added one by one."""

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
"""Features per matrix product: one large product is faster than many small ones."""

RESERVOIR = 10_000
"""Maximum number of pictures of a set kept for the kernel distance, a uniform sample."""

SUBSETS, SUBSET_SIZE = 100, 1000
"""Number and size of the kernel distance's subsets; small sets have smaller ones."""

KERNEL_SCALE = 100.0
"""Factor of the kernel distance: papers report it times 100."""

Vector = Float32[np.ndarray, " D"]


class Moments:
    """Running sums and products of features for the Fréchet distance, in constant memory."""

    def __init__(self) -> None:
        self.number = 0
        self._waiting: list[Vector] = []
        self._sum: Tensor | None = None
        self._products: Tensor | None = None

    def add(self, vector: Vector) -> None:
        """Add the features of one picture."""
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
        """Return the mean [D] and the unbiased covariance [D, D].

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
    """Uniform random sample of the features added (reservoir sampling).

    Args:
        seed: Seed of the sample.
        size: Maximum number of features kept, above 0.
    """

    def __init__(self, seed: int, *, size: int = RESERVOIR) -> None:
        self.number = 0
        self.kept: list[Vector] = []
        self._size = size
        self._rng = np.random.default_rng((seed, size))

    def add(self, vector: Vector) -> None:
        """Add the features of one picture."""
        self.number += 1
        if len(self.kept) < self._size:
            self.kept.append(vector)
        elif (place := int(self._rng.integers(self.number))) < self._size:
            self.kept[place] = vector


def frechet(truth: Moments, made: Moments) -> Estimate:
    """Compute the Fréchet distance of two sets, without an interval.

    Raises:
        ValueError: a set has fewer than two pictures, or the distance is not finite.

    Source:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium", 2017, as torchmetrics computes it.
    """
    distance = float(_compute_fid(*truth.mean_and_covariance(), *made.mean_and_covariance()))
    if not math.isfinite(distance):
        raise ValueError(f"the Fréchet distance is {distance}: the features are too large")
    # Rounding errors may make the distance of equal sets negative.
    return Estimate(max(0.0, distance), min(truth.number, made.number))


def kernel(truth: Reservoir, made: Reservoir, seed: int) -> Estimate:
    """Compute the kernel distance times 100: mean and standard deviation over random subsets.

    Subsets have 1,000 pictures, or half of the smaller set if that is less, because subsets of all
    pictures would be equal.

    Raises:
        ValueError: a set has fewer than four pictures.

    Source:
        Bińkowski et al., "Demystifying MMD GANs", 2018, as torchmetrics computes it.
    """
    size = min(SUBSET_SIZE, len(truth.kept) // 2, len(made.kept) // 2)
    if size < 2:
        raise ValueError("a kernel distance needs four pictures at least")
    with warnings.catch_warnings():
        # torchmetrics warns that it stores all features; here at most a reservoir's.
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
    """Collects features and computes the distance of every method from the truth of each set.

    Args:
        kinds: Score name -> "frechet" or "kernel".
        seed: Seed of reservoirs and subsets.
    """

    def __init__(self, kinds: Mapping[str, str], seed: int) -> None:
        self._kinds, self._seed = kinds, seed
        self._moments: dict[tuple[str, int | None, str | None], Moments] = {}
        self._reservoirs: dict[tuple[str, int | None, str | None], Reservoir] = {}
        self._broken: set[tuple[str, int | None, str | None]] = set()
        self.too_small: set[str] = set()
        """Messages `set: reason` for sets without a distance, filled by `results`."""

    def add(self, features: Sequence[Feature]) -> None:
        """Add features."""
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
        """Yield table cell, score name and distance; afterwards `too_small` lists what has none."""
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
