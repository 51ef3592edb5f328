"""Batches of a training: their order, and the loaders that make them locally or on Ray."""

import math
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor, distributed
from torch.utils.data import DataLoader

from lineart.runtime.device import count_cpus

RUN_BATCHES = 4096
"""Batches per execution of Ray Data: its start, which the training waits for, takes seconds; and
it keeps some memory for each batch. Rounded down to whole rounds of the workers, at least one."""
SHARED_MEMORY = Path("/dev/shm")
"""Where Linux has the memory that processes share; containers may have as little as 64 MB."""
ALIGNED = 64
"""Bytes at whose multiples arrays begin in a packed batch, for any type of number."""
PREFETCHED = 4
"""Batches that each process of `LocalLoader` makes ahead."""

Arrays = dict[str, Shaped[np.ndarray, "B ..."]]
"""Batch as sent between processes: 8-bit pixels take a quarter of float32's bytes."""


@dataclass(frozen=True)
class Collator:
    """Makes batches of samples given by number, in any process to which it is pickled."""

    samples: Any
    """Samples, indexed by number."""
    stack: Callable[[Sequence[Any]], Arrays]
    """Stacks samples to a batch."""

    def __call__(self, numbers: Sequence[int]) -> Arrays:
        """Make the samples of these numbers and stack them to a batch."""
        return self.stack([self.samples[int(number)] for number in numbers])


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

    processes: int | None = None
    """Number of processes; 0 makes batches in the calling process. None: one for each core beside a
    GPU; without one, a single process, because the networks need the cores."""

    def __call__(self, collator: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of worker `rank`, in order."""
        batches = order.batches(rank, order.world)
        has_gpu = torch.cuda.is_available()
        processes = self.processes
        if processes is None:
            processes = count_cpus() if has_gpu else 1
        if not processes:
            yield from map(collator, batches)
            return
        # DataLoader accepts any sequence, but its annotation demands torch's Dataset.
        packed: DataLoader[Any] = DataLoader(
            _Batches(collator, batches),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=processes,
            prefetch_factor=PREFETCHED,
            # DataLoader draws a seed; it must not advance the global random state of the run.
            generator=torch.Generator(),
            collate_fn=partial(pack, processes=processes),  # It gets one item: batch_size=None.
            # Networks have threads, and a fork of a process with threads crashes now and then.
            multiprocessing_context=_fork_server(),
            worker_init_fn=_start_process,
            # A GPU copies from pinned memory several times as fast; a thread fills it.
            pin_memory=has_gpu,
        )
        yield from map(unpack, packed)


def _fork_server() -> BaseContext:
    """Return what starts processes as forks of one that has this module and computes nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start_process(number: int) -> None:
    del number
    # Each process has a core.
    cv2.setNumThreads(0)


ArrayKind = tuple[str, str, tuple[int, ...]]
"""Name, type and shape of an array of a batch."""


class Packed(NamedTuple):
    """A batch on its way between processes."""

    joined: Tensor | UInt8[np.ndarray, " bytes"]
    """All arrays of numbers."""
    kinds: list[ArrayKind]
    objects: Arrays
    """Arrays of Python objects, which no memory is shared for."""


def pack(arrays: Arrays, *, processes: int = 1) -> Packed:
    """Join the arrays of a batch to one tensor, which another process gets as shared memory.

    Arrays would be copied through a pipe, and a tensor for each would take an open file for each.
    Where shared memory may not suffice for a batch of each of `processes`, an array is sent.
    """
    objects = {name: one for name, one in arrays.items() if one.dtype.hasobject}
    numbers = {name: one for name, one in arrays.items() if name not in objects}
    joined = np.empty(sum(_padded(one.nbytes) for one in numbers.values()), np.uint8)
    kinds, start = [], 0
    for name, one in numbers.items():
        kinds.append((name, one.dtype.str, one.shape))
        joined[start : start + one.nbytes].view(one.dtype).reshape(one.shape)[...] = one
        start += _padded(one.nbytes)
    has_room = _free_shared_memory() > (processes + 1) * joined.nbytes
    return Packed(torch.from_numpy(joined) if has_room else joined, kinds, objects)


def unpack(packed: Packed) -> Arrays:
    """Return the arrays of a batch that `pack` joined, without a copy."""
    data, arrays, start = np.asarray(packed.joined), {}, 0
    for name, kind, shape in packed.kinds:
        size = math.prod(shape) * np.dtype(kind).itemsize
        arrays[name] = data[start : start + size].view(kind).reshape(shape)
        start += _padded(size)
    return arrays | packed.objects


def to_device(arrays: Arrays, device: torch.device) -> dict[str, Tensor]:
    """Return a batch as tensors on a device.

    A GPU copies pinned arrays, such as those of `LocalLoader`, while this process goes on: keep
    them until it has read a result of the batch.
    """
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    is_gpu = device.type == "cuda"
    return {
        name: tensor.to(device, non_blocking=is_gpu and tensor.is_pinned())
        for name, tensor in tensors.items()
    }


def _padded(size: int) -> int:
    return size + -size % ALIGNED


def _free_shared_memory() -> int:
    """Return the free bytes of shared memory; 0 if there is no such file system."""
    try:
        return shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return 0


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
        images = max(RUN_BATCHES // order.world, 1) * round_size
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
