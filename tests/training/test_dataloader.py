import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineart.datasets.samples import Samples, SampleSettings
from lineart.models import MODELS
from lineart.training import dataloader
from lineart.training.dataloader import (
    Arrays,
    Collator,
    LocalLoader,
    SampleRange,
    pack,
    split,
    to_device,
    unpack,
)
from lineart.training.job import worker_resources
from lineart.training.tasks import stack_drawings


@pytest.fixture
def collator(pictures: Any) -> Collator:
    """Give what makes small samples."""
    settings = SampleSettings(crop=32, draft_scale=2, second_stage=True, true_drafts=0.5)
    encode_hint = MODELS["two_stage"](width=4, blocks=1).colorization.encode_hint
    stack = partial(stack_drawings, encode_hint=encode_hint, small=False)
    return Collator(Samples(pictures, settings, seed=0), stack)


def assert_same(one: list[Arrays], other: list[Arrays]) -> None:
    """Compare batches to the bit."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])


def test_workers_share_the_numbers_in_order() -> None:
    """Batches go round the workers; together they see what one worker would; a rest is left out."""
    order = SampleRange(start=4, stop=27, size=3, world=2)
    first, second = order.batches(0, 2), order.batches(1, 2)
    assert first == [range(4, 7), range(10, 13), range(16, 19)]
    assert second == [range(7, 10), range(13, 16), range(19, 22)]
    assert order.batches() == sorted(first + second, key=lambda numbers: numbers.start)


@pytest.mark.parametrize("has_shared_memory", [True, False])
def test_batches_do_not_depend_on_who_makes_them(
    collator: Collator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    has_shared_memory: bool,
) -> None:
    """Made here or in two other processes: the same bits in the same order, and the same types."""
    if not has_shared_memory:
        monkeypatch.setattr(dataloader, "SHARED_MEMORY", tmp_path / "none")
    order = SampleRange(start=2, stop=14, size=2, world=2)
    batch = collator(range(2))
    packed = pack(batch)
    assert isinstance(packed.joined, torch.Tensor) == has_shared_memory
    arrays = unpack(packed)
    assert_same([batch], [arrays])
    assert [one.dtype for one in arrays.values()] == [one.dtype for one in batch.values()]
    here, there = (list(LocalLoader(processes)(collator, order, 1)) for processes in (0, 2))
    assert len(here) == 3
    assert_same(here, there)


def stack_strings(lengths: Sequence[int]) -> Arrays:
    """Make a batch of strings of these lengths."""
    strings = np.empty(len(lengths), object)
    strings[:] = [bytes(length) for length in lengths]
    return {"pair": strings, "sum": np.array([sum(lengths)])}


def test_strings_reach_another_process() -> None:
    """Batches of Python objects, of which no memory is shared, arrive beside arrays of numbers."""
    order = SampleRange(start=0, stop=8, size=2)
    strings = Collator(range(8), stack_strings)
    here, there = (list(LocalLoader(processes)(strings, order, 0)) for processes in (0, 2))
    assert_same(here, there)
    assert there[3]["pair"].tolist() == [bytes(6), bytes(7)]


def stack_parents(samples: Sequence[int]) -> Arrays:
    """Give the parent of the process that makes the batch."""
    return {"parent": np.full(len(samples), os.getppid())}


def test_processes_are_no_forks_of_this_one() -> None:
    """Networks have threads: a fork may get a heap that one was changing, and crash."""
    (batch,) = LocalLoader(1)(
        Collator(range(2), stack_parents), SampleRange(start=0, stop=2, size=2), 0
    )
    assert batch["parent"][0] != os.getpid()
    assert batch["parent"][0] != os.getppid()


@pytest.mark.parametrize(("kind", "is_pinned"), [("cuda", True), ("cuda", False), ("cpu", True)])
def test_a_gpu_copies_pinned_arrays_without_waiting(
    monkeypatch: pytest.MonkeyPatch, kind: str, *, is_pinned: bool
) -> None:
    """Only copies of pinned memory to a GPU are not waited for."""
    asked = []

    def to(tensor: torch.Tensor, device: torch.device, *, non_blocking: bool) -> torch.Tensor:
        asked.append((device.type, non_blocking))
        return tensor

    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda _: is_pinned)
    monkeypatch.setattr(torch.Tensor, "to", to)
    moved = to_device({"line": np.arange(3), "hint": np.ones((2, 2))}, torch.device(kind))
    assert moved["line"].tolist() == [0, 1, 2]
    assert asked == [(kind, kind == "cuda" and is_pinned)] * 2


@pytest.mark.usefixtures("ray_resources")
def test_ray_gives_each_worker_its_batches(collator: Collator) -> None:
    """The streaming split deals batches as `SampleRange` says, with the bits that are made here."""
    order = SampleRange(start=2, stop=34, size=2, world=2)
    iterators = split(collator, order)

    def drain(rank: int) -> list[Arrays]:
        return list(iterators[rank].iter_batches(batch_size=2, batch_format="numpy"))

    with ThreadPoolExecutor(2) as pool:
        dealt = list(pool.map(drain, (0, 1)))
    for rank in (0, 1):
        assert len(dealt[rank]) == 8
        assert_same(list(LocalLoader(0)(collator, order, rank)), dealt[rank])


def test_half_of_the_cpus_are_left_for_samples() -> None:
    """Training and samples never wait for each other's CPUs; GPUs are one a worker."""
    assert worker_resources(1, {"CPU": 2.0}) == {"CPU": 1.0}
    assert worker_resources(2, {"CPU": 2.0}) == {"CPU": 0.5}
    assert worker_resources(2, {"CPU": 16.0}) == {"CPU": 4.0}
    assert worker_resources(8, {"CPU": 64.0, "GPU": 8.0}) == {"CPU": 1.0, "GPU": 1.0}
    with pytest.raises(ValueError, match="as many GPUs; the cluster has 1"):
        worker_resources(2, {"CPU": 8.0, "GPU": 1.0})
