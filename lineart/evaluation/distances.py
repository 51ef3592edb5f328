"""Fréchet and kernel distances between sets of pictures, from features added one by one."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from lineart.evaluation.networks import load_features
from lineart.evaluation.session import Session
from lineart.evaluation.types import (
    AnySize,
    Estimate,
    Feature,
    Score,
    TableCell,
    distance_score,
)

TOGETHER = 256
"""Pictures in one matrix product."""

MAX_FOR_KERNEL = 10_000
"""Maximum number of pictures of a set for the kernel distance; of more, a random choice."""

SUBSETS, SUBSET_SIZE = 100, 1000
"""Number and size of the kernel distance's subsets; small sets have smaller ones."""

KERNEL_SCALE = 100.0
"""Factor of the kernel distance: papers report it times 100."""

Vectors = Float32[np.ndarray, "N D"]

Places = Sequence[int]


class GivenFeatures(nn.Identity):
    """Takes the place of a feature network where features are given in place of pictures."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features: int = num_features


def frechet(
    vectors: Vectors, truth: Places, made: Mapping[str, Places]
) -> Iterator[tuple[str, Estimate | str]]:
    """Yield the Fréchet distance of each set from the truth, or why it has none.

    Args:
        vectors: Features of all pictures.
        truth: Indices of the truth in `vectors`.
        made: Method -> indices of its pictures.

    Source:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium", 2017, as torchmetrics computes it.
    """
    metric = FrechetInceptionDistance(GivenFeatures(vectors.shape[1]), reset_real_features=False)

    def update(places: Places, *, real: bool) -> None:
        for start in range(0, len(places), TOGETHER):
            metric.update(take(vectors, places[start : start + TOGETHER]), real=real)

    update(truth, real=True)
    for name, places in made.items():
        if min(len(truth), len(places)) < 2:
            yield name, "a Fréchet distance needs two pictures at least"
            continue
        update(places, real=False)
        distance = float(metric.compute())
        metric.reset()
        if math.isfinite(distance):
            # Rounding errors may make the distance of equal sets negative.
            yield name, Estimate(max(0.0, distance), min(len(truth), len(places)))
        else:
            yield name, f"the Fréchet distance is {distance}: the features are too large"


def kernel(
    vectors: Vectors, truth: Places, made: Mapping[str, Places], seed: int
) -> Iterator[tuple[str, Estimate | str]]:
    """Yield the kernel distance times 100 of each set from the truth, or why it has none.

    It is the mean over random subsets of 1,000 pictures, or of half of the smaller set if that is
    less, because subsets of all pictures would be equal.

    Args:
        vectors: Features of all pictures.
        truth: Indices of the truth in `vectors`.
        made: Method -> indices of its pictures.
        seed: Seed of the subsets.

    Source:
        Bińkowski et al., "Demystifying MMD GANs", 2018, as torchmetrics computes it.
    """
    real = take(vectors, choose(truth, seed))
    for name, places in made.items():
        fake = take(vectors, choose(places, seed))
        size = min(SUBSET_SIZE, len(real) // 2, len(fake) // 2)
        if size < 2:
            yield name, "a kernel distance needs four pictures at least"
            continue
        with warnings.catch_warnings():
            # torchmetrics warns that it stores all features; here at most `MAX_FOR_KERNEL`.
            warnings.simplefilter("ignore", UserWarning)
            metric = KernelInceptionDistance(nn.Identity(), subsets=SUBSETS, subset_size=size)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mean, deviation = (KERNEL_SCALE * float(value) for value in metric.compute())
        yield name, Estimate(mean, len(places), over_subsets=deviation)


def take(vectors: Vectors, places: Places) -> Tensor:
    """Return the features at some indices, in float64."""
    return torch.from_numpy(vectors[places].astype(np.float64))


def choose(places: Places, seed: int) -> Places:
    """Return a uniform random choice of at most `MAX_FOR_KERNEL`."""
    if len(places) <= MAX_FOR_KERNEL:
        return places
    rng = np.random.default_rng((seed, len(places)))
    return sorted(rng.choice(places, MAX_FOR_KERNEL, replace=False).tolist())


class RequestedDistances(NamedTuple):
    """Distances between sets of pictures that can be computed."""

    features: str
    """Value of `--fid-features`; empty if the feature network cannot be loaded."""
    kinds: dict[str, str]
    """Score name -> "frechet" or "kernel"."""
    scores: dict[str, Score]
    """Score name -> score."""
    missing: dict[str, str]
    """Heading of a score that cannot be computed -> reason."""


def open_distances(session: Session, features: str, kinds: Sequence[str]) -> RequestedDistances:
    """Load the feature network and return the distances of `kinds`, or why they are missing.

    Args:
        session: Opens the network.
        features: Value of `--fid-features`.
        kinds: Distances between sets: "frechet", "kernel".
    """
    if why := session.why_not(load_features, features):
        wanted = PurePath(features.partition("=")[0]).name
        missing = {distance_score(kind, wanted)[1].heading: why for kind in kinds}
        return RequestedDistances("", {}, {}, missing)
    name = session.open(load_features, features).name
    named = {kind: distance_score(kind, name) for kind in kinds}
    by_name = {name: kind for kind, (name, _) in named.items()}
    return RequestedDistances(features, by_name, dict(named.values()), {})


def extract_features(
    session: Session,
    features: str,
    set_name: str,
    truth: AnySize | None,
    made: Mapping[str, AnySize],
    hints: int | None = None,
) -> list[Feature]:
    """Return the features of the truth, if given, and of the picture that each method made.

    There are none if `features`, the value of `--fid-features`, is empty.
    """
    if not features:
        return []
    extract = session.open(load_features, features)
    seen = [] if truth is None else [Feature(set_name, extract(truth), None, hints)]
    return seen + [Feature(set_name, extract(one), method, hints) for method, one in made.items()]


class Distances:
    """Collects features and computes the distance of every method from the truth of each set.

    Args:
        kinds: Score name -> "frechet" or "kernel".
        seed: Seed of random choices and subsets.
        file: Binary file for the features, all of one length: 8 kB per picture on Inception.
    """

    def __init__(self, kinds: Mapping[str, str], seed: int, file: BinaryIO) -> None:
        self._kinds, self._seed, self._file = kinds, seed, file
        self._length = self._number = 0
        self._sets: dict[tuple[str, int | None], dict[str | None, list[int]]] = {}
        """Set and hints -> method, or None for the truth -> places in the file."""
        self._broken: set[tuple[str, int | None, str | None]] = set()
        self.too_small: set[str] = set()
        """Messages `set: reason` for sets without a distance, filled by `results`."""

    def add(self, features: Sequence[Feature]) -> None:
        """Add features."""
        for one in features if self._kinds else ():
            if not np.isfinite(one.vector).all():
                self._broken.add((one.set, one.hints, one.method))
            self._file.write(one.vector.tobytes())
            self._sets.setdefault((one.set, one.hints), {}).setdefault(one.method, []).append(
                self._number
            )
            self._number, self._length = self._number + 1, len(one.vector)

    def results(self) -> Iterator[tuple[TableCell, str, Estimate]]:
        """Yield table cell, score name and distance; afterwards `too_small` lists what has none."""
        for name, kind in self._kinds.items():
            for (set_name, hints), methods in self._sets.items():
                for method, found in self._measure(kind, (set_name, hints), methods):
                    if isinstance(found, str):
                        self.too_small.add(f"{set_name}: {found}")
                    else:
                        yield TableCell(set_name, hints, method), name, found

    def _measure(
        self, kind: str, key: tuple[str, int | None], methods: Mapping[str | None, Sequence[int]]
    ) -> Iterator[tuple[str, Estimate | str]]:
        broken = {method for method in methods if (*key, method) in self._broken}
        made = {}
        for method, places in methods.items():
            if method is None:
                continue
            if None not in methods:
                yield method, "there is no readable truth"
            elif broken & {None, method}:
                yield (
                    method,
                    f"features of {'the truth' if None in broken else method} are not finite",
                )
            else:
                made[method] = places
        if not made:
            return
        self._file.flush()
        vectors = np.memmap(self._file, np.float32, "r").reshape(-1, self._length)
        truth = methods[None]
        if kind == "frechet":
            yield from frechet(vectors, truth, made)
        else:
            yield from kernel(vectors, truth, made, self._seed)
