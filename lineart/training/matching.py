"""Training of the matching network of colour keys: pairs as tensors, batches, validation."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lineart.datasets.key_pairs import KeyPair, from_bytes, to_bytes
from lineart.datasets.key_samples import KeyPairs, KeySamples
from lineart.datasets.pair_shards import PairShards
from lineart.image import Frame
from lineart.inference import color_to_tensor
from lineart.keys.border_matrix import BorderMatrix
from lineart.models import Pair
from lineart.models.matching import RegionPair, option_colors
from lineart.storage import Storage
from lineart.training.calibration import calibrate, vote
from lineart.training.dataloader import Arrays, Collator
from lineart.training.recipes import Recipe

MAX_WEIGHT, MIN_WEIGHT = 20.0, 10.0
"""A region weighs as much as the root of its area in pixels, up to the first, plus the second."""


logger = logging.getLogger(__name__)


class MatchingPair(NamedTuple):
    """Pair as input of the network, with the truth."""

    pair: RegionPair
    is_right: Bool[Tensor, "N options"]
    """Candidates of the true colour; the last: no region of the key has it."""
    weight: Float[Tensor, " N"]
    """Weight of each region in the loss; 0 without one true colour, or without a right option."""
    shown: "Pictures | None"


class Pictures(NamedTuple):
    """What a picture of the result is made of."""

    labels: Int64[Tensor, "Side Side"]
    palette: Float[Tensor, "colors 3"]
    """sRGB, -1..1; the last stands for no colour."""
    truth: Float[Tensor, "1 3 Side Side"]


MAX_CALIBRATED = 600
"""Most validation pairs by which the network is calibrated, evenly spaced."""

MatchingBatch = list[MatchingPair]


def to_pair(sample: KeyPair, device: torch.device) -> MatchingPair:
    """Convert a sample to tensors on a device."""
    seen, count = sample.seen, len(sample.palette)
    colors = np.where(seen.colors < 0, count, seen.colors)
    pair = RegionPair(
        features=torch.from_numpy(seen.features),
        candidates=torch.from_numpy(seen.candidates).long(),
        displacement=torch.from_numpy(seen.displacement),
        area=torch.from_numpy(seen.area),
        key_area=torch.from_numpy(seen.key_area),
        neighbours=dense(seen.neighbours),
        openings=dense(seen.openings),
        key_neighbours=dense(seen.key_neighbours),
        colors=torch.from_numpy(colors).long(),
        num_colors=count,
    ).to(device)
    right = torch.from_numpy(sample.right).to(device)
    is_right = right.gather(1, option_colors(pair))
    is_used = torch.from_numpy(sample.is_pure).to(device) & is_right.any(1)
    weight = (pair.area.sqrt().clamp(max=MAX_WEIGHT) + MIN_WEIGHT) * is_used
    return MatchingPair(pair, is_right, weight, _to_pictures(sample, device))


def dense(borders: BorderMatrix) -> Float[Tensor, "N N"]:
    """Return borders as a dense matrix, of as many rows and columns as regions."""
    matrix = torch.zeros((borders.size, borders.size))
    matrix[borders.rows.astype(np.int64), borders.columns.astype(np.int64)] = torch.from_numpy(
        borders.lengths
    )
    return matrix


def _to_pictures(sample: KeyPair, device: torch.device) -> Pictures | None:
    if sample.shown is None:
        return None
    palette = np.concatenate((sample.palette, [[128, 128, 128]])).astype(np.float32) / 127.5 - 1
    return Pictures(
        torch.from_numpy(sample.shown.labels.astype(np.int64)).to(device),
        torch.from_numpy(palette).to(device),
        color_to_tensor(torch.from_numpy(sample.shown.truth[np.newaxis]).to(device)),
    )


def paint(pictures: Pictures, colors: Int64[Tensor, " N"]) -> Float[Tensor, "1 3 Side Side"]:
    """Return the picture of regions in these colours, -1..1; ink is black, the margin white."""
    white = torch.ones_like(pictures.palette[:1])
    table = torch.cat((-white, pictures.palette[colors], white))
    return table[pictures.labels].permute(2, 0, 1)[None]


def stack_pairs(samples: Sequence[KeyPair]) -> Arrays:
    """Stack samples to a batch, in which a pair is a string of bytes."""
    stacked = np.empty(len(samples), object)
    stacked[:] = [to_bytes(sample) for sample in samples]
    return {"pair": stacked}


@dataclass(frozen=True)
class MatchingTraining:
    """`TrainingTask` of the network that matches regions."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> PairShards:
        """See `TrainingTask`."""
        del recipe
        return PairShards(data.child(side))

    def collator(
        self, pictures: KeyPairs, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """See `TrainingTask`."""
        del pair
        seed = recipe.seed_of(number, is_training)
        return Collator(KeySamples(pictures, seed, is_training=is_training), stack_pairs)

    def to_batch(self, arrays: Arrays, device: torch.device) -> MatchingBatch:
        """See `TrainingTask`."""
        return [to_pair(from_bytes(data), device) for data in arrays["pair"]]

    def show(self, sample: KeyPair, made: Mapping[str, Frame]) -> dict[str, Frame]:
        """Return the key, the result and the true colours."""
        assert sample.shown is not None, "samples for validation are shown"
        return {"key": sample.shown.key, **made, "truth": sample.shown.truth}

    def distance(self, made: Mapping[str, Tensor], batch: MatchingBatch) -> Float[Tensor, ""]:
        """Compute the mean difference to the true colours, over regions by their weight."""
        sums = torch.zeros(2)
        for picture, one in zip(made["matching"], batch, strict=True):
            assert one.shown is not None, "samples for validation are shown"
            labels = one.shown.labels.clamp(min=0).ravel()
            apart = (picture - one.shown.truth[0]).abs().mean(0).ravel()
            pixels = labels.bincount(minlength=len(one.weight) + 1)[1:]
            means = labels.bincount(apart, len(one.weight) + 1)[1:] / pixels.clamp(min=1)
            weight = one.weight * (pixels > 0)
            sums += torch.stack(((weight * means).sum(), weight.sum())).cpu()
        return sums[0] / sums[1].clamp(min=1)

    def calibrate(self, pair: Pair, pictures: KeyPairs) -> Pair:
        """Return the pair with the temperature and threshold that validation pairs give."""
        network = pair.generators["matching"]
        device = next(network.parameters()).device
        step = -(-len(pictures.sources) // MAX_CALIBRATED)
        votes = [
            vote(network, to_pair(sample, device).pair, sample)
            for sample in map(pictures.read, range(0, len(pictures.sources), step))
        ]
        task, scores = calibrate(votes)
        logger.info("validation of %d pairs: %s", len(votes), scores)
        return replace(pair, task=task)
