"""Samples for a training of minutes: processes beside it make them, files keep them.

A GPU learns faster than one machine makes samples. So they are made from the drill's first minute
on and read in random order, some of them several times.
"""

import os
import pickle
import shutil
import signal
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lineart.runtime.device import use_one_thread
from lineart.storage import Storage
from lineart.training.dataloader import Arrays, Collator, SampleRange
from lineart.training.recipes import Recipe
from tests.drills.gpu.steps import open_pair, open_task

CHUNK, SMALL_CHUNK = 32, 4
"""Samples in a file."""
MIN_FREE_BYTES = 12e9
"""Space that stays free on the disk: samples of a color generator take 0.4 MB each."""
LIST_S = 2.0
"""How old the list of files may be."""
FINISHED = "finished"
"""File in a stage's folder that says that no more samples are needed."""
SPARE_CPUS = 3
"""Cores that are left to the drill itself."""


class OutOfTimeError(Exception):
    """The drill's time is over."""


@dataclass
class Factory:
    """Processes that make samples of every stage of a recipe; they end with the one that started.

    Args:
        recipe: What is trained.
        data: Shards.
        folder: Where samples go, in a folder for each stage.
        chunk: Samples in a file.
    """

    recipe: Recipe
    data: Storage
    folder: Path
    chunk: int
    _processes: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Start processes on all cores but a few."""
        for number in range(len(self.recipe.stages)):
            self.folder_of(number).mkdir(parents=True, exist_ok=True)
        workers = max(1, (os.cpu_count() or 1) - SPARE_CPUS)
        for worker in range(workers):
            chunks = range(worker, 10**9, workers)
            process = get_context("spawn").Process(
                target=make_samples, args=(self, chunks), daemon=True
            )
            process.start()
            self._processes.append(process)

    def folder_of(self, number: int) -> Path:
        """Where the samples of a stage are."""
        return self.folder / self.recipe.stages[number].name

    def count(self, number: int) -> int:
        """Return how many samples of a stage there are."""
        return self.chunk * sum(1 for _ in self.folder_of(number).glob("*.pkl"))

    def finish(self, number: int) -> None:
        """Make no more samples of a stage."""
        (self.folder_of(number) / FINISHED).touch()

    def is_finished(self, number: int) -> bool:
        """Whether no more samples of a stage are needed."""
        return (self.folder_of(number) / FINISHED).exists()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause the processes while the block runs: its figures depend on free cores."""
        self._send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send(signal.SIGCONT)

    def stop(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.join()

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.is_alive():
                os.kill(process.pid, number)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the processes, which cannot be sent to one of them."""
        return {**self.__dict__, "_processes": []}


def make_samples(factory: Factory, chunks: range) -> None:
    """Make files of samples, of each stage in turn, until the process that started this one ends.

    Args:
        factory: What is made.
        chunks: Numbers of the files that this process makes for each stage.
    """
    use_one_thread()
    recipe, task, parent = factory.recipe, open_task(factory.recipe), os.getppid()
    pictures, pair = task.open(factory.data, "train", recipe), open_pair(recipe)
    makers = [
        task.collator(pictures, recipe, number, pair, is_training=True)
        for number in range(len(recipe.stages))
    ]
    for index in chunks:
        first = index * factory.chunk
        for number, maker in enumerate(makers):
            while (
                shutil.disk_usage(factory.folder).free < MIN_FREE_BYTES and os.getppid() == parent
            ):
                time.sleep(1)
            if os.getppid() != parent:
                return
            if not factory.is_finished(number):
                path = factory.folder_of(number) / f"{index:06d}.new"
                path.write_bytes(pickle.dumps(maker(range(first, first + factory.chunk)), 5))
                path.rename(path.with_suffix(".pkl"))


@dataclass
class PoolFeed:
    """A `Feed` of the samples that a factory has made, in random order.

    It serves one training from its start: the n-th call is for the n-th stage.
    """

    factory: Factory
    ends_at: float
    """When the training must end, by `time.monotonic`, in seconds."""
    seen: list[int] = field(default_factory=list)
    """Samples that each stage was given."""

    def __call__(self, collator: Collator, order: SampleRange, rank: int) -> Iterator[Arrays]:
        """Yield the batches of the next stage; those before need no more samples.

        Raises:
            OutOfTimeError: `ends_at` has come.
        """
        del collator, rank
        number = len(self.seen)
        self.seen.append(0)
        for earlier in range(number):
            self.factory.finish(earlier)
        for arrays in read_batches(self.factory, number, order.size, self.ends_at):
            self.seen[number] += order.size
            yield arrays


def read_batches(
    factory: Factory, number: int, size: int, ends_at: float
) -> Generator[Arrays, None, None]:
    """Yield batches of `size` samples of a stage; the next file is read meanwhile.

    Raises:
        OutOfTimeError: `ends_at` has come.
    """
    files = _read_files(factory.folder_of(number), ends_at)
    with ThreadPoolExecutor(1) as reader:
        ahead, rest = reader.submit(next, files), Arrays()
        while True:
            while len(next(iter(rest.values()), ())) < size:
                more = ahead.result()
                ahead = reader.submit(next, files)
                rest = {k: np.concatenate((rest[k], v)) if rest else v for k, v in more.items()}
            if time.monotonic() > ends_at:
                raise OutOfTimeError("the time for training is over")
            yield {name: array[:size] for name, array in rest.items()}
            rest = {name: array[size:] for name, array in rest.items()}


def _read_files(folder: Path, ends_at: float) -> Iterator[Arrays]:
    """Yield files of a folder at random, as they become more; wait until there is one.

    Raises:
        OutOfTimeError: `ends_at` has come, and there is none.
    """
    rng = np.random.default_rng(0)
    while True:
        paths, listed_at = sorted(folder.glob("*.pkl")), time.monotonic()
        while paths and time.monotonic() - listed_at < LIST_S:
            yield pickle.loads(paths[rng.integers(len(paths))].read_bytes())
        if not paths:
            if time.monotonic() > ends_at:
                raise OutOfTimeError(f"no samples came into {folder.name}")
            time.sleep(0.1)
