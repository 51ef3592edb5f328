"""Where a training's batches come from; this one makes them on this machine, without Ray."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Shaped
from torch.utils.data import DataLoader

Arrays = dict[str, Shaped[np.ndarray, "B ..."]]
"""A batch as it travels: pixels in 8 bits, so that a quarter of the bytes do."""


@runtime_checkable
class Collator(Protocol):
    """Makes the arrays of numbered samples, in any process."""

    @property
    def samples(self) -> Any:
        """Give the n-th sample by its number."""
        ...

    def __call__(self, numbers: Sequence[int]) -> Arrays:
        """Make the samples of these numbers, side by side."""
        ...

    def stack(self, samples: Sequence[Any]) -> Arrays:
        """Put samples side by side."""
        ...


@dataclass(frozen=True)
class SampleRange:
    """Which samples a stage sees: numbers `start` to `stop`, in batches that go round the workers.

    The n-th batch belongs to worker `n % world`, so that all workers together see the numbers in
    order, however many they are.
    """

    start: int
    stop: int
    size: int
    """Samples in one worker's batch."""
    world: int = 1

    def batches(self, rank: int = 0, world: int = 1) -> list[range]:
        """Give the batches of one worker, or all; a rest that not every worker gets is left out."""
        round_size = self.size * self.world
        stop = self.start + (self.stop - self.start) // round_size * round_size
        starts = range(self.start + rank * self.size, stop, world * self.size)
        return [range(start, start + self.size) for start in starts]


@runtime_checkable
class Loader(Protocol):
    """Gives one worker its batches."""

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Give this worker's batches, in order."""
        ...


@dataclass(frozen=True)
class LocalLoader:
    """Makes samples in processes of this machine; 0 makes them here."""

    processes: int = 1

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Give this worker's batches, in order."""
        batches = order.batches(rank, order.world)
        if not self.processes:
            yield from map(maker, batches)
            return
        # OpenCV's own threads do not survive the fork of the sample workers.
        cv2.setNumThreads(0)
        # The loader needs only numbered batches, but its annotation asks for torch's own class.
        yield from DataLoader(
            _Batches(maker, batches),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=self.processes,
            prefetch_factor=4,
            # It draws a seed, and the run's own generator must not be moved by that.
            generator=torch.Generator(),
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # it is given no list here, but a batch
        )


@dataclass(frozen=True)
class _Batches:
    """A stage's batches as a list that makes them when they are asked for."""

    maker: Collator
    batches: list[range]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Arrays:
        return self.maker(self.batches[index])


def _as_it_is(arrays: Arrays) -> Arrays:
    return arrays
