"""Batches of a training: interfaces, order of the samples, and the local loader without Ray."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Shaped
from torch.utils.data import DataLoader

Arrays = dict[str, Shaped[np.ndarray, "B ..."]]
"""Batch as sent between processes: 8-bit pixels take a quarter of float32's bytes."""


@runtime_checkable
class Collator(Protocol):
    """Makes batches of samples given by number, in any process."""

    @property
    def samples(self) -> Any:
        """Samples, indexed by number."""
        ...

    def __call__(self, numbers: Sequence[int]) -> Arrays:
        """Make the samples of these numbers and stack them to a batch."""
        ...

    def stack(self, samples: Sequence[Any]) -> Arrays:
        """Stack samples to a batch."""
        ...


@dataclass(frozen=True)
class SampleRange:
    """Sample numbers of a stage, `start` to `stop` (exclusive), in batches for several workers.

    The n-th batch belongs to worker `n % world`, so that all workers together see the numbers in
    order, whatever their number.
    """

    start: int
    stop: int
    size: int
    """Samples in one worker's batch."""
    world: int = 1
    """Number of workers."""

    def batches(self, rank: int = 0, world: int = 1) -> list[range]:
        """Return one worker's batches, or by default all, without an incomplete last round."""
        round_size = self.size * self.world
        stop = self.start + (self.stop - self.start) // round_size * round_size
        starts = range(self.start + rank * self.size, stop, world * self.size)
        return [range(start, start + self.size) for start in starts]


@runtime_checkable
class Loader(Protocol):
    """Yields the batches of one worker."""

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        ...


@dataclass(frozen=True)
class LocalLoader:
    """Makes batches in processes on this machine."""

    processes: int = 1
    """Number of processes; 0 makes batches in the calling process."""

    def __call__(self, maker: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        batches = order.batches(rank, order.world)
        if not self.processes:
            yield from map(maker, batches)
            return
        # OpenCV's threads do not survive the fork of the loader's processes.
        cv2.setNumThreads(0)
        # DataLoader accepts any sequence, but its annotation demands torch's Dataset.
        yield from DataLoader(
            _Batches(maker, batches),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=self.processes,
            prefetch_factor=4,
            # DataLoader draws a seed; it must not advance the global random state of the run.
            generator=torch.Generator(),
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # batch_size=None: it gets one item
        )


@dataclass(frozen=True)
class _Batches:
    """Sequence of batches, each made when it is indexed."""

    maker: Collator
    batches: list[range]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Arrays:
        return self.maker(self.batches[index])


def _as_it_is(arrays: Arrays) -> Arrays:
    return arrays
