"""The stages in this process, frame by frame: for a few frames, Ray takes longer to start."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lineart.film import stages
from lineart.film.rows import Work, Written, pack_work
from lineart.film.stages import Job
from lineart.storage import Storage

FEW_FRAMES = 32
"""Up to here a film is done before Ray and its workers would have started."""


class Alone:
    """Runs a film's work here; see `pipeline.OnRay`."""

    def run_tasks(
        self, function: Callable[[Any], Any], arguments: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Run a function on each argument; give arguments and results."""
        for argument in arguments:
            yield argument, function(argument)

    def make_frames(self, job: Job, weights: Storage, work: Iterable[Work]) -> Iterator[Written]:
        """Make frames of pictures and write them."""
        network = stages.Network(job, weights)
        for item in work:
            yield from stages.make_frame(network, pack_work(item), job)

    def count(self, status: str, written: Written) -> None:
        """Nobody watches one process."""
