"""Benchmark of a film on Ray against a loop over the same functions in one process per core."""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable

from lineart.benchmark.timing import Figure
from lineart.codec import encode_png
from lineart.film.execution.pipeline import RayRunner
from lineart.film.execution.stages import STAGES, OpenStage, run_stages
from lineart.film.execution.worker import hash_pictures
from lineart.film.pictures.frames import list_pictures
from lineart.film.records import FilmJob, FrameData, HashedFile, Input, WorkItem
from lineart.film.tasks.colorize import open_colorize_task
from lineart.runtime.cluster import start_ray, stop_ray
from lineart.runtime.executor import RayExecutor
from lineart.sample_film import sample_film
from lineart.storage import Storage
from lineart.weights import open_weights, read_weights

STEADY = (0.4, 0.65, 0.9)
"""Bounds of the two measured intervals, as fractions of all frames; excludes start and end."""


def measure_pipeline(frames: int) -> list[Figure]:
    """Colour the sample film at 1080p, on ones, with the default weights: on Ray and in a loop.

    The figures' `spread_ms` is the difference between the two measured intervals.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines, output = Storage.at(f"{folder}/lines"), Storage.at(f"{folder}/out")
        film = sample_film(size=(1080, 1920), frames_per_shot=-(-frames // 3), hold=1)
        for frame in film:
            lines.write(f"{frame.shot}/{frame.number}.png", encode_png(frame.line))
        weights = open_weights("default")
        task = open_colorize_task(read_weights(weights), network_size_px=512)
        job = FilmJob(lines, output, None, task, weights)
        work = _work(job)
        loop = _figure("loop of processes", lambda: _run_loop(job, work))
        ray = _figure("Ray Data", lambda: _run_ray(job, work))
    ratio = loop.median_ms / ray.median_ms
    note = f"{ratio:.2f} of the loop's speed; {ray.note}"
    return [Figure(ray.case, ray.method, ray.median_ms, ray.spread_ms, note=note), loop]


def _work(job: FilmJob) -> list[WorkItem]:
    """Return the film's drawings as work items."""
    sources = list_pictures(job.pictures)
    indexed = hash_pictures(job, [(source, None) for source in sources])
    return [
        WorkItem((Input("line", source, line.source_sha256),), (f"frames/{source.name}",), "film")
        for source in sources
        if isinstance(line := indexed[source.name], HashedFile)
    ]


def _figure(method: str, run: Callable[[], Iterable[object]]) -> Figure:
    """Run, and measure the time between completed frames in the steady phase."""
    start = time.perf_counter()
    ends = [time.perf_counter() - start for _ in run()]
    first, middle, last = (int(len(ends) * share) for share in STEADY)
    halves = [
        1000 * (ends[stop] - ends[begin]) / (stop - begin)
        for begin, stop in ((first, middle), (middle, last))
    ]
    note = f"first frame after {ends[0]:.1f} s, {len(ends)} frames in {ends[-1]:.1f} s"
    return Figure(
        "film 1080p, wall time",
        method,
        statistics.mean(halves),
        max(halves) - min(halves),
        note=note,
    )


def _run_ray(job: FilmJob, work: list[WorkItem]) -> Iterable[object]:
    resources = start_ray()
    try:
        yield from RayRunner(RayExecutor(resources)).make_frames(job, work)
    finally:
        stop_ray()


def _run_loop(job: FilmJob, work: list[WorkItem]) -> Iterable[object]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count(), _start_process, (job,)) as pool:
        yield from pool.imap_unordered(_color_one, work)


_stages: list[OpenStage]


def _start_process(job: FilmJob) -> None:
    global _stages
    _stages = [stage.open(job) for stage in STAGES]


def _color_one(item: WorkItem) -> None:
    run_stages(_stages, [FrameData(item)])
