"""Batches of a training: their order, and the loaders that make them locally or on Ray."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Shaped
from torch import distributed
from torch.utils.data import DataLoader

ROUND_IMAGES = 16_384
"""Samples per execution of Ray Data, rounded down to whole rounds of batches, at least one."""

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

    def __call__(self, collator: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        ...


@dataclass(frozen=True)
class LocalLoader:
    """Makes batches in processes on this machine."""

    processes: int = 1
    """Number of processes; 0 makes batches in the calling process."""

    def __call__(self, collator: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        batches = order.batches(rank, order.world)
        if not self.processes:
            yield from map(collator, batches)
            return
        # OpenCV's threads do not survive the fork of the loader's processes.
        cv2.setNumThreads(0)
        # DataLoader accepts any sequence, but its annotation demands torch's Dataset.
        yield from DataLoader(
            _Batches(collator, batches),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=self.processes,
            prefetch_factor=4,
            # DataLoader draws a seed; it must not advance the global random state of the run.
            generator=torch.Generator(),
            collate_fn=dict,  # With batch_size=None, it gets one item.
        )


@dataclass(frozen=True)
class _Batches:
    """Sequence of batches, each made when it is indexed."""

    collator: Collator
    batches: list[range]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Arrays:
        return self.collator(self.batches[index])


@dataclass(frozen=True)
class RayLoader:
    """Makes samples on all CPUs of the cluster; a streaming split deals batches to the workers."""

    def __call__(self, collator: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        round_size = order.size * order.world
        images = max(ROUND_IMAGES // round_size, 1) * round_size
        splits: list[Any] = []
        for start in range(order.start, order.stop, images):
            part = replace(order, start=start, stop=min(start + images, order.stop))
            if not part.batches():
                return
            following: list[Any] = [split(collator, part) if rank == 0 else None]
            if order.world > 1:
                distributed.broadcast_object_list(following, src=0)
            # Drop the last execution's iterators only after the broadcast, which each worker
            # reaches when it has read all its batches.
            splits = following
            yield from splits[0][rank].iter_batches(
                batch_size=order.size, batch_format="numpy", prefetch_batches=4
            )


def split(collator: Collator, order: SampleRange) -> list[Any]:
    """Start making samples; return an iterator for each worker.

    Blocks keep their order and hold one batch each, and Ray Data gives each block to the worker
    with the fewest rows so far: the n-th batch goes to worker `n % world`, as in `SampleRange`.
    """
    import ray.data

    blocks = [pa.table({"number": list(numbers)}) for numbers in order.batches()]
    numbers = ray.data.from_blocks(blocks)
    numbers.context.execution_options.preserve_order = True
    numbers.context.enable_progress_bars = False
    # A training may validate, or wait for machines, as long as it takes.
    numbers.context.execution_no_progress_timeout_s = -1
    # No size limit, which would split batches into several blocks.
    numbers.context.target_max_block_size = None
    samples = numbers.map_batches(
        _make,
        fn_kwargs={"collator": ray.put(collator)},
        batch_size=None,
        batch_format="numpy",
        num_cpus=1,
    )
    return list(samples.streaming_split(order.world, equal=True))


def _make(batch: Arrays, collator: Any) -> Arrays:
    return _fetch(collator)([int(number) for number in batch["number"]])


# Cached, so that each process of Ray keeps its shards open between batches, until it ends.
@lru_cache(maxsize=2)
def _fetch(reference: Any) -> Collator:
    import ray

    fetched: Collator = ray.get(reference)
    return fetched
